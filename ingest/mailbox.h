/*
 * mailbox - one configured account: its settings, and one pass over its folders
 *
 * Sets, not a high-water mark: every UID that a SEARCH ever showed has a row, and a pass takes the
 * difference (architecture, Stages; RFC 9051 2.3.1.1). Nothing is changed on the server: EXAMINE
 * and BODY.PEEK[].
 */
#ifndef INGEST_MAILBOX_H
#define INGEST_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/http.h"
#include "ingest/imap.h"
#include "store/db.h"
#include "store/mail.h"

#define MAILBOX_FULL_MS	(6 * INT64_C(3600000))	/* every UID is asked for at least this often */

struct mailbox_conf {
	const char		*name;		/* of [a-z0-9-], in logs and JSON */
	const char		*url;		/* imaps://host[:port], or imap:// for STARTTLS */
	const char		*user;
	struct conf_secret	 password;
	const char		*authserv;	/* NULL: none */
	const char		**folders;	/* NULL-ended; \Junk and the like: a special use */
	int64_t			 start_ms;	/* 0: all; -1: now */
	int64_t			 announce_ms;	/* 0: all; -1: new */
	struct http_net		 net;
	const char		*database;	/* whose disk must have limits.min_free free */
};
/* One element of `mailboxes`. */
void	mailbox_conf_read(struct conf_node *, const struct http_net *, struct mailbox_conf *);

struct ingest;	/* ingest/ingest.h: decides the fate of each mail */

/*
 * One pass. Each mail's fate is decided by ingest_* of ingest.h; commits are made in batches.
 * ERR_LOGIN, ERR_CERT, ERR_DATABASE, ERR_STOPPED in `what`. What was committed stays; a pass that
 * fails is simply repeated. *undone says that mails were left pending.
 */
int	mailbox_pass(const struct mailbox_conf *, struct ingest *, bool *undone, struct err *);

/* ---- the policy of a pass, as functions without I/O */

/* It was there at the mailbox's first pass, or, in later epochs, arrived before announce. */
bool	mailbox_history(const struct epoch_row *, int64_t announce_ms, uint32_t uid,
	    int64_t arrived_ms);
/*
 * It arrived before start, and is not read. A mail that the first pass cannot have seen is believed to be newer
 * than a slow clock of the server says.
 */
bool	mailbox_old(const struct mailbox_row *, const struct epoch_row *, uint32_t uid,
	    int64_t arrived_ms);
/* Numbered anew: another UIDVALIDITY, or UIDNEXT fell to a UID that was shown before. */
bool	mailbox_renumbered(const struct epoch_row *, const struct imap_state *);
/* Nothing can have changed since the last search, and nothing is left to do. */
bool	mailbox_quiet(const struct epoch_row *, const struct imap_state *, int64_t now_ms);
/* The lowest UID to ask for; 1: all. */
uint32_t mailbox_search_from(const struct epoch_row *, const struct imap_state *, int64_t now_ms);
/* What a search that was not for all showed explains EXISTS; the oldest pending mail is there. */
bool	mailbox_adds_up(const struct epoch_row *, const struct imap_state *, const uint32_t *uids,
	    size_t n);

#endif
