#include "notify/webhook.h"

#include <string.h>

#include "base/clock.h"
#include "base/digest.h"

#define SECRET_PREFIX "whsec_"

const char *
webhook_sign(struct span key, const char *id, int64_t timestamp_s, struct span body,
    struct arena *a)
{
	struct arena_buf	b = {.arena = a};
	uint8_t			mac[DIGEST_BYTES];

	/* Standard Webhooks 1.0.0, "Signature scheme": the exact bytes sent, after id and time */
	arena_putf(&b, "%s.%lld.", id, (long long)timestamp_s);
	arena_put(&b, body.p, body.n);
	digest_hmac(key, (struct span){b.p, b.n}, mac);
	return arena_printf(a, "v1,%s", digest_base64(a, (struct span){(const char *)mac,
	    sizeof(mac)}));
}

int
webhook_key(const char *secret, struct arena *a, struct span *key, struct err *e)
{
	size_t prefix = strlen(SECRET_PREFIX);

	if (strncmp(secret, SECRET_PREFIX, prefix) != 0)
		return err_what(e, ERR_REJECT, ERR_CONFIG, "a webhook's secret begins with \"%s\"",
		    SECRET_PREFIX);
	*key = digest_unbase64(a, span_of(secret + prefix));
	if (key->p == NULL)
		return err_what(e, ERR_REJECT, ERR_CONFIG, "what follows \"%s\" is not base64",
		    SECRET_PREFIX);
	if (key->n < WEBHOOK_KEY_MIN || key->n > WEBHOOK_KEY_MAX)
		return err_what(e, ERR_REJECT, ERR_CONFIG,
		    "a webhook's key has %d to %d bytes; this one has %zu",
		    WEBHOOK_KEY_MIN, WEBHOOK_KEY_MAX, key->n);
	return 0;
}

/* The secret's own bytes lie in `a`, which the caller frees soon; they are wiped all the same. */
static int
signature(const struct endpoint *ep, const struct delivery *d, int64_t now_s, struct arena *a,
    const char **sig, struct err *e)
{
	const char	*secret;
	struct span	 key = {NULL, 0};
	int		 rc = -1;

	if (conf_secret_read(ep->secret, a, &secret, e) == -1)
		return -1;
	if (webhook_key(secret, a, &key, e) == 0) {
		*sig = webhook_sign(key, d->webhook_id, now_s, span_of(d->body), a);
		rc = 0;
	} else
		err_in(e, "secret_file \"%s\"", ep->secret.name);
	explicit_bzero((char *)(uintptr_t)secret, strlen(secret));
	if (key.p != NULL)
		explicit_bzero((char *)(uintptr_t)key.p, key.n);
	return rc;
}

int
webhook_send(struct http *http, const struct endpoint *ep, const struct delivery *d, int64_t now_ms,
    struct arena *a, struct http_response *answer, struct err *e)
{
	int64_t			 now_s = now_ms / CLOCK_SECOND;
	const char		*url, *sig;
	struct http_header	 headers[] = {
		{ "content-type", "application/json" },
		{ "user-agent", "approvals/" APPROVALS_VERSION },
		{ "webhook-id", d->webhook_id },
		{ "webhook-timestamp", arena_printf(a, "%lld", (long long)now_s) },
		{ "webhook-signature", NULL },
	};
	struct http_request	 request = {
		.method = "POST", .headers = headers, .header_count = COUNT(headers),
		    .body = span_of(d->body),
		.total_ms = WEBHOOK_TIMEOUT_MS, .max_body = WEBHOOK_MAX_ANSWER, .cut = true,
	};

	if (route_url(ep, a, &url, e) == -1 || signature(ep, d, now_s, a, &sig, e) == -1)
		return -1;
	request.url = url;
	headers[COUNT(headers) - 1].value = sig;
	return http_do(http, &ep->net, &request, now_ms, a, answer, e);
}
