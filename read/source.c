#include "read/html.h"
#include "read/source.h"

/* Tags that close themselves, or that others close. */
static bool
tag_is_neutral(struct span name)
{
	static const char *const names[] = {
		"br", "img", "hr", "meta", "link", "input", "col", "area", "base", "wbr", "p", "li", "td", "th",
		"tr", "tbody", "thead", "tfoot", "dt", "dd", "option",
	};

	for (size_t i = 0; i < COUNT(names); i++)
		if (span_is_nocase(name, names[i]))
			return true;
	return false;
}

/* From a tag's name to behind its ">": its bytes, or 0 if it has too many attributes. */
static size_t
tag_length(struct span s)
{
	size_t spaces = 0, n = 0;

	while (n < s.n && s.p[n] != '>') {
		spaces += s.p[n] == ' ' || s.p[n] == '/' || (s.p[n] >= '\t' && s.p[n] <= '\r');
		n++;
	}
	return spaces > HTML_MAX_SPACES ? 0 : n + 1;
}

/* A rough count, on the side of more: Gumbo's work is its tags times the depth it is in. */
int
source_check(struct span s, struct err *e)
{
	int		tags = 0, open = 0;
	struct span	before;

	while (span_cut(&s, '<', &before)) {
		bool	close = s.n > 0 && s.p[0] == '/';
		size_t	n = 0, length;

		s = span_from(s, close);
		while (n < s.n && n < 16 && (s.p[n] | 32) >= 'a' && (s.p[n] | 32) <= 'z')
			n++;
		if (n == 0)
			continue;
		if (++tags > HTML_MAX_TAGS)
			return err_set(e, ERR_REJECT, "more than %d tags of HTML", HTML_MAX_TAGS);
		if (!tag_is_neutral(span_take(s, n)))
			open += close ? (open > 0 ? -1 : 0) : 1;
		if (open > HTML_MAX_OPEN)
			return err_set(e, ERR_REJECT, "more than %d open tags of HTML", HTML_MAX_OPEN);
		length = tag_length(s);
		if (length == 0)
			return err_set(e, ERR_REJECT, "more than %d spaces in a tag of HTML", HTML_MAX_SPACES);
		s = span_from(s, length);
	}
	return 0;
}
