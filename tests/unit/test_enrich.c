#include "store_fixture.h"

#include "base/clock.h"
#include "ingest/decide.h"
#include "ingest/enrich.h"
#include "store/review.h"


static const int go_on;

static const struct management_conf with_api, none_hold = {.none = true},
    none_confirm = {.none = true, .without_api = WITHOUT_API_CONFIRM};

static const struct sales_unit absent_unit, our_unit = {.found = true, .msn = "123456", .name = "Kaffebaren",
    .org_scheme = "business:NO:ORG", .org_number = "918713867", .json = "{\"msn\":\"123456\"}"},
    renamed_unit = {.found = true, .msn = "123456", .name = "Kaffe i byen", .org_scheme = "business:NO:ORG",
    .org_number = "918713867", .json = "{\"name\":\"Kaffe i byen\"}"},
    others_unit = {.found = true, .msn = "123456", .name = "Kaffebaren", .org_scheme = "business:NO:ORG",
    .org_number = "988077917", .json = "{\"org\":\"988077917\"}"};

static const struct merchant absent_merchant, our_merchant = {.found = true, .name = "Fjord Kaffe AS",
    .status = "ACTIVE", .country = "NO", .json = "{\"name\":\"Fjord Kaffe AS\"}"},
    closed_merchant = {.found = true, .name = "Fjord Kaffe AS", .status = "DEACTIVATED", .country = "NO",
    .json = "{\"status\":\"DEACTIVATED\"}"},
    odd_merchant = {.found = true, .name = "Fjord Kaffe AS", .status = "SOMETHING_NEW", .json = "{}"};

static struct enrich
pass_at(struct fixture *f, const struct management_conf *conf, int64_t now_ms)
{
	return (struct enrich){.db = f->db, .conf = conf, .stop = &go_on, .now_ms = now_ms};
}

static struct claim
claim_now(struct fixture *f, int64_t id)
{
	struct claim c;

	OK(claim_get(f->db, id, &f->a, &c, &f->e));
	return c;
}

static int64_t
claim_new(struct fixture *f, const char *text)
{
	int64_t id;

	OK(db_begin(f->db, &f->e));
	id = fixture_claim(f, text, CLAIM_PENDING, "123456", false);
	OK(db_commit(f->db, &f->e));
	return id;
}

static int64_t
events(struct fixture *f, const char *type)
{
	return raw_number(f, arena_printf(&f->a, "SELECT count(*) FROM event WHERE type = '%s'", type));
}

static void
the_schedule_is_the_one_promised(void **state)
{
	static const struct { int asks; int64_t wait; } t[] = {
		{1, 5 * CLOCK_MINUTE}, {2, 30 * CLOCK_MINUTE}, {3, 2 * CLOCK_HOUR}, {4, 6 * CLOCK_HOUR},
		{5, CLOCK_DAY}, {18, CLOCK_DAY},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		assert_int_equal(decide_next(t[i].asks, NOW), NOW + t[i].wait);
	assert_int_equal(decide_next(19, NOW), -1);
	assert_int_equal(decide_next(1000, NOW), -1);
	assert_int_equal(decide_next(0, NOW), NOW);
}

static void
answers_are_told_apart(void **state)
{
	static const struct sales_unit	swede = {.found = true, .org_scheme = "business:SE:ORGNR",
	    .org_number = "5560125790"}, finn = {.found = true, .org_scheme = "business:fi:y-TUNNUS",
	    .org_number = "1234567-1"};
	static const struct claim	norse = {.org_scheme = "business:NO:ORG", .org_number = "918713867"},
	    swedish = {.org_scheme = "business:SE:ORG", .org_number = "5560125790"},
	    finnish = {.org_scheme = "business:FI:Y-tunnus", .org_number = "1234567-1"},
	    danish = {.org_scheme = "business:DK:CVR", .org_number = "918713867"};
	static const struct {
		const char *name;
		const struct claim *c;
		const struct sales_unit *u;
		const struct merchant *m;
		enum answer want;
	} t[] = {
		{"all agrees", &norse, &our_unit, &our_merchant, ANSWER_AGREES},
		{"a status we do not know is no reason", &norse, &our_unit, &odd_merchant, ANSWER_AGREES},
		{"no such unit", &norse, &absent_unit, NULL, ANSWER_NOT_FOUND},
		{"no such merchant", &norse, &our_unit, &absent_merchant, ANSWER_NOT_FOUND},
		{"another number", &norse, &others_unit, NULL, ANSWER_OTHER_ORGANISATION},
		{"the same digits of another country", &danish, &our_unit, NULL, ANSWER_OTHER_ORGANISATION},
		{"closed", &norse, &our_unit, &closed_merchant, ANSWER_DEACTIVATED},
		{"Swedish by the unit alone", &swedish, &swede, NULL, ANSWER_AGREES},
		{"Swedish number of nobody Swedish", &swedish, &finn, NULL, ANSWER_OTHER_ORGANISATION},
		{"schemes in any case", &finnish, &finn, NULL, ANSWER_AGREES},
		{"nobody asked", &norse, NULL, NULL, ANSWER_NOT_ASKED},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		if (decide_answer(t[i].c, t[i].u, t[i].m) != t[i].want)
			fail_msg("%s", t[i].name);
}

static void
a_claim_becomes_what_the_table_says(void **state)
{
	static const struct {
		const char *name;
		const struct management_conf *conf;
		const struct sales_unit *u;
		const struct merchant *m;
		enum claim_state want;
		const char *event, *answer;
	} t[] = {
		{"agrees", &with_api, &our_unit, &our_merchant, CLAIM_CONFIRMED, "approval.confirmed", "agrees"},
		{"404", &with_api, &absent_unit, NULL, CLAIM_PENDING, NULL, "not-found"},
		{"404 of the merchant", &with_api, &our_unit, &absent_merchant, CLAIM_PENDING, NULL, "not-found"},
		{"another organisation", &with_api, &others_unit, NULL, CLAIM_DISPUTED, "claim.disputed",
		    "other-organisation"},
		{"deactivated", &with_api, &our_unit, &closed_merchant, CLAIM_DISPUTED, "claim.disputed",
		    "deactivated"},
		{"no API, hold", &none_hold, NULL, NULL, CLAIM_HELD, "claim.held", "not-asked"},
		{"no API, confirm", &none_confirm, NULL, NULL, CLAIM_CONFIRMED, "approval.confirmed", "not-asked"},
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		struct fixture	*f;
		struct enrich	 en;
		struct claim	 c;
		int64_t		 id;

		fixture_open(state);
		f = *state;
		id = claim_new(f, t[i].name);
		en = pass_at(f, t[i].conf, NOW + 7);
		OK(enrich_settle(&en, id, t[i].u, t[i].m, &f->e));
		c = claim_now(f, id);
		if (c.state != t[i].want || raw_number(f, "SELECT count(*) FROM event") != (t[i].event != NULL) ||
		    (t[i].event != NULL && events(f, t[i].event) != 1))
			fail_msg("%s: %s", t[i].name, claim_state_name(c.state));
		if (strstr(c.api, arena_printf(&f->a, "\"answer\":\"%s\"", t[i].answer)) == NULL)
			fail_msg("%s: %s", t[i].name, c.api);
		assert_int_equal(en.confirmed, t[i].want == CLAIM_CONFIRMED);
		assert_int_equal(en.pending, t[i].want == CLAIM_PENDING);
		assert_int_equal(en.waiting, t[i].want == CLAIM_DISPUTED || t[i].want == CLAIM_HELD);
		assert_int_equal(raw_number(f, "SELECT count(*) FROM approval"), t[i].want == CLAIM_CONFIRMED);
		fixture_close(state);
	}
}

static void
who_confirmed_is_written_down(void **state)
{
	struct fixture	*f = *state;
	struct enrich	 en = pass_at(f, &none_confirm, NOW);

	OK(enrich_settle(&en, claim_new(f, "one"), NULL, NULL, &f->e));
	assert_int_equal(raw_number(f, "SELECT count(*) FROM approval WHERE confirmed_by = 'sender'"
	    " AND merchant IS NULL AND sales_unit IS NULL AND asked_ms IS NULL"), 1);
}

static void
a_second_mail_is_evidence_and_the_apis_name_wins(void **state)
{
	struct fixture	*f = *state;
	struct enrich	 en = pass_at(f, &with_api, NOW);
	int64_t		 first = claim_new(f, "one"), second = claim_new(f, "two");

	OK(enrich_settle(&en, first, &renamed_unit, &our_merchant, &f->e));
	OK(enrich_settle(&en, second, &renamed_unit, &our_merchant, &f->e));
	assert_int_equal(en.confirmed, 1);
	assert_int_equal(en.evidence, 1);
	assert_int_equal(events(f, "approval.confirmed"), 1);
	assert_int_equal(events(f, "evidence.added"), 1);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM approval WHERE sales_unit_name = 'Kaffe i byen'"
	    " AND confirmed_by = 'management-api'"), 1);
	assert_non_null(strstr(claim_now(f, first).api, "\"name_differs\":true"));
}

static void
names_that_agree_do_not_differ(void **state)
{
	struct fixture	*f = *state;
	struct enrich	 en = pass_at(f, &with_api, NOW);
	int64_t		 id = claim_new(f, "one");

	OK(enrich_settle(&en, id, &our_unit, &our_merchant, &f->e));
	assert_string_equal(claim_now(f, id).api, "{\"asked_at\":\"2026-11-22T09:33:20.000Z\",\"answer\":\"agrees\","
	    "\"sales_unit\":{\"msn\":\"123456\"},\"merchant\":{\"name\":\"Fjord Kaffe AS\"},\"units\":null,\"proposed\":null,"
	    "\"name_differs\":false}");
}

static void
a_404_is_asked_on_schedule_and_ends_unconfirmed(void **state)
{
	struct fixture	*f = *state;
	int64_t		 now = NOW, id = claim_new(f, "one");
	struct claim	 c = claim_now(f, id);
	int		 asks = 0;

	while (c.state == CLAIM_PENDING) {
		struct enrich en = pass_at(f, &with_api, now);

		assert_true(asks < 19);
		OK(enrich_settle(&en, id, &absent_unit, NULL, &f->e));
		c = claim_now(f, id);
		if (c.state == CLAIM_PENDING) {
			assert_int_equal(c.asks, ++asks);
			assert_int_equal(c.next_ms, decide_next(asks, now));
			now = c.next_ms;
		}
	}
	assert_int_equal(asks, 18);
	assert_int_equal(c.state, CLAIM_UNCONFIRMED);
	assert_int_equal(events(f, "claim.unconfirmed"), 1);
	assert_int_equal(now - NOW, 14 * CLOCK_DAY + 8 * CLOCK_HOUR + 35 * CLOCK_MINUTE);
}

static void
what_somebody_else_decided_meanwhile_stands(void **state)
{
	struct fixture	*f = *state;
	struct enrich	 en = pass_at(f, &with_api, NOW);
	int64_t		 id = claim_new(f, "one");
	struct claim	 c = claim_now(f, id);

	OK(db_begin(f->db, &f->e));
	OK(claim_settle(f->db, &c, CLAIM_REJECTED, NULL, NOW, &f->e));
	OK(db_commit(f->db, &f->e));
	OK(enrich_settle(&en, id, &our_unit, &our_merchant, &f->e));
	assert_int_equal(claim_now(f, id).state, CLAIM_REJECTED);
	assert_int_equal(en.confirmed, 0);
}

static void
pending_is_told_once_and_after_four_hours(void **state)
{
	struct fixture	*f = *state;
	struct enrich	 en = pass_at(f, &with_api, NOW);
	int64_t		 id = claim_new(f, "one");

	OK(enrich_settle(&en, id, &absent_unit, NULL, &f->e));
	raw(f, "UPDATE claim SET next_ms = next_ms + 86400000");	/* nothing is due: no API is needed */
	for (int minute = 0; minute < 600; minute += 7) {
		en = pass_at(f, &with_api, NOW + minute * CLOCK_MINUTE);
		OK(enrich_pass(&en, &f->e));
		assert_int_equal(events(f, "claim.pending"), minute >= 240);
	}
	assert_int_equal(claim_now(f, id).told_ms, NOW + 245 * CLOCK_MINUTE);
}

static void
a_claim_that_was_never_answered_is_not_told(void **state)
{
	struct fixture	*f = *state;
	struct enrich	 en = pass_at(f, &with_api, NOW + CLOCK_DAY);

	claim_new(f, "one");
	raw(f, "UPDATE claim SET next_ms = next_ms + 2 * 86400000");
	OK(enrich_pass(&en, &f->e));
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event"), 0);
}

static void
without_an_api_a_pass_decides_all_that_is_due(void **state)
{
	struct fixture	*f = *state;
	struct enrich	 en = pass_at(f, &none_hold, NOW);

	for (int i = 0; i < 45; i++)	/* more than two batches */
		claim_new(f, arena_printf(&f->a, "mail %d", i));
	OK(enrich_pass(&en, &f->e));
	assert_int_equal(en.waiting, 45);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM claim WHERE state = 'held'"), 45);
}

static void
a_claim_without_a_number_is_held_and_not_asked(void **state)
{
	struct fixture	*f = *state;
	struct enrich	 en = pass_at(f, &with_api, NOW);
	int64_t		 id = claim_new(f, "one");

	raw(f, "UPDATE claim SET org_number = NULL");
	OK(enrich_pass(&en, &f->e));	/* opens no API: with_api names no key files */
	assert_int_equal(claim_now(f, id).state, CLAIM_HELD);
}

static void
an_approval_of_nobody_is_not_made(void **state)
{
	struct fixture	*f = *state;
	struct enrich	 en = pass_at(f, &none_confirm, NOW);
	int64_t		 id = claim_new(f, "one");

	raw(f, "UPDATE claim SET merchant_name = NULL");
	OK(enrich_settle(&en, id, NULL, NULL, &f->e));
	assert_int_equal(claim_now(f, id).state, CLAIM_HELD);
	assert_int_equal(en.waiting, 1);
}

static void
without_an_api_what_is_not_proven_is_a_persons_to_confirm(void **state)
{
	struct fixture	*f = *state;
	struct enrich	 en = pass_at(f, &none_confirm, NOW);
	int64_t		 id = claim_new(f, "one");

	raw(f, "UPDATE message SET proof = 'none'");
	OK(enrich_pass(&en, &f->e));
	assert_int_equal(claim_now(f, id).state, CLAIM_HELD);
	OK(db_begin(f->db, &f->e));
	OK(review_claim(f->db, id, &(struct review){.accept = true, .why = "seen", .user = "kari", .login_uid = -1,
	    .at_ms = NOW}, false, true, &f->e));
	OK(db_commit(f->db, &f->e));
	OK(enrich_pass(&en, &f->e));
	assert_int_equal(claim_now(f, id).state, CLAIM_CONFIRMED);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM approval WHERE confirmed_by = 'person'"), 1);
}

static void
a_signal_ends_the_pass_between_claims(void **state)
{
	static const int stop = 1;
	struct fixture	*f = *state;
	struct enrich	 en = pass_at(f, &none_hold, NOW);
	int64_t		 id = claim_new(f, "one");

	en.stop = &stop;
	assert_int_equal(enrich_pass(&en, &f->e), -1);
	assert_int_equal(f->e.what, ERR_STOPPED);
	assert_int_equal(claim_now(f, id).state, CLAIM_PENDING);
}

#define FIXTURE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_schedule_is_the_one_promised),
		cmocka_unit_test(answers_are_told_apart),
		cmocka_unit_test(a_claim_becomes_what_the_table_says),
		FIXTURE_TEST(who_confirmed_is_written_down),
		FIXTURE_TEST(a_second_mail_is_evidence_and_the_apis_name_wins),
		FIXTURE_TEST(names_that_agree_do_not_differ),
		FIXTURE_TEST(a_404_is_asked_on_schedule_and_ends_unconfirmed),
		FIXTURE_TEST(what_somebody_else_decided_meanwhile_stands),
		FIXTURE_TEST(pending_is_told_once_and_after_four_hours),
		FIXTURE_TEST(a_claim_that_was_never_answered_is_not_told),
		FIXTURE_TEST(without_an_api_a_pass_decides_all_that_is_due),
		FIXTURE_TEST(a_claim_without_a_number_is_held_and_not_asked),
		FIXTURE_TEST(an_approval_of_nobody_is_not_made),
		FIXTURE_TEST(without_an_api_what_is_not_proven_is_a_persons_to_confirm),
		FIXTURE_TEST(a_signal_ends_the_pass_between_claims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
