/* Secrets that we write: the old one or the new one, never none; commands; the pause after refused logins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ingest/command.h"
#include "ingest/login.h"
#include "ingest/secret.h"

struct fixture {
	struct arena	a;
	char		dir[64], path[96];
	struct err	e;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/approvals-secret.XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/token", f->dir);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	rmdir(f->dir);		/* fails if something was left behind, which files() has seen */
	arena_free(&f->a);
	free(f);
	return 0;
}

static int
files(const struct fixture *f)
{
	DIR *d = opendir(f->dir);
	int n = -2;		/* . and .. */

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static const char *
content(struct fixture *f)
{
	const char *text;

	if (conf_secret_read((struct conf_secret){f->path}, &f->a, &text, &f->e) == -1)
		fail_msg("%s", f->e.msg);
	return text;
}

static void
a_new_secret_replaces_the_old_one_whole_and_is_the_owners_alone(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	mode_t mask = umask(0);

	assert_int_equal(secret_save(f->path, "a longer first one", &f->e), 0);
	assert_int_equal(secret_save(f->path, "second", &f->e), 0);
	umask(mask);
	assert_string_equal(content(f), "second");
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 7);
	assert_int_equal(files(f), 1);
}

static void
without_a_new_one_nothing_changes(void **state)
{
	struct fixture *f = *state;
	struct secret *s;

	assert_int_equal(secret_save(f->path, "old", &f->e), 0);
	assert_int_equal(secret_open(f->path, NULL, &s, &f->e), 0);
	assert_int_equal(files(f), 2);
	secret_close(s);
	assert_string_equal(content(f), "old");
	assert_int_equal(files(f), 1);
	secret_close(NULL);
}

static void
file_limit(rlim_t bytes)
{
	struct rlimit r;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &r);
	r.rlim_cur = bytes;
	setrlimit(RLIMIT_FSIZE, &r);
}

static void
a_full_disk_is_known_before_the_old_secret_is_given_up(void **state)
{
	struct fixture *f = *state;
	struct secret *s;
	int rc;

	assert_int_equal(secret_save(f->path, "old", &f->e), 0);
	file_limit(1000);
	rc = secret_open(f->path, NULL, &s, &f->e);
	file_limit(RLIM_INFINITY);
	assert_int_equal(rc, -1);
	assert_int_equal(f->e.what, ERR_STOPPED);
	assert_string_equal(content(f), "old");
	assert_int_equal(files(f), 1);
}

static void
a_disk_that_fails_in_the_middle_leaves_the_old_secret(void **state)
{
	struct fixture *f = *state;
	struct secret *s;
	int rc;

	assert_int_equal(secret_save(f->path, "old", &f->e), 0);
	assert_int_equal(secret_open(f->path, NULL, &s, &f->e), 0);
	file_limit(2);
	rc = secret_put(s, "new one", &f->e);
	file_limit(RLIM_INFINITY);
	assert_int_equal(rc, -1);
	secret_close(s);
	assert_string_equal(content(f), "old");
	assert_int_equal(files(f), 1);
}

static void
a_folder_that_cannot_be_written_is_an_error_of_the_configuration(void **state)
{
	struct fixture *f = *state;
	struct secret *s;

	assert_int_equal(secret_open("/proc/self/fdinfo/token", NULL, &s, &f->e), -1);
	assert_int_equal(f->e.what, ERR_CONFIG);
	assert_null(s);
	assert_int_equal(secret_open("/nowhere/token", NULL, &s, &f->e), -1);
	assert_int_equal(f->e.what, ERR_CONFIG);
	assert_int_equal(secret_save(f->path, arena_printf(&f->a, "%*s", CONF_MAX_SECRET, "x"), &f->e), -1);
}

static char *
new_path(struct fixture *f)
{
	return arena_printf(&f->a, "%s.new", f->path);
}

static void
left_behind(struct fixture *f, const char *bytes, size_t n, time_t old, mode_t mode)
{
	struct timespec times[2] = {{.tv_sec = time(NULL) - old}, {.tv_sec = time(NULL) - old}};
	FILE *file = fopen(new_path(f), "w");

	fwrite(bytes, 1, n, file);
	fclose(file);
	assert_int_equal(chmod(new_path(f), mode), 0);
	assert_int_equal(utimensat(AT_FDCWD, new_path(f), times, 0), 0);
}

static void
what_a_killed_writer_left_whole_counts_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	static const struct { const char *name, *bytes; size_t n; time_t old; bool counts; mode_t mode; } t[] = {
		{ "whole and newer", "new\n", 4, -10, true, 0600 },
		{ "whole, but the secret was replaced since", "new\n", 4, 100, false, 0600 },
		{ "others could write it", "new\n", 4, -10, false, 0620 },
		{ "only the room was taken", "\0\0\0\0", 4, -10, false, 0600 },
		{ "cut short", "new\0\0", 5, -10, false, 0600 },
		{ "no end of line", "new", 3, -10, false, 0600 },
		{ "nothing", "", 0, -10, false, 0600 },
		{ "an end of line alone", "\n", 1, -10, false, 0600 },
	};
	struct secret *s;

	for (size_t i = 0; i < COUNT(t); i++) {
		unlink(f->path);
		assert_int_equal(secret_save(f->path, "old", &f->e), 0);
		left_behind(f, t[i].bytes, t[i].n, t[i].old, t[i].mode);
		assert_int_equal(secret_open(f->path, NULL, &s, &f->e), 0);
		if (strcmp(content(f), t[i].counts ? "new" : "old") != 0)
			fail_msg("%s: '%s'", t[i].name, content(f));
		secret_close(s);
		assert_int_equal(files(f), 1);
	}
}

static void
two_writers_come_one_after_the_other(void **state)
{
	struct fixture *f = *state;
	struct secret *s;
	int status, go[2], ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(ready), 0);
	if ((pid = fork()) == 0) {	/* before it is locked: a descriptor of ours would keep the lock */
		struct secret *other;
		int fd;

		if (read(go[0], &byte, 1) != 1 || (fd = open(new_path(f), O_RDONLY)) == -1 ||
		    flock(fd, LOCK_EX | LOCK_NB) == 0)	/* ours is held */
			_exit(1);
		if (write(ready[1], "x", 1) != 1 || secret_open(f->path, NULL, &other, &f->e) != 0)
			_exit(2);
		if (strcmp(content(f), "first") != 0 || secret_put(other, "second", &f->e) != 0)
			_exit(3);
		_exit(0);
	}
	assert_int_equal(secret_open(f->path, NULL, &s, &f->e), 0);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(secret_put(s, "first", &f->e), 0);
	secret_close(s);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_string_equal(content(f), "second");
	close(go[0]);
	close(go[1]);
	close(ready[0]);
	close(ready[1]);
}

static void
a_stop_ends_the_wait_for_another_writer(void **state)
{
	struct fixture *f = *state;
	volatile const int stop = 1;
	struct secret *s, *other;

	assert_int_equal(secret_open(f->path, NULL, &s, &f->e), 0);
	assert_int_equal(secret_open(f->path, &stop, &other, &f->e), -1);
	assert_int_equal(f->e.what, ERR_STOPPED);
	secret_close(s);
}

static void
a_stamp_changes_with_the_file_and_not_with_a_start(void **state)
{
	struct fixture *f = *state;
	struct conf_secret s = {f->path};
	const char *none = secret_stamp(s, &f->a), *one, *two;

	assert_int_equal(secret_save(f->path, "same", &f->e), 0);
	one = secret_stamp(s, &f->a);
	assert_string_not_equal(one, none);
	assert_string_equal(secret_stamp(s, &f->a), one);
	assert_int_equal(secret_save(f->path, "same", &f->e), 0);
	two = secret_stamp(s, &f->a);
	assert_string_not_equal(two, one);
	assert_null(strstr(two, "same"));
	assert_string_equal(secret_stamp((struct conf_secret){"credential"}, &f->a), "credential");
	assert_string_equal(secret_stamp((struct conf_secret){NULL}, &f->a), "");
}

static void
a_command_is_stopped_with_all_that_it_started(void **state)
{
	struct fixture *f = *state;
	/* its child holds the output open for ever, and is in its group */
	static const char *const endless[] = {"/bin/sh", "-c", "echo $$; exec /bin/sleep 1000", NULL};
	static const char *const leaves[] = {"/bin/sh", "-c",
	    "/bin/sleep 1000 >/dev/null & echo $! ", NULL};
	volatile const int stop = 1;
	struct span out;
	pid_t left;

	assert_int_equal(command_run(endless, &stop, &f->a, &out, &f->e), -1);
	assert_int_equal(f->e.what, ERR_STOPPED);
	assert_int_equal(command_run(leaves, NULL, &f->a, &out, &f->e), 0);
	left = (pid_t)strtol(arena_textn(&f->a, out.p, out.n), NULL, 10);
	assert_true(left > 1);
	/* killed, it is reaped by init or by nobody: either way it does not sleep any more */
	for (int i = 0; i < 1000 && kill(left, 0) == 0; i++) {
		char *stat_path = arena_printf(&f->a, "/proc/%d/stat", (int)left), line[512] = "";
		FILE *file = fopen(stat_path, "r");

		if (file == NULL || fgets(line, sizeof(line), file) == NULL || strstr(line, ") Z ") != NULL) {
			if (file != NULL)
				fclose(file);
			break;
		}
		fclose(file);
		if (i == 999)
			fail_msg("it lives: %s", line);
		sched_yield();
	}
}

static void
a_refused_login_is_tried_three_times_then_hourly(void **state)
{
	const int64_t now = INT64_C(1790000000000);
	static const struct { const char *name; int64_t times, ago_ms; const char *stamp; bool want; } t[] = {
		{ "never refused", 0, 0, "s", false },
		{ "once", 1, 0, "s", false },
		{ "twice", 2, 0, "s", false },
		{ "three times, just now", 3, 0, "s", true },
		{ "nearly an hour ago", 3, LOGIN_PAUSE_MS - 1, "s", true },
		{ "an hour ago", 3, LOGIN_PAUSE_MS, "s", false },
		{ "often", 100, 5, "s", true },
		{ "with something else", 100, 5, "other", false },
		{ "in the future: the clock went back", 100, -5, "s", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct refusal r = {.times = t[i].times, .last_ms = now - t[i].ago_ms, .stamp = t[i].stamp};

		if (login_paused(&r, "s", now) != t[i].want)
			fail_msg("%s", t[i].name);
	}
}

static void
a_refusal_is_kept_until_it_is_over(void **state)
{
	struct fixture *f = *state;
	struct refusal r = {.times = 2, .last_ms = 7, .stamp = "s", .error = "no"}, got;
	char path[128];
	struct db *db;

	snprintf(path, sizeof(path), "%s/x.db", f->dir);
	assert_int_equal(db_open(path, DB_WRITE, &db, &f->e), 0);
	assert_int_equal(refusal_get(db, "one", &f->a, &got, &f->e), 0);
	assert_int_equal(got.times, 0);
	assert_int_equal(refusal_put(db, "one", &r, &f->e), 0);
	r.times = 3;
	assert_int_equal(refusal_put(db, "one", &r, &f->e), 0);
	assert_int_equal(refusal_get(db, "one", &f->a, &got, &f->e), 0);
	assert_int_equal(got.times, 3);
	assert_int_equal(got.last_ms, 7);
	assert_string_equal(got.stamp, "s");
	assert_string_equal(got.error, "no");
	assert_int_equal(refusal_get(db, "two", &f->a, &got, &f->e), 0);
	assert_int_equal(got.times, 0);
	assert_int_equal(refusal_over(db, "one", &f->e), 0);
	assert_int_equal(refusal_get(db, "one", &f->a, &got, &f->e), 0);
	assert_int_equal(got.times, 0);
	db_close(db);
	unlink(path);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(a_new_secret_replaces_the_old_one_whole_and_is_the_owners_alone),
		WITH(without_a_new_one_nothing_changes),
		WITH(a_full_disk_is_known_before_the_old_secret_is_given_up),
		WITH(a_disk_that_fails_in_the_middle_leaves_the_old_secret),
		WITH(a_folder_that_cannot_be_written_is_an_error_of_the_configuration),
		WITH(what_a_killed_writer_left_whole_counts_and_nothing_else),
		WITH(two_writers_come_one_after_the_other),
		WITH(a_stop_ends_the_wait_for_another_writer),
		WITH(a_stamp_changes_with_the_file_and_not_with_a_start),
		WITH(a_command_is_stopped_with_all_that_it_started),
		cmocka_unit_test(a_refused_login_is_tried_three_times_then_hourly),
		WITH(a_refusal_is_kept_until_it_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
