/*
 * forward - a mail that somebody passed on inline: only what was passed on is left to be read
 *
 * Works on finished lines, so that plain text and HTML are one. A forward begins with the header that
 * mail programs write above it (From, Date, To, Subject in Norwegian, Danish, Swedish, Finnish,
 * English or German), under a line that says so or under a Subject that begins with "Fwd:" or its
 * kin. What stands above is its sender's own text: it is taken out, and never read. A reply that quotes
 * is no forward. A bare header under text, where nothing says "forward", may be either: that mail is
 * left whole, and called a forward. Decides nothing about trust: document.forward is a doubt.
 */
#ifndef READ_FORWARD_H
#define READ_FORWARD_H

#include "base/arena.h"
#include "rules/document.h"

#define FORWARD_MAX_DEPTH	10	/* forwards in forwards; people seldom pass on more than twice */
#define FORWARD_MAX_LINES	30	/* of one header: the longest lists of recipients seen have 12 */

/*
 * Unwraps the forward, and the forwards in it, of a document that has its parts, subject and reply
 * set: sets forward, unwrapped, own_text, subject and from, and puts the reply right. Linear in the lines.
 */
void	forward_unwrap(struct document *, struct arena *);

enum forward_prefix {
	FORWARD_NONE,		/* the Subject begins with neither */
	FORWARD_REPLY,		/* "Re:", "SV:", "AW:" */
	FORWARD_FORWARD,	/* "Fwd:", "VB:", "VL:", "WG:" */
	FORWARD_EITHER,		/* "VS:": a forward in Norwegian and Danish, a reply in Finnish */
};
/* What a Subject says of itself; *rest is what follows the prefix. */
enum forward_prefix	forward_prefix(struct span subject, struct span *rest);

#endif
