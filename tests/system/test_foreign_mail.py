"""Mails by people who knew the four facts and not the rules (tests/mail) come out as their authors meant them.

An author's JSON says the verdict; of an approval the claims, of another mail its kind; why a suspicious mail
is one is the reader's affair. What comes out otherwise stands below with its reason, and must do so still.
"""
import json

import pytest

from servers.world import ROOT, World

MAIL = ROOT / "tests" / "mail"
NAMES = sorted(path.stem for path in MAIL.glob("*.eml"))

# name: (verdict, why it is not what its author meant)
OTHERWISE = {
    "w1-da16-text-table-three-units": ("suspicious", "a sentence wraps right before \"CVR-nr.\", which then begins a line"),
    "w1-da17-cards-heading-is-unit": ("suspicious", "the unit's name is a headline without a label"),
    "w5-a11-nn-prose": ("suspicious", "a comma within a name in a sentence: where the name ends is not clear"),
    "w5-a13-nn-head": ("suspicious", "\"Seljar\" may be a sales representative"),
    "w5-a23-sv-prose": ("suspicious", "the unit is named only as what is approved, without its noun"),
    "w5-a33-en-person": ("other", "a person's reply, by its subject"),
    "w5-o02-no-reminder": ("suspicious", "a reminder that says \"godkjent\" of August and no year"),
    "w5-o10-en-marketing": ("suspicious", "\"you are pre-approved\" beside all four facts"),
    "w6-a05-no-outlook-hand": ("other", "a person's reply, by its subject"),
    "w6-a06-no-digest-rowspan": ("suspicious", "says that other orders are under review"),
    "w6-a10-nn-hand-flowed": ("other", "facts in a person's sentences; no rule knows it, which is an alarm"),
    "w6-a13-da-digest-text": ("suspicious", "merchants as headlines of lists, without labels"),
    "w6-a15-da-bullets-three": ("suspicious", "\"123456 - Name\" in a list, without labels"),
    "w6-a17-da-earlier": ("suspicious", "speaks of a test sales unit beside the approved one"),
    "w6-a22-sv-hand": ("other", "a person's reply, by its subject"),
    "w6-a30-en-digest-countries": ("suspicious", "a column of organisation numbers in three forms"),
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory, ca, certificate, dovecot):
    """What `rules test` says of each mail, by name."""
    world = World(tmp_path_factory.mktemp("foreign"), ca, certificate, dovecot, {"merchants": [], "salesUnits": []})
    world.close()
    world.config = {"sender": {**world.config["sender"], "authserv_ids": [world.mailbox["authserv"]]},
        "rules": world.config["rules"]}
    result = world.run("rules", "test", "--format", "ndjson", *(MAIL / f"{name}.eml" for name in NAMES))
    assert result.status == 0 and result.err == "", result
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert len(lines) == len(NAMES)
    return {line["file"].rpartition("/")[2].removesuffix(".eml"): line for line in lines}


def meant(name):
    return json.loads((MAIL / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OTHERWISE])
def test_a_foreign_mail_is_read_as_its_author_meant(answers, name):
    got, author = answers[name], meant(name)
    assert got["verdict"] == author["verdict"], got
    if author["verdict"] == "approval":
        assert (got["kind"], got["claims"]) == ("approval", author["claims"])
    if author["verdict"] == "suspicious":
        assert got["reasons"]


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_is_read_otherwise_is_no_wrong_record(answers, name):
    got = answers[name]
    assert got["verdict"] == OTHERWISE[name][0] != "approval", got


def test_no_foreign_mail_is_a_false_approval_or_a_wrong_record(answers):
    wrong = [name for name in NAMES if answers[name]["verdict"] == "approval" and
        (meant(name)["verdict"] != "approval" or answers[name]["claims"] != meant(name)["claims"])]
    assert wrong == []
