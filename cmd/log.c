/* log: approvals, and claims that are not (yet) one, oldest first. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/cmd.h"
#include "store/approval.h"

#define NAME_COLUMNS	28	/* of a merchant's or sales unit's name in the table; longer is cut */

struct printer {
	enum format	format;
	int64_t		count;
};

/* The codes of a claim's doubts and remarks, joined by commas. */
static const char *
reason_codes(const char *reasons, struct arena *a)
{
	struct arena_buf b = { .arena = a };
	struct json	*list = json_ours(reasons);

	arena_puts(&b, "");
	for (int i = 0; i < json_count(list); i++) {
		const char *code = json_text(json_get(json_item(list, i), "code"));

		arena_putf(&b, "%s%s", i > 0 ? "," : "", code ? code : "damaged");
	}
	json_free(list);
	return b.p;
}

/* An entry's columns, the same for table and CSV; NULL where nothing is known. */
enum { COLUMN_TIME, COLUMN_STATE, COLUMN_ORG, COLUMN_MSN, COLUMN_MERCHANT, COLUMN_UNIT, COLUMN_ID, COLUMN_WHY, COLUMNS };

static void
entry_columns(const struct log_entry *en, const char *out[COLUMNS], struct arena *a)
{
	const struct approval	*ap = &en->approval;
	const struct claim	*cl = &en->claim;

	if (!en->is_claim) {
		const char *v[COLUMNS] = { arena_text(a, clock_iso(ap->confirmed_ms).s), ap->state, ap->org_number,
			ap->msn, ap->merchant_name, ap->sales_unit_name, ap->apr, ap->history ? "history" : "" };

		memcpy(out, v, sizeof v);
	} else {
		const char *v[COLUMNS] = { arena_text(a, clock_iso(cl->made_ms).s), claim_state_name(cl->state),
			cl->org_number, cl->msn, cl->merchant_name, cl->sales_unit_name,
			arena_printf(a, "clm_%lld", (long long)cl->id), reason_codes(cl->reasons, a) };

		memcpy(out, v, sizeof v);
	}
}

static void
print_table(const char *const v[COLUMNS], bool head, struct arena *a)
{
	printf("%s %s %s %s %s %s %s%s%s\n", output_cell(head ? v[COLUMN_TIME] :
	    arena_textn(a, v[COLUMN_TIME], 16), 16, a), output_cell(v[COLUMN_STATE], 14, a),
	    output_cell(v[COLUMN_ORG], 11, a), output_cell(v[COLUMN_MSN], 10, a),
	    output_cell(v[COLUMN_MERCHANT], NAME_COLUMNS, a), output_cell(v[COLUMN_UNIT], NAME_COLUMNS, a),
	    v[COLUMN_ID], *v[COLUMN_WHY] ? "  " : "", v[COLUMN_WHY]);
}

static void
print_head(const struct printer *p, struct arena *a)
{
	static const char *const table[COLUMNS] = { "TIME (UTC)", "STATE", "ORG NUMBER", "MSN", "MERCHANT",
		"SALES UNIT", "ID", "" };
	static const char *const csv[COLUMNS] = { "time", "state", "org_number", "msn", "merchant_name",
		"sales_unit_name", "id", "reasons" };

	switch (p->format) {
	case FORMAT_TABLE:
		print_table(table, true, a);
		break;
	case FORMAT_CSV:
		output_csv(csv, COLUMNS, a);
		break;
	case FORMAT_JSON:
		putchar('[');
		break;
	case FORMAT_TEXT:
	case FORMAT_NDJSON:
		break;
	}
}

static int
print_entry(void *arg, const struct log_entry *en, struct err *e)
{
	struct printer	*p = arg;
	struct arena	 a = {0};
	struct json	*j = NULL;
	const char	*v[COLUMNS];

	if (p->count++ == 0)
		print_head(p, &a);
	switch (p->format) {
	case FORMAT_TABLE:
	case FORMAT_TEXT:
		entry_columns(en, v, &a);
		print_table(v, false, &a);
		break;
	case FORMAT_CSV:
		entry_columns(en, v, &a);
		output_csv(v, COLUMNS, &a);
		break;
	case FORMAT_JSON:
	case FORMAT_NDJSON:
		j = log_entry_json(en);
		printf("%s%s%s", p->format == FORMAT_JSON ? p->count > 1 ? ",\n " : "\n " : "",
		    output_raw(json_print(j, &a), &a), p->format == FORMAT_NDJSON ? "\n" : "");
		break;
	}
	json_free(j);
	arena_free(&a);
	return ferror(stdout) ? output_done(e) : 0;
}

static enum status
print_log(struct app *app, const struct log_filter *f, enum format format)
{
	struct printer	p = { .format = format };
	struct err	e;

	if (approval_log(app->db, f, print_entry, &p, &e) == -1)
		return failed("log.failed", &e);
	if (p.count == 0)
		print_head(&p, &app->arena);
	if (format == FORMAT_JSON)
		puts(p.count > 0 ? "\n]" : "]");
	return output_done(&e) == -1 ? failed("log.failed", &e) : STATUS_DONE;
}

/* "held,disputed" to a list; NULL if a word is no state. */
static const char **
states_of(const char *words, struct arena *a)
{
	struct span	  rest = span_of(words), word;
	const char	**list = arena_array(a, rest.n + 2, sizeof *list);
	bool		  more = true;

	for (size_t n = 0; more; n++) {
		more = span_cut(&rest, ',', &word);
		list[n] = arena_textn(a, word.p, word.n);
		if (claim_state_of(list[n]) == -1 && strcmp(list[n], "gone") != 0)
			return NULL;
	}
	return list;
}

enum status
cmd_log(struct app *app, int argc, char **argv)
{
	static const struct option options[] = { { "state", 1, NULL, 's' }, { "org", 1, NULL, 'o' },
		{ "msn", 1, NULL, 'm' }, { "country", 1, NULL, 'c' }, { "since", 1, NULL, 'S' },
		{ "until", 1, NULL, 'U' }, { "text", 1, NULL, 't' }, { "mailbox", 1, NULL, 'b' },
		{ "limit", 1, NULL, 'l' }, { "format", 1, NULL, 'f' }, { NULL, 0, NULL, 0 } };
	struct log_filter f = {0};
	struct err	 e;
	char		*end;
	int		 opt, format = FORMAT_TABLE;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (opt) {
		case 's':
			if (!(f.states = states_of(optarg, &app->arena)))
				return usage("log", "--state %s: a state is one of awaiting-proof, pending, confirmed, "
				    "disputed, unconfirmed, held, rejected, superseded, gone", optarg);
			break;
		case 'o':
			f.org = optarg;
			break;
		case 'm':
			f.msn = optarg;
			break;
		case 'c':
			f.country = optarg;
			break;
		case 'b':
			f.mailbox = optarg;
			break;
		case 't':
			f.text = optarg;
			break;
		case 'S':
		case 'U':
			if (clock_parse(span_of(optarg), opt == 'S' ? &f.since_ms : &f.until_ms, &e) == -1)
				return usage("log", "--%s %s", opt == 'S' ? "since" : "until", e.msg);
			break;
		case 'l':
			f.limit = strtoll(optarg, &end, 10);
			if (f.limit < 1 || *end)
				return usage("log", "--limit %s: a number from 1", optarg);
			break;
		case 'f':
			if ((format = format_of(optarg, "table json ndjson csv")) == -1)
				return usage("log", "--format %s: one of table, json, ndjson, csv", optarg);
			break;
		default:
			return usage("log", "that option is not known");
		}
	if (optind < argc)
		return usage("log", "%s: log takes options only", argv[optind]);
	return print_log(app, &f, (enum format)format);
}
