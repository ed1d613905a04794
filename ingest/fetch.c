/*
 * fetch - see fetch.h
 *
 * Fetching, reading and storing overlap: while the children have the mails of one batch, the one
 * before it is stored and the one behind it is fetched. Not more than two are in memory.
 */
#include "ingest/fetch.h"

#include <stdlib.h>

#include "ingest/epoch.h"
#include "read/reading.h"

#define CHUNK_MAILS	READING_MAX_SCREEN	/* headers in one FETCH, question, transaction */
#define BATCH_MAILS	100			/* bodies in one FETCH and one transaction */
#define BATCH_BYTES	(INT64_C(4) << 20)	/* of them together; a larger mail comes alone */

_Static_assert(CHUNK_MAILS <= IMAP_MAX_UIDS, "a chunk must fit one FETCH");

/* A pending mail on its way through the two steps. */
struct arrival {
	uint32_t	uid;
	int64_t		id;
	int64_t		size_bytes, arrived_ms;	/* -1: did not come; arrived 0: unknown */
	struct span	text;			/* header fields, then the mail */
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
	const struct folder	*folder;
	const struct epoch_row	*epoch;
	struct arena		 arena;
	struct arrival		 mails[CHUNK_MAILS];
	size_t			 n;
	struct batch		*reading;	/* its n 0: none */
};

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
chunk_screen(struct mailbox *box, struct chunk *c, struct err *e)
{
	struct span headers[CHUNK_MAILS];
	bool answers[CHUNK_MAILS] = {false};
	size_t of[CHUNK_MAILS], n = 0;

	for (size_t i = 0; i < c->n; i++) {
		struct arrival *m = &c->mails[i];

		m->old = has_come(m) && epoch_old(&box->row, c->epoch, m->uid, m->arrived_ms);
		m->candidate = true;
		if (!has_come(m) || m->old || m->text.n == 0 || m->text.n >= IMAP_MAX_HEADER)
			continue;
		of[n] = i;
		headers[n++] = m->text;
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

	if (!has_come(m))
		return mail_failed(in->db, m->id, "the server did not send its header", e);
	m->history = epoch_history(c->epoch, box->row.announce_ms, m->uid, m->arrived_ms);
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
chunk_headers(struct mailbox *box, struct chunk *c, struct err *e)
{
	uint32_t uids[CHUNK_MAILS];
	int rc = 0;

	for (size_t i = 0; i < c->n; i++)
		uids[i] = c->mails[i].uid;
	if (imap_headers(box->imap, uids, c->n, on_header, c, e) == -1 ||
	    chunk_screen(box, c, e) == -1)
		return -1;
	if (db_begin(box->in->db, e) == -1)
		return -1;
	for (size_t i = 0; i < c->n && rc == 0; i++) {
		rc = header_store(box, c, &c->mails[i], e);
		c->mails[i].text = (struct span){NULL, 0};
	}
	return pass_commit(box, rc, e);
}

/* ---- step two: bodies of candidates */

static void
on_body(void *arg, const struct imap_item *item)
{
	struct chunk *c = arg;
	struct arrival *m = arrival_of(c, item->uid);

	reader_work(c->box->in->readers);
	if (m != NULL && m->wanted && m->text.n == 0)
		m->text = item->text;
}

static int
body_store(struct mailbox *box, const struct batch *b, size_t i, struct err *e)
{
	const struct arrival *m = &b->arrivals[i];

	if (m->text.n == 0)	/* NIL and "" are no mail: the server could not read it */
		return mail_failed(box->in->db, m->id, "the server did not send it", e);
	if ((int64_t)m->text.n > box->in->limits->mail_bytes)
		return ingest_oversize(box->in, m->id, b->folder->name, m->arrived_ms,
		    (int64_t)m->text.n, m->history, e);
	return ingest_store(box->in, &b->mails[i], e);
}

static bool
is_readable(const struct mailbox *box, const struct arrival *m)
{
	return m->text.n > 0 && (int64_t)m->text.n <= box->in->limits->mail_bytes;
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

static int
chunk_bodies(struct mailbox *box, struct chunk *c, struct err *e)
{
	size_t next = 0;
	int rc = 0;

	while (rc == 0) {
		struct arrival *batch[BATCH_MAILS];
		struct batch before = *c->reading;
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
		if (pass_stopped(box, e) == -1 || pass_disk(box, e) == -1 ||
		    imap_bodies(box->imap, uids, n, bytes, on_body, c, e) == -1)
			return -1;
		batch_ask(box, c, batch, n, c->reading);
		imap_release(box->imap);
		rc = batch_store(box, &before, e);
		if (rc == -1)
			batch_drop(box, c->reading);
	}
	return rc;
}

/* ---- both */

/* Up to CHUNK_MAILS pending mails above `after` through both steps; *n: how many there were. */
static int
chunk_pass(struct mailbox *box, const struct folder *f, const struct epoch_row *ep,
    struct batch *reading, uint32_t *after, size_t *n, struct err *e)
{
	struct chunk c = {.box = box, .folder = f, .epoch = ep, .reading = reading};
	uint32_t uids[CHUNK_MAILS];
	int64_t ids[CHUNK_MAILS];
	int rc;

	if (mail_pending(box->in->db, ep->id, *after, uids, ids, CHUNK_MAILS, &c.n, e) == -1)
		return -1;
	*n = c.n;
	if (c.n == 0)
		return 0;
	*after = uids[c.n - 1];
	for (size_t i = 0; i < c.n; i++)
		c.mails[i] = (struct arrival){
		    .uid = uids[i], .id = ids[i], .size_bytes = -1, .arrived_ms = -1};
	rc = pass_stopped(box, e);
	if (rc == 0)
		rc = chunk_headers(box, &c, e);
	arena_free(&c.arena);
	return rc == 0 ? chunk_bodies(box, &c, e) : -1;
}

int
fetch_pending(struct mailbox *box, const struct folder *f, const struct epoch_row *ep,
    struct err *e)
{
	struct batch reading = {.n = 0};
	struct err last;
	uint32_t after = 0;
	size_t n = 0;
	int rc;

	do
		rc = chunk_pass(box, f, ep, &reading, &after, &n, e);
	while (rc == 0 && n > 0);
	if (rc == -1 && box->in->stop != NULL && *box->in->stop) {
		batch_drop(box, &reading);	/* who asked us to leave does not wait for children */
		return -1;
	}
	/* what was fetched is stored, whatever became of the rest */
	if (batch_store(box, &reading, rc == 0 ? e : &last) == -1)
		rc = -1;
	return rc;
}
