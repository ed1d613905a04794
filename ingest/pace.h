/*
 * pace - how fast a server is asked, and when no longer: arithmetic, no I/O
 *
 * Three things hold a request back: the rate (never more than so many in any minute), a pause that the server asked
 * for, and the breaker. That opens after PACE_FAILURES failures in a row, or at once for what concerns every
 * request; while it is open nothing is to be asked, and after PACE_OPEN_MS one request may try again (half
 * open): an answer closes it, a failure opens it again. Times are of the monotonic clock.
 */
#ifndef INGEST_PACE_H
#define INGEST_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

#define PACE_FAILURES	8	/* in a row: two rounds of the usual four at once */
#define PACE_REFUSALS	64	/* 403s in a row: no longer some units that are not linked to us */
#define PACE_OPEN_MS	60000	/* until one request may try again */
#define PACE_MAX_RATE	6000	/* a minute */

struct pace {
	int64_t	*starts;	/* of the last `rate` requests, a ring */
	int	 rate, next;
	int64_t	 not_before_ms;
	int	 failures, refusals;	/* in a row */
	bool	 open;
	int64_t	 until_ms;	/* of the open breaker */
};

void	pace_init(struct pace *, int rate, struct arena *);
/* How long until a request may start; 0: now. The breaker is not asked. */
int64_t	pace_wait_ms(const struct pace *, int64_t now_ms);
/* Whether only a single request may be on its way (half open), or none (open). */
enum pace_gate { PACE_CLOSED, PACE_HALF_OPEN, PACE_OPEN };
enum pace_gate pace_gate(const struct pace *, int64_t now_ms);

void	pace_started(struct pace *, int64_t now_ms);
void	pace_answered(struct pace *);
void	pace_failed(struct pace *, int64_t now_ms);
void	pace_refused(struct pace *, int64_t now_ms);	/* an answer, but one that may be meant for all */
void	pace_pause(struct pace *, int64_t until_ms);
void	pace_break(struct pace *, int64_t now_ms);	/* what concerns every request */
void	pace_doubt(struct pace *);			/* it failed when last asked, by another process: half open */

#endif
