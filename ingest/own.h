/*
 * own - alerts of ours that came back, and what answers them: bounces, automatic replies (architecture, States)
 *
 * An endpoint may be the polled mailbox, or bounce into it. Each alert carries its webhook-id, an HMAC that only we
 * can make, in its Message-ID and once more in a field of its own, for servers that give mails another Message-ID;
 * what answers it quotes one of them in References, In-Reply-To or the header that a bounce brings back. So the
 * bytes are looked through for it, and nothing of them is parsed. Who has read an alert can write its id into
 * another mail: so only unproven mail is ever ours, and only if it names no sales unit that the alert did not.
 */
#ifndef INGEST_OWN_H
#define INGEST_OWN_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"
#include "read/reading.h"
#include "store/db.h"

/* found: what was read of the mail, NULL if nothing could be. Linear in the mail's size. */
int	own_mail(struct db *, struct span raw, const struct extraction *found, struct arena *, bool *own, struct err *);

#endif
