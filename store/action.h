/*
 * action - what is done to mails on their server once their fate is decided: durable work (setting `after`)
 *
 * A row is made by the transaction that decides a mail's fate, by triggers of schema.sql, while its mailbox
 * acts. It stays due until the server says that it is so, or that the mail is gone. What is done is not frozen:
 * a pass decides by what the mail is then and by the settings of then. A mail that was moved is left where it is.
 * Functions that change rows are called inside db_begin()/db_commit() of the caller.
 */
#ifndef STORE_ACTION_H
#define STORE_ACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "store/db.h"

/* What a mail is to its reader. The numbers are those of SQL_ACTION_DUE. */
enum action_fate {
	ACTION_READ,		/* read, and nothing of it waits for a person */
	ACTION_HELD,		/* something of it does: claims, a mail that no rule knows, a quarantined or oversize one */
	ACTION_IGNORED,		/* the screen said no */
	ACTION_UNDECIDED,	/* it awaits its proof, or is to be fetched again */
	ACTION_NONE		/* nothing is ever done: an alert of ours that came back */
};

struct action {
	int64_t			 mail_id;
	uint32_t		 uid;
	enum action_fate	 fate;
	const char		*what;		/* done or tried last; NULL: nothing yet */
	int			 attempts, missed;
	enum { ACTION_NOT_COPIED, ACTION_COPYING, ACTION_COPIED } copied;	/* COPIED: seen in the target */
	int			 copies;	/* made, as the server said */
	uint32_t		 copy_validity, copy_from;	/* of the target, before the copying was begun */
};

enum action_state { ACTION_DUE, ACTION_WAITS, ACTION_LEFT, ACTION_DONE, ACTION_GONE };

/* From now on the fates of this mailbox's mails make rows, or not. */
int	action_acts(struct db *, int64_t mailbox_id, bool acts, struct err *);
/* Up to `max` due ones of an epoch above this UID, ascending. */
int	action_due(struct db *, int64_t epoch_id, uint32_t after, int64_t now_ms, struct arena *, struct action *list,
	    size_t max, size_t *n, struct err *);
/* The same of those tried that often: what is due longest comes first, so that none waits for ever. */
int	action_tried(struct db *, int64_t epoch_id, int attempts, int64_t now_ms, struct arena *, struct action *list,
	    size_t max, size_t *n, struct err *);
/* It is no longer due. `what` and `reason` may be NULL. */
int	action_settle(struct db *, int64_t mail_id, enum action_state, const char *what, const char *reason,
	    int64_t now_ms, struct err *);
/* It is about to be tried: whoever comes after a crash knows. The tries of another `what` count no more. */
int	action_begin(struct db *, int64_t mail_id, const char *what, struct err *);
/* It stays due, from next_ms on. */
int	action_later(struct db *, int64_t mail_id, const char *what, const char *reason, int missed, int64_t next_ms,
	    struct err *);
/* How far a move by copying is. */
int	action_copy(struct db *, const struct action *, struct err *);
/* So many mails were taken out of the folder by ourselves: that is no reason to search it whole. */
int	action_fewer(struct db *, int64_t epoch_id, int64_t mails, struct err *);

/* For `show`: {"state", "what", "reason", "attempts", "next_at", "settled_at"}; NULL: the mail has none. */
int	action_json(struct db *, int64_t mail_id, struct json **, struct err *);

#endif
