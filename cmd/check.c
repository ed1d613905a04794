/* check: the configuration, the secrets it names, the rules and the sandbox; the network only with --online. */
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/cmd.h"
#include "notify/webhook.h"

struct check {
	struct app	*app;
	int		 problems;
};

static void
problem(struct check *c, const char *what, const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", c->app->set.path, what, why);
	c->problems++;
}

static void
check_secret(struct check *c, const char *what, struct conf_secret s)
{
	struct arena	 a = {0};
	struct err	 e;
	const char	*text;

	if (s.name && conf_secret_read(s, &a, &text, &e) == -1)
		problem(c, what, e.msg);
	arena_free(&a);
}

/* Its files must not only be there: the key must be a key, and the URL a URL. */
static void
check_webhook(struct check *c, const struct endpoint *ep)
{
	struct arena	 a = {0};
	struct err	 e;
	struct span	 key;
	const char	*text;

	if (conf_secret_read(ep->secret, &a, &text, &e) == -1 || webhook_key(text, &a, &key, &e) == -1)
		problem(c, arena_printf(&a, "endpoint %s: secret_file", ep->name), e.msg);
	if (route_url(ep, &a, &text, &e) == -1)
		problem(c, arena_printf(&a, "endpoint %s", ep->name), e.msg);
	arena_free(&a);
}

static const char *
folder_of(struct arena *a, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? arena_textn(a, path, (size_t)(slash - path) + 1) : ".";
}

static void
check_oauth(struct check *c, const char *mailbox, const struct oauth_conf *o)
{
	struct arena	*a = &c->app->arena;

	check_secret(c, arena_printf(a, "mailbox %s: client_secret_file", mailbox), o->client_secret);
	check_secret(c, arena_printf(a, "mailbox %s: refresh_token_file (`approvals oauth login %s` makes it)",
	    mailbox, mailbox), o->refresh_token);
	if (o->refresh_token.name && access(folder_of(a, o->refresh_token.name), W_OK | X_OK) == -1)
		problem(c, arena_printf(a, "mailbox %s: refresh_token_file: its folder must be writable: %s", mailbox,
		    o->refresh_token.name), strerror(errno));
	if (o->command && access(o->command[0], X_OK) == -1)
		problem(c, arena_printf(a, "mailbox %s: token_command: %s", mailbox, o->command[0]), strerror(errno));
}

/* No problem yet, so the exit status stays: but new keys take a while to get. */
static void
warn_expires(struct check *c, const struct management_conf *api)
{
	const int64_t	now_ms = clock_now_ms();
	const char	*verb = api->expires_ms <= now_ms ? "expired" : "expire";

	if (api->expires_ms != 0 && api->expires_ms - now_ms < MANAGEMENT_EXPIRES_MS)
		fprintf(stderr, "%s: management_api: warning: the keys %s on %.10s (%s)\n", c->app->set.path, verb,
		    clock_iso(api->expires_ms).s, management_keys_from(api->keys));
}

/* Each once where it is written: what a server takes over from `network` is not told again. */
static void
check_proxies(struct check *c)
{
	const struct settings	*s = &c->app->set;
	const char		*all = s->net.proxy_login.name;

	check_secret(c, "proxy_login_file", s->net.proxy_login);
	for (int i = 0; i < s->mailbox_count; i++) {
		const struct mailbox_conf *m = &s->mailboxes[i];

		if (m->net.proxy_login.name != all)
			check_secret(c, "proxy_login_file", m->net.proxy_login);
		if (m->oauth && m->oauth->net.proxy_login.name != m->net.proxy_login.name)
			check_secret(c, "proxy_login_file", m->oauth->net.proxy_login);
	}
	if (s->api.net.proxy_login.name != all)
		check_secret(c, "proxy_login_file", s->api.net.proxy_login);
	if (s->smtp.net.proxy_login.name != all)
		check_secret(c, "proxy_login_file", s->smtp.net.proxy_login);
	for (int i = 0; i < s->routes.endpoint_count; i++)
		if (s->routes.endpoints[i].net.proxy_login.name != all)
			check_secret(c, "proxy_login_file", s->routes.endpoints[i].net.proxy_login);
}

static void
check_secrets(struct check *c)
{
	const struct settings	*s = &c->app->set;
	struct arena		*a = &c->app->arena;

	for (int i = 0; i < s->mailbox_count; i++) {
		const struct mailbox_conf *m = &s->mailboxes[i];

		check_secret(c, arena_printf(a, "mailbox %s: password_file", m->name), m->password);
		if (m->oauth)
			check_oauth(c, m->name, m->oauth);
	}
	if (!s->api.none) {
		check_secret(c, "management_api: client_id_file", s->api.client_id);
		check_secret(c, "management_api: client_secret_file", s->api.client_secret);
		check_secret(c, "management_api: subscription_key_file", s->api.subscription_key);
		warn_expires(c, &s->api);
	}
	check_secret(c, "smtp: password_file", s->smtp.password);
	for (int i = 0; i < s->routes.endpoint_count; i++) {
		const struct endpoint *ep = &s->routes.endpoints[i];

		if (ep->kind == ENDPOINT_WEBHOOK)
			check_webhook(c, ep);
	}
}

static void
check_rules(struct check *c)
{
	const struct reading_setup setup = ingest_setup(&c->app->set.sender, NULL, c->app->set.rules,
	    &c->app->arena);
	struct readers	*readers = NULL;
	const char	*said = "";
	struct err	 e;

	if (readers_open(&setup, NULL, &readers, &e) == -1)
		problem(c, "rules", e.msg);
	else if (reader_check(readers, &c->app->arena, &said, &e) == -1) {
		rules_errors(said, &e, &c->app->arena);
		c->problems++;
	}
	readers_close(readers);
}

/* A mailbox whose sender can never be proven would hold everything: better said now. */
static void
check_proof(struct check *c)
{
	const struct settings *s = &c->app->set;

	for (int i = 0; i < s->mailbox_count; i++)
		if (!s->mailboxes[i].authserv && !s->sender.authserv_ids[0] && !s->sender.accept_dkim)
			problem(c, arena_printf(&c->app->arena, "mailbox %s", s->mailboxes[i].name),
			    "no authserv and no sender.authserv_ids, and sender.accept has no dkim: no mail can be proven, every approval would be held "
			    "(name the host in your provider's Authentication-Results header fields)");
}

static void
check_database(struct check *c)
{
	const char	*path = c->app->set.database;
	const char	*folder = folder_of(&c->app->arena, path);

	if (access(folder, W_OK | X_OK) == -1)
		problem(c, arena_printf(&c->app->arena, "database: folder %s", folder), strerror(errno));
}

/* Root may read and write anything: of the account that the program will run as, this says nothing. */
static void
warn_root(struct check *c)
{
	const char	*folder = folder_of(&c->app->arena, c->app->set.database);
	const struct passwd *owner;
	struct stat	 st;

	if (geteuid() != 0 || stat(folder, &st) == -1)
		return;
	owner = getpwuid(st.st_uid);
	printf("%s: checked as root: whether another account may read the secrets and write into %s (of %s) is not known: if"
	    " approvals runs as one, say `sudo -u ACCOUNT approvals check`\n", c->app->set.path, folder,
	    owner ? owner->pw_name : arena_printf(&c->app->arena, "uid %u", st.st_uid));
}

int
check_named(struct app *app)
{
	struct check c = { .app = app };

	check_secrets(&c);
	check_proxies(&c);
	check_rules(&c);
	return c.problems;
}

/* 0, or -1 and the usage was told. */
static int
options_read(int argc, char **argv, bool *online, int *format)
{
	static const struct option options[] = { { "online", no_argument, NULL, 'o' },
		{ "format", required_argument, NULL, 'f' }, { NULL, 0, NULL, 0 } };
	int opt;

	opterr = 0;
	*online = false;
	*format = -1;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (opt) {
		case 'o':
			*online = true;
			break;
		case 'f':
			if ((*format = format_of(optarg, "text json")) == -1) {
				usage("check", "--format %s: text or json", optarg);
				return -1;
			}
			break;
		default:
			usage("check", "that option is not known");
			return -1;
		}
	if (optind == argc && (*online || *format == -1))
		return 0;
	usage("check", optind < argc ? "it takes no argument" : "--format is for --online");
	return -1;
}

enum status
cmd_check(struct app *app, int argc, char **argv)
{
	struct check c = { .app = app };
	bool	online;
	int	format;

	if (options_read(argc, argv, &online, &format) == -1)
		return STATUS_USAGE;
	c.problems = check_named(app);
	check_proof(&c);
	check_database(&c);
	if (c.problems > 0)
		return STATUS_CONFIG;
	if (online)
		return check_online(app, format == FORMAT_JSON);
	printf("%s: ok: %d mailbox%s, %d endpoint%s, %d route%s\n", app->set.path, app->set.mailbox_count,
	    app->set.mailbox_count == 1 ? "" : "es", app->set.routes.endpoint_count,
	    app->set.routes.endpoint_count == 1 ? "" : "s", app->set.routes.route_count,
	    app->set.routes.route_count == 1 ? "" : "s");
	warn_root(&c);
	return STATUS_DONE;
}
