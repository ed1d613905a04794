/*
 * login - how a mailbox is logged in to, and how often a refused login is tried again
 *
 * A refused login is tried in LOGIN_TRIES passes in a row, then once in LOGIN_PAUSE_MS: providers
 * lock accounts that are hammered. In between neither the mail server nor the token server hears
 * of us, and a pass fails as the last one did. When a person has changed the settings or replaced
 * a secret's file it is tried at once. Only a refusal counts; [UNAVAILABLE] and the like do not.
 */
#ifndef INGEST_LOGIN_H
#define INGEST_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/transport.h"
#include "store/refusal.h"

#define LOGIN_TRIES	3
#define LOGIN_PAUSE_MS	INT64_C(3600000)

struct mailbox_conf;

struct login {
	const struct mailbox_conf	*conf;
	struct db			*db;	/* not in a transaction */
	int64_t				 now_ms;
	volatile const int		*stop;	/* may be NULL */
	/* Connects and logs in; called once more if a token that was kept is refused. */
	int	(*open)(void *arg, const struct transport_login *, struct err *);
	void				*arg;
};
/* Reads the secrets, gets a token if it is one, and opens. ERR_LOGIN: refused, or within the pause. */
int	login_open(const struct login *, struct err *);
/*
 * The same at once, whatever was refused before, and a refusal does not count: a person asks. `db` is not looked
 * at. An access token that is kept is not used, nor is one kept.
 */
int	login_now(const struct login *, struct err *);

/* ---- as a function without I/O */

/* Refused too often lately, with this stamp; a clock that went back ends the pause. */
bool	login_paused(const struct refusal *, const char *stamp, int64_t now_ms);

#endif
