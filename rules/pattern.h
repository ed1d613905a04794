/*
 * pattern - a PCRE2 pattern with limits; the one door to PCRE2
 *
 * Patterns are UTF-8, case-insensitive (`(?-i)` undoes it), \d \w \b know ASCII only, and plain
 * parentheses do not capture: only named groups do. A pattern that would work too long ends with
 * PATTERN_LIMIT, which is never the same as "no match".
 */
#ifndef RULES_PATTERN_H
#define RULES_PATTERN_H

#include "base/err.h"
#include "base/span.h"

#define PATTERN_MAX_BYTES	1000		/* of a pattern's text: what a person can still read */
#define PATTERN_MAX_SUBJECT	(8 * 1024)	/* bytes looked at at once: a long paragraph */
#define PATTERN_OVERLAP		1024		/* bytes that the next look sees again: the longest match */
#define PATTERN_WORD		64		/* bytes of a word, and how far a pattern may look behind */
#define PATTERN_MATCH_LIMIT	100000		/* steps: 2 ms for a catastrophe, 1000 for a label */
#define PATTERN_DEPTH_LIMIT	1000		/* backtracking frames */
#define PATTERN_HEAP_KIB	1024		/* memory of one match */
#define PATTERN_NEST_LIMIT	50		/* parentheses within parentheses */

struct pattern;
enum pattern_result { PATTERN_MATCH, PATTERN_NO_MATCH, PATTERN_LIMIT };

/* ERR_REJECT says what is wrong and at which byte. Close it after use; NULL is fine. */
int	pattern_open(struct span text, struct pattern **, struct err *);
void	pattern_close(struct pattern *);

/* Names of its groups, in the order of the alphabet; NULL past the end. */
const char *pattern_name(const struct pattern *, int i);
/* Number of the named group, or -1. */
int	pattern_group(const struct pattern *, const char *name);

/*
 * Looks for the pattern in subject from byte `from` on. A long subject is looked at piece by piece, and a
 * match of more than PATTERN_OVERLAP bytes in it may be missed. What is no UTF-8 is PATTERN_LIMIT, unless
 * what every match needs (rules/need.h) is not there. After PATTERN_MATCH, pattern_span() gives a group's text (0: the whole match; p NULL
 * if the group took no part) until the next call, as part of the subject.
 */
enum pattern_result pattern_find(struct pattern *, struct span subject, size_t from);
struct span	pattern_span(const struct pattern *, int group);

#endif
