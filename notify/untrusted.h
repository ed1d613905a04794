/*
 * untrusted - what may be told of mail that nobody proved
 *
 * Whoever wrote it wrote its names, subject and text: a link or a lie in an alert would come from us. So an
 * alert about it shows digits, the reasons and what the API said, whose names stand where the mail's would; all
 * the rest is null. The whole of it is in the database, for `approvals review` and `approvals show`.
 */
#ifndef NOTIFY_UNTRUSTED_H
#define NOTIFY_UNTRUSTED_H

#include "base/arena.h"
#include "store/event.h"

/* The event with data that may leave the machine; itself if it is not of untrusted mail. */
struct event	untrusted_shown(const struct event *, struct arena *);

/*
 * The notice of several: the first event as untrusted_shown() gives it, its data with a "notice": {"count", of all that
 * it tells, and "listed", the n that are given (the first included), each as {"id", "type", "at", "ref",
 * "org_scheme", "org_number", "msn"}}.
 */
struct event	untrusted_notice(const struct event *list, int n, int64_t count, struct arena *);

#endif
