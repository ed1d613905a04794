#include "notify/email.h"

#include <curl/curl.h>
#include <string.h>

#include "base/clock.h"

#define ANSWER_TIMEOUT_S	20L	/* one answer of the server; some greet late on purpose */
#define ACCEPTED		250	/* RFC 5321 4.2.3; QUIT's code may have followed it */

/* What is left of the message, for libcurl to take. */
struct upload {
	struct span	rest;
	bool		begun;
};

void
smtp_conf_read(struct conf_node *root, const struct http_net *net, struct smtp_conf *c)
{
	struct conf_node *n = conf_section(root, "smtp", CONF_OPTIONAL);

	*c = (struct smtp_conf){.set = n != NULL};
	if (n == NULL)
		return;
	c->url = conf_url(n, "url", "smtps smtp", CONF_REQUIRED);
	c->user = conf_text(n, "user", NULL, CONF_OPTIONAL);
	c->password = conf_secret(n, "password_file",
	    c->user != NULL ? CONF_REQUIRED : CONF_OPTIONAL);
	if (c->user == NULL && c->password.name != NULL)
		conf_wrong(conf_of(n), conf_get(n, "password_file"),
		    "there is no `user` to log in as");
	c->from = conf_address(n, "from", CONF_REQUIRED);
	c->net = http_net_read(n, net);
	conf_done(n);
}

/*
 * libcurl 7.88 writes addresses to the server as they are: a CR LF in one is a command
 * (measured).
 */
static bool
address_sendable(const char *address)
{
	size_t n = strlen(address);

	for (size_t i = 0; i < n; i++) {
		if (address[i] <= ' ' || address[i] > '~' || address[i] == '<' || address[i] == '>')
			return false;
	}
	return n > 0 && n <= EMAIL_MAX_ADDRESS && strchr(address, '@') != NULL;
}

static size_t
upload_read(char *to, size_t size, size_t count, void *arg)
{
	struct upload	*u = arg;
	size_t		 n = size * count;

	if (n > u->rest.n)
		n = u->rest.n;
	memcpy(to, u->rest.p, n);
	u->rest = span_from(u->rest, n);
	u->begun = true;
	return n;
}

/* What a server says is looked at by libcurl alone. */
static size_t
answer_drop(char *bytes, size_t size, size_t count, void *arg)
{
	(void)bytes;
	(void)arg;
	return size * count;
}

/*
 * Every option must be taken: one that is not (a feature left out of libcurl) would weaken us in
 * silence.
 */
static int
handle_prepare(CURL *h, const struct smtp_conf *c, const char *from, struct curl_slist *to,
    const char *password, struct upload *u, char *words, struct err *e)
{
	bool ok = curl_easy_setopt(h, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL) == CURLE_OK &&
	    curl_easy_setopt(h, CURLOPT_MAIL_FROM, from) == CURLE_OK &&
	    curl_easy_setopt(h, CURLOPT_MAIL_RCPT, to) == CURLE_OK &&
	    curl_easy_setopt(h, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
	    curl_easy_setopt(h, CURLOPT_READFUNCTION, upload_read) == CURLE_OK &&
	    curl_easy_setopt(h, CURLOPT_READDATA, u) == CURLE_OK &&
	    curl_easy_setopt(h, CURLOPT_INFILESIZE_LARGE, (curl_off_t)u->rest.n) == CURLE_OK &&
	    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, answer_drop) == CURLE_OK &&
	    curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)EMAIL_TIMEOUT_MS) == CURLE_OK &&
	    /* else curl_easy_cleanup() says QUIT, and waits 120 s for an answer to it */
	    curl_easy_setopt(h, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK &&
	    curl_easy_setopt(h, CURLOPT_SERVER_RESPONSE_TIMEOUT, ANSWER_TIMEOUT_S) == CURLE_OK &&
	    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, words) == CURLE_OK;

	if (ok && c->user != NULL)
		ok = curl_easy_setopt(h, CURLOPT_USERNAME, c->user) == CURLE_OK &&
		    curl_easy_setopt(h, CURLOPT_PASSWORD, password) == CURLE_OK;
	return ok ? 0 : err_set(e, ERR_FATAL, "smtp: libcurl lacks an option that is needed");
}

static int
login_refused(const char *host, long said, struct err *e)
{
	return err_what(e, ERR_RETRY, ERR_LOGIN, "%s: the server refused our login (%ld)", host, said);
}

/*
 * Whether the code speaks of this address or message: after RCPT or after the message. Before that
 * it is the greeting, the login or our own address that was refused, which says nothing of a
 * delivery and must not end it.
 */
static bool
answer_is_final(CURLcode code, long status, const struct upload *u, const char *words)
{
	if (code == CURLE_OK)
		return true;
	return status >= 400 && (strncmp(words, "RCPT failed", 11) == 0 ||
	    (u->begun && u->rest.n == 0 && code == CURLE_WEIRD_SERVER_REPLY));
}

static int
handle_perform(CURL *h, const struct smtp_conf *c, const struct upload *u, const char *words,
    int *status, struct arena *a, struct err *e)
{
	const char	*host = http_host(c->url, a);
	CURLcode	 code = curl_easy_perform(h);
	long		 said = 0;

	if (curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &said) != CURLE_OK)
		said = 0;
	*status = said >= 200 && said <= 599 ? (int)said : 0;
	if (code == CURLE_OK)
		*status = ACCEPTED;
	if (answer_is_final(code, said, u, words))
		return 0;
	if (code == CURLE_LOGIN_DENIED)
		return login_refused(host, said, e);
	if (said >= 400)
		return err_set(e, ERR_RETRY,
		    "%s: the server answered %ld before it took the message", host, said);
	*status = 0;
	return http_failed((int)code, words, c->url, e);
}

int
email_send(const struct smtp_conf *c, const char *address, struct span message, int64_t *took_ms,
    int *status, struct err *e)
{
	struct arena		 a = {0};
	struct upload		 u = {.rest = message};
	struct curl_slist	*to = NULL;
	char			 words[CURL_ERROR_SIZE] = "";
	const char		*password = NULL, *from;
	void			*names = NULL;
	CURL			*h = NULL;
	int64_t			 begin = clock_mono_ms();
	int			 rc = -1;

	*status = 0;
	if (!address_sendable(address) || !address_sendable(c->from)) {
		err_set(e, ERR_REJECT, "smtp: an address is not one that can be sent to a server");
		goto out;
	}
	if (c->user != NULL && conf_secret_read(c->password, &a, &password, e) == -1)
		goto out;
	if ((h = http_handle(&c->net, c->url, &names, e)) == NULL)
		goto out;
	if ((to = curl_slist_append(NULL, arena_printf(&a, "<%s>", address))) == NULL) {
		err_what(e, ERR_RETRY, ERR_NOMEM, "smtp: out of memory");
		goto out;
	}
	from = arena_printf(&a, "<%s>", c->from);
	if (handle_prepare(h, c, from, to, password, &u, words, e) == 0)
		rc = handle_perform(h, c, &u, words, status, &a, e);
out:
	if (h != NULL)
		curl_easy_cleanup(h);
	curl_slist_free_all(to);
	curl_slist_free_all(names);
	if (password != NULL)
		explicit_bzero((char *)(uintptr_t)password, strlen(password));
	arena_free(&a);
	*took_ms = clock_mono_ms() - begin;
	return rc;
}

static int
reach_perform(CURL *h, const struct smtp_conf *c, const char *password, struct http_peer *peer, struct arena *a,
    struct err *e)
{
	char		 words[CURL_ERROR_SIZE] = "";
	struct upload	 nothing = {.begun = false};
	CURLcode	 code;
	long		 said = 0;

	if (handle_prepare(h, c, NULL, NULL, password, &nothing, words, e) == -1)
		return -1;
	if (curl_easy_setopt(h, CURLOPT_CONNECT_ONLY, 1L) != CURLE_OK)
		return err_set(e, ERR_FATAL, "smtp: libcurl lacks an option that is needed");
	if (peer != NULL && http_peer_ask(h, e) == -1)
		return -1;
	code = curl_easy_perform(h);
	if (peer != NULL)
		http_peer_read(h, peer);
	if (code == CURLE_OK)
		return 0;
	if (code != CURLE_LOGIN_DENIED)
		return http_failed((int)code, words, c->url, e);
	curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &said);
	return login_refused(http_host(c->url, a), said, e);
}

int
email_reach(const struct smtp_conf *c, struct http_peer *peer, struct err *e)
{
	struct arena	 a = {0};
	const char	*password = NULL;
	void		*names = NULL;
	CURL		*h = NULL;
	int		 rc = -1;

	if (c->user != NULL && conf_secret_read(c->password, &a, &password, e) == -1)
		goto out;
	if ((h = http_handle(&c->net, c->url, &names, e)) != NULL)
		rc = reach_perform(h, c, password, peer, &a, e);
out:
	if (h != NULL)
		curl_easy_cleanup(h);
	curl_slist_free_all(names);
	if (password != NULL)
		explicit_bzero((char *)(uintptr_t)password, strlen(password));
	arena_free(&a);
	return rc;
}
