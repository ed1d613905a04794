#include "ingest/oauth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"
#include "ingest/command.h"
#include "ingest/secret.h"

#define ANSWER_BYTES	65536	/* of a token endpoint; real ones have under 10 KiB */
#define ASK_MS		15000	/* a whole request to it */
#define MAX_ERROR	40	/* bytes of an error's code that are shown */
#define CODE_DIGITS	9	/* of an AADSTS code; today's have 5 to 7 */

/* ---- settings */

/* What can be sent as a token (RFC 6750 2.1, and some more characters that others use). */
static bool
is_token(const char *text)
{
	size_t n = 0;

	for (; text[n] != '\0'; n++)
		if (text[n] <= ' ' || text[n] >= 0x7f)
			return false;
	return n > 0 && n <= OAUTH_MAX_TOKEN;
}

static const char **
command_read(struct conf_node *n)
{
	struct conf_node *at = conf_get(n, "token_command");
	const char **argv = conf_texts(n, "token_command");

	if (at == NULL)
		return NULL;
	if (argv[0] == NULL || argv[0][0] != '/')
		conf_wrong(conf_of(n), at,
		    "must be a list of a program's path, from / on, and its arguments");
	return argv;
}

/* How a token is got, and that it is said whole and once. */
static void
grant_check(struct conf_node *n, const struct oauth_conf *c)
{
	struct conf *conf = conf_of(n);
	const char *refresh = c->refresh_token.name;

	if (c->command != NULL) {
		if (c->token_url != NULL || c->client_id != NULL || c->scope != NULL ||
		    c->auth_url != NULL || c->client_secret.name != NULL || refresh != NULL)
			conf_wrong(conf, conf_get(n, "token_command"),
			    "stands alone: the command knows all that it needs");
		return;
	}
	if (c->token_url == NULL && conf_get(n, "token_url") == NULL)
		conf_wrong(conf, n, "token_url: is missing");
	if (c->client_id == NULL)
		conf_wrong(conf, n, "client_id: is missing");
	if (c->client_secret.name == NULL && refresh == NULL)
		conf_wrong(conf, n,
		    "needs client_secret_file, refresh_token_file (or both) or token_command");
	if (refresh != NULL && strchr(refresh, '/') == NULL)
		conf_wrong(conf, conf_get(n, "refresh_token_file"), "must be a path (with a slash):"
		    " the server may replace the token, and the new one is saved there");
	if (c->auth_url != NULL && refresh == NULL)
		conf_wrong(conf, conf_get(n, "auth_url"), "is for a refresh_token_file");
}

struct oauth_conf *
oauth_conf_read(struct conf_node *mailbox, const struct http_net *net)
{
	struct conf_node *n = conf_section(mailbox, "oauth2", CONF_OPTIONAL);
	struct oauth_conf *c;
	const char *database, *name;

	if (n == NULL)
		return NULL;
	c = arena_alloc(conf_arena(n), sizeof(*c));
	*c = (struct oauth_conf){
		.token_url = conf_url(n, "token_url", "https", CONF_OPTIONAL),
		.auth_url = conf_url(n, "auth_url", "https", CONF_OPTIONAL),
		.client_id = conf_text(n, "client_id", NULL, CONF_OPTIONAL),
		.scope = conf_text(n, "scope", NULL, CONF_OPTIONAL),
		.client_secret = conf_secret(n, "client_secret_file", CONF_OPTIONAL),
		.refresh_token = conf_secret(n, "refresh_token_file", CONF_OPTIONAL),
		.command = command_read(n),
		.net = http_net_read(n, net),
	};
	grant_check(n, c);
	database = conf_file(conf_root(conf_of(n)), "database", NULL, CONF_OPTIONAL);
	name = conf_text(mailbox, "name", NULL, CONF_OPTIONAL);
	if (database != NULL && name != NULL)
		c->cache = arena_printf(conf_arena(n), "%s.token-%s", database, name);
	conf_done(n);
	return c;
}

/* ---- answers */

/* Microsoft's codes that have one cause and one cure; of others the number is shown. */
static const struct {
	int		 code;
	const char	*meaning;
	bool		 later;		/* nothing is refused: it may work later */
} aadsts[] = {
	{50011, "the redirect URI http://localhost is not registered for the application", false},
	{50033, "a fault of Microsoft's that passes", true},
	{50034, "the user does not exist in this tenant", false},
	{50053, "the account is locked after too many failed sign-ins", false},
	{50055, "the password has expired", false},
	{50057, "the account is disabled", false},
	{50076, "the account must sign in with a second factor: run `oauth login` again", false},
	{50079, "the account must set up a second factor", false},
	{50126, "user name or password are wrong", false},
	{50173, "the refresh token was revoked (a new password, or by an admin): run `oauth login` again",
	    false},
	{50196, "too many requests in a short time", true},
	{53003, "blocked by a Conditional Access policy of the tenant", false},
	{65001, "the application has no consent for this scope: an admin must grant it", false},
	{70000, "the refresh token or code is not valid for this application", false},
	{70008, "the refresh token or code has expired: run `oauth login` again", false},
	{70011, "the scope is wrong", false},
	{90002, "there is no such tenant: check token_url", false},
	{90033, "Microsoft's directory is not available now", true},
	{500011, "the scope names a resource that this tenant does not know", false},
	{700016, "there is no such application in this tenant: check client_id and token_url", false},
	{700025, "the application is a public client: leave client_secret_file out", false},
	{700082, "the refresh token was not used for too long: run `oauth login` again", false},
	{900023, "the tenant in token_url is neither an id nor a domain", false},
	{1002012, "for client credentials the scope must end with /.default", false},
	{7000112, "the application is disabled in this tenant", false},
	{7000215, "the client secret is wrong (its Value is needed, not its Secret ID)", false},
	{7000218, "the application is no public client: client_secret_file is needed", false},
	{7000222, "the client secret has expired: make a new one", false},
};

/* The errors of RFC 6749 4.1.2.1 and 5.2, and of OpenID Connect. */
static const struct {
	const char	*error, *meaning;
	bool		 later;
} errors[] = {
	{"invalid_grant", "the refresh token or code is expired, revoked or another client's:"
	    " `approvals oauth login` gets a new one", false},
	{"invalid_client", "check client_id and client_secret_file", false},
	{"unauthorized_client", "the client may not get tokens in this way", false},
	{"invalid_scope", "check scope", false},
	{"invalid_request", "check token_url, client_id and scope", false},
	{"unsupported_grant_type", "this server does not give tokens in this way", false},
	{"access_denied", "the user or the server denied it", false},
	{"interaction_required", "the user must sign in again: run `approvals oauth login`", false},
	{"temporarily_unavailable", "the server is too busy", true},
	{"server_error", "a fault of the server", true},
	{"slow_down", "too many requests", true},
};

/* The number behind AADSTS in an error_description; 0: there is none. */
static int
aadsts_code(const char *text)
{
	const struct span mark = SPAN_LIT("AADSTS");
	struct span rest = text != NULL ? span_of(text) : (struct span){NULL, 0};
	ptrdiff_t at = span_find(rest, mark, 0);
	int64_t code = 0;
	int digits = 0;

	if (at < 0)
		return 0;
	rest = span_from(rest, (size_t)at + mark.n);
	for (; rest.n > 0 && rest.p[0] >= '0' && rest.p[0] <= '9'; rest = span_from(rest, 1)) {
		if (++digits > CODE_DIGITS)
			return 0;
		code = code * 10 + (rest.p[0] - '0');
	}
	return (int)code;
}

/* It looks like an error's code; words of a server's own are never shown. */
static bool
is_error(const char *error)
{
	return error != NULL && *error != '\0' && strlen(error) <= MAX_ERROR &&
	    error[strspn(error, "abcdefghijklmnopqrstuvwxyz_")] == '\0';
}

/* ERR_LOGIN: a person must do something; else it may pass. */
static int
error_tell(const char *host, const char *error, const char *description, int status, struct err *e)
{
	const char *meaning = NULL;
	bool later = status == 429 || status >= 500;
	int code = aadsts_code(description);
	char number[32] = "";

	for (size_t i = 0; i < COUNT(errors); i++)
		if (strcmp(errors[i].error, error) == 0) {
			meaning = errors[i].meaning;
			later |= errors[i].later;
		}
	for (size_t i = 0; i < COUNT(aadsts); i++)
		if (aadsts[i].code == code) {
			meaning = aadsts[i].meaning;
			later |= aadsts[i].later;
		}
	if (code != 0)
		snprintf(number, sizeof(number), ", AADSTS%d", code);
	return err_what(e, ERR_RETRY, later ? ERR_ANY : ERR_LOGIN, "%s: no token: %s%s%s%s", host,
	    error, number, meaning != NULL ? ": " : "", meaning != NULL ? meaning : "");
}

int
oauth_denied(const char *error, const char *description, struct err *e)
{
	return error_tell("the sign-in", is_error(error) ? error : "an unknown error", description,
	    200, e);
}

int
oauth_refused(int status, struct span text, const char *host, struct err *e)
{
	struct json *body = NULL;
	struct err why;
	const char *error;

	if (json_parse(text, &body, &why) == -1)
		body = NULL;
	error = json_text(json_get(body, "error"));
	if (is_error(error))
		error_tell(host, error, json_text(json_get(body, "error_description")), status, e);
	else if (status == 404 || status == 405)
		err_set(e, ERR_RETRY, "%s: no token: status %d; is token_url right?", host, status);
	else
		err_set(e, ERR_RETRY, "%s: no token: status %d, without an error of OAuth's", host,
		    status);
	json_free(body);
	return -1;
}

int
oauth_answer_read(struct span text, struct arena *a, struct oauth_answer *out, struct err *e)
{
	struct json *body = NULL;
	const char *life;

	*out = (struct oauth_answer){.life_s = -1};
	if (json_parse(text, &body, e) == -1) {
		e->kind = ERR_RETRY;
		return err_in(e, "no token");
	}
	out->access_token = arena_text(a, json_text(json_get(body, "access_token")));
	out->refresh_token = arena_text(a, json_text(json_get(body, "refresh_token")));
	life = json_text_or_int(json_get(body, "expires_in"), a);
	if (life != NULL && span_digits(span_of(life)) && strlen(life) <= 12)
		out->life_s = strtoll(life, NULL, 10);
	if (out->life_s > OAUTH_MAX_LIFE_S)
		out->life_s = OAUTH_MAX_LIFE_S;
	json_free(body);
	if (out->access_token == NULL || !is_token(out->access_token))
		return err_set(e, ERR_RETRY, "no token: an answer without one that can be sent");
	/* it is written into a file of one line */
	if (out->refresh_token != NULL && !is_token(out->refresh_token))
		return err_set(e, ERR_RETRY, "no token: a refresh token that makes no sense");
	return 0;
}

int
oauth_challenge(struct span line)
{
	struct arena a = {0};
	struct json *body = NULL;
	struct span text = span_trim(line);
	struct err why;
	const char *status;
	int said = -1;

	if (text.n < 2 || text.p[0] != '+' || text.p[1] != ' ')
		return -1;
	text = digest_unbase64(&a, span_trim(span_from(text, 2)));
	if (text.p != NULL && json_parse(text, &body, &why) == 0 && json_is_object(body)) {
		status = json_text_or_int(json_get(body, "status"), &a);
		said = status != NULL && strlen(status) == 3 && span_digits(span_of(status)) ?
		    (int)strtol(status, NULL, 10) : 0;
	}
	json_free(body);
	arena_free(&a);
	return said;
}

/* ---- requests */

void
oauth_form_add(struct arena_buf *b, const char *key, const char *value)
{
	if (b->n > 0 && b->p[b->n - 1] != '?' && b->p[b->n - 1] != '&')
		arena_puts(b, "&");
	arena_putf(b, "%s=%s", key, http_segment(value, b->arena));
}

static int
client_add(const struct oauth_conf *c, struct arena_buf *form, struct arena *a, struct err *e)
{
	const char *secret;

	oauth_form_add(form, "client_id", c->client_id);
	if (c->scope != NULL)
		oauth_form_add(form, "scope", c->scope);
	if (c->client_secret.name == NULL)
		return 0;
	if (conf_secret_read(c->client_secret, a, &secret, e) == -1)
		return err_in(e, "client_secret_file");
	oauth_form_add(form, "client_secret", secret);
	return 0;
}

int
oauth_ask(const struct oauth_conf *c, struct arena_buf *form, volatile const int *stop,
    int64_t now_ms, struct arena *a, struct oauth_answer *out, struct err *e)
{
	static const struct http_header headers[] = {
	    {"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}};
	struct http_request req = {.method = "POST",
	    .url = c->token_url,
	    .headers = headers,
	    .header_count = COUNT(headers),
	    .total_ms = ASK_MS,
	    .max_body = ANSWER_BYTES,
	    .stop = stop};
	const char *host = http_host(c->token_url, a);
	struct http_response res;
	struct http *http;
	int rc;

	if (client_add(c, form, a, e) == -1)
		return -1;
	req.body = (struct span){form->p, form->n};
	http = http_open();
	rc = http_do(http, &c->net, &req, now_ms, a, &res, e);
	http_close(http);
	explicit_bzero(form->p, form->n);
	if (rc == -1) {
		if (e->kind == ERR_REJECT)
			e->kind = ERR_RETRY;
		return err_in(e, "oauth2");
	}
	if (res.status != 200)
		return oauth_refused(res.status, res.body, host, e);
	rc = oauth_answer_read(res.body, a, out, e);
	explicit_bzero((char *)res.body.p, res.body.n);
	return rc == 0 ? 0 : err_in(e, "%s", host);
}

static int
by_client(const struct oauth_conf *c, volatile const int *stop, int64_t now_ms, struct arena *a,
    struct oauth_answer *out, struct err *e)
{
	struct arena_buf form = {.arena = a};

	oauth_form_add(&form, "grant_type", "client_credentials");
	return oauth_ask(c, &form, stop, now_ms, a, out, e);
}

/* Read under the lock: another mailbox of this account may just have had it replaced. */
static int
by_refresh_locked(const struct oauth_conf *c, struct secret *file, int64_t now_ms, struct arena *a,
    struct oauth_answer *out, struct err *e)
{
	struct arena_buf form = {.arena = a};
	const char *old;

	if (conf_secret_read(c->refresh_token, a, &old, e) == -1)
		return err_in(e, "refresh_token_file (`approvals oauth login` makes it)");
	oauth_form_add(&form, "grant_type", "refresh_token");
	oauth_form_add(&form, "refresh_token", old);
	/* not to be stopped: the answer may be all that there is instead of the old one */
	if (oauth_ask(c, &form, NULL, now_ms, a, out, e) == -1)
		return -1;
	if (out->refresh_token == NULL || strcmp(out->refresh_token, old) == 0)
		return 0;
	if (secret_put(file, out->refresh_token, e) == -1)
		return err_in(e, "refresh_token_file");
	return 0;
}

static int
by_refresh(const struct oauth_conf *c, volatile const int *stop, int64_t now_ms, struct arena *a,
    struct oauth_answer *out, struct err *e)
{
	struct secret *file;
	int rc;

	/* before it is asked: what cannot be saved must not be given up */
	if (secret_open(c->refresh_token.name, stop, &file, e) == -1)
		return err_in(e, "refresh_token_file");
	rc = by_refresh_locked(c, file, now_ms, a, out, e);
	secret_close(file);
	return rc;
}

/* It prints a token, or JSON as token endpoints answer it. */
static int
by_command(const struct oauth_conf *c, volatile const int *stop, struct arena *a,
    struct oauth_answer *out, struct err *e)
{
	struct span text;

	*out = (struct oauth_answer){.life_s = -1};
	if (command_run((const char *const *)c->command, stop, a, &text, e) == -1)
		return err_in(e, "token_command");
	text = span_trim(text);
	if (text.n > 0 && text.p[0] == '{')
		return oauth_answer_read(text, a, out, e) == 0 ? 0 : err_in(e, "token_command");
	out->access_token = arena_textn(a, text.p, text.n);
	if (strlen(out->access_token) != text.n || !is_token(out->access_token))
		return err_set(e, ERR_RETRY, "token_command: '%s' prints neither a token nor JSON",
		    c->command[0]);
	return 0;
}

/* ---- the kept token */

static void
digest_text(struct digest *d, const char *text)
{
	digest_add(d, span_of(text != NULL ? text : ""));
}

/*
 * For whom a kept token is: a change of these, or of the client's secret, makes it another's. Not the time of the
 * refresh token's file: who shares it replaces it too, and two mailboxes would ask for a token in each pass. A token
 * that is another person's after all is refused, and then a new one is asked for.
 */
static const char *
cache_owner(const struct oauth_conf *c, struct arena *a)
{
	struct digest *d = digest_open(0);
	uint8_t hash[DIGEST_BYTES];

	digest_text(d, c->token_url);
	digest_text(d, c->client_id);
	digest_text(d, c->scope);
	for (const char **p = c->command; p != NULL && *p != NULL; p++)
		digest_text(d, *p);
	digest_text(d, secret_stamp(c->client_secret, a));
	digest_text(d, c->refresh_token.name);
	digest_close(d, hash);
	return digest_hex(a, hash, sizeof(hash) / 2);
}

/* 1: there is one that is good still. */
static int
cache_parse(const struct oauth_conf *c, const char *text, int64_t now_ms, struct arena *a,
    const char **token, struct err *e)
{
	struct json *j = NULL;
	const char *owner, *kept;
	int64_t from = 0, until = 0;
	int rc = -1;

	if (json_parse(span_of(text), &j, e) == -1)
		return -1;
	owner = json_text(json_get(j, "for"));
	kept = json_text(json_get(j, "access_token"));
	if (owner == NULL || kept == NULL || !is_token(kept) ||
	    !json_int(json_get(j, "from_ms"), &from) || !json_int(json_get(j, "until_ms"), &until))
		err_set(e, ERR_REJECT, "is damaged");
	else
		rc = strcmp(owner, cache_owner(c, a)) == 0 && now_ms >= from && now_ms < until;
	*token = rc == 1 ? arena_text(a, kept) : NULL;
	json_free(j);
	return rc;
}

/* A file that is damaged, or that others can read, is told once: it is then taken away. */
static bool
cache_get(const struct oauth_conf *c, int64_t now_ms, struct arena *a, const char **token)
{
	const char *text;
	struct err why;
	int rc;

	if (c->cache == NULL || access(c->cache, F_OK) == -1)
		return false;
	rc = conf_secret_read((struct conf_secret){c->cache}, a, &text, &why);
	if (rc == 0)
		rc = cache_parse(c, text, now_ms, a, token, &why);
	if (rc == -1) {
		log_warn("token.dropped", "file", c->cache, "error", why.msg, NULL);
		unlink(c->cache);
	}
	return rc == 1;
}

static void
cache_put(const struct oauth_conf *c, const struct oauth_answer *answer, int64_t now_ms,
    struct arena *a)
{
	int64_t life = answer->life_s;
	struct json *j;
	struct err why;

	if (c->cache == NULL)
		return;
	if (life <= 0) {	/* who says nothing of its life keeps it himself */
		unlink(c->cache);
		return;
	}
	life = life > 2 * OAUTH_MARGIN_S ? life - OAUTH_MARGIN_S : life / 2;
	j = json_object();
	json_put_text(j, "for", cache_owner(c, a));
	json_put_int(j, "from_ms", now_ms);
	json_put_int(j, "until_ms", now_ms + life * 1000);
	json_put_text(j, "access_token", answer->access_token);
	if (secret_save(c->cache, json_print(j, a), &why) == -1)
		log_warn("token.not-kept", "file", c->cache, "error", why.msg, NULL);
	json_free(j);
}

int
oauth_token(const struct oauth_conf *c, bool fresh, volatile const int *stop, int64_t now_ms,
    struct arena *a, struct oauth_token *out, struct err *e)
{
	struct oauth_answer answer = {.life_s = -1};
	int rc;

	*out = (struct oauth_token){0};
	if (!fresh && cache_get(c, now_ms, a, &out->text)) {
		out->cached = true;
		return 0;
	}
	if (c->command != NULL)
		rc = by_command(c, stop, a, &answer, e);
	else if (c->refresh_token.name != NULL)
		rc = by_refresh(c, stop, now_ms, a, &answer, e);
	else
		rc = by_client(c, stop, now_ms, a, &answer, e);
	if (rc == -1)
		return -1;
	cache_put(c, &answer, now_ms, a);
	out->text = answer.access_token;
	return 0;
}
