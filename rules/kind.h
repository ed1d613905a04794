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
	uint64_t	 sentences[3];		/* in subject, body, From: bits of those that stand there */
	bool		 limit;			/* a pattern of a sentence hit its limit */
	bool		 has_word;		/* a name of one word stands outside its cell */
	bool		 has_name;		/* a name of several words does */
};

/* How names are read that occur outside their own cells, exactly as written. */
enum names_as {
	NAMES_GONE,		/* those of several words are hidden, and what is around them stands together */
	NAMES_ALL_GONE,		/* those of one word too */
	NAMES_APART,		/* as NAMES_GONE, and each is a paragraph of its own at the end */
	NAMES_AS_WRITTEN,
};

/* Folds a document. Values of fields are hidden where they were found. */
struct kind_text kind_text(const struct rules *, const struct document *, const struct part_fields *,
    enum names_as, struct arena *);

/* Does the rule fit? *limit is set if a pattern hit its limit. Why not goes to trace (may be NULL). */
bool	kind_fits(const struct rule *, const struct document *, const struct kind_text *,
	    unsigned found, bool *limit, struct arena_buf *trace);

/* The language whose words the text has most of, with bits for labels counted too; -1 unknown. */
int	kind_language(const struct rules *, const struct kind_text *, const int label_votes[LANGUAGES]);

#endif
