"""What is down comes back, and then everything that was due is done, once. The clock is moved by libfaketime."""
import json
import secrets
import sqlite3
import time

import pytest

from conftest import BIG
from servers import management, web
from servers.world import approval_mail

MINUTE, HOUR, DAY = 60, 3600, 86400
clock = pytest.mark.clock


@pytest.fixture
def pending(world):
    """One trusted mail whose sales unit the API knows; nothing has run yet."""
    world.know("123456", "987654325")
    world.deliver(approval_mail("123456"))
    world.began = time.time()
    return world


def due_at(world):
    """When the claim is asked about next, in seconds."""
    return world.rows("SELECT next_ms FROM claim")[0]["next_ms"] / 1000


# ---- the API

@clock
@pytest.mark.parametrize("fault", [name for name in management.FAULTS if name not in ("404", "hang") or
    name == "hang" and BIG])
def test_while_the_api_fails_a_claim_stays_pending_and_a_later_run_confirms_it(pending, fault):
    world = pending
    world.api.fault = management.FAULTS[fault]
    result = world.run("run")
    assert result.status == (15 if fault in ("401", "403") else 0), result
    assert len(result.lines) <= 1
    assert [entry["state"] for entry in world.log()] == ["pending"]
    assert world.received("approval.confirmed") == []
    world.api.fault = None
    later = world.run("run", at=world.began + HOUR)
    assert later.status == 0
    assert [entry["state"] for entry in world.log()] == ["confirmed"]
    assert len(world.received("approval.confirmed")) == 1


@clock
def test_an_api_that_cannot_be_reached_is_asked_again(pending):
    world = pending
    world.api.stop()
    first = world.run("run")
    assert first.status == 0 and len(first.lines) == 1
    assert [entry["state"] for entry in world.log()] == ["pending"]
    silent = world.run("run", at=world.began + 20 * MINUTE)
    assert silent.lines == []  # the same cause again: nothing for six hours
    assert world.run("run", at=world.began + HOUR).status == 3  # failing for over 30 minutes
    world.api.start()
    back = world.run("run", at=world.began + 2 * HOUR)
    assert [entry["state"] for entry in world.log()] == ["confirmed"]
    assert back.status == 0 and len(back.lines) <= 1  # that it ended is said once
    assert world.run("run", at=world.began + 3 * HOUR).lines == []


@clock
def test_retry_after_is_kept(pending):
    world = pending
    world.api.fault = management.LIMITED  # says: in 120 seconds
    world.run("run")
    asked = len(world.api.asked)
    world.api.fault = None
    world.run("enrich", at=world.began + 60)
    assert len(world.api.asked) == asked
    world.run("enrich", at=world.began + 300)
    assert [entry["state"] for entry in world.log()] == ["confirmed"]


def test_an_unexpected_401_fetches_one_new_token_and_asks_once_more(pending):
    world = pending
    refused = []

    def once(handler):
        refused.append(handler.path)
        world.api.fault = None
        management.GATEWAY_401(handler)
    world.api.fault = once
    assert world.run("run").status == 0
    assert len(refused) == 1 and len(world.api.tokens) == 2
    assert len(world.received("approval.confirmed")) == 1


def test_keys_that_are_refused_are_exit_status_15_and_one_clear_line(pending):
    world = pending
    world.api.token_fault = management.GATEWAY_401
    result = world.run("run")
    assert result.status == 15 and len(result.lines) == 1 and result.out == ""
    assert [entry["state"] for entry in world.log()] == ["pending"]


def test_one_token_serves_a_whole_pass(world):
    for number in range(5):
        world.know(str(200000 + number), "987654325")
        world.deliver(approval_mail(str(200000 + number)))
    world.run("run")
    assert len(world.received("approval.confirmed")) == 5 and len(world.api.tokens) == 1


@clock
def test_a_404_is_asked_about_on_schedule_and_then_unconfirmed(world):
    """5 min, 30 min, 2 h, 6 h, then daily for 14 days; claim.pending is told once, after 4 hours."""
    world.deliver(approval_mail("123456"))
    now = began = time.time()
    assert world.run("run", at=now).status == 0
    waits = []
    while [entry["state"] for entry in world.log()] == ["pending"]:
        due = due_at(world)
        asked = len(world.api.asked)
        world.run("enrich", at=due - 5)
        assert len(world.api.asked) == asked  # not a second early
        waits.append(due - now)
        now = due + 1
        world.run("run", at=now)
        assert len(waits) < 30
    expected = [5 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR]
    assert [round(wait / MINUTE) for wait in waits[:4]] == [wait // MINUTE for wait in expected]
    assert {round(wait / HOUR) for wait in waits[4:]} == {24}
    assert 13.5 * DAY <= now - began <= 15.5 * DAY
    assert [entry["state"] for entry in world.log("--state", "unconfirmed")] == ["unconfirmed"]
    told = [event["type"] for event in world.events()]
    assert told == ["claim.pending", "claim.unconfirmed"]
    assert world.rows("SELECT at_ms FROM event")[0]["at_ms"] / 1000 - began >= 4 * HOUR
    assert world.received("approval.confirmed") == []


@clock
def test_a_unit_that_the_api_learns_of_later_is_confirmed_then(world):
    world.deliver(approval_mail("123456"))
    began = time.time()
    world.run("run", at=began)
    world.know("123456", "987654325")
    world.run("run", at=began + 2 * MINUTE)
    assert world.received("approval.confirmed") == []
    world.run("run", at=began + 6 * MINUTE)
    assert len(world.received("approval.confirmed")) == 1


@clock
def test_the_14_days_stand_still_while_the_api_is_down(world):
    world.deliver(approval_mail("123456"))
    began = time.time()
    world.run("run", at=began)
    world.api.fault = management.BAD_GATEWAY
    for day in range(1, 30, 4):
        world.run("run", at=began + day * DAY)
    assert [entry["state"] for entry in world.log()] == ["pending"]
    world.know("123456", "987654325")
    world.api.fault = None
    world.run("run", at=began + 31 * DAY)
    assert [entry["state"] for entry in world.log()] == ["confirmed"]


def test_a_claim_that_the_api_never_answers_does_not_hold_back_the_others(world):
    for msn in ("111111", "222222"):
        world.know(msn, "987654325")
        world.deliver(approval_mail(msn))

    def fault(handler):
        if handler.path.endswith("/111111"):
            return web.close(handler)
        world.api.fault = None
        try:
            return world.api.handle(handler)
        finally:
            world.api.fault = fault
    world.api.fault = fault
    for _ in range(2):
        world.run("run")
    assert [body["data"]["msn"] for body in world.received("approval.confirmed")] == ["222222"]
    assert [entry["msn"] for entry in world.log("--state", "pending")] == ["111111"]


# ---- receivers

SCHEDULE = [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR]


def crm(world):
    return world.rows("SELECT * FROM delivery WHERE endpoint = 'crm'")[0]


def sent(world, id):
    """How often this webhook has been tried."""
    return sum(delivery.id == id for delivery in world.receiver.got)


@clock
def test_a_receiver_that_stays_down_is_retried_on_schedule_with_one_id_and_then_dead(pending, verify_webhooks):
    """0, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, each 20 % more or less; a new timestamp each time."""
    world = pending
    world.receiver.fault = web.status(500, b"down")
    now = world.began
    result = world.run("run", at=now)
    assert len(result.lines) == 1 and len(world.received("approval.confirmed")) == 1
    id = crm(world)["webhook_id"]
    for n, wait in enumerate(SCHEDULE, 2):
        due = crm(world)["next_ms"] / 1000
        assert crm(world)["state"] == "due" and 0.79 * wait - 2 <= due - now <= 1.21 * wait + 3, (wait, due - now)
        if wait > 10:
            world.run("notify", at=due - 3)
            assert sent(world, id) == n - 1  # not early
        now = due + 1
        world.run("notify", at=now)
        assert sent(world, id) == n
    assert crm(world)["state"] == "dead"
    assert world.count("attempt", f"delivery_id = {crm(world)['id']} AND status = 500") == 10
    tries = [d for d in world.receiver.got if d.id == id]
    assert len(tries) == 10 and len({d.body for d in tries}) == 1
    stamps = [int(d.headers["webhook-timestamp"]) for d in tries]
    assert stamps == sorted(set(stamps))
    assert [verify_webhooks(world.webhook_secret, [d], at=stamp) for d, stamp in zip(tries, stamps)] == [[None]] * 10
    # the e-mail did not wait for the webhook
    assert world.count("delivery", "endpoint = 'team' AND state = 'delivered'") >= 1
    world.receiver.fault = None
    world.run("run", at=now + 30 * DAY)
    assert sent(world, id) == 10


@clock
@pytest.mark.parametrize("way", ["no server", "301", "429", "cut", "hang"])
def test_a_receiver_that_comes_back_gets_what_it_missed_with_the_same_id(pending, way):
    world = pending
    if way == "hang" and not BIG:
        pytest.skip("15 seconds: APPROVALS_BIG=1")
    if way == "no server":
        world.receiver.stop()
    else:
        world.receiver.fault = {"301": web.status(301, headers=[("Location", world.receiver.url + "/else")]),
            "429": web.status(429, headers=[("Retry-After", "3600")]), "cut": web.close,
            "hang": web.hang}[way]
    world.run("run")
    delivery = crm(world)
    assert delivery["state"] == "due"
    if way == "429":
        assert delivery["next_ms"] / 1000 - world.began > 0.95 * HOUR
    ids = {d.id for d in world.receiver.got}
    assert ids <= {delivery["webhook_id"]} and all(d.path == "/hooks/vipps" for d in world.receiver.got)
    if way == "no server":
        world.receiver.start()
    world.receiver.fault = None
    world.run("run", at=delivery["next_ms"] / 1000 + 10)
    assert crm(world)["state"] == "delivered"
    assert world.receiver.got[-1].id == delivery["webhook_id"]
    before = sent(world, delivery["webhook_id"])
    world.run("run", at=delivery["next_ms"] / 1000 + DAY)
    assert sent(world, delivery["webhook_id"]) == before


@clock
@pytest.mark.parametrize("refusal, state, status", [({"RCPT": "450 busy"}, "due", 0), ({"DATA": "451 later"}, "due", 0),
    ({"AUTH": "535 no"}, "due", 12)])
def test_an_smtp_server_that_says_later_is_asked_later(pending, refusal, state, status):
    world = pending
    world.smtp.refuse = refusal
    assert world.run("run").status == status
    assert world.smtp.mails == []
    team = world.rows("SELECT * FROM delivery WHERE endpoint = 'team'")[0]
    assert team["state"] == state
    assert len(world.received("approval.confirmed")) == 1  # the webhook did not wait for it
    world.smtp.refuse = {}
    world.run("run", at=team["next_ms"] / 1000 + 10)
    ids = [mail.message["Message-ID"] for mail in world.smtp.mails]
    assert len([i for i in ids if team["webhook_id"] in i]) == 1


def test_one_refused_address_holds_back_no_other(pending):
    world = pending
    world.config["endpoints"][1]["email"] = ["bad@example.com", "good@example.com"]
    real = world.smtp.handle_RCPT

    async def handle(server, session, envelope, address, options):
        return "550 no such user" if address == "bad@example.com" else await real(server, session, envelope, address, options)
    world.smtp.handle_RCPT = handle
    world.smtp.stop()
    world.smtp.start()
    world.run("run")
    assert [mail.recipients for mail in world.smtp.mails] == [["good@example.com"]]
    states = {row["target"]: row["state"] for row in world.rows("SELECT target, state FROM delivery WHERE endpoint = 'team'")}
    assert states["good@example.com"] == "delivered" and states["bad@example.com"] != "delivered"


# ---- the mailbox

@clock
def test_a_mail_that_never_comes_stays_pending_is_told_and_holds_back_no_other(pending):
    world = pending
    world.deliver(b"")  # its body is empty, which no mail's is
    first = world.run("run")
    assert first.status == 0 and len(first.lines) == 1 and "mails could not be fetched" in first.err
    assert [entry["state"] for entry in world.log()] == ["confirmed"]
    later = world.run("run", at=world.began + HOUR)
    assert later.status == 3 and later.err == "" and len(world.events("mailbox.failing")) == 1
    mail, = world.rows("SELECT fate, attempts FROM mail WHERE fate <> 'read'")
    assert mail["fate"] == "pending" and mail["attempts"] >= 2


def test_a_refused_login_is_exit_status_12_and_one_clear_line(world):
    world.mailbox["password_file"] = world.secret("wrong.password", "canary-not-the-password")
    result = world.run("run")
    assert result.status == 12 and result.out == "" and len(result.lines) == 1
    assert "onboarding" in result.err and "canary" not in result.err


def test_an_imap_server_that_is_away_is_no_error_at_first_and_loses_nothing(pending):
    world = pending
    url, world.mailbox["url"] = world.mailbox["url"], "imaps://localhost:1"
    result = world.run("run")
    assert result.status == 0 and len(result.lines) == 1 and "onboarding" in result.err
    world.mailbox["url"] = url
    back = world.run("run")
    assert back.status == 0 and len(back.lines) == 1 and "recovered" in back.err
    assert len(world.received("approval.confirmed")) == 1


@clock
def test_a_mailbox_that_stays_away_is_told_to_the_operators_once(pending):
    world = pending
    url, world.mailbox["url"] = world.mailbox["url"], "imaps://localhost:1"
    statuses = [world.run("run", at=world.began + at).status for at in (0, 20 * MINUTE, 40 * MINUTE, 60 * MINUTE)]
    assert statuses == [0, 0, 3, 3]
    assert [event["type"] for event in world.events()] == ["mailbox.failing"]
    assert [mail.recipients for mail in world.smtp.mails] == [["ops@example.com"]]
    world.mailbox["url"] = url
    world.run("run", at=world.began + 2 * HOUR)
    assert "mailbox.recovered" in [event["type"] for event in world.events()]
    assert len(world.received("approval.confirmed")) == 1


def test_what_the_api_failed_with_can_be_looked_up(pending):
    world = pending
    world.api.fault = management.BAD_GATEWAY
    world.run("run")
    shown = world.run("show", "clm_1")
    assert shown.status == 0 and "<html" not in shown.out
    trouble = world.rows("SELECT cause, error FROM trouble")
    assert len(trouble) == 1 and "502" in trouble[0]["error"]
    assert "<html" not in json.dumps(trouble)


def test_a_disk_without_room_is_said_once_and_the_mail_waits_on_the_server(pending):
    world = pending
    world.config["limits"] = {"min_free": "1000000G"}
    first = world.run("run")
    assert first.status == 75 and len(first.lines) == 1 and "min_free" in first.err
    again = world.run("run")
    assert again.status == 75 and again.lines == []
    del world.config["limits"]
    back = world.run("run")
    assert back.status == 0 and len(back.lines) == 1 and "recovered" in back.err
    assert len(world.received("approval.confirmed")) == 1


def test_a_limit_of_file_size_is_a_full_disk_and_no_death(pending):
    world = pending
    world.run("enrich")  # makes the database
    world.deliver(approval_mail("222222") + b"\r\n".join(secrets.token_hex(35).encode() for _ in range(2000)))  # to be kept
    result = world.run("run", before=["/usr/bin/prlimit", f"--fsize={world.database.stat().st_size}"])
    assert result.status == 75 and len(result.lines) == 1 and "the disk is full" in result.err, result
    world.run("run")
    assert world.count("mail", "fate = 'read'") == 2


def test_a_mailbox_that_has_none_of_its_folders_is_a_failure_and_no_silence(pending):
    pending.mailbox["folders"] = ["\\Archive"]
    result = pending.run("run")
    assert len(result.lines) == 1 and "folder" in result.err


@pytest.mark.parametrize("command", ["enrich", "notify"])
def test_a_busy_database_is_status_75_and_one_line_that_says_so(pending, command):
    world = pending
    world.run("ingest")
    if command == "notify":
        world.run("enrich")
    db = sqlite3.connect(world.database, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")  # another program, which takes its time
    result = world.run(command)
    db.close()
    assert result.status == 75 and len(result.lines) == 1 and "busy" in result.err
    again = world.run("run")
    assert again.status == 0 and len(world.received("approval.confirmed")) == 1
