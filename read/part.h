/*
 * part - text parts put together to a document, and whether their text came whole
 *
 * Knows alternatives and lines; MIME itself is read/message.
 */
#ifndef READ_PART_H
#define READ_PART_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/span.h"
#include "rules/document.h"

/* Which multipart/alternative a part stands in, and in which of its children: 0 outside of any. */
struct part_place {
	uint16_t	alternative, child;
};

/* Bytes of text in all cells. */
size_t	part_text(const struct document_part *);

/*
 * Adds a part. One of the same kind as the last one, in the same child of an alternative, is one text
 * with it: mail programs write one side of an alternative in pieces around a file. *last is the place of
 * the document's last part. False: more than DOCUMENT_MAX_LINES.
 */
bool	part_add(struct document *, struct document_part, struct part_place, struct part_place *last, struct arena *);

/*
 * Does a text end as if nothing was lost with the end of the mail? Where only the last boundary is
 * missing, the line end before it is still there.
 */
bool	part_is_whole(struct span text, bool html);
/* HTML that begins a document and does not end it. */
bool	part_is_cut_html(struct span text);

/*
 * Is a file named twice in the value of a Content-Type or Content-Disposition field? "filename" beside
 * "filename*" is how one writes it for old and new programs; the same parameter twice is no such thing.
 */
bool	part_has_two_names(struct span value);
bool	part_is_file_name(struct span parameter);

#endif
