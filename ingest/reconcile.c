#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "ingest/decide.h"
#include "ingest/reconcile.h"
#include "ingest/refresh.h"
#include "store/answer.h"
#include "store/approval.h"
#include "store/event.h"

#define BATCH		16	/* units asked about together: what is learned of them is committed together */
#define LOST_ORDERS	20	/* orders asked about one by one in a pass */
#define MAX_ID		64	/* characters of an order's id; a UUID has 36 */
#define MAX_STATUS	40
#define EVERY_MIN_MS	(10 * CLOCK_MINUTE)	/* lists are long, and nothing in them is in a hurry */
#define AGAIN_MS	(10 * CLOCK_MINUTE)	/* lists that could not be had: each pass waits for them */
#define BESIDE_MS	CLOCK_DAY	/* lists fail while claims do: mostly one trouble, which is told; else they are, too */
#define EVERY_MAX_MS	(7 * CLOCK_DAY)

/* ---- settings and arithmetic */

void
reconcile_conf_read(struct conf_node *root, struct reconcile_conf *c)
{
	struct conf_node	*n = conf_get(root, "reconcile");
	const char		*word = conf_scalar(n, NULL);
	int			 new;

	*c = (struct reconcile_conf){.every_ms = RECONCILE_EVERY_MS};
	if (word != NULL) {
		c->none = strcmp(word, "none") == 0;
		if (!c->none)
			conf_wrong(conf_of(n), n, "must be none, or a mapping with every and new");
		return;
	}
	n = conf_section(root, "reconcile", CONF_OPTIONAL);
	c->every_ms = conf_span_ms(n, "every", RECONCILE_EVERY_MS);
	if (c->every_ms < EVERY_MIN_MS || c->every_ms > EVERY_MAX_MS)
		conf_wrong(conf_of(n), conf_get(n, "every"), "must be between 10m and 7d");
	new = conf_word(n, "new", "report record announce", RECONCILE_REPORT);
	c->new = new < 0 ? RECONCILE_REPORT : (enum reconcile_new)new;
	conf_done(n);
}

bool
reconcile_is_unlike(int64_t last, int64_t count, int64_t kept, int64_t fresh, bool first)
{
	if (first)
		return false;	/* nothing to compare with */
	if (last >= RECONCILE_FEW && kept * 2 < last)
		return true;
	return fresh > RECONCILE_MANY && fresh * 2 > count;
}

/* ---- one pass */

struct pass {
	struct reconcile	*rc;
	struct management	*api;
	struct unit_times	 t;
	int64_t			 began_ms;	/* monotonic */
	bool			 failed;	/* a question went unanswered: `why` */
	bool			 away;		/* and so would all */
	bool			 unlike;	/* the list of units is not believed */
	int64_t			 wish_ms;	/* Retry-After; 0: none */
	struct err		 why;
};

static void
answer_failed(struct pass *p, const struct question *q)
{
	if (!p->failed || q->why.what == ERR_KEYS)
		p->why = q->why;
	p->failed = true;
	p->away = p->away || q->away;
	if (q->away && q->retry_after_ms > p->wish_ms)
		p->wish_ms = q->retry_after_ms;
}

/* True if it was answered. */
static bool
answer_one(struct pass *p, struct question *q)
{
	struct err e;

	if (management_answer(p->api, q, &e) == 0)
		return true;
	answer_failed(p, q);
	return false;
}

static int
stopped(const struct pass *p, struct err *e)
{
	if (*p->rc->stop)
		return err_what(e, ERR_RETRY, ERR_STOPPED, "stopped by a signal");
	return 0;
}

/* Nothing more is to be asked in this pass. */
static bool
pass_over(const struct pass *p)
{
	return p->away || (!p->rc->command && clock_mono_ms() - p->began_ms > RECONCILE_RUN_MS);
}

/* ---- the lists */

/* Whether the list of units is one to believe (see reconcile.h). */
static int
units_compare(struct pass *p, const struct unit_list *list, bool *unlike, struct err *e)
{
	int64_t	last = 0, kept = 0, fresh = 0;
	bool	in_last, ever;

	if (unit_count(p->rc->db, p->t.listed_ms, &last, e) == -1)
		return -1;
	for (int i = 0; i < list->count; i++) {
		if (unit_known(p->rc->db, list->units[i].msn, p->t.listed_ms, &in_last, &ever, e) == -1)
			return -1;
		kept += in_last;
		fresh += !ever;
	}
	*unlike = reconcile_is_unlike(last, list->count, kept, fresh, p->t.baseline_ms == 0);
	if (*unlike)
		err_set(&p->why, ERR_RETRY, "the list of sales units is unlike the last one (%d units; %lld of the last %lld, "
		    "and %lld that are new): if it is right, say so by: approvals reconcile --believe", list->count,
		    (long long)kept, (long long)last, (long long)fresh);
	return 0;
}

static int
units_store(struct pass *p, const struct unit_list *list, bool quiet, struct err *e)
{
	for (int i = 0; i < list->count; i++) {
		const struct unit_new u = {.msn = list->units[i].msn, .name = list->units[i].name,
		    .quiet = quiet};

		if (unit_seen(p->rc->db, &u, p->rc->now_ms, e) == -1)
			return -1;
	}
	return 0;
}

/* An id that can be stored and named, and a status that is a word. */
static bool
order_is_sane(const struct order *o)
{
	size_t n;

	if (o->id == NULL || o->status == NULL)
		return false;
	n = strlen(o->id);
	if (n == 0 || n > MAX_ID || o->id[strspn(o->id, "0123456789abcdefABCDEF-")] != '\0')
		return false;
	n = strlen(o->status);
	return n > 0 && n <= MAX_STATUS &&
	    o->status[strspn(o->status, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_")] == '\0';
}

/* order.rejected and order.expired: that, and nothing about why. */
static int
order_tell(struct pass *p, const struct order *o, struct err *e)
{
	struct arena	 a = {0};
	struct json	*data = json_object();
	int		 rc;

	json_put_text(data, "id", o->id);
	json_put_text(data, "type", o->type);
	json_put_text(data, "product_type", o->product);
	json_put_text(data, "status", o->status);
	json_put_text(data, "org_scheme", o->org_scheme);
	json_put_text(data, "org_number", o->org_number);
	json_put_text(data, "country", o->org_scheme != NULL && strncmp(o->org_scheme, "business:", 9) == 0 ?
	    arena_textn(&a, o->org_scheme + 9, strnlen(o->org_scheme + 9, 2)) : NULL);
	rc = event_add(p->rc->db, &(struct event_new){
		.type = strcmp(o->status, "EXPIRED") == 0 ? "order.expired" : "order.rejected",
		.ref = arena_printf(&a, "order:%s", o->id),
		.cause = "reconcile",
		.data = data,
	    }, p->rc->now_ms, e);
	arena_free(&a);
	return rc;
}

/* In a transaction: the order as it is now. A completed one names a unit, which the other list may not have (yet). */
static int
order_store(struct pass *p, const struct order *o, bool quiet, bool quiet_units, struct err *e)
{
	bool tell;

	if (o->status != NULL && strcmp(o->status, "COMPLETED") == 0 && o->msn != NULL) {
		const struct unit_new u = {.msn = o->msn, .name = o->name, .org_scheme = o->org_scheme,
		    .org_number = o->org_number, .ordered = true, .quiet = quiet_units};

		if (unit_seen(p->rc->db, &u, p->rc->now_ms, e) == -1)
			return -1;
	}
	if (!order_is_sane(o))	/* the API need not give it an id */
		return 0;
	if (unit_order(p->rc->db, o->id, o->status, quiet, p->rc->now_ms, &tell, e) == -1)
		return -1;
	return tell ? order_tell(p, o, e) : 0;
}

/* One transaction: what the lists show. orders is NULL if they could not be had. */
static int
lists_store(struct pass *p, const struct unit_list *units, const struct order_list *orders, struct err *e)
{
	struct reconcile	*rc = p->rc;
	const bool		 quiet = p->t.baseline_ms == 0 || rc->believe;
	const bool		 quiet_orders = p->t.orders_ms == 0;
	int			 result;

	if (db_begin(rc->db, e) == -1)
		return -1;
	result = units_store(p, units, quiet, e);
	for (int i = 0; result == 0 && orders != NULL && i < orders->count; i++)
		result = order_store(p, &orders->orders[i], quiet_orders, quiet || quiet_orders, e);
	if (result == 0)
		result = unit_listed(rc->db, rc->believe, orders != NULL, rc->now_ms, e);
	if (result == -1) {
		db_rollback(rc->db);
		return -1;
	}
	if (db_commit(rc->db, e) == -1)
		return -1;
	rc->listed = true;
	rc->first = quiet;
	rc->units = units->count;
	rc->orders = orders != NULL ? orders->count : 0;
	return unit_times(rc->db, &p->t, e);
}

/* Orders that were under way and left the list: each says itself what became of it. */
static int
orders_lost(struct pass *p, struct err *e)
{
	struct arena		 a = {0};
	struct order_row	*rows;
	int			 n, rc;

	rc = unit_orders_lost(p->rc->db, p->t.listed_ms, LOST_ORDERS, &a, &rows, &n, e);
	for (int i = 0; rc == 0 && i < n && !pass_over(p); i++) {
		struct question	q = {.kind = ASK_ORDER, .order_id = rows[i].id, .arena = &a};
		struct order	gone = {.id = rows[i].id, .status = "LOST"};

		if (!answer_one(p, &q))
			continue;
		if ((rc = db_begin(p->rc->db, e)) == -1)
			break;
		rc = order_store(p, q.found && q.orders.count == 1 ? &q.orders.orders[0] : &gone, false, false, e);
		if (rc == 0)
			rc = db_commit(p->rc->db, e);
		else
			db_rollback(p->rc->db);
	}
	arena_free(&a);
	return rc;
}

/* One call for all units, one for all orders. What could not be had is in p->why. -1 only for the database. */
static int
lists_take(struct pass *p, struct err *e)
{
	struct arena	a = {0};
	struct question	units = {.kind = ASK_ALL_UNITS, .arena = &a};
	struct question	orders = {.kind = ASK_ORDERS, .expired = true, .arena = &a};
	bool		unlike = false, have_orders;
	int		rc = 0;

	if (!answer_one(p, &units))
		goto out;
	if (!p->rc->believe && (rc = units_compare(p, &units.units, &unlike, e)) == -1)
		goto out;
	if (unlike) {
		p->failed = p->unlike = true;
		goto out;
	}
	/* Orders name the partner that made them: merchants have none to ask for. The units are worth having without. */
	have_orders = p->rc->api->keys != API_KEYS_MERCHANT && answer_one(p, &orders);
	rc = lists_store(p, &units.units, have_orders ? &orders.orders : NULL, e);
	if (rc == 0 && have_orders)
		rc = orders_lost(p, e);
out:
	arena_free(&a);
	return rc;
}

/* ---- units asked about one by one */

/* What the API said of one: `unit` first, then its merchant. */
struct detail {
	struct unit_row		*row;
	struct question		 unit, merchant;
	bool			 answered, merchant_asked;
};

/* The vendor publishes no Swedish scheme, so ours stands for any of that country. NULL: none that we know. */
static const char *
scheme_ours(const char *theirs)
{
	static const char *const ours[] = {"business:NO:ORG", "business:DK:CVR", "business:FI:Y-tunnus",
	    "business:SE:ORG"};

	for (size_t i = 0; theirs != NULL && i < COUNT(ours); i++)
		if (strcasecmp(theirs, ours[i]) == 0)
			return ours[i];
	return theirs != NULL && strncasecmp(theirs, "business:SE:", 12) == 0 ? ours[3] : NULL;
}

static bool
is_swedish(const char *scheme)
{
	return strncasecmp(scheme, "business:SE:", 12) == 0;
}

/* Queues everything, then takes what comes back. */
static void
questions_run(struct pass *p, struct question **list, int n)
{
	struct question *q;

	for (int i = 0; i < n; i++)
		management_ask(p->api, list[i]);
	while ((q = management_wait(p->api)) != NULL)
		if (q->failed)
			answer_failed(p, q);
	db_lock_progress(p->rc->lock);
}

/* The units, then the merchants of those that are there, one question for each merchant. */
static void
details_ask(struct pass *p, struct detail *d, int n, bool merchants, struct arena *a)
{
	struct question	*list[BATCH];
	int		 count = 0;

	for (int i = 0; i < n; i++) {
		d[i].unit = (struct question){.kind = ASK_SALES_UNIT, .msn = d[i].row->msn, .arena = a};
		list[i] = &d[i].unit;
	}
	questions_run(p, list, n);
	for (int i = 0; i < n; i++) {
		const struct sales_unit *u = &d[i].unit.unit;

		d[i].answered = !d[i].unit.failed;
		if (!merchants || d[i].unit.failed || !d[i].unit.found || scheme_ours(u->org_scheme) == NULL ||
		    is_swedish(u->org_scheme))
			continue;
		d[i].merchant = (struct question){.kind = ASK_MERCHANT, .org_scheme = scheme_ours(u->org_scheme),
		    .org_number = u->org_number, .arena = a};
		d[i].merchant_asked = true;
		list[count++] = &d[i].merchant;
	}
	if (count > 0 && !p->away)
		questions_run(p, list, count);
	for (int i = 0; i < n; i++)
		if (d[i].merchant_asked && (p->away || d[i].merchant.failed))
			d[i].answered = false;
	p->rc->asked += n;
}

/* In a transaction: what the unit's own answer says is kept with it. */
static int
detail_keep(struct pass *p, struct detail *d, struct err *e)
{
	struct unit_row row = {.msn = d->row->msn, .found = d->unit.found};

	if (d->unit.found) {
		row.name = d->unit.unit.name;
		row.org_scheme = scheme_ours(d->unit.unit.org_scheme);
		row.org_number = d->unit.unit.org_number;
	}
	if (d->merchant_asked && d->merchant.found) {
		row.merchant_name = d->merchant.merchant.name;
		row.country = d->merchant.merchant.country;
	}
	return unit_asked(p->rc->db, &row, p->rc->now_ms, e);
}

/* Is what the API says of it an approval: a unit with a name and a number that one of our schemes knows, of an active merchant? */
static bool
detail_is_whole(const struct detail *d)
{
	const struct claim key = {.org_scheme = scheme_ours(d->unit.unit.org_scheme),
	    .org_number = d->unit.unit.org_number, .msn = d->row->msn};

	if (!d->unit.found || d->unit.unit.name == NULL || !decide_askable(&key))
		return false;
	if (!d->merchant_asked)
		return true;
	return d->merchant.found && d->merchant.merchant.name != NULL &&
	    strcmp(d->merchant.merchant.status, "DEACTIVATED") != 0;
}

/* ---- what is missing */

/* approval.missing-mail: the approval, also if it is none yet, and when the unit was first seen. */
static int
missing_event(struct pass *p, const struct detail *d, const struct claim *key, const struct approval_facts *f,
    const char *apr, struct arena *a, struct err *e)
{
	struct approval	 none = {.org_scheme = key->org_scheme, .org_number = key->org_number, .country = key->country,
	    .merchant_name = f->merchant_name, .msn = key->msn, .sales_unit_name = f->sales_unit_name,
	    .merchant = f->merchant, .sales_unit = f->sales_unit};
	struct db_id	 id = db_public_id(p->rc->db, "apr_", key->org_scheme, key->org_number, key->msn, NULL);
	struct json	*data;

	if (apr != NULL) {
		if (approval_get(p->rc->db, apr, a, &none, e) == -1)
			return -1;
	} else {
		none.apr = id.s;	/* the one that it will have */
	}
	data = approval_json(&none);
	json_put_time(data, "listed_at", d->row->first_ms);
	return event_add(p->rc->db, &(struct event_new){.type = "approval.missing-mail", .ref = none.apr,
	    .cause = "reconcile", .data = data}, p->rc->now_ms, e);
}

/* In a transaction, while the log still lacks it. */
static int
missing_tell(struct pass *p, struct detail *d, struct arena *a, struct err *e)
{
	struct reconcile	*rc = p->rc;
	const struct sales_unit	*u = &d->unit.unit;
	struct claim		 key = {.org_scheme = scheme_ours(u->org_scheme), .org_number = u->org_number,
	    .msn = d->row->msn};
	struct approval_facts	 f = {.sales_unit_name = u->name, .sales_unit = u->json};
	const char		*apr = NULL;
	bool			 made = false;

	key.country = arena_textn(a, key.org_scheme + 9, 2);
	if (d->merchant_asked) {
		f.merchant_name = d->merchant.merchant.name;
		f.merchant = d->merchant.merchant.json;
		if (d->merchant.merchant.country != NULL)
			key.country = f.country = d->merchant.merchant.country;
	}
	if (rc->conf->new != RECONCILE_REPORT && approval_record(rc->db, &key, &f,
	    rc->conf->new == RECONCILE_ANNOUNCE, rc->now_ms, &made, a, &apr, e) == -1)
		return -1;
	rc->recorded += made;
	if (d->row->told_ms != 0)	/* by an earlier pass, which only reported */
		return 0;
	rc->told++;
	if (missing_event(p, d, &key, &f, apr, a, e) == -1)
		return -1;
	return unit_told(rc->db, d->row->msn, rc->now_ms, e);
}

static int
missing_one(struct pass *p, struct detail *d, bool tell, struct arena *a, struct err *e)
{
	bool	is = false;
	int	rc;

	if (!d->answered)
		return 0;
	if (db_begin(p->rc->db, e) == -1)
		return -1;
	rc = detail_keep(p, d, e);
	if (rc == 0 && tell && detail_is_whole(d))
		rc = unit_is_missing(p->rc->db, d->row->msn, p->t.listed_ms, &is, e);
	if (rc == 0 && is)
		rc = missing_tell(p, d, a, e);
	if (rc == 0)
		return db_commit(p->rc->db, e);
	db_rollback(p->rc->db);
	return -1;
}

/* Units, asked about in batches; with `tell`, what is still missing is told of and recorded. */
static int
rows_ask(struct pass *p, struct unit_row *rows, int n, bool tell, struct err *e)
{
	for (int at = 0; at < n; at += BATCH) {
		struct arena	a = {0};
		struct detail	d[BATCH] = {0};
		int		count = n - at < BATCH ? n - at : BATCH, rc = stopped(p, e);

		if (rc == 0 && pass_over(p)) {
			p->rc->unasked += n - at;
			return 0;
		}
		for (int i = 0; i < count; i++)
			d[i].row = &rows[at + i];
		if (rc == 0)
			details_ask(p, d, count, true, &a);
		for (int i = 0; rc == 0 && i < count; i++)
			rc = missing_one(p, &d[i], tell, &a, e);
		arena_free(&a);
		if (rc == -1)
			return -1;
	}
	return 0;
}

static int
asked_at_most(const struct reconcile *rc)
{
	return rc->command ? RECONCILE_ASKED : RECONCILE_RUN_ASKED;
}

/* What has been missing for a day. */
static int
missing_due(struct pass *p, struct err *e)
{
	struct reconcile	*rc = p->rc;
	struct arena		 a = {0};
	struct unit_row		*rows;
	int			 n, max = asked_at_most(rc), result;

	result = unit_due(rc->db, p->t.listed_ms, rc->now_ms - RECONCILE_MISSING_MS,
	    rc->conf->new != RECONCILE_REPORT, max, &a, &rows, &n, e);
	if (result == 0)
		result = rows_ask(p, rows, n, true, e);
	arena_free(&a);
	return result;
}

/* The command shows whose a missing unit is, also before its day is over. */
static int
missing_look(struct pass *p, struct err *e)
{
	struct arena	 a = {0};
	struct unit_row	*rows;
	int		 n, few = 0, rc;

	rc = unit_missing(p->rc->db, p->t.listed_ms, &a, &rows, &n, e);
	for (int i = 0; rc == 0 && i < n; i++)
		if (rows[i].asked_ms == 0)
			rows[few++] = rows[i];
	if (few > RECONCILE_ASKED) {
		p->rc->unasked += few - RECONCILE_ASKED;
		few = RECONCILE_ASKED;
	}
	if (rc == 0)
		rc = rows_ask(p, rows, few, false, e);
	arena_free(&a);
	return rc;
}

/* ---- what is gone, or back */

/* An approval that the lists contradict: its unit's own answer says what it is (ingest/refresh.h). */
static int
contradicted_one(struct pass *p, struct detail *d, struct arena *a, struct err *e)
{
	struct reconcile	*rc = p->rc;
	struct approval		 ap;
	enum refresh_told	 told = REFRESH_SAME;
	int			 result;

	if (!d->answered)
		return 0;
	if (db_begin(rc->db, e) == -1)
		return -1;
	result = detail_keep(p, d, e);
	if (result == 0)
		result = approval_get(rc->db, d->row->apr, a, &ap, e);
	if (result == 0)
		result = refresh_apply(rc->db, ap.id, &d->unit.unit, NULL, rc->now_ms, &told, e);
	rc->told += result == 0 && told != REFRESH_SAME;
	if (result == 0)
		return db_commit(rc->db, e);
	db_rollback(rc->db);
	return -1;
}

static int
contradicted_ask(struct pass *p, struct err *e)
{
	struct arena	 a = {0};
	struct unit_row	*rows;
	int		 n, rc;

	rc = unit_contradicted(p->rc->db, p->t.listed_ms, asked_at_most(p->rc), &a, &rows, &n, e);
	for (int at = 0; rc == 0 && at < n; at += BATCH) {
		struct detail	d[BATCH] = {0};
		int		count = n - at < BATCH ? n - at : BATCH;

		if ((rc = stopped(p, e)) == -1)
			break;
		if (pass_over(p)) {
			p->rc->unasked += n - at;
			break;
		}
		for (int i = 0; i < count; i++)
			d[i].row = &rows[at + i];
		details_ask(p, d, count, false, &a);
		for (int i = 0; rc == 0 && i < count; i++)
			rc = contradicted_one(p, &d[i], &a, e);
	}
	arena_free(&a);
	return rc;
}

/* ---- the pass */

static bool
lists_are_due(const struct reconcile *rc, const struct unit_times *t)
{
	return rc->command || t->listed_ms == 0 || t->listed_ms > rc->now_ms ||
	    rc->now_ms - t->listed_ms >= rc->conf->every_ms;
}

/* Lists that hang or are refused, while the rest of the API works, are not asked for in each pass. */
static bool
lists_must_wait(const struct reconcile *rc, const struct unit_times *t)
{
	return lists_are_due(rc, t) && t->tried_ms <= rc->now_ms && rc->now_ms - t->tried_ms < AGAIN_MS;
}

int
reconcile_is_due(struct reconcile *rc, bool *due, struct err *e)
{
	struct unit_times	 t;
	struct arena		 a = {0};
	struct unit_row		*rows;
	int64_t			 wish_ms;
	int			 n = 0, result = 0;

	*due = false;
	if (rc->api->none || rc->conf->none)
		return 0;
	if (answer_wish(rc->db, rc->now_ms, &wish_ms, e) == -1 || unit_times(rc->db, &t, e) == -1)
		return -1;
	if (wish_ms > 0 || lists_must_wait(rc, &t))
		return 0;
	*due = lists_are_due(rc, &t);
	if (!*due)
		result = unit_due(rc->db, t.listed_ms, rc->now_ms - RECONCILE_MISSING_MS,
		    rc->conf->new != RECONCILE_REPORT, 1, &a, &rows, &n, e);
	if (result == 0 && n == 0 && !*due)
		result = unit_contradicted(rc->db, t.listed_ms, 1, &a, &rows, &n, e);
	*due = *due || n > 0;
	arena_free(&a);
	return result;
}

static int
trouble_over(struct reconcile *rc, const char *name, struct err *e)
{
	bool was;

	if (event_recovered(rc->db, "api", name, rc->now_ms, &was, e) == -1)
		return -1;
	if (was)
		log_warn("api.recovered", "name", name, NULL);
	return 0;
}

/* When the next pass may ask again. */
static int
failure_keep(struct pass *p, struct err *e)
{
	const bool lists = !p->away && !p->rc->listed;

	if (p->wish_ms == 0 && !lists)
		return 0;
	if (db_begin(p->rc->db, e) == -1)
		return -1;
	if ((p->wish_ms == 0 || answer_wish_set(p->rc->db, p->wish_ms, p->rc->now_ms, e) == 0) &&
	    (!lists || unit_tried(p->rc->db, p->rc->now_ms, e) == 0))
		return db_commit(p->rc->db, e);
	db_rollback(p->rc->db);
	return -1;
}

/* As enrich's: what concerns the API as a whole has one name for both. */
static int
pass_end(struct pass *p, struct err *e)
{
	struct reconcile	*rc = p->rc;
	const char		*name = p->away ? "management" : "management-lists";
	bool			 at_once = p->away && (p->why.what == ERR_KEYS || p->why.what == ERR_CERT);
	struct trouble		 t;

	if (!p->failed) {
		if (trouble_over(rc, "management-lists", e) == -1)
			return -1;
		return rc->others_fail ? 0 : trouble_over(rc, "management", e);
	}
	if (failure_keep(p, e) == -1)
		return -1;
	if (rc->command || (rc->others_fail && p->away)) {	/* that is told already */
		*e = p->why;
		return -1;
	}
	if (event_failing(rc->db, "api", name, p->why.msg, at_once ? 0 : rc->others_fail && !p->unlike ? BESIDE_MS :
	    TROUBLE_LONG_MS, rc->now_ms, &t, e) == -1)
		return -1;
	rc->failing_ms = rc->now_ms - t.since_ms;
	if (t.say)
		log_warn("api.failing", "name", name, "error", p->why.msg, "since", clock_iso(t.since_ms).s, NULL);
	*e = p->why;
	e->kind = ERR_RETRY;
	return -1;
}

/* Keys that were refused are read again by the next pass. */
static void
api_done(struct pass *p)
{
	struct reconcile *rc = p->rc;

	if (rc->keep != NULL && !(p->failed && p->why.what == ERR_KEYS)) {
		*rc->keep = p->api;
		return;
	}
	if (rc->keep != NULL)
		*rc->keep = NULL;
	management_close(p->api);
}

int
reconcile_pass(struct reconcile *rc, struct err *e)
{
	struct pass	p = {.rc = rc, .began_ms = clock_mono_ms()};
	int		result = -1;

	if (rc->keep != NULL)
		p.api = *rc->keep;
	if (unit_times(rc->db, &p.t, e) == -1 ||
	    (p.api == NULL && management_open(rc->api, rc->stop, rc->now_ms, &p.api, e) == -1))
		return -1;
	if (lists_are_due(rc, &p.t) && lists_take(&p, e) == -1)
		goto out;
	/* Old lists say nothing of today. */
	if ((rc->listed || !lists_are_due(rc, &p.t)) && !p.away) {
		if (missing_due(&p, e) == -1 || contradicted_ask(&p, e) == -1 ||
		    (rc->command && missing_look(&p, e) == -1))
			goto out;
	}
	if (stopped(&p, e) == 0)
		result = pass_end(&p, e);
out:
	api_done(&p);
	return result;
}
