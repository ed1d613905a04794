#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/json.h"
#include "notify/format.h"
#include "notify/untrusted.h"

#define CLAIM "{\"id\":\"clm_1\",\"state\":\"held\",\"org_scheme\":\"business:NO:ORG\",\"org_number\":\"918713867\"," \
	"\"merchant_name\":\"EVIL http://evil.example\",\"msn\":\"123456\",\"sales_unit_name\":\"EVIL\"," \
	"\"message_id\":\"EVIL@x\",\"sender\":{\"domain\":\"evil.example\",\"proof\":\"none\"}," \
	"\"reasons\":[{\"code\":\"authentication-missing\",\"doubt\":true,\"field\":null}%s]," \
	"\"evidence\":{\"msn\":{\"text\":\"EVIL\"}},\"api\":%s}"

static struct event
event(struct arena *a, const char *more, const char *api)
{
	return (struct event){.seq = 7, .at_ms = 1795340000123, .id = "evt_1", .type = "claim.held", .ref = "clm_1",
	    .untrusted = true, .data = arena_printf(a, CLAIM, more, api)};
}

static void
the_text_of_an_untrusted_mail_is_told_to_nobody(void **state)
{
	struct arena	a = {0};
	struct event	ev = event(&a, "", "null"), shown = untrusted_shown(&ev, &a);

	(void)state;
	assert_string_equal(shown.data, "{\"id\":\"clm_1\",\"state\":\"held\",\"org_scheme\":\"business:NO:ORG\","
	    "\"org_number\":\"918713867\",\"merchant_name\":null,\"msn\":\"123456\",\"sales_unit_name\":null,"
	    "\"message_id\":null,\"sender\":{\"domain\":null,\"proof\":\"none\"},"
	    "\"reasons\":[{\"code\":\"authentication-missing\",\"doubt\":true,\"field\":null}],\"evidence\":null,\"api\":null}");
	ev.untrusted = false;
	assert_ptr_equal(untrusted_shown(&ev, &a).data, ev.data);
	arena_free(&a);
}

static void
names_are_those_of_the_api(void **state)
{
	struct arena	a = {0};
	struct event	ev = event(&a, "", "{\"answer\":\"agrees\",\"merchant\":{\"name\":\"True AS\"},"
			    "\"sales_unit\":{\"name\":\"True Shop\"}}");
	struct event	shown = untrusted_shown(&ev, &a);

	(void)state;
	assert_non_null(strstr(shown.data, "\"merchant_name\":\"True AS\""));
	assert_non_null(strstr(shown.data, "\"sales_unit_name\":\"True Shop\""));
	assert_null(strstr(shown.data, "EVIL"));
	arena_free(&a);
}

static void
digits_that_do_not_check_are_not_shown(void **state)
{
	struct arena	a = {0};
	struct event	ev = event(&a, ",{\"code\":\"check-digit\",\"doubt\":true,\"field\":\"org_number\"}", "null");

	(void)state;
	assert_non_null(strstr(untrusted_shown(&ev, &a).data, "\"org_number\":null"));
	ev.data = "{\"org_number\":\"call 12345678\",\"msn\":\"https://evil\",\"reasons\":[{\"code\":\"EVIL\"}]}";
	assert_string_equal(untrusted_shown(&ev, &a).data, "{\"org_number\":null,\"msn\":null,"
	    "\"reasons\":[{\"code\":null,\"doubt\":true,\"field\":null}]}");
	arena_free(&a);
}

static void
a_notice_counts_all_and_lists_what_it_is_given(void **state)
{
	struct arena	 a = {0};
	struct event	 list[2] = { event(&a, "", "null"), event(&a, "", "null") }, notice;
	const char	*mail;

	(void)state;
	list[1].id = "evt_2";
	list[1].ref = "clm_2";
	notice = untrusted_notice(list, 2, 950, &a);
	assert_int_equal(notice.seq, 7);
	assert_string_equal(notice.type, "claim.held");
	assert_non_null(strstr(notice.data, "\"notice\":{\"count\":950,\"listed\":[{\"id\":\"evt_1\",\"type\":\"claim.held\","
	    "\"at\":\"2026-11-22T09:33:20.123Z\",\"ref\":\"clm_1\",\"org_scheme\":\"business:NO:ORG\","
	    "\"org_number\":\"918713867\",\"msn\":\"123456\"},{\"id\":\"evt_2\""));
	assert_null(strstr(notice.data, "EVIL"));
	mail = format_email(&notice, "msg_88", "us@example.com", "team@example.com", &a);
	assert_non_null(strstr(mail, "Subject: [attention] Held for a person: clm_1, and 949 more that are not proven\r\n"));
	assert_non_null(strstr(mail, "  clm_2          claim.held        organisation 918713867  MSN 123456\r\n"));
	assert_non_null(strstr(mail, "approvals review\r\n"));
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_of_an_untrusted_mail_is_told_to_nobody),
		cmocka_unit_test(names_are_those_of_the_api),
		cmocka_unit_test(digits_that_do_not_check_are_not_shown),
		cmocka_unit_test(a_notice_counts_all_and_lists_what_it_is_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
