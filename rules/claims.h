/*
 * claims - from fields found here and there to one claim for each sales unit
 *
 * Fields in sequence fill one record until a field comes again with another value: then the next
 * begins. A merchant given once holds for all units of the mail. Where several values could be meant,
 * none is chosen in silence: the claim carries a doubt.
 */
#ifndef RULES_CLAIMS_H
#define RULES_CLAIMS_H

#include "rules/fields.h"

struct claim_list {
	struct found_claim	*list;
	int			 count;
	bool			 too_many;
};

struct claim_list	claims_make(const struct rules *, const struct finding *, int count,
			    struct arena *);
/* One of the vendor's own numbers, as in its footers? */
bool	claims_own(const struct rules *, const struct finding *);
/* Do two readings of the same text say the same? Fields that only one of them has are no contradiction. */
bool	claims_agree(const struct claim_list *, const struct claim_list *);

#endif
