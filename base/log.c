#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/span.h"

/* A line goes out in one write(), so that lines of several processes do not mix. */
#define LOG_LINE_BYTES 2048	/* longer is cut: a value is an id, a name or an err of 240 bytes */

static enum log_level log_level = LOG_INFO;

struct line {
	char	s[LOG_LINE_BYTES];
	size_t	n;
};

void
log_level_set(enum log_level level)
{
	log_level = level;
}

enum log_level
log_level_get(void)
{
	return log_level;
}

static void
line_put(struct line *l, const char *s)
{
	size_t n = strlen(s);

	/* A piece goes in whole or not at all; room for a quote and the newline is kept. */
	if (n > sizeof(l->s) - 2 - l->n)
		return;
	memcpy(l->s + l->n, s, n);
	l->n += n;
}

static bool
value_is_bare(const char *s)
{
	static const char bare[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789_.:@/+-";

	return *s != '\0' && s[strspn(s, bare)] == '\0';
}

/* Not only C0: these move the cursor, break a line or turn the direction of a terminal too. */
static bool
rune_steers(uint32_t r)
{
	return (r >= 0x80 && r <= 0x9f) || (r >= 0x200b && r <= 0x200f) ||
	    (r >= 0x2028 && r <= 0x202e) || (r >= 0x2060 && r <= 0x206f) || r == 0xfeff;
}

static void
line_value(struct line *l, const char *s)
{
	char		piece[8];
	size_t		n = strlen(s), len;
	uint32_t	rune;

	if (value_is_bare(s)) {
		line_put(l, s);
		return;
	}
	line_put(l, "\"");
	for (; n > 0; s += len, n -= len) {
		unsigned char c = (unsigned char)*s;

		len = span_rune(s, n, &rune);
		if (rune_steers(rune))
			len = 1;	/* byte by byte */
		if (len > 1)
			snprintf(piece, sizeof(piece), "%.*s", (int)len, s);
		else if (c < 0x20 || c >= 0x7f)
			snprintf(piece, sizeof(piece), "\\x%02x", c);
		else if (c == '"' || c == '\\')
			snprintf(piece, sizeof(piece), "\\%c", c);
		else
			snprintf(piece, sizeof(piece), "%c", c);
		line_put(l, piece);
	}
	l->s[l->n++] = '"';
}

static void
log_line(enum log_level level, const char *event, va_list ap)
{
	static const char *const name[] = {
		[LOG_DEBUG] = "debug",
		[LOG_INFO] = "info",
		[LOG_WARN] = "warn",
		[LOG_ERROR] = "error",
	};
	struct line	 l = {.n = 0};
	const char	*key, *value, *p;
	ssize_t		 done;

	if (level < log_level)
		return;
	line_put(&l, name[level]);
	line_put(&l, " ");
	line_put(&l, event);
	while ((key = va_arg(ap, const char *)) != NULL && l.n < sizeof(l.s) - 64) {
		value = va_arg(ap, const char *);
		line_put(&l, " ");
		line_put(&l, key);
		line_put(&l, "=");
		line_value(&l, value != NULL ? value : "");
	}
	l.s[l.n++] = '\n';
	for (p = l.s; l.n > 0; p += done, l.n -= (size_t)done)
		if ((done = write(STDERR_FILENO, p, l.n)) <= 0)
			return;
}

#define LOG_FUNCTION(function, level)		\
void						\
function(const char *event, ...)		\
{						\
	va_list ap;				\
						\
	va_start(ap, event);			\
	log_line(level, event, ap);		\
	va_end(ap);				\
}

LOG_FUNCTION(log_debug, LOG_DEBUG)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_warn, LOG_WARN)
LOG_FUNCTION(log_error, LOG_ERROR)

struct log_num
log_num(int64_t n)
{
	struct log_num t;

	snprintf(t.s, sizeof(t.s), "%" PRId64, n);
	return t;
}
