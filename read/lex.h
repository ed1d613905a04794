/*
 * lex - words of structured header fields: white space, comments, quoted strings (RFC 5322 3.2)
 *
 * Knows no field. Spans are views into the value; nothing is decoded.
 */
#ifndef READ_LEX_H
#define READ_LEX_H

#include <stdbool.h>

#include "base/span.h"

struct lexer {
	struct span	left;
	bool		broken;		/* an unclosed comment or string; nothing clears it */
};

int		lex_peek(const struct lexer *);		/* the next byte, -1 at the end */
void		lex_step(struct lexer *);
bool		lex_take(struct lexer *, char);		/* steps over it if it is next */
bool		lex_white(int c);
bool		lex_skip(struct lexer *);		/* white space and comments; true if there was any */
void		lex_comment(struct lexer *);		/* which begins here, with those in it */
struct span	lex_quoted(struct lexer *);		/* what lies between the quotes, or broken */
struct span	lex_run(struct lexer *, const char *stop);	/* printable ASCII without any of `stop` */

#endif
