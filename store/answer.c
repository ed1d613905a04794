#include "store/answer.h"
#include "store/sql.h"

int
answer_add(struct db *db, const char *ref, const char *answer, const char *said, int64_t now_ms,
    struct err *e)
{
	int changed = sql_run(db, SQL_ANSWER_MORE,
	    ARGS(arg_text(ref), arg_text(answer), arg_text(said), arg_int(now_ms)), e);

	if (changed != 0)
		return changed < 0 ? -1 : 0;
	return sql_write(db, SQL_ANSWER_ADD,
	    ARGS(arg_text(ref), arg_text(answer), arg_text(said), arg_int(now_ms)), e);
}

int
answer_list_of(struct db *db, const char *ref, struct json **list, struct err *e)
{
	struct arena a = {0};
	struct row r;
	int got;

	*list = json_array();
	if (sql_open(db, SQL_ANSWER_OF, ARGS(arg_text(ref)), &r, e) != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1) {
		struct json *j = json_object(), *said;

		json_put_text(j, "answer", row_text(&r, &a));
		said = json_ours(row_text(&r, &a));
		json_put_time(j, "first_at", row_int(&r));
		json_put_time(j, "last_at", row_int(&r));
		json_put_int(j, "times", row_int(&r));
		json_put(j, "said", said);
		json_add(*list, j);
	}
	arena_free(&a);
	return got;
}
