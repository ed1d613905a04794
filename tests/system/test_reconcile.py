"""What the API knows and the log does not, and the reverse."""
import json
import sqlite3
import time

import pytest

from servers import management, web
from servers.world import approval_mail

HOUR, DAY = 3600, 86400
NOW = int(time.time()) + DAY + HOUR  # a day before it the certificates are there, which are as old as the session
ORG = "987654325"
pytestmark = pytest.mark.clock
LIST, ORDERS = "/management/v1/sales-units", "/management/v2/product-orders"


@pytest.fixture
def partner(world):
    """Reconciles inside `run`, and has taken its baseline of one old unit, a day before NOW."""
    world.config["reconcile"] = {"every": "6h"}
    world.config["routes"].append({"events": ["order.*"], "to": ["crm"]})
    world.know("100001", ORG, unit="Old Unit")
    assert world.run("run", at=NOW - DAY).err == ""
    assert asked(world, LIST) == 1
    return world


def asked(world, path=None):
    """Questions to the API: those of this path, or all but the token."""
    return sum(1 for _, p in world.api.asked if (p == path if path else "/management/" in p))


def reconcile(world, *args, status=3, at=None):
    result = world.run("reconcile", "--format", "ndjson", *args, at=at)
    assert (result.status, result.err) == (status, ""), result
    rows = [json.loads(line) for line in result.out.splitlines()]
    return {row["msn"]: row for row in rows if row["what"] == "missing"}, {row["msn"]: row for row in rows if row["what"] == "gone"}


def approvals_of_years(world, msns):
    """The log as many mails left it, without reading them."""
    db = sqlite3.connect(world.database)
    with db:
        db.executemany("INSERT INTO approval (apr, state, confirmed_by, org_scheme, org_number, msn, country, merchant_name,"
            " sales_unit_name, confirmed_ms, history, mailbox) VALUES (?, 'confirmed', 'management-api', 'business:NO:ORG', ?,"
            " ?, 'NO', 'Fjord Kaffe AS', 'Fjord Kaffe Torget', ?, 0, 'onboarding')",
            [(f"apr_{msn}", ORG, msn, (NOW - 90 * DAY) * 1000) for msn in msns])
    db.close()


def missing_mail(world):
    return [event["data"]["msn"] for event in world.events("approval.missing-mail")]


# ---- the command

def test_of_5000_units_exactly_what_the_log_lacks_and_what_the_api_forgot_is_shown(world):
    msns = [str(200000 + n) for n in range(5000)]
    gone = [str(900000 + n) for n in range(7)]
    for msn in msns:
        world.know(msn, ORG)
    lacking = msns[17::125]
    assert len(lacking) == 40
    world.run("notify")
    approvals_of_years(world, [msn for msn in msns if msn not in lacking] + gone)
    missing, lost = reconcile(world)
    assert sorted(missing) == lacking and sorted(lost) == gone
    assert asked(world, LIST) == 1 and asked(world, ORDERS) == 1
    assert asked(world) <= 2 + 40 + 40 + 7  # lists; what is missing, and whose it is; what no list shows
    assert {row["merchant_name"] for row in missing.values()} == {"Fjord Kaffe AS"}
    assert {row["org_number"] for row in missing.values()} == {ORG}
    assert world.events() == [e for e in world.events() if e["type"] == "config.changed"]  # a quiet baseline
    table = world.run("reconcile")
    assert table.status == 3 and f"missing from the log: 0, and 40 of the baseline; no longer known to the API: 7" in table.out
    assert all(msn in table.out for msn in lacking + gone)
    assert asked(world, LIST) == 2
    array = json.loads(world.run("reconcile", "--format", "json", "--new").out)
    assert sorted(row["msn"] for row in array) == gone


def test_a_log_that_knows_all_that_the_api_knows_is_status_0_and_nothing_is_asked_one_by_one(world):
    world.know("123456", ORG)
    world.deliver(approval_mail("123456"))
    assert world.run("run").status == 0
    before = asked(world)
    assert reconcile(world, status=0) == ({}, {})
    assert asked(world) == before + 2


def test_an_approval_that_a_short_list_lacks_is_not_gone_while_the_api_knows_it(world):
    world.know("123456", ORG)
    world.deliver(approval_mail("123456"))
    world.run("run")
    world.api.list = []
    assert reconcile(world, status=0) == ({}, {})
    assert world.log()[0]["state"] == "confirmed"
    world.api.data["salesUnits"].clear()
    assert list(reconcile(world)[1]) == ["123456"]


def test_an_approval_that_the_lists_and_its_own_answer_lack_for_a_day_is_gone_and_may_come_back(partner):
    partner.know("123456", ORG)
    partner.deliver(approval_mail("123456"))
    partner.run("run", at=NOW)
    unit = next(u for u in partner.api.data["salesUnits"] if u["msn"] == "123456")
    partner.api.data["salesUnits"].remove(unit)
    partner.run("run", at=NOW + 7 * HOUR)
    assert partner.log()[0]["state"] == "confirmed" and partner.events("approval.gone") == []
    partner.run("run", at=NOW + 7 * HOUR + DAY + 60)
    assert partner.log("--state", "gone")[0]["msn"] == "123456"
    partner.run("run", at=NOW + 14 * HOUR + DAY)
    gone, = partner.events("approval.gone")
    assert gone["data"]["msn"] == "123456" and partner.events("approval.changed") == []
    partner.api.data["salesUnits"].append(unit)
    partner.run("run", at=NOW + 21 * HOUR + DAY)
    changed, = partner.events("approval.changed")
    assert changed["data"]["changes"] == [{"field": "state", "from": "gone", "to": "confirmed"}]
    assert [entry["state"] for entry in partner.log("--msn", "123456")] == ["confirmed"]


@pytest.mark.parametrize("shown", [lambda units: units[:3], lambda units: [
    {"msn": str(700000 + n), "name": "Somebody Else's"} for n in range(150)] + units], ids=["half a list", "wrong keys"])
def test_a_list_that_is_unlike_the_last_one_is_not_believed_until_a_person_says_so(world, shown):
    world.config["management_api"]["requests_per_minute"] = 6000
    for n in range(20):
        world.know(str(300000 + n), ORG)
    reconcile(world, status=0)
    units = [{"msn": u["msn"], "name": u["name"]} for u in world.api.data["salesUnits"]]
    world.api.list = shown(units)
    result = world.run("reconcile", "--format", "ndjson")
    assert result.status == 3 and result.out == "" and "--believe" in result.err
    assert world.count("unit") == 20
    assert reconcile(world, "--new", "--believe", status=0) == ({}, {})
    assert reconcile(world, "--new", status=0) == ({}, {})


@pytest.mark.parametrize("args", [["now"], ["--format", "csv"], ["--fast"]], ids=" ".join)
def test_a_wrong_call_is_status_2(world, args):
    assert world.run("reconcile", *args).status == 2
    world.config["management_api"] = "none"
    assert world.run("reconcile").status == 2


def test_refused_keys_are_status_15_and_nothing_is_concluded(world):
    world.know("123456", ORG)
    world.api.token_fault = web.status(401, b"")
    result = world.run("reconcile")
    assert result.status == 15 and result.out == "" and len(result.lines) == 1
    assert world.count("unit") == 0


# ---- inside run

def test_a_unit_without_its_mail_is_told_once_after_24_hours(partner):
    partner.know("123456", ORG, unit="Fjord Kaffe Kai")
    assert partner.run("run", at=NOW).err == ""
    assert partner.run("run", at=NOW + 23 * HOUR).err == ""
    assert missing_mail(partner) == []
    for hours in (25, 31, 49, 80):
        assert partner.run("run", at=NOW + hours * HOUR).err == ""
        assert missing_mail(partner) == ["123456"]
    body, = partner.received("approval.missing-mail")
    data = body["data"]
    assert (data["msn"], data["merchant_name"], data["sales_unit_name"]) == ("123456", "Fjord Kaffe AS", "Fjord Kaffe Kai")
    assert data["state"] is None and data["id"].startswith("apr_") and data["listed_at"]
    assert partner.count("approval") == 0


def test_what_was_there_at_the_first_reconcile_is_never_told(partner):
    partner.run("run", at=NOW)
    partner.run("run", at=NOW + 40 * DAY)
    assert missing_mail(partner) == []
    assert reconcile(partner, status=0, at=NOW + 40 * DAY)[0]["100001"]["baseline"] is True


def test_a_unit_whose_mail_comes_in_time_or_waits_for_a_person_is_not_missing(partner):
    partner.know("123456", ORG)
    partner.know("123457", ORG)
    partner.run("run", at=NOW)
    partner.deliver(approval_mail("123456", date=NOW))
    partner.deliver(approval_mail("123457", org="987654333", date=NOW))  # disputed
    for hours in (1, 25, 31):
        partner.run("run", at=NOW + hours * HOUR)
    assert missing_mail(partner) == []


def test_a_mail_that_comes_while_the_unit_is_asked_about_is_in_time(partner):
    """The command takes no lock: another process may store the mail between its list and its answer."""
    partner.know("123456", ORG)
    partner.run("run", at=NOW)
    partner.deliver(approval_mail("123456", date=NOW + 25 * HOUR))

    def fault(handler):
        if handler.path.endswith("/123456") and partner.count("claim") == 0:
            partner.run("ingest", at=NOW + 25 * HOUR)
        return False
    partner.api.fault = fault
    partner.run("reconcile", at=NOW + 25 * HOUR)
    assert partner.count("claim") == 1 and missing_mail(partner) == []


def test_a_forged_mail_hides_no_missing_one(partner):
    partner.know("123456", ORG)
    partner.run("run", at=NOW)
    partner.deliver(approval_mail("123456", date=NOW, proven=False))
    partner.run("run", at=NOW + HOUR)
    partner.run("run", at=NOW + 25 * HOUR)
    assert missing_mail(partner) == ["123456"]


@pytest.mark.parametrize("new", ["record", "announce"])
def test_what_is_recorded_without_a_mail_and_its_later_mail_are_one_approval_told_once(partner, new):
    partner.config["reconcile"]["new"] = new
    partner.know("123456", ORG)
    for hours in (0, 25, 31):
        assert partner.run("run", at=NOW + hours * HOUR).err == ""
    assert missing_mail(partner) == ["123456"]
    approval, = partner.log("--msn", "123456")
    assert (approval["state"], approval["confirmed_by"], approval["mailbox"]) == ("confirmed", "management-api", None)
    assert approval["received_at"] is None and approval["merchant"]["name"] == "Fjord Kaffe AS"
    assert partner.received("approval.missing-mail")[0]["data"]["id"] == approval["id"]
    assert len(partner.received("approval.confirmed")) == (1 if new == "announce" else 0)
    partner.deliver(approval_mail("123456", date=NOW + 32 * HOUR))
    partner.deliver(approval_mail("123456", date=NOW + 32 * HOUR))
    partner.run("run", at=NOW + 32 * HOUR)
    approval, = partner.log("--msn", "123456")
    assert approval["mailbox"] == "onboarding" and approval["received_at"]
    assert len(partner.show(approval["id"])["claims"]) == 2
    told, = partner.received("approval.confirmed")
    assert told["data"]["id"] == approval["id"]
    assert len(partner.events("evidence.added")) == (2 if new == "announce" else 1)


def test_the_first_mail_for_what_was_recorded_brings_its_remarks_along(partner):
    partner.config["reconcile"]["new"] = "record"
    partner.know("123456", ORG)
    for hours in (0, 25, 31):
        partner.run("run", at=NOW + hours * HOUR)
    partner.deliver(approval_mail("123456", unit="Another", date=NOW + 32 * HOUR), folder="Junk")
    partner.run("run", at=NOW + 32 * HOUR)
    told, = partner.received("approval.confirmed")
    assert told["data"]["found_in_junk"] is True
    assert told["data"]["reasons"] == [{"code": "name-differs", "doubt": False, "field": "sales_unit_name"}]


def test_a_unit_of_a_deactivated_merchant_is_neither_told_nor_recorded(partner):
    partner.config["reconcile"]["new"] = "announce"
    partner.know("123456", "987654333", merchant="Stengt AS")
    partner.api.data["merchants"][-1]["status"] = "DEACTIVATED"
    for hours in (0, 25, 31):
        partner.run("run", at=NOW + hours * HOUR)
    assert missing_mail(partner) == [] and partner.count("approval") == 0


def test_a_unit_of_an_organisation_without_a_number_hinders_no_other(partner):
    partner.config["reconcile"]["new"] = "record"
    partner.know("123456", "none", scheme="business:SE:ORG")
    partner.know("123457", "556012579001", scheme="business:SE:ORG")  # as a VAT number
    partner.know("123458", ORG)
    for hours in (0, 25, 31):
        assert partner.run("run", at=NOW + hours * HOUR).err == ""
    assert missing_mail(partner) == ["123458"] and partner.count("approval") == 1


def test_lists_are_taken_as_often_as_configured_and_run_goes_on_without_them(partner):
    taken = asked(partner, LIST)
    for hours, more in ((0, 1), (1, 1), (5, 1), (7, 2), (8, 2)):
        partner.run("run", at=NOW + hours * HOUR)
        assert asked(partner, LIST) == taken + more, hours
    partner.config["reconcile"] = "none"
    partner.run("run", at=NOW + 99 * HOUR)
    assert asked(partner, LIST) == taken + 2


def test_lists_that_may_not_be_had_raise_api_failing_and_delay_no_mail(partner):
    answer = partner.api._answer
    partner.api._answer = lambda handler, path: handler.answer(403, b"{}") if path in (LIST, ORDERS) else answer(handler, path)
    before = asked(partner, LIST)
    for minutes in (0, 5, 9, 20, 40):
        partner.know(str(123456 + minutes), ORG)
        partner.deliver(approval_mail(str(123456 + minutes), date=NOW + 60 * minutes))
        partner.run("run", at=NOW + 60 * minutes)
    assert len(partner.received("approval.confirmed")) == 5
    assert asked(partner, LIST) == before + 3  # each pass would wait for them
    failing, = partner.events("api.failing")
    assert failing["data"]["name"] == "management-lists"
    partner.api._answer = answer
    partner.run("run", at=NOW + HOUR)
    assert len(partner.events("api.recovered")) == 1


def test_old_lists_say_nothing_of_today(partner):
    partner.know("123456", ORG)
    partner.run("run", at=NOW)
    answer = partner.api._answer
    partner.api._answer = lambda handler, path: handler.answer(403, b"{}") if path == LIST else answer(handler, path)
    partner.run("run", at=NOW + 25 * HOUR)
    assert missing_mail(partner) == []
    partner.api._answer = answer
    partner.run("run", at=NOW + 26 * HOUR)
    assert missing_mail(partner) == ["123456"]


def test_lists_of_a_clock_that_went_back_are_taken_anew(partner):
    partner.run("run", at=NOW + 10 * DAY)
    before = asked(partner, LIST)
    partner.run("run", at=NOW)
    partner.run("run", at=NOW + HOUR)
    assert asked(partner, LIST) == before + 1


def test_lists_that_come_do_not_end_what_claims_still_suffer_from(partner):
    partner.api.fault = lambda handler: "333333" in handler.path and (management.FAULTS["500"](handler), True)[1]
    partner.deliver(approval_mail("333333", date=NOW))
    partner.know("123456", ORG)
    partner.deliver(approval_mail("123456", date=NOW))
    for minutes in (0, 31, 400, 800):
        partner.run("run", at=NOW + 60 * minutes)
    assert asked(partner, LIST) >= 3
    assert len(partner.events("api.failing")) == 1 and partner.events("api.recovered") == []


def test_lists_that_may_not_be_had_are_told_too_though_a_claim_fails_all_the_time(partner):
    faults = {"/333333": management.FAULTS["500"], LIST + " ": management.FAULTS["403"]}
    partner.api.fault = lambda handler: any((fault(handler), True)[1] for part, fault in faults.items() if part in handler.path + " ")
    partner.deliver(approval_mail("333333", date=NOW))
    for hours in (0, 1, 12):
        partner.run("run", at=NOW + hours * HOUR)
    assert [event["data"]["name"] for event in partner.events("api.failing")] == ["management"]
    partner.run("run", at=NOW + 25 * HOUR)
    assert [event["data"]["name"] for event in partner.events("api.failing")] == ["management", "management-lists"]


def test_a_unit_whose_merchant_could_not_be_asked_about_is_told_by_the_next_pass(partner):
    partner.know("123456", ORG)
    partner.run("run", at=NOW)
    partner.api.fault = lambda handler: "/merchants/" in handler.path and (management.FAULTS["500"](handler), True)[1]
    partner.run("run", at=NOW + 25 * HOUR)
    assert missing_mail(partner) == []
    partner.api.fault = None
    partner.run("run", at=NOW + 25 * HOUR + 900)
    assert missing_mail(partner) == ["123456"]


def test_keys_of_a_merchant_ask_for_no_orders(world):
    world.config["reconcile"] = {"every": "6h"}
    world.config["management_api"]["keys"] = "merchant"
    world.know("100001", ORG)
    answer = world.api._answer
    world.api._answer = lambda handler, path: handler.answer(403, b"{}") if path == ORDERS else answer(handler, path)
    for minutes in (0, 31, 400):
        assert world.run("run", at=NOW + 60 * minutes).err == ""
    assert (asked(world, LIST), asked(world, ORDERS)) == (2, 0) and world.events("api.failing") == []


@pytest.mark.parametrize("first", ["enrich", "reconcile"])
def test_who_is_asked_to_wait_asks_nothing_in_no_part_of_a_later_pass(partner, first):
    """120 seconds, said to one part; the other has something to ask a minute later."""
    partner.know("123456", ORG)
    partner.know("123457", ORG)
    if first == "enrich":
        partner.config["reconcile"] = "none"
        partner.deliver(approval_mail("123456", date=NOW))
    partner.api.fault = management.LIMITED
    partner.run("run", at=NOW)
    partner.api.fault, before = None, asked(partner)
    partner.config["reconcile"] = {"every": "6h"}
    partner.config["sender"]["accept"] = ["dkim", "authentication-results", "api"]
    partner.deliver(approval_mail("123457", date=NOW))
    partner.know("123458", ORG)
    partner.deliver(approval_mail("123458", date=NOW, proven=False))
    assert partner.run("run", at=NOW + 60).err == ""
    assert asked(partner) == before and partner.received("approval.confirmed") == []
    partner.run("run", at=NOW + 150)
    assert asked(partner, LIST) > 1 and "123457" in [b["data"]["msn"] for b in partner.received("approval.confirmed")]


def test_an_api_that_wants_to_be_left_alone_is_told_as_failing_after_half_an_hour_as_any_other(partner):
    partner.know("123456", ORG)
    partner.deliver(approval_mail("123456", date=NOW))
    partner.api.fault = web.status(429, b"{}", "application/json", [("Retry-After", "3600")])
    assert partner.run("run", at=NOW).status == 0
    partner.api.fault, before = None, asked(partner)
    assert (partner.run("run", at=NOW + 1200).err, partner.events("api.failing")) == ("", [])
    assert partner.run("run", at=NOW + 2000).status == 3 and asked(partner) == before
    error, = [event["data"]["error"] for event in partner.events("api.failing")]
    assert error.startswith("it asks to be left alone until ")
    partner.run("run", at=NOW + 3700)
    assert len(partner.events("api.recovered")) == 1 and len(partner.received("approval.confirmed")) == 1


# ---- product orders

def order(id, status, msn=None):
    return {"productOrderType": "PREFILL", "productOrderId": f"81b83246-5c19-4b94-875b-ea6d1114f0{id}",
        "productType": "PAYMENT_INTEGRATION", "status": status, "businessIdentifier": {"scheme": "business:NO:ORG", "id": ORG},
        "salesUnit": {"msn": msn, "name": "Fjord Kaffe Kai"} if msn else None}


@pytest.mark.parametrize("shows_expired", [True, False])
def test_rejected_and_expired_orders_are_told_once_each_and_those_of_the_baseline_never(world, shows_expired):
    world.api.shows_expired = shows_expired
    world.config["reconcile"] = {"every": "6h"}
    world.config["routes"].append({"events": ["order.*"], "to": ["crm"]})
    orders = world.api.data["productOrders"] = [order(10, "REJECTED"), order(11, "EXPIRED"), order(12, "RECEIVED"),
        order(13, "ORDER_SUBMITTED"), order(14, "MERCHANT_VIEWED")]
    world.run("run", at=NOW)
    orders[2]["status"], orders[3]["status"] = "EXPIRED", "REJECTED"
    orders.pop()  # taken back
    orders.append(order(15, "REJECTED"))
    for hours in (7, 14, 21):
        assert world.run("run", at=NOW + hours * HOUR).err == ""
    told = sorted((e["type"], e["data"]["id"][-2:]) for e in world.events() if e["type"].startswith("order."))
    assert told == [("order.expired", "12"), ("order.rejected", "13"), ("order.rejected", "15")]
    assert len([b for b in world.received() if b["type"].startswith("order.")]) == 3
    assert set(world.received("order.rejected")[0]["data"]) == {"id", "type", "product_type", "status", "org_scheme",
        "org_number", "country"}


@pytest.mark.parametrize("without", [None, "productOrderId"])
def test_a_completed_order_names_a_unit_that_no_list_shows_yet(partner, without):
    partner.know("123456", ORG)
    partner.api.list = [{"msn": 100001, "name": "Old Unit"}]  # as a number
    partner.api.data["productOrders"] = [order(20, "COMPLETED", "123456")]
    partner.api.data["productOrders"][0].pop(without, None)
    for hours in (0, 25, 31):
        partner.run("run", at=NOW + hours * HOUR)
    assert missing_mail(partner) == ["123456"]


# ---- sender.accept: [api]

@pytest.fixture
def believing(partner):
    partner.config["sender"]["accept"] = ["dkim", "authentication-results", "api"]
    return partner


def forge(world, msn, at, **options):
    world.deliver(approval_mail(msn, date=at, proven=False, **options))
    world.run("run", at=at)


def test_full_agreement_about_a_unit_that_was_not_there_confirms_an_unproven_claim(believing):
    believing.know("123456", ORG)
    forge(believing, "123456", NOW)
    approval, = believing.log("--msn", "123456")
    assert (approval["state"], approval["confirmed_by"], approval["sender"]["proof"]) == ("confirmed", "management-api", "none")
    assert approval["message_id"] is None
    assert len(believing.received("approval.confirmed")) == 1


@pytest.mark.parametrize("name, options", [("100001", {"unit": "Old Unit"}), ("123456", {"org": "987654333"}),
    ("123456", {"merchant": "Fjord Fisk AS"}), ("123456", {"unit": "Another"}), ("123999", {})],
    ids=["an old unit", "another organisation", "another merchant's name", "another unit's name", "an unknown unit"])
def test_without_full_agreement_about_a_new_unit_a_forged_mail_announces_nothing(believing, name, options):
    believing.know("123456", ORG)
    forge(believing, name, NOW, **options)
    for hours in (2, 8, 30):
        believing.run("run", at=NOW + hours * HOUR)
    assert believing.received("approval.confirmed") == [] and believing.count("approval") == 0
    assert [entry["state"] for entry in believing.log()] == ["held"]


def test_a_unit_that_a_reconcile_showed_before_the_mail_is_old(believing):
    believing.know("123456", ORG)
    believing.run("run", at=NOW)
    forge(believing, "123456", NOW + HOUR)
    assert believing.count("approval") == 0


def test_a_unit_that_the_api_knows_only_later_confirms_the_claim_then(believing):
    forge(believing, "123456", NOW)
    believing.know("123456", ORG)
    believing.run("run", at=NOW + 30 * 60)
    assert believing.count("approval") == 0
    believing.run("run", at=NOW + 2 * HOUR)
    assert len(believing.received("approval.confirmed")) == 1


def test_without_a_baseline_or_without_the_word_api_agreement_proves_nothing(world):
    world.know("123456", ORG)
    for accept in (["dkim", "api"], ["dkim"]):
        world.config["sender"]["accept"] = accept
        forge(world, "123456", NOW)
    assert world.count("approval") == 0 and world.received("approval.confirmed") == []


def test_the_questions_of_a_flood_of_unproven_claims_stay_in_their_budget(believing):
    for n in range(30):
        believing.know(str(500000 + n), ORG, unit=f"Unit {n}")
        believing.deliver(approval_mail(str(500000 + n), date=NOW, proven=False, unit=f"Unit {n}"))
    before = asked(believing)
    believing.run("ingest", at=NOW)
    believing.run("enrich", at=NOW)
    believing.run("enrich", at=NOW + 60)
    assert asked(believing) - before <= 20
    assert believing.count("approval") == 10
