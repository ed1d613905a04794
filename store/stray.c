#include "store/stray.h"
#include "store/sql.h"

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

int
stray_settle(struct db *db, int64_t folder_id, int64_t epoch_id, int64_t now_ms, struct arena *a, struct stray **lost,
    size_t *n, struct err *e)
{
	struct arena_buf all = {.arena = a};
	int64_t old;
	int rc;

	while ((rc = stray_epoch(db, folder_id, &old, e)) == 0 && old != 0) {
		const struct sql_arg *both = ARGS(arg_int(old), arg_int(now_ms), arg_int(epoch_id));

		if (sql_run(db, SQL_STRAY_FOUND, both, e) < 0 || sql_run(db, SQL_STRAY_COUNTED, both, e) < 0 ||
		    lost_settle(db, ARGS(arg_int(old), arg_int(now_ms)), a, &all, e) < 0) {
			rc = -1;
			break;
		}
	}
	*lost = (struct stray *)(void *)all.p;
	*n = all.n / sizeof(**lost);
	return rc;
}
