#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "notify/email.h"

#define PORT_CLOSED "smtps://127.0.0.1:1"	/* tcpmux: nobody listens there */

static void
wrong_sections_are_told(void **state)
{
	static const struct { const char *yaml, *want; } t[] = {
		{ "smtp: {url: 'smtps://mx.example.com', from: a@example.com}", NULL },
		{ "smtp: {url: 'smtp://mx.example.com:587', user: u, password_file: p, from: a@example.com}", NULL },
		{ "{}", NULL },
		{ "smtp: {from: a@example.com}", "url" },
		{ "smtp: {url: 'smtps://mx.example.com'}", "from" },
		{ "smtp: {url: 'https://mx.example.com', from: a@example.com}", "url" },
		{ "smtp: {url: 'smtps://mx.example.com', from: 'A <a@example.com>'}", "from" },
		{ "smtp: {url: 'smtps://mx.example.com', from: \"a@example.com\\r\\nRSET\"}",
		    "from" },
		{ "smtp: {url: 'smtps://mx.example.com', user: u, from: a@example.com}",
		    "password_file" },
		{ "smtp: {url: 'smtps://mx.example.com', password_file: p, from: a@example.com}",
		    "there is no `user`" },
		{ "smtp: {url: 'smtps://mx.example.com', password: x, from: a@example.com}",
		    "password" },
		{ "smtp: [a]", "smtp" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct arena		 a = {0};
		struct conf		*c;
		struct smtp_conf	 smtp;
		struct err		 e;

		assert_int_equal(conf_parse(&a, "t.yaml", span_of(t[i].yaml), &c, &e), 0);
		smtp_conf_read(conf_root(c), NULL, &smtp);
		if (t[i].want == NULL ? conf_errors(c) != 0 : conf_errors(c) == 0)
			fail_msg("row %zu: %d errors", i, conf_errors(c));
		if (t[i].want != NULL && strstr(conf_error(c, 0), t[i].want) == NULL)
			fail_msg("row %zu: wanted %s, got %s", i, t[i].want, conf_error(c, 0));
		assert_int_equal(smtp.set, i != 2 && i != COUNT(t) - 1);
		arena_free(&a);
	}
}

static void
an_address_that_could_be_a_command_never_reaches_a_server(void **state)
{
	static const char *const bad[] = {
		"a@example.com\r\nRCPT TO:<b@example.com>", "a@example.com\n", "a@example.com>",
		    "<a@example.com", "a b@example.com",
		"bl\xc3\xa5@example.com", "", "nobody", "a@example.com\x7f",
	};
	struct smtp_conf	smtp = {.set = true, .url = PORT_CLOSED, .from = "us@example.com"};
	struct err		e;
	int64_t			took_ms;
	int			status;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(email_send(&smtp, bad[i], SPAN_LIT("x\r\n"), &took_ms, &status,
		    &e), -1);
		assert_int_equal(e.kind, ERR_REJECT);
		smtp.from = bad[i];
		assert_int_equal(email_send(&smtp, "a@example.com", SPAN_LIT("x\r\n"), &took_ms,
		    &status, &e), -1);
		assert_int_equal(e.kind, ERR_REJECT);
		smtp.from = "us@example.com";
	}
}

static void
a_server_that_is_away_is_worth_a_retry_and_named_without_the_address(void **state)
{
	struct smtp_conf	smtp = {.set = true, .url = PORT_CLOSED, .from = "us@example.com"};
	struct err		e = {0};
	int64_t			took_ms = -1;
	int			status = -1;

	(void)state;
	assert_int_equal(email_send(&smtp, "who@example.com", SPAN_LIT("x\r\n"), &took_ms, &status,
	    &e), -1);
	assert_int_equal(e.kind, ERR_RETRY);
	assert_int_equal(status, 0);
	assert_true(took_ms >= 0);
	assert_non_null(strstr(e.msg, "127.0.0.1"));
	assert_null(strstr(e.msg, "who@"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_sections_are_told),
		cmocka_unit_test(an_address_that_could_be_a_command_never_reaches_a_server),
		cmocka_unit_test(a_server_that_is_away_is_worth_a_retry_and_named_without_the_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
