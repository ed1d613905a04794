/*
 * idle - see idle.h
 */
#include "ingest/idle.h"

#include <stdio.h>
#include <string.h>

#include "base/span.h"

void
idle_begin(struct idle *w, unsigned n, int64_t exists)
{
	*w = (struct idle){.exists = exists};
	snprintf(w->tag, sizeof(w->tag), "W%u", n);	/* libetpan's and libcurl's tags begin otherwise */
}

static bool
number_read(struct span text, int64_t *n)
{
	*n = 0;
	if (!span_digits(text) || text.n > 10)	/* of 32 bits (RFC 9051) */
		return false;
	for (size_t i = 0; i < text.n; i++)
		*n = *n * 10 + (text.p[i] - '0');
	return true;
}

/* "* 23 EXISTS" and "* 5 EXPUNGE"; what else there may be does not say that mail has come. */
static void
untagged(struct idle *w, struct span rest)
{
	struct span number;
	int64_t n;

	span_cut(&rest, ' ', &number);
	if (!number_read(number, &n))
		return;
	if (span_is_nocase(rest, "EXPUNGE") && w->exists > 0) {
		w->exists--;
	} else if (span_is_nocase(rest, "EXISTS")) {
		w->changed = w->changed || n != w->exists;
		w->exists = n;
	}
}

static void
line_take(struct idle *w)
{
	const struct span alert = SPAN_LIT("[ALERT]");
	struct span rest = span_trim((struct span){w->line, w->n < IDLE_LINE ? w->n : IDLE_LINE}), word;
	ptrdiff_t at = span_find(rest, alert, 0);

	if (at >= 0) {
		word = span_trim(span_from(rest, (size_t)at + alert.n));
		memcpy(w->alert, word.p, word.n);	/* of a line, so it fits */
		w->alert[word.n] = '\0';
	}
	span_cut(&rest, ' ', &word);
	if (span_is(word, "+")) {
		w->invited = true;
	} else if (span_is(word, "*")) {
		untagged(w, rest);
	} else if (span_is(word, w->tag)) {
		span_cut(&rest, ' ', &word);
		w->ended = true;
		w->refused = !span_is_nocase(word, "OK");
	}
}

void
idle_feed(struct idle *w, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (w->n < IDLE_LINE)
			w->line[w->n] = p[i];
		w->n++;
		if (p[i] != '\n')
			continue;
		line_take(w);
		w->n = 0;
	}
}
