/* rules test: what saved mails yield, and why or why not; the same children and judgement as a pass. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "ingest/files.h"

struct tester {
	const struct settings	*set;
	struct readers		*readers;
	enum format		 format;
	bool			 verbose;
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
	if (reader_prove(t->readers, raw, a, &r->proof, e) == -1 ||
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

/* What is unknown is null. */
static const char *
known(const char *text)
{
	return *text ? text : NULL;
}

static void
print_ndjson(const char *file, const struct result *r, struct arena *a)
{
	struct json *j = json_object(), *sender = json_object();

	json_put_text(j, "file", file);
	json_put_text(j, "verdict", verdict_name(r->judgement.verdict));
	json_put_text(j, "kind", known(r->rejected ? "" : rule_kind_name(r->reading.found.kind)));
	json_put_text(j, "language", known(r->reading.found.language));
	json_put(j, "claims", claims_json(r));
	json_put(j, "reasons", reasons_json(r));
	json_put_text(sender, "domain", known(r->proof.from_domain));
	json_put_text(sender, "proof", proof_name(r->proof.kind));
	json_put(j, "sender", sender);
	puts(json_print(j, a));
	json_free(j);
}

static void
print_claim(const struct found_claim *c, struct arena *a)
{
	for (int f = 0; f < FIELDS; f++) {
		const struct evidence *ev = &c->evidence[f];

		printf("    %-16s %s", field_name((enum field)f), c->value[f].p ?
		    output_text(arena_span(a, c->value[f]).p, 0, a) : "-");
		if (ev->text.p)
			printf("   (part %u, line %u, cell %u: \"%s\")", ev->part, ev->line, ev->cell,
			    output_text(arena_span(a, ev->text).p, 0, a));
		puts("");
	}
}

static void
print_text(const struct tester *t, const char *file, const struct result *r, struct arena *a)
{
	const struct extraction	*found = &r->reading.found;
	struct json		*reasons = reasons_json(r);

	printf("%s: %s\n", output_text(file, 0, a), verdict_name(r->judgement.verdict));
	if (r->rejected)
		printf("  would be quarantined: %s\n", r->rejected);
	printf("  sender %s, proof %s%s%s\n", *r->proof.from_domain ? r->proof.from_domain : "unknown",
	    proof_name(r->proof.kind), r->proof.detail.n > 0 ? ": " : "",
	    r->proof.detail.n > 0 ? output_text(arena_span(a, r->proof.detail).p, 0, a) : "");
	if (!r->rejected)
		printf("  %s %s%s%s\n", *rule_kind_name(found->kind) ? rule_kind_name(found->kind) :
		    "no rule knows this mail", found->rule && *found->rule ? "by rule " : "",
		    found->rule ? found->rule : "", "");
	for (int i = 0; i < found->count; i++) {
		printf("  claim %d\n", i + 1);
		print_claim(&found->claims[i], a);
	}
	if (json_count(reasons) > 0)
		printf("  reasons %s\n", json_print(reasons, a));
	if (t->verbose && found->trace.n > 0)
		printf("%s\n", arena_span(a, found->trace).p);
	json_free(reasons);
}

static int
test_file(const struct tester *t, const char *file, struct err *e)
{
	struct arena	a = {0};
	struct result	r = {0};
	struct span	raw;
	int		rc = -1;

	if (files_read(file, t->set->limits.mail_bytes, &a, &raw, e) == 0 && read_mail(t, raw, &a, &r, e) == 0) {
		if (t->format == FORMAT_NDJSON)
			print_ndjson(file, &r, &a);
		else
			print_text(t, file, &r, &a);
		rc = 0;
	}
	arena_free(&a);
	return rc;
}

/* A file that cannot be read does not keep the others from being tested. */
static enum status
test_path(const struct tester *t, const char *path, struct arena *a)
{
	const char	**names;
	size_t		  n;
	struct err	  e;
	enum status	  status = STATUS_DONE;

	if (files_list(path, a, &names, &n, &e) == -1)
		return failed("rules.unread", &e);
	for (size_t i = 0; i < n && !stop_asked; i++)
		if (test_file(t, names[i], &e) == -1) {
			status = status_worse(status, failed("rules.unread", &e));
			if (e.kind == ERR_FATAL)
				break;
		}
	return status;
}

enum status
cmd_rules(struct app *app, int argc, char **argv)
{
	static const struct option options[] = { { "format", 1, NULL, 'f' }, { NULL, 0, NULL, 0 } };
	const struct reading_setup setup = ingest_setup(&app->set.sender, NULL, app->set.rules, &app->arena);
	struct tester	t = { .set = &app->set, .format = FORMAT_TABLE };
	struct err	e;
	enum status	status = STATUS_DONE;
	int		opt, format;

	if (argc < 2 || strcmp(argv[1], "test") != 0)
		return usage("rules", argc < 2 ? "rules what?" : "%s: rules knows `test`", argc < 2 ? "" : argv[1]);
	argc--;
	argv++;
	while ((opt = getopt_long(argc, argv, "v", options, NULL)) != -1)
		if (opt == 'v')
			t.verbose = true;
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
	for (int i = optind, tries = status == STATUS_DONE; tries && i < argc && !stop_asked; i++)
		status = status_worse(status, test_path(&t, argv[i], &app->arena));
	if (stop_asked)
		status = status_worse(status, STATUS_STOPPED);
	readers_close(t.readers);
	return output_done(&e) == -1 ? failed("rules.failed", &e) : status;
}
