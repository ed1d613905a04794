/* key: what the DNS said is asked for once, and a DNS that is away is left alone */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ingest/key.h"

static int asked;

static enum key_status
ask(const char *const *servers, const char *name, struct arena *a, struct span *record)
{
	(void)servers;
	asked++;
	if (strncmp(name, "away", 4) == 0)
		return KEY_FAILED;
	if (strncmp(name, "gone", 4) == 0)
		return KEY_NONE;
	*record = span_of(arena_printf(a, "v=DKIM1; p=%s", name));
	return KEY_FOUND;
}

static void
an_answer_is_asked_for_once(void **state)
{
	struct keys	k = {.ask = ask};
	struct arena	a = {0};
	struct span	record;

	(void)state;
	asked = 0;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(keys_find(&k, "s1", &a, &record), KEY_FOUND);
		assert_true(span_is(record, "v=DKIM1; p=s1"));
		assert_int_equal(keys_find(&k, "gone", &a, &record), KEY_NONE);
		assert_int_equal(record.n, 0);
		arena_free(&a);
	}
	assert_int_equal(asked, 2);
	keys_free(&k);
}

static void
names_without_end_take_no_more_room(void **state)
{
	struct keys	k = {.ask = ask};
	struct arena	a = {0};
	struct span	record;
	char		name[16];

	(void)state;
	asked = 0;
	for (int i = 0; i < 10 * KEYS_MAX; i++) {
		snprintf(name, sizeof name, "s%d", i);
		assert_int_equal(keys_find(&k, name, &a, &record), KEY_FOUND);
		assert_true(k.count <= KEYS_MAX);
		arena_free(&a);
	}
	assert_int_equal(asked, 10 * KEYS_MAX);
	keys_free(&k);
}

static void
a_dns_that_is_away_is_not_asked_by_every_mail(void **state)
{
	struct keys	k = {.ask = ask};
	struct arena	a = {0};
	struct span	record;

	(void)state;
	asked = 0;
	assert_int_equal(keys_find(&k, "s1", &a, &record), KEY_FOUND);
	for (int i = 0; i < 100; i++)
		assert_int_equal(keys_find(&k, "away", &a, &record), KEY_FAILED);
	assert_true(asked < 10);
	assert_int_equal(keys_find(&k, "s1", &a, &record), KEY_FOUND);	/* what is known stays known */
	keys_free(&k);
	arena_free(&a);
}

static void
without_anybody_to_ask_the_dns_does_not_answer(void **state)
{
	struct keys	k = {0};
	struct arena	a = {0};
	struct span	record;

	(void)state;
	assert_int_equal(keys_find(&k, "s1", &a, &record), KEY_FAILED);
	keys_free(&k);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_asked_for_once),
		cmocka_unit_test(names_without_end_take_no_more_room),
		cmocka_unit_test(a_dns_that_is_away_is_not_asked_by_every_mail),
		cmocka_unit_test(without_anybody_to_ask_the_dns_does_not_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
