/*
 * command - runs the program that an operator named, and takes what it prints
 *
 * No shell. It gets PATH, HOME and LC_ALL, no file of ours and no input; what it says on stderr is
 * thrown away, since it may hold secrets. It is a process group of its own, killed whole when it is
 * done, late, too talkative, or we are to stop.
 */
#ifndef INGEST_COMMAND_H
#define INGEST_COMMAND_H

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

#define COMMAND_MS	30000		/* from its start to its end */
#define COMMAND_BYTES	((size_t)16384)	/* of output; an access token has 1 to 4 KiB */

/* argv ends with NULL. ERR_CONFIG if it cannot be started; ERR_RETRY for all else. */
int	command_run(const char *const *argv, volatile const int *stop, struct arena *, struct span *out,
	    struct err *);

#endif
