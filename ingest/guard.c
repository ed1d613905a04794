/* What each bound here stops was measured on libetpan 1.9.4, which believes what it reads. */
#include "ingest/guard.h"

#include "base/span.h"

#define NUMBER_DIGITS	10	/* of 4294967295, the largest of RFC 9051; libetpan wraps above */
#define GUARD_OTHER	2	/* what a line or a word weighs in libetpan, in numbers of a SEARCH */

void
guard_arm(struct guard *g, size_t budget)
{
	g->budget = budget;
	g->shown = 0;
}

static void
guard_line(struct guard *g)
{
	struct guard fresh = {.budget = g->budget, .shown = g->shown};

	*g = fresh;
}

/* Something that libetpan keeps until the command ends; `weight` in numbers of a SEARCH. */
static int
guard_keep(struct guard *g, size_t weight, struct err *e)
{
	g->shown += weight;
	if (g->shown <= GUARD_MAX_SHOWN)
		return 0;
	if (g->search)
		return err_set(e, ERR_RETRY, "the folder shows more than %d mails",
		    GUARD_MAX_SHOWN);
	return err_set(e, ERR_RETRY, "the server sent more answers than the command can have");
}

static bool
four(const struct guard *g, const char *word)
{
	uint32_t have = g->before;

	for (int i = 3; i >= 0; i--, have >>= 8)
		if ((char)(have & 0xff) != word[i])
			return false;
	return true;
}

/* Whether libetpan will take the digits just read as a 32-bit number that we use. */
static bool
number_counts(const struct guard *g)
{
	if (g->state == GUARD_TEXT)	/* [UIDNEXT n], [UIDVALIDITY n] */
		return g->code && (four(g, "EXT ") || four(g, "ITY "));
	return g->search || g->brace == BRACE_OPEN || four(g, "UID ") || four(g, "IZE ");
}

static bool
number_bad(const struct guard *g)
{
	return g->digits > NUMBER_DIGITS || g->number > UINT32_MAX;
}

static int
guard_number(struct guard *g, char c, struct err *e)
{
	if (c >= '0' && c <= '9') {
		if (g->digits++ == 0)
			g->number = 0;
		if (g->digits <= NUMBER_DIGITS)
			g->number = g->number * 10 + (uint64_t)(c - '0');
		return 0;
	}
	if (g->digits > 0 && number_counts(g)) {
		if (number_bad(g))
			return err_set(
			    e, ERR_RETRY, "the server sent a number of more than 32 bits");
		if (g->search && guard_keep(g, 1, e) == -1)
			return -1;
	}
	if ((c == ' ' || c == '(') && !g->search && guard_keep(g, GUARD_OTHER, e) == -1)
		return -1;
	if (g->brace != BRACE_OPEN)
		g->digits = 0;
	g->before = g->before << 8 | (unsigned char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
	return 0;
}

/*
 * {digits} and a line end, exactly: libetpan also takes {-5} and {5} with the literal on the same
 * line. Answers 1 when c was part of it, 2 when the literal begins after c.
 */
static int
guard_brace(struct guard *g, char c, struct err *e)
{
	switch (g->brace) {
	case BRACE_NONE:
		if (c != '{')
			return 0;
		g->brace = BRACE_OPEN;
		g->digits = 0;
		return 1;
	case BRACE_OPEN:
		if (c >= '0' && c <= '9')
			return 1;
		if (c != '}' || g->digits == 0)
			break;
		g->brace = BRACE_CLOSED;
		return 1;
	case BRACE_CLOSED:
		if (c == '\r') {
			g->brace = BRACE_CR;
			return 1;
		}
		/* FALLTHROUGH */
	case BRACE_CR:
		if (c != '\n')
			break;
		if (g->number > g->budget)
			return err_set(e, ERR_RETRY,
			    "the server announced %llu bytes where %zu are allowed",
			    (unsigned long long)g->number, g->budget);
		g->literal = (size_t)g->number;
		g->brace = BRACE_NONE;
		g->digits = 0;
		return 2;
	}
	return err_set(e, ERR_RETRY, "the server sent a malformed literal");
}

/* Inside a response with data: quotes, literals, nesting. 1: the line is over. */
static int
guard_data(struct guard *g, char c, struct err *e)
{
	int brace;

	if (g->quoted) {
		if (c == '\n')
			return err_set(e, ERR_RETRY, "the server sent a line end inside quotes");
		if (g->escaped || c == '\\')
			g->escaped = !g->escaped;
		else if (c == '"')
			g->quoted = false;
		return 0;
	}
	if (guard_number(g, c, e) == -1 || (brace = guard_brace(g, c, e)) == -1)
		return -1;
	if (brace > 0)
		return 0;
	if (c == '"')
		g->quoted = true;
	else if (c == '(' && ++g->depth > GUARD_MAX_DEPTH)
		return err_set(
		    e, ERR_RETRY, "the server nested more than %d lists", GUARD_MAX_DEPTH);
	else if (c == ')')
		g->depth--;
	return c == '\n';
}

/* Inside a status line: text, but for a code in brackets at its start. 1: the line is over. */
static int
guard_text(struct guard *g, char c, struct err *e)
{
	if (c == '\n')
		return 1;
	if (c == '[')
		g->code = true;
	if (!g->code)
		return 0;
	if (guard_number(g, c, e) == -1)
		return -1;
	if (c == '{')
		return err_set(e, ERR_RETRY, "the server sent a literal in a status line");
	if (c == '(' && ++g->depth > GUARD_MAX_DEPTH)
		return err_set(
		    e, ERR_RETRY, "the server nested more than %d lists", GUARD_MAX_DEPTH);
	if (c == ')')
		g->depth--;
	if (c == ']')
		g->code = false;
	return 0;
}

/* The word after "* " has ended: what sort of line is it? */
static int
guard_sort(struct guard *g, struct err *e)
{
	static const char *const status[] = {"OK", "NO", "BAD", "BYE", "PREAUTH"};
	struct span word = {g->word, g->word_n};

	g->state = GUARD_DATA;
	for (size_t i = 0; i < COUNT(status); i++)
		if (span_is_nocase(word, status[i]))
			g->state = GUARD_TEXT;
	g->search = span_is_nocase(word, "SEARCH");
	if (span_digits(word) && number_bad(g))
		return err_set(e, ERR_RETRY, "the server sent a number of more than 32 bits");
	g->digits = 0;
	return 0;
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* One byte outside of literals; 1: the line is over. */
static int
guard_byte(struct guard *g, char c, struct err *e)
{
	switch (g->state) {
	case GUARD_START:
		if (c == '*')
			g->state = GUARD_STAR;
		else if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
			g->state = GUARD_TEXT;	/* tagged, or "+ ": no data in either */
		return c == '\n';
	case GUARD_STAR:
		if (g->word_n == 0 && c == ' ')
			return 0;
		if (is_word(c)) {
			if (c >= '0' && c <= '9' && guard_number(g, c, e) == -1)
				return -1;
			if (g->word_n < sizeof(g->word))
				g->word[g->word_n++] = c;
			return 0;
		}
		if (guard_sort(g, e) == -1)
			return -1;
		return g->state == GUARD_TEXT ? guard_text(g, c, e) : guard_data(g, c, e);
	case GUARD_TEXT:
		return guard_text(g, c, e);
	case GUARD_DATA:
		return guard_data(g, c, e);
	}
	return -1;
}

int
guard_pass(struct guard *g, const char *p, size_t n, struct err *e)
{
	if (n > g->budget)
		return err_set(e, ERR_RETRY, "the server sent more than the command allows");
	while (n > 0) {
		size_t take = g->literal < n ? g->literal : n;
		int over;

		g->literal -= take;
		g->budget -= take;
		p += take;
		n -= take;
		if (n == 0)
			break;
		g->budget--;
		if (++g->line > GUARD_MAX_LINE)
			return err_set(e, ERR_RETRY,
			    "the server sent a line of more than %zu bytes", GUARD_MAX_LINE);
		if ((over = guard_byte(g, *p, e)) == -1)
			return -1;
		if (over) {
			guard_line(g);
			if (guard_keep(g, GUARD_OTHER, e) == -1)
				return -1;
		}
		p++;
		n--;
	}
	return 0;
}
