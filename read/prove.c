/*
 * prove - see prove.h
 */
#include "read/prove.h"

#include <string.h>

#include "read/header.h"
#include "read/lookalike.h"
#include "read/results.h"
#include "read/sender.h"

static bool
list_has(const char **list, struct span s)
{
	for (; *list != NULL; list++)
		if (span_is_nocase(s, *list))
			return true;
	return false;
}

static void
unproven(struct proof *p, const char *reason, struct span why)
{
	p->kind = PROOF_NONE;
	p->detail = why;
	reasons_add(&p->reasons, reason, true, -1);
}

/* ---- a sender that is not configured */

static bool
looks_like_ours(const struct reading_setup *s, struct span domain, struct arena *a)
{
	for (const char **d = s->domains; *d != NULL; d++)
		if (lookalike_domain(domain, *d, a))
			return true;
	return false;
}

/* Does another field that mail programs show as a sender name a domain of ours, while From does not? */
static bool
named_elsewhere(const struct reading_setup *s, const struct header *h)
{
	static const char *const names[] = {"Sender", "Resent-From", "Resent-Sender", "Reply-To"};

	for (size_t i = 0; i < h->count; i++)
		for (size_t j = 0; j < COUNT(names); j++) {
			struct span	value = h->fields[i].value;
			ptrdiff_t	at;

			if (!span_is_nocase(h->fields[i].name, names[j]))
				continue;
			while ((at = span_find(value, SPAN_LIT("@"), 0)) >= 0) {
				size_t n = 0;

				value = span_from(value, (size_t)at + 1);
				while (n < value.n && value.p[n] != '\0' &&
				    strchr("<>()[],;: \t\r\n\"@", value.p[n]) == NULL)
					n++;
				if (list_has(s->domains, span_take(value, n)))
					return true;
			}
		}
	return false;
}

/*
 * Nothing that a domain says of itself makes it one of ours; but a person may want to know. Why it might be taken
 * for one is said beside.
 */
static void
prove_stranger(const struct reading_setup *s, const struct header *h, struct arena *a,
    struct proof *p)
{
	struct span		 domain = span_of(p->from_domain);
	struct results_said	 said = results_judge(s, h, p->from_domain, a);

	p->authenticated = said.verdict == RESULTS_PASS;
	unproven(p, "sender-not-configured", span_of(arena_printf(a, "From domain %s%s%.*s", p->from_domain,
	    p->authenticated ? ": " : "", p->authenticated ? (int)said.detail.n : 0, said.detail.p)));
	if (span_find(domain, SPAN_LIT("xn--"), 0) >= 0)
		reasons_add(&p->reasons, "from-international", true, -1);
	if (looks_like_ours(s, domain, a))
		reasons_add(&p->reasons, "sender-look-alike", true, -1);
	if (named_elsewhere(s, h))
		reasons_add(&p->reasons, "sender-elsewhere", true, -1);
}

/* ---- one that is */

static const char *
results_reason(enum results_verdict v)
{
	switch (v) {
	case RESULTS_PASS:
	case RESULTS_MISSING:
		break;
	case RESULTS_UNREADABLE:
		return "authentication-unreadable";
	case RESULTS_FAILED:
	case RESULTS_UNSURE:
		return "authentication-failed";
	}
	return "authentication-missing";
}

/* "DKIM no-key: s1._domainkey.example.com": names that were checked. */
static struct span
signature_detail(const struct signature *s, struct arena *a)
{
	return span_of(arena_printf(a, "DKIM %s: %s._domainkey.%s", signature_name(s->verdict), s->selector,
	    s->domain));
}

/* Could the DNS, once it answers rightly, make the signature good? */
static bool
is_unresolved(const struct signature *s)
{
	return s->verdict == SIGNATURE_NO_DNS || s->verdict == SIGNATURE_NO_KEY ||
	    s->verdict == SIGNATURE_WRONG_KEY;
}

/* The table of architecture, Proof. `kind` is what a good signature makes of it. */
static void
prove_domain(const struct prover *v, const struct dkim_mail *m, enum proof_kind kind, struct arena *a,
    struct proof *p)
{
	struct results_said said = results_judge(v->setup, m->header, p->from_domain, a);

	if (v->setup->accept_dkim && v->dkim != NULL)
		dkim_verify_mail(v->dkim, m, a, &p->signature, &p->reasons);
	if (p->signature.verdict == SIGNATURE_GOOD) {
		p->kind = kind;
		p->detail = signature_detail(&p->signature, a);
	} else if (said.verdict == RESULTS_PASS) {
		p->kind = kind == PROOF_DKIM ? PROOF_AUTHENTICATION_RESULTS : kind;
		p->detail = said.detail;
	} else if (is_unresolved(&p->signature) &&
	    (said.verdict == RESULTS_MISSING || said.verdict == RESULTS_UNSURE)) {
		unproven(p, "dkim-unresolved", signature_detail(&p->signature, a));
	} else {
		unproven(p, results_reason(said.verdict), said.detail);
		if (p->signature.verdict != SIGNATURE_NONE && said.verdict == RESULTS_MISSING)
			p->detail = signature_detail(&p->signature, a);
	}
	if (said.verdict == RESULTS_PASS)
		p->received_ms = said.received_ms;
}

int
prove(const struct prover *v, int64_t at_ms, struct span mail, struct arena *a, struct proof *p,
    struct err *e)
{
	const struct reading_setup	*s = v->setup;
	struct header			 h;
	struct dkim_mail		 m = {.header = &h, .bytes = mail, .at_ms = at_ms, .key = v->key,
					     .key_arg = v->key_arg};
	struct span			 address = {0}, domain = {0};
	const char			*reason;

	*p = (struct proof){.detail = SPAN_LIT(""), .signature.key = SPAN_LIT("")};
	if (header_split(mail, a, &h, e) < 0)
		return -1;
	reason = sender_read(&h, a, &address, &domain);
	if (reason != NULL) {
		unproven(p, reason, SPAN_LIT("no single From address"));
		return 0;
	}
	for (size_t i = 0; i < domain.n; i++)
		p->from_domain[i] = (char)(domain.p[i] >= 'A' && domain.p[i] <= 'Z' ? domain.p[i] + 32 :
		    domain.p[i]);
	if (list_has(s->forwarders, domain) && !list_has(s->domains, domain)) {
		m.domains = s->forwarders;
		prove_domain(v, &m, PROOF_FORWARDER, a, p);
	} else if (!list_has(s->domains, domain)) {
		prove_stranger(s, &h, a, p);
	} else if (s->from[0] != NULL && !list_has(s->from, address)) {
		unproven(p, "sender-not-configured", span_of(arena_printf(a, "From domain %s", p->from_domain)));
		reasons_add(&p->reasons, "sender-address", true, -1);
	} else {
		m.domains = s->domains;
		prove_domain(v, &m, PROOF_DKIM, a, p);
	}
	return 0;
}
