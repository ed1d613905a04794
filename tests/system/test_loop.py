"""An alert that comes back to the polled mailbox, itself or as a bounce or answer, makes no event and no alert."""
import email
import re

import pytest

from servers.world import approval_mail

US = "onboarding@example.com"


def itself(raw):
    return raw


def relayed(raw):
    """By a server that gives each mail a Message-ID of its own."""
    return re.sub(rb"(?mi)^Message-ID: .*?$", b"Message-ID: <0102018f@eu-west-1.example>\r", raw)


def bounced(raw):
    head = raw.split(b"\r\n\r\n")[0]
    subject = email.message_from_bytes(raw)["Subject"].encode()
    return (b"From: MAILER-DAEMON@mx.example.com\r\nTo: approvals@example.com\r\nSubject: Undeliverable: " + subject +
        b"\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <bounce1@mx.example.com>\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n--b\r\n'
        b"Content-Type: text/plain\r\n\r\nYour message about Vipps MobilePay could not be delivered.\r\n"
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n\r\n"
        b"Final-Recipient: rfc822; x@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n" + head + b"\r\n\r\n--b--\r\n")


def quoted_whole(raw):
    """A bounce of an old kind: no report, the mail below a line."""
    subject = email.message_from_bytes(raw)["Subject"].encode()
    return (b"From: MAILER-DAEMON@mx.example.com\r\nTo: approvals@example.com\r\nSubject: failure notice: " + subject +
        b"\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\nI could not deliver this.\r\n\r\n--- Below is a copy:\r\n\r\n" + raw)


def answered(raw):
    message = email.message_from_bytes(raw)
    return (b"From: ops@example.com\r\nTo: approvals@example.com\r\nSubject: Automatic reply: " + message["Subject"].encode() +
        b"\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <auto1@example.com>\r\nAuto-Submitted: auto-replied\r\n"
        b"In-Reply-To: " + message["Message-ID"].encode() + b"\r\nReferences: " + message["Message-ID"].encode() +
        b"\r\n\r\nI am away.\r\n")


@pytest.mark.parametrize("come_back", [itself, relayed, bounced, quoted_whole, answered])
def test_an_alert_that_comes_back_makes_no_event_and_no_loop(world, come_back):
    world.config["endpoints"][1]["email"] = [US]
    world.config["routes"] = [{"events": ["*"], "to": ["team"]}, {"severity": ["urgent"], "to": ["ops"]}]
    world.know("123456", "987654325")
    world.deliver(approval_mail("123456"))
    world.deliver(approval_mail("123457", proven=False))
    world.deliver(approval_mail("123458").replace(b"approved", b"frobnicated"))
    world.run("run")
    sent, events = len(world.smtp.mails), world.count("event")
    assert sent == 3
    for mail in list(world.smtp.mails):
        world.deliver(come_back(mail.raw))
    for _ in range(2):
        assert world.run("run").status == 0
        assert (len(world.smtp.mails), world.count("event")) == (sent, events)
    fates = [row["fate"] for row in world.rows("SELECT fate FROM mail WHERE id > 3")]
    assert len(fates) == 3 and set(fates) <= {"own", "ignored"} and "own" in fates
    assert world.count("claim") == 2


def test_a_mark_of_ours_on_another_approval_hides_nothing(world):
    world.config["routes"] = [{"events": ["*"], "to": ["team"]}]
    for msn in ("123456", "123457", "123458"):
        world.know(msn, "987654325")
    world.deliver(approval_mail("123456"))
    world.run("run")
    mark = b"X-Approvals-Alert: " + world.smtp.mails[0].message["X-Approvals-Alert"].encode() + b"\r\nSubject: "
    world.deliver(approval_mail("123457").replace(b"Subject: ", mark))
    world.deliver(approval_mail("123458", proven=False).replace(b"Subject: ", mark))
    world.run("run")
    assert [entry["msn"] for entry in world.log("--state", "confirmed")] == ["123456", "123457"]
    assert [entry["msn"] for entry in world.log("--state", "held")] == ["123458"]
