/*
 * css - style sheets: which declarations hold for an element
 *
 * Knows a small part of CSS, the part that mails use: selectors of elements, classes and ids, alone or
 * below one another; @media as a wide screen in light colours sees it (what is asked of the screen
 * besides its width and colours does not apply). A selector that it does not know never fits.
 * Knows no HTML parser: an element is its names. All memory is the arena's.
 */
#ifndef READ_CSS_H
#define READ_CSS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"
#include "read/style.h"

#define CSS_MAX_RULES	5000		/* selectors; newsletters have up to 1,000 */
#define CSS_MAX_STEPS	2000000		/* comparisons of a rule and an element, over a whole part */

struct css_element {
	const struct css_element *parent;	/* NULL: none */
	struct span		  tag, id, classes, style;	/* tag in lower case; "" where absent */
};

struct css;
struct css	*css_new(struct arena *);
/* The text of a <style>. ERR_REJECT beyond CSS_MAX_RULES. */
int		 css_add(struct css *, struct span text, struct err *);
/* The look of the page itself; after css_add. */
struct style_look css_start(const struct css *);
/* Changes *look from that of the parent; fills *box. ERR_REJECT beyond CSS_MAX_STEPS. */
int		 css_apply(struct css *, const struct css_element *, struct style_look *look,
		     struct style_box *box, struct err *);

#endif
