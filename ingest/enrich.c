#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "ingest/decide.h"
#include "ingest/enrich.h"
#include "store/approval.h"
#include "store/budget.h"
#include "store/event.h"

#define ENRICH_BATCH		20	/* claims listed at a time: others change the queue, too */
#define ENRICH_MAX_FAILURES	3	/* in a row, each perhaps one claim's: then the API's */
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

int
enrich_settle(struct enrich *en, int64_t id, const struct sales_unit *unit,
    const struct merchant *merchant, struct err *e)
{
	struct arena	a = {0};
	struct claim	c;
	int		rc = -1;

	if (db_begin(en->db, e) == -1)
		return -1;
	if (claim_get(en->db, id, &a, &c, e) == 0 &&
	    (c.state != CLAIM_PENDING || claim_write(en, &c, unit, merchant, &a, e) == 0) &&
	    db_commit(en->db, e) == 0)
		rc = 0;
	if (rc == -1)
		db_rollback(en->db);
	arena_free(&a);
	return rc;
}

/* ---- asking */

/* State of one pass. */
struct pass {
	struct enrich		*en;
	struct management	*api;		/* NULL until something is to be asked */
	int			 failures;	/* in a row, of claims */
	bool			 failed;	/* some question went unanswered: `why` */
	bool			 answered;
	bool			 over;		/* nothing more can be asked in this pass */
	struct err		 why;
};

/* Both questions of a claim; the second only if the first agrees and a URL can hold the number. */
static int
claim_ask(struct pass *p, const struct claim *c, struct arena *a, struct sales_unit *unit,
    struct merchant *merchant, bool *merchant_asked, int64_t *retry_after_ms, struct err *e)
{
	*merchant_asked = false;
	if (management_sales_unit(p->api, c->msn, p->en->now_ms, a, unit, retry_after_ms, e) == -1)
		return -1;
	if (decide_answer(c, unit, NULL) != ANSWER_AGREES ||
	    strncmp(c->org_scheme, "business:SE:", 12) == 0)
		return 0;
	if (management_merchant(p->api, c->org_scheme, c->org_number, p->en->now_ms, a, merchant,
	    retry_after_ms, e) == -1)
		return -1;
	*merchant_asked = true;
	return 0;
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

/* What must be told at once, the worse the higher: keys, then the certificate; 0: what may pass. */
static int
refusal(const struct err *why)
{
	return why->what == ERR_KEYS ? 2 : why->what == ERR_CERT ? 1 : 0;
}

/* A question went unanswered: for this claim, or for all. -1 only for the database. */
static int
claim_unanswered(struct pass *p, int64_t id, int64_t retry_after_ms, const struct err *why,
    struct err *e)
{
	if (!p->failed || refusal(why) > refusal(&p->why))
		p->why = *why;
	p->failed = true;
	p->over = management_is_away(p->api) || ++p->failures >= ENRICH_MAX_FAILURES;
	if (management_is_away(p->api) && retry_after_ms > 0)
		return due_put_off(p->en, retry_after_ms, e);
	/* To the end of the queue, so that a claim that always fails does not stop the others. */
	return claims_put_off(p->en, &id, 1, p->en->now_ms + 1, e);
}

/* One due claim. -1 ends the pass with e; otherwise p->over may. */
static int
claim_enrich(struct pass *p, int64_t id, struct err *e)
{
	struct enrich		*en = p->en;
	struct arena		 a = {0};
	struct claim		 c;
	struct sales_unit	 unit;
	struct merchant		 merchant;
	struct err		 why;
	int64_t			 retry_after_ms = -1;
	bool			 merchant_asked;
	int			 rc = -1;

	if (claim_get(en->db, id, &a, &c, e) == -1)
		goto out;
	if (en->conf->none || !decide_askable(&c)) {
		rc = enrich_settle(en, id, NULL, NULL, e);
		goto out;
	}
	if (p->api == NULL && management_open(en->conf, &p->api, e) == -1)
		goto out;
	en->asked++;
	if (claim_ask(p, &c, &a, &unit, &merchant, &merchant_asked, &retry_after_ms, &why) == -1) {
		if (why.kind == ERR_FATAL)
			*e = why;
		else
			rc = claim_unanswered(p, id, retry_after_ms, &why, e);
		goto out;
	}
	p->failures = 0;
	p->answered = true;
	rc = enrich_settle(en, id, &unit, merchant_asked ? &merchant : NULL, e);
out:
	arena_free(&a);
	return rc;
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
		if (p->answered &&
		    event_recovered(en->db, "api", "management", en->now_ms, &was, e) == -1)
			return -1;
		if (p->answered && was)
			log_warn("api.recovered", "name", "management", NULL);
		return 0;
	}
	if (event_failing(en->db, "api", "management", p->why.msg,
	    refusal(&p->why) > 0 ? 0 : TROUBLE_LONG_MS, en->now_ms, &t, e) == -1)
		return -1;
	en->failing_ms = en->now_ms - t.since_ms;
	if (t.say)
		log_warn("api.failing", "name", "management", "error", p->why.msg, "since",
		    clock_iso(t.since_ms).s, NULL);
	*e = p->why;
	e->kind = ERR_RETRY;
	return -1;
}

int
enrich_pass(struct enrich *en, struct err *e)
{
	struct pass	p = {.en = en};
	int64_t		ids[ENRICH_BATCH];
	int		n, rc = -1;

	do {
		if (claim_due(en->db, en->now_ms, ids, COUNT(ids), &n, e) == -1)
			goto out;
		for (int i = 0; i < n && !p.over; i++) {
			if (*en->stop) {
				err_what(e, ERR_RETRY, ERR_STOPPED, "stopped by a signal");
				goto out;
			}
			if (claim_enrich(&p, ids[i], e) == -1)
				goto out;
			db_lock_progress(en->lock);
		}
	} while (n > 0 && !p.over);
	if (pending_tell(en, e) == 0)
		rc = pass_end(&p, e);
out:
	management_close(p.api);
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
look_ask(struct pass *p, const struct claim *c, struct look *look, struct arena *a, struct err *e)
{
	struct enrich		*en = p->en;
	struct sales_unit	 unit;
	struct merchant		 merchant;
	int64_t			 retry_after_ms;
	bool			 merchant_asked = false;
	const struct merchant	*about = NULL;

	if ((p->api == NULL && management_open(en->conf, &p->api, &look->why) == -1) ||
	    claim_ask(p, c, a, &unit, &merchant, &merchant_asked, &retry_after_ms, &look->why) == -1) {
		look->failed = true;	/* what was asked counts: the API did not spare us an answer */
		return 0;
	}
	look->asked++;
	if (!c->trusted && !merchant_asked && budget_unasked(en->db, 1, e) == -1)
		return -1;
	if (merchant_asked)
		about = &merchant;
	return look_keep(en, c->id, api_record(c, decide_answer(c, &unit, about), &unit, about, en->now_ms, a),
	    e);
}

static int
look_at(struct pass *p, int64_t id, struct look *look, struct err *e)
{
	struct enrich	*en = p->en;
	struct arena	 a = {0};
	struct claim	 c;
	bool		 left = true;
	int		 rc = claim_get(en->db, id, &a, &c, e);

	if (rc == 0 && decide_askable(&c) && !asked_lately(&c, en->now_ms)) {
		if (!c.trusted)		/* two at most: the sales unit, and the merchant if that agrees */
			rc = budget_ask(en->db, 2, en->now_ms, &left, e);
		if (rc == 0 && left)
			rc = look_ask(p, &c, look, &a, e);
		look->unasked += !left;
	}
	arena_free(&a);
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
