/*
 * reproof - see reproof.h
 */
#include "ingest/reproof.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "ingest/import.h"
#include "store/claim.h"
#include "store/mail.h"
#include "store/signature.h"

#define REPROOF_BATCH	20	/* mails listed at a time: each asked is due later, or never again */
#define REPROOF_MAX_MS	(2 * CLOCK_DAY)	/* where proof_wait_ms() cannot be asked: the longest that it says */
#define REPROOF_MAX	1000	/* in one pass, before the mailbox is looked at; the rest is due in the next */

/* When it is asked again after `asks` times. */
static int64_t
next_of(int asks, int64_t now_ms)
{
	static const int64_t waits[] = {5 * CLOCK_MINUTE, 30 * CLOCK_MINUTE, 2 * CLOCK_HOUR, 6 * CLOCK_HOUR};

	return now_ms + waits[asks < (int)COUNT(waits) ? asks : (int)COUNT(waits) - 1];
}

int
reproof_note(struct ingest *in, int64_t mail_id, const struct signature *s, int64_t wait_ms, struct err *e)
{
	struct signature_row	row;
	struct arena		a = {0};
	bool			before;
	int64_t			end_ms;
	int			rc = signature_get(in->db, mail_id, &a, &row, &before, e);

	if (rc != 0 || (!before && s->verdict == SIGNATURE_NONE))
		goto out;
	if (s->verdict != SIGNATURE_NONE) {	/* else it could not be read again, or the configuration changed */
		row.verdict = signature_name(s->verdict);
		row.domain = s->domain;
		row.selector = s->selector;
		row.key = s->key.n > 0 ? arena_textn(&a, s->key.p, s->key.n) : NULL;
	}
	row.since_ms = before ? row.since_ms : in->now_ms;
	row.checked_ms = in->now_ms;
	row.asks = before ? row.asks + 1 : 0;
	row.next_ms = 0;
	end_ms = row.since_ms + wait_ms;
	if (wait_ms != 0 && in->now_ms < end_ms) {
		row.next_ms = next_of(row.asks, in->now_ms);
		row.next_ms = row.next_ms < end_ms ? row.next_ms : end_ms;
	}
	rc = signature_put(in->db, mail_id, &row, e);
out:
	arena_free(&a);
	return rc;
}

int
reproof_left(struct ingest *in, int64_t mail_id, int64_t *wait_ms, struct err *e)
{
	struct signature_row	row;
	struct arena		a = {0};
	bool			found;
	int			rc = 0;

	if (*wait_ms != 0)
		rc = signature_get(in->db, mail_id, &a, &row, &found, e);
	if (*wait_ms != 0 && rc == 0 && found && in->now_ms >= row.since_ms + *wait_ms)
		*wait_ms = 0;
	arena_free(&a);
	return rc;
}

/* The claims that wait for the proof, held: nobody waits for it any longer. */
static int
claims_hold(struct ingest *in, int64_t mail_id, struct arena *a, struct err *e)
{
	struct claim	*list;
	int		 n;

	if (claim_list_of(in->db, mail_id, 0, a, &list, &n, e) != 0)
		return -1;
	for (int i = 0; i < n; i++) {
		if (list[i].state != CLAIM_AWAITING_PROOF)
			continue;
		if (claim_settle(in->db, &list[i], CLAIM_HELD, NULL, in->now_ms, e) != 0)
			return -1;
		in->waiting++;
	}
	return 0;
}

/* Inside the transaction: its claims go their way if the proof is decided, are held if it is too late for one. */
static int
mail_resolve(struct ingest *in, const struct ingest_mail *m, struct arena *a, struct err *e)
{
	struct signature_row	before;
	bool			found;
	int64_t			wait_ms = 0;

	if (signature_get(in->db, m->id, a, &before, &found, e) != 0)
		return -1;
	if (!found || before.next_ms == 0)	/* somebody was faster */
		return 0;
	if (!m->failed)
		wait_ms = ingest_judge(in->sender, &m->proof, &m->reading, m->arrived_ms, m->history).wait_ms;
	else if (m->why.kind != ERR_REJECT)
		wait_ms = REPROOF_MAX_MS;	/* no memory for it */
	if (wait_ms == 0 && !m->failed)
		return ingest_store(in, m, e) == 0 ? mail_follow(in->db, m->id, e) : -1;
	if ((wait_ms == 0 || in->now_ms >= before.since_ms + wait_ms) && claims_hold(in, m->id, a, e) != 0)
		return -1;
	return reproof_note(in, m->id, &m->proof.signature, wait_ms, e);
}

/*
 * Its bytes were dropped, which any number of forged mails can bring about: the mailbox gives them again, if it still
 * has the mail. *done: then this pass or the next reads it as new.
 */
static int
mail_fetch_again(struct ingest *in, int64_t id, bool *done, struct err *e)
{
	const struct signature none = {.key = SPAN_LIT("")};

	if (db_begin(in->db, e) != 0)
		return -1;
	if (mail_refetch(in->db, id, "to be fetched and read again", done, e) == 0 &&
	    (!*done || reproof_note(in, id, &none, REPROOF_MAX_MS, e) == 0))
		return db_commit(in->db, e);
	db_rollback(in->db);
	return -1;
}

static int
mail_reprove(struct ingest *in, int64_t id, struct arena *a, struct err *e)
{
	struct ingest_mail	m = {.id = id, .again = true, .awaited = true};
	struct mail_row		row;
	bool			fetched = false;

	if (mail_get(in->db, id, a, &row, e) != 0 || mail_kept(in->db, id, a, &m.raw, e) != 0)
		return -1;
	m.uid = row.uid;
	m.arrived_ms = row.arrived_ms;
	m.history = row.history;
	if (m.raw.p == NULL && strcmp(in->mailbox, IMPORT_MAILBOX) != 0 && mail_fetch_again(in, id, &fetched, e) != 0)
		return -1;
	if (fetched)
		return 0;
	if (m.raw.p == NULL) {	/* taken away meanwhile: nothing can prove it any more */
		m.failed = true;
		m.proof.detail = SPAN_LIT("");
		err_set(&m.why, ERR_REJECT, "its bytes are not kept");
	} else if (ingest_read(in, &m, a, e) != 0) {
		return -1;
	}
	log_info("mail.proof", "mail", arena_printf(a, "mail_%lld", (long long)id), "mailbox", in->mailbox, "proof",
	    proof_name(m.proof.kind), "signature", signature_name(m.proof.signature.verdict), NULL);
	if (db_begin(in->db, e) != 0)
		return -1;
	if (mail_resolve(in, &m, a, e) == 0 && db_commit(in->db, e) == 0)
		return 0;
	db_rollback(in->db);
	return -1;
}

int
reproof_pass(struct ingest *in, struct err *e)
{
	int64_t	ids[REPROOF_BATCH];
	int	n = 0, done = 0;

	do {
		if (signature_due(in->db, in->mailbox, in->now_ms, ids, COUNT(ids), &n, e) != 0)
			return -1;
		for (int i = 0; i < n; i++) {
			struct arena	a = {0};
			int		rc;

			if (*in->stop)
				return err_what(e, ERR_RETRY, ERR_STOPPED, "stopped by a signal");
			rc = mail_reprove(in, ids[i], &a, e);
			arena_free(&a);
			if (rc != 0)
				return -1;
			done++;
		}
	} while (n > 0 && done < REPROOF_MAX);
	return 0;
}
