/*
 * html - see html.h
 *
 * Gumbo builds a tree; a walk turns each block into rows of cells. What stands side by side (cells of a row
 * of a table, columns by CSS) is rendered box by box, each into rows of its own, and then it is decided
 * whether these are data or layout: see rows_beside().
 */
#include "read/html.h"

#include <gumbo.h>
#include <setjmp.h>
#include <string.h>

#include "read/css.h"
#include "read/element.h"
#include "read/hidden.h"
#include "read/rows.h"
#include "read/source.h"
#include "read/text.h"

#define MAX_COLSPAN	20	/* columns that one cell is believed to cover */
#define MAX_ROWSPAN	1000	/* rows */
#define MAX_CARRY	64	/* columns from which a cell may reach into the rows below */

/* ---- the walk */

/* A cell that reaches into the rows below it. */
struct carry {
	struct rows	cell;
	unsigned	left;		/* rows */
};

/* How an element looks, by itself and by those it lies in. */
struct look {
	struct style_look		 css;
	const struct css_element *element;
	struct carry		*carry;		/* of the table: MAX_CARRY; NULL outside of one */
	uint32_t		 voice;		/* see read/rows.h */
	uint16_t		 quote, table, outer;
	bool			 mail_quote;	/* in what a mail program marked as quoted */
	bool			 closed;	/* directly in <details> that nobody opened */
};

struct html {
	struct arena		*arena;
	struct reasons		*reasons;
	struct css		*css;
	const struct source	*source;
	struct hidden		 hidden;
	struct err		*err;
	uint16_t		 tables;
	size_t			 carried;	/* cells, over all tables */
	bool			 reaching;	/* some cell has reached into rows below it */
	bool			 failed;
};

enum tag_kind { KIND_INLINE, KIND_BLOCK, KIND_DROPPED, KIND_BREAK, KIND_TABLE, KIND_ROW, KIND_DL,
	KIND_QUOTE, KIND_MARK };

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
		[GUMBO_TAG_SUP] = KIND_MARK, [GUMBO_TAG_SUB] = KIND_MARK,
		[GUMBO_TAG_BR] = KIND_BREAK, [GUMBO_TAG_TABLE] = KIND_TABLE, [GUMBO_TAG_TR] = KIND_ROW,
		[GUMBO_TAG_DL] = KIND_DL, [GUMBO_TAG_BLOCKQUOTE] = KIND_QUOTE,
		[GUMBO_TAG_PRE] = KIND_BLOCK, [GUMBO_TAG_TEXTAREA] = KIND_BLOCK,
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

static bool	render(struct html *, const GumboNode *, const struct look *, int depth, struct flow *);
static void	render_hidden(struct html *, const GumboNode *, int depth);

static void
line_break(struct html *h, struct flow *f, bool even_empty)
{
	hidden_end(&h->hidden, false);
	flow_break(h->arena, f, even_empty);
}

/* Of a comment or a style sheet: it may have been taken out before Gumbo saw it. */
static struct span
text_of(struct html *h, const GumboNode *node)
{
	return source_text(h->source, node->v.text.original_text.data, span_of(node->v.text.text), h->arena);
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_too_deep(struct html *h, int depth)
{
	if (depth <= HTML_MAX_DEPTH)
		return false;
	h->failed = true;
	err_set(h->err, ERR_REJECT, "more than %d levels of HTML", HTML_MAX_DEPTH);
	return true;
}

/* ---- one element */

/* An element as the walk meets it; lives while its children are rendered. */
struct self {
	const GumboNode		*node;
	struct look		 look;
	struct style_box		 box;
	struct css_element	 element;
	struct attributes	 attributes;
	enum tag_kind		 kind;
};

/* What attributes and tags say by themselves; CSS may say otherwise. */
static void
look_by_tag(struct html *h, const GumboElement *e, const struct attributes *a, struct look *l)
{
	if (l->closed && e->tag != GUMBO_TAG_SUMMARY)
		l->css.gone = true;
	l->closed = e->tag == GUMBO_TAG_DETAILS && !a->open;
	if (a->hidden || e->tag == GUMBO_TAG_NOSCRIPT)
		l->css.gone = true;
	if (e->tag == GUMBO_TAG_DEL || e->tag == GUMBO_TAG_S || e->tag == GUMBO_TAG_STRIKE)
		l->css.gone = true;	/* struck out: what it said is taken back */
	if (e->tag == GUMBO_TAG_BDO)
		l->css.reordered = true;
	if (e->tag == GUMBO_TAG_PRE || e->tag == GUMBO_TAG_TEXTAREA)
		l->css.pre = true;
	if (e->tag == GUMBO_TAG_A)
		l->css.colour = STYLE_UNKNOWN;	/* of links */
	if (e->tag == GUMBO_TAG_FONT && a->color.n > 0)
		l->css.colour = element_colour(a->color, h->arena);
	if (e->tag == GUMBO_TAG_FONT && a->size)
		l->css.font_px = 13;	/* some size that can be read */
	if (a->bgcolor.n > 0)
		l->css.background = element_colour(a->bgcolor, h->arena);
	if (a->background)
		l->css.background = STYLE_UNKNOWN;	/* an image */
}

/* How display changes what a tag is. Parts of tables keep their kind: only small screens take it off. */
static enum tag_kind
kind_shown(enum tag_kind kind, enum style_display display)
{
	if (kind == KIND_BLOCK && display == STYLE_INLINE)
		return KIND_INLINE;
	if ((kind == KIND_INLINE || kind == KIND_MARK) && display != STYLE_UNSET && display != STYLE_INLINE &&
	    display != STYLE_INLINE_BLOCK)
		return KIND_BLOCK;
	return kind;
}

static void
self_read(struct html *h, const GumboNode *node, const struct look *parent, struct self *s)
{
	const GumboElement	*e = &node->v.element;
	struct attributes	*a = &s->attributes;

	s->node = node;
	s->look = *parent;
	s->box = (struct style_box){.display = STYLE_UNSET};
	s->kind = tag_kind(e->tag);
	*a = (struct attributes){.hidden = false};
	for (unsigned i = 0; i < e->attributes.length; i++) {
		const GumboAttribute *attribute = e->attributes.data[i];

		attributes_put(a, span_of(attribute->name), span_of(attribute->value));
	}
	look_by_tag(h, e, a, &s->look);
	s->element = (struct css_element){.parent = parent->element, .style = a->style,
	    .tag = span_of(gumbo_normalized_tagname(e->tag)), .id = span_take(a->id, ELEMENT_MAX_NAME),
	    .classes = element_classes(a, h->arena)};
	if (css_apply(h->css, &s->element, &s->look.css, &s->box, h->err) < 0)
		h->failed = true;
	s->look.element = &s->element;
	s->kind = kind_shown(s->kind, s->box.display);
	if (s->kind == KIND_INLINE && s->box.raised)
		s->kind = KIND_MARK;
	if (e->tag == GUMBO_TAG_TABLE &&
	    (span_is_nocase(a->align, "left") || span_is_nocase(a->align, "right")))
		s->box.floats = true;
	if (s->kind == KIND_INLINE)
		s->look.voice = element_voice(a, (uint32_t)e->tag);
	else if (s->kind != KIND_MARK)
		s->look.voice = 0;
	s->look.mail_quote = parent->mail_quote || element_is_mail_quote(a);
	if (s->kind == KIND_QUOTE && (a->cite || span_is_nocase(a->type, "cite") || s->look.mail_quote)) {
		s->look.mail_quote = true;
		s->look.quote += s->look.quote < UINT16_MAX;
	}
}

static bool	self_render(struct html *, const struct self *, int depth, struct flow *);

/* What lies in an element, as rows of its own. */
static struct rows
self_apart(struct html *h, const struct self *s, int depth)
{
	struct flow f = {.line = {.arena = h->arena}, .quote = s->look.quote};

	self_render(h, s, depth, &f);
	line_break(h, &f, false);
	return f.rows;
}

/* ---- side by side */

static struct place
place_of(const struct look *l, bool by_css)
{
	return (struct place){by_css ? 0 : l->table, by_css ? 0 : l->outer, l->quote};
}

static bool
is_blank(const GumboNode *n)
{
	return n->type == GUMBO_NODE_WHITESPACE || n->type == GUMBO_NODE_COMMENT;
}

/* The container of children that stand beside one another whatever they are. */
static bool
lays_out(const struct style_box *box)
{
	return (box->display == STYLE_FLEX && !box->column) || (box->display == STYLE_GRID && box->tracks > 1);
}

static bool
is_beside(const struct self *s, const struct style_box *container)
{
	if (s->look.css.gone || s->kind == KIND_BREAK || s->kind == KIND_DROPPED || s->box.full)
		return false;
	if (lays_out(container) || s->box.display == STYLE_CELL)
		return true;
	return (s->kind == KIND_BLOCK || s->kind == KIND_TABLE) &&
	    (s->box.floats || s->box.display == STYLE_INLINE_BLOCK);
}

/* A child that ends a row of boxes: what begins a new line. */
static bool
is_below(const struct self *s)
{
	return !s->look.css.gone && s->kind != KIND_INLINE && s->kind != KIND_MARK && s->kind != KIND_DROPPED;
}

static void
render_children(struct html *h, const struct self *s, int depth, struct flow *f)
{
	const GumboVector	*children = &s->node->v.element.children;
	struct boxes		 b = {.open = false};

	if (lays_out(&s->box))
		boxes_open(h->arena, &b, f);
	for (unsigned i = 0; i < children->length && !h->failed; i++) {
		const GumboNode	*child = children->data[i];
		struct self	 c;

		if (child->type != GUMBO_NODE_ELEMENT) {
			render(h, child, &s->look, depth, b.open && !is_blank(child) ? &b.text : f);
			continue;
		}
		self_read(h, child, &s->look, &c);
		if (is_beside(&c, &s->box)) {
			hidden_end(&h->hidden, false);
			if (!b.open)
				boxes_open(h->arena, &b, f);
			boxes_take(h->arena, &b, &b.text);
			boxes_add(h->arena, &b, self_apart(h, &c, depth));
			if (s->box.display == STYLE_GRID && b.n == s->box.tracks)
				boxes_close(h->arena, &b, place_of(&s->look, true), f);
			continue;
		}
		if (is_below(&c))
			boxes_close(h->arena, &b, place_of(&s->look, true), f);
		self_render(h, &c, depth, b.open ? &b.text : f);
	}
	hidden_end(&h->hidden, false);
	boxes_close(h->arena, &b, place_of(&s->look, true), f);
}

/* ---- tables */

static bool
is_cell(const GumboNode *n)
{
	return n->type == GUMBO_NODE_ELEMENT &&
	    (n->v.element.tag == GUMBO_TAG_TD || n->v.element.tag == GUMBO_TAG_TH);
}

static unsigned
colspan_of(const GumboNode *cell)
{
	const GumboAttribute *a = gumbo_get_attribute(&cell->v.element.attributes, "colspan");

	return element_number(span_of(a != NULL ? a->value : ""), MAX_COLSPAN);
}

/* The cells of rows above that reach into this one, from column *at on. */
static void
carry_take(struct html *h, const struct look *l, struct rows *cells, size_t *at, size_t end)
{
	for (; *at < end && *at < MAX_CARRY && l->carry != NULL; ++*at) {
		struct carry *c = &l->carry[*at];

		if (c->left == 0 || h->carried >= DOCUMENT_MAX_CELLS)
			return;
		c->left--;
		h->carried++;
		cells[*at] = rows_repeat(h->arena, &c->cell, l->quote);
	}
}

static void
carry_put(struct html *h, const struct self *td, const struct rows *cell, size_t at)
{
	unsigned	rows = element_number(td->attributes.rowspan, MAX_ROWSPAN);
	unsigned	wide = colspan_of(td->node);

	if (rows < 2 || td->look.carry == NULL)
		return;
	h->reaching = true;
	for (size_t i = at; i < at + wide && i < MAX_CARRY; i++) {
		struct carry *c = &td->look.carry[i];

		c->left = rows - 1;
		c->cell = i == at ? rows_repeat(h->arena, cell, td->look.quote) : (struct rows){0};
	}
}

/* Two passes over the children: how many columns, then what is in them. Hidden cells have none. */
static void
render_row(struct html *h, const struct self *s, int depth, struct flow *f)
{
	const GumboVector	*children = &s->node->v.element.children;
	struct rows		*cells;
	size_t			 n = 0, at = 0, used = 0;

	for (unsigned i = 0; i < children->length; i++)
		n += is_cell(children->data[i]) ? colspan_of(children->data[i]) : 0;
	n += h->reaching ? MAX_CARRY : 0;
	cells = arena_array(h->arena, n, sizeof *cells);
	for (unsigned i = 0; i < children->length && !h->failed; i++) {
		const GumboNode	*child = children->data[i];
		struct self	 c;

		if (!is_cell(child)) {
			render(h, child, &s->look, depth, f);
			continue;
		}
		self_read(h, child, &s->look, &c);
		if (c.look.css.gone) {
			render_hidden(h, child, depth);
			continue;
		}
		carry_take(h, &s->look, cells, &at, n);
		cells[at] = self_apart(h, &c, depth);
		carry_put(h, &c, &cells[at], at);
		at += colspan_of(child);
		used = at;
	}
	line_break(h, f, false);
	while (used > 0 && at < n && at < MAX_CARRY && s->look.carry != NULL) {
		size_t before = at;

		carry_take(h, &s->look, cells, &at, n);
		used = at > before ? at : used;
		at++;
	}
	rows_beside(h->arena, &f->rows, cells, used, place_of(&s->look, false));
}

static void
render_table(struct html *h, struct self *s, int depth, struct flow *f)
{
	s->look.outer = s->look.table;
	s->look.table = h->tables += h->tables < UINT16_MAX;
	s->look.carry = arena_array(h->arena, MAX_CARRY, sizeof *s->look.carry);
	render_children(h, s, depth, f);
}

/* dt and dd as the two cells of a row; a dl may have them in divs. */
static void
render_dl(struct html *h, const struct self *s, int depth, struct flow *f, struct rows *dt)
{
	const GumboVector *children = &s->node->v.element.children;

	for (unsigned i = 0; i < children->length && !h->failed; i++) {
		const GumboNode	*child = children->data[i];
		struct self	 c;
		struct rows	 pair[2];

		if (child->type != GUMBO_NODE_ELEMENT) {
			render(h, child, &s->look, depth, f);
			continue;
		}
		self_read(h, child, &s->look, &c);
		if (c.look.css.gone) {
			render_hidden(h, child, depth);
		} else if (child->v.element.tag == GUMBO_TAG_DT) {
			rows_append(&f->rows, dt);
			*dt = self_apart(h, &c, depth);
		} else if (child->v.element.tag == GUMBO_TAG_DD) {
			pair[0] = *dt;
			pair[1] = self_apart(h, &c, depth);
			*dt = (struct rows){0};
			rows_beside(h->arena, &f->rows, pair, 2, place_of(&s->look, false));
		} else if (child->v.element.tag == GUMBO_TAG_DIV && depth < HTML_MAX_DEPTH) {
			render_dl(h, &c, depth + 1, f, dt);
		} else {
			self_render(h, &c, depth, f);
			line_break(h, f, false);
		}
	}
}

/* ---- text */

static void
render_mark(struct html *h, const struct self *s, int depth, struct flow *f)
{
	struct flow	apart = {.line = {.arena = h->arena}, .quote = f->quote};
	struct span	text;
	bool		after_digit = f->line.n > 0 && is_digit(f->line.p[f->line.n - 1]);
	bool		raised = s->node->v.element.tag != GUMBO_TAG_SUB;

	render_children(h, s, depth, &apart);
	text = (struct span){apart.line.p, apart.line.n};
	if (apart.rows.count > 0) {	/* blocks: no mark, whatever its tag */
		line_break(h, &apart, false);
		line_break(h, f, false);
		rows_append(&f->rows, &apart.rows);
	} else if (text.n > 0) {
		if (f->line.n > 0 && !f->space && element_is_mark(text, after_digit, raised))
			return;
		if (after_digit && is_digit(text.p[0]))
			f->space = true;
		flow_text(h->arena, f, text, false, s->look.voice);
	}
}

/* What was taken out of hidden text matters to nobody. */
static void
text_hide(struct html *h, const GumboNode *node)
{
	struct reasons	unseen = {0};
	bool		odd;
	struct span	text = text_normalise(span_of(node->v.text.text), h->arena, &unseen);

	hidden_text(&h->hidden, text_shown(text, h->arena, &odd));
}

static void
render_text(struct html *h, const GumboNode *node, const struct look *l, struct flow *f)
{
	struct span text;

	if (style_hidden(&l->css) || l->closed) {
		text_hide(h, node);
		return;
	}
	text = text_normalise(span_of(node->v.text.text), h->arena, h->reasons);
	if (l->css.reordered)
		reasons_add(h->reasons, "bidi-characters", true, -1);
	if (node->type != GUMBO_NODE_WHITESPACE)
		hidden_end(&h->hidden, true);
	flow_text(h->arena, f, text, l->css.pre, l->voice);
}

/* What lies in an element that is gone: nothing in it can be seen, or break a line. */
static void
render_hidden(struct html *h, const GumboNode *node, int depth)
{
	const GumboVector	*children = &node->v.element.children;
	enum tag_kind		 kind = tag_kind(node->v.element.tag);

	if (kind == KIND_DROPPED || is_too_deep(h, depth))
		return;
	if (kind != KIND_INLINE && kind != KIND_MARK)
		hidden_end(&h->hidden, false);
	for (unsigned i = 0; i < children->length; i++) {
		const GumboNode *child = children->data[i];

		if (child->type == GUMBO_NODE_ELEMENT)
			render_hidden(h, child, depth + 1);
		else if (child->type == GUMBO_NODE_TEXT || child->type == GUMBO_NODE_WHITESPACE ||
		    child->type == GUMBO_NODE_CDATA)
			text_hide(h, child);
	}
	if (kind != KIND_INLINE && kind != KIND_MARK)
		hidden_end(&h->hidden, false);
}

/* ---- elements */

static void
render_inline(struct html *h, const struct self *s, int depth, struct flow *f)
{
	bool		boxed = s->box.display == STYLE_INLINE_BLOCK || s->box.floats;
	struct self	by_turns;

	if (!boxed) {
		render_children(h, s, depth, f);
		return;
	}
	by_turns = *s;		/* a box has edges, even beside one that looks alike */
	by_turns.look.voice ^= f->boxes++ % 2 << 31;
	f->space = true;
	render_children(h, &by_turns, depth, f);
	f->space = true;
}

static void
render_block(struct html *h, struct self *s, int depth, struct flow *f)
{
	uint16_t	quote = f->quote;
	struct rows	dt = {0};

	line_break(h, f, false);
	f->quote = s->look.quote;
	if (s->kind == KIND_ROW) {
		render_row(h, s, depth, f);
	} else if (s->kind == KIND_TABLE) {
		render_table(h, s, depth, f);
	} else if (s->kind == KIND_DL) {
		s->look.outer = s->look.table;
		s->look.table = h->tables += h->tables < UINT16_MAX;
		render_dl(h, s, depth, f, &dt);
		rows_append(&f->rows, &dt);
	} else {
		render_children(h, s, depth, f);
	}
	line_break(h, f, false);
	f->quote = quote;
}

static bool
self_render(struct html *h, const struct self *s, int depth, struct flow *f)
{
	struct self own = *s;

	if (is_too_deep(h, depth) || h->failed)
		return false;
	if (s->look.css.gone) {
		render_hidden(h, s->node, depth);
		return true;
	}
	switch (s->kind) {
	case KIND_DROPPED:
		break;
	case KIND_INLINE:
		render_inline(h, s, depth + 1, f);
		break;
	case KIND_MARK:
		render_mark(h, s, depth + 1, f);
		break;
	case KIND_BREAK:
		line_break(h, f, true);
		break;
	case KIND_QUOTE:
	case KIND_TABLE:
	case KIND_BLOCK:
	case KIND_ROW:
	case KIND_DL:
		render_block(h, &own, depth + 1, f);
		break;
	}
	return !h->failed;
}

static bool
render(struct html *h, const GumboNode *node, const struct look *l, int depth, struct flow *f)
{
	struct self s;

	switch (node->type) {
	case GUMBO_NODE_ELEMENT:
		self_read(h, node, l, &s);
		return self_render(h, &s, depth, f);
	case GUMBO_NODE_TEXT:
	case GUMBO_NODE_CDATA:
	case GUMBO_NODE_WHITESPACE:
		render_text(h, node, l, f);
		break;
	case GUMBO_NODE_COMMENT:
		hidden_end(&h->hidden, false);
		hidden_comment(&h->hidden, text_of(h, node));
		break;
	case GUMBO_NODE_DOCUMENT:
	case GUMBO_NODE_TEMPLATE:
		break;
	}
	return !h->failed;
}

/* ---- bounds before Gumbo */

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

/* Style sheets come before the elements they are for, wherever they stand. */
static int
styles_read(struct html *h, const GumboNode *node, int depth)
{
	const GumboVector *children = &node->v.element.children;

	if (node->type != GUMBO_NODE_ELEMENT || depth > HTML_MAX_DEPTH)
		return 0;
	for (unsigned i = 0; i < children->length; i++) {
		const GumboNode *child = children->data[i];

		if (node->v.element.tag != GUMBO_TAG_STYLE) {
			if (styles_read(h, child, depth + 1) < 0)
				return -1;
		} else if (child->type == GUMBO_NODE_TEXT &&
		    css_add(h->css, text_of(h, child), h->err) < 0) {
			return -1;
		}
	}
	return 0;
}

static int
tree_read(struct html *h, const GumboOutput *tree, struct rows *out)
{
	const GumboVector	*top = &tree->document->v.document.children;
	struct flow		 f = {.line = {.arena = h->arena}};
	struct look		 l = {.voice = 0};
	bool			 odd;

	if (styles_read(h, tree->root, 0) < 0)
		return -1;
	l.css = css_start(h->css);
	for (unsigned i = 0; i < top->length; i++)
		if (!render(h, top->data[i], &l, 0, &f))
			return -1;
	line_break(h, &f, false);
	for (const struct row *r = f.rows.head; r != NULL; r = r->next)
		for (uint16_t i = 0; i < r->count; i++)
			hidden_seen(&h->hidden, text_shown(r->cells[i], h->arena, &odd));
	if (hidden_differs(&h->hidden))
		reasons_add(h->reasons, "hidden-text", true, -1);
	rows_finish(h->arena, &f.rows);
	*out = f.rows;
	return 0;
}

static int
source_read(struct span text, const struct source *source, uint16_t alternative, struct arena *a,
    struct document_part *part, bool *truncated, struct reasons *reasons, struct err *e)
{
	struct html		 h = {.arena = a, .reasons = reasons, .css = css_new(a), .source = source,
				    .hidden = hidden_begin(a), .err = e};
	struct tree		 t = {0};
	struct document_build	*b = document_begin(a, DOCUMENT_HTML, alternative);
	const GumboOutput	*out;
	struct rows		 rows = {0};
	int			 rc = -1;

	if (memchr(text.p, '\0', text.n) != NULL)
		reasons_add(reasons, "control-characters", true, -1);
	out = tree_parse(&t, source->text);
	if (out == NULL)
		err_set(e, ERR_REJECT, "more than %d bytes of HTML tree", HTML_MAX_TREE);
	else
		rc = tree_read(&h, out, &rows);
	if (rc == 0) {
		rows_put(b, &rows);
		*part = document_end(b, truncated);
	}
	arena_free(&t.arena);
	return rc;
}

int
html_read(struct span text, uint16_t alternative, struct arena *a, struct document_part *part, bool *truncated,
    struct reasons *reasons, struct err *e)
{
	struct source source;

	if (source_check(text, e) < 0)
		return -1;
	source = source_cut(text, a);
	return source_read(text, &source, alternative, a, part, truncated, reasons, e);
}

int
html_read_whole(struct span text, uint16_t alternative, struct arena *a, struct document_part *part, bool *truncated,
    struct reasons *reasons, struct err *e)
{
	const struct source source = {.text = text};

	return source_check(text, e) < 0 ? -1 :
	    source_read(text, &source, alternative, a, part, truncated, reasons, e);
}
