/*
 * unproven - `sender.accept: [api]`: claims that the API alone proves (architecture, Proof)
 *
 * A claim of unproven mail whose only doubts are about its sender is confirmed if the API agrees with all that it says, the
 * names included, about a unit that was not there at the last reconcile before the mail: nobody could have known
 * it but the vendor. Of old units anybody can know the facts, so they prove nothing; nor does anything before the
 * baseline. The questions share the budget of untrusted mail (store/budget.h). What is confirmed has the API's names.
 */
#ifndef INGEST_UNPROVEN_H
#define INGEST_UNPROVEN_H

#include <stdbool.h>

#include "ingest/enrich.h"

/* en's counters go on. Claims that the API does not know yet are asked about again after an hour and after six. */
int	unproven_pass(struct enrich *, struct err *);

/* Pure: reasons as a claim has them; whether each doubt is one that the API can settle. */
bool	unproven_is_eligible(const char *reasons);

#endif
