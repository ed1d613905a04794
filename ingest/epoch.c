/* epoch - see epoch.h */
#include "ingest/epoch.h"

#include "base/clock.h"
#include "base/log.h"
#include "ingest/retry.h"
#include "store/event.h"
#include "store/stray.h"

#define CLOCK_SKEW_MS	CLOCK_HOUR		/* a mail server's clock may be that slow */
#define RESCREEN_MOST	500	/* mails that a changed screen is asked again about in one pass */
#define SEARCH_RANGES	100	/* of UIDs in one command: 2 KB, which any server takes (RFC 7162 5: 8,192 bytes) */
#define ANEW_MOST	2	/* times that a folder may be numbered anew ... */
#define ANEW_MS		CLOCK_HOUR	/* ... within this: each costs a look at all its mails */

/* What a search brought. */
struct shown {
	int64_t	added;
	size_t	gone, asked;
};

/* ---- policy */

bool
epoch_history(const struct epoch_row *ep, int64_t announce_ms, uint32_t uid, int64_t arrived_ms)
{
	if (ep->history_uid != 0)
		return uid < ep->history_uid;
	return arrived_ms != 0 && arrived_ms < announce_ms;
}

bool
epoch_old(const struct mailbox_row *row, const struct epoch_row *ep, uint32_t uid,
    int64_t arrived_ms)
{
	bool came_later = ep->history_uid != 0 && uid >= ep->history_uid &&
	    row->start_ms <= row->first_pass_ms;

	return arrived_ms != 0 && arrived_ms < row->start_ms - (came_later ? CLOCK_SKEW_MS : 0);
}

bool
epoch_renumbered(const struct epoch_row *ep, const struct imap_state *st)
{
	return ep->uidvalidity != st->uidvalidity ||
	       (st->uidnext != 0 && st->uidnext <= ep->highest && !epoch_behind(ep, st));
}

bool
epoch_behind(const struct epoch_row *ep, const struct imap_state *st)
{
	return ep->uidnext != 0 && ep->uidnext <= st->uidnext && st->uidnext <= ep->highest;
}

bool
epoch_quiet(const struct epoch_row *ep, const struct imap_state *st, int64_t now_ms)
{
	return !epoch_renumbered(ep, st) && !epoch_behind(ep, st) && st->uidnext != 0 &&
	    st->uidnext == ep->uidnext &&
	    st->exists == ep->exists_count && ep->screened && now_ms >= ep->full_ms &&
	    now_ms - ep->full_ms < EPOCH_FULL_MS &&
	    (ep->pending == 0 ||
		(ep->next_ms > now_ms && ep->next_ms - now_ms <= MAIL_WAIT_MS));
}

uint32_t
epoch_search_from(const struct epoch_row *ep, const struct imap_state *st, int64_t now_ms)
{
	/* UIDNEXT below what it was: whatever the server lost, it may number mail there again */
	if (ep->uidnext == 0 || st->uidnext < ep->uidnext || epoch_behind(ep, st) || !ep->screened ||
	    now_ms < ep->full_ms || now_ms - ep->full_ms >= EPOCH_FULL_MS)
		return 1;
	return ep->uidnext;
}

size_t
epoch_search_also(const uint32_t *pending, size_t n, uint32_t *from)
{
	size_t below = 0, ranges = 0;

	for (; below < n && pending[below] < *from; below++)
		ranges += below == 0 || pending[below] != pending[below - 1] + 1;
	if (ranges <= SEARCH_RANGES)
		return below;
	*from = pending[0];
	return 0;
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
epoch_adds_up(
    const struct epoch_row *ep, const struct imap_state *st, const uint32_t *pending, size_t n_pending,
    const uint32_t *uids, size_t n)
{
	for (size_t i = 0, at = 0; i < n_pending && pending[i] < ep->uidnext; i++) {
		while (at < n && uids[at] < pending[i])
			at++;
		if (at == n || uids[at] != pending[i])
			return false;	/* not to see it is to have lost it */
	}
	return ep->exists_count + count_between(uids, n, ep->uidnext, st->uidnext) == st->exists;
}

/* ---- a folder as the server shows it now */

int
epoch_open(struct mailbox *box, const struct folder *f, bool first_pass, struct err *e)
{
	uint32_t history_uid = first_pass && box->conf->announce_ms == -1 ? f->state.uidnext : 0;
	int64_t id;

	return mail_epoch_open(
	    box->in->db, f->id, f->state.uidvalidity, history_uid, box->in->now_ms, &id, e);
}

/* Numbers that come and go (several servers behind one name, a broken index) would be an epoch at each pass. */
static int
anew_too_often(const struct mailbox *box, const struct folder *f, struct err *e)
{
	int64_t n;

	if (mail_epochs_closed(box->in->db, f->id, box->in->now_ms - ANEW_MS, box->in->now_ms, &n, e) == -1)
		return -1;
	return n < ANEW_MOST ? 0 : err_set(e, ERR_RETRY,
	    "folder '%s': the server keeps numbering its mails anew (%lld times within an hour, UIDVALIDITY is %u): other"
	    " numbers are not read before the hour is over", f->name, (long long)n, f->state.uidvalidity);
}

static int
epoch_anew(struct mailbox *box, const struct folder *f, struct epoch_row *ep, struct err *e)
{
	if (ep->id != 0 && anew_too_often(box, f, e) == -1)
		return -1;
	if (db_begin(box->in->db, e) == -1 ||
	    pass_commit(box, epoch_open(box, f, false, e), e) == -1)
		return -1;
	if (ep->id != 0)
		log_info("mailbox.renumbered", "mailbox", box->conf->name, "folder", f->name, NULL);
	return mail_epoch(box->in->db, f->id, box->in->screen, ep, e);
}

int
epoch_present(struct mailbox *box, const struct folder *f, struct epoch_row *ep, struct err *e)
{
	if (mail_epoch(box->in->db, f->id, box->in->screen, ep, e) == -1)
		return -1;
	return ep->id != 0 && !epoch_renumbered(ep, &f->state) ? 0 : epoch_anew(box, f, ep, e);
}

int
epoch_steady(struct mailbox *box, const struct folder *f, struct err *e)
{
	bool failing;

	if (event_is_failing(box->in->db, "mailbox", box->conf->name, &failing, e) == -1)
		return -1;
	return failing ? anew_too_often(box, f, e) : 0;
}

static int
strays_end(struct mailbox *box, const struct folder *f, int64_t epoch_id, size_t *n, struct err *e)
{
	struct arena a = {0};
	struct stray *lost;
	int rc = stray_settle(box->in->db, f->id, epoch_id, box->in->now_ms, &a, &lost, n, e);

	for (size_t i = 0; i < *n && rc == 0; i++)
		rc = retry_vanished(box->in, lost[i].id, lost[i].reason, e);
	arena_free(&a);
	return rc;
}

int
epoch_strays(struct mailbox *box, const struct folder *f, const struct epoch_row *ep, struct err *e)
{
	/* a search that showed fewer than there are says nothing of what is missing */
	const bool whole = ep->full_ms != 0 && ep->untold == 0 && ep->exists_count == f->state.exists;
	size_t n = 0;
	bool any;

	if (!whole)
		return 0;
	if (stray_any(box->in->db, f->id, &any, e) == -1)
		return -1;
	if (!any)
		return 0;
	if (db_begin(box->in->db, e) == -1 || pass_commit(box, strays_end(box, f, ep->id, &n, e), e) == -1)
		return -1;
	log_info("mailbox.strays", "mailbox", box->conf->name, "folder", f->name, "lost", log_num((int64_t)n).s, NULL);
	return 0;
}

/*
 * In a transaction: all that a search showed gets a row, and what it did not show is missed.
 * `full`: it was for all UIDs. One that shows fewer than EXISTS says nothing of what is missing.
 */
static int
shown_store(struct mailbox *box, const struct folder *f, const struct epoch_row *ep,
    const uint32_t *uids, size_t n, bool full, struct shown *count, struct err *e)
{
	int64_t there = full ? count_between(uids, n, 1, f->state.uidnext) : f->state.exists;
	int64_t now_ms = box->in->now_ms, *gone;
	struct arena a = {0};
	int rc = -1;

	if (mail_shown(box->in->db, ep->id, uids, n, now_ms, &count->added, e) == 0 &&
	    mail_missed(box->in->db, ep->id, uids, n, full && there == f->state.exists, now_ms,
		&a, &gone, &count->gone, e) == 0 &&
	    (ep->screened || !full ||
		mail_rescreen(box->in->db, ep->id, box->in->screen, uids, n, RESCREEN_MOST,
		    &count->asked, e) == 0) &&
	    mail_epoch_searched(box->in->db, ep->id, f->state.uidnext, there, full, now_ms, e) == 0)
		rc = 0;
	for (size_t i = 0; i < count->gone && rc == 0; i++)
		rc = retry_vanished(box->in, gone[i], "gone before it was read", e);
	arena_free(&a);
	return rc;
}

static int
search_store(struct mailbox *box, const struct folder *f, const struct epoch_row *ep,
    const uint32_t *uids, size_t n, bool full, struct err *e)
{
	struct shown count = {0};

	if (db_begin(box->in->db, e) == -1 ||
	    pass_commit(box, shown_store(box, f, ep, uids, n, full, &count, e), e) == -1)
		return -1;
	box->in->seen += count.added;
	box->in->todo += ep->pending + count.added - (int64_t)count.gone;
	log_info("mailbox.searched", "mailbox", box->conf->name, "folder", f->name, "all",
	    full ? "yes" : "no", "new", log_num(count.added).s, "vanished",
	    log_num((int64_t)count.gone).s, "asked_again", log_num((int64_t)count.asked).s, NULL);
	return 0;
}

int
epoch_search(struct mailbox *box, const struct folder *f, struct epoch_row *ep, struct err *e)
{
	uint32_t from = epoch_search_from(ep, &f->state, box->in->now_ms), *uids = NULL, *pending = NULL;
	struct arena a = {0};
	size_t n = 0, n_pending = 0, also = 0;
	int rc = 0;

	if (from > 1 && (rc = mail_pending_uids(box->in->db, ep->id, &a, &pending, &n_pending, e)) == 0)
		also = epoch_search_also(pending, n_pending, &from);
	if (rc == 0)
		rc = imap_search(box->imap, from, pending, also, &a, &uids, &n, e);
	if (rc == 0 && from > 1 && !epoch_adds_up(ep, &f->state, pending, n_pending, uids, n)) {
		from = 1;
		rc = imap_search(box->imap, from, NULL, 0, &a, &uids, &n, e);
	}
	if (rc == 0 && from == 1 && n == 0 && f->state.exists > 0)
		rc = err_set(e, ERR_RETRY, "folder '%s': the server has %lld mails but shows none",
		    f->name, (long long)f->state.exists);
	if (rc == 0 && epoch_behind(ep, &f->state) && (n == 0 || uids[n - 1] < ep->highest))
		rc = epoch_anew(box, f, ep, e);
	if (rc == 0)
		rc = search_store(box, f, ep, uids, n, from == 1, e);
	arena_free(&a);
	return rc;
}
