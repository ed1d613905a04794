/*
 * lookalike - is a domain meant to be taken for another?
 *
 * An address whose domain is at most two letters away from a known one or from the end of it, or has its name
 * in it once everything but letters and digits is taken away. By bytes alone.
 */
#ifndef READ_LOOKALIKE_H
#define READ_LOOKALIKE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/span.h"

#define LOOKALIKE_MIN_NAME	4	/* letters of a domain's first label that are looked for in a name */

/* Only letters and digits, in lower case; bytes beyond ASCII are kept. */
struct span	lookalike_letters(struct span, struct arena *);
bool		lookalike_near(struct span domain, const char *known);	/* by letters changed, added or left out */
bool		lookalike_domain(struct span domain, const char *known, struct arena *);	/* near, or named */

#endif
