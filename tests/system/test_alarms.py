"""A changed template and a sender that nobody configured are told once a day, with a count, and never confirm anything."""
import time

import pytest

from servers.world import approval_mail

DAY = 86400
NOON = int(time.time()) // DAY * DAY + DAY + DAY // 2  # of tomorrow: the day does not end during a test


def unknown_form(number, at):
    """A proven mail of a wording that no rule knows."""
    head, _, _ = approval_mail("123456", date=at, subject=f"Welcome aboard, shop {number}").partition(b"\r\n\r\n")
    return head + b"\r\n\r\nShop key 123456 is live.\r\n"


def stranger(msn, at, domain="mobilepay.example", **options):
    return approval_mail(msn, date=at, sender=f"noreply@{domain}", **options)


@pytest.mark.clock
def test_a_changed_template_is_told_at_once_and_counted_when_the_day_is_over(world):
    for number in range(3):
        world.deliver(unknown_form(number, NOON))
        assert world.run("run", at=NOON + number).status == 0
    first, = world.events("mail.unmatched")
    assert first["data"]["count"] == 1 and first["data"]["sender"]["domain"] == "vippsmobilepay.com"
    assert len(world.smtp.mails) == 1 and world.smtp.mails[0].recipients == ["ops@example.com"]
    quiet = world.run("run", at=NOON + DAY)
    assert (quiet.status, quiet.out, quiet.err) == (0, "", "")
    _, second = world.events("mail.unmatched")
    assert second["data"]["count"] == 3 and second["data"]["day"] == first["data"]["day"]
    assert len(world.smtp.mails) == 2 and "Count" in world.smtp.mails[1].message.get_content()
    assert world.run("run", at=NOON + 2 * DAY).status == 0
    assert len(world.events("mail.unmatched")) == 2 and world.run("verify").status == 0


@pytest.mark.clock
def test_a_well_signed_approval_of_an_unknown_domain_is_held_and_told_with_the_line_to_add(world):
    world.know("123456", "987654325")
    world.deliver(stranger("123456", NOON))
    world.deliver(stranger("123457", NOON))
    assert world.run("run", at=NOON).status == 3
    event, = world.events("mail.unknown-sender")
    assert event["data"]["add"] == "sender: {domains: [vippsmobilepay.com, mobilepay.example]}"
    assert event["data"]["sender"] == {"domain": "mobilepay.example", "proof": "none"}
    assert [reason["code"] for reason in event["data"]["reasons"]] == ["sender-not-configured"]
    assert world.count("approval") == 0 and world.api.asked == []
    assert [claim["state"] for claim in world.log("--state", "held")] == ["held", "held"]
    assert world.run("run", at=NOON + DAY).status == 0
    assert [e["data"]["count"] for e in world.events("mail.unknown-sender")] == [1, 2]
    # a stranger's domain is not made a link in anybody's mail program
    told = [mail.message.get_content() for mail in world.smtp.mails if mail.recipients == ["ops@example.com"]]
    assert len(told) == 2 and not any("mobilepay.example" in text for text in told)

    # the line that was told makes the next mail an approval
    world.config["sender"]["domains"] = ["vippsmobilepay.com", "mobilepay.example"]
    world.deliver(stranger("123456", NOON + DAY))
    assert world.run("run", at=NOON + DAY).status == 0 and world.count("approval") == 1


@pytest.mark.parametrize("name, mail", [
    ("not signed", lambda at: stranger("123456", at, proven=False)),
    ("signed by the word of a server that nobody named", lambda at: stranger("123456", at, authserv="mx.example.org")),
    ("a fact is missing", lambda at: stranger("123456", at).replace(b"Name of sales unit: Fjord Kaffe Torget\r\n", b"")),
    ("a lookalike of the vendor that only passes for itself", lambda at: stranger("123456", at).replace(
        b"header.from=mobilepay.example", b"header.from=vippsmobilepay.com").replace(
        b"header.d=mobilepay.example", b"header.d=vippsmobilepay.com")),
], ids=lambda value: value if isinstance(value, str) else "")
def test_mail_that_nobody_vouches_for_or_that_is_not_whole_is_held_in_silence(world, name, mail):
    world.know("123456", "987654325")
    world.deliver(mail(time.time()))
    assert world.run("run").status == 3
    assert world.events("mail.unknown-sender") == [] and world.count("approval") == 0
    assert [claim["state"] for claim in world.log("--state", "held")] == ["held"]
