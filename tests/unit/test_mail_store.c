#include <time.h>

#include "tests/unit/store_fixture.h"

#define MINUTE INT64_C(60000)

static void
shown(struct fixture *f, const uint32_t *uids, size_t n, int64_t want)
{
	int64_t added;

	OK(db_begin(f->db, &f->e));
	OK(mail_shown(f->db, f->epoch, uids, n, NOW, &added, &f->e));
	OK(db_commit(f->db, &f->e));
	assert_int_equal(added, want);
}

static int64_t
missed(struct fixture *f, const uint32_t *uids, size_t n, int64_t now_ms)
{
	int64_t *gone;
	size_t n_gone;

	OK(db_begin(f->db, &f->e));
	OK(mail_missed(f->db, f->epoch, uids, n, true, now_ms, &f->a, &gone, &n_gone, &f->e));
	OK(db_commit(f->db, &f->e));
	return (int64_t)n_gone;
}

static int64_t
id_of(struct fixture *f, uint32_t uid)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "SELECT id FROM mail WHERE uid = %u", uid);
	return raw_number(f, sql);
}

static void
a_mailbox_keeps_what_it_was_first_made_with(void **state)
{
	struct fixture *f = *state;
	struct mailbox_row m;

	OK(db_begin(f->db, &f->e));
	OK(mail_mailbox(f->db, "other", 100, 200, NOW, &m, &f->e));
	assert_true(m.fresh);
	OK(mail_mailbox(f->db, "other", 5, 6, NOW + 1, &m, &f->e));
	OK(db_commit(f->db, &f->e));
	assert_false(m.fresh);
	assert_int_equal(m.start_ms, 100);
	assert_int_equal(m.announce_ms, 200);
	assert_int_equal(m.first_pass_ms, NOW);
	assert_int_equal(m.history_told_ms, 0);
}

static void
a_folder_is_one_row(void **state)
{
	struct fixture *f = *state;
	int64_t again;

	OK(db_begin(f->db, &f->e));
	OK(mail_folder(f->db, f->mailbox, "INBOX", &again, &f->e));
	assert_int_equal(again, f->folder);
	OK(mail_folder(f->db, f->mailbox, "Junk", &again, &f->e));
	assert_int_not_equal(again, f->folder);
	OK(mail_folder_good(f->db, again, NOW, &f->e));
	OK(db_commit(f->db, &f->e));
	assert_int_equal(raw_number(f, "SELECT good_ms FROM folder WHERE name = 'Junk'"), NOW);
}

static int64_t
good_after(struct fixture *f, int64_t now_ms)
{
	OK(db_begin(f->db, &f->e));
	OK(mail_folder_good(f->db, f->folder, now_ms, &f->e));
	OK(db_commit(f->db, &f->e));
	return raw_number(f, "SELECT good_ms FROM folder WHERE name = 'INBOX'");
}

static void
a_good_pass_is_noted_at_most_every_ten_minutes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(good_after(f, NOW), NOW);
	assert_int_equal(good_after(f, NOW + MAIL_GOOD_STEP_MS), NOW);
	assert_int_equal(good_after(f, NOW + MAIL_GOOD_STEP_MS + 1), NOW + MAIL_GOOD_STEP_MS + 1);
	assert_int_equal(good_after(f, NOW), NOW);	/* the clock was ahead */
}

static void
an_epoch_knows_what_it_has(void **state)
{
	static const uint32_t uids[] = { 3, 5, 4294967295 };
	struct fixture *f = *state;
	struct epoch_row ep;
	uint32_t *pending;
	struct arena a = {0};
	size_t n;
	int64_t other;

	shown(f, uids, COUNT(uids), 3);
	OK(db_begin(f->db, &f->e));
	OK(mail_settle(f->db, id_of(f, 3), MAIL_IGNORED, NULL, "s1", NOW, &f->e));
	OK(mail_epoch_searched(f->db, f->epoch, 6, 2, false, NOW, &f->e));
	OK(db_commit(f->db, &f->e));
	OK(mail_epoch(f->db, f->folder, NULL, &ep, &f->e));
	assert_int_equal(ep.id, f->epoch);
	assert_int_equal(ep.uidvalidity, 7);
	assert_int_equal(ep.uidnext, 6);
	assert_int_equal(ep.exists_count, 2);
	assert_int_equal(ep.full_ms, 0);
	assert_int_equal(ep.pending, 2);
	assert_int_equal(ep.highest, UINT32_MAX);
	OK(mail_pending_uids(f->db, f->epoch, &a, &pending, &n, &f->e));
	assert_int_equal(n, 2);
	assert_int_equal(pending[0], 5);
	assert_int_equal(pending[1], UINT32_MAX);
	arena_free(&a);

	OK(db_begin(f->db, &f->e));
	OK(mail_epoch_searched(f->db, f->epoch, 6, 2, true, NOW, &f->e));
	OK(db_commit(f->db, &f->e));
	OK(mail_epoch(f->db, f->folder, NULL, &ep, &f->e));
	assert_int_equal(ep.full_ms, NOW);

	/* a new epoch starts empty, and the old one's mails stay */
	OK(db_begin(f->db, &f->e));
	OK(mail_epoch_open(f->db, f->folder, 7, 12, NOW, &other, &f->e));
	OK(db_commit(f->db, &f->e));
	OK(mail_epoch(f->db, f->folder, NULL, &ep, &f->e));
	assert_int_equal(ep.id, other);
	assert_int_equal(ep.history_uid, 12);
	assert_int_equal(ep.highest, 0);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM mail"), 3);
}

static void
a_uid_is_added_once(void **state)
{
	static const uint32_t uids[] = { 1, 2, 3 }, more[] = { 2, 3, 4 };
	struct fixture *f = *state;

	shown(f, uids, 3, 3);
	shown(f, more, 3, 1);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM mail"), 4);
}

static void
fifty_thousand_uids_take_no_time_to_speak_of(void **state)
{
	struct fixture *f = *state;
	uint32_t *uids = arena_array(&f->a, 50000, sizeof(*uids));
	struct timespec begin, end;

	for (uint32_t i = 0; i < 50000; i++)
		uids[i] = 2 * i + 1;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	shown(f, uids, 50000, 50000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	assert_true(end.tv_sec - begin.tv_sec < 5);	/* 0.2 s here; sanitizers are slow */
}

static void
gone_is_what_two_full_searches_ten_minutes_apart_do_not_show(void **state)
{
	static const uint32_t uids[] = { 1, 2, 3 }, left[] = { 1, 3 };
	struct fixture *f = *state;
	struct mail_row m;

	shown(f, uids, 3, 3);
	assert_int_equal(missed(f, left, 2, NOW), 0);
	assert_int_equal(missed(f, left, 2, NOW + 9 * MINUTE), 0);	/* too soon to count */
	assert_int_equal(missed(f, left, 2, NOW + 10 * MINUTE), 1);
	OK(mail_get(f->db, id_of(f, 2), &f->a, &m, &f->e));
	assert_int_equal(m.fate, MAIL_VANISHED);
	assert_int_equal(m.settled_ms, NOW + 10 * MINUTE);
	OK(mail_get(f->db, id_of(f, 1), &f->a, &m, &f->e));
	assert_int_equal(m.fate, MAIL_PENDING);
}

static void
a_mail_that_shows_up_again_is_not_gone(void **state)
{
	static const uint32_t uids[] = { 1 };
	struct fixture *f = *state;

	shown(f, uids, 1, 1);
	assert_int_equal(missed(f, NULL, 0, NOW), 0);
	assert_int_equal(missed(f, uids, 1, NOW + 20 * MINUTE), 0);
	assert_int_equal(missed(f, NULL, 0, NOW + 40 * MINUTE), 0);	/* the first of two again */
	assert_int_equal(missed(f, NULL, 0, NOW + 60 * MINUTE), 1);
}

static void
a_clock_that_was_ahead_keeps_no_gone_mail_pending(void **state)
{
	static const uint32_t uids[] = { 1 };
	struct fixture *f = *state;

	shown(f, uids, 1, 1);
	assert_int_equal(missed(f, NULL, 0, NOW + 400 * INT64_C(86400000)), 0);
	assert_int_equal(missed(f, NULL, 0, NOW), 1);
}

static void
only_a_search_for_all_that_adds_up_misses_a_mail(void **state)
{
	static const uint32_t uids[] = { 1 };
	struct fixture *f = *state;
	int64_t *gone;
	size_t n_gone;

	shown(f, uids, 1, 1);
	OK(db_begin(f->db, &f->e));
	for (int i = 0; i < 3; i++)
		OK(mail_missed(f->db, f->epoch, NULL, 0, false, NOW + i * 20 * MINUTE, &f->a, &gone, &n_gone, &f->e));
	OK(db_commit(f->db, &f->e));
	assert_int_equal(raw_number(f, "SELECT missed FROM mail"), 0);
	missed(f, NULL, 0, NOW);
	OK(db_begin(f->db, &f->e));	/* but any that shows it again finds it */
	OK(mail_missed(f->db, f->epoch, uids, 1, false, NOW, &f->a, &gone, &n_gone, &f->e));
	OK(db_commit(f->db, &f->e));
	assert_int_equal(raw_number(f, "SELECT missed FROM mail"), 0);
}

/* UIDs 1 to n, ignored by the screen "old". */
static void
ignored(struct fixture *f, const uint32_t *uids, size_t n)
{
	shown(f, uids, n, (int64_t)n);
	OK(db_begin(f->db, &f->e));
	for (size_t i = 0; i < n; i++)
		OK(mail_settle(f->db, id_of(f, uids[i]), MAIL_IGNORED, NULL, "old", NOW, &f->e));
	OK(db_commit(f->db, &f->e));
}

static size_t
rescreen(struct fixture *f, const char *screen, const uint32_t *uids, size_t n, size_t max)
{
	size_t asked;

	OK(db_begin(f->db, &f->e));
	OK(mail_rescreen(f->db, f->epoch, screen, uids, n, max, &asked, &f->e));
	OK(db_commit(f->db, &f->e));
	return asked;
}

static bool
screened(struct fixture *f, const char *screen)
{
	struct epoch_row ep;

	OK(mail_epoch(f->db, f->folder, screen, &ep, &f->e));
	return ep.screened;
}

static void
a_changed_screen_is_asked_about_ignored_mails_some_at_a_time(void **state)
{
	static const uint32_t uids[] = { 1, 2, 3, 4 }, there[] = { 1, 3, 4 };
	struct fixture *f = *state;

	ignored(f, uids, 4);
	shown(f, (const uint32_t[]){5}, 1, 1);
	OK(db_begin(f->db, &f->e));	/* ignored for another reason than the screen's */
	OK(mail_settle(f->db, id_of(f, 5), MAIL_IGNORED, "before-start", NULL, NOW, &f->e));
	OK(db_commit(f->db, &f->e));
	assert_int_equal(rescreen(f, "old", there, 3, 2), 0);
	assert_true(screened(f, "old"));
	assert_false(screened(f, "new"));
	assert_int_equal(rescreen(f, "new", there, 3, 2), 2);
	assert_false(screened(f, "new"));
	assert_int_equal(raw_number(f, "SELECT min(uid) FROM mail WHERE fate = 'pending'"), 3);	/* the newest first */
	assert_int_equal(rescreen(f, "new", there, 3, 2), 1);	/* not the one that is gone */
	assert_true(screened(f, "new"));
	assert_int_equal(raw_number(f, "SELECT count(*) FROM mail WHERE fate = 'ignored'"), 2);
}

static void
one_that_is_asked_about_again_and_is_gone_is_no_loss(void **state)
{
	static const uint32_t uids[] = { 1 };
	struct fixture *f = *state;

	ignored(f, uids, 1);
	assert_int_equal(rescreen(f, "new", uids, 1, 2), 1);
	assert_int_equal(missed(f, NULL, 0, NOW), 0);
	assert_int_equal(missed(f, NULL, 0, NOW + 20 * MINUTE), 0);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM mail WHERE fate = 'ignored' AND screen = 'old'"), 1);
}

static void
a_settled_mail_is_never_missed(void **state)
{
	static const uint32_t uids[] = { 1 };
	struct fixture *f = *state;

	shown(f, uids, 1, 1);
	OK(db_begin(f->db, &f->e));
	OK(mail_settle(f->db, id_of(f, 1), MAIL_READ, NULL, NULL, NOW, &f->e));
	OK(db_commit(f->db, &f->e));
	assert_int_equal(missed(f, NULL, 0, NOW), 0);
	assert_int_equal(missed(f, NULL, 0, NOW + 60 * MINUTE), 0);
}

static void
pending_mails_come_in_pages(void **state)
{
	static const uint32_t uids[] = { 4, 1, 3, 2 };
	struct fixture *f = *state;
	uint32_t got[3];
	int64_t ids[3];
	size_t n;

	shown(f, uids, 4, 4);
	OK(mail_pending(f->db, f->epoch, 0, NOW, got, ids, 3, &n, &f->e));
	assert_int_equal(n, 3);
	assert_int_equal(got[0], 1);
	assert_int_equal(got[2], 3);
	OK(mail_pending(f->db, f->epoch, got[2], NOW, got, ids, 3, &n, &f->e));
	assert_int_equal(n, 1);
	assert_int_equal(got[0], 4);
	assert_int_equal(ids[0], id_of(f, 4));
}

static void
a_mail_remembers_what_was_learned_of_it(void **state)
{
	static const uint32_t uids[] = { 9 };
	int attempts;
	struct fixture *f = *state;
	struct mail_row m;
	int64_t id;

	shown(f, uids, 1, 1);
	id = id_of(f, 9);
	OK(db_begin(f->db, &f->e));
	OK(mail_header(f->db, id, NOW - 5, 1234, true, &f->e));
	OK(mail_failed(f->db, id, "out of memory", &attempts, &f->e));
	OK(mail_failed(f->db, id, "fetch gave nothing", &attempts, &f->e));
	OK(db_commit(f->db, &f->e));
	OK(mail_get(f->db, id, &f->a, &m, &f->e));
	assert_int_equal(m.uid, 9);
	assert_int_equal(m.fate, MAIL_PENDING);
	assert_int_equal(m.attempts, 2);
	assert_string_equal(m.reason, "fetch gave nothing");
	assert_int_equal(m.arrived_ms, NOW - 5);
	assert_int_equal(m.size_bytes, 1234);
	assert_true(m.history);
	assert_string_equal(m.mailbox, "onboarding");
	assert_string_equal(m.folder, "INBOX");
	assert_null(m.from_domain);
	assert_false(m.hashed);

	OK(db_begin(f->db, &f->e));
	id = fixture_mail(f, "bytes");
	OK(db_commit(f->db, &f->e));
	OK(mail_get(f->db, id, &f->a, &m, &f->e));
	assert_true(m.hashed && m.trusted);
	assert_string_equal(m.from_domain, "vippsmobilepay.com");
	assert_string_equal(m.proof, "authentication-results");
	assert_string_equal(m.kind, "approval");
	assert_null(m.reason);
	assert_int_equal(mail_get(f->db, 999, &f->a, &m, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_REJECT);
}

static void
a_fate_is_decided_once(void **state)
{
	static const uint32_t uids[] = { 1 };
	int attempts;
	struct fixture *f = *state;

	shown(f, uids, 1, 1);
	OK(db_begin(f->db, &f->e));
	OK(mail_settle(f->db, id_of(f, 1), MAIL_QUARANTINED, "crash", NULL, NOW, &f->e));
	assert_int_equal(mail_settle(f->db, id_of(f, 1), MAIL_IGNORED, NULL, NULL, NOW, &f->e), -1);
	assert_int_equal(mail_failed(f->db, id_of(f, 1), "late", &attempts, &f->e), -1);
	db_rollback(f->db);
}

static void
known_bytes_inherit_their_fate(void **state)
{
	static const uint32_t uids[] = { 101, 102 };
	struct fixture *f = *state;
	uint8_t hash[DIGEST_BYTES];
	struct mail_row m;
	int64_t first, same;

	digest_sha256(span_of("same bytes"), hash);
	OK(db_begin(f->db, &f->e));
	first = fixture_mail(f, "same bytes");
	OK(db_commit(f->db, &f->e));
	shown(f, uids, 2, 2);
	OK(db_begin(f->db, &f->e));
	OK(mail_hashed(f->db, id_of(f, 101), hash, &same, &f->e));
	assert_int_equal(same, first);
	OK(mail_inherit(f->db, id_of(f, 101), same, NOW, &f->e));
	OK(mail_hashed(f->db, id_of(f, 102), hash, &same, &f->e));
	assert_int_equal(same, first);		/* the first of its kind, not a copy of a copy */
	OK(db_commit(f->db, &f->e));
	OK(mail_get(f->db, id_of(f, 101), &f->a, &m, &f->e));
	assert_int_equal(m.fate, MAIL_READ);
	assert_int_equal(m.same_as, first);
	assert_int_equal(raw_number(f, "SELECT count(*) FROM event"), 0);
}

static void
a_copy_is_never_named_as_the_first(void **state)
{
	static const uint32_t uids[] = { 101, 102 };
	struct fixture *f = *state;
	uint8_t hash[DIGEST_BYTES];
	int64_t first, same;

	digest_sha256(span_of("same bytes"), hash);
	shown(f, uids, 2, 2);
	f->uid = 200;
	OK(db_begin(f->db, &f->e));
	first = fixture_mail(f, "same bytes");		/* read before an older row was */
	OK(mail_hashed(f->db, id_of(f, 101), hash, &same, &f->e));
	OK(mail_inherit(f->db, id_of(f, 101), same, NOW, &f->e));
	OK(mail_hashed(f->db, id_of(f, 102), hash, &same, &f->e));
	assert_int_equal(same, first);
	OK(db_commit(f->db, &f->e));
}

/* Of these nobody has looked at the bytes, so there is nothing to inherit. */
static void
ignored_pending_and_vanished_mails_pass_nothing_on(void **state)
{
	static const enum mail_fate fates[] = { MAIL_IGNORED, MAIL_VANISHED, MAIL_OVERSIZE };
	static const uint32_t uids[] = { 1, 2, 3, 4, 5 };
	struct fixture *f = *state;
	uint8_t hash[DIGEST_BYTES] = { 1 };
	int64_t same;

	shown(f, uids, 5, 5);
	OK(db_begin(f->db, &f->e));
	for (uint32_t i = 0; i < 3; i++) {
		OK(mail_hashed(f->db, id_of(f, i + 1), hash, &same, &f->e));
		OK(mail_settle(f->db, id_of(f, i + 1), fates[i], NULL, NULL, NOW, &f->e));
	}
	OK(mail_hashed(f->db, id_of(f, 4), hash, &same, &f->e));	/* stays pending */
	OK(mail_hashed(f->db, id_of(f, 5), hash, &same, &f->e));
	assert_int_equal(same, 0);
	assert_int_equal(mail_inherit(f->db, id_of(f, 5), id_of(f, 4), NOW, &f->e), -1);
	db_rollback(f->db);
}

static void
kept_bytes_come_back(void **state)
{
	static const uint32_t uids[] = { 1, 2, 3 };
	struct fixture *f = *state;
	char *big = arena_alloc(&f->a, 300000);
	struct span bytes;

	shown(f, uids, 3, 3);
	for (size_t i = 0; i < 300000; i++)
		big[i] = (char)(i * i >> 7);
	OK(db_begin(f->db, &f->e));
	OK(mail_keep(f->db, id_of(f, 1), true, (struct span){big, 300000}, &f->e));
	OK(mail_keep(f->db, id_of(f, 2), false, (struct span){"", 0}, &f->e));
	OK(db_commit(f->db, &f->e));
	OK(mail_kept(f->db, id_of(f, 1), &f->a, &bytes, &f->e));
	assert_true(span_eq(bytes, (struct span){big, 300000}));
	OK(mail_kept(f->db, id_of(f, 2), &f->a, &bytes, &f->e));
	assert_non_null(bytes.p);
	assert_int_equal(bytes.n, 0);
	OK(mail_kept(f->db, id_of(f, 3), &f->a, &bytes, &f->e));
	assert_null(bytes.p);
}

static void
damaged_kept_bytes_are_an_error_and_no_more(void **state)
{
	static const char *const t[] = {
		"UPDATE mail_bytes SET size_bytes = size_bytes - 1", "UPDATE mail_bytes SET size_bytes = size_bytes + 1",
		"UPDATE mail_bytes SET size_bytes = -1", "UPDATE mail_bytes SET size_bytes = 1 << 40",
		"UPDATE mail_bytes SET size_bytes = 9, zstd = x'00112233'", "UPDATE mail_bytes SET zstd = x''",
	};
	static const uint32_t uids[] = { 1 };
	struct fixture *f = *state;
	struct span bytes;

	shown(f, uids, 1, 1);
	OK(db_begin(f->db, &f->e));
	OK(mail_keep(f->db, id_of(f, 1), true, SPAN_LIT("some bytes"), &f->e));
	OK(db_commit(f->db, &f->e));
	for (size_t i = 0; i < COUNT(t); i++) {
		raw(f, "UPDATE mail_bytes SET size_bytes = 10");
		raw(f, t[i]);
		assert_int_equal(mail_kept(f->db, id_of(f, 1), &f->a, &bytes, &f->e), -1);
		assert_int_equal(f->e.what, ERR_DATABASE);
		assert_null(bytes.p);
	}
}

static void
history_is_counted_and_told_once(void **state)
{
	static const uint32_t uids[] = { 1, 2, 3 };
	struct fixture *f = *state;
	struct mail_history h;
	struct mailbox_row m;

	shown(f, uids, 3, 3);
	f->uid = 3;
	OK(db_begin(f->db, &f->e));
	OK(mail_header(f->db, id_of(f, 1), NOW, 10, true, &f->e));
	OK(mail_settle(f->db, id_of(f, 1), MAIL_READ, NULL, NULL, NOW, &f->e));
	OK(mail_header(f->db, id_of(f, 2), NOW, 10, true, &f->e));
	fixture_claim(f, "x", CLAIM_PENDING, "123456", true);
	fixture_claim(f, "y", CLAIM_PENDING, "123457", false);
	OK(db_commit(f->db, &f->e));
	OK(mail_history(f->db, f->mailbox, &h, &f->e));
	assert_int_equal(h.pending, 2);
	assert_int_equal(h.mails, 0);	/* nothing else is looked at while something waits */
	raw(f, "UPDATE mail SET attempts = 3 WHERE fate = 'pending'");
	OK(mail_history(f->db, f->mailbox, &h, &f->e));
	assert_int_equal(h.mails, 2);
	assert_int_equal(h.read, 1);
	assert_int_equal(h.claims, 1);
	assert_int_equal(h.pending, 0);
	OK(mail_history(f->db, 99, &h, &f->e));
	assert_int_equal(h.mails + h.read + h.claims + h.pending, 0);

	OK(db_begin(f->db, &f->e));
	OK(mail_history_told(f->db, f->mailbox, NOW + 1, &f->e));
	OK(mail_history_told(f->db, f->mailbox, NOW + 2, &f->e));
	OK(mail_mailbox(f->db, "onboarding", 0, 0, NOW, &m, &f->e));
	OK(db_commit(f->db, &f->e));
	assert_int_equal(m.history_told_ms, NOW + 1);
}

static void
what_an_old_numbering_left_pending_does_not_keep_history_waiting(void **state)
{
	static const uint32_t uids[] = { 1, 2 };
	struct fixture *f = *state;
	struct mail_history h;
	int64_t next;

	shown(f, uids, 2, 2);
	OK(db_begin(f->db, &f->e));
	OK(mail_header(f->db, id_of(f, 1), NOW, 10, true, &f->e));
	OK(mail_epoch_open(f->db, f->folder, 8, 0, NOW, &next, &f->e));
	OK(db_commit(f->db, &f->e));
	OK(mail_history(f->db, f->mailbox, &h, &f->e));
	assert_int_equal(h.mails, 1);
	assert_int_equal(h.pending, 0);
}

static void
fates_have_names(void **state)
{
	(void)state;
	for (int i = 0; i < MAIL_FATES; i++)
		assert_int_equal(mail_fate_of(mail_fate_name((enum mail_fate)i)), i);
	assert_int_equal(mail_fate_of("lost"), -1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_mailbox_keeps_what_it_was_first_made_with),
		T(a_folder_is_one_row),
		T(a_good_pass_is_noted_at_most_every_ten_minutes),
		T(an_epoch_knows_what_it_has),
		T(a_uid_is_added_once),
		T(fifty_thousand_uids_take_no_time_to_speak_of),
		T(gone_is_what_two_full_searches_ten_minutes_apart_do_not_show),
		T(a_mail_that_shows_up_again_is_not_gone),
		T(a_clock_that_was_ahead_keeps_no_gone_mail_pending),
		T(only_a_search_for_all_that_adds_up_misses_a_mail),
		T(a_changed_screen_is_asked_about_ignored_mails_some_at_a_time),
		T(one_that_is_asked_about_again_and_is_gone_is_no_loss),
		T(a_settled_mail_is_never_missed),
		T(pending_mails_come_in_pages),
		T(a_mail_remembers_what_was_learned_of_it),
		T(a_fate_is_decided_once),
		T(known_bytes_inherit_their_fate),
		T(a_copy_is_never_named_as_the_first),
		T(ignored_pending_and_vanished_mails_pass_nothing_on),
		T(kept_bytes_come_back),
		T(damaged_kept_bytes_are_an_error_and_no_more),
		T(history_is_counted_and_told_once),
		T(what_an_old_numbering_left_pending_does_not_keep_history_waiting),
		cmocka_unit_test(fates_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
