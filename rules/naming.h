/*
 * naming - names in sentences that no pattern gave: what stands before a number, or behind a noun
 *
 * "… for Fjord AS (org.nr. 987 654 325)", "salgsstedet Fjord nett er godkjent". The number's label, or the
 * sentence going on, is one end of a name; the other is a noun, a word of sentences, or a mark. Where a
 * word or a mark may belong to the name as well as end it, there is none: a person should look.
 */
#ifndef RULES_NAMING_H
#define RULES_NAMING_H

#include "rules/ruleset.h"

struct naming {
	const struct rules	*rules;
	int			 owner;
	struct span		 text;		/* a paragraph */
};

/* The name of `field` that ends before `at`, where the label of its number begins; n 0 if none. */
struct span	naming_before(const struct naming *, int field, size_t at);
/* The next name behind its noun from *at on, which is moved behind it; n 0 if none. */
struct span	naming_behind(const struct naming *, int field, size_t *at);

#endif
