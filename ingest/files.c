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

#include "ingest/mbox.h"

#define FILES_MAX_DEPTH	32	/* folders in folders: each holds its names in memory */

static int
failed(struct err *e, const char *name)
{
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
		return err_what(e, ERR_RETRY, ERR_NOMEM, "cannot open %s: %s", name,
		    strerror(errno));
	return err_set(e, ERR_REJECT, "cannot read %s: %s", name, strerror(errno));
}

static bool
ends_in(const char *name, const char *ending)
{
	size_t n = strlen(name), len = strlen(ending);

	return n > len && span_is_nocase(span_of(name + n - len), ending);
}

static bool
is_mail(const char *name)
{
	return ends_in(name, ".eml");
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

/* A plain file, opened; -1. */
static int
open_plain(const char *name, struct stat *st, struct err *e)
{
	/* a fifo must not make us wait, a terminal not become ours */
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return failed(e, name);
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
		return fd;
	if (S_ISREG(st->st_mode))
		failed(e, name);
	else
		err_set(e, ERR_REJECT, "%s is no plain file", name);
	close(fd);
	return -1;
}

/* The whole of an open file of st's size. */
static int
read_plain(int fd, const char *name, const struct stat *st, struct arena *a, struct span *raw,
    struct err *e)
{
	size_t	 cap = (size_t)st->st_size + 1, n;
	char	*p = arena_alloc(a, cap);

	if (read_whole(fd, name, p, cap, &n, e) != 0)
		return -1;
	if (n == 0)
		return err_set(e, ERR_REJECT, "%s is empty", name);
	*raw = (struct span){p, n};
	return 0;
}

int
files_read(const char *name, int64_t max_bytes, struct arena *a, struct span *raw, struct err *e)
{
	struct stat	st = {0};
	int		fd = open_plain(name, &st, e), rc = -1;

	if (fd < 0)
		return -1;
	if (st.st_size > max_bytes)
		err_set(e, ERR_REJECT,
		    "%s is larger than limits.mail_bytes: %lld bytes, at most %lld", name,
		    (long long)st.st_size, (long long)max_bytes);
	else
		rc = read_plain(fd, name, &st, a, raw, e);
	close(fd);
	return rc;
}

/* ---- walks */

struct walker {
	const struct file_walk	*w;
	int64_t			 mails;		/* come by so far */
	bool			 unread;	/* something was told as such */
	int			 depth;
};

static bool
stopped(const struct walker *k)
{
	return k->w->stop != NULL && *k->w->stop;
}

static void
unread(struct walker *k, const struct err *e)
{
	k->unread = true;
	k->w->unread(k->w->arg, e);
}

static int
walk_mbox(struct walker *k, int fd, const char *path, const struct stat *st, struct err *e)
{
	struct file_mail m = {.path = path};
	struct arena	 a = {0};
	struct err	 why;
	struct mbox	*box = mbox_open(fd, path,
	    (size_t)(st->st_size < k->w->max_bytes ? st->st_size : k->w->max_bytes), &a);
	int		 got = 0, rc = 0;

	while (rc == 0 && !stopped(k) &&
	    (got = mbox_next(box, &m.raw, &m.size_bytes, &why)) == 1) {
		m.place++;
		k->mails++;
		rc = k->w->each(k->w->arg, &m, e);
	}
	if (got == -1)
		unread(k, &why);
	arena_free(&a);
	return rc;
}

static int
walk_mail(struct walker *k, int fd, const char *path, const struct stat *st, struct err *e)
{
	struct file_mail m = {.path = path, .place = 1, .size_bytes = st->st_size};
	struct arena	 a = {0};
	struct err	 why;
	int		 rc = 0;

	if (st->st_size <= k->w->max_bytes && read_plain(fd, path, st, &a, &m.raw, &why) != 0) {
		unread(k, &why);
	} else {
		k->mails++;
		rc = k->w->each(k->w->arg, &m, e);
	}
	arena_free(&a);
	return rc;
}

static int
walk_file(struct walker *k, const char *path, bool single, struct err *e)
{
	char		head[5];
	struct stat	st = {0};
	struct err	why;
	int		fd = open_plain(path, &st, &why), rc;

	if (fd < 0) {
		unread(k, &why);
		return 0;
	}
	if (!single && pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head &&
	    memcmp(head, "From ", sizeof head) == 0)
		rc = walk_mbox(k, fd, path, &st, e);
	else
		rc = walk_mail(k, fd, path, &st, e);
	close(fd);
	return rc;
}

static bool
is_folder(const char *path, bool follow)
{
	struct stat st;

	return (follow ? stat(path, &st) : lstat(path, &st)) == 0 && S_ISDIR(st.st_mode);
}

static bool
is_maildir(const char *path, struct arena *a)
{
	return is_folder(arena_printf(a, "%s/cur", path), true) &&
	    is_folder(arena_printf(a, "%s/new", path), true);
}

/* Names of a folder, sorted; without "." and "..", and the files that say nothing in a Maildir. */
static int
folder_names(const char *path, struct arena *a, const char ***names, size_t *n, struct err *e)
{
	DIR		*d = opendir(path);
	struct dirent	*entry;
	size_t		 cap = 0;
	int		 rc = 0;

	*names = NULL;
	*n = 0;
	if (d == NULL)
		return failed(e, path);
	while (rc == 0 && (errno = 0, entry = readdir(d)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    list_add(a, names, n, &cap, arena_text(a, entry->d_name)) != 0)
			rc = err_set(e, ERR_REJECT, "%s holds more than %d files: import its mails in parts",
			    path, FILES_MAX);
	if (rc == 0 && errno != 0)
		rc = failed(e, path);
	closedir(d);
	if (rc == 0 && *n > 0)
		qsort(*names, *n, sizeof **names, by_bytes);
	return rc;
}

/* `mails`: the folder is cur or new of a Maildir, and each file in it is a mail. */
static int walk_folder(struct walker *, const char *path, bool mails, struct err *);

static int
walk_entry(struct walker *k, const char *folder, const char *name, bool mails, bool maildir,
    struct err *e)
{
	struct arena	 a = {0};
	const char	*path = arena_printf(&a, "%s/%s", folder, name);
	bool		 cur = strcmp(name, "cur") == 0 || strcmp(name, "new") == 0;
	int		 rc = 0;

	if (is_folder(path, maildir && cur)) {
		if (!maildir || strcmp(name, "tmp") != 0)
			rc = walk_folder(k, path, maildir && cur, e);
	} else if (mails ? name[0] != '.' : is_mail(name) || ends_in(name, ".mbox") ||
	    strcmp(name, "mbox") == 0) {
		rc = walk_file(k, path, mails, e);
	}
	arena_free(&a);
	return rc;
}

static int
walk_folder(struct walker *k, const char *path, bool mails, struct err *e)
{
	struct arena	  a = {0};
	struct err	  why;
	const char	**names;
	size_t		  n;
	bool		  maildir = is_maildir(path, &a);
	int		  rc = 0;

	if (k->depth == FILES_MAX_DEPTH) {
		err_set(&why, ERR_REJECT, "%s lies more than %d folders deep", path, FILES_MAX_DEPTH);
		unread(k, &why);
		return 0;
	}
	k->depth++;
	if (folder_names(path, &a, &names, &n, &why) != 0)
		unread(k, &why);
	else
		for (size_t i = 0; i < n && rc == 0 && !stopped(k); i++)
			rc = walk_entry(k, path, names[i], mails, maildir, e);
	k->depth--;
	arena_free(&a);
	return rc;
}

/* Is it the folder cur or new of a Maildir? */
static bool
is_maildir_part(const char *path, struct arena *a)
{
	const char	*slash = strrchr(path, '/');

	return slash != NULL && (strcmp(slash, "/cur") == 0 || strcmp(slash, "/new") == 0) &&
	    is_maildir(arena_textn(a, path, (size_t)(slash - path)), a);
}

int
files_walk(const char *path, const struct file_walk *w, struct err *e)
{
	struct walker	 k = {.w = w};
	struct arena	 a = {0};
	struct err	 why;
	char		*whole = realpath(path, NULL);
	int		 rc = 0;

	if (whole == NULL) {
		failed(&why, path);
		unread(&k, &why);
	} else if (!is_folder(whole, true)) {
		rc = walk_file(&k, whole, false, e);
	} else {
		bool part = is_maildir_part(whole, &a);

		rc = walk_folder(&k, whole, part, e);
		if (rc == 0 && k.mails == 0 && !k.unread && !stopped(&k) && !part &&
		    !is_maildir(whole, &a)) {
			err_set(&why, ERR_REJECT, "%s holds no mail: no .eml or .mbox file, no Maildir", path);
			unread(&k, &why);
		}
	}
	free(whole);
	arena_free(&a);
	return rc;
}
