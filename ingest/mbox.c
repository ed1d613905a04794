/*
 * mbox - see mbox.h
 */
#include "ingest/mbox.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define MBOX_READ	(64 * 1024)	/* bytes read at a time; a line that is longer comes in pieces */
#define MBOX_MAX_FROM	1000		/* bytes of a separator, with room: a longer line is none */

struct piece {				/* of a line */
	struct span	text;
	bool		starts, ends;	/* the line's beginning, its newline or the file's end */
};

struct mbox {
	int		 fd;
	const char	*name;
	bool		 eof;
	char		*buf;		/* MBOX_READ; buf[at..n) is not yet used */
	size_t		 at, n;
	bool		 in_line;
	struct piece	 next;		/* looked at, not yet taken */
	bool		 looked;

	char		*mail;		/* max + 1 bytes; the mail so far */
	size_t		 max;
	int64_t		 size;		/* of all its bytes, kept or not */
	size_t		 blank;		/* bytes of the empty line that ends it so far; 0: it ends in none */
	bool		 began;		/* the first line has been taken */
	char		 held[MBOX_MAX_FROM];	/* a line that is a separator if a field follows */
	size_t		 held_n;
};

struct mbox *
mbox_open(int fd, const char *name, size_t max_bytes, struct arena *a)
{
	struct mbox *m = arena_alloc(a, sizeof *m);

	m->fd = fd;
	m->name = name;
	m->buf = arena_alloc(a, MBOX_READ);
	m->mail = arena_alloc(a, max_bytes + 1);
	m->max = max_bytes;
	return m;
}

/* More bytes behind those that are there; 0 at the file's end. */
static int
fill(struct mbox *m, struct err *e)
{
	ssize_t got;

	if (m->at > 0)
		memmove(m->buf, m->buf + m->at, m->n - m->at);
	m->n -= m->at;
	m->at = 0;
	do
		got = read(m->fd, m->buf + m->n, MBOX_READ - m->n);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_set(e, ERR_REJECT, "cannot read %s: %s", m->name, strerror(errno));
	m->eof = got == 0;
	m->n += (size_t)got;
	return 0;
}

/* The next piece of a line: a whole one, or MBOX_READ bytes of a longer. 1, 0 at the end, -1. */
static int
piece_read(struct mbox *m, struct piece *p, struct err *e)
{
	const char	*newline = NULL;
	size_t		 from = m->at;

	while ((newline = memchr(m->buf + from, '\n', m->n - from)) == NULL && !m->eof &&
	    m->n - m->at < MBOX_READ) {
		size_t seen = m->n - m->at;

		if (fill(m, e) != 0)
			return -1;
		from = seen;	/* what was looked through is at the front now */
	}
	if (m->at == m->n)
		return 0;
	p->text.p = m->buf + m->at;
	p->text.n = newline != NULL ? (size_t)(newline + 1 - p->text.p) : m->n - m->at;
	p->starts = !m->in_line;
	p->ends = newline != NULL || m->eof;
	m->at += p->text.n;
	m->in_line = !p->ends;
	return 1;
}

/* A header field's name and colon. */
static bool
is_field(struct span line)
{
	size_t i = 0;

	while (i < line.n && line.p[i] > ' ' && line.p[i] < 0x7f && line.p[i] != ':')
		i++;
	return i > 0 && i < line.n && line.p[i] == ':';
}

static bool
is_from(struct span line)
{
	return line.n >= 5 && memcmp(line.p, "From ", 5) == 0;
}

static bool
is_blank(const struct piece *p)
{
	return p->starts && p->ends && (span_is(p->text, "\n") || span_is(p->text, "\r\n"));
}

static void
mail_put(struct mbox *m, struct span s)
{
	size_t room = m->size < (int64_t)m->max ? m->max - (size_t)m->size : 0;

	if (room > 0)
		memcpy(m->mail + m->size, s.p, s.n < room ? s.n : room);
	m->size += (int64_t)s.n;
}

/* ">From " and more of '>': one of them was put there by who wrote the file. */
static struct span
unquoted(const struct piece *p)
{
	size_t quotes = 0;

	while (p->starts && quotes < p->text.n && p->text.p[quotes] == '>')
		quotes++;
	return quotes > 0 && is_from(span_from(p->text, quotes)) ? span_from(p->text, 1) : p->text;
}

/* The held line was of the body after all. */
static void
held_put(struct mbox *m)
{
	if (m->held_n == 0)
		return;
	mail_put(m, (struct span){m->held, m->held_n});
	m->held_n = 0;
	m->blank = 0;
}

/* Takes a piece into the mail; true if the mail ends before it. */
static bool
piece_take(struct mbox *m, const struct piece *p)
{
	bool may_begin = m->blank > 0;

	if (!m->began) {	/* the file is known to begin with a separator */
		m->began = p->ends;
		return false;
	}
	if (m->held_n > 0) {
		if (p->starts && is_field(p->text))
			return true;
		held_put(m);
		may_begin = false;
	}
	if (may_begin && p->starts && p->ends && is_from(p->text) && p->text.n <= MBOX_MAX_FROM) {
		memcpy(m->held, p->text.p, p->text.n);
		m->held_n = p->text.n;
		return false;
	}
	m->blank = is_blank(p) ? p->text.n : 0;
	mail_put(m, unquoted(p));
	return false;
}

/* The mail as it stands, without the empty line that the file put behind it. */
static bool
mail_end(struct mbox *m, struct span *raw, int64_t *size_bytes)
{
	*size_bytes = m->size - (int64_t)m->blank;
	*raw = (struct span){m->mail, 0};
	if (*size_bytes > (int64_t)m->max)
		raw->p = NULL;
	else
		raw->n = (size_t)*size_bytes;
	m->size = 0;
	m->blank = 0;
	m->held_n = 0;
	return *size_bytes > 0;
}

int
mbox_next(struct mbox *m, struct span *raw, int64_t *size_bytes, struct err *e)
{
	int got;

	for (;;) {
		if (!m->looked && (got = piece_read(m, &m->next, e)) != 1)
			break;
		m->looked = piece_take(m, &m->next);
		if (m->looked && mail_end(m, raw, size_bytes))
			return 1;
	}
	if (got == 0) {
		held_put(m);
		got = mail_end(m, raw, size_bytes);
	}
	return got;
}
