/*
 * screen - see screen.h
 *
 * Looks like: has the domain's name in it once everything but letters and digits is taken away
 * ("Vipps MobilePay <x@example.org>" names vippsmobilepay), or an address whose domain is at most
 * two letters away from it or from the end of it, or a domain that is not plain ASCII, which may
 * look like anything.
 */
#include "read/screen.h"

#include <string.h>

#include "read/header.h"
#include "read/lookalike.h"

/* Every domain after an "@" in a decoded field; a name in plain text too ("vipps.no <x@y>"). */
static bool
text_has_domain_like(struct span text, const char *known)
{
	for (size_t i = 0; i < text.n; i++) {
		struct span	domain = span_from(text, i + 1);
		size_t		n = 0;

		if (text.p[i] != '@')
			continue;
		while (n < domain.n && domain.p[n] != '\0' && strchr(" \t\n<>()[],;:\"'", domain.p[n]) == NULL)
			n++;
		domain = span_take(domain, n);
		for (size_t j = 0; j < domain.n; j++)
			if ((unsigned char)domain.p[j] >= 0x80)
				return true;
		for (size_t j = 0; j + 4 <= domain.n; j++)
			if (span_is_nocase((struct span){domain.p + j, 4}, "xn--"))
				return true;
		if (lookalike_near(domain, known))
			return true;
	}
	return false;
}

static bool
text_names(struct span text, struct span bare, const char *known, struct arena *a)
{
	struct span domain = span_of(known), label = domain;

	span_cut(&domain, '.', &label);
	label = lookalike_letters(label, a);
	if (label.n >= LOOKALIKE_MIN_NAME && span_find(bare, label, 0) >= 0)
		return true;
	if (span_find(bare, lookalike_letters(span_of(known), a), 0) >= 0)
		return true;
	return text_has_domain_like(text, known);
}

static bool
address_names(const struct reading_setup *s, struct span text, struct arena *a)
{
	struct span bare = lookalike_letters(text, a);

	for (const char **d = s->domains; *d != NULL; d++)
		if (text_names(text, bare, *d, a))
			return true;
	for (const char **d = s->forwarders; *d != NULL; d++)
		if (text_names(text, bare, *d, a))
			return true;
	return false;
}

static bool
header_is_candidate(const struct reading_setup *s, const struct rules *rules, struct message_door *m,
    struct span bytes, struct arena *a)
{
	struct header	h;
	struct err	ignored;
	size_t		froms;
	bool		unclear = false;

	if (header_split(bytes, a, &h, &ignored) < 0 || h.malformed)
		return true;
	header_find(&h, "From", &froms);
	if (froms != 1)
		return true;
	for (size_t i = 0; i < h.count; i++) {
		struct span name = h.fields[i].name, text;

		if (span_is_nocase(name, "From") || span_is_nocase(name, "Sender") ||
		    span_is_nocase(name, "Reply-To")) {
			text = message_decode(m, h.fields[i].value, a, &unclear);
			if (address_names(s, text, a))
				return true;
		} else if (span_is_nocase(name, "Subject")) {
			text = message_decode(m, h.fields[i].value, a, &unclear);
			if (rules_screen(rules, text))
				return true;
		}
	}
	return unclear;
}

bool
screen_candidate(const struct reading_setup *s, const struct rules *rules, struct message_door *m,
    struct span header)
{
	struct arena	a = {0};
	bool		yes = header_is_candidate(s, rules, m, header, &a);

	arena_free(&a);
	return yes;
}
