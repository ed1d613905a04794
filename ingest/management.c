#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "ingest/management.h"

#define MANAGEMENT_URL		"https://api.vipps.no"
#define MANAGEMENT_MAX_BODY	262144		/* bytes; an answer about one unit is under 2 KiB */
#define MANAGEMENT_MAX_NAME	200		/* bytes of a name; the API says 50 characters */
#define MANAGEMENT_MAX_LINES	10		/* of an address */
#define TOKEN_MAX_BYTES		16384		/* real ones have 1 to 2 KiB */
#define TOKEN_MAX_LIFE_S	86400		/* of a production token; more is not believed */
#define TOKEN_MARGIN_S		INT64_C(60)	/* before its end it is no longer used */
#define SYSTEM_NAME		"approvals"

struct management {
	const struct management_conf	*conf;
	struct http			*http;
	struct arena			 arena;		/* of the secrets */
	const char			*client_id, *client_secret, *subscription_key;
	char				*token;		/* NULL: none */
	int64_t				 token_until_ms;/* on the monotonic clock */
	bool				 away;
};

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
	c->client_id = conf_secret(n, "client_id_file", CONF_REQUIRED);
	c->client_secret = conf_secret(n, "client_secret_file", CONF_REQUIRED);
	c->subscription_key = conf_secret(n, "subscription_key_file", CONF_REQUIRED);
	c->net = http_net_read(n, net);
	conf_done(n);
}

int
management_open(const struct management_conf *conf, struct management **out, struct err *e)
{
	struct management *m = calloc(1, sizeof(*m));

	if (m == NULL)
		arena_no_memory();
	m->conf = conf;
	m->http = http_open();
	if (conf_secret_read(conf->client_id, &m->arena, &m->client_id, e) == -1 ||
	    conf_secret_read(conf->client_secret, &m->arena, &m->client_secret, e) == -1 ||
	    conf_secret_read(conf->subscription_key, &m->arena, &m->subscription_key, e) == -1) {
		management_close(m);
		return err_in(e, "management_api");
	}
	*out = m;
	return 0;
}

static void
token_drop(struct management *m)
{
	if (m->token != NULL) {
		explicit_bzero(m->token, strlen(m->token));
		free(m->token);
	}
	m->token = NULL;
}

void
management_close(struct management *m)
{
	if (m == NULL)
		return;
	token_drop(m);
	http_close(m->http);
	arena_free(&m->arena);
	free(m);
}

bool
management_is_away(const struct management *m)
{
	return m->away;
}

/* ---- the token */

/* Seconds that the token lives (the vendor sends numbers as texts, too); -1: not said. */
static int64_t
token_life_s(const struct json *answer, int64_t now_ms, struct arena *a)
{
	const char	*in = json_text_or_int(json_get(answer, "expires_in"), a);
	const char	*on = json_text_or_int(json_get(answer, "expires_on"), a);
	int64_t		 life = -1;

	if (in != NULL && span_digits(span_of(in)) && strlen(in) <= 12)
		life = strtoll(in, NULL, 10);
	else if (on != NULL && span_digits(span_of(on)) && strlen(on) <= 12)
		life = strtoll(on, NULL, 10) - now_ms / 1000;
	return life < TOKEN_MAX_LIFE_S ? life : TOKEN_MAX_LIFE_S;
}

static bool
token_is_sendable(const char *token)
{
	if (token == NULL || *token == '\0' || strlen(token) > TOKEN_MAX_BYTES)
		return false;
	for (; *token != '\0'; token++)
		if (*token <= 0x20 || *token >= 0x7f)
			return false;
	return true;
}

static int
token_take(struct management *m, const struct http_response *res, int64_t now_ms, struct arena *a,
    struct err *e)
{
	struct json	*answer = NULL;
	const char	*token;
	int64_t		 life;
	int		 rc = -1;

	if (json_parse(res->body, &answer, e) == -1) {
		e->kind = ERR_RETRY;
		return err_in(e, "%s: token", http_host(m->conf->url, a));
	}
	token = json_text(json_get(answer, "access_token"));
	life = token_life_s(answer, now_ms, a);
	if (!token_is_sendable(token) || life <= 0) {
		err_set(e, ERR_RETRY, "%s: token: an answer without %s", http_host(m->conf->url, a),
		    life <= 0 ? "a lifetime" : "a token");
		goto out;
	}
	token_drop(m);
	if ((m->token = strdup(token)) == NULL)
		arena_no_memory();
	life = life > 2 * TOKEN_MARGIN_S ? life - TOKEN_MARGIN_S : life / 2;
	m->token_until_ms = clock_mono_ms() + life * 1000;
	rc = 0;
out:
	json_free(answer);
	return rc;
}

/* An answer that is not 200, as an error: by its status, never by its body. */
static int
status_error(const struct management *m, const char *what, int status, bool token, struct err *e)
{
	struct arena	 a = {0};
	const char	*host = http_host(m->conf->url, &a);

	if (status == 401 || (status == 400 && token))	/* 400: an unknown client_id */
		err_what(e, ERR_RETRY, ERR_KEYS, "%s: %s: the keys were refused (status %d)", host,
		    what, status);
	else if (status == 403)
		err_what(e, ERR_RETRY, ERR_KEYS,
		    "%s: %s: the keys give no right to it (status 403)", host, what);
	else if (status == 404)
		err_set(e, ERR_RETRY,
		    "%s: %s: a 404 that is not the API's; is management_api.url right?", host,
		    what);
	else if (status == 429)
		err_set(e, ERR_RETRY, "%s: %s: too many questions (status 429)", host, what);
	else
		err_set(e, ERR_RETRY, "%s: %s: status %d", host, what, status);
	arena_free(&a);
	return -1;
}

/* POST /accesstoken/get. */
static int
token_get(struct management *m, int64_t now_ms, int64_t *retry_after_ms, struct err *e)
{
	struct arena		 a = {0};
	const struct http_header headers[] = {
		{"client_id", m->client_id},
		{"client_secret", m->client_secret},
		{"Ocp-Apim-Subscription-Key", m->subscription_key},
		{"Vipps-System-Name", SYSTEM_NAME},
		{"Vipps-System-Version", APPROVALS_VERSION},
		{"Accept", "application/json, */*;q=0.1"},
	};
	struct http_request	 req = {.method = "POST", .headers = headers,
	    .header_count = COUNT(headers), .max_body = MANAGEMENT_MAX_BODY};
	struct http_response	 res;
	int			 rc = -1;

	req.url = arena_printf(&a, "%s/accesstoken/get", m->conf->url);
	if (http_do(m->http, &m->conf->net, &req, now_ms, &a, &res, e) == -1) {
		err_in(e, "token");
		e->kind = ERR_RETRY;	/* also for what makes no sense: nothing can be asked now */
	} else if (res.status != 200) {
		*retry_after_ms = res.retry_after_ms;
		status_error(m, "token", res.status, true, e);
	} else {
		rc = token_take(m, &res, now_ms, &a, e);
	}
	arena_free(&a);
	return rc;
}

static int
token_need(struct management *m, int64_t now_ms, int64_t *retry_after_ms, struct err *e)
{
	if (m->token != NULL && clock_mono_ms() < m->token_until_ms)
		return 0;
	token_drop(m);
	return token_get(m, now_ms, retry_after_ms, e);
}

/* ---- questions */

static int
ask_once(struct management *m, const char *path, int64_t now_ms, struct arena *a,
    struct http_response *res, struct err *e)
{
	const struct http_header headers[] = {
		{"Authorization", arena_printf(a, "Bearer %s", m->token)},
		{"Ocp-Apim-Subscription-Key", m->subscription_key},
		{"Vipps-System-Name", SYSTEM_NAME},
		{"Vipps-System-Version", APPROVALS_VERSION},
		{"Accept", "application/json, application/problem+json, */*;q=0.1"},
	};
	struct http_request	 req = {.method = "GET", .headers = headers,
	    .header_count = COUNT(headers), .max_body = MANAGEMENT_MAX_BODY};

	req.url = arena_printf(a, "%s%s", m->conf->url, path);
	return http_do(m->http, &m->conf->net, &req, now_ms, a, res, e);
}

/*
 * A 404 counts against a claim, so it must be the API's own: neither a web server's page nor the
 * gateway's word that there is no such path.
 */
static bool
is_apis_404(const struct http_response *res)
{
	struct json	*body = NULL;
	struct err	 e;
	bool		 gateway;

	if (res->body.n == 0)
		return true;
	if (json_parse(res->body, &body, &e) == -1)
		return false;
	gateway = json_get(body, "statusCode") != NULL;
	json_free(body);
	return !gateway;
}

/* *found and the parsed object, or -1. */
static int
ask(struct management *m, const char *path, const char *what, int64_t now_ms, struct arena *a,
    struct json **object, bool *found, int64_t *retry_after_ms, struct err *e)
{
	struct http_response res;

	*object = NULL;
	*retry_after_ms = -1;
	m->away = true;
	for (int tries = 1;; tries++) {
		if (token_need(m, now_ms, retry_after_ms, e) == -1)
			return -1;
		if (ask_once(m, path, now_ms, a, &res, e) == -1) {
			m->away = e->kind != ERR_REJECT;
			return err_in(e, "%s", what);
		}
		if (res.status != 401 || tries == 2)
			break;
		token_drop(m);	/* perhaps revoked: one new token, one more try, never a loop */
	}
	*retry_after_ms = res.retry_after_ms;
	*found = res.status == 200;
	m->away = res.status == 401 || res.status == 429;
	if (res.status == 404 && is_apis_404(&res))
		return 0;
	if (res.status != 200)
		return status_error(m, what, res.status, false, e);
	if (strcmp(res.type, "application/json") != 0)
		return err_set(e, ERR_REJECT, "%s: %s: %s instead of JSON",
		    http_host(m->conf->url, a), what,
		    *res.type != '\0' ? res.type : "an answer without a type");
	if (json_parse(res.body, object, e) == -1)
		return err_in(e, "%s: %s", http_host(m->conf->url, a), what);
	return 0;
}

/* ---- what is kept of an answer: by allow-list, so never a bank account */

/* A text, cut between characters. */
static const char *
text_kept(const struct json *j, struct arena *a)
{
	const char	*s = json_text(j);
	size_t		 n = MANAGEMENT_MAX_NAME;

	if (s == NULL || strlen(s) <= n)
		return arena_text(a, s);
	for (; n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80;)
		n--;
	return arena_textn(a, s, n);
}

static void
keep_text(struct json *to, const struct json *from, const char *key, struct arena *a)
{
	json_put_text(to, key, text_kept(json_get(from, key), a));
}

/* The vendor's own sample has a thirteenth month: a bad date is no reason to refuse an answer. */
static void
keep_time(struct json *to, const struct json *from, const char *key)
{
	const char	*s = json_text(json_get(from, key));
	struct err	 e;
	int64_t		 ms;

	if (s == NULL || clock_parse(span_of(s), &ms, &e) == -1)
		ms = 0;
	json_put_time(to, key, ms);
}

static void
keep_identifier(struct json *to, const struct json *from, struct arena *a)
{
	const struct json	*id = json_get(from, "businessIdentifier");
	struct json		*kept = json_object();

	keep_text(kept, id, "scheme", a);
	keep_text(kept, id, "id", a);
	json_put(to, "businessIdentifier", kept);
}

static void
keep_address(struct json *to, const struct json *from, const char *key, struct arena *a)
{
	const struct json	*address = json_get(from, key), *lines = json_get(address, "lines");
	struct json		*kept, *list;

	if (!json_is_object(address)) {
		json_put(to, key, NULL);
		return;
	}
	kept = json_object();
	list = json_array();
	for (int i = 0; i < json_count(lines) && i < MANAGEMENT_MAX_LINES; i++)
		if (json_text(json_item(lines, i)) != NULL)
			json_add_text(list, text_kept(json_item(lines, i), a));
	json_put(kept, "lines", list);
	keep_text(kept, address, "postCode", a);
	keep_text(kept, address, "city", a);
	keep_text(kept, address, "countryCode", a);
	json_put(to, key, kept);
}

/* Absent is not false: what was not said is left out here, so that nobody reads null as no. */
static struct json *
configuration_kept(const struct json *from, struct arena *a)
{
	static const char *const members[] = {"paymentAllowed", "captureType",
	    "skipLandingPageAllowed", "recurringAllowed", "partialCaptureAllowed",
	    "lateCaptureAllowed", "landingPagePhoneNumberLocked", "longLivingPaymentAllowed",
	    "creditCardPaymentAllowed"};
	struct json	*kept = json_object();
	bool		 b;

	for (size_t i = 0; i < COUNT(members); i++) {
		const struct json *value = json_get(from, members[i]);

		if (json_bool(value, &b))
			json_put_bool(kept, members[i], b);
		else if (json_text(value) != NULL)
			json_put_text(kept, members[i], text_kept(value, a));
	}
	return kept;
}

/* The guide of 2023 shows objects wrapped in one member; later ones do not. */
static const struct json *
unwrapped(const struct json *answer, const char *wrapper)
{
	const struct json *inner = json_get(answer, wrapper);

	return json_is_object(inner) ? inner : answer;
}

/* Digits only, the Finnish check digit after its hyphen: as claims have it (architecture, Identifiers). */
static const char *
number_normal(const char *scheme, const char *number, struct arena *a)
{
	struct arena_buf b = {.arena = a};

	arena_puts(&b, "");
	for (; *number != '\0'; number++)
		if (*number >= '0' && *number <= '9')
			arena_put(&b, number, 1);
	if (strncmp(scheme, "business:FI:", 12) == 0 && b.n == 8)
		return arena_printf(a, "%.7s-%c", b.p, b.p[7]);
	return b.p;
}

/* As numbers: one sent as a JSON number has lost its leading zeros. */
static bool
same_msn(const char *a, const char *b)
{
	return strcmp(a + strspn(a, "0"), b + strspn(b, "0")) == 0;
}

static int
sales_unit_take(const struct json *j, const char *asked, struct arena *a, struct sales_unit *out,
    struct err *e)
{
	const struct json	*id = json_get(j, "businessIdentifier");
	const char		*scheme = text_kept(json_get(id, "scheme"), a);
	const char		*number = json_text_or_int(json_get(id, "id"), a);
	struct json		*kept;

	out->msn = json_text_or_int(json_get(j, "msn"), a);
	out->name = text_kept(json_get(j, "name"), a);
	if (out->msn == NULL || !same_msn(out->msn, asked))
		return err_set(e, ERR_REJECT,
		    "an answer about another sales unit than the one asked for");
	if (scheme == NULL || number == NULL)
		return err_set(e, ERR_REJECT, "a sales unit without its organisation");
	out->msn = asked;
	out->org_scheme = scheme;
	out->org_number = number_normal(scheme, number, a);
	kept = json_object();
	json_put_text(kept, "msn", asked);
	json_put_text(kept, "name", out->name);
	keep_identifier(kept, j, a);
	json_put(kept, "configuration", configuration_kept(json_get(j, "configuration"), a));
	out->json = json_print(kept, a);
	json_free(kept);
	return 0;
}

static bool
is_country(const char *s)
{
	return s != NULL && strlen(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' &&
	    s[1] <= 'Z';
}

static int
merchant_take(const struct json *j, const char *asked, struct arena *a, struct merchant *out,
    struct err *e)
{
	const struct json	*id = json_get(j, "businessIdentifier");
	const char		*scheme = text_kept(json_get(id, "scheme"), a);
	const char		*number = json_text_or_int(json_get(id, "id"), a);
	struct json		*kept;

	out->name = text_kept(json_get(j, "name"), a);
	out->status = text_kept(json_get(j, "status"), a);
	out->country = text_kept(json_get(j, "countryCode"), a);
	if (scheme == NULL || number == NULL ||
	    strcmp(number_normal(scheme, number, a), asked) != 0)
		return err_set(e, ERR_REJECT,
		    "an answer about another merchant than the one asked for");
	if (out->name == NULL || out->status == NULL)
		return err_set(e, ERR_REJECT, "a merchant without a name or a status");
	if (!is_country(out->country))
		out->country = NULL;
	kept = json_object();
	keep_identifier(kept, j, a);
	json_put_text(kept, "name", out->name);
	json_put_text(kept, "status", out->status);
	json_put_text(kept, "countryCode", out->country);
	keep_time(kept, j, "createdAt");
	keep_time(kept, j, "updatedAt");
	keep_address(kept, j, "businessAddress", a);
	keep_address(kept, j, "businessPostAddress", a);
	out->json = json_print(kept, a);
	json_free(kept);
	return 0;
}

int
management_sales_unit(struct management *m, const char *msn, int64_t now_ms, struct arena *a,
    struct sales_unit *out, int64_t *retry_after_ms, struct err *e)
{
	const char	*path = arena_printf(a, "/management/v1/sales-units/%s",
	    http_segment(msn, a));
	struct json	*answer;
	int		 rc = 0;

	*out = (struct sales_unit){0};
	if (ask(m, path, "sales unit", now_ms, a, &answer, &out->found, retry_after_ms, e) == -1)
		return -1;
	if (out->found && sales_unit_take(unwrapped(answer, "salesUnit"), msn, a, out, e) == -1)
		rc = err_in(e, "%s: sales unit", http_host(m->conf->url, a));
	json_free(answer);
	return rc;
}

int
management_merchant(struct management *m, const char *org_scheme, const char *org_number,
    int64_t now_ms, struct arena *a, struct merchant *out, int64_t *retry_after_ms, struct err *e)
{
	const char	*path = arena_printf(a, "/management/v1/merchants/%s/%s",
	    http_segment(org_scheme, a), http_segment(org_number, a));
	struct json	*answer;
	int		 rc = 0;

	*out = (struct merchant){0};
	if (ask(m, path, "merchant", now_ms, a, &answer, &out->found, retry_after_ms, e) == -1)
		return -1;
	if (out->found && merchant_take(unwrapped(answer, "merchant"), org_number, a, out, e) == -1)
		rc = err_in(e, "%s: merchant", http_host(m->conf->url, a));
	json_free(answer);
	return rc;
}
