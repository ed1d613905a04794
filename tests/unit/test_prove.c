/* prove: a proof is what the receiving server said of the one From address, and nothing else */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "read/prove.h"

#define OURS	"Received: from out.example.net (out.example.net [192.0.2.1])\r\n" \
		"\tby mx.example.com (Postfix) with ESMTPS id 1; Sun, 22 Nov 2026 10:30:00 +0100\r\n"
#define THEIRS	"Received: from a.example.net by relay.example.net; Sun, 22 Nov 2026 09:00:00 +0000\r\n"
#define FROM	"From: Vipps MobilePay <no-reply@vippsmobilepay.com>\r\n"
#define REST	"Subject: x\r\n\r\nbody\r\n"
#define AR	"Authentication-Results: mx.example.com;"
#define PASS	AR " dmarc=pass header.from=vippsmobilepay.com\r\n"

static const char *const none[] = {NULL};

static struct proof
prove_text(const char *text, size_t n, const char **from, bool accept)
{
	static struct arena	a;
	static const char	*domains[] = {"vippsmobilepay.com", NULL};
	static const char	*ids[] = {"mx.example.com", "mx.google.com", NULL};
	struct reading_setup	s = {
		.role = ROLE_PROVER, .domains = domains, .from = from, .forwarders = (const char **)none, .authserv_ids = ids,
		.accept_authentication_results = accept,
	};
	struct proof		p;
	struct err		e;

	arena_free(&a);		/* of the row before */
	if (text == NULL)
		return (struct proof){0};
	assert_int_equal(prove(&(struct prover){.setup = &s}, 0, (struct span){text, n}, &a, &p, &e), 0);
	return p;
}

static const char *
first_reason(const struct proof *p)
{
	return p->reasons.count > 0 ? p->reasons.list[0].code : "";
}

static void
only_a_single_plain_from_address_has_a_domain(void **state)
{
	static const struct { const char *from, *domain, *reason; } t[] = {
		{ "From: a@vippsmobilepay.com\r\n", "vippsmobilepay.com", "authentication-missing" },
		{ "From: <a@VippsMobilePay.com>\r\n", "vippsmobilepay.com", "authentication-missing" },
		{ "from:\r\n \"Vipps, MobilePay\"\r\n\t<a@vippsmobilepay.com>\r\n", "vippsmobilepay.com",
		    "authentication-missing" },
		{ "From: a@vippsmobilepay.com (Vipps)\r\n", "vippsmobilepay.com", "authentication-missing" },
		{ "From: Vipps (no reply) <a@vippsmobilepay.com>\r\n", "vippsmobilepay.com",
		    "authentication-missing" },
		{ "From: =?utf-8?q?a?= <a@vippsmobilepay.com>\r\n", "vippsmobilepay.com",
		    "authentication-missing" },
		{ "From: S\xc3\xb8ren <a@vippsmobilepay.com>\r\n", "vippsmobilepay.com",
		    "authentication-missing" },
		{ "From: \"a b\"@vippsmobilepay.com\r\n", "vippsmobilepay.com", "authentication-missing" },
		{ "From: a@example.org\r\n", "example.org", "sender-not-configured" },
		{ "From: a@x.vippsmobilepay.com\r\n", "x.vippsmobilepay.com", "sender-not-configured" },
		{ "From: a@vippsmobilepay.com.example.org\r\n", "vippsmobilepay.com.example.org",
		    "sender-not-configured" },
		{ "", "", "from-missing" },
		{ "From:\r\n", "", "from-missing" },
		{ "From: a@vippsmobilepay.com\r\nFrom: b@example.org\r\n", "", "from-duplicate" },
		{ "From: a@vippsmobilepay.com\r\nfROM: a@vippsmobilepay.com\r\n", "", "from-duplicate" },
		{ "From: a@vippsmobilepay.com, b@example.org\r\n", "", "from-several" },
		{ "From: a@vippsmobilepay.com,\r\n", "", "from-several" },
		{ "From: b@example.org <a@vippsmobilepay.com>\r\n", "", "from-several" },
		{ "From: <b@example.org> <a@vippsmobilepay.com>\r\n", "", "from-several" },
		{ "From: <a@vippsmobilepay.com> b@example.org\r\n", "", "from-several" },
		{ "From: g: a@vippsmobilepay.com;\r\n", "", "from-group" },
		{ "From: <@example.org:a@vippsmobilepay.com>\r\n", "", "from-route" },
		{ "From: a(b)@vippsmobilepay.com\r\n", "", "from-ambiguous" },
		{ "From: a@vippsmobilepay.com(@example.org\r\n", "", "from-ambiguous" },
		{ "From: a@vipps\xc3\xb8""bilepay.com\r\n", "", "from-international" },
		{ "From: a@b@vippsmobilepay.com\r\n", "", "from-ambiguous" },
		{ "From: a@[192.0.2.1]\r\n", "", "from-ambiguous" },
		{ "From: a@vippsmobilepay.com.\r\n", "", "from-ambiguous" },
		{ "From: undisclosed\r\n", "", "from-ambiguous" },
		{ "From: \"<a@vippsmobilepay.com>\r\n", "", "from-ambiguous" },
		{ "From: =?utf-8?q?a=40vippsmobilepay.com?=\r\n", "", "from-ambiguous" },
		{ "From: <=?utf-8?q?a?=@vippsmobilepay.com>\r\n", "", "from-encoded" },
		{ "From: =?utf-8?q?x=40example.org=3E?= <a@vippsmobilepay.com>\r\n", "", "from-encoded" },
		{ "From: =?utf-8?B?PGFAZXhhbXBsZS5vcmc+?= <a@vippsmobilepay.com>\r\n", "", "from-encoded" },
		{ "From : a@vippsmobilepay.com\r\n", "", "header-malformed" },
		{ "From: a@vippsmobilepay.com\r\nno colon here\r\n", "", "header-malformed" },
		{ "From: a@vippsmobilepay.com\rFrom: b@example.org\r\n", "", "header-malformed" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		char		mail[1024];
		int		n = snprintf(mail, sizeof mail, "%s%s", t[i].from, REST);
		struct proof	p = prove_text(mail, (size_t)n, (const char **)none, true);

		if (strcmp(p.from_domain, t[i].domain) != 0 || strcmp(first_reason(&p), t[i].reason) != 0)
			fail_msg("%s: got \"%s\" %s", t[i].from, p.from_domain, first_reason(&p));
		assert_int_equal(p.kind, PROOF_NONE);
	}
}

static void
a_nul_in_the_header_proves_nothing(void **state)
{
	static const char	mail[] = OURS PASS "From: a@vippsmobilepay.com\0@example.org\r\n" REST;
	struct proof		p = prove_text(mail, sizeof mail - 1, (const char **)none, true);

	(void)state;
	assert_int_equal(p.kind, PROOF_NONE);
	assert_string_equal(p.from_domain, "");
}

static const struct { const char *name, *head, *detail; } passes[] = {
	{ "dmarc", PASS OURS FROM, "mx.example.com dmarc=pass header.from=vippsmobilepay.com" },
	{ "an id in other letters", "Authentication-Results: MX.Example.COM 1; dmarc=pass header.from=VippsMobilePay.com\r\n"
	    OURS FROM, "mx.example.com dmarc=pass header.from=vippsmobilepay.com" },
	{ "dkim alone", AR " dkim=pass header.d=vippsmobilepay.com header.s=a\r\n" OURS FROM,
	    "mx.example.com dkim=pass header.d=vippsmobilepay.com" },
	{ "dkim by i=", AR " dkim=pass header.i=@vippsmobilepay.com header.s=a\r\n" OURS FROM,
	    "mx.example.com dkim=pass header.i=vippsmobilepay.com" },
	{ "spf alone", AR "\r\n\tspf=pass (ok) smtp.mailfrom=bounce@vippsmobilepay.com;\r\n" OURS FROM,
	    "mx.example.com spf=pass smtp.mailfrom=vippsmobilepay.com" },
	{ "no dmarc record, dkim aligned", AR " dmarc=none header.from=vippsmobilepay.com; dkim=pass header.d=vippsmobilepay.com\r\n"
	    OURS FROM, "mx.example.com dkim=pass header.d=vippsmobilepay.com" },
	{ "one of two signatures", AR " dkim=fail header.d=example.net; dkim=pass header.d=vippsmobilepay.com header.b=ab;"
	    " dkim=neutral header.d=vippsmobilepay.com header.b=cd\r\n" OURS FROM,
	    "mx.example.com dkim=pass header.d=vippsmobilepay.com" },
	{ "two fields of one server", AR " spf=fail smtp.mailfrom=x@example.net\r\nReceived-SPF: fail\r\nX-A: b\r\n" PASS
	    OURS FROM, "mx.example.com dmarc=pass header.from=vippsmobilepay.com" },
	{ "another server's above ours", "Authentication-Results: scan.example.org; dmarc=fail header.from=vippsmobilepay.com\r\n"
	    PASS OURS FROM, "mx.example.com dmarc=pass header.from=vippsmobilepay.com" },
	{ "below a step within our house", "Delivered-To: x@example.com\r\nReceived: from mx.example.com by store.example.com"
	    " with LMTP; Sun, 22 Nov 2026 10:30:01 +0100\r\nReturn-Path: <x@y>\r\n" PASS OURS FROM,
	    "mx.example.com dmarc=pass header.from=vippsmobilepay.com" },
	{ "comments and quotes", "Authentication-Results: (a (nested \\) one)) \"mx.example.com\" (c); dmarc (d) = (e) pass"
	    " (p=REJECT; spf=fail) reason=\"x; dmarc=fail\" header (f) . from = vippsmobilepay.com (end)\r\n" OURS FROM,
	    "mx.example.com dmarc=pass header.from=vippsmobilepay.com" },
	{ "as Gmail stamps", "Delivered-To: a@example.com\r\nReceived: by 2002:a05:6e02:1a8c:b0:3a7:1234:abcd with SMTP id"
	    " a1csp; Sun, 22 Nov 2026 01:30:00 -0800 (PST)\r\nX-Received: by 2002:a17:902 with SMTP; x\r\n"
	    "ARC-Seal: i=1; a=rsa-sha256\r\nARC-Authentication-Results: i=1; mx.google.com; dmarc=fail\r\n"
	    "Return-Path: <b@vippsmobilepay.com>\r\nReceived: from out.example.net (out.example.net. [192.0.2.1])\r\n"
	    "        by mx.google.com with ESMTPS id x; Sun, 22 Nov 2026 01:30:00 -0800 (PST)\r\n"
	    "Received-SPF: pass (google.com: domain of b@vippsmobilepay.com designates 192.0.2.1)\r\n"
	    "Authentication-Results: mx.google.com;\r\n       dkim=pass header.i=@vippsmobilepay.com header.s=s1"
	    " header.b=\"a/B+c=\";\r\n       spf=pass (google.com: domain of b@vippsmobilepay.com designates 192.0.2.1 as permitted) smtp.mailfrom=b@vippsmobilepay.com;\r\n"
	    "       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=vippsmobilepay.com\r\nDKIM-Signature: v=1\r\n" THEIRS FROM,
	    "mx.google.com dmarc=pass header.from=vippsmobilepay.com" },
};

static void
a_pass_on_top_of_the_mail_proves_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(passes); i++) {
		char		mail[4096];
		int		n = snprintf(mail, sizeof mail, "%s%s", passes[i].head, REST);
		struct proof	p = prove_text(mail, (size_t)n, (const char **)none, true);

		if (p.kind != PROOF_AUTHENTICATION_RESULTS || !span_is(p.detail, passes[i].detail))
			fail_msg("%s: %s, %.*s", passes[i].name, proof_name(p.kind), (int)p.detail.n, p.detail.p);
		assert_int_equal(p.reasons.count, 0);
		assert_int_equal(p.received_ms, 1795339800000);
	}
}

static const struct { const char *name, *head, *reason; } failures[] = {
	{ "below a Received that is not ours", THEIRS PASS OURS FROM, "authentication-missing" },
	{ "below the sender's own fields", FROM PASS, "authentication-missing" },
	{ "of a server that we do not know", "Authentication-Results: mx.example.org; dmarc=pass header.from=vippsmobilepay.com\r\n"
	    OURS FROM, "authentication-missing" },
	{ "a longer id", "Authentication-Results: mx.example.com.evil.example; dmarc=pass header.from=vippsmobilepay.com\r\n"
	    OURS FROM, "authentication-missing" },
	{ "no id at all", "Authentication-Results: dmarc=pass header.from=vippsmobilepay.com\r\n" OURS FROM,
	    "authentication-missing" },
	{ "ARC's", "ARC-Authentication-Results: i=1; mx.example.com; dmarc=pass header.from=vippsmobilepay.com\r\n" OURS FROM,
	    "authentication-missing" },
	{ "behind the top block", AR " dmarc=none header.from=vippsmobilepay.com\r\n" OURS PASS FROM, "authentication-failed" },
	{ "dmarc=fail with spf=pass", AR " dmarc=fail header.from=vippsmobilepay.com; spf=pass smtp.mailfrom=vippsmobilepay.com\r\n"
	    OURS FROM, "authentication-failed" },
	{ "dmarc=pass of another From", AR " dmarc=pass header.from=example.net; spf=pass smtp.mailfrom=vippsmobilepay.com\r\n"
	    OURS FROM, "authentication-failed" },
	{ "spf of another domain", AR " spf=pass smtp.mailfrom=a@mail.vippsmobilepay.com\r\n" OURS FROM, "authentication-failed" },
	{ "dkim of another domain", AR " dkim=pass header.d=example.net\r\n" OURS FROM, "authentication-failed" },
	{ "a property of another clause", AR " dkim=pass header.d=example.net; x=y header.d=vippsmobilepay.com\r\n" OURS FROM,
	    "authentication-failed" },
	{ "a pass in a comment", AR " spf=fail (x; dmarc=pass header.from=vippsmobilepay.com) smtp.mailfrom=a@b.example\r\n"
	    OURS FROM, "authentication-failed" },
	{ "a pass in a quoted local part", AR " spf=fail smtp.mailfrom=\"a; dmarc=pass header.from=vippsmobilepay.com\"@b.example\r\n"
	    OURS FROM, "authentication-failed" },
	{ "a pass between two comments", AR " spf=fail (domain of \"a) dmarc=pass header.from=vippsmobilepay.com (b\"@x.example)"
	    " smtp.mailfrom=a@x.example\r\n" OURS FROM, "authentication-unreadable" },
	{ "duplicates that differ", AR " dmarc=pass header.from=vippsmobilepay.com\r\n" AR " dmarc=none header.from=vippsmobilepay.com\r\n"
	    OURS FROM, "authentication-failed" },
	{ "duplicate properties", AR " dmarc=pass header.from=example.net header.from=vippsmobilepay.com\r\n" OURS FROM,
	    "authentication-unreadable" },
	{ "an open comment", AR " dmarc=pass header.from=vippsmobilepay.com (oh\r\n" OURS FROM, "authentication-unreadable" },
	{ "an open string", AR " dmarc=pass reason=\"x header.from=vippsmobilepay.com\r\n" OURS FROM, "authentication-unreadable" },
	{ "garbage behind a pass", AR " dmarc=pass header.from=vippsmobilepay.com ]\r\n" OURS FROM, "authentication-unreadable" },
	{ "another version", "Authentication-Results: mx.example.com 2; dmarc=pass header.from=vippsmobilepay.com\r\n" OURS FROM,
	    "authentication-unreadable" },
	{ "another version of the method", AR " dmarc/2=pass header.from=vippsmobilepay.com\r\n" OURS FROM, "authentication-failed" },
	{ "a result that only begins so", AR " dmarc=passed header.from=vippsmobilepay.com\r\n" OURS FROM, "authentication-failed" },
	{ "a best guess", AR " dmarc=bestguesspass header.from=vippsmobilepay.com\r\n" OURS FROM, "authentication-failed" },
	{ "none", AR " none\r\n" OURS FROM, "authentication-failed" },
	{ "an unaligned domain that begins so", AR " dkim=pass header.d=vippsmobilepay.com.example.net\r\n" OURS FROM,
	    "authentication-failed" },
	{ "a by clause in a comment", "Received: from x (by mx.example.com) by evil.example; Sun, 22 Nov 2026 10:30:00 +0100\r\n"
	    PASS FROM, "authentication-missing" },
	{ "a HELO that says by", "Received: from by (x) by mx.example.com; Sun, 22 Nov 2026 10:30:00 +0100\r\n" PASS FROM,
	    "authentication-missing" },
	{ "a neighbour of our parent", "Received: from x by mx.notexample.com; Sun, 22 Nov 2026 10:30:00 +0100\r\n" PASS FROM,
	    "authentication-missing" },
};

static void
everything_else_is_no_proof_and_says_why(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(failures); i++) {
		char		mail[4096];
		int		n = snprintf(mail, sizeof mail, "%s%s", failures[i].head, REST);
		struct proof	p = prove_text(mail, (size_t)n, (const char **)none, true);

		if (p.kind != PROOF_NONE || strcmp(first_reason(&p), failures[i].reason) != 0)
			fail_msg("%s: %s %s, %.*s", failures[i].name, proof_name(p.kind), first_reason(&p),
			    (int)p.detail.n, p.detail.p);
		assert_true(reasons_doubt(&p.reasons));
		assert_int_equal(p.received_ms, 0);
	}
}

#define OTHER "From: a@example.org\r\n"

static void
a_stranger_is_authenticated_by_the_same_words_and_proves_nothing(void **state)
{
	static const struct { const char *name, *head; bool authenticated; } t[] = {
		{ "dmarc", AR " dmarc=pass header.from=example.org\r\n" OURS OTHER, true },
		{ "aligned dkim", AR " dkim=pass header.d=example.org\r\n" OURS OTHER, true },
		{ "nothing", OURS OTHER, false },
		{ "a failure", AR " dmarc=fail header.from=example.org\r\n" OURS OTHER, false },
		{ "another's dkim", AR " dkim=pass header.d=example.net\r\n" OURS OTHER, false },
		{ "the vendor's pass", PASS OURS OTHER, false },
		{ "its own words", OURS OTHER AR " dmarc=pass header.from=example.org\r\n", false },
		{ "unreadable", AR " dmarc=pass header.from=example.org (oh\r\n" OURS OTHER, false },
		{ "two From", AR " dmarc=pass header.from=example.org\r\n" OURS OTHER FROM, false },
		{ "the vendor, who is no stranger", PASS OURS FROM, false },
	};
	static const char	mail[] = PASS OURS FROM REST;
	static const char	*other[] = {"a@vippsmobilepay.com", NULL};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		char		text[1024];
		int		n = snprintf(text, sizeof text, "%s%s", t[i].head, REST);
		struct proof	p = prove_text(text, (size_t)n, (const char **)none, true);

		if (p.authenticated != t[i].authenticated || (t[i].authenticated && p.kind != PROOF_NONE))
			fail_msg("%s: %d, %s", t[i].name, p.authenticated, proof_name(p.kind));
		assert_int_equal(reasons_has(&p.reasons, "sender-not-configured"),
		    p.kind == PROOF_NONE && strcmp(p.from_domain, "example.org") == 0);
	}
	assert_false(prove_text(mail, sizeof mail - 1, other, true).authenticated);	/* its domain is configured */
}

static void
settings_narrow_it(void **state)
{
	static const char	mail[] = PASS OURS FROM REST;
	static const char	*exact[] = {"No-Reply@vippsmobilepay.com", NULL}, *other[] = {"a@vippsmobilepay.com", NULL};

	(void)state;
	assert_int_equal(prove_text(mail, sizeof mail - 1, exact, true).kind, PROOF_AUTHENTICATION_RESULTS);
	assert_int_equal(prove_text(mail, sizeof mail - 1, other, true).kind, PROOF_NONE);
	assert_int_equal(prove_text(mail, sizeof mail - 1, (const char **)none, false).kind, PROOF_NONE);
}

static void
too_much_header_is_rejected(void **state)
{
	static char		mail[READING_MAX_HEADERS + 100];
	struct arena		a = {0};
	struct reading_setup	s = {.domains = (const char **)none};
	struct prover		v = {.setup = &s};
	struct proof		p;
	struct err		e;

	(void)state;
	memset(mail, 'x', sizeof mail);
	memcpy(mail, "A: ", 3);
	assert_int_equal(prove(&v, 0, (struct span){mail, sizeof mail}, &a, &p, &e), -1);
	assert_int_equal(e.kind, ERR_REJECT);
	for (size_t i = 0; i + 5 < sizeof mail; i += 5)
		memcpy(mail + i, "A: b\n", 5);
	assert_int_equal(prove(&v, 0, (struct span){mail, sizeof mail}, &a, &p, &e), -1);
	assert_int_equal(e.kind, ERR_REJECT);
	arena_free(&a);
}

/* Every truncation of a mail, exactly allocated: for a sanitizer to see a byte too far. */
static void
no_truncation_reads_too_far_or_proves_too_much(void **state)
{
	const char	*head = passes[COUNT(passes) - 2].head;
	size_t		 whole = strlen(head), from = whole - sizeof FROM + 1;

	(void)state;
	for (size_t n = 0; n < whole; n++) {
		char		*copy = test_malloc(n + 1);
		struct proof	 p;

		memcpy(copy, head, n);
		p = prove_text(copy, n, (const char **)none, true);
		if (n < from)
			assert_int_equal(p.kind, PROOF_NONE);
		test_free(copy);
	}
}

static int
last_arena(void **state)
{
	(void)state;
	prove_text(NULL, 0, NULL, false);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_single_plain_from_address_has_a_domain),
		cmocka_unit_test(a_nul_in_the_header_proves_nothing),
		cmocka_unit_test(a_pass_on_top_of_the_mail_proves_it),
		cmocka_unit_test(everything_else_is_no_proof_and_says_why),
		cmocka_unit_test(a_stranger_is_authenticated_by_the_same_words_and_proves_nothing),
		cmocka_unit_test(settings_narrow_it),
		cmocka_unit_test(too_much_header_is_rejected),
		cmocka_unit_test(no_truncation_reads_too_far_or_proves_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, last_arena);
}
