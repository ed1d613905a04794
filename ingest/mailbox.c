/*
 * mailbox - see mailbox.h
 *
 * Order is what keeps mail from being lost: a SEARCH's UIDs are committed as pending before
 * anything is fetched, and a mail leaves pending only in the transaction that holds what was read
 * of it.
 *
 * The first pass opens the epochs of all folders in the transaction that makes the mailbox's row,
 * each with its UIDNEXT as of then: whenever it is killed, what was there before is history and
 * what came after is not. A folder that is first seen later has the arrival date decide.
 */
#include "ingest/mailbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "ingest/epoch.h"
#include "ingest/fetch.h"
#include "ingest/login.h"
#include "store/action.h"
#include "store/alert.h"
#include "store/event.h"

/* ---- rows */

static int
rows_make(struct mailbox *box, struct err *e)
{
	/* as exact as INTERNALDATE is */
	int64_t now_ms = box->in->now_ms - box->in->now_ms % CLOCK_SECOND;
	int64_t start_ms = box->conf->start_ms == -1 ? now_ms : box->conf->start_ms;
	int64_t announce_ms = box->conf->announce_ms == -1 ? now_ms : box->conf->announce_ms;

	if (mail_mailbox(box->in->db, box->conf->name, start_ms, announce_ms, box->in->now_ms,
	    &box->row, e) == -1)
		return -1;
	for (int i = 0; i < box->n; i++) {
		struct folder *f = &box->folders[i];

		if (mail_folder(box->in->db, box->row.id, f->name, &f->id, e) == -1 ||
		    mail_folder_junk(box->in->db, f->id, f->junk, e) == -1)
			return -1;
		if (box->row.fresh && epoch_open(box, f, true, e) == -1)
			return -1;
	}
	return action_acts(box->in->db, box->row.id, after_acts(&box->conf->after), e);
}

static int
pass_rows(struct mailbox *box, struct err *e)
{
	if (db_begin(box->in->db, e) == -1)
		return -1;
	return pass_commit(box, rows_make(box, e), e);
}

/* ---- folders */

static int
folder_examine(struct mailbox *box, struct folder *f, struct err *e)
{
	box->selected = NULL;
	if (imap_examine(box->imap, f->name, &f->state, e) == -1)
		return -1;
	box->selected = f;
	return 0;
}

static bool
folder_listed(const struct mailbox *box, const char *name)
{
	for (int i = 0; i < box->n; i++)
		if (strcmp(box->folders[i].name, name) == 0)
			return true;
	return false;
}

/* The name on the wire of a configured folder; NULL for a special use that no folder has. */
static int
folder_resolve(struct mailbox *box, const char *configured, const char **name, struct err *e)
{
	if (configured[0] == '\\') {
		if (imap_special(box->imap, configured, &box->arena, name, e) == -1)
			return -1;
		if (*name == NULL)
			log_info(
			    "mailbox.no-folder", "mailbox", box->conf->name, "use", configured, NULL);
		return 0;
	}
	*name = imap_wire_name(configured, &box->arena);
	if (span_is_nocase(span_of(configured), "INBOX"))
		*name = "INBOX";
	return 0;
}

/* ---- the pass */

static int
folder_pass(struct mailbox *box, struct folder *f, struct err *e)
{
	struct epoch_row ep;

	if (epoch_present(box, f, &ep, e) == -1)
		return -1;
	if (epoch_quiet(&ep, &f->state, box->in->now_ms)) {
		f->good = ep.untold == 0;
		return epoch_steady(box, f, e);
	}
	if (box->selected != f &&
	    (folder_examine(box, f, e) == -1 || epoch_present(box, f, &ep, e) == -1))
		return -1;
	if (pass_disk(box, e) == -1 || epoch_search(box, f, &ep, e) == -1)
		return -1;
	if (fetch_pending(box, f, &ep, e) == -1)
		return -1;
	if (mail_epoch(box->in->db, f->id, box->in->screen, &ep, e) == -1 || epoch_strays(box, f, &ep, e) == -1)
		return -1;
	f->good = ep.untold == 0;
	return epoch_steady(box, f, e);
}

/* Once, when the mailbox has no mail left to read: what of it is history. */
static int
history_tell(struct mailbox *box, struct err *e)
{
	struct mail_history h;
	struct arena a = {0};
	struct json *data;
	int rc;

	/* counting grows with old mail: once, and not where nothing can be history */
	if (box->row.history_told_ms != 0 || box->row.announce_ms == 0)
		return 0;
	if (mail_history(box->in->db, box->row.id, &h, e) == -1)
		return -1;
	if (h.pending > 0)
		return 0;
	if (h.mails == 0)
		return mail_history_told(box->in->db, box->row.id, box->in->now_ms, e);
	data = json_object();
	json_put_text(data, "mailbox", box->conf->name);
	json_put_int(data, "mails", h.mails);
	json_put_int(data, "read", h.read);
	json_put_int(data, "claims", h.claims);
	rc = event_add(box->in->db,
	    &(struct event_new){.type = "history.loaded",
		.ref = arena_printf(&a, "mailbox:%s", box->conf->name),
		.cause = log_num(box->row.first_pass_ms).s,
		.data = data},
	    box->in->now_ms, e);
	arena_free(&a);
	return rc == 0 ? mail_history_told(box->in->db, box->row.id, box->in->now_ms, e) : -1;
}

/* What is said of a pass at its end; `whole`: no folder failed. */
static int
pass_end(struct mailbox *box, bool whole, struct err *e)
{
	int rc = 0;

	if (db_begin(box->in->db, e) == -1)
		return -1;
	for (int i = 0; i < box->n && rc == 0; i++)
		if (box->folders[i].good)
			rc = mail_folder_good(box->in->db, box->folders[i].id, box->in->now_ms, e);
	if (rc == 0 && whole)
		rc = history_tell(box, e);
	return pass_commit(box, rc, e);
}

/* Said to a person, who need not read it in each pass. */
static void
on_alert(void *arg, const char *text)
{
	const struct mailbox *box = arg;
	bool say = true;
	struct err ignored;

	if (alert_due(box->in->db, box->conf->name, text, box->in->now_ms, &say, &ignored) == -1 || say)
		log_warn("imap.alert", "mailbox", box->conf->name, "text", text, NULL);
}

static int
session_open(void *arg, const struct transport_login *login, struct err *e)
{
	struct transport_login with = *login;
	struct mailbox *box = arg;

	with.alert = on_alert;
	with.alert_arg = box;
	return imap_open(&with, &box->imap, e);
}

static int
session_login(struct mailbox *box, struct err *e)
{
	const struct login login = {.conf = box->conf,
	    .db = box->in->db,
	    .now_ms = box->in->now_ms,
	    .stop = box->in->stop,
	    .open = session_open,
	    .arg = box};

	return login_open(&login, e);
}

static void
session_end(struct mailbox *box)
{
	imap_close(box->imap);
	box->imap = NULL;
	box->selected = NULL;
}

/* It failed: is there any use in going on with the next folder? */
static bool
pass_goes_on(struct mailbox *box, const struct err *why)
{
	struct err e;

	if (why->kind != ERR_RETRY || why->what != ERR_ANY || pass_stopped(box, &e) == -1)
		return false;
	if (box->imap != NULL && !imap_broken(box->imap))
		return true;
	session_end(box);
	return session_login(box, &e) == 0;
}

/* This folder cannot be examined: 0 if the others are to be looked at all the same. */
static int
folder_failed(struct mailbox *box, bool first, int64_t began_ms, struct err *e)
{
	if (imap_broken(box->imap) &&
	    (first || clock_mono_ms() - began_ms > PASS_BREAK_MS || !pass_goes_on(box, e)))
		return -1;
	box->refused = true;
	err_set(&box->why, ERR_RETRY, "%s", e->msg);
	return 0;
}

/*
 * Examines all folders once. One that the server refuses is told at the end of the pass, which the others are not to
 * miss; so is one that breaks the connection, unless it is the `first` one, which may have been broken before.
 */
static int
pass_folders(struct mailbox *box, bool first, struct err *e)
{
	bool broke = false;
	int n = 0;

	while (box->conf->folders[n] != NULL)
		n++;
	box->folders = arena_array(&box->arena, (size_t)n, sizeof(*box->folders));
	box->n = 0;
	box->refused = false;
	for (int i = 0; i < n; i++) {
		const int64_t began_ms = clock_mono_ms();
		struct folder *f = &box->folders[box->n];

		if (folder_resolve(box, box->conf->folders[i], &f->name, e) == -1)
			return -1;
		if (f->name == NULL || folder_listed(box, f->name))
			continue;
		f->junk = span_is_nocase(span_of(box->conf->folders[i]), "\\Junk");
		if (folder_examine(box, f, e) == 0) {
			box->n++;
			continue;
		}
		broke = broke || imap_broken(box->imap);
		if (folder_failed(box, first, began_ms, e) == -1)
			return -1;
	}
	if (box->n > 0 || (box->refused && !broke))
		return 0;
	return box->refused ? (*e = box->why, -1) : err_set(e, ERR_RETRY,
	    "none of the configured folders is on the server: check `folders`");
}

/*
 * Connects, unless it is connected, and examines the folders. What a server sends right behind its
 * answer to the login is lost in libcurl, and a connection that was kept may have gone meanwhile:
 * so a first command that makes no sense is worth a second connection.
 */
static int
session_start(struct mailbox *box, struct err *e)
{
	for (int attempt = 1;; attempt++) {
		if (box->imap == NULL && session_login(box, e) == -1)
			return -1;
		if (pass_folders(box, attempt == 1, e) == 0)
			return 0;
		if (attempt == 2 || !imap_broken(box->imap) || pass_stopped(box, e) == -1)
			return -1;
		session_end(box);
	}
}

/* What is due on the server, once all is read that can be. It fails no pass (ingest/after.h). */
static int
pass_after(struct mailbox *box, struct err *e)
{
	const char **names = arena_array(&box->arena, (size_t)box->n + 1, sizeof(*names));
	struct after af = {
	    .conf = &box->conf->after, .in = box->in, .imap = box->imap, .folders = names};
	struct epoch_row ep;

	for (int i = 0; i < box->n; i++)
		names[i] = box->folders[i].name;
	for (int i = 0; i < box->n && !imap_broken(box->imap); i++) {
		const int64_t moved = af.moved;

		if (mail_epoch(box->in->db, box->folders[i].id, NULL, &ep, e) == -1 ||
		    (ep.id != 0 && after_folder(&af, names[i], &ep, e) == -1))
			return -1;
		box->folders[i].state.exists -= af.moved - moved;	/* no news for mailbox_wait() */
	}
	return after_end(&af, e);
}

int
pass_reconnect(struct mailbox *box, struct folder *f, struct err *e)
{
	const struct imap_state was = f->state;

	session_end(box);
	if (session_login(box, e) == -1 || folder_examine(box, f, e) == -1)
		return -1;
	if (f->state.uidvalidity != was.uidvalidity || f->state.uidnext < was.uidnext)
		return err_set(e, ERR_RETRY, "folder '%s' was numbered anew meanwhile", f->name);
	return 0;
}

/* Folder by folder; one that fails is told at the end of the pass, which the others are not to miss. */
static int
pass_over_folders(struct mailbox *box, struct err *e)
{
	for (int i = 0; i < box->n; i++) {
		if (folder_pass(box, &box->folders[i], e) == 0)
			continue;
		box->why = *e;
		box->refused = true;
		if (!pass_goes_on(box, e))
			return -1;
	}
	return 0;
}

static int
pass_run(struct mailbox *box, struct err *e)
{
	struct err end;
	int rc;

	if (session_start(box, e) == -1 || pass_rows(box, e) == -1)
		return -1;
	rc = pass_over_folders(box, e);
	if (rc == -1 && e->what == ERR_DATABASE)
		return -1;
	if (pass_end(box, !box->refused, &end) == -1) {
		*e = end;
		return -1;
	}
	if (rc == 0 && box->imap != NULL && pass_after(box, e) == -1)
		return -1;
	if (box->refused)
		*e = box->why;
	return box->refused ? -1 : 0;
}

int
mailbox_pass(struct mailbox *box, bool *undone, struct err *e)
{
	int rc;

	box->n = 0;
	rc = pass_run(box, e);
	*undone = rc == -1;
	for (int i = 0; i < box->n; i++)
		*undone = *undone || !box->folders[i].good;
	if (box->imap != NULL && imap_broken(box->imap))
		session_end(box);
	box->waits_in[0] = '\0';
	if (box->n > 0) {	/* resolved names are at most IMAP_MAX_NAME long */
		snprintf(box->waits_in, sizeof(box->waits_in), "%s", box->folders[0].name);
		box->waits_from = box->folders[0].state;
	}
	box->selected = NULL;	/* the folders die with the pass */
	arena_free(&box->arena);
	return rc;
}

/* ---- between two passes */

/* Has the folder changed since the pass, which then looked into others? */
static int
wait_look(struct mailbox *box, bool *changed, struct err *e)
{
	const struct imap_state *was = &box->waits_from;
	struct imap_state is;

	*changed = false;
	if (box->waits_in[0] == '\0')
		return 0;
	if (imap_examine(box->imap, box->waits_in, &is, e) == -1)
		return imap_broken(box->imap) ? -1 : 0;
	*changed = is.uidvalidity != was->uidvalidity || is.uidnext != was->uidnext ||
	    is.exists != was->exists;
	return 0;
}

int
mailbox_wait(struct mailbox *box, int64_t within_ms, struct err *e)
{
	const int64_t answer_ms =
	    within_ms / 4 < MAILBOX_ANSWER_MS ? within_ms / 4 : MAILBOX_ANSWER_MS;
	const int64_t until_ms = clock_mono_ms() + within_ms - 2 * answer_ms;
	bool changed;
	int rc;

	if (box->imap == NULL)
		return err_set(e, ERR_RETRY, "not connected");
	rc = wait_look(box, &changed, e);
	while (rc == 0 && !changed) {
		int64_t left = until_ms - clock_mono_ms();

		if (left <= 0)
			return 0;
		rc = imap_idle(box->imap, left < MAILBOX_IDLE_MS ? left : MAILBOX_IDLE_MS, answer_ms,
		    &changed, e);
		db_lock_progress(box->in->lock);
	}
	if (rc == -1)
		session_end(box);
	return rc;
}

int64_t
mailbox_pause_ms(int n, uint32_t chance, int64_t poll_ms)
{
	static const int64_t waits[] = {5 * CLOCK_SECOND, 10 * CLOCK_SECOND, 20 * CLOCK_SECOND,
	    40 * CLOCK_SECOND, 80 * CLOCK_SECOND, 160 * CLOCK_SECOND, 320 * CLOCK_SECOND,
	    640 * CLOCK_SECOND, 900 * CLOCK_SECOND};
	static const struct backoff b = {waits, COUNT(waits), 20};
	int64_t pause_ms = backoff_next(&b, n < b.waits ? n : b.waits, 0, chance, 0);

	return pause_ms < poll_ms ? pause_ms : poll_ms;
}

/* ---- the session */

struct mailbox *
mailbox_open(const struct mailbox_conf *conf, struct ingest *in)
{
	struct mailbox *box = calloc(1, sizeof(*box));

	if (box == NULL)
		arena_no_memory();
	box->conf = conf;
	box->in = in;
	return box;
}

void
mailbox_close(struct mailbox *box)
{
	if (box == NULL)
		return;
	imap_close(box->imap);
	free(box);
}
