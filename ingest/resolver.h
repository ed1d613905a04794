/*
 * resolver - names through the configured servers; the one door to libunbound
 *
 * For `network.dns: ["127.0.0.1@5353"]`: hosts are then looked up there instead of by the system. And for DKIM
 * keys, whoever is asked.
 */
#ifndef INGEST_RESOLVER_H
#define INGEST_RESOLVER_H

#include "base/arena.h"
#include "base/err.h"
#include "read/reading.h"

#define RESOLVER_MS	10000	/* for one name */
#define RESOLVER_KEY_MS	5000	/* for one key: many mails may wait for keys of a domain that does not answer */

/*
 * An http_resolve_fn (base/http.h): IPv4 and IPv6 addresses of host, comma-separated; a host that
 * is an address is itself. ERR_RETRY; ERR_FATAL with ERR_CONFIG if a server is no address.
 */
int	resolver_addresses(const char *const *servers, const char *host, struct arena *, const char **addresses,
	    struct err *);

/*
 * The TXT record of name, which holds a DKIM key (RFC 6376 3.6.2). servers: as above; NULL: those of
 * /etc/resolv.conf. A key_fn (ingest/key.h).
 */
enum key_status	resolver_key(const char *const *servers, const char *name, struct arena *, struct span *record);

#endif
