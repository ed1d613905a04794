#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/sql.h"
#include "store/unit.h"

#define NOTE_BASELINE	"reconcile-baseline"
#define NOTE_LISTED	"reconcile-listed"
#define NOTE_ORDERS	"reconcile-orders"
#define NOTE_TRIED	"reconcile-tried"
#define TIME_TEXT	24	/* of 64 bits in decimal */

/* ---- when */

static int
time_note(struct db *db, const char *name, int64_t *ms, struct err *e)
{
	struct arena a = {0};
	const char *text = NULL;
	int rc = db_note(db, name, &a, &text, e);

	*ms = text != NULL ? strtoll(text, NULL, 10) : 0;
	arena_free(&a);
	return rc;
}

static int
time_note_set(struct db *db, const char *name, int64_t ms, struct err *e)
{
	char text[TIME_TEXT];

	snprintf(text, sizeof(text), "%" PRId64, ms);
	return db_note_set(db, name, text, e);
}

int
unit_times(struct db *db, struct unit_times *t, struct err *e)
{
	if (time_note(db, NOTE_BASELINE, &t->baseline_ms, e) != 0 ||
	    time_note(db, NOTE_ORDERS, &t->orders_ms, e) != 0 ||
	    time_note(db, NOTE_TRIED, &t->tried_ms, e) != 0)
		return -1;
	return time_note(db, NOTE_LISTED, &t->listed_ms, e);
}

int
unit_listed(struct db *db, bool again, bool orders, int64_t now_ms, struct err *e)
{
	struct unit_times t;

	if (unit_times(db, &t, e) != 0)
		return -1;
	if ((t.baseline_ms == 0 || again) && time_note_set(db, NOTE_BASELINE, now_ms, e) != 0)
		return -1;
	if (orders && t.orders_ms == 0 && time_note_set(db, NOTE_ORDERS, now_ms, e) != 0)
		return -1;
	return time_note_set(db, NOTE_LISTED, now_ms, e);
}

int
unit_tried(struct db *db, int64_t now_ms, struct err *e)
{
	return time_note_set(db, NOTE_TRIED, now_ms, e);
}

/* ---- units */

int
unit_seen(struct db *db, const struct unit_new *u, int64_t now_ms, struct err *e)
{
	return sql_write(db, SQL_UNIT_SEEN,
	    ARGS(arg_text(u->msn), arg_text(u->name), arg_text(u->org_scheme),
		arg_text(u->org_number), arg_int(now_ms), arg_text(u->quiet ? "baseline" : NULL),
		arg_int(u->ordered)),
	    e);
}

int
unit_count(struct db *db, int64_t listed_ms, int64_t *n, struct err *e)
{
	return sql_number(db, SQL_UNIT_COUNT, ARGS(arg_int(listed_ms)), n, e) == 1 ? 0 : -1;
}

int
unit_known(struct db *db, const char *msn, int64_t listed_ms, bool *last, bool *ever, struct err *e)
{
	struct row r;

	if (sql_one(db, SQL_UNIT_KNOWN, ARGS(arg_text(msn), arg_int(listed_ms)), &r, e) != 1)
		return -1;
	*last = row_bool(&r);
	*ever = row_bool(&r);
	sql_close(&r);
	return 0;
}

/* All rows of a statement with the columns of UNIT_ROW. */
static int
rows_read(struct db *db, enum sql which, const struct sql_arg *args, struct arena *a,
    struct unit_row **rows, int *n, struct err *e)
{
	size_t room = 16;
	struct row r;
	int got;

	*n = 0;
	*rows = arena_array(a, room, sizeof(**rows));
	if (sql_open(db, which, args, &r, e) != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1) {
		struct unit_row *u;

		if ((size_t)*n == room) {
			struct unit_row *more = arena_array(a, room * 2, sizeof(*more));

			for (size_t i = 0; i < room; i++)
				more[i] = (*rows)[i];
			*rows = more;
			room *= 2;
		}
		u = &(*rows)[(*n)++];
		u->msn = row_text(&r, a);
		u->name = row_text(&r, a);
		u->org_scheme = row_text(&r, a);
		u->org_number = row_text(&r, a);
		u->merchant_name = row_text(&r, a);
		u->country = row_text(&r, a);
		u->first_ms = row_int(&r);
		u->told_ms = row_int(&r);
		u->asked_ms = row_int(&r);
		u->found = row_bool(&r);
		u->baseline = row_bool(&r);
		u->apr = row_text(&r, a);
		u->state = row_text(&r, a);
	}
	return got;
}

int
unit_missing(struct db *db, int64_t listed_ms, struct arena *a, struct unit_row **rows, int *n,
    struct err *e)
{
	return rows_read(db, SQL_UNIT_MISSING, ARGS(arg_int(listed_ms)), a, rows, n, e);
}

int
unit_is_missing(struct db *db, const char *msn, int64_t listed_ms, bool *is, struct err *e)
{
	int64_t n = 0;

	if (sql_number(db, SQL_UNIT_IS_MISSING, ARGS(arg_int(listed_ms), arg_text(msn)), &n, e) != 1)
		return -1;
	*is = n > 0;
	return 0;
}

int
unit_due(struct db *db, int64_t listed_ms, int64_t before_ms, bool again, int max, struct arena *a,
    struct unit_row **rows, int *n, struct err *e)
{
	return rows_read(db, SQL_UNIT_DUE,
	    ARGS(arg_int(listed_ms), arg_int(before_ms), arg_int(again), arg_int(max),
		arg_int(CLOCK_DAY)),
	    a, rows, n, e);
}

int
unit_contradicted(struct db *db, int64_t listed_ms, int max, struct arena *a, struct unit_row **rows,
    int *n, struct err *e)
{
	return rows_read(db, SQL_UNIT_CONTRADICTED, ARGS(arg_int(listed_ms), arg_int(max)), a, rows, n, e);
}

int
unit_gone(struct db *db, int64_t listed_ms, struct arena *a, struct unit_row **rows, int *n,
    struct err *e)
{
	return rows_read(db, SQL_UNIT_GONE, ARGS(arg_int(listed_ms)), a, rows, n, e);
}

int
unit_asked(struct db *db, const struct unit_row *u, int64_t now_ms, struct err *e)
{
	return sql_write(db, SQL_UNIT_ASKED,
	    ARGS(arg_text(u->msn), arg_text(u->name), arg_text(u->org_scheme),
		arg_text(u->org_number), arg_text(u->merchant_name), arg_text(u->country),
		arg_int(now_ms), arg_int(u->found)),
	    e);
}

int
unit_told(struct db *db, const char *msn, int64_t now_ms, struct err *e)
{
	return sql_write(db, SQL_UNIT_TOLD, ARGS(arg_text(msn), arg_int(now_ms)), e);
}

int
unit_fresh(struct db *db, const char *msn, int64_t made_ms, bool *fresh, struct err *e)
{
	struct unit_times t;
	int64_t old = 0;

	*fresh = false;
	if (unit_times(db, &t, e) != 0)
		return -1;
	if (t.baseline_ms == 0 || t.baseline_ms >= made_ms)
		return 0;
	if (sql_number(db, SQL_UNIT_OLD, ARGS(arg_text(msn), arg_int(made_ms)), &old, e) != 1)
		return -1;
	*fresh = old == 0;
	return 0;
}

int
unit_is_baseline(struct db *db, const char *msn, int64_t made_ms, bool *is, struct err *e)
{
	int64_t n = 0;

	if (sql_number(db, SQL_UNIT_IS_BASELINE, ARGS(arg_text(msn), arg_int(made_ms)), &n, e) != 1)
		return -1;
	*is = n > 0;
	return 0;
}

/* ---- product orders */

int
unit_order(struct db *db, const char *id, const char *status, bool quiet, int64_t now_ms, bool *tell,
    struct err *e)
{
	int changed;

	*tell = false;
	if (sql_write(db, SQL_ORDER_SEEN,
		ARGS(arg_text(id), arg_text(status), arg_int(now_ms), arg_int(quiet)), e) != 0)
		return -1;
	changed = sql_run(db, SQL_ORDER_TELL, ARGS(arg_text(id)), e);
	*tell = changed == 1;
	return changed < 0 ? -1 : 0;
}

int
unit_orders_lost(struct db *db, int64_t listed_ms, int max, struct arena *a, struct order_row **rows,
    int *n, struct err *e)
{
	struct row r;
	int got;

	*n = 0;
	*rows = arena_array(a, (size_t)max + 1, sizeof(**rows));
	if (sql_open(db, SQL_ORDER_LOST, ARGS(arg_int(listed_ms), arg_int(max)), &r, e) != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1) {
		(*rows)[*n].id = row_text(&r, a);
		(*rows)[(*n)++].status = row_text(&r, a);
	}
	return got;
}
