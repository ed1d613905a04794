#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "notify/format.h"

#define AT_MS	INT64_C(1795340000123)	/* 2026-11-22T09:33:20.123Z, a Sunday */
#define APPROVAL(name, unit) "{\"id\":\"apr_0123\",\"state\":\"confirmed\",\"confirmed_by\":\"management-api\"," \
	"\"org_scheme\":\"business:NO:ORG\",\"org_number\":\"918713867\",\"country\":\"NO\",\"merchant_name\":\"" name "\"," \
	"\"msn\":\"123456\",\"sales_unit_name\":" unit ",\"received_at\":\"2026-11-22T09:30:00.000Z\"," \
	"\"confirmed_at\":\"2026-11-22T09:33:20.000Z\",\"mailbox\":\"onboarding\",\"message_id\":\"x@y\"," \
	"\"sender\":{\"domain\":\"vippsmobilepay.com\",\"proof\":\"authentication-results\"}," \
	"\"merchant\":{\"status\":\"ACTIVE\"},\"sales_unit\":null}"

static const char *
letter(struct arena *a, const char *type, const char *ref, const char *data)
{
	struct event ev = {.seq = 1, .at_ms = AT_MS, .id = "evt_77", .type = type, .ref = ref,
	    .data = data};

	return format_email(&ev, "msg_88", "approvals@example.com", "team@example.com", a);
}

/* A header field, unfolded and with its encoded-words decoded. */
static const char *
field(struct arena *a, const char *mail, const char *name)
{
	struct arena_buf	b = {.arena = a};
	const char		*p = strstr(mail, name);

	assert_non_null(p);
	for (p += strlen(name); strncmp(p, "\r\n", 2) != 0 || p[2] == ' '; p++) {
		if (strncmp(p, "=?UTF-8?B?", 10) == 0) {
			size_t		n = strcspn(p + 10, "?");
			struct span	text = digest_unbase64(a, (struct span){p + 10, n});

			assert_true(n + 12 <= 75);
			assert_true(span_utf8(text));	/* no character is split */
			arena_put(&b, text.p, text.n);
			p += 10 + n + 1;
		} else if (strncmp(p, "\r\n ", 3) == 0)
			p += 2;
		else
			arena_put(&b, p, 1);
	}
	return b.p;
}

/* The body, decoded from quoted-printable. */
static const char *
body(struct arena *a, const char *mail)
{
	struct arena_buf	b = {.arena = a};
	const char		*p = strstr(mail, "\r\n\r\n") + 4;

	for (; *p != '\0'; p++) {
		if (strncmp(p, "=\r\n", 3) == 0)
			p += 2;
		else if (*p == '=') {
			static const char hex[] = "0123456789ABCDEF";
			char c = (char)((strchr(hex, p[1]) - hex) * 16 + (strchr(hex, p[2]) - hex));

			arena_put(&b, &c, 1);
			p += 2;
		} else if (*p != '\r')
			arena_put(&b, p, 1);
	}
	return b.p;
}

/*
 * What every message keeps: CRLF only, ASCII only, short lines, one header block of known fields.
 */
static void
check_wire(const char *mail)
{
	size_t column = 0;

	for (const char *p = mail; *p != '\0'; p++) {
		assert_true((*p >= ' ' && *p <= '~') || *p == '\r' || *p == '\n');
		if (*p == '\n')
			assert_true(p > mail && p[-1] == '\r');
		if (*p == '\r')
			assert_true(p[1] == '\n');
		column = *p == '\n' ? 0 : column + 1;
		assert_true(column <= 300);
	}
	assert_null(strstr(strstr(mail, "\r\n\r\n") + 2, "\r\nBcc:"));
}

static void
standard_bodies_have_three_keys_in_order(void **state)
{
	static const struct { const char *data, *want; } t[] = {
		{ "{\"name\":\"onboarding\",\"n\":[1,{\"a\":null}]}",
		    "{\"type\":\"mailbox.failing\",\"timestamp\":"
		    "\"2026-11-22T09:33:20.123Z\",\"data\":{\"name\":\"onboarding\",\"n\":[1,{\"a\":null}]}}" },
		{ NULL,
		    "{\"type\":\"mailbox.failing\",\"timestamp\":\"2026-11-22T09:33:20.123Z\",\"data\":null}" },
	};
	struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct event ev = {.at_ms = AT_MS, .id = "evt_7", .type = "mailbox.failing",
		    .data = t[i].data};

		assert_string_equal(format_standard(&ev, &a), t[i].want);
	}
	arena_free(&a);
}

static void
an_alert_says_what_happened_and_what_to_do(void **state)
{
	struct arena	 a = {0};
	const char	*mail = letter(&a, "approval.confirmed", "apr_0123", APPROVAL("Kaffe AS",
	    "\"Nettbutikk\""));

	(void)state;
	check_wire(mail);
	assert_string_equal(field(&a, mail, "Subject: "), "[info] Approved: Kaffe AS (MSN 123456)");
	assert_string_equal(field(&a, mail, "From: "), "approvals@example.com");
	assert_string_equal(field(&a, mail, "To: "), "team@example.com");
	assert_string_equal(field(&a, mail, "Message-ID: "), "<msg_88@example.com>");
	assert_string_equal(field(&a, mail, "Date: "), "Sun, 22 Nov 2026 09:33:20 +0000");
	assert_string_equal(field(&a, mail, "Auto-Submitted: "), "auto-generated");
	assert_string_equal(field(&a, mail, "Precedence: "), "bulk");
	assert_string_equal(field(&a, mail, "X-Auto-Response-Suppress: "), "All");
	assert_string_equal(field(&a, mail, "MIME-Version: "), "1.0");
	assert_string_equal(field(&a, mail, "Content-Type: "), "text/plain; charset=utf-8");
	assert_string_equal(body(&a, mail),
	    "Approved: Kaffe AS (MSN 123456)\n\n"
	    "  Organisation   918713867 (NO)\n"
	    "  Merchant       Kaffe AS\n"
	    "  MSN            123456\n"
	    "  Sales unit     Nettbutikk\n"
	    "  State          confirmed\n"
	    "  Confirmed      2026-11-22T09:33:20.000Z by management-api\n"
	    "  Mail came      2026-11-22T09:30:00.000Z\n"
	    "  Mailbox        onboarding\n"
	    "  Sender         vippsmobilepay.com (authentication-results)\n\n"
	    "  About          apr_0123\n"
	    "  Event          approval.confirmed, evt_77\n"
	    "  At             2026-11-22T09:33:20.123Z\n"
	    "  Message        msg_88\n\n"
	    "To see why, what it came from and who was told:\n\n  approvals show apr_0123\n");
	arena_free(&a);
}

static void
names_are_encoded_and_cannot_add_header_fields(void **state)
{
	static const struct { const char *data, *want; } t[] = {
		{ APPROVAL("Blåbærkrydder & Sønn AS", "null"),
		    "[info] Approved: Blåbærkrydder & Sønn AS (MSN 123456)" },
		{ APPROVAL("A\\r\\nBcc: x@example.org\\r\\n\\r\\nB", "null"),
		    "[info] Approved: A Bcc: x@example.org B (MSN 123456)" },
		{ APPROVAL("=?UTF-8?B?QQ==?=", "null"),
		    "[info] Approved: =?UTF-8?B?QQ==?= (MSN 123456)" },
		{ APPROVAL("A\\u202egnp.exe\\u200b\\u0007", "null"),
		    "[info] Approved: Agnp.exe (MSN 123456)" },
		{ APPROVAL("", "null"), "[info] Approved: apr_0123 (MSN 123456)" },
		{ APPROVAL("\\u0007", "null"), "[info] Approved: apr_0123 (MSN 123456)" },
		{ "{}", "[info] Approved: apr_0123" },
		{ NULL, "[info] Approved: apr_0123" },
	};
	struct arena		 a = {0};
	struct arena_buf	 name = {.arena = &a};
	const char		*mail, *subject;

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		mail = letter(&a, "approval.confirmed", "apr_0123", t[i].data);
		check_wire(mail);
		assert_string_equal(field(&a, mail, "Subject: "), t[i].want);
	}
	for (int i = 0; i < 500; i++)
		arena_puts(&name, i % 7 == 0 ? "🫐" : "ø");
	mail = letter(&a, "approval.confirmed", "apr_0123",
	    arena_printf(&a, "{\"merchant_name\":\"%s\",\"msn\":\"123456\"}", name.p));
	check_wire(mail);
	subject = field(&a, mail, "Subject: ");
	assert_true(strlen(subject) < 250);
	assert_non_null(strstr(subject, "ø (MSN 123456)"));
	arena_free(&a);
}

static void
of_a_claim_only_ids_codes_and_digits_are_shown(void **state)
{
	static const char data[] = "{\"id\":\"clm_12\",\"state\":\"held\",\"org_number\":\"918713867\",\"country\":\"NO\","
	    "\"merchant_name\":\"Click evil.example\",\"msn\":\"123456\",\"sales_unit_name\":\"evil.example\","
	    "\"mailbox\":\"onboarding\",\"message_id\":\"evil.example\","
	    "\"sender\":{\"domain\":\"evil.example\",\"proof\":\"none\"},"
	    "\"reasons\":[{\"code\":\"missing-field\",\"doubt\":true,\"field\":\"msn\"},{\"code\":\"replayed\",\"doubt\":true,"
	    "\"field\":null},\"evil.example\"],\"evidence\":{\"msn\":{\"text\":\"evil.example\"}},\"api\":{\"answer\":\"other-organisation\",\"merchant\":{\"name\":\"evil.example\"}}}";
	struct arena	 a = {0};
	const char	*mail = letter(&a, "claim.held", "clm_12", data), *text = body(&a, mail);

	(void)state;
	check_wire(mail);
	assert_string_equal(field(&a, mail, "Subject: "),
	    "[attention] Held for a person: clm_12 (MSN 123456)");
	assert_null(strstr(mail, "evil"));
	assert_null(strstr(text, "evil"));
	assert_non_null(strstr(text, "  Organisation   918713867 (NO)\n"));
	assert_non_null(strstr(text,
	    "  Reasons        missing-field (msn)\n                 replayed\n"));
	assert_non_null(strstr(text, "  API says       other-organisation\n"));
	assert_non_null(strstr(text, "  Sender         not proven\n"));
	assert_non_null(strstr(text, "  approvals show clm_12\n"));
	mail = letter(&a, "claim.held", "clm_12",
	    "{\"org_number\":\"see evil.example\",\"msn\":\"12 evil\"}");
	assert_string_equal(field(&a, mail, "Subject: "), "[attention] Held for a person: clm_12");
	assert_null(strstr(body(&a, mail), "evil"));
	arena_free(&a);
}

static void
trouble_is_told_with_its_error_as_one_line(void **state)
{
	struct arena	 a = {0};
	const char	*mail = letter(&a, "mailbox.failing", "mailbox:onboarding",
	    "{\"name\":\"onboarding\",\"since\":"
		"\"2026-11-22T09:00:00.000Z\",\"attempts\":7,\"error\":\"imap.example.com:\\n  timed out\",\"other\":\"x\"}");
	const char	*text = body(&a, mail);

	(void)state;
	check_wire(mail);
	assert_string_equal(field(&a, mail, "Subject: "),
	    "[urgent] Mailbox is failing: onboarding");
	assert_non_null(strstr(text, "  Name           onboarding\n"));
	assert_non_null(strstr(text, "  Attempts       7\n"));
	assert_non_null(strstr(text, "  Error          imap.example.com:   timed out\n"));
	assert_null(strstr(text, "Other"));
	assert_non_null(strstr(text, "approvals -v run"));
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(standard_bodies_have_three_keys_in_order),
		cmocka_unit_test(an_alert_says_what_happened_and_what_to_do),
		cmocka_unit_test(names_are_encoded_and_cannot_add_header_fields),
		cmocka_unit_test(of_a_claim_only_ids_codes_and_digits_are_shown),
		cmocka_unit_test(trouble_is_told_with_its_error_as_one_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
