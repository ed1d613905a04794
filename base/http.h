/*
 * http - every libcurl handle of the program: TLS floor, CA, proxy, names, bounds
 *
 * All connections are verified (chain and host), TLS 1.2 or later. No redirect is followed, no
 * cookie, netrc, environment proxy or decompression is used. A struct http keeps connections
 * between requests (one process, one thread). http_handle() gives a prepared CURL easy handle for
 * protocols other than HTTP to the two doors that speak them (ingest/transport, notify/email).
 */
#ifndef BASE_HTTP_H
#define BASE_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/span.h"

#define HTTP_CONNECT_MS		10000		/* DNS, TCP, TLS */
#define HTTP_TOTAL_MS		30000		/* a whole request, unless it says otherwise */
#define HTTP_MAX_BODY		1048576	/* 1 MiB: bytes of an answer kept; more is an error */
#define HTTP_MAX_HEADERS	65536	/* bytes of an answer's header fields */
#define HTTP_MAX_NAMES		16		/* addresses taken of one name */

/*
 * Asks the configured name servers for a host's addresses: writes them as text, comma-separated,
 * into `addresses`. Set by cmd/ when network.dns names servers, so that base knows no resolver.
 */
typedef int (*http_resolve_fn)(const char *const *servers, const char *host, struct arena *,
    const char **addresses, struct err *);

/* How to reach a server; the section `network`, or a server's own keys over it (approvals.yaml(5)). */
struct http_net {
	const char	*ca_file;	/* NULL: the system's */
	const char	*proxy;		/* NULL: none */
	struct conf_secret proxy_login;	/* "user:password"; name NULL: none */
	const char	*no_proxy;	/* comma-separated hosts; NULL: none */
	const char	**dns;		/* "127.0.0.1@5353", NULL-ended; NULL: the system's */
	http_resolve_fn	 resolve;	/* used if dns is set */
};
/*
 * Reads ca_file, proxy, proxy_login_file, no_proxy, dns of a node (which may be NULL) over `base` (which may be
 * NULL). A login is for the proxy that it stands beside, never for another.
 */
struct http_net	http_net_read(struct conf_node *, const struct http_net *base);

struct http_header { const char *name, *value; };

struct http_request {
	const char			*method;	/* "GET", "POST" */
	const char			*url;
	const struct http_header	*headers;	/* checked: no byte below 0x20, no 0x7f */
	int				 header_count;
	struct span			 body;		/* sent if method is POST, also when empty */
	int64_t				 total_ms;	/* 0: HTTP_TOTAL_MS */
	size_t				 max_body;	/* 0: HTTP_MAX_BODY; more cuts, see `cut` */
	bool				 cut;		/* keep what fits instead of failing */
	volatile const int		*stop;		/* not 0: given up within a second, ERR_STOPPED; may be NULL */
};

struct http_response {
	int		 status;	/* 100..599 */
	struct span	 body;		/* NUL-ended, in the arena */
	const char	*type;		/* Content-Type, lower case, parameters cut off; "" if none */
	int64_t		 retry_after_ms;/* from now; -1 if not said (RFC 9110 10.2.3, both forms) */
	int64_t		 took_ms;
};

struct http;
struct http	*http_open(void);
void		 http_close(struct http *);

/*
 * One request, to its end. 0: an answer came, whatever its status. -1: none did:
 * ERR_RETRY for the network, ERR_RETRY with ERR_CERT when the peer's certificate was refused,
 * ERR_REJECT when the answer broke a bound or the request is not sendable. The message names the
 * host, never the path, query or header values.
 */
int	http_do(struct http *, const struct http_net *, const struct http_request *, int64_t now_ms,
	    struct arena *, struct http_response *, struct err *);

/*
 * Many requests at once, over one pool of connections (not that of http_do()). http_start() begins one;
 * -1: it is not sendable, and nothing happened. The answer is made in the arena, which, like the body that
 * is sent, must live until the request has ended; all else is copied. http_wait() waits for the next to end,
 * for wait_ms at most, and tells of it: what http_do() would have said. False: none ended in that
 * time, which passes also if none runs. http_close() gives up what still runs.
 */
struct http_done {
	void			*tag;
	bool			 failed;	/* `why`; else `res` */
	struct http_response	 res;		/* took_ms is set in both cases */
	struct err		 why;
};
int	http_start(struct http *, const struct http_net *, const struct http_request *, struct arena *,
	    void *tag, struct err *);
bool	http_wait(struct http *, int64_t wait_ms, int64_t now_ms, struct http_done *);
int	http_running(const struct http *);

/*
 * A fresh easy handle (a CURL *) for url with all of the above set, or NULL. The caller frees it with
 * curl_easy_cleanup() and `names` with curl_slist_free_all() after it (it is a struct curl_slist *,
 * NULL if no name was resolved by us).
 */
void	*http_handle(const struct http_net *, const char *url, void **names, struct err *);
/* Turns a CURLcode and curl's own words into an err: ERR_CERT for refused certificates, else retry. */
int	http_failed(int curlcode, const char *words, const char *url, struct err *);

/*
 * What a server shows of itself in TLS, its own certificate first, also when it was refused: nothing of it is
 * proven by being here. http_peer_ask() before the connection is made, http_peer_read() after it.
 */
#define HTTP_MAX_CHAIN		8	/* certificates; real chains have two to four */
struct http_cert {
	const char	*subject, *issuer;	/* "CN = imap.example.com" */
	int64_t		 until_ms;		/* 0: not readable */
};
struct http_peer {
	struct arena	*arena;			/* in: of the texts */
	struct http_cert chain[HTTP_MAX_CHAIN];
	int		 count;
};
int	http_peer_ask(void *handle, struct err *);
void	http_peer_read(void *handle, struct http_peer *);
/* TCP and verified TLS to a server, and not a word: is it there? Errors as http_do(). peer may be NULL. */
int	http_reach(const struct http_net *, const char *url, struct http_peer *, struct err *);

/* The host of a URL ("crm.example.com"), for messages; "?" if it has none. */
const char *http_host(const char *url, struct arena *);
/* One path segment, percent-encoded (RFC 3986 3.3, unreserved kept). */
const char *http_segment(const char *, struct arena *);

#endif
