#include "tests/unit/store_fixture.h"

static struct claim
get(struct fixture *f, int64_t id)
{
	struct claim c;

	OK(claim_get(f->db, id, &f->a, &c, &f->e));
	return c;
}

static struct event
only_event(struct fixture *f, const char *ref)
{
	struct event *list;
	int n;

	OK(event_list_of(f->db, ref, &f->a, &list, &n, &f->e));
	assert_int_equal(n, 1);
	return list[0];
}

static void
a_claim_comes_back_with_its_mail(void **state)
{
	struct fixture *f = *state;
	struct claim c;
	int64_t id;

	OK(db_begin(f->db, &f->e));
	id = fixture_claim(f, "a", CLAIM_PENDING, "123456", false);
	OK(db_commit(f->db, &f->e));
	c = get(f, id);
	assert_int_equal(c.state, CLAIM_PENDING);
	assert_string_equal(c.org_number, "918713867");
	assert_string_equal(c.country, "NO");
	assert_string_equal(c.msn, "123456");
	assert_string_equal(c.mailbox, "onboarding");
	assert_string_equal(c.sender_domain, "vippsmobilepay.com");
	assert_string_equal(c.proof, "authentication-results");
	assert_int_equal(c.received_ms, NOW - 1000);
	assert_int_equal(c.next_ms, NOW);
	assert_int_equal(c.made_ms, NOW);
	assert_int_equal(c.settled_ms, 0);
	assert_true(c.trusted);
	assert_int_equal(claim_get(f->db, 99, &f->a, &c, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_REJECT);
}

static void
a_claim_is_written_with_every_key(void **state)
{
	struct fixture *f = *state;
	struct claim c = {.id = 5, .state = CLAIM_HELD, .reasons = "[{\"code\":\"check-digit\"}]",
	    .evidence = "{}", .sender_domain = ""};
	struct json *j = claim_json(&c);

	assert_string_equal(json_print(j, &f->a),
	    "{\"id\":\"clm_5\",\"state\":\"held\",\"confirmed_by\":null,\"org_scheme\":null,\"org_number\":null,"
	    "\"country\":null,\"merchant_name\":null,\"msn\":null,\"sales_unit_name\":null,\"received_at\":null,"
	    "\"confirmed_at\":null,\"mailbox\":null,\"found_in_junk\":false,\"message_id\":null,\"sender\":{\"domain\":null,\"proof\":null},"
	    "\"merchant\":null,\"sales_unit\":null,\"reasons\":[{\"code\":\"check-digit\"}],\"evidence\":{},"
	    "\"api\":null}");
	json_free(j);
}

static void
only_a_held_claim_is_told_at_once(void **state)
{
	struct fixture *f = *state;
	struct event ev;
	int64_t held;

	OK(db_begin(f->db, &f->e));
	fixture_claim(f, "a", CLAIM_PENDING, "123456", false);
	fixture_claim(f, "b", CLAIM_AWAITING_PROOF, "123456", false);
	held = fixture_claim(f, "c", CLAIM_HELD, "123456", false);
	OK(db_commit(f->db, &f->e));
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event"), 1);
	ev = only_event(f, arena_printf(&f->a, "clm_%lld", (long long)held));
	assert_string_equal(ev.type, "claim.held");
	assert_non_null(strstr(ev.data, "\"state\":\"held\""));
	assert_false(ev.history);
	assert_true(get(f, held).settled_ms > 0);
}

static void
a_claim_of_history_writes_history(void **state)
{
	struct fixture *f = *state;
	int64_t id;

	OK(db_begin(f->db, &f->e));
	id = fixture_claim(f, "a", CLAIM_HELD, "123456", true);
	OK(db_commit(f->db, &f->e));
	assert_true(only_event(f, arena_printf(&f->a, "clm_%lld", (long long)id)).history);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event_waiting"), 0);
}

static void
a_restored_log_makes_the_same_event_ids(void **state)
{
	struct fixture *f = *state;
	char copy[128];
	const char *id;
	struct claim c;
	int64_t first;

	OK(db_begin(f->db, &f->e));
	first = fixture_claim(f, "a", CLAIM_PENDING, "123456", false);
	OK(db_commit(f->db, &f->e));
	snprintf(copy, sizeof(copy), "%s/copy.db", f->dir);
	raw(f, arena_printf(&f->a, "VACUUM INTO '%s'", copy));

	OK(db_begin(f->db, &f->e));
	c = get(f, first);
	OK(claim_settle(f->db, &c, CLAIM_DISPUTED, NULL, NOW, &f->e));
	OK(db_commit(f->db, &f->e));
	id = only_event(f, "clm_1").id;

	/* the same mail is read again after the restore, behind another one: its row has another number */
	db_close(f->db);
	OK(db_open(copy, DB_WRITE, &f->db, &f->e));
	raw_try(copy, "DELETE FROM claim; DELETE FROM message; DELETE FROM mail");
	OK(db_begin(f->db, &f->e));
	fixture_claim(f, "another", CLAIM_PENDING, "123457", false);
	c = get(f, fixture_claim(f, "a", CLAIM_PENDING, "123456", false));
	assert_int_not_equal(c.id, first);
	OK(claim_settle(f->db, &c, CLAIM_DISPUTED, NULL, NOW + 99, &f->e));
	OK(db_commit(f->db, &f->e));
	assert_string_equal(only_event(f, "clm_2").id, id);
}

static void
two_claims_of_a_mail_have_events_of_their_own(void **state)
{
	struct fixture *f = *state;
	struct claim c = {.state = CLAIM_HELD, .reasons = "[]", .evidence = "{}"};
	int64_t id;

	OK(db_begin(f->db, &f->e));
	c.mail_id = fixture_mail(f, "a");
	for (; c.n < 2; c.n++)
		OK(claim_add(f->db, &c, "sha", NOW, &id, &f->e));
	OK(db_commit(f->db, &f->e));
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event"), 2);
}

static void
due_claims_come_new_mail_first_then_the_longest_due(void **state)
{
	struct fixture *f = *state;
	int64_t ids[4], old, late, early;
	int n;

	OK(db_begin(f->db, &f->e));
	old = fixture_claim(f, "a", CLAIM_PENDING, "1001", true);
	late = fixture_claim(f, "b", CLAIM_PENDING, "1002", false);
	early = fixture_claim(f, "c", CLAIM_PENDING, "1003", false);
	OK(claim_wait(f->db, early, NULL, 1, NOW - 5, &f->e));
	OK(claim_wait(f->db, fixture_claim(f, "d", CLAIM_PENDING, "1004", false), NULL, 1, NOW + 1, &f->e));
	fixture_claim(f, "e", CLAIM_HELD, "1005", false);
	OK(db_commit(f->db, &f->e));
	OK(claim_due(f->db, NOW, NULL, ids, 4, &n, &f->e));
	assert_int_equal(n, 3);
	assert_int_equal(ids[0], early);
	assert_int_equal(ids[1], late);
	assert_int_equal(ids[2], old);
	OK(claim_due(f->db, NOW, NULL, ids, 1, &n, &f->e));
	assert_int_equal(n, 1);
}

static bool
is_1002(const void *arg, int64_t id, const char *msn)
{
	return id == *(const int64_t *)arg || (msn != NULL && strcmp(msn, "1002") == 0);
}

static void
what_is_passed_over_leaves_room_for_what_is_behind_it(void **state)
{
	struct fixture *f = *state;
	int64_t ids[2], first, last;
	int n;

	OK(db_begin(f->db, &f->e));
	first = fixture_claim(f, "a", CLAIM_PENDING, "1001", false);
	for (int i = 0; i < 5; i++)
		fixture_claim(f, arena_printf(&f->a, "b%d", i), CLAIM_PENDING, "1002", false);
	last = fixture_claim(f, "c", CLAIM_PENDING, NULL, false);
	OK(db_commit(f->db, &f->e));
	OK(claim_due(f->db, NOW, &(struct db_but){is_1002, &first}, ids, 2, &n, &f->e));
	assert_int_equal(n, 1);
	assert_int_equal(ids[0], last);
}

static void
the_next_claim_is_the_first_that_is_not_due_yet(void **state)
{
	struct fixture *f = *state;
	int64_t next = -1, id;

	OK(claim_next(f->db, NOW, &next, &f->e));
	assert_int_equal(next, 0);
	OK(db_begin(f->db, &f->e));
	fixture_claim(f, "a", CLAIM_PENDING, "1001", false);	/* due now */
	fixture_claim(f, "b", CLAIM_HELD, "1002", false);
	id = fixture_claim(f, "c", CLAIM_PENDING, "1003", false);
	OK(claim_wait(f->db, id, NULL, 1, NOW + 7, &f->e));
	OK(claim_wait(f->db, fixture_claim(f, "d", CLAIM_PENDING, "1004", true), NULL, 1, NOW + 5, &f->e));
	OK(db_commit(f->db, &f->e));
	OK(claim_next(f->db, NOW, &next, &f->e));
	assert_int_equal(next, NOW + 5);
	OK(claim_next(f->db, NOW + 5, &next, &f->e));
	assert_int_equal(next, NOW + 7);
	OK(claim_next(f->db, NOW + 7, &next, &f->e));
	assert_int_equal(next, 0);
}

static void
a_clock_that_was_ahead_parks_no_claim(void **state)
{
	struct fixture *f = *state;
	const int64_t day = INT64_C(86400000), later[] = {day, 400 * day};
	int64_t ids[4], id;
	int n;

	OK(db_begin(f->db, &f->e));
	id = fixture_claim(f, "a", CLAIM_PENDING, "1001", false);
	OK(db_commit(f->db, &f->e));
	for (int far = 0; far < 2; far++) {
		OK(db_begin(f->db, &f->e));
		OK(claim_wait(f->db, id, NULL, 1, NOW + later[far], &f->e));
		OK(db_commit(f->db, &f->e));
		OK(claim_due(f->db, NOW, NULL, ids, 4, &n, &f->e));
		assert_int_equal(n, far);
	}
}

static void
waiting_keeps_the_last_answer(void **state)
{
	struct fixture *f = *state;
	struct claim c;
	int64_t id;

	OK(db_begin(f->db, &f->e));
	id = fixture_claim(f, "a", CLAIM_PENDING, "123456", false);
	OK(claim_wait(f->db, id, "{\"status\":404}", 1, NOW + 1, &f->e));
	OK(claim_wait(f->db, id, NULL, 1, NOW + 2, &f->e));
	OK(db_commit(f->db, &f->e));
	c = get(f, id);
	assert_string_equal(c.api, "{\"status\":404}");
	assert_int_equal(c.asks, 1);
	assert_int_equal(c.next_ms, NOW + 2);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event"), 0);
}

static void
that_a_claim_is_pending_is_told_once(void **state)
{
	struct fixture *f = *state;
	struct claim c;
	int64_t id;

	OK(db_begin(f->db, &f->e));
	id = fixture_claim(f, "a", CLAIM_PENDING, "123456", false);
	c = get(f, id);
	OK(claim_tell_pending(f->db, &c, NOW, &f->e));
	OK(claim_tell_pending(f->db, &c, NOW + 1, &f->e));
	OK(db_commit(f->db, &f->e));
	assert_int_equal(get(f, id).told_ms, NOW);
	assert_string_equal(only_event(f, "clm_1").type, "claim.pending");
}

static void
settling_writes_its_event(void **state)
{
	static const struct { enum claim_state state; const char *type; } t[] = {
		{ CLAIM_DISPUTED, "claim.disputed" }, { CLAIM_UNCONFIRMED, "claim.unconfirmed" },
		{ CLAIM_HELD, "claim.held" }, { CLAIM_REJECTED, "claim.rejected" },
	};
	struct fixture *f = *state;
	struct claim c;

	for (size_t i = 0; i < COUNT(t); i++) {
		OK(db_begin(f->db, &f->e));
		c = get(f, fixture_claim(f, t[i].type, CLAIM_PENDING, "123456", false));
		OK(claim_settle(f->db, &c, t[i].state, "{\"status\":200}", NOW + 5, &f->e));
		OK(db_commit(f->db, &f->e));
		c = get(f, c.id);
		assert_int_equal(c.state, t[i].state);
		assert_int_equal(c.settled_ms, NOW + 5);
		assert_int_equal(c.next_ms, 0);
		assert_string_equal(c.api, "{\"status\":200}");
		assert_string_equal(only_event(f, arena_printf(&f->a, "clm_%lld", (long long)c.id)).type, t[i].type);
	}
}

static void
what_was_decided_meanwhile_stands(void **state)
{
	struct fixture *f = *state;
	struct claim c;
	bool made;

	OK(db_begin(f->db, &f->e));
	c = get(f, fixture_claim(f, "a", CLAIM_PENDING, "123456", false));
	OK(claim_settle(f->db, &c, CLAIM_REJECTED, NULL, NOW, &f->e));
	OK(db_commit(f->db, &f->e));

	OK(db_begin(f->db, &f->e));
	assert_int_equal(claim_settle(f->db, &c, CLAIM_DISPUTED, NULL, NOW, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_REJECT);
	assert_int_equal(approval_confirm(f->db, &c, NO_FACTS, "management-api", NOW, &made, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_REJECT);
	OK(claim_wait(f->db, c.id, "{}", 9, NOW, &f->e));
	db_rollback(f->db);
	assert_int_equal(get(f, c.id).asks, 0);
	assert_int_equal(get(f, c.id).state, CLAIM_REJECTED);
}

static void
a_claim_is_never_settled_as_confirmed(void **state)
{
	static const enum claim_state t[] = { CLAIM_CONFIRMED, CLAIM_PENDING, CLAIM_SUPERSEDED, CLAIM_AWAITING_PROOF };
	struct fixture *f = *state;
	struct claim c;

	OK(db_begin(f->db, &f->e));
	c = get(f, fixture_claim(f, "a", CLAIM_PENDING, "123456", false));
	for (size_t i = 0; i < COUNT(t); i++)
		assert_int_equal(claim_settle(f->db, &c, t[i], NULL, NOW, &f->e), -1);
	db_rollback(f->db);
}

static void
claims_are_listed_by_mail_and_by_approval(void **state)
{
	struct fixture *f = *state;
	struct claim c, *list;
	int64_t id;
	int n;

	OK(db_begin(f->db, &f->e));
	id = fixture_claim(f, "a", CLAIM_PENDING, "123456", false);
	fixture_claim(f, "b", CLAIM_PENDING, "123457", false);
	fixture_confirm(f, id, NO_FACTS);
	OK(db_commit(f->db, &f->e));
	c = get(f, id);
	OK(claim_list_of(f->db, c.mail_id, 0, &f->a, &list, &n, &f->e));
	assert_int_equal(n, 1);
	assert_int_equal(list[0].id, id);
	OK(claim_list_of(f->db, 0, c.approval_id, &f->a, &list, &n, &f->e));
	assert_int_equal(n, 1);
	assert_int_equal(list[0].id, id);
	OK(claim_list_of(f->db, 99, 0, &f->a, &list, &n, &f->e));
	assert_int_equal(n, 0);
}

static void
states_have_names(void **state)
{
	(void)state;
	for (int i = 0; i < CLAIM_STATES; i++)
		assert_int_equal(claim_state_of(claim_state_name((enum claim_state)i)), i);
	assert_int_equal(claim_state_of("approved"), -1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_claim_comes_back_with_its_mail),
		T(a_claim_is_written_with_every_key),
		T(only_a_held_claim_is_told_at_once),
		T(a_claim_of_history_writes_history),
		T(a_restored_log_makes_the_same_event_ids),
		T(two_claims_of_a_mail_have_events_of_their_own),
		T(due_claims_come_new_mail_first_then_the_longest_due),
		T(what_is_passed_over_leaves_room_for_what_is_behind_it),
		T(the_next_claim_is_the_first_that_is_not_due_yet),
		T(a_clock_that_was_ahead_parks_no_claim),
		T(waiting_keeps_the_last_answer),
		T(that_a_claim_is_pending_is_told_once),
		T(settling_writes_its_event),
		T(what_was_decided_meanwhile_stands),
		T(a_claim_is_never_settled_as_confirmed),
		T(claims_are_listed_by_mail_and_by_approval),
		cmocka_unit_test(states_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
