#include <string.h>

#include "rules/fold.h"
#include "rules/label.h"
#include "rules/naming.h"
#include "rules/prose.h"
#include "rules/value.h"

#define PATTERN_TIMES	64	/* matches of one pattern in one paragraph */
#define ITEM_MAX	300	/* bytes of a list item; a longer line is a sentence */
#define OWN_LINES	4	/* of an address after the vendor's name */
#define ITEM_NUMBERS	4	/* numbers in one list item */

/* ---- findings */

static size_t
next_digit(struct span s, size_t at)
{
	while (at < s.n && (s.p[at] < '0' || s.p[at] > '9'))
		at++;
	return at;
}

/* "987 654 325" and "NO987654325MVA"; a Swedish VAT number ends with 01 besides. */
static bool
digits_same(struct span a, struct span b)
{
	size_t i = next_digit(a, 0), k = next_digit(b, 0);

	while (i < a.n && k < b.n) {
		if (a.p[i] != b.p[k])
			return false;
		i = next_digit(a, i + 1);
		k = next_digit(b, k + 1);
	}
	return (i >= a.n && (k >= b.n || span_is(span_trim(span_from(b, k)), "01"))) ||
	    (k >= b.n && span_is(span_trim(span_from(a, i)), "01"));
}

static bool
found_before(const struct prose *p, int from, int field, struct span text)
{
	for (int i = from; i < p->out->count; i++)
		if (p->out->list[i].field == field && digits_same(p->out->list[i].text, text))
			return true;
	return false;
}

static void
found(struct prose *p, struct finding x, size_t line)
{
	if (x.field == FIELD_MERCHANT_NAME)
		x.text = value_without_place(p->rules, x.field, false, x.text);
	x.part = p->part_number;
	x.line = (uint16_t)line;
	fields_put(p->out, p->arena, x);
}

/* ---- patterns */

/* Within quotation marks a name is what it is; without, words of sentences say that it was cut wrongly. */
static bool
is_cut_right(const struct prose *p, struct span text, struct span name)
{
	const char *before = name.p > text.p ? name.p - 1 : NULL;

	return (before != NULL && *before != ' ' && *before != '(') || value_name(p->rules, name);
}

static void
match_take(struct prose *p, const struct field_pattern *fp, struct span text, size_t line)
{
	unsigned	unit = 0;
	int		group = 0;

	for (int k = 0; k < FIELDS; k++) {
		struct span value = span_trim(pattern_span(fp->pattern, fp->group[k]));

		if (fp->group[k] < 0 || value.n == 0)
			continue;
		if ((k == FIELD_MERCHANT_NAME || k == FIELD_SALES_UNIT_NAME) && fp->owner < 0 &&
		    (!is_cut_right(p, text, value) || rules_own_line(p->rules, value)))
			return;
		unit |= 1u << k;
	}
	if ((unit & 1u << FIELD_MSN) && (unit & 1u << FIELD_SALES_UNIT_NAME))
		group = ++p->group;
	for (int k = 0; k < FIELDS; k++)
		if (unit & p->missing & 1u << k)
			found(p, (struct finding){.field = k, .text = span_trim(pattern_span(fp->pattern, fp->group[k])),
			    .hint = fp->scheme, .schemes = 1, .languages = fp->languages, .group = group}, line);
}

static void
pattern_apply(struct prose *p, const struct field_pattern *fp, struct span text, size_t line)
{
	size_t from = 0;

	for (int times = 0; times < PATTERN_TIMES; times++) {
		enum pattern_result	r = pattern_find(fp->pattern, text, from);
		struct span		whole;

		if (r == PATTERN_LIMIT)
			p->out->limit = true;
		if (r != PATTERN_MATCH)
			return;
		match_take(p, fp, text, line);
		whole = pattern_span(fp->pattern, 0);
		from = (size_t)(whole.p - text.p) + (whole.n > 0 ? whole.n : 1);
		if (whole.n == 0 && from < text.n && ((unsigned char)text.p[from] & 0xc0) == 0x80)
			return;		/* an empty match inside a character: no field anyway */
	}
}

static bool
pattern_gives(const struct field_pattern *fp, unsigned missing)
{
	for (int k = 0; k < FIELDS; k++)
		if (fp->group[k] >= 0 && (missing & 1u << k))
			return true;
	return false;
}

static void
patterns_find(struct prose *p, struct span text, size_t line)
{
	for (int i = 0; i < p->rules->pattern_count; i++) {
		const struct field_pattern *fp = &p->rules->patterns[i];

		if ((fp->owner == -1 || fp->owner == p->owner) && pattern_gives(fp, p->missing))
			pattern_apply(p, fp, text, line);
	}
}

/* ---- numbers after their labels */

struct number {
	struct label_hit	hit;
	struct span		text;
	size_t			from, end;	/* of label and number */
};

/* Is the word before a label one that makes it something else's? Not so in "fjord.example". */
static bool
is_other(const struct prose *p, struct span text, struct span before)
{
	return before.p != NULL && (before.p == text.p || before.p[-1] != '.') &&
	    label_word_is(p->rules, before, LABEL_OTHER);
}

/* The next label with a number right after it. */
static bool
number_next(const struct prose *p, struct span text, size_t *at, struct number *out)
{
	struct span	before = {NULL, 0};
	size_t		n;

	for (; (n = label_word(text, at)) > 0; before = (struct span){text.p + *at, n}, *at += n) {
		size_t	after, end;

		if (!label_at(p->rules, p->owner, text, *at, &out->hit) ||
		    (out->hit.field != FIELD_MSN && out->hit.field != FIELD_ORG_NUMBER) ||
		    label_edge(text, out->hit.end, &after) == EDGE_END || is_other(p, text, before))
			continue;
		end = value_typed(out->hit.field, text, after);
		if (end == 0)
			continue;
		out->from = *at;
		out->end = end;
		out->text = (struct span){text.p + after, end - after};
		*at = end;
		return true;
	}
	return false;
}

static void
number_found(struct prose *p, const struct number *n, size_t line, int group)
{
	found(p, (struct finding){.field = n->hit.field, .text = n->text, .hint = n->hit.hint,
	    .schemes = n->hit.schemes, .languages = n->hit.languages, .group = group}, line);
}

/*
 * A number in a sentence that the labels do not have is a contradiction; but below them an organisation
 * number is mostly that of a footer.
 */
static void
numbers_find(struct prose *p, struct span text, size_t line, int before)
{
	struct number n;

	for (size_t at = 0; number_next(p, text, &at, &n);)
		if (found_before(p, p->missing & 1u << n.hit.field ? before : 0, n.hit.field, n.text))
			continue;
		else if (p->missing & 1u << n.hit.field)
			number_found(p, &n, line, 0);
		else if (n.hit.field == FIELD_MSN || line < p->last)
			p->out->stray |= 1u << n.hit.field;
}

/* ---- list items */

/* "the sales unit Fjord nett", "for Fjord AS": what stands before a name in a list goes. */
static struct span
name_alone(const struct prose *p, int field, struct span s)
{
	struct label_hit	hit;
	struct span		rest;
	size_t			at = 0, n, after;

	s = value_strip(s);
	at = label_start(s);
	if (label_at(p->rules, p->owner, s, at, &hit) && hit.field == field) {
		if (label_edge(s, hit.end, &after) == EDGE_NONE)
			after = hit.core;
		rest = value_strip(span_from(s, after));
		if (rest.n > 0)
			return rest;
	}
	at = 0;
	n = label_word(s, &at);
	if (at == 0 && n > 0 && n < s.n && s.p[n] == ' ' && s.p[0] >= 'a' && s.p[0] <= 'z' &&
	    label_word_is(p->rules, span_take(s, n), LABEL_LEAD))
		return value_strip(span_from(s, n));
	return value_strip(span_from(s, label_start(s)));
}

/* "Order for Fjord AS" is no name, and "Food for All" is not told from it. */
static bool
has_lead(const struct prose *p, struct span s)
{
	size_t n;

	for (size_t at = 0; (n = label_word(s, &at)) > 0; at += n)
		if (label_word_is(p->rules, (struct span){s.p + at, n}, LABEL_LEAD))
			return true;
	return false;
}

static struct span
without_quotes(struct span s)
{
	static const char *const pairs[][2] = {{"«", "»"}, {"»", "«"}, {"“", "”"}, {"”", "”"}, {"„", "“"}, {"\"", "\""},
	    {"‘", "’"}, {"’", "’"}, {"'", "'"}};

	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct span a = span_of(pairs[i][0]), b = span_of(pairs[i][1]);

		if (s.n > a.n + b.n && span_eq(span_take(s, a.n), a) && span_eq(span_from(s, s.n - b.n), b))
			return span_trim((struct span){s.p + a.n, s.n - a.n - b.n});
	}
	return s;
}

/* "www.fjord.example (MSN 123456)": nothing else on the line, so it need not look like a name. */
static bool
is_small_name(const struct prose *p, struct span name, struct span text, const struct number *n)
{
	return n->from > 0 && text.p[n->from - 1] == '(' && name.n > 0 && name.n <= VALUE_MAX_NAME &&
	    strchr(".!?:;,", name.p[name.n - 1]) == NULL && value_sentence_words(p->rules, name) == 0 &&
	    value_strip(span_from(text, n->end)).n <= 1;
}

/* One item: names before their numbers, or names after them; nothing else on the line. */
static void
item_find(struct prose *p, struct span text, size_t line)
{
	struct number	n[ITEM_NUMBERS];
	struct span	name[ITEM_NUMBERS];
	int		count = 0, group = 0;
	size_t		at = 0, from = 0;
	bool		after;

	if (text.n > ITEM_MAX || (p->missing & (1u << FIELD_SALES_UNIT_NAME | 1u << FIELD_MERCHANT_NAME)) == 0)
		return;
	while (count < ITEM_NUMBERS && number_next(p, text, &at, &n[count]))
		count++;
	if (count == 0 || count == ITEM_NUMBERS)
		return;
	after = value_strip(span_take(text, n[0].from)).n <= 1;
	for (int i = 0; i < count; i++) {
		size_t	end = i + 1 < count ? n[i + 1].from : text.n;
		int	field = n[i].hit.field == FIELD_MSN ? FIELD_SALES_UNIT_NAME : FIELD_MERCHANT_NAME;

		for (int k = 0; k < i; k++)
			if (n[k].hit.field == n[i].hit.field)
				return;
		while (from < n[i].from && (text.p[from] == ')' || text.p[from] == ']'))
			from++;
		name[i] = after ? (struct span){text.p + n[i].end, end - n[i].end} :
		    (struct span){text.p + from, n[i].from - from};
		while (name[i].n > 0 && (name[i].p[name[i].n - 1] == '(' || name[i].p[name[i].n - 1] == ' '))
			name[i].n--;
		while (name[i].n > 0 && name[i].p[0] == ')')
			name[i] = span_from(name[i], 1);
		name[i] = without_quotes(name_alone(p, field, name[i]));
		if (!(value_name(p->rules, name[i]) || is_small_name(p, name[i], text, &n[i])) || has_lead(p, name[i]) || rules_own_line(p->rules, name[i]))
			return;
		from = n[i].end;
	}
	if (!after && value_strip(span_from(text, from)).n > 1)
		return;
	for (int i = 0; i < count; i++) {
		int field = n[i].hit.field == FIELD_MSN ? FIELD_SALES_UNIT_NAME : FIELD_MERCHANT_NAME;

		group = n[i].hit.field == FIELD_MSN ? ++p->group : 0;
		if (p->missing & 1u << n[i].hit.field)
			number_found(p, &n[i], line, group);
		if (p->missing & 1u << field)
			found(p, (struct finding){.field = field, .text = name[i], .schemes = 1, .group = group}, line);
	}
}

/* ---- names in sentences */

static bool
found_any(const struct prose *p, int field)
{
	for (int i = 0; i < p->out->count; i++)
		if (p->out->list[i].field == field)
			return true;
	return false;
}

/* Names by their numbers, then by the nouns before them; only fields that nothing else gave. */
static void
names_find(struct prose *p, struct span text, size_t line)
{
	struct naming	m = {p->rules, p->owner, text};
	unsigned	look = 0;
	struct span	name;
	struct number	n;

	if (text.n == 0)
		return;
	for (int f = FIELD_MERCHANT_NAME; f < (int)FIELDS; f++)
		if ((f == FIELD_MERCHANT_NAME || f == FIELD_SALES_UNIT_NAME) && (p->missing & 1u << f) && !found_any(p, f))
			look |= 1u << f;
	for (size_t at = 0; look != 0 && number_next(p, text, &at, &n);) {
		int field = n.hit.field == FIELD_MSN ? FIELD_SALES_UNIT_NAME : FIELD_MERCHANT_NAME;

		if ((look & 1u << field) && (name = naming_before(&m, field, n.from)).n > 0)
			found(p, (struct finding){.field = field, .text = name, .schemes = 1}, line);
	}
	for (int f = FIELD_MERCHANT_NAME; f < (int)FIELDS; f++)		/* all of them: two are a conflict */
		for (size_t at = found_any(p, f) ? text.n : 0; (look & 1u << f) && (name = naming_behind(&m, f, &at)).n > 0;)
			found(p, (struct finding){.field = f, .text = name, .schemes = 1}, line);
}

/* ---- paragraphs */

/* Lines of the vendor's own address: the one with its name, and those below. */
static bool *
own_lines(const struct prose *p, size_t start, size_t end)
{
	bool	*own = arena_array(p->arena, end - start, sizeof(*own));
	size_t	 until = start;

	for (size_t line = start; line < end; line++) {
		if (rules_own_line(p->rules, p->part->lines[line].cells[0]))
			until = line + OWN_LINES + 1;
		own[line - start] = line < until;
	}
	return own;
}

/* Does a line of HTML, which wraps by itself, begin a paragraph? */
static bool
begins_apart(const struct prose *p, size_t line)
{
	struct span	text = p->part->lines[line].cells[0];
	uint32_t	r;

	if (p->part->kind != DOCUMENT_HTML || text.n == 0)
		return false;
	span_rune(text.p, text.n, &r);
	return !fold_is_lower(r);
}

/* Names, paragraph by paragraph. */
static void
paragraphs_find(struct prose *p, size_t start, size_t end, const bool *own)
{
	struct arena_buf	text = {.arena = p->arena};
	size_t			first = start;

	for (size_t line = start; line < end; line++) {
		if (begins_apart(p, line)) {
			names_find(p, (struct span){text.p, text.n}, first);
			text = (struct arena_buf){.arena = p->arena};	/* findings stand in the old one */
			first = line;
		}
		for (size_t c = 0; c < p->part->lines[line].count && !own[line - start]; c++) {
			struct span cell = p->part->lines[line].cells[c];

			if (text.n > 0 && cell.n > 0)
				arena_puts(&text, " ");
			arena_put(&text, cell.p, cell.n);
		}
	}
	names_find(p, (struct span){text.p, text.n}, first);
}

void
prose_find(struct prose *p, size_t start, size_t end)
{
	struct arena_buf	 text = {.arena = p->arena};
	int			 before = p->out->count;
	const bool		*own = own_lines(p, start, end);
	bool			 matched;

	for (size_t line = start; line < end; line++)
		for (size_t c = 0; c < p->part->lines[line].count && !own[line - start]; c++) {
			struct span cell = p->part->lines[line].cells[c];

			if (text.n > 0 && cell.n > 0)
				arena_puts(&text, " ");
			arena_put(&text, cell.p, cell.n);
		}
	if (text.n == 0)
		return;
	if (p->missing != 0)
		patterns_find(p, (struct span){text.p, text.n}, start);
	matched = p->out->count > before;
	for (size_t line = start; line < end && !matched; line++)
		for (size_t c = 0; c < p->part->lines[line].count && !own[line - start]; c++)
			item_find(p, p->part->lines[line].cells[c], line);
	paragraphs_find(p, start, end, own);
	numbers_find(p, (struct span){text.p, text.n}, start, before);
}
