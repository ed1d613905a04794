#include <string.h>

#include "rules/fold.h"
#include "rules/kind.h"

#define MAX_NAMES	64	/* names that are hidden where they occur; each costs one search */
#define TRACE_WORDS	80	/* bytes of a phrase or pattern in the trace */

/* ---- folding a document */

struct names {
	struct span	list[MAX_NAMES];
	bool		one_word[MAX_NAMES];
	int		count;
};

static void
names_gather(struct names *n, const struct part_fields *f, size_t parts)
{
	for (size_t p = 0; p < parts; p++)
		for (int i = 0; i < f[p].count; i++) {
			const struct finding	*x = &f[p].list[i];
			bool			 known = false;

			if (x->field != FIELD_MERCHANT_NAME && x->field != FIELD_SALES_UNIT_NAME)
				continue;
			for (int k = 0; k < n->count && !known; k++)
				known = span_eq(n->list[k], x->text);
			if (known || n->count == MAX_NAMES || x->text.n > EXTRACT_MAX_VALUE)
				continue;
			n->one_word[n->count] = span_find(x->text, SPAN_LIT(" "), 0) < 0;
			n->list[n->count++] = x->text;
		}
}

static bool
word_edge(struct span s, size_t at)
{
	uint32_t r;

	/* A name ends where no letter goes on; only what stands right there is looked at. */
	if (at >= s.n)
		return true;
	span_rune(s.p + at, s.n - at, &r);
	return !fold_is_word(r);
}

static bool
edge_before(struct span s, size_t at)
{
	size_t k = at;

	if (at == 0)
		return true;
	do
		k--;
	while (k > 0 && ((unsigned char)s.p[k] & 0xc0) == 0x80);
	return word_edge(s, k);
}

struct hiding {
	struct names	list;
	enum names_as	as;
	bool		has_word, has_name;	/* see kind_text */
};

/* Text with the names in it overwritten by FOLD_MASK, which folds to nothing. */
static struct span
text_hide(struct span text, struct hiding *h, struct arena *a)
{
	const struct names	*n = &h->list;
	char			*copy = NULL;

	for (int i = 0; i < n->count; i++) {
		bool		hide = h->as != NAMES_AS_WRITTEN && (!n->one_word[i] || h->as == NAMES_ALL_GONE);
		ptrdiff_t	at = 0;

		while ((at = span_find(text, n->list[i], (size_t)at)) >= 0) {
			size_t end = (size_t)at + n->list[i].n;

			if (edge_before(text, (size_t)at) && word_edge(text, end)) {
				*(n->one_word[i] ? &h->has_word : &h->has_name) = true;
				if (hide && copy == NULL)
					copy = arena_textn(a, text.p, text.n);
				if (hide)
					memset(copy + at, FOLD_MASK, n->list[i].n);
			}
			at = (ptrdiff_t)end;
		}
	}
	return copy != NULL ? (struct span){copy, text.n} : text;
}

struct folded {
	char	*p;
	size_t	 n;
};

/* Does the line go on in a sentence that was begun above it? */
static bool
line_goes_on(const struct document_line *l)
{
	uint32_t r;

	if (l->cells[0].n == 0)
		return false;
	span_rune(l->cells[0].p, l->cells[0].n, &r);
	return fold_is_lower(r);
}

/* "[ ] Yes, it is approved": an answer that nobody chose. */
static bool
is_choice(struct span text)
{
	static const char *const boxes[] = {"[ ]", "[]", "( )", "\xe2\x98\x90", "\xe2\x97\x8b", "\xe2\x97\xaf", "\xe2\x96\xa1"};

	for (size_t i = 0; i < COUNT(boxes); i++)
		if (text.n > 0 && text.p[0] == boxes[i][0] &&
		    span_eq(span_take(text, strlen(boxes[i])), span_of(boxes[i])))
			return true;
	return false;
}

/*
 * A paragraph ends at an empty line, at the edge of a table's cell, and in HTML, which wraps by itself,
 * at the end of a line, unless the next begins with a small letter.
 */
static void
body_line(struct folded *out, const struct document_line *l, const struct hidden *hidden, bool html,
    struct hiding *h, struct arena *a)
{
	bool apart = l->count > 1 || l->table > 0 || l->cells[0].n == 0;

	if (html && out->n > 0 && out->p[out->n - 1] != '\n' && !line_goes_on(l))
		out->p[out->n++] = '\n';

	if (apart && out->n > 0 && out->p[out->n - 1] != '\n')
		out->p[out->n++] = '\n';
	for (size_t c = 0; c < l->count; c++) {
		struct span text = l->cells[c];

		if (is_choice(span_trim(text))) {
			out->p[out->n++] = '\n';
			continue;
		}
		if (hidden[c].from != FIELDS_SHOWN)
			text = span_take(text, hidden[c].from);
		text = text_hide(text, h, a);
		out->n = fold_put(out->p, out->n, text);
		if (hidden[c].from != FIELDS_SHOWN || apart)
			out->p[out->n++] = '\n';
		text = span_trim(span_from(l->cells[c], hidden[c].to));
		if (hidden[c].from != FIELDS_SHOWN && text.n > 0) {	/* a sentence after a value */
			out->n = fold_put(out->p, out->n, text_hide(text, h, a));
			out->p[out->n++] = '\n';
		}
	}
}

static struct span
body_fold(const struct document *d, const struct part_fields *f, struct hiding *h, struct arena *a)
{
	struct folded	out = {0};
	size_t		room = 1;

	for (size_t p = 0; p < d->count; p++)
		for (size_t i = 0; i < d->parts[p].count; i++) {
			room += 3;
			for (size_t c = 0; c < d->parts[p].lines[i].count; c++)
				room += FOLD_ROOM(d->parts[p].lines[i].cells[c].n) + 4;
		}
	for (int i = 0; i < h->list.count; i++)
		room += FOLD_ROOM(h->list.list[i].n) + 1;
	out.p = arena_alloc(a, room + d->count);
	for (size_t p = 0; p < d->count; p++) {
		for (size_t i = 0; i < d->parts[p].count; i++)
			body_line(&out, &d->parts[p].lines[i], f[p].hidden + f[p].first[i],
			    d->parts[p].kind == DOCUMENT_HTML, h, a);
		out.p[out.n++] = '\n';
	}
	for (int i = 0; h->as == NAMES_APART && i < h->list.count; i++) {
		out.n = fold_put(out.p, out.n, h->list.list[i]);
		out.p[out.n++] = '\n';
	}
	return (struct span){out.p, out.n};
}

static struct span
line_fold(struct span text, struct hiding *h, struct arena *a)
{
	char *out = arena_alloc(a, FOLD_ROOM(text.n));

	return (struct span){out, fold_put(out, 0, text_hide(text, h, a))};
}

/* ---- phrases and sentences */

struct kind_text
kind_text(const struct rules *r, const struct document *d, const struct part_fields *f,
    enum names_as as, struct arena *a)
{
	struct kind_text	 t = {0};
	struct hiding		*h = arena_alloc(a, sizeof(*h));

	h->as = as;
	names_gather(&h->list, f, d->count);
	t.subject = line_fold(d->subject, h, a);
	t.from = line_fold(d->from, h, a);
	t.body = body_fold(d, f, h, a);
	t.has_word = h->has_word;
	t.has_name = h->has_name;
	t.hits = arena_alloc(a, (size_t)r->phrase_count);
	sentences_scan(r, t.subject, d->year, IN_SUBJECT, t.hits, &t.sentences[0], &t.limit);
	sentences_scan(r, t.body, d->year, IN_BODY, t.hits, &t.sentences[1], &t.limit);
	sentences_scan(r, t.from, d->year, IN_FROM, t.hits, &t.sentences[2], &t.limit);
	return t;
}

/* ---- conditions */

static enum pattern_result
pattern_in(struct pattern *p, struct span text)
{
	enum pattern_result	r, worst = PATTERN_NO_MATCH;
	struct span		one;

	while (text.n > 0) {
		if (!span_cut(&text, '\n', &one))
			text.n = 0;
		r = pattern_find(p, one, 0);
		if (r == PATTERN_MATCH)
			return r;
		if (r == PATTERN_LIMIT)
			worst = r;
	}
	return worst;
}

/* 1 yes, 0 no, -1 a pattern hit its limit. */
static int
test_holds(const struct test *t, const struct document *d, const struct kind_text *text,
    unsigned where, unsigned found)
{
	const struct span	places[] = {text->subject, text->body, text->from};
	int			answer = 0;

	switch (t->type) {
	case TEST_PHRASE:
		return (text->hits[t->id] & where) != 0;
	case TEST_PATTERN:
		for (size_t i = 0; i < COUNT(places); i++) {
			enum pattern_result r = PATTERN_NO_MATCH;

			if (where & 1u << i)
				r = pattern_in(t->pattern, places[i]);
			if (r == PATTERN_MATCH)
				return 1;
			if (r == PATTERN_LIMIT)
				answer = -1;
		}
		return answer;
	case TEST_SENTENCE:
		for (size_t i = 0; i < COUNT(places); i++)
			if ((where & 1u << i) && (text->sentences[i] >> t->id & 1))
				return 1;
		return text->limit ? -1 : 0;
	case TEST_REPLY:
		return d->reply;
	case TEST_AUTO_REPLY:	/* RFC 3834: auto-generated is what every notice says of itself */
		return span_is(span_take(d->auto_submitted, 12), "auto-replied");
	case TEST_REPORT:
		return d->report;
	case TEST_FOUND:
		return (found >> t->id & 1) != 0;
	}
	return 0;
}

static void
trace_put(struct arena_buf *b, const struct rule *rule, const struct condition *k,
    const struct test *t)
{
	static const char *const	modes[] = {"none of", "lacks", "has"};
	struct span			text = span_of(t != NULL ? t->text : k->tests[0].text);

	if (b == NULL || b->n > KIND_MAX_TRACE)
		return;
	if (text.n > TRACE_WORDS) {
		text.n = TRACE_WORDS;
		while (text.n > 0 && ((unsigned char)text.p[text.n] & 0xc0) == 0x80)
			text.n--;
	}
	arena_puts(b, rule->name);	/* for each rule of each mail: printf() would take longer than the rule */
	arena_puts(b, ": ");
	arena_puts(b, k->mark);
	arena_puts(b, ": ");
	arena_puts(b, modes[k->mode]);
	arena_puts(b, " \"");
	arena_put(b, text.p, text.n);
	arena_puts(b, "\"");
	if (t == NULL && k->count > 1)
		arena_putf(b, " and %d more", k->count - 1);
	arena_puts(b, "\n");
}

static bool
condition_holds(const struct rule *rule, const struct condition *k, const struct document *d,
    const struct kind_text *text, unsigned found, bool *limit, struct arena_buf *trace)
{
	bool holds = k->mode != CONDITION_ANY;

	for (int i = 0; i < k->count; i++) {
		int answer = test_holds(&k->tests[i], d, text, k->where, found);

		if (answer < 0)
			*limit = true;
		if (k->mode == CONDITION_ANY && answer == 1)
			return true;
		if ((k->mode == CONDITION_ALL && answer != 1) ||
		    (k->mode == CONDITION_NONE && answer == 1)) {
			trace_put(trace, rule, k, &k->tests[i]);
			return false;
		}
	}
	if (!holds)
		trace_put(trace, rule, k, NULL);
	return holds;
}

bool
kind_fits(const struct rule *rule, const struct document *d, const struct kind_text *text,
    unsigned found, bool *limit, struct arena_buf *trace)
{
	for (int i = 0; i < rule->count; i++)
		if (!condition_holds(rule, &rule->conditions[i], d, text, found, limit, trace))
			return false;
	return true;
}

int
kind_language(const struct rules *r, const struct kind_text *text, const int label_votes[LANGUAGES])
{
	int best = -1, most = 0;

	for (int l = 0; l < LANGUAGES; l++) {
		int votes = label_votes[l];

		for (int i = 0; i < r->language_count[l]; i++)
			votes += text->hits[r->language_words[l][i]] != 0;
		if (votes > most) {
			most = votes;
			best = l;
		} else if (votes == most)
			best = -1;
	}
	return most > 0 ? best : -1;
}
