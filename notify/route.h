/*
 * route - endpoints, and which events go to them (architecture, Events; approvals.yaml(5))
 */
#ifndef NOTIFY_ROUTE_H
#define NOTIFY_ROUTE_H

#include <stdbool.h>

#include "base/conf.h"
#include "base/http.h"
#include "store/db.h"
#include "store/event.h"

enum endpoint_kind { ENDPOINT_WEBHOOK, ENDPOINT_EMAIL };

struct endpoint {
	const char		*name;
	enum endpoint_kind	 kind;
	const char		*url;		/* https://…; NULL if it is a secret */
	struct conf_secret	 url_file;	/* a URL that is a secret */
	struct conf_secret	 secret;	/* whsec_… of a webhook */
	const char		**addresses;	/* of an email endpoint, NULL-ended */
	struct http_net		 net;
};
struct route {
	const char		**events;	/* names, or prefixes "approval.*"; empty: any */
	bool			 severity[SEVERITIES];
	bool			 any_severity;
	const char		**countries, **mailboxes, **orgs;	/* empty: any */
	const struct endpoint	**to;		/* NULL-ended */
};
struct routes {
	struct endpoint		*endpoints;
	int			 endpoint_count;
	struct route		*routes;
	int			 route_count;
};

/*
 * Reads `endpoints` and `routes`; everything lives in the arena. Keeps an error for routes to endpoints or
 * mailboxes that are not there, and for unknown event names.
 */
void	routes_conf_read(struct conf_node *root, const struct http_net *, struct arena *, struct routes *);
/*
 * For `check`: keeps an error when no endpoint would get an urgent event, or only the endpoint that
 * fails. A pass does its work all the same: an alert that cannot reach anybody is no reason to lose another.
 */
void	routes_check(struct conf_node *root, const struct routes *);

/* The endpoints that get this event, each once, in the order of the configuration; NULL-ended. */
const struct endpoint **route_match(const struct routes *, const struct event *, struct arena *);
const struct endpoint *route_endpoint(const struct routes *, const char *name);	/* NULL if none */

/* The URL of a webhook, read from its file if it is a secret. ERR_CONFIG if that cannot be had. */
int	route_url(const struct endpoint *, struct arena *, const char **url, struct err *);

/*
 * A target's stable name: the URL, the address, or for a secret URL "secret:" and its keyed hash.
 * -1 if the secret's file cannot be read.
 */
int	route_target(struct db *, const struct endpoint *, const char *address, struct arena *,
    const char **target,
	    struct err *);

#endif
