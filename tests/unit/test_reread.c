/* ingest/reread: the claims of a mail that is read again beside those that it has. */
#include "store_fixture.h"

#include "ingest/reread.h"

#define DOUBT "[{\"code\":\"check-digit\",\"doubt\":true,\"field\":\"org_number\"}]"
#define REMARK "[{\"code\":\"charset-guessed\",\"doubt\":false,\"field\":null}]"
#define CAUSE "ca"

/* A claim of that sales unit; msn NULL: it is not said, and the merchant's name is `name`. */
static struct claim
a_claim(enum claim_state state, bool trusted, const char *reasons, const char *msn, const char *name)
{
	return (struct claim){.state = state, .trusted = trusted, .reasons = reasons, .evidence = "{}",
	    .org_scheme = "business:NO:ORG", .org_number = "918713867", .msn = msn, .merchant_name = name,
	    .next_ms = NOW};
}

/* Adds the old claim in its state, whatever way it took there. */
static int64_t
old_claim(struct fixture *f, const char *text, struct claim c)
{
	const char *state = claim_state_name(c.state);
	int64_t id;

	c.mail_id = fixture_mail(f, text);
	if (c.state != CLAIM_HELD)
		c.state = CLAIM_PENDING;
	OK(claim_add(f->db, &c, CAUSE, NOW, &id, &f->e));
	OK(db_commit(f->db, &f->e));
	if (strcmp(state, "pending") != 0)
		raw(f, arena_printf(&f->a, "UPDATE claim SET state = '%s', next_ms = NULL WHERE id = %lld", state,
		    (long long)id));
	OK(db_begin(f->db, &f->e));
	return c.mail_id;
}

/* "held check-digit; pending": what the mail's claims are now. */
static const char *
claims_now(struct fixture *f, int64_t mail)
{
	struct arena_buf b = {.arena = &f->a};
	struct claim *c;
	int n;

	OK(claim_list_of(f->db, mail, 0, &f->a, &c, &n, &f->e));
	arena_puts(&b, "");
	for (int i = 0; i < n; i++) {
		struct json *list = json_ours(c[i].reasons);

		assert_int_equal(c[i].n, i);
		arena_putf(&b, "%s%s", i > 0 ? "; " : "", claim_state_name(c[i].state));
		for (int k = 0; k < json_count(list); k++)
			arena_putf(&b, " %s", json_text(json_get(json_item(list, k), "code")));
		json_free(list);
	}
	return b.p;
}

static void
a_claim_read_again_is_the_same_claim_unless_its_doubts_are_gone(void **state)
{
	static const struct {
		const char	*name;
		enum claim_state old;
		bool		 trusted;
		const char	*reasons, *msn, *merchant;
		int		 found;			/* claims of the new reading: 0 or 1 */
		enum claim_state new;
		const char	*new_reasons, *new_msn, *new_merchant;
		const char	*want;
		int		 added, held;
	} t[] = {
#define SAME "1234", "A"
		{ "waits", CLAIM_PENDING, true, "[]", SAME, 1, CLAIM_PENDING, "[]", SAME, "pending", 0, 0 },
		{ "another name", CLAIM_PENDING, true, "[]", SAME, 1, CLAIM_PENDING, "[]", "1234", "B", "pending", 0, 0 },
		{ "another unit", CLAIM_CONFIRMED, true, "[]", SAME, 1, CLAIM_PENDING, "[]", "5678", "A",
		    "disputed no-longer-read; pending", 1, 0 },
		{ "decided", CLAIM_REJECTED, false, DOUBT, SAME, 1, CLAIM_PENDING, "[]", SAME, "rejected check-digit", 0, 0 },
		{ "disputed", CLAIM_DISPUTED, true, "[]", SAME, 1, CLAIM_PENDING, "[]", SAME, "disputed", 0, 0 },
		{ "unconfirmed", CLAIM_UNCONFIRMED, true, "[]", SAME, 1, CLAIM_PENDING, "[]", SAME, "unconfirmed", 0, 0 },
		{ "held, and still in doubt", CLAIM_HELD, true, DOUBT, SAME, 1, CLAIM_HELD, DOUBT, SAME, "held check-digit", 0, 0 },
		{ "held, the doubt is gone", CLAIM_HELD, true, DOUBT, SAME, 1, CLAIM_PENDING, "[]", SAME,
		    "held check-digit; pending", 1, 0 },
		{ "held, proven now", CLAIM_HELD, false, "[]", SAME, 1, CLAIM_PENDING, "[]", SAME, "held; pending", 1, 0 },
		{ "held for want of an API", CLAIM_HELD, true, REMARK, SAME, 1, CLAIM_PENDING, "[]", SAME,
		    "held charset-guessed", 0, 0 },
		{ "waits, and is in doubt now", CLAIM_PENDING, true, "[]", SAME, 1, CLAIM_HELD, DOUBT, SAME,
		    "held check-digit", 0, 1 },
		{ "waits, and is not said", CLAIM_PENDING, true, REMARK, SAME, 0, CLAIM_HELD, NULL, SAME,
		    "held charset-guessed reading-changed", 0, 1 },
		{ "held, and not said", CLAIM_HELD, true, DOUBT, SAME, 0, CLAIM_HELD, NULL, SAME,
		    "held check-digit no-longer-read", 0, 0 },
		{ "half a claim, the same", CLAIM_HELD, true, DOUBT, NULL, "A", 1, CLAIM_HELD, DOUBT, NULL, "A",
		    "held check-digit", 0, 0 },
		{ "half a claim, another", CLAIM_HELD, true, DOUBT, NULL, "A", 1, CLAIM_HELD, DOUBT, NULL, "B",
		    "held check-digit no-longer-read; held check-digit", 1, 1 },
	};
	struct fixture *f = *state;

	OK(db_begin(f->db, &f->e));
	for (size_t i = 0; i < COUNT(t); i++) {
		/* a confirmed one would need its approval: disputed is as decided */
		enum claim_state old = t[i].old == CLAIM_CONFIRMED ? CLAIM_DISPUTED : t[i].old;
		int64_t mail = old_claim(f, t[i].name, a_claim(old, t[i].trusted, t[i].reasons, t[i].msn, t[i].merchant));
		struct claim new = a_claim(t[i].new, true, t[i].new_reasons, t[i].new_msn, t[i].new_merchant);

		new.mail_id = mail;
		for (int again = 0; again < 2; again++) {	/* the second time nothing is new */
			int64_t added = 0, held = 0;
			const char *now;

			OK(reread_claims(f->db, mail, CAUSE, &new, t[i].found, NOW, &added, &held, &f->e));
			now = claims_now(f, mail);
			if (strcmp(now, t[i].want) != 0 || added != (again ? 0 : t[i].added) ||
			    held != (again ? 0 : t[i].held))
				fail_msg("%s, time %d: %s, %d added, %d held", t[i].name, again + 1, now, (int)added,
				    (int)held);
		}
	}
	OK(db_commit(f->db, &f->e));
}

static void
only_what_nobody_kept_and_the_server_still_knows_is_fetched_again(void **state)
{
	struct fixture *f = *state;
	static const uint32_t uids[] = { 1, 2, 3 };
	int64_t added, other, id[3];
	uint32_t uid[3];
	size_t n;
	bool done;

	OK(db_begin(f->db, &f->e));
	OK(mail_shown(f->db, f->epoch, uids, 3, NOW, &added, &f->e));
	OK(mail_pending(f->db, f->epoch, 0, NOW, uid, id, 3, &n, &f->e));
	for (int i = 0; i < 3; i++)
		OK(mail_settle(f->db, id[i], i == 2 ? MAIL_VANISHED : MAIL_IGNORED, NULL, "s", NOW, &f->e));
	OK(mail_keep(f->db, id[1], true, SPAN_LIT("x"), &f->e));
	OK(mail_refetch(f->db, id[1], "why", &done, &f->e));
	assert_false(done);
	OK(mail_refetch(f->db, id[2], "why", &done, &f->e));
	assert_false(done);
	OK(mail_refetch(f->db, id[0], "why", &done, &f->e));
	assert_true(done);
	OK(mail_pending(f->db, f->epoch, 0, NOW, uid, id, 3, &n, &f->e));
	assert_int_equal(n, 1);
	OK(mail_settle(f->db, id[0], MAIL_IGNORED, NULL, "s", NOW, &f->e));
	OK(mail_epoch_open(f->db, f->folder, 8, 0, NOW, &other, &f->e));
	OK(mail_refetch(f->db, id[0], "why", &done, &f->e));
	assert_false(done);
	OK(db_commit(f->db, &f->e));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_claim_read_again_is_the_same_claim_unless_its_doubts_are_gone,
		    fixture_open, fixture_close),
		cmocka_unit_test_setup_teardown(only_what_nobody_kept_and_the_server_still_knows_is_fetched_again,
		    fixture_open, fixture_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
