/*
 * answer - what the Management API said of a claim or an approval, over time
 *
 * Auditors ask when the API was asked, how often, and what came back. An answer that is the last one's again is
 * counted on its row; so a claim that is asked about for 14 days is one row, and a daily refresh costs none.
 */
#ifndef STORE_ANSWER_H
#define STORE_ANSWER_H

#include "base/json.h"
#include "store/db.h"

/* Inside the caller's transaction. ref: clm_ or apr_; said: JSON by allow-list. */
int	answer_add(struct db *, const char *ref, const char *answer, const char *said, int64_t now_ms, struct err *);
/* Array, oldest first, of {"answer", "first_at", "last_at", "times", "said": {...}}. */
int	answer_list_of(struct db *, const char *ref, struct json **, struct err *);

/*
 * How long the API wishes to be left alone (Retry-After), for whoever would ask next: other passes, other parts. Set in
 * the caller's transaction; *ms is 0 when it has passed. A clock that went back ends it after ANSWER_WISH_MS at most.
 */
#define ANSWER_WISH_MS	INT64_C(3600000)	/* of a longer wish */
int	answer_wish(struct db *, int64_t now_ms, int64_t *ms, struct err *);
int	answer_wish_set(struct db *, int64_t ms, int64_t now_ms, struct err *);

#endif
