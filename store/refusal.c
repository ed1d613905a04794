#include "store/refusal.h"

#include "store/sql.h"

int
refusal_get(
    struct db *db, const char *mailbox, struct arena *a, struct refusal *out, struct err *e)
{
	struct row r;
	int got = sql_one(db, SQL_REFUSAL_GET, ARGS(arg_text(mailbox)), &r, e);

	*out = (struct refusal){.stamp = "", .error = ""};
	if (got != 1)
		return got;
	out->times = row_int(&r);
	out->last_ms = row_int(&r);
	out->stamp = row_text(&r, a);
	out->error = row_text(&r, a);
	sql_close(&r);
	return 0;
}

static int
alone(struct db *db, enum sql which, const struct sql_arg *args, struct err *e)
{
	if (db_begin(db, e) != 0)
		return -1;
	if (sql_write(db, which, args, e) == 0)
		return db_commit(db, e);
	db_rollback(db);
	return -1;
}

int
refusal_put(struct db *db, const char *mailbox, const struct refusal *r, struct err *e)
{
	return alone(db, SQL_REFUSAL_PUT,
	    ARGS(arg_text(mailbox), arg_int(r->times), arg_int(r->last_ms), arg_text(r->stamp),
		arg_text(r->error)),
	    e);
}

int
refusal_over(struct db *db, const char *mailbox, struct err *e)
{
	return alone(db, SQL_REFUSAL_OVER, ARGS(arg_text(mailbox)), e);
}
