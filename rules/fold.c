#include "rules/fold.h"

bool
fold_is_space(uint32_t r)
{
	return r == ' ' || (r >= '\t' && r <= '\r') || r == 0x85 || r == 0xa0 || r == 0x1680 ||
	    (r >= 0x2000 && r <= 0x200a) || r == 0x2028 || r == 0x2029 || r == 0x202f ||
	    r == 0x205f || r == 0x3000;
}

/* What a reader does not see inside a word. */
static bool
is_invisible(uint32_t r)
{
	return r == 0xad || (r >= 0x200b && r <= 0x200f) || r == 0x2060 || r == 0xfeff;
}

bool
fold_is_word_long(uint32_t r)
{
	if (r < 0xc0)
		return r == 0xaa || r == 0xb5 || r == 0xba;
	return r != 0xd7 && r != 0xf7 && (r < 0x2000 || r > 0x2bff) && (r < 0x3000 || r > 0x303f) &&
	    r != 0xfffd;
}

static uint32_t
lower(uint32_t r)
{
	if (r < 0x80)
		return r >= 'A' && r <= 'Z' ? r + 32 : r;
	if (r >= 0xc0 && r <= 0xde)
		return r == 0xd7 ? r : r + 32;
	if ((r >= 0x100 && r <= 0x12f) || (r >= 0x132 && r <= 0x137) || (r >= 0x14a && r <= 0x177))
		return r | 1;
	if ((r >= 0x139 && r <= 0x148) || (r >= 0x179 && r <= 0x17e))
		return r + (r & 1);
	if (r == 0x178)
		return 0xff;
	if (r >= 0x391 && r <= 0x3a9)
		return r + 32;
	if (r >= 0x400 && r <= 0x40f)
		return r + 80;
	if (r >= 0x410 && r <= 0x42f)
		return r + 32;
	if ((r >= 0x1e00 && r <= 0x1e95) || (r >= 0x1ea0 && r <= 0x1eff))
		return r | 1;
	return r;
}

/* UTF-8 of a rune; none of the mappings above makes one longer. */
static size_t
rune_put(char *out, uint32_t r)
{
	if (r < 0x80) {
		out[0] = (char)r;
		return 1;
	}
	if (r < 0x800) {
		out[0] = (char)(0xc0 | r >> 6);
		out[1] = (char)(0x80 | (r & 0x3f));
		return 2;
	}
	if (r < 0x10000) {
		out[0] = (char)(0xe0 | r >> 12);
		out[1] = (char)(0x80 | (r >> 6 & 0x3f));
		out[2] = (char)(0x80 | (r & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | r >> 18);
	out[1] = (char)(0x80 | (r >> 12 & 0x3f));
	out[2] = (char)(0x80 | (r >> 6 & 0x3f));
	out[3] = (char)(0x80 | (r & 0x3f));
	return 4;
}

bool
fold_is_lower(uint32_t r)
{
	return fold_is_word(r) && lower(r) == r;
}

/* A point before a small letter or a digit ends no sentence: "org.nr", "no. 5". */
static bool
goes_on(struct span rest)
{
	uint32_t r;

	for (size_t i = 0; i < rest.n;) {
		i += span_rune(rest.p + i, rest.n - i, &r);
		if (!fold_is_space(r))
			return fold_is_lower(r);
	}
	return false;
}

/* The mark that a rune is; 0: none. `rest` is what follows it. */
static char
mark_of(uint32_t r, struct span rest)
{
	switch (r) {
	case '.':
		return goes_on(rest) ? ',' : '.';
	case '!': case ':': case ';': case 0x2026:
		return '.';
	case '?':
		return '?';
	case ',': case '(': case ')': case '|': case 0xb7: case 0x2022: case 0x2013: case 0x2014:
		return ',';
	}
	return 0;
}

size_t
fold_put(char *out, size_t at, struct span text)
{
	bool	 in_word = false;
	size_t	 i = 0;

	while (i < text.n) {
		uint32_t r = (unsigned char)text.p[i];
		char	 mark;

		if (r < 0x80 && fold_is_word(r)) {	/* most of any mail */
			if (!in_word)
				out[at++] = ' ';
			in_word = true;
			out[at++] = (char)(r | 32);	/* of letters and digits the small one */
			i++;
			continue;
		}
		if (r == ' ') {
			in_word = false;
			i++;
			continue;
		}
		i += span_rune(text.p + i, text.n - i, &r);
		if (is_invisible(r))
			continue;
		if (fold_is_word(r)) {
			if (!in_word)
				out[at++] = ' ';
			in_word = true;
			at += rune_put(out + at, lower(r));
			continue;
		}
		in_word = false;
		mark = mark_of(r, span_from(text, i));
		if (mark != 0 && !(at >= 2 && (out[at - 1] == mark || out[at - 1] == '.'))) {
			out[at++] = ' ';
			out[at++] = mark;
		}
	}
	return at;
}

static bool
is_mark(char c)
{
	return c == '.' || c == ',' || c == '?';
}

size_t
fold_words(char *text, size_t n)
{
	size_t to = 0;

	for (size_t i = 0; i < n; i++)
		if (is_mark(text[i]) && to > 0 && text[to - 1] == ' ')
			to--;		/* and its space */
		else if (!is_mark(text[i]))
			text[to++] = text[i];
	return to;
}

struct span
fold(struct arena *a, struct span text)
{
	char	*out = arena_alloc(a, FOLD_ROOM(text.n));
	size_t	 n = fold_put(out, 0, text), from = 0, to = 0;

	for (size_t i = 0; i < n; i++)
		if (out[i] == ',')
			to -= to > 0;	/* and its space */
		else
			out[to++] = out[i];
	n = to;
	while (from < n && (out[from] == ' ' || is_mark(out[from])))
		from++;
	while (n > from && (out[n - 1] == ' ' || is_mark(out[n - 1])))
		n--;
	return (struct span){out + from, n - from};
}
