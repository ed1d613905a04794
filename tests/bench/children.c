/*
 * Our mails per second, as a pass has them: ingest_read() asks a prover and readers over their sockets.
 *
 *   children read RULES READER FOLDER	every mail is proven and read
 *   children pass RULES READER FOLDER	all are screened, as the first step of a pass does; candidates are read
 *   children split RULES FOLDER	one process, no lock, no frames: where the time goes
 *
 * The start of children and their replacement are in the figure.
 */
#include <string.h>

#include "ingest/ingest.h"
#include "read/header.h"
#include "read/html.h"
#include "read/message.h"
#include "read/prove.h"
#include "read/screen.h"
#include "tests/bench/mails.h"

/* Of the generator of mailboxes, and of the samples (tests/bench/read.py). */
static const char *const domains[] = {"vippsmobilepay.example", "vippsmobilepay.com", NULL};
static const char *const authserv_ids[] = {"in0.example.org", "mx.example.com", NULL};
static const char *const none[] = {NULL};

struct tally {
	size_t	candidates, approvals, claims, held, failed;
};

static struct reading_setup
setup_of(const char **rules, struct sender_conf *sender)
{
	*sender = (struct sender_conf){
		.domains = (const char **)(uintptr_t)domains, .from = (const char **)(uintptr_t)none,
		.authserv_ids = (const char **)(uintptr_t)authserv_ids,
		.forwarders = (const char **)(uintptr_t)none,
		.accept_authentication_results = true, .max_age_ms = INT64_MAX,
	};
	return (struct reading_setup){
		.role = ROLE_READER, .rules = rules, .domains = sender->domains, .from = sender->from,
		.forwarders = sender->forwarders, .authserv_ids = sender->authserv_ids,
		.accept_authentication_results = true,
	};
}

/* The fields that a pass asks the server for (ingest/imap). */
static struct span
screen_header(struct span mail, struct arena *a)
{
	static const char *const asked[] = {"From", "Sender", "Reply-To", "Subject", "Message-ID"};
	struct arena_buf	 b = {.arena = a};
	struct header		 h;
	struct err		 e;

	if (header_split(mail, a, &h, &e) != 0)
		return SPAN_LIT("");
	for (size_t i = 0; i < COUNT(asked); i++) {
		size_t				 count;
		const struct header_field	*f = header_find(&h, asked[i], &count);

		if (f != NULL)
			arena_putf(&b, "%s: %.*s\r\n", asked[i], (int)f->value.n, f->value.p);
	}
	arena_puts(&b, "\r\n");
	return (struct span){b.p, b.n};
}

static void
mail_read(struct ingest *in, struct span raw, struct tally *t)
{
	struct ingest_mail	m = {.raw = raw, .history = true};
	struct arena		a = {0};
	struct err		e;
	struct judgement	j;

	if (ingest_read(in, &m, &a, &e) != 0)
		bench_fail(&e);
	if (m.failed) {
		t->failed++;
	} else {
		j = ingest_judge(in->sender, &m.proof, &m.reading, 0, true);
		t->approvals += j.verdict == VERDICT_APPROVAL;
		t->held += j.verdict == VERDICT_SUSPICIOUS;
		t->claims += (size_t)m.reading.found.count;
	}
	arena_free(&a);
}

static int
bench_children(bool screened, const char *rules_file, const char *reader, const char *folder)
{
	const char		*rules[] = {rules_file, NULL};
	struct sender_conf	 sender;
	struct reading_setup	 setup = setup_of(rules, &sender);
	struct ingest		 in = {.sender = &sender};
	struct tally		 t = {0};
	struct mails		 m;
	struct span		*headers;
	bool			*candidate;
	struct bench_time	 from;
	struct err		 e;
	char			 more[160];

	mails_load(&m, folder);
	headers = arena_array(&m.arena, m.n, sizeof *headers);
	candidate = arena_array(&m.arena, m.n, sizeof *candidate);
	for (size_t i = 0; i < m.n; i++) {
		headers[i] = screen_header(m.list[i], &m.arena);
		candidate[i] = true;
	}
	from = bench_now();
	if (readers_open(&setup, reader, &in.readers, &e) != 0 || reader_try(in.readers, &e) != 0 ||
	    (screened && reader_screen(in.readers, headers, m.n, candidate, &e) != 0))
		bench_fail(&e);
	for (size_t i = 0; i < m.n; i++) {
		if (!candidate[i])
			continue;
		t.candidates++;
		mail_read(&in, m.list[i], &t);
	}
	readers_close(in.readers);
	snprintf(more, sizeof more, "\"read\": %zu, \"approvals\": %zu, \"claims\": %zu, \"held\": %zu, \"failed\": %zu",
	    t.candidates, t.approvals, t.claims, t.held, t.failed);
	bench_print(&m, from, more);
	arena_free(&m.arena);
	return 0;
}

/* ---- where the time goes: the linker gives us these two calls of the reader (--wrap, see the Makefile) */

int	__real_html_read(struct span, uint16_t, struct arena *, struct document_part *, bool *, struct reasons *,
	    struct err *);
int	__wrap_html_read(struct span, uint16_t, struct arena *, struct document_part *, bool *, struct reasons *,
	    struct err *);
void	*__real_gumbo_parse_with_options(const void *, const char *, size_t);
void	*__wrap_gumbo_parse_with_options(const void *, const char *, size_t);

static double html_s, gumbo_s;

static double
seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int
__wrap_html_read(struct span text, uint16_t alternative, struct arena *a, struct document_part *part,
    bool *truncated, struct reasons *r, struct err *e)
{
	double	from = seconds();
	int	rc = __real_html_read(text, alternative, a, part, truncated, r, e);

	html_s += seconds() - from;
	return rc;
}

void *
__wrap_gumbo_parse_with_options(const void *options, const char *text, size_t n)
{
	double	from = seconds();
	void	*tree = __real_gumbo_parse_with_options(options, text, n);

	gumbo_s += seconds() - from;
	return tree;
}

struct split {
	double	screen_s, prove_s, message_s, rules_s, wire_s;
};

static void
mail_split(const struct reading_setup *setup, struct rules *rules, struct message_door *door, struct span mail,
    struct span header, struct split *s)
{
	struct arena	a = {0};
	struct message	message;
	struct proof	proof;
	struct reading	reading = {0}, back;
	struct err	e;
	double		t[6] = {seconds()};
	int		rc;

	screen_candidate(setup, rules, door, header);
	t[1] = seconds();
	rc = prove(&(struct prover){.setup = setup}, 0, mail, &a, &proof, &e);
	t[2] = seconds();
	if (rc == 0)
		rc = message_read(door, mail, &a, &message, &e);
	t[3] = seconds();
	if (rc == 0)
		rc = extract(rules, &message.document, &a, &reading.found, &e);
	t[4] = seconds();
	if (rc == 0)
		reading_decode(reading_encode(&reading, &a), &a, &back, &e);
	t[5] = seconds();
	arena_free(&a);
	s->screen_s += t[1] - t[0];
	s->prove_s += t[2] - t[1];
	s->message_s += t[3] - t[2];
	s->rules_s += t[4] - t[3];
	s->wire_s += t[5] - t[4];
}

static int
bench_split(const char *rules_file, const char *folder)
{
	const char		*files[] = {rules_file, NULL}, *errors;
	struct sender_conf	 sender;
	struct reading_setup	 setup = setup_of(files, &sender);
	struct split		 s = {0};
	struct arena		 a = {0};
	struct mails		 m;
	struct message_door	*door;
	struct rules		*rules;
	struct bench_time	 from;
	struct err		 e;
	char			 more[200];

	mails_load(&m, folder);
	if (rules_open(files, &a, &rules, &errors, &e) != 0 || message_open(&door, &e) != 0)
		bench_fail(&e);
	html_s = gumbo_s = 0;	/* what message_open() rehearsed */
	from = bench_now();
	for (size_t i = 0; i < m.n; i++)
		mail_split(&setup, rules, door, m.list[i], screen_header(m.list[i], &m.arena), &s);
	snprintf(more, sizeof more, "\"screen\": %.4f, \"prove\": %.4f, \"decode\": %.4f, \"html\": %.4f, "
	    "\"gumbo\": %.4f, \"rules\": %.4f, \"wire\": %.4f", s.screen_s, s.prove_s, s.message_s - html_s,
	    html_s - gumbo_s, gumbo_s, s.rules_s, s.wire_s);
	bench_print(&m, from, more);
	message_close(door);
	rules_close(rules);
	arena_free(&m.arena);
	arena_free(&a);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "read") == 0)
		return bench_children(false, argv[2], argv[3], argv[4]);
	if (argc == 5 && strcmp(argv[1], "pass") == 0)
		return bench_children(true, argv[2], argv[3], argv[4]);
	if (argc == 4 && strcmp(argv[1], "split") == 0)
		return bench_split(argv[2], argv[3]);
	fputs("usage: children read|pass RULES READER FOLDER | split RULES FOLDER\n", stderr);
	return 2;
}
