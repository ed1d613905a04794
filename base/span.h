/*
 * span - text that someone else owns: a pointer and a length
 *
 * What comes from a mail is a span: it may hold NUL and need not end in one.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct span {
	const char	*p;
	size_t		 n;
};

#define SPAN_LIT(s) ((struct span){(s), sizeof(s) - 1})

/* What is called for each byte or word of a mail is inline. */
static inline bool
span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline struct span		/* the rest from byte `at`; empty past the end */
span_from(struct span s, size_t at)
{
	if (at > s.n)
		at = s.n;
	return at == 0 ? s : (struct span){s.p + at, s.n - at};
}

static inline struct span		/* at most the first n bytes */
span_take(struct span s, size_t n)
{
	return (struct span){s.p, n < s.n ? n : s.n};
}

bool		span_eq_nocase(struct span, struct span);	/* ASCII case folded */

static inline struct span		/* of a C string; NULL gives an empty span */
span_of(const char *s)
{
	return (struct span){s, s != NULL ? strlen(s) : 0};
}

static inline bool			/* equal to a C string */
span_is(struct span s, const char *text)
{
	return span_eq(s, span_of(text));
}

static inline bool
span_is_nocase(struct span s, const char *text)
{
	return s.n == strlen(text) && span_eq_nocase(s, span_of(text));
}

struct span	span_trim(struct span);			/* ASCII white space off both ends */
/* Cuts what stands before the first `c` off the front of *s; false (and the whole) if there is none. */
bool		span_cut(struct span *s, char c, struct span *before);
/* Position of `what` in s from byte `at` on, or -1. */
ptrdiff_t	span_find(struct span s, struct span what, size_t at);
bool		span_digits(struct span);		/* one or more of '0'..'9' and nothing else */
bool		span_utf8(struct span);			/* valid UTF-8 (RFC 3629: no surrogates, no overlong) */
/* Decodes one code point at p (n > 0 bytes left), returns its bytes; invalid: U+FFFD and 1. */
size_t		span_rune_long(const char *p, size_t n, uint32_t *rune);
static inline size_t
span_rune(const char *p, size_t n, uint32_t *rune)
{
	if ((unsigned char)p[0] >= 0x80)
		return span_rune_long(p, n, rune);
	*rune = (unsigned char)p[0];	/* most of any mail */
	return 1;
}
/* A DNS name: ASCII letters, digits, hyphens and dots, 1 to 253 bytes, no empty label. */
bool		span_domain(struct span);

#endif
