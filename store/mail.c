#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "base/clock.h"
#include "store/budget.h"
#include "store/mail.h"
#include "store/sql.h"

#define MAIL_MISS_APART_MS      (10 * CLOCK_MINUTE) /* searches closer together are one evidence */
#define MAIL_ZSTD_LEVEL         3                   /* zstd's default: mail halves, at 5 ms a MB */
#define MAIL_KEPT_BYTES		(64 * 1024 * 1024)	/* of one mail; limits.mail_bytes is 10M */

static const char *const fates[MAIL_FATES] = {
	[MAIL_PENDING] = "pending",
	[MAIL_IGNORED] = "ignored",
	[MAIL_OWN] = "own",
	[MAIL_READ] = "read",
	[MAIL_OVERSIZE] = "oversize",
	[MAIL_QUARANTINED] = "quarantined",
	[MAIL_VANISHED] = "vanished",
};

const char *
mail_fate_name(enum mail_fate f)
{
	return fates[f];
}

int
mail_fate_of(const char *name)
{
	for (int i = 0; i < MAIL_FATES; i++)
		if (strcmp(fates[i], name) == 0)
			return i;
	return -1;
}

/* ---------------------------------------------------------------- mailboxes, folders, epochs */

int
mail_mailbox(struct db *db, const char *name, int64_t start_ms, int64_t announce_ms, int64_t now_ms,
    struct mailbox_row *m, struct err *e)
{
	struct row r;
	int got = sql_one(db, SQL_MAILBOX_GET, ARGS(arg_text(name)), &r, e);

	*m = (struct mailbox_row){0};
	if (got == 0) {
		if (sql_run(db, SQL_MAILBOX_ADD,
			ARGS(arg_text(name), arg_int(start_ms), arg_int(announce_ms),
			    arg_int(now_ms)),
			e) < 0)
			return -1;
		m->fresh = true;
		got = sql_one(db, SQL_MAILBOX_GET, ARGS(arg_text(name)), &r, e);
	}
	if (got != 1)
		return -1;
	m->id = row_int(&r);
	m->start_ms = row_int(&r);
	m->announce_ms = row_int(&r);
	m->first_pass_ms = row_int(&r);
	m->history_told_ms = row_int(&r);
	sql_close(&r);
	return 0;
}

int
mail_history(struct db *db, int64_t mailbox_id, struct mail_history *h, struct err *e)
{
	struct row r;

	*h = (struct mail_history){0};
	if (sql_number(db, SQL_MAILBOX_UNTOLD, ARGS(arg_int(mailbox_id), arg_int(MAIL_TELL)), &h->pending, e) != 1)
		return -1;
	if (h->pending > 0)
		return 0;
	if (sql_one(db, SQL_MAILBOX_HISTORY, ARGS(arg_int(mailbox_id)), &r, e) != 1)
		return -1;
	h->mails = row_int(&r);
	h->read = row_int(&r);
	h->claims = row_int(&r);
	sql_close(&r);
	return 0;
}

int
mail_history_told(struct db *db, int64_t mailbox_id, int64_t now_ms, struct err *e)
{
	return sql_write(db, SQL_MAILBOX_HISTORY_TOLD,
	    ARGS(arg_int(mailbox_id), arg_int(now_ms)), e);
}

int
mail_folder(struct db *db, int64_t mailbox_id, const char *name, int64_t *folder_id, struct err *e)
{
	const struct sql_arg *key = ARGS(arg_int(mailbox_id), arg_text(name));
	int got = sql_number(db, SQL_FOLDER_GET, key, folder_id, e);

	if (got == 0) {
		if (sql_run(db, SQL_FOLDER_ADD, key, e) < 0)
			return -1;
		got = sql_number(db, SQL_FOLDER_GET, key, folder_id, e);
	}
	return got == 1 ? 0 : -1;
}

int
mail_folder_junk(struct db *db, int64_t folder_id, bool junk, struct err *e)
{
	return sql_write(db, SQL_FOLDER_JUNK, ARGS(arg_int(folder_id), arg_int(junk)), e);
}

int
mail_in_junk(struct db *db, int64_t id, bool *junk, struct err *e)
{
	int64_t one = 0;
	int got = sql_number(db, SQL_MAIL_JUNK, ARGS(arg_int(id)), &one, e);

	*junk = got == 1 && one != 0;
	return got == -1 ? -1 : 0;
}

int
mail_folder_good(struct db *db, int64_t folder_id, int64_t now_ms, struct err *e)
{
	return sql_write(db, SQL_FOLDER_GOOD,
	    ARGS(arg_int(folder_id), arg_int(now_ms), arg_int(MAIL_GOOD_STEP_MS)), e);
}

int
mail_epoch(struct db *db, int64_t folder_id, const char *screen, struct epoch_row *ep, struct err *e)
{
	struct row r;
	int got = sql_one(db, SQL_EPOCH_GET,
	    ARGS(arg_int(folder_id), arg_int(MAIL_TELL), arg_text(screen)), &r, e);

	*ep = (struct epoch_row){0};
	if (got != 1)
		return got;
	ep->id = row_int(&r);
	ep->uidvalidity = (uint32_t)row_int(&r);
	ep->history_uid = (uint32_t)row_int(&r);
	ep->uidnext = (uint32_t)row_int(&r);
	ep->exists_count = row_int(&r);
	ep->full_ms = row_int(&r);
	ep->screened = row_bool(&r);
	ep->pending = row_int(&r);
	ep->untold = row_int(&r);
	ep->next_ms = row_int(&r);
	ep->highest = (uint32_t)row_int(&r);
	sql_close(&r);
	return 0;
}

int
mail_epoch_open(struct db *db, int64_t folder_id, uint32_t uidvalidity, uint32_t history_uid,
    int64_t now_ms, int64_t *epoch_id, struct err *e)
{
	int got;

	if (sql_run(db, SQL_EPOCH_CLOSE, ARGS(arg_int(folder_id), arg_int(now_ms)), e) < 0)
		return -1;
	got = sql_number(db, SQL_EPOCH_ADD,
	    ARGS(arg_int(folder_id), arg_int(uidvalidity), arg_int(history_uid), arg_int(now_ms)),
	    epoch_id, e);
	return got == 1 ? 0 : -1;
}

int
mail_epochs_closed(struct db *db, int64_t folder_id, int64_t after_ms, int64_t until_ms, int64_t *n, struct err *e)
{
	*n = 0;
	return sql_number(db, SQL_EPOCHS_CLOSED, ARGS(arg_int(folder_id), arg_int(after_ms), arg_int(until_ms)), n,
	    e) < 0 ? -1 : 0;
}

int
mail_epoch_searched(struct db *db, int64_t epoch_id, uint32_t uidnext, int64_t exists_count,
    bool full, int64_t now_ms, struct err *e)
{
	return sql_write(db, SQL_EPOCH_SEARCHED,
	    ARGS(arg_int(epoch_id), arg_int(uidnext), arg_int(exists_count), arg_int(full),
		arg_int(now_ms)),
	    e);
}

/* ---------------------------------------------------------------- what searches show */

int
mail_shown(struct db *db, int64_t epoch_id, const uint32_t *uids, size_t n, int64_t now_ms,
    int64_t *added, struct err *e)
{
	*added = 0;
	for (size_t i = 0; i < n; i++) {
		int new = sql_run(db, SQL_MAIL_ADD,
		    ARGS(arg_int(epoch_id), arg_int(uids[i]), arg_int(now_ms)), e);

		if (new < 0)
			return -1;
		*added += new;
	}
	return 0;
}

/* A pending mail, and whether the search showed it. */
struct missable {
	int64_t	id;
	bool	shown, was_missed;
};

/* The pending mails of the epoch beside the search's UIDs, both ascending. */
static int
missables(struct db *db, int64_t epoch_id, const uint32_t *uids, size_t n, struct arena_buf *out,
    struct err *e)
{
	struct row r;
	size_t at = 0;
	int got;

	if (sql_open(db, SQL_MAIL_MISSABLE, ARGS(arg_int(epoch_id)), &r, e) != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1) {
		struct missable m = {.id = row_int(&r)};
		uint32_t uid = (uint32_t)row_int(&r);

		m.was_missed = row_int(&r) > 0;
		while (at < n && uids[at] < uid)
			at++;
		m.shown = at < n && uids[at] == uid;
		if (!m.shown || m.was_missed)
			arena_put(out, &m, sizeof(m));
	}
	return got;
}

/* One more miss. 1: it is gone, and nobody ever read a word of it. */
static int
missed_once_more(struct db *db, int64_t id, int64_t now_ms, struct err *e)
{
	int64_t unread = 0;

	if (sql_run(db, SQL_MAIL_MISSED, ARGS(arg_int(id), arg_int(now_ms), arg_int(MAIL_MISS_APART_MS)),
		e) < 0 ||
	    sql_number(db, SQL_MAIL_VANISHED, ARGS(arg_int(id), arg_int(now_ms)), &unread, e) < 0)
		return -1;
	return unread != 0;
}

int
mail_missed(struct db *db, int64_t epoch_id, const uint32_t *uids, size_t n, bool all,
    int64_t now_ms, struct arena *out, int64_t **gone, size_t *n_gone, struct err *e)
{
	struct arena a = {0};
	struct arena_buf found = {.arena = &a}, ids = {.arena = out};
	int rc = missables(db, epoch_id, uids, n, &found, e);

	for (size_t i = 0; rc >= 0 && i < found.n / sizeof(struct missable); i++) {
		const struct missable *m = (const struct missable *)(const void *)found.p + i;

		if (m->shown)		/* the two misses must follow one another */
			rc = sql_run(db, SQL_MAIL_FOUND, ARGS(arg_int(m->id)), e);
		else if (all && (rc = missed_once_more(db, m->id, now_ms, e)) == 1)
			arena_put(&ids, &m->id, sizeof(m->id));
	}
	arena_free(&a);
	*gone = (int64_t *)(void *)ids.p;
	*n_gone = ids.n / sizeof(**gone);
	return rc < 0 ? -1 : 0;
}

static int
uid_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Ids of mails that another screen said no to and that are there, newest first, up to max. */
static int
screened_else(struct db *db, int64_t epoch_id, const char *screen, const uint32_t *uids, size_t n,
    size_t max, struct arena_buf *ids, struct err *e)
{
	struct row r;
	int got = sql_open(db, SQL_MAIL_SCREENED_ELSE, ARGS(arg_int(epoch_id), arg_text(screen)), &r, e);

	if (got != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1) {
		int64_t id = row_int(&r);
		uint32_t uid = (uint32_t)row_int(&r);

		if (bsearch(&uid, uids, n, sizeof(*uids), uid_order) == NULL)
			continue;
		if (ids->n / sizeof(id) == max) {
			sql_close(&r);
			return 0;
		}
		arena_put(ids, &id, sizeof(id));
	}
	return got;
}

int
mail_rescreen(struct db *db, int64_t epoch_id, const char *screen, const uint32_t *uids, size_t n,
    size_t max, size_t *asked, struct err *e)
{
	struct arena a = {0};
	struct arena_buf ids = {.arena = &a};
	int rc = screened_else(db, epoch_id, screen, uids, n, max, &ids, e);

	*asked = ids.n / sizeof(int64_t);
	for (size_t i = 0; rc >= 0 && i < *asked; i++)
		rc = sql_run(db, SQL_MAIL_ASK, ARGS(arg_int(((int64_t *)(void *)ids.p)[i])), e);
	if (rc >= 0 && *asked < max)
		rc = sql_run(db, SQL_EPOCH_SCREENED, ARGS(arg_int(epoch_id), arg_text(screen)), e);
	arena_free(&a);
	return rc < 0 ? -1 : 0;
}

static int
uids_read(struct db *db, enum sql which, const struct sql_arg *args, uint32_t *uids, int64_t *ids, size_t *n,
    struct err *e)
{
	struct row r;
	int got;

	*n = 0;
	if (sql_open(db, which, args, &r, e) != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1) {
		uids[*n] = (uint32_t)row_int(&r);
		ids[*n] = row_int(&r);
		(*n)++;
	}
	return got;
}

int
mail_pending(struct db *db, int64_t epoch_id, uint32_t after, int64_t now_ms, uint32_t *uids,
    int64_t *ids, size_t max, size_t *n, struct err *e)
{
	return uids_read(db, SQL_MAIL_PENDING,
	    ARGS(arg_int(epoch_id), arg_int(after), arg_int((int64_t)max), arg_int(now_ms),
		arg_int(MAIL_WAIT_MS)),
	    uids, ids, n, e);
}

int
mail_tried(struct db *db, int64_t epoch_id, int64_t now_ms, uint32_t *uids, int64_t *ids, size_t max, size_t *n,
    struct err *e)
{
	return uids_read(db, SQL_MAIL_TRIED,
	    ARGS(arg_int(epoch_id), arg_int((int64_t)max), arg_int(now_ms), arg_int(MAIL_WAIT_MS)), uids, ids,
	    n, e);
}

int
mail_pending_uids(struct db *db, int64_t epoch_id, struct arena *a, uint32_t **uids, size_t *n, struct err *e)
{
	struct arena_buf all = {.arena = a};
	struct row r;
	int got;

	if (sql_open(db, SQL_MAIL_MISSABLE, ARGS(arg_int(epoch_id)), &r, e) != 0)
		return -1;
	while ((got = sql_next(&r, e)) == 1) {
		uint32_t uid;

		row_int(&r);	/* its id */
		uid = (uint32_t)row_int(&r);
		arena_put(&all, &uid, sizeof(uid));
	}
	*uids = (uint32_t *)(void *)all.p;
	*n = all.n / sizeof(**uids);
	return got;
}

/* ---------------------------------------------------------------- one mail */

int
mail_get(struct db *db, int64_t id, struct arena *a, struct mail_row *m, struct err *e)
{
	struct row r;
	struct span hash;
	int got = sql_one(db, SQL_MAIL_GET, ARGS(arg_int(id)), &r, e);

	*m = (struct mail_row){0};
	if (got == 0)
		return err_set(e, ERR_REJECT, "mail_%lld: there is no such mail", (long long)id);
	if (got < 0)
		return -1;
	m->id = row_int(&r);
	m->epoch_id = row_int(&r);
	m->uid = (uint32_t)row_int(&r);
	m->fate = (enum mail_fate)mail_fate_of(row_text(&r, a));	/* CHECKed by the table */
	m->reason = row_text(&r, a);
	m->history = row_bool(&r);
	m->shown_ms = row_int(&r);
	m->arrived_ms = row_int(&r);
	m->size_bytes = row_int(&r);
	m->settled_ms = row_int(&r);
	m->attempts = (int)row_int(&r);
	m->same_as = row_int(&r);
	hash = row_blob(&r);
	m->hashed = hash.n == DIGEST_BYTES;
	if (m->hashed)
		memcpy(m->sha256, hash.p, DIGEST_BYTES);
	m->mailbox = row_text(&r, a);
	m->folder = row_text(&r, a);
	m->message_id = row_text(&r, a);
	m->from_domain = row_text(&r, a);
	m->proof = row_text(&r, a);
	m->proof_detail = row_text(&r, a);
	m->kind = row_text(&r, a);
	m->rule = row_text(&r, a);
	m->language = row_text(&r, a);
	m->reasons = row_text(&r, a);
	m->date_ms = row_int(&r);
	m->trusted = row_bool(&r);
	m->rules_hash = row_text(&r, a);
	m->present = row_bool(&r);
	m->kept = row_bool(&r);
	m->claims = row_int(&r);
	sql_close(&r);
	return 0;
}

/* For what may only be done to a pending mail: `changed` rows must be one. */
static int
must_be_pending(int changed, int64_t id, struct err *e)
{
	if (changed == 0)
		return err_set(e, ERR_FATAL,
		    "mail_%lld is not pending: its fate was decided before", (long long)id);
	return changed < 0 ? -1 : 0;
}

int
mail_header(
    struct db *db, int64_t id, int64_t arrived_ms, int64_t size_bytes, bool history, struct err *e)
{
	return must_be_pending(sql_run(db, SQL_MAIL_HEADER, ARGS(arg_int(id), arg_time(arrived_ms),
	    arg_int(size_bytes), arg_int(history)), e), id, e);
}

int
mail_failed(struct db *db, int64_t id, const char *reason, int *attempts, struct err *e)
{
	int64_t n = 0;
	int got = sql_number(db, SQL_MAIL_FAILED, ARGS(arg_int(id), arg_text(reason)), &n, e);

	*attempts = (int)n;
	return must_be_pending(got, id, e);
}

int
mail_next(struct db *db, int64_t id, int64_t next_ms, struct err *e)
{
	return must_be_pending(sql_run(db, SQL_MAIL_NEXT, ARGS(arg_int(id), arg_int(next_ms)), e), id, e);
}

int
mail_settle(struct db *db, int64_t id, enum mail_fate fate, const char *reason, const char *screen,
    int64_t now_ms, struct err *e)
{
	return must_be_pending(sql_run(db, SQL_MAIL_SETTLE,
				   ARGS(arg_int(id), arg_text(mail_fate_name(fate)),
				       arg_text(reason), arg_text(screen), arg_int(now_ms)),
				   e),
	    id, e);
}

int
mail_hashed(
    struct db *db, int64_t id, const uint8_t sha256[DIGEST_BYTES], int64_t *same_as, struct err *e)
{
	const struct sql_arg *args = ARGS(arg_int(id), arg_blob(sha256, DIGEST_BYTES));

	*same_as = 0;
	if (sql_run(db, SQL_MAIL_HASHED, args, e) < 0)
		return -1;
	return sql_number(db, SQL_MAIL_SAME, args, same_as, e) < 0 ? -1 : 0;
}

static int
filed(struct db *db, enum sql which, const struct sql_arg *args, int64_t *id, enum mail_fate *fate,
    struct err *e)
{
	struct arena a = {0};
	struct row r;
	int got = sql_one(db, which, args, &r, e);

	*id = 0;
	if (got != 1)
		return got;
	*id = row_int(&r);
	*fate = (enum mail_fate)mail_fate_of(row_text(&r, &a));	/* CHECKed by the table */
	sql_close(&r);
	arena_free(&a);
	return 0;
}

int
mail_filed(struct db *db, int64_t mailbox_id, const uint8_t sha256[DIGEST_BYTES], int64_t *id,
    enum mail_fate *fate, struct err *e)
{
	return filed(db, SQL_MAIL_FILED, ARGS(arg_int(mailbox_id), arg_blob(sha256, DIGEST_BYTES)), id,
	    fate, e);
}

int
mail_filed_at(struct db *db, int64_t mailbox_id, const char *folder, uint32_t uid, int64_t size_bytes,
    int64_t *id, enum mail_fate *fate, struct err *e)
{
	return filed(db, SQL_MAIL_FILED_AT,
	    ARGS(arg_int(mailbox_id), arg_text(folder), arg_int(uid), arg_int(size_bytes)), id, fate, e);
}

int
mail_inherit(struct db *db, int64_t id, int64_t same_as, int64_t now_ms, struct err *e)
{
	return must_be_pending(
	    sql_run(db, SQL_MAIL_INHERIT, ARGS(arg_int(id), arg_int(same_as), arg_int(now_ms)), e),
	    id, e);
}

/* ---------------------------------------------------------------- reading again, lists */

int
mail_again(struct db *db, int64_t id, struct err *e)
{
	int changed = sql_run(db, SQL_MAIL_AGAIN, ARGS(arg_int(id)), e);

	if (changed == 0)
		return err_set(e, ERR_REJECT, "mail_%lld is pending already", (long long)id);
	return changed < 0 ? -1 : 0;
}

int
mail_follow(struct db *db, int64_t id, struct err *e)
{
	return sql_write(db, SQL_MAIL_FOLLOW, ARGS(arg_int(id)), e);
}

int
mail_refetch(struct db *db, int64_t id, const char *reason, bool *done, struct err *e)
{
	int changed = sql_run(db, SQL_MAIL_REFETCH, ARGS(arg_int(id), arg_text(reason)), e);

	*done = changed > 0;
	return changed < 0 ? -1 : 0;
}

int
mail_better(struct db *db, int64_t id, const uint8_t sha256[DIGEST_BYTES], struct err *e)
{
	return sql_write(db, SQL_MAIL_BETTER, ARGS(arg_int(id), arg_blob(sha256, DIGEST_BYTES)), e);
}

/* " read own ": what SQL_MAIL_PAGE looks fates up in. */
static const char *
fates_of(const char **list, struct arena *a)
{
	struct arena_buf b = {.arena = a};

	arena_puts(&b, " ");
	for (; *list != NULL; list++)
		arena_putf(&b, "%s ", *list);
	return b.p;
}

int
mail_page(struct db *db, const struct mail_filter *f, int64_t after, int64_t *ids, int max, int *n,
    struct err *e)
{
	struct arena a = {0};
	struct row r;
	int got = sql_open(db, SQL_MAIL_PAGE,
	    ARGS(arg_int(after), arg_text(f->fates != NULL ? fates_of(f->fates, &a) : NULL),
		arg_text(f->mailbox), arg_time(f->since_ms), arg_time(f->until_ms), arg_int(max)),
	    &r, e);

	*n = 0;
	while (got != -1 && (got = sql_next(&r, e)) == 1)
		ids[(*n)++] = row_int(&r);
	arena_free(&a);
	return got;
}

/* ---------------------------------------------------------------- what was understood, what is
 * kept */

static struct sql_arg
arg_known(const char *s)	/* for columns where nothing is '' */
{
	return arg_text(s != NULL ? s : "");
}

int
mail_message(struct db *db, int64_t id, const struct message_new *m, struct err *e)
{
	return sql_write(db, SQL_MESSAGE_ADD,
	    ARGS(arg_int(id), arg_text(m->message_id), arg_time(m->date_ms),
		arg_known(m->from_domain), arg_text(m->proof), arg_known(m->proof_detail),
		arg_int(m->trusted), arg_known(m->kind), arg_known(m->rule),
		arg_known(m->rules_hash), arg_known(m->language), arg_text(m->reasons)),
	    e);
}

int
mail_keep(struct db *db, int64_t id, bool trusted, struct span bytes, struct err *e)
{
	struct arena a = {0};
	size_t cap = ZSTD_compressBound(bytes.n), n;
	char *packed;
	int rc;

	if (bytes.n > MAIL_KEPT_BYTES)
		return err_set(e, ERR_REJECT, "mail_%lld: %zu bytes are too many to keep",
		    (long long)id, bytes.n);
	/* its tables are a tenth of a megabyte: to make them anew took as long as half a mail */
	if (db->zstd == NULL && (db->zstd = ZSTD_createCCtx()) == NULL)
		arena_no_memory();
	packed = arena_alloc(&a, cap);
	n = ZSTD_compressCCtx(db->zstd, packed, cap, bytes.p, bytes.n, MAIL_ZSTD_LEVEL);
	if (ZSTD_isError(n))
		rc = err_what(e, ERR_RETRY, ERR_NOMEM, "mail_%lld: compressing: %s", (long long)id,
		    ZSTD_getErrorName(n));
	else
		rc = sql_run(db, SQL_BYTES_ADD,
		    ARGS(arg_int(id), arg_int(trusted), arg_int((int64_t)bytes.n),
			arg_blob(packed, n)),
		    e);
	if (rc >= 0 && !trusted)
		rc = budget_drop_bytes(db, id, e);
	arena_free(&a);
	return rc < 0 ? -1 : 0;
}

void
mail_keep_end(struct db *db)
{
	ZSTD_freeCCtx(db->zstd);
	db->zstd = NULL;
}

int
mail_kept(struct db *db, int64_t id, struct arena *a, struct span *bytes, struct err *e)
{
	struct row r;
	struct span packed;
	int64_t size;
	size_t n;
	char *p;
	int got = sql_one(db, SQL_BYTES_GET, ARGS(arg_int(id)), &r, e);

	*bytes = (struct span){0};
	if (got != 1)
		return got;
	size = row_int(&r);
	packed = row_blob(&r);
	if (size < 0 || size > MAIL_KEPT_BYTES) {
		sql_close(&r);
		return err_what(e, ERR_FATAL, ERR_DATABASE,
		    "mail_%lld: its kept bytes have no size", (long long)id);
	}
	p = arena_alloc(a, (size_t)size + 1);
	n = ZSTD_decompress(p, (size_t)size, packed.p, packed.n);
	sql_close(&r);
	if (ZSTD_isError(n) || n != (size_t)size)
		return err_what(e, ERR_FATAL, ERR_DATABASE,
		    "mail_%lld: its kept bytes are damaged: restore a backup", (long long)id);
	*bytes = (struct span){p, n};
	return 0;
}

static struct json *
message_json(const struct mail_row *m)
{
	struct json *j = json_object();

	json_put_text(j, "message_id", m->message_id);
	json_put_time(j, "date", m->date_ms);
	json_put_text(j, "from_domain", m->from_domain);
	json_put_text(j, "proof", m->proof);
	json_put_text(j, "proof_detail", m->proof_detail);
	json_put_bool(j, "trusted", m->trusted);
	json_put_text(j, "kind", m->kind);
	json_put_text(j, "rule", m->rule);
	json_put_text(j, "rules_hash", m->rules_hash);
	json_put_text(j, "language", m->language);
	json_put(j, "reasons", json_ours(m->reasons));
	return j;
}

struct json *
mail_json(const struct mail_row *m)
{
	struct arena a = {0};
	struct json *j = json_object();

	json_put_text(j, "id", arena_printf(&a, "mail_%lld", (long long)m->id));
	json_put_text(j, "mailbox", m->mailbox);
	json_put_text(j, "folder", m->folder);
	json_put_int(j, "uid", m->uid);
	json_put_text(j, "fate", mail_fate_name(m->fate));
	json_put_text(j, "reason", m->reason);
	json_put_bool(j, "history", m->history);
	json_put_time(j, "shown_at", m->shown_ms);
	json_put_time(j, "arrived_at", m->arrived_ms);
	json_put_time(j, "settled_at", m->settled_ms);
	json_put_int(j, "size_bytes", m->size_bytes);
	json_put_text(j, "sha256",
	    m->hashed ? digest_hex(&a, m->sha256, sizeof(m->sha256)) : NULL);
	json_put_text(j, "same_as",
	    m->same_as == 0 ? NULL : arena_printf(&a, "mail_%lld", (long long)m->same_as));
	json_put_bool(j, "kept", m->kept);
	json_put_int(j, "attempts", m->attempts);
	json_put(j, "message", m->proof == NULL ? NULL : message_json(m));
	arena_free(&a);
	return j;
}
