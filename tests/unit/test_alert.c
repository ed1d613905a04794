#include "store_fixture.h"

#include "store/alert.h"

static void
an_alert_is_due_once_a_day_and_ten_of_them(void **state)
{
	static const struct { const char *box, *text; int64_t at_ms; bool want; } t[] = {
		{ "a", "quota", NOW, true },
		{ "a", "quota", NOW + ALERT_AGAIN_MS - 1, false },
		{ "b", "quota", NOW, true },
		{ "a", "other", NOW + 1, true },
		{ "a", "quota", NOW + ALERT_AGAIN_MS, true },
		{ "a", "quota", NOW + 5, true },	/* the clock went back */
	};
	struct fixture *f = *state;
	bool say;

	for (size_t i = 0; i < COUNT(t); i++) {
		OK(alert_due(f->db, t[i].box, t[i].text, t[i].at_ms, &say, &f->e));
		if (say != t[i].want)
			fail_msg("%zu", i);
	}
	for (int n = 0, said = 0; n < 2 * ALERT_MOST; n++) {
		char text[32];

		snprintf(text, sizeof(text), "%d connections", n);
		OK(alert_due(f->db, "c", text, NOW, &say, &f->e));
		said += say;
		assert_int_equal(said, n < ALERT_MOST ? n + 1 : ALERT_MOST);
	}
	assert_int_equal(raw_number(f, "SELECT count(*) FROM trouble WHERE cause GLOB 'alert:c:*'"), ALERT_MOST);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_open, fixture_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_alert_is_due_once_a_day_and_ten_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
