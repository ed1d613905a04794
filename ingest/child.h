/*
 * child - one process of approvals-reader: starts, bounds, ends and judges it
 *
 * What it is asked is ingest/reader's business. It gets no descriptor but its pipe and, until it is locked in,
 * stderr; no environment but LC_ALL, no secret. How it ended says whether the mail that it had is to blame.
 */
#ifndef INGEST_CHILD_H
#define INGEST_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"
#include "read/reading.h"

#define CHILD_NAME		"approvals-reader"
#define CHILD_CPU_SECONDS	1	/* for one mail (granted in whole seconds above what was used) */
#define CHILD_HEAD		5	/* read/reading.h: a type byte and 4 bytes of length */

struct child {
	pid_t	pid;		/* 0: not running */
	int	fd;
	int	served;
	rlim_t	cpu_s;		/* its allowance until now */
	rlim_t	cpu_max_s;	/* the hard limit, which stays; 0: not asked yet */
	clockid_t clock;	/* of its CPU time; only if has_clock */
	bool	has_clock;
};

/* Why a child is no more, as far as the mail is concerned. */
enum loss_kind {
	LOSS_CRASH,		/* the mail may have done it */
	LOSS_LATE,		/* likewise */
	LOSS_MEMORY,		/* the machine did it */
	LOSS_OUTSIDE		/* a signal no mail can send: an operator's, the OOM killer's */
};
struct loss {
	enum loss_kind	kind;
	char		how[48];	/* "was killed by SIGSEGV" */
};

enum outcome { ANSWERED, LOST, FAILED };

int	child_fork(const char *program, struct child *, struct err *);
void	child_hang_up(struct child *);	/* it is asked nothing more: child_stop() follows */
void	child_stop(struct child *);	/* waits for its end, and forgets it; fine if it is not running */
/* Its stream ended, or it is late. LOST, and it is gone. */
enum outcome	child_lost(struct child *, bool late, struct loss *);
/* Our own verdict on a child that still runs, or may: too slow, or a liar. LOST, and it is gone. */
enum outcome	child_kill(struct child *, struct loss *, enum loss_kind, const char *how);

/* Sets its CPU allowance, for the mail that it begins with. */
void	child_allow(struct child *);
/* Bytes that wait before anything was asked would pass for the answer. */
bool	child_has_spoken(const struct child *);
void	child_head(enum frame_type, size_t n, char head[CHILD_HEAD]);	/* of a frame with n bytes of payload */
int	child_send(struct child *, enum frame_type, struct span payload, int64_t deadline_ms);
/* What a child says, for a message: it may be lying, so printable ASCII only. */
const char	*child_words(struct span, struct arena *);

#endif
