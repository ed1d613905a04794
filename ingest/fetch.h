/*
 * fetch - the pending mails of one folder through the two steps: header fields, then bodies
 *
 * What the server sends is taken per UID, and what it did not send stays pending with a reason. A
 * mail leaves pending only in the transaction that holds what was read of it.
 */
#ifndef INGEST_FETCH_H
#define INGEST_FETCH_H

#include "ingest/pass.h"

/* All pending mails of the epoch, of the examined folder. */
int	fetch_pending(struct mailbox *, const struct folder *, const struct epoch_row *,
	    struct err *);

#endif
