/*
 * mail - mailboxes, folders, epochs, and every mail ever seen with its fate (architecture, Stages and States)
 *
 * Functions that change rows are called inside db_begin()/db_commit() of the caller, unless they
 * say otherwise. Rows handed out live in the caller's arena. Kept bytes are stored compressed.
 */
#ifndef STORE_MAIL_H
#define STORE_MAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/json.h"
#include "store/db.h"

enum mail_fate {
	MAIL_PENDING, MAIL_IGNORED, MAIL_OWN, MAIL_READ, MAIL_OVERSIZE, MAIL_QUARANTINED, MAIL_VANISHED,
	MAIL_FATES
};
const char	*mail_fate_name(enum mail_fate);
int		 mail_fate_of(const char *);	/* -1 if it is none */

#define MAIL_TELL	3	/* attempts after which a mail that fails is told of */
#define MAIL_WAIT_MS	(8 * INT64_C(3600000))	/* due in more than that: the clock was ahead, and it is due */

struct mailbox_row {
	int64_t	id, start_ms, announce_ms, first_pass_ms, history_told_ms /* 0: not yet */;
	bool	fresh;		/* made by this call: this is the mailbox's first pass */
};
/* Gets the mailbox's row, or makes it: start and announce are kept as of then for ever. */
int	mail_mailbox(struct db *, const char *name, int64_t start_ms, int64_t announce_ms, int64_t now_ms,
	    struct mailbox_row *, struct err *);
/*
 * Mails of the present epochs still pending (what an earlier one left so can never be read under that UID), and if
 * there are none, mails and claims that are history: counting grows with old mail. For history.loaded.
 */
struct mail_history { int64_t mails, read, claims, pending; };
int	mail_history(struct db *, int64_t mailbox_id, struct mail_history *, struct err *);
int	mail_history_told(struct db *, int64_t mailbox_id, int64_t now_ms, struct err *);

struct epoch_row {
	int64_t	 id;		/* 0: the folder has no epoch yet */
	uint32_t uidvalidity, history_uid, uidnext;
	int64_t	 exists_count, full_ms;
	bool	 screened;	/* no mail of it waits for this screen to be asked: mail_rescreen() */
	int64_t	 pending;	/* mails of it that are pending */
	int64_t	 untold;	/* of these, failed less than MAIL_TELL times */
	int64_t	 next_ms;	/* when the first of them is to be tried or missed again */
	uint32_t highest;	/* highest UID ever shown; 0 if none */
};
int	mail_folder(struct db *, int64_t mailbox_id, const char *name, int64_t *folder_id, struct err *);
/* A pass left nothing undone. Kept as exactly as MAIL_GOOD_STEP_MS: a quiet pass is to cost the disk nothing. */
#define MAIL_GOOD_STEP_MS	(10 * INT64_C(60000))
/* It is read as the server's place for junk, or no longer is. */
int	mail_folder_junk(struct db *, int64_t folder_id, bool junk, struct err *);
/* Does the mail lie in such a folder? */
int	mail_in_junk(struct db *, int64_t id, bool *junk, struct err *);
int	mail_folder_good(struct db *, int64_t folder_id, int64_t now_ms, struct err *);
/* `screen`: hash of today's screen; NULL: it does not matter. */
int	mail_epoch(struct db *, int64_t folder_id, const char *screen, struct epoch_row *, struct err *);
/* Closes the present epoch, if there is one, and opens another. */
int	mail_epoch_open(struct db *, int64_t folder_id, uint32_t uidvalidity, uint32_t history_uid, int64_t now_ms,
	    int64_t *epoch_id, struct err *);
/* How many epochs of the folder were closed after one moment and up to another. */
int	mail_epochs_closed(struct db *, int64_t folder_id, int64_t after_ms, int64_t until_ms, int64_t *n, struct err *);
/* A search was taken over whole: what EXAMINE said then. full: it asked for all UIDs. */
int	mail_epoch_searched(struct db *, int64_t epoch_id, uint32_t uidnext, int64_t exists_count, bool full,
	    int64_t now_ms, struct err *);

/* Rows for UIDs never shown before; *added counts them. Known UIDs are left as they are. */
int	mail_shown(struct db *, int64_t epoch_id, const uint32_t *uids, size_t n, int64_t now_ms, int64_t *added,
	    struct err *);
/*
 * Pending mails beside what a SEARCH showed (uids sorted, n of them). One that is there again is missed no more.
 * Only if it was for all UIDs and showed as many as EXISTS says, one that is not there is missed once more, once
 * per 10 minutes; on the second miss its fate is vanished (or ignored again). gone[] in the arena: the ids of
 * those that nobody ever read a word of.
 */
int	mail_missed(struct db *, int64_t epoch_id, const uint32_t *uids, size_t n, bool all, int64_t now_ms,
	    struct arena *, int64_t **gone, size_t *n_gone, struct err *);

/*
 * Of the ignored mails that a SEARCH for all UIDs showed, up to `max` (the newest) that another screen said no to
 * are pending again, for this screen to be asked; *asked says how many. When none is left the epoch is `screened`.
 */
int	mail_rescreen(struct db *, int64_t epoch_id, const char *screen, const uint32_t *uids, size_t n, size_t max,
	    size_t *asked, struct err *);

struct mail_row {
	int64_t		 id, epoch_id;
	uint32_t	 uid;
	enum mail_fate	 fate;
	const char	*reason;	/* NULL: none */
	bool		 history;
	int64_t		 shown_ms, arrived_ms, size_bytes, settled_ms;	/* 0: unknown */
	int		 attempts;
	int64_t		 same_as;	/* 0: none */
	bool		 hashed;
	uint8_t		 sha256[DIGEST_BYTES];
	const char	*mailbox, *folder;
	/* of its message; NULL, 0 or false if it was not read */
	const char	*message_id, *from_domain, *proof, *proof_detail, *kind, *rule, *rules_hash, *language, *reasons;
	int64_t		 date_ms;
	bool		 trusted;
	bool		 present;	/* its epoch is the folder's present one: the UID still means it */
	bool		 kept;		/* mail_kept() has its bytes (of one with same_as, look there) */
	int64_t		 claims;
};
/* Up to `max` pending mails that are due, never failed and were not missed: UIDs above `after`, ascending. */
int	mail_pending(struct db *, int64_t epoch_id, uint32_t after, int64_t now_ms, uint32_t *uids,
	    int64_t *ids, size_t max, size_t *n, struct err *);
/* The same of those that failed before: what is due longest comes first, so that none waits for ever. */
int	mail_tried(struct db *, int64_t epoch_id, int64_t now_ms, uint32_t *uids, int64_t *ids, size_t max, size_t *n,
	    struct err *);
/* UIDs of all that are pending, ascending, in the arena. */
int	mail_pending_uids(struct db *, int64_t epoch_id, struct arena *, uint32_t **uids, size_t *n, struct err *);
/* ERR_REJECT if there is no such mail. */
int	mail_get(struct db *, int64_t id, struct arena *, struct mail_row *, struct err *);

/* What the header step learned; the mail stays pending. */
int	mail_header(struct db *, int64_t id, int64_t arrived_ms, int64_t size_bytes, bool history, struct err *);
/* A fetch or reading failed: one more attempt, which is counted, with its reason; the mail stays pending. */
int	mail_failed(struct db *, int64_t id, const char *reason, int *attempts, struct err *);
int	mail_next(struct db *, int64_t id, int64_t next_ms, struct err *);	/* it is not due before */
/* The mail leaves pending. reason may be NULL; screen only of an ignored mail. */
int	mail_settle(struct db *, int64_t id, enum mail_fate, const char *reason, const char *screen, int64_t now_ms,
	    struct err *);
/* Its bytes' hash; *same_as is a settled mail with the same bytes (not ignored), or 0. */
int	mail_hashed(struct db *, int64_t id, const uint8_t sha256[DIGEST_BYTES], int64_t *same_as, struct err *);
/* The mail of this mailbox with these bytes (of several, any); *id 0: there is none. */
int	mail_filed(struct db *, int64_t mailbox_id, const uint8_t sha256[DIGEST_BYTES], int64_t *id,
	    enum mail_fate *, struct err *);
/* The same of one that is or was oversize, and so has no hash: by its folder, UID and size. */
int	mail_filed_at(struct db *, int64_t mailbox_id, const char *folder, uint32_t uid, int64_t size_bytes,
	    int64_t *id, enum mail_fate *, struct err *);
/* Takes the fate of a mail with the same bytes. */
int	mail_inherit(struct db *, int64_t id, int64_t same_as, int64_t now_ms, struct err *);

/*
 * To read a mail again that was settled. again: pending within this transaction, to be settled anew at once;
 * follow: mails that inherited its fate then take the new one. refetch: its bytes are not kept, so it goes back
 * to pending for the next pass, `reason` says why; *done is false if its UID means nothing any more.
 */
int	mail_again(struct db *, int64_t id, struct err *);
int	mail_follow(struct db *, int64_t id, struct err *);
int	mail_refetch(struct db *, int64_t id, const char *reason, bool *done, struct err *);

struct mail_filter {
	const char	**fates;		/* NULL-ended; NULL: any */
	const char	*mailbox;		/* NULL: any */
	int64_t		 since_ms, until_ms;	/* of arrival, or where it is unknown, when it was first seen; 0: any */
};
/* Up to `max` mails above row `after`, ascending. */
int	mail_page(struct db *, const struct mail_filter *, int64_t after, int64_t *ids, int max, int *n,
	    struct err *);

/* From now on this mail stands for all with these bytes: its reading says more than theirs. */
int	mail_better(struct db *, int64_t id, const uint8_t sha256[DIGEST_BYTES], struct err *);

struct message_new {
	const char	*message_id, *from_domain, *proof, *proof_detail, *kind, *rule, *rules_hash, *language, *reasons;
	int64_t		 date_ms;
	bool		 trusted;
};
/* Replaces what was understood before. */
int	mail_message(struct db *, int64_t id, const struct message_new *, struct err *);
/* Of untrusted mail the oldest kept bytes may go for it (store/budget.h). */
int	mail_keep(struct db *, int64_t id, bool trusted, struct span bytes, struct err *);
void	mail_keep_end(struct db *);	/* for db_close(): what mail_keep() had for the next mail */
/* The kept bytes, decompressed; p NULL if none are kept. */
int	mail_kept(struct db *, int64_t id, struct arena *, struct span *bytes, struct err *);

/*
 * For `show`: {"id": "mail_N", "mailbox", "folder", "uid", "fate", "reason", "history", "shown_at", "arrived_at", "settled_at",
 * "size_bytes", "sha256", "same_as", "kept", "attempts", "message": {...} or null}.
 */
struct json	*mail_json(const struct mail_row *);

#endif
