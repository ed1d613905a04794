/* reading: what goes over the wire comes back, and nothing that a liar sends is believed or read past */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "read/reading.h"

static struct reading_setup
sample_setup(void)
{
	static const char *none[] = {NULL}, *rules[] = {"/a/b.yaml", "/c.yaml", NULL},
	    *domains[] = {"example.com", NULL}, *forwarders[] = {"example.org", "example.net", NULL},
	    *ids[] = {"mx.example.org", NULL};

	return (struct reading_setup){
		.role = ROLE_READER, .rules = rules, .domains = domains, .from = none, .forwarders = forwarders,
		.authserv_ids = ids,
		.accept_authentication_results = true, .check = true,
	};
}

static void
setup_comes_back(void **state)
{
	struct arena		a = {0};
	struct reading_setup	s = sample_setup(), t;
	struct err		e;

	(void)state;
	assert_int_equal(setup_decode(setup_encode(&s, &a), &a, &t, &e), 0);
	assert_int_equal(t.role, ROLE_READER);
	assert_string_equal(t.rules[0], "/a/b.yaml");
	assert_string_equal(t.rules[1], "/c.yaml");
	assert_null(t.rules[2]);
	assert_null(t.from[0]);
	assert_string_equal(t.forwarders[1], "example.net");
	assert_string_equal(t.authserv_ids[0], "mx.example.org");
	assert_true(t.accept_authentication_results);
	assert_true(t.check);
	arena_free(&a);
}

static struct proof
sample_proof(void)
{
	struct proof p = {
		.kind = PROOF_AUTHENTICATION_RESULTS, .from_domain = "example.com",
		.detail = SPAN_LIT("mx.example.org dmarc=pass header.from=example.com"),
		.received_ms = 1795339800000,
	};

	reasons_add(&p.reasons, "authentication-missing", true, -1);
	return p;
}

static struct reading
sample_reading(struct arena *a)
{
	struct reading r = {
		.message_id = SPAN_LIT("id@example.com"), .date_ms = -5,
		.rules_hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		.found = {.kind = RULE_APPROVAL, .rule = "approval-nb", .language = "no", .count = 2,
		    .trace = SPAN_LIT("one\ntwo")},
	};
	struct found_claim *c = arena_array(a, 2, sizeof *c);

	c[0].scheme = IDENTIFIER_NO_ORG;
	c[0].value[FIELD_ORG_NUMBER] = SPAN_LIT("918713867");
	c[0].value[FIELD_MERCHANT_NAME] = SPAN_LIT("Sm\xc3\xb8rbr\xc3\xb8""d AS");
	c[0].value[FIELD_MSN] = SPAN_LIT("123456");
	c[0].evidence[FIELD_MSN] = (struct evidence){1, 2, 3, SPAN_LIT("MSN: 123456")};
	c[1].value[FIELD_SALES_UNIT_NAME] = SPAN_LIT("");
	reasons_add(&c[1].reasons, "unknown-charset", true, FIELD_MSN);
	r.found.claims = c;
	reasons_add(&r.found.reasons, "removed-characters", false, -1);
	return r;
}

static void
proof_comes_back(void **state)
{
	struct arena	a = {0};
	struct proof	p = sample_proof(), q;
	struct err	e;

	(void)state;
	assert_int_equal(proof_decode(proof_encode(&p, &a), &a, &q, &e), 0);
	assert_int_equal(q.kind, p.kind);
	assert_string_equal(q.from_domain, "example.com");
	assert_true(span_eq(q.detail, p.detail));
	assert_int_equal(q.received_ms, p.received_ms);
	assert_false(q.authenticated);
	assert_int_equal(q.reasons.count, 1);
	assert_string_equal(q.reasons.list[0].code, "authentication-missing");
	assert_true(q.reasons.list[0].doubt);
	arena_free(&a);
}

static void
reading_comes_back(void **state)
{
	struct arena	a = {0};
	struct reading	r = sample_reading(&a), q;
	struct err	e;

	(void)state;
	assert_int_equal(reading_decode(reading_encode(&r, &a), &a, &q, &e), 0);
	assert_true(span_is(q.message_id, "id@example.com"));
	assert_int_equal(q.date_ms, -5);
	assert_string_equal(q.rules_hash, r.rules_hash);
	assert_string_equal(q.found.rule, "approval-nb");
	assert_string_equal(q.found.language, "no");
	assert_int_equal(q.found.count, 2);
	assert_true(span_is(q.found.claims[0].value[FIELD_MSN], "123456"));
	assert_null(q.found.claims[0].value[FIELD_SALES_UNIT_NAME].p);
	assert_non_null(q.found.claims[1].value[FIELD_SALES_UNIT_NAME].p);
	assert_int_equal(q.found.claims[0].evidence[FIELD_MSN].cell, 3);
	assert_true(span_is(q.found.claims[0].evidence[FIELD_MSN].text, "MSN: 123456"));
	assert_int_equal(q.found.claims[1].reasons.list[0].field, FIELD_MSN);
	assert_true(q.found.claims[1].reasons.list[0].doubt);
	assert_false(q.found.reasons.list[0].doubt);
	assert_true(span_is(q.found.trace, "one\ntwo"));
	arena_free(&a);
}

/* What a decoder let through must lie within the bounds that the parent relies on. */
static void
check_reading(struct span text)
{
	struct arena	a = {0};
	struct reading	r;
	struct err	e;

	if (reading_decode(text, &a, &r, &e) == 0) {
		assert_in_range(r.found.count, 0, EXTRACT_MAX_CLAIMS);
		assert_in_range(r.found.kind, 0, RULE_KINDS - 1);
		for (int i = 0; i < r.found.count; i++)
			for (int f = 0; f < FIELDS; f++) {
				assert_true(r.found.claims[i].value[f].n <= EXTRACT_MAX_VALUE);
				assert_true(span_utf8(r.found.claims[i].value[f]));
				assert_true(r.found.claims[i].evidence[f].text.n <= EXTRACT_MAX_EVIDENCE);
			}
		for (int i = 0; i < r.found.reasons.count; i++)
			assert_non_null(r.found.reasons.list[i].code);
	} else {
		assert_int_equal(e.kind, ERR_REJECT);
	}
	arena_free(&a);
}

static void
check_proof(struct span text)
{
	struct arena	a = {0};
	struct proof	p;
	struct err	e;

	if (proof_decode(text, &a, &p, &e) == 0) {
		assert_in_range(p.kind, 0, PROOF_KINDS - 1);
		assert_true(p.from_domain[0] == '\0' || span_domain(span_of(p.from_domain)));
		assert_true(p.detail.n <= READING_MAX_DETAIL);
	}
	arena_free(&a);
}

static void
check_setup(struct span text)
{
	struct arena		a = {0};
	struct reading_setup	s;
	struct err		e;

	if (setup_decode(text, &a, &s, &e) == 0)
		assert_true(s.role == ROLE_PROVER || s.role == ROLE_READER);
	arena_free(&a);
}

static void
check_screen(struct span text)
{
	struct arena	a = {0};
	struct span	*h;
	size_t		n;
	struct err	e;

	if (screen_decode(text, &a, &h, &n, &e) == 0)
		assert_true(n <= READING_MAX_SCREEN);
	arena_free(&a);
}

/* Every truncation (exactly allocated, so that a sanitizer sees a byte too far) and every flipped byte. */
static void
try_all(struct span good, void (*check)(struct span))
{
	for (size_t n = 0; n < good.n; n++) {
		char *copy = test_malloc(n + 1);

		memcpy(copy, good.p, n);
		check((struct span){copy, n});
		test_free(copy);
	}
	for (size_t i = 0; i < good.n; i++)
		for (int flip = 0; flip < 9; flip++) {
			char *copy = test_malloc(good.n);

			memcpy(copy, good.p, good.n);
			copy[i] = (char)(flip == 8 ? 0xff : copy[i] ^ (1 << flip));
			check((struct span){copy, good.n});
			test_free(copy);
		}
}

static void
no_truncation_and_no_flipped_byte_escapes_the_bounds(void **state)
{
	struct arena		a = {0};
	struct proof		p = sample_proof();
	struct reading		r = sample_reading(&a);
	struct reading_setup	s = sample_setup();
	struct span		headers[] = {SPAN_LIT("From: a\n"), SPAN_LIT("")};

	(void)state;
	try_all(proof_encode(&p, &a), check_proof);
	try_all(reading_encode(&r, &a), check_reading);
	try_all(setup_encode(&s, &a), check_setup);
	try_all(screen_encode(headers, 2, &a), check_screen);
	arena_free(&a);
}

static void
every_truncation_and_every_addition_fails(void **state)
{
	struct arena		a = {0};
	struct reading		r = sample_reading(&a), q;
	struct span		good = reading_encode(&r, &a);
	struct arena_buf	longer = {.arena = &a};
	struct err		e;

	(void)state;
	for (size_t n = 0; n < good.n; n++)
		assert_int_equal(reading_decode(span_take(good, n), &a, &q, &e), -1);
	arena_put(&longer, good.p, good.n);
	arena_put(&longer, "", 1);
	assert_int_equal(reading_decode((struct span){longer.p, longer.n}, &a, &q, &e), -1);
	assert_int_equal(e.kind, ERR_REJECT);
	arena_free(&a);
}

static void
a_liar_is_not_believed(void **state)
{
	struct arena	a = {0};
	struct err	e;
	struct reading	r, q;
	struct proof	p, t;

	(void)state;
#define REFUSED(change) do { \
	r = sample_reading(&a); \
	change; \
	assert_int_equal(reading_decode(reading_encode(&r, &a), &a, &q, &e), -1); \
} while (0)
	REFUSED(r.found.claims[0].value[FIELD_MSN] = SPAN_LIT("12345678901"));
	REFUSED(r.found.claims[0].value[FIELD_MSN] = SPAN_LIT("12a4"));
	REFUSED(r.found.claims[0].value[FIELD_ORG_NUMBER] = SPAN_LIT("918 713"));
	REFUSED(r.found.claims[0].value[FIELD_MERCHANT_NAME] = SPAN_LIT("a\nb"));
	REFUSED(r.found.claims[0].value[FIELD_MERCHANT_NAME] = SPAN_LIT("a\xff"));
	REFUSED(r.found.claims[0].value[FIELD_MERCHANT_NAME] = SPAN_LIT("a\xc2\x9b"));
	REFUSED(r.found.claims[0].value[FIELD_MERCHANT_NAME] =
	    ((struct span){arena_alloc(&a, EXTRACT_MAX_VALUE + 1), EXTRACT_MAX_VALUE + 1}));
	REFUSED(r.found.reasons.list[0].code = "no-such-reason");
	REFUSED(r.found.kind = RULE_OTHER);		/* and yet it has claims */
	REFUSED(r.message_id = SPAN_LIT("a\x01"));
	REFUSED(memcpy(r.found.language, "xx", 3));
#undef REFUSED
	r = sample_reading(&a);
	r.found.reasons.list[0] = (struct reason){"unknown-charset", false, -1};	/* a doubt as a remark */
	assert_int_equal(reading_decode(reading_encode(&r, &a), &a, &q, &e), 0);
	assert_true(q.found.reasons.list[0].doubt);
	p = sample_proof();
	p.from_domain[0] = '\0';
	assert_int_equal(proof_decode(proof_encode(&p, &a), &a, &t, &e), -1);
	p = sample_proof();
	p.authenticated = true;			/* of a domain that is configured */
	assert_int_equal(proof_decode(proof_encode(&p, &a), &a, &t, &e), -1);
	p.kind = PROOF_NONE;
	assert_int_equal(proof_decode(proof_encode(&p, &a), &a, &t, &e), -1);
	reasons_add(&p.reasons, "sender-not-configured", true, -1);
	assert_int_equal(proof_decode(proof_encode(&p, &a), &a, &t, &e), 0);
	assert_true(t.authenticated);
	p.from_domain[0] = '\0';
	assert_int_equal(proof_decode(proof_encode(&p, &a), &a, &t, &e), -1);
	p = sample_proof();
	p.from_domain[0] = 'E';
	assert_int_equal(proof_decode(proof_encode(&p, &a), &a, &t, &e), -1);
	arena_free(&a);
}

static void
frames_pass_whole_or_fail(void **state)
{
	struct arena	a = {0};
	struct err	e;
	enum frame_type	type;
	struct span	got;
	int		fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(frame_send(fd[0], FRAME_READ, SPAN_LIT("a\0b"), &e), 0);
	assert_int_equal(frame_recv(fd[1], clock_mono_ms() + 5000, 3, &a, &type, &got, &e), 0);
	assert_int_equal(type, FRAME_READ);
	assert_true(span_eq(got, SPAN_LIT("a\0b")));

	assert_int_equal(frame_send(fd[0], FRAME_READ, SPAN_LIT("abcd"), &e), 0);
	assert_int_equal(frame_recv(fd[1], 0, 3, &a, &type, &got, &e), -1);
	assert_int_equal(e.kind, ERR_REJECT);
	assert_int_equal(read(fd[1], (char[4]){0}, 4), 4);

	assert_int_equal(frame_recv(fd[1], clock_mono_ms() + 20, 3, &a, &type, &got, &e), -1);
	assert_int_equal(e.kind, ERR_RETRY);
	assert_string_equal(e.msg, "deadline passed");

	assert_int_equal(write(fd[0], "\xc8\0\0\0\0", 5), 5);
	assert_int_equal(frame_recv(fd[1], 0, 3, &a, &type, &got, &e), -1);
	assert_int_equal(e.kind, ERR_REJECT);

	assert_int_equal(write(fd[0], "\x08\0\0\0\x03" "ab", 7), 7);
	close(fd[0]);
	assert_int_equal(frame_recv(fd[1], 0, 3, &a, &type, &got, &e), -1);
	assert_int_equal(e.kind, ERR_RETRY);
	assert_string_equal(e.msg, "end of stream");
	close(fd[1]);
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(setup_comes_back),
		cmocka_unit_test(proof_comes_back),
		cmocka_unit_test(reading_comes_back),
		cmocka_unit_test(no_truncation_and_no_flipped_byte_escapes_the_bounds),
		cmocka_unit_test(every_truncation_and_every_addition_fails),
		cmocka_unit_test(a_liar_is_not_believed),
		cmocka_unit_test(frames_pass_whole_or_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
