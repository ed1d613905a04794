/*
 * element - what the attributes of one HTML element say
 *
 * Knows names and values of attributes; no parser, no tree. Values are as long as they are in the mail
 * unless said otherwise.
 */
#ifndef READ_ELEMENT_H
#define READ_ELEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"

#define ELEMENT_MAX_NAME 512	/* bytes of an id, class or colour that are looked at */

struct attributes {
	struct span	id, class, style, rowspan, align, bgcolor, color, type;
	bool		hidden, open, cite, background, size;
};
void		attributes_put(struct attributes *, struct span name, struct span value);
/* Is the value of an attribute of this name ever looked at? */
bool		attribute_is_read(struct span name);

unsigned	element_number(struct span, unsigned max);	/* rowspan and its like: 1 to max */
struct span	element_classes(const struct attributes *, struct arena *);	/* spaces between them */
uint32_t	element_colour(struct span, struct arena *);	/* see read/style.h */
uint32_t	element_voice(const struct attributes *, uint32_t tag);	/* see read/rows.h; never 0 */
bool		element_is_mail_quote(const struct attributes *);
/* Is the text of <sup> (raised) or <sub> a footnote's mark, and no part of the word before it? */
bool		element_is_mark(struct span text, bool after_digit, bool raised);

#endif
