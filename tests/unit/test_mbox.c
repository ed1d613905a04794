/* ingest/mbox: where a file of mails is cut, and what is unquoted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "ingest/mbox.h"

#define F "From x@y.example Sun Nov 22 09:30:00 2026\n"

static int
file_of(struct span bytes)
{
	int fd = memfd_create("mbox", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes.p, bytes.n), (ssize_t)bytes.n);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* The mails with "|" behind each; one that is too large as its size. */
static const char *
cut(struct span bytes, size_t max, struct arena *a)
{
	struct arena_buf b = {.arena = a};
	int		 fd = file_of(bytes), got;
	struct mbox	*m = mbox_open(fd, "t", max, a);
	struct span	 raw;
	int64_t		 size;
	struct err	 e;

	arena_puts(&b, "");
	while ((got = mbox_next(m, &raw, &size, &e)) == 1) {
		if (raw.p == NULL)
			arena_putf(&b, "%lld", (long long)size);
		else
			arena_put(&b, raw.p, raw.n);
		arena_puts(&b, "|");
	}
	assert_int_equal(got, 0);
	close(fd);
	return b.p;
}

static void
a_file_is_cut_at_its_mails_and_nowhere_else(void **state)
{
	static const struct { const char *name, *file, *want; } t[] = {
		{ "one", F "A: 1\n\nx\n", "A: 1\n\nx\n|" },
		{ "two", F "A: 1\n\nx\n\n" F "B: 2\n\ny\n\n", "A: 1\n\nx\n|B: 2\n\ny\n|" },
		{ "no newline at the end", F "A: 1\n\nx", "A: 1\n\nx|" },
		{ "CRLF", "From x\r\nA: 1\r\n\r\nx\r\n\r\nFrom y\r\nB: 2\r\n\r\n",
		    "A: 1\r\n\r\nx\r\n|B: 2\r\n|" },
		{ "two empty lines: one is the mail's", F "A: 1\n\nx\n\n\n" F "B: 2\n\n", "A: 1\n\nx\n\n|B: 2\n|" },
		{ "no empty line before", F "A: 1\n\nx\n" F "B: 2\n", "A: 1\n\nx\n" F "B: 2\n|" },
		{ "no field behind", F "A: 1\n\nx\n\nFrom here on\nnothing\n", "A: 1\n\nx\n\nFrom here on\nnothing\n|" },
		{ "at the end", F "A: 1\n\nx\n\nFrom here on\n", "A: 1\n\nx\n\nFrom here on\n|" },
		{ "twice", F "A: 1\n\nx\n\nFrom a\nFrom b\nB: 2\n", "A: 1\n\nx\n\nFrom a\nFrom b\nB: 2\n|" },
		{ "quoted once", F "A: 1\n\n>From b\nB: 2\n", "A: 1\n\nFrom b\nB: 2\n|" },
		{ "quoted twice", F "A: 1\n\n>>From b\n", "A: 1\n\n>From b\n|" },
		{ "quoted otherwise", F "A: 1\n\n> From b\n>from c\n", "A: 1\n\n> From b\n>from c\n|" },
		{ "Content-Length says nothing", F "Content-Length: 99\n\nx\n\n" F "B: 2\n",
		    "Content-Length: 99\n\nx\n|B: 2\n|" },
		{ "only a separator", F, "" },
		{ "empty lines only", F "\n\n" F "A: 1\n", "\n|A: 1\n|" },
		{ "nothing", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct arena a = {0};
		const char *got = cut(span_of(t[i].file), 1000, &a);

		if (strcmp(got, t[i].want) != 0)
			fail_msg("%s: %s", t[i].name, got);
		arena_free(&a);
	}
}

static void
a_mail_that_is_too_large_is_counted_and_the_next_one_whole(void **state)
{
	static const struct { size_t max; const char *want; } t[] = {
		{ 10, "A: 1\n\nxyz\n|B: 2\n|" },
		{ 9, "10|B: 2\n|" },
		{ 4, "10|5|" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct arena a = {0};

		assert_string_equal(cut(span_of(F "A: 1\n\nxyz\n\n" F "B: 2\n\n"), t[i].max, &a), t[i].want);
		arena_free(&a);
	}
}

/* Every length of a line around the size of one read: no byte is lost, no piece taken for a line. */
static void
long_lines_come_whole(void **state)
{
	(void)state;
	for (size_t n = 65480; n < 65560; n++) {
		struct arena	 a = {0};
		struct arena_buf file = {.arena = &a}, want = {.arena = &a};
		char		*line = arena_alloc(&a, n + 1);

		memset(line, 'x', n);
		arena_puts(&want, "A: 1\n\n");
		arena_put(&want, line, n);
		arena_puts(&want, ">From b\n\n");
		arena_put(&want, line, n);
		arena_puts(&want, "\nFrom c: d\nB: 2\n");
		arena_puts(&file, F);
		arena_put(&file, want.p, want.n);
		arena_puts(&file, "\n" F "C: 3\n\n");
		arena_puts(&want, "|C: 3\n|");
		assert_string_equal(cut((struct span){file.p, file.n}, 1 << 20, &a), want.p);
		arena_free(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_cut_at_its_mails_and_nowhere_else),
		cmocka_unit_test(a_mail_that_is_too_large_is_counted_and_the_next_one_whole),
		cmocka_unit_test(long_lines_come_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
