#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static void
failing_is_one_line_and_says_what(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(err_set(&e, ERR_RETRY, "host \"%s\"", "x"), -1);
	assert_string_equal(e.msg, "host \"x\"");
	assert_int_equal(e.kind, ERR_RETRY);
	assert_int_equal(e.what, ERR_ANY);
	assert_int_equal(err_what(&e, ERR_FATAL, ERR_DATABASE, "disk"), -1);
	assert_int_equal(e.kind, ERR_FATAL);
	assert_int_equal(e.what, ERR_DATABASE);
}

static void
context_stands_in_front_and_keeps_the_kind(void **state)
{
	struct err e;

	(void)state;
	err_what(&e, ERR_RETRY, ERR_CERT, "timed out");
	assert_int_equal(err_in(&e, "api %d", 7), -1);
	assert_string_equal(e.msg, "api 7: timed out");
	assert_int_equal(e.kind, ERR_RETRY);
	assert_int_equal(e.what, ERR_CERT);
}

static void
a_message_is_one_line_whatever_is_quoted(void **state)
{
	struct err e;

	(void)state;
	err_set(&e, ERR_REJECT, "a%sb", "\r\n\x1b[2J\x7f");
	assert_string_equal(e.msg, "a???[2J?b");
}

static void
a_long_message_is_cut_and_ended(void **state)
{
	struct err	e;
	char		big[1000];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	err_set(&e, ERR_REJECT, "%s", big);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	err_in(&e, "%s", big);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
}

static void
a_message_can_quote_itself(void **state)
{
	struct err e;

	(void)state;
	err_set(&e, ERR_REJECT, "inner");
	err_set(&e, ERR_RETRY, "outer (%s)", e.msg);
	assert_string_equal(e.msg, "outer (inner)");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failing_is_one_line_and_says_what),
		cmocka_unit_test(context_stands_in_front_and_keeps_the_kind),
		cmocka_unit_test(a_message_is_one_line_whatever_is_quoted),
		cmocka_unit_test(a_long_message_is_cut_and_ended),
		cmocka_unit_test(a_message_can_quote_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
