/* show: anything with an id, with its evidence, proof, API answers, events, deliveries and attempts. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "cmd/cmd.h"
#include "store/action.h"
#include "store/answer.h"
#include "store/approval.h"
#include "store/delivery.h"
#include "store/event.h"
#include "store/mail.h"
#include "store/review.h"
#include "store/signature.h"

static int
add_deliveries(struct db *db, struct json *event, int64_t seq, struct arena *a, struct err *e)
{
	struct json	*list = json_array();
	struct delivery	*d;
	struct attempt	*at;
	int		 n, attempts;

	json_put(event, "deliveries", list);
	if (delivery_list_of(db, seq, a, &d, &n, e) == -1)
		return -1;
	for (int i = 0; i < n; i++) {
		struct json *tries = json_array(), *j = delivery_json(&d[i]);

		json_add(list, j);
		json_put(j, "attempts", tries);
		if (delivery_attempts(db, d[i].id, a, &at, &attempts, e) == -1)
			return -1;
		for (int k = 0; k < attempts; k++)
			json_add(tries, attempt_json(&at[k]));
	}
	return 0;
}

static int
add_event(struct db *db, struct json *list, const struct event *ev, struct arena *a, struct err *e)
{
	struct json *j = event_json(ev);

	json_add(list, j);
	return add_deliveries(db, j, ev->seq, a, e);
}

static int
add_events(struct db *db, struct json *to, const char *ref, struct arena *a, struct err *e)
{
	struct json	*list = json_array();
	struct event	*ev;
	int		 n;

	json_put(to, "events", list);
	if (event_list_of(db, ref, a, &ev, &n, e) == -1)
		return -1;
	for (int i = 0; i < n; i++)
		if (add_event(db, list, &ev[i], a, e) == -1)
			return -1;
	return 0;
}

static int
add_mail(struct db *db, struct json *to, int64_t id, struct arena *a, struct err *e)
{
	struct mail_row		m;
	struct signature_row	s;
	struct json		*action;
	bool			found;

	if (mail_get(db, id, a, &m, e) == -1)
		return -1;
	json_put(to, "mail", mail_json(&m));
	if (signature_get(db, m.same_as != 0 ? m.same_as : id, a, &s, &found, e) == -1)
		return -1;
	json_put(to, "signature", found ? signature_json(&s) : NULL);
	if (action_json(db, id, &action, e) == -1)
		return -1;
	json_put(to, "action", action);
	return 0;
}

static int
add_reviews(struct db *db, struct json *to, int64_t claim_id, int64_t mail_id, struct arena *a, struct err *e)
{
	struct json	*list = json_array();
	struct review	*v;
	int		 n;

	json_put(to, "reviews", list);
	if (review_list_of(db, claim_id, mail_id, a, &v, &n, e) == -1)
		return -1;
	for (int i = 0; i < n; i++)
		json_add(list, review_json(&v[i]));
	return 0;
}

/* What the API said of it: when first and last, and how often. */
static int
add_answers(struct db *db, struct json *to, const char *ref, struct err *e)
{
	struct json	*list;
	int		 rc = answer_list_of(db, ref, &list, e);

	json_put(to, "answers", list);
	return rc;
}

static int
add_claims(struct db *db, struct json *to, int64_t mail_id, int64_t approval_id, struct arena *a, struct err *e)
{
	struct json	*list = json_array();
	struct claim	*c;
	int		 n;

	json_put(to, "claims", list);
	if (claim_list_of(db, mail_id, approval_id, a, &c, &n, e) == -1)
		return -1;
	for (int i = 0; i < n; i++) {
		struct json *j = claim_json(&c[i]);

		json_add(list, j);
		if (add_answers(db, j, arena_printf(a, "clm_%lld", (long long)c[i].id), e) == -1 ||
		    add_reviews(db, j, c[i].id, 0, a, e) == -1)
			return -1;
	}
	return 0;
}

static int
show_approval(struct db *db, const char *id, struct json *out, struct arena *a, struct err *e)
{
	struct approval	ap;

	if (approval_get(db, id, a, &ap, e) == -1)
		return -1;
	json_put(out, "approval", approval_json(&ap));
	json_put_time(out, "asked_at", ap.asked_ms);
	json_put_time(out, "asked_again_at", ap.next_ms);
	json_put_time(out, "missing_since", ap.missing_ms);
	if (add_answers(db, out, ap.apr, e) == -1 || add_claims(db, out, 0, ap.id, a, e) == -1)
		return -1;
	return add_events(db, out, id, a, e);
}

static int
show_claim(struct db *db, const char *id, struct json *out, struct arena *a, struct err *e)
{
	struct claim	c;

	if (claim_get(db, strtoll(id + 4, NULL, 10), a, &c, e) == -1)
		return -1;
	json_put(out, "claim", claim_json(&c));
	json_put_time(out, "asked_again_at", c.next_ms);
	if (add_answers(db, out, id, e) == -1 || add_reviews(db, out, c.id, 0, a, e) == -1)
		return -1;
	return add_mail(db, out, c.mail_id, a, e) == -1 ? -1 : add_events(db, out, id, a, e);
}

static int
show_mail(struct db *db, const char *id, struct json *out, struct arena *a, struct err *e)
{
	const int64_t	row = strtoll(id + 5, NULL, 10);

	if (add_mail(db, out, row, a, e) == -1 || add_reviews(db, out, 0, row, a, e) == -1 ||
	    add_claims(db, out, row, 0, a, e) == -1)
		return -1;
	return add_events(db, out, id, a, e);
}

static int
show_event(struct db *db, const char *id, struct json *out, struct arena *a, struct err *e)
{
	struct event	ev;
	struct json	*list = json_array();

	json_put(out, "events", list);
	return event_get(db, id, a, &ev, e) == -1 ? -1 : add_event(db, list, &ev, a, e);
}

static int
show_delivery(struct db *db, const char *id, struct json *out, struct arena *a, struct err *e)
{
	struct delivery	d;

	if (delivery_get(db, strtoll(id + 4, NULL, 10), a, &d, e) == -1)
		return -1;
	return show_event(db, d.event_id, out, a, e);
}

static const struct {
	const char	*prefix;
	bool		 number;	/* a row's number follows, not a hash */
	int		(*show)(struct db *, const char *, struct json *, struct arena *, struct err *);
} kinds[] = {
	{ "apr_", false, show_approval },
	{ "clm_", true, show_claim },
	{ "mail_", true, show_mail },
	{ "evt_", false, show_event },
	{ "dlv_", true, show_delivery },
};

static int
show(struct db *db, const char *id, struct json *out, struct arena *a, struct err *e)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		const size_t n = strlen(kinds[i].prefix);

		if (strncmp(id, kinds[i].prefix, n) != 0)
			continue;
		if (!kinds[i].number)
			return kinds[i].show(db, id, out, a, e);
		if (span_digits(span_of(id + n)))	/* as it is stored: mail_007 is mail_7 */
			return kinds[i].show(db, arena_printf(a, "%s%lld", kinds[i].prefix,
			    strtoll(id + n, NULL, 10)), out, a, e);
	}
	return err_set(e, ERR_REJECT, "%s: not an id (they begin with apr_, clm_, mail_, evt_ or dlv_)", id);
}

enum status
cmd_show(struct app *app, int argc, char **argv)
{
	static const struct option options[] = { { "format", 1, NULL, 'f' }, { NULL, 0, NULL, 0 } };
	struct json	*out;
	struct err	 e;
	enum status	 status = STATUS_DONE;
	int		 opt, format = FORMAT_TEXT;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (opt != 'f')
			return usage("show", "that option is not known");
		else if ((format = format_of(optarg, "text json")) == -1)
			return usage("show", "--format %s: text or json", optarg);
	if (optind + 1 != argc)
		return usage("show", "which id?");
	out = json_object();
	if (show(app->db, argv[optind], out, &app->arena, &e) == -1) {
		status = e.kind == ERR_REJECT ? usage(NULL, "%s", e.msg) : failed("show.failed", &e);
	} else {
		if (format == FORMAT_JSON)
			puts(json_print_pretty(out, &app->arena));
		else
			output_tree(out, &app->arena);
		if (output_done(&e) == -1)
			status = failed("show.failed", &e);
	}
	json_free(out);
	return status;
}
