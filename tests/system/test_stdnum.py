"""Organisation numbers that others decided (shared corpora, stdnum.json) come out as they say, through whole mails."""
import json
import os
import pathlib

import pytest

from servers.world import World

CORPORA = pathlib.Path(os.environ.get("CORPORA", pathlib.Path(__file__).parents[2].parent / "shared" / "corpora"))
LABELS = {"NO": "Organisasjonsnummer", "DK": "CVR-nummer", "FI": "Y-tunnus", "SE": "Organisationsnummer"}
MAIL = """From: Vipps MobilePay <noreply@vippsmobilepay.com>
Subject: Approved
Content-Type: text/html; charset=utf-8

<p>The sales unit has been approved.</p>
<table><tr><td>Country</td><td>{scheme}</td></tr><tr><td>{label}</td><td>{raw}</td></tr>
<tr><td>Merchant name</td><td>A</td></tr><tr><td>MSN</td><td>123456</td></tr><tr><td>Sales unit name</td><td>B</td></tr></table>
"""


def normal(scheme, digits):
    if scheme == "FI":
        digits = digits.zfill(8)
        return digits[:7] + "-" + digits[7:]
    return digits[:10] if scheme == "SE" else digits


def test_every_number_is_decided_as_the_corpus_says(tmp_path, ca, certificate, dovecot):
    corpus = CORPORA / "stdnum.json"
    if not corpus.exists():
        pytest.skip(f"no {corpus}: the numbers that others decided are not checked")
    cases = json.loads(corpus.read_text())["cases"]
    folder = tmp_path / "mail"
    folder.mkdir()
    for i, case in enumerate(cases):
        text = MAIL.format(label=LABELS[case["scheme"]], **case)
        (folder / f"{i:05}.eml").write_text(text)
    world = World(tmp_path, ca, certificate, dovecot, {"merchants": [], "salesUnits": []})
    world.close()
    world.config = {"sender": world.config["sender"], "rules": world.config["rules"]}
    result = world.run("rules", "test", "--format", "ndjson", folder)
    wrong = []
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert len(lines) == len(cases) > 2000
    for case, line in zip(cases, sorted(lines, key=lambda line: line["file"])):
        claim = line["claims"][0]
        doubts = {"check-digit", "org-number-form", "scheme-unknown", "missing-org-number"} & set(line["reasons"])
        good = not doubts and claim["org_number"] == normal(case["scheme"], case["normalised"] or "")
        if good != case["valid"]:
            wrong.append((case["scheme"], case["raw"], case["valid"], claim["org_number"], doubts))
    assert not wrong, (len(wrong), wrong[:20])
