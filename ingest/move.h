/*
 * move - mails to another folder: by MOVE (RFC 6851), else by COPY, \Deleted and UID EXPUNGE (RFC 4315)
 *
 * Never by EXPUNGE or CLOSE, which would remove what others marked as \Deleted. A copy is not made twice: before
 * one is begun, that is committed together with what the target would number next; if it is not known how that
 * ended, the mails that came into the target since are compared (size and the header fields of step one) first.
 * So a mail is never lost, and is doubled only where a server shows a copy unlike its original.
 */
#ifndef INGEST_MOVE_H
#define INGEST_MOVE_H

#include "ingest/imap.h"
#include "store/action.h"

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
