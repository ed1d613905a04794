/*
 * ask - asks the Management API, as the program does, and prints what it read: ask CONFIG QUESTION...
 *
 * A question is "sales-unit MSN", "merchant SCHEME NUMBER", "merchant-units SCHEME NUMBER", "units", "orders [expired]" or
 * "order ID", one argument each. All are asked at once; one line of JSON tells of each, in their order. For the tests alone.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "ingest/management.h"

#define ASK_MAX	5000

struct asked {
	struct question	 q;
	struct arena	 arena;
	char		*words[4];
};

static int
words_take(const char *text, struct asked *as)
{
	struct span	rest = span_of(text), word;
	int		n = 0;

	while (rest.n > 0 && n < 3) {
		span_cut(&rest, ' ', &word);
		as->words[n++] = arena_textn(&as->arena, word.p, word.n);
	}
	return n;
}

static int
question_take(const char *text, struct asked *as)
{
	static const struct { const char *name; enum question_kind kind; int words; } kinds[] = {
		{"sales-unit", ASK_SALES_UNIT, 2}, {"merchant", ASK_MERCHANT, 3},
		{"merchant-units", ASK_MERCHANT_UNITS, 3}, {"units", ASK_ALL_UNITS, 1},
		{"orders", ASK_ORDERS, 1}, {"order", ASK_ORDER, 2},
	};
	int n = words_take(text, as);

	for (size_t i = 0; i < COUNT(kinds) && n > 0; i++) {
		if (strcmp(kinds[i].name, as->words[0]) != 0 || n < kinds[i].words)
			continue;
		as->q = (struct question){.kind = kinds[i].kind, .msn = as->words[1], .order_id = as->words[1],
		    .org_scheme = as->words[1], .org_number = as->words[2], .arena = &as->arena,
		    .expired = kinds[i].kind == ASK_ORDERS && n > 1};
		return 0;
	}
	fprintf(stderr, "ask: not a question: %s\n", text);
	return -1;
}

static struct json *
units_json(const struct unit_list *l)
{
	struct json *list = json_array(), *one;

	for (int i = 0; i < l->count; i++) {
		one = json_object();
		json_put_text(one, "msn", l->units[i].msn);
		json_put_text(one, "name", l->units[i].name);
		json_add(list, one);
	}
	return list;
}

static struct json *
orders_json(const struct order_list *l)
{
	struct json *list = json_array(), *one;

	for (int i = 0; i < l->count; i++) {
		const struct order *o = &l->orders[i];

		one = json_object();
		json_put_text(one, "id", o->id);
		json_put_text(one, "type", o->type);
		json_put_text(one, "product", o->product);
		json_put_text(one, "status", o->status);
		json_put_text(one, "org_scheme", o->org_scheme);
		json_put_text(one, "org_number", o->org_number);
		json_put_text(one, "msn", o->msn);
		json_put_text(one, "name", o->name);
		json_add(list, one);
	}
	return list;
}

static void
found_put(struct json *j, const struct question *q)
{
	switch (q->kind) {
	case ASK_SALES_UNIT:
		json_put_text(j, "org_scheme", q->unit.org_scheme);
		json_put_text(j, "org_number", q->unit.org_number);
		json_put(j, "kept", json_ours(q->unit.json));
		break;
	case ASK_MERCHANT:
		json_put_text(j, "status", q->merchant.status);
		json_put(j, "kept", json_ours(q->merchant.json));
		break;
	case ASK_MERCHANT_UNITS:
	case ASK_ALL_UNITS:
		json_put(j, "units", units_json(&q->units));
		json_put_int(j, "skipped", q->units.skipped);
		break;
	case ASK_ORDERS:
	case ASK_ORDER:
		json_put(j, "orders", orders_json(&q->orders));
		json_put_int(j, "skipped", q->orders.skipped);
		break;
	}
}

static void
print(struct asked *as)
{
	static const char *const kinds[] = {"retry", "reject", "fatal"};
	struct json	*j = json_object();
	struct question	*q = &as->q;

	json_put_bool(j, "failed", q->failed);
	if (q->failed) {
		json_put_text(j, "kind", kinds[q->why.kind]);
		json_put_bool(j, "keys", q->why.what == ERR_KEYS);
		json_put_bool(j, "away", q->away);
		json_put_int(j, "retry_after_ms", q->retry_after_ms);
		json_put_text(j, "error", q->why.msg);
	} else {
		json_put_bool(j, "found", q->found);
		if (q->found)
			found_put(j, q);
	}
	json_put_int(j, "tries", q->tries);
	puts(json_print(j, &as->arena));
	json_free(j);
}

int
main(int argc, char **argv)
{
	static struct asked	 all[ASK_MAX + 2];
	struct arena		 a = {0};
	struct conf		*conf;
	struct management_conf	 mc;
	struct management	*m;
	struct http_net		 net;
	struct err		 e;

	if (argc < 3 || argc - 2 > ASK_MAX || conf_load(&a, argv[1], &conf, &e) == -1)
		return 2;
	net = http_net_read(conf_get(conf_root(conf), "network"), NULL);
	management_conf_read(conf_root(conf), &net, &mc);
	if (conf_errors(conf) > 0 || management_open(&mc, NULL, clock_now_ms(), &m, &e) == -1) {
		fprintf(stderr, "ask: %s\n", conf_errors(conf) > 0 ? conf_error(conf, 0) : e.msg);
		return 2;
	}
	for (int i = 2; i < argc; i++)
		if (question_take(argv[i], &all[i]) == -1)
			return 2;
	for (int i = 2; i < argc; i++)
		management_ask(m, &all[i].q);
	while (management_wait(m) != NULL)
		continue;
	for (int i = 2; i < argc; i++) {
		print(&all[i]);
		arena_free(&all[i].arena);
	}
	management_close(m);
	arena_free(&a);
	return 0;
}
