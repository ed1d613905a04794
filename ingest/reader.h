/*
 * reader - asks the children (approvals-reader) and survives them
 *
 * Starts a child when a mail needs it, replaces it after READER_MAX_MAILS, never lets one that read an
 * untrusted mail read a trusted one, sets its CPU allowance before each mail and keeps a wall clock.
 * A child killed by SIGSEGV, SIGSYS, SIGXCPU, another crash, our clock or its own greed for memory: the mail is tried
 * once more alone in a fresh child, then ERR_REJECT (quarantine). Out of memory or descriptors else: ERR_RETRY with
 * ERR_NOMEM (the mail stays pending). Children get no descriptor but their pipe and, until they are locked in,
 * stderr; no environment but LC_ALL, no secret.
 */
#ifndef INGEST_READER_H
#define INGEST_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"
#include "ingest/key.h"
#include "read/reading.h"

/* Served by one child, whose start costs as much as thirty; screening counts a question as one. */
#define READER_MAX_MAILS	2000
#define READER_WALL_MS		10000	/* for one mail, on a loaded machine; while we listen */

struct readers;

/*
 * Nothing is started yet. `setup` (its role aside) must outlive it. `program` is the path of
 * approvals-reader, NULL: beside our own executable, else in libexec.
 */
const char *reader_program(struct arena *);	/* that path */
int	readers_open(const struct reading_setup *setup, const char *program, struct readers **, struct err *);
void	readers_close(struct readers *);

/* Who is asked for DKIM keys, and where; until it is set the DNS does not answer. */
void	readers_keys(struct readers *, key_fn *, const char *const *servers);

/*
 * Header blocks to candidates: candidate[i] is set for each of n (any n). Untrusted child. What it cannot
 * take, whatever the reason but memory, is a candidate.
 */
int	reader_screen(struct readers *, const struct span *headers, size_t n, bool *candidate, struct err *);
/*
 * at_ms: when the mail came, which a signature is not to outlive. The prover may ask for READING_MAX_SIGNATURES keys,
 * of the setup's domains and forwarders only; the time that takes is not the prover's.
 */
int	reader_prove(struct readers *, struct span raw, int64_t at_ms, struct arena *, struct proof *, struct err *);
/* `trusted` picks the child: whether the proof of this mail is an accepted one. */
int	reader_read(struct readers *, struct span raw, bool trusted, struct arena *, struct reading *, struct err *);
/*
 * The same for a mail that is proven and read while the caller does something else: a few of each child's next mails
 * are with it, and several children work at once. A mail, and what it names, stays where it is until it is done.
 */
struct reader_mail {
	struct span	 raw;
	int64_t		 at_ms;
	struct arena	*arena;		/* of the answers */
	struct proof	*proof;
	struct reading	*reading;
	bool		(*proven)(void *arg);	/* *proof is there: is it an accepted one? */
	void		*arg;
	/* set by us */
	bool		 done, failed;	/* `why` says; *reading is only set if it did not */
	struct err	 why;
};
void	reader_warm(struct readers *);	/* much will be asked soon: children start meanwhile */
void	reader_submit(struct readers *, struct reader_mail *);
void	reader_work(struct readers *);	/* keeps the children busy; to be called every few milliseconds */
void	reader_wait(struct readers *, const struct reader_mail *);
void	reader_forget(struct readers *);	/* all that was submitted */
/* Starts a reader with this setup, so that broken rules and a missing sandbox are told: ERR_CONFIG. */
int	reader_try(struct readers *, struct err *);
/*
 * The same, with all that it said, in lines ("" if nothing): of each rule file what it holds; or what is wrong,
 * from the second line on each error of the rules.
 */
int	reader_check(struct readers *, struct arena *, const char **said, struct err *);

#endif
