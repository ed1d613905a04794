/*
 * reread - see reread.h
 */
#include "ingest/reread.h"

#include <string.h>

#include "ingest/import.h"

#define REASON_CHANGED	"reading-changed"	/* doubt: it waited for the API, and is no longer said */
#define REASON_GONE	"no-longer-read"	/* remark: today's rules do not find it */

/* ---- claims */

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The same sales unit of the same organisation; where one of them is not said, the same names too. */
static bool
same_claim(const struct claim *a, const struct claim *b)
{
	if (!same_text(a->org_scheme, b->org_scheme) || !same_text(a->org_number, b->org_number) ||
	    !same_text(a->msn, b->msn))
		return false;
	return (a->org_scheme != NULL && a->org_number != NULL && a->msn != NULL) ||
	    (same_text(a->merchant_name, b->merchant_name) &&
	    same_text(a->sales_unit_name, b->sales_unit_name));
}

static bool
has_doubt(const char *reasons)
{
	struct json	*list = json_ours(reasons);
	bool		 doubt = false, one;

	for (int i = 0; !doubt && i < json_count(list); i++)
		doubt = !json_bool(json_get(json_item(list, i), "doubt"), &one) || one;
	json_free(list);
	return doubt;
}

/* Held by the pipeline for what the mail was, not by the API's absence or a person. */
static bool
held_for_doubt(const struct claim *c)
{
	return c->state == CLAIM_HELD && (!c->trusted || has_doubt(c->reasons));
}

/* It was said before that reading again does not find the claim. */
static bool
said_gone(const struct json *list)
{
	for (int i = 0; i < json_count(list); i++) {
		const char *code = json_text(json_get(json_item(list, i), "code"));

		if (same_text(code, REASON_CHANGED) || same_text(code, REASON_GONE))
			return true;
	}
	return false;
}

/* One more reason, unless it is there already. */
static int
reason_add(struct db *db, const struct claim *c, const char *code, bool doubt, struct err *e)
{
	struct json	*list = json_ours(c->reasons), *o;
	struct arena	 a = {0};
	int		 rc = 0;

	if (json_is_array(list) && !said_gone(list)) {
		o = json_object();
		json_put_text(o, "code", code);
		json_put_bool(o, "doubt", doubt);
		json_put(o, "field", NULL);
		json_add(list, o);
		rc = claim_reasons(db, c->id, json_print(list, &a), e);
	}
	json_free(list);
	arena_free(&a);
	return rc;
}

/* A claim that the new reading does not say any more. */
static int
claim_gone(struct db *db, const struct claim *c, int64_t now_ms, int64_t *held, struct err *e)
{
	if (c->state != CLAIM_PENDING)
		return reason_add(db, c, REASON_GONE, false, e);
	(*held)++;
	return reason_add(db, c, REASON_CHANGED, true, e) == 0 ?
	    claim_settle(db, c, CLAIM_HELD, NULL, now_ms, e) : -1;
}

/* What the mail has for this claim of the new reading: 1 if nothing needs to be added. */
static int
claim_matched(struct db *db, const struct claim *new, const struct claim *old, bool *said, int n,
    int64_t now_ms, int64_t *held, struct err *e)
{
	int found = 0;

	for (int i = 0; i < n; i++) {
		if (!same_claim(new, &old[i]))
			continue;
		if (new->state == CLAIM_HELD || !held_for_doubt(&old[i]))
			found = 1;
		if (old[i].state == CLAIM_PENDING && new->state == CLAIM_HELD && !said[i]) {
			(*held)++;
			if (claim_reasons(db, old[i].id, new->reasons, e) != 0 ||
			    claim_settle(db, &old[i], CLAIM_HELD, NULL, now_ms, e) != 0)
				return -1;
		}
		said[i] = true;
	}
	return found;
}

int
reread_claims(struct db *db, int64_t mail_id, const char *cause, const struct claim *list, int n,
    int64_t now_ms, int64_t *added, int64_t *held, struct err *e)
{
	struct arena	 a = {0};
	struct claim	*old;
	bool		*said;
	int64_t		 id;
	int		 count, next = 0, rc = claim_list_of(db, mail_id, 0, &a, &old, &count, e);

	said = arena_array(&a, rc == 0 ? (size_t)count : 0, sizeof *said);
	for (int i = 0; rc == 0 && i < count; i++)
		next = old[i].n >= next ? old[i].n + 1 : next;
	for (int i = 0; rc == 0 && i < n; i++) {
		struct claim c = list[i];
		int	     found = claim_matched(db, &c, old, said, count, now_ms, held, e);

		rc = found == -1 ? -1 : 0;
		if (found != 0)
			continue;
		c.n = next++;
		rc = claim_add(db, &c, cause, now_ms, &id, e);
		(*added)++;
		*held += c.state == CLAIM_HELD;
	}
	for (int i = 0; rc == 0 && i < count; i++)
		if (!said[i])
			rc = claim_gone(db, &old[i], now_ms, held, e);
	arena_free(&a);
	return rc;
}

/* ---- mails */

int
reread_target(struct db *db, int64_t id, struct arena *a, struct mail_row *m, struct err *e)
{
	struct mail_row first;

	if (mail_get(db, id, a, m, e) != 0)
		return -1;
	if (m->same_as == 0)
		return 0;
	if (mail_get(db, m->same_as, a, &first, e) != 0)
		return -1;
	if (first.kept)
		*m = first;
	return 0;
}

/* The proof made on arrival, if the domain that it proved is still one that is configured. */
static bool
proof_kept(const struct ingest *in, const struct mail_row *m, struct proof *p)
{
	const char *const	*domains = in->sender->domains;
	bool			 configured = false;

	*p = (struct proof){.detail = span_of(m->proof_detail)};
	if (m->proof == NULL || strlen(m->from_domain) >= sizeof p->from_domain)
		return false;
	memcpy(p->from_domain, m->from_domain, strlen(m->from_domain) + 1);
	for (int kind = 0; kind < PROOF_KINDS; kind++)
		if (strcmp(proof_name((enum proof_kind)kind), m->proof) == 0)
			p->kind = (enum proof_kind)kind;
	if (p->kind == PROOF_FORWARDER)
		domains = in->sender->forwarders;
	for (int i = 0; domains[i] != NULL; i++)
		configured = configured || span_is_nocase(span_of(m->from_domain), domains[i]);
	return configured && p->kind != PROOF_NONE;
}

static int
store(struct ingest *in, const struct ingest_mail *m, struct err *e)
{
	if (db_begin(in->db, e) != 0)
		return -1;
	if (ingest_store(in, m, e) == 0 && mail_follow(in->db, m->id, e) == 0)
		return db_commit(in->db, e);
	db_rollback(in->db);
	return -1;
}

static int
refetch(struct ingest *in, const struct mail_row *m, bool file, enum reread_end *end, struct err *e)
{
	bool done;

	if (db_begin(in->db, e) != 0)
		return -1;
	if (mail_refetch(in->db, m->id, file ? "to be imported again" : "to be fetched and read again",
	    &done, e) != 0) {
		db_rollback(in->db);
		return -1;
	}
	*end = done ? REREAD_WAITS : REREAD_LOST;
	return db_commit(in->db, e);
}

int
reread_mail(struct ingest *in, const struct mail_row *row, bool fetchable, enum reread_end *end, bool *waits,
    struct err *e)
{
	bool		   file = strcmp(row->mailbox, IMPORT_MAILBOX) == 0;
	struct ingest_mail m = {.id = row->id, .uid = row->uid, .arrived_ms = row->arrived_ms,
	    .history = row->history, .again = true, .file = file};
	int64_t		   waiting = in->waiting, quarantined = in->quarantined;
	struct arena	   a = {0};
	struct proof	   kept;
	int		   rc = 0;

	*waits = false;
	*end = fetchable && row->present ? REREAD_WAITS : REREAD_LOST;
	if (!row->kept)
		return *end == REREAD_WAITS ? refetch(in, row, file, end, e) : 0;
	if (!file && proof_kept(in, row, &kept))
		m.kept = &kept;
	if (mail_kept(in->db, row->id, &a, &m.raw, e) != 0 || ingest_read(in, &m, &a, e) != 0) {
		rc = -1;
	} else if (m.failed && m.why.kind == ERR_RETRY) {
		*end = REREAD_FAILED;
	} else {
		*end = REREAD_DONE;
		rc = store(in, &m, e);
		*waits = in->waiting - waiting >
		    (row->fate == MAIL_QUARANTINED ? in->quarantined - quarantined : 0);
	}
	arena_free(&a);
	return rc;
}
