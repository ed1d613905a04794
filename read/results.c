/*
 * results - see results.h
 *
 * A mail server writes what it found on top of the mail, and all below its own Received line may be
 * written by the sender. So only the topmost block of fields by a configured server counts, only above
 * the first Received that is not of that server's house.
 */
#include "read/results.h"

#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "read/lex.h"

#define MAX_RESULTS	64	/* clauses in one block; real ones have under 15 */

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
	bool			 loose;		/* the grammar of Exchange Online */
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

/* What follows a methodspec up to ";" or the end: reason=value, ptype.property=value; loose: any word=value. */
static bool
clause_properties(struct lexer *l, struct result_clause *c, bool loose)
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
		if ((loose || span_is_nocase(ptype, "reason")) && ptype.n > 0 && lex_take(l, '=')) {
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
clause_read(struct lexer *l, struct result_clause *c, bool loose)
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
	return method.n > 0 && clause_properties(l, c, loose);
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

/* A word alone, up to ";" or the end: Exchange Online wrote the recipient's domain between clauses. */
static bool
word_alone(struct lexer *l)
{
	lex_run(l, TOKEN_STOP);
	lex_skip(l);
	return !l->broken && (l->left.n == 0 || lex_peek(l) == ';');
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
		if (r->loose && word_alone(l))
			continue;
		*l = before;
		if (!clause_read(l, &c, r->loose) || r->count == MAX_RESULTS)
			return false;
		r->list[r->count++] = c;
	}
	return !l->broken && l->left.n == 0;
}

/* ---- Received */

struct received {
	struct span	by, from_host;	/* empty if it has none */
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
		if (first && span_is_nocase(word, "from")) {
			struct lexer ahead = l;		/* a HELO may be any word, "by" too */

			r.from = true;
			lex_skip(&ahead);
			r.from_host = lex_run(&ahead, "()\";");
		}
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

/* ---- Exchange Online */

static bool
host_ends(struct span host, const char *end)
{
	size_t n = strlen(end);

	return host.n > n && span_domain(host) && span_is_nocase(span_from(host, host.n - n), end);
}

/* A step between Exchange Online's own hosts. The edge, which takes mail from outside, has other names. */
static bool
received_is_exchange(const struct received *r)
{
	return (host_ends(r->by, ".prod.outlook.com") || host_ends(r->by, ".outlook.office365.com")) &&
	    (host_ends(r->from_host, ".prod.outlook.com") ||
	    host_ends(r->from_host, ".prod.protection.outlook.com"));
}

/* Exchange takes fields of this name off mail from outside, and says so that it did come from there. */
static bool
is_anonymous(const struct header *h, struct arena *a)
{
	size_t				 count;
	const struct header_field	*f = header_find(h, "X-MS-Exchange-Organization-AuthAs", &count);

	return count == 1 && span_is_nocase(header_unfold(f->value, a), "Anonymous");
}

/* As block_read(): the topmost field without an authserv-id, and the date of the first Received below it. */
static void
exchange_read(const struct header *h, struct arena *a, struct results *r, int64_t *received_ms)
{
	bool within = false;	/* a step inside was seen: what came so far is Exchange's */

	*r = (struct results){.loose = true};
	*received_ms = 0;
	for (size_t i = 0; i < h->count; i++) {
		const struct header_field	*f = &h->fields[i];
		struct received			 rec;

		if (field_is_senders(f->name))
			return;
		if (span_is_nocase(f->name, "Received")) {
			rec = received_read(f->value, a);
			if (r->id != NULL)
				*received_ms = rec.date_ms;
			if (r->id != NULL || !received_is_exchange(&rec))
				return;
			within = true;
		}
		if (r->id == NULL && within && span_is_nocase(f->name, "Authentication-Results")) {
			struct lexer	l = {.left = f->value};
			struct span	id;
			bool		known;

			if (results_id(&l, &id, &known))
				continue;
			r->id = "microsoft365";
			l = (struct lexer){.left = span_of(arena_printf(a, ";%.*s", (int)f->value.n,
			    f->value.p))};
			r->unreadable = !results_read(&l, r);
		}
	}
}

/* Only dmarc=pass counts, for the From domain; neither "bestguesspass" nor what compauth makes of it. */
static void
exchange_narrow(struct results *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->list[i].method != METHOD_DMARC && r->list[i].result == RESULT_PASS)
			r->list[i].method = METHOD_OTHER;
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

/* None of them says no, and one says that it could not ask. */
static bool
results_unsure(const struct results *r)
{
	bool unsure = false;

	for (size_t i = 0; i < r->count; i++) {
		if (r->list[i].method == METHOD_OTHER)
			continue;
		if (r->list[i].result == RESULT_FAIL || r->list[i].result == RESULT_POLICY)
			return false;
		unsure = unsure || r->list[i].result == RESULT_TEMPERROR;
	}
	return unsure;
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

	for (size_t i = 0; i < domain.n; i++)
		lower[i] = (char)(domain.p[i] >= 'A' && domain.p[i] <= 'Z' ? domain.p[i] + 32 : domain.p[i]);
	lower[domain.n] = '\0';
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

static struct results_said
said(enum results_verdict verdict, struct span why)
{
	return (struct results_said){.verdict = verdict, .detail = why};
}

struct results_said
results_judge(const struct reading_setup *s, const struct header *h, const char *from_domain,
    struct arena *a)
{
	struct results			*r = arena_alloc(a, sizeof *r);
	const struct result_clause	*c;
	int64_t				 received_ms;
	bool				 pass;

	if ((s->authserv_ids[0] == NULL && !s->microsoft365) || !s->accept_authentication_results)
		return said(RESULTS_MISSING,
		    SPAN_LIT("no authserv-id is configured whose Authentication-Results would count"));
	block_read(h, s, a, r, &received_ms);
	if (r->id == NULL && s->microsoft365) {
		exchange_read(h, a, r, &received_ms);
		exchange_narrow(r);
		if (r->id != NULL && !is_anonymous(h, a))
			return said(RESULTS_MISSING,
			    SPAN_LIT("no single X-MS-Exchange-Organization-AuthAs: Anonymous"));
	}
	if (r->id == NULL)
		return said(RESULTS_MISSING,
		    SPAN_LIT("no Authentication-Results of a configured authserv-id on top of the mail"));
	if (r->unreadable)
		return said(RESULTS_UNREADABLE, span_of(r->id));
	c = results_decide(r, from_domain, &pass);
	if (results_differ(r) || !pass)
		return said(!results_differ(r) && results_unsure(r) ? RESULTS_UNSURE : RESULTS_FAILED,
		    c != NULL && !pass ? detail(a, r->id, c) : detail_all(a, r));
	return (struct results_said){RESULTS_PASS, detail(a, r->id, c), received_ms};
}
