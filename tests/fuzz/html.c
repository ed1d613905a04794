/* HTML's bytes to lines of cells. */
#include "read/html.h"
#include "read/text.h"
#include "tests/fuzz/fuzz.h"

static struct text_charsets *charsets;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct err e;

	(void)argc;
	(void)argv;
	fuzz_promise(text_open(&charsets, &e) == 0, "the charsets open");
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena		a = {0};
	struct document_part	part;
	struct reasons		reasons = {0};
	struct span		text;
	struct err		e;
	bool			truncated = false;

	text = text_decode(charsets, SPAN_LIT("utf-8"), (struct span){(const char *)data, size}, &a, &reasons);
	if (html_read(text, 0, &a, &part, &truncated, &reasons, &e) == 0)
		fuzz_part(&part);
	else
		fuzz_promise(e.kind == ERR_REJECT, "HTML is read or refused");
	arena_free(&a);
	return 0;
}
