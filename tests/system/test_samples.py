"""All samples come out as their JSON says, in `rules test` and in a whole run."""
import json

import pytest

from servers.samples import MAIL, expected_approvals, key, samples
from servers.world import World

SAMPLES = samples()


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory, ca, certificate, dovecot):
    """What `rules test` says of each sample, by file name; the configuration has `sender` and `rules` only."""
    world = World(tmp_path_factory.mktemp("rules"), ca, certificate, dovecot, {"merchants": [], "salesUnits": []})
    world.close()
    authserv = world.mailbox["authserv"]
    world.config = {"sender": {**world.config["sender"], "authserv_ids": [authserv]}, "rules": world.config["rules"]}
    result = world.run("rules", "test", "--format", "ndjson", *(sample.path for sample in SAMPLES))
    assert result.status == 0 and result.err == "", result
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert len(lines) == len(SAMPLES)
    return {line.pop("file").rpartition("/")[2]: line for line in lines}


def test_there_are_samples_of_every_kind_that_was_promised():
    expected = [sample.expected for sample in SAMPLES]
    approvals = [e for e in expected if e["verdict"] == "approval"]
    assert {e["language"] for e in approvals} >= {"no", "da", "fi", "sv", "en"}
    assert any(len(e["claims"]) == 2 for e in approvals)
    assert any(e["verdict"] == "suspicious" for e in expected)
    assert {e["kind"] for e in expected} >= {"approval", "test-unit", "declined"}
    assert len(list(MAIL.glob("*.json"))) == len(SAMPLES)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_comes_out_as_its_json_says(verdicts, sample):
    assert verdicts[sample.path.name] == sample.expected


def test_a_run_over_all_samples_makes_exactly_the_approvals_that_the_api_confirms(sample_world):
    confirmed = [key(entry) for entry in sample_world.log("--state", "confirmed")]
    assert sorted(confirmed) == sorted(expected_approvals())
    announced = [key(body["data"]) for body in sample_world.received("approval.confirmed")]
    assert sorted(announced) == sorted(expected_approvals())


def test_a_suspicious_sample_is_held_announced_to_nobody_and_show_says_why(sample_world):
    suspicious = [s for s in SAMPLES if s.expected["verdict"] == "suspicious" and s.expected["claims"]]
    held = sample_world.log("--state", "held")
    assert suspicious and held
    assert sample_world.first.status == 3  # something made in this pass waits for a person
    for sample in suspicious:
        codes = {reason["code"] if isinstance(reason, dict) else reason for reason in sample.expected["reasons"]}
        for claim in sample.expected["claims"]:
            mine = [entry for entry in held if key(entry) == key(claim) and
                codes <= {reason["code"] for reason in entry["reasons"]}]
            assert mine, f"{sample.name}: {claim} is not held"
            shown = sample_world.show(mine[0]["id"])
            assert shown["claim"]["sender"]["proof"] == sample.expected["sender"]["proof"]
            assert shown["claim"]["reasons"] and shown["claim"]["evidence"]
            assert [event["type"] for event in shown["events"]] == ["claim.held"]
            text = sample_world.run("show", mine[0]["id"]).out
            assert all(reason["code"] in text for reason in shown["claim"]["reasons"])
    # only the untrusted mail's own people are told, and no receiver of approvals
    assert not [body for body in sample_world.received() if body["type"].startswith("claim.")]


def test_every_mail_has_a_fate_and_nothing_is_left_pending(sample_world):
    assert sample_world.count("mail") == len(SAMPLES)
    assert sample_world.count("mail", "fate IN ('pending', 'quarantined')") == 0
    assert sample_world.count("delivery", "state <> 'delivered'") == 0


def test_only_allow_listed_fields_of_the_api_are_kept(sample_world):
    for approval in sample_world.log("--state", "confirmed"):
        assert "settlementBankAccount" not in json.dumps(approval)
    assert b"86011117947" not in sample_world.database.read_bytes()
