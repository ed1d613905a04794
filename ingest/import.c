/*
 * import - see import.h
 */
#include "ingest/import.h"

#include <string.h>

#include "ingest/files.h"
#include "read/reading.h"

#define BATCH_MAILS	100			/* in one question and one transaction */
#define BATCH_BYTES	(INT64_C(4) << 20)	/* of them together; a larger mail comes alone */

struct item {
	struct file_mail	 at;		/* its texts are copies */
	bool			 settled;	/* known before, and nothing is left to do */
	bool			 ignored;	/* by the screen */
	struct ingest_mail	 mail;
};

struct batch {
	struct arena	arena;
	struct item	items[BATCH_MAILS];
	size_t		n;
	int64_t		bytes;
};

/* ---- what is known of them */

static int
item_known(struct import *im, struct item *it, struct err *e)
{
	enum mail_fate fate = MAIL_PENDING;

	if (mail_filed(im->in->db, im->mailbox_id, it->mail.sha256, &it->mail.id, &fate, e) != 0)
		return -1;
	it->settled = it->mail.id != 0 && fate != MAIL_PENDING;
	return 0;
}

/* The header block, its empty line included. */
static struct span
header_of(struct span raw)
{
	struct span rest = raw, line;

	while (span_cut(&rest, '\n', &line))
		if (span_trim(line).n == 0)
			break;
		else if (raw.n - rest.n >= READING_MAX_HEADERS)
			break;
	return span_take(raw, (size_t)(rest.p - raw.p));
}

static int
batch_screen(struct import *im, struct batch *b, struct err *e)
{
	struct span	headers[BATCH_MAILS];
	bool		candidate[BATCH_MAILS] = {false};
	size_t		of[BATCH_MAILS], n = 0;

	for (size_t i = 0; i < b->n; i++) {
		struct item	*it = &b->items[i];
		struct span	 header = header_of(it->mail.raw);

		/* what the screen cannot be asked about is a candidate */
		if (it->settled || it->at.raw.p == NULL || header.n == 0 || header.n >= READING_MAX_HEADERS)
			continue;
		of[n] = i;
		headers[n++] = header;
	}
	if (n > 0 && reader_screen(im->in->readers, headers, n, candidate, e) != 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		b->items[of[i]].ignored = !candidate[i];
	return 0;
}

/* ---- rows */

/* A row for the place where it lies; if the file had another mail there once, in an epoch of its own. */
static int
row_make(struct import *im, struct item *it, struct err *e)
{
	struct db	*db = im->in->db;
	struct epoch_row ep;
	int64_t		 folder, added;
	uint32_t	 uid = it->at.place;
	size_t		 n;

	if (mail_folder(db, im->mailbox_id, it->at.path, &folder, e) != 0 ||
	    mail_epoch(db, folder, NULL, &ep, e) != 0)
		return -1;
	if (ep.id == 0 && mail_epoch_open(db, folder, 1, 0, im->in->now_ms, &ep.id, e) != 0)
		return -1;
	if (mail_shown(db, ep.id, &uid, 1, im->in->now_ms, &added, e) != 0)
		return -1;
	if (added == 0 && (mail_epoch_open(db, folder, ep.uidvalidity + 1, 0, im->in->now_ms, &ep.id,
	    e) != 0 || mail_shown(db, ep.id, &uid, 1, im->in->now_ms, &added, e) != 0))
		return -1;
	return mail_pending(db, ep.id, uid - 1, im->in->now_ms, &uid, &it->mail.id, 1, &n, e);
}

/*
 * One that was too large for the limit of then has no hash: it is known by its place and size. Where today's
 * limit lets it in, its row goes on.
 */
static int
item_known_at(struct import *im, struct item *it, struct err *e)
{
	enum mail_fate fate = MAIL_PENDING;

	if (mail_filed_at(im->in->db, im->mailbox_id, it->at.path, it->at.place, it->at.size_bytes,
	    &it->mail.id, &fate, e) != 0)
		return -1;
	it->settled = it->mail.id != 0 && fate == MAIL_OVERSIZE && it->at.raw.p == NULL;
	return it->mail.id != 0 && fate == MAIL_OVERSIZE && !it->settled ?
	    mail_again(im->in->db, it->mail.id, e) : 0;
}

/* In a transaction. What another import did since the batch was looked at, stands. */
static int
item_store(struct import *im, struct item *it, struct err *e)
{
	struct ingest	*in = im->in;
	bool		 oversize = it->at.raw.p == NULL;
	int64_t		 same_as;

	if (it->settled)
		return 0;
	if (!oversize && item_known(im, it, e) != 0)
		return -1;
	if (it->mail.id == 0 && item_known_at(im, it, e) != 0)
		return -1;
	if (it->settled)
		return 0;
	if ((it->mail.id == 0 && row_make(im, it, e) != 0) ||
	    mail_header(in->db, it->mail.id, it->mail.arrived_ms, it->at.size_bytes, it->mail.history, e) != 0)
		return -1;
	if (oversize)
		return ingest_oversize(in, it->mail.id, it->at.path, 0, it->at.size_bytes,
		    it->mail.history, e);
	if (!it->ignored)
		return ingest_store(in, &it->mail, e);
	in->ignored++;
	return mail_hashed(in->db, it->mail.id, it->mail.sha256, &same_as, e) != 0 ? -1 :
	    mail_settle(in->db, it->mail.id, MAIL_IGNORED, NULL, in->screen, in->now_ms, e);
}

static int
batch_count(struct import *im, const struct batch *b, struct err *e)
{
	struct arena	a = {0};
	struct mail_row	m;
	int		rc = 0;

	for (size_t i = 0; i < b->n && rc == 0; i++) {
		if (b->items[i].settled) {
			im->known++;
			continue;
		}
		rc = mail_get(im->in->db, b->items[i].mail.id, &a, &m, e);
		if (rc == 0 && m.same_as != 0)
			im->known++;
		else if (rc == 0)
			im->fates[m.fate]++;
	}
	im->mails += (int64_t)b->n;
	arena_free(&a);
	return rc;
}

static int
batch_store(struct import *im, struct batch *b, struct err *e)
{
	int rc = 0;

	if (db_begin(im->in->db, e) != 0)
		return -1;
	for (size_t i = 0; i < b->n && rc == 0; i++)
		rc = item_store(im, &b->items[i], e);
	if (rc == 0)
		return db_commit(im->in->db, e);
	db_rollback(im->in->db);
	return -1;
}

static int
stopped(const struct import *im, struct err *e)
{
	if (im->in->stop != NULL && *im->in->stop)
		return err_what(e, ERR_RETRY, ERR_STOPPED, "stopped by a signal: import again to go on");
	return 0;
}

/* The batch so far: asked about, then stored. It is empty after 0. */
static int
batch_flush(struct import *im, struct err *e)
{
	struct batch	*b = im->batch;
	int		 rc = 0;

	for (size_t i = 0; i < b->n && rc == 0; i++)
		if (b->items[i].at.raw.p != NULL) {
			digest_sha256(b->items[i].mail.raw, b->items[i].mail.sha256);
			rc = item_known(im, &b->items[i], e);
		}
	if (rc == 0)
		rc = batch_screen(im, b, e);
	for (size_t i = 0; i < b->n && rc == 0; i++) {
		struct item *it = &b->items[i];

		if (!it->settled && !it->ignored && it->at.raw.p != NULL)
			rc = stopped(im, e) != 0 ? -1 : ingest_read(im->in, &it->mail, &b->arena, e);
	}
	if (rc == 0)
		rc = batch_store(im, b, e);
	if (rc == 0)
		rc = batch_count(im, b, e);
	if (rc == 0 && im->progress != NULL)
		im->progress(im);
	arena_free(&b->arena);
	b->n = 0;
	b->bytes = 0;
	return rc;
}

/* ---- the walk */

static int
on_mail(void *arg, const struct file_mail *at, struct err *e)
{
	struct import	*im = arg;
	struct batch	*b = im->batch;
	struct item	*it;

	if (b->n > 0 && (b->n == BATCH_MAILS || b->bytes + (int64_t)at->raw.n > BATCH_BYTES) &&
	    batch_flush(im, e) != 0)
		return -1;
	it = &b->items[b->n++];
	*it = (struct item){.at = *at};
	it->at.path = arena_text(&b->arena, at->path);
	if (at->raw.p != NULL)
		it->at.raw = arena_span(&b->arena, at->raw);
	it->mail = (struct ingest_mail){.uid = at->place, .history = !im->announce, .raw = it->at.raw,
	    .file = true};
	b->bytes += (int64_t)at->raw.n;
	return stopped(im, e);
}

static void
on_unread(void *arg, const struct err *why)
{
	struct import *im = arg;

	im->unreadable++;
	if (im->unread != NULL)
		im->unread(im, why);
}

static int
mailbox_make(struct import *im, struct err *e)
{
	struct mailbox_row row;

	if (im->mailbox_id != 0)
		return 0;
	if (db_begin(im->in->db, e) != 0)
		return -1;
	if (mail_mailbox(im->in->db, IMPORT_MAILBOX, 0, 0, im->in->now_ms, &row, e) != 0) {
		db_rollback(im->in->db);
		return -1;
	}
	im->mailbox_id = row.id;
	return db_commit(im->in->db, e);
}

int
import_path(struct import *im, const char *path, struct err *e)
{
	const struct file_walk	 walk = {.max_bytes = im->in->limits->mail_bytes, .stop = im->in->stop,
				    .each = on_mail, .unread = on_unread, .arg = im};
	struct arena		 a = {0};
	int			 rc = mailbox_make(im, e);

	im->batch = arena_alloc(&a, sizeof *im->batch);
	if (rc == 0)
		rc = files_walk(path, &walk, e);
	if (rc == 0)
		rc = stopped(im, e);
	if (rc == 0 && im->batch->n > 0)
		rc = batch_flush(im, e);
	arena_free(&im->batch->arena);
	arena_free(&a);
	return rc;
}
