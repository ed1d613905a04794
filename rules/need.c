#include <string.h>

#include "rules/need.h"

#define MIN_WORD	2	/* bytes of an alternative; less fits nearly everywhere */

static char
lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
}

static bool
is_literal(char c)
{
	return (unsigned char)c < 0x80 && c != '\0' && strchr("\\[]()|?*+{}^$.", c) == NULL;
}

/* ---- reading a pattern */

/* One part of a sequence: a character, class or group, and how often it must stand there. */
struct atom {
	struct span	text;	/* of the group or class: what is in it; of a character: itself */
	enum { ATOM_LITERAL, ATOM_CLASS, ATOM_GROUP, ATOM_OTHER } kind;
	bool		required, repeated;
};

/* Bytes of a class with its brackets; 0: one that we do not read. */
static size_t
class_length(struct span s)
{
	size_t i = 1;

	if (i < s.n && s.p[i] == '^')
		i++;
	for (size_t from = i; i < s.n; i++) {
		if (s.p[i] == '[' || (s.p[i] == ']' && i == from))
			return 0;
		if (s.p[i] == ']')
			return i + 1;
		i += s.p[i] == '\\';
	}
	return 0;
}

/* Bytes of a group with its parentheses; 0: one that we do not read. */
static size_t
group_length(struct span s)
{
	size_t i = 0, n;
	int    depth = 0;

	while (i < s.n) {
		if (s.p[i] == '\\') {
			i += 2;
		} else if (s.p[i] == '[') {
			if ((n = class_length(span_from(s, i))) == 0)
				return 0;
			i += n;
		} else {
			depth += (s.p[i] == '(') - (s.p[i] == ')');
			i++;
			if (depth == 0)
				return i;
		}
	}
	return 0;
}

/* What is in a group that must fit where it stands. */
static bool
group_inside(struct span group, struct span *in)
{
	static const char *const heads[] = { "(?:", "(?=", "(?>", "(?-i:" };
	ptrdiff_t end;

	*in = (struct span){group.p + 1, group.n - 2};
	if (in->n == 0 || (in->p[0] != '?' && in->p[0] != '*'))
		return true;
	for (size_t i = 0; i < COUNT(heads); i++)
		if (span_is(span_take(group, strlen(heads[i])), heads[i])) {
			*in = span_from(*in, strlen(heads[i]) - 1);
			return true;
		}
	end = span_find(group, SPAN_LIT(">"), 0);
	if (in->n < 2 || in->p[1] != '<' || end < 0 || in->p[2] == '=' || in->p[2] == '!')
		return false;
	*in = span_from(*in, (size_t)end);	/* a group with a name */
	return true;
}

/* "?", "*", "{0,": need not be there. Takes the quantifier off. */
static void
quantifier_cut(struct span *s, struct atom *a)
{
	size_t n = 0;

	a->required = true;
	a->repeated = s->n > 0 && s->p[0] != '\0' && strchr("?*+{", s->p[0]) != NULL;
	if (!a->repeated)
		return;
	a->required = s->p[0] == '+' || (s->p[0] == '{' && s->n > 1 && s->p[1] >= '1' && s->p[1] <= '9');
	if (s->p[0] == '{')
		while (n < s->n && s->p[n] != '}')
			n++;
	*s = span_from(*s, n + 1);
	if (s->n > 0 && (s->p[0] == '?' || s->p[0] == '+'))
		*s = span_from(*s, 1);
}

/* Cuts the next part off; false at what we do not read. */
static bool
atom_next(struct span *s, struct atom *a)
{
	size_t n = 1;

	*a = (struct atom){.kind = ATOM_OTHER};
	switch (s->p[0]) {
	case '\\':
		if (s->n < 2 || (is_alnum(s->p[1]) && strchr("bBdDwWsS", s->p[1]) == NULL) || (unsigned char)s->p[1] >= 0x80)
			return false;
		n = 2;
		a->kind = is_alnum(s->p[1]) ? ATOM_OTHER : ATOM_LITERAL;
		a->text = (struct span){s->p + 1, 1};
		break;
	case '[':
		if ((n = class_length(*s)) == 0)
			return false;
		a->kind = s->p[1] == '^' ? ATOM_OTHER : ATOM_CLASS;
		a->text = (struct span){s->p + 1, n - 2};
		break;
	case '(':
		if ((n = group_length(*s)) == 0)
			return false;
		if (group_inside(span_take(*s, n), &a->text))
			a->kind = ATOM_GROUP;
		break;
	case '^': case '$': case '.':
		break;
	case '|': case ')': case '?': case '*': case '+': case '{':
		return false;
	default:
		while (n < s->n && ((unsigned char)s->p[n] & 0xc0) == 0x80)
			n++;
		a->text = span_take(*s, n);
		a->kind = is_literal(s->p[0]) ? ATOM_LITERAL : ATOM_OTHER;
	}
	*s = span_from(*s, n);
	quantifier_cut(s, a);
	return true;
}

/* Cuts the next alternative off; false if the text is not one that we read. */
static bool
alternative_next(struct span *s, struct span *one)
{
	struct span	left = *s;
	struct atom	a;

	while (left.n > 0 && left.p[0] != '|')
		if (!atom_next(&left, &a))
			return false;
	*one = span_take(*s, s->n - left.n);
	*s = span_from(left, 1);
	return true;
}

/* ---- lists */

static void
byte_set(unsigned char *set, char byte)
{
	unsigned char c = (unsigned char)byte;

	set[c / 8] |= (unsigned char)(1u << c % 8);
	if (c >= 'a' && c <= 'z')
		c = (unsigned char)(c - 32);
	set[c / 8] |= (unsigned char)(1u << c % 8);
}

static bool
byte_in(const unsigned char *set, char byte)
{
	unsigned char c = (unsigned char)byte;

	return set[c / 8] >> c % 8 & 1;
}

static bool
word_add(struct need_list *l, const char *p, size_t n)
{
	if (l->count == NEED_MAX_WORDS || n == 0 || n > NEED_MAX_WORD)
		return false;
	memcpy(l->word[l->count], p, n);
	l->length[l->count++] = (unsigned char)n;
	byte_set(l->first, p[0]);
	if (n > 1)
		byte_set(l->second, p[1]);
	else
		memset(l->second, 0xff, sizeof l->second);
	return true;
}

/* The letters that an alternative begins with. */
static bool
prefix_add(struct need_list *l, struct span s)
{
	char		word[NEED_MAX_WORD];
	size_t		n = 0;
	struct atom	a;

	while (s.n > 0 && n < sizeof word && atom_next(&s, &a) && a.kind == ATOM_LITERAL && a.required) {
		word[n++] = lower(a.text.p[0]);
		if (a.repeated)
			break;
	}
	return n >= MIN_WORD && word_add(l, word, n);
}

/* "[0-9]" and "[»”]": each of its characters, if there are few and they have no case. */
static bool
class_add(struct need_list *l, struct span s)
{
	while (s.n > 0) {
		size_t		n;
		uint32_t	r;

		if (s.p[0] == '\\' && (s.n < 2 || is_alnum(s.p[1])))
			return false;
		s = span_from(s, s.p[0] == '\\');
		n = span_rune(s.p, s.n, &r);
		if (s.n > 2 && s.p[1] == '-') {
			for (char c = s.p[0]; s.p[0] == '0' && s.p[2] == '9' && c <= '9'; c++)
				if (!word_add(l, &c, 1))
					return false;
			if (s.p[0] != '0' || s.p[2] != '9')
				return false;
			s = span_from(s, 3);
			continue;
		}
		if ((r < 0x80 && is_alnum((char)r)) || (r >= 0x80 && r != 0xab && r != 0xbb && (r < 0x2010 || r > 0x2030)) ||
		    !word_add(l, s.p, n))
			return false;
		s = span_from(s, n);
	}
	return l->count > 0;
}

static bool	sequence_read(struct need *, struct span, int depth);

static void
atom_read(struct need *need, const struct atom *a, int depth)
{
	struct need_list	l = {.count = 0};
	struct span		left = a->text, one;
	bool			all = a->text.n > 0;

	if (need->count == NEED_MAX_LISTS || !a->required)
		return;
	switch (a->kind) {
	case ATOM_LITERAL:
		all = !is_alnum(a->text.p[0]) && a->text.p[0] != ' ' && word_add(&l, a->text.p, 1);
		break;
	case ATOM_CLASS:
		all = class_add(&l, a->text);
		break;
	case ATOM_GROUP:
		if (left.n > 0 && alternative_next(&left, &one) && one.n == a->text.n) {
			sequence_read(need, one, depth + 1);
			return;
		}
		for (left = a->text; left.n > 0 && all;)
			all = alternative_next(&left, &one) && prefix_add(&l, one);
		all = all && a->text.p[a->text.n - 1] != '|';
		break;
	case ATOM_OTHER:
		return;
	}
	if (all)
		need->list[need->count++] = l;
}

/* False if there is something in it that we do not read: then nothing of it is needed. */
static bool
sequence_read(struct need *need, struct span s, int depth)
{
	int		before = need->count;
	struct atom	a;

	while (s.n > 0 && depth < 4) {
		if (!atom_next(&s, &a)) {
			need->count = before;
			return false;
		}
		atom_read(need, &a, depth);
	}
	return true;
}

/* What changes how all of a pattern is read, anywhere in it. */
static bool
is_read_otherwise(struct span pattern)
{
	static const char *const marks[] = { "(*", "\\Q", "(?#", "(?|", "(?(", "(?R", "(?&", "(?P", "(?'", "(?C" };

	for (size_t i = 0; i < COUNT(marks); i++)
		if (span_find(pattern, span_of(marks[i]), 0) >= 0)
			return true;
	for (ptrdiff_t at = 0; (at = span_find(pattern, SPAN_LIT("(?"), (size_t)at)) >= 0; at++)
		if ((size_t)at + 3 < pattern.n && (is_alnum(pattern.p[at + 2]) || pattern.p[at + 2] == '^' ||
		    pattern.p[at + 2] == '+' || (pattern.p[at + 2] == '-' && !span_is(span_take(span_from(pattern, (size_t)at), 5), "(?-i:"))))
			return true;
	return false;
}

void
need_read(struct need *need, struct span pattern)
{
	need->count = 0;
	if (!is_read_otherwise(pattern))
		sequence_read(need, pattern, 0);
}

/* ---- looking */

static bool
word_stands(const struct need_list *l, struct span text)
{
	for (int k = 0; k < l->count; k++) {
		size_t i = 0;

		while (i < l->length[k] && i < text.n && lower(text.p[i]) == l->word[k][i])
			i++;
		if (i == l->length[k])
			return true;
	}
	return false;
}

static bool
list_stands(const struct need_list *l, struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		if (byte_in(l->first, text.p[i]) && (i + 1 == text.n || byte_in(l->second, text.p[i + 1])) &&
		    word_stands(l, span_from(text, i)))
			return true;
	return false;
}

/* Two characters beyond ASCII are, to PCRE2, the letters s and k in another case. */
static bool
has_odd_case(struct span text)
{
	struct span before;

	for (struct span left = text; span_cut(&left, '\xc5', &before);)
		if (left.n > 0 && left.p[0] == '\xbf')
			return true;
	for (struct span left = text; span_cut(&left, '\xe2', &before);)
		if (left.n > 1 && left.p[0] == '\x84' && left.p[1] == '\xaa')
			return true;
	return false;
}

bool
need_misses(const struct need *need, struct span text)
{
	for (int i = 0; i < need->count; i++)
		if (!list_stands(&need->list[i], text))
			return !has_odd_case(text);
	return false;
}
