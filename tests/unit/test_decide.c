#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "ingest/decide.h"

static void
names_are_compared_as_people_read_them(void **state)
{
	static const struct { const char *mail, *api; bool same; } t[] = {
		{"Fjord Kaffe AS", "Fjord Kaffe AS", true},
		{"  FJORD  kaffe\tas ", "Fjord Kaffe AS", true},
		{"Fjord Kaffe A/S", "Fjord Kaffe", true},
		{"AB Fjord-Kaffe", "Fjord Kaffe", true},
		{"Fjord Kaffe, ApS.", "Fjord Kaffe ApS", true},
		{"Oy Fjord Kaffe Ab", "Fjord Kaffe", true},
		{"BLÅBÆR OG ØL", "Blåbær og øl", true},
		{"Mor\xe2\x80\x99s Caf\xc3\xa9", "Mor's Café", true},
		{"Fjord\xc2\xa0Kaffe", "Fjord Kaffe", true},
		{NULL, "Fjord Kaffe", true},
		{"Fjord Kaffe", NULL, true},
		{"Fjord Kaffe 2 AS", "Fjord Kaffe AS", false},
		{"Fjord Kafe AS", "Fjord Kaffe AS", false},
		{"Fjørd", "Fjord", false},
		{"AS", "AB", false},	/* a form alone is a name */
		{"", "Fjord", false},
		{"\xff\xfe", "Fjord", false},
		{"ΦΩΣ", "ΦΩΣ", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		if (decide_same_name(t[i].mail, t[i].api) != t[i].same)
			fail_msg("%s and %s", t[i].mail, t[i].api);
}

static void
what_can_be_asked_about_has_the_form_that_is_stored(void **state)
{
	static const struct { const char *scheme, *number, *msn; bool askable; } t[] = {
		{"business:NO:ORG", "987654325", "1234", true},
		{"business:FI:Y-tunnus", "1234567-1", "1234567890", true},
		{"business:SE:ORG", "5560125790", "123456", true},
		{"business:NO:ORG", "987654325", "123", false},
		{"business:NO:ORG", "987654325", "12345678901", false},
		{"business:NO:ORG", "987654325", "12345a", false},
		{"business:NO:ORG", "987654325", NULL, false},
		{"business:SE:ORG", "556012579001", "123456", false},
		{"business:NO:ORG", "9876543", "123456", false},
		{"business:NO:ORG", "98765432x", "123456", false},
		{"business:NO:ORG", "", "123456", false},
		{NULL, "987654325", "123456", false},
		{"business:NO:ORG", NULL, "123456", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		assert_int_equal(decide_askable(&(struct claim){.org_scheme = t[i].scheme, .org_number = t[i].number,
		    .msn = t[i].msn}), t[i].askable);
}

static void
a_later_answer_takes_back_the_remark_of_an_earlier_one(void **state)
{
	const struct claim	 c = {.merchant_name = "Fjord AS", .sales_unit_name = "Kai"};
	const struct merchant	 other = {.name = "Fjell"}, same = {.name = "FJORD"};
	struct arena		 a = {0};
	const char		*once, *twice;

	(void)state;
	once = decide_remarks("[{\"code\":\"arrival-unknown\",\"doubt\":false}]", &c, &(struct said){.merchant = &other}, &a);
	assert_non_null(strstr(once, "name-differs"));
	twice = decide_remarks(once, &c, &(struct said){.merchant = &other}, &a);
	assert_string_equal(twice, once);
	twice = decide_remarks(once, &c, &(struct said){.merchant = &same}, &a);
	assert_null(strstr(twice, "name-differs"));
	assert_non_null(strstr(twice, "arrival-unknown"));
	arena_free(&a);
}

static void
a_clock_that_went_back_makes_no_unit_gone(void **state)
{
	const struct approval	p = {.state = "confirmed", .sales_unit = "{}", .missing_ms = 5 * DECIDE_GONE_MS};
	struct refreshed	r = decide_refresh(&p, ANSWER_NOT_FOUND, 4 * DECIDE_GONE_MS);

	(void)state;
	assert_false(r.gone);
	assert_int_equal(r.missing_ms, 4 * DECIDE_GONE_MS);
	assert_int_equal(r.next_ms, 5 * DECIDE_GONE_MS);
	r = decide_refresh(&p, ANSWER_NOT_FOUND, 6 * DECIDE_GONE_MS);
	assert_true(r.gone);
}

/* Approvals from the time without an API: what it says first of them is no change. */
static void
what_nobody_said_before_is_no_change(void **state)
{
	const struct approval	 p = {.merchant_name = "Fjord AS", .sales_unit_name = "Kai", .country = "NO"};
	const struct sales_unit	 unit = {.name = "KAI", .json = "{\"configuration\":{\"paymentAllowed\":true}}"};
	const struct { struct merchant m; int changes; } t[] = {
		{{.name = "FJORD", .status = "ACTIVE", .country = "NO"}, 0},
		{{.name = "Fjord AS", .status = "DEACTIVATED", .country = "NO"}, 1},
		{{.name = "Fjell AS", .status = "ACTIVE", .country = "NO"}, 1},
		{{.name = "Fjord AS", .status = "ACTIVE", .country = "SE"}, 1},
		{{.name = "Fjord AS", .status = "ACTIVE", .country = NULL}, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct json *list = decide_changes(&p, &unit, &t[i].m);

		assert_int_equal(json_count(list), t[i].changes);
		json_free(list);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_compared_as_people_read_them),
		cmocka_unit_test(what_can_be_asked_about_has_the_form_that_is_stored),
		cmocka_unit_test(a_later_answer_takes_back_the_remark_of_an_earlier_one),
		cmocka_unit_test(a_clock_that_went_back_makes_no_unit_gone),
		cmocka_unit_test(what_nobody_said_before_is_no_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
