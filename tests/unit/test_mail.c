/* mail: from a mail's bytes to claims and doubts, with the rules that we ship */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "read/message.h"

static struct message_door	*door;
static struct arena		 rules_arena;
static struct rules		*shipped;

static void
reasons_show(const struct reasons *r, struct arena_buf *b)
{
	for (int i = 0; i < r->count; i++)
		arena_putf(b, " %s%s", r->list[i].code, r->list[i].doubt ? "!" : "");
}

/* The kind; for each claim its MSN, "," and its reasons; ";" and those of the mail. Doubts have a "!". */
static const char *
show(struct span mail, struct arena *a)
{
	struct arena_buf	b = {.arena = a};
	struct message		m;
	struct extraction	x;
	struct err		e;

	if (message_read(door, mail, a, &m, &e) < 0 || extract(shipped, &m.document, a, &x, &e) < 0)
		return arena_printf(a, "rejected: %s", e.msg);
	arena_puts(&b, x.kind == RULE_NONE ? "none" : rule_kind_name(x.kind));
	for (int i = 0; i < x.count; i++) {
		arena_putf(&b, " %.*s", (int)x.claims[i].value[FIELD_MSN].n, x.claims[i].value[FIELD_MSN].p);
		reasons_show(&x.claims[i].reasons, &b);
	}
	arena_puts(&b, ";");
	reasons_show(&m.reasons, &b);
	reasons_show(&x.reasons, &b);
	return b.p;
}

struct row { const char *name, *mail, *want; };

static void
check(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct arena	a = {0};
		const char	*got = show(span_of(rows[i].mail), &a);

		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: got \"%s\", want \"%s\"", rows[i].name, got, rows[i].want);
		arena_free(&a);
	}
}

#define UTF8 "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
#define FACTS(msn) "Søknaden er godkjent.\n\nOrganisasjonsnummer: 987 654 325\nFirmanavn: Fjord AS\nMSN: " msn "\nSalgssted: Fjord nett\n"
#define ATTACHED(what) "--b\nContent-Type: message/rfc822\n\n" what "\n"

static void
what_was_passed_on_is_read_and_doubted(void **state)
{
	static const struct row rows[] = {
		{ "as it came", "Subject: Godkjent\n" UTF8 "\n" FACTS("123456"), "approval 123456;" },
		{ "inline", "Subject: Fwd: Godkjent\n" UTF8 "\nMSN: 999999 ble ikke godkjent\n\n---------- Forwarded message ---------\nFra: V <n@v.example>\nDate: m\n"
		    "Subject: Godkjent\nTo: a@b.example\n\n" FACTS("123456"), "approval 123456; forwarded!" },
		{ "quoted in a reply", "Subject: Re: Godkjent\nIn-Reply-To: <x@y>\n" UTF8 "\nTakk!\n\nDen m skrev V <n@v.example>:\n> " "Søknaden er godkjent.\n> MSN: 123456\n", "other;" },
		{ "a forward of a reply", "Subject: Fwd: Godkjent\n" UTF8 "\n---------- Forwarded message ---------\nFra: K <k@c.example>\nDate: m\nSubject: Re: Godkjent\nTo: a@b.example\n\n"
		    "Takk\n\n" FACTS("123456"), "other;" },
		{ "attached", "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nSee this.\n" ATTACHED("Subject: Godkjent\n" UTF8 "\n" FACTS("123456")) "--b--\n",
		    "approval 123456; forwarded!" },
		{ "two attached", "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n" ATTACHED("Subject: Godkjent\n" UTF8 "\n" FACTS("123456"))
		    ATTACHED("Subject: Godkjent\n" UTF8 "\n" FACTS("123457")) "--b--\n", "approval 123456 123457; forwarded!" },
		{ "attached to an approval", "Subject: Godkjent\nContent-Type: multipart/mixed; boundary=b\n\n--b\n" UTF8 "\n" FACTS("123456")
		    ATTACHED("Subject: Godkjent\n" UTF8 "\n" FACTS("123457")) "--b--\n", "approval 123456;" },
		{ "a reply attached", "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n" ATTACHED("Subject: Re: Godkjent\n" UTF8 "\n" FACTS("123456")) "--b--\n", "other; forwarded!" },
	};

	(void)state;
	check(rows, COUNT(rows));
}

static void
what_was_done_to_a_value_is_its_claims_affair(void **state)
{
	static const struct row rows[] = {
		{ "zero-width space and soft hyphen", "Subject: Godkjent\n" UTF8 "\n" FACTS("123\xe2\x80\x8b""4\xc2\xad""56"), "approval 123456 removed-characters;" },
		{ "the same in a preheader", "Subject: Godkjent\n" UTF8 "\n\xe2\x80\x8c\xc2\xa0\xe2\x80\x8c\xc2\xa0Hei\xe2\x80\x8c\n" FACTS("123456"), "approval 123456;" },
		{ "writing turned round", "Subject: Godkjent\n" UTF8 "\n" FACTS("12\xe2\x80\xae""3456"), "approval 123456 bidi-characters!;" },
		{ "the same elsewhere", "Subject: Godkjent\n" UTF8 "\nHei\xe2\x80\x8f!\n" FACTS("123456"), "approval 123456;" },
		{ "a control character", "Subject: Godkjent\n" UTF8 "\n" FACTS("123\x01""456"), "approval 123456 control-characters!;" },
		{ "fullwidth digits", "Subject: Godkjent\n" UTF8 "\n" FACTS("12345\xef\xbc\x96"), "approval 123456 odd-digits!;" },
		{ "a narrow space that does not break", "Subject: Godkjent\n" UTF8 "\n" FACTS("\xe2\x80\xaf""123456\xc2\xa0"), "approval 123456;" },
	};

	(void)state;
	check(rows, COUNT(rows));
}

static void
a_value_at_the_cut_is_not_taken_for_whole(void **state)
{
	static const struct row rows[] = {
		{ "in the last line", "Subject: Godkjent\n" UTF8 "\nSøknaden er godkjent.\n\nOrganisasjonsnummer: 987 654 325\nFirmanavn: Fjord AS\nSalgssted: Fjord nett\nMSN: 12345",
		    "approval 12345 truncated!;" },
		{ "a last line without end that holds none", "Subject: Godkjent\n" UTF8 "\n" FACTS("123456") "Hilsen oss", "approval 123456;" },
		{ "in a multipart", "Subject: Godkjent\nContent-Type: multipart/mixed; boundary=b\n\n--b\n" UTF8 "\n" FACTS("123456"), "approval 123456; truncated!" },
		{ "a multipart without its last boundary", "Subject: Godkjent\nContent-Type: multipart/mixed; boundary=b\n\n--b\n" UTF8 "\n" FACTS("123456") "\n",
		    "approval 123456; boundary-missing" },
	};

	(void)state;
	check(rows, COUNT(rows));
}

static int
open_all(void **state)
{
	const char	*paths[] = {"rules/vipps-mobilepay.yaml", NULL}, *errors;
	struct err	 e;

	(void)state;
	return message_open(&door, &e) < 0 ? -1 : rules_open(paths, &rules_arena, &shipped, &errors, &e);
}

static int
close_all(void **state)
{
	(void)state;
	rules_close(shipped);
	arena_free(&rules_arena);
	message_close(door);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_passed_on_is_read_and_doubted),
		cmocka_unit_test(what_was_done_to_a_value_is_its_claims_affair),
		cmocka_unit_test(a_value_at_the_cut_is_not_taken_for_whole),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
