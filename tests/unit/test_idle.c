/* What is understood of a server that idles, in pieces of any size; and how long a server that fails is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/span.h"
#include "ingest/idle.h"
#include "ingest/mailbox.h"

#define KNOWN 23	/* mails in the folder when IDLE begins */

static struct idle
fed(const char *text, size_t piece)
{
	size_t n = strlen(text);
	struct idle w;

	idle_begin(&w, 7, KNOWN);
	for (size_t at = 0; at < n; at += piece)
		idle_feed(&w, text + at, n - at < piece ? n - at : piece);
	return w;
}

static void
what_a_server_says_is_understood_in_pieces_of_any_size(void **state)
{
	static const struct {
		const char *name, *text;
		bool invited, changed, ended, refused, whole;
	} t[] = {
		{ "nothing", "", 0, 0, 0, 0, 1 },
		{ "it idles", "+ idling\r\n", 1, 0, 0, 0, 1 },
		{ "without a word", "+\r\n", 1, 0, 0, 0, 1 },
		{ "a mail before it idles", "* 24 EXISTS\r\n+ idling\r\n", 1, 1, 0, 0, 1 },
		{ "a mail while it idles", "+ idling\r\n* 24 EXISTS\r\n* 1 RECENT\r\n", 1, 1, 0, 0, 1 },
		{ "in small letters", "+ x\r\n* 24 exists\r\n", 1, 1, 0, 0, 1 },
		{ "the number we know", "+ x\r\n* 23 EXISTS\r\n* OK still here\r\n", 1, 0, 0, 0, 1 },
		{ "one went", "+ x\r\n* 5 EXPUNGE\r\n", 1, 0, 0, 0, 1 },
		{ "one went and that is told", "+ x\r\n* 5 EXPUNGE\r\n* 22 EXISTS\r\n", 1, 0, 0, 0, 1 },
		{ "one went, one came", "+ x\r\n* 5 EXPUNGE\r\n* 23 EXISTS\r\n", 1, 1, 0, 0, 1 },
		{ "it came and went", "+ x\r\n* 24 EXISTS\r\n* 24 EXPUNGE\r\n* 23 EXISTS\r\n", 1, 1, 0, 0, 1 },
		{ "a flag was set", "+ x\r\n* 5 FETCH (FLAGS (\\Seen))\r\n", 1, 0, 0, 0, 1 },
		{ "no number", "+ x\r\n* EXISTS\r\n* 24x EXISTS\r\n* -1 EXISTS\r\n", 1, 0, 0, 0, 1 },
		{ "too large a number", "+ x\r\n* 99999999999 EXISTS\r\n", 1, 0, 0, 0, 1 },
		{ "not whole yet", "+ x\r\n* 24 EXIS", 1, 0, 0, 0, 0 },
		{ "refused", "W7 NO not here\r\n", 0, 0, 1, 1, 1 },
		{ "unknown", "W7 BAD what?\r\n", 0, 0, 1, 1, 1 },
		{ "over", "+ x\r\nW7 OK IDLE completed\r\n", 1, 0, 1, 0, 1 },
		{ "over, and more has begun", "+ x\r\nW7 OK done\r\n* 2", 1, 0, 1, 0, 0 },
		{ "the answer to another command", "+ x\r\nW6 OK done\r\nW77 OK done\r\n", 1, 0, 0, 0, 1 },
		{ "bare line ends", "+ x\n* 24 EXISTS\nW7 OK done\n", 1, 1, 1, 0, 1 },
		{ "a long line", "+ x\r\n* OK 0123456789012345678901234567890123456789012345678901234567890123"
		    "456789012345678901234567890123456789\r\n* 24 EXISTS\r\n", 1, 1, 0, 0, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		for (size_t piece = 1; piece < 30; piece++) {
			struct idle w = fed(t[i].text, piece);

			if (w.invited != t[i].invited || w.changed != t[i].changed || w.ended != t[i].ended ||
			    w.refused != t[i].refused || (w.n == 0) != t[i].whole)
				fail_msg("%s, in pieces of %zu", t[i].name, piece);
		}
}

static void
no_two_commands_have_one_tag(void **state)
{
	struct idle a, b;

	(void)state;
	idle_begin(&a, 1, 0);
	idle_begin(&b, UINT32_MAX, 0);
	assert_string_equal(a.tag, "W1");
	assert_string_equal(b.tag, "W4294967295");
}

static void
a_server_that_fails_is_left_alone_for_longer_but_never_beyond_the_next_poll(void **state)
{
	static const struct { int n; int64_t poll_ms, least, most; } t[] = {
		{ 1, CLOCK_HOUR, 4000, 6000 },
		{ 2, CLOCK_HOUR, 8000, 12000 },
		{ 5, CLOCK_HOUR, 64000, 96000 },
		{ 9, CLOCK_HOUR, 720000, 1080000 },
		{ 1000000, CLOCK_HOUR, 720000, 1080000 },
		{ 9, 2 * CLOCK_MINUTE, 2 * CLOCK_MINUTE, 2 * CLOCK_MINUTE },
		{ 1, CLOCK_SECOND, CLOCK_SECOND, CLOCK_SECOND },
	};
	static const uint32_t chances[] = { 0, 1, 1999, 2000, 123456789, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		for (size_t j = 0; j < COUNT(chances); j++) {
			int64_t ms = mailbox_pause_ms(t[i].n, chances[j], t[i].poll_ms);

			assert_in_range(ms, t[i].least, t[i].most);
		}
	assert_int_not_equal(mailbox_pause_ms(3, 1, CLOCK_HOUR), mailbox_pause_ms(3, 2, CLOCK_HOUR));
}

static void
an_alert_is_kept_for_a_person(void **state)
{
	static const struct { const char *name, *text, *want; } t[] = {
		{ "none", "+ x\r\n* OK still here\r\n", "" },
		{ "while it idles", "+ x\r\n* OK [ALERT] the disk is full\r\n", "the disk is full" },
		{ "when it refuses", "W7 NO [ALERT] come back later\r\n", "come back later" },
		{ "of two the last", "* OK [ALERT] one\r\n* OK [ALERT] two\r\n* 1 EXISTS\r\n", "two" },
		{ "without a word", "* OK [ALERT]\r\n", "" },
	};
	char	long_line[IDLE_LINE * 2] = "* OK [ALERT] ";
	struct idle w;

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		for (size_t piece = 1; piece < 40; piece += 13) {
			w = fed(t[i].text, piece);
			if (strcmp(w.alert, t[i].want) != 0)
				fail_msg("%s, in pieces of %zu: '%s'", t[i].name, piece, w.alert);
		}
	memset(long_line + 13, 'x', sizeof long_line - 14);
	long_line[sizeof long_line - 2] = '\n';
	w = fed(long_line, 7);
	assert_int_equal(strlen(w.alert), IDLE_LINE - 13);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_server_says_is_understood_in_pieces_of_any_size),
		cmocka_unit_test(an_alert_is_kept_for_a_person),
		cmocka_unit_test(no_two_commands_have_one_tag),
		cmocka_unit_test(a_server_that_fails_is_left_alone_for_longer_but_never_beyond_the_next_poll),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
