/*
 * pass - what the parts of one pass over a mailbox share: where it reads, how it commits
 *
 * The parts are mailbox (a session: folders, rows), epoch (what a folder shows) and fetch (what its
 * pending mails are). Each makes its own transactions and ends them with pass_commit().
 */
#ifndef INGEST_PASS_H
#define INGEST_PASS_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/account.h"
#include "ingest/imap.h"
#include "ingest/ingest.h"
#include "store/mail.h"

#define PASS_BREAK_MS	10000	/* a connection that took longer to break is not made anew at once */

struct folder {
	const char		*name;		/* on the wire */
	int64_t			 id;
	bool			 junk;		/* it is there for its use: \\Junk */
	struct imap_state	 state;		/* as of the last EXAMINE */
	bool			 good;		/* nothing of it is left undone that was not told */
};

struct mailbox {
	const struct mailbox_conf *conf;
	struct ingest		*in;
	struct imap		*imap;		/* NULL: not connected */
	/* between passes: the folder that is waited in, as the last pass saw it */
	char			 waits_in[IMAP_MAX_NAME + 1];	/* "": none */
	struct imap_state	 waits_from;
	/* of the pass */
	struct arena		 arena;
	struct mailbox_row	 row;
	struct folder		*folders;
	int			 n;
	const struct folder	*selected;	/* NULL: none is examined */
	bool			 refused;	/* a folder failed: `why` */
	struct err		 why;
};

/* The end of a transaction: commits after 0, else rolls back. Progress is told to the lock. */
int	pass_commit(struct mailbox *, int rc, struct err *);
/* ERR_STOPPED: a signal asked us to leave. To be asked between commits. */
int	pass_stopped(struct mailbox *, struct err *);
/* ERR_STOPPED: the database's disk is too full to fetch more. What has been started is finished. */
int	pass_disk(struct mailbox *, struct err *);

/*
 * In place of a connection that broke: another one, with this folder examined again. -1: it cannot be had,
 * or the folder was numbered anew meanwhile. In ingest/mailbox.
 */
int	pass_reconnect(struct mailbox *, struct folder *, struct err *);

#endif
