/* Reads the configuration: each module its own section, and every error is told before we stop. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "ingest/resolver.h"

#define DEFAULT_PATH	APPROVALS_SYSCONFDIR "/approvals/approvals.yaml"
#define DEFAULT_RULES	APPROVALS_PREFIX "/share/approvals/rules/vipps-mobilepay.yaml"

static const char *
find(const char *path)
{
	if (path)
		return path;
	return access(DEFAULT_PATH, F_OK) == 0 ? DEFAULT_PATH : "approvals.yaml";
}

/* Paths of rule files: relative ones lie beside the configuration. */
static const char **
rules_read(struct conf_node *root, const char *conf, struct arena *a)
{
	const char	**texts = conf_texts(root, "rules"), **paths;
	const char	*slash = strrchr(conf, '/');
	size_t		 n = 0;

	while (texts[n])
		n++;
	paths = arena_array(a, n + 2, sizeof *paths);
	if (n == 0)
		paths[0] = DEFAULT_RULES;
	for (size_t i = 0; i < n; i++)
		paths[i] = texts[i][0] == '/' || !slash ? texts[i] :
		    arena_printf(a, "%.*s/%s", (int)(slash - conf), conf, texts[i]);
	return paths;
}

static void
mailboxes_read(struct conf *c, struct conf_node *root, struct arena *a, struct settings *s)
{
	struct conf_node *list = conf_get(root, "mailboxes");

	s->mailbox_count = conf_count(list);
	s->mailboxes = arena_array(a, (size_t)s->mailbox_count + 1, sizeof *s->mailboxes);
	if (s->mailbox_count == 0)
		conf_wrong(c, list ? list : root, "mailboxes: at least one is needed");
	for (int i = 0; i < s->mailbox_count; i++) {
		mailbox_conf_read(conf_item(list, i), &s->net, &s->mailboxes[i]);
		for (int j = 0; j < i; j++)
			if (s->mailboxes[i].name && s->mailboxes[j].name &&
			    strcmp(s->mailboxes[i].name, s->mailboxes[j].name) == 0)
				conf_wrong(c, conf_item(list, i), "mailboxes: the name %s is taken",
				    s->mailboxes[i].name);
	}
}

static void
network_read(struct conf_node *root, struct settings *s)
{
	const struct http_net	 base = { .resolve = resolver_addresses };
	struct conf_node	*network = conf_section(root, "network", CONF_OPTIONAL);

	s->net = http_net_read(network, &base);
	conf_done(network);
}

int
settings_read(const char *path, enum settings_part part, struct arena *a, struct settings *s, struct err *e)
{
	struct conf		*c;
	struct conf_node	*root;

	s->path = find(path);
	if (conf_load(a, s->path, &c, e) == -1)
		return -1;
	root = conf_root(c);
	sender_conf_read(root, &s->sender);
	limits_conf_read(root, &s->limits);
	s->rules = rules_read(root, s->path, a);
	network_read(root, s);
	if (part != SETTINGS_RULES) {
		s->database = conf_file(root, "database", NULL, CONF_REQUIRED);
		mailboxes_read(c, root, a, s);
		management_conf_read(root, &s->net, &s->api);
		smtp_conf_read(root, &s->net, &s->smtp);
		routes_conf_read(root, &s->net, a, &s->routes);
		if (part == SETTINGS_CHECK)
			routes_check(root, &s->routes);
		conf_done(root);
	}
	for (int i = 0; i < conf_errors(c); i++)
		fprintf(stderr, "%s\n", conf_error(c, i));
	if (conf_errors(c) > 0)
		return err_what(e, ERR_REJECT, ERR_CONFIG, "%s: %d error%s", s->path, conf_errors(c),
		    conf_errors(c) == 1 ? "" : "s");
	return 0;
}
