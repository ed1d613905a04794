/*
 * ingest - one mail from bytes to rows: the only place where a reading becomes claims
 *
 * Trust is decided here from the prover's answer and sender.accept; states by architecture, States, the API
 * aside (that is ingest/enrich). One pass over a mailbox is ingest/mailbox; this is what it calls.
 */
#ifndef INGEST_INGEST_H
#define INGEST_INGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/digest.h"
#include "ingest/reader.h"
#include "read/reading.h"
#include "store/db.h"

struct sender_conf {
	const char	**domains, **from, **authserv_ids, **forwarders;	/* NULL-ended */
	bool		 accept_authentication_results, accept_dkim;
	bool		 accept_api;	/* the API's full agreement about a new unit (ingest/unproven.h) */
	int64_t		 max_age_ms;
};
void	sender_conf_read(struct conf_node *root, struct sender_conf *);

struct limits_conf {
	int64_t	mail_bytes;	/* larger is not fetched: oversize */
	int64_t	min_free;	/* bytes that must be free on the database's disk before fetching */
};
void	limits_conf_read(struct conf_node *root, struct limits_conf *);

/* What the children are told: sender's settings, the mailbox's authserv (may be NULL) and the rules. */
struct reading_setup ingest_setup(const struct sender_conf *, const char *authserv, const char **rules,
    struct arena *);

/* What the pipeline makes of one reading, before the API is asked. */
enum verdict { VERDICT_APPROVAL, VERDICT_OTHER, VERDICT_SUSPICIOUS };
const char	*verdict_name(enum verdict);

struct judgement {
	enum verdict	 verdict;
	bool		 trusted;
	int64_t		 wait_ms;	/* not trusted yet: the proof is asked for again for so long; 0: decided */
	struct reasons	 reasons;	/* of the mail: the prover's, the reading's, and the replay check */
};
/*
 * arrived_ms: when the mail came (INTERNALDATE, or of a file the proof's Received), 0 unknown.
 * history: no replay check.
 */
struct judgement ingest_judge(const struct sender_conf *, const struct proof *, const struct reading *,
    int64_t arrived_ms, bool history);

/* State of one pass over one mailbox. */
struct ingest {
	struct db			*db;
	struct db_lock			*lock;		/* progress is told here; may be NULL */
	struct readers			*readers;
	const struct sender_conf	*sender;
	const struct limits_conf	*limits;
	const char			*mailbox;
	const char			*screen;	/* hash of what the screen depends on */
	volatile const int		*stop;		/* set by a signal: leave between commits */
	int64_t				 now_ms;
	void				 (*progress)(const struct ingest *, void *);	/* after each commit; may be NULL */
	void				*progress_arg;
	/* out: what was done in this pass */
	int64_t				 todo;		/* mails that were pending in folders searched so far */
	int64_t				 seen, ignored, read, claims, waiting /* for a person */, quarantined;
};

/*
 * One fetched mail, inside the caller's transaction: proves, reads and stores. After 0 its fate is decided (or
 * it stays pending with a reason: out of memory, ...); after -1 nothing has happened and the pass must end.
 * No transaction spans the children's work: ingest_read() asks them, ingest_store() writes.
 */
struct ingest_mail {
	int64_t		 id;		/* mail row */
	uint32_t	 uid;
	int64_t		 arrived_ms;
	bool		 history;
	struct span	 raw;
	bool		 file;		/* its arrival is the date of the Received line that its proof came with */
	bool		 again;		/* it was read before, and has claims (ingest/reread) */
	bool		 awaited;	/* and again, since its proof was (ingest/reproof) */
	const struct proof *kept;	/* its proof as of then, NULL if there was none */
	/* set by ingest_read() and ingest_take(): */
	bool		 failed;	/* `why` says: ERR_REJECT quarantine, ERR_RETRY stays pending */
	struct err	 why;
	struct proof	 proof;
	struct reading	 reading;
	uint8_t		 sha256[DIGEST_BYTES];
	/* of no one else's business: */
	const struct sender_conf *sender;
	struct reader_mail asked;
	bool		 proven;
};
/* The same while the caller does something else (ingest/reader.h); then it takes what the children say. */
void	ingest_ask(struct ingest *, struct ingest_mail *, struct arena *);
int	ingest_take(struct ingest *, struct ingest_mail *, struct err *);
int	ingest_read(struct ingest *, struct ingest_mail *, struct arena *, struct err *);
int	ingest_store(struct ingest *, const struct ingest_mail *, struct err *);
/* In a transaction: it is not read at all. `folder` is where it lies. */
int	ingest_oversize(struct ingest *, int64_t id, const char *folder, int64_t arrived_ms, int64_t size_bytes,
	    bool history, struct err *);

#endif
