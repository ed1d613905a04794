/*
 * refusal - a mailbox whose login was refused: how often in a row, when last, and with what
 *
 * So that no pass, of whatever process, tries more often than it should (ingest/login.h).
 */
#ifndef STORE_REFUSAL_H
#define STORE_REFUSAL_H

#include <stdint.h>

#include "base/arena.h"
#include "store/db.h"

struct refusal {
	int64_t		 times;		/* in a row; 0: the last login was not refused */
	int64_t		 last_ms;
	const char	*stamp;		/* of what was refused, opaque; never of a secret's content */
	const char	*error;
};
int	refusal_get(struct db *, const char *mailbox, struct arena *, struct refusal *, struct err *);
/* Both in a transaction of their own. */
int	refusal_put(struct db *, const char *mailbox, const struct refusal *, struct err *);
int	refusal_over(struct db *, const char *mailbox, struct err *);

#endif
