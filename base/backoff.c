#include "base/backoff.h"

int64_t
backoff_next(const struct backoff *b, int n, int64_t now_ms, uint32_t chance, int64_t at_least_ms)
{
	int64_t wait, spread;

	if (n < 1 || n > b->waits)
		return -1;
	wait = b->wait_ms[n - 1];
	spread = wait / 100 * b->jitter_percent;
	if (spread > 0)
		wait += (int64_t)chance % (2 * spread + 1) - spread;
	return now_ms + (wait > at_least_ms ? wait : at_least_ms);
}
