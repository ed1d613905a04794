#include <string.h>

#include "store/budget.h"
#include "store/delivery.h"
#include "store/sql.h"

const char *
delivery_state_name(enum delivery_state s)
{
	switch (s) {
	case DELIVERY_DUE:
		return "due";
	case DELIVERY_DELIVERED:
		return "delivered";
	case DELIVERY_DEAD:
		return "dead";
	case DELIVERY_DROPPED:
		return "dropped";
	}
	return "?";
}

static enum delivery_state
delivery_state_of(const char *name)	/* CHECKed by the table */
{
	enum delivery_state s = DELIVERY_DUE;

	while (s != DELIVERY_DROPPED && strcmp(delivery_state_name(s), name) != 0)
		s++;
	return s;
}

/* Commits what went well; all of it or nothing. */
static int
finish(struct db *db, int rc, struct err *e)
{
	if (rc == 0)
		return db_commit(db, e);
	db_rollback(db);
	return -1;
}

/* ---------------------------------------------------------------- fan-out */

static int
delivery_add(struct db *db, int64_t event_seq, const struct delivery_new *d, int64_t now_ms,
    struct err *e)
{
	return sql_write(db, SQL_DELIVERY_ADD,
	    ARGS(arg_int(event_seq), arg_text(d->endpoint), arg_text(d->target),
		arg_text(d->webhook_id), arg_text(d->body), arg_int(now_ms), arg_int(d->untrusted)),
	    e);
}

/* Its delivery, or its place in the target's next notice. */
static int
delivery_owe(struct db *db, int64_t event_seq, const struct delivery_new *d, int64_t now_ms,
    struct err *e)
{
	bool gathered = false;

	if (d->untrusted && budget_notice(db, d->target, event_seq, now_ms, &gathered, e) != 0)
		return -1;
	return gathered ? 0 : delivery_add(db, event_seq, d, now_ms, e);
}

int
delivery_notice(struct db *db, int64_t carrier_seq, const struct delivery_new *d, int64_t last_seq,
    int64_t now_ms, struct err *e)
{
	int rc;

	if (db_begin(db, e) != 0)
		return -1;
	rc = delivery_add(db, carrier_seq, d, now_ms, e);
	if (rc == 0)
		rc = budget_told(db, d->target, carrier_seq, last_seq, now_ms, e);
	return finish(db, rc, e);
}

int
delivery_fan_out(struct db *db, int64_t event_seq, const struct delivery_new *list, int n,
    int64_t now_ms, struct err *e)
{
	int rc;

	if (db_begin(db, e) != 0)
		return -1;
	rc = sql_run(db, SQL_EVENT_FANNED_OUT, ARGS(arg_int(event_seq)), e);
	if (rc == 0) {		/* fanned out before: its deliveries stay as they were made */
		db_rollback(db);
		return 0;
	}
	for (int i = 0; rc >= 0 && i < n; i++)
		rc = delivery_owe(db, event_seq, &list[i], now_ms, e);
	return finish(db, rc < 0 ? -1 : 0, e);
}

/* ---------------------------------------------------------------- reading */

/* Takes the columns of DELIVERY_SELECT. */
static void
delivery_read(struct row *r, struct arena *a, struct delivery *d)
{
	*d = (struct delivery){.id = row_int(r)};
	d->event_seq = row_int(r);
	d->event_id = row_text(r, a);
	d->event_type = row_text(r, a);
	d->endpoint = row_text(r, a);
	d->target = row_text(r, a);
	d->webhook_id = row_text(r, a);
	d->body = row_text(r, a);
	d->state = delivery_state_of(row_text(r, a));
	d->attempt = (int)row_int(r);
	d->event_ms = row_int(r);
	d->made_ms = row_int(r);
	d->next_ms = row_int(r);
	d->leased_until_ms = row_int(r);
	d->settled_ms = row_int(r);
	d->outcomes = (int)row_int(r);
}

int
delivery_get(struct db *db, int64_t id, struct arena *a, struct delivery *d, struct err *e)
{
	struct row r;
	int got = sql_one(db, SQL_DELIVERY_GET, ARGS(arg_int(id)), &r, e);

	if (got == 0)
		return err_set(e, ERR_REJECT, "dlv_%lld: there is no such delivery", (long long)id);
	if (got < 0)
		return -1;
	delivery_read(&r, a, d);
	sql_close(&r);
	return 0;
}

int
delivery_list_of(struct db *db, int64_t event_seq, struct arena *a, struct delivery **list, int *n,
    struct err *e)
{
	struct arena_buf b = {.arena = a};
	struct delivery d;
	struct row r;
	int got;

	*n = 0;
	if (sql_open(db, SQL_DELIVERY_OF, ARGS(arg_int(event_seq)), &r, e) != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1) {
		delivery_read(&r, a, &d);
		arena_put(&b, &d, sizeof(d));
		(*n)++;
	}
	*list = (struct delivery *)(void *)b.p;
	return got;
}

int
delivery_attempts(
    struct db *db, int64_t id, struct arena *a, struct attempt **list, int *n, struct err *e)
{
	struct arena_buf b = {.arena = a};
	struct row r;
	int got;

	*n = 0;
	if (sql_open(db, SQL_ATTEMPT_OF, ARGS(arg_int(id)), &r, e) != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1) {
		struct attempt t = {.n = (int)row_int(&r)};

		t.at_ms = row_int(&r);
		t.took_ms = row_int(&r);
		t.status = (int)row_int(&r);
		t.error = row_text(&r, a);
		arena_put(&b, &t, sizeof(t));
		(*n)++;
	}
	*list = (struct attempt *)(void *)b.p;
	return got;
}

/* ---------------------------------------------------------------- lease and settle */

static int
due_ids(struct db *db, int64_t now_ms, int max, int64_t *ids, int *n, struct err *e)
{
	struct row r;
	int got;

	*n = 0;
	if (sql_open(db, SQL_DELIVERY_DUE,
		ARGS(arg_int(now_ms), arg_int(max), arg_int(DB_LONGEST_WAIT_MS)), &r,
		e) != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1)
		ids[(*n)++] = row_int(&r);
	return got;
}

int
delivery_lease(struct db *db, int64_t now_ms, int64_t lease_ms, int max, struct arena *a,
    struct delivery **list, int *n, struct err *e)
{
	int64_t *ids = arena_array(a, (size_t)max, sizeof(*ids));
	int rc;

	*list = arena_array(a, (size_t)max, sizeof(**list));
	if (db_begin(db, e) != 0)
		return -1;
	rc = due_ids(db, now_ms, max, ids, n, e);
	for (int i = 0; rc == 0 && i < *n; i++) {
		if (sql_run(db, SQL_DELIVERY_LEASE,
			ARGS(arg_int(ids[i]), arg_int(now_ms + lease_ms)), e) < 0)
			rc = -1;
		else
			rc = delivery_get(db, ids[i], a, &(*list)[i], e);
	}
	return finish(db, rc, e);
}

int
delivery_next(struct db *db, int64_t now_ms, int64_t *next_ms, struct err *e)
{
	return sql_number(db, SQL_DELIVERY_NEXT, ARGS(arg_int(now_ms)), next_ms, e) < 0 ? -1 : 0;
}

int
delivery_settle(struct db *db, const struct delivery *d, const struct attempt *t,
    enum delivery_state state, int64_t next_ms, int64_t now_ms, struct err *e)
{
	bool due = state == DELIVERY_DUE;
	int rc;

	/* P3: delivered implies a recorded 2xx or 250. */
	if (state == DELIVERY_DELIVERED && (t->error != NULL || t->status < 200 || t->status > 299))
		return err_set(e, ERR_FATAL, "dlv_%lld cannot be delivered with status %d",
		    (long long)d->id, t->status);
	if (db_begin(db, e) != 0)
		return -1;
	rc = sql_run(db, SQL_DELIVERY_SETTLE, ARGS(arg_int(d->id), arg_int(d->attempt),
	    arg_text(delivery_state_name(state)), due ? arg_int(next_ms) : arg_text(NULL),
	    due ? arg_text(NULL) : arg_int(now_ms)), e);
	if (rc == 0) {
		db_rollback(db);
		return 0;
	}
	if (rc == 1)
		rc = sql_run(db, SQL_ATTEMPT_ADD,
		    ARGS(arg_int(d->id), arg_int(d->attempt), arg_int(t->at_ms),
			arg_int(t->took_ms), arg_time(t->status), arg_text(t->error)),
		    e);
	return finish(db, rc < 0 ? -1 : 0, e);
}

int
delivery_release(struct db *db, const struct delivery *d, struct err *e)
{
	int rc;

	if (db_begin(db, e) != 0)
		return -1;
	rc = sql_run(db, SQL_DELIVERY_RELEASE, ARGS(arg_int(d->id), arg_int(d->attempt)), e);
	return finish(db, rc < 0 ? -1 : 0, e);
}

int
delivery_sent(struct db *db, struct span webhook_id, struct arena *a, const char **body, struct err *e)
{
	struct row r;
	int got = sql_one(db, SQL_DELIVERY_OURS,
	    ARGS(arg_text(arena_textn(a, webhook_id.p, webhook_id.n))), &r, e);

	*body = NULL;
	if (got != 1)
		return got;
	*body = row_text(&r, a);
	sql_close(&r);
	return 0;
}

struct json *
delivery_json(const struct delivery *d)
{
	struct arena a = {0};
	struct json *j = json_object();

	json_put_text(j, "id", arena_printf(&a, "dlv_%lld", (long long)d->id));
	json_put_text(j, "endpoint", d->endpoint);
	json_put_text(j, "target", d->target);
	json_put_text(j, "webhook_id", d->webhook_id);
	json_put_text(j, "state", delivery_state_name(d->state));
	json_put_int(j, "attempt", d->attempt);
	json_put_time(j, "made_at", d->made_ms);
	json_put_time(j, "next_at", d->state == DELIVERY_DUE ? d->next_ms : 0);
	json_put_time(j, "settled_at", d->settled_ms);
	arena_free(&a);
	return j;
}

struct json *
attempt_json(const struct attempt *t)
{
	struct json *j = json_object();

	json_put_int(j, "n", t->n);
	json_put_time(j, "at", t->at_ms);
	json_put_int(j, "took_ms", t->took_ms);
	if (t->status == 0)
		json_put(j, "status", NULL);
	else
		json_put_int(j, "status", t->status);
	json_put_text(j, "error", t->error);
	return j;
}
