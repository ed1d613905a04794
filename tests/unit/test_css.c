/* css, style: what a person sees of an element, by its style sheets and its own style */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "read/css.h"

/* <div class=outer><p id=i class="a b" style=...> */
static struct style_look
look_of(struct css *css, const char *style, struct style_box *box)
{
	struct css_element	outer = {.tag = SPAN_LIT("div"), .classes = SPAN_LIT("outer")};
	struct css_element	inner = {.parent = &outer, .tag = SPAN_LIT("p"), .id = SPAN_LIT("i"),
				    .classes = SPAN_LIT("a b"), .style = span_of(style)};
	struct style_look	look = css_start(css);
	struct err		e;

	assert_int_equal(css_apply(css, &outer, &look, box, &e), 0);
	assert_int_equal(css_apply(css, &inner, &look, box, &e), 0);
	return look;
}

static void
a_sheet_hides_what_its_selectors_fit(void **state)
{
	static const struct { const char *sheet; bool hidden; } t[] = {
		{ "p{display:none}", true }, { "P { Display : None }", true }, { "*{display:none}", true },
		{ ".a{display:none}", true }, { ".A{display:none}", true }, { ".c{display:none}", false },
		{ "#i{display:none}", true }, { "p.a.b#i{display:none}", true }, { "p.a.c{display:none}", false },
		{ "td.a{display:none}", false }, { "x,.b , y{display:none}", true },
		{ ".outer .a{display:none}", true }, { "div > p{display:none}", true }, { ".other .a{display:none}", false },
		{ "div div p{display:none}", false }, { "p:hover{display:none}", false }, { "p[id]{display:none}", false },
		{ "x + p{display:none}", false }, { ".{display:none}", false }, { "{display:none}", false },
		{ "/* p{display:none} */", false }, { "<!-- p{display:none} -->", true }, { "p{display:none", true },
		{ "@import 'x'; p{display:none}", true }, { "@font-face{src:url(x)} p{display:none}", true },
		{ "@media screen{p{display:none}}", true }, { "@media print{p{display:none}} .a{x:y}", false },
		{ "@media print{x{y:z} p{display:none}}", false }, { "@media{p{display:none}}", true },
		{ "@media (max-width:600px){p{display:none}}", false }, { "@media (min-width:600px){p{display:none}}", true },
		{ "@media (min-width:40em) and (max-width:200em){p{display:none}}", true },
		{ "@media print, screen{p{display:none}}", true }, { "@media not all{p{display:none}}", false },
		{ "@media (prefers-color-scheme:dark){p{display:none}}", false }, { "@media (hover){p{display:none}}", false },
		{ "@media print{@media screen{p{display:none}}} i{x:y}", false },
		{ "@supports (display:grid){p{display:none}}", true }, { "@keyframes k{from{x:y}p{display:none}}", false },
		{ "p{visibility:hidden}.a{visibility:visible}", false }, { ".a{visibility:visible}p{visibility:hidden}", false },
		{ "#i{visibility:hidden}.a{visibility:visible}", true }, { "p{visibility:hidden!important}.a{visibility:visible}", true },
		{ ".outer{visibility:hidden}", true }, { ".outer{visibility:hidden}p{visibility:visible}", false },
		{ ".outer{display:none}p{display:block}", true }, { ".outer{font-size:0}", true }, { ".outer{font-size:0}p{font-size:12px}", false },
		{ ".outer{font-size:20px}p{font-size:5%}", true }, { "p{color:#fff}", true }, { ".outer{background:#123}p{color:#112233}", true },
		{ "body{background:#000}p{color:white}", true }, { "x:not(y){background:#000}p{color:white}", false },
		{ "[data-ogsc] x{background:#000}p{color:white}", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct arena		 a = {0};
		struct css		*css = css_new(&a);
		struct style_box	 box;
		struct style_look	 look;
		struct err		 e;

		assert_int_equal(css_add(css, span_of(t[i].sheet), &e), 0);
		look = look_of(css, "", &box);
		if (style_hidden(&look) != t[i].hidden)
			fail_msg("%s", t[i].sheet);
		arena_free(&a);
	}
}

static void
a_style_hides_what_nobody_can_read(void **state)
{
	static const struct { const char *style; bool hidden; } t[] = {
		{ "display:none", true }, { "DISPLAY:NONE !important;", true }, { "display:/**/none", true },
		{ "display:none;display:block", true }, { "display:block;display:none", true }, { "display:inline", false },
		{ "visibility:collapse", true }, { "visibility:inherit", false }, { "opacity:0.01", true }, { "opacity:.5", false },
		{ "opacity:1", false }, { "font-size:0", true }, { "font-size:2.9px", true }, { "font-size:3px", false },
		{ "font-size:1pt", true }, { "font-size:8pt", false }, { "font-size:10%", true }, { "font-size:.1rem", true },
		{ "font-size:xx-small", false }, { "font-size:var(--x)", false }, { "font:0/0 a", true },
		{ "font:bold 14px/20px a", false }, { "font:700 0px a", true }, { "font:inherit", false },
		{ "height:0;overflow:hidden", true }, { "height:0", false }, { "max-height:0;max-width:0;overflow:hidden", true },
		{ "width:0px;overflow-x:hidden", true }, { "width:0;min-width:100%;overflow:hidden", false }, { "overflow:hidden", false },
		{ "text-indent:-9999px", true }, { "text-indent:-20px", false }, { "left:-9999px;position:absolute", true },
		{ "margin:0 0 0 -999em", true }, { "margin:-10px", false }, { "transform:scale(0)", true }, { "transform:scale(0.9)", false },
		{ "clip:rect(0,0,0,0)", true }, { "clip:rect(0,100px,20px,0)", false }, { "clip-path:inset(100%)", true },
		{ "mso-hide:all", true }, { "text-decoration:line-through", true }, { "text-decoration:underline", false },
		{ "color:white", true }, { "color:#fff", true }, { "color:#fefefe", true }, { "color:#FFFFFF80", false }, { "color:#ffffff00", true },
		{ "color:rgb(250 250 250)", true }, { "color:rgb(100%,100%,100%)", true }, { "color:#eee", false }, { "color:hsl(0,0%,100%)", false },
		{ "color:#ffff", true }, { "color:#12", false }, { "color:inherit", false }, { "color:tomato;background:tomato", true },
		{ "color:tomato;background:coral", false }, { "color:white;background:url(x) white", false }, { "color:white;background:#333 none", false },
		{ "color:white;background-color:rgba(0, 0, 0, 1)", false }, { "color:white;background:transparent", true },
		{ "color:black;background:black", true }, { ";;:;color", false }, { "display", false }, { "color:white\\9", false },
	};
	struct arena		 a = {0};
	struct css		*css = css_new(&a);
	struct style_box	 box;

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct style_look look = look_of(css, t[i].style, &box);

		if (style_hidden(&look) != t[i].hidden)
			fail_msg("%s", t[i].style);
	}
	arena_free(&a);
}

static void
a_style_says_how_boxes_stand(void **state)
{
	static const struct { const char *style; struct style_box want; } t[] = {
		{ "", { .display = STYLE_UNSET } },
		{ "display:table-cell", { .display = STYLE_CELL } },
		{ "display:inline-block;width:50%", { .display = STYLE_INLINE_BLOCK } },
		{ "display:inline-block;width:100%", { .display = STYLE_INLINE_BLOCK, .full = true } },
		{ "width:100%;max-width:200px", { .full = false } }, { "width:100%;max-width:100%", { .full = true } },
		{ "width:100%;width:50%", { .full = false } },
		{ "float:left", { .floats = true } }, { "float:none", { .floats = false } },
		{ "display:flex;flex-direction:column-reverse", { .display = STYLE_FLEX, .column = true } },
		{ "display:grid;grid-template-columns:minmax(10px, 1fr) auto", { .display = STYLE_GRID, .tracks = 2 } },
		{ "grid-template-columns:repeat(3, 1fr)", { .tracks = 3 } },
		{ "grid-template-columns:repeat(auto-fit, 1fr)", { .tracks = 0 } },
		{ "vertical-align:super", { .raised = true } },
	};
	struct arena		 a = {0};
	struct css		*css = css_new(&a);

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct style_box box;

		look_of(css, t[i].style, &box);
		if (box.display != t[i].want.display || box.full != t[i].want.full || box.floats != t[i].want.floats ||
		    box.column != t[i].want.column || box.tracks != t[i].want.tracks || box.raised != t[i].want.raised)
			fail_msg("%s", t[i].style);
	}
	arena_free(&a);
}

static struct span
repeat(struct arena *a, const char *text, int times)
{
	struct arena_buf b = {.arena = a};

	for (int i = 0; i < times; i++)
		arena_puts(&b, text);
	return (struct span){b.p, b.n};
}

static void
too_much_css_is_rejected(void **state)
{
	struct arena		 a = {0};
	struct css		*css = css_new(&a);
	struct style_look	 look;
	struct style_box	 box;
	struct css_element	 p = {.tag = SPAN_LIT("p")};
	struct err		 e;
	int			 rc = 0;

	(void)state;
	assert_int_equal(css_add(css, repeat(&a, ".x{color:red}", CSS_MAX_RULES + 1), &e), -1);
	assert_int_equal(e.kind, ERR_REJECT);
	css = css_new(&a);
	assert_int_equal(css_add(css, repeat(&a, "p{color:red}", CSS_MAX_RULES), &e), 0);
	look = css_start(css);
	for (int i = 0; i <= CSS_MAX_STEPS / CSS_MAX_RULES && rc == 0; i++)
		rc = css_apply(css, &p, &look, &box, &e);
	assert_int_equal(rc, -1);
	assert_int_equal(e.kind, ERR_REJECT);
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sheet_hides_what_its_selectors_fit),
		cmocka_unit_test(a_style_hides_what_nobody_can_read),
		cmocka_unit_test(a_style_says_how_boxes_stand),
		cmocka_unit_test(too_much_css_is_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
