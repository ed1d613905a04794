/*
 * guard - a running look at an IMAP server's bytes, in pieces of any size, before libetpan reads them
 *
 * It knows lines, quoted strings and literals (RFC 9051 4.3), and no more. What passes is within the
 * bounds below and a byte budget for each command.
 */
#ifndef INGEST_GUARD_H
#define INGEST_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Bytes of a line, literals left out: the answer to a SEARCH is one. */
#define GUARD_MAX_LINE	((size_t)8 * 1024 * 1024)
/* UIDs of one command's SEARCH: libetpan takes 64 bytes each; twice that for any other line or word. */
#define GUARD_MAX_SHOWN	500000
#define GUARD_MAX_DEPTH	32	/* of parentheses: libetpan recurses, 20,000 kill it */

struct guard {
	size_t		 budget;	/* bytes that may still come for this command */
	size_t		 shown;		/* numbers in SEARCH answers so far, others weighed as such */
	size_t		 literal;	/* bytes of a literal still to come */
	size_t		 line;		/* bytes of this line so far, literals left out */
	enum { GUARD_START, GUARD_STAR, GUARD_TEXT, GUARD_DATA } state;
	char		 word[8];	/* what follows "* " */
	size_t		 word_n;
	bool		 quoted, escaped, code /* inside [ ] of a status line */, search;
	enum { BRACE_NONE, BRACE_OPEN, BRACE_CLOSED, BRACE_CR } brace;
	uint64_t	 number;	/* digits being read */
	int		 digits;
	int		 depth;
	uint32_t	 before;	/* the four bytes before the digits */
};
void	guard_arm(struct guard *, size_t budget);
/* -1: a bound was passed; ERR_RETRY, since another connection may do better. */
int	guard_pass(struct guard *, const char *, size_t, struct err *);

#endif
