#include <string.h>

#include "read/hidden.h"

#define MAX_HIDDEN	64	/* numbers that are looked for; more is a doubt */
#define MIN_DIGITS	4	/* of one of our values: the shortest MSN */
#define MAX_DIGITS	12	/* the longest: a Swedish organisation number with its suffix */
#define MAX_GROUPS	8	/* of digits in one number; a value has at most four */
#define MAX_LABEL	60	/* bytes */
#define MAX_NAME	120
#define MAX_AFFIX	3	/* letters at a number: NO918713867MVA; with more it is some key */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return ((c | 32) >= 'a' && (c | 32) <= 'z') || (unsigned char)c >= 0x80;
}

static char
lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* ---- numbers */

/* Groups of digits with single spaces, points or hyphens between them. */
struct number {
	struct span	group[MAX_GROUPS];
	int		count;
	size_t		digits;
};

/* Cuts the next number off; false if there is none. What is mixed with letters is none, but for affixes. */
static bool
number_cut(struct span *s, struct number *n)
{
	size_t i = 0;

	*n = (struct number){.count = 0};
	while (i < s->n) {
		size_t before = 0, digits = 0, after = 0;

		for (; i < s->n && is_letter(s->p[i]); i++)
			before++;
		for (; i < s->n && is_digit(s->p[i]); i++)
			digits++;
		for (; digits > 0 && i < s->n && is_letter(s->p[i]); i++)
			after++;
		if (digits == 0) {
			i += i < s->n && before == 0;
			continue;
		}
		if (i < s->n && after > 0 && is_digit(s->p[i])) {	/* a key: a1b2 */
			while (i < s->n && (is_letter(s->p[i]) || is_digit(s->p[i])))
				i++;
			if (n->count > 0)
				break;
			continue;
		}
		if (before > MAX_AFFIX || after > MAX_AFFIX) {
			if (n->count > 0)
				break;
			continue;
		}
		n->group[n->count++] = (struct span){s->p + i - after - digits, digits};
		n->digits += digits;
		if (after > 0 || n->count == MAX_GROUPS || i + 1 >= s->n || s->p[i] == '\0' ||
		    strchr(" .-", s->p[i]) == NULL || !is_digit(s->p[i + 1])) {
			*s = span_from(*s, i);
			return true;
		}
		i++;
	}
	*s = span_from(*s, i);
	return n->count > 0;
}

/* "22.11.2026", "2026-11-22", "2026" */
static bool
is_date(const struct number *n)
{
	const struct span *g = n->group;

	if (n->count == 1)
		return g[0].n == 4 && (memcmp(g[0].p, "19", 2) == 0 || memcmp(g[0].p, "20", 2) == 0);
	return n->count == 3 && ((g[0].n == 4 && g[1].n == 2 && g[2].n == 2) ||
	    (g[0].n <= 2 && g[1].n <= 2 && g[2].n == 4));
}

static int
number_put(struct arena_buf *b, const struct number *n, bool whole, bool groups)
{
	int put = 0;

	if (whole) {
		for (int i = 0; i < n->count; i++)
			arena_put(b, n->group[i].p, n->group[i].n);
		arena_put(b, "\n", 1);
		put++;
	}
	for (int i = 0; groups && i < n->count; i++)
		if (n->group[i].n >= MIN_DIGITS && n->group[i].n <= MAX_DIGITS) {
			arena_put(b, n->group[i].p, n->group[i].n);
			arena_put(b, "\n", 1);
			put++;
		}
	return put;
}

/* ---- runs */

/* Nothing but numbers, and words that belong to one? */
static bool
is_bare(struct span s)
{
	static const char *const affixes[] = { "no", "mva", "dk", "fi", "se" };

	for (size_t i = 0, n; i < s.n; i += n > 0 ? n : 1) {
		bool known = false;

		for (n = 0; i + n < s.n && is_letter(s.p[i + n]); n++)
			;
		for (size_t k = 0; n > 0 && k < COUNT(affixes); k++)
			known = known || span_is_nocase((struct span){s.p + i, n}, affixes[k]);
		if (n > 0 && !known)
			return false;
	}
	return true;
}

/* Is there a word that begins with one of the stems? In lower case. */
static bool
has_word(struct span s, const char *const *stems, size_t n)
{
	for (size_t k = 0; k < n; k++)
		for (ptrdiff_t at = 0; (at = span_find(s, span_of(stems[k]), (size_t)at)) >= 0; at++)
			if (at == 0 || (!is_letter(s.p[at - 1]) && s.p[at - 1] != '.'))
				return true;
	return false;
}

/* The words of our labels, in short: the rules have them in full, but this file knows no rules. */
static bool
has_number_word(struct span s)
{
	static const char *const stems[] = {
		"msn", "org", "cvr", "y-tunnus", "ytunnus", "fo-", "serial", "serie", "salgs", "sals", "utsal",
		"myynti", "merchant", "business id", "vat", "virksomhed", "virksomhet", "verksem", "foretak",
		"f\xc3\xb6retag", "f\xc3\xb8retak", "f\xc3\xb6rs\xc3\xa4lj", "s\xc3\xa4ljst", "yritys", "yrityks", "sales unit",
		"h\xc3\xa4ndler", "brukerst", "brukarst", "betalingsst", "betalst",
	};

	return has_word(s, stems, COUNT(stems));
}

static bool
has_name_word(struct span s)
{
	static const char *const stems[] = {
		"navn", "namn", "nimi", "name", "firma", "bolag", "kund", "k\xc3\xb6pm", "bedrift", "company",
		"forretning", "butik", "point of sale", "kauppia", "toimi", "s\xc3\xa4ljenhet", "handlar", "selska",
		"forhandl", "yhti\xc3\xb6", "asiakas", "asiakkaan", "liike", "kauppa", "maksupiste", "business", "customer",
		"store", "shop", "outlet", "legal", "entity", "avtalepart", "aftalepart", "avtalspart", "juridisk",
		"n\xc3\xa4ringsid", "betalst", "st\xc3\xa4lle", "payment point", "location", "trading", "trade name",
	};

	return has_number_word(s) || has_word(s, stems, COUNT(stems));
}

static void
name_put(struct hidden *h, struct span name)
{
	bool letter = false;

	name = span_trim(name);
	for (size_t i = 0; i < name.n && !letter; i++)
		letter = is_letter(name.p[i]);
	if (!letter || name.n > MAX_NAME)
		return;
	arena_put(&h->names, name.p, name.n);
	arena_put(&h->names, "\n", 1);
	h->count++;
}

/* "Sales unit: Other name, ...": what stands behind a label and its colon. */
static void
names_judge(struct hidden *h, struct span run)
{
	struct span	label = {run.p, 0}, value;

	if (h->label)
		name_put(h, run);
	for (size_t i = 0; i < run.n; i++) {
		size_t end = i + 1;

		if (run.p[i] != '\0' && strchr(",;|.", run.p[i]) != NULL) {
			label.p = run.p + i + 1;
			continue;
		}
		if (run.p[i] != ':')
			continue;
		label.n = (size_t)(run.p + i - label.p);
		while (end < run.n && end - i <= MAX_NAME + 1 && run.p[end] != ',' && run.p[end] != ';' && run.p[end] != '|')
			end++;
		value = (struct span){run.p + i + 1, end - i - 1};
		if (label.n <= MAX_LABEL && has_name_word(label))
			name_put(h, value);
		label.p = run.p + i + 1;
	}
}

static struct span
folded(struct arena *a, struct span s)
{
	char *p = arena_textn(a, s.p, s.n);

	for (size_t i = 0; i < s.n; i++)
		p[i] = (char)(p[i] == '\n' || p[i] == '\t' ? ' ' : lower(p[i]));
	return (struct span){p, s.n};
}

static void
run_judge(struct hidden *h, struct span run, bool bare_counts)
{
	struct number n;

	run = folded(h->arena, run);
	if (h->count > MAX_HIDDEN)
		return;
	names_judge(h, run);
	if (!h->label && !has_number_word(run) && !(bare_counts && is_bare(run)))
		return;
	while (number_cut(&run, &n))
		if (!is_date(&n) && n.digits >= MIN_DIGITS)
			h->count += number_put(&h->numbers, &n, n.digits <= MAX_DIGITS, n.digits > MAX_DIGITS);
}

struct hidden
hidden_begin(struct arena *a)
{
	return (struct hidden){.arena = a, .run = {.arena = a}, .numbers = {.arena = a}, .names = {.arena = a},
	    .seen = {.arena = a}, .seen_text = {.arena = a}};
}

void
hidden_text(struct hidden *h, struct span s)
{
	arena_put(&h->run, s.p, s.n);
}

void
hidden_end(struct hidden *h, bool visible)
{
	struct span run = span_trim((struct span){h->run.p, h->run.n});

	if (run.n > 0) {
		run_judge(h, run, true);
		run = folded(h->arena, run);
		h->label = run.n <= MAX_LABEL && has_name_word(run) && strpbrk(run.p, ":.,!?0123456789") == NULL;
		h->run.n = 0;
	}
	if (visible)
		h->label = false;
}

/* Between tags, without what stands in <style>, <script> and Office's <xml>. */
static void
conditional_judge(struct hidden *h, struct span s)
{
	static const char *const skipped[] = { "style", "script", "xml" };
	struct span text, tag;

	while (s.n > 0) {
		span_cut(&s, '<', &text);
		run_judge(h, text, true);
		span_cut(&s, '>', &tag);
		for (size_t k = 0; k < COUNT(skipped); k++) {
			size_t n = strlen(skipped[k]);

			if (!span_is_nocase(span_take(tag, n), skipped[k]) || (tag.n > n && is_letter(tag.p[n])))
				continue;
			do {
				if (!span_cut(&s, '<', &text))
					return;
			} while (s.n < n + 1 || s.p[0] != '/' ||
			    !span_is_nocase(span_take(span_from(s, 1), n), skipped[k]));
			span_cut(&s, '>', &tag);
			break;
		}
	}
}

void
hidden_comment(struct hidden *h, struct span s)
{
	struct span condition;

	s = span_trim(s);
	if (s.n > 3 && span_is_nocase(span_take(s, 3), "[if") && span_cut(&s, '>', &condition))
		conditional_judge(h, s);
	else
		run_judge(h, s, false);
}

void
hidden_seen(struct hidden *h, struct span s)
{
	struct number	n;
	struct span	text;

	if (h->count == 0)
		return;
	text = folded(h->arena, s);
	arena_put(&h->seen_text, text.p, text.n);
	arena_put(&h->seen_text, " ", 1);
	while (number_cut(&s, &n))
		number_put(&h->seen, &n, true, n.count > 1);
}

static bool
is_seen(const struct arena_buf *wanted, const struct arena_buf *seen)
{
	struct span left = {wanted->p, wanted->n}, one;

	while (span_cut(&left, '\n', &one))
		if (seen->n == 0 || span_find((struct span){seen->p, seen->n}, one, 0) < 0)
			return false;
	return true;
}

bool
hidden_differs(struct hidden *h)
{
	return h->count > MAX_HIDDEN || !is_seen(&h->numbers, &h->seen) || !is_seen(&h->names, &h->seen_text);
}
