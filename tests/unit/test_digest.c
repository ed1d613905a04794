#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/digest.h"

static void
sha256_is_that_of_fips_180_4(void **state)
{
	static const struct { const char *s, *want; } t[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	};
	struct arena	a = {0};
	uint8_t		out[DIGEST_BYTES];

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		digest_sha256(span_of(t[i].s), out);
		assert_string_equal(digest_hex(&a, out, sizeof(out)), t[i].want);
	}
	arena_free(&a);
}

static void
hmac_is_that_of_rfc_4231(void **state)
{
	char		key1[20], key6[131];
	const struct { struct span key, data; const char *want; } t[] = {
		{{key1, 20}, SPAN_LIT("Hi There"),
		    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{SPAN_LIT("Jefe"), SPAN_LIT("what do ya want for nothing?"),
		    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{{key6, 131}, SPAN_LIT("Test Using Larger Than Block-Size Key - Hash Key First"),
		    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
	};
	struct arena	a = {0};
	uint8_t		out[DIGEST_BYTES];

	(void)state;
	memset(key1, 0x0b, sizeof(key1));
	memset(key6, 0xaa, sizeof(key6));
	for (size_t i = 0; i < COUNT(t); i++) {
		digest_hmac(t[i].key, t[i].data, out);
		assert_string_equal(digest_hex(&a, out, sizeof(out)), t[i].want);
	}
	arena_free(&a);
}

static void
parts_are_hashed_with_their_lengths(void **state)
{
	static const char whole[] = "\0" "\0\0\0\0\0\0\0\2ab" "\0\0\0\0\0\0\0\0"
				    "\0\0\0\0\0\0\0\x8\0\0\0\0\0\0\1\2";
	struct span	bytes = {whole, sizeof(whole) - 1};
	uint8_t		want[DIGEST_BYTES], got[DIGEST_BYTES];
	struct digest	*d = digest_open(0);

	(void)state;
	digest_add(d, SPAN_LIT("ab"));
	digest_add(d, SPAN_LIT(""));
	digest_add_int(d, 258);
	digest_close(d, got);
	digest_sha256(bytes, want);
	assert_memory_equal(got, want, sizeof(want));

	d = digest_open_hmac(SPAN_LIT("k"), 0);
	digest_add(d, SPAN_LIT("ab"));
	digest_add(d, SPAN_LIT(""));
	digest_add_int(d, 258);
	digest_close(d, got);
	digest_hmac(SPAN_LIT("k"), bytes, want);
	assert_memory_equal(got, want, sizeof(want));
}

static void
base64_is_strict_rfc_4648(void **state)
{
	static const struct { const char *plain, *coded; } good[] = {
		{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xff\xfb\xef", "//vv"},
	};
	static const char *const bad[] = {"Zg", "Zg=", "Z===", "====", "Zh==", "Zm9=", "Zm9v\n",
	    "Zm-v", "Zg==Zg==", "Z g=", "=Zg="};
	struct arena	a = {0};
	struct span	s;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_string_equal(digest_base64(&a, span_of(good[i].plain)), good[i].coded);
		s = digest_unbase64(&a, span_of(good[i].coded));
		assert_non_null(s.p);
		assert_true(span_is(s, good[i].plain));
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (digest_unbase64(&a, span_of(bad[i])).p != NULL)
			fail_msg("%s", bad[i]);
	arena_free(&a);
}

static void
random_bytes_differ_and_equality_sees_it(void **state)
{
	uint8_t x[32] = {0}, y[32] = {0};

	(void)state;
	assert_true(digest_equal(x, y, sizeof(x)));
	digest_random(x, sizeof(x));
	digest_random(y, sizeof(y));
	assert_false(digest_equal(x, y, sizeof(x)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_is_that_of_fips_180_4),
		cmocka_unit_test(hmac_is_that_of_rfc_4231),
		cmocka_unit_test(parts_are_hashed_with_their_lengths),
		cmocka_unit_test(base64_is_strict_rfc_4648),
		cmocka_unit_test(random_bytes_differ_and_equality_sees_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
