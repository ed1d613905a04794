/* ingest/retry: what fails is tried again for ever, and told of in time */
#include "tests/unit/store_fixture.h"

#include "base/clock.h"
#include "ingest/retry.h"

static void
a_mail_that_fails_is_tried_again_for_ever(void **state)
{
	static const struct { int attempt; int64_t wait; } t[] = {
		{1, 1}, {2, CLOCK_MINUTE}, {3, 2 * CLOCK_MINUTE}, {7, 32 * CLOCK_MINUTE}, {11, 6 * CLOCK_HOUR},
		{12, 6 * CLOCK_HOUR}, {100000, 6 * CLOCK_HOUR},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		for (uint32_t chance = 0; chance < 1000; chance++) {
			int64_t wait = retry_next(t[i].attempt, chance * 4294967u, NOW) - NOW;

			assert_true(wait >= t[i].wait * 4 / 5 && wait <= t[i].wait * 6 / 5);
			assert_true(wait <= MAIL_WAIT_MS);	/* or it would be due at once */
		}
}

static int64_t
pending_mail(struct fixture *f, uint32_t uid)
{
	int64_t added;
	char sql[64];

	OK(db_begin(f->db, &f->e));
	OK(mail_shown(f->db, f->epoch, &uid, 1, NOW, &added, &f->e));
	OK(db_commit(f->db, &f->e));
	snprintf(sql, sizeof(sql), "SELECT id FROM mail WHERE uid = %u", uid);
	return raw_number(f, sql);
}

static void
fails(struct fixture *f, int64_t id, int64_t now_ms)
{
	struct ingest in = {.db = f->db, .mailbox = "onboarding", .now_ms = now_ms};

	OK(db_begin(f->db, &f->e));
	OK(retry_failed(&in, id, "the server did not send it", &f->e));
	OK(db_commit(f->db, &f->e));
}

static size_t
due(struct fixture *f, bool tried, int64_t now_ms)
{
	uint32_t uids[4];
	int64_t ids[4];
	size_t n;

	if (tried)
		OK(mail_tried(f->db, f->epoch, now_ms, uids, ids, 4, &n, &f->e));
	else
		OK(mail_pending(f->db, f->epoch, 0, now_ms, uids, ids, 4, &n, &f->e));
	return n;
}

static void
it_is_not_fetched_before_it_is_due_and_comes_after_what_never_failed(void **state)
{
	struct fixture *f = *state;
	int64_t id = pending_mail(f, 1);

	pending_mail(f, 2);
	assert_int_equal(due(f, false, NOW), 2);
	fails(f, id, NOW);
	assert_int_equal(due(f, false, NOW), 1);
	assert_int_equal(due(f, true, NOW), 0);		/* not again in this pass */
	assert_int_equal(due(f, true, NOW + 2), 1);	/* in the next */
	fails(f, id, NOW);
	assert_int_equal(due(f, true, NOW + CLOCK_MINUTE / 2), 0);
	assert_int_equal(due(f, true, NOW + 2 * CLOCK_MINUTE), 1);
	assert_int_equal(due(f, true, NOW - CLOCK_DAY), 1);	/* the clock was ahead */
}

/* However many they are, and whatever their UIDs: in one pass only so many are tried. */
static void
of_those_that_failed_none_keeps_another_waiting_for_ever(void **state)
{
	struct fixture *f = *state;
	int64_t id[5], now_ms = NOW, ids[2];
	uint32_t uids[2];
	bool tried[5] = {false};
	size_t n;

	for (uint32_t i = 0; i < 5; i++)
		fails(f, id[i] = pending_mail(f, i + 1), NOW);
	for (int pass = 0; pass < 3; pass++) {
		now_ms += 7 * CLOCK_HOUR;	/* all are due again */
		OK(mail_tried(f->db, f->epoch, now_ms, uids, ids, 2, &n, &f->e));
		for (size_t i = 0; i < n; i++) {
			tried[uids[i] - 1] = true;
			fails(f, ids[i], now_ms);
		}
	}
	for (size_t i = 0; i < 5; i++)
		assert_true(tried[i]);
}

static void
the_third_failure_is_told_once(void **state)
{
	struct fixture *f = *state;
	int64_t id = pending_mail(f, 1), other = pending_mail(f, 2);

	for (int i = 1; i <= 5; i++) {
		fails(f, id, NOW);
		assert_int_equal(raw_number(f, "SELECT count(*) FROM event WHERE type = 'mail.stuck'"), i >= 3);
	}
	for (int i = 1; i <= 3; i++)
		fails(f, other, NOW);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event WHERE type = 'mail.stuck'"), 2);
	assert_int_equal(raw_number(f, "SELECT attempts FROM mail WHERE uid = 1"), 5);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM mail WHERE fate = 'pending'"), 2);
}

static void
a_server_that_loses_all_mail_is_told_of_with_a_count(void **state)
{
	struct fixture *f = *state;

	for (uint32_t uid = 1; uid <= 15; uid++) {
		int64_t id = pending_mail(f, uid);

		for (int i = 1; i <= 3; i++)
			fails(f, id, NOW);
	}
	/* ten by themselves, one of the rest at once; the others when the day is over */
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event WHERE type = 'mail.stuck'"), 11);
	assert_int_equal(raw_number(f, "SELECT count FROM alarm WHERE subject = 'onboarding'"), 5);
}

static void
a_mail_that_was_told_of_leaves_the_folder_good(void **state)
{
	struct fixture *f = *state;
	int64_t id = pending_mail(f, 1);
	struct epoch_row ep;

	for (int i = 1; i <= 3; i++) {
		OK(mail_epoch(f->db, f->folder, NULL, &ep, &f->e));
		assert_int_equal(ep.pending, 1);
		assert_int_equal(ep.untold, 1);
		fails(f, id, NOW);
	}
	OK(mail_epoch(f->db, f->folder, NULL, &ep, &f->e));
	assert_int_equal(ep.pending, 1);
	assert_int_equal(ep.untold, 0);
	assert_true(ep.next_ms > NOW);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mail_that_fails_is_tried_again_for_ever),
		T(it_is_not_fetched_before_it_is_due_and_comes_after_what_never_failed),
		T(of_those_that_failed_none_keeps_another_waiting_for_ever),
		T(the_third_failure_is_told_once),
		T(a_server_that_loses_all_mail_is_told_of_with_a_count),
		T(a_mail_that_was_told_of_leaves_the_folder_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
