/*
 * bad_reader - a child for tests that plays approvals-reader, well or badly
 *
 * A test's own program is its child: readers are opened with the path BAD_READER, and main() begins
 * with BAD_READER_MAIN(). What a child does is said by the mail it is given, since it has no
 * environment and no arguments: a line "Act: WORD", not the first, is for a reader that reads or
 * screens it, "Prove-Act: WORD" for a prover; "once:PATH:WORD" acts only if PATH does not exist
 * yet, and makes it.
 */
#ifndef TESTS_UNIT_BAD_READER_H
#define TESTS_UNIT_BAD_READER_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "read/reading.h"
#include "rules/rule.h"

#define BAD_GREED (288UL * 1024 * 1024)	/* above what ingest/reader takes for greed */
#define BAD_READER "/proc/self/exe"
#define BAD_READER_MAIN(argv) \
	do { \
		if (strcmp((argv)[0], "approvals-reader") == 0) \
			return bad_reader(); \
	} while (0)

/* A field of the mail's header, in `out`; false if it is not there. */
static inline bool
bad_field(struct span raw, const char *name, char *out, size_t size)
{
	ptrdiff_t	at = span_find(raw, span_of(name), 0);
	struct span	rest, value;

	if (at < 0)
		return false;
	rest = span_from(raw, (size_t)at + strlen(name));
	value = rest;
	span_cut(&rest, '\n', &value);
	snprintf(out, size, "%.*s", (int)value.n, value.p);
	return true;
}

static inline void
bad_signal(int sig)
{
	signal(sig, SIG_DFL);	/* a sanitizer has handlers of its own */
	raise(sig);
}

static inline void
bad_drip(void)
{
	const char head[5] = {FRAME_READING, 0, 0, 100, 0};

	for (size_t i = 0; i < 10000; i++) {
		if (write(STDOUT_FILENO, i < sizeof head ? &head[i] : "x", 1) != 1)
			_exit(0);
		poll(NULL, 0, 20);
	}
}

/* False: it has answered, and there is nothing to add. */
static inline bool
bad_act(const char *act)
{
	static volatile unsigned	 spins;
	struct err			 e;

	if (strncmp(act, "once:", 5) == 0) {
		char	path[256];
		int	fd;

		snprintf(path, sizeof path, "%.*s", (int)strcspn(act + 5, ":"), act + 5);
		fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
		if (fd < 0)
			return true;
		close(fd);
		act += 5 + strlen(path) + 1;
	}
	if (strcmp(act, "segv") == 0)
		bad_signal(SIGSEGV);
	else if (strcmp(act, "sys") == 0)
		bad_signal(SIGSYS);
	else if (strcmp(act, "abrt") == 0)
		bad_signal(SIGABRT);
	else if (strcmp(act, "trap") == 0)
		bad_signal(SIGTRAP);
	else if (strcmp(act, "kill") == 0)
		bad_signal(SIGKILL);
	else if (strcmp(act, "term") == 0)
		bad_signal(SIGTERM);
	else if (strcmp(act, "exit") == 0)
		_exit(3);
	else if (strcmp(act, "no-memory") == 0)
		_exit(ARENA_EXIT_NO_MEMORY);
	else if (strcmp(act, "greedy") == 0) {	/* and then it ends as a library does */
		if (mmap(NULL, BAD_GREED, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) != MAP_FAILED)
			bad_signal(SIGABRT);
	} else if (strcmp(act, "hang") == 0)
		pause();
	else if (strcmp(act, "spin") == 0)
		for (;;)
			spins++;
	else if (strcmp(act, "drip") == 0)
		bad_drip();
	else if (strcmp(act, "noise") == 0)
		frame_send(STDOUT_FILENO, FRAME_READING, SPAN_LIT("no reading at all"), &e);
	else if (strncmp(act, "ask:", 4) == 0) {	/* for a key, for ever */
		struct arena a = {0};

		for (;;) {
			enum frame_type	type;
			struct span	payload;

			frame_send(STDOUT_FILENO, FRAME_KEY, key_question_encode("s1", act + 4, &a), &e);
			if (frame_recv(STDIN_FILENO, 0, READING_MAX_FRAME, &a, &type, &payload, &e) != 0)
				_exit(0);
		}
	} else if (strcmp(act, "empty") == 0)
		frame_send(STDOUT_FILENO, FRAME_READY, SPAN_LIT(""), &e);
	else if (strcmp(act, "huge") == 0)
		(void)!write(STDOUT_FILENO, "\7\377\377\377\377", 5);
	else if (strcmp(act, "close") == 0) {
		close(STDIN_FILENO);
		close(STDOUT_FILENO);
		pause();
	} else if (strcmp(act, "rejected") == 0) {
		frame_send(STDOUT_FILENO, FRAME_REJECTED, SPAN_LIT("too deep\x1b[2J\xff"), &e);
		return false;
	} else if (strcmp(act, "too-much") == 0)	/* and then the true answer, unasked */
		frame_send(STDOUT_FILENO, FRAME_REJECTED, SPAN_LIT("too much"), &e);
	return true;
}

/* What the child is: process, mails served, descriptors, environment; as a Message-ID. */
static inline struct span
bad_self(int served, struct arena *a)
{
	extern char	**environ;
	int		  fds = 0, vars = 0;

	for (int fd = 0; fd < 256; fd++)
		fds += fcntl(fd, F_GETFD) >= 0;
	while (environ != NULL && environ[vars] != NULL)
		vars++;
	return span_of(arena_printf(a, "%d %d %d %s", (int)getpid(), served, fds,
	    vars == 1 ? environ[0] : "?"));
}

/* "Kind: approval" with "Claims: N" as said; the rest of a reading is constant. */
static inline struct span
bad_reading(struct span raw, int served, struct arena *a)
{
	struct reading	r = {.message_id = bad_self(served, a)};
	char		text[64];

	r.found.rule = "bad";
	if (bad_field(raw, "Kind: ", text, sizeof text))
		r.found.kind = rule_kind_of(span_of(text));
	if (bad_field(raw, "Claims: ", text, sizeof text))
		r.found.count = (int)strtol(text, NULL, 10);
	if (bad_field(raw, "Date-Ms: ", text, sizeof text))
		r.date_ms = strtoll(text, NULL, 10);
	if (bad_field(raw, "\nDoubt: ", text, sizeof text))
		reasons_add(&r.found.reasons, arena_text(a, text), true, -1);
	if (bad_field(raw, "Message-ID: ", text, sizeof text))
		r.message_id = span_of(arena_text(a, text));
	r.found.claims = arena_array(a, (size_t)r.found.count, sizeof *r.found.claims);
	for (int i = 0; i < r.found.count; i++) {
		struct found_claim *c = &r.found.claims[i];

		c->scheme = IDENTIFIER_NO_ORG;
		c->value[FIELD_ORG_NUMBER] = SPAN_LIT("987654325");
		c->value[FIELD_MERCHANT_NAME] = SPAN_LIT("Testbutikken AS");
		if (bad_field(raw, "Unit: ", text, sizeof text))
			c->value[FIELD_SALES_UNIT_NAME] = span_of(arena_text(a, text));
		c->value[FIELD_MSN] = span_of(arena_printf(a, "%d", 123456 + i));
		c->evidence[FIELD_MSN] = (struct evidence){0, 4, 1, c->value[FIELD_MSN]};
		if (i == 0 && bad_field(raw, "Claim-Doubt: ", text, sizeof text))
			reasons_add(&c->reasons, arena_text(a, text), true, FIELD_MSN);
	}
	return reading_encode(&r, a);
}

static inline struct span
bad_proof(struct span raw, struct arena *a)
{
	struct proof p = {.kind = PROOF_NONE, .detail = SPAN_LIT("mx.example.com: nothing passed")};

	if (span_find(raw, SPAN_LIT("Proven: yes"), 0) >= 0) {
		p.kind = PROOF_AUTHENTICATION_RESULTS;
		p.detail = SPAN_LIT("mx.example.com: dmarc=pass");
	}
	snprintf(p.from_domain, sizeof p.from_domain, "vippsmobilepay.com");
	if (bad_field(raw, "Stranger: ", p.from_domain, sizeof p.from_domain)) {
		p.authenticated = p.kind == PROOF_NONE;
		reasons_add(&p.reasons, "sender-not-configured", true, -1);
	} else if (p.kind == PROOF_NONE)
		reasons_add(&p.reasons, "authentication-missing", true, -1);
	return proof_encode(&p, a);
}

static inline struct span
bad_screen(struct span question, struct arena *a)
{
	struct span	*headers;
	size_t		 n;
	struct err	 e;
	char		*answer, act[300];

	if (screen_decode(question, a, &headers, &n, &e) != 0)
		_exit(9);
	answer = arena_alloc(a, n + 1);
	for (size_t i = 0; i < n; i++) {
		if (bad_field(headers[i], "\nAct: ", act, sizeof act))
			bad_act(act);
		answer[i] = span_find(headers[i], SPAN_LIT("vipps"), 0) >= 0;
	}
	return (struct span){answer, n};
}

/* The settings decide how it starts: the first domain. */
static inline void
bad_start(struct arena *a)
{
	struct reading_setup	s;
	struct span		text;
	enum frame_type		type;
	struct err		e;

	if (frame_recv(STDIN_FILENO, 0, READING_MAX_FRAME, a, &type, &text, &e) != 0)
		_exit(0);
	if (type != FRAME_SETUP || setup_decode(text, a, &s, &e) != 0)
		_exit(9);
	if (s.domains[0] == NULL || strcmp(s.domains[0], "refuse.test") != 0) {
		if (s.domains[0] != NULL && strcmp(s.domains[0], "crash.test") == 0)
			bad_signal(SIGSEGV);
		if (s.domains[0] != NULL && strcmp(s.domains[0], "mute.test") == 0)
			pause();
		frame_send(STDOUT_FILENO, FRAME_READY, SPAN_LIT(""), &e);
		if (s.domains[0] != NULL && strcmp(s.domains[0], "deaf.test") == 0)
			pause();
		return;
	}
	frame_send(STDOUT_FILENO, FRAME_REFUSED, SPAN_LIT("rules/x.yaml: 2 errors"), &e);
	_exit(0);
}

static inline int
bad_reader(void)
{
	struct arena	a = {0};
	struct span	raw;
	enum frame_type	type;
	struct err	e;
	char		act[300];

	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	bad_start(&a);
	for (int served = 1;; served++) {
		arena_free(&a);
		if (frame_recv(STDIN_FILENO, 0, READING_MAX_FRAME, &a, &type, &raw, &e) != 0)
			break;
		if (type != FRAME_SCREEN &&
		    bad_field(raw, type == FRAME_PROVE ? "Prove-Act: " : "\nAct: ", act,
		    sizeof act) &&
		    !bad_act(act))
			continue;
		if (type == FRAME_SCREEN)
			frame_send(STDOUT_FILENO, FRAME_SCREENED, bad_screen(raw, &a), &e);
		else if (type == FRAME_PROVE)
			frame_send(STDOUT_FILENO, FRAME_PROVED, bad_proof(raw, &a), &e);
		else
			frame_send(STDOUT_FILENO, FRAME_READING, bad_reading(raw, served, &a), &e);
	}
	arena_free(&a);
	return 0;
}

#endif
