/*
 * digest - SHA-256, HMAC, base64, hex, random bytes; the one door to GnuTLS
 *
 * None of these fails: a GnuTLS that cannot hash aborts the process.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"

#define DIGEST_BYTES 32		/* SHA-256, FIPS 180-4 */
#define DIGEST_HEX (2 * DIGEST_BYTES)

void	digest_sha256(struct span, uint8_t out[DIGEST_BYTES]);
void	digest_hmac(struct span key, struct span data, uint8_t out[DIGEST_BYTES]);	/* RFC 2104 */

/* Several spans, each prefixed by its length as 8 bytes big-endian, after one leading byte. */
struct digest;
struct digest	*digest_open(uint8_t lead);
struct digest	*digest_open_hmac(struct span key, uint8_t lead);
void	digest_add(struct digest *, struct span);
void	digest_add_int(struct digest *, int64_t);	/* as 8 bytes big-endian, itself length-prefixed */
void	digest_close(struct digest *, uint8_t out[DIGEST_BYTES]);	/* and frees it */

void	digest_random(void *, size_t);
bool	digest_equal(const void *, const void *, size_t);	/* in constant time */
char	*digest_hex(struct arena *, const void *, size_t);	/* lower case */
char	*digest_base64(struct arena *, struct span);		/* RFC 4648 4, with padding */
/* Strict RFC 4648 4; an invalid text gives p == NULL. */
struct span	digest_unbase64(struct arena *, struct span);

#endif
