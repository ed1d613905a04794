/* The policy of a pass over a mailbox, its settings, and how folders are named on the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ingest/account.h"
#include "ingest/epoch.h"

#define NOW	INT64_C(1795361298000)

/* Searched a minute ago, nothing pending: UIDs 1 to 9, one of them gone. */
static const struct epoch_row epoch = {.id = 1, .uidvalidity = 7, .uidnext = 10, .exists_count = 8,
    .full_ms = NOW - CLOCK_MINUTE, .highest = 9, .screened = true};
static const struct imap_state same = {.uidvalidity = 7, .uidnext = 10, .exists = 8};

static void
a_pass_with_nothing_new_is_quiet(void **state)
{
	struct epoch_row ep = epoch;
	struct imap_state st = same;

	(void)state;
	assert_true(epoch_quiet(&ep, &st, NOW));
	assert_true(epoch_quiet(&ep, &st, ep.full_ms + EPOCH_FULL_MS - 1));
	assert_false(epoch_quiet(&ep, &st, ep.full_ms + EPOCH_FULL_MS));
	assert_false(epoch_quiet(&ep, &st, ep.full_ms - 1));	/* the clock went back */
	st.exists = 9;
	assert_false(epoch_quiet(&ep, &st, NOW));
	st = same;
	st.uidnext = 11;
	assert_false(epoch_quiet(&ep, &st, NOW));
	st = same;
	st.uidvalidity = 8;
	assert_false(epoch_quiet(&ep, &st, NOW));
	ep.pending = 1;
	assert_false(epoch_quiet(&ep, &same, NOW));
	ep.next_ms = NOW + CLOCK_MINUTE;	/* what is pending is not due */
	assert_true(epoch_quiet(&ep, &same, NOW));
	assert_false(epoch_quiet(&ep, &same, NOW + CLOCK_MINUTE));
	ep.next_ms = NOW + MAIL_WAIT_MS + 1;	/* the clock was ahead */
	assert_false(epoch_quiet(&ep, &same, NOW));
	ep = epoch;
	ep.screened = false;	/* another screen is to be asked */
	assert_false(epoch_quiet(&ep, &same, NOW));
	ep = epoch;
	ep.uidnext = 0;		/* a server that never tells UIDNEXT is never trusted to be quiet */
	st = same;
	st.uidnext = 0;
	assert_false(epoch_quiet(&ep, &st, NOW));
}

static void
new_numbers_make_a_new_epoch(void **state)
{
	static const struct {
		const char *name;
		uint32_t uidvalidity, uidnext, highest;
		enum { KNOWN, ANEW, BEHIND } want;
	} t[] = {
		{ "same",				7, 10, 9, KNOWN },
		{ "mail came",				7, 12, 9, KNOWN },
		{ "another uidvalidity",		8, 10, 9, ANEW },
		{ "uidnext fell to a known uid",	7, 9, 9, ANEW },
		{ "uidnext fell far",			7, 1, 9, ANEW },
		{ "uidnext fell, known uids keep",	7, 5, 4, KNOWN },
		{ "uidnext is not told",		7, 0, 9, KNOWN },
		{ "nothing shown yet",			7, 1, 0, KNOWN },
		{ "uidnext was too low before",		7, 10, 10, BEHIND },
		{ "and comes nearer",			7, 11, 12, BEHIND },
		{ "was too low, and fell",		7, 9, 12, ANEW },
		{ "was too low, another uidvalidity",	8, 9, 12, ANEW },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct epoch_row ep = epoch;
		struct imap_state st = {.uidvalidity = t[i].uidvalidity, .uidnext = t[i].uidnext,
		    .exists = 8};

		ep.highest = t[i].highest;
		if (epoch_renumbered(&ep, &st) != (t[i].want == ANEW) ||
		    (t[i].want != ANEW && epoch_behind(&ep, &st) != (t[i].want == BEHIND)))
			fail_msg("%s", t[i].name);
		if (t[i].want == BEHIND)	/* UIDs may be given anew at any moment: all are asked for each time */
			assert_true(!epoch_quiet(&ep, &st, NOW) && epoch_search_from(&ep, &st, NOW) == 1);
	}
}

static void
a_search_begins_at_what_is_new(void **state)
{
	static const struct {
		const char *name;
		uint32_t known, told;
		int64_t age_ms;
		uint32_t want;
	} t[] = {
		{ "only what is new",			10, 12, CLOCK_MINUTE, 10 },
		{ "all, every six hours",		10, 12, EPOCH_FULL_MS, 1 },
		{ "all, after the clock went back",	10, 12, -1, 1 },
		{ "all, in a new epoch",		0, 12, CLOCK_MINUTE, 1 },
		{ "all, after uidnext fell",		10, 9, CLOCK_MINUTE, 1 },
		{ "all, without uidnext",		10, 0, CLOCK_MINUTE, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct epoch_row ep = {.uidnext = t[i].known,
		    .full_ms = NOW - t[i].age_ms, .screened = true};
		struct imap_state st = {.uidvalidity = 7, .uidnext = t[i].told};

		if (epoch_search_from(&ep, &st, NOW) != t[i].want)
			fail_msg("%s", t[i].name);
		ep.screened = false;	/* what is asked about again must be there */
		assert_int_equal(epoch_search_from(&ep, &st, NOW), 1);
	}
}

static void
pending_mails_are_asked_for_by_their_own_uids(void **state)
{
	static const uint32_t some[] = {3, 4, 5, 9, 20, 21, 30};
	uint32_t many[250], from = 20;

	(void)state;
	assert_int_equal(epoch_search_also(some, COUNT(some), &from), 4);
	assert_int_equal(from, 20);
	assert_int_equal(epoch_search_also(NULL, 0, &from), 0);
	assert_int_equal(from, 20);
	for (uint32_t i = 0; i < COUNT(many); i++)	/* 100 ranges below 302, and another there */
		many[i] = 3 + i / 2 * 3 + i % 2;
	from = 302;
	assert_int_equal(epoch_search_also(many, COUNT(many), &from), 200);
	from = 304;
	assert_int_equal(epoch_search_also(many, COUNT(many), &from), 0);
	assert_int_equal(from, 3);
}

static void
what_does_not_add_up_is_searched_whole(void **state)
{
	static const struct {
		const char *name;
		uint32_t uids[4];
		size_t n;
		int64_t exists;
		bool want;
	} t[] = {
		{ "two new",				{ 10, 11 }, 2, 10, true },
		{ "a pending one is no news",		{ 4, 10, 11 }, 3, 10, true },
		{ "one came after EXAMINE",		{ 10, 11, 12 }, 3, 10, true },
		{ "one came below, late",		{ 10, 11 }, 2, 11, false },
		{ "one below was removed",		{ 10, 11 }, 2, 9, false },
		{ "the new ones do not show yet",	{ 0 }, 0, 10, false },
	};
	const struct imap_state st = {.uidvalidity = 7, .uidnext = 12};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct imap_state now = st;

		now.exists = t[i].exists;
		if (epoch_adds_up(&epoch, &now, NULL, 0, t[i].uids, t[i].n) != t[i].want)
			fail_msg("%s", t[i].name);
	}
	for (uint32_t n = 3; n <= 5; n++) {	/* the search shows 4, 10 and 11 */
		const uint32_t pending[] = {n, 11, 20};	/* from 10 on it is no loss: EXISTS tells of it */
		struct imap_state now = st;

		now.exists = 10;
		assert_int_equal(epoch_adds_up(&epoch, &now, pending, 3, t[1].uids, t[1].n), n == 4);
	}
}

static void
history_is_what_was_there_first(void **state)
{
	static const struct {
		const char *name;
		uint32_t history_uid, uid;
		int64_t announce, arrived;
		bool want;
	} t[] = {
		{ "there at the first pass",		10, 9, NOW, NOW + 1, true },
		{ "came after it, with an old date",	10, 10, NOW, NOW - CLOCK_DAY, false },
		{ "later epoch, arrived before",	0, 9, NOW, NOW - 1, true },
		{ "later epoch, arrived then",		0, 9, NOW, NOW, false },
		{ "announce all",			0, 9, 0, 1, false },
		{ "arrival unknown: better told twice",	0, 9, NOW, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		const struct epoch_row ep = {.history_uid = t[i].history_uid};

		if (epoch_history(&ep, t[i].announce, t[i].uid, t[i].arrived) != t[i].want)
			fail_msg("%s", t[i].name);
	}
}

static void
start_is_by_arrival_but_a_slow_clock_of_the_server_loses_nothing(void **state)
{
	static const struct {
		const char *name;
		int64_t start, first_pass;
		uint32_t history_uid, uid;
		int64_t arrived;
		bool want;
	} t[] = {
		{ "arrived before",		NOW, NOW, 10, 9, NOW - 1, true },
		{ "arrived then",		NOW, NOW, 10, 9, NOW, false },
		{ "arrival unknown",		NOW, NOW, 10, 9, 0, false },
		{ "came later, slow clock",	NOW, NOW, 10, 10, NOW - 5 * CLOCK_MINUTE, false },
		{ "moved here later, old",	NOW, NOW, 10, 10, NOW - CLOCK_DAY, true },
		{ "later epoch",		NOW, NOW, 0, 10, NOW - 1, true },
		{ "start is to come",		NOW + CLOCK_DAY, NOW, 10, 10,
		    NOW + CLOCK_DAY - 1, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		const struct epoch_row ep = {.history_uid = t[i].history_uid};
		const struct mailbox_row row = {
			.start_ms = t[i].start, .first_pass_ms = t[i].first_pass
		};

		if (epoch_old(&row, &ep, t[i].uid, t[i].arrived) != t[i].want)
			fail_msg("%s", t[i].name);
	}
}

static void
folders_are_named_as_imap_writes_them(void **state)
{
	static const struct { const char *name, *want; } t[] = {
		{ "INBOX", "INBOX" },
		{ "a b/c", "a b/c" },
		{ "R&D", "R&-D" },
		{ "S\xc3\xb8ppelpost", "S&APg-ppelpost" },
		{ "Skr\xc3\xa4ppost", "Skr&AOQ-ppost" },
		{ "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
		    "~peter/mail/&U,BTFw-/&ZeVnLIqe-" },	/* RFC 3501 5.1.3 */
		{ "\xf0\x9f\x93\xac", "&2D3c7A-" },	/* beyond 16 bits */
		{ "", NULL },
		{ "a\r\nb", NULL },
		{ "bad \xff", NULL },
	};
	struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		const char *got = imap_wire_name(t[i].name, &a);

		if (t[i].want == NULL)
			assert_null(got);
		else
			assert_string_equal(got, t[i].want);
	}
	arena_free(&a);
}

/* Reads one element of `mailboxes`: the number of errors, and the first one's text. */
static int
read_conf(struct arena *a, const char *keys, struct mailbox_conf *c, const char **error)
{
	const char *yaml = arena_printf(a, "database: /var/lib/x.db\nbox:\n%s", keys);
	struct conf *conf;
	struct err e;

	if (conf_parse(a, "t.yaml", span_of(yaml), &conf, &e) == -1)
		fail_msg("%s", e.msg);
	mailbox_conf_read(conf_get(conf_root(conf), "box"), NULL, c);
	*error = conf_errors(conf) > 0 ? conf_error(conf, 0) : "";
	return conf_errors(conf);
}

#define LEAST \
	"  name: one\n  url: imaps://imap.example.com\n  user: u@example.com\n" \
	"  password_file: /x/pw\n"

static void
settings_have_the_promised_defaults(void **state)
{
	struct arena a = {0};
	struct mailbox_conf c;
	const char *error;

	(void)state;
	if (read_conf(&a, LEAST, &c, &error) != 0)
		fail_msg("%s", error);
	assert_string_equal(c.name, "one");
	assert_string_equal(c.folders[0], "INBOX");
	assert_string_equal(c.folders[1], "\\Junk");
	assert_null(c.folders[2]);
	assert_int_equal(c.start_ms, 0);
	assert_int_equal(c.announce_ms, -1);
	assert_null(c.authserv);
	assert_false(c.screen_off);
	assert_string_equal(c.database, "/var/lib/x.db");
	if (read_conf(&a, LEAST "  screen: off\n  start: now\n  announce: 2026-01-01\n  folders: [A]\n"
	    "  authserv: mx.example.com\n  after: {read: leave, held: leave, ignored: leave}\n", &c,
	    &error) != 0)
		fail_msg("%s", error);
	assert_true(c.screen_off);
	assert_int_equal(c.start_ms, -1);
	assert_int_equal(c.announce_ms, INT64_C(1767225600000));
	assert_string_equal(c.folders[0], "A");
	assert_string_equal(c.authserv, "mx.example.com");
	assert_int_equal(read_conf(&a, LEAST "  start: all\n  announce: all\n  after: leave\n", &c,
	    &error), 0);
	assert_int_equal(c.announce_ms, 0);
	assert_false(after_acts(&c.after));
	assert_int_equal(read_conf(&a, LEAST "  after: {read: 'keyword:$Vipps', ignored: 'move:Søk/x'}\n", &c,
	    &error), 0);
	assert_true(after_acts(&c.after));
	assert_int_equal(c.after.of[0].how, AFTER_KEYWORD);
	assert_string_equal(c.after.of[0].name, "$Vipps");
	assert_int_equal(c.after.of[1].how, AFTER_LEAVE);
	assert_int_equal(c.after.of[2].how, AFTER_MOVE);
	assert_string_equal(c.after.of[2].name, "Søk/x");
	assert_int_equal(read_conf(&a, LEAST "  after: seen\n", &c, &error), 0);
	for (int f = 0; f < AFTER_FATES; f++)
		assert_int_equal(c.after.of[f].how, AFTER_SEEN);
	arena_free(&a);
}

static void
settings_that_cannot_be_kept_are_errors(void **state)
{
	static const struct { const char *keys, *want; } t[] = {
		{ LEAST "  after: unseen\n", "leave" },
		{ LEAST "  after: {read: leave, held: 'move:'}\n", "folder" },
		{ LEAST "  after: 'move:\\Archive'\n", "name" },
		{ LEAST "  after: 'move:inbox'\n", "one of the `folders`" },
		{ LEAST "  folders: [Søk]\n  after: {ignored: 'move:Søk'}\n", "one of the `folders`" },
		{ LEAST "  after: 'keyword:\\Deleted'\n", "keyword" },
		{ LEAST "  after: 'keyword:a b'\n", "keyword" },
		{ LEAST "  after: 'keyword:'\n", "keyword" },
		{ LEAST "  after: {read: leave, unread: leave}\n", "unread" },
		{ LEAST "  after: [leave]\n", "leave" },
		{ LEAST "  oauth2: {token_command: [/x]}\n", "not used beside oauth2" },
		{ LEAST "  start: yesterday\n", "yesterday" },
		{ LEAST "  announce: now\n", "now" },
		{ LEAST "  folders: [\"a\\nb\"]\n", "folder" },
		{ "  name: One\n  url: imaps://h\n  user: u\n  password_file: /x/pw\n", "a-z" },
		{ "  name: one\n  url: https://h\n  user: u\n  password_file: /x/pw\n", "url" },
		{ "  name: one\n  url: imaps://h\n  user: \"a\\nb\"\n  password_file: /x/pw\n",
		    "control" },
		{ "  name: one\n  url: imaps://h\n  user: u\n", "password_file" },
	};
	struct arena a = {0};
	struct mailbox_conf c;
	const char *error;

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		if (read_conf(&a, t[i].keys, &c, &error) != 1 || strstr(error, t[i].want) == NULL)
			fail_msg("%s gave '%s'", t[i].keys, error);
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pass_with_nothing_new_is_quiet),
		cmocka_unit_test(new_numbers_make_a_new_epoch),
		cmocka_unit_test(a_search_begins_at_what_is_new),
		cmocka_unit_test(pending_mails_are_asked_for_by_their_own_uids),
		cmocka_unit_test(what_does_not_add_up_is_searched_whole),
		cmocka_unit_test(history_is_what_was_there_first),
		cmocka_unit_test(start_is_by_arrival_but_a_slow_clock_of_the_server_loses_nothing),
		cmocka_unit_test(folders_are_named_as_imap_writes_them),
		cmocka_unit_test(settings_have_the_promised_defaults),
		cmocka_unit_test(settings_that_cannot_be_kept_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
