/* The guard over the server's bytes, what a refused login is, and how the stream ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <curl/curl.h>
#include <libetpan/libetpan.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "ingest/transport.h"

#define BUDGET 1000

/* Passes text through a guard in pieces of `piece` bytes; 0 or -1. */
static int
passes(const char *text, size_t n, size_t piece, size_t budget)
{
	struct guard g = {0};
	struct err e;

	guard_arm(&g, budget);
	for (size_t at = 0; at < n; at += piece)
		if (guard_pass(&g, text + at, n - at < piece ? n - at : piece, &e) == -1) {
			assert_int_equal(e.kind, ERR_RETRY);
			return -1;
		}
	return 0;
}

static void
guard_lets_through_what_servers_say(void **state)
{
	static const struct { const char *name, *text; int want; } t[] = {
		{ "greeting and status", "* OK [CAPABILITY X] hi (\"\r\n2 OK done {5}\r\n", 0 },
		{ "exists", "* 10000 EXISTS\r\n* 4294967295 RECENT\r\n", 0 },
		{ "literal", "* 1 FETCH (UID 7 BODY[] {5}\r\n\"({1\n)\r\n", 0 },
		{ "two literals", "* 1 FETCH (A {1}\r\n\" B {2}\r\n{9)\r\n3 OK x\r\n", 0 },
		{ "bare line ends", "* 1 FETCH (UID 7 BODY[] {5}\n12345)\n", 0 },
		{ "brace inside quotes", "* LIST () \"/\" \"a{9999999999}\"\r\n", 0 },
		{ "escaped quote", "* LIST () \"\\\\\" \"a\\\"(((((\"\r\n", 0 },
		{ "long number", "* 1 FETCH (X-GM-MSGID 1278455344230334865 UID 7)\r\n", 0 },
		{ "keyword of digits", "* FLAGS (\\Seen 20261122093000123)\r\n", 0 },
		{ "modseq in a code", "* OK [HIGHESTMODSEQ 12784553442303348] Highest\r\n", 0 },
		{ "largest uid", "* 1 FETCH (UID 4294967295)\r\n* SEARCH 1 4294967295\r\n", 0 },
		{ "uidnext", "* OK [UIDNEXT 4294967295] Predicted\r\n", 0 },
		{ "blank lines", "\r\n\r\n* SEARCH\r\n", 0 },
		{ "continuation", "+ idling {5}\r\n", 0 },

		{ "literal beyond the budget", "* 1 FETCH (BODY[] {2000}\r\nx", -1 },
		{ "literal that wraps to 5", "* 1 FETCH (BODY[] {4294967301}\r\nx", -1 },
		{ "literal of eleven digits", "* 1 FETCH (BODY[] {00000000005}\r\nx", -1 },
		{ "negative literal", "* 1 FETCH (BODY[] {-5}\r\nx", -1 },
		{ "literal plus", "* 1 FETCH (BODY[] {5+}\r\nx", -1 },
		{ "empty literal size", "* 1 FETCH (BODY[] {}\r\nx", -1 },
		{ "literal on its own line", "* 1 FETCH (BODY[] {5} 12345)\r\n", -1 },
		{ "literal behind a leading space", " * 1 FETCH (BODY[] {2000}\r\nx", -1 },
		{ "literal in a status code", "* OK [BADCHARSET ({2000}\r\nx", -1 },
		{ "literal in a list's name", "* LIST () NIL {2000}\r\nx", -1 },
		{ "literal after a literal", "* 1 FETCH (A {1}\r\nx B {2000}\r\nx", -1 },
		{ "line end in quotes", "* 1 FETCH (BODY[] \"a\r\n {2000}\r\n", -1 },
		{ "uid that wraps", "* 1 FETCH (UID 4294967297)\r\n", -1 },
		{ "uid in lower case that wraps", "* 1 fetch (uid 4294967297)\r\n", -1 },
		{ "size that wraps", "* 1 FETCH (RFC822.SIZE 4294967301)\r\n", -1 },
		{ "search that wraps", "* SEARCH 1 4294967299\r\n", -1 },
		{ "exists that wraps", "* 4294967297 EXISTS\r\n", -1 },
		{ "number of 24 digits", "* 111111111111111111111111 FETCH (UID 1)\r\n", -1 },
		{ "uidvalidity that wraps", "* OK [UIDVALIDITY 4294967297] x\r\n", -1 },
		{ "uidnext that wraps", "* OK [UIDNEXT 99999999999] x\r\n", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		for (size_t piece = 1; piece <= strlen(t[i].text); piece++)
			if (passes(t[i].text, strlen(t[i].text), piece, BUDGET) != t[i].want)
				fail_msg("%s, in pieces of %zu", t[i].name, piece);
}

static void
guard_stops_at_the_budget_exactly(void **state)
{
	static const char text[] = "* 1 FETCH (UID 7 BODY[] {5}\r\n12345)\r\n";

	(void)state;
	for (size_t budget = 0; budget < 2 * sizeof(text); budget++)
		assert_int_equal(passes(text, sizeof(text) - 1, 3, budget),
		    budget < sizeof(text) - 1 ? -1 : 0);
}

static void
guard_bounds_depth_lines_and_search(void **state)
{
	static char line[64 * 1024];
	struct guard g = {0};
	struct err e;
	size_t n = 0;
	int rc = 0;

	(void)state;
	memset(line, '(', sizeof(line));
	memcpy(line, "* 1 FETCH ", 10);
	assert_int_equal(passes(line, 10 + GUARD_MAX_DEPTH, 7, SIZE_MAX), 0);
	assert_int_equal(passes(line, 11 + GUARD_MAX_DEPTH, 7, SIZE_MAX), -1);

	memset(line, 'x', sizeof(line));
	guard_arm(&g, SIZE_MAX);
	for (n = 0; n < GUARD_MAX_LINE && rc == 0; n += sizeof(line))
		rc = guard_pass(&g, line, sizeof(line), &e);
	assert_int_equal(rc, 0);
	assert_int_equal(guard_pass(&g, line, 1, &e), -1);

	g = (struct guard){0};
	guard_arm(&g, SIZE_MAX);
	assert_int_equal(guard_pass(&g, "* SEARCH", 8, &e), 0);
	for (n = 0; n < GUARD_MAX_SHOWN; n++)
		assert_int_equal(guard_pass(&g, " 1", 2, &e), 0);
	assert_int_equal(guard_pass(&g, "\r\n* SEARCH 1\r\n", 14, &e), -1);
}

/* Which of many equal pieces is refused; 0: none of `n`. */
static int
refused_at(const char *start, const char *piece, int n)
{
	struct guard g = {0};
	struct err e;

	guard_arm(&g, SIZE_MAX);
	assert_int_equal(guard_pass(&g, start, strlen(start), &e), 0);
	for (int i = 1; i <= n; i++)
		if (guard_pass(&g, piece, strlen(piece), &e) == -1)
			return i;
	return 0;
}

static void
guard_bounds_what_libetpan_keeps_until_the_command_ends(void **state)
{
	enum { LINES = GUARD_MAX_SHOWN / 2 };

	(void)state;
	assert_int_equal(refused_at("", "* SEARCH\r\n", LINES), 0);
	assert_int_equal(refused_at("", "* SEARCH\r\n", LINES + 1), LINES + 1);
	assert_int_equal(refused_at("", "* OK x\r\n", LINES + 1), LINES + 1);
	assert_int_equal(refused_at("* FLAGS", " a", LINES + 1), LINES + 1);
	assert_int_equal(refused_at("* OK [PERMANENTFLAGS", " a", LINES + 1), LINES + 1);
	assert_int_equal(refused_at("* OK", " a", LINES + 1), 0);	/* one text */
}

static void
only_a_refusal_is_a_refused_login(void **state)
{
	static const struct { const char *line, *want; } t[] = {
		{ "A002 NO Login failed.\r\n", "" },
		{ "A002 NO\r\n", "" },
		{ "A002 no [AUTHENTICATIONFAILED] Authentication failed.\r\n", "" },
		{ "A002 NO [authorizationfailed] No such role.\r\n", "" },
		{ "A002 NO [EXPIRED] change it\r\n", ": it has expired" },
		{ "A002 NO [CONTACTADMIN] come to us\r\n", ": it says to contact its administrator" },
		{ "A002 NO [SERVERBUG] oops\r\n", NULL },
		{ "A002 NO [UNAVAILABLE] Try again.\r\n", NULL },
		{ "A002 NO [INUSE] busy\r\n", NULL },
		{ "A002 NO [LIMIT] Too many connections\r\n", NULL },
		{ "A002 NO [ALERT] Too many simultaneous connections.\r\n", NULL },
		{ "A002 NO [AUTHENTICATIONFAILEDX] x\r\n", NULL },
		{ "A002 NO [AUTHENTICATIONFAILED", NULL },
		{ "A002 BAD command\r\n", NULL },
		{ "A002 OK done\r\n", NULL },
		{ "* NO [AUTHENTICATIONFAILED] x\r\n", NULL },
		{ "* BYE NO\r\n", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		const char *got = transport_refused(span_of(t[i].line));

		if ((got == NULL) != (t[i].want == NULL) || (got != NULL && strcmp(got, t[i].want) != 0))
			fail_msg("%s", t[i].line);
	}
}

/* A transport over a plain TCP connection, and the server's end of it. */
static struct transport *
connected_until(volatile const int *stop, int *server, mailstream_low **low)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct transport *t;
	char url[64];
	CURL *curl;

	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &n), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(at.sin_port));
	assert_non_null(curl = curl_easy_init());
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
	assert_int_equal(curl_easy_perform(curl), CURLE_OK);
	*server = accept(listener, NULL, NULL);
	close(listener);
	t = transport_wrap(curl, NULL, stop);
	*low = transport_low(t);
	return t;
}

static struct transport *
connected(int *server, mailstream_low **low)
{
	return connected_until(NULL, server, low);
}

static void
disconnected(struct transport *t, mailstream_low *low, int server)
{
	mailstream_low_free(low);
	transport_close(t);
	close(server);
}

static void
stream_begins_with_a_greeting_of_ours(void **state)
{
	mailstream_low *low;
	int server;
	struct transport *t = connected(&server, &low);
	char buf[100] = "";
	size_t n = 0;
	struct err e;

	(void)state;
	transport_command(t, 5000, BUDGET);
	while (n == 0 || buf[n - 1] != '\n')
		n += (size_t)mailstream_low_read(low, buf + n, 7);
	assert_string_equal(buf, "* PREAUTH approvals\r\n");
	assert_int_equal(write(server, "* OK\r\n", 6), 6);
	assert_int_equal(mailstream_low_read(low, buf, sizeof(buf)), 6);
	assert_int_equal(mailstream_low_write(low, "1 NOOP\r\n", 8), 8);
	assert_int_equal(read(server, buf, sizeof(buf)), 8);
	assert_int_equal(transport_why(t, &e), 0);
	disconnected(t, low, server);
}

/* Reads until it fails; the error is in e. */
static void
read_to_failure(mailstream_low *low, struct transport *t, struct err *e)
{
	char buf[100];

	while (mailstream_low_read(low, buf, sizeof(buf)) > 0)
		continue;
	assert_int_equal(mailstream_low_read(low, buf, sizeof(buf)), -1);
	assert_int_equal(mailstream_low_write(low, "x", 1), -1);
	assert_int_equal(transport_why(t, e), -1);
	assert_int_equal(e->kind, ERR_RETRY);
}

static void
end_of_stream_is_an_error(void **state)
{
	mailstream_low *low;
	int server;
	struct transport *t = connected(&server, &low);
	struct err e;

	(void)state;
	transport_command(t, 5000, BUDGET);
	assert_int_equal(write(server, "* OK\r\n", 6), 6);
	shutdown(server, SHUT_WR);
	read_to_failure(low, t, &e);
	assert_non_null(strstr(e.msg, "closed"));
	disconnected(t, low, server);
}

static void
silence_ends_at_the_deadline(void **state)
{
	mailstream_low *low;
	int server;
	struct transport *t = connected(&server, &low);
	int64_t began_ms = clock_mono_ms();
	struct err e;

	(void)state;
	transport_command(t, 60, BUDGET);
	read_to_failure(low, t, &e);
	assert_non_null(strstr(e.msg, "in time"));
	assert_in_range(clock_mono_ms() - began_ms, 60, 3000);
	disconnected(t, low, server);
}

static void
bytes_that_keep_coming_end_at_the_deadline_too(void **state)
{
	mailstream_low *low;
	int server;
	struct transport *t = connected(&server, &low);
	int64_t began_ms = clock_mono_ms();
	char buf[16];
	struct err e;

	(void)state;
	transport_command(t, 60, SIZE_MAX);
	do {
		assert_int_equal(write(server, "x", 1), 1);
	} while (mailstream_low_read(low, buf, sizeof(buf)) > 0);
	assert_int_equal(transport_why(t, &e), -1);
	assert_non_null(strstr(e.msg, "in time"));
	assert_in_range(clock_mono_ms() - began_ms, 60, 3000);
	disconnected(t, low, server);
}

static void
each_command_has_its_own_budget(void **state)
{
	mailstream_low *low;
	int server;
	struct transport *t = connected(&server, &low);
	char buf[100];
	struct err e;

	(void)state;
	transport_command(t, 5000, 6);
	mailstream_low_read(low, buf, sizeof(buf));	/* the greeting */
	for (int i = 0; i < 2; i++) {
		transport_command(t, 5000, 6);
		assert_int_equal(write(server, "* OK\r\n", 6), 6);
		assert_int_equal(mailstream_low_read(low, buf, sizeof(buf)), 6);
	}
	assert_int_equal(write(server, "*", 1), 1);
	read_to_failure(low, t, &e);
	assert_non_null(strstr(e.msg, "more than the command allows"));
	disconnected(t, low, server);
}

static void
a_signal_ends_the_wait(void **state)
{
	volatile int stop = 0;
	mailstream_low *low;
	int server;
	struct transport *t = connected_until(&stop, &server, &low);
	char buf[100];
	struct err e;

	(void)state;
	transport_command(t, 5000, BUDGET);
	assert_true(mailstream_low_read(low, buf, sizeof(buf)) > 0);
	stop = 1;
	read_to_failure(low, t, &e);
	assert_int_equal(e.what, ERR_STOPPED);
	disconnected(t, low, server);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guard_lets_through_what_servers_say),
		cmocka_unit_test(guard_stops_at_the_budget_exactly),
		cmocka_unit_test(guard_bounds_depth_lines_and_search),
		cmocka_unit_test(guard_bounds_what_libetpan_keeps_until_the_command_ends),
		cmocka_unit_test(only_a_refusal_is_a_refused_login),
		cmocka_unit_test(stream_begins_with_a_greeting_of_ours),
		cmocka_unit_test(end_of_stream_is_an_error),
		cmocka_unit_test(silence_ends_at_the_deadline),
		cmocka_unit_test(bytes_that_keep_coming_end_at_the_deadline_too),
		cmocka_unit_test(each_command_has_its_own_budget),
		cmocka_unit_test(a_signal_ends_the_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
