/* import: mails from files, through the same children and rules as a mailbox's. */
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "ingest/import.h"
#include "ingest/reproof.h"
#include "ingest/resolver.h"

static void
print_progress(const struct import *im)
{
	fprintf(stderr, "\rimport: %lld mails", (long long)im->mails);
}

static void
print_unread(const struct import *im, const struct err *e)
{
	(void)im;
	log_error("import.unread", "error", e->msg, NULL);
}

/* One line, in an order and with names that stay. */
static void
print_summary(const struct import *im)
{
	printf("mails=%lld known=%lld", (long long)im->mails, (long long)im->known);
	for (int f = 0; f < MAIL_FATES; f++)
		if (f != MAIL_VANISHED)
			printf(" %s=%lld", mail_fate_name((enum mail_fate)f), (long long)im->fates[f]);
	printf(" claims=%lld waiting=%lld\n", (long long)im->in->claims, (long long)im->in->waiting);
}

static enum status
import(struct import *im, int n, char **paths)
{
	const bool	terminal = isatty(STDERR_FILENO);
	enum status	status = STATUS_DONE;
	struct err	e;
	int		rc = 0;

	im->progress = terminal ? print_progress : NULL;
	for (int i = 0; i < n && rc == 0; i++)
		rc = import_path(im, paths[i], &e);
	if (terminal)
		fputs("\n", stderr);
	if (rc == -1)
		status = failed("import.failed", &e);
	if (im->unreadable > 0 || im->in->waiting > 0)
		status = status_worse(status, STATUS_PARTLY);
	if (im->fates[MAIL_PENDING] > 0)	/* there was no memory for them */
		status = status_worse(status, STATUS_STOPPED);
	print_summary(im);
	return output_done(&e) == -1 ? status_worse(status, failed("import.failed", &e)) : status;
}

enum status
cmd_import(struct app *app, int argc, char **argv)
{
	static const struct option options[] = { { "announce", 0, NULL, 'a' }, { NULL, 0, NULL, 0 } };
	const struct reading_setup setup = ingest_setup(&app->set.sender, NULL, app->set.rules, &app->arena);
	struct ingest	in = { .db = app->db, .sender = &app->set.sender, .limits = &app->set.limits,
	    .mailbox = IMPORT_MAILBOX, .screen = screen_hash(&app->set, &app->arena), .stop = &stop_asked,
	    .now_ms = clock_now_ms() };
	struct import	im = { .in = &in, .unread = print_unread };
	struct err	e;
	enum status	status;
	int		opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (opt != 'a')
			return usage("import", "that option is not known");
		else
			im.announce = true;
	if (optind == argc)
		return usage("import", "which files or folders?");
	if (readers_open(&setup, NULL, &in.readers, &e) == -1 || reader_try(in.readers, &e) == -1)
		status = failed("reader.failed", &e);
	else {
		readers_keys(in.readers, resolver_key, (const char *const *)app->set.net.dns);
		status = reproof_pass(&in, &e) == -1 ? failed("import.failed", &e) : STATUS_DONE;
		if (status == STATUS_DONE)
			status = import(&im, argc - optind, argv + optind);
	}
	readers_close(in.readers);
	return status;
}
