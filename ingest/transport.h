/*
 * transport - a verified, logged-in byte stream to an IMAP server
 *
 * libcurl connects (proxy, TLS or STARTTLS, chain and host verified) and logs in; the stream is
 * then handed to libetpan as a mailstream_low, which first reads a made-up "* PREAUTH" greeting,
 * since libcurl has read the real one. Everything that the server says passes a guard first
 * (ingest/guard), with a byte budget for each command, which has an absolute deadline too, because
 * libetpan believes what it reads. A closed connection is an error, never "nothing more to read".
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
#include "ingest/guard.h"

#define TRANSPORT_LOGIN_MS	30000		/* DNS, TCP, TLS and login together */

struct transport_login {
	const char		*url;		/* imaps://host[:port], or imap:// for STARTTLS */
	const char		*user, *password;	/* or */
	const char		*token;		/* an OAuth access token, by OAUTHBEARER or XOAUTH2 */
	const struct http_net	*net;
	volatile const int	*stop;		/* set by a signal: gives up waiting; may be NULL */
	struct http_peer	*peer;		/* what the server shows of itself; may be NULL */
	/* What it says with [ALERT], now and in the session that follows; NULL: it is logged. */
	void			(*alert)(void *arg, const char *text);
	void			*alert_arg;
};
/* Hands an [ALERT]'s text on, or logs it. */
void	transport_alert(const struct transport_login *, const char *text);

struct transport;

/*
 * ERR_LOGIN only when the server refused name, password or token, [EXPIRED] and [CONTACTADMIN] too; ERR_CERT; else ERR_RETRY, which
 * [UNAVAILABLE], [INUSE], [LIMIT] and the like are (RFC 5530). [ALERT] texts go to `alert`.
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

/*
 * Whether this answer to a login ("A002 NO [CODE] text") says that a person must do something: NULL if not, else what
 * its code adds to our words, mostly nothing.
 */
const char *transport_refused(struct span line);

#endif
