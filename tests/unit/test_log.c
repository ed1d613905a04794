#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static char	captured[8192];
static int	saved = -1, pipe_end = -1;

static void
capture_begin(void)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	saved = dup(STDERR_FILENO);
	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	close(fds[1]);
	pipe_end = fds[0];
}

static const char *
capture_end(void)
{
	ssize_t n;
	size_t	done = 0;

	dup2(saved, STDERR_FILENO);
	close(saved);
	while ((n = read(pipe_end, captured + done, sizeof(captured) - 1 - done)) > 0)
		done += (size_t)n;
	close(pipe_end);
	captured[done] = '\0';
	return captured;
}

static void
a_line_has_level_event_and_pairs(void **state)
{
	(void)state;
	capture_begin();
	log_warn("mail.read", "mail", log_num(-42).s, "mailbox", "on@x.no:1/2+3", "why", "two words", NULL);
	assert_string_equal(capture_end(),
	    "warn mail.read mail=-42 mailbox=on@x.no:1/2+3 why=\"two words\"\n");
}

static void
nothing_from_outside_makes_a_second_line(void **state)
{
	(void)state;
	capture_begin();
	log_error("x", "k", "a\nerror fake\r\x1b[2J\"\\\x7f", "empty", "", "null", (char *)NULL, NULL);
	assert_string_equal(capture_end(),
	    "error x k=\"a\\x0aerror fake\\x0d\\x1b[2J\\\"\\\\\\x7f\" empty=\"\" null=\"\"\n");
}

static void
letters_pass_and_what_steers_a_terminal_does_not(void **state)
{
	(void)state;
	capture_begin();
	log_error("x", "k", "\xc3\xa6 \xc2\x9b \xe2\x80\xae \xe2\x80\xa8 \xff", NULL);
	assert_string_equal(capture_end(),
	    "error x k=\"\xc3\xa6 \\xc2\\x9b \\xe2\\x80\\xae \\xe2\\x80\\xa8 \\xff\"\n");
}

static void
below_the_level_nothing_is_said(void **state)
{
	(void)state;
	log_level_set(LOG_WARN);
	assert_int_equal(log_level_get(), LOG_WARN);
	capture_begin();
	log_info("quiet", NULL);
	log_debug("quiet", NULL);
	log_warn("loud", NULL);
	assert_string_equal(capture_end(), "warn loud\n");
	log_level_set(LOG_DEBUG);
	capture_begin();
	log_debug("d", NULL);
	log_info("i", NULL);
	assert_string_equal(capture_end(), "debug d\ninfo i\n");
}

static void
a_long_value_is_cut_and_the_line_still_ends(void **state)
{
	char		big[5000];
	const char	*out;
	size_t		n;

	(void)state;
	memset(big, '"', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	capture_begin();
	log_error("x", "a", big, "b", big, NULL);
	out = capture_end();
	n = strlen(out);
	assert_true(n <= 2048 && n > 1900);
	assert_int_equal(out[n - 1], '\n');
	assert_ptr_equal(strchr(out, '\n'), out + n - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_level_event_and_pairs),
		cmocka_unit_test(nothing_from_outside_makes_a_second_line),
		cmocka_unit_test(letters_pass_and_what_steers_a_terminal_does_not),
		cmocka_unit_test(below_the_level_nothing_is_said),
		cmocka_unit_test(a_long_value_is_cut_and_the_line_still_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
