#include <string.h>

#include "ingest/decide.h"
#include "ingest/refresh.h"
#include "store/answer.h"

/* The API's facts become the approval's. */
static void
facts_take(struct approval *p, const struct sales_unit *unit, const struct merchant *merchant)
{
	if (unit->name != NULL)
		p->sales_unit_name = unit->name;
	p->sales_unit = unit->json;
	if (merchant == NULL)
		return;
	p->merchant_name = merchant->name;
	p->merchant = merchant->json;
	if (merchant->country != NULL)
		p->country = merchant->country;
}

/* What is told of it, with its changes; NULL: nothing. */
static const char *
state_take(struct approval *p, const struct refreshed *r, struct json *changes)
{
	const bool	was_gone = strcmp(p->state, "gone") == 0;

	p->missing_ms = r->missing_ms;
	p->next_ms = r->next_ms;
	if (r->known && was_gone)
		p->state = "confirmed";
	if (r->gone && !was_gone) {
		p->state = "gone";
		decide_change_text(changes, "state", "confirmed", "gone");
		return "approval.gone";
	}
	if (r->known && was_gone)
		decide_change_text(changes, "state", "gone", "confirmed");
	return json_count(changes) > 0 ? "approval.changed" : NULL;
}

int
refresh_apply(struct db *db, int64_t id, const struct sales_unit *unit, const struct merchant *merchant,
    int64_t now_ms, enum refresh_told *told, struct err *e)
{
	struct arena	 a = {0};
	struct approval	 p;
	struct refreshed r;
	struct json	*changes = NULL;
	enum answer	 answer;
	const char	*type;
	int		 rc = -1;

	if (approval_get_row(db, id, &a, &p, e) == -1)
		goto out;
	answer = decide_answer(&(struct claim){.org_scheme = p.org_scheme, .org_number = p.org_number}, unit,
	    merchant);
	r = decide_refresh(&p, answer, now_ms);
	changes = r.known ? decide_changes(&p, unit, merchant) : json_array();
	if (r.known)
		facts_take(&p, unit, merchant);
	p.asked_ms = now_ms;
	type = state_take(&p, &r, changes);
	*told = type == NULL ? REFRESH_SAME : strcmp(type, "approval.gone") == 0 ? REFRESH_GONE : REFRESH_CHANGED;
	if (approval_keep(db, &p, type, changes, now_ms, e) == 0)
		rc = answer_add(db, p.apr, answer_name(answer), answer_said(&(struct said){.unit = unit, .merchant = merchant}, &a), now_ms, e);
out:
	json_free(changes);
	arena_free(&a);
	return rc;
}
