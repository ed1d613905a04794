/*
 * reproof - proofs that the DNS alone withheld: what is known of them, and asking again (architecture, Proof)
 *
 * From the kept bytes; if they were dropped, the mailbox is asked for them once more. A mail that is proven now is read
 * again, by a reader that never reads untrusted mail. Asked after 5 min, 30 min, 2 h and then every 6 h, as long as proof_wait_ms() says; then its
 * claims are held.
 */
#ifndef INGEST_REPROOF_H
#define INGEST_REPROOF_H

#include "ingest/ingest.h"

/*
 * For ingest_store(), in its transaction: what became of a mail's signature, and for how long from the first time on
 * it is asked about again (0: it is decided).
 */
int	reproof_note(struct ingest *, int64_t mail_id, const struct signature *, int64_t wait_ms, struct err *);
/* For a mail that may have been waited for before: *wait_ms becomes 0 if that was long enough. */
int	reproof_left(struct ingest *, int64_t mail_id, int64_t *wait_ms, struct err *);
/* Those mails of in->mailbox that are due; a transaction each. -1: the database or a child failed for good. */
int	reproof_pass(struct ingest *, struct err *);

#endif
