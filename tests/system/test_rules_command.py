"""`rules test` says what saved mails yield and why; `rules check` says where rule files are wrong."""
import json
import os
import pty
import subprocess

import pytest

from servers.world import RULES, World, approval_mail, noise_mail

PROMISED = ["file", "verdict", "kind", "language", "claims", "reasons", "sender"]


@pytest.fixture(scope="module")
def rules(tmp_path_factory, ca, certificate, dovecot):
    """A world whose configuration has `sender` and `rules` only, with some mails in files."""
    world = World(tmp_path_factory.mktemp("rules"), ca, certificate, dovecot, {"merchants": [], "salesUnits": []})
    world.close()
    world.config = {"sender": {"domains": ["vippsmobilepay.com"], "authserv_ids": ["mx.example.com"]}, "rules": [str(RULES)]}
    world.mails = world.dir / "mails"
    world.mails.mkdir()
    (world.mails / "a.eml").write_bytes(approval_mail("123456"))
    (world.mails / "b.eml").write_bytes(noise_mail(1))
    (world.mails / "c.eml").write_bytes(approval_mail("123457", proven=False, unit="\u202e<b>").replace(b"MSN): 123457", b"MSN): 12"))
    return world


def objects(result):
    return [json.loads(line) for line in result.out.splitlines()]


def on_terminal(world, *args):
    """What a person would see."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(world.command(*args), env=world.environment(), cwd=world.dir, stdin=subprocess.DEVNULL,
        stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 65536):
            seen += part
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    return process.wait(timeout=60), seen.decode()


def test_a_program_gets_an_object_a_mail_with_exactly_the_promised_keys(rules):
    result = rules.run("rules", "test", rules.mails)
    assert (result.status, result.err) == (0, "")
    lines = objects(result)
    assert [list(line) for line in lines] == [PROMISED] * 3
    assert [line["verdict"] for line in lines] == ["approval", "other", "suspicious"]
    assert [line["kind"] for line in lines] == ["approval", None, "approval"]


def test_why_adds_the_text_that_shows_each_field_and_the_condition_that_each_rule_missed(rules):
    approval, noise, _ = objects(rules.run("rules", "test", "--format", "ndjson", "--why", rules.mails))
    assert list(approval) == [*PROMISED, "evidence", "why"]
    evidence, = approval["evidence"]
    assert evidence["org_number"]["text"] == "NO 987654325 MVA" and evidence["msn"]["text"] == "123456"
    assert set(evidence["msn"]) == {"part", "line", "cell", "text"}
    text = RULES.read_text().splitlines()
    names = {line.split("name: ")[1] for line in text if line.startswith("  - name: ")}
    assert {missed["rule"] for missed in noise["why"]} == names  # no rule fits, and each says why
    for missed in noise["why"]:
        path, line, column = missed["at"].rsplit(":", 2)
        assert path == str(RULES) and text[int(line) - 1][int(column) - 1] != " "
        assert missed["what"].startswith(("none of ", "lacks ", "has "))


def test_a_person_gets_a_table_with_doubts_remarks_and_nothing_that_acts_on_the_terminal(rules):
    status, seen = on_terminal(rules, "rules", "test", "--why", rules.mails / "a.eml", rules.mails / "c.eml")
    assert status == 0
    words = [line.split() for line in seen.splitlines()]
    assert ["language", "en"] in words and ["doubt", "msn-form", "(msn)"] in words
    assert ["doubt", "authentication-failed"] in words
    assert any(line[:2] == ["msn", "123456"] and line[-1].startswith('"123456"') for line in words)
    assert any(line[0] == "no" and ":" in line[2] for line in words if len(line) > 2)
    assert "\u202e" not in seen


def test_a_mail_comes_from_standard_input_too(rules):
    done = subprocess.run(rules.command("rules", "test", "-"), env=rules.environment(), capture_output=True,
        input=(rules.mails / "a.eml").read_bytes())
    assert done.returncode == 0
    line = json.loads(done.stdout)
    assert line["file"] == "-" and line["verdict"] == "approval"


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_read(rules):
    (rules.dir / "empty.eml").write_bytes(b"")
    result = rules.run("rules", "test", rules.dir / "none.eml", rules.dir / "empty.eml", rules.mails / "a.eml")
    assert result.status == 3 and len(result.lines) == 2
    assert [line["verdict"] for line in objects(result)] == ["approval"]


def test_rules_that_are_right_are_a_line_each(rules):
    ours = rules.dir / "ours.yaml"
    ours.write_text("rules:\n  - {name: x, kind: other, when: [{any: [new words of ours]}]}\n")
    rules.config["rules"] = [str(RULES), str(ours)]
    result = rules.run("rules", "check")
    rules.config["rules"] = [str(RULES)]
    assert (result.status, result.err) == (0, "")
    first, second = result.out.splitlines()
    assert first.startswith(f"{RULES}: ok: ")
    assert second == f"{ours}: ok: 1 rules, 1 phrases, 0 labels, 0 patterns"


def test_every_error_in_rules_is_told_with_its_place_and_the_other_files_are_checked(rules):
    bad, fine = rules.dir / "bad.yaml", rules.dir / "fine.yaml"
    bad.write_text("rules:\n" + "".join(f"  - {{name: r{i}, kind: perhaps, when: [{{any: [x{i}]}}]}}\n" for i in range(40)) +
        "patterns:\n  - {pattern: 'a(?<msn>[0-9'}\n  - {pattern: 'a(?<kid>[0-9])'}\n")
    fine.write_text("rules:\n  - {name: a, kind: other, when: [{any: [x, y]}]}\n  - {name: b, kind: other, when: [{any: [y]}]}\n")
    result = rules.run("rules", "check", bad, fine, rules.dir / "none.yaml")
    assert result.status == 14
    for i in range(40):
        assert f"{bad}:{i + 2}:{22 if i < 10 else 23}: kind: must be one of" in result.err
    assert "(at byte 12)" in result.err and f"{bad}:44:" in result.err and "none.yaml: No such file" in result.err
    assert f"{fine}: ok: 2 rules" in result.out
    assert f"{fine}:3:35: remark: rule b can never win" in result.out
