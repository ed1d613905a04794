/* retry - see retry.h */
#include "ingest/retry.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"
#include "store/alarm.h"
#include "store/mail.h"

#define JITTER		20	/* percent: what failed together is not due together */
#define TELL_ALONE	10	/* mails a day, per event: more are a broken server, and one cause */

int64_t
retry_next(int attempt, uint32_t chance, int64_t now_ms)
{
	static const int64_t waits[] = {1 /* the next pass, not this one */, CLOCK_MINUTE,
	    2 * CLOCK_MINUTE, 4 * CLOCK_MINUTE, 8 * CLOCK_MINUTE, 16 * CLOCK_MINUTE, 32 * CLOCK_MINUTE,
	    CLOCK_HOUR, 2 * CLOCK_HOUR, 4 * CLOCK_HOUR, 6 * CLOCK_HOUR};
	static const struct backoff schedule = {waits, COUNT(waits), JITTER};
	int n = attempt < schedule.waits ? attempt : schedule.waits;	/* and so on for ever */

	return backoff_next(&schedule, n, now_ms, chance, 0);
}

/* What the mail is counted under. Not by its row: a restored database numbers rows anew. */
static int
subject_of(struct ingest *in, const char *type, const struct mail_row *m, struct arena *a, const char **subject,
    struct err *e)
{
	bool room;

	*subject = arena_printf(a, "%s %s %u", m->mailbox, m->folder, m->uid);
	if (alarm_room(in->db, type, *subject, m->history, TELL_ALONE, in->now_ms, &room, e) == -1)
		return -1;
	if (!room)
		*subject = in->mailbox;
	return 0;
}

static int
tell(struct ingest *in, const char *type, int64_t mail_id, const char *error, struct err *e)
{
	struct arena a = {0};
	struct mail_row m;
	struct json *data;
	const char *ref = arena_printf(&a, "mail_%lld", (long long)mail_id), *subject;
	int rc = mail_get(in->db, mail_id, &a, &m, e);

	if (rc == 0)
		rc = subject_of(in, type, &m, &a, &subject, e);
	if (rc == 0) {
		data = json_object();
		json_put_text(data, "id", ref);
		json_put_text(data, "mailbox", in->mailbox);
		json_put_text(data, "folder", m.folder);
		json_put_int(data, "attempts", m.attempts);
		json_put_text(data, "error", error);
		log_info(type, "mail", ref, "mailbox", in->mailbox, "error", error, NULL);
		rc = alarm_raise(in->db,
		    &(struct alarm_new){.type = type,
			.subject = subject,
			.ref = ref,
			.data = data,
			.history = m.history},
		    in->now_ms, e);
	}
	arena_free(&a);
	return rc;
}

int
retry_failed(struct ingest *in, int64_t mail_id, const char *reason, struct err *e)
{
	uint32_t chance;
	int attempts;

	digest_random(&chance, sizeof(chance));
	if (mail_failed(in->db, mail_id, reason, &attempts, e) == -1 ||
	    mail_next(in->db, mail_id, retry_next(attempts, chance, in->now_ms), e) == -1)
		return -1;
	return attempts == MAIL_TELL ? tell(in, "mail.stuck", mail_id, reason, e) : 0;
}

int
retry_vanished(struct ingest *in, int64_t mail_id, const char *why, struct err *e)
{
	return tell(in, "mail.vanished", mail_id, why, e);
}
