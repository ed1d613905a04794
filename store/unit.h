/*
 * unit - sales units and product orders as the Management API's own lists last showed them
 *
 * What the log is reconciled with (ingest/reconcile.h). A unit is known by its MSN without leading zeros, which
 * a list that sends numbers has lost. The first lists are the baseline: nothing is told of what they show. Functions that
 * change rows are called inside the caller's transaction.
 */
#ifndef STORE_UNIT_H
#define STORE_UNIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "store/db.h"

/* When the first and the last list of units were taken, and the first of orders; 0: never. */
struct unit_times { int64_t baseline_ms, listed_ms, orders_ms, tried_ms /* in vain, the last time */; };
int	unit_times(struct db *, struct unit_times *, struct err *);
/* The units' list (and the orders') was taken at now_ms; the first time, or if `again`, it is the baseline. */
int	unit_listed(struct db *, bool again, bool orders, int64_t now_ms, struct err *);

/* They could not be had, or were not believed. */
int	unit_tried(struct db *, int64_t now_ms, struct err *);

struct unit_new {
	const char	*msn, *name;
	const char	*org_scheme, *org_number;	/* NULL: not said */
	bool		 ordered;	/* by a completed product order, which is in its list for ever; else by the units' list */
	bool		 quiet;		/* nothing will be told of it */
};
int	unit_seen(struct db *, const struct unit_new *, int64_t now_ms, struct err *);
/* How many of the last lists' units there are. */
int	unit_count(struct db *, int64_t listed_ms, int64_t *n, struct err *);
/* Whether it is one of the last lists' units; whether it, or its MSN in the log, was known before at all. */
int	unit_known(struct db *, const char *msn, int64_t listed_ms, bool *last, bool *ever, struct err *);

/*
 * A unit that the API knows and the log does not (neither an approval nor a claim of proven mail has its MSN), or an
 * approval that the lists do not show.
 */
struct unit_row {
	const char	*msn, *name, *org_scheme, *org_number, *merchant_name, *country;
	int64_t		 first_ms;	/* when a list first showed it; of an approval: confirmed */
	int64_t		 told_ms;	/* approval.missing-mail; 0: not yet */
	int64_t		 asked_ms;	/* when the API was last asked about it alone; 0: never */
	bool		 found;		/* and what it said then: false is a 404 */
	bool		 baseline;
	const char	*apr, *state;	/* of an approval; else NULL */
};
/* All that the log lacks, of the lists of listed_ms. */
int	unit_missing(struct db *, int64_t listed_ms, struct arena *, struct unit_row **, int *n, struct err *);
/* Whether the log still lacks it and nothing hides it. */
int	unit_is_missing(struct db *, const char *msn, int64_t listed_ms, bool *is, struct err *);
/*
 * Of those at most `max` that came after the baseline, have been missing since before_ms and were not asked about since
 * the lists; of the ones that were told only if `again`.
 */
int	unit_due(struct db *, int64_t listed_ms, int64_t before_ms, bool again, int max, struct arena *, struct unit_row **,
	    int *n, struct err *);
/*
 * Approvals that the lists of listed_ms contradict, confirmed ones that they do not show and gone ones that they do, and
 * that were not asked about since: at most `max`.
 */
int	unit_contradicted(struct db *, int64_t listed_ms, int max, struct arena *, struct unit_row **, int *n,
	    struct err *);
/* Approvals that no list shows, and a 404 says the same; and those that are gone already. */
int	unit_gone(struct db *, int64_t listed_ms, struct arena *, struct unit_row **, int *n, struct err *);

/* The API was asked about this one alone. Texts that are NULL stay as they are. */
int	unit_asked(struct db *, const struct unit_row *, int64_t now_ms, struct err *);
int	unit_told(struct db *, const char *msn, int64_t now_ms, struct err *);
/*
 * Whether the unit was there at the last reconcile before made_ms, or nobody can know: there was none. *fresh is false
 * then (sender.accept: [api]).
 */
int	unit_fresh(struct db *, const char *msn, int64_t made_ms, bool *fresh, struct err *);
/* Whether the baseline shows it, and was taken before made_ms. */
int	unit_is_baseline(struct db *, const char *msn, int64_t made_ms, bool *is, struct err *);

/* ---- product orders */

struct order_row { const char *id, *status; };
/* The list, or its own answer, shows it with this status. *tell: it ended (REJECTED, EXPIRED), and nobody was told. */
int	unit_order(struct db *, const char *id, const char *status, bool quiet, int64_t now_ms, bool *tell, struct err *);
/* Orders that were under way and are no longer in the list, at most `max`, those first that were longest unseen. */
int	unit_orders_lost(struct db *, int64_t listed_ms, int max, struct arena *, struct order_row **, int *n, struct err *);

#endif
