#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "ingest/decide.h"
#include "ingest/enrich.h"
#include "ingest/hands.h"
#include "ingest/settle.h"
#include "store/answer.h"
#include "store/approval.h"
#include "store/budget.h"
#include "store/event.h"

#define ENRICH_BATCH		256	/* claims listed at a time: others change the queue, too */
#define ENRICH_HANDS		768	/* claims in hand, 20 KiB each; management bounds what is on its way */
#define ENRICH_GATHER		512	/* answered claims written in one transaction: each waits for the disk five times */
#define ENRICH_GATHER_MS	1000	/* and how long one waits for others */
#define ENRICH_PASS_MS		(5 * CLOCK_MINUTE)
#define LOOK_QUESTIONS		2	/* about a claim at most: the sales unit, and the merchant or its units */
#define ENRICH_TELL_MS		(4 * CLOCK_HOUR)	/* claim.pending is told after this */
#define ENRICH_LOOK		1000	/* pending claims looked at in a pass, to tell of them */

/* ---- one claim's transaction */

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
claim_settle_now(struct enrich *en, int64_t id, const struct said *said, struct err *e)
{
	struct arena	a = {0};
	struct claim	c;
	int		rc = claim_get(en->db, id, &a, &c, e);

	if (rc == 0 && c.state == CLAIM_PENDING)
		rc = settle_claim(en, &c, said, &a, e);
	arena_free(&a);
	return rc;
}

int
enrich_settle(struct enrich *en, int64_t id, const struct sales_unit *unit,
    const struct merchant *merchant, struct err *e)
{
	if (db_begin(en->db, e) == -1)
		return -1;
	if (claim_settle_now(en, id, &(struct said){.unit = unit, .merchant = merchant}, e) == 0)
		return commit(en->db, e);
	db_rollback(en->db);
	return -1;
}

/* ---- asking */

/* A claim that is asked about, or an approval that is asked about again; and what came back. */
struct asking {
	struct hand		 hand;		/* first: what the hands hold is one of these */
	struct arena		 arena;
	int64_t			 approval;	/* 0: a claim */
	struct claim		 c;		/* of an approval its key alone */
	struct question		 unit, merchant, units;
	bool			 unit_asked, merchant_asked, units_asked;
	const struct question	*failed;	/* NULL: none */
	struct asking		*next;		/* of those that were answered */
};

/* State of one pass. */
struct pass {
	struct enrich		*en;
	struct management	*api;		/* NULL until something is to be asked */
	struct hands		 hands;		/* all that are asked about or answered */
	struct asking		*answered, **answered_last;	/* in the order in which they were */
	int			 asked_count, answered_count;
	bool			 listed;	/* all that is due is in hand, or waits for what is; until something is written */
	int64_t			 began_ms, gather_ms;	/* monotonic: the pass; the first of `answered` */
	int64_t			 wish_ms;	/* Retry-After; 0: none */
	bool			 failed;	/* some question went unanswered: `why` */
	bool			 told_now;	/* `why` concerns all questions */
	bool			 any;		/* an answer came */
	bool			 over;		/* nothing more can be asked in this pass */
	struct err		 why;
};

/*
 * The merchant only if the unit agrees; the organisation's units only for a claim whose unit is not known, or not
 * said: what a person can choose from.
 */
static struct question *
question_second(struct asking *as)
{
	const bool known = as->unit_asked && as->unit.found;

	if (!decide_has_units(&as->c) || as->merchant_asked || as->units_asked ||
	    (known && decide_answer(&as->c, &as->unit.unit, NULL) != ANSWER_AGREES) ||
	    (!known && as->approval != 0))
		return NULL;
	if (known) {
		as->merchant_asked = true;
		as->merchant = (struct question){.kind = ASK_MERCHANT};
	} else {
		as->units_asked = true;
		as->units = (struct question){.kind = ASK_MERCHANT_UNITS};
	}
	return known ? &as->merchant : &as->units;
}

/* The next question, by what the last ones gave; NULL: none is left. */
static struct question *
asking_next(struct asking *as)
{
	struct question *q;

	if (as->failed != NULL)
		return NULL;
	if (!as->unit_asked && decide_askable(&as->c)) {
		as->unit_asked = true;
		as->unit = (struct question){.kind = ASK_SALES_UNIT};
		q = &as->unit;
	} else if ((q = question_second(as)) == NULL) {
		return NULL;
	}
	q->msn = as->c.msn;
	q->org_scheme = as->c.org_scheme;
	q->org_number = as->c.org_number;
	q->arena = &as->arena;
	q->tag = as;
	return q;
}

/* That the units could not be had is no reason to know less: they are for people. */
static struct said
asking_said(const struct asking *as)
{
	return (struct said){
		.unit = as->unit_asked ? &as->unit.unit : NULL,
		.merchant = as->merchant_asked ? &as->merchant.merchant : NULL,
		.units = as->units_asked && !as->units.failed ? &as->units.units : NULL,
	};
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
is_in_hand(const void *hands, int64_t id, const char *msn)
{
	return hands_has(hands, msn, id);
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
	as->next = NULL;
	*p->answered_last = as;
	p->answered_last = &as->next;
	if (p->answered_count++ == 0)
		p->gather_ms = clock_mono_ms();
}

/*
 * Asked about, and in hand (1). A claim behind it about the same sales unit waits: the first becomes the approval, whichever
 * answer is faster.
 */
static int
asking_begin(struct pass *p, struct asking *as, struct err *e)
{
	if (api_need(p, e) == -1) {
		asking_free(as);
		return -1;
	}
	p->en->asked++;
	as->hand.msn = as->c.msn;
	hands_put(&p->hands, &as->hand);
	p->asked_count++;
	management_ask(p->api, asking_next(as));
	return 1;
}

static struct asking *
asking_new(int64_t id)
{
	struct asking *as = calloc(1, sizeof(*as));

	if (as == NULL)
		arena_no_memory();
	as->hand.id = id;
	return as;
}

/* One due claim: settled where there is nothing to ask, else asked about. 1: it is in hand now; 0: it waits for another. */
static int
claim_take(struct pass *p, struct asking *as, struct err *e)
{
	if (hands_has(&p->hands, as->c.msn, as->c.id)) {	/* by one that was listed with it */
		asking_free(as);
		return 0;
	}
	if (p->en->conf->none || !decide_askable(&as->c)) {
		hands_put(&p->hands, &as->hand);
		answered_put(p, as);
		return 1;
	}
	return asking_begin(p, as, e);
}

/* What is due and not in hand: claims, or approvals. */
static int
due_read(struct pass *p, bool approvals, struct asking **list, int *n, struct err *e)
{
	const struct db_but	but = {is_in_hand, &p->hands};
	struct db		*db = p->en->db;
	int64_t			ids[ENRICH_BATCH];
	struct approval		ap;
	int			count, rc;

	rc = approvals ? approval_due(db, p->en->now_ms, &but, ids, ENRICH_BATCH, &count, e) :
	    claim_due(db, p->en->now_ms, &but, ids, ENRICH_BATCH, &count, e);
	for (*n = 0; rc == 0 && *n < count; (*n)++) {
		struct asking *as = list[*n] = asking_new(ids[*n]);

		if (!approvals) {
			rc = claim_get(db, ids[*n], &as->arena, &as->c, e);
		} else if ((rc = approval_get_row(db, ids[*n], &as->arena, &ap, e)) == 0) {
			as->approval = ids[*n];
			as->c = (struct claim){.org_scheme = ap.org_scheme, .org_number = ap.org_number, .msn = ap.msn};
		}
	}
	return rc;
}

/* Takes them in hand: how many, or -1. Read in one go, for each read by itself would lock the file anew. */
static int
due_take(struct pass *p, bool approvals, struct err *e)
{
	struct asking	*list[ENRICH_BATCH];
	int		 n = 0, taken = 0, took, rc = db_read_begin(p->en->db, e);

	if (rc == 0) {
		rc = due_read(p, approvals, list, &n, e);
		db_read_end(p->en->db);
	}
	for (int i = 0; i < n; i++) {
		if (rc == -1 || *p->en->stop) {
			asking_free(list[i]);
			continue;
		}
		took = approvals ? asking_begin(p, list[i], e) : claim_take(p, list[i], e);
		if (took == -1)
			rc = -1;
		else
			taken += took;
	}
	return rc == -1 ? -1 : taken;
}

/* Takes due claims in hand until there are enough, and then approvals: what waits for its first answer goes before what had one. */
static int
hands_fill(struct pass *p, struct err *e)
{
	bool	approvals = false;
	int	taken;

	while (!*p->en->stop && !p->over && !p->listed && clock_mono_ms() - p->began_ms <= ENRICH_PASS_MS &&
	    p->asked_count + p->answered_count <= ENRICH_HANDS - ENRICH_BATCH) {
		if ((taken = due_take(p, approvals, e)) == -1)
			return -1;
		p->listed = taken == 0 && (approvals || p->en->conf->none);
		approvals |= taken == 0;
	}
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

	if (q->kind == ASK_MERCHANT_UNITS && !q->away)
		return;
	if (!p->failed || worse)
		p->why = q->why;
	p->failed = true;
	p->told_now |= q->away;
	p->over |= q->away;
	if (q->retry_after_ms > p->wish_ms && q->away)
		p->wish_ms = q->retry_after_ms;
	if (q->kind != ASK_MERCHANT_UNITS)	/* see asking_said() */
		as->failed = q;
}

/* A question came back: the next one about its claim is asked, or the claim is ready to be written. */
static void
question_back(struct pass *p, struct question *q)
{
	struct asking	*as = q->tag;
	struct question	*next;

	if (q->failed)
		claim_unanswered(p, as, q);
	else
		p->any = true;
	if ((next = asking_next(as)) != NULL) {
		management_ask(p->api, next);
		return;
	}
	p->asked_count--;
	answered_put(p, as);
}

/* Inside the transaction. What the API would not say counts as no question: the 14 days stand still. */
static int
asking_write(struct pass *p, const struct asking *as, struct err *e)
{
	const struct said said = asking_said(as);
	struct enrich *en = p->en;

	if (as->failed == NULL)
		return as->approval != 0 ? settle_approval(en, as->approval, &said, e) :
		    claim_settle_now(en, as->c.id, &said, e);
	if (as->failed->tries == 0 || p->wish_ms > 0)
		return 0;
	if (as->approval != 0)
		return approval_later(en->db, as->approval, en->now_ms + 1, e);
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
		hands_drop(&p->hands, &as->hand);
		asking_free(as);
	}
	p->answered_last = &p->answered;
	p->answered_count = 0;
	p->listed = false;
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

static int
approvals_put_off(struct enrich *en, int64_t next_ms, struct err *e)
{
	if (db_begin(en->db, e) == -1)
		return -1;
	if (answer_wish_set(en->db, next_ms - en->now_ms, en->now_ms, e) == 0 &&
	    approval_put_off(en->db, en->now_ms, next_ms, e) == 0)
		return commit(en->db, e);
	db_rollback(en->db);
	return -1;
}

/* The API said when it may be asked again (Retry-After): that goes for all that is due. */
static int
due_put_off(struct enrich *en, int64_t wait_ms, struct err *e)
{
	int64_t	ids[ENRICH_BATCH], next_ms;
	int	n;

	next_ms = en->now_ms + (wait_ms < ANSWER_WISH_MS ? wait_ms : ANSWER_WISH_MS);
	if (next_ms <= en->now_ms)
		return 0;
	if (approvals_put_off(en, next_ms, e) == -1)
		return -1;
	do {
		if (claim_due(en->db, en->now_ms, NULL, ids, COUNT(ids), &n, e) == -1 ||
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
		if (hands_fill(p, e) == -1)
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

	if (claim_due(en->db, INT64_MAX, NULL, ids, COUNT(ids), &n, e) == -1)
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
	en->away = p->over;
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
	struct hand *one;

	while ((one = hands_any(&p->hands)) != NULL) {
		hands_drop(&p->hands, one);
		asking_free((struct asking *)(void *)one);
	}
}

/* An earlier pass was asked to wait: nobody is asked, and whoever waits for an answer hears why. */
static void
pass_waits(struct pass *p, int64_t wish_ms)
{
	p->failed = p->over = true;
	err_set(&p->why, ERR_RETRY, "it asks to be left alone until %s (Retry-After)",
	    clock_iso(p->en->now_ms + wish_ms).s);
}

int
enrich_pass(struct enrich *en, struct err *e)
{
	struct pass	p = {.en = en, .began_ms = clock_mono_ms()};
	int64_t		wish_ms = 0;
	int		rc = answer_wish(en->db, en->now_ms, &wish_ms, e);

	p.answered_last = &p.answered;
	if (rc == 0 && wish_ms > 0 && !en->conf->none)
		pass_waits(&p, wish_ms);
	else if (rc == 0)
		rc = pass_ask(&p, e);
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
look_keep(struct enrich *en, struct asking *as, struct err *e)
{
	const struct said said = asking_said(as);

	if (db_begin(en->db, e) == -1)
		return -1;
	if (settle_look(en, &as->c, &said, &as->arena, e) == 0)
		return commit(en->db, e);
	db_rollback(en->db);
	return -1;
}

static int
look_ask(struct pass *p, struct asking *as, struct look *look, struct err *e)
{
	struct enrich	*en = p->en;
	struct question	*q;
	int		 spared;

	while ((q = asking_next(as)) != NULL)
		if (api_need(p, &look->why) == -1 || (management_answer(p->api, q, &look->why) == -1 &&
		    (q->away || q->kind != ASK_MERCHANT_UNITS || !as->unit_asked))) {
			look->failed = true;	/* what was asked counts: the API did not spare us an answer */
			return 0;
		}
	look->asked++;
	spared = LOOK_QUESTIONS - as->unit_asked - as->merchant_asked - as->units_asked;
	if (!as->c.trusted && spared > 0 && budget_unasked(en->db, spared, e) == -1)
		return -1;
	return look_keep(en, as, e);
}

static int
look_at(struct pass *p, int64_t id, struct look *look, struct err *e)
{
	struct enrich	*en = p->en;
	struct asking	 as = {0};
	bool		 left = true;
	int		 rc = claim_get(en->db, id, &as.arena, &as.c, e);

	if (rc == 0 && (decide_askable(&as.c) || decide_has_units(&as.c)) && !asked_lately(&as.c, en->now_ms)) {
		if (!as.c.trusted)
			rc = budget_ask(en->db, LOOK_QUESTIONS, en->now_ms, &left, e);
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
