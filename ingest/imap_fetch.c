/* FETCH: what is asked for, and what is taken from the lines that come. */
#include <libetpan/libetpan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "ingest/imap_session.h"

#define SLOWEST_BYTES	((size_t)16 * 1024)	/* per second, on top of IMAP_FETCH_MS */
#define BODY_SLACK	((size_t)1024 * 1024)	/* servers round RFC822.SIZE, some generously */

/*
 * Bytes of the set in one FETCH: RFC 2683 3.2.1.5 asks for lines of at most about 1,000, and servers
 * were seen to refuse longer ones. Mails that follow one another take no more than one.
 */
#define SET_BYTES	800

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

bool
imap_is_flag(const struct mailimap_flag *f, const char *name)
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
		if (imap_is_flag(((struct mailimap_flag_fetch *)clist_content(it))->fl_flag, name))
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
	at = bsearch(&item.uid, im->uids, im->n, sizeof(*im->uids), imap_uid_order);
	if (at != NULL && told)
		im->marks[at - im->uids] = (struct imap_mark){.there = true, .marked = has};
}

void
imap_on_att(struct mailimap_msg_att *att, void *arg)
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
	if (bsearch(&item.uid, im->uids, im->n, sizeof(*im->uids), imap_uid_order) != NULL)
		im->each(im->arg, &item);
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
	struct mailimap_set *set = imap_uid_set(uids, n);
	clist *list = NULL;
	int code;

	im->uids = uids;
	im->n = n;
	im->each = each;
	im->arg = arg;
	code = mailimap_uid_fetch(im->session, set, what, &list);
	im->each = NULL;
	if (imap_is_done(code) && list != NULL)
		mailimap_fetch_list_free(list);
	mailimap_set_free(set);
	/* NO: some mails could not be had; the caller sees which did not come */
	if (imap_is_done(code) ||
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
	struct mailimap_fetch_type *what = imap_need(mailimap_fetch_type_new_fetch_att_list_empty());

	mailimap_fetch_type_new_fetch_att_list_add(what, imap_need(mailimap_fetch_att_new_uid()));
	return what;
}

int
imap_headers(
    struct imap *im, const uint32_t *uids, size_t n, imap_item_fn each, void *arg, struct err *e)
{
	static const char *const fields[] = {"FROM", "SENDER", "REPLY-TO", "SUBJECT", "MESSAGE-ID"};
	struct mailimap_fetch_type *what = fetch_type();
	clist *names = imap_need(clist_new());

	for (size_t i = 0; i < COUNT(fields); i++)
		if (clist_append(names, imap_need(strdup(fields[i]))) == -1)
			arena_no_memory();
	mailimap_fetch_type_new_fetch_att_list_add(
	    what, imap_need(mailimap_fetch_att_new_rfc822_size()));
	mailimap_fetch_type_new_fetch_att_list_add(
	    what, imap_need(mailimap_fetch_att_new_internaldate()));
	mailimap_fetch_type_new_fetch_att_list_add(what,
	    imap_need(mailimap_fetch_att_new_body_peek_section_partial(
		imap_need(mailimap_section_new_header_fields(imap_need(mailimap_header_list_new(names)))), 0,
		IMAP_MAX_HEADER)));
	im->keep = false;
	imap_command(im, IMAP_FETCH_MS, n * (IMAP_MAX_HEADER + IMAP_MAIL_SLACK) + IMAP_COMMAND_BUDGET);
	return imap_fetch(im, what, uids, n, each, arg, e);
}

int
imap_bodies(struct imap *im, const uint32_t *uids, size_t n, int64_t bytes, imap_item_fn each,
    void *arg, struct err *e)
{
	struct mailimap_fetch_type *what = fetch_type();
	size_t budget = (size_t)bytes + (size_t)bytes / 2 + n * IMAP_MAIL_SLACK + BODY_SLACK;

	mailimap_fetch_type_new_fetch_att_list_add(what,
	    imap_need(mailimap_fetch_att_new_body_peek_section(imap_need(mailimap_section_new(NULL)))));
	im->keep = true;
	imap_command(im, IMAP_FETCH_MS + (int64_t)(budget / SLOWEST_BYTES) * CLOCK_SECOND, budget);
	return imap_fetch(im, what, uids, n, each, arg, e);
}

void
imap_release(struct imap *im)
{
	for (unsigned i = 0; i < carray_count(im->bodies); i++)
		mailimap_nstring_free(carray_get(im->bodies, i));
	carray_set_size(im->bodies, 0);
}

int
imap_marks(struct imap *im, const uint32_t *uids, size_t n, const char *flag, struct imap_mark *marks,
    struct err *e)
{
	struct mailimap_fetch_type *what = fetch_type();
	int rc;

	mailimap_fetch_type_new_fetch_att_list_add(what, imap_need(mailimap_fetch_att_new_flags()));
	memset(marks, 0, n * sizeof(*marks));
	im->marks = marks;
	im->flag = flag;
	im->keep = false;
	imap_command(im, IMAP_COMMAND_MS, n * IMAP_MAIL_SLACK + IMAP_COMMAND_BUDGET);
	rc = imap_fetch(im, what, uids, n, NULL, NULL, e);
	im->marks = NULL;
	return rc;
}
