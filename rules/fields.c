#include <string.h>

#include "rules/fields.h"
#include "rules/fold.h"

#define LABEL_MAX	120	/* bytes of a label in a mail; ours are under 50 */
#define WRAP_COLUMN	72	/* a line is full when the next word would pass this */
#define WRAP_LINES	2	/* lines that a wrapped value may go on for */
#define PATTERN_TIMES	64	/* matches of one pattern in one paragraph */

/* What a cell is as a label. */
struct heading {
	const struct label	*label;		/* NULL: none */
	enum identifier_scheme	 hint;
	unsigned		 schemes;	/* of the label, where the hint is none */
	bool			 value;		/* "Label: value" in one cell */
	size_t			 value_at;
};

struct finder {
	const struct rules		*rules;
	int				 owner;
	const struct document_part	*part;
	struct arena			*arena;
	struct part_fields		*out;
	struct heading			*heads;		/* per cell */
	int				*grid;		/* per line: which table or run of columns; 0: none */
	bool				*across;	/* per grid: units stand side by side */
	int				 room;		/* findings that out->list has room for */
	int				 group;
	int				 across_grid, across_group;
	uint16_t			 part_number;
};

/* ---- labels */

static struct span
trim_ends(struct span s)
{
	s = span_trim(s);
	while (s.n > 0 && (s.p[0] == '*' || s.p[0] == '_')) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && (s.p[s.n - 1] == '*' || s.p[s.n - 1] == '_'))
		s.n--;
	return span_trim(s);
}

static const struct label *
label_of(struct finder *f, struct span text)
{
	char	buf[FOLD_ROOM(LABEL_MAX)];
	size_t	n;

	if (text.n == 0 || text.n > LABEL_MAX)
		return NULL;
	n = fold_words(buf, fold_put(buf, 0, text));
	return n < 2 ? NULL : rules_label(f->rules, (struct span){buf + 1, n - 1}, f->owner);
}

/*
 * "Merchant Serial Number (MSN)", "Organisation number (Norway)": what stands in parentheses must be
 * a label of the same field or say a country; "MSN (test)" is no label.
 */
static bool
label_match(struct finder *f, struct span text, struct heading *h)
{
	ptrdiff_t		 open;
	const struct label	*inner;
	struct span		 in;
	enum identifier_scheme	 s;

	text = trim_ends(text);
	h->label = label_of(f, text);
	h->hint = h->label != NULL ? h->label->scheme : IDENTIFIER_NONE;
	h->schemes = h->label != NULL ? h->label->schemes : 0;
	if (h->label != NULL || text.n == 0 || text.n > LABEL_MAX || text.p[text.n - 1] != ')')
		return h->label != NULL;
	open = span_find(text, SPAN_LIT("("), 0);
	if (open <= 0)
		return false;
	h->label = label_of(f, span_take(text, (size_t)open));
	if (h->label == NULL)
		return false;
	in = (struct span){text.p + open + 1, text.n - (size_t)open - 2};
	inner = label_of(f, in);
	s = identifier_scheme_of(span_trim(in));
	if (inner != NULL && inner->field == h->label->field)
		s = inner->scheme;
	else if (h->label->field != FIELD_ORG_NUMBER ||
	    (s == IDENTIFIER_NONE && (s = country_scheme(f->rules, in)) == IDENTIFIER_NONE)) {
		h->label = NULL;
		return false;
	}
	h->hint = h->label->scheme != IDENTIFIER_NONE ? h->label->scheme : s;
	h->schemes = 0;
	if (s != IDENTIFIER_NONE && s != h->hint)
		h->hint = IDENTIFIER_NONE;	/* they contradict each other */
	return true;
}

/* The first colon, but for those in parentheses: "Organisation number (business:NO:ORG): 987654325". */
static ptrdiff_t
colon_find(struct span cell)
{
	int depth = 0;

	for (size_t i = 0; i < cell.n && i < LABEL_MAX; i++) {
		depth += (cell.p[i] == '(') - (cell.p[i] == ')' && depth > 0);
		if (cell.p[i] == ':' && depth == 0)
			return (ptrdiff_t)i;
	}
	return -1;
}

static struct heading
heading_read(struct finder *f, struct span cell)
{
	struct heading	 h = {0};
	ptrdiff_t	 colon = colon_find(cell);
	struct span	 rest;

	if (colon < 0) {
		label_match(f, cell, &h);
		return h;
	}
	if (!label_match(f, span_take(cell, (size_t)colon), &h))
		return h;
	rest = trim_ends(span_from(cell, (size_t)colon + 1));
	h.value = rest.n > 0;
	h.value_at = h.value ? (size_t)(rest.p - cell.p) : cell.n;
	return h;
}

/* ---- the grid */

static struct span
cell_at(const struct finder *f, size_t line, size_t cell)
{
	return f->part->lines[line].cells[cell];
}

static struct heading *
head_at(struct finder *f, size_t line, size_t cell)
{
	return &f->heads[f->out->first[line] + cell];
}

static size_t
next_filled(const struct finder *f, size_t line, size_t cell)
{
	while (cell < f->part->lines[line].count && cell_at(f, line, cell).n == 0)
		cell++;
	return cell;
}

/* The only cell of a line that is not empty; false if there are none or several. */
static bool
single(const struct finder *f, size_t line, size_t *cell)
{
	*cell = next_filled(f, line, 0);
	return *cell < f->part->lines[line].count &&
	    next_filled(f, line, *cell + 1) == f->part->lines[line].count;
}

static bool
looks_typed(int field, struct span text)
{
	char	msn[MSN_MAX_DIGITS + 1];
	size_t	digits = 0;

	if (field == FIELD_MSN)
		return identifier_msn(text, msn);
	for (size_t i = 0; i < text.n; i++)
		digits += text.p[i] >= '0' && text.p[i] <= '9';
	return field == FIELD_ORG_NUMBER && digits >= 8;
}

static void
prepare(struct finder *f)
{
	size_t	cells = 0;
	int	tables = 0, run;	/* runs of plain lines with columns are numbered after tables */

	f->out->first = arena_array(f->arena, f->part->count + 1, sizeof(*f->out->first));
	f->grid = arena_array(f->arena, f->part->count + 1, sizeof(*f->grid));
	for (size_t i = 0; i < f->part->count; i++)
		if (f->part->lines[i].table > tables)
			tables = f->part->lines[i].table;
	run = tables;
	for (size_t i = 0; i < f->part->count; i++) {
		f->out->first[i] = cells;
		cells += f->part->lines[i].count;
		if (f->part->lines[i].table > 0)
			f->grid[i] = f->part->lines[i].table;
		else if (f->part->lines[i].count > 1)
			f->grid[i] = i > 0 && f->grid[i - 1] > tables ? run : ++run;
	}
	f->heads = arena_array(f->arena, cells, sizeof(*f->heads));
	f->out->hidden = arena_array(f->arena, cells, sizeof(*f->out->hidden));
	f->across = arena_array(f->arena, (size_t)run + 1, sizeof(*f->across));
	for (size_t i = 0; i < f->part->count; i++)
		for (size_t c = 0; c < f->part->lines[i].count; c++) {
			f->out->hidden[f->out->first[i] + c] = FIELDS_SHOWN;
			*head_at(f, i, c) = heading_read(f, cell_at(f, i, c));
		}
}

/* A row "MSN | 123456 | 234567" says that its table has a column for each sales unit. */
static void
find_across(struct finder *f)
{
	for (size_t i = 0; i < f->part->count; i++) {
		size_t		 c = next_filled(f, i, 0), values = 0;
		struct heading	*h;

		if (f->grid[i] == 0 || c == f->part->lines[i].count)
			continue;
		h = head_at(f, i, c);
		if (h->label == NULL || h->value || h->label->field != FIELD_MSN)
			continue;
		for (c++; c < f->part->lines[i].count; c++)
			values += looks_typed(FIELD_MSN, cell_at(f, i, c));
		if (values > 1)
			f->across[f->grid[i]] = true;
	}
}

/* ---- findings */

static void
found_put(struct finder *f, struct finding x)
{
	struct part_fields	*o = f->out;
	struct finding		*more;

	if (o->count == FIELDS_MAX_FOUND) {
		o->full = true;
		return;
	}
	if (o->count == f->room) {
		f->room = f->room > 0 ? 2 * f->room : 16;
		more = arena_array(f->arena, (size_t)f->room, sizeof(*more));
		if (o->count > 0)
			memcpy(more, o->list, (size_t)o->count * sizeof(*more));
		o->list = more;
	}
	o->list[o->count++] = x;
}

static void
found_add(struct finder *f, const struct heading *h, size_t line, size_t cell, size_t at, int group)
{
	struct part_fields	*o = f->out;
	struct span		 all = cell_at(f, line, cell), text = trim_ends(span_from(all, at));

	if (o->hidden[o->first[line] + cell] > at)
		o->hidden[o->first[line] + cell] = at;
	if (text.n > 0)
		found_put(f, (struct finding){h->label->field, text, h->hint, h->schemes, h->label->languages,
		    f->part_number, (uint16_t)line, (uint16_t)cell, group});
}

/*
 * A name that fills its line goes on in the next: plain text of mail programs that wrap. The line
 * was full if the next word did not fit.
 */
static void
value_unwrap(struct finder *f, size_t line, size_t cell)
{
	struct part_fields	*o = f->out;
	struct finding		*last = o->count > 0 ? &o->list[o->count - 1] : NULL;
	size_t			 width = cell_at(f, line, cell).n;

	if (f->part->kind != DOCUMENT_PLAIN || last == NULL || last->line != line ||
	    f->part->lines[line].count != 1 ||
	    (last->field != FIELD_MERCHANT_NAME && last->field != FIELD_SALES_UNIT_NAME))
		return;
	for (size_t k = 1; k <= WRAP_LINES && line + k < f->part->count; k++) {
		struct span	next = cell_at(f, line + k, 0), rest = next, word;

		if (f->part->lines[line + k].count != 1 || next.n == 0 ||
		    head_at(f, line + k, 0)->label != NULL)
			return;
		span_cut(&rest, ' ', &word);
		if (width + 1 + word.n <= WRAP_COLUMN)
			return;
		last->text = span_of(arena_printf(f->arena, "%.*s %.*s", (int)last->text.n, last->text.p,
		    (int)next.n, next.p));
		o->hidden[o->first[line + k]] = 0;
		width = next.n;
	}
}

/* ---- layouts */

/* A row of labels over rows of values: each row is one sales unit. */
static bool
is_header(struct finder *f, size_t line, size_t below)
{
	const struct document_line	*l = &f->part->lines[line];
	unsigned			 fields = 0;
	int				 labels = 0, typed = 0, typed_below = 0;
	size_t				 filled = next_filled(f, below, 0);

	if (l->count < 2 || f->grid[line] == 0 || f->grid[below] != f->grid[line] ||
	    f->part->lines[below].count != l->count || filled == l->count ||
	    head_at(f, below, filled)->label != NULL)
		return false;
	for (size_t c = 0; c < l->count; c++) {
		struct heading	*h = head_at(f, line, c);
		size_t		 right = next_filled(f, line, c + 1);
		int		 field;

		if (h->label == NULL)
			continue;
		field = h->label->field;
		if (h->value || (fields & 1u << field))
			return false;
		fields |= 1u << field;
		labels++;
		if (field != FIELD_MSN && field != FIELD_ORG_NUMBER)
			continue;
		typed++;
		if (right < l->count && looks_typed(field, cell_at(f, line, right)))
			return false;	/* label, value, label, value */
		typed_below += looks_typed(field, cell_at(f, below, c));
	}
	return labels > 1 && (typed == 0 || typed_below > 0);
}

/* Returns the line after the last row. */
static size_t
header_rows(struct finder *f, size_t header)
{
	const struct document_line	*l = &f->part->lines[header];
	size_t				 line;

	for (line = header + 1; line < f->part->count && f->grid[line] == f->grid[header]; line++) {
		size_t c = next_filled(f, line, 0);

		if (c == f->part->lines[line].count)
			continue;
		if (head_at(f, line, c)->label != NULL)
			break;
		if (f->part->lines[line].count != l->count)
			continue;
		f->group++;
		for (c = 0; c < l->count; c++)
			if (head_at(f, header, c)->label != NULL && cell_at(f, line, c).n > 0)
				found_add(f, head_at(f, header, c), line, c, 0, f->group);
	}
	return line;
}

/* "MSN | 123456 | 234567": the cells after the label, one for each sales unit. */
static void
across_row(struct finder *f, size_t line, size_t cell)
{
	size_t c, values = 0;

	if (f->across_grid != f->grid[line]) {
		f->across_grid = f->grid[line];
		f->across_group = f->group + 1;
		f->group += (int)f->part->lines[line].count;
	}
	for (c = cell + 1; c < f->part->lines[line].count; c++)
		values += cell_at(f, line, c).n > 0;
	for (c = cell + 1; c < f->part->lines[line].count; c++) {
		int group = f->across_group + (int)(c - cell - 1);

		if (cell_at(f, line, c).n == 0)
			continue;
		if (group > f->group)
			f->group = group;
		found_add(f, head_at(f, line, cell), line, c, 0, values > 1 ? group : 0);
	}
}

/* A label that is alone on its line has its value on the line below. Returns the last line used. */
static size_t
below_label(struct finder *f, const struct heading *h, size_t line)
{
	size_t next = line + 1, c;

	if (next < f->part->count && next_filled(f, next, 0) == f->part->lines[next].count)
		next++;		/* one empty line may stand between */
	if (next >= f->part->count || !single(f, next, &c) || head_at(f, next, c)->label != NULL)
		return line;
	found_add(f, h, next, c, 0, 0);
	return next;
}

/*
 * "Navn på" / "salgssted: Value": a label in two lines. Returns false if these lines are not that;
 * else *last is the last line used.
 */
static bool
wrapped_label(struct finder *f, size_t line, size_t cell, size_t *last)
{
	struct span	 a = cell_at(f, line, cell), b, joined;
	struct heading	 h;
	size_t		 c, lead;
	char		 buf[FOLD_ROOM(LABEL_MAX)];

	if (a.n == 0 || a.n > LABEL_MAX || line + 1 >= f->part->count || !single(f, line + 1, &c))
		return false;
	lead = fold_put(buf, 0, a);
	if (lead < 2 || buf[lead - 1] == '.' || (lead = fold_words(buf, lead)) < 2 ||
	    !rules_label_begins(f->rules, (struct span){buf + 1, lead - 1}, f->owner))
		return false;
	b = cell_at(f, line + 1, c);
	joined = span_of(arena_printf(f->arena, "%.*s %.*s", (int)a.n, a.p,
	    (int)(b.n < 2 * LABEL_MAX ? b.n : 2 * LABEL_MAX), b.p));
	h = heading_read(f, joined);
	if (h.label == NULL || (h.value && h.value_at < a.n + 1))
		return false;
	*last = line + 1;
	if (h.value) {
		found_add(f, &h, line + 1, c, h.value_at - a.n - 1, 0);
		value_unwrap(f, line + 1, c);
	} else
		*last = below_label(f, &h, line + 1);
	return true;
}

/* Labels and values side by side. Returns the last line used. */
static size_t
line_cells(struct finder *f, size_t line)
{
	size_t count = f->part->lines[line].count, c, next;

	for (c = next_filled(f, line, 0); c < count; c = next_filled(f, line, c + 1)) {
		struct heading *h = head_at(f, line, c);

		if (h->label == NULL)
			continue;
		if (h->value) {
			found_add(f, h, line, c, h->value_at, 0);
			value_unwrap(f, line, c);
			continue;
		}
		next = next_filled(f, line, c + 1);
		if (next == count)
			return below_label(f, h, line);
		if (f->grid[line] != 0 && f->across[f->grid[line]]) {
			across_row(f, line, c);
			return line;
		}
		if (head_at(f, line, next)->label != NULL && !head_at(f, line, next)->value)
			continue;	/* two labels: the first has no value */
		found_add(f, h, line, next, 0, 0);
		c = next;
	}
	return line;
}

/* ---- patterns */

static bool
line_plain(const struct finder *f, size_t line)
{
	size_t cell;

	return single(f, line, &cell) && f->heads[f->out->first[line] + cell].label == NULL &&
	    f->out->hidden[f->out->first[line] + cell] == FIELDS_SHOWN;
}

static void
pattern_apply(struct finder *f, const struct field_pattern *p, unsigned fields, struct span text,
    size_t line)
{
	struct part_fields	*o = f->out;
	size_t			 from = 0;

	for (int times = 0; times < PATTERN_TIMES; times++) {
		enum pattern_result	r = pattern_find(p->pattern, text, from);
		struct span		whole;

		if (r == PATTERN_LIMIT)
			o->limit = true;
		if (r != PATTERN_MATCH)
			return;
		for (int k = 0; k < FIELDS; k++) {
			struct span value = pattern_span(p->pattern, p->group[k]);

			if (p->group[k] < 0 || !(fields & 1u << k) || span_trim(value).n == 0)
				continue;
			found_put(f, (struct finding){k, span_trim(value), p->scheme, 0, p->languages,
			    f->part_number, (uint16_t)line, 0, 0});
		}
		whole = pattern_span(p->pattern, 0);
		from = (size_t)(whole.p - text.p) + (whole.n > 0 ? whole.n : 1);
		if (whole.n == 0 && from < text.n && ((unsigned char)text.p[from] & 0xc0) == 0x80)
			return;		/* an empty match inside a character: no field anyway */
	}
}

/* Patterns see paragraphs as written, and only for fields that no label gave. */
static void
find_patterns(struct finder *f)
{
	unsigned	missing = (1u << FIELDS) - 1;
	size_t		line = 0;

	for (int i = 0; i < f->out->count; i++)
		missing &= ~(1u << f->out->list[i].field);
	while (missing != 0 && line < f->part->count) {
		struct arena_buf	text = {.arena = f->arena};
		size_t			start = line, c;

		while (line < f->part->count && line_plain(f, line)) {
			single(f, line, &c);
			if (text.n > 0)
				arena_puts(&text, " ");
			arena_put(&text, cell_at(f, line, c).p, cell_at(f, line, c).n);
			line++;
		}
		for (int i = 0; text.n > 0 && i < f->rules->pattern_count; i++) {
			const struct field_pattern *p = &f->rules->patterns[i];

			if (p->owner == -1 || p->owner == f->owner)
				pattern_apply(f, p, missing, (struct span){text.p, text.n}, start);
		}
		if (line == start)
			line++;
	}
}

void
fields_find(const struct rules *r, int owner, const struct document *d, size_t part,
    struct arena *a, struct part_fields *out)
{
	struct finder	f = {.rules = r, .owner = owner, .part = &d->parts[part], .arena = a,
	    .out = out, .part_number = (uint16_t)part, .across_grid = -1};
	size_t		line = 0, c, last;

	*out = (struct part_fields){0};
	prepare(&f);
	find_across(&f);
	while (line < f.part->count) {
		if (line + 1 < f.part->count && is_header(&f, line, line + 1))
			line = header_rows(&f, line);
		else if (single(&f, line, &c) && wrapped_label(&f, line, c, &last))
			line = last + 1;
		else
			line = line_cells(&f, line) + 1;
	}
	find_patterns(&f);
}
