/*
 * document - a decoded mail as the rules see it: parts, lines and cells of visible UTF-8 text
 *
 * The same shape for plain text and HTML, so that rules never see MIME or tags. A part is one reading
 * of the mail's body: the plain text or the HTML of an alternative, or a text part of a mixture. A line is one visual line; a cell is one column of a table row in HTML, or the whole line in
 * plain text (a run of two or more spaces or a tab parts cells there). Text is NFC, has no control
 * characters but what normalisation kept as a remark, and spaces folded to one U+0020.
 * Everything lies in the arena of the mail.
 */
#ifndef RULES_DOCUMENT_H
#define RULES_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"

#define DOCUMENT_MAX_TEXT	(256 * 1024)	/* bytes over all parts; an approval mail is under 20 KiB */
#define DOCUMENT_MAX_LINES	16384		/* over all parts */
#define DOCUMENT_MAX_CELLS	32768		/* over all parts */
#define DOCUMENT_MAX_PARTS	16		/* text parts that are read; MIME parts: read/message.h */

/* A mail of January may speak of last December without speaking of the past. */
#define DOCUMENT_NEW_YEAR_MS	(INT64_C(45) * 24 * 3600 * 1000)

/*
 * What was done to the text of a line. Text that is to become cells may hold DOCUMENT_MARK + a bit's
 * number, a noncharacter, for what was taken out there: the builder takes it out and marks the line.
 */
#define DOCUMENT_MARK		0xfdd0
#define DOCUMENT_REMOVED	1	/* characters that nobody sees */
#define DOCUMENT_CONTROL	2	/* control characters, NUL */
#define DOCUMENT_BIDI		4	/* characters that turn the writing round */
#define DOCUMENT_DIGITS		8	/* digits that are not ASCII: they are now */
#define DOCUMENT_CUT		16	/* the mail ends in this line */

enum document_kind { DOCUMENT_PLAIN, DOCUMENT_HTML };

struct document_line {
	const struct span	*cells;		/* at least one */
	uint16_t		 count;
	uint16_t		 table;		/* 0: no table; else which table of the part this row is of */
	uint16_t		 quote;		/* depth of quoting: "> " or blockquote */
	uint8_t			 marks;		/* DOCUMENT_REMOVED and so on, as bits */
};

struct document_part {
	enum document_kind	 kind;
	uint16_t		 alternative;	/* parts with the same number > 0 must agree: one
						   multipart/alternative (architecture, Stages) */
	struct document_line	*lines;
	size_t			 count;
};

/*
 * What a rule may look at besides the body; "" where absent, decoded (RFC 2047), spaces folded. Of a
 * mail that was passed on inline, all but auto_submitted and report is said of the one inside.
 */
struct document {
	struct span		 subject;
	struct span		 from;		/* the From field's display text and address */
	struct span		 auto_submitted;	/* RFC 3834, lower case; "" if absent */
	bool			 reply;		/* has In-Reply-To or References */
	bool			 report;	/* multipart/report: a bounce or receipt (RFC 6522) */
	int			 year;		/* of the Date field, less DOCUMENT_NEW_YEAR_MS; 0 unknown */
	bool			 forward;	/* the parts are a mail that somebody passed on: a doubt */
	int			 unwrapped;	/* inline forwards taken off, one in another or one beside another */
	bool			 own_text;	/* who passed it on wrote something too; it is not in the parts */
	struct document_part	*parts;
	size_t			 count;
	struct document		*attached;	/* messages that came with it, for when it has no facts itself */
	size_t			 attached_count;
};

/* Cell text at a place, an empty span if there is none. */
struct span	document_cell(const struct document *, size_t part, size_t line, size_t cell);

/*
 * Builds a part line by line, within the bounds above: document_begin, then cells and ends of line,
 * then document_end. What goes past a bound is dropped and *truncated set.
 */
struct document_build;
struct document_build *document_begin(struct arena *, enum document_kind, uint16_t alternative);
void	document_put_cell(struct document_build *, struct span text);	/* normalised here: spaces folded */
void	document_end_line(struct document_build *, uint16_t table, uint16_t quote);	/* empty lines are kept, one at a time */
struct document_part document_end(struct document_build *, bool *truncated);

#endif
