#include "base/clock.h"
#include "ingest/pace.h"

/* The server sees requests later than we start them, the first ones by a handshake more. */
#define PACE_WINDOW_MS	(CLOCK_MINUTE + CLOCK_SECOND)
#define NEVER	INT64_MIN	/* a place of the ring that no request has taken yet */

void
pace_init(struct pace *p, int rate, struct arena *a)
{
	*p = (struct pace){.rate = rate, .starts = arena_array(a, (size_t)rate, sizeof(*p->starts))};
	for (int i = 0; i < rate; i++)
		p->starts[i] = NEVER;
}

int64_t
pace_wait_ms(const struct pace *p, int64_t now_ms)
{
	const int64_t	oldest_ms = p->starts[p->next];
	int64_t		at_ms = p->not_before_ms;

	if (oldest_ms != NEVER && oldest_ms + PACE_WINDOW_MS > at_ms)
		at_ms = oldest_ms + PACE_WINDOW_MS;
	return at_ms > now_ms ? at_ms - now_ms : 0;
}

enum pace_gate
pace_gate(const struct pace *p, int64_t now_ms)
{
	if (!p->open)
		return PACE_CLOSED;
	return now_ms < p->until_ms ? PACE_OPEN : PACE_HALF_OPEN;
}

void
pace_started(struct pace *p, int64_t now_ms)
{
	p->starts[p->next] = now_ms;
	p->next = (p->next + 1) % p->rate;
}

void
pace_answered(struct pace *p)
{
	p->failures = p->refusals = 0;
	p->open = false;
}

void
pace_refused(struct pace *p, int64_t now_ms)
{
	p->failures = 0;
	p->open = false;
	if (++p->refusals >= PACE_REFUSALS)
		pace_break(p, now_ms);
}

void
pace_failed(struct pace *p, int64_t now_ms)
{
	if (++p->failures >= PACE_FAILURES || p->open)
		pace_break(p, now_ms);
}

void
pace_pause(struct pace *p, int64_t until_ms)
{
	if (until_ms > p->not_before_ms)
		p->not_before_ms = until_ms;
}

void
pace_break(struct pace *p, int64_t now_ms)
{
	p->open = true;
	p->until_ms = now_ms + PACE_OPEN_MS;
}

void
pace_doubt(struct pace *p)
{
	p->open = true;
	p->until_ms = INT64_MIN;
}
