/*
 * style - what declarations of CSS say of whether, and beside what, text is seen
 *
 * Knows the properties that hide, colour, size and place text; others change nothing. Not a whole
 * cascade: "display: none" stays unless something important says otherwise.
 */
#ifndef READ_STYLE_H
#define READ_STYLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"

#define STYLE_MIN_FONT	3.0		/* px; what is smaller nobody reads */
#define STYLE_FONT	16		/* px, where nobody says another size */
#define STYLE_SCREEN	1024		/* px: the width of a mail program on a desk */

/* A colour is 0xRRGGBB, or one of these, or a name that we do not know (STYLE_NAMED and a hash). */
#define STYLE_NAMED	0x1000000u
#define STYLE_UNKNOWN	0x2000000u	/* an image, a gradient, a function */
#define STYLE_TRANSPARENT	0x3000000u

enum style_display { STYLE_UNSET, STYLE_INLINE, STYLE_BLOCK, STYLE_INLINE_BLOCK, STYLE_TABLE, STYLE_ROW,
	STYLE_CELL, STYLE_FLEX, STYLE_GRID, STYLE_NONE };

/* How text looks, by its own element and by those around it. */
struct style_look {
	bool		gone;		/* display: none and its like: no child can come back */
	bool		invisible;	/* visibility: hidden: a child may be visible again */
	bool		reordered;	/* shown in another order than written, maybe */
	bool		pre;		/* line ends are line ends */
	double		font_px;
	uint32_t	colour, background;
};

/* What is not inherited. */
struct style_box {
	enum style_display	display;
	bool			floats;		/* to one side, or a column by its align attribute */
	bool			full;		/* as wide as what it lies in: nothing stands beside it */
	bool			column;		/* a flex container from top to bottom */
	bool			raised;		/* as a footnote mark */
	unsigned		tracks;		/* columns of a grid; 0: unknown */
};

enum style_prop { P_DISPLAY, P_VISIBILITY, P_FONT, P_COLOUR, P_BACKGROUND, P_IMAGE, P_FLOAT, P_WIDTH, P_HEIGHT,
	P_OVERFLOW, P_DIRECTION, P_TRACKS, P_RAISED, P_SPACE, P_BIDI, P_HIDES, STYLE_PROPS };

/* Declarations, the last of each property; {.set = 0} is none. */
struct style {
	struct { uint32_t u; double n; } v[STYLE_PROPS];
	unsigned set, important;				/* properties, as bits */
};

struct span	style_fold(struct arena *, struct span);	/* lower case, no comments, one space for all */
void		style_read(struct style *, struct span);	/* of a style attribute or rule, folded */
void		style_merge(struct style *, const struct style *);	/* what comes later */
bool		style_has_colour(const struct style *);	/* of text, or behind it */
/* Changes *look from that of the parent; fills *box. */
void		style_apply(const struct style *, struct style_look *, struct style_box *);
bool		style_hidden(const struct style_look *);
uint32_t	style_colour(struct span);		/* also of bgcolor= and color=: lower case */
/* "12px" in px, "2em" as 2 and *share: of the parent's size. False if it is no length. */
bool		style_length(struct span, double *px, bool *share);

#endif
