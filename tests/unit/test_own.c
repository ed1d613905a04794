#include "tests/unit/store_fixture.h"
#include "ingest/own.h"

#define OURS "msg_0123456789abcdef0123456789abcdef"

static void
only_an_id_that_we_made_makes_a_mail_ours(void **state)
{
	static const struct { const char *name, *raw; int msn /* read from it; 0: nothing was */; bool own; } t[] = {
		{ "the alert itself", "Message-ID: <" OURS "@example.com>\n\nx", 0, true },
		{ "with another Message-ID", "Message-ID: <1@relay>\nX-Approvals-Alert: " OURS "@example.com\n\nx", 0, true },
		{ "an answer", "References: <a@b> <" OURS "@example.com>\n\nI am away", 0, true },
		{ "a bounce", "\n--b\nContent-Type: message/rfc822\n\nMessage-ID: <" OURS "@example.com>\n", 0, true },
		{ "it says what the alert said", "Message-ID: <" OURS "@example.com>\n\nx", 123456, true },
		{ "it says more than the alert", "Message-ID: <" OURS "@example.com>\n\nx", 654321, false },
		{ "an id that we did not make", "Message-ID: <msg_0123456789abcdef0123456789abcde0@example.com>\n", 0, false },
		{ "behind one that we did not make",
		    "References: <msg_ffffffffffffffffffffffffffffffff@a> <" OURS "@example.com>\n", 0, true },
		{ "too short", "Message-ID: <msg_0123456789abcdef@example.com>\n", 0, false },
		{ "too long", "Message-ID: <" OURS "0@example.com>\n", 0, false },
		{ "in capitals", "Message-ID: <MSG_0123456789ABCDEF0123456789ABCDEF@example.com>\n", 0, false },
		{ "in a text", "\n  Message   " OURS "\n", 0, false },
		{ "cut off", "Message-ID: <" OURS, 0, false },
		{ "nothing", "", 0, false },
	};
	struct fixture *f = *state;
	struct delivery_new d = {.endpoint = "ops", .target = "ops@example.com", .webhook_id = OURS,
	    .body = "MSN 123456\r\nOrganisation 918713867\r\n"};

	OK(db_begin(f->db, &f->e));
	fixture_claim(f, "a", CLAIM_HELD, "123456", false);
	OK(db_commit(f->db, &f->e));
	OK(delivery_fan_out(f->db, 1, &d, 1, NOW, &f->e));
	for (size_t i = 0; i < COUNT(t); i++) {
		struct found_claim claim = {0};
		struct extraction found = {.claims = &claim, .count = t[i].msn != 0};
		bool own;

		claim.value[FIELD_ORG_NUMBER] = SPAN_LIT("918713867");
		claim.value[FIELD_MSN] = span_of(arena_printf(&f->a, "%d", t[i].msn));
		OK(own_mail(f->db, span_of(t[i].raw), &found, &f->a, &own, &f->e));
		if (own != t[i].own)
			fail_msg("%s", t[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_an_id_that_we_made_makes_a_mail_ours, fixture_open, fixture_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
