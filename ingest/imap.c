/* The checks here are for what libetpan 1.9.4 was seen to let through. */
#include "ingest/imap.h"

#include <libetpan/libetpan.h>
#include <libetpan/mailimap_id.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "ingest/idle.h"
#include "base/log.h"

/* Deadlines: long enough for a server that must first open every mail, short enough to end. */
#define LOGOUT_MS	5000
#define COMMAND_MS	60000
#define SEARCH_MS	120000
#define FETCH_MS	120000
#define IDLE_BYTES	1024	/* heard at once */
#define SLOWEST_BYTES	((size_t)16 * 1024)	/* per second, on top of FETCH_MS */

/* Budgets, in bytes of answer. */
#define COMMAND_BUDGET	((size_t)1024 * 1024)	/* folders of an account, flags of a folder */
#define SEARCH_BUDGET	(TRANSPORT_MAX_LINE)
#define MAIL_SLACK	((size_t)4 * 1024)	/* per mail, for what surrounds its text */
#define BODY_SLACK	((size_t)1024 * 1024)	/* servers round RFC822.SIZE, some generously */

/*
 * Bytes of the set in one FETCH: RFC 2683 3.2.1.5 asks for lines of at most about 1,000, and servers
 * were seen to refuse longer ones. Mails that follow one another take no more than one.
 */
#define SET_BYTES	800

struct imap {
	struct transport	*transport;
	mailimap		*session;
	bool			 broken;
	bool			 no_idle;	/* the server refused it */
	unsigned		 idles;		/* how often it was asked to */
	int64_t			 exists;	/* of the folder examined last */
	bool			 known;		/* it was told who we are */
	carray			*bodies;	/* strings of libetpan, until imap_release() */
	/* the FETCH under way */
	const uint32_t		*uids;
	size_t			 n;
	bool			 keep;
	imap_item_fn		 each;
	void			*arg;
	struct imap_mark	*marks;		/* or of flags: for each of uids */
	const char		*flag;
	/* what the server can do, once asked */
	bool			 asked;
	struct imap_can		 can;
};

/* libetpan answers NULL when out of memory. */
static void *
need(void *p)
{
	if (p == NULL)
		arena_no_memory();
	return p;
}

static bool
is_done(int code)
{
	return code == MAILIMAP_NO_ERROR || code == MAILIMAP_NO_ERROR_AUTHENTICATED;
}

/*
 * A command failed: says why. *refused: the server said NO to it and nothing else is wrong.
 */
static int
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
	log_warn("imap.alert", "text", text, NULL);
	free(info->rsp_alert);	/* said once */
	info->rsp_alert = NULL;
}

/* Before each command: its deadline and its budget. */
static void
command(struct imap *im, int64_t within_ms, size_t budget)
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

static void on_att(struct mailimap_msg_att *, void *);

int
imap_open(const struct transport_login *login, struct imap **out, struct err *e)
{
	struct imap *im = need(calloc(1, sizeof(*im)));
	int code;

	*out = NULL;
	if (transport_open(login, &im->transport, e) == -1) {
		free(im);
		return -1;
	}
	im->bodies = need(carray_new(32));
	im->session = need(mailimap_new(0, NULL));
	/* without the first, libetpan ignores the second, in silence */
	mailimap_set_progress_callback(im->session, on_progress, on_progress, im);
	mailimap_set_msg_att_handler(im->session, on_att, im);
	command(im, COMMAND_MS, COMMAND_BUDGET);
	code =
	    mailimap_connect(im->session, need(mailstream_new(transport_low(im->transport), 8192)));
	if (!is_done(code)) {
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
	command(im, im->broken ? 0 : LOGOUT_MS, COMMAND_BUDGET);
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
	command(im, COMMAND_MS, COMMAND_BUDGET);
	code = mailimap_list(im->session, "", "*", &list);
	for (clistiter *it = is_done(code) ? clist_begin(list) : NULL; it != NULL;
	     it = clist_next(it)) {
		const struct mailimap_mailbox_list *folder = clist_content(it);

		if (*name == NULL && is_marked(folder, use + 1) &&
		    strlen(folder->mb_name) <= IMAP_MAX_NAME)
			*name = arena_text(a, folder->mb_name);
	}
	if (list != NULL)
		mailimap_list_result_free(list);
	return is_done(code) ? 0 : imap_failed(im, code, MAILIMAP_ERROR_LIST, "LIST", NULL, e);
}

static bool
id_offered(struct imap *im)
{
	struct mailimap_capability_data *caps = NULL;
	bool offered = false;

	command(im, COMMAND_MS, COMMAND_BUDGET);
	im->broken = !is_done(mailimap_capability(im->session, &caps)) || caps == NULL;
	if (im->broken)
		return false;
	for (clistiter *it = clist_begin(caps->cap_list); it != NULL; it = clist_next(it)) {
		const struct mailimap_capability *cap = clist_content(it);

		offered = offered || (cap->cap_type == MAILIMAP_CAPABILITY_NAME &&
		    cap->cap_data.cap_name != NULL && strcasecmp(cap->cap_data.cap_name, "ID") == 0);
	}
	mailimap_capability_data_free(caps);
	return offered;
}

/*
 * Says who we are (RFC 2971): NetEase (163.com) opens no folder for a client that has not. Only when
 * a folder was refused, since it widens libetpan's parser and costs a round trip. False: no use.
 */
static bool
id_say(struct imap *im)
{
	char *name = NULL, *version = NULL;
	int code;

	if (im->known || !id_offered(im))
		return false;
	im->known = true;
	command(im, COMMAND_MS, COMMAND_BUDGET);
	code = mailimap_id_basic(im->session, "approvals", APPROVALS_VERSION, &name, &version);
	free(name);
	free(version);
	im->broken = !is_done(code) && code != MAILIMAP_ERROR_EXTENSION;
	return is_done(code);
}

int
imap_examine(struct imap *im, const char *name, struct imap_state *state, struct err *e)
{
	const struct mailimap_selection_info *info;
	bool refused;
	int code;

	command(im, COMMAND_MS, COMMAND_BUDGET);
	code = mailimap_examine(im->session, name);
	if (!is_done(code)) {
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
		idle_feed(w, buf, n);
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

	transport_command(im->transport, answer_ms, COMMAND_BUDGET);
	if (!w->ended && transport_say(im->transport, "DONE\r\n") == -1)
		return -1;
	while (!w->ended || w->n > 0) {
		int64_t left = until_ms - clock_mono_ms();

		if (left <= 0 || transport_hear(im->transport, left, buf, sizeof(buf), &n) == -1)
			return -1;
		idle_feed(w, buf, n);
	}
	return w->refused ? -1 : 0;
}

static int
idle_run(struct imap *im, struct idle *w, int64_t within_ms, int64_t answer_ms)
{
	char command[IDLE_LINE];

	idle_begin(w, ++im->idles, im->exists);
	snprintf(command, sizeof(command), "%s IDLE\r\n", w->tag);
	transport_command(im->transport, answer_ms, COMMAND_BUDGET);
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
	transport_command(im->transport, answer_ms, COMMAND_BUDGET);
	return is_done(mailimap_noop(im->session)) ? 0 : -1;
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

static int
uid_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Sorted, unique, not below lo: servers answer n:* with the last mail even if its UID is lower. */
static size_t
uid_tidy(uint32_t *uids, size_t n, uint32_t lo)
{
	size_t kept = 0;

	qsort(uids, n, sizeof(*uids), uid_order);
	for (size_t i = 0; i < n; i++)
		if (uids[i] >= lo && (kept == 0 || uids[i] != uids[kept - 1]))
			uids[kept++] = uids[i];
	return kept;
}

int
imap_search(
    struct imap *im, uint32_t lo, struct arena *a, uint32_t **uids, size_t *n, struct err *e)
{
	struct mailimap_search_key *key = need(lo <= 1 ? mailimap_search_key_new_all() :
	    mailimap_search_key_new_uid(need(mailimap_set_new_interval(lo, 0))));
	clist *list = NULL;
	bool zero = false;
	int code;

	*n = 0;
	command(im, SEARCH_MS, SEARCH_BUDGET);
	code = mailimap_uid_search(im->session, NULL, key, &list);
	mailimap_search_key_free(key);
	if (is_done(code) && list != NULL) {
		*uids = arena_array(a, (size_t)clist_count(list), sizeof(**uids));
		for (clistiter *it = clist_begin(list); it != NULL; it = clist_next(it)) {
			(*uids)[*n] = *(uint32_t *)clist_content(it);
			zero = zero || (*uids)[*n] == 0;
			++*n;
		}
		*n = uid_tidy(*uids, *n, lo);
	}
	if (list != NULL)	/* libetpan hands one out after NO as well */
		mailimap_search_result_free(list);
	if (!is_done(code))
		return imap_failed(im, code, MAILIMAP_ERROR_UID_SEARCH, "SEARCH", NULL, e);
	if (zero) {
		im->broken = true;
		return err_set(e, ERR_RETRY, "SEARCH: the server showed a mail with UID 0");
	}
	return 0;
}

/* ---- fetch */

static int64_t
date_ms(const struct mailimap_date_time *d)
{
	int64_t ms;

	/* the zone is +hhmm read as one number */
	if (d == NULL ||
	    clock_civil(d->dt_year, d->dt_month, d->dt_day, d->dt_hour, d->dt_min, d->dt_sec,
		d->dt_zone / 100 * 60 + d->dt_zone % 100, &ms) == -1 ||
	    ms < 0)
		return 0;
	return ms;
}

/* BODY[], not a part of it: an answer that comes late may be one to what was asked before. */
static bool
is_whole(const struct mailimap_section *section)
{
	return section == NULL || section->sec_spec == NULL;
}

static void
take_static(struct imap *im, struct mailimap_msg_att_static *s, struct imap_item *item)
{
	struct mailimap_msg_att_body_section *section;

	switch (s->att_type) {
	case MAILIMAP_MSG_ATT_UID:
		item->uid = s->att_data.att_uid;
		break;
	case MAILIMAP_MSG_ATT_RFC822_SIZE:
		item->size_bytes = s->att_data.att_rfc822_size;
		break;
	case MAILIMAP_MSG_ATT_INTERNALDATE:
		item->arrived_ms = date_ms(s->att_data.att_internal_date);
		break;
	case MAILIMAP_MSG_ATT_BODY_SECTION:
		section = s->att_data.att_body_section;
		if (section->sec_body_part == NULL || section->sec_length == 0 ||
		    section->sec_origin_octet != 0 || is_whole(section->sec_section) != im->keep)
			break;
		item->text = (struct span){section->sec_body_part, section->sec_length};
		if (im->keep) {	/* taken over: libetpan would free it when we return */
			if (carray_add(im->bodies, section->sec_body_part, NULL) == -1)
				arena_no_memory();
			section->sec_body_part = NULL;
		}
		break;
	default:	/* not an enum of ours: what we did not ask for is of no interest */
		break;
	}
}

static bool
is_flag(const struct mailimap_flag *f, const char *name)
{
	if (f == NULL)
		return false;
	if (f->fl_type == MAILIMAP_FLAG_SEEN)
		return strcmp(name, "\\Seen") == 0;
	if (f->fl_type == MAILIMAP_FLAG_DELETED)
		return strcmp(name, "\\Deleted") == 0;
	return f->fl_type == MAILIMAP_FLAG_KEYWORD && f->fl_data.fl_keyword != NULL &&
	    strcasecmp(f->fl_data.fl_keyword, name) == 0;
}

static bool
has_flag(const struct mailimap_msg_att_dynamic *flags, const char *name)
{
	clistiter *it = flags == NULL || flags->att_list == NULL ? NULL : clist_begin(flags->att_list);

	for (; it != NULL; it = clist_next(it))
		if (is_flag(((struct mailimap_flag_fetch *)clist_content(it))->fl_flag, name))
			return true;
	return false;
}

/* Several lines for one mail: the last one stands. */
static void
on_marks(struct imap *im, const struct mailimap_msg_att *att)
{
	struct imap_item item = {0};
	bool told = false, has = false;
	const uint32_t *at;

	for (clistiter *it = clist_begin(att->att_list); it != NULL; it = clist_next(it)) {
		struct mailimap_msg_att_item *part = clist_content(it);

		if (part->att_type == MAILIMAP_MSG_ATT_ITEM_STATIC) {
			take_static(im, part->att_data.att_static, &item);
		} else if (part->att_type == MAILIMAP_MSG_ATT_ITEM_DYNAMIC) {
			told = true;
			has = im->flag != NULL && has_flag(part->att_data.att_dyn, im->flag);
		}
	}
	at = bsearch(&item.uid, im->uids, im->n, sizeof(*im->uids), uid_order);
	if (at != NULL && told)
		im->marks[at - im->uids] = (struct imap_mark){.there = true, .marked = has};
}

/* libetpan calls this for each FETCH line, asked for or not. */
static void
on_att(struct mailimap_msg_att *att, void *arg)
{
	struct imap *im = arg;
	struct imap_item item = {.size_bytes = -1, .arrived_ms = -1};

	if (im->marks != NULL)
		on_marks(im, att);
	if (im->each == NULL)
		return;
	for (clistiter *it = clist_begin(att->att_list); it != NULL; it = clist_next(it)) {
		struct mailimap_msg_att_item *part = clist_content(it);

		if (part->att_type == MAILIMAP_MSG_ATT_ITEM_STATIC)
			take_static(im, part->att_data.att_static, &item);
	}
	if (bsearch(&item.uid, im->uids, im->n, sizeof(*im->uids), uid_order) != NULL)
		im->each(im->arg, &item);
}

static struct mailimap_set *
uid_set(const uint32_t *uids, size_t n)
{
	struct mailimap_set *set = need(mailimap_set_new_empty());

	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && uids[end] == uids[end - 1] + 1; end++)
			continue;
		if (mailimap_set_add_interval(set, uids[i], uids[end - 1]) != MAILIMAP_NO_ERROR)
			arena_no_memory();
	}
	return set;
}

/* How many of the mails fit one FETCH, which is all if they follow one another. */
static size_t
uids_fit(const uint32_t *uids, size_t n)
{
	size_t bytes = 0, i = 0;

	while (i < n && bytes + sizeof("4294967295:4294967295,") < SET_BYTES) {
		size_t end = i + 1;
		char text[sizeof("4294967295:4294967295,")];

		while (end < n && uids[end] == uids[end - 1] + 1)
			end++;
		bytes += (size_t)(end - i == 1 ? snprintf(text, sizeof(text), "%u,", uids[i]) :
		    snprintf(text, sizeof(text), "%u:%u,", uids[i], uids[end - 1]));
		i = end;
	}
	return i;
}

static int
fetch_some(struct imap *im, struct mailimap_fetch_type *what, const uint32_t *uids, size_t n,
    imap_item_fn each, void *arg, struct err *e)
{
	struct mailimap_set *set = uid_set(uids, n);
	clist *list = NULL;
	int code;

	im->uids = uids;
	im->n = n;
	im->each = each;
	im->arg = arg;
	code = mailimap_uid_fetch(im->session, set, what, &list);
	im->each = NULL;
	if (is_done(code) && list != NULL)
		mailimap_fetch_list_free(list);
	mailimap_set_free(set);
	/* NO: some mails could not be had; the caller sees which did not come */
	if (is_done(code) ||
	    (code == MAILIMAP_ERROR_UID_FETCH && transport_why(im->transport, e) == 0))
		return 0;
	return imap_failed(im, code, MAILIMAP_ERROR_UID_FETCH, "FETCH", NULL, e);
}

/* Takes `what` over. */
static int
imap_fetch(struct imap *im, struct mailimap_fetch_type *what, const uint32_t *uids, size_t n,
    imap_item_fn each, void *arg, struct err *e)
{
	int rc = 0;

	for (size_t i = 0, some; i < n && rc == 0; i += some) {
		some = uids_fit(uids + i, n - i);
		rc = fetch_some(im, what, uids + i, some, each, arg, e);
	}
	mailimap_fetch_type_free(what);
	return rc;
}

static struct mailimap_fetch_type *
fetch_type(void)
{
	struct mailimap_fetch_type *what = need(mailimap_fetch_type_new_fetch_att_list_empty());

	mailimap_fetch_type_new_fetch_att_list_add(what, need(mailimap_fetch_att_new_uid()));
	return what;
}

int
imap_headers(
    struct imap *im, const uint32_t *uids, size_t n, imap_item_fn each, void *arg, struct err *e)
{
	static const char *const fields[] = {"FROM", "SENDER", "REPLY-TO", "SUBJECT", "MESSAGE-ID"};
	struct mailimap_fetch_type *what = fetch_type();
	clist *names = need(clist_new());

	for (size_t i = 0; i < COUNT(fields); i++)
		if (clist_append(names, need(strdup(fields[i]))) == -1)
			arena_no_memory();
	mailimap_fetch_type_new_fetch_att_list_add(
	    what, need(mailimap_fetch_att_new_rfc822_size()));
	mailimap_fetch_type_new_fetch_att_list_add(
	    what, need(mailimap_fetch_att_new_internaldate()));
	mailimap_fetch_type_new_fetch_att_list_add(what,
	    need(mailimap_fetch_att_new_body_peek_section_partial(
		need(mailimap_section_new_header_fields(need(mailimap_header_list_new(names)))), 0,
		IMAP_MAX_HEADER)));
	im->keep = false;
	command(
	    im, FETCH_MS, n * (IMAP_MAX_HEADER + MAIL_SLACK) + COMMAND_BUDGET);
	return imap_fetch(im, what, uids, n, each, arg, e);
}

int
imap_bodies(struct imap *im, const uint32_t *uids, size_t n, int64_t bytes, imap_item_fn each,
    void *arg, struct err *e)
{
	struct mailimap_fetch_type *what = fetch_type();
	size_t budget = (size_t)bytes + (size_t)bytes / 2 + n * MAIL_SLACK + BODY_SLACK;

	mailimap_fetch_type_new_fetch_att_list_add(what,
	    need(mailimap_fetch_att_new_body_peek_section(need(mailimap_section_new(NULL)))));
	im->keep = true;
	command(
	    im, FETCH_MS + (int64_t)(budget / SLOWEST_BYTES) * CLOCK_SECOND, budget);
	return imap_fetch(im, what, uids, n, each, arg, e);
}

void
imap_release(struct imap *im)
{
	for (unsigned i = 0; i < carray_count(im->bodies); i++)
		mailimap_nstring_free(carray_get(im->bodies, i));
	carray_set_size(im->bodies, 0);
}

/* ---- what changes something */

/* The end of a command that the server may refuse. */
static int
change_done(struct imap *im, int code, int no, const char *command, struct err *e)
{
	bool refused;

	return is_done(code) ? 0 : imap_failed(im, code, no, command, &refused, e);
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
	}
}

/* mailimap_capability() dies of an OK that brought no list. */
int
imap_can(struct imap *im, struct imap_can *can, struct err *e)
{
	const struct mailimap_connection_info *info;
	int code = MAILIMAP_NO_ERROR;

	if (!im->asked) {
		transport_command(im->transport, COMMAND_MS, COMMAND_BUDGET);
		code = mailimap_custom_command(im->session, "CAPABILITY");
		if (!is_done(code))
			return imap_failed(im, code, MAILIMAP_ERROR_CUSTOM_COMMAND, "CAPABILITY", NULL, e);
		info = im->session->imap_connection_info;
		if (info == NULL || info->imap_capability == NULL)
			return err_set(e, ERR_REJECT, "the server does not say what it can do");
		can_read(&im->can, info->imap_capability->cap_list);
		im->asked = true;
	}
	*can = im->can;
	return 0;
}

int
imap_select(struct imap *im, const char *name, struct imap_state *state, bool *writable, struct err *e)
{
	const struct mailimap_selection_info *info;
	int code;

	transport_command(im->transport, COMMAND_MS, COMMAND_BUDGET);
	code = mailimap_select(im->session, name);
	if (!is_done(code))
		return change_done(im, code, MAILIMAP_ERROR_SELECT, "SELECT", e);
	info = im->session->imap_selection_info;
	*state = (struct imap_state){.uidvalidity = info->sel_uidvalidity,
	    .uidnext = info->sel_uidnext,
	    .exists = info->sel_exists};
	*writable = info->sel_perm == MAILIMAP_MAILBOX_READWRITE;
	return 0;
}

bool
imap_keeps(const struct imap *im, const char *flag)
{
	const struct mailimap_selection_info *info = im->session->imap_selection_info;

	/* not told: RFC 3501 7.1 says that all can be kept; told to be empty looks the same here */
	if (info == NULL || info->sel_perm_flags == NULL)
		return true;
	for (clistiter *it = clist_begin(info->sel_perm_flags); it != NULL; it = clist_next(it)) {
		const struct mailimap_flag_perm *perm = clist_content(it);

		if (perm->fl_type == MAILIMAP_FLAG_PERM_ALL ? flag[0] != '\\' :
							      is_flag(perm->fl_flag, flag))
			return true;
	}
	return false;
}

int
imap_status(struct imap *im, const char *name, struct imap_state *state, struct err *e)
{
	struct mailimap_status_att_list *what = need(mailimap_status_att_list_new_empty());
	struct mailimap_mailbox_data_status *status = NULL;
	clistiter *it;
	int code;

	*state = (struct imap_state){0};
	if (mailimap_status_att_list_add(what, MAILIMAP_STATUS_ATT_UIDVALIDITY) != MAILIMAP_NO_ERROR ||
	    mailimap_status_att_list_add(what, MAILIMAP_STATUS_ATT_UIDNEXT) != MAILIMAP_NO_ERROR)
		arena_no_memory();
	transport_command(im->transport, COMMAND_MS, COMMAND_BUDGET);
	code = mailimap_status(im->session, name, what, &status);
	mailimap_status_att_list_free(what);
	if (!is_done(code))
		return change_done(im, code, MAILIMAP_ERROR_STATUS, "STATUS", e);
	it = status == NULL || status->st_info_list == NULL ? NULL : clist_begin(status->st_info_list);
	for (; it != NULL; it = clist_next(it)) {
		const struct mailimap_status_info *info = clist_content(it);

		if (info->st_att == MAILIMAP_STATUS_ATT_UIDVALIDITY)
			state->uidvalidity = info->st_value;
		else if (info->st_att == MAILIMAP_STATUS_ATT_UIDNEXT)
			state->uidnext = info->st_value;
	}
	if (status != NULL)
		mailimap_mailbox_data_status_free(status);
	return 0;
}

int
imap_marks(struct imap *im, const uint32_t *uids, size_t n, const char *flag, struct imap_mark *marks,
    struct err *e)
{
	struct mailimap_fetch_type *what = fetch_type();
	int rc;

	mailimap_fetch_type_new_fetch_att_list_add(what, need(mailimap_fetch_att_new_flags()));
	memset(marks, 0, n * sizeof(*marks));
	im->marks = marks;
	im->flag = flag;
	im->keep = false;
	transport_command(im->transport, COMMAND_MS, n * MAIL_SLACK + COMMAND_BUDGET);
	rc = imap_fetch(im, what, uids, n, NULL, NULL, e);
	im->marks = NULL;
	return rc;
}

static struct mailimap_flag *
flag_new(const char *name)
{
	if (strcmp(name, "\\Seen") == 0)
		return need(mailimap_flag_new_seen());
	if (strcmp(name, "\\Deleted") == 0)
		return need(mailimap_flag_new_deleted());
	return need(mailimap_flag_new_flag_keyword(need(strdup(name))));
}

int
imap_flag(struct imap *im, const uint32_t *uids, size_t n, const char *flag, struct err *e)
{
	struct mailimap_flag_list *flags = need(mailimap_flag_list_new_empty());
	struct mailimap_store_att_flags *what;
	struct mailimap_set *set = uid_set(uids, n);
	int code;

	if (mailimap_flag_list_add(flags, flag_new(flag)) != MAILIMAP_NO_ERROR)
		arena_no_memory();
	what = need(mailimap_store_att_flags_new_add_flags_silent(flags));
	transport_command(im->transport, FETCH_MS, n * MAIL_SLACK + COMMAND_BUDGET);
	code = mailimap_uid_store(im->session, set, what);
	mailimap_store_att_flags_free(what);
	mailimap_set_free(set);
	return change_done(im, code, MAILIMAP_ERROR_UID_STORE, "STORE", e);
}

/* A refused MOVE or COPY: is it for want of the folder? */
static int
transfer_done(struct imap *im, int code, int no, const char *command, bool *missing, struct err *e)
{
	const struct mailimap_response_info *info = im->session->imap_response_info;

	*missing = code == no && info != NULL && info->rsp_trycreate;
	return change_done(im, code, no, command, e);
}

int
imap_move(struct imap *im, const uint32_t *uids, size_t n, const char *folder, bool *missing,
    struct err *e)
{
	struct mailimap_set *set = uid_set(uids, n);
	int code;

	transport_command(im->transport, FETCH_MS, n * MAIL_SLACK + COMMAND_BUDGET);
	code = mailimap_uid_move(im->session, set, folder);
	mailimap_set_free(set);
	return transfer_done(im, code, MAILIMAP_ERROR_UID_MOVE, "MOVE", missing, e);
}

int
imap_copy(struct imap *im, const uint32_t *uids, size_t n, const char *folder, bool *missing,
    struct err *e)
{
	struct mailimap_set *set = uid_set(uids, n);
	int code;

	transport_command(im->transport, FETCH_MS, n * MAIL_SLACK + COMMAND_BUDGET);
	code = mailimap_uid_copy(im->session, set, folder);
	mailimap_set_free(set);
	return transfer_done(im, code, MAILIMAP_ERROR_UID_COPY, "COPY", missing, e);
}

int
imap_create(struct imap *im, const char *folder, struct err *e)
{
	int code;

	transport_command(im->transport, COMMAND_MS, COMMAND_BUDGET);
	code = mailimap_create(im->session, folder);
	if (!is_done(code))
		return change_done(im, code, MAILIMAP_ERROR_CREATE, "CREATE", e);
	transport_command(im->transport, COMMAND_MS, COMMAND_BUDGET);
	code = mailimap_subscribe(im->session, folder);
	if (change_done(im, code, MAILIMAP_ERROR_SUBSCRIBE, "SUBSCRIBE", e) == -1 && im->broken)
		return -1;
	return 0;	/* refused: the folder is there all the same */
}

int
imap_uid_expunge(struct imap *im, const uint32_t *uids, size_t n, struct err *e)
{
	struct mailimap_set *set = uid_set(uids, n);
	int code;

	transport_command(im->transport, FETCH_MS, n * MAIL_SLACK + COMMAND_BUDGET);
	code = mailimap_uid_expunge(im->session, set);
	mailimap_set_free(set);
	return change_done(im, code, MAILIMAP_ERROR_EXPUNGE, "UID EXPUNGE", e);
}
