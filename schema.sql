-- approvals: the whole data model (architecture, States and The chain). Embedded in the program at build.
-- Times are integer milliseconds since 1970, UTC (_ms). JSON columns are text that the program wrote.
-- Columns that can hold personal data (a sole trader's name and number are) are marked "personal".

CREATE TABLE meta (
	name	TEXT PRIMARY KEY,
	value	BLOB NOT NULL			-- 'id-key': 32 random bytes under which public ids are HMACs
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------- where mail comes from

CREATE TABLE mailbox (
	id		INTEGER PRIMARY KEY,
	name		TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
	start_ms	INTEGER NOT NULL,	-- mail that arrived earlier is not read
	announce_ms	INTEGER NOT NULL,	-- mail that arrived earlier is history
	first_pass_ms	INTEGER NOT NULL,
	history_told_ms	INTEGER,		-- when history.loaded was told; NULL: not yet
	acts		INTEGER NOT NULL DEFAULT 0 CHECK (acts IN (0, 1))	-- something is done on the server (table action)
) STRICT;

CREATE TABLE folder (
	id		INTEGER PRIMARY KEY,
	mailbox_id	INTEGER NOT NULL REFERENCES mailbox (id),
	name		TEXT NOT NULL,
	good_ms		INTEGER,		-- end of the last pass that left nothing undone, or of one at
						-- most ten minutes before it
	junk		INTEGER NOT NULL DEFAULT 0 CHECK (junk IN (0, 1)),	-- it was read as the server's \Junk
	UNIQUE (mailbox_id, name)
) STRICT;

CREATE TABLE epoch (				-- one per UIDVALIDITY, or per rewind of UIDNEXT
	id		INTEGER PRIMARY KEY,
	folder_id	INTEGER NOT NULL REFERENCES folder (id),
	uidvalidity	INTEGER NOT NULL CHECK (uidvalidity BETWEEN 1 AND 4294967295),
	history_uid	INTEGER NOT NULL CHECK (history_uid BETWEEN 0 AND 4294967296),
						-- UIDs below it were there at the mailbox's first pass and
						-- are history; 0: arrival decides
	opened_ms	INTEGER NOT NULL,
	closed_ms	INTEGER,		-- NULL: the folder's present epoch
	uidnext		INTEGER NOT NULL DEFAULT 0,	-- UIDNEXT and EXISTS as of the last search
	exists_count	INTEGER NOT NULL DEFAULT 0,	-- whose every UID is in the table mail
	full_ms		INTEGER NOT NULL DEFAULT 0,	-- when the last SEARCH for all UIDs was made
	screen		TEXT			-- hash of the screen that no ignored mail of it is still to be asked by
) STRICT;
CREATE UNIQUE INDEX epoch_present ON epoch (folder_id) WHERE closed_ms IS NULL;

CREATE TABLE mail (
	id		INTEGER PRIMARY KEY,
	epoch_id	INTEGER NOT NULL REFERENCES epoch (id),
	uid		INTEGER NOT NULL CHECK (uid BETWEEN 1 AND 4294967295),
	fate		TEXT NOT NULL CHECK (fate IN ('pending', 'ignored', 'own', 'read', 'oversize',
			    'quarantined', 'vanished')),
	reason		TEXT,			-- of our own words: why this fate, or why still pending
	history		INTEGER NOT NULL DEFAULT 0 CHECK (history IN (0, 1)),
	shown_ms	INTEGER NOT NULL,	-- when a SEARCH first showed it
	arrived_ms	INTEGER,		-- INTERNALDATE
	size_bytes	INTEGER,		-- RFC822.SIZE
	screen		TEXT,			-- hash of the screen that said no, also while another is to be asked
	sha256		BLOB CHECK (sha256 IS NULL OR length(sha256) = 32),	-- of the bytes as fetched
	same_as		INTEGER REFERENCES mail (id),	-- these bytes were seen before: fate inherited
	attempts	INTEGER NOT NULL DEFAULT 0,	-- failed fetches or readings
	missed		INTEGER NOT NULL DEFAULT 0,	-- full SEARCHes that did not show it while pending
	missed_ms	INTEGER,
	settled_ms	INTEGER,
	next_ms		INTEGER NOT NULL DEFAULT 0,	-- when a pending mail that failed is tried again
	UNIQUE (epoch_id, uid),
	CHECK ((fate = 'pending') = (settled_ms IS NULL))
) STRICT;
CREATE INDEX mail_pending ON mail (epoch_id, uid) WHERE fate = 'pending';
CREATE INDEX mail_same ON mail (sha256) WHERE sha256 IS NOT NULL;

CREATE TABLE mail_bytes (			-- kept bytes of mails that were read or quarantined
	mail_id		INTEGER PRIMARY KEY REFERENCES mail (id),
	trusted		INTEGER NOT NULL CHECK (trusted IN (0, 1)),
	size_bytes	INTEGER NOT NULL,
	zstd		BLOB NOT NULL		-- personal
) STRICT;

CREATE TABLE message (				-- what was understood of a mail that was read
	mail_id		INTEGER PRIMARY KEY REFERENCES mail (id),
	message_id	TEXT,			-- personal: chosen by the sender
	date_ms		INTEGER,		-- Date field
	from_domain	TEXT NOT NULL,
	proof		TEXT NOT NULL CHECK (proof IN ('none', 'authentication-results', 'dkim', 'forwarder')),
	proof_detail	TEXT NOT NULL,
	trusted		INTEGER NOT NULL CHECK (trusted IN (0, 1)),	-- the proof is one that is accepted
	kind		TEXT NOT NULL,		-- of the rule that knew it; '' if none did
	rule		TEXT NOT NULL,
	rules_hash	TEXT NOT NULL,
	language	TEXT NOT NULL,
	reasons		TEXT NOT NULL		-- JSON: of the mail as a whole
) STRICT;

CREATE TABLE signature (			-- a DKIM signature by a domain of ours, as verified: keys rotate
	mail_id		INTEGER PRIMARY KEY REFERENCES mail (id),
	verdict		TEXT NOT NULL CHECK (verdict IN ('refused', 'broken', 'wrong-key', 'no-key', 'no-dns', 'good')),
	domain		TEXT NOT NULL,
	selector	TEXT NOT NULL,		-- '': the signature has none that is a name
	key_record	TEXT,			-- as the DNS had it; NULL: there was none
	since_ms	INTEGER NOT NULL,	-- first verified
	checked_ms	INTEGER NOT NULL,	-- last verified
	next_ms		INTEGER,		-- when the proof is asked for again; NULL: it is decided
	asks		INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX signature_due ON signature (next_ms) WHERE next_ms IS NOT NULL;

-- ---------------------------------------------------------------- what mails say, what is true

CREATE TABLE approval (
	id		INTEGER PRIMARY KEY,
	apr		TEXT NOT NULL UNIQUE CHECK (apr GLOB 'apr_*'),
	state		TEXT NOT NULL CHECK (state IN ('confirmed', 'gone')),
	confirmed_by	TEXT NOT NULL CHECK (confirmed_by IN ('management-api', 'sender', 'person')),
	org_scheme	TEXT NOT NULL CHECK (org_scheme IN ('business:NO:ORG', 'business:DK:CVR',
			    'business:FI:Y-tunnus', 'business:SE:ORG')),
	org_number	TEXT NOT NULL CHECK (length(org_number) BETWEEN 8 AND 10
			    AND org_number NOT GLOB '*[^0-9-]*'),	-- personal
	msn		TEXT NOT NULL CHECK (length(msn) BETWEEN 4 AND 10 AND msn NOT GLOB '*[^0-9]*'),	-- personal
	country		TEXT NOT NULL CHECK (country GLOB '[A-Z][A-Z]'),
	merchant_name	TEXT,			-- personal
	sales_unit_name	TEXT,			-- personal
	received_ms	INTEGER,
	confirmed_ms	INTEGER NOT NULL,
	history		INTEGER NOT NULL CHECK (history IN (0, 1)),
	mailbox		TEXT,
	message_id	TEXT,			-- personal
	sender_domain	TEXT,
	proof		TEXT,
	merchant	TEXT,			-- personal: JSON, allow-listed fields of the API's answer
	sales_unit	TEXT,			-- personal: JSON, likewise
	asked_ms	INTEGER,		-- when the API last answered about it
	junk		INTEGER NOT NULL DEFAULT 0 CHECK (junk IN (0, 1)),	-- the mail lay in a folder for junk
	reasons		TEXT NOT NULL DEFAULT '[]',	-- JSON: remarks, of names that differ from the mail's
	missing_ms	INTEGER,		-- since when the API says that it does not know it; NULL: it knows it
	next_ms		INTEGER,		-- when the API is asked again (a refresh); NULL: it is not
	changes		INTEGER NOT NULL DEFAULT 0,	-- how often approval.changed and approval.gone were told
	UNIQUE (org_scheme, org_number, msn)
) STRICT;
CREATE INDEX approval_time ON approval (confirmed_ms);
CREATE INDEX approval_due ON approval (next_ms) WHERE next_ms IS NOT NULL;

CREATE TABLE answer (				-- what the API said of a claim or an approval: a row until it says something else
	id		INTEGER PRIMARY KEY,
	ref		TEXT NOT NULL,		-- clm_ or apr_
	answer		TEXT NOT NULL,		-- a word: agrees, not-found ...
	said		TEXT NOT NULL,		-- personal: JSON, allow-listed fields
	first_ms	INTEGER NOT NULL,
	last_ms		INTEGER NOT NULL,
	times		INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX answer_ref ON answer (ref, id);

CREATE TABLE claim (
	id		INTEGER PRIMARY KEY,
	mail_id		INTEGER NOT NULL REFERENCES mail (id),
	n		INTEGER NOT NULL CHECK (n >= 0),	-- which of the mail's claims
	state		TEXT NOT NULL CHECK (state IN ('awaiting-proof', 'pending', 'confirmed', 'disputed',
			    'unconfirmed', 'held', 'rejected', 'superseded')),
	trusted		INTEGER NOT NULL CHECK (trusted IN (0, 1)),
	history		INTEGER NOT NULL CHECK (history IN (0, 1)),
	org_scheme	TEXT CHECK (org_scheme IN ('business:NO:ORG', 'business:DK:CVR', 'business:FI:Y-tunnus',
			    'business:SE:ORG')),	-- NULL: not said
	org_number	TEXT,			-- personal
	merchant_name	TEXT,			-- personal
	msn		TEXT,			-- personal
	sales_unit_name	TEXT,			-- personal
	reasons		TEXT NOT NULL,		-- JSON: the claim's and its mail's
	evidence	TEXT NOT NULL,		-- personal: JSON, per field
	api		TEXT,			-- personal: JSON, the last answer
	asks		INTEGER NOT NULL DEFAULT 0,	-- answers of the API that count on the schedule
	next_ms		INTEGER,		-- when to ask; of pending claims only
	told_ms		INTEGER,		-- when claim.pending was told
	made_ms		INTEGER NOT NULL,
	settled_ms	INTEGER,
	approval_id	INTEGER REFERENCES approval (id),	-- whose evidence it is, once confirmed or superseded
	UNIQUE (mail_id, n),
	CHECK ((state = 'pending') = (next_ms IS NOT NULL)),
	CHECK (state <> 'confirmed' OR approval_id IS NOT NULL)
) STRICT;
CREATE INDEX claim_due ON claim (history, next_ms) WHERE state = 'pending';	-- new mail first
CREATE INDEX claim_key ON claim (org_scheme, org_number, msn);
CREATE INDEX claim_evidence ON claim (approval_id) WHERE approval_id IS NOT NULL;
CREATE INDEX claim_time ON claim (made_ms);

-- ---------------------------------------------------------------- what happened

-- Append-only and chained. commit_mac = HMAC-SHA256(salt, payload); hash = SHA-256 over 0x00 and the other
-- columns, each prefixed by its length in 8 bytes. Erasing a payload leaves the chain whole.
CREATE TABLE event (
	seq		INTEGER PRIMARY KEY CHECK (seq >= 1),
	id		TEXT NOT NULL UNIQUE CHECK (id GLOB 'evt_*'),
	at_ms		INTEGER NOT NULL,
	type		TEXT NOT NULL,
	ref		TEXT NOT NULL,		-- what it is about: apr_, clm_, mail_, or kind:name
	"commit"	BLOB NOT NULL CHECK (length("commit") = 32),
	prev		BLOB NOT NULL CHECK (length(prev) = 32),	-- the hash before; zeros for the first
	hash		BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX event_ref ON event (ref);

CREATE TABLE event_payload (
	seq		INTEGER PRIMARY KEY REFERENCES event (seq),
	salt		BLOB,			-- 32 random bytes; NULL once erased
	payload		TEXT,			-- personal: JSON {"history": bool, "data": {...}}; NULL once erased
	CHECK ((salt IS NULL) = (payload IS NULL))
) STRICT;

CREATE TABLE event_waiting (			-- not yet fanned out; history never waits
	seq		INTEGER PRIMARY KEY REFERENCES event (seq),
	untrusted	INTEGER NOT NULL DEFAULT 0 CHECK (untrusted IN (0, 1))	-- shares the budget
) STRICT;
CREATE INDEX event_waiting_turn ON event_waiting (untrusted, seq);	-- trusted work first

CREATE TRIGGER event_no_update BEFORE UPDATE ON event
BEGIN SELECT raise(ABORT, 'events are append-only'); END;
CREATE TRIGGER event_no_delete BEFORE DELETE ON event
BEGIN SELECT raise(ABORT, 'events are append-only'); END;
CREATE TRIGGER event_payload_no_update BEFORE UPDATE ON event_payload
WHEN new.payload IS NOT NULL OR new.seq <> old.seq
BEGIN SELECT raise(ABORT, 'payloads can be erased, not changed'); END;
CREATE TRIGGER event_payload_no_delete BEFORE DELETE ON event_payload
BEGIN SELECT raise(ABORT, 'payloads can be erased, not removed'); END;

-- ---------------------------------------------------------------- who is told

CREATE TABLE delivery (				-- one event owed to one target
	id		INTEGER PRIMARY KEY,
	event_seq	INTEGER NOT NULL REFERENCES event (seq),
	endpoint	TEXT NOT NULL,
	target		TEXT NOT NULL,		-- personal: an address, a URL, or 'secret:' and an HMAC of a URL that is one
	webhook_id	TEXT NOT NULL UNIQUE CHECK (webhook_id NOT GLOB '*.*'),	-- the same over all attempts, and in a restored log
	body		TEXT,			-- personal: frozen at fan-out; NULL once erased
	state		TEXT NOT NULL CHECK (state IN ('due', 'delivered', 'dead', 'dropped')),
	attempt		INTEGER NOT NULL DEFAULT 0,
	next_ms		INTEGER NOT NULL,
	leased_until_ms	INTEGER NOT NULL DEFAULT 0,
	made_ms		INTEGER NOT NULL,
	settled_ms	INTEGER,
	untrusted	INTEGER NOT NULL DEFAULT 0 CHECK (untrusted IN (0, 1)),	-- a notice of the budget
	UNIQUE (event_seq, target),
	CHECK ((state = 'due') = (settled_ms IS NULL))
) STRICT;
CREATE INDEX delivery_due ON delivery (untrusted, next_ms) WHERE state = 'due';	-- trusted work first

CREATE TABLE attempt (
	delivery_id	INTEGER NOT NULL REFERENCES delivery (id),
	n		INTEGER NOT NULL CHECK (n >= 1),
	at_ms		INTEGER NOT NULL,
	took_ms		INTEGER NOT NULL,
	status		INTEGER,		-- HTTP or SMTP status; NULL: no answer came
	error		TEXT,			-- NULL for a success
	PRIMARY KEY (delivery_id, n)
) STRICT, WITHOUT ROWID;

-- What has been failing, and when we last said so: the memory behind quiet logs and *.failing events.
CREATE TABLE trouble (
	cause		TEXT PRIMARY KEY,	-- kind:name, e.g. mailbox:onboarding
	since_ms	INTEGER NOT NULL,
	last_ms		INTEGER NOT NULL,
	said_ms		INTEGER NOT NULL DEFAULT 0,	-- last line on stderr; 0: none yet
	told_ms		INTEGER,		-- when the failing event was made; NULL: not yet
	attempts	INTEGER NOT NULL,
	error		TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE refusal (				-- mailboxes whose last login was refused (store/refusal.h)
	mailbox		TEXT PRIMARY KEY,	-- its name: its row may not be made yet
	times		INTEGER NOT NULL,	-- in a row
	last_ms		INTEGER NOT NULL,
	stamp		TEXT NOT NULL,		-- of settings, and of the secrets' files (inode, time), not of what they hold
	error		TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What is told once per subject and day, with a count (store/alarm.h).
CREATE TABLE alarm (
	type		TEXT NOT NULL,		-- of its events
	history		INTEGER NOT NULL CHECK (history IN (0, 1)),
	day		TEXT NOT NULL,		-- UTC, as 2026-11-22
	subject		TEXT NOT NULL,		-- a From domain; '*': those for which the day had no room
	count		INTEGER NOT NULL,
	told		INTEGER NOT NULL,	-- the count that the last event said
	ref		TEXT NOT NULL,		-- of the last one counted, and its data
	data		TEXT NOT NULL,		-- personal: JSON
	PRIMARY KEY (type, history, day, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX alarm_due ON alarm (day) WHERE told < count;

-- ---------------------------------------------------------------- what a person decided

CREATE TABLE review (
	id		INTEGER PRIMARY KEY,
	claim_id	INTEGER REFERENCES claim (id),
	mail_id		INTEGER REFERENCES mail (id),
	decision	TEXT NOT NULL CHECK (decision IN ('accept', 'reject')),
	was		TEXT NOT NULL,		-- the claim's state or the mail's fate when it was decided
	why		TEXT NOT NULL CHECK (why <> ''),	-- personal
	login_uid	INTEGER,		-- who logged in (/proc/self/loginuid); NULL: nobody did
	user		TEXT NOT NULL,		-- personal: the account that the program ran as
	by_name		TEXT,			-- personal: --by
	at_ms		INTEGER NOT NULL,
	msn		TEXT,			-- personal: --msn, that the claim did not have
	CHECK ((claim_id IS NULL) <> (mail_id IS NULL))
) STRICT;
CREATE INDEX review_claim ON review (claim_id) WHERE claim_id IS NOT NULL;
CREATE UNIQUE INDEX review_mail ON review (mail_id) WHERE mail_id IS NOT NULL;
CREATE INDEX claim_review ON claim (trusted DESC, made_ms) WHERE state IN ('disputed', 'unconfirmed', 'held');
CREATE INDEX mail_review ON mail (id) WHERE fate = 'quarantined';
CREATE INDEX message_review ON message (mail_id) WHERE trusted AND kind = '';

-- ---------------------------------------------------------------- what is done on the server (store/action.h)

CREATE TABLE action (				-- one per mail whose fate was decided while its mailbox acts
	mail_id		INTEGER PRIMARY KEY REFERENCES mail (id),
	epoch_id	INTEGER NOT NULL REFERENCES epoch (id),
	uid		INTEGER NOT NULL,
	state		TEXT NOT NULL CHECK (state IN ('due', 'waits', 'left', 'done', 'gone')),
						-- waits: for its proof; left: nothing is to be done; gone: the mail is
	what		TEXT,			-- as configured, e.g. 'keyword:Vipps': done, or tried last
	reason		TEXT,			-- why it is not done, or gone
	attempts	INTEGER NOT NULL DEFAULT 0,
	missed		INTEGER NOT NULL DEFAULT 0,	-- how often the server did not show it
	next_ms		INTEGER NOT NULL DEFAULT 0,
	copied		INTEGER NOT NULL DEFAULT 0 CHECK (copied IN (0, 1, 2)),	-- a move by copying: 1 begun, 2 there
	copies		INTEGER NOT NULL DEFAULT 0,	-- made, as the server said
	copy_validity	INTEGER NOT NULL DEFAULT 0,	-- of the target: UIDVALIDITY and UIDNEXT before it was begun
	copy_from	INTEGER NOT NULL DEFAULT 0,
	made_ms		INTEGER NOT NULL,
	settled_ms	INTEGER,
	CHECK ((state IN ('due', 'waits')) = (settled_ms IS NULL))
) STRICT;
CREATE INDEX action_open ON action (epoch_id, uid) WHERE settled_ms IS NULL;

-- By triggers, so that no way to decide a mail's fate can miss it. What was moved stays where it was moved.
CREATE TRIGGER action_made AFTER UPDATE OF fate ON mail
WHEN new.fate IN ('ignored', 'read', 'oversize', 'quarantined') AND new.reason IS NOT 'before-start'
BEGIN INSERT INTO action (mail_id, epoch_id, uid, state, made_ms)
	SELECT new.id, new.epoch_id, new.uid, 'due', new.settled_ms FROM epoch AS e
	JOIN folder AS f ON f.id = e.folder_id JOIN mailbox AS b ON b.id = f.mailbox_id
	WHERE e.id = new.epoch_id AND e.closed_ms IS NULL AND b.acts
	ON CONFLICT (mail_id) DO UPDATE SET state = 'due', reason = NULL, attempts = 0, missed = 0, next_ms = 0,
	settled_ms = NULL
	WHERE state IN ('waits', 'left') OR (state = 'done' AND what NOT GLOB 'move:*'); END;
CREATE TRIGGER action_claim AFTER UPDATE OF state ON claim
WHEN (old.state IN ('held', 'disputed', 'unconfirmed')) <> (new.state IN ('held', 'disputed', 'unconfirmed'))
	OR old.state = 'awaiting-proof'
BEGIN UPDATE action SET state = 'due', reason = NULL, attempts = 0, missed = 0, next_ms = 0,
	settled_ms = NULL
	WHERE mail_id IN (SELECT new.mail_id UNION ALL SELECT m.id FROM mail AS m, mail AS o WHERE o.id = new.mail_id
	AND m.sha256 = o.sha256 AND m.same_as = o.id)
	AND (state IN ('waits', 'left') OR (state = 'done' AND what NOT GLOB 'move:*')); END;
CREATE TRIGGER action_review AFTER INSERT ON review WHEN new.mail_id IS NOT NULL
BEGIN UPDATE action SET state = 'due', reason = NULL, attempts = 0, missed = 0, next_ms = 0,
	settled_ms = NULL
	WHERE mail_id IN (SELECT new.mail_id UNION ALL SELECT m.id FROM mail AS m, mail AS o WHERE o.id = new.mail_id
	AND m.sha256 = o.sha256 AND m.same_as = o.id)
	AND (state IN ('waits', 'left') OR (state = 'done' AND what NOT GLOB 'move:*')); END;
CREATE TRIGGER action_epoch AFTER UPDATE OF closed_ms ON epoch
BEGIN UPDATE action SET state = 'gone', reason = 'the server numbered the folder anew', settled_ms = new.closed_ms
	WHERE epoch_id = new.id AND settled_ms IS NULL; END;

-- ---------------------------------------------------------------- what untrusted mail may cost (store/budget.h)

CREATE TABLE notice (				-- when a target was last told of untrusted mail
	target		TEXT PRIMARY KEY,	-- personal: as in delivery
	told_ms		INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE gathered (				-- events of untrusted mail that a target hears of together
	target		TEXT NOT NULL,		-- personal
	event_seq	INTEGER NOT NULL REFERENCES event (seq),
	told_seq	INTEGER REFERENCES event (seq),	-- the event whose delivery lists it; NULL: not yet told
	PRIMARY KEY (target, event_seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX gathered_untold ON gathered (target, event_seq) WHERE told_seq IS NULL;

CREATE TABLE budget (
	name		TEXT PRIMARY KEY,	-- 'questions': to the API in the hour since; 'kept-bytes'
	since_ms	INTEGER NOT NULL,
	used		INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO budget VALUES ('questions', 0, 0), ('kept-bytes', 0, 0);

-- The sum is kept by whatever touches kept bytes, so that no mail costs a look at all of them.
CREATE INDEX mail_bytes_untrusted ON mail_bytes (mail_id) WHERE trusted = 0;
CREATE TRIGGER mail_bytes_added AFTER INSERT ON mail_bytes WHEN new.trusted = 0
BEGIN UPDATE budget SET used = used + length(new.zstd) WHERE name = 'kept-bytes'; END;
CREATE TRIGGER mail_bytes_gone AFTER DELETE ON mail_bytes WHEN old.trusted = 0
BEGIN UPDATE budget SET used = used - length(old.zstd) WHERE name = 'kept-bytes'; END;
CREATE TRIGGER mail_bytes_changed AFTER UPDATE ON mail_bytes
BEGIN UPDATE budget SET used = used - iif(old.trusted, 0, length(old.zstd))
	+ iif(new.trusted, 0, length(new.zstd)) WHERE name = 'kept-bytes'; END;

-- ---------------------------------------------------------------- what the API's own lists showed (store/unit.h)

CREATE TABLE unit (
	key		TEXT PRIMARY KEY,	-- personal: the MSN without leading zeros: a list may send it as a number
	msn		TEXT NOT NULL,		-- personal
	name		TEXT,			-- personal
	org_scheme	TEXT,
	org_number	TEXT,			-- personal
	merchant_name	TEXT,			-- personal
	country		TEXT,
	first_ms	INTEGER NOT NULL,	-- when a list first showed it
	last_ms		INTEGER NOT NULL,	-- when the list of units last did; 0: never
	ordered		INTEGER NOT NULL DEFAULT 0 CHECK (ordered IN (0, 1)),	-- a completed product order names it
	quiet		TEXT CHECK (quiet IN ('baseline', 'forgotten')),	-- why nothing is told of it; NULL: it is
	asked_ms	INTEGER,		-- when the API was asked about it alone
	found		INTEGER NOT NULL DEFAULT 1 CHECK (found IN (0, 1)),	-- and what it said
	told_ms		INTEGER			-- when approval.missing-mail was told
) STRICT, WITHOUT ROWID;
CREATE INDEX unit_last ON unit (last_ms);
CREATE INDEX approval_msn ON approval (ltrim(msn, '0'));
CREATE INDEX claim_msn ON claim (ltrim(msn, '0')) WHERE trusted = 1;

CREATE TABLE untold (				-- approvals recorded without a mail, and not told as confirmed
	approval_id	INTEGER PRIMARY KEY REFERENCES approval (id)
) STRICT;

CREATE TABLE product_order (
	id		TEXT PRIMARY KEY,
	status		TEXT NOT NULL,		-- the API's word; LOST: it knows the order no longer
	seen_ms		INTEGER NOT NULL,
	told		INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1))	-- that it ended, or it is not to be
) STRICT, WITHOUT ROWID;
