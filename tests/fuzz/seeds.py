"""Writes the first inputs of each fuzz target to FOLDER/TARGET/, made of samples/mail and the shipped rules.

    tests/fuzz/seeds.py FOLDER      (tests/fuzz/run.sh calls it)
"""
import email
import email.policy
import hashlib
import html.parser
import json
import pathlib
import re
import struct
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAX_BYTES = 8192


class Cells(html.parser.HTMLParser):
    """Tags to the notation of extract.c; near enough for a seed."""

    def __init__(self, source):
        super().__init__()
        self.out, self.hidden = [], 0
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in ("style", "script", "title")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("style", "script", "title")
        self.out.append("|" if tag in ("td", "th", "dt") else "\n" if tag in ("tr", "p", "div", "li", "dd", "h1") else "")

    def handle_data(self, data):
        self.out.append("" if self.hidden else " ".join(data.split()))

    def text(self):
        return re.sub(r"\|?\n+", "\n", "".join(self.out))


def text(value):
    return struct.pack(">I", len(value)) + value


def reasons(*codes):
    return bytes([len(codes)]) + b"".join(text(code) + b"\0" for code in codes)


def answers():
    """The wire forms of read/reading.h."""
    def listed(*values):
        return struct.pack(">I", len(values)) + b"".join(map(text, values))

    def maybe(value):
        return b"\0" if value is None else b"\1" + text(value)

    claim = b"\1" + b"".join(maybe(value) + struct.pack(">HHH", 0, 3, 1) + maybe(value) for value in
        (b"918713867", "Blåbær Café AS".encode(), b"123456", None)) + reasons(b"missing-field")
    reading = maybe(b"1@example.com") + struct.pack(">q", 1795341000000) + text(b"0f" * 32)
    yield b"\0" + b"\1" + text(b"one") + b"\3" + text(b"")
    yield b"\1\2" + listed(b"rules.yaml") + listed(b"vippsmobilepay.com") + listed() + listed() + listed(b"mx") + b"\1"
    yield b"\2" + listed(b"From: a@b.example\r\n", b"Subject: x\r\n")
    yield b"\3\1" + text(b"vippsmobilepay.com") + text(b"dmarc=pass") + struct.pack(">q", 1795341000000) + reasons()
    yield b"\3\0" + text(b"") + text(b"no From") + bytes(8) + reasons(b"from-ambiguous")
    yield b"\4" + reading + b"\1" + text(b"approval") + text(b"no") + b"\1" + claim + reasons() + text(b"a: no\n")
    yield b"\4" + b"\0" + bytes(8) + text(b"") + b"\0" + text(b"") + text(b"") + b"\0" + reasons(b"truncated") + text(b"")


def guard():
    """What IMAP servers say, after three bytes for guard.c."""
    said = [b"* 3 EXISTS\r\n* OK [UIDVALIDITY 1000] a\r\n* OK [UIDNEXT 4] b\r\n* FLAGS (\\Seen $a)\r\n2 OK [READ-ONLY] c\r\n",
        b"* SEARCH 1 2 4294967295\r\n* SEARCH\r\n3 OK a\r\n",
        b'* 1 FETCH (UID 1 RFC822.SIZE 5 INTERNALDATE "22-Nov-2026 09:30:00 +0000" BODY[] {5}\r\na(\r\n*)\r\n4 OK a\r\n',
        b'* 2 FETCH (UID 2 BODY[HEADER.FIELDS (FROM)]<0> "a \\" (b") BODY[] NIL)\r\n+ go\r\n5 NO [ALERT] no\r\n',
        b'* LIST (\\Junk) "/" {4}\r\nJunk\r\n* BYE x\r\n']
    for n, text in enumerate([*said, b"".join(said)]):
        yield b"\x10\0" + bytes([7 * n]) + text


def replies():
    """Every example of the Management API's description, after the byte that says what was asked."""
    document = yaml.safe_load((ROOT / "tests" / "management-openapi.yaml").read_text(encoding="utf-8"))

    def values(node):
        if isinstance(node, dict):
            for key, value in node.items():
                if key == "examples" and isinstance(value, dict):
                    yield from (example["value"] for example in value.values())
                else:
                    yield from values(value)
        elif isinstance(node, list):
            for value in node:
                yield from values(value)

    paths = document["paths"]
    kinds = {0: ["/management/v1/sales-units/{msn}"], 1: ["/management/v1/merchants/{scheme}/{id}"],
        2: ["/management/v1/sales-units", "/management/v1/merchants/{scheme}/{id}/sales-units"],
        3: ["/management/v2/product-orders", "/management/v2/product-orders/{productOrderId}/details"],
        4: ["/accesstoken/get", "/miami/v1/token"]}
    for kind, names in kinds.items():
        for name in names:
            for value in values(paths[name]):
                yield bytes([kind]) + json.dumps(value, ensure_ascii=False).encode()
    for value in values(document["components"]["responses"]):
        yield b"\5" + (value if isinstance(value, str) else json.dumps(value)).encode()


def rules():
    """The shipped file is far past MAX_BYTES: its sections, cut short where a line ends."""
    source = (ROOT / "rules" / "vipps-mobilepay.yaml").read_text(encoding="utf-8")
    for section in re.split(r"\n(?=[a-z_]+:)", source):
        yield section.encode()[:2048].rpartition(b"\n")[0] + b"\n"
    for rule in re.split(r"\n(?=  - name:)", source)[1:]:
        yield b"rules:\n" + rule.encode()[:1024].rpartition(b"\n")[0] + b"\n"


def mails():
    """(target, bytes) of each sample: the whole, and what later stages are given of it."""
    for path in sorted((ROOT / "samples" / "mail").glob("*.eml")):
        raw = path.read_bytes()
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        yield "message", raw
        yield "sender", re.split(rb"\r?\n\r?\n", raw)[0] + b"\r\n\r\n"
        parts = []
        for part in mail.walk():
            if part.get_content_type() not in ("text/plain", "text/html"):
                continue
            try:
                body = part.get_content()
            except (LookupError, UnicodeError):
                continue
            if part.get_content_type() == "text/html":
                yield "html", body.encode(errors="replace")
                parts.append("h" + Cells(body).text())
            else:
                charset = part.get_content_charset("utf-8")
                yield "document", charset.encode() + b"\n" + (part.get_payload(decode=True) or b"")
                parts.append("p" + body)
        if len(parts) > 1:
            parts = [part[0].upper() + part[1:] for part in parts]
        yield "extract", (str(mail["Subject"]) + "\n" + "\f".join(parts)).encode(errors="replace")


def main(folder):
    seeds = list(mails()) + [("rules", seed) for seed in rules()] + [("answers", seed) for seed in answers()] + [
        ("guard", seed) for seed in guard()] + [("reply", seed) for seed in replies()]
    for target, seed in seeds:
        (folder / target).mkdir(parents=True, exist_ok=True)
        if len(seed) <= MAX_BYTES:
            (folder / target / hashlib.sha1(seed).hexdigest()).write_bytes(seed)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
