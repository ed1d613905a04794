/*
 * fetch - see fetch.h
 *
 * Fetching, reading and storing overlap: while the children have the mails of one batch, the one
 * before it is stored and the one behind it is fetched. Not more than two are in memory.
 *
 * One mail, or one line that libetpan does not know, can break the connection in the middle of a
 * FETCH. What came before is taken; the first mail that did not come is the suspect, which has failed
 * once; and another connection goes on behind it. Mails that have failed come after all others, each
 * alone: so a suspect that is innocent is read, and one that is not blocks nobody.
 */
#include "ingest/fetch.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "ingest/body.h"
#include "ingest/epoch.h"
#include "ingest/retry.h"
#include "read/reading.h"

#define CHUNK_MAILS	READING_MAX_SCREEN	/* headers in one FETCH, question, transaction */
#define BATCH_MAILS	100			/* bodies in one FETCH and one transaction */
#define BATCH_BYTES	(INT64_C(4) << 20)	/* of them together; a larger mail comes alone */
#define TRIED_MOST	100	/* mails that failed before, in one pass: each costs two commands */
#define BREAKS_MOST	8	/* connections that FETCHes may break in one pass over a folder */
#define BROKE		"the connection broke when it was fetched"

_Static_assert(CHUNK_MAILS <= IMAP_MAX_UIDS, "a chunk must fit one FETCH");

/* A pending mail on its way through the two steps. */
struct arrival {
	uint32_t	uid;
	int64_t		id;
	int64_t		size_bytes, arrived_ms;	/* -1: did not come; arrived 0: unknown */
	struct span	fields, text;		/* header fields, the mail */
	const char	*wrong;			/* why `text` is not the mail; NULL: it is */
	bool		history, old /* before start */, candidate, wanted;
};
/* Mails whose bodies were fetched, which the children have. */
struct batch {
	struct arena		 arena;
	const struct folder	*folder;
	struct arrival		*arrivals;
	struct ingest_mail	*mails;
	size_t			 n;
};
struct chunk {
	struct mailbox		*box;
	struct folder		*folder;
	const struct epoch_row	*epoch;
	struct arena		 arena;
	struct arrival		 mails[CHUNK_MAILS];
	size_t			 n;
	struct batch		*reading;	/* its n 0: none */
	int			*breaks;	/* so far */
};
/* How a FETCH went: it may break the connection, and what came before that is good. */
struct round {
	bool		broke;
	int64_t		began_ms;	/* monotonic */
	struct err	why;
};

/* ---- connections that break */

/* After a FETCH: -1 if it failed for a reason that no mail can bring about. */
static int
round_end(struct mailbox *box, struct round *r, int rc, const struct err *e)
{
	r->broke = rc == -1;
	if (rc == 0)
		return 0;
	r->why = *e;
	return e->kind == ERR_RETRY && e->what == ERR_ANY && imap_broken(box->imap) ? 0 : -1;
}

/* All that came is stored: another connection, unless too much broke or it took long. */
static int
round_again(struct mailbox *box, struct chunk *c, const struct round *r, struct err *e)
{
	bool soon = clock_mono_ms() - r->began_ms < PASS_BREAK_MS;

	log_info("imap.broken", "mailbox", box->conf->name, "folder", c->folder->name, "error",
	    r->why.msg, NULL);
	*e = r->why;
	if (++*c->breaks > BREAKS_MOST || !soon || pass_stopped(box, e) == -1)
		return -1;
	return pass_reconnect(box, c->folder, e);
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

	reader_work(c->box->in->readers);
	if (m == NULL)
		return;
	if (m->size_bytes == -1)
		m->size_bytes = item->size_bytes;
	if (m->arrived_ms == -1)
		m->arrived_ms = item->arrived_ms;
	if (m->fields.n == 0 && item->text.n > 0)
		m->fields = arena_span(&c->arena, item->text);
}

static bool
has_come(const struct arrival *m)
{
	return m->size_bytes != -1 && m->arrived_ms != -1;
}

/* A mail of which no field came cannot be screened, nor can one by a server's note in its place. */
static bool
is_screenable(const struct arrival *m)
{
	return has_come(m) && !m->old && m->wrong == NULL && span_trim(m->fields).n > 0 &&
	    m->fields.n < IMAP_MAX_HEADER;
}

/* Asks the screen about the chunk. What it cannot be asked is a candidate. */
static int
chunk_screen(struct mailbox *box, struct chunk *c, struct err *e)
{
	struct span headers[CHUNK_MAILS];
	bool answers[CHUNK_MAILS] = {false};
	size_t of[CHUNK_MAILS], n = 0;

	for (size_t i = 0; i < c->n; i++) {
		struct arrival *m = &c->mails[i];

		m->old = has_come(m) && epoch_old(&box->row, c->epoch, m->uid, m->arrived_ms);
		m->candidate = true;
		m->wrong = body_substitute(m->fields) ? BODY_SUBSTITUTE : NULL;
		if (box->conf->screen_off || !is_screenable(m))
			continue;
		of[n] = i;
		headers[n++] = m->fields;
	}
	if (n == 0)
		return 0;
	if (reader_screen(box->in->readers, headers, n, answers, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		c->mails[of[i]].candidate = answers[i];
	return 0;
}

/* In a transaction: what the header says of this mail. It is `wanted` if its body must be read. */
static int
header_store(struct mailbox *box, struct chunk *c, struct arrival *m, struct err *e)
{
	struct ingest *in = box->in;

	m->history = epoch_history(c->epoch, box->row.announce_ms, m->uid, m->arrived_ms);
	if (mail_header(in->db, m->id, m->arrived_ms, m->size_bytes, m->history, e) == -1)
		return -1;
	if (m->old || !m->candidate) {
		in->ignored++;
		return mail_settle(in->db, m->id, MAIL_IGNORED, m->old ? "before-start" : NULL,
		    m->old ? NULL : in->screen, in->now_ms, e);
	}
	if (m->wrong != NULL)
		return retry_failed(in, m->id, m->wrong, e);
	if (m->size_bytes > in->limits->mail_bytes)
		return ingest_oversize(in, m->id, c->folder->name, m->arrived_ms, m->size_bytes,
		    m->history, e);
	m->wanted = true;
	return 0;
}

/* The headers that came. Of those that did not, all have failed; of a FETCH that broke, the first. */
static int
headers_store(struct mailbox *box, struct chunk *c, const struct round *r, struct err *e)
{
	bool suspected = false;
	int rc = 0;

	for (size_t i = 0; i < c->n && rc == 0; i++) {
		struct arrival *m = &c->mails[i];

		if (has_come(m))
			rc = header_store(box, c, m, e);
		else if (!r->broke)
			rc = retry_failed(box->in, m->id, "the server did not send its header", e);
		else if (!suspected)
			rc = retry_failed(box->in, m->id, BROKE, e);
		suspected = suspected || !has_come(m);
	}
	return rc;
}

static int
chunk_headers(struct mailbox *box, struct chunk *c, struct err *e)
{
	struct round r = {.began_ms = clock_mono_ms()};
	uint32_t uids[CHUNK_MAILS];

	for (size_t i = 0; i < c->n; i++)
		uids[i] = c->mails[i].uid;
	if (c->n >= BATCH_MAILS)
		reader_warm(box->in->readers);
	if (round_end(box, &r, imap_headers(box->imap, uids, c->n, on_header, c, e), e) == -1 ||
	    chunk_screen(box, c, e) == -1)
		return -1;
	if (db_begin(box->in->db, e) == -1 || pass_commit(box, headers_store(box, c, &r, e), e) == -1)
		return -1;
	return r.broke ? round_again(box, c, &r, e) : 0;
}

/* ---- step two: bodies of candidates */

/* Several lines for one mail: the first that is the mail stands. */
static void
on_body(void *arg, const struct imap_item *item)
{
	struct chunk *c = arg;
	struct arrival *m = arrival_of(c, item->uid);

	reader_work(c->box->in->readers);
	if (m == NULL || !m->wanted || item->text.n == 0 || (m->text.n > 0 && m->wrong == NULL))
		return;
	m->text = item->text;
	m->wrong = body_wrong(m->fields, m->fields.n >= IMAP_MAX_HEADER, m->size_bytes, m->text);
}

static int
body_store(struct mailbox *box, const struct batch *b, size_t i, struct err *e)
{
	const struct arrival *m = &b->arrivals[i];

	if (m->wrong != NULL)
		return retry_failed(box->in, m->id, m->wrong, e);
	if ((int64_t)m->text.n > box->in->limits->mail_bytes)
		return ingest_oversize(box->in, m->id, b->folder->name, m->arrived_ms,
		    (int64_t)m->text.n, m->history, e);
	return ingest_store(box->in, &b->mails[i], e);
}

static bool
is_readable(const struct mailbox *box, const struct arrival *m)
{
	return m->wrong == NULL && (int64_t)m->text.n <= box->in->limits->mail_bytes;
}

/* What was just fetched goes to the children; its bytes are copied, since the next FETCH has room for its own. */
static void
batch_ask(struct mailbox *box, const struct chunk *c, struct arrival *const *arrivals, size_t n,
    struct batch *b)
{
	*b = (struct batch){.folder = c->folder, .n = n};
	b->arrivals = arena_array(&b->arena, n, sizeof(*b->arrivals));
	b->mails = arena_array(&b->arena, n, sizeof(*b->mails));
	for (size_t i = 0; i < n; i++) {
		struct arrival *m = &b->arrivals[i];

		*m = *arrivals[i];
		if (!is_readable(box, m))
			continue;
		m->text = arena_span(&b->arena, m->text);
		b->mails[i] = (struct ingest_mail){.id = m->id,
		    .uid = m->uid,
		    .arrived_ms = m->arrived_ms,
		    .history = m->history,
		    .raw = m->text};
		ingest_ask(box->in, &b->mails[i], &b->arena);
	}
}

/* What is not stored is pending still. */
static void
batch_drop(struct mailbox *box, struct batch *b)
{
	reader_forget(box->in->readers);
	arena_free(&b->arena);
	b->n = 0;
}

/* Waits until the batch is read, and stores it whole. Afterwards it is empty. */
static int
batch_store(struct mailbox *box, struct batch *b, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < b->n && rc == 0; i++)
		if (is_readable(box, &b->arrivals[i]))
			rc = ingest_take(box->in, &b->mails[i], e);
	if (rc == 0 && b->n > 0 && (rc = db_begin(box->in->db, e)) == 0) {
		for (size_t i = 0; i < b->n && rc == 0; i++) {
			rc = body_store(box, b, i, e);
			reader_work(box->in->readers);
		}
		rc = pass_commit(box, rc, e);
	}
	if (rc == -1)
		batch_drop(box, b);
	arena_free(&b->arena);
	b->n = 0;
	return rc;
}

/* The next wanted mails, as many as fit one FETCH. */
static size_t
batch_next(struct chunk *c, struct arrival **arrivals, uint32_t *uids, int64_t *bytes)
{
	size_t n = 0;

	*bytes = 0;
	for (size_t i = 0; i < c->n && n < BATCH_MAILS; i++) {
		struct arrival *m = &c->mails[i];

		if (!m->wanted)
			continue;
		if (n > 0 && *bytes + m->size_bytes > BATCH_BYTES)
			break;
		*bytes += m->size_bytes;
		uids[n] = m->uid;
		arrivals[n++] = m;
	}
	return n;
}

/*
 * Keeps those of which this FETCH decides something: what came, and what did not. Of a FETCH that
 * broke the first that did not come has failed, and the others are still wanted.
 */
static size_t
batch_decided(struct arrival **arrivals, size_t n, bool broke)
{
	bool suspected = false;
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct arrival *m = arrivals[i];

		if (m->text.n == 0) {	/* NIL and "" are no mail: the server could not read it */
			if (suspected)
				continue;
			suspected = broke;
			m->wrong = broke ? BROKE : "the server did not send it";
		}
		m->wanted = false;
		arrivals[kept++] = m;
	}
	return kept;
}

static int
chunk_bodies(struct mailbox *box, struct chunk *c, struct err *e)
{
	struct arrival *arrivals[BATCH_MAILS];
	uint32_t uids[BATCH_MAILS];
	int64_t bytes;
	size_t n;

	while ((n = batch_next(c, arrivals, uids, &bytes)) > 0) {
		struct round r = {.began_ms = clock_mono_ms()};
		struct batch before = *c->reading;
		int rc;

		if (pass_stopped(box, e) == -1 || pass_disk(box, e) == -1)
			return -1;
		rc = imap_bodies(box->imap, uids, n, bytes, on_body, c, e);
		if (round_end(box, &r, rc, e) == -1)
			return -1;
		batch_ask(box, c, arrivals, batch_decided(arrivals, n, r.broke), c->reading);
		imap_release(box->imap);
		rc = batch_store(box, &before, e);
		if (rc == -1)
			batch_drop(box, c->reading);
		if (rc == -1 || (r.broke && round_again(box, c, &r, e) == -1))
			return -1;
	}
	return 0;
}

/* ---- both */

/* These mails, c->n of them, through both steps. */
static int
chunk_run(struct mailbox *box, struct chunk *c, const uint32_t *uids, const int64_t *ids, struct err *e)
{
	int rc = pass_stopped(box, e);

	for (size_t i = 0; i < c->n; i++)
		c->mails[i] = (struct arrival){
		    .uid = uids[i], .id = ids[i], .size_bytes = -1, .arrived_ms = -1};
	if (rc == 0)
		rc = chunk_headers(box, c, e);
	if (rc == 0)
		rc = chunk_bodies(box, c, e);
	arena_free(&c->arena);
	return rc;
}

/* The next that never failed, above *after. */
static int
chunk_pass(struct mailbox *box, struct chunk *c, uint32_t *after, struct err *e)
{
	uint32_t uids[CHUNK_MAILS];
	int64_t ids[CHUNK_MAILS];

	if (mail_pending(box->in->db, c->epoch->id, *after, box->in->now_ms, uids, ids, CHUNK_MAILS, &c->n,
		e) == -1)
		return -1;
	if (c->n == 0)
		return 0;
	*after = uids[c->n - 1];
	return chunk_run(box, c, uids, ids, e);
}

/* What failed before, each alone. */
static int
tried_pass(struct mailbox *box, struct chunk *c, struct err *e)
{
	uint32_t uids[TRIED_MOST];
	int64_t ids[TRIED_MOST];
	size_t n;
	int rc = mail_tried(box->in->db, c->epoch->id, box->in->now_ms, uids, ids, TRIED_MOST, &n, e);

	c->n = 1;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = chunk_run(box, c, &uids[i], &ids[i], e);
	return rc;
}

static int
rounds(struct mailbox *box, struct chunk *c, struct err *e)
{
	uint32_t after = 0;
	int was = 0, rc;

	do {
		if (*c->breaks > was) {	/* a FETCH left mails behind: all that wait come again */
			if (batch_store(box, c->reading, e) == -1)
				return -1;
			after = 0;
		}
		was = *c->breaks;
		rc = chunk_pass(box, c, &after, e);
	} while (rc == 0 && (c->n > 0 || *c->breaks > was));
	return rc == 0 ? tried_pass(box, c, e) : rc;
}

int
fetch_pending(struct mailbox *box, struct folder *f, const struct epoch_row *ep, struct err *e)
{
	struct batch reading = {.n = 0};
	int breaks = 0, rc;
	struct chunk c = {
	    .box = box, .folder = f, .epoch = ep, .reading = &reading, .breaks = &breaks};
	struct err last;

	rc = rounds(box, &c, e);
	if (rc == -1 && box->in->stop != NULL && *box->in->stop) {
		batch_drop(box, &reading);	/* who asked us to leave does not wait for children */
		return -1;
	}
	/* what was fetched is stored, whatever became of the rest */
	if (batch_store(box, &reading, rc == 0 ? e : &last) == -1)
		rc = -1;
	return rc;
}
