#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "base/digest.h"
#include "store/mail.h"
#include "store/sql.h"

#define DB_BUSY_MS	5000			/* a commit of ours takes far less */
#define DB_VALUE_BYTES	(16 * 1024 * 1024)	/* of one value: the largest mail, compressed */
#define DB_SQL_BYTES	(64 * 1024)		/* schema.sql is the longest text we run */
#define DB_PROGRESS_MS	1000			/* apart: who looks counts in minutes */
#define DB_PROBLEMS	100			/* listed by db_verify(); more say nothing new */

static int
fatal(struct err *e, const char *path, const char *what)
{
	return err_what(e, ERR_FATAL, ERR_DATABASE, "database %s: %s", path, what);
}

/* A file that open(2) refused us: a full disk passes, anything else is for a person. */
static int
unmade(struct err *e, const char *what, const char *path)
{
	if (errno == ENOSPC || errno == EDQUOT)
		return err_what(e, ERR_RETRY, ERR_STOPPED, "%s %s: the disk is full: free some space", what,
		    path);
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
		return err_what(e, ERR_RETRY, ERR_NOMEM, "%s %s: %s", what, path, strerror(errno));
	return err_what(e, ERR_FATAL, ERR_DATABASE, "%s %s: cannot be made: %s%s", what, path,
	    strerror(errno), errno == ENOENT || errno == EACCES ?
	    ": make its folder, owned by the user that runs approvals" : "");
}

/* ---------------------------------------------------------------- opening */

/*
 * SQLite would follow the umask, and refuses links anywhere in a path. So the folder is resolved
 * here (a linked folder is its owner's choice) and the last part is not; and a new file is made
 * before SQLite sees it, since closing a descriptor of ours later would drop SQLite's locks.
 */
static int
path_make(const char *path, enum db_mode mode, struct arena *a, const char **real, struct err *e)
{
	const char *slash = strrchr(path, '/');
	const char *folder = slash == NULL ? "." : arena_textn(a, path, (size_t)(slash - path) + 1);
	char resolved[PATH_MAX];
	int fd;

	if (realpath(folder, resolved) == NULL)
		return err_what(e, ERR_FATAL, ERR_DATABASE,
		    "database %s: folder: %s: make it, owned by the user that runs approvals", path,
		    strerror(errno));
	*real = arena_printf(a, "%s/%s", resolved, slash == NULL ? path : slash + 1);
	if (mode == DB_READ) {
		if (access(*real, F_OK) != 0 && errno == ENOENT)
			return fatal(e, path,
			    "does not exist: no pass was made yet: `approvals run` makes it");
		return 0;
	}
	fd = open(*real, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 && errno != EEXIST)
		return unmade(e, "database", path);
	if (fd >= 0)
		close(fd);
	return 0;
}

static int
connection_configure(struct db *db, enum db_mode mode, struct err *e)
{
	static const struct { int option, value; } options[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
		{ SQLITE_DBCONFIG_DQS_DML, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
		{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 1 },
		{ SQLITE_DBCONFIG_ENABLE_FKEY, 1 },
	};

	for (size_t i = 0; i < COUNT(options); i++)
		if (sqlite3_db_config(db->sqlite, options[i].option, options[i].value, NULL) !=
		    SQLITE_OK)
			return sql_failed(db, "opening", e);
	sqlite3_limit(db->sqlite, SQLITE_LIMIT_LENGTH, DB_VALUE_BYTES);
	sqlite3_limit(db->sqlite, SQLITE_LIMIT_SQL_LENGTH, DB_SQL_BYTES);
	if (sqlite3_busy_timeout(db->sqlite, DB_BUSY_MS) != SQLITE_OK ||
	    sqlite3_exec(db->sqlite, sql_settings, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(db->sqlite, mode == DB_READ ? sql_settings_read : sql_settings_write, NULL,
		NULL, NULL) != SQLITE_OK)
		return sql_failed(db, "opening", e);
	return 0;
}

/* The whole schema, or none of it. Called inside a transaction. */
static int
schema_make(struct db *db, struct err *e)
{
	uint8_t key[DB_KEY_BYTES];

	if (sqlite3_exec(db->sqlite, sql_schema, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(db->sqlite, sql_schema_mark, NULL, NULL, NULL) != SQLITE_OK)
		return sql_failed(db, "making the tables", e);
	digest_random(key, sizeof(key));
	return sql_write(db, SQL_META_ADD,
	    ARGS(arg_text("id-key"), arg_blob(key, sizeof(key))), e);
}

/*
 * Whose file it is: 1 ours, 0 nobody's yet (an empty file, or one whose making was cut short). *old: its
 * version, if a pass of this program would upgrade it; else 0.
 */
static int
schema_look(struct db *db, const char *path, int *old, struct err *e)
{
	int64_t application = 0, version = 0, tables = 0;

	*old = 0;

	if (sql_number(db, SQL_APPLICATION_ID, NULL, &application, e) < 0 ||
	    sql_number(db, SQL_USER_VERSION, NULL, &version, e) < 0 ||
	    sql_number(db, SQL_TABLES, NULL, &tables, e) < 0)
		return -1;
	if (application == 0 && version == 0 && tables == 0)
		return 0;
	if (application != SQL_APPLICATION)
		return fatal(e, path,
		    "belongs to another program: `database:` must name a file of approvals, or"
		    " one that does not exist yet");
	if (version >= 1 && version < SQL_VERSION)
		*old = (int)version;
	else if (version != SQL_VERSION)
		return err_what(e, ERR_FATAL, ERR_DATABASE,
		    "database %s: its schema is version %lld and this approvals knows %d:"
		    " install the approvals that made it, or a newer one",
		    path, (long long)version, SQL_VERSION);
	return 1;
}

/* From version `old` to ours: all of it, or nothing. Called inside a transaction. */
static int
schema_upgrade(struct db *db, int old, struct err *e)
{
	for (int i = old - 1; old > 0 && i < SQL_VERSION - 1; i++)
		if (sqlite3_exec(db->sqlite, sql_upgrades[i], NULL, NULL, NULL) != SQLITE_OK)
			return sql_failed(db, "upgrading the tables", e);
	return 0;
}

static int
schema_open(struct db *db, const char *path, enum db_mode mode, struct err *e)
{
	int old, ours = schema_look(db, path, &old, e);
	struct row r;
	struct span key;
	int got;

	if (ours == 0 && mode == DB_READ)
		return fatal(e, path, "is empty: no pass was made yet: `approvals run` makes it");
	if (ours == 1 && old > 0 && mode == DB_READ)
		return fatal(e, path, "was made by an older approvals: `approvals run` brings it up to date");
	if (ours == 0 || old > 0) {
		if (db_begin(db, e) != 0)
			return -1;
		ours = schema_look(db, path, &old, e);	/* another process may have been faster */
		if (ours < 0 || (ours == 0 && schema_make(db, e) != 0) || schema_upgrade(db, old, e) != 0) {
			db_rollback(db);
			return -1;
		}
		if (db_commit(db, e) != 0)
			return -1;
	}
	if (ours < 0)
		return -1;
	got = sql_one(db, SQL_META_GET, ARGS(arg_text("id-key")), &r, e);
	if (got < 0)
		return -1;
	key = got == 1 ? row_blob(&r) : (struct span){0};
	if (key.n == DB_KEY_BYTES)
		memcpy(db->id_key, key.p, DB_KEY_BYTES);
	got = (int)key.n;
	sql_close(&r);
	return got == DB_KEY_BYTES ? 0 : fatal(e, path, "its id-key is missing: restore a backup");
}

int
db_open(const char *path, enum db_mode mode, struct db **out, struct err *e)
{
	struct arena a = {0};
	const char *real = NULL;
	struct db *db = NULL;
	int rc = -1;

	*out = NULL;
	if (path_make(path, mode, &a, &real, e) != 0)
		goto out;
	db = calloc(1, sizeof(*db));
	if (db == NULL)
		arena_no_memory();
	/* Counting each allocation costs 5 % of a pass, and nobody asks. Refused once SQLite has begun: then it was said. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	/* A reader may need to roll back what a killed writer left; query_only keeps it from
	 * more. No mutex: a process has one thread that uses it. */
	if (sqlite3_open_v2(real, &db->sqlite,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOMUTEX,
		NULL) != SQLITE_OK) {
		if (db->sqlite == NULL)
			arena_no_memory();
		err_what(e, ERR_FATAL, ERR_DATABASE, "database %s: %s%s", path,
		    sqlite3_errmsg(db->sqlite),
		    sqlite3_extended_errcode(db->sqlite) == SQLITE_CANTOPEN_SYMLINK
			? ": it is a symbolic link"
			: "");
		goto out;
	}
	if (connection_configure(db, mode, e) != 0 || schema_open(db, path, mode, e) != 0) {
		if (sqlite3_errcode(db->sqlite) == SQLITE_NOTADB)
			fatal(e, path,
			    "is not an SQLite database: `database:` must name a file of approvals,"
			    " or one that does not exist yet");
		goto out;
	}
	*out = db;
	db = NULL;
	rc = 0;
out:
	db_close(db);
	arena_free(&a);
	return rc;
}

void
db_close(struct db *db)
{
	if (db == NULL)
		return;
	for (int i = 0; i < SQL_COUNT; i++)
		sqlite3_finalize(db->stmt[i]);
	sqlite3_close(db->sqlite);	/* rolls back what is open */
	explicit_bzero(db->id_key, sizeof(db->id_key));
	mail_keep_end(db);
	free(db);
}

/* ---------------------------------------------------------------- transactions */

int
db_begin(struct db *db, struct err *e)
{
	if (db->begun)
		return err_set(e, ERR_FATAL, "database: a transaction inside another");
	if (sql_run(db, SQL_BEGIN, NULL, e) < 0)
		return -1;
	db->begun = true;
	return 0;
}

int
db_commit(struct db *db, struct err *e)
{
	bool open = !sqlite3_get_autocommit(db->sqlite);

	if (!db->begun)
		return err_set(e, ERR_FATAL, "database: a commit of nothing");
	if (!open)
		err_what(e, ERR_RETRY, ERR_STOPPED, "database: the transaction was rolled back");
	else if (sql_run(db, SQL_COMMIT, NULL, e) >= 0) {
		db->begun = false;
		return 0;
	}
	db_rollback(db);
	return -1;
}

void
db_rollback(struct db *db)
{
	struct err
	    ignored; /* a rollback that fails leaves a hot journal: the next opener finishes it */

	if (!sqlite3_get_autocommit(db->sqlite))
		sql_run(db, SQL_ROLLBACK, NULL, &ignored);
	db->begun = false;
}

int
db_read_begin(struct db *db, struct err *e)
{
	return sql_run(db, SQL_BEGIN_READ, NULL, e) < 0 ? -1 : 0;
}

void
db_read_end(struct db *db)
{
	sql_read_end(db, true);
}

/* ---------------------------------------------------------------- verify */

int
db_verify(struct db *db, struct arena *a, const char **problems, struct err *e)
{
	struct arena_buf lines = {.arena = a};
	struct row r;
	int got;

	*problems = NULL;
	if (sql_open(db, SQL_INTEGRITY_CHECK, NULL, &r, e) != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1) {
		const char *line = row_text(&r, a);

		if (line != NULL && strcmp(line, "ok") != 0)
			arena_putf(&lines, "%s\n", line);
	}
	if (got < 0 || sql_open(db, SQL_FOREIGN_KEY_CHECK, ARGS(arg_int(DB_PROBLEMS)), &r, e) != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1) {
		const char *table = row_text(&r, a);
		int64_t row = row_int(&r);
		const char *parent = row_text(&r, a);

		arena_putf(&lines, "row %lld of %s refers to a row of %s that is not there\n",
		    (long long)row, table, parent);
	}
	if (lines.n > 0)
		*problems = lines.p;
	return got;
}

/* ---------------------------------------------------------------- the lock */

struct db_lock {
	int	fd;
	int64_t	told_ms;	/* on the monotonic clock; 0: never */
	int	report;		/* -1: nobody wants to know */
};

int
db_lock(const char *path, int64_t now_ms, struct db_lock **out, int64_t *idle_ms, struct err *e)
{
	struct arena a = {0};
	const char *name = arena_printf(&a, "%s.lock", path);
	struct db_lock *lock;
	struct stat st;
	int fd, rc = -1;

	*out = NULL;
	*idle_ms = 0;
	fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		unmade(e, "lock", name);
	} else if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		lock = malloc(sizeof(*lock));
		if (lock == NULL)
			arena_no_memory();
		*lock = (struct db_lock){.fd = fd, .report = -1};
		fd = -1;
		futimens(lock->fd, NULL);
		*out = lock;
		rc = 0;
	} else if (errno == EWOULDBLOCK) {
		if (fstat(fd, &st) == 0)
			*idle_ms = now_ms - ((int64_t)st.st_mtim.tv_sec * CLOCK_SECOND +
						st.st_mtim.tv_nsec / 1000000);
		if (*idle_ms < 0)
			*idle_ms = 0;
		err_what(e, ERR_RETRY, ERR_LOCKED,
		    "database %s: another run holds the lock; its last progress was"
		    " %lld s ago",
		    path, (long long)(*idle_ms / CLOCK_SECOND));
	} else {
		err_what(e, ERR_FATAL, ERR_DATABASE, "lock %s: %s", name, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	arena_free(&a);
	return rc;
}

void
db_lock_progress(struct db_lock *lock)
{
	int64_t now_ms = clock_mono_ms();

	if (lock == NULL)
		return;
	/* full: who listens has enough to read */
	if (lock->report != -1 && write(lock->report, "p", 1) == -1 && errno != EAGAIN)
		lock->report = -1;
	if (lock->told_ms != 0 && now_ms - lock->told_ms < DB_PROGRESS_MS)
		return;
	lock->told_ms = now_ms;
	futimens(lock->fd, NULL);	/* should it fail, we only look idle */
}

void
db_lock_report(struct db_lock *lock, int fd)
{
	lock->report = fd;
}

void
db_unlock(struct db_lock *lock)
{
	if (lock == NULL)
		return;
	flock(lock->fd, LOCK_UN);	/* also if a child still has the descriptor */
	close(lock->fd);
	free(lock);
}

/* ---------------------------------------------------------------- ids */

/* The first byte under each HMAC, so that what is hashed for one use never gives an id of another.
 */
enum { KEYED_ID = 0x01, KEYED_HASH = 0x02 };

struct db_id
db_public_id(struct db *db, const char *prefix, ...)
{
	static const char hex[] = "0123456789abcdef";
	struct digest *d =
	    digest_open_hmac((struct span){(const char *)db->id_key, DB_KEY_BYTES}, KEYED_ID);
	uint8_t mac[DIGEST_BYTES];
	struct db_id id = {0};
	size_t n = strlen(prefix);
	const char *text;
	va_list ap;

	digest_add(d, span_of(prefix));
	va_start(ap, prefix);
	while ((text = va_arg(ap, const char *)) != NULL)
		digest_add(d, span_of(text));
	va_end(ap);
	digest_close(d, mac);
	if (n > DB_ID_TEXT - DIGEST_BYTES - 1)
		n = DB_ID_TEXT - DIGEST_BYTES - 1;
	memcpy(id.s, prefix, n);
	for (size_t i = 0; i < DIGEST_BYTES / 2; i++) { /* half of it: 128 bits name anything */
		id.s[n + 2 * i] = hex[mac[i] >> 4];
		id.s[n + 2 * i + 1] = hex[mac[i] & 15];
	}
	return id;
}

char *
db_keyed_hash(struct db *db, struct arena *a, const char *what, const char *text)
{
	struct digest *d =
	    digest_open_hmac((struct span){(const char *)db->id_key, DB_KEY_BYTES}, KEYED_HASH);
	uint8_t mac[DIGEST_BYTES];

	digest_add(d, span_of(what));
	digest_add(d, span_of(text));
	digest_close(d, mac);
	return digest_hex(a, mac, sizeof(mac));
}

/* ---------------------------------------------------------------- notes */

int
db_note(struct db *db, const char *name, struct arena *a, const char **text, struct err *e)
{
	struct row r;
	struct span value;
	int got = sql_one(db, SQL_META_GET, ARGS(arg_text(name)), &r, e);

	*text = NULL;
	if (got != 1)
		return got;
	value = row_blob(&r);
	*text = arena_textn(a, value.p, value.n);
	sql_close(&r);
	return 0;
}

int
db_note_set(struct db *db, const char *name, const char *text, struct err *e)
{
	return sql_write(db, SQL_META_SET, ARGS(arg_text(name), arg_blob(text, strlen(text))), e);
}
