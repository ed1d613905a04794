#include <string.h>

#include "rules/label.h"
#include "rules/pieces.h"
#include "rules/value.h"

#define MAX_PIECES	64	/* "Label: value, Label: value" in one cell; ours have four */
#define UNKNOWN_MAX	40	/* bytes of a label that no rule knows */
#define RULER_MIN	3	/* marks of a line that only rules off */

/* ---- labels */

struct span
rows_trim(struct span s)
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

struct heading
heading_of(const struct label_hit *hit)
{
	return (struct heading){.is = true, .plain = hit->plain, .field = hit->field, .second = hit->second,
	    .hint = hit->hint, .schemes = hit->schemes, .languages = hit->languages};
}

/* The label with which a text begins at `at`, and where its value is. */
struct heading
heading_at(const struct rows_reader *f, struct span text, size_t at)
{
	struct heading		none = {0}, h;
	struct label_hit	hit;
	size_t			after;

	if (!label_at(f->rules, f->owner, text, at, &hit))
		return none;
	h = heading_of(&hit);
	switch (label_edge(text, hit.end, &after)) {
	case EDGE_END:
		return h;
	case EDGE_COLON:
		break;
	case EDGE_DASH:
		h.loose = true;
		if (value_typed(h.field, text, after) == 0 && h.field >= FIELDS)
			return none;
		break;
	case EDGE_NONE:
		h.loose = true;
		if (value_typed(h.field, text, after) == 0)
			return none;
		break;
	}
	h.value_at = after;
	h.value = rows_trim(span_from(text, after)).n > 0;
	return h;
}

struct heading
heading_read(const struct rows_reader *f, struct span cell)
{
	struct heading	h = heading_at(f, cell, label_start(cell));
	size_t		end;

	/* "MSN 123456 is yours": a sentence, not a label with its value. */
	if (h.is && h.value && h.loose && h.field < FIELDS) {
		end = value_typed(h.field, cell, h.value_at);
		if (end == 0 ? !value_name(f->rules, span_from(cell, h.value_at)) :
		    value_sentence_words(f->rules, span_from(cell, end)) > 0)
			h.is = false;
	}
	return h;
}

/* ---- several labels in one cell */

/* Does a mark here part one label and value from the next? Returns its bytes. */
static size_t
part_mark(struct span text, size_t at)
{
	uint32_t	r;
	size_t		n = span_rune(text.p + at, text.n - at, &r);

	switch (r) {
	case '|':
	case ';':
	case ',':
	case '/':
	case '(':
	case 0xb7:
	case 0x2022:
		return n;
	case '.':
	case ')':
		return at + 1 < text.n && text.p[at + 1] == ' ' ? n : 0;
	case '-':
	case 0x2013:
	case 0x2014:
		return at > 0 && text.p[at - 1] == ' ' && at + n < text.n && text.p[at + n] == ' ' ? n : 0;
	}
	return 0;
}

/* "Product: Checkout" after a mark that parts more than a comma does: a label that no rule knows. */
static bool
unknown_label(struct span text, size_t at)
{
	size_t i = at, spaces = 0;

	for (; i < text.n && i - at < UNKNOWN_MAX && text.p[i] != ':'; i++) {
		if (strchr("0123456789,;|()", text.p[i]) != NULL)
			return false;
		spaces += text.p[i] == ' ';
	}
	return i > at && i + 1 < text.n && text.p[i] == ':' && text.p[i + 1] == ' ' && spaces < 3;
}

/* "Fjord AS (Norway": the parenthesis that ends here began in it. */
static bool
is_open(struct span s)
{
	int open = 0;

	for (size_t i = 0; i < s.n; i++)
		open += (s.p[i] == '(') - (s.p[i] == ')');
	return open > 0;
}

/*
 * Where the next label of this cell begins: after a mark, or after a number and a space. Returns false if
 * there is none; else *end is where the value before it ends.
 */
static bool
next_label(const struct rows_reader *f, struct span text, size_t from, size_t typed_end, size_t *end, size_t *next)
{
	for (size_t i = from; i < text.n; i++) {
		size_t		mark = part_mark(text, i), at;
		struct heading	h;
		bool		strong = text.p[i] == '|' || text.p[i] == ';' || (mark == 2 || mark == 3) || i == typed_end;

		if (mark == 0 && (i != typed_end || text.p[i] != ' '))
			continue;
		for (at = i + (mark > 0 ? mark : 1); at < text.n && (text.p[at] == ' ' || part_mark(text, at) > 0);)
			at += text.p[at] == ' ' ? 1 : part_mark(text, at);
		if (at >= text.n)
			return false;
		h = heading_at(f, text, at);
		if ((!h.is || !h.value || (h.loose && value_typed(h.field, text, h.value_at) == 0)) &&
		    (h.is || !strong || !unknown_label(text, at))) {
			i = at - 1;	/* the marks between lead to the same place */
			continue;
		}
		*end = text.p[i] == ')' && is_open((struct span){text.p + from, i - from}) ? i + 1 : i;
		*next = at;
		return true;
	}
	return false;
}

/* A value that ends with a parenthesis that began before it. */
static struct span
without_closing(struct span s)
{
	size_t open = 0, close = 0;

	for (size_t i = 0; i < s.n; i++) {
		open += s.p[i] == '(';
		close += s.p[i] == ')';
	}
	if (close > open && s.n > 0 && s.p[s.n - 1] == ')')
		s.n--;
	return span_trim(s);
}

/* A mark that parts fields here and may part what is in them as well. */
static bool
parts_names(struct span text, size_t at)
{
	uint32_t r;

	span_rune(text.p + at, text.n - at, &r);
	return r == '|' || r == 0xb7 || r == 0x2022;
}

/* A label with its value: as heading_at() says, or the noun of a name right before it. */
static bool
loose_at(const struct rows_reader *f, struct span text, size_t at, struct heading *h)
{
	struct label_hit	hit;
	size_t			after, end;

	*h = heading_at(f, text, at);
	if (h->is)
		return h->value;
	if (!label_at(f->rules, f->owner, text, at, &hit) || !hit.plain ||
	    (hit.field != FIELD_MERCHANT_NAME && hit.field != FIELD_SALES_UNIT_NAME) ||
	    label_edge(text, hit.end, &after) != EDGE_NONE)
		return false;
	for (end = hit.core; end < text.n && part_mark(text, end) == 0;)
		end++;
	if (!value_name(f->rules, span_trim((struct span){text.p + hit.core, end - hit.core})))
		return false;
	*h = heading_of(&hit);
	h->value = h->loose = true;
	h->value_at = hit.core;
	return true;
}

/* "Fjord nett for Fjord AS" may be two names. */
static bool
has_lead(const struct rows_reader *f, struct span name)
{
	size_t n;

	for (size_t at = 0; (n = label_word(name, &at)) > 0; at += n)
		if (label_word_is(f->rules, (struct span){name.p + at, n}, LABEL_LEAD))
			return true;
	return false;
}

struct heading
heading_piece(const struct rows_reader *f, const struct piece *p)
{
	struct heading h;

	if (!p->loose || !loose_at(f, p->text, label_start(p->text), &h))
		h = heading_read(f, p->text);
	return h;
}

/*
 * "MSN 123456, sales unit Fjord nett, merchant Fjord AS": each item a label and its value, and nothing else.
 * Returns 0 if that is not so, a field comes twice, or no label lacks its colon.
 */
static size_t
list_split(const struct rows_reader *f, struct span text, uint16_t cell, struct piece *out, size_t max)
{
	size_t		n = 0, at = label_start(text), typed = 0, loose = 0, next = at, end;
	struct heading	h, following;
	unsigned	seen = 0;
	bool		listed = false;

	if (!loose_at(f, text, at, &h))
		return 0;
	for (; next < text.n && n < max; at = next, h = following) {
		struct span	value;
		bool		name = h.field == FIELD_MERCHANT_NAME || h.field == FIELD_SALES_UNIT_NAME;

		next = text.n;
		for (end = h.value_at; end < text.n && next == text.n; end += next == text.n) {
			size_t k = end;

			while (k < text.n && (text.p[k] == ' ' || part_mark(text, k) > 0))
				k += text.p[k] == ' ' ? 1 : part_mark(text, k);
			if (k > end && part_mark(text, end) > 0 && k < text.n && loose_at(f, text, k, &following))
				next = k;
		}
		value = without_closing(span_trim((struct span){text.p + h.value_at, end - h.value_at}));
		while (value.n > 0 && (value.p[value.n - 1] == '.' || value.p[value.n - 1] == ','))
			value.n--;
		if (!h.plain || (seen & 1u << h.field) || (name ? !value_name(f->rules, value) || has_lead(f, value) :
		    value_typed(h.field, value, 0) != value.n))
			return 0;	/* a sentence */
		seen |= 1u << h.field;
		typed += !name;
		loose += name && h.loose;
		listed = listed || (end < text.n && parts_names(text, end));
		out[n++] = (struct piece){{text.p + at, (size_t)(value.p + value.n - (text.p + at))}, at,
		    cell, name && h.loose, listed};
	}
	return next == text.n && n > 1 && typed > 0 && loose > 0 ? n : 0;
}

static size_t
cell_split(const struct rows_reader *f, struct span text, uint16_t cell, struct piece *out, size_t max)
{
	struct heading	h = heading_read(f, text);
	size_t		n = 0, at = 0, end, next;
	bool		listed = false;

	if ((n = list_split(f, text, cell, out, max)) > 0)
		return n;
	while (((h.is && h.value) || n > 0) && n + 1 < max) {
		size_t from = h.is && h.value ? h.value_at : at, typed = h.is ? value_typed(h.field, text, from) : 0;

		if (!next_label(f, text, typed > 0 ? typed : from, typed, &end, &next))
			break;
		listed = listed || parts_names(text, end);
		out[n++] = (struct piece){without_closing((struct span){text.p + at, end - at}), at, cell, false, listed};
		at = next;
		h = heading_at(f, text, at);
	}
	out[n] = (struct piece){n > 0 ? without_closing(span_from(text, at)) : text, at, cell, false, listed};
	return n + 1;
}

/* "+-----+----+", "--- | ---", "=====": nothing to read. */
static bool
is_ruler(struct span text)
{
	size_t marks = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (strchr("-+=|_*~: ", text.p[i]) == NULL)
			return false;
		marks += text.p[i] != ' ';
	}
	return marks >= RULER_MIN;
}

/* ---- tables drawn with marks */

/* The marks that part the cells of a line, and how many of them it has. */
struct bars {
	const char	*mark;		/* NULL: none */
	size_t		 count;
	struct span	 text;		/* what they part: a line, or what stands in parentheses at its end */
};

static size_t
marks_count(struct span text, const char *mark)
{
	size_t	n = 0;
	ptrdiff_t	at = 0;

	for (; (at = span_find(text, span_of(mark), (size_t)at)) >= 0; at += (ptrdiff_t)strlen(mark))
		n++;
	return n;
}

/* The next cell from *at on, which is moved behind the mark. */
static struct span
marks_cell(struct span text, const char *mark, size_t *at)
{
	ptrdiff_t	end = span_find(text, span_of(mark), *at);
	size_t	from = *at, to = end >= 0 ? (size_t)end : text.n;

	*at = end >= 0 ? to + strlen(mark) : text.n + 1;
	return span_trim((struct span){text.p + from, to - from});
}

static bool
marks_part_labels(const struct rows_reader *f, struct span text, const char *mark)
{
	for (size_t at = 0; at <= text.n;) {
		struct heading h = heading_read(f, marks_cell(text, mark, &at));

		if (!h.is || h.value)
			return false;
	}
	return true;
}

/* "Approved today (org. no. | merchant | MSN):" over lines of these. */
static struct span
legend_of(struct span text)
{
	size_t open = text.n;

	while (text.n > 0 && strchr(".: ", text.p[text.n - 1]) != NULL)
		text.n--;
	if (text.n == 0 || text.p[text.n - 1] != ')')
		return span_take(text, 0);
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '(')
			open = i + 1;
	return open < text.n ? (struct span){text.p + open, text.n - 1 - open} : span_take(text, 0);
}

/* A row of labels begins a table. One mark between two labels may be a label of two words, unless it is "|". */
static bool
bars_begin(const struct rows_reader *f, struct span line, struct bars *b)
{
	static const char *const	marks[] = {"|", ";", "\xc2\xb7", "\xe2\x80\xa2", " / "};
	struct span			texts[] = {line, legend_of(line)};

	for (size_t t = 0; t < COUNT(texts); t++)
		for (size_t m = 0; m < COUNT(marks); m++) {
			*b = (struct bars){marks[m], marks_count(texts[t], marks[m]), texts[t]};
			if (b->count > (m == 0 && t == 0 ? 0 : 1) && b->count < LABEL_WORDS &&
			    marks_part_labels(f, texts[t], marks[m]))
				return true;
		}
	return false;
}

/* "Org. no.    | Merchant   | MSN": columns by spaces and bars. */
static bool
columns_are_labels(const struct rows_reader *f, const struct document_line *l)
{
	for (size_t c = 0; c < l->count; c++)
		for (size_t at = 0; at <= l->cells[c].n;) {
			struct span	piece = marks_cell(l->cells[c], "|", &at);
			struct heading	h = heading_read(f, piece);

			if (piece.n > 0 && (!h.is || h.value))
				return false;
		}
	return true;
}

/* An empty cell of the table is none in the document: "| 1 |    | 2 |" is "| 1 |" and "| 2 |" there. */
static bool
bars_meet(const struct document_line *l, size_t c)
{
	return c > 0 && l->cells[c - 1].n > 0 && l->cells[c].n > 0 && l->cells[c].p[0] == '|' &&
	    l->cells[c - 1].p[l->cells[c - 1].n - 1] == '|';
}

/* Is the line one of a table: with "|" at its start, all labels, or as many marks as the line above? */
static bool
bars_find(const struct rows_reader *f, const struct document_line *l, struct bars *b)
{
	struct span	text = l->cells[0];
	struct bars	above = *b;
	size_t		bars = 0;

	*b = (struct bars){.text = text};
	if (l->table > 0 || text.n == 0)
		return false;
	for (size_t c = 0; c < l->count; c++)
		bars += marks_count(l->cells[c], "|");
	if (f->part->kind == DOCUMENT_PLAIN && text.p[0] == '|' && bars > 1) {
		*b = (struct bars){"|", bars, text};
		return true;
	}
	if (above.mark != NULL && (l->count > 1 ? span_is(span_of(above.mark), "|") && bars == above.count :
	    marks_count(text, above.mark) == above.count)) {
		*b = (struct bars){above.mark, above.count, text};
		return true;
	}
	if (l->count > 1) {
		if (bars == 0 || !columns_are_labels(f, l))
			return false;
		*b = (struct bars){"|", bars, text};
		return true;
	}
	if (bars_begin(f, text, b))
		return true;
	*b = (struct bars){.text = text};
	return false;
}

/* The cells between the bars; `cell` of the document is `whole`. */
static size_t
bars_split(const struct bars *b, struct span whole, uint16_t cell, struct piece *out, size_t max)
{
	size_t		n = 0, at = 0, from;
	struct span	text = cell == 0 ? value_without_bullet(b->text) : whole;

	while (at < text.n && n < max) {
		struct span piece;

		from = at;
		piece = marks_cell(text, b->mark, &at);
		if (piece.n > 0 || (from > 0 && at <= text.n))
			out[n++] = (struct piece){piece, (size_t)((piece.n > 0 ? piece.p : text.p + from) - whole.p), cell, false, false};
	}
	return n;
}

/* A mark that a writer put between columns, before or behind a cell: ": Fjord AS" of "Merchant     : Fjord AS". */
static struct span
without_column_mark(struct span s, size_t cell, bool after_label)
{
	struct span rest;

	if (cell > 0 && s.n > 2 && s.p[1] == ' ' && strchr(after_label ? ":=|-" : ":=|", s.p[0]) != NULL)
		s = span_trim(span_from(s, 2));
	else if (after_label && s.n > 4 && s.p[3] == ' ') {
		rest = span_take(s, 3);
		if (span_is(rest, "\xe2\x80\x93") || span_is(rest, "\xe2\x86\x92"))
			s = span_trim(span_from(s, 4));
	}
	if (s.n > 2 && s.p[s.n - 1] == '|' && s.p[s.n - 2] == ' ')
		s = span_trim(span_take(s, s.n - 1));
	return s;
}

/* ":" or "-" in a cell of its own, between a label and its value. */
static bool
is_separator(struct span text)
{
	return text.n == 1 ? strchr(":=->|", text.p[0]) != NULL : span_is(text, "->") || span_is(text, "\xe2\x86\x92") ||
	    span_is(text, "\xe2\x80\x93") || span_is(text, "\xc2\xbb");
}

/* The pieces of one cell; `after_label`: it is a value, whatever it says. */
static size_t
cell_pieces(const struct rows_reader *f, const struct document_line *l, size_t c, bool after_label, struct piece *out)
{
	struct span	whole = l->cells[c], text;
	size_t		n = 1;

	if (l->count > 1 && is_separator(whole)) {
		out[0] = (struct piece){span_take(whole, 0), 0, (uint16_t)c, false, false};
		return 1;
	}
	text = l->count > 1 && (l->table == 0 || after_label) ? without_column_mark(whole, c, after_label) : whole;
	if (after_label)
		out[0] = (struct piece){text, 0, (uint16_t)c, false, false};
	else
		n = cell_split(f, text, (uint16_t)c, out, MAX_PIECES);
	for (size_t i = 0; i < n && text.p != whole.p; i++)
		out[i].at += (size_t)(text.p - whole.p);
	return n;
}

static void
row_add(const struct rows_reader *f, struct row *row, size_t *room, const struct piece *pieces, size_t n, size_t left)
{
	if (row->count + n + left > *room) {
		struct piece *more;

		*room = 2 * *room + n;
		more = arena_array(f->arena, *room, sizeof(*more));
		memcpy(more, row->cells, row->count * sizeof(*more));
		row->cells = more;
	}
	memcpy(row->cells + row->count, pieces, n * sizeof(*pieces));
	row->count += n;
}

/* What stands beside a label in a table is a value, whatever it says. */
struct row *
rows_make(const struct rows_reader *f)
{
	struct row	*rows = arena_array(f->arena, f->part->count + 1, sizeof(*rows));
	struct bars	 bars = {0};

	for (size_t i = 0; i < f->part->count; i++) {
		const struct document_line	*l = &f->part->lines[i];
		struct row			*row = &rows[i];
		struct piece			 pieces[MAX_PIECES];
		bool				 after_label = false, ruler = l->count == 1 && is_ruler(l->cells[0]);
		size_t				 room = l->count;

		/* a table goes on below a line that rules off, and its head over an empty one */
		if (!ruler && !(l->count == 1 && l->cells[0].n == 0 && i > 0 && rows[i - 1].barred))
			row->barred = bars_find(f, l, &bars);
		row->cells = arena_array(f->arena, room, sizeof(*row->cells));
		for (size_t c = 0; c < l->count; c++) {
			size_t n = 1;

			if (row->barred && bars_meet(l, c)) {
				pieces[0] = (struct piece){span_take(l->cells[c], 0), 0, (uint16_t)c, false, false};
				row_add(f, row, &room, pieces, 1, l->count - c);
			}
			if (ruler)
				pieces[0] = (struct piece){span_take(l->cells[c], 0), 0, (uint16_t)c, false, false};
			else if (row->barred)
				n = bars_split(&bars, l->cells[c], (uint16_t)c, pieces, MAX_PIECES);
			else
				n = cell_pieces(f, l, c, after_label, pieces);
			row_add(f, row, &room, pieces, n, l->count - c);
			if (l->cells[c].n > 0 && !row->barred && !(l->count > 1 && is_separator(l->cells[c]))) {
				struct heading h = heading_read(f, l->cells[c]);

				after_label = !after_label && h.is && !h.value;
			}
		}
	}
	return rows;
}

bool
rows_gap(const struct rows_reader *f, const struct row *row)
{
	const struct row	*above = row - 1, *below = row + 1;
	size_t			 c = 0;

	if (row->count != 1 || row->cells[0].text.n > 0 || !above->barred || !below->barred || above->count != below->count)
		return false;
	while (c < below->count && below->cells[c].text.n == 0)
		c++;
	return c < below->count && !heading_read(f, below->cells[c].text).is;
}

bool
rows_missed(const struct row *row)
{
	size_t	marks = 0, n;
	bool	number = false;

	for (size_t c = 0; c < row->count && !row->barred; c++) {
		struct span text = row->cells[c].text;

		for (size_t i = 0; i < text.n; i++)
			marks += (text.p[i] != '\0' && strchr("|;/\xb7\xa2", text.p[i]) != NULL);	/* last bytes of two dots */
		for (size_t at = 0; (n = label_word(text, &at)) > 0; at += n)
			number = number || value_typed(FIELD_MSN, text, at) == at + n;
	}
	return number && marks > 1;
}
