/*
 * after - what is done to mails on their server when their fate is decided (setting `after`)
 *
 * Rows are of store/action: each is made with the fate, and done by this or a later pass, which repeats it until
 * a FETCH shows that it is so. Mails that a pass found no reason to touch are only EXAMINEd. Nothing here fails a
 * pass: what the server refuses stays due with its reason, and is tried again after a while, for ever.
 *
 * One command is for many mails; a mail that failed often is tried alone, so that it cannot keep others back.
 */
#ifndef INGEST_AFTER_H
#define INGEST_AFTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "ingest/imap.h"
#include "ingest/ingest.h"
#include "store/mail.h"

#define AFTER_MAX_KEYWORD	64	/* bytes; servers take about as much */

enum after_how { AFTER_LEAVE, AFTER_SEEN, AFTER_KEYWORD, AFTER_MOVE };
struct after_do {
	enum after_how	 how;
	const char	*word;		/* as configured: "move:Done" */
	const char	*name;		/* of the keyword or folder; else NULL */
};
#define AFTER_FATES	3		/* read, held, ignored: as in enum action_fate */
struct after_conf {
	struct after_do	of[AFTER_FATES];
};
/* The key `after` of a mailbox, whose `folders` may not be moved into. */
void	after_conf_read(struct conf_node *mailbox, const char *const *folders, struct after_conf *);
/* Anything but `leave`. */
bool	after_acts(const struct after_conf *);

/* One pass over one mailbox. */
struct after {
	const struct after_conf	*conf;
	struct ingest		*in;
	struct imap		*imap;
	const char		**folders;	/* on the wire, NULL-ended: those that are read */
	/* out */
	int64_t			 settled, failed, moved;
	struct err		 why;		/* the last failure */
};
/*
 * What is due in one folder. -1: only for the database, or a signal to stop. After 0 the connection may be
 * imap_broken(), and then another folder's turn is the next pass. No folder, or this one, may be selected.
 */
int	after_folder(struct after *, const char *folder, const struct epoch_row *, struct err *);
/* At the end of the pass: a cause that goes on is said every 6 hours, and once when it ends. */
int	after_end(struct after *, struct err *);

/* For `check --online`: what this server cannot do of it, as one line; NULL: nothing is missing. */
int	after_possible(struct imap *, const struct after_conf *, const char **folders, struct arena *,
	    const char **problem, struct err *);

#endif
