#include <string.h>

#include "rules/document.h"
#include "rules/fold.h"

struct document_build {
	struct arena		*arena;
	struct document_part	 part;
	size_t			 room;		/* lines that part.lines has room for */
	struct span		*line;		/* cells of the line being built */
	size_t			 cells, line_room;
	size_t			 text_total, cells_total;
	uint8_t			 marks;		/* of the line being built */
	bool			 truncated;
};

struct span
document_cell(const struct document *d, size_t part, size_t line, size_t cell)
{
	if (part >= d->count || line >= d->parts[part].count ||
	    cell >= d->parts[part].lines[line].count)
		return (struct span){"", 0};
	return d->parts[part].lines[line].cells[cell];
}

struct document_build *
document_begin(struct arena *a, enum document_kind kind, uint16_t alternative)
{
	struct document_build *b = arena_alloc(a, sizeof(*b));

	b->arena = a;
	b->part.kind = kind;
	b->part.alternative = alternative;
	return b;
}

static void
cell_add(struct document_build *b, struct span text)
{
	if (b->cells_total >= DOCUMENT_MAX_CELLS || b->part.count >= DOCUMENT_MAX_LINES ||
	    b->cells >= UINT16_MAX || text.n > DOCUMENT_MAX_TEXT - b->text_total) {
		b->truncated = true;
		return;
	}
	if (b->cells == b->line_room) {
		size_t		 room = b->line_room > 0 ? 2 * b->line_room : 8;
		struct span	*more = arena_array(b->arena, room, sizeof(*more));

		if (b->cells > 0)
			memcpy(more, b->line, b->cells * sizeof(*more));
		b->line = more;
		b->line_room = room;
	}
	b->line[b->cells++] = text;
	b->cells_total++;
	b->text_total += text.n;
}

/* Plain text has its columns by white space alone; one space is a space between words. */
void
document_put_cell(struct document_build *b, struct span text)
{
	char	*out;
	size_t	 n = 0, from = 0, i = 0, spaces = 0;
	bool	 tab = false, parted = false;

	if (text.n > DOCUMENT_MAX_TEXT) {
		text.n = DOCUMENT_MAX_TEXT;
		b->truncated = true;
	}
	out = arena_alloc(b->arena, text.n + 1);
	while (i < text.n) {
		uint32_t	r;
		size_t		len = span_rune(text.p + i, text.n - i, &r);

		if (r >= DOCUMENT_MARK && r < DOCUMENT_MARK + 8) {
			b->marks |= (uint8_t)(1u << (r - DOCUMENT_MARK));
			i += len;
			continue;
		}
		if (fold_is_space(r)) {
			spaces++;
			tab = tab || r == '\t';
			i += len;
			continue;
		}
		if (n > from && spaces > 0) {
			if (b->part.kind == DOCUMENT_PLAIN && (tab || spaces > 1)) {
				cell_add(b, (struct span){out + from, n - from});
				from = n;
				parted = true;
			} else
				out[n++] = ' ';
		}
		spaces = 0;
		tab = false;
		memcpy(out + n, text.p + i, len);
		if (len == 1 && (unsigned char)text.p[i] >= 0x80)
			out[n] = '?';	/* no UTF-8: the rules never see it */
		n += len;
		i += len;
	}
	if (n > from || !parted)
		cell_add(b, (struct span){out + from, n - from});
}

static bool
line_empty(const struct document_build *b)
{
	for (size_t i = 0; i < b->cells; i++)
		if (b->line[i].n > 0)
			return false;
	return true;
}

static bool
last_empty(const struct document_build *b)
{
	const struct document_line *l;

	if (b->part.count == 0)
		return true;
	l = &b->part.lines[b->part.count - 1];
	return l->count == 1 && l->cells[0].n == 0;
}

void
document_end_line(struct document_build *b, uint16_t table, uint16_t quote)
{
	struct document_line	*l;
	struct span		*cells;
	size_t			 count = b->cells;
	bool			 empty = line_empty(b);
	uint8_t			 marks = b->marks;

	b->cells = 0;
	b->marks = 0;
	if (empty) {
		b->cells_total -= count;	/* an empty line is one empty cell */
		count = 1;
		if (last_empty(b))
			return;
	}
	if (b->part.count >= DOCUMENT_MAX_LINES || b->cells_total > DOCUMENT_MAX_CELLS) {
		b->truncated = true;
		return;
	}
	if (b->part.count == b->room) {
		size_t room = b->room > 0 ? 2 * b->room : 64;

		l = arena_array(b->arena, room, sizeof(*l));
		if (b->part.count > 0)
			memcpy(l, b->part.lines, b->part.count * sizeof(*l));
		b->part.lines = l;
		b->room = room;
	}
	cells = arena_array(b->arena, count, sizeof(*cells));
	if (empty) {
		cells[0] = (struct span){"", 0};
		b->cells_total++;
	} else
		memcpy(cells, b->line, count * sizeof(*cells));
	l = &b->part.lines[b->part.count++];
	*l = (struct document_line){cells, (uint16_t)count, table, quote, marks};
}

struct document_part
document_end(struct document_build *b, bool *truncated)
{
	if (b->cells > 0)
		document_end_line(b, 0, 0);
	while (b->part.count > 0 && last_empty(b))
		b->part.count--;
	if (b->truncated)
		*truncated = true;
	return b->part;
}
