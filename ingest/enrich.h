/*
 * enrich - claims become approvals by asking the Management API (architecture, States)
 */
#ifndef INGEST_ENRICH_H
#define INGEST_ENRICH_H

#include <stdint.h>

#include "ingest/management.h"
#include "store/claim.h"
#include "store/db.h"

struct enrich {
	struct db			*db;
	struct db_lock			*lock;		/* may be NULL */
	const struct management_conf	*conf;
	volatile const int		*stop;
	int64_t				 now_ms;
	/*
	 * Where a process that stays keeps the API's client from pass to pass (NULL at first); it closes that at its end.
	 * NULL: each pass has its own.
	 */
	struct management		**keep;
	/* out */
	int64_t				 asked, confirmed, evidence, waiting /* for a person */, pending;
	int64_t				 refreshed, changed, gone;	/* approvals that were asked about again */
	bool				 away;		/* -1, and so would all other questions have failed */
	int64_t				 failing_ms;	/* for how long the API has been failing (set on -1, from
							   event_failing's since_ms); 0: it is not */
};

/*
 * One claim's transaction: reads it again, decides by the answers (both NULL: not asked) and writes. Nothing
 * happens if it is no longer pending.
 */
int	enrich_settle(struct enrich *, int64_t claim_id, const struct sales_unit *, const struct merchant *,
	    struct err *);

/*
 * One pass over the claims that are due, and then over approvals that are to be asked about again: as many at a time as ingest/management lets through, trusted ones alone. What
 * was answered is written many at a time, and no transaction spans a question. -1 when a part could not be asked: the
 * database or a signal ends the pass at once; so does an API that is away, limited or refuses our keys, and failures in
 * a row (ingest/pace.h). A claim that went unanswered goes to the end of the queue, for it may be the one that
 * the API never answers. Claims that could not be asked about stay as they are, and their 14 days stand still. After
 * ENRICH_PASS_MS the rest is left to the next pass, so that a long queue keeps nobody from being told.
 */
int	enrich_pass(struct enrich *, struct err *);

/*
 * For a person who looks at claims that wait (held, disputed, unconfirmed): asks about each of ids, unless it was
 * asked within the hour, and keeps the answer with the claim, whose state stays. About untrusted ones only as
 * many questions are asked as their budget has left (store/budget.h). -1 only for the database or a defect.
 */
struct look {
	int		asked, unasked;	/* unasked: of untrusted claims, beyond the budget */
	bool		failed;		/* the API did not answer: why */
	struct err	why;
};
int	enrich_look(struct enrich *, const int64_t *ids, int n, struct look *, struct err *);

#endif
