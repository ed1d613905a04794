/*
 * backoff - when to try again, as arithmetic
 */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stddef.h>
#include <stdint.h>

/* Waits between attempts: wait_ms[0] after the first failure, and so on; then never. */
struct backoff {
	const int64_t	*wait_ms;
	int		 waits;
	int		 jitter_percent;	/* spread evenly on both sides; 0: none */
};

/*
 * When to try again after attempt `n` (from 1) failed at now_ms; -1: never.
 * `chance` is a random number that spreads the wait; `at_least_ms` a wait that the other side asked
 * for (Retry-After), 0 for none.
 */
int64_t	backoff_next(const struct backoff *, int n, int64_t now_ms, uint32_t chance, int64_t at_least_ms);

#endif
