#include "notify/route.h"

#include <string.h>

#include "base/json.h"

#define NAME_MAX_BYTES	64	/* of an endpoint: a word in logs and tables */
#define NO_NAME		"-"	/* no name of a mailbox, endpoint or API */

static bool
name_ok(const char *name)
{
	size_t n = strlen(name);

	return n >= 1 && n <= NAME_MAX_BYTES && strspn(name, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == n;
}

/* ---- endpoints */

static void
email_read(struct conf_node *n, struct conf_node *list, struct arena *a, struct endpoint *ep)
{
	int many = conf_is_list(list), count = many ? conf_count(list) : 1, kept = 0;

	ep->kind = ENDPOINT_EMAIL;
	ep->addresses = arena_array(a, (size_t)count + 1, sizeof(*ep->addresses));
	if (count == 0)
		conf_wrong(conf_of(n), list, "the list is empty: name an address");
	for (int i = 0; i < count; i++) {
		const char *address = conf_check_address(many ? conf_item(list, i) : list);

		if (address != NULL)
			ep->addresses[kept++] = address;
	}
}

static void
webhook_read(struct conf_node *n, struct endpoint *ep)
{
	ep->kind = ENDPOINT_WEBHOOK;
	if (conf_get(n, "webhook_file") != NULL)
		ep->url_file = conf_secret(n, "webhook_file", CONF_REQUIRED);
	else
		ep->url = conf_url(n, "webhook", "https", CONF_REQUIRED);
	ep->secret = conf_secret(n, "secret_file", CONF_REQUIRED);
	conf_word(n, "format", "standard", 0);
}

static void
endpoint_read(struct conf_node *n, struct conf_node *root, const struct http_net *net,
    struct arena *a, struct endpoint *ep)
{
	struct conf_node *email = conf_get(n, "email");
	int		  kinds;

	ep->name = conf_text(n, "name", "", CONF_REQUIRED);
	if (*ep->name != '\0' && !name_ok(ep->name))
		conf_wrong(conf_of(n), conf_get(n, "name"),
		    "\"%s\" is no name: use up to %d letters, digits, - and _", ep->name,
		    NAME_MAX_BYTES);
	kinds = (conf_get(n, "webhook") != NULL) + (conf_get(n, "webhook_file") != NULL) +
	    (email != NULL);
	if (kinds != 1)
		conf_wrong(conf_of(n), n,
		    "an endpoint has exactly one of webhook, webhook_file and email");
	if (email != NULL) {
		email_read(n, email, a, ep);
		if (conf_get(root, "smtp") == NULL)
			conf_wrong(conf_of(n), email, "there is no section `smtp` to send it by");
	} else if (kinds != 0)
		webhook_read(n, ep);
	ep->net = http_net_read(n, net);
	conf_done(n);
}

static void
endpoints_read(struct conf_node *root, const struct http_net *net, struct arena *a,
    struct routes *r)
{
	struct conf_node *list = conf_get(root, "endpoints");

	r->endpoint_count = conf_count(list);
	r->endpoints = arena_array(a, (size_t)r->endpoint_count, sizeof(*r->endpoints));
	for (int i = 0; i < r->endpoint_count; i++) {
		struct conf_node *n = conf_item(list, i);

		endpoint_read(n, root, net, a, &r->endpoints[i]);
		for (int j = 0; j < i; j++) {
			if (strcmp(r->endpoints[j].name, r->endpoints[i].name) == 0)
				conf_wrong(conf_of(n), n, "an endpoint \"%s\" is there already",
				    r->endpoints[i].name);
		}
	}
}

/* ---- routes */

/* "approval.*" stands for every type that begins with "approval."; "*" for all. */
static bool
type_matches(const char *pattern, const char *type)
{
	size_t n = strlen(pattern);

	if (strcmp(pattern, "*") == 0)
		return true;
	if (n > 2 && strcmp(pattern + n - 2, ".*") == 0)
		return strncmp(pattern, type, n - 1) == 0;
	return strcmp(pattern, type) == 0;
}

/* The node of the i-th text of a key that is a list or a single scalar. */
static struct conf_node *
text_node(struct conf_node *n, const char *key, int i)
{
	struct conf_node *value = conf_get(n, key);

	return conf_is_list(value) ? conf_item(value, i) : value;
}

static void
events_read(struct conf_node *n, struct route *route)
{
	route->events = conf_texts(n, "events");
	for (int i = 0; route->events[i] != NULL; i++) {
		bool known = false;

		for (int j = 0; event_type(j) != NULL; j++)
			known = known || type_matches(route->events[i], event_type(j));
		if (!known)
			conf_wrong(conf_of(n), text_node(n, "events", i),
			    "\"%s\" matches no event of this version; approvals.yaml(5) lists them",
			    route->events[i]);
	}
}

static void
severity_read(struct conf_node *n, struct route *route)
{
	const char **words = conf_texts(n, "severity");

	route->any_severity = words[0] == NULL;
	for (int i = 0; words[i] != NULL; i++) {
		int s = severity_of(words[i]);

		if (s == -1)
			conf_wrong(conf_of(n), text_node(n, "severity", i),
			    "\"%s\" is none of info, attention, urgent", words[i]);
		else
			route->severity[s] = true;
	}
}

static int
mailbox_count(struct conf_node *root)
{
	struct conf_node *list = conf_get(root, "mailboxes");

	return conf_is_list(list) ? conf_count(list) : 0;
}

/* The name of the i-th configured mailbox, or NO_NAME. */
static const char *
mailbox_name(struct conf_node *root, int i)
{
	struct conf_node	*mailbox;
	const char		*name = NULL;

	if (i < mailbox_count(root)) {
		mailbox = conf_item(conf_get(root, "mailboxes"), i);
		if (conf_is_map(mailbox))
			name = conf_scalar(conf_get(mailbox, "name"), NULL);
	}
	return name != NULL ? name : NO_NAME;
}

static bool
mailbox_known(struct conf_node *root, const char *name)
{
	for (int i = 0; i < mailbox_count(root); i++) {
		if (strcmp(mailbox_name(root, i), name) == 0)
			return true;
	}
	return false;
}

static void
filters_read(struct conf_node *n, struct conf_node *root, struct route *route)
{
	route->countries = conf_texts(n, "country");
	for (int i = 0; route->countries[i] != NULL; i++) {
		const char *c = route->countries[i];

		if (strlen(c) != 2 || strspn(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 2)
			conf_wrong(conf_of(n), text_node(n, "country", i),
			    "\"%s\" is no country: write two capital letters, like NO", c);
	}
	route->mailboxes = conf_texts(n, "mailbox");
	for (int i = 0; route->mailboxes[i] != NULL; i++) {
		if (!mailbox_known(root, route->mailboxes[i]))
			conf_wrong(conf_of(n), text_node(n, "mailbox", i),
			    "no mailbox is named \"%s\"", route->mailboxes[i]);
	}
	route->orgs = conf_texts(n, "org");
	for (int i = 0; route->orgs[i] != NULL; i++) {
		const char *o = route->orgs[i];

		if (strlen(o) < 8 || strspn(o, "0123456789-") != strlen(o))
			conf_wrong(conf_of(n), text_node(n, "org", i),
			    "\"%s\" is no organisation number: write it as the log does", o);
	}
}

static void
route_read(struct conf_node *n, struct conf_node *root, const struct routes *r, struct arena *a,
    struct route *route)
{
	const char	**to = conf_texts(n, "to");
	int		  count = 0, kept = 0;

	events_read(n, route);
	severity_read(n, route);
	filters_read(n, root, route);
	while (to[count] != NULL)
		count++;
	if (count == 0)
		conf_wrong(conf_of(n), n, "`to` is missing: a route names at least one endpoint");
	route->to = arena_array(a, (size_t)count + 1, sizeof(*route->to));
	for (int i = 0; i < count; i++) {
		const struct endpoint *ep = route_endpoint(r, to[i]);

		if (ep == NULL)
			conf_wrong(conf_of(n), text_node(n, "to", i), "no endpoint is named \"%s\"",
			    to[i]);
		else
			route->to[kept++] = ep;
	}
	conf_done(n);
}

/* ---- would anybody hear of trouble? Asked of the routes, with the events that would be made. */

static bool
urgent_reaches(const struct routes *r, const char *type, const char *name, const char *but)
{
	struct arena		 a = {0};
	struct json		*data = json_object();
	const struct endpoint	**to;
	struct event		 ev = {.type = type};
	bool			 reached = false;

	json_put_text(data, "name", name);
	ev.data = json_print(data, &a);
	json_free(data);
	to = route_match(r, &ev, &a);
	for (int i = 0; to[i] != NULL; i++)
		reached = reached || but == NULL || strcmp(to[i]->name, but) != 0;
	arena_free(&a);
	return reached;
}

static void
urgent_check_type(struct conf_node *root, const struct routes *r, const char *type)
{
	bool	of_mailbox = strncmp(type, "mailbox.", 8) == 0;
	int	names = of_mailbox && mailbox_count(root) > 1 ? mailbox_count(root) : 1;

	for (int i = 0; i < names; i++) {
		if (!urgent_reaches(r, type, of_mailbox ? mailbox_name(root, i) : NO_NAME, NULL)) {
			conf_wrong(conf_of(root), conf_get(root, "routes"),
			    "no endpoint would get %s: add a route {severity: [urgent], to: [...]}",
			    type);
			return;
		}
	}
}

void
routes_check(struct conf_node *root, const struct routes *r)
{
	struct conf_node *endpoints = conf_get(root, "endpoints");

	for (int i = 0; event_type(i) != NULL; i++) {
		const char *type = event_type(i);

		if (event_severity(type) != SEVERITY_URGENT)
			continue;
		if (strncmp(type, "endpoint.", 9) != 0) {
			urgent_check_type(root, r, type);
			continue;
		}
		for (int j = 0; j < r->endpoint_count; j++) {
			const char *name = r->endpoints[j].name;

			if (!urgent_reaches(r, type, name, name))
				conf_wrong(conf_of(root), conf_item(endpoints, j),
				    "endpoint \"%s\": if it failed, no other endpoint would get %s:"
				    " route urgent events to a second one too", name, type);
		}
	}
}

void
routes_conf_read(struct conf_node *root, const struct http_net *net, struct arena *a,
    struct routes *r)
{
	struct conf_node *list = conf_get(root, "routes");

	*r = (struct routes){0};
	endpoints_read(root, net, a, r);
	r->route_count = conf_count(list);
	r->routes = arena_array(a, (size_t)r->route_count, sizeof(*r->routes));
	for (int i = 0; i < r->route_count; i++)
		route_read(conf_item(list, i), root, r, a, &r->routes[i]);
}

/* ---- matching */

static bool
list_has(const char *const *list, const char *what)
{
	if (list[0] == NULL)
		return true;
	for (int i = 0; what != NULL && list[i] != NULL; i++) {
		if (strcmp(list[i], what) == 0)
			return true;
	}
	return false;
}

/* A fact of the event's data: its own, or (evidence.added) its approval's. */
static const char *
fact(const struct json *data, const char *key)
{
	const char *text = json_text(json_get(data, key));

	return text != NULL ? text : json_text(json_get(json_get(data, "approval"), key));
}

static bool
route_takes(const struct route *route, const struct event *ev, const struct json *data)
{
	const char	*mailbox = fact(data, "mailbox");
	int		 severity = event_severity(ev->type);
	bool		 named = route->events[0] == NULL;

	for (int i = 0; route->events[i] != NULL; i++)
		named = named || type_matches(route->events[i], ev->type);
	if (!named || (!route->any_severity && (severity == -1 || !route->severity[severity])))
		return false;
	if (mailbox == NULL && strncmp(ev->type, "mailbox.", 8) == 0)
		mailbox = fact(data, "name");
	return list_has(route->countries, fact(data, "country")) &&
	    list_has(route->mailboxes, mailbox) &&
	    list_has(route->orgs, fact(data, "org_number"));
}

const struct endpoint **
route_match(const struct routes *r, const struct event *ev, struct arena *a)
{
	size_t			  count = (size_t)r->endpoint_count;
	const struct endpoint	**found = arena_array(a, count + 1, sizeof(*found));
	bool			 *wanted = arena_array(a, count, sizeof(*wanted));
	struct json		 *data = json_ours(ev->data);
	int			  n = 0;

	for (int i = 0; i < r->route_count; i++) {
		if (!route_takes(&r->routes[i], ev, data))
			continue;
		for (int j = 0; r->routes[i].to[j] != NULL; j++)
			wanted[r->routes[i].to[j] - r->endpoints] = true;
	}
	for (int i = 0; i < r->endpoint_count; i++) {
		if (wanted[i])
			found[n++] = &r->endpoints[i];
	}
	json_free(data);
	return found;
}

const struct endpoint *
route_endpoint(const struct routes *r, const char *name)
{
	for (int i = 0; i < r->endpoint_count; i++) {
		if (strcmp(r->endpoints[i].name, name) == 0)
			return &r->endpoints[i];
	}
	return NULL;
}

/*
 * What conf_url() asks of a URL in the configuration is asked of one from a file too, without
 * showing it.
 */
static bool
url_ok(const char *url)
{
	size_t n = strlen(url), host;

	if (strncmp(url, "https://", 8) != 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (url[i] <= ' ' || url[i] > '~' || url[i] == '#' || url[i] == '\\')
			return false;
	}
	host = strcspn(url + 8, "/?");
	return host > 0 && memchr(url + 8, '@', host) == NULL;
}

int
route_url(const struct endpoint *ep, struct arena *a, const char **url, struct err *e)
{
	if (ep->url != NULL) {
		*url = ep->url;
		return 0;
	}
	if (conf_secret_read(ep->url_file, a, url, e) == -1)
		return -1;
	if (!url_ok(*url))
		return err_what(e, ERR_REJECT, ERR_CONFIG,
		    "webhook_file \"%s\": it holds no https:// URL", ep->url_file.name);
	return 0;
}

int
route_target(struct db *db, const struct endpoint *ep, const char *address, struct arena *a,
    const char **target, struct err *e)
{
	const char *url;

	if (ep->kind == ENDPOINT_EMAIL) {
		*target = address;
		return 0;
	}
	if (route_url(ep, a, &url, e) == -1)
		return -1;
	if (ep->url != NULL)
		*target = url;
	else
		*target = arena_printf(a, "secret:%s", db_keyed_hash(db, a, "target", url));
	return 0;
}
