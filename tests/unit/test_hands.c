#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingest/hands.h"

static void
a_sales_unit_is_in_hand_until_its_claim_is_dropped(void **state)
{
	struct hands	h = {0};
	struct hand	one = {.msn = "123456", .id = 1}, other = {.msn = "123457", .id = 2};

	(void)state;
	hands_put(&h, &one);
	hands_put(&h, &other);
	assert_true(hands_has(&h, "123456", 7));
	assert_false(hands_has(&h, "0123456", 7));
	assert_false(hands_has(&h, NULL, 1));	/* a number of a claim says nothing of approvals */
	hands_drop(&h, &one);
	assert_false(hands_has(&h, "123456", 1));
	assert_ptr_equal(hands_any(&h), &other);
	hands_drop(&h, &other);
	assert_null(hands_any(&h));
}

static void
without_a_sales_unit_it_is_the_claim_that_is_in_hand(void **state)
{
	struct hands	h = {0};
	struct hand	one = {.id = 5}, same_bucket = {.id = 5 + HANDS_BUCKETS};

	(void)state;
	hands_put(&h, &one);
	assert_true(hands_has(&h, NULL, 5));
	assert_true(hands_has(&h, "123456", 5));
	assert_false(hands_has(&h, "123456", same_bucket.id));
	hands_put(&h, &same_bucket);
	hands_drop(&h, &one);
	assert_true(hands_has(&h, NULL, same_bucket.id));
	assert_false(hands_has(&h, NULL, 5));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sales_unit_is_in_hand_until_its_claim_is_dropped),
		cmocka_unit_test(without_a_sales_unit_it_is_the_claim_that_is_in_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
