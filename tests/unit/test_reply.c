#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/reply.h"

#define UNIT(msn, scheme, id) \
	"{\"msn\":" msn ",\"name\":\"Kai\",\"businessIdentifier\":{\"scheme\":\"" scheme "\",\"id\":\"" id "\"}}"

/* A list that sends numbers has lost leading zeros; the key is what the mail says. */
static void
an_msn_is_the_same_with_and_without_its_leading_zeros(void **state)
{
	static const struct { const char *body, *asked; bool same; } t[] = {
		{UNIT("12345", "business:NO:ORG", "987654325"), "012345", true},
		{UNIT("\"012345\"", "business:NO:ORG", "987654325"), "12345", true},
		{UNIT("\"123450\"", "business:NO:ORG", "987654325"), "12345", false},
		{UNIT("12345", "business:NO:ORG", "987654325"), "12346", false},
	};
	struct arena		a = {0};
	struct sales_unit	u;
	struct err		e;

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		assert_int_equal(reply_sales_unit(span_of(t[i].body), t[i].asked, &a, &u, &e), t[i].same ? 0 : -1);
		assert_int_equal(u.found, t[i].same);
		if (t[i].same)
			assert_string_equal(u.msn, t[i].asked);
	}
	arena_free(&a);
}

static void
numbers_of_organisations_have_our_normal_form(void **state)
{
	static const struct { const char *body, *number; } t[] = {
		{UNIT("12345", "business:NO:ORG", "NO 987 654 325 MVA"), "987654325"},
		{UNIT("12345", "business:DK:CVR", "DK12 34 56 74"), "12345674"},
		{UNIT("12345", "business:FI:Y-tunnus", "12345671"), "1234567-1"},
		{UNIT("12345", "business:FI:Y-tunnus", "1234567-1"), "1234567-1"},
	};
	struct arena		a = {0};
	struct sales_unit	u;
	struct err		e;

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		assert_int_equal(reply_sales_unit(span_of(t[i].body), "12345", &a, &u, &e), 0);
		assert_string_equal(u.org_number, t[i].number);
	}
	arena_free(&a);
}

static void
an_answer_about_another_merchant_is_refused(void **state)
{
	static const char	body[] = "{\"businessIdentifier\":{\"scheme\":\"business:NO:ORG\",\"id\":\"987654325\"},"
		"\"name\":\"Fjord AS\",\"status\":\"ACTIVE\",\"countryCode\":\"Norge\"}";
	struct arena		a = {0};
	struct merchant		m;
	struct err		e;

	(void)state;
	assert_int_equal(reply_merchant(span_of(body), "987654333", &a, &m, &e), -1);
	assert_int_equal(e.kind, ERR_REJECT);
	assert_false(m.found);
	assert_int_equal(reply_merchant(span_of(body), "987654325", &a, &m, &e), 0);
	assert_null(m.country);		/* that is no country */
	arena_free(&a);
}

static void
a_token_is_sendable_and_its_life_is_believed_within_a_day(void **state)
{
	static const struct { const char *token, *more; int64_t life_ms; } t[] = {
		{"abc.DEF-1", "\"expires_in\":\"86398\"", 86398000},
		{"abc", "\"expires_in\":900", 900000},
		{"abc", "\"expires_on\":\"1600\"", 600000},
		{"abc", "\"expires_in\":\"999999999999\"", 86400000},
		{"abc", "\"expires_on\":\"999999999999\"", 86400000},
		{"abc", "\"expires_in\":\"0\"", -1},
		{"abc", "\"expires_in\":-5", -1},
		{"abc", "\"expires_on\":\"999\"", -1},
		{"abc", "\"token_type\":\"Bearer\"", -1},
		{"", "\"expires_in\":900", -1},
		{"a b", "\"expires_in\":900", -1},
		{"a\\r\\nX-Evil: 1", "\"expires_in\":900", -1},
		{"a\\u007f", "\"expires_in\":900", -1},
		{"\xc3\xa6", "\"expires_in\":900", -1},
	};
	struct arena	a = {0};
	const char	*token;
	int64_t		life_ms;
	struct err	e;

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		const char *body = arena_printf(&a, "{\"access_token\":\"%s\",%s}", t[i].token, t[i].more);
		int rc = reply_token(span_of(body), 1000000, &a, &token, &life_ms, &e);

		if (rc != (t[i].life_ms < 0 ? -1 : 0) || (rc == 0 && life_ms != t[i].life_ms))
			fail_msg("%s: %d, %lld", body, rc, (long long)life_ms);
	}
	arena_free(&a);
}

/* It counts against a claim, so a web server's page must not pass for the API's word. */
static void
a_404_of_the_gateway_is_not_the_apis(void **state)
{
	static const struct { const char *body; bool gateways; } t[] = {
		{"{\"statusCode\": 404, \"message\": \"Resource not found\"}", true},
		{"<html><body>404 Not Found</body></html>", true},
		{"Not Found", true},
		{"{\"type\":\"https://example.com/p\",\"title\":\"Not Found\",\"status\":404}", false},
		{"{\"title\":\"Not Found\",\"status\":\"404\"}", false},
		{"", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		assert_int_equal(reply_is_gateways(span_of(t[i].body)), t[i].gateways);
}

static void
a_wish_to_wait_is_read_from_the_gateways_sentence_alone(void **state)
{
	static const struct { const char *said; int64_t ms; } t[] = {
		{"Rate limit is exceeded. Try again in 35 seconds.", 35000},
		{"Try again in 1 second.", 1000},
		{"Try again in 9999999 seconds.", -1},
		{"Try again in -1 seconds.", -1},
		{"Try again in 5 minutes.", -1},
		{"Try again later.", -1},
	};
	struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		assert_int_equal(reply_wait_ms(span_of(arena_printf(&a, "{\"statusCode\":429,\"message\":\"%s\"}", t[i].said)), &a),
		    t[i].ms);
	arena_free(&a);
}

static void
entries_that_make_no_sense_are_counted_and_passed_over(void **state)
{
	static const char	body[] = "[{\"msn\":\"123456\",\"name\":\"Kai\"},{\"msn\":\"12\"},{\"name\":\"?\"},7,{\"msn\":123457}]";
	struct arena		a = {0};
	struct unit_list	list;
	struct err		e;

	(void)state;
	assert_int_equal(reply_units(span_of(body), &a, &list, &e), 0);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.skipped, 3);
	assert_string_equal(list.units[1].msn, "123457");
	assert_null(list.units[1].name);
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_msn_is_the_same_with_and_without_its_leading_zeros),
		cmocka_unit_test(numbers_of_organisations_have_our_normal_form),
		cmocka_unit_test(an_answer_about_another_merchant_is_refused),
		cmocka_unit_test(a_token_is_sendable_and_its_life_is_believed_within_a_day),
		cmocka_unit_test(a_404_of_the_gateway_is_not_the_apis),
		cmocka_unit_test(a_wish_to_wait_is_read_from_the_gateways_sentence_alone),
		cmocka_unit_test(entries_that_make_no_sense_are_counted_and_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
