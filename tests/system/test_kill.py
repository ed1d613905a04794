"""Killed at any moment and run again, it ends with the same rows and has told the same, under constant ids."""
import pathlib
import subprocess
import sys

import pytest

from kill import campaign, oracle

CAMPAIGN = pathlib.Path(campaign.__file__)
POINTS = 50  # make check-kill tries all


@pytest.mark.plain
def test_killed_at_any_moment_and_run_again_nothing_is_lost_doubled_or_falsely_announced():
    done = subprocess.run([sys.executable, CAMPAIGN, "--spread", str(POINTS)], capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert f"kill: {POINTS} points" in last and "0 lost, 0 doubled, 0 falsely announced, 0 broken" in last


def stopper(tmp_path, moment, script):
    return subprocess.run([campaign.STOPPER, *(["-k", moment] if moment else []), tmp_path / "trace", "sh", "-c", script],
        capture_output=True, text=True, timeout=60)


@pytest.mark.plain
@pytest.mark.parametrize(("moment", "status", "out"), [
    ("run,write,2,before", 137, "1\n"),
    ("run,write,2,after", 137, "1\n2\n"),
    ("run,write,4,before", 5, "1\n2\n3\n"),
    ("run/1,write,2,before", 5, "1\n2\n3\n"),
], ids=["before the call", "after the call", "beyond the last", "in a child that makes none"])
def test_the_stopper_kills_at_the_very_call(tmp_path, moment, status, out):
    done = stopper(tmp_path, moment, "echo 1; (exit 1); echo 2; echo 3; exit 5")
    assert (done.returncode, done.stdout) == (status, out)


@pytest.mark.plain
def test_the_stopper_kills_the_whole_group(tmp_path):
    """The output's pipe ends when its last writer does: a child left alone would hold it."""
    done = stopper(tmp_path, "run/2,write,1,after", "tail -f /dev/null & (echo 1); echo 2; wait")
    assert (done.returncode, done.stdout) == (137, "1\n")
    assert (tmp_path / "trace").read_text() == "run/2 write 1 pipe:\n"


@pytest.mark.parametrize(("want", "got", "verdicts"), [
    (["a", "b"], ["a", "b"], []),
    (["a", "b"], ["a"], ["lost"]),
    (["a", "b"], ["a", "b", "b"], ["doubled"]),
    (["a", "b"], ["a", "b", "c"], ["false"]),
    (["a", "a"], ["a"], ["lost"]),
], ids=["same", "lost", "doubled", "false", "one of two lost"])
def test_the_oracle_sees_each_difference(want, got, verdicts):
    assert [fault[0] for fault in oracle.differences({"events": want}, {"events": got})] == verdicts
