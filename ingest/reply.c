#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "ingest/reply.h"

#define REPLY_MAX_NAME	200		/* bytes of a name; the API says 50 characters */
#define REPLY_MAX_LINES	10		/* of an address */
#define TOKEN_MAX_BYTES	16384		/* real ones have 1 to 2 KiB */
#define TOKEN_MAX_LIFE_S	86400	/* of a production token; more is not believed */

/* ---- what is kept of an answer: by allow-list, so never a bank account */

/* A text, cut between characters. */
static const char *
text_kept(const struct json *j, struct arena *a)
{
	const char	*s = json_text(j);
	size_t		 n = REPLY_MAX_NAME;

	if (s == NULL || strlen(s) <= n)
		return arena_text(a, s);
	for (; n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80;)
		n--;
	return arena_textn(a, s, n);
}

static void
keep_text(struct json *to, const struct json *from, const char *key, struct arena *a)
{
	json_put_text(to, key, text_kept(json_get(from, key), a));
}

/* The vendor's own sample has a thirteenth month: a bad date is no reason to refuse an answer. */
static void
keep_time(struct json *to, const struct json *from, const char *key)
{
	const char	*s = json_text(json_get(from, key));
	struct err	 e;
	int64_t		 ms;

	if (s == NULL || clock_parse(span_of(s), &ms, &e) == -1)
		ms = 0;
	json_put_time(to, key, ms);
}

static void
keep_identifier(struct json *to, const struct json *from, struct arena *a)
{
	const struct json	*id = json_get(from, "businessIdentifier");
	struct json		*kept = json_object();

	keep_text(kept, id, "scheme", a);
	keep_text(kept, id, "id", a);
	json_put(to, "businessIdentifier", kept);
}

static void
keep_address(struct json *to, const struct json *from, const char *key, struct arena *a)
{
	const struct json	*address = json_get(from, key), *lines = json_get(address, "lines");
	struct json		*kept, *list;

	if (!json_is_object(address)) {
		json_put(to, key, NULL);
		return;
	}
	kept = json_object();
	list = json_array();
	for (int i = 0; i < json_count(lines) && i < REPLY_MAX_LINES; i++)
		if (json_text(json_item(lines, i)) != NULL)
			json_add_text(list, text_kept(json_item(lines, i), a));
	json_put(kept, "lines", list);
	keep_text(kept, address, "postCode", a);
	keep_text(kept, address, "city", a);
	keep_text(kept, address, "countryCode", a);
	json_put(to, key, kept);
}

/* Absent is not false: what was not said is left out here, so that nobody reads null as no. */
static struct json *
configuration_kept(const struct json *from, struct arena *a)
{
	static const char *const members[] = {"paymentAllowed", "captureType",
	    "skipLandingPageAllowed", "recurringAllowed", "partialCaptureAllowed",
	    "lateCaptureAllowed", "landingPagePhoneNumberLocked", "longLivingPaymentAllowed",
	    "creditCardPaymentAllowed"};
	struct json	*kept = json_object();
	bool		 b;

	for (size_t i = 0; i < COUNT(members); i++) {
		const struct json *value = json_get(from, members[i]);

		if (json_bool(value, &b))
			json_put_bool(kept, members[i], b);
		else if (json_text(value) != NULL)
			json_put_text(kept, members[i], text_kept(value, a));
	}
	return kept;
}

/* The guide of 2023 shows objects wrapped in one member; later ones do not. */
static const struct json *
unwrapped(const struct json *answer, const char *wrapper)
{
	const struct json *inner = json_get(answer, wrapper);

	return json_is_object(inner) ? inner : answer;
}

/* Digits only, the Finnish check digit after its hyphen: as claims have it (architecture, Identifiers). */
static const char *
number_normal(const char *scheme, const char *number, struct arena *a)
{
	struct arena_buf b = {.arena = a};

	arena_puts(&b, "");
	for (; *number != '\0'; number++)
		if (*number >= '0' && *number <= '9')
			arena_put(&b, number, 1);
	if (strncmp(scheme, "business:FI:", 12) == 0 && b.n == 8)
		return arena_printf(a, "%.7s-%c", b.p, b.p[7]);
	return b.p;
}

/* As numbers: one sent as a JSON number has lost its leading zeros. */
static bool
same_msn(const char *a, const char *b)
{
	return strcmp(a + strspn(a, "0"), b + strspn(b, "0")) == 0;
}

static int
unit_take(const struct json *j, const char *asked, struct arena *a, struct sales_unit *out,
    struct err *e)
{
	const struct json	*id = json_get(j, "businessIdentifier");
	const char		*scheme = text_kept(json_get(id, "scheme"), a);
	const char		*number = json_text_or_int(json_get(id, "id"), a);
	struct json		*kept;

	out->msn = json_text_or_int(json_get(j, "msn"), a);
	out->name = text_kept(json_get(j, "name"), a);
	if (out->msn == NULL || !same_msn(out->msn, asked))
		return err_set(e, ERR_REJECT,
		    "an answer about another sales unit than the one asked for");
	if (scheme == NULL || number == NULL)
		return err_set(e, ERR_REJECT, "a sales unit without its organisation");
	out->msn = asked;
	out->org_scheme = scheme;
	out->org_number = number_normal(scheme, number, a);
	kept = json_object();
	json_put_text(kept, "msn", asked);
	json_put_text(kept, "name", out->name);
	keep_identifier(kept, j, a);
	json_put(kept, "configuration", configuration_kept(json_get(j, "configuration"), a));
	out->json = json_print(kept, a);
	json_free(kept);
	return 0;
}

static bool
is_country(const char *s)
{
	return s != NULL && strlen(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' &&
	    s[1] <= 'Z';
}

static int
merchant_take(const struct json *j, const char *asked, struct arena *a, struct merchant *out,
    struct err *e)
{
	const struct json	*id = json_get(j, "businessIdentifier");
	const char		*scheme = text_kept(json_get(id, "scheme"), a);
	const char		*number = json_text_or_int(json_get(id, "id"), a);
	struct json		*kept;

	out->name = text_kept(json_get(j, "name"), a);
	out->status = text_kept(json_get(j, "status"), a);
	out->country = text_kept(json_get(j, "countryCode"), a);
	if (scheme == NULL || number == NULL ||
	    strcmp(number_normal(scheme, number, a), asked) != 0)
		return err_set(e, ERR_REJECT,
		    "an answer about another merchant than the one asked for");
	if (out->name == NULL || out->status == NULL)
		return err_set(e, ERR_REJECT, "a merchant without a name or a status");
	if (!is_country(out->country))
		out->country = NULL;
	kept = json_object();
	keep_identifier(kept, j, a);
	json_put_text(kept, "name", out->name);
	json_put_text(kept, "status", out->status);
	json_put_text(kept, "countryCode", out->country);
	keep_time(kept, j, "createdAt");
	keep_time(kept, j, "updatedAt");
	keep_address(kept, j, "businessAddress", a);
	keep_address(kept, j, "businessPostAddress", a);
	out->json = json_print(kept, a);
	json_free(kept);
	return 0;
}


/* ---- one object */

int
reply_sales_unit(struct span body, const char *asked, struct arena *a, struct sales_unit *out,
    struct err *e)
{
	struct json	*j;
	int		 rc;

	*out = (struct sales_unit){0};
	if (json_parse(body, &j, e) == -1)
		return -1;
	rc = unit_take(unwrapped(j, "salesUnit"), asked, a, out, e);
	out->found = rc == 0;
	json_free(j);
	return rc;
}

int
reply_merchant(struct span body, const char *asked, struct arena *a, struct merchant *out, struct err *e)
{
	struct json	*j;
	int		 rc;

	*out = (struct merchant){0};
	if (json_parse(body, &j, e) == -1)
		return -1;
	rc = merchant_take(unwrapped(j, "merchant"), asked, a, out, e);
	out->found = rc == 0;
	json_free(j);
	return rc;
}

/* ---- lists */

/* 4 to 10 digits, sent as text or as a number; else NULL. */
static const char *
msn_taken(const struct json *j, struct arena *a)
{
	const char *msn = json_text_or_int(j, a);

	if (msn == NULL || !span_digits(span_of(msn)) || strlen(msn) < REPLY_MSN_MIN ||
	    strlen(msn) > REPLY_MSN_MAX)
		return NULL;
	return arena_text(a, msn);
}

/* A bare array, or wrapped in one member, as the guide of 2023 shows it. */
static int
list_parse(struct span body, const char *wrapper, struct json **root, const struct json **list,
    struct err *e)
{
	if (json_parse_long(body, REPLY_MAX_LIST, root, e) == -1)
		return -1;
	*list = json_is_array(*root) ? *root : json_get(*root, wrapper);
	if (json_is_array(*list))
		return 0;
	json_free(*root);
	return err_set(e, ERR_REJECT, "an answer that is no list");
}

int
reply_units(struct span body, struct arena *a, struct unit_list *out, struct err *e)
{
	const struct json	*list, *j;
	struct json		*root;

	*out = (struct unit_list){0};
	if (list_parse(body, "salesUnits", &root, &list, e) == -1)
		return -1;
	out->units = arena_array(a, (size_t)json_count(list), sizeof(*out->units));
	for (j = json_first(list); j != NULL; j = json_next(j)) {
		struct unit *u = &out->units[out->count];

		u->msn = msn_taken(json_get(j, "msn"), a);
		u->name = text_kept(json_get(j, "name"), a);
		if (u->msn != NULL)
			out->count++;
		else
			out->skipped++;
	}
	out->found = true;
	json_free(root);
	return 0;
}

static int
order_take(const struct json *j, struct arena *a, struct order *out, struct err *e)
{
	const struct json	*id = json_get(j, "businessIdentifier"), *unit = json_get(j, "salesUnit");
	const char		*number = json_text_or_int(json_get(id, "id"), a);

	*out = (struct order){.id = text_kept(json_get(j, "productOrderId"), a),
	    .type = text_kept(json_get(j, "productOrderType"), a),
	    .product = text_kept(json_get(j, "productType"), a),
	    .status = text_kept(json_get(j, "status"), a),
	    .org_scheme = text_kept(json_get(id, "scheme"), a),
	    .msn = msn_taken(json_get(unit, "msn"), a),
	    .name = text_kept(json_get(unit, "name"), a)};
	if (out->status == NULL || out->org_scheme == NULL || number == NULL)
		return err_set(e, ERR_REJECT, "a product order without a status or an organisation");
	out->org_number = number_normal(out->org_scheme, number, a);
	return 0;
}

int
reply_orders(struct span body, struct arena *a, struct order_list *out, struct err *e)
{
	const struct json	*list, *j;
	struct json		*root;
	struct err		 why;

	*out = (struct order_list){0};
	if (list_parse(body, "productOrders", &root, &list, e) == -1)
		return -1;
	out->orders = arena_array(a, (size_t)json_count(list), sizeof(*out->orders));
	for (j = json_first(list); j != NULL; j = json_next(j))
		if (order_take(j, a, &out->orders[out->count], &why) == 0)
			out->count++;
		else
			out->skipped++;
	out->found = true;
	json_free(root);
	return 0;
}

int
reply_order(struct span body, const char *asked, struct arena *a, struct order_list *out, struct err *e)
{
	struct json	*j;
	int		 rc;

	*out = (struct order_list){0};
	if (json_parse(body, &j, e) == -1)
		return -1;
	out->orders = arena_array(a, 1, sizeof(*out->orders));
	rc = order_take(unwrapped(j, "productOrder"), a, out->orders, e);
	if (rc == 0 && out->orders->id != NULL && strcasecmp(out->orders->id, asked) != 0)
		rc = err_set(e, ERR_REJECT, "an answer about another product order than the one asked for");
	out->found = rc == 0;
	out->count = rc == 0;
	json_free(j);
	return rc;
}

/* ---- tokens */

/* The vendor sends numbers as texts, too; -1: not said. */
static int64_t
life_said_ms(const struct json *answer, int64_t now_ms, struct arena *a)
{
	const char	*in = json_text_or_int(json_get(answer, "expires_in"), a);
	const char	*on = json_text_or_int(json_get(answer, "expires_on"), a);
	int64_t		 life = -1;

	if (in != NULL && span_digits(span_of(in)) && strlen(in) <= 12)
		life = strtoll(in, NULL, 10);
	else if (on != NULL && span_digits(span_of(on)) && strlen(on) <= 12)
		life = strtoll(on, NULL, 10) - now_ms / 1000;
	return (life < TOKEN_MAX_LIFE_S ? life : TOKEN_MAX_LIFE_S) * 1000;
}

static bool
token_is_sendable(const char *token)
{
	if (token == NULL || *token == '\0' || strlen(token) > TOKEN_MAX_BYTES)
		return false;
	for (; *token != '\0'; token++)
		if (*token <= 0x20 || *token >= 0x7f)
			return false;
	return true;
}

int
reply_token(struct span body, int64_t now_ms, struct arena *a, const char **token, int64_t *life_ms,
    struct err *e)
{
	struct json	*j;
	int		 rc = -1;

	if (json_parse(body, &j, e) == -1)
		return -1;
	*token = arena_text(a, json_text(json_get(j, "access_token")));
	*life_ms = life_said_ms(j, now_ms, a);
	if (!token_is_sendable(*token))
		err_set(e, ERR_REJECT, "an answer without a token");
	else if (*life_ms <= 0)
		err_set(e, ERR_REJECT, "an answer without a lifetime");
	else
		rc = 0;
	json_free(j);
	return rc;
}

/* ---- what went wrong, in the server's words */

bool
reply_is_gateways(struct span body)
{
	struct json	*j = NULL;
	struct err	 e;
	bool		 gateway;

	if (body.n == 0)
		return false;
	if (json_parse(body, &j, &e) == -1)
		return true;
	gateway = json_get(j, "statusCode") != NULL;
	json_free(j);
	return gateway;
}

/* Printable text only, cut short: it stands in a line of a log and in an alert. */
static const char *
words_kept(const char *s, struct arena *a)
{
	size_t	 n = strlen(s) < REPLY_MAX_WORDS ? strlen(s) : REPLY_MAX_WORDS;
	char	*kept;

	for (; n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80;)
		n--;
	kept = arena_textn(a, s, n);
	for (char *p = kept; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	return kept;
}

static bool
has_any(const char *said, const char *const *secrets)
{
	for (; *secrets != NULL; secrets++)
		if (strstr(said, *secrets) != NULL)
			return true;
	return false;
}

const char *
reply_words(struct span body, const char *const *secrets, struct arena *a)
{
	static const char *const keys[] = {"detail", "title", "message", "error_description", "error"};
	const char	*said = NULL;
	struct json	*j = NULL;
	struct err	 e;

	if (body.n == 0 || json_parse(body, &j, &e) == -1)
		return NULL;
	for (size_t i = 0; i < COUNT(keys) && said == NULL; i++)
		if ((said = json_text(json_get(j, keys[i]))) != NULL)
			said = *said != '\0' && !has_any(said, secrets) ? words_kept(said, a) : NULL;
	json_free(j);
	return said;
}

int64_t
reply_wait_ms(struct span body, struct arena *a)
{
	static const char	 before[] = "ry again in ";
	const char *const	 none[] = {NULL};
	const char		*said = reply_words(body, none, a), *at;
	size_t			 digits;

	if (said == NULL || (at = strstr(said, before)) == NULL)
		return -1;
	at += sizeof(before) - 1;
	digits = strspn(at, "0123456789");
	if (digits == 0 || digits > 6 || strncmp(at + digits, " sec", 4) != 0)
		return -1;
	return strtoll(at, NULL, 10) * CLOCK_SECOND;
}
