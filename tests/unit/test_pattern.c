#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "rules/pattern.h"

static void
test_patterns_say_match_no_match_or_limit(void **state)
{
	static const struct { const char *pattern, *subject; enum pattern_result want; } t[] = {
		{ "msn (?<msn>[0-9]+)",	"Your MSN 123456",		PATTERN_MATCH },
		{ "^msn",		"Your MSN 123456",		PATTERN_NO_MATCH },
		{ "GODKÄNT",		"är godkänt",			PATTERN_MATCH },
		{ "^\\d$",		"\xd9\xa9",			PATTERN_NO_MATCH },
		{ "^(a+)+$",		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", PATTERN_LIMIT },
		{ "(?:a|b)*c",		"bad \xff utf-8",		PATTERN_LIMIT },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct pattern	*p = NULL;
		struct err	 e;

		assert_int_equal(pattern_open(span_of(t[i].pattern), &p, &e), 0);
		assert_int_equal(pattern_find(p, span_of(t[i].subject), 0), t[i].want);
		pattern_close(p);
	}
}

static void
test_only_named_groups_capture(void **state)
{
	struct pattern	*p = NULL;
	struct err	 e;
	struct span	 s = SPAN_LIT("org 987 msn 1234");

	(void)state;
	assert_int_equal(pattern_open(SPAN_LIT("(org|nr) .*(?<msn>\\d{4})(?<never>x)?"), &p, &e), 0);
	assert_int_equal(pattern_find(p, s, 0), PATTERN_MATCH);
	assert_int_equal(pattern_group(p, "msn"), 1);
	assert_int_equal(pattern_group(p, "other"), -1);
	assert_true(span_is(pattern_span(p, 1), "1234"));
	assert_null(pattern_span(p, pattern_group(p, "never")).p);
	assert_null(pattern_span(p, 9).p);
	assert_int_equal(pattern_find(p, s, s.n), PATTERN_NO_MATCH);
	pattern_close(p);
}

static void
test_what_is_dangerous_or_wrong_does_not_compile(void **state)
{
	static const char *const t[] = { "a(", "\\C", "(*UCP)a", "[z-a]" };
	char			 big[PATTERN_MAX_BYTES + 1];
	struct pattern		*p = NULL;
	struct err		 e;

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		assert_int_equal(pattern_open(span_of(t[i]), &p, &e), -1);
		assert_int_equal(e.kind, ERR_REJECT);
	}
	memset(big, 'a', sizeof(big));
	assert_int_equal(pattern_open((struct span){big, sizeof(big)}, &p, &e), -1);
}

static void
test_a_long_subject_is_searched_to_its_end(void **state)
{
	struct arena	 a = {0};
	struct pattern	*p = NULL, *whole = NULL, *all = NULL;
	struct err	 e;
	size_t		 n = 5 * PATTERN_MAX_SUBJECT + 7;
	char		*big = arena_alloc(&a, n);
	struct span	 text = {big, n}, edge = {big, n};

	(void)state;
	memset(big, 'a', n);
	for (size_t i = 40; i < n; i += 41)
		big[i] = ' ';
	memcpy(big + n - 8, " msn 123", 8);
	assert_int_equal(pattern_open(SPAN_LIT("\\bmsn (?<msn>[0-9]+)$"), &p, &e), 0);
	assert_int_equal(pattern_find(p, text, 0), PATTERN_MATCH);
	assert_true(span_is(pattern_span(p, pattern_group(p, "msn")), "123"));
	assert_ptr_equal(pattern_span(p, 0).p, big + n - 7);
	assert_int_equal(pattern_find(p, text, n - 3), PATTERN_NO_MATCH);
	/* Nothing is missed where one piece ends and the next begins, and ^ is only the start of it all. */
	for (size_t at = PATTERN_MAX_SUBJECT - 60; at < PATTERN_MAX_SUBJECT + 60; at++) {
		char kept[8];

		memcpy(kept, big + at, 8);
		memcpy(big + at, " msn 12 ", 8);
		edge.n = n - 20;
		assert_int_equal(pattern_find(p, edge, 0), PATTERN_NO_MATCH);
		if (all == NULL)
			assert_int_equal(pattern_open(SPAN_LIT(" msn 12 "), &all, &e), 0);
		assert_int_equal(pattern_find(all, edge, 0), PATTERN_MATCH);
		memcpy(big + at, kept, 8);
	}
	assert_int_equal(pattern_open(SPAN_LIT("^ ?[a ]+msn"), &whole, &e), 0);
	assert_int_equal(pattern_find(whole, text, 0), PATTERN_NO_MATCH);
	pattern_close(p);
	pattern_close(all);
	pattern_close(whole);
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns_say_match_no_match_or_limit),
		cmocka_unit_test(test_only_named_groups_capture),
		cmocka_unit_test(test_what_is_dangerous_or_wrong_does_not_compile),
		cmocka_unit_test(test_a_long_subject_is_searched_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
