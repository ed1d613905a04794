#include <errno.h>
#include <string.h>

#include <sqlite3.h>

#include "store/sql.h"

const char sql_schema[] = {
#include "schema.inc"
	0
};
#define TEXT_OF(x) #x
#define NUMBER(x) TEXT_OF(x)
const char sql_schema_mark[] = "PRAGMA application_id = " NUMBER(SQL_APPLICATION) ";"
    " PRAGMA user_version = " NUMBER(SQL_VERSION);

const char *const sql_upgrades[SQL_VERSION - 1] = {
	"CREATE TABLE alarm (type TEXT NOT NULL, history INTEGER NOT NULL CHECK (history IN (0, 1)),"
	" day TEXT NOT NULL, subject TEXT NOT NULL, count INTEGER NOT NULL, told INTEGER NOT NULL,"
	" ref TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (type, history, day, subject))"
	" STRICT, WITHOUT ROWID; CREATE INDEX alarm_due ON alarm (day) WHERE told < count;"
	" PRAGMA user_version = 2",
	"CREATE TABLE signature (mail_id INTEGER PRIMARY KEY REFERENCES mail (id), verdict TEXT NOT NULL"
	" CHECK (verdict IN ('refused', 'broken', 'wrong-key', 'no-key', 'no-dns', 'good')),"
	" domain TEXT NOT NULL, selector TEXT NOT NULL, key_record TEXT, since_ms INTEGER NOT NULL,"
	" checked_ms INTEGER NOT NULL, next_ms INTEGER, asks INTEGER NOT NULL DEFAULT 0) STRICT;"
	" CREATE INDEX signature_due ON signature (next_ms) WHERE next_ms IS NOT NULL;"
	" PRAGMA user_version = 3",
	"ALTER TABLE event_waiting ADD COLUMN untrusted INTEGER NOT NULL DEFAULT 0 CHECK (untrusted IN (0, 1));"
	" CREATE INDEX event_waiting_turn ON event_waiting (untrusted, seq);"
	" ALTER TABLE delivery ADD COLUMN untrusted INTEGER NOT NULL DEFAULT 0 CHECK (untrusted IN (0, 1));"
	" DROP INDEX delivery_due; CREATE INDEX delivery_due ON delivery (untrusted, next_ms) WHERE state = 'due';"
	" CREATE TABLE review ( id INTEGER PRIMARY KEY, claim_id INTEGER REFERENCES claim"
	" (id), mail_id INTEGER REFERENCES mail (id), decision TEXT NOT NULL CHECK (decision"
	" IN ('accept', 'reject')), was TEXT NOT NULL, why TEXT NOT NULL CHECK (why <> ''),"
	" login_uid INTEGER, user TEXT NOT NULL, by_name TEXT, at_ms INTEGER NOT NULL, CHECK"
	" ((claim_id IS NULL) <> (mail_id IS NULL)) ) STRICT; CREATE INDEX review_claim ON"
	" review (claim_id) WHERE claim_id IS NOT NULL; CREATE UNIQUE INDEX review_mail ON"
	" review (mail_id) WHERE mail_id IS NOT NULL; CREATE INDEX claim_review ON claim"
	" (trusted DESC, made_ms) WHERE state IN ('disputed', 'unconfirmed', 'held'); CREATE"
	" INDEX mail_review ON mail (id) WHERE fate = 'quarantined'; CREATE INDEX"
	" message_review ON message (mail_id) WHERE trusted AND kind = ''; CREATE TABLE notice"
	" ( target TEXT PRIMARY KEY, told_ms INTEGER NOT NULL ) STRICT, WITHOUT ROWID; CREATE"
	" TABLE gathered ( target TEXT NOT NULL, event_seq INTEGER NOT NULL REFERENCES event"
	" (seq), told_seq INTEGER REFERENCES event (seq), PRIMARY KEY (target, event_seq) )"
	" STRICT, WITHOUT ROWID; CREATE INDEX gathered_untold ON gathered (target, event_seq)"
	" WHERE told_seq IS NULL; CREATE TABLE budget ( name TEXT PRIMARY KEY, since_ms"
	" INTEGER NOT NULL, used INTEGER NOT NULL ) STRICT, WITHOUT ROWID; INSERT INTO budget"
	" VALUES ('questions', 0, 0), ('kept-bytes', 0, (SELECT coalesce(sum(length(zstd)), 0)"
	" FROM mail_bytes WHERE trusted = 0)); CREATE INDEX mail_bytes_untrusted"
	" ON mail_bytes (mail_id) WHERE trusted = 0; CREATE TRIGGER mail_bytes_added AFTER"
	" INSERT ON mail_bytes WHEN new.trusted = 0 BEGIN UPDATE budget SET used = used +"
	" length(new.zstd) WHERE name = 'kept-bytes'; END; CREATE TRIGGER mail_bytes_gone"
	" AFTER DELETE ON mail_bytes WHEN old.trusted = 0 BEGIN UPDATE budget SET used = used"
	" - length(old.zstd) WHERE name = 'kept-bytes'; END; CREATE TRIGGER mail_bytes_changed"
	" AFTER UPDATE ON mail_bytes BEGIN UPDATE budget SET used = used - iif(old.trusted, 0,"
	" length(old.zstd)) + iif(new.trusted, 0, length(new.zstd)) WHERE name = 'kept-bytes';"
	" END;"
	" PRAGMA user_version = 4",
	"ALTER TABLE mailbox ADD COLUMN acts INTEGER NOT NULL DEFAULT 0 CHECK (acts IN (0, 1));"
	" CREATE TABLE action ( mail_id INTEGER PRIMARY KEY REFERENCES mail (id), epoch_id INTEGER NOT"
	" NULL REFERENCES epoch (id), uid INTEGER NOT NULL, state TEXT NOT NULL CHECK (state IN"
	" ('due', 'waits', 'left', 'done', 'gone')), what TEXT, reason TEXT, attempts INTEGER NOT NULL"
	" DEFAULT 0, missed INTEGER NOT NULL DEFAULT 0, next_ms INTEGER NOT NULL DEFAULT 0, copied"
	" INTEGER NOT NULL DEFAULT 0 CHECK (copied IN (0, 1, 2)), copies INTEGER NOT NULL DEFAULT 0,"
	" copy_validity INTEGER NOT NULL DEFAULT 0, copy_from INTEGER NOT NULL DEFAULT 0, made_ms"
	" INTEGER NOT NULL, settled_ms INTEGER, CHECK ((state IN ('due', 'waits')) = (settled_ms IS"
	" NULL)) ) STRICT; CREATE INDEX action_open ON action (epoch_id, uid) WHERE settled_ms IS"
	" NULL; CREATE TRIGGER action_made AFTER UPDATE OF fate ON mail WHEN new.fate IN ('ignored',"
	" 'read', 'oversize', 'quarantined') AND new.reason IS NOT 'before-start' BEGIN INSERT INTO"
	" action (mail_id, epoch_id, uid, state, made_ms) SELECT new.id, new.epoch_id, new.uid, 'due',"
	" new.settled_ms FROM epoch AS e JOIN folder AS f ON f.id = e.folder_id JOIN mailbox AS b ON"
	" b.id = f.mailbox_id WHERE e.id = new.epoch_id AND e.closed_ms IS NULL AND b.acts ON CONFLICT"
	" (mail_id) DO UPDATE SET state = 'due', reason = NULL, attempts = 0, missed = 0, next_ms = 0,"
	" settled_ms = NULL WHERE state IN ('waits', 'left') OR (state = 'done' AND what NOT GLOB"
	" 'move:*'); END; CREATE TRIGGER action_claim AFTER UPDATE OF state ON claim WHEN (old.state"
	" IN ('held', 'disputed', 'unconfirmed')) <> (new.state IN ('held', 'disputed',"
	" 'unconfirmed')) OR old.state = 'awaiting-proof' BEGIN UPDATE action SET state = 'due',"
	" reason = NULL, attempts = 0, missed = 0, next_ms = 0, settled_ms = NULL WHERE mail_id IN"
	" (SELECT new.mail_id UNION ALL SELECT m.id FROM mail AS m, mail AS o WHERE o.id = new.mail_id"
	" AND m.sha256 = o.sha256 AND m.same_as = o.id) AND (state IN ('waits', 'left') OR (state ="
	" 'done' AND what NOT GLOB 'move:*')); END; CREATE TRIGGER action_review AFTER INSERT ON"
	" review WHEN new.mail_id IS NOT NULL BEGIN UPDATE action SET state = 'due', reason = NULL,"
	" attempts = 0, missed = 0, next_ms = 0, settled_ms = NULL WHERE mail_id IN (SELECT"
	" new.mail_id UNION ALL SELECT m.id FROM mail AS m, mail AS o WHERE o.id = new.mail_id AND"
	" m.sha256 = o.sha256 AND m.same_as = o.id) AND (state IN ('waits', 'left') OR (state = 'done'"
	" AND what NOT GLOB 'move:*')); END; CREATE TRIGGER action_epoch AFTER UPDATE OF closed_ms ON"
	" epoch BEGIN UPDATE action SET state = 'gone', reason = 'the server numbered the folder"
	" anew', settled_ms = new.closed_ms WHERE epoch_id = new.id AND settled_ms IS NULL; END;"
	" CREATE TABLE refusal (mailbox TEXT PRIMARY KEY, times INTEGER NOT NULL, last_ms INTEGER NOT NULL,"
	" stamp TEXT NOT NULL, error TEXT NOT NULL) STRICT, WITHOUT ROWID;"
	"ALTER TABLE mail ADD COLUMN next_ms INTEGER NOT NULL DEFAULT 0;"
	" ALTER TABLE epoch ADD COLUMN screen TEXT;"
	" ALTER TABLE folder ADD COLUMN junk INTEGER NOT NULL DEFAULT 0 CHECK (junk IN (0, 1));"
	" ALTER TABLE approval ADD COLUMN junk INTEGER NOT NULL DEFAULT 0 CHECK (junk IN (0, 1));"
	" CREATE TABLE unit (key TEXT PRIMARY KEY, msn TEXT NOT NULL, name TEXT, org_scheme TEXT,"
	" org_number TEXT, merchant_name TEXT, country TEXT, first_ms INTEGER NOT NULL, last_ms INTEGER"
	" NOT NULL, ordered INTEGER NOT NULL DEFAULT 0 CHECK (ordered IN (0, 1)), quiet TEXT CHECK"
	" (quiet IN ('baseline', 'forgotten')), asked_ms INTEGER, found INTEGER NOT NULL DEFAULT 1 CHECK"
	" (found IN (0, 1)), told_ms INTEGER) STRICT, WITHOUT ROWID; CREATE INDEX unit_last ON unit"
	" (last_ms); CREATE INDEX approval_msn ON approval (ltrim(msn, '0')); CREATE INDEX claim_msn ON"
	" claim (ltrim(msn, '0')) WHERE trusted = 1; CREATE TABLE untold (approval_id INTEGER PRIMARY"
	" KEY REFERENCES approval (id)) STRICT; CREATE TABLE product_order (id TEXT PRIMARY KEY, status"
	" TEXT NOT NULL, seen_ms INTEGER NOT NULL, told INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0,"
	" 1))) STRICT, WITHOUT ROWID;"
	" PRAGMA user_version = 5",
	"ALTER TABLE approval ADD COLUMN reasons TEXT NOT NULL DEFAULT '[]';"
	" ALTER TABLE approval ADD COLUMN missing_ms INTEGER; ALTER TABLE approval ADD COLUMN next_ms INTEGER;"
	" ALTER TABLE approval ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;"
	" CREATE INDEX approval_due ON approval (next_ms) WHERE next_ms IS NOT NULL;"
	" CREATE TABLE answer (id INTEGER PRIMARY KEY, ref TEXT NOT NULL, answer TEXT NOT NULL, said TEXT NOT NULL,"
	" first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, times INTEGER NOT NULL DEFAULT 1) STRICT;"
	" CREATE INDEX answer_ref ON answer (ref, id);"
	" ALTER TABLE review ADD COLUMN msn TEXT;"
	" PRAGMA user_version = 6",
};

/*
 * recursive_triggers: without it INSERT OR REPLACE would slip past the append-only triggers.
 * TRUNCATE and FULL: see doc/architecture.md, Decisions.
 */
const char sql_settings[] = "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;"
    " PRAGMA recursive_triggers = ON";
const char sql_settings_read[] = "PRAGMA query_only = ON";
const char sql_settings_write[] = "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL";

/* ---------------------------------------------------------------- columns read by more than one */

#define MAIL_PLACE \
	" JOIN epoch AS e ON e.id = m.epoch_id JOIN folder AS f ON f.id = e.folder_id" \
	" JOIN mailbox AS b ON b.id = f.mailbox_id LEFT JOIN message AS s ON s.mail_id = m.id"

/* The mails of an epoch whose header was read, by all that is known of each then. */
#define STRAY_FACES(epoch) \
	"(SELECT size_bytes AS size, coalesce(arrived_ms, 0) AS at, count(*) AS n FROM mail" \
	" WHERE epoch_id = " epoch " AND size_bytes IS NOT NULL GROUP BY 1, 2)"

#define CLAIM_SELECT \
	"SELECT c.id, c.mail_id, c.n, c.state, c.trusted, c.history, c.org_scheme, c.org_number," \
	" c.merchant_name, c.msn, c.sales_unit_name, c.reasons, c.evidence, c.api, c.asks," \
	" c.next_ms, c.told_ms, c.made_ms, c.settled_ms, c.approval_id, b.name, s.message_id," \
	" s.from_domain, s.proof, s.proof_detail, m.arrived_ms," \
	" EXISTS (SELECT 1 FROM review AS w WHERE w.claim_id = c.id AND w.decision = 'accept')" \
	" FROM claim AS c JOIN mail AS m ON m.id = c.mail_id" MAIL_PLACE

#define APPROVAL_SELECT \
	"SELECT id, apr, state, confirmed_by, org_scheme, org_number, country, merchant_name," \
	" msn, sales_unit_name, received_ms, confirmed_ms, history, mailbox, message_id," \
	" sender_domain, proof, merchant, sales_unit, junk, asked_ms, reasons, missing_ms, next_ms, changes" \
	" FROM approval"

#define UNIT_ROW \
	"SELECT u.msn, u.name, u.org_scheme, u.org_number, u.merchant_name, u.country, u.first_ms," \
	" u.told_ms, u.asked_ms, u.found, u.quiet IS NOT NULL, NULL, NULL FROM unit AS u"
/* ?1: when the lists were taken. A claim of unproven mail hides nothing. */
#define UNIT_MISSING \
	" WHERE (u.last_ms = ?1 OR (u.ordered = 1 AND u.found = 1)) AND u.quiet IS NOT 'forgotten'" \
	" AND NOT EXISTS (SELECT 1 FROM approval WHERE ltrim(msn, '0') = u.key)" \
	" AND NOT EXISTS (SELECT 1 FROM claim WHERE ltrim(msn, '0') = u.key AND trusted = 1)"
/* Approvals as rows of the same form. */
#define UNIT_OF_APPROVAL \
	"SELECT a.msn, a.sales_unit_name, a.org_scheme, a.org_number, a.merchant_name, a.country," \
	" a.confirmed_ms, NULL, u.asked_ms, coalesce(u.found, 1), 0, a.apr, a.state FROM approval AS a" \
	" LEFT JOIN unit AS u ON u.key = ltrim(a.msn, '0')"

#define EVENT_SELECT \
	"SELECT v.seq, v.at_ms, v.id, v.type, v.ref, p.payload" \
	" FROM event AS v LEFT JOIN event_payload AS p ON p.seq = v.seq"

#define DELIVERY_SELECT \
	"SELECT d.id, d.event_seq, v.id, v.type, d.endpoint, d.target, d.webhook_id, d.body," \
	" d.state, d.attempt, v.at_ms, d.made_ms, d.next_ms, d.leased_until_ms, d.settled_ms," \
	" (SELECT count(*) FROM attempt AS t WHERE t.delivery_id = d.id)" \
	" FROM delivery AS d JOIN event AS v ON v.seq = d.event_seq"

/*
 * What a mail is, is decided by the one whose fate it inherited: see enum action_fate. ?1 epoch, ?2 now, ?3 the longest
 * wait.
 */
#define ACTION_SELECT \
	"SELECT a.mail_id, a.uid, CASE" \
	" WHEN m.fate = 'pending' OR EXISTS (SELECT 1 FROM claim WHERE mail_id = o.id" \
	"  AND state = 'awaiting-proof') THEN 3" \
	" WHEN m.fate = 'ignored' THEN 2" \
	" WHEN m.fate = 'oversize' OR EXISTS (SELECT 1 FROM claim WHERE mail_id = o.id" \
	"  AND state IN ('held', 'disputed', 'unconfirmed')) THEN 1" \
	" WHEN (m.fate = 'quarantined' OR EXISTS (SELECT 1 FROM message WHERE mail_id = o.id" \
	"  AND trusted AND kind = '')) AND NOT EXISTS (SELECT 1 FROM review WHERE mail_id = o.id) THEN 1" \
	" WHEN m.fate IN ('read', 'quarantined') THEN 0 ELSE 4 END," \
	" a.what, a.attempts, a.missed, a.copied, a.copies, a.copy_validity, a.copy_from" \
	" FROM action AS a JOIN mail AS m ON m.id = a.mail_id" \
	" JOIN mail AS o ON o.id = coalesce(m.same_as, m.id)" \
	" WHERE a.epoch_id = ?1 AND a.settled_ms IS NULL AND a.state = 'due'" \
	" AND (a.next_ms <= ?2 OR a.next_ms > ?2 + ?3)"

/* ---------------------------------------------------------------- the statements */

const char *const sql_text[SQL_COUNT] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_BEGIN_READ] = "BEGIN DEFERRED",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_META_GET] = "SELECT value FROM meta WHERE name = ?1",
	[SQL_META_ADD] = "INSERT INTO meta (name, value) VALUES (?1, ?2)",
	[SQL_APPLICATION_ID] = "PRAGMA application_id",
	[SQL_USER_VERSION] = "PRAGMA user_version",
	[SQL_TABLES] = "SELECT count(*) FROM sqlite_schema",
	[SQL_INTEGRITY_CHECK] =
	    "PRAGMA integrity_check",	/* stops by itself after 100 problems */
	[SQL_FOREIGN_KEY_CHECK] =
	    "SELECT \"table\", rowid, parent FROM pragma_foreign_key_check LIMIT ?1",

	/* -------- where mail comes from */
	[SQL_MAILBOX_GET] =
	    "SELECT id, start_ms, announce_ms, first_pass_ms, history_told_ms FROM mailbox"
	    " WHERE name = ?1",
	[SQL_MAILBOX_ADD] =
	    "INSERT INTO mailbox (name, start_ms, announce_ms, first_pass_ms)"
	    " VALUES (?1, ?2, ?3, ?4)",
	[SQL_MAILBOX_HISTORY] =
	    "SELECT count(*) FILTER (WHERE m.history), count(*) FILTER (WHERE m.history"
	    " AND m.fate = 'read'), (SELECT count(*) FROM claim AS c"
	    " JOIN mail AS cm ON cm.id = c.mail_id  JOIN epoch AS ce ON ce.id = cm.epoch_id"
	    " JOIN folder AS cf ON cf.id = ce.folder_id  WHERE cf.mailbox_id = ?1"
	    " AND c.history) FROM folder AS f"
	    " JOIN epoch AS e ON e.folder_id = f.id JOIN mail AS m ON m.epoch_id = e.id"
	    " WHERE f.mailbox_id = ?1",
	[SQL_MAILBOX_UNTOLD] =	/* by the index of what is pending: it is asked in each pass until all is read */
	    "SELECT count(*) FROM folder AS f JOIN epoch AS e ON e.folder_id = f.id AND e.closed_ms IS NULL"
	    " JOIN mail AS m INDEXED BY mail_pending ON m.epoch_id = e.id AND m.fate = 'pending' AND m.attempts < ?2"
	    " WHERE f.mailbox_id = ?1",
	[SQL_MAILBOX_HISTORY_TOLD] =
	    "UPDATE mailbox SET history_told_ms = ?2 WHERE id = ?1 AND history_told_ms IS NULL",

	[SQL_FOLDER_ADD] =
	    "INSERT INTO folder (mailbox_id, name) VALUES (?1, ?2)"
	    " ON CONFLICT (mailbox_id, name) DO NOTHING",
	[SQL_FOLDER_GET] = "SELECT id FROM folder WHERE mailbox_id = ?1 AND name = ?2",
	[SQL_FOLDER_JUNK] = "UPDATE folder SET junk = ?2 WHERE id = ?1 AND junk <> ?2",
	[SQL_MAIL_JUNK] =
	    "SELECT f.junk FROM mail AS m JOIN epoch AS e ON e.id = m.epoch_id"
	    " JOIN folder AS f ON f.id = e.folder_id WHERE m.id = ?1",
	[SQL_FOLDER_GOOD] =	/* not each time: a pass that finds nothing new writes nothing */
	    "UPDATE folder SET good_ms = ?2 WHERE id = ?1"
	    " AND (good_ms IS NULL OR ?2 NOT BETWEEN good_ms AND good_ms + ?3)",

	[SQL_EPOCH_GET] =
	    "SELECT e.id, e.uidvalidity, e.history_uid, e.uidnext, e.exists_count, e.full_ms,"
	    " (?3 IS NULL OR e.screen IS ?3), (SELECT count(*) FROM mail WHERE epoch_id = e.id AND fate = 'pending'),"
	    " (SELECT count(*) FROM mail WHERE epoch_id = e.id AND fate = 'pending'"
	    "  AND attempts < ?2), (SELECT min(iif(missed > 0, 0, next_ms)) FROM mail"
	    "  WHERE epoch_id = e.id AND fate = 'pending'),"
	    " (SELECT max(uid) FROM mail WHERE epoch_id = e.id)"
	    " FROM epoch AS e WHERE e.folder_id = ?1 AND e.closed_ms IS NULL",
	[SQL_EPOCH_CLOSE] =
	    "UPDATE epoch SET closed_ms = ?2 WHERE folder_id = ?1 AND closed_ms IS NULL",
	[SQL_EPOCHS_CLOSED] =
	    "SELECT count(*) FROM epoch WHERE folder_id = ?1 AND closed_ms > ?2 AND closed_ms <= ?3",
	[SQL_EPOCH_ADD] =
	    "INSERT INTO epoch (folder_id, uidvalidity, history_uid, opened_ms)"
	    " VALUES (?1, ?2, ?3, ?4) RETURNING id",
	[SQL_EPOCH_SEARCHED] =
	    "UPDATE epoch SET uidnext = ?2, exists_count = ?3,"
	    " full_ms = CASE WHEN ?4 THEN ?5 ELSE full_ms END WHERE id = ?1",

	[SQL_MAIL_ADD] =	/* no change: we have seen this UID before */
	    "INSERT INTO mail (epoch_id, uid, fate, shown_ms)"
	    " VALUES (?1, ?2, 'pending', ?3) ON CONFLICT (epoch_id, uid) DO NOTHING",
	[SQL_MAIL_MISSABLE] =
	    "SELECT id, uid, missed FROM mail WHERE epoch_id = ?1 AND fate = 'pending'"
	    " ORDER BY uid",
	[SQL_MAIL_MISSED] =	/* two searches in quick succession are one piece of evidence */
	    "UPDATE mail SET missed = missed + 1, missed_ms = ?2 WHERE id = ?1"
	    " AND fate = 'pending' AND (missed_ms IS NULL OR missed_ms <= ?2 - ?3"
	    "  OR missed_ms > ?2)",
	[SQL_MAIL_FOUND] = "UPDATE mail SET missed = 0, missed_ms = NULL WHERE id = ?1",
	[SQL_MAIL_VANISHED] =	/* one that the screen once said no to goes back to what it was */
	    "UPDATE mail SET fate = iif(screen IS NULL, 'vanished', 'ignored'),"
	    " reason = 'gone before it was read', settled_ms = ?2"
	    " WHERE id = ?1 AND fate = 'pending' AND missed >= 2"
	    " RETURNING screen IS NULL AND sha256 IS NULL",
	[SQL_STRAY_EPOCH] =
	    "SELECT e.id FROM epoch AS e WHERE e.folder_id = ?1 AND e.closed_ms IS NOT NULL AND EXISTS (SELECT 1"
	    " FROM mail INDEXED BY mail_pending WHERE epoch_id = e.id AND fate = 'pending') ORDER BY e.id LIMIT 1",
	[SQL_STRAY_NEXT] =
	    "SELECT min(id) FROM epoch WHERE id > ?1 AND folder_id = (SELECT folder_id FROM epoch WHERE id = ?1)",
	/* Of the closed epoch ?1, at ?2, beside a later one, ?3. */
	[SQL_STRAY_FOUND] =
	    "UPDATE mail SET fate = iif(screen IS NULL, 'vanished', 'ignored'), settled_ms = ?2,"
	    " reason = 'the folder was numbered anew: it is there under another UID'"
	    " WHERE epoch_id = ?1 AND fate = 'pending' AND (size_bytes, coalesce(arrived_ms, 0)) IN"
	    " (SELECT o.size, o.at FROM " STRAY_FACES("?1") " AS o JOIN " STRAY_FACES("?3") " AS p"
	    "  ON p.size = o.size AND p.at = o.at WHERE p.n >= o.n)",
	[SQL_STRAY_COUNTED] =	/* there are mails that came before, and that are none of those known there */
	    "UPDATE mail SET fate = iif(screen IS NULL, 'vanished', 'ignored'), settled_ms = ?2,"
	    " reason = 'the folder was numbered anew before its header was read: as many mails are there under other"
	    " UIDs' WHERE epoch_id = ?1 AND fate = 'pending' AND size_bytes IS NULL AND (SELECT count(*) FROM mail"
	    " WHERE epoch_id = ?1 AND fate = 'pending' AND size_bytes IS NULL) <= (SELECT count(*) FROM mail"
	    " WHERE epoch_id = ?3 AND (size_bytes IS NULL OR coalesce(arrived_ms, 0) <= (SELECT max(shown_ms)"
	    " FROM mail WHERE epoch_id = ?1 AND fate = 'pending' AND size_bytes IS NULL) + ?4)) - (SELECT coalesce(sum(min(o.n, p.n)), 0) FROM " STRAY_FACES("?1") " AS o JOIN "
	    STRAY_FACES("?3") " AS p ON p.size = o.size AND p.at = o.at)",
	[SQL_STRAY_LOST] =
	    "UPDATE mail SET fate = iif(screen IS NULL, 'vanished', 'ignored'), settled_ms = ?2, history ="
	    " iif(size_bytes IS NULL, uid < (SELECT history_uid FROM epoch WHERE id = ?1), history),"
	    " reason = iif(size_bytes IS NULL, 'the folder was numbered anew before its header was read: it may be"
	    " there under another UID', 'the folder was numbered anew, and mails of its size and date are missing')"
	    " WHERE epoch_id = ?1 AND fate = 'pending' RETURNING id, reason, screen IS NULL AND sha256 IS NULL",
	[SQL_EPOCH_SCREENED] = "UPDATE epoch SET screen = ?2 WHERE id = ?1",
	[SQL_MAIL_SCREENED_ELSE] =
	    "SELECT id, uid FROM mail WHERE epoch_id = ?1 AND fate = 'ignored'"
	    " AND screen <> ?2 ORDER BY uid DESC",
	[SQL_MAIL_ASK] =	/* it keeps the screen that said no: it is news to nobody should it be gone */
	    "UPDATE mail SET fate = 'pending', reason = NULL, settled_ms = NULL, missed = 0,"
	    " missed_ms = NULL, attempts = 0, next_ms = 0 WHERE id = ?1 AND fate = 'ignored'",
	[SQL_MAIL_PENDING] =
	    "SELECT uid, id FROM mail WHERE epoch_id = ?1 AND fate = 'pending'"
	    " AND uid > ?2 AND missed = 0 AND attempts = 0"
	    " AND (next_ms <= ?4 OR next_ms > ?4 + ?5) ORDER BY uid LIMIT ?3",
	[SQL_MAIL_TRIED] =
	    "SELECT uid, id FROM mail WHERE epoch_id = ?1 AND fate = 'pending' AND missed = 0"
	    " AND attempts > 0 AND (next_ms <= ?3 OR next_ms > ?3 + ?4) ORDER BY next_ms, uid LIMIT ?2",
	[SQL_MAIL_GET] =
	    "SELECT m.id, m.epoch_id, m.uid, m.fate, m.reason, m.history, m.shown_ms,"
	    " m.arrived_ms, m.size_bytes, m.settled_ms, m.attempts, m.same_as, m.sha256, b.name,"
	    " f.name, s.message_id, s.from_domain, s.proof, s.proof_detail, s.kind, s.rule,"
	    " s.language, s.reasons, s.date_ms, s.trusted, s.rules_hash, e.closed_ms IS NULL,"
	    " EXISTS (SELECT 1 FROM mail_bytes AS k WHERE k.mail_id = m.id),"
	    " (SELECT count(*) FROM claim AS c WHERE c.mail_id = m.id)"
	    " FROM mail AS m" MAIL_PLACE " WHERE m.id = ?1",
	[SQL_MAIL_HEADER] =
	    "UPDATE mail SET arrived_ms = ?2, size_bytes = ?3, history = ?4 WHERE id = ?1"
	    " AND fate = 'pending'",
	[SQL_MAIL_FAILED] =
	    "UPDATE mail SET attempts = attempts + 1, reason = ?2 WHERE id = ?1"
	    " AND fate = 'pending' RETURNING attempts",
	[SQL_MAIL_NEXT] = "UPDATE mail SET next_ms = ?2 WHERE id = ?1 AND fate = 'pending'",
	[SQL_MAIL_SETTLE] =
	    "UPDATE mail SET fate = ?2, reason = ?3, screen = ?4, settled_ms = ?5"
	    " WHERE id = ?1 AND fate = 'pending'",
	[SQL_MAIL_HASHED] = "UPDATE mail SET sha256 = ?2 WHERE id = ?1",
	[SQL_MAIL_SAME] =	/* only what was decided by the bytes, and the first of its kind */
	    "SELECT id FROM mail WHERE sha256 = ?2 AND id <> ?1 AND same_as IS NULL"
	    " AND fate IN ('own', 'read', 'quarantined') ORDER BY id LIMIT 1",
	[SQL_MAIL_BETTER] =
	    "UPDATE mail SET same_as = ?1 WHERE sha256 = ?2 AND id <> ?1"
	    " AND fate IN ('own', 'read', 'quarantined')",
	[SQL_MAIL_INHERIT] =
	    "UPDATE mail SET fate = o.fate, reason = o.reason, same_as = o.id,"
	    " settled_ms = ?3 FROM mail AS o WHERE mail.id = ?1 AND mail.fate = 'pending'"
	    " AND o.id = (SELECT coalesce(same_as, id) FROM mail WHERE id = ?2)"
	    " AND o.fate <> 'pending'",
	[SQL_MAIL_AGAIN] =
	    "UPDATE mail SET fate = 'pending', reason = NULL, settled_ms = NULL WHERE id = ?1"
	    " AND fate <> 'pending'",
	[SQL_MAIL_REFETCH] =	/* only while the server still knows it by this UID */
	    "UPDATE mail SET fate = 'pending', reason = ?2, screen = NULL, same_as = NULL,"
	    " missed = 0, missed_ms = NULL, settled_ms = NULL, attempts = 0, next_ms = 0"
	    " WHERE id = ?1 AND fate NOT IN ('pending', 'vanished')"
	    " AND NOT EXISTS (SELECT 1 FROM mail_bytes WHERE mail_id = ?1)"
	    " AND (SELECT closed_ms FROM epoch WHERE id = epoch_id) IS NULL"
	    " AND NOT EXISTS (SELECT 1 FROM action WHERE mail_id = ?1"
	    "  AND (state = 'gone' OR (state = 'done' AND what GLOB 'move:*')))",
	[SQL_MAIL_FOLLOW] =
	    "UPDATE mail SET fate = o.fate, reason = o.reason FROM mail AS o"
	    " WHERE o.id = ?1 AND mail.sha256 = o.sha256 AND mail.same_as = ?1"
	    " AND mail.fate <> 'pending' AND o.fate <> 'pending'",
	[SQL_MAIL_FILED] =
	    "SELECT m.id, m.fate FROM mail AS m JOIN epoch AS e ON e.id = m.epoch_id"
	    " JOIN folder AS f ON f.id = e.folder_id WHERE m.sha256 = ?2 AND f.mailbox_id = ?1"
	    " LIMIT 1",
	[SQL_MAIL_FILED_AT] =
	    "SELECT m.id, m.fate FROM mail AS m JOIN epoch AS e ON e.id = m.epoch_id"
	    " JOIN folder AS f ON f.id = e.folder_id WHERE f.mailbox_id = ?1 AND f.name = ?2"
	    " AND m.uid = ?3 AND m.size_bytes = ?4 AND m.sha256 IS NULL"
	    " AND m.fate IN ('pending', 'oversize') AND e.closed_ms IS NULL",
	/* After row ?1; ?2 fates as " read own ", ?3 mailbox, ?4 since, ?5 until; NULL asks for any. */
	[SQL_MAIL_PAGE] =
	    "SELECT m.id FROM mail AS m WHERE m.id > ?1"
	    " AND (?2 IS NULL OR instr(?2, ' ' || m.fate || ' ') > 0)"
	    " AND (?3 IS NULL OR ?3 = (SELECT b.name FROM epoch AS e JOIN folder AS f ON f.id = e.folder_id"
	    "  JOIN mailbox AS b ON b.id = f.mailbox_id WHERE e.id = m.epoch_id))"
	    " AND (?4 IS NULL OR coalesce(m.arrived_ms, m.shown_ms) >= ?4)"
	    " AND (?5 IS NULL OR coalesce(m.arrived_ms, m.shown_ms) < ?5) ORDER BY m.id LIMIT ?6",
	[SQL_MESSAGE_ADD] =	/* of a mail that is read again, the new reading */
	    "INSERT INTO message (mail_id, message_id, date_ms, from_domain, proof,"
	    " proof_detail, trusted, kind, rule, rules_hash, language, reasons)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
	    " ON CONFLICT (mail_id) DO UPDATE SET message_id = ?2, date_ms = ?3, from_domain = ?4,"
	    " proof = ?5, proof_detail = ?6, trusted = ?7, kind = ?8, rule = ?9, rules_hash = ?10,"
	    " language = ?11, reasons = ?12",
	[SQL_SIGNATURE_PUT] =
	    "INSERT INTO signature (mail_id, verdict, domain, selector, key_record, since_ms,"
	    " checked_ms, next_ms, asks) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
	    " ON CONFLICT (mail_id) DO UPDATE SET verdict = ?2, domain = ?3, selector = ?4,"
	    " key_record = ?5, checked_ms = ?7, next_ms = ?8, asks = ?9",
	[SQL_SIGNATURE_GET] =
	    "SELECT verdict, domain, selector, key_record, since_ms, checked_ms, next_ms, asks"
	    " FROM signature WHERE mail_id = ?1",
	[SQL_SIGNATURE_DUE] =
	    "SELECT g.mail_id FROM signature AS g JOIN mail AS m ON m.id = g.mail_id"
	    " JOIN epoch AS e ON e.id = m.epoch_id JOIN folder AS f ON f.id = e.folder_id"
	    " JOIN mailbox AS b ON b.id = f.mailbox_id WHERE b.name = ?1 AND g.next_ms <= ?2"
	    " ORDER BY g.next_ms, g.mail_id LIMIT ?3",
	[SQL_SIGNATURE_LAST] =
	    "SELECT domain, selector FROM signature WHERE verdict = 'good' ORDER BY mail_id DESC LIMIT 1",
	[SQL_BYTES_ADD] =
	    "INSERT INTO mail_bytes (mail_id, trusted, size_bytes, zstd) VALUES (?1, ?2, ?3, ?4)"
	    " ON CONFLICT (mail_id) DO UPDATE SET trusted = ?2",	/* the bytes are the same */
	[SQL_BYTES_GET] = "SELECT size_bytes, zstd FROM mail_bytes WHERE mail_id = ?1",

	/* -------- what mails say, what is true */
	[SQL_CLAIM_DROP_AWAITING] =	/* no event has told of them */
	    "DELETE FROM claim WHERE mail_id = ?1 AND state = 'awaiting-proof'",
	[SQL_CLAIM_ADD] =
	    "INSERT INTO claim (mail_id, n, state, trusted, history, org_scheme, org_number,"
	    " merchant_name, msn, sales_unit_name, reasons, evidence, api, asks, next_ms,"
	    " made_ms, settled_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
	    " ?13, ?14, ?15, ?16, ?17) RETURNING id",
	[SQL_CLAIM_GET] = CLAIM_SELECT " WHERE c.id = ?1",
	[SQL_CLAIM_DUE] =	/* in the order of the index claim_due */
	    "SELECT id, msn FROM claim WHERE state = 'pending' AND (next_ms <= ?1 OR next_ms - ?3 > ?1)"
	    " ORDER BY history, next_ms, id LIMIT ?2",
	[SQL_CLAIM_NEXT] =
	    "SELECT min(next_ms) FROM claim WHERE state = 'pending' AND history IN (0, 1)"
	    " AND next_ms > ?1",
	[SQL_CLAIM_OF_MAIL] = CLAIM_SELECT " WHERE c.mail_id = ?1 ORDER BY c.id",
	[SQL_CLAIM_OF_APPROVAL] = CLAIM_SELECT " WHERE c.approval_id = ?1 ORDER BY c.id",
	[SQL_CLAIM_WAIT] =
	    "UPDATE claim SET api = coalesce(?2, api), asks = ?3, next_ms = ?4 WHERE id = ?1"
	    " AND state = 'pending'",
	[SQL_CLAIM_TOLD] = "UPDATE claim SET told_ms = ?2 WHERE id = ?1 AND told_ms IS NULL",
	[SQL_CLAIM_SETTLE] =	/* unless somebody else decided meanwhile */
	    "UPDATE claim SET state = ?2, api = coalesce(?3, api), next_ms = NULL,"
	    " settled_ms = ?4 WHERE id = ?1 AND state = ?5",
	[SQL_CLAIM_CONFIRM] =
	    "UPDATE claim SET state = 'confirmed', api = coalesce(?2, api), next_ms = NULL,"
	    " settled_ms = ?3, approval_id = ?4 WHERE id = ?1 AND state = ?5",
	[SQL_CLAIM_SUPERSEDE] =
	    "UPDATE claim SET state = 'superseded', next_ms = NULL, settled_ms = ?5,"
	    " approval_id = ?6 WHERE org_scheme = ?1 AND org_number = ?2 AND msn = ?3"
	    " AND id <> ?4 AND state IN ('held', 'disputed')",
	[SQL_CLAIM_CAUSE] =
	    /* what a claim becomes after a person's decision is news, even if it was that before */
	    "SELECT lower(hex(m.sha256)) || coalesce((SELECT ' review ' || nullif(count(*), 0)"
	    " FROM review WHERE claim_id = c.id), '') FROM claim AS c JOIN mail AS m ON m.id = c.mail_id"
	    " WHERE c.id = ?1 AND m.sha256 IS NOT NULL",
	[SQL_CLAIM_REASONS] = "UPDATE claim SET reasons = ?2 WHERE id = ?1",

	[SQL_APPROVAL_ADD] =
	    "INSERT INTO approval (apr, state, confirmed_by, org_scheme, org_number, msn,"
	    " country, merchant_name, sales_unit_name, received_ms, confirmed_ms, history,"
	    " mailbox, message_id, sender_domain, proof, merchant, sales_unit, asked_ms, junk, reasons)"
	    " VALUES (?1, 'confirmed', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
	    " ?15, ?16, ?17, ?18, ?19, ?20) RETURNING id",
	[SQL_APPROVAL_BY_KEY] =
	    APPROVAL_SELECT " WHERE org_scheme = ?1 AND org_number = ?2 AND msn = ?3",
	[SQL_APPROVAL_BY_APR] = APPROVAL_SELECT " WHERE apr = ?1",
	[SQL_APPROVAL_BY_ID] = APPROVAL_SELECT " WHERE id = ?1",
	[SQL_APPROVAL_DUE] =	/* ?3: a date so far away is of a clock that went back; IS NOT NULL: else all approvals are looked at */
	    "SELECT id, msn FROM approval WHERE next_ms IS NOT NULL AND (next_ms <= ?1 OR next_ms - ?3 > ?1)"
	    " ORDER BY next_ms, id LIMIT ?2",
	[SQL_APPROVAL_ASK] =	/* ?1 one, or all if it is NULL */
	    "UPDATE approval SET next_ms = ?2 WHERE apr = ?1 OR ?1 IS NULL",
	[SQL_APPROVAL_LATER] = "UPDATE approval SET next_ms = ?2 WHERE id = ?1",
	[SQL_APPROVAL_PUT_OFF] = "UPDATE approval SET next_ms = ?2 WHERE next_ms <= ?1",
	[SQL_APPROVAL_ASK_OLD] =
	    "UPDATE approval SET next_ms = ?5 WHERE org_scheme = ?1 AND org_number = ?2 AND msn = ?3"
	    " AND coalesce(asked_ms, confirmed_ms) < ?4 AND next_ms IS NULL",
	[SQL_APPROVAL_KEEP] =
	    "UPDATE approval SET state = ?2, country = ?3, merchant_name = ?4, sales_unit_name = ?5,"
	    " merchant = ?6, sales_unit = ?7, asked_ms = ?8, missing_ms = ?9, next_ms = ?10,"
	    " changes = ?11 WHERE id = ?1",
	[SQL_APPROVAL_HAS_MSN] =
	    "SELECT count(*) FROM approval WHERE org_scheme = ?1 AND org_number = ?2 AND ltrim(msn, '0') = ltrim(?3, '0')",

	[SQL_ANSWER_MORE] =
	    "UPDATE answer SET times = times + 1, last_ms = ?4 WHERE id = (SELECT max(id) FROM answer"
	    " WHERE ref = ?1) AND answer = ?2 AND said = ?3",
	[SQL_ANSWER_ADD] =
	    "INSERT INTO answer (ref, answer, said, first_ms, last_ms) VALUES (?1, ?2, ?3, ?4, ?4)",
	[SQL_ANSWER_OF] =
	    "SELECT answer, said, first_ms, last_ms, times FROM answer WHERE ref = ?1 ORDER BY id",
	/*
	 * Ordered by time, row number, kind (an approval before a claim), and resumed after a row
	 * of that order: ?1 its time, ?2 and ?3 the row numbers that approvals and claims of that
	 * time must pass. ?4 states as " held pending ", ?5 org, ?6 msn, ?7 country, ?8 mailbox,
	 * ?9 text, ?10 text as a LIKE pattern, ?11 since, ?12 until; NULL asks for any. Merged from
	 * two indexes, never sorted. A confirmed claim is evidence of its approval, no entry.
	 */
	[SQL_LOG_PAGE] =
	    "SELECT 0 AS kind, confirmed_ms AS at, id AS row FROM approval"
	    " WHERE (confirmed_ms, id) > (?1, ?2)"
	    " AND (?4 IS NULL OR instr(?4, ' ' || state || ' ') > 0)"
	    " AND (?5 IS NULL OR org_number = ?5) AND (?6 IS NULL OR msn = ?6)"
	    " AND (?7 IS NULL OR country = ?7) AND (?8 IS NULL OR mailbox = ?8)"
	    " AND (?9 IS NULL OR merchant_name LIKE ?10 ESCAPE '\\'"
	    "  OR sales_unit_name LIKE ?10 ESCAPE '\\' OR org_number = ?9 OR msn = ?9)"
	    " AND (?11 IS NULL OR confirmed_ms >= ?11) AND (?12 IS NULL OR confirmed_ms < ?12)"
	    " UNION ALL "
	    "SELECT 1, made_ms, id FROM claim AS c WHERE (made_ms, id) > (?1, ?3)"
	    " AND CASE WHEN ?4 IS NULL"
	    "  THEN state IN ('awaiting-proof', 'pending', 'disputed', 'unconfirmed', 'held')"
	    "  ELSE state <> 'confirmed' AND instr(?4, ' ' || state || ' ') > 0 END"
	    " AND (?5 IS NULL OR org_number = ?5) AND (?6 IS NULL OR msn = ?6)"
	    " AND (?7 IS NULL OR substr(org_scheme, 10, 2) = ?7)"	/* business:NO:ORG */
	    " AND (?8 IS NULL"
	    "  OR ?8 = (SELECT b.name FROM mail AS m" MAIL_PLACE " WHERE m.id = c.mail_id))"
	    " AND (?9 IS NULL OR merchant_name LIKE ?10 ESCAPE '\\'"
	    "  OR sales_unit_name LIKE ?10 ESCAPE '\\' OR org_number = ?9 OR msn = ?9)"
	    " AND (?11 IS NULL OR made_ms >= ?11) AND (?12 IS NULL OR made_ms < ?12)"
	    " ORDER BY at, row, kind LIMIT ?13",

	/* -------- what happened */
	[SQL_EVENT_HAS] = "SELECT seq FROM event WHERE id = ?1",
	[SQL_EVENT_HEAD] = "SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1",
	[SQL_EVENT_ADD] =
	    "INSERT INTO event (seq, id, at_ms, type, ref, \"commit\", prev, hash)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[SQL_EVENT_PAYLOAD_ADD] =
	    "INSERT INTO event_payload (seq, salt, payload) VALUES (?1, ?2, ?3)",
	[SQL_EVENT_WAIT] = "INSERT INTO event_waiting (seq, untrusted) VALUES (?1, ?2)",
	[SQL_EVENT_GET] = EVENT_SELECT " WHERE v.id = ?1",
	[SQL_EVENT_OF] = EVENT_SELECT " WHERE v.ref = ?1 ORDER BY v.seq",
	[SQL_EVENT_WAITING] = EVENT_SELECT
	    " WHERE v.seq = (SELECT seq FROM event_waiting WHERE untrusted >= 0"
	    " ORDER BY untrusted, seq LIMIT 1)",
	[SQL_EVENT_CHAIN] =
	    "SELECT v.seq, v.id, v.at_ms, v.type, v.ref, v.\"commit\", v.prev, v.hash,"
	    " p.seq IS NOT NULL, p.salt, p.payload FROM event AS v LEFT"
	    " JOIN event_payload AS p ON p.seq = v.seq WHERE v.seq > ?1 ORDER BY v.seq LIMIT ?2",

	[SQL_TROUBLE_MORE] =
	    "INSERT INTO trouble (cause, since_ms, last_ms, attempts, error)"
	    " VALUES (?1, ?2, ?2, 1, ?3)"
	    /* should the clock go back, it fails since now: else it would never be long */
	    " ON CONFLICT (cause) DO UPDATE SET since_ms = min(since_ms, ?2), last_ms = ?2,"
	    " attempts = attempts + 1, error = ?3 RETURNING since_ms, attempts, said_ms, told_ms, error",
	[SQL_TROUBLE_GET] =
	    "SELECT since_ms, attempts, said_ms, told_ms, error FROM trouble WHERE cause = ?1",
	[SQL_TROUBLE_SAID] = "UPDATE trouble SET said_ms = ?2 WHERE cause = ?1",
	[SQL_TROUBLE_TOLD] = "UPDATE trouble SET told_ms = ?2 WHERE cause = ?1",
	[SQL_TROUBLE_OVER] = "DELETE FROM trouble WHERE cause = ?1",

	/* Of mailbox ?1, said after ?2 (..., up to now: a clock that went back has said nothing yet). ';' follows ':'. */
	[SQL_ALERTS] =
	    "SELECT count(*) FILTER (WHERE cause = ?2), count(*) FROM trouble WHERE cause > 'alert:' || ?1 || ':'"
	    " AND cause < 'alert:' || ?1 || ';' AND said_ms > ?3 AND said_ms <= ?4",
	[SQL_ALERTS_OVER] =
	    "DELETE FROM trouble WHERE cause > 'alert:' || ?1 || ':' AND cause < 'alert:' || ?1 || ';'"
	    " AND NOT (said_ms > ?2 AND said_ms <= ?3)",
	[SQL_ALERT_SAID] =
	    "INSERT OR REPLACE INTO trouble (cause, since_ms, last_ms, said_ms, attempts, error)"
	    " VALUES (?1, ?2, ?2, ?2, 1, ?3)",

	[SQL_REFUSAL_GET] = "SELECT times, last_ms, stamp, error FROM refusal WHERE mailbox = ?1",
	[SQL_REFUSAL_PUT] = "INSERT OR REPLACE INTO refusal (mailbox, times, last_ms, stamp, error)"
	    " VALUES (?1, ?2, ?3, ?4, ?5)",
	[SQL_REFUSAL_OVER] = "DELETE FROM refusal WHERE mailbox = ?1",

	[SQL_ALARM_OTHERS] =
	    "SELECT count(*) FROM alarm WHERE type = ?1 AND history = ?2 AND day = ?3"
	    " AND subject NOT IN (?4, ?5)",
	[SQL_ALARM_MORE] =
	    "INSERT INTO alarm (type, history, day, subject, count, told, ref, data)"
	    " VALUES (?1, ?2, ?3, ?4, 1, 1, ?5, ?6) ON CONFLICT (type, history, day, subject)"
	    " DO UPDATE SET count = count + 1, ref = ?5, data = ?6 RETURNING count",
	[SQL_ALARM_DUE] =
	    "SELECT type, history, day, subject, count, ref, data FROM alarm"
	    " WHERE told < count AND day < ?1 ORDER BY day, type, subject LIMIT 1",
	[SQL_ALARM_TOLD] =
	    "UPDATE alarm SET told = count WHERE type = ?1 AND history = ?2 AND day = ?3"
	    " AND subject = ?4",

	/* -------- who is told */
	[SQL_EVENT_FANNED_OUT] = "DELETE FROM event_waiting WHERE seq = ?1",
	[SQL_DELIVERY_ADD] =	/* no change: the target has this event already */
	    "INSERT INTO delivery (event_seq, endpoint, target, webhook_id, body, state,"
	    " next_ms, made_ms, untrusted) SELECT ?1, ?2, ?3, ?4, ?5, 'due', ?6, ?6, ?7"
	    " WHERE NOT EXISTS (SELECT 1 FROM delivery WHERE event_seq = ?1 AND target = ?3)",
	[SQL_DELIVERY_DUE] =	/* in the order of the index delivery_due: hence the + */
	    "SELECT id FROM delivery WHERE state = 'due' AND (+next_ms <= ?1 OR next_ms - ?3 > ?1)"
	    " AND (leased_until_ms <= ?1 OR leased_until_ms - ?3 > ?1)"
	    " ORDER BY untrusted, next_ms, id LIMIT ?2",
	[SQL_DELIVERY_NEXT] =
	    "SELECT min(next_ms) FROM delivery WHERE state = 'due' AND untrusted IN (0, 1)"
	    " AND next_ms > ?1",
	[SQL_DELIVERY_LEASE] =	/* a lease, so that a killed worker's delivery comes back */
	    "UPDATE delivery SET attempt = attempt + 1, leased_until_ms = ?2 WHERE id = ?1",
	[SQL_DELIVERY_SETTLE] =	/* no change: a newer lease has it, or a person dropped it */
	    "UPDATE delivery SET state = ?3, next_ms = coalesce(?4, next_ms),"
	    " leased_until_ms = 0, settled_ms = ?5 WHERE id = ?1 AND attempt = ?2"
	    " AND state = 'due'",
	[SQL_DELIVERY_RELEASE] =
	    "UPDATE delivery SET attempt = attempt - 1, leased_until_ms = 0 WHERE id = ?1"
	    " AND attempt = ?2 AND state = 'due' AND leased_until_ms > 0",
	[SQL_DELIVERY_GET] = DELIVERY_SELECT " WHERE d.id = ?1",
	[SQL_DELIVERY_OF] = DELIVERY_SELECT " WHERE d.event_seq = ?1 ORDER BY d.id",
	[SQL_DELIVERY_OURS] = "SELECT coalesce(body, '') FROM delivery WHERE webhook_id = ?1",
	[SQL_ATTEMPT_ADD] =
	    "INSERT INTO attempt (delivery_id, n, at_ms, took_ms, status, error)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[SQL_ATTEMPT_OF] =
	    "SELECT n, at_ms, took_ms, status, error FROM attempt WHERE delivery_id = ?1"
	    " ORDER BY n",

	/* -------- what a person decided */
	[SQL_REVIEW_ADD] =
	    "INSERT INTO review (claim_id, mail_id, decision, was, why, login_uid, user, by_name,"
	    " at_ms, msn) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
	[SQL_REVIEW_OF_CLAIM] =
	    "SELECT decision, was, why, login_uid, user, by_name, at_ms, msn FROM review"
	    " WHERE claim_id = ?1 ORDER BY id",
	[SQL_REVIEW_OF_MAIL] =
	    "SELECT decision, was, why, login_uid, user, by_name, at_ms, msn FROM review"
	    " WHERE mail_id = ?1 ORDER BY id",
	[SQL_REVIEW_MSN] = "UPDATE claim SET msn = ?2 WHERE id = ?1 AND msn IS NULL",
	[SQL_REVIEW_ACCEPT] =	/* asked for at once, and for the whole 14 days */
	    "UPDATE claim SET state = 'pending', asks = 0, next_ms = ?2, told_ms = NULL,"
	    " settled_ms = NULL WHERE id = ?1 AND state IN ('held', 'rejected')",
	[SQL_REVIEW_LOOKED] =
	    "UPDATE claim SET api = ?2 WHERE id = ?1"
	    " AND state IN ('held', 'disputed', 'unconfirmed')",
	/*
	 * Claims (0), then mails (1), the trusted ones of each first: ?1 mailbox or NULL, ?2 since or
	 * NULL, ?3 how many. A mail with the same bytes as another waits with it.
	 */
#define REVIEW_WAITING \
	"SELECT 0 AS kind, c.id AS row, c.trusted AS trusted, c.made_ms AS at FROM claim AS c" \
	" WHERE c.state IN ('disputed', 'unconfirmed', 'held') AND (?2 IS NULL OR c.made_ms >= ?2)" \
	" AND (?1 IS NULL OR ?1 = (SELECT b.name FROM mail AS m" MAIL_PLACE " WHERE m.id = c.mail_id))" \
	" UNION ALL " \
	"SELECT 1, m.id, coalesce(s.trusted, 0), m.settled_ms FROM mail AS m" MAIL_PLACE \
	" WHERE m.id IN (SELECT id FROM mail WHERE fate = 'quarantined' UNION" \
	"  SELECT mail_id FROM message WHERE trusted AND kind = '')" \
	" AND m.fate IN ('quarantined', 'read') AND m.same_as IS NULL" \
	" AND NOT EXISTS (SELECT 1 FROM review WHERE mail_id = m.id)" \
	" AND (?1 IS NULL OR b.name = ?1) AND (?2 IS NULL OR m.settled_ms >= ?2)"
	[SQL_REVIEW_WAITING] =
	    "SELECT kind, row FROM (" REVIEW_WAITING ") ORDER BY trusted DESC, kind, at, row LIMIT ?3",
	[SQL_REVIEW_COUNT] = "SELECT count(*) FROM (" REVIEW_WAITING ")",
	[SQL_META_SET] =
	    "INSERT INTO meta (name, value) VALUES (?1, ?2)"
	    " ON CONFLICT (name) DO UPDATE SET value = excluded.value",

	/* -------- what the API's own lists showed */
	[SQL_UNIT_SEEN] =	/* ?6 quiet, ?7 ordered; one that only an approval named is new to the lists */
	    "INSERT INTO unit (key, msn, name, org_scheme, org_number, first_ms, last_ms, quiet, ordered)"
	    " VALUES (ltrim(?1, '0'), ?1, ?2, ?3, ?4, ?5, iif(?7, 0, ?5), ?6, ?7) ON CONFLICT (key)"
	    " DO UPDATE SET name = coalesce(excluded.name, name),"
	    " org_scheme = coalesce(excluded.org_scheme, org_scheme),"
	    " org_number = coalesce(excluded.org_number, org_number),"
	    " first_ms = iif(last_ms = 0 AND ordered = 0, excluded.first_ms, first_ms),"
	    " quiet = coalesce(quiet, excluded.quiet), ordered = max(ordered, excluded.ordered),"
	    " last_ms = iif(excluded.last_ms = 0, last_ms, excluded.last_ms)",
	[SQL_UNIT_COUNT] = "SELECT count(*) FROM unit WHERE last_ms = ?1",
	[SQL_UNIT_KNOWN] =
	    "SELECT EXISTS (SELECT 1 FROM unit WHERE key = ltrim(?1, '0') AND last_ms = ?2),"
	    " EXISTS (SELECT 1 FROM unit WHERE key = ltrim(?1, '0') AND (last_ms > 0 OR ordered = 1))"
	    " OR EXISTS (SELECT 1 FROM approval WHERE ltrim(msn, '0') = ltrim(?1, '0'))"
	    " OR EXISTS (SELECT 1 FROM claim WHERE ltrim(msn, '0') = ltrim(?1, '0') AND trusted = 1)",
	[SQL_UNIT_MISSING] = UNIT_ROW UNIT_MISSING " ORDER BY u.first_ms, u.key",
	[SQL_UNIT_IS_MISSING] = "SELECT count(*) FROM unit AS u" UNIT_MISSING " AND u.key = ltrim(?2, '0')",
	[SQL_UNIT_DUE] =
	    UNIT_ROW UNIT_MISSING " AND u.quiet IS NULL AND u.first_ms <= ?2 AND (u.told_ms IS NULL OR ?3)"
	    " AND (u.asked_ms IS NULL OR u.asked_ms < ?1 OR u.asked_ms < u.first_ms + ?5)"
	    " ORDER BY u.first_ms, u.key LIMIT ?4",
	[SQL_UNIT_CONTRADICTED] =
	    UNIT_OF_APPROVAL " WHERE iif(a.state = 'gone', u.last_ms = ?1, u.key IS NULL OR u.last_ms < ?1)"
	    " AND (u.asked_ms IS NULL OR u.asked_ms < ?1) ORDER BY coalesce(u.asked_ms, 0), a.id LIMIT ?2",
	[SQL_UNIT_GONE] =
	    UNIT_OF_APPROVAL " WHERE a.state = 'gone' OR ((u.last_ms < ?1) AND u.found = 0)"
	    " ORDER BY a.confirmed_ms, a.id",
	[SQL_UNIT_ASKED] =
	    "INSERT INTO unit (key, msn, name, org_scheme, org_number, merchant_name, country, first_ms,"
	    " last_ms, asked_ms, found) VALUES (ltrim(?1, '0'), ?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?7, ?8)"
	    " ON CONFLICT (key) DO UPDATE SET msn = excluded.msn, name = coalesce(excluded.name, name),"
	    " org_scheme = coalesce(excluded.org_scheme, org_scheme),"
	    " org_number = coalesce(excluded.org_number, org_number),"
	    " merchant_name = coalesce(excluded.merchant_name, merchant_name),"
	    " country = coalesce(excluded.country, country), asked_ms = excluded.asked_ms,"
	    " found = excluded.found",
	[SQL_UNIT_TOLD] = "UPDATE unit SET told_ms = ?2 WHERE key = ltrim(?1, '0')",
	[SQL_UNIT_OLD] =	/* there at the last reconcile before ?2 */
	    "SELECT count(*) FROM unit WHERE key = ltrim(?1, '0') AND (last_ms > 0"
	    " OR ordered = 1) AND (first_ms <= ?2 OR quiet IS NOT NULL)",
	[SQL_UNIT_IS_BASELINE] =
	    "SELECT count(*) FROM unit WHERE key = ltrim(?1, '0') AND quiet = 'baseline' AND first_ms <= ?2",
	[SQL_ORDER_SEEN] =
	    "INSERT INTO product_order (id, status, seen_ms, told) VALUES (?1, ?2, ?3,"
	    " ?4 AND ?2 IN ('REJECTED', 'EXPIRED')) ON CONFLICT (id) DO UPDATE SET status = excluded.status,"
	    " seen_ms = excluded.seen_ms, told = max(told, excluded.told)",
	[SQL_ORDER_TELL] =
	    "UPDATE product_order SET told = 1 WHERE id = ?1 AND told = 0 AND status IN ('REJECTED', 'EXPIRED')",
	[SQL_ORDER_LOST] =	/* LOST stays unseen, and is not asked about again */
	    "SELECT id, status FROM product_order WHERE seen_ms < ?1 AND status NOT IN ('COMPLETED',"
	    " 'REJECTED', 'EXPIRED', 'LOST') ORDER BY seen_ms, id LIMIT ?2",

	[SQL_APPROVAL_UNTOLD] = "INSERT INTO untold (approval_id) VALUES (?1)",
	[SQL_APPROVAL_TELL] = "DELETE FROM untold WHERE approval_id = ?1",
	[SQL_APPROVAL_MAIL] =	/* the first mail for one that had none */
	    "UPDATE approval SET received_ms = ?2, mailbox = ?3, message_id = ?4, sender_domain = ?5,"
	    " proof = ?6, junk = ?7, reasons = ?8 WHERE id = ?1 AND mailbox IS NULL",
	/*
	 * Claims of unproven mail that the API alone may confirm: new ones at once, after an hour, after six. ?1 now,
	 * ?2 the baseline, ?3 an hour, ?4 six, ?5 a day.
	 */
	[SQL_CLAIM_UNPROVEN] =
	    "SELECT id FROM claim WHERE state = 'held' AND trusted = 0 AND history = 0 AND made_ms > ?2"
	    " AND made_ms > ?1 - ?5 AND asks < 3 AND made_ms + CASE asks WHEN 0 THEN 0 WHEN 1 THEN ?3"
	    " ELSE ?4 END <= ?1 ORDER BY asks, made_ms, id LIMIT ?6",
	[SQL_CLAIM_UNPROVEN_ASKED] =
	    "UPDATE claim SET asks = asks + 1 WHERE id = ?1 AND state = 'held'",

	/* -------- what is done on the server */
	[SQL_ACTION_ACTS] = "UPDATE mailbox SET acts = ?2 WHERE id = ?1 AND acts <> ?2",
	[SQL_ACTION_DUE] = ACTION_SELECT " AND a.uid > ?4 ORDER BY a.uid LIMIT ?5",
	[SQL_ACTION_TRIED] = ACTION_SELECT " AND a.attempts >= ?4 ORDER BY a.next_ms, a.uid LIMIT ?5",
	[SQL_ACTION_SETTLE] =
	    "UPDATE action SET state = ?2, what = ?3, reason = ?4, next_ms = 0,"
	    " settled_ms = CASE WHEN ?2 = 'waits' THEN NULL ELSE ?5 END WHERE mail_id = ?1",
	[SQL_ACTION_BEGIN] =
	    "UPDATE action SET what = ?2, copied = CASE WHEN what IS ?2 THEN copied ELSE 0 END,"
	    " copies = CASE WHEN what IS ?2 THEN copies ELSE 0 END,"
	    " attempts = CASE WHEN what IS ?2 THEN attempts ELSE 0 END + 1 WHERE mail_id = ?1",
	[SQL_ACTION_COPY] =
	    "UPDATE action SET copied = ?2, copies = ?3, copy_validity = ?4, copy_from = ?5"
	    " WHERE mail_id = ?1",
	[SQL_ACTION_LATER] =
	    "UPDATE action SET what = ?2, reason = ?3, missed = ?4, next_ms = ?5 WHERE mail_id = ?1",
	[SQL_ACTION_FEWER] =	/* EXISTS as of the last search, without what we took out ourselves */
	    "UPDATE epoch SET exists_count = max(0, exists_count - ?2) WHERE id = ?1",
	[SQL_ACTION_OF] =
	    "SELECT state, what, reason, attempts, next_ms, settled_ms FROM action WHERE mail_id = ?1",

	/* -------- what untrusted mail may cost */
	[SQL_NOTICE_HELD_BACK] =	/* told within ?3 of ?2 (a clock far ahead before holds nothing back), or owed more */
	    "SELECT EXISTS (SELECT 1 FROM notice WHERE target = ?1 AND told_ms < ?2 + ?3"
	    " AND told_ms > ?2 - ?3) OR EXISTS (SELECT 1 FROM gathered WHERE target = ?1"
	    " AND told_seq IS NULL)",
	[SQL_NOTICE_TOLD] =
	    "INSERT INTO notice (target, told_ms) VALUES (?1, ?2)"
	    " ON CONFLICT (target) DO UPDATE SET told_ms = ?2",
	[SQL_GATHER] =
	    "INSERT INTO gathered (target, event_seq) VALUES (?1, ?2)"
	    " ON CONFLICT (target, event_seq) DO NOTHING",
	[SQL_GATHERED_COUNT] =
	    "SELECT count(*), coalesce(max(event_seq), 0) FROM gathered WHERE target = ?1 AND told_seq IS NULL"
	    " AND NOT EXISTS (SELECT 1 FROM notice WHERE target = ?1 AND told_ms < ?2 + ?3"
	    "  AND told_ms > ?2 - ?3)",
	[SQL_GATHERED] =	/* what a person must decide stands in front */
	    "SELECT v.id FROM gathered AS g JOIN event AS v ON v.seq = g.event_seq"
	    " WHERE g.target = ?1 AND g.told_seq IS NULL ORDER BY v.type <> 'claim.held', v.seq LIMIT ?2",
	[SQL_GATHERED_TOLD] =
	    "UPDATE gathered SET told_seq = ?2 WHERE target = ?1 AND told_seq IS NULL"
	    " AND event_seq <= ?3",
	[SQL_BUDGET_TAKE] =	/* no change: used up. Begins anew when ?4 has passed, or the clock went back */
	    "UPDATE budget SET used = ?2 + iif(since_ms > ?5 - ?4 AND since_ms <= ?5, used, 0),"
	    " since_ms = iif(since_ms > ?5 - ?4 AND since_ms <= ?5, since_ms, ?5) WHERE name = ?1"
	    " AND ?2 + iif(since_ms > ?5 - ?4 AND since_ms <= ?5, used, 0) <= ?3",
	[SQL_BUDGET_GIVE] = "UPDATE budget SET used = max(used - ?2, 0) WHERE name = ?1",
	[SQL_BYTES_OVER] = "SELECT 1 FROM budget WHERE name = 'kept-bytes' AND used > ?1",
	[SQL_BYTES_OLDEST] =
	    "SELECT mail_id FROM mail_bytes WHERE trusted = 0 AND mail_id <> ?1 ORDER BY mail_id LIMIT 1",
	[SQL_BYTES_DROP] = "DELETE FROM mail_bytes WHERE mail_id = ?1",
	[SQL_BYTES_DROPPED] = "UPDATE mail SET reason = coalesce(reason || '; ', '') || ?2 WHERE id = ?1",
};

/* ---------------------------------------------------------------- values in */

struct sql_arg
arg_int(int64_t i)
{
	return (struct sql_arg){.type = SQL_ARG_INT, .i = i};
}

struct sql_arg
arg_time(int64_t ms)
{
	return (struct sql_arg){.type = ms == 0 ? SQL_ARG_NULL : SQL_ARG_INT, .i = ms};
}

struct sql_arg
arg_text(const char *s)
{
	return (struct sql_arg){.type = s == NULL ? SQL_ARG_NULL : SQL_ARG_TEXT, .p = s,
	    .n = s == NULL ? 0 : strlen(s)};
}

struct sql_arg
arg_blob(const void *p, size_t n)
{
	return (struct sql_arg){.type = p == NULL ? SQL_ARG_NULL : SQL_ARG_BLOB, .p = p, .n = n};
}

static int
bind_one(sqlite3_stmt *st, int at, const struct sql_arg *arg)
{
	switch (arg->type) {
	case SQL_ARG_INT:
		return sqlite3_bind_int64(st, at, arg->i);
	case SQL_ARG_TEXT:
		return sqlite3_bind_text64(st, at, arg->p, arg->n, SQLITE_STATIC, SQLITE_UTF8);
	case SQL_ARG_BLOB:
		return sqlite3_bind_blob64(st, at, arg->p, arg->n, SQLITE_STATIC);
	case SQL_ARG_NULL:
		return sqlite3_bind_null(st, at);
	case SQL_ARG_END:
		break;
	}
	return SQLITE_RANGE;
}

/* ---------------------------------------------------------------- errors */

/* A quota, a limit of file size or a full file system under a call that SQLite reports as an I/O error. */
static bool
disk_full(struct db *db)
{
	int error = sqlite3_system_errno(db->sqlite);

	if (error == 0)		/* SQLite does not note it where COMMIT fails */
		error = errno;

	return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

int
sql_failed(struct db *db, const char *doing, struct err *e)
{
	int code = sqlite3_extended_errcode(db->sqlite);

	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_what(e, ERR_RETRY, ERR_STOPPED,
		    "database: %s: busy: another program holds it for more than 5 seconds", doing);
	case SQLITE_FULL:
		return err_what(e, ERR_RETRY, ERR_STOPPED,
		    "database: %s: the disk is full: free some space", doing);
	case SQLITE_NOMEM:
		return err_what(e, ERR_RETRY, ERR_NOMEM, "database: %s: out of memory", doing);
	case SQLITE_IOERR:
		if (code == SQLITE_IOERR_NOMEM)
			return err_what(
			    e, ERR_RETRY, ERR_NOMEM, "database: %s: out of memory", doing);
		if (disk_full(db))
			return err_what(e, ERR_RETRY, ERR_STOPPED,
			    "database: %s: the disk is full: free some space", doing);
		return err_what(e, ERR_FATAL, ERR_DATABASE,
		    "database: %s: %s: the disk may be failing", doing, sqlite3_errmsg(db->sqlite));
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
	case SQLITE_MISUSE:
		return err_set(e, ERR_FATAL, "database: %s: %s", doing, sqlite3_errmsg(db->sqlite));
	case SQLITE_TOOBIG:
		return err_set(e, ERR_REJECT, "database: %s: too large to be kept", doing);
	default:
		return err_what(e, ERR_FATAL, ERR_DATABASE, "database: %s: %s", doing,
		    sqlite3_errmsg(db->sqlite));
	}
}

/* ---------------------------------------------------------------- a statement's life */

/* Refuses what would break a promise without a word: see sql.h. */
static int
usable(struct db *db, enum sql which, sqlite3_stmt *st, struct err *e)
{
	if (which <= SQL_ROLLBACK)	/* they begin and end transactions */
		return 0;
	if (sqlite3_stmt_busy(st))
		return err_set(e, ERR_FATAL, "database: a statement is used inside its own use: %s",
		    sqlite3_sql(st));
	if (db->begun && sqlite3_get_autocommit(db->sqlite))
		return err_what(
		    e, ERR_RETRY, ERR_STOPPED, "database: the transaction was rolled back");
	if (!db->begun && !sqlite3_stmt_readonly(st))
		return err_set(e, ERR_FATAL, "database: a write outside of a transaction: %s",
		    sqlite3_sql(st));
	return 0;
}

int
sql_open(struct db *db, enum sql which, const struct sql_arg *args, struct row *r, struct err *e)
{
	sqlite3_stmt *st = db->stmt[which];
	int n = 0;

	*r = (struct row){.db = db};
	if (st == NULL) {
		if (sqlite3_prepare_v3(db->sqlite, sql_text[which], -1, SQLITE_PREPARE_PERSISTENT,
			&st, NULL) != SQLITE_OK)
			return sql_failed(db, "preparing a statement", e);
		db->stmt[which] = st;
	}
	if (usable(db, which, st, e) != 0)
		return -1;
	for (; args != NULL && args[n].type != SQL_ARG_END; n++)
		if (bind_one(st, n + 1, &args[n]) != SQLITE_OK)
			return sql_failed(db, "binding a value", e);
	if (n != sqlite3_bind_parameter_count(st))
		return err_set(e, ERR_FATAL, "database: %d values for: %s", n, sql_text[which]);
	r->stmt = st;
	return 0;
}

int
sql_next(struct row *r, struct err *e)
{
	int code;

	errno = 0;
	code = sqlite3_step(r->stmt);

	r->column = 0;
	if (code == SQLITE_ROW)
		return 1;
	if (code != SQLITE_DONE)
		sql_failed(r->db, sqlite3_stmt_readonly(r->stmt) ? "reading" : "writing", e);
	sql_close(r);
	return code == SQLITE_DONE ? 0 : -1;
}

void
sql_close(struct row *r)
{
	if (r->stmt == NULL)
		return;
	sqlite3_reset(r->stmt);		/* repeats the error of the step, which was reported */
	sqlite3_clear_bindings(r->stmt);
	r->stmt = NULL;
}

int
sql_one(struct db *db, enum sql which, const struct sql_arg *args, struct row *r, struct err *e)
{
	if (sql_open(db, which, args, r, e) != 0)
		return -1;
	return sql_next(r, e);
}

int
sql_run(struct db *db, enum sql which, const struct sql_arg *args, struct err *e)
{
	struct row r;
	int got;

	if (sql_open(db, which, args, &r, e) != 0)
		return -1;
	do
		got = sql_next(&r, e);
	while (got == 1);
	return got == 0 ? sqlite3_changes(db->sqlite) : -1;
}

int
sql_write(struct db *db, enum sql which, const struct sql_arg *args, struct err *e)
{
	return sql_run(db, which, args, e) < 0 ? -1 : 0;
}

int
sql_number(struct db *db, enum sql which, const struct sql_arg *args, int64_t *value, struct err *e)
{
	struct row r;
	int got = sql_one(db, which, args, &r, e);

	if (got != 1)
		return got;
	*value = row_int(&r);
	do		/* to its end, where a write is done */
		got = sql_next(&r, e);
	while (got == 1);
	return got == 0 ? 1 : -1;
}

int
sql_due(struct db *db, enum sql which, int64_t now_ms, const struct db_but *but, int64_t *ids, int max, int *n,
    struct err *e)
{
	int64_t limit = but == NULL ? max : max + DB_MAX_PASSED;
	struct row r;
	int got;

	*n = 0;
	if (sql_open(db, which, ARGS(arg_int(now_ms), arg_int(limit), arg_int(DB_LONGEST_WAIT_MS)), &r, e) != 0)
		return -1;
	while ((got = *n < max ? sql_next(&r, e) : 0) == 1) {
		int64_t id = row_int(&r);

		if (but == NULL || !but->fn(but->arg, id, (const char *)sqlite3_column_text(r.stmt, r.column)))
			ids[(*n)++] = id;
	}
	sql_close(&r);
	return got;
}

/* ---------------------------------------------------------------- values out */

int64_t
row_int(struct row *r)
{
	return sqlite3_column_int64(r->stmt, r->column++);
}

bool
row_bool(struct row *r)
{
	return row_int(r) != 0;
}

const char *
row_text(struct row *r, struct arena *a)
{
	int at = r->column++;
	const unsigned char *text = sqlite3_column_text(r->stmt, at);

	if (text == NULL) {
		if (sqlite3_column_type(r->stmt, at) != SQLITE_NULL)
			arena_no_memory();
		return NULL;
	}
	return arena_textn(a, (const char *)text, (size_t)sqlite3_column_bytes(r->stmt, at));
}

struct span
row_blob(struct row *r)
{
	int at = r->column++;
	const void *p = sqlite3_column_blob(r->stmt, at);
	size_t n = (size_t)sqlite3_column_bytes(r->stmt, at);

	if (p == NULL && sqlite3_column_type(r->stmt, at) != SQLITE_NULL)
		p = "";		/* a blob of no bytes */
	return (struct span){p, n};
}

/* ---------------------------------------------------------------- reads that belong together */

int
sql_read_begin(struct db *db, bool *opened, struct err *e)
{
	*opened = !db->begun;
	return *opened && sql_run(db, SQL_BEGIN_READ, NULL, e) < 0 ? -1 : 0;
}

void
sql_read_end(struct db *db, bool opened)
{
	struct err ignored;

	if (opened)		/* it only read: there is nothing that could be lost */
		sql_run(db, SQL_ROLLBACK, NULL, &ignored);
}
