#include "ingest/consent.h"

#include <string.h>

#include "base/digest.h"
#include "ingest/secret.h"

#define VERIFIER_BYTES	32	/* random: 43 characters (RFC 7636 4.1) */
#define STATE_BYTES	16

/* RFC 4648 5, without padding. */
static const char *
base64url(struct span bytes, struct arena *a)
{
	char *text = digest_base64(a, bytes);

	text[strcspn(text, "=")] = '\0';
	for (char *p = text; *p != '\0'; p++)
		if (*p == '+')
			*p = '-';
		else if (*p == '/')
			*p = '_';
	return text;
}

static const char *
random_word(size_t n, struct arena *a)
{
	char *bytes = arena_alloc(a, n);

	digest_random(bytes, n);
	return base64url((struct span){bytes, n}, a);
}

const char *
consent_challenge(const char *verifier, struct arena *a)
{
	uint8_t hash[DIGEST_BYTES];

	digest_sha256(span_of(verifier), hash);
	return base64url((struct span){(const char *)hash, sizeof(hash)}, a);
}

int
consent_start(const struct oauth_conf *c, struct arena *a, struct consent *out, struct err *e)
{
	struct arena_buf url = {.arena = a};
	struct secret *file;

	if (secret_open(c->refresh_token.name, NULL, &file, e) == -1)
		return err_in(e, "refresh_token_file");
	secret_close(file);	/* not kept: a person takes minutes, and passes go on */
	out->verifier = random_word(VERIFIER_BYTES, a);
	out->state = random_word(STATE_BYTES, a);
	/* auth_url may have parameters of its own: Google wants access_type=offline */
	arena_puts(&url, c->auth_url);
	if (strchr(c->auth_url, '?') == NULL)
		arena_puts(&url, "?");
	oauth_form_add(&url, "response_type", "code");
	oauth_form_add(&url, "client_id", c->client_id);
	oauth_form_add(&url, "redirect_uri", CONSENT_REDIRECT);
	if (c->scope != NULL)
		oauth_form_add(&url, "scope", c->scope);
	oauth_form_add(&url, "state", out->state);
	oauth_form_add(&url, "code_challenge", consent_challenge(out->verifier, a));
	oauth_form_add(&url, "code_challenge_method", "S256");
	out->url = url.p;
	return 0;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A value of a query (there, but not alone, `plus` is a space): NULL if malformed, or with control characters. */
static const char *
query_value(struct span s, bool plus, struct arena *a)
{
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '+' && plus)
			c = ' ';
		if (c == '%') {
			int hi = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
			int lo = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;

			if (hi < 0 || lo < 0)
				return NULL;
			c = (char)(hi * 16 + lo);
			i += 2;
		}
		if (c < ' ' || c == 0x7f)
			return NULL;
		out[n++] = c;
	}
	return out;
}

/* *value: NULL if there is no such key. -1: it is there twice, or malformed. */
static int
query_get(struct span query, const char *key, struct arena *a, const char **value)
{
	struct span pair, name;

	*value = NULL;
	while (query.n > 0) {
		span_cut(&query, '&', &pair);
		span_cut(&pair, '=', &name);
		if (!span_is(name, key))
			continue;
		if (*value != NULL || (*value = query_value(pair, true, a)) == NULL)
			return -1;
	}
	return 0;
}

/* Of what was pasted: the query of an address. */
static struct span
pasted_query(struct span s)
{
	struct span before;

	if (memchr(s.p, '?', s.n) != NULL)
		span_cut(&s, '?', &before);
	span_cut(&s, '#', &before);
	return before;
}

int
consent_code(const struct consent *c, const char *pasted, struct arena *a, const char **code,
    struct err *e)
{
	struct span text = span_trim(span_of(pasted)), query;
	const char *state, *error, *words;

	if (text.n == 0)
		return err_set(e, ERR_REJECT, "nothing was pasted");
	if (memchr(text.p, '=', text.n) == NULL && memchr(text.p, '?', text.n) == NULL &&
	    memchr(text.p, ':', text.n) == NULL) {
		if ((*code = query_value(text, false, a)) == NULL)
			return err_set(e, ERR_REJECT, "that is no code");
		return 0;	/* PKCE alone must do */
	}
	query = pasted_query(text);
	if (query_get(query, "state", a, &state) == -1 || query_get(query, "error", a, &error) == -1 ||
	    query_get(query, "error_description", a, &words) == -1 ||
	    query_get(query, "code", a, code) == -1)
		return err_set(e, ERR_REJECT, "that is no address of a sign-in");
	if (state == NULL || strcmp(state, c->state) != 0)
		return err_set(e, ERR_REJECT, "that address is not the answer to this question"
		    " (state): sign in at the address above, and paste what it leads to");
	if (error != NULL)
		return oauth_denied(error, words, e);
	if (*code == NULL || **code == '\0')
		return err_set(e, ERR_REJECT, "that address has no code");
	return 0;
}

int
consent_finish(const struct oauth_conf *c, const struct consent *consent, const char *code,
    int64_t now_ms, struct err *e)
{
	struct arena a = {0};
	struct arena_buf form = {.arena = &a};
	struct oauth_answer answer;
	struct secret *file = NULL;
	int rc = secret_open(c->refresh_token.name, NULL, &file, e);

	oauth_form_add(&form, "grant_type", "authorization_code");
	oauth_form_add(&form, "code", code);
	oauth_form_add(&form, "redirect_uri", CONSENT_REDIRECT);
	oauth_form_add(&form, "code_verifier", consent->verifier);
	if (rc == 0)
		rc = oauth_ask(c, &form, NULL, now_ms, &a, &answer, e);
	if (rc == 0 && answer.refresh_token == NULL)
		rc = err_set(e, ERR_REJECT, "the server gave no refresh token: Microsoft wants"
		    " offline_access in scope, Google access_type=offline&prompt=consent in auth_url");
	if (rc == 0)
		rc = secret_put(file, answer.refresh_token, e);
	secret_close(file);
	arena_free(&a);
	return rc;
}
