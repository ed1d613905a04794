/* check --online: one thing after the other is tried, and told as it goes, with what may help. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/cmd.h"
#include "ingest/probe.h"
#include "ingest/resolver.h"
#include "store/refusal.h"
#include "store/signature.h"

#define UNKNOWN_MSN	"0000"	/* of no sales unit: a question that costs the API nothing */

enum what { TRY_TOKEN, TRY_IMAP, TRY_FOLDER, TRY_AFTER, TRY_API, TRY_SMTP, TRY_WEBHOOK, TRY_DKIM };

static const char *const what_names[] = { [TRY_TOKEN] = "token", [TRY_IMAP] = "imap", [TRY_FOLDER] = "folder",
	[TRY_AFTER] = "after", [TRY_API] = "management_api", [TRY_SMTP] = "smtp", [TRY_WEBHOOK] = "webhook",
	[TRY_DKIM] = "dkim" };

struct online {
	struct app		*app;
	enum status		 worst;
	bool			 json;
	int			 told;
	const char		*mailbox;	/* in hand */
};

/* What one try came to. */
struct outcome {
	enum what		 what;
	const char		*name;		/* whose: a mailbox, an endpoint, a domain; NULL: there is one only */
	const char		*folder;	/* of the mailbox, or NULL */
	const char		*text;		/* what was found */
	struct json		*data;		/* the same for programs; ours to copy */
	const struct err	*err;		/* NULL: ok */
};

/* ---- telling */

/* What a person can do about a failure that is none of the network's. */
static const char *
advice_by_cause(const struct outcome *o)
{
	switch (o->err->what) {
	case ERR_CERT:
		return "if it is the right server, trust who issued its certificate with ca_file; else mend the url, or the server";
	case ERR_KEYS:
		return "compare the three keys with those of portal.vippsmobilepay.com: partner keys, for production";
	case ERR_LOGIN:
		if (o->what == TRY_SMTP)
			return "check smtp: user and password_file";
		if (o->what == TRY_TOKEN)
			return "check oauth2: client_id, scope and client_secret_file; a refresh token is had anew by "
			    "`approvals oauth login`";
		return "check that the account may use IMAP; many providers want an app password or oauth2";
	case ERR_CONFIG:
		return o->what == TRY_AFTER ? "choose another `after`" : "mend what the message names";
	case ERR_ANY:
	case ERR_DATABASE:
	case ERR_LOCKED:
	case ERR_STOPPED:
	case ERR_NOMEM:
		break;
	}
	return NULL;
}

static const char *
advice(const struct outcome *o)
{
	const char *text = advice_by_cause(o);

	if (text)
		return text;
	switch (o->what) {
	case TRY_FOLDER:
		return "compare `folders` with the server's own names, and see that the account may read it";
	case TRY_DKIM:
		return "see that the name servers (network.dns, or the system's) answer over UDP and TCP, port 53";
	case TRY_API:
		return "check management_api: url, and proxy, dns and the firewall on the way";
	case TRY_TOKEN:
	case TRY_IMAP:
	case TRY_AFTER:
	case TRY_SMTP:
	case TRY_WEBHOOK:
		break;
	}
	return "check the url and its port, and proxy, dns and the firewall on the way";
}

static void
tell_json(struct online *on, const struct outcome *o, struct arena *a)
{
	struct json *j = json_object();

	json_put_text(j, "what", what_names[o->what]);
	json_put_text(j, "name", o->name);
	json_put_text(j, "folder", o->folder);
	json_put_bool(j, "ok", !o->err);
	json_put_text(j, "text", o->text);
	json_put_text(j, "error", o->err ? o->err->msg : NULL);
	json_put_text(j, "advice", o->err ? advice(o) : NULL);
	json_put(j, "data", o->data ? json_copy(o->data) : NULL);
	printf("%s%s", on->told > 0 ? ",\n" : "[\n", output_raw(json_print(j, a), a));
	json_free(j);
}

static void
tell_text(const struct outcome *o, struct arena *a)
{
	struct arena_buf b = { .arena = a };

	arena_putf(&b, "%s", what_names[o->what]);
	if (o->name)
		arena_putf(&b, " %s", o->name);
	if (o->folder)
		arena_putf(&b, " %s", o->folder);
	if (o->err)
		arena_putf(&b, ": %s", o->err->msg);
	if (o->text && !o->err)
		arena_putf(&b, ": %s", o->text);
	else if (o->text && o->err->what == ERR_CERT)	/* of others it is as it should be */
		arena_putf(&b, "; it shows %s", o->text);
	if (o->err)
		arena_putf(&b, "; to do: %s", advice(o));
	printf("%-7s %s\n", o->err ? "failed" : "ok", output_text(b.p, 0, a));
}

static void
tell(struct online *on, const struct outcome *o)
{
	struct arena a = {0};

	if (on->json)
		tell_json(on, o, &a);
	else
		tell_text(o, &a);
	fflush(stdout);	/* whoever waits sees how far it came */
	on->told++;
	if (o->err)
		on->worst = status_worse(on->worst, status_of(o->err));
	arena_free(&a);
}

/* A try that ends with a chain shown, or an error. */
static void
tell_peer(struct online *on, enum what what, const char *name, const char *good, const struct http_peer *peer,
    const struct err *e)
{
	const char	*shown = probe_peer_text(peer, peer->arena);
	struct outcome	 o = { .what = what, .name = name, .text = shown, .data = json_object(), .err = e };

	if (!e && shown)
		o.text = arena_printf(peer->arena, "%s; %s", good, shown);
	else if (!e)
		o.text = good;
	json_put(o.data, "certificates", probe_peer_json(peer));
	tell(on, &o);
	json_free(o.data);
}

/* ---- mailboxes */

static void
on_probe(void *arg, const struct probe_result *r)
{
	static const enum what whats[] = { [PROBE_TOKEN] = TRY_TOKEN, [PROBE_LOGIN] = TRY_IMAP,
		[PROBE_FOLDER] = TRY_FOLDER, [PROBE_AFTER] = TRY_AFTER };
	struct online *on = arg;
	const struct outcome o = { .what = whats[r->step], .name = on->mailbox, .folder = r->name, .text = r->text,
		.data = r->data, .err = r->err };

	tell(on, &o);
}

/* The next pass need not wait: its login works again. */
static int
pause_end(const char *database, const char *mailbox, struct err *e)
{
	struct arena	 a = {0};
	struct refusal	 r = {0};
	struct db	*db = NULL;
	int		 rc = 0;

	if (db_open(database, DB_READ, &db, e) == -1)	/* none yet, or one for a pass to mend */
		return 0;
	rc = refusal_get(db, mailbox, &a, &r, e);
	db_close(db);
	if (rc == 0 && r.times > 0 && (rc = db_open(database, DB_WRITE, &db, e)) == 0) {
		rc = refusal_over(db, mailbox, e);
		db_close(db);
	}
	arena_free(&a);
	return rc;
}

static void
try_mailbox(struct online *on, const struct mailbox_conf *m)
{
	const struct probe p = { .conf = m, .domains = on->app->set.sender.domains, .now_ms = clock_now_ms(),
		.told = on_probe, .arg = on };
	struct err e;

	on->mailbox = m->name;
	if (probe_mailbox(&p) && pause_end(on->app->set.database, m->name, &e) == -1)
		on->worst = status_worse(on->worst, failed("database.failed", &e));
}

/* ---- other servers */

static void
try_api(struct online *on, struct arena *a)
{
	const struct management_conf *c = &on->app->set.api;
	struct http_peer	 peer = { .arena = a };
	struct management	*m = NULL;
	struct question		 q = { .kind = ASK_SALES_UNIT, .msn = UNKNOWN_MSN, .arena = a };
	struct err		 e;
	int			 rc = http_reach(&c->net, c->url, &peer, &e);

	if (rc == 0)
		rc = management_open(c, NULL, clock_now_ms(), &m, &e);
	if (rc == 0)
		rc = management_answer(m, &q, &e);
	tell_peer(on, TRY_API, NULL, "a token came, and a question was answered", &peer, rc == 0 ? NULL : &e);
	management_close(m);
}

static void
try_smtp(struct online *on, struct arena *a)
{
	const struct smtp_conf	*c = &on->app->set.smtp;
	struct http_peer	 peer = { .arena = a };
	struct err		 e;
	int			 rc = email_reach(c, &peer, &e);

	tell_peer(on, TRY_SMTP, NULL, c->user ? "logged in, no mail sent" : "connected, no mail sent", &peer,
	    rc == 0 ? NULL : &e);
}

static void
try_webhook(struct online *on, const struct endpoint *ep, struct arena *a)
{
	struct http_peer	 peer = { .arena = a };
	const char		*url;
	struct err		 e;
	int			 rc = route_url(ep, a, &url, &e);

	if (rc == 0)
		rc = http_reach(&ep->net, url, &peer, &e);
	tell_peer(on, TRY_WEBHOOK, ep->name, "connected, nothing sent", &peer, rc == 0 ? NULL : &e);
}

/* ---- the DNS */

static bool
is_sender(const struct sender_conf *s, const char *domain)
{
	for (int i = 0; s->domains[i]; i++)
		if (strcmp(s->domains[i], domain) == 0)
			return true;
	return false;
}

/* Where the last signature that held has its key; before there was one, where the sender's keys are. */
static const char *
key_name(struct app *app, struct arena *a)
{
	const char	*domain = NULL, *selector = NULL;
	struct db	*db = NULL;
	struct err	 e;
	bool		 found = false;

	if (db_open(app->set.database, DB_READ, &db, &e) == 0) {
		if (signature_last(db, a, &domain, &selector, &found, &e) == -1)
			found = false;
		db_close(db);
	}
	if (found && is_sender(&app->set.sender, domain))
		return arena_printf(a, "%s._domainkey.%s", selector, domain);
	return arena_printf(a, "_domainkey.%s", app->set.sender.domains[0]);
}

static void
try_dkim(struct online *on, struct arena *a)
{
	static const char *const texts[] = { [KEY_FOUND] = "a key", [KEY_NONE] = "the DNS answers; no key is there",
		[KEY_SEVERAL] = "the DNS answers; what is there is no key" };
	const struct app	*app = on->app;
	struct outcome		 o = { .what = TRY_DKIM };
	struct span		 record;
	struct err		 e;
	enum key_status		 status;

	o.name = key_name(on->app, a);
	status = resolver_key((const char *const *)app->set.net.dns, o.name, a, &record);
	if (status == KEY_FAILED) {
		err_set(&e, ERR_RETRY, "the DNS gave no answer");
		o.err = &e;
	} else {
		o.text = texts[status];
	}
	tell(on, &o);
}

enum status
check_online(struct app *app, bool json)
{
	const struct settings *s = &app->set;
	struct online	on = { .app = app, .worst = STATUS_DONE, .json = json };
	struct arena	a = {0};
	struct err	e;

	for (int i = 0; i < s->mailbox_count; i++)
		try_mailbox(&on, &s->mailboxes[i]);
	if (!s->api.none)
		try_api(&on, &a);
	if (s->smtp.set)
		try_smtp(&on, &a);
	for (int i = 0; i < s->routes.endpoint_count; i++)
		if (s->routes.endpoints[i].kind == ENDPOINT_WEBHOOK)
			try_webhook(&on, &s->routes.endpoints[i], &a);
	if (s->sender.accept_dkim)
		try_dkim(&on, &a);
	if (json)
		puts(on.told > 0 ? "\n]" : "[]");
	arena_free(&a);
	if (output_done(&e) == -1)
		on.worst = status_worse(on.worst, failed("output.failed", &e));
	return on.worst;
}
