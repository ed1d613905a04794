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
#define READING_MAX_ADDRESS	254			/* bytes: RFC 5321 4.5.3.1.3 */
#define READING_MAX_DETAIL	500			/* bytes of a proof's detail */
#define READING_MAX_SCREEN	500			/* header blocks in one question */
#define READING_MAX_HEADERS	(64 * 1024)		/* bytes of a mail's header; more is rejected */
#define READING_MAX_KEY		1000			/* bytes of a DKIM key record; RSA of 4096 bits needs 750 */
#define READING_KEY_PLACE	"._domainkey."		/* between selector and domain (RFC 6376 3.6.2.1) */
#define READING_MAX_KEY_NAME	520			/* bytes: two DNS names, and what is between them */
#define READING_MAX_SIGNATURES	4			/* of one mail are verified, and so many keys asked for */
#define READING_MAX_KEYS	(2 * READING_MAX_SIGNATURES)	/* come with one mail: those, and as many guessed */

enum reading_role { ROLE_PROVER = 1, ROLE_READER = 2 };

enum frame_type {
	FRAME_SETUP = 1, FRAME_READY, FRAME_REFUSED,	/* settings; READY may hold rules_summary(), REFUSED
							   what is wrong: a line, then each error of the rules */
	FRAME_SCREEN, FRAME_SCREENED,			/* header blocks; one byte each */
	FRAME_PROVE, FRAME_PROVED,			/* when it came, keys, and its bytes; a struct proof */
	FRAME_READ, FRAME_READING,			/* a mail's bytes; a struct reading */
	FRAME_KEY,					/* the prover's other answer: a selector and domain whose key it
							   must have; it is asked again with that */
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
	bool			 microsoft365;	/* and Exchange Online's, which name no server */
	bool			 accept_authentication_results, accept_dkim;
	bool			 check;		/* of a reader: READY says what its rules are */
};

enum proof_kind { PROOF_NONE, PROOF_AUTHENTICATION_RESULTS, PROOF_DKIM, PROOF_FORWARDER, PROOF_KINDS };
const char	*proof_name(enum proof_kind);	/* "none", "authentication-results", ... */

enum key_status {
	KEY_FOUND,	/* the record */
	KEY_NONE,	/* the name has none */
	KEY_SEVERAL,	/* more than one, or one that is no text: nobody knows which counts (RFC 6376 3.6.2.2) */
	KEY_FAILED,	/* the DNS did not say */
	KEY_STATUSES
};

/* What is known of a key. */
struct key {
	const char	*name;		/* selector._domainkey.domain */
	enum key_status	 status;
	struct span	 record;	/* of KEY_FOUND */
};

/* What became of a DKIM signature by one of our domains; of several, the best. */
enum signature_verdict {
	SIGNATURE_NONE,		/* there is none, or DKIM is not accepted */
	SIGNATURE_REFUSED,	/* of a kind that does not count: reasons say which */
	SIGNATURE_BROKEN,	/* the mail is not as it was signed */
	SIGNATURE_WRONG_KEY,	/* does not fit the key in the DNS: that is wrong, or the header was changed */
	SIGNATURE_NO_KEY,	/* the key is not, or no longer, in the DNS */
	SIGNATURE_NO_DNS,	/* the DNS did not say */
	SIGNATURE_GOOD,
	SIGNATURE_VERDICTS
};
const char	*signature_name(enum signature_verdict);	/* "none", "refused", ... */

struct signature {
	enum signature_verdict	verdict;
	char			domain[254], selector[254];	/* lower case; "" if there is none */
	struct span		key;		/* the record as found: ASCII; empty if there was none */
};

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
	struct signature signature;
	struct reasons	 reasons;		/* e.g. from-ambiguous, authentication-failed */
};
/* How long a mail is asked about again whose proof the DNS alone withholds, in ms; 0: it is decided. */
int64_t		 proof_wait_ms(const struct proof *);

/* What a reader says of a mail. */
struct reading {
	struct span		 message_id;	/* without angle brackets; p NULL: none */
	struct span		 forward_from;	/* of a mail that was passed on: the address in its From; p NULL:
						   not passed on, or not one address */
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
/*
 * Of bytes that have come: 1 and the first frame is cut off them, its payload a view; 0: more must come; -1 for a
 * frame beyond `max`, as above.
 */
int	frame_cut(struct span *have, size_t max, enum frame_type *, struct span *payload, struct err *);

struct span	setup_encode(const struct reading_setup *, struct arena *);
int		setup_decode(struct span, struct arena *, struct reading_setup *, struct err *);
struct span	screen_encode(const struct span *headers, size_t n, struct arena *);
int		screen_decode(struct span, struct arena *, struct span **headers, size_t *n, struct err *);
/*
 * at_ms: when it came, which signatures are not to outlive. At most READING_MAX_KEYS keys. Decoded, the mail is a view
 * into the payload.
 */
struct span	question_encode(int64_t at_ms, const struct key *, size_t n, struct span mail, struct arena *);
int		question_decode(struct span, struct arena *, int64_t *at_ms, struct key **, size_t *n, struct span *mail,
		    struct err *);
struct span	key_question_encode(const char *selector, const char *domain, struct arena *);
/* Both are DNS names in lower case. */
int		key_question_decode(struct span, struct arena *, const char **selector, const char **domain,
		    struct err *);
struct span	proof_encode(const struct proof *, struct arena *);
int		proof_decode(struct span, struct arena *, struct proof *, struct err *);
struct span	reading_encode(const struct reading *, struct arena *);
int		reading_decode(struct span, struct arena *, struct reading *, struct err *);

#endif
