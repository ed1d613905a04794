#include "store/action.h"

#include "store/sql.h"

static const char *const state_names[] = {
	[ACTION_DUE] = "due",
	[ACTION_WAITS] = "waits",
	[ACTION_LEFT] = "left",
	[ACTION_DONE] = "done",
	[ACTION_GONE] = "gone",
};

int
action_acts(struct db *db, int64_t mailbox_id, bool acts, struct err *e)
{
	return sql_write(db, SQL_ACTION_ACTS, ARGS(arg_int(mailbox_id), arg_int(acts)), e);
}

static int
actions_read(struct db *db, enum sql which, const struct sql_arg *args, struct arena *a, struct action *list, size_t *n,
    struct err *e)
{
	struct row r;
	int got;

	*n = 0;
	if (sql_open(db, which, args, &r, e) != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1) {
		struct action *x = &list[(*n)++];

		*x = (struct action){.mail_id = row_int(&r)};
		x->uid = (uint32_t)row_int(&r);
		x->fate = (enum action_fate)row_int(&r);
		x->what = row_text(&r, a);
		x->attempts = (int)row_int(&r);
		x->missed = (int)row_int(&r);
		x->copied = (int)row_int(&r);	/* CHECKed by the table */
		x->copies = (int)row_int(&r);
		x->copy_validity = (uint32_t)row_int(&r);
		x->copy_from = (uint32_t)row_int(&r);
	}
	return got;
}

int
action_due(struct db *db, int64_t epoch_id, uint32_t after, int64_t now_ms, struct arena *a, struct action *list,
    size_t max, size_t *n, struct err *e)
{
	return actions_read(db, SQL_ACTION_DUE,
	    ARGS(arg_int(epoch_id), arg_int(now_ms), arg_int(DB_LONGEST_WAIT_MS), arg_int(after),
		arg_int((int64_t)max)),
	    a, list, n, e);
}

int
action_tried(struct db *db, int64_t epoch_id, int attempts, int64_t now_ms, struct arena *a, struct action *list,
    size_t max, size_t *n, struct err *e)
{
	return actions_read(db, SQL_ACTION_TRIED,
	    ARGS(arg_int(epoch_id), arg_int(now_ms), arg_int(DB_LONGEST_WAIT_MS), arg_int(attempts),
		arg_int((int64_t)max)),
	    a, list, n, e);
}

int
action_settle(struct db *db, int64_t mail_id, enum action_state state, const char *what, const char *reason,
    int64_t now_ms, struct err *e)
{
	return sql_write(db, SQL_ACTION_SETTLE,
	    ARGS(arg_int(mail_id), arg_text(state_names[state]), arg_text(what), arg_text(reason),
		arg_int(now_ms)),
	    e);
}

int
action_begin(struct db *db, int64_t mail_id, const char *what, struct err *e)
{
	return sql_write(db, SQL_ACTION_BEGIN, ARGS(arg_int(mail_id), arg_text(what)), e);
}

int
action_later(struct db *db, int64_t mail_id, const char *what, const char *reason, int missed, int64_t next_ms,
    struct err *e)
{
	return sql_write(db, SQL_ACTION_LATER,
	    ARGS(arg_int(mail_id), arg_text(what), arg_text(reason), arg_int(missed), arg_int(next_ms)), e);
}

int
action_copy(struct db *db, const struct action *x, struct err *e)
{
	return sql_write(db, SQL_ACTION_COPY,
	    ARGS(arg_int(x->mail_id), arg_int(x->copied), arg_int(x->copies), arg_int(x->copy_validity),
		arg_int(x->copy_from)),
	    e);
}

int
action_fewer(struct db *db, int64_t epoch_id, int64_t mails, struct err *e)
{
	return sql_write(db, SQL_ACTION_FEWER, ARGS(arg_int(epoch_id), arg_int(mails)), e);
}

int
action_json(struct db *db, int64_t mail_id, struct json **out, struct err *e)
{
	struct arena a = {0};
	struct row r;
	struct json *j;
	int got = sql_one(db, SQL_ACTION_OF, ARGS(arg_int(mail_id)), &r, e);

	*out = NULL;
	if (got != 1)
		return got;
	j = *out = json_object();
	json_put_text(j, "state", row_text(&r, &a));
	json_put_text(j, "what", row_text(&r, &a));
	json_put_text(j, "reason", row_text(&r, &a));
	json_put_int(j, "attempts", row_int(&r));
	json_put_time(j, "next_at", row_int(&r));
	json_put_time(j, "settled_at", row_int(&r));
	sql_close(&r);
	arena_free(&a);
	return 0;
}
