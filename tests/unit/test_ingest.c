/* ingest/ingest and ingest/files: from a reading to rows; bad_reader.h plays the children. */
#include "store_fixture.h"

#include <sys/stat.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "ingest/files.h"
#include "ingest/ingest.h"
#include "tests/unit/bad_reader.h"

#define PROVEN "Proven: yes\n"
#define FRESH "Date-Ms: 1795339000000\n"	/* a quarter of an hour before NOW */
#define OURS "msg_0123456789abcdef0123456789abcdef"
#define APPROVAL "Kind: approval\nClaims: 1\n"

static const char *no_list[] = {NULL}, *vendor[] = {"vippsmobilepay.com", NULL};

static const struct sender_conf sender = {
	.domains = vendor, .from = no_list, .authserv_ids = no_list, .forwarders = no_list,
	.accept_authentication_results = true, .max_age_ms = 14 * CLOCK_DAY,
};

/* ---- settings */

/* All errors of a configuration's sender and limits, one a line. */
static const char *
conf_said(const char *yaml, struct arena *a, struct sender_conf *s, struct limits_conf *l)
{
	struct arena_buf b = {.arena = a};
	struct conf	*c;
	struct err	 e;

	if (conf_parse(a, "t.yaml", span_of(yaml), &c, &e) != 0)
		fail_msg("%s", e.msg);
	sender_conf_read(conf_root(c), s);
	limits_conf_read(conf_root(c), l);
	conf_done(conf_root(c));
	for (int i = 0; i < conf_errors(c); i++)
		arena_putf(&b, "%s\n", conf_error(c, i));
	return b.p;
}

static void
test_settings_have_defaults_that_work(void **state)
{
	struct sender_conf	s;
	struct limits_conf	l;
	struct arena		a = {0};

	(void)state;
	assert_null(conf_said("{}", &a, &s, &l));
	assert_string_equal(s.domains[0], "vippsmobilepay.com");
	assert_null(s.domains[1]);
	assert_null(s.from[0]);
	assert_true(s.accept_authentication_results);
	assert_int_equal(s.max_age_ms, 14 * CLOCK_DAY);
	assert_int_equal(l.mail_bytes, 10 << 20);
	assert_int_equal(l.min_free, 500 << 20);
	arena_free(&a);
}

static void
test_a_setting_that_is_wrong_is_told_where(void **state)
{
	static const struct { const char *yaml, *said; } t[] = {
		{ "sender: {accept: [dkim, word]}", "1:25: accept: \"word\" is no proof" },
		{ "sender: {accept: spf}", "\"spf\" is no proof" },
		{ "sender: {accept: []}", "accepts no proof" },
		{ "sender: {forwarders: [\"example com\"]}", "is no domain name" },
		{ "sender: {domains: [\"vipps mobilepay\"]}", "is no domain name" },
		{ "sender: {from: [nobody]}", "must be an e-mail address" },
		{ "sender: {form: [a@b.example]}", "unknown key" },
		{ "limits: {mail_bytes: 33M}", "mail_bytes: must be between 1 and 32M" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct sender_conf	s;
		struct limits_conf	l;
		struct arena		a = {0};
		const char		*said = conf_said(t[i].yaml, &a, &s, &l);

		if (said == NULL || strstr(said, t[i].said) == NULL)
			fail_msg("%s: %s", t[i].yaml, said != NULL ? said : "no error");
		arena_free(&a);
	}
}

static void
test_children_learn_lower_case_domains_and_the_authserv(void **state)
{
	static const char	*domains[] = {"VippsMobilePay.com", NULL};
	static const char	*ids[] = {"mx.example.com", NULL};
	struct sender_conf	 s = sender;
	struct reading_setup	 setup;
	struct arena		 a = {0};

	(void)state;
	s.domains = domains;
	s.authserv_ids = ids;
	setup = ingest_setup(&s, "imap.example.com", no_list, &a);
	assert_string_equal(setup.domains[0], "vippsmobilepay.com");
	assert_string_equal(setup.authserv_ids[0], "mx.example.com");
	assert_string_equal(setup.authserv_ids[1], "imap.example.com");
	assert_null(setup.authserv_ids[2]);
	assert_null(ingest_setup(&s, NULL, no_list, &a).authserv_ids[1]);
	arena_free(&a);
}

/* ---- judgement */

#define YES	PROOF_AUTHENTICATION_RESULTS
#define APPR	RULE_APPROVAL
#define BAD	VERDICT_SUSPICIOUS
#define FINE	(NOW - 1000)			/* when a mail was written that comes now */
#define OLD	(NOW - 15 * CLOCK_DAY)

static void
test_only_a_trusted_approval_without_doubt_is_one(void **state)
{
	static const struct {
		const char	*name;
		enum proof_kind	 proof;
		enum rule_kind	 kind;
		int		 claims;
		bool		 mail_doubt, claim_doubt, history;
		int64_t		 date_ms, arrived_ms;
		enum verdict	 want;
		const char	*reason;
	} t[] = {
		{ "fine", YES, APPR, 2, 0, 0, 0, FINE, NOW, VERDICT_APPROVAL, NULL },
		{ "unproven", PROOF_NONE, APPR, 1, 0, 0, 0, FINE, NOW, BAD, NULL },
		{ "a proof not accepted", PROOF_DKIM, APPR, 1, 0, 0, 0, FINE, NOW, BAD, NULL },
		{ "a doubt about the mail", YES, APPR, 1, 1, 0, 0, FINE, NOW, BAD, "truncated" },
		{ "a doubt about one claim", YES, APPR, 2, 0, 1, 0, FINE, NOW, BAD, NULL },
		{ "no claim", YES, APPR, 0, 0, 0, 0, FINE, NOW, BAD, NULL },
		{ "an old mail sent again", YES, APPR, 1, 0, 0, 0, OLD, NOW, BAD, "date-old" },
		{ "no date", YES, APPR, 1, 0, 0, 0, 0, NOW, BAD, "date-missing" },
		{ "date of nonsense", YES, APPR, 1, 0, 0, 0, INT64_MIN, NOW, BAD, "date-missing" },
		{ "history may be old", YES, APPR, 1, 0, 0, 1, OLD, NOW, VERDICT_APPROVAL, NULL },
		{ "arrival unknown", YES, APPR, 1, 0, 0, 0, OLD, 0, VERDICT_APPROVAL,
		    "arrival-unknown" },
		{ "arrival of nonsense", YES, APPR, 1, 0, 0, 0, OLD, INT64_MAX, VERDICT_APPROVAL,
		    "arrival-unknown" },
		{ "a decline", YES, RULE_DECLINED, 0, 1, 0, 0, FINE, NOW, VERDICT_OTHER,
		    "truncated" },
		{ "noise", PROOF_NONE, RULE_NONE, 0, 1, 0, 0, FINE, NOW, VERDICT_OTHER,
		    "truncated" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct found_claim	claims[2] = {0};
		struct reading		r = {.date_ms = t[i].date_ms, .found = {.kind = t[i].kind,
					    .claims = claims, .count = t[i].claims}};
		struct proof		p = {.kind = t[i].proof};
		struct judgement	j;
		bool			found = t[i].reason == NULL;

		if (t[i].mail_doubt)
			reasons_add(&r.found.reasons, "truncated", true, -1);
		if (t[i].claim_doubt)
			reasons_add(&claims[1].reasons, "check-digit", true, FIELD_ORG_NUMBER);
		j = ingest_judge(&sender, &p, &r, t[i].arrived_ms, t[i].history);
		for (int k = 0; !found && k < j.reasons.count; k++)
			found = strcmp(j.reasons.list[k].code, t[i].reason) == 0;
		if (j.verdict != t[i].want || !found ||
		    (t[i].reason == NULL && j.reasons.count != 0))
			fail_msg("%s: %s, %d reasons", t[i].name, verdict_name(j.verdict),
			    j.reasons.count);
		assert_int_equal(j.trusted, t[i].proof == YES);
	}
}

/* ---- rows */

struct pass {
	struct reading_setup	 setup;
	struct ingest		 in;
};

static void
pass_open(struct fixture *f, struct pass *p)
{
	*p = (struct pass){0};
	p->setup = ingest_setup(&sender, NULL, no_list, &f->a);
	p->in = (struct ingest){
		.db = f->db, .sender = &sender, .mailbox = "onboarding", .now_ms = NOW,
	};
	OK(readers_open(&p->setup, BAD_READER, &p->in.readers, &f->e));
}

/* One mail through both steps, as a pass does; its row's id. */
static int64_t
take(struct fixture *f, struct pass *p, const char *raw, bool history)
{
	struct ingest_mail	m = {
		.raw = span_of(raw), .arrived_ms = NOW - 500, .history = history,
	};
	uint32_t		uid = ++f->uid;
	int64_t			added;
	size_t			n;

	OK(db_begin(f->db, &f->e));
	OK(mail_shown(f->db, f->epoch, &uid, 1, NOW, &added, &f->e));
	OK(mail_pending(f->db, f->epoch, uid - 1, NOW, &uid, &m.id, 1, &n, &f->e));
	OK(mail_header(f->db, m.id, m.arrived_ms, (int64_t)m.raw.n, history, &f->e));
	OK(db_commit(f->db, &f->e));
	OK(ingest_read(&p->in, &m, &f->a, &f->e));
	OK(db_begin(f->db, &f->e));
	OK(ingest_store(&p->in, &m, &f->e));
	OK(db_commit(f->db, &f->e));
	return m.id;
}

static enum mail_fate
fate_of(struct fixture *f, int64_t id)
{
	struct mail_row m;

	OK(mail_get(f->db, id, &f->a, &m, &f->e));
	return m.fate;
}

static bool
is_kept(struct fixture *f, int64_t id)
{
	struct span bytes;

	OK(mail_kept(f->db, id, &f->a, &bytes, &f->e));
	return bytes.p != NULL;
}

/* The one claim of a mail; state CLAIM_STATES if there is none. */
static struct claim
claim_of(struct fixture *f, int64_t mail)
{
	struct claim	*c;
	int		 n;

	OK(claim_list_of(f->db, mail, 0, &f->a, &c, &n, &f->e));
	assert_in_range(n, 0, 1);
	return n == 1 ? c[0] : (struct claim){.state = CLAIM_STATES};
}

/* Events of a type; of which those that will be routed. */
static int64_t
events(struct fixture *f, const char *type, bool routed)
{
	return raw_number(f, arena_printf(&f->a, "SELECT count(*) FROM event WHERE type = '%s' AND"
	    " (NOT %d OR seq IN (SELECT seq FROM event_waiting))", type, routed));
}

static int64_t
all_events(struct fixture *f)
{
	return raw_number(f, "SELECT count(*) FROM event");
}

static void
test_mails_come_to_their_fates(void **state)
{
	static const struct {
		const char	*name, *raw;
		enum mail_fate	 fate;
		enum claim_state claim;		/* CLAIM_STATES: none */
		const char	*event;		/* the only one; NULL: none */
		bool		 kept;
		int		 waiting;
	} t[] = {
		{ "trusted, no doubts", PROVEN FRESH APPROVAL,
		    MAIL_READ, CLAIM_PENDING, NULL, true, 0 },
		{ "a doubt about the claim", PROVEN FRESH APPROVAL "Claim-Doubt: check-digit\n",
		    MAIL_READ, CLAIM_HELD, "claim.held", true, 1 },
		{ "a doubt about the mail", PROVEN FRESH APPROVAL "Doubt: truncated\n",
		    MAIL_READ, CLAIM_HELD, "claim.held", true, 1 },
		{ "a forgery", FRESH APPROVAL,
		    MAIL_READ, CLAIM_HELD, "claim.held", true, 1 },
		{ "a decline", PROVEN FRESH "Kind: declined\n",
		    MAIL_READ, CLAIM_STATES, "mail.recognised", true, 0 },
		{ "a forged decline", FRESH "Kind: declined\n",
		    MAIL_READ, CLAIM_STATES, NULL, false, 0 },
		{ "trusted, no rule", PROVEN FRESH "Kind: none\n",
		    MAIL_READ, CLAIM_STATES, "mail.unmatched", true, 0 },
		{ "noise", FRESH "Kind: none\n",
		    MAIL_READ, CLAIM_STATES, NULL, false, 0 },
		{ "an approval that says nothing", PROVEN FRESH "Kind: approval\n",
		    MAIL_QUARANTINED, CLAIM_STATES, "mail.quarantined", true, 1 },
		{ "a reader killer", PROVEN "Act: segv\n",
		    MAIL_QUARANTINED, CLAIM_STATES, "mail.quarantined", true, 1 },
		{ "a prover killer", "Prove-Act: exit\n",
		    MAIL_QUARANTINED, CLAIM_STATES, "mail.quarantined", true, 1 },
		{ "no memory", PROVEN "Act: no-memory\n",
		    MAIL_PENDING, CLAIM_STATES, NULL, false, 0 },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		struct fixture	*f;
		struct pass	 p;
		enum mail_fate	 fate;
		enum claim_state claim;
		int64_t		 id, all;
		bool		 kept;

		assert_int_equal(fixture_open((void **)&f), 0);
		pass_open(f, &p);
		id = take(f, &p, t[i].raw, false);
		all = all_events(f);
		fate = fate_of(f, id);
		claim = claim_of(f, id).state;
		kept = is_kept(f, id);
		if (fate != t[i].fate || claim != t[i].claim || kept != t[i].kept ||
		    p.in.waiting != t[i].waiting || all != (t[i].event != NULL) ||
		    (all == 1 && events(f, t[i].event, true) != 1))
			fail_msg("%s: fate %s, claim %d, %d events, kept %d, waiting %d", t[i].name,
			    mail_fate_name(fate), (int)claim, (int)all, kept, (int)p.in.waiting);
		readers_close(p.in.readers);
		fixture_close((void **)&f);
	}
	(void)state;
}

static void
test_a_claim_has_its_mails_reasons_and_its_evidence(void **state)
{
	struct fixture	*f = *state;
	struct pass	 p;
	struct claim	 c;
	struct mail_row	 m;
	int64_t		 id;

	pass_open(f, &p);
	id = take(f, &p, APPROVAL "Message-ID: 1@vippsmobilepay.com\nClaim-Doubt: check-digit\n",
	    false);
	c = claim_of(f, id);
	assert_string_equal(c.reasons,
	    "[{\"code\":\"check-digit\",\"doubt\":true,\"field\":\"msn\"},"
	    "{\"code\":\"authentication-missing\",\"doubt\":true,\"field\":null}]");
	assert_string_equal(c.evidence, "{\"org_number\":null,\"merchant_name\":null,"
	    "\"msn\":{\"part\":0,\"line\":4,\"cell\":1,\"text\":\"123456\"},"
	    "\"sales_unit_name\":null}");
	assert_string_equal(c.org_scheme, "business:NO:ORG");
	assert_string_equal(c.org_number, "987654325");
	assert_string_equal(c.msn, "123456");
	assert_string_equal(c.merchant_name, "Testbutikken AS");
	assert_null(c.sales_unit_name);
	assert_false(c.trusted);
	OK(mail_get(f->db, id, &f->a, &m, &f->e));
	assert_string_equal(m.message_id, "1@vippsmobilepay.com");
	assert_string_equal(m.proof, "none");
	assert_string_equal(m.kind, "approval");
	readers_close(p.in.readers);
}

static void
test_bytes_seen_before_inherit_in_silence(void **state)
{
	static const char *const mails[] = {
		PROVEN FRESH APPROVAL, FRESH APPROVAL, "X: 1\nAct: segv\n",
	};
	struct fixture	*f = *state;
	struct pass	 p;

	pass_open(f, &p);
	for (size_t i = 0; i < COUNT(mails); i++) {
		int64_t		first = take(f, &p, mails[i], false), told = all_events(f);
		int64_t		waiting = p.in.waiting, again = take(f, &p, mails[i], false);
		struct mail_row	m;

		OK(mail_get(f->db, again, &f->a, &m, &f->e));
		assert_int_equal(m.fate, fate_of(f, first));
		assert_int_equal(m.same_as, first);
		assert_int_equal(claim_of(f, again).state, CLAIM_STATES);
		assert_int_equal(all_events(f), told);
		assert_int_equal(p.in.waiting, waiting);
	}
	readers_close(p.in.readers);
}

/* Unproven elsewhere, the same bytes may have been set aside or taken for ours: that hides nothing here. */
static void
test_a_proven_mail_inherits_no_fate_of_an_unproven_copy(void **state)
{
	static const char *const fates[] = {"read", "quarantined", "own"};
	struct fixture	*f = *state;
	struct pass	 p;

	pass_open(f, &p);
	for (size_t i = 0; i < COUNT(fates); i++) {
		const char *mail = arena_printf(&f->a, PROVEN FRESH "X: %zu\n" APPROVAL, i);
		int64_t first = take(f, &p, mail, false), again;

		raw(f, arena_printf(&f->a, "UPDATE message SET trusted = 0, proof = 'none' WHERE mail_id = %lld", (long long)first));
		raw(f, arena_printf(&f->a, "UPDATE mail SET fate = '%s' WHERE id = %lld", fates[i], (long long)first));
		again = take(f, &p, mail, false);
		if (fate_of(f, again) != MAIL_READ || claim_of(f, again).state != CLAIM_PENDING)
			fail_msg("%s: %s", fates[i], mail_fate_name(fate_of(f, again)));
	}
	readers_close(p.in.readers);
}

static void
test_a_mail_that_waited_for_memory_is_read_later(void **state)
{
	struct fixture		*f = *state;
	struct pass		 p;
	struct mail_row		 row;
	struct ingest_mail	 m = {.raw = SPAN_LIT(PROVEN FRESH APPROVAL), .arrived_ms = NOW};

	pass_open(f, &p);
	m.id = take(f, &p, PROVEN "Act: no-memory\n", false);
	OK(mail_get(f->db, m.id, &f->a, &row, &f->e));
	assert_int_equal(row.attempts, 1);
	assert_string_equal(row.reason, "the reader ran out of memory");
	OK(ingest_read(&p.in, &m, &f->a, &f->e));
	OK(db_begin(f->db, &f->e));
	OK(ingest_store(&p.in, &m, &f->e));
	OK(db_commit(f->db, &f->e));
	assert_int_equal(fate_of(f, m.id), MAIL_READ);
	assert_int_equal(claim_of(f, m.id).state, CLAIM_PENDING);
	readers_close(p.in.readers);
}

static void
test_a_changed_template_is_told_once_a_day(void **state)
{
	struct fixture	*f = *state;
	struct pass	 p;

	pass_open(f, &p);
	take(f, &p, PROVEN "Kind: none\nX: 1\n", true);
	assert_int_equal(events(f, "mail.unmatched", true), 0);		/* history does not count */
	take(f, &p, PROVEN "Kind: none\nX: 2\n", false);
	take(f, &p, PROVEN "Kind: none\nX: 3\n", false);
	assert_int_equal(events(f, "mail.unmatched", true), 1);
	assert_int_equal(raw_number(f, "SELECT count FROM alarm WHERE history = 0"), 2);
	p.in.now_ms += CLOCK_DAY;
	take(f, &p, PROVEN "Kind: none\nX: 4\n", false);
	assert_int_equal(events(f, "mail.unmatched", true), 2);
	readers_close(p.in.readers);
}

#define STRANGE "Stranger: a.example\n" FRESH APPROVAL "Unit: Torget\n"

static void
test_only_a_whole_and_signed_approval_of_a_stranger_is_told(void **state)
{
	static const struct { const char *name, *raw; int told; } t[] = {
		{ "it", STRANGE, 1 },
		{ "a field is missing", "Stranger: b.example\n" FRESH APPROVAL, 0 },
		{ "no approval", "Stranger: c.example\nKind: declined\n", 0 },
		{ "forwarded", "Stranger: d.example\n" FRESH APPROVAL "Unit: x\nDoubt: forwarded\n", 0 },
		{ "a doubt about its claim", "Stranger: e.example\n" FRESH APPROVAL "Unit: x\nClaim-Doubt: msn-form\n", 0 },
		{ "not signed", FRESH APPROVAL "Unit: x\n", 0 },
		{ "history", "Stranger: f.example\nX: h\n" FRESH APPROVAL "Unit: x\n", 0 },
	};
	struct fixture	*f = *state;
	struct pass	 p;
	int64_t		 before = 0;

	pass_open(f, &p);
	for (size_t i = 0; i < COUNT(t); i++) {
		int64_t id = take(f, &p, t[i].raw, strcmp(t[i].name, "history") == 0), now;

		now = events(f, "mail.unknown-sender", true);
		if (now - before != t[i].told)
			fail_msg("%s: told %d times", t[i].name, (int)(now - before));
		before = now;
		if (strcmp(t[i].name, "no approval") != 0)
			assert_int_equal(claim_of(f, id).state, CLAIM_HELD);
	}
	assert_int_equal(events(f, "mail.unknown-sender", false), 2);	/* history's, marked */
	readers_close(p.in.readers);
}

static void
test_a_stranger_is_told_with_the_line_to_add(void **state)
{
	struct fixture	*f = *state;
	struct pass	 p;
	struct event	*list;
	int		 n;
	int64_t		 id;

	pass_open(f, &p);
	id = take(f, &p, STRANGE, false);
	OK(event_list_of(f->db, arena_printf(&f->a, "mail_%lld", (long long)id), &f->a, &list, &n, &f->e));
	assert_int_equal(n, 1);
	assert_string_equal(list[0].type, "mail.unknown-sender");
	assert_non_null(strstr(list[0].data, "\"add\":\"sender: {domains: [vippsmobilepay.com, a.example]}\""));
	assert_non_null(strstr(list[0].data, "\"sender\":{\"domain\":\"a.example\",\"proof\":\"none\"}"));
	assert_non_null(strstr(list[0].data, "\"count\":1"));
	assert_non_null(strstr(list[0].data, "\"mailbox\":\"onboarding\""));
	readers_close(p.in.readers);
}

static void
test_strangers_beyond_the_day_s_limit_are_told_as_one_and_counted(void **state)
{
	struct fixture	*f = *state;
	struct pass	 p;

	pass_open(f, &p);
	for (int i = 0; i < 25; i++)
		take(f, &p, arena_printf(&f->a, "Stranger: x%d.example\n" FRESH APPROVAL "Unit: Torget\n", i), false);
	assert_int_equal(events(f, "mail.unknown-sender", true), 11);
	assert_int_equal(raw_number(f, "SELECT count FROM alarm WHERE subject = '*'"), 15);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event_payload WHERE payload LIKE '%\"add\":null%'"), 1);
	p.in.now_ms += CLOCK_DAY;	/* another day has room again */
	take(f, &p, "Stranger: x20.example\nX: 2\n" FRESH APPROVAL "Unit: Torget\n", false);
	assert_int_equal(events(f, "mail.unknown-sender", true), 12);
	readers_close(p.in.readers);
}

static void
test_history_is_recorded_and_not_routed(void **state)
{
	struct fixture	*f = *state;
	struct pass	 p;

	pass_open(f, &p);
	take(f, &p, FRESH APPROVAL "Message-ID: h1@x\n", true);
	take(f, &p, PROVEN "Kind: declined\n", true);
	take(f, &p, "X: 1\nAct: segv\n", true);
	assert_true(claim_of(f, take(f, &p, PROVEN APPROVAL, true)).history);
	assert_int_equal(all_events(f), 3);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event_waiting"), 0);
	readers_close(p.in.readers);
}

/* P4: a reader that answers a constant approval makes nothing untrusted pending. */
static void
test_a_lying_reader_cannot_prove(void **state)
{
	struct fixture	*f = *state;
	struct pass	 p;
	struct claim	 c;

	pass_open(f, &p);
	c = claim_of(f, take(f, &p, FRESH APPROVAL "X-Forged: Kind: approval\n", false));
	assert_int_equal(c.state, CLAIM_HELD);
	assert_false(c.trusted);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM claim WHERE state = 'pending'"), 0);
	readers_close(p.in.readers);
}

static void
test_our_own_alert_that_comes_back_makes_no_noise(void **state)
{
	struct fixture		 *f = *state;
	struct delivery_new	  d = {.endpoint = "ops", .target = "ops@example.com",
				      .webhook_id = OURS, .body = "NO 987654325, MSN 123456"};
	struct pass		  p;
	struct event		  ev;
	int64_t			  id, told;

	pass_open(f, &p);
	take(f, &p, FRESH APPROVAL, false);
	OK(event_next_waiting(f->db, &f->a, &ev, &f->e));
	OK(delivery_fan_out(f->db, ev.seq, &d, 1, NOW, &f->e));
	told = all_events(f);
	id = take(f, &p, FRESH APPROVAL "Message-ID: " OURS "@example.com\n", false);
	assert_int_equal(fate_of(f, id), MAIL_OWN);
	assert_int_equal(claim_of(f, id).state, CLAIM_STATES);
	assert_int_equal(all_events(f), told);
	/* a trusted mail is never taken for ours, whatever its sender calls it */
	id = take(f, &p, PROVEN FRESH APPROVAL "Message-ID: " OURS "@example.com\n", false);
	assert_int_equal(claim_of(f, id).state, CLAIM_PENDING);
	readers_close(p.in.readers);
}

static void
test_children_that_cannot_start_end_the_pass(void **state)
{
	static const char	*refuse[] = {"refuse.test", NULL};
	struct fixture		*f = *state;
	struct pass		 p;
	struct ingest_mail	 m = {.raw = SPAN_LIT("x\n")};
	struct err		 e;

	pass_open(f, &p);
	p.setup.domains = refuse;
	assert_int_equal(ingest_read(&p.in, &m, &f->a, &e), -1);
	assert_int_equal(e.what, ERR_CONFIG);
	readers_close(p.in.readers);
}

/* ---- files */

static void
test_a_folder_means_its_mails_in_order(void **state)
{
	static const char *const names[] = { "b.eml", "a.EML", "a.json", ".eml" };
	struct fixture	*f = *state;
	const char	**list;
	char		 path[128];
	size_t		 n;
	struct span	 raw;
	struct err	 e;

	assert_int_equal(files_list(f->dir, &f->a, &list, &n, &e), -1);
	assert_non_null(strstr(e.msg, "holds no .eml file"));
	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof path, "%s/%s", f->dir, names[i]);
		file_write(path, names[i]);
	}
	OK(files_list(f->dir, &f->a, &list, &n, &f->e));
	assert_int_equal(n, 2);
	assert_non_null(strstr(list[0], "/a.EML"));
	assert_non_null(strstr(list[1], "/b.eml"));
	OK(files_read(list[1], 5, &f->a, &raw, &f->e));
	assert_true(span_is(raw, "b.eml"));
	assert_int_equal(files_read(list[1], 4, &f->a, &raw, &e), -1);
	assert_non_null(strstr(e.msg, "is larger than limits.mail_bytes: 5 bytes, at most 4"));
	OK(files_list(list[0], &f->a, &list, &n, &f->e));	/* a file is itself */
	assert_int_equal(n, 1);
	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof path, "%s/%s", f->dir, names[i]);
		unlink(path);
	}
}

static void
test_what_is_no_mail_file_is_said_so(void **state)
{
	struct fixture	*f = *state;
	const char	*fifo = arena_printf(&f->a, "%s/a.db.lock", f->dir);
	const char	*empty = arena_printf(&f->a, "%s/link.db", f->dir);
	struct span	 raw;
	struct err	 e;

	assert_int_equal(files_read("/nonexistent/x.eml", 10, &f->a, &raw, &e), -1);
	assert_string_equal(e.msg, "cannot read /nonexistent/x.eml: No such file or directory");
	assert_int_equal(files_read(f->dir, 10, &f->a, &raw, &e), -1);
	assert_non_null(strstr(e.msg, "is no plain file"));
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(files_read(fifo, 10, &f->a, &raw, &e), -1);	/* and does not wait */
	assert_non_null(strstr(e.msg, "is no plain file"));
	file_write(empty, "");
	assert_int_equal(files_read(empty, 10, &f->a, &raw, &e), -1);
	assert_non_null(strstr(e.msg, "is empty"));
}

#define ROWS(f) cmocka_unit_test_setup_teardown(f, fixture_open, fixture_close)

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings_have_defaults_that_work),
		cmocka_unit_test(test_a_setting_that_is_wrong_is_told_where),
		cmocka_unit_test(test_children_learn_lower_case_domains_and_the_authserv),
		cmocka_unit_test(test_only_a_trusted_approval_without_doubt_is_one),
		cmocka_unit_test(test_mails_come_to_their_fates),
		ROWS(test_a_claim_has_its_mails_reasons_and_its_evidence),
		ROWS(test_bytes_seen_before_inherit_in_silence),
		ROWS(test_a_proven_mail_inherits_no_fate_of_an_unproven_copy),
		ROWS(test_a_mail_that_waited_for_memory_is_read_later),
		ROWS(test_a_changed_template_is_told_once_a_day),
		ROWS(test_only_a_whole_and_signed_approval_of_a_stranger_is_told),
		ROWS(test_a_stranger_is_told_with_the_line_to_add),
		ROWS(test_strangers_beyond_the_day_s_limit_are_told_as_one_and_counted),
		ROWS(test_history_is_recorded_and_not_routed),
		ROWS(test_a_lying_reader_cannot_prove),
		ROWS(test_our_own_alert_that_comes_back_makes_no_noise),
		ROWS(test_children_that_cannot_start_end_the_pass),
		ROWS(test_a_folder_means_its_mails_in_order),
		ROWS(test_what_is_no_mail_file_is_said_so),
	};

	(void)argc;
	BAD_READER_MAIN(argv);
	log_level_set(LOG_WARN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
