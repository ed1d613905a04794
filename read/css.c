#include <string.h>

#include "read/css.h"

#define BUCKETS		256	/* of rules, by what their selector ends in */
#define MAX_CLASSES	4	/* of one compound selector; one with more never fits */
#define MAX_TOKENS	32	/* classes of an element that are looked up */

/* "td.a.b#c", below `above`. */
struct compound {
	struct span		 tag, id, classes[MAX_CLASSES];
	int			 count;
	const struct compound	*above;
};
struct rule {
	struct rule		*next;
	char			 kind;		/* of its key: '#', '.' or 't'; '*' has none */
	struct span		 key;
	const struct compound	*subject;
	const struct style	*style;
};
struct css {
	struct arena	*arena;
	struct rule	*head[BUCKETS], **tail[BUCKETS];
	int		 rules;
	long		 steps;
	bool		 unclear_colours;	/* of elements that we cannot tell */
};

static uint32_t
hash_of(char kind, struct span s)
{
	uint32_t h = 2166136261u ^ (unsigned char)kind;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 32 : s.p[i])) * 16777619u;
	return h ^ h >> 16;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
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

/* ---- style sheets */

static bool
is_name(char c)
{
	return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_' || (unsigned char)c >= 0x80;
}

/* "td.a#b"; false if it asks for more than names. */
static bool
compound_read(struct span s, struct compound *c)
{
	*c = (struct compound){0};
	if (s.n > 0 && s.p[0] == '*')
		s = span_from(s, 1);
	while (s.n > 0) {
		bool	marked = s.p[0] == '.' || s.p[0] == '#';
		char	mark = s.p[0];
		size_t	n = marked;

		while (n < s.n && is_name(s.p[n]))
			n++;
		if (n == (size_t)marked || (mark == '.' && c->count == MAX_CLASSES))
			return false;
		if (mark == '.')
			c->classes[c->count++] = (struct span){s.p + 1, n - 1};
		else if (mark == '#')
			c->id = (struct span){s.p + 1, n - 1};
		else
			c->tag = span_take(s, n);
		s = span_from(s, n);
	}
	return true;
}

/* "div.a > p b": from the last to the first, a child taken for any descendant. NULL: not ours. */
static const struct compound *
selector_read(struct arena *a, struct span s)
{
	struct compound	*last = NULL, *c;
	struct span	 word;

	for (s = span_trim(s); s.n > 0;) {
		size_t n = 0;

		while (n < s.n && s.p[n] != ' ' && s.p[n] != '>')
			n++;
		word = span_take(s, n);
		s = span_from(s, n);
		while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '>'))
			s = span_from(s, 1);
		c = arena_alloc(a, sizeof *c);
		if (!compound_read(word, c) || word.n == 0)
			return NULL;
		c->above = last;
		last = c;
	}
	return last;
}

static void
rule_add(struct css *css, const struct compound *subject, const struct style *style)
{
	struct rule	*r = arena_alloc(css->arena, sizeof *r);
	uint32_t	 bucket;

	r->subject = subject;
	r->style = style;
	r->kind = '*';
	r->key = subject->tag;
	if (subject->tag.n > 0)
		r->kind = 't';
	if (subject->count > 0) {
		r->kind = '.';
		r->key = subject->classes[0];
	}
	if (subject->id.n > 0) {
		r->kind = '#';
		r->key = subject->id;
	}
	bucket = hash_of(r->kind, r->key) % BUCKETS;
	if (css->tail[bucket] == NULL)
		css->tail[bucket] = &css->head[bucket];
	*css->tail[bucket] = r;
	css->tail[bucket] = &r->next;
}

/* ":hover" is not how it looks at first; "data-ogsc" is Outlook in the dark. */
static bool
is_elsewhere(struct span selector)
{
	static const char *const marks[] = { "data-ogs", ":hover", ":visited", ":active", ":focus" };

	for (size_t i = 0; i < COUNT(marks); i++)
		if (holds(selector, marks[i]))
			return true;
	return false;
}

static int
ruleset_add(struct css *css, struct span selectors, struct span declarations, struct err *e)
{
	struct style	*style = arena_alloc(css->arena, sizeof *style);
	struct span	 one;

	style_read(style, declarations);
	if (style->set == 0)
		return 0;
	while (selectors.n > 0) {
		const struct compound *c;

		span_cut(&selectors, ',', &one);
		if (++css->rules > CSS_MAX_RULES)
			return err_set(e, ERR_REJECT, "more than %d rules of CSS", CSS_MAX_RULES);
		c = selector_read(css->arena, one);
		if (c != NULL)
			rule_add(css, c, style);
		else if (style_has_colour(style) && !is_elsewhere(one))
			css->unclear_colours = true;
	}
	return 0;
}

/* "(max-width: 600px)", from behind the parenthesis. */
static bool
condition_applies(struct span s)
{
	struct span	name;
	double		px;
	bool		share;

	if (!span_cut(&s, ':', &name))
		return false;
	name = span_trim(name);
	s = span_trim(s);
	if (span_is(name, "prefers-color-scheme"))
		return span_is(s, "light");
	if (!style_length(s, &px, &share))
		return false;
	px *= share ? STYLE_FONT : 1;
	return (span_is(name, "min-width") && px <= STYLE_SCREEN) ||
	    (span_is(name, "max-width") && px >= STYLE_SCREEN);
}

static bool
query_applies(struct span s)
{
	static const char *const words[] = { "only", "all", "screen", "and" };
	struct span in;

	for (s = span_trim(s); s.n > 0; s = span_trim(s)) {
		size_t	n = 0;
		bool	known = false;

		if (s.p[0] == '(') {
			span_cut(&s, ')', &in);
			if (!condition_applies(span_from(in, 1)))
				return false;
			continue;
		}
		while (n < s.n && s.p[n] != ' ' && s.p[n] != '(')
			n++;
		for (size_t i = 0; i < COUNT(words); i++)
			known = known || span_is(span_take(s, n), words[i]);
		if (!known)
			return false;
		s = span_from(s, n);
	}
	return true;
}

/* "media screen, print": what stands between "@" and the block. */
static bool
at_applies(struct span s)
{
	struct span one;

	if (begins(s, "supports") || begins(s, "layer"))
		return true;
	if (!begins(s, "media"))
		return false;
	s = span_trim(span_from(s, 5));
	if (s.n == 0)
		return true;
	while (s.n > 0) {
		span_cut(&s, ',', &one);
		if (query_applies(one))
			return true;
	}
	return false;
}

static struct span
block_skip(struct span s)	/* from behind its "{" */
{
	size_t	i = 0;
	int	depth = 1;

	for (; i < s.n && depth > 0; i++)
		depth += (s.p[i] == '{') - (s.p[i] == '}');
	return span_from(s, i);
}

int
css_add(struct css *css, struct span text, struct err *e)
{
	struct span s = style_fold(css->arena, text), before, block;

	for (s = span_trim(s); s.n > 0; s = span_trim(s)) {
		size_t n = 0;

		if (s.p[0] == '}') {	/* of an @media that applies */
			s = span_from(s, 1);
		} else if (begins(s, "<!--") || begins(s, "-->")) {
			s = span_from(s, s.p[0] == '<' ? 4 : 3);
		} else if (s.p[0] == '@') {
			while (n < s.n && s.p[n] != '{' && s.p[n] != ';')
				n++;
			before = span_take(s, n);
			block = span_from(s, n + 1);
			s = n >= s.n || s.p[n] == ';' || at_applies(span_from(before, 1)) ? block :
			    block_skip(block);
		} else {
			if (!span_cut(&s, '{', &before))
				break;
			span_cut(&s, '}', &block);
			if (ruleset_add(css, before, block, e) < 0)
				return -1;
		}
	}
	return 0;
}

/* ---- elements */

static bool
has_class(const struct css_element *e, struct span class)
{
	struct span left = e->classes, one;

	for (int i = 0; left.n > 0 && i < MAX_TOKENS; i++) {
		span_cut(&left, ' ', &one);
		if (span_eq_nocase(one, class))
			return true;
	}
	return false;
}

static bool
compound_fits(const struct compound *c, const struct css_element *e)
{
	if ((c->tag.n > 0 && !span_eq(c->tag, e->tag)) || (c->id.n > 0 && !span_eq_nocase(c->id, e->id)))
		return false;
	for (int i = 0; i < c->count; i++)
		if (!has_class(e, c->classes[i]))
			return false;
	return true;
}

static void
rules_merge(struct css *css, char kind, struct span key, const struct css_element *e, struct style *s)
{
	for (const struct rule *r = css->head[hash_of(kind, key) % BUCKETS]; r != NULL; r = r->next) {
		const struct compound		*c = r->subject;
		const struct css_element	*up = e->parent;

		css->steps++;
		if (r->kind != kind || !span_eq_nocase(r->key, key) || !compound_fits(c, e))
			continue;
		for (c = c->above; c != NULL && up != NULL; up = up->parent) {
			css->steps++;
			if (compound_fits(c, up))
				c = c->above;
		}
		if (c == NULL)
			style_merge(s, r->style);
		if (css->steps > CSS_MAX_STEPS)
			return;
	}
}

int
css_apply(struct css *css, const struct css_element *e, struct style_look *look, struct style_box *box,
    struct err *err)
{
	struct style	s = {.set = 0};
	struct span	left = e->classes, one;

	if (css->rules > 0) {
		rules_merge(css, '*', SPAN_LIT(""), e, &s);
		rules_merge(css, 't', e->tag, e, &s);
		for (int i = 0; left.n > 0 && i < MAX_TOKENS; i++) {
			span_cut(&left, ' ', &one);
			rules_merge(css, '.', one, e, &s);
		}
		if (e->id.n > 0)
			rules_merge(css, '#', e->id, e, &s);
		if (css->steps > CSS_MAX_STEPS)
			return err_set(err, ERR_REJECT, "more than %d steps of CSS", CSS_MAX_STEPS);
	}
	if (e->style.n > 0)
		style_read(&s, style_fold(css->arena, e->style));
	style_apply(&s, look, box);
	return 0;
}

struct style_look
css_start(const struct css *css)
{
	return (struct style_look){.font_px = STYLE_FONT,
	    .colour = css->unclear_colours ? STYLE_UNKNOWN : 0x000000,
	    .background = css->unclear_colours ? STYLE_UNKNOWN : 0xffffff};
}

struct css *
css_new(struct arena *a)
{
	struct css *css = arena_alloc(a, sizeof *css);

	css->arena = a;
	return css;
}
