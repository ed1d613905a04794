#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/digest.h"
#include "ingest/management.h"
#include "ingest/pace.h"

#define MANAGEMENT_URL		"https://api.vipps.no"
#define MANAGEMENT_MAX_BODY	262144		/* bytes; an answer about one unit is under 2 KiB */
#define MANAGEMENT_SLOW_MS	10000		/* what took longer to fail is not asked again in this pass */
#define MANAGEMENT_TURN_MS	500		/* how often a stop is looked for */
#define TOKEN_MARGIN_MS		INT64_C(60000)	/* before its end it is no longer used; 10 % of a short life */
#define SYSTEM_NAME		"approvals"	/* 30 characters at most, as all Vipps-System-* */
#define PLUGIN_NAME		"approvals-mail"
#define SYSTEM_HEADERS								\
	{"Vipps-System-Name", SYSTEM_NAME},					\
	{"Vipps-System-Version", APPROVALS_VERSION},				\
	{"Vipps-System-Plugin-Name", PLUGIN_NAME},				\
	{"Vipps-System-Plugin-Version", APPROVALS_VERSION}

_Static_assert(sizeof(APPROVALS_VERSION) <= 31, "the API takes 30 characters");

struct queue { struct question *first, **last; };

struct management {
	const struct management_conf	*conf;
	volatile const int		*stop;
	struct http			*http;
	struct arena			 arena;		/* of the secrets */
	const char			*host;		/* of the URL, for messages */
	const char			*client_id, *client_secret, *subscription_key, *basic;
	int64_t				 wall_ms;	/* wall clock minus the monotonic one */
	struct pace			 pace;
	struct err			 why;		/* of the last failure */
	int64_t				 wish_ms;	/* Retry-After that was too long to wait for; -1: none */
	struct queue			 queued, done;
	/* the token */
	char				*token;		/* NULL: none */
	char				*bearer;	/* "Bearer " and the last token */
	char				*token_old;	/* the one before, which answers may still quote */
	unsigned			 token_number;
	bool				 token_doubted;	/* bought after a 401, and no answer has come by it */
	bool				 token_refused;	/* the last one was */
	int64_t				 token_until_ms;/* on the monotonic clock */
	bool				 token_asked;	/* a request for one is on its way */
	int				 token_tries;
	struct arena			 token_arena;	/* of that request */
	struct span			 token_body;	/* what that request sends */
};

static const char	grant[] = "grant_type=client_credentials";

/* ---- configuration */

static const char *
url_read(struct conf_node *n)
{
	const char	*url = conf_url(n, "url", "https", CONF_OPTIONAL);
	size_t		 end;

	if (url == NULL)
		return MANAGEMENT_URL;
	if (strchr(url, '?') != NULL)
		conf_wrong(conf_of(n), conf_get(n, "url"), "must be without a query (?)");
	for (end = strlen(url); end > 0 && url[end - 1] == '/';)
		end--;
	return arena_textn(conf_arena(n), url, end);
}

static void
keys_read(struct conf_node *n, struct management_conf *c)
{
	struct conf_node	*key = conf_get(n, "subscription_key_file"), *expires = conf_get(n, "expires");
	const char		*date = conf_text(n, "expires", NULL, CONF_OPTIONAL);
	struct err		 e;

	c->keys = (enum api_keys)conf_word(n, "keys", "partner merchant management", API_KEYS_PARTNER);
	c->client_id = conf_secret(n, "client_id_file", CONF_REQUIRED);
	c->client_secret = conf_secret(n, "client_secret_file", CONF_REQUIRED);
	if (c->keys != API_KEYS_MANAGEMENT)
		c->subscription_key = conf_secret(n, "subscription_key_file", CONF_REQUIRED);
	else if (key != NULL)
		conf_wrong(conf_of(key), key, "must be left out with keys: management, which have none");
	if (date != NULL && clock_parse(span_of(date), &c->expires_ms, &e) == -1)
		conf_wrong(conf_of(expires), expires, "must be a date like 2027-01-31");
}

void
management_conf_read(struct conf_node *root, const struct http_net *net, struct management_conf *c)
{
	struct conf_node	*n = conf_get(root, "management_api");
	struct conf_node	*without = conf_get(root, "without_api");
	const char		*word = conf_scalar(n, NULL);

	*c = (struct management_conf){.url = MANAGEMENT_URL};
	c->none = word != NULL && strcmp(word, "none") == 0;
	c->without_api = conf_word(root, "without_api", "hold confirm", WITHOUT_API_HOLD) == 1 ?
	    WITHOUT_API_CONFIRM : WITHOUT_API_HOLD;
	if (c->none)
		return;
	if (without != NULL)
		conf_wrong(conf_of(without), without,
		    "means something only with management_api: none");
	if (word != NULL) {
		conf_wrong(conf_of(n), n,
		    "must be none, or a mapping with the files of the API's keys");
		return;
	}
	if ((n = conf_section(root, "management_api", CONF_REQUIRED)) == NULL)
		return;
	c->url = url_read(n);
	keys_read(n, c);
	c->max_concurrent = (int)conf_int(n, "max_concurrent", MANAGEMENT_CONCURRENT, 1,
	    MANAGEMENT_MAX_CONCURRENT);
	c->requests_per_minute = (int)conf_int(n, "requests_per_minute", MANAGEMENT_RATE, 1, PACE_MAX_RATE);
	c->net = http_net_read(n, net);
	conf_done(n);
}

const char *
management_keys_from(enum api_keys keys)
{
	switch (keys) {
	case API_KEYS_MERCHANT:
		return "new ones: portal.vippsmobilepay.com";
	case API_KEYS_PARTNER:
	case API_KEYS_MANAGEMENT:
		break;
	}
	return "new ones: the vendor's partner team, partner@vippsmobilepay.com";
}

/* ---- queues */

static void
queue_init(struct queue *q)
{
	q->first = NULL;
	q->last = &q->first;
}

static void
queue_put(struct queue *q, struct question *one)
{
	one->next = NULL;
	*q->last = one;
	q->last = &one->next;
}

/* The first that may be asked at now_ms, or NULL; *wait_ms: how long until one may. */
static struct question *
queue_take(struct queue *q, int64_t now_ms, int64_t *wait_ms)
{
	*wait_ms = INT64_MAX;
	for (struct question **at = &q->first; *at != NULL; at = &(*at)->next) {
		struct question *one = *at;

		if (one->not_before_ms > now_ms) {
			if (one->not_before_ms - now_ms < *wait_ms)
				*wait_ms = one->not_before_ms - now_ms;
			continue;
		}
		*at = one->next;
		if (*at == NULL)
			q->last = at;
		return one;
	}
	return NULL;
}

/* ---- opening */

/* Basic base64(id:secret), RFC 7617. */
static const char *
basic_of(const char *id, const char *secret, struct arena *a)
{
	const char *pair = arena_printf(a, "%s:%s", id, secret);

	return arena_printf(a, "Basic %s", digest_base64(a, span_of(pair)));
}

int
management_open(const struct management_conf *conf, volatile const int *stop, int64_t now_ms,
    struct management **out, struct err *e)
{
	struct management *m = calloc(1, sizeof(*m));

	if (m == NULL)
		arena_no_memory();
	m->conf = conf;
	m->stop = stop;
	m->wall_ms = now_ms - clock_mono_ms();
	m->wish_ms = -1;
	queue_init(&m->queued);
	queue_init(&m->done);
	m->http = http_open();
	m->host = http_host(conf->url, &m->arena);
	if (conf_secret_read(conf->client_id, &m->arena, &m->client_id, e) == -1 ||
	    conf_secret_read(conf->client_secret, &m->arena, &m->client_secret, e) == -1 ||
	    (conf->keys != API_KEYS_MANAGEMENT &&
	    conf_secret_read(conf->subscription_key, &m->arena, &m->subscription_key, e) == -1)) {
		management_close(m);
		return err_in(e, "management_api");
	}
	if (conf->keys == API_KEYS_MANAGEMENT) {
		m->basic = basic_of(m->client_id, m->client_secret, &m->arena);
		m->token_body = span_of(grant);
	}
	pace_init(&m->pace, conf->requests_per_minute, &m->arena);
	*out = m;
	return 0;
}

static void
text_wipe(char **text)
{
	if (*text != NULL) {
		explicit_bzero(*text, strlen(*text));
		free(*text);
	}
	*text = NULL;
}

static void
token_drop(struct management *m)
{
	if (m->token == NULL)
		return;
	text_wipe(&m->token_old);
	m->token_old = m->token;
	m->token = NULL;
}

void
management_close(struct management *m)
{
	if (m == NULL)
		return;
	http_close(m->http);
	text_wipe(&m->token);
	text_wipe(&m->token_old);
	text_wipe(&m->bearer);
	arena_free(&m->token_arena);
	arena_free(&m->arena);
	free(m);
}

void
management_doubt(struct management *m)
{
	pace_doubt(&m->pace);
}

/* ---- failures */

static void
question_fail(struct management *m, struct question *q, const struct err *why, bool away,
    int64_t retry_after_ms)
{
	q->failed = true;
	q->why = *why;
	q->away = away;
	q->retry_after_ms = retry_after_ms;
	queue_put(&m->done, q);
}

/* All that waits fails for the same reason as the one before it. */
static void
queue_fail(struct management *m, const struct err *why)
{
	struct question *q;

	while ((q = m->queued.first) != NULL) {
		m->queued.first = q->next;
		question_fail(m, q, why, true, m->wish_ms);
	}
	queue_init(&m->queued);
}

/* It concerns every question: the keys, the certificate, a long wish to be left alone. */
static void
api_fail(struct management *m, const struct err *why, int64_t wish_ms)
{
	m->why = *why;
	m->wish_ms = wish_ms;
	pace_break(&m->pace, clock_mono_ms());
	queue_fail(m, why);
}

/* A wait before try n + 1, spread so that many clients do not come back at once. */
static int64_t
retry_ms(int n, int64_t at_least_ms)
{
	static const int64_t		waits[MANAGEMENT_TRIES - 1] = {500, 2000};
	static const struct backoff	schedule = {waits, COUNT(waits), 50};
	uint32_t			chance;

	digest_random(&chance, sizeof(chance));
	return backoff_next(&schedule, n, clock_mono_ms(), chance, at_least_ms > 0 ? at_least_ms : 0);
}

static const char *
words_of(const struct management *m, const struct http_response *res, struct arena *a)
{
	const char	*ours[] = {m->client_id, m->client_secret, m->subscription_key, m->basic, m->token, m->token_old};
	const char	*secrets[COUNT(ours) + 1] = {NULL};

	for (size_t i = 0, n = 0; i < COUNT(ours); i++)
		if (ours[i] != NULL)
			secrets[n++] = ours[i];
	return reply_words(res->body, secrets, a);
}

static const char *
status_means(int status, bool token)
{
	if (status == 401 || (status == 400 && token))	/* 400: an unknown client_id */
		return "the keys were refused";
	if (status == 403)
		return token ? "the keys were refused" : "the keys give no right to it";
	if (status == 404)
		return "a 404 that is not the API's; is management_api.url right?";
	if (status == 429)
		return "too many questions";
	if (status >= 300 && status < 400)
		return "a redirect, which is not followed";
	return "no answer";
}

/* An answer that is not 200, as an error. */
static void
status_error(const struct management *m, const char *what, const struct http_response *res, bool token,
    struct err *e)
{
	struct arena	 a = {0};
	const char	*said = words_of(m, res, &a);
	bool		 keys = res->status == 401 || res->status == 403 || (res->status == 400 && token);

	err_what(e, ERR_RETRY, keys ? ERR_KEYS : ERR_ANY, "%s: %s: %s (status %d)%s%s%s%s", m->host, what,
	    status_means(res->status, token), res->status,
	    keys && (token || res->status == 401) ? "; " : "",
	    keys && (token || res->status == 401) ? management_keys_from(m->conf->keys) : "",
	    said != NULL ? ": " : "", said != NULL ? said : "");
	arena_free(&a);
}

/* How long the server asks to be left alone: the field, or the gateway's sentence; -1: not said. */
static int64_t
wish_of(const struct http_response *res)
{
	struct arena	a = {0};
	int64_t		ms = res->retry_after_ms;

	if (ms < 0 && res->status == 429)
		ms = reply_wait_ms(res->body, &a);
	arena_free(&a);
	return ms;
}

/* ---- the token */

static void
token_ask(struct management *m)
{
	const bool		 basic = m->basic != NULL;
	const struct http_header partner[] = {
		{"client_id", m->client_id},
		{"client_secret", m->client_secret},
		{"Ocp-Apim-Subscription-Key", m->subscription_key},
		SYSTEM_HEADERS,
		{"Accept", "application/json, */*;q=0.1"},
	}, management[] = {
		{"Authorization", m->basic},
		{"Content-Type", "application/x-www-form-urlencoded"},
		SYSTEM_HEADERS,
		{"Accept", "application/json, */*;q=0.1"},
	};
	struct http_request	 req = {.method = "POST", .headers = basic ? management : partner,
	    .header_count = basic ? COUNT(management) : COUNT(partner), .body = m->token_body,
	    .max_body = MANAGEMENT_MAX_BODY, .stop = m->stop};
	struct err		 e;

	req.url = arena_printf(&m->token_arena, "%s%s", m->conf->url,
	    basic ? "/miami/v1/token" : "/accesstoken/get");
	if (http_start(m->http, &m->conf->net, &req, &m->token_arena, NULL, &e) == -1) {
		err_in(&e, "token");
		e.kind = ERR_RETRY;
		api_fail(m, &e, -1);
		arena_free(&m->token_arena);
		return;
	}
	m->token_asked = true;
	m->token_tries++;
	pace_started(&m->pace, clock_mono_ms());
}

/* None now: asked for again after a while, or all questions fail. */
static void
token_failed(struct management *m, const struct err *why, bool again, int64_t wish_ms)
{
	pace_failed(&m->pace, clock_mono_ms());
	if (!again || m->token_tries >= MANAGEMENT_TRIES || wish_ms > MANAGEMENT_MAX_WAIT_MS) {
		m->token_tries = 0;
		api_fail(m, why, wish_ms);
		return;
	}
	m->why = *why;
	pace_pause(&m->pace, retry_ms(m->token_tries, wish_ms));
}

static bool
status_passes(int status)
{
	return status == 423 || status == 429 || status >= 500;
}

static void
token_take(struct management *m, struct http_done *d)
{
	const char	*token;
	int64_t		 life_ms, now_ms = clock_mono_ms();
	struct err	 e;

	m->token_asked = false;
	if (d->failed) {
		err_in(&d->why, "token");
		d->why.kind = ERR_RETRY;	/* also for what makes no sense: nothing can be asked now */
		token_failed(m, &d->why, d->why.what == ERR_ANY && d->res.took_ms < MANAGEMENT_SLOW_MS, -1);
	} else if (d->res.status != 200) {
		status_error(m, "token", &d->res, true, &e);
		token_failed(m, &e, status_passes(d->res.status), wish_of(&d->res));
	} else if (reply_token(d->res.body, m->wall_ms + now_ms, &m->token_arena, &token, &life_ms, &e) == -1) {
		err_in(&e, "%s: token", m->host);
		e.kind = ERR_RETRY;
		token_failed(m, &e, false, -1);
	} else {
		token_drop(m);
		text_wipe(&m->bearer);
		if ((m->token = strdup(token)) == NULL || asprintf(&m->bearer, "Bearer %s", token) == -1)
			arena_no_memory();
		m->token_number++;
		m->token_doubted = m->token_refused;
		m->token_refused = false;
		m->token_tries = 0;
		life_ms -= life_ms / 10 < TOKEN_MARGIN_MS ? life_ms / 10 : TOKEN_MARGIN_MS;
		m->token_until_ms = now_ms + life_ms;
	}
	arena_free(&m->token_arena);
}

/* ---- questions */

static const char *
question_path(const struct question *q)
{
	struct arena	*a = q->arena;

	switch (q->kind) {
	case ASK_SALES_UNIT:
		return arena_printf(a, "/management/v1/sales-units/%s", http_segment(q->msn, a));
	case ASK_MERCHANT:
	case ASK_MERCHANT_UNITS:
		return arena_printf(a, "/management/v1/merchants/%s/%s%s", http_segment(q->org_scheme, a),
		    http_segment(q->org_number, a), q->kind == ASK_MERCHANT ? "" : "/sales-units");
	case ASK_ALL_UNITS:
		return "/management/v1/sales-units";
	case ASK_ORDERS:
		return q->expired ? "/management/v2/product-orders?includeExpired=true" :
		    "/management/v2/product-orders";
	case ASK_ORDER:
		return arena_printf(a, "/management/v2/product-orders/%s/details",
		    http_segment(q->order_id, a));
	}
	return "/";
}

static const char *
question_name(const struct question *q)
{
	switch (q->kind) {
	case ASK_SALES_UNIT:
		return "sales unit";
	case ASK_MERCHANT:
		return "merchant";
	case ASK_MERCHANT_UNITS:
		return "sales units of a merchant";
	case ASK_ALL_UNITS:
		return "sales units";
	case ASK_ORDERS:
		return "product orders";
	case ASK_ORDER:
		return "product order";
	}
	return "?";
}

static bool
question_is_list(const struct question *q)
{
	return q->kind == ASK_MERCHANT_UNITS || q->kind == ASK_ALL_UNITS || q->kind == ASK_ORDERS;
}

/* It came to nothing: asked again if that may help, else failed. */
static void
question_unanswered(struct management *m, struct question *q, const struct err *why, bool again,
    int64_t wish_ms)
{
	const int64_t now_ms = clock_mono_ms();

	/* a 403 is of a working API, which does not let us see this unit */
	(why->what == ERR_KEYS ? pace_refused : pace_failed)(&m->pace, now_ms);
	if (again && q->tries < MANAGEMENT_TRIES && wish_ms <= MANAGEMENT_MAX_WAIT_MS &&
	    pace_gate(&m->pace, now_ms) == PACE_CLOSED) {
		q->not_before_ms = retry_ms(q->tries, wish_ms);
		queue_put(&m->queued, q);
		return;
	}
	m->why = *why;
	m->wish_ms = wish_ms;
	question_fail(m, q, why, pace_gate(&m->pace, now_ms) != PACE_CLOSED, wish_ms);
	if (pace_gate(&m->pace, now_ms) != PACE_CLOSED)
		queue_fail(m, why);
}

static void
question_start(struct management *m, struct question *q)
{
	const struct http_header headers[] = {
		{"Authorization", m->bearer},
		SYSTEM_HEADERS,
		{"Accept", "application/json, application/problem+json, */*;q=0.1"},
		{"Ocp-Apim-Subscription-Key", m->subscription_key},
	};
	struct http_request	 req = {.method = "GET", .headers = headers,
	    .header_count = COUNT(headers) - (m->subscription_key == NULL),
	    .max_body = question_is_list(q) ? REPLY_MAX_LIST : MANAGEMENT_MAX_BODY, .stop = m->stop};
	struct err		 e;

	if (q->path == NULL)
		q->path = question_path(q);
	req.url = arena_printf(q->arena, "%s%s", m->conf->url, q->path);
	q->token = m->token_number;
	q->tries++;
	if (http_start(m->http, &m->conf->net, &req, q->arena, q, &e) == 0) {
		pace_started(&m->pace, clock_mono_ms());
		return;
	}
	err_in(&e, "%s", question_name(q));
	question_unanswered(m, q, &e, false, -1);
}

/* 401: a new token for all that met one, one more try for each; and no third token if the second is as bad. */
static void
question_refused(struct management *m, struct question *q, const struct err *why)
{
	const bool now = q->token == m->token_number;

	if (q->refused || (now && m->token_doubted)) {
		api_fail(m, why, -1);
		question_fail(m, q, why, true, -1);
		return;
	}
	q->refused = true;
	q->tries--;		/* it has a try of its own */
	if (now) {		/* perhaps revoked */
		token_drop(m);
		m->token_refused = true;
	}
	queue_put(&m->queued, q);
}

static int
answer_read(struct question *q, struct span body, struct err *e)
{
	switch (q->kind) {
	case ASK_SALES_UNIT:
		return reply_sales_unit(body, q->msn, q->arena, &q->unit, e);
	case ASK_MERCHANT:
		return reply_merchant(body, q->org_number, q->arena, &q->merchant, e);
	case ASK_MERCHANT_UNITS:
	case ASK_ALL_UNITS:
		return reply_units(body, q->arena, &q->units, e);
	case ASK_ORDERS:
		return reply_orders(body, q->arena, &q->orders, e);
	case ASK_ORDER:
		return reply_order(body, q->order_id, q->arena, &q->orders, e);
	}
	return err_set(e, ERR_FATAL, "unknown question");
}

static void
question_answered(struct management *m, struct question *q, struct http_response *res)
{
	struct err	 e;

	if (res->status == 200 && strcmp(res->type, "application/json") != 0)
		err_set(&e, ERR_REJECT, "%s: %s: %.80s instead of JSON", m->host, question_name(q),
		    *res->type != '\0' ? res->type : "an answer without a type");
	else if (res->status == 200 && answer_read(q, res->body, &e) == -1)
		err_in(&e, "%s: %s", m->host, question_name(q));
	else {
		q->found = res->status == 200;
		q->retry_after_ms = -1;
		m->token_doubted &= q->token != m->token_number;
		pace_answered(&m->pace);
		queue_put(&m->done, q);
		return;
	}
	question_unanswered(m, q, &e, false, -1);
}

/* A 404 counts against a claim, so it must be the API's own; and a list is always there. */
static bool
is_absent(const struct question *q, const struct http_response *res)
{
	return res->status == 404 && q->kind != ASK_ALL_UNITS && q->kind != ASK_ORDERS &&
	    !reply_is_gateways(res->body);
}

static void
question_take(struct management *m, struct question *q, struct http_done *d)
{
	struct err	e;
	int64_t		wish_ms;

	if (d->failed) {
		err_in(&d->why, "%s", question_name(q));
		if (d->why.what == ERR_CERT) {
			api_fail(m, &d->why, -1);
			question_fail(m, q, &d->why, true, -1);
		} else {
			question_unanswered(m, q, &d->why, d->why.kind == ERR_RETRY && d->why.what == ERR_ANY &&
			    d->res.took_ms < MANAGEMENT_SLOW_MS, -1);
		}
		return;
	}
	if (d->res.status == 200 || is_absent(q, &d->res)) {
		question_answered(m, q, &d->res);
		return;
	}
	status_error(m, question_name(q), &d->res, false, &e);
	wish_ms = wish_of(&d->res);
	if (d->res.status == 401) {
		question_refused(m, q, &e);
	} else if (status_passes(d->res.status) && wish_ms > MANAGEMENT_MAX_WAIT_MS) {
		api_fail(m, &e, wish_ms);
		question_fail(m, q, &e, true, wish_ms);
	} else {
		if (d->res.status == 429)	/* that is meant for all of us */
			pace_pause(&m->pace, retry_ms(q->tries < MANAGEMENT_TRIES ? q->tries : 1, wish_ms));
		question_unanswered(m, q, &e, status_passes(d->res.status), wish_ms);
	}
}

/* ---- the turn */

static bool
is_stopped(const struct management *m)
{
	return m->stop != NULL && *m->stop != 0;
}

/* Starts what may start now. How long until more may: at most MANAGEMENT_TURN_MS. */
static int64_t
turn_start(struct management *m)
{
	struct question	*q;
	struct err	 e;
	int64_t		 now_ms = clock_mono_ms(), wait_ms = 0;
	enum pace_gate	 gate;

	while (m->queued.first != NULL && http_running(m->http) < m->conf->max_concurrent) {
		if (is_stopped(m)) {
			err_what(&e, ERR_RETRY, ERR_STOPPED, "stopped by a signal");
			queue_fail(m, &e);
			break;
		}
		if ((gate = pace_gate(&m->pace, now_ms)) == PACE_OPEN) {
			queue_fail(m, &m->why);
			break;
		}
		if ((gate == PACE_HALF_OPEN && http_running(m->http) > 0) || m->token_asked)
			break;
		if ((wait_ms = pace_wait_ms(&m->pace, now_ms)) > 0)
			break;
		if (m->token == NULL || now_ms >= m->token_until_ms)
			token_ask(m);
		else if ((q = queue_take(&m->queued, now_ms, &wait_ms)) != NULL)
			question_start(m, q);
		else
			break;
	}
	return wait_ms > 0 && wait_ms < MANAGEMENT_TURN_MS ? wait_ms : MANAGEMENT_TURN_MS;
}

static struct question *
done_take(struct management *m)
{
	struct question *q = m->done.first;

	if (q != NULL && (m->done.first = q->next) == NULL)
		queue_init(&m->done);
	return q;
}

/* One turn: false if nothing came within wait_ms. */
static bool
turn(struct management *m, int64_t wait_ms)
{
	struct http_done d;

	if (!http_wait(m->http, wait_ms, m->wall_ms + clock_mono_ms(), &d))
		return false;
	if (d.tag == NULL)
		token_take(m, &d);
	else
		question_take(m, d.tag, &d);
	return true;
}

bool
management_is_asked(const struct management *m)
{
	return m->queued.first != NULL || m->done.first != NULL || http_running(m->http) > 0;
}

void
management_ask(struct management *m, struct question *q)
{
	q->failed = q->found = q->away = q->refused = false;
	q->retry_after_ms = -1;
	q->tries = 0;
	q->not_before_ms = 0;
	q->path = NULL;
	queue_put(&m->queued, q);
	turn_start(m);
}

struct question *
management_next(struct management *m, int64_t wait_ms)
{
	const int64_t until_ms = clock_mono_ms() + wait_ms;

	for (;;) {
		int64_t turn_ms = turn_start(m), left_ms = until_ms - clock_mono_ms();

		if (m->done.first != NULL)
			return done_take(m);
		if (!management_is_asked(m))
			return NULL;
		if (!turn(m, left_ms < 0 ? 0 : left_ms < turn_ms ? left_ms : turn_ms) && left_ms <= 0)
			return NULL;
	}
}

struct question *
management_wait(struct management *m)
{
	struct question *q;

	do
		q = management_next(m, CLOCK_MINUTE);
	while (q == NULL && management_is_asked(m));
	return q;
}

int
management_answer(struct management *m, struct question *q, struct err *e)
{
	management_ask(m, q);
	management_wait(m);
	if (!q->failed)
		return 0;
	*e = q->why;
	return -1;
}
