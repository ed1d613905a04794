/* The subcommands, what each needs opened, and the order of work. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "ingest/resolver.h"
#include "store/event.h"

enum {	/* what of the configuration, and what of the database */
	NEED_CONF  = 1,		/* the whole configuration */
	NEED_RULES = 2,		/* its sections `sender`, `rules` and `limits` */
	NEED_CHECK = 32,	/* the whole, looked at more closely */
	NEED_READ  = 4,		/* the database, to look at */
	NEED_WRITE = 8,		/* the database, made if it is not there */
	NEED_LOCK  = 16,	/* no other pass meanwhile */
	NEED_STOP  = 64		/* looks at stop_asked */
};

static const struct command {
	const char	*name;
	enum status	(*run)(struct app *, int, char **);
	unsigned	 needs;
	const char	*args, *summary;
} commands[] = {
	{ "run",    cmd_run,    NEED_CONF | NEED_WRITE | NEED_LOCK, "[--jobs N]",
	    "one pass of everything: ingest, enrich, notify" },
	{ "watch",  cmd_watch,  NEED_CONF | NEED_STOP, "",	/* takes the lock itself: it waits for it */
	    "stay, and do what run does as soon as there is something to do" },
	{ "ingest", cmd_ingest, NEED_CONF | NEED_WRITE | NEED_LOCK, "[--jobs N]", "read new mail" },
	{ "enrich", cmd_enrich, NEED_CONF | NEED_WRITE | NEED_STOP, "[--refresh ID...|--all]",	/* takes the lock itself */
	    "ask the Management API about claims, and again about approvals" },
	{ "notify", cmd_notify, NEED_CONF | NEED_WRITE | NEED_LOCK, "", "send what is due" },
	{ "import", cmd_import, NEED_CONF | NEED_WRITE | NEED_STOP, "[--announce] PATH...",
	    "read mails from files: .eml, mbox, Maildir, folders of them" },
	{ "log",    cmd_log,    NEED_CONF | NEED_READ,
	    "[--state S,...] [--org N] [--msn N] [--country CC] [--mailbox NAME]\n"
	    "             [--since T] [--until T] [--text TEXT] [--limit N] [--format table|json|ndjson|csv]",
	    "approvals, and claims that are not (yet) one" },
	{ "show",   cmd_show,   NEED_CONF | NEED_READ, "[--format text|json] ID",
	    "anything with an id (apr_, clm_, mail_, evt_, dlv_) and what is known of it" },
	{ "mail",   cmd_mail,   NEED_CONF,	/* opens the database itself: reread writes */
	    "list [--fate F,...] [--mailbox NAME] [--since T] [--until T] [--limit N]\n"
	    "                [--format table|json|ndjson|csv]\n"
	    "           | show [--format text|json] ID | save ID [FILE|-]\n"
	    "           | reread ID... | reread [--fate F,...] [--mailbox NAME] [--since T] [--until T]",
	    "mails and their fates; their bytes; read them again with today's rules" },
	{ "review", cmd_review, NEED_CONF,	/* opens the database itself: decisions and answers are written */
	    "[--mailbox NAME] [--since T] [--limit N] [--offline] [--format table|json|ndjson]\n"
	    "           | accept ID... --why TEXT [--although-disputed] [--msn N] [--by NAME]\n"
	    "           | reject ID... --why TEXT [--by NAME] | show [--format text|json] ID",
	    "what waits for a person; decide about it" },
	{ "reconcile", cmd_reconcile, NEED_CONF | NEED_WRITE | NEED_STOP, "[--new] [--believe] [--format table|json|ndjson]",
	    "what the Management API knows and the log does not, and the reverse" },
	{ "rules",  cmd_rules,  NEED_RULES, "test [--why] [--format table|ndjson] MAIL... | check [FILE...]",
	    "what saved mails yield, and why or why not; whether rules are right" },
	{ "oauth",  cmd_oauth,  NEED_CONF, "login MAILBOX", "sign in to a mailbox: its first refresh token" },
	{ "check",  cmd_check,  NEED_CHECK, "[--online [--format text|json]]",
	    "the configuration, its secrets and rules; with --online the servers, too" },
	{ "verify", cmd_verify, NEED_CONF | NEED_READ, "", "the database and the chain of events" },
};

volatile int stop_asked;

static void
on_stop(int sig)
{
	(void)sig;
	stop_asked = 1;
}

void
stop_watch(void)
{
	const struct sigaction on = { .sa_handler = on_stop }, ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGPIPE, &ignore, NULL);	/* a peer that went is an error; `log | head` just ends */
	sigaction(SIGTERM, &on, NULL);	/* no SA_RESTART: waiting calls return and look */
	sigaction(SIGINT, &on, NULL);
}

static void
help(FILE *f)
{
	fputs("usage: approvals [-c FILE] [-v] COMMAND [ARGUMENT...]\n\n", f);
	for (size_t i = 0; i < COUNT(commands); i++)
		fprintf(f, "  %-8s %s%s%s\n", commands[i].name, commands[i].summary, commands[i].args[0] ?
		    "\n           " : "", commands[i].args);
	fputs("\n"
	    "  -c FILE    configuration (default " APPROVALS_SYSCONFDIR "/approvals/approvals.yaml, then ./approvals.yaml)\n"
	    "  -v         say what is done, not only what is wrong; -vv for debugging\n"
	    "  --help     this text (approvals(1) and approvals.yaml(5) say more)\n"
	    "  --version\n", f);
}

enum status
usage(const char *command, const char *fmt, ...)
{
	va_list ap;

	fputs("approvals: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	for (size_t i = 0; command && i < COUNT(commands); i++)
		if (strcmp(commands[i].name, command) == 0)
			fprintf(stderr, "usage: approvals %s %s\n", command, commands[i].args);
	if (!command)
		fputs("`approvals --help` lists the commands\n", stderr);
	return STATUS_USAGE;
}

enum status
failed(const char *event, const struct err *e)
{
	log_error(event, "error", e->msg, NULL);
	return status_of(e);
}

enum status
app_failed(struct app *app, const char *event, const struct err *e)
{
	const int64_t	now_ms = clock_mono_ms();

	if (!app->staying || e->what != ERR_STOPPED)
		return failed(event, e);
	if (app->away_ms == 0 || now_ms - app->away_ms >= TROUBLE_SAY_MS) {
		app->away_ms = now_ms;
		return failed(event, e);
	}
	return status_of(e);
}

void
app_well(struct app *app)
{
	if (app->away_ms != 0)
		log_warn("database.recovered", "database", app->set.database, NULL);
	app->away_ms = 0;
}

enum status
status_of(const struct err *e)
{
	switch (e->what) {
	case ERR_CONFIG:
		return STATUS_CONFIG;
	case ERR_DATABASE:
		return STATUS_DATABASE;
	case ERR_LOGIN:
		return STATUS_LOGIN;
	case ERR_CERT:
		return STATUS_CERT;
	case ERR_KEYS:
		return STATUS_KEYS;
	case ERR_LOCKED:
		return STATUS_LOCKED;
	case ERR_STOPPED:
	case ERR_NOMEM:
		return STATUS_STOPPED;
	case ERR_ANY:
		break;
	}
	return e->kind == ERR_FATAL ? STATUS_DEFECT : STATUS_PARTLY;
}

/* How bad, the worst first; what is no status (a worker may end with anything) is a defect. */
static size_t
status_rank(enum status s)
{
	static const enum status worst_first[] = { STATUS_DEFECT, STATUS_USAGE, STATUS_CONFIG, STATUS_DATABASE,
		STATUS_LOGIN, STATUS_CERT, STATUS_KEYS, STATUS_LOCKED, STATUS_STOPPED, STATUS_PARTLY, STATUS_DONE };

	for (size_t i = 0; i < COUNT(worst_first); i++)
		if (s == worst_first[i])
			return i;
	return 0;
}

enum status
status_worse(enum status a, enum status b)
{
	enum status worse = status_rank(a) <= status_rank(b) ? a : b;

	return status_rank(worse) == 0 ? STATUS_DEFECT : worse;
}

/* Another pass that is alive is no error: cron simply came too early. */
int
app_lock(struct app *app, enum status *status)
{
	struct err	e;
	int64_t		idle_ms = 0;

	if (db_lock(app->set.database, clock_now_ms(), &app->lock, &idle_ms, &e) == 0)
		return 0;
	if (e.what == ERR_LOCKED && idle_ms < LOCK_STUCK_MS) {
		log_info("lock.held", "database", app->set.database, NULL);
		*status = STATUS_DONE;
	} else {
		*status = failed(e.what == ERR_LOCKED ? "lock.stuck" : "database.failed", &e);
	}
	return -1;
}

static enum status
run_command(struct app *app, const struct command *c, const char *conf_path, int argc, char **argv)
{
	struct err	e;
	enum status	status = STATUS_DONE;

	if (c->needs & NEED_CHECK)
		signal(SIGPIPE, SIG_IGN);
	if (c->needs & (NEED_LOCK | NEED_RULES | NEED_STOP))	/* the others look at no flag: a signal just ends them */
		stop_watch();
	if (settings_read(conf_path, c->needs & NEED_CHECK ? SETTINGS_CHECK : c->needs & NEED_RULES ?
	    SETTINGS_RULES : SETTINGS_ALL, &app->arena, &app->set, &e) == -1)
		return failed("configuration.refused", &e);
	if (c->needs & NEED_LOCK && app_lock(app, &status) == -1)
		return status;
	if (c->needs & (NEED_READ | NEED_WRITE) && db_open(app->set.database,
	    c->needs & NEED_WRITE ? DB_WRITE : DB_READ, &app->db, &e) == -1)
		status = failed("database.failed", &e);
	else
		status = c->run(app, argc, argv);
	db_close(app->db);
	db_unlock(app->lock);
	return status;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' }, { NULL, 0, NULL, 0 } };
	const struct sigaction usual = { .sa_handler = SIG_DFL }, ignore = { .sa_handler = SIG_IGN };
	const struct rlimit none = { 0, 0 };
	struct app	app = {0};
	const char	*conf_path = NULL;
	enum status	status;
	int		opt, verbose = 0;

	umask(077);
	setrlimit(RLIMIT_CORE, &none);		/* there are secrets in memory */
	sigaction(SIGXFSZ, &ignore, NULL);	/* a limit of file size is an error as a full disk is, no death */
	sigaction(SIGCHLD, &usual, NULL);	/* who started us may ignore it: then nobody could be waited for */
	while ((opt = getopt_long(argc, argv, "+c:vh", options, NULL)) != -1)
		switch (opt) {
		case 'c':
			conf_path = optarg;
			break;
		case 'v':
			verbose++;
			break;
		case 'h':
			help(stdout);
			return STATUS_DONE;
		case 'V':
			puts("approvals " APPROVALS_VERSION);
			return STATUS_DONE;
		default:
			return usage(NULL, "that option is not known");
		}
	log_level_set(verbose > 1 ? LOG_DEBUG : verbose ? LOG_INFO : LOG_WARN);
	argc -= optind;
	argv += optind;
	if (argc == 0)
		return usage(NULL, "which command?");
	for (size_t i = 0; i < COUNT(commands); i++)
		if (strcmp(commands[i].name, argv[0]) == 0) {
			if (!*commands[i].args && argc > 1)
				return usage(argv[0], "%s: %s takes no argument", argv[1], argv[0]);
			optind = 0;	/* each command reads its own options from the start */
			status = run_command(&app, &commands[i], conf_path, argc, argv);
			arena_free(&app.arena);
			return (int)status;
		}
	return usage(NULL, "%s: no such command", argv[0]);
}
