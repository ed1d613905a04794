/*
 * prove - who sent a mail, and how we know (architecture, Proof)
 *
 * Looks at header fields, and at the body's bytes for DKIM alone: no MIME, no charset, no HTML, no pattern.
 * Answers only for a From domain that is configured; everything that parsers could differ about is
 * proof of nothing.
 */
#ifndef READ_PROVE_H
#define READ_PROVE_H

#include "read/dkim.h"
#include "read/reading.h"

struct prover {
	const struct reading_setup	*setup;
	struct dkim_door		*dkim;		/* NULL: no signature is looked at */
	dkim_key_fn			*key;
	void				*key_arg;
};

/* at_ms: when the mail came. ERR_REJECT when a bound of read/header.h is passed. */
int	prove(const struct prover *, int64_t at_ms, struct span mail, struct arena *, struct proof *, struct err *);

#endif
