/* need: a pattern is not asked of texts that it cannot fit, and is asked of all others */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "rules/need.h"
#include "rules/pattern.h"

#define TEXTS	2000	/* of random words, for each pattern */

static void
a_text_without_what_a_pattern_needs_is_missed(void **state)
{
	static const struct { const char *pattern, *text; bool misses; } t[] = {
		{ "\\b(?:shop|store) [\"\xc2\xbb](?<a>[^\"]{1,9})[\"\xc2\xbb]", "a SHOP called \"x\"", false },
		{ "\\b(?:shop|store) [\"\xc2\xbb](?<a>[^\"]{1,9})[\"\xc2\xbb]", "a shop called x", true },
		{ "\\b(?:shop|store) [\"\xc2\xbb](?<a>[^\"]{1,9})[\"\xc2\xbb]", "an office \xc2\xbbx\xc2\xbb", true },
		{ "a(?: \\(|, )(?=(?:org|cvr))", "a, ORG", false }, { "a(?: \\(|, )(?=(?:org|cvr))", "a, og", true },
		{ "[0-9]{4,10}", "msn 1", false }, { "[0-9]{4,10}", "msn", true },
		{ "a\\(b", "a", true }, { "a\\(b", "(", false },
		/* what need not be there, and what is not read */
		{ "(?:shop|store)?x", "x", false }, { "(?:shop|store)*x", "x", false }, { "(?:shop|store){0,2}x", "x", false },
		{ "shop|\\(", "shop", false }, { "(?:shop|)x", "x", false }, { "(?:|shop)x", "x", false }, { "(?:shop|s)x", "sx", false },
		{ "(?!shop|store)x", "x", false }, { "(?<!shop|store)x", "x", false }, { "(?<=shop|store)x", "y", false },
		{ "(?:sho?p|store)", "shp", false }, { "(?:shop|store)+", "x", true }, { "(?x) (?: sh op | sto re )", "shop", false },
		{ "(?:\\d+|store)x", "1x", false }, { "[^(]", "x", false }, { "[a-z(]", "b", false }, { "[\\w(]", "b", false },
		{ "\\Q(?:shop|store)\\E", "(?:shop|store)", false }, { "(?|(?:shop|store))", "x", false }, { "[[:alpha:](]", "x", false },
		{ "(?:s\xc3\xb8k|s\xc3\xa4lj)", "S\xc3\x98K", false }, { "(?:shop|desk)", "\xc5\xbfhop", false }, { "(?:shop|desk)", "des\xe2\x84\xaa", false },
		{ "", "", false }, { "(", "x", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct need need;

		need_read(&need, span_of(t[i].pattern));
		if (need_misses(&need, span_of(t[i].text)) != t[i].misses)
			fail_msg("%s is %smissed by %s", t[i].text, t[i].misses ? "not " : "", t[i].pattern);
	}
}

/* From byte 1 on a pattern is asked in any case; what fits there fits from byte 0 on. */
static void
no_match_is_lost(void **state)
{
	static const char *const patterns[] = {
		"(?:shop|store) (?:(?:is )?named )?[\"'](?<a>[^\"']{1,9})[\"']", "(?: \\(|, )(?=(?:org|cvr|reg(?:\\.|istr)))",
		"(?:: |\\) )?(?<a>(?-i:[A-Z])[^()]{0,30}?) ?\\((?:msn|nr)[^0-9]{0,30}(?<b>[0-9]{4,10})(?![0-9-])",
		"(?:^|: |\\b(?:for|of) )(?:shop )?(?<a>[A-Z]{2,9})(?= \\()", "((status|result) [.,] )?(declined|refused)( [.,])*$",
		"(?:desk|kiosk)s?(?: x)?", "(?>shop|store)+[.,]?", "a{2}\\.", "(?<a>(?:msn|nr) )[0-9]+",
	};
	static const char *const words[] = {
		"shop ", "STORE ", "de\xc5\xbf" "k", "kio\xc5\xbf\xe2\x84\xaa", "named ", "\"", "'", "(", ")", ", ", ": ", ". ", "org", "CVR",
		"reg.", "registr", "msn ", "nr ", "1234", "5", "for ", "of ", "A", "Fjord ", "and ", "the ", "declined", "refused", "status ", "aa.",
		"\xc3\xb8 ",
	};
	uint32_t r = 1;

	(void)state;
	for (size_t i = 0; i < COUNT(patterns); i++) {
		struct pattern	*p;
		struct err	 e;
		int		 found = 0;

		assert_int_equal(pattern_open(span_of(patterns[i]), &p, &e), 0);
		for (int n = 0; n < TEXTS; n++) {
			struct arena	 a = {0};
			struct arena_buf b = {.arena = &a};

			arena_puts(&b, " ");
			for (int k = 0; k < 24; k++) {
				r = r * 1664525u + 1013904223u;
				arena_puts(&b, words[(r >> 8) % COUNT(words)]);
			}
			if (pattern_find(p, (struct span){b.p, b.n}, 1) == PATTERN_MATCH) {
				found++;
				if (pattern_find(p, (struct span){b.p, b.n}, 0) != PATTERN_MATCH)
					fail_msg("%s is lost in \"%s\"", patterns[i], b.p);
			}
			arena_free(&a);
		}
		if (found == 0)
			fail_msg("%s fits no text here", patterns[i]);
		pattern_close(p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_without_what_a_pattern_needs_is_missed),
		cmocka_unit_test(no_match_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
