/*
 * label - which field a text announces: "Ditt nye MSN", "Organisation no. (Norway)", "Butikkens navn"
 *
 * A label is a whole label of the rules, or is put together of such and of parts (approvals-rules(5),
 * label_parts), so that words in an order that nobody foresaw are read as well. One word that no rule
 * knows, and it is no label. Nothing is kept; all spans are of the text that was given.
 */
#ifndef RULES_LABEL_H
#define RULES_LABEL_H

#include "rules/ruleset.h"

#define LABEL_MAX	120	/* bytes of a label in a mail; ours are under 50 */
#define LABEL_WORDS	12	/* words of one; "the merchant's new organisation number is" has six */

struct label_hit {
	int			 field;		/* enum field, FIELD_COUNTRY or LABEL_NAME */
	int			 second;	/* "Merchant (org. no.)": a field whose value stands there too; or -1 */
	enum identifier_scheme	 hint;		/* what the label says */
	unsigned		 schemes;	/* the schemes it may mean where the hint is none; bit 0: any */
	unsigned		 languages;	/* as bits */
	bool			 plain;		/* one label of the rules, no parts around it */
	size_t			 end;		/* byte after it */
	size_t			 core;		/* byte after its last word that says something */
};

/* How a text goes on after a label. */
enum label_edge { EDGE_NONE, EDGE_END, EDGE_COLON, EDGE_DASH };

/* The longest label that begins right at text.p[at]. */
bool	label_at(const struct rules *, int owner, struct span text, size_t at, struct label_hit *);
/* What stands at `at`; *after is the first byte of the value. */
enum label_edge label_edge(struct span text, size_t at, size_t *after);
/* Where the first word of a line begins: after a bullet, a number ("1.") or marks of emphasis. */
size_t	label_start(struct span text);
/* Could a label go on after these words? */
bool	label_begins(const struct rules *, int owner, struct span text);
/* The next word from `at` on: its length in bytes, 0 if there is none; *at is moved to it. */
size_t	label_word(struct span text, size_t *at);
/* Does this one word stand in that list of label_parts? */
bool	label_word_is(const struct rules *, struct span word, int part);

#endif
