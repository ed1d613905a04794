/*
 * move - mails to another folder: by MOVE (RFC 6851), else by COPY, \Deleted and UID EXPUNGE (RFC 4315)
 *
 * Never by EXPUNGE or CLOSE, which would remove what others marked as \Deleted. Before a copy is begun, that is
 * committed together with what the target would number next; and a mail is removed only when a mail like it (size
 * and the header fields of step one) was seen in the target, from there on. If it is not known how a copying ended,
 * that look comes first, so that none is made twice. So a mail is never lost, whatever the server says, and is
 * copied more than once only where a copy is not shown or is unlike its original, MOVE_MAX_COPIES times then.
 */
#ifndef INGEST_MOVE_H
#define INGEST_MOVE_H

#include "ingest/imap.h"
#include "store/action.h"

#define MOVE_MAX_COPIES	3	/* of a mail, without one being seen: then a person must look */

struct move {
	struct db	*db;
	struct imap	*imap;
	const char	*from, *to;	/* folders, on the wire; `from` is selected, and still is after 0 */
	uint32_t	 uidvalidity;	/* of `from` */
};
/*
 * Mails that were just seen there, at most IMAP_MAX_UIDS. After 0 they should be gone: the caller looks.
 * ERR_REJECT: the server refuses, or has neither of the extensions.
 */
int	move_mails(struct move *, struct action **, size_t n, struct err *);

#endif
