#include <string.h>

#include "store/approval.h"
#include "store/event.h"
#include "store/sql.h"

#define LOG_PAGE 100	/* entries read at a time: so quick that no commit waits for a reader */

/* ---------------------------------------------------------------- reading */

/* Takes the columns of APPROVAL_SELECT. */
static void
approval_read(struct row *r, struct arena *a, struct approval *p)
{
	*p = (struct approval){.id = row_int(r)};
	p->apr = row_text(r, a);
	p->state = row_text(r, a);
	p->confirmed_by = row_text(r, a);
	p->org_scheme = row_text(r, a);
	p->org_number = row_text(r, a);
	p->country = row_text(r, a);
	p->merchant_name = row_text(r, a);
	p->msn = row_text(r, a);
	p->sales_unit_name = row_text(r, a);
	p->received_ms = row_int(r);
	p->confirmed_ms = row_int(r);
	p->history = row_bool(r);
	p->mailbox = row_text(r, a);
	p->message_id = row_text(r, a);
	p->sender_domain = row_text(r, a);
	p->proof = row_text(r, a);
	p->merchant = row_text(r, a);
	p->sales_unit = row_text(r, a);
	p->junk = row_bool(r);
	p->asked_ms = row_int(r);
	p->reasons = row_text(r, a);
	p->missing_ms = row_int(r);
	p->next_ms = row_int(r);
	p->changes = row_int(r);
}

/* 1 and the approval, 0 if there is none. */
static int
approval_find(struct db *db, enum sql which, const struct sql_arg *args, struct arena *a,
    struct approval *p, struct err *e)
{
	struct row r;
	int got = sql_one(db, which, args, &r, e);

	if (got != 1)
		return got;
	approval_read(&r, a, p);
	sql_close(&r);
	return 1;
}

int
approval_get(struct db *db, const char *apr, struct arena *a, struct approval *p, struct err *e)
{
	int got = approval_find(db, SQL_APPROVAL_BY_APR, ARGS(arg_text(apr)), a, p, e);

	if (got == 0)
		return err_set(e, ERR_REJECT, "%s: there is no such approval", apr);
	return got == 1 ? 0 : -1;
}

int
approval_get_row(struct db *db, int64_t id, struct arena *a, struct approval *p, struct err *e)
{
	int got = approval_find(db, SQL_APPROVAL_BY_ID, ARGS(arg_int(id)), a, p, e);

	if (got == 0)
		return err_set(e, ERR_FATAL, "approval %lld: there is no such row", (long long)id);
	return got == 1 ? 0 : -1;
}

int
approval_of_key(struct db *db, const struct claim *c, struct arena *a, struct approval *p, bool *found,
    struct err *e)
{
	int got = approval_find(db, SQL_APPROVAL_BY_KEY,
	    ARGS(arg_text(c->org_scheme), arg_text(c->org_number), arg_text(c->msn)), a, p, e);

	*found = got == 1;
	return got < 0 ? -1 : 0;
}

/* ---------------------------------------------------------------- asked about again */

int
approval_due(struct db *db, int64_t now_ms, const struct db_but *but, int64_t *ids, int max, int *n, struct err *e)
{
	return sql_due(db, SQL_APPROVAL_DUE, now_ms, but, ids, max, n, e);
}

int
approval_ask(struct db *db, const char *apr, int64_t now_ms, int *n, struct err *e)
{
	*n = sql_run(db, SQL_APPROVAL_ASK, ARGS(arg_text(apr), arg_int(now_ms)), e);
	if (*n == 0 && apr != NULL)
		return err_set(e, ERR_REJECT, "%s: there is no such approval", apr);
	return *n < 0 ? -1 : 0;
}

int
approval_later(struct db *db, int64_t id, int64_t next_ms, struct err *e)
{
	return sql_write(db, SQL_APPROVAL_LATER, ARGS(arg_int(id), arg_int(next_ms)), e);
}

int
approval_put_off(struct db *db, int64_t now_ms, int64_t next_ms, struct err *e)
{
	return sql_run(db, SQL_APPROVAL_PUT_OFF, ARGS(arg_int(now_ms), arg_int(next_ms)), e) < 0 ? -1 : 0;
}

int
approval_ask_old(struct db *db, const struct claim *c, int64_t now_ms, struct err *e)
{
	return sql_run(db, SQL_APPROVAL_ASK_OLD,
	    ARGS(arg_text(c->org_scheme), arg_text(c->org_number), arg_text(c->msn),
		arg_int(now_ms - APPROVAL_OLD_MS), arg_int(now_ms)), e) < 0 ? -1 : 0;
}

/*
 * The cause counts what was told of the approval before: a name that changes back and forth is news each time, and
 * a restored log tells the same changes under the same ids.
 */
static int
change_event(struct db *db, const struct approval *p, const char *type, const struct json *changes,
    int64_t now_ms, struct err *e)
{
	struct arena a = {0};
	struct json *data = approval_json(p);
	int rc;

	json_put(data, "changes", json_copy(changes));
	rc = event_add(db, &(struct event_new){
		.type = type,
		.ref = p->apr,
		.cause = arena_printf(&a, "%lld %s", (long long)p->changes, json_print(changes, &a)),
		.data = data,
	    }, now_ms, e);
	arena_free(&a);
	return rc;
}

int
approval_keep(struct db *db, const struct approval *p, const char *type, const struct json *changes,
    int64_t now_ms, struct err *e)
{
	if (sql_write(db, SQL_APPROVAL_KEEP,
		ARGS(arg_int(p->id), arg_text(p->state), arg_text(p->country), arg_text(p->merchant_name),
		    arg_text(p->sales_unit_name), arg_text(p->merchant), arg_text(p->sales_unit),
		    arg_time(p->asked_ms), arg_time(p->missing_ms), arg_time(p->next_ms),
		    arg_int(p->changes + (type != NULL))), e) != 0)
		return -1;
	return type == NULL ? 0 : change_event(db, p, type, changes, now_ms, e);
}

int
approval_has_msn(struct db *db, const char *org_scheme, const char *org_number, const char *msn, bool *has,
    struct err *e)
{
	int64_t n = 0;

	if (sql_number(db, SQL_APPROVAL_HAS_MSN,
		ARGS(arg_text(org_scheme), arg_text(org_number), arg_text(msn)), &n, e) != 1)
		return -1;
	*has = n > 0;
	return 0;
}

/* ---------------------------------------------------------------- confirming */

static const char *
first_of(const char *one, const char *other)
{
	return one != NULL ? one : other;
}

static int
approval_add(struct db *db, const struct claim *c, const struct approval_facts *f,
    const char *confirmed_by, int64_t now_ms, struct err *e)
{
	struct db_id apr = db_public_id(db, "apr_", c->org_scheme, c->org_number, c->msn, NULL);
	bool asked = f->merchant != NULL || f->sales_unit != NULL;
	bool from = c->sender_domain != NULL && c->sender_domain[0] != '\0';
	int64_t id;
	int got;

	got = sql_number(db, SQL_APPROVAL_ADD,
	    ARGS(arg_text(apr.s), arg_text(confirmed_by), arg_text(c->org_scheme),
		arg_text(c->org_number), arg_text(c->msn),
		arg_text(first_of(f->country, c->country)),
		arg_text(first_of(f->merchant_name, c->merchant_name)),
		arg_text(first_of(f->sales_unit_name, c->sales_unit_name)),
		arg_time(c->received_ms), arg_int(now_ms), arg_int(c->history),
		arg_text(c->mailbox), arg_text(c->message_id),
		arg_text(from ? c->sender_domain : NULL), arg_text(c->proof),
		arg_text(f->merchant), arg_text(f->sales_unit),
		arg_time(asked ? now_ms : 0), arg_int(claim_in_junk(c)),
		arg_text(first_of(f->reasons, "[]"))),
	    &id, e);
	return got == 1 ? 0 : -1;
}

/*
 * The first mail for an approval that was recorded without one: it is from then on as if the mail had made it. *tell:
 * nobody was told of it yet.
 */
static int
approval_first_mail(struct db *db, const struct claim *c, const struct approval_facts *f, struct approval *p,
    bool *tell, struct arena *a, struct err *e)
{
	bool from = c->sender_domain != NULL && c->sender_domain[0] != '\0';
	int64_t id = p->id;
	int first, told = 0;

	first = sql_run(db, SQL_APPROVAL_MAIL, ARGS(arg_int(id), arg_time(c->received_ms),
	    arg_text(c->mailbox), arg_text(c->message_id), arg_text(from ? c->sender_domain : NULL),
	    arg_text(c->proof), arg_int(claim_in_junk(c)), arg_text(first_of(f->reasons, "[]"))), e);
	if (first >= 0 && !c->history)
		told = sql_run(db, SQL_APPROVAL_TELL, ARGS(arg_int(id)), e);
	if (first < 0 || told < 0)
		return -1;
	*tell = told == 1;
	if (first == 0)
		return 0;
	return approval_find(db, SQL_APPROVAL_BY_ID, ARGS(arg_int(id)), a, p, e) == 1 ? 0 : -1;
}

/* approval.confirmed, or evidence.added with the mail that says the same once more. */
static int
approval_event(struct db *db, const struct claim *c, const struct approval *p, bool made,
    int64_t now_ms, struct arena *a, struct err *e)
{
	struct json *data, *mail;
	const char *cause;

	if (claim_cause(db, c->id, a, &cause, e) != 0)
		return -1;
	data = approval_json(p);
	if (!made) {
		struct json *both = json_object();

		mail = json_object();
		json_put_text(mail, "id", arena_printf(a, "mail_%lld", (long long)c->mail_id));
		json_put_text(mail, "message_id", c->message_id);
		json_put_time(mail, "received_at", c->received_ms);
		json_put(both, "approval", data);
		json_put(both, "mail", mail);
		data = both;
	}
	return event_add(db, &(struct event_new){
		.type = made ? "approval.confirmed" : "evidence.added",
		.ref = p->apr,
		.cause = cause,
		.data = data,
		.history = c->history,
	    }, now_ms, e);
}

int
approval_confirm(struct db *db, const struct claim *c, const struct approval_facts *f,
    const char *confirmed_by, int64_t now_ms, bool *made, struct err *e)
{
	const struct sql_arg *key =
	    ARGS(arg_text(c->org_scheme), arg_text(c->org_number), arg_text(c->msn));
	struct arena a = {0};
	struct approval p;
	bool tell = true;
	int got, rc = -1;

	*made = false;
	if (c->org_scheme == NULL || c->org_number == NULL || c->msn == NULL)
		return err_set(e, ERR_REJECT, "clm_%lld names no sales unit of an organisation",
		    (long long)c->id);
	got = approval_find(db, SQL_APPROVAL_BY_KEY, key, &a, &p, e);
	if (got == 0) {
		*made = true;
		if (approval_add(db, c, f, confirmed_by, now_ms, e) != 0)
			goto out;
		got = approval_find(db, SQL_APPROVAL_BY_KEY, key, &a, &p, e);
	}
	if (got != 1 || (!*made && approval_first_mail(db, c, f, &p, &tell, &a, e) != 0))
		goto out;
	got = sql_run(db, SQL_CLAIM_CONFIRM,
	    ARGS(arg_int(c->id), arg_text(f->api), arg_int(now_ms), arg_int(p.id),
		arg_text(claim_state_name(c->state))),
	    e);
	if (got == 0)
		err_set(e, ERR_REJECT, "clm_%lld is no longer %s", (long long)c->id,
		    claim_state_name(c->state));
	if (got != 1)
		goto out;
	if (sql_run(db, SQL_CLAIM_SUPERSEDE, ARGS(arg_text(c->org_scheme), arg_text(c->org_number),
		arg_text(c->msn), arg_int(c->id), arg_int(now_ms), arg_int(p.id)), e) < 0)
		goto out;
	rc = approval_event(db, c, &p, tell, now_ms, &a, e);
out:
	arena_free(&a);
	return rc;
}

int
approval_record(struct db *db, const struct claim *key, const struct approval_facts *f, bool tell,
    int64_t now_ms, bool *made, struct arena *a, const char **apr, struct err *e)
{
	const struct sql_arg *by =
	    ARGS(arg_text(key->org_scheme), arg_text(key->org_number), arg_text(key->msn));
	const struct claim bare = {.org_scheme = key->org_scheme, .org_number = key->org_number,
	    .msn = key->msn, .country = key->country};
	struct approval p;
	int got = approval_find(db, SQL_APPROVAL_BY_KEY, by, a, &p, e);

	*made = got == 0;
	if (got == 0 && approval_add(db, &bare, f, "management-api", now_ms, e) == 0)
		got = approval_find(db, SQL_APPROVAL_BY_KEY, by, a, &p, e);
	if (got != 1)
		return -1;
	*apr = p.apr;
	if (!*made)
		return 0;
	if (sql_run(db, SQL_CLAIM_SUPERSEDE, ARGS(arg_text(bare.org_scheme), arg_text(bare.org_number),
		arg_text(bare.msn), arg_int(0), arg_int(now_ms), arg_int(p.id)), e) < 0)
		return -1;
	if (!tell)
		return sql_write(db, SQL_APPROVAL_UNTOLD, ARGS(arg_int(p.id)), e);
	return event_add(db, &(struct event_new){.type = "approval.confirmed", .ref = p.apr,
	    .cause = "reconcile", .data = approval_json(&p)}, now_ms, e);
}

/* ---------------------------------------------------------------- JSON */

struct json *
approval_json(const struct approval *p)
{
	struct json *o = json_object(), *sender = json_object();

	json_put_text(o, "id", p->apr);
	json_put_text(o, "state", p->state);
	json_put_text(o, "confirmed_by", p->confirmed_by);
	json_put_text(o, "org_scheme", p->org_scheme);
	json_put_text(o, "org_number", p->org_number);
	json_put_text(o, "country", p->country);
	json_put_text(o, "merchant_name", p->merchant_name);
	json_put_text(o, "msn", p->msn);
	json_put_text(o, "sales_unit_name", p->sales_unit_name);
	json_put_time(o, "received_at", p->received_ms);
	json_put_time(o, "confirmed_at", p->confirmed_ms);
	json_put_text(o, "mailbox", p->mailbox);
	json_put_bool(o, "found_in_junk", p->junk);
	json_put_text(o, "message_id", p->message_id);
	json_put_text(sender, "domain", p->sender_domain);
	json_put_text(sender, "proof", p->proof);
	json_put(o, "sender", sender);
	json_put(o, "merchant", json_ours(p->merchant));
	json_put(o, "sales_unit", json_ours(p->sales_unit));
	json_put(o, "reasons", json_ours(p->reasons));
	return o;
}

struct json *
log_entry_json(const struct log_entry *entry)
{
	return entry->is_claim ? claim_json(&entry->claim) : approval_json(&entry->approval);
}

/* ---------------------------------------------------------------- the log */

/* As SQL_LOG_PAGE numbers them: at one time and row number, in this order. */
enum { KIND_APPROVAL, KIND_CLAIM };

struct place {
	int64_t	kind, at_ms, row;
};

/* A text anywhere in a name: LIKE's own signs are escaped. */
static const char *
pattern_of(const char *text, struct arena *a)
{
	struct arena_buf b = {.arena = a};

	arena_puts(&b, "%");
	for (; *text != '\0'; text++) {
		if (strchr("%_\\", *text) != NULL)
			arena_puts(&b, "\\");
		arena_put(&b, text, 1);
	}
	arena_puts(&b, "%");
	return b.p;
}

/* " held pending ": what SQL_LOG_PAGE looks states up in. */
static const char *
states_of(const char **states, struct arena *a)
{
	struct arena_buf b = {.arena = a};

	arena_puts(&b, " ");
	for (; *states != NULL; states++)
		arena_putf(&b, "%s ", *states);
	return b.p;
}

/* The next places after *last, at most `max`. */
static int
page_places(struct db *db, const struct log_filter *f, const struct place *last, int max,
    struct place *places, int *n, struct arena *a, struct err *e)
{
	struct row r;
	int got;

	*n = 0;
	if (sql_open(db, SQL_LOG_PAGE,
		ARGS(arg_int(last->at_ms), arg_int(last->row),
		    arg_int(last->kind == KIND_APPROVAL ? last->row - 1 : last->row),
		    arg_text(f->states != NULL ? states_of(f->states, a) : NULL), arg_text(f->org),
		    arg_text(f->msn), arg_text(f->country), arg_text(f->mailbox), arg_text(f->text),
		    arg_text(f->text != NULL ? pattern_of(f->text, a) : NULL),
		    arg_time(f->since_ms), arg_time(f->until_ms), arg_int(max)),
		&r, e) != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1) {
		struct place *p = &places[(*n)++];

		p->kind = row_int(&r);
		p->at_ms = row_int(&r);
		p->row = row_int(&r);
	}
	return got;
}

/* One page, whole, as of one moment: *n entries in the arena, and *last moved past them. */
static int
page_read(struct db *db, const struct log_filter *f, struct place *last, int max,
    struct log_entry **entries, int *n, struct arena *a, struct err *e)
{
	struct place places[LOG_PAGE];
	bool opened;
	int rc = sql_read_begin(db, &opened, e);

	if (rc != 0)
		return rc;
	rc = page_places(db, f, last, max, places, n, a, e);
	*entries = arena_array(a, (size_t)*n, sizeof(**entries));
	for (int i = 0; rc == 0 && i < *n; i++) {
		struct log_entry *entry = &(*entries)[i];

		*last = places[i];
		entry->is_claim = places[i].kind == KIND_CLAIM;
		if (entry->is_claim)
			rc = claim_get(db, places[i].row, a, &entry->claim, e);
		else
			rc = approval_find(db, SQL_APPROVAL_BY_ID, ARGS(arg_int(places[i].row)), a,
			    &entry->approval, e) == 1 ? 0 : -1;
	}
	sql_read_end(db, opened);
	return rc;
}

int
approval_log(struct db *db, const struct log_filter *f,
    int (*each)(void *, const struct log_entry *, struct err *), void *ctx, struct err *e)
{
	struct place last = {.kind = KIND_CLAIM, .at_ms = INT64_MIN};
	int64_t left = f->limit > 0 ? f->limit : INT64_MAX;
	int want, n = 0, rc = 0;

	do {
		struct arena a = {0};
		struct log_entry *entries = NULL;

		want = left < LOG_PAGE ? (int)left : LOG_PAGE;
		rc = page_read(db, f, &last, want, &entries, &n, &a, e);
		for (int i = 0; rc == 0 && i < n; i++)
			rc = each(ctx, &entries[i], e);
		left -= n;
		arena_free(&a);
	} while (rc == 0 && n == want && left > 0);
	return rc == 0 ? 0 : -1;
}
