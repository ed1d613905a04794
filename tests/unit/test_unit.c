#include "tests/unit/store_fixture.h"

#include "ingest/reconcile.h"
#include "ingest/unproven.h"
#include "store/answer.h"
#include "store/unit.h"

#define LATER (NOW + 3600000)

static void
list(struct fixture *f, int64_t now_ms, bool quiet, const char *const *msns)
{
	OK(db_begin(f->db, &f->e));
	for (; *msns != NULL; msns++)
		OK(unit_seen(f->db, &(struct unit_new){.msn = *msns, .name = "Kai", .quiet = quiet}, now_ms, &f->e));
	OK(unit_listed(f->db, false, true, now_ms, &f->e));
	OK(db_commit(f->db, &f->e));
}

static int
missing(struct fixture *f, int64_t listed_ms, struct unit_row **rows)
{
	int n;

	OK(unit_missing(f->db, listed_ms, &f->a, rows, &n, &f->e));
	return n;
}

static int
due(struct fixture *f, int64_t listed_ms, int64_t before_ms, bool again)
{
	struct unit_row *rows;
	int n;

	OK(unit_due(f->db, listed_ms, before_ms, again, 10, &f->a, &rows, &n, &f->e));
	return n;
}

static void
a_unit_of_the_baseline_is_missing_but_never_due(void **state)
{
	struct fixture *f = *state;
	struct unit_row *rows;

	list(f, NOW, true, (const char *const[]){"123456", NULL});
	assert_int_equal(missing(f, NOW, &rows), 1);
	assert_true(rows[0].baseline);
	assert_int_equal(due(f, NOW, LATER, true), 0);
}

static void
a_new_unit_is_due_until_it_is_told_and_then_only_to_be_recorded(void **state)
{
	struct fixture *f = *state;

	list(f, NOW, true, (const char *const[]){"123456", NULL});
	list(f, LATER, false, (const char *const[]){"123456", "0234567", NULL});
	assert_int_equal(due(f, LATER, LATER - 1, false), 0);
	assert_int_equal(due(f, LATER, LATER, false), 1);
	OK(db_begin(f->db, &f->e));
	OK(unit_told(f->db, "234567", LATER, &f->e));
	OK(db_commit(f->db, &f->e));
	assert_int_equal(due(f, LATER, LATER, false), 0);
	assert_int_equal(due(f, LATER, LATER, true), 1);
}

static void
a_number_without_its_leading_zeros_is_the_same_unit(void **state)
{
	struct fixture *f = *state;
	struct unit_row *rows;

	list(f, NOW, false, (const char *const[]){"012345", NULL});
	list(f, LATER, false, (const char *const[]){"12345", NULL});
	assert_int_equal(raw_number(f, "SELECT count(*) FROM unit"), 1);
	assert_int_equal(missing(f, LATER, &rows), 1);
	raw(f, "INSERT INTO approval (apr, state, confirmed_by, org_scheme, org_number, msn, country, confirmed_ms, history)"
	    " VALUES ('apr_1', 'confirmed', 'sender', 'business:NO:ORG', '987654325', '012345', 'NO', 1, 0)");
	assert_int_equal(missing(f, LATER, &rows), 0);
}

static void
a_forgotten_unit_is_not_brought_back(void **state)
{
	struct fixture *f = *state;
	struct unit_row *rows;

	list(f, NOW, false, (const char *const[]){"123456", NULL});
	raw(f, "UPDATE unit SET quiet = 'forgotten'");
	list(f, LATER, false, (const char *const[]){"123456", NULL});
	assert_int_equal(missing(f, LATER, &rows), 0);
	assert_int_equal(due(f, LATER, LATER, true), 0);
}

static void
a_unit_is_fresh_only_after_a_baseline_and_before_a_list_showed_it(void **state)
{
	struct fixture *f = *state;
	bool fresh;

	OK(unit_fresh(f->db, "999999", NOW, &fresh, &f->e));
	assert_false(fresh);
	list(f, NOW, true, (const char *const[]){"123456", NULL});
	list(f, LATER, false, (const char *const[]){"123456", "234567", NULL});
	static const struct { const char *msn; int64_t made_ms; bool want; } t[] = {
		{ "123456", LATER + 1, false }, { "234567", LATER + 1, false }, { "234567", LATER - 1, true },
		{ "999999", LATER + 1, true }, { "999999", NOW, false },
	};
	for (size_t i = 0; i < COUNT(t); i++) {
		OK(unit_fresh(f->db, t[i].msn, t[i].made_ms, &fresh, &f->e));
		assert_int_equal(fresh, t[i].want);
	}
}

static void
an_order_that_ended_is_told_once_and_one_of_the_baseline_never(void **state)
{
	struct fixture *f = *state;
	static const struct { const char *id, *status; bool quiet, tell; } t[] = {
		{ "a", "REJECTED", true, false }, { "a", "REJECTED", false, false }, { "b", "RECEIVED", true, false },
		{ "b", "EXPIRED", false, true }, { "b", "EXPIRED", false, false }, { "c", "REJECTED", false, true },
		{ "d", "COMPLETED", false, false },
	};
	bool tell;

	OK(db_begin(f->db, &f->e));
	for (size_t i = 0; i < COUNT(t); i++) {
		OK(unit_order(f->db, t[i].id, t[i].status, t[i].quiet, NOW, &tell, &f->e));
		assert_int_equal(tell, t[i].tell);
	}
	OK(db_commit(f->db, &f->e));
}

static void
a_list_is_unlike_the_last_if_half_is_gone_or_most_is_new(void **state)
{
	static const struct { int64_t last, count, kept, fresh; bool first, want; } t[] = {
		{ 0, 5000, 0, 5000, true, false },	/* the baseline */
		{ 5000, 5040, 5000, 40, false, false },
		{ 5000, 2499, 2499, 0, false, true },
		{ 5000, 2500, 2500, 0, false, false },
		{ 5000, 0, 0, 0, false, true },
		{ 9, 0, 0, 0, false, false },		/* so few may all go */
		{ 20, 170, 20, 150, false, true },	/* another's keys */
		{ 0, 40, 0, 40, false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		assert_int_equal(reconcile_is_unlike(t[i].last, t[i].count, t[i].kept, t[i].fresh, t[i].first),
		    t[i].want);
}

static void
the_api_settles_doubts_about_the_sender_and_no_others(void **state)
{
	static const struct { const char *reasons; bool want; } t[] = {
		{ "[]", true },
		{ "[{\"code\":\"authentication-failed\",\"doubt\":true,\"field\":null}]", true },
		{ "[{\"code\":\"dkim-unresolved\",\"doubt\":true},{\"code\":\"dkim-broken\",\"doubt\":false}]", true },
		{ "[{\"code\":\"authentication-failed\",\"doubt\":true},{\"code\":\"check-digit\",\"doubt\":true}]", false },
		{ "[{\"code\":\"forwarded\",\"doubt\":true}]", false },
		{ "[{\"code\":\"sender-look-alike\",\"doubt\":true}]", false },
		{ "damaged", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		assert_int_equal(unproven_is_eligible(t[i].reasons), t[i].want);
}

static void
settings_of_reconcile_have_defaults_and_bounds(void **state)
{
	static const struct { const char *yaml; bool none; int64_t every_ms; int new, errors; } t[] = {
		{ "a: 1", false, RECONCILE_EVERY_MS, RECONCILE_REPORT, 0 },
		{ "reconcile: none", true, RECONCILE_EVERY_MS, RECONCILE_REPORT, 0 },
		{ "reconcile: {every: 1h, new: announce}", false, 3600000, RECONCILE_ANNOUNCE, 0 },
		{ "reconcile: {new: record}", false, RECONCILE_EVERY_MS, RECONCILE_RECORD, 0 },
		{ "reconcile: {every: 1m}", false, 60000, RECONCILE_REPORT, 1 },
		{ "reconcile: {new: tell}", false, RECONCILE_EVERY_MS, RECONCILE_REPORT, 1 },
		{ "reconcile: often", false, RECONCILE_EVERY_MS, RECONCILE_REPORT, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct arena		a = {0};
		struct reconcile_conf	c;
		struct conf		*conf;
		struct err		e;

		assert_int_equal(conf_parse(&a, "t", span_of(t[i].yaml), &conf, &e), 0);
		reconcile_conf_read(conf_root(conf), &c);
		assert_int_equal(conf_errors(conf), t[i].errors);
		assert_int_equal(c.none, t[i].none);
		assert_int_equal(c.every_ms, t[i].every_ms);
		assert_int_equal(c.new, t[i].new);
		arena_free(&a);
	}
}

static int64_t
wish(struct fixture *f, int64_t now_ms)
{
	int64_t ms;

	OK(answer_wish(f->db, now_ms, &ms, &f->e));
	return ms;
}

static void
a_wish_to_be_left_alone_ends_by_itself_also_when_the_clock_goes_back(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(wish(f, NOW), 0);
	OK(db_begin(f->db, &f->e));
	OK(answer_wish_set(f->db, 99 * ANSWER_WISH_MS, NOW, &f->e));
	OK(db_commit(f->db, &f->e));
	assert_int_equal(wish(f, NOW + 1), ANSWER_WISH_MS - 1);
	assert_int_equal(wish(f, NOW + ANSWER_WISH_MS), 0);
	assert_int_equal(wish(f, NOW - 1), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_unit_of_the_baseline_is_missing_but_never_due),
		TEST(a_new_unit_is_due_until_it_is_told_and_then_only_to_be_recorded),
		TEST(a_wish_to_be_left_alone_ends_by_itself_also_when_the_clock_goes_back),
		TEST(a_number_without_its_leading_zeros_is_the_same_unit),
		TEST(a_forgotten_unit_is_not_brought_back),
		TEST(a_unit_is_fresh_only_after_a_baseline_and_before_a_list_showed_it),
		TEST(an_order_that_ended_is_told_once_and_one_of_the_baseline_never),
		cmocka_unit_test(a_list_is_unlike_the_last_if_half_is_gone_or_most_is_new),
		cmocka_unit_test(the_api_settles_doubts_about_the_sender_and_no_others),
		cmocka_unit_test(settings_of_reconcile_have_defaults_and_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
