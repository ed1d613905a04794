/*
 * fold - text as the rules compare it: lower case, words apart by one space
 *
 * A word is a run of letters and digits. What ends a sentence or a label (. ! : ;) becomes the
 * token ".", a question mark "?", and what parts clauses (commas, parentheses, dashes, bullets, and a
 * point within "org.nr") ","; all other punctuation only parts words. Phrases, labels and mails go through the same
 * fold, so that they meet. Case is folded by Unicode's simple mapping for Latin, Greek and Cyrillic;
 * no other script of our six languages has cases. Soft hyphens and zero-width characters vanish.
 */
#ifndef RULES_FOLD_H
#define RULES_FOLD_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/span.h"

#define FOLD_MASK '_'			/* stands for a word that is hidden; no fold gives it */
#define FOLD_ROOM(n) (2 * (n) + 2)	/* bytes that fold_put() of n bytes may need */

/* Appends the tokens of text at out[at], each after one space; returns the new length. */
size_t		fold_put(char *out, size_t at, struct span text);
/* The tokens without ",", and without spaces and marks at the ends: what a phrase is kept as. */
struct span	fold(struct arena *, struct span text);
/*
 * Folded text without its marks, in place: how labels are compared, since "Org. nr." is "Orgnr" with a
 * point or a space more. Returns the new length.
 */
size_t		fold_words(char *text, size_t n);
/* True for white space, also that of Unicode. */
bool		fold_is_space(uint32_t rune);
/* True for a letter that is no capital, and for a digit. */
bool		fold_is_lower(uint32_t rune);
/* True for what a word is made of. Called for each byte of a mail: inline for ASCII. */
bool		fold_is_word_long(uint32_t rune);
static inline bool
fold_is_word(uint32_t rune)
{
	return rune < 0x80 ? (rune | 32) - 'a' < 26 || rune - '0' < 10 : fold_is_word_long(rune);
}

#endif
