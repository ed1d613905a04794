/*
 * prove - who sent a mail, and how we know (architecture, Proof)
 *
 * Looks at header fields alone: no MIME, no charset, no HTML, no pattern. Answers only for a From
 * domain that is configured; everything that parsers could differ about is proof of nothing.
 */
#ifndef READ_PROVE_H
#define READ_PROVE_H

#include "read/reading.h"

/* ERR_REJECT when a bound of read/header.h is passed. */
int	prove(const struct reading_setup *, struct span mail, struct arena *, struct proof *, struct err *);

#endif
