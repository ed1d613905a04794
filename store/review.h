/*
 * review - what waits for a person, and what a person decided (architecture, States)
 *
 * A held claim that is accepted becomes pending, as if it were trusted and without doubts: the API is asked, and
 * confirms. A disputed or unconfirmed one, which the API has spoken of, is confirmed by the person, and only if
 * that was said. A rejected claim can still be accepted, by what it was before. A mail is settled by having been
 * looked at. Every decision is a row for ever; those of claims are events too (claim.accepted, claim.rejected).
 */
#ifndef STORE_REVIEW_H
#define STORE_REVIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "store/claim.h"
#include "store/mail.h"

#define REVIEW_WHY_BYTES	1000	/* of --why: some sentences */
#define REVIEW_NAME_BYTES	100	/* of --by */

struct review {
	bool		 accept;		/* else rejected */
	const char	*was;			/* state or fate when it was decided; of a new one not looked at */
	const char	*why, *user, *by;	/* the account that ran us; --by, NULL: not said */
	int64_t		 login_uid;		/* -1: nobody logged in */
	int64_t		 at_ms;
	const char	*msn;			/* that the claim is about, if it does not say so itself; NULL: not said */
};

/*
 * Inside the caller's transaction. ERR_REJECT, in words for the person, if it cannot be decided so (any more).
 * although_disputed: what the API said is known. no_api: there is none to ask.
 */
int	review_claim(struct db *, int64_t id, const struct review *, bool although_disputed, bool no_api, struct err *);
int	review_mail(struct db *, int64_t id, const struct review *, struct err *);

/* Those of a claim, or of a mail (the other id 0), oldest first. */
int	review_list_of(struct db *, int64_t claim_id, int64_t mail_id, struct arena *, struct review **, int *n,
	    struct err *);
/* {"decision", "was", "why", "user", "login_uid", "by", "at", "msn"}. */
struct json	*review_json(const struct review *);

struct review_filter {
	const char	*mailbox;	/* NULL: any */
	int64_t		 since_ms;	/* 0: any */
	int		 limit;
};
/* What waits: a claim's id, or a mail's. Trusted work first, then claims before mails, oldest first. */
struct review_item { bool is_claim; int64_t id; };
int	review_waiting(struct db *, const struct review_filter *, struct arena *, struct review_item **, int *n,
	    int64_t *all, struct err *);

#endif
