#include <string.h>

#include "base/clock.h"
#include "store/claim.h"
#include "store/event.h"
#include "store/sql.h"

static const char *const states[CLAIM_STATES] = {
	[CLAIM_AWAITING_PROOF] = "awaiting-proof",
	[CLAIM_PENDING] = "pending",
	[CLAIM_CONFIRMED] = "confirmed",
	[CLAIM_DISPUTED] = "disputed",
	[CLAIM_UNCONFIRMED] = "unconfirmed",
	[CLAIM_HELD] = "held",
	[CLAIM_REJECTED] = "rejected",
	[CLAIM_SUPERSEDED] = "superseded",
};

const char *
claim_state_name(enum claim_state s)
{
	return states[s];
}

int
claim_state_of(const char *name)
{
	for (int i = 0; i < CLAIM_STATES; i++)
		if (strcmp(states[i], name) == 0)
			return i;
	return -1;
}

/* ---------------------------------------------------------------- reading */

/* "NO" of "business:NO:ORG": the scheme names the country (architecture, Identifiers). */
static const char *
scheme_country(const char *scheme, struct arena *a)
{
	struct span rest, country;

	if (scheme == NULL)
		return NULL;
	rest = span_of(scheme);
	for (int part = 0; part < 2; part++)
		if (!span_cut(&rest, ':', &country))
			return NULL;
	return arena_textn(a, country.p, country.n);
}

/* Takes the columns of CLAIM_SELECT. */
static void
claim_read(struct row *r, struct arena *a, struct claim *c)
{
	*c = (struct claim){.id = row_int(r)};
	c->mail_id = row_int(r);
	c->n = (int)row_int(r);
	c->state = (enum claim_state)claim_state_of(row_text(r, a));	/* CHECKed by the table */
	c->trusted = row_bool(r);
	c->history = row_bool(r);
	c->org_scheme = row_text(r, a);
	c->org_number = row_text(r, a);
	c->merchant_name = row_text(r, a);
	c->msn = row_text(r, a);
	c->sales_unit_name = row_text(r, a);
	c->reasons = row_text(r, a);
	c->evidence = row_text(r, a);
	c->api = row_text(r, a);
	c->asks = (int)row_int(r);
	c->next_ms = row_int(r);
	c->told_ms = row_int(r);
	c->made_ms = row_int(r);
	c->settled_ms = row_int(r);
	c->approval_id = row_int(r);
	c->mailbox = row_text(r, a);
	c->message_id = row_text(r, a);
	c->sender_domain = row_text(r, a);
	c->proof = row_text(r, a);
	c->proof_detail = row_text(r, a);
	c->received_ms = row_int(r);
	c->accepted = row_bool(r);
	c->country = scheme_country(c->org_scheme, a);
}

int
claim_get(struct db *db, int64_t id, struct arena *a, struct claim *c, struct err *e)
{
	struct row r;
	int got = sql_one(db, SQL_CLAIM_GET, ARGS(arg_int(id)), &r, e);

	if (got == 0)
		return err_set(e, ERR_REJECT, "clm_%lld: there is no such claim", (long long)id);
	if (got < 0)
		return -1;
	claim_read(&r, a, c);
	sql_close(&r);
	return 0;
}

int
claim_due(struct db *db, int64_t now_ms, const struct db_but *but, int64_t *ids, int max, int *n, struct err *e)
{
	return sql_due(db, SQL_CLAIM_DUE, now_ms, but, ids, max, n, e);
}

int
claim_unproven(struct db *db, int64_t now_ms, int64_t since_ms, int64_t *ids, int max, int *n,
    struct err *e)
{
	struct row r;
	int got;

	*n = 0;
	if (sql_open(db, SQL_CLAIM_UNPROVEN,
		ARGS(arg_int(now_ms), arg_int(since_ms), arg_int(CLOCK_HOUR + CLOCK_MINUTE),
		    arg_int(6 * CLOCK_HOUR), arg_int(CLOCK_DAY), arg_int(max)),
		&r, e) != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1)
		ids[(*n)++] = row_int(&r);
	return got;
}

int
claim_unproven_asked(struct db *db, int64_t id, struct err *e)
{
	return sql_write(db, SQL_CLAIM_UNPROVEN_ASKED, ARGS(arg_int(id)), e);
}

int
claim_next(struct db *db, int64_t now_ms, int64_t *next_ms, struct err *e)
{
	return sql_number(db, SQL_CLAIM_NEXT, ARGS(arg_int(now_ms)), next_ms, e) < 0 ? -1 : 0;
}

int
claim_list_of(struct db *db, int64_t mail_id, int64_t approval_id, struct arena *a,
    struct claim **list, int *n, struct err *e)
{
	struct arena_buf b = {.arena = a};
	struct claim c;
	struct row r;
	int got;

	*n = 0;
	got = mail_id != 0 ? sql_open(db, SQL_CLAIM_OF_MAIL, ARGS(arg_int(mail_id)), &r, e) :
	    sql_open(db, SQL_CLAIM_OF_APPROVAL, ARGS(arg_int(approval_id)), &r, e);
	if (got != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1) {
		claim_read(&r, a, &c);
		arena_put(&b, &c, sizeof(c));
		(*n)++;
	}
	*list = (struct claim *)(void *)b.p;
	return got;
}

int
claim_cause(struct db *db, int64_t id, struct arena *a, const char **cause, struct err *e)
{
	struct row r;
	int got = sql_one(db, SQL_CLAIM_CAUSE, ARGS(arg_int(id)), &r, e);

	if (got == 0)	/* without it two claims would share the ids of their events */
		return err_set(e, ERR_FATAL, "clm_%lld: its mail has no hash", (long long)id);
	if (got < 0)
		return -1;
	*cause = row_text(&r, a);
	sql_close(&r);
	return 0;
}

/* ---------------------------------------------------------------- changing */

/* claim.STATE, with the claim as it is now. Its number is a row's, so its mail and place name it. */
static int
claim_event(struct db *db, int64_t id, enum claim_state state, const char *cause, int64_t now_ms,
    struct err *e)
{
	struct arena a = {0};
	struct claim c = {0};
	int rc = claim_get(db, id, &a, &c, e);

	if (rc == 0)
		rc = event_add(db, &(struct event_new){
			.type = arena_printf(&a, "claim.%s", claim_state_name(state)),
			.ref = arena_printf(&a, "clm_%lld", (long long)id),
			.subject = arena_printf(&a, "%s/%d", cause, c.n),
			.cause = cause,
			.data = claim_json(&c),
			.history = c.history,
			.untrusted = !c.trusted,
		    }, now_ms, e);
	arena_free(&a);
	return rc;
}

int
claim_add(struct db *db, const struct claim *c, const char *cause, int64_t now_ms, int64_t *id,
    struct err *e)
{
	bool waits = c->state == CLAIM_AWAITING_PROOF || c->state == CLAIM_PENDING;

	if (sql_number(db, SQL_CLAIM_ADD,
		ARGS(arg_int(c->mail_id), arg_int(c->n), arg_text(claim_state_name(c->state)),
		    arg_int(c->trusted), arg_int(c->history), arg_text(c->org_scheme),
		    arg_text(c->org_number), arg_text(c->merchant_name), arg_text(c->msn),
		    arg_text(c->sales_unit_name), arg_text(c->reasons), arg_text(c->evidence),
		    arg_text(c->api), arg_int(c->asks),
		    c->state == CLAIM_PENDING ? arg_int(c->next_ms) : arg_text(NULL),
		    arg_int(now_ms), waits ? arg_text(NULL) : arg_int(now_ms)),
		id, e) != 1)
		return -1;
	return c->state == CLAIM_HELD ? claim_event(db, *id, CLAIM_HELD, cause, now_ms, e) : 0;
}

int
claim_drop_awaiting(struct db *db, int64_t mail_id, struct err *e)
{
	return sql_run(db, SQL_CLAIM_DROP_AWAITING, ARGS(arg_int(mail_id)), e) < 0 ? -1 : 0;
}

int
claim_wait(struct db *db, int64_t id, const char *api, int asks, int64_t next_ms, struct err *e)
{
	return sql_write(db, SQL_CLAIM_WAIT,
	    ARGS(arg_int(id), arg_text(api), arg_int(asks), arg_int(next_ms)), e);
}

int
claim_looked(struct db *db, int64_t id, const char *api, struct err *e)
{
	return sql_write(db, SQL_REVIEW_LOOKED, ARGS(arg_int(id), arg_text(api)), e);
}

int
claim_tell_pending(struct db *db, const struct claim *c, int64_t now_ms, struct err *e)
{
	struct arena a = {0};
	const char *cause = NULL;
	int rc = sql_run(db, SQL_CLAIM_TOLD, ARGS(arg_int(c->id), arg_int(now_ms)), e);

	if (rc == 1) {
		rc = claim_cause(db, c->id, &a, &cause, e);
		if (rc == 0)
			rc = claim_event(db, c->id, CLAIM_PENDING, cause, now_ms, e);
	}
	arena_free(&a);
	return rc;
}

int
claim_reasons(struct db *db, int64_t id, const char *reasons, struct err *e)
{
	return sql_write(db, SQL_CLAIM_REASONS, ARGS(arg_int(id), arg_text(reasons)), e);
}

int
claim_settle(struct db *db, const struct claim *c, enum claim_state state, const char *api,
    int64_t now_ms, struct err *e)
{
	struct arena a = {0};
	const char *cause = NULL;
	int rc;

	if (state != CLAIM_DISPUTED && state != CLAIM_UNCONFIRMED && state != CLAIM_HELD &&
	    state != CLAIM_REJECTED)
		return err_set(e, ERR_FATAL, "clm_%lld cannot be settled as %s", (long long)c->id,
		    claim_state_name(state));
	rc = sql_run(db, SQL_CLAIM_SETTLE,
	    ARGS(arg_int(c->id), arg_text(claim_state_name(state)), arg_text(api), arg_int(now_ms),
		arg_text(claim_state_name(c->state))),
	    e);
	if (rc == 0)
		return err_set(e, ERR_REJECT, "clm_%lld is no longer %s", (long long)c->id,
		    claim_state_name(c->state));
	if (rc == 1)
		rc = claim_cause(db, c->id, &a, &cause, e);
	if (rc == 0)
		rc = claim_event(db, c->id, state, cause, now_ms, e);
	arena_free(&a);
	return rc;
}

/* ---------------------------------------------------------------- JSON */

bool
claim_in_junk(const struct claim *c)
{
	return c->reasons != NULL && strstr(c->reasons, "\"" CLAIM_IN_JUNK "\"") != NULL;
}

struct json *
claim_json(const struct claim *c)
{
	struct json *o = json_object(), *sender = json_object();
	bool from = c->sender_domain != NULL && c->sender_domain[0] != '\0';
	struct arena a = {0};

	json_put_text(o, "id", arena_printf(&a, "clm_%lld", (long long)c->id));
	json_put_text(o, "state", claim_state_name(c->state));
	json_put(o, "confirmed_by", NULL);
	json_put_text(o, "org_scheme", c->org_scheme);
	json_put_text(o, "org_number", c->org_number);
	json_put_text(o, "country", c->country);
	json_put_text(o, "merchant_name", c->merchant_name);
	json_put_text(o, "msn", c->msn);
	json_put_text(o, "sales_unit_name", c->sales_unit_name);
	json_put_time(o, "received_at", c->received_ms);
	json_put(o, "confirmed_at", NULL);
	json_put_text(o, "mailbox", c->mailbox);
	json_put_bool(o, "found_in_junk", claim_in_junk(c));
	json_put_text(o, "message_id", c->message_id);
	json_put_text(sender, "domain", from ? c->sender_domain : NULL);
	json_put_text(sender, "proof", c->proof);
	json_put(o, "sender", sender);
	json_put(o, "merchant", NULL);
	json_put(o, "sales_unit", NULL);
	json_put(o, "reasons", json_ours(c->reasons));
	json_put(o, "evidence", json_ours(c->evidence));
	json_put(o, "api", json_ours(c->api));
	arena_free(&a);
	return o;
}
