#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "base/digest.h"

/* One of the two is in use. */
struct digest {
	gnutls_hash_hd_t	hash;
	gnutls_hmac_hd_t	hmac;
};

/* Without a working hash nothing that we promise holds. */
static void
must(int rc)
{
	if (rc < 0)
		abort();
}

void
digest_sha256(struct span s, uint8_t out[DIGEST_BYTES])
{
	must(gnutls_hash_fast(GNUTLS_DIG_SHA256, s.p, s.n, out));
}

void
digest_hmac(struct span key, struct span data, uint8_t out[DIGEST_BYTES])
{
	must(gnutls_hmac_fast(GNUTLS_MAC_SHA256, key.p, key.n, data.p, data.n, out));
}

static void
digest_raw(struct digest *d, const void *p, size_t n)
{
	if (n == 0)
		return;
	if (d->hmac != NULL)
		must(gnutls_hmac(d->hmac, p, n));
	else
		must(gnutls_hash(d->hash, p, n));
}

static struct digest *
digest_new(void)
{
	struct digest *d = calloc(1, sizeof(*d));

	if (d == NULL)
		arena_no_memory();
	return d;
}

struct digest *
digest_open(uint8_t lead)
{
	struct digest *d = digest_new();

	must(gnutls_hash_init(&d->hash, GNUTLS_DIG_SHA256));
	digest_raw(d, &lead, 1);
	return d;
}

struct digest *
digest_open_hmac(struct span key, uint8_t lead)
{
	struct digest *d = digest_new();

	must(gnutls_hmac_init(&d->hmac, GNUTLS_MAC_SHA256, key.p, key.n));
	digest_raw(d, &lead, 1);
	return d;
}

static void
bytes_of(uint64_t n, uint8_t out[8])
{
	for (int i = 7; i >= 0; i--, n >>= 8)
		out[i] = (uint8_t)n;
}

void
digest_add(struct digest *d, struct span s)
{
	uint8_t length[8];

	bytes_of(s.n, length);
	digest_raw(d, length, sizeof(length));
	digest_raw(d, s.p, s.n);
}

void
digest_add_int(struct digest *d, int64_t n)
{
	uint8_t value[8];

	bytes_of((uint64_t)n, value);
	digest_add(d, (struct span){(const char *)value, sizeof(value)});
}

void
digest_close(struct digest *d, uint8_t out[DIGEST_BYTES])
{
	if (d->hmac != NULL)
		gnutls_hmac_deinit(d->hmac, out);
	else
		gnutls_hash_deinit(d->hash, out);
	free(d);
}

void
digest_random(void *p, size_t n)
{
	must(gnutls_rnd(GNUTLS_RND_KEY, p, n));
}

bool
digest_equal(const void *a, const void *b, size_t n)
{
	return gnutls_memcmp(a, b, n) == 0;
}

char *
digest_hex(struct arena *a, const void *p, size_t n)
{
	static const char	 digits[] = "0123456789abcdef";
	const uint8_t		*from = p;
	char			*out = arena_array(a, n + 1, 2);

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[from[i] >> 4];
		out[2 * i + 1] = digits[from[i] & 15];
	}
	return out;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

char *
digest_base64(struct arena *a, struct span s)
{
	char	*out = arena_array(a, s.n / 3 + 2, 4), *p = out;

	for (size_t i = 0; i < s.n; i += 3) {
		size_t		left = s.n - i;
		uint32_t	v = (uint32_t)(uint8_t)s.p[i] << 16;

		if (left > 1)
			v |= (uint32_t)(uint8_t)s.p[i + 1] << 8;
		if (left > 2)
			v |= (uint8_t)s.p[i + 2];
		*p++ = base64_digits[v >> 18];
		*p++ = base64_digits[v >> 12 & 63];
		*p++ = base64_digits[left > 1 ? v >> 6 & 63 : 64];
		*p++ = base64_digits[left > 2 ? v & 63 : 64];
	}
	return out;
}

static int
base64_value(char c)
{
	const char *p = c != '\0' && c != '=' ? strchr(base64_digits, c) : NULL;

	return p != NULL ? (int)(p - base64_digits) : -1;
}

struct span
digest_unbase64(struct arena *a, struct span s)
{
	static const struct span	bad = {NULL, 0};
	char				*out = arena_alloc(a, s.n / 4 * 3 + 1);
	size_t				 n = 0, pad = 0;

	if (s.n % 4 != 0)
		return bad;
	while (pad < 2 && pad < s.n && s.p[s.n - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < s.n; i += 4) {
		size_t		digits = i + 4 == s.n ? 4 - pad : 4;
		uint32_t	v = 0;

		for (size_t k = 0; k < 4; k++) {
			int value = k < digits ? base64_value(s.p[i + k]) : 0;

			if (value < 0)
				return bad;
			v = v << 6 | (uint32_t)value;
		}
		if ((digits == 2 && (v & 0xffff) != 0) || (digits == 3 && (v & 0xff) != 0))
			return bad;	/* bits that no encoder leaves: two texts for one value */
		out[n++] = (char)(v >> 16);
		if (digits > 2)
			out[n++] = (char)(v >> 8);
		if (digits > 3)
			out[n++] = (char)v;
	}
	return (struct span){out, n};
}
