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

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "ingest/import.h"
#include "ingest/ingest.h"
#include "read/reading.h"
#include "store/event.h"

#define CHUNK_MAILS	READING_MAX_SCREEN	/* headers in one FETCH, question, transaction */
#define BATCH_MAILS	20			/* bodies in one FETCH and one transaction */
#define BATCH_BYTES	(INT64_C(4) << 20)	/* of them together; a larger mail comes alone */
#define CLOCK_SKEW_MS	CLOCK_HOUR		/* a mail server's clock may be that slow */
#define MAX_NAME	64			/* bytes of a mailbox's name: the schema's */
#define DEFAULT_FOLDERS	"INBOX", "\\Junk"

_Static_assert(CHUNK_MAILS <= IMAP_MAX_UIDS, "a chunk must fit one FETCH");

struct folder {
	const char		*name;		/* on the wire */
	int64_t			 id;
	struct imap_state	 state;		/* as of the last EXAMINE */
	bool			 good;		/* nothing of it is left undone */
};

struct pass {
	const struct mailbox_conf *conf;
	struct ingest		*in;
	struct imap		*imap;
	struct arena		 arena;
	struct mailbox_row	 row;
	struct folder		*folders;
	int			 n;
	const struct folder	*selected;
	bool			 refused;	/* a folder could not be examined: `why` */
	struct err		 why;
};

/* A pending mail on its way through the two steps. */
struct arrival {
	uint32_t	uid;
	int64_t		id;
	int64_t		size_bytes, arrived_ms;	/* -1: did not come; arrived 0: unknown */
	struct span	text;			/* header fields, then the mail */
	bool		history, old /* before start */, candidate, wanted;
};
struct chunk {
	const struct folder	*folder;
	const struct epoch_row	*epoch;
	struct arena		 arena;
	struct arrival		 mails[CHUNK_MAILS];
	size_t			 n;
};

/* ---- settings */

static int64_t
instant_read(struct conf_node *n, const char *key, const char *word, int64_t deflt)
{
	const char *text = conf_text(n, key, NULL, CONF_OPTIONAL);
	struct err why;
	int64_t ms;

	if (text == NULL)
		return deflt;
	if (strcmp(text, "all") == 0)
		return 0;
	if (strcmp(text, word) == 0)
		return -1;
	if (clock_parse(span_of(text), &ms, &why) == 0 && ms > 0)
		return ms;
	conf_wrong(conf_of(n), conf_get(n, key),
	    "'%s' is neither %s nor all nor a date like 2026-01-01", text, word);
	return deflt;
}

static void
after_check(struct conf_node *at)
{
	const char *word = conf_scalar(at, NULL);

	if (at != NULL && (word == NULL || strcmp(word, "leave") != 0))
		conf_wrong(conf_of(at), at, "only 'leave' is supported by this version");
}

static void
after_read(struct conf_node *n)
{
	struct conf_node *after = conf_get(n, "after");

	if (!conf_is_map(after)) {
		after_check(after);
		return;
	}
	after_check(conf_get(after, "read"));
	after_check(conf_get(after, "held"));
	after_check(conf_get(after, "ignored"));
	conf_done(after);
}

static const char **
folders_read(struct conf_node *n)
{
	static const char *deflt[] = {DEFAULT_FOLDERS, NULL};
	const char **folders = conf_texts(n, "folders");
	struct conf_node *list = conf_get(n, "folders");
	struct arena a = {0};

	for (int i = 0; folders[i] != NULL; i++)
		if (imap_wire_name(folders[i], &a) == NULL || strcmp(folders[i], "\\") == 0)
			conf_wrong(conf_of(n), conf_is_list(list) ? conf_item(list, i) : list,
			    "is no folder's name (at most %d bytes) or special use like \\Junk",
			    IMAP_MAX_NAME);
	arena_free(&a);
	return folders[0] != NULL ? folders : deflt;
}

static bool
is_name(const char *name)
{
	return *name != '\0' && strlen(name) <= MAX_NAME &&
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static bool
is_plain(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

void
mailbox_conf_read(struct conf_node *n, const struct http_net *net, struct mailbox_conf *c)
{
	struct conf *conf = conf_of(n);

	*c = (struct mailbox_conf){
		.name = conf_text(n, "name", NULL, CONF_REQUIRED),
		.url = conf_url(n, "url", "imaps imap", CONF_REQUIRED),
		.user = conf_text(n, "user", NULL, CONF_REQUIRED),
		.password = conf_secret(n, "password_file", CONF_REQUIRED),
		.authserv = conf_text(n, "authserv", NULL, CONF_OPTIONAL),
		.folders = folders_read(n),
		.start_ms = instant_read(n, "start", "now", 0),
		.announce_ms = instant_read(n, "announce", "new", -1),
		.net = http_net_read(n, net),
		.database = conf_file(conf_root(conf), "database", NULL, CONF_OPTIONAL),
	};
	after_read(n);
	if (c->name != NULL && !is_name(c->name))
		conf_wrong(
		    conf, conf_get(n, "name"), "must be 1 to %d of a-z, 0-9 and -", MAX_NAME);
	if (c->name != NULL && strcmp(c->name, IMPORT_MAILBOX) == 0)
		conf_wrong(conf, conf_get(n, "name"), "is taken: mails from files are shown as of '%s'",
		    IMPORT_MAILBOX);
	if (c->user != NULL && !is_plain(c->user))
		conf_wrong(conf, conf_get(n, "user"), "has control characters");
	conf_done(n);
}

/* ---- policy */

bool
mailbox_history(const struct epoch_row *ep, int64_t announce_ms, uint32_t uid, int64_t arrived_ms)
{
	if (ep->history_uid != 0)
		return uid < ep->history_uid;
	return arrived_ms != 0 && arrived_ms < announce_ms;
}

bool
mailbox_old(const struct mailbox_row *row, const struct epoch_row *ep, uint32_t uid,
    int64_t arrived_ms)
{
	bool came_later = ep->history_uid != 0 && uid >= ep->history_uid &&
	    row->start_ms <= row->first_pass_ms;

	return arrived_ms != 0 && arrived_ms < row->start_ms - (came_later ? CLOCK_SKEW_MS : 0);
}

bool
mailbox_renumbered(const struct epoch_row *ep, const struct imap_state *st)
{
	return ep->uidvalidity != st->uidvalidity ||
	       (st->uidnext != 0 && st->uidnext <= ep->highest);
}

bool
mailbox_quiet(const struct epoch_row *ep, const struct imap_state *st, int64_t now_ms)
{
	return !mailbox_renumbered(ep, st) && st->uidnext != 0 && st->uidnext == ep->uidnext &&
	    st->exists == ep->exists_count && ep->pending == 0 && now_ms >= ep->full_ms &&
	    now_ms - ep->full_ms < MAILBOX_FULL_MS;
}

uint32_t
mailbox_search_from(const struct epoch_row *ep, const struct imap_state *st, int64_t now_ms)
{
	/* UIDNEXT below what it was: whatever the server lost, it may number mail there again */
	if (ep->uidnext == 0 || st->uidnext < ep->uidnext || now_ms < ep->full_ms ||
	    now_ms - ep->full_ms >= MAILBOX_FULL_MS)
		return 1;
	if (ep->oldest_pending != 0 && ep->oldest_pending < ep->uidnext)
		return ep->oldest_pending;
	return ep->uidnext;
}

/* How many of the sorted uids are at or above lo, and below hi (0: no end). */
static int64_t
count_between(const uint32_t *uids, size_t n, uint32_t lo, uint32_t hi)
{
	int64_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += uids[i] >= lo && (hi == 0 || uids[i] < hi);
	return count;
}

bool
mailbox_adds_up(
    const struct epoch_row *ep, const struct imap_state *st, const uint32_t *uids, size_t n)
{
	/* the search began at the oldest pending mail: not to see it is to have lost it */
	if (ep->oldest_pending != 0 && ep->oldest_pending < ep->uidnext &&
	    (n == 0 || uids[0] != ep->oldest_pending))
		return false;
	return ep->exists_count + count_between(uids, n, ep->uidnext, st->uidnext) == st->exists;
}

/* ---- the database's side */

/* The end of a transaction: commits after 0, else rolls back. */
static int
pass_commit(struct pass *p, int rc, struct err *e)
{
	if (rc == 0)
		rc = db_commit(p->in->db, e);
	else
		db_rollback(p->in->db);
	if (rc == 0)
		db_lock_progress(p->in->lock);
	return rc;
}

static int
pass_stopped(struct pass *p, struct err *e)
{
	if (p->in->stop != NULL && *p->in->stop)
		return err_what(e, ERR_RETRY, ERR_STOPPED, "stopped by a signal");
	return 0;
}

/* What has been started is finished on any disk; what is only on the server can wait there. */
static int
pass_disk(struct pass *p, struct err *e)
{
	struct statvfs fs;
	int64_t bytes;

	if (p->conf->database == NULL || statvfs(p->conf->database, &fs) == -1)
		return 0;
	bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	if (bytes >= p->in->limits->min_free)
		return 0;
	return err_what(e, ERR_RETRY, ERR_STOPPED,
	    "no mail is fetched: the disk of '%s' has %lld bytes free,"
	    " limits.min_free is %lld",
	    p->conf->database, (long long)bytes, (long long)p->in->limits->min_free);
}

/* Opens a folder's next epoch. With `announce: new`, what the first pass finds is history. */
static int
epoch_open(struct pass *p, const struct folder *f, bool first_pass, struct err *e)
{
	uint32_t history_uid = first_pass && p->conf->announce_ms == -1 ? f->state.uidnext : 0;
	int64_t id;

	return mail_epoch_open(
	    p->in->db, f->id, f->state.uidvalidity, history_uid, p->in->now_ms, &id, e);
}

static int
rows_make(struct pass *p, struct err *e)
{
	/* as exact as INTERNALDATE is */
	int64_t now_ms = p->in->now_ms - p->in->now_ms % CLOCK_SECOND;
	int64_t start_ms = p->conf->start_ms == -1 ? now_ms : p->conf->start_ms;
	int64_t announce_ms = p->conf->announce_ms == -1 ? now_ms : p->conf->announce_ms;

	if (mail_mailbox(p->in->db, p->conf->name, start_ms, announce_ms, p->in->now_ms, &p->row,
	    e) == -1)
		return -1;
	for (int i = 0; i < p->n; i++) {
		struct folder *f = &p->folders[i];

		if (mail_folder(p->in->db, p->row.id, f->name, &f->id, e) == -1)
			return -1;
		if (p->row.fresh && epoch_open(p, f, true, e) == -1)
			return -1;
	}
	return 0;
}

static int
pass_rows(struct pass *p, struct err *e)
{
	if (db_begin(p->in->db, e) == -1)
		return -1;
	return pass_commit(p, rows_make(p, e), e);
}

/* The folder's present epoch; a new one if the server has numbered it anew. */
static int
folder_epoch(struct pass *p, const struct folder *f, struct epoch_row *ep, struct err *e)
{
	if (mail_epoch(p->in->db, f->id, ep, e) == -1)
		return -1;
	if (ep->id != 0 && !mailbox_renumbered(ep, &f->state))
		return 0;
	if (db_begin(p->in->db, e) == -1 || pass_commit(p, epoch_open(p, f, false, e), e) == -1)
		return -1;
	if (ep->id != 0)
		log_info("mailbox.renumbered", "mailbox", p->conf->name, "folder", f->name, NULL);
	return mail_epoch(p->in->db, f->id, ep, e);
}

/* ---- folders and what they show */

static int
folder_examine(struct pass *p, struct folder *f, struct err *e)
{
	p->selected = NULL;
	if (imap_examine(p->imap, f->name, &f->state, e) == -1)
		return -1;
	p->selected = f;
	return 0;
}

static bool
folder_listed(const struct pass *p, const char *name)
{
	for (int i = 0; i < p->n; i++)
		if (strcmp(p->folders[i].name, name) == 0)
			return true;
	return false;
}

/* The name on the wire of a configured folder; NULL for a special use that no folder has. */
static int
folder_resolve(struct pass *p, const char *configured, const char **name, struct err *e)
{
	if (configured[0] == '\\') {
		if (imap_special(p->imap, configured, &p->arena, name, e) == -1)
			return -1;
		if (*name == NULL)
			log_info(
			    "mailbox.no-folder", "mailbox", p->conf->name, "use", configured, NULL);
		return 0;
	}
	*name = imap_wire_name(configured, &p->arena);
	if (span_is_nocase(span_of(configured), "INBOX"))
		*name = "INBOX";
	return 0;
}

/*
 * Examines all folders once. One that the server refuses is told at the end of the pass, which the
 * others are not to miss.
 */
static int
pass_folders(struct pass *p, struct err *e)
{
	int n = 0;

	while (p->conf->folders[n] != NULL)
		n++;
	p->folders = arena_array(&p->arena, (size_t)n, sizeof(*p->folders));
	p->n = 0;
	p->refused = false;
	for (int i = 0; i < n; i++) {
		struct folder *f = &p->folders[p->n];

		if (folder_resolve(p, p->conf->folders[i], &f->name, e) == -1)
			return -1;
		if (f->name == NULL || folder_listed(p, f->name))
			continue;
		if (folder_examine(p, f, e) == 0) {
			p->n++;
		} else if (imap_broken(p->imap)) {
			return -1;
		} else {
			p->refused = true;
			err_set(&p->why, ERR_RETRY, "%s", e->msg);
		}
	}
	if (p->n == 0 && !p->refused)
		return err_set(e, ERR_RETRY,
		    "none of the configured folders is on the server: check `folders`");
	return 0;
}

/* All that a search showed has a row when this returns. `full`: it was for all UIDs. */
static int
search_store(struct pass *p, const struct folder *f, const struct epoch_row *ep,
    const uint32_t *uids, size_t n, bool full, struct err *e)
{
	int64_t there = full ? count_between(uids, n, 1, f->state.uidnext) : f->state.exists;
	int64_t added = 0, vanished = 0;
	int rc = -1;

	if (db_begin(p->in->db, e) == -1)
		return -1;
	if (mail_shown(p->in->db, ep->id, uids, n, p->in->now_ms, &added, e) == 0 &&
	    /* a SEARCH that shows fewer than EXISTS says nothing about what is missing */
	    (!full || there != f->state.exists ||
		mail_missed(p->in->db, ep->id, uids, n, p->in->now_ms, &vanished, e) == 0) &&
	    mail_epoch_searched(
		p->in->db, ep->id, f->state.uidnext, there, full, p->in->now_ms, e) == 0)
		rc = 0;
	if (pass_commit(p, rc, e) == -1)
		return -1;
	p->in->seen += added;
	log_info("mailbox.searched", "mailbox", p->conf->name, "folder", f->name, "all",
	    full ? "yes" : "no", "new", log_num(added).s, "vanished", log_num(vanished).s, NULL);
	return 0;
}

static int
folder_search(struct pass *p, const struct folder *f, const struct epoch_row *ep, struct err *e)
{
	uint32_t from = mailbox_search_from(ep, &f->state, p->in->now_ms), *uids = NULL;
	struct arena a = {0};
	size_t n;
	int rc = imap_search(p->imap, from, &a, &uids, &n, e);

	if (rc == 0 && from > 1 && !mailbox_adds_up(ep, &f->state, uids, n)) {
		from = 1;
		rc = imap_search(p->imap, from, &a, &uids, &n, e);
	}
	if (rc == 0 && from == 1 && n == 0 && f->state.exists > 0)
		rc = err_set(e, ERR_RETRY, "folder '%s': the server has %lld mails but shows none",
		    f->name, (long long)f->state.exists);
	if (rc == 0)
		rc = search_store(p, f, ep, uids, n, from == 1, e);
	arena_free(&a);
	return rc;
}

/* ---- step one: header fields */

static int
arrival_order(const void *key, const void *mail)
{
	uint32_t uid = *(const uint32_t *)key, other = ((const struct arrival *)mail)->uid;

	return (uid > other) - (uid < other);
}

static struct arrival *
arrival_of(struct chunk *c, uint32_t uid)
{
	return bsearch(&uid, c->mails, c->n, sizeof(c->mails[0]), arrival_order);
}

/* Several lines for one mail add up: what came first stands. */
static void
on_header(void *arg, const struct imap_item *item)
{
	struct chunk *c = arg;
	struct arrival *m = arrival_of(c, item->uid);

	if (m == NULL)
		return;
	if (m->size_bytes == -1)
		m->size_bytes = item->size_bytes;
	if (m->arrived_ms == -1)
		m->arrived_ms = item->arrived_ms;
	if (m->text.n == 0 && item->text.n > 0)
		m->text = arena_span(&c->arena, item->text);
}

static bool
has_come(const struct arrival *m)
{
	return m->size_bytes != -1 && m->arrived_ms != -1;
}

/* Asks the screen about the chunk. What it cannot be asked is a candidate. */
static int
chunk_screen(struct pass *p, struct chunk *c, struct err *e)
{
	struct span headers[CHUNK_MAILS];
	bool answers[CHUNK_MAILS] = {false};
	size_t of[CHUNK_MAILS], n = 0;

	for (size_t i = 0; i < c->n; i++) {
		struct arrival *m = &c->mails[i];

		m->old = has_come(m) && mailbox_old(&p->row, c->epoch, m->uid, m->arrived_ms);
		m->candidate = true;
		if (!has_come(m) || m->old || m->text.n == 0 || m->text.n >= IMAP_MAX_HEADER)
			continue;
		of[n] = i;
		headers[n++] = m->text;
	}
	if (n == 0)
		return 0;
	if (reader_screen(p->in->readers, headers, n, answers, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		c->mails[of[i]].candidate = answers[i];
	return 0;
}

/* In a transaction: what the header says of this mail. It is `wanted` if its body must be read. */
static int
header_store(struct pass *p, struct chunk *c, struct arrival *m, struct err *e)
{
	struct ingest *in = p->in;

	if (!has_come(m))
		return mail_failed(in->db, m->id, "the server did not send its header", e);
	m->history = mailbox_history(c->epoch, p->row.announce_ms, m->uid, m->arrived_ms);
	if (mail_header(in->db, m->id, m->arrived_ms, m->size_bytes, m->history, e) == -1)
		return -1;
	if (m->old || !m->candidate) {
		in->ignored++;
		return mail_settle(in->db, m->id, MAIL_IGNORED, m->old ? "before-start" : NULL,
		    m->old ? NULL : in->screen, in->now_ms, e);
	}
	if (m->size_bytes > in->limits->mail_bytes)
		return ingest_oversize(in, m->id, c->folder->name, m->arrived_ms, m->size_bytes,
		    m->history, e);
	m->wanted = true;
	return 0;
}

static int
chunk_headers(struct pass *p, struct chunk *c, struct err *e)
{
	uint32_t uids[CHUNK_MAILS];
	int rc = 0;

	for (size_t i = 0; i < c->n; i++)
		uids[i] = c->mails[i].uid;
	if (imap_headers(p->imap, uids, c->n, on_header, c, e) == -1 || chunk_screen(p, c, e) == -1)
		return -1;
	if (db_begin(p->in->db, e) == -1)
		return -1;
	for (size_t i = 0; i < c->n && rc == 0; i++) {
		rc = header_store(p, c, &c->mails[i], e);
		c->mails[i].text = (struct span){NULL, 0};
	}
	return pass_commit(p, rc, e);
}

/* ---- step two: bodies of candidates */

static void
on_body(void *arg, const struct imap_item *item)
{
	struct arrival *m = arrival_of(arg, item->uid);

	if (m != NULL && m->wanted && m->text.n == 0)
		m->text = item->text;
}

static int
body_store(struct pass *p, const struct chunk *c, const struct arrival *m,
    const struct ingest_mail *mail, struct err *e)
{
	if (m->text.n == 0)	/* NIL and "" are no mail: the server could not read it */
		return mail_failed(p->in->db, m->id, "the server did not send it", e);
	if ((int64_t)m->text.n > p->in->limits->mail_bytes)
		return ingest_oversize(p->in, m->id, c->folder->name, m->arrived_ms,
		    (int64_t)m->text.n, m->history, e);
	return ingest_store(p->in, mail, e);
}

/* The mails from `at` on that were just fetched: read by the children, then stored together. */
static int
batch_store(
    struct pass *p, const struct chunk *c, struct arrival *const *batch, size_t n, struct err *e)
{
	struct arena a = {0};
	struct ingest_mail *mails = arena_array(&a, n, sizeof(*mails));
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct arrival *m = batch[i];

		mails[i] = (struct ingest_mail){.id = m->id,
		    .uid = m->uid,
		    .arrived_ms = m->arrived_ms,
		    .history = m->history,
		    .raw = m->text};
		if (m->text.n > 0 && (int64_t)m->text.n <= p->in->limits->mail_bytes)
			rc = ingest_read(p->in, &mails[i], &a, e);
	}
	if (rc == 0 && (rc = db_begin(p->in->db, e)) == 0) {
		for (size_t i = 0; i < n && rc == 0; i++)
			rc = body_store(p, c, batch[i], &mails[i], e);
		rc = pass_commit(p, rc, e);
	}
	arena_free(&a);
	return rc;
}

static int
chunk_bodies(struct pass *p, struct chunk *c, struct err *e)
{
	size_t next = 0;
	int rc = 0;

	while (rc == 0) {
		struct arrival *batch[BATCH_MAILS];
		uint32_t uids[BATCH_MAILS];
		int64_t bytes = 0;
		size_t n = 0;

		for (; next < c->n && n < BATCH_MAILS; next++) {
			struct arrival *m = &c->mails[next];

			if (!m->wanted)
				continue;
			if (n > 0 && bytes + m->size_bytes > BATCH_BYTES)
				break;
			bytes += m->size_bytes;
			uids[n] = m->uid;
			batch[n++] = m;
		}
		if (n == 0)
			return 0;
		if (pass_stopped(p, e) == -1 || pass_disk(p, e) == -1 ||
		    imap_bodies(p->imap, uids, n, bytes, on_body, c, e) == -1)
			return -1;
		rc = batch_store(p, c, batch, n, e);
		imap_release(p->imap);
	}
	return rc;
}

/* ---- the pass */

/* Up to CHUNK_MAILS pending mails above `after` through both steps; *n: how many there were. */
static int
chunk_pass(struct pass *p, const struct folder *f, const struct epoch_row *ep, uint32_t *after,
    size_t *n, struct err *e)
{
	struct chunk c = {.folder = f, .epoch = ep};
	uint32_t uids[CHUNK_MAILS];
	int64_t ids[CHUNK_MAILS];
	int rc;

	if (mail_pending(p->in->db, ep->id, *after, uids, ids, CHUNK_MAILS, &c.n, e) == -1)
		return -1;
	*n = c.n;
	if (c.n == 0)
		return 0;
	*after = uids[c.n - 1];
	for (size_t i = 0; i < c.n; i++)
		c.mails[i] = (struct arrival){
		    .uid = uids[i], .id = ids[i], .size_bytes = -1, .arrived_ms = -1};
	rc = pass_stopped(p, e);
	if (rc == 0)
		rc = chunk_headers(p, &c, e);
	arena_free(&c.arena);
	return rc == 0 ? chunk_bodies(p, &c, e) : -1;
}

static int
folder_pass(struct pass *p, struct folder *f, struct err *e)
{
	struct epoch_row ep;
	uint32_t after = 0;
	size_t n;

	if (folder_epoch(p, f, &ep, e) == -1)
		return -1;
	if (mailbox_quiet(&ep, &f->state, p->in->now_ms)) {
		f->good = true;
		return 0;
	}
	if (p->selected != f && (folder_examine(p, f, e) == -1 || folder_epoch(p, f, &ep, e) == -1))
		return -1;
	if (pass_disk(p, e) == -1 || folder_search(p, f, &ep, e) == -1)
		return -1;
	do {
		if (chunk_pass(p, f, &ep, &after, &n, e) == -1)
			return -1;
	} while (n > 0);
	if (mail_epoch(p->in->db, f->id, &ep, e) == -1)
		return -1;
	f->good = ep.pending == 0;
	return 0;
}

/* Once, when the mailbox has no mail left to read: what of it is history. */
static int
history_tell(struct pass *p, struct err *e)
{
	struct mail_history h;
	struct arena a = {0};
	struct json *data;
	int rc;

	/* counting grows with old mail: once, and not where nothing can be history */
	if (p->row.history_told_ms != 0 || p->row.announce_ms == 0)
		return 0;
	if (mail_history(p->in->db, p->row.id, &h, e) == -1)
		return -1;
	if (h.pending > 0)
		return 0;
	if (h.mails == 0)
		return mail_history_told(p->in->db, p->row.id, p->in->now_ms, e);
	data = json_object();
	json_put_text(data, "mailbox", p->conf->name);
	json_put_int(data, "mails", h.mails);
	json_put_int(data, "read", h.read);
	json_put_int(data, "claims", h.claims);
	rc = event_add(p->in->db,
	    &(struct event_new){.type = "history.loaded",
		.ref = arena_printf(&a, "mailbox:%s", p->conf->name),
		.cause = log_num(p->row.first_pass_ms).s,
		.data = data},
	    p->in->now_ms, e);
	arena_free(&a);
	return rc == 0 ? mail_history_told(p->in->db, p->row.id, p->in->now_ms, e) : -1;
}

/* What is said of a pass at its end; `whole`: no folder failed. */
static int
pass_end(struct pass *p, bool whole, struct err *e)
{
	int rc = 0;

	if (db_begin(p->in->db, e) == -1)
		return -1;
	for (int i = 0; i < p->n && rc == 0; i++)
		if (p->folders[i].good)
			rc = mail_folder_good(p->in->db, p->folders[i].id, p->in->now_ms, e);
	if (rc == 0 && whole)
		rc = history_tell(p, e);
	return pass_commit(p, rc, e);
}

/*
 * Connects and examines the folders. What a server sends right behind its answer to the login is
 * lost in libcurl, so a first command that makes no sense is worth a second connection.
 */
static int
pass_open(struct pass *p, const struct transport_login *login, struct err *e)
{
	for (int attempt = 1;; attempt++) {
		if (imap_open(login, &p->imap, e) == -1)
			return -1;
		if (pass_folders(p, e) == 0)
			return 0;
		if (attempt == 2 || !imap_broken(p->imap) || pass_stopped(p, e) == -1)
			return -1;
		imap_close(p->imap);
		p->imap = NULL;
	}
}

static int
pass_login(struct pass *p, struct err *e)
{
	struct transport_login login = {
	    .url = p->conf->url, .user = p->conf->user, .net = &p->conf->net, .stop = p->in->stop};
	struct arena a = {0};
	int rc = conf_secret_read(p->conf->password, &a, &login.password, e);

	if (rc == 0 && !is_plain(login.password))
		rc = err_what(e, ERR_REJECT, ERR_CONFIG,
		    "password_file '%s' has control characters", p->conf->password.name);
	if (rc == 0)
		rc = pass_open(p, &login, e);
	if (login.password != NULL)
		explicit_bzero((char *)login.password, strlen(login.password));
	arena_free(&a);
	return rc;
}

static int
pass_run(struct pass *p, struct err *e)
{
	struct err end;
	int rc = 0;

	if (pass_login(p, e) == -1 || pass_rows(p, e) == -1)
		return -1;
	for (int i = 0; i < p->n && rc == 0; i++)
		rc = folder_pass(p, &p->folders[i], e);
	if (rc == -1 && e->what == ERR_DATABASE)
		return -1;
	if (pass_end(p, rc == 0 && !p->refused, &end) == -1 && rc == 0) {
		*e = end;
		return -1;
	}
	if (rc == 0 && p->refused) {
		*e = p->why;
		return -1;
	}
	return rc;
}

int
mailbox_pass(const struct mailbox_conf *conf, struct ingest *in, bool *undone, struct err *e)
{
	struct pass p = {.conf = conf, .in = in};
	int rc = pass_run(&p, e);

	*undone = rc == -1;
	for (int i = 0; i < p.n; i++)
		*undone = *undone || !p.folders[i].good;
	imap_close(p.imap);
	arena_free(&p.arena);
	return rc;
}
