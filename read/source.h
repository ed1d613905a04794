/*
 * source - the text of HTML before a parser sees it: is it too much, and what need not be parsed
 *
 * Knows tags, attributes and comments as a tokenizer of HTML does, and no tree.
 */
#ifndef READ_SOURCE_H
#define READ_SOURCE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

/* ERR_REJECT past HTML_MAX_TAGS, HTML_MAX_OPEN or HTML_MAX_SPACES. */
int	source_check(struct span, struct err *);

/* A style sheet or a comment that was taken out, by where in the text its place is. */
struct source_cut {
	size_t		at;
	struct span	text;
};

struct source {
	struct span		 text;		/* what is left to parse */
	struct source_cut	*cuts;		/* in order */
	size_t			 count;
};

/*
 * Takes out what makes a parser slow and no tree: what stands in style sheets and comments, and the values
 * of attributes that nobody asks for (links, pictures, in them "data:"). The tree is the same but for these
 * texts; a style sheet leaves one letter, a comment nothing. At the first tag after which a tokenizer alone
 * cannot tell what is text (svg, script, select and their like) it stops: all from there on stays.
 */
struct source	source_cut(struct span, struct arena *);
/* The text of a node that is `shown` in the tree and begins at `p` of what was parsed. */
struct span	source_text(const struct source *, const char *p, struct span shown, struct arena *);
#endif
