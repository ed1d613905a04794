/*
 * sql - every statement, once; private to store/
 *
 * Statements are prepared on first use and kept until db_close(). SQL is never formatted: values
 * are always bound. A test prepares them all against schema.sql. A statement that writes is
 * refused outside db_begin()/db_commit(), and any once SQLite has rolled the transaction back.
 *
 * Values go in as arg_int(), arg_text(), ... inside ARGS(); columns come out in the order of the
 * SELECT, each row_...() taking the next one.
 */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"
#include "store/db.h"

enum sql {
	SQL_BEGIN, SQL_BEGIN_READ, SQL_COMMIT, SQL_ROLLBACK,	/* in front: allowed at any time */
	SQL_META_GET, SQL_META_ADD, SQL_APPLICATION_ID, SQL_USER_VERSION, SQL_TABLES,
	SQL_INTEGRITY_CHECK, SQL_FOREIGN_KEY_CHECK,

	SQL_MAILBOX_GET, SQL_MAILBOX_ADD, SQL_MAILBOX_HISTORY, SQL_MAILBOX_UNTOLD, SQL_MAILBOX_HISTORY_TOLD,
	SQL_FOLDER_ADD, SQL_FOLDER_GET, SQL_FOLDER_GOOD, SQL_FOLDER_JUNK, SQL_MAIL_JUNK, SQL_EPOCH_GET, SQL_EPOCH_CLOSE,
	SQL_EPOCHS_CLOSED, SQL_EPOCH_ADD, SQL_EPOCH_SEARCHED, SQL_MAIL_ADD, SQL_MAIL_MISSABLE,
	SQL_MAIL_MISSED, SQL_MAIL_FOUND, SQL_MAIL_VANISHED,
	SQL_STRAY_EPOCH, SQL_STRAY_NEXT, SQL_STRAY_FOUND, SQL_STRAY_COUNTED, SQL_STRAY_LOST, SQL_MAIL_PENDING, SQL_MAIL_TRIED, SQL_MAIL_GET,
	SQL_MAIL_HEADER, SQL_MAIL_FAILED, SQL_MAIL_NEXT, SQL_MAIL_SCREENED_ELSE, SQL_MAIL_ASK, SQL_EPOCH_SCREENED, SQL_MAIL_SETTLE, SQL_MAIL_HASHED, SQL_MAIL_SAME,
	SQL_MAIL_BETTER,
	SQL_MAIL_INHERIT, SQL_MAIL_AGAIN, SQL_MAIL_REFETCH, SQL_MAIL_FOLLOW, SQL_MAIL_FILED,
	SQL_MAIL_FILED_AT,
	SQL_MAIL_PAGE, SQL_MESSAGE_ADD, SQL_BYTES_ADD, SQL_BYTES_GET,

	SQL_SIGNATURE_PUT, SQL_SIGNATURE_GET, SQL_SIGNATURE_DUE, SQL_SIGNATURE_LAST,
	SQL_CLAIM_DROP_AWAITING,
	SQL_CLAIM_ADD, SQL_CLAIM_GET, SQL_CLAIM_DUE, SQL_CLAIM_NEXT, SQL_CLAIM_OF_MAIL,
	SQL_CLAIM_OF_APPROVAL, SQL_CLAIM_WAIT, SQL_CLAIM_TOLD, SQL_CLAIM_SETTLE,
	SQL_CLAIM_CONFIRM, SQL_CLAIM_SUPERSEDE, SQL_CLAIM_CAUSE, SQL_CLAIM_REASONS,

	SQL_APPROVAL_ADD, SQL_APPROVAL_BY_KEY, SQL_APPROVAL_BY_APR, SQL_APPROVAL_BY_ID,
	SQL_APPROVAL_DUE, SQL_APPROVAL_ASK, SQL_APPROVAL_LATER, SQL_APPROVAL_PUT_OFF, SQL_APPROVAL_ASK_OLD, SQL_APPROVAL_KEEP,
	SQL_APPROVAL_HAS_MSN, SQL_ANSWER_MORE, SQL_ANSWER_ADD, SQL_ANSWER_OF,
	SQL_LOG_PAGE,

	SQL_EVENT_HAS, SQL_EVENT_HEAD, SQL_EVENT_ADD, SQL_EVENT_PAYLOAD_ADD,
	SQL_EVENT_WAIT, SQL_EVENT_GET, SQL_EVENT_OF, SQL_EVENT_WAITING, SQL_EVENT_CHAIN,
	SQL_TROUBLE_MORE, SQL_TROUBLE_GET, SQL_TROUBLE_SAID, SQL_TROUBLE_TOLD,
	SQL_TROUBLE_OVER,
	SQL_ALERTS, SQL_ALERTS_OVER, SQL_ALERT_SAID,
	SQL_REFUSAL_GET, SQL_REFUSAL_PUT, SQL_REFUSAL_OVER,
	SQL_ALARM_OTHERS, SQL_ALARM_MORE, SQL_ALARM_DUE, SQL_ALARM_TOLD,

	SQL_EVENT_FANNED_OUT, SQL_DELIVERY_ADD, SQL_DELIVERY_DUE, SQL_DELIVERY_NEXT, SQL_DELIVERY_LEASE,
	SQL_DELIVERY_SETTLE, SQL_DELIVERY_RELEASE, SQL_DELIVERY_GET, SQL_DELIVERY_OF,
	SQL_DELIVERY_OURS,
	SQL_ATTEMPT_ADD, SQL_ATTEMPT_OF,

	SQL_REVIEW_ADD, SQL_REVIEW_OF_CLAIM, SQL_REVIEW_OF_MAIL, SQL_REVIEW_MSN, SQL_REVIEW_ACCEPT,
	SQL_REVIEW_LOOKED,
	SQL_REVIEW_WAITING, SQL_REVIEW_COUNT, SQL_META_SET,
	SQL_NOTICE_HELD_BACK, SQL_NOTICE_TOLD, SQL_GATHER, SQL_GATHERED_COUNT, SQL_GATHERED,
	SQL_GATHERED_TOLD, SQL_BUDGET_TAKE, SQL_BUDGET_GIVE, SQL_BYTES_OVER, SQL_BYTES_OLDEST,
	SQL_BYTES_DROP, SQL_BYTES_DROPPED,
	SQL_ACTION_ACTS, SQL_ACTION_DUE, SQL_ACTION_TRIED, SQL_ACTION_SETTLE, SQL_ACTION_BEGIN, SQL_ACTION_COPY,
	SQL_ACTION_LATER, SQL_ACTION_FEWER, SQL_ACTION_OF,
	SQL_UNIT_SEEN, SQL_UNIT_COUNT, SQL_UNIT_KNOWN, SQL_UNIT_MISSING, SQL_UNIT_IS_MISSING, SQL_UNIT_DUE,
	SQL_UNIT_CONTRADICTED, SQL_UNIT_GONE, SQL_UNIT_ASKED, SQL_UNIT_TOLD, SQL_UNIT_OLD, SQL_UNIT_IS_BASELINE,
	SQL_ORDER_SEEN, SQL_ORDER_TELL, SQL_ORDER_LOST,
	SQL_APPROVAL_UNTOLD, SQL_APPROVAL_TELL, SQL_APPROVAL_MAIL,
	SQL_CLAIM_UNPROVEN, SQL_CLAIM_UNPROVEN_ASKED,
	SQL_COUNT
};
extern const char *const sql_text[SQL_COUNT];

#define SQL_APPLICATION	1634759286	/* "aprv" in ASCII: application_id of our files */
#define SQL_VERSION	6		/* user_version: which schema.sql */
/* schema.sql, then both numbers above: one transaction's worth. */
extern const char sql_schema[];
extern const char sql_schema_mark[];
/* What makes a database of version i + 1 one of version i + 2; never reordered. */
extern const char *const sql_upgrades[SQL_VERSION - 1];
/* What each connection is told first, and then one that reads or one that writes. */
extern const char sql_settings[], sql_settings_read[], sql_settings_write[];

struct sqlite3;
struct sqlite3_stmt;

#define DB_KEY_BYTES 32
struct db {
	struct sqlite3		*sqlite;
	struct sqlite3_stmt	*stmt[SQL_COUNT];
	bool			 begun;		/* by db_begin(), whatever SQLite did since */
	uint8_t			 id_key[DB_KEY_BYTES];
	struct ZSTD_CCtx_s	*zstd;		/* of mail_keep(), made with its first mail; NULL: not yet */
};

struct sql_arg {
	enum { SQL_ARG_END, SQL_ARG_NULL, SQL_ARG_INT, SQL_ARG_TEXT, SQL_ARG_BLOB } type;
	int64_t		 i;
	const void	*p;
	size_t		 n;
};
/* Values for ?1, ?2, ...; they need to live until the statement is closed. */
#define ARGS(...) ((const struct sql_arg[]){__VA_ARGS__, {.type = SQL_ARG_END}})
struct sql_arg	arg_int(int64_t);
struct sql_arg	arg_time(int64_t ms);		/* 0: NULL */
struct sql_arg	arg_text(const char *);		/* NULL: NULL */
struct sql_arg	arg_blob(const void *, size_t);

/* A statement under way. Close it on every path: an open one holds a lock. */
struct row {
	struct db		*db;
	struct sqlite3_stmt	*stmt;
	int			 column;	/* the next one to read */
};
int	sql_open(struct db *, enum sql, const struct sql_arg *, struct row *, struct err *);
/* 1: a row; 0: the end. After 0 and -1 it is closed. */
int	sql_next(struct row *, struct err *);
void	sql_close(struct row *);

/* Opens and steps once: 1 and the caller closes; 0 or -1, and it is closed. */
int	sql_one(struct db *, enum sql, const struct sql_arg *, struct row *, struct err *);
/* Runs to the end: how many rows it changed, or -1. */
int	sql_run(struct db *, enum sql, const struct sql_arg *, struct err *);
/* The same, where the count says nothing: 0 or -1. */
int	sql_write(struct db *, enum sql, const struct sql_arg *, struct err *);
/* The first column of the one row: 1 and *value, or 0 for no row. */
int	sql_number(struct db *, enum sql, const struct sql_arg *, int64_t *value, struct err *);
/* Up to `max` ids of a queue, in its order: rows (id, msn) for ?1 now_ms, ?2 limit, ?3 DB_LONGEST_WAIT_MS. */
int	sql_due(struct db *, enum sql, int64_t now_ms, const struct db_but *, int64_t *ids, int max, int *n, struct err *);

int64_t		 row_int(struct row *);			/* NULL: 0 */
bool		 row_bool(struct row *);
const char	*row_text(struct row *, struct arena *);	/* a copy; NULL: NULL */
struct span	 row_blob(struct row *);		/* until the next step; NULL: p NULL */

/* Whole reads of more than one statement see one state of the file. Fine inside db_begin(). */
int	sql_read_begin(struct db *, bool *opened, struct err *);
void	sql_read_end(struct db *, bool opened);

/* What SQLite's last error means to us, with `doing` in front; -1. */
int	sql_failed(struct db *, const char *doing, struct err *);

#endif
