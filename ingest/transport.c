#include "ingest/transport.h"

#include <curl/curl.h>
#include <errno.h>
#include <libetpan/libetpan.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "ingest/oauth.h"

#define GREETING	"* PREAUTH approvals\r\n"
#define KEEPALIVE_S	30	/* of silence, then the kernel asks whether the other side is there */
#define UNACKED_MS	30000	/* sent and not acknowledged for so long: the packets are dropped */
#define STOP_LOOK_MS	1000	/* how often a waiting read looks whether it should stop */
#define ANSWER_BYTES	512	/* kept of the login's answer: its code and some words */
#define SECRET_START	16	/* bytes of a secret in a server's words, and these are not shown */
#define NOT_SHOWN	"(not shown: it quotes the login)"

struct transport {
	CURL			*curl;
	struct curl_slist	*names;
	volatile const int	*stop;
	curl_socket_t		 fd;
	int64_t			 deadline_ms;	/* monotonic */
	struct guard		 guard;
	size_t			 greeted;	/* bytes of GREETING handed out */
	bool			 ended;
	struct err		 why;
};

/* What is seen of the dialogue up to the login's answer. */
struct login_watch {
	const struct transport_login *login;
	const char	*secret;
	char		 answer[ANSWER_BYTES];	/* the last tagged line */
	size_t		 n;
	bool		 quotes;		/* it holds the secret */
	int		 challenge;	/* status by which a token was refused, before that; -1: none */
};

/* ---- the stream under libetpan */

static int
transport_end(struct transport *t, enum err_kind kind, enum err_what what, const char *msg)
{
	if (!t->ended)
		err_what(&t->why, kind, what, "%s", msg);
	t->ended = true;
	return -1;
}

/* Waits until the socket is ready; -1 at the deadline or a signal to stop. */
static int
transport_wait(struct transport *t, short events)
{
	for (;;) {
		int64_t left = t->deadline_ms - clock_mono_ms();
		struct pollfd pfd = {.fd = t->fd, .events = events};
		int n;

		if (t->stop != NULL && *t->stop)
			return transport_end(t, ERR_RETRY, ERR_STOPPED, "stopped by a signal");
		if (left <= 0)
			return transport_end(
			    t, ERR_RETRY, ERR_ANY, "the server did not answer in time");
		n = poll(&pfd, 1, left < STOP_LOOK_MS ? (int)left : STOP_LOOK_MS);
		if (n > 0)
			return 0;
		if (n == -1 && errno != EINTR)
			return transport_end(t, ERR_RETRY, ERR_ANY, strerror(errno));
	}
}

static ssize_t
low_read(mailstream_low *low, void *buf, size_t size)
{
	struct transport *t = low->data;
	size_t n = sizeof(GREETING) - 1 - t->greeted;

	if (n > 0) {
		if (n > size)
			n = size;
		memcpy(buf, &GREETING[t->greeted], n);
		t->greeted += n;
		return (ssize_t)n;
	}
	for (;;) {
		CURLcode code;

		if (t->ended)
			return -1;
		/* a server that drips never makes us wait, so the deadline is looked at here too */
		if (clock_mono_ms() >= t->deadline_ms)
			return transport_end(
			    t, ERR_RETRY, ERR_ANY, "the server did not answer in time");
		code = curl_easy_recv(t->curl, buf, size, &n);
		if (code == CURLE_AGAIN) {
			transport_wait(t, POLLIN);
			continue;
		}
		if (code != CURLE_OK)
			return transport_end(t, ERR_RETRY, ERR_ANY, "the connection was lost");
		if (n == 0)
			return transport_end(
			    t, ERR_RETRY, ERR_ANY, "the server closed the connection");
		if (guard_pass(&t->guard, buf, n, &t->why) == -1) {
			t->ended = true;
			return -1;
		}
		return (ssize_t)n;
	}
}

static ssize_t
low_write(mailstream_low *low, const void *buf, size_t size)
{
	struct transport *t = low->data;

	for (;;) {
		CURLcode code;
		size_t n;

		if (t->ended)
			return -1;
		code = curl_easy_send(t->curl, buf, size, &n);
		if (code == CURLE_OK && n > 0)
			return (ssize_t)n;
		if (code != CURLE_AGAIN && code != CURLE_OK)
			return transport_end(t, ERR_RETRY, ERR_ANY, "the connection was lost");
		transport_wait(t, POLLOUT);
	}
}

static int
low_close(mailstream_low *low)
{
	(void)low;
	return 0;
}

static int
low_get_fd(mailstream_low *low)
{
	return ((struct transport *)low->data)->fd;
}

static void
low_free(mailstream_low *low)
{
	free(low);
}

static void
low_cancel(mailstream_low *low)
{
	(void)low;
}

static struct mailstream_cancel *
low_get_cancel(mailstream_low *low)
{
	(void)low;
	return NULL;
}

static carray *
low_get_chain(mailstream_low *low)
{
	(void)low;
	return NULL;
}

int
transport_say(struct transport *t, const char *text)
{
	mailstream_low low = {.data = t};
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t n = low_write(&low, text, left);

		if (n < 0)
			return -1;
		text += n;
		left -= (size_t)n;
	}
	return 0;
}

/* Waits for something to read: 1 it is there, 0 the time is over, -1 a signal to stop or an error. */
static int
transport_poll(struct transport *t, int64_t until_ms)
{
	for (;;) {
		int64_t left = until_ms - clock_mono_ms();
		struct pollfd pfd = {.fd = t->fd, .events = POLLIN};
		int n;

		if (t->stop != NULL && *t->stop)
			return transport_end(t, ERR_RETRY, ERR_STOPPED, "stopped by a signal");
		if (left <= 0)
			return 0;
		n = poll(&pfd, 1, left < STOP_LOOK_MS ? (int)left : STOP_LOOK_MS);
		if (n > 0)
			return 1;
		if (n == -1 && errno != EINTR)
			return transport_end(t, ERR_RETRY, ERR_ANY, strerror(errno));
	}
}

int
transport_hear(struct transport *t, int64_t within_ms, char *buf, size_t size, size_t *n)
{
	const int64_t until_ms = clock_mono_ms() + within_ms;

	for (;;) {
		CURLcode code;
		int ready;

		*n = 0;
		if (t->ended)
			return -1;
		code = curl_easy_recv(t->curl, buf, size, n);
		if (code == CURLE_OK && *n > 0) {
			t->ended = guard_pass(&t->guard, buf, *n, &t->why) == -1;
			return t->ended ? -1 : 0;
		}
		if (code != CURLE_AGAIN)
			return transport_end(t, ERR_RETRY, ERR_ANY, "the server closed the connection");
		if ((ready = transport_poll(t, until_ms)) <= 0)
			return ready;
	}
}

int
transport_stir(struct transport *t, int64_t within_ms, bool *stirred)
{
	int ready = t->ended ? -1 : transport_poll(t, clock_mono_ms() + within_ms);

	*stirred = ready == 1;
	return ready == -1 ? -1 : 0;
}

void *
transport_low(struct transport *t)
{
	/* not const: libetpan's type asks for it; nothing writes to it */
	static mailstream_low_driver driver = {
		.mailstream_read = low_read,
		.mailstream_write = low_write,
		.mailstream_close = low_close,
		.mailstream_get_fd = low_get_fd,
		.mailstream_free = low_free,
		.mailstream_cancel = low_cancel,
		.mailstream_get_cancel = low_get_cancel,
		.mailstream_get_certificate_chain = low_get_chain,
	};
	mailstream_low *low = mailstream_low_new(t, &driver);

	if (low == NULL)
		arena_no_memory();
	return low;
}

/* ---- connecting */

static bool
code_is(struct span *rest, const char *code)
{
	struct span want = span_of(code);

	return rest->n > want.n && span_eq_nocase(span_take(*rest, want.n), want) &&
	    (rest->p[want.n] == ']' || rest->p[want.n] == ' ');
}

/* RFC 5530: those that stay until a person does something. */
const char *
transport_refused(struct span line)
{
	static const struct { const char *code, *todo; } persons[] = {
		{ "AUTHENTICATIONFAILED", "" },
		{ "AUTHORIZATIONFAILED", "" },
		{ "EXPIRED", ": it has expired" },
		{ "CONTACTADMIN", ": it says to contact its administrator" },
	};
	struct span tag, word, rest = span_trim(line);

	span_cut(&rest, ' ', &tag);
	span_cut(&rest, ' ', &word);
	if (span_is(tag, "*") || span_is(tag, "+") || !span_is_nocase(word, "NO"))
		return NULL;
	if (rest.n == 0 || rest.p[0] != '[')
		return "";
	rest = span_from(rest, 1);
	for (size_t i = 0; i < COUNT(persons); i++)
		if (code_is(&rest, persons[i].code))
			return persons[i].todo;
	return NULL;
}

/* Does the line hold the secret, or its beginning, bare or in base64, wherever in a longer text that began? */
static bool
quotes_secret(struct span line, const char *secret)
{
	const struct span start = span_take(span_of(secret), SECRET_START);
	bool quotes = start.n > 0 && span_find(line, start, 0) >= 0;
	struct arena a = {0};

	for (size_t shift = 0; shift < 3 && start.n > 0; shift++) {
		char text[2 + SECRET_START] = "", *coded;
		/* characters that are made of the secret's bits alone */
		size_t from = shift > 0 ? shift + 1 : 0, until = (shift + start.n) * 8 / 6;

		memcpy(text + shift, start.p, start.n);
		coded = digest_base64(&a, (struct span){text, shift + start.n});
		quotes |= until > from && span_find(line, (struct span){coded + from, until - from}, 0) >= 0;
		explicit_bzero(coded, until);
		explicit_bzero(text, sizeof(text));
	}
	arena_free(&a);
	return quotes;
}

void
transport_alert(const struct transport_login *login, const char *text)
{
	if (login->alert != NULL)
		login->alert(login->alert_arg, text);
	else
		log_warn("imap.alert", "text", text, NULL);
}

/* CURLOPT_HEADERFUNCTION: each line of the server up to the login's answer. */
static size_t
watch_line(char *p, size_t size, size_t n, void *arg)
{
	const struct span alert = SPAN_LIT("[ALERT]");
	struct login_watch *w = arg;
	struct span line = {p, size * n};
	ptrdiff_t at = span_find(line, alert, 0);
	const bool quotes = quotes_secret(line, w->secret);

	if (at >= 0) {
		struct span text = span_take(span_trim(span_from(line, (size_t)at + alert.n)), 200);
		char shown[201];

		memcpy(shown, text.p, text.n);
		shown[text.n] = '\0';
		transport_alert(w->login, quotes ? NOT_SHOWN : shown);
	}
	if (line.n > 0 && line.p[0] != '*' && line.p[0] != '+') {
		w->n = line.n < sizeof(w->answer) ? line.n : sizeof(w->answer);
		memcpy(w->answer, line.p, w->n);
		w->quotes = quotes;
	} else if (line.n > 0 && line.p[0] == '+' && w->challenge == -1) {
		w->challenge = oauth_challenge(line);
	}
	return size * n;
}

/* CURLOPT_XFERINFOFUNCTION: called at least once a second; not 0 ends the attempt. */
static int
watch_stop(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct transport_login *login = arg;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return login->stop != NULL && *login->stop;
}

/* Fills e; *unanswered: the server was not asked, since it offers no mechanism that we allowed. */
static int
login_failed(CURLcode code, const char *words, const struct login_watch *w,
    const struct transport_login *login, bool *unanswered, struct err *e)
{
	struct arena a = {0};
	struct span answer = span_trim((struct span){w->answer, w->n}), tag;
	const char *refused = transport_refused(answer);
	const char *host = http_host(login->url, &a);
	bool ok;

	span_cut(&answer, ' ', &tag);
	/* then the last tagged line is still the OK of CAPABILITY or STARTTLS */
	ok = span_is_nocase(span_take(answer, 2), "OK");
	*unanswered = code == CURLE_LOGIN_DENIED && ok && w->challenge == -1;
	if (code == CURLE_ABORTED_BY_CALLBACK)
		err_what(e, ERR_RETRY, ERR_STOPPED, "stopped by a signal");
	else if (code != CURLE_LOGIN_DENIED)
		http_failed(code, words, login->url, e);
	else if (*unanswered)
		err_set(e, ERR_RETRY, "%s: the server offers no login by %s", host,
		    login->token != NULL ? "OAUTHBEARER or XOAUTH2" : "password");
	/* of XOAUTH2 libcurl takes the challenge for the end; after OAUTHBEARER's comes the answer */
	else if (ok ? w->challenge < 500 : refused != NULL)
		err_what(e, ERR_RETRY, ERR_LOGIN, "%s: the server refused the %s%s", host,
		    login->token == NULL ? "login: check user and password_file" :
		    "token: check user, scope, and the account's right to IMAP", refused != NULL ? refused : "");
	else if (ok)
		err_set(e, ERR_RETRY, "%s: the server cannot check tokens now (status %d)", host,
		    w->challenge);
	else
		err_set(e, ERR_RETRY, "%s: the server does not take logins now: %.*s", host,
		    w->quotes ? (int)strlen(NOT_SHOWN) : (int)span_take(answer, 120).n,
		    w->quotes ? NOT_SHOWN : answer.p);
	arena_free(&a);
	return -1;
}

/* curl_easy_setopt() one after the other; the first that fails counts. */
static CURLcode
login_options(CURL *curl, const struct transport_login *login, const char *mechanisms,
    struct login_watch *w, char *words)
{
	CURLcode code = curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);

#define SET(option, value) \
	if (code == CURLE_OK) \
		code = curl_easy_setopt(curl, option, value)
	SET(CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
	SET(CURLOPT_USERNAME, login->user);
	SET(CURLOPT_PASSWORD, login->token == NULL ? login->password : NULL);
	SET(CURLOPT_XOAUTH2_BEARER, login->token);
	SET(CURLOPT_LOGIN_OPTIONS, mechanisms);
	SET(CURLOPT_TIMEOUT_MS, (long)TRANSPORT_LOGIN_MS);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_XFERINFOFUNCTION, watch_stop);
	SET(CURLOPT_XFERINFODATA, login);
	SET(CURLOPT_HEADERFUNCTION, watch_line);
	SET(CURLOPT_HEADERDATA, w);
	SET(CURLOPT_ERRORBUFFER, words);
	SET(CURLOPT_CERTINFO, login->peer != NULL ? 1L : 0L);
#undef SET
	return code;
}

static int
login_try(const struct transport_login *login, const char *mechanisms, struct transport **t,
    bool *unanswered, struct err *e)
{
	char words[CURL_ERROR_SIZE] = "";
	struct login_watch w = {.login = login,
	    .secret = login->token != NULL ? login->token : login->password,
	    .challenge = -1};
	void *names = NULL;
	CURL *curl = http_handle(login->net, login->url, &names, e);
	CURLcode code;

	*unanswered = false;
	if (curl == NULL)
		return -1;
	code = login_options(curl, login, mechanisms, &w, words);
	if (code == CURLE_OK)
		code = curl_easy_perform(curl);
	if (login->peer != NULL)
		http_peer_read(curl, login->peer);
	/* the handle outlives what these point to */
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 1L);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, NULL);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, NULL);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, NULL);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
	if (code == CURLE_OK) {
		*t = transport_wrap(curl, names, login->stop);
		return 0;
	}
	login_failed(code, words, &w, login, unanswered, e);
	curl_easy_cleanup(curl);
	curl_slist_free_all(names);
	return -1;
}

int
transport_open(const struct transport_login *login, struct transport **t, struct err *e)
{
	bool unanswered;

	*t = NULL;
	/* the first of them that the server offers, in libcurl's order, not in this */
	if (login->token != NULL)
		return login_try(login, "AUTH=OAUTHBEARER;AUTH=XOAUTH2", t, &unanswered, e);
	/* encrypted and verified, so the plain mechanisms are the safe ones: no NTLM, no MD5 */
	if (login_try(login, "AUTH=PLAIN;AUTH=LOGIN", t, &unanswered, e) == 0)
		return 0;
	if (!unanswered)
		return -1;
	/* what else libcurl knows; the command LOGIN at last */
	return login_try(login, NULL, t, &unanswered, e);
}

/* The kernel looks whether the other side is still there, so that silence is not taken for quiet. */
static void
socket_watch(curl_socket_t fd)
{
	static const struct { int level, name, value; } options[] = {
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_S},
		{IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_S / 3},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKED_MS},
	};

	for (size_t i = 0; i < COUNT(options); i++)	/* one that is not taken is a help that is missed */
		setsockopt(fd, options[i].level, options[i].name, &options[i].value,
		    sizeof(options[i].value));
}

struct transport *
transport_wrap(void *curl, void *names, volatile const int *stop)
{
	struct transport *t = calloc(1, sizeof(*t));

	if (t == NULL)
		arena_no_memory();
	t->curl = curl;
	t->names = names;
	t->stop = stop;
	if (curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &t->fd) != CURLE_OK ||
	    t->fd == CURL_SOCKET_BAD)
		transport_end(t, ERR_RETRY, ERR_ANY, "the connection was lost");
	else
		socket_watch(t->fd);
	return t;
}

void
transport_close(struct transport *t)
{
	if (t == NULL)
		return;
	curl_easy_cleanup(t->curl);
	curl_slist_free_all(t->names);
	free(t);
}

void
transport_command(struct transport *t, int64_t within_ms, size_t budget)
{
	t->deadline_ms = clock_mono_ms() + within_ms;
	guard_arm(&t->guard, budget);
}

int
transport_why(const struct transport *t, struct err *e)
{
	if (!t->ended)
		return 0;
	*e = t->why;
	return -1;
}
