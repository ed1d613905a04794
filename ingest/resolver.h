/*
 * resolver - names through the configured servers; the one door to libunbound
 *
 * For `network.dns: ["127.0.0.1@5353"]`: hosts are then looked up there instead of by the system.
 */
#ifndef INGEST_RESOLVER_H
#define INGEST_RESOLVER_H

#include "base/arena.h"
#include "base/err.h"

#define RESOLVER_MS	10000	/* for one name */

/*
 * An http_resolve_fn (base/http.h): IPv4 and IPv6 addresses of host, comma-separated; a host that
 * is an address is itself. ERR_RETRY; ERR_FATAL with ERR_CONFIG if a server is no address.
 */
int	resolver_addresses(const char *const *servers, const char *host, struct arena *, const char **addresses,
	    struct err *);

#endif
