#include "tests/unit/store_fixture.h"
#include "store/budget.h"
#include "store/sql.h"

#define HOUR BUDGET_HOUR_MS
#define OPS "ops@example.com"

/* One more claim.held of untrusted mail, fanned out to OPS at the time given. Its event's seq. */
static int64_t
held(struct fixture *f, int n, int64_t now_ms)
{
	const char *text = arena_printf(&f->a, "mail %d", n);
	struct delivery_new d = {.endpoint = "ops", .target = OPS, .body = "x", .untrusted = true,
	    .webhook_id = arena_printf(&f->a, "msg_%d", n)};
	struct event ev;

	OK(db_begin(f->db, &f->e));
	fixture_claim(f, text, CLAIM_HELD, "123456", false);
	OK(db_commit(f->db, &f->e));
	OK(event_next_waiting(f->db, &f->a, &ev, &f->e));
	assert_true(ev.untrusted);
	OK(delivery_fan_out(f->db, ev.seq, &d, 1, now_ms, &f->e));
	return ev.seq;
}

static int64_t
gathered(struct fixture *f, int64_t now_ms, int64_t *last_seq)
{
	const char **ids;
	int64_t count;
	int n;

	OK(budget_gathered(f->db, OPS, now_ms, &f->a, &ids, &n, &count, last_seq, &f->e));
	assert_int_equal(n, count < BUDGET_LISTED ? count : BUDGET_LISTED);
	return count;
}

static void
a_target_hears_of_the_first_at_once_and_of_the_rest_after_an_hour(void **state)
{
	struct delivery_new d = {.endpoint = "ops", .target = OPS, .webhook_id = "msg_rest", .body = "x", .untrusted = true};
	struct fixture *f = *state;
	int64_t second, last;

	held(f, 1, NOW);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM delivery"), 1);
	second = held(f, 2, NOW + 1);
	held(f, 3, NOW + HOUR - 1);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM delivery"), 1);
	assert_int_equal(gathered(f, NOW + HOUR - 1, &last), 0);
	assert_int_equal(gathered(f, NOW + HOUR, &last), 2);
	/* what comes while the rest is owed is told with it */
	held(f, 4, NOW + HOUR);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM delivery"), 1);
	assert_int_equal(gathered(f, NOW + HOUR, &last), 3);
	OK(delivery_notice(f->db, second, &d, last, NOW + HOUR, &f->e));
	assert_int_equal(raw_number(f, "SELECT count(*) FROM delivery"), 2);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM gathered WHERE told_seq IS NULL"), 0);
	assert_int_equal(gathered(f, NOW + 9 * HOUR, &last), 0);
	held(f, 5, NOW + 2 * HOUR - 1);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM delivery"), 2);
}

static void
a_clock_that_went_back_holds_no_notice_back(void **state)
{
	struct fixture *f = *state;
	int64_t last;

	held(f, 1, NOW + 24 * HOUR);
	held(f, 2, NOW);
	held(f, 3, NOW);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM delivery"), 2);
	assert_int_equal(gathered(f, NOW + HOUR, &last), 1);
}

static void
trusted_events_are_fanned_out_first_and_sent_first(void **state)
{
	struct fixture *f = *state;
	struct delivery_new d = {.endpoint = "ops", .target = OPS, .webhook_id = "msg_t", .body = "x"};
	struct delivery *list;
	struct event ev;
	int n;

	held(f, 1, NOW);
	OK(db_begin(f->db, &f->e));
	fixture_claim(f, "a forgery", CLAIM_HELD, "123456", false);
	fixture_confirm(f, fixture_claim(f, "true", CLAIM_PENDING, "123457", false), NO_FACTS);
	OK(db_commit(f->db, &f->e));
	OK(event_next_waiting(f->db, &f->a, &ev, &f->e));
	assert_string_equal(ev.type, "approval.confirmed");
	OK(delivery_fan_out(f->db, ev.seq, &d, 1, NOW + 5, &f->e));
	OK(delivery_lease(f->db, NOW + 5, 1000, 10, &f->a, &list, &n, &f->e));
	assert_int_equal(n, 2);
	assert_string_equal(list[0].webhook_id, "msg_t");
}

static void
twenty_questions_an_hour_are_asked(void **state)
{
	struct fixture *f = *state;
	bool left;

	for (int i = 0; i < BUDGET_QUESTIONS / 2; i++) {
		OK(budget_ask(f->db, 2, NOW + i, &left, &f->e));
		assert_true(left);
	}
	OK(budget_ask(f->db, 2, NOW + HOUR - 1, &left, &f->e));
	assert_false(left);
	OK(budget_unasked(f->db, 1, &f->e));
	OK(budget_ask(f->db, 2, NOW + HOUR - 1, &left, &f->e));
	assert_false(left);
	OK(budget_ask(f->db, 1, NOW + HOUR - 1, &left, &f->e));
	assert_true(left);
	OK(budget_ask(f->db, 2, NOW + HOUR, &left, &f->e));
	assert_true(left);
	OK(budget_ask(f->db, BUDGET_QUESTIONS, NOW - HOUR, &left, &f->e));	/* the clock went back */
	assert_true(left);
}

static void
the_oldest_untrusted_bytes_go_first_and_trusted_ones_never(void **state)
{
	struct fixture *f = *state;
	struct span bytes;
	struct mail_row m;
	int64_t id[4];

	OK(db_begin(f->db, &f->e));
	for (int i = 0; i < 4; i++)
		id[i] = fixture_mail(f, arena_printf(&f->a, "mail %d", i));
	OK(mail_keep(f->db, id[0], true, SPAN_LIT("trusted"), &f->e));
	OK(mail_keep(f->db, id[1], false, SPAN_LIT("forged one"), &f->e));
	OK(mail_keep(f->db, id[2], false, SPAN_LIT("forged two"), &f->e));
	OK(db_commit(f->db, &f->e));
	assert_int_equal(raw_number(f, "SELECT used = (SELECT sum(length(zstd)) FROM mail_bytes WHERE trusted = 0)"
	    " FROM budget WHERE name = 'kept-bytes'"), 1);
	/* as if others had filled it to the last byte */
	raw(f, arena_printf(&f->a, "UPDATE budget SET used = %lld WHERE name = 'kept-bytes'",
	    (long long)BUDGET_KEPT_BYTES));
	OK(db_begin(f->db, &f->e));
	OK(mail_keep(f->db, id[3], false, SPAN_LIT("new"), &f->e));
	OK(db_commit(f->db, &f->e));
	assert_int_equal(raw_number(f, "SELECT group_concat(mail_id, '') = '134' FROM"
	    " (SELECT mail_id FROM mail_bytes ORDER BY mail_id)"), 1);
	OK(mail_kept(f->db, id[1], &f->a, &bytes, &f->e));
	assert_null(bytes.p);
	OK(mail_get(f->db, id[1], &f->a, &m, &f->e));
	assert_int_equal(m.fate, MAIL_READ);
	assert_true(m.hashed);
	assert_non_null(strstr(m.reason, "bytes were dropped"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_open, fixture_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_target_hears_of_the_first_at_once_and_of_the_rest_after_an_hour),
		T(a_clock_that_went_back_holds_no_notice_back),
		T(trusted_events_are_fanned_out_first_and_sent_first),
		T(twenty_questions_an_hour_are_asked),
		T(the_oldest_untrusted_bytes_go_first_and_trusted_ones_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
