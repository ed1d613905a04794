#include <string.h>

#include "rules/fold.h"
#include "rules/label.h"
#include "rules/naming.h"
#include "rules/value.h"

#define NAME_WORDS	12	/* of a name; longer ones are sentences */
#define ABBREVIATION	3	/* letters before a point that may end no sentence: "Dr. Larsen AS" */

/* ---- words and marks */

static bool
is_capital(struct span word)
{
	uint32_t r;

	if (word.n == 0)
		return false;
	span_rune(word.p, word.n, &r);
	return fold_is_word(r) && (!fold_is_lower(r) || (r >= '0' && r <= '9'));
}

static bool
is_and(struct span word)
{
	static const char *const words[] = {"og", "and", "och", "ja", "sekä", "samt"};

	for (size_t i = 0; i < COUNT(words); i++)
		if (span_is_nocase(word, words[i]))
			return true;
	return false;
}

/* The last word that ends at or before `end`; n 0 if there is none. */
static struct span
word_before(struct span text, size_t end)
{
	size_t from;

	while (end > 0 && (text.p[end - 1] == ' ' || strchr("()[],.;:!?\"'/|-*_&+", text.p[end - 1]) != NULL))
		end--;
	for (from = end; from > 0 && text.p[from - 1] != ' ' && strchr("()[],;:!?\"/|", text.p[from - 1]) == NULL;)
		from--;
	return (struct span){text.p + from, end - from};
}

enum gap {
	GAP_JOINS,	/* the name goes on */
	GAP_PARTS,	/* it does not */
	GAP_UNCLEAR
};

/* What stands between the words before and after. */
static enum gap
gap_read(struct span text, struct span before, struct span after)
{
	size_t	from = (size_t)(before.p - text.p) + before.n, to = (size_t)(after.p - text.p);

	for (size_t i = from; i < to;) {
		uint32_t	r;
		size_t		n = span_rune(text.p + i, text.n - i, &r);

		i += n;
		if (r == ',')
			return is_capital(before) && !span_digits(before) ? GAP_UNCLEAR : GAP_PARTS;
		if (r == '.' && i < text.n && text.p[i] == ' ')
			return before.n <= ABBREVIATION && is_capital(before) ? GAP_UNCLEAR : GAP_PARTS;
		if (r == '!' || r == '?' || r == ';' || r == '(' || r == ')' || r == '[' || r == ']' ||
		    ((r == ':' || r == '|') && i < text.n && text.p[i] == ' '))
			return GAP_PARTS;
	}
	return GAP_JOINS;
}

static bool
word_is(const struct naming *m, struct span word, int part)
{
	return label_word_is(m->rules, word, part);
}

/* Does a noun of our fields begin here ("kunden", "kauppiaan"), in small letters or at a sentence's start? */
static bool
noun_at(const struct naming *m, size_t at, bool start, struct label_hit *hit)
{
	uint32_t	r;
	size_t		n;

	if (at >= m->text.n)
		return false;
	span_rune(m->text.p + at, m->text.n - at, &r);
	if (!start && !fold_is_lower(r))
		return false;
	if (label_at(m->rules, m->owner, m->text, at, hit))
		return true;
	n = label_word(m->text, &at);
	*hit = (struct label_hit){.field = FIELD_MERCHANT_NAME, .second = -1, .end = at + n, .core = at + n};
	if (word_is(m, (struct span){m->text.p + at, n}, LABEL_MERCHANT))
		return true;
	hit->field = FIELD_SALES_UNIT_NAME;
	return word_is(m, (struct span){m->text.p + at, n}, LABEL_UNIT);
}

/* Lighthouse "Tower" Bar, but not Tower" Bar. */
static bool
quotes_close(struct span s)
{
	int open = 0, straight = 0;

	for (size_t i = 0; i < s.n;) {
		uint32_t r;

		i += span_rune(s.p + i, s.n - i, &r);
		open += (r == 0xab || r == 0x201c) - (r == 0xbb || r == 0x201d);
		straight += r == '"';
	}
	return open == 0 && straight % 2 == 0;
}

/* Could this be the whole name, and nothing but it? */
static struct span
name_checked(const struct naming *m, struct span name)
{
	struct span		none = {NULL, 0};
	struct label_hit	hit;

	name = value_strip(name);
	for (size_t i = name.n; i > 1 && name.n - i < 6; i--)	/* "Fjord Oy:n" */
		if (name.p[i - 1] == ':' && i < name.n && name.p[i] >= 'a' && name.p[i] <= 'z')
			name.n = i - 1;
	if (!value_name(m->rules, name) || !quotes_close(name) || rules_own_line(m->rules, name) ||
	    (label_at(m->rules, m->owner, name, 0, &hit) && hit.core >= name.n))
		return none;
	return name;
}

/* ---- before a number */

/* Where the name ends: before marks, a country and words that lead to the number. */
static size_t
end_before(const struct naming *m, size_t at)
{
	struct span s = span_take(m->text, at), word, before;

	for (;;) {
		size_t n = s.n;

		while (s.n > 0 && s.p[s.n - 1] == ' ')
			s.n--;
		word = word_before(s, s.n);
		if (word.n > 0 && (size_t)(word.p - s.p) + word.n == s.n &&
		    (is_and(word) || (!is_capital(word) && word_is(m, word, LABEL_SENTENCE))))
			s.n = (size_t)(word.p - s.p);
		while (s.n > 0 && strchr(" ([,-:|", s.p[s.n - 1]) != NULL)
			s.n--;
		if (s.n > 2 && (memcmp(s.p + s.n - 3, "\xe2\x80\x93", 3) == 0 || memcmp(s.p + s.n - 3, "\xe2\x80\x94", 3) == 0))
			s.n -= 3;
		if (s.n > 1 && memcmp(s.p + s.n - 2, "\xc2\xb7", 2) == 0)
			s.n -= 2;
		if (s.n == n)
			break;
	}
	word = word_before(s, s.n);
	before = word.n > 0 ? span_take(s, (size_t)(word.p - s.p)) : s;
	if (before.n > 2 && before.p[before.n - 1] == ' ' && before.p[before.n - 2] == ',' &&
	    country_scheme(m->rules, word) != IDENTIFIER_NONE)
		return before.n - 2;	/* "Kolmio Oy, Finland (business ID" */
	return s.n;
}

/* The words of the run that ends at `end`, last first. Returns how the run begins. */
static enum gap
run_back(const struct naming *m, size_t end, struct span *words, int *count, bool *start)
{
	struct span	after = word_before(m->text, end), word;

	*count = 0;
	*start = false;
	while (after.n > 0 && *count < NAME_WORDS) {
		enum gap gap;

		if (word_is(m, after, LABEL_SENTENCE) && !is_capital(after))
			return GAP_PARTS;
		words[(*count)++] = after;
		word = word_before(m->text, (size_t)(after.p - m->text.p));
		if (word.n == 0) {
			*start = true;
			return GAP_PARTS;
		}
		gap = gap_read(m->text, word, after);
		if (gap != GAP_JOINS) {
			size_t p = (size_t)(word.p - m->text.p) + word.n;

			*start = gap == GAP_PARTS && p < m->text.n && strchr(".!?", m->text.p[p]) != NULL;
			return gap;
		}
		after = word;
	}
	return GAP_UNCLEAR;
}

/* Could this word before a lead or a noun belong to the name too, as in "Food for All"? */
static bool
may_belong(const struct naming *m, struct span word, bool head, bool next)
{
	struct label_hit hit;

	if (!is_capital(word) || span_digits(word) || word_is(m, word, LABEL_SENTENCE))
		return false;
	if (label_at(m->rules, m->owner, m->text, (size_t)(word.p - m->text.p), &hit))
		return false;
	return !head || next;
}

/* The first word of a name behind the last lead or noun of a run; -1 if it is not clear, count if there is neither. */
static int
first_behind(const struct naming *m, int field, const struct span *words, int count, bool start)
{
	struct label_hit hit;

	for (int i = 0; i < count; i++) {
		bool	lead = !is_capital(words[i]) && word_is(m, words[i], LABEL_LEAD);
		int	first = i - 1;

		if (!lead && !noun_at(m, (size_t)(words[i].p - m->text.p), start && i == count - 1, &hit))
			continue;
		if (!lead && hit.field != field && hit.field != LABEL_NAME)
			return -1;
		while (!lead && first >= 0 && words[first].p < m->text.p + hit.core)
			first--;
		for (int k = i + 1; k < count; k++)
			if (may_belong(m, words[k], start && k == count - 1, k == i + 1) ||
			    (k == i + 1 && word_is(m, words[k], LABEL_OTHER)))
				return -1;
		return first;
	}
	return count;
}

/* The same where only small letters tell: "aktivert Fjord AS"; at a sentence's start they tell nothing. */
static int
first_capital(const struct naming *m, const struct span *words, int count, bool start)
{
	for (int i = count - 1; i >= 0; i--) {
		bool head = start && i == count - 1;

		if (word_is(m, words[i], LABEL_OTHER))
			return -1;
		if (head && word_is(m, words[i], LABEL_SENTENCE))
			continue;
		if (head && i > 0 && !is_capital(words[i - 1]) && !is_and(words[i - 1]) && words[i - 1].n > ABBREVIATION)
			return -1;	/* "Bestillingen gjelder Fjord AS" */
		if (is_capital(words[i]))
			return i;
	}
	return -1;
}

struct span
naming_before(const struct naming *m, int field, size_t at)
{
	struct span	words[NAME_WORDS], none = {NULL, 0};
	size_t		end = end_before(m, at), from;
	int		count, first;
	bool		start;

	if (run_back(m, end, words, &count, &start) == GAP_UNCLEAR || count == 0)
		return none;
	first = first_behind(m, field, words, count, start);
	if (first == count)
		first = first_capital(m, words, count, start);
	if (first < 0)
		return none;
	from = (size_t)(words[first].p - m->text.p);
	return name_checked(m, (struct span){m->text.p + from, end - from});
}

/* ---- behind a noun */

/* The end of a name whose last word ends at `end`, if a closing quotation mark or its legal form shows it; or 0. */
static size_t
end_shown(const struct naming *m, size_t from, size_t end)
{
	static const char *const quotes[] = {"\xc2\xbb", "\xe2\x80\x9d", "\""};

	for (size_t i = 0; i < COUNT(quotes); i++)
		if (span_is(span_take(span_from(m->text, end), strlen(quotes[i])), quotes[i]))
			return end + strlen(quotes[i]);
	return rules_legal_form(m->rules, (struct span){m->text.p + from, end - from}) != IDENTIFIER_NONE ? end : 0;
}

/* Where the sentence goes on after a name that begins at `from`; 0 if that is not clear. */
static size_t
end_behind(const struct naming *m, size_t from)
{
	size_t			at = from, end = from, n;
	struct span		before = {NULL, 0}, word;
	struct label_hit	hit;

	for (int count = 0; count <= NAME_WORDS && (n = label_word(m->text, &at)) > 0; count++, at = end) {
		word = (struct span){m->text.p + at, n};
		if (before.p != NULL && gap_read(m->text, before, word) != GAP_JOINS)
			return 0;
		if (before.p != NULL && !is_capital(word) && word_is(m, word, LABEL_SENTENCE))
			return end;
		if (word_is(m, word, LABEL_LEAD) || noun_at(m, at, false, &hit))
			return end_shown(m, from, end);
		before = word;
		end = at + n;
	}
	return 0;
}

struct span
naming_behind(const struct naming *m, int field, size_t *at)
{
	struct span		none = {NULL, 0}, before = {NULL, 0}, name;
	struct label_hit	hit;
	size_t			n, from, end;

	if (m->text.p == NULL)
		return none;
	for (; (n = label_word(m->text, at)) > 0; before = (struct span){m->text.p + *at, n}, *at += n) {
		if (!noun_at(m, *at, before.p == NULL, &hit) || hit.field != field || hit.second >= 0 ||
		    (before.p != NULL && word_is(m, before, LABEL_OTHER)))
			continue;
		from = hit.core;
		while (from < m->text.n && m->text.p[from] == ' ')
			from++;
		if (from == hit.core || from >= m->text.n || !is_capital(span_from(m->text, from)))
			continue;
		end = end_behind(m, from);
		if (end == 0)
			continue;
		name = name_checked(m, (struct span){m->text.p + from, end - from});
		if (name.n == 0)
			continue;
		*at = end;
		return name;
	}
	return none;
}
