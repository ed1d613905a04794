/* What the Management API answers. The first byte says to which question; the rest is the body. */
#include <string.h>

#include "base/json.h"
#include "ingest/reply.h"
#include "tests/fuzz/fuzz.h"

#define NAME_MAX_BYTES	200	/* as ingest/reply.h says */
#define TOKEN_MAX_LIFE_MS 86400000

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void
text_check(const char *s)
{
	fuzz_promise(s == NULL || (strlen(s) <= NAME_MAX_BYTES && span_utf8(span_of(s))), "a text is bounded UTF-8");
}

static void
msn_check(const char *s)
{
	fuzz_promise(s != NULL && strlen(s) >= REPLY_MSN_MIN && strlen(s) <= REPLY_MSN_MAX && span_digits(span_of(s)),
	    "an MSN is 4 to 10 digits");
}

static void
number_check(const char *s)
{
	fuzz_promise(s != NULL && s[strspn(s, "0123456789-")] == '\0', "a number is digits, and a hyphen");
}

/* What is kept is JSON of ours, and has no bank account. */
static void
kept_check(const char *kept)
{
	struct json *j = json_ours(kept);

	fuzz_promise(json_is_object(j) && json_is_null(json_get(j, "damaged")), "what is kept is an object");
	fuzz_promise(strstr(kept, "settlementBankAccount") == NULL || strstr(kept, "\"settlementBankAccount\":") == NULL,
	    "a bank account is not kept");
	json_free(j);
}

static void
unit(struct span body, struct arena *a)
{
	struct sales_unit	u;
	struct err		e;

	if (reply_sales_unit(body, "1234567", a, &u, &e) == 0) {
		msn_check(u.msn);
		text_check(u.name);
		text_check(u.org_scheme);
		number_check(u.org_number);
		kept_check(u.json);
	} else
		fuzz_promise(e.kind == ERR_REJECT && !u.found, "an answer is taken or refused");
}

static void
merchant(struct span body, struct arena *a)
{
	struct merchant	m;
	struct err	e;

	if (reply_merchant(body, "987654325", a, &m, &e) == 0) {
		text_check(m.name);
		text_check(m.status);
		fuzz_promise(m.name != NULL && m.status != NULL, "a merchant has a name and a status");
		fuzz_promise(m.country == NULL || strlen(m.country) == 2, "a country is two letters");
		kept_check(m.json);
	} else
		fuzz_promise(e.kind == ERR_REJECT && !m.found, "an answer is taken or refused");
}

static void
units(struct span body, struct arena *a)
{
	struct unit_list	l;
	struct err		e;

	if (reply_units(body, a, &l, &e) == -1)
		return;
	fuzz_promise((size_t)l.count + (size_t)l.skipped <= body.n, "a list is as long as it was sent");
	for (int i = 0; i < l.count; i++) {
		msn_check(l.units[i].msn);
		text_check(l.units[i].name);
	}
}

static void
orders_check(const struct order_list *l)
{
	for (int i = 0; i < l->count; i++) {
		const struct order *o = &l->orders[i];

		text_check(o->id);
		text_check(o->type);
		text_check(o->product);
		text_check(o->name);
		fuzz_promise(o->status != NULL && o->org_scheme != NULL, "an order has a status and an organisation");
		number_check(o->org_number);
		if (o->msn != NULL)
			msn_check(o->msn);
	}
}

static void
orders(struct span body, struct arena *a)
{
	struct order_list	l;
	struct err		e;

	if (reply_orders(body, a, &l, &e) == 0)
		orders_check(&l);
	if (reply_order(body, "81b83246-5c19-4b94-875b-ea6d1114f099", a, &l, &e) == 0) {
		fuzz_promise(l.count == 1, "one order is one");
		orders_check(&l);
	}
}

static void
token(struct span body, struct arena *a)
{
	const char	*text;
	int64_t		 life_ms;
	struct err	 e;

	if (reply_token(body, INT64_C(1795341000000), a, &text, &life_ms, &e) == -1)
		return;
	fuzz_promise(life_ms > 0 && life_ms <= TOKEN_MAX_LIFE_MS, "a token lives for a while, a day at most");
	for (; *text != '\0'; text++)
		fuzz_promise(*text > 0x20 && *text < 0x7f, "a token can be sent");
}

static void
problem(struct span body, struct arena *a)
{
	const char *const	 secrets[] = {"canary", NULL};
	const char		*words = reply_words(body, secrets, a);
	int64_t			 wait_ms = reply_wait_ms(body, a);

	reply_is_gateways(body);
	fuzz_promise(wait_ms >= -1 && wait_ms < INT64_C(1000000000), "a wait is bounded");
	if (words == NULL)
		return;
	fuzz_promise(strlen(words) <= REPLY_MAX_WORDS && span_utf8(span_of(words)) && strstr(words, "canary") == NULL,
	    "words are short, UTF-8 and no secret");
	for (; *words != '\0'; words++)
		fuzz_promise((unsigned char)*words >= 0x20 && *words != 0x7f, "words are of one line");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const known[])(struct span, struct arena *) = {unit, merchant, units, orders, token, problem};
	struct arena	 a = {0};

	if (size > 0)
		known[data[0] % COUNT(known)]((struct span){(const char *)data + 1, size - 1}, &a);
	arena_free(&a);
	return 0;
}
