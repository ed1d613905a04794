/*
 * watch: a supervisor of workers that stay, one for each mailbox and one for enrich and notify.
 *
 * The supervisor holds the lock, and touches neither network nor mail. A worker tells through a pipe of its own what
 * it does, a byte each (cmd.h); what a mailbox's worker commits wakes the one that tells of it. A worker that dies is
 * started again, one that says nothing for long is killed first; the others never notice. All that a worker does is in
 * the database, so killing one loses nothing. systemd's watchdog is fed while none is stuck and not all keep dying.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/cmd.h"

#define SYSTEMD		"libsystemd.so.0"	/* loaded when systemd asks: linking it costs each run of cron 1 ms */
#define STUCK_MS	(15 * CLOCK_MINUTE)	/* a worker that is well says something far more often */
#define STOP_MS		1500	/* for a worker to end between two commits; then it is killed, and all are gone in 2 s */
#define BEAT_MS		20000	/* how often the lock and the watchdog hear that all is well */
#define RESTART_MS	1000	/* before a worker that died is started again; doubled each time, */
#define RESTART_MAX_MS	(5 * CLOCK_MINUTE)	/* up to this, */
#define RESTART_CALM_MS	(10 * CLOCK_MINUTE)	/* until one has lived for so long */
#define LOCK_LOOK_MS	1000

struct job {
	const struct mailbox_conf *box;		/* NULL: enrich and notify */
	pid_t	pid;				/* 0: it does not run, and is started at start_ms */
	int	report;				/* what it tells comes here */
	int64_t	start_ms, started_ms, heard_ms;	/* clock_mono_ms() */
	int	deaths;				/* lately, */
	char	died[64];			/* and how the last one came */
	bool	failing;
};

struct watch {
	struct app	*app;
	struct job	*jobs;
	int		 n;
	int		 signals;		/* a signalfd */
	sigset_t	 mask;			/* as it was, for the workers */
	int		 wake[2];		/* a byte here wakes the job that tells */
	int64_t		 beat_ms, beat_every_ms;
	bool		 stop, reload;		/* asked for by a signal */
	bool		 stopping;		/* for a reload: the ends of workers are no news */
	int		 (*notify)(int, const char *);	/* sd_notify(3); NULL: nobody asks */
};

/* ---- what systemd hears (sd_notify(3)) */

static void
notify_open(struct watch *w)
{
	const char	*usec = getenv("WATCHDOG_USEC");
	void		*library;
	int64_t		 ms = usec ? strtoll(usec, NULL, 10) / 1000 : 0;

	w->beat_every_ms = ms > 0 && ms / 3 < BEAT_MS ? ms / 3 : BEAT_MS;
	if (!getenv("NOTIFY_SOCKET"))
		return;
	library = dlopen(SYSTEMD, RTLD_NOW | RTLD_LOCAL);
	if (library)
		*(void **)&w->notify = dlsym(library, "sd_notify");
	if (!w->notify)
		log_error("systemd.silent", "error", dlerror(), NULL);
}

static void
notify_say(const struct watch *w, const char *what)
{
	int	failing = 0;
	char	text[256];

	if (!w->notify)
		return;
	for (int i = 0; i < w->n; i++)
		failing += w->jobs[i].failing;
	snprintf(text, sizeof text, "%sSTATUS=%d mailbox%s, %d failing", what, w->n - 1, w->n == 2 ? "" : "es",
	    failing);
	w->notify(0, text);
}

/* ---- jobs */

static void
job_close(struct job *j)
{
	if (j->report != -1)
		close(j->report);
	j->report = -1;
}

/* In the child: only its own descriptors are left, and its own way to say something. */
static _Noreturn void
job_run(struct watch *w, const struct job *j, int report)
{
	struct app	*app = w->app;

	signal(SIGHUP, SIG_IGN);
	for (int i = 0; i < w->n; i++)
		job_close(&w->jobs[i]);
	close(w->signals);
	close(w->wake[1]);
	app->report = report;
	app->staying = true;
	db_lock_report(app->lock, report);
	if (!j->box)
		_exit((int)tell_stay(app, w->wake[0]));
	close(w->wake[0]);
	_exit((int)worker_stay(app, j->box, j->deaths > 1 ? j->died : NULL));	/* once is no trouble */
}

static void
job_start(struct watch *w, struct job *j)
{
	int	pipes[2] = { -1, -1 };
	pid_t	pid = -1;

	j->started_ms = clock_mono_ms();
	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) == 0)
		pid = worker_fork(&w->mask);
	if (pid == 0) {
		close(pipes[0]);
		job_run(w, j, pipes[1]);
	}
	if (pipes[1] != -1)
		close(pipes[1]);
	j->report = pipes[0];
	if (pid == -1) {
		log_error("worker.failed", "worker", j->box ? j->box->name : "notify", "error", strerror(errno), NULL);
		job_close(j);
		j->start_ms = j->started_ms + RESTART_MAX_MS;
		return;
	}
	j->pid = pid;
}

/* It has ended: when it starts again. */
static void
job_ended(struct watch *w, struct job *j, int how)
{
	const int64_t	now_ms = clock_mono_ms();
	int64_t		pause_ms = RESTART_MS;
	const char	*name = j->box ? j->box->name : "notify";

	j->pid = 0;
	job_close(j);
	if (w->stop || w->stopping)
		return;
	if (now_ms - j->started_ms >= RESTART_CALM_MS)
		j->deaths = 0;
	for (int i = 0; i < j->deaths && pause_ms < RESTART_MAX_MS; i++)
		pause_ms *= 2;
	j->deaths++;
	j->start_ms = now_ms + (pause_ms < RESTART_MAX_MS ? pause_ms : RESTART_MAX_MS);
	if (WIFSIGNALED(how)) {
		log_error("worker.killed", "worker", name, "signal", strsignal(WTERMSIG(how)), NULL);
		snprintf(j->died, sizeof j->died, "was killed by SIG%s", sigabbrev_np(WTERMSIG(how)));
	} else {
		log_warn("worker.ended", "worker", name, "status", log_num(WEXITSTATUS(how)).s, NULL);
		snprintf(j->died, sizeof j->died, "ended with status %d", WEXITSTATUS(how));
	}
	j->failing = true;
	notify_say(w, "");
}

static int
jobs_reap(struct watch *w)
{
	int	running = 0, how;

	for (int i = 0; i < w->n; i++) {
		if (w->jobs[i].pid > 0 && waitpid(w->jobs[i].pid, &how, WNOHANG) > 0)
			job_ended(w, &w->jobs[i], how);
		running += w->jobs[i].pid > 0;
	}
	return running;
}

static void
jobs_kill(const struct watch *w, int sig)
{
	for (int i = 0; i < w->n; i++)
		if (w->jobs[i].pid > 0)
			kill(w->jobs[i].pid, sig);
}

/* One for each mailbox, and the one that tells. */
static void
jobs_make(struct watch *w)
{
	const struct settings	*s = &w->app->set;
	const int64_t		 now_ms = clock_mono_ms();

	w->n = s->mailbox_count + 1;
	w->jobs = arena_array(&w->app->arena, (size_t)w->n, sizeof *w->jobs);
	for (int i = 0; i < w->n; i++)
		w->jobs[i] = (struct job){ .box = i < s->mailbox_count ? &s->mailboxes[i] : NULL, .report = -1,
		    .start_ms = now_ms, .heard_ms = now_ms };
}

/* ---- what comes */

/* What a worker has told. Committed by a mailbox's, it is news for the one that tells. */
static void
report_take(struct watch *w, struct job *j)
{
	const bool	was = j->failing;
	bool		news = false;
	char		bytes[256];
	ssize_t		n;

	while ((n = read(j->report, bytes, sizeof bytes)) > 0) {
		j->heard_ms = clock_mono_ms();
		for (ssize_t i = 0; i < n; i++) {
			if (bytes[i] == REPORT_GOOD || bytes[i] == REPORT_FAILED)
				j->failing = bytes[i] == REPORT_FAILED;
			news = news || (j->box && bytes[i] != REPORT_WAITING);
		}
	}
	if (n == 0)
		job_close(j);		/* it is about to end */
	if (was != j->failing)
		notify_say(w, "");
	if (news && write(w->wake[1], "", 1) == -1)
		return;			/* full: it is awake */
}

static void
signals_take(struct watch *w)
{
	struct signalfd_siginfo	info;

	while (read(w->signals, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			w->stop = true;
		else if (info.ssi_signo == SIGHUP)
			w->reload = true;
	}
}

/* Until something comes or until_ms (clock_mono_ms()); takes what came. */
static void
wait_until(struct watch *w, int64_t until_ms)
{
	struct arena	 a = {0};
	struct pollfd	*fds = arena_array(&a, (size_t)w->n + 1, sizeof *fds);
	const int64_t	 left_ms = until_ms - clock_mono_ms();

	for (int i = 0; i < w->n; i++)
		fds[i] = (struct pollfd){ .fd = w->jobs[i].report, .events = POLLIN };
	fds[w->n] = (struct pollfd){ .fd = w->signals, .events = POLLIN };
	poll(fds, (nfds_t)w->n + 1, left_ms > BEAT_MS ? BEAT_MS : left_ms > 0 ? (int)left_ms : 0);
	for (int i = 0; i < w->n; i++)
		if (fds[i].revents)
			report_take(w, &w->jobs[i]);
	signals_take(w);
	arena_free(&a);
}

/* ---- the supervisor */

/* Stops all, between two commits where that is soon, and waits until they have ended. */
static void
jobs_stop(struct watch *w)
{
	const int64_t	until_ms = clock_mono_ms() + STOP_MS;

	w->stopping = true;
	jobs_kill(w, SIGTERM);
	while (jobs_reap(w) > 0 && clock_mono_ms() < until_ms)
		wait_until(w, until_ms);
	jobs_kill(w, SIGKILL);
	for (int i = 0; i < w->n; i++) {
		if (w->jobs[i].pid > 0)
			waitpid(w->jobs[i].pid, NULL, 0);
		w->jobs[i].pid = 0;
		job_close(&w->jobs[i]);
	}
	w->stopping = false;
}

/* Starts what is to be started, and kills what says nothing. Answers when to look again. */
static int64_t
jobs_tend(struct watch *w)
{
	const int64_t	now_ms = clock_mono_ms();
	int64_t		next_ms = w->beat_ms;
	bool		stuck = false, heard = false;

	for (int i = 0; i < w->n; i++) {
		struct job	*j = &w->jobs[i];
		const int64_t	 since_ms = j->heard_ms > j->started_ms ? j->heard_ms : j->started_ms;

		if (j->pid == 0 && now_ms >= j->start_ms)
			job_start(w, j);
		else if (j->pid > 0 && now_ms - since_ms >= STUCK_MS)
			kill(j->pid, SIGKILL);
		if (j->pid == 0 && j->start_ms < next_ms)
			next_ms = j->start_ms;
		stuck = stuck || (j->pid > 0 && now_ms - since_ms >= STUCK_MS);
		heard = heard || now_ms - j->heard_ms < STUCK_MS;
	}
	if (now_ms >= w->beat_ms) {
		if (heard && !stuck) {	/* one that keeps dying must not cost the others their watch */
			notify_say(w, "WATCHDOG=1\n");
			db_lock_progress(w->app->lock);
		}
		w->beat_ms = now_ms + w->beat_every_ms;
		next_ms = next_ms < w->beat_ms ? next_ms : w->beat_ms;
	}
	return next_ms;
}

/* A database that works is seen here, and what this watch works by is told. Closed again: workers open their own. */
static int
database_look(struct app *app, struct err *e)
{
	int	rc = db_open(app->set.database, DB_WRITE, &app->db, e);

	if (rc == 0)
		rc = changed_tell(app, clock_now_ms(), e);
	db_close(app->db);
	app->db = NULL;
	return rc;
}

/* The new configuration, if it is right: the workers are then started anew. */
static void
reload(struct watch *w)
{
	struct app	*app = w->app, next = {0};
	struct arena	 old;
	struct err	 e;

	w->reload = false;	/* before it is read: a signal that comes from now on means a newer one */
	notify_say(w, "RELOADING=1\n");
	if (settings_read(app->set.path, SETTINGS_ALL, &next.arena, &next.set, &e) == 0) {
		if (strcmp(next.set.database, app->set.database) != 0)
			err_what(&e, ERR_REJECT, ERR_CONFIG, "database: is another: stop watch and start it");
		else if (check_named(&next) > 0)
			err_what(&e, ERR_REJECT, ERR_CONFIG, "what it names cannot be used");
		else
			goto right;
	}
	log_error("configuration.refused", "error", e.msg, "kept", "the one before", NULL);
	arena_free(&next.arena);
	notify_say(w, "READY=1\n");
	return;
right:
	jobs_stop(w);
	old = app->arena;
	app->arena = next.arena;
	app->set = next.set;
	jobs_make(w);
	arena_free(&old);
	if (database_look(app, &e) == -1)
		log_error("database.failed", "error", e.msg, NULL);
	log_info("configuration.reloaded", "mailboxes", log_num(w->n - 1).s, NULL);
	notify_say(w, "READY=1\n");
}

static enum status
supervise(struct watch *w)
{
	jobs_make(w);
	notify_say(w, "READY=1\n");
	log_info("watch.started", "mailboxes", log_num(w->n - 1).s, NULL);
	while (!w->stop) {
		wait_until(w, jobs_tend(w));
		jobs_reap(w);
		if (w->reload && !w->stop)
			reload(w);
	}
	notify_say(w, "STOPPING=1\n");
	jobs_stop(w);
	log_info("watch.stopped", NULL);
	return STATUS_DONE;
}

/* Waits while a run holds it: watch is often started while one is at work. */
static enum status
lock_take(struct app *app)
{
	int64_t		idle_ms;
	struct err	e;

	for (bool said = false; !stop_asked; said = true) {
		if (db_lock(app->set.database, clock_now_ms(), &app->lock, &idle_ms, &e) == 0)
			return STATUS_DONE;
		if (e.what != ERR_LOCKED)
			return failed("database.failed", &e);
		if (idle_ms >= LOCK_STUCK_MS)
			return failed("lock.stuck", &e);
		if (!said)
			log_warn("lock.held", "database", app->set.database, "watch", "waits for it", NULL);
		poll(NULL, 0, LOCK_LOOK_MS);
	}
	return STATUS_DONE;
}

enum status
cmd_watch(struct app *app, int argc, char **argv)
{
	struct watch	w = { .app = app, .signals = -1, .wake = { -1, -1 } };
	enum status	status;
	struct err	e;
	sigset_t	signals;

	(void)argc;
	(void)argv;
	if (log_level_get() > LOG_INFO)
		log_level_set(LOG_INFO);
	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, &w.mask);	/* until there is something to reload */
	status = lock_take(app);
	if (status != STATUS_DONE || stop_asked)
		return status;
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	notify_open(&w);
	w.stop = stop_asked;		/* a signal that came before they were blocked */
	w.signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (database_look(app, &e) == -1)
		status = failed("database.failed", &e);
	else if (w.signals == -1 || pipe2(w.wake, O_CLOEXEC | O_NONBLOCK) == -1) {
		err_what(&e, ERR_RETRY, ERR_NOMEM, "watch: %s", strerror(errno));
		status = failed("watch.failed", &e);
	} else {
		status = supervise(&w);
	}
	sigprocmask(SIG_SETMASK, &w.mask, NULL);
	return status;
}
