/*
 * reading - see reading.h
 *
 * A decoder reads through a struct in, which remembers the first thing that is wrong and then gives
 * nothing more: so the code reads like the format, and is checked once at the end.
 */
#include "read/reading.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define FRAME_HEAD	5		/* a type byte, 4 bytes of length */
#define MAX_LIST	1000		/* texts in one list of the settings */
#define MAX_SETTING	4096		/* bytes of one of them: PATH_MAX */
#define MAX_RULE_NAME	200		/* bytes; ours are under 30 */
#define MAX_TRACE	(64 * 1024)	/* bytes of what `rules test -v` prints about one mail */
#define HASH_HEX	64		/* SHA-256 */

static const char *const proof_names[PROOF_KINDS] = {
	[PROOF_NONE] = "none",
	[PROOF_AUTHENTICATION_RESULTS] = "authentication-results",
	[PROOF_DKIM] = "dkim",
	[PROOF_FORWARDER] = "forwarder",
};

static const char *const signature_names[SIGNATURE_VERDICTS] = {
	[SIGNATURE_NONE] = "none",
	[SIGNATURE_REFUSED] = "refused",
	[SIGNATURE_BROKEN] = "broken",
	[SIGNATURE_WRONG_KEY] = "wrong-key",
	[SIGNATURE_NO_KEY] = "no-key",
	[SIGNATURE_NO_DNS] = "no-dns",
	[SIGNATURE_GOOD] = "good",
};

const char *
proof_name(enum proof_kind kind)
{
	return proof_names[kind];
}

const char *
signature_name(enum signature_verdict verdict)
{
	return signature_names[verdict];
}

int64_t
proof_wait_ms(const struct proof *p)
{
	for (int i = 0; i < p->reasons.count; i++) {
		if (strcmp(p->reasons.list[i].code, "dkim-unresolved") != 0)
			continue;
		/* a wrong key is rarer than a changed header: a person should not wait long for the latter */
		return p->signature.verdict == SIGNATURE_WRONG_KEY ? 4 * CLOCK_HOUR : 2 * CLOCK_DAY;
	}
	return 0;
}

/* ---- frames */

/* Waits until fd can be read: 0, or -1 when the deadline passed. */
static int
frame_wait(int fd, int64_t deadline_ms, struct err *e)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	for (;;) {
		int64_t left = deadline_ms - clock_mono_ms();
		int	n;

		if (left <= 0)
			return err_set(e, ERR_RETRY, "deadline passed");
		n = poll(&p, 1, left > CLOCK_MINUTE ? (int)CLOCK_MINUTE : (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_set(e, ERR_RETRY, "poll: %s", strerror(errno));
	}
}

static int
frame_fill(int fd, int64_t deadline_ms, char *p, size_t n, struct err *e)
{
	while (n > 0) {
		ssize_t got;

		if (deadline_ms != 0 && frame_wait(fd, deadline_ms, e) < 0)
			return -1;
		got = read(fd, p, n);
		if (got == 0 || (got < 0 && errno == ECONNRESET))
			return err_set(e, ERR_RETRY, "end of stream");
		if (got < 0 && errno != EINTR && errno != EAGAIN)
			return err_set(e, ERR_RETRY, "read: %s", strerror(errno));
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
	return 0;
}

/* The type, and how long the payload is. */
static int
frame_head(const char head[FRAME_HEAD], size_t max, enum frame_type *type, size_t *n, struct err *e)
{
	const unsigned char *h = (const unsigned char *)head;

	*n = (size_t)h[1] << 24 | (size_t)h[2] << 16 | (size_t)h[3] << 8 | h[4];
	if (h[0] < FRAME_SETUP || h[0] > FRAME_REJECTED)
		return err_set(e, ERR_REJECT, "a frame of unknown type %d", h[0]);
	if (*n > max)
		return err_set(e, ERR_REJECT, "a frame of %zu bytes, more than %zu", *n, max);
	*type = (enum frame_type)h[0];
	return 0;
}

int
frame_cut(struct span *have, size_t max, enum frame_type *type, struct span *payload, struct err *e)
{
	size_t n;

	if (have->n < FRAME_HEAD)
		return 0;
	if (frame_head(have->p, max, type, &n, e) < 0)
		return -1;
	if (have->n - FRAME_HEAD < n)
		return 0;
	*payload = span_take(span_from(*have, FRAME_HEAD), n);
	*have = span_from(*have, FRAME_HEAD + n);
	return 1;
}

int
frame_recv(int fd, int64_t deadline_ms, size_t max, struct arena *a, enum frame_type *type,
    struct span *payload, struct err *e)
{
	char	head[FRAME_HEAD];
	size_t	n;
	char	*p;

	if (frame_fill(fd, deadline_ms, head, sizeof head, e) < 0 || frame_head(head, max, type, &n, e) < 0)
		return -1;
	p = arena_room(a, n + 1);
	if (frame_fill(fd, deadline_ms, p, n, e) < 0)
		return -1;
	p[n] = '\0';
	*payload = (struct span){p, n};
	return 0;
}

static int
frame_drain(int fd, const char *p, size_t n, struct err *e)
{
	while (n > 0) {
		ssize_t put = write(fd, p, n);

		if (put < 0 && errno != EINTR)
			return err_set(e, ERR_RETRY, "write: %s", strerror(errno));
		if (put > 0) {
			p += put;
			n -= (size_t)put;
		}
	}
	return 0;
}

int
frame_send(int fd, enum frame_type type, struct span payload, struct err *e)
{
	const unsigned char head[FRAME_HEAD] = {
		(unsigned char)type, (unsigned char)(payload.n >> 24),
		(unsigned char)(payload.n >> 16), (unsigned char)(payload.n >> 8),
		(unsigned char)payload.n,
	};
	char small[4096];	/* most answers: one write */

	if (payload.n > READING_MAX_FRAME)
		return err_set(e, ERR_REJECT, "a frame of %zu bytes, more than %d", payload.n,
		    READING_MAX_FRAME);
	if (payload.n <= sizeof small - sizeof head) {
		memcpy(small, head, sizeof head);
		if (payload.n > 0)
			memcpy(small + sizeof head, payload.p, payload.n);
		return frame_drain(fd, small, sizeof head + payload.n, e);
	}
	if (frame_drain(fd, (const char *)head, sizeof head, e) < 0)
		return -1;
	return frame_drain(fd, payload.p, payload.n, e);
}

/* ---- writing */

static void
put_int(struct arena_buf *b, uint64_t v, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		arena_put(b, &(char){(char)(v >> (8 * i))}, 1);
}

static void
put_text(struct arena_buf *b, struct span s)
{
	put_int(b, s.n, 4);
	if (s.n > 0)
		arena_put(b, s.p, s.n);
}

/* A text that may be missing, which is not the same as empty. */
static void
put_maybe(struct arena_buf *b, struct span s)
{
	put_int(b, s.p != NULL, 1);
	if (s.p != NULL)
		put_text(b, s);
}

static void
put_list(struct arena_buf *b, const char **list)
{
	size_t n = 0;

	while (list != NULL && list[n] != NULL)
		n++;
	put_int(b, n, 4);
	for (size_t i = 0; i < n; i++)
		put_text(b, span_of(list[i]));
}

static void
put_reasons(struct arena_buf *b, const struct reasons *r)
{
	put_int(b, (uint64_t)r->count, 1);
	for (int i = 0; i < r->count; i++) {
		put_text(b, span_of(r->list[i].code));
		put_int(b, (uint64_t)(r->list[i].field + 1), 1);
	}
}

/* At most max bytes, and no half of a character. */
static struct span
text_cut(struct span s, size_t max)
{
	if (s.n > max)
		for (s.n = max; s.n > 0 && ((unsigned char)s.p[s.n] & 0xc0) == 0x80;)
			s.n--;
	return s;
}

static struct span
put_done(const struct arena_buf *b)
{
	return (struct span){b->p, b->n};
}

/* ---- reading */

struct in {
	struct span	 left;
	struct arena	*arena;
	const char	*wrong;		/* the first thing that was; NULL: nothing yet */
};

static void
in_wrong(struct in *in, const char *what)
{
	if (in->wrong == NULL)
		in->wrong = what;
	in->left = (struct span){"", 0};
}

static struct span
get_bytes(struct in *in, size_t n)
{
	struct span s = {in->left.p, n};

	if (n > in->left.n) {
		in_wrong(in, "it is too short");
		return (struct span){"", 0};
	}
	in->left.p += n;
	in->left.n -= n;
	return s;
}

static uint64_t
get_int(struct in *in, size_t bytes)
{
	struct span	s = get_bytes(in, bytes);
	uint64_t	v = 0;

	for (size_t i = 0; i < s.n; i++)
		v = v << 8 | (unsigned char)s.p[i];
	return v;
}

/* An integer in 0..max. */
static int
get_count(struct in *in, size_t bytes, uint64_t max)
{
	uint64_t v = get_int(in, bytes);

	if (v > max)
		in_wrong(in, "a count or enum is out of range");
	return v > max ? 0 : (int)v;
}

/* Bytes of any kind: a view, not a copy. */
static struct span
get_raw(struct in *in, size_t max)
{
	size_t n = (size_t)get_int(in, 4);

	if (n > max) {
		in_wrong(in, "a text is too long");
		return (struct span){"", 0};
	}
	return get_bytes(in, n);
}

static bool
has_control(struct span s, bool lines)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c < 0x20 && !(lines && (c == '\n' || c == '\t'))) || c == 0x7f)
			return true;
		if (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0)
			return true;	/* U+0080 to U+009F */
	}
	return false;
}

/* UTF-8 without control characters (lines: but for newline and tab), copied and NUL-ended. */
static struct span
get_text_lines(struct in *in, size_t max, bool lines)
{
	struct span s = get_raw(in, max);

	if (!span_utf8(s) || has_control(s, lines)) {
		in_wrong(in, "a text is not clean UTF-8");
		return (struct span){"", 0};
	}
	return arena_span(in->arena, s);
}

static struct span
get_text(struct in *in, size_t max)
{
	return get_text_lines(in, max, false);
}

static struct span
get_ascii(struct in *in, size_t max)
{
	struct span s = get_text(in, max);

	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] > 0x7e)
			in_wrong(in, "a text is not ASCII");
	return s;
}

static struct span
get_maybe(struct in *in, size_t max, struct span (*get)(struct in *, size_t))
{
	if (get_count(in, 1, 1) == 0)
		return (struct span){0};
	return get(in, max);
}

static const char **
get_list(struct in *in)
{
	size_t		n = (size_t)get_count(in, 4, MAX_LIST);
	const char	**list = arena_array(in->arena, n + 1, sizeof *list);

	for (size_t i = 0; i < n; i++)
		list[i] = get_text(in, MAX_SETTING).p;
	return list;
}

/* The doubt is our table's, never the other side's word. */
static void
get_reasons(struct in *in, struct reasons *r)
{
	int n = get_count(in, 1, EXTRACT_MAX_REASONS);

	*r = (struct reasons){0};
	for (int i = 0; i < n; i++) {
		struct span		 code = get_raw(in, 64);
		int			 field = get_count(in, 1, FIELDS) - 1;
		const struct reason	*known = in->wrong == NULL ? reason_known(code) : NULL;

		if (known == NULL) {
			in_wrong(in, "a reason is unknown");
			return;
		}
		r->list[r->count++] = (struct reason){known->code, known->doubt, (int8_t)field};
	}
}

static int
in_done(struct in *in, const char *what, struct err *e)
{
	if (in->wrong == NULL && in->left.n != 0)
		in->wrong = "it is too long";
	return in->wrong == NULL ? 0 : err_set(e, ERR_REJECT, "%s: %s", what, in->wrong);
}

/* ---- settings */

struct span
setup_encode(const struct reading_setup *s, struct arena *a)
{
	struct arena_buf b = {.arena = a};

	put_int(&b, s->role, 1);
	put_list(&b, s->rules);
	put_list(&b, s->domains);
	put_list(&b, s->from);
	put_list(&b, s->forwarders);
	put_list(&b, s->authserv_ids);
	put_int(&b, s->microsoft365, 1);
	put_int(&b, s->accept_authentication_results, 1);
	put_int(&b, s->accept_dkim, 1);
	put_int(&b, s->check, 1);
	return put_done(&b);
}

int
setup_decode(struct span text, struct arena *a, struct reading_setup *s, struct err *e)
{
	struct in in = {.left = text, .arena = a};

	s->role = (enum reading_role)get_count(&in, 1, ROLE_READER);
	if (s->role != ROLE_PROVER && s->role != ROLE_READER)
		in_wrong(&in, "the role is unknown");
	s->rules = get_list(&in);
	s->domains = get_list(&in);
	s->from = get_list(&in);
	s->forwarders = get_list(&in);
	s->authserv_ids = get_list(&in);
	s->microsoft365 = get_count(&in, 1, 1) == 1;
	s->accept_authentication_results = get_count(&in, 1, 1) == 1;
	s->accept_dkim = get_count(&in, 1, 1) == 1;
	s->check = get_count(&in, 1, 1) == 1;
	return in_done(&in, "settings", e);
}

/* ---- header blocks to screen */

struct span
screen_encode(const struct span *headers, size_t n, struct arena *a)
{
	struct arena_buf b = {.arena = a};

	put_int(&b, n, 4);
	for (size_t i = 0; i < n; i++)
		put_text(&b, headers[i]);
	return put_done(&b);
}

int
screen_decode(struct span text, struct arena *a, struct span **headers, size_t *n, struct err *e)
{
	struct in in = {.left = text, .arena = a};

	*n = (size_t)get_count(&in, 4, READING_MAX_SCREEN);
	*headers = arena_array(a, *n, sizeof **headers);
	for (size_t i = 0; i < *n; i++)
		(*headers)[i] = get_raw(&in, READING_MAX_FRAME);
	return in_done(&in, "header blocks", e);
}

/* ---- DNS keys */

/* A domain as the prover writes it: a DNS name in lower case. */
static void
get_domain(struct in *in, char *out, size_t size)
{
	struct span s = get_ascii(in, size - 1);

	if (s.n > 0 && !span_domain(s))
		in_wrong(in, "a domain is not one");
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'Z')
			in_wrong(in, "a domain is not in lower case");
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
}

struct span
question_encode(int64_t at_ms, const struct key *keys, size_t n, struct span mail, struct arena *a)
{
	struct arena_buf b = {.arena = a};

	put_int(&b, (uint64_t)at_ms, 8);
	put_int(&b, n, 1);
	for (size_t i = 0; i < n; i++) {
		put_text(&b, span_of(keys[i].name));
		put_int(&b, keys[i].status, 1);
		put_text(&b, keys[i].record);
	}
	arena_put(&b, mail.p, mail.n);
	return put_done(&b);
}

int
question_decode(struct span text, struct arena *a, int64_t *at_ms, struct key **keys, size_t *n, struct span *mail,
    struct err *e)
{
	struct in in = {.left = text, .arena = a};

	*at_ms = (int64_t)get_int(&in, 8);
	*n = (size_t)get_count(&in, 1, READING_MAX_KEYS);
	*keys = arena_array(a, *n, sizeof **keys);
	for (size_t i = 0; i < *n; i++) {
		struct span name = get_ascii(&in, READING_MAX_KEY_NAME);

		(*keys)[i].name = arena_textn(a, name.p, name.n);
		(*keys)[i].status = (enum key_status)get_count(&in, 1, KEY_STATUSES - 1);
		(*keys)[i].record = get_ascii(&in, READING_MAX_KEY);
	}
	*mail = get_bytes(&in, in.left.n);
	return in_done(&in, "mail", e);
}

struct span
key_question_encode(const char *selector, const char *domain, struct arena *a)
{
	struct arena_buf b = {.arena = a};

	put_text(&b, span_of(selector));
	put_text(&b, span_of(domain));
	return put_done(&b);
}

int
key_question_decode(struct span text, struct arena *a, const char **selector, const char **domain,
    struct err *e)
{
	struct in	in = {.left = text, .arena = a};
	char		name[2][254];

	for (size_t i = 0; i < COUNT(name); i++) {
		get_domain(&in, name[i], sizeof name[i]);
		if (name[i][0] == '\0')
			in_wrong(&in, "a name is missing");
	}
	*selector = arena_text(a, name[0]);
	*domain = arena_text(a, name[1]);
	return in_done(&in, "question for a key", e);
}

/* ---- proof */

struct span
proof_encode(const struct proof *p, struct arena *a)
{
	struct arena_buf b = {.arena = a};

	put_int(&b, p->kind, 1);
	put_text(&b, span_of(p->from_domain));
	put_text(&b, span_take(p->detail, READING_MAX_DETAIL));
	put_int(&b, (uint64_t)p->received_ms, 8);
	put_int(&b, p->authenticated, 1);
	put_int(&b, p->signature.verdict, 1);
	put_text(&b, span_of(p->signature.domain));
	put_text(&b, span_of(p->signature.selector));
	put_text(&b, p->signature.key);
	put_reasons(&b, &p->reasons);
	return put_done(&b);
}

int
proof_decode(struct span text, struct arena *a, struct proof *p, struct err *e)
{
	struct in in = {.left = text, .arena = a};

	p->kind = (enum proof_kind)get_count(&in, 1, PROOF_KINDS - 1);
	get_domain(&in, p->from_domain, sizeof p->from_domain);
	p->detail = get_ascii(&in, READING_MAX_DETAIL);
	p->received_ms = (int64_t)get_int(&in, 8);
	p->authenticated = get_count(&in, 1, 1) == 1;
	p->signature.verdict = (enum signature_verdict)get_count(&in, 1, SIGNATURE_VERDICTS - 1);
	get_domain(&in, p->signature.domain, sizeof p->signature.domain);
	get_domain(&in, p->signature.selector, sizeof p->signature.selector);
	p->signature.key = get_ascii(&in, READING_MAX_KEY);
	get_reasons(&in, &p->reasons);
	if (p->kind != PROOF_NONE && p->from_domain[0] == '\0')
		in_wrong(&in, "a proof of nobody");
	if (p->kind == PROOF_DKIM && (p->signature.verdict != SIGNATURE_GOOD || p->signature.domain[0] == '\0'))
		in_wrong(&in, "a proof without a signature");
	if (p->kind != PROOF_NONE && proof_wait_ms(p) != 0)
		in_wrong(&in, "a proof that is waited for");
	if (p->authenticated && (p->kind != PROOF_NONE || p->from_domain[0] == '\0' ||
	    !reasons_has(&p->reasons, "sender-not-configured")))
		in_wrong(&in, "a stranger who is none");
	return in_done(&in, "proof", e);
}

/* ---- reading */

static void
put_claim(struct arena_buf *b, const struct found_claim *c)
{
	put_int(b, c->scheme, 1);
	for (int f = 0; f < FIELDS; f++) {
		const struct evidence *v = &c->evidence[f];

		put_maybe(b, c->value[f]);
		put_int(b, v->part, 2);
		put_int(b, v->line, 2);
		put_int(b, v->cell, 2);
		put_maybe(b, v->text);
	}
	put_reasons(b, &c->reasons);
}

struct span
reading_encode(const struct reading *r, struct arena *a)
{
	const struct extraction	*x = &r->found;
	struct arena_buf	 b = {.arena = a};

	put_maybe(&b, r->message_id);
	put_maybe(&b, r->forward_from);
	put_int(&b, (uint64_t)r->date_ms, 8);
	put_text(&b, span_of(r->rules_hash));
	put_int(&b, x->kind, 1);
	put_text(&b, span_of(x->rule));
	put_text(&b, span_of(x->language));
	put_int(&b, (uint64_t)x->count, 1);
	for (int i = 0; i < x->count; i++)
		put_claim(&b, &x->claims[i]);
	put_reasons(&b, &x->reasons);
	put_text(&b, text_cut(x->trace, MAX_TRACE));
	return put_done(&b);
}

/* Numbers have the form of a number; whether they are right is said by reasons. */
static bool
value_fits(int field, struct span s)
{
	char msn[MSN_MAX_DIGITS + 1];

	if (s.p == NULL)
		return true;
	if (field == FIELD_MSN)
		return span_digits(s) && identifier_msn(s, msn);
	if (field != FIELD_ORG_NUMBER)
		return true;
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < '0' || s.p[i] > '9') && s.p[i] != '-')
			return false;
	return s.n > 0 && s.n < IDENTIFIER_TEXT;
}

static void
get_claim(struct in *in, struct found_claim *c)
{
	c->scheme = (enum identifier_scheme)get_count(in, 1, IDENTIFIER_SCHEMES - 1);
	for (int f = 0; f < FIELDS; f++) {
		struct evidence *v = &c->evidence[f];

		c->value[f] = get_maybe(in, EXTRACT_MAX_VALUE, get_text);
		if (!value_fits(f, c->value[f]))
			in_wrong(in, "a number is not one");
		v->part = (uint16_t)get_int(in, 2);
		v->line = (uint16_t)get_int(in, 2);
		v->cell = (uint16_t)get_int(in, 2);
		v->text = get_maybe(in, EXTRACT_MAX_EVIDENCE, get_text);
	}
	get_reasons(in, &c->reasons);
}

static void
get_hash(struct in *in, char out[HASH_HEX + 1])
{
	struct span s = get_ascii(in, HASH_HEX);

	for (size_t i = 0; i < s.n; i++)
		if (strchr("0123456789abcdef", s.p[i]) == NULL)
			in_wrong(in, "a hash is not one");
	if (s.n != 0 && s.n != HASH_HEX)
		in_wrong(in, "a hash is not one");
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
}

static void
get_language(struct in *in, char out[3])
{
	static const char *const known[] = {"", "no", "nn", "da", "sv", "fi", "en"};
	struct span s = get_ascii(in, 2);

	out[0] = '\0';
	for (size_t i = 0; i < COUNT(known); i++) {
		if (span_is(s, known[i])) {
			memcpy(out, s.p, s.n);
			out[s.n] = '\0';
			return;
		}
	}
	in_wrong(in, "the language is unknown");
}

static struct span
get_message_id(struct in *in, size_t max)
{
	struct span s = get_ascii(in, max);

	if (s.n == 0)
		in_wrong(in, "an empty message id");
	return s;
}

int
reading_decode(struct span text, struct arena *a, struct reading *r, struct err *e)
{
	struct in	   in = {.left = text, .arena = a};
	struct extraction *x = &r->found;

	r->message_id = get_maybe(&in, READING_MAX_MESSAGE_ID, get_message_id);
	r->forward_from = get_maybe(&in, READING_MAX_ADDRESS, get_ascii);
	r->date_ms = (int64_t)get_int(&in, 8);
	get_hash(&in, r->rules_hash);
	x->kind = (enum rule_kind)get_count(&in, 1, RULE_KINDS - 1);
	x->rule = get_text(&in, MAX_RULE_NAME).p;
	get_language(&in, x->language);
	x->count = get_count(&in, 1, EXTRACT_MAX_CLAIMS);
	x->claims = arena_array(a, (size_t)x->count, sizeof *x->claims);
	for (int i = 0; i < x->count; i++)
		get_claim(&in, &x->claims[i]);
	get_reasons(&in, &x->reasons);
	x->trace = get_text_lines(&in, MAX_TRACE, true);
	if (x->count > 0 && x->kind != RULE_APPROVAL)
		in_wrong(&in, "claims of a mail that is no approval");
	return in_done(&in, "reading", e);
}
