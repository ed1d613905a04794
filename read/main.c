/*
 * main - approvals-reader: the child that touches untrusted bytes
 *
 * Started by approvals with a socket as its standard input and output. First frame: settings. Then it
 * opens what its role needs, locks itself in (read/lock) and answers questions until the stream ends.
 * A prover opens and calls nothing of MIME, charsets, HTML or PCRE2; DKIM keys come from the parent.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "read/lock.h"
#include "read/message.h"
#include "read/prove.h"
#include "read/reading.h"
#include "read/screen.h"
#include "rules/extract.h"
#include "rules/rule.h"

enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,	/* the stream broke, or --try was refused */
	EXIT_USAGE = 2,
};

/* A mail's memory is kept for the next one: asking the kernel again each time costs more than most mails. */
#define KEPT_BYTES (32 * 1024 * 1024)

#define TRY_BYTES (1024UL * 1024 * 1024)	/* what `--try memory` asks for: more than LOCK_MAX_MEMORY */

struct child {
	struct arena		 arena;		/* as long as the process */
	struct reading_setup	 setup;
	struct rules		*rules;		/* readers only */
	struct message_door	*door;		/* readers only */
	struct dkim_door	*dkim;		/* provers only */
};

/* ---- answers; each fails only with ERR_REJECT, a bound that the mail passed */

static int
answer_screen(struct child *c, struct span payload, struct arena *a, enum frame_type *type, struct span *out,
    struct err *e)
{
	struct span	*headers;
	size_t		 n;
	char		*yes;

	(void)type;
	if (screen_decode(payload, a, &headers, &n, e) < 0)
		return -1;
	yes = arena_alloc(a, n);
	for (size_t i = 0; i < n; i++)
		yes[i] = screen_candidate(&c->setup, c->rules, c->door, headers[i]) ? 1 : 0;
	*out = (struct span){yes, n};
	return 0;
}

/* The keys that came with a mail, and the first that it lacks. */
struct keys_here {
	const struct key	*list;
	size_t			 n;
	struct span		 lacks;		/* as FRAME_KEY; p NULL: none */
};

/* Only the parent can ask the DNS: it is told, and what else is found out about this mail counts for nothing. */
static enum key_status
key_find(void *arg, const char *selector, const char *domain, struct arena *a, struct span *record)
{
	struct keys_here	*k = arg;
	const char		*name = arena_printf(a, "%s" READING_KEY_PLACE "%s", selector, domain);

	for (size_t i = 0; i < k->n; i++) {
		if (strcmp(k->list[i].name, name) != 0)
			continue;
		*record = k->list[i].record;
		return k->list[i].status;
	}
	if (k->lacks.p == NULL)
		k->lacks = key_question_encode(selector, domain, a);
	return KEY_FAILED;
}

static int
answer_prove(struct child *c, struct span payload, struct arena *a, enum frame_type *type, struct span *out,
    struct err *e)
{
	struct keys_here	 keys = {0};
	const struct prover	 prover = {.setup = &c->setup, .dkim = c->dkim, .key = key_find, .key_arg = &keys};
	struct proof		 proof;
	struct span		 mail;
	struct key		*list;
	int64_t			 at_ms;

	if (question_decode(payload, a, &at_ms, &list, &keys.n, &mail, e) < 0)
		return -1;
	keys.list = list;
	if (prove(&prover, at_ms, mail, a, &proof, e) < 0)
		return -1;
	if (keys.lacks.p != NULL)
		*type = FRAME_KEY;
	*out = keys.lacks.p != NULL ? keys.lacks : proof_encode(&proof, a);
	return 0;
}

static void
reasons_join(struct reasons *to, const struct reasons *from)
{
	for (int i = 0; i < from->count; i++)
		reasons_add(to, from->list[i].code, from->list[i].doubt, from->list[i].field);
}

/* The only address in a decoded From ("Name <a@b>", "a@b"); p NULL: none, several, or beyond ASCII. */
static struct span
address_only(struct span from)
{
	size_t		begin = 0, end = from.n;
	struct span	address;

	for (size_t i = 0; i < from.n; i++) {
		if (from.p[i] == '<')
			begin = i + 1;
		if (from.p[i] == '>')
			end = i;
	}
	address = span_trim(span_take(span_from(from, begin), end > begin ? end - begin : 0));
	for (size_t i = 0, at = 0; i < from.n; i++)
		if ((at += from.p[i] == '@') > 1)
			return (struct span){0};
	for (size_t i = 0; i < address.n; i++)
		if (address.p[i] <= 0x20 || address.p[i] >= 0x7f)	/* a negative char is not ASCII */
			return (struct span){0};
	if (memchr(address.p, '@', address.n) == NULL || address.n > READING_MAX_ADDRESS)
		return (struct span){0};
	return address;
}

/*
 * Who wrote what was passed on: inline, or attached (then all that is must be theirs). Passed on twice it is
 * the word of somebody between, who may be anybody: only the first step is that of the mail's own sender.
 */
static struct span
forward_from(const struct document *d, const struct extraction *x)
{
	struct span first = {0}, one;

	if (!x->attached)
		return d->forward && d->unwrapped <= 1 ? address_only(d->from) : first;
	if (d->unwrapped > 0)
		return first;
	for (size_t i = 0; i < d->attached_count; i++) {
		const struct document *inner = &d->attached[i];

		one = inner->attached_count > 0 || inner->unwrapped > 0 ? (struct span){0} : address_only(inner->from);
		if (one.p == NULL || (i > 0 && !span_eq_nocase(one, first)))
			return (struct span){0};
		first = one;
	}
	return first;
}

static int
answer_read(struct child *c, struct span mail, struct arena *a, enum frame_type *type, struct span *out, struct err *e)
{
	struct message	message;
	struct reading	r = {0};

	(void)type;
	if (message_read(c->door, mail, a, &message, e) < 0 ||
	    extract(c->rules, &message.document, a, &r.found, e) < 0)
		return -1;
	reasons_join(&r.found.reasons, &message.reasons);
	r.message_id = message.message_id;
	r.forward_from = forward_from(&message.document, &r.found);
	r.date_ms = message.date_ms;
	snprintf(r.rules_hash, sizeof r.rules_hash, "%s", rules_hash(c->rules));
	*out = reading_encode(&r, a);
	return 0;
}

/* ---- serving */

static int
answer(struct child *c, enum frame_type question, struct span payload, struct arena *a, struct err *e)
{
	static const struct {
		enum reading_role	role;
		enum frame_type		question, answer;	/* the usual one */
		int (*make)(struct child *, struct span, struct arena *, enum frame_type *, struct span *, struct err *);
	} known[] = {
		{ ROLE_PROVER, FRAME_PROVE, FRAME_PROVED, answer_prove },
		{ ROLE_READER, FRAME_SCREEN, FRAME_SCREENED, answer_screen },
		{ ROLE_READER, FRAME_READ, FRAME_READING, answer_read },
	};
	struct span out;

	for (size_t i = 0; i < COUNT(known); i++) {
		enum frame_type type = known[i].answer;

		if (known[i].question != question || known[i].role != c->setup.role)
			continue;
		if (known[i].make(c, payload, a, &type, &out, e) == 0)
			return frame_send(STDOUT_FILENO, type, out, e);
		return frame_send(STDOUT_FILENO, FRAME_REJECTED, span_of(e->msg), e);
	}
	return err_set(e, ERR_FATAL, "a question of another role: frame type %d", question);
}

static int
serve(struct child *c)
{
	struct arena	a = {0};
	struct err	e;

	for (;; arena_reuse(&a)) {
		enum frame_type	type;
		struct span	payload;
		int		rc = frame_recv(STDIN_FILENO, 0, READING_MAX_FRAME, &a, &type, &payload, &e);

		if (rc < 0) {
			arena_free(&a);
			return strcmp(e.msg, "end of stream") == 0 ? EXIT_DONE : EXIT_FAILED;
		}
		if (answer(c, type, payload, &a, &e) < 0) {
			arena_free(&a);
			return EXIT_FAILED;
		}
	}
}

/* ---- starting */

static int
refuse(struct span why)
{
	struct err e;

	frame_send(STDOUT_FILENO, FRAME_REFUSED, span_take(why, READING_MAX_ANSWER), &e);
	return EXIT_FAILED;
}

/* What the role needs, then the lock. *why: the whole text if it fails. */
static int
prepare(struct child *c, const char **why)
{
	struct err	 e;
	const char	*errors = NULL;

	*why = NULL;
	tzset();
	if (c->setup.role == ROLE_READER) {
		if (rules_open((const char *const *)c->setup.rules, &c->arena, &c->rules, &errors, &e) < 0) {
			*why = arena_printf(&c->arena, "%s%s%s", e.msg, errors != NULL ? "\n" : "",
			    errors != NULL ? errors : "");
			return -1;
		}
		if (message_open(&c->door, &e) < 0)
			goto fail;
	} else if (dkim_open(&c->dkim, &e) < 0) {
		goto fail;
	}
	/* what a mail makes a library say is for nobody's terminal; the sanitizers must be heard */
	if (!lock_is_partial())
		close(STDERR_FILENO);
	if (lock_enter(&e) == 0)
		return 0;
fail:
	*why = arena_text(&c->arena, e.msg);
	return -1;
}

static struct span
ready_text(struct child *c)
{
	if (c->rules == NULL || !c->setup.check)
		return SPAN_LIT("");
	return span_take(span_of(rules_summary(c->rules, &c->arena)), READING_MAX_ANSWER);
}

static int
child_run(void)
{
	struct child	c = {0};
	struct err	e;
	enum frame_type	type;
	struct span	payload;
	const char	*why;
	int		rc = EXIT_FAILED;

	mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
	mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	if (frame_recv(STDIN_FILENO, 0, READING_MAX_ANSWER, &c.arena, &type, &payload, &e) < 0)
		goto out;
	if (type != FRAME_SETUP || setup_decode(payload, &c.arena, &c.setup, &e) < 0) {
		rc = refuse(SPAN_LIT("the settings are not readable: is this approvals-reader of the same version?"));
		goto out;
	}
	if (prepare(&c, &why) < 0)
		rc = refuse(span_of(why));
	else if (frame_send(STDOUT_FILENO, FRAME_READY, ready_text(&c), &e) == 0)
		rc = serve(&c);
out:
	message_close(c.door);
	dkim_close_door(c.dkim);
	rules_close(c.rules);
	arena_free(&c.arena);
	return rc;
}

/* ---- by hand */

static void
say(const char *text)
{
	(void)!write(STDOUT_FILENO, text, strlen(text));	/* stdio would ask what the descriptor is */
}

/* Each tries what a child must never do; true if it could. */
static bool
try_file(void)
{
	return open("/etc/hostname", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool
try_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0;
}

static bool
try_exec(void)
{
	char *const argv[] = {(char[]){"true"}, NULL}, *const envp[] = {NULL};

	execve("/bin/true", argv, envp);
	return false;	/* if it could, we are not here: true(1) has ended with 0 */
}

static bool
try_memory(void)
{
	char *p = mmap(NULL, TRY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return false;
	for (size_t i = 0; i < TRY_BYTES; i += 4096)
		p[i] = 1;
	return true;
}

/* Locks itself in as for reading a mail, and tries. 0: it was possible; else killed, or refused. */
static int
try(const char *what)
{
	static const struct { const char *name; bool (*try)(void); } known[] = {
		{ "file", try_file }, { "socket", try_socket }, { "exec", try_exec }, { "memory", try_memory },
	};
	struct err e;

	for (size_t i = 0; i < COUNT(known); i++) {
		if (strcmp(what, known[i].name) != 0)
			continue;
		if (lock_enter(&e) < 0) {
			fprintf(stderr, "approvals-reader: %s\n", e.msg);
			return EXIT_FAILED;
		}
		if (known[i].try()) {
			say("not refused\n");
			return EXIT_DONE;
		}
		say("refused\n");
		return EXIT_FAILED;
	}
	fprintf(stderr, "approvals-reader: --try file, socket, exec or memory, not \"%s\"\n", what);
	return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	static const char help[] =
	    "approvals-reader reads mail for approvals(1), in a sandbox. approvals starts it; there is\n"
	    "nothing to start by hand but:\n"
	    "  approvals-reader --try file|socket|exec|memory   locks itself in and tries what it must not:\n"
	    "                                                   killed or refused is right, status 0 is not\n"
	    "  approvals-reader --version | --help\n";

	if (argc == 1 && !isatty(STDIN_FILENO)) {
		close_range(STDERR_FILENO + 1, ~0U, 0);	/* nothing of our parent's */
		return child_run();
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		say("approvals-reader " APPROVALS_VERSION "\n");
	else if (argc == 2 && strcmp(argv[1], "--help") == 0)
		say(help);
	else if (argc == 3 && strcmp(argv[1], "--try") == 0)
		return try(argv[2]);
	else {
		fputs(help, stderr);
		return EXIT_USAGE;
	}
	return EXIT_DONE;
}
