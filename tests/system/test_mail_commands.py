"""`approvals mail`: which mails came to which fate, their bytes, and reading them again."""
import csv
import hashlib
import io
import json
import pathlib
import sqlite3
import stat
import time

import pytest

from servers.world import RULES, approval_mail, noise_mail

DAY = 86400
ORG = "987654325"


def strange_mail(msn, **options):
    """An approval in words that no shipped rule knows."""
    raw = approval_mail(msn, subject="Welcome aboard", **options)
    body = (f"Good day,\r\n\r\nShop 4 is live.\r\n\r\nOrganisation number: NO {ORG} MVA\r\nMerchant name: Fjord Kaffe AS\r\n"
        f"Shop key: {msn}\r\nName of sales unit: Fjord Kaffe Torget\r\n")
    return raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body.encode()


def add_rule(world):
    """The operator writes a rule for the new words."""
    path = pathlib.Path(world.dir) / "ours.yaml"
    path.write_text("rules:\n  - name: welcome-aboard\n    kind: approval\n    priority: 35\n    language: en\n    when:\n"
        "      - {in: subject, any: [welcome aboard]}\n      - {in: body, any: [{pattern: ' shop [0-9]+ is live '}]}\n"
        "      - {any: [{found: msn}]}\n    labels:\n      msn:\n        - {words: [shop key]}\n")
    path.chmod(0o600)
    world.config["rules"].append(str(path))


def mails(world, *args):
    result = world.run("mail", "list", "--format", "ndjson", *args)
    assert result.status == 0 and result.err == "", result
    return [json.loads(line) for line in result.out.splitlines()]


def reread(world, *args, status=0):
    """The summary line as numbers."""
    done = world.run("mail", "reread", *args)
    assert done.status == status and done.out.count("\n") == 1, done
    return {name: int(number) for name, number in (word.split("=") for word in done.out.split())}


def everything(world):
    """All rows but the time of the last reading."""
    return {table: world.rows(f"SELECT * FROM {table}") for table in ("claim", "approval", "event", "event_payload", "delivery",
        "message", "mail_bytes")} | {"mail": world.rows("SELECT id, epoch_id, uid, fate, reason, history, arrived_ms, size_bytes,"
        " sha256, same_as FROM mail")}


# ---- a template changes

def test_a_changed_template_alarms_once_and_a_rule_finds_what_was_missed_without_announcing_history(world):
    world.mailbox["announce"] = "new"
    then = time.time()
    for msn in ("111111", "222222", "333333", "444444"):
        world.know(msn, ORG)
    world.deliver(strange_mail("111111", date=then - 40 * DAY), arrived=then - 40 * DAY)  # before the first pass
    assert world.run("run").status == 0
    world.deliver(strange_mail("222222"))
    world.deliver(strange_mail("333333"))
    world.deliver(approval_mail("444444"))
    world.run("run")
    assert len([e for e in world.events("mail.unmatched") if not e["history"]]) == 1
    assert [body["data"]["msn"] for body in world.received("approval.confirmed")] == ["444444"]

    add_rule(world)
    said = reread(world, "--fate", "read", "--since", time.strftime("%Y-%m-%d", time.gmtime(then - 60 * DAY)))
    assert (said["mails"], said["read"], said["claims"], said["waiting"]) == (4, 4, 3, 0)
    assert world.run("run").status == 0
    assert {entry["msn"] for entry in world.log("--state", "confirmed")} == {"111111", "222222", "333333", "444444"}
    assert sorted(body["data"]["msn"] for body in world.received("approval.confirmed")) == ["222222", "333333", "444444"]
    assert world.run("verify").status == 0

    before = everything(world)
    assert reread(world, "--fate", "read")["claims"] == 0
    assert world.run("run").status == 0
    assert everything(world) == before
    assert len(world.received("approval.confirmed")) == 3


def test_since_and_until_choose_by_arrival(world):
    now = time.time()
    for days, msn in ((30, "111111"), (10, "222222"), (1, "333333")):
        world.deliver(strange_mail(msn, date=now - days * DAY), arrived=now - days * DAY)
    world.run("ingest")
    def day(days):
        return time.strftime("%Y-%m-%d", time.gmtime(now - days * DAY))
    assert len(mails(world, "--since", day(20))) == 2
    assert len(mails(world, "--since", day(20), "--until", day(5))) == 1
    add_rule(world)
    assert reread(world, "--since", day(20), "--until", day(5))["claims"] == 1
    assert [row["msn"] for row in world.rows("SELECT msn FROM claim")] == ["222222"]


# ---- what reading again may and may not do

@pytest.mark.clock
def test_a_mail_that_is_still_unknown_is_no_news_on_another_day(world):
    world.deliver(strange_mail("111111"))
    world.run("ingest")
    done = world.run("mail", "reread", "mail_1", at=time.time() + 3 * DAY)
    assert done.status == 0 and "read=1" in done.out
    assert len(world.events("mail.unmatched")) == 1


def test_rereading_what_is_unchanged_makes_no_claim_no_event_and_no_delivery(sample_world):
    world = sample_world
    before = everything(world)
    said = reread(world, "--fate", "read,quarantined,own")
    assert said["read"] > 10 and said["claims"] == said["waiting"] == said["failed"] == 0
    now = everything(world)
    pending = [row["id"] for row in now["mail"] if row["fate"] == "pending"]  # unproven, nothing in it: not kept
    assert said["pending"] == len(pending)
    for table in before:
        assert [row for row in now[table] if table != "mail" or row["id"] not in pending] == [
            row for row in before[table] if table != "mail" or row["id"] not in pending], table
    world.run("run")  # fetches those again
    assert everything(world) == before
    assert not world.count("mail", "fate = 'pending'")


def test_a_proof_made_on_arrival_stands(world):
    world.deliver(strange_mail("111111"))
    world.run("ingest")
    del world.mailbox["authserv"]
    add_rule(world)
    assert reread(world, "mail_1")["claims"] == 1
    assert world.rows("SELECT state, trusted FROM claim") == [{"state": "pending", "trusted": 1}]


def test_but_not_for_a_domain_that_is_no_longer_configured(world):
    world.deliver(strange_mail("111111"))
    world.run("ingest")
    world.config["sender"]["domains"] = ["vipps.example"]
    add_rule(world)
    reread(world, "mail_1", status=3)
    assert world.rows("SELECT state, trusted FROM claim") == [{"state": "held", "trusted": 0}]


def test_a_mail_that_nobody_could_prove_is_proven_once_its_server_is_configured(world):
    world.know("123456", ORG)
    del world.mailbox["authserv"]
    world.deliver(approval_mail("123456"))
    assert world.run("run").status == 3
    assert [entry["state"] for entry in world.log()] == ["held"]
    world.mailbox["authserv"] = "mx.example.com"
    said = reread(world, "--fate", "read")
    assert (said["claims"], said["waiting"]) == (1, 0)
    assert world.run("run").status == 0
    assert [body["data"]["msn"] for body in world.received("approval.confirmed")] == ["123456"]
    assert sorted(row["state"] for row in world.rows("SELECT state FROM claim")) == ["confirmed", "superseded"]
    before = everything(world)
    reread(world, "--fate", "read")
    assert everything(world) == before


def test_a_forgery_stays_one_however_often_it_is_read(world):
    world.know("123456", ORG)
    world.deliver(approval_mail("123456", proven=False))
    world.run("run")
    before = everything(world)
    assert reread(world, "mail_1")["claims"] == 0
    world.run("run")
    assert everything(world) == before and world.received("approval.confirmed") == []


def test_a_claim_that_waits_and_is_no_longer_said_is_held_and_one_that_was_decided_stays(world):
    world.know("222222", ORG)
    world.deliver(strange_mail("111111"))  # the API does not know it
    world.deliver(strange_mail("222222"))
    add_rule(world)
    world.run("run")
    assert [row["state"] for row in world.rows("SELECT state FROM claim ORDER BY msn")] == ["pending", "confirmed"]
    world.config["rules"].pop()
    world.know("111111", ORG)
    said = reread(world, "--fate", "read", status=3)
    assert (said["claims"], said["waiting"]) == (0, 1)
    world.run("run")
    held, confirmed = world.rows("SELECT state, reasons FROM claim ORDER BY msn")
    assert held["state"] == "held" and {"code": "reading-changed", "doubt": True, "field": None} in json.loads(held["reasons"])
    assert confirmed["state"] == "confirmed"
    assert {"code": "no-longer-read", "doubt": False, "field": None} in json.loads(confirmed["reasons"])
    assert len(world.received("approval.confirmed")) == 1 and len(world.events("claim.held")) == 1
    before = everything(world)
    reread(world, "--fate", "read")
    assert everything(world) == before
    add_rule(world)  # it is said again: what was held stays held evidence, and a new claim goes its way
    assert reread(world, "--fate", "read")["claims"] == 1
    world.run("run")
    assert len(world.received("approval.confirmed")) == 2
    assert sorted(row["state"] for row in world.rows("SELECT state FROM claim")) == ["confirmed", "confirmed", "superseded"]


def test_a_quarantined_mail_that_can_be_read_now_is_read(world):
    raw = strange_mail("111111").partition(b"\r\n\r\n")[0] + b"\r\n\r\nShop 4 is live.\r\nShop key: 111111\r\n"
    rule = pathlib.Path(world.dir) / "early.yaml"
    rule.write_text("rules:\n  - {name: early, kind: approval, priority: 32, when: [{in: subject, any: [welcome aboard]}]}\n")
    rule.chmod(0o600)
    world.config["rules"].append(str(rule))
    world.deliver(raw)
    assert world.run("ingest").status == 3
    world.deliver(raw)  # a copy: its fate and bytes are the first one's
    assert world.run("ingest").status == 0
    assert [mail["fate"] for mail in mails(world)] == ["quarantined"] * 2  # an approval of which nothing could be read
    assert "Shop key" in world.run("mail", "save", "mail_2", "-").out
    assert reread(world, "mail_1")["waiting"] == 0  # it waits for a person already
    add_rule(world)
    assert reread(world, "mail_2", status=3)["claims"] == 1  # held: there is no organisation number
    assert [mail["fate"] for mail in mails(world)] == ["read"] * 2 and world.rows("SELECT msn FROM claim")[0]["msn"] == "111111"
    assert len(world.events("mail.quarantined")) == 1


# ---- mails whose bytes are not kept

def test_an_ignored_mail_is_fetched_and_read_by_the_next_pass(world):
    world.config["sender"]["domains"] = ["other.example"]
    world.config["rules"] = [str(pathlib.Path(world.dir) / "none.yaml")]
    pathlib.Path(world.dir, "none.yaml").write_text("rules:\n  - {name: x, kind: other, when: [{any: [nothing at all]}]}\n")
    pathlib.Path(world.dir, "none.yaml").chmod(0o600)
    world.deliver(approval_mail("111111", subject="Hello"))
    world.run("run")
    assert [mail["fate"] for mail in mails(world)] == ["ignored"]
    world.config["sender"]["domains"] = ["vippsmobilepay.com"]
    world.config["rules"] = [str(RULES)]
    world.know("111111", ORG)
    done = world.run("mail", "reread", "mail_1")
    assert done.status == 0 and "pending=1" in done.out and "the next `ingest`" in done.err
    assert world.run("run").status == 0
    assert [entry["msn"] for entry in world.log("--state", "confirmed")] == ["111111"]


def test_a_copy_of_what_was_read_and_not_kept_is_read_by_the_rules_of_its_day(world):
    raw = strange_mail("111111", proven=False)
    world.deliver(raw)
    world.run("ingest")
    world.deliver(raw)
    world.run("ingest")
    assert [(mail["fate"], mail["same_as"]) for mail in mails(world)] == [("read", None), ("read", "mail_1")]
    add_rule(world)
    world.deliver(raw)
    assert world.run("ingest").status == 3  # held: nobody proved it
    assert [(mail["same_as"], mail["kept"]) for mail in mails(world)] == [("mail_3", False), ("mail_3", False), (None, True)]
    world.deliver(raw)
    assert world.run("ingest").status == 0
    assert world.count("claim") == 1 and mails(world)[3]["same_as"] == "mail_3"


def test_a_mail_whose_bytes_were_dropped_is_fetched_and_keeps_its_claim(world):
    world.deliver(approval_mail("123456", proven=False))
    assert world.run("run").status == 3
    with sqlite3.connect(world.database) as db:  # as the budget of untrusted mail does
        db.execute("DELETE FROM mail_bytes")
    assert reread(world, "mail_1")["pending"] == 1
    world.know("654321", "987654325")
    world.deliver(approval_mail("654321"))
    assert world.run("run").status == 0
    assert world.rows("SELECT mail_id, state FROM claim ORDER BY id") == [
        {"mail_id": 1, "state": "held"}, {"mail_id": 2, "state": "confirmed"}]
    assert world.count("mail_bytes") == 2 and world.count("mail", "fate = 'read'") == 2


def test_noise_is_asked_about_again_and_ignored_again(world):
    for number in range(3):
        world.deliver(noise_mail(number))
    world.run("run")
    assert reread(world, "--fate", "ignored")["pending"] == 3
    world.run("run")
    assert [mail["fate"] for mail in mails(world)] == ["ignored"] * 3


def test_a_mail_that_no_mailbox_knows_any_more_is_lost_and_left_as_it_was(world):
    world.deliver(noise_mail(1))
    world.run("run")
    world.mailbox["name"] = "renamed"
    done = world.run("mail", "reread", "mail_1")
    assert done.status == 0 and "lost=1" in done.out and "mail.not-read" in done.err
    assert [mail["fate"] for mail in mails(world)] == ["ignored"]


def test_a_file_that_was_ignored_is_imported_again(world):
    world.config["sender"]["authserv_ids"] = ["mx.example.com"]
    folder = world.dir / "mails"
    folder.mkdir()
    (folder / "a.eml").write_bytes(noise_mail(1))
    world.run("import", folder)
    assert reread(world, "--mailbox", "import")["pending"] == 1
    assert "ignored=1" in world.run("import", folder).out
    assert world.count("mail") == 1


def test_an_imported_mail_is_proven_anew(world):
    folder = world.dir / "mails"
    folder.mkdir()
    (folder / "a.eml").write_bytes(approval_mail("123456", date=1767500000))
    assert world.run("import", folder).status == 3
    world.config["sender"]["authserv_ids"] = ["mx.example.com"]
    assert reread(world, "--mailbox", "import")["claims"] == 1
    assert [row["state"] for row in world.rows("SELECT state FROM claim ORDER BY id")] == ["held", "pending"]
    assert mails(world)[0]["arrived_at"] == "2026-01-04T04:13:20.000Z"


# ---- list, show, save

@pytest.fixture
def mixed(world):
    world.deliver(approval_mail("123456"))
    world.deliver(noise_mail(1))
    world.deliver(approval_mail("654321", proven=False))
    world.run("run")
    return world


def test_list_says_what_became_of_each_mail(mixed):
    assert [(mail["id"], mail["fate"], mail["mailbox"]) for mail in mails(mixed)] == [
        ("mail_1", "read", "onboarding"), ("mail_2", "ignored", "onboarding"), ("mail_3", "read", "onboarding")]
    assert [mail["id"] for mail in mails(mixed, "--fate", "ignored,oversize")] == ["mail_2"]
    assert [mail["id"] for mail in mails(mixed, "--limit", "2")] == ["mail_1", "mail_2"]
    assert mails(mixed, "--mailbox", "other") == []
    assert mixed.run("mail", "list", "--fate", "eaten").status == 2
    assert mixed.run("mail", "list", "mail_1").status == 2
    assert mixed.run("mail", "eat").status == 2


def test_list_has_the_formats_of_log(mixed):
    assert [mail["id"] for mail in json.loads(mixed.run("mail", "list", "--format", "json").out)] == ["mail_1", "mail_2", "mail_3"]
    assert json.loads(mixed.run("mail", "list", "--format", "json", "--fate", "vanished").out) == []
    table = mixed.run("mail", "list").out.splitlines()
    assert table[0].startswith("TIME") and len(table) == 4 and "mail_3" in table[3]
    rows = list(csv.DictReader(io.StringIO(mixed.run("mail", "list", "--format", "csv").out)))
    assert [(row["id"], row["fate"], row["claims"], row["proof"]) for row in rows] == [
        ("mail_1", "read", "1", "authentication-results"), ("mail_2", "ignored", "0", ""), ("mail_3", "read", "1", "none")]


def test_show_says_everything_known_of_a_mail(mixed):
    shown = json.loads(mixed.run("mail", "show", "--format", "json", "mail_1").out)
    mail = shown["mail"]
    assert (mail["mailbox"], mail["folder"], mail["uid"], mail["fate"], mail["kept"]) == ("onboarding", "INBOX", 1, "read", True)
    assert mail["message"]["proof"] == "authentication-results" and len(mail["message"]["rules_hash"]) == 64
    assert [claim["msn"] for claim in shown["claims"]] == ["123456"]
    held = json.loads(mixed.run("mail", "show", "--format", "json", "mail_3").out)
    assert held["claims"][0]["reasons"] and held["mail"]["message"]["trusted"] is False
    assert "fate: read" in mixed.run("mail", "show", "mail_1").out
    assert mixed.run("mail", "show", "clm_1").status == 2
    assert mixed.run("mail", "show", "mail_99").status == 2


def test_save_gives_the_bytes_as_they_came(mixed):
    raw = mixed.run("mail", "save", "mail_1", "a.eml")
    assert (raw.status, raw.out, raw.err) == (0, "", "")
    saved = mixed.dir / "a.eml"
    assert saved.read_bytes().startswith(b"Authentication-Results: mx.example.com;\r\n") and b"123456" in saved.read_bytes()
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    sha = mixed.rows("SELECT lower(hex(sha256)) AS sha FROM mail WHERE id = 1")[0]["sha"]
    assert hashlib.sha256(saved.read_bytes()).hexdigest() == sha
    assert mixed.run("mail", "save", "mail_1", "-").out.encode().replace(b"\n", b"\r\n") == saved.read_bytes()
    assert mixed.run("mail", "save", "mail_1").status == 0 and (mixed.dir / "mail_1.eml").read_bytes() == saved.read_bytes()
    again = mixed.run("mail", "save", "mail_1", "a.eml")  # what is there stays
    assert again.status == 3 and "a.eml" in again.err


def test_save_says_why_there_is_nothing_to_save(mixed):
    done = mixed.run("mail", "save", "mail_2", "-")
    assert (done.status, done.out) == (3, "") and "ignored" in done.err
    assert mixed.run("mail", "save", "mail_99", "-").status == 2
    assert mixed.run("mail", "save", "99").status == 2


def test_reread_wants_to_know_which(mixed):
    assert mixed.run("mail", "reread").status == 2
    assert mixed.run("mail", "reread", "mail_1", "--fate", "read").status == 2
    before = everything(mixed)
    assert mixed.run("mail", "reread", "mail_1", "mail_99").status == 2
    assert mixed.run("mail", "reread", "--limit", "3").status == 2
    assert everything(mixed) == before


def test_nothing_but_reread_writes(mixed):
    before = mixed.database.read_bytes()
    for args in (["list"], ["show", "mail_1"], ["save", "mail_1", "-"]):
        mixed.run("mail", *args)
    assert mixed.database.read_bytes() == before
