#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "rules/rule.h"

/* Compiles one text; returns the number of lines in the errors, 0 if it is right. */
static int
compile(const char *yaml, struct arena *a, struct rules **r, const char **errors)
{
	char		 path[] = "/tmp/test_rule.XXXXXX";
	const char	*paths[] = {path, NULL};
	struct err	 e;
	int		 fd = mkstemp(path), rc, lines = 0;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, yaml, strlen(yaml)), (ssize_t)strlen(yaml));
	close(fd);
	rc = rules_open(paths, a, r, errors, &e);
	unlink(path);
	if (rc == 0)
		return 0;
	assert_int_equal(e.what, ERR_CONFIG);
	for (const char *p = *errors; *p != '\0'; p++)
		lines += *p == '\n';
	return lines;
}

static void
test_every_mistake_is_told_with_its_place(void **state)
{
	static const struct { const char *yaml, *want; int lines; } t[] = {
		{ "rules:\n  - {name: a, kind: approval, when: [{any: [x]}]}\n", "", 0 },
		{ "rules:\n  - {name: a, kind: approval}\n", "has no when", 1 },
		{ "rules:\n  - {name: a, kind: perhaps, when: [{any: [x]}]}\n", ":2:", 1 },
		{ "rules:\n  - {name: a, kind: other, when: [{any: [x], none: [y]}]}\n", "any, all, none", 1 },
		{ "rules:\n  - {name: a, kind: other, when: [{any: [{pattern: '('}]}]}\n", "pattern:", 2 },
		{ "rules:\n  - {name: a, kind: other, when: [{any: [{phrases: b}]}]}\n", "no phrases", 2 },
		{ "rules:\n  - {name: a, kind: other, when: [{any: [{found: size}]}]}\n", "no field", 2 },
		{ "rules:\n  - {name: a, kind: other, when: [{any: [x]}]}\n"
		  "  - {name: a, kind: other, when: [{any: [x]}]}\n", "already", 1 },
		{ "labels:\n  msn:\n    - {words: [id]}\n  merchant_name:\n    - {words: [ID]}\n",
		  "another field", 1 },
		{ "labels:\n  msn:\n    - {words: ['...']}\n", "letters or digits", 1 },
		{ "labels:\n  org_number:\n    - {words: [a], scheme: business:DE:HRB}\n", "is no scheme", 1 },
		{ "labels:\n  size:\n    - {words: [a]}\n", "unknown key", 1 },
		{ "patterns:\n  - {pattern: 'msn ([0-9]+)'}\n", "names no field", 1 },
		{ "own_numbers: [987654325]\n", "with its scheme", 1 },
		{ "languages: {de: [und]}\n", "is no language", 1 },
		{ "rule: []\n", "unknown key", 1 },
		{ "a: [\n", "", 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct arena	 a = {0};
		struct rules	*r = NULL;
		const char	*errors = "";

		assert_int_equal(compile(t[i].yaml, &a, &r, &errors), t[i].lines);
		assert_non_null(strstr(errors, t[i].want));
		if (t[i].lines == 0)
			rules_close(r);
		arena_free(&a);
	}
}

static void
test_the_shipped_rules_compile_and_screen(void **state)
{
	static const struct { const char *subject; bool want; } t[] = {
		{ "Salgsstedet er GODKJENT",		true },
		{ "Din Vippsavtale",			true },
		{ "MYYNTIPAIKKA ON HYVÄKSYTTY",		true },
		{ "Ert säljställe är GODKÄNT",		true },
		{ "Your sales unit",			true },
		{ "Lunch on Thursday?",			false },
		{ "",					false },
	};
	const char	*paths[] = {"rules/vipps-mobilepay.yaml", NULL}, *errors;
	struct arena	 a = {0};
	struct rules	*r;
	struct err	 e;

	(void)state;
	assert_int_equal(rules_open(paths, &a, &r, &errors, &e), 0);
	for (size_t i = 0; i < COUNT(t); i++)
		assert_int_equal(rules_screen(r, span_of(t[i].subject)), t[i].want);
	assert_int_equal(strlen(rules_hash(r)), 64);
	rules_close(r);
	arena_free(&a);
}

static void
test_kinds_have_names(void **state)
{
	(void)state;
	for (int k = RULE_NONE + 1; k < RULE_KINDS; k++)
		assert_int_equal(rule_kind_of(span_of(rule_kind_name((enum rule_kind)k))), k);
	assert_int_equal(rule_kind_of(SPAN_LIT("perhaps")), RULE_NONE);
	assert_int_equal(rule_kind_of(SPAN_LIT("")), RULE_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_mistake_is_told_with_its_place),
		cmocka_unit_test(test_the_shipped_rules_compile_and_screen),
		cmocka_unit_test(test_kinds_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
