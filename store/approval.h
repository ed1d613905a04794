/*
 * approval - confirmed claims, unique by (org scheme, org number, MSN); and the log's query
 */
#ifndef STORE_APPROVAL_H
#define STORE_APPROVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "store/claim.h"
#include "store/db.h"

struct approval {
	int64_t		 id;
	const char	*apr;			/* public id */
	const char	*state;			/* "confirmed", "gone" */
	const char	*confirmed_by;		/* "management-api", "sender", "person" */
	const char	*org_scheme, *org_number, *country, *merchant_name, *msn, *sales_unit_name;
	int64_t		 received_ms, confirmed_ms;	/* received 0: unknown */
	bool		 history;
	const char	*mailbox, *message_id, *sender_domain, *proof;
	const char	*merchant, *sales_unit;	/* JSON, NULL if the API was not asked */
	bool		 junk;			/* the mail that made it lay in a folder for junk */
	int64_t		 asked_ms;		/* when it last answered; 0: never */
	const char	*reasons;		/* JSON array as a claim's: remarks, of names that differ from the mail's */
	int64_t		 missing_ms;		/* since when the API says that it does not know it; 0: it knows it */
	int64_t		 next_ms;		/* when the API is asked again; 0: it is not */
	int64_t		 changes;		/* how often it was told as changed or gone */
};

/* What the API told of a confirmed claim; all NULL if it was not asked. Texts of JSON by allow-list. */
struct approval_facts {
	const char	*merchant_name, *sales_unit_name, *country;
	const char	*merchant, *sales_unit;
	const char	*api;			/* the claim's record of the answer (claim.api) */
	const char	*reasons;		/* the approval's remarks; NULL: none */
};

/*
 * Inside the caller's transaction: the claim becomes confirmed and either makes the approval (event
 * approval.confirmed) or joins the one that has its key (evidence.added). Names come from the facts, else
 * from the claim. Every held or disputed claim of the key becomes superseded, in silence.
 * *made says which it was.
 */
int	approval_confirm(struct db *, const struct claim *, const struct approval_facts *,
	    const char *confirmed_by, int64_t now_ms, bool *made, struct err *);

/*
 * Inside the caller's transaction: what the API says of a unit without a mail becomes an approval, confirmed by
 * management-api. key: its organisation, MSN and country; the rest is not looked at. If `tell`, as approval.confirmed
 * too; else a later mail for it is what confirms it for everyone. *apr: its public id; *made is false if there was one.
 */
int	approval_record(struct db *, const struct claim *key, const struct approval_facts *, bool tell, int64_t now_ms,
	    bool *made, struct arena *, const char **apr, struct err *);

/* ERR_REJECT if there is none. By public id ("apr_..."). */
int	approval_get(struct db *, const char *apr, struct arena *, struct approval *, struct err *);

int	approval_get_row(struct db *, int64_t id, struct arena *, struct approval *, struct err *);
/* That of the claim's key. */
int	approval_of_key(struct db *, const struct claim *, struct arena *, struct approval *, bool *found, struct err *);
/* Has the organisation an approval of this unit? Lists may have its number without leading zeros. */
int	approval_has_msn(struct db *, const char *org_scheme, const char *org_number, const char *msn, bool *has,
	    struct err *);

/* ---- asked about again (ingest/refresh.h): which ones is kept in rows, so nothing is forgotten by a pass that ends */

#define APPROVAL_OLD_MS	(7 * INT64_C(86400000))	/* a mail for an approval that was not asked about since: it is */

/* Up to `max` approvals that the API is to be asked about; `but` (may be NULL): not these. */
int	approval_due(struct db *, int64_t now_ms, const struct db_but *but, int64_t *ids, int max, int *n, struct err *);
/* This one, or all of them (NULL), shall be asked about at now_ms; *n: how many. ERR_REJECT if there is none. */
int	approval_ask(struct db *, const char *apr, int64_t now_ms, int *n, struct err *);
int	approval_later(struct db *, int64_t id, int64_t next_ms, struct err *);
/* All that are due at now_ms. */
int	approval_put_off(struct db *, int64_t now_ms, int64_t next_ms, struct err *);
/* That of the claim's key, if there is one that was last asked about more than APPROVAL_OLD_MS ago. */
int	approval_ask_old(struct db *, const struct claim *, int64_t now_ms, struct err *);
/*
 * Writes what an answer made of it: state, names, country, facts and times. type is the event approval.changed or
 * approval.gone, NULL: nothing is told; its data is the approval, and `changes`.
 */
int	approval_keep(struct db *, const struct approval *, const char *type, const struct json *changes,
	    int64_t now_ms, struct err *);

struct json	*approval_json(const struct approval *);	/* architecture, Identifiers */

/* ---- the log: approvals, and claims that are not (yet) one */

struct log_filter {
	const char	**states;	/* NULL-ended; NULL: approvals, and claims that wait or are held */
	const char	*org, *msn, *country, *mailbox, *text;	/* NULL: any; text: part of a name */
	int64_t		 since_ms, until_ms;	/* of confirmation, or of the claim's making; 0: any */
	int64_t		 limit;			/* 0: none */
};
struct log_entry {
	bool		 is_claim;
	struct approval	 approval;
	struct claim	 claim;
};
/*
 * Calls `each` for every entry, oldest first. Pages in short reads, so that a slow reader never makes
 * a commit wait; an entry lives until `each` returns. `each` returning -1 ends it with -1.
 */
int	approval_log(struct db *, const struct log_filter *,
	    int (*each)(void *, const struct log_entry *, struct err *), void *, struct err *);
/* One line of NDJSON or an element of JSON for an entry. */
struct json	*log_entry_json(const struct log_entry *);

#endif
