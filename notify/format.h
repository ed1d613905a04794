/*
 * format - the body that a target gets: frozen when the event is fanned out
 */
#ifndef NOTIFY_FORMAT_H
#define NOTIFY_FORMAT_H

#include "base/arena.h"
#include "store/event.h"

/* {"type", "timestamp", "data"} (Standard Webhooks 1.0.0). */
const char *format_standard(const struct event *, struct arena *);

/*
 * A whole RFC 5322 message, CRLF line ends, text/plain UTF-8, Auto-Submitted: auto-generated (RFC
 * 3834), the Message-ID fixed as <webhook_id@domain of from>. Names in the Subject are RFC 2047
 * encoded, controls stripped. Of untrusted mail only checked digits and ids are shown, never its
 * text.
 */
const char *format_email(const struct event *, const char *webhook_id, const char *from,
    const char *to, struct arena *);

#endif
