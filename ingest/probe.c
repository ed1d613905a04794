#include "ingest/probe.h"

#include <string.h>

#include "base/clock.h"
#include "ingest/after.h"
#include "ingest/imap.h"
#include "ingest/login.h"

#define PROBE_MAX_WORDS	2000	/* bytes of what a server says that it can do */

/* One probe under way. */
struct tour {
	const struct probe	*p;
	struct arena		 arena;
	struct http_peer	 peer;
	struct imap		*imap;
	bool			 opened;	/* secrets and token were there: the server was asked */
};

/* ---- certificates */

const char *
probe_peer_text(const struct http_peer *peer, struct arena *a)
{
	const struct http_cert *c = &peer->chain[0];

	if (peer->count == 0)
		return NULL;
	return arena_printf(a, "certificate \"%s\" by \"%s\", until %.10s", c->subject, c->issuer,
	    c->until_ms != 0 ? clock_iso(c->until_ms).s : "?");
}

struct json *
probe_peer_json(const struct http_peer *peer)
{
	struct json *list = json_array();

	for (int i = 0; i < peer->count; i++) {
		struct json *j = json_object();

		json_put_text(j, "subject", peer->chain[i].subject);
		json_put_text(j, "issuer", peer->chain[i].issuer);
		json_put_time(j, "until", peer->chain[i].until_ms);
		json_add(list, j);
	}
	return list;
}

/* ---- steps */

/* Takes data. */
static void
tell(const struct tour *t, enum probe_step step, const char *name, const char *text, struct json *data,
    const struct err *e)
{
	const struct probe_result r = {.step = step, .name = name, .text = text, .data = data, .err = e};

	t->p->told(t->p->arg, &r);
	json_free(data);
}

static int
tour_open(void *arg, const struct transport_login *login, struct err *e)
{
	struct transport_login with = *login;
	struct tour *t = arg;

	if (login->token != NULL)
		tell(t, PROBE_TOKEN, NULL, "an access token came", NULL, NULL);
	t->opened = true;
	with.peer = &t->peer;
	return imap_open(&with, &t->imap, e);
}

static bool
tour_login(struct tour *t)
{
	const struct login login = {
	    .conf = t->p->conf, .now_ms = t->p->now_ms, .open = tour_open, .arg = t};
	struct json *data;
	const char *words = "";
	struct err e;
	int rc = login_now(&login, &e);

	if (rc == -1 && !t->opened) {
		tell(t, t->p->conf->oauth != NULL ? PROBE_TOKEN : PROBE_LOGIN, NULL, NULL, NULL, &e);
		return false;
	}
	if (rc == 0)
		rc = imap_capabilities(t->imap, &t->arena, &words, &e);
	words = arena_textn(&t->arena, words, strnlen(words, PROBE_MAX_WORDS));
	data = json_object();
	json_put(data, "certificates", probe_peer_json(&t->peer));
	json_put_text(data, "capabilities", words);
	if (rc == -1)
		tell(t, PROBE_LOGIN, NULL, probe_peer_text(&t->peer, &t->arena), data, &e);
	else
		tell(t, PROBE_LOGIN, NULL, arena_printf(&t->arena, "logged in; %s; %s",
		    probe_peer_text(&t->peer, &t->arena), words), data, NULL);
	return rc == 0;
}

/* *wire is NULL if no folder has that special use, which is no fault. */
static int
folder_name(struct tour *t, const char *configured, const char **wire, struct err *e)
{
	if (configured[0] == '\\')
		return imap_special(t->imap, configured, &t->arena, wire, e);
	*wire = span_is_nocase(span_of(configured), "INBOX") ? "INBOX" : imap_wire_name(configured, &t->arena);
	return 0;
}

/* What the examined folder has from each of the domains. */
static int
folder_count(struct tour *t, struct arena_buf *text, struct json *data, struct err *e)
{
	const int64_t since_ms = t->p->now_ms - PROBE_DAYS * CLOCK_DAY;
	struct json *from = json_object();
	size_t n;
	int rc = 0;

	for (int i = 0; t->p->domains[i] != NULL && rc == 0; i++) {
		rc = imap_count_from(t->imap, t->p->domains[i], since_ms, &n, e);
		if (rc == 0) {
			arena_putf(text, "%s%zu from %s", i > 0 ? ", " : "", n, t->p->domains[i]);
			json_put_int(from, t->p->domains[i], (int64_t)n);
		}
	}
	json_put(data, "from", from);
	return rc;
}

static void
tour_folder(struct tour *t, const char *configured)
{
	struct arena_buf b = {.arena = &t->arena};
	struct json *data = json_object();
	struct imap_state state;
	const char *wire = NULL;
	struct err e;
	int rc = folder_name(t, configured, &wire, &e);

	json_put_text(data, "folder", wire);
	if (rc == 0 && wire == NULL) {
		tell(t, PROBE_FOLDER, configured, "no folder is marked so; there is nothing to read", data, NULL);
		return;
	}
	if (rc == 0)
		rc = imap_examine(t->imap, wire, &state, &e);
	if (rc == 0) {
		json_put_int(data, "mails", state.exists);
		json_put_int(data, "days", PROBE_DAYS);
		arena_putf(&b, "%smails: %lld; of the last %d days: ", configured[0] == '\\' ?
		    arena_printf(&t->arena, "'%s': ", wire) : "", (long long)state.exists, PROBE_DAYS);
		rc = folder_count(t, &b, data, &e);
	}
	tell(t, PROBE_FOLDER, configured, rc == 0 ? b.p : NULL, data, rc == 0 ? NULL : &e);
}

static void
tour_after(struct tour *t)
{
	const struct mailbox_conf *c = t->p->conf;
	const char *problem = NULL, **wire;
	struct err e;
	int n = 0, rc = 0;

	while (c->folders[n] != NULL)
		n++;
	wire = arena_array(&t->arena, (size_t)n + 1, sizeof(*wire));
	n = 0;
	for (int i = 0; c->folders[i] != NULL && rc == 0; i++) {
		rc = folder_name(t, c->folders[i], &wire[n], &e);
		n += rc == 0 && wire[n] != NULL;
	}
	if (rc == 0)
		rc = after_possible(t->imap, &c->after, wire, &t->arena, &problem, &e);
	if (rc == 0 && problem != NULL)
		rc = err_what(&e, ERR_REJECT, ERR_CONFIG, "%s", problem);
	tell(t, PROBE_AFTER, NULL, rc == 0 ? "the server can do that" : NULL, NULL, rc == 0 ? NULL : &e);
}

bool
probe_mailbox(const struct probe *p)
{
	struct tour t = {.p = p};
	bool good;

	t.peer.arena = &t.arena;
	good = tour_login(&t);
	for (int i = 0; good && p->conf->folders[i] != NULL && !imap_broken(t.imap); i++)
		tour_folder(&t, p->conf->folders[i]);
	if (good && after_acts(&p->conf->after) && !imap_broken(t.imap))
		tour_after(&t);
	imap_close(t.imap);
	arena_free(&t.arena);
	return good;
}
