/*
 * mailbox - a session with one configured account, and passes over its folders
 *
 * A pass: folders are examined, searched (ingest/epoch), and what is pending is fetched, read and
 * stored (ingest/fetch, ingest/ingest). Reading changes nothing on the server: EXAMINE and
 * BODY.PEEK[]; what is done there afterwards is ingest/after.
 * The connection is kept from pass to pass, and made anew by a pass that finds it broken.
 */
#ifndef INGEST_MAILBOX_H
#define INGEST_MAILBOX_H

#include <stdbool.h>

#include "ingest/account.h"

struct ingest;	/* ingest/ingest.h: decides the fate of each mail */
struct mailbox;

/* No network yet. Both arguments must outlive it; `now_ms` of struct ingest is the caller's to set. */
struct mailbox	*mailbox_open(const struct mailbox_conf *, struct ingest *);
void		 mailbox_close(struct mailbox *);	/* LOGOUT; NULL is fine */

/*
 * One pass. Each mail's fate is decided by ingest_* of ingest.h; commits are made in batches.
 * ERR_LOGIN, ERR_CERT, ERR_DATABASE, ERR_STOPPED in `what`. What was committed stays; a pass that
 * fails is simply repeated. *undone says that mails were left pending.
 */
int	mailbox_pass(struct mailbox *, bool *undone, struct err *);

#endif
