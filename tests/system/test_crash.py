"""Children that die, and kills that need a large mailbox. Kills at every other moment: test_kill.py."""
import os
import signal
import time

import pytest

from kill.oracle import rows
from servers.samples import api_data, samples
from servers.world import World, approval_mail

MINUTE = 60


@pytest.fixture(scope="module")
def crash_world(tmp_path_factory, ca, certificate, dovecot):
    """The samples and some plain approvals; world.oracle is what an undisturbed run makes of them."""
    world = World(tmp_path_factory.mktemp("crash"), ca, certificate, dovecot, api_data())
    for sample in samples():
        world.deliver(sample.raw, arrived=sample.arrived)
    for number in range(20):
        world.know(str(400000 + number), "987654333", merchant="Skog og Sjø AS", unit=f"Skog {number}")
        world.deliver(approval_mail(str(400000 + number), org="987654333", merchant="Skog og Sjø AS", unit=f"Skog {number}"))
    world.run("run")
    world.oracle = rows(world)
    assert world.oracle["approvals"] and world.oracle["deliveries"]
    yield world
    world.close()


@pytest.mark.clock
def test_killed_in_the_first_pass_over_an_old_mailbox_nothing_of_it_becomes_news(make_world):
    world = make_world()
    world.mailbox["announce"] = "new"
    old = time.time() - 400 * 86400
    for number in range(250):
        world.know(str(500000 + number), "987654325")
        world.deliver(approval_mail(str(500000 + number), date=old), arrived=old)
    process = world.start("run")
    deadline = time.monotonic() + 60
    while process.poll() is None and not (world.database.exists() and part_read(world)):
        assert time.monotonic() < deadline
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert world.run("run", at=time.time() + 6 * MINUTE).status == 0
    assert world.count("approval", "history = 1") == world.count("approval") == 250
    assert [body["type"] for body in world.received()] == ["history.loaded"]


def part_read(world):
    try:
        return world.count("mail", "fate = 'read'") > 0
    except Exception:  # not made yet, or busy
        return False


def children_named(pid, name):
    """Pids of the living descendants of a process with this name."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        try:
            todo += map(int, open(f"/proc/{one}/task/{one}/children", encoding="ascii").read().split())
            if one != pid and open(f"/proc/{one}/comm", encoding="ascii").read().strip().startswith(name[:15]):
                found.append(one)
        except OSError:
            continue
    return found


@pytest.mark.plain
@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGKILL, signal.SIGSYS], ids=lambda how: how.name)
def test_a_child_that_dies_in_the_middle_costs_a_mail_one_more_try_and_nothing_else(crash_world, how):
    world = crash_world
    world.fresh_database(f"child-{how.name}.db")
    process = world.start("run")
    killed = set()  # one: the second might be at the same mail's second try
    deadline = time.monotonic() + 60
    while process.poll() is None and not killed:
        assert time.monotonic() < deadline
        for pid in children_named(process.pid, "approvals-reader"):
            if not is_locked_in(pid):
                continue  # still starting: a child that cannot start ends the pass
            try:
                os.kill(pid, how)
                killed.add(pid)
                break
            except ProcessLookupError:
                continue
    process.communicate(timeout=120)
    assert killed
    assert rows(world) == world.oracle
    assert world.count("mail", "fate = 'quarantined'") == 0


def is_locked_in(pid):
    try:
        return "Seccomp:\t2" in open(f"/proc/{pid}/status", encoding="ascii").read()
    except OSError:
        return False


@pytest.mark.plain
def test_no_child_outlives_a_killed_run(crash_world):
    world = crash_world
    world.fresh_database("orphans.db")
    process = world.start("run")
    deadline = time.monotonic() + 60
    children = []
    while not children and process.poll() is None:
        assert time.monotonic() < deadline
        children = children_named(process.pid, "approvals-reader")
    assert children
    os.kill(process.pid, signal.SIGKILL)  # only the parent
    process.wait()
    while [pid for pid in children if os.path.exists(f"/proc/{pid}") and state(pid) != "Z"]:
        assert time.monotonic() < deadline
    process.communicate()


def state(pid):
    try:
        return open(f"/proc/{pid}/stat", encoding="ascii").read().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
