/*
 * budget - all that untrusted mail can cause shares it (architecture, Proof)
 *
 * Anybody can send us a thousand forgeries. They cost each target one notice an hour, the API some questions,
 * the disk a bounded room; and whatever they cause comes after the work of trusted mail. The events of untrusted
 * mail are all recorded: a target hears of the first at once, and of the rest together when its hour is over.
 * All of it is rows: a pass that is killed forgets nothing and tells nothing twice.
 */
#ifndef STORE_BUDGET_H
#define STORE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "store/db.h"

#define BUDGET_HOUR_MS		INT64_C(3600000)	/* one notice for each target in it, */
#define BUDGET_QUESTIONS	20			/* and so many questions to the API */
#define BUDGET_KEPT_BYTES	(INT64_C(200) << 20)	/* of untrusted mail, as stored (compressed) */
#define BUDGET_LISTED		100			/* events that one notice lists; it counts all */

/*
 * An event of untrusted mail for a target, in the caller's transaction: *gathered says that it waits for the
 * next notice, else its delivery is the notice of this hour.
 */
int	budget_notice(struct db *, const char *target, int64_t event_seq, int64_t now_ms, bool *gathered,
	    struct err *);
/*
 * What waits for this target, if its hour is over: *count events up to *last_seq (0: none), and the ids of at
 * most BUDGET_LISTED of them. The delivery of the first of them tells of all (delivery_notice()).
 */
int	budget_gathered(struct db *, const char *target, int64_t now_ms, struct arena *, const char ***ids, int *n,
	    int64_t *count, int64_t *last_seq, struct err *);
/* They are told, by the delivery of event carrier_seq. In the caller's transaction. */
int	budget_told(struct db *, const char *target, int64_t carrier_seq, int64_t last_seq, int64_t now_ms,
	    struct err *);

/* Takes n questions of this hour's; *left says whether there were as many. In a transaction of its own. */
int	budget_ask(struct db *, int n, int64_t now_ms, bool *left, struct err *);
/* Gives back what was not asked. */
int	budget_unasked(struct db *, int n, struct err *);

/* Drops the oldest kept bytes of untrusted mail beyond the budget, but never those of mail `but`. In the caller's transaction. */
int	budget_drop_bytes(struct db *, int64_t but, struct err *);

#endif
