/*
 * The names that cross from the children to the parent: fields, kinds, reasons. They stand apart from
 * the rules themselves so that the parent can check an answer without linking PCRE2.
 */
#include <string.h>

#include "rules/extract.h"

static const char *const kind_names[RULE_KINDS] = {
	[RULE_NONE] = "",
	[RULE_APPROVAL] = "approval",
	[RULE_TEST_UNIT] = "test-unit",
	[RULE_DECLINED] = "declined",
	[RULE_NEEDS_INFORMATION] = "needs-information",
	[RULE_RECEIVED] = "received",
	[RULE_DEACTIVATED] = "deactivated",
	[RULE_OTHER] = "other",
};

static const char *const field_names[FIELDS] = {
	[FIELD_ORG_NUMBER] = "org_number",
	[FIELD_MERCHANT_NAME] = "merchant_name",
	[FIELD_MSN] = "msn",
	[FIELD_SALES_UNIT_NAME] = "sales_unit_name",
};

/* Every reason there is, whoever gives it: approvals-rules(5) lists them in this order. */
static const struct reason known[] = {
	/* who sent it: the prover and the pass */
	{ "from-missing",		true,	-1 },
	{ "from-duplicate",		true,	-1 },
	{ "from-several",		true,	-1 },
	{ "from-group",			true,	-1 },
	{ "from-route",			true,	-1 },
	{ "from-encoded",		true,	-1 },
	{ "from-international",		true,	-1 },
	{ "from-ambiguous",		true,	-1 },
	{ "header-malformed",		true,	-1 },
	{ "sender-not-configured",	true,	-1 },
	{ "sender-look-alike",		true,	-1 },
	{ "sender-elsewhere",		true,	-1 },
	{ "sender-address",		true,	-1 },
	{ "authentication-missing",	true,	-1 },
	{ "authentication-unreadable",	true,	-1 },
	{ "authentication-failed",	true,	-1 },
	{ "dkim-unresolved",		true,	-1 },
	{ "dkim-broken",		false,	-1 },
	{ "dkim-length",		false,	-1 },
	{ "dkim-algorithm",		false,	-1 },
	{ "dkim-from-unsigned",		false,	-1 },
	{ "dkim-time",			false,	-1 },
	{ "dkim-key-weak",		false,	-1 },
	{ "dkim-key-revoked",		false,	-1 },
	{ "dkim-key-gone",		false,	-1 },
	{ "forwarded",			true,	-1 },
	{ "forward-unknown",		true,	-1 },
	{ "date-missing",		true,	-1 },
	{ "date-old",			true,	-1 },
	{ "arrival-unknown",		false,	-1 },
	{ "found-in-junk",		false,	-1 },
	{ "reading-changed",		true,	-1 },
	{ "no-longer-read",		false,	-1 },
	{ "name-differs",		false,	-1 },
	/* what stands between its bytes and its text: the reader */
	{ "ambiguous-mime",		true,	-1 },
	{ "truncated",			true,	-1 },
	{ "unknown-charset",		true,	-1 },
	{ "undecodable-text",		true,	-1 },
	{ "control-characters",		true,	-1 },
	{ "bidi-characters",		true,	-1 },
	{ "odd-digits",			true,	-1 },
	{ "hidden-text",		true,	-1 },
	{ "removed-characters",		false,	-1 },
	{ "charset-guessed",		false,	-1 },
	{ "boundary-missing",		false,	-1 },
	/* what the rules found */
	{ "missing-org-number",		true,	-1 },
	{ "missing-merchant-name",	true,	-1 },
	{ "missing-msn",		true,	-1 },
	{ "missing-sales-unit-name",	true,	-1 },
	{ "org-number-form",		true,	-1 },
	{ "check-digit",		true,	-1 },
	{ "scheme-unknown",		true,	-1 },
	{ "msn-form",			true,	-1 },
	{ "value-cut",			true,	-1 },
	{ "conflict",			true,	-1 },
	{ "parts-disagree",		true,	-1 },
	{ "kind-conflict",		true,	-1 },
	{ "pattern-limit",		true,	-1 },
	{ "too-many-claims",		true,	-1 },
};

const char *
field_name(enum field f)
{
	return field_names[f];
}

void
reasons_add(struct reasons *r, const char *code, bool doubt, int field)
{
	for (int i = 0; i < r->count; i++)
		if (r->list[i].field == field && strcmp(r->list[i].code, code) == 0)
			return;
	if (r->count == EXTRACT_MAX_REASONS) {	/* a doubt is never lost: the last one says so */
		r->list[r->count - 1].doubt |= doubt;
		return;
	}
	r->list[r->count++] = (struct reason){code, doubt, (int8_t)field};
}

bool
reasons_doubt(const struct reasons *r)
{
	for (int i = 0; i < r->count; i++)
		if (r->list[i].doubt)
			return true;
	return false;
}

bool
reasons_has(const struct reasons *r, const char *code)
{
	for (int i = 0; i < r->count; i++)
		if (strcmp(r->list[i].code, code) == 0)
			return true;
	return false;
}

const struct reason *
reason_at(int i)
{
	return i >= 0 && (size_t)i < COUNT(known) ? &known[i] : NULL;
}

const struct reason *
reason_known(struct span text)
{
	for (size_t i = 0; i < COUNT(known); i++)
		if (span_is(text, known[i].code))
			return &known[i];
	return NULL;
}

const char *
rule_kind_name(enum rule_kind k)
{
	return kind_names[k];
}

enum rule_kind
rule_kind_of(struct span text)
{
	for (int k = RULE_NONE + 1; k < RULE_KINDS; k++)
		if (span_is(text, kind_names[k]))
			return (enum rule_kind)k;
	return RULE_NONE;
}
