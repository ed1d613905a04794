#include "tests/unit/store_fixture.h"

static struct approval
only_approval(struct fixture *f)
{
	struct approval p;

	assert_int_equal(raw_number(f, "SELECT count(*) FROM approval"), 1);
	OK(approval_get(f->db, db_public_id(f->db, "apr_", "business:NO:ORG", "918713867", "123456", NULL).s, &f->a,
	    &p, &f->e));
	return p;
}

static int64_t
add(struct fixture *f, const char *text, enum claim_state state, const char *msn, bool history)
{
	int64_t id;

	OK(db_begin(f->db, &f->e));
	id = fixture_claim(f, text, state, msn, history);
	OK(db_commit(f->db, &f->e));
	return id;
}

static bool
confirm(struct fixture *f, int64_t id, const struct approval_facts *facts)
{
	bool made;

	OK(db_begin(f->db, &f->e));
	made = fixture_confirm(f, id, facts);
	OK(db_commit(f->db, &f->e));
	return made;
}

static enum claim_state
state_of(struct fixture *f, int64_t id)
{
	struct claim c;

	OK(claim_get(f->db, id, &f->a, &c, &f->e));
	return c.state;
}

static void
a_confirmed_claim_makes_an_approval_and_its_event(void **state)
{
	struct fixture *f = *state;
	struct approval p;
	struct event *list;
	struct json *j;
	struct claim c;
	int64_t id = add(f, "a", CLAIM_PENDING, "123456", false);
	int n;

	assert_true(confirm(f, id, NO_FACTS));
	p = only_approval(f);
	assert_string_equal(p.state, "confirmed");
	assert_string_equal(p.confirmed_by, "management-api");
	assert_string_equal(p.merchant_name, "Fjord Kaffe AS");
	assert_string_equal(p.country, "NO");
	assert_null(p.merchant);
	OK(claim_get(f->db, id, &f->a, &c, &f->e));
	assert_int_equal(c.state, CLAIM_CONFIRMED);
	assert_int_equal(c.approval_id, p.id);
	OK(event_list_of(f->db, p.apr, &f->a, &list, &n, &f->e));
	assert_int_equal(n, 1);
	assert_string_equal(list[0].type, "approval.confirmed");
	j = approval_json(&p);
	assert_string_equal(list[0].data, json_print(j, &f->a));
	json_free(j);
}

static void
an_approval_is_written_as_the_contract_says(void **state)
{
	struct fixture *f = *state;
	struct approval p = {.apr = "apr_1", .state = "confirmed", .confirmed_by = "sender",
	    .org_scheme = "business:NO:ORG", .org_number = "918713867", .country = "NO", .msn = "123456",
	    .received_ms = NOW, .confirmed_ms = NOW + 1, .mailbox = "onboarding", .sender_domain = "example.com",
	    .proof = "dkim", .merchant = "{\"name\":\"X\"}", .reasons = "[]"};
	struct json *j = approval_json(&p);

	assert_string_equal(json_print(j, &f->a),
	    "{\"id\":\"apr_1\",\"state\":\"confirmed\",\"confirmed_by\":\"sender\",\"org_scheme\":\"business:NO:ORG\","
	    "\"org_number\":\"918713867\",\"country\":\"NO\",\"merchant_name\":null,\"msn\":\"123456\","
	    "\"sales_unit_name\":null,\"received_at\":\"2026-11-22T09:33:20.000Z\","
	    "\"confirmed_at\":\"2026-11-22T09:33:20.001Z\",\"mailbox\":\"onboarding\",\"found_in_junk\":false,\"message_id\":null,"
	    "\"sender\":{\"domain\":\"example.com\",\"proof\":\"dkim\"},\"merchant\":{\"name\":\"X\"},"
	    "\"sales_unit\":null,\"reasons\":[]}");
	json_free(j);
}

static void
what_the_api_says_wins(void **state)
{
	struct fixture *f = *state;
	struct approval_facts facts = {.merchant_name = "FJORD KAFFE AS", .country = "DK",
	    .merchant = "{\"status\":\"ACTIVE\"}", .sales_unit = "{}", .api = "{\"status\":200}"};
	struct approval p;
	struct claim c;
	int64_t id = add(f, "a", CLAIM_PENDING, "123456", false);

	confirm(f, id, &facts);
	p = only_approval(f);
	assert_string_equal(p.merchant_name, "FJORD KAFFE AS");
	assert_string_equal(p.sales_unit_name, "Kaffebaren");	/* of which the API said nothing */
	assert_string_equal(p.country, "DK");
	assert_string_equal(p.merchant, "{\"status\":\"ACTIVE\"}");
	OK(claim_get(f->db, id, &f->a, &c, &f->e));
	assert_string_equal(c.api, "{\"status\":200}");
	assert_string_equal(c.merchant_name, "Fjord Kaffe AS");
}

static void
a_second_mail_is_evidence_and_no_second_approval(void **state)
{
	struct fixture *f = *state;
	struct approval p;
	struct event *list;
	int64_t one = add(f, "a", CLAIM_PENDING, "123456", false), two = add(f, "b", CLAIM_PENDING, "123456", false);
	int n;

	assert_true(confirm(f, one, NO_FACTS));
	assert_false(confirm(f, two, NO_FACTS));
	p = only_approval(f);
	OK(event_list_of(f->db, p.apr, &f->a, &list, &n, &f->e));
	assert_int_equal(n, 2);
	assert_string_equal(list[1].type, "evidence.added");
	assert_non_null(strstr(list[1].data, "{\"approval\":{\"id\":\"apr_"));
	assert_non_null(strstr(list[1].data, "\"mail\":{\"id\":\"mail_2\",\"message_id\":\"<1@example.com>\","
	    "\"received_at\":\"2026-11-22T09:33:19.000Z\"}"));
}

static void
an_approvals_sales_unit_is_known_also_by_its_number_without_leading_zeros(void **state)
{
	static const struct { const char *msn; bool has; } t[] = {
		{ "012345", true }, { "12345", true }, { "123450", false }, { "2345", false },
	};
	struct fixture *f = *state;
	bool has;

	assert_true(confirm(f, add(f, "a", CLAIM_PENDING, "012345", false), NO_FACTS));
	for (size_t i = 0; i < COUNT(t); i++) {
		OK(approval_has_msn(f->db, "business:NO:ORG", "918713867", t[i].msn, &has, &f->e));
		if (has != t[i].has)
			fail_msg("%s", t[i].msn);
	}
}

static void
another_sales_unit_is_another_approval(void **state)
{
	struct fixture *f = *state;

	assert_true(confirm(f, add(f, "a", CLAIM_PENDING, "123456", false), NO_FACTS));
	assert_true(confirm(f, add(f, "b", CLAIM_PENDING, "123457", false), NO_FACTS));
	assert_int_equal(raw_number(f, "SELECT count(*) FROM approval"), 2);
}

static void
an_approval_supersedes_what_was_held_for_its_key_in_silence(void **state)
{
	struct fixture *f = *state;
	int64_t held = add(f, "a", CLAIM_HELD, "123456", false), other = add(f, "b", CLAIM_HELD, "123457", false);
	int64_t disputed = add(f, "c", CLAIM_PENDING, "123456", false);
	int64_t pending = add(f, "d", CLAIM_PENDING, "123456", false);
	int64_t good = add(f, "e", CLAIM_PENDING, "123456", false), events;
	struct claim c;

	OK(claim_get(f->db, disputed, &f->a, &c, &f->e));
	OK(db_begin(f->db, &f->e));
	OK(claim_settle(f->db, &c, CLAIM_DISPUTED, NULL, NOW, &f->e));
	OK(db_commit(f->db, &f->e));
	events = raw_number(f, "SELECT count(*) FROM event");
	confirm(f, good, NO_FACTS);
	assert_int_equal(state_of(f, held), CLAIM_SUPERSEDED);
	assert_int_equal(state_of(f, disputed), CLAIM_SUPERSEDED);
	assert_int_equal(state_of(f, other), CLAIM_HELD);
	assert_int_equal(state_of(f, pending), CLAIM_PENDING);
	assert_int_equal(state_of(f, good), CLAIM_CONFIRMED);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event"), events + 1);
}

static void
history_is_recorded_and_not_announced(void **state)
{
	struct fixture *f = *state;

	confirm(f, add(f, "a", CLAIM_PENDING, "123456", true), NO_FACTS);
	assert_true(only_approval(f).history);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event"), 1);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event_waiting"), 0);
}

static void
a_claim_without_a_key_cannot_be_confirmed(void **state)
{
	struct fixture *f = *state;
	struct claim c;
	bool made;
	int64_t id = add(f, "a", CLAIM_PENDING, NULL, false);

	OK(claim_get(f->db, id, &f->a, &c, &f->e));
	OK(db_begin(f->db, &f->e));
	assert_int_equal(approval_confirm(f->db, &c, NO_FACTS, "sender", NOW, &made, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_REJECT);
	db_rollback(f->db);
	assert_int_equal(approval_get(f->db, "apr_none", &f->a, &(struct approval){0}, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_REJECT);
}

/* ---------------------------------------------------------------- the log */

struct seen {
	struct arena	*a;
	struct arena_buf text;		/* "apr:123456 clm:123457 ..." */
	int		 n, stop_at;
	int64_t		 last_ms;
};

static int
see(void *ctx, const struct log_entry *entry, struct err *e)
{
	struct seen *s = ctx;
	int64_t at = entry->is_claim ? entry->claim.made_ms : entry->approval.confirmed_ms;
	struct json *j = log_entry_json(entry);

	assert_non_null(json_text(json_get(j, "id")));
	json_free(j);
	assert_true(at >= s->last_ms);
	s->last_ms = at;
	if (entry->is_claim)
		arena_putf(&s->text, "clm:%s ", entry->claim.msn);
	else
		arena_putf(&s->text, "apr:%s ", entry->approval.msn);
	return ++s->n == s->stop_at ? err_set(e, ERR_RETRY, "enough") : 0;
}

static const char *
log_of(struct fixture *f, const struct log_filter *filter)
{
	struct seen s = {.text = {.arena = &f->a}};

	arena_puts(&s.text, "");
	OK(approval_log(f->db, filter, see, &s, &f->e));
	return s.text.p;
}

static void
the_log_is_filtered(void **state)
{
	static const char *held[] = { "held", NULL }, *two[] = { "confirmed", "superseded", NULL };
	static const char *rejected[] = { "rejected", NULL };
	static const struct { const char *name; struct log_filter f; const char *want; } t[] = {
		{ "approvals, and claims that wait", {0}, "apr:1001 clm:1002 clm:1003 " },
		{ "one state", {.states = held}, "clm:1003 " },
		{ "two states; a confirmed claim is its approval", {.states = two}, "apr:1001 clm:1001 " },
		{ "a state that nothing waits in", {.states = rejected}, "clm:1004 " },
		{ "org", {.org = "918713867"}, "apr:1001 clm:1002 clm:1003 " },
		{ "no such org", {.org = "918713868"}, "" },
		{ "msn", {.msn = "1003"}, "clm:1003 " },
		{ "country", {.country = "NO"}, "apr:1001 clm:1002 clm:1003 " },
		{ "other country", {.country = "DK"}, "" },
		{ "mailbox", {.mailbox = "onboarding"}, "apr:1001 clm:1002 clm:1003 " },
		{ "other mailbox", {.mailbox = "other"}, "" },
		{ "part of a name, any case", {.text = "KAFFE"}, "apr:1001 clm:1002 clm:1003 " },
		{ "a sign of LIKE is only a sign", {.text = "fjord%kaffe"}, "" },
		{ "another sign of LIKE", {.text = "fjord_kaffe"}, "" },
		{ "a whole number", {.text = "1002"}, "clm:1002 " },
		{ "part of a number is no number", {.text = "100"}, "" },
		{ "since", {.since_ms = NOW + 1}, "" },
		{ "until", {.until_ms = NOW}, "" },
		{ "since and until", {.since_ms = NOW, .until_ms = NOW + 1}, "apr:1001 clm:1002 clm:1003 " },
		{ "limit", {.limit = 2}, "apr:1001 clm:1002 " },
		{ "quotes are bound", {.text = "' OR 1 = 1 --"}, "" },
	};
	struct fixture *f = *state;
	struct claim c;
	int64_t good, bad;

	good = add(f, "a", CLAIM_PENDING, "1001", false);
	add(f, "b", CLAIM_PENDING, "1002", false);
	add(f, "c", CLAIM_HELD, "1003", false);
	bad = add(f, "d", CLAIM_PENDING, "1004", false);
	add(f, "e", CLAIM_HELD, "1001", false);
	confirm(f, good, NO_FACTS);
	OK(claim_get(f->db, bad, &f->a, &c, &f->e));
	OK(db_begin(f->db, &f->e));
	OK(claim_settle(f->db, &c, CLAIM_REJECTED, NULL, NOW, &f->e));
	OK(db_commit(f->db, &f->e));
	for (size_t i = 0; i < COUNT(t); i++) {
		const char *got = log_of(f, &t[i].f);

		if (strcmp(got, t[i].want) != 0)
			fail_msg("%s: %s", t[i].name, got);
	}
}

/* Every one of 2000..2259 once. */
static void
log_is_whole(struct fixture *f)
{
	struct seen s = {.text = {.arena = &f->a}};
	char msn[16];

	OK(approval_log(f->db, &(struct log_filter){0}, see, &s, &f->e));
	assert_int_equal(s.n, 260);
	for (int i = 0; i < 260; i++) {
		const char *found;

		snprintf(msn, sizeof(msn), ":%d ", 2000 + i);
		found = strstr(s.text.p, msn);
		if (found == NULL || strstr(found + 1, msn) != NULL)
			fail_msg("%s", msn);
	}
}

/* Pages end between entries of one time, and between both kinds of one time and row number. */
static void
no_entry_is_lost_or_doubled_between_pages(void **state)
{
	struct fixture *f = *state;
	struct seen s = {.text = {.arena = &f->a}};
	char msn[16], text[16];

	OK(db_begin(f->db, &f->e));
	for (int i = 0; i < 260; i++) {
		int64_t id;

		snprintf(msn, sizeof(msn), "%d", 2000 + i);
		snprintf(text, sizeof(text), "m%d", i);
		id = fixture_claim(f, text, i % 2 ? CLAIM_PENDING : CLAIM_HELD, msn, false);
		if (i % 2)
			fixture_confirm(f, id, NO_FACTS);
	}
	OK(db_commit(f->db, &f->e));
	log_is_whole(f);	/* all of one time: approval 67 ends a page, claim 67 begins the next */
	raw(f, "UPDATE claim SET made_ms = made_ms + id / 90; UPDATE approval SET confirmed_ms = confirmed_ms + id / 60");
	log_is_whole(f);
	OK(approval_log(f->db, &(struct log_filter){.limit = 150}, see, &s, &f->e));
	assert_int_equal(s.n, 150);
}

static void
the_caller_can_stop_the_log_and_write_meanwhile(void **state)
{
	struct fixture *f = *state;
	struct seen s = {.text = {.arena = &f->a}, .stop_at = 1};

	add(f, "a", CLAIM_HELD, "1001", false);
	add(f, "b", CLAIM_HELD, "1002", false);
	assert_int_equal(approval_log(f->db, &(struct log_filter){0}, see, &s, &f->e), -1);
	assert_string_equal(f->e.msg, "enough");
	assert_int_equal(s.n, 1);
	add(f, "c", CLAIM_HELD, "1003", false);		/* nothing was left open */
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_confirmed_claim_makes_an_approval_and_its_event),
		T(an_approval_is_written_as_the_contract_says),
		T(what_the_api_says_wins),
		T(a_second_mail_is_evidence_and_no_second_approval),
		T(an_approvals_sales_unit_is_known_also_by_its_number_without_leading_zeros),
		T(another_sales_unit_is_another_approval),
		T(an_approval_supersedes_what_was_held_for_its_key_in_silence),
		T(history_is_recorded_and_not_announced),
		T(a_claim_without_a_key_cannot_be_confirmed),
		T(the_log_is_filtered),
		T(no_entry_is_lost_or_doubled_between_pages),
		T(the_caller_can_stop_the_log_and_write_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
