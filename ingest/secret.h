/*
 * secret - a file that holds a secret and that we write ourselves: tokens
 *
 * Written whole to PATH.new, mode 0600, synced, renamed over it, and the folder synced: at any
 * moment the old or the new secret is there. A PATH.new that is whole and newer was left by somebody
 * who was killed before the rename, which is then made up for. Read by conf_secret_read(), which
 * refuses what others can read. When root writes, it belongs to the old file's owner, else to the
 * folder's.
 */
#ifndef INGEST_SECRET_H
#define INGEST_SECRET_H

#include <stdint.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/err.h"

#define SECRET_LOCK_MS	60000	/* waited for another writer: four times what it waits for its server */

struct secret;

/*
 * Makes room for a secret that is not known yet, and keeps other writers out, so that a full disk or
 * a folder that we may not write is known before the old secret is given up. What conf_secret_read()
 * reads from now on is what another writer left. ERR_CONFIG, ERR_STOPPED for a full disk.
 */
int	secret_open(const char *path, volatile const int *stop, struct secret **, struct err *);
/* The file has the new text, on disk. Fails as secret_open(); then it has the old one. */
int	secret_put(struct secret *, const char *text, struct err *);
/* Without secret_put() nothing has changed. */
void	secret_close(struct secret *);

/* All at once. */
int	secret_save(const char *path, const char *text, struct err *);

/*
 * What changes when a person replaces the file: name, inode, size and time; never what it holds.
 * A systemd credential has its name only: the others change with each start.
 */
const char *secret_stamp(struct conf_secret, struct arena *);

#endif
