"""What forgeries can cause, and what a child that lies can: no announcement, and not much noise."""
import time

import pytest

from conftest import BIG
from servers import false_reader
from servers.world import approval_mail

FORGERIES = 1000 if BIG else 200
DOMAINS = 300 if BIG else 60
REAL = 50 if BIG else 10
HOUR, DAY = 3600, 86400
NOON = int(time.time()) // DAY * DAY + DAY + DAY // 2  # of tomorrow: no day ends during a test
CANARY = "Canary Phishing AS"  # in every forgery


def real_mail(n, **options):
    return approval_mail(str(700000 + n), merchant=f"Ekte Handel {n} AS", **options)


def forged_mail(n, msn=None):
    """Half pretend to be the vendor and have no proof; half are proven, by domains that are not the vendor's."""
    vendor = n % 2 == 0
    return approval_mail(msn or str(100000 + n), merchant=f"{CANARY} {n}", unit="Canary unit",
        subject=f"Your Vipps MobilePay application has been approved: Canary {n}",
        sender="noreply@vippsmobilepay.com" if vendor else f"canary@domain{n % DOMAINS}.example", proven=not vendor)


def know_all(world):
    for n in range(REAL):
        world.know(str(700000 + n), "987654325")


def told(world):
    """Alerts about mail that is not proven: by webhook, then by e-mail to each address."""
    held = [body for body in world.received() if body["type"].startswith(("claim.", "mail."))]
    mails = [mail for mail in world.smtp.mails if "not proven" in mail.message.get_content()]
    return held, mails


def nothing_of_the_forgeries_was_told(world):
    for delivery in world.receiver.got:
        assert b"anary" not in delivery.body
    for mail in world.smtp.mails:
        assert b"anary" not in mail.raw


@pytest.fixture
def loud(world):
    """Everyone wants to hear of everything."""
    world.config["routes"] = [{"events": ["*"], "to": ["crm", "team"]}]
    know_all(world)
    return world


def announced(world):
    return sorted(body["data"]["msn"] for body in world.received("approval.confirmed"))


@pytest.mark.clock
def test_forgeries_among_real_approvals_are_one_notice_an_hour_and_no_announcement(loud):
    for n in range(FORGERIES):
        loud.deliver(forged_mail(n))
        if n % (FORGERIES // REAL) == 0:
            loud.deliver(real_mail(n * REAL // FORGERIES))
    assert loud.run("run", at=NOON, seconds=600).status == 3
    assert announced(loud) == [str(700000 + n) for n in range(REAL)]
    assert loud.count("claim", "state = 'held'") == FORGERIES == len(loud.events("claim.held"))
    held, mails = told(loud)
    assert [len(held), len(mails)] == [1, 1] and "notice" not in held[0]["data"]
    loud.deliver(forged_mail(FORGERIES))
    loud.run("run", at=NOON + HOUR - 60)
    assert [len(x) for x in told(loud)] == [1, 1]
    loud.run("run", at=NOON + HOUR + 60)
    held, mails = told(loud)
    assert [len(held), len(mails)] == [2, 2]
    notice = held[1]["data"]["notice"]
    untrusted = len(loud.events("claim.held")) + len(loud.events("mail.unknown-sender"))
    assert untrusted > FORGERIES + 1
    assert held[1]["type"] == "claim.held" and notice["count"] == untrusted - 1 and len(notice["listed"]) == 100
    assert {item["ref"] for item in notice["listed"]} <= {event["ref"] for event in loud.events("claim.held")}
    assert f"and {untrusted - 2} more" in mails[1].message["Subject"]
    nothing_of_the_forgeries_was_told(loud)
    loud.run("run", at=NOON + 3 * HOUR)
    assert [len(x) for x in told(loud)] == [2, 2] and announced(loud) == [str(700000 + n) for n in range(REAL)]
    assert loud.run("verify").status == 0


def test_forgeries_that_claim_the_keys_ids_and_dates_of_real_mails_hide_none_of_them(loud):
    real = [real_mail(n) for n in range(REAL)]
    for n in range(FORGERIES):
        true = real[n % REAL]
        forged = forged_mail(n, msn=str(700000 + n % REAL))
        for field in (b"\r\nMessage-ID: ", b"\r\nDate: "):
            line = field + true.split(field)[1].split(b"\r\n")[0]
            forged = forged.replace(field + forged.split(field)[1].split(b"\r\n")[0], line)
        loud.deliver(forged)
    assert loud.run("run", seconds=600).status == 3 and announced(loud) == []
    for raw in real:
        loud.deliver(raw)
    assert loud.run("run", seconds=600).status == 0
    assert announced(loud) == [str(700000 + n) for n in range(REAL)]
    assert loud.count("claim", "state = 'superseded'") == FORGERIES and [len(x) for x in told(loud)] == [1, 1]
    assert {body["data"]["merchant_name"] for body in loud.received("approval.confirmed")} == {"Fjord Kaffe AS"}
    nothing_of_the_forgeries_was_told(loud)


@pytest.mark.clock
def test_a_notice_that_could_not_be_delivered_is_sent_later_with_its_id(loud):
    loud.deliver(forged_mail(0))
    loud.run("run", at=NOON)
    loud.deliver(forged_mail(1))
    loud.run("run", at=NOON)
    later = NOON + HOUR + 60
    loud.receiver.stop()
    loud.run("run", at=later)
    owed = loud.rows("SELECT webhook_id FROM delivery WHERE endpoint = 'crm' AND state = 'due'")
    assert len(owed) == 1
    loud.receiver.start()
    loud.run("run", at=later + 10)
    assert [delivery.id for delivery in loud.receiver.got][-1] == owed[0]["webhook_id"]
    loud.run("run", at=later + 3 * HOUR)
    assert [len(x) for x in told(loud)] == [2, 2]


def test_a_person_who_rejects_a_forgery_tells_no_text_of_it(loud):
    loud.deliver(forged_mail(0))
    loud.run("run")
    assert loud.run("review", "reject", "clm_1", "--why", "phishing").status == 0
    loud.run("run")
    (rejected,) = loud.received("claim.rejected")
    assert rejected["data"]["review"]["why"] == "phishing" and rejected["data"]["merchant_name"] is None
    nothing_of_the_forgeries_was_told(loud)


# ---- children that lie

def test_a_reader_that_always_answers_a_real_approval_announces_nothing_for_unproven_mail(loud):
    false_reader.replace(loud, instead=real_mail(3))
    for n in range(5):
        loud.deliver(forged_mail(n))
    assert loud.run("run").status == 3
    assert announced(loud) == [] and loud.count("claim", "state = 'held'") == 5
    assert [len(x) for x in told(loud)] == [1, 1]


def test_a_reader_that_always_answers_other_hides_only_what_it_read_and_says_that_it_read_it(loud):
    other = approval_mail("123456", subject="Newsletter").split(b"\r\n\r\n")[0] + b"\r\n\r\nOur newsletter of the week\r\n"
    loud.deliver(real_mail(0))
    loud.run("run")
    false_reader.replace(loud, instead=other)
    loud.deliver(real_mail(1))
    loud.deliver(forged_mail(0))
    loud.run("run")
    assert announced(loud) == ["700000"]
    (recognised,) = loud.received("mail.recognised")  # a proven mail was read, and this is what was made of it
    assert recognised["data"]["kind"] == "other"
    loud.program = None  # the true one again
    ref = recognised["data"]["id"]
    assert loud.run("mail", "reread", ref).status in (0, 3)
    loud.run("run")
    assert announced(loud) == ["700000", "700001"]


def test_a_prover_that_dies_on_every_mail_loses_none_announces_none_and_a_person_is_told(loud):
    false_reader.replace(loud, prover_dies=True)
    for n in range(4):
        loud.deliver(real_mail(n))
    assert loud.run("run").status == 3
    assert announced(loud) == [] and loud.count("mail", "fate = 'quarantined'") == 4 == loud.count("mail_bytes")
    (quarantined,) = loud.received("mail.quarantined")
    assert quarantined["data"]["sender"] == {"domain": None, "proof": "none"}
    assert len(loud.run("review", "--offline", "--format", "ndjson").out.splitlines()) == 4
