/* store/alarm: told once per subject and day, and no count is lost */
#include "tests/unit/store_fixture.h"

#include "base/clock.h"
#include "store/alarm.h"

static void
raise_at(struct fixture *f, const char *subject, const char *ref, bool history, int64_t at_ms)
{
	struct json *data = json_object();

	json_put_text(data, "id", ref);
	OK(db_begin(f->db, &f->e));
	OK(alarm_raise(f->db, &(struct alarm_new){.type = "mail.unmatched", .subject = subject, .ref = ref,
	    .data = data, .history = history}, at_ms, &f->e));
	OK(db_commit(f->db, &f->e));
}

/* Data of all events so far, one a line, oldest first. */
static const char *
told(struct fixture *f)
{
	struct arena_buf b = {.arena = &f->a};
	int64_t count = raw_number(f, "SELECT count(*) FROM event");

	arena_puts(&b, "");
	for (int64_t seq = 1; seq <= count; seq++) {
		sqlite3 *raw;
		sqlite3_stmt *st;

		assert_int_equal(sqlite3_open(f->path, &raw), SQLITE_OK);
		sqlite3_prepare_v2(raw, "SELECT payload -> '$.data' FROM event_payload WHERE seq = ?1", -1, &st, NULL);
		sqlite3_bind_int64(st, 1, seq);
		assert_int_equal(sqlite3_step(st), SQLITE_ROW);
		arena_putf(&b, "%s\n", (const char *)sqlite3_column_text(st, 0));
		sqlite3_finalize(st);
		sqlite3_close(raw);
	}
	return b.p;
}

static void
the_first_is_told_at_once_and_the_count_when_the_day_is_over(void **state)
{
	struct fixture *f = *state;

	raise_at(f, "a.example", "mail_1", false, NOW);
	raise_at(f, "a.example", "mail_2", false, NOW + 1);
	raise_at(f, "b.example", "mail_3", false, NOW + 2);
	raise_at(f, "a.example", "mail_4", false, NOW + 3);
	OK(alarm_days_over(f->db, NOW + 4, &f->e));
	assert_string_equal(told(f),
	    "{\"id\":\"mail_1\",\"day\":\"2026-11-22\",\"count\":1}\n"
	    "{\"id\":\"mail_3\",\"day\":\"2026-11-22\",\"count\":1}\n");
	OK(alarm_days_over(f->db, NOW + CLOCK_DAY, &f->e));
	OK(alarm_days_over(f->db, NOW + CLOCK_DAY, &f->e));
	assert_string_equal(told(f),	/* b.example has nothing to add */
	    "{\"id\":\"mail_1\",\"day\":\"2026-11-22\",\"count\":1}\n"
	    "{\"id\":\"mail_3\",\"day\":\"2026-11-22\",\"count\":1}\n"
	    "{\"id\":\"mail_4\",\"day\":\"2026-11-22\",\"count\":3}\n");
	assert_int_equal(raw_number(f, "SELECT count(DISTINCT id) FROM event"), 3);
}

static void
each_day_is_told_anew(void **state)
{
	struct fixture *f = *state;

	raise_at(f, "a.example", "mail_1", false, NOW);
	raise_at(f, "a.example", "mail_2", false, NOW + CLOCK_DAY);
	raise_at(f, "a.example", "mail_3", false, NOW + CLOCK_DAY);
	raise_at(f, "a.example", "mail_4", false, NOW + 3 * CLOCK_DAY);
	OK(alarm_days_over(f->db, NOW + 3 * CLOCK_DAY, &f->e));
	assert_string_equal(told(f),
	    "{\"id\":\"mail_1\",\"day\":\"2026-11-22\",\"count\":1}\n"
	    "{\"id\":\"mail_2\",\"day\":\"2026-11-23\",\"count\":1}\n"
	    "{\"id\":\"mail_4\",\"day\":\"2026-11-25\",\"count\":1}\n"
	    "{\"id\":\"mail_3\",\"day\":\"2026-11-23\",\"count\":2}\n");
}

static void
history_is_counted_apart_and_never_routed(void **state)
{
	struct fixture *f = *state;

	raise_at(f, "a.example", "mail_1", true, NOW);
	raise_at(f, "a.example", "mail_2", true, NOW);
	raise_at(f, "a.example", "mail_3", false, NOW);
	OK(alarm_days_over(f->db, NOW + CLOCK_DAY, &f->e));
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event"), 3);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event_waiting"), 1);
}

static void
a_crash_before_the_commit_loses_and_doubles_nothing(void **state)
{
	struct fixture *f = *state;

	raise_at(f, "a.example", "mail_1", false, NOW);
	OK(db_begin(f->db, &f->e));
	OK(alarm_raise(f->db, &(struct alarm_new){.type = "mail.unmatched", .subject = "a.example", .ref = "mail_2",
	    .data = json_object()}, NOW, &f->e));
	db_rollback(f->db);
	raise_at(f, "a.example", "mail_2", false, NOW);
	assert_int_equal(raw_number(f, "SELECT count FROM alarm"), 2);
	OK(alarm_days_over(f->db, NOW + CLOCK_DAY, &f->e));
	assert_int_equal(raw_number(f, "SELECT told FROM alarm"), 2);
}

static void
what_comes_for_a_day_that_was_told_is_told_too(void **state)
{
	struct fixture *f = *state;

	raise_at(f, "a.example", "mail_1", false, NOW);
	raise_at(f, "a.example", "mail_2", false, NOW);
	OK(alarm_days_over(f->db, NOW + CLOCK_DAY, &f->e));
	raise_at(f, "a.example", "mail_3", false, NOW);		/* the clock went back */
	OK(alarm_days_over(f->db, NOW + CLOCK_DAY, &f->e));
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event"), 3);
	assert_non_null(strstr(told(f), "\"count\":3"));
}

static void
others_have_so_much_room_a_day(void **state)
{
	struct fixture *f = *state;
	bool room;

	raise_at(f, "a.example", "mail_1", false, NOW);
	raise_at(f, "b.example", "mail_2", false, NOW);
	raise_at(f, ALARM_REST, "mail_3", false, NOW);
#define ROOM(subject, history, limit, at_ms) \
	(alarm_room(f->db, "mail.unmatched", subject, history, limit, at_ms, &room, &f->e) == 0 && room)
	assert_true(ROOM("c.example", false, 3, NOW));
	assert_false(ROOM("c.example", false, 2, NOW));
	assert_true(ROOM("b.example", false, 2, NOW));		/* it has its own */
	assert_true(ROOM("c.example", true, 2, NOW));
	assert_true(ROOM("c.example", false, 2, NOW + CLOCK_DAY));
#undef ROOM
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
	const struct CMUnitTest tests[] = {
		T(the_first_is_told_at_once_and_the_count_when_the_day_is_over),
		T(each_day_is_told_anew),
		T(history_is_counted_apart_and_never_routed),
		T(a_crash_before_the_commit_loses_and_doubles_nothing),
		T(what_comes_for_a_day_that_was_told_is_told_too),
		T(others_have_so_much_room_a_day),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
