/*
 * decide - what the Management API's answers make of claims and approvals (architecture, States): no I/O
 */
#ifndef INGEST_DECIDE_H
#define INGEST_DECIDE_H

#include <stdint.h>

#include "ingest/management.h"
#include "store/claim.h"

/* What the API said of a claim or an approval. */
enum answer {
	ANSWER_AGREES,
	ANSWER_NOT_FOUND,		/* 404 from a working login */
	ANSWER_OTHER_ORGANISATION,
	ANSWER_DEACTIVATED,
	ANSWER_NOT_ASKED		/* `management_api: none`, or nothing to ask by */
};
const char	*answer_name(enum answer);

/* merchant is NULL if it was not asked for (a Swedish number has no place in a URL). */
enum answer	decide_answer(const struct claim *, const struct sales_unit *, const struct merchant *);
/* What the claim becomes, and for one that stays pending, when to ask again. */
struct decision {
	enum claim_state state;		/* confirmed, pending, disputed, unconfirmed or held */
	int		 asks;
	int64_t		 next_ms;	/* of a pending one */
};
struct decision	decide_claim(const struct claim *, enum answer, enum without_api, int64_t now_ms);

/* After a 404: 5 min, 30 min, 2 h, 6 h, then daily for 14 days; then unconfirmed. asks counts them. */
int64_t		decide_next(int asks, int64_t now_ms);	/* -1: give up */

/* It names a sales unit and an organisation in a form that can be asked for and stored. */
bool		decide_askable(const struct claim *);

/*
 * The mail's name and the API's are one to a person: case, spaces, punctuation and the company's form at either end
 * (AS, ApS, Oy ...) aside. One that was not said (NULL) differs from none.
 */
bool		decide_same_name(const char *mail, const char *api);

#endif
