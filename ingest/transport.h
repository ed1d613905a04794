/*
 * transport - a verified, logged-in byte stream to an IMAP server
 *
 * libcurl connects (proxy, TLS or STARTTLS, chain and host verified) and logs in; the stream is
 * then handed to libetpan as a mailstream_low, which first reads a made-up "* PREAUTH" greeting,
 * since libcurl has read the real one. Everything that the server says passes a guard first: a byte
 * budget and an absolute deadline for each command, and the bounds below, because libetpan believes
 * what it reads. A closed connection is an error, never "nothing more to read".
 * One transport at a time in a process: libetpan keeps process-wide state.
 */
#ifndef INGEST_TRANSPORT_H
#define INGEST_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/http.h"
#include "base/span.h"

#define TRANSPORT_LOGIN_MS	30000		/* DNS, TCP, TLS and login together */
/* Bytes of a line, literals left out: the answer to a SEARCH is one. */
#define TRANSPORT_MAX_LINE	((size_t)8 * 1024 * 1024)
/* UIDs of one command's SEARCH: libetpan takes 64 bytes each; twice that for any other line or word. */
#define TRANSPORT_MAX_SHOWN	500000
#define TRANSPORT_MAX_DEPTH	32	/* of parentheses: libetpan recurses, 20,000 kill it */

struct transport_login {
	const char		*url;		/* imaps://host[:port], or imap:// for STARTTLS */
	const char		*user, *password;	/* or */
	const char		*token;		/* an OAuth access token, by OAUTHBEARER or XOAUTH2 */
	const struct http_net	*net;
	volatile const int	*stop;		/* set by a signal: gives up waiting; may be NULL */
};

struct transport;

/*
 * ERR_LOGIN only when the server refused name, password or token; ERR_CERT; else ERR_RETRY, which
 * [UNAVAILABLE], [INUSE], [LIMIT] and the like are (RFC 5530). [ALERT] texts are logged.
 */
int	transport_open(const struct transport_login *, struct transport **, struct err *);
/* The same for a CURL easy handle that is connected already. The transport owns both then. */
struct transport *transport_wrap(void *curl, void *names, volatile const int *stop);
void	transport_close(struct transport *);

/* Before each command: what follows must be over within_ms from now, in at most `budget` bytes. */
void	transport_command(struct transport *, int64_t within_ms, size_t budget);
/* The stream as a struct mailstream_low *, made anew; closing it leaves the transport alone. */
void	*transport_low(struct transport *);
/*
 * Past libetpan, while no command of its is under way. say: all of the text, within the deadline of
 * transport_command(). hear: what comes within_ms; *n is 0 if nothing did. stir: the same without
 * taking anything. -1: the stream has ended, transport_why() says why.
 */
int	transport_say(struct transport *, const char *text);
int	transport_hear(struct transport *, int64_t within_ms, char *buf, size_t size, size_t *n);
int	transport_stir(struct transport *, int64_t within_ms, bool *stirred);
/* 0: the stream is whole. -1: why it ended. */
int	transport_why(const struct transport *, struct err *);

/* Whether this answer to a login ("A002 NO [CODE] text") says that name or password are wrong. */
bool	transport_refused(struct span line);

/*
 * The guard: a running look at the server's bytes, in pieces of any size. It knows lines, quoted
 * strings and literals (RFC 9051 4.3), and no more.
 */
struct guard {
	size_t		 budget;	/* bytes that may still come for this command */
	size_t		 shown;		/* numbers in SEARCH answers so far, others weighed as such */
	size_t		 literal;	/* bytes of a literal still to come */
	size_t		 line;		/* bytes of this line so far, literals left out */
	enum { GUARD_START, GUARD_STAR, GUARD_TEXT, GUARD_DATA } state;
	char		 word[8];	/* what follows "* " */
	size_t		 word_n;
	bool		 quoted, escaped, code /* inside [ ] of a status line */, search;
	enum { BRACE_NONE, BRACE_OPEN, BRACE_CLOSED, BRACE_CR } brace;
	uint64_t	 number;	/* digits being read */
	int		 digits;
	int		 depth;
	uint32_t	 before;	/* the four bytes before the digits */
};
void	guard_arm(struct guard *, size_t budget);
/* -1: a bound was passed; ERR_RETRY, since another connection may do better. */
int	guard_pass(struct guard *, const char *, size_t, struct err *);

#endif
