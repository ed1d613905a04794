/*
 * queue - questions on their way to the children; private to ingest/reader
 *
 * Questions wait in a line for each role, and each child has a few of them at a time, so that it has work while the
 * parent does something else; it answers in their order. A child that dies, hangs or answers garbage is a loss; what
 * kind of loss decides whether the mail is to blame that it had in hand, the oldest that was not answered. The second
 * loss of a mail, alone in a fresh child, is final for this pass. A task, and what it names, stays where it is until
 * it is done.
 */
#ifndef INGEST_QUEUE_H
#define INGEST_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/child.h"
#include "ingest/key.h"
#include "ingest/reader.h"

#define QUEUE_AHEAD	32	/* questions that a reader has: some milliseconds of work while we commit */
#define QUEUE_LOOK_MS	1	/* children have work for longer: looking for each mail costs more than it brings */
#define QUEUE_PARALLEL	2	/* readers of one kind, where there are as many cores; each is 5 MB */

enum which { CHILD_PROVER, CHILD_TRUSTED, CHILD_UNTRUSTED, CHILD_KINDS };

struct question {
	enum frame_type	 type, answer;
	struct span	 lead, payload;		/* sent one behind the other */
	/* Takes the answer's payload apart; fails if it is garbage. */
	int		(*take)(void *out, struct span, struct arena *, struct err *);
	void		*out;
};

/* A question on its way. */
struct task {
	struct question	 q;
	enum which	 which;
	struct arena	*arena;		/* of the answer */
	struct task	*next;		/* in its line */
	/* of the prover's: */
	int64_t		 at_ms;		/* when the mail came */
	struct key	 keys[READING_MAX_SIGNATURES];	/* that it has asked for */
	size_t		 keys_n;
	const char	*key_name;	/* and the one to ask the DNS for */
	bool		 lost;		/* once, for the reason `first`: it is asked again, alone */
	struct loss	 first;
	bool		 done;		/* answered, or failed: `why` */
	int		 rc;
	struct err	 why;
	void		(*end)(struct readers *, struct task *);	/* told when it is done; may be NULL */
	void		*mail;		/* of who asks */
};

/* A child and what it was asked, oldest first. */
struct slot {
	struct child	 child;
	bool		 starting;	/* it has its settings, and is not locked in yet */
	struct task	*asked[QUEUE_AHEAD];
	int		 n;
	int		 sent;		/* so many of them whole, */
	size_t		 sent_bytes;	/* and of the next so much */
	int64_t		 deadline_ms;	/* of the oldest */
	char		*input;		/* what came of its answers */
	size_t		 input_n, input_max;
};

struct readers {
	struct arena			 arena;
	const struct reading_setup	*setup;
	const char			*program;
	struct slot			 slots[CHILD_KINDS][QUEUE_PARALLEL];
	struct task			*line[CHILD_KINDS];
	struct task			*keyless;	/* wait until the DNS may be asked */
	int				 parallel;	/* of each kind of reader */
	bool				 waiting;	/* work() may take its time */
	int64_t				 left_ms;	/* when we last looked at the children */
	struct keys			 keys;
};

void	queue_add(struct readers *, struct task *);
/* The same without waiting, unless that was done within QUEUE_LOOK_MS. */
void	queue_look(struct readers *);
/* Asks, and takes the answers that have come; `wait`: for one if there is none. Only then the DNS may be asked. */
void	queue_work(struct readers *, bool wait);
/* Starts one of each kind that is not running, for work that is about to come. */
void	queue_warm(struct readers *);
void	queue_forget(struct readers *);	/* all that was added */
/* Starts a child and waits until it is ready; `said` may be NULL. FAILED: `e` says, and no mail is to blame. */
enum outcome	queue_try(struct readers *, enum which, struct child *, struct loss *, struct arena_buf *said,
		    struct err *);

#endif
