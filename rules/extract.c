#include <string.h>

#include "rules/claims.h"
#include "rules/extract.h"
#include "rules/kind.h"

/* ---- which rule */

struct choice {
	const struct rule	*rule;		/* NULL: none fits */
	struct part_fields	*fields;	/* of each part, with the rule's own labels */
	bool			 limit;
	bool			 has_word, has_name;	/* see kind_text */
};

struct work {
	const struct rules	*rules;
	const struct document	*doc;
	struct arena		*arena;
	struct part_fields	*shared;	/* found by the labels that all rules share */
	struct part_fields	**own;		/* per rule: by its own labels too; NULL: not asked yet */
};

static struct part_fields *
fields_of_parts(const struct work *w, int owner)
{
	struct part_fields *f = arena_array(w->arena, w->doc->count, sizeof(*f));

	for (size_t p = 0; p < w->doc->count; p++)
		fields_find(w->rules, owner, w->doc, p, w->arena, &f[p]);
	return f;
}

static unsigned
fields_mask(const struct work *w, const struct part_fields *f)
{
	unsigned mask = 0;

	for (size_t p = 0; p < w->doc->count; p++)
		for (int i = 0; i < f[p].count; i++)
			mask |= 1u << f[p].list[i].field;
	return mask;
}

/* The first rule that fits, of rules sorted by priority. */
static struct choice
choose(struct work *w, enum names_as names, struct kind_text *text, struct arena_buf *trace)
{
	struct choice	 c = {.fields = w->shared};
	struct kind_text shared = kind_text(w->rules, w->doc, w->shared, names, w->arena);

	*text = shared;
	c.has_word = shared.has_word;
	c.has_name = shared.has_name;
	for (int i = 0; i < w->rules->rule_count; i++) {
		const struct rule	*r = &w->rules->rules[i];
		struct part_fields	*f = w->shared;
		struct kind_text	 t = shared;

		if (c.rule != NULL) {
			if (trace != NULL && trace->n < KIND_MAX_TRACE)
				arena_putf(trace, "%s: %s comes first\n", r->name, c.rule->name);
			continue;
		}
		if (r->owner >= 0) {
			if (w->own[i] == NULL)
				w->own[i] = fields_of_parts(w, r->owner);
			f = w->own[i];
			t = kind_text(w->rules, w->doc, f, names, w->arena);
			c.has_word = c.has_word || t.has_word;
			c.has_name = c.has_name || t.has_name;
		}
		if (!kind_fits(r, w->doc, &t, fields_mask(w, f), &c.limit, trace))
			continue;
		c.rule = r;
		c.fields = f;
		*text = t;
	}
	return c;
}

static bool
is_approval(const struct choice *c)
{
	return c->rule != NULL && c->rule->kind == RULE_APPROVAL;
}

/* One that nobody would have to see. */
static bool
is_plain_approval(const struct choice *c)
{
	return is_approval(c) && !c->rule->hold;
}

/*
 * Does the kind hang on words of a name? A name of one word ("Avslag") also stands in the text. One of
 * several ("not yet") may say something else together with the words around it: what it says by itself
 * ("Not approved Ltd") is its own affair.
 */
static void
names_check(struct work *w, struct choice *c, struct reasons *reasons)
{
	struct kind_text	text;
	struct choice		other, apart;

	if (c->has_word) {
		other = choose(w, NAMES_ALL_GONE, &text, NULL);
		if (is_approval(c) != is_approval(&other)) {
			reasons_add(reasons, "kind-conflict", true, -1);
			if (!is_approval(c))
				*c = other;
		}
	}
	if (!is_approval(c) || !c->has_name)
		return;
	other = choose(w, NAMES_AS_WRITTEN, &text, NULL);
	if (other.rule == NULL || is_plain_approval(&other))
		return;
	apart = choose(w, NAMES_APART, &text, NULL);
	if (apart.rule == c->rule)
		reasons_add(reasons, "kind-conflict", true, -1);
}

/* ---- language and claims */

static void
set_language(const struct work *w, const struct choice *c, const struct kind_text *text,
    struct extraction *x)
{
	unsigned	seen[LANGUAGES] = {0};
	int		votes[LANGUAGES], l = c->rule != NULL ? c->rule->language : -1;

	for (size_t p = 0; p < w->doc->count; p++)
		for (int i = 0; i < c->fields[p].count; i++)
			for (int k = 0; k < LANGUAGES; k++)
				if (c->fields[p].list[i].languages & 1u << k)
					seen[k] |= 1u << c->fields[p].list[i].field;
	for (int k = 0; k < LANGUAGES; k++)
		votes[k] = __builtin_popcount(seen[k]);
	if (l < 0)
		l = kind_language(w->rules, text, votes);
	if (l >= 0)
		memcpy(x->language, language_codes[l], sizeof(x->language));
}

/* Of parts that say the same in other ways, the one that says most. */
static bool
is_best(const struct document *d, const struct part_fields *f, size_t part)
{
	for (size_t p = 0; p < d->count; p++)
		if (p != part && d->parts[p].alternative == d->parts[part].alternative &&
		    (f[p].count > f[part].count || (f[p].count == f[part].count && p < part)))
			return false;
	return true;
}

/*
 * Are the facts in the plain text alone? Mail programs show the HTML, and nobody saw them there; a plain
 * text that only says "see the HTML" is common.
 */
static bool
only_plain(const struct document *d, const struct part_fields *f, size_t p, size_t q)
{
	if (d->parts[p].kind == d->parts[q].kind)
		return false;
	return d->parts[p].kind == DOCUMENT_HTML ? f[p].count == 0 && f[q].count > 0 :
	    f[q].count == 0 && f[p].count > 0;
}

static bool
is_quoted(const struct document *d, const struct finding *f)
{
	return d->parts[f->part].lines[f->line].quote > 0;
}

/* What was done to the lines that a claim's values stand in. */
static void
marks_add(const struct document *d, struct found_claim *claim)
{
	static const struct { unsigned mark; const char *code; bool doubt; } marks[] = {
		{ DOCUMENT_REMOVED, "removed-characters", false }, { DOCUMENT_CONTROL, "control-characters", true },
		{ DOCUMENT_BIDI, "bidi-characters", true }, { DOCUMENT_DIGITS, "odd-digits", true },
		{ DOCUMENT_CUT, "truncated", true },
	};

	for (int f = 0; f < FIELDS; f++) {
		const struct evidence *at = &claim->evidence[f];

		for (size_t i = 0; at->text.p != NULL && i < COUNT(marks); i++)
			if (d->parts[at->part].lines[at->line].marks & marks[i].mark)
				reasons_add(&claim->reasons, marks[i].code, marks[i].doubt, f);
	}
}

static void
make_claims(const struct work *w, const struct part_fields *f, struct extraction *x)
{
	const struct document	*d = w->doc;
	struct finding		*all;
	struct claim_list	 one[DOCUMENT_MAX_PARTS] = {0}, list;
	int			 n = 0, room = 0;
	bool			 full = false;

	for (size_t p = 0; p < d->count; p++)
		room += f[p].count;
	all = arena_array(w->arena, (size_t)room, sizeof(*all));
	for (size_t p = 0; p < d->count; p++) {
		full = full || f[p].full;
		if (f[p].limit)
			reasons_add(&x->reasons, "pattern-limit", true, -1);
		for (int k = 0; k < FIELDS; k++)
			if (f[p].stray & 1u << k)
				reasons_add(&x->reasons, "conflict", true, k);
		if (d->parts[p].alternative > 0) {
			one[p] = claims_make(w->rules, f[p].list, f[p].count, w->arena);
			for (size_t q = 0; q < p; q++)
				if (d->parts[q].alternative == d->parts[p].alternative &&
				    (!claims_agree(&one[q], &one[p]) || only_plain(d, f, q, p)))
					reasons_add(&x->reasons, "parts-disagree", true, -1);
			if (!is_best(d, f, p))
				continue;
		}
		for (int i = 0; i < f[p].count; i++) {
			if (is_quoted(d, &f[p].list[i]))
				reasons_add(&x->reasons, "forwarded", true, -1);
			all[n++] = f[p].list[i];
		}
	}
	list = claims_make(w->rules, all, n, w->arena);
	if (full || list.too_many)
		reasons_add(&x->reasons, "too-many-claims", true, -1);
	if (d->forward)
		reasons_add(&x->reasons, "forwarded", true, -1);
	for (int i = 0; i < list.count; i++)
		marks_add(d, &list.list[i]);
	x->claims = list.list;
	x->count = list.count;
}

static int
check_bounds(const struct document *d, struct err *e)
{
	size_t lines = 0, cells = 0, text = 0;

	if (d->count > DOCUMENT_MAX_PARTS)
		return err_set(e, ERR_REJECT, "document has %zu text parts, more than %d", d->count,
		    DOCUMENT_MAX_PARTS);
	for (size_t p = 0; p < d->count; p++) {
		lines += d->parts[p].count;
		for (size_t i = 0; i < d->parts[p].count; i++) {
			cells += d->parts[p].lines[i].count;
			for (size_t c = 0; c < d->parts[p].lines[i].count; c++)
				text += d->parts[p].lines[i].cells[c].n;
		}
	}
	if (lines > DOCUMENT_MAX_LINES || cells > DOCUMENT_MAX_CELLS || text > DOCUMENT_MAX_TEXT)
		return err_set(e, ERR_REJECT, "document has %zu lines, %zu cells, %zu bytes: too many",
		    lines, cells, text);
	return 0;
}

/* ---- messages that came attached */

static bool
has_facts(const struct work *w)
{
	return (fields_mask(w, w->shared) & (1u << FIELD_ORG_NUMBER | 1u << FIELD_MSN)) != 0;
}

/* Takes what an attached message says; of several, the claims of all approvals. */
static void
attached_take(const struct extraction *one, struct arena *a, struct extraction *x)
{
	struct found_claim *claims = x->claims;

	if (one->kind == RULE_NONE || (x->kind == RULE_APPROVAL && one->kind != RULE_APPROVAL))
		return;
	for (int i = 0; i < one->reasons.count; i++)
		reasons_add(&x->reasons, one->reasons.list[i].code, one->reasons.list[i].doubt, one->reasons.list[i].field);
	reasons_add(&x->reasons, "forwarded", true, -1);
	if (one->kind != RULE_APPROVAL && x->kind != RULE_NONE)
		return;
	x->kind = one->kind;
	x->rule = one->rule;
	memcpy(x->language, one->language, sizeof(x->language));
	if (x->count + one->count > EXTRACT_MAX_CLAIMS) {
		reasons_add(&x->reasons, "too-many-claims", true, -1);
		return;
	}
	x->claims = arena_array(a, (size_t)x->count + (size_t)one->count, sizeof(*claims));
	for (int i = 0; i < x->count; i++)
		x->claims[i] = claims[i];
	for (int i = 0; i < one->count; i++)
		x->claims[x->count++] = one->claims[i];
}

/* A mail that brings others and has no facts of its own says what they say. */
static int
extract_attached(const struct rules *rules, const struct document *d, struct arena *a, struct extraction *x,
    struct err *e)
{
	struct extraction own = *x, one;

	x->kind = RULE_NONE;
	for (size_t i = 0; i < d->attached_count; i++) {
		if (extract(rules, &d->attached[i], a, &one, e) < 0)
			return -1;
		attached_take(&one, a, x);
	}
	x->attached = x->kind != RULE_NONE;
	if (x->kind == RULE_NONE)
		*x = own;
	return 0;
}

int
extract(const struct rules *rules, const struct document *d, struct arena *a, struct extraction *x,
    struct err *e)
{
	struct work		w = {.rules = rules, .doc = d, .arena = a};
	struct arena_buf	trace = {.arena = a};
	struct kind_text	text;
	struct choice		c;

	*x = (struct extraction){.rule = ""};
	if (check_bounds(d, e) < 0)
		return -1;
	w.shared = fields_of_parts(&w, -1);
	w.own = arena_array(a, (size_t)rules->rule_count, sizeof(*w.own));
	c = choose(&w, NAMES_GONE, &text, &trace);
	names_check(&w, &c, &x->reasons);
	if (c.limit)
		reasons_add(&x->reasons, "pattern-limit", true, -1);
	if (c.rule != NULL) {
		x->kind = c.rule->kind;
		x->rule = c.rule->name;
		if (c.rule->hold)
			reasons_add(&x->reasons, "kind-conflict", true, -1);
	}
	set_language(&w, &c, &text, x);
	if (x->kind == RULE_APPROVAL)
		make_claims(&w, c.fields, x);
	x->trace = (struct span){trace.p != NULL ? trace.p : "", trace.n};
	if (d->attached_count > 0 && !has_facts(&w))
		return extract_attached(rules, d, a, x, e);
	return 0;
}
