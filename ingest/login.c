#include "ingest/login.h"

#include <string.h>

#include "base/digest.h"
#include "ingest/account.h"
#include "ingest/secret.h"

bool
login_paused(const struct refusal *r, const char *stamp, int64_t now_ms)
{
	return r->times >= LOGIN_TRIES && strcmp(r->stamp, stamp) == 0 && now_ms >= r->last_ms &&
	    now_ms - r->last_ms < LOGIN_PAUSE_MS;
}

static void
add_text(struct digest *d, const char *text)
{
	digest_add(d, span_of(text != NULL ? text : ""));
}

/* Of all that a person can change to make a login work. */
static const char *
login_stamp(const struct mailbox_conf *c, struct arena *a)
{
	const struct oauth_conf *o = c->oauth;
	struct digest *d = digest_open(0);
	uint8_t hash[DIGEST_BYTES];

	add_text(d, c->url);
	add_text(d, c->user);
	add_text(d, secret_stamp(c->password, a));
	if (o != NULL) {
		add_text(d, o->token_url);
		add_text(d, o->client_id);
		add_text(d, o->scope);
		for (const char **p = o->command; p != NULL && *p != NULL; p++)
			add_text(d, *p);
		add_text(d, secret_stamp(o->client_secret, a));
		add_text(d, secret_stamp(o->refresh_token, a));
	}
	digest_close(d, hash);
	return digest_hex(a, hash, sizeof(hash) / 2);
}

static int
by_password(const struct login *l, struct transport_login *t, struct arena *a, struct err *e)
{
	int rc = conf_secret_read(l->conf->password, a, &t->password, e);

	if (rc == 0 && !account_plain(t->password))
		rc = err_what(e, ERR_REJECT, ERR_CONFIG, "password_file '%s' has control characters",
		    l->conf->password.name);
	if (rc == 0)
		rc = l->open(l->arg, t, e);
	if (t->password != NULL)
		explicit_bzero((char *)t->password, strlen(t->password));
	return rc;
}

/* A kept token may have been revoked: refused, it is worth a new one, once. */
static int
by_token(const struct login *l, struct transport_login *t, struct arena *a, struct err *e)
{
	struct oauth_token token;
	bool fresh = false;
	int rc;

	for (;;) {
		if (oauth_token(l->conf->oauth, fresh, l->stop, l->now_ms, a, &token, e) == -1)
			return -1;
		t->token = token.text;
		rc = l->open(l->arg, t, e);
		explicit_bzero((char *)token.text, strlen(token.text));
		if (rc == 0 || e->what != ERR_LOGIN || !token.cached)
			return rc;
		fresh = true;
	}
}

/* The error stays as it is, unless the database has a worse one. */
static int
login_refused(const struct login *l, const struct refusal *before, const char *stamp,
    struct arena *a, struct err *e)
{
	struct refusal r = {.times = 1, .last_ms = l->now_ms, .stamp = stamp, .error = e->msg};
	struct err worse;

	if (strcmp(before->stamp, stamp) == 0)
		r.times += before->times;
	/* a refresh token that we replaced ourselves meanwhile is no person's doing */
	if (l->conf->oauth != NULL)
		r.stamp = login_stamp(l->conf, a);
	if (refusal_put(l->db, l->conf->name, &r, &worse) == -1)
		*e = worse;
	return -1;
}

static int
login_connect(const struct login *l, struct arena *a, struct err *e)
{
	struct transport_login t = {.url = l->conf->url,
	    .user = l->conf->user,
	    .net = &l->conf->net,
	    .stop = l->stop};

	return l->conf->oauth != NULL ? by_token(l, &t, a, e) : by_password(l, &t, a, e);
}

int
login_now(const struct login *l, struct err *e)
{
	struct mailbox_conf conf = *l->conf;
	struct login now = *l;
	struct oauth_conf oauth;
	struct arena a = {0};
	int rc;

	now.conf = &conf;
	if (conf.oauth != NULL) {
		oauth = *conf.oauth;
		oauth.cache = NULL;
		conf.oauth = &oauth;
	}
	rc = login_connect(&now, &a, e);
	arena_free(&a);
	return rc;
}

static int
login_try(const struct login *l, const struct refusal *before, const char *stamp, struct arena *a,
    struct err *e)
{
	int rc = login_connect(l, a, e);

	if (rc == -1 && e->what == ERR_LOGIN)
		return login_refused(l, before, stamp, a, e);
	if (rc == 0 && before->times > 0)
		rc = refusal_over(l->db, l->conf->name, e);
	return rc;
}

int
login_open(const struct login *l, struct err *e)
{
	struct arena a = {0};
	struct refusal before;
	const char *stamp;
	int rc = refusal_get(l->db, l->conf->name, &a, &before, e);

	if (rc == 0) {
		stamp = login_stamp(l->conf, &a);
		if (login_paused(&before, stamp, l->now_ms))
			rc = err_what(e, ERR_RETRY, ERR_LOGIN, "%s", before.error);
		else
			rc = login_try(l, &before, stamp, &a, e);
	}
	arena_free(&a);
	return rc;
}
