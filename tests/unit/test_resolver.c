/* ingest/resolver against a real name server (dnsmasq); without one, skipped aloud. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The real code with a clock that a test can wait for. */
#include "ingest/resolver.h"

static int test_resolver_ms = RESOLVER_MS;

#undef RESOLVER_MS
#define RESOLVER_MS test_resolver_ms
#include "ingest/resolver.c"	/* NOLINT(bugprone-suspicious-include) */

#define DNSMASQ "/usr/sbin/dnsmasq"
#define START_MS 10000	/* a name server on a loaded machine */

struct server { pid_t pid; char name[32]; };	/* "127.0.0.1@5353"; pid 0: there is none */

static struct sockaddr_in
address(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int
free_port(void)
{
	struct sockaddr_in	a = address(0);
	socklen_t		n = sizeof a;
	int			fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	close(fd);
	return ntohs(a.sin_port);
}

/* It takes TCP too, which tells when it is there. */
static void
server_wait(int port)
{
	for (int ms = 0; ms < START_MS; ms += 20) {
		struct sockaddr_in	a = address(port);
		int			fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int			rc = connect(fd, (struct sockaddr *)&a, sizeof a);

		close(fd);
		if (rc == 0)
			return;
		poll(NULL, 0, 20);
	}
	fail_msg(DNSMASQ " did not start");
}

static int
server_start(void **state)
{
	static struct server	s;
	char			port[32];
	int			n = free_port();
	char *const		argv[] = {
		(char[]){DNSMASQ}, (char[]){"--keep-in-foreground"},
		(char[]){"--conf-file=/dev/null"},
		(char[]){"--no-resolv"}, (char[]){"--no-hosts"}, (char[]){"--pid-file="},
		(char[]){"--bind-interfaces"}, (char[]){"--listen-address=127.0.0.1"}, port,
		(char[]){"--user="}, (char[]){"--log-facility=/dev/null"},
		(char[]){"--host-record=both.example.com,192.0.2.7,2001:db8::7"},
		(char[]){"--host-record=imap.test,192.0.2.8"},
		(char[]){"--host-record=localhost,192.0.2.9"},
		(char[]){"--cname=alias.example.com,both.example.com"},
		(char[]){"--local=/example.com/"}, NULL,
	};

	*state = &s;
	if (access(DNSMASQ, X_OK) != 0)
		return 0;
	snprintf(port, sizeof port, "--port=%d", n);
	snprintf(s.name, sizeof s.name, "127.0.0.1@%d", n);
	if (posix_spawn(&s.pid, DNSMASQ, NULL, NULL, argv, (char *[]){NULL}) != 0)
		return -1;
	server_wait(n);
	return 0;
}

static int
server_stop(void **state)
{
	struct server *s = *state;

	if (s->pid == 0)
		return 0;
	kill(s->pid, SIGTERM);
	return waitpid(s->pid, NULL, 0) == s->pid ? 0 : -1;
}

/* The server's list, or the test ends here. */
static const char *const *
need_server(void **state)
{
	static const char	*servers[2];
	struct server		*s = *state;

	if (s->pid == 0) {
		print_message("SKIPPED: there is no " DNSMASQ "\n");
		skip();
	}
	servers[0] = s->name;
	return servers;
}

static void
test_the_named_server_is_asked(void **state)
{
	static const struct { const char *host, *want; } t[] = {
		{ "both.example.com", "192.0.2.7,2001:db8::7" },
		{ "alias.example.com", "192.0.2.7,2001:db8::7" },
		{ "imap.test", "192.0.2.8" },		/* libunbound would answer itself */
		{ "localhost", "192.0.2.9" },		/* and this too */
		{ "192.0.2.1", "192.0.2.1" },
		{ "2001:db8::1", "2001:db8::1" },
	};
	const char *const	*servers = need_server(state);
	struct arena		 a = {0};

	for (size_t i = 0; i < COUNT(t); i++) {
		const char	*got;
		struct err	 e;

		if (resolver_addresses(servers, t[i].host, &a, &got, &e) != 0)
			fail_msg("%s: %s", t[i].host, e.msg);
		assert_string_equal(got, t[i].want);
	}
	arena_free(&a);
}

static void
test_a_name_without_address_may_have_one_later(void **state)
{
	const char *const	*servers = need_server(state);
	const char		*got;
	struct arena		 a = {0};
	struct err		 e;

	assert_int_equal(resolver_addresses(servers, "no.example.com", &a, &got, &e), -1);
	assert_int_equal(e.kind, ERR_RETRY);
	assert_string_equal(e.msg, "no.example.com has no address at the name servers");
	arena_free(&a);
}

static void
test_a_server_that_is_no_address_is_a_setting_gone_wrong(void **state)
{
	static const char	*servers[] = {"dns.example.com", NULL};
	const char		*got;
	struct arena		 a = {0};
	struct err		 e;

	(void)state;
	assert_int_equal(resolver_addresses(servers, "imap.example.com", &a, &got, &e), -1);
	assert_int_equal(e.kind, ERR_FATAL);
	assert_int_equal(e.what, ERR_CONFIG);
	arena_free(&a);
}

/* A socket that takes questions and never answers. */
static void
test_a_silent_server_costs_so_much_time_and_no_more(void **state)
{
	struct sockaddr_in	 at = address(0);
	socklen_t		 n = sizeof at;
	int			 fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const char		*got, *servers[2] = {NULL, NULL};
	struct arena		 a = {0};
	struct err		 e;
	int64_t			 began_ms = clock_mono_ms();

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	servers[0] = arena_printf(&a, "127.0.0.1@%d", ntohs(at.sin_port));
	test_resolver_ms = 300;
	assert_int_equal(resolver_addresses(servers, "imap.example.com", &a, &got, &e), -1);
	assert_int_equal(e.kind, ERR_RETRY);
	assert_non_null(strstr(e.msg, "no answer about imap.example.com"));
	assert_in_range(clock_mono_ms() - began_ms, 300, 5000);
	test_resolver_ms = 10000;
	close(fd);
	arena_free(&a);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_named_server_is_asked),
		cmocka_unit_test(test_a_name_without_address_may_have_one_later),
		cmocka_unit_test(test_a_server_that_is_no_address_is_a_setting_gone_wrong),
		cmocka_unit_test(test_a_silent_server_costs_so_much_time_and_no_more),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
