/*
 * html - see html.h
 *
 * Gumbo builds a tree; a walk turns each block into rows of cells. A row of a table is rendered cell
 * by cell, each into rows of its own, and then it is decided whether these are data (cells side by
 * side) or layout (one below the other): see row_join().
 */
#include "read/html.h"

#include <gumbo.h>
#include <setjmp.h>
#include <string.h>

#include "read/text.h"

#define MAX_COLSPAN	20	/* columns that one cell is believed to cover */
#define MAX_JOIN	3	/* lines in a cell that are one value broken by <br> */
#define MAX_HIDDEN	64	/* numbers in hidden text that are looked for; more is a doubt */
#define MIN_DIGITS	4	/* digits in a row that could be one of our values: the shortest MSN */

/* ---- rows */

struct row {
	struct row	*next;
	struct span	*cells;
	uint16_t	 count, table, quote;
};
struct rows {
	struct row	*head, **tail;	/* tail NULL: none yet */
	size_t		 count;
	bool		 simple;	/* no row has more than one cell; true if there are none */
};

static void
rows_add(struct rows *rs, struct row *r)
{
	if (rs->tail == NULL) {
		rs->tail = &rs->head;
		rs->simple = true;
	}
	*rs->tail = r;
	rs->tail = &r->next;
	rs->count++;
	rs->simple = rs->simple && r->count == 1;
}

static void
rows_append(struct rows *to, const struct rows *from)
{
	if (from->count == 0)
		return;
	if (to->tail == NULL) {
		*to = *from;
		return;
	}
	*to->tail = from->head;
	to->tail = from->tail;
	to->count += from->count;
	to->simple = to->simple && from->simple;
}

/* ---- the walk */

/* How an element looks, by itself and by those it lies in. */
struct look {
	bool		gone;		/* display: none and its like: no child can come back */
	bool		invisible;	/* visibility: hidden: a child may be visible again */
	bool		zero_font;	/* font-size: 0: a child may have another size (many mails do so) */
	bool		reordered;	/* shown in another order than written, maybe */
	bool		pre;
	uint16_t	quote, table;
};

/* A block being filled: the rows that are done, and the line that is not. */
struct flow {
	struct rows		rows;
	struct arena_buf	line;
	bool			space;		/* white space was seen after the line's last word */
	uint16_t		quote;
};

struct html {
	struct arena		*arena;
	struct reasons		*reasons;
	uint16_t		 tables;
	bool			 too_deep;
	struct arena_buf	 hidden;	/* numbers in hidden text, a newline after each */
	int			 hidden_count;
};

enum tag_kind { KIND_INLINE, KIND_BLOCK, KIND_DROPPED, KIND_BREAK, KIND_TABLE, KIND_ROW, KIND_DL,
	KIND_QUOTE, KIND_PRE };

static enum tag_kind
tag_kind(GumboTag tag)
{
	static const unsigned char kinds[GUMBO_TAG_LAST + 1] = {
		[GUMBO_TAG_HEAD] = KIND_DROPPED, [GUMBO_TAG_SCRIPT] = KIND_DROPPED,
		[GUMBO_TAG_STYLE] = KIND_DROPPED, [GUMBO_TAG_TEMPLATE] = KIND_DROPPED,
		[GUMBO_TAG_TITLE] = KIND_DROPPED, [GUMBO_TAG_IFRAME] = KIND_DROPPED,
		[GUMBO_TAG_OBJECT] = KIND_DROPPED, [GUMBO_TAG_SVG] = KIND_DROPPED,
		[GUMBO_TAG_AUDIO] = KIND_DROPPED, [GUMBO_TAG_VIDEO] = KIND_DROPPED,
		[GUMBO_TAG_CANVAS] = KIND_DROPPED, [GUMBO_TAG_DATALIST] = KIND_DROPPED,
		[GUMBO_TAG_BR] = KIND_BREAK, [GUMBO_TAG_TABLE] = KIND_TABLE, [GUMBO_TAG_TR] = KIND_ROW,
		[GUMBO_TAG_DL] = KIND_DL, [GUMBO_TAG_BLOCKQUOTE] = KIND_QUOTE,
		[GUMBO_TAG_PRE] = KIND_PRE, [GUMBO_TAG_TEXTAREA] = KIND_PRE,
		[GUMBO_TAG_ADDRESS] = KIND_BLOCK, [GUMBO_TAG_ARTICLE] = KIND_BLOCK,
		[GUMBO_TAG_ASIDE] = KIND_BLOCK, [GUMBO_TAG_BODY] = KIND_BLOCK,
		[GUMBO_TAG_CAPTION] = KIND_BLOCK, [GUMBO_TAG_CENTER] = KIND_BLOCK,
		[GUMBO_TAG_DD] = KIND_BLOCK, [GUMBO_TAG_DETAILS] = KIND_BLOCK, [GUMBO_TAG_DIV] = KIND_BLOCK,
		[GUMBO_TAG_DT] = KIND_BLOCK, [GUMBO_TAG_FIELDSET] = KIND_BLOCK,
		[GUMBO_TAG_FIGCAPTION] = KIND_BLOCK, [GUMBO_TAG_FIGURE] = KIND_BLOCK,
		[GUMBO_TAG_FOOTER] = KIND_BLOCK, [GUMBO_TAG_FORM] = KIND_BLOCK, [GUMBO_TAG_H1] = KIND_BLOCK,
		[GUMBO_TAG_H2] = KIND_BLOCK, [GUMBO_TAG_H3] = KIND_BLOCK, [GUMBO_TAG_H4] = KIND_BLOCK,
		[GUMBO_TAG_H5] = KIND_BLOCK, [GUMBO_TAG_H6] = KIND_BLOCK, [GUMBO_TAG_HEADER] = KIND_BLOCK,
		[GUMBO_TAG_HR] = KIND_BLOCK, [GUMBO_TAG_HTML] = KIND_BLOCK, [GUMBO_TAG_LI] = KIND_BLOCK,
		[GUMBO_TAG_MAIN] = KIND_BLOCK, [GUMBO_TAG_MENU] = KIND_BLOCK, [GUMBO_TAG_NAV] = KIND_BLOCK,
		[GUMBO_TAG_OL] = KIND_BLOCK, [GUMBO_TAG_OPTION] = KIND_BLOCK, [GUMBO_TAG_P] = KIND_BLOCK,
		[GUMBO_TAG_SECTION] = KIND_BLOCK, [GUMBO_TAG_SUMMARY] = KIND_BLOCK,
		[GUMBO_TAG_TBODY] = KIND_BLOCK, [GUMBO_TAG_TD] = KIND_BLOCK, [GUMBO_TAG_TFOOT] = KIND_BLOCK,
		[GUMBO_TAG_TH] = KIND_BLOCK, [GUMBO_TAG_THEAD] = KIND_BLOCK, [GUMBO_TAG_UL] = KIND_BLOCK,
	};

	return (enum tag_kind)kinds[tag <= GUMBO_TAG_LAST ? tag : GUMBO_TAG_LAST];
}

static void	render(struct html *, const GumboNode *, struct look, int depth, struct flow *);

static struct row *
row_new(struct html *h, size_t count, uint16_t table, uint16_t quote)
{
	struct row *r = arena_alloc(h->arena, sizeof *r);

	r->count = (uint16_t)(count < UINT16_MAX ? count : UINT16_MAX);
	r->cells = arena_array(h->arena, r->count, sizeof *r->cells);
	for (uint16_t i = 0; i < r->count; i++)
		r->cells[i] = SPAN_LIT("");
	r->table = table;
	r->quote = quote;
	return r;
}

/* Ends the line: a row of one cell. An empty line is one only if it was asked for (<br>). */
static void
flow_break(struct html *h, struct flow *f, bool even_empty)
{
	struct row *r;

	f->space = false;
	if (f->line.n == 0 && !even_empty)
		return;
	r = row_new(h, 1, 0, f->quote);
	if (f->line.n > 0)
		r->cells[0] = arena_span(h->arena, (struct span){f->line.p, f->line.n});
	f->line.n = 0;
	rows_add(&f->rows, r);
}

static void
flow_text(struct html *h, struct flow *f, struct span s, bool pre)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\n' && pre) {
			flow_break(h, f, true);
		} else if (s.p[i] == ' ' || s.p[i] == '\n' || s.p[i] == '\t') {
			f->space = true;
		} else {
			if (f->space && f->line.n > 0)
				arena_put(&f->line, " ", 1);
			f->space = false;
			arena_put(&f->line, s.p + i, 1);
		}
	}
}

/* ---- what is hidden */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Puts the numbers of s that could be one of ours: digits, single spaces, dots or hyphens between them. */
static int
digits_put(struct arena_buf *b, struct span s)
{
	int found = 0;

	for (size_t i = 0; i < s.n; i++) {
		size_t from = b->n, n = 0;

		for (; i < s.n && (is_digit(s.p[i]) || (n > 0 && strchr(" .-", s.p[i]) != NULL && s.p[i] != '\0' &&
		    i + 1 < s.n && is_digit(s.p[i + 1]))); i++)
			if (is_digit(s.p[i])) {
				arena_put(b, s.p + i, 1);
				n++;
			}
		if (n >= MIN_DIGITS) {
			arena_put(b, "\n", 1);
			found++;
		} else {
			b->n = from;
		}
	}
	return found;
}

/* Hidden text may say what it likes, but not hold a number that nobody sees. */
static void
hidden_check(struct html *h, const struct rows *rows)
{
	struct arena_buf	seen = {.arena = h->arena};
	struct span		left = {h->hidden.p, h->hidden.n}, number;

	if (h->hidden_count == 0)
		return;
	arena_put(&seen, "", 0);
	for (const struct row *r = rows->head; r != NULL; r = r->next)
		for (uint16_t i = 0; i < r->count; i++)
			digits_put(&seen, r->cells[i]);
	if (h->hidden_count > MAX_HIDDEN)
		reasons_add(h->reasons, "hidden-text", true, -1);
	else
		while (span_cut(&left, '\n', &number))
			if (span_find((struct span){seen.p, seen.n}, number, 0) < 0)
				reasons_add(h->reasons, "hidden-text", true, -1);
}

/* Is a CSS length zero ("0", "0px", ".0em")? *relative: its unit is a share of the parent's. */
static bool
css_zero(struct span v, bool *relative)
{
	bool	digits = false, zero = true;
	size_t	i = 0;

	for (; i < v.n && (is_digit(v.p[i]) || v.p[i] == '.'); i++) {
		digits = digits || is_digit(v.p[i]);
		zero = zero && !(v.p[i] >= '1' && v.p[i] <= '9');
	}
	v = span_from(v, i);
	*relative = digits && (span_is(v, "em") || span_is(v, "%") || span_is(v, "ex") || span_is(v, "ch"));
	return digits && zero;
}

/* font-size, or the size at the beginning of the font shorthand ("0/0 a"). */
static void
css_font(struct look *l, struct span v)
{
	bool	relative, zero;
	struct span size = v;

	span_cut(&v, '/', &size);
	zero = css_zero(size, &relative);
	if (zero)
		l->zero_font = true;
	else if (!relative && !span_is(size, "inherit") && !span_is(size, "smaller") && !span_is(size, "larger") &&
	    !span_is(size, "unset"))
		l->zero_font = false;
}

struct box { bool flat, clipped; };	/* no height or width; what does not fit is not shown */

static void
css_declaration(struct look *l, struct box *box, struct span name, struct span v)
{
	bool relative;

	if (span_is(name, "display"))
		l->gone = l->gone || span_is(v, "none");
	else if (span_is(name, "visibility"))
		l->invisible = span_is(v, "hidden") || span_is(v, "collapse") ||
		    (l->invisible && !span_is(v, "visible"));
	else if (span_is(name, "opacity"))
		l->gone = l->gone || css_zero(v, &relative);
	else if (span_is(name, "font-size"))
		css_font(l, v);
	else if (span_is(name, "font") && v.n > 0 && (is_digit(v.p[0]) || v.p[0] == '.'))
		css_font(l, v);
	else if (span_is(name, "text-decoration") || span_is(name, "text-decoration-line"))
		l->gone = l->gone || span_find(v, SPAN_LIT("line-through"), 0) >= 0;	/* taken back */
	else if (span_is(name, "unicode-bidi"))
		l->reordered = l->reordered || span_find(v, SPAN_LIT("override"), 0) >= 0;
	else if (span_is(name, "overflow"))
		box->clipped = span_is(v, "hidden");
	else if (span_is(name, "height") || span_is(name, "max-height") || span_is(name, "width") ||
	    span_is(name, "max-width"))
		box->flat = box->flat || css_zero(v, &relative);
}

/*
 * A style attribute. An element that is told twice how to be shown counts as hidden, whichever comes
 * last: hidden text is a doubt at worst.
 */
static void
css_style(struct look *l, const char *style, struct arena *a)
{
	char		*text = arena_text(a, style);
	struct span	 left;
	struct box	 box = {0};
	size_t		 n = 0;

	for (size_t i = 0; text[i] != '\0'; i++)	/* in lower case, without white space */
		if ((unsigned char)text[i] > ' ')
			text[n++] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
	left = (struct span){text, n};
	while (left.n > 0) {
		struct span declaration, name, value;
		ptrdiff_t   important;

		span_cut(&left, ';', &declaration);
		value = declaration;
		if (!span_cut(&value, ':', &name))
			continue;
		important = span_find(value, SPAN_LIT("!"), 0);
		css_declaration(l, &box, name, important >= 0 ? span_take(value, (size_t)important) : value);
	}
	if (box.flat && box.clipped)
		l->gone = true;
}

static void
look_of(struct html *h, const GumboElement *e, struct look *l)
{
	const GumboAttribute *style = gumbo_get_attribute(&e->attributes, "style");

	if (gumbo_get_attribute(&e->attributes, "hidden") != NULL)
		l->gone = true;
	if (e->tag == GUMBO_TAG_DEL || e->tag == GUMBO_TAG_S || e->tag == GUMBO_TAG_STRIKE)
		l->gone = true;		/* struck out: what it said is taken back */
	if (e->tag == GUMBO_TAG_BDO)
		l->reordered = true;
	if (style != NULL)
		css_style(l, style->value, h->arena);
}

/* ---- tables */

static size_t
colspan_of(const GumboElement *e)
{
	const GumboAttribute	*a = gumbo_get_attribute(&e->attributes, "colspan");
	size_t			 n = 0;

	for (const char *p = a != NULL ? a->value : ""; is_digit(*p) && n <= MAX_COLSPAN; p++)
		n = 10 * n + (size_t)(*p - '0');
	return n < 1 ? 1 : n > MAX_COLSPAN ? MAX_COLSPAN : n;
}

/* Does a cell of several lines look like one value that was broken, and not like lines of their own? */
static bool
is_one_value(const struct rows *rs)
{
	if (rs->count > MAX_JOIN)
		return false;
	for (const struct row *r = rs->head; r != NULL; r = r->next)
		if (r->cells[0].n == 0 || memchr(r->cells[0].p, ':', r->cells[0].n) != NULL)
			return false;
	return true;
}

static struct span
rows_join(struct html *h, const struct rows *rs)
{
	struct arena_buf b = {.arena = h->arena};

	arena_put(&b, "", 0);
	for (const struct row *r = rs->head; r != NULL; r = r->next) {
		if (b.n > 0)
			arena_put(&b, " ", 1);
		arena_put(&b, r->cells[0].p, r->cells[0].n);
	}
	return (struct span){b.p, b.n};
}

/* n cells of `lines` lines each (or none): line i of each side by side. */
static void
row_zip(struct html *h, struct rows *out, const struct rows *cells, size_t n, size_t lines, struct look l)
{
	struct row **at = arena_array(h->arena, n, sizeof *at);

	for (size_t i = 0; i < n; i++)
		at[i] = cells[i].head;
	for (size_t line = 0; line < lines; line++) {
		struct row *r = row_new(h, n, l.table, l.quote);

		for (size_t i = 0; i < n; i++) {
			if (at[i] == NULL)
				continue;
			if (i < r->count)
				r->cells[i] = at[i]->cells[0];
			at[i] = at[i]->next;
		}
		rows_add(out, r);
	}
}

/*
 * Cells of one row of a table, each as rows of its own. Side by side if each is one value, or all
 * have the same number of lines (labels and values, line by line); else they are layout.
 */
static void
row_join(struct html *h, struct rows *out, const struct rows *cells, size_t n, struct look l)
{
	size_t	filled = 0, most = 0;
	bool	simple = true, same = true, values = true;

	for (size_t i = 0; i < n; i++) {
		if (cells[i].count == 0)
			continue;
		filled++;
		simple = simple && cells[i].simple;
		same = same && (most == 0 || cells[i].count == most);
		if (cells[i].count > most)
			most = cells[i].count;
		if (cells[i].count > 1 && simple)
			values = values && is_one_value(&cells[i]);
	}
	if (filled == 0)
		return;
	if (simple && (most == 1 || (filled > 1 && same))) {
		row_zip(h, out, cells, n, most, l);
	} else if (simple && filled > 1 && values) {
		struct row *r = row_new(h, n, l.table, l.quote);

		for (size_t i = 0; i < r->count; i++)
			r->cells[i] = rows_join(h, &cells[i]);
		rows_add(out, r);
	} else {
		for (size_t i = 0; i < n; i++)
			rows_append(out, &cells[i]);
	}
}

/* What lies in an element, as rows of its own. */
static struct rows
render_apart(struct html *h, const GumboNode *node, struct look l, int depth)
{
	struct flow f = {.line = {.arena = h->arena}, .quote = l.quote};

	render(h, node, l, depth, &f);
	flow_break(h, &f, false);
	return f.rows;
}

static bool
is_cell(const GumboNode *n)
{
	return n->type == GUMBO_NODE_ELEMENT &&
	    (n->v.element.tag == GUMBO_TAG_TD || n->v.element.tag == GUMBO_TAG_TH);
}

static void
render_row(struct html *h, const GumboElement *tr, struct look l, int depth, struct flow *f)
{
	struct rows	*cells;
	size_t		 n = 0, at = 0;

	for (unsigned i = 0; i < tr->children.length; i++) {
		const GumboNode *child = tr->children.data[i];

		n += is_cell(child) ? colspan_of(&child->v.element) : 0;
	}
	cells = arena_array(h->arena, n, sizeof *cells);
	for (unsigned i = 0; i < tr->children.length; i++) {
		const GumboNode *child = tr->children.data[i];

		if (!is_cell(child)) {
			render(h, child, l, depth, f);
			continue;
		}
		cells[at] = render_apart(h, child, l, depth);
		at += colspan_of(&child->v.element);
	}
	flow_break(h, f, false);
	row_join(h, &f->rows, cells, n, l);
}

/* dt and dd as the two cells of a row; a dl may have them in divs. */
static void
render_dl(struct html *h, const GumboElement *dl, struct look l, int depth, struct flow *f, struct rows *dt)
{
	for (unsigned i = 0; i < dl->children.length; i++) {
		const GumboNode	*child = dl->children.data[i];
		GumboTag	 tag = child->type == GUMBO_NODE_ELEMENT ? child->v.element.tag : GUMBO_TAG_UNKNOWN;
		struct rows	 pair[2];

		if (tag == GUMBO_TAG_DT) {
			rows_append(&f->rows, dt);
			*dt = render_apart(h, child, l, depth);
		} else if (tag == GUMBO_TAG_DD) {
			pair[0] = *dt;
			pair[1] = render_apart(h, child, l, depth);
			*dt = (struct rows){0};
			row_join(h, &f->rows, pair, 2, l);
		} else if (tag == GUMBO_TAG_DIV && depth < HTML_MAX_DEPTH) {
			look_of(h, &child->v.element, &l);
			render_dl(h, &child->v.element, l, depth + 1, f, dt);
		} else {
			render(h, child, l, depth, f);
			flow_break(h, f, false);
		}
	}
}

static void
render_children(struct html *h, const GumboElement *e, struct look l, int depth, struct flow *f)
{
	for (unsigned i = 0; i < e->children.length; i++)
		render(h, e->children.data[i], l, depth, f);
}

static void
render_block(struct html *h, const GumboElement *e, struct look l, int depth, struct flow *f)
{
	uint16_t quote = f->quote;

	flow_break(h, f, false);
	f->quote = l.quote;
	render_children(h, e, l, depth, f);
	flow_break(h, f, false);
	f->quote = quote;
}

static void
render_element(struct html *h, const GumboElement *e, struct look l, int depth, struct flow *f)
{
	struct rows dt = {0};

	look_of(h, e, &l);
	switch (tag_kind(e->tag)) {
	case KIND_DROPPED:
		break;
	case KIND_INLINE:
		render_children(h, e, l, depth, f);
		break;
	case KIND_BREAK:
		if (!l.gone)
			flow_break(h, f, true);
		break;
	case KIND_QUOTE:
		l.quote += l.quote < UINT16_MAX;
		render_block(h, e, l, depth, f);
		break;
	case KIND_PRE:
		l.pre = true;
		render_block(h, e, l, depth, f);
		break;
	case KIND_TABLE:
		l.table = h->tables += h->tables < UINT16_MAX;
		render_block(h, e, l, depth, f);
		break;
	case KIND_BLOCK:
		render_block(h, e, l, depth, f);
		break;
	case KIND_ROW:
		flow_break(h, f, false);
		render_row(h, e, l, depth, f);
		break;
	case KIND_DL:
		flow_break(h, f, false);
		l.table = h->tables += h->tables < UINT16_MAX;
		render_dl(h, e, l, depth, f, &dt);
		rows_append(&f->rows, &dt);
		break;
	}
}

static void
render(struct html *h, const GumboNode *node, struct look l, int depth, struct flow *f)
{
	struct span text;
	bool	    odd;

	if (depth > HTML_MAX_DEPTH)
		h->too_deep = true;
	if (h->too_deep)
		return;
	switch (node->type) {
	case GUMBO_NODE_ELEMENT:
		render_element(h, &node->v.element, l, depth + 1, f);
		break;
	case GUMBO_NODE_TEXT:
	case GUMBO_NODE_CDATA:
	case GUMBO_NODE_WHITESPACE:
		text = text_normalise(span_of(node->v.text.text), h->arena, h->reasons);
		if (l.reordered)
			reasons_add(h->reasons, "bidi-characters", true, -1);
		if (l.gone || l.invisible || l.zero_font)
			h->hidden_count += digits_put(&h->hidden, text_shown(text, h->arena, &odd));
		else
			flow_text(h, f, text, l.pre);
		break;
	case GUMBO_NODE_DOCUMENT:
	case GUMBO_NODE_COMMENT:
	case GUMBO_NODE_TEMPLATE:
		break;
	}
}

/* ---- bounds before Gumbo */

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
static int
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

/* Gumbo's memory: it never looks whether it got any, so beyond the bound its stack is left. */
struct tree {
	struct arena	arena;
	size_t		bytes;
	jmp_buf		too_large;
};

static void *
tree_alloc(void *tree, size_t n)
{
	struct tree *t = tree;

	if (n > HTML_MAX_TREE - t->bytes)
		longjmp(t->too_large, 1);
	t->bytes += n;
	return arena_alloc(&t->arena, n);
}

static void
tree_free(void *tree, void *p)
{
	(void)tree;
	(void)p;	/* dies with the arena */
}

static const GumboOutput *
tree_parse(struct tree *t, struct span text)
{
	GumboOptions options = kGumboDefaultOptions;

	options.allocator = tree_alloc;
	options.deallocator = tree_free;
	options.userdata = t;
	options.max_errors = 0;
	if (setjmp(t->too_large) != 0)
		return NULL;
	return gumbo_parse_with_options(&options, text.p, text.n);
}

/* ---- the door */

static void
rows_put(struct document_build *b, const struct rows *rows)
{
	for (const struct row *r = rows->head; r != NULL; r = r->next) {
		for (uint16_t i = 0; i < r->count; i++)
			document_put_cell(b, r->cells[i]);
		document_end_line(b, r->table, r->quote);
	}
}

int
html_read(struct span text, uint16_t alternative, struct arena *a, struct document_part *part, bool *truncated,
    struct reasons *reasons, struct err *e)
{
	struct html		 h = {.arena = a, .reasons = reasons, .hidden = {.arena = a}};
	struct tree		 t = {0};
	struct document_build	*b = document_begin(a, DOCUMENT_HTML, alternative);
	const GumboOutput	*out;
	struct rows		 rows;
	int			 rc = -1;

	if (source_check(text, e) < 0)
		return -1;
	if (memchr(text.p, '\0', text.n) != NULL)
		reasons_add(reasons, "control-characters", true, -1);
	out = tree_parse(&t, text);
	if (out == NULL) {
		err_set(e, ERR_REJECT, "more than %d bytes of HTML tree", HTML_MAX_TREE);
		goto out;
	}
	rows = render_apart(&h, out->root, (struct look){0}, 0);
	if (h.too_deep) {
		err_set(e, ERR_REJECT, "more than %d levels of HTML", HTML_MAX_DEPTH);
		goto out;
	}
	hidden_check(&h, &rows);
	rows_put(b, &rows);
	*part = document_end(b, truncated);
	rc = 0;
out:
	arena_free(&t.arena);
	return rc;
}
