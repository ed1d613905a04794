/* Plain text in any charset (its name is the first line) to lines and cells. */
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
	struct arena		 a = {0};
	struct reasons		 reasons = {0};
	struct span		 raw = {(const char *)data, size}, charset, text, line;
	struct document_build	*b = document_begin(&a, DOCUMENT_PLAIN, 0);
	struct document_part	 part;
	bool			 truncated = false;

	span_cut(&raw, '\n', &charset);
	text = text_decode(charsets, charset, raw, &a, &reasons);
	fuzz_promise(span_utf8(text), "decoded text is UTF-8");
	text = text_normalise(text, &a, &reasons);
	fuzz_promise(span_utf8(text), "normalised text is UTF-8");
	while (text.n > 0) {
		span_cut(&text, '\n', &line);
		document_put_cell(b, line);
		document_end_line(b, 0, 0);
	}
	part = document_end(b, &truncated);
	fuzz_part(&part);
	arena_free(&a);
	return 0;
}
