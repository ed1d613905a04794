/*
 * header - see header.h
 */
#include "read/header.h"

#include <string.h>

#include "read/reading.h"

#define MOST_FIELDS	64	/* room at first: most headers have fewer */

/* Cuts the next line off *left, without its LF or CRLF. */
static struct span
line_next(struct span *left)
{
	struct span line;

	span_cut(left, '\n', &line);
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

static bool
line_is_odd(struct span line)
{
	return memchr(line.p, '\0', line.n) != NULL || memchr(line.p, '\r', line.n) != NULL;
}

static bool
name_is_odd(struct span name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= 0x20 || name.p[i] >= 0x7f)	/* RFC 5322 2.2; char may be signed */
			return true;
	return name.n == 0;
}

/* One unfolded line begins a field, or continues the last one, or breaks the form. */
static void
line_take(struct header *h, struct span line)
{
	struct header_field	*f = h->count > 0 ? &h->fields[h->count - 1] : NULL;
	struct span		 name, value = line;

	if (line_is_odd(line) || span_trim(line).n == 0)
		h->malformed = true;
	if (line.p[0] == ' ' || line.p[0] == '\t') {
		if (f == NULL)
			h->malformed = true;
		else
			f->value.n = (size_t)(line.p + line.n - f->value.p);
		return;
	}
	if (!span_cut(&value, ':', &name)) {
		h->malformed = true;
		return;
	}
	if (name_is_odd(name))
		h->malformed = true;
	h->fields[h->count++] = (struct header_field){span_trim(name), value};
}

/* Room for a field more; what there was stays where it was, for the arena to free. */
static void
fields_grow(struct header *h, size_t *room, struct arena *a)
{
	struct header_field *more;

	if (h->count < *room)
		return;
	*room *= 2;
	more = arena_array(a, *room, sizeof *more);
	memcpy(more, h->fields, h->count * sizeof *more);
	h->fields = more;
}

int
header_split(struct span mail, struct arena *a, struct header *h, struct err *e)
{
	struct span	left = span_take(mail, READING_MAX_HEADERS + 1), line;
	size_t		whole = left.n, room = MOST_FIELDS;

	*h = (struct header){.fields = arena_array(a, room, sizeof *h->fields)};
	while (left.n > 0) {
		line = line_next(&left);
		if (line.n == 0)
			break;
		if (h->count == HEADER_MAX_FIELDS)
			return err_set(e, ERR_REJECT, "more than %d header fields", HEADER_MAX_FIELDS);
		fields_grow(h, &room, a);
		line_take(h, line);
	}
	if (whole - left.n > READING_MAX_HEADERS)
		return err_set(e, ERR_REJECT, "more than %d bytes of header", READING_MAX_HEADERS);
	return 0;
}

/* A name and a colon, or white space. */
static bool
line_is_header(struct span line)
{
	size_t i = 0;

	if (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
		return true;
	while (i < line.n && line.p[i] > 0x20 && line.p[i] < 0x7f && line.p[i] != ':')
		i++;
	while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t'))
		i++;
	return i < line.n && line.p[i] == ':';
}

int
header_bounds_check(struct span mail, struct err *e)
{
	size_t	lines = 0, bytes = 0, content = 0;	/* the last: of the field that is looked at */
	bool	is_content = false;

	while (mail.n > 0) {
		struct span line;

		span_cut(&mail, '\n', &line);
		if (!line_is_header(line)) {
			is_content = false;
			continue;
		}
		if (line.p[0] != ' ' && line.p[0] != '\t') {
			is_content = span_is_nocase(span_take(line, 8), "Content-");
			content = 0;
		}
		bytes += line.n;
		content += line.n;
		if (is_content && content > HEADER_MAX_CONTENT)
			return err_set(e, ERR_REJECT, "more than %d bytes in one field of a part's header", HEADER_MAX_CONTENT);
		if (++lines > HEADER_MAX_LINES || bytes > HEADER_MAX_BYTES)
			return err_set(e, ERR_REJECT, "more than %d lines or %d bytes that look like header fields of parts",
			    HEADER_MAX_LINES, HEADER_MAX_BYTES);
	}
	return 0;
}

const struct header_field *
header_find(const struct header *h, const char *name, size_t *count)
{
	const struct header_field *first = NULL;

	*count = 0;
	for (size_t i = 0; i < h->count; i++) {
		if (!span_is_nocase(h->fields[i].name, name))
			continue;
		if ((*count)++ == 0)
			first = &h->fields[i];
	}
	return first;
}

struct span
header_unfold(struct span value, struct arena *a)
{
	struct arena_buf b = {.arena = a};

	value = span_trim(value);
	arena_put(&b, "", 0);
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c == '\r' || c == '\n') {
			while (i + 1 < value.n && strchr("\r\n \t", value.p[i + 1]) != NULL &&
			    value.p[i + 1] != '\0')
				i++;
			c = ' ';
		}
		arena_put(&b, &c, 1);
	}
	return (struct span){b.p, b.n};
}
