/*
 * cmd - what the subcommands share: exit statuses, what is opened for them, the settings
 *
 * Only this room sees argv, writes results to stdout and chooses exit statuses. A subcommand is one
 * function in a file of its own name; main.c has the table. Results go to stdout, diagnostics to
 * stderr through base/log.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/json.h"
#include "ingest/ingest.h"
#include "ingest/mailbox.h"
#include "ingest/management.h"
#include "ingest/reconcile.h"
#include "notify/email.h"
#include "notify/route.h"
#include "store/db.h"

/* approvals(1), EXIT STATUS. Of several, the worst wins: see status_worse(). */
enum status {
	STATUS_DONE	= 0,	/* the pass was done, also with nothing to do */
	STATUS_DEFECT	= 1,	/* a defect of ours */
	STATUS_USAGE	= 2,
	STATUS_PARTLY	= 3,	/* something waits for a person, or has been failing for long */
	STATUS_DATABASE	= 10,
	STATUS_LOCKED	= 11,	/* another run holds the lock and has made no progress for long */
	STATUS_LOGIN	= 12,
	STATUS_CERT	= 13,
	STATUS_CONFIG	= 14,
	STATUS_KEYS	= 15,
	STATUS_STOPPED	= ARENA_EXIT_NO_MEMORY	/* 75: stopped early: SIGTERM, disk full, no memory, database busy */
};
#define LOCK_STUCK_MS	(10 * INT64_C(60000))	/* a lock without progress for this long is STATUS_LOCKED */

enum status	status_worse(enum status, enum status);
enum status	status_of(const struct err *);

/* The whole configuration. Secrets are only named: each process reads those that it uses. */
struct settings {
	const char		*path;
	const char		*database;
	const char		*hash;		/* of the whole, whatever its layout; NULL: only a part was read */
	struct http_net		 net;
	struct mailbox_conf	*mailboxes;
	int			 mailbox_count;
	int64_t			 poll_ms;	/* watch looks at least so often */
	struct sender_conf	 sender;
	const char		**rules;	/* NULL-ended paths */
	struct limits_conf	 limits;
	struct management_conf	 api;
	struct reconcile_conf	 reconcile;
	struct smtp_conf	 smtp;
	struct routes		 routes;
};
enum settings_part {
	SETTINGS_ALL,
	SETTINGS_CHECK,	/* and what works, but not as anyone would want it, is an error too */
	SETTINGS_RULES	/* only `sender`, `rules`, `limits` and `network` are looked at */
};
/* Prints every error to stderr and fails with ERR_CONFIG; path NULL: the default places. */
int	settings_read(const char *path, enum settings_part, struct arena *, struct settings *, struct err *);

struct app {
	struct arena	 arena;		/* lives as long as the program */
	struct settings	 set;
	struct db	*db;		/* NEED_READ, NEED_WRITE */
	struct db_lock	*lock;		/* NEED_LOCK */
	int		 jobs;		/* mailboxes at once */
	bool		 staying;	/* a worker of watch: a quiet pass is not worth a line */
	int		 report;	/* and where it tells what it does */
	int64_t		 away_ms;	/* clock_mono_ms() when it last said that the database is busy or full; 0: it is not */
	bool		 api_fails, api_away, api_shut;	/* as enrich met it: in part, as a whole, by our keys or a stop */
	struct management *api;		/* that it keeps from pass to pass; NULL: not yet asked */
};

/* Set by SIGTERM and SIGINT during a pass or what calls stop_watch(): work stops between two commits. */
extern volatile int stop_asked;
/* From now on it is; and a pipe whose other side is gone is an error, not the end. */
void	stop_watch(void);

/* What the screen's answer depends on: an ignored mail keeps it, so that a version
 * that rescreens can ask again when the screen changed. */
const char	*screen_hash(const struct settings *, struct arena *);
/* Adds at most `max` bytes of a file. Of one that cannot be read, nothing: who needs it will say so. */
struct digest;
void	digest_file(struct digest *, const char *path, int64_t max);
/* At the start of a pass that holds the lock: config.changed, if this one works by other things than the last. */
int	changed_tell(struct app *, int64_t now_ms, struct err *);
/*
 * Passes over mailboxes, each in a worker process of its own, app->jobs of them at a time. The database must be
 * closed.
 */
enum status	workers_run(struct app *);

/*
 * Workers of watch (watch.c), which stay until they are stopped or the database fails. What they tell through
 * app->report is one byte each; what is committed tells 'p' by itself (db_lock_report).
 */
#define REPORT_GOOD	'g'	/* a pass was done */
#define REPORT_FAILED	'f'	/* a pass failed, and will be tried again */
#define REPORT_WAITING	'w'	/* nothing new, but alive */
#define WORKER_GAP_MS	1000	/* at least, from pass to pass: a server that keeps crying does not keep us busy */
pid_t		worker_fork(const sigset_t *mask);	/* 0 in the child, which ends with its parent */
/* died: how the workers before it ended, more than once lately; else NULL. */
enum status	worker_stay(struct app *, const struct mailbox_conf *, const char *died);
enum status	tell_stay(struct app *, int wake);	/* enrich and notify, also when a byte comes from `wake` */
void		worker_report(struct app *, char);
/* Until the time is over, a stop is asked for or a byte comes from `wake` (-1: from nowhere). */
void		worker_pause(struct app *, int64_t ms, int wake);

enum status	cmd_run(struct app *, int, char **);
enum status	cmd_ingest(struct app *, int, char **);
enum status	cmd_watch(struct app *, int, char **);
enum status	cmd_enrich(struct app *, int, char **);
enum status	cmd_notify(struct app *, int, char **);
enum status	cmd_import(struct app *, int, char **);
enum status	cmd_log(struct app *, int, char **);
enum status	cmd_mail(struct app *, int, char **);
enum status	cmd_show(struct app *, int, char **);
enum status	cmd_review(struct app *, int, char **);
enum status	cmd_reconcile(struct app *, int, char **);
enum status	cmd_rules(struct app *, int, char **);
enum status	cmd_oauth(struct app *, int, char **);
enum status	cmd_check(struct app *, int, char **);
enum status	cmd_verify(struct app *, int, char **);

/* The secrets and rules that the configuration names: prints what is wrong, answers how much. */
int	check_named(struct app *);

/* Tries every server and the DNS: prints a line for each, or an array; answers the worst. */
enum status	check_online(struct app *, bool json);

/* Prints why reader_check() failed: every error of the rules, or the one thing that is wrong. */
void	rules_errors(const char *said, const struct err *, struct arena *);

/* Says what is wrong with the call, on stderr, and how it is called. Answers STATUS_USAGE. */
enum status	usage(const char *command, const char *, ...) __attribute__((format(printf, 2, 3)));
/*
 * NEED_LOCK, for a command that has something to do without it, too: -1 if another pass has it, which is no error
 * while that one is alive; *status is then what there is to say.
 */
int		app_lock(struct app *, enum status *);
/* Logs an error as `event` and answers its status. */
enum status	failed(const char *event, const struct err *);

/*
 * The same of a pass. A worker that stays says once that the database is held by another or its disk full, and again
 * after six hours; app_well(), after a pass that had it, says that it is over.
 */
enum status	app_failed(struct app *, const char *event, const struct err *);
void		app_well(struct app *);

/* ---- output (output.c) */

enum format { FORMAT_TABLE, FORMAT_TEXT, FORMAT_JSON, FORMAT_NDJSON, FORMAT_CSV };
int	format_of(const char *, const char *words);	/* an enum format if it is one of the words; -1 */

/* Text from outside on a terminal: controls and what is not UTF-8 are escaped; at most `columns` wide (0: any). */
char	*output_text(const char *, int columns, struct arena *);
/* The same, padded with spaces to `columns`. */
char	*output_cell(const char *, int columns, struct arena *);
/* A tree as indented `key: value` lines. */
void	 output_tree(const struct json *, struct arena *);
/* As it is for a program, but never raw on a terminal. */
const char *output_raw(const char *, struct arena *);
/* One line of CSV (RFC 4180); NULL is empty. */
void	 output_csv(const char *const *values, int n, struct arena *);
/* Flushes stdout: an output that could not be written is an error (disk full, closed pipe). */
int	 output_done(struct err *);

#endif
