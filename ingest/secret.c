#include "ingest/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
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
	const char	*path, *temp;	/* temp: PATH.new, which is locked */
	bool		 made;		/* temp is ours, to be renamed or removed */
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

static int
lock_wait(struct secret *s, volatile const int *stop, struct err *e)
{
	int64_t until_ms = clock_mono_ms() + SECRET_LOCK_MS;

	while (flock(s->fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return secret_failed(s, "cannot be locked", errno, e);
		if (stop != NULL && *stop)
			return err_what(e, ERR_RETRY, ERR_STOPPED, "stopped by a signal");
		if (clock_mono_ms() >= until_ms)
			return err_set(e, ERR_RETRY, "%s: another process keeps it locked", s->path);
		poll(NULL, 0, LOCK_LOOK_MS);
	}
	return 0;
}

/* The file that has the lock may have been renamed meanwhile: then it is no longer the one to lock. */
static int
temp_lock(struct secret *s, volatile const int *stop, struct err *e)
{
	struct stat mine, there;

	for (;;) {
		s->fd = open(s->temp, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (s->fd == -1)
			return secret_failed(s, "cannot be replaced: no file can be made beside it",
			    errno, e);
		if (lock_wait(s, stop, e) == -1)
			return -1;
		if (fstat(s->fd, &mine) == 0 && lstat(s->temp, &there) == 0 &&
		    mine.st_dev == there.st_dev && mine.st_ino == there.st_ino) {
			s->made = true;
			return 0;
		}
		close(s->fd);
	}
}

/* Whole, as secret_put() leaves it; what was cut short has the zeros of the room that was taken. */
static bool
is_whole(int fd, off_t size)
{
	char text[CONF_MAX_SECRET];
	bool whole = size > 1 && size <= (off_t)sizeof(text) &&
	    pread(fd, text, (size_t)size, 0) == (ssize_t)size && text[size - 1] == '\n' &&
	    memchr(text, '\0', (size_t)size) == NULL;

	explicit_bzero(text, sizeof(text));
	return whole;
}

/* Who wrote it was killed before the rename: if it is newer than the secret, the rename is made now. */
static int
secret_finish(struct secret *s, bool *again, struct err *e)
{
	struct stat left, old = {.st_size = 0};

	*again = fstat(s->fd, &left) == 0 && left.st_uid == geteuid() &&
	    (left.st_mode & (S_IRWXG | S_IRWXO)) == 0 && is_whole(s->fd, left.st_size) &&
	    (lstat(s->path, &old) == -1 || left.st_mtim.tv_sec > old.st_mtim.tv_sec ||
		(left.st_mtim.tv_sec == old.st_mtim.tv_sec &&
		    left.st_mtim.tv_nsec >= old.st_mtim.tv_nsec));
	if (!*again)
		return 0;
	if (rename(s->temp, s->path) == -1 || fsync(s->dir) == -1)
		return secret_failed(s, "cannot be replaced", errno, e);
	s->made = false;
	close(s->fd);
	s->fd = -1;
	return 0;
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
secret_begin(struct secret *s, volatile const int *stop, struct err *e)
{
	const char *slash = strrchr(s->path, '/');
	const char *folder =
	    slash == NULL ? "." : arena_textn(&s->arena, s->path, (size_t)(slash - s->path) + 1);
	bool again;
	int error;

	s->temp = arena_printf(&s->arena, "%s.new", s->path);
	if ((s->dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return secret_failed(s, "cannot open its folder", errno, e);
	do {
		if (temp_lock(s, stop, e) == -1 || secret_finish(s, &again, e) == -1)
			return -1;
	} while (again);
	if (ftruncate(s->fd, 0) == -1 || fchmod(s->fd, 0600) == -1 || owner_keep(s) == -1)
		return secret_failed(s, "cannot be replaced", errno, e);
	/* the room for it, now; not every file system can promise it */
	error = posix_fallocate(s->fd, 0, CONF_MAX_SECRET);
	if (error != 0 && error != EOPNOTSUPP && error != EINVAL)
		return secret_failed(s, "cannot be replaced", error, e);
	return 0;
}

int
secret_open(const char *path, volatile const int *stop, struct secret **out, struct err *e)
{
	struct secret *s = calloc(1, sizeof(*s));

	if (s == NULL)
		arena_no_memory();
	s->fd = s->dir = -1;
	s->path = arena_text(&s->arena, path);
	*out = s;
	if (secret_begin(s, stop, e) == 0)
		return 0;
	secret_close(s);
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
	s->made = false;
	if (fsync(s->dir) == -1)
		return secret_failed(s, "cannot be replaced", errno, e);
	return 0;
}

void
secret_close(struct secret *s)
{
	if (s == NULL)
		return;
	if (s->made)
		unlink(s->temp);
	if (s->fd != -1)
		close(s->fd);		/* and the lock is gone */
	if (s->dir != -1)
		close(s->dir);
	arena_free(&s->arena);
	free(s);
}

int
secret_save(const char *path, const char *text, struct err *e)
{
	struct secret *s;
	int rc = secret_open(path, NULL, &s, e);

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
