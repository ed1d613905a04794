/*
 * sender - whose mail it says it is: the one address of its one From field
 *
 * By bytes alone. Whatever mail programs could read differently is no address, and has its own reason.
 */
#ifndef READ_SENDER_H
#define READ_SENDER_H

#include "read/header.h"

/*
 * NULL, and the address and its domain (views); else the reason why there is none: header-malformed, from-missing,
 * from-duplicate (fields), from-group, from-route, from-several (addresses), from-encoded (an encoded word in
 * or for an address), from-international (a domain beyond ASCII), from-ambiguous (any other doubt).
 */
const char	*sender_read(const struct header *, struct arena *, struct span *address, struct span *domain);

#endif
