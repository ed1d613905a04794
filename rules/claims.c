#include <string.h>

#include "rules/claims.h"
#include "rules/value.h"

#define MAX_RECORDS (2 * EXTRACT_MAX_CLAIMS)	/* merchants without units count here too */

struct value {
	const struct finding		*found;
	struct span			 text;		/* normal form, or as written if it has none */
	enum identifier_scheme		 scheme;
	enum identifier_verdict		 verdict;	/* of an organisation number */
	bool				 usable;	/* text may stand in a claim */
};

struct record {
	const struct value	*v[FIND_FIELDS];
	int			 group;
	unsigned		 conflict;		/* bits by field */
};

struct builder {
	const struct rules	*rules;
	struct arena		*arena;
	struct value		*values;
	int			 value_count;
	struct record		*records;
	int			 record_count;
	bool			 too_many;
	enum identifier_scheme	 country, legal;
	unsigned		 conflict;		/* of the mail as a whole */
};

/* ---- values */

/* What the mail says of the country, if it says one thing only. */
static enum identifier_scheme
country_of(const struct rules *r, const struct finding *f, int count)
{
	enum identifier_scheme said = IDENTIFIER_NONE, s;

	for (int i = 0; i < count; i++) {
		if (f[i].field != FIELD_COUNTRY)
			continue;
		s = country_scheme(r, f[i].text);
		if (s == IDENTIFIER_NONE || (said != IDENTIFIER_NONE && s != said))
			return IDENTIFIER_NONE;
		said = s;
	}
	return said;
}

bool
claims_own(const struct rules *r, const struct finding *f)
{
	for (int i = 0; i < r->own_count; i++) {
		struct span		own = r->own_numbers[i];
		size_t			cut = own.n;
		enum identifier_scheme	s, got;
		char			out[IDENTIFIER_TEXT];

		while (own.p[cut - 1] != ':')
			cut--;
		s = identifier_scheme_of(span_take(own, cut - 1));
		if ((f->hint == IDENTIFIER_NONE || f->hint == s) &&
		    identifier_read(f->text, s, &got, out) == IDENTIFIER_OK &&
		    span_is(span_from(own, cut), out))
			return true;
	}
	return false;
}

/* "123456." ends a sentence. */
static struct span
without_stop(struct span s)
{
	while (s.n > 0 && (s.p[s.n - 1] == '.' || s.p[s.n - 1] == ',' || s.p[s.n - 1] == ';'))
		s.n--;
	return span_trim(s);
}

/*
 * Which of the schemes that share a label ("Orgnr" is Norwegian and Swedish, "Organisation number" any) has
 * numbers of this form; NONE if none has. Eight digits are Danish or Finnish: the merchant's legal form may
 * tell, else it is NONE.
 */
static enum identifier_scheme
scheme_of_label(struct span text, unsigned schemes, enum identifier_scheme legal)
{
	enum identifier_scheme	got;
	unsigned		fits = 0;
	char			out[IDENTIFIER_TEXT];

	if (schemes & 1u)
		schemes = (1u << IDENTIFIER_SCHEMES) - 2;
	for (int s = IDENTIFIER_NONE + 1; s < IDENTIFIER_SCHEMES; s++)
		if ((schemes & 1u << s) &&
		    identifier_read(text, (enum identifier_scheme)s, &got, out) != IDENTIFIER_FORM)
			fits |= 1u << s;
	if (fits != 0 && (fits & (fits - 1)) == 0)
		return (enum identifier_scheme)__builtin_ctz(fits);
	return fits & 1u << legal ? legal : IDENTIFIER_NONE;
}

/* The scheme that the legal forms of all merchants' names tell. */
static enum identifier_scheme
legal_of(const struct rules *r, const struct finding *f, int count)
{
	enum identifier_scheme said = IDENTIFIER_NONE, s;

	for (int i = 0; i < count; i++) {
		if (f[i].field != FIELD_MERCHANT_NAME)
			continue;
		s = rules_legal_form(r, f[i].text);
		if (s == IDENTIFIER_NONE || (said != IDENTIFIER_NONE && s != said))
			return IDENTIFIER_NONE;
		said = s;
	}
	return said;
}

static void
value_org(struct builder *b, struct value *v)
{
	enum identifier_scheme	hint = v->found->hint;
	char			out[IDENTIFIER_TEXT];

	if (hint == IDENTIFIER_NONE)
		hint = b->country;
	if (hint == IDENTIFIER_NONE)
		hint = scheme_of_label(without_stop(v->text), v->found->schemes, b->legal);
	v->verdict = identifier_read(without_stop(v->text), hint, &v->scheme, out);
	v->usable = v->verdict == IDENTIFIER_OK || v->verdict == IDENTIFIER_CHECK_DIGIT;
	if (v->usable && b->country != IDENTIFIER_NONE && v->scheme != b->country) {
		v->verdict = IDENTIFIER_FORM;	/* the mail names another country */
		v->usable = false;
	}
	if (v->usable)
		v->text = arena_span(b->arena, span_of(out));
}

/* "54 02 18": no group could be an MSN of its own, so together they are one. */
static bool
is_grouped(struct span s)
{
	size_t group = 0, digits = 0;

	for (size_t i = 0; i <= s.n; i++) {
		if (i < s.n && s.p[i] >= '0' && s.p[i] <= '9') {
			group++;
			digits++;
			continue;
		}
		if (group < 2 || group >= MSN_MIN_DIGITS || (i < s.n && s.p[i] != ' '))
			return false;
		group = 0;
	}
	return digits <= MSN_MAX_DIGITS;
}

/* "#123 456" is 123456. */
static struct span
msn_text(struct builder *b, struct span s)
{
	struct arena_buf out = {.arena = b->arena};

	s = without_stop(s);
	if (s.n == 0 || (value_typed(FIELD_MSN, s, 0) != s.n && !is_grouped(s)))
		return s;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= '0' && s.p[i] <= '9')
			arena_put(&out, &s.p[i], 1);
	return (struct span){out.p, out.n};
}

static void
values_make(struct builder *b, const struct finding *f, int count)
{
	char msn[MSN_MAX_DIGITS + 1];

	b->values = arena_array(b->arena, (size_t)count, sizeof(*b->values));
	for (int i = 0; i < count; i++) {
		struct value *v = &b->values[b->value_count];

		if (f[i].field == FIELD_COUNTRY || (f[i].field == FIELD_ORG_NUMBER && claims_own(b->rules, &f[i])))
			continue;
		*v = (struct value){.found = &f[i], .text = f[i].text, .usable = true};
		if (f[i].field == FIELD_ORG_NUMBER)
			value_org(b, v);
		else if (f[i].field == FIELD_MSN) {
			v->usable = identifier_msn(msn_text(b, v->text), msn);
			if (v->usable)
				v->text = arena_span(b->arena, span_of(msn));
		}
		b->value_count++;
	}
}

static bool
value_same(const struct value *a, const struct value *b)
{
	return a->scheme == b->scheme && span_eq_nocase(a->text, b->text);
}

/* ---- records */

static struct record *
record_add(struct builder *b, int group)
{
	if (b->record_count == MAX_RECORDS) {
		b->too_many = true;
		return NULL;
	}
	b->records[b->record_count].group = group;
	return &b->records[b->record_count++];
}

static struct record *
record_of_group(struct builder *b, int group)
{
	for (int i = b->record_count - 1; i >= 0; i--)
		if (b->records[i].group == group)
			return &b->records[i];
	return record_add(b, group);
}

static void
records_make(struct builder *b)
{
	const struct value	*again[FIND_FIELDS] = {0};	/* said again with the same value */
	struct record		*now = NULL, *r;

	for (int i = 0; i < b->value_count && !b->too_many; i++) {
		const struct value	*v = &b->values[i];
		int			 f = v->found->field;

		if (v->found->group > 0) {
			r = record_of_group(b, v->found->group);
			if (r == NULL)
				return;
			if (r->v[f] == NULL)
				r->v[f] = v;
			else if (!value_same(r->v[f], v))
				r->conflict |= 1u << f;
			continue;
		}
		if (now == NULL && (now = record_add(b, 0)) == NULL)
			return;
		if (now->v[f] == NULL) {
			now->v[f] = v;
			continue;
		}
		if (value_same(now->v[f], v)) {
			if (now->v[FIELD_MSN] != NULL)
				again[f] = v;
			continue;
		}
		if ((now = record_add(b, 0)) == NULL)
			return;
		memcpy(now->v, again, sizeof(again));
		memset(again, 0, sizeof(again));
		now->v[f] = v;
	}
}

static bool
is_unit(const struct record *r)
{
	return r->v[FIELD_MSN] != NULL || (r->group > 0 && r->v[FIELD_SALES_UNIT_NAME] != NULL);
}

/* The only value of a field in the mail; NULL if there is none, or several. */
static const struct value *
only_value(const struct builder *b, int field, bool *several)
{
	const struct value *one = NULL;

	*several = false;
	for (int i = 0; i < b->record_count; i++) {
		const struct value *v = b->records[i].v[field];

		if (v == NULL)
			continue;
		if (one != NULL && !value_same(one, v)) {
			*several = true;
			return NULL;
		}
		if (one == NULL)
			one = v;
	}
	return one;
}

/* Does another record that has this value belong to another merchant, by its number or name (`by`)? */
static bool
is_others(const struct builder *b, const struct record *r, const struct value *one, int field, int by)
{
	for (int i = 0; i < b->record_count && one != NULL && r->v[by] != NULL; i++) {
		const struct record *o = &b->records[i];

		if (o->v[field] == one && o->v[by] != NULL && !value_same(o->v[by], r->v[by]))
			return true;
	}
	return false;
}

/*
 * A merchant given once holds for all units, but not its name for one with another number; a second one
 * outside of any unit could hold for any.
 */
static void
share(struct builder *b, int field)
{
	int			 by = field == FIELD_ORG_NUMBER ? FIELD_MERCHANT_NAME : FIELD_ORG_NUMBER;
	bool			 several;
	const struct value	*one = only_value(b, field, &several);

	for (int i = 0; i < b->record_count; i++) {
		struct record *r = &b->records[i];

		if (r->v[field] == NULL && !is_others(b, r, one, field, by))
			r->v[field] = one;
		if (several && (r->v[field] == NULL || !is_unit(r)))
			b->conflict |= 1u << field;
	}
}

/*
 * Several units in sequence are believed only if each says more than its MSN: "MSN: 1 ... MSN: 2" may as
 * well be one unit and a mistake.
 */
static void
check_units(struct builder *b)
{
	int	units = 0;
	bool	bare = false;

	for (int i = 0; i < b->record_count; i++) {
		const struct record *r = &b->records[i];

		if (!is_unit(r)) {
			if (r->v[FIELD_SALES_UNIT_NAME] != NULL && b->record_count > 1)
				b->conflict |= 1u << FIELD_SALES_UNIT_NAME;
			continue;
		}
		units++;
		bare = bare || (r->group == 0 && r->v[FIELD_SALES_UNIT_NAME] == NULL);
	}
	if (units > 1 && bare)
		b->conflict |= 1u << FIELD_MSN;
}

/* The same MSN twice is one unit said twice, or a contradiction. */
static bool
said_before(struct builder *b, int k)
{
	const struct record *r = &b->records[k];

	for (int i = 0; i < k && r->v[FIELD_MSN] != NULL; i++) {
		struct record *o = &b->records[i];

		if (o->v[FIELD_MSN] == NULL || !value_same(o->v[FIELD_MSN], r->v[FIELD_MSN]))
			continue;
		for (int f = 0; f < FIELDS; f++)
			if (o->v[f] == NULL)
				o->v[f] = r->v[f];
			else if (r->v[f] != NULL && !value_same(o->v[f], r->v[f]))
				b->conflict |= 1u << f;
		return true;
	}
	return false;
}

/* ---- claims */

static struct span
cut_at(struct span s, size_t max)
{
	if (s.n <= max)
		return s;
	s.n = max;
	while (s.n > 0 && ((unsigned char)s.p[s.n] & 0xc0) == 0x80)
		s.n--;
	return s;
}

/* Characters that make a name look like another, should the decoder have let them through. */
static void
check_name(struct span s, int field, struct reasons *reasons)
{
	for (size_t i = 0; i < s.n;) {
		uint32_t r;

		i += span_rune(s.p + i, s.n - i, &r);
		if (r < 0x20 || (r >= 0x7f && r < 0xa0))
			reasons_add(reasons, "control-characters", true, field);
		if ((r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) || r == 0x200e ||
		    r == 0x200f || r == 0x61c)
			reasons_add(reasons, "bidi-characters", true, field);
		if (r == 0xfffd)
			reasons_add(reasons, "undecodable-text", true, field);
	}
}

static void
claim_field(struct found_claim *c, const struct value *v, int f)
{
	static const char *const missing[FIELDS] = {
		[FIELD_ORG_NUMBER] = "missing-org-number",
		[FIELD_MERCHANT_NAME] = "missing-merchant-name",
		[FIELD_MSN] = "missing-msn",
		[FIELD_SALES_UNIT_NAME] = "missing-sales-unit-name",
	};

	if (v == NULL) {	/* the API knows a sales unit's name by its MSN */
		reasons_add(&c->reasons, missing[f], f != FIELD_SALES_UNIT_NAME, f);
		return;
	}
	c->evidence[f] = (struct evidence){v->found->part, v->found->line, v->found->cell,
	    cut_at(v->found->text, EXTRACT_MAX_EVIDENCE)};
	if (v->usable)
		c->value[f] = cut_at(v->text, EXTRACT_MAX_VALUE);
	if (f == FIELD_ORG_NUMBER) {
		c->scheme = v->usable ? v->scheme : IDENTIFIER_NONE;
		if (v->verdict == IDENTIFIER_CHECK_DIGIT)
			reasons_add(&c->reasons, "check-digit", true, f);
		else if (v->verdict == IDENTIFIER_SCHEME)
			reasons_add(&c->reasons, "scheme-unknown", true, f);
		else if (v->verdict == IDENTIFIER_FORM)
			reasons_add(&c->reasons, "org-number-form", true, f);
	} else if (f == FIELD_MSN) {
		if (!v->usable)
			reasons_add(&c->reasons, "msn-form", true, f);
	} else {
		if (v->text.n > EXTRACT_MAX_VALUE)
			reasons_add(&c->reasons, "value-cut", true, f);
		check_name(v->text, f, &c->reasons);
	}
}

static struct found_claim
claim_of(const struct builder *b, const struct record *r)
{
	struct found_claim	c = {0};
	unsigned		conflict = r->conflict | b->conflict;

	for (int f = 0; f < FIELDS; f++) {
		claim_field(&c, r->v[f], f);
		if (conflict & 1u << f)
			reasons_add(&c.reasons, "conflict", true, f);
	}
	return c;
}

struct claim_list
claims_make(const struct rules *rules, const struct finding *f, int count, struct arena *a)
{
	struct builder		b = {.rules = rules, .arena = a, .country = country_of(rules, f, count),
	    .legal = legal_of(rules, f, count)};
	struct claim_list	out = {0};
	const struct record	**chosen = arena_array(a, MAX_RECORDS, sizeof(*chosen));

	b.records = arena_array(a, MAX_RECORDS, sizeof(*b.records));
	values_make(&b, f, count);
	records_make(&b);
	if (b.record_count == 0)
		return out;
	check_units(&b);
	share(&b, FIELD_ORG_NUMBER);
	share(&b, FIELD_MERCHANT_NAME);
	for (int i = 0; i < b.record_count; i++)
		if (is_unit(&b.records[i]) && !said_before(&b, i))
			chosen[out.count++] = &b.records[i];
	if (out.count == 0)
		chosen[out.count++] = &b.records[0];
	out.too_many = b.too_many || out.count > EXTRACT_MAX_CLAIMS;
	if (out.count > EXTRACT_MAX_CLAIMS)
		out.count = EXTRACT_MAX_CLAIMS;
	out.list = arena_array(a, (size_t)out.count, sizeof(*out.list));
	for (int i = 0; i < out.count; i++)
		out.list[i] = claim_of(&b, chosen[i]);
	return out;
}

static const struct found_claim *
same_unit(const struct claim_list *l, const struct found_claim *c, int index)
{
	for (int i = 0; i < l->count; i++)
		if (c->value[FIELD_MSN].p != NULL && l->list[i].value[FIELD_MSN].p != NULL &&
		    span_eq(l->list[i].value[FIELD_MSN], c->value[FIELD_MSN]))
			return &l->list[i];
	return &l->list[index];
}

bool
claims_agree(const struct claim_list *x, const struct claim_list *y)
{
	if (x->count == 0 || y->count == 0)
		return true;
	if (x->count != y->count)
		return false;
	for (int i = 0; i < x->count; i++) {
		const struct found_claim *a = &x->list[i], *b = same_unit(y, a, i);

		for (int f = 0; f < FIELDS; f++)
			if (a->value[f].p != NULL && b->value[f].p != NULL &&
			    !span_eq(a->value[f], b->value[f]))
				return false;
		if (a->value[FIELD_ORG_NUMBER].p != NULL && b->value[FIELD_ORG_NUMBER].p != NULL &&
		    a->scheme != b->scheme)
			return false;
	}
	return true;
}
