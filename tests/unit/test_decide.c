#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_compared_as_people_read_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
