/*
 * message - see message.h
 *
 * GMime parses the structure and undoes transfer encodings; charsets of bodies go through our own
 * converters, so that wrong labels are seen and no other charset is ever asked for.
 */
#include "read/message.h"

#include <gmime/gmime.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "read/header.h"
#include "read/html.h"
#include "read/reading.h"
#include "read/text.h"

#define MAX_CHARSET_NAME	40	/* bytes; ours are under 20 */

struct message_door {
	struct text_charsets	*charsets;
	GMimeParserOptions	*options;
	struct reasons		*warned;	/* where GMime's warnings go; NULL: nowhere */
};

/* ---- header fields */

/* Do all encoded words name a charset that we have? (RFC 2047 2, RFC 2231 5 for the language) */
static bool
words_are_known(struct span s)
{
	ptrdiff_t at = 0;

	while ((at = span_find(s, SPAN_LIT("=?"), (size_t)at)) >= 0) {
		struct span left = span_from(s, (size_t)at + 2), name, language;

		at += 2;
		if (!span_cut(&left, '?', &name) || name.n > MAX_CHARSET_NAME)
			continue;
		language = name;
		span_cut(&language, '*', &name);
		if (memchr(name.p, ' ', name.n) == NULL && name.n > 0 && !text_charset_known(name))
			return false;
	}
	return true;
}

struct span
message_decode(struct message_door *m, struct span value, struct arena *a, bool *unclear)
{
	struct span	 line = header_unfold(value, a), text;
	struct reasons	 r = {0};
	char		*decoded;

	if (!words_are_known(line) || !span_utf8(line) || memchr(line.p, '\0', line.n) != NULL)
		*unclear = true;
	decoded = g_mime_utils_header_decode_text(m->options, line.p);
	text = arena_span(a, span_of(decoded));
	g_free(decoded);
	if (!span_utf8(text)) {	/* encoded words that are not what they say */
		*unclear = true;
		text = text_unknown(text, a, &r);
	}
	if (span_find(text, SPAN_LIT(TEXT_REPLACEMENT), 0) >= 0)
		*unclear = true;
	text = text_normalise(text, a, &r);
	if (reasons_doubt(&r))
		*unclear = true;
	return text;
}

/* Line ends and runs of spaces as one space. */
static struct span
spaces_fold(struct span s, struct arena *a)
{
	struct arena_buf b = {.arena = a};

	s = span_trim(s);
	arena_put(&b, "", 0);
	for (size_t i = 0; i < s.n; i++) {
		bool white = s.p[i] == ' ' || s.p[i] == '\n' || s.p[i] == '\t';

		if (!white)
			arena_put(&b, s.p + i, 1);
		else if (b.p[b.n - 1] != ' ')
			arena_put(&b, " ", 1);
	}
	return (struct span){b.p, b.n};
}

/* ---- the walk over a mail's parts */

struct walk {
	struct message_door	*door;
	struct arena		*arena;
	struct message		*message;
	struct err		*err;
	int			 mime_parts;
	uint16_t		 alternatives;
	size_t			 source_bytes, text_bytes;
	bool			 forwarded;	/* a message/rfc822 was passed by */
};

static void
doubt(struct walk *w, const char *code)
{
	reasons_add(&w->message->reasons, code, true, -1);
}

/* GMime's remarks on what it parses: those that could mean another reading than its own. */
static void
warned(gint64 offset, GMimeParserWarning code, const gchar *item, gpointer door)
{
	struct message_door *m = door;

	(void)offset;
	(void)item;
	if (m->warned == NULL)
		return;
	switch (code) {
	case GMIME_CRIT_INVALID_HEADER_NAME:
	case GMIME_CRIT_CONFLICTING_PARAMETER:
	case GMIME_WARN_DUPLICATED_PARAMETER:
	case GMIME_CRIT_MULTIPART_WITHOUT_BOUNDARY:
	case GMIME_WARN_MALFORMED_MULTIPART:
	case GMIME_WARN_MALFORMED_MESSAGE:
	case GMIME_WARN_INVALID_CONTENT_TYPE:
	case GMIME_CRIT_NESTING_OVERFLOW:
	case GMIME_CRIT_PART_WITHOUT_HEADERS_OR_CONTENT:
		reasons_add(m->warned, "ambiguous-mime", true, -1);
		break;
	case GMIME_WARN_TRUNCATED_MESSAGE:
		reasons_add(m->warned, "truncated", true, -1);
		break;
	case GMIME_WARN_DUPLICATED_HEADER:	/* those that matter are counted in fields_check() */
	case GMIME_CRIT_CONFLICTING_HEADER:
	case GMIME_WARN_UNENCODED_8BIT_HEADER:
	case GMIME_WARN_INVALID_RFC2047_HEADER_VALUE:
	case GMIME_WARN_INVALID_PARAMETER:
	case GMIME_WARN_INVALID_ADDRESS_LIST:
	case GMIME_WARN_PART_WITHOUT_CONTENT:
		break;
	}
}

/* Fields that say how a part is to be read: one of each, and an encoding that is known. */
static void
fields_check(struct walk *w, GMimeObject *o)
{
	GMimeHeaderList	*list = g_mime_object_get_header_list(o);
	int		 n = g_mime_header_list_get_count(list), encodings = 0, types = 0, dispositions = 0, ids = 0;

	for (int i = 0; i < n; i++) {
		const char *name = g_mime_header_get_name(g_mime_header_list_get_header_at(list, i));
		struct span s = span_of(name);

		encodings += span_is_nocase(s, "Content-Transfer-Encoding");
		types += span_is_nocase(s, "Content-Type");
		dispositions += span_is_nocase(s, "Content-Disposition");
		ids += span_is_nocase(s, "Content-ID");
	}
	if (encodings > 1 || types > 1 || dispositions > 1 || ids > 1)
		doubt(w, "ambiguous-mime");
	if (GMIME_IS_PART(o) && encodings == 1 &&
	    g_mime_part_get_content_encoding(GMIME_PART(o)) == GMIME_CONTENT_ENCODING_DEFAULT)
		doubt(w, "ambiguous-mime");
}

/* Is a part too large whatever its encoding? Quoted-printable takes three bytes for one at most. */
static bool
content_is_huge(GMimeDataWrapper *content)
{
	return g_mime_stream_length(g_mime_data_wrapper_get_stream(content)) > 4 * (gint64)MESSAGE_MAX_SOURCE;
}

/* A part's bytes without their transfer encoding. */
static int
part_bytes(struct walk *w, GMimePart *part, struct span *out)
{
	GMimeDataWrapper	*content = g_mime_part_get_content(part);
	GMimeStream		*mem;
	GByteArray		*bytes;

	*out = SPAN_LIT("");
	if (content == NULL)
		return 0;
	if (content_is_huge(content))
		goto huge;
	mem = g_mime_stream_mem_new();
	g_mime_data_wrapper_write_to_stream(content, mem);
	bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(mem));
	w->source_bytes += bytes->len;
	if (w->source_bytes <= MESSAGE_MAX_SOURCE)
		*out = arena_span(w->arena, (struct span){(char *)bytes->data, bytes->len});
	g_object_unref(mem);
	if (w->source_bytes <= MESSAGE_MAX_SOURCE)
		return 0;
huge:
	return err_set(w->err, ERR_REJECT, "more than %d bytes of text and HTML source", MESSAGE_MAX_SOURCE);
}

/* ---- plain text */

/* One line as it was sent: its depth of quoting cut off. */
struct plain_line {
	struct span	text;
	uint16_t	quote;
};

/* ">" marks; in format=flowed they stand together, elsewhere spaces may lie between. */
static struct plain_line
plain_unquote(struct span line, bool flowed)
{
	struct plain_line l = {.text = line};

	while (l.text.n > 0 && l.text.p[0] == '>' && l.quote < UINT16_MAX) {
		l.quote++;
		l.text = span_from(l.text, 1);
		if (!flowed && l.text.n > 1 && l.text.p[0] == ' ' && l.text.p[1] == '>')
			l.text = span_from(l.text, 1);
	}
	if (flowed && l.text.n > 0 && l.text.p[0] == ' ')	/* RFC 3676 4.4: space-stuffing */
		l.text = span_from(l.text, 1);
	return l;
}

/* The builder parts a line into cells by its white space. */
static void
plain_put(struct document_build *b, struct span line, uint16_t quote)
{
	document_put_cell(b, line);
	document_end_line(b, 0, quote);
}

/*
 * Lines of plain text. In format=flowed (RFC 3676) a line that ends in a space goes on in the next
 * one of the same depth of quoting; with delsp that space is not part of the text.
 */
static void
plain_lines(struct document_build *b, struct span text, bool flowed, bool delsp, struct arena *a)
{
	struct arena_buf	joined = {.arena = a};
	uint16_t		quote = 0;
	bool			open = false;

	while (text.n > 0) {
		struct span		line;
		struct plain_line	l;
		bool			soft;

		span_cut(&text, '\n', &line);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		l = plain_unquote(line, flowed);
		soft = flowed && l.text.n > 0 && l.text.p[l.text.n - 1] == ' ' && !span_is(l.text, "-- ");
		if (open && l.quote != quote) {
			plain_put(b, (struct span){joined.p, joined.n}, quote);
			open = false;
		}
		if (!open && !soft) {
			plain_put(b, l.text, l.quote);
			continue;
		}
		if (!open)
			joined.n = 0;
		arena_put(&joined, l.text.p, l.text.n - (soft && delsp));
		quote = l.quote;
		open = soft;
		if (!soft)
			plain_put(b, (struct span){joined.p, joined.n}, quote);
	}
	if (open)
		plain_put(b, (struct span){joined.p, joined.n}, quote);
}

static struct document_part
plain_read(struct walk *w, GMimeObject *part, struct span text, uint16_t alternative, bool *truncated)
{
	const char		*format = g_mime_object_get_content_type_parameter(part, "format");
	const char		*delsp = g_mime_object_get_content_type_parameter(part, "delsp");
	struct document_build	*b = document_begin(w->arena, DOCUMENT_PLAIN, alternative);

	text = text_normalise(text, w->arena, &w->message->reasons);
	plain_lines(b, text, span_is_nocase(span_of(format), "flowed"), span_is_nocase(span_of(delsp), "yes"),
	    w->arena);
	return document_end(b, truncated);
}

/* ---- parts */

static size_t
part_text(const struct document_part *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->count; i++)
		for (uint16_t k = 0; k < p->lines[i].count; k++)
			n += p->lines[i].cells[k].n;
	return n;
}

static int
text_part(struct walk *w, GMimeObject *o, bool html, uint16_t alternative)
{
	struct document		*d = &w->message->document;
	struct reasons		*r = &w->message->reasons;
	struct span		 raw, text;
	bool			 truncated = false;

	if (d->count == DOCUMENT_MAX_PARTS)
		return err_set(w->err, ERR_REJECT, "more than %d text parts", DOCUMENT_MAX_PARTS);
	if (part_bytes(w, GMIME_PART(o), &raw) < 0)
		return -1;
	text = text_decode(w->door->charsets, span_of(g_mime_object_get_content_type_parameter(o, "charset")), raw,
	    w->arena, r);
	if (!html)
		d->parts[d->count] = plain_read(w, o, text, alternative, &truncated);
	else if (html_read(text, alternative, w->arena, &d->parts[d->count], &truncated, r, w->err) < 0)
		return -1;
	d->count++;
	if (truncated || (w->text_bytes += part_text(&d->parts[d->count - 1])) > DOCUMENT_MAX_TEXT)
		return err_set(w->err, ERR_REJECT, "more than %d bytes, %d lines or %d cells of text",
		    DOCUMENT_MAX_TEXT, DOCUMENT_MAX_LINES, DOCUMENT_MAX_CELLS);
	return 0;
}

/* RFC 2183 2.8: a disposition that is not known is an attachment. */
static bool
is_attachment(GMimeObject *o)
{
	const char *disposition = g_mime_object_get_disposition(o);

	return disposition != NULL && !span_is_nocase(span_of(disposition), "inline");
}

static int
walk_object(struct walk *w, GMimeObject *o, int depth, uint16_t alternative)
{
	GMimeContentType *type = g_mime_object_get_content_type(o);

	if (++w->mime_parts > MESSAGE_MAX_PARTS)
		return err_set(w->err, ERR_REJECT, "more than %d MIME parts", MESSAGE_MAX_PARTS);
	if (depth > MESSAGE_MAX_DEPTH)
		return err_set(w->err, ERR_REJECT, "more than %d levels of MIME parts", MESSAGE_MAX_DEPTH);
	fields_check(w, o);
	if (GMIME_IS_MULTIPART(o)) {
		GMimeMultipart *m = GMIME_MULTIPART(o);

		if (alternative == 0 && g_mime_content_type_is_type(type, "multipart", "alternative"))
			alternative = ++w->alternatives;
		if (g_mime_content_type_is_type(type, "multipart", "report"))
			w->message->document.report = true;
		for (int i = 0, n = g_mime_multipart_get_count(m); i < n; i++)
			if (walk_object(w, g_mime_multipart_get_part(m, i), depth + 1, alternative) < 0)
				return -1;
		return 0;
	}
	if (GMIME_IS_MESSAGE_PART(o)) {
		w->forwarded = true;
		return 0;
	}
	if (!GMIME_IS_PART(o) || is_attachment(o))
		return 0;
	if (g_mime_content_type_is_type(type, "text", "plain"))
		return text_part(w, o, false, alternative);
	if (g_mime_content_type_is_type(type, "text", "html"))
		return text_part(w, o, true, alternative);
	return 0;
}

static bool
document_is_empty(const struct document *d)
{
	for (size_t i = 0; i < d->count; i++)
		for (size_t j = 0; j < d->parts[i].count; j++)
			for (uint16_t k = 0; k < d->parts[i].lines[j].count; k++)
				if (d->parts[i].lines[j].cells[k].n > 0)
					return false;
	return true;
}

static int
walk_mail(struct walk *w, struct span mail)
{
	GByteArray	*bytes = g_byte_array_new_take((guint8 *)(uintptr_t)mail.p, mail.n);	/* lent: see below */
	GMimeStream	*stream = g_mime_stream_mem_new();
	GMimeParser	*parser;
	GMimeMessage	*message;
	GMimeObject	*root;
	int		 rc = 0;

	g_mime_stream_mem_set_byte_array(GMIME_STREAM_MEM(stream), bytes);
	parser = g_mime_parser_new_with_stream(stream);
	message = g_mime_parser_construct_message(parser, w->door->options);
	root = message != NULL ? g_mime_message_get_mime_part(message) : NULL;
	if (root != NULL)
		rc = walk_object(w, root, 0, 0);
	if (message != NULL)
		g_object_unref(message);
	g_object_unref(parser);
	g_object_unref(stream);
	g_byte_array_free(bytes, FALSE);	/* the mail is not its own to free */
	return rc;
}

/* ---- the mail's own header */

static struct span
field_text(struct walk *w, const struct header *h, const char *name)
{
	size_t				 count;
	const struct header_field	*f = header_find(h, name, &count);
	bool				 unclear = false;
	struct span			 text;

	if (f == NULL)
		return SPAN_LIT("");
	text = spaces_fold(message_decode(w->door, f->value, w->arena, &unclear), w->arena);
	if (count > 1)
		doubt(w, "ambiguous-mime");
	if (unclear)
		doubt(w, "undecodable-text");
	return text;
}

static bool
field_there(const struct header *h, const char *name)
{
	size_t count;

	return header_find(h, name, &count) != NULL;
}

/* What stands between the angle brackets: printable ASCII, or there is none. */
static struct span
field_message_id(const struct header *h, struct arena *a)
{
	size_t				 count;
	const struct header_field	*f = header_find(h, "Message-ID", &count);
	struct span			 s, before, id;

	if (f == NULL)
		return (struct span){0};
	s = header_unfold(f->value, a);
	if (!span_cut(&s, '<', &before) || !span_cut(&s, '>', &id) || id.n == 0 || id.n > READING_MAX_MESSAGE_ID)
		return (struct span){0};
	for (size_t i = 0; i < id.n; i++)
		if (id.p[i] <= 0x20 || id.p[i] >= 0x7f)
			return (struct span){0};
	return id;
}

static void
fields_read(struct walk *w, const struct header *h)
{
	struct message			*m = w->message;
	struct span			 automatic;
	size_t				 count;
	const struct header_field	*date = header_find(h, "Date", &count);
	struct err			 ignored;
	char				*lower;

	m->document.subject = field_text(w, h, "Subject");
	m->document.from = field_text(w, h, "From");
	m->document.reply = field_there(h, "In-Reply-To") || field_there(h, "References");
	automatic = field_text(w, h, "Auto-Submitted");
	lower = arena_textn(w->arena, automatic.p, automatic.n);
	for (size_t i = 0; i < automatic.n; i++)
		if (lower[i] >= 'A' && lower[i] <= 'Z')
			lower[i] = (char)(lower[i] + 32);
	m->document.auto_submitted = (struct span){lower, automatic.n};
	m->message_id = field_message_id(h, w->arena);
	if (date == NULL || clock_parse_mail(header_unfold(date->value, w->arena), &m->date_ms, &ignored) < 0)
		m->date_ms = 0;
	if (m->date_ms > 0)
		m->document.year = clock_year(m->date_ms - DOCUMENT_NEW_YEAR_MS);
	if (h->malformed)
		doubt(w, "header-malformed");
}

static int
dashes_check(struct span mail, struct err *e)
{
	ptrdiff_t	at = -1;
	int		count = 0;

	while ((at = span_find(mail, SPAN_LIT("\n--"), (size_t)(at + 1))) >= 0)
		if (++count > MESSAGE_MAX_DASHES)
			return err_set(e, ERR_REJECT, "more than %d lines that look like boundaries", MESSAGE_MAX_DASHES);
	return 0;
}

int
message_read(struct message_door *door, struct span mail, struct arena *a, struct message *m, struct err *e)
{
	struct walk	w = {.door = door, .arena = a, .message = m, .err = e};
	struct header	h;
	int		rc;

	*m = (struct message){0};
	m->document.parts = arena_array(a, DOCUMENT_MAX_PARTS, sizeof *m->document.parts);
	if (header_split(mail, a, &h, e) < 0 || dashes_check(mail, e) < 0)
		return -1;
	fields_read(&w, &h);
	door->warned = &m->reasons;
	rc = walk_mail(&w, mail);
	door->warned = NULL;
	if (rc == 0 && w.forwarded && document_is_empty(&m->document))
		doubt(&w, "forwarded");
	return rc;
}

/* ---- opening */

/* GLib's complaints about mail are not for an operator's terminal. */
static void
log_nothing(const gchar *domain, GLogLevelFlags level, const gchar *text, gpointer data)
{
	(void)domain;
	(void)level;
	(void)text;
	(void)data;
}

/*
 * A mail that makes GMime and GLib do once what they do for every mail, so that what they look up on
 * first use is looked up before the lock.
 */
static int
message_rehearse(struct message_door *m, struct err *e)
{
	static const char mail[] =
	    "From: =?iso-8859-1?Q?S=F8ren?= <a@example.org>\nSubject: =?utf-8?B?w6XDpMO2?= \xc3\xa6\n"
	    "Date: Sun, 22 Nov 2026 09:30:00 +0100\nContent-Type: multipart/alternative; boundary=b\n\n"
	    "--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nZcyB\n"
	    "--b\nContent-Type: text/html; charset=utf-16\nContent-Transfer-Encoding: quoted-printable\n\n"
	    "=00<=00p=00>=00=E9\n--b\nContent-Type: message/rfc822\n\nSubject: x\n\ny\n--b--\n";
	struct arena	a = {0};
	struct message	message;
	int		rc = message_read(m, SPAN_LIT(mail), &a, &message, e);

	arena_free(&a);
	return rc;
}

int
message_open(struct message_door **out, struct err *e)
{
	static const char	*fallback[] = {"utf-8", "windows-1252", NULL};
	struct message_door	*m = calloc(1, sizeof *m);

	if (m == NULL)
		arena_no_memory();
	g_mime_init();
	g_log_set_default_handler(log_nothing, NULL);
	if (text_open(&m->charsets, e) < 0) {
		free(m);
		return -1;
	}
	m->options = g_mime_parser_options_new();
	g_mime_parser_options_set_fallback_charsets(m->options, fallback);
	g_mime_parser_options_set_warning_callback(m->options, warned, m);
	if (message_rehearse(m, e) < 0) {
		message_close(m);
		return -1;
	}
	*out = m;
	return 0;
}

void
message_close(struct message_door *m)
{
	if (m == NULL)
		return;
	text_close(m->charsets);
	g_mime_parser_options_free(m->options);
	g_mime_shutdown();
	free(m);
}
