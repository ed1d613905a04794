/*
 * plain - see plain.h
 */
#include "read/plain.h"

/* One line as it was sent: its depth of quoting cut off. */
struct plain_line {
	struct span	text;
	uint16_t	quote;
};

/* ">" marks; in format=flowed they stand together, elsewhere spaces may lie between. */
static struct plain_line
plain_unquote(struct span line, bool flowed)
{
	struct plain_line l = {.text = line};

	while (l.text.n > 0 && l.text.p[0] == '>' && l.quote < UINT16_MAX) {
		l.quote++;
		l.text = span_from(l.text, 1);
		if (!flowed && l.text.n > 1 && l.text.p[0] == ' ' && l.text.p[1] == '>')
			l.text = span_from(l.text, 1);
	}
	if (flowed && l.text.n > 0 && l.text.p[0] == ' ')	/* RFC 3676 4.4: space-stuffing */
		l.text = span_from(l.text, 1);
	return l;
}

/* The builder parts a line into cells by its white space. */
static void
plain_put(struct document_build *b, struct span line, uint16_t quote)
{
	document_put_cell(b, line);
	document_end_line(b, 0, quote);
}

void
plain_lines(struct document_build *b, struct span text, bool flowed, bool delsp, struct arena *a)
{
	struct arena_buf	joined = {.arena = a};
	uint16_t		quote = 0;
	bool			open = false;

	while (text.n > 0) {
		struct span		line;
		struct plain_line	l;
		bool			soft;

		span_cut(&text, '\n', &line);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		l = plain_unquote(line, flowed);
		soft = flowed && l.text.n > 0 && l.text.p[l.text.n - 1] == ' ' && !span_is(l.text, "-- ");
		if (open && l.quote != quote) {
			plain_put(b, (struct span){joined.p, joined.n}, quote);
			open = false;
		}
		if (!open && !soft) {
			plain_put(b, l.text, l.quote);
			continue;
		}
		if (!open)
			joined.n = 0;
		arena_put(&joined, l.text.p, l.text.n - (soft && delsp));
		quote = l.quote;
		open = soft;
		if (!soft)
			plain_put(b, (struct span){joined.p, joined.n}, quote);
	}
	if (open)
		plain_put(b, (struct span){joined.p, joined.n}, quote);
}
