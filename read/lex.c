/*
 * lex - see lex.h
 */
#include "read/lex.h"

#include <string.h>

#define MAX_NESTING	16	/* comments in comments */

int
lex_peek(const struct lexer *l)
{
	return l->left.n > 0 ? (unsigned char)l->left.p[0] : -1;
}

void
lex_step(struct lexer *l)
{
	l->left = span_from(l->left, 1);
}

bool
lex_white(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void
lex_comment(struct lexer *l)
{
	int depth = 0;

	while (l->left.n > 0) {
		int c = lex_peek(l);

		lex_step(l);
		if (c == '\\')
			lex_step(l);
		else if (c == '(' && ++depth > MAX_NESTING)
			break;
		else if (c == ')' && --depth == 0)
			return;
	}
	l->broken = true;
}

bool
lex_skip(struct lexer *l)
{
	size_t before = l->left.n;

	for (;;) {
		if (lex_white(lex_peek(l)))
			lex_step(l);
		else if (lex_peek(l) == '(')
			lex_comment(l);
		else
			return l->left.n != before;
	}
}

struct span
lex_quoted(struct lexer *l)
{
	struct span s;

	lex_step(l);
	s = l->left;
	while (l->left.n > 0) {
		int c = lex_peek(l);

		if (c == '"') {
			s.n = (size_t)(l->left.p - s.p);
			lex_step(l);
			return s;
		}
		lex_step(l);
		if (c == '\\')
			lex_step(l);
	}
	l->broken = true;
	return (struct span){0};
}

struct span
lex_run(struct lexer *l, const char *stop)
{
	struct span s = l->left;

	while (lex_peek(l) > 0x20 && lex_peek(l) < 0x7f && strchr(stop, lex_peek(l)) == NULL)
		lex_step(l);
	s.n -= l->left.n;
	return s;
}

bool
lex_take(struct lexer *l, char c)
{
	if (lex_peek(l) != c)
		return false;
	lex_step(l);
	return true;
}
