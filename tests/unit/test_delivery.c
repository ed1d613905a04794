#include "tests/unit/store_fixture.h"

#define LEASE INT64_C(300000)

static const struct delivery_new two[] = {
	{ .endpoint = "crm", .target = "https://crm.example.com/hook", .webhook_id = "msg_1", .body = "{\"a\":1}" },
	{ .endpoint = "team", .target = "team@example.com", .webhook_id = "msg_2", .body = "Hello\r\n" },
};

/* An event, fanned out to both targets. */
static void
fan_out(struct fixture *f)
{
	OK(db_begin(f->db, &f->e));
	fixture_claim(f, "a", CLAIM_HELD, "123456", false);
	OK(db_commit(f->db, &f->e));
	OK(delivery_fan_out(f->db, 1, two, 2, NOW, &f->e));
}

static struct delivery *
lease(struct fixture *f, int64_t now_ms, int want)
{
	struct delivery *list;
	int n;

	OK(delivery_lease(f->db, now_ms, LEASE, 10, &f->a, &list, &n, &f->e));
	assert_int_equal(n, want);
	return list;
}

static struct delivery
get(struct fixture *f, int64_t id)
{
	struct delivery d;

	OK(delivery_get(f->db, id, &f->a, &d, &f->e));
	return d;
}

static void
an_event_is_fanned_out_once(void **state)
{
	static const struct delivery_new late = { .endpoint = "ops", .target = "ops@example.com", .webhook_id = "msg_3",
	    .body = "x" };
	struct fixture *f = *state;
	struct event ev;
	struct delivery *list;
	int n;

	fan_out(f);
	OK(event_next_waiting(f->db, &f->a, &ev, &f->e));
	assert_int_equal(ev.seq, 0);
	OK(delivery_fan_out(f->db, 1, &late, 1, NOW, &f->e));
	OK(delivery_list_of(f->db, 1, &f->a, &list, &n, &f->e));
	assert_int_equal(n, 2);
	assert_string_equal(list[0].target, two[0].target);
	assert_string_equal(list[0].body, two[0].body);
	assert_string_equal(list[0].event_type, "claim.held");
	assert_memory_equal(list[0].event_id, "evt_", 4);
	assert_int_equal(list[0].event_ms, NOW);
	assert_int_equal(list[1].state, DELIVERY_DUE);
}

static void
an_event_that_nobody_wants_is_fanned_out_too(void **state)
{
	struct fixture *f = *state;

	OK(db_begin(f->db, &f->e));
	fixture_claim(f, "a", CLAIM_HELD, "123456", false);
	OK(db_commit(f->db, &f->e));
	OK(delivery_fan_out(f->db, 1, NULL, 0, NOW, &f->e));
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event_waiting"), 0);
}

static void
one_target_gets_an_event_once(void **state)
{
	struct fixture *f = *state;
	struct delivery_new same[] = { two[0], two[0] };

	OK(db_begin(f->db, &f->e));
	fixture_claim(f, "a", CLAIM_HELD, "123456", false);
	OK(db_commit(f->db, &f->e));
	same[1].endpoint = "copy";
	OK(delivery_fan_out(f->db, 1, same, 2, NOW, &f->e));
	assert_int_equal(raw_number(f, "SELECT count(*) FROM delivery"), 1);
}

static void
a_fan_out_that_fails_leaves_the_event_waiting(void **state)
{
	struct fixture *f = *state;
	struct delivery_new bad[] = { two[0], two[1] };

	OK(db_begin(f->db, &f->e));
	fixture_claim(f, "a", CLAIM_HELD, "123456", false);
	OK(db_commit(f->db, &f->e));
	bad[1].webhook_id = "msg_1";		/* of another target */
	assert_int_equal(delivery_fan_out(f->db, 1, bad, 2, NOW, &f->e), -1);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event_waiting"), 1);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM delivery"), 0);
}

static void
what_is_leased_is_leased_by_one(void **state)
{
	struct fixture *f = *state;
	struct delivery *list;

	fan_out(f);
	list = lease(f, NOW, 2);
	assert_int_equal(list[0].attempt, 1);
	assert_int_equal(list[0].leased_until_ms, NOW + LEASE);
	lease(f, NOW + LEASE - 1, 0);
}

static void
a_clock_that_was_ahead_parks_no_delivery(void **state)
{
	struct fixture *f = *state;

	fan_out(f);
	lease(f, NOW + 400 * INT64_C(86400000), 2);	/* leased then, and the clock was put right */
	assert_int_equal(lease(f, NOW, 2)[0].attempt, 2);
}

static void
a_killed_workers_delivery_comes_back_counted(void **state)
{
	struct fixture *f = *state;
	struct delivery *d;

	fan_out(f);
	lease(f, NOW, 2);
	d = lease(f, NOW + LEASE, 2);
	assert_int_equal(d[0].attempt, 2);
	assert_int_equal(d[0].outcomes, 0);	/* the schedule does not count it */
}

static void
the_next_delivery_is_the_first_that_is_not_due_yet(void **state)
{
	struct fixture *f = *state;
	int64_t next = -1;

	OK(delivery_next(f->db, NOW, &next, &f->e));
	assert_int_equal(next, 0);
	fan_out(f);		/* two, due now */
	OK(delivery_next(f->db, NOW, &next, &f->e));
	assert_int_equal(next, 0);
	raw(f, "UPDATE delivery SET next_ms = next_ms + 9 WHERE id = 1");
	raw(f, "UPDATE delivery SET next_ms = next_ms + 5, untrusted = 1 WHERE id = 2");
	OK(delivery_next(f->db, NOW, &next, &f->e));
	assert_int_equal(next, NOW + 5);
	raw(f, "UPDATE delivery SET state = 'dead', settled_ms = 1 WHERE id = 2");
	OK(delivery_next(f->db, NOW, &next, &f->e));
	assert_int_equal(next, NOW + 9);
}

static void
a_lease_takes_the_longest_due_first_and_no_more_than_asked(void **state)
{
	struct fixture *f = *state;
	struct delivery *list;
	int n;

	fan_out(f);
	raw(f, "UPDATE delivery SET next_ms = next_ms - 1 WHERE id = 2");
	OK(delivery_lease(f->db, NOW, LEASE, 1, &f->a, &list, &n, &f->e));
	assert_int_equal(n, 1);
	assert_int_equal(list[0].id, 2);
	raw(f, "UPDATE delivery SET next_ms = next_ms + 2 WHERE id = 1");
	lease(f, NOW, 0);	/* not due yet */
}

static void
delivered_is_recorded_with_its_attempt(void **state)
{
	struct fixture *f = *state;
	struct attempt t = {.at_ms = NOW + 1, .took_ms = 12, .status = 204}, *list;
	struct delivery d;
	int n;

	fan_out(f);
	d = lease(f, NOW, 2)[0];
	OK(delivery_settle(f->db, &d, &t, DELIVERY_DELIVERED, 0, NOW + 20, &f->e));
	d = get(f, d.id);
	assert_int_equal(d.state, DELIVERY_DELIVERED);
	assert_int_equal(d.settled_ms, NOW + 20);
	OK(delivery_attempts(f->db, d.id, &f->a, &list, &n, &f->e));
	assert_int_equal(n, 1);
	assert_int_equal(list[0].n, 1);
	assert_int_equal(list[0].status, 204);
	assert_int_equal(list[0].took_ms, 12);
	assert_null(list[0].error);
	lease(f, NOW + 2 * LEASE, 1);	/* the other one */
}

static void
nothing_is_delivered_without_a_good_answer(void **state)
{
	static const struct attempt t[] = {
		{ .at_ms = NOW, .status = 0 }, { .at_ms = NOW, .status = 500 }, { .at_ms = NOW, .status = 302 },
		{ .at_ms = NOW, .status = 200, .error = "cut off" },
	};
	struct fixture *f = *state;
	struct delivery d;

	fan_out(f);
	d = lease(f, NOW, 2)[0];
	for (size_t i = 0; i < COUNT(t); i++)
		assert_int_equal(delivery_settle(f->db, &d, &t[i], DELIVERY_DELIVERED, 0, NOW, &f->e), -1);
	assert_int_equal(get(f, d.id).state, DELIVERY_DUE);
}

static void
a_failed_attempt_is_tried_again_when_due(void **state)
{
	struct fixture *f = *state;
	struct attempt t = {.at_ms = NOW, .took_ms = 1, .error = "timed out"}, *list;
	struct delivery d;
	int n;

	fan_out(f);
	raw(f, "UPDATE delivery SET next_ms = next_ms + 9000000 WHERE id = 2");
	d = lease(f, NOW, 1)[0];
	OK(delivery_settle(f->db, &d, &t, DELIVERY_DUE, NOW + 5000, NOW, &f->e));
	lease(f, NOW + 4999, 0);
	d = lease(f, NOW + 5000, 1)[0];
	assert_int_equal(d.attempt, 2);
	t.error = "gone";
	t.status = 410;
	OK(delivery_settle(f->db, &d, &t, DELIVERY_DEAD, 0, NOW + 5001, &f->e));
	assert_int_equal(get(f, d.id).state, DELIVERY_DEAD);
	OK(delivery_attempts(f->db, d.id, &f->a, &list, &n, &f->e));
	assert_int_equal(n, 2);
	assert_int_equal(list[0].status, 0);
	assert_string_equal(list[1].error, "gone");
	lease(f, NOW + LEASE, 0);
}

static void
a_late_worker_cannot_undo_a_newer_one(void **state)
{
	struct fixture *f = *state;
	struct attempt ok = {.at_ms = NOW, .status = 200}, bad = {.at_ms = NOW, .error = "timed out"};
	struct delivery late, now;

	fan_out(f);
	late = lease(f, NOW, 2)[0];
	now = lease(f, NOW + LEASE, 2)[0];
	OK(delivery_settle(f->db, &late, &ok, DELIVERY_DELIVERED, 0, NOW, &f->e));
	OK(delivery_release(f->db, &late, &f->e));
	assert_int_equal(get(f, now.id).state, DELIVERY_DUE);
	assert_int_equal(get(f, now.id).attempt, 2);
	OK(delivery_settle(f->db, &now, &ok, DELIVERY_DELIVERED, 0, NOW, &f->e));
	OK(delivery_settle(f->db, &now, &bad, DELIVERY_DUE, NOW, NOW, &f->e));	/* twice */
	assert_int_equal(get(f, now.id).state, DELIVERY_DELIVERED);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM attempt"), 1);
}

static void
a_released_lease_was_no_attempt(void **state)
{
	struct fixture *f = *state;
	struct delivery d;

	fan_out(f);
	d = lease(f, NOW, 2)[0];
	OK(delivery_release(f->db, &d, &f->e));
	OK(delivery_release(f->db, &d, &f->e));
	assert_int_equal(get(f, d.id).attempt, 0);
	d = lease(f, NOW, 1)[0];
	assert_int_equal(d.attempt, 1);
}

static void
what_is_not_there_is_said(void **state)
{
	struct fixture *f = *state;
	struct delivery d;

	assert_int_equal(delivery_get(f->db, 7, &f->a, &d, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_REJECT);
	assert_non_null(strstr(f->e.msg, "dlv_7"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_event_is_fanned_out_once),
		T(an_event_that_nobody_wants_is_fanned_out_too),
		T(one_target_gets_an_event_once),
		T(a_fan_out_that_fails_leaves_the_event_waiting),
		T(what_is_leased_is_leased_by_one),
		T(a_clock_that_was_ahead_parks_no_delivery),
		T(a_killed_workers_delivery_comes_back_counted),
		T(the_next_delivery_is_the_first_that_is_not_due_yet),
		T(a_lease_takes_the_longest_due_first_and_no_more_than_asked),
		T(delivered_is_recorded_with_its_attempt),
		T(nothing_is_delivered_without_a_good_answer),
		T(a_failed_attempt_is_tried_again_when_due),
		T(a_late_worker_cannot_undo_a_newer_one),
		T(a_released_lease_was_no_attempt),
		T(what_is_not_there_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
