/*
 * body - is what a FETCH gave the mail that was asked for?
 *
 * Servers were seen to answer with nothing, with a part, with another mail, and (Exchange) with a
 * note of their own in the place of a mail that they could not convert. Step one has seen the mail's
 * From, Sender, Reply-To, Subject and Message-ID: a mail must have these very fields.
 * Pure functions; folding and case are not compared, since servers change them.
 */
#ifndef INGEST_BODY_H
#define INGEST_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/*
 * NULL: it is the mail. Else why it is not, in words of ours. `fields`: what step one saw, the last
 * of them possibly cut off (`cut`); n 0: it saw nothing. `size_bytes` is what the server said: many
 * say it wrong, so it is evidence only against a text that ends in its header.
 */
const char	*body_wrong(struct span fields, bool cut, int64_t size_bytes, struct span body);
/* These header fields are those of Exchange's note: the mail itself is not to be judged by them. */
bool		 body_substitute(struct span fields);

#define BODY_SUBSTITUTE	"substitute: the server sent a note of its own in the mail's place"

#endif
