/*
 * db - one SQLite file: opening, transactions, the lock
 *
 * Settings at open: what SQLite 3.40 needs to be safe (TRUNCATE journal, synchronous FULL, foreign
 * keys, defensive, no extensions, 5 s busy timeout). Nothing outside store/ knows SQL or SQLite.
 * Errors: ERR_FATAL with ERR_DATABASE for a broken, foreign or newer file; ERR_RETRY with ERR_STOPPED
 * for a busy database or a full disk.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

struct db;

/*
 * Nothing ever waits longer (a day, and its jitter): what is due later was written while the clock was
 * ahead, and is due now.
 */
#define DB_LONGEST_WAIT_MS	(30 * INT64_C(3600000))

/*
 * Rows of a queue that are passed over, because they are being worked at or wait for one that is. More of them than
 * DB_MAX_PASSED hide what is behind them.
 */
#define DB_MAX_PASSED	20000	/* looking at so many takes some 20 ms */
struct db_but {
	bool		(*fn)(const void *arg, int64_t id, const char *msn);	/* msn may be NULL */
	const void	*arg;
};

enum db_mode {
	DB_READ,	/* the file must exist; nothing is written */
	DB_WRITE	/* made with schema.sql, mode 0600, if it does not exist */
};

int	db_open(const char *path, enum db_mode, struct db **, struct err *);
void	db_close(struct db *);

/* BEGIN IMMEDIATE ... COMMIT. Never held across a network call. After a failed commit: rolled back. */
int	db_begin(struct db *, struct err *);
int	db_commit(struct db *, struct err *);
void	db_rollback(struct db *);	/* fine if nothing is open */
/*
 * What is read in between is of one state of the file, which is locked once and not for each read. Nothing is written meanwhile,
 * and nothing waited for. Not inside db_begin().
 */
int	db_read_begin(struct db *, struct err *);
void	db_read_end(struct db *);

/* What the database remembers under a name of ours; NULL: nothing yet. db_note_set() inside a transaction. */
int	db_note(struct db *, const char *name, struct arena *, const char **text, struct err *);
int	db_note_set(struct db *, const char *name, const char *text, struct err *);

/* integrity_check and foreign_key_check: problems as lines in the arena, NULL if there are none. */
int	db_verify(struct db *, struct arena *, const char **problems, struct err *);

/*
 * The lock of run, ingest, enrich, notify and watch: flock on PATH.lock. ERR_LOCKED when another
 * process holds it: *idle_ms then says for how long it has made no progress (the lock file's mtime).
 */
struct db_lock;
int	db_lock(const char *path, int64_t now_ms, struct db_lock **, int64_t *idle_ms, struct err *);
void	db_lock_progress(struct db_lock *);	/* something was done: touches the file, once a second; NULL is fine */
/* From now on each progress is told there too, as one byte 'p'. For a worker whose parent watches over it. */
void	db_lock_report(struct db_lock *, int fd);
void	db_unlock(struct db_lock *);		/* not in a forked worker: it just ends, and the lock stays */

/*
 * A public id: prefix ("apr_", "evt_", "msg_") and 32 hex digits of an HMAC, under the database's own key,
 * of the texts given (NULL-ended). A restored or copied database gives the same ids.
 */
#define DB_ID_TEXT 40
struct db_id { char s[DB_ID_TEXT]; };
struct db_id db_public_id(struct db *, const char *prefix, ...) __attribute__((sentinel));
/* The same HMAC whole, in hex: for a target whose URL is a secret. */
char	*db_keyed_hash(struct db *, struct arena *, const char *what, const char *text);

#endif
