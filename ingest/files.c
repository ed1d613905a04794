/*
 * files - see files.h
 */
#include "ingest/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
failed(struct err *e, const char *name)
{
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
		return err_what(e, ERR_RETRY, ERR_NOMEM, "cannot open %s: %s", name,
		    strerror(errno));
	return err_set(e, ERR_REJECT, "cannot read %s: %s", name, strerror(errno));
}

static bool
is_mail(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && span_is_nocase(span_of(name + n - 4), ".eml");
}

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
list_add(struct arena *a, const char ***names, size_t *n, size_t *cap, const char *name)
{
	if (*n == FILES_MAX)
		return -1;
	if (*n == *cap) {
		const char **more;

		*cap = *cap > 0 ? 2 * *cap : 64;
		more = arena_array(a, *cap, sizeof *more);
		if (*n > 0)
			memcpy(more, *names, *n * sizeof *more);
		*names = more;
	}
	(*names)[(*n)++] = name;
	return 0;
}

static int
list_folder(const char *path, DIR *d, struct arena *a, const char ***names, size_t *n,
    struct err *e)
{
	size_t		len = strlen(path), cap = 0;
	const char	*slash = len > 0 && path[len - 1] == '/' ? "" : "/";
	struct dirent	*entry;

	*names = NULL;
	*n = 0;
	while (errno = 0, (entry = readdir(d)) != NULL) {
		const char *name;

		if (!is_mail(entry->d_name))
			continue;
		name = arena_printf(a, "%s%s%s", path, slash, entry->d_name);
		if (list_add(a, names, n, &cap, name) != 0)
			return err_set(e, ERR_REJECT, "%s holds more than %d mails: name some",
			    path, FILES_MAX);
	}
	if (errno != 0)
		return failed(e, path);
	if (*n == 0)
		return err_set(e, ERR_REJECT, "%s holds no .eml file", path);
	qsort(*names, *n, sizeof **names, by_bytes);
	return 0;
}

int
files_list(const char *path, struct arena *a, const char ***names, size_t *n, struct err *e)
{
	DIR	*d = opendir(path);
	int	 rc;

	if (d == NULL && errno == ENOTDIR) {
		*names = arena_array(a, 1, sizeof **names);
		(*names)[0] = arena_text(a, path);
		*n = 1;
		return 0;
	}
	if (d == NULL)
		return failed(e, path);
	rc = list_folder(path, d, a, names, n, e);
	closedir(d);
	return rc;
}

/* Reads to the file's end: its size may change meanwhile. */
static int
read_whole(int fd, const char *name, char *p, size_t cap, size_t *n, struct err *e)
{
	for (*n = 0; *n < cap;) {
		ssize_t got = read(fd, p + *n, cap - *n);

		if (got == 0)
			return 0;
		if (got > 0)
			*n += (size_t)got;
		else if (errno != EINTR)
			return failed(e, name);
	}
	return err_set(e, ERR_REJECT, "%s grew while it was read", name);
}

int
files_read(const char *name, int64_t max_bytes, struct arena *a, struct span *raw, struct err *e)
{
	/* a fifo must not make us wait, a terminal not become ours */
	int		fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat	st;
	char		*p;
	size_t		n;
	int		rc = -1;

	if (fd < 0)
		return failed(e, name);
	if (fstat(fd, &st) != 0) {
		failed(e, name);
	} else if (!S_ISREG(st.st_mode)) {
		err_set(e, ERR_REJECT, "%s is no plain file", name);
	} else if (st.st_size > max_bytes) {
		err_set(e, ERR_REJECT,
		    "%s is larger than limits.mail_bytes: %lld bytes, at most %lld", name,
		    (long long)st.st_size, (long long)max_bytes);
	} else {
		p = arena_alloc(a, (size_t)st.st_size + 1);
		rc = read_whole(fd, name, p, (size_t)st.st_size + 1, &n, e);
		if (rc == 0 && n == 0)
			rc = err_set(e, ERR_REJECT, "%s is empty", name);
		*raw = (struct span){p, n};
	}
	close(fd);
	return rc;
}
