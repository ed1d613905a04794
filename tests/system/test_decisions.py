"""The decision table (architecture, States), each row by its name, with the clock moved by libfaketime."""
import json
import time

import pytest

from servers import management, web
from servers.world import approval_mail

pytestmark = pytest.mark.clock

MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.fixture
def now():
    return int(time.time())


def arrives(world, msn="123456", **options):
    world.deliver(approval_mail(msn, **options))


def states(world):
    return [row["state"] for row in world.rows("SELECT state FROM claim ORDER BY id")]


def told(world):
    return [event["type"] for event in world.events() if event["type"].partition(".")[0] in ("claim", "approval", "api")]


def questions(world):
    return len([path for _, path in world.api.asked if "/management/" in path])


def pass_at(world, at):
    """How many questions a pass at that time costs."""
    before = questions(world)
    world.run("enrich", at=at)
    return questions(world) - before


# ---- trusted, no doubts: the API decides

def test_the_api_agrees_confirmed(world, now):
    world.know("123456", "987654325")
    arrives(world)
    assert world.run("run", at=now + 60).status == 0
    assert states(world) == ["confirmed"] and told(world) == ["approval.confirmed"]
    assert world.log()[0]["confirmed_by"] == "management-api"


def test_404_of_a_working_login_is_asked_on_schedule_told_once_and_ends_unconfirmed(world, now):
    arrives(world)
    at = now + 60
    assert world.run("run", at=at).status == 0 and questions(world) == 2   # the unit, and those of its organisation
    waits = [5 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR] + [DAY] * 14
    told_after = None
    for n, wait in enumerate(waits, 1):
        assert states(world) == ["pending"], n
        if n in (1, 4, 18):
            assert pass_at(world, at + wait - 30) == 0, n   # not before it is due
        at += wait + 30     # a pass is later than its due time, and begins some seconds after its clock
        world.run("enrich", at=at)
        if "claim.pending" in told(world) and told_after is None:
            told_after = at - now
        if n < len(waits):
            assert world.rows("SELECT asks FROM claim")[0]["asks"] == n + 1
    assert states(world) == ["unconfirmed"] and told(world) == ["claim.pending", "claim.unconfirmed"]
    assert 4 * HOUR <= told_after < 9 * HOUR
    answer, = world.show("clm_1")["answers"]
    assert (answer["answer"], answer["times"]) == ("not-found", 19)


def test_claim_pending_is_told_after_four_hours_though_no_question_is_due(world, now):
    arrives(world)
    world.run("run", at=now + 60)
    for after in (7 * MINUTE, 45 * MINUTE, 3 * HOUR):   # the next question is then 6 hours later
        world.run("run", at=now + after)
    assert told(world) == []
    before = questions(world)
    world.run("run", at=now + 4 * HOUR + 5 * MINUTE)
    world.run("run", at=now + 5 * HOUR)
    assert told(world) == ["claim.pending"] and questions(world) == before
    pending, = world.events("claim.pending")
    assert pending["data"]["api"]["answer"] == "not-found"


@pytest.mark.parametrize("fault", ["hang-up", "401", "403", "429", "500", "html-200"])
def test_an_api_that_is_down_refuses_or_limits_leaves_it_pending_and_the_14_days_stand_still(world, now, fault):
    arrives(world)
    world.api.fault = management.FAULTS["cut" if fault == "hang-up" else fault]
    if fault == "401":
        world.api.token_fault = management.FAULTS["401"]
    for day in range(0, 40, 3):
        world.run("run", at=now + 60 + day * DAY)
    claim, = world.rows("SELECT state, asks FROM claim")
    assert (claim["state"], claim["asks"]) == ("pending", 0)
    assert told(world) == ["api.failing"]
    world.api.fault = world.api.token_fault = None
    world.know("123456", "987654325")
    world.run("run", at=now + 41 * DAY)
    assert states(world) == ["confirmed"] and told(world) == ["api.failing", "approval.confirmed", "api.recovered"]


def test_the_clock_of_a_claim_goes_on_where_it_stood_when_the_api_is_back(world, now):
    arrives(world)
    world.run("run", at=now + 60)                       # 404: the first of eighteen
    world.api.fault = management.FAULTS["500"]
    world.run("run", at=now + 30 * DAY)
    world.api.fault = None
    world.run("run", at=now + 30 * DAY + HOUR)
    claim, = world.rows("SELECT state, asks FROM claim")
    assert (claim["state"], claim["asks"]) == ("pending", 2)


def test_another_organisation_disputed(world, now):
    world.know("123456", "987654333", merchant="Somebody Else AS")
    arrives(world)
    assert world.run("run", at=now + 60).status == 3
    assert states(world) == ["disputed"] and told(world) == ["claim.disputed"]
    event, = world.events("claim.disputed")
    assert event["data"]["api"]["answer"] == "other-organisation"


def test_a_deactivated_merchant_disputed(world, now):
    world.know("123456", "987654325")
    world.api.data["merchants"][0]["status"] = "DEACTIVATED"
    arrives(world)
    assert world.run("run", at=now + 60).status == 3
    assert states(world) == ["disputed"] and told(world) == ["claim.disputed"]
    event, = world.events("claim.disputed")
    assert event["data"]["api"]["answer"] == "deactivated"


# ---- doubts, and no trust: a person decides

def test_trusted_with_doubts_held_whatever_the_api_says(world, now):
    world.know("123456", "987654321")
    arrives(world, org="987654321")                     # its check digit is wrong
    assert world.run("run", at=now + 60).status == 3
    assert states(world) == ["held"] and told(world) == ["claim.held"] and questions(world) == 0


def test_untrusted_held_and_asked_only_within_the_budget(world, now):
    for n in range(15):
        world.know(str(500000 + n), "987654325")
        arrives(world, str(500000 + n), proven=False)
    world.run("run", at=now + 60)
    assert set(states(world)) == {"held"} and questions(world) == 0
    world.run("review", at=now + 120)
    assert questions(world) == 20                       # two of each claim
    world.run("review", at=now + 180)
    assert questions(world) == 20
    world.run("review", at=now + 2 * HOUR)
    assert questions(world) == 40
    assert set(states(world)) == {"held"} and world.count("approval") == 0


# ---- no API

def test_without_an_api_held_by_default(world, now):
    world.config["management_api"] = "none"
    arrives(world)
    assert world.run("run", at=now + 60).status == 3
    assert states(world) == ["held"] and told(world) == ["claim.held"] and world.api.asked == []


def test_without_an_api_confirmed_by_the_sender_if_that_was_said(world, now):
    world.config.update(management_api="none", without_api="confirm")
    arrives(world)
    arrives(world, "222222", proven=False)
    assert world.run("run", at=now + 60).status == 3
    assert states(world) == ["confirmed", "held"] and world.api.asked == []
    assert [entry["confirmed_by"] for entry in world.log("--state", "confirmed")] == ["sender"]


# ---- a person

def test_accepted_it_is_asked_as_if_trusted_and_without_doubts(world, now):
    arrives(world, proven=False)
    world.run("run", at=now + 60)
    assert world.run("review", "accept", "clm_1", "--why", "known", at=now + 120).status == 0
    assert states(world) == ["pending"]
    world.run("run", at=now + 180)
    assert states(world) == ["pending"]                 # 404: for as long as any other
    world.know("123456", "987654325")
    world.run("run", at=now + 15 * MINUTE)
    assert states(world) == ["confirmed"]
    assert world.log()[0]["confirmed_by"] == "management-api"


@pytest.mark.parametrize("was", ["disputed", "unconfirmed"])
def test_what_the_api_contradicts_is_accepted_only_although_disputed_and_by_a_person(world, now, was):
    if was == "disputed":
        world.know("123456", "987654333", merchant="Somebody Else AS")
    arrives(world)
    world.run("run", at=now + 60)
    if was == "unconfirmed":
        at = now + 60
        for wait in [5 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR] + [DAY] * 14:
            at += wait + 30
            world.run("enrich", at=at)
    assert states(world) == [was]
    refused = world.run("review", "accept", "clm_1", "--why", "they called", at=now + 20 * DAY)
    assert refused.status == 2 and "--although-disputed" in refused.err and states(world) == [was]
    assert world.run("review", "accept", "clm_1", "--why", "they called", "--although-disputed",
        at=now + 20 * DAY).status == 0
    assert states(world) == ["confirmed"] and world.log()[0]["confirmed_by"] == "person"


def test_an_approval_supersedes_what_was_held_or_disputed_for_its_key_in_silence(world, now):
    arrives(world, proven=False)                        # held
    world.know("123456", "987654325")
    world.api.data["merchants"][0]["status"] = "DEACTIVATED"
    arrives(world)                                      # disputed
    world.run("run", at=now + 60)
    assert sorted(states(world)) == ["disputed", "held"]
    before = told(world)
    world.api.data["merchants"][0]["status"] = "ACTIVE"
    arrives(world)
    world.run("run", at=now + 120)
    assert sorted(states(world)) == ["confirmed", "superseded", "superseded"]
    assert told(world) == [*before, "approval.confirmed"]


# ---- names

def test_a_name_that_differs_is_a_remark_that_show_review_and_the_alert_carry_and_the_apis_name_wins(world, now):
    world.know("123456", "987654325", merchant="Fjord Kaffe AS", unit="Torget")
    world.know("222222", "987654325", unit="Havna")
    arrives(world, merchant="Fjord Cafe AS", unit="TORGET A/S")
    arrives(world, "222222", merchant="Svindel AS", unit="Havna", proven=False)
    world.run("run", at=now + 60)
    differs = [{"code": "name-differs", "doubt": False, "field": "merchant_name"}]
    alert, = world.received("approval.confirmed")
    assert (alert["data"]["merchant_name"], alert["data"]["sales_unit_name"]) == ("Fjord Kaffe AS", "Torget")
    assert alert["data"]["reasons"] == differs
    assert world.show(alert["data"]["id"])["approval"]["reasons"] == differs
    shown = [r for r in world.show("clm_1")["claim"]["reasons"] if r["code"] == "name-differs"]
    assert shown == differs and world.show("clm_1")["claim"]["merchant_name"] == "Fjord Cafe AS"
    mail = next(m.message for m in world.smtp.mails if "Approved" in m.message["Subject"])
    assert "name-differs (merchant_name)" in mail.get_content()
    item, = [json.loads(line) for line in world.run("review", "--format", "ndjson", at=now + 120).out.splitlines()]
    assert [r["field"] for r in item["reasons"] if r["code"] == "name-differs"] == ["merchant_name"]
    assert "name-differs of merchant_name" in world.run("review", "--offline").out


# ---- what the API knows of the organisation instead

def without_msn(raw):
    return b"\r\n".join(line for line in raw.split(b"\r\n") if b"(MSN)" not in line)


def waiting(world, at):
    result = world.run("review", "--format", "ndjson", at=at)
    assert result.status == 0, result
    return [json.loads(line) for line in result.out.splitlines()]


def test_on_404_review_and_show_say_which_units_the_api_knows_of_the_organisation(world, now):
    for n in range(25):
        world.know(str(200000 + n), "987654325", unit=f"Unit {n}")
    arrives(world)
    world.run("run", at=now + 60)
    units = world.show("clm_1")["claim"]["api"]["units"]
    assert units["count"] == 25 and len(units["listed"]) == 20
    assert units["listed"][0] == {"msn": "200000", "name": "Unit 0"}
    assert states(world) == ["pending"]
    arrives(world, "333333", proven=False)
    world.run("run", at=now + 90)
    item, = waiting(world, now + 120)
    assert item["api"]["answer"] == "not-found" and item["api"]["units"]["count"] == 25
    table = world.run("review", "--offline").out
    assert '200000 "Unit 0"' in table and "and 5 more" in table


def test_a_units_list_that_cannot_be_had_is_no_failure_of_the_claim(world, now):
    arrives(world)
    answer = world.api._answer

    def broken(handler, path):
        return management.FAULTS["500"](handler) if path.endswith("/sales-units") else answer(handler, path)
    world.api._answer = broken
    world.run("run", at=now + 60)
    claim, = world.rows("SELECT state, asks, api FROM claim")
    assert (claim["state"], claim["asks"]) == ("pending", 1) and json.loads(claim["api"])["units"] is None
    assert told(world) == []


def test_a_person_sees_the_apis_404_though_the_units_list_cannot_be_had(world, now):
    arrives(world, proven=False)
    answer = world.api._answer
    world.api._answer = lambda handler, path: (management.FAULTS["500"](handler) if path.endswith("/sales-units") else
        answer(handler, path))
    world.run("run", at=now + 60)
    item, = waiting(world, now + 120)
    assert item["api"]["answer"] == "not-found" and item["api"]["units"] is None
    world.api._answer = lambda handler, path: management.FAULTS["500"](handler)
    world.deliver(approval_mail("333333", proven=False))
    world.run("run", at=now + 180)
    assert waiting(world, now + 240)[1]["api"] is None  # nothing was said


def test_a_proven_claim_without_its_msn_is_proposed_the_one_unit_without_an_approval(world, now):
    world.know("123456", "987654325", unit="Torget")
    arrives(world)
    world.know("222222", "987654325", unit="Havna")
    world.deliver(without_msn(approval_mail("222222", unit="Havna")))
    world.run("run", at=now + 60)
    assert states(world) == ["confirmed", "held"]
    item, = waiting(world, now + 120)
    assert item["api"]["answer"] == "no-msn" and item["api"]["proposed"] == {"msn": "222222", "name": "Havna"}
    assert "approvals review accept clm_2 --msn 222222" in world.run("review", "--offline").out
    assert states(world) == ["confirmed", "held"]       # nothing is confirmed by itself
    assert world.run("review", "accept", "clm_2", "--why", "it is").status == 2
    assert world.run("review", "accept", "clm_2", "--why", "it is", "--msn", "222222", at=now + 180).status == 0
    world.run("run", at=now + 240)
    assert states(world) == ["confirmed", "confirmed"]
    assert [entry["confirmed_by"] for entry in world.log("--msn", "222222")] == ["management-api"]
    review, = world.show("clm_2")["reviews"]
    assert (review["decision"], review["msn"], review["why"]) == ("accept", "222222", "it is")
    accepted, = world.events("claim.accepted")
    assert accepted["data"]["msn"] == accepted["data"]["review"]["msn"] == "222222"


@pytest.mark.parametrize("case", ["two are new", "none is new", "not proven", "it is of the baseline",
    "the list has an entry without a number"])
def test_no_unit_is_proposed_if(world, now, case):
    world.know("123456", "987654325")
    if case == "two are new":
        world.know("222222", "987654325")
    if case == "none is new":
        arrives(world)
    if case == "it is of the baseline":
        world.config["reconcile"] = {"every": "6h"}
        world.run("run", at=now)
    if case == "the list has an entry without a number":
        answer = world.api._answer
        world.api._answer = lambda handler, path: (web.status(200, b'[{"msn":"123456","name":"A"},{"msn":null,"name":"B"}]',
            "application/json")(handler) if path.endswith("/sales-units") else answer(handler, path))
    world.deliver(without_msn(approval_mail("222222", proven=case != "not proven")))
    world.run("run", at=now + 60)
    item = waiting(world, now + 120)[-1]
    assert item["api"]["units"]["count"] >= 1 and item["api"]["proposed"] is None


@pytest.mark.parametrize("msn", ["123", "12345678901", "12a4", ""])
def test_an_msn_that_is_none_is_refused(world, now, msn):
    world.deliver(without_msn(approval_mail("222222")))
    world.run("run", at=now + 60)
    assert world.run("review", "accept", "clm_1", "--why", "x", "--msn", msn).status == 2
    assert states(world) == ["held"]


def test_a_claim_that_says_its_msn_is_given_no_other(world, now):
    arrives(world, proven=False)
    world.run("run", at=now + 60)
    refused = world.run("review", "accept", "clm_1", "--why", "x", "--msn", "222222")
    assert refused.status == 2 and "says its MSN" in refused.err and states(world) == ["held"]
