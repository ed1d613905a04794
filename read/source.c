#include <string.h>

#include "read/element.h"
#include "read/html.h"
#include "read/source.h"

#define CUT_MIN	8	/* bytes: less is not worth it */

/* ---- bounds */

/* Tags that close themselves, or that others close. */
static bool
tag_is_neutral(struct span name)
{
	static const char *const names[] = {
		"br", "img", "hr", "meta", "link", "input", "col", "area", "base", "wbr", "p", "li", "td", "th",
		"tr", "tbody", "thead", "tfoot", "dt", "dd", "option",
	};

	for (size_t i = 0; i < COUNT(names); i++)
		if (span_is_nocase(name, names[i]))
			return true;
	return false;
}

/* From a tag's name to behind its ">": its bytes, or 0 if it has too many attributes. */
static size_t
tag_length(struct span s)
{
	size_t spaces = 0, n = 0;

	while (n < s.n && s.p[n] != '>') {
		spaces += s.p[n] == ' ' || s.p[n] == '/' || (s.p[n] >= '\t' && s.p[n] <= '\r');
		n++;
	}
	return spaces > HTML_MAX_SPACES ? 0 : n + 1;
}

/* A rough count, on the side of more: Gumbo's work is its tags times the depth it is in. */
int
source_check(struct span s, struct err *e)
{
	int		tags = 0, open = 0;
	struct span	before;

	while (span_cut(&s, '<', &before)) {
		bool	close = s.n > 0 && s.p[0] == '/';
		size_t	n = 0, length;

		s = span_from(s, close);
		while (n < s.n && n < 16 && (s.p[n] | 32) >= 'a' && (s.p[n] | 32) <= 'z')
			n++;
		if (n == 0)
			continue;
		if (++tags > HTML_MAX_TAGS)
			return err_set(e, ERR_REJECT, "more than %d tags of HTML", HTML_MAX_TAGS);
		if (!tag_is_neutral(span_take(s, n)))
			open += close ? (open > 0 ? -1 : 0) : 1;
		if (open > HTML_MAX_OPEN)
			return err_set(e, ERR_REJECT, "more than %d open tags of HTML", HTML_MAX_OPEN);
		length = tag_length(s);
		if (length == 0)
			return err_set(e, ERR_REJECT, "more than %d spaces in a tag of HTML", HTML_MAX_SPACES);
		s = span_from(s, length);
	}
	return 0;
}

/* ---- what need not be parsed */

struct cutter {
	struct span	 in;
	size_t		 at;		/* of in: read */
	size_t		 kept;		/* of in: up to here it is in out, or taken out */
	char		*out;
	size_t		 n, room;	/* bytes of out; cuts that fit */
	struct source	*source;
	struct arena	*arena;
};

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static bool
is_letter(char c)
{
	return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static void
keep_until(struct cutter *c, size_t at)
{
	memcpy(c->out + c->n, c->in.p + c->kept, at - c->kept);
	c->n += at - c->kept;
	c->kept = at;
}

/* What stands from `from` to `to` goes; `mark` takes its place in the tree at `at` of what is left. */
static void
cut(struct cutter *c, size_t from, size_t to, const char *mark, size_t back)
{
	struct source		*s = c->source;
	struct source_cut	*more;

	if (s->count == c->room) {
		c->room = c->room > 0 ? 2 * c->room : 16;
		more = arena_array(c->arena, c->room, sizeof *more);
		if (s->count > 0)
			memcpy(more, s->cuts, s->count * sizeof *more);
		s->cuts = more;
	}
	keep_until(c, from);
	s->cuts[s->count++] = (struct source_cut){c->n - back, (struct span){c->in.p + from, to - from}};
	for (; *mark != '\0'; mark++)
		c->out[c->n++] = *mark;
	c->kept = to;
}

/* Where the end tag of an element stands in which there are no tags, or the end. */
static size_t
raw_end(struct span in, size_t at, const char *name)
{
	size_t n = strlen(name);

	for (ptrdiff_t i = (ptrdiff_t)at; (i = span_find(in, SPAN_LIT("</"), (size_t)i)) >= 0; i++) {
		size_t end = (size_t)i + 2 + n;

		if (end < in.n && span_is_nocase((struct span){in.p + i + 2, n}, name) &&
		    (is_space(in.p[end]) || in.p[end] == '/' || in.p[end] == '>'))
			return (size_t)i;
	}
	return in.n;
}

/*
 * Tags after which it hangs on the tree what is text, or whose attributes are shown: SVG and MathML have
 * style sheets with tags in them, a parser drops tags in select, a frameset and what is scripted.
 */
static bool
tag_is_unclear(struct span name)
{
	static const char *const names[] = {
		"svg", "math", "template", "select", "frameset", "noscript", "script", "textarea", "xmp", "iframe",
		"noembed", "noframes", "plaintext", "isindex",
	};

	for (size_t i = 0; i < COUNT(names); i++)
		if (span_is_nocase(name, names[i]))
			return true;
	return false;
}

/* Parsers compare the attributes of these. */
static bool
tag_is_formatting(struct span name)
{
	static const char *const names[] = {
		"b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u",
	};

	for (size_t i = 0; i < COUNT(names); i++)
		if (span_is_nocase(name, names[i]))
			return true;
	return false;
}

static void
skip_spaces(struct cutter *c)
{
	while (c->at < c->in.n && is_space(c->in.p[c->at]))
		c->at++;
}

/* From behind a "=": the value of an attribute. Only one in quotes is ever cut. */
static void
value_read(struct cutter *c, bool wanted)
{
	const char	*end, *p = c->in.p;
	size_t		 from;

	skip_spaces(c);
	if (c->at < c->in.n && (p[c->at] == '"' || p[c->at] == '\'')) {
		from = c->at + 1;
		end = memchr(p + from, p[c->at], c->in.n - from);
		c->at = end != NULL ? (size_t)(end - p) + 1 : c->in.n;
		if (end != NULL && !wanted && c->at - from > CUT_MIN) {
			keep_until(c, from);
			c->kept = c->at - 1;
		}
		return;
	}
	while (c->at < c->in.n && !is_space(p[c->at]) && p[c->at] != '>')
		c->at++;
}

/* From behind a tag's name to behind its ">"; false if it has none. */
static bool
attributes_read(struct cutter *c, bool cuts)
{
	const char *p = c->in.p;

	for (;;) {
		struct span name;
		size_t	    from;

		while (c->at < c->in.n && (is_space(p[c->at]) || p[c->at] == '/'))
			c->at++;
		if (c->at >= c->in.n)
			return false;
		from = c->at++;
		if (p[from] == '>')
			return true;
		while (c->at < c->in.n && !is_space(p[c->at]) && strchr("/>=", p[c->at]) == NULL)
			c->at++;
		name = (struct span){p + from, c->at - from};
		skip_spaces(c);
		if (c->at < c->in.n && p[c->at] == '=') {
			c->at++;
			value_read(c, !cuts || attribute_is_read(name));
		}
	}
}

/* A comment that ends as all do; false at any other. */
static bool
comment_read(struct cutter *c)
{
	size_t		from = c->at;	/* behind "<!--" */
	ptrdiff_t	end = span_find(c->in, SPAN_LIT("--"), from);

	if (from >= c->in.n || c->in.p[from] == '>' || c->in.p[from] == '-')
		return false;
	while (end >= 0 && (size_t)end + 2 < c->in.n && c->in.p[end + 2] != '>') {
		if (c->in.p[end + 2] == '!')
			return false;
		end = span_find(c->in, SPAN_LIT("--"), (size_t)end + 1);
	}
	if (end < 0 || (size_t)end + 2 >= c->in.n)
		return false;
	if ((size_t)end - from > CUT_MIN)
		cut(c, from, (size_t)end, "", 4);
	c->at = (size_t)end + 3;
	return true;
}

/* From behind "<": one tag, comment or declaration. False: all from here on stays. */
static bool
markup_read(struct cutter *c)
{
	const char	*p = c->in.p, *end;
	bool		 close = c->at < c->in.n && p[c->at] == '/';
	size_t		 from = c->at + close, to;
	struct span	 name;

	if (!close && span_is(span_take(span_from(c->in, from), 3), "!--")) {
		c->at += 3;
		return comment_read(c);
	}
	if (from >= c->in.n || (close && p[from] == '>'))	/* "</>" is no token: Gumbo counts it to the next one */
		return false;
	if (!is_letter(p[from])) {
		if (!close && p[from] != '!' && p[from] != '?')
			return true;	/* text */
		end = memchr(p + from, '>', c->in.n - from);
		c->at = end != NULL ? (size_t)(end - p) + 1 : c->in.n;
		return true;
	}
	for (to = from; to < c->in.n && !is_space(p[to]) && p[to] != '/' && p[to] != '>';)
		to++;
	c->at = to;
	name = (struct span){p + from, to - from};
	if (tag_is_unclear(name) || !attributes_read(c, !tag_is_formatting(name)))
		return false;
	if (close || (!span_is_nocase(name, "style") && !span_is_nocase(name, "title")))
		return true;
	from = c->at;
	c->at = raw_end(c->in, from, span_is_nocase(name, "style") ? "style" : "title");
	if (span_is_nocase(name, "style") && c->at < c->in.n && c->at - from > CUT_MIN)
		cut(c, from, c->at, "x", 0);
	return true;
}

struct source
source_cut(struct span in, struct arena *a)
{
	struct source	s = {.text = in};
	struct cutter	c = {.in = in, .source = &s, .arena = a};
	const char	*next;

	if (in.n == 0 || memchr(in.p, '\0', in.n) != NULL)	/* which a parser changes */
		return s;
	c.out = arena_alloc(a, in.n);
	while ((next = c.at < in.n ? memchr(in.p + c.at, '<', in.n - c.at) : NULL) != NULL) {
		c.at = (size_t)(next - in.p) + 1;
		if (!markup_read(&c))
			break;
	}
	keep_until(&c, in.n);
	s.text = (struct span){c.out, c.n};
	return s;
}

/* Line ends as a parser gives them. */
static struct span
lines_read(struct span s, struct arena *a)
{
	char	*out;
	size_t	 n = 0;

	if (memchr(s.p, '\r', s.n) == NULL)
		return s;
	out = arena_alloc(a, s.n);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '\r')
			out[n++] = s.p[i];
		else if (i + 1 == s.n || s.p[i + 1] != '\n')
			out[n++] = '\n';
	return (struct span){out, n};
}

struct span
source_text(const struct source *s, const char *p, struct span shown, struct arena *a)
{
	size_t lo = 0, hi = s->count, at;

	if (p < s->text.p || p >= s->text.p + s->text.n)
		return shown;
	at = (size_t)(p - s->text.p);
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->cuts[mid].at < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->count && s->cuts[lo].at == at ? lines_read(s->cuts[lo].text, a) : shown;
}
