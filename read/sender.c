/*
 * sender - see sender.h
 */
#include "read/sender.h"

#include <string.h>

#include "read/lex.h"

#define MAX_ADDRESS	254	/* bytes: RFC 5321 4.5.3.1.3, less its angle brackets */

static bool
has_byte(struct span s, const char *any)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '\0' && strchr(any, s.p[i]) != NULL)
			return true;
	return false;
}

/* An addr-spec in plain form: local@domain, ASCII, no comment, no white space, no address literal. */
static const char *
address_split(struct span s, struct span *domain)
{
	struct lexer	l = {.left = s};
	struct span	local;

	if (lex_peek(&l) == '@')
		return "from-route";
	if (span_find(s, SPAN_LIT("=?"), 0) >= 0)
		return "from-encoded";
	if (s.n > MAX_ADDRESS)
		return "from-ambiguous";
	if (lex_peek(&l) == '"')
		local = lex_quoted(&l);
	else
		local = lex_run(&l, "()<>[]:;@\\,\"");
	for (size_t i = 0; i < local.n; i++)
		if (local.p[i] < 0x20 || local.p[i] >= 0x7f)	/* a negative char is not ASCII */
			return "from-ambiguous";
	if (l.broken || local.n == 0 || !lex_take(&l, '@'))
		return "from-ambiguous";
	for (size_t i = 0; i < l.left.n; i++)
		if ((unsigned char)l.left.p[i] >= 0x80)
			return "from-international";
	if (!span_domain(l.left))
		return "from-ambiguous";
	*domain = l.left;
	return NULL;
}

/*
 * The single mailbox of a From field: `address`, `address (comment)` or `phrase <address>`. The phrase
 * may hold dots and bytes beyond ASCII, as many senders write them, but no special: an "@" or a comma
 * in it is read as another address by some.
 */
static bool
mailbox_read(struct span value, struct span *address)
{
	struct lexer l = {.left = value};

	lex_skip(&l);
	*address = l.left;
	for (;;) {
		int c = lex_peek(&l);

		if (c == '<') {
			lex_step(&l);
			*address = span_trim(lex_run(&l, ">"));
			if (!lex_take(&l, '>')) {
				/* bytes beyond ASCII end the run; what is wrong is for address_split() to say */
				size_t n = 0;

				while (n < l.left.n && l.left.p[n] != '>')
					n++;
				if ((unsigned char)lex_peek(&l) < 0x80 || n == l.left.n)
					return false;
				address->n += n;
				l.left = span_from(l.left, n + 1);
			}
			break;
		}
		if (c == '"')
			lex_quoted(&l);
		else if (c == '(')
			lex_comment(&l);
		else if (c < 0)
			return false;
		else if (c == '@') {	/* it began without a phrase */
			while (lex_peek(&l) > 0x20 && strchr("()<>[]:;\\,\"", lex_peek(&l)) == NULL)
				lex_step(&l);
			address->n -= l.left.n;
			break;
		} else if (strchr(")>[]:;\\,", c) != NULL || c == 0x7f || (c < 0x20 && !lex_white(c)))
			return false;
		else
			lex_step(&l);
		while (lex_white(lex_peek(&l)))
			lex_step(&l);
		if (l.broken)
			return false;
	}
	lex_skip(&l);
	return !l.broken && l.left.n == 0;
}

/* What a field that is no single mailbox seems to be, for a person: the specials outside quotes say it. */
static const char *
mailbox_not(struct span value)
{
	struct lexer	l = {.left = value};
	const char	*reason = "from-ambiguous";
	bool		angle = false;
	int		addresses = 0;

	for (lex_skip(&l); l.left.n > 0 && !l.broken; lex_skip(&l)) {
		int c = lex_peek(&l);

		if (c == '"') {
			lex_quoted(&l);
			continue;
		}
		if (c == ':' && !angle)
			return "from-group";
		if (c == ',' && !angle)
			return "from-several";
		if (angle && c == '@' && addresses == 0 && l.left.p[-1] == '<')
			return "from-route";
		addresses += c == '@';
		if (c == '<' || c == '>')
			angle = c == '<';
		lex_step(&l);
	}
	return addresses > 1 ? "from-several" : reason;
}

/* ---- encoded words (RFC 2047 2), by bytes: no charset is known here, and none that mail uses moves "@" */

static int
hex_value(int c)
{
	static const char digits[] = "0123456789abcdef";
	const char	 *at = c > 0 ? strchr(digits, c | (c >= 'A' ? 32 : 0)) : NULL;

	return at == NULL ? -1 : (int)(at - digits);
}

static int
base64_value(int c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char	 *at = c > 0 ? strchr(digits, c) : NULL;

	return at == NULL ? -1 : (int)(at - digits);
}

static struct span
decode_q(struct span s, struct arena *a)
{
	char	*out = arena_alloc(a, s.n + 1);
	size_t	 n = 0;

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '=' && i + 2 < s.n && hex_value(s.p[i + 1]) >= 0 && hex_value(s.p[i + 2]) >= 0) {
			out[n++] = (char)(hex_value(s.p[i + 1]) * 16 + hex_value(s.p[i + 2]));
			i += 2;
		} else {
			out[n++] = s.p[i];
		}
	return (struct span){out, n};
}

static struct span
decode_b(struct span s, struct arena *a)
{
	char		*out = arena_alloc(a, s.n + 1);
	size_t		 n = 0;
	unsigned	 bits = 0;
	int		 have = 0;

	for (size_t i = 0; i < s.n; i++) {
		int v = base64_value(s.p[i]);

		if (v < 0)
			continue;
		bits = (bits << 6 | (unsigned)v) & 0xffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[n++] = (char)(bits >> have & 0xff);
		}
	}
	return (struct span){out, n};
}

/* Does an encoded word of the field decode to what could be an address, or end a line? */
static bool
words_hide_address(struct span value, struct arena *a)
{
	ptrdiff_t at;

	for (size_t i = 0; (at = span_find(value, SPAN_LIT("=?"), i)) >= 0; i = (size_t)at + 2) {
		struct span	rest = span_from(value, (size_t)at + 2), charset, how, text;

		if (!span_cut(&rest, '?', &charset) || !span_cut(&rest, '?', &how) ||
		    !span_cut(&rest, '?', &text) || how.n != 1)
			continue;
		text = (how.p[0] | 32) == 'b' ? decode_b(text, a) : decode_q(text, a);
		if (has_byte(text, "@<>\r\n"))
			return true;
	}
	return false;
}

const char *
sender_read(const struct header *h, struct arena *a, struct span *address, struct span *domain)
{
	size_t				 count;
	const struct header_field	*from = header_find(h, "From", &count);
	const char			*reason;

	if (h->malformed)
		return "header-malformed";
	if (from == NULL || (count == 1 && span_trim(from->value).n == 0))
		return "from-missing";
	if (count > 1)
		return "from-duplicate";
	if (!mailbox_read(from->value, address))
		return mailbox_not(from->value);
	reason = address_split(*address, domain);
	if (reason == NULL && words_hide_address(from->value, a))
		reason = "from-encoded";
	return reason;
}
