/* ingest/body: what a FETCH gave is the mail that step one saw, or it is not believed */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/span.h"
#include "ingest/body.h"

#define FROM	"From: Vipps <no-reply@vippsmobilepay.com>\r\n"
#define SUBJECT	"Subject: Your sales unit is approved\r\n"
#define FIELDS	FROM SUBJECT "Message-ID: <1@vippsmobilepay.com>\r\n\r\n"
#define MAIL	"Received: by mx\r\n" FROM "To: a@example.com\r\n" SUBJECT "Message-ID: <1@vippsmobilepay.com>\r\n\r\ntext\r\n"
#define NOTE	"Subject: Retrieval using the IMAP4 protocol failed for the following message: 20004\r\n"

static void
only_the_mail_with_the_very_fields_is_the_mail(void **state)
{
	static const struct { const char *name, *fields, *body; bool good; } t[] = {
		{"itself", FIELDS, MAIL, true},
		{"its header alone", FIELDS, FIELDS, true},
		{"folded elsewhere", FROM "Subject: Your sales\r\n unit is approved\r\n\r\n", MAIL, true},
		{"other case", "FROM: vipps <NO-REPLY@vippsmobilepay.com>\r\n", MAIL, true},
		{"line feeds alone", FIELDS, "From: Vipps <no-reply@vippsmobilepay.com>\nSubject: Your sales unit is approved\n"
		    "Message-ID: <1@vippsmobilepay.com>\n\ntext", true},
		{"one field twice in step one", FROM FROM, MAIL, true},
		{"step one saw nothing", "", MAIL, true},
		{"step one saw no field", "\r\n", MAIL, true},
		{"nothing", FIELDS, "", false},
		{"nothing, and step one saw nothing", "", "", false},
		{"another From", FIELDS, "From: mallory@example.com\r\n" SUBJECT "Message-ID: <1@vippsmobilepay.com>\r\n\r\n", false},
		{"another subject", FROM "Subject: Your sales unit is approved.\r\n\r\n", MAIL, false},
		{"a part of its header", FIELDS, FROM "Subj", false},
		{"its text alone", FIELDS, "\r\ntext\r\n", false},
		{"the fields in its text", FIELDS, "Received: by mx\r\n\r\n" FIELDS, false},
		{"one byte", FIELDS, "F", false},
		{"Exchange's note", "", NOTE FROM "\r\nThe server could not retrieve the following message", false},
		{"Exchange's note, and it was so in step one", NOTE, NOTE "\r\n", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		if ((body_wrong(span_of(t[i].fields), false, 0, span_of(t[i].body)) == NULL) != t[i].good)
			fail_msg("%s", t[i].name);
}

static void
a_field_that_was_cut_off_is_not_compared(void **state)
{
	(void)state;
	assert_null(body_wrong(span_of(FROM "Subject: Your sal"), true, 0, span_of(MAIL)));
	assert_non_null(body_wrong(span_of(FROM "Subject: Your sal"), false, 0, span_of(MAIL)));
}

static void
what_ends_in_its_header_is_a_mail_only_if_it_is_as_short(void **state)
{
	(void)state;
	assert_null(body_wrong(span_of(FIELDS), false, 9999, span_of(FIELDS)));	/* sizes are wrong often */
	assert_non_null(body_wrong(span_of(FROM), false, 9999, span_of(FROM "To: a@example.com\r\n")));
	assert_null(body_wrong(span_of(FROM), false, sizeof(FROM) - 1, span_of(FROM)));
}

static void
a_servers_note_in_the_place_of_a_mail_is_known(void **state)
{
	static const struct { const char *fields; bool is; } t[] = {
		{NOTE, true},
		{FROM "Subject: Retrieval using the IMAP4\r\n protocol failed for the following message: 7\r\n", true},
		{"subject: retrieval using the POP3 protocol failed for the following message: 7\r\n", true},
		{"Subject: Re: Retrieval using the IMAP4 protocol failed for the following message: 7\r\n", false},
		{"Subject: Retrieval using the IMAP4\r\n", false},
		{"X-Subject: Retrieval using the IMAP4 protocol failed for the following message: 7\r\n", false},
		{"\r\n" NOTE, false},
		{"", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		if (body_substitute(span_of(t[i].fields)) != t[i].is)
			fail_msg("%s", t[i].fields);
}

static void
bytes_of_any_kind_are_only_looked_at(void **state)
{
	char raw[512];

	(void)state;
	for (unsigned seed = 1; seed < 400; seed++) {
		char *exact;

		for (size_t i = 0; i < sizeof(raw); i++)
			raw[i] = "\r\n \t:aS\0"[(seed * 2654435761u + i * i * 40503u) >> 7 & 7];
		exact = malloc(seed);	/* ASan sees a read beyond it */
		assert_non_null(exact);
		memcpy(exact, raw, seed);
		body_wrong((struct span){exact, seed}, seed & 1, 0, (struct span){raw, sizeof(raw)});
		assert_null(body_wrong((struct span){exact, seed}, false, 0, (struct span){exact, seed}));
		free(exact);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_mail_with_the_very_fields_is_the_mail),
		cmocka_unit_test(a_field_that_was_cut_off_is_not_compared),
		cmocka_unit_test(what_ends_in_its_header_is_a_mail_only_if_it_is_as_short),
		cmocka_unit_test(a_servers_note_in_the_place_of_a_mail_is_known),
		cmocka_unit_test(bytes_of_any_kind_are_only_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
