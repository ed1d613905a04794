/* oauth login: the first refresh token of a mailbox, with a person at the terminal. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/cmd.h"
#include "ingest/consent.h"

static const struct mailbox_conf *
mailbox_named(const struct settings *s, const char *name)
{
	for (int i = 0; i < s->mailbox_count; i++)
		if (strcmp(s->mailboxes[i].name, name) == 0)
			return &s->mailboxes[i];
	return NULL;
}

/* One line of standard input, without its end. */
static int
paste_read(char *out, size_t size, struct err *e)
{
	if (fgets(out, (int)size, stdin) == NULL)
		return err_set(e, ERR_REJECT, "nothing was pasted");
	if (strlen(out) + 1 == size)
		return err_set(e, ERR_REJECT, "what was pasted is longer than %d bytes",
		    CONSENT_MAX_PASTE);
	out[strcspn(out, "\r\n")] = '\0';
	return 0;
}

static int
login(const struct mailbox_conf *m, struct arena *a, struct err *e)
{
	char		pasted[CONSENT_MAX_PASTE + 2];
	struct consent	c;
	const char	*code;

	if (consent_start(m->oauth, a, &c, e) == -1)
		return -1;
	printf("Sign in as the owner of the mailbox %s, at this address, in any browser:\n\n%s\n\n"
	    "It then leads to %s, where nothing answers. Paste that whole address here:\n", m->name, c.url,
	    CONSENT_REDIRECT);
	if (output_done(e) == -1 || paste_read(pasted, sizeof pasted, e) == -1 ||
	    consent_code(&c, pasted, a, &code, e) == -1 ||
	    consent_finish(m->oauth, &c, code, clock_now_ms(), e) == -1)
		return -1;
	printf("The refresh token is in %s\n", m->oauth->refresh_token.name);
	return output_done(e);
}

enum status
cmd_oauth(struct app *app, int argc, char **argv)
{
	const struct mailbox_conf *m;
	struct err	e;

	if (argc != 3 || strcmp(argv[1], "login") != 0)
		return usage("oauth", "login, and the name of a mailbox");
	if (!(m = mailbox_named(&app->set, argv[2])))
		return usage("oauth", "%s: no such mailbox", argv[2]);
	if (!m->oauth || !m->oauth->auth_url)
		return usage("oauth", "mailbox %s has no oauth2.auth_url and refresh_token_file", m->name);
	return login(m, &app->arena, &e) == 0 ? STATUS_DONE : failed("oauth.failed", &e);
}
