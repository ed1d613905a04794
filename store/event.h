/*
 * event - one thing that happened, in an append-only, hash-chained log (architecture, Events and The chain)
 *
 * event_add() and what changes `trouble` are called inside the caller's transaction.
 */
#ifndef STORE_EVENT_H
#define STORE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "store/db.h"

enum severity { SEVERITY_INFO, SEVERITY_ATTENTION, SEVERITY_URGENT, SEVERITIES };
const char	*severity_name(enum severity);
int		 severity_of(const char *);		/* -1 if it is none */

/* The types of architecture, Events that this version knows, with their severity. */
const char	*event_type(int i);			/* NULL past the end */
int		 event_severity(const char *type);	/* -1 if it is no type */

struct event_new {
	const char	*type;
	const char	*ref;		/* what it is about: apr_…, clm_…, mail_…, or kind:name */
	const char	*cause;		/* what brought it about, stable over a restored log: the id is an HMAC of type,
					   subject and cause */
	const char	*subject;	/* NULL: ref; else what names the subject stably (ref may be a row number) */
	struct json	*data;		/* taken over and freed */
	bool		 history;	/* recorded and marked, never routed */
	bool		 untrusted;	/* of untrusted mail: recorded whole, and told without its text */
};
/* Adds it to the chain; one with the same id is there already: nothing happens. */
int	event_add(struct db *, const struct event_new *, int64_t now_ms, struct err *);

struct event {
	int64_t		 seq, at_ms;
	const char	*id, *type, *ref;
	bool		 history, untrusted;
	const char	*data;		/* JSON; NULL once erased */
};
/* Whether it was made by untrusted mail alone, not by a person's decision: it shares the budget (store/budget.h). */
bool	event_budgeted(const char *type, bool untrusted);
int	event_get(struct db *, const char *id, struct arena *, struct event *, struct err *);	/* by evt_ id */
int	event_list_of(struct db *, const char *ref, struct arena *, struct event **, int *n, struct err *);
/* The oldest event that is not yet fanned out; ev->seq == 0: there is none. */
int	event_next_waiting(struct db *, struct arena *, struct event *ev, struct err *);

/*
 * Walks the chain in short reads. *problem is NULL if it holds, else what is wrong and at which seq;
 * *count is the number of events, head[] the last hash.
 */
int	event_verify(struct db *, struct arena *, int64_t *count, uint8_t head[32], const char **problem,
	    struct err *);

/* ---- what keeps failing: mailboxes, the API, endpoints (quiet logs, *.failing, *.recovered) */

struct trouble {
	int64_t	since_ms, attempts;
	bool	say;		/* a line on stderr is due: the first time, 6 hours after the last, when first told at
				   once (tell_after_ms 0), or when the clock has gone back */
	bool	told;		/* the failing event has been made (now or earlier) */
};
#define TROUBLE_SAY_MS	(6 * INT64_C(3600000))	/* a continuing cause is said again after this */
#define TROUBLE_LONG_MS	(30 * INT64_C(60000))	/* failing for longer is exit status 3 */

/*
 * It failed once more. kind is "mailbox", "api" or "endpoint"; after tell_after_ms of failing (0: at
 * once) the event kind.failing is made with {"name", "since", "attempts", "error"}. Opens its own
 * transaction.
 */
int	event_failing(struct db *, const char *kind, const char *name, const char *error, int64_t tell_after_ms,
	    int64_t now_ms, struct trouble *, struct err *);
/* Whether it failed when it was last tried. */
int	event_is_failing(struct db *, const char *kind, const char *name, bool *failing, struct err *);
/* It works. *was says that it had been failing; kind.recovered is made if kind.failing was told. */
int	event_recovered(struct db *, const char *kind, const char *name, int64_t now_ms, bool *was,
	    struct err *);

/* For `show`: {"id", "seq", "at", "type", "severity", "ref", "history", "data": {...} or null once erased}. */
struct json	*event_json(const struct event *);

#endif
