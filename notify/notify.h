/*
 * notify - events fanned out to deliveries, deliveries sent (architecture, Stages)
 *
 * First every event that waits: one transaction each matches routes, freezes bodies, inserts
 * deliveries. Then due deliveries are leased, sent and settled by attempt. At least once, with a
 * constant id. With the lock, leases left by a killed pass are taken over at once; without it, when
 * they have run out.
 */
#ifndef NOTIFY_NOTIFY_H
#define NOTIFY_NOTIFY_H

#include <stdint.h>

#include "base/conf.h"
#include "base/http.h"
#include "notify/email.h"
#include "notify/route.h"
#include "store/db.h"

#define NOTIFY_LEASE_MS	(5 * INT64_C(60000))	/* a killed worker's delivery comes back then */
#define NOTIFY_BATCH	10	/* leased together: short enough that a slow one leaves the rest for the next pass */
#define NOTIFY_BREAKER	5	/* failures in a row after which a pass leaves an endpoint alone */

struct notify {
	struct db		*db;
	struct db_lock		*lock;		/* may be NULL */
	const struct routes	*routes;
	const struct smtp_conf	*smtp;
	volatile const int	*stop;
	int64_t			 now_ms;
	/* out */
	int64_t			 events, delivered, failed, dead;
	bool			 cert_refused;	/* a receiver's or the SMTP server's certificate */
	bool			 login_refused;	/* by the SMTP server */
	int64_t			 failing_long;	/* endpoints that fail for over 30 minutes */
};

enum notify_outcome {
	NOTIFY_DELIVERED,
	NOTIFY_REFUSED,		/* for ever: dead at once */
	NOTIFY_LATER,		/* this delivery, by the schedule */
	NOTIFY_DOWN,		/* likewise, and the pass leaves the endpoint alone */
	NOTIFY_UNSENT		/* nothing was sent, for a cause on our side: not an attempt */
};
enum notify_outcome notify_webhook_outcome(int status);	/* of an HTTP status; 0: no answer came */
enum notify_outcome notify_email_outcome(int status);	/* of an SMTP code; 0: no answer came */
/*
 * When to try again after attempt `n` (from 1) failed; -1: never. retry_after_ms is what the
 * receiver asked for, -1: nothing. Standard Webhooks 1.0.0: at once, 5 s, 5 min, 30 min, 2, 5, 10,
 * 14, 20, 24 h; kept by later passes.
 */
int64_t	notify_next(int n, int64_t retry_after_ms, uint32_t chance, int64_t now_ms);

/* One pass. -1 only for the database or a signal; a receiver that fails is a row and a warning. */
int	notify_pass(struct notify *, struct err *);

#endif
