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
    "w4-a30-fi-8859-15-ascii-table": ("suspicious", "a charset with a comment in it"),
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
