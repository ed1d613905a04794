#include "store/alert.h"

#include "base/digest.h"
#include "store/sql.h"

/* "alert:NAME:" and 16 digits of its text's hash. */
static const char *
cause_of(const char *mailbox, const char *text, struct arena *a)
{
	struct digest *d = digest_open(0);
	uint8_t hash[DIGEST_BYTES];

	digest_add(d, span_of(text));
	digest_close(d, hash);
	return arena_printf(a, "alert:%s:%s", mailbox, digest_hex(a, hash, 8));
}

static int
said(struct db *db, const char *mailbox, const char *cause, const char *text, int64_t now_ms, struct err *e)
{
	if (db_begin(db, e) != 0)
		return -1;
	if (sql_write(db, SQL_ALERTS_OVER, ARGS(arg_text(mailbox), arg_int(now_ms - ALERT_AGAIN_MS), arg_int(now_ms)),
		e) == 0 &&
	    sql_write(db, SQL_ALERT_SAID, ARGS(arg_text(cause), arg_int(now_ms), arg_text(text)), e) == 0)
		return db_commit(db, e);
	db_rollback(db);
	return -1;
}

int
alert_due(struct db *db, const char *mailbox, const char *text, int64_t now_ms, bool *say, struct err *e)
{
	struct arena a = {0};
	const char *cause = cause_of(mailbox, text, &a);
	int64_t same = 0, all = 0;
	struct row r;
	int rc = sql_one(db, SQL_ALERTS, ARGS(arg_text(mailbox), arg_text(cause), arg_int(now_ms - ALERT_AGAIN_MS),
	    arg_int(now_ms)), &r, e);

	if (rc == 1) {
		same = row_int(&r);
		all = row_int(&r);
		sql_close(&r);
	}
	*say = rc == 1 && same == 0 && all < ALERT_MOST;
	if (*say)
		rc = said(db, mailbox, cause, text, now_ms, e);
	arena_free(&a);
	return rc < 0 ? -1 : 0;
}
