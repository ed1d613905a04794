/* Reads the configuration: each module its own section, and every error is told before we stop. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "ingest/resolver.h"

#define DEFAULT_PATH	APPROVALS_SYSCONFDIR "/approvals/approvals.yaml"
#define POLL_MS		120000
#define POLL_MIN_MS	1000
#define POLL_MAX_MS	3600000
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

/* How often a mailbox is looked at: faster is of no use, slower is what cron is for. */
static int64_t
poll_read(struct conf_node *n, int64_t deflt_ms)
{
	const int64_t ms = conf_span_ms(n, "poll_interval", deflt_ms);

	if (ms < POLL_MIN_MS || ms > POLL_MAX_MS)
		conf_wrong(conf_of(n), conf_get(n, "poll_interval"), "must be between 1s and 1h");
	return ms;
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
		const int64_t poll_ms = poll_read(conf_item(list, i), s->poll_ms);

		mailbox_conf_read(conf_item(list, i), &s->net, &s->mailboxes[i]);
		s->mailboxes[i].poll_ms = poll_ms;
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

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/*
 * The same for the same settings in another order or layout. Only once all is read: to look at a key is to have
 * asked for it.
 */
static void
node_digest(struct digest *d, struct conf_node *n, struct arena *a)
{
	struct conf_node	 *value;
	const char		**keys;
	int			  count = 0;

	if (conf_is_list(n)) {
		digest_add(d, SPAN_LIT("list"));
		digest_add_int(d, conf_count(n));
		for (int i = 0; i < conf_count(n); i++)
			node_digest(d, conf_item(n, i), a);
	} else if (conf_is_map(n)) {
		while (conf_key(n, count, &value))
			count++;
		keys = arena_array(a, (size_t)count + 1, sizeof *keys);
		for (int i = 0; i < count; i++)
			keys[i] = conf_key(n, i, &value);
		qsort(keys, (size_t)count, sizeof *keys, by_name);
		digest_add(d, SPAN_LIT("map"));
		digest_add_int(d, count);
		for (int i = 0; i < count; i++) {
			digest_add(d, span_of(keys[i]));
			node_digest(d, conf_get(n, keys[i]), a);
		}
	} else {
		digest_add(d, SPAN_LIT("text"));
		digest_add(d, span_of(conf_scalar(n, NULL)));
	}
}

static const char *
settings_hash(struct conf_node *root, struct arena *a)
{
	struct digest	*d = digest_open(0);
	uint8_t		 hash[DIGEST_BYTES];

	node_digest(d, root, a);
	digest_close(d, hash);
	return digest_hex(a, hash, sizeof hash);
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
		s->poll_ms = poll_read(root, POLL_MS);
		mailboxes_read(c, root, a, s);
		management_conf_read(root, &s->net, &s->api);
		reconcile_conf_read(root, &s->reconcile);
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
	if (part != SETTINGS_RULES)
		s->hash = settings_hash(root, a);
	return 0;
}
