/*
 * kind - which rule fits a document
 *
 * A mail's subject, body and From are folded once, with the values of fields hidden, so that words in a
 * merchant's name decide nothing; all phrases are then found in one walk over the words.
 */
#ifndef RULES_KIND_H
#define RULES_KIND_H

#include "rules/fields.h"

#define KIND_MAX_TRACE (16 * 1024)	/* bytes of explanation */

struct kind_text {
	struct span	 subject, from, body;	/* folded; paragraphs of the body parted by \n */
	uint8_t		*hits;			/* per phrase: IN_* where it stands */
	bool		 hid_word;		/* a value of one word was hidden outside its cell */
};

/*
 * Folds a document. Values of fields are hidden where they were found, and where names of two words or
 * more occur elsewhere exactly as written; of one word only if `one_word` says so.
 */
struct kind_text kind_text(const struct rules *, const struct document *, const struct part_fields *,
    bool one_word, struct arena *);

/* Does the rule fit? *limit is set if a pattern hit its limit. Why not goes to trace (may be NULL). */
bool	kind_fits(const struct rule *, const struct document *, const struct kind_text *,
	    unsigned found, bool *limit, struct arena_buf *trace);

/* The language whose words the text has most of, with bits for labels counted too; -1 unknown. */
int	kind_language(const struct rules *, const struct kind_text *, const int label_votes[LANGUAGES]);

#endif
