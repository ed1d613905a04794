/*
 * sentence - what the sentences of a mail say: phrases found in one walk, and what stands together
 *
 * Whether a mail approves a sales unit is said by one sentence, and "not", "once" or "account number"
 * matter only where they stand. A sentence ends at the token "." or "?" and at the end of a paragraph;
 * a clause also at ",". Each test of a sentence is a bit: a list of phrases, one list before or after
 * another, a question, a year gone by. A sentence with a pattern is asked last.
 */
#ifndef RULES_SENTENCE_H
#define RULES_SENTENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "rules/pattern.h"

#define SENTENCE_MAX_BITS	64	/* different tests over all rules: bits of a mask */
#define SENTENCE_MAX		64	/* different sentences over all rules */

#define SENTENCE_QUESTION	1u	/* the bit of {is: question} */
#define SENTENCE_PAST_YEAR	2u	/* the bit of {is: past-year} */
#define SENTENCE_FIRST_BIT	2	/* the first of phrases */

struct rules;

struct sentence {
	const char	*name;
	uint64_t	 any, all, none;	/* bits; any 0: not asked */
	struct pattern	*pattern;		/* some text of it, NULL: not asked */
};

/*
 * A test of lists of phrases together. When a phrase of `list` is seen, `bit` is set if none of `before`
 * stands before it in its sentence, and one of `after` does (0: not asked). When one of `then` is seen,
 * `bit` is set if `list` stands before it in its clause.
 */
struct sentence_pair {
	uint64_t	 list, before, after, then, bit;	/* bits of the lists; then alone or none of it */
};

/*
 * The first bytes of the stems (of those that end words: the last), up to SENTENCE_STEM_BYTES, as bits by a
 * hash. It tells of nearly every word of a mail that no stem fits, so that their number costs little.
 */
#define SENTENCE_STEM_BITS	2048	/* some 200 stems leave most of them clear */
#define SENTENCE_STEM_BYTES	4
#define SENTENCE_PAIR_BITS	16384	/* seven bits of each byte */
struct sentence_stems {
	struct sentence_stem_bits {
		uint64_t	set[SENTENCE_STEM_BITS / 64];
		unsigned	lengths;	/* bit n: some stem has n bytes here */
		uint64_t	pairs[SENTENCE_PAIR_BITS / 64];	/* the two bytes that stems begin with */
	} begins, ends, within;
};
void	sentence_stems_make(const struct rules *, struct sentence_stems *);

/*
 * Walks a folded text: sets `where` in hits[id] for each phrase that stands in it, and in *holds the
 * bit of each sentence that some sentence of the text is. year: of the mail, 0 if it is not known.
 * *limit is set if a pattern hit its limit.
 */
void	sentences_scan(const struct rules *, struct span text, int year, uint8_t where, uint8_t *hits,
	    uint64_t *holds, bool *limit);

#endif
