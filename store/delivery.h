/*
 * delivery - one event owed to one target, its attempts, leases and frozen bodies (architecture, Stages)
 *
 * Each function here opens its own transaction, unless it only reads.
 */
#ifndef STORE_DELIVERY_H
#define STORE_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "store/db.h"

enum delivery_state { DELIVERY_DUE, DELIVERY_DELIVERED, DELIVERY_DEAD, DELIVERY_DROPPED };
const char	*delivery_state_name(enum delivery_state);

struct delivery_new {
	const char	*endpoint;
	const char	*target;
	const char	*webhook_id;
	const char	*body;		/* exact bytes to send, frozen now */
	bool		 untrusted;	/* of untrusted mail alone: shares the budget (store/budget.h) */
};
/*
 * Marks the event as fanned out and inserts its deliveries, each unique by (event, target). An untrusted one, to a
 * target that was told of such mail within the hour, is gathered for its next notice instead.
 */
int	delivery_fan_out(struct db *, int64_t event_seq, const struct delivery_new *, int n, int64_t now_ms,
	    struct err *);
/* The notice of all that was gathered for the target up to last_seq, carried by event carrier_seq. */
int	delivery_notice(struct db *, int64_t carrier_seq, const struct delivery_new *, int64_t last_seq, int64_t now_ms,
	    struct err *);

struct delivery {
	int64_t		 id, event_seq;
	const char	*event_id, *event_type, *endpoint, *target, *webhook_id;
	const char	*body;		/* NULL once erased */
	enum delivery_state state;
	int		 attempt;	/* attempts begun, this one included once leased */
	int		 outcomes;	/* attempts that came to an end, which alone count for the schedule:
					   a pass that was killed is no fault of the receiver */
	int64_t		 event_ms, made_ms, next_ms, leased_until_ms, settled_ms;
};
/* Leases up to `max` due deliveries: attempt is counted and the lease runs until now + lease_ms. */
int	delivery_lease(struct db *, int64_t now_ms, int64_t lease_ms, int max, struct arena *, struct delivery **,
	    int *n, struct err *);

/* When the next one that is not due yet will be; 0: there is none. */
int	delivery_next(struct db *, int64_t now_ms, int64_t *next_ms, struct err *);

struct attempt {
	int		 n;
	int64_t		 at_ms, took_ms;
	int		 status;	/* HTTP or SMTP; 0: no answer came */
	const char	*error;		/* NULL: success */
};
/*
 * Records the attempt and settles or reschedules, only if the lease is still ours (attempt equal). next_ms is when to
 * try again, for state due.
 */
int	delivery_settle(struct db *, const struct delivery *, const struct attempt *, enum delivery_state,
	    int64_t next_ms, int64_t now_ms, struct err *);
/* Gives a lease back uncounted (stopped before anything was sent). */
int	delivery_release(struct db *, const struct delivery *, struct err *);

int	delivery_get(struct db *, int64_t id, struct arena *, struct delivery *, struct err *);	/* by number of dlv_ */
int	delivery_list_of(struct db *, int64_t event_seq, struct arena *, struct delivery **, int *n, struct err *);
int	delivery_attempts(struct db *, int64_t id, struct arena *, struct attempt **, int *n, struct err *);

/*
 * The body of the delivery with this webhook_id, NULL if there is none: an id that only we can make, since it is an
 * HMAC under the database's key. An erased body is "".
 */
int	delivery_sent(struct db *, struct span webhook_id, struct arena *, const char **body, struct err *);

/* For `show`: {"id": "dlv_N", "endpoint", "target", "webhook_id", "state", "attempt", "made_at", "next_at", "settled_at"}. */
struct json	*delivery_json(const struct delivery *);
/* {"n", "at", "took_ms", "status": N or null, "error"}. */
struct json	*attempt_json(const struct attempt *);

#endif
