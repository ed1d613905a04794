/* What is printed for people: text from outside made harmless, columns, trees. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"

int
format_of(const char *word, const char *words)
{
	static const char *const names[] = { "table", "text", "json", "ndjson", "csv" };
	const char	*p;
	size_t		 n = strlen(word);

	for (size_t i = 0; i < COUNT(names); i++)
		if (strcmp(names[i], word) == 0 && (p = strstr(words, word)) && (p == words || p[-1] == ' ') &&
		    (p[n] == ' ' || p[n] == '\0'))
			return (int)i;
	return -1;
}

/* Would this code point move the cursor, hide or reorder what stands beside it? */
static bool
is_harmful(uint32_t r)
{
	return r < 0x20 || (r >= 0x7f && r < 0xa0) || r == 0xad || (r >= 0x200b && r <= 0x200f) ||
	    (r >= 0x2028 && r <= 0x202e) || (r >= 0x2060 && r <= 0x206f) || r == 0xfeff || r == 0xfffd;
}

static int
put_text(struct arena_buf *b, const char *text, int columns)
{
	size_t		n = strlen(text), step;
	uint32_t	rune;
	int		width = 0;

	for (size_t i = 0; i < n; i += step, width++) {
		step = span_rune(text + i, n - i, &rune);
		if (columns > 0 && width == columns - 1 && i + step < n) {
			arena_puts(b, "…");
			return columns;
		}
		if (is_harmful(rune))
			arena_puts(b, "·");
		else
			arena_put(b, text + i, step);
	}
	return width;
}

char *
output_text(const char *text, int columns, struct arena *a)
{
	struct arena_buf b = { .arena = a };

	arena_puts(&b, "");
	put_text(&b, text ? text : "-", columns);
	return b.p;
}

char *
output_cell(const char *text, int columns, struct arena *a)
{
	struct arena_buf b = { .arena = a };

	for (int width = put_text(&b, text ? text : "-", columns); width < columns; width++)
		arena_puts(&b, " ");
	return b.p;
}

static void
put_scalar(const struct json *v, struct arena *a)
{
	const char *text = json_text(v);

	puts(output_text(text ? text : json_is_null(v) ? "-" : json_print(v, a), 0, a));
}

static void
put_tree(const struct json *v, int depth, struct arena *a)
{
	const struct json	*item;
	const char		*key;

	for (int i = 0; json_is_object(v) && (key = json_key(v, i, &item)); i++) {
		bool	nested = (json_is_object(item) || json_is_array(item)) && json_count(item) > 0;

		printf("%*s%s:%s", depth * 2, "", output_text(key, 0, a), nested ? "\n" : " ");
		if (nested)
			put_tree(item, depth + 1, a);
		else if (json_is_object(item) || json_is_array(item))
			puts("none");
		else
			put_scalar(item, a);
	}
	for (int i = 0; json_is_array(v) && i < json_count(v); i++) {
		item = json_item(v, i);
		if (json_is_object(item) || json_is_array(item)) {
			if (i > 0)
				puts("");
			put_tree(item, depth, a);
		} else {
			printf("%*s", depth * 2, "");
			put_scalar(item, a);
		}
	}
}

void
output_tree(const struct json *v, struct arena *a)
{
	put_tree(v, 0, a);
}

const char *
output_raw(const char *text, struct arena *a)
{
	return isatty(STDOUT_FILENO) ? output_text(text, 0, a) : text;
}

/* RFC 4180: quoted where it must be. */
void
output_csv(const char *const *values, int n, struct arena *a)
{
	for (int i = 0; i < n; i++) {
		const char *text = values[i] ? output_raw(values[i], a) : "";

		fputs(i > 0 ? "," : "", stdout);
		if (!strpbrk(text, ",\"\r\n")) {
			fputs(text, stdout);
			continue;
		}
		putchar('"');
		for (; *text; text++)
			printf(*text == '"' ? "\"\"" : "%c", *text);
		putchar('"');
	}
	fputs("\r\n", stdout);
}

int
output_done(struct err *e)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	return err_set(e, ERR_RETRY, "the output could not be written: %s", strerror(errno));
}
