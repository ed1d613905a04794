/*
 * progress - how far the passes over mailboxes are, as one line on a person's terminal
 *
 * Workers count into memory that they share with who started them; that one alone writes the line, so
 * that several do not draw over each other. It is there only where stderr is a terminal and nothing
 * else tells what is done (below log level info), after PROGRESS_QUIET_MS, and gone at the end.
 */
#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include <stdbool.h>

#include "ingest/ingest.h"

#define PROGRESS_QUIET_MS	1000	/* a pass that takes no longer is not worth a line */
#define PROGRESS_STEP_MS	200	/* from line to line */

struct progress;

/* NULL: nobody looks. All functions take NULL. */
struct progress	*progress_open(int mailboxes);
/* Before the fork: this pass is counted as the i-th of them. */
void	progress_of(struct progress *, int i, struct ingest *);
/* The line anew, with what is done now; `name` if there is one mailbox only, else NULL. */
void	progress_show(struct progress *, const char *name);
void	progress_close(struct progress *);	/* and the line is empty again */

#endif
