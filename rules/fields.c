#include <limits.h>
#include <string.h>

#include "rules/claims.h"
#include "rules/fields.h"
#include "rules/label.h"
#include "rules/prose.h"
#include "rules/pieces.h"
#include "rules/value.h"

#define WRAP_COLUMN	72	/* a line is full when the next word would pass this */
#define WRAP_LINES	2	/* lines that a wrapped label or value may go on for */
#define FOOTER_LINES	4	/* of an address between the vendor's name and its number */

struct finder {
	struct rows_reader		 read;
	struct part_fields		*out;
	struct row			*rows;		/* per line */
	size_t				*first;		/* per line: index of its first piece in heads */
	struct heading			*heads;		/* per piece */
	int				*grid;		/* per line: which table or run of columns; 0: none */
	bool				*across;	/* per grid: units stand side by side */
	int				 room;		/* findings that out->list has room for */
	int				 group;
	int				 across_grid, across_group;
	int				 section;	/* whose "Name:" comes next, FIELDS: nobody's */
	uint16_t			 part_number;
};

/* ---- the grid */

static struct span
cell_at(const struct finder *f, size_t line, size_t cell)
{
	return f->rows[line].cells[cell].text;
}

static struct heading *
head_at(struct finder *f, size_t line, size_t cell)
{
	return &f->heads[f->first[line] + cell];
}

static size_t
next_filled(const struct finder *f, size_t line, size_t cell)
{
	while (cell < f->rows[line].count && cell_at(f, line, cell).n == 0)
		cell++;
	return cell;
}

/* The only cell of a line that is not empty; false if there are none or several. */
static bool
single(const struct finder *f, size_t line, size_t *cell)
{
	*cell = next_filled(f, line, 0);
	return *cell < f->rows[line].count &&
	    next_filled(f, line, *cell + 1) == f->rows[line].count;
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

/*
 * The vendor's own number: below the facts, in the line of its name or in an address below that. An empty
 * line may part the two where nothing more comes (`ended`).
 */
static bool
is_footer(const struct finder *f, size_t line, bool ended)
{
	for (size_t k = 0; k <= FOOTER_LINES && k <= line; k++) {
		const struct row *row = &f->rows[line - k];

		if (k > 0 && (row->count != 1 || (row->cells[0].text.n == 0 && !ended)))
			return false;
		if (rules_own_line(f->read.rules, f->read.part->lines[line - k].cells[0]))
			return true;
		if (k > 0 && f->heads[f->first[line - k]].is)
			return false;
	}
	return false;
}

/*
 * "Type | In store" among "MSN | 123456" is a label that no rule knows, with its value: the cell beside it
 * is no label, whatever it says.
 */
static void
find_keys(struct finder *f, int grids)
{
	bool	*keyed = arena_array(f->read.arena, (size_t)grids + 1, sizeof(*keyed));

	for (size_t i = 0; i < f->read.part->count; i++) {
		size_t c = next_filled(f, i, 0), next = next_filled(f, i, c + 1);

		if (f->grid[i] != 0 && next < f->rows[i].count && head_at(f, i, c)->is && !head_at(f, i, c)->value &&
		    !head_at(f, i, next)->is)
			keyed[f->grid[i]] = true;
	}
	for (size_t i = 0; i < f->read.part->count; i++) {
		size_t c = next_filled(f, i, 0), next = next_filled(f, i, c + 1);

		if (keyed[f->grid[i]] && next < f->rows[i].count && !head_at(f, i, c)->is && !head_at(f, i, next)->value)
			head_at(f, i, next)->is = false;
	}
}

/* Is a line's first filled cell in the same block as that of the line above? An empty line parts blocks. */
static bool
block_begins(const struct finder *f, size_t line)
{
	return line == 0 || f->grid[line] != f->grid[line - 1] || (f->grid[line] == 0 &&
	    next_filled(f, line - 1, 0) == f->rows[line - 1].count);
}

static unsigned
row_fields(struct finder *f, size_t line)
{
	unsigned seen = 0;

	for (size_t c = 0; c < f->rows[line].count; c++)
		seen |= head_at(f, line, c)->is ? 1u << head_at(f, line, c)->field : 0;
	return seen;
}

static void
row_names_are(struct finder *f, size_t line, int field)
{
	for (size_t c = 0; c < f->rows[line].count; c++)
		if (head_at(f, line, c)->is && head_at(f, line, c)->field == LABEL_NAME)
			head_at(f, line, c)->field = field;
}

/*
 * "Name:" beside an MSN and no other name of a unit is the unit's; beside an organisation number, the
 * merchant's. Where a block has both, it must stand right before the number: behind it, it may be a person's.
 */
static void
find_names(struct finder *f)
{
	size_t end;

	for (size_t start = 0; start < f->read.part->count; start = end) {
		unsigned seen = 0;

		for (end = start; end < f->read.part->count && (end == start || !block_begins(f, end)); end++)
			seen |= row_fields(f, end);
		for (size_t i = start; i < end && (seen & 1u << LABEL_NAME); i++) {
			unsigned	near = row_fields(f, i) | (i + 1 < end ? row_fields(f, i + 1) : 0);
			bool		unit = (seen & 1u << FIELD_MSN) && !(seen & 1u << FIELD_SALES_UNIT_NAME);
			bool		merchant = (seen & 1u << FIELD_ORG_NUMBER) && !(seen & 1u << FIELD_MERCHANT_NAME);

			if (unit && !merchant && (near & 1u << FIELD_MSN || !(seen & 1u << FIELD_ORG_NUMBER)))
				row_names_are(f, i, FIELD_SALES_UNIT_NAME);
			else if (merchant && !unit && (near & 1u << FIELD_ORG_NUMBER || !(seen & 1u << FIELD_MSN)))
				row_names_are(f, i, FIELD_MERCHANT_NAME);
		}
	}
}

static void
prepare(struct finder *f)
{
	size_t	cells = 0, pieces = 0, last_msn = 0;
	bool	facts = false, org = false;
	int	tables = 0, run;	/* runs of plain lines with columns are numbered after tables */

	f->rows = rows_make(&f->read);
	f->out->first = arena_array(f->read.arena, f->read.part->count + 1, sizeof(*f->out->first));
	f->first = arena_array(f->read.arena, f->read.part->count + 1, sizeof(*f->first));
	f->grid = arena_array(f->read.arena, f->read.part->count + 1, sizeof(*f->grid));
	for (size_t i = 0; i < f->read.part->count; i++)
		if (f->read.part->lines[i].table > tables)
			tables = f->read.part->lines[i].table;
	run = tables;
	for (size_t i = 0; i < f->read.part->count; i++) {
		f->out->first[i] = cells;
		f->first[i] = pieces;
		cells += f->read.part->lines[i].count;
		pieces += f->rows[i].count;
		if (f->read.part->lines[i].table > 0)
			f->grid[i] = f->read.part->lines[i].table;
		else if (f->rows[i].count == 1 && f->rows[i].cells[0].text.n == 0 &&
		    f->read.part->lines[i].cells[0].n > 0)
			f->grid[i] = i > 0 && f->grid[i - 1] > tables ? run : 0;	/* a ruler in a table */
		else if (i > 0 && i + 1 < f->read.part->count && rows_gap(&f->read, &f->rows[i]))
			f->grid[i] = run;
		else if (f->rows[i].count > 1)
			f->grid[i] = i > 0 && f->grid[i - 1] > tables ? run : ++run;
	}
	f->heads = arena_array(f->read.arena, pieces, sizeof(*f->heads));
	f->out->hidden = arena_array(f->read.arena, cells, sizeof(*f->out->hidden));
	f->across = arena_array(f->read.arena, (size_t)run + 1, sizeof(*f->across));
	for (size_t i = 0; i < cells; i++)
		f->out->hidden[i] = (struct hidden){FIELDS_SHOWN, 0};
	for (size_t i = 0; i < f->read.part->count; i++)
		for (size_t c = 0; c < f->rows[i].count; c++) {
			struct heading *h = head_at(f, i, c);

			*h = heading_piece(&f->read, &f->rows[i].cells[c]);
			if (h->is && h->field == FIELD_MSN)
				last_msn = i;
		}
	find_keys(f, run);
	find_names(f);
	for (size_t i = 0; i < f->read.part->count; i++)
		for (size_t c = 0; c < f->rows[i].count; c++) {
			struct heading *h = head_at(f, i, c);

			facts = facts || (h->is && h->field == FIELD_MSN);
			if (!h->is || h->field != FIELD_ORG_NUMBER)
				continue;
			if (facts && is_footer(f, i, org && i > last_msn))
				h->is = false;
			org = true;
		}
}

/* A row "MSN | 123456 | 234567" says that its table has a column for each sales unit. */
static void
find_across(struct finder *f)
{
	for (size_t i = 0; i < f->read.part->count; i++) {
		size_t		 c = next_filled(f, i, 0), values = 0;
		struct heading	*h;

		if (f->grid[i] == 0 || c == f->rows[i].count)
			continue;
		h = head_at(f, i, c);
		if (!h->is || h->value || h->field != FIELD_MSN)
			continue;
		for (c++; c < f->rows[i].count; c++)
			values += looks_typed(FIELD_MSN, cell_at(f, i, c));
		if (values > 1)
			f->across[f->grid[i]] = true;
	}
}

/* ---- findings */

void
fields_put(struct part_fields *o, struct arena *a, struct finding x)
{
	struct finding	*more;

	if (o->count == FIELDS_MAX_FOUND) {
		o->full = true;
		return;
	}
	if (o->count == o->room) {
		o->room = o->room > 0 ? 2 * o->room : 16;
		more = arena_array(a, (size_t)o->room, sizeof(*more));
		if (o->count > 0)
			memcpy(more, o->list, (size_t)o->count * sizeof(*more));
		o->list = more;
	}
	o->list[o->count++] = x;
}

/* Whose name "Name:" is, if something says it. */
static int
field_meant(const struct finder *f, int field)
{
	return field == LABEL_NAME ? f->section : field;
}

/* "MSN 123456 - Fjord nett": the number, then whose it is. */
static int
item_name(const struct finder *f, int field, struct span text, size_t end, struct span *name)
{
	struct span rest = span_from(text, end);

	*name = value_strip(rest);
	if (rest.n < 3 || rest.p[0] != ' ' || name->p == rest.p + 1 || rest.p[1] == '(' ||
	    !value_name(f->read.rules, *name))
		return -1;
	return field == FIELD_MSN ? FIELD_SALES_UNIT_NAME : FIELD_MERCHANT_NAME;
}

static void
found_add(struct finder *f, const struct heading *h, size_t line, size_t cell, size_t at, int group)
{
	struct part_fields	*o = f->out;
	const struct piece	*piece = &f->rows[line].cells[cell];
	struct hidden		*hidden = &o->hidden[f->out->first[line] + piece->cell];
	struct span		 text = rows_trim(span_from(piece->text, at)), rest[2];
	struct finding		 x = {field_meant(f, h->field), text, h->hint, h->schemes, h->languages,
	    f->part_number, (uint16_t)line, piece->cell, group};
	struct finding		 y = x;

	if (text.n == 0 || x.field == (int)FIELDS + 1)
		return;
	if (x.field == FIELD_MERCHANT_NAME || x.field == FIELD_SALES_UNIT_NAME)
		x.text = value_without_place(f->read.rules, x.field, piece->listed, text);
	if (x.field == FIELD_MSN || x.field == FIELD_ORG_NUMBER)
		x.text = value_alone(f->read.rules, x.field, text);
	if (x.field == FIELD_MERCHANT_NAME || x.field == FIELD_SALES_UNIT_NAME ||
	    (h->second >= 0 && x.text.n < text.n)) {
		y.field = value_pair(f->read.rules, f->read.owner, x.field, h->second, text, rest, &y.hint, &y.schemes);
		if (y.field >= 0) {
			x.text = rest[0];
			y.text = rest[1];
		}
	} else
		y.field = h->loose ? item_name(f, x.field, text, x.text.n, &y.text) : -1;
	at = (size_t)(text.p - piece->text.p) + piece->at;
	if (hidden->from > at)
		hidden->from = at;
	if (y.field < 0 && x.text.p == text.p)
		text = x.text;		/* what comes after a number may say anything */
	if (hidden->to < at + text.n)
		hidden->to = at + text.n;
	if (x.text.n > 0)
		fields_put(o, f->read.arena, x);
	if (y.field >= 0)
		fields_put(o, f->read.arena, y);
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

	if (f->read.part->kind != DOCUMENT_PLAIN || last == NULL || last->line != line ||
	    f->rows[line].count != 1 ||
	    (last->field != FIELD_MERCHANT_NAME && last->field != FIELD_SALES_UNIT_NAME))
		return;
	for (size_t k = 1; k <= WRAP_LINES && line + k < f->read.part->count; k++) {
		struct span	next = cell_at(f, line + k, 0), rest = next, word;

		if (f->rows[line + k].count != 1 || next.n == 0 ||
		    head_at(f, line + k, 0)->is)
			return;
		span_cut(&rest, ' ', &word);
		if (width + 1 + word.n <= WRAP_COLUMN)
			return;
		last->text = span_of(arena_printf(f->read.arena, "%.*s %.*s", (int)last->text.n, last->text.p,
		    (int)next.n, next.p));
		o->hidden[o->first[line + k]] = (struct hidden){0, next.n};
		width = next.n;
	}
}

/* ---- layouts */

/* A row of labels over rows of values: each row is one sales unit. */
static bool
is_header(struct finder *f, size_t line, size_t below)
{
	const struct row		*l = &f->rows[line];
	unsigned			 fields = 0;
	int				 labels = 0, typed = 0, typed_below = 0;
	size_t				 filled = next_filled(f, below, 0);

	if (l->count < 2 || f->grid[line] == 0 || f->grid[below] != f->grid[line] ||
	    f->rows[below].count != l->count || filled == l->count ||
	    head_at(f, below, filled)->is)
		return false;
	for (size_t c = 0; c < l->count; c++) {
		struct heading	*h = head_at(f, line, c);
		size_t		 right = next_filled(f, line, c + 1);
		int		 field;

		if (!h->is)
			continue;
		field = h->field;
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

/* A row without its first cells, which a cell above spans: its MSN stands under its label. */
static bool
row_fits(struct finder *f, size_t header, size_t line, size_t skip)
{
	for (size_t c = 0; c < f->rows[line].count; c++)
		if (head_at(f, header, c + skip)->is && head_at(f, header, c + skip)->field == FIELD_MSN)
			return looks_typed(FIELD_MSN, cell_at(f, line, c));
	return false;
}

/* Returns the line after the last row. */
static size_t
header_rows(struct finder *f, size_t header)
{
	const struct row	*l = &f->rows[header];
	size_t				 line, skip;

	for (line = header + 1; line < f->read.part->count && f->grid[line] == f->grid[header]; line++) {
		size_t c = next_filled(f, line, 0);

		if (c == f->rows[line].count)
			continue;
		if (head_at(f, line, c)->is)
			break;
		skip = l->count - f->rows[line].count;
		if (f->rows[line].count > l->count || (skip > 0 && !row_fits(f, header, line, skip)))
			continue;
		f->group++;
		for (c = 0; c < f->rows[line].count; c++)
			if (head_at(f, header, c + skip)->is && cell_at(f, line, c).n > 0)
				found_add(f, head_at(f, header, c + skip), line, c, 0, f->group);
	}
	if (l->barred && line < f->read.part->count && rows_missed(&f->rows[line]))
		f->out->stray |= 1u << FIELD_MSN;
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
		f->group += (int)f->rows[line].count;
	}
	for (c = cell + 1; c < f->rows[line].count; c++)
		values += cell_at(f, line, c).n > 0;
	for (c = cell + 1; c < f->rows[line].count; c++) {
		int group = f->across_group + (int)(c - cell - 1);

		if (cell_at(f, line, c).n == 0)
			continue;
		if (group > f->group)
			f->group = group;
		found_add(f, head_at(f, line, cell), line, c, 0, values > 1 ? group : 0);
	}
}

/* A sales unit called "Butikken": a label of the same field, and nothing follows it. */
static bool
label_as_value(struct finder *f, const struct heading *h, size_t line, size_t cell)
{
	const struct heading *v = head_at(f, line, cell);

	return !v->value && v->field == h->field && v->plain && (h->field == FIELD_SALES_UNIT_NAME ||
	    h->field == FIELD_MERCHANT_NAME) && next_filled(f, line, cell + 1) == f->rows[line].count &&
	    (f->rows[line].count > 1 || line + 1 >= f->read.part->count ||
	    next_filled(f, line + 1, 0) == f->rows[line + 1].count);
}

/* "Er du klar" may be a name, "You are ready to go." hardly. */
static int
sentence_words_allowed(const struct heading *h, struct span text)
{
	if (strchr(".!?:", text.p[text.n - 1]) != NULL)
		return 0;
	return h->plain ? INT_MAX : 1;
}

/*
 * "Your sales unit is approved." is made of words of labels, and is none; nor is "Approved sales unit" that
 * an empty line parts from the text below.
 */
static bool
is_sentence(const struct finder *f, size_t line, bool apart)
{
	size_t			c = next_filled(f, line, 0), n, words = 0;
	struct span		text = span_trim(cell_at(f, line, c < f->rows[line].count ? c : 0));
	struct label_hit	hit;

	if (text.n == 0 || strchr(".!", text.p[text.n - 1]) != NULL)
		return text.n > 0;
	if (label_at(f->read.rules, f->read.owner, text, label_start(text), &hit))
		for (size_t at = hit.core; (n = label_word(text, &at)) > 0; at += n)
			words++;
	return words > 1 || (apart && text.p[text.n - 1] != ':' && value_sentence_words(f->read.rules, text) > 0);
}

/*
 * A label that is alone on its line has its value on the line below. Returns the last line used. "Your new
 * sales unit" over a sentence is a headline.
 */
static size_t
below_label(struct finder *f, const struct heading *h, size_t line)
{
	size_t		next = line + 1, c;
	struct span	text;

	if (h->field == FIELD_MERCHANT_NAME || h->field == FIELD_SALES_UNIT_NAME)
		f->section = h->field;
	if (next < f->read.part->count && next_filled(f, next, 0) == f->rows[next].count)
		next++;		/* one empty line may stand between */
	if (next >= f->read.part->count || !single(f, next, &c) ||
	    (head_at(f, next, c)->is && !(next == line + 1 && label_as_value(f, h, next, c))))
		return line;
	text = cell_at(f, next, c);
	if (h->field != FIELD_MSN && h->field != FIELD_ORG_NUMBER && !h->plain && is_sentence(f, line, next > line + 1))
		return line;
	if (h->field != FIELD_MSN && h->field != FIELD_ORG_NUMBER && text.n > 0 &&
	    value_sentence_words(f->read.rules, text) > sentence_words_allowed(h, text))
		return line;
	if ((h->field == FIELD_MSN || h->field == FIELD_ORG_NUMBER) && !h->plain &&
	    value_typed(h->field, text, 0) == 0)
		return line;
	found_add(f, h, next, c, (size_t)(value_without_bullet(text).p - text.p), 0);
	return next;
}

/* A label in several lines. */
struct wrapped {
	struct heading	head;
	size_t		at, cell;	/* where it ends */
	size_t		lead;		/* bytes of it before that line */
};

/*
 * "Navn på" / "salgssted: Value": a label in several lines. Returns false if these lines are not that;
 * else *last is the last line used.
 */
static bool
wrapped_label(struct finder *f, size_t line, size_t cell, size_t *last)
{
	struct span	 joined = cell_at(f, line, cell);
	struct wrapped	 w = {.at = line};
	size_t		 c;

	if (head_at(f, line, cell)->is && head_at(f, line, cell)->value)
		return false;
	for (size_t k = 1; k <= WRAP_LINES && !w.head.value; k++) {
		size_t		lead = joined.n;
		struct span	b;
		struct heading	h;

		if (lead == 0 || lead > LABEL_MAX || line + k >= f->read.part->count || !single(f, line + k, &c) ||
		    !label_begins(f->read.rules, f->read.owner, joined))
			break;
		b = cell_at(f, line + k, c);
		joined = span_of(arena_printf(f->read.arena, "%.*s %.*s", (int)joined.n, joined.p,
		    (int)(b.n < 2 * LABEL_MAX ? b.n : 2 * LABEL_MAX), b.p));
		h = heading_at(&f->read, joined, label_start(joined));
		if (h.is && (!h.value || (!h.loose && h.value_at > lead)))
			w = (struct wrapped){h, line + k, c, lead};
	}
	if (!w.head.is || (!w.head.value && head_at(f, line, cell)->is))
		return false;		/* a label over a value that is a word of labels too */
	if (head_at(f, w.at, w.cell)->is && head_at(f, w.at, w.cell)->field != w.head.field &&
	    head_at(f, w.at, w.cell)->field != LABEL_NAME)
		return false;		/* a headline over another label */
	*last = w.at;
	if (w.head.value) {
		found_add(f, &w.head, w.at, w.cell, w.head.value_at - w.lead - 1, 0);
		value_unwrap(f, w.at, w.cell);
	} else
		*last = below_label(f, &w.head, w.at);
	return true;
}

/* Labels and values side by side. Returns the last line used. */
static size_t
line_cells(struct finder *f, size_t line)
{
	size_t count = f->rows[line].count, c, next;

	for (c = next_filled(f, line, 0); c < count; c = next_filled(f, line, c + 1)) {
		struct heading *h = head_at(f, line, c);

		if (!h->is)
			continue;
		if (h->value) {
			found_add(f, h, line, c, h->value_at, 0);
			value_unwrap(f, line, c);
			continue;
		}
		next = next_filled(f, line, c + 1);
		if (next == count)
			return below_label(f, h, line);
		if (f->grid[line] != 0 && f->across[f->grid[line]] &&
		    (!head_at(f, line, next)->is || head_at(f, line, next)->plain)) {
			across_row(f, line, c);
			return line;
		}
		if (head_at(f, line, next)->is && !head_at(f, line, next)->value &&
		    !label_as_value(f, h, line, next)) {
			if (h->field == FIELD_MERCHANT_NAME || h->field == FIELD_SALES_UNIT_NAME)
				f->section = h->field;
			continue;	/* two labels: the first has no value */
		}
		found_add(f, h, line, next, 0, 0);
		c = next;
	}
	return line;
}

/*
 * "Merchant Fjord AS" by itself may be anything; among lines like "MSN 123456" it is a label and its name.
 */
static void
find_loose(struct finder *f)
{
	for (size_t i = 0; i < f->read.part->count; i++) {
		size_t			 c, at, near = 0, k;
		struct label_hit	 hit;
		struct span		 text;
		struct heading		 h;

		if (!single(f, i, &c) || head_at(f, i, c)->is)
			continue;
		text = cell_at(f, i, c);
		at = label_start(text);
		if (!label_at(f->read.rules, f->read.owner, text, at, &hit) || hit.second >= 0 ||
		    (hit.field != FIELD_MERCHANT_NAME && hit.field != FIELD_SALES_UNIT_NAME) ||
		    !value_name(f->read.rules, span_trim(span_from(text, hit.core))))
			continue;
		for (k = i > 2 ? i - 2 : 0; k <= i + 2 && k < f->read.part->count; k++)
			near += single(f, k, &c) && head_at(f, k, c)->is && head_at(f, k, c)->loose;
		if (near == 0)
			continue;
		single(f, i, &c);
		h = heading_of(&hit);
		h.value = h.loose = true;
		h.value_at = hit.core;
		*head_at(f, i, c) = h;
	}
}

/* Is this line text that no layout used? */
static bool
line_prose(const struct finder *f, size_t line)
{
	size_t cell;

	return f->read.part->lines[line].count >= 1 && single(f, line, &cell) &&
	    !f->heads[f->first[line] + cell].is &&
	    f->out->hidden[f->out->first[line] + f->rows[line].cells[cell].cell].from == FIELDS_SHOWN;
}

/* Sentences are asked only for what no label gave. */
static void
find_prose(struct finder *f)
{
	struct prose	p = {f->read.rules, f->read.owner, f->read.part, f->read.arena, f->out, f->part_number,
	    (1u << FIELDS) - 1, f->group, 0};
	size_t		line = 0, start;

	for (int i = 0; i < f->out->count; i++)
		if (f->out->list[i].field != FIELD_ORG_NUMBER || !claims_own(f->read.rules, &f->out->list[i]))
			p.missing &= ~(1u << f->out->list[i].field);
	for (int i = 0; i < f->out->count; i++)
		p.last = f->out->list[i].line;
	while (line < f->read.part->count) {
		for (start = line; line < f->read.part->count && line_prose(f, line);)
			line++;
		if (line > start)
			prose_find(&p, start, line);
		else
			line++;
	}
}

void
fields_find(const struct rules *r, int owner, const struct document *d, size_t part,
    struct arena *a, struct part_fields *out)
{
	struct finder	f = {.read = {r, owner, &d->parts[part], a}, .out = out, .part_number = (uint16_t)part, .across_grid = -1,
	    .section = (int)FIELDS + 1};
	size_t		line = 0, c, last;

	*out = (struct part_fields){0};
	prepare(&f);
	find_loose(&f);
	find_across(&f);
	while (line < f.read.part->count) {
		size_t below = line + 1;

		while (below < f.read.part->count && f.grid[below] != 0 && next_filled(&f, below, 0) == f.rows[below].count)
			below++;
		if (below < f.read.part->count && is_header(&f, line, below))
			line = header_rows(&f, line);
		else if (single(&f, line, &c) && wrapped_label(&f, line, c, &last))
			line = last + 1;
		else
			line = line_cells(&f, line) + 1;
	}
	find_prose(&f);
}
