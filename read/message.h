/*
 * message - a mail's bytes to a document: MIME, charsets, RFC 2047; the one door to GMime
 *
 * Reads the text/plain and text/html parts that a person would see; of attachments only messages
 * (document.attached). Inline forwards are unwrapped (read/forward). What could be read in two ways is
 * read in one and is a doubt; what goes past a bound is ERR_REJECT, never half a mail. Charsets: read/text.
 */
#ifndef READ_MESSAGE_H
#define READ_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"
#include "rules/document.h"
#include "rules/extract.h"

#define MESSAGE_MAX_PARTS	100		/* MIME parts, multiparts included; real mail has under 20 */
#define MESSAGE_MAX_DEPTH	20		/* multiparts in multiparts */
#define MESSAGE_MAX_ATTACHED	20		/* messages in one message: more is no forward by hand */
#define MESSAGE_MAX_SOURCE	(1024 * 1024)	/* bytes of decoded text and HTML source over all parts:
						   an approval mail is under 100 KiB, and CPU is 1 s */

#define MESSAGE_MAX_DASHES	5000		/* lines that begin with "--" as a boundary does: GMime's parts
						   cost 1.3 KiB each, before we can count them */

struct message_door;	/* GMime and the charsets, open */

struct message_source {		/* a part that was read: its text before it became lines */
	bool		html;
	struct span	text;		/* decoded, not normalised */
};

struct message {
	struct document	 document;
	struct message_source *sources;	/* attached messages' too, in the order of the mail */
	size_t		 source_count;
	struct span	 message_id;	/* without angle brackets; p NULL: none, or not ASCII */
	int64_t		 date_ms;	/* Date field; 0 if missing or unreadable */
	struct reasons	 reasons;
};

/* ERR_FATAL if a charset of the list is not there. Once per process. */
int	message_open(struct message_door **, struct err *);
void	message_close(struct message_door *);

int	message_read(struct message_door *, struct span mail, struct arena *, struct message *,
	    struct err *);

/*
 * A header field's value as text: unfolded, encoded words decoded, normalised. *unclear is set (and
 * never reset) if it has a charset beyond the list, or bytes that are not what they claim to be.
 */
struct span	message_decode(struct message_door *, struct span value, struct arena *, bool *unclear);

#endif
