/*
 * fetch - the pending mails of one folder through the two steps: header fields, then bodies
 *
 * FETCH is not believed: what comes is taken per UID, must be the mail that was asked for
 * (ingest/body), and what did not come stays pending with a reason (ingest/retry). A mail leaves
 * pending only in the transaction that holds what was read of it.
 */
#ifndef INGEST_FETCH_H
#define INGEST_FETCH_H

#include "ingest/pass.h"

/* The pending mails of the epoch that are due, of the examined folder. */
int	fetch_pending(struct mailbox *, struct folder *, const struct epoch_row *, struct err *);

#endif
