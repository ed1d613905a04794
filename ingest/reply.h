/*
 * reply - what the Management API answers, from bytes to structs
 *
 * Source: https://developer.vippsmobilepay.com/api/management (2.0.9) and the access token guide; doc/architecture.md
 * sums up what is known. Pure. Every answer is hostile until checked: base/json's bounds, an allow-list of
 * fields (never a bank account), names cut at 200 bytes. All documented variants are taken: numbers as texts and
 * texts as numbers, lists and objects bare or wrapped, null or absent parts, unknown members and words, dates
 * that no calendar has. Texts are NULL when absent and live in the arena. -1 is ERR_REJECT: not what the API promises.
 */
#ifndef INGEST_REPLY_H
#define INGEST_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

#define REPLY_MAX_LIST	4194304		/* bytes of a list: 50,000 sales units */
#define REPLY_MAX_WORDS	100		/* bytes of a server's words in a message of ours */
#define REPLY_MSN_MIN	4		/* digits of an MSN */
#define REPLY_MSN_MAX	10

/* json: the allow-listed fields as an object. found: false after a 404 (ingest/management.h). */
struct sales_unit {
	bool		 found;
	const char	*msn, *name, *org_scheme, *org_number;
	const char	*json;
};
struct merchant {
	bool		 found;
	const char	*name, *status, *country;
	const char	*json;
};
/* What lists say of a sales unit. name may be NULL. */
struct unit { const char *msn, *name; };
/* skipped: entries that made no sense. Who concludes something from a unit that is not in the list looks at it first. */
struct unit_list {
	bool		 found;
	struct unit	*units;
	int		 count, skipped;
};
/*
 * A product order. status and the organisation are always there; msn and name of its sales unit only once it is
 * COMPLETED. Statuses are the API's words (RECEIVED, MERCHANT_VIEWED, ORDER_SUBMITTED, COMPLETED, REJECTED,
 * EXPIRED, or one that is new).
 */
struct order {
	const char	*id, *type, *product, *status, *org_scheme, *org_number, *msn, *name;
};
struct order_list {
	bool		 found;
	struct order	*orders;
	int		 count, skipped;
};

/* asked: the MSN, number or id that the question was about; an answer about another is refused. */
int	reply_sales_unit(struct span, const char *asked, struct arena *, struct sales_unit *, struct err *);
int	reply_merchant(struct span, const char *asked, struct arena *, struct merchant *, struct err *);
int	reply_order(struct span, const char *asked, struct arena *, struct order_list *, struct err *);
int	reply_units(struct span, struct arena *, struct unit_list *, struct err *);
int	reply_orders(struct span, struct arena *, struct order_list *, struct err *);
/* now_ms: for answers that say when a token ends instead of how long it lives. */
int	reply_token(struct span, int64_t now_ms, struct arena *, const char **token, int64_t *life_ms, struct err *);

/* A 404 with this body is not the API's own: a web server's page, or the gateway's word that there is no such path. */
bool		 reply_is_gateways(struct span);
/*
 * The one sentence that a problem, the gateway or OAuth says of what is wrong, for people, cut short; NULL: none. One
 * that holds one of the secrets (NULL-ended) is none: a server may send back what it was sent.
 */
const char	*reply_words(struct span, const char *const *secrets, struct arena *);
/* The gateway's "Try again in N seconds."; -1: not said. */
int64_t		 reply_wait_ms(struct span, struct arena *);

#endif
