/* rules: what saved mails yield, by the same children and judgement as a pass; whether rule files are right. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/cmd.h"
#include "ingest/files.h"
#include "ingest/resolver.h"

#define FIRST_READ 65536	/* bytes of standard input: more than most mails have */

struct tester {
	const struct settings	*set;
	struct readers		*readers;
	enum format		 format;
	bool			 why;
};

struct result {
	struct proof		 proof;
	struct reading		 reading;
	struct judgement	 judgement;
	const char		*rejected;	/* why it would be quarantined; NULL if it was read */
};

static int
read_mail(const struct tester *t, struct span raw, struct arena *a, struct result *r, struct err *e)
{
	if (reader_prove(t->readers, raw, clock_now_ms(), a, &r->proof, e) == -1 ||
	    reader_read(t->readers, raw, r->proof.kind != PROOF_NONE, a, &r->reading, e) == -1) {
		if (e->kind != ERR_REJECT)
			return -1;
		r->rejected = arena_text(a, e->msg);
		r->judgement.verdict = VERDICT_SUSPICIOUS;
		return 0;
	}
	r->judgement = ingest_judge(&t->set->sender, &r->proof, &r->reading, r->proof.received_ms, false);
	return 0;
}

/* ---- why a rule did not fit */

struct why {
	struct span	rule, at, what;		/* at.p NULL: no condition of its own kept it from fitting */
};

/* Does it end as a mark does, in ":286:9"? */
static bool
is_mark(struct span s)
{
	for (int i = 0; i < 2; i++) {
		size_t n = s.n;

		while (s.n > 0 && s.p[s.n - 1] >= '0' && s.p[s.n - 1] <= '9')
			s.n--;
		if (s.n == n || s.n == 0 || s.p[--s.n] != ':')
			return false;
	}
	return s.n > 0;
}

/* The next line of a trace: "rule: file:line:column: what" or "rule: what". */
static bool
why_next(struct span *trace, struct why *w)
{
	struct span	line;
	ptrdiff_t	at;

	if (trace->n == 0)
		return false;
	if (!span_cut(trace, '\n', &line)) {
		line = *trace;
		*trace = (struct span){0};
	}
	*w = (struct why){.what = line};
	at = span_find(line, SPAN_LIT(": "), 0);
	if (at < 0)
		return true;
	w->rule = span_take(line, (size_t)at);
	w->what = span_from(line, (size_t)at + 2);
	at = span_find(w->what, SPAN_LIT(": "), 0);
	if (at < 0 || !is_mark(span_take(w->what, (size_t)at)))
		return true;
	w->at = span_take(w->what, (size_t)at);
	w->what = span_from(w->what, (size_t)at + 2);
	return true;
}

/* ---- for programs */

/* The mail's reasons and those of its claims, each once. */
static struct json *
reasons_json(const struct result *r)
{
	struct reasons	 all = r->judgement.reasons;
	struct json	*list = json_array();

	for (int i = 0; i < r->reading.found.count; i++)
		for (int k = 0; k < r->reading.found.claims[i].reasons.count; k++)
			reasons_add(&all, r->reading.found.claims[i].reasons.list[k].code, false, -1);
	for (int i = 0; i < all.count; i++) {
		bool seen = false;

		for (int k = 0; k < i; k++)
			seen = seen || strcmp(all.list[k].code, all.list[i].code) == 0;
		if (!seen)
			json_add_text(list, all.list[i].code);
	}
	if (r->rejected)
		json_add_text(list, "quarantined");
	return list;
}

static struct json *
claims_json(const struct result *r)
{
	static const enum field order[] = { FIELD_MERCHANT_NAME, FIELD_MSN, FIELD_SALES_UNIT_NAME };
	struct json *list = json_array();

	for (int i = 0; i < r->reading.found.count; i++) {
		const struct found_claim *c = &r->reading.found.claims[i];
		struct json		 *j = json_object();

		json_put_text(j, "org_scheme", identifier_scheme_name(c->scheme));
		json_put_span(j, "org_number", c->value[FIELD_ORG_NUMBER]);
		for (size_t k = 0; k < COUNT(order); k++)
			json_put_span(j, field_name(order[k]), c->value[order[k]]);
		json_add(list, j);
	}
	return list;
}

/* Per claim and field where it stands; null where nothing does. */
static struct json *
evidence_json(const struct result *r)
{
	struct json *list = json_array();

	for (int i = 0; i < r->reading.found.count; i++) {
		struct json *fields = json_object();

		for (int f = 0; f < FIELDS; f++) {
			const struct evidence	*ev = &r->reading.found.claims[i].evidence[f];
			struct json		*j = ev->text.p ? json_object() : NULL;

			if (j) {
				json_put_int(j, "part", ev->part);
				json_put_int(j, "line", ev->line);
				json_put_int(j, "cell", ev->cell);
				json_put_span(j, "text", ev->text);
			}
			json_put(fields, field_name((enum field)f), j);
		}
		json_add(list, fields);
	}
	return list;
}

static struct json *
why_json(const struct result *r)
{
	struct json	*list = json_array();
	struct span	 trace = r->reading.found.trace;
	struct why	 w;

	while (why_next(&trace, &w)) {
		struct json *j = json_object();

		json_put_span(j, "rule", w.rule);
		json_put_span(j, "at", w.at);
		json_put_span(j, "what", w.what);
		json_add(list, j);
	}
	return list;
}

/* What is unknown is null. */
static const char *
known(const char *text)
{
	return *text ? text : NULL;
}

static void
print_ndjson(const struct tester *t, const char *file, const struct result *r, struct arena *a)
{
	struct json	*j = json_object(), *sender = json_object();
	const char	*text;

	json_put_text(j, "file", file);
	json_put_text(j, "verdict", verdict_name(r->judgement.verdict));
	json_put_text(j, "kind", known(r->rejected ? "" : rule_kind_name(r->reading.found.kind)));
	json_put_text(j, "language", known(r->reading.found.language));
	json_put(j, "claims", claims_json(r));
	json_put(j, "reasons", reasons_json(r));
	json_put_text(sender, "domain", known(r->proof.from_domain));
	json_put_text(sender, "proof", proof_name(r->proof.kind));
	json_put(j, "sender", sender);
	if (t->why) {
		json_put(j, "evidence", evidence_json(r));
		json_put(j, "why", why_json(r));
	}
	text = json_print(j, a);
	puts(isatty(STDOUT_FILENO) ? output_text(text, 0, a) : text);
	json_free(j);
}

/* ---- for people */

#define NAME_COLUMNS	17	/* of "sales_unit_name", and of what stands above it */
#define RULE_COLUMNS	24	/* of a rule's name: ours are shorter */

static const char *
safe(struct span s, struct arena *a)
{
	return output_text(s.p ? arena_span(a, s).p : NULL, 0, a);
}

static void
print_reasons(const struct reasons *r, const char *indent)
{
	for (int i = 0; i < r->count; i++) {
		const struct reason *x = &r->list[i];

		printf("%s%-*s%s%s%s%s\n", indent, NAME_COLUMNS, x->doubt ? "doubt" : "remark", x->code,
		    x->field >= 0 ? " (" : "", x->field >= 0 ? field_name((enum field)x->field) : "",
		    x->field >= 0 ? ")" : "");
	}
}

static void
print_claim(const struct found_claim *c, struct arena *a)
{
	const char *scheme = identifier_scheme_name(c->scheme);

	for (int f = 0; f < FIELDS; f++) {
		const struct evidence *ev = &c->evidence[f];

		printf("    %-*s%s%s%s", NAME_COLUMNS, field_name((enum field)f), f == FIELD_ORG_NUMBER && scheme ?
		    scheme : "", f == FIELD_ORG_NUMBER && scheme ? " " : "", safe(c->value[f], a));
		if (ev->text.p)
			printf("   (part %u, line %u, cell %u: \"%s\")", ev->part, ev->line, ev->cell,
			    safe(ev->text, a));
		puts("");
	}
	print_reasons(&c->reasons, "    ");
}

static void
print_why(const struct extraction *found, struct arena *a)
{
	struct span	trace = found->trace;
	struct why	w;

	while (why_next(&trace, &w)) {
		printf("  no %s  ", output_cell(w.rule.p ? arena_span(a, w.rule).p : "", RULE_COLUMNS, a));
		if (w.at.p)
			printf("%s: ", safe(w.at, a));
		puts(safe(w.what, a));
	}
}

static void
print_table(const struct tester *t, const char *file, const struct result *r, struct arena *a)
{
	const struct extraction	*found = &r->reading.found;
	const char		*kind = rule_kind_name(found->kind);

	printf("%s: %s\n", output_text(file, 0, a), verdict_name(r->judgement.verdict));
	printf("  %-*s%s\n", NAME_COLUMNS, "sender", *r->proof.from_domain ? r->proof.from_domain : "unknown");
	printf("  %-*s%s%s%s\n", NAME_COLUMNS, "proof", proof_name(r->proof.kind), r->proof.detail.n > 0 ? ": " : "",
	    r->proof.detail.n > 0 ? safe(r->proof.detail, a) : "");
	if (r->rejected) {
		printf("  %-*s%s\n", NAME_COLUMNS, "quarantined", output_text(r->rejected, 0, a));
	} else {
		printf("  %-*s%s%s%s\n", NAME_COLUMNS, "kind", *kind ? kind : "no rule knows this mail", *kind ?
		    ", by rule " : "", *kind ? output_text(found->rule, 0, a) : "");
		printf("  %-*s%s\n", NAME_COLUMNS, "language", *found->language ? found->language : "unknown");
	}
	print_reasons(&r->judgement.reasons, "  ");
	for (int i = 0; i < found->count; i++) {
		printf("  claim %d\n", i + 1);
		print_claim(&found->claims[i], a);
	}
	if (t->why)
		print_why(found, a);
}

/* ---- mails */

static int
read_stdin(int64_t max_bytes, struct arena *a, struct span *raw, struct err *e)
{
	struct arena_buf	b = { .arena = a };
	char			*part = arena_alloc(a, FIRST_READ);
	size_t			n;

	while ((n = fread(part, 1, FIRST_READ, stdin)) > 0) {
		arena_put(&b, part, n);
		if ((int64_t)b.n > max_bytes)
			return err_set(e, ERR_REJECT, "standard input is larger than limits.mail_bytes: at most %lld bytes",
			    (long long)max_bytes);
	}
	if (ferror(stdin))
		return err_set(e, ERR_REJECT, "cannot read standard input: %s", strerror(errno));
	*raw = (struct span){ b.p, b.n };
	return b.n > 0 ? 0 : err_set(e, ERR_REJECT, "standard input is empty");
}

static int
test_file(const struct tester *t, const char *file, bool is_stdin, struct err *e)
{
	const int64_t	max_bytes = t->set->limits.mail_bytes;
	struct arena	a = {0};
	struct result	r = {0};
	struct span	raw = {0};
	int		rc = is_stdin ? read_stdin(max_bytes, &a, &raw, e) : files_read(file, max_bytes, &a, &raw, e);

	if (rc == 0 && (rc = read_mail(t, raw, &a, &r, e)) == 0) {
		if (t->format == FORMAT_NDJSON)
			print_ndjson(t, file, &r, &a);
		else
			print_table(t, file, &r, &a);
	}
	arena_free(&a);
	return rc;
}

/* What cannot be read does not keep the others from being tested; a defect of ours does. */
static enum status
test_path(const struct tester *t, const char *path, struct arena *a)
{
	const bool	  is_stdin = strcmp(path, "-") == 0;
	const char	**names = &path;
	size_t		  n = 1;
	struct err	  e;
	enum status	  status = STATUS_DONE;

	if (!is_stdin && files_list(path, a, &names, &n, &e) == -1)
		return failed("rules.unread", &e);
	for (size_t i = 0; i < n && !stop_asked && status != STATUS_DEFECT; i++)
		if (test_file(t, names[i], is_stdin, &e) == -1)
			status = status_worse(status, failed("rules.unread", &e));
	return status;
}

static enum status
rules_test(struct app *app, int argc, char **argv)
{
	static const struct option options[] = { { "format", 1, NULL, 'f' }, { "why", 0, NULL, 'v' },
		{ NULL, 0, NULL, 0 } };
	const struct reading_setup setup = ingest_setup(&app->set.sender, NULL, app->set.rules, &app->arena);
	struct tester	t = { .set = &app->set, .format = isatty(STDOUT_FILENO) ? FORMAT_TABLE : FORMAT_NDJSON };
	struct err	e;
	enum status	status = STATUS_DONE;
	int		opt, format;

	while ((opt = getopt_long(argc, argv, "v", options, NULL)) != -1)
		if (opt == 'v')
			t.why = true;
		else if (opt != 'f')
			return usage("rules", "that option is not known");
		else if ((format = format_of(optarg, "table ndjson")) == -1)
			return usage("rules", "--format %s: table or ndjson", optarg);
		else
			t.format = (enum format)format;
	if (optind == argc)
		return usage("rules", "which mails?");
	if (readers_open(&setup, NULL, &t.readers, &e) == -1 || reader_try(t.readers, &e) == -1)
		status = failed("reader.failed", &e);
	if (t.readers)
		readers_keys(t.readers, resolver_key, (const char *const *)app->set.net.dns);
	for (int i = optind, tries = status == STATUS_DONE; tries && i < argc && !stop_asked; i++)
		status = status_worse(status, test_path(&t, argv[i], &app->arena));
	if (stop_asked)
		status = status_worse(status, STATUS_STOPPED);
	readers_close(t.readers);
	return status;
}

/* ---- rule files */

static void
print_lines(FILE *to, const char *text, struct arena *a)
{
	struct span rest = span_of(text), line;

	while (span_cut(&rest, '\n', &line))
		fprintf(to, "%s\n", safe(line, a));
	if (rest.n > 0)
		fprintf(to, "%s\n", safe(rest, a));
}

void
rules_errors(const char *said, const struct err *e, struct arena *a)
{
	const char *errors = strchr(said, '\n');

	if (errors && errors[1])
		print_lines(stderr, errors + 1, a);
	else
		fprintf(stderr, "rules: %s\n", e->msg);
}

/* One set of files, compiled as a reader does it. */
static enum status
check_files(struct app *app, const char **files)
{
	const struct reading_setup setup = ingest_setup(&app->set.sender, NULL, files, &app->arena);
	struct readers	*readers = NULL;
	const char	*said = "";
	struct err	 e;
	enum status	 status = STATUS_DONE;

	if (readers_open(&setup, NULL, &readers, &e) == -1 || reader_check(readers, &app->arena, &said, &e) == -1) {
		rules_errors(said, &e, &app->arena);
		status = status_of(&e);
	} else {
		print_lines(stdout, said, &app->arena);
	}
	readers_close(readers);
	return status;
}

static enum status
rules_check(struct app *app, int argc, char **argv)
{
	enum status status = STATUS_DONE;

	if (getopt_long(argc, argv, "", &(struct option){0}, NULL) != -1)
		return usage("rules", "that option is not known");
	if (optind == argc)
		return check_files(app, app->set.rules);
	for (int i = optind; i < argc && !stop_asked; i++)
		status = status_worse(status, check_files(app, (const char *[]){ argv[i], NULL }));
	return status;
}

enum status
cmd_rules(struct app *app, int argc, char **argv)
{
	struct err	e;
	enum status	status;

	if (argc < 2)
		return usage("rules", "rules what?");
	if (strcmp(argv[1], "test") == 0)
		status = rules_test(app, argc - 1, argv + 1);
	else if (strcmp(argv[1], "check") == 0)
		status = rules_check(app, argc - 1, argv + 1);
	else
		return usage("rules", "%s: rules knows `test` and `check`", argv[1]);
	return output_done(&e) == -1 ? failed("rules.failed", &e) : status;
}
