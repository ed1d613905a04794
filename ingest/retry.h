/*
 * retry - mails that could not be had: when they are tried again, and who hears of them
 *
 * A mail that could not be fetched or read stays pending and is tried again for ever: in the next
 * pass, then after a minute, doubling to six hours. After MAIL_TELL failures it is told of
 * (mail.stuck), and from then on it does not make the mailbox a failing one. Ten mails a day have an event of their
 * own; the rest are told per mailbox, with a count (store/alarm.h): a server can lose any number of mails.
 * All are called in the caller's transaction.
 */
#ifndef INGEST_RETRY_H
#define INGEST_RETRY_H

#include "ingest/ingest.h"

/* When a mail is due again that failed for the attempt-th time (from 1); see base/backoff.h for `chance`. */
int64_t	retry_next(int attempt, uint32_t chance, int64_t now_ms);

/* It failed once more; `reason` is of our own words. */
int	retry_failed(struct ingest *, int64_t mail_id, const char *reason, struct err *);
/* It is gone, and nobody has read a word of it: mail.vanished. `why` is of our own words. */
int	retry_vanished(struct ingest *, int64_t mail_id, const char *why, struct err *);

#endif
