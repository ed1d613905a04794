#include "notify/notify.h"

#include <stdio.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "notify/format.h"
#include "notify/untrusted.h"
#include "notify/webhook.h"
#include "store/budget.h"
#include "store/delivery.h"
#include "store/event.h"

#define RETRY_AFTER_MIN_MS	CLOCK_SECOND	/* a receiver may ask for no less, */
#define RETRY_AFTER_MAX_MS	CLOCK_DAY	/* and no more, than this */
#define JITTER_PERCENT		20		/* so that a receiver that is back is not stormed */
#define TELL_AFTER_MS	(30 * CLOCK_MINUTE)	/* of failing; then endpoint.failing is made */
#define LEASE_MARGIN_MS	CLOCK_MINUTE	/* the longest send: none is begun with less lease left */

/* What one pass has seen of one endpoint. */
struct state {
	struct state	*next;
	const char	*name;
	int		 in_a_row;	/* failures since it last took something */
	bool		 worked, failed, down;
	bool		 refused;	/* a login or certificate was: told at once */
	char		 error[sizeof(((struct err *)0)->msg)];	/* of its last failure */
};

struct pass {
	struct notify	*n;
	struct arena	 arena;		/* of states and held leases */
	struct http	*http;
	int64_t		 begin_ms;	/* monotonic */
	struct state	*states;
	struct held	*held;
};

/*
 * Of an endpoint that is left alone the leases are kept until the pass is over: given back at once,
 * they would be leased again and again by the same pass.
 */
struct held {
	struct held	*next;
	struct delivery	 delivery;	/* id and attempt only */
};

static int64_t
pass_now(const struct pass *p)
{
	return p->n->now_ms + clock_mono_ms() - p->begin_ms;
}

static struct state *
state_of(struct pass *p, const char *endpoint)
{
	struct state *s;

	for (s = p->states; s != NULL; s = s->next) {
		if (strcmp(s->name, endpoint) == 0)
			return s;
	}
	s = arena_alloc(&p->arena, sizeof(*s));
	s->name = arena_text(&p->arena, endpoint);
	s->next = p->states;
	p->states = s;
	return s;
}

static void
state_failed(struct state *s, const char *error)
{
	s->failed = true;
	memccpy(s->error, error, '\0', sizeof(s->error) - 1);
}

/* ---- policy */

enum notify_outcome
notify_webhook_outcome(int status)
{
	if (status >= 200 && status <= 299)
		return NOTIFY_DELIVERED;
	if (status == 410)	/* Standard Webhooks 1.0.0: the receiver wants no more */
		return NOTIFY_REFUSED;
	/* these speak of the receiver, not of this delivery */
	if (status == 0 || status == 429 || (status >= 502 && status <= 504))
		return NOTIFY_DOWN;
	return NOTIFY_LATER;
}

enum notify_outcome
notify_email_outcome(int status)
{
	if (status >= 200 && status <= 299)
		return NOTIFY_DELIVERED;
	if (status >= 500 && status <= 599)
		return NOTIFY_REFUSED;
	return status == 0 ? NOTIFY_DOWN : NOTIFY_LATER;
}

int64_t
notify_next(int n, int64_t retry_after_ms, uint32_t chance, int64_t now_ms)
{
	static const int64_t wait_ms[] = {
		5 * CLOCK_SECOND, 5 * CLOCK_MINUTE, 30 * CLOCK_MINUTE,
		2 * CLOCK_HOUR, 5 * CLOCK_HOUR, 10 * CLOCK_HOUR,
		14 * CLOCK_HOUR, 20 * CLOCK_HOUR, 24 * CLOCK_HOUR,
	};
	static const struct backoff schedule = {wait_ms, COUNT(wait_ms), JITTER_PERCENT};

	if (retry_after_ms < 0)
		retry_after_ms = 0;
	else if (retry_after_ms < RETRY_AFTER_MIN_MS)
		retry_after_ms = RETRY_AFTER_MIN_MS;
	else if (retry_after_ms > RETRY_AFTER_MAX_MS)
		retry_after_ms = RETRY_AFTER_MAX_MS;
	return backoff_next(&schedule, n, now_ms, chance, retry_after_ms);
}

/* ---- fan-out */

static bool
target_known(const struct delivery_new *list, int n, const char *target)
{
	for (int i = 0; i < n; i++) {
		if (strcmp(list[i].target, target) == 0)
			return true;
	}
	return false;
}

/*
 * The target's name. A URL whose file cannot be read now is named after its endpoint: the delivery
 * waits for the file, and nobody else waits with it.
 */
static const char *
target_name(struct pass *p, const struct endpoint *ep, const char *address, struct arena *a)
{
	const char	*name;
	struct err	 e;

	if (route_target(p->n->db, ep, address, a, &name, &e) == 0)
		return name;
	return arena_printf(a, "secret:%s", db_keyed_hash(p->n->db, a, "endpoint", ep->name));
}

/* One event's delivery to one target; the first endpoint that has the target gets it. */
static void
delivery_make(struct pass *p, const struct event *ev, const struct endpoint *ep,
    const char *address, struct arena *a, struct delivery_new *list, int *n)
{
	struct delivery_new d = {
		.endpoint = ep->name, .target = target_name(p, ep, address, a),
		.untrusted = event_budgeted(ev->type, ev->untrusted),
	};

	if (target_known(list, *n, d.target))
		return;
	d.webhook_id = arena_text(a, db_public_id(p->n->db, "msg_", ev->id, d.target, NULL).s);
	switch (ep->kind) {
	case ENDPOINT_WEBHOOK:
		d.body = format_standard(ev, a);
		break;
	case ENDPOINT_EMAIL:
		d.body = format_email(ev, d.webhook_id, p->n->smtp->from, address, a);
		break;
	}
	list[(*n)++] = d;
}

static int
endpoint_targets(const struct endpoint *ep)
{
	int n = 0;

	if (ep->kind == ENDPOINT_WEBHOOK)
		return 1;
	while (ep->addresses[n] != NULL)
		n++;
	return n;
}

/* The i-th target's address; NULL for a webhook. */
static const char *
address_of(const struct endpoint *ep, int i)
{
	return ep->kind == ENDPOINT_EMAIL ? ep->addresses[i] : NULL;
}

static int
event_fan_out(struct pass *p, const struct event *ev, struct arena *a, struct err *e)
{
	const struct endpoint	**to = route_match(p->n->routes, ev, a);
	struct event		  shown = untrusted_shown(ev, a);
	struct delivery_new	 *list;
	int			  max = 0, n = 0;

	for (int i = 0; to[i] != NULL; i++)
		max += endpoint_targets(to[i]);
	list = arena_array(a, (size_t)max, sizeof(*list));
	for (int i = 0; to[i] != NULL; i++) {
		for (int j = 0; j < endpoint_targets(to[i]); j++)
			delivery_make(p, &shown, to[i], address_of(to[i], j), a, list, &n);
	}
	return delivery_fan_out(p->n->db, ev->seq, list, n, p->n->now_ms, e);
}

static int
fan_out(struct pass *p, struct err *e)
{
	bool	done = false;
	int	rc = 0;

	while (rc == 0 && !done && !*p->n->stop) {
		struct arena	a = {0};
		struct event	ev;

		rc = event_next_waiting(p->n->db, &a, &ev, e);
		if (rc == 0 && ev.seq == 0)
			done = true;
		else if (rc == 0 && (rc = event_fan_out(p, &ev, &a, e)) == 0) {
			p->n->events++;
			db_lock_progress(p->n->lock);
		}
		arena_free(&a);
	}
	return rc;
}

/* ---- notices: what untrusted mail made since a target was last told of any */

/* The target's notice, if one is due. */
static int
target_notice(struct pass *p, const struct endpoint *ep, const char *address, struct arena *a,
    struct err *e)
{
	struct delivery_new	 d;
	const char		**ids;
	struct event		*list, notice;
	int64_t			 count, last_seq;
	int			 n, made = 0;

	if (budget_gathered(p->n->db, target_name(p, ep, address, a), p->n->now_ms, a, &ids, &n, &count,
	    &last_seq, e) == -1)
		return -1;
	if (n == 0)
		return 0;
	list = arena_array(a, (size_t)n, sizeof(*list));
	for (int i = 0; i < n; i++)
		if (event_get(p->n->db, ids[i], a, &list[i], e) == -1)
			return -1;
	notice = untrusted_notice(list, n, count, a);
	delivery_make(p, &notice, ep, address, a, &d, &made);
	return delivery_notice(p->n->db, notice.seq, &d, last_seq, p->n->now_ms, e);
}

static int
notices(struct pass *p, struct err *e)
{
	const struct routes	*r = p->n->routes;
	int			 rc = 0;

	for (int i = 0; i < r->endpoint_count; i++) {
		for (int j = 0; rc == 0 && j < endpoint_targets(&r->endpoints[i]); j++) {
			struct arena a = {0};

			rc = target_notice(p, &r->endpoints[i], address_of(&r->endpoints[i], j), &a, e);
			arena_free(&a);
		}
	}
	return rc;
}

/* ---- sending */

static bool
target_is_webhook(const char *target)
{
	return strncmp(target, "https://", 8) == 0 || strncmp(target, "secret:", 7) == 0;
}

/* Whether the endpoint's present settings name this target. */
static bool
endpoint_has(struct db *db, const struct endpoint *ep, const char *target, struct arena *a)
{
	const char	*have;
	struct err	 e;

	if ((ep->kind == ENDPOINT_WEBHOOK) != target_is_webhook(target))
		return false;
	for (int i = 0; i < endpoint_targets(ep); i++) {
		if (route_target(db, ep, address_of(ep, i), a, &have, &e) == 0 &&
		    strcmp(have, target) == 0)
			return true;
	}
	return false;
}

/*
 * Who sends a delivery: its endpoint, or another one with its target. A webhook whose URL was
 * changed meanwhile goes to the new one; an address that was taken out of the configuration gets
 * nothing more. NULL: nobody.
 */
static const struct endpoint *
sender_of(struct pass *p, const struct delivery *d, struct arena *a)
{
	const struct routes	*r = p->n->routes;
	const struct endpoint	*own = route_endpoint(r, d->endpoint);

	if (own != NULL && own->kind == ENDPOINT_WEBHOOK && target_is_webhook(d->target))
		return own;
	if (own != NULL && endpoint_has(p->n->db, own, d->target, a))
		return own;
	for (int i = 0; i < r->endpoint_count; i++) {
		if (endpoint_has(p->n->db, &r->endpoints[i], d->target, a))
			return &r->endpoints[i];
	}
	return NULL;
}

/* No answer came: was it for a cause on our side? */
static enum notify_outcome
outcome_of(const struct err *why)
{
	return why->what == ERR_CONFIG || why->what == ERR_NOMEM ? NOTIFY_UNSENT : NOTIFY_DOWN;
}

/* The URL or address, the body and the secrets stay out of why. */
static enum notify_outcome
webhook_try(struct pass *p, const struct endpoint *ep, const struct delivery *d, struct arena *a,
    struct attempt *at, int64_t *retry_after_ms, struct err *why)
{
	struct http_response	answer = {.retry_after_ms = -1};
	int64_t			begin = clock_mono_ms();
	int			rc = webhook_send(p->http, ep, d, at->at_ms, a, &answer, why);

	at->took_ms = clock_mono_ms() - begin;
	if (rc == -1)
		return outcome_of(why);
	at->status = answer.status;
	*retry_after_ms = answer.retry_after_ms;
	if (notify_webhook_outcome(answer.status) != NOTIFY_DELIVERED)
		err_set(why, ERR_RETRY, "answered %d", answer.status);
	return notify_webhook_outcome(answer.status);
}

static enum notify_outcome
email_try(struct pass *p, const struct delivery *d, struct attempt *at, struct err *why)
{
	const struct smtp_conf *smtp = p->n->smtp;

	if (!smtp->set) {
		err_what(why, ERR_REJECT, ERR_CONFIG, "there is no section `smtp` to send it by");
		return NOTIFY_UNSENT;
	}
	if (email_send(smtp, d->target, span_of(d->body), &at->took_ms, &at->status, why) == -1)
		return outcome_of(why);
	if (notify_email_outcome(at->status) != NOTIFY_DELIVERED)
		err_set(why, ERR_RETRY, "answered %d", at->status);
	return notify_email_outcome(at->status);
}

static void
delivery_hold(struct pass *p, const struct delivery *d)
{
	struct held *h = arena_alloc(&p->arena, sizeof(*h));

	h->delivery = (struct delivery){.id = d->id, .attempt = d->attempt};
	h->next = p->held;
	p->held = h;
}

static void
attempt_log(const struct delivery *d, const char *endpoint, enum delivery_state state,
    const struct attempt *at, int64_t next_ms)
{
	char		 id[32];
	const char	*error = at->error == NULL ? "" : at->error;

	snprintf(id, sizeof(id), "dlv_%lld", (long long)d->id);
	switch (state) {
	case DELIVERY_DELIVERED:
		log_info("delivery.delivered", "delivery", id, "event", d->event_id, "endpoint",
		    endpoint, "attempt", log_num(at->n).s, "status", log_num(at->status).s, NULL);
		break;
	case DELIVERY_DUE:
		log_info("delivery.failed", "delivery", id, "event", d->event_id, "endpoint",
		    endpoint, "attempt", log_num(at->n).s, "status", log_num(at->status).s,
		    "error", error, "next", clock_iso(next_ms).s, NULL);
		break;
	case DELIVERY_DEAD:
	case DELIVERY_DROPPED:
		log_warn("delivery.dead", "delivery", id, "event", d->event_id, "endpoint",
		    endpoint, "attempt", log_num(at->n).s, "status", log_num(at->status).s,
		    "error", error, NULL);
		break;
	}
}

/* Writes down what became of an attempt. */
static int
attempt_settle(struct pass *p, const struct delivery *d, struct state *s,
    enum notify_outcome outcome, struct attempt *at, int64_t retry_after_ms, struct err *e)
{
	enum delivery_state	state = DELIVERY_DELIVERED;
	int64_t			now_ms = pass_now(p), next_ms = -1;
	uint32_t		chance;

	if (outcome != NOTIFY_DELIVERED) {
		digest_random(&chance, sizeof(chance));
		if (outcome != NOTIFY_REFUSED)
			next_ms = notify_next(d->outcomes + 1, retry_after_ms, chance, now_ms);
		state = next_ms == -1 ? DELIVERY_DEAD : DELIVERY_DUE;
	}
	if (delivery_settle(p->n->db, d, at, state, next_ms, now_ms, e) == -1)
		return -1;
	attempt_log(d, s->name, state, at, next_ms);
	p->n->delivered += state == DELIVERY_DELIVERED;
	p->n->failed += state != DELIVERY_DELIVERED;
	p->n->dead += state == DELIVERY_DEAD;
	db_lock_progress(p->n->lock);
	return 0;
}

static int
delivery_try(struct pass *p, const struct delivery *d, const struct endpoint *ep, struct state *s,
    struct arena *a, struct err *e)
{
	struct attempt		at = {.n = d->attempt, .at_ms = pass_now(p)};
	int64_t			retry_after_ms = -1;
	struct err		why = {0};
	enum notify_outcome	outcome = NOTIFY_UNSENT;

	switch (ep->kind) {
	case ENDPOINT_WEBHOOK:
		outcome = webhook_try(p, ep, d, a, &at, &retry_after_ms, &why);
		break;
	case ENDPOINT_EMAIL:
		outcome = email_try(p, d, &at, &why);
		break;
	}
	if (outcome == NOTIFY_DELIVERED) {
		s->worked = true;
		s->in_a_row = 0;
	} else {
		at.error = why.msg;
		state_failed(s, why.msg);
		s->refused = s->refused || why.what == ERR_CERT || why.what == ERR_LOGIN;
		p->n->cert_refused = p->n->cert_refused || why.what == ERR_CERT;
		p->n->login_refused = p->n->login_refused || why.what == ERR_LOGIN;
		s->down = outcome == NOTIFY_DOWN || outcome == NOTIFY_UNSENT ||
		    ++s->in_a_row >= NOTIFY_BREAKER;
	}
	if (outcome == NOTIFY_UNSENT) {
		delivery_hold(p, d);
		return 0;
	}
	return attempt_settle(p, d, s, outcome, &at, retry_after_ms, e);
}

static int
delivery_do(struct pass *p, const struct delivery *d, struct arena *a, struct err *e)
{
	const struct endpoint	*ep = sender_of(p, d, a);
	struct state		*s = state_of(p, ep != NULL ? ep->name : d->endpoint);

	/* not yet due, and not put off by a clock that was ahead (DB_LONGEST_WAIT_MS) */
	if (d->next_ms > p->n->now_ms && d->next_ms - DB_LONGEST_WAIT_MS <= pass_now(p)) {
		delivery_hold(p, d);
		return 0;
	}
	if (ep == NULL)
		state_failed(s, "deliveries wait for it, but it is not in the configuration");
	else if (d->body == NULL)
		state_failed(s, "a delivery's body was erased before it was sent");
	if (ep == NULL || d->body == NULL || s->down || *p->n->stop ||
	    pass_now(p) + LEASE_MARGIN_MS > d->leased_until_ms) {
		delivery_hold(p, d);
		return 0;
	}
	return delivery_try(p, d, ep, s, a, e);
}

/*
 * Whoever holds the lock is the only one that sends: leases that are there were left by a killed
 * pass, and are taken over by asking as if they had run out. What is not due yet comes with them,
 * and is held. The pass ends, since all that it leases is settled for later or held beyond that
 * moment.
 */
static int
send_due(struct pass *p, struct err *e)
{
	int64_t	as_of_ms = p->n->now_ms + (p->n->lock != NULL ? NOTIFY_LEASE_MS : 0), until_ms;
	int	n = 1, rc = 0;

	while (rc == 0 && n > 0 && !*p->n->stop) {
		struct arena	 a = {0};
		struct delivery	*list;

		until_ms = pass_now(p) + NOTIFY_LEASE_MS + 1;
		rc = delivery_lease(p->n->db, as_of_ms, until_ms - as_of_ms, NOTIFY_BATCH, &a,
		    &list, &n, e);
		for (int i = 0; rc == 0 && i < n; i++)
			rc = delivery_do(p, &list[i], &a, e);
		arena_free(&a);
	}
	return rc;
}

/* ---- the end of a pass */

static int
leases_return(struct pass *p, struct err *e)
{
	for (; p->held != NULL; p->held = p->held->next) {
		if (delivery_release(p->n->db, &p->held->delivery, e) == -1)
			return -1;
	}
	return 0;
}

/* An endpoint that took anything in this pass works; one that only failed is failing. */
static int
state_tell(struct pass *p, const struct state *s, struct err *e)
{
	int64_t		now_ms = pass_now(p);
	struct trouble	t = {0};
	bool		was = false;

	if (s->worked) {
		if (event_recovered(p->n->db, "endpoint", s->name, now_ms, &was, e) == -1)
			return -1;
		if (was)
			log_warn("endpoint.recovered", "endpoint", s->name, NULL);
	} else if (s->failed) {
		if (event_failing(p->n->db, "endpoint", s->name, s->error,
		    s->refused ? 0 : TELL_AFTER_MS, now_ms, &t, e) == -1)
			return -1;
		if (t.say)
			log_warn("endpoint.failing", "endpoint", s->name, "since",
			    clock_iso(t.since_ms).s, "attempts", log_num(t.attempts).s, "error",
			    s->error, NULL);
		p->n->failing_long += now_ms - t.since_ms > TROUBLE_LONG_MS;
	}
	return 0;
}

int
notify_pass(struct notify *n, struct err *e)
{
	struct pass	p = {.n = n, .begin_ms = clock_mono_ms()};
	int		rc;

	n->events = n->delivered = n->failed = n->dead = n->failing_long = 0;
	p.http = http_open();
	rc = fan_out(&p, e);
	if (rc == 0)
		rc = notices(&p, e);
	if (rc == 0)
		rc = send_due(&p, e);
	if (rc == 0)
		rc = leases_return(&p, e);
	for (struct state *s = p.states; rc == 0 && s != NULL; s = s->next)
		rc = state_tell(&p, s, e);
	if (rc == 0 && *n->stop)
		rc = err_what(e, ERR_RETRY, ERR_STOPPED, "notify: stopped by a signal");
	http_close(p.http);
	arena_free(&p.arena);
	return rc;
}
