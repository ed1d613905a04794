/*
 * decide - what the Management API's answers make of claims and approvals (architecture, States): no I/O
 */
#ifndef INGEST_DECIDE_H
#define INGEST_DECIDE_H

#include <stdint.h>

#include "ingest/management.h"
#include "store/approval.h"
#include "store/claim.h"

/* What the API said of a claim or an approval. */
enum answer {
	ANSWER_AGREES,
	ANSWER_NOT_FOUND,		/* 404 from a working login */
	ANSWER_OTHER_ORGANISATION,
	ANSWER_DEACTIVATED,
	ANSWER_NOT_ASKED,		/* `management_api: none`, or nothing to ask by */
	ANSWER_NO_MSN			/* the claim has none: the units of its organisation were asked for */
};
/* What it said; NULL: that was not asked. */
struct said {
	const struct sales_unit	*unit;
	const struct merchant	*merchant;
	const struct unit_list	*units;		/* the organisation's, if the unit is not known */
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

/* It names an organisation in a form that its sales units can be asked for by; Swedish ones have no place in a URL. */
bool		decide_has_units(const struct claim *);
/* It names a sales unit and an organisation in a form that can be asked for and stored. */
bool		decide_askable(const struct claim *);

/* claim.api: what is shown of the last answer. proposed: the unit that a claim without an MSN may be about; or NULL. */
const char	*answer_record(const struct claim *, enum answer, const struct said *, const struct unit *proposed,
		    int64_t now_ms, struct arena *);
/* {"sales_unit", "merchant", "units"}: what is kept of an answer (store/answer.h). */
const char	*answer_said(const struct said *, struct arena *);

/*
 * An approval that the API no longer knows is gone at the second such answer, this long after the first: a 404 may be
 * a fault of an hour, and who hears "gone" calls the merchant.
 */
#define DECIDE_GONE_MS	INT64_C(86400000)

/* What an answer makes of an approval. */
struct refreshed {
	bool	known, gone;	/* neither: once more at next_ms, or (0) it was never the API that knew it */
	int64_t	missing_ms, next_ms;	/* 0: none */
};
struct refreshed decide_refresh(const struct approval *, enum answer, int64_t now_ms);
/*
 * How the answer differs from what is stored: array of {"field", "from", "to"}, empty if it does not. Told are names, status, country
 * and configuration; a member of the configuration only if it was there before and is now: absent is not false.
 */
struct json	*decide_changes(const struct approval *, const struct sales_unit *, const struct merchant *);
/* Adds one more to it, if the texts differ. */
void		decide_change_text(struct json *list, const char *field, const char *from, const char *to);

/*
 * The mail's name and the API's are one to a person: case, spaces, punctuation and the company's form at either end
 * (AS, ApS, Oy ...) aside. One that was not said (NULL) differs from none.
 */
bool		decide_same_name(const char *mail, const char *api);
/*
 * The reasons (JSON, may be NULL) with a remark `name-differs` for each name of the claim that the API has differently,
 * in the place of those of an earlier answer.
 */
const char	*decide_remarks(const char *reasons, const struct claim *, const struct said *, struct arena *);

#endif
