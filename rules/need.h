/*
 * need - what a text must have for a pattern to fit, so that most texts never meet PCRE2
 *
 * Read from the pattern's own text: of its outermost parts that must be there, the characters and the first
 * letters of the alternatives. It knows less of patterns than PCRE2 does, and what it does not know it needs
 * not: need_misses() is true only where no match can be.
 */
#ifndef RULES_NEED_H
#define RULES_NEED_H

#include <stdbool.h>

#include "base/span.h"

#define NEED_MAX_LISTS	6	/* of one pattern; ours have up to four */
#define NEED_MAX_WORDS	48	/* in one list */
#define NEED_MAX_WORD	12	/* bytes of a word; more tell little more */

/* One of these words stands in each text that the pattern fits. ASCII in lower case, or one character. */
struct need_list {
	unsigned char	first[256 / 8], second[256 / 8];	/* bits of first and second bytes, in both cases */
	char		word[NEED_MAX_WORDS][NEED_MAX_WORD];
	unsigned char	length[NEED_MAX_WORDS];
	int		count;
};
struct need {
	struct need_list list[NEED_MAX_LISTS];
	int		 count;
};

void	need_read(struct need *, struct span pattern);
bool	need_misses(const struct need *, struct span text);

#endif
