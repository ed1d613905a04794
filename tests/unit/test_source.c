/* source: what is taken out of HTML before it is parsed changes nothing of what is read */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "read/html.h"
#include "read/source.h"

#define PAGES	3000	/* put together from the pieces, at random but the same each time */
#define PAGE_BYTES	300

static const char sheet[] = "<style type='text/css'>p.gone{display:none} .x{font-size:0}</style>";

/* Each in a page of its own, before and behind a style sheet, and among others. */
static const char *const pieces[] = {
	"<style>", "</style>", "</STYLE\n>", "<style>.gone{display:none}</style>", "<style/>.gone{display:none}</style >",
	"<style>.gone{display:none}</stylex></style/>", "<style media=screen>/* <p> </p> --> */ p{color:red}</style foo='>'>",
	"<style><!-- .gone{display:none} --></style>", "<style>\r\n.gone{display:none}\r\n</style>", "<style>123456789</style>",
	"<p class=gone>MSN 123456</p>", "<p class='x'>Org 918713867</p>", "<p class=\"gone\">Merchant: Other AS</p>",
	"<p>MSN: 654321</p>", "text ", "a < b", "</", "<", "<p", "\"", "'", "=", ">", "-->", "]]>", "&lt;style&gt;", "&#60;",
	"<!-- MSN 123456 is hidden -->", "<!-- MSN 123\r\n456 -->", "<!--[if mso]><p>MSN: 234567</p><![endif]-->",
	"<!--[if !mso]><!--><p>shown</p><!--<![endif]-->", "<![if !mso]><p>b</p><![endif]>", "<!-->MSN 345678-->",
	"<!--->MSN 345678-->", "<!---- MSN 345678 ---->", "<!-- MSN 345678 --!><p>c</p>-->", "<!-- MSN 345678 -- > -->",
	"<!--- MSN 345678 --->", "<!-- <!-- MSN 345678 --><p>d</p>-->", "<!-- MSN 345678", "<!MSN 456789 -- >", "<!doctype html \"a>b\">",
	"<?xml version='1.0' > ?>", "</ p>", "</>", "</3 '>'>", "<![CDATA[ <p>MSN 1</p> ]]>",
	"<a href='http://x.example/?a=<style>&b=\">\"'>link</a>", "<a href=\"<!-- comment -->\" class='gone'>e</a>",
	"<a href='0123456789012345' href=\"x\">f", "<a title=\"a long enough title\"class=gone>g</a>", "<p title='long <b> enough' hidden>h</p>",
	"<p =x='0123456789' class=gone>i</p>", "<p a/b='0123456789'/class=gone>j</p>", "<p a = '0123456789>' >k</p>",
	"<p a='0123456789'b='0123456789>'>l</p>", "<p style='display:none' title='unclosed attribute>m</p>", "<p a='01234567890>",
	"<p a=b'0123456789>'>n</p>", "<p a=`0123456789>`>o</p>", "<p a=\"&quot;0123456789>\">p</p>", "<p a=>q</p>", "<p a='' b=\"\">r</p>",
	"<img src='data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA' alt='MSN 123456'>", "<img src=data:x/y,0123456789 alt=\">\">",
	"<font face='a long name' color=red>s", "<b title='one long title'>", "<b title='two long titles'>", "<i title='one long title'><i title='two long titles'>",
	"</b>", "</font>", "</i>", "<table>", "<tr>", "<td>", "<td colspan=2 width='0123456789'>", "</td>", "</table>", "<caption>", "<colgroup>",
	"<div>", "</div>", "<div style='0123456789;display:inline-block'>t</div>", "<head>", "</head>", "<body bgcolor='#ffffff' background='0123456789'>", "</body>",
	"</html>", "<html class='gone'>", "<title>a <style> <!-- title --></title>", "<title>", "</title>", "<base href='http://x.example/y'>",
	"<svg><style><p>MSN 567890</p></style></svg>", "<math><mi><style>u</style>", "<template><style>.x{}</style></template>", "<select><style>.gone{display:none}</style><option>v",
	"</select>", "<noscript><style>p{display:none}</style></noscript>", "<script>'<style>'</script>", "<script><!--<script></script>", "<textarea><style></textarea>",
	"<xmp><style></xmp>", "<iframe><style></iframe>", "<noembed><style></noembed>", "<plaintext>", "<isindex prompt='MSN 678901 here'>",
	"<frameset>", "<option>w", "<pre>\r\n x  y</pre>", "<details><summary>z</summary>hidden</details>", "<dl><dt>A<dd>B</dl>", "\r\n", "\f",
	"<sty", "le>", "<s\xc3\xa5>", "<P CLASS=GONE>", "<STYLE>P{DISPLAY:NONE}</style>", "\xc3\xa6\xc3\xb8\xc3\xa5",
};

struct seen {
	int			 rc;
	struct document_part	 part;
	bool			 truncated;
	struct reasons		 reasons;
	struct err		 e;
};

static bool
line_same(const struct document_line *x, const struct document_line *y)
{
	if (x->count != y->count || x->table != y->table || x->quote != y->quote || x->marks != y->marks)
		return false;
	for (size_t c = 0; c < x->count; c++)
		if (!span_eq(x->cells[c], y->cells[c]))
			return false;
	return true;
}

static bool
same(const struct seen *x, const struct seen *y)
{
	if (x->rc != y->rc || (x->rc < 0 && strcmp(x->e.msg, y->e.msg) != 0))
		return false;
	if (x->rc < 0)
		return true;
	if (x->part.count != y->part.count || x->truncated != y->truncated || x->reasons.count != y->reasons.count)
		return false;
	for (size_t i = 0; i < x->part.count; i++)
		if (!line_same(&x->part.lines[i], &y->part.lines[i]))
			return false;
	for (int i = 0; i < x->reasons.count; i++)
		if (strcmp(x->reasons.list[i].code, y->reasons.list[i].code) != 0)
			return false;
	return true;
}

static void
assert_same(const char *html)
{
	struct arena	a = {0};
	struct seen	cut = {.rc = 0}, whole = {.rc = 0};

	cut.rc = html_read(span_of(html), 0, &a, &cut.part, &cut.truncated, &cut.reasons, &cut.e);
	whole.rc = html_read_whole(span_of(html), 0, &a, &whole.part, &whole.truncated, &whole.reasons, &whole.e);
	if (!same(&cut, &whole))
		fail_msg("another document with source_cut() than without:\n%s", html);
	arena_free(&a);
}

static void
each_piece_is_read_as_without_cutting(void **state)
{
	struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(pieces); i++) {
		assert_same(pieces[i]);
		for (size_t k = 0; k < COUNT(pieces); k++) {
			assert_same(arena_printf(&a, "%s%s<p class=gone>MSN 123456</p>%s", sheet, pieces[i], pieces[k]));
			assert_same(arena_printf(&a, "%s%s%s<p class=gone>MSN 123456</p>", pieces[i], sheet, pieces[k]));
		}
	}
	arena_free(&a);
}

static void
pieces_in_any_order_are_read_as_without_cutting(void **state)
{
	uint32_t r = 1;

	(void)state;
	for (int page = 0; page < PAGES; page++) {
		struct arena		a = {0};
		struct arena_buf	b = {.arena = &a};

		while (b.n < PAGE_BYTES) {
			const char *piece = pieces[(r >> 8) % COUNT(pieces)];

			r = r * 1664525u + 1013904223u;
			if (strncmp(piece, "<math>", 6) != 0)	/* in a table, text in it can make Gumbo abort */
				arena_puts(&b, piece);
		}
		assert_same(b.p);
		arena_free(&a);
	}
}

static void
what_is_slow_to_parse_is_taken_out(void **state)
{
	static const struct { const char *name, *html, *left; size_t cuts; } t[] = {
		{ "a style sheet", "<style>p{color:red}</style>a", "<style>x</style>a", 1 },
		{ "a comment", "a<!-- comment -->b", "a<!---->b", 1 },
		{ "a link", "<a href='http://x.example'>a</a>", "<a href=''>a</a>", 0 },
		{ "a picture in the text", "<img src=\"data:image/png;base64,AAAA\">", "<img src=\"\">", 0 },
		{ "what is asked for stays", "<p class='a long name' style=\"color:#ffffff\">", "<p class='a long name' style=\"color:#ffffff\">", 0 },
		{ "what parsers compare stays", "<font face='a long name'>", "<font face='a long name'>", 0 },
		{ "all stays behind SVG", "<!-- comment --><svg><!-- comment --></svg>", "<!----><svg><!-- comment --></svg>", 1 },
		{ "a sheet without an end stays", "<style>p{color:red}", "<style>p{color:red}", 0 },
		{ "nothing", "", "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct arena	a = {0};
		struct source	s = source_cut(span_of(t[i].html), &a);

		if (!span_is(s.text, t[i].left) || s.count != t[i].cuts)
			fail_msg("%s: %.*s with %zu cuts", t[i].name, (int)s.text.n, s.text.p, s.count);
		arena_free(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_piece_is_read_as_without_cutting),
		cmocka_unit_test(pieces_in_any_order_are_read_as_without_cutting),
		cmocka_unit_test(what_is_slow_to_parse_is_taken_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
