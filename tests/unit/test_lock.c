/*
 * lock: the locked child reads what it must, and is refused what it must not do
 *
 * Drives build/approvals-reader, which lies one folder above this test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "read/lock.h"
#include "read/reading.h"

#define ANSWER_MS 20000		/* on a loaded machine under a sanitizer; a mail takes under 1 ms */

static char program[PATH_MAX + 32];

struct child { pid_t pid; int fd; };

static int
find_program(void **state)
{
	char	self[PATH_MAX] = {0};
	char	*slash;

	(void)state;
	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		return -1;
	for (int up = 0; up < 2; up++)
		if ((slash = strrchr(self, '/')) != NULL)
			*slash = '\0';
	snprintf(program, sizeof program, "%s/approvals-reader", self);
	return 0;
}

static struct child
start(char *const argv[], int out)
{
	struct child			c = {.fd = -1};
	posix_spawn_file_actions_t	fa;
	char *const			envp[] = {NULL};
	int				fd[2];

	if (access(program, X_OK) != 0)
		fail_msg("%s is not built: make all", program);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, fd[1], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&fa, out >= 0 ? out : fd[1], STDOUT_FILENO);
	assert_int_equal(posix_spawn(&c.pid, program, &fa, NULL, argv, envp), 0);
	posix_spawn_file_actions_destroy(&fa);
	close(fd[1]);
	c.fd = fd[0];
	return c;
}

static int
end(struct child *c)
{
	int status;

	close(c->fd);
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	return status;
}

static enum frame_type
ask(struct child *c, enum frame_type type, struct span payload, struct arena *a, struct span *answer)
{
	enum frame_type	got = FRAME_REFUSED;
	struct err	e;

	if (frame_send(c->fd, type, payload, &e) < 0 ||
	    frame_recv(c->fd, clock_mono_ms() + ANSWER_MS, READING_MAX_ANSWER, a, &got, answer, &e) < 0)
		fail_msg("no answer: %s", e.msg);
	return got;
}

static struct child
serve(enum reading_role role, const char *rule_file)
{
	const char		*domains[] = {"example.com", NULL}, *ids[] = {"mx.example.com", NULL};
	const char		*none[] = {NULL}, *rules[] = {rule_file, NULL};
	struct reading_setup	s = {.role = role, .rules = rules, .domains = domains, .from = none, .forwarders = none,
				    .authserv_ids = ids, .accept_authentication_results = true, .accept_dkim = true};
	char *const		argv[] = {program, NULL};
	struct child		c = start(argv, -1);
	struct arena		a = {0};
	struct span		text;
	enum frame_type		got = ask(&c, FRAME_SETUP, setup_encode(&s, &a), &a, &text);

	if (got != FRAME_READY)
		fail_msg("refused: %.*s", (int)text.n, text.p);
	arena_free(&a);
	return c;
}

static void
the_locked_child_is_refused_what_it_must_not_do(void **state)
{
	static const struct { const char *what; bool killed; } t[] = {
		{ "file", false }, { "socket", true }, { "exec", true }, { "memory", false },
	};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	if (lock_is_partial())
		skip();		/* no seccomp and no RLIMIT_AS under AddressSanitizer */
	for (size_t i = 0; i < COUNT(t); i++) {
		char *const	argv[] = {program, (char[]){"--try"}, (char *)(uintptr_t)t[i].what, NULL};
		struct child	c = start(argv, null);
		int		status = end(&c);

		if (t[i].killed ? !WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS :
		    !WIFEXITED(status) || WEXITSTATUS(status) != 1)
			fail_msg("%s: status %x", t[i].what, (unsigned)status);
	}
	close(null);
}

static void
a_prover_answers_for_proof_and_nothing_else(void **state)
{
	static const char	mail[] = "Authentication-Results: mx.example.com; dmarc=pass header.from=example.com\r\n"
				"Received: from x by mx.example.com; Sun, 22 Nov 2026 10:30:00 +0100\r\nFrom: a@example.com\r\n\r\n";
	struct arena		a = {0};
	struct child		c = serve(ROLE_PROVER, NULL);
	struct proof		p;
	struct span		text;
	enum frame_type		type;
	struct err		e;
	int			status;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(&c, FRAME_PROVE, question_encode(1, NULL, 0, SPAN_LIT(mail), &a), &a, &text), FRAME_PROVED);
		assert_int_equal(proof_decode(text, &a, &p, &e), 0);
		assert_int_equal(p.kind, PROOF_AUTHENTICATION_RESULTS);
	}
	assert_int_equal(frame_send(c.fd, FRAME_READ, SPAN_LIT(mail), &e), 0);
	assert_int_equal(frame_recv(c.fd, clock_mono_ms() + ANSWER_MS, 100, &a, &type, &text, &e), -1);
	status = end(&c);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
	arena_free(&a);
}

static void
a_prover_says_which_key_it_lacks_and_proves_with_it(void **state)
{
	static const char	mail[] = "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=s1;\r\n"
				"\tt=1760212639; h=from:date; bh=txwnMVM1+vktYNhN3Ov6cqGrCX8eAQC2zgRRg5BGa0M=;\r\n"
				"\tb=MHi67hTeNUMoUhICquHPPf3dGG0ZTvTGDLMkQdsBjSo=\r\n"
				"Date: Sat, 11 Oct 2025 19:57:19 +0000\r\nFrom: a@example.com\r\n\r\nHello\r\n";
	const int64_t		at_ms = INT64_C(1760212640000);
	const struct key	keys[] = {
		{ "s2._domainkey.example.com", KEY_FOUND, SPAN_LIT("v=DKIM1; p=") },
		{ "s1._domainkey.example.com", KEY_NONE, SPAN_LIT("") },
	};
	struct arena		a = {0};
	struct child		c = serve(ROLE_PROVER, NULL);
	const char		*selector, *domain;
	struct proof		p;
	struct span		text;
	struct err		e;

	(void)state;
	assert_int_equal(ask(&c, FRAME_PROVE, question_encode(at_ms, keys, 1, SPAN_LIT(mail), &a), &a, &text), FRAME_KEY);
	assert_int_equal(key_question_decode(text, &a, &selector, &domain, &e), 0);
	assert_string_equal(selector, "s1");
	assert_string_equal(domain, "example.com");
	assert_int_equal(ask(&c, FRAME_PROVE, question_encode(at_ms, keys, 2, SPAN_LIT(mail), &a), &a, &text), FRAME_PROVED);
	assert_int_equal(proof_decode(text, &a, &p, &e), 0);
	assert_int_equal(p.signature.verdict, SIGNATURE_NO_KEY);
	end(&c);
	arena_free(&a);
}

static const struct { const char *charset, *body, *reason; } bodies[] = {
	{ "utf-8", "a", "" }, { "iso-8859-1", "=E5", "" }, { "iso-8859-15", "=A4", "" }, { "windows-1252", "=80", "" },
	{ "koi8-r", "=C1", "" }, { "gb2312", "=C4=E3", "" }, { "shift_jis", "=82=A0", "" }, { "iso-2022-jp", "=1B$B$\"=1B(B", "" },
	{ "euc-kr", "=B0=A1", "" }, { "big5", "=A4=40", "" }, { "utf-16", "=00a", "" }, { "ibm850", "=86", "" },
	{ "x-odd", "=FF", "unknown-charset" }, { "ebcdic-cp-us", "=C1", "unknown-charset" }, { "utf-7", "a", "unknown-charset" },
};

/* Charsets of the list go on working behind the lock; others are a doubt, not the child's end. */
static void
a_reader_decodes_behind_the_lock(void **state)
{
	struct arena	a = {0};
	struct child	c = serve(ROLE_READER, NULL);
	struct reading	r;
	struct span	text;
	struct err	e;
	int		status;

	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		const char *cs = bodies[i].charset;
		const char *mail = arena_printf(&a, "From: =?%s?q?%s?= <a@example.com>\nSubject: =?%s?q?%s?=\n"
		    "Content-Type: multipart/mixed; boundary=b; x*=%s''%%ff\n\n--b\nContent-Type: text/plain; charset=%s\n"
		    "Content-Transfer-Encoding: quoted-printable\n\n%s\n--b--\n", cs, bodies[i].body, cs, bodies[i].body, cs,
		    cs, bodies[i].body);

		assert_int_equal(ask(&c, FRAME_READ, span_of(mail), &a, &text), FRAME_READING);
		assert_int_equal(reading_decode(text, &a, &r, &e), 0);
		for (int k = 0; k < r.found.reasons.count && bodies[i].reason[0] == '\0'; k++)
			fail_msg("%s: %s", cs, r.found.reasons.list[k].code);
		if (bodies[i].reason[0] != '\0')
			assert_true(reasons_doubt(&r.found.reasons));
	}
	status = end(&c);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	arena_free(&a);
}

static void
a_mail_past_a_bound_is_rejected_and_the_next_is_read(void **state)
{
	struct arena		a = {0};
	struct arena_buf	b = {.arena = &a};
	struct child		c = serve(ROLE_READER, NULL);
	struct span		text, header = SPAN_LIT("From: a@example.com\n");

	(void)state;
	for (int i = 0; i < 2000; i++)
		arena_puts(&b, "X: y\n");
	assert_int_equal(ask(&c, FRAME_READ, (struct span){b.p, b.n}, &a, &text), FRAME_REJECTED);
	assert_true(text.n > 0);
	assert_int_equal(ask(&c, FRAME_READ, SPAN_LIT("Subject: x\n\ny\n"), &a, &text), FRAME_READING);
	assert_int_equal(ask(&c, FRAME_SCREEN, screen_encode(&header, 1, &a), &a, &text), FRAME_SCREENED);
	assert_true(span_eq(text, SPAN_LIT("\1")));
	assert_true(WIFEXITED(end(&c)));
	arena_free(&a);
}

static void
rules_that_are_not_there_are_refused_with_their_errors(void **state)
{
	const char		*none[] = {NULL}, *rules[] = {"no/such/rules.yaml", NULL};
	struct reading_setup	s = {.role = ROLE_READER, .rules = rules, .domains = none, .from = none, .forwarders = none,
				    .authserv_ids = none, .accept_authentication_results = true};
	char *const		argv[] = {program, NULL};
	struct child		c = start(argv, -1);
	struct arena		a = {0};
	struct span		text;

	(void)state;
	assert_int_equal(ask(&c, FRAME_SETUP, setup_encode(&s, &a), &a, &text), FRAME_REFUSED);
	assert_true(span_find(text, SPAN_LIT("no/such/rules.yaml"), 0) >= 0);
	end(&c);
	arena_free(&a);
}

/* ---- mail that nobody here wrote, if it is there: see ../shared/corpora */

static struct child	corpus_child;
static int		corpus_mails;

static int
corpus_file(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	struct arena	a = {0};
	struct reading	r;
	struct span	text;
	struct err	e;
	char		*bytes;
	enum frame_type	got;
	int		fd;

	(void)ftw;
	if (kind != FTW_F || (strstr(path, ".eml") == NULL && strstr(path, ".msg") == NULL))
		return 0;
	bytes = arena_alloc(&a, (size_t)st->st_size);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (read(fd, bytes, (size_t)st->st_size) != st->st_size)
		fail_msg("%s: cannot be read", path);
	close(fd);
	got = ask(&corpus_child, FRAME_READ, (struct span){bytes, (size_t)st->st_size}, &a, &text);
	if (got != FRAME_READING && got != FRAME_REJECTED)
		fail_msg("%s: frame %d", path, got);
	if (got == FRAME_READING && reading_decode(text, &a, &r, &e) < 0)
		fail_msg("%s: %s", path, e.msg);
	corpus_mails++;
	arena_free(&a);
	return 0;
}

static void
every_mail_of_the_corpora_is_read_or_rejected_by_one_child(void **state)
{
	const char *corpora = getenv("CORPORA");

	(void)state;
	if (corpora == NULL)
		corpora = "../shared/corpora";
	if (access(corpora, R_OK) != 0) {
		print_message("skipped: no corpora\n");
		skip();
	}
	corpus_child = serve(ROLE_READER, "rules/vipps-mobilepay.yaml");
	nftw(corpora, corpus_file, 16, FTW_PHYS);
	assert_true(corpus_mails > 0);
	assert_true(WIFEXITED(end(&corpus_child)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_locked_child_is_refused_what_it_must_not_do),
		cmocka_unit_test(a_prover_answers_for_proof_and_nothing_else),
		cmocka_unit_test(a_prover_says_which_key_it_lacks_and_proves_with_it),
		cmocka_unit_test(a_reader_decodes_behind_the_lock),
		cmocka_unit_test(a_mail_past_a_bound_is_rejected_and_the_next_is_read),
		cmocka_unit_test(rules_that_are_not_there_are_refused_with_their_errors),
		cmocka_unit_test(every_mail_of_the_corpora_is_read_or_rejected_by_one_child),
	};

	return cmocka_run_group_tests(tests, find_program, NULL);
}
