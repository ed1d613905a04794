/*
 * epoch - what a folder shows: which numbering it is in, and which UIDs it has
 *
 * Sets, not a high-water mark: every UID that a SEARCH ever showed has a row, and a pass takes the
 * difference (architecture, Stages; RFC 9051 2.3.1.1). A folder that was numbered anew gets a new
 * epoch and is searched whole; what was known by its bytes inherits its fate there.
 */
#ifndef INGEST_EPOCH_H
#define INGEST_EPOCH_H

#include "ingest/pass.h"

#define EPOCH_FULL_MS	(6 * INT64_C(3600000))	/* every UID is asked for at least this often */

/* ---- policy: functions without I/O */

/* It was there at the mailbox's first pass, or, in later epochs, arrived before announce. */
bool	epoch_history(const struct epoch_row *, int64_t announce_ms, uint32_t uid,
	    int64_t arrived_ms);
/*
 * It arrived before start, and is not read. A mail that the first pass cannot have seen is believed to be newer
 * than a slow clock of the server says.
 */
bool	epoch_old(const struct mailbox_row *, const struct epoch_row *, uint32_t uid,
	    int64_t arrived_ms);
/* Numbered anew: another UIDVALIDITY, or UIDNEXT fell to a UID that was shown before. */
bool	epoch_renumbered(const struct epoch_row *, const struct imap_state *);
/*
 * UIDNEXT is a UID that was shown before, but did not fall since the last search: some servers tell it too low. Only
 * that the highest UID is still shown tells this from numbers that were given anew.
 */
bool	epoch_behind(const struct epoch_row *, const struct imap_state *);
/* Nothing can have changed since the last search, and nothing is left to do. */
bool	epoch_quiet(const struct epoch_row *, const struct imap_state *, int64_t now_ms);
/* The UID from which on all are asked for; 1: all. */
uint32_t epoch_search_from(const struct epoch_row *, const struct imap_state *, int64_t now_ms);
/*
 * Pending mails below *from are asked for by their own UIDs, not to have all behind the oldest of them listed in each
 * pass. How many of the n (sorted) those are; 0 if they are too many ranges for a command: *from is then the lowest.
 */
size_t	epoch_search_also(const uint32_t *pending, size_t n, uint32_t *from);
/* What a search that was not for all showed explains EXISTS; the pending mails that it asked for are there. */
bool	epoch_adds_up(const struct epoch_row *, const struct imap_state *, const uint32_t *pending, size_t n_pending,
	    const uint32_t *uids, size_t n);

/* ---- a folder as the server shows it now */

/* In a transaction: a folder's next epoch. With `announce: new`, what the first pass finds is history. */
int	epoch_open(struct mailbox *, const struct folder *, bool first_pass, struct err *);
/*
 * The folder's present epoch; a new one if the server has numbered it anew. For the third time within an hour it fails
 * instead. An earlier epoch is never taken up again when its UIDVALIDITY comes back: what a server does that breaks the
 * rule that it only grows (a backup was restored), it may do with UIDs too.
 */
int	epoch_present(struct mailbox *, const struct folder *, struct epoch_row *, struct err *);
/* The folder was read. -1: only because the server shows its present numbers now and then. */
int	epoch_steady(struct mailbox *, const struct folder *, struct err *);
/*
 * To be called when the folder was read: what an earlier numbering left pending ends, once all that the present one
 * shows was read or told, and is told if it did not turn up (store/stray.h).
 */
int	epoch_strays(struct mailbox *, const struct folder *, const struct epoch_row *, struct err *);
/* SEARCHes the examined folder. All that was shown has a row when this returns, if need be in a new epoch. */
int	epoch_search(struct mailbox *, const struct folder *, struct epoch_row *, struct err *);

#endif
