#include "store/stray.h"
#include "store/sql.h"

#define STRAY_SKEW_MS	INT64_C(3600000)	/* a mail server's clock may be that fast */

/* The folder's first closed epoch that has some; *id 0: there is none. */
static int
stray_epoch(struct db *db, int64_t folder_id, int64_t *id, struct err *e)
{
	*id = 0;
	return sql_number(db, SQL_STRAY_EPOCH, ARGS(arg_int(folder_id)), id, e) < 0 ? -1 : 0;
}

int
stray_any(struct db *db, int64_t folder_id, bool *any, struct err *e)
{
	int64_t id;
	int rc = stray_epoch(db, folder_id, &id, e);

	*any = id != 0;
	return rc;
}

static int
lost_settle(struct db *db, const struct sql_arg *args, struct arena *a, struct arena_buf *lost, struct err *e)
{
	struct row r;
	int got;

	if (sql_open(db, SQL_STRAY_LOST, args, &r, e) != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1) {
		struct stray s = {.id = row_int(&r)};

		s.reason = row_text(&r, a);
		if (row_bool(&r))
			arena_put(lost, &s, sizeof(s));
	}
	return got;
}

/* Those of the closed epoch that a later one accounts for. */
static int
later_settle(struct db *db, int64_t old, int64_t later, int64_t now_ms, struct err *e)
{
	if (sql_run(db, SQL_STRAY_FOUND, ARGS(arg_int(old), arg_int(now_ms), arg_int(later)), e) < 0)
		return -1;
	return sql_run(db, SQL_STRAY_COUNTED, ARGS(arg_int(old), arg_int(now_ms), arg_int(later),
	    arg_int(STRAY_SKEW_MS)), e) < 0 ? -1 : 0;
}

/*
 * Beside the present epoch and the one that came next: what was there under its numbers may have been read and moved
 * away since, and if it was not read it is a stray of that one, which is told of once.
 */
static int
epoch_settle(struct db *db, int64_t old, int64_t present, int64_t now_ms, struct arena *a, struct arena_buf *lost,
    struct err *e)
{
	int64_t next = present;

	if (sql_number(db, SQL_STRAY_NEXT, ARGS(arg_int(old)), &next, e) < 0 ||
	    later_settle(db, old, next, now_ms, e) < 0 ||
	    (next != present && later_settle(db, old, present, now_ms, e) < 0))
		return -1;
	return lost_settle(db, ARGS(arg_int(old), arg_int(now_ms)), a, lost, e);
}

int
stray_settle(struct db *db, int64_t folder_id, int64_t epoch_id, int64_t now_ms, struct arena *a, struct stray **lost,
    size_t *n, struct err *e)
{
	struct arena_buf all = {.arena = a};
	int64_t old;
	int rc;

	while ((rc = stray_epoch(db, folder_id, &old, e)) == 0 && old != 0)
		if ((rc = epoch_settle(db, old, epoch_id, now_ms, a, &all, e)) < 0)
			break;
	*lost = (struct stray *)(void *)all.p;
	*n = all.n / sizeof(**lost);
	return rc;
}
