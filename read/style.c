#include <string.h>

#include "read/style.h"

#define FAR_PX		(-500)	/* moved by more than this, text is off the screen */
#define CLOSE		16	/* of 255: colours that differ by less are the same to the eye */

enum { WIDTH_ZERO = 1, WIDTH_FULL = 2, WIDTH_LEAST = 4, WIDTH_MOST = 8 };	/* P_WIDTH, as bits */
enum { FONT_FIXED, FONT_TIMES };				/* P_FONT: px, or a share of the parent's */

/* ---- values */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Cuts a number off the front; false if there is none. */
static bool
number_cut(struct span *s, double *out)
{
	size_t	i = 0;
	double	n = 0, share = 1;
	bool	minus = s->n > 0 && s->p[0] == '-', any = false, point = false;

	for (i = minus || (s->n > 0 && s->p[0] == '+'); i < s->n; i++) {
		if (s->p[i] == '.' && !point) {
			point = true;
		} else if (is_digit(s->p[i])) {
			any = true;
			n = n < 1e9 ? 10 * n + (s->p[i] - '0') : n;
			share = point ? share / 10 : 1;
		} else {
			break;
		}
	}
	*s = any ? span_from(*s, i) : *s;
	*out = (minus ? -n : n) * share;
	return any;
}

bool
style_length(struct span v, double *out, bool *share)
{
	static const struct { const char *unit; double px; bool share; } units[] = {
		{ "", 1, false }, { "px", 1, false }, { "pt", 4.0 / 3, false }, { "pc", 16, false },
		{ "em", 1, true }, { "%", .01, true }, { "rem", STYLE_FONT, false }, { "ex", .5, true },
		{ "ch", .5, true }, { "in", 96, false }, { "cm", 37.8, false }, { "mm", 3.78, false },
		{ "vw", STYLE_SCREEN / 100.0, false }, { "vh", STYLE_SCREEN / 100.0, false },
	};

	if (!number_cut(&v, out))
		return false;
	for (size_t i = 0; i < COUNT(units); i++)
		if (span_is(v, units[i].unit)) {
			*out *= units[i].px;
			*share = units[i].share;
			return true;
		}
	*share = false;
	return v.p[0] == '\\';		/* "12px\9": for old programs */
}

static bool
is_zero(struct span v)
{
	double	n;
	bool	share;

	return style_length(v, &n, &share) && n > -.01 && n < .01;
}

/* Does one of the lengths in v move its element out of sight? "-9999px", "translate(-999em)" */
static bool
is_far(struct span v)
{
	for (size_t i = 0; i < v.n; i++) {
		struct span	s = span_from(v, i);
		double		n;

		if (v.p[i] != '-' || !number_cut(&s, &n))
			continue;
		if (s.n > 1 && (s.p[0] == 'e' || (s.p[0] == 'r' && s.p[1] == 'e')))	/* em, rem */
			n *= STYLE_FONT;
		if (n <= FAR_PX)
			return true;
	}
	return false;
}

/* "rect(0 0 0 0)", "rect(1px, 1px, 1px, 1px)" */
static bool
is_clip(struct span v)
{
	double	n;
	int	numbers = 0;

	if (span_find(v, SPAN_LIT("rect("), 0) != 0)
		return false;
	for (v = span_from(v, 5); v.n > 0; v = span_from(v, 1)) {
		if (!is_digit(v.p[0]) && v.p[0] != '.')
			continue;
		if (number_cut(&v, &n) && n > 1)
			return false;
		numbers++;
	}
	return numbers == 4;
}

static uint32_t
hex_colour(struct span v)
{
	uint32_t	c[8] = {0};
	size_t		wide = v.n < 6 ? 1 : 2;

	if (v.n != 3 && v.n != 4 && v.n != 6 && v.n != 8)
		return STYLE_UNKNOWN;
	for (size_t i = 0; i < v.n; i++) {
		char x = (char)(v.p[i] | 32);

		if (!is_digit(v.p[i]) && (x < 'a' || x > 'f'))
			return STYLE_UNKNOWN;
		c[i] = (uint32_t)(is_digit(v.p[i]) ? v.p[i] - '0' : x - 'a' + 10);
	}
	for (size_t i = 0; wide == 2 && i < v.n; i += 2)
		c[i / 2] = 16 * c[i] + c[i + 1];
	for (size_t i = 0; wide == 1 && i < v.n; i++)
		c[i] *= 17;
	if (v.n / wide == 4 && c[3] < 255)
		return c[3] < CLOSE ? STYLE_TRANSPARENT : STYLE_UNKNOWN;
	return c[0] << 16 | c[1] << 8 | c[2];
}

/* "rgb(255, 255, 255)", "rgba(0 0 0 / 0%)": from behind the parenthesis. */
static uint32_t
rgb_colour(struct span v)
{
	double	n[4] = {0, 0, 0, 1};
	int	count = 0;

	while (v.n > 0 && v.p[0] != ')' && count < 4) {
		if (!number_cut(&v, &n[count])) {
			v = span_from(v, 1);
			continue;
		}
		if (v.n > 0 && v.p[0] == '%')
			n[count] *= count < 3 ? 2.55 : .01;
		n[count] = n[count] < 0 ? 0 : n[count] > 255 ? 255 : n[count];
		count++;
	}
	if (count < 3)
		return STYLE_UNKNOWN;
	if (n[3] < 1)
		return n[3] < .06 ? STYLE_TRANSPARENT : STYLE_UNKNOWN;
	return (uint32_t)n[0] << 16 | (uint32_t)n[1] << 8 | (uint32_t)n[2];
}

static uint32_t
name_hash(struct span s)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 16777619u;
	return h & 0xffffff;
}

uint32_t
style_colour(struct span v)
{
	static const struct { const char *name; uint32_t rgb; } names[] = {
		{ "white", 0xffffff }, { "black", 0x000000 }, { "transparent", STYLE_TRANSPARENT },
		{ "whitesmoke", 0xf5f5f5 }, { "snow", 0xfffafa }, { "ghostwhite", 0xf8f8ff },
		{ "ivory", 0xfffff0 }, { "floralwhite", 0xfffaf0 }, { "mintcream", 0xf5fffa },
		{ "azure", 0xf0ffff }, { "aliceblue", 0xf0f8ff }, { "seashell", 0xfff5ee },
	};

	if (v.n > 0 && v.p[0] == '#')
		return hex_colour(span_from(v, 1));
	if (span_find(v, SPAN_LIT("rgb"), 0) == 0 && memchr(v.p, '(', v.n) != NULL)
		return rgb_colour(span_from(v, (size_t)span_find(v, SPAN_LIT("("), 0) + 1));
	for (size_t i = 0; i < COUNT(names); i++)
		if (span_is(v, names[i].name))
			return names[i].rgb;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < 'a' || v.p[i] > 'z')
			return STYLE_UNKNOWN;
	return v.n == 0 || span_is(v, "currentcolor") ? STYLE_UNKNOWN : STYLE_NAMED | name_hash(v);
}

static bool
colour_same(uint32_t a, uint32_t b)
{
	if (a >= STYLE_UNKNOWN || b >= STYLE_UNKNOWN)
		return false;
	if (a >= STYLE_NAMED || b >= STYLE_NAMED)
		return a == b;
	for (int shift = 0; shift < 24; shift += 8) {
		int d = (int)(a >> shift & 255) - (int)(b >> shift & 255);

		if (d >= CLOSE || d <= -CLOSE)
			return false;
	}
	return true;
}

/* ---- declarations */

static void
declaration_put(struct style *s, enum style_prop p, uint32_t u, double n, bool important)
{
	unsigned	bit = 1u << p;
	bool		was = (s->set & bit) != 0, wins = important && !(s->important & bit);

	if (was && (s->important & bit) && !important)
		return;
	if (was && p == P_DISPLAY && s->v[p].u == STYLE_NONE && !wins)
		return;
	if (was && p == P_HIDES)
		u |= s->v[p].u;
	s->set |= bit;
	s->important |= important ? bit : 0;
	s->v[p].u = u;
	s->v[p].n = n;
}

void
style_merge(struct style *to, const struct style *from)
{
	for (enum style_prop p = P_DISPLAY; p < STYLE_PROPS; p++)
		if (from->set & 1u << p)
			declaration_put(to, p, from->v[p].u, from->v[p].n, (from->important & 1u << p) != 0);
}

static bool
begins(struct span v, const char *with)
{
	return span_is(span_take(v, strlen(with)), with);
}

static bool
holds(struct span v, const char *what)
{
	return span_find(v, span_of(what), 0) >= 0;
}

static enum style_display
display_read(struct span v)
{
	static const struct { const char *word; enum style_display as; } words[] = {
		{ "none", STYLE_NONE }, { "inline", STYLE_INLINE }, { "block", STYLE_BLOCK },
		{ "list-item", STYLE_BLOCK }, { "flow-root", STYLE_BLOCK }, { "inline-block", STYLE_INLINE_BLOCK }, { "table", STYLE_TABLE },
		{ "inline-table", STYLE_INLINE_BLOCK }, { "table-row", STYLE_ROW },
		{ "table-row-group", STYLE_BLOCK },
		{ "table-cell", STYLE_CELL }, { "flex", STYLE_FLEX }, { "inline-flex", STYLE_FLEX },
		{ "-webkit-flex", STYLE_FLEX }, { "-webkit-box", STYLE_FLEX }, { "grid", STYLE_GRID },
		{ "inline-grid", STYLE_GRID },
	};

	for (size_t i = 0; i < COUNT(words); i++)
		if (span_is(v, words[i].word))
			return words[i].as;
	return STYLE_UNSET;
}

static void
font_size(struct style *s, struct span v, bool important)
{
	static const struct { const char *word; double px; } words[] = {
		{ "xx-small", 9 }, { "x-small", 10 }, { "small", 13 }, { "medium", STYLE_FONT }, { "large", 18 },
		{ "x-large", 24 }, { "xx-large", 32 }, { "initial", STYLE_FONT },
	};
	double	n = STYLE_FONT;
	bool	share = false;

	if (span_is(v, "inherit") || span_is(v, "unset"))
		return;
	if (span_is(v, "smaller") || span_is(v, "larger")) {
		n = 1;
		share = true;
	} else if (!style_length(v, &n, &share)) {
		n = STYLE_FONT;	/* a function: somebody wants it to have a size */
		for (size_t i = 0; i < COUNT(words); i++)
			if (span_is(v, words[i].word))
				n = words[i].px;
	}
	declaration_put(s, P_FONT, share ? FONT_TIMES : FONT_FIXED, n, important);
}

/* The size in a font shorthand: "bold 14px/20px a", "0/0 a". A weight ("700") has no unit. */
static void
font_read(struct style *s, struct span v, bool important)
{
	struct span	word, size;
	double		n;
	bool		share;

	while (v.n > 0) {
		span_cut(&v, ' ', &word);
		span_cut(&word, '/', &size);
		if (!style_length(size, &n, &share) || (n > 0 && is_digit(size.p[size.n - 1])))
			continue;
		font_size(s, size, important);
		return;
	}
}

static void
background_read(struct style *s, struct span v, bool important)
{
	uint32_t	colour;
	struct span	word;

	if (holds(v, "url(") || holds(v, "gradient") || holds(v, "var(")) {
		declaration_put(s, P_IMAGE, 1, 0, important);
		return;
	}
	while (v.n > 0) {
		if (begins(v, "rgb") || begins(v, "hsl")) {	/* the spaces are its own */
			word = v;
			v = span_from(v, v.n);
		} else {
			span_cut(&v, ' ', &word);
		}
		colour = style_colour(word);
		if (colour != STYLE_UNKNOWN && !span_is(word, "none") && !span_is(word, "inherit"))
			declaration_put(s, P_BACKGROUND, colour, 0, important);
	}
}

static unsigned
tracks_read(struct span v)
{
	double		n;
	unsigned	tracks = 0;
	int		depth = 0;

	if (begins(v, "repeat(")) {
		v = span_from(v, 7);
		return number_cut(&v, &n) && n >= 1 && n <= 100 ? (unsigned)n : 0;
	}
	for (size_t i = 0; i < v.n; i++) {
		tracks += depth == 0 && v.p[i] != ' ' && (i == 0 || v.p[i - 1] == ' ');
		depth += (v.p[i] == '(') - (v.p[i] == ')');
	}
	return tracks;
}

static void
width_read(struct style *s, struct span name, struct span v, bool important)
{
	uint32_t	old = s->set & 1u << P_WIDTH ? s->v[P_WIDTH].u : 0;
	bool		zero = is_zero(v);

	if (span_is(name, "min-width"))
		old |= zero ? 0 : WIDTH_LEAST;
	else if (span_is(name, "width"))
		old = (old & ~(uint32_t)WIDTH_FULL) | (zero ? WIDTH_ZERO : 0) |
		    (span_is(v, "100%") ? WIDTH_FULL : 0);
	else
		old = (old & ~(uint32_t)WIDTH_MOST) | (zero ? WIDTH_ZERO : 0) |
		    (v.n > 0 && is_digit(v.p[0]) && !span_is(v, "100%") ? WIDTH_MOST : 0);
	declaration_put(s, P_WIDTH, old, 0, important);
}

/* What hides, whatever else is said: moved away, cut off, see-through, struck out. */
static bool
hides(struct span name, struct span v)
{
	double	n;
	struct span number = v;

	if (span_is(name, "opacity"))
		return number_cut(&number, &n) && n < .06;
	if (span_is(name, "text-indent") || span_is(name, "left") || span_is(name, "right") ||
	    span_is(name, "top") || begins(name, "margin"))
		return is_far(v);
	if (span_is(name, "transform"))
		return holds(v, "scale(0)") || holds(v, "scale(0,") || (holds(v, "translate") && is_far(v));
	if (span_is(name, "clip"))
		return is_clip(v);
	if (span_is(name, "clip-path"))
		return begins(v, "inset(50%") || begins(v, "inset(100%") || begins(v, "circle(0");
	if (span_is(name, "filter"))
		return holds(v, "opacity(0)") || holds(v, "opacity(0%)");
	if (span_is(name, "mso-hide"))
		return span_is(v, "all");
	if (begins(name, "text-decoration"))
		return holds(v, "line-through");	/* taken back */
	return false;
}

static void
declaration_read(struct style *s, struct span name, struct span v, bool important)
{
	if (hides(name, v))
		declaration_put(s, P_HIDES, 1, 0, important);
	else if (span_is(name, "display") && display_read(v) != STYLE_UNSET)
		declaration_put(s, P_DISPLAY, display_read(v), 0, important);
	else if (span_is(name, "visibility") && !span_is(v, "inherit") && !span_is(v, "unset"))
		declaration_put(s, P_VISIBILITY, span_is(v, "hidden") || span_is(v, "collapse"), 0, important);
	else if (span_is(name, "font-size"))
		font_size(s, v, important);
	else if (span_is(name, "font"))
		font_read(s, v, important);
	else if (span_is(name, "color") && !span_is(v, "inherit") && !span_is(v, "unset"))
		declaration_put(s, P_COLOUR, style_colour(v), 0, important);
	else if (span_is(name, "background") || span_is(name, "background-color") ||
	    span_is(name, "background-image"))
		background_read(s, v, important);
	else if (span_is(name, "float"))
		declaration_put(s, P_FLOAT, !span_is(v, "none"), 0, important);
	else if (span_is(name, "width") || span_is(name, "max-width") || span_is(name, "min-width"))
		width_read(s, name, v, important);
	else if (span_is(name, "height") || span_is(name, "max-height"))
		declaration_put(s, P_HEIGHT, is_zero(v) || (s->set & 1u << P_HEIGHT && s->v[P_HEIGHT].u), 0,
		    important);
	else if (begins(name, "overflow") && !span_is(name, "overflow-wrap"))
		declaration_put(s, P_OVERFLOW, span_is(v, "hidden") || span_is(v, "clip"), 0, important);
	else if (span_is(name, "flex-direction") || span_is(name, "flex-flow"))
		declaration_put(s, P_DIRECTION, holds(v, "column"), 0, important);
	else if (span_is(name, "grid-template-columns"))
		declaration_put(s, P_TRACKS, tracks_read(v), 0, important);
	else if (span_is(name, "vertical-align"))
		declaration_put(s, P_RAISED, span_is(v, "super") || span_is(v, "sub"), 0, important);
	else if (span_is(name, "white-space"))
		declaration_put(s, P_SPACE, begins(v, "pre") || span_is(v, "break-spaces"), 0, important);
	else if (span_is(name, "unicode-bidi"))
		declaration_put(s, P_BIDI, holds(v, "override"), 0, important);
}

struct span
style_fold(struct arena *a, struct span text)
{
	char	*out = arena_textn(a, text.p, text.n);
	size_t	 n = 0;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '/' && i + 1 < text.n && text.p[i + 1] == '*') {
			ptrdiff_t end = span_find(text, SPAN_LIT("*/"), i + 2);

			if (end < 0)
				break;
			i = (size_t)end + 1;
			c = ' ';
		}
		if ((unsigned char)c > ' ')
			out[n++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
		else if (n > 0 && out[n - 1] != ' ')
			out[n++] = ' ';
	}
	return (struct span){out, n};
}

void
style_read(struct style *s, struct span left)
{
	while (left.n > 0) {
		struct span	declaration, name, v;
		ptrdiff_t	mark;

		span_cut(&left, ';', &declaration);
		v = declaration;
		if (!span_cut(&v, ':', &name))
			continue;
		mark = span_find(v, SPAN_LIT("!"), 0);
		declaration_read(s, span_trim(name), span_trim(mark >= 0 ? span_take(v, (size_t)mark) : v),
		    mark >= 0 && holds(span_from(v, (size_t)mark), "important"));
	}
}

/* ---- elements */

static void
look_change(const struct style *s, struct style_look *l)
{
	if (s->set & 1u << P_HIDES || (s->set & 1u << P_DISPLAY && s->v[P_DISPLAY].u == STYLE_NONE))
		l->gone = true;
	if (s->set & 1u << P_OVERFLOW && s->v[P_OVERFLOW].u &&
	    ((s->set & 1u << P_HEIGHT && s->v[P_HEIGHT].u) ||
	    (s->set & 1u << P_WIDTH && (s->v[P_WIDTH].u & (WIDTH_ZERO | WIDTH_LEAST)) == WIDTH_ZERO)))
		l->gone = true;		/* a box of no size that shows nothing outside itself */
	if (s->set & 1u << P_VISIBILITY)
		l->invisible = s->v[P_VISIBILITY].u;
	if (s->set & 1u << P_FONT)
		l->font_px = s->v[P_FONT].u == FONT_TIMES ? l->font_px * s->v[P_FONT].n : s->v[P_FONT].n;
	if (s->set & 1u << P_COLOUR)
		l->colour = s->v[P_COLOUR].u;
	if (s->set & 1u << P_BACKGROUND && s->v[P_BACKGROUND].u != STYLE_TRANSPARENT)
		l->background = s->v[P_BACKGROUND].u;
	if (s->set & 1u << P_IMAGE)
		l->background = STYLE_UNKNOWN;
	if (s->set & 1u << P_SPACE)
		l->pre = s->v[P_SPACE].u;
	if (s->set & 1u << P_BIDI && s->v[P_BIDI].u)
		l->reordered = true;
}

void
style_apply(const struct style *s, struct style_look *look, struct style_box *box)
{
	*box = (struct style_box){.display = STYLE_UNSET};
	if (s->set == 0)
		return;
	look_change(s, look);
	box->display = s->set & 1u << P_DISPLAY ? (enum style_display)s->v[P_DISPLAY].u : STYLE_UNSET;
	box->floats = s->v[P_FLOAT].u;
	box->full = (s->v[P_WIDTH].u & (WIDTH_FULL | WIDTH_MOST)) == WIDTH_FULL;
	box->column = s->v[P_DIRECTION].u;
	box->raised = s->v[P_RAISED].u;
	box->tracks = s->v[P_TRACKS].u;
}

bool
style_has_colour(const struct style *s)
{
	return (s->set & (1u << P_COLOUR | 1u << P_BACKGROUND | 1u << P_IMAGE)) != 0;
}

bool
style_hidden(const struct style_look *l)
{
	return l->gone || l->invisible || l->font_px < STYLE_MIN_FONT || l->colour == STYLE_TRANSPARENT ||
	    colour_same(l->colour, l->background);
}
