/*
 * prove - see prove.h
 *
 * Authentication-Results (RFC 8601): a mail server writes what it found on top of the mail, and all
 * below its own Received line may be written by the sender. So only the topmost block of fields by a
 * configured server counts, only above the first Received that is not of that server's house.
 */
#include "read/prove.h"

#include <string.h>

#include "base/clock.h"
#include "read/header.h"

#define MAX_RESULTS	64	/* clauses in one block; real ones have under 15 */
#define MAX_NESTING	16	/* comments in comments */
#define MAX_ADDRESS	254	/* bytes: RFC 5321 4.5.3.1.3, less its angle brackets */

/* ---- words */

struct lexer {
	struct span	left;
	bool		broken;		/* an unclosed comment or string */
};

static int
lex_peek(const struct lexer *l)
{
	return l->left.n > 0 ? (unsigned char)l->left.p[0] : -1;
}

static void
lex_step(struct lexer *l)
{
	l->left = span_from(l->left, 1);
}

static bool
is_white(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One comment, nested ones included (RFC 5322 3.2.2). */
static void
lex_comment(struct lexer *l)
{
	int depth = 0;

	while (l->left.n > 0) {
		int c = lex_peek(l);

		lex_step(l);
		if (c == '\\')
			lex_step(l);
		else if (c == '(' && ++depth > MAX_NESTING)
			break;
		else if (c == ')' && --depth == 0)
			return;
	}
	l->broken = true;
}

/* Skips white space and comments; true if there was any. */
static bool
lex_skip(struct lexer *l)
{
	size_t before = l->left.n;

	for (;;) {
		if (is_white(lex_peek(l)))
			lex_step(l);
		else if (lex_peek(l) == '(')
			lex_comment(l);
		else
			return l->left.n != before;
	}
}

/* A quoted string; what lies between the quotes, or broken. */
static struct span
lex_quoted(struct lexer *l)
{
	struct span s;

	lex_step(l);
	s = l->left;
	while (l->left.n > 0) {
		int c = lex_peek(l);

		if (c == '"') {
			s.n = (size_t)(l->left.p - s.p);
			lex_step(l);
			return s;
		}
		lex_step(l);
		if (c == '\\')
			lex_step(l);
	}
	l->broken = true;
	return (struct span){0};
}

/* The longest run of printable ASCII without any of `stop`. */
static struct span
lex_run(struct lexer *l, const char *stop)
{
	struct span s = l->left;

	while (lex_peek(l) > 0x20 && lex_peek(l) < 0x7f && strchr(stop, lex_peek(l)) == NULL)
		lex_step(l);
	s.n -= l->left.n;
	return s;
}

static bool
lex_take(struct lexer *l, char c)
{
	if (lex_peek(l) != c)
		return false;
	lex_step(l);
	return true;
}

/* ---- From */

/* An addr-spec in plain form: local@domain, ASCII, no comment, no white space, no address literal. */
static bool
address_split(struct span s, struct span *domain)
{
	struct lexer	l = {.left = s};
	struct span	local;

	if (s.n > MAX_ADDRESS)
		return false;
	if (lex_peek(&l) == '"')
		local = lex_quoted(&l);
	else
		local = lex_run(&l, "()<>[]:;@\\,\"");
	if (l.broken || local.n == 0 || !lex_take(&l, '@') || !span_domain(l.left))
		return false;
	for (size_t i = 0; i < local.n; i++)
		if (local.p[i] < 0x20 || local.p[i] >= 0x7f)	/* a negative char is not ASCII */
			return false;
	*domain = l.left;
	return true;
}

/*
 * The single mailbox of a From field: `address`, `address (comment)` or `phrase <address>`. The phrase
 * may hold dots and bytes beyond ASCII, as many senders write them, but no special: an "@" or a comma
 * in it is read as another address by some.
 */
static bool
from_address(struct span value, struct span *address)
{
	struct lexer l = {.left = value};

	lex_skip(&l);
	*address = l.left;
	for (;;) {
		int c = lex_peek(&l);

		if (c == '<') {
			lex_step(&l);
			*address = span_trim(lex_run(&l, ">"));
			if (!lex_take(&l, '>'))
				return false;
			break;
		}
		if (c == '"')
			lex_quoted(&l);
		else if (c == '(')
			lex_comment(&l);
		else if (c < 0)
			return false;
		else if (c == '@') {	/* it began without a phrase */
			lex_step(&l);
			lex_run(&l, "()<>[]:;@\\,\"");
			address->n -= l.left.n;
			break;
		} else if (strchr(")>[]:;\\,", c) != NULL || c == 0x7f || (c < 0x20 && !is_white(c)))
			return false;
		else
			lex_step(&l);
		while (is_white(lex_peek(&l)))
			lex_step(&l);
		if (l.broken)
			return false;
	}
	lex_skip(&l);
	return !l.broken && l.left.n == 0;
}

static void
domain_copy(char out[254], struct span domain)
{
	for (size_t i = 0; i < domain.n; i++)
		out[i] = (char)(domain.p[i] >= 'A' && domain.p[i] <= 'Z' ? domain.p[i] + 32 : domain.p[i]);
	out[domain.n] = '\0';
}

/* Fills proof->from_domain; NULL, or the reason why there is none. */
static const char *
from_read(const struct header *h, struct proof *proof, struct span *address)
{
	size_t				 count;
	const struct header_field	*from = header_find(h, "From", &count);
	struct span			 domain;

	if (h->malformed)
		return "header-malformed";
	if (from == NULL || span_trim(from->value).n == 0)
		return "from-missing";
	if (count > 1 || !from_address(from->value, address) || !address_split(*address, &domain))
		return "from-ambiguous";
	domain_copy(proof->from_domain, domain);
	return NULL;
}

static bool
list_has(const char **list, struct span s)
{
	for (; *list != NULL; list++)
		if (span_is_nocase(s, *list))
			return true;
	return false;
}

/* ---- one Authentication-Results field */

enum method { METHOD_OTHER, METHOD_DMARC, METHOD_DKIM, METHOD_SPF };

/* In the order of how they are told; what is none of them is told as "other". */
enum result { RESULT_OTHER, RESULT_PASS, RESULT_FAIL, RESULT_NONE, RESULT_NEUTRAL, RESULT_SOFTFAIL,
	RESULT_POLICY, RESULT_TEMPERROR, RESULT_PERMERROR, RESULTS };
static const char *const result_names[RESULTS] = {
	"other", "pass", "fail", "none", "neutral", "softfail", "policy", "temperror", "permerror",
};

struct result_clause {
	enum method	 method;
	enum result	 result;
	struct span	 from, d, i, s, b, mailfrom;	/* header.from, .d, .i, .s, .b, smtp.mailfrom */
};

struct results {
	struct result_clause	 list[MAX_RESULTS];
	size_t			 count;
	const char		*id;		/* the configured one that the block is of */
	bool			 unreadable;	/* a field of the block was */
};

#define TOKEN_STOP "()<>@,;:\\\"/[]?="	/* RFC 2045 5.1 tspecials */

/* `value` of RFC 2045: a token or a quoted string. */
static struct span
lex_value(struct lexer *l)
{
	return lex_peek(l) == '"' ? lex_quoted(l) : lex_run(l, TOKEN_STOP);
}

/*
 * pvalue: looser than the RFC about which bytes, since servers write all of mail addresses, base64
 * and IPv6 there, unquoted; none of them can end a clause or begin a comment.
 */
static struct span
lex_pvalue(struct lexer *l)
{
	struct span s = l->left;

	if (lex_peek(l) == '"') {
		struct span quoted = lex_quoted(l);

		if (lex_peek(l) != '@')
			return quoted;
	}
	lex_run(l, "();,\"");
	s.n -= l->left.n;
	return s;
}

static enum method
method_of(struct span s)
{
	if (span_is_nocase(s, "dmarc"))
		return METHOD_DMARC;
	if (span_is_nocase(s, "dkim"))
		return METHOD_DKIM;
	return span_is_nocase(s, "spf") ? METHOD_SPF : METHOD_OTHER;
}

static enum result
result_of(struct span s)
{
	for (int i = 1; i < RESULTS; i++)
		if (span_is_nocase(s, result_names[i]))
			return (enum result)i;
	if (span_is_nocase(s, "hardfail"))	/* RFC 5451's name for it */
		return RESULT_FAIL;
	return RESULT_OTHER;
}

/* Keeps one property of a clause; the same one twice is unreadable. */
static bool
clause_put(struct result_clause *c, struct span ptype, struct span property, struct span value)
{
	static const struct { const char *ptype, *property; size_t at; } known[] = {
		{ "header", "from", offsetof(struct result_clause, from) },
		{ "header", "d", offsetof(struct result_clause, d) },
		{ "header", "i", offsetof(struct result_clause, i) },
		{ "header", "s", offsetof(struct result_clause, s) },
		{ "header", "b", offsetof(struct result_clause, b) },
		{ "smtp", "mailfrom", offsetof(struct result_clause, mailfrom) },
	};

	for (size_t i = 0; i < COUNT(known); i++) {
		struct span *slot = (struct span *)(void *)((char *)c + known[i].at);

		if (!span_is_nocase(ptype, known[i].ptype) || !span_is_nocase(property, known[i].property))
			continue;
		if (slot->p != NULL)
			return false;
		*slot = value;
	}
	return true;
}

/* What follows a methodspec up to ";" or the end: reason=value and ptype.property=value. */
static bool
clause_properties(struct lexer *l, struct result_clause *c)
{
	for (;;) {
		bool		apart = lex_skip(l);
		struct span	ptype, property, value;

		if (l->broken)
			return false;
		if (l->left.n == 0 || lex_peek(l) == ';')
			return true;
		if (!apart)
			return false;
		ptype = lex_run(l, TOKEN_STOP ".");
		lex_skip(l);
		if (span_is_nocase(ptype, "reason") && lex_take(l, '=')) {
			lex_skip(l);
			if (lex_peek(l) != '"' && lex_value(l).n == 0)
				return false;
			else if (lex_peek(l) == '"')
				lex_quoted(l);
			continue;
		}
		if (ptype.n == 0 || !lex_take(l, '.'))
			return false;
		lex_skip(l);
		property = lex_run(l, TOKEN_STOP);
		lex_skip(l);
		if (property.n == 0 || !lex_take(l, '='))
			return false;
		lex_skip(l);
		value = lex_pvalue(l);
		if (!clause_put(c, ptype, property, value))
			return false;
	}
}

/* method [ "/" version ] "=" result, then its properties. */
static bool
clause_read(struct lexer *l, struct result_clause *c)
{
	struct span method = lex_run(l, TOKEN_STOP);

	*c = (struct result_clause){.method = method_of(method)};
	lex_skip(l);
	if (lex_take(l, '/')) {
		lex_skip(l);
		/* a version that we do not know may mean anything */
		if (!span_is(lex_run(l, TOKEN_STOP), "1"))
			c->method = METHOD_OTHER;
		lex_skip(l);
	}
	if (method.n == 0 || !lex_take(l, '='))
		return false;
	lex_skip(l);
	method = lex_run(l, TOKEN_STOP);
	c->result = result_of(method);
	return method.n > 0 && clause_properties(l, c);
}

/*
 * The authserv-id that a field begins with, if it is one: a field that begins with "spf=pass", as
 * Exchange Online's do, has none. After it the lexer stands at ";" or the end.
 */
static bool
results_id(struct lexer *l, struct span *id, bool *version_known)
{
	bool apart;

	lex_skip(l);
	*id = lex_peek(l) == '"' ? lex_quoted(l) : lex_run(l, "()<>@,;:\\\"[]?=");
	apart = lex_skip(l);
	*version_known = true;
	if (apart && l->left.n > 0 && lex_peek(l) != ';') {
		struct span version = lex_run(l, TOKEN_STOP);

		*version_known = span_is(version, "1");
		lex_skip(l);
	}
	return !l->broken && id->n > 0 && (l->left.n == 0 || lex_peek(l) == ';');
}

/* The clauses of a field after its authserv-id; false if it does not keep the grammar. */
static bool
results_read(struct lexer *l, struct results *r)
{
	while (lex_take(l, ';')) {
		struct result_clause	c;
		struct lexer		before;

		lex_skip(l);
		if (l->left.n == 0)	/* a ";" at the end: not in the RFC, but common */
			break;
		before = *l;
		if (span_is_nocase(lex_run(l, TOKEN_STOP), "none")) {
			lex_skip(l);
			return !l->broken && l->left.n == 0;
		}
		*l = before;
		if (!clause_read(l, &c) || r->count == MAX_RESULTS)
			return false;
		r->list[r->count++] = c;
	}
	return !l->broken && l->left.n == 0;
}

/* ---- Received */

struct received {
	struct span	by;		/* empty if it has none */
	bool		from;		/* has a from clause: the mail came from another host */
	int64_t		date_ms;	/* 0: unreadable */
};

static struct received
received_read(struct span value, struct arena *a)
{
	struct received	r = {0};
	struct lexer	l = {.left = value};
	struct err	ignored;

	for (bool first = true;; first = false) {
		struct span word;

		lex_skip(&l);
		if (l.left.n == 0 || lex_peek(&l) == ';' || l.broken)
			break;
		word = lex_peek(&l) == '"' ? lex_quoted(&l) : lex_run(&l, "()\";");
		if (word.n == 0) {		/* a byte of no kind that we know */
			lex_step(&l);
			continue;
		}
		if (first && span_is_nocase(word, "from"))
			r.from = true;
		if (r.by.n == 0 && span_is_nocase(word, "by")) {
			lex_skip(&l);
			r.by = lex_run(&l, "()\";");
		}
	}
	if (!lex_take(&l, ';') || clock_parse_mail(header_unfold(l.left, a), &r.date_ms, &ignored) < 0)
		r.date_ms = 0;
	return r;
}

/* Is host the id, or under the same parent: the id without its first label, if two are left? */
static bool
host_is_of(struct span host, const char *id)
{
	struct span	parent = span_of(id), rest = parent, label;

	if (span_is_nocase(host, id))
		return true;
	if (span_cut(&rest, '.', &label) && memchr(rest.p, '.', rest.n) != NULL)
		parent = rest;
	if (host.n <= parent.n || host.p[host.n - parent.n - 1] != '.' || parent.n == 0)
		return span_eq_nocase(host, parent);
	return span_domain(host) && span_eq_nocase(span_from(host, host.n - parent.n), parent);
}

/*
 * A private address (RFC 1918, or its 6to4 form, 2002:aXX: for 10.x, which Gmail writes): no host
 * elsewhere. Such a line without a from clause is a step inside the receiving house.
 */
static bool
host_is_private(struct span host)
{
	static const char *const begins[] = {"10.", "127.", "192.168.", "fd"};

	for (size_t i = 0; i < host.n; i++)
		if (strchr("0123456789abcdefABCDEF.:", host.p[i]) == NULL || host.p[i] == '\0')
			return false;
	if (host.n > 8 && host.p[8] == ':' && span_is_nocase(span_take(host, 6), "2002:a"))
		return true;
	for (size_t i = 0; i < COUNT(begins); i++)
		if (span_is_nocase(span_take(host, strlen(begins[i])), begins[i]))
			return memchr(host.p, ':', host.n) != NULL || host.p[host.n - 1] <= '9';
	return false;
}

static bool
received_is_ours(const struct received *r, const struct reading_setup *s)
{
	if (r->by.n == 0)
		return false;
	for (const char **id = s->authserv_ids; *id != NULL; id++)
		if (host_is_of(r->by, *id))
			return true;
	return !r->from && host_is_private(r->by);
}

/* ---- the topmost block */

/* What a sender writes. Trace fields are put above these, so nothing below them is a server's. */
static bool
field_is_senders(struct span name)
{
	static const char *const names[] = {
		"From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Subject", "Date", "Message-ID", "In-Reply-To",
		"References", "MIME-Version", "Content-Type", "Content-Transfer-Encoding", "DKIM-Signature",
	};

	for (size_t i = 0; i < COUNT(names); i++)
		if (span_is_nocase(name, names[i]))
			return true;
	return false;
}

static const char *
id_of(const struct reading_setup *s, struct span id)
{
	for (const char **known = s->authserv_ids; *known != NULL; known++)
		if (span_is_nocase(id, *known))
			return *known;
	return NULL;
}

/* Takes one Authentication-Results field into the block if it is of the block's server. */
static void
block_take(struct results *r, const struct reading_setup *s, struct span value)
{
	struct lexer	 l = {.left = value};
	struct span	 id;
	bool		 version_known;
	const char	*known;

	if (!results_id(&l, &id, &version_known) || (known = id_of(s, id)) == NULL)
		return;
	r->id = known;
	if (!version_known || !results_read(&l, r))
		r->unreadable = true;
}

/*
 * Reads the block, and when the mail came: the date of the first Received below it if that is ours,
 * else (Gmail writes its results below its Received) of the last one above it.
 */
static void
block_read(const struct header *h, const struct reading_setup *s, struct arena *a, struct results *r,
    int64_t *received_ms)
{
	*r = (struct results){0};
	*received_ms = 0;
	for (size_t i = 0; i < h->count; i++) {
		const struct header_field	*f = &h->fields[i];
		struct received			 rec;

		if (field_is_senders(f->name))
			return;
		if (span_is_nocase(f->name, "Authentication-Results"))
			block_take(r, s, f->value);
		if (!span_is_nocase(f->name, "Received"))
			continue;
		rec = received_read(f->value, a);
		if (!received_is_ours(&rec, s))
			return;
		*received_ms = rec.date_ms;
		if (r->id != NULL)
			return;
	}
}

/* ---- the verdict */

/* The domain of "local@domain", "@domain" or "domain"; empty if it is none. */
static struct span
value_domain(struct span value)
{
	struct span domain = value;

	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] == '@')
			domain = span_from(value, i + 1);
	return span_domain(domain) ? domain : (struct span){0};
}

/* The domain that a clause speaks of, and the name of the property that says so. */
static struct span
clause_domain(const struct result_clause *c, const char **property)
{
	switch (c->method) {
	case METHOD_DMARC:
		*property = "header.from";
		return value_domain(c->from);
	case METHOD_DKIM:
		*property = c->d.p != NULL ? "header.d" : "header.i";
		return value_domain(c->d.p != NULL ? c->d : c->i);
	case METHOD_SPF:
		*property = "smtp.mailfrom";
		return value_domain(c->mailfrom);
	case METHOD_OTHER:
		break;
	}
	*property = "";
	return (struct span){0};
}

/* Two that speak of one thing: of dmarc there is one; of a domain's signatures those not told apart. */
static bool
clause_same(const struct result_clause *a, const struct result_clause *b)
{
	const char *property;

	if (a->method != b->method || a->method == METHOD_OTHER)
		return false;
	if (a->method == METHOD_DMARC)
		return true;
	if (!span_eq_nocase(clause_domain(a, &property), clause_domain(b, &property)))
		return false;
	if (a->s.p != NULL && b->s.p != NULL && !span_eq_nocase(a->s, b->s))
		return false;
	return a->b.p == NULL || b->b.p == NULL || span_eq(a->b, b->b);
}

static bool
results_differ(const struct results *r)
{
	for (size_t i = 0; i < r->count; i++)
		for (size_t j = 0; j < i; j++)
			if (clause_same(&r->list[i], &r->list[j]) &&
			    r->list[i].result != r->list[j].result)
				return true;
	return false;
}

/* The clause that decides: dmarc if it says pass or fail, else a pass that is aligned, else NULL. */
static const struct result_clause *
results_decide(const struct results *r, const char *from_domain, bool *pass)
{
	const struct result_clause	*good = NULL;
	const char			*property;

	*pass = false;
	for (size_t i = 0; i < r->count; i++) {
		const struct result_clause	*c = &r->list[i];
		struct span			 domain = clause_domain(c, &property);
		bool				 aligned = domain.n > 0 && span_is_nocase(domain, from_domain);

		if (c->method == METHOD_DMARC && c->result == RESULT_FAIL)
			return *pass = false, c;
		if (c->method == METHOD_DMARC && c->result == RESULT_PASS && domain.n > 0 && !aligned)
			return *pass = false, c;	/* it read another From than we did */
		if (c->result == RESULT_PASS && aligned &&
		    (good == NULL || c->method == METHOD_DMARC)) {
			good = c;
			*pass = true;
		}
	}
	return good;
}

static const char *const method_names[] = {"other", "dmarc", "dkim", "spf"};

/* "mx.example.com dmarc=pass header.from=example.org": our words, and domain names that were checked. */
static struct span
detail(struct arena *a, const char *id, const struct result_clause *c)
{
	const char	*property;
	struct span	 domain = clause_domain(c, &property);
	char		 lower[254];

	domain_copy(lower, domain);
	return span_of(arena_printf(a, "%s %s=%s%s%s%s%s", id, method_names[c->method],
	    result_names[c->result], domain.n > 0 ? " " : "", domain.n > 0 ? property : "",
	    domain.n > 0 ? "=" : "", lower));
}

/* All that the block says of the methods that could have proven it, for a person. */
static struct span
detail_all(struct arena *a, const struct results *r)
{
	struct arena_buf b = {.arena = a};

	arena_puts(&b, r->id);
	for (size_t i = 0; i < r->count && b.n < READING_MAX_DETAIL; i++)
		if (r->list[i].method != METHOD_OTHER) {
			struct span one = detail(a, "", &r->list[i]);

			if (b.n + one.n < READING_MAX_DETAIL)
				arena_put(&b, one.p, one.n);
		}
	return (struct span){b.p, b.n};
}

static void
unproven(struct proof *p, const char *reason, struct span why)
{
	p->kind = PROOF_NONE;
	p->detail = why;
	reasons_add(&p->reasons, reason, true, -1);
}

/* What the receiving server said of the From domain: NULL if it passed, else the reason that it did not. */
static const char *
results_of(const struct reading_setup *s, const struct header *h, const char *from_domain,
    struct arena *a, struct span *why, int64_t *received_ms)
{
	struct results			*r = arena_alloc(a, sizeof *r);
	const struct result_clause	*c;
	bool				 pass;

	if (s->authserv_ids[0] == NULL || !s->accept_authentication_results) {
		*why = SPAN_LIT("no authserv-id is configured whose Authentication-Results would count");
		return "authentication-missing";
	}
	block_read(h, s, a, r, received_ms);
	if (r->id == NULL) {
		*why = SPAN_LIT("no Authentication-Results of a configured authserv-id on top of the mail");
		return "authentication-missing";
	}
	c = results_decide(r, from_domain, &pass);
	*why = span_of(r->id);
	if (r->unreadable)
		return "authentication-unreadable";
	*why = c != NULL && (!pass || !results_differ(r)) ? detail(a, r->id, c) : detail_all(a, r);
	return results_differ(r) || !pass ? "authentication-failed" : NULL;
}

static void
prove_by_results(const struct reading_setup *s, const struct header *h, struct arena *a,
    struct proof *p)
{
	struct span	why;
	int64_t		received_ms;
	const char	*reason = results_of(s, h, p->from_domain, a, &why, &received_ms);

	if (reason != NULL) {
		unproven(p, reason, why);
		return;
	}
	p->kind = PROOF_AUTHENTICATION_RESULTS;
	p->detail = why;
	p->received_ms = received_ms;
}

/* Nothing that a domain says of itself makes it one of ours; but a person may want to know. */
static void
prove_stranger(const struct reading_setup *s, const struct header *h, struct arena *a,
    struct proof *p)
{
	struct span	why;
	int64_t		ignored;

	p->authenticated = results_of(s, h, p->from_domain, a, &why, &ignored) == NULL;
	unproven(p, "sender-not-configured", span_of(arena_printf(a, "From domain %s%s%.*s", p->from_domain,
	    p->authenticated ? ": " : "", p->authenticated ? (int)why.n : 0, why.p)));
}

int
prove(const struct reading_setup *s, struct span mail, struct arena *a, struct proof *p, struct err *e)
{
	struct header	 h;
	struct span	 address = {0};
	const char	*reason;

	*p = (struct proof){.detail = SPAN_LIT("")};
	if (header_split(mail, a, &h, e) < 0)
		return -1;
	reason = from_read(&h, p, &address);
	if (reason != NULL)
		unproven(p, reason, SPAN_LIT("no single From address"));
	else if (!list_has(s->domains, span_of(p->from_domain)))
		prove_stranger(s, &h, a, p);
	else if (s->from[0] != NULL && !list_has(s->from, address))
		unproven(p, "sender-not-configured", span_of(arena_printf(a, "From domain %s", p->from_domain)));
	else
		prove_by_results(s, &h, a, p);
	return 0;
}
