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

#define HEADER_MAX_FIELDS 1000	/* real mail has under 100; more is rejected */

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
/* The value on one line: folds as one space, the ends trimmed. */
struct span	header_unfold(struct span value, struct arena *);

#endif
