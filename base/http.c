#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/clock.h"
#include "base/http.h"

#ifndef APPROVALS_VERSION
#define APPROVALS_VERSION "0"
#endif

#define HTTP_MAX_RETRY_AFTER_S	(INT64_C(366) * 86400)	/* more is nonsense, and could overflow */
/*
 * The system's certificates as one file. Debian's libcurl-gnutls knows only the folder around it,
 * and reads all its files, this one too, for every connection: 30 ms instead of 8.
 */
#define HTTP_SYSTEM_CA		"/etc/ssl/certs/ca-certificates.crt"
#define HTTP_NO_EXPECT		"Expect:"	/* no "100-continue", which would be waited for */
#define HTTP_PROXY_PORT		"1080"	/* libcurl's default for a proxy without one */

/* What arrives, and the bounds that it must keep. */
struct answer {
	struct arena_buf body;
	struct arena	*arena;
	size_t		 max_body, header_bytes;
	bool		 body_full, headers_full;
	const char	*type, *retry_after;
};

/* One request on its way. */
struct transfer {
	CURL			*easy;
	struct http_request	 req;
	struct arena		*arena;		/* of the answer */
	struct answer		 answer;
	struct curl_slist	*headers;	/* kept from request to request: most have the same */
	struct curl_slist	*names;
	int64_t			 start_ms;
	char			 words[CURL_ERROR_SIZE];
	void			*tag;
	struct transfer		*next;
};

struct http {
	struct transfer	 one;		/* of http_do(): its handle holds the connections kept for that */
	CURLM		*multi;		/* NULL until something is started; holds their connections */
	struct transfer	*running, *idle;
	int		 count;		/* of running ones */
};

static void
http_init(void)
{
	static bool done;

	if (!done && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		arena_no_memory();
	done = true;
}

/* ---- configuration */

/* "127.0.0.1", "::1", either with "@5353". */
static bool
is_name_server(const char *text)
{
	struct span	rest = span_of(text), ip;
	unsigned char	bytes[sizeof(struct in6_addr)];
	char		copy[INET6_ADDRSTRLEN];

	if (span_cut(&rest, '@', &ip) && (!span_digits(rest) || rest.n > 5))
		return false;
	if (ip.n >= sizeof(copy))
		return false;
	memcpy(copy, ip.p, ip.n);
	copy[ip.n] = '\0';
	return inet_pton(AF_INET, copy, bytes) == 1 || inet_pton(AF_INET6, copy, bytes) == 1;
}

static void
dns_read(struct conf_node *node, struct http_net *net)
{
	struct conf_node	*dns = conf_get(node, "dns");
	const char		*word = conf_scalar(dns, NULL);

	if (dns == NULL)
		return;
	net->dns = NULL;
	if (word != NULL && strcmp(word, "system") == 0)
		return;
	net->dns = conf_texts(node, "dns");
	for (int i = 0; net->dns[i] != NULL; i++)
		if (!is_name_server(net->dns[i]))
			conf_wrong(conf_of(dns), dns, "\"%s\" must be system, or an address like "
			    "127.0.0.1 or 127.0.0.1@5353", net->dns[i]);
	if (net->dns[0] == NULL)
		net->dns = NULL;
}

static void
no_proxy_read(struct conf_node *node, struct http_net *net)
{
	struct conf_node	*list = conf_get(node, "no_proxy");
	const char		**hosts = conf_texts(node, "no_proxy");
	struct arena_buf	  b;

	if (list == NULL)
		return;
	b = (struct arena_buf){.arena = conf_arena(list)};
	arena_puts(&b, "");
	for (int i = 0; hosts[i] != NULL; i++)
		arena_putf(&b, "%s%s", i > 0 ? "," : "", hosts[i]);
	net->no_proxy = b.n > 0 ? b.p : NULL;
}

struct http_net
http_net_read(struct conf_node *node, const struct http_net *base)
{
	struct http_net	 net = {0};
	struct conf_secret login;
	const char	*proxy;

	if (base != NULL)
		net = *base;
	if (node == NULL)
		return net;
	net.ca_file = conf_file(node, "ca_file", net.ca_file, CONF_OPTIONAL);
	/*
	 * Not https://: libcurl 7.88 with GnuTLS then waits for bytes that it has read already (a TLS 1.3 ticket
	 * before the answer, in one record of the proxy's), in every second request or so.
	 */
	if ((proxy = conf_url(node, "proxy", "http socks5h", CONF_OPTIONAL)) != NULL) {
		net.proxy = proxy;
		net.proxy_login.name = NULL;
	}
	login = conf_secret(node, "proxy_login_file", CONF_OPTIONAL);
	if (login.name != NULL && proxy == NULL)
		conf_wrong(conf_of(node), conf_get(node, "proxy_login_file"), "there is no `proxy` beside it");
	else if (login.name != NULL)
		net.proxy_login = login;
	no_proxy_read(node, &net);
	dns_read(node, &net);
	return net;
}

/* ---- names */

/* A part of a URL, or NULL. */
static const char *
url_part(const char *url, CURLUPart part, unsigned flags, struct arena *a)
{
	CURLU		*u = curl_url();
	char		*text = NULL;
	const char	*copy = NULL;

	if (u == NULL)
		arena_no_memory();
	if (curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
	    curl_url_get(u, part, &text, flags) == CURLUE_OK)
		copy = arena_text(a, text);
	curl_free(text);
	curl_url_cleanup(u);
	return copy;
}

const char *
http_host(const char *url, struct arena *a)
{
	const char *host = url_part(url, CURLUPART_HOST, 0, a);

	return host != NULL ? host : "?";
}

const char *
http_segment(const char *s, struct arena *a)
{
	struct arena_buf b = {.arena = a};

	arena_puts(&b, "");
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		    strchr("-._~", c) != NULL)
			arena_put(&b, s, 1);
		else
			arena_putf(&b, "%%%02X", c);
	}
	return b.p;
}

/* The host is one of the names, or lies below one of them; "*" is any. */
static bool
host_in(const char *names, const char *host)
{
	struct span rest = span_of(names), h = span_of(host), name, tail;

	while (rest.n > 0) {
		span_cut(&rest, ',', &name);
		name = span_trim(name);
		if (name.n > 0 && name.p[0] == '.')
			name = span_from(name, 1);
		if (name.n == 0)
			continue;
		tail = span_from(h, h.n > name.n ? h.n - name.n : 0);
		if (span_is(name, "*") || span_eq_nocase(name, h) ||
		    (span_eq_nocase(name, tail) && h.n > name.n && tail.p[-1] == '.'))
			return true;
	}
	return false;
}

static bool
host_is_address(const char *host)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return host[0] == '[' || inet_pton(AF_INET, host, bytes) == 1;
}

/* Asks our own name servers for the one name that will be connected to, if any are configured. */
static int
names_resolve(const struct http_net *net, const char *url, const char *proxy, struct arena *a,
    struct curl_slist **names, struct err *e)
{
	const char		*host, *port, *addresses, *to = proxy != NULL ? proxy : url;
	struct curl_slist	*list;

	*names = NULL;
	if (net->dns == NULL)
		return 0;
	host = url_part(to, CURLUPART_HOST, 0, a);
	if (host == NULL || host_is_address(host))
		return 0;
	port = url_part(to, CURLUPART_PORT, proxy != NULL ? 0 : CURLU_DEFAULT_PORT, a);
	if (port == NULL)
		port = strncmp(to, "https:", 6) == 0 ? "443" : HTTP_PROXY_PORT;
	if (net->resolve == NULL)
		return err_set(e, ERR_FATAL, "%s: network.dns is set, but nothing resolves", host);
	if (net->resolve((const char *const *)net->dns, host, a, &addresses, e) == -1)
		return err_in(e, "%s", host);
	/* With "+" the entry ages as any other; without, it would outlive a change of address. */
	list = curl_slist_append(NULL, arena_printf(a, "+%s:%s:%s", host, port, addresses));
	if (list == NULL)
		arena_no_memory();
	*names = list;
	return 0;
}

/* ---- handles */

#define SET(option, value)						\
	do {								\
		if (rc == CURLE_OK)					\
			rc = curl_easy_setopt(h, (option), (value));	\
	} while (0)

static CURLcode
set_trust(CURL *h, const char *ca_file)
{
	CURLcode rc = CURLE_OK;

	if (ca_file == NULL && access(HTTP_SYSTEM_CA, R_OK) == 0)
		ca_file = HTTP_SYSTEM_CA;
	if (ca_file == NULL)
		return CURLE_OK;	/* libcurl's own default */
	SET(CURLOPT_CAINFO, ca_file);
	SET(CURLOPT_PROXY_CAINFO, ca_file);
	SET(CURLOPT_CAPATH, NULL);
	SET(CURLOPT_PROXY_CAPATH, NULL);
	return rc;
}

/* What every handle has. `protocols` are those it may speak. */
static CURLcode
set_common(CURL *h, const struct http_net *net, const char *url, const char *proxy,
    const char *protocols, struct curl_slist *names)
{
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_URL, url);
	SET(CURLOPT_PROTOCOLS_STR, protocols);
	SET(CURLOPT_REDIR_PROTOCOLS_STR, "https");	/* "" is refused */
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_PROXY, proxy != NULL ? proxy : "");	/* "": not the environment's either */
	SET(CURLOPT_NOPROXY, "");
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_PROXY_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_PROXY_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_MS);
	SET(CURLOPT_RESOLVE, names);
	if (rc == CURLE_OK)
		rc = set_trust(h, net->ca_file);
	return rc;
}

/* Basic, or SOCKS 5's own; libcurl decodes what it is given as if it stood in a URL. */
static int
set_proxy_login(CURL *h, const struct http_net *net, const char *proxy, struct err *e)
{
	struct arena	 a = {0};
	struct span	 rest, user;
	const char	*text;
	CURLcode	 rc = CURLE_OK;
	int		 done = -1;

	if (proxy == NULL || net->proxy_login.name == NULL)
		return 0;
	if (conf_secret_read(net->proxy_login, &a, &text, e) == -1)
		goto out;
	rest = span_of(text);
	if (!span_cut(&rest, ':', &user) || user.n == 0 || span_find(rest, SPAN_LIT("\n"), 0) != -1) {
		err_what(e, ERR_REJECT, ERR_CONFIG, "proxy_login_file '%s' is not user:password",
		    net->proxy_login.name);
	} else {
		SET(CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC);
		SET(CURLOPT_PROXYUSERNAME, http_segment(arena_textn(&a, user.p, user.n), &a));
		SET(CURLOPT_PROXYPASSWORD, http_segment(rest.p, &a));
		done = rc == CURLE_OK ? 0 : http_failed((int)rc, NULL, proxy, e);
	}
	explicit_bzero((char *)(uintptr_t)text, strlen(text));
out:
	arena_free(&a);
	return done;
}

static const char *
proxy_of(const struct http_net *net, const char *host)
{
	if (net->proxy == NULL || (net->no_proxy != NULL && host_in(net->no_proxy, host)))
		return NULL;
	return net->proxy;
}

int
http_failed(int code, const char *words, const char *url, struct err *e)
{
	struct arena	 a = {0};
	const char	*host = http_host(url, &a);
	enum err_kind	 kind = ERR_RETRY;
	enum err_what	 what = ERR_ANY;

	if (words == NULL || *words == '\0')
		words = curl_easy_strerror((CURLcode)code);
	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		what = ERR_CERT;
		break;
	case CURLE_OUT_OF_MEMORY:
		what = ERR_NOMEM;
		break;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		kind = ERR_REJECT;	/* no later try makes the URL another */
		break;
	}
	if (what == ERR_CERT)
		err_what(e, kind, what, "%s: certificate refused: %s", host, words);
	else
		err_what(e, kind, what, "%s: %s", host, words);
	arena_free(&a);
	return -1;
}

void *
http_handle(const struct http_net *net, const char *url, void **names, struct err *e)
{
	static const char *const	schemes[] = {"https", "imaps", "imap", "smtps", "smtp"};
	static const struct http_net	plain = {0};
	struct arena			a = {0};
	struct curl_slist		*list = NULL;
	const char			*scheme, *protocol = NULL, *proxy;
	CURL				*h = NULL;
	CURLcode			 rc;

	http_init();
	*names = NULL;
	if (net == NULL)
		net = &plain;
	scheme = url_part(url, CURLUPART_SCHEME, 0, &a);
	for (size_t i = 0; scheme != NULL && i < COUNT(schemes); i++)
		if (strcmp(scheme, schemes[i]) == 0)
			protocol = schemes[i];
	if (protocol == NULL) {
		http_failed(CURLE_UNSUPPORTED_PROTOCOL, NULL, url, e);
		goto out;
	}
	proxy = proxy_of(net, http_host(url, &a));
	if (names_resolve(net, url, proxy, &a, &list, e) == -1)
		goto out;
	if ((h = curl_easy_init()) == NULL)
		arena_no_memory();
	if ((rc = set_common(h, net, url, proxy, protocol, list)) != CURLE_OK)
		http_failed(rc, NULL, url, e);
	if (rc != CURLE_OK || set_proxy_login(h, net, proxy, e) == -1) {
		curl_easy_cleanup(h);
		curl_slist_free_all(list);
		h = NULL;
		goto out;
	}
	*names = list;
out:
	arena_free(&a);
	return h;
}

/* ---- what a server shows of itself */

int
http_peer_ask(void *handle, struct err *e)
{
	if (curl_easy_setopt((CURL *)handle, CURLOPT_CERTINFO, 1L) == CURLE_OK)
		return 0;
	return err_set(e, ERR_FATAL, "libcurl lacks an option that is needed");
}

/* "2027-01-31 23:59:59 GMT" */
static int64_t
cert_time_ms(struct span text)
{
	char		day[11], time[9], iso[21];
	struct err	e;
	int64_t		ms;

	if (text.n < 19)
		return 0;
	snprintf(day, sizeof(day), "%s", text.p);
	snprintf(time, sizeof(time), "%s", text.p + 11);
	snprintf(iso, sizeof(iso), "%sT%sZ", day, time);
	return clock_parse(span_of(iso), &ms, &e) == 0 ? ms : 0;
}

void
http_peer_read(void *handle, struct http_peer *peer)
{
	struct curl_certinfo	*info = NULL;

	peer->count = 0;
	if (curl_easy_getinfo((CURL *)handle, CURLINFO_CERTINFO, &info) != CURLE_OK || info == NULL)
		return;
	for (int i = 0; i < info->num_of_certs && peer->count < HTTP_MAX_CHAIN; i++) {
		struct http_cert	*c = &peer->chain[peer->count++];

		*c = (struct http_cert){.subject = "?", .issuer = "?"};
		for (struct curl_slist *line = info->certinfo[i]; line != NULL; line = line->next) {
			struct span	value = span_of(line->data), name;

			if (!span_cut(&value, ':', &name))
				continue;
			if (span_is(name, "Subject"))
				c->subject = arena_textn(peer->arena, value.p, value.n);
			else if (span_is(name, "Issuer"))
				c->issuer = arena_textn(peer->arena, value.p, value.n);
			else if (span_is(name, "Expire date") || span_is(name, "Expire Date"))
				c->until_ms = cert_time_ms(value);
		}
	}
}

int
http_reach(const struct http_net *net, const char *url, struct http_peer *peer, struct err *e)
{
	char	 words[CURL_ERROR_SIZE] = "";
	void	*names = NULL;
	CURL	*h = http_handle(net, url, &names, e);
	CURLcode rc = CURLE_OK;
	int	 done = -1;

	if (h == NULL)
		return -1;
	if (peer != NULL && http_peer_ask(h, e) == -1)
		goto out;
	SET(CURLOPT_CONNECT_ONLY, 1L);
	SET(CURLOPT_TIMEOUT_MS, (long)HTTP_TOTAL_MS);
	SET(CURLOPT_ERRORBUFFER, words);
	if (rc == CURLE_OK)
		rc = curl_easy_perform(h);
	if (peer != NULL)
		http_peer_read(h, peer);
	done = rc == CURLE_OK ? 0 : http_failed((int)rc, words, url, e);
out:
	curl_easy_cleanup(h);
	curl_slist_free_all(names);
	return done;
}

/* ---- one request */

static size_t
answer_body(char *p, size_t size, size_t count, void *data)
{
	struct answer	*w = data;
	size_t		 n = size * count, room = w->max_body - w->body.n;

	if (n <= room) {
		arena_put(&w->body, p, n);
		return n;
	}
	arena_put(&w->body, p, room);
	w->body_full = true;
	return CURL_WRITEFUNC_ERROR;
}

static size_t
answer_header(char *p, size_t size, size_t count, void *data)
{
	struct answer	*w = data;
	struct span	 value = {p, size * count}, name;

	w->header_bytes += value.n;
	if (w->header_bytes > HTTP_MAX_HEADERS) {
		w->headers_full = true;
		return CURL_WRITEFUNC_ERROR;
	}
	if (span_is(span_take(value, 5), "HTTP/")) {	/* the next, after a 1xx or a proxy's */
		w->type = "";
		w->retry_after = NULL;
	} else if (span_cut(&value, ':', &name)) {
		value = span_trim(value);
		if (span_is_nocase(name, "content-type"))
			w->type = arena_textn(w->arena, value.p, value.n);
		else if (span_is_nocase(name, "retry-after"))
			w->retry_after = arena_textn(w->arena, value.p, value.n);
	}
	return size * count;
}

static bool
header_is_sendable(const struct http_header *h)
{
	static const char token[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789!#$%&'*+-.^_`|~";

	if (h->name == NULL || h->value == NULL || *h->name == '\0' ||
	    h->name[strspn(h->name, token)] != '\0')
		return false;
	for (const char *p = h->value; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return true;
}

static void
list_add(struct curl_slist **list, const char *line)
{
	struct curl_slist *more = curl_slist_append(*list, line);

	if (more == NULL)
		arena_no_memory();
	*list = more;
}

/* These very fields, in the spelling of headers_make(). */
static bool
headers_are(const struct curl_slist *line, const struct http_request *req)
{
	for (int i = 0; i < req->header_count; i++, line = line->next) {
		const struct http_header	*h = &req->headers[i];
		struct span			 rest, name;

		if (line == NULL || *h->value == '\0')
			return false;
		rest = span_of(line->data);
		if (!span_cut(&rest, ':', &name) || !span_is(name, h->name) || rest.n < 1 ||
		    strcmp(rest.p + 1, h->value) != 0)
			return false;
	}
	return line != NULL && strcmp(line->data, HTTP_NO_EXPECT) == 0;	/* and no more of the caller's */
}

/* libcurl's own spelling: "A: b", "A;" for an empty value, "A:" to leave out a field of its own. */
static int
headers_make(const struct http_request *req, struct arena *a, struct curl_slist **out,
    struct err *e)
{
	bool has_type = false;

	for (int i = 0; i < req->header_count; i++) {
		const struct http_header *h = &req->headers[i];

		if (!header_is_sendable(h))
			return err_set(e, ERR_REJECT, "%s: header field \"%s\" is not sendable",
			    http_host(req->url, a), h->name != NULL ? h->name : "");
		has_type |= strcasecmp(h->name, "content-type") == 0;
		list_add(out, arena_printf(a, *h->value == '\0' ? "%s;%s" : "%s: %s", h->name,
		    h->value));
	}
	list_add(out, HTTP_NO_EXPECT);
	if (!has_type)
		list_add(out, "Content-Type:");
	return 0;
}

static int
headers_new(struct transfer *t, const struct http_request *req, struct arena *a, struct err *e)
{
	curl_slist_free_all(t->headers);
	t->headers = NULL;
	return headers_make(req, a, &t->headers, e);
}

/* CURLOPT_XFERINFOFUNCTION: called at least once a second; not 0 ends the request. */
static int
request_stopped(void *data, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct http_request *req = data;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return *req->stop;
}

static CURLcode
set_request(struct transfer *t)
{
	const struct http_request	*req = &t->req;
	CURL				*h = t->easy;
	CURLcode			 rc = CURLE_OK;

	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_TIMEOUT_MS, (long)(req->total_ms > 0 ? req->total_ms : HTTP_TOTAL_MS));
	SET(CURLOPT_USERAGENT, "approvals/" APPROVALS_VERSION);
	SET(CURLOPT_HTTPHEADER, t->headers);
	SET(CURLOPT_WRITEFUNCTION, answer_body);
	SET(CURLOPT_WRITEDATA, &t->answer);
	SET(CURLOPT_HEADERFUNCTION, answer_header);
	SET(CURLOPT_HEADERDATA, &t->answer);
	SET(CURLOPT_ERRORBUFFER, t->words);
	SET(CURLOPT_PRIVATE, t);
	if (req->stop != NULL) {
		SET(CURLOPT_NOPROGRESS, 0L);
		SET(CURLOPT_XFERINFOFUNCTION, request_stopped);
		SET(CURLOPT_XFERINFODATA, req);
	}
	if (strcmp(req->method, "POST") == 0) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.n);
		SET(CURLOPT_POSTFIELDS, req->body.n > 0 ? req->body.p : "");
	} else {
		SET(CURLOPT_HTTPGET, 1L);
	}
	return rc;
}

/* RFC 9110 10.2.3: seconds, or a date; -1 if it is neither. */
static int64_t
retry_after_ms(const char *text, int64_t now_ms)
{
	int64_t seconds;

	if (text == NULL)
		return -1;
	if (span_digits(span_of(text))) {
		seconds = strlen(text) > 9 ? HTTP_MAX_RETRY_AFTER_S : strtoll(text, NULL, 10);
	} else {
		time_t at = curl_getdate(text, NULL);

		if (at == -1)
			return -1;
		seconds = at - now_ms / 1000;
	}
	if (seconds < 0)
		seconds = 0;
	return (seconds < HTTP_MAX_RETRY_AFTER_S ? seconds : HTTP_MAX_RETRY_AFTER_S) * 1000;
}

/* "Text/HTML; charset=x" to "text/html". */
static const char *
type_normal(const char *text, struct arena *a)
{
	struct span	rest = span_of(text), type;
	char		*low;

	span_cut(&rest, ';', &type);
	type = span_trim(type);
	low = arena_textn(a, type.p, type.n);
	for (char *p = low; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return low;
}

/* From curl's code and what arrived to an answer or an error. */
static int
answer_take(struct transfer *t, CURLcode rc, int64_t now_ms, struct http_response *res, struct err *e)
{
	const struct http_request	*req = &t->req;
	struct answer			*w = &t->answer;
	long				 status = 0;

	if (w->headers_full)
		return err_set(e, ERR_REJECT, "%s: more than %d bytes of header fields",
		    http_host(req->url, t->arena), HTTP_MAX_HEADERS);
	if (w->body_full && !req->cut)
		return err_set(e, ERR_REJECT, "%s: an answer of more than %zu bytes",
		    http_host(req->url, t->arena), w->max_body);
	if (rc == CURLE_ABORTED_BY_CALLBACK)
		return err_what(e, ERR_RETRY, ERR_STOPPED, "stopped by a signal");
	if (rc != CURLE_OK && !w->body_full)
		return http_failed(rc, t->words, req->url, e);
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 100 || status > 599)
		return err_set(e, ERR_REJECT, "%s: status %ld", http_host(req->url, t->arena), status);
	res->status = (int)status;
	res->body = (struct span){w->body.p, w->body.n};
	res->type = type_normal(w->type, t->arena);
	res->retry_after_ms = retry_after_ms(w->retry_after, now_ms);
	return 0;
}

/* Everything of a request but its sending. transfer_end() follows, whatever came back. */
static int
transfer_begin(struct transfer *t, const struct http_net *net, const struct http_request *req,
    struct arena *a, struct err *e)
{
	static const struct http_net	 plain = {0};
	const char			*proxy;
	CURLcode			 code;

	if (net == NULL)
		net = &plain;
	if (strcmp(req->method, "GET") != 0 && strcmp(req->method, "POST") != 0)
		return err_set(e, ERR_REJECT, "method \"%s\" is not sendable", req->method);
	t->req = *req;
	t->req.url = arena_text(a, req->url);
	t->arena = a;
	t->answer = (struct answer){.body = {.arena = a}, .arena = a, .type = "",
	    .max_body = req->max_body > 0 ? req->max_body : HTTP_MAX_BODY};
	arena_puts(&t->answer.body, "");
	t->words[0] = '\0';
	t->start_ms = clock_mono_ms();
	proxy = net->proxy != NULL ? proxy_of(net, http_host(req->url, a)) : NULL;
	if ((!headers_are(t->headers, req) && headers_new(t, req, a, e) == -1) ||
	    names_resolve(net, req->url, proxy, a, &t->names, e) == -1)
		return -1;
	curl_easy_reset(t->easy);
	if ((code = set_common(t->easy, net, req->url, proxy, "https", t->names)) != CURLE_OK ||
	    (code = set_request(t)) != CURLE_OK)
		return http_failed(code, NULL, req->url, e);
	return set_proxy_login(t->easy, net, proxy, e);
}

static void
transfer_end(struct transfer *t)
{
	curl_easy_reset(t->easy);	/* it keeps connections, and no pointer of ours */
	curl_slist_free_all(t->names);
	t->names = NULL;
}

static void
transfer_close(struct transfer *t)
{
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
}

static void
transfer_init(struct transfer *t)
{
	if ((t->easy = curl_easy_init()) == NULL)
		arena_no_memory();
}

struct http *
http_open(void)
{
	struct http *http;

	http_init();
	if ((http = calloc(1, sizeof(*http))) == NULL)
		arena_no_memory();
	transfer_init(&http->one);
	return http;
}

/* Takes a transfer from the running ones, ended or not. */
static void
transfer_idle(struct http *http, struct transfer *t)
{
	struct transfer **at = &http->running;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	http->count--;
	curl_multi_remove_handle(http->multi, t->easy);
	transfer_end(t);
	t->next = http->idle;
	http->idle = t;
}

void
http_close(struct http *http)
{
	struct transfer *t;

	if (http == NULL)
		return;
	while (http->running != NULL)
		transfer_idle(http, http->running);
	while ((t = http->idle) != NULL) {
		http->idle = t->next;
		transfer_close(t);
		free(t);
	}
	curl_multi_cleanup(http->multi);
	transfer_close(&http->one);
	free(http);
}

int
http_do(struct http *http, const struct http_net *net, const struct http_request *req,
    int64_t now_ms, struct arena *a, struct http_response *res, struct err *e)
{
	struct transfer	*t = &http->one;
	int		 rc = transfer_begin(t, net, req, a, e);

	if (rc == 0) {
		rc = answer_take(t, curl_easy_perform(t->easy), now_ms, res, e);
		res->took_ms = clock_mono_ms() - t->start_ms;
	}
	transfer_end(t);
	return rc;
}

/* ---- many at once */

static void
multi_need(struct http *http)
{
	if (http->multi == NULL && (http->multi = curl_multi_init()) == NULL)
		arena_no_memory();
}

static struct transfer *
transfer_new(struct http *http)
{
	struct transfer *t = http->idle;

	if (t != NULL) {
		http->idle = t->next;
		return t;
	}
	if ((t = calloc(1, sizeof(*t))) == NULL)
		arena_no_memory();
	transfer_init(t);
	return t;
}

int
http_start(struct http *http, const struct http_net *net, const struct http_request *req,
    struct arena *a, void *tag, struct err *e)
{
	struct transfer *t;

	multi_need(http);
	t = transfer_new(http);
	if (transfer_begin(t, net, req, a, e) == -1) {
		transfer_end(t);
		t->next = http->idle;
		http->idle = t;
		return -1;
	}
	t->tag = tag;
	if (curl_multi_add_handle(http->multi, t->easy) != CURLM_OK)
		arena_no_memory();	/* nothing else can be wrong with a handle that is in no other */
	t->next = http->running;
	http->running = t;
	http->count++;
	return 0;
}

int
http_running(const struct http *http)
{
	return http->count;
}

/* The next that has ended, if any. */
static bool
transfer_ended(struct http *http, int64_t now_ms, struct http_done *done)
{
	CURLMsg		*m;
	struct transfer	*t = NULL;
	int		 left;

	do {
		if ((m = curl_multi_info_read(http->multi, &left)) == NULL)
			return false;
	} while (m->msg != CURLMSG_DONE);
	curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
	*done = (struct http_done){.tag = t->tag};
	done->failed = answer_take(t, m->data.result, now_ms, &done->res, &done->why) == -1;
	done->res.took_ms = clock_mono_ms() - t->start_ms;
	transfer_idle(http, t);
	return true;
}

bool
http_wait(struct http *http, int64_t wait_ms, int64_t now_ms, struct http_done *done)
{
	int64_t	until_ms = clock_mono_ms() + wait_ms, left_ms;
	int	running;

	multi_need(http);
	for (;;) {
		/* All that ended are told of before libcurl looks at the rest again: each look asks for every socket. */
		if (transfer_ended(http, now_ms, done))
			return true;
		if (curl_multi_perform(http->multi, &running) != CURLM_OK)
			arena_no_memory();
		if (transfer_ended(http, now_ms, done))
			return true;
		if ((left_ms = until_ms - clock_mono_ms()) <= 0)
			return false;
		/* A second at most: what stops a request is looked at then. */
		curl_multi_poll(http->multi, NULL, 0, (int)(left_ms < 1000 ? left_ms : 1000), NULL);
	}
}
