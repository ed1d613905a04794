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
	{ "quoting", "a<blockquote type=cite>b<blockquote>c</blockquote></blockquote>d", "a\n> b\n> > c\nd\n", "" },
	{ "quoting by address", "<blockquote cite='mid:a@b'>b</blockquote>", "> b\n", "" },
	{ "quoting as Gmail marks it", "<div class='gmail_quote'>On a:<blockquote style='x'>b</blockquote></div>", "On a:\n> b\n", "" },
	{ "quoting as Outlook on the web passes it on", "<blockquote class=x_gmail_quote>b</blockquote>", "> b\n", "" },
	{ "a blockquote that only indents", "a<blockquote style='margin:0 0 0 40px'>b</blockquote>c", "a\nb\nc\n", "" },
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
	{ "hidden with another name", "<p>F\xc3\xb8retak: Fjord AS<span style='opacity:0'>F\xc3\xb8retak: Fjell AS</span>", "F\xc3\xb8retak: Fjord AS\n", "hidden-text" },
	{ "hidden with another name, in Finnish", "<p style='display:none'>Asiakas: Tunturi Oy</p>Asiakas: Ranta Oy", "Asiakas: Ranta Oy\n", "hidden-text" },
	{ "hidden with another name, in English", "<p style='display:none'>Outlet: Fell</p>Outlet: Fjord", "Outlet: Fjord\n", "hidden-text" },
	{ "hidden with the same name", "<p style='display:none'>Outlet: Fjord</p>Outlet: Fjord", "Outlet: Fjord\n", "" },
	{ "hidden with a number apart", "<p style='display:none'>918 713 867</p>x", "x\n", "hidden-text" },
	{ "a preheader with a number that is seen", "<p style='display:none'>No 123456, 12</p>MSN: 123 456", "MSN: 123 456\n", "" },
	{ "no size for a size later", "<table><tr><td style='font-size:0'><div style='font-size:16px'>a</div><div>b</div></td></tr></table>",
	    "#1 a\n", "" },
	{ "a share of no size", "<p style='font-size:0'><span style='font-size:1.5em'>a</span>b", "", "" },
	{ "visible in the invisible", "<p style='visibility:hidden'>a<span style='visibility:visible'>b</span></p>", "b\n", "" },
	{ "nothing shows in what is gone", "<p style='display:none'><span style='display:block;font-size:9px'>a</span></p>", "", "" },
	{ "soft hyphens", "<p>12&shy;34&zwnj;56</p>", "123456\n", "" },
	{ "writing turned round", "<p>12&#x202e;34</p>", "1234\n", "" },
	{ "unclosed, crossed, stray", "</p><b>a<i>b</b>c</i><td>d<table><tr>e<td>f</table>", "abcde\n#1 f\n", "" },
	{ "nothing", "", "", "" },

	/* tables */
	{ "a cell over rows speaks in each", "<table><tr><td rowspan=2>Shop AS</td><td>MSN</td><td>123456</td></tr>"
	    "<tr><td>Unit</td><td>Shop</td></tr></table>", "#1 Shop AS|MSN|123456\n#1 Shop AS|Unit|Shop\n", "" },
	{ "a cell over rows at the end", "<table><tr><td>a<td>b<td rowspan=2>c<tr><td>d<td>e<tr><td>f<td>g</table>",
	    "#1 a|b|c\n#1 d|e|c\n#1 f|g\n", "" },
	{ "a picture over rows keeps its place", "<table><tr><td rowspan=2><img alt='123456'></td><td>a</td></tr><tr><td>b</td></tr></table>",
	    "#1 |a\n#1 |b\n", "" },
	{ "a column of text over rows of layout is there once", "<table><tr><td rowspan=2>Menu</td><td>a<p>b</p>c: d</td></tr>"
	    "<tr><td>e<p>f</p>g: h</td></tr></table>", "Menu\na\nb\nc: d\ne\nf\ng: h\n", "" },
	{ "rowspan over all the rest", "<table><tr><td rowspan=99999999999>a<td>b<tr><td>c<tr><td>d</table>", "#1 a|b\n#1 a|c\n#1 a|d\n", "" },
	{ "a hidden cell has no column", "<table><tr><td>a</td><td style='display:none'>x</td><td>b</td></tr></table>", "#1 a|b\n", "" },
	{ "a header row and sales units", "<table><thead><tr><th>MSN<th>Name</thead><tbody><tr><td>123456<td>A<tr><td>234567<td>B</tbody></table>",
	    "#1 MSN|Name\n#1 123456|A\n#1 234567|B\n", "" },
	{ "transposed", "<table><tr><th>MSN<td>123456<td>234567<tr><th>Name<td>A<td>B</table>", "#1 MSN|123456|234567\n#1 Name|A|B\n", "" },
	{ "a table per row", "<table><tr><td><table><tr><td><p>MSN</p></td><td><p>Name</p></td></tr></table></td></tr>"
	    "<tr><td><table><tr><td>123456</td><td>A</td></tr></table></td></tr></table>", "#2 MSN|Name\n#2 123456|A\n", "" },
	{ "a table per sales unit stays one", "<table><tr><td><table><tr><td>MSN<td>1<tr><td>Name<td>A</table><tr><td>"
	    "<table><tr><td>MSN<td>2<tr><td>Name<td>B</table></table>", "#2 MSN|1\n#2 Name|A\n#3 MSN|2\n#3 Name|B\n", "" },
	{ "a table per column", "<table><tr><td><table align=left><tr><td>MSN</td></tr><tr><td>Name</td></tr></table>"
	    "<table align=right><tr><td>123456</td></tr><tr><td>A</td></tr></table></td></tr></table>", "MSN|123456\nName|A\n", "" },
	{ "a table per column in cells", "<table><tr><td><table><tr><td>MSN</td></tr><tr><td>Name</td></tr></table></td>"
	    "<td><table><tr><td>123456</td></tr><tr><td>A</td></tr></table></td></tr></table>", "#1 MSN|123456\n#1 Name|A\n", "" },
	{ "label above value in columns", "<table><tr><td><p>MSN</p><p>123456</p></td><td><p>Name</p><p>A</p></td></tr></table>",
	    "#1 MSN|Name\n#1 123456|A\n", "" },
	{ "dl with several values", "<dl><dt>a<dd>b<dd>c<dt>d</dl>", "#1 a|b\n#1 |c\nd\n", "" },

	/* boxes by CSS */
	{ "rows and cells by CSS", "<div style='display:table'><div style='display:table-row'><div style='display:table-cell'>MSN</div>"
	    "<div style='display:table-cell'>123456</div></div></div>", "MSN|123456\n", "" },
	{ "cells without a row", "<style>.c{display:table-cell}</style><span class=c>MSN</span> <span class=c>123456</span>", "MSN|123456\n", "" },
	{ "flex", "<div style='display:flex;justify-content:space-between'><span>MSN</span><b>123456</b></div>", "MSN|123456\n", "" },
	{ "flex with text of its own", "<div style='display:flex'>MSN <b>123456</b></div>", "MSN|123456\n", "" },
	{ "flex from top to bottom", "<div style='display:flex;flex-direction:column'><div>MSN</div><div>123456</div></div>", "MSN\n123456\n", "" },
	{ "a grid", "<div style='display:grid;grid-template-columns:1fr 2fr'><div>MSN</div><div>123456</div><div>Name</div><div>A</div></div>",
	    "MSN|123456\nName|A\n", "" },
	{ "inline blocks", "<div><div style='display:inline-block;width:40%'>MSN</div> <div style='display:inline-block'>123456</div></div>",
	    "MSN|123456\n", "" },
	{ "text and an inline block", "<p>MSN <div style='display:inline-block'>123456</div></p>", "MSN\n123456\n", "" },
	{ "inline blocks as wide as they may be", "<td><div style='display:inline-block;width:100%;max-width:200px'><p>MSN</p></div>"
	    "<!--[if mso]></td><td><![endif]--><div style='display:inline-block;width:100%;max-width:300px'><p>123456</p></div>",
	    "MSN|123456\n", "" },
	{ "inline blocks as wide as the page", "<div style='display:inline-block;width:100%'>a</div><div style='display:inline-block;width:100%'>b</div>",
	    "a\nb\n", "" },
	{ "floats", "<div><div style='float:left'>MSN</div><div style='float:right'>123456</div></div>", "MSN|123456\n", "" },
	{ "columns of several lines", "<div><div style='float:left'>MSN<br>Name</div><div style='float:left'>123456<br>A</div></div>",
	    "MSN|123456\nName|A\n", "" },
	{ "columns of a page", "<div style='display:flex'><div>Hi<p>a: b</p></div><div>x<p>y</p>z</div></div>", "Hi\na: b\nx\ny\nz\n", "" },
	{ "blocks in one line", "<h3 style='display:inline'>MSN</h3> <p style='display:inline'>123456</p>", "MSN 123456\n", "" },
	{ "spans as blocks", "<span style='display:block'>MSN</span><span style='display:block'>123456</span>", "MSN\n123456\n", "" },
	{ "line ends that are kept", "<p style='white-space:pre-line'>MSN: 123456\nName: A</p>", "MSN: 123456\nName: A\n", "" },
	{ "a hidden child breaks no row", "<div style='display:flex'><b>a</b><i hidden>x</i><b>b</b></div>", "a|b\n", "" },
	{ "a hidden block breaks no line", "<div>MSN: <span style='display:none'><div>x</div></span>123456", "MSN: 123456\n", "" },

	/* edges */
	{ "bold labels", "<p><b>MSN</b> 123456</p><p><b>Name</b> A</p>", "MSN|123456\nName|A\n", "" },
	{ "bold values", "MSN <b>123456</b><br><br>Name <b>A AS</b>", "MSN|123456\n\nName|A AS\n", "" },
	{ "spans of two classes", "<li><span class=l>MSN</span><span class=v>123456</span><li><span class=l>Name</span><span class=v>A</span>",
	    "MSN|123456\nName|A\n", "" },
	{ "inline blocks that look alike", "<style>i{display:inline-block}</style><p><i>MSN</i><i>123456</i></p><p><i>Name</i><i>A</i></p>",
	    "MSN|123456\nName|A\n", "" },
	{ "an inline block alone", "<p>MSN<i style='display:inline-block'>123456</i>new</p>", "MSN 123456 new\n", "" },
	{ "several in a line", "<b>MSN</b> 123456 <b>Name</b> A<br><b>MSN</b> 234567 <b>Name</b> B", "MSN|123456|Name|A\nMSN|234567|Name|B\n", "" },
	{ "bold labels in cells", "<table><tr><td><b>MSN</b> 123456</td></tr><tr><td><b>Name</b> A</td></tr></table>", "#1 MSN|123456\n#1 Name|A\n", "" },
	{ "bold labels with colons are one cell", "<p><b>MSN:</b> 123456</p><p><b>Name:</b> A</p>", "MSN: 123456\nName: A\n", "" },
	{ "a bold word in a sentence", "<p>The unit <b>A</b> is approved</p><p>Its number <b>123456</b> is new</p>",
	    "The unit A is approved\nIts number 123456 is new\n", "" },
	{ "one bold beginning is no list", "<p><b>A AS</b> Welcome</p><p>It is open</p>", "A AS Welcome\nIt is open\n", "" },
	{ "a bold word with a sentence after it", "<p><b>A</b> (MSN 123456)</p><p><b>B</b> \xe2\x80\x93 MSN 234567</p>",
	    "A (MSN 123456)\nB \xe2\x80\x93 MSN 234567\n", "" },
	{ "bold inside words", "<p><b>A</b>bc</p><p><b>D</b>ef</p>", "Abc\nDef\n", "" },

	/* marks, odd tags, entities */
	{ "a footnote's mark", "<p>MSN 712345<sup>1</sup> and A<sup>(2)</sup>, B<sup>*</sup>", "MSN 712345 and A, B\n", "" },
	{ "a footnote's mark in a link", "<p>712345<a href=#f><sup><b>12</b></sup></a>", "712345\n", "" },
	{ "a footnote's mark by style", "<p>712345<span style='vertical-align:super;font-size:8px'>1</span>", "712345\n", "" },
	{ "low and high letters", "<p>H<sub>2</sub>O Bar<sup>\xc2\xae</sup> 7<sub>1</sub>", "H2O Bar\xc2\xae 7\n", "" },
	{ "a number set high", "<p>MSN 1<sup>712345</sup> <sup>712346</sup>", "MSN 1 712345 712346\n", "" },
	{ "entities of windows-1252 and broken ones", "<p>A&#150;B&#x92;s &amp B&nbspC &foo; &", "A\xe2\x80\x93" "B\xe2\x80\x99s & B C &foo; &\n", "" },
	{ "wbr", "<p>123<wbr>456", "123456\n", "" },
	{ "a picture's text, and a form's", "<img alt='MSN 999999'><input value='999998'><button>Log in</button>", "Log in\n", "" },
	{ "cells that are never closed", "<table><tr><td>MSN<td>123456<tr><td>Name<td>A</table>", "#1 MSN|123456\n#1 Name|A\n", "" },
	{ "Office's own tags", "<p class=MsoNormal>MSN<o:p></o:p></p><p>123456<o:p>&nbsp;</o:p></p>", "MSN\n123456\n", "" },

	/* hidden */
	{ "hidden by what is small", "<p style='max-height:0px;overflow:hidden'>a</p><p style='font-size:1px'>b</p><p style='font-size:.1em'>c</p>"
	    "<p style='width:0;overflow:hidden'>d</p><p style='width:0;min-width:100%;overflow:hidden'>e</p>", "e\n", "" },
	{ "hidden by its place", "<p style='text-indent:-9999px'>a</p><p style='position:absolute;left:-999em'>b</p>"
	    "<p style='margin:0 0 0 -10000px'>c</p><p style='clip:rect(1px,1px,1px,1px)'>d</p><p style='clip:rect(0 0 0 0)'>e</p>"
	    "<p style='margin-left:-9px'>f</p>", "f\n", "" },
	{ "hidden by its colour", "<p style='color:#fff'>a</p><div style='background:#E8F0FE'><p style='color:rgb(232, 240, 254)'>b</p></div>"
	    "<p style='color:transparent'>c</p><p style='color:rgba(0,0,0,0)'>d</p><font color=White>e</font>"
	    "<table bgcolor='#ff0000'><tr><td style='color:white'>f</td></tr></table>", "#1 f\n", "" },
	{ "links have a colour of their own", "<p style='color:white'>a <a href=x>b</a></p>", "b\n", "" },
	{ "white on what we cannot tell", "<div style='background-image:url(x)'><p style='color:white'>a</p></div>"
	    "<div style='background:linear-gradient(#000,#fff)'><p style='color:white'>b</p></div>"
	    "<td background=x>", "a\nb\n", "" },
	{ "white, and a sheet we cannot follow", "<style>a[x]{background:#000}</style><p style='color:white'>a</p>", "a\n", "" },
	{ "mso-hide", "<p style='mso-hide:all'>a</p>b", "b\n", "" },
	{ "hidden by a style sheet", "<style><!-- .pre, #x td, h6 {display:none!important} /* .b{display:none} */ --></style>"
	    "<p class='y pre'>a</p><table id=x><tr><td>c</td></tr></table><h6>d</h6><td>e</td><p class=b>f</p>", "e\nf\n", "" },
	{ "a style sheet in the body, after", "<p class=a>x</p>y<style>.a{visibility:hidden}</style>", "y\n", "" },
	{ "hidden on small screens only", "<style>@media only screen and (max-width:600px){.d{display:none!important}.m{display:block!important}}"
	    ".m{display:none}</style><p class=d>MSN 123456</p><p class=m>MSN 123456</p>", "MSN 123456\n", "" },
	{ "hidden on wide screens", "<style>@media (min-width:480px) and (max-width:2000px){.m{display:none}}</style><p class=m>a</p>b", "b\n", "" },
	{ "hidden in the dark, on paper", "<style>@media (prefers-color-scheme:dark){p{display:none}}@media print{p{display:none}}</style><p>a", "a\n", "" },
	{ "important", "<style>.a{display:block!important}</style><p class=a style='display:none'>a</p>", "a\n", "" },
	{ "a closed box", "<details><summary>a</summary>b<p>c</p></details><details open><summary>d</summary>e</details>", "a\nd\ne\n", "" },
	{ "for programs with scripts", "<p><noscript>a</noscript>b<svg><text>c</text></svg><object>d</object>", "b\n", "" },
	{ "conditions for Outlook", "<!--[if mso]><p>a</p><![endif]--><!--[if !mso]><!-->b<!--<![endif]--><![if !mso]>c<![endif]>", "bc\n", "" },
	{ "other numbers for Outlook", "<!--[if mso]><table width=\"600\"><tr><td>MSN: 999999</td></tr></table><![endif]-->MSN: 123456",
	    "MSN: 123456\n", "hidden-text" },
	{ "Outlook's settings", "<!--[if gte mso 9]><xml><o:x>999999 MSN</o:x></xml><style>.msn{color:#999999}</style><![endif]-->a", "a\n", "" },
	{ "other numbers in a comment", "<!-- MSN: 999999 --><p>MSN: 123456", "MSN: 123456\n", "hidden-text" },
	{ "a comment", "<!-- template 20261122 build 48213 http://www.w3.org/12345 --><p>MSN: 123456", "MSN: 123456\n", "" },
	{ "tracking", "<p>MSN: 123456</p><p style='display:none'>ref 8847362518 a1b2c3d4 campaign 20260101, tel. 12345678</p>", "MSN: 123456\n", "" },
	{ "hidden keys", "<p style='display:none'>merchant ref campaign48213 a1b2c34567</p>a", "a\n", "" },
	{ "a hidden sentence", "<p hidden>The merchant who has waited for such a long time can now begin to sell all that: see you</p>a", "a\n", "" },
	{ "a hidden label, and hidden text elsewhere", "<p hidden>Merchant</p><p>a<p hidden>Welcome to all</p>", "a\n", "" },
	{ "a hidden date", "<p style='display:none'>22.11.2026</p><p style='display:none'>2026</p>a", "a\n", "" },
	{ "another organisation number, hidden", "<p>Org.nr. 918 713 867</p><p style='font-size:0'>Org.nr. NO987654325MVA</p>",
	    "Org.nr. 918 713 867\n", "hidden-text" },
	{ "the same organisation number, hidden", "<p>Org.nr. 918 713 867</p><p style='font-size:0'>Org.nr. NO918713867MVA</p>",
	    "Org.nr. 918 713 867\n", "" },
	{ "a hidden value behind its label", "<p>MSN: <span style='display:none'>999999</span>123456", "MSN: 123456\n", "hidden-text" },
	{ "a hidden table", "<table style='display:none'><tr><td>MSN</td><td>999999</td></tr></table>x", "x\n", "hidden-text" },
	{ "another name, hidden", "<p>Sales unit: A</p><p style='font-size:0'>Sales unit: B</p>", "Sales unit: A\n", "hidden-text" },
	{ "the same name, hidden", "<p>Sales unit: A b</p><p style='font-size:0'>Sales unit: a B, come and see: now!</p>", "Sales unit: A b\n", "" },
	{ "a hidden name in a cell", "<table><tr><td>Salgssted<td>A</table><table hidden><tr><td>Salgssted<td>B</table>", "#1 Salgssted|A\n", "hidden-text" },
	{ "the same name in a hidden cell", "<table><tr><td>Salgssted<td>A</table><table hidden><tr><td>Salgssted<td>A</table>", "#1 Salgssted|A\n", "" },
	{ "a preheader with a name", "<p hidden>The sales unit A of B is approved</p>Sales unit: A", "Sales unit: A\n", "" },
	{ "a hidden number that is seen with a soft hyphen", "<p style='display:none'>MSN 123456</p>MSN 123&shy;456", "MSN 123456\n", "" },
	{ "hidden bidirectional marks are nobody's doubt", "<p style='display:none'>&#x202e;&zwnj;&zwnj;</p>x", "x\n", "" },
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
