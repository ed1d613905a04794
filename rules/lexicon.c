#include <stdlib.h>
#include <string.h>

#include "rules/compile.h"
#include "rules/fold.h"

#define COUNTRY_MAX 40	/* bytes of a country's name */
#define OWN_MAX	60	/* bytes of the vendor's name at the start of a line */

/* ---- shared with rule.c */

void *
compile_grow(struct arena *a, void *old, int n, size_t size)
{
	void *more;

	if (n != 0 && (n < 8 || (n & (n - 1)) != 0))
		return old;
	more = arena_array(a, n == 0 ? 8 : 2 * (size_t)n, size);
	if (n > 0)
		memcpy(more, old, (size_t)n * size);
	return more;
}

int
compile_order(struct span a, struct span b)
{
	size_t	n = a.n < b.n ? a.n : b.n;
	int	c = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

bool
compile_fold(struct compile *c, struct conf_node *n, struct span *out)
{
	const char *text = conf_scalar(n, NULL);

	if (text == NULL) {
		conf_wrong(conf_of(n), n, "must be a text");
		return false;
	}
	*out = fold(c->arena, span_of(text));
	if (out->n == 0)
		conf_wrong(conf_of(n), n, "has no letters or digits");
	return out->n > 0;
}

int
compile_language_of(const char *code)
{
	for (int l = 0; l < LANGUAGES; l++)
		if (strcmp(code, language_codes[l]) == 0)
			return l;
	return -1;
}

int
compile_language(struct conf_node *n)
{
	return conf_word(n, "language", "no nn da sv fi en", -1);
}

enum identifier_scheme
compile_scheme(struct conf_node *n, const char *name)
{
	enum identifier_scheme s = identifier_scheme_of(span_of(name));

	if (s == IDENTIFIER_NONE)
		conf_wrong(conf_of(n), n, "%s is no scheme: business:NO:ORG, business:DK:CVR, "
		    "business:FI:Y-tunnus or business:SE:ORG", name);
	return s;
}

/* ---- labels */

static void
label_add(struct compile *c, struct conf_node *at, struct label l)
{
	struct rules *r = c->r;

	for (int i = 0; i < r->label_count; i++) {
		struct label *old = &r->labels[i];

		if (!span_eq(old->text, l.text) || old->owner != l.owner)
			continue;
		if (old->field > FIELD_COUNTRY && l.field <= FIELD_COUNTRY) {
			*old = l;		/* who calls a part a label means it */
			return;
		}
		if (old->field <= FIELD_COUNTRY && l.field > FIELD_COUNTRY)
			return;
		if (old->field != l.field)
			conf_wrong(conf_of(at), at, "is a label of another field already");
		if (old->scheme != l.scheme)
			old->scheme = IDENTIFIER_NONE;	/* two countries say so: it says one of them */
		old->schemes |= 1u << l.scheme;
		old->languages |= l.languages;
		return;
	}
	if (r->label_count == RULES_MAX_PHRASES) {
		conf_wrong(conf_of(at), at, "is one label too many (%d)", RULES_MAX_PHRASES);
		return;
	}
	r->labels = compile_grow(c->arena, r->labels, r->label_count, sizeof(*r->labels));
	r->labels[r->label_count++] = l;
}

static void
labels_add(struct compile *c, struct conf_node *words, struct label l)
{
	for (int i = 0; i < conf_count(words); i++)
		if (compile_fold(c, conf_item(words, i), &l.text)) {
			char *text = arena_textn(c->arena, l.text.p, l.text.n);

			l.text = (struct span){text, fold_words(text, l.text.n)};
			label_add(c, conf_item(words, i), l);
		}
}

static void
read_label_group(struct compile *c, struct conf_node *n, int field, int owner)
{
	struct label		 l = {.field = field, .owner = owner};
	struct conf_node	*words;
	const char		*scheme = conf_text(n, "scheme", NULL, CONF_OPTIONAL);
	int			 language = compile_language(n);

	if (language >= 0)
		l.languages = 1u << language;
	if (scheme != NULL)
		l.scheme = compile_scheme(conf_get(n, "scheme"), scheme);
	l.schemes = 1u << l.scheme;
	words = conf_get(n, "words");
	if (words == NULL)
		conf_wrong(conf_of(n), n, "has no words");
	labels_add(c, words, l);
	conf_done(n);
}

void
compile_labels(struct compile *c, struct conf_node *map, int owner)
{
	struct conf_node	*n = conf_section(map, "labels", CONF_OPTIONAL), *list;

	for (int f = 0; n != NULL && f < (int)FIND_FIELDS; f++) {
		list = conf_get(n, f == FIELD_COUNTRY ? "country" : field_name((enum field)f));
		for (int i = 0; i < conf_count(list); i++)
			read_label_group(c, conf_item(list, i), f, owner);
	}
	if (n != NULL)
		conf_done(n);
}

/*
 * Words that labels are put together of. Those that no label is made of ("test", "has") stand under an
 * owner of their own, so that they may be labels too.
 */
static void
read_label_parts(struct compile *c, struct conf_node *root)
{
	static const char *const names[] = {"name", "number", "unit", "merchant", "filler", "other", "sentence",
	    "lead"};
	struct conf_node	*n = conf_section(root, "label_parts", CONF_OPTIONAL);

	for (int i = 0; n != NULL && i < (int)COUNT(names); i++) {
		int field = LABEL_NAME + i;

		labels_add(c, conf_get(n, names[i]), (struct label){.field = field, .schemes = 1,
		    .owner = field < LABEL_OTHER ? -1 : -1 - field});
	}
	if (n != NULL)
		conf_done(n);
}

/* ---- other words */

static void
read_own_numbers(struct compile *c, struct conf_node *root)
{
	struct conf_node *n = conf_get(root, "own_numbers");

	for (int i = 0; i < conf_count(n); i++) {
		struct conf_node	*at = conf_item(n, i);
		const char		*text = conf_scalar(at, NULL);
		enum identifier_scheme	 s;
		char			 out[IDENTIFIER_TEXT];

		if (text == NULL ||
		    identifier_read(span_of(text), IDENTIFIER_NONE, &s, out) != IDENTIFIER_OK) {
			conf_wrong(conf_of(n), at,
			    "must be an organisation number with its scheme, as business:DK:CVR:43300946");
			continue;
		}
		c->r->own_numbers = compile_grow(c->arena, c->r->own_numbers, c->r->own_count,
		    sizeof(*c->r->own_numbers));
		c->r->own_numbers[c->r->own_count++] =
		    span_of(arena_printf(c->arena, "%s:%s", identifier_scheme_name(s), out));
	}
}

static void
read_own_names(struct compile *c, struct conf_node *root)
{
	struct conf_node	*n = conf_get(root, "own_names");
	struct rules		*r = c->r;
	struct span		 text;

	for (int i = 0; i < conf_count(n); i++)
		if (compile_fold(c, conf_item(n, i), &text)) {
			r->own_names = compile_grow(c->arena, r->own_names, r->own_name_count, sizeof(text));
			r->own_names[r->own_name_count++] = text;
		}
}

/* A mapping from scheme to words. */
static void
read_scheme_words(struct compile *c, struct conf_node *root, const char *key, struct country **list, int *count)
{
	struct conf_node	*n = conf_section(root, key, CONF_OPTIONAL), *words = NULL;
	struct country		 k;
	const char		*name;

	for (int i = 0; n != NULL && (name = conf_key(n, i, &words)) != NULL; i++) {
		k.scheme = compile_scheme(words != NULL ? words : n, name);
		for (int w = 0; w < conf_count(words); w++)
			if (compile_fold(c, conf_item(words, w), &k.word)) {
				*list = compile_grow(c->arena, *list, *count, sizeof(k));
				(*list)[(*count)++] = k;
			}
	}
}

void
compile_words(struct compile *c, struct conf_node *root)
{
	read_label_parts(c, root);
	read_scheme_words(c, root, "countries", &c->r->countries, &c->r->country_count);
	read_scheme_words(c, root, "legal_forms", &c->r->legal_forms, &c->r->legal_form_count);
	read_own_numbers(c, root);
	read_own_names(c, root);
}

/* ---- looking up */

static int
label_order(const void *a, const void *b)
{
	const struct label	*x = a, *y = b;
	int			 c = compile_order(x->text, y->text);

	return c != 0 ? c : (x->owner > y->owner) - (x->owner < y->owner);
}

static uint32_t
first_bit(struct span word)
{
	return rules_word_hash(word.p, word.n) % RULES_FIRST_BITS;
}

static void
first_word_set(struct rules *r, struct span text)
{
	struct span	word;
	uint32_t	bit;

	span_cut(&text, ' ', &word);
	bit = first_bit(word);
	r->first_words[bit / 64] |= UINT64_C(1) << bit % 64;
}

void
compile_sort_labels(struct rules *r)
{
	if (r->label_count > 0)
		qsort(r->labels, (size_t)r->label_count, sizeof(*r->labels), label_order);
	for (int i = 0; i < r->label_count; i++) {
		first_word_set(r, r->labels[i].text);
		r->label_from[(unsigned char)r->labels[i].text.p[0] + 1] = i + 1;
	}
	for (int c = 1; c <= RULES_BYTES; c++)
		if (r->label_from[c] == 0)
			r->label_from[c] = r->label_from[c - 1];
	for (int i = 0; i < r->country_count; i++)
		first_word_set(r, r->countries[i].word);
}

bool
rules_may_begin(const struct rules *r, struct span word)
{
	uint32_t bit = first_bit(word);

	return r->first_words[bit / 64] >> bit % 64 & 1;
}

/* First label that does not stand before the text. */
static int
label_bound(const struct rules *r, struct span text)
{
	unsigned char	first = text.n > 0 ? (unsigned char)text.p[0] : 0;
	int		lo = r->label_from[first], hi = r->label_from[first + 1];

	while (lo < hi) {
		int mid = lo + (hi - lo) / 2;

		if (compile_order(r->labels[mid].text, text) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct label *
rules_label(const struct rules *r, struct span text, int owner)
{
	const struct label *found = NULL;

	/* A rule's own label stands after the shared one and wins. */
	for (int i = label_bound(r, text); i < r->label_count && span_eq(r->labels[i].text, text); i++)
		if (r->labels[i].owner == -1 || r->labels[i].owner == owner)
			found = &r->labels[i];
	return found;
}

bool
rules_is_part(const struct rules *r, struct span text, int part)
{
	int owner = part < LABEL_OTHER ? -1 : -1 - part;

	for (int i = label_bound(r, text); i < r->label_count && span_eq(r->labels[i].text, text); i++)
		if (r->labels[i].owner == owner && r->labels[i].field == part)
			return true;
	return false;
}

bool
rules_label_begins(const struct rules *r, struct span text, int owner)
{
	for (int i = label_bound(r, text); i < r->label_count; i++) {
		const struct label *l = &r->labels[i];

		if (l->text.n < text.n || memcmp(l->text.p, text.p, text.n) != 0)
			return false;
		if (l->text.n > text.n && l->text.p[text.n] == ' ' &&
		    (l->owner == -1 || l->owner == owner))
			return true;
	}
	return false;
}

enum identifier_scheme
country_scheme(const struct rules *r, struct span text)
{
	char	buf[FOLD_ROOM(COUNTRY_MAX)];
	size_t	n;

	if (text.n > COUNTRY_MAX)
		return IDENTIFIER_NONE;
	n = fold_put(buf, 0, text);
	for (int i = 0; n > 1 && i < r->country_count; i++)
		if (span_eq(r->countries[i].word, (struct span){buf + 1, n - 1}))
			return r->countries[i].scheme;
	return IDENTIFIER_NONE;
}

/* "Fjord ApS": the last words say it. */
enum identifier_scheme
rules_legal_form(const struct rules *r, struct span name)
{
	char			buf[FOLD_ROOM(EXTRACT_MAX_VALUE)];
	size_t			n;
	enum identifier_scheme	said = IDENTIFIER_NONE;

	if (name.n > EXTRACT_MAX_VALUE)
		return IDENTIFIER_NONE;
	n = fold_words(buf, fold_put(buf, 0, name));
	for (int i = 0; i < r->legal_form_count; i++) {
		struct span w = r->legal_forms[i].word;

		if (n <= w.n || buf[n - w.n - 1] != ' ' || memcmp(buf + n - w.n, w.p, w.n) != 0)
			continue;
		if (said != IDENTIFIER_NONE && said != r->legal_forms[i].scheme)
			return IDENTIFIER_NONE;
		said = r->legal_forms[i].scheme;
	}
	return said;
}

/* Does the first word of a text begin as that of one of the vendor's names? Most lines end here. */
static bool
own_name_begins(const struct rules *r, struct span text)
{
	char		buf[FOLD_ROOM(OWN_MAX)];
	size_t		n = fold_words(buf, fold_put(buf, 0, span_take(text, OWN_MAX)));
	struct span	first;

	for (int i = 0; n > 1 && i < r->own_name_count; i++) {
		struct span left = r->own_names[i];

		span_cut(&left, ' ', &first);
		if (n > first.n && memcmp(buf + 1, first.p, first.n) == 0)
			return true;
	}
	return false;
}

/* "Vipps MobilePay AS, Oslo" is a footer; "Vipps MobilePay has approved:" is not. */
bool
rules_own_line(const struct rules *r, struct span text)
{
	char	buf[FOLD_ROOM(OWN_MAX)];
	size_t	best = 0, end, n;
	bool	in_word = false;

	text = span_trim(text);
	if (!own_name_begins(r, text))
		return false;
	for (end = 0; end < text.n && end < OWN_MAX; end++) {
		uint32_t rune;

		if (((unsigned char)text.p[end] & 0xc0) == 0x80)
			continue;
		span_rune(text.p + end, text.n - end, &rune);
		if (fold_is_word(rune) || !in_word) {
			in_word = fold_is_word(rune);
			continue;
		}
		in_word = false;
		n = fold_words(buf, fold_put(buf, 0, span_take(text, end)));
		for (int i = 0; i < r->own_name_count; i++)
			if (n > 1 && span_eq(r->own_names[i], (struct span){buf + 1, n - 1}))
				best = end;
	}
	if (end == text.n) {
		n = fold_words(buf, fold_put(buf, 0, text));
		for (int i = 0; i < r->own_name_count; i++)
			if (n > 1 && span_eq(r->own_names[i], (struct span){buf + 1, n - 1}))
				return true;
	}
	text = span_trim(span_from(text, best));
	return best > 0 && (text.n == 0 || strchr(",.|-(;/", text.p[0]) != NULL ||
	    ((unsigned char)text.p[0] == 0xe2 && text.n > 2) || (unsigned char)text.p[0] == 0xc2);
}
