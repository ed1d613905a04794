/*
 * after - see after.h
 *
 * A batch is: its rows know that it is tried (committed); a FETCH of its flags says which mails are there and
 * not yet as they should be; one command; the same FETCH again; and what it shows is committed. So a crash at
 * any point costs a repeat.
 */
#include "ingest/after.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "ingest/epoch.h"
#include "ingest/move.h"
#include "store/action.h"
#include "store/event.h"

#define ALONE_AFTER	3	/* failed tries: then a mail is tried alone */
#define ALONE_MAX	100	/* so many in one pass: they cost some commands each */
#define ALONE_FAILED	20	/* or so many that failed again */
#define MISSES		2	/* not shown so often, in passes apart: gone. One answer may be wrong */

/* After the first failure, the second, ...; the last one for ever. */
static const int64_t waits_ms[] = {CLOCK_MINUTE, 5 * CLOCK_MINUTE, 30 * CLOCK_MINUTE, CLOCK_HOUR};
#define MISSED_MS	(10 * CLOCK_MINUTE)

/* ---- settings */

static bool
is_keyword(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n <= AFTER_MAX_KEYWORD &&
	    strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789$._-") == n;
}

static bool
is_same_folder(const char *a, const char *b)
{
	return strcmp(a, b) == 0 ||
	    (span_is_nocase(span_of(a), "INBOX") && span_is_nocase(span_of(b), "INBOX"));
}

static void
move_check(struct conf_node *at, const char *folder, const char *const *folders)
{
	struct arena a = {0};

	if (imap_wire_name(folder, &a) == NULL || folder[0] == '\\')
		conf_wrong(conf_of(at), at, "'%s' is no folder's name (at most %d bytes)", folder,
		    IMAP_MAX_NAME);
	for (int i = 0; folders[i] != NULL; i++)
		if (is_same_folder(folders[i], folder))
			conf_wrong(conf_of(at), at,
			    "moves mails into '%s', which is one of the `folders` that are read", folder);
	arena_free(&a);
}

static struct after_do
do_read(struct conf_node *at, const char *const *folders)
{
	struct after_do d = {.how = AFTER_LEAVE, .word = "leave"};
	const char *word = conf_scalar(at, NULL);

	if (at == NULL || (word != NULL && strcmp(word, "leave") == 0))
		return d;
	d.word = word;
	if (word != NULL && strcmp(word, "seen") == 0) {
		d.how = AFTER_SEEN;
	} else if (word != NULL && strncmp(word, "keyword:", 8) == 0) {
		d.how = AFTER_KEYWORD;
		d.name = word + 8;
		if (!is_keyword(d.name))
			conf_wrong(conf_of(at), at, "'%s' is no keyword: 1 to %d of letters, digits and $._-",
			    d.name, AFTER_MAX_KEYWORD);
	} else if (word != NULL && strncmp(word, "move:", 5) == 0) {
		d.how = AFTER_MOVE;
		d.name = word + 5;
		move_check(at, d.name, folders);
	} else {
		conf_wrong(conf_of(at), at, "must be leave, seen, keyword:NAME or move:FOLDER");
	}
	return d;
}

void
after_conf_read(struct conf_node *mailbox, const char *const *folders, struct after_conf *c)
{
	static const char *const fates[AFTER_FATES] = {
		[ACTION_READ] = "read", [ACTION_HELD] = "held", [ACTION_IGNORED] = "ignored"};
	struct conf_node *after = conf_get(mailbox, "after");

	for (int f = 0; f < AFTER_FATES; f++)
		c->of[f] = conf_is_map(after) ? do_read(conf_get(after, fates[f]), folders) :
		    f == 0		      ? do_read(after, folders) :
						c->of[0];
	if (conf_is_map(after))
		conf_done(after);
}

bool
after_acts(const struct after_conf *c)
{
	for (int f = 0; f < AFTER_FATES; f++)
		if (c->of[f].how != AFTER_LEAVE)
			return true;
	return false;
}

/* ---- a folder */

struct work {
	struct after			*af;
	const char			*folder;
	const struct epoch_row		*epoch;
	bool				 opened, writable;
};

/* What becomes of a row when its batch ends. */
enum outcome { FAILED, DONE, MISSED };
struct batch {
	const struct after_do	*what;
	struct action		*rows[IMAP_MAX_UIDS];
	enum outcome		 outcome[IMAP_MAX_UIDS];
	size_t			 n;
	bool			 tried, accepted;	/* a command was given; it was not refused */
	struct err		 why;		/* of those that failed */
};

static int
work_commit(struct work *w, int rc, struct err *e)
{
	if (rc == 0)
		rc = db_commit(w->af->in->db, e);
	else
		db_rollback(w->af->in->db);
	if (rc == 0)
		db_lock_progress(w->af->in->lock);
	return rc;
}

static int64_t
next_try(int attempts, int64_t now_ms)
{
	size_t i = attempts < 1 ? 0 : (size_t)attempts - 1;

	return now_ms + waits_ms[i < COUNT(waits_ms) ? i : COUNT(waits_ms) - 1];
}

/* SELECT, since something is to be changed. A folder that was numbered anew meanwhile is the next pass's. */
static int
folder_open(struct work *w, struct err *e)
{
	struct imap_state state;

	if (w->opened)
		return 0;
	if (imap_select(w->af->imap, w->folder, &state, &w->writable, e) == -1)
		return -1;
	if (epoch_renumbered(w->epoch, &state))
		return err_set(e, ERR_REJECT, "the server has just numbered the folder anew");
	w->opened = true;
	return 0;
}

static int
row_settle(struct work *w, const struct batch *b, size_t i, int64_t *gone, struct err *e)
{
	struct action *x = b->rows[i];
	struct ingest *in = w->af->in;
	bool moved = b->what->how == AFTER_MOVE;

	/* what was copied and is no longer here has been moved, whoever took away the original */
	if (b->outcome[i] == DONE || (b->outcome[i] == MISSED && x->copied == ACTION_COPIED)) {
		*gone += moved;
		w->af->settled++;
		return action_settle(in->db, x->mail_id, ACTION_DONE, b->what->word, NULL, in->now_ms, e);
	}
	if (b->outcome[i] == MISSED && x->missed + 1 >= MISSES) {
		w->af->settled++;
		return action_settle(in->db, x->mail_id, ACTION_GONE, b->what->word,
		    moved && x->attempts > MISSES ? "it is no longer there: it may have been moved by a try whose "
						    "answer was lost" :
						    "it is no longer there",
		    in->now_ms, e);
	}
	if (b->outcome[i] == MISSED)
		return action_later(in->db, x->mail_id, b->what->word, "the server does not show it",
		    x->missed + 1, in->now_ms + MISSED_MS, e);
	w->af->failed++;
	w->af->why = b->why;
	return action_later(
	    in->db, x->mail_id, b->what->word, b->why.msg, 0, next_try(x->attempts, in->now_ms), e);
}

static int
batch_settle(struct work *w, const struct batch *b, struct err *e)
{
	int64_t gone = 0;
	int rc = db_begin(w->af->in->db, e);

	if (rc == -1)
		return -1;
	for (size_t i = 0; i < b->n && rc == 0; i++)
		rc = row_settle(w, b, i, &gone, e);
	if (rc == 0 && gone > 0)
		rc = action_fewer(w->af->in->db, w->epoch->id, gone, e);
	w->af->moved += gone;
	return work_commit(w, rc, e);
}

/* This is what was tried before, not what another setting asked for. */
static bool
is_tried(const struct action *x, const struct after_do *what)
{
	return x->what != NULL && strcmp(x->what, what->word) == 0;
}

static int
batch_begin(struct work *w, struct batch *b, struct err *e)
{
	int rc = db_begin(w->af->in->db, e);

	if (rc == -1)
		return -1;
	for (size_t i = 0; i < b->n && rc == 0; i++) {
		struct action *x = b->rows[i];

		if (!is_tried(x, b->what))
			x->copied = ACTION_NOT_COPIED, x->copies = x->attempts = 0;
		x->attempts++;
		rc = action_begin(w->af->in->db, x->mail_id, b->what->word, e);
	}
	return work_commit(w, rc, e);
}

static const char *
flag_of(const struct after_do *what)
{
	return what->how == AFTER_SEEN ? "\\Seen" : what->how == AFTER_KEYWORD ? what->name : NULL;
}

/* Looks at the batch: *todo are those that are there and not yet as they should be. */
static int
batch_look(struct work *w, struct batch *b, struct action **todo, size_t *n, struct err *e)
{
	struct imap_mark marks[IMAP_MAX_UIDS];
	uint32_t uids[IMAP_MAX_UIDS];

	*n = 0;
	for (size_t i = 0; i < b->n; i++)
		uids[i] = b->rows[i]->uid;
	if (imap_marks(w->af->imap, uids, b->n, flag_of(b->what), marks, e) == -1)
		return -1;
	for (size_t i = 0; i < b->n; i++) {
		bool was_there = b->tried && b->outcome[i] == FAILED;

		if (!marks[i].there)	/* before our eyes, by a move: that is what was wanted */
			b->outcome[i] =
			    was_there && b->accepted && b->what->how == AFTER_MOVE ? DONE : MISSED;
		else if (marks[i].marked)
			b->outcome[i] = DONE;
		else if (!b->tried || was_there)
			todo[(*n)++] = b->rows[i];
	}
	return 0;
}

static int
batch_move(struct work *w, const struct batch *b, struct action **todo, size_t n, struct err *e)
{
	struct arena a = {0};
	struct move m = {.db = w->af->in->db,
	    .imap = w->af->imap,
	    .from = w->folder,
	    .to = imap_wire_name(b->what->name, &a),
	    .uidvalidity = w->epoch->uidvalidity};
	int rc = 0;

	for (int i = 0; w->af->folders[i] != NULL && rc == 0; i++)
		if (is_same_folder(w->af->folders[i], m.to))
			rc = err_set(e, ERR_REJECT, "'%s' is a folder that is read", b->what->name);
	if (rc == 0)
		rc = move_mails(&m, todo, n, e);
	arena_free(&a);
	return rc;
}

static int
batch_change(struct work *w, const struct batch *b, struct action **todo, size_t n, struct err *e)
{
	uint32_t uids[IMAP_MAX_UIDS];

	if (!w->writable)
		return err_set(e, ERR_REJECT, "the server lets us only read this folder");
	if (b->what->how == AFTER_MOVE)
		return batch_move(w, b, todo, n, e);
	if (!imap_keeps(w->af->imap, flag_of(b->what)))
		return err_set(e, ERR_REJECT, "the server keeps no %s in this folder", flag_of(b->what));
	for (size_t i = 0; i < n; i++)
		uids[i] = todo[i]->uid;
	return imap_flag(w->af->imap, uids, n, flag_of(b->what), e);
}

/* The pass ends: the database failed, or a signal asks for it. */
static bool
is_end(const struct err *why)
{
	return why->what == ERR_DATABASE || why->what == ERR_STOPPED;
}

/* On the server. -1: is_end(); what else went wrong is in b->why. */
static int
batch_act(struct work *w, struct batch *b, struct err *e)
{
	struct action *todo[IMAP_MAX_UIDS];
	struct err why;
	size_t n;

	if (folder_open(w, &why) == -1 || batch_look(w, b, todo, &n, &why) == -1)
		goto failed;
	if (n == 0)
		return 0;
	b->tried = true;
	err_set(&b->why, ERR_RETRY, "the server did not refuse, but it is not so");
	b->accepted = batch_change(w, b, todo, n, &why) == 0;
	if (!b->accepted) {
		if (is_end(&why) || imap_broken(w->af->imap))
			goto failed;
		b->why = why;	/* some of it may have been done all the same */
		w->opened = b->what->how != AFTER_MOVE;	/* it may have left another folder open, or none */
	}
	if (folder_open(w, &why) == 0 && batch_look(w, b, todo, &n, &why) == 0)
		return 0;
failed:
	if (is_end(&why)) {
		*e = why;
		return -1;
	}
	for (size_t i = 0; i < b->n; i++)	/* what was seen before the failure is not what is now */
		b->outcome[i] = b->outcome[i] == DONE ? DONE : FAILED;
	b->why = why;
	return 0;
}

static int
batch_do(struct work *w, struct batch *b, struct err *e)
{
	struct ingest *in = w->af->in;
	int64_t settled = w->af->settled, failed = w->af->failed;

	if (in->stop != NULL && *in->stop)
		return err_what(e, ERR_RETRY, ERR_STOPPED, "stopped by a signal");
	if (batch_begin(w, b, e) == -1 || batch_act(w, b, e) == -1 || batch_settle(w, b, e) == -1)
		return -1;
	log_info("mailbox.after", "mailbox", in->mailbox, "folder", w->folder, "what", b->what->word, "done",
	    log_num(w->af->settled - settled).s, "failed", log_num(w->af->failed - failed).s, NULL);
	return 0;
}

/* All of the list for which this is to be done, in one batch: without what failed often. */
static int
word_do(struct work *w, const struct after_do *what, struct action *list, const bool *todo, size_t n,
    struct err *e)
{
	struct batch b = {.what = what};

	for (size_t i = 0; i < n; i++) {
		if (!todo[i] || strcmp(w->af->conf->of[list[i].fate].word, what->word) != 0)
			continue;
		if (list[i].attempts < ALONE_AFTER || !is_tried(&list[i], what))
			b.rows[b.n++] = &list[i];
	}
	return b.n > 0 && !imap_broken(w->af->imap) ? batch_do(w, &b, e) : 0;
}

/* What needs no server: nothing is to be done to it, now or ever. todo[i]: the rest. */
static int
rows_sort(struct work *w, struct action *list, bool *todo, size_t n, struct err *e)
{
	struct ingest *in = w->af->in;
	size_t rest = 0;
	int rc;

	for (size_t i = 0; i < n; i++) {
		enum action_fate fate = list[i].fate;

		todo[i] = fate < AFTER_FATES && w->af->conf->of[fate].how != AFTER_LEAVE;
		rest += !todo[i];
	}
	if (rest == 0)
		return 0;
	rc = db_begin(in->db, e);
	if (rc == -1)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct action *x = &list[i];
		bool waits = x->fate == ACTION_UNDECIDED;

		if (!todo[i])
			rc = action_settle(in->db, x->mail_id, waits ? ACTION_WAITS : ACTION_LEFT,
			    waits ? x->what : NULL, NULL, in->now_ms, e);
	}
	return work_commit(w, rc, e);
}

static int
chunk_do(struct work *w, struct action *list, size_t n, struct err *e)
{
	const struct after_do *of = w->af->conf->of;
	bool todo[IMAP_MAX_UIDS];
	int rc = rows_sort(w, list, todo, n, e);

	for (int f = 0; f < AFTER_FATES && rc == 0; f++) {
		bool again = false;

		for (int k = 0; k < f; k++)
			again = again || strcmp(of[k].word, of[f].word) == 0;
		if (of[f].how != AFTER_LEAVE && !again)
			rc = word_do(w, &of[f], list, todo, n, e);
	}
	return rc;
}

/* What failed often, each alone, when all else is done: some of it will fail again, and each costs some commands. */
static int
alone_do(struct work *w, struct err *e)
{
	const struct after_do *of = w->af->conf->of;
	const int64_t failed = w->af->failed;
	struct arena a = {0};
	struct action *list = arena_array(&a, ALONE_MAX, sizeof(*list));
	size_t n = 0;
	int rc = action_tried(w->af->in->db, w->epoch->id, ALONE_AFTER, w->af->in->now_ms, &a, list, ALONE_MAX, &n, e);

	for (size_t i = 0; i < n && rc == 0; i++) {
		struct batch one = {.rows = {&list[i]}, .n = 1};

		if (imap_broken(w->af->imap) || w->af->failed - failed >= ALONE_FAILED)
			break;
		if (list[i].fate >= AFTER_FATES || of[list[i].fate].how == AFTER_LEAVE)
			continue;
		one.what = &of[list[i].fate];
		rc = batch_do(w, &one, e);
	}
	arena_free(&a);
	return rc;
}

int
after_folder(struct after *af, const char *folder, const struct epoch_row *epoch, struct err *e)
{
	struct work w = {.af = af, .folder = folder, .epoch = epoch};
	uint32_t above = 0;
	size_t n;
	int rc;

	do {
		struct arena a = {0};
		struct action *list = arena_array(&a, IMAP_MAX_UIDS, sizeof(*list));

		rc = action_due(af->in->db, epoch->id, above, af->in->now_ms, &a, list, IMAP_MAX_UIDS, &n, e);
		if (rc == 0 && n > 0) {
			above = list[n - 1].uid;
			rc = chunk_do(&w, list, n, e);
		}
		arena_free(&a);
	} while (rc == 0 && n > 0 && !imap_broken(af->imap));
	return rc == 0 && !imap_broken(af->imap) ? alone_do(&w, e) : rc;
}

int
after_end(struct after *af, struct err *e)
{
	struct ingest *in = af->in;
	struct trouble t = {0};
	bool was = false;

	if (af->failed == 0) {
		if (af->settled == 0)
			return 0;
		if (event_recovered(in->db, "after", in->mailbox, in->now_ms, &was, e) == -1)
			return -1;
		if (was)
			log_warn("mailbox.after-recovered", "mailbox", in->mailbox, NULL);
		return 0;
	}
	/* never an event: no mail is lost by it, and nothing is announced late */
	if (event_failing(in->db, "after", in->mailbox, af->why.msg, INT64_MAX, in->now_ms, &t, e) == -1)
		return -1;
	if (t.say)
		log_warn("mailbox.after-failing", "mailbox", in->mailbox, "error", af->why.msg, "mails",
		    log_num(af->failed).s, NULL);
	return 0;
}

int
after_possible(struct imap *im, const struct after_conf *c, const char **folders, struct arena *a,
    const char **problem, struct err *e)
{
	struct imap_can can = {0};

	*problem = NULL;
	if (after_acts(c) && imap_can(im, &can, e) == -1)
		return -1;
	for (int f = 0; f < AFTER_FATES; f++) {
		const struct after_do *d = &c->of[f];

		if (d->how != AFTER_MOVE)
			continue;
		if (!can.move && !can.uidplus)
			*problem = arena_printf(a, "%s: the server has neither MOVE nor UIDPLUS, and mails "
			    "cannot be moved without touching others: use seen or keyword:NAME", d->word);
		for (int i = 0; folders[i] != NULL; i++)
			if (is_same_folder(folders[i], imap_wire_name(d->name, a)))
				*problem = arena_printf(a, "%s: that folder is one of those that are read", d->word);
	}
	return 0;
}
