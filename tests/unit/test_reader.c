/* The children of ingest/reader, played by tests/unit/bad_reader.h: what a loss costs, and whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The real code with clocks and counts that a test can wait for. */
#include "ingest/reader.h"

static int test_wall_ms = READER_WALL_MS, test_max_mails = 3;

#undef READER_WALL_MS
#define READER_WALL_MS test_wall_ms
#undef READER_MAX_MAILS
#define READER_MAX_MAILS test_max_mails
#include "ingest/child.h"
#undef CHILD_CPU_SECONDS
#define CHILD_CPU_SECONDS 0
#include "ingest/child.c"	/* NOLINT(bugprone-suspicious-include) */
#include "ingest/queue.c"	/* NOLINT(bugprone-suspicious-include) */
#include "ingest/reader.c"	/* NOLINT(bugprone-suspicious-include) */

#include "tests/unit/bad_reader.h"

#define PLAIN "Subject: x\n"

struct state {
	struct reading_setup	 setup;
	struct readers		*readers;
	struct arena		 arena;
	char			 folder[32];	/* for "once:" */
};

static const char *no_list[] = {NULL};

static int
state_open(void **out)
{
	struct state	*s = calloc(1, sizeof *s);
	struct err	 e;

	s->setup = (struct reading_setup){.rules = no_list, .domains = no_list, .from = no_list,
	    .forwarders = no_list, .authserv_ids = no_list};
	snprintf(s->folder, sizeof s->folder, "/tmp/test_reader.XXXXXX");
	if (mkdtemp(s->folder) == NULL || readers_open(&s->setup, BAD_READER, &s->readers, &e) != 0)
		return -1;
	test_wall_ms = 10000;
	test_max_mails = 3;
	*out = s;
	return 0;
}

static int
state_close(void **in)
{
	struct state	*s = *in;
	char		 mark[64];

	readers_close(s->readers);
	arena_free(&s->arena);
	snprintf(mark, sizeof mark, "%s/mark", s->folder);
	unlink(mark);
	rmdir(s->folder);
	free(s);
	return 0;
}

static int
read_mail(struct state *s, const char *mail, bool trusted, struct reading *r, struct err *e)
{
	return reader_read(s->readers, span_of(mail), trusted, &s->arena, r, e);
}

/* Process id and count of mails, as the child says them. */
static int
served_by(struct state *s, const char *mail, bool trusted, int *served)
{
	struct reading	r;
	struct err	e;
	int		pid;

	if (read_mail(s, mail, trusted, &r, &e) != 0)
		fail_msg("%s", e.msg);
	assert_int_equal(sscanf(r.message_id.p, "%d %d", &pid, served), 2);
	return pid;
}

static void
test_a_loss_is_judged(void **state)
{
	static const struct {
		const char	*act;
		enum err_kind	 kind;
		enum err_what	 what;
		const char	*msg;
	} t[] = {
		{ "segv", ERR_REJECT, ERR_ANY, "the reader was killed by SIGSEGV twice" },
		{ "sys", ERR_REJECT, ERR_ANY, "the reader was killed by SIGSYS twice" },
		{ "exit", ERR_REJECT, ERR_ANY, "the reader ended with status 3 twice" },
		{ "noise", ERR_REJECT, ERR_ANY, "the reader answered garbage twice" },
		{ "empty", ERR_REJECT, ERR_ANY, "the reader answered garbage twice" },
		{ "huge", ERR_REJECT, ERR_ANY, "the reader answered garbage twice" },
		{ "spin", ERR_REJECT, ERR_ANY, "the reader was killed by SIGXCPU twice" },
		{ "greedy", ERR_REJECT, ERR_ANY, "the reader took too much memory twice" },
		{ "no-memory", ERR_RETRY, ERR_NOMEM, "the reader ran out of memory" },
		{ "trap", ERR_REJECT, ERR_ANY, "the reader was killed by SIGTRAP twice" },
		{ "abrt", ERR_REJECT, ERR_ANY, "the reader was killed by SIGABRT twice" },
		{ "kill", ERR_RETRY, ERR_NOMEM, "the reader was killed from outside by SIGKILL" },
		{ "term", ERR_RETRY, ERR_NOMEM, "the reader was killed from outside by SIGTERM" },
	};
	struct state *s = *state;

	for (size_t i = 0; i < COUNT(t); i++) {
		struct reading	r;
		struct err	e;
		const char	*mail = arena_printf(&s->arena, PLAIN "Act: %s\n", t[i].act);

		assert_int_equal(read_mail(s, mail, false, &r, &e), -1);
		assert_string_equal(e.msg, t[i].msg);
		assert_int_equal(e.kind, t[i].kind);
		assert_int_equal(e.what, t[i].what);
	}
}

/* GLib and glibc end so too when they are refused memory: then it is no fault of the mail's. */
static void
test_an_abort_where_memory_is_short_is_no_fault_of_the_mail(void **state)
{
#ifndef __SANITIZE_ADDRESS__	/* which needs more address space than this leaves */
	static const char *const acts[] = { "trap", "abrt" };
	struct state		*s = *state;
	struct rlimit		 old, low;
	FILE			*f = fopen("/proc/self/statm", "re");
	unsigned long		 pages = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
	low = (struct rlimit){pages * 4096 + 128UL * 1024 * 1024, old.rlim_max};
	for (size_t i = 0; i < COUNT(acts); i++) {
		struct reading	r;
		struct err	e;
		const char	*mail = arena_printf(&s->arena, PLAIN "Act: %s\n", acts[i]);
		int		 rc;

		assert_int_equal(setrlimit(RLIMIT_AS, &low), 0);
		rc = read_mail(s, mail, false, &r, &e);
		assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
		assert_int_equal(rc, -1);
		assert_int_equal(e.kind, ERR_RETRY);
		assert_int_equal(e.what, ERR_NOMEM);
	}
#else
	(void)state;
#endif
}

static void
test_our_clock_ends_a_child(void **state)
{
	static const char *const acts[] = { "hang", "drip" };
	struct state	*s = *state;
	struct reading	 r;
	struct err	 e;

	test_wall_ms = 300;
	for (size_t i = 0; i < COUNT(acts); i++) {
		const char *mail = arena_printf(&s->arena, PLAIN "Act: %s\n", acts[i]);

		assert_int_equal(read_mail(s, mail, false, &r, &e), -1);
		assert_int_equal(e.kind, ERR_REJECT);
		assert_string_equal(e.msg, "the reader took too long twice");
	}
}

static void
test_a_child_that_does_not_read_cannot_hold_us(void **state)
{
	static const char *deaf[] = {"deaf.test", NULL};
	struct state	*s = *state;
	struct reading	 r;
	struct err	 e;
	struct span	 big = {arena_alloc(&s->arena, 4 << 20), 4 << 20};

	s->setup.domains = deaf;
	test_wall_ms = 200;
	assert_int_equal(reader_read(s->readers, big, false, &s->arena, &r, &e), -1);
	assert_string_equal(e.msg, "the reader took too long twice");
}

static void
test_a_child_that_closes_and_lives_is_ended(void **state)
{
	struct state	*s = *state;
	const char	*mail = arena_printf(&s->arena, PLAIN "Act: once:%s/mark:close\n",
			    s->folder);
	int		 served;

	served_by(s, mail, false, &served);
	assert_int_equal(served, 1);
}

static void
test_one_loss_costs_one_more_try_and_nothing_else(void **state)
{
	static const char *const acts[] = {"segv", "kill", "no-memory", "exit"};
	struct state	*s = *state;
	int		 served, trusted = served_by(s, PLAIN, true, &served);

	for (size_t i = 0; i < COUNT(acts); i++) {
		const char	*mail = arena_printf(&s->arena, PLAIN "Act: once:%s/mark:%s\n",
				    s->folder, acts[i]);
		char		 mark[64];
		int		 alone;

		served_by(s, PLAIN, false, &served);
		alone = served_by(s, mail, false, &served);
		assert_int_equal(served, 1);	/* in a fresh child, and then in another */
		assert_int_not_equal(served_by(s, PLAIN, false, &served), alone);
		assert_int_equal(served, 1);
		snprintf(mark, sizeof mark, "%s/mark", s->folder);
		assert_int_equal(unlink(mark), 0);
	}
	assert_int_equal(served_by(s, PLAIN, true, &served), trusted);
	assert_int_equal(served, 2);
}

static void
test_a_child_serves_so_many_mails(void **state)
{
	struct state	*s = *state;
	int		 served, first = served_by(s, PLAIN, false, &served);

	for (int i = 2; i <= READER_MAX_MAILS; i++) {
		assert_int_equal(served_by(s, PLAIN, false, &served), first);
		assert_int_equal(served, i);
	}
	assert_int_not_equal(served_by(s, PLAIN, false, &served), first);
	assert_int_equal(served, 1);
}

static void
test_trusted_mail_has_a_child_of_its_own(void **state)
{
	struct state	*s = *state;
	int		 served, untrusted = served_by(s, PLAIN, false, &served);

	assert_int_not_equal(served_by(s, PLAIN, true, &served), untrusted);
	assert_int_equal(served, 1);
}

static void
test_a_child_gets_its_pipe_and_nothing(void **state)
{
	struct state	*s = *state;
	struct reading	 r;
	struct err	 e;
	int		 leak = dup(STDERR_FILENO);

	assert_int_equal(setenv("SECRET", "canary", 1), 0);
	assert_int_equal(read_mail(s, PLAIN, false, &r, &e), 0);
	assert_non_null(strstr(r.message_id.p, " 3 LC_ALL=C.UTF-8"));
	close(leak);
	unsetenv("SECRET");
}

static void
test_a_rejected_mail_is_not_tried_again(void **state)
{
	struct state	*s = *state;
	struct reading	 r;
	struct err	 e;
	int		 served, child = served_by(s, PLAIN, false, &served);

	assert_int_equal(read_mail(s, PLAIN "Act: rejected\n", false, &r, &e), -1);
	assert_int_equal(e.kind, ERR_REJECT);
	assert_string_equal(e.msg, "too deep?[2J?");
	assert_int_equal(served_by(s, PLAIN, false, &served), child);
	assert_int_equal(served, 3);
}

static void
test_an_answer_that_was_not_asked_for_is_not_taken(void **state)
{
	struct state	*s = *state;
	struct reading	 r;
	struct err	 e;
	int		 served, child = served_by(s, PLAIN, false, &served);

	assert_int_equal(read_mail(s, PLAIN "Act: too-much\n", false, &r, &e), -1);
	assert_string_equal(e.msg, "too much");
	poll(NULL, 0, 50);	/* its second answer follows at once */
	assert_int_not_equal(served_by(s, PLAIN, false, &served), child);
	assert_int_equal(served, 1);
}

static void
test_only_the_prover_proves(void **state)
{
	struct state	*s = *state;
	struct proof	 p;
	struct err	 e;

	assert_int_equal(reader_prove(s->readers, SPAN_LIT("Proven: yes\n"), 1, &s->arena, &p, &e), 0);
	assert_int_equal(p.kind, PROOF_AUTHENTICATION_RESULTS);
	assert_int_equal(reader_prove(s->readers, SPAN_LIT("Prove-Act: segv\n"), 1, &s->arena, &p, &e),
	    -1);
	assert_string_equal(e.msg, "the prover was killed by SIGSEGV twice");
	assert_int_equal(s->readers->slots[CHILD_TRUSTED][0].child.pid, 0);
	assert_int_equal(s->readers->slots[CHILD_UNTRUSTED][0].child.pid, 0);
}

static int keys_asked;

static enum key_status
key_none(const char *const *servers, const char *name, struct arena *a, struct span *record)
{
	(void)servers;
	(void)name;
	(void)a;
	*record = SPAN_LIT("");
	keys_asked++;
	return KEY_NONE;
}

static void
test_a_prover_asks_for_few_keys_and_of_configured_domains_only(void **state)
{
	static const char	*domains[] = {"vippsmobilepay.com", NULL};
	struct state		*s = *state;
	struct reading		 r;
	struct proof		 p;
	struct err		 e;

	s->setup.domains = domains;
	readers_keys(s->readers, key_none, NULL);
	assert_int_equal(reader_prove(s->readers, SPAN_LIT("Prove-Act: ask:evil.example\n"), 1, &s->arena, &p, &e), -1);
	assert_string_equal(e.msg, "the prover asked for what it may not twice");
	assert_int_equal(keys_asked, 0);
	assert_int_equal(reader_prove(s->readers, SPAN_LIT("Prove-Act: ask:vippsmobilepay.com\n"), 1, &s->arena, &p, &e),
	    -1);
	assert_string_equal(e.msg, "the prover answered garbage twice");
	assert_int_equal(keys_asked, 1);	/* the others were known */
	assert_int_equal(read_mail(s, PLAIN "Act: ask:vippsmobilepay.com\n", true, &r, &e), -1);
	assert_int_equal(e.kind, ERR_REJECT);	/* a reader has nothing to ask */
}

#define AT_ONCE	100	/* more than the children have at a time */

struct at_once {
	struct reader_mail	asked[AT_ONCE];
	struct proof		proof[AT_ONCE];
	struct reading		reading[AT_ONCE];
};

static bool
is_proven(void *arg)
{
	return ((const struct proof *)arg)->kind != PROOF_NONE;
}

static void
submit(struct state *s, struct at_once *o, int i, const char *mail)
{
	o->asked[i] = (struct reader_mail){.raw = span_of(mail), .at_ms = 1, .arena = &s->arena,
	    .proof = &o->proof[i], .reading = &o->reading[i], .proven = is_proven, .arg = &o->proof[i]};
	reader_submit(s->readers, &o->asked[i]);
}

static void
test_mails_read_at_once_get_their_own_answers_from_children_of_their_own(void **state)
{
	struct state	*s = *state;
	struct at_once	*o = arena_alloc(&s->arena, sizeof *o);
	int		 pids[AT_ONCE], served;

	for (int i = 0; i < AT_ONCE; i++)
		submit(s, o, i, arena_printf(&s->arena, PLAIN "%sKind: approval\nClaims: %d\n",
		    i % 3 == 0 ? "Proven: yes\n" : "", i % 5));
	for (int i = 0; i < AT_ONCE; i++) {
		reader_wait(s->readers, &o->asked[i]);
		assert_false(o->asked[i].failed);
		assert_int_equal(is_proven(&o->proof[i]), i % 3 == 0);
		assert_int_equal(o->reading[i].found.count, i % 5);
		assert_int_equal(sscanf(o->reading[i].message_id.p, "%d %d", &pids[i], &served), 2);
		assert_in_range(served, 1, READER_MAX_MAILS);
	}
	for (int i = 0; i < AT_ONCE; i += 3)
		for (int j = 0; j < AT_ONCE; j++)
			assert_true(j % 3 == 0 || pids[i] != pids[j]);
}

static void
test_a_mail_that_ends_its_child_takes_no_other_with_it(void **state)
{
	static const struct { const char *act, *msg; } t[] = {
		{ "segv", "the reader was killed by SIGSEGV twice" },
		{ "noise", "the reader answered garbage twice" },
		{ "hang", "the reader took too long twice" },
		{ "kill", "the reader was killed from outside by SIGKILL" },
	};
	struct state *s = *state;

	test_wall_ms = 300;
	for (size_t k = 0; k < COUNT(t); k++) {
		struct at_once *o = arena_alloc(&s->arena, sizeof *o);

		for (int i = 0; i < AT_ONCE; i++)
			submit(s, o, i, i % 7 != 3 ? PLAIN :
			    arena_printf(&s->arena, PLAIN "Act: %s\n", t[k].act));
		for (int i = 0; i < AT_ONCE; i++) {
			reader_wait(s->readers, &o->asked[i]);
			assert_int_equal(o->asked[i].failed, i % 7 == 3);
			if (i % 7 == 3)
				assert_string_equal(o->asked[i].why.msg, t[k].msg);
		}
	}
}

/* As many as it may have: large ones, which its pipe has no room for, and answers that wait while it is gone. */
static void
test_a_child_that_goes_with_all_that_it_was_asked_takes_nothing_along(void **state)
{
	static const struct { const char *act, *msg; } t[] = {
		{ "Act: segv", "the reader was killed by SIGSEGV twice" },
		{ "Act: close", "the reader closed its stream and lived on twice" },
		{ "Prove-Act: exit", "the prover ended with status 3 twice" },
		{ "Prove-Act: noise", "the prover answered garbage twice" },
	};
	const size_t	 large = 300UL * 1024;
	struct state	*s = *state;
	char		*filler = arena_alloc(&s->arena, large);

	memset(filler, 'x', large - 1);
	test_max_mails = 2000;
	for (size_t k = 0; k < COUNT(t); k++) {
		struct at_once *o = arena_alloc(&s->arena, sizeof *o);

		for (int i = 0; i < AT_ONCE; i++)
			submit(s, o, i, arena_printf(&s->arena, PLAIN "%sKind: approval\nClaims: %d\n%s\n%s", i % 3 == 0 ? "Proven: yes\n" : "",
			    i % 5, i == 40 || i == 41 ? t[k].act : "", i >= 38 && i < 50 ? filler : ""));
		for (int i = 0; i < AT_ONCE; i++) {
			reader_wait(s->readers, &o->asked[i]);
			assert_int_equal(o->asked[i].failed, i == 40 || i == 41);
			if (o->asked[i].failed)
				assert_string_equal(o->asked[i].why.msg, t[k].msg);
			else
				assert_int_equal(o->reading[i].found.count, i % 5);
		}
	}
}

/* Of what was asked meanwhile none is lost, and none is to blame. */
static void
test_a_child_that_never_answers_its_start_costs_no_mail(void **state)
{
	static const char	*mute[] = {"mute.test", NULL};
	struct state		*s = *state;
	struct at_once		*o = arena_alloc(&s->arena, sizeof *o);
	struct slot		*prover = &s->readers->slots[CHILD_PROVER][0];

	s->setup.domains = mute;
	reader_warm(s->readers);
	for (int i = 0; i < 3; i++)
		submit(s, o, i, PLAIN);
	queue_work(s->readers, false);
	assert_int_equal(prover->n, 3);
	prover->deadline_ms = 0;	/* as when its time is over */
	queue_work(s->readers, false);
	assert_true(prover->starting);	/* another, for the oldest alone */
	assert_int_equal(prover->n, 1);
	s->setup.domains = no_list;
	prover->deadline_ms = 0;
	s->readers->slots[CHILD_UNTRUSTED][0].deadline_ms = 0;
	for (int i = 0; i < 3; i++)
		reader_wait(s->readers, &o->asked[i]);
	assert_true(o->asked[0].failed);
	assert_int_equal(o->asked[0].why.what, ERR_NOMEM);	/* it stays pending */
	assert_false(o->asked[1].failed || o->asked[2].failed);
}

static void
test_the_dns_is_only_asked_by_who_waits(void **state)
{
	static const char	*domains[] = {"vippsmobilepay.com", NULL};
	struct state		*s = *state;
	struct at_once		*o = arena_alloc(&s->arena, sizeof *o);

	s->setup.domains = domains;
	keys_asked = 0;
	readers_keys(s->readers, key_none, NULL);
	submit(s, o, 0, PLAIN "Prove-Act: ask:vippsmobilepay.com\n");
	for (int i = 0; i < 1000 && s->readers->keyless == NULL; i++) {
		reader_work(s->readers);
		poll(NULL, 0, 10);	/* until the prover asks */
	}
	reader_work(s->readers);
	assert_int_equal(keys_asked, 0);
	reader_wait(s->readers, &o->asked[0]);
	assert_int_equal(keys_asked, 1);
	assert_string_equal(o->asked[0].why.msg, "the prover answered garbage twice");
}

#define SLOW_MS	100	/* more than two calls are apart */

static enum key_status
key_slow(const char *const *servers, const char *name, struct arena *a, struct span *record)
{
	const int64_t until_ms = clock_mono_ms() + SLOW_MS;

	while (clock_mono_ms() < until_ms)
		poll(NULL, 0, SLOW_MS);
	return key_none(servers, name, a, record);
}

static void
test_what_the_dns_takes_is_none_of_a_child_s_time(void **state)
{
	static const char	*domains[] = {"vippsmobilepay.com", NULL};
	struct state		*s = *state;
	struct at_once		*o = arena_alloc(&s->arena, sizeof *o);
	const struct slot	*other = &s->readers->slots[CHILD_TRUSTED][0];
	int64_t			 deadline_ms;

	s->setup.domains = domains;
	readers_keys(s->readers, key_slow, NULL);
	submit(s, o, 0, PLAIN "Prove-Act: ask:vippsmobilepay.com\n");
	for (int i = 0; i < 1000 && s->readers->keyless == NULL; i++) {
		reader_work(s->readers);
		poll(NULL, 0, 10);	/* until the prover asks */
	}
	queue_work(s->readers, false);
	deadline_ms = other->deadline_ms;
	queue_work(s->readers, true);
	assert_true(other->deadline_ms - deadline_ms >= SLOW_MS);
}

static void
test_what_was_forgotten_holds_nobody(void **state)
{
	struct state	*s = *state;
	struct at_once	*o = arena_alloc(&s->arena, sizeof *o);
	int		 served;

	for (int i = 0; i < AT_ONCE; i++)
		submit(s, o, i, PLAIN "Act: hang\n");
	while (s->readers->slots[CHILD_UNTRUSTED][0].n == 0)
		reader_work(s->readers);
	reader_forget(s->readers);
	assert_int_equal(s->readers->slots[CHILD_UNTRUSTED][0].child.pid, 0);
	served_by(s, PLAIN, false, &served);
	assert_int_equal(served, 1);
}

static void
test_no_descriptors_is_no_fault_of_the_mail(void **state)
{
	struct state	*s = *state;
	struct rlimit	 old, none;
	struct reading	 r;
	struct err	 e;
	int		 rc;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	rc = read_mail(s, PLAIN, false, &r, &e);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(rc, -1);
	assert_int_equal(e.kind, ERR_RETRY);
	assert_int_equal(e.what, ERR_NOMEM);
}

static void
test_screening_answers_each_header(void **state)
{
	enum { N = 2 * READING_MAX_SCREEN + 7 };
	struct state	*s = *state;
	struct span	 headers[N], yes = SPAN_LIT("From: a@vipps.example\n");
	size_t		 large = READING_MAX_HEADERS + 1;
	bool		 candidate[N];
	struct err	 e;

	for (size_t i = 0; i < N; i++)
		headers[i] = i % 3 == 0 ? yes : SPAN_LIT("From: b@c.example\n");
	headers[1] = (struct span){arena_alloc(&s->arena, large), large};
	assert_int_equal(reader_screen(s->readers, headers, N, candidate, &e), 0);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(candidate[i], i % 3 == 0 || i == 1);
	assert_int_equal(s->readers->slots[CHILD_UNTRUSTED][0].child.served, 3);
}

static void
test_what_cannot_be_screened_is_a_candidate(void **state)
{
	struct state	*s = *state;
	struct span	 headers[] = {
		SPAN_LIT("From: b@c.example\n"), SPAN_LIT("From: x\nAct: segv\n"),
	};
	bool		 candidate[2] = {false, false};
	struct err	 e;

	assert_int_equal(reader_screen(s->readers, headers, 2, candidate, &e), 0);
	assert_true(candidate[0] && candidate[1]);
	headers[1] = SPAN_LIT("From: x\nAct: no-memory\n");
	assert_int_equal(reader_screen(s->readers, headers, 2, candidate, &e), -1);
	assert_int_equal(e.what, ERR_NOMEM);
}

static void
test_a_child_that_cannot_start_is_told(void **state)
{
	static const char *refuse[] = {"refuse.test", NULL}, *crash[] = {"crash.test", NULL};
	struct state	*s = *state;
	struct arena	 a = {0};
	const char	*said;
	struct readers	*none;
	struct err	 e;

	s->setup.domains = refuse;
	assert_int_equal(reader_try(s->readers, &e), -1);
	assert_int_equal(e.kind, ERR_FATAL);
	assert_int_equal(e.what, ERR_CONFIG);
	assert_string_equal(e.msg, "rules/x.yaml: 2 errors");
	assert_int_equal(reader_check(s->readers, &a, &said, &e), -1);
	assert_string_equal(said, "rules/x.yaml: 2 errors");
	arena_free(&a);
	s->setup.domains = crash;
	assert_int_equal(reader_try(s->readers, &e), -1);
	assert_int_equal(e.kind, ERR_FATAL);
	assert_non_null(strstr(e.msg, "was killed by SIGSEGV at its start"));
	s->setup.domains = no_list;
	assert_int_equal(reader_try(s->readers, &e), 0);
	assert_int_equal(readers_open(&s->setup, "/nonexistent/approvals-reader", &none, &e), -1);
	assert_int_equal(e.what, ERR_CONFIG);
	assert_null(none);
}

static void
test_children_started_beforehand_are_those_that_serve(void **state)
{
	struct state	*s = *state;
	int		 served, pid;

	reader_warm(s->readers);
	pid = s->readers->slots[CHILD_UNTRUSTED][0].child.pid;
	assert_int_not_equal(s->readers->slots[CHILD_PROVER][0].child.pid, 0);
	assert_int_not_equal(pid, 0);
	assert_int_equal(served_by(s, PLAIN, false, &served), pid);
	reader_warm(s->readers);
	assert_int_equal(served_by(s, PLAIN, false, &served), pid);
	assert_int_equal(served, 2);
}

/* However long nobody looked before: here since the machine was started. */
static void
test_a_child_started_beforehand_has_no_longer_to_start(void **state)
{
	struct state	*s = *state;
	struct slot	*prover = &s->readers->slots[CHILD_PROVER][0];

	reader_warm(s->readers);
	queue_work(s->readers, false);
	/* it is looked at in this call, and not asked anything that could move its time */
	assert_in_range(prover->deadline_ms, 1, clock_mono_ms() + QUEUE_START_MS);
}

static void
test_closing_leaves_no_child(void **state)
{
	struct state	*s = *state;
	int		 served, pid = served_by(s, PLAIN, false, &served);

	readers_close(s->readers);
	s->readers = NULL;
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, state_open, state_close)

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_a_loss_is_judged),
		TEST(test_an_abort_where_memory_is_short_is_no_fault_of_the_mail),
		TEST(test_our_clock_ends_a_child),
		TEST(test_a_child_that_does_not_read_cannot_hold_us),
		TEST(test_a_child_that_closes_and_lives_is_ended),
		TEST(test_one_loss_costs_one_more_try_and_nothing_else),
		TEST(test_a_child_serves_so_many_mails),
		TEST(test_trusted_mail_has_a_child_of_its_own),
		TEST(test_a_child_gets_its_pipe_and_nothing),
		TEST(test_a_rejected_mail_is_not_tried_again),
		TEST(test_an_answer_that_was_not_asked_for_is_not_taken),
		TEST(test_only_the_prover_proves),
		TEST(test_a_prover_asks_for_few_keys_and_of_configured_domains_only),
		TEST(test_mails_read_at_once_get_their_own_answers_from_children_of_their_own),
		TEST(test_a_mail_that_ends_its_child_takes_no_other_with_it),
		TEST(test_a_child_that_goes_with_all_that_it_was_asked_takes_nothing_along),
		TEST(test_a_child_that_never_answers_its_start_costs_no_mail),
		TEST(test_the_dns_is_only_asked_by_who_waits),
		TEST(test_what_the_dns_takes_is_none_of_a_child_s_time),
		TEST(test_what_was_forgotten_holds_nobody),
		TEST(test_no_descriptors_is_no_fault_of_the_mail),
		TEST(test_screening_answers_each_header),
		TEST(test_what_cannot_be_screened_is_a_candidate),
		TEST(test_a_child_that_cannot_start_is_told),
		TEST(test_children_started_beforehand_are_those_that_serve),
		TEST(test_a_child_started_beforehand_has_no_longer_to_start),
		TEST(test_closing_leaves_no_child),
	};

	(void)argc;
	BAD_READER_MAIN(argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
