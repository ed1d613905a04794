#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "ingest/decide.h"
#include "ingest/enrich.h"
#include "store/approval.h"
#include "store/budget.h"
#include "store/event.h"

#define ENRICH_BATCH		256	/* claims listed at a time: others change the queue, too */
#define ENRICH_HANDS		512	/* claims in hand, 20 KiB each; management bounds what is on its way */
#define ENRICH_GATHER		256	/* answered claims written in one transaction: each waits for the disk five times */
#define ENRICH_GATHER_MS	1000	/* and how long one waits for others */
#define ENRICH_PASS_MS		(5 * CLOCK_MINUTE)
#define ENRICH_TELL_MS		(4 * CLOCK_HOUR)	/* claim.pending is told after this */
#define ENRICH_LOOK		1000	/* pending claims looked at in a pass, to tell of them */
#define ENRICH_MAX_LIMIT_MS	CLOCK_HOUR	/* of a Retry-After that we keep */

/* ---- one claim's transaction */

/* claim.api: what is shown of the answer, names that differ from the mail's included. */
static const char *
api_record(const struct claim *c, enum answer answer, const struct sales_unit *unit,
    const struct merchant *merchant, int64_t now_ms, struct arena *a)
{
	struct json	*j = json_object();
	const char	*text;

	json_put_time(j, "asked_at", answer != ANSWER_NOT_ASKED ? now_ms : 0);
	json_put_text(j, "answer", answer_name(answer));
	json_put(j, "sales_unit", unit != NULL ? json_ours(unit->json) : NULL);
	json_put(j, "merchant", merchant != NULL ? json_ours(merchant->json) : NULL);
	json_put_bool(j, "name_differs",
	    (unit != NULL && !decide_same_name(c->sales_unit_name, unit->name)) ||
	    (merchant != NULL && !decide_same_name(c->merchant_name, merchant->name)));
	text = json_print(j, a);
	json_free(j);
	return text;
}

static int
claim_confirm(struct enrich *en, const struct claim *c, const struct sales_unit *unit,
    const struct merchant *merchant, const char *api, struct err *e)
{
	struct approval_facts	facts = {.api = api};
	bool			made;

	if (unit != NULL) {
		facts.sales_unit_name = unit->name;
		facts.sales_unit = unit->json;
	}
	if (merchant != NULL) {
		facts.merchant_name = merchant->name;
		facts.country = merchant->country;
		facts.merchant = merchant->json;
	}
	if (approval_confirm(en->db, c, &facts, unit != NULL ? "management-api" :
	    c->accepted ? "person" : "sender", en->now_ms, &made, e) == -1)
		return -1;
	if (made)
		en->confirmed++;
	else
		en->evidence++;
	return 0;
}

/* Writes what was decided, inside the transaction. */
static int
claim_write(struct enrich *en, const struct claim *c, const struct sales_unit *unit,
    const struct merchant *merchant, struct arena *a, struct err *e)
{
	enum answer	 answer = decide_answer(c, unit, merchant);
	struct decision	 d = decide_claim(c, answer, en->conf->without_api, en->now_ms);
	const char	*api = api_record(c, answer, unit, merchant, en->now_ms, a);
	bool		 nameless = c->merchant_name == NULL &&
	    (merchant == NULL || merchant->name == NULL);

	/* An approval must say who: neither the mail nor the API did. */
	if (d.state == CLAIM_CONFIRMED && (nameless || !decide_askable(c)))
		d.state = CLAIM_HELD;
	/* History that cannot be proven now is believed for the API's sake alone, or a person's (architecture, Proof). */
	if (d.state == CLAIM_CONFIRMED && answer == ANSWER_NOT_ASKED && !c->accepted && c->proof != NULL &&
	    strcmp(c->proof, "none") == 0)
		d.state = CLAIM_HELD;
	if (d.state == CLAIM_CONFIRMED)
		return claim_confirm(en, c, unit, merchant, api, e);
	if (d.state == CLAIM_PENDING) {
		en->pending++;
		return claim_wait(en->db, c->id, api, d.asks, d.next_ms, e);
	}
	en->waiting++;
	return claim_settle(en->db, c, d.state, api, en->now_ms, e);
}

static int
commit(struct db *db, struct err *e)
{
	if (db_commit(db, e) == 0)
		return 0;
	db_rollback(db);
	return -1;
}

/* Inside the transaction: the claim may have changed since it was asked about. */
static int
claim_settle_now(struct enrich *en, int64_t id, const struct sales_unit *unit,
    const struct merchant *merchant, struct err *e)
{
	struct arena	a = {0};
	struct claim	c;
	int		rc = claim_get(en->db, id, &a, &c, e);

	if (rc == 0 && c.state == CLAIM_PENDING)
		rc = claim_write(en, &c, unit, merchant, &a, e);
	arena_free(&a);
	return rc;
}

int
enrich_settle(struct enrich *en, int64_t id, const struct sales_unit *unit,
    const struct merchant *merchant, struct err *e)
{
	if (db_begin(en->db, e) == -1)
		return -1;
	if (claim_settle_now(en, id, unit, merchant, e) == 0)
		return commit(en->db, e);
	db_rollback(en->db);
	return -1;
}

/* ---- asking */

/* A claim that is asked about, and what came back. */
struct asking {
	struct arena		 arena;
	struct claim		 c;
	struct question		 unit, merchant;
	bool			 unit_asked, merchant_asked;
	const struct question	*failed;	/* NULL: none */
	struct asking		*next;		/* in its list */
};

/* State of one pass. */
struct pass {
	struct enrich		*en;
	struct management	*api;		/* NULL until something is to be asked */
	struct asking		*asked, *answered;
	int			 asked_count, answered_count;
	int64_t			 began_ms, gather_ms;	/* monotonic: the pass; the first of `answered` */
	int64_t			 wish_ms;	/* Retry-After; 0: none */
	bool			 failed;	/* some question went unanswered: `why` */
	bool			 told_now;	/* `why` concerns all questions */
	bool			 any;		/* an answer came */
	bool			 over;		/* nothing more can be asked in this pass */
	struct err		 why;
};

/* The next question about a claim, by what the last ones gave; NULL: none is left. */
static struct question *
asking_next(struct asking *as)
{
	if (as->failed != NULL)
		return NULL;
	if (!as->unit_asked) {
		as->unit_asked = true;
		as->unit = (struct question){.kind = ASK_SALES_UNIT, .msn = as->c.msn, .arena = &as->arena, .tag = as};
		return &as->unit;
	}
	/* The merchant only if the first agrees and a URL can hold the number. */
	if (as->merchant_asked || decide_answer(&as->c, &as->unit.unit, NULL) != ANSWER_AGREES ||
	    strncmp(as->c.org_scheme, "business:SE:", 12) == 0)
		return NULL;
	as->merchant_asked = true;
	as->merchant = (struct question){.kind = ASK_MERCHANT, .org_scheme = as->c.org_scheme,
	    .org_number = as->c.org_number, .arena = &as->arena, .tag = as};
	return &as->merchant;
}

static const struct merchant *
asking_merchant(const struct asking *as)
{
	return as->merchant_asked ? &as->merchant.merchant : NULL;
}

static int
api_need(struct pass *p, struct err *e)
{
	struct enrich	*en = p->en;
	bool		 failing;

	if (p->api != NULL)
		return 0;
	if (en->keep != NULL && *en->keep != NULL) {
		p->api = *en->keep;
		return 0;
	}
	if (event_is_failing(en->db, "api", "management", &failing, e) == -1 ||
	    management_open(en->conf, en->stop, en->now_ms, &p->api, e) == -1)
		return -1;
	if (failing)
		management_doubt(p->api);
	if (en->keep != NULL)
		*en->keep = p->api;
	return 0;
}

/* Refused keys are read anew by the next pass, for somebody may have put others there. */
static void
api_done(struct pass *p)
{
	struct enrich *en = p->en;

	if (en->keep != NULL && !(p->failed && p->why.what == ERR_KEYS))
		return;
	if (en->keep != NULL)
		*en->keep = NULL;
	management_close(p->api);
}

static bool
is_in_hand(const struct pass *p, int64_t id)
{
	for (int i = 0; i < 2; i++)
		for (const struct asking *as = i == 0 ? p->asked : p->answered; as != NULL; as = as->next)
			if (as->c.id == id)
				return true;
	return false;
}

/* A claim before it is about the same sales unit: the first becomes the approval, whichever answer is faster. */
static bool
is_unit_in_hand(const struct pass *p, const struct claim *c)
{
	for (int i = 0; i < 2; i++)
		for (const struct asking *as = i == 0 ? p->asked : p->answered; as != NULL; as = as->next)
			if (c->msn != NULL && as->c.msn != NULL && strcmp(as->c.msn, c->msn) == 0)
				return true;
	return false;
}

static void
asking_free(struct asking *as)
{
	if (as != NULL) {
		arena_free(&as->arena);
		free(as);
	}
}

/* Ready to be written. */
static void
answered_put(struct pass *p, struct asking *as)
{
	as->next = p->answered;
	p->answered = as;
	if (p->answered_count++ == 0)
		p->gather_ms = clock_mono_ms();
}

/* One due claim: asked about, unless there is nothing to ask. 1: it is in hand now; 0: it waits for another. */
static int
claim_take(struct pass *p, int64_t id, struct err *e)
{
	struct asking	*as = calloc(1, sizeof(*as));
	int		 rc = -1;

	if (as == NULL)
		arena_no_memory();
	if (claim_get(p->en->db, id, &as->arena, &as->c, e) == -1)
		goto out;
	if (is_unit_in_hand(p, &as->c)) {
		rc = 0;
		goto out;
	}
	if (p->en->conf->none || !decide_askable(&as->c)) {
		answered_put(p, as);
		return 1;
	}
	if (api_need(p, e) == -1)
		goto out;
	p->en->asked++;
	as->next = p->asked;
	p->asked = as;
	p->asked_count++;
	management_ask(p->api, asking_next(as));
	return 1;
out:
	asking_free(as);
	return rc;
}

/* Takes due claims in hand until there are enough. */
static int
claims_take(struct pass *p, struct err *e)
{
	int64_t	ids[ENRICH_HANDS + ENRICH_BATCH];
	int	n, taken, took;

	do {
		if (*p->en->stop || p->over || clock_mono_ms() - p->began_ms > ENRICH_PASS_MS ||
		    p->asked_count + p->answered_count > ENRICH_HANDS - ENRICH_BATCH)
			return 0;
		if (claim_due(p->en->db, p->en->now_ms, ids,
		    p->asked_count + p->answered_count + ENRICH_BATCH, &n, e) == -1)
			return -1;
		taken = 0;
		for (int i = 0; i < n && taken < ENRICH_BATCH && !*p->en->stop; i++) {
			if (is_in_hand(p, ids[i]))
				continue;
			took = claim_take(p, ids[i], e);
			if (took == -1)
				return -1;
			taken += took;
		}
	} while (taken > 0);
	return 0;
}

/* What must be told at once, the worse the higher: keys, then the certificate; 0: what may pass. */
static int
refusal(const struct err *why)
{
	return why->what == ERR_KEYS ? 2 : why->what == ERR_CERT ? 1 : 0;
}

/* A question went unanswered: for this claim, or for all. */
static void
claim_unanswered(struct pass *p, struct asking *as, const struct question *q)
{
	const bool worse = q->away > p->told_now ||
	    (q->away == p->told_now && refusal(&q->why) > refusal(&p->why));

	if (!p->failed || worse)
		p->why = q->why;
	p->failed = true;
	p->told_now |= q->away;
	p->over |= q->away;
	if (q->retry_after_ms > p->wish_ms && q->away)
		p->wish_ms = q->retry_after_ms;
	as->failed = q;
}

/* A question came back: the next one about its claim is asked, or the claim is ready to be written. */
static void
question_back(struct pass *p, struct question *q)
{
	struct asking	*as = q->tag, **at = &p->asked;
	struct question	*next;

	if (q->failed)
		claim_unanswered(p, as, q);
	else
		p->any = true;
	if ((next = asking_next(as)) != NULL) {
		management_ask(p->api, next);
		return;
	}
	while (*at != as)
		at = &(*at)->next;
	*at = as->next;
	p->asked_count--;
	answered_put(p, as);
}

/* Inside the transaction. What the API would not say counts as no question: the 14 days stand still. */
static int
asking_write(struct pass *p, const struct asking *as, struct err *e)
{
	struct enrich *en = p->en;

	if (as->failed == NULL)
		return claim_settle_now(en, as->c.id, as->unit_asked ? &as->unit.unit : NULL,
		    asking_merchant(as), e);
	if (as->failed->tries == 0 || p->wish_ms > 0)
		return 0;
	/* To the end of the queue, so that a claim that always fails does not stop the others. */
	return claim_wait(en->db, as->c.id, NULL, as->c.asks, en->now_ms + 1, e);
}

static int
answered_write(struct pass *p, struct err *e)
{
	struct asking	*as;
	int		 rc = 0;

	if (p->answered == NULL)
		return 0;
	if (db_begin(p->en->db, e) == -1)
		return -1;
	for (as = p->answered; as != NULL && rc == 0; as = as->next)
		rc = asking_write(p, as, e);
	if (rc == 0)
		rc = commit(p->en->db, e);
	else
		db_rollback(p->en->db);
	while ((as = p->answered) != NULL) {
		p->answered = as->next;
		asking_free(as);
	}
	p->answered_count = 0;
	db_lock_progress(p->en->lock);
	return rc;
}

/* Written many at a time, for each commit waits for the disk; but nobody waits for long. */
static bool
is_time_to_write(const struct pass *p)
{
	return p->answered_count >= ENRICH_GATHER || p->asked_count == 0 ||
	    clock_mono_ms() - p->gather_ms >= ENRICH_GATHER_MS;
}

/* Puts claims off without counting the question: their 14 days stand still. */
static int
claims_put_off(struct enrich *en, const int64_t *ids, int n, int64_t next_ms, struct err *e)
{
	struct arena	a = {0};
	struct claim	c;
	int		rc;

	if (db_begin(en->db, e) == -1)
		return -1;
	rc = 0;
	for (int i = 0; i < n && rc == 0; i++) {
		rc = claim_get(en->db, ids[i], &a, &c, e);
		if (rc == 0)
			rc = claim_wait(en->db, ids[i], NULL, c.asks, next_ms, e);
	}
	if (rc == 0)
		rc = db_commit(en->db, e);
	if (rc == -1)
		db_rollback(en->db);
	arena_free(&a);
	return rc;
}

/* The API said when it may be asked again (Retry-After): that goes for all claims that are due. */
static int
due_put_off(struct enrich *en, int64_t wait_ms, struct err *e)
{
	int64_t	ids[ENRICH_BATCH], next_ms;
	int	n;

	next_ms = en->now_ms + (wait_ms < ENRICH_MAX_LIMIT_MS ? wait_ms : ENRICH_MAX_LIMIT_MS);
	if (next_ms <= en->now_ms)
		return 0;
	do {
		if (claim_due(en->db, en->now_ms, ids, COUNT(ids), &n, e) == -1 ||
		    (n > 0 && claims_put_off(en, ids, n, next_ms, e) == -1))
			return -1;
	} while (n > 0);
	return 0;
}

/* Asks until nothing is due or nothing more can be asked. */
static int
pass_ask(struct pass *p, struct err *e)
{
	struct question *q;

	for (;;) {
		if (claims_take(p, e) == -1)
			return -1;
		if (p->asked_count == 0 && p->answered_count == 0)
			break;
		q = p->asked_count > 0 ? management_next(p->api, ENRICH_GATHER_MS) : NULL;
		if (q != NULL)
			question_back(p, q);
		if (p->answered_count > 0 && is_time_to_write(p) && answered_write(p, e) == -1)
			return -1;
	}
	return p->wish_ms > 0 ? due_put_off(p->en, p->wish_ms, e) : 0;
}

/* ---- what is told */

static int
claim_tell(struct enrich *en, int64_t id, struct err *e)
{
	struct arena	a = {0};
	struct claim	c;
	int		rc = -1;

	if (db_begin(en->db, e) == -1)
		return -1;
	if (claim_get(en->db, id, &a, &c, e) == 0 &&
	    claim_tell_pending(en->db, &c, en->now_ms, e) == 0 && db_commit(en->db, e) == 0)
		rc = 0;
	if (rc == -1)
		db_rollback(en->db);
	arena_free(&a);
	return rc;
}

/* Not found for four hours: somebody should know, even if the next question is hours away. */
static int
pending_tell(struct enrich *en, struct err *e)
{
	int64_t		ids[ENRICH_LOOK];
	struct claim	c;
	int		n, rc;

	if (claim_due(en->db, INT64_MAX, ids, COUNT(ids), &n, e) == -1)
		return -1;
	rc = 0;
	for (int i = 0; i < n && rc == 0; i++) {
		struct arena a = {0};

		rc = claim_get(en->db, ids[i], &a, &c, e);
		if (rc == 0 && c.told_ms == 0 && c.asks > 0 &&
		    c.made_ms <= en->now_ms - ENRICH_TELL_MS)
			rc = claim_tell(en, c.id, e);
		arena_free(&a);
	}
	return rc;
}

/* The memory of what fails, and a line when it is due. -1 with the API's error if it failed now. */
static int
pass_end(struct pass *p, struct err *e)
{
	struct enrich	*en = p->en;
	struct trouble	 t;
	bool		 was;

	if (!p->failed) {
		if (p->any &&
		    event_recovered(en->db, "api", "management", en->now_ms, &was, e) == -1)
			return -1;
		if (p->any && was)
			log_warn("api.recovered", "name", "management", NULL);
		return 0;
	}
	if (event_failing(en->db, "api", "management", p->why.msg,
	    p->told_now && refusal(&p->why) > 0 ? 0 : TROUBLE_LONG_MS, en->now_ms, &t, e) == -1)
		return -1;
	en->failing_ms = en->now_ms - t.since_ms;
	if (t.say)
		log_warn("api.failing", "name", "management", "error", p->why.msg, "since",
		    clock_iso(t.since_ms).s, NULL);
	*e = p->why;
	e->kind = ERR_RETRY;
	return -1;
}

/* What was asked about and not written: a signal or the database came between. */
static void
pass_drop(struct pass *p)
{
	struct asking *as;

	for (int i = 0; i < 2; i++)
		while ((as = i == 0 ? p->asked : p->answered) != NULL) {
			*(i == 0 ? &p->asked : &p->answered) = as->next;
			asking_free(as);
		}
}

int
enrich_pass(struct enrich *en, struct err *e)
{
	struct pass	p = {.en = en, .began_ms = clock_mono_ms()};
	int		rc = pass_ask(&p, e);

	if (rc == -1 && p.asked_count > 0 && en->keep != NULL)
		*en->keep = NULL;	/* it holds questions that are going */
	if (rc == -1 && p.asked_count > 0) {
		management_close(p.api);
		p.api = NULL;
	}
	if (rc == 0 && *en->stop)
		rc = err_what(e, ERR_RETRY, ERR_STOPPED, "stopped by a signal");
	if (rc == 0 && (rc = pending_tell(en, e)) == 0)
		rc = pass_end(&p, e);
	if (p.api != NULL)
		api_done(&p);
	pass_drop(&p);
	return rc;
}

/* ---- for a person who looks */

/* The last answer is young enough to be shown as it is. */
static bool
asked_lately(const struct claim *c, int64_t now_ms)
{
	struct json	*api = json_ours(c->api);
	const char	*text = json_text(json_get(api, "asked_at"));
	struct err	 ignored;
	int64_t		 at_ms;
	bool		 lately;

	lately = text != NULL && clock_parse(span_of(text), &at_ms, &ignored) == 0 && at_ms <= now_ms &&
	    now_ms - at_ms < CLOCK_HOUR;
	json_free(api);
	return lately;
}

static int
look_keep(struct enrich *en, int64_t id, const char *api, struct err *e)
{
	if (db_begin(en->db, e) == -1)
		return -1;
	if (claim_looked(en->db, id, api, e) == 0)
		return db_commit(en->db, e);
	db_rollback(en->db);
	return -1;
}

static int
look_ask(struct pass *p, struct asking *as, struct look *look, struct err *e)
{
	struct enrich	*en = p->en;
	const char	*api;
	struct question	*q;

	while ((q = asking_next(as)) != NULL)
		if (api_need(p, &look->why) == -1 || management_answer(p->api, q, &look->why) == -1) {
			look->failed = true;	/* what was asked counts: the API did not spare us an answer */
			return 0;
		}
	look->asked++;
	if (!as->c.trusted && !as->merchant_asked && budget_unasked(en->db, 1, e) == -1)
		return -1;
	api = api_record(&as->c, decide_answer(&as->c, &as->unit.unit, asking_merchant(as)), &as->unit.unit,
	    asking_merchant(as), en->now_ms, &as->arena);
	return look_keep(en, as->c.id, api, e);
}

static int
look_at(struct pass *p, int64_t id, struct look *look, struct err *e)
{
	struct enrich	*en = p->en;
	struct asking	 as = {0};
	bool		 left = true;
	int		 rc = claim_get(en->db, id, &as.arena, &as.c, e);

	if (rc == 0 && decide_askable(&as.c) && !asked_lately(&as.c, en->now_ms)) {
		if (!as.c.trusted)	/* two at most: the sales unit, and the merchant if that agrees */
			rc = budget_ask(en->db, 2, en->now_ms, &left, e);
		if (rc == 0 && left)
			rc = look_ask(p, &as, look, e);
		look->unasked += !left;
	}
	arena_free(&as.arena);
	return rc;
}

int
enrich_look(struct enrich *en, const int64_t *ids, int n, struct look *look, struct err *e)
{
	struct pass	p = {.en = en};
	int		rc = 0;

	*look = (struct look){0};
	for (int i = 0; i < n && rc == 0 && !look->failed && !en->conf->none; i++)
		rc = look_at(&p, ids[i], look, e);
	management_close(p.api);
	return rc;
}
