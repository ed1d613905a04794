/* screen: what might be of a configured sender is never screened out */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "read/screen.h"
#include "rules/rule.h"

static struct message_door *door;

static const struct { const char *header; bool candidate; } rows[] = {
	{ "From: Vipps MobilePay <no-reply@vippsmobilepay.com>\r\nSubject: x\r\n\r\n", true },
	{ "From: a@VIPPSMOBILEPAY.COM\r\n", true },
	{ "From: a@mail.vippsmobilepay.com\r\n", true },
	{ "From: =?utf-8?q?Vipps_Mobile?= =?utf-8?q?Pay?= <a@example.org>\r\n", true },
	{ "From: =?utf-8?b?dmlwcHNtb2JpbGVwYXkuY29t?= <a@example.org>\r\n", true },
	{ "From: vippsmobilepay@example.org\r\n", true },
	{ "From: a@vippsm0bilepay.com\r\n", true },
	{ "From: a@vippsmobilpay.com\r\n", true },
	{ "From: a@x.vippsmobilepay.co\r\n", true },
	{ "From: a@xn--vippsmobilepy-5db.com\r\n", true },
	{ "From: a@vippsmobilep\xc3\xa5y.com\r\n", true },
	{ "From: a@example.org\r\nReply-To: b@vippsmobilepay.com\r\n", true },
	{ "From: a@example.org\r\nSender: b@vippsmobilepay.com\r\n", true },
	{ "From: a@forward.example.net\r\n", true },
	{ "From: =?x-odd?q?abc?= <a@example.org>\r\n", true },		/* unclear */
	{ "From: a@example.org\r\nSubject: =?x-odd?q?abc?=\r\n", true },
	{ "From: \xff\xfe <a@example.org>\r\n", true },
	{ "From: a@example.org\r\nFrom: b@example.org\r\n", true },
	{ "Subject: no sender\r\n", true },
	{ "", true },
	{ "From: a@example.org\r\nno field\r\n", true },
	{ "From: S\xc3\xb8ren <a@example.org>\r\nSubject: m\xc3\xb8te\r\n\r\n", false },
	{ "From: =?iso-8859-1?q?S=F8ren?= <a@example.org>\r\nReply-To: b@example.com\r\nSubject: x\r\n", false },
	{ "From: Shop <order@shop.example>\r\nSubject: your order\r\nX-Other: vippsmobilepay.com\r\n", false },
};

static void
only_what_is_clearly_of_others_is_screened_out(void **state)
{
	static const char	*domains[] = {"vippsmobilepay.com", NULL}, *forwarders[] = {"forward.example.net", NULL};
	static const char	*const no_rules[] = {NULL};
	struct reading_setup	s = {.domains = domains, .forwarders = forwarders};
	struct arena		a = {0};
	struct rules		*rules;
	const char		*errors;
	struct err		e;

	(void)state;
	assert_int_equal(rules_open(no_rules, &a, &rules, &errors, &e), 0);
	for (size_t i = 0; i < COUNT(rows); i++)
		if (screen_candidate(&s, rules, door, span_of(rows[i].header)) != rows[i].candidate)
			fail_msg("%s", rows[i].header);
	rules_close(rules);
	arena_free(&a);
}

static void
a_screen_word_in_the_subject_is_enough(void **state)
{
	static const char	*const none[] = {NULL}, *const shipped[] = {"rules/vipps-mobilepay.yaml", NULL};
	struct reading_setup	s = {.domains = (const char **)none, .forwarders = (const char **)none};
	struct arena		a = {0};
	struct rules		*rules;
	const char		*errors;
	struct err		e;

	(void)state;
	assert_int_equal(rules_open(shipped, &a, &rules, &errors, &e), 0);
	assert_true(screen_candidate(&s, rules, door, SPAN_LIT("From: a@example.org\nSubject: Fwd: =?utf-8?q?VIPPS?= x\n")));
	assert_false(screen_candidate(&s, rules, door, SPAN_LIT("From: a@example.org\nSubject: lunch\n")));
	rules_close(rules);
	arena_free(&a);
}

static int
open_door(void **state)
{
	struct err e;

	(void)state;
	return message_open(&door, &e);
}

static int
close_door(void **state)
{
	(void)state;
	message_close(door);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_clearly_of_others_is_screened_out),
		cmocka_unit_test(a_screen_word_in_the_subject_is_enough),
	};

	return cmocka_run_group_tests(tests, open_door, close_door);
}
