/*
 * alert - what a mail server says with [ALERT], which a person is to read: once, though servers repeat it
 *
 * Kept beside the troubles, a row for each mailbox and text, and forgotten after ALERT_AGAIN_MS: then what is still
 * said is due again. A server that varies its words has ALERT_MOST of them in that time.
 */
#ifndef STORE_ALERT_H
#define STORE_ALERT_H

#include <stdbool.h>
#include <stdint.h>

#include "store/db.h"

#define ALERT_AGAIN_MS	(24 * INT64_C(3600000))
#define ALERT_MOST	10

/* *say: it is due now, and said from now on. Not called in a transaction; one that is not due writes nothing. */
int	alert_due(struct db *, const char *mailbox, const char *text, int64_t now_ms, bool *say, struct err *);

#endif
