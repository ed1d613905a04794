/*
 * A worker process per mailbox: libetpan keeps process-wide state, and a mailbox that hangs or kills
 * its process must not take the others with it. A worker reads only its own secrets, opens its own
 * database connection and ends when its parent does; it tells its outcome by its exit status.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "ingest/reproof.h"
#include "ingest/resolver.h"
#include "store/event.h"

const char *
screen_hash(const struct settings *set, struct arena *a)
{
	const char	**lists[] = { set->sender.domains, set->sender.forwarders };
	struct digest	*d = digest_open(0);
	uint8_t		 hash[DIGEST_BYTES];

	digest_add(d, span_of(APPROVALS_VERSION));
	for (size_t i = 0; i < COUNT(lists); i++) {
		for (const char **p = lists[i]; *p; p++)
			digest_add(d, span_of(*p));
		digest_add_int(d, -1);	/* a domain moved to the other list is another screen */
	}
	for (const char **p = set->rules; *p; p++)
		digest_file(d, *p, CONF_MAX_BYTES);
	digest_close(d, hash);
	return digest_hex(a, hash, 8);
}

/* The pass failed: remembered, told as mailbox.failing, and said on stderr when that is due. */
static enum status
pass_failed(struct db *db, const struct mailbox_conf *m, const struct err *why, int64_t now_ms)
{
	const bool	at_once = why->what == ERR_LOGIN || why->what == ERR_CERT || why->what == ERR_CONFIG;
	enum status	status = status_of(why);
	struct trouble	t = {0};
	struct err	e;

	if (why->what == ERR_DATABASE || why->kind == ERR_FATAL || stop_asked) {
		if (!stop_asked)
			log_error("mailbox.failed", "mailbox", m->name, "error", why->msg, NULL);
		return status;
	}
	if (event_failing(db, "mailbox", m->name, why->msg, at_once ? 0 : TROUBLE_LONG_MS, now_ms, &t, &e) == -1)
		return failed("database.failed", &e);
	if (t.say)
		log_warn("mailbox.failing", "mailbox", m->name, "error", why->msg, "attempts",
		    log_num(t.attempts).s, NULL);
	if (status == STATUS_PARTLY && now_ms - t.since_ms < TROUBLE_LONG_MS)
		return STATUS_DONE;
	return status;
}

/* To its end; but mails that could not be fetched or read and stay pending are a failure that goes on. */
static enum status
pass_done(struct db *db, const struct mailbox_conf *m, const struct ingest *in, bool undone)
{
	enum status	status = in->waiting > 0 ? STATUS_PARTLY : STATUS_DONE;
	struct err	e;
	bool		was = false;

	log_info("mailbox.done", "mailbox", m->name, "new", log_num(in->seen).s, "ignored",
	    log_num(in->ignored).s, "read", log_num(in->read).s, "claims", log_num(in->claims).s,
	    "waiting", log_num(in->waiting).s, "undone", undone ? "yes" : "no", NULL);
	if (undone) {
		err_set(&e, ERR_RETRY, "mails could not be fetched or read: they stay pending, and the next "
		    "pass tries them again");
		return status_worse(status, pass_failed(db, m, &e, in->now_ms));
	}
	if (event_recovered(db, "mailbox", m->name, in->now_ms, &was, &e) == -1)
		return failed("database.failed", &e);
	if (was)
		log_warn("mailbox.recovered", "mailbox", m->name, NULL);
	return status;
}

/* What waits for its proof does not wait for the mailbox, which may be away. */
static enum status
worker_pass(struct app *app, const struct mailbox_conf *m, struct ingest *in)
{
	struct mailbox	*box = mailbox_open(m, in);
	enum status	status;
	struct err	e;
	bool		undone = false;

	readers_keys(in->readers, resolver_key, (const char *const *)app->set.net.dns);
	if (reproof_pass(in, &e) == -1 || mailbox_pass(box, &undone, &e) == -1)
		status = pass_failed(in->db, m, &e, in->now_ms);
	else
		status = pass_done(in->db, m, in, undone);
	mailbox_close(box);
	return status;
}

static enum status
work(struct app *app, const struct mailbox_conf *m)
{
	const struct reading_setup setup = ingest_setup(&app->set.sender, m->authserv, app->set.rules, &app->arena);
	struct ingest	in = { .lock = app->lock, .sender = &app->set.sender, .limits = &app->set.limits,
	    .mailbox = m->name, .screen = screen_hash(&app->set, &app->arena), .stop = &stop_asked,
	    .now_ms = clock_now_ms() };
	enum status	status;
	struct err	e;

	if (db_open(app->set.database, DB_WRITE, &in.db, &e) == -1)
		return failed("database.failed", &e);
	if (readers_open(&setup, NULL, &in.readers, &e) == -1)
		status = failed("reader.failed", &e);
	else
		status = worker_pass(app, m, &in);
	readers_close(in.readers);
	db_close(in.db);
	return status;
}

static pid_t
worker_start(struct app *app, const struct mailbox_conf *m, const sigset_t *mask)
{
	const pid_t	parent = getpid();
	pid_t		pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)	/* it died before we asked to follow it */
		_exit(STATUS_STOPPED);
	sigprocmask(SIG_SETMASK, mask, NULL);
	_exit((int)work(app, m));
}

static enum status
worker_status(int status, const char *mailbox)
{
	if (WIFEXITED(status))
		return (enum status)WEXITSTATUS(status);
	log_error("worker.killed", "mailbox", mailbox, "signal", strsignal(WTERMSIG(status)), NULL);
	return STATUS_DEFECT;
}

/* Waits for all. A stop that comes meanwhile is passed on at once to those that still run. */
static enum status
workers_wait(const struct mailbox_conf *boxes, pid_t *pids, int n, const sigset_t *signals)
{
	enum status	status = STATUS_DONE;
	bool		told = false;
	int		left, how, sig;
	pid_t		ended;

	for (;;) {
		left = 0;
		for (int i = 0; i < n; i++) {
			if (pids[i] > 0 && (ended = waitpid(pids[i], &how, WNOHANG)) != 0) {
				status = status_worse(status, ended == -1 ? STATUS_DEFECT :
				    worker_status(how, boxes[i].name));
				pids[i] = 0;
			}
			left += pids[i] > 0;
		}
		if (left == 0)
			return status;
		for (int i = 0; i < n && stop_asked && !told; i++)
			if (pids[i] > 0)
				kill(pids[i], SIGTERM);
		told = stop_asked;
		sig = sigwaitinfo(signals, NULL);
		if (sig == SIGTERM || sig == SIGINT)
			stop_asked = 1;
	}
}

enum status
workers_run(struct app *app)
{
	const struct mailbox_conf *boxes = app->set.mailboxes;
	const int	n = app->set.mailbox_count;
	pid_t		*pids = arena_array(&app->arena, (size_t)n + 1, sizeof *pids);
	enum status	status = STATUS_DONE;
	sigset_t	signals, mask;

	/* Blocked, so that none can come between a look and the wait for it. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, &mask);
	for (int i = 0; i < n; i++)
		if ((pids[i] = worker_start(app, &boxes[i], &mask)) == -1) {
			log_error("worker.failed", "mailbox", boxes[i].name, "error", strerror(errno), NULL);
			status = status_worse(status, STATUS_STOPPED);
		}
	status = status_worse(status, workers_wait(boxes, pids, n, &signals));
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return status;
}
