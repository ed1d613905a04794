/*
 * signature - what became of a mail's DKIM signature by a domain of ours, and mails whose proof is still awaited
 *
 * Stored when the mail is first read, since keys rotate: with the mail's SHA-256 (table mail) it says for ever what
 * was verified under which key. Functions that change rows are called inside the caller's transaction.
 */
#ifndef STORE_SIGNATURE_H
#define STORE_SIGNATURE_H

#include <stdint.h>

#include "base/json.h"
#include "store/db.h"

struct signature_row {
	const char	*verdict;		/* signature_name() of read/reading.h */
	const char	*domain, *selector;
	const char	*key;			/* the key record; NULL: there was none */
	int64_t		 since_ms, checked_ms;	/* first and last verified */
	int64_t		 next_ms;		/* when the proof is asked for again; 0: it is decided */
	int		 asks;			/* how often it was asked again */
};

/* Adds or replaces; since_ms stays as it was. */
int	signature_put(struct db *, int64_t mail_id, const struct signature_row *, struct err *);
/* *found false: the mail has none. */
int	signature_get(struct db *, int64_t mail_id, struct arena *, struct signature_row *, bool *found, struct err *);
/* Up to `max` mails of a mailbox (by name) whose proof is due to be asked for again. */
int	signature_due(struct db *, const char *mailbox, int64_t now_ms, int64_t *mail_ids, int max, int *n,
	    struct err *);
/* Domain and selector of the last signature that held; *found false: none did yet. */
int	signature_last(struct db *, struct arena *, const char **domain, const char **selector, bool *found,
	    struct err *);
/* For `show`: {"verdict", "domain", "selector", "key", "first_verified_at", "verified_at", "next_at"}. */
struct json	*signature_json(const struct signature_row *);

#endif
