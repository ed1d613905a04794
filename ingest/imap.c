/* The checks here are for what libetpan 1.9.4 was seen to let through. */
#include "ingest/imap.h"

#include <libetpan/libetpan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "ingest/idle.h"
#include "ingest/imap_session.h"

/* Deadlines and budgets besides those of ingest/imap_session.h. */
#define LOGOUT_MS	5000
#define SEARCH_MS	120000
#define IDLE_BYTES	1024	/* heard at once */
#define SEARCH_BUDGET	(GUARD_MAX_LINE)

void *
imap_need(void *p)
{
	if (p == NULL)
		arena_no_memory();
	return p;
}

bool
imap_is_done(int code)
{
	return code == MAILIMAP_NO_ERROR || code == MAILIMAP_NO_ERROR_AUTHENTICATED;
}

int
imap_failed(struct imap *im, int code, int no, const char *command, bool *refused, struct err *e)
{
	const char *said = im->session->imap_response;

	if (refused != NULL)
		*refused = false;
	if (transport_why(im->transport, e) == -1) {
		im->broken = true;
		return err_in(e, "%s", command);
	}
	if (code == no && refused != NULL) {
		*refused = true;
		return err_set(e, ERR_REJECT, "%s: the server refused: %.120s", command,
		    said != NULL ? said : "");
	}
	im->broken = true;
	if (code == no || code == MAILIMAP_ERROR_PROTOCOL)
		return err_set(e, ERR_RETRY, "%s: the server refused: %.120s", command,
		    said != NULL ? said : "");
	if (code == MAILIMAP_ERROR_STREAM)	/* libetpan's word for BYE as well */
		return err_set(e, ERR_RETRY, "%s: the server closed the connection", command);
	if (code == MAILIMAP_ERROR_MEMORY)
		return err_what(e, ERR_RETRY, ERR_NOMEM, "%s: out of memory", command);
	return err_set(e, ERR_RETRY, "%s: the server's answer makes no sense", command);
}

/* [ALERT] in the answer to the command before: a person is meant to read it (RFC 9051 7.1). */
static void
alert_log(struct imap *im)
{
	struct mailimap_response_info *info = im->session->imap_response_info;
	char text[201];

	if (info == NULL || info->rsp_alert == NULL)
		return;
	snprintf(text, sizeof(text), "%s", info->rsp_alert);
	transport_alert(&im->alerts, text);
	free(info->rsp_alert);	/* said once */
	info->rsp_alert = NULL;
}

void
imap_command(struct imap *im, int64_t within_ms, size_t budget)
{
	alert_log(im);
	transport_command(im->transport, within_ms, budget);
}

static void
on_progress(size_t now, size_t all, void *arg)
{
	(void)now;
	(void)all;
	(void)arg;
}

int
imap_open(const struct transport_login *login, struct imap **out, struct err *e)
{
	struct imap *im = imap_need(calloc(1, sizeof(*im)));
	int code;

	*out = NULL;
	im->alerts = (struct transport_login){.alert = login->alert, .alert_arg = login->alert_arg};
	if (transport_open(login, &im->transport, e) == -1) {
		free(im);
		return -1;
	}
	im->bodies = imap_need(carray_new(32));
	im->session = imap_need(mailimap_new(0, NULL));
	/* without the first, libetpan ignores the second, in silence */
	mailimap_set_progress_callback(im->session, on_progress, on_progress, im);
	mailimap_set_msg_att_handler(im->session, imap_on_att, im);
	imap_command(im, IMAP_COMMAND_MS, IMAP_COMMAND_BUDGET);
	code =
	    mailimap_connect(im->session, imap_need(mailstream_new(transport_low(im->transport), 8192)));
	if (!imap_is_done(code)) {
		imap_failed(im, code, 0, "connect", NULL, e);
		imap_close(im);
		return -1;
	}
	*out = im;
	return 0;
}

void
imap_close(struct imap *im)
{
	if (im == NULL)
		return;
	imap_release(im);
	carray_free(im->bodies);
	/* mailimap_free() says LOGOUT; to a broken server that would only wait */
	imap_command(im, im->broken ? 0 : LOGOUT_MS, IMAP_COMMAND_BUDGET);
	mailimap_free(im->session);
	transport_close(im->transport);
	free(im);
}

bool
imap_broken(const struct imap *im)
{
	return im->broken;
}

/* ---- folders */

/* RFC 3501 5.1.3: base64 of UTF-16, with ',' for '/', between '&' and '-'. */
static void
put_shifted(struct arena_buf *b, const uint16_t *units, size_t n)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
	uint32_t bits = 0;
	int have = 0;

	arena_puts(b, "&");
	for (size_t i = 0; i < n; i++) {
		bits = bits << 16 | units[i];
		for (have += 16; have >= 6; have -= 6)
			arena_put(b, &alphabet[bits >> (have - 6) & 63], 1);
	}
	if (have > 0)
		arena_put(b, &alphabet[bits << (6 - have) & 63], 1);
	arena_puts(b, "-");
}

const char *
imap_wire_name(const char *name, struct arena *a)
{
	struct arena_buf b = {.arena = a};
	struct span rest = span_of(name);
	uint16_t units[2 * IMAP_MAX_NAME];
	size_t n = 0;

	if (!span_utf8(rest) || rest.n == 0 || rest.n > IMAP_MAX_NAME)
		return NULL;
	while (rest.n > 0) {
		uint32_t rune;
		size_t took = span_rune(rest.p, rest.n, &rune);

		if (rune < 0x20 || rune == 0x7f)
			return NULL;
		if (rune < 0x80) {
			if (n > 0)
				put_shifted(&b, units, n);
			n = 0;
			arena_put(&b, rest.p, 1);
			if (rune == '&')
				arena_puts(&b, "-");
		} else if (rune < 0x10000) {
			units[n++] = (uint16_t)rune;
		} else {
			units[n++] = (uint16_t)(0xd800 + ((rune - 0x10000) >> 10));
			units[n++] = (uint16_t)(0xdc00 + ((rune - 0x10000) & 0x3ff));
		}
		rest = span_from(rest, took);
	}
	if (n > 0)
		put_shifted(&b, units, n);
	return b.n <= IMAP_MAX_NAME ? b.p : NULL;
}

static bool
is_marked(const struct mailimap_mailbox_list *folder, const char *use)
{
	clistiter *it;

	if (folder->mb_flag == NULL || folder->mb_flag->mbf_oflags == NULL)
		return false;
	for (it = clist_begin(folder->mb_flag->mbf_oflags); it != NULL; it = clist_next(it)) {
		const struct mailimap_mbx_list_oflag *flag = clist_content(it);

		if (flag->of_type == MAILIMAP_MBX_LIST_OFLAG_FLAG_EXT &&
		    flag->of_flag_ext != NULL && strcasecmp(flag->of_flag_ext, use) == 0)
			return true;
	}
	return false;
}

int
imap_special(struct imap *im, const char *use, struct arena *a, const char **name, struct err *e)
{
	clist *list = NULL;
	int code;

	*name = NULL;
	imap_command(im, IMAP_COMMAND_MS, IMAP_COMMAND_BUDGET);
	code = mailimap_list(im->session, "", "*", &list);
	for (clistiter *it = imap_is_done(code) ? clist_begin(list) : NULL; it != NULL;
	     it = clist_next(it)) {
		const struct mailimap_mailbox_list *folder = clist_content(it);

		if (*name == NULL && is_marked(folder, use + 1) &&
		    strlen(folder->mb_name) <= IMAP_MAX_NAME)
			*name = arena_text(a, folder->mb_name);
	}
	if (list != NULL)
		mailimap_list_result_free(list);
	return imap_is_done(code) ? 0 : imap_failed(im, code, MAILIMAP_ERROR_LIST, "LIST", NULL, e);
}

static void
can_read(struct imap_can *can, clist *list)
{
	for (clistiter *it = clist_begin(list); it != NULL; it = clist_next(it)) {
		const struct mailimap_capability *cap = clist_content(it);
		const char *name =
		    cap->cap_type == MAILIMAP_CAPABILITY_NAME ? cap->cap_data.cap_name : NULL;

		can->move = can->move || (name != NULL && strcasecmp(name, "MOVE") == 0);
		can->uidplus = can->uidplus || (name != NULL && strcasecmp(name, "UIDPLUS") == 0);
		can->id = can->id || (name != NULL && strcasecmp(name, "ID") == 0);
	}
}

/* The session's own list, never empty; NULL: e says why. */
static clist *
capability_ask(struct imap *im, struct err *e)
{
	struct mailimap_connection_info *info = im->session->imap_connection_info;
	struct mailimap_capability_data *copy = NULL;
	int code;

	/* libetpan copies the list that it has, and dies if the server never brought one */
	if (info->imap_capability == NULL)
		info->imap_capability =
		    imap_need(mailimap_capability_data_new(imap_need(clist_new())));
	imap_command(im, IMAP_COMMAND_MS, IMAP_COMMAND_BUDGET);
	code = mailimap_capability(im->session, &copy);
	if (copy != NULL)
		mailimap_capability_data_free(copy);
	if (!imap_is_done(code)) {
		imap_failed(im, code, MAILIMAP_ERROR_CAPABILITY, "CAPABILITY", NULL, e);
		return NULL;
	}
	if (clist_begin(info->imap_capability->cap_list) != NULL)
		return info->imap_capability->cap_list;
	err_set(e, ERR_REJECT, "the server does not say what it can do");
	return NULL;
}

int
imap_can(struct imap *im, struct imap_can *can, struct err *e)
{
	clist *list;

	if (!im->asked) {
		if ((list = capability_ask(im, e)) == NULL)
			return -1;
		can_read(&im->can, list);
		im->asked = true;
	}
	*can = im->can;
	return 0;
}

int
imap_capabilities(struct imap *im, struct arena *a, const char **text, struct err *e)
{
	struct arena_buf b = {.arena = a};
	clist *list = capability_ask(im, e);

	if (list == NULL)
		return -1;
	arena_puts(&b, "");
	for (clistiter *it = clist_begin(list); it != NULL; it = clist_next(it)) {
		const struct mailimap_capability *cap = clist_content(it);
		const bool auth = cap->cap_type == MAILIMAP_CAPABILITY_AUTH_TYPE;
		const char *name = auth ? cap->cap_data.cap_auth_type : cap->cap_data.cap_name;

		if (name != NULL)
			arena_putf(&b, "%s%s%s", b.n > 0 ? " " : "", auth ? "AUTH=" : "", name);
	}
	*text = b.p;
	return 0;
}

/* mailimap_id_params_list_free() leaves the texts behind: they are freed here, unless they are `ours`. */
static void
id_free(struct mailimap_id_params_list *list, bool ours)
{
	if (list == NULL)
		return;
	for (clistiter *it = clist_begin(list->idpa_list); it != NULL; it = clist_next(it)) {
		struct mailimap_id_param *param = clist_content(it);

		if (!ours) {
			free(param->idpa_name);
			free(param->idpa_value);
		}
		param->idpa_name = param->idpa_value = NULL;
	}
	mailimap_id_params_list_free(list);
}

/*
 * Says who we are (RFC 2971): NetEase (163.com) opens no folder for a client that has not. Only when
 * a folder was refused, since it widens libetpan's parser and costs a round trip. False: no use.
 */
static bool
id_say(struct imap *im)
{
	char name[] = "name", us[] = "approvals", version[] = "version", ours[] = APPROVALS_VERSION;
	struct mailimap_id_params_list *we, *they = NULL;
	struct imap_can can;
	struct err ignored;
	int code;

	if (im->known || imap_can(im, &can, &ignored) == -1 || !can.id)
		return false;
	im->known = true;
	imap_command(im, IMAP_COMMAND_MS, IMAP_COMMAND_BUDGET);
	/* not mailimap_id_basic(), which leaks what it says; nor a custom command, which ends with a space */
	we = imap_need(mailimap_id_params_list_new_empty());
	if (mailimap_id_params_list_add_name_value(we, name, us) != MAILIMAP_NO_ERROR ||
	    mailimap_id_params_list_add_name_value(we, version, ours) != MAILIMAP_NO_ERROR)
		arena_no_memory();
	code = mailimap_id(im->session, we, &they);
	id_free(we, true);
	id_free(they, false);
	im->broken = !imap_is_done(code) && code != MAILIMAP_ERROR_EXTENSION;
	return imap_is_done(code);
}

int
imap_examine(struct imap *im, const char *name, struct imap_state *state, struct err *e)
{
	const struct mailimap_selection_info *info;
	bool refused;
	int code;

	imap_command(im, IMAP_COMMAND_MS, IMAP_COMMAND_BUDGET);
	code = mailimap_examine(im->session, name);
	if (!imap_is_done(code)) {
		imap_failed(im, code, MAILIMAP_ERROR_EXAMINE, "EXAMINE", &refused, e);
		if (refused && id_say(im))
			return imap_examine(im, name, state, e);
		return err_in(e, "folder '%s'", name);
	}
	info = im->session->imap_selection_info;
	state->uidvalidity = info->sel_uidvalidity;
	state->uidnext = info->sel_uidnext;
	im->exists = state->exists = info->sel_exists;
	if (state->uidvalidity != 0 && info->sel_has_exists)
		return 0;
	return err_set(e, ERR_REJECT, "folder '%s': the server tells no %s", name,
	    state->uidvalidity == 0 ? "UIDVALIDITY" : "EXISTS");
}

/* ---- waiting */

static void
idle_said(struct imap *im, struct idle *w, const char *p, size_t n)
{
	idle_feed(w, p, n);
	if (w->alert[0] != '\0')
		transport_alert(&im->alerts, w->alert);
	w->alert[0] = '\0';
}

/* Listens until what is asked for has come (answer) or something of interest has; -1: the stream ended. */
static int
idle_hear(struct imap *im, struct idle *w, const bool *answer, int64_t within_ms)
{
	const int64_t until_ms = clock_mono_ms() + within_ms;
	char buf[IDLE_BYTES];
	int64_t left = within_ms;
	size_t n;

	while (left > 0 && !*answer && !w->ended) {
		if (transport_hear(im->transport, left, buf, sizeof(buf), &n) == -1)
			return -1;
		idle_said(im, w, buf, n);
		left = until_ms - clock_mono_ms();
	}
	return 0;
}

/* DONE, and all up to the end of the line that answers it: what follows is libetpan's. */
static int
idle_done(struct imap *im, struct idle *w, int64_t answer_ms)
{
	const int64_t until_ms = clock_mono_ms() + answer_ms;
	char buf[IDLE_BYTES];
	size_t n;

	imap_command(im, answer_ms, IMAP_COMMAND_BUDGET);
	if (!w->ended && transport_say(im->transport, "DONE\r\n") == -1)
		return -1;
	while (!w->ended || w->n > 0) {
		int64_t left = until_ms - clock_mono_ms();

		if (left <= 0 || transport_hear(im->transport, left, buf, sizeof(buf), &n) == -1)
			return -1;
		idle_said(im, w, buf, n);
	}
	return w->refused ? -1 : 0;
}

static int
idle_run(struct imap *im, struct idle *w, int64_t within_ms, int64_t answer_ms)
{
	char command[sizeof(w->tag) + sizeof(" IDLE\r\n")];

	idle_begin(w, ++im->idles, im->exists);
	snprintf(command, sizeof(command), "%s IDLE\r\n", w->tag);
	imap_command(im, answer_ms, IMAP_COMMAND_BUDGET);
	if (transport_say(im->transport, command) == -1 ||
	    idle_hear(im, w, &w->invited, answer_ms) == -1)
		return -1;
	im->no_idle = w->ended && w->refused;
	if (im->no_idle)
		return 0;
	if (!w->ended && (!w->invited || idle_hear(im, w, &w->changed, within_ms) == -1))
		return -1;
	return idle_done(im, w, answer_ms);
}

/* The server does not tell; that it says anything at all is reason enough to look. */
static int
hush_run(struct imap *im, int64_t within_ms, int64_t answer_ms, bool *changed)
{
	if (transport_stir(im->transport, within_ms, changed) == -1)
		return -1;
	imap_command(im, answer_ms, IMAP_COMMAND_BUDGET);
	return imap_is_done(mailimap_noop(im->session)) ? 0 : -1;
}

int
imap_idle(struct imap *im, int64_t within_ms, int64_t answer_ms, bool *changed, struct err *e)
{
	const int64_t until_ms = clock_mono_ms() + within_ms;
	struct idle w = {.n = 0};
	int rc = 0;

	/* libetpan has read more than it needed: said behind the last answer, unasked */
	*changed = im->session->imap_stream->read_buffer_len > 0;
	if (*changed)
		return 0;
	if (!im->no_idle) {
		rc = idle_run(im, &w, within_ms, answer_ms);
		*changed = w.changed;
	}
	/* no IDLE, or the server ended it before its time */
	if (rc == 0 && !*changed && clock_mono_ms() < until_ms)
		rc = hush_run(im, until_ms - clock_mono_ms(), answer_ms, changed);
	if (rc == 0)
		return 0;
	im->broken = true;
	if (transport_why(im->transport, e) == -1)
		return err_in(e, "waiting");
	return err_set(e, ERR_RETRY, "waiting: the server did not answer in time, or made no sense");
}

/* ---- search */

int
imap_uid_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

struct mailimap_set *
imap_uid_set(const uint32_t *uids, size_t n)
{
	struct mailimap_set *set = imap_need(mailimap_set_new_empty());

	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && uids[end] == uids[end - 1] + 1; end++)
			continue;
		if (mailimap_set_add_interval(set, uids[i], uids[end - 1]) != MAILIMAP_NO_ERROR)
			arena_no_memory();
	}
	return set;
}


/* Sorted, unique, only what was asked for: servers answer n:* with the last mail even if its UID is lower. */
static size_t
uid_tidy(uint32_t *uids, size_t n, uint32_t lo, const uint32_t *also, size_t n_also)
{
	size_t kept = 0;

	qsort(uids, n, sizeof(*uids), imap_uid_order);
	for (size_t i = 0; i < n; i++)
		if ((kept == 0 || uids[i] != uids[kept - 1]) &&
		    (uids[i] >= lo ||
			(n_also > 0 && bsearch(&uids[i], also, n_also, sizeof(*also), imap_uid_order) != NULL)))
			uids[kept++] = uids[i];
	return kept;
}

static struct mailimap_search_key *
search_key(uint32_t lo, const uint32_t *also, size_t n_also)
{
	struct mailimap_set *set;

	if (lo <= 1)
		return imap_need(mailimap_search_key_new_all());
	set = imap_uid_set(also, n_also);
	if (mailimap_set_add_interval(set, lo, 0) != MAILIMAP_NO_ERROR)
		arena_no_memory();
	return imap_need(mailimap_search_key_new_uid(set));
}

int
imap_search(struct imap *im, uint32_t lo, const uint32_t *also, size_t n_also, struct arena *a, uint32_t **uids,
    size_t *n, struct err *e)
{
	struct mailimap_search_key *key = search_key(lo, also, n_also);
	clist *list = NULL;
	bool zero = false;
	int code;

	*n = 0;
	imap_command(im, SEARCH_MS, SEARCH_BUDGET);
	code = mailimap_uid_search(im->session, NULL, key, &list);
	mailimap_search_key_free(key);
	if (imap_is_done(code) && list != NULL) {
		*uids = arena_array(a, (size_t)clist_count(list), sizeof(**uids));
		for (clistiter *it = clist_begin(list); it != NULL; it = clist_next(it)) {
			(*uids)[*n] = *(uint32_t *)clist_content(it);
			zero = zero || (*uids)[*n] == 0;
			++*n;
		}
		*n = uid_tidy(*uids, *n, lo, also, n_also);
	}
	if (list != NULL)	/* libetpan hands one out after NO as well */
		mailimap_search_result_free(list);
	if (!imap_is_done(code))
		return imap_failed(im, code, MAILIMAP_ERROR_UID_SEARCH, "SEARCH", NULL, e);
	if (zero) {
		im->broken = true;
		return err_set(e, ERR_RETRY, "SEARCH: the server showed a mail with UID 0");
	}
	return 0;
}

int
imap_count_from(struct imap *im, const char *text, int64_t since_ms, size_t *n, struct err *e)
{
	const struct clock_text day = clock_iso(since_ms);	/* "2026-11-22T..." */
	struct mailimap_search_key *key = imap_need(mailimap_search_key_new_multiple_empty()), *since, *from;
	char *sought = imap_need(strdup(text));
	clist *list = NULL;
	int code;

	from = imap_need(mailimap_search_key_new_from(sought));	/* NOLINT(clang-analyzer-unix.Malloc): it has it now */
	since = imap_need(mailimap_search_key_new_since(imap_need(mailimap_date_new(
	    (int)strtol(day.s + 8, NULL, 10), (int)strtol(day.s + 5, NULL, 10), (int)strtol(day.s, NULL, 10)))));
	if (mailimap_search_key_multiple_add(key, since) != MAILIMAP_NO_ERROR ||
	    mailimap_search_key_multiple_add(key, from) != MAILIMAP_NO_ERROR)
		arena_no_memory();
	imap_command(im, SEARCH_MS, SEARCH_BUDGET);
	code = mailimap_uid_search(im->session, NULL, key, &list);
	mailimap_search_key_free(key);
	*n = list != NULL ? (size_t)clist_count(list) : 0;
	if (list != NULL)
		mailimap_search_result_free(list);
	return imap_is_done(code) ? 0 : imap_failed(im, code, MAILIMAP_ERROR_UID_SEARCH, "SEARCH", NULL, e);
}
