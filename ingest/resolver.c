/*
 * resolver - see resolver.h
 *
 * libunbound as a stub: every question is forwarded, and its own answers for "localhost", "test"
 * and the like are taken out, since whoever names a server wants what that server says. A thread of
 * the library asks (a forked helper would inherit our descriptors), so that our clock counts.
 */
#include "ingest/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unbound.h>

#include "base/clock.h"
#include "base/span.h"

#define RESOLVER_MAX_ADDRESSES	16	/* of one family; more than a client would ever try */
#define DNS_CLASS_IN		1	/* RFC 1035 3.2.4 */
#define DNS_TYPE_A		1	/* RFC 1035 3.2.2 */
#define DNS_TYPE_AAAA		28	/* RFC 3596 2.1 */
#define DNS_TYPE_TXT		16	/* RFC 1035 3.2.2 */

struct lookup {
	int			 family;	/* AF_INET, AF_INET6 */
	bool			 done;
	int			 error;		/* a ub_ctx_err; 0: result is set */
	struct ub_result	*result;
};

static void
lookup_done(void *lookup, int error, struct ub_result *result)
{
	struct lookup *l = lookup;

	l->done = true;
	l->error = error;
	l->result = result;
}

static bool
is_address(const char *host)
{
	struct in6_addr any;

	return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

static struct ub_ctx *
context_make(const char *const *servers, struct err *e)
{
	/* answered by libunbound itself unless removed (RFC 6761, RFC 8375) */
	static const char *const builtin[] = {"localhost.", "test.", "invalid.", "home.arpa."};
	struct ub_ctx *ctx = ub_ctx_create();

	if (ctx == NULL) {
		err_what(e, ERR_RETRY, ERR_NOMEM, "cannot make a resolver: %s", strerror(errno));
		return NULL;
	}
	if (servers == NULL && ub_ctx_resolvconf(ctx, NULL) != 0) {
		err_set(e, ERR_RETRY, "cannot read the system's name servers");
		ub_ctx_delete(ctx);
		return NULL;
	}
	for (int i = 0; servers != NULL && servers[i] != NULL; i++) {
		if (ub_ctx_set_fwd(ctx, servers[i]) == 0)
			continue;
		err_what(e, ERR_FATAL, ERR_CONFIG,
		    "name server \"%s\" is no address like 127.0.0.1@5353", servers[i]);
		ub_ctx_delete(ctx);
		return NULL;
	}
	if (ub_ctx_set_option(ctx, "do-not-query-localhost:", "no") != 0 ||
	    ub_ctx_async(ctx, 1) != 0)
		goto fail;
	for (size_t i = 0; i < COUNT(builtin); i++)
		if (ub_ctx_zone_remove(ctx, builtin[i]) != 0)
			goto fail;
	return ctx;
fail:
	err_set(e, ERR_FATAL, "libunbound does not take its settings");
	ub_ctx_delete(ctx);
	return NULL;
}

/* Until all lookups are done, or the time is up. */
static int
lookups_wait(struct ub_ctx *ctx, const struct lookup *l, size_t n, const char *host, int most_ms,
    struct err *e)
{
	int64_t		deadline_ms = clock_mono_ms() + most_ms;
	struct pollfd	p = {.fd = ub_fd(ctx), .events = POLLIN};

	for (;;) {
		int64_t left = deadline_ms - clock_mono_ms();
		size_t	done = 0;

		while (done < n && l[done].done)
			done++;
		if (done == n)
			return 0;
		if (left <= 0)
			return err_set(e, ERR_RETRY,
			    "no answer about %s from the name servers within %d s", host,
			    most_ms / 1000);
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return err_set(e, ERR_RETRY, "cannot wait for name servers: %s",
			    strerror(errno));
		if ((p.revents & POLLIN) != 0 && ub_process(ctx) != 0)
			return err_set(e, ERR_RETRY, "the resolver failed on %s", host);
	}
}

static void
lookup_put(const struct lookup *l, struct arena_buf *b)
{
	int	size = l->family == AF_INET ? 4 : 16;
	char	text[INET6_ADDRSTRLEN];

	if (l->error != 0 || l->result == NULL || !l->result->havedata)
		return;
	for (int i = 0; i < RESOLVER_MAX_ADDRESSES && l->result->data[i] != NULL; i++)
		if (l->result->len[i] == size &&
		    inet_ntop(l->family, l->result->data[i], text, sizeof text) != NULL)
			arena_putf(b, "%s%s", b->n > 0 ? "," : "", text);
}

/* Nothing was found: does the name not exist, or did nobody answer? */
static int
not_found(const struct lookup *l, size_t n, const char *host, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const struct ub_result *r = l[i].result;

		if (l[i].error != 0)
			return err_set(e, ERR_RETRY, "cannot look up %s: %s", host,
			    ub_strerror(l[i].error));
		if (r->rcode != 0 && !r->nxdomain)
			return err_set(e, ERR_RETRY, "the name servers fail on %s (rcode %d)", host,
			    r->rcode);
	}
	return err_set(e, ERR_RETRY, "%s has no address at the name servers", host);
}

int
resolver_addresses(const char *const *servers, const char *host, struct arena *a,
    const char **addresses, struct err *e)
{
	struct lookup	l[] = {{.family = AF_INET}, {.family = AF_INET6}};
	const int	type[] = {DNS_TYPE_A, DNS_TYPE_AAAA};
	struct arena_buf b = {.arena = a};
	struct ub_ctx	*ctx;
	int		rc = -1;

	if (is_address(host)) {
		*addresses = arena_text(a, host);
		return 0;
	}
	if ((ctx = context_make(servers, e)) == NULL)
		return -1;
	for (size_t i = 0; i < COUNT(l); i++) {
		int error = ub_resolve_async(ctx, host, type[i], DNS_CLASS_IN, &l[i],
		    lookup_done, NULL);

		if (error != 0) {
			err_set(e, ERR_RETRY, "cannot look up %s: %s", host, ub_strerror(error));
			goto out;
		}
	}
	if (lookups_wait(ctx, l, COUNT(l), host, RESOLVER_MS, e) != 0)
		goto out;
	for (size_t i = 0; i < COUNT(l); i++)
		lookup_put(&l[i], &b);
	*addresses = b.p;
	rc = b.n > 0 ? 0 : not_found(l, COUNT(l), host, e);
out:
	for (size_t i = 0; i < COUNT(l); i++)
		ub_resolve_free(l[i].result);
	ub_ctx_delete(ctx);
	return rc;
}

/* The strings of a TXT record, joined (RFC 6376 3.6.2.2); p NULL if it is no printable ASCII, or too long. */
static struct span
txt_text(const char *data, int len, struct arena *a)
{
	struct arena_buf b = {.arena = a};

	arena_put(&b, "", 0);
	for (int at = 0; at < len;) {
		int n = (unsigned char)data[at++];

		if (n > len - at)
			return (struct span){0};
		arena_put(&b, data + at, (size_t)n);
		at += n;
	}
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] < 0x20 || b.p[i] > 0x7e)
			return (struct span){0};
	return b.n <= READING_MAX_KEY ? (struct span){b.p, b.n} : (struct span){0};
}

static enum key_status
key_of(const struct ub_result *r, struct arena *a, struct span *record)
{
	if (r->nxdomain || (r->rcode == 0 && !r->havedata))
		return KEY_NONE;
	if (r->rcode != 0 || r->data[0] == NULL)
		return KEY_FAILED;
	*record = txt_text(r->data[0], r->len[0], a);
	return r->data[1] != NULL || record->p == NULL ? KEY_SEVERAL : KEY_FOUND;
}

enum key_status
resolver_key(const char *const *servers, const char *name, struct arena *a, struct span *record)
{
	struct lookup	 l = {0};
	struct err	 e;
	struct ub_ctx	*ctx = context_make(servers, &e);
	enum key_status	 status = KEY_FAILED;

	*record = SPAN_LIT("");
	if (ctx == NULL)
		return status;
	if (ub_resolve_async(ctx, name, DNS_TYPE_TXT, DNS_CLASS_IN, &l, lookup_done, NULL) == 0 &&
	    lookups_wait(ctx, &l, 1, name, RESOLVER_KEY_MS, &e) == 0 && l.error == 0 && l.result != NULL)
		status = key_of(l.result, a, record);
	if (status != KEY_FOUND)
		*record = SPAN_LIT("");
	ub_resolve_free(l.result);
	ub_ctx_delete(ctx);
	return status;
}
