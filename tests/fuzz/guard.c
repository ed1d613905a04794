/*
 * What an IMAP server says, before libetpan sees it. The first two bytes choose a budget, the third where the
 * pieces end. However the stream is cut, the verdict is the same, and what passed is within the bounds.
 */
#include <string.h>

#include "ingest/guard.h"
#include "tests/fuzz/fuzz.h"

#define HEAD 3	/* bytes of an input before the stream */

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static bool
same(const struct guard *a, const struct guard *b)
{
	return a->budget == b->budget && a->shown == b->shown && a->literal == b->literal &&
	    a->line == b->line && a->state == b->state && a->word_n == b->word_n &&
	    memcmp(a->word, b->word, a->word_n) == 0 && a->quoted == b->quoted &&
	    a->escaped == b->escaped && a->code == b->code && a->search == b->search &&
	    a->brace == b->brace && a->digits == b->digits && a->depth == b->depth &&
	    a->before == b->before;
}

/* The stream in pieces of 1 to `most` bytes, as `seed` has it. */
static int
pass_pieces(struct guard *g, const char *p, size_t n, unsigned seed, size_t most)
{
	struct err e = {0};

	while (n > 0) {
		size_t piece;

		seed = seed * 1103515245 + 12345;
		piece = 1 + (seed >> 16) % most;
		if (piece > n)
			piece = n;
		if (guard_pass(g, p, piece, &e) == -1) {
			fuzz_promise(e.kind == ERR_RETRY && e.msg[0] != '\0', "a refusal says why");
			return -1;
		}
		p += piece;
		n -= piece;
	}
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *stream = (const char *)data + HEAD;
	struct guard whole = {0}, pieces = {0}, bytes = {0};
	struct err e = {0};
	size_t budget, n;
	int verdict;

	if (size <= HEAD)
		return 0;
	n = size - HEAD;
	budget = (size_t)data[0] << 8 | data[1];
	guard_arm(&whole, budget);
	guard_arm(&pieces, budget);
	guard_arm(&bytes, budget);
	verdict = guard_pass(&whole, stream, n, &e);
	fuzz_promise(pass_pieces(&pieces, stream, n, data[2], 1 + data[2] % 40u) == verdict,
	    "pieces do not change the verdict");
	fuzz_promise(pass_pieces(&bytes, stream, n, 0, 1) == verdict, "nor do single bytes");
	if (verdict == -1)
		return 0;
	fuzz_promise(same(&whole, &pieces) && same(&whole, &bytes), "nor what is known of the stream");
	fuzz_promise(whole.budget == budget - n, "each byte is paid for");
	fuzz_promise(whole.literal <= whole.budget, "a literal that is announced may still come");
	fuzz_promise(whole.line <= GUARD_MAX_LINE && whole.depth <= GUARD_MAX_DEPTH &&
	    whole.shown <= GUARD_MAX_SHOWN, "what passed is within the bounds");
	return 0;
}
