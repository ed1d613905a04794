/*
 * A worker process per mailbox: libetpan keeps process-wide state, and a mailbox that hangs or kills
 * its process must not take the others with it. A worker reads only its own secrets, opens its own
 * database connection and ends when its parent does. For run and ingest it makes one pass and tells
 * its outcome by its exit status; for watch it stays (see watch.c).
 */
#include <errno.h>
#include <poll.h>
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
#include "cmd/progress.h"
#include "ingest/reproof.h"
#include "ingest/resolver.h"
#include "store/event.h"

#define STOP_LOOK_MS	1000	/* how often a pause looks whether it should end */
#define PAUSE_REPORT_MS	60000
#define SCREEN_OFF	"off"	/* in the place of a screen's hash: what another one ignored is asked for again */

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
pass_failed(struct app *app, struct db *db, const struct mailbox_conf *m, const struct err *why, int64_t now_ms)
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
		return app_failed(app, "database.failed", &e);
	if (t.say)
		log_warn("mailbox.failing", "mailbox", m->name, "error", why->msg, "attempts",
		    log_num(t.attempts).s, NULL);
	if (status == STATUS_PARTLY && now_ms - t.since_ms < TROUBLE_LONG_MS)
		return STATUS_DONE;
	return status;
}

/* To its end; but mails that could not be fetched or read and stay pending are a failure that goes on. */
static enum status
pass_done(struct app *app, const struct mailbox_conf *m, const struct ingest *in, bool undone)
{
	const bool	idle = in->seen + in->ignored + in->read + in->waiting == 0;
	enum status	status = in->waiting > 0 ? STATUS_PARTLY : STATUS_DONE;
	struct err	e;
	bool		was = false;

	(app->staying && idle ? log_debug : log_info)("mailbox.done", "mailbox", m->name, "new",
	    log_num(in->seen).s, "ignored", log_num(in->ignored).s, "read", log_num(in->read).s, "claims",
	    log_num(in->claims).s, "waiting", log_num(in->waiting).s, "undone", undone ? "yes" : "no", NULL);
	if (undone) {
		err_set(&e, ERR_RETRY, "mails could not be fetched or read: they stay pending, and the next "
		    "pass tries them again");
		return status_worse(status, pass_failed(app, in->db, m, &e, in->now_ms));
	}
	if (event_recovered(in->db, "mailbox", m->name, in->now_ms, &was, &e) == -1)
		return app_failed(app, "database.failed", &e);
	if (was)
		log_warn("mailbox.recovered", "mailbox", m->name, NULL);
	return status;
}

/* What waits for its proof does not wait for the mailbox, which may be away. *good: it was a whole pass. */
static enum status
worker_pass(struct app *app, const struct mailbox_conf *m, struct mailbox *box, struct ingest *in, bool *good)
{
	struct err	e;
	bool		undone = false;

	*good = false;
	readers_keys(in->readers, resolver_key, (const char *const *)app->set.net.dns);
	if (reproof_pass(in, &e) == -1 || mailbox_pass(box, &undone, &e) == -1)
		return pass_failed(app, in->db, m, &e, in->now_ms);
	*good = true;
	return pass_done(app, m, in, undone);
}

static struct ingest
ingest_of(struct app *app, const struct mailbox_conf *m)
{
	return (struct ingest){ .lock = app->lock, .sender = &app->set.sender, .limits = &app->set.limits,
	    .mailbox = m->name, .screen = m->screen_off ? SCREEN_OFF : screen_hash(&app->set, &app->arena), .stop = &stop_asked,
	    .now_ms = clock_now_ms() };
}

/* One pass with readers of its own, which hold no memory while nothing is read. */
static enum status
worker_readers_pass(struct app *app, const struct mailbox_conf *m, const struct reading_setup *setup,
    struct mailbox *box, struct ingest *in, bool *good)
{
	enum status	status;
	struct err	e;

	*good = false;
	if (readers_open(setup, NULL, &in->readers, &e) == -1)
		return failed("reader.failed", &e);
	status = worker_pass(app, m, box, in, good);
	readers_close(in->readers);
	in->readers = NULL;
	return status;
}

static enum status
work(struct app *app, const struct mailbox_conf *m, struct progress *progress)
{
	const struct reading_setup setup = ingest_setup(&app->set.sender, m->authserv, app->set.rules, &app->arena);
	struct ingest	in = ingest_of(app, m);
	struct mailbox	*box = mailbox_open(m, &in);
	enum status	status;
	struct err	e;
	bool		good;

	progress_of(progress, (int)(m - app->set.mailboxes), &in);
	if (db_open(app->set.database, DB_WRITE, &in.db, &e) == -1)
		status = failed("database.failed", &e);
	else
		status = worker_readers_pass(app, m, &setup, box, &in, &good);
	mailbox_close(box);
	db_close(in.db);
	return status;
}

/* ---- a worker that stays */

void
worker_report(struct app *app, char what)
{
	if (write(app->report, &what, 1) == -1)
		return;		/* full: who listens has enough to read */
}

void
worker_pause(struct app *app, int64_t ms, int wake)
{
	const int64_t	until_ms = clock_mono_ms() + ms;
	int64_t		left = ms, said = ms;
	struct pollfd	pfd = { .fd = wake, .events = POLLIN };	/* -1: ignored */
	char		bytes[256];

	for (; !stop_asked && left > 0; left = until_ms - clock_mono_ms()) {
		if (poll(&pfd, 1, left < STOP_LOOK_MS ? (int)left : STOP_LOOK_MS) == 1) {
			while (read(wake, bytes, sizeof bytes) > 0)
				continue;
			return;
		}
		if (said - left >= PAUSE_REPORT_MS) {
			worker_report(app, REPORT_WAITING);	/* else a long pause would look stuck */
			said = left;
		}
	}
}

struct gap {
	int	failures;	/* in a row */
	int64_t	lost_ms;	/* clock_mono_ms() when it was last said that the connection went; 0: never */
};

/* Some servers end each connection that is silent for a minute: that is no change. */
static void
lost_say(const struct mailbox_conf *m, struct gap *g, const struct err *e)
{
	const int64_t	now_ms = clock_mono_ms();
	const bool	due = g->lost_ms == 0 || now_ms - g->lost_ms >= TROUBLE_SAY_MS;

	(due ? log_info : log_debug)("mailbox.disconnected", "mailbox", m->name, "error", e->msg, NULL);
	if (due)
		g->lost_ms = now_ms;
}

/* What stands between two passes: listening while there is a connection, else a pause. */
static void
between(struct app *app, const struct mailbox_conf *m, struct mailbox *box, bool good, struct gap *g)
{
	int64_t		wait_ms = m->poll_ms;
	uint32_t	chance;
	struct err	e;

	digest_random(&chance, sizeof chance);
	if (!good)
		wait_ms = mailbox_pause_ms(++g->failures, chance, m->poll_ms);
	if (mailbox_wait(box, wait_ms, &e) == 0) {
		g->failures = good ? 0 : g->failures;
		return;
	}
	if (good) {
		if (!stop_asked)
			lost_say(m, g, &e);
		if (++g->failures == 1)	/* a connection that went while nothing was said is nothing odd */
			return;
		wait_ms = mailbox_pause_ms(g->failures - 1, chance, m->poll_ms);
	}
	worker_pause(app, wait_ms, -1);
}

/* A mailbox whose worker keeps dying is in trouble like one whose server is away: someone must hear of it. */
static void
death_tell(struct app *app, struct db *db, const struct mailbox_conf *m, const char *died)
{
	struct err	e;

	err_set(&e, ERR_RETRY, "its process %s, and again", died);
	pass_failed(app, db, m, &e, clock_now_ms());
}

enum status
worker_stay(struct app *app, const struct mailbox_conf *m, const char *died)
{
	const struct reading_setup setup = ingest_setup(&app->set.sender, m->authserv, app->set.rules, &app->arena);
	struct ingest	fresh = ingest_of(app, m), in = fresh;
	struct mailbox	*box = mailbox_open(m, &in);
	enum status	status = STATUS_DONE;
	struct gap	gap = {0};
	struct err	e;
	bool		good;

	if (db_open(app->set.database, DB_WRITE, &fresh.db, &e) == -1)
		status = failed("database.failed", &e);
	else if (died)
		death_tell(app, fresh.db, m, died);
	while (fresh.db && !stop_asked) {
		const int64_t began_ms = clock_mono_ms();

		in = fresh;		/* what is counted is counted of one pass */
		in.now_ms = clock_now_ms();
		status = worker_readers_pass(app, m, &setup, box, &in, &good);
		if (status == STATUS_DATABASE || status == STATUS_DEFECT)
			break;		/* another process may have better luck */
		if (good && status != STATUS_STOPPED)
			app_well(app);
		worker_report(app, good ? REPORT_GOOD : REPORT_FAILED);
		between(app, m, box, good, &gap);
		worker_pause(app, began_ms + WORKER_GAP_MS - clock_mono_ms(), -1);
	}
	mailbox_close(box);
	db_close(fresh.db);
	return stop_asked ? STATUS_DONE : status;
}

/* ---- processes */

pid_t
worker_fork(const sigset_t *mask)
{
	const pid_t	parent = getpid();
	pid_t		pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)	/* it died before we asked to follow it */
		_exit(STATUS_STOPPED);
	sigprocmask(SIG_SETMASK, mask, NULL);
	return 0;
}

static pid_t
worker_start(struct app *app, const struct mailbox_conf *m, const sigset_t *mask, struct progress *progress)
{
	pid_t	pid = worker_fork(mask);

	if (pid == 0)
		_exit((int)work(app, m, progress));
	if (pid == -1)
		log_error("worker.failed", "mailbox", m->name, "error", strerror(errno), NULL);
	return pid;
}

static enum status
worker_status(int status, const char *mailbox)
{
	if (WIFEXITED(status))
		return (enum status)WEXITSTATUS(status);
	log_error("worker.killed", "mailbox", mailbox, "signal", strsignal(WTERMSIG(status)), NULL);
	return STATUS_DEFECT;
}

/* Takes the status of those that have ended; answers how many still run. */
static int
workers_reap(const struct mailbox_conf *boxes, pid_t *pids, int n, enum status *status)
{
	int	left = 0, how;
	pid_t	ended;

	for (int i = 0; i < n; i++) {
		if (pids[i] > 0 && (ended = waitpid(pids[i], &how, WNOHANG)) != 0) {
			*status = status_worse(*status, ended == -1 ? STATUS_DEFECT :
			    worker_status(how, boxes[i].name));
			pids[i] = 0;
		}
		left += pids[i] > 0;
	}
	return left;
}

/* Waits for a signal; meanwhile, whoever looks sees how far the workers are. */
static int
signal_wait(const struct app *app, const sigset_t *signals, struct progress *progress)
{
	static const struct timespec step = { .tv_nsec = PROGRESS_STEP_MS * 1000000L };
	const char	*name = app->set.mailbox_count == 1 ? app->set.mailboxes[0].name : NULL;
	int		sig;

	if (progress == NULL)
		return sigwaitinfo(signals, NULL);
	while ((sig = sigtimedwait(signals, NULL, &step)) == -1 && errno == EAGAIN)
		progress_show(progress, name);
	return sig;
}

/*
 * All of them, at most `jobs` at a time, until the last has ended. A stop that comes meanwhile is passed
 * on at once to those that run, and no other is started.
 */
static enum status
workers_wait(struct app *app, pid_t *pids, const sigset_t *signals, const sigset_t *mask,
    struct progress *progress)
{
	const struct mailbox_conf *boxes = app->set.mailboxes;
	enum status	status = STATUS_DONE;
	bool		told = false;
	int		started = 0, left, sig;

	for (;;) {
		left = workers_reap(boxes, pids, started, &status);
		for (; started < app->set.mailbox_count && left < app->jobs && !stop_asked; started++) {
			pids[started] = worker_start(app, &boxes[started], mask, progress);
			if (pids[started] == -1)
				status = status_worse(status, STATUS_STOPPED);
			left += pids[started] > 0;
		}
		if (left == 0)
			return started < app->set.mailbox_count ? status_worse(status, STATUS_STOPPED) : status;
		for (int i = 0; i < started && stop_asked && !told; i++)
			if (pids[i] > 0)
				kill(pids[i], SIGTERM);
		told = stop_asked;
		sig = signal_wait(app, signals, progress);
		if (sig == SIGTERM || sig == SIGINT)
			stop_asked = 1;
	}
}

enum status
workers_run(struct app *app)
{
	pid_t		*pids = arena_array(&app->arena, (size_t)app->set.mailbox_count + 1, sizeof *pids);
	struct progress	*progress = progress_open(app->set.mailbox_count);
	enum status	status;
	sigset_t	signals, mask;

	/* Blocked, so that none can come between a look and the wait for it. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, &mask);
	status = workers_wait(app, pids, &signals, &mask, progress);
	progress_close(progress);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return status;
}
