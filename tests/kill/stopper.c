/*
 * stopper - runs a program and kills all of its processes before or after one chosen system call
 *
 *   stopper TRACE COMMAND...                         only counts: each call is a line of TRACE
 *   stopper -k PROCESS,CALL,N,WHEN TRACE COMMAND...  WHEN is "before" or "after" the call was made
 *
 * Counted are the calls by which a process changes or hears the world outside of it: writes, syncs, truncations,
 * removals and renames of files, new files, connects, sends, and what is received from a socket or pipe. A line of
 * TRACE is "PROCESS CALL N WHAT", in the order of the calls: PROCESS is "run", "run/2" (its second child) and so on by
 * birth, with its threads; N counts the calls of this name in this process, from 1; WHAT names the file or kind.
 *
 * The moment is exact: the process is stopped by the kernel at the entry of the call (seccomp, SECCOMP_RET_TRACE) or
 * at its exit (ptrace). SIGKILL goes to the whole process group while it is stopped there, and the kernel skips a call
 * at whose entry a fatal signal waits. So "before" leaves n - 1 such calls made, "after" n. The other processes of the
 * group die wherever they are. Calls that are not counted run at full speed.
 *
 * Ends with the program's exit status, or 137 when the moment was met and all are dead.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
/* after sys/ptrace.h, for struct ptrace_syscall_info */
#include <linux/ptrace.h>

#define MAX_TASKS	1024	/* threads and processes of one run; it has about ten */
#define NAME_BYTES	64
#define WHAT_BYTES	512
#define KILLED		137	/* as a shell says it */

#define COUNT(a)	(sizeof(a) / sizeof *(a))

static const struct call {
	long		 nr;
	const char	*name;
	enum {
		ALWAYS,
		PATH,		/* always too, but its first argument is no descriptor */
		HEARS,		/* of sockets and pipes: what is read from files is nobody's news */
		CREATES		/* with O_CREAT */
	} kind;
} calls[] = {
	{ SYS_write, "write", ALWAYS },
	{ SYS_pwrite64, "pwrite64", ALWAYS },
	{ SYS_writev, "writev", ALWAYS },
	{ SYS_pwritev, "pwritev", ALWAYS },
	{ SYS_fsync, "fsync", ALWAYS },
	{ SYS_fdatasync, "fdatasync", ALWAYS },
	{ SYS_ftruncate, "ftruncate", ALWAYS },
	{ SYS_unlinkat, "unlinkat", PATH },
	{ SYS_renameat2, "renameat2", PATH },
#ifdef SYS_unlink		/* newer machines have the ...at calls alone */
	{ SYS_unlink, "unlink", PATH },
	{ SYS_rename, "rename", PATH },
#endif
#ifdef SYS_renameat
	{ SYS_renameat, "renameat", PATH },
#endif
	{ SYS_openat, "openat", CREATES },
	{ SYS_connect, "connect", ALWAYS },
	{ SYS_sendto, "sendto", ALWAYS },
	{ SYS_sendmsg, "sendmsg", ALWAYS },
	{ SYS_sendmmsg, "sendmmsg", ALWAYS },
	{ SYS_read, "read", HEARS },
	{ SYS_readv, "readv", HEARS },
	{ SYS_recvfrom, "recvfrom", ALWAYS },
	{ SYS_recvmsg, "recvmsg", ALWAYS },
};

struct process {
	pid_t	pid;			/* its thread group */
	char	*name;
	int	children;
	long	made[COUNT(calls)];
};

struct task {
	pid_t		 tid;
	struct process	*process;
};

struct run {
	struct process	 processes[MAX_TASKS];
	struct task	 tasks[MAX_TASKS];
	int		 process_count, task_count;
	FILE		*trace;
	pid_t		 first;
	char		 who[NAME_BYTES], what[NAME_BYTES];	/* the moment: process and call */
	long		 n;					/* 0: none */
	int		 after;
	pid_t		 leaving;	/* in the call after which all end */
};

static void
die(const char *what)
{
	fprintf(stderr, "stopper: %s: %s\n", what, strerror(errno));
	exit(125);
}

/* ---- the program's side */

static void
filter_install(void)
{
	struct sock_filter	code[4 * COUNT(calls) + 2];
	struct sock_fprog	prog = { .filter = code };
	unsigned short		n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < COUNT(calls); i++) {
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i].nr, 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | (uint32_t)i);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	prog.len = n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) != 0)
		die("seccomp");
}

static void
program_run(int go, char **argv)
{
	char	c;

	setpgid(0, 0);
	if (read(go, &c, 1) != 1)	/* until it is traced: without a tracer the calls would fail */
		_exit(125);
	close(go);
	filter_install();
	execvp(argv[0], argv);
	die(argv[0]);
}

/* ---- who is who */

static long
status_number(pid_t tid, const char *key)
{
	char	path[64], line[256];
	long	value = 0;
	FILE	*f;

	snprintf(path, sizeof path, "/proc/%d/status", (int)tid);
	if (!(f = fopen(path, "re")))
		return 0;
	while (fgets(line, sizeof line, f))
		if (strncmp(line, key, strlen(key)) == 0)
			value = strtol(line + strlen(key), NULL, 10);
	fclose(f);
	return value;
}

static struct process *
process_of(struct run *r, pid_t pid)
{
	for (int i = 0; i < r->process_count; i++)
		if (r->processes[i].pid == pid)
			return &r->processes[i];
	return NULL;
}

/* A new one is seen before its parent can make the next, so the order of birth is known. NULL: it is gone. */
static struct process *
process_named(struct run *r, pid_t pid)
{
	struct process	*p = process_of(r, pid), *parent;

	if (p)
		return p;
	parent = process_of(r, (pid_t)status_number(pid, "PPid:"));
	if (r->process_count > 0 && !parent)
		return NULL;
	if (r->process_count == MAX_TASKS) {
		errno = E2BIG;
		die("processes");
	}
	p = &r->processes[r->process_count++];
	p->pid = pid;
	if ((parent ? asprintf(&p->name, "%s/%d", parent->name, ++parent->children) : asprintf(&p->name, "run")) == -1)
		die("memory");
	return p;
}

static struct task *
task_of(struct run *r, pid_t tid)
{
	struct process	*p;
	struct task	*free_one = NULL;

	for (int i = 0; i < r->task_count; i++) {
		if (r->tasks[i].tid == tid)
			return &r->tasks[i];
		if (r->tasks[i].tid == 0)
			free_one = &r->tasks[i];
	}
	if (!(p = process_named(r, (pid_t)status_number(tid, "Tgid:"))))
		return NULL;
	if (!free_one && r->task_count == MAX_TASKS) {
		errno = E2BIG;
		die("tasks");
	}
	if (!free_one)
		free_one = &r->tasks[r->task_count++];
	*free_one = (struct task){ tid, p };
	return free_one;
}

static void
task_gone(struct run *r, pid_t tid)
{
	for (int i = 0; i < r->task_count; i++)
		if (r->tasks[i].tid == tid)
			r->tasks[i].tid = 0;
	for (int i = 0; i < r->process_count; i++)
		if (r->processes[i].pid == tid)
			r->processes[i].pid = -1;	/* its number may come again */
}

/* ---- the calls */

static void
what_named(pid_t tid, long fd, char out[static WHAT_BYTES])
{
	char		path[64], target[512];
	const char	*name;
	ssize_t		n;

	snprintf(path, sizeof path, "/proc/%d/fd/%ld", (int)tid, fd);
	n = readlink(path, target, sizeof target - 1);
	target[n > 0 ? n : 0] = '\0';
	target[strcspn(target, "[")] = '\0';	/* of "socket:[12345]" the number is new in each run */
	name = strrchr(target, '/') ? strrchr(target, '/') + 1 : target;
	snprintf(out, WHAT_BYTES, "%s", *name ? name : "-");
}

static void
everything_ends(struct run *r)
{
	int	how;

	kill(-r->first, SIGKILL);
	while (waitpid(-1, &how, __WALL) > 0 || errno == EINTR)
		continue;	/* the last exits, and threads' */
	fclose(r->trace);
	exit(KILLED);
}

/* At the entry of a call: counted, and perhaps the moment has come. */
static void
call_entered(struct run *r, struct task *t)
{
	struct ptrace_syscall_info info = {0};
	const struct call	*call;
	char			 what[WHAT_BYTES] = "-";
	long			 n;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof info, &info) <= 0 ||
	    info.op != PTRACE_SYSCALL_INFO_SECCOMP || info.seccomp.ret_data >= COUNT(calls))
		return;
	call = &calls[info.seccomp.ret_data];
	if (call->kind == CREATES && !(info.seccomp.args[2] & O_CREAT))
		return;
	if (call->kind == ALWAYS || call->kind == HEARS)
		what_named(t->tid, (long)info.seccomp.args[0], what);
	if (call->kind == HEARS && strcmp(what, "socket:") != 0 && strcmp(what, "pipe:") != 0)
		return;
	n = ++t->process->made[info.seccomp.ret_data];
	fprintf(r->trace, "%s %s %ld %s\n", t->process->name, call->name, n, what);
	if (n != r->n || strcmp(call->name, r->what) != 0 || strcmp(t->process->name, r->who) != 0)
		return;
	if (!r->after)
		everything_ends(r);
	r->leaving = t->tid;
}

/* Answers with what it goes on, and with which signal. */
static long
stopped(struct run *r, struct task *t, int status)
{
	const int	event = status >> 16, sig = WSTOPSIG(status);
	unsigned long	born;

	if (sig == (SIGTRAP | 0x80)) {	/* the exit of a call that we asked for */
		if (r->leaving == t->tid)
			everything_ends(r);
		return 0;
	}
	switch (event) {
	case 0:
		return sig;
	case PTRACE_EVENT_SECCOMP:
		call_entered(r, t);
		return 0;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		if (ptrace(PTRACE_GETEVENTMSG, t->tid, 0, &born) == 0)
			task_of(r, (pid_t)born);
		return 0;
	default:	/* a new task's first stop, a group's stop */
		return 0;
	}
}

static int
watch(struct run *r)
{
	struct task	*t;
	pid_t		 tid;
	long		 sig;
	int		 status, result = 125;

	for (;;) {
		if ((tid = waitpid(-1, &status, __WALL)) == -1) {
			if (errno == EINTR)
				continue;
			return result;	/* all are gone */
		}
		if (!WIFSTOPPED(status)) {
			if (tid == r->first)
				result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			task_gone(r, tid);
			continue;
		}
		sig = (t = task_of(r, tid)) ? stopped(r, t, status) : 0;
		ptrace(r->leaving == tid ? PTRACE_SYSCALL : PTRACE_CONT, tid, 0, sig);
	}
}

static void
moment_read(struct run *r, const char *text)
{
	char	when[16] = "", end;

	if (sscanf(text, "%63[^,],%63[^,],%ld,%15[a-z]%c", r->who, r->what, &r->n, when, &end) != 4 || r->n < 1 ||
	    (strcmp(when, "before") != 0 && strcmp(when, "after") != 0)) {
		fprintf(stderr, "stopper: -k PROCESS,CALL,N,before|after: %s\n", text);
		exit(125);
	}
	r->after = strcmp(when, "after") == 0;
}

int
main(int argc, char **argv)
{
	static struct run r;	/* large */
	int		  go[2];

	if (argc > 2 && strcmp(argv[1], "-k") == 0) {
		moment_read(&r, argv[2]);
		argc -= 2;
		argv += 2;
	}
	if (argc < 3) {
		fputs("usage: stopper [-k PROCESS,CALL,N,before|after] TRACE COMMAND...\n", stderr);
		return 125;
	}
	if (!(r.trace = fopen(argv[1], "we")) || pipe2(go, O_CLOEXEC) != 0)
		die(argv[1]);
	if ((r.first = fork()) == 0)
		program_run(go[0], argv + 2);
	setpgid(r.first, r.first);	/* either of us is the first to say so */
	if (r.first == -1 || ptrace(PTRACE_SEIZE, r.first, 0, PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK |
	    PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) != 0)
		die("ptrace");
	process_named(&r, r.first);
	if (write(go[1], "", 1) != 1)
		die("start");
	close(go[0]);
	close(go[1]);
	argc = watch(&r);
	fclose(r.trace);
	return argc;
}
