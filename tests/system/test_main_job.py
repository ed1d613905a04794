"""Mailbox to log to receiver: an approval is announced once, and everything can be looked at afterwards."""
import csv
import hashlib
import hmac
import io
import json
import re
import sqlite3
import time

import pytest

from servers.samples import expected_approvals
from servers.world import RULES, approval_mail, noise_mail

ISO = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


@pytest.fixture
def one_approval(world):
    """A world after the run that announced its one approval."""
    world.know("123456", "987654325", unit="Fjord Kaffe Brygga")
    world.deliver(approval_mail("123456"))
    world.deliver(noise_mail(1))
    world.first = world.run("run")
    return world


def test_an_approval_is_announced_once_by_webhook_with_a_signature_that_standardwebhooks_accepts(one_approval,
        verify_webhooks):
    world = one_approval
    assert (world.first.status, world.first.out, world.first.err) == (0, "", "")
    assert len(world.receiver.got) == 1
    got = world.receiver.got[0]
    assert got.path == "/hooks/vipps" and got.headers["content-type"].startswith("application/json")
    assert verify_webhooks(world.webhook_secret, world.receiver.got) == [None]
    body = json.loads(got.body)
    assert list(body) == ["type", "timestamp", "data"] and body["type"] == "approval.confirmed"
    assert ISO.match(body["timestamp"]) and "." not in got.id
    data = body["data"]
    assert data["confirmed_by"] == "management-api" and data["sender"]["proof"] == "authentication-results"
    assert (data["org_number"], data["msn"], data["merchant_name"]) == ("987654325", "123456", "Fjord Kaffe AS")
    assert data["sales_unit_name"] == "Fjord Kaffe Brygga"  # the API's name wins


def test_a_signature_over_another_body_is_refused_by_the_verifier(one_approval, verify_webhooks):
    """The test above can fail."""
    got = one_approval.receiver.got[0]
    got.body = got.body.replace(b"987654325", b"987654333")
    assert verify_webhooks(one_approval.webhook_secret, [got]) != [None]


def test_an_approval_is_announced_once_by_email_to_each_address(world):
    world.config["endpoints"][1]["email"] = ["a@example.com", "b@example.com"]
    world.know("123456", "987654325")
    world.deliver(approval_mail("123456"))
    assert world.run("run").status == 0
    assert sorted(mail.recipients for mail in world.smtp.mails) == [["a@example.com"], ["b@example.com"]]
    for mail in world.smtp.mails:
        message = mail.message
        assert mail.user == world.smtp.user and message["Auto-Submitted"] == "auto-generated"
        assert message["To"] == mail.recipients[0] and message["From"].addresses[0].addr_spec == "approvals@example.com"
        text = message.get_content()
        assert "Fjord Kaffe AS" in text and "987654325" in text and "123456" in text
        assert b"\n" not in mail.raw.replace(b"\r\n", b"")
    ids = {row["webhook_id"] for row in world.rows("SELECT webhook_id FROM delivery WHERE endpoint = 'team'")}
    assert {mail.message["Message-ID"].strip("<>").partition("@")[0] for mail in world.smtp.mails} == ids


def test_the_log_shows_webhook_and_show_give_the_same_object(one_approval):
    world = one_approval
    logged = world.log()
    assert len(logged) == 1
    assert logged[0] == world.received()[0]["data"] == world.show(logged[0]["id"])["approval"]
    assert logged[0]["id"].startswith("apr_") and logged[0]["merchant"]["status"] == "ACTIVE"
    assert logged[0]["sales_unit"]["configuration"]["captureType"] == "ReserveCapture"


def test_a_second_run_finds_nothing_new_sends_nothing_and_says_nothing(one_approval):
    world = one_approval
    sent, mails, asked = len(world.receiver.got), len(world.smtp.mails), len(world.api.asked)
    again = world.run("run")
    assert (again.status, again.out, again.err) == (0, "", "")
    assert (len(world.receiver.got), len(world.smtp.mails), len(world.api.asked)) == (sent, mails, asked)


def test_the_same_approval_in_another_mail_joins_as_evidence_and_is_not_announced(one_approval):
    world = one_approval
    world.deliver(approval_mail("123456"), folder="Junk")
    assert world.run("run").status == 0
    assert len(world.received("approval.confirmed")) == 1 and world.count("approval") == 1
    assert [event["type"] for event in world.events()] == ["approval.confirmed", "evidence.added"]
    assert len(world.show(world.log()[0]["id"])["claims"]) == 2


def test_the_very_same_mail_twice_inherits_its_fate(one_approval):
    world = one_approval
    raw = approval_mail("123456", merchant="Fjord Kaffe AS")
    world.deliver(raw)
    world.run("run")
    events = len(world.events())
    world.deliver(raw)
    world.deliver(raw, folder="Junk")
    assert world.run("run").status == 0
    assert len(world.events()) == events
    assert world.count("mail", "same_as IS NOT NULL") == 2


def test_the_parts_of_a_run_can_be_called_one_by_one(world):
    world.know("123456", "987654325")
    world.deliver(approval_mail("123456"))
    assert world.run("ingest").status == 0
    assert world.api.asked == [] and [entry["state"] for entry in world.log()] == ["pending"]
    assert world.run("enrich").status == 0
    assert world.receiver.got == [] and [entry["state"] for entry in world.log()] == ["confirmed"]
    assert world.run("notify").status == 0
    assert len(world.received("approval.confirmed")) == 1


def test_a_forgery_of_a_known_unit_is_held_and_announces_nothing(world):
    """The API agrees with every word of it, and still: nobody knows who wrote it."""
    world.know("123456", "987654325")
    world.deliver(approval_mail("123456", proven=False))
    assert world.run("run").status == 3
    assert world.received() == [] and world.count("approval") == 0
    held = world.log("--state", "held")
    assert len(held) == 1
    shown = world.show(held[0]["id"])
    assert shown["claim"]["state"] == "held" and shown["claim"]["sender"]["proof"] == "none"
    assert shown["claim"]["reasons"] and [event["type"] for event in shown["events"]] == ["claim.held"]


def test_a_forgery_hides_nothing_the_true_mail_is_announced_after_it(world):
    world.know("123456", "987654325")
    forged, true = approval_mail("123456", proven=False), approval_mail("123456")
    world.deliver(forged)
    world.run("run")
    world.deliver(true)
    assert world.run("run").status == 0
    assert len(world.received("approval.confirmed")) == 1
    assert world.log("--state", "held") == []
    assert [entry["state"] for entry in world.log("--state", "superseded")] == ["superseded"]


@pytest.mark.parametrize("lie", ["another authserv-id", "below a foreign Received", "another domain"])
def test_authentication_results_that_are_not_ours_prove_nothing(world, lie):
    world.know("123456", "987654325")
    raw = approval_mail("123456", authserv="mx.attacker.example") if lie == "another authserv-id" else \
        approval_mail("123456", sender="noreply@vippsmobilepay.example") if lie == "another domain" else \
        b"Received: from attacker.example by mx.other.example; Sun, 22 Nov 2026 10:00:00 +0000\r\n" + approval_mail("123456")
    world.deliver(raw)
    world.run("run")
    assert world.received() == [] and world.count("approval") == 0


def test_another_organisation_than_the_api_says_is_disputed(world):
    world.know("123456", "987654333", merchant="Somebody Else AS")
    world.deliver(approval_mail("123456", org="987654325"))
    assert world.run("run").status == 3
    disputed = world.log("--state", "disputed")
    assert [entry["msn"] for entry in disputed] == ["123456"] and world.count("approval") == 0
    assert "987654333" in json.dumps(world.show(disputed[0]["id"])["claim"]["api"])
    assert world.received("approval.confirmed") == []


def test_an_oversize_mail_is_not_fetched_and_costs_nothing_but_a_row(world):
    world.config["limits"] = {"mail_bytes": "1M"}
    world.know("123456", "987654325")
    world.deliver(approval_mail("654321", padding=2 << 20))
    world.deliver(approval_mail("123456"))
    world.run("run")
    assert [row["fate"] for row in world.rows("SELECT fate FROM mail ORDER BY uid")] == ["oversize", "read"]
    assert len(world.received("approval.confirmed")) == 1
    assert [event["type"] for event in world.events("mail.oversize")] == ["mail.oversize"]
    assert world.count("mail_bytes") == 1


def test_junk_is_read_too(world):
    world.know("123456", "987654325")
    world.deliver(approval_mail("123456"), folder="Junk")
    assert world.run("run").status == 0
    assert len(world.received("approval.confirmed")) == 1


def test_nothing_is_changed_on_the_server(one_approval):
    world = one_approval
    commands = world.dovecot.commands(world.user, names_only=False)
    assert commands and not [c for c in commands if re.match(r"SELECT|STORE|UID STORE|EXPUNGE|COPY|UID COPY|MOVE|UID MOVE", c)]
    fetches = [c for c in commands if c.startswith("UID FETCH")]
    assert fetches and not [c for c in fetches if re.search(r"\bBODY\[|RFC822(?!\.SIZE)", c)]


# ---- looking at it

def test_log_filters_and_formats_agree(sample_world):
    everything = sample_world.log()
    for entry in everything:
        if entry["msn"]:
            assert entry in sample_world.log("--msn", entry["msn"])
        assert entry in sample_world.log("--state", entry["state"])
    norwegian = sample_world.log("--state", "confirmed", "--country", "NO")
    assert {entry["country"] for entry in norwegian} == {"NO"}
    assert json.loads(sample_world.run("log", "--format", "json").out) == everything
    table = list(csv.DictReader(io.StringIO(sample_world.run("log", "--format", "csv").out)))
    assert [row["id"] for row in table] == [entry["id"] for entry in everything]
    assert sample_world.run("log").out.count("\n") == len(everything) + 1
    assert sample_world.log("--limit", "2") == everything[:2] and sample_world.log("--org", "000000000") == []
    assert sample_world.log("--since", "2099-01-01") == []


def test_log_of_a_database_that_is_not_there_is_one_clear_line(world):
    result = world.run("log")
    assert result.status == 10 and len(result.lines) == 1 and str(world.database) in result.err


def test_show_knows_every_kind_of_id(one_approval):
    world = one_approval
    approval = world.log()[0]["id"]
    event = world.events()[0]["id"]
    ids = [approval, event, "clm_1", "mail_1", f"dlv_{world.rows('SELECT id FROM delivery')[0]['id']}"]
    for id in ids:
        shown = world.run("show", id)
        assert shown.status == 0 and shown.out and shown.err == "", id
    attempts = world.show(approval)["events"][0]["deliveries"]
    assert {delivery["state"] for delivery in attempts} == {"delivered"}
    assert all(len(delivery["attempts"]) == 1 for delivery in attempts)
    for wrong in ("clm_999", "apr_0", "xyz", "mail_"):
        assert world.run("show", wrong).status == 2, wrong


def test_the_chain_of_events_verifies(sample_world):
    result = sample_world.run("verify")
    assert result.status == 0 and result.err == "" and "chain whole" in result.out
    assert str(sample_world.count("event")) in result.out


@pytest.mark.parametrize("change", [
    "UPDATE event SET at_ms = at_ms + 1 WHERE seq = 2",
    "UPDATE event SET type = 'approval.gone' WHERE seq = 1",
    "DELETE FROM event WHERE seq = 2",
    "UPDATE event_payload SET payload = replace(payload, '987654325', '987654333') WHERE seq = 1",
    "UPDATE event_payload SET salt = randomblob(32) WHERE seq = 1",
])
def test_a_changed_or_removed_event_is_found_by_verify(world, change):
    for msn in ("123456", "123457", "123458"):
        world.know(msn, "987654325")
        world.deliver(approval_mail(msn))
    assert world.run("run").status == 0
    db = sqlite3.connect(world.database)
    triggers = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
    db.execute("PRAGMA foreign_keys = OFF")
    with pytest.raises(sqlite3.IntegrityError):  # by accident it cannot happen
        db.execute(change)
    for name in triggers:
        db.execute(f"DROP TRIGGER {name}")
    assert db.execute(change).rowcount == 1
    db.commit()
    db.close()
    result = world.run("verify")
    assert result.status == 10
    assert re.search(r"^events: .*\b[123]\b", result.out, re.M) and "chain whole" not in result.out


def link_hash(event):
    """The hash of an event as schema.sql documents it: over 0x00 and the other columns, each after its length."""
    digest = hashlib.sha256(b"\0")
    for value in (event["seq"], event["id"], event["at_ms"], event["type"], event["ref"], event["commit"], event["prev"]):
        value = value.to_bytes(8, "big") if isinstance(value, int) else value.encode() if isinstance(value, str) else value
        digest.update(len(value).to_bytes(8, "big") + value)
    return digest.digest()


def test_the_chain_can_be_recomputed_by_anyone(sample_world):
    last = bytes(32)
    for event in sample_world.rows("SELECT * FROM event JOIN event_payload USING (seq) ORDER BY seq"):
        assert event["prev"] == last and event["hash"] == link_hash(event)
        assert hmac.digest(event["salt"], event["payload"].encode(), "sha256") == event["commit"]
        last = event["hash"]
    assert last.hex() in sample_world.run("verify").out


def test_an_event_rewritten_with_a_hash_that_fits_breaks_the_link_to_the_next(world):
    for msn in ("123456", "123457", "123458"):
        world.know(msn, "987654325")
        world.deliver(approval_mail(msn))
    world.run("run")
    event = world.rows("SELECT * FROM event WHERE seq = 2")[0]
    event["at_ms"] -= 86400000
    db = sqlite3.connect(world.database)
    db.execute("DROP TRIGGER event_no_update")
    db.execute("UPDATE event SET at_ms = ?, hash = ? WHERE seq = 2", (event["at_ms"], link_hash(event)))
    db.commit()
    db.close()
    result = world.run("verify")
    assert result.status == 10 and "event 3" in result.out


def test_an_erased_payload_leaves_the_chain_whole(one_approval):
    db = sqlite3.connect(one_approval.database)
    db.execute("UPDATE event_payload SET payload = NULL, salt = NULL")
    db.commit()
    db.close()
    assert one_approval.run("verify").status == 0


def test_ids_are_the_same_in_a_copied_database(one_approval):
    """What a restored backup sends has the ids that were sent before."""
    world = one_approval
    sent = world.receiver.got[0]
    db = sqlite3.connect(world.database)
    db.execute("UPDATE delivery SET state = 'due', settled_ms = NULL, next_ms = 0")
    db.commit()
    db.close()
    world.run("notify")
    again = world.receiver.got[-1]
    assert again is not sent and (again.id, again.body) == (sent.id, sent.body)
    assert int(again.headers["webhook-timestamp"]) - time.time() < 10


def test_mailboxes_are_worked_on_side_by_side_and_one_that_fails_stops_no_other(world):
    world.know("123456", "987654325")
    world.deliver(approval_mail("123456"))
    world.config["mailboxes"].append({**world.mailbox, "name": "broken",
        "password_file": world.secret("wrong.password", "not it")})
    result = world.run("run")
    assert result.status == 12 and len(result.lines) == 1 and "broken" in result.err
    assert len(world.received("approval.confirmed")) == 1


def test_people_get_one_mail_for_each_approval_and_each_held_claim_and_one_for_all_that_is_not_proven(sample_world):
    told = [mail for mail in sample_world.smtp.mails if "onboarding-team@example.com" in mail.recipients]
    proven = sample_world.count("claim", "trusted AND state IN ('held', 'disputed')")
    assert sample_world.count("claim", "NOT trusted AND state = 'held'") > 1
    assert len(told) == len(expected_approvals()) + proven + 1
    assert all(mail.message["Subject"] for mail in told)


@pytest.mark.plain
def test_a_mail_that_eats_a_childs_memory_is_quarantined_in_silence_and_read_no_more(world):
    """Two million header fields in one part: far more memory than a child may have."""
    raw = approval_mail("123456", proven=False).replace(b"Content-Type: text/plain; charset=utf-8",
        b'Content-Type: multipart/mixed; boundary="b"').partition(b"\r\n\r\n")[0]
    assert b"boundary" in raw
    world.deliver(raw + b"\r\n\r\n--b\r\n" + b"a:b\r\n" * 2_000_000 + b"\r\n\r\n--b--\r\n")
    result = world.run("run")
    assert (result.status, result.out, result.err) == (3, "", "")
    assert [row["fate"] for row in world.rows("SELECT fate FROM mail")] == ["quarantined"]
    assert world.run("run").status == 0


def test_a_changed_screen_is_asked_again_about_ignored_mails(world):
    """The rules' own words are part of it, wherever their file lies."""
    rules = world.dir / "rules.yaml"
    rules.write_text(RULES.read_text())
    screens = []  # of each pass
    for number, change in enumerate(["", "", "# another word\n"]):
        rules.write_text(rules.read_text() + change)
        rules.chmod(0o600)
        world.config["rules"] = [str(rules)]
        world.deliver(noise_mail(number))
        assert world.run("ingest").status == 0
        rows = world.rows("SELECT DISTINCT screen, count(*) AS n FROM mail WHERE fate = 'ignored'")
        assert len(rows) == 1 and rows[0]["n"] == number + 1  # all of them were asked about by today's
        screens.append(rows[0]["screen"])
    assert screens[0] == screens[1] != screens[2]


def test_without_a_screen_what_was_passed_over_is_read_as_what_it_was_when_it_came(world):
    """What was there before the first pass is history, and what came after it is not."""
    world.mailbox["announce"] = "new"
    for arrived in ("before", "after"):
        world.deliver(noise_mail(arrived))
        assert world.run("run").status == 0
    world.mailbox["screen"] = "off"
    assert world.run("run").status == 0
    assert [(row["fate"], row["history"]) for row in world.rows("SELECT fate, history FROM mail ORDER BY uid")] == [
        ("read", 1), ("read", 0)]
    assert world.run("run").lines == []
