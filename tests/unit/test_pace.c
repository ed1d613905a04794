#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "ingest/pace.h"

/* Starts whatever may start, each millisecond; the most that any minute saw. */
static int
most_in_a_minute(int rate)
{
	struct arena	a = {0};
	struct pace	p;
	int64_t		at[1000];
	int		n = 0, most = 0;

	pace_init(&p, rate, &a);
	for (int64_t now = 1; now < 5 * CLOCK_MINUTE && n < 1000; now += 7)
		while (pace_wait_ms(&p, now) == 0 && n < 1000) {
			pace_started(&p, now);
			at[n++] = now;
		}
	for (int i = 0, first = 0; i < n; i++) {
		while (at[i] - at[first] >= CLOCK_MINUTE)
			first++;
		if (i - first + 1 > most)
			most = i - first + 1;
	}
	arena_free(&a);
	return most;
}

static void
no_minute_sees_more_than_the_rate_and_none_is_wasted(void **state)
{
	static const int rates[] = {1, 2, 7, 120};

	(void)state;
	for (size_t i = 0; i < COUNT(rates); i++)
		assert_int_equal(most_in_a_minute(rates[i]), rates[i]);
}

static void
a_pause_holds_back_and_a_shorter_one_does_not_end_it(void **state)
{
	struct arena	a = {0};
	struct pace	p;

	(void)state;
	pace_init(&p, 10, &a);
	pace_pause(&p, 5000);
	pace_pause(&p, 3000);
	assert_int_equal(pace_wait_ms(&p, 1000), 4000);
	assert_int_equal(pace_wait_ms(&p, 5000), 0);
	arena_free(&a);
}

static void
the_breaker_opens_after_failures_in_a_row_and_one_answer_closes_it(void **state)
{
	struct arena	a = {0};
	struct pace	p;

	(void)state;
	pace_init(&p, 10, &a);
	for (int i = 0; i < PACE_FAILURES - 1; i++)
		pace_failed(&p, 100);
	assert_int_equal(pace_gate(&p, 100), PACE_CLOSED);
	pace_answered(&p);
	for (int i = 0; i < PACE_FAILURES - 1; i++)
		pace_failed(&p, 100);
	assert_int_equal(pace_gate(&p, 100), PACE_CLOSED);
	pace_failed(&p, 100);
	assert_int_equal(pace_gate(&p, 100), PACE_OPEN);
	assert_int_equal(pace_gate(&p, 100 + PACE_OPEN_MS), PACE_HALF_OPEN);
	pace_failed(&p, 100 + PACE_OPEN_MS);	/* the one that tried */
	assert_int_equal(pace_gate(&p, 101 + PACE_OPEN_MS), PACE_OPEN);
	pace_answered(&p);
	assert_int_equal(pace_gate(&p, 101 + PACE_OPEN_MS), PACE_CLOSED);
	arena_free(&a);
}

static void
some_units_that_are_not_ours_to_see_stop_nobody(void **state)
{
	struct arena	a = {0};
	struct pace	p;

	(void)state;
	pace_init(&p, 10, &a);
	pace_doubt(&p);
	for (int i = 0; i < PACE_REFUSALS - 1; i++) {
		pace_refused(&p, 100);
		assert_int_equal(pace_gate(&p, 100), PACE_CLOSED);
	}
	pace_answered(&p);
	for (int i = 0; i < PACE_REFUSALS - 1; i++)
		pace_refused(&p, 100);
	assert_int_equal(pace_gate(&p, 100), PACE_CLOSED);
	pace_refused(&p, 100);
	assert_int_equal(pace_gate(&p, 100), PACE_OPEN);
	arena_free(&a);
}

static void
what_failed_elsewhere_is_tried_by_one(void **state)
{
	struct arena	a = {0};
	struct pace	p;

	(void)state;
	pace_init(&p, 10, &a);
	pace_doubt(&p);
	assert_int_equal(pace_gate(&p, 0), PACE_HALF_OPEN);
	pace_failed(&p, 10);
	assert_int_equal(pace_gate(&p, 11), PACE_OPEN);
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_minute_sees_more_than_the_rate_and_none_is_wasted),
		cmocka_unit_test(a_pause_holds_back_and_a_shorter_one_does_not_end_it),
		cmocka_unit_test(the_breaker_opens_after_failures_in_a_row_and_one_answer_closes_it),
		cmocka_unit_test(some_units_that_are_not_ours_to_see_stop_nobody),
		cmocka_unit_test(what_failed_elsewhere_is_tried_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
