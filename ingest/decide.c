#include <string.h>

#include "base/clock.h"
#include "ingest/decide.h"

#define DECIDE_DAYS	14	/* of daily questions after the first ones */
#define UNITS_LISTED	20	/* of an organisation, shown */
#define NAME_DIFFERS	"name-differs"	/* the remark */

const char *
answer_name(enum answer answer)
{
	switch (answer) {
	case ANSWER_AGREES:
		return "agrees";
	case ANSWER_NOT_FOUND:
		return "not-found";
	case ANSWER_OTHER_ORGANISATION:
		return "other-organisation";
	case ANSWER_DEACTIVATED:
		return "deactivated";
	case ANSWER_NOT_ASKED:
		return "not-asked";
	case ANSWER_NO_MSN:
		return "no-msn";
	}
	return "?";
}

int64_t
decide_next(int asks, int64_t now_ms)
{
	static const int64_t first[] = {5 * CLOCK_MINUTE, 30 * CLOCK_MINUTE, 2 * CLOCK_HOUR,
	    6 * CLOCK_HOUR};

	if (asks < 1)
		return now_ms;
	if (asks <= (int)COUNT(first))
		return now_ms + first[asks - 1];
	return asks <= (int)COUNT(first) + DECIDE_DAYS ? now_ms + CLOCK_DAY : -1;
}

static const char sweden[] = "business:SE:";

/* The vendor publishes no Swedish scheme, so ours stands for any of that country. */
static bool
same_scheme(const char *ours, const char *theirs)
{
	if (strncmp(ours, sweden, sizeof(sweden) - 1) == 0)
		return strncasecmp(theirs, sweden, sizeof(sweden) - 1) == 0;
	return strcasecmp(ours, theirs) == 0;
}

enum answer
decide_answer(const struct claim *c, const struct sales_unit *unit, const struct merchant *merchant)
{
	if (unit == NULL)
		return ANSWER_NOT_ASKED;
	if (!unit->found)
		return ANSWER_NOT_FOUND;
	if (!same_scheme(c->org_scheme, unit->org_scheme) ||
	    strcmp(c->org_number, unit->org_number) != 0)
		return ANSWER_OTHER_ORGANISATION;
	if (merchant == NULL)
		return ANSWER_AGREES;
	if (!merchant->found)
		return ANSWER_NOT_FOUND;
	return strcmp(merchant->status, "DEACTIVATED") == 0 ? ANSWER_DEACTIVATED : ANSWER_AGREES;
}

struct decision
decide_claim(const struct claim *c, enum answer answer, enum without_api without, int64_t now_ms)
{
	struct decision d = {.state = CLAIM_HELD, .asks = c->asks};

	switch (answer) {
	case ANSWER_AGREES:
		d.state = CLAIM_CONFIRMED;
		break;
	case ANSWER_NOT_FOUND:
		d.asks++;
		d.next_ms = decide_next(d.asks, now_ms);
		d.state = d.next_ms == -1 ? CLAIM_UNCONFIRMED : CLAIM_PENDING;
		break;
	case ANSWER_OTHER_ORGANISATION:
	case ANSWER_DEACTIVATED:
		d.state = CLAIM_DISPUTED;
		break;
	case ANSWER_NO_MSN:
		break;
	case ANSWER_NOT_ASKED:
		if (without == WITHOUT_API_CONFIRM || c->accepted)
			d.state = CLAIM_CONFIRMED;
		break;
	}
	return d;
}

/* An organisation in the form that is stored (schema.sql, approval). */
static bool
has_number(const struct claim *c)
{
	size_t n;

	if (c->org_scheme == NULL || c->org_number == NULL)
		return false;
	n = strspn(c->org_number, "0123456789-");
	return n >= 8 && n <= 10 && c->org_number[n] == '\0';
}

bool
decide_has_units(const struct claim *c)
{
	return has_number(c) && strncmp(c->org_scheme, sweden, sizeof(sweden) - 1) != 0;
}

bool
decide_askable(const struct claim *c)
{
	struct span msn = span_of(c->msn);

	return has_number(c) && span_digits(msn) && msn.n >= 4 && msn.n <= 10;
}

static struct json *
unit_json(const struct unit *u)
{
	struct json *j = json_object();

	json_put_text(j, "msn", u->msn);
	json_put_text(j, "name", u->name);
	return j;
}

/* {"count", "listed": [{"msn", "name"}]}, for people: so the first of many are enough. */
static struct json *
units_json(const struct unit_list *units)
{
	struct json *j, *list;

	if (units == NULL)
		return NULL;
	j = json_object();
	list = json_array();
	json_put_int(j, "count", units->count);
	json_put(j, "listed", list);
	for (int i = 0; i < units->count && i < UNITS_LISTED; i++)
		json_add(list, unit_json(&units->units[i]));
	return j;
}

static void
said_put(struct json *j, const struct said *said)
{
	json_put_printed(j, "sales_unit", said->unit != NULL ? said->unit->json : NULL);
	json_put_printed(j, "merchant", said->merchant != NULL ? said->merchant->json : NULL);
	json_put(j, "units", units_json(said->units));
}

const char *
answer_said(const struct said *said, struct arena *a)
{
	struct json	*j = json_object();
	const char	*text;

	said_put(j, said);
	text = json_print(j, a);
	json_free(j);
	return text;
}

const char *
answer_record(const struct claim *c, enum answer answer, const struct said *said, const struct unit *proposed,
    int64_t now_ms, struct arena *a)
{
	struct json	*j = json_object();
	const char	*text;

	json_put_time(j, "asked_at", answer != ANSWER_NOT_ASKED ? now_ms : 0);
	json_put_text(j, "answer", answer_name(answer));
	said_put(j, said);
	json_put(j, "proposed", proposed != NULL ? unit_json(proposed) : NULL);
	json_put_bool(j, "name_differs",
	    (said->unit != NULL && !decide_same_name(c->sales_unit_name, said->unit->name)) ||
	    (said->merchant != NULL && !decide_same_name(c->merchant_name, said->merchant->name)));
	text = json_print(j, a);
	json_free(j);
	return text;
}

/* ---- approvals that were asked about again */

struct refreshed
decide_refresh(const struct approval *p, enum answer answer, int64_t now_ms)
{
	struct refreshed r = {0};

	switch (answer) {
	case ANSWER_AGREES:
	case ANSWER_DEACTIVATED:
		r.known = true;
		return r;
	case ANSWER_NOT_FOUND:
	case ANSWER_OTHER_ORGANISATION:
		break;
	case ANSWER_NOT_ASKED:
	case ANSWER_NO_MSN:
		return r;
	}
	if (p->sales_unit == NULL)	/* a person knew better, or there was no API: it cannot know it no longer */
		return r;
	r.missing_ms = p->missing_ms > 0 && p->missing_ms <= now_ms ? p->missing_ms : now_ms;
	r.gone = strcmp(p->state, "gone") == 0 || now_ms - r.missing_ms >= DECIDE_GONE_MS;
	if (!r.gone)
		r.next_ms = r.missing_ms + DECIDE_GONE_MS;
	return r;
}

static void
change_add(struct json *list, const char *field, struct json *from, struct json *to)
{
	struct json *o = json_object();

	json_put_text(o, "field", field);
	json_put(o, "from", from);
	json_put(o, "to", to);
	json_add(list, o);
}

void
decide_change_text(struct json *list, const char *field, const char *from, const char *to)
{
	struct json *both = json_object();

	if (to != NULL && (from == NULL || strcmp(from, to) != 0)) {
		json_put_text(both, "from", from);
		json_put_text(both, "to", to);
		change_add(list, field, json_copy(json_get(both, "from")), json_copy(json_get(both, "to")));
	}
	json_free(both);
}

static void
configuration_changes(struct json *list, const struct json *was, const struct json *is)
{
	struct arena		 a = {0};
	const struct json	*from, *to;
	const char		*key;

	for (int i = 0; (key = json_key(is, i, &to)) != NULL; i++) {
		from = json_get(was, key);
		if (!json_is_null(from) && strcmp(json_print(from, &a), json_print(to, &a)) != 0)
			change_add(list, arena_printf(&a, "configuration.%s", key), json_copy(from),
			    json_copy(to));
	}
	arena_free(&a);
}

struct json *
decide_changes(const struct approval *p, const struct sales_unit *unit, const struct merchant *merchant)
{
	struct json *list = json_array(), *old_unit = json_ours(p->sales_unit),
	    *old_merchant = json_ours(p->merchant), *new_unit = json_ours(unit->json);

	/* a name that the mail alone had, and that is the same to people, was no news */
	if (merchant != NULL && (old_merchant != NULL || !decide_same_name(p->merchant_name, merchant->name)))
		decide_change_text(list, "merchant_name", p->merchant_name, merchant->name);
	if (old_unit != NULL || !decide_same_name(p->sales_unit_name, unit->name))
		decide_change_text(list, "sales_unit_name", p->sales_unit_name, unit->name);
	if (merchant != NULL && (old_merchant != NULL || strcmp(merchant->status, "DEACTIVATED") == 0))
		decide_change_text(list, "status", json_text(json_get(old_merchant, "status")), merchant->status);
	if (merchant != NULL)
		decide_change_text(list, "country", p->country, merchant->country);
	configuration_changes(list, json_get(old_unit, "configuration"), json_get(new_unit, "configuration"));
	json_free(old_unit);
	json_free(old_merchant);
	json_free(new_unit);
	return list;
}

/* ---- names, compared for people */

#define NAME_WORDS	24	/* of a name that are compared; the API says 50 characters */

/* Words that say what kind of company it is: left out or written in full as people like. */
static bool
is_form(struct span word)
{
	static const char *const forms[] = {"as", "asa", "ans", "enk", "ks", "nuf", "aps",
	    "ivs", "amba", "ab", "hb", "kb", "oy", "oyj", "ky", "tmi", "ay"};

	for (size_t i = 0; i < COUNT(forms); i++)
		if (span_is(word, forms[i]))
			return true;
	return false;
}

/* Lower case of ASCII and of Latin-1, which has all letters of the Nordic languages. */
static uint32_t
rune_lower(uint32_t c)
{
	if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7))
		return c + 0x20;
	return c;
}

/* Takes no part in a name: spaces and what is written between words, of Unicode's too (U+2000 to U+206F). */
static bool
rune_parts(uint32_t c)
{
	return c <= '/' || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= 0xbf) ||
	    (c >= 0x2000 && c <= 0x206f) || c == 0xd7;
}

/*
 * The name without case, punctuation and spaces. A company's form counts only inside it, so that "Fjord AS" is
 * "FJORD A/S" and "AB Fjord" is "Fjord". What holds a form together is put away first: "a/s", "a.s.".
 */
static const char *
name_plain(const char *name, struct arena *a)
{
	struct arena_buf words[NAME_WORDS] = {{0}}, b = {.arena = a};
	size_t	 n = strlen(name), len, from = 0, count = 0;
	uint32_t c;
	bool	 open = false;

	for (size_t i = 0; i < n; i += len) {
		len = span_rune(name + i, n - i, &c);
		if (c == '/' || c == '.' || c == '\'')
			continue;
		if (rune_parts(c)) {
			open = false;
			continue;
		}
		if (!open && count < NAME_WORDS)
			words[count++] = (struct arena_buf){.arena = a};
		open = true;
		c = rune_lower(c);
		if (c < 0x80)
			arena_put(&words[count - 1], (char[]){(char)c}, 1);
		else if (c < 0x100)
			arena_put(&words[count - 1], (char[]){(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))}, 2);
		else
			arena_put(&words[count - 1], name + i, len);
	}
	while (count > from + 1 && is_form((struct span){words[count - 1].p, words[count - 1].n}))
		count--;
	while (count > from + 1 && is_form((struct span){words[from].p, words[from].n}))
		from++;
	arena_puts(&b, "");
	for (; from < count; from++)
		arena_put(&b, words[from].p, words[from].n);
	return b.p;
}

bool
decide_same_name(const char *mail, const char *api)
{
	struct arena	a = {0};
	bool		same;

	if (mail == NULL || api == NULL)
		return true;
	same = strcmp(name_plain(mail, &a), name_plain(api, &a)) == 0;
	arena_free(&a);
	return same;
}

const char *
decide_remarks(const char *reasons, const struct claim *c, const struct said *said, struct arena *a)
{
	const struct { const char *field, *mail, *api; } names[] = {
		{"merchant_name", c->merchant_name, said->merchant != NULL ? said->merchant->name : NULL},
		{"sales_unit_name", c->sales_unit_name, said->unit != NULL ? said->unit->name : NULL},
	};
	struct json	*old = json_ours(reasons), *list = json_array(), *o;
	const char	*code, *text;

	for (int i = 0; i < json_count(old); i++) {
		code = json_text(json_get(json_item(old, i), "code"));
		if (code == NULL || strcmp(code, NAME_DIFFERS) != 0)
			json_add(list, json_copy(json_item(old, i)));
	}
	for (size_t i = 0; i < COUNT(names); i++)
		if (!decide_same_name(names[i].mail, names[i].api)) {
			o = json_object();
			json_put_text(o, "code", NAME_DIFFERS);
			json_put_bool(o, "doubt", false);
			json_put_text(o, "field", names[i].field);
			json_add(list, o);
		}
	text = json_print(list, a);
	json_free(old);
	json_free(list);
	return text;
}
