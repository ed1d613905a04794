/*
 * part - see part.h
 */
#include "read/part.h"

#include <string.h>

size_t
part_text(const struct document_part *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->count; i++)
		for (uint16_t k = 0; k < p->lines[i].count; k++)
			n += p->lines[i].cells[k].n;
	return n;
}

bool
part_add(struct document *d, struct document_part part, struct part_place at, struct part_place *last, struct arena *a)
{
	struct document_part	*to;
	struct document_line	*lines;
	uint16_t		 tables = 0;

	if (d->count == 0 || at.child == 0 || at.child != last->child || d->parts[d->count - 1].kind != part.kind) {
		d->parts[d->count++] = part;
		*last = at;
		return true;
	}
	to = &d->parts[d->count - 1];
	if (to->count + part.count > DOCUMENT_MAX_LINES)
		return false;
	lines = arena_array(a, to->count + part.count, sizeof *lines);
	for (size_t i = 0; i < to->count; i++) {
		lines[i] = to->lines[i];
		tables = lines[i].table > tables ? lines[i].table : tables;
	}
	for (size_t i = 0; i < part.count; i++) {
		lines[to->count + i] = part.lines[i];
		if (part.lines[i].table > 0)
			lines[to->count + i].table = (uint16_t)(part.lines[i].table + tables);
	}
	to->lines = lines;
	to->count += part.count;
	return true;
}

static bool
has_tag(struct span html, const char *tag)
{
	struct span what = span_of(tag);

	for (const char *p; (p = html.n > 0 ? memchr(html.p, '<', html.n) : NULL) != NULL;) {
		html = span_from(html, (size_t)(p - html.p));
		if (span_eq_nocase(span_take(html, what.n), what))
			return true;
		html = span_from(html, 1);
	}
	return false;
}

bool
part_is_whole(struct span text, bool html)
{
	struct span end = span_trim(text);

	if (html)
		return end.n >= 7 && span_is_nocase(span_from(end, end.n - 7), "</html>");
	return end.n > 0 && span_find(span_from(text, (size_t)(end.p - text.p) + end.n), SPAN_LIT("\n\n"), 0) >= 0;
}

bool
part_is_cut_html(struct span text)
{
	return has_tag(text, "<html") && !has_tag(text, "</html");
}

bool
part_is_file_name(struct span parameter)
{
	return span_is_nocase(parameter, "name") || span_is_nocase(parameter, "filename");
}

/* Cuts the next parameter off a field's value; semicolons in quotes are text. */
static struct span
parameter_next(struct span *left)
{
	struct span	whole = *left;
	bool		quoted = false;
	size_t		i;

	for (i = 0; i < whole.n && (quoted || whole.p[i] != ';'); i++) {
		if (whole.p[i] == '\\' && quoted)
			i++;
		else if (whole.p[i] == '"')
			quoted = !quoted;
	}
	*left = span_from(whole, i + 1);
	return span_take(whole, i);
}

bool
part_has_two_names(struct span value)
{
	struct span first[2] = {{0}}, one, name;

	while (value.n > 0) {
		struct span *f;

		one = parameter_next(&value);
		span_cut(&one, '=', &name);
		name = span_trim(name);
		if (!part_is_file_name(name))
			continue;
		f = &first[name.n > 4];
		if (f->p != NULL && !span_eq(*f, span_trim(one)))
			return true;
		*f = span_trim(one);
	}
	return false;
}
