#include "notify/format.h"

#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"

#define TEXT_MAX_BYTES	200	/* of one name shown; the API's longest is 50 characters */
#define RUNE_MAX_BYTES	4	/* of one character in UTF-8 */
#define LABEL_WIDTH	14	/* of the left column */
#define QP_LINE_BYTES	76	/* RFC 2045 6.7 (5) */
#define WORD_BYTES	39	/* of text in one encoded-word: its line is below 76 (RFC 2047 2) */

const char *
format_standard(const struct event *ev, struct arena *a)
{
	struct json	*body = json_object();
	const char	*text;

	json_put_text(body, "type", ev->type);
	json_put_time(body, "timestamp", ev->at_ms);
	json_put(body, "data", json_ours(ev->data));
	text = json_print(body, a);
	json_free(body);
	return text;
}

/* ---- text that may be shown */

/* Controls, and what hides or turns text round on a screen: never needed in a name. */
static bool
rune_hidden(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c ||
	    (c >= 0x200b && c <= 0x200f) ||
	    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

/* One line of visible UTF-8, cut between characters; NULL if there is none. */
static const char *
shown(const char *text, struct arena *a)
{
	struct arena_buf	b = {.arena = a};
	size_t			n = text == NULL ? 0 : strlen(text), len;
	uint32_t		c;
	bool			gap = false;	/* a line end or tab stood here */

	for (size_t i = 0; i < n; i += len) {
		len = span_rune(text + i, n - i, &c);
		if (rune_hidden(c)) {
			gap = gap || c < 0x20;
			continue;
		}
		if (gap && b.n > 0)
			arena_puts(&b, " ");
		gap = false;
		if (b.n + RUNE_MAX_BYTES > TEXT_MAX_BYTES)
			break;
		if (c == 0xfffd)
			arena_puts(&b, "\xef\xbf\xbd");
		else
			arena_put(&b, text + i, len);
	}
	return b.n == 0 ? NULL : b.p;
}

/*
 * Text of these bytes only, or NULL: numbers, codes and ids can hold nothing that somebody else
 * thought out.
 */
static const char *
only(const char *text, const char *bytes, size_t max)
{
	size_t n = text == NULL ? 0 : strlen(text);

	return n > 0 && n <= max && strspn(text, bytes) == n ? text : NULL;
}

#define DIGITS	"0123456789-"
#define WORDS	"abcdefghijklmnopqrstuvwxyz0123456789-"
#define NAMES	WORDS "ABCDEFGHIJKLMNOPQRSTUVWXYZ_.:"

/* ---- the body, before it is encoded: UTF-8, LF line ends */

struct letter {
	const struct event	*ev;
	const struct json	*data;	/* the approval's or claim's facts, or the event's own */
	struct arena		*arena;
	struct arena_buf	 text;
	bool			 named;	/* its names may be shown: they are confirmed */
};

static void
line(struct letter *l, const char *label, const char *text)
{
	if (text != NULL)
		arena_putf(&l->text, "  %-*s %s\n", LABEL_WIDTH, label, text);
}

static const char *
value(const struct letter *l, const char *key)
{
	return json_text(json_get(l->data, key));
}

static const char *
msn_of(const struct letter *l)
{
	return only(value(l, "msn"), DIGITS, 10);
}

static const char *
org_of(const struct letter *l)
{
	return only(value(l, "org_number"), DIGITS, 12);
}

static bool
type_begins(const struct event *ev, const char *prefix)
{
	return strncmp(ev->type, prefix, strlen(prefix)) == 0;
}

/* What happened, by type; what is missing here is shown by its type and reference. */
static const struct { const char *type, *words; } happenings[] = {
	{ "approval.confirmed", "Approved" },
	{ "approval.changed", "Changed" },
	{ "approval.gone", "No longer known to the API" },
	{ "approval.missing-mail", "Approved, but no mail came" },
	{ "evidence.added", "Another mail for" },
	{ "claim.pending", "Not yet confirmed" },
	{ "claim.held", "Held for a person" },
	{ "claim.disputed", "Disputed by the API" },
	{ "claim.unconfirmed", "Never confirmed by the API" },
	{ "claim.accepted", "Accepted by a person" },
	{ "claim.rejected", "Rejected by a person" },
	{ "mailbox.failing", "Mailbox is failing" },
	{ "mailbox.recovered", "Mailbox works again" },
	{ "api.failing", "Management API is failing" },
	{ "api.recovered", "Management API works again" },
	{ "endpoint.failing", "Endpoint is failing" },
	{ "endpoint.disabled", "Endpoint was disabled" },
	{ "endpoint.recovered", "Endpoint works again" },
	{ "config.changed", "Configuration, rules or program changed" },
	{ "order.expired", "A product order expired" },
	{ "order.rejected", "A product order was rejected" },
	{ "history.loaded", "Old mail was recorded, and is not announced" },
	{ "mail.unmatched", "No rule knows a proven mail" },
	{ "mail.quarantined", "A mail could not be read" },
	{ "mail.oversize", "A mail is too large to be read" },
	{ "mail.vanished", "A mail was gone before it was read" },
	{ "mail.stuck", "A mail cannot be fetched or read" },
	{ "mail.unknown-sender", "An approval from a domain that is not configured" },
	{ "mail.recognised", "A mail of another kind" },
};

/* "Approved: NAME (MSN 123456)", "Held for a person: clm_12 (MSN 123456)". */
static const char *
headline(const struct letter *l)
{
	const char	*words = l->ev->type, *subject = NULL, *msn = msn_of(l);
	int64_t		 more;

	for (size_t i = 0; i < COUNT(happenings); i++) {
		if (strcmp(happenings[i].type, l->ev->type) == 0)
			words = happenings[i].words;
	}
	if (l->named)
		subject = shown(value(l, "merchant_name"), l->arena);
	if (subject == NULL && !type_begins(l->ev, "claim.") && !type_begins(l->ev, "mail."))
		subject = shown(value(l, "name"), l->arena);
	if (subject == NULL)
		subject = only(l->ev->ref, NAMES, TEXT_MAX_BYTES);
	if (json_int(json_get(json_get(l->data, "notice"), "count"), &more) && more > 1)
		return arena_printf(l->arena, "%s: %s, and %lld more that are not proven", words,
		    subject == NULL ? "?" : subject, (long long)more - 1);
	return arena_printf(l->arena, "%s: %s%s%s%s", words, subject == NULL ? "?" : subject,
	    msn == NULL ? "" : " (MSN ", msn == NULL ? "" : msn, msn == NULL ? "" : ")");
}

static void
reason_lines(struct letter *l)
{
	const struct json	*list = json_get(l->data, "reasons");
	const char		*label = "Reasons";

	for (int i = 0; i < json_count(list); i++) {
		const struct json	*r = json_item(list, i);
		const char		*code = json_text(r);
		const char		*field = json_text(json_get(r, "field"));

		if (code == NULL)
			code = json_text(json_get(r, "code"));
		code = only(code, WORDS, TEXT_MAX_BYTES);
		field = only(field, WORDS "_", TEXT_MAX_BYTES);
		if (code == NULL)
			continue;
		line(l, label, field == NULL ? code :
		    arena_printf(l->arena, "%s (%s)", code, field));
		label = "";
	}
}

/* A name, a word or true and false; what was not known before is "nothing". */
static const char *
change_value(const struct letter *l, const struct json *v)
{
	const char	*text = shown(json_text(v), l->arena);
	bool		 yes;

	if (json_bool(v, &yes))
		return yes ? "true" : "false";
	return text == NULL ? "nothing" : arena_printf(l->arena, "\"%s\"", text);
}

static void
change_lines(struct letter *l)
{
	const struct json	*list = json_get(l->data, "changes");
	const char		*label = "Changed";

	for (int i = 0; i < json_count(list); i++) {
		const struct json	*c = json_item(list, i);
		const char		*field = only(json_text(json_get(c, "field")), NAMES, TEXT_MAX_BYTES);

		if (field == NULL)
			continue;
		line(l, label, arena_printf(l->arena, "%s from %s to %s", field, change_value(l, json_get(c, "from")),
		    change_value(l, json_get(c, "to"))));
		label = "";
	}
}

static void
sender_line(struct letter *l)
{
	const struct json	*sender = json_get(l->data, "sender");
	const char		*proof = json_text(json_get(sender, "proof"));
	const char		*domain = json_text(json_get(sender, "domain"));

	proof = only(proof, WORDS, TEXT_MAX_BYTES);
	domain = only(domain, NAMES, TEXT_MAX_BYTES);
	if (proof == NULL)
		return;
	/* an unproven domain is a text that a stranger chose, and mail programs make it a link */
	if (strcmp(proof, "none") == 0)
		line(l, "Sender", "not proven");
	else if (domain != NULL)
		line(l, "Sender", arena_printf(l->arena, "%s (%s)", domain, proof));
}

static void
fact_lines(struct letter *l)
{
	const char	*org = org_of(l), *country = only(value(l, "country"), NAMES, 2);
	const char	*at = only(value(l, "confirmed_at"), NAMES "+", 32);
	const char	*by = only(value(l, "confirmed_by"), WORDS, TEXT_MAX_BYTES);
	const char	*answer = json_text(json_get(json_get(l->data, "api"), "answer"));
	bool		 junk;

	line(l, "Organisation", org == NULL || country == NULL ? org :
	    arena_printf(l->arena, "%s (%s)", org, country));
	if (l->named)
		line(l, "Merchant", shown(value(l, "merchant_name"), l->arena));
	line(l, "MSN", msn_of(l));
	if (l->named)
		line(l, "Sales unit", shown(value(l, "sales_unit_name"), l->arena));
	line(l, "State", only(value(l, "state"), WORDS, TEXT_MAX_BYTES));
	line(l, "API says", only(answer, WORDS, TEXT_MAX_BYTES));
	line(l, "Confirmed", at == NULL || by == NULL ? at :
	    arena_printf(l->arena, "%s by %s", at, by));
	line(l, "Mail came", only(value(l, "received_at"), NAMES "+", 32));
	line(l, "Mailbox", only(value(l, "mailbox"), NAMES, TEXT_MAX_BYTES));
	if (json_bool(json_get(l->data, "found_in_junk"), &junk) && junk)
		line(l, "Found in", at == NULL ? "junk mail" :
		    "junk mail: tell the mail server that its sender is welcome");
	sender_line(l);
	change_lines(l);
	reason_lines(l);
}

/* Of events about neither: numbers, and the texts that are our own. */
static void
other_lines(struct letter *l)
{
	static const char *const ours[] = {
		"name", "mailbox", "folder", "since", "until", "error",
	};
	const struct json	*v;
	const char		*key;
	int64_t			 number;

	for (int i = 0; (key = json_key(l->data, i, &v)) != NULL; i++) {
		char	*label = arena_text(l->arena, only(key, WORDS "_", LABEL_WIDTH));

		if (label == NULL)
			continue;
		for (char *p = label; (p = strchr(p, '_')) != NULL;)
			*p = ' ';
		if (*label >= 'a' && *label <= 'z')
			*label -= 'a' - 'A';
		if (json_int(v, &number))
			line(l, label, arena_printf(l->arena, "%lld", (long long)number));
		for (size_t j = 0; j < COUNT(ours); j++) {
			/* of a mail, the error may be words of the child that read it */
			if (strcmp(key, ours[j]) == 0 && !(type_begins(l->ev, "mail.") &&
			    strcmp(key, "error") == 0))
				line(l, label, shown(json_text(v), l->arena));
		}
	}
}

/* A notice of several events of untrusted mail: how many, and those that it lists. */
static void
notice_lines(struct letter *l)
{
	const struct json	*notice = json_get(l->data, "notice"), *list = json_get(notice, "listed");
	int64_t			 count;

	if (!json_int(json_get(notice, "count"), &count))
		return;
	arena_putf(&l->text, "\nMail that is not proven made %lld events since the last notice; of the first\n"
	    "%d of them:\n\n", (long long)count, json_count(list));
	for (int i = 0; i < json_count(list); i++) {
		const struct json	*item = json_item(list, i);
		const char		*ref = only(json_text(json_get(item, "ref")), NAMES, TEXT_MAX_BYTES);
		const char		*type = only(json_text(json_get(item, "type")), NAMES, TEXT_MAX_BYTES);
		const char		*org = only(json_text(json_get(item, "org_number")), DIGITS, 12);
		const char		*msn = only(json_text(json_get(item, "msn")), DIGITS, 10);

		if (ref != NULL && type != NULL)
			arena_putf(&l->text, "  %-14s %-17s %s%s%s%s\n", ref, type,
			    org != NULL ? "organisation " : "", org != NULL ? org : "",
			    msn != NULL ? "  MSN " : "", msn != NULL ? msn : "");
	}
	arena_puts(&l->text, "\nTo see all that waits for a person, and why:\n\n  approvals review\n");
}

static void
advice(struct letter *l)
{
	const char *ref = only(l->ev->ref, NAMES, TEXT_MAX_BYTES);

	arena_puts(&l->text, "\n");
	if (ref != NULL && (strncmp(ref, "apr_", 4) == 0 || strncmp(ref, "clm_", 4) == 0 ||
	    strncmp(ref, "mail_", 5) == 0))
		arena_putf(&l->text,
		    "To see why, what it came from and who was told:\n\n  approvals show %s\n",
		    ref);
	else if (event_severity(l->ev->type) == SEVERITY_URGENT)
		arena_puts(&l->text, "To see it fail, with every step:\n\n  approvals -v run\n");
	else
		arena_puts(&l->text, "To see what is recorded:\n\n  approvals log\n");
}

static void
letter_write(struct letter *l, const char *head, const char *webhook_id)
{
	bool of_unit = type_begins(l->ev, "approval.") || type_begins(l->ev, "evidence.") ||
	    type_begins(l->ev, "claim.");

	arena_putf(&l->text, "%s\n\n", head);
	if (of_unit)
		fact_lines(l);
	else
		other_lines(l);
	notice_lines(l);
	arena_puts(&l->text, "\n");
	line(l, "About", only(l->ev->ref, NAMES, TEXT_MAX_BYTES));
	line(l, "Event", arena_printf(l->arena, "%s, %s", l->ev->type, l->ev->id));
	line(l, "At", clock_iso(l->ev->at_ms).s);
	line(l, "Message", webhook_id);
	advice(l);
}

/* ---- encoding */

/* RFC 2047: as it stands if it is plain, else encoded-words that split no character (5). */
static void
put_subject(struct arena_buf *b, const char *text, struct arena *a)
{
	size_t	n = strlen(text), len, end;
	bool	plain = strstr(text, "=?") == NULL;

	for (size_t i = 0; i < n; i++)
		plain = plain && text[i] >= ' ' && text[i] <= '~';
	arena_puts(b, "Subject: ");
	if (plain)
		arena_puts(b, text);
	for (size_t i = 0; !plain && i < n; i = end) {
		uint32_t c;

		for (end = i; end < n; end += len) {
			len = span_rune(text + end, n - end, &c);
			if (end + len - i > WORD_BYTES)
				break;
		}
		arena_putf(b, "%s=?UTF-8?B?%s?=", i == 0 ? "" : "\r\n ",
		    digest_base64(a, (struct span){text + i, end - i}));
	}
	arena_puts(b, "\r\n");
}

/* Quoted-printable (RFC 2045 6.7), so that no server on the way has a reason to change a byte. */
static void
put_quoted(struct arena_buf *b, const char *text, size_t n)
{
	static const char	hex[] = "0123456789ABCDEF";
	size_t			column = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char	c = (unsigned char)text[i];
		bool		last = i + 1 == n || text[i + 1] == '\n';
		bool		plain = (c >= 33 && c <= 126 && c != '=') || (c == ' ' && !last);
		size_t		width = plain ? 1 : 3;

		if (c == '\n') {
			arena_puts(b, "\r\n");
			column = 0;
			continue;
		}
		if (column + width > QP_LINE_BYTES - 1) {
			arena_puts(b, "=\r\n");
			column = 0;
		}
		if (plain)
			arena_put(b, text + i, 1);
		else
			arena_put(b, (char[]){'=', hex[c >> 4], hex[c & 0xf]}, 3);
		column += width;
	}
}

const char *
format_email(const struct event *ev, const char *webhook_id, const char *from, const char *to,
    struct arena *a)
{
	struct json		*data = json_ours(ev->data);
	const struct json	*inner = json_get(data, "approval");
	struct letter		 l = {
		.ev = ev, .arena = a, .text = {.arena = a},
		.data = json_is_object(inner) ? inner : data,
		.named = type_begins(ev, "approval.") || type_begins(ev, "evidence."),
	};
	struct arena_buf	 b = {.arena = a};
	const char		*head = headline(&l), *at = strrchr(from, '@');
	int			 severity = event_severity(ev->type);

	letter_write(&l, head, webhook_id);
	arena_putf(&b, "From: %s\r\nTo: %s\r\n", shown(from, a), shown(to, a));
	put_subject(&b, arena_printf(a, "[%s] %s",
	    severity == -1 ? "info" : severity_name((enum severity)severity), head), a);
	arena_putf(&b, "Date: %s\r\n", clock_mail(ev->at_ms).s);
	arena_putf(&b, "Message-ID: <%s@%s>\r\n", webhook_id,
	    at == NULL ? "localhost" : shown(at + 1, a));
	/* the same once more (ingest/own.h): some servers give a mail another Message-ID */
	arena_putf(&b, "X-Approvals-Alert: %s@%s\r\n", webhook_id,
	    at == NULL ? "localhost" : shown(at + 1, a));
	arena_puts(&b, "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n"
	    "Auto-Submitted: auto-generated\r\n"	/* RFC 3834 5: no machine answers this */
	    "Precedence: bulk\r\n"
	    "X-Auto-Response-Suppress: All\r\n"
	    "\r\n");
	put_quoted(&b, l.text.p, l.text.n);
	json_free(data);
	return b.p;
}
