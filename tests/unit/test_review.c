#include "tests/unit/store_fixture.h"
#include "store/review.h"

static const struct review yes = {.accept = true, .why = "called them", .user = "kari", .by = "Kari N",
    .login_uid = 1000, .at_ms = NOW + 1};
static const struct review no = {.why = "a forgery", .user = "root", .login_uid = -1, .at_ms = NOW + 2};

static struct claim
get(struct fixture *f, int64_t id)
{
	struct claim c;

	OK(claim_get(f->db, id, &f->a, &c, &f->e));
	return c;
}

static int64_t
add(struct fixture *f, const char *text, enum claim_state state)
{
	int64_t id;

	OK(db_begin(f->db, &f->e));
	id = fixture_claim(f, text, state == CLAIM_HELD ? CLAIM_HELD : CLAIM_PENDING, "123456", false);
	if (state == CLAIM_DISPUTED || state == CLAIM_UNCONFIRMED || state == CLAIM_REJECTED) {
		struct claim c = get(f, id);

		OK(claim_settle(f->db, &c, state, "{\"answer\":\"other-organisation\"}", NOW, &f->e));
	} else if (state == CLAIM_CONFIRMED)
		fixture_confirm(f, id, NO_FACTS);
	OK(db_commit(f->db, &f->e));
	return id;
}

static int
decide(struct fixture *f, int64_t id, const struct review *v, bool although)
{
	int rc;

	OK(db_begin(f->db, &f->e));
	rc = review_claim(f->db, id, v, although, false, &f->e);
	if (rc == 0)
		OK(db_commit(f->db, &f->e));
	else
		db_rollback(f->db);
	return rc;
}

static int64_t
events(struct fixture *f, const char *type)
{
	return raw_number(f, arena_printf(&f->a, "SELECT count(*) FROM event WHERE type = '%s'", type));
}

static void
each_state_is_decided_as_it_may_be(void **state)
{
	static const struct {
		const char	*name;
		enum claim_state from;
		bool		 accept, although;
		enum claim_state to;		/* CLAIM_STATES: refused, and as it was */
	} t[] = {
		{ "held, accepted: asked for",	 CLAIM_HELD, true, false, CLAIM_PENDING },
		{ "held, rejected",		 CLAIM_HELD, false, false, CLAIM_REJECTED },
		{ "disputed, accepted",		 CLAIM_DISPUTED, true, false, CLAIM_STATES },
		{ "disputed, and still",	 CLAIM_DISPUTED, true, true, CLAIM_CONFIRMED },
		{ "disputed, rejected",		 CLAIM_DISPUTED, false, false, CLAIM_REJECTED },
		{ "unconfirmed, accepted",	 CLAIM_UNCONFIRMED, true, false, CLAIM_STATES },
		{ "unconfirmed, and still",	 CLAIM_UNCONFIRMED, true, true, CLAIM_CONFIRMED },
		{ "confirmed, accepted",	 CLAIM_CONFIRMED, true, true, CLAIM_STATES },
		{ "confirmed, rejected",	 CLAIM_CONFIRMED, false, false, CLAIM_STATES },
		{ "pending, accepted",		 CLAIM_PENDING, true, true, CLAIM_STATES },
		{ "pending, rejected",		 CLAIM_PENDING, false, false, CLAIM_REJECTED },
		{ "rejected by nobody we know",	 CLAIM_REJECTED, true, true, CLAIM_STATES },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		struct fixture *f;
		int64_t id;

		print_message("%s\n", t[i].name);
		fixture_open(state);
		f = *state;
		id = add(f, "a", t[i].from);
		assert_int_equal(decide(f, id, t[i].accept ? &yes : &no, t[i].although),
		    t[i].to == CLAIM_STATES ? -1 : 0);
		assert_int_equal(get(f, id).state, t[i].to == CLAIM_STATES ? t[i].from : t[i].to);
		assert_int_equal(events(f, t[i].accept ? "claim.accepted" : "claim.rejected") +
		    (t[i].from == CLAIM_REJECTED), t[i].to != CLAIM_STATES || t[i].from == CLAIM_REJECTED);
		assert_int_equal(raw_number(f, "SELECT count(*) FROM review"), t[i].to != CLAIM_STATES);
		fixture_close(state);
	}
}

static void
a_decision_is_kept_with_who_and_why(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, "a", CLAIM_HELD);
	struct review *list;
	struct event *ev;
	struct json *shown;
	int n;

	assert_int_equal(decide(f, id, &yes, false), 0);
	assert_true(get(f, id).accepted);
	assert_int_equal(get(f, id).next_ms, yes.at_ms);
	assert_int_equal(decide(f, id, &no, false), 0);
	assert_int_equal(decide(f, id, &no, false), -1);
	assert_non_null(strstr(f->e.msg, "rejected already, by root at 2026-"));
	OK(review_list_of(f->db, id, 0, &f->a, &list, &n, &f->e));
	assert_int_equal(n, 2);
	shown = review_json(&list[0]);
	assert_string_equal(json_print(shown, &f->a), "{\"decision\":\"accept\",\"was\":\"held\","
	    "\"why\":\"called them\",\"user\":\"kari\",\"login_uid\":1000,\"by\":\"Kari N\",\"at\":\"2026-11-22T09:33:20.001Z\",\"msn\":null}");
	json_free(shown);
	assert_int_equal(list[1].login_uid, -1);
	assert_null(list[1].by);
	OK(event_list_of(f->db, arena_printf(&f->a, "clm_%lld", (long long)id), &f->a, &ev, &n, &f->e));
	assert_int_equal(n, 3);
	assert_string_equal(ev[2].type, "claim.rejected");
	assert_true(ev[2].untrusted);
	assert_non_null(strstr(ev[2].data, "\"why\":\"a forgery\""));
}

static void
a_rejection_can_be_taken_back(void **state)
{
	struct fixture *f = *state;
	int64_t held = add(f, "a", CLAIM_HELD), disputed = add(f, "b", CLAIM_DISPUTED);

	assert_int_equal(decide(f, held, &no, false), 0);
	assert_int_equal(decide(f, held, &yes, false), 0);
	assert_int_equal(get(f, held).state, CLAIM_PENDING);
	assert_int_equal(decide(f, disputed, &no, false), 0);
	assert_int_equal(decide(f, disputed, &yes, false), -1);
	assert_int_equal(decide(f, disputed, &yes, true), 0);
	assert_int_equal(get(f, disputed).state, CLAIM_CONFIRMED);
	assert_int_equal(raw_number(f, "SELECT confirmed_by = 'person' FROM approval"), 1);
}

static void
what_an_accepted_claim_becomes_again_is_told_again(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, "a", CLAIM_HELD);
	struct claim c;

	assert_int_equal(decide(f, id, &yes, false), 0);
	c = get(f, id);
	OK(db_begin(f->db, &f->e));
	OK(claim_settle(f->db, &c, CLAIM_HELD, NULL, NOW, &f->e));
	OK(db_commit(f->db, &f->e));
	assert_int_equal(events(f, "claim.held"), 2);
}

static void
a_claim_without_a_key_is_not_accepted(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, "a", CLAIM_HELD);

	raw(f, "UPDATE claim SET msn = NULL");
	assert_int_equal(decide(f, id, &yes, false), -1);
	assert_int_equal(f->e.kind, ERR_REJECT);
	assert_int_equal(decide(f, id, &no, false), 0);
}

static void
confirming_one_of_two_held_claims_supersedes_the_other_in_silence(void **state)
{
	struct fixture *f = *state;
	int64_t one = add(f, "a", CLAIM_HELD), other = add(f, "b", CLAIM_HELD), before;

	assert_int_equal(decide(f, one, &yes, false), 0);
	assert_int_equal(get(f, other).state, CLAIM_HELD);
	before = raw_number(f, "SELECT count(*) FROM event");
	OK(db_begin(f->db, &f->e));
	fixture_confirm(f, one, NO_FACTS);
	OK(db_commit(f->db, &f->e));
	assert_int_equal(get(f, other).state, CLAIM_SUPERSEDED);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event"), before + 1);
	assert_int_equal(decide(f, other, &yes, true), -1);
	assert_non_null(strstr(f->e.msg, "superseded already"));
}

static int
decide_mail(struct fixture *f, int64_t id)
{
	int rc;

	OK(db_begin(f->db, &f->e));
	rc = review_mail(f->db, id, &no, &f->e);
	if (rc == 0)
		OK(db_commit(f->db, &f->e));
	else
		db_rollback(f->db);
	return rc;
}

static void
what_waits_is_listed_trusted_first_until_it_was_looked_at(void **state)
{
	struct fixture *f = *state;
	int64_t held = add(f, "a", CLAIM_HELD), disputed = add(f, "b", CLAIM_DISPUTED), unmatched, quarantined, all;
	struct review_filter any = {.limit = 10}, elsewhere = {.limit = 10, .mailbox = "other"},
	    late = {.limit = 10, .since_ms = NOW + 1};
	struct review_item *items;
	int n;

	add(f, "c", CLAIM_CONFIRMED);	/* supersedes both: they have its key */
	raw(f, "UPDATE claim SET state = 'held', approval_id = NULL WHERE id = 1");
	raw(f, "UPDATE claim SET state = 'disputed', approval_id = NULL WHERE id = 2");
	OK(db_begin(f->db, &f->e));
	unmatched = fixture_mail(f, "d");
	quarantined = fixture_mail(f, "e");
	OK(db_commit(f->db, &f->e));
	raw(f, arena_printf(&f->a, "UPDATE message SET kind = '' WHERE mail_id = %d", (int)unmatched));
	raw(f, arena_printf(&f->a, "UPDATE mail SET fate = 'quarantined' WHERE id = %d", (int)quarantined));
	raw(f, arena_printf(&f->a, "UPDATE message SET trusted = 0 WHERE mail_id = %d", (int)quarantined));
	OK(review_waiting(f->db, &any, &f->a, &items, &n, &all, &f->e));
	assert_int_equal(n, 4);
	assert_int_equal(all, 4);
	assert_true(items[0].is_claim && items[0].id == disputed);
	assert_true(!items[1].is_claim && items[1].id == unmatched);
	assert_true(items[2].is_claim && items[2].id == held);
	assert_true(!items[3].is_claim && items[3].id == quarantined);
	OK(review_waiting(f->db, &elsewhere, &f->a, &items, &n, &all, &f->e));
	assert_int_equal(n, 0);
	OK(review_waiting(f->db, &late, &f->a, &items, &n, &all, &f->e));
	assert_int_equal(n, 0);
	any.limit = 1;
	OK(review_waiting(f->db, &any, &f->a, &items, &n, &all, &f->e));
	assert_int_equal(n, 1);
	assert_int_equal(all, 4);
	assert_int_equal(decide_mail(f, unmatched), 0);
	assert_int_equal(decide_mail(f, unmatched), -1);
	assert_non_null(strstr(f->e.msg, "rejected already, by root"));
	assert_int_equal(decide_mail(f, quarantined), 0);
	assert_int_equal(decide_mail(f, 1), -1);	/* a mail that was read and known */
	OK(review_waiting(f->db, &any, &f->a, &items, &n, &all, &f->e));
	assert_int_equal(all, 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_open, fixture_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_state_is_decided_as_it_may_be),
		T(a_decision_is_kept_with_who_and_why),
		T(a_rejection_can_be_taken_back),
		T(what_an_accepted_claim_becomes_again_is_told_again),
		T(a_claim_without_a_key_is_not_accepted),
		T(confirming_one_of_two_held_claims_supersedes_the_other_in_silence),
		T(what_waits_is_listed_trusted_first_until_it_was_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
