#include "notify/untrusted.h"

#include <string.h>

#include "base/json.h"

#define DIGITS	"0123456789-"
#define WORDS	"abcdefghijklmnopqrstuvwxyz0123456789-_"

#define NUMBER_MAX	12	/* of an organisation number or MSN, and more */
#define WORD_MAX	64	/* of a code, a state, a scheme */

/* A text that can hold nothing that somebody else thought out; else NULL. */
static const char *
only(const char *text, const char *bytes, size_t max)
{
	size_t n = text == NULL ? 0 : strlen(text);

	return n > 0 && n <= max && strspn(text, bytes) == n ? text : NULL;
}

static bool
has_reason(const struct json *data, const char *const *codes)
{
	const struct json *list = json_get(data, "reasons");

	for (int i = 0; i < json_count(list); i++) {
		const char *code = json_text(json_get(json_item(list, i), "code"));

		for (int k = 0; code != NULL && codes[k] != NULL; k++)
			if (strcmp(code, codes[k]) == 0)
				return true;
	}
	return false;
}

/* Digits whose check digit is right: others may spell anything, and name nobody. */
static const char *
org_of(const struct json *data)
{
	static const char *const wrong[] = { "check-digit", "org-number-form", "scheme-unknown", NULL };

	return has_reason(data, wrong) ? NULL :
	    only(json_text(json_get(data, "org_number")), DIGITS, NUMBER_MAX);
}

static const char *
msn_of(const struct json *data)
{
	static const char *const wrong[] = { "msn-form", NULL };

	return has_reason(data, wrong) ? NULL :
	    only(json_text(json_get(data, "msn")), DIGITS, NUMBER_MAX);
}

static struct json *
reasons_shown(const struct json *list)
{
	struct json *out = json_array();

	for (int i = 0; i < json_count(list); i++) {
		const struct json	*r = json_item(list, i);
		struct json		*o = json_object();
		bool			 doubt = true;

		json_put_text(o, "code", only(json_text(json_get(r, "code")), WORDS, WORD_MAX));
		json_bool(json_get(r, "doubt"), &doubt);
		json_put_bool(o, "doubt", doubt);
		json_put_text(o, "field", only(json_text(json_get(r, "field")), WORDS, WORD_MAX));
		json_add(out, o);
	}
	return out;
}

/* What the API calls it: api is what it answered, by our own allow-list. */
static const char *
api_name(const struct json *data, const char *what)
{
	return json_text(json_get(json_get(json_get(data, "api"), what), "name"));
}

static struct json *
sender_shown(const struct json *sender)
{
	struct json *o = json_object();

	json_put(o, "domain", NULL);	/* a stranger chose it, and programs make a link of it */
	json_put_text(o, "proof", only(json_text(json_get(sender, "proof")), WORDS, WORD_MAX));
	return o;
}

/* One value of the data, as it may be shown. */
static void
put_shown(struct json *out, const struct json *data, const char *key, const struct json *value)
{
	static const char *const hidden[] = { "message_id", "evidence", "error", NULL };

	for (int i = 0; hidden[i] != NULL; i++)
		if (strcmp(key, hidden[i]) == 0) {
			json_put(out, key, NULL);
			return;
		}
	if (strcmp(key, "reasons") == 0)
		json_put(out, key, reasons_shown(value));
	else if (strcmp(key, "sender") == 0)
		json_put(out, key, sender_shown(value));
	else if (strcmp(key, "org_number") == 0)
		json_put_text(out, key, org_of(data));
	else if (strcmp(key, "msn") == 0)
		json_put_text(out, key, msn_of(data));
	else if (strcmp(key, "merchant_name") == 0)
		json_put_text(out, key, api_name(data, "merchant"));
	else if (strcmp(key, "sales_unit_name") == 0)
		json_put_text(out, key, api_name(data, "sales_unit"));
	else
		json_put(out, key, json_copy(value));
}

static struct json *
data_shown(const struct json *data)
{
	struct json		*out = json_object();
	const struct json	*value;
	const char		*key;

	for (int i = 0; (key = json_key(data, i, &value)) != NULL; i++)
		put_shown(out, data, key, value);
	return out;
}

/* mail.unknown-sender is about the domain: it names it, and was made to be told. */
static bool
is_hidden(const struct event *ev)
{
	return ev->untrusted && ev->data != NULL && strcmp(ev->type, "mail.unknown-sender") != 0;
}

struct event
untrusted_shown(const struct event *ev, struct arena *a)
{
	struct event	 out = *ev;
	struct json	*data, *shown;

	if (!is_hidden(ev))
		return out;
	data = json_ours(ev->data);
	shown = data_shown(data);
	out.data = json_print(shown, a);
	json_free(shown);
	json_free(data);
	return out;
}

static struct json *
listed(const struct event *ev)
{
	struct json *o = json_object(), *data = json_ours(ev->data);

	json_put_text(o, "id", ev->id);
	json_put_text(o, "type", ev->type);
	json_put_time(o, "at", ev->at_ms);
	json_put_text(o, "ref", ev->ref);
	json_put_text(o, "org_scheme", json_text(json_get(data, "org_scheme")));
	json_put_text(o, "org_number", org_of(data));
	json_put_text(o, "msn", msn_of(data));
	json_free(data);
	return o;
}

struct event
untrusted_notice(const struct event *list, int n, int64_t count, struct arena *a)
{
	struct event	 out = untrusted_shown(&list[0], a);
	struct json	*data = json_ours(out.data), *all = json_array(), *notice = json_object();

	if (data == NULL)
		data = json_object();
	for (int i = 0; i < n; i++)
		json_add(all, listed(&list[i]));
	json_put_int(notice, "count", count);
	json_put(notice, "listed", all);
	json_put(data, "notice", notice);
	out.data = json_print(data, a);
	json_free(data);
	return out;
}
