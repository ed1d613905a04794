/*
 * imap_session - what the files behind ingest/imap.h share; nobody else includes it
 *
 * imap.c has the session, folders, waiting and SEARCH; imap_fetch.c FETCH; imap_action.c what changes
 * something. libetpan's types are only named here.
 */
#ifndef INGEST_IMAP_SESSION_H
#define INGEST_IMAP_SESSION_H

#include "ingest/imap.h"

/* Deadlines: long enough for a server that must first open every mail, short enough to end. */
#define IMAP_COMMAND_MS	60000
#define IMAP_FETCH_MS	120000

/* Budgets, in bytes of answer. */
#define IMAP_COMMAND_BUDGET	((size_t)1024 * 1024)	/* folders of an account, flags of a folder */
#define IMAP_MAIL_SLACK	((size_t)4 * 1024)	/* per mail, for what surrounds its text */

struct mailimap_flag;
struct mailimap_msg_att;
struct mailimap_set;

struct imap {
	struct transport	*transport;
	struct mailimap		*session;
	struct transport_login	 alerts;	/* where they go */
	bool			 broken;
	bool			 no_idle;	/* the server refused it */
	unsigned		 idles;		/* how often it was asked to */
	int64_t			 exists;	/* of the folder examined last */
	bool			 known;		/* it was told who we are */
	struct carray_s		*bodies;	/* strings of libetpan, until imap_release() */
	/* the FETCH under way */
	const uint32_t		*uids;
	size_t			 n;
	bool			 keep;
	imap_item_fn		 each;
	void			*arg;
	struct imap_mark	*marks;		/* or of flags: for each of uids */
	const char		*flag;
	/* what the server can do, once asked */
	bool			 asked;
	struct imap_can		 can;
};

void	*imap_need(void *);	/* libetpan answers NULL when out of memory: then it does not return */
bool	imap_is_done(int code);	/* of a call of libetpan */
/* Before each command: its deadline and its budget. */
void	imap_command(struct imap *, int64_t within_ms, size_t budget);
/*
 * A command failed with `code`: says why, and answers -1. `no` is the code by which libetpan says NO to
 * it. *refused (may be NULL): it was that, and nothing else is wrong.
 */
int	imap_failed(struct imap *, int code, int no, const char *command, bool *refused, struct err *);

int	imap_uid_order(const void *, const void *);	/* for qsort and bsearch of uint32_t */
struct mailimap_set *imap_uid_set(const uint32_t *uids, size_t n);
bool	imap_is_flag(const struct mailimap_flag *, const char *name);
/* libetpan calls it for each FETCH line, asked for or not. */
void	imap_on_att(struct mailimap_msg_att *, void *imap);

#endif
