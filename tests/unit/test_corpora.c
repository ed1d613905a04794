/* corpora: mail that nobody here wrote is read as others read it (../shared/corpora, or CORPORA=) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "read/message.h"

static struct message_door *door;

static const char *
corpora(void)
{
	const char *dir = getenv("CORPORA");

	return dir != NULL ? dir : "../shared/corpora";
}

/* A file's bytes; p NULL if it is not there. */
static struct span
file_read(const char *name, struct arena *a)
{
	FILE			*f = fopen(arena_printf(a, "%s/%s", corpora(), name), "rb");
	struct arena_buf	 b = {.arena = a};
	char			 block[4096];
	size_t			 n;

	if (f == NULL)
		return (struct span){0};
	arena_put(&b, "", 0);
	while ((n = fread(block, 1, sizeof block, f)) > 0)
		arena_put(&b, block, n);
	fclose(f);
	return (struct span){b.p, b.n};
}

/* The file, or the test ends here, aloud. */
static struct span
file_needed(const char *name, struct arena *a)
{
	struct span text = file_read(name, a);

	if (text.p == NULL) {
		print_message("no %s/%s: set CORPORA to test with it\n", corpora(), name);
		arena_free(a);
		skip();
	}
	return text;
}

/* Our JSON reader takes no NUL, which one mail has: U+0001 on both sides. */
static struct span
nul_replace(struct span s, struct arena *a)
{
	char *copy = arena_textn(a, s.p, s.n);

	for (ptrdiff_t at = 0; (at = span_find(s, SPAN_LIT("\\u0000"), (size_t)at)) >= 0; at++)
		copy[at + 5] = '1';
	return (struct span){copy, s.n};
}

/* Line ends as LF, and none at the end; NUL as U+0001. */
static struct span
newlines_fold(struct span s, struct arena *a)
{
	struct arena_buf b = {.arena = a};

	arena_put(&b, "", 0);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\r')
			arena_puts(&b, i + 1 < s.n && s.p[i + 1] == '\n' ? "" : "\n");
		else
			arena_put(&b, s.p[i] != '\0' ? s.p + i : "\1", 1);
	while (b.n > 0 && b.p[b.n - 1] == '\n')
		b.n--;
	return (struct span){b.p, b.n};
}

static bool
has_source(const struct message *m, struct span want, struct arena *a)
{
	for (size_t i = 0; i < m->source_count; i++)
		if (span_eq(newlines_fold(m->sources[i].text, a), want))
			return true;
	return false;
}

#define EML "stalwart-mail-parser/resources/eml/"
#define UTF7 "UTF-7 is not on the list: its letters hide in ASCII, and no program that shows mail decodes it today"
#define FILE_SENT "an attachment, which is not the mail's own text"
/* Where we do not read what two other parsers agree on, and why that is right. */
static const struct { const char *file; int index; const char *why; } golden_exceptions[] = {
	{ EML "legacy/001.eml", 0, UTF7 }, { EML "legacy/005.eml", 0, UTF7 }, { EML "legacy/034.eml", 0, UTF7 },
	{ EML "legacy/023.eml", 1, FILE_SENT }, { EML "legacy/026.eml", 2, FILE_SENT }, { EML "legacy/045.eml", 1, FILE_SENT },
	{ EML "rfc/000.eml", 4, "text/enriched, which no mail program writes" },
	{ EML "rfc/003.eml", 1, "text/enriched, beside a plain text that says the same" },
	{ EML "thirdparty/008.eml", 0, "text/x-myown, which nobody shows as text" },
	{ EML "malformed/007.eml", 0, "an empty text under a header that its own boundary cuts off: no part to GMime" },
	{ EML "malformed/007.eml", 1, "the same text once more" },
};

static bool
is_exception(const char *file, int index)
{
	for (size_t i = 0; i < COUNT(golden_exceptions); i++)
		if (golden_exceptions[i].index == index && strcmp(golden_exceptions[i].file, file) == 0)
			return true;
	return false;
}

static int
golden_line(struct span line, int *exceptions)
{
	struct arena		 a = {0};
	struct json		*j = NULL;
	struct message		 m;
	struct err		 e;
	const struct json	*parts;
	const char		*file;
	int			 wrong = 0;

	if (json_parse(nul_replace(line, &a), &j, &e) < 0)
		fail_msg("%.80s: %s", line.p, e.msg);
	file = json_text(json_get(j, "file"));
	parts = json_get(j, "agreed_text_parts");
	if (message_read(door, file_needed(file, &a), &a, &m, &e) < 0)
		fail_msg("%s: %s", file, e.msg);
	for (int i = 0; i < json_count(parts); i++) {
		struct span	want = newlines_fold(span_of(json_text(json_get(json_item(parts, i), "text"))), &a);
		int64_t		index = -1;
		bool		same = has_source(&m, want, &a);

		json_int(json_get(json_item(parts, i), "index"), &index);
		*exceptions += is_exception(file, (int)index);
		if (same != is_exception(file, (int)index))
			continue;
		print_message("%s, part %d: %s\n", file, (int)index, same ? "is no exception" : "is not what was agreed on");
		wrong++;
	}
	json_free(j);
	arena_free(&a);
	return wrong;
}

static void
text_is_decoded_as_two_others_agree(void **state)
{
	struct arena	a = {0};
	struct span	all = file_needed("golden-text.jsonl", &a), line;
	int		wrong = 0, exceptions = 0;

	(void)state;
	while (all.n > 0) {
		span_cut(&all, '\n', &line);
		if (line.n > 0)
			wrong += golden_line(line, &exceptions);
	}
	arena_free(&a);
	assert_int_equal(wrong, 0);
	assert_int_equal(exceptions, COUNT(golden_exceptions));
}

static void
what_can_be_read_in_two_ways_is_a_doubt(void **state)
{
	static const struct { const char *file; bool ambiguous; } t[] = {
		{ "double-boundary.msg", true }, { "double-content-type.msg", true },
		{ "double-content-transfer-encoding.msg", true }, { "double-content-disposition.msg", true },
		{ "double-content-id.msg", true }, { "double-content-disposition-param.msg", true },
		{ "double-semicolon.msg", false }, { "double-semicolon2.msg", false },
		{ "attachment-filename-encoding-UTF8.msg", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct arena	a = {0};
		struct message	m;
		struct err	e;
		bool		got = false;

		if (message_read(door, file_needed(arena_printf(&a, "perl-mime-tools/testmsgs/%s", t[i].file), &a), &a, &m, &e) < 0)
			fail_msg("%s: %s", t[i].file, e.msg);
		for (int k = 0; k < m.reasons.count; k++)
			got = got || strcmp(m.reasons.list[k].code, "ambiguous-mime") == 0;
		if (got != t[i].ambiguous)
			fail_msg("%s: ambiguous-mime %d", t[i].file, got);
		arena_free(&a);
	}
}

/* Words of a text, one space apart: how the other parser and our lines are compared. */
static struct span
words_of(struct span s, struct arena *a)
{
	struct arena_buf b = {.arena = a};

	arena_put(&b, "", 0);
	for (size_t i = 0; i < s.n; i++) {
		if (strchr(" \t\r\n>", s.p[i]) == NULL || s.p[i] == '\0')
			arena_put(&b, s.p + i, 1);
		else if (b.n > 0 && b.p[b.n - 1] != ' ')
			arena_put(&b, " ", 1);
	}
	return span_trim((struct span){b.p, b.n});
}

static struct span
document_words(const struct document *d, struct arena *a)
{
	struct arena_buf b = {.arena = a};

	arena_put(&b, "", 0);
	for (size_t p = 0; p < d->count; p++)
		for (size_t i = 0; i < d->parts[p].count; i++)
			for (uint16_t c = 0; c < d->parts[p].lines[i].count; c++) {
				arena_put(&b, d->parts[p].lines[i].cells[c].p, d->parts[p].lines[i].cells[c].n);
				arena_puts(&b, " ");
			}
	return words_of((struct span){b.p, b.n}, a);
}

struct forward_result { bool forward, body, from; };

/* In our languages, what is not unwrapped as the other parser does it, and why. */
static const struct { const char *file, *why; } forward_exceptions[] = {
	{ "apple_mail_en_body_variant_13.txt", "its header is half in French" },
	{ "ionos_one_and_one_en_body_variant_2.txt", "\"Original Message\" under text, as replies have it, and no Subject known: left whole, and in doubt" },
};

static struct forward_result
forward_read(const struct json *j, const char *file, struct arena *a)
{
	const char		*subject_file = json_text(json_get(j, "subject_file"));
	const struct json	*email = json_get(j, "email");
	const char		*address = json_text(json_get(json_get(email, "from"), "address"));
	struct arena_buf	 mail = {.arena = a};
	struct span		 subject = SPAN_LIT("Integer consequat non purus"), body, want;
	struct message		 m;
	struct err		 e;
	struct forward_result	 r;

	body = file_needed(arena_printf(a, "email-forward-parser/test/fixtures/%s", file), a);
	if (subject_file == NULL && strncmp(file, "outlook_2019_", 13) == 0)
		subject_file = "outlook_2019_subject.txt";	/* what it writes is an attribution, as in its replies */
	if (subject_file == NULL && strncmp(file, "outlook_live_", 13) == 0)
		subject_file = "outlook_live_en_subject.txt";
	if (subject_file != NULL)
		subject = span_trim(file_needed(arena_printf(a, "email-forward-parser/test/fixtures/%s", subject_file), a));
	arena_puts(&mail, "Content-Type: text/plain; charset=utf-8\nSubject: ");
	arena_put(&mail, subject.p, subject.n);
	arena_puts(&mail, "\n\n");
	arena_put(&mail, body.p, body.n);
	if (message_read(door, (struct span){mail.p, mail.n}, a, &m, &e) < 0)
		fail_msg("%s: %s", file, e.msg);
	want = words_of(span_of(json_text(json_get(email, "body"))), a);
	r.forward = m.document.forward;
	r.body = span_eq(document_words(&m.document, a), want);
	r.from = address != NULL && span_find(m.document.from, span_of(address), 0) >= 0;
	return r;
}

static bool
in_our_languages(const char *file)
{
	static const char *const ours[] = {"_no_", "_da_", "_sv_", "_fi_", "_en_", "_de_", "outlook_live_body"};

	for (size_t i = 0; i < COUNT(ours); i++)
		if (strstr(file, ours[i]) != NULL)
			return true;
	return false;
}

static bool
is_forward_exception(const char *file)
{
	for (size_t i = 0; i < COUNT(forward_exceptions); i++)
		if (strcmp(forward_exceptions[i].file, file) == 0)
			return true;
	return false;
}

static void
forwards_are_unwrapped_and_replies_are_not(void **state)
{
	struct arena	 a = {0};
	struct span	 text = file_needed("email-forward-parser/golden-from-npm.json", &a);
	struct json	*all;
	struct err	 e;
	int		 n = 0, wrong = 0, unwrapped = 0, replies = 0;

	(void)state;
	assert_int_equal(json_parse(text, &all, &e), 0);
	for (int i = 0; i < json_count(all); i++) {
		const struct json	*j = json_item(all, i);
		const char		*file = json_text(json_get(j, "file"));
		bool			 forwarded = false;
		struct forward_result	 r = forward_read(j, file, &a);

		json_bool(json_get(j, "forwarded"), &forwarded);
		if (!forwarded && strstr(file, "_variant_4") != NULL) {
			replies++;
			if (r.forward)
				print_message("%s: a reply is taken for a forward\n", file);
			wrong += r.forward;
		}
		if (!forwarded || !in_our_languages(file))
			continue;
		n++;
		unwrapped += r.forward && r.from && r.body;
		if ((r.forward && r.from && r.body) != is_forward_exception(file))
			continue;
		print_message("%s: forward %d, its From %d, its body %d\n", file, r.forward, r.from, r.body);
		wrong++;
	}
	print_message("forwards unwrapped: %d of %d; replies left alone: %d\n", unwrapped, n, replies);
	json_free(all);
	arena_free(&a);
	assert_int_equal(wrong, 0);
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
		cmocka_unit_test(text_is_decoded_as_two_others_agree),
		cmocka_unit_test(what_can_be_read_in_two_ways_is_a_doubt),
		cmocka_unit_test(forwards_are_unwrapped_and_replies_are_not),
	};

	return cmocka_run_group_tests(tests, open_door, close_door);
}
