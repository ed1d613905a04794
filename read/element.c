#include <stddef.h>
#include <string.h>

#include "read/element.h"
#include "read/style.h"

#define MAX_MARK	4	/* bytes of a footnote's mark: "(12)" */

void
attributes_put(struct attributes *a, struct span name, struct span value)
{
	static const struct { struct span name; size_t at; bool flag; } known[] = {
#define TEXT(n) { {#n, sizeof(#n) - 1}, offsetof(struct attributes, n), false }
#define FLAG(n) { {#n, sizeof(#n) - 1}, offsetof(struct attributes, n), true }
		TEXT(id), TEXT(class), TEXT(style), TEXT(rowspan), TEXT(align), TEXT(bgcolor),
		TEXT(color), TEXT(type), FLAG(hidden), FLAG(open), FLAG(cite), FLAG(background), FLAG(size),
#undef TEXT
#undef FLAG
	};

	for (size_t k = 0; k < COUNT(known); k++) {
		if (name.n != known[k].name.n || !span_eq_nocase(name, known[k].name))
			continue;
		if (known[k].flag)
			*(bool *)((char *)a + known[k].at) = true;
		else
			*(struct span *)((char *)a + known[k].at) = value;
		return;
	}
}

bool
attribute_is_read(struct span name)
{
	static const char *const names[] = {	/* those above that are no flags, and colspan (read/html.c) */
		"id", "class", "style", "rowspan", "colspan", "align", "bgcolor", "color", "type",
	};

	for (size_t k = 0; k < COUNT(names); k++)
		if (span_is_nocase(name, names[k]))
			return true;
	return false;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

unsigned
element_number(struct span s, unsigned max)
{
	unsigned n = 0;

	for (size_t i = 0; i < s.n && is_digit(s.p[i]) && n <= max; i++)
		n = 10 * n + (unsigned)(s.p[i] - '0');
	return n < 1 ? 1 : n > max ? max : n;
}

struct span
element_classes(const struct attributes *attributes, struct arena *a)
{
	struct span	 s = span_take(attributes->class, ELEMENT_MAX_NAME);
	char		*p = arena_textn(a, s.p, s.n);

	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)p[i] < ' ')
			p[i] = ' ';
	return (struct span){p, s.n};
}

uint32_t
element_colour(struct span s, struct arena *a)
{
	char *p;

	s = span_take(span_trim(s), ELEMENT_MAX_NAME);
	p = arena_textn(a, s.p, s.n);
	for (size_t i = 0; i < s.n; i++)
		p[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]);
	return style_colour((struct span){p, s.n});
}

/* The marks of programs that quote or forward, also with a prefix: Outlook on the web puts "x_" there. */
bool
element_is_mail_quote(const struct attributes *a)
{
	static const char *const names[] = {
		"gmail_quote", "gmail_extra", "moz-cite-prefix", "moz-forward-container", "yahoo_quoted",
		"protonmail_quote", "divRplyFwdMsg", "OLK_SRC_BODY_SECTION", "appendonsend", "zmail_extra",
		"tutanota_quote", "mail_quote", "WordSection1_quote", "reply-quote",
	};

	if (a->class.n == 0 && a->id.n == 0)
		return false;
	for (size_t i = 0; i < COUNT(names); i++)
		if (span_find(span_take(a->class, ELEMENT_MAX_NAME), span_of(names[i]), 0) >= 0 ||
		    span_find(span_take(a->id, ELEMENT_MAX_NAME), span_of(names[i]), 0) >= 0)
			return true;
	return false;
}

uint32_t
element_voice(const struct attributes *a, uint32_t tag)
{
	const struct span	parts[] = { span_take(a->class, ELEMENT_MAX_NAME), span_take(a->style, ELEMENT_MAX_NAME) };
	uint32_t		v = 2166136261u ^ tag;

	for (size_t k = 0; k < COUNT(parts); k++)
		for (size_t i = 0; i < parts[k].n; i++)
			v = (v ^ (unsigned char)parts[k].p[i]) * 16777619u;
	return v != 0 ? v : 1;
}

/*
 * "712345<sup>1</sup>": a footnote's mark is no digit of the number. What stands higher and is none (a
 * trade mark's sign) is part of the word.
 */
bool
element_is_mark(struct span s, bool after_digit, bool raised)
{
	static const char *const marks[] = { "*", "(", ")", "[", "]", ",", ".", "\xe2\x80\xa0", "\xe2\x80\xa1", "\xc2\xa7" };
	bool digits = false;

	if (s.n == 0 || s.n > MAX_MARK)
		return false;
	for (size_t i = 0, n; i < s.n; i += n) {
		n = is_digit(s.p[i]);
		digits = digits || n > 0;
		for (size_t k = 0; n == 0 && k < COUNT(marks); k++)
			n = span_find(span_from(s, i), span_of(marks[k]), 0) == 0 ? strlen(marks[k]) : 0;
		if (n == 0)
			return false;
	}
	return raised || (digits && after_digit);	/* H2O is a name */
}
