#include <string.h>

#include "base/clock.h"
#include "store/approval.h"
#include "store/event.h"
#include "store/review.h"
#include "store/sql.h"

/* ---------------------------------------------------------------- reading */

int
review_list_of(struct db *db, int64_t claim_id, int64_t mail_id, struct arena *a,
    struct review **list, int *n, struct err *e)
{
	struct arena_buf b = {.arena = a};
	struct row r;
	int got;

	*n = 0;
	*list = NULL;
	if (sql_open(db, claim_id != 0 ? SQL_REVIEW_OF_CLAIM : SQL_REVIEW_OF_MAIL,
		ARGS(arg_int(claim_id != 0 ? claim_id : mail_id)), &r, e) != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1) {
		struct review v = {.accept = strcmp(row_text(&r, a), "accept") == 0};
		const char *uid;

		v.was = row_text(&r, a);
		v.why = row_text(&r, a);
		uid = row_text(&r, a);	/* a number, or NULL */
		v.login_uid = uid != NULL ? 0 : -1;
		for (; uid != NULL && *uid != '\0'; uid++)
			v.login_uid = v.login_uid * 10 + (*uid - '0');
		v.user = row_text(&r, a);
		v.by = row_text(&r, a);
		v.at_ms = row_int(&r);
		v.msn = row_text(&r, a);
		arena_put(&b, &v, sizeof(v));
		(*n)++;
	}
	*list = (struct review *)(void *)b.p;
	return got;
}

struct json *
review_json(const struct review *v)
{
	struct json *j = json_object();

	json_put_text(j, "decision", v->accept ? "accept" : "reject");
	json_put_text(j, "was", v->was);
	json_put_text(j, "why", v->why);
	json_put_text(j, "user", v->user);
	if (v->login_uid < 0)
		json_put(j, "login_uid", NULL);
	else
		json_put_int(j, "login_uid", v->login_uid);
	json_put_text(j, "by", v->by);
	json_put_time(j, "at", v->at_ms);
	json_put_text(j, "msn", v->msn);
	return j;
}

static int
waiting_read(struct db *db, const struct review_filter *f, struct review_item *list, int *n,
    struct err *e)
{
	struct row r;
	int got;

	if (sql_open(db, SQL_REVIEW_WAITING,
		ARGS(arg_text(f->mailbox), arg_time(f->since_ms), arg_int(f->limit)), &r, e) != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1) {
		list[*n].is_claim = row_int(&r) == 0;
		list[(*n)++].id = row_int(&r);
	}
	return got;
}

int
review_waiting(struct db *db, const struct review_filter *f, struct arena *a,
    struct review_item **list, int *n, int64_t *all, struct err *e)
{
	bool opened;
	int got;

	*n = 0;
	*list = arena_array(a, (size_t)f->limit, sizeof(**list));
	if (sql_read_begin(db, &opened, e) != 0)
		return -1;
	got = sql_number(db, SQL_REVIEW_COUNT, ARGS(arg_text(f->mailbox), arg_time(f->since_ms)), all, e);
	if (got == 1)
		got = waiting_read(db, f, *list, n, e);
	sql_read_end(db, opened);
	return got;
}

/* ---------------------------------------------------------------- deciding */

static int
review_add(struct db *db, int64_t claim_id, int64_t mail_id, const struct review *v,
    const char *was, struct err *e)
{
	return sql_write(db, SQL_REVIEW_ADD,
	    ARGS(arg_time(claim_id), arg_time(mail_id), arg_text(v->accept ? "accept" : "reject"),
		arg_text(was), arg_text(v->why), v->login_uid < 0 ? arg_text(NULL) : arg_int(v->login_uid),
		arg_text(v->user), arg_text(v->by), arg_int(v->at_ms), arg_text(v->msn)),
	    e);
}

/* Who settled it before, in words: ", by NAME at TIME". */
static const char *
by_whom(const struct review *last, struct arena *a)
{
	if (last == NULL)
		return "";
	return arena_printf(a, ", by %s at %s", last->by != NULL ? last->by : last->user,
	    clock_iso(last->at_ms).s);
}

/* claim.accepted or claim.rejected, with the claim as it now is. Named by its mail and the reviews before. */
static int
review_event(struct db *db, int64_t id, const struct review *v, const char *was, struct arena *a,
    struct err *e)
{
	struct review shown = *v;
	struct json *data;
	struct claim c;
	const char *cause;

	if (claim_get(db, id, a, &c, e) != 0 || claim_cause(db, id, a, &cause, e) != 0)
		return -1;
	shown.was = was;
	data = claim_json(&c);
	json_put(data, "review", review_json(&shown));
	return event_add(db, &(struct event_new){
		.type = v->accept ? "claim.accepted" : "claim.rejected",
		.ref = arena_printf(a, "clm_%lld", (long long)id),
		.subject = arena_printf(a, "%s/%d", cause, c.n),
		.cause = cause,
		.data = data,
		.history = c.history,
		.untrusted = !c.trusted,
	    }, v->at_ms, e);
}

/* What stands in the way of accepting it, in words; NULL: nothing. `state` is that before a rejection. */
static const char *
accept_refused(const struct claim *c, enum claim_state state, bool although_disputed, bool no_api,
    struct arena *a)
{
	bool asked = state == CLAIM_DISPUTED || state == CLAIM_UNCONFIRMED;

	if (c->org_scheme == NULL || c->org_number == NULL || c->msn == NULL)
		return "it names no organisation or no MSN that could be approved (--msn gives it one)";
	if (asked && !although_disputed)
		return arena_printf(a, "it is %s: the API does not agree; say --although-disputed if you know better",
		    claim_state_name(state));
	if ((asked || no_api) && c->merchant_name == NULL)
		return "it names no merchant, and no API will";
	return NULL;
}

/* Accepts it: asked for again, or confirmed by the person at once. */
static int
claim_accept(struct db *db, const struct claim *c, enum claim_state state, int64_t now_ms, struct err *e)
{
	static const struct approval_facts none = {0};
	bool made;

	if (state == CLAIM_DISPUTED || state == CLAIM_UNCONFIRMED)
		return approval_confirm(db, c, &none, "person", now_ms, &made, e);
	return sql_write(db, SQL_REVIEW_ACCEPT, ARGS(arg_int(c->id), arg_int(now_ms)), e);
}

static int
claim_reject(struct db *db, const struct claim *c, int64_t now_ms, struct err *e)
{
	return sql_write(db, SQL_CLAIM_SETTLE,
	    ARGS(arg_int(c->id), arg_text(claim_state_name(CLAIM_REJECTED)), arg_text(NULL), arg_int(now_ms),
		arg_text(claim_state_name(c->state))),
	    e);
}

/* Can it be decided so in its state? ERR_REJECT says why not. *state: what it was before a rejection. */
static int
claim_decidable(const struct claim *c, const struct review *v, const struct review *last,
    enum claim_state *state, struct arena *a, struct err *e)
{
	const char *name = claim_state_name(c->state);

	*state = c->state;
	switch (c->state) {
	case CLAIM_HELD:
	case CLAIM_DISPUTED:
	case CLAIM_UNCONFIRMED:
		return 0;
	case CLAIM_REJECTED:
		if (!v->accept || last == NULL)
			break;
		*state = (enum claim_state)claim_state_of(last->was);
		if (*state == CLAIM_PENDING)	/* accepted before, and then rejected */
			*state = CLAIM_HELD;
		return 0;
	case CLAIM_PENDING:
		if (v->accept)
			return err_set(e, ERR_REJECT, "clm_%lld: it is pending already%s: the API is being asked",
			    (long long)c->id, by_whom(last, a));
		return 0;
	case CLAIM_AWAITING_PROOF:
		return err_set(e, ERR_REJECT, "clm_%lld: it awaits its proof: nothing is to be decided yet",
		    (long long)c->id);
	case CLAIM_CONFIRMED:
	case CLAIM_SUPERSEDED:
	case CLAIM_STATES:
		break;
	}
	return err_set(e, ERR_REJECT, "clm_%lld: it is %s already%s", (long long)c->id, name,
	    by_whom(last, a));
}

int
review_claim(struct db *db, int64_t id, const struct review *v, bool although_disputed, bool no_api,
    struct err *e)
{
	struct arena a = {0};
	struct claim c;
	struct review *before;
	enum claim_state state;
	const char *refused;
	int n, rc = -1;

	if (claim_get(db, id, &a, &c, e) != 0 || review_list_of(db, id, 0, &a, &before, &n, e) != 0 ||
	    claim_decidable(&c, v, n > 0 ? &before[n - 1] : NULL, &state, &a, e) != 0)
		goto out;
	if (v->msn != NULL && c.msn != NULL) {
		err_set(e, ERR_REJECT, "clm_%lld: it says its MSN itself", (long long)id);
		goto out;
	}
	if (v->msn != NULL)
		c.msn = v->msn;
	refused = v->accept ? accept_refused(&c, state, although_disputed, no_api, &a) : NULL;
	if (refused != NULL) {
		err_set(e, ERR_REJECT, "clm_%lld: %s", (long long)id, refused);
		goto out;
	}
	if (review_add(db, id, 0, v, claim_state_name(c.state), e) != 0)
		goto out;
	if (v->msn != NULL && sql_write(db, SQL_REVIEW_MSN, ARGS(arg_int(id), arg_text(v->msn)), e) != 0)
		goto out;
	if ((v->accept ? claim_accept(db, &c, state, v->at_ms, e) : claim_reject(db, &c, v->at_ms, e)) != 0)
		goto out;
	rc = review_event(db, id, v, claim_state_name(c.state), &a, e);
out:
	arena_free(&a);
	return rc;
}

int
review_mail(struct db *db, int64_t id, const struct review *v, struct err *e)
{
	struct arena a = {0};
	struct mail_row m;
	struct review *before;
	bool unmatched;
	int n, rc = -1;

	if (mail_get(db, id, &a, &m, e) != 0 || review_list_of(db, 0, id, &a, &before, &n, e) != 0)
		goto out;
	unmatched = m.fate == MAIL_READ && m.trusted && m.kind != NULL && *m.kind == '\0';
	if (n > 0)
		err_set(e, ERR_REJECT, "mail_%lld: it was %s already%s", (long long)id,
		    before[0].accept ? "accepted" : "rejected", by_whom(&before[0], &a));
	else if (m.same_as != 0)
		err_set(e, ERR_REJECT, "mail_%lld: it has the bytes of mail_%lld: decide about that one",
		    (long long)id, (long long)m.same_as);
	else if (m.fate != MAIL_QUARANTINED && !unmatched)
		err_set(e, ERR_REJECT, "mail_%lld: it waits for nobody (%s)", (long long)id,
		    mail_fate_name(m.fate));
	else
		rc = review_add(db, 0, id, v, mail_fate_name(m.fate), e);
out:
	arena_free(&a);
	return rc;
}
