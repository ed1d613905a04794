#include <string.h>

#include "rules/rule.h"
#include "rules/ruleset.h"

void
rules_file_done(struct rules *r, const char *path, struct arena *a)
{
	struct rules_file f = {path, r->rule_count, r->phrase_count, r->label_count, r->pattern_count};
	struct rules_file *more = arena_array(a, (size_t)r->file_count + 1, sizeof(*more));

	if (r->file_count > 0)
		memcpy(more, r->files, (size_t)r->file_count * sizeof(*more));
	r->files = more;
	r->files[r->file_count++] = f;
}

/* ---- rules that can never win */

static bool
test_same(const struct test *a, const struct test *b)
{
	if (a->type != b->type || a->id != b->id)
		return false;
	return a->type != TEST_PATTERN || strcmp(a->text, b->text) == 0;
}

static bool
condition_has(const struct condition *k, const struct test *t)
{
	for (int i = 0; i < k->count; i++)
		if (test_same(&k->tests[i], t))
			return true;
	return false;
}

static bool
has_all(const struct condition *k, const struct condition *of)
{
	for (int i = 0; i < of->count; i++)
		if (!condition_has(k, &of->tests[i]))
			return false;
	return true;
}

/* Whenever `k` holds, so does `then`. False where that is not plain to see. */
static bool
condition_implies(const struct condition *k, const struct condition *then)
{
	bool within = (k->where & ~then->where) == 0;

	switch (then->mode) {
	case CONDITION_ANY:
		if (k->mode == CONDITION_ANY)
			return within && has_all(then, k);
		for (int i = 0; k->mode == CONDITION_ALL && within && i < k->count; i++)
			if (condition_has(then, &k->tests[i]))
				return true;
		return false;
	case CONDITION_ALL:
		return k->mode == CONDITION_ALL && within && has_all(k, then);
	case CONDITION_NONE:
		return k->mode == CONDITION_NONE && (then->where & ~k->where) == 0 && has_all(k, then);
	}
	return false;
}

/* Labels of its own change what a rule sees: then nothing is plain. */
static bool
rule_implies(const struct rule *r, const struct rule *then)
{
	if (r->owner >= 0 || then->owner >= 0)
		return false;
	for (int i = 0; i < then->count; i++) {
		int k = 0;

		while (k < r->count && !condition_implies(&r->conditions[k], &then->conditions[i]))
			k++;
		if (k == r->count)
			return false;
	}
	return true;
}

static void
put_unreachable(const struct rules *r, struct arena_buf *b)
{
	for (int i = 1; i < r->rule_count; i++)
		for (int k = 0; k < i; k++)
			if (r->rules[i].count > 0 && rule_implies(&r->rules[i], &r->rules[k])) {
				arena_putf(b, "%s: remark: rule %s can never win: %s comes first and fits all that it fits\n",
				    r->rules[i].conditions[0].mark, r->rules[i].name, r->rules[k].name);
				break;
			}
}

const char *
rules_summary(const struct rules *r, struct arena *a)
{
	struct arena_buf	b = {.arena = a};
	struct rules_file	before = {0};

	arena_puts(&b, "");
	for (int i = 0; i < r->file_count; i++) {
		const struct rules_file *f = &r->files[i];

		arena_putf(&b, "%s: ok: %d rules, %d phrases, %d labels, %d patterns\n", f->path, f->rules - before.rules,
		    f->phrases - before.phrases, f->labels - before.labels, f->patterns - before.patterns);
		before = *f;
	}
	put_unreachable(r, &b);
	return b.p;
}
