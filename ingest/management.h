/*
 * management - the Vipps MobilePay Management API: questions, many at once, under one login
 *
 * A question is queued by management_ask() and comes back answered or failed from management_wait(), in any order. In
 * between: at most max_concurrent requests are on their way, over one pool of connections; no more than
 * requests_per_minute start in any minute, tokens included; what fails in passing (no answer, 423, 429, 5xx) is asked up
 * to MANAGEMENT_TRIES times, after jittered waits or what Retry-After says, if that is short; after many failures in a row
 * a breaker (ingest/pace.h) fails all that is queued.
 *
 * Keys: `partner` and `merchant` ones buy a token at /accesstoken/get, `management` ones at /miami/v1/token. The token
 * lives in memory alone, for its life minus a margin; on a 401 it is fetched anew once for all questions that met one, and
 * each of them is asked once more, never again. Answers are read by ingest/reply.h.
 *
 *	struct question q = {.kind = ASK_SALES_UNIT, .msn = "123456", .arena = &a};
 *
 *	management_ask(m, &q);
 *	while ((done = management_wait(m)) != NULL)
 *		...			// done->failed ? done->why : done->found ? done->unit : it is not there
 *
 * or, for one: management_answer(m, &q, e). A struct management serves a process that stays: keep it from pass to pass, so
 * that its token, its connections and what it knows of the API's troubles stay, too. No transaction of the database
 * may be open while it waits.
 */
#ifndef INGEST_MANAGEMENT_H
#define INGEST_MANAGEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/http.h"
#include "ingest/reply.h"

#define MANAGEMENT_TRIES	3		/* of one question, the first included */
#define MANAGEMENT_MAX_WAIT_MS	10000		/* a longer Retry-After is for a later pass */
#define MANAGEMENT_CONCURRENT	4		/* max_concurrent by default; the API publishes no limit */
#define MANAGEMENT_MAX_CONCURRENT 32
#define MANAGEMENT_RATE		600		/* requests_per_minute by default; the API publishes none, and old mail is to be asked about in minutes */
#define MANAGEMENT_EXPIRES_MS	(30 * INT64_C(86400000))	/* nearer ends of keys are warned of */

enum without_api { WITHOUT_API_HOLD, WITHOUT_API_CONFIRM };
enum api_keys { API_KEYS_PARTNER, API_KEYS_MERCHANT, API_KEYS_MANAGEMENT };

struct management_conf {
	bool			 none;		/* `management_api: none` was said */
	enum without_api	 without_api;
	const char		*url;		/* https://api.vipps.no */
	enum api_keys		 keys;
	struct conf_secret	 client_id, client_secret;
	struct conf_secret	 subscription_key;	/* without a name for management keys */
	int64_t			 expires_ms;	/* of the keys, as the operator says; 0: not said */
	int			 max_concurrent, requests_per_minute;
	struct http_net		 net;
};
void	management_conf_read(struct conf_node *root, const struct http_net *, struct management_conf *);
/* Who gives new keys, for messages. */
const char *management_keys_from(enum api_keys);

struct management;
/*
 * Reads the secrets. ERR_CONFIG. stop (may be NULL): once it is not 0, all questions fail with ERR_STOPPED. now_ms: the
 * wall clock, which goes on by the monotonic one from here.
 */
int	management_open(const struct management_conf *, volatile const int *stop, int64_t now_ms, struct management **,
	    struct err *);
void	management_close(struct management *);		/* NULL is fine; questions on their way are given up */
/* It failed when it was last asked, perhaps by another process: the first question goes alone. */
void	management_doubt(struct management *);

enum question_kind {
	ASK_SALES_UNIT,		/* by msn: `unit` */
	ASK_MERCHANT,		/* by org_scheme, org_number: `merchant` */
	ASK_MERCHANT_UNITS,	/* by org_scheme, org_number: `units` that are linked to us */
	ASK_ALL_UNITS,		/* `units` */
	ASK_ORDERS,		/* product orders (v2): `orders`; also EXPIRED ones if `expired` */
	ASK_ORDER		/* by order_id: the one in `orders` */
};
/* The caller's, and stays where it is until it comes back. Set what is asked; the rest is zero. */
struct question {
	enum question_kind	 kind;
	const char		*msn, *org_scheme, *org_number, *order_id;
	bool			 expired;
	struct arena		*arena;		/* answers are made in it */
	void			*tag;
	/* out */
	bool			 failed;	/* `why`, `away`, retry_after_ms; else found */
	bool			 found;		/* false: 404 from a working login (never of ASK_ALL_UNITS, ASK_ORDERS) */
	struct sales_unit	 unit;
	struct merchant		 merchant;
	struct unit_list	 units;
	struct order_list	 orders;
	/*
	 * ERR_RETRY: it may work later; with ERR_KEYS for 401 and 403, ERR_CERT, ERR_STOPPED. ERR_REJECT: an answer that is
	 * not what the API promises. The message may quote a sentence of the API's, cut short, and never a secret.
	 */
	struct err		 why;
	bool			 away;		/* it concerns all questions: ask no more in this pass */
	int64_t			 retry_after_ms;/* the API's wish, from now; -1: none */
	/* management's own */
	const char		*path;
	int			 tries;
	bool			 refused;	/* by a 401 already */
	unsigned		 token;		/* that it was sent with */
	int64_t			 not_before_ms;
	struct question		*next;
};
void		 management_ask(struct management *, struct question *);
struct question	*management_wait(struct management *);	/* NULL: none is left */
/* The next that comes back within wait_ms; NULL: none did, or none is left. */
struct question	*management_next(struct management *, int64_t wait_ms);
bool		 management_is_asked(const struct management *);	/* some have not come back */
/* One question, to its end; only with no other under way. -1: it failed, and e is q->why. */
int		 management_answer(struct management *, struct question *, struct err *);

#endif
