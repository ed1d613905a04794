/*
 * text - bytes in some charset to visible UTF-8
 *
 * Charsets are a closed list, opened by text_open(), since none can be opened behind read/lock. Wrong
 * labels are common: what is called us-ascii, UTF-8, Latin-1 or nothing is UTF-8 if it is that, else
 * windows-1252 (or Latin-9, if it says so). All results live in the arena; what is lost or taken out on the way is a reason.
 */
#ifndef READ_TEXT_H
#define READ_TEXT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"
#include "rules/extract.h"

#define TEXT_REPLACEMENT	"\xef\xbf\xbd"	/* U+FFFD, for what no charset says */
#define TEXT_MAX_MARKS		30	/* combining marks on one letter: UAX #15's stream-safe bound;
					   sorting them is quadratic */

struct text_charsets;

/* ERR_FATAL if a charset of the list is not there. */
int		text_open(struct text_charsets **, struct err *);
void		text_close(struct text_charsets *);
bool		text_charset_known(struct span name);

/* A body's bytes to valid UTF-8, by the charset that its part names ("" if it names none). */
struct span	text_decode(struct text_charsets *, struct span charset, struct span raw, struct arena *,
		    struct reasons *);
/* Bytes beyond ASCII of a charset that is not on the list: nobody here can say what they are. */
struct span	text_unknown(struct span raw, struct arena *, struct reasons *);

/*
 * Valid UTF-8 to visible text: NFC, every kind of space U+0020, line ends LF, every kind of digit ASCII.
 * Keeps LF and TAB. What cannot be seen is taken out, and leaves a mark of rules/document.h: whether it
 * matters depends on where it stood.
 */
struct span	text_normalise(struct span, struct arena *, struct reasons *);
/* The same without the marks; *odd is set if there was one that is not DOCUMENT_REMOVED. */
struct span	text_shown(struct span, struct arena *, bool *odd);

#endif
