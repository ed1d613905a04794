#include <string.h>

#include "base/clock.h"
#include "ingest/decide.h"

#define DECIDE_DAYS	14	/* of daily questions after the first ones */

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

/* The vendor publishes no Swedish scheme, so ours stands for any of that country. */
static bool
same_scheme(const char *ours, const char *theirs)
{
	static const char sweden[] = "business:SE:";

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
	case ANSWER_NOT_ASKED:
		if (without == WITHOUT_API_CONFIRM || c->accepted)
			d.state = CLAIM_CONFIRMED;
		break;
	}
	return d;
}

bool
decide_askable(const struct claim *c)
{
	struct span msn = span_of(c->msn);

	return c->org_scheme != NULL && c->org_number != NULL && *c->org_number != '\0' &&
	    c->org_number[strspn(c->org_number, "0123456789-")] == '\0' && span_digits(msn) &&
	    msn.n >= 4 && msn.n <= 10;
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
