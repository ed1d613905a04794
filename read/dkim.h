/*
 * dkim - is a mail signed by one of our domains? (RFC 6376, RFC 8463); the one door to libopendkim
 *
 * The library canonicalises, hashes and checks; which signatures are worth that, and which good ones count, is
 * decided here. Keys come from whoever is asked, never from the DNS by the library itself. At most
 * READING_MAX_SIGNATURES are looked at, from the top: each costs a pass over the mail.
 *
 * Counts: d= exactly one of the domains, From signed, no l=, rsa-sha256 or ed25519-sha256, an RSA key of DKIM_MIN_BITS
 * or more, x= not before the mail came and t= not long after. That From is single, and whose it is, is the caller's.
 */
#ifndef READ_DKIM_H
#define READ_DKIM_H

#include <stdint.h>

#include "read/header.h"
#include "read/reading.h"

#define DKIM_MIN_BITS	1024	/* RFC 8301 3.2: shorter is no proof */
#define DKIM_SKEW_MS	(15 * INT64_C(60000))	/* how far a signer's clock may be ahead of our server's */

struct dkim_door;

/* Before the child locks itself in: the library then opens nothing more. */
int	dkim_open(struct dkim_door **, struct err *);
void	dkim_close_door(struct dkim_door *);

/* The key record of selector._domainkey.domain, both lower case; the record's bytes live in the arena. */
typedef enum key_status	dkim_key_fn(void *arg, const char *selector, const char *domain, struct arena *,
			    struct span *record);

struct dkim_mail {
	const struct header	*header;	/* not malformed, with one From */
	struct span		 bytes;		/* the whole mail; lines may all end in LF alone (saved files) */
	const char		**domains;	/* whose signatures count, lower case, NULL-ended */
	int64_t			 at_ms;		/* when it came */
	dkim_key_fn		*key;
	void			*key_arg;
};
/* *out: of the best signature. Remarks (dkim-...) are added for each one that is not good, unless one is. */
void	dkim_verify_mail(struct dkim_door *, const struct dkim_mail *, struct arena *, struct signature *out,
	    struct reasons *);

#endif
