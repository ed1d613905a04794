/* A rule file's bytes: compiled or refused with its errors; what compiles is asked of a mail. */
#include <string.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rules/extract.h"
#include "tests/fuzz/fuzz.h"

static const struct { const char *cells[2]; } lines[] = {
	{ { "Your application has been approved and the products can now be used.", NULL } },
	{ { "Organisation number", "918 713 867" } }, { { "Merchant name", "Fjord Kaffe AS" } },
	{ { "MSN", "123456" } }, { { "Sales unit", "Fjord Kaffe Torget" } },
};

static char path[64];
static int fd;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fd = memfd_create("rules", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fuzz_promise(fd >= 0 && fchmod(fd, 0600) == 0, "there is a file");
	return 0;
}

static void
ask(const struct rules *rules, struct arena *a)
{
	struct document_build	*b = document_begin(a, DOCUMENT_HTML, 0);
	struct document_part	 part;
	struct document		 d = {.subject = SPAN_LIT("Approved"), .from = SPAN_LIT("Vipps MobilePay"),
	    .auto_submitted = SPAN_LIT(""), .year = 2026, .parts = &part, .count = 1};
	struct reading		 r = {0};
	struct err		 e;
	bool			 truncated = false;

	for (size_t i = 0; i < COUNT(lines); i++) {
		for (size_t c = 0; c < 2 && lines[i].cells[c] != NULL; c++)
			document_put_cell(b, span_of(lines[i].cells[c]));
		document_end_line(b, lines[i].cells[1] != NULL, 0);
	}
	part = document_end(b, &truncated);
	rules_screen(rules, d.subject);
	if (extract(rules, &d, a, &r.found, &e) == 0)
		fuzz_reading(&r, a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *const	 paths[] = {path, NULL};
	struct arena		 a = {0};
	struct rules		*rules = NULL;
	const char		*errors = NULL;
	struct err		 e;

	fuzz_promise(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size, "the file is written");
	if (rules_open(paths, &a, &rules, &errors, &e) == 0) {
		ask(rules, &a);
		rules_close(rules);
	} else
		fuzz_promise(errors != NULL && strstr(errors, path) != NULL, "an error says where it is");
	arena_free(&a);
	return 0;
}
