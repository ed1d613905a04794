/*
 * clock - reading the time, and writing it down
 *
 * Times are int64_t milliseconds, Unix, UTC. Only drivers (cmd/, the passes) read the clock; all
 * else takes now_ms. Deadlines use the monotonic clock.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define CLOCK_SECOND	INT64_C(1000)
#define CLOCK_MINUTE	(60 * CLOCK_SECOND)
#define CLOCK_HOUR	(60 * CLOCK_MINUTE)
#define CLOCK_DAY	(24 * CLOCK_HOUR)

int64_t	clock_now_ms(void);		/* wall clock */
int64_t	clock_mono_ms(void);		/* never goes back; its zero means nothing */

int	clock_year(int64_t ms);		/* of the civil calendar, UTC */

struct clock_text { char s[32]; };
struct clock_text clock_iso(int64_t ms);	/* "2026-11-22T09:30:00.000Z" (RFC 3339) */
struct clock_text clock_mail(int64_t ms);	/* "Sun, 22 Nov 2026 09:30:00 +0000" (RFC 5322 3.3) */

/* "2026-01-01", or RFC 3339 with any offset; UTC where none is said. ERR_REJECT. */
int	clock_parse(struct span, int64_t *ms, struct err *);
/* RFC 5322 date-time with the obsolete zones of 4.3, comments skipped. ERR_REJECT. */
int	clock_parse_mail(struct span, int64_t *ms, struct err *);
/* "90s", "5m", "6h", "14d" to milliseconds. ERR_REJECT. */
int	clock_parse_span(struct span, int64_t *ms, struct err *);
/* Civil date and time with an offset in minutes east of UTC; -1 if not a date. */
int	clock_civil(int year, int month, int day, int hour, int minute, int second, int offset_min,
	    int64_t *ms);

#endif
