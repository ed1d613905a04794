/*
 * reader - see reader.h
 */
#include "ingest/reader.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ingest/queue.h"

/* What comes with a mail: when it came, and keys with their lengths. */
#define LEAD_BYTES (64 + READING_MAX_KEYS * (size_t)(READING_MAX_KEY_NAME + READING_MAX_KEY + 16))

/* ---- what is asked */

/* One question, and its answer is waited for. */
static int
ask(struct readers *r, struct task *t, struct err *e)
{
	queue_add(r, t);
	while (!t->done)
		queue_work(r, true);
	if (t->rc != 0)
		*e = t->why;
	return t->rc;
}

struct screened { size_t n; bool *candidate; };

static int
screened_take(void *out, struct span text, struct arena *a, struct err *e)
{
	struct screened *s = out;

	(void)a;
	if (text.n != s->n)
		return err_set(e, ERR_REJECT, "%zu answers to %zu headers", text.n, s->n);
	for (size_t i = 0; i < s->n; i++) {
		if (text.p[i] != 0 && text.p[i] != 1)
			return err_set(e, ERR_REJECT, "answer %d is neither yes nor no", text.p[i]);
		s->candidate[i] = text.p[i] == 1;
	}
	return 0;
}

static int
proof_take(void *out, struct span text, struct arena *a, struct err *e)
{
	return proof_decode(text, a, out, e);
}

static int
reading_take(void *out, struct span text, struct arena *a, struct err *e)
{
	return reading_decode(text, a, out, e);
}


/* Up to READING_MAX_SCREEN headers. What cannot be screened is a candidate. */
static int
screen_some(struct readers *r, const struct span *headers, size_t n, bool *candidate, struct err *e)
{
	struct screened	s = {.n = n, .candidate = candidate};
	struct arena	a = {0};
	struct span	*fit = arena_array(&a, n, sizeof *fit);
	struct task	t = {.which = CHILD_UNTRUSTED, .arena = &a,
		.q = {.type = FRAME_SCREEN, .answer = FRAME_SCREENED, .take = screened_take, .out = &s}};
	int		rc;

	for (size_t i = 0; i < n; i++)
		fit[i] = headers[i].n <= READING_MAX_HEADERS ? headers[i] : (struct span){"", 0};
	t.q.payload = screen_encode(fit, n, &a);
	rc = ask(r, &t, e);
	if (rc == 0 || e->kind == ERR_REJECT) {
		for (size_t i = 0; i < n; i++)
			if (rc != 0 || headers[i].n > READING_MAX_HEADERS)
				candidate[i] = true;
		rc = 0;
	}
	arena_free(&a);
	return rc;
}

int
reader_screen(struct readers *r, const struct span *headers, size_t n, bool *candidate,
    struct err *e)
{
	for (size_t at = 0; at < n; at += READING_MAX_SCREEN) {
		size_t some = n - at < READING_MAX_SCREEN ? n - at : READING_MAX_SCREEN;

		if (screen_some(r, headers + at, some, candidate + at, e) != 0)
			return -1;
	}
	return 0;
}

static bool
too_large(struct span raw, struct err *e)
{
	if (raw.n <= READING_MAX_FRAME - LEAD_BYTES)
		return false;
	err_set(e, ERR_REJECT, "mail of %zu bytes is too large to read", raw.n);
	return true;
}

static struct task
prove_task(struct span raw, int64_t at_ms, struct arena *a, struct proof *proof)
{
	return (struct task){.which = CHILD_PROVER, .arena = a, .at_ms = at_ms, .q = {.type = FRAME_PROVE,
	    .answer = FRAME_PROVED, .payload = raw, .take = proof_take, .out = proof}};
}

static struct task
read_task(struct span raw, bool trusted, struct arena *a, struct reading *reading)
{
	return (struct task){.which = trusted ? CHILD_TRUSTED : CHILD_UNTRUSTED, .arena = a, .q = {.type = FRAME_READ,
	    .answer = FRAME_READING, .payload = raw, .take = reading_take, .out = reading}};
}

int
reader_prove(struct readers *r, struct span raw, int64_t at_ms, struct arena *a, struct proof *proof,
    struct err *e)
{
	struct task t;

	if (too_large(raw, e))
		return -1;
	t = prove_task(raw, at_ms, a, proof);
	return ask(r, &t, e);
}

int
reader_read(struct readers *r, struct span raw, bool trusted, struct arena *a,
    struct reading *reading, struct err *e)
{
	struct task t;

	if (too_large(raw, e))
		return -1;
	t = read_task(raw, trusted, a, reading);
	return ask(r, &t, e);
}

/* ---- mails that are read while we do something else */

static void
mail_end(struct reader_mail *m, int rc, const struct err *why)
{
	m->failed = rc != 0;
	if (m->failed)
		m->why = *why;
	m->done = true;
}

/* Behind the prover comes a reader, who it is decided by the proof. */
static void
mail_next(struct readers *r, struct task *t)
{
	struct reader_mail	*m = t->mail;
	bool			 trusted;

	if (t->which != CHILD_PROVER || t->rc != 0) {
		mail_end(m, t->rc, &t->why);
		return;
	}
	trusted = m->proven(m->arg);
	*t = read_task(m->raw, trusted, m->arena, m->reading);
	t->mail = m;
	t->end = mail_next;
	queue_add(r, t);
}

void
reader_warm(struct readers *r)
{
	queue_warm(r);
}

void
reader_submit(struct readers *r, struct reader_mail *m)
{
	struct task *t;

	m->done = false;
	if (too_large(m->raw, &m->why)) {
		mail_end(m, -1, &m->why);
		return;
	}
	t = arena_alloc(m->arena, sizeof *t);
	*t = prove_task(m->raw, m->at_ms, m->arena, m->proof);
	t->mail = m;
	t->end = mail_next;
	queue_add(r, t);
	queue_look(r);
}

void
reader_wait(struct readers *r, const struct reader_mail *m)
{
	while (!m->done)
		queue_work(r, true);
}

void
reader_work(struct readers *r)
{
	queue_look(r);
}

void
reader_forget(struct readers *r)
{
	queue_forget(r);
}

/* ---- trying */

static int
try(struct readers *r, struct arena_buf *said, struct err *e)
{
	struct loss l;

	switch (queue_try(r, CHILD_UNTRUSTED, &r->slots[CHILD_UNTRUSTED][0].child, &l, said, e)) {
	case ANSWERED:
		return 0;
	case LOST:
		return err_what(e, ERR_RETRY, ERR_NOMEM, "%s %s at its start", r->program, l.how);
	case FAILED:
		break;
	}
	return -1;
}

int
reader_try(struct readers *r, struct err *e)
{
	return r->slots[CHILD_UNTRUSTED][0].child.pid != 0 ? 0 : try(r, NULL, e);
}

int
reader_check(struct readers *r, struct arena *a, const char **said, struct err *e)
{
	struct arena_buf	b = {.arena = a};
	int			rc;

	child_stop(&r->slots[CHILD_UNTRUSTED][0].child);
	arena_puts(&b, "");
	rc = try(r, &b, e);
	*said = b.p;
	return rc;
}

/* ---- opening and closing */

const char *
reader_program(struct arena *a)
{
	char	self[4096];	/* PATH_MAX with its NUL */
	ssize_t	n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n > 0) {
		const char *slash, *beside;

		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash != NULL) {
			beside = arena_printf(a, "%.*s/" CHILD_NAME, (int)(slash - self), self);
			if (access(beside, X_OK) == 0)
				return beside;
		}
	}
	return arena_text(a, APPROVALS_PREFIX "/libexec/approvals/" CHILD_NAME);
}

int
readers_open(const struct reading_setup *setup, const char *program, struct readers **out,
    struct err *e)
{
	struct readers	*r = calloc(1, sizeof *r);
	cpu_set_t	 cores;

	*out = NULL;
	if (r == NULL)
		return err_what(e, ERR_RETRY, ERR_NOMEM, "cannot keep readers: %s", strerror(errno));
	r->setup = setup;
	r->parallel = sched_getaffinity(0, sizeof cores, &cores) == 0 && CPU_COUNT(&cores) < QUEUE_PARALLEL ?
	    CPU_COUNT(&cores) : QUEUE_PARALLEL;
	r->program = program != NULL ? arena_text(&r->arena, program) : reader_program(&r->arena);
	if (access(r->program, X_OK) != 0) {
		err_what(e, ERR_FATAL, ERR_CONFIG, "cannot run %s: %s", r->program,
		    strerror(errno));
		readers_close(r);
		return -1;
	}
	*out = r;
	return 0;
}

void
readers_keys(struct readers *r, key_fn *who, const char *const *servers)
{
	r->keys.ask = who;
	r->keys.servers = servers;
}

void
readers_close(struct readers *r)
{
	if (r == NULL)
		return;
	for (int i = 0; i < CHILD_KINDS * QUEUE_PARALLEL; i++)	/* so that they end at once, not one by one */
		child_hang_up(&r->slots[i / QUEUE_PARALLEL][i % QUEUE_PARALLEL].child);
	for (int i = 0; i < CHILD_KINDS * QUEUE_PARALLEL; i++) {
		struct slot *s = &r->slots[i / QUEUE_PARALLEL][i % QUEUE_PARALLEL];

		child_stop(&s->child);
		free(s->input);
	}
	keys_free(&r->keys);
	arena_free(&r->arena);
	free(r);
}
