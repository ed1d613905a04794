#include <string.h>

#include "rules/fold.h"
#include "rules/label.h"

#define SEGMENT_WORDS	8	/* words of one whole label or part within a label */
#define NUMBERING_MAX	2	/* digits that count units ("Sales unit 12"), never a value */

#define LEADER_MIN	3	/* points that lead from a label to its value */

#define BIT(field)	(1u << (field))
#define OF_UNIT		(BIT(FIELD_SALES_UNIT_NAME) | BIT(LABEL_UNIT))
#define OF_MERCHANT	(BIT(FIELD_MERCHANT_NAME) | BIT(LABEL_MERCHANT))

/* The words of a text, as far as a label may reach. */
struct words {
	struct span	text;
	int		count;
	size_t		at[LABEL_WORDS], end[LABEL_WORDS];	/* bytes of text */
	size_t		from[LABEL_WORDS], to[LABEL_WORDS];	/* bytes of folded */
	size_t		n;
	char		folded[FOLD_ROOM(LABEL_MAX)];		/* a space before each word */
};

/* What a label is made of, as far as it was read. */
struct parts {
	unsigned		 seen;		/* BIT() of fields and parts */
	unsigned		 schemes, languages;
	enum identifier_scheme	 country;
	int			 labels;	/* whole labels */
	int			 segments;
	bool			 filler;	/* the last one says nothing */
};

/* ---- words */

static bool
word_rune(struct span text, size_t at, size_t *bytes)
{
	uint32_t r;

	*bytes = span_rune(text.p + at, text.n - at, &r);
	return fold_is_word(r) || r == 0xad || (r >= 0x200b && r <= 0x200d);
}

size_t
label_word(struct span text, size_t *at)
{
	size_t bytes, end;

	while (*at < text.n && !word_rune(text, *at, &bytes))
		*at += bytes;
	for (end = *at; end < text.n && word_rune(text, end, &bytes);)
		end += bytes;
	return end - *at;
}

static void
words_read(struct words *w, struct span text, size_t at)
{
	w->text = text;
	w->count = 0;
	w->n = 0;
	for (size_t start = at; w->count < LABEL_WORDS; w->count++) {
		size_t n = label_word(text, &at);

		if (n == 0 || at + n - start > LABEL_MAX)
			return;
		w->at[w->count] = at;
		w->end[w->count] = at + n;
		w->from[w->count] = w->n + 1;
		w->n = fold_put(w->folded, w->n, (struct span){text.p + at, n});
		w->to[w->count] = w->n;
		at += n;
	}
}

static struct span
words_span(const struct words *w, int from, int count)
{
	return (struct span){w->folded + w->from[from], w->to[from + count - 1] - w->from[from]};
}

/* What stands between two words of one label: "Org.nr.", "CVR-nr", "merchant's". */
static bool
gap_joins(const struct words *w, int k)
{
	int points = 0;

	for (size_t i = w->end[k - 1]; i < w->at[k];) {
		uint32_t r;

		i += span_rune(w->text.p + i, w->text.n - i, &r);
		points += r == '.';
		if (points > 1)
			return false;		/* they lead to a value */
		if (!fold_is_space(r) && r != '.' && r != '-' && r != '\'' && r != 0x2019 && r != '#' &&
		    (r < 0x2010 || r > 0x2011))
			return false;
		if (r == '-' && i > w->end[k - 1] + 1 && w->text.p[i - 2] == ' ' && i < w->at[k])
			return false;	/* " - " parts; "-nummer" joins */
	}
	return true;
}

bool
label_word_is(const struct rules *r, struct span word, int part)
{
	char	buf[FOLD_ROOM(LABEL_MAX)];
	size_t	n;

	return word.n > 0 && word.n <= LABEL_MAX && (n = fold_put(buf, 0, word)) > 1 &&
	    rules_may_begin(r, (struct span){buf + 1, n - 1}) && rules_is_part(r, (struct span){buf + 1, n - 1}, part);
}

/* ---- what the parts make together */

/* The field, or -1. */
static int
parts_field(const struct parts *p)
{
	unsigned s = p->seen & ~BIT(LABEL_FILLER), unit = s & OF_UNIT, merchant = s & OF_MERCHANT;

	if (s == BIT(FIELD_COUNTRY) || s == BIT(LABEL_NAME))
		return s == BIT(LABEL_NAME) ? LABEL_NAME : FIELD_COUNTRY;
	if (s & BIT(FIELD_COUNTRY))
		return -1;
	if (s & BIT(FIELD_MSN))
		return s & (BIT(FIELD_ORG_NUMBER) | BIT(LABEL_NAME)) ? -1 : (int)FIELD_MSN;
	if (s & BIT(FIELD_ORG_NUMBER))
		return s & (OF_UNIT | BIT(LABEL_NAME)) ? -1 : (int)FIELD_ORG_NUMBER;
	if (unit != 0 && merchant == 0) {
		if (s & BIT(LABEL_NUMBER))
			return s & BIT(LABEL_NAME) ? -1 : (int)FIELD_MSN;
		if (s & (BIT(FIELD_SALES_UNIT_NAME) | BIT(LABEL_NAME)))
			return FIELD_SALES_UNIT_NAME;
	}
	if (merchant != 0 && unit == 0 && !(s & BIT(LABEL_NUMBER)) &&
	    (s & (BIT(FIELD_MERCHANT_NAME) | BIT(LABEL_NAME))))
		return FIELD_MERCHANT_NAME;
	return -1;
}

static void
parts_hit(const struct parts *p, int field, struct label_hit *h)
{
	unsigned exact = p->schemes & ~1u;

	*h = (struct label_hit){.field = field, .second = -1, .languages = p->languages,
	    .plain = p->labels == 1 && p->segments == 1};
	if (field != FIELD_ORG_NUMBER)
		return;
	h->schemes = exact != 0 ? exact : p->schemes;
	if (exact != 0 && (exact & (exact - 1)) == 0)
		h->hint = (enum identifier_scheme)__builtin_ctz(exact);
	if (p->country == IDENTIFIER_NONE || p->country == h->hint)
		return;
	if (h->hint == IDENTIFIER_NONE && (exact == 0 || exact & BIT(p->country)))
		h->hint = p->country;
	else {
		h->hint = IDENTIFIER_NONE;	/* they contradict each other */
		h->schemes = 0;
	}
}

/* Takes the longest label or part that begins at word k; returns its words. */
static int
parts_take(struct parts *p, const struct rules *r, int owner, const struct words *w, int k)
{
	const struct label	*best = NULL;
	int			 taken = 0;
	enum identifier_scheme	 s;
	struct span		 word = words_span(w, k, 1);

	for (int n = 1; n <= SEGMENT_WORDS && k + n <= w->count && (n == 1 || gap_joins(w, k + n - 1)); n++) {
		const struct label *l = rules_label(r, words_span(w, k, n), owner);

		if (l != NULL) {
			best = l;
			taken = n;
		}
		if (!rules_label_begins(r, words_span(w, k, n), owner))
			break;
	}
	p->segments++;
	p->filler = best == NULL || best->field == LABEL_FILLER;
	if (best != NULL) {
		p->seen |= BIT(best->field);
		if (best->field == FIELD_ORG_NUMBER)
			p->schemes |= best->schemes;
		if (best->field <= FIELD_COUNTRY)
			p->labels++;
		if (best->field != LABEL_FILLER)
			p->languages |= best->languages;
		return taken;
	}
	if (span_digits(word) && word.n <= NUMBERING_MAX && (k == 0 || (p->seen & OF_UNIT) ||
	    (w->end[k] < w->text.n && w->text.p[w->end[k]] == ':'))) {	/* "Sales unit 2", "MSN 2:" */
		p->seen |= BIT(LABEL_FILLER);
		return 1;
	}
	s = country_scheme(r, word);
	if (s != IDENTIFIER_NONE && word.n > 2) {	/* "Norwegian"; "no" is a word of its own */
		p->country = s;
		p->seen |= BIT(LABEL_FILLER);
		return 1;
	}
	return 0;
}

/* ---- labels */

/* The longest run of parts from word k on that makes a label; returns the word after it, or k. */
static int
run_read(const struct rules *r, int owner, const struct words *w, int k, struct label_hit *h)
{
	struct parts	p = {0};
	int		end = k, i = k, n;
	size_t		core = 0;

	h->field = -1;
	while (i < w->count && (i == k || gap_joins(w, i)) && (n = parts_take(&p, r, owner, w, i)) > 0) {
		int field = parts_field(&p);

		i += n;
		if (field >= 0) {
			core = p.filler && h->field == field ? core : w->end[i - 1];
			parts_hit(&p, field, h);
			h->end = w->end[i - 1];
			h->core = core;
			end = i;
		}
	}
	return end;
}

static bool
is_name(int field)
{
	return field == FIELD_MERCHANT_NAME || field == FIELD_SALES_UNIT_NAME;
}

/* Two labels of one value: the same said twice, or a name and the number that belongs to it. */
static bool
hits_join(struct label_hit *a, const struct label_hit *b)
{
	unsigned both = a->schemes & b->schemes & ~1u;

	if (b->field == a->field) {
		if (a->field == FIELD_ORG_NUMBER && a->hint != b->hint) {
			a->schemes = both != 0 || (a->schemes | b->schemes) == 1 ? both :
			    (a->schemes | b->schemes) & ~1u;
			a->hint = a->hint == IDENTIFIER_NONE && (a->schemes & BIT(b->hint)) ? b->hint :
			    b->hint == IDENTIFIER_NONE && (a->schemes & BIT(a->hint)) ? a->hint : IDENTIFIER_NONE;
		}
		a->languages |= b->languages;
		return true;
	}
	if (a->second >= 0 || b->second >= 0 || is_name(a->field) == is_name(b->field))
		return false;
	if ((a->field == FIELD_MSN || b->field == FIELD_MSN) !=
	    (a->field == FIELD_SALES_UNIT_NAME || b->field == FIELD_SALES_UNIT_NAME))
		return false;
	if (a->field >= FIELDS || b->field >= FIELDS)
		return false;
	a->second = b->field;
	if (b->field == FIELD_ORG_NUMBER) {
		a->hint = b->hint;
		a->schemes = b->schemes;
	}
	return true;
}

static size_t
skip_spaces(struct span text, size_t at)
{
	while (at < text.n && (text.p[at] == ' ' || text.p[at] == '*' || text.p[at] == '_'))
		at++;
	return at;
}

/* "Org. nr.:": the point belongs to the label. */
static size_t
skip_point(struct span text, size_t at)
{
	return at < text.n && text.p[at] == '.' && (at + 1 == text.n || strchr(" :*)", text.p[at + 1]) != NULL) ?
	    at + 1 : at;
}

/*
 * "Merchant Serial Number (MSN)", "Organisation number (Norway)": what stands in parentheses must be a
 * label or say a country; "MSN (test)" is no label. 0: no parentheses, 1: taken, -1: no label.
 */
static int
parentheses_read(const struct rules *r, int owner, struct span text, struct label_hit *h)
{
	size_t			 at = skip_spaces(text, h->end), close;
	struct span		 in;
	struct label_hit	 inner;
	enum identifier_scheme	 s;

	if (at >= text.n || (text.p[at] != '(' && text.p[at] != '['))
		return 0;
	for (close = at + 1; close < text.n && close - at < LABEL_MAX; close++)
		if (text.p[close] == ')' || text.p[close] == ']')
			break;
	if (close >= text.n || close - at >= LABEL_MAX)
		return -1;
	in = span_trim((struct span){text.p + at + 1, close - at - 1});
	if (label_at(r, owner, in, 0, &inner) && inner.end == in.n) {
		if (!hits_join(h, &inner))
			return -1;
	} else if (h->field != FIELD_ORG_NUMBER || ((s = identifier_scheme_of(in)) == IDENTIFIER_NONE &&
	    (s = country_scheme(r, in)) == IDENTIFIER_NONE))
		return -1;
	else if (h->hint == IDENTIFIER_NONE && (h->schemes & (BIT(s) | 1u)))
		h->hint = s;
	else if (h->hint != s) {
		h->hint = IDENTIFIER_NONE;	/* they contradict each other */
		h->schemes = 0;
	}
	h->plain = false;
	h->end = close + 1;
	return 1;
}

/* Whose name "name" is beside a number: "Org. no. and name". */
static int
name_meant(int field, int beside)
{
	if (field != LABEL_NAME)
		return field;
	return beside == FIELD_MSN ? (int)FIELD_SALES_UNIT_NAME : beside == FIELD_ORG_NUMBER ? (int)FIELD_MERCHANT_NAME : field;
}

/* "MSN / Merchant serial number", "Merchant and organisation number", "Org. no. and name". */
static void
second_read(const struct rules *r, int owner, const struct words *w, int k, struct label_hit *h)
{
	struct label_hit	other, joined;
	struct span		gap, word;
	int			end;

	if (k >= w->count || (h->field >= FIELDS && h->field != LABEL_NAME))
		return;
	gap = span_trim((struct span){w->text.p + skip_point(w->text, h->end), w->at[k] - skip_point(w->text, h->end)});
	word = (struct span){w->text.p + w->at[k], w->end[k] - w->at[k]};
	if (span_is(gap, "") && (span_is_nocase(word, "og") || span_is_nocase(word, "and") ||
	    span_is_nocase(word, "och") || span_is_nocase(word, "ja")))
		k++;
	else if (!span_is(gap, "/") && !span_is(gap, "&") && !span_is(gap, "+"))
		return;
	end = k < w->count ? run_read(r, owner, w, k, &other) : k;
	if (end == k)
		return;
	joined = *h;
	joined.field = name_meant(h->field, other.field);
	other.field = name_meant(other.field, h->field);
	if (joined.field >= FIELDS || !hits_join(&joined, &other))
		return;
	*h = joined;
	h->end = other.end;
	h->plain = false;
}

/* Most words begin no label; this one look tells. */
static bool
could_begin(const struct rules *r, int owner, struct span text, size_t at)
{
	char		buf[FOLD_ROOM(LABEL_MAX)];
	size_t		start = at, n = label_word(text, &at);
	struct span	word;

	if (n == 0 || n > LABEL_MAX || at != start)
		return false;
	n = fold_put(buf, 0, (struct span){text.p + at, n});
	word = (struct span){buf + 1, n - 1};
	if (n > 1 && word.p[0] >= '0' && word.p[0] <= '9' && word.n <= NUMBERING_MAX)
		return true;
	return n > 1 && rules_may_begin(r, word) && (rules_label(r, word, owner) != NULL ||
	    rules_label_begins(r, word, owner) || (word.n > 2 && country_scheme(r, word) != IDENTIFIER_NONE));
}

bool
label_at(const struct rules *r, int owner, struct span text, size_t at, struct label_hit *h)
{
	struct words	w;
	int		end, more;
	size_t		before = at;

	if (!could_begin(r, owner, text, skip_spaces(text, at)))
		return false;
	words_read(&w, text, at);
	if (w.count == 0 || skip_spaces(text, before) != w.at[0])
		return false;
	end = run_read(r, owner, &w, 0, h);
	if (end == 0)
		return false;
	second_read(r, owner, &w, end, h);
	h->end = skip_point(text, h->end);
	more = parentheses_read(r, owner, text, h);
	if (more > 0) {		/* "MSN (Merchant Serial Number) for the sales unit" */
		struct label_hit rest;

		words_read(&w, text, h->end);
		if (w.count > 0 && skip_spaces(text, h->end) == w.at[0] && run_read(r, owner, &w, 0, &rest) > 0 &&
		    (rest.field == h->field || (h->field == FIELD_MSN && rest.field == FIELD_SALES_UNIT_NAME)))
			h->end = rest.end;
	}
	h->end = skip_point(text, h->end);
	return true;
}

/* "== Sales unit ==", "--- Merchant ---", "# MSN #": marks that only frame a headline. */
static bool
edge_ornament(struct span text, size_t at)
{
	for (size_t i = at; i < text.n; i++)
		if (strchr("=-#~+<]", text.p[i]) == NULL && text.p[i] != ' ')
			return false;
	return true;
}

enum label_edge
label_edge(struct span text, size_t at, size_t *after)
{
	uint32_t	r;
	size_t		bytes, start, dots = 0;
	bool		bold = at < text.n && text.p[at] == '*';

	start = at = skip_spaces(text, at);
	*after = at;
	if (at >= text.n)
		return EDGE_END;
	while (at + dots < text.n && (text.p[at + dots] == '.' || text.p[at + dots] == '_'))
		dots++;
	if (dots >= LEADER_MIN) {	/* "MSN ........ 123456" */
		*after = skip_spaces(text, at + dots);
		if (*after < text.n && text.p[*after] == ':')
			*after = skip_spaces(text, *after + 1);
		return *after < text.n ? EDGE_COLON : EDGE_END;
	}
	bytes = span_rune(text.p + at, text.n - at, &r);
	*after = skip_spaces(text, at + bytes);
	if (edge_ornament(text, at)) {
		*after = text.n;
		return EDGE_END;
	}
	if (r == ':' || r == '=' || r == 0xff1a)
		return EDGE_COLON;
	if (r == '-' && at + 1 < text.n && text.p[at + 1] == '>') {
		*after = skip_spaces(text, at + 2);
		return EDGE_COLON;
	}
	if (r == 0x2192 || r == 0x27a1 || r == 0x21d2 || r == '>')
		return EDGE_COLON;
	if ((r == '-' || (r >= 0x2012 && r <= 0x2015)) && start > 0 && text.p[start - 1] == ' ' &&
	    *after > at + bytes)
		return EDGE_DASH;
	*after = at;
	return bold ? EDGE_COLON : EDGE_NONE;	/* "*MSN* 123456" */
}

size_t
label_start(struct span text)
{
	size_t at = 0, digits = 0;

	while (at < text.n) {
		uint32_t	r;
		size_t		bytes = span_rune(text.p + at, text.n - at, &r);

		if (fold_is_word(r))
			break;
		if (r == '(' || r == 0xab || r == 0xbb || r == '"' || r == ':')
			return at;
		at += bytes;
	}
	while (at + digits < text.n && text.p[at + digits] >= '0' && text.p[at + digits] <= '9')
		digits++;
	if (digits > 0 && digits <= NUMBERING_MAX && at + digits + 1 < text.n &&
	    (text.p[at + digits] == '.' || text.p[at + digits] == ')') && text.p[at + digits + 1] == ' ')
		at += digits + 2;
	return skip_spaces(text, at);
}

bool
label_begins(const struct rules *r, int owner, struct span text)
{
	struct words	w;
	struct parts	p = {0};
	int		i = 0, n;

	words_read(&w, text, label_start(text));
	if (w.count == 0 || w.end[w.count - 1] != text.n)
		return false;
	while (i < w.count && (i == 0 || gap_joins(&w, i))) {
		if (rules_label_begins(r, words_span(&w, i, w.count - i), owner))
			return true;
		if ((n = parts_take(&p, r, owner, &w, i)) == 0)
			return false;
		i += n;
	}
	return i == w.count;
}
