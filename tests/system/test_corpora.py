"""Mail that nobody here wrote (../shared/corpora, or CORPORA=) goes through the children, and all of it gets an answer."""
import os
import pathlib
import re

import pytest

from servers.world import ROOT, World

CORPORA = pathlib.Path(os.environ.get("CORPORA", ROOT.parent / "shared" / "corpora"))
HEADER = b"From: a@partner.example\r\nSubject: Fwd: Approved\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"

pytestmark = pytest.mark.skipif(not CORPORA.is_dir(), reason=f"no corpora in {CORPORA} (CORPORA= names another folder)")


def mails(folder):
    """Every mail there as a file (bodies without a header get one), and one that is past a bound."""
    for path in sorted(CORPORA.rglob("*")):
        if path.suffix in (".eml", ".msg") or path.match("mail-dkim/t/corpus/*.txt"):
            yield path
        elif path.match("email-forward-parser/test/fixtures/*_body*.txt"):
            whole = folder / path.with_suffix(".eml").name
            whole.write_bytes(HEADER + path.read_bytes())
            yield whole
    refused = folder / "refused.eml"
    refused.write_bytes(b"X: y\r\n" * 1001 + b"\r\n")
    yield refused


@pytest.fixture(scope="module")
def answers(tmp_path_factory, ca, certificate, dovecot):
    """By path: the verdict, and why it would be quarantined (None: it was read)."""
    world = World(tmp_path_factory.mktemp("corpora"), ca, certificate, dovecot, {"merchants": [], "salesUnits": []})
    world.close()
    world.config = {"sender": world.config["sender"], "rules": world.config["rules"]}
    paths = [str(path) for path in mails(world.dir)]
    assert len(paths) > 400
    result = world.run("rules", "test", "--format", "table", *paths, seconds=600)  # fails if a sanitizer had something to say
    assert (result.status, result.err) == (0, "")
    found = re.findall(r"^(/.*): (approval|other|suspicious)\n(?:  (?:sender|proof) .*\n)*(?:  quarantined +(.*)\n)?",
        result.out, re.M)
    assert [path for path, _, _ in found] == paths
    return {path: (verdict, why or None) for path, verdict, why in found}


def test_no_mail_kills_a_child_or_goes_past_a_bound(answers):
    refused = {path: why for path, (_, why) in answers.items() if why}
    assert list(refused.values()) == ["more than 1000 header fields"], refused  # our own: this test can fail


def test_nothing_of_it_is_an_approval(answers):
    assert [path for path, (verdict, _) in answers.items() if verdict == "approval"] == []
