#include "ingest/move.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

/* A mail as it can be known again in another folder. */
struct face {
	uint32_t	uid;
	int64_t		size_bytes;
	bool		known, used;
	uint8_t		header[DIGEST_BYTES];
};
struct faces {
	struct face	list[IMAP_MAX_UIDS];
	size_t		n;
};

static int
face_order(const void *key, const void *face)
{
	uint32_t uid = *(const uint32_t *)key, other = ((const struct face *)face)->uid;

	return (uid > other) - (uid < other);
}

static void
on_face(void *arg, const struct imap_item *item)
{
	struct faces *fs = arg;
	struct face *f = bsearch(&item->uid, fs->list, fs->n, sizeof(fs->list[0]), face_order);

	if (f == NULL || item->size_bytes == -1 || item->text.n == 0)
		return;
	f->size_bytes = item->size_bytes;
	digest_sha256(item->text, f->header);
	f->known = true;
}

static int
faces_fetch(struct imap *im, const uint32_t *uids, size_t n, struct faces *fs, struct err *e)
{
	fs->n = n;
	for (size_t i = 0; i < n; i++)
		fs->list[i] = (struct face){.uid = uids[i]};
	return imap_headers(im, uids, n, on_face, fs, e);
}

static bool
is_like(const struct face *a, const struct face *b)
{
	return a->known && b->known && a->size_bytes == b->size_bytes &&
	    memcmp(a->header, b->header, sizeof(a->header)) == 0;
}

static int
rows_write(struct db *db, struct action **list, size_t n, struct err *e)
{
	int rc = db_begin(db, e);

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = action_copy(db, list[i], e);
	if (rc == 0)
		return db_commit(db, e);
	db_rollback(db);
	return -1;
}

/* ---- a copy of which it is not known how it ended */

/* Each mail of the target stands for one of ours at most. */
static void
faces_match(struct action **list, size_t n, struct faces *ours, struct faces *there)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < there->n && list[i]->copied != ACTION_COPIED; k++)
			if (!there->list[k].used && is_like(&ours->list[i], &there->list[k])) {
				there->list[k].used = true;
				list[i]->copied = ACTION_COPIED;
			}
}

/* Where in the target to look from; 1: everywhere. */
static uint32_t
look_from(struct action **list, size_t n, const struct imap_state *target)
{
	uint32_t lo = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		if (list[i]->copy_validity != target->uidvalidity || list[i]->copy_from == 0)
			return 1;
		if (list[i]->copy_from < lo)
			lo = list[i]->copy_from;
	}
	return lo;
}

static int
target_search(struct move *m, struct action **list, size_t n, struct faces *ours, struct err *e)
{
	struct faces *there;
	struct imap_state state;
	struct arena a = {0};
	uint32_t *uids;
	size_t count;
	int rc = imap_examine(m->imap, m->to, &state, e);

	if (rc == -1)	/* no such folder: nothing was copied there */
		return e->kind == ERR_REJECT && !imap_broken(m->imap) ? 0 : -1;
	there = arena_alloc(&a, sizeof(*there));
	rc = imap_search(m->imap, look_from(list, n, &state), NULL, 0, &a, &uids, &count, e);
	for (size_t at = 0, some; rc == 0 && at < count; at += some) {
		some = count - at < IMAP_MAX_UIDS ? count - at : IMAP_MAX_UIDS;
		rc = faces_fetch(m->imap, &uids[at], some, there, e);
		if (rc == 0)
			faces_match(list, n, ours, there);
	}
	arena_free(&a);
	return rc;
}

static int
select_again(struct move *m, struct err *e)
{
	struct imap_state state;
	bool writable;

	if (imap_select(m->imap, m->from, &state, &writable, e) == -1)
		return -1;
	if (state.uidvalidity == m->uidvalidity && writable)
		return 0;
	return err_set(e, ERR_RETRY, "the folder was numbered anew meanwhile");
}

/* Those of which a copy was begun or made: is it there? */
static int
copies_find(struct move *m, struct action **all, size_t count, struct err *e)
{
	struct action *list[IMAP_MAX_UIDS];
	uint32_t uids[IMAP_MAX_UIDS];
	struct faces *ours;
	struct arena a = {0};
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < count; i++)
		if (all[i]->copied == ACTION_COPYING ||
		    (all[i]->copied == ACTION_NOT_COPIED && all[i]->copies > 0))
			list[n++] = all[i];
	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		uids[i] = list[i]->uid;
	ours = arena_alloc(&a, sizeof(*ours));
	rc = faces_fetch(m->imap, uids, n, ours, e);
	for (size_t i = 0; i < n && rc == 0; i++)
		if (!ours->list[i].known)
			rc = err_set(e, ERR_RETRY, "the server did not send the header of a mail to be moved");
	if (rc == 0)
		rc = target_search(m, list, n, ours, e);
	if (rc == 0)
		rc = select_again(m, e);
	for (size_t i = 0; i < n && rc == 0; i++)
		if (list[i]->copied == ACTION_COPYING)
			list[i]->copied = ACTION_NOT_COPIED;
	arena_free(&a);
	return rc == 0 ? rows_write(m->db, list, n, e) : -1;
}

/* ---- copying */

static int
target_make(struct move *m, struct imap_state *state, struct err *e)
{
	if (imap_status(m->imap, m->to, state, e) == 0)
		return 0;
	if (e->kind != ERR_REJECT || imap_create(m->imap, m->to, e) == -1)
		return -1;
	return imap_status(m->imap, m->to, state, e);
}

/* All of them are then being copied, or were, as the server says; copies_find() looks. */
static int
copies_make(struct move *m, struct action **all, size_t count, struct err *e)
{
	struct action *list[IMAP_MAX_UIDS];
	uint32_t uids[IMAP_MAX_UIDS];
	struct imap_state target;
	bool missing;
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (all[i]->copied == ACTION_NOT_COPIED && all[i]->copies < MOVE_MAX_COPIES)
			list[n++] = all[i];
	if (n == 0)
		return 0;
	if (target_make(m, &target, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		uids[i] = list[i]->uid;
		list[i]->copied = ACTION_COPYING;
		if (list[i]->copies > 0 && list[i]->copy_validity == target.uidvalidity)
			continue;	/* an earlier one may yet be shown */
		list[i]->copy_validity = target.uidvalidity;
		list[i]->copy_from = target.uidnext;
	}
	if (rows_write(m->db, list, n, e) == -1 || imap_copy(m->imap, uids, n, m->to, &missing, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		list[i]->copies++;
	return rows_write(m->db, list, n, e);
}

static int
by_copying(struct move *m, struct action **list, size_t n, struct err *e)
{
	uint32_t uids[IMAP_MAX_UIDS];
	size_t copied = 0;

	if (copies_find(m, list, n, e) == -1 || copies_make(m, list, n, e) == -1 ||
	    copies_find(m, list, n, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (list[i]->copied == ACTION_COPIED)
			uids[copied++] = list[i]->uid;
	if (copied > 0 && (imap_flag(m->imap, uids, copied, "\\Deleted", e) == -1 ||
			      imap_uid_expunge(m->imap, uids, copied, e) == -1))
		return -1;
	if (copied == n)
		return 0;
	return err_set(e, ERR_REJECT, "the server says that it copied a mail, but does not show the copy");
}

static int
by_moving(struct move *m, struct action **list, size_t n, struct err *e)
{
	uint32_t uids[IMAP_MAX_UIDS];
	bool missing;

	for (size_t i = 0; i < n; i++)
		uids[i] = list[i]->uid;
	if (imap_move(m->imap, uids, n, m->to, &missing, e) == 0)
		return 0;
	if (!missing || imap_create(m->imap, m->to, e) == -1)
		return -1;
	return imap_move(m->imap, uids, n, m->to, &missing, e);
}

int
move_mails(struct move *m, struct action **list, size_t n, struct err *e)
{
	struct action *copied[IMAP_MAX_UIDS], *whole[IMAP_MAX_UIDS];
	struct imap_can can;
	size_t copies = 0, moves = 0;

	if (imap_can(m->imap, &can, e) == -1)
		return -1;
	if (!can.move && !can.uidplus)
		return err_set(e, ERR_REJECT, "the server has neither MOVE nor UIDPLUS: use seen or "
		    "keyword:NAME");
	for (size_t i = 0; i < n; i++)	/* what was begun by copying is ended so */
		if (can.uidplus && (!can.move || list[i]->copied != ACTION_NOT_COPIED))
			copied[copies++] = list[i];
		else
			whole[moves++] = list[i];
	if (copies > 0 && by_copying(m, copied, copies, e) == -1)
		return -1;
	return moves > 0 ? by_moving(m, whole, moves, e) : 0;
}
