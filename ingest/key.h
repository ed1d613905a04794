/*
 * key - DKIM keys as far as a pass knows them: asked for once, and not at all of a DNS that is away
 *
 * Remembers what the DNS said for some minutes, so that a thousand mails of one sender are one question; after
 * some questions in a row without an answer, nobody is asked for a minute.
 */
#ifndef INGEST_KEY_H
#define INGEST_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "read/reading.h"

#define KEYS_MAX	64	/* remembered; a sender has a handful of selectors */

/* Asks the servers (NULL: the system's) for the record of a name; its bytes go into the arena. */
typedef enum key_status	key_fn(const char *const *servers, const char *name, struct arena *,
			    struct span *record);

struct keys {
	key_fn			*ask;		/* NULL: KEY_FAILED for all */
	const char *const	*servers;
	struct arena		 arena;
	struct key		 known[KEYS_MAX];
	int64_t			 known_ms[KEYS_MAX];	/* when it was said; monotonic */
	size_t			 count;
	int			 lost;		/* questions in a row without an answer */
	int64_t			 lost_ms;	/* the last of them; monotonic */
};

/* Can keys_find() answer without asking anybody? */
bool		keys_known(struct keys *, const char *name);
enum key_status	keys_find(struct keys *, const char *name, struct arena *, struct span *record);
/* The latest, at most `max`, into out: pointers into what is known, until the next question. */
size_t		keys_latest(struct keys *, struct key *out, size_t max);
void		keys_free(struct keys *);

#endif
