/*
 * email - one alert to one address over SMTP (RFC 5321, RFC 5322, RFC 3834)
 *
 * One recipient a message, so that one refused address never holds back another. TLS is required.
 */
#ifndef NOTIFY_EMAIL_H
#define NOTIFY_EMAIL_H

#include "base/conf.h"
#include "base/http.h"
#include "store/delivery.h"

struct smtp_conf {
	bool			 set;		/* the section is there */
	const char		*url;		/* smtps://, or smtp:// (STARTTLS, required) */
	const char		*user;		/* NULL: no login */
	struct conf_secret	 password;
	const char		*from;
	struct http_net		 net;
};
void	smtp_conf_read(struct conf_node *root, const struct http_net *, struct smtp_conf *);

#define EMAIL_TIMEOUT_MS	30000	/* a whole message, from the connection to the answer */
#define EMAIL_MAX_ADDRESS	254	/* bytes: RFC 5321 4.5.3.1.3, without the brackets */

/*
 * Sends the frozen body (a whole RFC 5322 message, CRLF line ends) to the address. 0: an answer
 * came about this address or message, *status is its SMTP code (250 accepted). -1: none did,
 * because the network, the server or our login failed first: ERR_RETRY, with ERR_CERT or ERR_LOGIN
 * where it was that; *status is then 0, or the code that the server gave before it came to this
 * message. The host is named in errors, never the address.
 */
int	email_send(const struct smtp_conf *, const char *address, struct span message,
    int64_t *took_ms,
	    int *status, struct err *);

/* Connects and logs in, and sends nothing: would it work? Errors as above. peer may be NULL. */
int	email_reach(const struct smtp_conf *, struct http_peer *, struct err *);

#endif
