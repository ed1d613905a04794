/* What ingest/after asks of a server: what it can do, and what changes something there. */
#include <libetpan/libetpan.h>
#include <string.h>
#include <strings.h>

#include "ingest/imap_session.h"

/* The end of a command that the server may refuse. */
static int
change_done(struct imap *im, int code, int no, const char *command, struct err *e)
{
	bool refused;

	return imap_is_done(code) ? 0 : imap_failed(im, code, no, command, &refused, e);
}

int
imap_select(struct imap *im, const char *name, struct imap_state *state, bool *writable, struct err *e)
{
	const struct mailimap_selection_info *info;
	int code;

	imap_command(im, IMAP_COMMAND_MS, IMAP_COMMAND_BUDGET);
	code = mailimap_select(im->session, name);
	if (!imap_is_done(code))
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
							      imap_is_flag(perm->fl_flag, flag))
			return true;
	}
	return false;
}

int
imap_status(struct imap *im, const char *name, struct imap_state *state, struct err *e)
{
	struct mailimap_status_att_list *what = imap_need(mailimap_status_att_list_new_empty());
	struct mailimap_mailbox_data_status *status = NULL;
	clistiter *it;
	int code;

	*state = (struct imap_state){0};
	if (mailimap_status_att_list_add(what, MAILIMAP_STATUS_ATT_UIDVALIDITY) != MAILIMAP_NO_ERROR ||
	    mailimap_status_att_list_add(what, MAILIMAP_STATUS_ATT_UIDNEXT) != MAILIMAP_NO_ERROR)
		arena_no_memory();
	imap_command(im, IMAP_COMMAND_MS, IMAP_COMMAND_BUDGET);
	code = mailimap_status(im->session, name, what, &status);
	mailimap_status_att_list_free(what);
	if (!imap_is_done(code))
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

static struct mailimap_flag *
flag_new(const char *name)
{
	if (strcmp(name, "\\Seen") == 0)
		return imap_need(mailimap_flag_new_seen());
	if (strcmp(name, "\\Deleted") == 0)
		return imap_need(mailimap_flag_new_deleted());
	return imap_need(mailimap_flag_new_flag_keyword(imap_need(strdup(name))));
}

int
imap_flag(struct imap *im, const uint32_t *uids, size_t n, const char *flag, struct err *e)
{
	struct mailimap_flag_list *flags = imap_need(mailimap_flag_list_new_empty());
	struct mailimap_store_att_flags *what;
	struct mailimap_set *set = imap_uid_set(uids, n);
	int code;

	if (mailimap_flag_list_add(flags, flag_new(flag)) != MAILIMAP_NO_ERROR)
		arena_no_memory();
	what = imap_need(mailimap_store_att_flags_new_add_flags_silent(flags));
	imap_command(im, IMAP_FETCH_MS, n * IMAP_MAIL_SLACK + IMAP_COMMAND_BUDGET);
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
	struct mailimap_set *set = imap_uid_set(uids, n);
	int code;

	imap_command(im, IMAP_FETCH_MS, n * IMAP_MAIL_SLACK + IMAP_COMMAND_BUDGET);
	code = mailimap_uid_move(im->session, set, folder);
	mailimap_set_free(set);
	return transfer_done(im, code, MAILIMAP_ERROR_UID_MOVE, "MOVE", missing, e);
}

int
imap_copy(struct imap *im, const uint32_t *uids, size_t n, const char *folder, bool *missing,
    struct err *e)
{
	struct mailimap_set *set = imap_uid_set(uids, n);
	int code;

	imap_command(im, IMAP_FETCH_MS, n * IMAP_MAIL_SLACK + IMAP_COMMAND_BUDGET);
	code = mailimap_uid_copy(im->session, set, folder);
	mailimap_set_free(set);
	return transfer_done(im, code, MAILIMAP_ERROR_UID_COPY, "COPY", missing, e);
}

int
imap_create(struct imap *im, const char *folder, struct err *e)
{
	int code;

	imap_command(im, IMAP_COMMAND_MS, IMAP_COMMAND_BUDGET);
	code = mailimap_create(im->session, folder);
	if (!imap_is_done(code))
		return change_done(im, code, MAILIMAP_ERROR_CREATE, "CREATE", e);
	imap_command(im, IMAP_COMMAND_MS, IMAP_COMMAND_BUDGET);
	code = mailimap_subscribe(im->session, folder);
	if (change_done(im, code, MAILIMAP_ERROR_SUBSCRIBE, "SUBSCRIBE", e) == -1 && im->broken)
		return -1;
	return 0;	/* refused: the folder is there all the same */
}

int
imap_uid_expunge(struct imap *im, const uint32_t *uids, size_t n, struct err *e)
{
	struct mailimap_set *set = imap_uid_set(uids, n);
	int code;

	imap_command(im, IMAP_FETCH_MS, n * IMAP_MAIL_SLACK + IMAP_COMMAND_BUDGET);
	code = mailimap_uid_expunge(im->session, set);
	mailimap_set_free(set);
	return change_done(im, code, MAILIMAP_ERROR_EXPUNGE, "UID EXPUNGE", e);
}
