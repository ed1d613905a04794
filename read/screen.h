/*
 * screen - is a mail worth reading, by FROM, SENDER, REPLY-TO and SUBJECT alone?
 *
 * No, only if no address names, or looks like, a domain of sender.domains or sender.forwarders, and the
 * Subject has none of the rules' screen words. Whatever is unclear is a candidate.
 */
#ifndef READ_SCREEN_H
#define READ_SCREEN_H

#include <stdbool.h>

#include "base/span.h"
#include "read/message.h"
#include "read/reading.h"

bool	screen_candidate(const struct reading_setup *, const struct rules *, struct message_door *,
	    struct span header);

#endif
