#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/store_fixture.h"
#include "store/sql.h"

/* Only a folder, for tests that open the database themselves. */
static int
folder_open(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	fixture_dir(f);
	*state = f;
	return 0;
}

static void
a_new_database_is_private_and_marked_as_ours(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(raw_number(f, "PRAGMA application_id"), SQL_APPLICATION);
	assert_int_equal(raw_number(f, "PRAGMA user_version"), SQL_VERSION);
	assert_int_equal(raw_number(f, "SELECT length(value) FROM meta WHERE name = 'id-key'"), 32);
}

static void
every_connection_has_the_settings(void **state)
{
	static const struct { const char *pragma; int want; } t[] = {
		{ "PRAGMA foreign_keys", 1 }, { "PRAGMA recursive_triggers", 1 }, { "PRAGMA cell_size_check", 1 },
		{ "PRAGMA synchronous", 2 }, { "PRAGMA busy_timeout", 5000 }, { "PRAGMA trusted_schema", 0 },
	};
	struct fixture *f = *state;
	sqlite3_stmt *st;

	for (size_t i = 0; i < COUNT(t); i++) {
		assert_int_equal(sqlite3_prepare_v2(f->db->sqlite, t[i].pragma, -1, &st, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_step(st), SQLITE_ROW);
		assert_int_equal(sqlite3_column_int(st, 0), t[i].want);
		sqlite3_finalize(st);
	}
	sqlite3_prepare_v2(f->db->sqlite, "PRAGMA journal_mode", -1, &st, NULL);
	sqlite3_step(st);
	assert_string_equal((const char *)sqlite3_column_text(st, 0), "truncate");
	sqlite3_finalize(st);
	assert_int_not_equal(sqlite3_prepare_v2(f->db->sqlite, "SELECT \"text\"", -1, &st, NULL), SQLITE_OK);
}

static void
reading_what_no_pass_has_made_says_so_and_makes_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(db_open(f->path, DB_READ, &f->db, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_FATAL);
	assert_int_equal(f->e.what, ERR_DATABASE);
	assert_non_null(strstr(f->e.msg, "no pass was made yet"));
	assert_int_not_equal(access(f->path, F_OK), 0);

	file_write(f->path, "");
	assert_int_equal(db_open(f->path, DB_READ, &f->db, &f->e), -1);
	assert_non_null(strstr(f->e.msg, "no pass was made yet"));
}

static void
what_is_not_ours_is_refused_and_left_alone(void **state)
{
	static const struct { const char *text, *sql, *says; } t[] = {
		{ "not a database\n", NULL, "is not an SQLite database" },
		{ NULL, "CREATE TABLE bookmarks (url)", "belongs to another program" },
		{ NULL, "PRAGMA application_id = 77", "belongs to another program" },
		{ NULL, "PRAGMA application_id = 1634759286; PRAGMA user_version = 99", "install the approvals" },
	};
	struct fixture *f = *state;
	struct stat before, after;

	for (size_t i = 0; i < COUNT(t); i++)
		for (int mode = DB_READ; mode <= DB_WRITE; mode++) {
			unlink(f->path);
			if (t[i].text != NULL)
				file_write(f->path, t[i].text);
			else
				raw(f, t[i].sql);
			stat(f->path, &before);
			assert_int_equal(db_open(f->path, (enum db_mode)mode, &f->db, &f->e), -1);
			assert_null(f->db);
			assert_int_equal(f->e.kind, ERR_FATAL);
			assert_int_equal(f->e.what, ERR_DATABASE);
			if (strstr(f->e.msg, t[i].says) == NULL)
				fail_msg("%zu: %s", i, f->e.msg);
			stat(f->path, &after);
			assert_int_equal(before.st_size, after.st_size);
		}
}

/* What a program of version 1 did not make: taken away, the database is one of its. */
#define SINCE_1 "DROP TABLE refusal; DROP TABLE alarm; DROP TABLE signature; DROP TABLE review; DROP TABLE gathered; DROP TABLE notice;" \
	" DROP TRIGGER mail_bytes_added; DROP TRIGGER mail_bytes_gone; DROP TRIGGER mail_bytes_changed;" \
	" DROP TABLE budget; DROP INDEX claim_review; DROP INDEX mail_review; DROP INDEX message_review;" \
	" DROP INDEX mail_bytes_untrusted; DROP INDEX event_waiting_turn; DROP INDEX delivery_due;" \
	" ALTER TABLE event_waiting DROP COLUMN untrusted; ALTER TABLE delivery DROP COLUMN untrusted;" \
	" CREATE INDEX delivery_due ON delivery (next_ms) WHERE state = 'due'; DROP TRIGGER action_made;" \
	" DROP TRIGGER action_claim; DROP TRIGGER action_epoch; DROP TABLE action;" \
	" ALTER TABLE mailbox DROP COLUMN acts; ALTER TABLE mail DROP COLUMN next_ms;" \
	" ALTER TABLE epoch DROP COLUMN screen; ALTER TABLE folder DROP COLUMN junk;" \
	" ALTER TABLE approval DROP COLUMN junk; DROP TABLE unit; DROP TABLE untold; DROP TABLE product_order;" \
	" DROP INDEX approval_msn; DROP INDEX claim_msn; DROP TABLE answer; DROP INDEX approval_due;" \
	" ALTER TABLE approval DROP COLUMN reasons; ALTER TABLE approval DROP COLUMN missing_ms;" \
	" ALTER TABLE approval DROP COLUMN next_ms; ALTER TABLE approval DROP COLUMN changes; PRAGMA user_version = 1;"
/* Each table's columns, in order, and each index and trigger: as one text. */
#define SHAPE "SELECT group_concat(what, ';') FROM (SELECT s.name || ' ' || coalesce((SELECT group_concat(c.name || c.type" \
	" || c.\"notnull\" || c.pk || coalesce(c.dflt_value, ''), ',') FROM pragma_table_xinfo(s.name) AS c), '')" \
	" AS what FROM sqlite_schema AS s ORDER BY s.type, s.name)"

static const char *
raw_text(struct fixture *f, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *st;
	const char *text;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	text = arena_text(&f->a, (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	sqlite3_close(db);
	return text;
}

static void
a_database_of_an_older_program_is_brought_up_to_date_by_a_pass(void **state)
{
	struct fixture *f = *state;
	const char *shape;

	OK(db_open(f->path, DB_WRITE, &f->db, &f->e));
	db_close(f->db);
	shape = raw_text(f, SHAPE);
	raw(f, SINCE_1 " INSERT INTO meta VALUES ('kept', x'01')");
	assert_string_not_equal(raw_text(f, SHAPE), shape);
	assert_int_equal(db_open(f->path, DB_READ, &f->db, &f->e), -1);
	assert_non_null(strstr(f->e.msg, "`approvals run` brings it up to date"));
	OK(db_open(f->path, DB_WRITE, &f->db, &f->e));
	assert_int_equal(raw_number(f, "PRAGMA user_version"), SQL_VERSION);
	assert_string_equal(raw_text(f, SHAPE), shape);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM meta WHERE name = 'kept'"), 1);
}

static void
a_symbolic_link_is_refused(void **state)
{
	struct fixture *f = *state;
	char link[128];

	OK(db_open(f->path, DB_WRITE, &f->db, &f->e));
	db_close(f->db);
	snprintf(link, sizeof(link), "%s/link.db", f->dir);
	assert_int_equal(symlink(f->path, link), 0);
	assert_int_equal(db_open(link, DB_WRITE, &f->db, &f->e), -1);
	assert_non_null(strstr(f->e.msg, "symbolic link"));
}

static void
a_database_whose_making_was_cut_short_is_made_again(void **state)
{
	struct fixture *f = *state;

	file_write(f->path, "");
	OK(db_open(f->path, DB_WRITE, &f->db, &f->e));
	assert_int_equal(raw_number(f, "SELECT count(*) FROM meta"), 1);
}

static void
a_missing_folder_is_an_error_that_says_what_to_do(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(db_open("/nonexistent/a.db", DB_WRITE, &f->db, &f->e), -1);
	assert_int_equal(f->e.what, ERR_DATABASE);
	assert_non_null(strstr(f->e.msg, "make it"));
}

static void
a_reader_cannot_write(void **state)
{
	struct fixture *f = *state;
	struct mailbox_row m;
	struct db *reader;

	OK(db_open(f->path, DB_READ, &reader, &f->e));
	if (db_begin(reader, &f->e) == 0)
		assert_int_equal(mail_mailbox(reader, "other", 0, 0, NOW, &m, &f->e), -1);
	db_close(reader);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM mailbox"), 1);
}

static void
a_write_outside_of_a_transaction_is_refused(void **state)
{
	struct fixture *f = *state;
	struct mailbox_row m;

	assert_int_equal(mail_mailbox(f->db, "other", 0, 0, NOW, &m, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_FATAL);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM mailbox"), 1);
}

static void
a_transaction_is_all_or_nothing(void **state)
{
	struct fixture *f = *state;
	struct mailbox_row m;

	OK(db_begin(f->db, &f->e));
	assert_int_equal(db_begin(f->db, &f->e), -1);
	OK(mail_mailbox(f->db, "one", 0, 0, NOW, &m, &f->e));
	db_rollback(f->db);
	db_rollback(f->db);
	assert_int_equal(db_commit(f->db, &f->e), -1);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM mailbox"), 1);
	OK(db_begin(f->db, &f->e));
	OK(mail_mailbox(f->db, "one", 0, 0, NOW, &m, &f->e));
	OK(db_commit(f->db, &f->e));
	assert_int_equal(raw_number(f, "SELECT count(*) FROM mailbox"), 2);
}

static void
a_full_disk_stops_us_with_nothing_half_done(void **state)
{
	struct fixture *f = *state;
	static uint32_t uids[20000];
	int64_t added;

	for (size_t i = 0; i < COUNT(uids); i++)
		uids[i] = (uint32_t)i + 1;
	sqlite3_exec(f->db->sqlite, "PRAGMA max_page_count = 100", NULL, NULL, NULL);
	OK(db_begin(f->db, &f->e));
	assert_int_equal(mail_shown(f->db, f->epoch, uids, COUNT(uids), NOW, &added, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_RETRY);
	assert_int_equal(f->e.what, ERR_STOPPED);
	assert_int_equal(db_commit(f->db, &f->e), sqlite3_get_autocommit(f->db->sqlite) ? -1 : 0);
	db_rollback(f->db);
	assert_true(sqlite3_get_autocommit(f->db->sqlite));
}

/* SQLite ends the transaction by itself on some errors: what follows must not be committed piecemeal. */
static void
after_sqlite_rolled_back_nothing_more_is_written(void **state)
{
	struct fixture *f = *state;
	struct mailbox_row m;

	OK(db_begin(f->db, &f->e));
	sqlite3_exec(f->db->sqlite, "ROLLBACK", NULL, NULL, NULL);
	assert_int_equal(mail_mailbox(f->db, "one", 0, 0, NOW, &m, &f->e), -1);
	assert_int_equal(f->e.what, ERR_STOPPED);
	assert_int_equal(db_commit(f->db, &f->e), -1);
	assert_int_equal(f->e.what, ERR_STOPPED);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM mailbox"), 1);
	OK(db_begin(f->db, &f->e));
	OK(db_commit(f->db, &f->e));
}

static void
a_busy_database_is_worth_a_retry(void **state)
{
	struct fixture *f = *state;
	sqlite3 *other;

	sqlite3_open(f->path, &other);
	sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	sqlite3_busy_timeout(f->db->sqlite, 0);
	assert_int_equal(db_begin(f->db, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_RETRY);
	assert_int_equal(f->e.what, ERR_STOPPED);
	sqlite3_close(other);
	OK(db_begin(f->db, &f->e));
	db_rollback(f->db);
}

static void
verify_finds_rows_that_refer_to_nothing(void **state)
{
	struct fixture *f = *state;
	const char *problems;

	OK(db_verify(f->db, &f->a, &problems, &f->e));
	assert_null(problems);
	raw(f, "PRAGMA foreign_keys = OFF; INSERT INTO folder (mailbox_id, name) VALUES (99, 'x')");
	OK(db_verify(f->db, &f->a, &problems, &f->e));
	assert_non_null(problems);
	assert_non_null(strstr(problems, "folder"));
}

static void
verify_finds_a_damaged_page(void **state)
{
	struct fixture *f = *state;
	const char *problems = NULL;
	char garbage[4096];
	int fd, rc;

	db_close(f->db);
	memset(garbage, 0xff, sizeof(garbage));
	fd = open(f->path, O_WRONLY);
	assert_int_equal(pwrite(fd, garbage, sizeof(garbage), 9 * sizeof(garbage)), sizeof(garbage));
	close(fd);
	OK(db_open(f->path, DB_READ, &f->db, &f->e));
	rc = db_verify(f->db, &f->a, &problems, &f->e);
	if (rc == 0)
		assert_non_null(problems);
	else
		assert_int_equal(f->e.what, ERR_DATABASE);
}

/* ---------------------------------------------------------------- the lock */

static void
one_run_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct db_lock *mine, *yours;
	struct stat st;
	char name[128];
	int64_t idle;

	snprintf(name, sizeof(name), "%s.lock", f->path);
	OK(db_lock(f->path, NOW, &mine, &idle, &f->e));
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);

	utimensat(AT_FDCWD, name, old, 0);
	assert_int_equal(db_lock(f->path, 1000 * 1000 + 61000, &yours, &idle, &f->e), -1);
	assert_null(yours);
	assert_int_equal(f->e.what, ERR_LOCKED);
	assert_int_equal(idle, 61000);
	db_lock_progress(mine);
	assert_int_equal(stat(name, &st), 0);
	assert_true(st.st_mtim.tv_sec > 1000);

	db_unlock(mine);
	OK(db_lock(f->path, NOW, &yours, &idle, &f->e));
	db_unlock(yours);
	db_unlock(NULL);
	db_lock_progress(NULL);
}

static void
progress_is_told_to_who_listens_and_never_waits_for_him(void **state)
{
	struct fixture *f = *state;
	struct db_lock *lock;
	char bytes[4096];
	int64_t idle;
	int ends[2];

	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	OK(db_lock(f->path, NOW, &lock, &idle, &f->e));
	db_lock_progress(lock);
	assert_int_equal(read(ends[0], bytes, sizeof(bytes)), -1);
	db_lock_report(lock, ends[1]);
	db_lock_progress(lock);
	db_lock_progress(lock);
	assert_int_equal(read(ends[0], bytes, sizeof(bytes)), 2);
	assert_memory_equal(bytes, "pp", 2);
	for (int i = 0; i < 100000; i++)	/* more than a pipe holds */
		db_lock_progress(lock);
	db_unlock(lock);
	close(ends[0]);
	close(ends[1]);
}

static void
a_worker_that_ends_does_not_free_the_lock(void **state)
{
	struct fixture *f = *state;
	struct db_lock *mine, *yours;
	int64_t idle;
	int status;
	pid_t pid;

	OK(db_lock(f->path, NOW, &mine, &idle, &f->e));
	pid = fork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, &status, 0);
	assert_int_equal(db_lock(f->path, NOW, &yours, &idle, &f->e), -1);
	assert_int_equal(f->e.what, ERR_LOCKED);
	db_unlock(mine);
}

/* ---------------------------------------------------------------- ids */

static void
a_copied_database_gives_the_same_ids(void **state)
{
	struct fixture *f = *state;
	struct db_id before = db_public_id(f->db, "apr_", "business:NO:ORG", "918713867", "123456", NULL);
	char sql[160], copy[128];
	struct db *db;

	assert_int_equal(strlen(before.s), 36);
	assert_memory_equal(before.s, "apr_", 4);
	snprintf(copy, sizeof(copy), "%s/copy.db", f->dir);
	snprintf(sql, sizeof(sql), "VACUUM INTO '%s'", copy);
	raw(f, sql);
	OK(db_open(copy, DB_READ, &db, &f->e));
	assert_string_equal(before.s, db_public_id(db, "apr_", "business:NO:ORG", "918713867", "123456", NULL).s);
	assert_string_equal(db_keyed_hash(db, &f->a, "target", "x"), db_keyed_hash(f->db, &f->a, "target", "x"));
	db_close(db);
}

static void
another_database_gives_other_ids(void **state)
{
	struct fixture *f = *state;
	struct db_id before = db_public_id(f->db, "apr_", "a", NULL);

	db_close(f->db);
	unlink(f->path);
	OK(db_open(f->path, DB_WRITE, &f->db, &f->e));
	assert_string_not_equal(before.s, db_public_id(f->db, "apr_", "a", NULL).s);
}

static void
ids_tell_their_parts_apart(void **state)
{
	struct fixture *f = *state;
	struct db_id one = db_public_id(f->db, "evt_", "ab", "c", NULL);

	assert_string_not_equal(one.s, db_public_id(f->db, "evt_", "a", "bc", NULL).s);
	assert_string_not_equal(one.s + 4, db_public_id(f->db, "msg_", "ab", "c", NULL).s + 4);
	assert_string_not_equal(one.s, db_public_id(f->db, "evt_", "ab", "c", "", NULL).s);
	assert_null(strchr(one.s, '.'));
	assert_int_equal(strlen(db_keyed_hash(f->db, &f->a, "target", "https://example.com")), 64);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
#define IN_FOLDER(name) cmocka_unit_test_setup_teardown(name, folder_open, fixture_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_new_database_is_private_and_marked_as_ours),
		T(every_connection_has_the_settings),
		IN_FOLDER(reading_what_no_pass_has_made_says_so_and_makes_nothing),
		IN_FOLDER(what_is_not_ours_is_refused_and_left_alone),
		IN_FOLDER(a_database_of_an_older_program_is_brought_up_to_date_by_a_pass),
		IN_FOLDER(a_symbolic_link_is_refused),
		IN_FOLDER(a_database_whose_making_was_cut_short_is_made_again),
		IN_FOLDER(a_missing_folder_is_an_error_that_says_what_to_do),
		T(a_reader_cannot_write),
		T(a_write_outside_of_a_transaction_is_refused),
		T(a_transaction_is_all_or_nothing),
		T(a_full_disk_stops_us_with_nothing_half_done),
		T(after_sqlite_rolled_back_nothing_more_is_written),
		T(a_busy_database_is_worth_a_retry),
		T(verify_finds_rows_that_refer_to_nothing),
		T(verify_finds_a_damaged_page),
		T(one_run_at_a_time),
		T(progress_is_told_to_who_listens_and_never_waits_for_him),
		T(a_worker_that_ends_does_not_free_the_lock),
		T(a_copied_database_gives_the_same_ids),
		T(another_database_gives_other_ids),
		T(ids_tell_their_parts_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
