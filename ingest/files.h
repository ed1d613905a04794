/*
 * files - mails that lie in files: .eml, and directories of them
 *
 * One message per file, as it came over the wire or with bare LF. Errors name the file; a file that
 * is missing, no plain file, empty or too large is ERR_REJECT.
 */
#ifndef INGEST_FILES_H
#define INGEST_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

#define FILES_MAX	100000	/* .eml files of one directory: their names are kept in memory */

/*
 * The mails that a path means: a file is itself; of a directory the names that end in .eml, sorted
 * as bytes (folders in it are not entered). A directory without any is ERR_REJECT.
 */
int	files_list(const char *path, struct arena *, const char ***names, size_t *n, struct err *);
/* One mail's bytes, at most max_bytes (limits.mail_bytes). */
int	files_read(const char *name, int64_t max_bytes, struct arena *, struct span *raw,
	    struct err *);

#endif
