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
#include "read/forward.h"
#include "read/header.h"
#include "read/html.h"
#include "read/part.h"
#include "read/plain.h"
#include "read/reading.h"
#include "read/text.h"

#define MESSAGE_MAX_COPY	(256 * 1024)	/* bytes of a mail whose header is cut for GMime; an approval mail is under 100 KiB */
#define MAX_CHARSET_NAME	40	/* bytes; ours are under 20 */

struct message_door {
	struct text_charsets	*charsets;
	GMimeParserOptions	*options;
	struct walk		*walk;		/* whom GMime's warnings concern; NULL: nobody */
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

/* Windows-1252 called Latin-1 comes out of GMime as control characters that nobody sends. */
static struct span
controls_mend(struct message_door *m, struct span s, struct arena *a, struct reasons *r)
{
	struct arena_buf b = {.arena = a};

	arena_put(&b, "", 0);
	while (s.n > 0) {
		uint32_t	c;
		struct span	as = span_take(s, span_rune(s.p, s.n, &c));

		s = span_from(s, as.n);
		if (c >= 0x80 && c < 0xa0)
			as = text_decode(m->charsets, SPAN_LIT("windows-1252"), (struct span){as.p + 1, 1}, a, r);
		arena_put(&b, as.p, as.n);
	}
	return (struct span){b.p, b.n};
}

/* Is a field's text what it is written as? Spaces at its ends are GMime's affair. */
static bool
is_as_written(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~' || (s.p[i] == '=' && i + 1 < s.n && s.p[i + 1] == '?'))
			return false;
	return s.n == 0 || (s.p[0] != ' ' && s.p[s.n - 1] != ' ');
}

struct span
message_decode(struct message_door *m, struct span value, struct arena *a, bool *unclear)
{
	struct span	 line = header_unfold(value, a), text;
	struct reasons	 r = {0};
	bool		 odd = false;
	char		*decoded;

	if (is_as_written(line))
		return line;
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
	text = text_shown(text_normalise(controls_mend(m, text, a, &r), a, &r), a, &odd);
	if (reasons_doubt(&r) || odd)
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
	struct document		*document;	/* of the message that is walked: the mail's, or one attached */
	struct err		*err;
	int			 mime_parts;
	uint16_t		 alternatives, children;
	struct part_place	 last;		/* of the document's last part */
	size_t			 source_bytes, text_bytes;
	struct span		 bytes;		/* what GMime parses now: a mail, or an encoded one in it */
	bool			 open;		/* they end in a part that does not */
	bool			 whole;		/* what was read last ends as if nothing was lost */
	bool			 html_read;	/* of the alternative that was last begun */
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
	struct walk *w = ((struct message_door *)door)->walk;

	(void)offset;
	if (w == NULL)
		return;
	switch (code) {
	case GMIME_CRIT_CONFLICTING_PARAMETER:
		if (!part_is_file_name(span_of(item)))	/* those: fields_check() */
			doubt(w, "ambiguous-mime");
		break;
	case GMIME_CRIT_INVALID_HEADER_NAME:
	case GMIME_CRIT_MULTIPART_WITHOUT_BOUNDARY:
	case GMIME_WARN_MALFORMED_MULTIPART:	/* an inner multipart that the outer's boundary ends */
	case GMIME_WARN_MALFORMED_MESSAGE:
	case GMIME_WARN_INVALID_CONTENT_TYPE:
	case GMIME_CRIT_NESTING_OVERFLOW:
	case GMIME_CRIT_PART_WITHOUT_HEADERS_OR_CONTENT:
		doubt(w, "ambiguous-mime");
		break;
	case GMIME_WARN_TRUNCATED_MESSAGE:
		w->open = true;
		break;
	case GMIME_WARN_DUPLICATED_PARAMETER:	/* twice the same */
	case GMIME_WARN_DUPLICATED_HEADER:	/* those that matter are compared in fields_check() */
	case GMIME_CRIT_CONFLICTING_HEADER:
	case GMIME_WARN_UNENCODED_8BIT_HEADER:	/* as text: message_decode() */
	case GMIME_WARN_INVALID_RFC2047_HEADER_VALUE:
	case GMIME_WARN_INVALID_PARAMETER:	/* a charset, format or boundary that is no word is none */
	case GMIME_WARN_INVALID_ADDRESS_LIST:	/* the prover's affair */
	case GMIME_WARN_PART_WITHOUT_CONTENT:
		break;
	}
}

/*
 * Fields that say how a part is to be read, and whether: each once, or twice the same. Of attachments
 * too, since another reader may take such a part for text.
 */
static void
fields_check(struct walk *w, GMimeObject *o)
{
	static const char *const names[] = {"Content-Transfer-Encoding", "Content-Type", "Content-Disposition", "Content-ID"};
	GMimeHeaderList	*list = g_mime_object_get_header_list(o);
	int		 n = g_mime_header_list_get_count(list);
	const char	*first[COUNT(names)] = {NULL};

	for (int i = 0; i < n; i++) {
		GMimeHeader	*h = g_mime_header_list_get_header_at(list, i);
		struct span	 name = span_of(g_mime_header_get_name(h));
		const char	*value = g_mime_header_get_raw_value(h);

		for (size_t k = 0; k < COUNT(names); k++) {
			if (!span_is_nocase(name, names[k]))
				continue;
			if (first[k] != NULL && !span_eq(span_trim(span_of(first[k])), span_trim(span_of(value))))
				doubt(w, "ambiguous-mime");
			first[k] = value;
			if (part_has_two_names(span_of(value)))
				doubt(w, "ambiguous-mime");
		}
	}
}

/* An encoding that is unknown: read as if there were none. */
static void
encoding_check(struct walk *w, GMimePart *part)
{
	const char *said;

	if (g_mime_part_get_content_encoding(part) != GMIME_CONTENT_ENCODING_DEFAULT)
		return;
	said = g_mime_object_get_header(GMIME_OBJECT(part), "Content-Transfer-Encoding");
	if (said != NULL && span_trim(span_of(said)).n > 0)
		doubt(w, "ambiguous-mime");
}

/* Is a part too large whatever its encoding? Quoted-printable takes three bytes for one at most. */
static bool
content_is_huge(GMimeDataWrapper *content)
{
	return g_mime_stream_length(g_mime_data_wrapper_get_stream(content)) > 4 * (gint64)MESSAGE_MAX_SOURCE;
}

/*
 * Where a boundary's line ends in CRLF, GMime takes two bytes off the end of the part before it, though
 * that may end in LF alone: a letter of the text would be lost ("MSN: 1234" of 12345).
 */
static void
content_mend(const struct walk *w, GMimeStream *s)
{
	size_t end = (size_t)s->bound_end;

	if (end + 1 < w->bytes.n && w->bytes.p[end] != '\r' && w->bytes.p[end] != '\n' && w->bytes.p[end + 1] == '\n')
		s->bound_end++;
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
	content_mend(w, g_mime_data_wrapper_get_stream(content));
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

static void
source_keep(struct message *m, bool html, struct span text)
{
	if (m->source_count < MESSAGE_MAX_PARTS)
		m->sources[m->source_count++] = (struct message_source){html, text};
}

/* Is a transfer encoding broken off: half a "=C3", or base64 that is no multiple of four? */
static bool
encoding_is_cut(GMimePart *part, struct span encoded)
{
	struct span	end = span_trim(encoded);
	size_t		n = 0;

	switch (g_mime_part_get_content_encoding(part)) {
	case GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE:
		return end.n > 1 && end.p[end.n - 2] == '=';
	case GMIME_CONTENT_ENCODING_BASE64:
		for (size_t i = 0; i < end.n; i++)
			n += end.p[i] > ' ';
		return n % 4 != 0;
	case GMIME_CONTENT_ENCODING_DEFAULT:
	case GMIME_CONTENT_ENCODING_7BIT:
	case GMIME_CONTENT_ENCODING_8BIT:
	case GMIME_CONTENT_ENCODING_BINARY:
	case GMIME_CONTENT_ENCODING_UUENCODE:
		return false;
	}
	return false;
}

/*
 * A part that ends where the mail ends may be cut off. Where that shows, it is a doubt; where only its
 * last line has no end, that line is marked, since a value in it may go on.
 */
static void
cut_check(struct walk *w, GMimePart *part, struct span text, bool html)
{
	GMimeDataWrapper	*content = g_mime_part_get_content(part);
	GMimeStream		*stream = content != NULL ? g_mime_data_wrapper_get_stream(content) : NULL;
	struct document_part	*p = &w->document->parts[w->document->count - 1];
	struct span		 encoded;
	bool			 line_ends;	/* or its encoding does: some encoders end a mail in a soft line break */

	if (stream == NULL || (size_t)stream->bound_end < w->bytes.n)
		return;
	encoded = span_from(w->bytes, (size_t)stream->bound_start);
	if (encoding_is_cut(part, encoded) ||
	    (html && part_is_cut_html(text)))
		doubt(w, "truncated");
	line_ends = text.n == 0 || text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '>' ||
	    (g_mime_part_get_content_encoding(part) == GMIME_CONTENT_ENCODING_BASE64 && span_trim(encoded).n < encoded.n);
	if (!line_ends && p->count > 0)
		p->lines[p->count - 1].marks |= DOCUMENT_CUT;
}

/* "iso-8859-15 (Latin-9)": a comment, which the grammar allows there, is none of the name (RFC 2045 5.1). */
static struct span
charset_of(GMimeObject *o)
{
	struct span	s = span_of(g_mime_object_get_content_type_parameter(o, "charset"));
	ptrdiff_t	comment = span_find(s, SPAN_LIT("("), 0);

	return comment > 0 ? span_trim(span_take(s, (size_t)comment)) : s;
}

static int
text_part(struct walk *w, GMimeObject *o, bool html, struct part_place at)
{
	struct document		*d = w->document;
	struct reasons		*r = &w->message->reasons;
	struct document_part	 part;
	struct span		 raw, text;
	bool			 truncated = false;

	if (d->count == DOCUMENT_MAX_PARTS)
		return err_set(w->err, ERR_REJECT, "more than %d text parts", DOCUMENT_MAX_PARTS);
	encoding_check(w, GMIME_PART(o));
	if (part_bytes(w, GMIME_PART(o), &raw) < 0)
		return -1;
	text = text_decode(w->door->charsets, charset_of(o), raw,
	    w->arena, r);
	source_keep(w->message, html, text);
	if (!html)
		part = plain_read(w, o, text, at.alternative, &truncated);
	else if (html_read(text, at.alternative, w->arena, &part, &truncated, r, w->err) < 0)
		return -1;
	w->text_bytes += part_text(&part);
	truncated = !part_add(d, part, at, &w->last, w->arena) || truncated;
	w->whole = part_is_whole(text, html);
	cut_check(w, GMIME_PART(o), text, html);
	w->html_read = w->html_read || html;
	if (truncated || w->text_bytes > DOCUMENT_MAX_TEXT)
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

static bool
is_type(GMimeObject *o, const char *type, const char *subtype)
{
	return g_mime_content_type_is_type(g_mime_object_get_content_type(o), type, subtype);
}

/* RFC 2387: the part that `start` names, else the first one; the others only serve it. */
static int
related_root(GMimeMultipart *m)
{
	struct span start = span_of(g_mime_object_get_content_type_parameter(GMIME_OBJECT(m), "start"));
	int	    n = g_mime_multipart_get_count(m);

	if (start.n > 2 && start.p[0] == '<')
		start = (struct span){start.p + 1, start.n - 2};
	for (int i = 0; i < n && start.n > 0; i++)
		if (span_eq(span_of(g_mime_object_get_content_id(g_mime_multipart_get_part(m, i))), start))
			return i;
	for (int i = 0; i < n; i++) {
		GMimeObject *o = g_mime_multipart_get_part(m, i);

		if (GMIME_IS_MULTIPART(o) || is_type(o, "text", "*"))
			return i;
	}
	return 0;
}

static int	walk_object(struct walk *, GMimeObject *, int depth, struct part_place);
static int	walk_attached(struct walk *, GMimeMessage *, int depth);
static int	walk_encoded(struct walk *, GMimePart *, int depth);

static int
walk_multipart(struct walk *w, GMimeMultipart *m, int depth, struct part_place at)
{
	GMimeObject	*o = GMIME_OBJECT(m);
	bool		 alternative = at.alternative == 0 && is_type(o, "multipart", "alternative");
	bool		 related = is_type(o, "multipart", "related");
	int		 root = related ? related_root(m) : 0;

	if (alternative) {
		at.alternative = ++w->alternatives;
		w->html_read = false;
	}
	if (is_type(o, "multipart", "report"))
		w->document->report = true;
	for (int i = 0, n = g_mime_multipart_get_count(m); i < n; i++) {
		GMimeObject *part = g_mime_multipart_get_part(m, i);

		if (alternative)
			at.child = ++w->children;
		if (related && i != root && is_type(part, "text", "*")) {
			w->mime_parts++;
			fields_check(w, part);
		} else if (walk_object(w, part, depth + 1, at) < 0)
			return -1;
	}
	if (alternative && !w->html_read)
		w->whole = false;	/* the part that was lost may be the other reading */
	return 0;
}

static int
walk_object(struct walk *w, GMimeObject *o, int depth, struct part_place at)
{
	if (++w->mime_parts > MESSAGE_MAX_PARTS)
		return err_set(w->err, ERR_REJECT, "more than %d MIME parts", MESSAGE_MAX_PARTS);
	if (depth > MESSAGE_MAX_DEPTH)
		return err_set(w->err, ERR_REJECT, "more than %d levels of MIME parts", MESSAGE_MAX_DEPTH);
	fields_check(w, o);
	if (GMIME_IS_MULTIPART(o))
		return walk_multipart(w, GMIME_MULTIPART(o), depth, at);
	if (GMIME_IS_MESSAGE_PART(o))
		return walk_attached(w, g_mime_message_part_get_message(GMIME_MESSAGE_PART(o)), depth + 1);
	w->whole = false;
	if (!GMIME_IS_PART(o))
		return 0;
	if (is_type(o, "message", "rfc822") || is_type(o, "message", "global"))
		return walk_encoded(w, GMIME_PART(o), depth + 1);
	if (is_attachment(o))
		return 0;
	if (is_type(o, "text", "plain"))
		return text_part(w, o, false, at);
	if (is_type(o, "text", "html"))
		return text_part(w, o, true, at);
	return 0;
}

/* ---- a message's own header */

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

/* The Date field; 0 if missing, unreadable or there twice: a second one could make an old mail new. */
static int64_t
field_date_ms(const struct header *h, struct arena *a)
{
	size_t				 count;
	const struct header_field	*f = header_find(h, "Date", &count);
	struct err			 ignored;
	int64_t				 ms;

	return f != NULL && count == 1 && clock_parse_mail(header_unfold(f->value, a), &ms, &ignored) == 0 ? ms : 0;
}

/* What the rules see of the header of the message that is walked. */
static void
fields_read(struct walk *w, const struct header *h)
{
	struct document	*d = w->document;
	int64_t		 date_ms = field_date_ms(h, w->arena);
	struct span	 automatic;
	char		*lower;

	d->subject = field_text(w, h, "Subject");
	d->from = field_text(w, h, "From");
	d->reply = field_there(h, "In-Reply-To") || field_there(h, "References");
	if (date_ms > 0)
		d->year = clock_year(date_ms - DOCUMENT_NEW_YEAR_MS);
	automatic = field_text(w, h, "Auto-Submitted");
	lower = arena_textn(w->arena, automatic.p, automatic.n);
	for (size_t i = 0; i < automatic.n; i++)
		if (lower[i] >= 'A' && lower[i] <= 'Z')
			lower[i] = (char)(lower[i] + 32);
	d->auto_submitted = (struct span){lower, automatic.n};
	d->parts = arena_array(w->arena, DOCUMENT_MAX_PARTS, sizeof *d->parts);
}

static void
own_fields_read(struct walk *w, const struct header *h)
{
	fields_read(w, h);
	w->message->message_id = field_message_id(h, w->arena);
	w->message->date_ms = field_date_ms(h, w->arena);
	if (h->malformed)
		doubt(w, "header-malformed");
}

/* ---- whole messages */

/*
 * Forwards unwrapped, and what came attached kept, unless the message says something of its own about it:
 * a reply, an automatic one or a bounce is no forward.
 */
static void
document_finish(struct walk *w)
{
	struct document *d = w->document;

	forward_unwrap(d, w->arena);
	if (d->report || (d->reply && !d->forward) || span_is(span_take(d->auto_submitted, 12), "auto-replied"))
		d->attached_count = 0;
}

/* A message's body, and what is attached to it. */
static int
walk_message(struct walk *w, GMimeMessage *message, int depth)
{
	GMimeObject *root = g_mime_message_get_mime_part(message);

	if (root != NULL && walk_object(w, root, depth, (struct part_place){0}) < 0)
		return -1;
	document_finish(w);
	return 0;
}

/* A message in a message: a document of its own. */
static int
walk_attached(struct walk *w, GMimeMessage *message, int depth)
{
	struct document	*outer = w->document;
	struct part_place last = w->last;
	struct header	 h = {0};
	GMimeHeaderList	*list;
	size_t		 bytes = 0;
	int		 n, rc;

	if (message == NULL)
		return 0;
	if (outer->attached == NULL)
		outer->attached = arena_array(w->arena, MESSAGE_MAX_ATTACHED, sizeof *outer->attached);
	if (outer->attached_count == MESSAGE_MAX_ATTACHED)
		return err_set(w->err, ERR_REJECT, "more than %d attached messages", MESSAGE_MAX_ATTACHED);
	list = g_mime_object_get_header_list(GMIME_OBJECT(message));
	n = g_mime_header_list_get_count(list);
	if (n > HEADER_MAX_FIELDS)
		return err_set(w->err, ERR_REJECT, "more than %d header fields", HEADER_MAX_FIELDS);
	h.fields = arena_array(w->arena, (size_t)n, sizeof *h.fields);
	for (int i = 0; i < n; i++) {
		GMimeHeader		*field = g_mime_header_list_get_header_at(list, i);
		struct header_field	 f = {span_of(g_mime_header_get_name(field)), span_of(g_mime_header_get_raw_value(field))};

		if ((bytes += f.name.n + f.value.n) > READING_MAX_HEADERS)
			return err_set(w->err, ERR_REJECT, "more than %d bytes of header", READING_MAX_HEADERS);
		h.fields[h.count++] = (struct header_field){arena_span(w->arena, f.name), arena_span(w->arena, f.value)};
	}
	w->document = &outer->attached[outer->attached_count++];
	fields_read(w, &h);
	rc = walk_message(w, message, depth);
	w->document = outer;
	w->last = last;
	return rc;
}

/* Parses bytes, which live as long as the arena, and walks the message: as the mail, or as attached. */
static int
walk_bytes(struct walk *w, struct span bytes, int depth, bool attached)
{
	GByteArray	*lent = g_byte_array_new_take((guint8 *)(uintptr_t)bytes.p, bytes.n);	/* given back below */
	GMimeStream	*stream = g_mime_stream_mem_new();
	struct span	 outer = w->bytes;
	GMimeParser	*parser;
	GMimeMessage	*message;
	int		 rc = 0;

	w->bytes = bytes;
	g_mime_stream_mem_set_byte_array(GMIME_STREAM_MEM(stream), lent);
	parser = g_mime_parser_new_with_stream(stream);
	message = g_mime_parser_construct_message(parser, w->door->options);
	if (message != NULL)
		rc = attached ? walk_attached(w, message, depth) : walk_message(w, message, depth);
	if (message != NULL)
		g_object_unref(message);
	g_object_unref(parser);
	g_object_unref(stream);
	g_byte_array_free(lent, FALSE);
	w->bytes = outer;
	return rc;
}

/* RFC 2046 5.2.1 forbids encodings around a message; GMime then gives it as a part like others. */
static int
walk_encoded(struct walk *w, GMimePart *part, int depth)
{
	struct span bytes;

	if (part_bytes(w, part, &bytes) < 0 || dashes_check(bytes, w->err) < 0 || header_bounds_check(bytes, w->err) < 0)
		return -1;
	return walk_bytes(w, bytes, depth, true);
}

/* Letters, digits and hyphens: no two parsers differ about where such a field begins. */
static bool
is_plain_name(struct span name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!g_ascii_isalnum(name.p[i]) && name.p[i] != '-')
			return false;
	return true;
}

/*
 * What of a mail GMime is shown: the fields that say what the body is, and the body. It would parse all others,
 * addresses above all, and nobody would ask for them: the mail's own fields are header_split()'s. All of a mail whose header
 * parsers could differ about, and of a large one, which is not to be in memory twice.
 */
static struct span
mime_bytes(struct span mail, const struct header *h, struct arena *a)
{
	struct arena_buf	b = {.arena = a};
	struct span		rest, line;
	bool			plain = !h->malformed && h->count > 0 && mail.n <= MESSAGE_MAX_COPY;

	for (size_t i = 0; i < h->count && plain; i++)
		plain = is_plain_name(h->fields[i].name);
	if (!plain)
		return mail;
	arena_puts(&b, "MIME-Version: 1.0\n");	/* so that there is a header */
	for (size_t i = 0; i < h->count; i++) {
		const char *from = h->fields[i].name.p, *end = h->fields[i].value.p + h->fields[i].value.n;

		rest = (struct span){end, (size_t)(mail.p + mail.n - end)};
		if (!span_cut(&rest, '\n', &line))	/* the last one: there is no body */
			return mail;
		if (span_is_nocase(span_take(h->fields[i].name, 8), "Content-"))
			arena_put(&b, from, (size_t)(rest.p - from));
	}
	arena_put(&b, rest.p, rest.n);
	return (struct span){b.p, b.n};
}

int
message_read(struct message_door *door, struct span mail, struct arena *a, struct message *m, struct err *e)
{
	struct walk	w = {.door = door, .arena = a, .message = m, .document = &m->document, .err = e};
	struct header	h;
	int		rc;

	*m = (struct message){.sources = arena_array(a, MESSAGE_MAX_PARTS, sizeof *m->sources)};
	if (header_split(mail, a, &h, e) < 0 || dashes_check(mail, e) < 0 || header_bounds_check(mail, e) < 0)
		return -1;
	own_fields_read(&w, &h);
	door->walk = &w;
	rc = walk_bytes(&w, mime_bytes(mail, &h, a), 0, false);
	door->walk = NULL;
	if (w.open && w.whole)
		reasons_add(&m->reasons, "boundary-missing", false, -1);
	else if (w.open)
		doubt(&w, "truncated");
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
