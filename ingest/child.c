/*
 * child - see child.h
 */
#include "ingest/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define CHILD_END_MS	1000	/* from the end of its stream to its exit; then it is killed */
#define CHILD_MAX_WORDS	160	/* bytes of a child's own words that are taken into a message */
#define CHILD_NAP_MS	2	/* between looks at a child that is about to end */
/* Half of what the lock allows: no honest mail needs a third (read/lock.h). */
#define CHILD_GREEDY_KB	(256 * 1024)

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
		poll(NULL, 0, CHILD_NAP_MS);
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

void
child_hang_up(struct child *c)
{
	if (c->pid != 0)
		shutdown(c->fd, SHUT_WR);
}

void
child_stop(struct child *c)
{
	if (c->pid == 0)
		return;
	close(c->fd);
	child_ended(c->pid, CHILD_END_MS);
	child_reap(c, NULL);
}

/*
 * Is there as much memory as a child may take? A limit that we were started under, and a machine that
 * promises no more than it has, refuse it here as they do there.
 */
static bool
memory_is_there(void)
{
	void *p = mmap(NULL, CHILD_GREEDY_KB * 1024UL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return false;
	munmap(p, CHILD_GREEDY_KB * 1024UL);
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
	if (l->kind != LOSS_CRASH && peak_kb >= CHILD_GREEDY_KB) {
		l->kind = LOSS_CRASH;
		snprintf(l->how, sizeof l->how, "took too much memory");
	} else if (l->kind == LOSS_MEMORY && WIFSIGNALED(status) && memory_is_there()) {
		l->kind = LOSS_CRASH;	/* a mail that made an assert() fail */
	}
}

enum outcome
child_kill(struct child *c, struct loss *l, enum loss_kind kind, const char *how)
{
	close(c->fd);
	child_reap(c, NULL);
	l->kind = kind;
	snprintf(l->how, sizeof l->how, "%s", how);
	return LOST;
}

enum outcome
child_lost(struct child *c, bool late, struct loss *l)
{
	long	peak_kb;
	int	status;

	if (late)
		return child_kill(c, l, LOSS_LATE, "took too long");
	if (!child_ended(c->pid, CHILD_END_MS))
		return child_kill(c, l, LOSS_CRASH, "closed its stream and lived on");
	close(c->fd);
	status = child_reap(c, &peak_kb);
	loss_of_status(status, peak_kb, l);
	return LOST;
}

/* ---- talking to a child */

void
child_head(enum frame_type type, size_t n, char head[CHILD_HEAD])
{
	head[0] = (char)type;
	for (int i = 1; i < CHILD_HEAD; i++)
		head[i] = (char)(n >> 8 * (CHILD_HEAD - 1 - i));
}

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

void
child_allow(struct child *c)
{
	struct rlimit	l;
	/* one more, since it is counted in whole seconds */
	rlim_t		want = child_cpu_used(c) + CHILD_CPU_SECONDS + 1;

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
int
child_send(struct child *c, enum frame_type type, struct span payload, int64_t deadline_ms)
{
	char head[CHILD_HEAD];

	child_head(type, payload.n, head);
	return send_part(c->fd, head, sizeof head, deadline_ms) == 0 ?
	    send_part(c->fd, payload.p, payload.n, deadline_ms) : -1;
}

const char *
child_words(struct span text, struct arena *a)
{
	char *s = arena_textn(a, text.p, text.n < CHILD_MAX_WORDS ? text.n : CHILD_MAX_WORDS);

	for (size_t i = 0; s[i] != '\0'; i++)
		if (s[i] < 0x20 || s[i] > 0x7e)
			s[i] = '?';
	return s;
}

bool
child_has_spoken(const struct child *c)
{
	char byte;

	return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
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
	char *const		   argv[] = {(char[]){CHILD_NAME}, NULL};
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

int
child_fork(const char *program, struct child *c, struct err *e)
{
	int	fd[2], rc;
	pid_t	pid = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) != 0)
		return no_memory(e, "cannot make a socket pair", errno);
	rc = child_spawn(program, fd[1], &pid);
	close(fd[1]);
	if (rc == 0) {
		*c = (struct child){.pid = pid, .fd = fd[0]};
		return 0;
	}
	close(fd[0]);
	if (rc == EAGAIN || rc == ENOMEM || rc == EMFILE || rc == ENFILE)
		return no_memory(e, "cannot start " CHILD_NAME, rc);
	return err_what(e, ERR_FATAL, ERR_CONFIG, "cannot start %s: %s", program, strerror(rc));
}

