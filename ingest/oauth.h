/*
 * oauth - access tokens for a mailbox (RFC 6749), instead of a password
 *
 * A token comes by client credentials (4.4), by a refresh token (6), or from a command. A refresh
 * token that the server replaced is saved before the access token that came with it is used: when
 * we are killed between its answer and the write, the old one is all there is, and a server that
 * lets it be used once only asks for `oauth login` again. Access tokens are kept in a file of mode
 * 0600 beside the database (never in it) for their life minus a margin.
 * Nothing that a server says is shown but codes: it may quote what it was sent.
 */
#ifndef INGEST_OAUTH_H
#define INGEST_OAUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/http.h"

#define OAUTH_MARGIN_S		INT64_C(300)	/* before its end a token is no longer used, */
#define OAUTH_MAX_LIFE_S	INT64_C(86400)	/* and a longer life is not believed */
#define OAUTH_MAX_TOKEN		12288		/* bytes of one; Microsoft's have 1 to 4 KiB */

struct oauth_conf {
	const char		*token_url, *auth_url;	/* auth_url NULL: no `oauth login` */
	const char		*client_id, *scope;	/* scope may be NULL */
	struct conf_secret	 client_secret, refresh_token;	/* name NULL: not there */
	const char		**command;		/* NULL, or argv: then nothing of the above is */
	const char		*cache;			/* file of the access token; NULL: none is kept */
	struct http_net		 net;
};
/* The section `oauth2` of a mailbox; NULL if it has none. The cache is DATABASE.token-NAME. */
struct oauth_conf *oauth_conf_read(struct conf_node *mailbox, const struct http_net *);

struct oauth_token {
	const char	*text;		/* printable ASCII */
	bool		 cached;	/* from the file: perhaps it was revoked since */
};
/*
 * `fresh`: not from the file. ERR_LOGIN when the server refuses client or grant, ERR_CONFIG,
 * ERR_CERT, ERR_STOPPED, else ERR_RETRY. The token lives in the arena.
 */
int	oauth_token(const struct oauth_conf *, bool fresh, volatile const int *stop, int64_t now_ms,
	    struct arena *, struct oauth_token *, struct err *);

/*
 * One request to token_url; `form` gets the client's own parameters, and is wiped. What it answers,
 * or the error that it means.
 */
struct oauth_answer {
	const char	*access_token;	/* printable ASCII */
	const char	*refresh_token;	/* NULL: none came */
	int64_t		 life_s;	/* of the access token; -1: not said */
};
int	oauth_ask(const struct oauth_conf *, struct arena_buf *form, volatile const int *stop,
	    int64_t now_ms, struct arena *, struct oauth_answer *, struct err *);
/* Adds key=value, percent-encoded (a URL's query has the same form). */
void	oauth_form_add(struct arena_buf *, const char *key, const char *value);

/* ---- answers as functions without I/O */

/* A 200's body. ERR_RETRY: it makes no sense. */
int	oauth_answer_read(struct span body, struct arena *, struct oauth_answer *, struct err *);
/* Any other answer, as an error; always -1. */
int	oauth_refused(int status, struct span body, const char *host, struct err *);
/* The error in the address that a sign-in led to; always -1. */
int	oauth_denied(const char *error, const char *description, struct err *);
/*
 * The line "+ <base64>" by which an IMAP server refuses a token (RFC 7628 3.2.3, XOAUTH2): its
 * status, 0 if it says none, -1 if the line is no such thing.
 */
int	oauth_challenge(struct span line);

#endif
