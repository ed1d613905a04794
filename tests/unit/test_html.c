/* html: tags become lines of cells as a person sees them; what nobody sees is not read */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "read/html.h"

/* Lines as text: "|" between cells, "> " per quote, "#n " for rows of table n, LF after each. */
static const char *
show(const struct document_part *p, struct arena *a)
{
	struct arena_buf b = {.arena = a};

	arena_put(&b, "", 0);
	for (size_t i = 0; i < p->count; i++) {
		const struct document_line *l = &p->lines[i];

		for (int q = 0; q < l->quote; q++)
			arena_puts(&b, "> ");
		if (l->table != 0)
			arena_putf(&b, "#%d ", l->table);
		for (int c = 0; c < l->count; c++) {
			arena_puts(&b, c > 0 ? "|" : "");
			arena_put(&b, l->cells[c].p, l->cells[c].n);
		}
		arena_puts(&b, "\n");
	}
	return b.p;
}

static const struct { const char *name, *html, *want, *doubt; } rows[] = {
	{ "blocks", "<p>one <b>b</b>old<p>two<div>three</div>four", "one bold\ntwo\nthree\nfour\n", "" },
	{ "spaces", "<p> a \n b&nbsp;\xc2\xa0 c\t</p>", "a b c\n", "" },
	{ "br and an empty line", "a<br>b<br><br>c", "a\nb\n\nc\n", "" },
	{ "entities", "<p>&aring;&#248;&amp;&lt;</p>", "\xc3\xa5\xc3\xb8&<\n", "" },
	{ "a table", "<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>", "#1 A|B\n#1 1|2\n", "" },
	{ "two tables", "<table><tr><td>a<td>b</table><table><tr><td>c<td>d</table>", "#1 a|b\n#2 c|d\n", "" },
	{ "an empty cell keeps its place", "<table><tr><td></td><td>x</td></tr></table>", "#1 |x\n", "" },
	{ "a cell over two columns", "<table><tr><td colspan=2>a</td><td>b</td></tr></table>", "#1 a||b\n", "" },
	{ "a value broken by br", "<table><tr><td>Name</td><td>Long<br>name</td></tr></table>", "#1 Name|Long name\n", "" },
	{ "labels and values line by line", "<table><tr><td>A:<br>B:</td><td>1<br>2</td></tr></table>", "#1 A:|1\n#1 B:|2\n", "" },
	{ "columns of a layout", "<table><tr><td>A: 1<br>B: 2</td><td>other</td></tr></table>", "A: 1\nB: 2\nother\n", "" },
	{ "a table in a layout table", "<table><tr><td><p>Hi</p><table><tr><td>a</td><td>b</td></tr></table></td></tr></table>",
	    "Hi\n#2 a|b\n", "" },
	{ "a value in a table of its own", "<table><tr><td>a</td><td><table><tr><td>b</td></tr></table></td></tr></table>",
	    "#1 a|b\n", "" },
	{ "dl", "<dl><dt>a</dt><dd>b</dd><div><dt>c</dt><dd>d</dd></div></dl>", "#1 a|b\n#1 c|d\n", "" },
	{ "lists", "<ul><li>a<li>b<ol><li>c</ol></ul>", "a\nb\nc\n", "" },
	{ "quoting", "a<blockquote>b<blockquote>c</blockquote></blockquote>d", "a\n> b\n> > c\nd\n", "" },
	{ "pre", "<pre>a\nb</pre>", "a\nb\n", "" },
	{ "a link's text", "<a href='http://x.example'>text</a>", "text\n", "" },
	{ "what is no text", "<head><title>t</title><style>s</style></head><script>x</script><!-- c --><template>t</template>a"
	    "<!--[if mso]>b<![endif]-->", "a\n", "" },
	{ "hidden", "<p hidden>a</p><p style='display:none'>b</p><p style='VISIBILITY: hidden !important'>c</p>"
	    "<p style='font-size:0px'>d</p><p style='opacity:0.0'>e</p><p style='max-height:0;overflow:hidden'>f</p>"
	    "<p style='font:0/0 a'>g</p>h", "h\n", "" },
	{ "struck out", "<p>is <del>a</del><s>b</s><strike>c</strike><span style='text-decoration: underline line-through'>d</span> e</p>", "is e\n", "" },
	{ "struck out with another number", "<p><del>123456</del> 654321</p>", "654321\n", "hidden-text" },
	{ "turned round", "<p><bdo dir=rtl>654321</bdo></p>", "654321\n", "bidi-characters" },
	{ "turned round by style", "<p style='direction:rtl;unicode-bidi:bidi-override'>654321</p>", "654321\n", "bidi-characters" },
	{ "hidden with another number", "<p style='display:none'>123456</p>654321", "654321\n", "hidden-text" },
	{ "hidden with a number apart", "<p style='display:none'>918 713 867</p>x", "x\n", "hidden-text" },
	{ "a preheader with a number that is seen", "<p style='display:none'>No 123456, 12</p>MSN: 123 456", "MSN: 123 456\n", "" },
	{ "no size for a size later", "<table><tr><td style='font-size:0'><div style='font-size:16px'>a</div><div>b</div></td></tr></table>",
	    "#1 a\n", "" },
	{ "a share of no size", "<p style='font-size:0'><span style='font-size:1.5em'>a</span>b", "", "" },
	{ "visible in the invisible", "<p style='visibility:hidden'>a<span style='visibility:visible'>b</span></p>", "b\n", "" },
	{ "nothing shows in what is gone", "<p style='display:none'><span style='display:block;font-size:9px'>a</span></p>", "", "" },
	{ "soft hyphens", "<p>12&shy;34&zwnj;56</p>", "123456\n", "" },
	{ "writing turned round", "<p>12&#x202e;34</p>", "1234\n", "" },
	{ "unclosed, crossed, stray", "</p><b>a<i>b</b>c</i><td>d<table><tr>e<td>f", "abcde\n#1 f\n", "" },
	{ "nothing", "", "", "" },
};

static void
html_becomes_lines_as_seen(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena		a = {0};
		struct document_part	p;
		struct reasons		r = {0};
		struct err		e;
		bool			truncated = false;
		const char		*got;

		assert_int_equal(html_read(span_of(rows[i].html), 0, &a, &p, &truncated, &r, &e), 0);
		got = show(&p, &a);
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: got\n%swant\n%s", rows[i].name, got, rows[i].want);
		assert_string_equal(r.count > 0 ? r.list[0].code : "", rows[i].doubt);
		assert_false(truncated);
		arena_free(&a);
	}
}

static struct span
repeat(struct arena *a, const char *text, size_t times)
{
	struct arena_buf b = {.arena = a};

	for (size_t i = 0; i < times; i++)
		arena_puts(&b, text);
	return (struct span){b.p, b.n};
}

static void
what_is_too_much_is_rejected(void **state)
{
	static const struct { const char *name, *html; size_t times; bool truncated; } t[] = {
		{ "deep", "<div>", HTML_MAX_DEPTH + 10, false },
		{ "very deep", "<div>", 100000, false },
		{ "many tags", "<br>", HTML_MAX_TAGS + 1, false },
		{ "many open tags", "<b>", 20000, false },
		{ "attributes", "<a b=c d=e", 2600, false },
		{ "much text", "abcdefghijklmnop", DOCUMENT_MAX_TEXT / 16 + 1, true },
		{ "many lines", "<p>a", DOCUMENT_MAX_LINES + 1, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct arena		a = {0};
		struct document_part	p;
		struct reasons		r = {0};
		struct err		e = {0};
		bool			truncated = false;
		int			rc = html_read(repeat(&a, t[i].html, t[i].times), 0, &a, &p, &truncated, &r, &e);

		if (rc != (t[i].truncated ? 0 : -1) || truncated != t[i].truncated)
			fail_msg("%s: %d %d", t[i].name, rc, truncated);
		if (rc < 0)
			assert_int_equal(e.kind, ERR_REJECT);
		arena_free(&a);
	}
}

/* Tags that Gumbo opens again in each paragraph: 1,500 times 20,000 elements, were there no bound. */
static void
a_tree_that_grows_beyond_its_source_is_rejected(void **state)
{
	struct arena		a = {0};
	struct arena_buf	b = {.arena = &a};
	struct document_part	p;
	struct reasons		r = {0};
	struct err		e = {0};
	bool			truncated;

	(void)state;
	arena_puts(&b, "<p>");
	for (int i = 0; i < 1500; i++)
		arena_putf(&b, "<b id=%d>", i);
	for (int i = 0; i < 20000; i++)
		arena_puts(&b, "<p>x");
	assert_int_equal(html_read((struct span){b.p, b.n}, 0, &a, &p, &truncated, &r, &e), -1);
	assert_int_equal(e.kind, ERR_REJECT);
	assert_non_null(strstr(e.msg, "tree"));
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(html_becomes_lines_as_seen),
		cmocka_unit_test(what_is_too_much_is_rejected),
		cmocka_unit_test(a_tree_that_grows_beyond_its_source_is_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
