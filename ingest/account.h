/*
 * account - the settings of one mailbox: one element of `mailboxes` (approvals.yaml(5))
 *
 * Faults are told to base/conf and found there by the caller. All lies in the configuration's arena.
 */
#ifndef INGEST_ACCOUNT_H
#define INGEST_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/http.h"
#include "ingest/after.h"
#include "ingest/oauth.h"

struct mailbox_conf {
	const char		*name;		/* of [a-z0-9-], in logs and JSON */
	const char		*url;		/* imaps://host[:port], or imap:// for STARTTLS */
	const char		*user;
	struct conf_secret	 password;	/* not both of these */
	struct oauth_conf	*oauth;		/* NULL: by password */
	const char		*authserv;	/* NULL: none */
	const char		**folders;	/* NULL-ended; \Junk and the like: a special use */
	bool			 screen_off;	/* every mail is read whole */
	int64_t			 start_ms;	/* 0: all; -1: now */
	int64_t			 announce_ms;	/* 0: all; -1: new */
	struct after_conf	 after;
	struct http_net		 net;
	const char		*database;	/* whose disk must have limits.min_free free */
	int64_t			 poll_ms;	/* watch looks at least so often; set by cmd/settings */
};
void	mailbox_conf_read(struct conf_node *, const struct http_net *, struct mailbox_conf *);

/* No control characters: it may be said to a server. */
bool	account_plain(const char *);

#endif
