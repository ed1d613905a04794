/*
 * management - the Vipps MobilePay Management API, as far as a claim needs it
 *
 * Source: https://developer.vippsmobilepay.com/api/management (2.0.9) and the access token guide; what is known is summed up in
 * doc/architecture.md. Partner keys: POST /accesstoken/get, then a bearer token and Ocp-Apim-Subscription-Key
 * on each call. The token lives in memory, for its life minus a margin; on an unexpected 401 it is
 * fetched anew once. Every answer is hostile until checked: base/json's bounds, an allow-list of fields.
 */
#ifndef INGEST_MANAGEMENT_H
#define INGEST_MANAGEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/http.h"

enum without_api { WITHOUT_API_HOLD, WITHOUT_API_CONFIRM };

struct management_conf {
	bool			 none;		/* `management_api: none` was said */
	enum without_api	 without_api;
	const char		*url;		/* https://api.vipps.no */
	struct conf_secret	 client_id, client_secret, subscription_key;
	struct http_net		 net;
};
void	management_conf_read(struct conf_node *root, const struct http_net *, struct management_conf *);

struct management;
/* Reads the three secrets. ERR_CONFIG. */
int	management_open(const struct management_conf *, struct management **, struct err *);
void	management_close(struct management *);

/* Texts are NULL when absent. json: the allow-listed fields as an object, never a bank account. */
struct sales_unit {
	bool		 found;			/* false: 404 */
	const char	*msn, *name, *org_scheme, *org_number;
	const char	*json;
};
struct merchant {
	bool		 found;
	const char	*name, *status, *country;
	const char	*json;
};

/*
 * -1 with ERR_RETRY: down, limited (retry_after_ms says for how long, -1 unknown), or ERR_KEYS: 401 or 403; ERR_REJECT:
 * an answer that is not what the API promises.
 */
int	management_sales_unit(struct management *, const char *msn, int64_t now_ms, struct arena *, struct sales_unit *,
	    int64_t *retry_after_ms, struct err *);
int	management_merchant(struct management *, const char *org_scheme, const char *org_number, int64_t now_ms,
	    struct arena *, struct merchant *, int64_t *retry_after_ms, struct err *);

/*
 * After -1: true if the failure concerns the whole API (no answer, the token, 401, 429), false if it may
 * concern this question alone (403, 5xx, an answer that makes no sense).
 */
bool	management_is_away(const struct management *);

#endif
