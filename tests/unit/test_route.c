#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "notify/route.h"

#define SMTP	"smtp: {url: 'smtps://mx.example.com', from: a@example.com}\n"
#define CRM	"  - {name: crm, webhook: 'https://crm.example.com/h', secret_file: crm.secret}\n"
#define OPS	"  - {name: ops, email: [ops@example.com, duty@example.com]}\n"
#define TEAM	"  - {name: team, email: team@example.com}\n"
#define BOXES	"mailboxes:\n  - {name: onboarding}\n  - {name: nordic}\n"
#define ALL	BOXES SMTP "endpoints:\n" CRM OPS TEAM
#define URGENT	"  - {severity: [urgent], to: [ops, crm]}\n"

/* Reads a configuration; the errors it kept are joined by newlines. */
static const char *
read_routes(struct arena *a, const char *yaml, struct routes *r)
{
	struct arena_buf	 errors = {.arena = a};
	struct conf		*c;
	struct err		 e;

	assert_int_equal(conf_parse(a, "t.yaml", span_of(yaml), &c, &e), 0);
	routes_conf_read(conf_root(c), NULL, a, r);
	routes_check(conf_root(c), r);
	for (int i = 0; i < conf_errors(c); i++)
		arena_putf(&errors, "%s\n", conf_error(c, i));
	return errors.n == 0 ? "" : errors.p;
}

static void
wrong_configurations_are_told_with_what_would_be_right(void **state)
{
	static const struct { const char *yaml, *line, *want; } t[] = {
		{ ALL "routes:\n" URGENT "  - {events: [approval.confirmed], to: [crm, slack]}\n",
		    "t.yaml:11:", "no endpoint is named \"slack\"" },
		{ ALL "routes:\n" URGENT "  - {events: [approval.confirmd], to: [crm]}\n",
		    "t.yaml:11:", "\"approval.confirmd\" matches no event" },
		{ ALL "routes:\n" URGENT "  - {events: ['aproval.*'], to: [crm]}\n", "t.yaml:11:",
		    "\"aproval.*\" matches no event" },
		{ ALL "routes:\n" URGENT "  - {events: ['approval*'], to: [crm]}\n", "t.yaml:11:",
		    "\"approval*\" matches no event" },
		{ ALL "routes:\n" URGENT "  - {severity: [loud], to: [crm]}\n", "t.yaml:11:",
		    "none of info, attention" },
		{ ALL "routes:\n" URGENT "  - {country: [no], to: [crm]}\n", "t.yaml:11:",
		    "two capital letters" },
		{ ALL "routes:\n" URGENT "  - {country: [true], to: [crm]}\n", "t.yaml:11:",
		    "two capital letters" },
		{ ALL "routes:\n" URGENT "  - {mailbox: sales, to: [crm]}\n", "t.yaml:11:",
		    "no mailbox is named" },
		{ ALL "routes:\n" URGENT "  - {org: ['918 713 867'], to: [crm]}\n", "t.yaml:11:",
		    "no organisation number" },
		{ ALL "routes:\n" URGENT "  - {events: ['approval.*']}\n", "t.yaml:11:",
		    "names at least one endpoint" },
		{ ALL "routes:\n" URGENT "  - {event: ['approval.*'], to: [crm]}\n", "t.yaml:11:",
		    "event" },
		{ BOXES SMTP "endpoints:\n" CRM CRM OPS "routes:\n" URGENT, "t.yaml:7:",
		    "\"crm\" is there already" },
		{ BOXES SMTP "endpoints:\n  - {name: crm, webhook: 'https://x.example'}\n" OPS "routes:\n" URGENT,
		    "t.yaml:6:", "secret_file" },
		{ BOXES SMTP "endpoints:\n  - {name: crm, webhook: 'http://x.example', secret_file: s}\n" OPS "routes:\n"
		    URGENT, "t.yaml:6:", "webhook" },
		{ BOXES SMTP "endpoints:\n  - {name: crm}\n" OPS "routes:\n" URGENT, "t.yaml:6:",
		    "exactly one of" },
		{ BOXES SMTP "endpoints:\n  - {name: crm, webhook: 'https://x.example', email: a@example.com,"
		    " secret_file: s}\n" OPS "routes:\n" URGENT, "t.yaml:6:", "exactly one of" },
		{ BOXES SMTP "endpoints:\n  - {name: crm, webhook: 'https://x.example', secret_file: s, format: slack}\n" OPS
		    "routes:\n" URGENT, "t.yaml:6:", "standard" },
		{ BOXES SMTP "endpoints:\n  - {name: c r m, webhook: 'https://x.example', secret_file: s}\n" OPS TEAM
		    "routes:\n  - {severity: urgent, to: [ops, team]}\n", "t.yaml:6:",
		    "is no name" },
		{ BOXES SMTP "endpoints:\n" CRM "  - {name: ops, email: []}\n" "routes:\n" URGENT,
		    "t.yaml:7:", "empty" },
		{ BOXES SMTP "endpoints:\n" CRM "  - {name: ops, email: [\"a@example.com\\r\\nRCPT TO:<b@example.com>\"]}\n"
		    "routes:\n" URGENT, "t.yaml:7:", "email" },
		{ BOXES "endpoints:\n" CRM OPS "routes:\n" URGENT, "t.yaml:6:",
		    "no section `smtp`" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct arena	 a = {0};
		struct routes	 r;
		const char	*errors = read_routes(&a, t[i].yaml, &r);

		if (strstr(errors, t[i].want) == NULL || strstr(errors, t[i].line) == NULL)
			fail_msg("row %zu: wanted %s %s, got: %s", i, t[i].line, t[i].want, errors);
		arena_free(&a);
	}
}

static void
an_urgent_event_must_reach_somebody_else(void **state)
{
	static const struct { const char *routes, *want; } t[] = {
		{ "routes:\n" URGENT, NULL },
		{ "routes:\n  - {to: [crm, ops]}\n", NULL },
		{ "routes:\n  - {events: ['*'], to: [crm, ops]}\n", NULL },
		{ "", "no endpoint would get mailbox.failing" },
		{ "routes:\n  - {events: ['approval.*'], to: [crm]}\n",
		    "no endpoint would get mailbox.failing" },
		{ "routes:\n  - {severity: urgent, to: [ops]}\n",
		    "endpoint \"ops\": if it failed" },
		{ "routes:\n  - {severity: urgent, country: NO, to: [ops, crm]}\n",
		    "no endpoint would get mailbox.failing" },
		{ "routes:\n  - {events: ['mailbox.*'], mailbox: onboarding, to: [ops]}\n"
		    "  - {events: ['api.*', 'endpoint.*'], to: [ops, crm]}\n",
		    "no endpoint would get mailbox.failing" },
		{ "routes:\n  - {events: ['mailbox.*'], mailbox: onboarding, to: [ops]}\n"
		    "  - {events: ['mailbox.*'], mailbox: nordic, to: [team]}\n"
		    "  - {events: ['api.*', 'endpoint.*'], to: [ops, crm]}\n", NULL },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct arena	 a = {0};
		struct routes	 r;
		const char	*errors = read_routes(&a, arena_printf(&a, "%s%s", ALL,
		    t[i].routes), &r);

		if (t[i].want == NULL ? *errors != '\0' : strstr(errors, t[i].want) == NULL)
			fail_msg("row %zu: wanted %s, got: %s", i, t[i].want == NULL ? "nothing" :
			    t[i].want, errors);
		arena_free(&a);
	}
}

static void
events_go_where_their_routes_say_each_endpoint_once(void **state)
{
	static const char yaml[] = ALL "routes:\n"
	    "  - {events: ['approval.*'], country: [NO, DK], to: [crm]}\n"
	    "  - {events: [approval.confirmed, evidence.added], mailbox: nordic, to: [team, crm]}\n"
	    "  - {events: ['claim.*'], org: 918713867, to: [team]}\n" URGENT;
	static const struct { const char *type, *data, *want; } t[] = {
		{ "approval.confirmed", "{\"country\":\"NO\",\"mailbox\":\"onboarding\"}", "crm " },
		{ "approval.confirmed", "{\"country\":\"SE\",\"mailbox\":\"onboarding\"}", "" },
		{ "approval.confirmed", "{\"country\":\"DK\",\"mailbox\":\"nordic\"}",
		    "crm team " },
		{ "approval.confirmed", "{\"country\":null,\"mailbox\":null}", "" },
		{ "approval.confirmed", NULL, "" },
		{ "evidence.added", "{\"approval\":{\"mailbox\":\"nordic\"},\"mail\":{}}",
		    "crm team " },
		{ "claim.held", "{\"org_number\":\"918713867\"}", "team " },
		{ "claim.held", "{\"org_number\":\"988077917\"}", "" },
		{ "claim.held", "{}", "" },
		{ "mailbox.failing", "{\"name\":\"nordic\"}", "crm ops " },
		{ "mailbox.recovered", "{\"name\":\"nordic\"}", "" },
		{ "approvals.confirmed", "{\"country\":\"NO\"}", "" },
	};
	struct arena	a = {0};
	struct routes	r;

	(void)state;
	assert_string_equal(read_routes(&a, yaml, &r), "");
	for (size_t i = 0; i < COUNT(t); i++) {
		struct event		 ev = {.type = t[i].type, .data = t[i].data};
		const struct endpoint	**to = route_match(&r, &ev, &a);
		struct arena_buf	 names = {.arena = &a};

		arena_puts(&names, "");
		for (int j = 0; to[j] != NULL; j++)
			arena_putf(&names, "%s ", to[j]->name);
		if (strcmp(names.p == NULL ? "" : names.p, t[i].want) != 0)
			fail_msg("row %zu: wanted %s, got %s", i, t[i].want, names.p);
	}
	assert_int_equal(r.endpoints[1].kind, ENDPOINT_EMAIL);
	assert_string_equal(r.endpoints[1].addresses[1], "duty@example.com");
	assert_null(route_endpoint(&r, "nobody"));
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_configurations_are_told_with_what_would_be_right),
		cmocka_unit_test(an_urgent_event_must_reach_somebody_else),
		cmocka_unit_test(events_go_where_their_routes_say_each_endpoint_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
