/*
 * mbox - a file of many mails, cut into its mails (RFC 4155; mboxo and mboxrd)
 *
 * The file's first line is a separator, and so is a line "From ..." after an empty line and before a header
 * field: words of a body that nobody quoted do not cut a mail in two. ">From " loses one '>', ">>From " too.
 * Content-Length is not looked at, since whoever sent a mail may have written it; so a file whose bodies are
 * not quoted (mboxcl2) is cut wherever a body looks like another mail.
 */
#ifndef INGEST_MBOX_H
#define INGEST_MBOX_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

struct mbox;

/* Reads from fd, which stays the caller's. A mail of more than max_bytes is counted, not kept. Errors name `name`. */
struct mbox	*mbox_open(int fd, const char *name, size_t max_bytes, struct arena *);
/* 1: a mail, until the next call (raw->p NULL: too large); 0: no more; -1. */
int		 mbox_next(struct mbox *, struct span *raw, int64_t *size_bytes, struct err *);

#endif
