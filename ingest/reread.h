/*
 * reread - a mail that was read before, read again with today's rules and configuration
 *
 * The bytes are those kept; where none are, the mail goes back to pending, so that the next pass fetches it. The
 * proof made on arrival stands (keys rotate); a mail that had none, and a file, are proven anew. Whether
 * it is history stays as it was. Reading again adds claims, and holds those that wait and are no longer
 * said; it takes no evidence away, and undoes nothing that was decided.
 */
#ifndef INGEST_REREAD_H
#define INGEST_REREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/ingest.h"
#include "store/claim.h"
#include "store/mail.h"

enum reread_end {
	REREAD_DONE,	/* read again, the rows say how */
	REREAD_WAITS,	/* its bytes are not kept: pending, for the next `ingest` or `import` */
	REREAD_LOST,	/* its bytes are not kept, and nothing can bring them: left as it was */
	REREAD_FAILED	/* out of memory or descriptors: left as it was */
};

/* The row to read for this mail: itself, or the one whose fate it inherited, which has the bytes. */
int	reread_target(struct db *, int64_t id, struct arena *, struct mail_row *, struct err *);
/*
 * In transactions of its own. fetchable: its mailbox is a configured one, or files. in->mailbox must be the
 * row's, and in->readers made for it. *waits says that something new waits for a person.
 */
int	reread_mail(struct ingest *, const struct mail_row *, bool fetchable, enum reread_end *, bool *waits,
	    struct err *);

/*
 * For ingest_store(), of a mail that is read again: the claims of the new reading beside those that the mail
 * has. One for the same sales unit is the same claim, unless the old one was held for doubts that are gone:
 * then a new one goes its way, and the old is superseded if that is approved. A pending one that is no longer
 * said, or only with doubts, is held. *added and *held count.
 */
int	reread_claims(struct db *, int64_t mail_id, const char *cause, const struct claim *list, int n,
	    int64_t now_ms, int64_t *added, int64_t *held, struct err *);

#endif
