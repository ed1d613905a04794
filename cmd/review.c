/* review: what waits for a person, and what the person decides. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "ingest/enrich.h"
#include "store/review.h"

#define LIMIT_DEFAULT	50	/* a screen or three */
#define LIMIT_MAX	10000	/* ids kept in memory */
#define LABEL_COLUMNS	13	/* of the left column in a block of the table */
#define VALUE_COLUMNS	40	/* of a field's value beside the text that shows it */
#define MSN_MIN		4	/* digits, as the API has them */
#define MSN_MAX		10
#define NO_LOGIN	UINT32_C(4294967295)	/* of /proc/self/loginuid: nobody logged in */

/* ---- the list */

/* As it is for a program, but never raw on a terminal. */
static const char *
raw_text(const char *text, struct arena *a)
{
	return isatty(STDOUT_FILENO) ? output_text(text, 0, a) : text;
}

static void
put_line(const char *label, const char *text, struct arena *a)
{
	if (text && *text)
		printf("    %s %s\n", output_cell(label, LABEL_COLUMNS, a), output_text(text, 0, a));
}

/* "authentication-missing (doubt), arrival-unknown". */
static const char *
reasons_text(const struct json *list, struct arena *a)
{
	struct arena_buf b = { .arena = a };

	arena_puts(&b, "");
	for (int i = 0; i < json_count(list); i++) {
		const struct json	*r = json_item(list, i);
		const char		*code = json_text(json_get(r, "code")), *field = json_text(json_get(r, "field"));
		bool			 doubt = true;

		json_bool(json_get(r, "doubt"), &doubt);
		arena_putf(&b, "%s%s%s%s%s", i > 0 ? ", " : "", code ? code : "damaged", field ? " of " : "",
		    field ? field : "", doubt ? " (doubt)" : "");
	}
	return b.p;
}

/* A field's value, and the text of the mail that shows it. */
static void
put_field(const struct json *claim, const char *label, const char *key, struct arena *a)
{
	const char *value = json_text(json_get(claim, key));
	const char *shows = json_text(json_get(json_get(json_get(claim, "evidence"), key), "text"));

	printf("    %s %s%s%s%s\n", output_cell(label, LABEL_COLUMNS, a), shows ? output_cell(value, VALUE_COLUMNS, a) :
	    output_text(value, 0, a), shows ? "  \"" : "", shows ? output_text(shows, 0, a) : "", shows ? "\"" : "");
}

static const char *
api_text(const struct json *api, struct arena *a)
{
	const char *answer = json_text(json_get(api, "answer")), *at = json_text(json_get(api, "asked_at"));
	const char *unit = json_text(json_get(json_get(api, "sales_unit"), "name"));
	const char *merchant = json_text(json_get(json_get(api, "merchant"), "name"));

	if (!answer)
		return "not asked";
	return arena_printf(a, "%s%s%s%s%s%s%s%s%s", answer, at ? " at " : "", at ? at : "", merchant ? "; merchant \"" : "",
	    merchant ? merchant : "", merchant ? "\"" : "", unit ? "; sales unit \"" : "", unit ? unit : "", unit ? "\"" : "");
}

/* "123456 "Torget", 222222 "Havna" and 3 more": what the API knows of the organisation instead. */
static const char *
units_text(const struct json *units, struct arena *a)
{
	const struct json	*list = json_get(units, "listed");
	struct arena_buf	 b = { .arena = a };
	int64_t			 count;

	if (!json_int(json_get(units, "count"), &count))
		return NULL;
	if (count == 0)
		return "none of this organisation";
	for (int i = 0; i < json_count(list); i++) {
		const struct json	*u = json_item(list, i);
		const char		*name = json_text(json_get(u, "name")), *msn = json_text(json_get(u, "msn"));

		arena_putf(&b, "%s%s \"%s\"", i > 0 ? ", " : "", msn ? msn : "?", name ? name : "");
	}
	if (count > json_count(list))
		arena_putf(&b, " and %lld more", (long long)count - json_count(list));
	return b.p;
}

/* How a person takes the one unit that a claim without an MSN may be about. */
static const char *
proposal_text(const struct claim *c, const struct json *api, struct arena *a)
{
	const struct json	*u = json_get(api, "proposed");
	const char		*msn = json_text(json_get(u, "msn")), *name = json_text(json_get(u, "name"));

	if (!msn || !span_digits(span_of(msn)))
		return NULL;
	return arena_printf(a, "%s \"%s\", the only unit without an approval: approvals review accept clm_%lld --msn %s --why ...",
	    msn, name ? name : "", (long long)c->id, msn);
}

static void
put_claim(const struct claim *c, const struct json *j, struct arena *a)
{
	printf("clm_%lld  %s  %s  %s%s\n", (long long)c->id, claim_state_name(c->state), clock_iso(c->made_ms).s,
	    output_text(c->mailbox, 0, a), c->history ? "  history" : "");
	put_field(j, "organisation", "org_number", a);
	put_field(j, "merchant", "merchant_name", a);
	put_field(j, "MSN", "msn", a);
	put_field(j, "sales unit", "sales_unit_name", a);
	put_line("sender", arena_printf(a, "%s: %s%s%s%s", c->sender_domain && *c->sender_domain ? c->sender_domain : "?",
	    c->trusted ? "proven by " : "not proven: ", c->proof ? c->proof : "none",
	    c->proof_detail && *c->proof_detail ? ": " : "", c->proof_detail ? c->proof_detail : ""), a);
	put_line("reasons", reasons_text(json_get(j, "reasons"), a), a);
	put_line("the API says", api_text(json_get(j, "api"), a), a);
	put_line("it knows", units_text(json_get(json_get(j, "api"), "units"), a), a);
	put_line("perhaps", proposal_text(c, json_get(j, "api"), a), a);
	put_line("mail", arena_printf(a, "mail_%lld", (long long)c->mail_id), a);
}

static void
put_mail(const struct mail_row *m, const struct json *j, struct arena *a)
{
	printf("mail_%lld  %s  %s  %s%s\n", (long long)m->id, m->fate == MAIL_QUARANTINED ? "quarantined" : "unmatched",
	    clock_iso(m->settled_ms).s, output_text(m->mailbox, 0, a), m->history ? "  history" : "");
	put_line("why", m->reason ? m->reason : m->fate == MAIL_READ ? "no rule knows it" : NULL, a);
	if (m->proof)
		put_line("sender", arena_printf(a, "%s: %s%s", m->from_domain && *m->from_domain ? m->from_domain : "?",
		    m->trusted ? "proven by " : "not proven: ", m->proof), a);
	put_line("reasons", reasons_text(json_get(json_get(j, "message"), "reasons"), a), a);
}

/* One thing that waits, as an object: the claim's or mail's own, and what `review` knows beside it. */
static int
item_json(struct db *db, const struct review_item *item, struct claim *c, struct mail_row *m, struct json **out,
    struct arena *a, struct err *e)
{
	if (item->is_claim ? claim_get(db, item->id, a, c, e) == -1 : mail_get(db, item->id, a, m, e) == -1)
		return -1;
	*out = item->is_claim ? claim_json(c) : mail_json(m);
	json_put_text(*out, "waits", item->is_claim ? claim_state_name(c->state) :
	    m->fate == MAIL_QUARANTINED ? "quarantined" : "unmatched");
	json_put_bool(*out, "trusted", item->is_claim ? c->trusted : m->trusted);
	if (item->is_claim) {
		json_put_text(*out, "mail", arena_printf(a, "mail_%lld", (long long)c->mail_id));
		json_put_bool(*out, "history", c->history);
	}
	return 0;
}

static int
item_print(struct db *db, const struct review_item *item, enum format format, bool first, struct err *e)
{
	struct arena	 a = {0};
	struct claim	 c;
	struct mail_row	 m;
	struct json	*j = NULL;
	int		 rc = item_json(db, item, &c, &m, &j, &a, e);

	if (rc == 0 && format == FORMAT_TABLE) {
		if (!first)
			putchar('\n');
		if (item->is_claim)
			put_claim(&c, j, &a);
		else
			put_mail(&m, j, &a);
	} else if (rc == 0) {
		printf("%s%s%s", format == FORMAT_NDJSON ? "" : first ? "\n " : ",\n ", raw_text(json_print(j, &a), &a),
		    format == FORMAT_NDJSON ? "\n" : "");
	}
	json_free(j);
	arena_free(&a);
	return rc;
}

/* What the API says of the claims, asked now. */
static int
items_look(struct app *app, const struct review_item *items, int n, struct err *e)
{
	struct enrich	en = { .db = app->db, .conf = &app->set.api, .stop = &stop_asked, .now_ms = clock_now_ms() };
	struct look	look;
	int64_t		*ids = arena_array(&app->arena, (size_t)n + 1, sizeof *ids);
	int		 count = 0;

	for (int i = 0; i < n; i++)
		if (items[i].is_claim)
			ids[count++] = items[i].id;
	if (enrich_look(&en, ids, count, &look, e) == -1)
		return -1;
	if (look.failed)
		log_warn("review.unasked", "error", look.why.msg, NULL);
	else if (look.unasked > 0)
		log_warn("review.unasked", "claims", log_num(look.unasked).s, "error",
		    "the API is asked 20 questions an hour about claims that are not proven", NULL);
	return 0;
}

/* To look at what is there, the database must be; what is learned or decided is written. */
static int
database_open(struct app *app, bool write, struct err *e)
{
	if (db_open(app->set.database, DB_READ, &app->db, e) == -1)
		return -1;
	if (!write)
		return 0;
	db_close(app->db);
	app->db = NULL;
	return db_open(app->set.database, DB_WRITE, &app->db, e);
}

static int
list_print(struct app *app, const struct review_filter *f, bool offline, enum format format, struct err *e)
{
	struct review_item	*items;
	int64_t			 all = 0;
	int			 n;

	if (database_open(app, !offline && !app->set.api.none, e) == -1 ||
	    review_waiting(app->db, f, &app->arena, &items, &n, &all, e) == -1 ||
	    (!offline && items_look(app, items, n, e) == -1))
		return -1;
	if (format == FORMAT_JSON)
		putchar('[');
	for (int i = 0; i < n; i++)
		if (item_print(app->db, &items[i], format, i == 0, e) == -1)
			return -1;
	if (format == FORMAT_JSON)
		puts(n > 0 ? "\n]" : "]");
	if (all > n)
		log_warn("review.more", "shown", log_num(n).s, "waiting", log_num(all).s, "see", "--limit", NULL);
	return output_done(e);
}

static enum status
review_list(struct app *app, int argc, char **argv)
{
	static const struct option options[] = { { "format", 1, NULL, 'f' }, { "limit", 1, NULL, 'l' },
		{ "since", 1, NULL, 'S' }, { "mailbox", 1, NULL, 'b' }, { "offline", 0, NULL, 'o' }, { NULL, 0, NULL, 0 } };
	struct review_filter f = { .limit = LIMIT_DEFAULT };
	struct err	 e;
	char		*end;
	long		 limit;
	int		 opt, format = FORMAT_TABLE;
	bool		 offline = false;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (opt) {
		case 'f':
			if ((format = format_of(optarg, "table json ndjson")) == -1)
				return usage("review", "--format %s: one of table, json, ndjson", optarg);
			break;
		case 'l':
			limit = strtol(optarg, &end, 10);
			if (limit < 1 || limit > LIMIT_MAX || *end)
				return usage("review", "--limit %s: a number from 1 to %d", optarg, LIMIT_MAX);
			f.limit = (int)limit;
			break;
		case 'S':
			if (clock_parse(span_of(optarg), &f.since_ms, &e) == -1)
				return usage("review", "--since %s", e.msg);
			break;
		case 'b':
			f.mailbox = optarg;
			break;
		case 'o':
			offline = true;
			break;
		default:
			return usage("review", "that option is not known");
		}
	if (optind < argc)
		return usage("review", "%s: review knows accept, reject and show", argv[optind]);
	return list_print(app, &f, offline, (enum format)format, &e) == -1 ? failed("review.failed", &e) : STATUS_DONE;
}

/* ---- deciding */

/* Who logged in, whatever account it is by now; -1 if nobody did, or the kernel does not say. */
static int64_t
login_uid(void)
{
	char		text[16] = "";
	unsigned long	uid;
	int		fd = open("/proc/self/loginuid", O_RDONLY | O_CLOEXEC);
	ssize_t		n = fd == -1 ? -1 : read(fd, text, sizeof text - 1);

	if (fd != -1)
		close(fd);
	if (n <= 0 || !span_digits(span_trim(span_of(text))))
		return -1;
	uid = strtoul(text, NULL, 10);
	return uid == NO_LOGIN ? -1 : (int64_t)uid;
}

static const char *
user_name(struct arena *a)
{
	const struct passwd *pw = getpwuid(getuid());

	return pw ? arena_text(a, pw->pw_name) : arena_printf(a, "uid %lu", (unsigned long)getuid());
}

/* A line that a person wrote: shown again in logs, alerts and on terminals. */
static bool
is_line(const char *text, size_t max)
{
	struct span s = span_of(text);

	if (span_trim(s).n == 0 || s.n > max || !span_utf8(s))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return true;
}

static int
decide_one(struct app *app, const char *id, const struct review *v, bool although, struct err *e)
{
	const bool	is_claim = strncmp(id, "clm_", 4) == 0;
	const char	*digits = is_claim ? id + 4 : id + 5;
	int64_t		row;

	if ((!is_claim && strncmp(id, "mail_", 5) != 0) || !span_digits(span_of(digits)))
		return err_set(e, ERR_REJECT, "%.40s: give an id that begins with clm_ or mail_", id);
	errno = 0;
	row = strtoll(digits, NULL, 10);
	if (errno != 0)
		return err_set(e, ERR_REJECT, "%.40s: there is no such id", id);
	return is_claim ? review_claim(app->db, row, v, although, app->set.api.none, e) :
	    review_mail(app->db, row, v, e);
}

/* All of them, or none. */
static int
decide(struct app *app, char **ids, int n, const struct review *v, bool although, struct err *e)
{
	int rc = 0;

	if (database_open(app, true, e) == -1 || db_begin(app->db, e) == -1)
		return -1;
	for (int i = 0; i < n && rc == 0; i++)
		rc = decide_one(app, ids[i], v, although, e);
	if (rc == 0)
		return db_commit(app->db, e);
	db_rollback(app->db);
	return -1;
}

static enum status
review_decide(struct app *app, int argc, char **argv)
{
	static const struct option options[] = { { "why", 1, NULL, 'w' }, { "by", 1, NULL, 'b' },
		{ "although-disputed", 0, NULL, 'd' }, { "msn", 1, NULL, 'm' }, { NULL, 0, NULL, 0 } };
	struct review	v = { .accept = strcmp(argv[0], "accept") == 0, .user = user_name(&app->arena),
	    .login_uid = login_uid(), .at_ms = clock_now_ms() };
	struct err	e;
	int		opt;
	bool		although = false;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (opt == 'w')
			v.why = optarg;
		else if (opt == 'b')
			v.by = optarg;
		else if (opt == 'd' && v.accept)
			although = true;
		else if (opt == 'm' && v.accept)
			v.msn = optarg;
		else
			return usage("review", "that option is not known");
	if (optind == argc)
		return usage("review", "which id?");
	if (v.msn && (optind + 1 != argc || strncmp(argv[optind], "clm_", 4) != 0 || !span_digits(span_of(v.msn)) ||
	    strlen(v.msn) < MSN_MIN || strlen(v.msn) > MSN_MAX))
		return usage("review", "--msn N is for one claim: %d to %d digits", MSN_MIN, MSN_MAX);
	if (!v.why || !is_line(v.why, REVIEW_WHY_BYTES))
		return usage("review", "--why TEXT says why, on one line of at most %d bytes", REVIEW_WHY_BYTES);
	if (v.by && !is_line(v.by, REVIEW_NAME_BYTES))
		return usage("review", "--by NAME is one line of at most %d bytes", REVIEW_NAME_BYTES);
	if (decide(app, argv + optind, argc - optind, &v, although, &e) == -1)
		return e.kind == ERR_REJECT && e.what == ERR_ANY ? usage(NULL, "%s", e.msg) : failed("review.failed", &e);
	return STATUS_DONE;
}

static enum status
review_show(struct app *app, int argc, char **argv)
{
	struct err e;

	return database_open(app, false, &e) == -1 ? failed("database.failed", &e) : cmd_show(app, argc, argv);
}

enum status
cmd_review(struct app *app, int argc, char **argv)
{
	static const struct {
		const char	*name;
		enum status	(*run)(struct app *, int, char **);
	} words[] = { { "accept", review_decide }, { "reject", review_decide }, { "show", review_show } };

	for (size_t i = 0; argc > 1 && i < COUNT(words); i++)
		if (strcmp(argv[1], words[i].name) == 0)
			return words[i].run(app, argc - 1, argv + 1);
	return review_list(app, argc, argv);
}
