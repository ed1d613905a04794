/*
 * webhook - one signed POST (Standard Webhooks 1.0.0)
 *
 * signature = base64(HMAC-SHA256(key, id "." timestamp "." body)); key = base64-decoded text after
 * "whsec_".
 */
#ifndef NOTIFY_WEBHOOK_H
#define NOTIFY_WEBHOOK_H

#include "base/http.h"
#include "notify/route.h"
#include "store/delivery.h"

#define WEBHOOK_TIMEOUT_MS	15000
#define WEBHOOK_MAX_ANSWER	4096	/* bytes of an answer that are looked at */
#define WEBHOOK_KEY_MIN		24	/* bytes of a key, Standard Webhooks 1.0.0 */
#define WEBHOOK_KEY_MAX		64

/* "v1,<base64>" in the arena. key: raw bytes. */
const char *webhook_sign(struct span key, const char *id, int64_t timestamp_s, struct span body,
    struct arena *);
/* The key behind "whsec_…": ERR_CONFIG if it is none. */
int	webhook_key(const char *secret, struct arena *, struct span *key, struct err *);

/* Sends one delivery's frozen body, signed for now. 0: an answer came, whatever its status. */
int	webhook_send(struct http *, const struct endpoint *, const struct delivery *,
    int64_t now_ms, struct arena *,
	    struct http_response *, struct err *);

#endif
