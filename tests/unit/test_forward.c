/* forward: of a mail that somebody passed on, only what was passed on is read; a reply stays a reply */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "read/forward.h"
#include "read/message.h"

static struct message_door *door;

/* "forward+" (with text of its own), "forward", "reply" or "mail"; Subject; From; the lines, ">" by depth. */
static void
show(const struct document *d, struct arena_buf *b)
{
	arena_putf(b, "%s%s%s|%.*s|%.*s\n", d->forward ? "forward" : d->reply ? "" : "mail", d->own_text ? "+" : "", d->reply ? "reply" : "",
	    (int)d->subject.n, d->subject.p, (int)d->from.n, d->from.p);
	for (size_t p = 0; p < d->count; p++)
		for (size_t i = 0; i < d->parts[p].count; i++) {
			const struct document_line *l = &d->parts[p].lines[i];

			for (int q = 0; q < l->quote; q++)
				arena_puts(b, ">");
			for (int c = 0; c < l->count; c++)
				arena_putf(b, "%s%.*s", c > 0 ? "|" : "", (int)l->cells[c].n, l->cells[c].p);
			arena_puts(b, "\n");
		}
	for (size_t i = 0; i < d->attached_count; i++) {
		arena_puts(b, "attached ");
		show(&d->attached[i], b);
	}
}

struct row { const char *name, *mail, *want; };

static void
check(const struct row *r)
{
	struct arena		a = {0};
	struct arena_buf	b = {.arena = &a};
	struct message		m;
	struct err		e;

	if (message_read(door, span_of(r->mail), &a, &m, &e) < 0)
		fail_msg("%s: %s", r->name, e.msg);
	show(&m.document, &b);
	if (strcmp(b.p, r->want) != 0)
		fail_msg("%s: got\n%swant\n%s", r->name, b.p, r->want);
	arena_free(&a);
}

#define HTML "Content-Type: text/html\n"
#define REPLY "In-Reply-To: <x@y>\n"

static const struct row inline_ones[] = {
	{ "Gmail", "Subject: Fwd: Godkjent\n" REPLY "\nFYI\n\n---------- Forwarded message ---------\nFra: Vipps <no-reply@vipps.example>\nDate: man. 2. nov. 2026 kl. 09:31\n"
	    "Subject: Godkjent\nTo: <a@b.example>\n\n\nMSN: 123456\n", "forward+|Godkjent|Vipps <no-reply@vipps.example>\nMSN: 123456\n" },
	{ "Gmail, HTML", "Subject: Vidarebef: x\n" HTML "\n<div>Hej<div><br></div><div class=gmail_quote><div dir=ltr>---------- Forwarded message ---------<br>Från: <strong>V</strong> "
	    "<span>&lt;<a href=\"mailto:n@v.example\">n@v.example</a>&gt;</span><br>Date: m<br>Subject: Godkänd<br>To:  &lt;a@b.example&gt;<br></div><br><p>MSN: 1",
	    "forward+|Godkänd|V <n@v.example>\nMSN: 1\n" },
	{ "Apple Mail", "Subject: Fwd: x\n\nHei!\n\n> Videresendt melding:\n> \n> Fra: V <n@v.example>\n> Emne: Godkjent\n> Dato: 26. oktober 2026 kl. 14:25:08 CET\n> Til: a@b.example\n> \n"
	    "> MSN: 1\n> > sitert\n\nMed hilsen\nKari\n", "forward+|Godkjent|V <n@v.example>\nMSN: 1\n>sitert\n" },
	{ "Outlook, bold by stars", "Subject: VS: x\n" REPLY "\nSe under.\n\n*Fra:* V [mailto:n@v.example]\n*Sendt:* mandag 2. november 2026 09:30\n*Til:* a@b.example\n*Emne:* Godkjent\n\nMSN: 1\n",
	    "forward+|Godkjent|V [mailto:n@v.example]\nMSN: 1\n" },
	{ "Outlook, HTML paragraphs", "Subject: VL: x\n" HTML "\n<hr><p><b>Lähettäjä:</b> V &lt;n@v.example&gt;</p><p><b>Lähetetty:</b> ma</p><p><b>Vastaanottaja:</b> a@b.example</p>"
	    "<p><b>Aihe:</b> Hyväksytty</p><p>MSN: 1</p>", "forward|Hyväksytty|V <n@v.example>\nMSN: 1\n" },
	{ "Outlook inside a company: a name without address", "Subject: FW: x\n" REPLY "\nFrom: Vipps\nSent: Monday\nTo: Kari\nSubject: Approved\n\nMSN: 1\n", "forward|Approved|Vipps\nMSN: 1\n" },
	{ "recipients over lines", "Subject: WG: x\n\n-----Ursprüngliche Nachricht-----\nVon: V <n@v.example>\nGesendet: Montag\nAn: a@b.example; c@b.example;\nd@b.example\nCc: e@b.example\nBetreff: Ja\nWichtigkeit: Hoch\n\nMSN: 1\n",
	    "forward|Ja|V <n@v.example>\nMSN: 1\n" },
	{ "Thunderbird, a table", "Subject: Fwd: x\n" HTML "\n<p>se her<p>-------- Videresendt meddelelse --------<table><tr><th>Emne: <td>Godkendt<tr><th>Dato: <td>m<tr><th>Fra: <td>V &lt;n@v.example&gt;"
	    "<tr><th>Til: <td>a@b.example</table><p>MSN: 1", "forward+|Godkendt|V <n@v.example>\nMSN: 1\n" },
	{ "Yahoo, one line", "Subject: Fw: x\n\n  ----- Videresendt melding ----- Fra: V <n@v.example>Til: \"a@b.example\" <a@b.example>Sendt: mandag, 09:26:50 CETEmne: Godkjent\n MSN: 1\n",
	    "forward|Godkjent|V <n@v.example>\nMSN: 1\n" },
	{ "an attribution, under a Subject that says so", "Subject: FW: Hyväksytty\n\nV <n@v.example> kirjoitti 28/10/2026 12.46:\n\n    MSN: 1\n", "forward|Hyväksytty|V <n@v.example> kirjoitti 28/10/2026 12.46:\nMSN: 1\n" },
	{ "a forward of a forward", "Subject: Fwd: Fwd: x\n\nto you\n\nBegin forwarded message:\n\n> From: K <k@c.example>\n> Date: m\n> Subject: Fwd: x\n> To: a@b.example\n> \n> see below\n> \n"
	    "> ---------- Forwarded message ---------\n> From: V <n@v.example>\n> Date: m\n> Subject: Approved\n> To: k@c.example\n> \n> MSN: 1\n", "forward+|Approved|V <n@v.example>\nMSN: 1\n" },
	{ "a forward without a word of its own", "Subject: x\n\n---------- Forwarded message ---------\nFrom: K <k@c.example>\nDate: m\nSubject: y\n\n---------- Forwarded message ---------\n"
	    "From: V <n@v.example>\nDate: m\nSubject: Approved\n\nMSN: 1\n", "forward|Approved|V <n@v.example>\nMSN: 1\n" },
	{ "quoted mail under what was passed on stays", "Subject: Fwd: x\n\n---------- Forwarded message ---------\nFrom: V <n@v.example>\nDate: m\nSubject: Approved\n\nMSN: 1\n\n"
	    "From: K <k@c.example>\nSent: m\nTo: V\nSubject: my application\n\nhello\n", "forward|Approved|V <n@v.example>\nMSN: 1\n\nFrom: K <k@c.example>\nSent: m\nTo: V\nSubject: my application\n\nhello\n" },
	{ "a header and nothing that says so", "Subject: see\n\nFra: V <n@v.example>\nSendt: m\nTil: a@b.example\nEmne: Godkjent\n\nMSN: 1\n", "forward|Godkjent|V <n@v.example>\nMSN: 1\n" },
	{ "the same under text, which may be news over an old mail", "Subject: x\n\nMSN: 2\n\nFra: V <n@v.example>\nSendt: m\nTil: a@b.example\nEmne: y\n\nMSN: 1\n",
	    "forward|x|\nMSN: 2\n\nFra: V <n@v.example>\nSendt: m\nTil: a@b.example\nEmne: y\n\nMSN: 1\n" },
	{ "only the Subject says so", "Subject: [EXT] Fwd: Approved\n" REPLY "From: k@c.example\n\nMSN: 1\n", "forward|[EXT] Fwd: Approved|k@c.example\nMSN: 1\n" },
	{ "both readings", "Subject: Fwd: x\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\nown\n---------- Forwarded message ---------\nFrom: V <n@v.example>\nDate: m\nSubject: Approved\n\nMSN: 1\n"
	    "--b\n" HTML "\nown<br>---------- Forwarded message ---------<br>From: V &lt;n@v.example&gt;<br>Date: m<br>Subject: Approved<br><br>MSN: 1\n--b--\n", "forward+|Approved|V <n@v.example>\nMSN: 1\nMSN: 1\n" },
	{ "own text in a part before it", "Subject: Fwd: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nMSN: 2\n--b\n\nBegin forwarded message:\nFrom: V <n@v.example>\nDate: m\nSubject: Approved\n\nMSN: 1\n--b--\n",
	    "forward+|Approved|V <n@v.example>\nMSN: 1\n" },
	{ "a label of the body is none of the header", "Subject: Fwd: x\n\n---------- Forwarded message ---------\nFra: V <n@v.example>\nDato: m\nEmne: Godkjent\nTil: a@b.example\n\nDato: 1. november\nMSN: 1\n",
	    "forward|Godkjent|V <n@v.example>\nDato: 1. november\nMSN: 1\n" },
};

static const struct row replies[] = {
	{ "an attribution", "Subject: Re: x\n" REPLY "From: k@c.example\n\nThanks\n\nOn Mon, V <n@v.example> wrote:\n> MSN: 1\n", "reply|Re: x|k@c.example\nThanks\n\nOn Mon, V <n@v.example> wrote:\n>MSN: 1\n" },
	{ "Outlook's header under a reply's Subject", "Subject: SV: x\n\nTakk\n\nFra: V <n@v.example>\nSendt: m\nTil: a@b.example\nEmne: Godkjent\n\nMSN: 1\n",
	    "reply|SV: x|\nTakk\n\nFra: V <n@v.example>\nSendt: m\nTil: a@b.example\nEmne: Godkjent\n\nMSN: 1\n" },
	{ "the same by its header alone", "Subject: x\n" REPLY "\nTakk\n\n-----Opprinnelig melding-----\nFra: V <n@v.example>\nSendt: m\nTil: a@b.example\nEmne: Godkjent\n\nMSN: 1\n",
	    "reply|x|\nTakk\n\n-----Opprinnelig melding-----\nFra: V <n@v.example>\nSendt: m\nTil: a@b.example\nEmne: Godkjent\n\nMSN: 1\n" },
	{ "VS in Finnish", "Subject: VS: x\n\nKiitos\n\nLähettäjä: V <n@v.example>\nLähetetty: ma\nVastaanottaja: a@b.example\nAihe: x\n\nMSN: 1\n",
	    "reply|VS: x|\nKiitos\n\nLähettäjä: V <n@v.example>\nLähetetty: ma\nVastaanottaja: a@b.example\nAihe: x\n\nMSN: 1\n" },
	{ "a reply to a forward", "Subject: Re: Fwd: x\n\nThanks\n\nOn Mon, K <k@c.example> wrote:\n> ---------- Forwarded message ---------\n> From: V <n@v.example>\n> Date: m\n> Subject: Approved\n> \n> MSN: 1\n",
	    "reply|Re: Fwd: x|\nThanks\n\nOn Mon, K <k@c.example> wrote:\n>---------- Forwarded message ---------\n>From: V <n@v.example>\n>Date: m\n>Subject: Approved\n>\n>MSN: 1\n" },
	{ "a forward of a reply", "Subject: Fwd: x\n\n---------- Forwarded message ---------\nFrom: K <k@c.example>\nDate: m\nSubject: Re: x\n\nThanks\n\nOn Mon, V <n@v.example> wrote:\n> MSN: 1\n",
	    "forwardreply|Re: x|K <k@c.example>\nThanks\n\nOn Mon, V <n@v.example> wrote:\n>MSN: 1\n" },
	{ "no header at all", "Subject: x\n\nFrom: today on, you are approved\nDate: Monday\nMSN: 1\n", "mail|x|\nFrom: today on, you are approved\nDate: Monday\nMSN: 1\n" },
	{ "an attribution alone", "Subject: x\n\nWe wrote on 1 November:\nMSN: 1\n", "mail|x|\nWe wrote on 1 November:\nMSN: 1\n" },
};

#define INNER "From: V <n@v.example>\nSubject: =?utf-8?q?Hyv=C3=A4ksytty?=\nContent-Type: text/plain; charset=utf-8\n\nMSN: 1\n"

static const struct row attached[] = {
	{ "attached", "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nsee\n--b\nContent-Type: message/rfc822\nContent-Disposition: attachment\n\n" INNER "--b--\n",
	    "mail|x|\nsee\nattached mail|Hyväksytty|V <n@v.example>\nMSN: 1\n" },
	{ "base64, which RFC 2046 forbids", "Subject: x\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeQoKTVNOOiAxCg==\n", "mail|x|\nattached mail|y|\nMSN: 1\n" },
	{ "quoted-printable, too", "Subject: x\nContent-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\nSubject: y\n\nMSN=3A =\n1\n", "mail|x|\nattached mail|y|\nMSN: 1\n" },
	{ "one in one", "Subject: x\nContent-Type: message/rfc822\n\nSubject: y\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nsee\n--b\nContent-Type: message/rfc822\n\n" INNER "--b--\n",
	    "mail|x|\nattached mail|y|\nsee\nattached mail|Hyväksytty|V <n@v.example>\nMSN: 1\n" },
	{ "a forward inside one", "Subject: x\nContent-Type: message/rfc822\n\nSubject: Fwd: y\n\nown\n\nBegin forwarded message:\nFrom: V <n@v.example>\nDate: m\nSubject: z\n\nMSN: 1\n",
	    "mail|x|\nattached forward+|z|V <n@v.example>\nMSN: 1\n" },
	{ "to a reply", "Subject: x\n" REPLY "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nthanks\n--b\nContent-Type: message/rfc822\n\n" INNER "--b--\n", "reply|x|\nthanks\n" },
	{ "to a forward that sets In-Reply-To", "Subject: Fwd: x\n" REPLY "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nsee\n--b\nContent-Type: message/rfc822\n\n" INNER "--b--\n",
	    "forward|Fwd: x|\nsee\nattached mail|Hyväksytty|V <n@v.example>\nMSN: 1\n" },
	{ "to a bounce", "Subject: x\nContent-Type: multipart/report; boundary=b\n\n--b\n\nnobody there\n--b\nContent-Type: message/rfc822\n\n" INNER "--b--\n", "mail|x|\nnobody there\n" },
	{ "to an automatic answer", "Subject: x\nAuto-Submitted: auto-replied\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\naway\n--b\nContent-Type: message/rfc822\n\n" INNER "--b--\n", "mail|x|\naway\n" },
};

static void
an_inline_forward_is_unwrapped(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(inline_ones); i++)
		check(&inline_ones[i]);
}

static void
a_reply_is_no_forward(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(replies); i++)
		check(&replies[i]);
}

static void
an_attached_message_is_a_document_of_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(attached); i++)
		check(&attached[i]);
}

static void
a_subject_says_what_a_mail_is(void **state)
{
	static const struct { const char *subject; enum forward_prefix want; const char *rest; } t[] = {
		{ "Fwd: x", FORWARD_FORWARD, "x" }, { " FW: Re: x", FORWARD_FORWARD, "Re: x" }, { "[EXT] [x] vl: y", FORWARD_FORWARD, "y" },
		{ "Re[2]: x", FORWARD_REPLY, "x" }, { "Sv: x", FORWARD_REPLY, "x" }, { "AW : x", FORWARD_REPLY, "x" },
		{ "Vs: x", FORWARD_EITHER, "x" }, { "Forward: x", FORWARD_NONE, "Forward: x" }, { "Re x", FORWARD_NONE, "Re x" },
		{ "", FORWARD_NONE, "" }, { "[", FORWARD_NONE, "[" }, { "[]:", FORWARD_NONE, "[]:" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct span rest;

		if (forward_prefix(span_of(t[i].subject), &rest) != t[i].want || !span_is(rest, t[i].rest))
			fail_msg("\"%s\": rest \"%.*s\"", t[i].subject, (int)rest.n, rest.p);
	}
}

/* Every truncation, and single bytes changed: for the sanitizers, and to end at all. */
static void
no_broken_forward_does_harm(void **state)
{
	static const char	 noise[] = "\0\xff\n:=\"<>(-";
	static const struct { const struct row *rows; size_t n; } all[] = {
		{ inline_ones, COUNT(inline_ones) }, { replies, COUNT(replies) }, { attached, COUNT(attached) },
	};
	struct arena		 a = {0};
	struct message		 m;
	struct err		 e;

	(void)state;
	for (size_t k = 0; k < COUNT(all); k++)
		for (size_t i = 0; i < all[k].n; i++)
			for (size_t at = 0, n = strlen(all[k].rows[i].mail); at < n; at++) {
				char *copy = test_malloc(n + 1);

				memcpy(copy, all[k].rows[i].mail, n);
				message_read(door, (struct span){copy, at}, &a, &m, &e);
				copy[at] = noise[(i + at) % (sizeof noise - 1)];
				message_read(door, (struct span){copy, n}, &a, &m, &e);
				arena_free(&a);
				test_free(copy);
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
		cmocka_unit_test(an_inline_forward_is_unwrapped),
		cmocka_unit_test(a_reply_is_no_forward),
		cmocka_unit_test(an_attached_message_is_a_document_of_its_own),
		cmocka_unit_test(a_subject_says_what_a_mail_is),
		cmocka_unit_test(no_broken_forward_does_harm),
	};

	return cmocka_run_group_tests(tests, open_door, close_door);
}
