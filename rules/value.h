/*
 * value - what a value may look like: numbers in running text, names and what stands around them
 *
 * Nothing here decides whose number it is or whether it is right; claims.c does.
 */
#ifndef RULES_VALUE_H
#define RULES_VALUE_H

#include "rules/ruleset.h"

#define VALUE_MAX_NAME	120	/* bytes of a name that no label's own cell or line bounds */

/*
 * The end of the MSN or organisation number that begins at `at`; 0 if none does. A number that goes on
 * as something longer is none.
 */
size_t		value_typed(int field, struct span text, size_t at);
/* A typed value followed by words, as "123456 (new)": the value alone; else all of it. */
struct span	value_alone(const struct rules *, int field, struct span text);
/* Could this be a name with nothing else around it? */
bool		value_name(const struct rules *, struct span);
/* How many words of it belong to sentences rather than to names. */
int		value_sentence_words(const struct rules *, struct span);
/* Without spaces, dashes, commas and the like at the ends; parentheses that hold it all go too. */
struct span	value_strip(struct span);

/*
 * "Fjord AS · Norway" without the country. In a line of values that marks part (`listed`), a mark in a name
 * may part it too: n 0 where it is not clear what is the name.
 */
struct span	value_without_place(const struct rules *, int field, bool listed, struct span name);
/* "- Fjord nett" without the bullet. */
struct span	value_without_bullet(struct span);

/*
 * "Fjord AS (918 713 867)", "123456 - Fjord nett": a value with a second one in it. Returns the second's
 * field, or -1; two[0] is the value of `field`, two[1] the other, hint and schemes the latter's. `announced`
 * is the field that the label named besides, or -1.
 */
int		value_pair(const struct rules *, int owner, int field, int announced, struct span text,
		    struct span two[2], enum identifier_scheme *hint, unsigned *schemes);

#endif
