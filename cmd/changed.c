/*
 * config.changed: what this pass works by is compared with what the last one worked by, so that the chain says when
 * the configuration, the rules or the program changed. Hashes only; secrets are named in a configuration, never in it.
 */
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "store/event.h"

#define NOTE		"worked-by"		/* the database's name for it */
#define REF		"config:approvals"
#define FILE_BYTES	(INT64_C(256) << 20)	/* of a program: a sanitized one has 30 MB */

void
digest_file(struct digest *d, const char *path, int64_t max)
{
	char	bytes[65536];
	FILE	*f = fopen(path, "re");
	size_t	n;
	int64_t	total = 0;

	while (f && total < max && (n = fread(bytes, 1, sizeof bytes, f)) > 0) {
		digest_add(d, (struct span){bytes, n});
		total += (int64_t)n;
	}
	if (f)
		fclose(f);
	digest_add_int(d, total);
}

static const char *
digest_end(struct digest *d, struct arena *a)
{
	uint8_t hash[DIGEST_BYTES];

	digest_close(d, hash);
	return digest_hex(a, hash, sizeof hash);
}

/* What this pass works by. The build is that of both programs, since both decide. */
static struct json *
works_by(const struct settings *set, struct arena *a)
{
	struct json	*j = json_object();
	struct digest	*rules = digest_open(0), *build = digest_open(0);

	for (const char **p = set->rules; *p; p++)
		digest_file(rules, *p, CONF_MAX_BYTES);
	digest_file(build, "/proc/self/exe", FILE_BYTES);
	digest_file(build, reader_program(a), FILE_BYTES);
	json_put_text(j, "version", APPROVALS_VERSION);
	json_put_text(j, "build", digest_end(build, a));
	json_put_text(j, "configuration", set->hash);
	json_put_text(j, "rules", digest_end(rules, a));
	return j;
}

/* One in the chain for each change: its number there tells it from an earlier one back and forth. */
static int
tell(struct db *db, struct json *before, struct json *now, const char *text, int64_t now_ms, struct arena *a,
    struct err *e)
{
	struct json	*data = json_object();
	struct event	*earlier;
	int		 n;

	json_put(data, "before", before);
	json_put(data, "after", now);
	if (event_list_of(db, REF, a, &earlier, &n, e) == -1) {
		json_free(data);
		return -1;
	}
	return event_add(db, &(struct event_new){ .type = "config.changed", .ref = REF,
	    .cause = arena_printf(a, "%d %s", n + 1, text), .data = data }, now_ms, e);
}

int
changed_tell(struct app *app, int64_t now_ms, struct err *e)
{
	struct arena	 a = {0};
	struct json	*now = works_by(&app->set, &a);
	const char	*text = json_print(now, &a), *before = NULL;
	int		 rc = db_note(app->db, NOTE, &a, &before, e);

	if (rc == 0 && (!before || strcmp(before, text) != 0)) {
		rc = db_begin(app->db, e);
		if (rc == 0 && before)		/* the first pass has nothing to compare with */
			rc = tell(app->db, json_ours(before), json_copy(now), text, now_ms, &a, e);
		if (rc == 0)
			rc = db_note_set(app->db, NOTE, text, e);
		if (rc == 0)
			rc = db_commit(app->db, e);
		else
			db_rollback(app->db);
		if (rc == 0 && before)
			log_info("config.changed", "configuration", app->set.hash, NULL);
	}
	json_free(now);
	arena_free(&a);
	return rc;
}
