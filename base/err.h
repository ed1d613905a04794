/*
 * err - what failed, and whether it is worth a retry
 *
 * A function that can fail takes `struct err *` last, fills it and returns -1; it is read only after
 * -1. Messages start lower case, quote their subject, hold no secret and no newline (err_set turns
 * control characters into '?'). An error is returned or logged, never both.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err_kind {
	ERR_RETRY,	/* the world failed: the same call may work later */
	ERR_REJECT,	/* the input failed: it will fail again */
	ERR_FATAL	/* we failed: stop and let someone look */
};

/* What sort of thing failed, where an exit status of its own is promised (approvals(1)). */
enum err_what {
	ERR_ANY,
	ERR_CONFIG,	/* exit 14 */
	ERR_DATABASE,	/* exit 10 */
	ERR_LOGIN,	/* a server refused our login: exit 12 */
	ERR_CERT,	/* a certificate was refused: exit 13 */
	ERR_KEYS,	/* API keys refused: exit 15 */
	ERR_LOCKED,	/* another run holds the lock: exit 11 */
	ERR_STOPPED,	/* stopped early: a signal, disk full, database busy: exit 75 */
	ERR_NOMEM	/* out of memory or descriptors: nothing is wrong with the input */
};

struct err {
	enum err_kind	kind;
	enum err_what	what;
	char		msg[240];
};

/* All return -1, so failing is one line. err_set() leaves `what` at ERR_ANY. */
int	err_set(struct err *, enum err_kind, const char *, ...) __attribute__((format(printf, 3, 4)));
int	err_what(struct err *, enum err_kind, enum err_what, const char *, ...)
	    __attribute__((format(printf, 4, 5)));

/* Puts context in front: err_in(e, "api") makes "timed out" into "api: timed out". */
int	err_in(struct err *, const char *, ...) __attribute__((format(printf, 2, 3)));

#endif
