#include <string.h>

#include "base/json.h"
#include "ingest/unproven.h"
#include "store/answer.h"
#include "store/approval.h"
#include "store/budget.h"
#include "store/unit.h"

bool
unproven_is_eligible(const char *reasons)
{
	static const char *const sender[] = {"authentication-missing", "authentication-unreadable",
	    "authentication-failed", "dkim-unresolved"};
	struct json	*list = json_ours(reasons);
	bool		 all = json_is_array(list);

	for (int i = 0; all && i < json_count(list); i++) {
		const struct json	*r = json_item(list, i);
		const char		*code = json_text(json_get(r, "code"));
		bool			 doubt = true, known = false;

		json_bool(json_get(r, "doubt"), &doubt);
		for (size_t k = 0; code != NULL && k < COUNT(sender); k++)
			known = known || strcmp(code, sender[k]) == 0;
		all = !doubt || known;
	}
	json_free(list);
	return all;
}

/* The last answer agrees with all of it; facts are the API's own. */
static bool
answer_agrees(const struct claim *c, const struct json *api, struct approval_facts *f, struct arena *a)
{
	const struct json	*unit = json_get(api, "sales_unit"), *merchant = json_get(api, "merchant");
	const char		*answer = json_text(json_get(api, "answer"));
	bool			 differs = true;

	if (answer == NULL || strcmp(answer, "agrees") != 0 || !json_is_object(unit) || !json_is_object(merchant) ||
	    !json_bool(json_get(api, "name_differs"), &differs) || differs || c->merchant_name == NULL ||
	    c->sales_unit_name == NULL)
		return false;
	f->sales_unit_name = json_text(json_get(unit, "name"));
	f->merchant_name = json_text(json_get(merchant, "name"));
	f->country = json_text(json_get(merchant, "countryCode"));
	f->sales_unit = json_print(unit, a);
	f->merchant = json_print(merchant, a);
	f->api = c->api;
	return f->sales_unit_name != NULL && f->merchant_name != NULL;
}

/* In a transaction: the claim as it is now. */
static int
claim_judge(struct enrich *en, int64_t id, struct err *e)
{
	struct arena		 a = {0};
	struct approval_facts	 f = {0};
	struct claim		 c;
	struct json		*api = NULL;
	bool			 fresh = false, made;
	int			 rc = claim_get(en->db, id, &a, &c, e);

	if (rc == 0 && c.state == CLAIM_HELD && !c.trusted) {
		api = json_ours(c.api);
		rc = unit_fresh(en->db, c.msn, c.made_ms, &fresh, e);
		if (rc == 0 && fresh && answer_agrees(&c, api, &f, &a)) {
			c.message_id = NULL;	/* the sender's own words are not told */
			rc = approval_confirm(en->db, &c, &f, "management-api", en->now_ms, &made, e);
			if (rc == 0)
				(*(made ? &en->confirmed : &en->evidence))++;
		} else if (rc == 0) {
			rc = claim_unproven_asked(en->db, id, e);
		}
	}
	json_free(api);
	arena_free(&a);
	return rc;
}

static int
claims_judge(struct enrich *en, const int64_t *ids, int n, struct err *e)
{
	int rc = 0;

	if (db_begin(en->db, e) == -1)
		return -1;
	for (int i = 0; rc == 0 && i < n; i++)
		rc = claim_judge(en, ids[i], e);
	if (rc == 0)
		return db_commit(en->db, e);
	db_rollback(en->db);
	return -1;
}

/*
 * Inside a transaction: which of them are worth a question. The others lose their turn, so that a flood of them
 * stands before nobody.
 */
static int
claims_choose(struct enrich *en, const int64_t *ids, int n, int64_t *worth, int *count, struct err *e)
{
	int rc = 0;

	*count = 0;
	for (int i = 0; rc == 0 && i < n; i++) {
		struct arena	a = {0};
		struct claim	c;
		bool		fresh = false;

		rc = claim_get(en->db, ids[i], &a, &c, e);
		if (rc == 0 && c.msn != NULL && unproven_is_eligible(c.reasons))
			rc = unit_fresh(en->db, c.msn, c.made_ms, &fresh, e);
		if (rc == 0 && fresh)
			worth[(*count)++] = ids[i];
		else if (rc == 0)
			rc = claim_unproven_asked(en->db, ids[i], e);
		arena_free(&a);
	}
	return rc;
}

int
unproven_pass(struct enrich *en, struct err *e)
{
	struct unit_times	t;
	struct enrich		alone = *en;	/* its client of the API is not the pass's */
	struct look		look;
	int64_t			ids[CLAIM_UNPROVEN_MAX], worth[CLAIM_UNPROVEN_MAX], wish_ms;
	int			n, count;

	if (en->conf->none)
		return 0;
	if (unit_times(en->db, &t, e) == -1 || answer_wish(en->db, en->now_ms, &wish_ms, e) == -1)
		return -1;
	if (t.baseline_ms == 0 || wish_ms > 0)
		return 0;
	if (claim_unproven(en->db, en->now_ms, t.baseline_ms, ids, COUNT(ids), &n, e) == -1)
		return -1;
	if (n == 0)
		return 0;
	if (db_begin(en->db, e) == -1)
		return -1;
	if (claims_choose(en, ids, n, worth, &count, e) == -1) {
		db_rollback(en->db);
		return -1;
	}
	if (db_commit(en->db, e) == -1)
		return -1;
	if (count > BUDGET_QUESTIONS / 2)	/* two questions each; the rest keep their turn */
		count = BUDGET_QUESTIONS / 2;
	if (count == 0)
		return 0;
	alone.keep = NULL;
	if (enrich_look(&alone, worth, count, &look, e) == -1)
		return -1;
	/* Those that were not asked, or not answered, keep their turn. */
	if (look.failed || look.unasked > 0)
		count = look.asked < count ? look.asked : count;
	return claims_judge(en, worth, count, e);
}
