#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "rules/document.h"

static void
text_add(char *out, struct span s)
{
	size_t n = strlen(out);

	memcpy(out + n, s.p, s.n);
	out[n + s.n] = '\0';
}

static void
test_plain_text_has_columns_by_white_space(void **state)
{
	static const struct { enum document_kind kind; const char *text, *cells; } t[] = {
		{ DOCUMENT_PLAIN, "one cell of words",		"one cell of words" },
		{ DOCUMENT_PLAIN, "MSN:\t123456",		"MSN:|123456" },
		{ DOCUMENT_PLAIN, "  MSN   Navn  på ",		"MSN|Navn|på" },
		{ DOCUMENT_PLAIN, "a\xc2\xa0" "b",		"a b" },
		{ DOCUMENT_HTML,  "a  \t\n b\xe2\x80\xaf" "c",	"a b c" },
		{ DOCUMENT_HTML,  "bad \xff byte",		"bad ? byte" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct arena		 a = {0};
		struct document_build	*b = document_begin(&a, t[i].kind, 0);
		struct document_part	 p;
		char			 got[100] = "";
		bool			 truncated = false;

		document_put_cell(b, span_of(t[i].text));
		document_end_line(b, 0, 0);
		p = document_end(b, &truncated);
		assert_int_equal(p.count, 1);
		for (size_t c = 0; c < p.lines[0].count; c++) {
			if (c > 0)
				text_add(got, SPAN_LIT("|"));
			text_add(got, p.lines[0].cells[c]);
		}
		assert_string_equal(got, t[i].cells);
		assert_false(truncated);
		arena_free(&a);
	}
}

static void
test_empty_lines_are_kept_one_at_a_time(void **state)
{
	struct arena		 a = {0};
	struct document_build	*b = document_begin(&a, DOCUMENT_PLAIN, 3);
	struct document_part	 p;
	struct document		 d = {0};
	bool			 truncated = false;

	(void)state;
	document_end_line(b, 0, 0);
	document_put_cell(b, SPAN_LIT("first"));
	document_end_line(b, 0, 1);
	document_end_line(b, 0, 0);
	document_put_cell(b, SPAN_LIT("  "));
	document_end_line(b, 0, 0);
	document_put_cell(b, SPAN_LIT("last"));
	p = document_end(b, &truncated);
	assert_int_equal(p.count, 3);
	assert_int_equal(p.alternative, 3);
	assert_int_equal(p.lines[0].quote, 1);
	assert_int_equal(p.lines[1].count, 1);
	assert_int_equal(p.lines[1].cells[0].n, 0);
	d.parts = &p;
	d.count = 1;
	assert_true(span_is(document_cell(&d, 0, 2, 0), "last"));
	assert_int_equal(document_cell(&d, 0, 2, 1).n, 0);
	assert_int_equal(document_cell(&d, 1, 0, 0).n, 0);
	arena_free(&a);
}

static void
test_past_a_bound_text_is_dropped_and_said_so(void **state)
{
	struct arena		 a = {0};
	struct document_build	*b = document_begin(&a, DOCUMENT_HTML, 0);
	struct document_part	 p;
	bool			 truncated = false;
	char			*big = arena_alloc(&a, DOCUMENT_MAX_TEXT + 10);

	(void)state;
	for (size_t i = 0; i < DOCUMENT_MAX_LINES + 5; i++) {
		document_put_cell(b, SPAN_LIT("x"));
		document_end_line(b, 0, 0);
	}
	p = document_end(b, &truncated);
	assert_true(truncated);
	assert_int_equal(p.count, DOCUMENT_MAX_LINES);

	truncated = false;
	memset(big, 'y', DOCUMENT_MAX_TEXT + 10);
	b = document_begin(&a, DOCUMENT_PLAIN, 0);
	document_put_cell(b, (struct span){big, DOCUMENT_MAX_TEXT + 10});
	document_put_cell(b, SPAN_LIT("more"));
	p = document_end(b, &truncated);
	assert_true(truncated);
	assert_int_equal(p.lines[0].cells[0].n, DOCUMENT_MAX_TEXT);
	assert_int_equal(p.lines[0].count, 1);
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_text_has_columns_by_white_space),
		cmocka_unit_test(test_empty_lines_are_kept_one_at_a_time),
		cmocka_unit_test(test_past_a_bound_text_is_dropped_and_said_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
