#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/answer.h"
#include "store/sql.h"

#define NOTE_WISH	"api-wish"
#define TIME_TEXT	24	/* of 64 bits in decimal */

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

int
answer_wish(struct db *db, int64_t now_ms, int64_t *ms, struct err *e)
{
	struct arena a = {0};
	const char *text = NULL;
	int rc = db_note(db, NOTE_WISH, &a, &text, e);

	*ms = (text != NULL ? strtoll(text, NULL, 10) : 0) - now_ms;
	if (*ms < 0 || *ms > ANSWER_WISH_MS)
		*ms = 0;
	arena_free(&a);
	return rc;
}

int
answer_wish_set(struct db *db, int64_t ms, int64_t now_ms, struct err *e)
{
	char text[TIME_TEXT];

	snprintf(text, sizeof(text), "%" PRId64, now_ms + (ms < ANSWER_WISH_MS ? ms : ANSWER_WISH_MS));
	return db_note_set(db, NOTE_WISH, text, e);
}
