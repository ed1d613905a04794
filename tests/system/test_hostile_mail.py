"""Mails made to break parsers, in a real mailbox: each gets a fate within the bounds, and hides nothing behind it.

All are proven, since a forgery's claims are held whatever it holds.
"""
import email.utils
import time

import pytest

from servers.world import World, approval_mail

MB = 1 << 20
MAIL_BYTES = 25 * MB
BEFORE_MSN, BEHIND_MSN = "123456", "234567"
TEXT = (b"The application has been approved and the products can now be used.\r\n\r\nOrganisation number: NO 987654325 MVA\r\n"
    b"Merchant name: Fjord Kaffe AS\r\nMSN: 666666\r\nName of sales unit: Fjord Kaffe Torget\r\n")
HTML = b"text/html; charset=utf-8"
STAMP = email.utils.formatdate(time.time()).encode()


def mail(type=b"text/plain; charset=utf-8", body=TEXT, extra=b"", sender=b"Vipps MobilePay <noreply@vippsmobilepay.com>"):
    return (b"Authentication-Results: mx.example.com;\r\n dmarc=pass header.from=vippsmobilepay.com\r\n"
        b"Received: from out.example.net by mx.example.com; " + STAMP + b"\r\nFrom: " + sender + b"\r\n"
        b"To: onboarding@example.com\r\nSubject: Your Vipps MobilePay application has been approved\r\n"
        b"Date: " + STAMP + b"\r\n" + extra + b"MIME-Version: 1.0\r\nContent-Type: " + type + b"\r\n\r\n" + body)


def levels(count, type):
    """Multiparts in multiparts, each with a boundary of its own, and the text in the last."""
    return mail(type + b"; boundary=0", b"".join(b"--%d\r\nContent-Type: %s; boundary=%d\r\n\r\n" % (i, type, i + 1)
        for i in range(count)) + b"--%d\r\n\r\n" % count + TEXT)


def parts(count, part, end=b""):
    return mail(b"multipart/mixed; boundary=a", part * count + end)


# name: (what makes the mail, what may become of it). held: read, and its claim is a doubt; claimed: read, and its
# claim is one for the API; nothing: read, and no claim.
MAILS = {
    "50,000 messages in messages": (lambda: mail(b"message/rfc822", b"Content-Type: message/rfc822\r\n\r\n" * 50000 + TEXT),
        "quarantined nothing"),
    "4,900 multiparts in multiparts": (lambda: levels(4900, b"multipart/mixed"), "quarantined"),
    "20,000 multiparts in multiparts": (lambda: levels(20000, b"multipart/mixed"), "quarantined"),
    "50,000 multiparts in multiparts": (lambda: levels(50000, b"multipart/alternative"), "quarantined"),
    "50,000 levels of one boundary": (lambda: parts(50000, b"--a\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n", TEXT),
        "quarantined"),
    "4,900 parts": (lambda: parts(4900, b"--a\r\n\r\nx\r\n"), "quarantined"),
    "300,000 parts and no end": (lambda: parts(300000, b"--a\r\n\r\n"), "quarantined"),
    "300,000 parts of text": (lambda: parts(300000, b"--a\r\n\r\nx\r\n", b"--a--\r\n"), "quarantined"),
    "25 MB of one line": (lambda: mail(body=b"x" * (MAIL_BYTES - 4096)), "quarantined"),
    "25 MB of one line of base64": (lambda: mail(extra=b"Content-Transfer-Encoding: base64\r\n", body=b"QUJD" * (6 * MB)),
        "quarantined"),
    "25 MB of one line of HTML": (lambda: mail(HTML, b"<p>" + b"x" * (MAIL_BYTES - 4096)), "quarantined"),
    "more than 25 MB of one line": (lambda: mail(body=b"x" * (MAIL_BYTES + 1)), "oversize"),
    "a header of 1 MB": (lambda: mail(extra=b"X-A: b\r\n" * (MB // 8)), "quarantined"),
    "a field of 1 MB": (lambda: mail(extra=b"X-A: " + b"b" * MB + b"\r\n"), "quarantined"),
    "a field of 2 MB, folded": (lambda: mail(extra=b"X-A:" + b" b\r\n" * (MB // 2)), "quarantined"),
    "100,000 References": (lambda: mail(extra=b"References:" + b" <a@b.example>\r\n" * 100000), "quarantined"),
    "a From with 100,000 comments in comments": (lambda: mail(sender=b"(" * 100000 + b"a@vippsmobilepay.com"), "quarantined"),
    "a From with 20,000 comments in comments": (lambda: mail(
        sender=b"(" * 20000 + b")" * 20000 + b" a@vippsmobilepay.com"), "held"),
    "a From with 10,000 addresses": (lambda: mail(sender=b"a@b.c," * 10000 + b"a@vippsmobilepay.com"), "held"),
    "two Froms": (lambda: mail(extra=b"From: a@attacker.example\r\n"), "held"),
    "3,500 encoded words in another Subject": (lambda: mail(extra=b"Subject: " + b"=?utf-8?q?a?=\r\n " * 3500 + b"a\r\n"), "held"),
    "two Dates": (lambda: mail(extra=b"Date: Sun, 22 Feb 2026 10:00:00 +0000\r\n"), "held"),
    "a type with 3,000 comments in comments": (lambda: mail(b"text/plain" + b"(" * 3000), "held claimed"),
    "a type with 20,000 comments in comments": (lambda: mail(b"text/plain" + b"(" * 20000), "quarantined"),
    "a field with 20,000 comments in comments": (lambda: mail(extra=b"Reply-To: " + b"(" * 20000 + b"\r\n"), "held claimed"),
    "400 parameters": (lambda: mail(b"text/plain" + b"; a*0*=x" * 400), "held claimed"),
    "2,000 parameters": (lambda: mail(b"text/plain" + b"; a*0*=x" * 2000), "quarantined"),
    "200,000 tags in tags": (lambda: mail(HTML, b"<div>" * 200000 + TEXT), "quarantined"),
    "100,000 attributes": (lambda: mail(HTML, b"<p " + b" ".join(b"a%d=b" % i for i in range(100000)) + b">" + TEXT),
        "quarantined"),
    "30,000 tables in tables": (lambda: mail(HTML, b"<table><tr><td>" * 30000 + TEXT), "quarantined"),
    "10,000 NUL bytes": (lambda: mail(body=b"\0" * 10000 + TEXT), "held claimed"),
    "nothing but a header": (lambda: mail(body=b"").rstrip(), "nothing"),
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory, ca, certificate, dovecot):
    """All of them between two good approvals, and one run over them. fates: what became of each, with its reason."""
    world = World(tmp_path_factory.mktemp("hostile"), ca, certificate, dovecot, {"merchants": [], "salesUnits": []})
    world.config["limits"] = {"mail_bytes": f"{MAIL_BYTES >> 20}M"}
    world.know(BEFORE_MSN, "987654325")
    world.know(BEHIND_MSN, "987654325")
    world.deliver(approval_mail(BEFORE_MSN))
    for make, _ in MAILS.values():
        world.deliver(make())
    world.deliver(approval_mail(BEHIND_MSN))
    world.first = world.run("run", seconds=300)
    rows = world.rows("SELECT fate, reason, (SELECT group_concat(state) FROM claim WHERE mail_id = mail.id) AS claims"
        " FROM mail ORDER BY uid")
    assert len(rows) == len(MAILS) + 2
    of_claims = {None: "nothing", "pending": "claimed", "held": "held"}
    world.fates = {name: (of_claims[row["claims"]] if row["fate"] == "read" else row["fate"], row["reason"])
        for name, row in zip(MAILS, rows[1:-1])}
    yield world
    world.close()


@pytest.mark.parametrize("name", MAILS)
def test_a_hostile_mail_gets_its_fate_within_the_bounds(hostile, name):
    fate, reason = hostile.fates[name]
    assert fate in MAILS[name][1].split(), reason
    assert (reason is not None) == (fate in ("quarantined", "oversize"))
    assert "the reader" not in (reason or "") and "the prover" not in (reason or ""), reason  # no child was lost


def test_the_parent_lives_and_the_approvals_around_them_are_confirmed_in_the_same_pass(hostile):
    assert (hostile.first.status, hostile.first.err) == (3, "")  # what was quarantined waits for a person
    assert {body["data"]["msn"] for body in hostile.received("approval.confirmed")} == {BEFORE_MSN, BEHIND_MSN}


def test_a_second_run_reads_none_of_them_again(hostile):
    before = hostile.rows("SELECT * FROM mail ORDER BY id")
    assert hostile.run("run").status == 0
    assert hostile.rows("SELECT * FROM mail ORDER BY id") == before
