/*
 * settle - what an answer of the Management API makes of a claim's rows (architecture, States)
 *
 * All inside the caller's transaction. The decisions themselves are in decide.h.
 */
#ifndef INGEST_SETTLE_H
#define INGEST_SETTLE_H

#include "ingest/decide.h"
#include "ingest/enrich.h"

/* A pending claim, read in this transaction: becomes what was decided, or waits on. */
int	settle_claim(struct enrich *, const struct claim *, const struct said *, struct arena *, struct err *);
/* A claim that a person looks at: its state stays. */
int	settle_look(struct enrich *, const struct claim *, const struct said *, struct arena *, struct err *);
/* An approval that was asked about again. */
int	settle_approval(struct enrich *, int64_t approval_id, const struct said *, struct err *);

#endif
