#include <string.h>

#include "ingest/refresh.h"
#include "ingest/settle.h"
#include "store/answer.h"
#include "store/approval.h"
#include "store/unit.h"

#define SETTLE_MAX_UNITS	1000	/* of a merchant, looked up to find the new one */

/*
 * The one sales unit of the claim's organisation that is new, which no approval has and the baseline of reconcile did
 * not show before the mail: what a claim without an MSN may be about. NULL:
 * there is none, or not one alone, or too many to tell. An unproven mail gets no such help: who forges one knows
 * organisations, and would only have to leave the MSN out.
 */
static int
unit_proposed(struct db *db, const struct claim *c, const struct unit_list *list, const struct unit **one,
    struct err *e)
{
	bool has;

	*one = NULL;
	if (!c->trusted || c->msn != NULL || list == NULL || !list->found || list->skipped > 0 || list->count > SETTLE_MAX_UNITS)
		return 0;
	for (int i = 0; i < list->count; i++) {
		if (approval_has_msn(db, c->org_scheme, c->org_number, list->units[i].msn, &has, e) == -1)
			return -1;
		if (!has && unit_is_baseline(db, list->units[i].msn, c->made_ms, &has, e) == -1)
			return -1;
		if (has)
			continue;
		if (*one != NULL) {
			*one = NULL;
			return 0;
		}
		*one = &list->units[i];
	}
	return 0;
}

/* The answer, for whoever asks later when it was given; and the remarks that it makes. */
static int
answer_write(struct enrich *en, const struct claim *c, enum answer answer, const struct said *said,
    struct arena *a, struct err *e)
{
	const char *reasons = decide_remarks(c->reasons, c, said, a);

	if (answer == ANSWER_NOT_ASKED)
		return 0;
	if (strcmp(reasons, c->reasons) != 0 && claim_reasons(en->db, c->id, reasons, e) == -1)
		return -1;
	return answer_add(en->db, arena_printf(a, "clm_%lld", (long long)c->id), answer_name(answer),
	    answer_said(said, a), en->now_ms, e);
}

int
settle_approval(struct enrich *en, int64_t id, const struct said *said, struct err *e)
{
	enum refresh_told told;

	if (refresh_apply(en->db, id, said->unit, said->merchant, en->now_ms, &told, e) == -1)
		return -1;
	en->refreshed++;
	en->changed += told == REFRESH_CHANGED;
	en->gone += told == REFRESH_GONE;
	return 0;
}

/* Another mail for a known key: what was asked for it is the newest that is known of the approval. */
static int
evidence_facts(struct enrich *en, const struct claim *c, const struct said *said, struct arena *a, struct err *e)
{
	struct approval	p;
	bool		found;

	if (approval_of_key(en->db, c, a, &p, &found, e) == -1)
		return -1;
	return found ? settle_approval(en, p.id, said, e) : 0;
}

static int
claim_confirm(struct enrich *en, const struct claim *c, const struct said *said, const char *api,
    struct arena *a, struct err *e)
{
	struct approval_facts	facts = {.api = api, .reasons = decide_remarks(NULL, c, said, a)};
	bool			made;

	if (said->unit != NULL) {
		facts.sales_unit_name = said->unit->name;
		facts.sales_unit = said->unit->json;
	}
	if (said->merchant != NULL) {
		facts.merchant_name = said->merchant->name;
		facts.country = said->merchant->country;
		facts.merchant = said->merchant->json;
	}
	if (approval_confirm(en->db, c, &facts, said->unit != NULL ? "management-api" :
	    c->accepted ? "person" : "sender", en->now_ms, &made, e) == -1)
		return -1;
	if (made)
		en->confirmed++;
	else
		en->evidence++;
	return made || said->unit == NULL ? 0 : evidence_facts(en, c, said, a, e);
}

int
settle_claim(struct enrich *en, const struct claim *c, const struct said *said, struct arena *a, struct err *e)
{
	enum answer	 answer = decide_answer(c, said->unit, said->merchant);
	struct decision	 d = decide_claim(c, answer, en->conf->without_api, en->now_ms);
	const char	*api = answer_record(c, answer, said, NULL, en->now_ms, a);
	bool		 nameless = c->merchant_name == NULL &&
	    (said->merchant == NULL || said->merchant->name == NULL);

	/* An approval must say who: neither the mail nor the API did. */
	if (d.state == CLAIM_CONFIRMED && (nameless || !decide_askable(c)))
		d.state = CLAIM_HELD;
	/* History that cannot be proven now is believed for the API's sake alone, or a person's (architecture, Proof). */
	if (d.state == CLAIM_CONFIRMED && answer == ANSWER_NOT_ASKED && !c->accepted && c->proof != NULL &&
	    strcmp(c->proof, "none") == 0)
		d.state = CLAIM_HELD;
	if (answer_write(en, c, answer, said, a, e) == -1)
		return -1;
	if (d.state == CLAIM_CONFIRMED)
		return claim_confirm(en, c, said, api, a, e);
	/* the API does not say again what it once said of this key */
	if (answer != ANSWER_NOT_ASKED && approval_ask_old(en->db, c, en->now_ms, e) == -1)
		return -1;
	if (d.state == CLAIM_PENDING) {
		en->pending++;
		return claim_wait(en->db, c->id, api, d.asks, d.next_ms, e);
	}
	en->waiting++;
	return claim_settle(en->db, c, d.state, api, en->now_ms, e);
}

int
settle_look(struct enrich *en, const struct claim *c, const struct said *said, struct arena *a, struct err *e)
{
	enum answer		 answer = said->unit == NULL && said->units != NULL ? ANSWER_NO_MSN :
	    decide_answer(c, said->unit, said->merchant);
	const struct unit	*proposed;

	if (unit_proposed(en->db, c, said->units, &proposed, e) == -1)
		return -1;
	if (claim_looked(en->db, c->id, answer_record(c, answer, said, proposed, en->now_ms, a), e) == -1)
		return -1;
	return answer_write(en, c, answer, said, a, e);
}
