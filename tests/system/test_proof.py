"""Who really sent it: what proves a mail, every trick that must not, and a DNS that fails, stalls or lies."""
import dataclasses
import email.utils
import json
import os
import pathlib
import re
import shutil
import sqlite3
import time

import pytest

from servers import signer
from servers.names import SERVFAIL, SILENT, Names
from servers.world import PROGRAM, ROOT, World, approval_mail

OURS, MINUTE, HOUR, DAY = "vippsmobilepay.com", 60, 3600, 86400
CORPORA = pathlib.Path(os.environ.get("CORPORA", ROOT.parent / "shared" / "corpora"))
clock = pytest.mark.clock


@dataclasses.dataclass
class Keys:
    rsa: signer.Key
    ed: signer.Key
    weak: signer.Key
    other: signer.Key

    def records(self):
        """What the DNS holds: our sender's keys, a stranger's, and names with something wrong."""
        host = "{}._domainkey." + OURS
        return {self.rsa.host(): self.rsa.record, self.ed.host(): self.ed.record, self.weak.host(): self.weak.record,
            self.other.host("evil.example"): self.other.record, self.rsa.host("office.example"): self.rsa.record,
            host.format("revoked"): "v=DKIM1; k=rsa; p=", host.format("broken"): SERVFAIL,
            host.format("garbled"): "v=DKIM1; k=rsa; p=AAAA", host.format("several"): [self.rsa.record, self.ed.record],
            host.format("wrong"): self.other.record, host.format("chat"): self.rsa.record + "; s=chat",
            host.format("foreign"): self.rsa.record.replace("k=rsa", "k=rot13"),
            self.rsa.host("mail." + OURS): self.rsa.record, self.rsa.host("com"): self.rsa.record}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return Keys(signer.Key(folder, "s1"), signer.Key(folder, "e1", kind="ed25519"), signer.Key(folder, "w1", bits=512),
        signer.Key(folder, "x1"))


def bare(msn, **options):
    """An approval without trace fields."""
    raw = approval_mail(msn, **options)
    return raw[raw.index(b"\r\nFrom: ") + 2:]


def received(by="mx.example.com", source="out.example.net"):
    return f"Received: from {source} ({source} [192.0.2.10])\r\n\tby {by} with ESMTPS id x1; " \
        f"{email.utils.formatdate()}\r\n".encode()


def results(said, server="mx.example.com"):
    return f"Authentication-Results: {server}; {said}\r\n".encode() if server else \
        f"Authentication-Results: {said}\r\n".encode()


DMARC = f"dmarc=pass header.from={OURS}"
EXCHANGE = (f"spf=pass (sender IP is 192.0.2.10)\r\n smtp.mailfrom={OURS}; dkim=pass (signature was verified)\r\n"
    f" header.d={OURS};dmarc=pass action=none header.from={OURS};compauth=pass reason=100")


def exchange(said=EXCHANGE, anonymous=b"X-MS-Exchange-Organization-AuthAs: Anonymous\r\n", inner=None, by=None):
    """The top of a mail as Exchange Online hands it out (public samples, see approvals.yaml(5))."""
    steps = received("MN2PR04MB6991.namprd04.prod.outlook.com", "CH0PR04MB8147.namprd04.prod.outlook.com") + (
        inner or received("CH0PR03CA0304.outlook.office365.com", "CH1PEPF0000AD83.namprd04.prod.outlook.com"))
    return (steps + results(said, None) + b"Received-SPF: Pass (protection.outlook.com: domain of x)\r\n" +
        received(by or "CH1PEPF0000AD83.mail.protection.outlook.com") + anonymous)


def from_field(raw, text):
    return re.sub(rb"From: [^\r]*\r\n", lambda _: text.encode("utf-8", "surrogateescape"), raw, count=1)


# ---- tricks: (name, the mail, the reason that must be said). All stand under a mailbox with authserv
# mx.example.com, sender.domains vippsmobilepay.com, sender.forwarders office.example.

def from_tricks():
    ours = f"no-reply@{OURS}"
    fields = {
        "two fields": (f"From: {ours}\r\nFrom: x@evil.example\r\n", "from-duplicate"),
        "two fields, ours last": (f"From: x@evil.example\r\nFROM: {ours}\r\n", "from-duplicate"),
        "no field": ("", "from-missing"),
        "an empty field": ("From: \r\n", "from-missing"),
        "two addresses": (f"From: {ours}, x@evil.example\r\n", "from-several"),
        "an address as a name": (f"From: {ours} <x@evil.example>\r\n", "from-several"),
        "an address behind": (f"From: <{ours}> x@evil.example\r\n", "from-several"),
        "two in brackets": (f"From: <{ours}> <x@evil.example>\r\n", "from-several"),
        "a group": (f"From: Vipps: {ours};\r\n", "from-group"),
        "an empty group": ("From: undisclosed:;\r\n", "from-group"),
        "a source route": (f"From: <@evil.example:{ours}>\r\n", "from-route"),
        "an encoded address": (f"From: =?utf-8?q?no-reply=40{OURS}?= <x@evil.example>\r\n", "from-encoded"),
        "an encoded address of ours": (f"From: <=?utf-8?q?no-reply?=@{OURS}>\r\n", "from-encoded"),
        "encoded brackets": (f"From: =?utf-8?B?PHhAZXZpbC5leGFtcGxlPg==?= <{ours}>\r\n", "from-encoded"),
        "an encoded line end": (f"From: =?utf-8?q?a=0D=0ASender=3A_b?= <{ours}>\r\n", "from-encoded"),
        "NUL": (f"From: {ours}\0@evil.example\r\n", "header-malformed"),
        "a lone CR": (f"From: x@evil.example\rFrom: {ours}\r\n", "header-malformed"),
        "white space before the colon": (f"From : {ours}\r\n", "header-malformed"),
        "a fold of nothing": (f"From:\r\n \r\n {ours}\r\n", "header-malformed"),
        "a fold in the address": (f"From: <no-reply@vipps\r\n mobilepay.com>\r\n", "from-ambiguous"),
        "a line that is no field": (f"From: {ours}\r\nevil\r\n", "header-malformed"),
        "two at signs": (f"From: <x@evil.example@{OURS}>\r\n", "from-ambiguous"),
        "a comment in the address": (f"From: no-reply(x)@{OURS}\r\n", "from-ambiguous"),
        "a comment that stays open": (f"From: {ours} (x\r\n", "from-ambiguous"),
        "an address literal": ("From: no-reply@[192.0.2.1]\r\n", "from-ambiguous"),
        "punycode": ("From: no-reply@xn--vippsmobilepy-8ib.com\r\n", "from-international"),
        "mixed scripts": ("From: no-reply@vippsmobilep\u0430y.com\r\n", "from-international"),
        "a look-alike": ("From: no-reply@vippsmobi1epay.com\r\n", "sender-look-alike"),
        "a longer name": ("From: no-reply@vippsmobilepay-no.example\r\n", "sender-look-alike"),
        "our name as a prefix": (f"From: no-reply@{OURS}.evil.example\r\n", "sender-look-alike"),
        "our name as a suffix": (f"From: no-reply@evil{OURS}\r\n", "sender-look-alike"),
        "a subdomain": (f"From: no-reply@mail.{OURS}\r\n", "sender-look-alike"),
        "ours in Sender": (f"From: x@evil.example\r\nSender: {ours}\r\n", "sender-elsewhere"),
        "ours in Resent-From": (f"From: x@evil.example\r\nResent-From: Vipps <{ours}>\r\n", "sender-elsewhere"),
        "ours in Reply-To": (f"From: x@evil.example\r\nReply-To: {ours}\r\n", "sender-elsewhere"),
        "ours as a name": (f'From: "Vipps MobilePay" <x@evil.example>\r\n', "sender-not-configured"),
    }
    passed = results(f"{DMARC}; dkim=pass header.d={OURS}") + received()
    for name, (field, reason) in fields.items():
        yield f"From: {name}", lambda msn, field=field: passed + from_field(bare(msn), field), reason


def results_tricks():
    fail = f"dmarc=fail header.from={OURS}"
    tops = {
        "none": (received(), "authentication-missing"),
        "of a stranger": (results(DMARC, "mx.evil.example") + received(), "authentication-missing"),
        "of a server that is named like ours": (results(DMARC, "mx.example.com.evil.example") + received(), "authentication-missing"),
        "below a Received of others": (received("relay.evil.example") + results(DMARC), "authentication-missing"),
        "below our border": (results("dmarc=none") + received() + results(DMARC), "authentication-failed"),
        "below From": (received() + f"From: x@{OURS}\r\n".encode(), None),
        "a failure": (results(fail) + received(), "authentication-failed"),
        "two that differ": (results(f"{DMARC}; {fail}") + received(), "authentication-failed"),
        "two fields that differ": (results(DMARC) + results(fail) + received(), "authentication-failed"),
        "a pass in a comment": (results(f"dmarc=none ({DMARC})") + received(), "authentication-failed"),
        "a pass in a string": (results(f'dmarc=none reason="; {DMARC}"') + received(), "authentication-failed"),
        "a pass for another domain": (results("dmarc=pass header.from=evil.example") + received(), "authentication-failed"),
        "dkim of another domain": (results("dkim=pass header.d=evil.example") + received(), "authentication-failed"),
        "spf of another domain": (results("spf=pass smtp.mailfrom=evil.example") + received(), "authentication-failed"),
        "a domain in the local part": (results(f"spf=pass smtp.mailfrom={OURS}@evil.example") + received(), "authentication-failed"),
        "an unknown result": (results(f"dmarc=bestguesspass header.from={OURS}") + received(), "authentication-failed"),
        "an unknown method": (results(f"arc=pass header.from={OURS}") + received(), "authentication-failed"),
        "an unclosed comment": (results(f"{DMARC} (") + received(), "authentication-unreadable"),
        "an unknown version": (results(DMARC, "mx.example.com 2") + received(), "authentication-unreadable"),
        "ARC alone": (b"ARC-Authentication-Results: i=1; mx.example.com; " + DMARC.encode() + b"\r\n" + received(),
            "authentication-missing"),
        "Exchange where it is not configured": (exchange(), "authentication-missing"),
    }
    for name, (top, reason) in tops.items():
        if reason:
            yield f"Authentication-Results: {name}", lambda msn, top=top: top + bare(msn), reason


def dkim_tricks(keys):
    rsa, now = keys.rsa, int(time.time())
    evil = lambda msn: from_field(bare(msn), "From: x@evil.example\r\n")

    def changed(raw, old, new):
        assert old in raw
        return raw.replace(old, new)

    tricks = {
        "a body length": (lambda m: rsa.sign(bare(m), length=True), "dkim-length"),
        "a body length and more text": (lambda m: rsa.sign(bare(m), length=True) + b"MSN: 999999\r\n", "dkim-length"),
        "SHA-1": (lambda m: rsa.sign(bare(m), algorithm="rsa-sha1"), "dkim-algorithm"),
        "a key of 512 bits": (lambda m: keys.weak.sign(bare(m)), "dkim-key-weak"),
        "expired": (lambda m: rsa.sign(bare(m), tags={"t": str(now - 2 * DAY), "x": str(now - DAY)}), "dkim-time"),
        "from the future": (lambda m: rsa.sign(bare(m), tags={"t": str(now + DAY)}), "dkim-time"),
        "a time that is no number": (lambda m: rsa.sign(bare(m), tags={"x": "never"}), "dkim-time"),
        "a revoked key": (lambda m: rsa.sign(bare(m), selector="revoked"), "dkim-key-revoked"),
        "From not signed": (lambda m: changed(rsa.sign(bare(m)), b"h=from :", b"h="), "dkim-from-unsigned"),
        "the body changed": (lambda m: changed(rsa.sign(bare(m)), b"Torget", b"Gata "), "dkim-broken"),
        "text added": (lambda m: rsa.sign(bare(m)) + b"MSN: 999999\r\n", "dkim-broken"),
        "the Subject changed": (lambda m: changed(rsa.sign(bare(m)), b"has been", b"was now "), "dkim-unresolved"),
        "another body's signature": (lambda m: rsa.sign(bare("400001"))[:rsa.sign(bare("400001")).index(b"From:")] + bare(m), "dkim-broken"),
        "a domain twice": (lambda m: changed(rsa.sign(bare(m)), b"v=1;", b"v=1; d=vippsmobilepay.com;"), "dkim-broken"),
        "a selector that is no name": (lambda m: rsa.sign(bare(m), tags={"s": "a/b"}), "dkim-broken"),
        "no version": (lambda m: rsa.sign(bare(m), tags={"v": None}), "dkim-broken"),
        "an identity elsewhere": (lambda m: rsa.sign(bare(m), tags={"i": "@evil.example"}), "dkim-broken"),
        "a key that is not there": (lambda m: rsa.sign(bare(m), selector="gone"), "dkim-unresolved"),
        "a key of another": (lambda m: rsa.sign(bare(m), selector="wrong"), "dkim-unresolved"),
        "a garbled key": (lambda m: rsa.sign(bare(m), selector="garbled"), "dkim-unresolved"),
        "two keys under one name": (lambda m: rsa.sign(bare(m), selector="several"), "dkim-unresolved"),
        "a key of another service": (lambda m: rsa.sign(bare(m), selector="chat"), "dkim-unresolved"),
        "a key of an unknown type": (lambda m: rsa.sign(bare(m), selector="foreign"), "dkim-unresolved"),
        "a DNS that fails": (lambda m: rsa.sign(bare(m), selector="broken"), "dkim-unresolved"),
        "a stranger's domain": (lambda m: keys.other.sign(bare(m), "evil.example"), "authentication-missing"),
        "a subdomain's": (lambda m: rsa.sign(bare(m), "mail." + OURS), "authentication-missing"),
        "a parent's": (lambda m: rsa.sign(bare(m), "com"), "authentication-missing"),
        "ours on a stranger's From": (lambda m: rsa.sign(evil(m)), "sender-not-configured"),
        "a From added above": (lambda m: b"From: x@evil.example\r\n" + rsa.sign(bare(m)), "from-duplicate"),
        "a good one below four bad ones": (lambda m: b"".join(b"DKIM-Signature: v=1; a=rsa-sha1; d=" + OURS.encode() +
            b"; s=s%d; h=from; bh=x; b=x\r\n" % n for n in range(4)) + rsa.sign(bare(m)), "dkim-algorithm"),
    }
    for name, (make, reason) in tricks.items():
        yield f"DKIM: {name}", lambda msn, make=make: received() + make(msn), reason


def forwarded(msn, sender=f"Vipps MobilePay <no-reply@{OURS}>", outer="colleague@office.example", date=None):
    """An approval that a colleague passes on inline."""
    stamp = email.utils.formatdate(date or time.time())
    inner = bare(msn).split(b"\r\n\r\n", 1)[1]
    return (f"From: {outer}\r\nTo: onboarding@example.com\r\nSubject: Fwd: Your Vipps MobilePay application has been approved\r\n"
        f"Date: {stamp}\r\nMessage-ID: <fwd{msn}@office.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        f"---------- Forwarded message ---------\r\nFrom: {sender}\r\nDate: {stamp}\r\n"
        f"Subject: Your Vipps MobilePay application has been approved\r\nTo: colleague@office.example\r\n\r\n").encode() + inner


def attached(inner, outer="colleague@office.example", subject="Fwd: approved"):
    return (f"From: {outer}\r\nTo: onboarding@example.com\r\nSubject: {subject}\r\nDate: {email.utils.formatdate()}\r\n"
        f"Message-ID: <{abs(hash(inner))}@office.example>\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n").encode() + inner


def twice_forwarded(msn):
    """A colleague passes on what a stranger says was passed on to him."""
    head, body = forwarded(msn).split(b"\r\n\r\n", 1)
    return (head + b"\r\n\r\n---------- Forwarded message ---------\r\nFrom: A friend <x@evil.example>\r\nDate: today\r\n"
        b"Subject: Fwd: Your Vipps MobilePay application has been approved\r\nTo: colleague@office.example\r\n\r\n" + body)


def with_attached(inner):
    """A colleague passes on a stranger's mail inline, and what the stranger attached comes along."""
    head, body = forwarded("", "A friend <x@evil.example>").split(b"\r\n\r\n", 1)
    text = body.split(b"\r\n\r\n", 1)[0] + b"\r\n\r\nLook!\r\n"
    head = head.replace(b"text/plain; charset=utf-8", b"multipart/mixed; boundary=b")
    return (head + b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n" + text + b"--b\r\nContent-Type: message/rfc822\r\n\r\n" +
        inner + b"\r\n--b--\r\n")


OFFICE = "dmarc=pass header.from=office.example"


def forward_tricks(keys):
    good = results(OFFICE) + received()
    tricks = {
        "a colleague's own words": (lambda m: good + from_field(bare(m), "From: colleague@office.example\r\n"), "forward-unknown"),
        "from a stranger": (lambda m: good + forwarded(m, "Vipps MobilePay <x@evil.example>"), "forward-unknown"),
        "from two": (lambda m: good + forwarded(m, f"no-reply@{OURS} <x@evil.example>"), "forward-unknown"),
        "from nobody": (lambda m: good + forwarded(m, "Vipps MobilePay"), "forward-unknown"),
        "by an unproven colleague": (lambda m: received() + forwarded(m), "authentication-missing"),
        "by a forged colleague": (lambda m: results("dmarc=fail header.from=office.example") + received() + forwarded(m), "authentication-failed"),
        "by a stranger": (lambda m: results("dmarc=pass header.from=evil.example") + received() + forwarded(m, outer="x@evil.example"), "sender-not-configured"),
        "attached, with a good signature inside, by a stranger": (lambda m: results("dmarc=pass header.from=evil.example") + received() +
            attached(keys.rsa.sign(bare(m)), "x@evil.example"), "sender-not-configured"),
        "attached, with results inside": (lambda m: received() + attached(results(DMARC) + received() + bare(m), "x@evil.example"), "sender-not-configured"),
        "of a stranger who passed it on": (lambda m: good + twice_forwarded(m), "forward-unknown"),
        "attached, of a stranger who passed it on": (lambda m: good + attached(forwarded(m, outer="x@evil.example")), "forward-unknown"),
        "of a stranger who attached it": (lambda m: good + with_attached(bare(m)), "forward-unknown"),
        "attached, of a stranger": (lambda m: good + attached(from_field(bare(m), "From: x@evil.example\r\n")), "forward-unknown"),
    }
    for name, (make, reason) in tricks.items():
        yield f"forward: {name}", make, reason


def exchange_tricks():
    """Under a mailbox with authserv: microsoft365."""
    edge = "CH1PEPF0000AD83.mail.protection.outlook.com"
    tops = {
        "best guess": (exchange(EXCHANGE.replace("dmarc=pass", "dmarc=bestguesspass")), "authentication-failed"),
        "compauth alone": (exchange(f"spf=none smtp.mailfrom={OURS}; dkim=none (message not signed); dmarc=none action=none"
            f" header.from={OURS};compauth=pass reason=100"), "authentication-failed"),
        "spf and dkim without dmarc": (exchange(f"spf=pass smtp.mailfrom={OURS}; dkim=pass header.d={OURS};dmarc=none action=none"
            f" header.from={OURS};compauth=pass reason=109"), "authentication-failed"),
        "a failure": (exchange(EXCHANGE.replace("dmarc=pass", "dmarc=fail")), "authentication-failed"),
        "another From domain": (exchange(EXCHANGE.replace(f"header.from={OURS}", "header.from=evil.example")), "authentication-failed"),
        "not from outside": (exchange(anonymous=b"X-MS-Exchange-Organization-AuthAs: Internal\r\n"), "authentication-missing"),
        "nothing of AuthAs": (exchange(anonymous=b""), "authentication-missing"),
        "AuthAs twice": (exchange(anonymous=b"X-MS-Exchange-Organization-AuthAs: Anonymous\r\n" * 2), "authentication-missing"),
        "below another's Received": (exchange(inner=received("relay.evil.example", "a.namprd04.prod.outlook.com")), "authentication-missing"),
        "below the edge": (exchange(inner=received(edge)), "authentication-missing"),
        "a host named like theirs": (exchange(inner=received("x.prod.outlook.com.evil.example", "a.prod.outlook.com")), "authentication-missing"),
        "nothing above it": (results(EXCHANGE, None) + received(edge) + b"X-MS-Exchange-Organization-AuthAs: Anonymous\r\n",
            "authentication-missing"),
        "written by the sender": (received(edge) + results(EXCHANGE, None) + b"X-MS-Exchange-Organization-AuthAs: Anonymous\r\n",
            "authentication-missing"),
        "another server's": (exchange().replace(b"Results: spf", b"Results: mx.evil.example; spf"), "authentication-missing"),
        "an unclosed comment": (exchange(EXCHANGE.replace("10)", "10")), "authentication-unreadable"),
    }
    for name, (top, reason) in tops.items():
        yield f"Exchange: {name}", lambda msn, top=top: top + bare(msn), reason


def tricks(keys):
    return [*from_tricks(), *results_tricks(), *dkim_tricks(keys), *forward_tricks(keys)]


def numbered(list_of_tricks):
    """Each with sales unit numbers of its own."""
    return [(name, str(300000 + i), make(str(300000 + i)), reason) for i, (name, make, reason) in enumerate(list_of_tricks)]


@pytest.fixture(scope="module")
def module_world(tmp_path_factory, ca, certificate, dovecot):
    made = []

    def make(name):
        made.append(World(tmp_path_factory.mktemp(name), ca, certificate, dovecot, {"merchants": [], "salesUnits": []}))
        return made[-1]

    yield make
    for world in made:
        world.close()


def trust(world, names, **sender):
    world.config["network"]["dns"] = [names.address]
    world.config["sender"] = {"domains": [OURS], "forwarders": ["office.example"], **sender}
    return world


def verdicts_of(world, mails):
    """What `rules test` says, by name."""
    folder = world.dir / "mails"
    folder.mkdir(exist_ok=True)
    for i, raw in enumerate(mails.values()):
        (folder / f"{i:04}.eml").write_bytes(raw)
    result = world.run("rules", "test", "--format", "ndjson", folder)
    assert result.err == "", result.err
    return dict(zip(mails, map(json.loads, result.out.splitlines()), strict=True))


# ---- every trick

def check_tricks(world, list_of_tricks):
    all_of_them = numbered(list_of_tricks)
    said = verdicts_of(world, {name: raw for name, _, raw, _ in all_of_them})
    wrong = [f"{name}: {said[name]['verdict']} {said[name]['sender']} {said[name]['reasons']}, not {reason}"
        for name, _, _, reason in all_of_them if said[name]["verdict"] != "suspicious" or reason not in said[name]["reasons"]]
    assert not wrong, "\n".join(wrong)
    for _, msn, raw, _ in all_of_them:
        world.know(msn, "987654325")
        world.deliver(raw)
    result = world.run("run", seconds=300)
    assert result.status == 3, result
    assert world.log("--state", "confirmed") == [] and world.log("--state", "pending") == []
    assert world.received("approval.confirmed") == []
    assert world.count("mail", "fate = 'pending'") == 0
    return all_of_them


def test_no_trick_with_a_mail_is_announced_and_each_says_its_reason(module_world, keys):
    with Names(keys.records()) as names:
        world = trust(module_world("tricks"), names)
        world.config["sender"]["authserv_ids"] = ["mx.example.com"]
        assert len(check_tricks(world, tricks(keys))) >= 50


def test_no_trick_with_exchange_online_is_announced_and_each_says_its_reason(module_world):
    world = module_world("exchange")
    world.mailbox["authserv"] = "microsoft365"
    all_of_them = numbered(exchange_tricks())
    for name, msn, raw, _ in all_of_them:
        world.know(msn, "987654325")
        world.deliver(raw)
    assert world.run("run").status == 3
    held = {entry["msn"]: [reason["code"] for reason in entry["reasons"]] for entry in world.log("--state", "held")}
    wrong = [f"{name}: {held.get(msn)}, not {reason}" for name, msn, _, reason in all_of_them if reason not in held.get(msn, [])]
    assert not wrong, "\n".join(wrong)
    assert world.received("approval.confirmed") == []


# ---- what is proven

def test_what_is_proven_is_announced_and_says_how(module_world, keys):
    rsa, ed = keys.rsa, keys.ed
    good = {
        "RSA": ("dkim", rsa.sign(bare("500000")), []),
        "Ed25519": ("dkim", ed.sign(bare("500001")), []),
        "simple": ("dkim", rsa.sign(bare("500002"), canonical=("simple", "simple")), []),
        "one of two": ("dkim", rsa.sign(ed.sign(bare("500003")), algorithm="rsa-sha1"), []),
        "a list's footer on the other": ("dkim", keys.other.sign(ed.sign(bare("500004")), "evil.example"), []),
        "not expired": ("dkim", rsa.sign(bare("500005"), tags={"x": str(int(time.time()) + DAY)}), []),
        "dkim and results": ("dkim", results(DMARC) + received() + rsa.sign(bare("500006")), []),
        "broken, but results": ("authentication-results", results(DMARC) + received() +
            rsa.sign(bare("500007")).replace(b"Hello,", b"Hello!"), ["dkim-broken"]),
        "no key, but results": ("authentication-results", results(DMARC) + received() + rsa.sign(bare("500008"), selector="gone"), ["dkim-broken"]),
        "results alone": ("authentication-results", results(DMARC) + received() + bare("500009"), []),
        "a colleague passes it on": ("forwarder", results(OFFICE) + received() + forwarded("500010"), ["forwarded"]),
        "a colleague signs": ("forwarder", rsa.sign(forwarded("500011"), "office.example"), ["forwarded"]),
        "a colleague attaches it": ("forwarder", results(OFFICE) + received() + attached(bare("500012")), ["forwarded"]),
    }
    with Names(keys.records()) as names:
        world = trust(module_world("proven"), names)
        for i, (_, raw, _) in enumerate(good.values()):
            world.know(f"{500000 + i}", "987654325")
            world.deliver(raw)
        assert world.run("run").status == 0
        confirmed = {entry["msn"]: entry for entry in world.log("--state", "confirmed")}
        for i, (name, (proof, _, remarks)) in enumerate(good.items()):
            entry = confirmed.get(f"{500000 + i}")
            assert entry and entry["sender"]["proof"] == proof, (name, entry, world.log())
            shown = world.show(entry["id"])["claims"][0]
            assert {reason["code"] for reason in shown["reasons"]} >= set(remarks), name
            assert not any(reason["doubt"] for reason in shown["reasons"]), name
        assert len(world.received("approval.confirmed")) == len(good)


TOO_LONG = b".".join([b"s" * 60] * 4)  # a name alone, but none with ._domainkey. and a domain behind it


def test_a_mail_whose_proof_was_waited_for_long_enough_waits_no_more_when_it_is_read_again(world, keys):
    world.deliver(keys.rsa.sign(bare("123456"), selector="gone"))
    with Names(keys.records()) as names:
        trust(world, names)
        world.run("run")
        assert world.rows("SELECT state FROM claim") == [{"state": "awaiting-proof"}]
        with sqlite3.connect(world.database) as db:
            db.execute("UPDATE signature SET since_ms = since_ms - 3 * 86400000, next_ms = 1")
        world.run("run")
        assert world.rows("SELECT state FROM claim") == [{"state": "held"}]
        world.run("mail", "reread", "mail_1")
        assert world.rows("SELECT state FROM claim") == [{"state": "held"}]


def test_a_mail_that_waits_for_its_proof_is_fetched_again_if_its_bytes_were_dropped(world, keys):
    world.know("123456", "987654325")
    world.deliver(keys.rsa.sign(bare("123456")))
    with Names({}) as names:
        trust(world, names)
        world.run("run")
    assert world.rows("SELECT state FROM claim") == [{"state": "awaiting-proof"}]
    with sqlite3.connect(world.database) as db:  # as the budget of untrusted mail does
        db.execute("DELETE FROM mail_bytes")
        db.execute("UPDATE signature SET next_ms = 1")
    with Names(keys.records()) as names:
        trust(world, names)
        assert world.run("run").status == 0
    assert world.rows("SELECT state FROM claim") == [{"state": "confirmed"}]


def test_forgeries_whose_keys_can_have_no_name_keep_nobody_from_asking_for_the_real_one(world, keys):
    for i in range(5):
        world.deliver(keys.other.sign(bare(f"66666{i}"), selector="SELECTOR").replace(b"SELECTOR", b"x%d." % i + TOO_LONG[3:]))
    world.know("123456", "987654325")
    world.deliver(keys.rsa.sign(bare("123456")))
    with Names(keys.records()) as names:
        trust(world, names)
        world.run("run")
    assert [entry["msn"] for entry in world.log("--state", "confirmed")] == ["123456"]
    assert world.count("claim", "state = 'awaiting-proof'") == 0


def test_the_signature_is_kept_as_it_was_on_arrival(world, keys):
    world.know("123456", "987654325")
    world.deliver(keys.rsa.sign(bare("123456")))
    with Names(keys.records()) as names:
        trust(world, names)
        assert world.run("run").status == 0
    row, = world.rows("SELECT g.*, hex(m.sha256) AS hash FROM signature AS g JOIN mail AS m ON m.id = g.mail_id")
    assert (row["verdict"], row["domain"], row["selector"], row["key_record"]) == ("good", OURS, "s1", keys.rsa.record)
    assert row["hash"] and row["next_ms"] is None
    claim, = world.rows("SELECT id FROM claim")
    assert world.show(f"clm_{claim['id']}")["signature"]["key"] == keys.rsa.record


def test_a_forwarders_proof_stands_when_its_key_is_gone(world, keys):
    world.know("123456", "987654325")
    world.deliver(keys.rsa.sign(forwarded("123456"), "office.example"))
    with Names(keys.records()) as names:
        trust(world, names)
        assert world.run("ingest").status == 0
        names.keys.clear()
        assert world.run("mail", "reread", "mail_1").status == 0
    assert world.rows("SELECT proof, trusted FROM message") == [{"proof": "forwarder", "trusted": 1}]
    assert [row["state"] for row in world.rows("SELECT state FROM claim")] == ["pending"]


def test_exchange_onlines_results_prove_a_mail_where_they_are_configured(world):
    old = EXCHANGE.replace("; dkim", "; contoso.example; dkim")
    for i, said in enumerate((EXCHANGE, old)):
        world.know(f"12345{i}", "987654325")
        world.deliver(exchange(said) + bare(f"12345{i}"))
    world.mailbox["authserv"] = "microsoft365"
    assert world.run("run").status == 0
    assert [entry["sender"]["proof"] for entry in world.log("--state", "confirmed")] == ["authentication-results"] * 2


def test_only_what_is_accepted_counts(world, keys):
    for msn, raw in (("111111", keys.rsa.sign(bare("111111"))), ("222222", results(DMARC) + received() + bare("222222"))):
        world.know(msn, "987654325")
        world.deliver(raw)
    with Names(keys.records()) as names:
        trust(world, names, accept=["dkim"])
        world.run("run")
        assert [entry["msn"] for entry in world.log("--state", "confirmed")] == ["111111"]
        world.fresh_database("other.db")
        world.config["sender"]["accept"] = ["authentication-results"]
        names.asked.clear()
        world.run("run")
        assert [entry["msn"] for entry in world.log("--state", "confirmed")] == ["222222"]
        assert names.asked == []


def test_sender_from_narrows_it_to_exact_addresses(world, keys):
    for msn, name in (("111111", "no-reply"), ("222222", "somebody")):
        world.know(msn, "987654325")
        world.deliver(keys.rsa.sign(bare(msn, sender=f"{name}@{OURS}")))
    with Names(keys.records()) as names:
        trust(world, names, **{"from": [f"no-reply@{OURS}"]})
        world.run("run")
    assert [entry["msn"] for entry in world.log("--state", "confirmed")] == ["111111"]
    held, = world.log("--state", "held")
    assert "sender-address" in [reason["code"] for reason in held["reasons"]]


def test_the_dns_is_asked_only_for_configured_domains_and_once_for_a_key(world, keys):
    for i in range(20):
        world.deliver(keys.rsa.sign(bare(f"6000{i:02}")))
        world.deliver(keys.other.sign(from_field(bare(f"7000{i:02}"), "From: Vipps <x@evil.example>\r\n"), "evil.example"))
    with Names(keys.records()) as names:
        trust(world, names)
        world.run("run")
        assert set(names.asked) == {keys.rsa.host()} and len(names.asked) == 1


# ---- the DNS fails, and recovers

@clock
@pytest.mark.parametrize("fault", ["fails", "is silent", "has no key", "lies"])
def test_while_the_dns_withholds_a_key_the_claim_awaits_its_proof_and_no_forgery_passes(world, keys, fault):
    for msn in ("111111", "222222"):
        world.know(msn, "987654325")
    world.deliver(keys.rsa.sign(bare("111111")))
    world.deliver(keys.other.sign(bare("222222"), selector="s1"))  # a forgery, by a key that is not ours
    began = time.time()
    with Names(keys.records()) as names:
        trust(world, names)
        if fault == "fails":
            names.mode = SERVFAIL
        elif fault == "is silent":
            names.mode = SILENT
        else:
            names.keys[keys.rsa.host()] = None if fault == "has no key" else keys.ed.record
        first = world.run("run")
        assert first.status == 0, first
        assert [entry["state"] for entry in world.log()] == ["awaiting-proof"] * 2
        assert world.events() == [] or {event["type"] for event in world.events()} <= {"history.loaded"}
        names.mode, names.keys[keys.rsa.host()] = None, keys.rsa.record
        world.run("run", at=began + 2 * MINUTE)  # not due yet
        assert [entry["state"] for entry in world.log()] == ["awaiting-proof"] * 2
        world.run("run", at=began + 10 * MINUTE)
        assert [entry["msn"] for entry in world.log("--state", "confirmed")] == ["111111"]
        assert [body["data"]["msn"] for body in world.received("approval.confirmed")] == ["111111"]
        assert world.count("claim", "state = 'awaiting-proof' AND msn = '222222'") == 1
        later = world.run("run", at=began + 5 * HOUR)
        assert later.status == 3
        held, = world.log("--state", "held")
        assert held["msn"] == "222222" and "dkim-unresolved" in [reason["code"] for reason in held["reasons"]]
        assert len(world.received("approval.confirmed")) == 1


@clock
def test_a_proof_that_does_not_come_within_48_hours_leaves_the_claim_to_a_person(world, keys):
    world.know("111111", "987654325")
    world.deliver(keys.rsa.sign(bare("111111")))
    began = time.time()
    with Names({keys.rsa.host(): SERVFAIL}) as names:
        trust(world, names)
        for hours in (0, 1, 3, 12, 30, 47):
            assert world.run("run", at=began + hours * HOUR).status == 0
        assert [entry["state"] for entry in world.log()] == ["awaiting-proof"]
        assert world.run("run", at=began + 49 * HOUR).status == 3
        assert [entry["state"] for entry in world.log()] == ["held"]
        assert [event["type"] for event in world.events()] == ["claim.held"]
        names.keys[keys.rsa.host()] = keys.rsa.record
        world.run("run", at=began + 60 * HOUR)
        assert [entry["state"] for entry in world.log()] == ["held"]


@clock
def test_history_whose_key_is_gone_is_believed_if_the_api_agrees_and_only_then(world, keys):
    old = time.time() - 300 * DAY
    world.know("111111", "987654325")
    for msn in ("111111", "222222"):
        world.deliver(keys.rsa.sign(bare(msn, date=old), selector="gone", tags={"t": str(int(old))}), arrived=old)
    world.mailbox["announce"] = "new"
    with Names(keys.records()) as names:
        trust(world, names)
        world.run("run")
        states = {entry["msn"]: entry["state"] for entry in world.log()}
        assert states == {"111111": "confirmed", "222222": "pending"}
        assert world.received("approval.confirmed") == []
        shown = world.show(world.log("--state", "confirmed")[0]["id"])["claims"][0]
        assert {"dkim-key-gone"} <= {reason["code"] for reason in shown["reasons"]}
        world.fresh_database("other.db")
        world.config["management_api"] = "none"
        world.config["without_api"] = "confirm"
        world.run("run")
        assert world.log("--state", "confirmed") == []


# ---- a prover that dies

DYING = '''#!/usr/bin/python3
"""approvals-reader, but as a prover it dies on every mail."""
import os, selectors, signal, socket, subprocess, sys

def read(fd, n):
    data = b""
    while len(data) < n:
        part = os.read(fd, n - len(data))
        if not part:
            sys.exit(0)
        data += part
    return data

head = read(0, 5)
setup = read(0, int.from_bytes(head[1:], "big"))
if setup[0] == 1:
    os.write(1, b"\\x02\\0\\0\\0\\0")
    read(0, 5)
    os.kill(os.getpid(), signal.SIGSEGV)
ours, theirs = socket.socketpair()
child = subprocess.Popen(["READER"], stdin=theirs, stdout=theirs)
theirs.close()
ours.sendall(head + setup)
select = selectors.DefaultSelector()
select.register(0, selectors.EVENT_READ, (0, lambda d: ours.sendall(d)))
select.register(ours, selectors.EVENT_READ, (ours.fileno(), lambda d: os.write(1, d)))
while True:
    for key, _ in select.select():
        data = os.read(key.data[0], 65536)
        if not data:
            sys.exit(0)
        key.data[1](data)
'''


def test_a_prover_that_dies_on_every_mail_announces_nothing_and_a_person_is_told(world, monkeypatch):
    folder = world.dir / "bin"
    folder.mkdir()
    shutil.copy(PROGRAM, folder / "approvals")
    reader = folder / "approvals-reader"
    reader.write_text(DYING.replace("READER", str(PROGRAM.parent / "approvals-reader")))
    reader.chmod(0o755)
    monkeypatch.setattr("servers.world.PROGRAM", folder / "approvals")
    world.know("123456", "987654325")
    world.deliver(approval_mail("123456"))
    result = world.run("run")
    assert result.status == 3, result
    assert world.log() == [] and world.received("approval.confirmed") == []
    assert [event["type"] for event in world.events()] == ["mail.quarantined"]
    assert any("quarantined" in str(mail.message) for mail in world.smtp.mails)


# ---- mails that nobody here wrote, if they are there

def fake_dns():
    keys = {}
    for line in (CORPORA / "mail-dkim" / "FAKE_DNS.dat").read_text().splitlines():
        name, _, text = line.partition(" ")
        if name and not name.startswith("#") and text.strip() != "NXDOMAIN":
            keys[name.lower()] = {"~~Query timed out~~": SILENT, "~~SERVFAIL~~": SERVFAIL, '""': ""}.get(text.strip(), text.strip())
    return keys


def unlike(raw):
    """Why we do not take a signature that Mail::DKIM calls good: read from the mail itself, not from our verdict."""
    header = re.sub(rb"\r?\n[ \t]+", b" ", raw.split(b"\r\n\r\n", 1)[0])
    signatures = re.findall(rb"(?mi)^DKIM-Signature:(.*)$", header)
    if not signatures:
        return "authentication-missing"  # DomainKeys (RFC 4870), which DKIM replaced
    if not all(re.search(rb"\bv=1\b", signature) for signature in signatures) and any(b"rsa-sha256" in s for s in signatures):
        return "dkim-broken"  # of a draft, without v=1 (RFC 6376 3.5)
    if all(b"rsa-sha1" in signature for signature in signatures if b"=" in signature):
        return "dkim-algorithm"  # RFC 8301 3.1
    return None


@pytest.mark.skipif(not (CORPORA / "mail-dkim").is_dir(), reason="no corpora")
def test_the_verdicts_on_mail_dkims_corpus_are_theirs_or_explained(module_world):
    expected = json.loads((CORPORA / "mail-dkim" / "expected.json").read_text())["expected"]
    mails = {entry["file"]: (CORPORA / "mail-dkim" / entry["file"]).read_bytes() for entry in expected}
    domains = {domain.decode().lower() for raw in mails.values()
        for domain in re.findall(rb"(?:\bd=\s*|@)([\w-]+(?:\.[\w-]+)+)", raw.split(b"\r\n\r\n")[0])}
    world = module_world("corpus")
    with Names(fake_dns()) as names:
        world.config["network"]["dns"] = [names.address]
        world.config["sender"] = {"domains": sorted(domains), "accept": ["dkim"]}
        said = verdicts_of(world, mails)
    wrong, good = [], 0
    for entry in expected:
        proof, reasons = said[entry["file"]]["sender"]["proof"], said[entry["file"]]["reasons"]
        why = unlike(mails[entry["file"]])
        if entry["dkim"] != "pass":
            fine = proof == "none"
        else:
            fine = proof == "none" and why in reasons if why else proof == "dkim"
        good += proof == "dkim"
        if not fine:
            wrong.append(f"{entry['file']}: {entry['dkim']}, but {proof} {reasons} ({why})")
    assert len(expected) == 76 and good >= 1 and not wrong, "\n".join(wrong)


@pytest.mark.skipif(not (CORPORA / "authentication-milter").is_dir(), reason="no corpora")
def test_results_of_a_real_server_are_read_as_it_wrote_them(module_world):
    """Each mail stamped by authentication_milter: proven if it says that dmarc, dkim or spf passed for its From domain."""
    folder = CORPORA / "authentication-milter" / "t" / "data" / "example"
    mails, want = {}, {}
    # the others are what was said in SMTP, and one has a From that is no address
    for path in sorted(set(folder.glob("*.eml")) - set(folder.glob("*.smtp.eml")) - set(folder.glob("*bad_space*"))):
        raw = path.read_bytes()
        lines = re.sub(rb"\n[ \t]+", b" ", raw.replace(b"\r\n", b"\n")).split(b"\n\n")[0].split(b"\n")
        stamps = [line for line in lines if line.startswith(b"Authentication-Results:")]
        sender = [line.rpartition(b"@")[2].strip(b"> ").decode().lower() for line in lines if line.lower().startswith(b"from:")]
        if not stamps or len(sender) != 1 or not re.fullmatch(r"[\w.-]+\.\w+", sender[0]) or b"\nFrom :" in raw:
            continue
        domain, (server, _, stamp) = sender[0], stamps[0][23:].decode().strip().partition(";")
        clauses = re.sub(r"\([^()]*\)", "", re.sub(r"\([^()]*\)", "", stamp)).split(";")
        said = [clause.split() for clause in clauses if clause.strip()]
        dmarc = [words for words in said if words[0].startswith("dmarc=")]
        passed = any(words[0] in ("dmarc=pass", "dkim=pass") and {f"header.from={domain}", f"header.d={domain}"} & set(map(str.lower, words)) or
            words[0] == "spf=pass" and any(re.fullmatch(rf"smtp\.mailfrom=(.*@)?{re.escape(domain)}", word, re.I) for word in words)
            for words in said)
        failed = any(words[0] == "dmarc=fail" for words in dmarc) or len(dmarc) > 1
        mails[path.name] = raw
        want[path.name] = (server, domain, passed and not failed)
    world = module_world("milter")
    world.config["sender"] = {"domains": sorted({domain for _, domain, _ in want.values()}),
        "authserv_ids": sorted({server for server, _, _ in want.values()}), "accept": ["authentication-results"]}
    said = verdicts_of(world, mails)
    wrong = [f"{name}: {want[name]}, but {said[name]['sender']} {said[name]['reasons']}" for name in mails
        if (said[name]["sender"]["proof"] == "authentication-results") != want[name][2]]
    assert len(mails) >= 15 and any(w[2] for w in want.values()) and not wrong, "\n".join(wrong)
