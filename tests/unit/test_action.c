#include "tests/unit/store_fixture.h"
#include "store/action.h"
#include "store/review.h"

/* The first due action of the fixture's epoch; NULL: there is none. */
static const struct action *
due_at(struct fixture *f, int64_t now_ms)
{
	struct action *list = arena_array(&f->a, 4, sizeof(*list));
	size_t n;

	OK(action_due(f->db, f->epoch, 0, now_ms, &f->a, list, 4, &n, &f->e));
	return n > 0 ? list : NULL;
}

static const struct action *
due(struct fixture *f)
{
	return due_at(f, NOW);
}

static void
begin(struct fixture *f)
{
	OK(db_begin(f->db, &f->e));
	OK(action_acts(f->db, f->mailbox, true, &f->e));
}

static int64_t
settled(struct fixture *f, enum mail_fate fate, const char *reason)
{
	uint32_t uid = ++f->uid;
	int64_t id, added;
	size_t n;

	OK(mail_shown(f->db, f->epoch, &uid, 1, NOW, &added, &f->e));
	OK(mail_pending(f->db, f->epoch, uid - 1, NOW, &uid, &id, 1, &n, &f->e));
	OK(mail_settle(f->db, id, fate, reason, NULL, NOW, &f->e));
	return id;
}

static void
done(struct fixture *f, int64_t mail, const char *what)
{
	OK(action_begin(f->db, mail, what, &f->e));
	OK(action_settle(f->db, mail, ACTION_DONE, what, NULL, NOW, &f->e));
}

static void
a_fate_makes_work_only_in_a_mailbox_that_acts(void **state)
{
	static const struct { enum mail_fate fate; const char *reason; bool acts; int want; } t[] = {
		{ MAIL_READ,		NULL,		false,	-1 },
		{ MAIL_READ,		NULL,		true,	ACTION_READ },
		{ MAIL_IGNORED,		NULL,		true,	ACTION_IGNORED },
		{ MAIL_IGNORED,		"before-start",	true,	-1 },
		{ MAIL_QUARANTINED,	"x",		true,	ACTION_HELD },
		{ MAIL_OVERSIZE,	"x",		true,	ACTION_HELD },
		{ MAIL_OWN,		NULL,		true,	-1 },
		{ MAIL_VANISHED,	"x",		true,	-1 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(t); i++) {
		const struct action *x;

		OK(db_begin(f->db, &f->e));
		OK(action_acts(f->db, f->mailbox, t[i].acts, &f->e));
		settled(f, t[i].fate, t[i].reason);
		x = due(f);
		if ((x == NULL ? -1 : (int)x->fate) != t[i].want)
			fail_msg("%zu: %d", i, x == NULL ? -1 : (int)x->fate);
		db_rollback(f->db);
	}
}

static void
what_a_mail_is_follows_its_claims(void **state)
{
	static const struct { enum claim_state claim; int want; } t[] = {
		{ CLAIM_PENDING,	ACTION_READ },
		{ CLAIM_HELD,		ACTION_HELD },
		{ CLAIM_AWAITING_PROOF,	ACTION_UNDECIDED },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(t); i++) {
		begin(f);
		fixture_claim(f, "a", t[i].claim, "123456", false);
		assert_non_null(due(f));
		assert_int_equal(due(f)->fate, t[i].want);
		db_rollback(f->db);
	}
}

static void
a_claim_that_waits_for_a_person_no_longer_makes_its_mail_due_again(void **state)
{
	struct fixture *f = *state;
	const struct review v = {.accept = true, .why = "known", .user = "root", .login_uid = -1, .at_ms = NOW};
	struct claim c;
	int64_t claim;

	begin(f);
	claim = fixture_claim(f, "a", CLAIM_HELD, "123456", false);
	OK(claim_get(f->db, claim, &f->a, &c, &f->e));
	done(f, c.mail_id, "seen");
	assert_null(due(f));
	OK(review_claim(f->db, claim, &v, false, false, &f->e));
	assert_non_null(due(f));
	assert_int_equal(due(f)->fate, ACTION_READ);
	assert_int_equal(due(f)->attempts, 0);
	done(f, c.mail_id, "keyword:x");
	fixture_confirm(f, claim, NO_FACTS);	/* nothing new for the mail */
	assert_null(due(f));
	OK(db_commit(f->db, &f->e));
}

static void
what_was_moved_or_is_gone_is_never_touched_again(void **state)
{
	static const struct { enum action_state state; const char *what; bool again; } t[] = {
		{ ACTION_DONE,	"move:Done",	false },
		{ ACTION_GONE,	"seen",		false },
		{ ACTION_DONE,	"seen",		true },
		{ ACTION_LEFT,	NULL,		true },
		{ ACTION_WAITS,	"move:Done",	true },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(t); i++) {
		int64_t id;

		begin(f);
		id = settled(f, MAIL_READ, NULL);
		OK(action_begin(f->db, id, "move:Done", &f->e));
		OK(action_settle(f->db, id, t[i].state, t[i].what, NULL, NOW, &f->e));
		assert_null(due(f));
		OK(mail_again(f->db, id, &f->e));
		OK(mail_settle(f->db, id, MAIL_QUARANTINED, "x", NULL, NOW, &f->e));
		assert_int_equal(due(f) != NULL, t[i].again);
		db_rollback(f->db);
	}
}

static void
a_mail_that_is_to_be_fetched_again_waits_and_one_that_was_moved_cannot_be(void **state)
{
	struct fixture *f = *state;
	int64_t moved, here;
	bool done_so;

	begin(f);
	moved = settled(f, MAIL_READ, NULL);
	done(f, moved, "move:Done");
	here = settled(f, MAIL_READ, NULL);
	OK(mail_refetch(f->db, here, "x", &done_so, &f->e));
	assert_true(done_so);
	assert_int_equal(due(f)->fate, ACTION_UNDECIDED);
	OK(mail_refetch(f->db, moved, "x", &done_so, &f->e));
	assert_false(done_so);
	OK(db_commit(f->db, &f->e));
}

static void
a_new_epoch_ends_what_was_due_in_the_old_one(void **state)
{
	struct fixture *f = *state;
	int64_t epoch;

	begin(f);
	settled(f, MAIL_READ, NULL);
	assert_non_null(due(f));
	OK(mail_epoch_open(f->db, f->folder, 8, 0, NOW, &epoch, &f->e));
	assert_null(due(f));
	OK(db_commit(f->db, &f->e));
	assert_int_equal(raw_number(f, "SELECT count(*) FROM action WHERE state = 'gone'"), 1);
}

static void
what_failed_is_due_later_or_at_once_if_the_clock_went_back(void **state)
{
	struct fixture *f = *state;
	int64_t id, later = NOW + 3600000;

	begin(f);
	id = settled(f, MAIL_READ, NULL);
	OK(action_begin(f->db, id, "seen", &f->e));
	OK(action_later(f->db, id, "seen", "no", 0, later, &f->e));
	assert_null(due_at(f, later - 1));
	assert_int_equal(due_at(f, later)->attempts, 1);
	assert_non_null(due_at(f, later - DB_LONGEST_WAIT_MS - 1));
	OK(db_commit(f->db, &f->e));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
	const struct CMUnitTest tests[] = {
		T(a_fate_makes_work_only_in_a_mailbox_that_acts),
		T(what_a_mail_is_follows_its_claims),
		T(a_claim_that_waits_for_a_person_no_longer_makes_its_mail_due_again),
		T(what_was_moved_or_is_gone_is_never_touched_again),
		T(a_mail_that_is_to_be_fetched_again_waits_and_one_that_was_moved_cannot_be),
		T(a_new_epoch_ends_what_was_due_in_the_old_one),
		T(what_failed_is_due_later_or_at_once_if_the_clock_went_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
