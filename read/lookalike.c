/*
 * lookalike - see lookalike.h
 */
#include "read/lookalike.h"

#include <stdint.h>
#include <string.h>

#define MAX_EDITS	2	/* letters changed, added or left out */
#define MAX_DOMAIN	253	/* RFC 1035 2.3.4 */

struct span
lookalike_letters(struct span s, struct arena *a)
{
	char	*out = arena_alloc(a, s.n + 1);
	size_t	 n = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (unsigned char)(c + 32);
		if (c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			out[n++] = (char)c;
	}
	return (struct span){out, n};
}

/* Levenshtein's distance, as far as MAX_EDITS matters. */
static bool
is_near(struct span a, struct span b)
{
	uint16_t row[MAX_DOMAIN + 1];

	if (a.n > MAX_DOMAIN || b.n > MAX_DOMAIN || a.n > b.n + MAX_EDITS || b.n > a.n + MAX_EDITS)
		return false;
	for (size_t j = 0; j <= b.n; j++)
		row[j] = (uint16_t)j;
	for (size_t i = 1; i <= a.n; i++) {
		uint16_t corner = row[0], best;

		row[0] = (uint16_t)i;
		for (size_t j = 1; j <= b.n; j++) {
			best = (uint16_t)(corner + ((a.p[i - 1] | 32) != (b.p[j - 1] | 32)));
			if (row[j] + 1 < best)
				best = (uint16_t)(row[j] + 1);
			if (row[j - 1] + 1 < best)
				best = (uint16_t)(row[j - 1] + 1);
			corner = row[j];
			row[j] = best;
		}
	}
	return row[b.n] <= MAX_EDITS;
}

static size_t
count_dots(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '.';
	return n;
}

bool
lookalike_near(struct span domain, const char *known)
{
	struct span	want = span_of(known), label;
	size_t		dots = count_dots(want);

	for (;; span_cut(&domain, '.', &label)) {	/* the whole, and without its first labels */
		if (is_near(domain, want))
			return true;
		if (count_dots(domain) <= dots)
			return false;
	}
}

bool
lookalike_domain(struct span domain, const char *known, struct arena *a)
{
	struct span	rest = span_of(known), label = rest;

	span_cut(&rest, '.', &label);
	label = lookalike_letters(label, a);
	return lookalike_near(domain, known) || (label.n >= LOOKALIKE_MIN_NAME &&
	    span_find(lookalike_letters(domain, a), label, 0) >= 0);
}
