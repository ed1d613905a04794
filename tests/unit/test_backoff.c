#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/backoff.h"
#include "base/span.h"

static const int64_t waits[] = {0, 5000, 300000};

static void
waits_follow_the_list(void **state)
{
	static const struct backoff b = {waits, 3, 0};
	static const struct { const char *name; int n; int64_t at_least, want; } t[] = {
		{"first failure", 1, 0, 1000}, {"second", 2, 0, 6000}, {"third", 3, 0, 301000},
		{"then never", 4, 0, -1}, {"never, whatever the other side asks", 4, 9999, -1},
		{"the other side's longer wait wins", 2, 60000, 61000},
		{"its shorter one does not", 3, 60000, 301000}, {"no attempt yet", 0, 0, -1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		if (backoff_next(&b, t[i].n, 1000, 12345, t[i].at_least) != t[i].want)
			fail_msg("%s", t[i].name);
}

static void
jitter_stays_within_its_percentage_and_reaches_both_ends(void **state)
{
	static const struct backoff b = {waits, 3, 20};
	int64_t low = INT64_MAX, high = 0;

	(void)state;
	for (uint32_t chance = 0; chance < 5000; chance++) {
		int64_t at = backoff_next(&b, 2, 0, chance, 0);

		low = at < low ? at : low;
		high = at > high ? at : high;
	}
	assert_int_equal(low, 4000);
	assert_int_equal(high, 6000);
	assert_int_equal(backoff_next(&b, 1, 7, 3, 0), 7);
	assert_true(backoff_next(&b, 3, 0, UINT32_MAX, 0) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_follow_the_list),
		cmocka_unit_test(jitter_stays_within_its_percentage_and_reaches_both_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
