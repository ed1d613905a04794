"""Approvals that the API is asked about again: what changed, what is gone, and what the log says of the asking."""
import time

import pytest

from servers import management
from servers.world import approval_mail

pytestmark = pytest.mark.clock

HOUR, DAY = 3600, 86400


@pytest.fixture
def now():
    return int(time.time())


@pytest.fixture
def approved(world, now):
    """One approval, confirmed by the API: world.apr is its id."""
    world.know("123456", "987654325")
    world.deliver(approval_mail("123456"))
    assert world.run("run", at=now + 60).status == 0
    world.apr = world.log()[0]["id"]
    return world


def told(world):
    return [event["type"] for event in world.events() if event["type"].startswith(("approval.", "evidence."))]


def questions(world):
    return len([path for _, path in world.api.asked if "/management/" in path])


def refresh(world, at, *what):
    result = world.run("enrich", "--refresh", *(what or ["--all"]), at=at)
    assert result.status == 0 and result.err == "", result
    return result


def test_a_changed_name_status_or_configuration_is_told_as_what_it_was_and_is(approved, now):
    merchant, unit = approved.api.data["merchants"][0], approved.api.data["salesUnits"][0]
    merchant.update(name="Fjord Kaffe og Te AS", status="DEACTIVATED", updatedAt="2026-11-23T08:00:00Z")
    unit["name"] = "Fjord Te"
    unit["configuration"].update(captureType="DirectCapture", recurringAllowed=True)
    refresh(approved, now + HOUR, approved.apr)
    approved.run("notify", at=now + HOUR + 1)
    event, = approved.received("approval.changed")
    assert event["data"]["changes"] == [
        {"field": "merchant_name", "from": "Fjord Kaffe AS", "to": "Fjord Kaffe og Te AS"},
        {"field": "sales_unit_name", "from": "Fjord Kaffe Torget", "to": "Fjord Te"},
        {"field": "status", "from": "ACTIVE", "to": "DEACTIVATED"},
        {"field": "configuration.captureType", "from": "ReserveCapture", "to": "DirectCapture"}]
    alert = next(m.message for m in approved.smtp.mails if "Changed" in m.message["Subject"]).get_content()
    assert 'merchant_name from "Fjord Kaffe AS" to "Fjord Kaffe og Te AS"' in alert.replace("\r", "")
    approval, = approved.log()
    assert {key: event["data"][key] for key in approval} == approval
    assert (approval["merchant_name"], approval["sales_unit_name"], approval["state"]) == (
        "Fjord Kaffe og Te AS", "Fjord Te", "confirmed")
    assert approval["sales_unit"]["configuration"]["recurringAllowed"] is True
    assert "86011117947" not in approved.run("show", approved.apr).out   # the bank account
    assert "86011117947" not in approved.database.read_bytes().decode("latin-1")


@pytest.mark.parametrize("country", [None, "Norge", 47])
def test_a_country_that_the_api_does_not_say_stays(approved, now, country):
    approved.api.data["merchants"][0].update(countryCode=country, name="Fjord Te AS")
    refresh(approved, now + HOUR)
    approval, = approved.log()
    assert (approval["country"], approval["merchant_name"]) == ("NO", "Fjord Te AS")


def test_what_did_not_change_is_not_told_and_the_asking_is_counted(approved, now):
    for hour in (1, 2, 3):
        refresh(approved, now + hour * HOUR)
    assert told(approved) == ["approval.confirmed"]
    shown = approved.show(approved.apr)
    answer, = shown["answers"]
    assert (answer["answer"], answer["times"]) == ("agrees", 3) and answer["first_at"] < answer["last_at"]
    assert shown["asked_at"] == answer["last_at"] and shown["missing_since"] is None
    assert answer["said"]["sales_unit"]["msn"] == "123456"
    claim, = shown["claims"]
    assert [(a["answer"], a["times"]) for a in claim["answers"]] == [("agrees", 1)]


def test_a_change_that_is_taken_back_and_made_again_is_told_each_time(approved, now):
    unit = approved.api.data["salesUnits"][0]
    for hour, name in enumerate(["B", "A", "B", "A"], 1):
        unit["name"] = name
        refresh(approved, now + hour * HOUR)
    assert told(approved) == ["approval.confirmed"] + ["approval.changed"] * 4
    assert len({event["id"] for event in approved.events("approval.changed")}) == 4


def test_a_unit_that_the_api_no_longer_knows_is_gone_after_two_answers_a_day_apart(approved, now):
    unit = approved.api.data["salesUnits"].pop()
    refresh(approved, now + HOUR)
    refresh(approved, now + 2 * HOUR)
    approved.run("enrich", at=now + 24 * HOUR)
    assert approved.log()[0]["state"] == "confirmed" and told(approved) == ["approval.confirmed"]
    shown = approved.show(approved.apr)
    assert shown["missing_since"] and shown["asked_again_at"] > shown["missing_since"]
    approved.run("run", at=now + 26 * HOUR)             # asks by itself
    gone, = approved.received("approval.gone")
    assert gone["data"]["state"] == "gone" and gone["data"]["id"] == approved.apr
    assert gone["data"]["changes"] == [{"field": "state", "from": "confirmed", "to": "gone"}]
    assert [entry["state"] for entry in approved.log("--state", "gone")] == ["gone"]
    before = questions(approved)
    approved.run("run", at=now + 10 * DAY)
    refresh(approved, now + 11 * DAY)
    assert questions(approved) == before + 1 and len(approved.events("approval.gone")) == 1

    approved.api.data["salesUnits"].append(unit)        # known again
    refresh(approved, now + 12 * DAY)
    changed, = approved.events("approval.changed")
    assert changed["data"]["state"] == "confirmed"
    assert changed["data"]["changes"] == [{"field": "state", "from": "gone", "to": "confirmed"}]


def test_a_404_that_was_a_fault_of_an_hour_is_no_news(approved, now):
    unit = approved.api.data["salesUnits"].pop()
    refresh(approved, now + HOUR)
    approved.api.data["salesUnits"].append(unit)
    approved.run("run", at=now + 26 * HOUR)
    shown = approved.show(approved.apr)
    assert shown["missing_since"] is None and shown["asked_again_at"] is None
    assert told(approved) == ["approval.confirmed"]
    assert [a["answer"] for a in shown["answers"]] == ["not-found", "agrees"]


@pytest.mark.parametrize("fault", ["cut", "401", "403", "429", "500", "html-200", "not-json"])
def test_an_api_that_does_not_answer_changes_nothing_and_is_asked_again(approved, now, fault):
    approved.api.fault = management.FAULTS[fault]
    for day in (1, 2, 3):
        approved.run("enrich", "--refresh", approved.apr, at=now + day * DAY)
    assert approved.log()[0]["state"] == "confirmed" and told(approved) == ["approval.confirmed"]
    assert approved.show(approved.apr)["missing_since"] is None
    approved.api.fault = None
    approved.api.data["salesUnits"][0]["name"] = "B"
    approved.run("run", at=now + 4 * DAY)               # a refresh that was asked for is not forgotten
    assert told(approved) == ["approval.confirmed", "approval.changed"]


def test_a_refresh_that_could_not_ask_says_so_each_time_also_while_the_api_wants_to_be_left_alone(approved, now):
    approved.api.fault = management.LIMITED
    before = questions(approved)
    for n in range(3):
        said = approved.run("enrich", "--refresh", "--all", at=now + HOUR + 10 * n).lines
        assert "warn refresh.later why=\"not all was answered: the next pass asks again\"" in said[-1], said
    assert questions(approved) == before + 1


def test_another_organisations_unit_of_that_number_makes_it_gone_and_leaves_nothing_of_it_behind(approved, now):
    approved.api.data["salesUnits"].clear()
    approved.know("123456", "987654333", merchant="Somebody Else AS", unit="Elsewhere")
    refresh(approved, now + HOUR)
    approved.run("run", at=now + 26 * HOUR)
    gone, = approved.received("approval.gone")
    assert "Else" not in str(gone) and "987654333" not in str(gone)
    assert approved.log("--state", "gone")[0]["sales_unit_name"] == "Fjord Kaffe Torget"


def test_what_a_person_confirmed_although_the_api_knew_better_is_not_gone(world, now):
    world.know("123456", "987654333", merchant="Somebody Else AS")
    world.deliver(approval_mail("123456"))
    world.run("run", at=now + 60)
    world.run("review", "accept", "clm_1", "--why", "they called", "--although-disputed", at=now + 120)
    for day in (1, 3, 5):
        refresh(world, now + day * DAY)
    approval, = world.log()
    assert approval["state"] == "confirmed" and told(world) == ["approval.confirmed"]


def test_another_mail_for_a_known_key_more_than_a_week_later_brings_the_approval_up_to_date(approved, now):
    approved.api.data["salesUnits"][0]["name"] = "New name"
    approved.deliver(approval_mail("123456"))
    approved.run("run", at=now + 8 * DAY)
    assert told(approved) == ["approval.confirmed", "evidence.added", "approval.changed"]
    assert approved.log()[0]["sales_unit_name"] == "New name"


def test_another_mail_more_than_a_week_later_for_a_unit_that_is_gone_finds_that_out(approved, now):
    approved.api.data["salesUnits"].clear()
    approved.deliver(approval_mail("123456"))
    approved.run("run", at=now + 8 * DAY)
    assert approved.show(approved.apr)["missing_since"]
    approved.run("run", at=now + 9 * DAY + 600)
    assert "approval.gone" in told(approved)


def test_within_the_week_a_mail_that_the_api_does_not_know_asks_nothing_about_the_approval(approved, now):
    approved.api.data["salesUnits"].clear()
    approved.deliver(approval_mail("123456"))
    approved.run("run", at=now + 2 * DAY)
    assert approved.show(approved.apr)["missing_since"] is None and approved.show(approved.apr)["asked_again_at"] is None


def test_only_those_that_were_named_are_asked_about_and_a_wrong_id_asks_nothing(approved, now):
    approved.know("222222", "987654325")
    approved.deliver(approval_mail("222222"))
    approved.run("run", at=now + 120)
    before = questions(approved)
    wrong = approved.run("enrich", "--refresh", approved.apr, "apr_none", at=now + HOUR)
    assert wrong.status == 2 and "apr_none" in wrong.err and questions(approved) == before
    approved.run("enrich", at=now + HOUR)
    assert questions(approved) == before
    refresh(approved, now + HOUR, approved.apr)
    assert questions(approved) == before + 2
    refresh(approved, now + 2 * HOUR)
    assert questions(approved) == before + 6


@pytest.mark.parametrize("call", [["--refresh"], ["--all"], ["apr_1"], ["--refresh", "--all", "apr_1"], ["--fresh"]])
def test_a_refresh_of_nothing_said_is_a_mistake(world, call):
    result = world.run("enrich", *call)
    assert result.status == 2 and "approvals enrich" in result.err, result


def test_without_an_api_there_is_nobody_to_ask(world):
    world.config["management_api"] = "none"
    result = world.run("enrich", "--refresh", "--all")
    assert result.status == 2 and "management_api: none" in result.err
