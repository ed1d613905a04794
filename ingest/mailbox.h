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

/*
 * Between two passes: until the server tells that mail came to the first folder (RFC 2177). What it tells is a hint: a
 * pass looks, within_ms from now at the latest. So the waiting ends sooner: then the server has to answer, and if it does
 * not there is still time for another connection. -1: there is no connection (any more), or ERR_STOPPED.
 */
#define MAILBOX_IDLE_MS		(9 * INT64_C(60000))	/* IDLE is renewed: routers forget connections sooner than servers */
#define MAILBOX_ANSWER_MS	10000			/* for a server to prove that it is there, and as much for the pass */
int	mailbox_wait(struct mailbox *, int64_t within_ms, struct err *);
/*
 * Pure: how long to leave the server alone after n failures in a row, from 5 s to 15 min, spread by `chance`. Polling
 * is the truth: never longer than until the next poll.
 */
int64_t	mailbox_pause_ms(int n, uint32_t chance, int64_t poll_ms);

#endif
