#include <string.h>

#include "base/span.h"

static unsigned char
byte_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c - 'A' + 'a') : (unsigned char)c;
}

bool
span_eq_nocase(struct span a, struct span b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (byte_lower(a.p[i]) != byte_lower(b.p[i]))
			return false;
	return true;
}

static bool
byte_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct span
span_trim(struct span s)
{
	while (s.n > 0 && byte_is_space(s.p[s.n - 1]))
		s.n--;
	while (s.n > 0 && byte_is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	return s;
}

bool
span_cut(struct span *s, char c, struct span *before)
{
	const char *p = s->n > 0 ? memchr(s->p, c, s->n) : NULL;

	*before = *s;
	if (p == NULL) {
		*s = span_from(*s, s->n);
		return false;
	}
	before->n = (size_t)(p - s->p);
	*s = span_from(*s, before->n + 1);
	return true;
}

ptrdiff_t
span_find(struct span s, struct span what, size_t at)
{
	const char *p;

	if (at > s.n)
		return -1;
	if (what.n == 0)
		return (ptrdiff_t)at;
	if (s.n - at < what.n)
		return -1;
	p = memmem(s.p + at, s.n - at, what.p, what.n);
	return p != NULL ? p - s.p : -1;
}

bool
span_digits(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

/* Bytes of the well-formed sequence at p (Unicode table 3-7), or 0. */
static size_t
rune_decode(const unsigned char *p, size_t n, uint32_t *rune)
{
	unsigned char	low = 0x80, high = 0xbf;
	uint32_t	r;
	size_t		len;

	if (p[0] < 0x80) {
		*rune = p[0];
		return 1;
	} else if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		len = 2;
		r = p[0] & 0x1f;
	} else if ((p[0] & 0xf0) == 0xe0) {
		len = 3;
		r = p[0] & 0x0f;
		if (p[0] == 0xe0)
			low = 0xa0;	/* below: overlong */
		else if (p[0] == 0xed)
			high = 0x9f;	/* above: surrogates */
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		len = 4;
		r = p[0] & 0x07;
		if (p[0] == 0xf0)
			low = 0x90;
		else if (p[0] == 0xf4)
			high = 0x8f;	/* above: past U+10FFFF */
	} else {
		return 0;
	}
	if (n < len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (p[i] < low || p[i] > high)
			return 0;
		r = r << 6 | (p[i] & 0x3f);
		low = 0x80;
		high = 0xbf;
	}
	*rune = r;
	return len;
}

size_t
span_rune_long(const char *p, size_t n, uint32_t *rune)
{
	size_t len = rune_decode((const unsigned char *)p, n, rune);

	if (len > 0)
		return len;
	*rune = 0xfffd;
	return 1;
}

/* How many bytes of s from byte `at` on are ASCII, or some less: eight are looked at in one go. */
static size_t
ascii_run(struct span s, size_t at)
{
	const uint64_t	high = UINT64_C(0x8080808080808080);
	uint64_t	eight;
	size_t		i = at;

	for (; s.n - i >= sizeof eight; i += sizeof eight) {
		memcpy(&eight, s.p + i, sizeof eight);
		if (eight & high)
			break;
	}
	return i - at;
}

bool
span_utf8(struct span s)
{
	uint32_t	rune;
	size_t		len;

	for (size_t i = 0; i < s.n; i += len) {
		if ((len = ascii_run(s, i)) > 0)
			continue;
		if ((len = rune_decode((const unsigned char *)s.p + i, s.n - i, &rune)) == 0)
			return false;
	}
	return true;
}

static bool
byte_in_label(char c)
{
	return (c >= '0' && c <= '9') || (byte_lower(c) >= 'a' && byte_lower(c) <= 'z') || c == '-';
}

bool
span_domain(struct span s)
{
	size_t label = 0;

	if (s.n == 0 || s.n > 253)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '.') {
			if (!byte_in_label(s.p[i]) || ++label > 63)
				return false;
		} else if (label == 0) {
			return false;
		} else {
			label = 0;
		}
	}
	return label > 0;
}
