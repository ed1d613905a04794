/*
 * store_fixture - a database of its own for each test of store/, with one mailbox, folder and epoch
 *
 * raw() speaks to the file past our own layer, as a repairman or an intruder would.
 */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "store/approval.h"
#include "store/claim.h"
#include "store/db.h"
#include "store/delivery.h"
#include "store/event.h"
#include "store/mail.h"

#define NOW INT64_C(1795340000000)	/* 2026-11-22 */
#define NO_FACTS (&(struct approval_facts){0})

struct fixture {
	char		 dir[64], path[96];
	struct db	*db;
	struct arena	 a;
	struct err	 e;
	int64_t		 mailbox, folder, epoch;
	uint32_t	 uid;
};

/* Fails the test with our own words. */
#define OK(call) do { \
	if ((call) != 0) \
		fail_msg("%s: %s", #call, f->e.msg); \
} while (0)

static inline void
fixture_dir(struct fixture *f)
{
	snprintf(f->dir, sizeof(f->dir), "/tmp/approvals-unit-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/a.db", f->dir);
}

static inline int
fixture_open(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct mailbox_row m;

	fixture_dir(f);
	OK(db_open(f->path, DB_WRITE, &f->db, &f->e));
	OK(db_begin(f->db, &f->e));
	OK(mail_mailbox(f->db, "onboarding", 0, 0, NOW, &m, &f->e));
	f->mailbox = m.id;
	OK(mail_folder(f->db, m.id, "INBOX", &f->folder, &f->e));
	OK(mail_epoch_open(f->db, f->folder, 7, 0, NOW, &f->epoch, &f->e));
	OK(db_commit(f->db, &f->e));
	*state = f;
	return 0;
}

static inline int
fixture_close(void **state)
{
	static const char *const names[] = { "a.db", "a.db-journal", "a.db.lock", "copy.db", "copy.db-journal", "link.db" };
	struct fixture *f = *state;
	char path[128];

	db_close(f->db);
	arena_free(&f->a);
	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

/* Runs SQL on a file by a connection of its own; SQLite's code. */
static inline int
raw_try(const char *path, const char *sql)
{
	sqlite3 *raw;
	int code;

	assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
	sqlite3_exec(raw, "PRAGMA recursive_triggers = ON; PRAGMA foreign_keys = ON", NULL, NULL, NULL);
	code = sqlite3_exec(raw, sql, NULL, NULL, NULL);
	sqlite3_close(raw);
	return code;
}

static inline void
raw(struct fixture *f, const char *sql)
{
	int code = raw_try(f->path, sql);

	if (code != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errstr(code));
}

static inline int64_t
raw_number(struct fixture *f, const char *sql)
{
	sqlite3 *raw;
	sqlite3_stmt *st;
	int64_t n;

	assert_int_equal(sqlite3_open(f->path, &raw), SQLITE_OK);
	if (sqlite3_prepare_v2(raw, sql, -1, &st, NULL) != SQLITE_OK || sqlite3_step(st) != SQLITE_ROW)
		fail_msg("%s: %s", sql, sqlite3_errmsg(raw));
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(raw);
	return n;
}

static inline void
file_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* A read mail whose bytes are `text`: its row, hash and message. Inside the caller's transaction. */
static inline int64_t
fixture_mail(struct fixture *f, const char *text)
{
	struct message_new m = {.message_id = "<1@example.com>", .from_domain = "vippsmobilepay.com",
	    .proof = "authentication-results", .kind = "approval", .reasons = "[]", .trusted = true};
	uint8_t hash[DIGEST_BYTES];
	uint32_t uid = ++f->uid;
	int64_t id, added, same;
	size_t n;

	OK(mail_shown(f->db, f->epoch, &uid, 1, NOW, &added, &f->e));
	OK(mail_pending(f->db, f->epoch, uid - 1, 0, &uid, &id, 1, &n, &f->e));
	assert_int_equal(n, 1);
	OK(mail_header(f->db, id, NOW - 1000, (int64_t)strlen(text), false, &f->e));
	digest_sha256(span_of(text), hash);
	OK(mail_hashed(f->db, id, hash, &same, &f->e));
	OK(mail_message(f->db, id, &m, &f->e));
	OK(mail_settle(f->db, id, MAIL_READ, NULL, NULL, NOW, &f->e));
	return id;
}

/* A claim of an own mail, in the given state. Inside the caller's transaction. */
static inline int64_t
fixture_claim(struct fixture *f, const char *text, enum claim_state state, const char *msn, bool history)
{
	struct claim c = {.state = state, .trusted = state == CLAIM_PENDING, .history = history,
	    .org_scheme = "business:NO:ORG", .org_number = "918713867", .merchant_name = "Fjord Kaffe AS",
	    .msn = msn, .sales_unit_name = "Kaffebaren", .reasons = "[]", .evidence = "{}", .next_ms = NOW};
	uint8_t hash[DIGEST_BYTES];
	int64_t id;

	c.mail_id = fixture_mail(f, text);
	digest_sha256(span_of(text), hash);
	OK(claim_add(f->db, &c, digest_hex(&f->a, hash, sizeof(hash)), NOW, &id, &f->e));
	return id;
}

/* Confirms it, in the caller's transaction; what approval_confirm() said it did. */
static inline bool
fixture_confirm(struct fixture *f, int64_t claim, const struct approval_facts *facts)
{
	struct claim c;
	bool made;

	OK(claim_get(f->db, claim, &f->a, &c, &f->e));
	OK(approval_confirm(f->db, &c, facts, "management-api", NOW, &made, &f->e));
	return made;
}

#endif
