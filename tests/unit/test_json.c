#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static void
only_strict_json_is_read(void **state)
{
	const struct { const char *name; struct span s; bool want; } t[] = {
		{"object", SPAN_LIT(" {\"a\" : [1, -2.5e+3, true, false, null, \"x\"]}\r\n\t"), true},
		{"bare text", SPAN_LIT("\"a\""), true}, {"empty array", SPAN_LIT("[ ]"), true},
		{"escapes", SPAN_LIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e6\\ud83d\\ude00\""), true},
		{"zero", SPAN_LIT("[0, -0, 0.5]"), true},
		{"nothing", SPAN_LIT(""), false}, {"white space", SPAN_LIT(" \n"), false},
		{"something follows", SPAN_LIT("{} x"), false}, {"a second value", SPAN_LIT("1 2"), false},
		{"NUL follows", SPAN_LIT("{}\0"), false}, {"byte order mark", SPAN_LIT("\xef\xbb\xbf{}"), false},
		{"key twice", SPAN_LIT("{\"a\":1,\"b\":2,\"a\":3}"), false},
		{"key twice inside", SPAN_LIT("[{\"x\":{\"a\":1,\"\\u0061\":3}}]"), false},
		{"keys differ in case", SPAN_LIT("{\"a\":1,\"A\":3}"), true},
		{"key in two objects", SPAN_LIT("[{\"a\":1},{\"a\":2}]"), true},
		{"leading zero", SPAN_LIT("[0123]"), false}, {"plus", SPAN_LIT("[+1]"), false},
		{"bare point", SPAN_LIT("[1.]"), false}, {"no digits", SPAN_LIT("[-]"), false},
		{"bare exponent", SPAN_LIT("[1e]"), false}, {"hex", SPAN_LIT("[0x10]"), false},
		{"NaN", SPAN_LIT("[NaN]"), false}, {"word", SPAN_LIT("[truee]"), false},
		{"escaped NUL", SPAN_LIT("\"a\\u0000b\""), false}, {"raw NUL", SPAN_LIT("\"a\0b\""), false},
		{"raw newline", SPAN_LIT("\"a\nb\""), false}, {"unknown escape", SPAN_LIT("\"\\x\""), false},
		{"short escape", SPAN_LIT("\"\\u12\""), false}, {"escape at the end", SPAN_LIT("\"\\"), false},
		{"high surrogate alone", SPAN_LIT("\"\\ud83d\""), false},
		{"low surrogate alone", SPAN_LIT("\"\\ude00\""), false},
		{"two high", SPAN_LIT("\"\\ud83d\\ud83d\""), false},
		{"high and text", SPAN_LIT("\"\\ud83dx\""), false},
		{"not UTF-8", SPAN_LIT("\"\xe6\""), false}, {"no end", SPAN_LIT("\"abc"), false},
		{"comma at the end", SPAN_LIT("[1,]"), false}, {"no comma", SPAN_LIT("[1 2]"), false},
		{"no colon", SPAN_LIT("{\"a\" 1}"), false}, {"no value", SPAN_LIT("{\"a\":}"), false},
		{"key no text", SPAN_LIT("{1:2}"), false}, {"wrong bracket", SPAN_LIT("[1}"), false},
		{"single quotes", SPAN_LIT("{'a':1}"), false}, {"comment", SPAN_LIT("[1/*x*/]"), false},
		{"open", SPAN_LIT("[[1]"), false}, {"html", SPAN_LIT("<html>"), false},
		{"a very long number",
		    SPAN_LIT("[1234567890123456789012345678901234567890123456789012345678901234567890]"), false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct json	*j = NULL;
		struct err	 e;
		int		 rc = json_parse(t[i].s, &j, &e);

		if ((rc == 0) != t[i].want)
			fail_msg("%s", t[i].name);
		if (rc == -1)
			assert_int_equal(e.kind, ERR_REJECT);
		json_free(j);
	}
}

static void
depth_and_size_are_bounded(void **state)
{
	char		 text[2 * JSON_MAX_DEPTH + 8], *big;
	struct json	*j;
	struct err	 e;

	(void)state;
	for (int depth = JSON_MAX_DEPTH; depth <= JSON_MAX_DEPTH + 1; depth++) {
		memset(text, '[', (size_t)depth);
		memset(text + depth, ']', (size_t)depth);
		assert_int_equal(json_parse((struct span){text, 2 * (size_t)depth}, &j, &e),
		    depth <= JSON_MAX_DEPTH ? 0 : -1);
		if (depth <= JSON_MAX_DEPTH)
			json_free(j);
	}
	big = malloc(JSON_MAX_BYTES + 1);
	memset(big, ' ', JSON_MAX_BYTES + 1);
	big[0] = '1';
	assert_int_equal(json_parse((struct span){big, JSON_MAX_BYTES}, &j, &e), 0);
	json_free(j);
	assert_int_equal(json_parse((struct span){big, JSON_MAX_BYTES + 1}, &j, &e), -1);
	memset(big, '[', JSON_MAX_BYTES);	/* a hundred thousand brackets cost nothing */
	assert_int_equal(json_parse((struct span){big, JSON_MAX_BYTES}, &j, &e), -1);
	free(big);
}

static void
getters_answer_for_what_is_not_there(void **state)
{
	struct json		*j;
	const struct json	*v;
	struct arena		 a = {0};
	struct err		 e;
	int64_t			 n = 7;
	bool			 b = true;

	(void)state;
	assert_int_equal(json_parse(SPAN_LIT("{\"t\":\"x\",\"n\":9007199254740991,\"f\":false,\"z\":null,"
	    "\"l\":[1,\"2\"],\"big\":9007199254740993,\"half\":1.5,\"inf\":1e999,\"T\":\"y\",\"neg\":-12}"),
	    &j, &e), 0);
	assert_string_equal(json_text(json_get(j, "t")), "x");
	assert_string_equal(json_text(json_get(j, "T")), "y");
	assert_null(json_get(j, "N"));
	assert_null(json_text(json_get(j, "n")));
	assert_null(json_text(NULL));
	assert_true(json_int(json_get(j, "n"), &n));
	assert_int_equal(n, 9007199254740991);
	assert_true(json_int(json_get(j, "neg"), &n));
	assert_int_equal(n, -12);
	assert_false(json_int(json_get(j, "big"), &n));
	assert_false(json_int(json_get(j, "half"), &n));
	assert_false(json_int(json_get(j, "inf"), &n));
	assert_false(json_int(json_get(j, "t"), &n));
	assert_true(json_bool(json_get(j, "f"), &b));
	assert_false(b);
	assert_false(json_bool(json_get(j, "t"), &b));
	assert_true(json_is_null(json_get(j, "z")));
	assert_true(json_is_null(NULL));
	assert_false(json_is_null(j));
	assert_int_equal(json_count(json_get(j, "l")), 2);
	assert_int_equal(json_count(json_get(j, "t")), 0);
	assert_null(json_item(json_get(j, "l"), 2));
	assert_null(json_item(json_get(j, "l"), -1));
	assert_null(json_item(j, 0));
	assert_string_equal(json_text_or_int(json_item(json_get(j, "l"), 0), &a), "1");
	assert_string_equal(json_text_or_int(json_item(json_get(j, "l"), 1), &a), "2");
	assert_null(json_text_or_int(json_get(j, "half"), &a));
	assert_string_equal(json_key(j, 1, &v), "n");
	assert_ptr_equal(v, json_get(j, "n"));
	assert_null(json_key(j, 99, &v));
	assert_null(v);
	json_free(j);
	json_free(NULL);
	arena_free(&a);
}

static void
writing_keeps_the_order_and_survives_any_bytes(void **state)
{
	struct json	*j = json_object(), *l = json_array(), *copy;
	struct arena	 a = {0};
	static const char want[] = "{\"b\":\"\xc3\xa6\\\"\\n\",\"a\":null,\"n\":1795339800007,\"t\":true,"
	    "\"at\":\"2026-11-22T09:30:00.007Z\",\"never\":null,\"bad\":\"x\xef\xbf\xbdy\xef\xbf\xbd\","
	    "\"none\":null,\"l\":[\"e\",null],\"p\":{\"q\":[1]},\"r\":null}";

	(void)state;
	json_put_text(j, "b", "\xc3\xa6\"\n");
	json_put_text(j, "a", NULL);
	json_put_int(j, "n", 1795339800007);
	json_put_bool(j, "t", true);
	json_put_time(j, "at", 1795339800007);
	json_put_time(j, "never", 0);
	json_put_span(j, "bad", (struct span){"x\xffy\0", 4});
	json_put_span(j, "none", (struct span){NULL, 0});
	json_add_text(l, "e");
	json_add(l, NULL);
	json_put(j, "l", l);
	json_put_printed(j, "p", "{\"q\":[1]}");
	json_put_printed(j, "r", NULL);
	assert_string_equal(json_print(j, &a), want);
	copy = json_copy(j);
	json_free(j);
	assert_string_equal(json_print(copy, &a), want);
	json_free(copy);
	copy = json_ours(want);
	assert_string_equal(json_print(copy, &a), want);
	assert_non_null(strstr(json_print_pretty(copy, &a), "\n"));
	json_free(copy);
	assert_null(json_ours(NULL));
	assert_null(json_copy(NULL));
	arena_free(&a);
}

static void
a_column_that_somebody_broke_is_shown_as_damaged(void **state)
{
	static const char *const broken[] = { "", "{", "[1,]", "{\"code\": \"a\" \"b\"}" };

	(void)state;
	for (size_t i = 0; i < COUNT(broken); i++) {
		struct json *j = json_ours(broken[i]);

		assert_true(json_is_object(j));
		assert_non_null(json_text(json_get(j, "damaged")));
		json_free(j);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_strict_json_is_read),
		cmocka_unit_test(depth_and_size_are_bounded),
		cmocka_unit_test(getters_answer_for_what_is_not_there),
		cmocka_unit_test(writing_keeps_the_order_and_survives_any_bytes),
		cmocka_unit_test(a_column_that_somebody_broke_is_shown_as_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
