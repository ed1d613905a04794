/* One pass: ingest, enrich, notify; each part goes on when an earlier one failed. */
#include "base/clock.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "ingest/enrich.h"
#include "notify/notify.h"
#include "store/alarm.h"
#include "store/event.h"

/* Workers open the database for themselves: a connection must not cross a fork. */
static enum status
ingest_part(struct app *app)
{
	struct err	e;
	enum status	status;

	db_close(app->db);
	app->db = NULL;
	status = workers_run(app);
	if (db_open(app->set.database, DB_WRITE, &app->db, &e) == -1 ||
	    alarm_days_over(app->db, clock_now_ms(), &e) == -1)
		return status_worse(status, failed("database.failed", &e));
	return status;
}

static enum status
enrich_part(struct app *app)
{
	struct enrich	en = { .db = app->db, .lock = app->lock, .conf = &app->set.api, .stop = &stop_asked,
	    .now_ms = clock_now_ms() };
	struct err	e;
	enum status	status = STATUS_DONE;

	if (enrich_pass(&en, &e) == -1) {
		status = status_of(&e);
		if (e.what == ERR_DATABASE || e.what == ERR_CONFIG || e.kind == ERR_FATAL ||
		    (e.what == ERR_STOPPED && !stop_asked))	/* the API's own failures enrich_pass() tells */
			log_error("enrich.failed", "error", e.msg, NULL);
		else if (status == STATUS_PARTLY && en.failing_ms < TROUBLE_LONG_MS)
			status = STATUS_DONE;	/* a blip: the next pass asks again */
	}
	log_info("enrich.done", "asked", log_num(en.asked).s, "confirmed", log_num(en.confirmed).s, "evidence",
	    log_num(en.evidence).s, "pending", log_num(en.pending).s, "waiting", log_num(en.waiting).s, NULL);
	return status_worse(status, en.waiting > 0 ? STATUS_PARTLY : STATUS_DONE);
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
			log_error("notify.failed", "error", e.msg, NULL);
	}
	log_info("notify.done", "events", log_num(no.events).s, "delivered", log_num(no.delivered).s, "failed",
	    log_num(no.failed).s, "dead", log_num(no.dead).s, NULL);
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
	for (; *parts && app->db; parts++) {
		if (stop_asked)
			return status_worse(status, STATUS_STOPPED);
		status = status_worse(status, (*parts)(app));
	}
	return status;
}

enum status
cmd_run(struct app *app, int argc, char **argv)
{
	static enum status (*const parts[])(struct app *) = { ingest_part, enrich_part, notify_part, NULL };

	(void)argc;
	(void)argv;
	return parts_run(app, parts);
}

enum status
cmd_ingest(struct app *app, int argc, char **argv)
{
	static enum status (*const parts[])(struct app *) = { ingest_part, NULL };

	(void)argc;
	(void)argv;
	return parts_run(app, parts);
}

enum status
cmd_enrich(struct app *app, int argc, char **argv)
{
	static enum status (*const parts[])(struct app *) = { enrich_part, NULL };

	(void)argc;
	(void)argv;
	return parts_run(app, parts);
}

enum status
cmd_notify(struct app *app, int argc, char **argv)
{
	static enum status (*const parts[])(struct app *) = { notify_part, NULL };

	(void)argc;
	(void)argv;
	return parts_run(app, parts);
}
