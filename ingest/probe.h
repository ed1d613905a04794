/*
 * probe - what works of a mailbox, step by step: for `check --online`, when a person asks
 *
 * Nothing is changed on the server and nothing is stored, except a refresh token that its server replaces
 * meanwhile (ingest/oauth.h). A login that was refused before is tried all the same, and does not count.
 */
#ifndef INGEST_PROBE_H
#define INGEST_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/http.h"
#include "base/json.h"
#include "ingest/account.h"

#define PROBE_DAYS	90	/* of mail that is counted: a partner's approvals may be weeks apart */

enum probe_step {
	PROBE_TOKEN,		/* an access token was asked for */
	PROBE_LOGIN,		/* connection, certificate, login, and what the server can do */
	PROBE_FOLDER,		/* it is there, and how many mails look like ours */
	PROBE_AFTER		/* what is to be done there can be */
};

/* How one step went. Texts live until `told` returns; what a server says is in them as it came. */
struct probe_result {
	enum probe_step		 step;
	const char		*name;		/* of the folder, as configured; else NULL */
	const char		*text;		/* what was found; with err, what may help; may be NULL */
	struct json		*data;		/* the same for programs; may be NULL */
	const struct err	*err;		/* NULL: it works */
};

struct probe {
	const struct mailbox_conf	*conf;
	const char			**domains;	/* of senders: NULL-ended */
	int64_t				 now_ms;
	void	(*told)(void *arg, const struct probe_result *);
	void				*arg;
};
/* Tells of each step, until one is in the way of the next. True: the login works. */
bool	probe_mailbox(const struct probe *);

/* The chain that a server showed: as a text of its own certificate, NULL if there is none; and as JSON. */
const char	*probe_peer_text(const struct http_peer *, struct arena *);
struct json	*probe_peer_json(const struct http_peer *);

#endif
