#include "store/budget.h"
#include "store/sql.h"

#define BYTES_DROPPED "its bytes were dropped: those of untrusted mail may fill 200 MB, and the oldest go first"

int
budget_notice(struct db *db, const char *target, int64_t event_seq, int64_t now_ms, bool *gathered,
    struct err *e)
{
	int64_t held_back = 0;

	if (sql_number(db, SQL_NOTICE_HELD_BACK,
		ARGS(arg_text(target), arg_int(now_ms), arg_int(BUDGET_HOUR_MS)), &held_back, e) < 0)
		return -1;
	*gathered = held_back != 0;
	if (*gathered)
		return sql_write(db, SQL_GATHER, ARGS(arg_text(target), arg_int(event_seq)), e);
	return sql_write(db, SQL_NOTICE_TOLD, ARGS(arg_text(target), arg_int(now_ms)), e);
}

static int
gathered_ids(struct db *db, const char *target, struct arena *a, const char **ids, int *n,
    struct err *e)
{
	struct row r;
	int got;

	if (sql_open(db, SQL_GATHERED, ARGS(arg_text(target), arg_int(BUDGET_LISTED)), &r, e) != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1)
		ids[(*n)++] = row_text(&r, a);
	return got;
}

int
budget_gathered(struct db *db, const char *target, int64_t now_ms, struct arena *a,
    const char ***ids, int *n, int64_t *count, int64_t *last_seq, struct err *e)
{
	struct row r;

	*n = 0;
	*ids = NULL;
	if (sql_one(db, SQL_GATHERED_COUNT,
		ARGS(arg_text(target), arg_int(now_ms), arg_int(BUDGET_HOUR_MS)), &r, e) != 1)
		return -1;
	*count = row_int(&r);
	*last_seq = row_int(&r);
	sql_close(&r);
	if (*count == 0)
		return 0;
	*ids = arena_array(a, BUDGET_LISTED, sizeof(**ids));
	return gathered_ids(db, target, a, *ids, n, e);
}

int
budget_told(struct db *db, const char *target, int64_t carrier_seq, int64_t last_seq,
    int64_t now_ms, struct err *e)
{
	if (sql_write(db, SQL_NOTICE_TOLD, ARGS(arg_text(target), arg_int(now_ms)), e) != 0)
		return -1;
	return sql_write(db, SQL_GATHERED_TOLD,
	    ARGS(arg_text(target), arg_int(carrier_seq), arg_int(last_seq)), e);
}

/* Runs one statement in a transaction of its own: the rows it changed, or -1. */
static int
alone(struct db *db, enum sql which, const struct sql_arg *args, struct err *e)
{
	int changed;

	if (db_begin(db, e) != 0)
		return -1;
	changed = sql_run(db, which, args, e);
	if (changed < 0)
		db_rollback(db);
	else if (db_commit(db, e) != 0)
		return -1;
	return changed;
}

int
budget_ask(struct db *db, int n, int64_t now_ms, bool *left, struct err *e)
{
	int changed = alone(db, SQL_BUDGET_TAKE, ARGS(arg_text("questions"), arg_int(n),
	    arg_int(BUDGET_QUESTIONS), arg_int(BUDGET_HOUR_MS), arg_int(now_ms)), e);

	*left = changed == 1;
	return changed < 0 ? -1 : 0;
}

int
budget_unasked(struct db *db, int n, struct err *e)
{
	return alone(db, SQL_BUDGET_GIVE, ARGS(arg_text("questions"), arg_int(n)), e) < 0 ? -1 : 0;
}

int
budget_drop_bytes(struct db *db, int64_t but, struct err *e)
{
	int64_t over = 0, id = 0;
	int got;

	for (;;) {
		got = sql_number(db, SQL_BYTES_OVER, ARGS(arg_int(BUDGET_KEPT_BYTES)), &over, e);
		if (got == 1)
			got = sql_number(db, SQL_BYTES_OLDEST, ARGS(arg_int(but)), &id, e);
		if (got != 1)
			return got;
		if (sql_write(db, SQL_BYTES_DROP, ARGS(arg_int(id)), e) != 0 ||
		    sql_write(db, SQL_BYTES_DROPPED, ARGS(arg_int(id), arg_text(BYTES_DROPPED)), e) != 0)
			return -1;
	}
}
