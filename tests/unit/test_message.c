/* message: a mail's bytes become the text that a person sees, or a doubt, or a bound that was passed */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "read/header.h"
#include "read/message.h"
#include "read/reading.h"

static struct message_door *door;

/* "plain" or "html" with the number of its alternative, then its lines, "|" between cells, marks as "~1". */
static const char *
show(const struct document *d, struct arena *a)
{
	struct arena_buf b = {.arena = a};

	arena_put(&b, "", 0);
	for (size_t p = 0; p < d->count; p++) {
		arena_putf(&b, "%s%d\n", d->parts[p].kind == DOCUMENT_HTML ? "html" : "plain", d->parts[p].alternative);
		for (size_t i = 0; i < d->parts[p].count; i++) {
			const struct document_line *l = &d->parts[p].lines[i];

			for (int q = 0; q < l->quote; q++)
				arena_puts(&b, "> ");
			for (int c = 0; c < l->count; c++) {
				arena_puts(&b, c > 0 ? "|" : "");
				arena_put(&b, l->cells[c].p, l->cells[c].n);
			}
			if (l->marks != 0)
				arena_putf(&b, "~%d", l->marks);
			arena_puts(&b, "\n");
		}
	}
	return b.p;
}

static const char *
codes(const struct reasons *r, struct arena *a)
{
	struct arena_buf b = {.arena = a};

	arena_put(&b, "", 0);
	for (int i = 0; i < r->count; i++)
		arena_putf(&b, "%s%s", i > 0 ? " " : "", r->list[i].code);
	return b.p;
}

static void
check(const char *name, struct span mail, const char *want, const char *reasons)
{
	struct arena	a = {0};
	struct message	m;
	struct err	e;
	const char	*got;

	if (message_read(door, mail, &a, &m, &e) < 0)
		fail_msg("%s: %s", name, e.msg);
	got = show(&m.document, &a);
	if (strcmp(got, want) != 0)
		fail_msg("%s: got\n%swant\n%s", name, got, want);
	if (strcmp(codes(&m.reasons, &a), reasons) != 0)
		fail_msg("%s: reasons \"%s\", want \"%s\"", name, codes(&m.reasons, &a), reasons);
	arena_free(&a);
}

#define TEXT(charset) "MIME-Version: 1.0\nContent-Type: text/plain; charset=" charset "\n"

static const struct { const char *name, *mail, *want, *reasons; } rows[] = {
	{ "no MIME at all", "Subject: x\n\nHello\nyou\n", "plain0\nHello\nyou\n", "" },
	{ "CRLF", "Subject: x\r\n\r\nHello\r\n\r\nyou\r\n", "plain0\nHello\n\nyou\n", "" },
	{ "cells", TEXT("utf-8") "\nLabel:   value\nname\tvalue\n  indented one\n", "plain0\nLabel:|value\nname|value\nindented one\n", "" },
	{ "quoted-printable", TEXT("utf-8") "Content-Transfer-Encoding: quoted-printable\n\nNavn: Sm=C3=B8r=\nbr=C3=B8d\n",
	    "plain0\nNavn: Sm\xc3\xb8rbr\xc3\xb8""d\n", "" },
	{ "base64", TEXT("iso-8859-1") "Content-Transfer-Encoding: BASE64\n\n5fg=\n", "plain0\n\xc3\xa5\xc3\xb8\n", "" },
	{ "latin1 that is windows-1252", TEXT("iso-8859-1") "\n\x80 \x96\n", "plain0\n\xe2\x82\xac \xe2\x80\x93\n", "" },
	{ "us-ascii that is UTF-8", TEXT("us-ascii") "\n\xc3\xa5\n", "plain0\n\xc3\xa5\n", "charset-guessed" },
	{ "UTF-8 that is latin1", TEXT("utf-8") "\n\xe5s\n", "plain0\n\xc3\xa5s\n", "charset-guessed" },
	{ "Latin-1 that is UTF-8", TEXT("iso-8859-1") "\n\xc3\xa5\n", "plain0\n\xc3\xa5\n", "charset-guessed" },
	{ "Latin-9", TEXT("iso-8859-15") "\n\xa4\xc3\n", "plain0\n\xe2\x82\xac\xc3\x83\n", "" },
	{ "UTF-16 that says UTF-8", TEXT("utf-8") "Content-Transfer-Encoding: base64\n\nTQBTAE4AOgAgADEACgA=\n", "plain0\nMSN: 1~2\n", "" },
	{ "no label", "Subject: x\n\n\xc3\xa5\n", "plain0\n\xc3\xa5\n", "charset-guessed" },
	{ "iso-8859-10", TEXT("\"ISO-8859-10\"") "\n\xe5\n", "plain0\n\xc3\xa5\n", "" },
	{ "gb2312", TEXT("gb2312") "\n\xc4\xe3\n", "plain0\n\xe4\xbd\xa0\n", "" },
	{ "utf-16 with a mark", TEXT("utf-16") "Content-Transfer-Encoding: base64\n\n//5hAGIA\n", "plain0\nab\n", "" },
	{ "utf-16 without", TEXT("utf-16") "Content-Transfer-Encoding: base64\n\nAGEAYg==\n", "plain0\nab\n", "" },
	{ "a charset that we do not have", TEXT("x-klingon") "\nab\xff\n", "plain0\nab\xef\xbf\xbd\n", "unknown-charset" },
	{ "a charset and a comment", TEXT("iso-8859-15 (Latin-9)") "\n\xa4 1\n", "plain0\n\xe2\x82\xac 1\n", "" },
	{ "utf-7 is none of ours", TEXT("utf-7") "\n+ADE-23456\n", "plain0\n+ADE-23456\n", "unknown-charset" },
	{ "bytes that are no character", TEXT("windows-1252") "\na\x81z\n", "plain0\na\xef\xbf\xbdz\n", "undecodable-text" },
	{ "spaces of every kind", TEXT("utf-8") "\n1\xc2\xa0""2\xe2\x80\xaf""3\xe3\x80\x80""4\n", "plain0\n1 2 3 4\n", "" },
	{ "composed", TEXT("utf-8") "\na\xcc\x8a\n", "plain0\n\xc3\xa5\n", "" },
	{ "zero width and soft hyphen", TEXT("utf-8") "\n12\xe2\x80\x8b""34\xc2\xad""56\n", "plain0\n123456~1\n", "" },
	{ "writing turned round", TEXT("utf-8") "\n12\xe2\x80\xae""34\n", "plain0\n1234~4\n", "" },
	{ "a control character", TEXT("utf-8") "\n12\x1b""34\n", "plain0\n1234~2\n", "" },
	{ "digits of other scripts", TEXT("utf-8") "\n\xef\xbc\x91\xef\xbc\x92\xd9\xa3\n", "plain0\n123~8\n", "" },
	{ "what marks are made of", TEXT("utf-8") "\n1\xef\xb7\x93\xef\xb7\x97""2\n", "plain0\n12~2\n", "" },
	{ "marks are each line's own", TEXT("utf-8") "\n\xe2\x80\x8c\xe2\x80\x8c\n\xe2\x80\x8bpre\xe2\x80\x8c\xe2\x80\x8c\nMSN: 1\n", "plain0\npre~1\nMSN: 1\n", "" },
	{ "marks in HTML", "Content-Type: text/html\n\n<p>12&shy;34<p>5&#x202e;6<p>7\n", "html0\n1234~1\n56~4\n7\n", "" },
	{ "flowed", TEXT("utf-8") "\nnot \nflowed\n", "plain0\nnot\nflowed\n", "" },
	{ "format=flowed", "Content-Type: text/plain; charset=utf-8; format=flowed\n\nname of \nthe unit\n from x\n> quoted \n> on\n-- \nsig\n",
	    "plain0\nname of the unit\nfrom x\n> quoted on\n--\nsig\n", "" },
	{ "delsp", "Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\n\n918713 \n867\n", "plain0\n918713867\n", "" },
	{ "quoting", TEXT("utf-8") "\n> a\n> > b\n>> c\n", "plain0\n> a\n> > b\n> > c\n", "" },
	{ "alternatives", "Content-Type: multipart/alternative; boundary=b\n\n--b\n\nplain\n--b\nContent-Type: text/html\n\n<p>html\n--b--\n",
	    "plain1\nplain\nhtml1\nhtml\n", "" },
	{ "a boundary with CRLF after a line with LF", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nMSN: 12345\n--b--\r\n",
	    "plain0\nMSN: 12345\n", "" },
	{ "a boundary with LF after a line with CRLF", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nMSN: 12345\r\n--b--\n",
	    "plain0\nMSN: 12345\n", "" },
	{ "mixed with an attachment", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\nContent-Type: text/plain\n"
	    "Content-Disposition: attachment; filename=a.txt\n\nfile\n--b\nContent-Disposition: inline\n\nmore\n--b--\n",
	    "plain0\ntext\nplain0\nmore\n", "" },
	{ "alternatives in related in mixed", "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/alternative; boundary=b\n\n"
	    "--b\n\nplain\n--b\nContent-Type: multipart/related; boundary=c\n\n--c\nContent-Type: text/html\n\nhtml\n--c\nContent-Type: image/png\n\nx\n--c--\n"
	    "--b--\n--a\nContent-Type: multipart/alternative; boundary=d\n\n--d\n\nother\n--d--\n--a--\n",
	    "plain1\nplain\nhtml1\nhtml\nplain2\nother\n", "" },
	{ "an unknown encoding", TEXT("utf-8") "Content-Transfer-Encoding: x-odd\n\na\n", "plain0\na\n", "ambiguous-mime" },
	{ "two content types", "Content-Type: text/plain\nContent-Type: text/html\n\na\n", "html0\na\n", "ambiguous-mime" },
	{ "two charsets", "Content-Type: text/plain; charset=utf-8; charset=utf-16\n\na\n", "plain0\na\n", "ambiguous-mime" },
	{ "two boundaries", "Content-Type: multipart/mixed; boundary=a; boundary=b\n\n--a\n\na\n--a--\n--b\n\nb\n--b--\n", "plain0\na\n",
	    "ambiguous-mime" },
	{ "no boundary", "Content-Type: multipart/mixed\n\n--a\n\na\n--a--\n", "", "ambiguous-mime" },
	{ "no end, cut in a line", "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nMSN: 12", "plain0\nMSN: 12~16\n", "truncated" },
	{ "no end, perhaps between two lines", "Content-Type: multipart/mixed; boundary=a\n\n--a\n\na\n", "plain0\na\n", "truncated" },
	{ "only the last boundary missing", "Content-Type: multipart/mixed; boundary=a\n\n--a\n\na\n\n", "plain0\na\n", "boundary-missing" },
	{ "the last boundary and the HTML missing", "Content-Type: multipart/alternative; boundary=a\n\n--a\n\na\n\n", "plain1\na\n", "truncated" },
	{ "the last boundary after the HTML missing", "Content-Type: multipart/alternative; boundary=a\n\n--a\n\na\n--a\nContent-Type: text/html\n\n<html>b</html>\n",
	    "plain1\na\nhtml1\nb\n", "boundary-missing" },
	{ "HTML that is cut", "Content-Type: text/html\n\n<html><p>MSN: 1234</p>\n<p>56\n", "html0\nMSN: 1234\n56\n", "truncated" },
	{ "HTML cut in a value", "Content-Type: text/html\n\n<p>a</p><p>MSN: 12", "html0\na\nMSN: 12~16\n", "" },
	{ "HTML of few tags, whole", "Content-Type: text/html\n\n<p>MSN: 12</p>", "html0\nMSN: 12\n", "" },
	{ "a last line without end", TEXT("utf-8") "\na\nMSN: 12", "plain0\na\nMSN: 12~16\n", "" },
	{ "a last line without end in a part that ends", "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nMSN: 12\n--a--", "plain0\nMSN: 12\n", "" },
	{ "quoted-printable that is cut", TEXT("utf-8") "Content-Transfer-Encoding: quoted-printable\n\nMSN: 12=3", "plain0\nMSN: 12~16\n", "truncated" },
	{ "quoted-printable that ends in a soft line break", TEXT("utf-8") "Content-Transfer-Encoding: quoted-printable\n\nMSN: 1=\n2=\n", "plain0\nMSN: 12~16\n", "" },
	{ "the same after a hard one", TEXT("utf-8") "Content-Transfer-Encoding: quoted-printable\n\nMSN: 1=0A=\n", "plain0\nMSN: 1\n", "" },
	{ "base64 of a last line without end", TEXT("utf-8") "Content-Transfer-Encoding: base64\n\nTVNOOiAxMjM0\n", "plain0\nMSN: 1234\n", "" },
	{ "base64 of a last line without end, itself without", TEXT("utf-8") "Content-Transfer-Encoding: base64\n\nTVNOOiAxMjM0", "plain0\nMSN: 1234~16\n", "" },
	{ "base64 that is cut", TEXT("utf-8") "Content-Transfer-Encoding: base64\n\nTVNOOiAxMjM0NTY\n", "plain0\nMSN: 1234\n", "truncated" },
	{ "base64 with odd lines", TEXT("utf-8") "Content-Transfer-Encoding: base64\n\nTVN\n OOiA\n\nxMjM0NTY\n=\n", "plain0\nMSN: 123456\n", "" },
	{ "no MIME-Version", "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: text/html\n\n<p>a\n--a--\n", "html0\na\n", "" },
	{ "an inner boundary missing", "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\nx\n--a--\n",
	    "plain1\nx\n", "ambiguous-mime" },
	{ "related: the first part", "Content-Type: multipart/related; boundary=c\n\n--c\nContent-Type: text/html\n\nroot\n--c\nContent-Type: text/html\nContent-ID: <x>\n\nframe\n--c--\n",
	    "html0\nroot\n", "" },
	{ "related: the part that start names", "Content-Type: multipart/related; start=\"<x>\"; boundary=c\n\n--c\nContent-Type: text/html\n\nframe\n--c\nContent-Type: text/html\nContent-ID: <x>\n\nroot\n--c--\n",
	    "html0\nroot\n", "" },
	{ "related: an image first", "Content-Type: multipart/related; boundary=c\n\n--c\nContent-Type: image/png\n\nx\n--c\nContent-Type: text/html\n\nroot\n--c--\n",
	    "html0\nroot\n", "" },
	{ "one side of an alternative in pieces", "Content-Type: multipart/alternative; boundary=a\n\n--a\n\nplain\n--a\nContent-Type: multipart/mixed; boundary=b\n\n"
	    "--b\nContent-Type: text/html\n\n<table><tr><td>a<td>b</table>\n--b\nContent-Type: application/pdf\n\nx\n--b\nContent-Type: text/html\n\n<p>c\n--b--\n--a--\n",
	    "plain1\nplain\nhtml1\na|b\nc\n", "" },
	{ "what programs add for others", "Content-Type: multipart/alternative; boundary=a\n\n--a\n\nplain\n--a\nContent-Type: text/x-amp-html\n\n<p>amp\n--a\n"
	    "Content-Type: text/calendar\n\nBEGIN:VCALENDAR\n--a--\n", "plain1\nplain\n", "" },
	{ "fields twice, the same", "Content-Type: text/plain; charset=utf-8; charset=utf-8\nContent-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: 7bit\n\na\n",
	    "plain0\na\n", "" },
	{ "a file's name twice, for old and new programs", "Content-Type: multipart/mixed; boundary=a\n\n--a\n\ntext\n--a\nContent-Type: application/pdf; name=\"a.pdf\"\n"
	    "Content-Disposition: attachment; filename=\"a.pdf\"; filename*=utf-8''%C3%A5.pdf\n\nx\n--a--\n", "plain0\ntext\n", "" },
	{ "an unknown encoding of what is not read", "Content-Type: multipart/mixed; boundary=a\n\n--a\n\ntext\n--a\nContent-Type: application/pdf\n"
	    "Content-Transfer-Encoding: x-odd\n\nx\n--a--\n", "plain0\ntext\n", "" },
	{ "a charset by RFC 2231", "Content-Type: text/plain; charset*=us-ascii'en'iso-8859-1\n\n\xe5\n", "plain0\n\xc3\xa5\n", "" },
	{ "a charset in pieces", "Content-Type: text/plain; charset*0=iso-; charset*1=8859-1\n\n\xe5\n", "plain0\n\xc3\xa5\n", "" },
	{ "a header that parsers differ about", "Subject : x\n\na\n", "plain0\na\n", "header-malformed" },
	{ "two subjects", "Subject: x\nSubject: y\n\na\n", "plain0\na\n", "ambiguous-mime" },
	{ "what is no text is not read", "Content-Type: application/pdf\n\na\n", "", "" },
	{ "nothing", "", "", "" },
};

static void
mail_becomes_text_as_seen(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check(rows[i].name, span_of(rows[i].mail), rows[i].want, rows[i].reasons);
}

static void
a_nul_is_a_doubt(void **state)
{
	(void)state;
	check("plain", SPAN_LIT(TEXT("utf-8") "\n12\0""34\n"), "plain0\n1234~2\n", "");
	check("html", SPAN_LIT("Content-Type: text/html\n\n<p>12\0""34\n"), "html0\n1234\n", "control-characters");
}

static void
header_fields_are_decoded(void **state)
{
	static const char mail[] =
	    "From: =?utf-8?q?Vipps_M=C3=B8bil?= <a@example.com>\nSubject: =?iso-8859-1?Q?Godkjent:_?=\n"
	    " =?windows-1252?B?5fg=?=  and \n more\nDate: Sun, 22 Nov 2026 10:30:00 +0100\nMessage-ID: <x.y@example.com>\n"
	    "Auto-Submitted: Auto-Replied\nIn-Reply-To: <z>\nContent-Type: multipart/report; boundary=b\n\n--b--\n";
	struct arena	a = {0};
	struct message	m;
	struct err	e;

	(void)state;
	assert_int_equal(message_read(door, SPAN_LIT(mail), &a, &m, &e), 0);
	assert_true(span_is(m.document.from, "Vipps M\xc3\xb8""bil <a@example.com>"));
	assert_true(span_is(m.document.subject, "Godkjent: \xc3\xa5\xc3\xb8 and more"));
	assert_true(span_is(m.document.auto_submitted, "auto-replied"));
	assert_true(m.document.reply);
	assert_true(m.document.report);
	assert_true(span_is(m.message_id, "x.y@example.com"));
	assert_int_equal(m.date_ms, 1795339800000);
	assert_int_equal(message_read(door, SPAN_LIT("Message-ID: <a\x01>\nDate: soon\nSubject: =?x-odd?q?a?=\n\n"), &a, &m, &e), 0);
	assert_null(m.message_id.p);
	assert_string_equal(codes(&m.reasons, &a), "undecodable-text");
	assert_int_equal(message_read(door, SPAN_LIT("Subject: =?utf-8?q?Godkj=C3?=\n =?utf-8?q?=B8dt:?= =?iso-8859-1?q?_=80?=\n =?utf-8*en?q?=C3=A5?=\n\n"), &a, &m, &e), 0);
	assert_true(span_is(m.document.subject, "Godkj\xc3\xb8""dt: \xe2\x82\xac\xc3\xa5"));
	assert_string_equal(codes(&m.reasons, &a), "");
	assert_int_equal(message_read(door, SPAN_LIT("Subject: 12\xe2\x80\x8b""3 \xe2\x80\xae\n\n"), &a, &m, &e), 0);
	assert_true(span_is(m.document.subject, "123"));
	assert_int_equal(m.date_ms, 0);
	assert_string_equal(codes(&m.reasons, &a), "undecodable-text");
	assert_int_equal(message_read(door, SPAN_LIT("Date: Sun, 22 Nov 2026 10:30:00 +0100\nDate: Sun, 22 Nov 2026 10:30:00 +0100\n\n"),
	    &a, &m, &e), 0);
	assert_int_equal(m.date_ms, 0);	/* two dates are none */
	arena_free(&a);
}

static void
what_is_too_much_is_rejected(void **state)
{
	static const struct { const char *name, *begin, *each, *bound; size_t times; } t[] = {
		{ "parts", "Content-Type: multipart/mixed; boundary=b\n\n", "--b\nContent-Type: a/b\n\nx\n", "MIME parts", 101 },
		{ "text parts", "Content-Type: multipart/mixed; boundary=b\n\n", "--b\n\nx\n", "text parts", 17 },
		{ "very many parts", "Content-Type: multipart/mixed; boundary=b\n\n", "--b\n", "boundaries", 300000 },
		{ "levels", "", "Content-Type: multipart/mixed; boundary=b\n\n--b\n", "levels", 40 },
		{ "fields of parts", "Content-Type: multipart/mixed; boundary=b\n\n--b\n", "X: y\n", "fields of parts", HEADER_MAX_LINES + 1 },
		{ "bytes of such", "Content-Type: multipart/mixed; boundary=b\n\n--b\n", "X: abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyz "
		    "abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyz\n", "fields of parts", 15000 },
		{ "one field of a part", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain;\n", " a=b;\n", "one field", HEADER_MAX_CONTENT / 5 + 1 },
		{ "messages in messages", "", "Content-Type: message/rfc822\n\n", "levels", 30 },
		{ "attached messages", "Content-Type: multipart/mixed; boundary=b\n\n", "--b\nContent-Type: message/rfc822\n\nSubject: x\n\ny\n", "attached", MESSAGE_MAX_ATTACHED + 1 },
		{ "header of an attached message", "Content-Type: message/rfc822\n\nX: y\n", "X-A: abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\n", "header", 900 },
		{ "header bytes", "", "X-A: abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\n", "header", 900 },
		{ "header fields", "", "X: y\n", "header", 1001 },
		{ "text", "\n", "abcdefghijklmno\n", "text", DOCUMENT_MAX_TEXT / 16 + 100 },
		{ "source", "\n", "a                              \n", "source", MESSAGE_MAX_SOURCE / 32 + 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct arena		a = {0};
		struct arena_buf	b = {.arena = &a};
		struct message		m;
		struct err		e = {0};

		arena_puts(&b, t[i].begin);
		for (size_t n = 0; n < t[i].times; n++)
			arena_puts(&b, t[i].each);
		if (message_read(door, (struct span){b.p, b.n}, &a, &m, &e) == 0 || strstr(e.msg, t[i].bound) == NULL)
			fail_msg("%s: \"%s\"", t[i].name, e.msg);
		assert_int_equal(e.kind, ERR_REJECT);
		arena_free(&a);
	}
}

/* Every truncation of every row, and single bytes changed: for the sanitizers, and to end at all. */
static void
no_broken_mail_does_harm(void **state)
{
	static const char noise[] = "\0\xff\n=\"<>(-";
	struct arena	  a = {0};
	struct message	  m;
	struct err	  e;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t n = strlen(rows[i].mail);

		for (size_t at = 0; at < n; at++) {
			char *copy = test_malloc(n + 1);

			memcpy(copy, rows[i].mail, n);
			message_read(door, (struct span){copy, at}, &a, &m, &e);
			copy[at] = noise[(i + at) % (sizeof noise - 1)];
			message_read(door, (struct span){copy, n}, &a, &m, &e);
			arena_free(&a);
			test_free(copy);
		}
	}
}

/* Of a large mail GMime is given all header fields, of others those that it needs: what is read is the same. */
static void
what_the_header_holds_besides_changes_nothing_of_the_body(void **state)
{
#define MULTI	"multipart/mixed; boundary=b"
#define BODY	"%s\n--b\nContent-Type: text/html; charset=utf-8\n\n<p>h\xc3\xa6r\n--b\n\nder\n--b--\n"
	static const char *const headers[] = {
		"Content-Type: " MULTI "\nSubject: x\n",
		"Subject: x\ncontent-type:" MULTI "\n",
		"Content-Type:\n multipart/mixed;\n\tboundary=b\nTo: y\n",
		"Content-Type: text/plain\nSubject: x\nContent-Type: " MULTI "\n",
		"Content-Type: " MULTI "\nX: y\nContent-Type: text/html\n",
		"To: a\n b\nContent-Type: " MULTI "\n c\nCc: d\n",
		"Content-Type : " MULTI "\n",
		"Content_Type: " MULTI "\n",
		"X-\xc3\xa6: y\nContent-Type: " MULTI "\n",
		"From a Mon\nContent-Type: " MULTI "\n",
		" x\nContent-Type: " MULTI "\n",
		"Subject: x\n \nContent-Type: " MULTI "\n",
		"MIME-Version: 7\nContent-Type: " MULTI "\n",
		"Subject: x\rContent-Type: text/html\nContent-Type: " MULTI "\n",
		"X:\nContent-Type: " MULTI "\n",
		"Subject: x\r\nContent-Type: " MULTI "\r\n",
		"Content-Transfer-Encoding: base64\nX: y\nContent-Type: " MULTI "\n",
		"Subject: x\n",
	};
	const size_t	more = 300UL * 1024;	/* above MESSAGE_MAX_COPY */

	(void)state;
	for (size_t i = 0; i < COUNT(headers); i++) {
		struct arena		a = {0};
		struct arena_buf	b = {.arena = &a};
		struct message		small, large;
		struct err		e;

		/* what is behind the last boundary is no part */
		arena_putf(&b, BODY, headers[i]);
		assert_int_equal(message_read(door, (struct span){b.p, b.n}, &a, &small, &e), 0);
		b = (struct arena_buf){.arena = &a};
		arena_putf(&b, BODY, headers[i]);
		for (size_t n = 0; n < more; n += 4)
			arena_puts(&b, "\n\n\n\n");
		assert_int_equal(message_read(door, (struct span){b.p, b.n}, &a, &large, &e), 0);
		if (strcmp(codes(&small.reasons, &a), codes(&large.reasons, &a)) != 0)
			fail_msg("%s: reasons \"%s\" and \"%s\"", headers[i], codes(&small.reasons, &a),
			    codes(&large.reasons, &a));
		if (strcmp(show(&small.document, &a), show(&large.document, &a)) != 0)
			fail_msg("%s: got\n%sand\n%s", headers[i], show(&small.document, &a),
			    show(&large.document, &a));
		arena_free(&a);
	}
}

static int
open_door(void **state)
{
	struct err e;

	(void)state;
	return message_open(&door, &e);
}

static int
close_door(void **state)
{
	(void)state;
	message_close(door);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_becomes_text_as_seen),
		cmocka_unit_test(a_nul_is_a_doubt),
		cmocka_unit_test(header_fields_are_decoded),
		cmocka_unit_test(what_is_too_much_is_rejected),
		cmocka_unit_test(no_broken_mail_does_harm),
		cmocka_unit_test(what_the_header_holds_besides_changes_nothing_of_the_body),
	};

	return cmocka_run_group_tests(tests, open_door, close_door);
}
