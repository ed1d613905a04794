"""The first pass over an old mailbox, and passes with nothing to do."""
import os
import re
import signal
import time

import pytest

from conftest import BIG
from servers.world import approval_mail, noise_mail

OLD = 3000 if BIG else 300
DAY = 86400


@pytest.fixture(scope="module")
def old_world(tmp_path_factory, ca, certificate, dovecot):
    """A mailbox of old approvals, configured for the first time with `announce: new`, after its first run."""
    from servers.world import World
    world = World(tmp_path_factory.mktemp("old"), ca, certificate, dovecot, {"merchants": [], "salesUnits": []})
    world.mailbox["announce"] = "new"
    began = time.time() - 400 * DAY
    for number in range(OLD):
        msn = str(300000 + number)
        world.know(msn, "987654325", unit=f"Fjord Kaffe {number}")
        world.deliver(approval_mail(msn, date=began + number * 3600), arrived=began + number * 3600)
    world.first = world.run("run", seconds=600)
    yield world
    world.close()


def test_old_approvals_are_all_recorded_and_none_is_announced(old_world):
    assert old_world.first.status == 0 and old_world.first.err == ""
    assert old_world.count("mail", "fate = 'read' AND history = 1") == OLD
    assert old_world.count("approval", "history = 1") == OLD
    assert len(old_world.log("--state", "confirmed")) == OLD
    assert old_world.received("approval.confirmed") == []


def test_one_history_loaded_is_sent_for_them(old_world):
    assert [body["type"] for body in old_world.received()] == ["history.loaded"]
    assert len(old_world.events("history.loaded")) == 1
    assert old_world.count("delivery", "state <> 'delivered'") == 0
    again = old_world.run("run")
    assert (again.status, again.out, again.err) == (0, "", "")
    assert [body["type"] for body in old_world.received()] == ["history.loaded"]


def test_the_next_new_one_is_announced(old_world):
    old_world.know("999999", "987654325", unit="Fjord Kaffe Ny")
    old_world.deliver(approval_mail("999999"))
    assert old_world.run("run").status == 0
    assert [body["data"]["msn"] for body in old_world.received("approval.confirmed")] == ["999999"]


@pytest.mark.plain
def test_a_pass_with_nothing_new_searches_and_fetches_nothing_and_starts_no_child(old_world, tmp_path):
    old_world.run("run")
    old_world.dovecot.forget_commands(old_world.user)
    trace = tmp_path / "trace"
    result = old_world.run("run", before=["strace", "-f", "-qq", "-e", "trace=execve", "-e", "signal=none", "-o", str(trace)])
    assert (result.status, result.out, result.err) == (0, "", "")
    commands = set(old_world.dovecot.commands(old_world.user))
    assert commands and not [c for c in commands if "SEARCH" in c or "FETCH" in c]
    assert len(re.findall(r"execve\(", trace.read_text())) == 1  # ours, by strace


def test_where_announce_begins_can_be_a_date(world):
    world.mailbox["announce"] = "2026-01-01"
    for msn, date in (("111111", 1750000000), ("222222", 1767500000)):  # June 2025, January 2026
        world.know(msn, "987654325")
        world.deliver(approval_mail(msn, date=date), arrived=date)
    world.run("run")
    assert world.count("approval") == 2
    assert [body["data"]["msn"] for body in world.received("approval.confirmed")] == ["222222"]


def test_where_reading_begins_can_be_now(world):
    world.mailbox.update(start="now", announce="new")
    world.know("111111", "987654325")
    world.know("222222", "987654325")
    world.deliver(approval_mail("111111", date=time.time() - DAY), arrived=time.time() - DAY)
    world.run("run")
    world.deliver(approval_mail("222222"), arrived=time.time() - 300)  # the server's clock is slow
    world.run("run")
    assert [entry["msn"] for entry in world.log()] == ["222222"]


def memory_of_group(pgid):
    """Sum of Pss of all processes of a group, in KiB."""
    total = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getpgid(int(pid)) == pgid:
                rollup = open(f"/proc/{pid}/smaps_rollup", encoding="ascii").read()
                total += int(re.search(r"^Pss:\s+(\d+)", rollup, re.M)[1])
        except (OSError, TypeError):
            continue
    return total


def peak_memory(world, *args):
    process = world.start(*args)
    peak = 0
    while process.poll() is None:
        peak = max(peak, memory_of_group(process.pid))
    out, err = process.communicate()
    return peak, process.returncode, err


@pytest.mark.plain
def test_memory_stays_under_40_mib_with_a_mail_of_25_mb_in_the_mailbox(world):
    world.know("123456", "987654325")
    world.deliver(approval_mail("123456"))
    world.deliver(approval_mail("654321", padding=25_000_000))
    for number in range(10000 if BIG else 500):
        world.deliver(noise_mail(number))
    peak, status, err = peak_memory(world, "run")
    assert status in (0, 3) and len(world.received("approval.confirmed")) == 1, err
    assert 1000 < peak < 40 * 1024, f"{peak} KiB"
    world.dovecot.forget_commands(world.user)
    peak, status, err = peak_memory(world, "run")
    assert status == 0 and peak < 40 * 1024, err
    assert not [c for c in world.dovecot.commands(world.user) if "SEARCH" in c or "FETCH" in c]


def test_sigterm_stops_between_two_commits_with_status_75_and_a_later_run_goes_on(old_world):
    world = old_world
    world.fresh_database("stopped.db")
    world.dovecot.forget_commands(world.user)
    process = world.start("ingest")
    deadline = time.monotonic() + 60
    while not any("FETCH" in c for c in world.dovecot.commands(world.user)) and process.poll() is None:
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode in (75, 0) and out == "", err
    later = world.run("ingest")
    assert later.status == 0
    assert world.count("mail", "fate = 'read'") == world.count("mail") >= OLD
    world.fresh_database("approvals.db")
