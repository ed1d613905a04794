/*
 * consent - a person lets us read a mailbox: the first refresh token (RFC 6749 4.1, with RFC 7636)
 *
 * The person opens `url` in any browser, signs in, and is sent to http://localhost, where nobody
 * listens: the address that the browser then shows is pasted, and its code exchanged. `state` ties
 * the address to this question, PKCE (S256) the code to us.
 */
#ifndef INGEST_CONSENT_H
#define INGEST_CONSENT_H

#include "ingest/oauth.h"

#define CONSENT_REDIRECT	"http://localhost"
#define CONSENT_MAX_PASTE	8192	/* bytes; Microsoft's addresses have about 2,000 */

struct consent {
	const char	*verifier, *state, *url;
};
/* auth_url is not NULL. All in the arena. Fails if what comes of it could not be saved. */
int	consent_start(const struct oauth_conf *, struct arena *, struct consent *, struct err *);
/* The code in what was pasted: an address, or a code alone. ERR_REJECT, ERR_LOGIN if it says that access was denied. */
int	consent_code(const struct consent *, const char *pasted, struct arena *, const char **code,
	    struct err *);
/* Exchanges it, and saves the refresh token. */
int	consent_finish(const struct oauth_conf *, const struct consent *, const char *code, int64_t now_ms,
	    struct err *);

/* code_challenge of a verifier (RFC 7636 4.2). */
const char *consent_challenge(const char *verifier, struct arena *);

#endif
