/*
 * ingest - see ingest.h
 *
 * Failure modes: a mail that the children cannot read is quarantined with its bytes; one that they
 * had no memory for stays pending; a database that fails ends the pass with nothing of this mail
 * written.
 */
#include "ingest/ingest.h"

#include <ctype.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "ingest/own.h"
#include "ingest/reproof.h"
#include "ingest/retry.h"
#include "ingest/reread.h"
#include "store/alarm.h"
#include "store/claim.h"
#include "store/event.h"
#include "store/mail.h"

#define DEFAULT_MAX_AGE	(14 * CLOCK_DAY)
#define DEFAULT_BYTES	(INT64_C(10) << 20)	/* an approval mail is under 100 KiB */
#define MAX_BYTES	(INT64_C(32) << 20)	/* with room to spare below READING_MAX_FRAME */
#define DEFAULT_FREE	(INT64_C(500) << 20)	/* some thousand mails, and the journal */
#define MAX_STRANGERS	10	/* From domains a day that mail.unknown-sender names: anyone can own more */
#define LAST_MS		INT64_C(253402300799999)	/* end of year 9999: beyond is nonsense */

/* ---- settings */

static void
domains_check(struct conf_node *list, const char *const *domains)
{
	for (int i = 0; domains[i] != NULL; i++)
		if (!span_domain(span_of(domains[i])))
			conf_wrong(conf_of(list), conf_is_list(list) ? conf_item(list, i) : list,
			    "\"%s\" is no domain name (ASCII, like example.com)", domains[i]);
}

static void
accept_read(struct conf_node *sender, struct sender_conf *c)
{
	const char	 **words = conf_texts(sender, "accept");
	struct conf_node *list = conf_get(sender, "accept");

	c->accept_authentication_results = c->accept_dkim = list == NULL;
	if (list != NULL && words[0] == NULL)
		conf_wrong(conf_of(list), list, "accepts no proof: name dkim, authentication-results, api or several");
	for (int i = 0; words[i] != NULL; i++) {
		struct conf_node *at = conf_is_list(list) ? conf_item(list, i) : list;

		if (strcmp(words[i], "authentication-results") == 0)
			c->accept_authentication_results = true;
		else if (strcmp(words[i], "dkim") == 0)
			c->accept_dkim = true;
		else if (strcmp(words[i], "api") == 0)
			c->accept_api = true;
		else
			conf_wrong(conf_of(at), at, "\"%s\" is no proof; dkim, authentication-results and api are",
			    words[i]);
	}
}

void
sender_conf_read(struct conf_node *root, struct sender_conf *c)
{
	static const char *vendor[] = {"vippsmobilepay.com", NULL};
	struct conf_node  *n = conf_section(root, "sender", CONF_OPTIONAL), *from;

	c->domains = conf_texts(n, "domains");
	domains_check(conf_get(n, "domains"), c->domains);
	if (c->domains[0] == NULL)
		c->domains = vendor;
	c->from = conf_texts(n, "from");
	from = conf_get(n, "from");
	if (from != NULL && !conf_is_list(from))
		conf_check_address(from);
	for (int i = 0; conf_is_list(from) && i < conf_count(from); i++)
		conf_check_address(conf_item(from, i));
	accept_read(n, c);
	c->authserv_ids = conf_texts(n, "authserv_ids");
	c->forwarders = conf_texts(n, "forwarders");
	domains_check(conf_get(n, "forwarders"), c->forwarders);
	c->max_age_ms = conf_span_ms(n, "max_age", DEFAULT_MAX_AGE);
	conf_done(n);
}

void
limits_conf_read(struct conf_node *root, struct limits_conf *c)
{
	struct conf_node *n = conf_section(root, "limits", CONF_OPTIONAL);

	c->mail_bytes = conf_bytes(n, "mail_bytes", DEFAULT_BYTES);
	if (c->mail_bytes < 1 || c->mail_bytes > MAX_BYTES)
		conf_wrong(conf_of(n), conf_get(n, "mail_bytes"), "must be between 1 and %lldM",
		    (long long)(MAX_BYTES >> 20));
	c->min_free = conf_bytes(n, "min_free", DEFAULT_FREE);
	conf_done(n);
}

static const char *
lower(const char *text, struct arena *a)
{
	char *s = arena_text(a, text);

	for (char *p = s; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return s;
}

/* The list, and `more` if it is not NULL; domains are compared in lower case. */
static const char **
list_of(const char *const *list, const char *more, bool lower_case, struct arena *a)
{
	size_t		n = 0;
	const char	**out;

	while (list[n] != NULL)
		n++;
	out = arena_array(a, n + 2, sizeof *out);
	for (size_t i = 0; i < n; i++)
		out[i] = lower_case ? lower(list[i], a) : list[i];
	out[n] = more;
	return out;
}

struct reading_setup
ingest_setup(const struct sender_conf *c, const char *authserv, const char **rules, struct arena *a)
{
	bool exchange = authserv != NULL && strcmp(authserv, "microsoft365") == 0;

	return (struct reading_setup){
		.rules = rules,
		.domains = list_of(c->domains, NULL, true, a),
		.from = c->from,
		.forwarders = list_of(c->forwarders, NULL, true, a),
		.authserv_ids = list_of(c->authserv_ids, exchange ? NULL : authserv, false, a),
		.microsoft365 = exchange,
		.accept_authentication_results = c->accept_authentication_results,
		.accept_dkim = c->accept_dkim,
	};
}

/* ---- what a reading is worth */

const char *
verdict_name(enum verdict v)
{
	switch (v) {
	case VERDICT_APPROVAL:
		return "approval";
	case VERDICT_OTHER:
		return "other";
	case VERDICT_SUSPICIOUS:
		return "suspicious";
	}
	return "suspicious";
}

static bool
is_trusted(const struct sender_conf *c, const struct proof *p)
{
	switch (p->kind) {
	case PROOF_AUTHENTICATION_RESULTS:
		return c->accept_authentication_results;
	case PROOF_DKIM:
		return c->accept_dkim;
	case PROOF_FORWARDER:
		return c->forwarders[0] != NULL;
	case PROOF_NONE:
	case PROOF_KINDS:
		return false;
	}
	return false;
}

/* A child's word for a time: 0 if it is none that a mail could have. */
static int64_t
time_known(int64_t ms)
{
	return ms > 0 && ms <= LAST_MS ? ms : 0;
}

static void
reasons_join(struct reasons *to, const struct reasons *from)
{
	for (int i = 0; i < from->count; i++)
		reasons_add(to, from->list[i].code, from->list[i].doubt, from->list[i].field);
}

/* A mail that was proven long ago and sent to us again is no news (architecture, Proof). */
static void
replay_check(const struct sender_conf *c, int64_t date_ms, int64_t arrived_ms, struct reasons *r)
{
	if (date_ms == 0)
		reasons_add(r, "date-missing", true, -1);
	else if (arrived_ms == 0)
		reasons_add(r, "arrival-unknown", false, -1);
	else if (arrived_ms - date_ms > c->max_age_ms)
		reasons_add(r, "date-old", true, -1);
}

static bool
any_doubt(const struct reasons *mail, const struct extraction *found)
{
	if (reasons_doubt(mail))
		return true;
	for (int i = 0; i < found->count; i++)
		if (reasons_doubt(&found->claims[i].reasons))
			return true;
	return false;
}

static bool
list_has(const char *const *list, struct span s)
{
	for (; *list != NULL; list++)
		if (span_is_nocase(s, *list))
			return true;
	return false;
}

/* Is what somebody passed on from a sender whom we would believe, had it come straight from there? */
static bool
forward_is_ours(const struct sender_conf *c, const struct reading *r)
{
	struct span rest = r->forward_from, local;

	return r->forward_from.p != NULL && span_cut(&rest, '@', &local) && list_has(c->domains, rest) &&
	    (c->from[0] == NULL || list_has(c->from, r->forward_from));
}

/* Takes the reason away, or leaves it as a remark. */
static void
reason_soften(struct reasons *r, const char *code, bool keep)
{
	int n = 0;

	for (int i = 0; i < r->count; i++) {
		bool same = strcmp(r->list[i].code, code) == 0;

		if (same && !keep)
			continue;
		r->list[n] = r->list[i];
		r->list[n].doubt = r->list[n].doubt && !same;
		n++;
	}
	r->count = n;
}

/*
 * Where the proof alone does not decide. A forwarder's word is good for what it passed on, and for nothing that it
 * says itself. Of history whose key is gone nobody can ask more than that the API agrees.
 */
static void
trust_judge(const struct sender_conf *c, const struct proof *proof, const struct reading *r, bool history,
    struct judgement *j)
{
	if (proof->kind == PROOF_FORWARDER && j->trusted) {
		j->trusted = forward_is_ours(c, r);
		if (j->trusted)
			reason_soften(&j->reasons, "forwarded", true);
		else
			reasons_add(&j->reasons, "forward-unknown", true, -1);
	} else if (proof->kind == PROOF_NONE && proof_wait_ms(proof) != 0) {
		bool ours = list_has(c->domains, span_of(proof->from_domain));

		j->wait_ms = proof_wait_ms(proof);
		if (!ours && forward_is_ours(c, r))
			reason_soften(&j->reasons, "forwarded", true);
		else if (!ours)
			reasons_add(&j->reasons, "forward-unknown", true, -1);
		if (!history || proof->signature.verdict != SIGNATURE_NO_KEY)
			return;
		j->wait_ms = 0;
		if (!ours)	/* the key that is gone would be the forwarder's */
			return;
		j->trusted = true;
		reason_soften(&j->reasons, "dkim-unresolved", false);
		reasons_add(&j->reasons, "dkim-key-gone", false, -1);
	}
}

struct judgement
ingest_judge(const struct sender_conf *c, const struct proof *proof, const struct reading *r,
    int64_t arrived_ms, bool history)
{
	struct judgement j = {.verdict = VERDICT_OTHER, .trusted = is_trusted(c, proof)};

	reasons_join(&j.reasons, &proof->reasons);
	reasons_join(&j.reasons, &r->found.reasons);
	trust_judge(c, proof, r, history, &j);
	if (j.trusted && !history)
		replay_check(c, time_known(r->date_ms), time_known(arrived_ms), &j.reasons);
	if (r->found.kind != RULE_APPROVAL)
		return j;
	j.verdict = VERDICT_SUSPICIOUS;
	if (j.trusted && r->found.count > 0 && !any_doubt(&j.reasons, &r->found))
		j.verdict = VERDICT_APPROVAL;
	return j;
}

/* ---- asking the children */

/* Who reads it is decided by what the prover said. */
static bool
mail_proven(void *arg)
{
	struct ingest_mail *m = arg;

	m->proven = true;
	if (m->kept != NULL && !is_trusted(m->sender, &m->proof) && is_trusted(m->sender, m->kept))
		m->proof = *m->kept;	/* what was proven on arrival may not be provable now */
	return is_trusted(m->sender, &m->proof);
}

void
ingest_ask(struct ingest *in, struct ingest_mail *m, struct arena *a)
{
	digest_sha256(m->raw, m->sha256);
	m->sender = in->sender;
	m->proven = false;
	m->asked = (struct reader_mail){.raw = m->raw, .at_ms = m->arrived_ms != 0 ? m->arrived_ms : in->now_ms,
	    .arena = a, .proof = &m->proof, .reading = &m->reading, .proven = mail_proven, .arg = m};
	reader_submit(in->readers, &m->asked);
}

int
ingest_take(struct ingest *in, struct ingest_mail *m, struct err *e)
{
	reader_wait(in->readers, &m->asked);
	m->failed = m->asked.failed;
	if (m->failed)
		m->why = m->asked.why;
	if (!m->proven)
		m->proof = (struct proof){.detail = SPAN_LIT("")};
	if (m->file)
		m->arrived_ms = time_known(m->proof.received_ms);
	db_lock_progress(in->lock);
	if (m->failed && m->why.kind == ERR_FATAL) {
		*e = m->why;
		return -1;
	}
	return 0;
}

int
ingest_read(struct ingest *in, struct ingest_mail *m, struct arena *a, struct err *e)
{
	ingest_ask(in, m, a);
	return ingest_take(in, m, e);
}

/* ---- rows */

/* One mail on its way into the tables. */
struct entry {
	struct ingest			*in;
	const struct ingest_mail	*mail;
	struct judgement		 judged;
	const char			*ref;		/* "mail_17" */
	const char			*hash;		/* of its bytes, in hex: names it */
	struct arena			 arena;
	int64_t				 claims, held;
};

static void
reasons_put(struct json *list, const struct reasons *r)
{
	for (int i = 0; i < r->count; i++) {
		const struct reason	*reason = &r->list[i];
		struct json		*o = json_object();

		json_put_text(o, "code", reason->code);
		json_put_bool(o, "doubt", reason->doubt);
		json_put_text(o, "field", reason->field < 0 ? NULL :
		    field_name((enum field)reason->field));
		json_add(list, o);
	}
}

/* As a JSON column: those of a claim (may be NULL) and of its mail. */
static const char *
reasons_json(const struct reasons *claim, const struct reasons *mail, struct arena *a)
{
	struct json	*list = json_array();
	const char	*text;

	if (claim != NULL)
		reasons_put(list, claim);
	reasons_put(list, mail);
	text = json_print(list, a);
	json_free(list);
	return text;
}

static const char *
evidence_json(const struct found_claim *c, struct arena *a)
{
	struct json	*fields = json_object();
	const char	*text;

	for (int f = 0; f < FIELDS; f++) {
		const struct evidence	*v = &c->evidence[f];
		struct json		*o = NULL;

		if (v->text.p != NULL) {
			o = json_object();
			json_put_int(o, "part", v->part);
			json_put_int(o, "line", v->line);
			json_put_int(o, "cell", v->cell);
			json_put_span(o, "text", v->text);
		}
		json_put(fields, field_name((enum field)f), o);
	}
	text = json_print(fields, a);
	json_free(fields);
	return text;
}

static const char *
text_of(struct span s, struct arena *a)
{
	return s.p == NULL ? NULL : arena_textn(a, s.p, s.n);
}

/* What every event about a mail says: ids and sender, never its text. */
static struct json *
mail_data(struct entry *n)
{
	struct json	*data = json_object(), *sender = json_object();
	const char	*domain = n->mail->proof.from_domain;

	json_put_text(sender, "domain", domain[0] != '\0' ? domain : NULL);
	json_put_text(sender, "proof", proof_name(n->mail->proof.kind));
	json_put_text(data, "id", n->ref);
	json_put_text(data, "mailbox", n->in->mailbox);
	json_put(data, "sender", sender);
	return data;
}

static int
tell(struct entry *n, const char *type, const char *subject, const char *cause, struct json *data,
    struct err *e)
{
	const struct event_new ev = {
		.type = type, .ref = n->ref, .subject = subject, .cause = cause, .data = data,
		.history = n->mail->history, .untrusted = !n->judged.trusted,
	};

	return event_add(n->in->db, &ev, n->in->now_ms, e);
}

static int
tell_recognised(struct entry *n, struct err *e)
{
	struct json *data = mail_data(n);

	json_put_text(data, "kind", rule_kind_name(n->mail->reading.found.kind));
	json_put_text(data, "fate", mail_fate_name(MAIL_READ));
	json_put_time(data, "date", time_known(n->mail->reading.date_ms));
	return tell(n, "mail.recognised", n->hash, n->hash, data, e);
}

/* Counted by From domain and day; history must not use up today's. */
static int
alarm(struct entry *n, const char *type, const char *subject, struct json *data, struct err *e)
{
	const struct alarm_new al = {
		.type = type, .subject = subject, .ref = n->ref, .data = data, .history = n->mail->history,
	};
	struct json		*list = json_array();

	reasons_put(list, &n->judged.reasons);
	json_put(data, "reasons", list);
	json_put_time(data, "date", time_known(n->mail->reading.date_ms));
	return alarm_raise(n->in->db, &al, n->in->now_ms, e);
}

/* A changed template is an alarm. */
static int
tell_unmatched(struct entry *n, struct err *e)
{
	return alarm(n, "mail.unmatched", n->mail->proof.from_domain, mail_data(n), e);
}

/*
 * Would it be an approval, were its domain configured? Any other doubt (that it was forwarded, above all)
 * makes it one of a stranger, and nobody should think of adding that domain.
 */
static bool
is_unknown_sender(const struct entry *n)
{
	const struct extraction *found = &n->mail->reading.found;

	if (n->mail->again || !n->mail->proof.authenticated || found->kind != RULE_APPROVAL)
		return false;
	for (int i = 0; i < n->judged.reasons.count; i++)
		if (n->judged.reasons.list[i].doubt &&
		    strcmp(n->judged.reasons.list[i].code, "sender-not-configured") != 0)
			return false;
	for (int i = 0; i < found->count; i++) {
		const struct found_claim	*c = &found->claims[i];
		int				 f = 0;

		while (f < FIELDS && c->value[f].p != NULL)
			f++;
		if (f == FIELDS && !reasons_doubt(&c->reasons))
			return true;
	}
	return false;
}

/* With what to write into the configuration; beyond the day's limit without the domain. */
static int
tell_unknown_sender(struct entry *n, struct err *e)
{
	const char	 *type = "mail.unknown-sender", *domain = n->mail->proof.from_domain;
	struct json	 *data;
	struct arena_buf  add = {.arena = &n->arena};
	bool		  room;

	if (alarm_room(n->in->db, type, domain, n->mail->history, MAX_STRANGERS, n->in->now_ms, &room,
	    e) != 0)
		return -1;
	arena_puts(&add, "sender: {domains: [");
	for (const char **d = n->in->sender->domains; *d != NULL; d++)
		arena_putf(&add, "%s, ", *d);
	arena_putf(&add, "%s]}", domain);
	data = mail_data(n);
	json_put_text(data, "add", room ? add.p : NULL);
	return alarm(n, type, room ? domain : ALARM_REST, data, e);
}

/* Pending only if trusted and without a doubt; awaiting its proof if nothing else is wrong. */
static enum claim_state
claim_begin(const struct entry *n, const struct found_claim *f)
{
	struct reasons mail = n->judged.reasons;

	if (n->judged.wait_ms != 0)
		reason_soften(&mail, "dkim-unresolved", false);
	if (reasons_doubt(&f->reasons) || reasons_doubt(&mail))
		return CLAIM_HELD;
	if (n->judged.wait_ms != 0)
		return CLAIM_AWAITING_PROOF;
	return n->judged.trusted ? CLAIM_PENDING : CLAIM_HELD;
}

static struct claim
claim_of(struct entry *n, int i)
{
	const struct found_claim *f = &n->mail->reading.found.claims[i];
	struct arena		 *a = &n->arena;
	enum claim_state	  state = claim_begin(n, f);
	struct claim		  c = {
		.mail_id = n->mail->id, .n = i,
		.trusted = n->judged.trusted, .history = n->mail->history,
		.state = state,
		.org_scheme = identifier_scheme_name(f->scheme),
		.country = identifier_country(f->scheme),
		.org_number = text_of(f->value[FIELD_ORG_NUMBER], a),
		.merchant_name = text_of(f->value[FIELD_MERCHANT_NAME], a),
		.msn = text_of(f->value[FIELD_MSN], a),
		.sales_unit_name = text_of(f->value[FIELD_SALES_UNIT_NAME], a),
		.reasons = reasons_json(&f->reasons, &n->judged.reasons, a),
		.evidence = evidence_json(f, a),
	};

	if (c.state == CLAIM_PENDING)
		c.next_ms = n->in->now_ms;
	return c;
}

/* What was read of it; of a mail that was read before (its bytes may have been fetched again), only what is new. */
static int
claims_store(struct entry *n, struct err *e)
{
	const struct ingest_mail *m = n->mail;
	int			  count = m->failed ? 0 : m->reading.found.count;
	struct claim		 *list = arena_array(&n->arena, (size_t)count, sizeof *list);

	for (int i = 0; i < count; i++)
		list[i] = claim_of(n, i);
	/* what waited for its proof has been told to nobody: it is made anew */
	if (claim_drop_awaiting(n->in->db, m->id, e) != 0)
		return -1;
	return reread_claims(n->in->db, m->id, n->hash, list, count, n->in->now_ms, &n->claims, &n->held, e);
}

static int
message_store(struct entry *n, struct err *e)
{
	const struct ingest_mail *m = n->mail;
	const struct message_new  msg = {
		.message_id = text_of(m->reading.message_id, &n->arena),
		.from_domain = m->proof.from_domain,
		.proof = proof_name(m->proof.kind),
		.proof_detail = arena_textn(&n->arena, m->proof.detail.p, m->proof.detail.n),
		.kind = rule_kind_name(m->reading.found.kind),
		.rule = m->reading.found.rule,
		.rules_hash = m->reading.rules_hash,
		.language = m->reading.found.language,
		.reasons = reasons_json(NULL, &n->judged.reasons, &n->arena),
		.date_ms = time_known(m->reading.date_ms),
		.trusted = n->judged.trusted,
	};

	return mail_message(n->in->db, m->id, &msg, e);
}

static int
quarantine(struct entry *n, const char *why, struct err *e)
{
	struct json	*data = mail_data(n), *list = json_array();
	struct ingest	*in = n->in;
	int64_t		 id = n->mail->id;

	reasons_put(list, &n->judged.reasons);
	json_put(data, "reasons", list);
	json_put_text(data, "error", why);
	if (claims_store(n, e) != 0 || tell(n, "mail.quarantined", n->hash, n->hash, data, e) != 0 ||
	    mail_settle(in->db, id, MAIL_QUARANTINED, why, NULL, in->now_ms, e) != 0 ||
	    mail_keep(in->db, id, n->judged.trusted, n->mail->raw, e) != 0)
		return -1;
	in->quarantined++;
	in->waiting += 1 + n->held;
	log_info("mail.quarantined", "mail", n->ref, "mailbox", in->mailbox, "proof",
	    proof_name(n->mail->proof.kind), "error", why, NULL);
	return 0;
}

/* An alert of ours that came back, or an answer to one. */
static int
is_own(struct entry *n, bool *own, struct err *e)
{
	const struct ingest_mail *m = n->mail;

	*own = false;
	return n->judged.trusted || n->judged.wait_ms != 0 ? 0 :	/* nor what may yet be proven */
	    own_mail(n->in->db, m->raw, m->failed ? NULL : &m->reading.found, &n->arena, own, e);
}

static int
own_store(struct entry *n, struct err *e)
{
	log_info("mail.own", "mail", n->ref, "mailbox", n->in->mailbox, NULL);
	return mail_settle(n->in->db, n->mail->id, MAIL_OWN, NULL, NULL, n->in->now_ms, e);
}

/* What a trusted mail is told by, besides its claims. Untrusted mail makes no noise of its own. */
static int
kind_tell(struct entry *n, struct err *e)
{
	switch (n->mail->reading.found.kind) {
	case RULE_APPROVAL:
	case RULE_KINDS:
		return 0;
	case RULE_NONE:
		return n->mail->again && !n->mail->awaited ? 0 : tell_unmatched(n, e);	/* who reads it again knows */
	case RULE_TEST_UNIT:
	case RULE_DECLINED:
	case RULE_NEEDS_INFORMATION:
	case RULE_RECEIVED:
	case RULE_DEACTIVATED:
	case RULE_OTHER:
		return tell_recognised(n, e);
	}
	return 0;
}

static void
read_log(const struct entry *n)
{
	const struct extraction *found = &n->mail->reading.found;

	log_info("mail.read", "mail", n->ref, "mailbox", n->in->mailbox,
	    "verdict", verdict_name(n->judged.verdict),
	    "kind", found->kind == RULE_NONE ? "none" : rule_kind_name(found->kind),
	    "rule", found->rule, "proof", proof_name(n->mail->proof.kind),
	    "claims", log_num(n->claims).s, "held", log_num(n->held).s, NULL);
}

static int
read_store(struct entry *n, struct err *e)
{
	const struct ingest_mail *m = n->mail;
	const struct extraction	 *found = &m->reading.found;
	struct ingest		 *in = n->in;
	bool			  junk, own;

	n->judged = ingest_judge(in->sender, &m->proof, &m->reading, m->arrived_ms, m->history);
	if (mail_in_junk(in->db, m->id, &junk, e) != 0)
		return -1;
	if (junk)
		reasons_add(&n->judged.reasons, CLAIM_IN_JUNK, false, -1);
	if (is_own(n, &own, e) != 0 || message_store(n, e) != 0)
		return -1;
	if (own)
		return own_store(n, e);
	if (reproof_left(in, m->id, &n->judged.wait_ms, e) != 0)
		return -1;
	if (n->judged.trusted && found->kind == RULE_APPROVAL && found->count == 0)
		return quarantine(n, "an approval of which nothing could be read", e);
	if (mail_settle(in->db, m->id, MAIL_READ, NULL, NULL, in->now_ms, e) != 0)
		return -1;
	if (claims_store(n, e) != 0 ||
	    reproof_note(in, m->id, &m->proof.signature, n->judged.wait_ms, e) != 0)
		return -1;
	if ((n->judged.trusted || n->judged.wait_ms != 0 || found->count > 0) &&
	    mail_keep(in->db, m->id, n->judged.trusted, m->raw, e) != 0)
		return -1;
	if (n->judged.trusted ? kind_tell(n, e) != 0 : is_unknown_sender(n) && tell_unknown_sender(n, e) != 0)
		return -1;
	in->read++;
	in->claims += n->claims;
	in->waiting += n->held;
	read_log(n);
	return 0;
}

static int
fail_store(struct entry *n, struct err *e)
{
	const struct err *why = &n->mail->why;
	bool		  own;

	if (why->kind == ERR_REJECT) {
		n->judged.trusted = is_trusted(n->in->sender, &n->mail->proof);
		if (is_own(n, &own, e) != 0)
			return -1;
		if (own)	/* an answer that cannot be read is no reason to send another alert */
			return own_store(n, e);
		reasons_join(&n->judged.reasons, &n->mail->proof.reasons);
		return quarantine(n, why->msg, e);
	}
	log_info("mail.waits", "mail", n->ref, "mailbox", n->in->mailbox, "error", why->msg, NULL);
	return retry_failed(n->in, n->mail->id, why->msg, e);
}

/*
 * A fate that stands for these bytes: not one of a mail that was unproven elsewhere and is proven here, nor
 * one of other rules that found nothing worth keeping.
 */
static int
same_stands(struct entry *n, int64_t same_as, bool *stands, struct err *e)
{
	const struct ingest_mail *m = n->mail;
	struct mail_row		  same;

	*stands = true;
	if (m->failed)
		return 0;
	if (mail_get(n->in->db, same_as, &n->arena, &same, e) != 0)
		return -1;
	if (is_trusted(n->in->sender, &m->proof) && !same.trusted)
		*stands = false;
	else if (same.fate == MAIL_READ)
		*stands = same.kept || span_is(span_of(same.rules_hash), m->reading.rules_hash);
	return 0;
}

static int
inherit(struct entry *n, int64_t same_as, struct err *e)
{
	if (mail_inherit(n->in->db, n->mail->id, same_as, n->in->now_ms, e) != 0)
		return -1;
	log_info("mail.known", "mail", n->ref, "mailbox", n->in->mailbox, "same_as",
	    arena_printf(&n->arena, "mail_%lld", (long long)same_as), NULL);
	return 0;
}

int
ingest_store(struct ingest *in, const struct ingest_mail *m, struct err *e)
{
	struct entry	n = {.in = in, .mail = m};
	int64_t		same_as = 0;
	bool		same = false;
	int		rc = -1;

	n.ref = arena_printf(&n.arena, "mail_%lld", (long long)m->id);
	n.hash = digest_hex(&n.arena, m->sha256, sizeof m->sha256);
	if (m->again)
		rc = mail_again(in->db, m->id, e) != 0 ? -1 : mail_header(in->db, m->id, m->arrived_ms,
		    (int64_t)m->raw.n, m->history, e);
	else if (mail_hashed(in->db, m->id, m->sha256, &same_as, e) == 0)
		rc = same_as != 0 ? same_stands(&n, same_as, &same, e) : 0;
	if (rc != 0)
		goto out;
	if (same)
		rc = inherit(&n, same_as, e);
	else if (m->failed)
		rc = fail_store(&n, e);
	else
		rc = read_store(&n, e);
	if (rc == 0 && same_as != 0 && !same)
		rc = mail_better(in->db, m->id, m->sha256, e);
out:
	arena_free(&n.arena);
	return rc;
}

int
ingest_oversize(struct ingest *in, int64_t id, const char *folder, int64_t arrived_ms, int64_t size_bytes,
    bool history, struct err *e)
{
	struct arena	 a = {0};
	const char	*ref = arena_printf(&a, "mail_%lld", (long long)id);
	/* not the UID: a folder numbered anew has no news */
	const char	*subject = arena_printf(&a, "%s/%s/%lld/%lld", in->mailbox, folder,
	    (long long)arrived_ms, (long long)size_bytes);
	struct json	*data = json_object();
	int		 rc = -1;

	json_put_text(data, "id", ref);
	json_put_text(data, "mailbox", in->mailbox);
	json_put_int(data, "size_bytes", size_bytes);
	if (event_add(in->db, &(struct event_new){.type = "mail.oversize", .ref = ref, .subject = subject,
	    .cause = "oversize", .data = data, .history = history}, in->now_ms, e) == 0 &&
	    mail_settle(in->db, id, MAIL_OVERSIZE, "larger than limits.mail_bytes", NULL, in->now_ms, e) == 0)
		rc = 0;
	log_info("mail.oversize", "mail", ref, "mailbox", in->mailbox, "bytes", log_num(size_bytes).s, NULL);
	arena_free(&a);
	return rc;
}
