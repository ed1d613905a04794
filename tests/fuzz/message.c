/* A mail's bytes, as a reader takes them: MIME, charsets, HTML, rules, the answer. */
#include "read/message.h"
#include "tests/fuzz/fuzz.h"

static struct message_door *door;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct err e;

	(void)argc;
	(void)argv;
	fuzz_promise(message_open(&door, &e) == 0, "GMime and the charsets open");
	fuzz_rules();
	return 0;
}

static void
document_check(const struct document *d)
{
	fuzz_promise(d->count <= DOCUMENT_MAX_PARTS, "parts are bounded");
	for (size_t i = 0; i < d->count; i++)
		fuzz_part(&d->parts[i]);
	fuzz_promise(span_utf8(d->subject) && span_utf8(d->from), "header fields are UTF-8");
	fuzz_promise(d->attached_count <= MESSAGE_MAX_ATTACHED, "attached messages are bounded");
	for (size_t i = 0; i < d->attached_count; i++)
		document_check(&d->attached[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena	a = {0};
	struct message	m;
	struct reading	r = {0};
	struct err	e;

	if (message_read(door, (struct span){(const char *)data, size}, &a, &m, &e) == 0) {
		document_check(&m.document);
		if (extract(fuzz_rules(), &m.document, &a, &r.found, &e) == 0) {
			r.message_id = m.message_id;
			r.date_ms = m.date_ms;
			fuzz_reading(&r, &a);
		}
	} else
		fuzz_promise(e.kind == ERR_REJECT, "a mail is read or refused");
	arena_free(&a);
	return 0;
}
