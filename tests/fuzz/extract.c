/*
 * A document, and what the shipped rules find in it. The first line is the Subject. Form feeds part
 * the parts, whose first byte is 'p' (plain) or else HTML, in upper case if it is an alternative; "|"
 * parts cells and makes a line a row of a table, an empty line ends a table, ">" quotes.
 */
#include "read/text.h"
#include "rules/extract.h"
#include "tests/fuzz/fuzz.h"

#define PARTS 4

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_rules();
	return 0;
}

/* UTF-8 by force, visible by the way that mail goes. */
static struct span
visible(struct span raw, struct arena *a)
{
	struct arena_buf	b = {.arena = a};
	struct reasons		reasons = {0};

	arena_put(&b, "", 0);
	for (size_t i = 0, n; i < raw.n; i += n) {
		uint32_t rune;

		n = span_rune(raw.p + i, raw.n - i, &rune);
		if (n > 1 || (unsigned char)raw.p[i] < 0x80)
			arena_put(&b, raw.p + i, n);
		else
			arena_put(&b, "?", 1);
	}
	return text_normalise((struct span){b.p, b.n}, a, &reasons);
}

static struct document_part
part_of(struct span text, struct arena *a)
{
	int			 type = text.n > 0 ? text.p[0] : 0;
	bool			 plain = type == 'p' || type == 'P', truncated = false;
	struct document_build	*b = document_begin(a, plain ? DOCUMENT_PLAIN : DOCUMENT_HTML,
	    type >= 'A' && type <= 'Z');
	uint16_t		 table = 1;

	text = visible(span_from(text, 1), a);
	while (text.n > 0) {
		struct span	line, cell;
		uint16_t	quote = 0;
		bool		row;

		span_cut(&text, '\n', &line);
		table = (uint16_t)(table + (line.n == 0));
		for (; line.n > 0 && line.p[0] == '>'; line = span_from(line, 1))
			quote++;
		row = !plain && span_find(line, SPAN_LIT("|"), 0) >= 0;
		do {
			span_cut(&line, '|', &cell);
			document_put_cell(b, cell);
		} while (line.n > 0);
		document_end_line(b, row ? table : 0, quote);
	}
	return document_end(b, &truncated);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena		a = {0};
	struct span		raw = {(const char *)data, size}, subject, text;
	struct document_part	parts[PARTS], first;
	struct document		d = {.from = SPAN_LIT("Vipps MobilePay"), .auto_submitted = SPAN_LIT(""), .year = 2026,
	    .parts = parts};
	struct reading		r = {0};
	struct err		e;

	span_cut(&raw, '\n', &subject);
	first = part_of(subject, &a);
	d.parts = &first;
	d.count = 1;
	d.subject = document_cell(&d, 0, 0, 0);
	d.parts = parts;
	for (d.count = 0; raw.n > 0 && d.count < PARTS; d.count++) {
		span_cut(&raw, '\f', &text);
		parts[d.count] = part_of(text, &a);
		fuzz_part(&parts[d.count]);
	}
	if (extract(fuzz_rules(), &d, &a, &r.found, &e) == 0)
		fuzz_reading(&r, &a);
	else
		fuzz_promise(e.kind == ERR_REJECT, "a document is understood or refused");
	arena_free(&a);
	return 0;
}
