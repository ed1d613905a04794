/*
 * html - an HTML part to lines of cells of visible text; the one door to Gumbo
 *
 * As a person sees it on a wide screen in light colours. Rows of tables, pairs of dl and what CSS puts side
 * by side are lines of several cells; so are labels and values that only their looks part, in lines alike
 * (read/rows.h). All other blocks are lines of one. Links are their text; pictures, forms' values and objects
 * have none. What is hidden is dropped, and is the doubt hidden-text when it holds other values
 * (read/hidden.h). A blockquote is quoting where a mail program marked it as such.
 */
#ifndef READ_HTML_H
#define READ_HTML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"
#include "rules/document.h"
#include "rules/extract.h"

#define HTML_MAX_TAGS	50000			/* real mail has under 5,000 */
#define HTML_MAX_DEPTH	256			/* elements in elements; real mail has under 60 */
#define HTML_MAX_OPEN	2000			/* tags not closed yet: Gumbo's work grows with them */
#define HTML_MAX_SPACES	5000			/* in one tag, slashes too: Gumbo's work grows with the square
						   of a tag's attributes */
#define HTML_MAX_TREE	(128 * 1024 * 1024)	/* bytes of Gumbo's tree: about 100 per byte of source */

/* Text is valid UTF-8. ERR_REJECT past a bound; *truncated as document_end() says. */
int	html_read(struct span text, uint16_t alternative, struct arena *, struct document_part *,
	    bool *truncated, struct reasons *, struct err *);
/* The same without source_cut(), slower: what tests compare it with. */
int	html_read_whole(struct span text, uint16_t alternative, struct arena *, struct document_part *,
	    bool *truncated, struct reasons *, struct err *);

#endif
