#include "store_fixture.h"

#include "store/stray.h"

/* A mail: fate, size (0: its header was not read), arrival; in the order of UIDs. */
struct m { char fate; int64_t size, arrived; };	/* 'p'ending, 'r'ead, 'i': pending, once ignored; 0: no more */
#define MOST 5

static void
put(struct fixture *f, int64_t epoch, const struct m *mails)
{
	char sql[400];

	for (int i = 0; i < MOST && mails[i].fate != 0; i++) {
		const struct m *m = &mails[i];
		char face[64] = "NULL, NULL";

		if (m->size != 0)
			snprintf(face, sizeof(face), "%lld, %lld", (long long)m->size, (long long)m->arrived);
		snprintf(sql, sizeof(sql),
		    "INSERT INTO mail (epoch_id, uid, fate, shown_ms, settled_ms, screen, size_bytes, arrived_ms) VALUES"
		    " (%lld, %d, '%s', 1, %s, %s, %s)", (long long)epoch, i + 1, m->fate == 'r' ? "read" : "pending",
		    m->fate == 'r' ? "1" : "NULL", m->fate == 'i' ? "'s'" : "NULL", face);
		raw(f, sql);
	}
}

static void
what_an_old_numbering_left_ends_and_only_what_did_not_turn_up_is_lost(void **state)
{
	static const struct {
		const char *name;
		struct m was[MOST], is[MOST];
		size_t lost;
	} t[] = {
		{ "there under another UID",	{ {'p', 9, 1} }, { {'r', 9, 1} }, 0 },
		{ "not there",			{ {'p', 9, 1} }, { {'r', 8, 1}, {'r', 9, 2} }, 1 },
		{ "of two that look alike one is there", { {'p', 9, 1}, {'r', 9, 1} }, { {'r', 9, 1} }, 1 },
		{ "both are",			{ {'p', 9, 1}, {'r', 9, 1} }, { {'r', 9, 1}, {'r', 9, 1} }, 0 },
		{ "no header, another mail is there", { {'p', 0, 0}, {'r', 9, 1} }, { {'r', 9, 1}, {'r', 7, 3} }, 0 },
		{ "no header, none but the known", { {'p', 0, 0}, {'r', 9, 1} }, { {'r', 9, 1} }, 1 },
		{ "no header, what is there came since", { {'p', 0, 0} }, { {'r', 7, NOW + 1} }, 1 },
		{ "no header, what is there came when the server was away", { {'p', 0, 0} }, { {'r', 7, NOW - 5} }, 1 },
		{ "no header, nor there",	{ {'p', 0, 0} }, { {'p', 0, 0} }, 0 },
		{ "a first pass that was cut off", { {'p', 0, 0}, {'p', 0, 0}, {'r', 9, 1} },
			{ {'r', 9, 1}, {'r', 8, 2}, {'r', 7, 3} }, 0 },
		{ "two of which one is there",	{ {'p', 0, 0}, {'p', 0, 0} }, { {'r', 8, 2} }, 2 },
		{ "a screen said no before",	{ {'i', 9, 1} }, { {'r', 8, 1} }, 0 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(t); i++) {
		int64_t now;
		struct stray *lost;
		size_t n;
		bool any;

		raw(f, "DELETE FROM mail; DELETE FROM epoch");
		OK(db_begin(f->db, &f->e));
		OK(mail_epoch_open(f->db, f->folder, 7, 0, NOW - 1, &f->epoch, &f->e));
		OK(mail_epoch_open(f->db, f->folder, 8, 0, NOW, &now, &f->e));
		OK(db_commit(f->db, &f->e));
		put(f, f->epoch, t[i].was);
		put(f, now, t[i].is);
		OK(stray_any(f->db, f->folder, &any, &f->e));
		assert_true(any);
		OK(db_begin(f->db, &f->e));
		OK(stray_settle(f->db, f->folder, now, NOW, &f->a, &lost, &n, &f->e));
		OK(db_commit(f->db, &f->e));
		if (n != t[i].lost)
			fail_msg("%s: %zu", t[i].name, n);
		OK(stray_any(f->db, f->folder, &any, &f->e));
		assert_false(any);
	}
	assert_int_equal(raw_number(f, "SELECT count(*) FROM mail WHERE fate = 'ignored'"), 1);
}

static void
what_was_there_under_the_next_numbers_is_not_lost_and_what_was_lost_later_is_so_once(void **state)
{
	static const struct {
		const char *name;
		struct m was[MOST], next[MOST];
		size_t lost;
	} t[] = {
		{ "read under the next, and moved away", { {'p', 9, 1} }, { {'r', 9, 1} }, 0 },
		{ "no header, likewise", { {'p', 0, 0} }, { {'r', 9, 1} }, 0 },
		{ "never read", { {'p', 9, 1} }, { {'p', 9, 1} }, 1 },
		{ "its header neither", { {'p', 0, 0} }, { {'p', 0, 0} }, 1 },
		{ "there under neither", { {'p', 9, 1} }, { {'r', 8, 1} }, 1 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(t); i++) {
		int64_t next, now;
		struct stray *lost;
		size_t n;

		raw(f, "DELETE FROM mail; DELETE FROM epoch");
		OK(db_begin(f->db, &f->e));
		OK(mail_epoch_open(f->db, f->folder, 7, 0, NOW - 2, &f->epoch, &f->e));
		OK(mail_epoch_open(f->db, f->folder, 8, 0, NOW - 1, &next, &f->e));
		OK(mail_epoch_open(f->db, f->folder, 9, 0, NOW, &now, &f->e));
		OK(db_commit(f->db, &f->e));
		put(f, f->epoch, t[i].was);
		put(f, next, t[i].next);
		OK(db_begin(f->db, &f->e));
		OK(stray_settle(f->db, f->folder, now, NOW, &f->a, &lost, &n, &f->e));
		OK(db_commit(f->db, &f->e));
		if (n != t[i].lost)
			fail_msg("%s: %zu", t[i].name, n);
		assert_int_equal(raw_number(f, "SELECT count(*) FROM mail WHERE fate = 'pending'"), 0);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_open, fixture_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_an_old_numbering_left_ends_and_only_what_did_not_turn_up_is_lost),
		T(what_was_there_under_the_next_numbers_is_not_lost_and_what_was_lost_later_is_so_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
