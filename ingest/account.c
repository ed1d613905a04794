/* account - see account.h */
#include "ingest/account.h"

#include <string.h>

#include "base/clock.h"
#include "ingest/imap.h"
#include "ingest/import.h"

#define MAX_NAME	64			/* bytes of a mailbox's name: the schema's */
#define DEFAULT_FOLDERS	"INBOX", "\\Junk"

static int64_t
instant_read(struct conf_node *n, const char *key, const char *word, int64_t deflt)
{
	const char *text = conf_text(n, key, NULL, CONF_OPTIONAL);
	struct err why;
	int64_t ms;

	if (text == NULL)
		return deflt;
	if (strcmp(text, "all") == 0)
		return 0;
	if (strcmp(text, word) == 0)
		return -1;
	if (clock_parse(span_of(text), &ms, &why) == 0 && ms > 0)
		return ms;
	conf_wrong(conf_of(n), conf_get(n, key),
	    "'%s' is neither %s nor all nor a date like 2026-01-01", text, word);
	return deflt;
}

static const char **
folders_read(struct conf_node *n)
{
	static const char *deflt[] = {DEFAULT_FOLDERS, NULL};
	const char **folders = conf_texts(n, "folders");
	struct conf_node *list = conf_get(n, "folders");
	struct arena a = {0};

	for (int i = 0; folders[i] != NULL; i++)
		if (imap_wire_name(folders[i], &a) == NULL || strcmp(folders[i], "\\") == 0)
			conf_wrong(conf_of(n), conf_is_list(list) ? conf_item(list, i) : list,
			    "is no folder's name (at most %d bytes) or special use like \\Junk",
			    IMAP_MAX_NAME);
	arena_free(&a);
	return folders[0] != NULL ? folders : deflt;
}

static bool
is_name(const char *name)
{
	return *name != '\0' && strlen(name) <= MAX_NAME &&
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

bool
account_plain(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

void
mailbox_conf_read(struct conf_node *n, const struct http_net *net, struct mailbox_conf *c)
{
	struct conf *conf = conf_of(n);
	bool oauth = conf_get(n, "oauth2") != NULL;

	*c = (struct mailbox_conf){
		.name = conf_text(n, "name", NULL, CONF_REQUIRED),
		.url = conf_url(n, "url", "imaps imap", CONF_REQUIRED),
		.user = conf_text(n, "user", NULL, CONF_REQUIRED),
		.password = conf_secret(n, "password_file", oauth ? CONF_OPTIONAL : CONF_REQUIRED),
		.authserv = conf_text(n, "authserv", NULL, CONF_OPTIONAL),
		.folders = folders_read(n),
		.screen_off = conf_word(n, "screen", "on off", 0) == 1,
		.start_ms = instant_read(n, "start", "now", 0),
		.announce_ms = instant_read(n, "announce", "new", -1),
		.net = http_net_read(n, net),
		.database = conf_file(conf_root(conf), "database", NULL, CONF_OPTIONAL),
	};
	after_conf_read(n, c->folders, &c->after);
	c->oauth = oauth_conf_read(n, &c->net);
	if (oauth && c->password.name != NULL)
		conf_wrong(conf, conf_get(n, "password_file"), "is not used beside oauth2");
	if (c->name != NULL && !is_name(c->name))
		conf_wrong(
		    conf, conf_get(n, "name"), "must be 1 to %d of a-z, 0-9 and -", MAX_NAME);
	if (c->name != NULL && strcmp(c->name, IMPORT_MAILBOX) == 0)
		conf_wrong(conf, conf_get(n, "name"), "is taken: mails from files are shown as of '%s'",
		    IMPORT_MAILBOX);
	if (c->user != NULL && !account_plain(c->user))
		conf_wrong(conf, conf_get(n, "user"), "has control characters");
	conf_done(n);
}
