/*
 * imap - the few IMAP commands of a pass; its files and transport are the one door to libetpan
 *
 * To read: LIST, EXAMINE, UID SEARCH, UID FETCH, IDLE, NOOP and LOGOUT, and no extension that would
 * widen libetpan's parser (ID only where a folder is refused). What changes something on the server
 * stands at the end (imap_action.c), for ingest/after alone; EXPUNGE and CLOSE are not there, for they remove what others marked. What the server says
 * is not believed: answers are per UID, and the caller looks which of those it asked for did come.
 * Folder names are as on the wire (RFC 3501 5.1.3); imap_wire_name() makes them.
 * All fail with ERR_RETRY; the connection is then of no use any more, unless said otherwise.
 */
#ifndef INGEST_IMAP_H
#define INGEST_IMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"
#include "ingest/transport.h"

#define IMAP_MAX_UIDS	500	/* asked for at once: bounds the answer */
#define IMAP_MAX_HEADER	((size_t)16 * 1024)	/* of a mail; one that fills it is cut off */
#define IMAP_MAX_NAME	255		/* bytes of a folder's name on the wire */

struct imap;

int	imap_open(const struct transport_login *, struct imap **, struct err *);
void	imap_close(struct imap *);	/* LOGOUT if the connection still works; NULL is fine */
/* The connection broke, or its last answer made no sense: another one may do better. */
bool	imap_broken(const struct imap *);

/* A UTF-8 name as modified UTF-7. NULL: it is not UTF-8, has control characters or is too long. */
const char *imap_wire_name(const char *name, struct arena *);
/* The folder with this special use ("\\Junk", RFC 6154); *name is NULL if none is marked. */
int	imap_special(struct imap *, const char *use, struct arena *, const char **name,
	    struct err *);

struct imap_state {
	uint32_t	uidvalidity;	/* never 0 */
	uint32_t	uidnext;	/* 0: the server does not say */
	int64_t		exists;
};
/* ERR_REJECT if the server refuses this folder, or does not number it, and the connection still works. */
int	imap_examine(struct imap *, const char *name, struct imap_state *, struct err *);

struct imap_can {
	bool	move, uidplus;		/* RFC 6851; RFC 4315: UID EXPUNGE */
	bool	id;			/* RFC 2971 */
};
/* Asked once, after the login. ERR_REJECT if it does not say and the connection still works. */
int	imap_can(struct imap *, struct imap_can *, struct err *);
/* All that the server says it can, with blanks between: for a person's eyes. */
int	imap_capabilities(struct imap *, struct arena *, const char **text, struct err *);

/*
 * Waits within_ms for mail in the examined folder, and looks then whether the connection still answers:
 * it has answer_ms for that. *changed says that the server told of a change; that it did not means
 * nothing. By IDLE, or where the server refuses that, by listening and a NOOP.
 */
int	imap_idle(struct imap *, int64_t within_ms, int64_t answer_ms, bool *changed, struct err *);

/*
 * UIDs of the examined folder from `lo` on (1: all), and those of the sorted `also` (n_also of them) that are there:
 * sorted, each once, in the arena.
 */
int	imap_search(struct imap *, uint32_t lo, const uint32_t *also, size_t n_also, struct arena *, uint32_t **uids,
	    size_t *n, struct err *);

/* How many mails of the examined folder arrived on that day or later and have this text in From. */
int	imap_count_from(struct imap *, const char *text, int64_t since_ms, size_t *n, struct err *);

/* One FETCH line for a mail that was asked for. A server may send several for one mail. */
struct imap_item {
	uint32_t	uid;
	int64_t		size_bytes;	/* RFC822.SIZE; -1: not in this line */
	int64_t		arrived_ms;	/* INTERNALDATE; -1: not in this line; 0: it is no date */
	struct span	text;		/* header fields or the whole mail; n 0: not there */
};
typedef void (*imap_item_fn)(void *, const struct imap_item *);

/*
 * Size, arrival and From, Sender, Reply-To, Subject and Message-ID of mails (uids sorted, at most
 * IMAP_MAX_UIDS). The texts live until `each` returns.
 */
int	imap_headers(struct imap *, const uint32_t *uids, size_t n, imap_item_fn each, void *,
	    struct err *);
/*
 * Whole mails. `bytes` is the sum of their sizes as the server told them; it may be off by half and
 * a bit. The texts live until imap_release().
 */
int	imap_bodies(struct imap *, const uint32_t *uids, size_t n, int64_t bytes,
	    imap_item_fn each, void *, struct err *);
void	imap_release(struct imap *);

/*
 * ---- what changes something on the server: of the folder of imap_select(), uids sorted and at most
 * IMAP_MAX_UIDS. ERR_REJECT if the server refuses and the connection still works; that it did not
 * refuse is no proof that it is so: imap_marks() asks.
 */

/* *writable: it is not read-only. */
int	imap_select(struct imap *, const char *name, struct imap_state *, bool *writable, struct err *);
/* PERMANENTFLAGS of the selected folder has this flag or keyword, or allows any; or there is none of it. */
bool	imap_keeps(const struct imap *, const char *flag);
/* UIDVALIDITY and UIDNEXT (0: not told) of another folder. */
int	imap_status(struct imap *, const char *name, struct imap_state *, struct err *);

struct imap_mark {
	bool	there, marked;		/* the mail; the flag at it */
};
/* Which of the mails are there, and have the flag or keyword (NULL: any). */
int	imap_marks(struct imap *, const uint32_t *uids, size_t n, const char *flag, struct imap_mark *marks,
	    struct err *);
int	imap_flag(struct imap *, const uint32_t *uids, size_t n, const char *flag, struct err *);
/* *missing: it is refused since there is no such folder, which imap_create() makes. */
int	imap_move(struct imap *, const uint32_t *uids, size_t n, const char *folder, bool *missing,
	    struct err *);
int	imap_copy(struct imap *, const uint32_t *uids, size_t n, const char *folder, bool *missing,
	    struct err *);
/* And subscribes to it, or mail programs may not show it. */
int	imap_create(struct imap *, const char *folder, struct err *);
/* Removes those of them that have \\Deleted, and no others: only where there is UIDPLUS. */
int	imap_uid_expunge(struct imap *, const uint32_t *uids, size_t n, struct err *);

#endif
