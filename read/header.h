/*
 * header - a mail's header as fields, by bytes alone: what the prover and the screen look at
 *
 * Decodes nothing and knows no MIME. Fields are views into the mail; a value keeps its folds (a line
 * end and white space), which readers of values skip as white space.
 */
#ifndef READ_HEADER_H
#define READ_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

#define HEADER_MAX_FIELDS	1000	/* real mail has under 100; more is rejected */
#define HEADER_MAX_LINES	20000	/* of all parts, and text that looks so: real mail has under 2,000 */
#define HEADER_MAX_CONTENT	4096	/* bytes of one field "Content-...": GMime's work grows with the
						   square of its parameters */
#define HEADER_MAX_BYTES	(2 * 1024 * 1024)	/* in those lines; HTML is mostly indented */

struct header_field {
	struct span	name, value;	/* value: without the line end */
};
struct header {
	struct header_field	*fields;	/* in their order */
	size_t			 count;
	bool			 malformed;	/* NUL, a CR alone, a line that is no field, white space
						   around a name: parsers differ about such a header */
};

/* ERR_REJECT past READING_MAX_HEADERS bytes or HEADER_MAX_FIELDS. */
int	header_split(struct span mail, struct arena *, struct header *, struct err *);
/* The first field of that name (ASCII case folded), NULL if there is none; *count: how many. */
const struct header_field *header_find(const struct header *, const char *name, size_t *count);
/*
 * May a MIME parser be let at this mail? Header fields of its parts cost GMime 600 bytes each before
 * anyone can count them, and parameters 100, so lines that look like fields, or like what they are
 * folded into, are counted wherever they stand. ERR_REJECT past the bounds.
 */
int	header_bounds_check(struct span mail, struct err *);
/* The value on one line: folds as one space, the ends trimmed. */
struct span	header_unfold(struct span value, struct arena *);

#endif
