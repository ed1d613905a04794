/* OAuth 2.0: settings, what servers answer, the sign-in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "ingest/account.h"
#include "ingest/consent.h"

static struct oauth_conf *
read_conf(struct arena *a, const char *keys, const char **error)
{
	struct conf *conf;
	struct mailbox_conf c;
	struct err e;
	const char *yaml = arena_printf(a, "database: /var/lib/x.db\nmailboxes:\n  - name: one\n    url: imaps://h\n"
	    "    user: u\n    oauth2: {%s}\n", keys);

	if (conf_parse(a, "x.yaml", span_of(yaml), &conf, &e) == -1)
		fail_msg("%s", e.msg);
	conf_file(conf_root(conf), "database", NULL, CONF_REQUIRED);
	mailbox_conf_read(conf_item(conf_get(conf_root(conf), "mailboxes"), 0), NULL, &c);
	conf_done(conf_root(conf));
	*error = conf_errors(conf) > 0 ? conf_error(conf, 0) : NULL;
	return c.oauth;
}

#define CLIENT "token_url: 'https://t.example/token', client_id: id"

static void
each_way_to_a_token_is_said_whole_and_once(void **state)
{
	static const struct { const char *keys, *want; } t[] = {
		{ CLIENT ", client_secret_file: /x/s", NULL },
		{ CLIENT ", client_secret_file: credential, scope: a b", NULL },
		{ CLIENT ", refresh_token_file: /x/r", NULL },
		{ CLIENT ", refresh_token_file: /x/r, client_secret_file: /x/s, auth_url: 'https://a.example/?x=y'", NULL },
		{ "token_command: [/usr/bin/token, --for, me]", NULL },
		{ CLIENT, "needs client_secret_file, refresh_token_file" },
		{ "client_id: id, client_secret_file: /x/s", "token_url" },
		{ "token_url: 'http://t.example', client_id: id, client_secret_file: /x/s", "https" },
		{ "token_url: 'https://t.example', client_secret_file: /x/s", "client_id" },
		{ CLIENT ", refresh_token_file: credential", "must be a path" },
		{ CLIENT ", client_secret_file: /x/s, auth_url: 'https://a.example'", "is for a refresh_token_file" },
		{ CLIENT ", token_command: [/x]", "stands alone" },
		{ "token_command: [token]", "path" },
		{ "token_command: []", "path" },
		{ CLIENT ", client_secret: hush", "client_secret" },
	};
	struct arena a = {0};
	const char *error;

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		read_conf(&a, t[i].keys, &error);
		if (t[i].want == NULL ? error != NULL : error == NULL || strstr(error, t[i].want) == NULL)
			fail_msg("%s gave '%s'", t[i].keys, error);
	}
	assert_string_equal(read_conf(&a, t[0].keys, &error)->cache, "/var/lib/x.db.token-one");
	arena_free(&a);
}

static void
an_answer_with_a_token_that_can_be_sent_is_taken(void **state)
{
	static const struct { const char *body, *token, *refresh; int64_t life; } t[] = {
		{ "{\"access_token\":\"a.b-c\",\"expires_in\":3599,\"token_type\":\"Bearer\"}", "a.b-c", NULL, 3599 },
		{ "{\"access_token\":\"a\",\"expires_in\":\"3599\",\"refresh_token\":\"r\"}", "a", "r", 3599 },
		{ "{\"access_token\":\"a\"}", "a", NULL, -1 },
		{ "{\"access_token\":\"a\",\"expires_in\":-5}", "a", NULL, -1 },
		{ "{\"access_token\":\"a\",\"expires_in\":999999999999}", "a", NULL, OAUTH_MAX_LIFE_S },
		{ "{\"access_token\":\"a\",\"expires_in\":99999999999999999999}", "a", NULL, -1 },
		{ "{\"access_token\":\"a\\u0001auth=Bearer x\"}", NULL, NULL, 0 },
		{ "{\"access_token\":\"a\\r\\nA1 DELETE INBOX\"}", NULL, NULL, 0 },
		{ "{\"access_token\":\"\"}", NULL, NULL, 0 },
		{ "{\"access_token\":7}", NULL, NULL, 0 },
		{ "{\"access_token\":\"a\",\"refresh_token\":\"two\\nlines\"}", NULL, NULL, 0 },
		{ "<html>", NULL, NULL, 0 },
		{ "", NULL, NULL, 0 },
	};
	struct arena a = {0};
	struct oauth_answer answer;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		int rc = oauth_answer_read(span_of(t[i].body), &a, &answer, &e);

		assert_int_equal(rc, t[i].token == NULL ? -1 : 0);
		if (rc == -1) {
			assert_int_equal(e.kind, ERR_RETRY);
			assert_int_equal(e.what, ERR_ANY);
			continue;
		}
		assert_string_equal(answer.access_token, t[i].token);
		if (answer.life_s != t[i].life && !(t[i].life == -1 && answer.life_s == -1))
			fail_msg("%s: %lld", t[i].body, (long long)answer.life_s);
		if ((answer.refresh_token == NULL) != (t[i].refresh == NULL))
			fail_msg("%s", t[i].body);
	}
	arena_free(&a);
}

/* As servers write it; {"error": E, "error_description": D}. */
#define BODY(e, d) "{\"error\":\"" e "\",\"error_description\":\"" d "\",\"error_codes\":[1]}"

static void
an_error_says_what_a_person_must_do_or_that_it_may_pass(void **state)
{
	static const struct { int status; const char *body; enum err_what what; const char *says; } t[] = {
		{ 401, BODY("invalid_client", "AADSTS7000215: Invalid client secret provided. Ensure ..."), ERR_LOGIN,
		    "invalid_client, AADSTS7000215: the client secret is wrong" },
		{ 401, BODY("invalid_client", "AADSTS7000222: The provided client secret keys are expired"), ERR_LOGIN,
		    "AADSTS7000222: the client secret has expired" },
		{ 400, BODY("unauthorized_client", "AADSTS700016: Application with identifier 'x' was not found"),
		    ERR_LOGIN, "AADSTS700016: there is no such application" },
		{ 400, BODY("invalid_request", "AADSTS90002: Tenant 'x' not found."), ERR_LOGIN,
		    "AADSTS90002: there is no such tenant" },
		{ 400, BODY("invalid_grant", "AADSTS65001: The user or administrator has not consented"), ERR_LOGIN,
		    "AADSTS65001: the application has no consent" },
		{ 400, BODY("invalid_grant", "AADSTS700082: The refresh token has expired due to inactivity."),
		    ERR_LOGIN, "AADSTS700082: the refresh token was not used for too long" },
		{ 400, BODY("interaction_required", "AADSTS53003: Access has been blocked"), ERR_LOGIN,
		    "AADSTS53003: blocked by a Conditional Access policy" },
		{ 400, BODY("invalid_scope", "AADSTS1234567: new"), ERR_LOGIN, "invalid_scope, AADSTS1234567: check scope" },
		{ 400, BODY("invalid_scope", "AADSTS12345678901234: huge"), ERR_LOGIN, "invalid_scope: check scope" },
		{ 400, BODY("invalid_grant", "Token has been expired or revoked."), ERR_LOGIN,
		    "invalid_grant: the refresh token or code is expired, revoked" },
		{ 400, BODY("consent_required", ""), ERR_LOGIN, "no token: consent_required" },
		{ 400, BODY("invalid_request", "AADSTS90033: A transient error has occurred."), ERR_ANY, "not available now" },
		{ 400, BODY("temporarily_unavailable", ""), ERR_ANY, "too busy" },
		{ 503, BODY("invalid_client", ""), ERR_ANY, "invalid_client" },
		{ 429, BODY("slow_down", ""), ERR_ANY, "too many requests" },
		{ 404, "<html>not here</html>", ERR_ANY, "is token_url right?" },
		{ 502, "<html>gateway</html>", ERR_ANY, "status 502" },
		{ 401, "", ERR_ANY, "status 401, without an error of OAuth's" },
		{ 400, BODY("the secret hush is wrong", "hush"), ERR_ANY, "status 400" },
		{ 400, "{\"error\":{\"code\":400}}", ERR_ANY, "status 400" },
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		assert_int_equal(oauth_refused(t[i].status, span_of(t[i].body), "login.example", &e), -1);
		assert_int_equal(e.kind, ERR_RETRY);
		if (e.what != t[i].what || strstr(e.msg, t[i].says) == NULL ||
		    strncmp(e.msg, "login.example: ", 15) != 0 || strstr(e.msg, "hush") != NULL)
			fail_msg("%s gave %d '%s'", t[i].body, e.what, e.msg);
	}
}

static void
a_challenge_is_told_from_a_question(void **state)
{
	static const struct { const char *line; int want; } t[] = {
		{ "+ \r\n", -1 },
		{ "+\r\n", -1 },
		{ "+ go ahead\r\n", -1 },
		{ "+ VXNlcm5hbWU6\r\n", -1 },		/* "Username:" */
		/* {"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"} */
		{ "+ eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==\r\n", 400 },
		{ "+ eyJzdGF0dXMiOjQwMX0=\r\n", 401 },		/* {"status":401} */
		{ "+ eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=\r\n", 0 },	/* {"status":"invalid_token"} */
		{ "+ W10=\r\n", -1 },				/* [] */
		{ "* OK eyJzdGF0dXMiOjQwMX0=\r\n", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		if (oauth_challenge(span_of(t[i].line)) != t[i].want)
			fail_msg("%s gave %d", t[i].line, oauth_challenge(span_of(t[i].line)));
}

static void
the_code_challenge_is_that_of_rfc_7636_appendix_b(void **state)
{
	struct arena a = {0};

	(void)state;
	assert_string_equal(consent_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", &a),
	    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
	arena_free(&a);
}

static void
each_sign_in_has_secrets_of_its_own_and_a_url_that_is_well_formed(void **state)
{
	struct arena a = {0};
	struct oauth_conf c = {.auth_url = "https://a.example/auth?access_type=offline",
	    .client_id = "i d",
	    .scope = "https://mail/ x&y",
	    .refresh_token = {"/tmp/approvals-test-not-made"}};
	struct consent one, two;
	struct err e;

	(void)state;
	assert_int_equal(consent_start(&c, &a, &one, &e), 0);
	assert_int_equal(consent_start(&c, &a, &two, &e), 0);
	assert_string_not_equal(one.verifier, two.verifier);
	assert_string_not_equal(one.state, two.state);
	assert_int_equal(strlen(one.verifier), 43);
	assert_null(strstr(one.url, one.verifier));
	assert_string_equal(one.url, arena_printf(&a, "https://a.example/auth?access_type=offline&response_type=code"
	    "&client_id=i%%20d&redirect_uri=http%%3A%%2F%%2Flocalhost&scope=https%%3A%%2F%%2Fmail%%2F%%20x%%26y&state=%s"
	    "&code_challenge=%s&code_challenge_method=S256", one.state, consent_challenge(one.verifier, &a)));
	arena_free(&a);
}

static void
what_is_pasted_gives_its_code_only_with_the_state_of_this_question(void **state)
{
	static const struct { const char *pasted, *want; } t[] = {
		{ "http://localhost/?code=abc&state=S", "abc" },
		{ "  http://localhost?state=S&code=a%2Fb%3d&iss=x#frag \r", "a/b=" },
		{ "?code=abc&state=S", "abc" },
		{ "code=abc&state=S", "abc" },
		{ "4/0Ab+c", "4/0Ab+c" },
		{ "4%2F0Ab", "4/0Ab" },
		{ "http://localhost/?code=abc&state=s", NULL },
		{ "http://localhost/?code=abc", NULL },
		{ "http://localhost/?code=abc&state=S&state=S", NULL },
		{ "http://localhost/?code=a%0&state=S", NULL },
		{ "http://localhost/?code=a%0ab&state=S", NULL },
		{ "http://localhost/?code=&state=S", NULL },
		{ "http://localhost/?state=S", NULL },
		{ "http://localhost/?error=access_denied&state=S&code=x", NULL },
		{ "http://localhost/", NULL },
		{ "a%zz", NULL },
		{ "", NULL },
	};
	const struct consent c = {.verifier = "v", .state = "S", .url = "u"};
	struct arena a = {0};
	const char *code;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		int rc = consent_code(&c, t[i].pasted, &a, &code, &e);

		if (rc != (t[i].want == NULL ? -1 : 0) || (rc == 0 && strcmp(code, t[i].want) != 0))
			fail_msg("%s gave %d %s", t[i].pasted, rc, rc == 0 ? code : e.msg);
	}
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_way_to_a_token_is_said_whole_and_once),
		cmocka_unit_test(an_answer_with_a_token_that_can_be_sent_is_taken),
		cmocka_unit_test(an_error_says_what_a_person_must_do_or_that_it_may_pass),
		cmocka_unit_test(a_challenge_is_told_from_a_question),
		cmocka_unit_test(the_code_challenge_is_that_of_rfc_7636_appendix_b),
		cmocka_unit_test(each_sign_in_has_secrets_of_its_own_and_a_url_that_is_well_formed),
		cmocka_unit_test(what_is_pasted_gives_its_code_only_with_the_state_of_this_question),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
