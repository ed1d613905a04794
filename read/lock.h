/*
 * lock - the sandbox of the children: after it nothing can be opened, connected, started or shared
 *
 * What is open stays open: standard input is read, standard output and error are written (a child that
 * reads mail has closed the latter by then). All else that a mail needs (charsets, rules, time zone) must
 * have been opened before.
 */
#ifndef READ_LOCK_H
#define READ_LOCK_H

#include <stdbool.h>

#include "base/err.h"

#define LOCK_MAX_MEMORY	(512L * 1024 * 1024)	/* bytes of address space: a mail of 25 MB needs under 150 */

/* Was this program built with AddressSanitizer, under which only a part of the lock holds? */
bool	lock_is_partial(void);

/* ERR_FATAL if any part of it is refused: then there is no reading. It cannot be undone. */
int	lock_enter(struct err *);

#endif
