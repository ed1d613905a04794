/*
 * reconcile - what the Management API knows and the log does not, and the reverse
 *
 * The lists of sales units and product orders are taken every `reconcile.every`; the first ones are a quiet baseline.
 * After it, a unit that the log has neither as an approval nor as a claim of proven mail for RECONCILE_MISSING_MS raises
 * approval.missing-mail, once; `new` says what else comes of it. A list concludes nothing alone: a unit is asked about
 * before it is told of, and an approval that no list shows, or a gone one that they show again, is refreshed by its own
 * answer (ingest/refresh.h). A list that is unlike the last one (half of it, or other keys) is not believed: nothing is stored, and a person says
 * so (`believe`) if it is right. No transaction spans a request.
 */
#ifndef INGEST_RECONCILE_H
#define INGEST_RECONCILE_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/management.h"
#include "store/db.h"
#include "store/unit.h"

#define RECONCILE_EVERY_MS	(6 * INT64_C(3600000))
#define RECONCILE_MISSING_MS	(24 * INT64_C(3600000))	/* a mail can be late */
#define RECONCILE_FEW		10	/* units: fewer may all go, or come, at once */
#define RECONCILE_MANY		100	/* so many new ones at once, and more than there were, are another's */
#define RECONCILE_RUN_ASKED	60	/* units asked about one by one in a pass of `run`; the next one goes on */
#define RECONCILE_RUN_MS	20000	/* and no more are begun after this: what is confirmed waits to be told */
#define RECONCILE_ASKED		1000	/* by the command: a person waits */

enum reconcile_new { RECONCILE_REPORT, RECONCILE_RECORD, RECONCILE_ANNOUNCE };
struct reconcile_conf {
	bool			none;		/* `reconcile: none` was said */
	int64_t			every_ms;
	enum reconcile_new	new;
};
void	reconcile_conf_read(struct conf_node *root, struct reconcile_conf *);

struct reconcile {
	struct db			*db;
	struct db_lock			*lock;		/* may be NULL */
	const struct management_conf	*api;
	const struct reconcile_conf	*conf;
	volatile const int		*stop;
	int64_t				 now_ms;
	bool				 command;	/* lists are taken now, and what is missing is asked about at once */
	bool				 believe;	/* an unlike list is the new baseline */
	bool				 others_fail;	/* enrich's questions went unanswered: the API does not work as a whole */
	struct management		**keep;		/* as of struct enrich */
	/* out */
	bool				 listed;	/* lists were taken; */
	bool				 first;		/* as the baseline */
	int64_t				 units, orders;	/* that they showed */
	int64_t				 asked, told, recorded;
	int64_t				 unasked;	/* units and approvals that this pass did not come to */
	int64_t				 failing_ms;	/* as of struct enrich */
};

/* Whether a pass of `run` has something to do. */
int	reconcile_is_due(struct reconcile *, bool *due, struct err *);
/*
 * -1: the database, a signal, or the API's lists could not be had (told as api.failing by `run`); what was learned before is
 * committed. When nothing is left undone, 0.
 */
int	reconcile_pass(struct reconcile *, struct err *);

/* Pure. A list of `count` units, of which `kept` are among the `last` ones and `fresh` were never known. */
bool	reconcile_is_unlike(int64_t last, int64_t count, int64_t kept, int64_t fresh, bool first);

#endif
