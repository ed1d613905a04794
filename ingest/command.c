#include "ingest/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define COMMAND_PATH	"PATH=/usr/local/bin:/usr/bin:/bin"
#define STOP_LOOK_MS	500	/* how often it is looked whether we are to stop */
#define END_LOOK_MS	5	/* and whether a command that closed its output is over */

static int
spawn_files(posix_spawn_file_actions_t *fa, int out)
{
	int rc = posix_spawn_file_actions_addopen(fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(fa, out, STDOUT_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_addopen(fa, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(fa, STDERR_FILENO + 1);
	return rc;
}

static int
command_spawn(const char *const *argv, int out, struct arena *a, pid_t *pid)
{
	const char *home = getenv("HOME");
	char *envp[] = {arena_text(a, COMMAND_PATH), arena_text(a, "LC_ALL=C.UTF-8"),
	    home != NULL ? arena_printf(a, "HOME=%s", home) : NULL, NULL};
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	if ((rc = posix_spawn_file_actions_init(&fa)) != 0)
		return rc;
	if ((rc = posix_spawnattr_init(&attr)) != 0)
		goto out;
	posix_spawnattr_setflags(&attr,
	    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setpgroup(&attr, 0);
	if ((rc = spawn_files(&fa, out)) == 0)
		rc = posix_spawn(pid, argv[0], &fa, &attr, (char *const *)argv, envp);
	posix_spawnattr_destroy(&attr);
out:
	posix_spawn_file_actions_destroy(&fa);
	return rc;
}

/* All that it prints, until it closes its output. */
static int
output_take(int fd, const char *name, int64_t until_ms, volatile const int *stop,
    struct arena_buf *b, struct err *e)
{
	char piece[4096];

	for (;;) {
		int64_t left = until_ms - clock_mono_ms();
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (stop != NULL && *stop)
			return err_what(e, ERR_RETRY, ERR_STOPPED, "stopped by a signal");
		if (left <= 0)
			return err_set(e, ERR_RETRY, "'%s' is not done after %d seconds", name,
			    COMMAND_MS / 1000);
		if (poll(&pfd, 1, left < STOP_LOOK_MS ? (int)left : STOP_LOOK_MS) <= 0)
			continue;
		n = read(fd, piece, sizeof(piece));
		if (n == 0)
			return 0;
		if (n == -1 && errno != EINTR)
			return err_set(e, ERR_RETRY, "'%s': %s", name, strerror(errno));
		if (n == -1)
			continue;
		if (b->n + (size_t)n > COMMAND_BYTES)
			return err_set(e, ERR_RETRY, "'%s' prints more than %zu bytes", name,
			    COMMAND_BYTES);
		arena_put(b, piece, (size_t)n);
		explicit_bzero(piece, (size_t)n);
	}
}

/* Its output is closed, so it should be over. It is left unreaped: its group keeps its number. */
static int
command_end(pid_t pid, const char *name, int64_t until_ms, volatile const int *stop, struct err *e)
{
	siginfo_t how = {.si_pid = 0};

	for (;;) {
		if (waitid(P_PID, (id_t)pid, &how, WEXITED | WNOHANG | WNOWAIT) == -1)
			return err_set(e, ERR_RETRY, "'%s': %s", name, strerror(errno));
		if (how.si_pid != 0)
			break;
		if (stop != NULL && *stop)
			return err_what(e, ERR_RETRY, ERR_STOPPED, "stopped by a signal");
		if (clock_mono_ms() >= until_ms)
			return err_set(e, ERR_RETRY, "'%s' is not done after %d seconds", name,
			    COMMAND_MS / 1000);
		poll(NULL, 0, END_LOOK_MS);
	}
	if (how.si_code != CLD_EXITED)
		return err_set(e, ERR_RETRY, "'%s' was killed by signal %d", name, how.si_status);
	if (how.si_status != 0)
		return err_set(e, ERR_RETRY, "'%s' failed (exit status %d)", name, how.si_status);
	return 0;
}

int
command_run(const char *const *argv, volatile const int *stop, struct arena *a, struct span *out,
    struct err *e)
{
	struct arena_buf b = {.arena = a};
	int64_t until_ms = clock_mono_ms() + COMMAND_MS;
	int fd[2], rc;
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) == -1)
		return err_what(e, ERR_RETRY, ERR_NOMEM, "cannot make a pipe: %s", strerror(errno));
	rc = command_spawn(argv, fd[1], a, &pid);
	close(fd[1]);
	if (rc != 0) {
		close(fd[0]);
		return err_what(e, ERR_RETRY, rc == EAGAIN || rc == ENOMEM ? ERR_NOMEM : ERR_CONFIG,
		    "'%s' cannot be started: %s", argv[0], strerror(rc));
	}
	arena_puts(&b, "");
	rc = output_take(fd[0], argv[0], until_ms, stop, &b, e);
	if (rc == 0)
		rc = command_end(pid, argv[0], until_ms, stop, e);
	close(fd[0]);
	kill(-pid, SIGKILL);		/* what it left behind, too */
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		continue;
	*out = (struct span){b.p, b.n};
	return rc;
}
