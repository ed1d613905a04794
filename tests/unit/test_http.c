/* Header fields that are kept from request to request: base/http.c. What crosses the network is tested in tests/system. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/http.c"	/* NOLINT(bugprone-suspicious-include) */

#define MOST	3

/* Above all no token of another: each differs from the first in one thing. */
static void
test_header_fields_are_sent_again_only_with_a_request_that_has_the_very_same(void **state)
{
	static const struct {
		struct http_header	h[MOST];
		int			n;
		bool			same;
	} t[] = {
		{ {{"A", "1"}, {"Authorization", "Bearer x"}}, 2, true },
		{ {{"A", "1"}, {"Authorization", "Bearer y"}}, 2, false },
		{ {{"A", "1"}, {"Authorization", "Bearer "}}, 2, false },
		{ {{"A", "1"}, {"Authorization", "Bearer xx"}}, 2, false },
		{ {{"A", "1"}, {"Authorization", ""}}, 2, false },
		{ {{"A", "1"}, {"Authorisation", "Bearer x"}}, 2, false },
		{ {{"A", "2"}, {"Authorization", "Bearer x"}}, 2, false },
		{ {{"Authorization", "Bearer x"}, {"A", "1"}}, 2, false },
		{ {{"A", "1"}}, 1, false },
		{ {{"A", "1"}, {"Authorization", "Bearer x"}, {"B", "1"}}, 3, false },
		{ {{"A", "1"}, {"Authorization", "Bearer x"}, {"Content-Type", "text/plain"}}, 3, false },
		{ .n = 0, .same = false },
	};
	struct transfer		kept = {0};
	struct arena		a = {0};
	struct err		e;

	(void)state;
	assert_false(headers_are(kept.headers, &(struct http_request){.headers = t[0].h, .header_count = 0}));
	for (size_t i = 0; i < COUNT(t); i++) {
		const struct http_request	first = {.headers = t[0].h, .header_count = t[0].n};
		const struct http_request	next = {.headers = t[i].h, .header_count = t[i].n};

		assert_int_equal(headers_new(&kept, &first, &a, &e), 0);
		assert_int_equal(headers_are(kept.headers, &next), t[i].same);
		assert_int_equal(headers_new(&kept, &next, &a, &e), 0);
		assert_int_equal(headers_are(kept.headers, &first), t[i].same);
	}
	/* one that is refused leaves nothing that another could take for its own */
	assert_int_equal(headers_new(&kept, &(struct http_request){.header_count = 2,
	    .headers = (struct http_header[]){{"A", "1"}, {"B", "1\r\nC: 1"}}}, &a, &e), -1);
	assert_false(headers_are(kept.headers, &(struct http_request){.headers = t[0].h, .header_count = 1}));
	curl_slist_free_all(kept.headers);
	arena_free(&a);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_fields_are_sent_again_only_with_a_request_that_has_the_very_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
