/*
 * hidden - what a mail holds and does not show: does it have other values for our fields?
 *
 * Hidden text may say what it likes (preheaders, tracking), but not hold what nobody sees and what could be
 * read as a value: a number in a run of nothing but numbers, or in one with a word that our labels have; a
 * name behind such a word and a colon, or in the cell after it.
 */
#ifndef READ_HIDDEN_H
#define READ_HIDDEN_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/span.h"

struct hidden {
	struct arena		*arena;
	struct arena_buf	 run;		/* the text since the last end */
	struct arena_buf	 numbers;	/* a newline after each */
	struct arena_buf	 names;		/* the same, in lower case */
	struct arena_buf	 seen, seen_text;	/* numbers, and all text in lower case */
	int			 count;		/* of both */
	bool			 label;		/* the run before this one was a label, with nothing seen since */
};

struct hidden hidden_begin(struct arena *);
void	hidden_text(struct hidden *, struct span);
void	hidden_end(struct hidden *, bool visible);	/* of a run: a block ends, or visible text comes */
void	hidden_comment(struct hidden *, struct span);	/* "[if mso]>..." is shown by some */
void	hidden_seen(struct hidden *, struct span);	/* visible text, after all that is hidden */
bool	hidden_differs(struct hidden *);

#endif
