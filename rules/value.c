#include <string.h>

#include "rules/fold.h"
#include "rules/label.h"
#include "rules/value.h"

#define PREFIX_MAX	22	/* bytes before the digits of an organisation number: "business:FI:Y-tunnus:" */
#define PAIR_MAX	512	/* bytes of a name with its number; names are under 200 */
#define FORM_MAX	3	/* letters of a legal form that several countries have: AB, Ltd */
#define ORG_MAX		48	/* bytes of a written one */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
word_follows(struct span text, size_t at)
{
	uint32_t r;

	if (at >= text.n)
		return false;
	span_rune(text.p + at, text.n - at, &r);
	return fold_is_word(r);
}

/* "123456-7", "12.345": the number goes on. */
static bool
number_goes_on(struct span text, size_t at)
{
	if (word_follows(text, at))
		return true;
	if (at + 1 < text.n && strchr("-.,/+:", text.p[at]) != NULL && is_digit(text.p[at + 1]))
		return true;
	if (at + 3 < text.n && (unsigned char)text.p[at] == 0xe2 && (unsigned char)text.p[at + 1] == 0x80 &&
	    (unsigned char)text.p[at + 2] < 0x94 && is_digit(text.p[at + 3]))
		return true;	/* a hyphen or en dash */
	return at + 1 < text.n && text.p[at] == ' ' && is_digit(text.p[at + 1]);
}

/*
 * 4 to 10 digits. In groups of three ("1 234 567") no group could be an MSN of its own, so together they
 * are one.
 */
static size_t
msn_end(struct span text, size_t at)
{
	size_t i, digits = 0;

	if (at < text.n && text.p[at] == '#')
		at++;
	for (i = at; i < text.n && is_digit(text.p[i]); i++)
		digits++;
	while (digits > 0 && (digits <= 3 || i - at > digits) && i + 3 < text.n && text.p[i] == ' ' &&
	    is_digit(text.p[i + 1]) && is_digit(text.p[i + 2]) && is_digit(text.p[i + 3]) &&
	    !(i + 4 < text.n && is_digit(text.p[i + 4]))) {
		i += 4;
		digits += 3;
	}
	return digits < MSN_MIN_DIGITS || digits > MSN_MAX_DIGITS || number_goes_on(text, i) ? 0 : i;
}

/* Bytes of what may stand between digits: one space, hyphen or point. */
static size_t
joint(struct span text, size_t i)
{
	if (text.p[i] == ' ' || text.p[i] == '-' || text.p[i] == '.')
		return 1;
	if (i + 2 < text.n && (unsigned char)text.p[i] == 0xe2 && (unsigned char)text.p[i + 1] == 0x80 &&
	    (unsigned char)text.p[i + 2] >= 0x90 && (unsigned char)text.p[i + 2] <= 0x93)
		return 3;
	return 0;
}

static size_t
skip_suffix(struct span text, size_t end)
{
	static const char *const suffixes[] = {" MVA (Foretaksregisteret)", " (Foretaksregisteret)", " MVA", "MVA",
	    " Foretaksregisteret"};

	for (size_t k = 0; k < COUNT(suffixes); k++)
		if (span_is_nocase(span_take(span_from(text, end), strlen(suffixes[k])), suffixes[k]))
			return end + strlen(suffixes[k]);
	return end;
}

static size_t
org_end(struct span text, size_t at)
{
	size_t			i = at, end = 0;
	enum identifier_scheme	s;
	char			out[IDENTIFIER_TEXT];

	while (i < text.n && i - at < PREFIX_MAX && !is_digit(text.p[i]) &&
	    ((text.p[i] >= 'A' && text.p[i] <= 'Z') || (text.p[i] >= 'a' && text.p[i] <= 'z') ||
	    (i > at && strchr(":-. ", text.p[i]) != NULL)))
		i++;
	if (i >= text.n || !is_digit(text.p[i]))
		return 0;
	while (i < text.n && i - at < ORG_MAX) {
		if (is_digit(text.p[i])) {
			end = ++i;
			continue;
		}
		if (joint(text, i) == 0 || i + joint(text, i) >= text.n || !is_digit(text.p[i + joint(text, i)]))
			break;
		i += joint(text, i);
	}
	end = skip_suffix(text, end);
	if (number_goes_on(text, end))
		return 0;
	text = (struct span){text.p + at, end - at};	/* a Swedish one may be a person's: only a label tells */
	return identifier_read(text, IDENTIFIER_NONE, &s, out) == IDENTIFIER_FORM &&
	    identifier_read(text, IDENTIFIER_SE_ORG, &s, out) != IDENTIFIER_OK ? 0 : end;
}

size_t
value_typed(int field, struct span text, size_t at)
{
	if (field == FIELD_MSN)
		return msn_end(text, at);
	return field == FIELD_ORG_NUMBER ? org_end(text, at) : 0;
}

struct span
value_alone(const struct rules *r, int field, struct span text)
{
	size_t end = value_typed(field, text, 0), n;

	if (end == 0)
		return text;
	for (size_t i = end; i < text.n; i++)
		if (is_digit(text.p[i]))
			return text;
	for (size_t at = end; (n = label_word(text, &at)) > 0; at += n)
		if (label_word_is(r, (struct span){text.p + at, n}, LABEL_OTHER))
			return text;	/* "123456 (test)" */
	return span_take(text, end);
}

int
value_sentence_words(const struct rules *r, struct span text)
{
	int	count = 0;
	size_t	n;

	for (size_t at = 0; (n = label_word(text, &at)) > 0; at += n)
		count += label_word_is(r, (struct span){text.p + at, n}, LABEL_SENTENCE);
	return count;
}

static bool
is_upper_or_digit(uint32_t r)
{
	return (r >= '0' && r <= '9') || (r >= 'A' && r <= 'Z') || (r >= 0xc0 && r <= 0xde) ||
	    (r >= 0x100 && r <= 0x17f && !(r & 1));
}

bool
value_name(const struct rules *r, struct span s)
{
	uint32_t	first;
	size_t		at = 0;

	if (s.n == 0 || s.n > VALUE_MAX_NAME || label_word(s, &at) == 0)
		return false;
	span_rune(s.p + at, s.n - at, &first);
	if (!is_upper_or_digit(first) || strchr(".!?:;,", s.p[s.n - 1]) != NULL)
		return false;
	return value_sentence_words(r, s) == 0;
}

static bool
is_edge(uint32_t r)
{
	return fold_is_space(r) || r == '-' || (r >= 0x2012 && r <= 0x2015) || r == ',' || r == ';' || r == ':' ||
	    r == '|' || r == 0xb7 || r == 0x2022 || r == '*' || r == '_' || r == '/' || r == 0x2192;
}

struct span
value_strip(struct span s)
{
	uint32_t	r;
	size_t		n;

	while (s.n > 0 && (n = span_rune(s.p, s.n, &r)) > 0 && is_edge(r))
		s = span_from(s, n);
	while (s.n > 0) {
		for (n = 1; n < s.n && ((unsigned char)s.p[s.n - n] & 0xc0) == 0x80; n++)
			;
		span_rune(s.p + s.n - n, n, &r);
		if (!is_edge(r))
			break;
		s.n -= n;
	}
	if (s.n > 2 && s.p[0] == '(' && s.p[s.n - 1] == ')' && span_find(span_take(s, s.n - 1), SPAN_LIT("("), 1) < 0)
		return value_strip((struct span){s.p + 1, s.n - 2});
	return s;
}

struct span
value_without_bullet(struct span s)
{
	uint32_t	r;
	size_t		n = s.n > 0 ? span_rune(s.p, s.n, &r) : 0;

	if (n > 0 && n < s.n && s.p[n] == ' ' && (r == '-' || r == '*' || r == 0xb7 || r == 0x2022 || r == 0x2013))
		return span_trim(span_from(s, n));
	return s;
}

/* "Fjord AS", "Fjord AB": a legal form, of one country or several, ends it. */
static bool
ends_in_form(const struct rules *r, struct span name)
{
	size_t n = name.n;

	while (n > 0 && name.p[n - 1] != ' ')
		n--;
	return rules_legal_form(r, name) != IDENTIFIER_NONE ||
	    (n > 0 && name.n - n <= FORM_MAX && name.p[n] >= 'A' && name.p[n] <= 'Z');
}

/* Where the last of these marks stands in a name, with spaces around it, or -1; *n is its bytes. */
static ptrdiff_t
last_mark(struct span name, const char *const *marks, size_t count, size_t *n)
{
	ptrdiff_t last = -1;

	for (size_t m = 0; m < count; m++)
		for (ptrdiff_t at = 0; (at = span_find(name, span_of(marks[m]), (size_t)at)) >= 0; at++)
			if (at > last) {
				last = at;
				*n = strlen(marks[m]);
			}
	return last;
}

/* " in Norway": where the lead before the last word stands, with its spaces, or -1. */
static ptrdiff_t
last_lead(const struct rules *r, struct span name, size_t *n)
{
	size_t last = name.n, lead;

	while (last > 0 && name.p[last - 1] != ' ')
		last--;
	for (lead = last > 0 ? last - 1 : 0; lead > 0 && name.p[lead - 1] != ' ';)
		lead--;
	if (lead < 2 || (!label_word_is(r, (struct span){name.p + lead, last - 1 - lead}, LABEL_LEAD) &&
	    !label_word_is(r, (struct span){name.p + lead, last - 1 - lead}, LABEL_FILLER)))
		return -1;
	*n = last - lead + 1;
	return (ptrdiff_t)lead - 1;
}

struct span
value_without_place(const struct rules *r, int field, bool listed, struct span name)
{
	static const char *const	strong[] = {" | ", " \xc2\xb7 ", " \xe2\x80\xa2 "};
	static const char *const	weak[] = {", ", " (", " / ", " - ", " \xe2\x80\x93 "};
	bool				merchant = field == FIELD_MERCHANT_NAME;
	size_t				n;
	ptrdiff_t			at;

	while ((at = last_mark(name, strong, COUNT(strong), &n)) > 0 && (listed || merchant) &&
	    country_scheme(r, span_from(name, (size_t)at + n)) != IDENTIFIER_NONE)
		name = span_trim(span_take(name, (size_t)at));
	while (at > 0 && listed) {
		struct span before = span_trim(span_take(name, (size_t)at));

		at = last_mark(before, strong, COUNT(strong), &n);
		if (at <= 0 && !(merchant && ends_in_form(r, before)))
			return span_take(name, 0);
		name = before;
	}
	at = last_mark(name, weak, COUNT(weak), &n);
	if (at <= 0)
		at = last_lead(r, name, &n);
	if (at > 0 && merchant && ends_in_form(r, span_take(name, (size_t)at))) {
		struct span place = span_from(name, (size_t)at + n);

		if (place.n > 0 && place.p[place.n - 1] == ')')
			place.n--;
		if (country_scheme(r, place) != IDENTIFIER_NONE)
			return span_take(name, (size_t)at);
	}
	return name;
}

static int
partner(int field)
{
	static const int of[FIELDS] = {
		[FIELD_ORG_NUMBER] = FIELD_MERCHANT_NAME,
		[FIELD_MERCHANT_NAME] = FIELD_ORG_NUMBER,
		[FIELD_MSN] = FIELD_SALES_UNIT_NAME,
		[FIELD_SALES_UNIT_NAME] = FIELD_MSN,
	};

	return field >= 0 && field < (int)FIELDS ? of[field] : -1;
}

/* Without a label only a number that is right for some country, and right to the last digit. */
static bool
bare_org(struct span text)
{
	for (int s = IDENTIFIER_NONE + 1; s < IDENTIFIER_SCHEMES; s++) {
		enum identifier_scheme	got;
		char			out[IDENTIFIER_TEXT];

		if (identifier_read(text, (enum identifier_scheme)s, &got, out) == IDENTIFIER_OK)
			return true;
	}
	return false;
}

/* A number that begins at `at`, perhaps after its label, and ends the text. Its span, or p NULL. */
static struct span
number_to_end(const struct rules *r, int owner, int field, bool announced, struct span text, size_t at,
    enum identifier_scheme *hint, unsigned *schemes)
{
	struct label_hit	hit;
	size_t			after = at, end;
	struct span		none = {NULL, 0};
	bool			labelled = false;

	if (label_at(r, owner, text, at, &hit) && hit.field == field) {
		label_edge(text, hit.end, &after);
		labelled = value_typed(field, text, after) > 0;
		if (labelled) {
			*hint = hit.hint;
			*schemes = hit.schemes;
		} else
			after = at;
	}
	end = value_typed(field, text, after);
	if (end == 0 || value_strip(span_from(text, end)).n > 1 ||
	    (value_strip(span_from(text, end)).n == 1 && strchr(")].", value_strip(span_from(text, end)).p[0]) == NULL))
		return none;
	text = (struct span){text.p + after, end - after};
	if (!labelled && !announced) {
		if (field != FIELD_ORG_NUMBER || !bare_org(text))
			return none;
		*hint = IDENTIFIER_NONE;
		*schemes = 1;
	}
	return text;
}

int
value_pair(const struct rules *r, int owner, int field, int announced, struct span text, struct span two[2],
    enum identifier_scheme *hint, unsigned *schemes)
{
	bool		name = field == FIELD_MERCHANT_NAME || field == FIELD_SALES_UNIT_NAME;
	int		other = announced >= 0 ? announced : partner(field), typed = name ? other : field;
	size_t		end = announced >= 0 ? value_typed(typed, text, 0) : 0;
	size_t		reach = text.n < PAIR_MAX ? text.n : 0;
	struct span	number = {text.p, end}, rest = value_strip(span_from(text, end));

	for (size_t i = 0; i < reach && (end == 0 || rest.n == 0); i++) {
		size_t		at = i + 1;
		uint32_t	c;

		if (i == 0 || (strchr("(,;/|[:", text.p[i]) == NULL && text.p[i] != ' '))
			continue;
		while (at < text.n && (text.p[at] == ' ' || text.p[at] == '(' || text.p[at] == '-'))
			at++;
		if (text.p[i] == ' ') {		/* " - " or " – " */
			size_t n = at < text.n ? span_rune(text.p + i + 1, text.n - i - 1, &c) : 0;

			if (n == 0 || (c != '-' && (c < 0x2012 || c > 0x2015)))
				continue;
			for (at = i + 1 + n; at < text.n && text.p[at] == ' ';)
				at++;
		}
		if (at >= text.n)
			break;
		number = number_to_end(r, owner, typed, announced >= 0, text, at, hint, schemes);
		if (number.p == NULL)
			continue;
		rest = value_strip(span_take(text, i));
		end = at;
	}
	if (end == 0 || rest.n == 0 || number.p == NULL)
		return -1;
	two[0] = name ? rest : number;
	two[1] = name ? number : rest;
	return other;
}
