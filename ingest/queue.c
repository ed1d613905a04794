/*
 * queue - see queue.h
 */
#include "ingest/queue.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/clock.h"

#define QUEUE_START_MS	30000	/* rules and charsets, on a loaded machine */
#define QUEUE_INPUT	(16 * 1024)	/* bytes of answers taken at once; the buffer grows to the largest answer */

/* ---- the start of a child */

/* The child gets its settings, and answers when it is locked in: what it is asked until then waits in its pipe. */
static int
start_send(struct readers *r, enum which w, struct child *c, bool check, struct err *e)
{
	struct reading_setup	setup = *r->setup;
	struct arena		a = {0};

	setup.role = w == CHILD_PROVER ? ROLE_PROVER : ROLE_READER;
	setup.check = check;
	if (child_fork(r->program, c, e) != 0)
		return -1;
	child_allow(c);
	/* one that does not take them is gone, or late: that is heard of where its answer is */
	child_send(c, FRAME_SETUP, setup_encode(&setup, &a), clock_mono_ms() + QUEUE_START_MS);
	arena_free(&a);
	return 0;
}

/* Its first answer. */
static enum outcome
start_answer(struct child *c, enum frame_type type, struct span text, struct loss *l, struct err *e)
{
	if (type == FRAME_READY)
		return ANSWERED;
	if (type != FRAME_REFUSED)
		return child_kill(c, l, LOSS_CRASH, "answered garbage");
	err_what(e, ERR_FATAL, ERR_CONFIG, "%.*s", (int)(text.n < sizeof e->msg ? text.n : sizeof e->msg), text.p);
	child_stop(c);
	return FAILED;
}

/* It went before it was ready. Its own crash is then no mail's fault. */
static enum outcome
start_lost(const struct readers *r, struct loss *l, struct err *e)
{
	if (l->kind == LOSS_LATE)
		l->kind = LOSS_MEMORY;
	if (l->kind != LOSS_CRASH)
		return LOST;
	err_set(e, ERR_FATAL, "%s %s at its start", r->program, l->how);
	return FAILED;
}

enum outcome
queue_try(struct readers *r, enum which w, struct child *c, struct loss *l, struct arena_buf *said, struct err *e)
{
	struct arena	a = {0};
	struct span	text = {0};
	enum frame_type	type;
	enum outcome	got;
	struct err	why;
	int64_t		deadline_ms = clock_mono_ms() + QUEUE_START_MS;

	if (start_send(r, w, c, said != NULL, e) != 0)
		return FAILED;
	if (frame_recv(c->fd, deadline_ms, READING_MAX_ANSWER, &a, &type, &text, &why) == 0)
		got = start_answer(c, type, text, l, e);
	else if (why.kind == ERR_REJECT)
		got = child_kill(c, l, LOSS_CRASH, "answered garbage");
	else
		got = child_lost(c, clock_mono_ms() >= deadline_ms, l);
	if (said != NULL)
		arena_put(said, text.p, text.n);
	arena_free(&a);
	return got == LOST ? start_lost(r, l, e) : got;
}

/* ---- lines */

void
queue_add(struct readers *r, struct task *t)
{
	struct task **at = &r->line[t->which];

	while (*at != NULL)
		at = &(*at)->next;
	t->next = NULL;
	*at = t;
}

static void
line_first(struct readers *r, struct task *t)
{
	t->next = r->line[t->which];
	r->line[t->which] = t;
}

static void
task_end(struct readers *r, struct task *t, int rc, const struct err *why)
{
	t->done = true;
	t->rc = rc;
	if (rc != 0)
		t->why = *why;
	if (t->end != NULL)
		t->end(r, t);
}

static int
lost_twice(enum which w, const struct loss *first, const struct loss *again, struct err *e)
{
	const char *who = w == CHILD_PROVER ? "prover" : "reader";

	if (again->kind == LOSS_MEMORY || again->kind == LOSS_OUTSIDE)
		return err_what(e, ERR_RETRY, ERR_NOMEM, "the %s %s", who, again->how);
	if (strcmp(first->how, again->how) == 0)
		return err_set(e, ERR_REJECT, "the %s %s twice", who, again->how);
	return err_set(e, ERR_REJECT, "the %s %s, then %s", who, first->how, again->how);
}

/* What it was asked goes back to the line, but for the oldest, which it had in hand. NULL: none. */
static struct task *
slot_empty(struct readers *r, struct slot *s)
{
	struct task *t = s->n > 0 ? s->asked[0] : NULL;

	while (s->n > 1)
		line_first(r, s->asked[--s->n]);
	s->n = s->sent = 0;
	s->sent_bytes = s->input_n = 0;
	s->starting = false;
	return t;
}

static void
slot_failed(struct readers *r, struct slot *s, const struct err *e)
{
	struct task *t = slot_empty(r, s);

	if (t != NULL)
		task_end(r, t, -1, e);
}

/* The child is gone. Who was not answered is asked again; the oldest may be to blame. */
static void
slot_lost(struct readers *r, struct slot *s, struct loss *l)
{
	struct task	*t;
	struct err	 e;

	if (s->starting && start_lost(r, l, &e) == FAILED) {
		slot_failed(r, s, &e);
		return;
	}
	t = slot_empty(r, s);
	if (t == NULL)
		return;
	if (t->lost) {
		lost_twice(t->which, &t->first, l, &e);
		task_end(r, t, -1, &e);
		return;
	}
	t->lost = true;
	t->first = *l;
	line_first(r, t);
}

/* Its questions, if there are any, are forgotten. */
static void
slot_stop(struct slot *s)
{
	child_stop(&s->child);
	s->n = s->sent = 0;
	s->sent_bytes = s->input_n = 0;
	s->starting = false;
}

/* ---- keys that the prover asks for */

/* Only domains of the configuration: nobody else's mail makes us ask the DNS. */
static bool
key_allowed(const struct readers *r, const char *domain)
{
	const char **lists[] = {r->setup->domains, r->setup->forwarders};

	for (size_t i = 0; i < COUNT(lists); i++)
		for (const char **d = lists[i]; d != NULL && *d != NULL; d++)
			if (strcmp(*d, domain) == 0)
				return true;
	return false;
}

/* What the prover lacked is asked for, and the mail goes to it again. The DNS's time is no child's. */
static void
key_serve(struct readers *r, struct task *t)
{
	struct key *key = &t->keys[t->keys_n++];

	key->name = t->key_name;
	key->status = keys_find(&r->keys, t->key_name, t->arena, &key->record);
	line_first(r, t);
}

static void
keys_serve(struct readers *r)
{
	while (r->keyless != NULL) {
		struct task *t = r->keyless;

		r->keyless = t->next;
		key_serve(r, t);
	}
}

/* A FRAME_KEY. Only who waits for the children may ask the DNS: others may be in a transaction. */
static int
key_asked(struct readers *r, struct task *t, struct span text)
{
	const char	*selector, *domain;
	struct err	 e;

	if (key_question_decode(text, t->arena, &selector, &domain, &e) != 0 || !key_allowed(r, domain))
		return -1;
	t->key_name = arena_printf(t->arena, "%s" READING_KEY_PLACE "%s", selector, domain);
	return 0;
}

/* What the mail is asked with: the keys that it turned out to need, and those that mails needed of late. */
static struct span
prove_lead(struct readers *r, struct task *t)
{
	struct key	keys[READING_MAX_KEYS];
	size_t		n = t->keys_n;

	memcpy(keys, t->keys, n * sizeof keys[0]);
	n += keys_latest(&r->keys, keys + n, READING_MAX_SIGNATURES);
	return question_encode(t->at_ms, keys, n, SPAN_LIT(""), t->arena);
}

/* ---- questions to a child, and its answers */

/* The next mail in the child's hand. */
static void
slot_begin(struct slot *s)
{
	s->deadline_ms = clock_mono_ms() + READER_WALL_MS;
	child_allow(&s->child);
}

/* As much of the questions as the child takes now. Should it be gone, its end is heard of elsewhere. */
static void
slot_send(struct slot *s)
{
	while (s->sent < s->n) {
		const struct question	*q = &s->asked[s->sent]->q;
		char			 head[CHILD_HEAD];
		struct span		 parts[] = {{head, sizeof head}, q->lead, q->payload};
		struct iovec		 v[COUNT(parts)];
		struct msghdr		 m = {.msg_iov = v};
		size_t			 skip = s->sent_bytes, whole = sizeof head + q->lead.n + q->payload.n;
		ssize_t			 done;

		child_head(q->type, q->lead.n + q->payload.n, head);
		for (size_t i = 0; i < COUNT(parts); i++) {
			size_t part = skip < parts[i].n ? skip : parts[i].n;

			skip -= part;
			parts[i] = span_from(parts[i], part);
			if (parts[i].n > 0)
				v[m.msg_iovlen++] = (struct iovec){(char *)(uintptr_t)parts[i].p, parts[i].n};
		}
		done = sendmsg(s->child.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (done <= 0)
			return;
		s->sent_bytes += (size_t)done;
		if (s->sent_bytes < whole)
			return;
		s->sent++;
		s->sent_bytes = 0;
	}
}

/* An answer to the oldest question. LOST: the child is gone. */
static enum outcome
slot_answer(struct readers *r, struct slot *s, enum frame_type type, struct span text, struct loss *l)
{
	struct task	*t = s->asked[0];
	bool		 lacks = type == FRAME_KEY && t->which == CHILD_PROVER && t->keys_n < READING_MAX_SIGNATURES;
	struct err	 e;
	int		 rc = 0;

	if (s->sent == 0)
		return child_kill(&s->child, l, LOSS_CRASH, "answered unasked");
	if (lacks && key_asked(r, t, text) != 0)
		return child_kill(&s->child, l, LOSS_CRASH, "asked for what it may not");
	if (type == FRAME_REJECTED)
		rc = err_set(&e, ERR_REJECT, "%s", child_words(text, t->arena));
	else if (!lacks && (type != t->q.answer ||
	    t->q.take(t->q.out, arena_span(t->arena, text), t->arena, &e) != 0))
		return child_kill(&s->child, l, LOSS_CRASH, "answered garbage");
	s->n--;
	s->sent--;
	memmove(s->asked, s->asked + 1, (size_t)s->n * sizeof s->asked[0]);
	if (t->lost)
		child_stop(&s->child);
	else if (s->n > 0)
		slot_begin(s);
	if (!lacks) {
		task_end(r, t, rc, &e);
	} else if (r->waiting || keys_known(&r->keys, t->key_name)) {
		key_serve(r, t);
	} else {
		t->next = r->keyless;
		r->keyless = t;
	}
	return ANSWERED;
}

/* The child is locked in, and begins with the oldest of what it was asked. */
static enum outcome
slot_started(struct slot *s, enum frame_type type, struct span text, struct loss *l, struct err *e)
{
	enum outcome got = start_answer(&s->child, type, text, l, e);

	if (got == ANSWERED) {
		s->starting = false;
		if (s->n > 0)
			slot_begin(s);
	}
	return got;
}

/* All whole answers that have come. FAILED: `e` says. */
static enum outcome
slot_answers(struct readers *r, struct slot *s, struct loss *l, struct err *e)
{
	struct span	have = {s->input, s->input_n}, text;
	enum outcome	got = ANSWERED;
	enum frame_type	type;
	int		cut = 0;

	while (got == ANSWERED && (s->n > 0 || s->starting) &&
	    (cut = frame_cut(&have, READING_MAX_ANSWER, &type, &text, e)) == 1)
		got = s->starting ? slot_started(s, type, text, l, e) : slot_answer(r, s, type, text, l);
	if (got == ANSWERED && (s->n > 0 || s->starting) && cut == -1)
		got = child_kill(&s->child, l, LOSS_CRASH, "answered garbage");
	else if (got == ANSWERED && s->n == 0 && have.n > 0 && s->child.pid != 0)
		child_stop(&s->child);	/* it spoke unasked: who is asked next gets another */
	if (got != ANSWERED || s->child.pid == 0)
		return got;
	memmove(s->input, have.p, have.n);
	s->input_n = have.n;
	return ANSWERED;
}

/* Takes what has come, without waiting. */
static void
slot_hear(struct readers *r, struct slot *s)
{
	struct loss	l;
	struct err	e;
	ssize_t		n;
	enum outcome	got;

	if (s->input_n == s->input_max) {
		s->input_max = s->input_max == 0 ? QUEUE_INPUT : 2 * s->input_max;
		s->input = realloc(s->input, s->input_max);
		if (s->input == NULL)
			arena_no_memory();
	}
	n = recv(s->child.fd, s->input + s->input_n, s->input_max - s->input_n, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		s->input_n += (size_t)n;
	got = n > 0 ? slot_answers(r, s, &l, &e) : child_lost(&s->child, false, &l);
	if (got == LOST)
		slot_lost(r, s, &l);
	if (got == FAILED)
		slot_failed(r, s, &e);
}

/* ---- who is asked */

static bool
slot_has_room(const struct slot *s)
{
	return s->n == 0 || (s->n < QUEUE_AHEAD && !s->asked[0]->lost && s->child.served < READER_MAX_MAILS);
}

/*
 * The child for the next of the line, NULL if none has room. A second one is started once the first has enough to do.
 * A mail that lost a child has one for itself.
 */
static struct slot *
slot_for(struct readers *r, const struct task *t)
{
	int		 count = t->which == CHILD_PROVER ? 1 : r->parallel;
	struct slot	*best = NULL;

	for (int i = 0; i < count; i++) {
		struct slot *s = &r->slots[t->which][i];

		if (t->lost ? s->n == 0 : slot_has_room(s))
			if (best == NULL || (s->child.pid != 0 && s->n < best->n))
				best = s;
	}
	return best;
}

static int
slot_start(struct readers *r, enum which w, struct slot *s, struct err *e)
{
	s->input_n = 0;
	s->deadline_ms = clock_mono_ms() + QUEUE_START_MS;
	s->starting = start_send(r, w, &s->child, false, e) == 0;
	return s->starting ? 0 : -1;
}

static void
slot_ask(struct readers *r, struct slot *s, struct task *t)
{
	struct err	e;
	struct loss	l;

	if (s->n == 0 && (t->lost || s->child.served >= READER_MAX_MAILS))
		slot_stop(s);
	s->asked[s->n++] = t;
	if (s->child.pid == 0 && slot_start(r, t->which, s, &e) != 0) {
		slot_failed(r, s, &e);
		return;
	}
	if (s->n == 1 && !s->starting && child_has_spoken(&s->child)) {
		child_kill(&s->child, &l, LOSS_CRASH, "answered unasked");
		slot_lost(r, s, &l);
		return;
	}
	if (t->which == CHILD_PROVER)
		t->q.lead = prove_lead(r, t);
	s->child.served++;
	if (s->n == 1 && !s->starting)
		slot_begin(s);
	slot_send(s);
}

static void
ask_waiting(struct readers *r)
{
	for (int w = 0; w < CHILD_KINDS; w++) {
		struct task	*t;
		struct slot	*s;

		while ((t = r->line[w]) != NULL && (s = slot_for(r, t)) != NULL) {
			r->line[w] = t->next;
			slot_ask(r, s, t);
		}
	}
}

/* ---- the work */

/* A child's clock stands still while we do not listen. */
static void
slots_return(struct readers *r)
{
	int64_t now_ms = clock_mono_ms(), away_ms = now_ms - r->left_ms;

	for (int i = 0; i < CHILD_KINDS * QUEUE_PARALLEL; i++)
		r->slots[i / QUEUE_PARALLEL][i % QUEUE_PARALLEL].deadline_ms += away_ms;
	r->left_ms = now_ms;
}

/* Children that owe an answer. */
static int
slots_busy(struct readers *r, struct slot **busy, struct pollfd *fds)
{
	int n = 0;

	for (int i = 0; i < CHILD_KINDS * QUEUE_PARALLEL; i++) {
		struct slot *s = &r->slots[i / QUEUE_PARALLEL][i % QUEUE_PARALLEL];

		if (s->n == 0 && !s->starting)
			continue;
		fds[n] = (struct pollfd){.fd = s->child.fd, .events = POLLIN};
		if (s->sent < s->n)
			fds[n].events |= POLLOUT;
		busy[n++] = s;
	}
	return n;
}

void
queue_work(struct readers *r, bool wait)
{
	struct slot	*busy[CHILD_KINDS * QUEUE_PARALLEL];
	struct pollfd	 fds[CHILD_KINDS * QUEUE_PARALLEL];
	int64_t		 now_ms, left_ms = wait ? READER_WALL_MS : 0;
	int		 n;

	r->waiting = wait;
	if (wait)
		keys_serve(r);
	slots_return(r);	/* from the DNS, too */
	ask_waiting(r);
	now_ms = clock_mono_ms();
	n = slots_busy(r, busy, fds);
	for (int i = 0; i < n; i++)
		if (busy[i]->deadline_ms - now_ms < left_ms)
			left_ms = busy[i]->deadline_ms > now_ms ? busy[i]->deadline_ms - now_ms : 0;
	if (n > 0 && poll(fds, (nfds_t)n, (int)left_ms) < 0)
		n = 0;
	now_ms = r->left_ms = clock_mono_ms();
	for (int i = 0; i < n; i++) {
		struct loss l;

		if (fds[i].revents & (POLLIN | POLLHUP | POLLERR)) {
			slot_hear(r, busy[i]);
		} else if (now_ms >= busy[i]->deadline_ms) {
			child_lost(&busy[i]->child, true, &l);
			slot_lost(r, busy[i], &l);
		}
		if (fds[i].revents & POLLOUT && busy[i]->n > 0)
			slot_send(busy[i]);
	}
	ask_waiting(r);
}

void
queue_look(struct readers *r)
{
	if (clock_mono_ms() - r->left_ms >= QUEUE_LOOK_MS)
		queue_work(r, false);
}

/* What goes wrong is heard of when the child is needed. */
void
queue_warm(struct readers *r)
{
	struct err e;

	slots_return(r);	/* the time until now is none of theirs */
	for (int w = 0; w < CHILD_KINDS; w++)
		if (r->slots[w][0].child.pid == 0)
			slot_start(r, w, &r->slots[w][0], &e);
}

void
queue_forget(struct readers *r)
{
	r->keyless = NULL;
	for (int w = 0; w < CHILD_KINDS; w++) {
		r->line[w] = NULL;
		for (int i = 0; i < QUEUE_PARALLEL; i++) {
			struct slot *s = &r->slots[w][i];

			if (s->n > 0)
				slot_stop(s);
		}
	}
}
