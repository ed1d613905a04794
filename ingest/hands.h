/*
 * hands - what is in hand: by sales unit, or by number where units do not matter
 *
 * A set that owns nothing: a struct hand lies in what is in hand, and leaves the set before that is freed. Its key, which must
 * not change meanwhile, is the MSN; without one, the number.
 */
#ifndef INGEST_HANDS_H
#define INGEST_HANDS_H

#include <stdbool.h>
#include <stdint.h>

#define HANDS_BUCKETS	1024	/* more than are ever in hand */

struct hand {
	const char	*msn;		/* NULL: by id */
	int64_t		 id;
	struct hand	*next;
};
struct hands { struct hand *first[HANDS_BUCKETS]; };

void		 hands_put(struct hands *, struct hand *);
void		 hands_drop(struct hands *, struct hand *);	/* which is in it */
/* The sales unit (msn may be NULL), or the number. */
bool		 hands_has(const struct hands *, const char *msn, int64_t id);
struct hand	*hands_any(const struct hands *);		/* NULL: none is left */

#endif
