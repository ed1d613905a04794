"""What waits for a person, and what the person decides."""
import fcntl
import getpass
import json
import os

import pytest

from servers.world import approval_mail


def review(world, *args):
    result = world.run("review", "--format", "ndjson", *args)
    assert result.status == 0, result
    return [json.loads(line) for line in result.out.splitlines()]


def asked(world):
    """Questions to the API, the token aside."""
    return [path for path in map(str, world.api.asked) if "/management/" in path]


def waits(world):
    return {item["id"]: item["waits"] for item in review(world, "--offline")}


@pytest.fixture
def forged(world):
    """Two forgeries of one unit that the API knows."""
    world.know("123456", "987654325")
    for name in ("Forged One AS", "Forged Two AS"):
        world.deliver(approval_mail("123456", merchant=name, proven=False))
    assert world.run("run").status == 3
    return world


def test_review_shows_why_a_claim_waits_and_what_shows_it_and_what_the_api_says(forged):
    first = review(forged)[0]
    assert (first["id"], first["waits"], first["trusted"], first["mail"]) == ("clm_1", "held", False, "mail_1")
    assert first["merchant_name"] == "Forged One AS" and "123456" in first["evidence"]["msn"]["text"]
    assert [r["code"] for r in first["reasons"] if r["doubt"]] and first["sender"]["proof"] == "none"
    assert first["api"]["answer"] == "agrees" and first["api"]["merchant"]["name"] == "Fjord Kaffe AS"
    table = forged.run("review", "--offline").out
    for text in ("clm_1  held", "987654325", "Forged One AS", "not proven", "(doubt)", "agrees at", "mail_1"):
        assert text in table, text
    assert forged.log("--state", "held") and forged.count("approval") == 0
    assert json.loads(forged.run("review", "--format", "json", "--limit", "1").out)[0]["id"] == "clm_1"
    assert review(forged, "--mailbox", "other") == [] and review(forged, "--since", "2099-01-01") == []


def test_offline_asks_nothing_and_what_was_asked_lately_is_not_asked_again(forged):
    review(forged, "--offline")
    assert asked(forged) == []
    review(forged)
    before = len(asked(forged))
    assert before == 4
    review(forged)
    assert len(asked(forged)) == before


def test_twenty_questions_an_hour_are_asked_about_what_is_not_proven_and_trusted_claims_come_first(world):
    world.know("123456", "987654333", merchant="Somebody Else AS")
    for n in range(30):
        world.deliver(approval_mail(str(500000 + n), merchant=f"Forged {n} AS", proven=False))
    world.deliver(approval_mail("123456"))
    world.run("run")
    before = len(asked(world))
    result = world.run("review", "--format", "ndjson")
    assert len(asked(world)) - before <= 20
    assert len(result.lines) == 1 and "review.unasked" in result.err
    items = [json.loads(line) for line in result.out.splitlines()]
    assert len(items) == 31 and (items[0]["msn"], items[0]["waits"]) == ("123456", "disputed")
    before = len(asked(world))
    world.run("review")
    assert len(asked(world)) == before or len(asked(world)) - before <= 2


def test_an_accepted_claim_is_confirmed_by_the_api_and_supersedes_the_others_in_silence(forged):
    result = forged.run("review", "accept", "clm_2", "--why", "they called us", "--by", "Kari Nordmann")
    assert (result.status, result.out, result.err) == (0, "", "")
    assert [entry["state"] for entry in forged.log("--state", "pending")] == ["pending"]
    assert forged.run("run").status == 0
    approval = forged.received("approval.confirmed")[0]["data"]
    assert (approval["confirmed_by"], approval["merchant_name"]) == ("management-api", "Fjord Kaffe AS")
    assert waits(forged) == {}
    assert [event["type"] for event in forged.events()] == ["claim.held", "claim.held", "claim.accepted", "approval.confirmed"]
    kept = forged.show("clm_2")["reviews"]
    assert len(kept) == 1 and kept[0]["user"] == getpass.getuser() and kept[0]["by"] == "Kari Nordmann"
    assert (kept[0]["decision"], kept[0]["was"], kept[0]["why"]) == ("accept", "held", "they called us")
    with open("/proc/self/loginuid") as f:
        uid = int(f.read())
    assert kept[0]["login_uid"] == (None if uid == 2 ** 32 - 1 else uid)
    assert forged.show(approval["id"])["claims"][0]["reviews"] or forged.show(approval["id"])["claims"][1]["reviews"]
    assert forged.run("verify").status == 0


def test_a_rejected_claim_is_never_asked_about_and_twice_the_same_is_refused(forged):
    assert forged.run("review", "reject", "clm_1", "clm_2", "--why", "phishing").status == 0
    assert forged.run("run").status == 0 and forged.count("approval") == 0 and waits(forged) == {}
    again = forged.run("review", "reject", "clm_1", "--why", "phishing")
    assert again.status == 2 and "clm_1: it is rejected already, by " in again.err
    assert [event["type"] for event in forged.events()][2:] == ["claim.rejected"] * 2
    assert forged.run("review", "accept", "clm_1", "--why", "it was true").status == 0
    assert forged.run("run").status == 0 and forged.count("approval") == 1
    late = forged.run("review", "accept", "clm_1", "--why", "again")
    assert late.status == 2 and "confirmed already" in late.err


def test_decisions_about_several_are_all_made_or_none(forged):
    result = forged.run("review", "reject", "clm_1", "clm_99", "--why", "x")
    assert result.status == 2 and "clm_99" in result.err
    assert waits(forged) == {"clm_1": "held", "clm_2": "held"} and forged.count("review") == 0


@pytest.mark.parametrize("args", [["accept", "clm_1"], ["accept", "--why", "x"], ["accept", "clm_1", "--why", ""],
    ["accept", "clm_1", "--why", "two\nlines"], ["reject", "clm_1", "--why", "x", "--although-disputed"],
    ["accept", "evt_1", "--why", "x"], ["accept", "mail_1", "--why", "x"], ["frobnicate"], ["--limit", "0"]])
def test_a_decision_that_makes_no_sense_is_refused(forged, args):
    assert forged.run("review", *args).status == 2
    assert forged.count("review") == 0


def test_a_disputed_claim_is_confirmed_by_a_person_only_who_knows_that_the_api_disagrees(world):
    world.know("123456", "987654333", merchant="Somebody Else AS")
    world.deliver(approval_mail("123456"))
    world.run("run")
    refused = world.run("review", "accept", "clm_1", "--why", "x")
    assert refused.status == 2 and "--although-disputed" in refused.err
    assert world.run("review", "accept", "clm_1", "--why", "merged last week", "--although-disputed").status == 0
    assert world.run("run").status == 0
    approval = world.received("approval.confirmed")[0]["data"]
    assert (approval["confirmed_by"], approval["org_number"]) == ("person", "987654325")
    assert world.log()[0]["confirmed_by"] == "person"


def test_without_an_api_a_persons_word_confirms(world):
    world.config["management_api"] = "none"
    world.config["without_api"] = "hold"
    world.deliver(approval_mail("123456"))
    world.run("run")
    assert list(waits(world).values()) == ["held"]
    assert world.run("review", "accept", "clm_1", "--why", "seen in the portal").status == 0
    assert world.run("run").status == 0
    assert world.received("approval.confirmed")[0]["data"]["confirmed_by"] == "person"


def test_mails_that_nobody_understood_wait_until_they_were_looked_at(world):
    world.deliver(approval_mail("123456").replace(b"approved", b"frobnicated"))
    world.run("run")
    items = review(world, "--offline")
    assert [(item["id"], item["waits"], item["trusted"]) for item in items] == [("mail_1", "unmatched", True)]
    assert world.run("review", "accept", "mail_1", "--why", "a new kind of newsletter").status == 0
    assert review(world, "--offline") == [] and world.show("mail_1")["reviews"][0]["was"] == "read"
    assert world.run("review", "reject", "mail_1", "--why", "no").status == 2


def test_a_person_decides_while_a_pass_holds_the_lock(forged):
    with open(f"{forged.database}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert forged.run("review", "reject", "clm_1", "--why", "phishing").status == 0
    assert forged.log("--state", "rejected")


def test_review_of_a_database_that_is_not_there_makes_none(world):
    for args in (["review"], ["review", "reject", "clm_1", "--why", "x"]):
        assert world.run(*args).status == 10
        assert not os.path.exists(world.database)


def test_an_api_that_is_down_stops_nobody_from_looking(forged):
    forged.api.stop()
    result = forged.run("review", "--format", "ndjson")
    assert result.status == 0 and len(result.out.splitlines()) == 2
    assert len(result.lines) == 1 and "review.unasked" in result.err


# ---- config.changed

def hashes(world):
    return [(event["data"]["before"], event["data"]["after"]) for event in world.events("config.changed")]


def test_a_change_of_configuration_or_rules_is_in_the_chain_once(world):
    rules = world.dir / "rules.yaml"
    rules.write_bytes(open(world.config["rules"][0], "rb").read())
    rules.chmod(0o600)
    world.config["rules"] = [str(rules)]
    world.run("run")
    world.config = dict(reversed(list(world.config.items())))  # the same, in another order
    world.run("run")
    assert hashes(world) == []
    world.config["sender"]["max_age"] = "20d"
    world.run("enrich")
    world.run("run")
    (before, after), = hashes(world)
    assert {key for key in after if after[key] != before[key]} == {"configuration"}
    rules.write_text(rules.read_text() + "# another word\n")
    world.run("notify")
    (_, _), (before, after) = hashes(world)
    assert {key for key in after if after[key] != before[key]} == {"rules"} and after["version"] and after["build"]
    del world.config["sender"]["max_age"]  # and back again is a change too
    world.run("run")
    world.config["sender"]["max_age"] = "20d"
    world.run("run")
    assert len(hashes(world)) == 4 and world.run("verify").status == 0
