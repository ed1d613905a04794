/*
 * dkim - see dkim.h
 *
 * Each signature is verified alone, with the other DKIM-Signature fields left out: so one that is broken
 * on purpose cannot end the work on a good one, and what it costs is bounded by us. (A signature that covers
 * other DKIM-Signature fields is then broken; RFC 6376 5.4.1 names no reason to make one.)
 */
#include "read/dkim.h"

#include <dkim.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "read/lex.h"

/*
 * The library's own clock is put out of the way: x= and t= are ours to judge. Not for longer: it takes the
 * drift from t=, unsigned, and what wraps is "in the future".
 */
#define DRIFT_S	(10 * UINT64_C(31556952))
#define FIELD_NAME	"DKIM-Signature"
#define NAME_MAX_BYTES	253		/* of a name that the DNS can be asked for: RFC 1035 2.3.4 */
#define CHUNK_BYTES	(64 * 1024)	/* of the body that is given to the library at a time */

struct dkim_door {
	DKIM_LIB	*lib;
};

/* ---- tags */

/* What we look at ourselves; the library reads all of them. Values without the white space around them. */
struct tags {
	struct span	a, d, h, l, s, t, x;
	bool		bad;		/* a tag twice (RFC 6376 3.2), or what is no tag list */
};

static struct span
white_trim(struct span s)
{
	while (s.n > 0 && lex_white((unsigned char)s.p[0]))
		s = span_from(s, 1);
	while (s.n > 0 && lex_white((unsigned char)s.p[s.n - 1]))
		s.n--;
	return s;
}

static struct tags
tags_read(struct span value)
{
	struct tags	t = {0};
	struct span	one, name;
	bool		more = true;

	while (more) {
		struct {const char *name; struct span *value;} known[] = {
			{ "a", &t.a }, { "d", &t.d }, { "h", &t.h }, { "l", &t.l }, { "s", &t.s }, { "t", &t.t },
			{ "x", &t.x },
		};

		more = span_cut(&value, ';', &one);
		if (!more)
			one = value;
		if (white_trim(one).n == 0)
			continue;
		if (!span_cut(&one, '=', &name)) {
			t.bad = true;
			continue;
		}
		for (size_t i = 0; i < COUNT(known); i++) {
			if (!span_is(white_trim(name), known[i].name))	/* tags know upper from lower case */
				continue;
			t.bad = t.bad || known[i].value->p != NULL;
			*known[i].value = white_trim(one);
		}
	}
	return t;
}

/* Seconds since 1970 in ms; 0 if it is no number that a date could have. */
static int64_t
tag_time_ms(struct span s)
{
	int64_t v = 0;

	if (!span_digits(s) || s.n > 12)
		return 0;
	for (size_t i = 0; i < s.n; i++)
		v = v * 10 + (s.p[i] - '0');
	return v * 1000;
}

static bool
list_has_from(struct span list)
{
	struct span	one;
	bool		more = true;

	while (more) {
		more = span_cut(&list, ':', &one);
		if (span_is_nocase(white_trim(more ? one : list), "From"))
			return true;
	}
	return false;
}

static const char *
domain_known(const char **domains, struct span d)
{
	for (; *domains != NULL; domains++)
		if (span_is_nocase(d, *domains))
			return *domains;
	return NULL;
}

/* Why a signature does not count, whatever the library would make of it; NULL: it may. */
static const char *
tags_refused(const struct tags *t, int64_t at_ms)
{
	if (t->l.p != NULL)
		return "dkim-length";
	if (!span_is(t->a, "rsa-sha256") && !span_is(t->a, "ed25519-sha256"))
		return "dkim-algorithm";
	if (!list_has_from(t->h))
		return "dkim-from-unsigned";
	if (t->x.p != NULL && tag_time_ms(t->x) < at_ms)
		return "dkim-time";
	if (t->t.p != NULL && (tag_time_ms(t->t) == 0 || tag_time_ms(t->t) > at_ms + DKIM_SKEW_MS))
		return "dkim-time";
	return NULL;
}

/* ---- one signature through the library */

struct work {
	const struct dkim_mail		*mail;
	const struct header_field	*field;		/* the signature */
	struct arena			*arena;
	struct signature		*signature;
	enum key_status			 status;
	bool				 asked, too_long, lf;
};

static DKIM_CBSTAT
key_wanted(DKIM *dkim, DKIM_SIGINFO *sig, unsigned char *buf, size_t size)
{
	struct work	*w = dkim_get_user_context(dkim);
	struct span	 record;

	/* the names are ours, as the tags were read: the library's must be the same */
	if (!span_is_nocase(span_of((const char *)dkim_sig_getdomain(sig)), w->signature->domain) ||
	    !span_is_nocase(span_of((const char *)dkim_sig_getselector(sig)), w->signature->selector))
		return DKIM_CBSTAT_REJECT;
	if (!w->asked)
		w->status = w->mail->key(w->mail->key_arg, w->signature->selector, w->signature->domain,
		    w->arena, &w->signature->key);
	w->asked = true;
	if (w->status != KEY_FOUND)
		return DKIM_CBSTAT_NOTFOUND;
	record = w->signature->key;
	if (record.n >= size) {
		w->too_long = true;
		return DKIM_CBSTAT_NOTFOUND;
	}
	memcpy(buf, record.p, record.n);
	buf[record.n] = '\0';
	return DKIM_CBSTAT_CONTINUE;
}

/* Line ends as on the wire: of a saved mail all may be LF alone. */
static struct span
wire(struct span s, bool lf, struct arena *a)
{
	struct arena_buf b = {.arena = a};
	struct span	 line;

	if (!lf)
		return s;
	arena_put(&b, "", 0);
	while (span_cut(&s, '\n', &line)) {
		arena_put(&b, line.p, line.n);
		arena_put(&b, "\r\n", 2);
	}
	arena_put(&b, s.p, s.n);
	return (struct span){b.p, b.n};
}

static bool
headers_feed(DKIM *dkim, const struct work *w)
{
	const struct header *h = w->mail->header;

	for (size_t i = 0; i < h->count; i++) {
		const struct header_field	*f = &h->fields[i];
		struct span			 whole = {f->name.p, (size_t)(f->value.p + f->value.n - f->name.p)};

		if (f != w->field && span_is_nocase(f->name, FIELD_NAME))
			continue;
		whole = wire(whole, w->lf, w->arena);
		if (dkim_header(dkim, (u_char *)(uintptr_t)whole.p, whole.n) != DKIM_STAT_OK)
			return false;
	}
	return true;
}

/* What follows the empty line after the last field. */
static struct span
body_of(const struct dkim_mail *m)
{
	const struct header_field	*last = &m->header->fields[m->header->count - 1];
	struct span			 rest = {last->value.p + last->value.n, 0}, line;

	rest.n = (size_t)(m->bytes.p + m->bytes.n - rest.p);
	span_cut(&rest, '\n', &line);
	if (!span_cut(&rest, '\n', &line))
		return (struct span){"", 0};
	return rest;
}

static bool
body_feed(DKIM *dkim, const struct work *w)
{
	struct span body = body_of(w->mail);

	while (body.n > 0) {
		struct arena	a = {0};
		struct span	chunk = span_take(body, CHUNK_BYTES), sent;
		DKIM_STAT	rc;

		body = span_from(body, chunk.n);
		sent = wire(chunk, w->lf, &a);
		rc = dkim_body(dkim, (u_char *)(uintptr_t)sent.p, sent.n);
		arena_free(&a);
		if (rc != DKIM_STAT_OK)
			return false;
	}
	return true;
}

/* The library's verdict on its only signature; *reason: a remark. */
static enum signature_verdict
verdict_of(DKIM *dkim, const struct work *w, const char **reason)
{
	DKIM_SIGINFO	**sigs;
	dkim_alg_t	  alg = 0;
	unsigned	  bits = 0;
	int		  n = 0;

	*reason = "dkim-broken";
	if (w->asked && w->status == KEY_FAILED)
		return SIGNATURE_NO_DNS;
	if (w->asked && w->status == KEY_NONE)
		return SIGNATURE_NO_KEY;
	if (w->asked && (w->status == KEY_SEVERAL || w->too_long))
		return SIGNATURE_WRONG_KEY;
	if (dkim_getsiglist(dkim, &sigs, &n) != DKIM_STAT_OK || n != 1)
		return SIGNATURE_BROKEN;
	switch (dkim_sig_geterror(sigs[0])) {
	case DKIM_SIGERROR_OK:
		break;
	case DKIM_SIGERROR_KEYREVOKED:
		*reason = "dkim-key-revoked";
		return SIGNATURE_REFUSED;
	case DKIM_SIGERROR_KEYTOOSMALL:
		*reason = "dkim-key-weak";
		return SIGNATURE_REFUSED;
	case DKIM_SIGERROR_DNSSYNTAX:
	case DKIM_SIGERROR_KEYVERSION:
	case DKIM_SIGERROR_KEYUNKNOWNHASH:
	case DKIM_SIGERROR_KEYHASHMISMATCH:
	case DKIM_SIGERROR_NOTEMAILKEY:
	case DKIM_SIGERROR_KEYTYPEMISSING:
	case DKIM_SIGERROR_KEYTYPEUNKNOWN:
	case DKIM_SIGERROR_KEYDECODE:
		return SIGNATURE_WRONG_KEY;
	case DKIM_SIGERROR_BADSIG:	/* the header's signature, or only the body's hash? */
		return (dkim_sig_getflags(sigs[0]) & DKIM_SIGFLAG_PASSED) != 0 ? SIGNATURE_BROKEN :
		    SIGNATURE_WRONG_KEY;
	default:
		return SIGNATURE_BROKEN;
	}
	if ((dkim_sig_getflags(sigs[0]) & DKIM_SIGFLAG_PASSED) == 0 ||
	    dkim_sig_getbh(sigs[0]) != DKIM_SIGBH_MATCH || !w->asked ||
	    !dkim_sig_hdrsigned(sigs[0], (u_char[]){"From"}))
		return SIGNATURE_BROKEN;
	if (dkim_sig_getsignalg(sigs[0], &alg) != DKIM_STAT_OK ||
	    dkim_sig_getkeysize(sigs[0], &bits) != DKIM_STAT_OK ||
	    (alg != DKIM_SIGN_ED25519SHA256 && (alg != DKIM_SIGN_RSASHA256 || bits < DKIM_MIN_BITS)))
		return SIGNATURE_BROKEN;
	return SIGNATURE_GOOD;
}

static enum signature_verdict
verify(struct dkim_door *door, struct work *w, const char **reason)
{
	enum signature_verdict	 v = SIGNATURE_BROKEN;
	DKIM_STAT		 rc;
	DKIM			*dkim = dkim_verify(door->lib, (const u_char[]){"mail"}, NULL, &rc);

	*reason = "dkim-broken";
	if (dkim == NULL)
		return v;
	dkim_set_user_context(dkim, w);
	if (headers_feed(dkim, w)) {
		rc = dkim_eoh(dkim);
		if (rc == DKIM_STAT_OK && body_feed(dkim, w))
			dkim_eom(dkim, NULL);
		v = verdict_of(dkim, w, reason);
	}
	dkim_free(dkim);
	return v;
}

/* ---- a mail */

static void
name_copy(char out[254], struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		out[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 32 : s.p[i]);
	out[s.n] = '\0';
}

/* Nobody has a key under a name that is none; asked for, it would look like a DNS that is away. */
static bool
key_has_name(const struct tags *t)
{
	return span_domain(t->s) && t->s.n + sizeof READING_KEY_PLACE - 1 + t->d.n <= NAME_MAX_BYTES;
}

/* One DKIM-Signature field of a domain of ours. */
static void
signature_check(struct dkim_door *door, struct work *w, const struct tags *t, struct reasons *remarks)
{
	struct signature	*s = w->signature;
	const char		*reason = tags_refused(t, w->mail->at_ms);

	name_copy(s->domain, t->d);
	if (t->bad || !key_has_name(t)) {
		s->verdict = SIGNATURE_BROKEN;
		reason = "dkim-broken";
	} else {
		name_copy(s->selector, t->s);
		s->verdict = reason != NULL ? SIGNATURE_REFUSED : verify(door, w, &reason);
	}
	if (s->verdict != SIGNATURE_GOOD)
		reasons_add(remarks, reason, false, -1);
}

void
dkim_verify_mail(struct dkim_door *door, const struct dkim_mail *m, struct arena *a,
    struct signature *out, struct reasons *reasons)
{
	struct reasons	remarks = {0};
	bool		lf = memchr(m->bytes.p, '\r', m->bytes.n) == NULL;
	int		done = 0;

	*out = (struct signature){.key = SPAN_LIT("")};
	for (size_t i = 0; i < m->header->count && done < READING_MAX_SIGNATURES; i++) {
		const struct header_field	*f = &m->header->fields[i];
		struct signature		 s = {.key = SPAN_LIT("")};
		struct work			 w = {.mail = m, .field = f, .arena = a, .lf = lf, .signature = &s};
		struct tags			 t;

		if (!span_is_nocase(f->name, FIELD_NAME))
			continue;
		t = tags_read(f->value);
		if (!span_domain(t.d) || domain_known(m->domains, t.d) == NULL)
			continue;
		done++;
		signature_check(door, &w, &t, &remarks);
		if (s.verdict > out->verdict)
			*out = s;
		if (s.verdict == SIGNATURE_GOOD)
			return;
	}
	for (int i = 0; i < remarks.count; i++)
		reasons_add(reasons, remarks.list[i].code, remarks.list[i].doubt, -1);
}

/* ---- the door */

int
dkim_open(struct dkim_door **out, struct err *e)
{
	struct dkim_door	*door = calloc(1, sizeof *door);
	uint64_t		 drift = DRIFT_S;
	unsigned		 bits = DKIM_MIN_BITS;

	*out = NULL;
	if (door == NULL || (door->lib = dkim_init(NULL, NULL)) == NULL) {
		free(door);
		return err_what(e, ERR_RETRY, ERR_NOMEM, "cannot open libopendkim");
	}
	if (!dkim_libfeature(door->lib, DKIM_FEATURE_SHA256) ||
	    dkim_options(door->lib, DKIM_OP_SETOPT, DKIM_OPTS_CLOCKDRIFT, &drift, sizeof drift) != DKIM_STAT_OK ||
	    dkim_options(door->lib, DKIM_OP_SETOPT, DKIM_OPTS_MINKEYBITS, &bits, sizeof bits) != DKIM_STAT_OK ||
	    dkim_set_key_lookup(door->lib, key_wanted) != DKIM_STAT_OK) {
		dkim_close_door(door);
		return err_set(e, ERR_FATAL, "libopendkim does not take its settings");
	}
	*out = door;
	return 0;
}

void
dkim_close_door(struct dkim_door *door)
{
	if (door == NULL)
		return;
	dkim_close(door->lib);
	free(door);
}
