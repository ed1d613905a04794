/* pass - see pass.h */
#include "ingest/pass.h"

#include <sys/statvfs.h>

int
pass_commit(struct mailbox *box, int rc, struct err *e)
{
	if (rc == 0)
		rc = db_commit(box->in->db, e);
	else
		db_rollback(box->in->db);
	if (rc == 0)
		db_lock_progress(box->in->lock);
	if (rc == 0 && box->in->progress != NULL)
		box->in->progress(box->in, box->in->progress_arg);
	return rc;
}

int
pass_stopped(struct mailbox *box, struct err *e)
{
	if (box->in->stop != NULL && *box->in->stop)
		return err_what(e, ERR_RETRY, ERR_STOPPED, "stopped by a signal");
	return 0;
}

int
pass_disk(struct mailbox *box, struct err *e)
{
	struct statvfs fs;
	int64_t bytes;

	if (box->conf->database == NULL || statvfs(box->conf->database, &fs) == -1)
		return 0;
	bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	if (bytes >= box->in->limits->min_free)
		return 0;
	return err_what(e, ERR_RETRY, ERR_STOPPED,
	    "no mail is fetched: the disk of '%s' has %lld bytes free,"
	    " limits.min_free is %lld",
	    box->conf->database, (long long)bytes, (long long)box->in->limits->min_free);
}
