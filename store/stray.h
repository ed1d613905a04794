/*
 * stray - mails that were pending when their folder was numbered anew
 *
 * Under their UIDs they can never be read. What is there under the new numbers is read and told as any mail; once all
 * of that was looked at, a stray ends as `vanished` (or `ignored`, if a screen once said no to it), and its reason says
 * what is known: as many mails of its size and arrival are there as there were before; or its own header was never read,
 * and as many mails as there were of such are there that are none of those known, and came before it was last shown, an
 * hour's wrong clock aside; or neither. The last ones are lost, and to be told of. "There" is under the numbers that came
 * next, or under the present ones.
 */
#ifndef STORE_STRAY_H
#define STORE_STRAY_H

#include <stdbool.h>
#include <stdint.h>

#include "store/db.h"

struct stray {
	int64_t		 id;		/* of the mail */
	const char	*reason;
};
/* Does the folder have any? */
int	stray_any(struct db *, int64_t folder_id, bool *any, struct err *);
/*
 * In the caller's transaction, when all that the present epoch shows was read or told: none is pending any more. lost[]
 * in the arena: those that are not accounted for, and that nobody ever read a word of.
 */
int	stray_settle(struct db *, int64_t folder_id, int64_t epoch_id, int64_t now_ms, struct arena *,
	    struct stray **lost, size_t *n, struct err *);

#endif
