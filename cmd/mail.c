/* mail: what became of each mail; its bytes; reading again what was read. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "ingest/import.h"
#include "ingest/reread.h"
#include "ingest/resolver.h"
#include "store/mail.h"

#define MAIL_PAGE	100	/* row numbers read at a time: so quick that no commit waits for a reader */

/* ---- what the subcommands share */

struct choice {
	struct mail_filter	filter;
	bool			any;		/* a filter was given */
	int64_t			limit;		/* 0: none */
	enum format		format;
};

/* "read,quarantined" to a list; NULL if a word is no fate. */
static const char **
fates_of(const char *words, struct arena *a)
{
	struct span	  rest = span_of(words), word;
	const char	**list = arena_array(a, rest.n + 2, sizeof *list);
	bool		  more = true;

	for (size_t n = 0; more; n++) {
		more = span_cut(&rest, ',', &word);
		list[n] = arena_textn(a, word.p, word.n);
		if (mail_fate_of(list[n]) == -1)
			return NULL;
	}
	return list;
}

/* Options of list and reread; STATUS_DONE, and optind is at what follows. */
static enum status
choice_read(struct app *app, int argc, char **argv, bool list, struct choice *c)
{
	static const struct option all[] = { { "fate", 1, NULL, 'F' }, { "mailbox", 1, NULL, 'b' },
		{ "since", 1, NULL, 'S' }, { "until", 1, NULL, 'U' }, { "limit", 1, NULL, 'l' },
		{ "format", 1, NULL, 'f' }, { NULL, 0, NULL, 0 } };
	struct err	 e;
	char		*end;
	int		 opt, format;

	while ((opt = getopt_long(argc, argv, "", all, NULL)) != -1) {
		c->any = true;
		switch (list || (opt != 'l' && opt != 'f') ? opt : '?') {
		case 'F':
			if (!(c->filter.fates = fates_of(optarg, &app->arena)))
				return usage("mail", "--fate %s: a fate is one of pending, ignored, own, read, oversize, "
				    "quarantined, vanished", optarg);
			break;
		case 'b':
			c->filter.mailbox = optarg;
			break;
		case 'S':
		case 'U':
			if (clock_parse(span_of(optarg), opt == 'S' ? &c->filter.since_ms : &c->filter.until_ms, &e) == -1)
				return usage("mail", "--%s %s", opt == 'S' ? "since" : "until", e.msg);
			break;
		case 'l':
			c->limit = strtoll(optarg, &end, 10);
			if (c->limit < 1 || *end)
				return usage("mail", "--limit %s: a number from 1", optarg);
			break;
		case 'f':
			if ((format = format_of(optarg, "table json ndjson csv")) == -1)
				return usage("mail", "--format %s: one of table, json, ndjson, csv", optarg);
			c->format = (enum format)format;
			break;
		default:
			return usage("mail", "that option is not known");
		}
	}
	return STATUS_DONE;
}

/* The row number of "mail_17"; 0 if it is none. */
static int64_t
id_of(const char *text)
{
	if (strncmp(text, "mail_", 5) != 0 || !span_digits(span_of(text + 5)))
		return 0;
	return strtoll(text + 5, NULL, 10);
}

static enum status
database(struct app *app, enum db_mode mode)
{
	struct err e;

	return db_open(app->set.database, mode, &app->db, &e) == -1 ? failed("database.failed", &e) : STATUS_DONE;
}

/* ---- list */

enum { COLUMN_TIME, COLUMN_FATE, COLUMN_MAILBOX, COLUMN_SENDER, COLUMN_PROOF, COLUMN_KIND, COLUMN_CLAIMS, COLUMN_ID,
	COLUMN_WHY, COLUMNS };

static void
print_table(const char *const v[COLUMNS], bool head, struct arena *a)
{
	printf("%s %s %s %s %s %s %s %s%s%s\n", output_cell(head ? v[COLUMN_TIME] :
	    arena_textn(a, v[COLUMN_TIME], 16), 16, a), output_cell(v[COLUMN_FATE], 11, a),
	    output_cell(v[COLUMN_MAILBOX], 12, a), output_cell(v[COLUMN_SENDER], 24, a),
	    output_cell(v[COLUMN_PROOF], 22, a), output_cell(v[COLUMN_KIND], 17, a),
	    output_cell(v[COLUMN_CLAIMS], 6, a), output_cell(v[COLUMN_ID], v[COLUMN_WHY] ? 10 : 0, a),
	    v[COLUMN_WHY] ? "  " : "", v[COLUMN_WHY] ? output_text(v[COLUMN_WHY], 0, a) : "");
}

/* NULL or empty: not known. */
static const char *
known(const char *text)
{
	return text && *text ? text : NULL;
}

static void
print_mail(const struct mail_row *m, enum format format, bool first, struct arena *a)
{
	const char	*v[COLUMNS] = {
		arena_text(a, clock_iso(m->arrived_ms != 0 ? m->arrived_ms : m->shown_ms).s),
		mail_fate_name(m->fate), m->mailbox, known(m->from_domain), m->proof, known(m->kind),
		arena_printf(a, "%lld", (long long)m->claims), arena_printf(a, "mail_%lld", (long long)m->id),
		m->reason };
	struct json	*j;

	switch (format) {
	case FORMAT_TABLE:
	case FORMAT_TEXT:
		print_table(v, false, a);
		return;
	case FORMAT_CSV:
		output_csv(v, COLUMNS, a);
		return;
	case FORMAT_JSON:
	case FORMAT_NDJSON:
		j = mail_json(m);
		printf("%s%s%s", format == FORMAT_NDJSON ? "" : first ? "\n " : ",\n ", output_raw(json_print(j, a), a),
		    format == FORMAT_NDJSON ? "\n" : "");
		json_free(j);
		return;
	}
}

static void
print_head(enum format format, struct arena *a)
{
	static const char *const table[COLUMNS] = { "TIME (UTC)", "FATE", "MAILBOX", "SENDER", "PROOF", "KIND", "CLAIMS",
		"ID", NULL };
	static const char *const csv[COLUMNS] = { "time", "fate", "mailbox", "sender_domain", "proof", "kind", "claims",
		"id", "reason" };

	if (format == FORMAT_TABLE)
		print_table(table, true, a);
	else if (format == FORMAT_CSV)
		output_csv(csv, COLUMNS, a);
	else if (format == FORMAT_JSON)
		putchar('[');
}

static int
list_all(struct db *db, const struct choice *c, int64_t *count, struct err *e)
{
	int64_t	ids[MAIL_PAGE], after = 0;
	int	n = 1, rc = 0;

	for (*count = 0; rc == 0 && n > 0 && (c->limit == 0 || *count < c->limit); after = n > 0 ? ids[n - 1] : 0) {
		rc = mail_page(db, &c->filter, after, ids, MAIL_PAGE, &n, e);
		for (int i = 0; rc == 0 && i < n && (c->limit == 0 || *count < c->limit); i++) {
			struct arena	a = {0};
			struct mail_row	m;

			rc = mail_get(db, ids[i], &a, &m, e);
			if (rc == 0)
				print_mail(&m, c->format, (*count)++ == 0, &a);
			arena_free(&a);
			if (rc == 0 && ferror(stdout))
				rc = output_done(e);
		}
	}
	return rc;
}

static enum status
mail_list(struct app *app, int argc, char **argv)
{
	struct choice	c = { .format = FORMAT_TABLE };
	struct err	e;
	int64_t		count;
	enum status	status = choice_read(app, argc, argv, true, &c);

	if (status == STATUS_DONE && optind < argc)
		return usage("mail", "%s: mail list takes options only", argv[optind]);
	if (status != STATUS_DONE || (status = database(app, DB_READ)) != STATUS_DONE)
		return status;
	print_head(c.format, &app->arena);
	if (list_all(app->db, &c, &count, &e) == -1)
		return failed("mail.failed", &e);
	if (c.format == FORMAT_JSON)
		puts(count > 0 ? "\n]" : "]");
	return output_done(&e) == -1 ? failed("mail.failed", &e) : STATUS_DONE;
}

/* ---- show */

static enum status
mail_show(struct app *app, int argc, char **argv)
{
	enum status status;

	if (argc < 2 || id_of(argv[argc - 1]) == 0)
		return usage("mail", "show which mail? its id is like mail_17");
	status = database(app, DB_READ);
	return status == STATUS_DONE ? cmd_show(app, argc, argv) : status;
}

/* ---- save */

/* Why there are no bytes of this mail. */
static const char *
unkept(const struct mail_row *m)
{
	switch (m->fate) {
	case MAIL_PENDING:
		return "it was not read yet";
	case MAIL_IGNORED:
		return "it was ignored, and so never fetched";
	case MAIL_OWN:
		return "it is a mail of ours that came back";
	case MAIL_READ:
		return "it is not proven and says nothing of an approval";
	case MAIL_OVERSIZE:
		return "it is larger than limits.mail_bytes, and so was never fetched";
	case MAIL_VANISHED:
		return "it was gone before it was read";
	case MAIL_QUARANTINED:
	case MAIL_FATES:
		break;
	}
	return "they are not there";
}

static int
write_all(int fd, const char *name, struct span bytes, struct err *e)
{
	while (bytes.n > 0) {
		ssize_t n = write(fd, bytes.p, bytes.n);

		if (n == -1 && errno != EINTR)
			return err_set(e, ERR_RETRY, "cannot write %s: %s", name, strerror(errno));
		if (n > 0)
			bytes = span_from(bytes, (size_t)n);
	}
	return 0;
}

/* A new file: one that is there may be a mail that was saved before. */
static int
write_file(const char *name, struct span bytes, struct err *e)
{
	int fd, rc;

	if (strcmp(name, "-") == 0)
		return write_all(STDOUT_FILENO, "standard output", bytes, e);
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return err_set(e, ERR_RETRY, "cannot write %s: %s", name, strerror(errno));
	rc = write_all(fd, name, bytes, e);
	if (close(fd) == -1 && rc == 0)
		rc = err_set(e, ERR_RETRY, "cannot write %s: %s", name, strerror(errno));
	if (rc == -1)
		unlink(name);
	return rc;
}

static enum status
mail_save(struct app *app, int argc, char **argv)
{
	struct mail_row	m;
	struct span	bytes;
	struct err	e;
	enum status	status;

	if (argc < 2 || argc > 3 || id_of(argv[1]) == 0)
		return usage("mail", "save which mail? its id is like mail_17");
	if ((status = database(app, DB_READ)) != STATUS_DONE)
		return status;
	if (reread_target(app->db, id_of(argv[1]), &app->arena, &m, &e) == -1)
		return e.kind == ERR_REJECT ? usage(NULL, "%s", e.msg) : failed("mail.failed", &e);
	if (mail_kept(app->db, m.id, &app->arena, &bytes, &e) == -1)
		return failed("mail.failed", &e);
	if (bytes.p == NULL) {
		log_error("mail.not-kept", "mail", argv[1], "error", arena_printf(&app->arena,
		    "its bytes are not kept: %s", unkept(&m)), NULL);
		return STATUS_PARTLY;
	}
	if (write_file(argc == 3 ? argv[2] : arena_printf(&app->arena, "mail_%lld.eml",
	    (long long)id_of(argv[1])), bytes, &e) == -1)
		return failed("mail.failed", &e);
	return STATUS_DONE;
}

/* ---- reread */

struct rereader {
	struct app	*app;
	struct ingest	 in;
	struct readers	**readers;	/* of each mailbox by its place in the settings; the last: of files */
	int64_t		 mails, ends[REREAD_FAILED + 1], waiting;
	bool		 named;		/* by their ids: what cannot be done is said of each */
};

/* Children that know the mailbox's authserv, started when a mail needs them; *fetchable as reread_mail() asks. */
static int
readers_for(struct rereader *r, const char *mailbox, bool *fetchable, struct err *e)
{
	const struct settings	*set = &r->app->set;
	int			 i = 0;

	while (i < set->mailbox_count && strcmp(set->mailboxes[i].name, mailbox) != 0)
		i++;
	*fetchable = i < set->mailbox_count || strcmp(mailbox, IMPORT_MAILBOX) == 0;
	if (!r->readers[i]) {
		struct reading_setup *setup = arena_alloc(&r->app->arena, sizeof *setup);

		*setup = ingest_setup(&set->sender, i < set->mailbox_count ? set->mailboxes[i].authserv : NULL,
		    set->rules, &r->app->arena);
		if (readers_open(setup, NULL, &r->readers[i], e) == -1 || reader_try(r->readers[i], e) == -1)
			return -1;
		readers_keys(r->readers[i], resolver_key, (const char *const *)set->net.dns);
	}
	r->in.readers = r->readers[i];
	return 0;
}

/* What did not come to an end now. */
static void
say_end(const struct rereader *r, const char *mail, enum reread_end end)
{
	const char *why = NULL;

	switch (end) {
	case REREAD_DONE:
		return;
	case REREAD_WAITS:
		why = "its bytes are not kept: the next `ingest`, or `import` of its file, reads it";
		break;
	case REREAD_LOST:
		why = "its bytes are not kept, and its mailbox does not know it any more";
		break;
	case REREAD_FAILED:
		why = "there was no memory to read it";
		break;
	}
	if (r->named)
		log_warn("mail.not-read", "mail", mail, "error", why, NULL);
	else
		log_info("mail.not-read", "mail", mail, "error", why, NULL);
}

static int
reread_one(struct rereader *r, int64_t id, struct err *e)
{
	struct arena	a = {0};
	struct mail_row	m;
	enum reread_end	end;
	bool		fetchable = false, waits = false;
	int		rc = reread_target(r->in.db, id, &a, &m, e);

	if (rc == 0 && m.fate != MAIL_PENDING && m.fate != MAIL_VANISHED) {
		rc = readers_for(r, m.mailbox, &fetchable, e);
		r->in.mailbox = m.mailbox;
		if (rc == 0)
			rc = reread_mail(&r->in, &m, fetchable, &end, &waits, e);
		if (rc == 0) {
			r->mails++;
			r->ends[end]++;
			r->waiting += waits;
			say_end(r, arena_printf(&a, "mail_%lld", (long long)m.id), end);
		}
	}
	arena_free(&a);
	return rc;
}

static int
reread_all(struct rereader *r, const struct choice *c, struct err *e)
{
	int64_t	ids[MAIL_PAGE], after = 0;
	int	n = 1, rc = 0;

	while (rc == 0 && n > 0) {
		rc = mail_page(r->in.db, &c->filter, after, ids, MAIL_PAGE, &n, e);
		for (int i = 0; rc == 0 && i < n; i++) {
			after = ids[i];
			rc = stop_asked ? err_what(e, ERR_RETRY, ERR_STOPPED, "stopped by a signal") :
			    reread_one(r, ids[i], e);
		}
		if (n > 0 && isatty(STDERR_FILENO))
			fprintf(stderr, "\rreread: %lld mails", (long long)r->mails);
	}
	if (r->mails > 0 && isatty(STDERR_FILENO))
		fputs("\n", stderr);
	return rc;
}

static enum status
reread(struct rereader *r, const struct choice *c, int n, char **names)
{
	enum status	status = STATUS_DONE;
	struct err	e;
	int		rc = 0;

	for (int i = 0; i < n && rc == 0; i++)
		rc = reread_one(r, id_of(names[i]), &e);
	if (n == 0)
		rc = reread_all(r, c, &e);
	if (rc == -1)
		status = failed("mail.failed", &e);
	if (r->waiting > 0)
		status = status_worse(status, STATUS_PARTLY);
	if (r->ends[REREAD_FAILED] > 0)
		status = status_worse(status, STATUS_STOPPED);
	printf("mails=%lld read=%lld pending=%lld lost=%lld failed=%lld claims=%lld waiting=%lld\n",
	    (long long)r->mails, (long long)r->ends[REREAD_DONE], (long long)r->ends[REREAD_WAITS],
	    (long long)r->ends[REREAD_LOST], (long long)r->ends[REREAD_FAILED], (long long)r->in.claims,
	    (long long)r->waiting);
	return output_done(&e) == -1 ? status_worse(status, failed("mail.failed", &e)) : status;
}

/* Every id is one, and there is such a mail: nothing is done before that is known. */
static enum status
ids_check(struct app *app, int n, char **names)
{
	struct arena	a = {0};
	struct mail_row	m;
	struct err	e;
	enum status	status = STATUS_DONE;

	for (int i = 0; i < n && status == STATUS_DONE; i++)
		if (id_of(names[i]) == 0)
			status = usage("mail", "%s: no mail's id, which is like mail_17", names[i]);
		else if (mail_get(app->db, id_of(names[i]), &a, &m, &e) == -1)
			status = e.kind == ERR_REJECT ? usage(NULL, "%s", e.msg) : failed("mail.failed", &e);
	arena_free(&a);
	return status;
}

static enum status
mail_reread(struct app *app, int argc, char **argv)
{
	struct choice	c = {0};
	struct rereader	r = { .app = app };
	const int	boxes = app->set.mailbox_count;
	enum status	status = choice_read(app, argc, argv, false, &c);

	if (status != STATUS_DONE)
		return status;
	if (c.any == (optind < argc))
		return usage("mail", "reread which mails? name ids, or choose by --fate, --mailbox, --since, --until");
	stop_watch();
	if ((status = database(app, DB_WRITE)) != STATUS_DONE ||
	    (status = ids_check(app, argc - optind, argv + optind)) != STATUS_DONE)
		return status;
	r.named = optind < argc;
	r.readers = arena_array(&app->arena, (size_t)boxes + 1, sizeof *r.readers);
	r.in = (struct ingest){ .db = app->db, .sender = &app->set.sender, .limits = &app->set.limits,
	    .screen = screen_hash(&app->set, &app->arena), .stop = &stop_asked, .now_ms = clock_now_ms() };
	status = reread(&r, &c, argc - optind, argv + optind);
	for (int i = 0; i <= boxes; i++)
		readers_close(r.readers[i]);
	return status;
}

enum status
cmd_mail(struct app *app, int argc, char **argv)
{
	static const struct {
		const char	*name;
		enum status	(*run)(struct app *, int, char **);
	} words[] = { { "list", mail_list }, { "show", mail_show }, { "save", mail_save }, { "reread", mail_reread } };

	for (size_t i = 0; argc > 1 && i < COUNT(words); i++)
		if (strcmp(argv[1], words[i].name) == 0)
			return words[i].run(app, argc - 1, argv + 1);
	return usage("mail", argc > 1 ? "%s: mail knows list, show, save and reread" : "mail what?",
	    argc > 1 ? argv[1] : "");
}
