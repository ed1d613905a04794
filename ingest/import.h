/*
 * import - mails that lie in files, through the same pipeline as a mailbox's
 *
 * They are rows of a mailbox of their own; its folders are the files, a UID is the place in the file. A mail
 * is known by its bytes: what was imported before is passed over, wherever it lies now, so that an import which
 * was killed is simply repeated. Mails are history unless `announce`; they arrived when the Received line says
 * that their proof came with, else nobody knows when.
 */
#ifndef INGEST_IMPORT_H
#define INGEST_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/ingest.h"
#include "store/mail.h"

#define IMPORT_MAILBOX "import"	/* no configured mailbox may have this name */

struct import {
	struct ingest	*in;		/* its mailbox is IMPORT_MAILBOX; lock NULL: no pass is kept waiting */
	bool		 announce;
	/* called after each transaction and each path that cannot be read; may be NULL */
	void		(*progress)(const struct import *);
	void		(*unread)(const struct import *, const struct err *);
	/* out */
	int64_t		 unreadable;	/* files and folders */
	int64_t		 mails;		/* come by */
	int64_t		 known;		/* imported before, or bytes of an earlier mail */
	int64_t		 fates[MAIL_FATES];	/* of the others; pending: no memory to read them, import again */
	/* its own */
	int64_t		 mailbox_id;
	struct batch	*batch;
};

/* Transactions are made on the way and at its end. ERR_STOPPED after a signal. */
int	import_path(struct import *, const char *path, struct err *);

#endif
