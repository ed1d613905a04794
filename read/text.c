/*
 * text - see text.h
 */
#include "read/text.h"

#include <errno.h>
#include <glib.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_PIECE 500	/* bytes, about, that are composed at once */

/* ---- charsets */

/*
 * What is read as what: names in lower case, apart by spaces. The first three are not here: see
 * text_guess(). ISO-8859-1 is read as windows-1252, which has letters where the other has nothing.
 */
static const struct { const char *names, *iconv; } charsets[] = {
	{ "windows-1252 cp1252 x-cp1252 iso-8859-1 iso8859-1 iso_8859-1 latin1 l1", "CP1252" },
	{ "iso-8859-15 iso8859-15 iso_8859-15 latin9 latin-9", "ISO-8859-15" },
	{ "utf-16 utf16", "UTF-16BE" },		/* unless its bytes say otherwise: text_utf16() */
	{ "utf-16be", "UTF-16BE" }, { "utf-16le", "UTF-16LE" },
	{ "iso-8859-2 iso8859-2 latin2", "ISO-8859-2" }, { "iso-8859-3 iso8859-3", "ISO-8859-3" },
	{ "iso-8859-4 iso8859-4 latin4", "ISO-8859-4" }, { "iso-8859-5 iso8859-5", "ISO-8859-5" },
	{ "iso-8859-6 iso8859-6 iso-8859-6-i", "ISO-8859-6" }, { "iso-8859-7 iso8859-7", "ISO-8859-7" },
	{ "iso-8859-8 iso8859-8 iso-8859-8-i", "ISO-8859-8" },
	{ "iso-8859-9 iso8859-9 latin5", "ISO-8859-9" },
	{ "iso-8859-10 iso8859-10 latin6", "ISO-8859-10" }, { "iso-8859-11 tis-620", "TIS-620" },
	{ "iso-8859-13 iso8859-13", "ISO-8859-13" }, { "iso-8859-14 iso8859-14", "ISO-8859-14" },
	{ "iso-8859-16 iso8859-16", "ISO-8859-16" },
	{ "windows-1250 cp1250", "CP1250" }, { "windows-1251 cp1251", "CP1251" },
	{ "windows-1253 cp1253", "CP1253" }, { "windows-1254 cp1254", "CP1254" },
	{ "windows-1255 cp1255", "CP1255" }, { "windows-1256 cp1256", "CP1256" },
	{ "windows-1257 cp1257", "CP1257" }, { "windows-1258 cp1258", "CP1258" },
	{ "koi8-r", "KOI8-R" }, { "koi8-u", "KOI8-U" },
	{ "macintosh mac x-mac-roman", "MACINTOSH" },
	{ "ibm437 cp437", "CP437" }, { "ibm850 cp850", "CP850" }, { "ibm865 cp865", "CP865" },
	{ "iso-2022-jp", "ISO-2022-JP" }, { "shift_jis shift-jis sjis x-sjis windows-31j", "CP932" },
	{ "euc-jp", "EUC-JP" }, { "gb2312 gbk gb18030 cp936", "GB18030" }, { "big5", "BIG5" },
	{ "euc-kr ks_c_5601-1987", "CP949" },
};
#define CHARSETS COUNT(charsets)
#define CHARSET_1252 0		/* charsets[0] */
#define CHARSET_LATIN9 1

struct text_charsets {
	iconv_t	cd[CHARSETS];
};

static bool
word_in(struct span word, const char *words)
{
	struct span left = span_of(words), one;

	while (left.n > 0) {
		span_cut(&left, ' ', &one);
		if (span_eq_nocase(word, one))
			return true;
	}
	return false;
}

/* Index into charsets[], or -1. */
static int
charset_find(struct span name)
{
	for (size_t i = 0; i < CHARSETS; i++)
		if (word_in(name, charsets[i].names))
			return (int)i;
	return -1;
}

static bool
charset_is_guessed(struct span name)
{
	return name.n == 0 || word_in(name, "us-ascii ascii utf-8 utf8 ansi_x3.4-1968 unknown-8bit unknown default");
}

/* Converts all of s; what is no character becomes U+FFFD and sets *bad. */
static struct span
charset_convert(iconv_t cd, struct span s, struct arena *a, bool *bad)
{
	struct arena_buf b = {.arena = a};
	char		*in = (char *)(uintptr_t)s.p, out[4096];
	size_t		 left = s.n;

	iconv(cd, NULL, NULL, NULL, NULL);
	arena_put(&b, "", 0);
	for (bool flushed = false; !flushed;) {
		char	*to = out;
		size_t	 room = sizeof out, rc;

		flushed = left == 0;	/* some converters keep the last letter back */
		rc = iconv(cd, flushed ? NULL : &in, &left, &to, &room);
		arena_put(&b, out, (size_t)(to - out));
		if (rc == (size_t)-1 && errno != E2BIG) {
			*bad = true;
			arena_put(&b, TEXT_REPLACEMENT, sizeof TEXT_REPLACEMENT - 1);
			in += left > 0;
			left -= left > 0;
		}
	}
	return (struct span){b.p, b.n};
}

static bool
is_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

/* Text without a label, or with one that is often wrong: UTF-8 if it is that, else windows-1252. */
static struct span
text_guess(struct text_charsets *t, struct span raw, bool said_utf8, struct arena *a, struct reasons *r)
{
	bool bad = false;

	if (is_ascii(raw))
		return raw;
	if (!said_utf8 || !span_utf8(raw))
		reasons_add(r, "charset-guessed", false, -1);
	if (!span_utf8(raw))
		raw = charset_convert(t->cd[CHARSET_1252], raw, a, &bad);
	if (bad)
		reasons_add(r, "undecodable-text", true, -1);
	return raw;
}

/* Bytes beyond ASCII of a charset that is not on the list: nobody here can say what they are. */
struct span
text_unknown(struct span raw, struct arena *a, struct reasons *r)
{
	struct arena_buf b = {.arena = a};

	reasons_add(r, "unknown-charset", true, -1);
	arena_put(&b, "", 0);
	for (size_t i = 0; i < raw.n; i++) {
		if ((unsigned char)raw.p[i] < 0x80)
			arena_put(&b, raw.p + i, 1);
		else
			arena_put(&b, TEXT_REPLACEMENT, sizeof TEXT_REPLACEMENT - 1);
	}
	return (struct span){b.p, b.n};
}

/* The byte order of UTF-16: its mark, else where most zero bytes are (Latin text has many). */
static int
text_utf16(struct span raw)
{
	size_t zeros[2] = {0};

	if (raw.n >= 2 && memcmp(raw.p, "\xff\xfe", 2) == 0)
		return charset_find(SPAN_LIT("utf-16le"));
	if (raw.n >= 2 && memcmp(raw.p, "\xfe\xff", 2) == 0)
		return charset_find(SPAN_LIT("utf-16be"));
	for (size_t i = 0; i < raw.n; i++)
		zeros[i % 2] += raw.p[i] == '\0';
	return charset_find(zeros[1] > zeros[0] ? SPAN_LIT("utf-16le") : SPAN_LIT("utf-16be"));
}

/* A body's bytes to valid UTF-8, by the charset that its part names. */
struct span
text_decode(struct text_charsets *t, struct span charset, struct span raw, struct arena *a, struct reasons *r)
{
	struct span	text;
	bool		bad = false;
	int		i;

	if (charset_is_guessed(charset))
		return text_guess(t, raw, word_in(charset, "utf-8 utf8"), a, r);
	i = charset_find(charset);
	if (i < 0)
		return text_unknown(raw, a, r);
	if (i <= CHARSET_LATIN9 && span_utf8(raw) && !is_ascii(raw)) {	/* by chance that is next to impossible */
		reasons_add(r, "charset-guessed", false, -1);
		return raw;
	}
	if (word_in(charset, "utf-16 utf16"))
		i = text_utf16(raw);
	text = charset_convert(t->cd[i], raw, a, &bad);
	if (bad)
		reasons_add(r, "undecodable-text", true, -1);
	return text;
}

bool
text_charset_known(struct span name)
{
	return charset_is_guessed(name) || charset_find(name) >= 0;
}

int
text_open(struct text_charsets **out, struct err *e)
{
	struct text_charsets *t = calloc(1, sizeof *t);

	if (t == NULL)
		arena_no_memory();
	for (size_t i = 0; i < CHARSETS; i++) {
		t->cd[i] = iconv_open("UTF-8", charsets[i].iconv);
		if (t->cd[i] == (iconv_t)-1) {
			err_set(e, ERR_FATAL, "no converter for %s: %s (is libc's gconv installed?)", charsets[i].iconv,
			    strerror(errno));
			while (i-- > 0)
				iconv_close(t->cd[i]);
			free(t);
			return -1;
		}
	}
	*out = t;
	return 0;
}

void
text_close(struct text_charsets *t)
{
	for (size_t i = 0; t != NULL && i < CHARSETS; i++)
		iconv_close(t->cd[i]);
	free(t);
}

/* ---- visible text */

enum rune_kind { RUNE_PLAIN, RUNE_SPACE, RUNE_LINE, RUNE_INVISIBLE, RUNE_CONTROL, RUNE_BIDI, RUNE_DIGIT };

static enum rune_kind
rune_kind(uint32_t c)
{
	static const struct { uint32_t from, to; enum rune_kind kind; } ranges[] = {
		{ 0x0000, 0x0008, RUNE_CONTROL }, { 0x0009, 0x0009, RUNE_PLAIN },
		{ 0x000a, 0x000a, RUNE_LINE }, { 0x000b, 0x000c, RUNE_SPACE }, { 0x000e, 0x001f, RUNE_CONTROL },
		{ 0x0020, 0x007e, RUNE_PLAIN }, { 0x007f, 0x0084, RUNE_CONTROL }, { 0x0085, 0x0085, RUNE_LINE },
		{ 0x0086, 0x009f, RUNE_CONTROL }, { 0x00a0, 0x00a0, RUNE_SPACE },
		{ 0x00ad, 0x00ad, RUNE_INVISIBLE }, { 0x034f, 0x034f, RUNE_INVISIBLE },
		{ 0x061c, 0x061c, RUNE_BIDI }, { 0x115f, 0x1160, RUNE_INVISIBLE },
		{ 0x1680, 0x1680, RUNE_SPACE }, { 0x17b4, 0x17b5, RUNE_INVISIBLE },
		{ 0x180b, 0x180f, RUNE_INVISIBLE }, { 0x2000, 0x200a, RUNE_SPACE },
		{ 0x200b, 0x200d, RUNE_INVISIBLE }, { 0x200e, 0x200f, RUNE_BIDI },
		{ 0x2028, 0x2029, RUNE_LINE }, { 0x202a, 0x202e, RUNE_BIDI }, { 0x202f, 0x202f, RUNE_SPACE },
		{ 0x205f, 0x205f, RUNE_SPACE }, { 0x2060, 0x2065, RUNE_INVISIBLE }, { 0x2066, 0x2069, RUNE_BIDI },
		{ 0x206a, 0x206f, RUNE_INVISIBLE }, { 0x3000, 0x3000, RUNE_SPACE },
		{ 0x3164, 0x3164, RUNE_INVISIBLE }, { 0xfdd0, 0xfdef, RUNE_CONTROL }, { 0xfe00, 0xfe0f, RUNE_INVISIBLE },
		{ 0xfeff, 0xfeff, RUNE_INVISIBLE }, { 0xffa0, 0xffa0, RUNE_INVISIBLE },
		{ 0xfff9, 0xfffb, RUNE_INVISIBLE }, { 0xe0000, 0xe0fff, RUNE_INVISIBLE },
	};

	if (c >= 0x20 && c < 0x7f)
		return RUNE_PLAIN;
	for (size_t i = 0; i < COUNT(ranges) && c >= ranges[i].from; i++)
		if (c <= ranges[i].to)
			return ranges[i].kind;
	return c >= 0x80 && g_unichar_isdigit(c) ? RUNE_DIGIT : RUNE_PLAIN;
}

static bool
is_plain_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\n' && s.p[i] != '\t') ||
		    (unsigned char)s.p[i] >= 0x7f)
			return false;
	return true;
}

/* A mark of rules/document.h for what stood here; a run of the same needs one. */
static void
mark_put(struct arena_buf *b, unsigned mark)
{
	unsigned	c = DOCUMENT_MARK + (unsigned)__builtin_ctz(mark);
	char		utf8[3] = {(char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)), (char)(0x80 | (c & 0x3f))};

	if (b->n < sizeof utf8 || memcmp(b->p + b->n - sizeof utf8, utf8, sizeof utf8) != 0)
		arena_put(b, utf8, sizeof utf8);
}

static void
rune_put(struct arena_buf *b, uint32_t c, struct span as)
{
	char digit;

	switch (rune_kind(c)) {
	case RUNE_PLAIN:
		arena_put(b, as.p, as.n);
		break;
	case RUNE_SPACE:
		arena_put(b, " ", 1);
		break;
	case RUNE_LINE:
		arena_put(b, "\n", 1);
		break;
	case RUNE_INVISIBLE:
		mark_put(b, DOCUMENT_REMOVED);
		break;
	case RUNE_CONTROL:
		mark_put(b, DOCUMENT_CONTROL);
		break;
	case RUNE_BIDI:
		mark_put(b, DOCUMENT_BIDI);
		break;
	case RUNE_DIGIT:
		digit = (char)('0' + g_unichar_digit_value(c));
		mark_put(b, DOCUMENT_DIGITS);
		arena_put(b, &digit, 1);
		break;
	}
}

struct span
text_shown(struct span s, struct arena *a, bool *odd)
{
	struct arena_buf b = {.arena = a};

	if (is_plain_ascii(s))
		return s;
	arena_put(&b, "", 0);
	while (s.n > 0) {
		uint32_t	c;
		struct span	as = span_take(s, span_rune(s.p, s.n, &c));

		if (c < DOCUMENT_MARK || c >= DOCUMENT_MARK + 8)
			arena_put(&b, as.p, as.n);
		else if (1u << (c - DOCUMENT_MARK) != DOCUMENT_REMOVED)
			*odd = true;
		s = span_from(s, as.n);
	}
	return (struct span){b.p, b.n};
}

/* Runes below U+0300 are NFC as they are; in UTF-8 all others begin with a byte from 0xcc on. */
static bool
is_nfc(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0xcc)
			return false;
	return true;
}

/*
 * NFC, piece by piece: GLib moves the rest of its text for each letter that it composes. A piece ends
 * before a letter that is no mark and does not compose with the one before it.
 */
static struct span
nfc(struct span s, struct arena *a)
{
	struct arena_buf out = {.arena = a};

	if (is_nfc(s))
		return s;
	arena_put(&out, "", 0);
	while (s.n > 0) {
		uint32_t	before = 0, c, together;
		size_t		n = 0;
		char		*piece;

		while (n < s.n) {
			size_t length = span_rune(s.p + n, s.n - n, &c);

			if (n >= TEXT_PIECE && g_unichar_combining_class(c) == 0 && !g_unichar_compose(before, c, &together))
				break;
			before = c;
			n += length;
		}
		piece = g_utf8_normalize(s.p, (gssize)n, G_NORMALIZE_NFC);
		arena_put(&out, piece != NULL ? piece : s.p, piece != NULL ? strlen(piece) : n);	/* it is UTF-8 without NUL */
		g_free(piece);
		s = span_from(s, n);
	}
	return (struct span){out.p, out.n};
}

struct span
text_normalise(struct span s, struct arena *a, struct reasons *r)
{
	struct arena_buf b = {.arena = a};
	struct span	 as;
	int		 marks = 0;	/* combining ones, on end */

	if (is_plain_ascii(s))
		return s;
	if (s.n >= 3 && memcmp(s.p, "\xef\xbb\xbf", 3) == 0)	/* a byte order mark is no text */
		s = span_from(s, 3);
	arena_put(&b, "", 0);
	for (; s.n > 0; s = span_from(s, as.n)) {
		uint32_t c;

		as = span_take(s, span_rune(s.p, s.n, &c));
		if (c == '\r') {	/* CRLF, or the line end of old Macs */
			if (s.n < 2 || s.p[1] != '\n')
				arena_put(&b, "\n", 1);
			continue;
		}
		marks = c >= 0x300 && g_unichar_combining_class(c) != 0 ? marks + 1 : 0;
		if (marks > TEXT_MAX_MARKS)
			reasons_add(r, "undecodable-text", true, -1);
		else
			rune_put(&b, c, c == 0xfffd ? SPAN_LIT(TEXT_REPLACEMENT) : as);
	}
	return nfc((struct span){b.p, b.n}, a);
}
