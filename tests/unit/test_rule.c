#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "rules/extract.h"
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
		{ "patterns:\n  - {pattern: 'MSN (?<msn>[0-9]+) (?<kid>x)'}\n", ":2:15: pattern: (?<kid>...) is no field", 1 },
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
		{ "countries: {business:DE:HRB: }\n", "is no scheme", 1 },
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

/* What rules_summary() says, after the file's name; "" if the rules are wrong. */
static const char *
summary(const char *yaml, struct arena *a)
{
	struct rules	*r = NULL;
	const char	*errors, *said;

	if (compile(yaml, a, &r, &errors) != 0)
		return "";
	said = strstr(rules_summary(r, a), ": ok: ");
	rules_close(r);
	return said != NULL ? said : "?";
}

#define RULE(name, when) "  - {name: " name ", kind: other, when: [" when "]}\n"

static void
test_what_a_file_holds_is_counted(void **state)
{
	struct arena a = {0};

	(void)state;
	assert_string_equal(summary("phrases: {p: [x, y]}\nlabels: {msn: [{words: [a, b, c]}]}\n"
	    "patterns: [{pattern: '(?<msn>[0-9]+)'}]\nrules:\n" RULE("r", "{any: [x, z]}"), &a),
	    ": ok: 1 rules, 3 phrases, 3 labels, 1 patterns\n");
	arena_free(&a);
}

static void
test_a_rule_that_can_never_win_is_told(void **state)
{
	static const struct { const char *first, *second; int told; } t[] = {
		{ RULE("a", "{any: [x, y]}"), RULE("b", "{any: [y]}"), 1 },
		{ RULE("a", "{any: [x, y]}"), RULE("b", "{in: body, any: [y]}, {none: [z]}"), 1 },
		{ RULE("a", "{any: [x, y]}"), RULE("b", "{all: [q, y]}"), 1 },
		{ RULE("a", "{all: [x]}"), RULE("b", "{all: [y, x]}"), 1 },
		{ RULE("a", "{in: body, none: [x]}"), RULE("b", "{none: [y, x]}"), 1 },
		{ RULE("a", "{any: [{pattern: a+}]}"), RULE("b", "{any: [{pattern: a+}]}"), 1 },
		{ RULE("a", "{any: [x]}"), RULE("b", "{any: [y, x]}"), 0 },
		{ RULE("a", "{in: body, any: [x]}"), RULE("b", "{any: [x]}"), 0 },
		{ RULE("a", "{any: [x]}, {none: [z]}"), RULE("b", "{any: [x]}"), 0 },
		{ RULE("a", "{all: [x, y]}"), RULE("b", "{all: [x]}"), 0 },
		{ RULE("a", "{none: [x, y]}"), RULE("b", "{none: [x]}"), 0 },
		{ RULE("a", "{in: text, none: [x]}"), RULE("b", "{in: body, none: [x]}"), 0 },
		{ RULE("a", "{any: [{pattern: a+}]}"), RULE("b", "{any: [{pattern: a}]}"), 0 },
		{ RULE("a", "{any: [{is: reply}]}"), RULE("b", "{any: [{is: report}]}"), 0 },
		{ RULE("a", "{any: [x]}"), "  - {name: b, kind: other, priority: 9, when: [{any: [x, y]}]}\n", 0 },
		{ RULE("a", "{any: [x]}"), "  - {name: b, kind: other, when: [{any: [x]}], labels:"
		    " {msn: [{words: [key]}]}}\n", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct arena	a = {0};
		const char	*said = summary(arena_printf(&a, "rules:\n%s%s", t[i].first, t[i].second), &a);
		bool		 told = strstr(said, ": remark: rule b can never win: a comes first") != NULL;

		if (*said == '\0' || told != t[i].told)
			fail_msg("%s%s: %s", t[i].first, t[i].second, said);
		arena_free(&a);
	}
}

/* approvals-rules(5) has each code once, in the order of the table, with the same word for it. */
static void
test_the_manual_has_every_reason_and_no_other(void **state)
{
	FILE	*man = fopen("doc/approvals-rules.5", "re");
	char	 line[400], want[100];
	bool	 inside = false;
	int	 n = 0;

	(void)state;
	assert_non_null(man);
	while (fgets(line, sizeof line, man) != NULL) {
		const struct reason *r = reason_at(n);

		if (strncmp(line, ".Sh ", 4) == 0)
			inside = strcmp(line, ".Sh REASONS\n") == 0;
		if (!inside || strncmp(line, ".It ", 4) != 0)
			continue;
		if (r == NULL)
			fail_msg("the manual has more: %s", line);
		else
			snprintf(want, sizeof want, ".It Cm %s Pq %s\n", r->code, r->doubt ? "doubt" : "remark");
		assert_string_equal(line, want);
		n++;
	}
	fclose(man);
	if (reason_at(n) != NULL)
		fail_msg("the manual lacks %s", reason_at(n)->code);
	assert_true(n > 30);
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
		cmocka_unit_test(test_what_a_file_holds_is_counted),
		cmocka_unit_test(test_a_rule_that_can_never_win_is_told),
		cmocka_unit_test(test_the_manual_has_every_reason_and_no_other),
		cmocka_unit_test(test_the_shipped_rules_compile_and_screen),
		cmocka_unit_test(test_kinds_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
