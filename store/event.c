#include <string.h>

#include "base/digest.h"
#include "store/event.h"
#include "store/sql.h"

#define EVENT_SALT_BYTES 32	/* as the HMAC: what a short payload was cannot be guessed */
#define EVENT_PAGE	 500	/* verified in one read: a commit waits for milliseconds */
#define EVENT_LEAD	 0x00	/* a leaf, should the chain become a tree (RFC 6962 2.1) */

static const char *const severities[SEVERITIES] = {
	[SEVERITY_INFO] = "info", [SEVERITY_ATTENTION] = "attention", [SEVERITY_URGENT] = "urgent",
};

static const struct {
	const char	*name;
	enum severity	 severity;
	bool		 stranger;	/* anybody can bring it about: nothing was proven */
} types[] = {
	{ "approval.confirmed", SEVERITY_INFO, false },
	{ "approval.missing-mail", SEVERITY_ATTENTION, false },
	{ "approval.changed", SEVERITY_INFO, false },
	{ "approval.gone", SEVERITY_ATTENTION, false },
	{ "evidence.added", SEVERITY_INFO, false },
	{ "claim.pending", SEVERITY_ATTENTION, false },
	{ "claim.held", SEVERITY_ATTENTION, false },
	{ "claim.disputed", SEVERITY_ATTENTION, false },
	{ "claim.unconfirmed", SEVERITY_ATTENTION, false },
	{ "claim.accepted", SEVERITY_INFO, false },
	{ "claim.rejected", SEVERITY_INFO, false },
	{ "mail.unmatched", SEVERITY_ATTENTION, false },
	{ "mail.quarantined", SEVERITY_ATTENTION, false },
	{ "mail.oversize", SEVERITY_ATTENTION, true },
	{ "mail.vanished", SEVERITY_ATTENTION, false },
	{ "mail.stuck", SEVERITY_ATTENTION, false },
	{ "mail.unknown-sender", SEVERITY_ATTENTION, true },
	{ "mail.recognised", SEVERITY_INFO, false },
	{ "mailbox.failing", SEVERITY_URGENT, false },
	{ "mailbox.recovered", SEVERITY_INFO, false },
	{ "api.failing", SEVERITY_URGENT, false },
	{ "api.recovered", SEVERITY_INFO, false },
	{ "endpoint.failing", SEVERITY_URGENT, false },
	{ "endpoint.disabled", SEVERITY_URGENT, false },
	{ "endpoint.recovered", SEVERITY_INFO, false },
	{ "history.loaded", SEVERITY_INFO, false },
	{ "order.expired", SEVERITY_INFO, false },
	{ "order.rejected", SEVERITY_INFO, false },
	{ "config.changed", SEVERITY_INFO, false },
};

const char *
severity_name(enum severity s)
{
	return severities[s];
}

int
severity_of(const char *name)
{
	for (int i = 0; i < SEVERITIES; i++)
		if (strcmp(severities[i], name) == 0)
			return i;
	return -1;
}

const char *
event_type(int i)
{
	return i >= 0 && (size_t)i < COUNT(types) ? types[i].name : NULL;
}

int
event_severity(const char *type)
{
	for (size_t i = 0; i < COUNT(types); i++)
		if (strcmp(types[i].name, type) == 0)
			return (int)types[i].severity;
	return -1;
}

static bool
is_stranger(const char *type)
{
	for (size_t i = 0; i < COUNT(types); i++)
		if (strcmp(types[i].name, type) == 0)
			return types[i].stranger;
	return false;
}

bool
event_budgeted(const char *type, bool untrusted)
{
	return untrusted && (strcmp(type, "claim.held") == 0 || strncmp(type, "mail.", 5) == 0);
}

/* ---------------------------------------------------------------- the chain */

struct link {
	int64_t		 seq, at_ms;
	struct span	 id, type, ref;		/* as stored: a NUL in one is a change too */
	uint8_t		 commit[DIGEST_BYTES], prev[DIGEST_BYTES], hash[DIGEST_BYTES];
};

static struct span
bytes(const uint8_t b[DIGEST_BYTES])
{
	return (struct span){(const char *)b, DIGEST_BYTES};
}

static void
link_hash(const struct link *l, uint8_t out[DIGEST_BYTES])
{
	struct digest *d = digest_open(EVENT_LEAD);

	digest_add_int(d, l->seq);
	digest_add(d, l->id);
	digest_add_int(d, l->at_ms);
	digest_add(d, l->type);
	digest_add(d, l->ref);
	digest_add(d, bytes(l->commit));
	digest_add(d, bytes(l->prev));
	digest_close(d, out);
}

/* Copies a column of 32 bytes; false if it is anything else. */
static bool
row_hash(struct row *r, uint8_t out[DIGEST_BYTES])
{
	struct span b = row_blob(r);

	if (b.n != DIGEST_BYTES)
		return false;
	memcpy(out, b.p, DIGEST_BYTES);
	return true;
}

/* The place after the newest event: its number, and the hash that it must carry. */
static int
chain_end(struct db *db, struct link *l, struct err *e)
{
	struct row r;
	int got = sql_one(db, SQL_EVENT_HEAD, NULL, &r, e);
	bool whole;

	l->seq = 1;
	memset(l->prev, 0, sizeof(l->prev));
	if (got != 1)
		return got;
	l->seq = row_int(&r) + 1;
	whole = row_hash(&r, l->prev);
	sql_close(&r);
	if (whole)
		return 0;
	return err_what(e, ERR_FATAL, ERR_DATABASE,
	    "event %lld has no hash: run `approvals verify`", (long long)l->seq - 1);
}

/* Takes the data. */
static int
link_add(struct db *db, struct link *l, const struct event_new *ev, struct err *e)
{
	struct arena a = {0};
	struct json *payload = json_object();
	uint8_t salt[EVENT_SALT_BYTES];
	const char *text;
	bool untrusted = ev->untrusted || is_stranger(ev->type);
	int rc = -1;

	json_put_bool(payload, "history", ev->history);
	if (untrusted)
		json_put_bool(payload, "untrusted", true);
	json_put(payload, "data", ev->data);
	text = json_print(payload, &a);
	digest_random(salt, sizeof(salt));
	digest_hmac((struct span){(const char *)salt, sizeof(salt)}, span_of(text), l->commit);
	if (chain_end(db, l, e) != 0)
		goto out;
	link_hash(l, l->hash);
	if (sql_run(db, SQL_EVENT_ADD, ARGS(arg_int(l->seq), arg_text(l->id.p), arg_int(l->at_ms),
		arg_text(l->type.p), arg_text(l->ref.p), arg_blob(l->commit, DIGEST_BYTES),
		arg_blob(l->prev, DIGEST_BYTES), arg_blob(l->hash, DIGEST_BYTES)), e) < 0)
		goto out;
	if (sql_run(db, SQL_EVENT_PAYLOAD_ADD, ARGS(arg_int(l->seq), arg_blob(salt, sizeof(salt)),
		arg_text(text)), e) < 0)
		goto out;
	if (ev->history || sql_run(db, SQL_EVENT_WAIT, ARGS(arg_int(l->seq),
		arg_int(event_budgeted(ev->type, untrusted))), e) >= 0)
		rc = 0;
out:
	json_free(payload);
	arena_free(&a);
	return rc;
}

int
event_add(struct db *db, const struct event_new *ev, int64_t now_ms, struct err *e)
{
	struct db_id id = db_public_id(
	    db, "evt_", ev->type, ev->subject != NULL ? ev->subject : ev->ref, ev->cause, NULL);
	struct link l = {.at_ms = now_ms, .id = span_of(id.s), .type = span_of(ev->type),
	    .ref = span_of(ev->ref)};
	int64_t seq;
	int rc;

	if (event_severity(ev->type) < 0)
		rc = err_set(e, ERR_FATAL, "event type \"%s\" is not known", ev->type);
	else
		rc = sql_number(db, SQL_EVENT_HAS, ARGS(arg_text(id.s)), &seq, e);
	if (rc == 0)
		return link_add(db, &l, ev, e);
	json_free(ev->data);
	return rc < 0 ? -1 : 0;
}

/* ---------------------------------------------------------------- reading */

/* Splits the payload into its mark and the data. An erased one has neither. */
static int
payload_read(const char *payload, struct arena *a, struct event *ev, struct err *e)
{
	struct json *root = NULL;
	const struct json *data;

	if (payload == NULL)
		return 0;
	if (json_parse(span_of(payload), &root, e) != 0)
		root = NULL;
	data = json_get(root, "data");
	if (data != NULL && json_bool(json_get(root, "history"), &ev->history))
		ev->data = json_print(data, a);
	json_bool(json_get(root, "untrusted"), &ev->untrusted);
	json_free(root);
	return ev->data != NULL ? 0 : err_what(e, ERR_FATAL, ERR_DATABASE,
	    "event %lld has a broken payload: run `approvals verify`", (long long)ev->seq);
}

/* Takes the columns of EVENT_SELECT. */
static int
event_read(struct row *r, struct arena *a, struct event *ev, struct err *e)
{
	*ev = (struct event){0};
	ev->seq = row_int(r);
	ev->at_ms = row_int(r);
	ev->id = row_text(r, a);
	ev->type = row_text(r, a);
	ev->ref = row_text(r, a);
	return payload_read(row_text(r, a), a, ev, e);
}

int
event_get(struct db *db, const char *id, struct arena *a, struct event *ev, struct err *e)
{
	struct row r;
	int rc = sql_one(db, SQL_EVENT_GET, ARGS(arg_text(id)), &r, e);

	if (rc == 0)
		return err_set(e, ERR_REJECT, "%s: there is no such event", id);
	if (rc < 0)
		return -1;
	rc = event_read(&r, a, ev, e);
	sql_close(&r);
	return rc;
}

int
event_list_of(
    struct db *db, const char *ref, struct arena *a, struct event **list, int *n, struct err *e)
{
	struct arena_buf b = {.arena = a};
	struct event ev;
	struct row r;
	int got;

	*n = 0;
	if (sql_open(db, SQL_EVENT_OF, ARGS(arg_text(ref)), &r, e) != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1) {
		if (event_read(&r, a, &ev, e) != 0) {
			sql_close(&r);
			return -1;
		}
		arena_put(&b, &ev, sizeof(ev));
		(*n)++;
	}
	*list = (struct event *)(void *)b.p;
	return got;
}

int
event_next_waiting(struct db *db, struct arena *a, struct event *ev, struct err *e)
{
	struct row r;
	int rc = sql_one(db, SQL_EVENT_WAITING, NULL, &r, e);

	*ev = (struct event){0};
	if (rc != 1)
		return rc;
	rc = event_read(&r, a, ev, e);
	sql_close(&r);
	return rc;
}

/* ---------------------------------------------------------------- verify */

/* What is wrong with the row at hand (*at), or NULL. `last` is the link before it. */
static const char *
link_check(struct row *r, struct link *last, int64_t *at)
{
	struct link l = {.seq = row_int(r)};
	uint8_t want[DIGEST_BYTES];
	bool whole, has_payload;
	struct span salt, payload;

	*at = l.seq;
	l.id = row_blob(r);
	l.at_ms = row_int(r);
	l.type = row_blob(r);
	l.ref = row_blob(r);
	whole = row_hash(r, l.commit);
	whole = row_hash(r, l.prev) && whole;
	whole = row_hash(r, l.hash) && whole;
	has_payload = row_bool(r);
	salt = row_blob(r);
	payload = row_blob(r);
	if (l.seq != last->seq + 1)
		return "events before it are missing";
	if (!whole)
		return "a hash is not 32 bytes";
	if (!digest_equal(l.prev, last->hash, DIGEST_BYTES))
		return "it does not follow the event before it";
	link_hash(&l, want);
	if (!digest_equal(want, l.hash, DIGEST_BYTES))
		return "its row was changed";
	if (!has_payload)
		return "its payload was removed, not erased";
	if ((salt.p == NULL) != (payload.p == NULL))
		return "its payload is half erased";
	if (payload.p != NULL) {
		digest_hmac(salt, payload, want);
		if (!digest_equal(want, l.commit, DIGEST_BYTES))
			return "its payload was changed";
	}
	last->seq = l.seq;
	memcpy(last->hash, l.hash, DIGEST_BYTES);
	return NULL;
}

/* One page. *seen counts its rows; *problem is static text about event *at. */
static int
page_check(
    struct db *db, struct link *last, int *seen, int64_t *at, const char **problem, struct err *e)
{
	struct row r;
	int got;

	*seen = 0;
	if (sql_open(db, SQL_EVENT_CHAIN, ARGS(arg_int(last->seq), arg_int(EVENT_PAGE)), &r, e) !=
	    0)
		return -1;
	while ((got = sql_next(&r, e)) == 1) {
		(*seen)++;
		*problem = link_check(&r, last, at);
		if (*problem != NULL) {
			sql_close(&r);
			return 0;
		}
	}
	return got;
}

int
event_verify(struct db *db, struct arena *a, int64_t *count, uint8_t head[32], const char **problem,
    struct err *e)
{
	struct link last = {.seq = 0};
	const char *wrong = NULL;
	int64_t at = 0;
	int seen;

	do {
		if (page_check(db, &last, &seen, &at, &wrong, e) != 0)
			return -1;
	} while (wrong == NULL && seen == EVENT_PAGE);
	*count = last.seq;
	memcpy(head, last.hash, DIGEST_BYTES);
	*problem = wrong == NULL ? NULL : arena_printf(a, "event %lld: %s", (long long)at, wrong);
	return 0;
}

/* ---------------------------------------------------------------- trouble */

struct trouble_row {
	int64_t		 since_ms, attempts, said_ms, told_ms;	/* 0: not yet */
	const char	*error;
};

/* Gets or counts, by `which`: 1 if there is such a row. */
static int
trouble_read(struct db *db, enum sql which, const struct sql_arg *args, struct arena *a,
    struct trouble_row *t, struct err *e)
{
	struct row r;
	int got = sql_one(db, which, args, &r, e);

	if (got != 1)
		return got;
	t->since_ms = row_int(&r);
	t->attempts = row_int(&r);
	t->said_ms = row_int(&r);
	t->told_ms = row_int(&r);
	t->error = row_text(&r, a);
	sql_close(&r);
	return 1;
}

/* kind.failing or kind.recovered: one of each for one spell, which its beginning names. */
static int
trouble_event(struct db *db, const char *kind, const char *name, const char *what,
    const struct trouble_row *t, int64_t now_ms, struct arena *a, struct err *e)
{
	struct json *data = json_object();

	json_put_text(data, "name", name);
	json_put_time(data, "since", t->since_ms);
	json_put_int(data, "attempts", t->attempts);
	json_put_text(data, "error", t->error);
	return event_add(db, &(struct event_new){
		.type = arena_printf(a, "%s.%s", kind, what),
		.ref = arena_printf(a, "%s:%s", kind, name),
		.cause = arena_printf(a, "%lld", (long long)t->since_ms),
		.data = data,
	    }, now_ms, e);
}

int
event_failing(struct db *db, const char *kind, const char *name, const char *error,
    int64_t tell_after_ms, int64_t now_ms, struct trouble *out, struct err *e)
{
	struct arena a = {0};
	const char *cause = arena_printf(&a, "%s:%s", kind, name);
	struct trouble_row before = {0}, t = {0};
	int rc = db_begin(db, e);

	if (rc != 0) {
		arena_free(&a);
		return rc;
	}
	if (trouble_read(db, SQL_TROUBLE_GET, ARGS(arg_text(cause)), &a, &before, e) < 0) {
		rc = -1;
		goto out;
	}
	rc = trouble_read(db, SQL_TROUBLE_MORE,
	    ARGS(arg_text(cause), arg_int(now_ms), arg_text(error)), &a, &t, e);
	if (rc < 0)
		goto out;
	rc = -1;
	/*
	 * Due too if the clock went back behind the last line, and for what must be told at once
	 * after something else was said: status 12 needs a line that tells why.
	 */
	out->say = t.said_ms == 0 || now_ms < t.said_ms || now_ms - t.said_ms >= TROUBLE_SAY_MS ||
	    (tell_after_ms == 0 && before.error != NULL && strcmp(before.error, error) != 0);
	if (out->say &&
	    sql_run(db, SQL_TROUBLE_SAID, ARGS(arg_text(cause), arg_int(now_ms)), e) < 0)
		goto out;
	out->told = t.told_ms != 0;
	if (!out->told && now_ms - t.since_ms >= tell_after_ms) {
		if (trouble_event(db, kind, name, "failing", &t, now_ms, &a, e) != 0 ||
		    sql_run(db, SQL_TROUBLE_TOLD, ARGS(arg_text(cause), arg_int(now_ms)), e) < 0)
			goto out;
		out->told = true;
	}
	out->since_ms = t.since_ms;
	out->attempts = t.attempts;
	rc = db_commit(db, e);
out:
	if (rc != 0)
		db_rollback(db);
	arena_free(&a);
	return rc;
}

int
event_is_failing(struct db *db, const char *kind, const char *name, bool *failing, struct err *e)
{
	struct arena a = {0};
	struct trouble_row t;
	int rc = trouble_read(db, SQL_TROUBLE_GET, ARGS(arg_text(arena_printf(&a, "%s:%s", kind, name))),
	    &a, &t, e);

	*failing = rc == 1;
	arena_free(&a);
	return rc < 0 ? -1 : 0;
}

int
event_recovered(
    struct db *db, const char *kind, const char *name, int64_t now_ms, bool *was, struct err *e)
{
	struct arena a = {0};
	const char *cause = arena_printf(&a, "%s:%s", kind, name);
	struct trouble_row t;
	int rc = trouble_read(db, SQL_TROUBLE_GET, ARGS(arg_text(cause)), &a, &t, e);

	*was = rc == 1;
	if (rc != 1)		/* as nearly always: nothing is written */
		goto out;
	rc = -1;
	if (db_begin(db, e) != 0)
		goto out;
	if (sql_run(db, SQL_TROUBLE_OVER, ARGS(arg_text(cause)), e) < 0 ||
	    (t.told_ms != 0 &&
		trouble_event(db, kind, name, "recovered", &t, now_ms, &a, e) != 0)) {
		db_rollback(db);
		goto out;
	}
	rc = db_commit(db, e);
out:
	arena_free(&a);
	return rc;
}

struct json *
event_json(const struct event *ev)
{
	struct json *j = json_object();
	int severity = event_severity(ev->type);

	json_put_text(j, "id", ev->id);
	json_put_int(j, "seq", ev->seq);
	json_put_time(j, "at", ev->at_ms);
	json_put_text(j, "type", ev->type);
	json_put_text(j, "severity",
	    severity == -1 ? NULL : severity_name((enum severity)severity));
	json_put_text(j, "ref", ev->ref);
	json_put_bool(j, "history", ev->history);
	json_put(j, "data", json_ours(ev->data));
	return j;
}
