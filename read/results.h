/*
 * results - what the receiving mail server says of a mail: Authentication-Results (RFC 8601)
 *
 * Counts are only the topmost block of fields by a configured server, and for Exchange Online
 * (`authserv: microsoft365`), which writes no authserv-id, the topmost field without one, under the conditions of
 * approvals.yaml(5). What cannot be read is proof of nothing.
 */
#ifndef READ_RESULTS_H
#define READ_RESULTS_H

#include "read/header.h"
#include "read/reading.h"

enum results_verdict {
	RESULTS_PASS,
	RESULTS_MISSING,	/* nothing that counts */
	RESULTS_UNREADABLE,
	RESULTS_FAILED,		/* no pass, an explicit failure, or two that differ */
	RESULTS_UNSURE		/* no pass, but the server itself could not ask the DNS */
};

struct results_said {
	enum results_verdict	verdict;
	struct span		detail;		/* as in struct proof */
	int64_t			received_ms;	/* of a pass: likewise */
};

/* For a mail whose one From address is of from_domain. */
struct results_said	results_judge(const struct reading_setup *, const struct header *, const char *from_domain,
			    struct arena *);

#endif
