#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

/* What is said goes to logs and terminals, so what an outsider wrote must not steer them. */
static void
msg_clean(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

static void
err_fill(struct err *e, enum err_kind kind, enum err_what what, const char *fmt, va_list ap)
{
	char	msg[sizeof(e->msg)];

	/* Into a buffer of its own: an argument may be e->msg itself. */
	if (vsnprintf(msg, sizeof(msg), fmt, ap) < 0)
		msg[0] = '\0';
	msg_clean(msg);
	memcpy(e->msg, msg, sizeof(msg));
	e->kind = kind;
	e->what = what;
}

int
err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	err_fill(e, kind, ERR_ANY, fmt, ap);
	va_end(ap);
	return -1;
}

int
err_what(struct err *e, enum err_kind kind, enum err_what what, const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	err_fill(e, kind, what, fmt, ap);
	va_end(ap);
	return -1;
}

int
err_in(struct err *e, const char *fmt, ...)
{
	char	old[sizeof(e->msg)];
	va_list	ap;
	size_t	n;

	memcpy(old, e->msg, sizeof(old));
	va_start(ap, fmt);
	err_fill(e, e->kind, e->what, fmt, ap);
	va_end(ap);
	n = strlen(e->msg);
	if (snprintf(e->msg + n, sizeof(e->msg) - n, ": %s", old) < 0)
		e->msg[n] = '\0';
	return -1;
}
