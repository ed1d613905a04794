/*
 * refresh - an approval that the API was asked about again (architecture, States)
 *
 * Its names, status and configuration are made what the API says: approval.changed tells what changed. One that the API
 * no longer knows, at two answers a day apart, is gone: approval.gone. Known again, it is confirmed again.
 * An answer of another organisation's unit counts as not knowing it; nothing of that answer becomes the approval's.
 */
#ifndef INGEST_REFRESH_H
#define INGEST_REFRESH_H

#include <stdint.h>

#include "ingest/management.h"
#include "store/approval.h"

enum refresh_told { REFRESH_SAME, REFRESH_CHANGED, REFRESH_GONE };

/* Inside the caller's transaction. merchant NULL: it was not asked for. */
int	refresh_apply(struct db *, int64_t approval_id, const struct sales_unit *, const struct merchant *,
	    int64_t now_ms, enum refresh_told *, struct err *);

#endif
