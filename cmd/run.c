/*
 * One pass: ingest, enrich, notify; each part goes on when an earlier one failed. And watch's worker for enrich and
 * notify, which does the same parts again and again.
 */
#include <getopt.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "ingest/enrich.h"
#include "ingest/reconcile.h"
#include "ingest/unproven.h"
#include "notify/notify.h"
#include "store/alarm.h"
#include "store/approval.h"
#include "store/claim.h"
#include "store/delivery.h"
#include "store/event.h"

#define TELL_GAP_MS	200	/* at least, from pass to pass of watch: what mailboxes commit comes in crowds */
#define JOBS_DEFAULT	8	/* mailboxes at once: each is two processes and a connection */
#define JOBS_MAX	64

/* Workers open the database for themselves: a connection must not cross a fork. Who comes next opens it again. */
static enum status
ingest_part(struct app *app)
{
	struct err	e;

	if (alarm_days_over(app->db, clock_now_ms(), &e) == -1)
		return failed("database.failed", &e);
	db_close(app->db);
	app->db = NULL;
	return workers_run(app);
}

static enum status
enrich_part(struct app *app)
{
	struct enrich	en = { .db = app->db, .lock = app->lock, .conf = &app->set.api, .stop = &stop_asked,
	    .now_ms = clock_now_ms(), .keep = &app->api };
	struct err	e;
	enum status	status = STATUS_DONE;

	app->api_fails = enrich_pass(&en, &e) == -1;
	app->api_away = app->api_fails && en.away;
	app->api_shut = app->api_fails && e.what != ERR_ANY && (en.away || e.what != ERR_KEYS);
	if (app->api_fails) {
		status = status_of(&e);
		if (e.what == ERR_DATABASE || e.what == ERR_CONFIG || e.kind == ERR_FATAL ||
		    (e.what == ERR_STOPPED && !stop_asked))	/* the API's own failures enrich_pass() tells */
			app_failed(app, "enrich.failed", &e);
		else if (status == STATUS_PARTLY && en.failing_ms < TROUBLE_LONG_MS)
			status = STATUS_DONE;	/* a blip: the next pass asks again */
	}
	if (app->set.sender.accept_api && !app->api_shut && unproven_pass(&en, &e) == -1 && !stop_asked)
		status = status_worse(status, app_failed(app, "enrich.failed", &e));
	(app->staying && en.asked == 0 ? log_debug : log_info)("enrich.done", "asked", log_num(en.asked).s, "confirmed", log_num(en.confirmed).s, "evidence",
	    log_num(en.evidence).s, "pending", log_num(en.pending).s, "waiting", log_num(en.waiting).s,
	    "refreshed", log_num(en.refreshed).s, "changed", log_num(en.changed).s, "gone", log_num(en.gone).s, NULL);
	return status_worse(status, en.waiting > 0 ? STATUS_PARTLY : STATUS_DONE);
}

/* Last of what asks the API, and never long: nobody who is confirmed waits for it. */
static enum status
reconcile_part(struct app *app)
{
	struct reconcile rc = { .db = app->db, .lock = app->lock, .api = &app->set.api, .conf = &app->set.reconcile,
	    .stop = &stop_asked, .now_ms = clock_now_ms(), .keep = &app->api, .others_fail = app->api_fails };
	struct err	 e;
	enum status	 status = STATUS_DONE;
	bool		 due = false;

	if (app->api_shut)
		return STATUS_DONE;	/* enrich said so */
	if (app->api_away)
		rc.keep = NULL;		/* perhaps for one claim alone, which may never be answered: lists are asked for on their own */
	if (reconcile_is_due(&rc, &due, &e) == -1)
		return app_failed(app, "reconcile.failed", &e);
	if (!due)
		return STATUS_DONE;
	if (reconcile_pass(&rc, &e) == -1) {
		status = status_of(&e);
		if (e.what == ERR_DATABASE || e.what == ERR_CONFIG || e.kind == ERR_FATAL)
			log_error("reconcile.failed", "error", e.msg, NULL);
		else if (status == STATUS_PARTLY && rc.failing_ms < TROUBLE_LONG_MS)
			status = STATUS_DONE;	/* as enrich's */
	}
	log_info("reconcile.done", "units", log_num(rc.units).s, "orders", log_num(rc.orders).s, "asked",
	    log_num(rc.asked).s, "missing", log_num(rc.told).s, "recorded", log_num(rc.recorded).s, NULL);
	return status;
}

static enum status
notify_part(struct app *app)
{
	struct notify	no = { .db = app->db, .lock = app->lock, .routes = &app->set.routes,
	    .smtp = &app->set.smtp, .stop = &stop_asked, .now_ms = clock_now_ms() };
	struct err	e;
	enum status	status = STATUS_DONE;

	if (notify_pass(&no, &e) == -1) {
		status = status_of(&e);
		if (e.what != ERR_STOPPED || !stop_asked)
			app_failed(app, "notify.failed", &e);
	}
	(app->staying && no.events + no.delivered + no.failed == 0 ? log_debug : log_info)("notify.done", "events",
	    log_num(no.events).s, "delivered", log_num(no.delivered).s, "failed", log_num(no.failed).s, "dead",
	    log_num(no.dead).s, NULL);
	if (no.login_refused)
		status = status_worse(status, STATUS_LOGIN);
	if (no.cert_refused)
		status = status_worse(status, STATUS_CERT);
	return status_worse(status, no.failing_long > 0 || no.dead > 0 ? STATUS_PARTLY : STATUS_DONE);
}

/* Runs parts in order until the database fails or a stop is asked for. */
static enum status
parts_run(struct app *app, enum status (*const *parts)(struct app *))
{
	enum status	status = STATUS_DONE;
	struct err	e;

	if (changed_tell(app, clock_now_ms(), &e) == -1)
		return failed("database.failed", &e);
	for (; *parts; parts++) {
		if (!app->db && db_open(app->set.database, DB_WRITE, &app->db, &e) == -1) {
			status = status_worse(status, failed("database.failed", &e));
			break;
		}
		status = status_worse(status, stop_asked ? STATUS_STOPPED : (*parts)(app));
	}
	management_close(app->api);
	app->api = NULL;
	return status;
}

/* run and ingest: --jobs N, and nothing else. */
static int
jobs_option(struct app *app, int argc, char **argv)
{
	static const struct option options[] = { { "jobs", required_argument, NULL, 'j' }, { NULL, 0, NULL, 0 } };
	const int	n = app->set.mailbox_count;
	char		*end = "";
	long		jobs = n < JOBS_DEFAULT ? n : JOBS_DEFAULT;
	int		opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) == 'j')
		jobs = strtol(optarg, &end, 10);
	if (opt != -1 || optind < argc)
		return usage(argv[0], "%s: takes --jobs N only", argv[0]), -1;
	if (*end || jobs < 1 || jobs > JOBS_MAX)
		return usage(argv[0], "--jobs: from 1 to %d", JOBS_MAX), -1;
	app->jobs = (int)jobs;
	return 0;
}

enum status
cmd_run(struct app *app, int argc, char **argv)
{
	static enum status (*const parts[])(struct app *) = { ingest_part, enrich_part, reconcile_part,
		notify_part, NULL };

	return jobs_option(app, argc, argv) == -1 ? STATUS_USAGE : parts_run(app, parts);
}

enum status
cmd_ingest(struct app *app, int argc, char **argv)
{
	static enum status (*const parts[])(struct app *) = { ingest_part, NULL };

	return jobs_option(app, argc, argv) == -1 ? STATUS_USAGE : parts_run(app, parts);
}

/* Approvals that shall be asked about again: all, or these. All of them, or none, are marked. */
static int
refresh_mark(struct app *app, char **ids, int n, struct err *e)
{
	int marked, rc = 0;

	if (db_begin(app->db, e) == -1)
		return -1;
	if (n == 0)
		rc = approval_ask(app->db, NULL, clock_now_ms(), &marked, e);
	for (int i = 0; i < n && rc == 0; i++)
		rc = approval_ask(app->db, ids[i], clock_now_ms(), &marked, e);
	if (rc == 0)
		return db_commit(app->db, e);
	db_rollback(app->db);
	return -1;
}

enum status
cmd_enrich(struct app *app, int argc, char **argv)
{
	static const struct option options[] = { { "refresh", no_argument, NULL, 'r' },
		{ "all", no_argument, NULL, 'a' }, { NULL, 0, NULL, 0 } };
	static enum status (*const parts[])(struct app *) = { enrich_part, NULL };
	enum status	status = STATUS_DONE;
	struct err	e;
	int		opt;
	bool		refresh = false, all = false;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (opt == '?')
			return usage("enrich", "that option is not known");
		else if (opt == 'r')
			refresh = true;
		else
			all = true;
	if (refresh ? all != (optind == argc) : all || optind < argc)
		return usage("enrich", "--refresh takes ids of approvals, or --all");
	if (refresh && app->set.api.none)
		return usage("enrich", "--refresh: there is nobody to ask (management_api: none)");
	if (refresh && refresh_mark(app, argv + optind, argc - optind, &e) == -1)
		return e.kind == ERR_REJECT && e.what == ERR_ANY ? usage(NULL, "%s", e.msg) :
		    failed("enrich.failed", &e);
	if (app_lock(app, &status) == 0) {
		status = parts_run(app, parts);
		if (refresh && app->api_fails && !stop_asked)	/* who asked for it reads it here, said before or not */
			log_warn("refresh.later", "why", "not all was answered: the next pass asks again", NULL);
	} else if (refresh && status == STATUS_DONE) {
		log_warn("refresh.later", "why", "another pass is running: it asks, or the next one", NULL);
	}
	return status;
}

enum status
cmd_notify(struct app *app, int argc, char **argv)
{
	static enum status (*const parts[])(struct app *) = { notify_part, NULL };

	(void)argc;
	(void)argv;
	return parts_run(app, parts);
}

/* ---- the worker of watch */

static enum status
tell_pass(struct app *app, int64_t now_ms)
{
	enum status	status;
	struct err	e;

	if (alarm_days_over(app->db, now_ms, &e) == -1)
		return app_failed(app, "database.failed", &e);
	status = enrich_part(app);
	if (!stop_asked && app->db)
		status = status_worse(status, reconcile_part(app));
	return stop_asked ? status : status_worse(status, notify_part(app));
}

/*
 * For how long there is nothing to do, unless a mailbox's worker says otherwise. What was due at now_ms and still is
 * waits for the next poll: the API or a receiver is away.
 */
static int64_t
tell_idle_ms(struct app *app, int64_t now_ms)
{
	int64_t		claim_ms = 0, delivery_ms = 0, idle_ms = app->set.poll_ms;
	const int64_t	passed_ms = clock_now_ms() - now_ms;
	struct err	e;

	if (claim_next(app->db, now_ms, &claim_ms, &e) == -1 ||
	    delivery_next(app->db, now_ms, &delivery_ms, &e) == -1)
		return idle_ms;		/* busy; a database that is broken is told by the next pass */
	/* a claim that went unanswered is due again at once: for the next pass, not for one of its own */
	if (claim_ms && !app->api_fails && claim_ms - now_ms < idle_ms)
		idle_ms = claim_ms - now_ms;
	if (delivery_ms && delivery_ms - now_ms < idle_ms)
		idle_ms = delivery_ms - now_ms;
	return idle_ms - passed_ms;
}

enum status
tell_stay(struct app *app, int wake)
{
	enum status	status = STATUS_DONE;
	struct err	e;

	if (db_open(app->set.database, DB_WRITE, &app->db, &e) == -1)
		return failed("database.failed", &e);
	while (!stop_asked) {
		const int64_t now_ms = clock_now_ms(), began_ms = clock_mono_ms();

		status = tell_pass(app, now_ms);
		if (status == STATUS_DATABASE || status == STATUS_DEFECT)
			break;		/* another process may have better luck */
		if (status != STATUS_STOPPED)
			app_well(app);
		worker_report(app, REPORT_GOOD);
		worker_pause(app, tell_idle_ms(app, now_ms), wake);
		worker_pause(app, began_ms + TELL_GAP_MS - clock_mono_ms(), -1);
	}
	management_close(app->api);
	app->api = NULL;
	db_close(app->db);
	app->db = NULL;
	return stop_asked ? STATUS_DONE : status;
}
