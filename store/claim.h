/*
 * claim - what one mail says of one sales unit, and its way to an approval (architecture, States)
 *
 * Functions that change rows are called inside db_begin()/db_commit() of the caller. A change of state
 * that has an event writes it in the same transaction; claims that are history write events that
 * are marked so.
 */
#ifndef STORE_CLAIM_H
#define STORE_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "store/db.h"

enum claim_state {
	CLAIM_AWAITING_PROOF, CLAIM_PENDING, CLAIM_CONFIRMED, CLAIM_DISPUTED, CLAIM_UNCONFIRMED, CLAIM_HELD,
	CLAIM_REJECTED, CLAIM_SUPERSEDED, CLAIM_STATES
};
const char	*claim_state_name(enum claim_state);
int		 claim_state_of(const char *);	/* -1 if it is none */

struct claim {
	int64_t		 id, mail_id;
	int		 n;
	enum claim_state state;
	bool		 trusted, history;
	const char	*org_scheme, *org_number, *merchant_name, *msn, *sales_unit_name;	/* NULL: not said */
	const char	*country;		/* the scheme's; NULL if there is none */
	const char	*reasons;		/* JSON array of {"code", "doubt", "field"} */
	const char	*evidence;		/* JSON object by field of {"part", "line", "cell", "text"} */
	const char	*api;			/* JSON of the last answer, NULL: never asked */
	int		 asks;
	int64_t		 next_ms, told_ms, made_ms, settled_ms;		/* 0: none */
	int64_t		 approval_id;		/* 0: none */
	/* from its mail and message */
	const char	*mailbox, *message_id, *sender_domain, *proof, *proof_detail;
	int64_t		 received_ms;
	bool		 accepted;		/* by a person (store/review.h): as if trusted and without doubts */
};

/*
 * Adds a claim (id, and what comes from its mail, are not looked at). A held one makes the event claim.held. next_ms counts
 * only if pending. cause names the mail for ever, also in a restored log (mail's SHA-256 in hex).
 */
int	claim_add(struct db *, const struct claim *, const char *cause, int64_t now_ms, int64_t *id, struct err *);
/* ERR_REJECT if there is none. */
int	claim_get(struct db *, int64_t id, struct arena *, struct claim *, struct err *);
/* Up to `max` pending claims that are due, those of new mail before history, oldest first; `but` (may be NULL): not these. */
int	claim_due(struct db *, int64_t now_ms, const struct db_but *but, int64_t *ids, int max, int *n, struct err *);
/*
 * Claims of unproven mail, held and made after since_ms, that the API is to be asked about by itself: at once, after an hour,
 * after six (ingest/unproven.h). claim_unproven_asked(): it was, in the caller's transaction.
 */
#define CLAIM_UNPROVEN_MAX 200	/* looked at in a pass: more are a flood, which the budget does not ask about anyway */
int	claim_unproven(struct db *, int64_t now_ms, int64_t since_ms, int64_t *ids, int max, int *n, struct err *);
int	claim_unproven_asked(struct db *, int64_t id, struct err *);
/* When the next one that is not due yet will be; 0: there is none. */
int	claim_next(struct db *, int64_t now_ms, int64_t *next_ms, struct err *);
/* Claims of a mail, or of an approval (the other id 0), by id. */
int	claim_list_of(struct db *, int64_t mail_id, int64_t approval_id, struct arena *, struct claim **, int *n,
	    struct err *);

/* Takes away a mail's claims that await its proof, which is here: they are then added anew. */
int	claim_drop_awaiting(struct db *, int64_t mail_id, struct err *);
/* It stays pending: what the API said (JSON or NULL), asks so far, when to ask next. */
int	claim_wait(struct db *, int64_t id, const char *api, int asks, int64_t next_ms, struct err *);
/* A person looked at one that waits for a person: what the API said then (JSON). Its state stays. */
int	claim_looked(struct db *, int64_t id, const char *api, struct err *);
/* claim.pending is told, once in the claim's life. */
int	claim_tell_pending(struct db *, const struct claim *, int64_t now_ms, struct err *);
/* To disputed, unconfirmed, held, rejected: with its event (claim.STATE). api may be NULL. */
int	claim_settle(struct db *, const struct claim *, enum claim_state, const char *api, int64_t now_ms,
	    struct err *);

/* Other reasons for it (JSON), of the same mail read again; its state stays. */
int	claim_reasons(struct db *, int64_t id, const char *reasons, struct err *);

/* What names the claim's mail in the ids of events, for ever: its SHA-256 in hex. */
int	claim_cause(struct db *, int64_t id, struct arena *, const char **cause, struct err *);

/* The object of architecture, Identifiers: an approval's keys, plus reasons, evidence and api. */
/* Its mail lay in a folder for junk: the claim has the remark that says so. */
#define CLAIM_IN_JUNK	"found-in-junk"
bool		 claim_in_junk(const struct claim *);
struct json	*claim_json(const struct claim *);

#endif
