/*
 * config.changed: what this pass works by is compared with what the last one worked by, so that the chain says when
 * the configuration, the rules or the program changed. Hashes only; secrets are named in a configuration, never in it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "store/event.h"

#define NOTE		"worked-by"		/* the database's name for it */
#define NOTE_BUILD	"build"			/* and for what the programs' files were, and their hash */
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

/* What tells a file from any other, and from itself before it was changed; "" if there is none. */
static const char *
file_mark(const char *path, struct arena *a)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return "";
	return arena_printf(a, "%llx:%llx:%lld:%lld.%09ld:%lld.%09ld", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino, (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
	    (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

/*
 * The hash of both programs, since both decide. They are read when their files were touched: to hash them each time
 * took a quarter of a pass that finds nothing new. *note: the
 * mark and the hash behind it, if they are new.
 */
static int
build_hash(struct db *db, struct arena *a, const char **hash, const char **note, struct err *e)
{
	static const char	 self[] = "/proc/self/exe";
	const char		*reader = reader_program(a), *known = NULL;
	const char		*mark = arena_printf(a, "%s %s ", file_mark(self, a), file_mark(reader, a));
	struct digest		*d;

	if (db_note(db, NOTE_BUILD, a, &known, e) == -1)
		return -1;
	if (known != NULL && strncmp(known, mark, strlen(mark)) == 0) {
		*hash = known + strlen(mark);
		return 0;
	}
	d = digest_open(0);
	digest_file(d, self, FILE_BYTES);
	digest_file(d, reader, FILE_BYTES);
	*hash = digest_end(d, a);
	*note = arena_printf(a, "%s%s", mark, *hash);
	return 0;
}

/* What this pass works by. */
static struct json *
works_by(const struct settings *set, const char *build, struct arena *a)
{
	struct json	*j = json_object();
	struct digest	*rules = digest_open(0);

	for (const char **p = set->rules; *p; p++)
		digest_file(rules, *p, CONF_MAX_BYTES);
	json_put_text(j, "version", APPROVALS_VERSION);
	json_put_text(j, "build", build);
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

static int
changed_note(struct app *app, struct json *now, const char *text, const char *before, const char *build,
    int64_t now_ms, struct arena *a, struct err *e)
{
	bool	changed = !before || strcmp(before, text) != 0;
	int	rc = db_begin(app->db, e);

	if (rc == 0 && changed && before)	/* the first pass has nothing to compare with */
		rc = tell(app->db, json_ours(before), json_copy(now), text, now_ms, a, e);
	if (rc == 0 && changed)
		rc = db_note_set(app->db, NOTE, text, e);
	if (rc == 0 && build)
		rc = db_note_set(app->db, NOTE_BUILD, build, e);
	if (rc == 0)
		rc = db_commit(app->db, e);
	else
		db_rollback(app->db);
	if (rc == 0 && changed && before)
		log_info("config.changed", "configuration", app->set.hash, NULL);
	return rc;
}

int
changed_tell(struct app *app, int64_t now_ms, struct err *e)
{
	struct arena	 a = {0};
	const char	*hash, *build = NULL, *text, *before = NULL;
	struct json	*now = NULL;
	int		 rc = build_hash(app->db, &a, &hash, &build, e);

	if (rc == 0)
		rc = db_note(app->db, NOTE, &a, &before, e);
	if (rc == 0) {
		now = works_by(&app->set, hash, &a);
		text = json_print(now, &a);
		if (build || !before || strcmp(before, text) != 0)
			rc = changed_note(app, now, text, before, build, now_ms, &a, e);
	}
	json_free(now);
	arena_free(&a);
	return rc;
}
