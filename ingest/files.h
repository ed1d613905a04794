/*
 * files - mails that lie in files: .eml, mbox, Maildir, and directories of them
 *
 * A mail is as it came over the wire or with bare LF. Errors name the file; a file that
 * is missing, no plain file, empty or too large is ERR_REJECT.
 */
#ifndef INGEST_FILES_H
#define INGEST_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

#define FILES_MAX	1000000	/* files of one directory: their names are kept in memory */

/*
 * The mails that a path means: a file is itself; of a directory the names that end in .eml, sorted
 * as bytes (folders in it are not entered). A directory without any is ERR_REJECT.
 */
int	files_list(const char *path, struct arena *, const char ***names, size_t *n, struct err *);
/* One mail's bytes, at most max_bytes (limits.mail_bytes). */
int	files_read(const char *name, int64_t max_bytes, struct arena *, struct span *raw,
	    struct err *);

/* A mail that a walk came by. */
struct file_mail {
	const char	*path;		/* of the file that holds it, absolute */
	uint32_t	 place;		/* in that file, from 1 */
	struct span	 raw;		/* until each() returns; p NULL: larger than max_bytes */
	int64_t		 size_bytes;
};
struct file_walk {
	int64_t			 max_bytes;	/* limits.mail_bytes */
	volatile const int	*stop;		/* set by a signal: the walk ends between two mails */
	int			(*each)(void *, const struct file_mail *, struct err *);	/* -1 ends the walk */
	void			(*unread)(void *, const struct err *);	/* what cannot be read; the walk goes on */
	void			*arg;
};
/*
 * All mails that a path means: a file that begins with "From " is an mbox, another one mail. In a folder, and
 * the folders in it (no links to folders), mails are *.eml, *.mbox and files named mbox; in a Maildir (a folder
 * with cur and new) all files of those two. In the order of their names as bytes. -1 only if each() said so.
 */
int	files_walk(const char *path, const struct file_walk *, struct err *);

#endif
