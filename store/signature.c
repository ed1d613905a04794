#include "store/signature.h"

#include "store/sql.h"

static struct sql_arg
arg_due(int64_t ms)
{
	return ms != 0 ? arg_int(ms) : arg_text(NULL);
}

int
signature_put(struct db *db, int64_t mail_id, const struct signature_row *s, struct err *e)
{
	return sql_write(db, SQL_SIGNATURE_PUT,
	    ARGS(arg_int(mail_id), arg_text(s->verdict), arg_text(s->domain), arg_text(s->selector),
		arg_text(s->key), arg_int(s->since_ms), arg_int(s->checked_ms), arg_due(s->next_ms),
		arg_int(s->asks)),
	    e);
}

int
signature_get(struct db *db, int64_t mail_id, struct arena *a, struct signature_row *s, bool *found,
    struct err *e)
{
	struct row r;
	int got = sql_one(db, SQL_SIGNATURE_GET, ARGS(arg_int(mail_id)), &r, e);

	*s = (struct signature_row){0};
	*found = got == 1;
	if (got != 1)
		return got;
	s->verdict = row_text(&r, a);
	s->domain = row_text(&r, a);
	s->selector = row_text(&r, a);
	s->key = row_text(&r, a);
	s->since_ms = row_int(&r);
	s->checked_ms = row_int(&r);
	s->next_ms = row_int(&r);
	s->asks = (int)row_int(&r);
	sql_close(&r);
	return 0;
}

int
signature_due(struct db *db, const char *mailbox, int64_t now_ms, int64_t *mail_ids, int max, int *n,
    struct err *e)
{
	struct row r;
	int got;

	*n = 0;
	if (sql_open(db, SQL_SIGNATURE_DUE, ARGS(arg_text(mailbox), arg_int(now_ms), arg_int(max)), &r,
		e) != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1)
		mail_ids[(*n)++] = row_int(&r);
	return got;
}

int
signature_last(struct db *db, struct arena *a, const char **domain, const char **selector, bool *found,
    struct err *e)
{
	struct row r;
	int got = sql_one(db, SQL_SIGNATURE_LAST, NULL, &r, e);

	*found = got == 1;
	if (got != 1)
		return got;
	*domain = row_text(&r, a);
	*selector = row_text(&r, a);
	sql_close(&r);
	return 0;
}

struct json *
signature_json(const struct signature_row *s)
{
	struct json *j = json_object();

	json_put_text(j, "verdict", s->verdict);
	json_put_text(j, "domain", s->domain);
	json_put_text(j, "selector", s->selector);
	json_put_text(j, "key", s->key);
	json_put_time(j, "first_verified_at", s->since_ms);
	json_put_time(j, "verified_at", s->checked_ms);
	json_put_time(j, "next_at", s->next_ms);
	return j;
}
