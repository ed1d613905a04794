#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/span.h"

static void
equality_looks_at_bytes_not_at_nul(void **state)
{
	(void)state;
	assert_true(span_eq((struct span){"a\0b", 3}, (struct span){"a\0b", 3}));
	assert_false(span_eq((struct span){"a\0b", 3}, (struct span){"a\0c", 3}));
	assert_false(span_is((struct span){"a\0b", 3}, "a"));
	assert_true(span_eq(span_of(NULL), SPAN_LIT("")));
	assert_true(span_is_nocase(SPAN_LIT("Content-TYPE"), "content-type"));
	assert_false(span_is_nocase(SPAN_LIT("\xc3\x86"), "\xc3\xa6"));	/* ASCII only */
}

static void
cutting_takes_what_stands_before(void **state)
{
	struct span s = SPAN_LIT("a,,b"), before;

	(void)state;
	assert_true(span_cut(&s, ',', &before));
	assert_true(span_is(before, "a"));
	assert_true(span_cut(&s, ',', &before));
	assert_true(span_is(before, ""));
	assert_false(span_cut(&s, ',', &before));
	assert_true(span_is(before, "b"));
	assert_int_equal(s.n, 0);
}

static void
parts_stay_inside(void **state)
{
	struct span s = SPAN_LIT(" \t x y\r\n");

	(void)state;
	assert_true(span_is(span_trim(s), "x y"));
	assert_int_equal(span_trim(SPAN_LIT(" \n ")).n, 0);
	assert_int_equal(span_from(s, 1000).n, 0);
	assert_true(span_is(span_take(SPAN_LIT("abc"), 2), "ab"));
	assert_int_equal(span_take(SPAN_LIT("abc"), 9).n, 3);
	assert_int_equal(span_from(span_of(NULL), 3).n, 0);
}

static void
find_says_where(void **state)
{
	(void)state;
	assert_int_equal(span_find(SPAN_LIT("abcabc"), SPAN_LIT("bc"), 0), 1);
	assert_int_equal(span_find(SPAN_LIT("abcabc"), SPAN_LIT("bc"), 2), 4);
	assert_int_equal(span_find(SPAN_LIT("abcabc"), SPAN_LIT("bc"), 5), -1);
	assert_int_equal(span_find(SPAN_LIT("abc"), SPAN_LIT("bc"), 99), -1);
	assert_int_equal(span_find(SPAN_LIT("abc"), SPAN_LIT(""), 3), 3);
	assert_int_equal(span_find((struct span){"a\0b", 3}, SPAN_LIT("b"), 0), 2);
}

static void
digits_are_ascii_digits(void **state)
{
	static const struct { const char *s; bool want; } t[] = {
		{"0123456789", true}, {"", false}, {"12a", false}, {"-1", false}, {" 1", false},
		{"\xd9\xa1", false},	/* an Arabic digit */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		assert_int_equal(span_digits(span_of(t[i].s)), t[i].want);
}

static void
utf8_is_strict(void **state)
{
	static const struct { const char *name, *s; bool want; } t[] = {
		{"ascii", "abc", true}, {"empty", "", true}, {"two", "\xc3\xa6", true},
		{"three", "\xe2\x82\xac", true}, {"four", "\xf0\x9f\x98\x80", true},
		{"last rune", "\xf4\x8f\xbf\xbf", true}, {"past the last", "\xf4\x90\x80\x80", false},
		{"overlong slash", "\xc0\xaf", false}, {"overlong three", "\xe0\x9f\xbf", false},
		{"overlong four", "\xf0\x8f\xbf\xbf", false}, {"surrogate", "\xed\xa0\x80", false},
		{"before the surrogates", "\xed\x9f\xbf", true}, {"cut off", "\xe2\x82", false},
		{"stray", "\x80", false}, {"latin-1", "\xe6", false}, {"five", "\xf8\x88\x80\x80\x80", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		if (span_utf8(span_of(t[i].s)) != t[i].want)
			fail_msg("%s", t[i].name);
}

/* Eight ASCII bytes are looked at in one go. */
static void
a_bad_byte_is_seen_wherever_it_stands(void **state)
{
	char text[40];

	(void)state;
	for (size_t n = 1; n <= sizeof text; n++)
		for (size_t at = 0; at < n; at++) {
			memset(text, 'a', sizeof text);
			assert_true(span_utf8((struct span){text, n}));
			text[at] = (char)0x80;
			assert_false(span_utf8((struct span){text, n}));
			if (at + 1 == n)
				continue;
			memcpy(text + at, "\xc3\xa6", 2);
			assert_true(span_utf8((struct span){text, n}));
			assert_false(span_utf8((struct span){text, at + 1}));
		}
}

static void
runes_decode_and_bad_bytes_go_one_by_one(void **state)
{
	uint32_t r;

	(void)state;
	assert_int_equal(span_rune("\xe2\x82\xac", 3, &r), 3);
	assert_int_equal(r, 0x20ac);
	assert_int_equal(span_rune("\xf0\x9f\x98\x80", 4, &r), 4);
	assert_int_equal(r, 0x1f600);
	assert_int_equal(span_rune("\xe2\x82", 2, &r), 1);
	assert_int_equal(r, 0xfffd);
	assert_int_equal(span_rune("\xff", 1, &r), 1);
	assert_int_equal(r, 0xfffd);
}

static void
domains_are_ldh_names(void **state)
{
	static const struct { const char *s; bool want; } t[] = {
		{"vippsmobilepay.com", true}, {"localhost", true}, {"xn--bcher-kva.example", true},
		{"", false}, {".com", false}, {"a..b", false}, {"a.", false}, {"a b.com", false},
		{"a_b.com", false}, {"a@b.com", false}, {"\xc3\xa6.com", false},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.com", false},
	};
	char big[300];

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		if (span_domain(span_of(t[i].s)) != t[i].want)
			fail_msg("%s", t[i].s);
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = i % 2 ? '.' : 'a';
	assert_true(span_domain((struct span){big, 253}));
	assert_false(span_domain((struct span){big, 255}));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equality_looks_at_bytes_not_at_nul),
		cmocka_unit_test(cutting_takes_what_stands_before),
		cmocka_unit_test(parts_stay_inside),
		cmocka_unit_test(find_says_where),
		cmocka_unit_test(digits_are_ascii_digits),
		cmocka_unit_test(utf8_is_strict),
		cmocka_unit_test(a_bad_byte_is_seen_wherever_it_stands),
		cmocka_unit_test(runes_decode_and_bad_bytes_go_one_by_one),
		cmocka_unit_test(domains_are_ldh_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
