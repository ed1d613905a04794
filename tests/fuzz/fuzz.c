#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "rules/rule.h"

void
fuzz_promise(bool kept, const char *words)
{
	if (kept)
		return;
	fprintf(stderr, "broken: %s\n", words);
	abort();
}

const struct rules *
fuzz_rules(void)
{
	static const char *const	 paths[] = {FUZZ_RULES, NULL};
	static struct arena		 arena;
	static struct rules		*rules;
	const char			*errors;
	struct err			 e;

	if (rules == NULL)
		fuzz_promise(rules_open(paths, &arena, &rules, &errors, &e) == 0, "the shipped rules open");
	return rules;
}

static void
cell_check(struct span s)
{
	fuzz_promise(span_utf8(s), "a cell is UTF-8");
	for (size_t i = 0; i < s.n; i++)
		fuzz_promise((unsigned char)s.p[i] >= 0x20 && s.p[i] != 0x7f, "a cell has no control characters");
}

void
fuzz_part(const struct document_part *p)
{
	size_t cells = 0, bytes = 0;

	fuzz_promise(p->count <= DOCUMENT_MAX_LINES, "lines are bounded");
	for (size_t i = 0; i < p->count; i++) {
		fuzz_promise(p->lines[i].count > 0, "a line has a cell");
		cells += p->lines[i].count;
		for (size_t c = 0; c < p->lines[i].count; c++) {
			cell_check(p->lines[i].cells[c]);
			bytes += p->lines[i].cells[c].n;
		}
	}
	fuzz_promise(cells <= DOCUMENT_MAX_CELLS, "cells are bounded");
	fuzz_promise(bytes <= DOCUMENT_MAX_TEXT, "text is bounded");
}

void
fuzz_reading(const struct reading *r, struct arena *a)
{
	struct span	wire = reading_encode(r, a);
	struct reading	back;
	struct err	e = {0};

	fuzz_promise(wire.n <= READING_MAX_ANSWER, "an answer fits a frame");
	if (reading_decode(wire, a, &back, &e) < 0)
		fuzz_promise(false, e.msg);
	fuzz_promise(span_eq(reading_encode(&back, a), wire), "what is decoded is what was encoded");
}
