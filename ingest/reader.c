/*
 * reader - see reader.h
 *
 * Failure modes: a child that dies, hangs or answers garbage is a loss; what kind of loss decides
 * whether the mail is to blame. The second loss of a mail, alone in a fresh child, is final for
 * this pass.
 */
#include "ingest/reader.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define READER_END_MS	1000	/* from the end of its stream to its exit; then it is killed */
#define READER_START_MS	30000	/* rules and charsets, on a loaded machine */
#define READER_NAP_MS	2	/* between looks at a child that is about to end */
#define READER_NAME	"approvals-reader"
#define FRAME_HEAD	5	/* read/reading.h: a type byte and 4 bytes of length */
/* Half of what the lock allows: no honest mail needs a third (read/lock.h). */
#define READER_GREEDY_KB	(256 * 1024)
#define MAX_WORDS	160	/* bytes of a child's own words that are taken into a message */

enum which { CHILD_PROVER, CHILD_TRUSTED, CHILD_UNTRUSTED, CHILDREN };

struct child {
	pid_t	pid;		/* 0: not running */
	int	fd;
	int	served;
	rlim_t	cpu_s;		/* its allowance until now */
	rlim_t	cpu_max_s;	/* the hard limit, which stays; 0: not asked yet */
	clockid_t clock;	/* of its CPU time; only if has_clock */
	bool	has_clock;
};

struct readers {
	struct arena			 arena;
	const struct reading_setup	*setup;
	const char			*program;
	struct child			 child[CHILDREN];
	struct keys			 keys;
};

/* Why a child is no more, as far as the mail is concerned. */
enum loss_kind {
	LOSS_CRASH,		/* the mail may have done it */
	LOSS_LATE,		/* likewise */
	LOSS_MEMORY,		/* the machine did it */
	LOSS_OUTSIDE		/* a signal no mail can send: an operator's, the OOM killer's */
};
struct loss {
	enum loss_kind	kind;
	char		how[48];	/* "was killed by SIGSEGV" */
};

enum outcome { ANSWERED, LOST, FAILED };

struct question {
	enum frame_type	 type, answer;
	struct span	 payload;
	/* Takes the answer's payload apart; fails if it is garbage. */
	int		(*take)(void *out, struct span, struct arena *, struct err *);
	void		*out;
};

/* ---- the end of a child */

/* Did the child end by itself within wait_ms? It is not reaped. */
static bool
child_ended(pid_t pid, int64_t wait_ms)
{
	int64_t deadline_ms = clock_mono_ms() + wait_ms;

	for (;;) {
		siginfo_t	si = {0};
		int		rc = waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT | WNOHANG);

		if (rc == 0 ? si.si_pid == pid : errno != EINTR)
			return true;
		if (clock_mono_ms() >= deadline_ms)
			return false;
		poll(NULL, 0, READER_NAP_MS);
	}
}

/* Ends the child if need be, and forgets it. *peak_kb (may be NULL): the most memory that it had. */
static int
child_reap(struct child *c, long *peak_kb)
{
	struct rusage	used = {0};
	int		status = 0;

	/* changes nothing if it has ended: only the next line gives its id away */
	kill(c->pid, SIGKILL);
	while (wait4(c->pid, &status, 0, &used) < 0)
		if (errno != EINTR)
			break;
	*c = (struct child){0};
	if (peak_kb != NULL)
		*peak_kb = used.ru_maxrss;
	return status;
}

static void
child_stop(struct child *c)
{
	if (c->pid == 0)
		return;
	close(c->fd);
	child_ended(c->pid, READER_END_MS);
	child_reap(c, NULL);
}

/*
 * Is there as much memory as a child may take? A limit that we were started under, and a machine that
 * promises no more than it has, refuse it here as they do there.
 */
static bool
memory_is_there(void)
{
	void *p = mmap(NULL, READER_GREEDY_KB * 1024UL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return false;
	munmap(p, READER_GREEDY_KB * 1024UL);
	return true;
}

static enum loss_kind
loss_of_signal(int sig)
{
	switch (sig) {
	case SIGSEGV:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGSYS:
	case SIGXCPU:
		return LOSS_CRASH;
	case SIGTRAP:	/* so GLib 2.74 ends when it is refused memory, */
	case SIGABRT:	/* in GSlice by abort() */
		return LOSS_MEMORY;
	default:
		return LOSS_OUTSIDE;
	}
}

/* A child that ran out of memory because it had taken so much itself was made to by the mail. */
static void
loss_of_status(int status, long peak_kb, struct loss *l)
{
	if (WIFSIGNALED(status)) {
		l->kind = loss_of_signal(WTERMSIG(status));
		snprintf(l->how, sizeof l->how, "was killed %sby SIG%s",
		    l->kind == LOSS_OUTSIDE ? "from outside " : "", sigabbrev_np(WTERMSIG(status)));
	} else if (WEXITSTATUS(status) == ARENA_EXIT_NO_MEMORY) {
		l->kind = LOSS_MEMORY;
		snprintf(l->how, sizeof l->how, "ran out of memory");
	} else {
		l->kind = LOSS_CRASH;
		snprintf(l->how, sizeof l->how, "ended with status %d", WEXITSTATUS(status));
	}
	if (l->kind != LOSS_CRASH && peak_kb >= READER_GREEDY_KB) {
		l->kind = LOSS_CRASH;
		snprintf(l->how, sizeof l->how, "took too much memory");
	} else if (l->kind == LOSS_MEMORY && WIFSIGNALED(status) && memory_is_there()) {
		l->kind = LOSS_CRASH;	/* a mail that made an assert() fail */
	}
}

/* Our own verdict on a child that still runs, or may: too slow, or a liar. */
static enum outcome
child_kill(struct child *c, struct loss *l, enum loss_kind kind, const char *how)
{
	close(c->fd);
	child_reap(c, NULL);
	l->kind = kind;
	snprintf(l->how, sizeof l->how, "%s", how);
	return LOST;
}

/* Its stream ended, or the deadline passed before it answered. */
static enum outcome
child_lost(struct child *c, int64_t deadline_ms, struct loss *l)
{
	long	peak_kb;
	int	status;

	if (clock_mono_ms() >= deadline_ms)
		return child_kill(c, l, LOSS_LATE, "took too long");
	if (!child_ended(c->pid, READER_END_MS))
		return child_kill(c, l, LOSS_CRASH, "closed its stream and lived on");
	close(c->fd);
	status = child_reap(c, &peak_kb);
	loss_of_status(status, peak_kb, l);
	return LOST;
}

/* ---- talking to a child */

/*
 * Seconds of CPU that it used. A clock that goes back, or beyond what was allowed (as a library
 * that fakes time makes it), counts as all that was allowed.
 */
static rlim_t
child_cpu_used(struct child *c)
{
	struct timespec	ts;

	if (!c->has_clock)
		c->has_clock = clock_getcpuclockid(c->pid, &c->clock) == 0;
	if (!c->has_clock || clock_gettime(c->clock, &ts) != 0)
		return c->cpu_s;
	if (ts.tv_sec < 0 || (rlim_t)ts.tv_sec > c->cpu_s)
		return c->cpu_s;
	return (rlim_t)ts.tv_sec;
}

static void
child_allow(struct child *c)
{
	struct rlimit	l;
	/* one more, since it is counted in whole seconds */
	rlim_t		want = child_cpu_used(c) + READER_CPU_SECONDS + 1;

	if (want == c->cpu_s)
		return;		/* most mails take less than its clock's second */
	if (c->cpu_max_s == 0) {
		if (prlimit(c->pid, RLIMIT_CPU, NULL, &l) != 0)
			return;	/* it is dead, which the next write finds out */
		c->cpu_max_s = l.rlim_max;
	}
	/* the soft limit alone: only root may raise the hard one again */
	l.rlim_max = c->cpu_max_s;
	l.rlim_cur = l.rlim_max == RLIM_INFINITY || want < l.rlim_max ? want : l.rlim_max;
	if (prlimit(c->pid, RLIMIT_CPU, &l, NULL) == 0)
		c->cpu_s = want;
}

static int
send_part(int fd, const char *p, size_t n, int64_t deadline_ms)
{
	while (n > 0) {
		struct pollfd	w = {.fd = fd, .events = POLLOUT};
		ssize_t		done = send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		int64_t		left;

		if (done >= 0) {
			p += done;
			n -= (size_t)done;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -1;
		left = deadline_ms - clock_mono_ms();
		if (left <= 0 || (poll(&w, 1, (int)left) < 0 && errno != EINTR))
			return -1;
	}
	return 0;
}

/* As frame_send(), which would wait for ever for a child that no longer reads. */
static int
question_send(int fd, enum frame_type type, struct span payload, int64_t deadline_ms)
{
	uint32_t	n = (uint32_t)payload.n;
	char		head[FRAME_HEAD] = {
		(char)type, (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n
	};
	struct iovec	both[2] = {{head, sizeof head}, {(char *)(uintptr_t)payload.p, payload.n}};
	struct msghdr	m = {.msg_iov = both, .msg_iovlen = 2};
	ssize_t		done = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (done >= (ssize_t)sizeof head) {
		payload = span_from(payload, (size_t)done - sizeof head);
		return send_part(fd, payload.p, payload.n, deadline_ms);
	}
	if (done > 0 || (done < 0 && errno != EAGAIN && errno != EINTR))
		return -1;	/* a stream takes a part of five bytes from nobody alive */
	if (send_part(fd, head, sizeof head, deadline_ms) != 0)
		return -1;
	return send_part(fd, payload.p, payload.n, deadline_ms);
}

/* What a child says, for a message: it may be lying, so printable ASCII only. */
static const char *
child_words(struct span text, struct arena *a)
{
	char *s = arena_textn(a, text.p, text.n < MAX_WORDS ? text.n : MAX_WORDS);

	for (size_t i = 0; s[i] != '\0'; i++)
		if (s[i] < 0x20 || s[i] > 0x7e)
			s[i] = '?';
	return s;
}

/* Bytes that wait before anything was asked would pass for the answer. */
static bool
has_spoken(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static enum outcome
child_hear(struct child *c, struct arena *a, enum frame_type *answer, struct span *text,
    int64_t deadline_ms, struct loss *l)
{
	struct err e;

	if (frame_recv(c->fd, deadline_ms, READING_MAX_ANSWER, a, answer, text, &e) == 0)
		return ANSWERED;
	if (e.kind == ERR_REJECT)
		return child_kill(c, l, LOSS_CRASH, "answered garbage");
	return child_lost(c, deadline_ms, l);
}

/* One question and its answer. After LOST the child is gone. */
static enum outcome
child_exchange(struct child *c, enum frame_type type, struct span payload, struct arena *a,
    enum frame_type *answer, struct span *text, int64_t wall_ms, struct loss *l)
{
	int64_t deadline_ms = clock_mono_ms() + wall_ms;

	if (has_spoken(c->fd))
		return child_kill(c, l, LOSS_CRASH, "answered unasked");
	child_allow(c);
	if (question_send(c->fd, type, payload, deadline_ms) != 0)
		return child_lost(c, deadline_ms, l);
	return child_hear(c, a, answer, text, deadline_ms, l);
}

/* ---- the start of a child */

static int
no_memory(struct err *e, const char *what, int error)
{
	return err_what(e, ERR_RETRY, ERR_NOMEM, "%s: %s", what, strerror(error));
}

/* `theirs` becomes stdin and stdout of the program; nothing else but stderr goes with it. */
static int
child_spawn(const char *program, int theirs, pid_t *pid)
{
	char *const		   argv[] = {(char[]){READER_NAME}, NULL};
	char *const		   envp[] = {(char[]){"LC_ALL=C.UTF-8"}, NULL};
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t	   attr;
	sigset_t		   none, all;
	int			   rc;

	sigemptyset(&none);
	sigfillset(&all);
	if ((rc = posix_spawn_file_actions_init(&fa)) != 0)
		return rc;
	if ((rc = posix_spawnattr_init(&attr)) != 0)
		goto out;
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	if ((rc = posix_spawn_file_actions_adddup2(&fa, theirs, STDIN_FILENO)) == 0 &&
	    (rc = posix_spawn_file_actions_adddup2(&fa, theirs, STDOUT_FILENO)) == 0 &&
	    (rc = posix_spawn_file_actions_addclosefrom_np(&fa, STDERR_FILENO + 1)) == 0)
		rc = posix_spawn(pid, program, &fa, &attr, argv, envp);
	posix_spawnattr_destroy(&attr);
out:
	posix_spawn_file_actions_destroy(&fa);
	return rc;
}

static int
child_fork(struct readers *r, struct child *c, struct err *e)
{
	int	fd[2], rc;
	pid_t	pid = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) != 0)
		return no_memory(e, "cannot make a socket pair", errno);
	rc = child_spawn(r->program, fd[1], &pid);
	close(fd[1]);
	if (rc == 0) {
		*c = (struct child){.pid = pid, .fd = fd[0]};
		return 0;
	}
	close(fd[0]);
	if (rc == EAGAIN || rc == ENOMEM || rc == EMFILE || rc == ENFILE)
		return no_memory(e, "cannot start " READER_NAME, rc);
	return err_what(e, ERR_FATAL, ERR_CONFIG, "cannot start %s: %s", r->program, strerror(rc));
}

/* Starts a child and tells it its settings. Its own crash at this point is no mail's fault. `said` may be NULL. */
static enum outcome
child_start(struct readers *r, enum which w, struct loss *l, struct arena_buf *said, struct err *e)
{
	struct reading_setup	setup = *r->setup;
	struct child		*c = &r->child[w];
	struct arena		a = {0};
	struct span		text = {0};
	enum frame_type		type = FRAME_REFUSED;
	enum outcome		got;

	setup.role = w == CHILD_PROVER ? ROLE_PROVER : ROLE_READER;
	setup.check = said != NULL;
	if (child_fork(r, c, e) != 0)
		return FAILED;
	got = child_exchange(c, FRAME_SETUP, setup_encode(&setup, &a), &a, &type, &text,
	    READER_START_MS, l);
	if (got == ANSWERED && said != NULL)
		arena_put(said, text.p, text.n);
	if (got == ANSWERED && type == FRAME_REFUSED) {
		err_what(e, ERR_FATAL, ERR_CONFIG, "%.*s",
		    (int)(text.n < sizeof e->msg ? text.n : sizeof e->msg), text.p);
		child_stop(c);
		got = FAILED;
	} else if (got == ANSWERED && type != FRAME_READY) {
		got = child_kill(c, l, LOSS_CRASH, "answered garbage");
	}
	if (got == LOST && l->kind == LOSS_LATE)
		l->kind = LOSS_MEMORY;
	if (got == LOST && l->kind == LOSS_CRASH) {
		err_set(e, ERR_FATAL, "%s %s at its start", r->program, l->how);
		got = FAILED;
	}
	arena_free(&a);
	return got;
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

/* Answers a FRAME_KEY, and hears what the prover says next. */
static enum outcome
key_serve(struct readers *r, struct child *c, struct arena *a, enum frame_type *type, struct span *text,
    struct loss *l)
{
	const char	*selector, *domain;
	struct span	 record;
	enum key_status	 status;
	int64_t		 deadline_ms;
	struct err	 e;

	if (key_question_decode(*text, a, &selector, &domain, &e) != 0 || !key_allowed(r, domain))
		return child_kill(c, l, LOSS_CRASH, "asked for what it may not");
	status = keys_find(&r->keys, arena_printf(a, "%s._domainkey.%s", selector, domain), a, &record);
	deadline_ms = clock_mono_ms() + READER_WALL_MS;
	if (question_send(c->fd, FRAME_KEY_ANSWER, key_answer_encode(status, record, a), deadline_ms) != 0)
		return child_lost(c, deadline_ms, l);
	return child_hear(c, a, type, text, deadline_ms, l);
}

/* ---- questions */

static enum outcome
child_ask(struct readers *r, enum which w, const struct question *q, struct arena *a,
    struct loss *l, struct err *e)
{
	struct child	*c = &r->child[w];
	enum frame_type	 type = FRAME_REJECTED;
	enum outcome	 got;
	struct span	 text = {0};
	struct err	 bad;

	if (c->pid == 0 && (got = child_start(r, w, l, NULL, e)) != ANSWERED)
		return got;
	c->served++;
	got = child_exchange(c, q->type, q->payload, a, &type, &text, READER_WALL_MS, l);
	for (int keys = 0; got == ANSWERED && type == FRAME_KEY && w == CHILD_PROVER &&
	    keys < READING_MAX_SIGNATURES; keys++)
		got = key_serve(r, c, a, &type, &text, l);
	if (got != ANSWERED)
		return got;
	if (type == FRAME_REJECTED) {
		err_set(e, ERR_REJECT, "%s", child_words(text, a));
		return FAILED;
	}
	if (type != q->answer || q->take(q->out, text, a, &bad) != 0)
		return child_kill(c, l, LOSS_CRASH, "answered garbage");
	return ANSWERED;
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

/* Asks, and when the child is lost asks once more, with the mail alone in a fresh child. */
static int
ask(struct readers *r, enum which w, const struct question *q, struct arena *a, struct err *e)
{
	struct loss	first, again;
	enum outcome	got;

	if (r->child[w].served >= READER_MAX_MAILS)
		child_stop(&r->child[w]);
	got = child_ask(r, w, q, a, &first, e);
	if (got != LOST)
		return got == ANSWERED ? 0 : -1;
	got = child_ask(r, w, q, a, &again, e);
	child_stop(&r->child[w]);
	if (got == LOST)
		return lost_twice(w, &first, &again, e);
	return got == ANSWERED ? 0 : -1;
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
	struct question	q = {FRAME_SCREEN, FRAME_SCREENED, {0}, screened_take, &s};
	int		rc;

	for (size_t i = 0; i < n; i++)
		fit[i] = headers[i].n <= READING_MAX_HEADERS ? headers[i] : (struct span){"", 0};
	q.payload = screen_encode(fit, n, &a);
	rc = ask(r, CHILD_UNTRUSTED, &q, &a, e);
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

int
reader_prove(struct readers *r, struct span raw, int64_t at_ms, struct arena *a, struct proof *proof,
    struct err *e)
{
	struct question	q = {FRAME_PROVE, FRAME_PROVED, {0}, proof_take, proof};
	struct arena	once = {0};
	int		rc;

	if (raw.n > READING_MAX_FRAME - sizeof at_ms)
		return err_set(e, ERR_REJECT, "mail of %zu bytes is too large to read", raw.n);
	q.payload = question_encode(at_ms, raw, &once);
	rc = ask(r, CHILD_PROVER, &q, a, e);
	arena_free(&once);
	return rc;
}

int
reader_read(struct readers *r, struct span raw, bool trusted, struct arena *a,
    struct reading *reading, struct err *e)
{
	const struct question q = {FRAME_READ, FRAME_READING, raw, reading_take, reading};

	if (raw.n > READING_MAX_FRAME)
		return err_set(e, ERR_REJECT, "mail of %zu bytes is too large to read", raw.n);
	return ask(r, trusted ? CHILD_TRUSTED : CHILD_UNTRUSTED, &q, a, e);
}

static int
try(struct readers *r, struct arena_buf *said, struct err *e)
{
	struct loss l;

	switch (child_start(r, CHILD_UNTRUSTED, &l, said, e)) {
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
	return r->child[CHILD_UNTRUSTED].pid != 0 ? 0 : try(r, NULL, e);
}

int
reader_check(struct readers *r, struct arena *a, const char **said, struct err *e)
{
	struct arena_buf	b = {.arena = a};
	int			rc;

	child_stop(&r->child[CHILD_UNTRUSTED]);
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
			beside = arena_printf(a, "%.*s/" READER_NAME, (int)(slash - self), self);
			if (access(beside, X_OK) == 0)
				return beside;
		}
	}
	return arena_text(a, APPROVALS_PREFIX "/libexec/approvals/" READER_NAME);
}

int
readers_open(const struct reading_setup *setup, const char *program, struct readers **out,
    struct err *e)
{
	struct readers *r = calloc(1, sizeof *r);

	*out = NULL;
	if (r == NULL)
		return no_memory(e, "cannot keep readers", errno);
	r->setup = setup;
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
	for (int w = 0; w < CHILDREN; w++)
		child_stop(&r->child[w]);
	keys_free(&r->keys);
	arena_free(&r->arena);
	free(r);
}
