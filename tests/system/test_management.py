"""The client of the Management API: every documented answer, keys, its pace, and servers that mean harm."""
import json
import os
import random
import re
import subprocess
import threading
import time

import pytest

from conftest import BIG
from servers import management, prism, web, world as worlds
from servers.world import approval_mail

clock = pytest.mark.clock
plain = pytest.mark.plain
ASK = worlds.PROGRAM.parent / "tests" / "ask"
SPEED = 10  # how much faster libfaketime lets the clock of the program go
MINUTE = 60

pytestmark = pytest.mark.skipif(not ASK.exists(), reason="`make unit` builds tests/drivers/ask.c")


class Client:
    """A configuration, and the driver that asks with it."""

    def __init__(self, folder, ca, url, keys="partner", **more):
        self.dir, self.secrets = folder, {"id": "0a1b-id", "secret": "canary-secret-1", "key": "canary-key-1"}
        self.section = {"url": url, "keys": keys, "requests_per_minute": 6000, **more}
        for name, key in (("id", "client_id_file"), ("secret", "client_secret_file"), ("key", "subscription_key_file")):
            if name != "key" or keys != "management":
                self.section[key] = str(folder / f"api.{name}")
        self.ca = ca

    def like(self, api):
        """With the keys of this fake."""
        self.secrets = {"id": api.client_id, "secret": api.client_secret, "key": api.subscription_key}
        return self

    def ask(self, *questions, fast=False, env=None):
        for name, text in self.secrets.items():
            path = self.dir / f"api.{name}"
            path.write_text(text + "\n")
            path.chmod(0o600)
        conf = self.dir / "ask.yaml"
        conf.write_text(json.dumps({"network": {"ca_file": self.ca.file}, "management_api": self.section}))
        conf.chmod(0o600)
        env = {"PATH": os.environ["PATH"], "TZ": "UTC", "ASAN_OPTIONS": "verify_asan_link_order=0", **(env or {})}
        if fast and not worlds.is_sanitized():
            env.update(LD_PRELOAD=worlds.faketime(), FAKETIME=f"+0 x{SPEED}")
        process = subprocess.Popen([str(ASK), str(conf), *questions], env=env, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        out, self.err = process.communicate(timeout=120)
        assert process.returncode == 0, (process.returncode, self.err)
        assert not any(secret in out + self.err for secret in (self.secrets["secret"], self.secrets["key"], "canary-token"))
        return [json.loads(line) for line in out.splitlines()]


# ---- every example of every operation that is used

QUESTIONS = {
    "/management/v1/sales-units/{msn}": lambda v: f"sales-unit {v.get('msn', 1234567)}",
    "/management/v1/merchants/{scheme}/{id}": lambda v: "merchant " + " ".join(
        (v.get("businessIdentifier") or {"scheme": "business:NO:ORG", "id": "987654325"}).values()),
    "/management/v1/merchants/{scheme}/{id}/sales-units": lambda v: "merchant-units business:NO:ORG 987654325",
    "/management/v1/sales-units": lambda v: "units",
    "/management/v2/product-orders": lambda v: "orders",
    "/management/v2/product-orders/{productOrderId}/details":
        lambda v: f"order {v.get('productOrderId', '81b83246-5c19-4b94-875b-ea6d1114f099')}",
}
TOKENS = {"/accesstoken/get": "partner", "/miami/v1/token": "management"}


def resolved(document, node):
    while "$ref" in node:
        part = document
        for key in node["$ref"][2:].split("/"):
            part = part[key]
        node = part
    return node


def examples():
    """(path, code, media type, name, value) of everything that the description says can be answered."""
    document = prism.document()
    for path in [*QUESTIONS, *TOKENS]:
        operation = document["paths"][path]["post" if path in TOKENS else "get"]
        for code, response in operation["responses"].items():
            for media, content in resolved(document, response)["content"].items():
                for name, example in content["examples"].items():
                    yield pytest.param(path, code, media, name, example["value"],
                        id=f"{path.replace('/', '_')}-{code}-{media.split('/')[1]}-{name}")


@pytest.fixture(scope="module")
def mock(certificate):
    with prism.Mock(certificate) as server:
        yield server


def unit_list(value):
    return [{"msn": str(u["msn"]), "name": u["name"]} for u in (value if isinstance(value, list) else value["salesUnits"])]


def order(value):
    unit, by = value.get("salesUnit") or {}, value["businessIdentifier"]
    return {"id": value.get("productOrderId"), "type": value.get("productOrderType"), "product": value.get("productType"),
        "status": value["status"], "org_scheme": by["scheme"], "org_number": by["id"],
        "msn": str(unit["msn"]) if unit else None, "name": unit.get("name")}


def check_found(question, got, value):
    """What was read is what the example says; nothing of a bank account is kept."""
    assert got["failed"] is False and got["found"] is True, got
    kind = question.split()[0]
    if kind == "sales-unit":
        value = value.get("salesUnit", value)
        assert (got["org_scheme"], got["org_number"]) == tuple(value["businessIdentifier"].values())
        assert got["kept"]["name"] == value["name"] and got["kept"]["msn"] == str(value["msn"])
        assert got["kept"]["configuration"] == value["configuration"] and "settlementBankAccount" not in got["kept"]
    elif kind == "merchant":
        value = value.get("merchant", value)
        assert got["status"] == value["status"] and got["kept"]["name"] == value["name"]
        assert got["kept"]["businessAddress"] == (value.get("businessAddress") and {
            key: value["businessAddress"].get(key) for key in ("lines", "postCode", "city", "countryCode")})
        assert "somethingNew" not in got["kept"]
    elif kind in ("units", "merchant-units"):
        assert got["units"] == unit_list(value) and got["skipped"] == 0
    else:
        assert got["orders"] == [order(o) for o in (value if isinstance(value, list) else [value])]
        assert got["skipped"] == 0


def check_failed(got, code, question):
    """What a status means, and how often it is worth asking."""
    assert got["failed"] is True and got["kind"] == "retry", got
    assert got["keys"] == (code in (401, 403))
    passing = code in (429, 500, 502)
    assert got["tries"] == (3 if passing else 1), got
    assert f"status {code}" in got["error"]


@pytest.mark.parametrize("path,code,media,name,value", list(examples()))
def test_every_example_of_the_description_is_read_as_it_is_meant(mock, tmp_path, ca, path, code, media, name, value):
    keys = TOKENS.get(path, "partner")
    status = 422 if code == "default" else int(code)
    question = QUESTIONS.get(path, lambda v: "units")(value if code == "200" and isinstance(value, dict) else {})
    words = question.split()
    at = path.format(msn=words[-1], scheme=words[1] if len(words) > 1 else "", id=words[-1], productOrderId=words[-1])
    mock.prefer = {at: (f"code={status}, example={name}", media)}
    client = Client(tmp_path, ca, mock.url, keys)
    got, = client.ask(question, fast=True)
    if path in TOKENS:
        if code == "200" and keys == "management":
            assert got["keys"] is True, got  # the description knows questions with a subscription key alone
        elif code == "200":
            assert got["failed"] is False, got
        else:
            assert got["failed"] is True and got["away"] is True and got["keys"] == (status in (400, 401)), got
    elif code == "200":
        check_found(question, got, value)
    elif status == 404 and question.split()[0] not in ("units", "orders"):
        assert got["failed"] is False and got["found"] is False, got
    else:
        check_failed(got, status, question)


# ---- the fake, and the description between us and it

def order_of(status, number, **more):
    return {"productOrderType": "PREFILL", "productOrderId": f"81b83246-5c19-4b94-875b-ea6d1114f{number:03}",
        "productType": "PAYMENT_INTEGRATION", "status": status,
        "businessIdentifier": {"scheme": "business:NO:ORG", "id": "987654325"}, "productOrderUrl": None,
        "salesUnit": None, **more}


@pytest.fixture
def judge(world, ca, certificate):
    """world.api behind Prism; what is asked through it is as the description wants it, both ways."""
    with prism.Judge(certificate, world.api.url, ca.file, {"PATH": os.environ["PATH"]}) as server:
        world.config["management_api"]["url"] = server.url
        yield server
    assert server.violations == [] and world.api.violations == []


def test_the_main_job_asks_and_the_fake_answers_as_the_description_says(world, judge):
    world.know("123456", "987654325")
    world.know("2048001", "12345674", scheme="business:DK:CVR")
    world.know("305577", "1234567-1", scheme="business:FI:Y-tunnus")
    world.deliver(approval_mail("123456"))
    world.deliver(approval_mail("654321"))  # unknown
    assert world.run("run").status == 0
    assert [body["data"]["msn"] for body in world.received("approval.confirmed")] == ["123456"]
    statuses = {(path, status) for _, path, status in judge.passed}
    assert ("/accesstoken/get", 200) in statuses and ("/management/v1/sales-units/654321", 404) in statuses


def test_every_question_goes_through_the_description_to_the_fake(world, judge, tmp_path, ca):
    world.know("123456", "987654325")
    world.know("305577", "1234567-1", scheme="business:FI:Y-tunnus")
    world.api.data["productOrders"] = [order_of("RECEIVED", 1), order_of("EXPIRED", 2),
        order_of("COMPLETED", 3, salesUnit={"msn": 123456, "name": "Fjord Kaffe Torget"})]
    got = Client(tmp_path, ca, judge.url).like(world.api).ask("sales-unit 123456", "sales-unit 999999",
        "merchant business:NO:ORG 987654325", "merchant-units business:FI:Y-tunnus 1234567-1", "units", "orders",
        "orders expired", f"order {order_of('COMPLETED', 3)['productOrderId']}", f"order {order_of('X', 9)['productOrderId']}")
    assert [one["failed"] for one in got] == [False] * 9, got
    assert [one["found"] for one in got] == [True, False, True, True, True, True, True, True, False]
    assert [unit["msn"] for unit in got[3]["units"]] == ["305577"] and len(got[4]["units"]) == 2
    assert len(got[5]["orders"]) == 2 and len(got[6]["orders"]) == 3 and got[7]["orders"][0]["msn"] == "123456"


# ---- keys

@pytest.fixture
def api(certificate):
    with management.Management(certificate, {"merchants": [], "salesUnits": []}) as server:
        for number in range(40):
            server.data["salesUnits"].append({"msn": str(200000 + number), "name": f"Kaffe {number}",
                "businessIdentifier": {"scheme": "business:NO:ORG", "id": "987654325"}, "configuration": {}})
        yield server


@pytest.fixture
def client(api, tmp_path, ca):
    return Client(tmp_path, ca, api.url).like(api)


FORTY = [f"sales-unit {200000 + number}" for number in range(40)]


def test_management_keys_buy_their_token_elsewhere_and_show_no_subscription_key(api, tmp_path, ca):
    api.keys, api.expires_in = "management", "900"
    got = Client(tmp_path, ca, api.url, "management").like(api).ask(*FORTY)
    assert [one["failed"] for one in got] == [False] * 40, got[0]
    assert api.asked.count(("POST", management.OTHER_TOKEN_PATH)) == 1 and api.violations == []


def test_a_subscription_key_beside_management_keys_is_an_error(world):
    world.config["management_api"]["keys"] = "management"
    result = world.run("check")
    assert result.status == 14 and "subscription_key_file" in result.err
    del world.config["management_api"]["subscription_key_file"]
    assert world.run("check").status == 0


def test_one_token_serves_many_questions_at_once_over_few_connections(api, client):
    client.section["max_concurrent"] = 4
    pair = threading.Barrier(2, timeout=30)

    def meet(handler):  # each is answered when another one is there
        pair.wait()
        return False
    api.fault = meet
    got = client.ask(*FORTY)
    assert [one["failed"] for one in got] == [False] * 40
    assert len(api.tokens) == 1 and 2 <= api.busiest <= 4 and api.violations == []


def refuse_first_token(api):
    def fault(handler):
        if handler.headers["Authorization"] == "Bearer " + api.tokens[0]:
            return management.GATEWAY_401(handler)
        return False
    return fault


def test_a_revoked_token_is_fetched_anew_once_for_all_that_met_it(api, client):
    api.fault = refuse_first_token(api)
    got = client.ask(*FORTY)
    assert [one["failed"] for one in got] == [False] * 40, got[0]
    assert len(api.tokens) == 2 and len(api.asked) <= 40 + 2 + 4


def test_a_token_that_is_revoked_again_later_is_fetched_anew_again(api, client):
    client.section["max_concurrent"] = 1
    asked = []

    def fault(handler):
        asked.append(handler.path)
        if len(asked) in (2, 4):  # and an answer between
            api.tokens.clear()
        return False
    api.fault = fault
    got = client.ask("sales-unit 200001", "sales-unit 200002", "sales-unit 200003", "sales-unit 200004")
    assert not any(one["failed"] for one in got), got
    assert sum(path == management.TOKEN_PATH for _, path in api.asked) == 3


def test_keys_refused_at_every_question_end_after_one_new_token(api, client):
    api.fault = management.GATEWAY_401
    got = client.ask(*FORTY)
    assert all(one["failed"] and one["away"] for one in got) and got[0]["keys"]
    assert len(api.tokens) == 2 and len(api.asked) <= 2 + 8


@pytest.mark.parametrize("keys,where", [("partner", "partner@vippsmobilepay.com"), ("merchant", "portal.vippsmobilepay.com")])
def test_refused_keys_are_told_at_once_with_who_gives_new_ones(world, keys, where):
    world.config["management_api"]["keys"] = keys
    world.know("123456", "987654325")
    world.deliver(approval_mail("123456"))
    world.api.token_fault = management.GATEWAY_401
    result = world.run("run")
    assert result.status == 15 and where in result.err and len(result.lines) == 1
    event, = world.events("api.failing")
    assert where in event["data"]["error"]
    world.api.token_fault = None
    assert world.run("run").status == 0
    assert len(world.events("api.recovered")) == 1 and len(world.received("approval.confirmed")) == 1


@clock
def test_a_403_for_one_question_is_not_the_token_and_told_after_half_an_hour(world):
    world.know("123456", "987654325")
    world.deliver(approval_mail("123456"))
    world.api.fault = management.FAULTS["403"]
    began = time.time()
    assert world.run("run", at=began).status == 15
    assert world.events("api.failing") == []
    world.run("run", at=began + 31 * MINUTE)
    assert len(world.events("api.failing")) == 1


@clock
def test_units_that_the_keys_may_not_see_hinder_no_other_and_are_told_after_half_an_hour(world):
    for number in range(20):
        world.deliver(approval_mail(str(200000 + number)))
    world.api.fault = lambda handler: handler.path.split("/")[-1].startswith("2000") and (management.FAULTS["403"](handler), True)[1]
    began = time.time()
    world.run("run", at=began)
    world.know("123456", "987654325")
    world.deliver(approval_mail("123456"))
    world.run("run", at=began + MINUTE)
    assert len(world.received("approval.confirmed")) == 1
    assert world.events("api.failing") == []
    world.run("run", at=began + 32 * MINUTE)
    assert len(world.events("api.failing")) == 1


@clock
def test_check_warns_of_keys_that_end_within_thirty_days(world):
    world.config["management_api"]["expires"] = "2027-03-01"
    day = 86400
    end = 1803859200  # 2027-03-01
    assert world.run("check", at=end - 31 * day).err == ""
    soon = world.run("check", at=end - 29 * day)
    assert soon.status == 0 and "2027-03-01" in soon.err and "partner@vippsmobilepay.com" in soon.err
    assert "expired" in world.run("check", at=end + day).err
    world.config["management_api"]["expires"] = "soon"
    assert world.run("check").status == 14


def test_what_is_asked_says_who_asks_within_thirty_characters(api, client):
    seen = []
    api.fault = lambda handler: seen.append(dict(handler.headers)) or False
    client.ask("merchant business:FI:Y-tunnus 1234567-1")
    assert all(0 < len(seen[0][name]) <= 30 for name in management.SYSTEM_HEADERS)
    assert seen[0]["Authorization"].startswith("Bearer ")


# ---- waiting and giving up

def after(n, *faults):
    """The n first requests are answered by the faults in turn."""
    left = list(faults) * n

    def fault(handler):
        return left.pop(0)(handler) if left else False
    return fault


DATE = web.status(429, b"{}", "application/json", [("Retry-After", "Fri, 01 Jan 2100 00:00:00 GMT")])
LIMITED_503 = web.status(503, b"", "text/html", [("Retry-After", "240")])
SAID = web.status(429, b'{"statusCode":429,"message":"Rate limit is exceeded. Try again in 300 seconds."}', "application/json")


@pytest.mark.parametrize("fault", ["429", "500", "502", "cut", "silent", "423"])
def test_what_fails_in_passing_is_asked_again(api, client, fault):
    faults = {**management.FAULTS, "silent": web.close, "423": web.status(423, b'{"title":"Locked"}'),
        "429": web.status(429, b"{}", "application/json", [("Retry-After", "1")])}
    api.fault = after(1, faults[fault])
    got, = client.ask("sales-unit 200001", fast=True)
    assert got["failed"] is False and len(api.asked) == 3
    assert got["tries"] == 2 or fault == "silent"  # that libcurl asks again by itself, where a kept connection is gone


@pytest.mark.parametrize("fault,seconds", [(management.LIMITED, 120), (DATE, 31622400), (SAID, 300),
    (LIMITED_503, 240)])
def test_a_long_wish_to_be_left_alone_ends_all_questions(api, client, fault, seconds):
    api.fault = fault
    got = client.ask(*FORTY)
    assert all(one["failed"] and one["away"] for one in got)
    assert {one["retry_after_ms"] for one in got} <= {seconds * 1000} and len(api.asked) <= 1 + 8


def test_a_429_is_meant_for_all_questions(api, client):
    client.section["max_concurrent"] = 1
    api.fault = after(1, web.status(429, b"{}", "application/json", [("Retry-After", "2")]))
    got = client.ask("sales-unit 200001", "sales-unit 200002")
    assert not any(one["failed"] for one in got)
    assert api.asked_at[2] - api.asked_at[1] >= 1.9  # the second one waits, too


def test_a_404_of_the_gateway_is_no_answer_about_a_unit(api, client):
    api.fault = web.status(404, b'{"statusCode": 404, "message": "Resource not found"}', "application/json")
    got, = client.ask("sales-unit 200001")
    assert got["failed"] is True and "management_api.url" in got["error"]


def test_a_server_that_fails_on_and_on_is_left_alone(api, client):
    api.fault = management.FAULTS["500"]
    got = client.ask(*FORTY, fast=True)
    assert all(one["failed"] for one in got) and got[-1]["away"]
    assert len(api.asked) <= 1 + 8 + 4


@clock
def test_an_api_that_failed_is_tried_by_one_question_first(world):
    for number in range(12):
        world.know(str(200000 + number), "987654325")
        world.deliver(approval_mail(str(200000 + number)))
    world.api.fault = management.FAULTS["500"]
    began = time.time()
    world.run("run", at=began)
    asked = len(world.api.asked)
    world.run("enrich", at=began + MINUTE)
    assert len(world.api.asked) == asked + 2  # a token, a question
    world.api.fault = None
    world.run("enrich", at=began + 2 * MINUTE)
    assert world.count("claim", "state = 'confirmed'") == 12


def windows(times, seconds):
    """The most that any window of so many seconds saw."""
    most, first = 0, 0
    for last, at in enumerate(times):
        while at - times[first] > seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def sometimes(api, chance):
    """5 % 429, every other with Retry-After; 5 % 500; 2 % cut."""
    limits = [web.status(429, b"{}", "application/json"), web.status(429, b"{}", "application/json", [("Retry-After", "2")])]

    def fault(handler):
        with api.lock:
            draw, limit = chance.random(), chance.choice(limits)
        if draw < 0.12:
            return (limit if draw < 0.05 else management.FAULTS["500"] if draw < 0.10 else web.cut())(handler)
        return False
    return fault


@clock
def test_many_claims_end_confirmed_though_the_api_limits_fails_and_cuts(world):
    """The clock of the program goes ten times as fast, and so does that of the fake's tokens."""
    count, rate = (2000, 900) if BIG else (150, 240)
    for number in range(count):
        world.know(str(200000 + number), "987654325")
        world.deliver(approval_mail(str(200000 + number)))
    world.config["management_api"]["requests_per_minute"] = rate
    assert world.run("ingest", seconds=600).status == 0
    world.api.expires_in, world.api.token_life = "30", 30 / SPEED
    world.api.fault = sometimes(world.api, random.Random(6))
    begun, env = time.monotonic(), world.environment()
    env.update(LD_PRELOAD=worlds.faketime(), FAKETIME=f"+0 x{SPEED}", NO_FAKE_STAT="1")
    passes = 0
    while world.count("claim", "state = 'pending'") > 0 and passes < 10:
        done = subprocess.run(world.command("enrich"), env=env, capture_output=True, text=True, timeout=600)
        assert done.returncode in (0, 3), done
        passes += 1
    took = (time.monotonic() - begun) * SPEED
    assert world.count("claim", "state = 'confirmed'") == count
    slack = 3 / SPEED  # what a request may take to get there on a loaded machine
    assert windows(world.api.asked_at, MINUTE / SPEED - slack) <= rate * passes
    fetched = sum(path == management.TOKEN_PATH for _, path in world.api.asked)
    print(f"{count} claims: {len(world.api.asked)} requests in {took:.0f} s of {passes} passes, {fetched} tokens,"
        f" at most {windows(world.api.asked_at, MINUTE / SPEED)} in a minute")
    assert fetched <= took / 26 + passes
    assert not any(token in world.database.read_bytes().decode("latin-1") for token in world.api.tokens)


def test_many_claims_about_one_sales_unit_hold_up_no_other(world):
    for msn, mails in (("300001", 300), ("300002", 1)):
        world.know(msn, "987654325")
        for _ in range(mails):
            world.deliver(approval_mail(msn))
    world.config["management_api"]["requests_per_minute"] = 6000
    assert world.run("ingest").status == 0
    assert world.run("enrich").status == 0
    assert world.count("claim", "state = 'confirmed'") == 301
    asked = [path[-6:] for _, path in world.api.asked if "/management/v1/sales-units/" in path]
    assert asked.index("300002") == 1, "the first of the 300, then the other"


# ---- servers that mean harm

def big(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(2 ** 30))
    handler.end_headers()
    pour(handler, b" " * 65536, 2 ** 30)


def chunks(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    pour(handler, b"2000\r\n" + b" " * 8192 + b"\r\n", 2 ** 30)


def header(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Much: ")
    pour(handler, b"x" * 65536, 10 * 2 ** 20)


def headers(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    pour(handler, b"X-Much: yes\r\n" * 1000, 10 * 2 ** 20)


poured = []


def pour(handler, block, limit):
    """Until the client has had enough."""
    sent = 0
    try:
        while sent < limit:
            handler.wfile.write(block)
            sent += len(block)
    except OSError:
        pass
    poured.append(sent)
    handler.close_connection = True


def said(body):
    return web.status(200, body, "application/json")


UNIT = b'{"msn":"200001","name":"K","businessIdentifier":{"scheme":"business:NO:ORG","id":"987654325"},"configuration":{}'
HOSTILE = {
    "a-body-of-1-GB": (big, "bytes"),
    "endless-chunks": (chunks, "bytes"),
    "one-header-of-10-MB": (header, ""),
    "headers-of-10-MB": (headers, ""),
    "deep": (said(b"[" * 100000 + b"]" * 100000), "deep"),
    "a-key-twice": (said(UNIT + b',"msn":"200001"}'), "twice"),
    "NUL": (said(UNIT.replace(b'"K"', b'"K\\u0000"') + b"}"), "JSON"),
    "raw-NUL": (said(UNIT.replace(b'"K"', b'"K\0"') + b"}"), "JSON"),
    "not-UTF-8": (said(UNIT.replace(b'"K"', b'"K\xff"') + b"}"), "UTF-8"),
    "another-unit": (said(UNIT.replace(b"200001", b"200002") + b"}"), "another"),
    "an-array": (said(b"[]"), "another"),
    "a-text": (said(b'"200001"'), "another"),
    "nothing": (said(b""), "JSON"),
    "HTML": (management.FAULTS["html-200"], "text/html"),
    "long-type": (web.status(200, b"{}", "text/" + "x" * 3000), "instead of JSON"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_answers_are_bounded_refused_and_said(api, client, kind):
    fault, words = HOSTILE[kind]
    api.fault, poured[:] = fault, []
    got, = client.ask("sales-unit 200001", fast=True)
    assert got["failed"] is True and got["away"] is False and words in got["error"], got
    assert got["kind"] == "reject" and got["tries"] == 1 or kind.endswith("10-MB")
    assert len(got["error"]) < 240 and all(n < 16 * 2 ** 20 for n in poured)


@pytest.mark.parametrize("kind", [kind for kind in HOSTILE if kind not in ("another-unit", "HTML", "long-type")])
def test_hostile_tokens_are_bounded_refused_and_said(api, client, kind):
    api.token_fault = HOSTILE[kind][0]
    got, = client.ask("sales-unit 200001", fast=True)
    assert got["failed"] is True and got["away"] is True and "token" in got["error"], got
    assert len(api.asked) <= 3


@plain
@pytest.mark.parametrize("kind", ["a-body-of-1-GB", "endless-chunks", "lists"])
def test_hostile_lists_cost_bounded_memory(api, client, kind):
    api.fault = {**{k: v[0] for k, v in HOSTILE.items()}, "lists": said(b"[" + b"[]," * 1398000 + b"[]]")}[kind]
    before = os.times()
    client.ask("units", env={"LD_PRELOAD": ""})
    import resource
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 400 * 1024  # kB
    assert os.times().children_user - before.children_user < 5


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_keys_never_go_where_a_redirect_points(api, client, certificate, code):
    with management.Management(certificate, {"merchants": [], "salesUnits": []}) as thief:
        away = [("Location", thief.url + "/management/v1/sales-units/200001")]
        api.fault = web.status(code, b"", "text/html", away)
        got, = client.ask("sales-unit 200001")
        assert got["failed"] is True and "redirect" in got["error"]
        api.fault, api.token_fault = None, web.status(code, b"", "text/html", away)
        got, = client.ask("sales-unit 200001")
        assert got["failed"] is True and "redirect" in got["error"]
        assert thief.asked == []


def test_a_secret_that_the_server_sends_back_is_not_said(api, client):
    api.fault = lambda handler: handler.answer(403, json.dumps({"title": "No: " + handler.headers["Authorization"][7:],
        "status": 403}).encode(), "application/problem+json")
    client.ask("sales-unit 200001")  # which looks for them itself
    api.token_fault = lambda handler: handler.answer(401, json.dumps({"message": "bad " + handler.headers["client_secret"]})
        .encode(), "application/json")
    client.ask("sales-unit 200001")


def test_nor_is_the_token_before_this_one(api, client):
    def fault(handler):
        if len(api.tokens) == 1:
            return management.GATEWAY_401(handler)
        return handler.answer(400, json.dumps({"title": "not " + api.tokens[0][:90]}).encode(), "application/problem+json")
    api.fault = fault
    api._new_token = lambda new=api._new_token: short(api, new())
    got, = client.ask("sales-unit 200001")  # which looks for them itself
    assert got["failed"] is True and len(api.tokens) == 2


def short(api, token):
    """One that a message could hold whole."""
    api.tokens[-1] = token[:40]
    api.issued[token[:40]] = api.issued.pop(token)
    return token[:40]


def test_a_problem_is_quoted_cut_short_and_in_one_line(api, client):
    api.fault = web.status(400, json.dumps({"title": "a\nb\u0007" + "ø" * 500}).encode(), "application/problem+json")
    got, = client.ask("sales-unit 200001")
    assert "a b" in got["error"] and "\n" not in got["error"] and len(got["error"].encode()) < 240


@pytest.mark.parametrize("msn,path", [("12/../34", "12%2F..%2F34"), ("1?x=1#2", "1%3Fx%3D1%232"), ("..", "..")])
def test_a_path_segment_stays_one(api, client, msn, path):
    seen = []
    api.fault = lambda handler: seen.append(handler.path) or management.FAULTS["404"](handler)
    client.ask(f"sales-unit {msn}")
    assert seen == ["/management/v1/sales-units/" + path]
