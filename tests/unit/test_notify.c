#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "notify/notify.h"
#include "store/delivery.h"
#include "store/event.h"

#define T0	INT64_C(1795340000000)	/* 2026-11-22T09:33:20Z */
#define SECRET	"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"

/*
 * A database in a folder of its own, and a configuration whose servers are nowhere (127.0.0.1:1).
 */
struct fixture {
	char			 dir[64];
	struct arena		 arena;
	struct db		*db;
	struct routes		 routes;
	struct smtp_conf	 smtp;
	struct notify		 n;
	volatile int		 stop;
};

static void
file_write(struct fixture *f, const char *name, const char *text)
{
	char	path[128];
	FILE	*out;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	assert_non_null(out = fopen(path, "w"));
	fputs(text, out);
	fclose(out);
	assert_int_equal(chmod(path, 0600), 0);
}

static void
configure(struct fixture *f, const char *endpoints, const char *routes)
{
	struct conf	*c;
	struct err	 e;
	const char	*yaml = arena_printf(&f->arena,
	    "smtp: {url: 'smtps://127.0.0.1:1', from: us@example.com}\n"
	    "endpoints:\n%sroutes:\n%s", endpoints, routes);

	assert_int_equal(conf_parse(&f->arena, arena_printf(&f->arena, "%s/t.yaml", f->dir),
	    span_of(yaml), &c, &e), 0);
	smtp_conf_read(conf_root(c), NULL, &f->smtp);
	routes_conf_read(conf_root(c), NULL, &f->arena, &f->routes);
	if (conf_errors(c) > 0)
		fail_msg("%s", conf_error(c, 0));
}

#define CRM(dir)	arena_printf(&f->arena, "  - {name: crm, webhook: 'https://127.0.0.1:1/h', secret_file: '%s/secret'}\n", dir)
#define OPS		"  - {name: ops, email: [a@example.com, b@example.com]}\n"
#define BOTH		arena_printf(&f->arena, "%s%s", CRM(f->dir), OPS)
#define URGENT		"  - {severity: [urgent], to: [crm, ops]}\n"

static int
setup(void **state)
{
	struct fixture	*f = calloc(1, sizeof(*f));
	struct err	 e;

	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/approvals-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(db_open(arena_printf(&f->arena, "%s/db", f->dir), DB_WRITE, &f->db, &e),
	    0);
	file_write(f, "secret", SECRET);
	f->n = (struct notify){.db = f->db, .routes = &f->routes, .smtp = &f->smtp,
	    .stop = &f->stop, .now_ms = T0};
	log_level_set(LOG_ERROR);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	static const char *const files[] = { "secret", "url", "db", "db-journal", "db.lock" };
	struct fixture	*f = *state;

	db_close(f->db);
	for (size_t i = 0; i < COUNT(files); i++)
		unlink(arena_printf(&f->arena, "%s/%s", f->dir, files[i]));
	assert_int_equal(rmdir(f->dir), 0);
	arena_free(&f->arena);
	free(f);
	return 0;
}

static void
add_event(struct fixture *f, const char *type, const char *ref)
{
	struct event_new	ev = {.type = type, .ref = ref, .cause = ref,
	    .data = json_object()};
	struct err		e;

	json_put_text(ev.data, "msn", "123456");
	assert_int_equal(db_begin(f->db, &e), 0);
	assert_int_equal(event_add(f->db, &ev, T0, &e), 0);
	assert_int_equal(db_commit(f->db, &e), 0);
}

static void
pass(struct fixture *f, int64_t now_ms)
{
	struct err e = {0};

	f->n.now_ms = now_ms;
	if (notify_pass(&f->n, &e) == -1)
		fail_msg("%s", e.msg);
}

static struct delivery *
deliveries(struct fixture *f, int64_t seq, int want)
{
	struct delivery	*list;
	struct err	 e;
	int		 n;

	assert_int_equal(delivery_list_of(f->db, seq, &f->arena, &list, &n, &e), 0);
	assert_int_equal(n, want);
	return list;
}

static void
check_attempts(struct fixture *f, const struct delivery *d, int want)
{
	struct attempt	*list;
	struct err	 e;
	int		 n;

	assert_int_equal(delivery_attempts(f->db, d->id, &f->arena, &list, &n, &e), 0);
	assert_int_equal(n, want);
	assert_int_equal(d->attempt, want);
	for (int i = 0; i < n; i++) {
		assert_int_equal(list[i].n, i + 1);
		assert_non_null(list[i].error);
		assert_int_equal(list[i].status, 0);
	}
}

static void
statuses_mean_what_the_protocols_say(void **state)
{
	static const struct { int status; enum notify_outcome web, mail; } t[] = {
		{ 0, NOTIFY_DOWN, NOTIFY_DOWN }, { 200, NOTIFY_DELIVERED, NOTIFY_DELIVERED },
		{ 204, NOTIFY_DELIVERED, NOTIFY_DELIVERED }, { 299, NOTIFY_DELIVERED,
		    NOTIFY_DELIVERED },
		{ 301, NOTIFY_LATER, NOTIFY_LATER }, { 400, NOTIFY_LATER, NOTIFY_LATER }, { 404,
		    NOTIFY_LATER, NOTIFY_LATER },
		{ 408, NOTIFY_LATER, NOTIFY_LATER }, { 410, NOTIFY_REFUSED, NOTIFY_LATER }, { 421,
		    NOTIFY_LATER, NOTIFY_LATER },
		{ 425, NOTIFY_LATER, NOTIFY_LATER }, { 429, NOTIFY_DOWN, NOTIFY_LATER }, { 451,
		    NOTIFY_LATER, NOTIFY_LATER },
		{ 500, NOTIFY_LATER, NOTIFY_REFUSED }, { 503, NOTIFY_DOWN, NOTIFY_REFUSED }, { 550,
		    NOTIFY_LATER, NOTIFY_REFUSED },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		assert_int_equal(notify_webhook_outcome(t[i].status), t[i].web);
		assert_int_equal(notify_email_outcome(t[i].status), t[i].mail);
	}
}

static void
retries_follow_the_schedule_for_three_days(void **state)
{
	static const struct { int n; int64_t retry_after_ms, wait_ms; } t[] = {
		{ 1, -1, 5 * CLOCK_SECOND }, { 2, -1, 5 * CLOCK_MINUTE }, { 3, -1,
		    30 * CLOCK_MINUTE }, { 4, -1, 2 * CLOCK_HOUR },
		{ 5, -1, 5 * CLOCK_HOUR }, { 6, -1, 10 * CLOCK_HOUR }, { 7, -1, 14 * CLOCK_HOUR },
		    { 8, -1, 20 * CLOCK_HOUR },
		{ 9, -1, 24 * CLOCK_HOUR },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		int64_t low = INT64_MAX, high = 0;

		for (uint32_t c = 0; c < 4000; c++) {
			int64_t wait = notify_next(t[i].n, t[i].retry_after_ms, c * 1073741u,
			    T0) - T0;

			low = wait < low ? wait : low;
			high = wait > high ? wait : high;
		}
		assert_in_range(low, t[i].wait_ms * 80 / 100, t[i].wait_ms * 82 / 100);
		assert_in_range(high, t[i].wait_ms * 118 / 100, t[i].wait_ms * 120 / 100);
	}
	assert_int_equal(notify_next(10, -1, 0, T0), -1);
	assert_int_equal(notify_next(10, 5000, 0, T0), -1);
	assert_int_equal(notify_next(1, 90 * CLOCK_SECOND, 0, T0), T0 + 90 * CLOCK_SECOND);
	assert_int_equal(notify_next(1, 400 * CLOCK_DAY, 0, T0), T0 + CLOCK_DAY);
	assert_true(notify_next(1, 0, 0, T0) >= T0 + CLOCK_SECOND);
	assert_true(notify_next(2, 1000, 0, T0) >= T0 + 4 * CLOCK_MINUTE);	/* asks for more patience, never for less */
}

static void
an_event_is_fanned_out_once_and_its_bodies_are_frozen(void **state)
{
	struct fixture	*f = *state;
	struct delivery	*d, *again;

	configure(f, BOTH, URGENT "  - {events: ['approval.*'], to: [crm, ops]}\n");
	add_event(f, "approval.confirmed", "apr_1");
	add_event(f, "claim.held", "clm_1");		/* no route takes it */
	pass(f, T0);
	assert_int_equal(f->n.events, 2);
	deliveries(f, 2, 0);
	d = deliveries(f, 1, 3);
	assert_string_equal(d[0].target, "https://127.0.0.1:1/h");
	assert_string_equal(d[1].target, "a@example.com");
	assert_string_equal(d[2].endpoint, "ops");
	assert_non_null(strstr(d[0].body, "\"type\":\"approval.confirmed\""));
	assert_non_null(strstr(d[1].body, "To: a@example.com\r\n"));
	assert_non_null(strstr(d[2].body, arena_printf(&f->arena, "Message-ID: <%s@example.com>",
	    d[2].webhook_id)));
	assert_string_not_equal(d[1].webhook_id, d[2].webhook_id);
	configure(f, BOTH, URGENT);
	pass(f, T0 + CLOCK_DAY);
	assert_int_equal(f->n.events, 0);
	again = deliveries(f, 1, 3);
	for (int i = 0; i < 3; i++) {
		assert_string_equal(again[i].body, d[i].body);
		assert_string_equal(again[i].webhook_id, d[i].webhook_id);
	}
}

static void
two_endpoints_with_one_target_make_one_delivery(void **state)
{
	struct fixture *f = *state;

	configure(f, arena_printf(&f->arena,
	    "%s" OPS "  - {name: team, email: [b@example.com, c@example.com, b@example.com]}\n",
	    CRM(f->dir)), URGENT "  - {events: ['approval.*'], to: [ops, team]}\n");
	add_event(f, "approval.confirmed", "apr_1");
	pass(f, T0);
	assert_string_equal(deliveries(f, 1, 3)[2].target, "c@example.com");
}

static void
a_receiver_that_is_away_costs_one_try_a_pass_and_is_retried_later(void **state)
{
	struct fixture	*f = *state;
	struct delivery	*d;

	configure(f, BOTH, URGENT "  - {events: ['approval.*'], to: [crm]}\n");
	for (int i = 0; i < 35; i++)
		add_event(f, "approval.confirmed", arena_printf(&f->arena, "apr_%d", i));
	pass(f, T0);
	assert_int_equal(f->n.events, 35);
	assert_int_equal(f->n.failed, 1);
	check_attempts(f, d = deliveries(f, 1, 1), 1);
	assert_int_equal(d->state, DELIVERY_DUE);
	assert_in_range(d->next_ms, T0 + 4 * CLOCK_SECOND, T0 + 60 * CLOCK_SECOND);
	for (int64_t seq = 2; seq <= 35; seq++) {
		check_attempts(f, d = deliveries(f, seq, 1), 0);
		assert_int_equal(d->state, DELIVERY_DUE);
		assert_int_equal(d->leased_until_ms, 0);
	}
	pass(f, T0 + CLOCK_SECOND);
	assert_int_equal(f->n.failed, 1);
	check_attempts(f, deliveries(f, 1, 1), 1);	/* its own time has not come */
	check_attempts(f, deliveries(f, 2, 1), 1);
}

static void
after_ten_attempts_a_delivery_is_dead(void **state)
{
	struct fixture	*f = *state;
	struct delivery	*d;
	int64_t		 now_ms = T0;

	configure(f, arena_printf(&f->arena, "%s  - {name: team, email: [c@example.com]}\n", BOTH),
	    "  - {severity: [urgent], to: [ops, team]}\n  - {events: [approval.confirmed], to: [crm]}\n");
	add_event(f, "approval.confirmed", "apr_1");
	for (int i = 1; i <= 10; i++) {
		pass(f, now_ms);
		d = deliveries(f, 1, 1);
		check_attempts(f, d, i);
		assert_int_equal(d->state, i < 10 ? DELIVERY_DUE : DELIVERY_DEAD);
		assert_int_equal(f->n.dead, i == 10);
		now_ms = i < 10 ? d->next_ms : now_ms;
	}
	pass(f, now_ms + 30 * CLOCK_DAY);
	check_attempts(f, deliveries(f, 1, 1), 10);
}

static void
an_endpoint_that_keeps_failing_is_told_to_the_others(void **state)
{
	struct fixture	*f = *state;
	struct event	*list;
	struct err	 e;
	int		 n;

	configure(f, BOTH, URGENT "  - {events: [approval.confirmed], to: [crm]}\n");
	add_event(f, "approval.confirmed", "apr_1");
	pass(f, T0);
	assert_int_equal(f->n.failing_long, 0);
	pass(f, T0 + 10 * CLOCK_MINUTE);
	assert_int_equal(event_list_of(f->db, "endpoint:crm", &f->arena, &list, &n, &e), 0);
	assert_int_equal(n, 0);
	pass(f, T0 + 41 * CLOCK_MINUTE);
	assert_int_equal(f->n.failing_long, 1);
	assert_int_equal(event_list_of(f->db, "endpoint:crm", &f->arena, &list, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].type, "endpoint.failing");
	pass(f, T0 + 42 * CLOCK_MINUTE);
	assert_int_equal(f->n.events, 1);
	deliveries(f, list[0].seq, 3);		/* to crm too: it learns when it is back */
}

static void
a_delivery_outlives_its_endpoint_in_the_configuration(void **state)
{
	struct fixture	*f = *state;
	const char	*team = arena_printf(&f->arena,
	    "%s  - {name: team, email: [c@example.com]}\n", CRM(f->dir));

	configure(f, BOTH, URGENT "  - {events: [approval.confirmed], to: [ops]}\n");
	add_event(f, "approval.confirmed", "apr_1");
	pass(f, T0);
	check_attempts(f, deliveries(f, 1, 2), 1);
	check_attempts(f, deliveries(f, 1, 2) + 1, 0);
	configure(f, team, "  - {severity: [urgent], to: [crm, team]}\n");
	pass(f, T0 + CLOCK_HOUR);		/* nobody has these addresses: due, untried */
	assert_int_equal(f->n.failed, 0);
	check_attempts(f, deliveries(f, 1, 2), 1);
	check_attempts(f, deliveries(f, 1, 2) + 1, 0);
	assert_int_equal(deliveries(f, 1, 2)[1].state, DELIVERY_DUE);
	configure(f, arena_printf(&f->arena, "%s  - {name: sales, email: [b@example.com]}\n", team),
	    "  - {severity: [urgent], to: [crm, team]}\n");
	pass(f, T0 + 2 * CLOCK_HOUR);		/* another endpoint has one of them */
	check_attempts(f, deliveries(f, 1, 2), 1);
	check_attempts(f, deliveries(f, 1, 2) + 1, 1);
}

static void
a_secret_that_cannot_be_read_is_no_attempt(void **state)
{
	static const char *const bad[] = { "", "not a secret\n", "whsec_AAAA\n" };
	struct fixture	*f = *state;

	configure(f, BOTH, URGENT "  - {events: [approval.confirmed], to: [crm]}\n");
	add_event(f, "approval.confirmed", "apr_1");
	for (size_t i = 0; i < COUNT(bad); i++) {
		file_write(f, "secret", bad[i]);
		pass(f, T0 + (int64_t)i * CLOCK_DAY);
		check_attempts(f, deliveries(f, 1, 1), 0);
	}
	assert_int_equal(f->n.failing_long, 1);
	file_write(f, "secret", SECRET);
	pass(f, T0 + 10 * CLOCK_DAY);
	check_attempts(f, deliveries(f, 1, 1), 1);
}

static void
a_secret_url_that_cannot_be_read_holds_back_nobody_else(void **state)
{
	static const char *const bad[] = { NULL, "http://127.0.0.1:1/hush\n" };
	struct fixture	*f = *state;
	struct delivery	*d;

	configure(f, arena_printf(&f->arena,
	    "%s%s  - {name: chat, webhook_file: '%s/url', secret_file: '%s/secret'}\n",
	    CRM(f->dir), OPS, f->dir, f->dir),
	    URGENT "  - {events: [approval.confirmed], to: [chat, crm]}\n");
	add_event(f, "approval.confirmed", "apr_1");
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (bad[i] != NULL)
			file_write(f, "url", bad[i]);
		pass(f, T0 + (int64_t)i);
		d = deliveries(f, 1, 2);
		assert_string_equal(d[0].endpoint, "crm");
		check_attempts(f, &d[0], 1);
		check_attempts(f, &d[1], 0);	/* it waits for its file */
	}
	pass(f, T0 + CLOCK_HOUR);		/* and the others are told of that */
	assert_int_equal(f->n.failing_long, 2);
	pass(f, T0 + CLOCK_HOUR + 1);
	deliveries(f, 2, 3);
	file_write(f, "url", "https://127.0.0.1:1/hush\n");
	pass(f, T0 + CLOCK_HOUR + 2);
	check_attempts(f, deliveries(f, 1, 2) + 1, 1);
}

static void
a_secret_url_is_never_kept(void **state)
{
	struct fixture	*f = *state;
	struct delivery	*d;

	configure(f, arena_printf(&f->arena,
	    "%s%s  - {name: chat, webhook_file: '%s/url', secret_file: '%s/secret'}\n",
	    CRM(f->dir), OPS, f->dir, f->dir),
	    URGENT "  - {events: [approval.confirmed], to: [chat]}\n");
	file_write(f, "url", "https://127.0.0.1:1/hush\n");
	add_event(f, "approval.confirmed", "apr_1");
	pass(f, T0);
	d = deliveries(f, 1, 1);
	assert_int_equal(strncmp(d->target, "secret:", 7), 0);
	assert_null(strstr(d->target, "hush"));
	check_attempts(f, d, 1);
}

static void
a_stopped_pass_leaves_nothing_leased(void **state)
{
	struct fixture	*f = *state;
	struct err	 e;

	configure(f, BOTH, URGENT);
	add_event(f, "mailbox.failing", "mailbox:x");
	pass(f, T0);
	add_event(f, "mailbox.failing", "mailbox:y");
	f->stop = 1;
	f->n.now_ms = T0 + CLOCK_DAY;
	assert_int_equal(notify_pass(&f->n, &e), -1);
	assert_int_equal(e.what, ERR_STOPPED);
	for (int i = 0; i < 3; i++)
		assert_int_equal(deliveries(f, 1, 3)[i].leased_until_ms, 0);
	deliveries(f, 2, 0);
}

static void
what_a_killed_pass_left_is_sent_by_the_next_that_holds_the_lock(void **state)
{
	struct fixture	*f = *state;
	struct delivery	*list;
	int64_t		 idle_ms;
	struct err	 e;
	int		 n;

	configure(f, BOTH, URGENT "  - {events: [approval.confirmed], to: [crm]}\n");
	add_event(f, "approval.confirmed", "apr_1");
	pass(f, T0);
	assert_int_equal(delivery_lease(f->db, T0 + CLOCK_HOUR, NOTIFY_LEASE_MS, 10, &f->arena, &list, &n, &e), 0);
	assert_int_equal(n, 1);			/* and here it was killed */
	pass(f, T0 + CLOCK_HOUR + CLOCK_SECOND);
	assert_int_equal(f->n.failed, 0);
	assert_int_equal(db_lock(arena_printf(&f->arena, "%s/db", f->dir), T0, &f->n.lock, &idle_ms, &e), 0);
	pass(f, T0 + CLOCK_HOUR + CLOCK_SECOND);
	db_unlock(f->n.lock);
	assert_int_equal(f->n.failed, 1);
	assert_int_equal(deliveries(f, 1, 1)->attempt, 3);	/* the killed one counts */
	assert_int_equal(deliveries(f, 1, 1)->leased_until_ms, 0);
}

static void
with_the_lock_nothing_is_sent_before_its_time(void **state)
{
	struct fixture	*f = *state;
	struct delivery	*d;
	int64_t		 idle_ms;
	struct err	 e;

	configure(f, BOTH, URGENT "  - {events: [approval.confirmed], to: [crm]}\n");
	add_event(f, "approval.confirmed", "apr_1");
	assert_int_equal(db_lock(arena_printf(&f->arena, "%s/db", f->dir), T0, &f->n.lock, &idle_ms, &e), 0);
	pass(f, T0);
	pass(f, T0 + CLOCK_SECOND);
	assert_int_equal(f->n.failed, 0);
	check_attempts(f, d = deliveries(f, 1, 1), 1);
	assert_int_equal(d->leased_until_ms, 0);
	pass(f, T0 + CLOCK_MINUTE);
	check_attempts(f, deliveries(f, 1, 1), 2);
	db_unlock(f->n.lock);
}

static void
a_clock_that_was_ahead_parks_no_delivery(void **state)
{
	struct fixture	*f = *state;

	configure(f, BOTH, URGENT "  - {events: [approval.confirmed], to: [crm]}\n");
	add_event(f, "approval.confirmed", "apr_1");
	pass(f, T0 + 400 * CLOCK_DAY);	/* fails, and is put off to then */
	pass(f, T0);
	check_attempts(f, deliveries(f, 1, 1), 2);
	pass(f, T0);
	check_attempts(f, deliveries(f, 1, 1), 2);
}

static void
passes_that_were_killed_do_not_use_up_the_schedule(void **state)
{
	struct fixture	*f = *state;
	struct delivery	*list, *d;
	struct err	 e;
	int64_t		 now_ms = T0;
	int		 n;

	configure(f, BOTH, URGENT "  - {events: [approval.confirmed], to: [crm]}\n");
	add_event(f, "approval.confirmed", "apr_1");
	pass(f, now_ms);
	for (int killed = 0; killed < 12; killed++) {
		now_ms += CLOCK_HOUR;
		assert_int_equal(delivery_lease(f->db, now_ms, NOTIFY_LEASE_MS, 10, &f->arena, &list, &n, &e), 0);
		assert_int_equal(n, 1);
	}
	pass(f, now_ms + CLOCK_HOUR);
	d = deliveries(f, 1, 1);
	assert_int_equal(d->outcomes, 2);
	assert_int_equal(d->state, DELIVERY_DUE);
	assert_in_range(d->next_ms, now_ms + CLOCK_HOUR + 4 * CLOCK_MINUTE,
	    now_ms + CLOCK_HOUR + 7 * CLOCK_MINUTE);	/* the second wait: 5 min */
}

#define WITH_DB(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statuses_mean_what_the_protocols_say),
		cmocka_unit_test(retries_follow_the_schedule_for_three_days),
		WITH_DB(an_event_is_fanned_out_once_and_its_bodies_are_frozen),
		WITH_DB(two_endpoints_with_one_target_make_one_delivery),
		WITH_DB(a_receiver_that_is_away_costs_one_try_a_pass_and_is_retried_later),
		WITH_DB(after_ten_attempts_a_delivery_is_dead),
		WITH_DB(an_endpoint_that_keeps_failing_is_told_to_the_others),
		WITH_DB(a_delivery_outlives_its_endpoint_in_the_configuration),
		WITH_DB(a_secret_that_cannot_be_read_is_no_attempt),
		WITH_DB(a_secret_url_that_cannot_be_read_holds_back_nobody_else),
		WITH_DB(a_secret_url_is_never_kept),
		WITH_DB(a_stopped_pass_leaves_nothing_leased),
		WITH_DB(what_a_killed_pass_left_is_sent_by_the_next_that_holds_the_lock),
		WITH_DB(with_the_lock_nothing_is_sent_before_its_time),
		WITH_DB(a_clock_that_was_ahead_parks_no_delivery),
		WITH_DB(passes_that_were_killed_do_not_use_up_the_schedule),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
