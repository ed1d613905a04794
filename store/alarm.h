/*
 * alarm - what is told once per subject and day, with a count
 *
 * The first of a day is told at once, by an event with "count": 1. What comes after it that day is counted,
 * and once the day (UTC) is over a second event says how many there were, with the data of the last.
 * A count is written with what is counted, and an event with the count that it tells: none is lost.
 */
#ifndef STORE_ALARM_H
#define STORE_ALARM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "store/db.h"

#define ALARM_REST "*"	/* the subject of those for which the day had no room; no domain is named so */

/*
 * Is there room for this subject on this day, among at most `limit` that others choose? No: raise it as
 * ALARM_REST. In the caller's transaction.
 */
int	alarm_room(struct db *, const char *type, const char *subject, bool history, int limit, int64_t now_ms,
	    bool *room, struct err *);

struct alarm_new {
	const char	*type;		/* of its events */
	const char	*subject;	/* what is counted together, stable over a restored log */
	const char	*ref;		/* see struct event_new */
	struct json	*data;		/* taken over and freed; "day" and "count" are added */
	bool		 history;	/* counted apart from what is new, recorded, never routed */
};
/* One more. In the caller's transaction. */
int	alarm_raise(struct db *, const struct alarm_new *, int64_t now_ms, struct err *);

/* Tells the counts of days that are over. In transactions of its own; there are none if nothing is due. */
int	alarm_days_over(struct db *, int64_t now_ms, struct err *);

#endif
