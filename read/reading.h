/*
 * reading - what the children are asked and what they answer, and its wire form
 *
 * Shared by both sides: ingest/reader (the parent) and read/main (the child). Frames are a type byte
 * and a length of 4 bytes big-endian, then the payload: fields in a fixed order, integers big-endian,
 * texts length-prefixed. The parent takes every answer as hostile: each *_decode checks
 * every length, count, enum and text (UTF-8, bounds of rules/extract.h) and fails with ERR_REJECT.
 * An answer of a reader has no proof in it; only a prover's has.
 */
#ifndef READ_READING_H
#define READ_READING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"
#include "rules/extract.h"

#define READING_MAX_FRAME	(40 * 1024 * 1024)	/* above the largest limits.mail_bytes */
#define READING_MAX_ANSWER	(1024 * 1024)		/* what a child may answer */
#define READING_MAX_MESSAGE_ID	998			/* bytes: RFC 5322 2.1.1 */
#define READING_MAX_DETAIL	500			/* bytes of a proof's detail */
#define READING_MAX_SCREEN	200			/* header blocks in one question */
#define READING_MAX_HEADERS	(64 * 1024)		/* bytes of a mail's header; more is rejected */

enum reading_role { ROLE_PROVER = 1, ROLE_READER = 2 };

enum frame_type {
	FRAME_SETUP = 1, FRAME_READY, FRAME_REFUSED,	/* settings; READY may hold rules_summary(), REFUSED
							   what is wrong: a line, then each error of the rules */
	FRAME_SCREEN, FRAME_SCREENED,			/* header blocks; one byte each */
	FRAME_PROVE, FRAME_PROVED,			/* a mail's bytes; a struct proof */
	FRAME_READ, FRAME_READING,			/* a mail's bytes; a struct reading */
	FRAME_REJECTED					/* a bound was passed: text says which */
};

/* Settings of a child: all that it ever learns besides mails. Lists are NULL-ended. */
struct reading_setup {
	enum reading_role	 role;
	const char		**rules;	/* files; opened before the lock (readers only) */
	const char		**domains;	/* sender.domains, lower case */
	const char		**from;		/* sender.from: exact addresses; empty list: any */
	const char		**forwarders;	/* sender.forwarders */
	const char		**authserv_ids;	/* whose Authentication-Results count */
	bool			 accept_authentication_results;
	bool			 check;		/* of a reader: READY says what its rules are */
};

enum proof_kind { PROOF_NONE, PROOF_AUTHENTICATION_RESULTS, PROOF_DKIM, PROOF_FORWARDER, PROOF_KINDS };
const char	*proof_name(enum proof_kind);	/* "none", "authentication-results", ... */

/* What the prover says of who sent a mail. */
struct proof {
	enum proof_kind	 kind;
	char		 from_domain[254];	/* of the single From address, lower case; "" if there is
						   none, or several, or it is not ASCII */
	struct span	 detail;		/* the clause that proved it, or what was missing: ASCII, one
						   line, made by the prover, never copied text */
	int64_t		 received_ms;		/* date of the Received line the proof came with; 0 unknown */
	bool		 authenticated;		/* of kind none: the From domain is not configured, but a server
						   whose word counts says that it did send the mail */
	struct reasons	 reasons;		/* e.g. from-ambiguous, authentication-failed */
};

/* What a reader says of a mail. */
struct reading {
	struct span		 message_id;	/* without angle brackets; p NULL: none */
	int64_t			 date_ms;	/* Date field; 0 if missing or unreadable */
	struct extraction	 found;
	char			 rules_hash[65];	/* which rules read it */
};

/* Frames over a pipe or socket. send: ERR_RETRY if the other side is gone. */
int	frame_send(int fd, enum frame_type, struct span payload, struct err *);
/*
 * Receives one frame into the arena. deadline_ms is on the monotonic clock, 0: wait for ever (no
 * poll() is made then, which the locked child may not do). ERR_RETRY with msg "end of stream" when the other side
 * closed or the deadline passed ("deadline passed"); ERR_REJECT for a frame beyond `max`.
 */
int	frame_recv(int fd, int64_t deadline_ms, size_t max, struct arena *, enum frame_type *,
	    struct span *payload, struct err *);

struct span	setup_encode(const struct reading_setup *, struct arena *);
int		setup_decode(struct span, struct arena *, struct reading_setup *, struct err *);
struct span	screen_encode(const struct span *headers, size_t n, struct arena *);
int		screen_decode(struct span, struct arena *, struct span **headers, size_t *n, struct err *);
struct span	proof_encode(const struct proof *, struct arena *);
int		proof_decode(struct span, struct arena *, struct proof *, struct err *);
struct span	reading_encode(const struct reading *, struct arena *);
int		reading_decode(struct span, struct arena *, struct reading *, struct err *);

#endif
