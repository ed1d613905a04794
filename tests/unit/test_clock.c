#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

#define BAD INT64_MIN

static void
times_are_written_in_utc(void **state)
{
	(void)state;
	assert_string_equal(clock_iso(0).s, "1970-01-01T00:00:00.000Z");
	assert_string_equal(clock_iso(1795339800007).s, "2026-11-22T09:30:00.007Z");
	assert_string_equal(clock_iso(-1).s, "1969-12-31T23:59:59.999Z");
	assert_string_equal(clock_mail(1795339800000).s, "Sun, 22 Nov 2026 09:30:00 +0000");
}

static void
dates_of_rfc_3339_are_read(void **state)
{
	static const struct { const char *s; int64_t want; } t[] = {
		{"1970-01-01", 0},
		{"2026-11-22", 1795305600000},
		{"2026-11-22T09:30:00.007Z", 1795339800007},
		{"2026-11-22T09:30:00.0079999Z", 1795339800007},
		{"2026-11-22T10:30:00+01:00", 1795339800000},
		{"2026-11-22t00:00:00-09:30", 1795339800000},
		{"2026-11-22 09:30", 1795339800000},
		{"2024-02-29T00:00:00Z", 1709164800000},
		{"2023-02-29", BAD}, {"2023-31-12T00:00:00Z", BAD}, {"2026-00-10", BAD},
		{"2026-11-22T24:00:00Z", BAD}, {"2026-11-22T09:60:00Z", BAD},
		{"2026-11-22T09:30:00+24:00", BAD}, {"2026-11-22T09:30:00Zx", BAD},
		{"2026-11-22T09:30:00.Z", BAD}, {"26-11-22", BAD}, {"", BAD}, {"yesterday", BAD},
		{"1899-12-31", BAD}, {"2026-11-22T", BAD},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct err	e;
		int64_t		ms = BAD;

		clock_parse(span_of(t[i].s), &ms, &e);
		if (ms != t[i].want)
			fail_msg("%s: %lld", t[i].s, (long long)ms);
	}
}

static void
dates_of_mails_are_read(void **state)
{
	static const struct { const char *s; int64_t want; } t[] = {
		{"Sun, 22 Nov 2026 09:30:00 +0000", 1795339800000},
		{"22 Nov 2026 09:30:00 +0000", 1795339800000},
		{"sun, 22 nov 2026 10:30:00 +0100 (CET (winter))", 1795339800000},
		{"Sun, 22 Nov 2026 09:30 -0000", 1795339800000},
		{"Sun, 22 Nov 26 04:30:00 EST", 1795339800000},
		{"Sun,22 Nov 126 09:30:00 GMT", 1795339800000},
		{"Sun (a \\) b), 22 Nov\r\n 2026 09 : 30 : 00 UT", 1795339800000},
		{"Sun, 22 Nov 2026 09:30:00 Q", 1795339800000},	/* unknown zones are UTC: 4.3 */
		{"Mon, 29 Feb 2024 00:00:00 Z", 1709164800000},	/* a wrong day's name is no harm */
		{"Sun, 06 Nov 1994 08:49:37 GMT", 784111777000},
		{"31 Dec 1998 23:59:60 +0000", 915148799000},	/* a leap second */
		{"Sun, 22 Nov 2026 09:30:00", BAD}, {"Sun, 31 Nov 2026 09:30:00 +0000", BAD},
		{"Sun, 22 Nov 2026 09:30:00 +0099", BAD}, {"Sun, 22 Nov 2026 25:30:00 +0000", BAD},
		{"Sun, 22 Nov 2026 09:30:00 +0000 (open", BAD}, {"Sun, 22 Nov 2026 09:30:00 +0000 x", BAD},
		{"", BAD}, {"22 Foo 2026 09:30:00 +0000", BAD}, {"2026-11-22T09:30:00Z", BAD},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct err	e;
		int64_t		ms = BAD;

		clock_parse_mail(span_of(t[i].s), &ms, &e);
		if (ms != t[i].want)
			fail_msg("%s: %lld", t[i].s, (long long)ms);
	}
}

static void
spans_have_a_unit(void **state)
{
	static const struct { const char *s; int64_t want; } t[] = {
		{"90s", 90000}, {"5m", 300000}, {"6h", 21600000}, {"14d", 1209600000}, {"0d", 0},
		{"14", BAD}, {"d", BAD}, {"", BAD}, {"-1d", BAD}, {"1w", BAD}, {"1.5h", BAD},
		{"99999999d", BAD},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct err	e;
		int64_t		ms = BAD;

		clock_parse_span(span_of(t[i].s), &ms, &e);
		if (ms != t[i].want)
			fail_msg("%s: %lld", t[i].s, (long long)ms);
	}
}

static void
every_day_follows_the_one_before(void **state)
{
	static const int	days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t			before = INT64_C(-2208988800000) - CLOCK_DAY, ms;	/* 1900-01-01 */

	(void)state;
	for (int y = 1900; y < 2500; y++)
		for (int m = 1; m <= 12; m++) {
			int leap = m == 2 && ((y % 4 == 0 && y % 100 != 0) || y % 400 == 0);

			for (int d = 1; d <= days[m - 1] + leap; d++) {
				assert_int_equal(clock_civil(y, m, d, 0, 0, 0, 0, &ms), 0);
				assert_int_equal(ms - before, CLOCK_DAY);
				before = ms;
			}
			assert_int_equal(clock_civil(y, m, days[m - 1] + leap + 1, 0, 0, 0, 0, &ms), -1);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_written_in_utc),
		cmocka_unit_test(dates_of_rfc_3339_are_read),
		cmocka_unit_test(dates_of_mails_are_read),
		cmocka_unit_test(spans_have_a_unit),
		cmocka_unit_test(every_day_follows_the_one_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
