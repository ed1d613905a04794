#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "rules/compile.h"
#include "rules/fold.h"

const char language_codes[LANGUAGES][3] = {"no", "nn", "da", "sv", "fi", "en"};

uint32_t
rules_word_hash(const char *p, size_t n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)p[i]) * 16777619u;
	return h;
}

/* ---- words */

/* "konto*" is how a word may begin, "*konto" how it may end, "*konto*" what it may hold. */
static enum phrase_form
phrase_form(const char *text)
{
	bool begins = text[0] != '*', ends = text[strlen(text) - 1] != '*';

	return begins ? (ends ? PHRASE_WORDS : PHRASE_BEGINS) : ends ? PHRASE_ENDS : PHRASE_WITHIN;
}

static int
phrase_id(struct compile *c, struct conf_node *n)
{
	struct rules		*r = c->r;
	enum phrase_form	 form;
	struct span		 text;
	uint32_t		 hash;

	if (!compile_fold(c, n, &text))
		return -1;
	form = phrase_form(conf_scalar(n, NULL));
	if (form != PHRASE_WORDS && span_find(text, SPAN_LIT(" "), 0) >= 0) {
		conf_wrong(conf_of(n), n, "is more than one word: only one may have a *");
		return -1;
	}
	hash = rules_word_hash(text.p, text.n);
	for (int i = 0; i < r->phrase_count; i++)
		if (c->phrase_hashes[i] == hash && r->forms[i] == form && span_eq(r->phrases[i], text))
			return i;
	if (r->phrase_count == RULES_MAX_PHRASES) {
		conf_wrong(conf_of(n), n, "is one phrase too many (%d)", RULES_MAX_PHRASES);
		return -1;
	}
	r->phrases = compile_grow(c->arena, r->phrases, r->phrase_count, sizeof(*r->phrases));
	r->forms = compile_grow(c->arena, r->forms, r->phrase_count, sizeof(*r->forms));
	c->phrase_hashes = compile_grow(c->arena, c->phrase_hashes, r->phrase_count, sizeof(*c->phrase_hashes));
	c->phrase_hashes[r->phrase_count] = hash;
	r->phrases[r->phrase_count] = text;
	r->forms[r->phrase_count] = form;
	if (form != PHRASE_WORDS) {
		r->stems = compile_grow(c->arena, r->stems, r->stem_count, sizeof(*r->stems));
		r->stems[r->stem_count++] = r->phrase_count;
	}
	return r->phrase_count++;
}

/* A list of phrases is added to ids. */
static void
phrase_list(struct compile *c, struct conf_node *list, int **ids, int *count)
{
	for (int i = 0; i < conf_count(list); i++) {
		int id = phrase_id(c, conf_item(list, i));

		if (id < 0)
			continue;
		*ids = compile_grow(c->arena, *ids, *count, sizeof(**ids));
		(*ids)[(*count)++] = id;
	}
}

static void
read_screen(struct compile *c, struct conf_node *root)
{
	struct conf_node	*n = conf_get(root, "screen");
	struct rules		*r = c->r;

	for (int i = 0; i < conf_count(n); i++) {
		struct span text;

		if (!compile_fold(c, conf_item(n, i), &text))
			continue;
		r->screen = compile_grow(c->arena, r->screen, r->screen_count, sizeof(*r->screen));
		r->screen[r->screen_count++] = text;
	}
}

static void
read_languages(struct compile *c, struct conf_node *root)
{
	struct conf_node	*n = conf_section(root, "languages", CONF_OPTIONAL), *list = NULL;
	const char		*code;

	for (int i = 0; n != NULL && (code = conf_key(n, i, &list)) != NULL; i++) {
		int l = compile_language_of(code);

		if (l < 0)
			conf_wrong(conf_of(n), list, "%s is no language: no, nn, da, sv, fi or en", code);
		else
			phrase_list(c, list, &c->r->language_words[l], &c->r->language_count[l]);
	}
}

static struct set *
set_find(struct compile *c, const char *name)
{
	for (int i = 0; i < c->set_count; i++)
		if (strcmp(c->sets[i].name, name) == 0)
			return &c->sets[i];
	return NULL;
}

/* A later file may add to a list of an earlier one. */
static void
read_phrases(struct compile *c, struct conf_node *root)
{
	struct conf_node	*n = conf_section(root, "phrases", CONF_OPTIONAL), *value = NULL, *list;
	const char		*name;

	for (int i = 0; n != NULL && (name = conf_key(n, i, &value)) != NULL; i++) {
		struct set *s = set_find(c, name);

		if (s == NULL) {
			c->sets = compile_grow(c->arena, c->sets, c->set_count, sizeof(*c->sets));
			s = &c->sets[c->set_count++];
			*s = (struct set){.name = name};
		}
		if (!conf_is_map(value)) {
			phrase_list(c, value, &s->ids, &s->count);
			continue;
		}
		for (int l = 0; l < LANGUAGES; l++)
			if ((list = conf_get(value, language_codes[l])) != NULL)
				phrase_list(c, list, &s->ids, &s->count);
		conf_done(value);
	}
}

/* ---- labels and patterns of fields */

static struct pattern *
pattern_read(struct compile *c, struct conf_node *n)
{
	struct pattern	*p = NULL;
	struct err	 e;
	const char	*text = conf_scalar(n, NULL);

	if (text == NULL)
		conf_wrong(conf_of(n), n, "must be a pattern");
	else if (pattern_open(span_of(text), &p, &e) < 0)
		conf_wrong(conf_of(n), n, "%s", e.msg);
	if (p == NULL)
		return NULL;
	c->r->opened = compile_grow(c->arena, c->r->opened, c->r->opened_count, sizeof(*c->r->opened));
	c->r->opened[c->r->opened_count++] = p;
	return p;
}

/* A group that is no field would be dropped in silence. */
static void
check_groups(struct conf_node *at, const struct pattern *p)
{
	const char *name;

	for (int i = 0; (name = pattern_name(p, i)) != NULL; i++) {
		int f = 0;

		while (f < FIELDS && strcmp(name, field_name((enum field)f)) != 0)
			f++;
		if (f == FIELDS)
			conf_wrong(conf_of(at), at, "(?<%s>...) is no field: org_number, merchant_name, msn or "
			    "sales_unit_name", name);
	}
}

static void
read_field_pattern(struct compile *c, struct conf_node *n, int owner)
{
	struct field_pattern	 p = {.owner = owner};
	struct conf_node	*text;
	const char		*scheme = conf_text(n, "scheme", NULL, CONF_OPTIONAL);
	int			 language = compile_language(n), groups = 0;

	if (language >= 0)
		p.languages = 1u << language;
	if (scheme != NULL)
		p.scheme = compile_scheme(conf_get(n, "scheme"), scheme);
	text = conf_get(n, "pattern");
	p.pattern = pattern_read(c, text != NULL ? text : n);
	conf_done(n);
	if (p.pattern == NULL)
		return;
	check_groups(text, p.pattern);
	for (int f = 0; f < FIELDS; f++) {
		p.group[f] = pattern_group(p.pattern, field_name((enum field)f));
		groups += p.group[f] >= 0;
	}
	if (groups == 0 && pattern_name(p.pattern, 0) == NULL)
		conf_wrong(conf_of(n), text, "names no field: (?<org_number>...), (?<merchant_name>...), "
		    "(?<msn>...) or (?<sales_unit_name>...)");
	c->r->patterns = compile_grow(c->arena, c->r->patterns, c->r->pattern_count, sizeof(p));
	c->r->patterns[c->r->pattern_count++] = p;
}

static void
read_patterns(struct compile *c, struct conf_node *map, int owner)
{
	struct conf_node *n = conf_get(map, "patterns");

	for (int i = 0; i < conf_count(n); i++)
		if (conf_is_map(conf_item(n, i)))
			read_field_pattern(c, conf_item(n, i), owner);
		else
			conf_wrong(conf_of(n), conf_item(n, i), "must be a mapping with a pattern");
}

/* ---- rules */

static void
test_add(struct compile *c, struct condition *k, struct test t)
{
	k->tests = compile_grow(c->arena, k->tests, k->count, sizeof(*k->tests));
	k->tests[k->count++] = t;
}

static int
field_of(const char *name)
{
	for (int f = 0; f < FIELDS; f++)
		if (strcmp(name, field_name((enum field)f)) == 0)
			return f;
	return -1;
}

/* ---- tests of sentences */

/* A bit of its own; an error is kept if there are no more. */
static uint64_t
bit_new(struct compile *c, struct conf_node *at)
{
	if (c->bits_used == 0)
		c->bits_used = SENTENCE_FIRST_BIT;
	if (c->bits_used == SENTENCE_MAX_BITS) {
		conf_wrong(conf_of(at), at, "is one test of sentences too many (%d)", SENTENCE_MAX_BITS);
		return 0;
	}
	return (uint64_t)1 << c->bits_used++;
}

static void
phrase_bit_put(struct compile *c, int id, uint64_t bit)
{
	c->bits = compile_grow(c->arena, c->bits, c->bit_count, sizeof(*c->bits));
	c->bits[c->bit_count++] = (struct phrase_bit){id, bit};
}

/* The bit of a named list; 0 after an error. */
static uint64_t
set_bit(struct compile *c, struct conf_node *at, const char *name)
{
	struct set *s = set_find(c, name);

	if (s == NULL) {
		conf_wrong(conf_of(at), at, "no phrases of the name %s", name);
		return 0;
	}
	if (s->bit != 0)
		return s->bit;
	s->bit = bit_new(c, at);
	for (int i = 0; i < s->count; i++)
		phrase_bit_put(c, s->ids[i], s->bit);
	return s->bit;
}

static uint64_t
pair_bit(struct compile *c, struct conf_node *at, struct sentence_pair p)
{
	struct rules *r = c->r;

	for (int i = 0; i < r->pair_count; i++) {
		struct sentence_pair *old = &r->pairs[i];

		if (old->list == p.list && old->before == p.before && old->after == p.after && old->then == p.then)
			return old->bit;
	}
	if (p.list == 0 || r->pair_count == SENTENCE_MAX_BITS)
		return 0;
	p.bit = bit_new(c, at);
	r->pairs[r->pair_count++] = p;
	return p.bit;
}

static uint64_t
named_bit(struct compile *c, struct conf_node *n, const char *key)
{
	const char *name = conf_text(n, key, NULL, CONF_OPTIONAL);

	return name != NULL ? set_bit(c, n, name) : 0;
}

/* PHRASE, {phrases: NAME, before: NAME, after: NAME, then: NAME}, or {is: question|past-year} */
static uint64_t
read_sentence_test(struct compile *c, struct conf_node *n)
{
	struct sentence_pair	p = {0};
	uint64_t		bit, then;
	int			id, is;

	if (!conf_is_map(n)) {
		if ((id = phrase_id(c, n)) < 0 || (bit = bit_new(c, n)) == 0)
			return 0;
		phrase_bit_put(c, id, bit);
		return bit;
	}
	is = conf_word(n, "is", "question past-year", -1);
	p.list = named_bit(c, n, "phrases");
	p.before = named_bit(c, n, "before");
	p.after = named_bit(c, n, "after");
	then = named_bit(c, n, "then");
	conf_done(n);
	if ((p.list != 0) + (is >= 0) != 1 || (is >= 0 && (p.before | p.after | then) != 0)) {
		conf_wrong(conf_of(n), n, "must have phrases (with before, after, then), or is");
		return 0;
	}
	if (is >= 0)
		return is == 0 ? SENTENCE_QUESTION : SENTENCE_PAST_YEAR;
	bit = (p.before | p.after) != 0 ? pair_bit(c, n, p) : p.list;
	return then != 0 ? pair_bit(c, n, (struct sentence_pair){.list = bit, .then = then}) : bit;
}

static uint64_t
read_sentence_tests(struct compile *c, struct conf_node *list)
{
	uint64_t bits = 0;

	for (int i = 0; i < conf_count(list); i++)
		bits |= read_sentence_test(c, conf_item(list, i));
	return bits;
}

static int
sentence_find(const struct rules *r, const char *name)
{
	for (int i = 0; i < r->sentence_count; i++)
		if (strcmp(r->sentences[i].name, name) == 0)
			return i;
	return -1;
}

/* {any: [...], all: [...], none: [...], pattern: RE} */
static void
read_sentence(struct compile *c, struct conf_node *n, const char *name)
{
	struct rules		*r = c->r;
	struct conf_node	*pattern = conf_get(n, "pattern");
	struct sentence		*s;

	if (r->sentence_count == SENTENCE_MAX) {
		conf_wrong(conf_of(n), n, "is one sentence too many (%d)", SENTENCE_MAX);
		return;
	}
	if (sentence_find(r, name) >= 0)
		conf_wrong(conf_of(n), n, "there is a sentence %s already", name);
	s = &r->sentences[r->sentence_count++];
	s->name = name;
	s->any = read_sentence_tests(c, conf_get(n, "any"));
	s->all = read_sentence_tests(c, conf_get(n, "all"));
	s->none = read_sentence_tests(c, conf_get(n, "none"));
	s->pattern = pattern != NULL ? pattern_read(c, pattern) : NULL;
	conf_done(n);
	if (s->any == 0 && s->all == 0 && s->pattern == NULL)
		conf_wrong(conf_of(n), n, "would be every sentence: it needs any, all or pattern");
}

static void
read_sentences(struct compile *c, struct conf_node *root)
{
	struct conf_node	*n = conf_section(root, "sentences", CONF_OPTIONAL), *value = NULL;
	const char		*name;

	for (int i = 0; n != NULL && (name = conf_key(n, i, &value)) != NULL; i++)
		if (conf_is_map(value))
			read_sentence(c, value, name);
		else
			conf_wrong(conf_of(n), value, "must be a mapping: any, all, none, pattern");
}

/* {sentence: NAME}, {phrases: NAME}, {pattern: RE}, {is: reply|auto-reply|report} or {found: FIELD} */
static void
read_test_map(struct compile *c, struct conf_node *n, struct condition *k)
{
	static const enum test_type	 is[] = {TEST_REPLY, TEST_AUTO_REPLY, TEST_REPORT};
	const char			*name = conf_text(n, "phrases", NULL, CONF_OPTIONAL);
	const char			*found = conf_text(n, "found", NULL, CONF_OPTIONAL);
	struct conf_node		*pattern = conf_get(n, "pattern");
	const char			*sentence = conf_text(n, "sentence", NULL, CONF_OPTIONAL);
	int				 what = conf_word(n, "is", "reply auto-reply report", -1);
	struct set			*s = name != NULL ? set_find(c, name) : NULL;
	struct pattern			*p = pattern != NULL ? pattern_read(c, pattern) : NULL;
	int				 id = sentence != NULL ? sentence_find(c->r, sentence) : -1;

	conf_done(n);
	if ((name != NULL) + (found != NULL) + (pattern != NULL) + (what >= 0) + (sentence != NULL) != 1)
		conf_wrong(conf_of(n), n, "must have one of sentence, phrases, pattern, is, found");
	else if (sentence != NULL && id < 0)
		conf_wrong(conf_of(n), n, "no sentence of the name %s", sentence);
	else if (id >= 0)
		test_add(c, k, (struct test){TEST_SENTENCE, id, NULL, sentence});
	else if (name != NULL && s == NULL)
		conf_wrong(conf_of(n), n, "no phrases of the name %s, in this file or one before it", name);
	else if (s != NULL)
		for (int i = 0; i < s->count; i++)
			test_add(c, k, (struct test){TEST_PHRASE, s->ids[i], NULL,
			    c->r->phrases[s->ids[i]].p});
	else if (p != NULL)
		test_add(c, k, (struct test){TEST_PATTERN, 0, p, conf_scalar(pattern, NULL)});
	else if (what >= 0)
		test_add(c, k, (struct test){is[what], 0, NULL, conf_text(n, "is", "", CONF_OPTIONAL)});
	else if (found != NULL && field_of(found) < 0)
		conf_wrong(conf_of(n), n, "%s is no field", found);
	else if (found != NULL)
		test_add(c, k, (struct test){TEST_FOUND, field_of(found), NULL, found});
}

static void
read_condition(struct compile *c, struct conf_node *n, struct condition *k)
{
	static const char *const	 modes[] = {"any", "all", "none"};
	static const unsigned		 where[] = {IN_SUBJECT, IN_BODY, IN_FROM, IN_SUBJECT | IN_BODY};
	struct conf_node		*list = NULL;
	int				 given = 0;

	k->mark = conf_mark(n);
	k->where = where[conf_word(n, "in", "subject body from text", 3)];
	for (int m = 0; m < 3; m++) {
		struct conf_node *value = conf_get(n, modes[m]);

		if (value == NULL)
			continue;
		list = value;
		k->mode = (enum condition_mode)m;
		given++;
	}
	conf_done(n);
	if (given != 1)
		conf_wrong(conf_of(n), n, "must have one of any, all, none");
	for (int i = 0; i < conf_count(list); i++) {
		struct conf_node	*item = conf_item(list, i);
		int			 id;

		if (conf_is_map(item))
			read_test_map(c, item, k);
		else if ((id = phrase_id(c, item)) >= 0)
			test_add(c, k, (struct test){TEST_PHRASE, id, NULL, conf_scalar(item, NULL)});
	}
	if (given == 1 && k->count == 0)
		conf_wrong(conf_of(n), n, "has nothing to look for");
}

static void
read_conditions(struct compile *c, struct conf_node *n, struct rule *rule)
{
	struct conf_node *when = conf_get(n, "when");

	if (when == NULL)
		conf_wrong(conf_of(n), n, "has no when: it would fit every mail");
	rule->conditions = arena_array(c->arena, (size_t)conf_count(when), sizeof(*rule->conditions));
	for (int i = 0; i < conf_count(when); i++)
		if (conf_is_map(conf_item(when, i)))
			read_condition(c, conf_item(when, i), &rule->conditions[rule->count++]);
		else
			conf_wrong(conf_of(n), conf_item(when, i), "must be a mapping: any, all or none");
}

static void
read_rule(struct compile *c, struct conf_node *n)
{
	struct rules		*r = c->r;
	struct rule		 rule = {.owner = -1};
	struct conf_node	*name = conf_get(n, "name");
	int			 labels = r->label_count, patterns = r->pattern_count, kind;

	rule.name = conf_text(n, "name", "", CONF_REQUIRED);
	for (int i = 0; i < r->rule_count; i++)
		if (strcmp(r->rules[i].name, rule.name) == 0)
			conf_wrong(conf_of(n), name, "there is a rule %s already", rule.name);
	kind = conf_word(n, "kind",
	    "approval test-unit declined needs-information received deactivated other", -1);
	if (kind < 0 && conf_get(n, "kind") == NULL)
		conf_wrong(conf_of(n), n, "has no kind");
	rule.kind = (enum rule_kind)(kind + 1);
	rule.priority = conf_int(n, "priority", 0, 0, 1000);
	rule.language = compile_language(n);
	rule.hold = conf_bool(n, "hold", false);
	read_conditions(c, n, &rule);
	compile_labels(c, n, r->rule_count);
	read_patterns(c, n, r->rule_count);
	if (r->label_count > labels || r->pattern_count > patterns)
		rule.owner = r->rule_count;
	conf_done(n);
	if (r->rule_count == RULES_MAX_RULES) {
		conf_wrong(conf_of(n), n, "is one rule too many (%d)", RULES_MAX_RULES);
		return;
	}
	r->rules = compile_grow(c->arena, r->rules, r->rule_count, sizeof(*r->rules));
	r->rules[r->rule_count++] = rule;
}

static void
read_file(struct compile *c, struct conf_node *root)
{
	struct conf_node *n;

	read_screen(c, root);
	read_languages(c, root);
	read_phrases(c, root);
	read_sentences(c, root);
	compile_labels(c, root, -1);
	read_patterns(c, root, -1);
	compile_words(c, root);
	n = conf_get(root, "rules");
	for (int i = 0; i < conf_count(n); i++)
		if (conf_is_map(conf_item(n, i)))
			read_rule(c, conf_item(n, i));
		else
			conf_wrong(conf_of(n), conf_item(n, i), "must be a mapping");
	conf_done(root);
}

/* ---- tables */

static int
phrase_order(const void *a, const void *b, void *arg)
{
	const struct rules *r = arg;

	return compile_order(r->phrases[*(const int *)a], r->phrases[*(const int *)b]);
}

/* Higher priority first; the order of the files decides between equals. */
static void
rules_sort(struct rules *r)
{
	for (int i = 1; i < r->rule_count; i++) {
		struct rule	x = r->rules[i];
		int		k = i;

		for (; k > 0 && r->rules[k - 1].priority < x.priority; k--)
			r->rules[k] = r->rules[k - 1];
		r->rules[k] = x;
	}
}

static void
slots_fill(struct rules *r, struct arena *a)
{
	uint32_t slots = 16;

	while (slots < 2 * (uint32_t)r->phrase_count)
		slots *= 2;
	r->slots = arena_array(a, slots, sizeof(*r->slots));
	r->slot_mask = slots - 1;
	for (int i = 0; i < r->phrase_count; i++) {
		struct span	text = r->phrases[r->order[i]], word;
		uint32_t	h, at;

		span_cut(&text, ' ', &word);
		h = rules_word_hash(word.p, word.n);
		for (at = h & r->slot_mask; r->slots[at].count > 0 && r->slots[at].hash != h;)
			at = (at + 1) & r->slot_mask;
		if (r->slots[at].count == 0)
			r->slots[at] = (struct phrase_slot){h, i, 0};
		r->slots[at].count = i - r->slots[at].first + 1;
	}
}

static void
tables_make(struct compile *c)
{
	struct rules *r = c->r;

	r->order = arena_array(c->arena, (size_t)r->phrase_count, sizeof(*r->order));
	for (int i = 0; i < r->phrase_count; i++)
		r->order[i] = i;
	if (r->phrase_count > 0)
		qsort_r(r->order, (size_t)r->phrase_count, sizeof(*r->order), phrase_order, r);
	r->phrase_bits = arena_array(c->arena, (size_t)r->phrase_count, sizeof(*r->phrase_bits));
	for (int i = 0; i < c->bit_count; i++)
		r->phrase_bits[c->bits[i].id] |= c->bits[i].bit;
	slots_fill(r, c->arena);
	sentence_stems_make(r, &r->stem_filter);
	compile_sort_labels(r);
	rules_sort(r);
}

/* ---- files */

/* conf_load() has judged the file; this is for rules_hash() alone. */
static int
file_digest(const char *path, struct arena *a, struct digest *d, struct err *e)
{
	FILE	*f = fopen(path, "re");
	char	*text = arena_room(a, CONF_MAX_BYTES);
	size_t	 n;
	int	 rc = 0;

	if (f == NULL)
		return err_what(e, ERR_REJECT, ERR_CONFIG, "%s: %s", path, strerror(errno));
	n = fread(text, 1, CONF_MAX_BYTES, f);
	if (ferror(f))
		rc = err_what(e, ERR_REJECT, ERR_CONFIG, "%s: %s", path, strerror(errno));
	else
		digest_add(d, (struct span){text, n});
	fclose(f);
	return rc;
}

/* All files; what is wrong goes to `errors`, one line each. Returns the number of errors. */
static int
files_read(struct compile *c, const char *const *paths, struct digest *d, struct arena_buf *errors)
{
	int count = 0;

	for (int i = 0; paths[i] != NULL; i++) {
		struct conf	*conf;
		struct err	 e;
		struct arena	 scratch = {0};

		if (conf_load(c->arena, paths[i], &conf, &e) < 0 ||
		    file_digest(paths[i], &scratch, d, &e) < 0) {
			arena_putf(errors, "%s\n", e.msg);
			count++;
		} else {
			read_file(c, conf_root(conf));
			rules_file_done(c->r, paths[i], c->arena);
			for (int k = 0; k < conf_errors(conf); k++)
				arena_putf(errors, "%s\n", conf_error(conf, k));
			count += conf_errors(conf);
		}
		arena_free(&scratch);
	}
	return count;
}

int
rules_open(const char *const *paths, struct arena *a, struct rules **out, const char **errors,
    struct err *e)
{
	struct compile		 c = {.arena = a};
	struct arena_buf	 b = {.arena = a};
	struct digest		*d = digest_open(0);
	uint8_t			 sum[DIGEST_BYTES];
	int			 wrong;

	c.r = arena_alloc(a, sizeof(*c.r));
	wrong = files_read(&c, paths, d, &b);
	digest_close(d, sum);
	*errors = b.p != NULL ? b.p : "";
	if (wrong > 0) {
		rules_close(c.r);
		return err_what(e, ERR_REJECT, ERR_CONFIG, "rules: %d error%s", wrong,
		    wrong == 1 ? "" : "s");
	}
	memcpy(c.r->hash, digest_hex(a, sum, sizeof(sum)), DIGEST_HEX + 1);
	tables_make(&c);
	*out = c.r;
	return 0;
}

void
rules_close(struct rules *r)
{
	for (int i = 0; r != NULL && i < r->opened_count; i++)
		pattern_close(r->opened[i]);
}

/* A word may stand inside another here ("MobilePay-avtale", "Vippsavtale"): when in doubt, read it. */
bool
rules_screen(const struct rules *r, struct span subject)
{
	struct arena	a = {0};
	struct span	text = fold(&a, subject);
	bool		hit = false;

	for (int i = 0; i < r->screen_count && !hit; i++)
		hit = span_find(text, r->screen[i], 0) >= 0;
	arena_free(&a);
	return hit;
}

const char *
rules_hash(const struct rules *r)
{
	return r->hash;
}
