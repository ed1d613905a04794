#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "notify/webhook.h"

#define CORPUS_MAX_BYTES (256 * 1024)

static void
signatures_are_those_of_the_published_vectors(void **state)
{
	/*
	 * the first two from the libraries of standard-webhooks (MIT), the last from npm
	 * standardwebhooks 1.1.1
	 */
	static const struct { const char *secret, *id; int64_t at_s; const char *body,
	    *want; } t[] = {
		{ "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
		    1614265330,
		    "{\"test\": 2432232314}", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" },
		{ "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
		    1649367553, "{\"email\":\"test@example.com\",\"username\":\"test_user\"}",
		    "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=" },
		{ "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_2e1cfa82b035c26cbbbdae63",
		    1767225600, "", "v1,+U+ymYmKS7Qp6HCupQ33BPQvnDdFCWpKceSSpZW9Kdg=" },
		{ "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_3f7e37d3f79687cf7712f49c",
		    1767225600,
		    "{\n  \"a\": 1\r\n}\n", "v1,/39AyChD2/7pQ9lEs8fnx3zMsul/ldVZa2oCXDDz7vw=" },
	};
	struct arena	a = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct span	key;
		struct err	e;

		assert_int_equal(webhook_key(t[i].secret, &a, &key, &e), 0);
		assert_string_equal(webhook_sign(key, t[i].id, t[i].at_s, span_of(t[i].body), &a),
		    t[i].want);
	}
	arena_free(&a);
}

static void
a_secret_that_is_none_is_refused_and_not_repeated(void **state)
{
	static const struct { const char *secret, *want; } t[] = {
		{ "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with" },
		{ "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with" },
		{ "", "begins with" },
		{ "whsec_", "24 to 64" },
		{ "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "not base64" },
		{ "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS ", "not base64" },
		{ "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaQ=", "has 24 to 64 bytes; this one has 23" },
		{ "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTwjUPD8ILPZI", "24 to 64" },
	};
	struct arena	a = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct span	key;
		struct err	e;

		assert_int_equal(webhook_key(t[i].secret, &a, &key, &e), -1);
		assert_int_equal(e.what, ERR_CONFIG);
		if (strstr(e.msg, t[i].want) == NULL)
			fail_msg("row %zu: %s", i, e.msg);
		assert_null(strstr(e.msg, "MfKQ9r8G"));
	}
	arena_free(&a);
}

/* The shared corpus, where it is there: signatures made by other implementations. */
static void
signatures_agree_with_other_implementations(void **state)
{
	static const char *const lists[] = { "sign_vectors", "extra_vectors_signed_by_npm_1_1_1" };
	struct arena	 a = {0};
	char		*bytes;
	FILE		*f = fopen("../shared/corpora/standard-webhooks.json", "r");
	struct json	*all;
	struct err	 e;
	int		 done = 0;

	(void)state;
	if (f == NULL) {
		print_message("skipped: no corpus of Standard Webhooks on this machine\n");
		skip();
	}
	bytes = arena_alloc(&a, CORPUS_MAX_BYTES);
	assert_int_equal(json_parse((struct span){bytes, fread(bytes, 1, CORPUS_MAX_BYTES, f)},
	    &all, &e), 0);
	fclose(f);
	for (size_t l = 0; l < COUNT(lists); l++) {
		const struct json *list = json_get(all, lists[l]);

		for (int i = 0; i < json_count(list); i++) {
			const struct json	*v = json_item(list, i);
			const char		*payload = json_text(json_get(v, "payload"));
			struct span		 key, body = span_of(payload);
			int64_t			 at_s;

			if (payload == NULL) {	/* 'x' repeated 1048576 times */
				char *xs = arena_alloc(&a, 1048576);

				memset(xs, 'x', 1048576);
				body = (struct span){xs, 1048576};
			}
			assert_true(json_int(json_get(v, "timestamp"), &at_s));
			assert_int_equal(webhook_key(json_text(json_get(v, "secret")), &a, &key,
			    &e), 0);
			assert_string_equal(webhook_sign(key, json_text(json_get(v, "id")), at_s,
			    body, &a), json_text(json_get(v, "signature")));
			done++;
		}
	}
	assert_true(done >= 8);
	json_free(all);
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_are_those_of_the_published_vectors),
		cmocka_unit_test(a_secret_that_is_none_is_refused_and_not_repeated),
		cmocka_unit_test(signatures_agree_with_other_implementations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
