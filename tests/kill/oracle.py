"""What a run left behind, in a form that is the same for every run over the same mails, and how two of them differ."""
import collections
import contextlib
import hashlib
import json
import pathlib
import sqlite3

PLACE = "f.name || ':' || m.uid"
UNDER_ANOTHER = ", under another id"
MAIL = "FROM mail m JOIN epoch e ON e.id = m.epoch_id JOIN folder f ON f.id = e.folder_id"


@contextlib.contextmanager
def asking(world):
    """world.rows() over one connection: a new one would read the whole schema each time."""
    db = sqlite3.connect(f"file:{world.database}?mode=ro", uri=True)
    db.row_factory = sqlite3.Row
    try:
        yield lambda sql: [dict(row) for row in db.execute(sql)]
    finally:
        db.close()


def names(ask):
    """What stands for the ids of rows, whose numbers are in the order of their making."""
    out = {f"mail_{row['id']}": row["place"] for row in ask(f"SELECT m.id, {PLACE} AS place {MAIL}")}
    out.update((f"clm_{row['id']}", f"{row['place']}#{row['n']}") for row in ask(
        f"SELECT c.id, c.n, {PLACE} AS place {MAIL} JOIN claim c ON c.mail_id = m.id"))
    out.update((row["apr"], f"{row['org_number']}/{row['msn']}") for row in ask(
        "SELECT apr, org_number, msn FROM approval"))
    return out


def rows(world, troubles=False):
    """The whole database but for row numbers, times, attempts and what is random in each database.
    troubles: with the events that something fails or works again, which not every run has."""
    with asking(world) as ask:
        return _rows(ask, names(ask), troubles)


def _rows(ask, named, troubles):
    def table(sql):
        return sorted(json.dumps(row, sort_keys=True) for row in ask(sql))
    # Which of two mails for one key makes the approval is decided by their order, which is kept.
    return {
        "mails": table(f"SELECT {PLACE} AS place, fate, reason, history, size_bytes, hex(sha256) AS sha, "
            f"(SELECT f2.name || ':' || m2.uid FROM mail m2 JOIN epoch e2 ON e2.id = m2.epoch_id"
            f" JOIN folder f2 ON f2.id = e2.folder_id WHERE m2.id = m.same_as) AS same {MAIL}"),
        "messages": table(f"SELECT {PLACE} AS place, from_domain, proof, trusted, kind, language, reasons"
            f" {MAIL} JOIN message g ON g.mail_id = m.id"),
        "kept": table(f"SELECT {PLACE} AS place, b.size_bytes {MAIL} JOIN mail_bytes b ON b.mail_id = m.id"),
        "claims": table(f"SELECT {PLACE} AS place, c.n, c.state, c.org_scheme, c.org_number, c.msn, c.merchant_name,"
            f" c.sales_unit_name, c.reasons, c.evidence {MAIL} JOIN claim c ON c.mail_id = m.id"),
        "approvals": table("SELECT state, confirmed_by, org_scheme, org_number, msn, merchant_name, sales_unit_name,"
            " history, message_id, merchant FROM approval"),
        "events": sorted(f"{row['type']} {named.get(row['ref'], row['ref'])}" for row in ask(
            "SELECT type, ref FROM event") if troubles or not row["type"].endswith((".failing", ".recovered"))),
        "deliveries": sorted(f"{row['type']} {named.get(row['ref'], row['ref'])} to {row['target']}: {row['state']}"
            for row in ask("SELECT e.type, e.ref, d.target, d.state FROM delivery d JOIN event e ON e.seq = d.event_seq")),
        "alarms": table("SELECT type, history, day, subject, count, told FROM alarm"),
        "waiting": table("SELECT count(*) AS n FROM event_waiting"),
        "mailboxes": table("SELECT name FROM mailbox"),
    }


def ids(world):
    """Public ids, constant under one key of a database."""
    with asking(world) as ask:
        return {"event ids": [row["id"] for row in ask("SELECT id FROM event ORDER BY id")],
            "webhook-ids": [row["webhook_id"] for row in ask("SELECT webhook_id FROM delivery ORDER BY webhook_id")]}


def sent(world):
    """Each (webhook-id, target) that the receivers got, with what it was about and its different contents."""
    out = collections.defaultdict(set)
    for got in world.receiver.got:
        out[got.id, world.receiver.url + got.path].add(got.body)
    for mail in world.smtp.mails:
        for to in mail.recipients:
            out[mail.message["Message-ID"].strip("<>").partition("@")[0], to].add(
                (mail.message["Subject"], mail.message.get_body().get_content()))
    return out


def announced(world):
    """What the receivers got, one line for each id and target."""
    with asking(world) as ask:
        named, rows = names(ask), ask("SELECT d.webhook_id, d.target, d.body, e.type, e.ref FROM delivery d"
            " JOIN event e ON e.seq = d.event_seq")
    out = []
    for (id, target), contents in sent(world).items():
        row = next((row for row in rows if row["webhook_id"] == id), None)
        strange = "" if row else UNDER_ANOTHER
        row = row or next((row for row in rows if row["target"] == target and row["body"].encode() in contents), None)
        what = f"{row['type']} {named.get(row['ref'], row['ref'])}" if row else f"{id}: {contents}"
        out.append(f"{what} to {target}{', in different words' if len(contents) > 1 else strange}")
    return sorted(out)


def on_the_server(home):
    """The mails of all folders of a Maildir, with their flags."""
    return sorted(f"{path.parent.parent.name} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]} {path.name.partition(':2,')[2]}"
        for part in ("cur", "new") for path in pathlib.Path(home).glob(f"**/{part}/*"))


SOUND = ("chain", "integrity", "waiting")  # of these any difference is a defect


def differences(want, got):
    """(verdict, where, line) for each line that is lost, doubled or false in one of the lists."""
    out = []
    for where, lines in want.items():
        there, here = collections.Counter(lines), collections.Counter(got[where])
        out += [("broken" if where in SOUND else "lost", where, line) for line in there - here]
        out += [("broken" if where in SOUND else "doubled" if line.removesuffix(UNDER_ANOTHER) in there else "false",
            where, line) for line in here - there]
    return out
