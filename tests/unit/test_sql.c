#include "tests/unit/store_fixture.h"
#include "store/sql.h"

static void
every_statement_is_prepared_against_the_schema(void **state)
{
	struct fixture *f = *state;
	sqlite3_stmt *st;
	const char *tail;

	for (int i = 0; i < SQL_COUNT; i++) {
		assert_non_null(sql_text[i]);
		if (sqlite3_prepare_v2(f->db->sqlite, sql_text[i], -1, &st, &tail) != SQLITE_OK)
			fail_msg("%s: %s", sql_text[i], sqlite3_errmsg(f->db->sqlite));
		assert_string_equal(tail, "");		/* one statement, not two */
		sqlite3_finalize(st);
	}
}

/* Rows that the program never writes: each is refused by the tables themselves. */
static void
wrong_states_are_refused(void **state)
{
	static const char *const t[] = {
		"INSERT INTO mailbox (name, start_ms, announce_ms, first_pass_ms) VALUES ('', 0, 0, 0)",
		"INSERT INTO mailbox (name, start_ms, announce_ms, first_pass_ms) VALUES ('x', 'soon', 0, 0)",
		"INSERT INTO epoch (folder_id, uidvalidity, history_uid, opened_ms) VALUES (1, 8, 0, 0)",
		"INSERT INTO epoch (folder_id, uidvalidity, history_uid, opened_ms, closed_ms) VALUES (1, 0, 0, 0, 1)",
		"INSERT INTO mail (epoch_id, uid, fate, shown_ms) VALUES (1, 0, 'pending', 1)",
		"INSERT INTO mail (epoch_id, uid, fate, shown_ms) VALUES (1, 9, 'lost', 1)",
		"INSERT INTO mail (epoch_id, uid, fate, shown_ms) VALUES (1, 9, 'read', 1)",
		"INSERT INTO mail (epoch_id, uid, fate, shown_ms, settled_ms) VALUES (1, 9, 'pending', 1, 1)",
		"INSERT INTO mail (epoch_id, uid, fate, shown_ms) VALUES (99, 9, 'pending', 1)",
		"INSERT INTO mail (epoch_id, uid, fate, shown_ms, sha256) VALUES (1, 9, 'pending', 1, x'00')",
		"UPDATE message SET proof = 'spf'",
		"UPDATE claim SET state = 'approved'",
		"UPDATE claim SET state = 'pending'",			/* with no time to ask */
		"UPDATE claim SET next_ms = 1",				/* of a held one */
		"UPDATE claim SET state = 'confirmed'",			/* with no approval */
		"UPDATE claim SET org_scheme = 'business:DE:HRB'",
		"UPDATE claim SET approval_id = 99",
		"INSERT INTO claim SELECT 99, mail_id, n, 'held', 0, 0, NULL, NULL, NULL, NULL, NULL, '[]', '{}', NULL, 0,"
		" NULL, NULL, 1, NULL, NULL FROM claim",
		"INSERT INTO approval (apr, state, confirmed_by, org_scheme, org_number, msn, country, confirmed_ms,"
		" history) VALUES ('apr_1', 'confirmed', 'hearsay', 'business:NO:ORG', '918713867', '1234', 'NO', 1, 0)",
		"INSERT INTO approval (apr, state, confirmed_by, org_scheme, org_number, msn, country, confirmed_ms,"
		" history) VALUES ('apr_1', 'confirmed', 'person', 'business:NO:ORG', '918 713 867', '1234', 'NO', 1, 0)",
		"INSERT INTO approval (apr, state, confirmed_by, org_scheme, org_number, msn, country, confirmed_ms,"
		" history) VALUES ('apr_1', 'confirmed', 'person', 'business:NO:ORG', '918713867', '12 34', 'NO', 1, 0)",
		"INSERT INTO approval (apr, state, confirmed_by, org_scheme, org_number, msn, country, confirmed_ms,"
		" history) VALUES ('apr_1', 'confirmed', 'person', 'business:NO:ORG', '918713867', '1234', 'no', 1, 0)",
		"INSERT INTO delivery (event_seq, endpoint, target, webhook_id, state, next_ms, made_ms)"
		" VALUES (1, 'crm', 'x', 'msg_1', 'delivered', 1, 1)",
		"INSERT INTO delivery (event_seq, endpoint, target, webhook_id, state, next_ms, made_ms)"
		" VALUES (1, 'crm', 'x', 'msg.1', 'due', 1, 1)",
		"INSERT INTO attempt (delivery_id, n, at_ms, took_ms) VALUES (99, 1, 1, 1)",
	};
	struct fixture *f = *state;

	OK(db_begin(f->db, &f->e));
	fixture_claim(f, "a", CLAIM_HELD, "123456", false);
	OK(db_commit(f->db, &f->e));
	for (size_t i = 0; i < COUNT(t); i++) {
		int code = raw_try(f->path, t[i]);

		if (code != SQLITE_CONSTRAINT)
			fail_msg("%s: %s", t[i], sqlite3_errstr(code));
	}
}

static void
events_cannot_be_changed_or_removed(void **state)
{
	static const char *const t[] = {
		"UPDATE event SET type = 'approval.confirmed'",
		"DELETE FROM event",
		"INSERT OR REPLACE INTO event SELECT seq, id, at_ms + 1, type, ref, \"commit\", prev, hash FROM event",
		"UPDATE event_payload SET payload = '{}'",
		"UPDATE event_payload SET seq = 2",
		"UPDATE event_payload SET salt = NULL",
		"DELETE FROM event_payload",
		"INSERT OR REPLACE INTO event_payload SELECT seq, salt, '{}' FROM event_payload",
	};
	struct fixture *f = *state;

	OK(db_begin(f->db, &f->e));
	fixture_claim(f, "a", CLAIM_HELD, "123456", false);
	OK(db_commit(f->db, &f->e));
	for (size_t i = 0; i < COUNT(t); i++)
		if (raw_try(f->path, t[i]) == SQLITE_OK)
			fail_msg("%s", t[i]);
	assert_int_equal(raw_try(f->path, "UPDATE event_payload SET salt = NULL, payload = NULL"), SQLITE_OK);
}

/* What runs in every pass, or on many rows, must not grow with the log. */
static void
hot_statements_use_an_index_and_sort_nothing(void **state)
{
	static const enum sql hot[] = {
		SQL_MAIL_PENDING, SQL_MAIL_MISSABLE, SQL_MAIL_SAME, SQL_MAIL_BETTER, SQL_MAIL_FOLLOW, SQL_MAIL_PAGE,
		SQL_MAIL_FILED, SQL_MAIL_FILED_AT, SQL_EPOCH_GET, SQL_MAILBOX_UNTOLD, SQL_CLAIM_DUE,
		SQL_CLAIM_OF_APPROVAL, SQL_APPROVAL_BY_KEY, SQL_APPROVAL_DUE, SQL_LOG_PAGE, SQL_EVENT_HEAD,
		SQL_EVENT_WAITING, SQL_EVENT_OF, SQL_EVENT_CHAIN,
		SQL_DELIVERY_DUE, SQL_NOTICE_HELD_BACK, SQL_GATHERED_COUNT, SQL_BYTES_OLDEST,
	};
	struct fixture *f = *state;
	sqlite3_stmt *st;
	char sql[4096];

	for (size_t i = 0; i < COUNT(hot); i++) {
		snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", sql_text[hot[i]]);
		assert_int_equal(sqlite3_prepare_v2(f->db->sqlite, sql, -1, &st, NULL), SQLITE_OK);
		while (sqlite3_step(st) == SQLITE_ROW) {
			const char *detail = (const char *)sqlite3_column_text(st, 3);

			/* these scan a partial index in its order, and stop at a LIMIT */
			if ((strncmp(detail, "SCAN", 4) == 0 && hot[i] != SQL_EVENT_HEAD &&
				hot[i] != SQL_CLAIM_DUE && hot[i] != SQL_DELIVERY_DUE &&
				hot[i] != SQL_BYTES_OLDEST && strstr(detail, "CONSTANT ROW") == NULL) ||
			    strncmp(detail, "USE TEMP B-TREE FOR ORDER BY", 28) == 0)
				fail_msg("%s: %s", sql_text[hot[i]], detail);
		}
		sqlite3_finalize(st);
	}
}

static void
values_come_back_as_they_went_in(void **state)
{
	struct fixture *f = *state;
	struct row r;
	struct span blob;

	OK(db_begin(f->db, &f->e));
	assert_int_equal(sql_run(f->db, SQL_META_ADD, ARGS(arg_text("x"), arg_blob("a\0b", 3)), &f->e), 1);
	assert_int_equal(sql_one(f->db, SQL_META_GET, ARGS(arg_text("x")), &r, &f->e), 1);
	blob = row_blob(&r);
	assert_int_equal(blob.n, 3);
	assert_memory_equal(blob.p, "a\0b", 3);
	sql_close(&r);
	assert_int_equal(sql_one(f->db, SQL_META_GET, ARGS(arg_text("y")), &r, &f->e), 0);
	db_rollback(f->db);
}

static void
a_defect_of_ours_is_not_taken_for_a_broken_database(void **state)
{
	struct fixture *f = *state;
	struct row r, again;

	OK(db_begin(f->db, &f->e));	/* too few values */
	assert_int_equal(sql_run(f->db, SQL_META_ADD, ARGS(arg_text("x")), &f->e), -1);
	assert_int_equal(f->e.kind, ERR_FATAL);
	assert_int_equal(f->e.what, ERR_ANY);		/* a constraint */
	assert_int_equal(sql_run(f->db, SQL_META_ADD, ARGS(arg_text("id-key"), arg_blob("", 0)), &f->e), -1);
	assert_int_equal(f->e.what, ERR_ANY);
	db_rollback(f->db);
	assert_int_equal(sql_one(f->db, SQL_META_GET, ARGS(arg_text("id-key")), &r, &f->e), 1);
	assert_int_equal(sql_open(f->db, SQL_META_GET, ARGS(arg_text("id-key")), &again, &f->e), -1);
	assert_int_equal(f->e.what, ERR_ANY);
	sql_close(&r);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_statement_is_prepared_against_the_schema),
		T(wrong_states_are_refused),
		T(events_cannot_be_changed_or_removed),
		T(hot_statements_use_an_index_and_sort_nothing),
		T(values_come_back_as_they_went_in),
		T(a_defect_of_ours_is_not_taken_for_a_broken_database),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
