#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/alarm.h"
#include "store/event.h"
#include "store/sql.h"

#define DAY_TEXT 10	/* "2026-11-22" of clock_iso() */

struct day { char s[DAY_TEXT + 1]; };

static struct day
day_of(int64_t ms)
{
	struct day d;

	snprintf(d.s, sizeof(d.s), "%.*s", DAY_TEXT, clock_iso(ms).s);
	return d;
}

int
alarm_room(struct db *db, const char *type, const char *subject, bool history, int limit,
    int64_t now_ms, bool *room, struct err *e)
{
	struct day day = day_of(now_ms);
	int64_t n = 0;
	int rc = sql_number(db, SQL_ALARM_OTHERS,
	    ARGS(arg_text(type), arg_int(history), arg_text(day.s), arg_text(subject), arg_text(ALARM_REST)), &n, e);

	*room = n < limit;
	return rc < 0 ? -1 : 0;
}

/* The first event of a day and later ones differ by their cause: so does their id. */
static int
alarm_tell(struct db *db, const struct alarm_new *al, const char *day, int64_t count, bool first,
    int64_t now_ms, struct err *e)
{
	struct arena a = {0};
	struct json *data = json_copy(al->data);
	int rc;

	json_put_text(data, "day", day);
	json_put_int(data, "count", count);
	rc = event_add(db, &(struct event_new){
		.type = al->type, .ref = al->ref, .subject = al->subject, .data = data, .history = al->history,
		.cause = arena_printf(&a, "%s %s%s%s", al->subject, day, al->history ? " history" : "",
		    first ? "" : arena_printf(&a, " %lld", (long long)count)),
	    }, now_ms, e);
	arena_free(&a);
	return rc;
}

int
alarm_raise(struct db *db, const struct alarm_new *al, int64_t now_ms, struct err *e)
{
	struct arena a = {0};
	struct day day = day_of(now_ms);
	int64_t count = 0;
	int rc = sql_number(db, SQL_ALARM_MORE, ARGS(arg_text(al->type), arg_int(al->history), arg_text(day.s),
	    arg_text(al->subject), arg_text(al->ref), arg_text(json_print(al->data, &a))), &count, e);

	if (rc == 1 && count == 1)
		rc = alarm_tell(db, al, day.s, count, true, now_ms, e);
	json_free(al->data);
	arena_free(&a);
	return rc < 0 ? -1 : 0;
}

/* The oldest count that is due, in the caller's transaction: 1 if there was one. */
static int
day_over(struct db *db, const struct day *today, int64_t now_ms, struct err *e)
{
	struct arena a = {0};
	struct alarm_new al = {0};
	const char *day;
	struct row r;
	int64_t count;
	int rc = sql_one(db, SQL_ALARM_DUE, ARGS(arg_text(today->s)), &r, e);

	if (rc != 1)
		return rc;
	al.type = row_text(&r, &a);
	al.history = row_bool(&r);
	day = row_text(&r, &a);
	al.subject = row_text(&r, &a);
	count = row_int(&r);
	al.ref = row_text(&r, &a);
	al.data = json_ours(row_text(&r, &a));
	sql_close(&r);
	if (alarm_tell(db, &al, day, count, false, now_ms, e) != 0 ||
	    sql_run(db, SQL_ALARM_TOLD, ARGS(arg_text(al.type), arg_int(al.history), arg_text(day),
	    arg_text(al.subject)), e) < 0)
		rc = -1;
	json_free(al.data);
	arena_free(&a);
	return rc;
}

int
alarm_days_over(struct db *db, int64_t now_ms, struct err *e)
{
	struct day today = day_of(now_ms);
	struct row r;
	int rc;

	while ((rc = sql_one(db, SQL_ALARM_DUE, ARGS(arg_text(today.s)), &r, e)) == 1) {
		sql_close(&r);
		if (db_begin(db, e) != 0)
			return -1;
		rc = day_over(db, &today, now_ms, e);
		if (rc < 0) {
			db_rollback(db);
			return -1;
		}
		if (db_commit(db, e) != 0)
			return -1;
	}
	return rc;
}
