#include <string.h>

#include "read/rows.h"

#define MAX_JOIN	3	/* lines in a cell that are one value broken by <br> */
#define MAX_LABEL	60	/* bytes before an edge: a label, not a sentence */
#define MAX_VALUE	120	/* bytes after one; the longest name is 50 characters */
#define MAX_REPEAT	200	/* bytes of a cell that is repeated in the rows it reaches over */

static struct row *
row_new(struct arena *a, size_t count, struct place at)
{
	struct row *r = arena_alloc(a, sizeof *r);

	r->count = (uint16_t)(count < UINT16_MAX ? count : UINT16_MAX);
	r->cells = arena_array(a, r->count, sizeof *r->cells);
	for (uint16_t i = 0; i < r->count; i++)
		r->cells[i] = SPAN_LIT("");
	r->table = at.table;
	r->outer = at.outer;
	r->quote = at.quote;
	return r;
}

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

void
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

struct rows
rows_repeat(struct arena *a, const struct rows *rs, uint16_t quote)
{
	struct rows	 copy = {.again = true};
	struct row	*r;

	if (rs->count != 1 || !rs->simple || rs->head->cells[0].n > MAX_REPEAT)
		return copy;
	r = row_new(a, 1, (struct place){.quote = quote});
	r->cells[0] = rs->head->cells[0];
	rows_add(&copy, r);
	copy.again = true;
	return copy;
}

/* ---- side by side */

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
rows_join(struct arena *a, const struct rows *rs)
{
	struct arena_buf b = {.arena = a};

	arena_put(&b, "", 0);
	for (const struct row *r = rs->head; r != NULL; r = r->next) {
		if (b.n > 0)
			arena_put(&b, " ", 1);
		arena_put(&b, r->cells[0].p, r->cells[0].n);
	}
	return (struct span){b.p, b.n};
}

/* n boxes of `lines` lines each (or none): line i of each side by side. */
static void
rows_zip(struct arena *a, struct rows *out, const struct rows *boxes, size_t n, size_t lines,
    struct place place)
{
	struct row **at = arena_array(a, n, sizeof *at);

	for (size_t i = 0; i < n; i++)
		at[i] = boxes[i].head;
	for (size_t line = 0; line < lines; line++) {
		struct row *r = row_new(a, n, place);

		for (size_t i = 0; i < n; i++) {
			if (at[i] == NULL)
				continue;
			if (i < r->count)
				r->cells[i] = at[i]->cells[0];
			if (n == 1) {
				r->edges = at[i]->edges;
				r->edge = at[i]->edge;
			}
			at[i] = at[i]->next;
		}
		rows_add(out, r);
	}
}

void
rows_beside(struct arena *a, struct rows *out, const struct rows *boxes, size_t n, struct place place)
{
	size_t	filled = 0, most = 0;
	bool	simple = true, same = true, values = true;

	for (size_t i = 0; i < n; i++) {
		if (boxes[i].count == 0)
			continue;
		filled++;
		simple = simple && boxes[i].simple;
		same = same && (most == 0 || boxes[i].count == most);
		if (boxes[i].count > most)
			most = boxes[i].count;
		if (boxes[i].count > 1 && simple)
			values = values && is_one_value(&boxes[i]);
	}
	if (filled == 0)
		return;
	if (simple && (most == 1 || (filled > 1 && same))) {
		rows_zip(a, out, boxes, n, most, place);
	} else if (simple && filled > 1 && values) {
		struct row *r = row_new(a, n, place);

		for (size_t i = 0; i < r->count; i++)
			r->cells[i] = rows_join(a, &boxes[i]);
		rows_add(out, r);
	} else {
		for (size_t i = 0; i < n; i++)
			if (!boxes[i].again)
				rows_append(out, &boxes[i]);
	}
}

/* ---- a line */

void
flow_break(struct arena *a, struct flow *f, bool even_empty)
{
	struct row *r;

	f->space = false;
	f->boxes = 0;
	if (f->line.n == 0 && !even_empty)
		return;
	r = row_new(a, 1, (struct place){.quote = f->quote});
	if (f->line.n > 0)
		r->cells[0] = arena_span(a, (struct span){f->line.p, f->line.n});
	r->edges = f->edges;
	if (f->edges > 1 && f->edges <= ROWS_MAX_EDGES) {
		r->edge = arena_array(a, f->edges, sizeof *r->edge);
		memcpy(r->edge, f->edge, f->edges * sizeof *r->edge);
	}
	f->line.n = 0;
	f->edges = 0;
	rows_add(&f->rows, r);
}

static void
edge_add(struct flow *f, uint32_t voice, bool spaced)
{
	if (f->edges > ROWS_MAX_EDGES || (f->edges > 0 && f->edge[f->edges - 1].voice == voice))
		return;
	if (f->edges < ROWS_MAX_EDGES)
		f->edge[f->edges] = (struct edge){f->line.n, voice, spaced};
	f->edges++;
}

void
flow_text(struct arena *a, struct flow *f, struct span s, bool pre, uint32_t voice)
{
	bool first = true;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\n' && pre) {
			flow_break(a, f, true);
			first = true;
		} else if (s.p[i] == ' ' || s.p[i] == '\n' || s.p[i] == '\t') {
			f->space = true;
		} else {
			bool spaced = f->space && f->line.n > 0;

			if (spaced)
				arena_put(&f->line, " ", 1);
			if (first)
				edge_add(f, voice, spaced);
			first = false;
			f->space = false;
			arena_put(&f->line, s.p + i, 1);
		}
	}
}

/* ---- boxes */

void
boxes_add(struct arena *a, struct boxes *b, struct rows rows)
{
	if (b->n == b->room) {
		struct rows *more = arena_array(a, b->room = b->room > 0 ? 2 * b->room : 4, sizeof *more);

		if (b->n > 0)
			memcpy(more, b->list, b->n * sizeof *more);
		b->list = more;
	}
	b->list[b->n++] = rows;
}

void
boxes_take(struct arena *a, struct boxes *b, struct flow *f)
{
	flow_break(a, f, false);
	if (f->rows.count > 0)
		boxes_add(a, b, f->rows);
	f->rows = (struct rows){0};
}

void
boxes_open(struct arena *a, struct boxes *b, struct flow *f)
{
	struct rows before = f->rows;

	b->open = true;
	b->text = (struct flow){.line = {.arena = a}, .quote = f->quote};
	f->rows = (struct rows){0};
	boxes_take(a, b, f);		/* text before the first box stands beside it */
	f->rows = before;
}

void
boxes_close(struct arena *a, struct boxes *b, struct place place, struct flow *f)
{
	if (!b->open)
		return;
	boxes_take(a, b, &b->text);
	if (b->n == 1)
		rows_append(&f->rows, &b->list[0]);
	else
		rows_beside(a, &f->rows, b->list, b->n, place);
	b->open = false;
	b->n = 0;
}

/* ---- edges */

static struct span
part_at(const struct row *r, unsigned i)
{
	size_t end = i + 1 < r->edges ? r->edge[i + 1].at : r->cells[0].n;

	return span_trim((struct span){r->cells[0].p + r->edge[i].at, end - r->edge[i].at});
}

/* A letter, a digit or a quotation mark: not what ties a value to a sentence ("(", "-", ":"). */
static bool
begins_value(struct span s)
{
	uint32_t c;

	if (s.n == 0)
		return false;
	span_rune(s.p, s.n, &c);
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '"' || c == 0xab ||
	    (c >= 0xc0 && c < 0x2000) || (c >= 0x2018 && c <= 0x201f);
}

/* Label, value, and maybe more of them, by turns, each in a voice of its own? */
static bool
is_pairs(const struct row *r)
{
	if (r->count != 1 || r->edges < 2 || r->edges > ROWS_MAX_EDGES || r->edges % 2 != 0)
		return false;
	for (unsigned i = 0; i < r->edges; i++) {
		struct span s = part_at(r, i);

		if (r->edge[i].voice != r->edge[i % 2].voice || s.n == 0)
			return false;
		if (i > 0 && !r->edge[i].spaced && (r->edge[i - 1].voice == 0 || r->edge[i].voice == 0))
			return false;	/* inside a word */
		if (i % 2 == 0 ? s.n > MAX_LABEL || s.p[s.n - 1] == ':' || s.p[s.n - 1] == ',' :
		    s.n > MAX_VALUE || !begins_value(s))
			return false;
	}
	return true;
}

static bool
is_alike(const struct row *a, const struct row *b)
{
	return a->quote == b->quote && a->edge[0].voice == b->edge[0].voice &&
	    a->edge[1].voice == b->edge[1].voice;
}

static void
row_split(struct arena *a, struct row *r)
{
	struct span *cells = arena_array(a, r->edges, sizeof *cells);

	for (unsigned i = 0; i < r->edges; i++)
		cells[i] = part_at(r, i);
	r->cells = cells;
	r->count = (uint16_t)r->edges;
}

/*
 * One line with a bold word is prose, and its sentence stays whole. Two in succession that begin in one
 * voice and end in another are a list of labels and values.
 */
static void
rows_split(struct arena *a, struct rows *rs)
{
	struct row	*last = NULL;
	bool		 split = false;		/* is the last one to be? */

	for (struct row *r = rs->head; r != NULL; r = r->next) {
		bool pairs, alike;

		if (r->count == 1 && r->cells[0].n == 0)
			continue;
		pairs = is_pairs(r);
		alike = pairs && last != NULL && is_alike(last, r);
		if (last != NULL && (split || alike))
			row_split(a, last);
		last = pairs ? r : NULL;
		split = alike;
	}
	if (last != NULL && split)
		row_split(a, last);
}

/* Mailers set each row as a table of its own, in a row of an outer one. */
static void
tables_merge(struct arena *a, struct rows *rs)
{
	uint32_t	*lines;
	struct row	*last = NULL;
	uint16_t	 table = 0;

	for (struct row *r = rs->head; r != NULL; r = r->next)
		table = r->table > table ? r->table : table;
	lines = arena_array(a, (size_t)table + 1, sizeof *lines);
	table = 0;
	for (struct row *r = rs->head; r != NULL; r = r->next)
		lines[r->table]++;
	for (struct row *r = rs->head; r != NULL; r = r->next) {
		bool lone = r->outer > 0 && r->count > 1 && lines[r->table] == 1;

		if (lone && last != NULL && last->outer == r->outer && last->count == r->count)
			r->table = table;
		table = r->table;
		last = lone ? r : NULL;
	}
}

void
rows_finish(struct arena *a, struct rows *rs)
{
	rows_split(a, rs);
	tables_merge(a, rs);
}

void
rows_put(struct document_build *b, const struct rows *rows)
{
	for (const struct row *r = rows->head; r != NULL; r = r->next) {
		for (uint16_t i = 0; i < r->count; i++)
			document_put_cell(b, r->cells[i]);
		document_end_line(b, r->table, r->quote);
	}
}
