#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rules/identifier.h"

#define NONE	IDENTIFIER_NONE
#define NO	IDENTIFIER_NO_ORG
#define DK	IDENTIFIER_DK_CVR
#define FI	IDENTIFIER_FI_Y
#define SE	IDENTIFIER_SE_ORG
#define OK	IDENTIFIER_OK
#define CHECK	IDENTIFIER_CHECK_DIGIT
#define FORM	IDENTIFIER_FORM
#define SCHEME	IDENTIFIER_SCHEME

static void
test_written_numbers_get_one_normal_form(void **state)
{
	static const struct {
		const char		*text;
		enum identifier_scheme	 hint, scheme;
		enum identifier_verdict	 verdict;
		const char		*out;
	} t[] = {
		{ "987654325",				NO,   NO, OK,	 "987654325" },
		{ "987 654 325",			NO,   NO, OK,	 "987654325" },
		{ "987\xc2\xa0" "654\xe2\x80\xaf" "325", NO,  NO, OK,	 "987654325" },
		{ "917.313.008",			NO,   NO, OK,	 "917313008" },
		{ "NO 987 654 325 MVA",			NONE, NO, OK,	 "987654325" },
		{ "no987654325mva",			NO,   NO, OK,	 "987654325" },
		{ "987 654 325 MVA",			NONE, NO, OK,	 "987654325" },
		{ "business:NO:ORG:987654325",		NONE, NO, OK,	 "987654325" },
		{ "987654321",				NO,   NO, CHECK, "987654321" },
		{ "98765432",				NO,   NO, FORM,	 "" },
		{ "9876543250",				NO,   NO, FORM,	 "" },
		{ "987-654-325",			NO,   NO, FORM,	 "" },
		{ "987654325 MVA",			DK,   NO, FORM,	 "" },
		{ "DK12345674",				NONE, DK, OK,	 "12345674" },
		{ "dk-12345674",			DK,   DK, OK,	 "12345674" },
		{ "12 34 56 74",			DK,   DK, OK,	 "12345674" },
		{ "CVR-nr. 12345674",			NONE, DK, OK,	 "12345674" },
		{ "business:DK:CVR 12345674",		NONE, DK, OK,	 "12345674" },
		{ "12345678",				DK,   DK, CHECK, "12345678" },
		{ "01150817",				DK,   DK, CHECK, "01150817" },
		{ "DK12345674",				NO,   NO, FORM,	 "" },
		{ "1234567-1",				DK,   DK, FORM,	 "" },
		{ "1234567-1",				FI,   FI, OK,	 "1234567-1" },
		{ "12345671",				FI,   FI, OK,	 "1234567-1" },
		{ "FI12345671",				NONE, FI, OK,	 "1234567-1" },
		{ "1234567\xe2\x80\x91" "1",		FI,   FI, OK,	 "1234567-1" },
		{ "Y-tunnus 1234567-1",			NONE, FI, OK,	 "1234567-1" },
		{ "196831-2",				FI,   FI, OK,	 "0196831-2" },
		{ "1234567-1",				NONE, FI, OK,	 "1234567-1" },
		{ "1234567-8",				FI,   FI, CHECK, "1234567-8" },
		{ "1234568-0",				FI,   FI, CHECK, "1234568-0" },
		{ "556012-5790",			SE,   SE, OK,	 "5560125790" },
		{ "SE556012579001",			NONE, SE, OK,	 "5560125790" },
		{ "556012-5790",			NONE, SE, OK,	 "5560125790" },
		{ "123456789101",			SE,   SE, FORM,	 "" },
		{ "16556012-5790",			SE,   SE, OK,	 "5560125790" },
		{ "165560125790",			SE,   SE, OK,	 "5560125790" },
		{ "1655601-25790",			SE,   SE, FORM,	 "" },
		{ "5560125791",				SE,   SE, CHECK, "5560125791" },
		{ "010190-1234",			NONE, NO, FORM,	 "" },
		{ "987654325",				NONE, NO, SCHEME, "" },
		{ "12345674",				NONE, NO, SCHEME, "" },
		{ "5560125790",				NONE, NO, SCHEME, "" },
		{ "1234567",				NONE, NO, FORM,	 "" },
		{ "\xd9\xa9\xd9\xa8\xd9\xa8\xd9\xa0\xd9\xa7\xd9\xa7\xd9\xa9\xd9\xa1\xd9\xa7", NO, NO, FORM, "" },
		{ "987654325, 987654333",		NO,   NO, FORM,	 "" },
		{ "987654325 eller 987654333",		NO,   NO, FORM,	 "" },
		{ "",					NO,   NO, FORM,	 "" },
		{ "-",					NO,   NO, FORM,	 "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		enum identifier_scheme	s = NONE;
		char			out[IDENTIFIER_TEXT] = "";

		assert_int_equal(identifier_read(span_of(t[i].text), t[i].hint, &s, out), t[i].verdict);
		assert_string_equal(out, t[i].out);
		if (out[0] != '\0')
			assert_int_equal(s, t[i].scheme);
	}
}

static void
test_an_msn_is_four_to_ten_digits(void **state)
{
	static const struct { const char *text; bool want; } t[] = {
		{ "1234", true }, { " 123456 ", true }, { "1234567890", true }, { "0123456", true },
		{ "123", false }, { "12345678901", false }, { "123 456", false }, { "12345a", false },
		{ "", false },
	};
	char out[MSN_MAX_DIGITS + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		assert_int_equal(identifier_msn(span_of(t[i].text), out), t[i].want);
	assert_true(identifier_msn(SPAN_LIT(" 0123456 "), out));
	assert_string_equal(out, "0123456");
}

static void
test_schemes_have_names_and_countries(void **state)
{
	(void)state;
	for (int s = NONE + 1; s < IDENTIFIER_SCHEMES; s++)
		assert_int_equal(identifier_scheme_of(
		    span_of(identifier_scheme_name((enum identifier_scheme)s))), s);
	assert_int_equal(identifier_scheme_of(SPAN_LIT("business:DE:HRB")), NONE);
	assert_string_equal(identifier_country(FI), "FI");
	assert_null(identifier_scheme_name(NONE));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_numbers_get_one_normal_form),
		cmocka_unit_test(test_an_msn_is_four_to_ten_digits),
		cmocka_unit_test(test_schemes_have_names_and_countries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
