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
		*end = i;
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

static size_t
cell_split(const struct rows_reader *f, struct span text, uint16_t cell, struct piece *out, size_t max)
{
	struct heading	h = heading_read(f, text);
	size_t		n = 0, at = 0, end, next;

	while (((h.is && h.value) || n > 0) && n + 1 < max) {
		size_t from = h.is && h.value ? h.value_at : at, typed = h.is ? value_typed(h.field, text, from) : 0;

		if (!next_label(f, text, typed > 0 ? typed : from, typed, &end, &next))
			break;
		out[n++] = (struct piece){without_closing((struct span){text.p + at, end - at}), at, cell};
		at = next;
		h = heading_at(f, text, at);
	}
	out[n] = (struct piece){n > 0 ? without_closing(span_from(text, at)) : text, at, cell};
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

/* Does the line begin a table drawn with "|": with one at its start, or all labels between them? */
static bool
has_bars(const struct rows_reader *f, const struct document_line *l, size_t bars_above)
{
	size_t		bars = 0, labels = 0, at = 0;
	struct span	text = l->cells[0];

	if (f->part->kind != DOCUMENT_PLAIN || text.n == 0)
		return false;
	for (size_t c = 0; c < l->count; c++)
		for (size_t i = 0; i < l->cells[c].n; i++)
			bars += l->cells[c].p[i] == '|';
	if (text.p[0] == '|')
		return bars > 1;
	if (l->count > 1 || bars == 0)
		return l->count == 1 && bars > 0 && bars == bars_above;
	while (at < text.n) {
		struct heading	h;
		size_t		end = at;

		while (end < text.n && text.p[end] != '|')
			end++;
		h = heading_read(f, span_trim((struct span){text.p + at, end - at}));
		labels += h.is && !h.value;
		at = end + 1;
	}
	return labels == bars + 1 || bars == bars_above;
}

/* The cells between the bars. */
static size_t
bars_split(struct span text, uint16_t cell, struct piece *out, size_t max)
{
	size_t n = 0, at = 0, end;

	while (at < text.n && n < max) {
		struct span piece;

		for (end = at; end < text.n && text.p[end] != '|';)
			end++;
		piece = span_trim((struct span){text.p + at, end - at});
		if (piece.n > 0 || (at > 0 && end < text.n))
			out[n++] = (struct piece){piece, piece.n > 0 ? (size_t)(piece.p - text.p) : at, cell};
		at = end + 1;
	}
	return n;
}

/* ":" or "-" in a cell of its own, between a label and its value. */
static bool
is_separator(struct span text)
{
	return text.n == 1 ? strchr(":=->|", text.p[0]) != NULL : span_is(text, "->") || span_is(text, "\xe2\x86\x92") ||
	    span_is(text, "\xe2\x80\x93") || span_is(text, "\xc2\xbb");
}

/* What stands beside a label in a table is a value, whatever it says. */
struct row *
rows_make(const struct rows_reader *f)
{
	struct row	*rows = arena_array(f->arena, f->part->count + 1, sizeof(*rows));
	size_t		 bars = 0;

	for (size_t i = 0; i < f->part->count; i++) {
		const struct document_line	*l = &f->part->lines[i];
		struct row			*row = &rows[i];
		struct piece			 pieces[MAX_PIECES];
		bool				 after_label = false, ruler = l->count == 1 && is_ruler(l->cells[0]);
		bool				 barred = !ruler && has_bars(f, l, bars);
		size_t				 room = l->count;

		if (!ruler)
			bars = 0;
		for (size_t k = 0; barred && k < l->cells[0].n; k++)
			bars += l->cells[0].p[k] == '|';

		row->cells = arena_array(f->arena, room, sizeof(*row->cells));
		for (size_t c = 0; c < l->count; c++) {
			size_t n = 1;

			if (!barred && l->count > 1 && is_separator(l->cells[c]))
				pieces[0] = (struct piece){span_take(l->cells[c], 0), 0, (uint16_t)c};
			else if (after_label || ruler)
				pieces[0] = (struct piece){span_take(l->cells[c], ruler ? 0 : SIZE_MAX), 0, (uint16_t)c};
			else if (barred)
				n = bars_split(l->cells[c], (uint16_t)c, pieces, MAX_PIECES);
			else
				n = cell_split(f, l->cells[c], (uint16_t)c, pieces, MAX_PIECES);
			if (row->count + n + (l->count - c) > room) {
				struct piece *more;

				room = 2 * room + n;
				more = arena_array(f->arena, room, sizeof(*more));
				memcpy(more, row->cells, row->count * sizeof(*more));
				row->cells = more;
			}
			memcpy(row->cells + row->count, pieces, n * sizeof(*pieces));
			row->count += n;
			if (l->cells[c].n > 0 && !barred && !(l->count > 1 && is_separator(l->cells[c]))) {
				struct heading h = heading_read(f, l->cells[c]);

				after_label = !after_label && h.is && !h.value;
			}
		}
	}
	return rows;
}
