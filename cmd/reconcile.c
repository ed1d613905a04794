/* reconcile: what the Management API knows and the log does not, and the reverse. */
#include <getopt.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "ingest/reconcile.h"

#define NAME_COLUMNS	28	/* of a merchant's or sales unit's name in the table; longer is cut */

struct printer {
	struct app	*app;
	enum format	 format;
	bool		 only_new;	/* what came after the baseline */
	int64_t		 count, missing, old, gone;
};

/* A row as an object: the same keys for what is missing and what is gone. */
static struct json *
row_json(const struct unit_row *u)
{
	struct json *j = json_object();

	json_put_text(j, "what", u->apr ? "gone" : "missing");
	json_put_text(j, "org_scheme", u->org_scheme);
	json_put_text(j, "org_number", u->org_number);
	json_put_text(j, "country", u->country);
	json_put_text(j, "merchant_name", u->merchant_name);
	json_put_text(j, "msn", u->msn);
	json_put_text(j, "sales_unit_name", u->name);
	json_put_time(j, "listed_at", u->apr ? 0 : u->first_ms);
	json_put_time(j, "confirmed_at", u->apr ? u->first_ms : 0);
	json_put_bool(j, "baseline", u->baseline);
	json_put_time(j, "told_at", u->told_ms);
	json_put_text(j, "approval", u->apr);
	json_put_text(j, "state", u->state);
	return j;
}

static void
print_cells(const char *time, const char *what, const char *org, const char *msn, const char *merchant,
    const char *unit, const char *note, struct arena *a)
{
	printf("%s %s %s %s %s %s %s\n", output_cell(time, 16, a), output_cell(what, 8, a), output_cell(org, 11, a),
	    output_cell(msn, 10, a), output_cell(merchant, NAME_COLUMNS, a), output_cell(unit, NAME_COLUMNS, a), note);
}

static const char *
row_note(const struct unit_row *u)
{
	return u->apr ? u->apr : u->baseline ? "baseline" : u->told_ms ? "told" : "new";
}

static void
print_row(struct printer *p, const struct unit_row *u)
{
	struct arena	 a = {0};
	struct json	*j;

	if (p->only_new && u->baseline)
		return;
	if (p->format == FORMAT_TABLE) {
		if (p->count++ == 0)
			print_cells("SINCE (UTC)", "WHAT", "ORG NUMBER", "MSN", "MERCHANT", "SALES UNIT", "", &a);
		print_cells(arena_textn(&a, clock_iso(u->first_ms).s, 16), u->apr ? "gone" : "missing",
		    u->org_number ? u->org_number : "?", u->msn, u->merchant_name ? u->merchant_name : "?",
		    u->name ? u->name : "?", row_note(u), &a);
	} else {
		j = row_json(u);
		printf("%s%s%s", p->format == FORMAT_NDJSON ? "" : p->count > 0 ? ",\n " : "\n ",
		    output_raw(json_print(j, &a), &a), p->format == FORMAT_NDJSON ? "\n" : "");
		json_free(j);
		p->count++;
	}
	arena_free(&a);
}

/* The last line of the table: what its rows add up to. */
static void
print_sum(const struct printer *p, const struct reconcile *rc)
{
	printf("%s%lld sales units and %lld product orders in the API's lists%s; missing from the log: %lld, and %lld of the "
	    "baseline; no longer known to the API: %lld\n", p->count > 0 ? "\n" : "", (long long)rc->units,
	    (long long)rc->orders, rc->first ? ", which are the baseline from now on" : "", (long long)p->missing,
	    (long long)p->old, (long long)p->gone);
	if (rc->unasked > 0)
		printf("%lld were not asked about one by one; the next reconcile goes on\n", (long long)rc->unasked);
}

static int
print_all(struct printer *p, const struct reconcile *rc, struct err *e)
{
	struct unit_times	 t;
	struct unit_row		*missing, *gone;
	int			 m, g;

	if (unit_times(rc->db, &t, e) == -1 ||
	    unit_missing(rc->db, t.listed_ms, &p->app->arena, &missing, &m, e) == -1 ||
	    unit_gone(rc->db, t.listed_ms, &p->app->arena, &gone, &g, e) == -1)
		return -1;
	if (p->format == FORMAT_JSON)
		putchar('[');
	for (int i = 0; i < m; i++) {
		p->missing += !missing[i].baseline;
		p->old += missing[i].baseline;
		print_row(p, &missing[i]);
	}
	for (int i = 0; i < g; i++) {
		p->gone++;
		print_row(p, &gone[i]);
	}
	if (p->format == FORMAT_JSON)
		puts(p->count > 0 ? "\n]" : "]");
	else if (p->format == FORMAT_TABLE)
		print_sum(p, rc);
	return output_done(e);
}

static enum status
reconcile(struct app *app, struct printer *p, bool believe)
{
	struct reconcile rc = { .db = app->db, .api = &app->set.api, .conf = &app->set.reconcile, .stop = &stop_asked,
	    .now_ms = clock_now_ms(), .command = true, .believe = believe };
	struct err	 e, why;
	enum status	 status = STATUS_DONE;

	if (reconcile_pass(&rc, &why) == -1) {
		status = status_of(&why);
		log_error("reconcile.failed", "error", why.msg, NULL);
		if (!rc.listed)
			return status;
	}
	if (print_all(p, &rc, &e) == -1)
		return status_worse(status, failed("reconcile.failed", &e));
	return status_worse(status, p->missing > 0 || p->gone > 0 ? STATUS_PARTLY : STATUS_DONE);
}

enum status
cmd_reconcile(struct app *app, int argc, char **argv)
{
	static const struct option options[] = { { "believe", 0, NULL, 'b' }, { "new", 0, NULL, 'n' },
		{ "format", 1, NULL, 'f' }, { NULL, 0, NULL, 0 } };
	struct printer	p = { .app = app, .format = FORMAT_TABLE };
	bool		believe = false;
	int		opt, format = FORMAT_TABLE;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (opt) {
		case 'b':
			believe = true;
			break;
		case 'n':
			p.only_new = true;
			break;
		case 'f':
			if ((format = format_of(optarg, "table json ndjson")) == -1)
				return usage("reconcile", "--format %s: one of table, json, ndjson", optarg);
			break;
		default:
			return usage("reconcile", "%s: no such option", argv[optind - 1]);
		}
	if (optind < argc)
		return usage("reconcile", "%s: takes options only", argv[optind]);
	if (app->set.api.none)
		return usage("reconcile", "management_api: none: there is nothing to reconcile with");
	p.format = (enum format)format;
	stop_watch();
	return reconcile(app, &p, believe);
}
