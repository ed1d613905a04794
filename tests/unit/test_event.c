#include "tests/unit/store_fixture.h"

static void
add(struct fixture *f, const char *type, const char *ref, const char *cause, bool history)
{
	struct json *data = json_object();

	json_put_text(data, "cause", cause);
	OK(db_begin(f->db, &f->e));
	OK(event_add(f->db, &(struct event_new){.type = type, .ref = ref, .cause = cause, .data = data,
	    .history = history}, NOW, &f->e));
	OK(db_commit(f->db, &f->e));
}

static void
five_events(struct fixture *f)
{
	static const char *const causes[] = { "a", "b", "c", "d", "e" };

	for (size_t i = 0; i < COUNT(causes); i++)
		add(f, i % 2 == 0 ? "mail.quarantined" : "mail.unmatched", "mail_1", causes[i], false);
}

static const char *
verify(struct fixture *f, int64_t *count)
{
	const char *problem;
	uint8_t head[32];

	OK(event_verify(f->db, &f->a, count, head, &problem, &f->e));
	return problem;
}

static void
an_event_is_read_as_it_was_written(void **state)
{
	struct fixture *f = *state;
	struct event ev, *list;
	int n;

	OK(event_next_waiting(f->db, &f->a, &ev, &f->e));
	assert_int_equal(ev.seq, 0);
	five_events(f);
	OK(event_next_waiting(f->db, &f->a, &ev, &f->e));
	assert_int_equal(ev.seq, 1);
	assert_string_equal(ev.type, "mail.quarantined");
	assert_string_equal(ev.ref, "mail_1");
	assert_string_equal(ev.data, "{\"cause\":\"a\"}");
	assert_int_equal(ev.at_ms, NOW);
	assert_false(ev.history);
	assert_memory_equal(ev.id, "evt_", 4);
	OK(event_get(f->db, ev.id, &f->a, &ev, &f->e));
	assert_int_equal(ev.seq, 1);
	OK(event_list_of(f->db, "mail_1", &f->a, &list, &n, &f->e));
	assert_int_equal(n, 5);
	assert_int_equal(list[4].seq, 5);
	OK(event_list_of(f->db, "mail_2", &f->a, &list, &n, &f->e));
	assert_int_equal(n, 0);
	assert_int_equal(event_get(f->db, "evt_none", &f->a, &ev, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_REJECT);
}

static void
the_same_event_is_added_once(void **state)
{
	struct fixture *f = *state;

	add(f, "mail.unmatched", "mail_1", "a", false);
	add(f, "mail.unmatched", "mail_1", "a", false);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event"), 1);
	add(f, "mail.unmatched", "mail_2", "a", false);
	add(f, "mail.quarantined", "mail_1", "a", false);
	add(f, "mail.unmatched", "mail_1", "b", false);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event"), 4);
}

static void
the_subject_names_an_event_whose_ref_is_a_row(void **state)
{
	struct fixture *f = *state;
	struct event_new ev = {.type = "claim.held", .ref = "clm_1", .subject = "sha/0", .cause = "sha"};

	OK(db_begin(f->db, &f->e));
	ev.data = json_object();
	OK(event_add(f->db, &ev, NOW, &f->e));
	ev.ref = "clm_77";
	ev.data = json_object();
	OK(event_add(f->db, &ev, NOW, &f->e));
	OK(db_commit(f->db, &f->e));
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event"), 1);
}

static void
history_is_marked_and_never_waits(void **state)
{
	struct fixture *f = *state;
	struct event ev, *list;
	int n;

	add(f, "approval.confirmed", "apr_1", "a", true);
	OK(event_next_waiting(f->db, &f->a, &ev, &f->e));
	assert_int_equal(ev.seq, 0);
	OK(event_list_of(f->db, "apr_1", &f->a, &list, &n, &f->e));
	assert_true(list[0].history);
}

static void
an_unknown_type_is_a_defect(void **state)
{
	struct fixture *f = *state;

	OK(db_begin(f->db, &f->e));
	assert_int_equal(event_add(f->db, &(struct event_new){.type = "mail.lost", .ref = "mail_1", .cause = "a",
	    .data = json_object()}, NOW, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_FATAL);
	db_rollback(f->db);
}

static void
an_untouched_chain_verifies(void **state)
{
	struct fixture *f = *state;
	int64_t count;

	assert_null(verify(f, &count));
	assert_int_equal(count, 0);
	five_events(f);
	assert_null(verify(f, &count));
	assert_int_equal(count, 5);
}

static void
a_long_chain_verifies_over_its_pages(void **state)
{
	struct fixture *f = *state;
	int64_t count;

	OK(db_begin(f->db, &f->e));
	for (int i = 0; i < 1001; i++)
		OK(event_add(f->db, &(struct event_new){.type = "mail.unmatched", .ref = "mail_1",
		    .cause = arena_printf(&f->a, "%d", i), .data = json_object()}, NOW, &f->e));
	OK(db_commit(f->db, &f->e));
	assert_null(verify(f, &count));
	assert_int_equal(count, 1001);
	raw(f, "DROP TRIGGER event_no_update; UPDATE event SET ref = 'mail_2' WHERE seq = 1001");
	assert_non_null(strstr(verify(f, &count), "event 1001"));
}

#define UNGUARDED "DROP TRIGGER event_no_update; DROP TRIGGER event_no_delete; DROP TRIGGER event_payload_no_update;" \
	"DROP TRIGGER event_payload_no_delete; PRAGMA foreign_keys = OFF;"

static void
every_tampering_is_found(void **state)
{
	static const struct { const char *name, *sql; int at; } t[] = {
		{ "payload", "UPDATE event_payload SET payload = replace(payload, 'b', 'x') WHERE seq = 2", 2 },
		{ "salt", "UPDATE event_payload SET salt = randomblob(32) WHERE seq = 2", 2 },
		{ "half erased", "PRAGMA ignore_check_constraints = ON;"
		    "UPDATE event_payload SET salt = NULL WHERE seq = 2", 2 },
		{ "payload removed", "DELETE FROM event_payload WHERE seq = 2", 2 },
		{ "payloads swapped", "UPDATE event_payload SET seq = 99 WHERE seq = 2;"
		    "UPDATE event_payload SET seq = 2 WHERE seq = 3; UPDATE event_payload SET seq = 3 WHERE seq = 99", 2 },
		{ "payload and its commitment", "UPDATE event SET \"commit\" = randomblob(32) WHERE seq = 2", 2 },
		{ "type", "UPDATE event SET type = 'approval.confirmed' WHERE seq = 3", 3 },
		{ "time", "UPDATE event SET at_ms = at_ms + 1 WHERE seq = 3", 3 },
		{ "id", "UPDATE event SET id = 'evt_0' WHERE seq = 3", 3 },
		{ "ref", "UPDATE event SET ref = 'mail_9' WHERE seq = 3", 3 },
		{ "what stands after a NUL", "UPDATE event SET ref = ref || char(0) || 'x' WHERE seq = 3", 3 },
		{ "hash", "UPDATE event SET hash = randomblob(32) WHERE seq = 3", 3 },
		{ "prev", "UPDATE event SET prev = randomblob(32) WHERE seq = 3", 3 },
		{ "first row removed", "DELETE FROM event WHERE seq = 1", 2 },
		{ "middle row removed", "DELETE FROM event WHERE seq = 3", 4 },
		{ "middle row removed, renumbered", "DELETE FROM event WHERE seq = 3;"
		    "UPDATE event SET seq = seq - 1 WHERE seq > 3", 3 },
		{ "rows swapped", "UPDATE event SET seq = 99 WHERE seq = 2; UPDATE event SET seq = 2 WHERE seq = 3;"
		    "UPDATE event SET seq = 3 WHERE seq = 99", 2 },
		{ "row put in front", "INSERT INTO event SELECT 6, 'evt_1', at_ms, type, ref, \"commit\", prev, hash"
		    " FROM event WHERE seq = 1", 6 },
	};
	int64_t count;

	for (size_t i = 0; i < COUNT(t); i++) {
		struct fixture *f;
		const char *problem;
		char want[32];

		fixture_open(state);
		f = *state;
		five_events(f);
		raw(f, UNGUARDED);
		raw(f, arena_printf(&f->a, "PRAGMA foreign_keys = OFF; %s", t[i].sql));
		problem = verify(f, &count);
		snprintf(want, sizeof(want), "event %d: ", t[i].at);
		if (problem == NULL || strncmp(problem, want, strlen(want)) != 0)
			fail_msg("%s: %s", t[i].name, problem == NULL ? "not found" : problem);
		fixture_close(state);
	}
}

/* Makes the hash of one row fit again, as someone who knows how it is made could. */
static void
rehash(struct fixture *f, int seq)
{
	struct digest *d = digest_open(0);
	uint8_t hash[DIGEST_BYTES];
	sqlite3_stmt *st;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	sqlite3_prepare_v2(db, "SELECT id, at_ms, type, ref, \"commit\", prev FROM event WHERE seq = ?1", -1, &st, NULL);
	sqlite3_bind_int(st, 1, seq);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	digest_add_int(d, seq);
	for (int i = 0; i < 6; i++) {
		if (i == 1)
			digest_add_int(d, sqlite3_column_int64(st, i));
		else
			digest_add(d, (struct span){sqlite3_column_blob(st, i), (size_t)sqlite3_column_bytes(st, i)});
	}
	digest_close(d, hash);
	sqlite3_finalize(st);
	sqlite3_prepare_v2(db, "UPDATE event SET hash = ?2 WHERE seq = ?1", -1, &st, NULL);
	sqlite3_bind_int(st, 1, seq);
	sqlite3_bind_blob(st, 2, hash, sizeof(hash), SQLITE_STATIC);
	assert_int_equal(sqlite3_step(st), SQLITE_DONE);
	sqlite3_finalize(st);
	sqlite3_close(db);
}

static void
a_row_with_a_fitting_hash_is_found_by_its_neighbours(void **state)
{
	struct fixture *f = *state;
	int64_t count;

	five_events(f);
	raw(f, UNGUARDED);
	rehash(f, 3);
	assert_null(verify(f, &count));		/* as it was */
	raw(f, "UPDATE event SET type = 'approval.confirmed' WHERE seq = 3");
	rehash(f, 3);
	assert_non_null(strstr(verify(f, &count), "event 4"));
}

static void
a_gap_before_a_row_with_a_fitting_hash_is_found(void **state)
{
	struct fixture *f = *state;
	int64_t count;

	five_events(f);
	raw(f, UNGUARDED);
	raw(f, "PRAGMA foreign_keys = OFF; UPDATE event SET seq = 6 WHERE seq = 5;"
	    "UPDATE event_payload SET seq = 6 WHERE seq = 5");
	rehash(f, 6);
	assert_non_null(strstr(verify(f, &count), "event 6"));
}

static void
an_erased_payload_leaves_the_chain_whole(void **state)
{
	struct fixture *f = *state;
	struct event *list;
	int64_t count;
	int n;

	five_events(f);
	raw(f, "UPDATE event_payload SET salt = NULL, payload = NULL WHERE seq = 3");
	assert_null(verify(f, &count));
	assert_int_equal(count, 5);
	OK(event_list_of(f->db, "mail_1", &f->a, &list, &n, &f->e));
	assert_null(list[2].data);
	assert_non_null(list[3].data);
}

static void
a_broken_payload_is_an_error_that_names_verify(void **state)
{
	struct fixture *f = *state;
	struct event ev;

	five_events(f);
	raw(f, UNGUARDED);
	raw(f, "UPDATE event_payload SET payload = '{\"history\":'");
	assert_int_equal(event_next_waiting(f->db, &f->a, &ev, &f->e), -1);
	assert_int_equal(f->e.what, ERR_DATABASE);
	assert_non_null(strstr(f->e.msg, "verify"));
}

/* ---------------------------------------------------------------- trouble */

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)

static void
trouble_is_said_at_first_and_every_six_hours_and_told_once(void **state)
{
	static const struct { int64_t after_ms; bool say, told; int events; } t[] = {
		{ 0, true, false, 0 },
		{ 10 * MINUTE, false, false, 0 },
		{ 30 * MINUTE, false, true, 1 },
		{ 40 * MINUTE, false, true, 1 },
		{ 6 * HOUR - 1, false, true, 1 },
		{ 6 * HOUR, true, true, 1 },
		{ 7 * HOUR, false, true, 1 },
		{ 12 * HOUR, true, true, 1 },
	};
	struct fixture *f = *state;
	struct trouble tr;
	struct event ev;
	bool was;

	for (size_t i = 0; i < COUNT(t); i++) {
		OK(event_failing(f->db, "mailbox", "onboarding", "timed out", 30 * MINUTE, NOW + t[i].after_ms, &tr,
		    &f->e));
		assert_int_equal(tr.since_ms, NOW);
		assert_int_equal(tr.attempts, i + 1);
		assert_int_equal(tr.say, t[i].say);
		assert_int_equal(tr.told, t[i].told);
		assert_int_equal(raw_number(f, "SELECT count(*) FROM event WHERE type = 'mailbox.failing'"),
		    t[i].events);
	}
	OK(event_next_waiting(f->db, &f->a, &ev, &f->e));
	assert_string_equal(ev.ref, "mailbox:onboarding");
	assert_string_equal(ev.data, "{\"name\":\"onboarding\",\"since\":\"2026-11-22T09:33:20.000Z\",\"attempts\":3,"
	    "\"error\":\"timed out\"}");
	OK(event_recovered(f->db, "mailbox", "onboarding", NOW + 13 * HOUR, &was, &f->e));
	assert_true(was);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event WHERE type = 'mailbox.recovered'"), 1);
	OK(event_recovered(f->db, "mailbox", "onboarding", NOW + 14 * HOUR, &was, &f->e));
	assert_false(was);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event"), 2);

	/* a new spell is told anew */
	OK(event_failing(f->db, "mailbox", "onboarding", "timed out", 0, NOW + 15 * HOUR, &tr, &f->e));
	assert_true(tr.say && tr.told);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event WHERE type = 'mailbox.failing'"), 2);
}

static void
a_short_trouble_makes_no_event(void **state)
{
	struct fixture *f = *state;
	struct trouble tr;
	bool was;

	OK(event_failing(f->db, "api", "management", "503", 30 * MINUTE, NOW, &tr, &f->e));
	OK(event_recovered(f->db, "api", "management", NOW + MINUTE, &was, &f->e));
	assert_true(was);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event"), 0);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM trouble"), 0);
}

static void
a_clock_that_goes_back_does_not_silence_a_trouble(void **state)
{
	struct fixture *f = *state;
	struct trouble tr;

	OK(event_failing(f->db, "mailbox", "m", "timed out", 30 * MINUTE, NOW + 9000 * HOUR, &tr, &f->e));
	OK(event_failing(f->db, "mailbox", "m", "timed out", 30 * MINUTE, NOW, &tr, &f->e));
	assert_true(tr.say);
	assert_int_equal(tr.since_ms, NOW);
	OK(event_failing(f->db, "mailbox", "m", "timed out", 30 * MINUTE, NOW + 31 * MINUTE, &tr, &f->e));
	assert_true(tr.told && !tr.say);
}

static void
what_is_told_at_once_is_said_at_once_even_after_something_milder(void **state)
{
	struct fixture *f = *state;
	struct trouble tr;

	OK(event_failing(f->db, "mailbox", "m", "timed out", 30 * MINUTE, NOW, &tr, &f->e));
	OK(event_failing(f->db, "mailbox", "m", "login refused", 0, NOW + MINUTE, &tr, &f->e));
	assert_true(tr.say && tr.told);
	OK(event_failing(f->db, "mailbox", "m", "login refused", 0, NOW + 2 * MINUTE, &tr, &f->e));
	assert_false(tr.say);
	/* also when the milder one had been told */
	for (int minute = 0; minute <= 31; minute += 31)
		OK(event_failing(f->db, "api", "a", "timed out", 30 * MINUTE, NOW + minute * MINUTE, &tr,
		    &f->e));
	assert_true(tr.told);
	OK(event_failing(f->db, "api", "a", "keys refused", 0, NOW + 32 * MINUTE, &tr, &f->e));
	assert_true(tr.say);
}

static void
troubles_do_not_mix(void **state)
{
	struct fixture *f = *state;
	struct trouble tr;
	bool was;

	OK(event_failing(f->db, "endpoint", "crm", "503", 0, NOW, &tr, &f->e));
	OK(event_failing(f->db, "endpoint", "chat", "503", 0, NOW, &tr, &f->e));
	assert_int_equal(tr.attempts, 1);
	OK(event_recovered(f->db, "endpoint", "ops", NOW, &was, &f->e));
	assert_false(was);
	OK(event_recovered(f->db, "endpoint", "crm", NOW, &was, &f->e));
	assert_true(was);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM trouble"), 1);
}

static void
types_have_severities(void **state)
{
	static const struct { const char *type; int want; } t[] = {
		{ "approval.confirmed", SEVERITY_INFO }, { "claim.held", SEVERITY_ATTENTION },
		{ "claim.rejected", SEVERITY_INFO }, { "mail.recognised", SEVERITY_INFO },
		{ "mail.quarantined", SEVERITY_ATTENTION }, { "mailbox.failing", SEVERITY_URGENT },
		{ "mailbox.recovered", SEVERITY_INFO }, { "history.loaded", SEVERITY_INFO }, { "mail.lost", -1 },
	};
	int n = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		assert_int_equal(event_severity(t[i].type), t[i].want);
	while (event_type(n) != NULL)
		assert_true(event_severity(event_type(n++)) >= 0);
	assert_true(n > 10);
	assert_null(event_type(-1));
	for (int i = 0; i < SEVERITIES; i++)
		assert_int_equal(severity_of(severity_name((enum severity)i)), i);
	assert_int_equal(severity_of("grave"), -1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_event_is_read_as_it_was_written),
		T(the_same_event_is_added_once),
		T(the_subject_names_an_event_whose_ref_is_a_row),
		T(history_is_marked_and_never_waits),
		T(an_unknown_type_is_a_defect),
		T(an_untouched_chain_verifies),
		T(a_long_chain_verifies_over_its_pages),
		cmocka_unit_test(every_tampering_is_found),
		T(a_row_with_a_fitting_hash_is_found_by_its_neighbours),
		T(a_gap_before_a_row_with_a_fitting_hash_is_found),
		T(an_erased_payload_leaves_the_chain_whole),
		T(a_broken_payload_is_an_error_that_names_verify),
		T(trouble_is_said_at_first_and_every_six_hours_and_told_once),
		T(a_short_trouble_makes_no_event),
		T(a_clock_that_goes_back_does_not_silence_a_trouble),
		T(what_is_told_at_once_is_said_at_once_even_after_something_milder),
		T(troubles_do_not_mix),
		cmocka_unit_test(types_have_severities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
