#include "ingest/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define LOCK_LOOK_MS	50	/* how often a lock that is held is looked at */

struct secret {
	struct arena	 arena;
	const char	*path, *folder;
	char		*temp;		/* the new file while it has a name of its own; NULL: none */
	int		 fd, dir;	/* -1: not open */
};

static int
secret_failed(const struct secret *s, const char *what, int error, struct err *e)
{
	bool room = error == ENOSPC || error == EDQUOT || error == EFBIG;
	bool ours = error == EACCES || error == EPERM || error == EROFS || error == ENOENT ||
	    error == ENOTDIR || error == ELOOP;

	return err_what(e, ours ? ERR_FATAL : ERR_RETRY,
	    room ? ERR_STOPPED : ours ? ERR_CONFIG : ERR_ANY, "%s: %s: %s", s->path, what,
	    strerror(error));
}

/* As root: the program itself may run as another user, who must be able to read and replace it. */
static int
owner_keep(const struct secret *s)
{
	struct stat st;

	if (geteuid() != 0)
		return 0;
	if (lstat(s->path, &st) == -1 && fstat(s->dir, &st) == -1)
		return -1;
	return fchown(s->fd, st.st_uid, st.st_gid);
}

static int
secret_begin(const char *path, struct secret **out, struct err *e)
{
	struct secret *s = calloc(1, sizeof(*s));
	const char *slash = strrchr(path, '/');
	char *temp;
	int error;

	if (s == NULL)
		arena_no_memory();
	s->fd = s->dir = -1;
	s->path = arena_text(&s->arena, path);
	s->folder = slash == NULL ? "." : arena_textn(&s->arena, path, (size_t)(slash - path) + 1);
	*out = s;
	if ((s->dir = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return secret_failed(s, "cannot open its folder", errno, e);
	temp = arena_printf(&s->arena, "%s.XXXXXX", path);
	if ((s->fd = mkostemp(temp, O_CLOEXEC)) == -1)
		return secret_failed(s, "cannot be replaced: no file can be made beside it", errno, e);
	s->temp = temp;
	/* the room for it, now; not every file system can promise it */
	error = posix_fallocate(s->fd, 0, CONF_MAX_SECRET);
	if (error != 0 && error != EOPNOTSUPP && error != EINVAL)
		return secret_failed(s, "cannot be replaced", error, e);
	if (owner_keep(s) == -1)
		return secret_failed(s, "cannot keep its owner", errno, e);
	return 0;
}

static int
folder_lock(struct secret *s, volatile const int *stop, struct err *e)
{
	int64_t until_ms = clock_mono_ms() + SECRET_LOCK_MS;

	while (flock(s->dir, LOCK_EX | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return secret_failed(s, "cannot lock its folder", errno, e);
		if (stop != NULL && *stop)
			return err_what(e, ERR_RETRY, ERR_STOPPED, "stopped by a signal");
		if (clock_mono_ms() >= until_ms)
			return err_set(e, ERR_RETRY, "%s: another process keeps its folder locked",
			    s->path);
		poll(NULL, 0, LOCK_LOOK_MS);
	}
	return 0;
}

int
secret_open(const char *path, volatile const int *stop, struct secret **out, struct err *e)
{
	if (secret_begin(path, out, e) == 0 && folder_lock(*out, stop, e) == 0)
		return 0;
	secret_close(*out);
	*out = NULL;
	return -1;
}

static int
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t put = write(fd, p, n);

		if (put == -1 && errno != EINTR)
			return -1;
		if (put > 0) {
			p += put;
			n -= (size_t)put;
		}
	}
	return 0;
}

int
secret_put(struct secret *s, const char *text, struct err *e)
{
	size_t n = strlen(text);

	if (n >= CONF_MAX_SECRET)
		return err_set(e, ERR_REJECT, "%s: a secret of %zu bytes is too long", s->path, n);
	if (write_all(s->fd, text, n) == -1 || write_all(s->fd, "\n", 1) == -1 ||
	    ftruncate(s->fd, (off_t)n + 1) == -1 || fsync(s->fd) == -1 ||
	    rename(s->temp, s->path) == -1)
		return secret_failed(s, "cannot be replaced", errno, e);
	s->temp = NULL;
	if (fsync(s->dir) == -1)
		return secret_failed(s, "cannot be replaced", errno, e);
	return 0;
}

void
secret_close(struct secret *s)
{
	if (s == NULL)
		return;
	if (s->temp != NULL)
		unlink(s->temp);
	if (s->fd != -1)
		close(s->fd);
	if (s->dir != -1)
		close(s->dir);		/* and the lock is gone */
	arena_free(&s->arena);
	free(s);
}

int
secret_save(const char *path, const char *text, struct err *e)
{
	struct secret *s = NULL;
	int rc = secret_begin(path, &s, e);

	if (rc == 0)
		rc = secret_put(s, text, e);
	secret_close(s);
	return rc;
}

const char *
secret_stamp(struct conf_secret s, struct arena *a)
{
	struct stat st;

	if (s.name == NULL)
		return "";
	if (strchr(s.name, '/') == NULL || lstat(s.name, &st) == -1)
		return s.name;
	return arena_printf(a, "%s %ju %jd %jd.%09ld", s.name, (uintmax_t)st.st_ino,
	    (intmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}
