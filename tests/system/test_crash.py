"""Killed at any moment and run again, it ends with the same rows, one approval each, and constant ids."""
import json
import os
import random
import signal
import subprocess
import time

import pytest

from conftest import BIG
from servers.samples import api_data, samples
from servers.world import World, approval_mail

KILLS = 100 if BIG else 15
SEED = 20261122
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
    began = time.monotonic()
    world.run("run")
    world.seconds = time.monotonic() - began
    world.oracle = rows(world)
    assert world.oracle["approvals"] and world.oracle["deliveries"]
    yield world
    world.close()


def rows(world):
    """The whole database but for row numbers, times, attempts and what is random in each database."""
    place = "f.name || ':' || m.uid"
    mail = f"FROM mail m JOIN epoch e ON e.id = m.epoch_id JOIN folder f ON f.id = e.folder_id"
    names = {f"mail_{row['id']}": row["place"] for row in world.rows(f"SELECT m.id, {place} AS place {mail}")}
    names.update((f"clm_{row['id']}", f"{row['place']}#{row['n']}") for row in world.rows(
        f"SELECT c.id, c.n, {place} AS place FROM claim c JOIN mail m ON m.id = c.mail_id"
        " JOIN epoch e ON e.id = m.epoch_id JOIN folder f ON f.id = e.folder_id"))
    names.update((row["apr"], f"{row['org_number']}/{row['msn']}") for row in world.rows(
        "SELECT apr, org_number, msn FROM approval"))

    def table(sql):
        return sorted(json.dumps(row, sort_keys=True) for row in world.rows(sql))
    # Which of two mails for one key makes the approval is decided by their order, which is kept.
    return {
        "mails": table(f"SELECT {place} AS place, fate, reason, history, size_bytes, hex(sha256) AS sha, "
            f"(SELECT f2.name || ':' || m2.uid FROM mail m2 JOIN epoch e2 ON e2.id = m2.epoch_id"
            f" JOIN folder f2 ON f2.id = e2.folder_id WHERE m2.id = m.same_as) AS same {mail}"),
        "messages": table(f"SELECT {place} AS place, from_domain, proof, trusted, kind, language, reasons"
            f" {mail} JOIN message g ON g.mail_id = m.id"),
        "kept": table(f"SELECT {place} AS place, b.size_bytes {mail} JOIN mail_bytes b ON b.mail_id = m.id"),
        "claims": table(f"SELECT {place} AS place, c.n, c.state, c.org_scheme, c.org_number, c.msn, c.merchant_name,"
            f" c.sales_unit_name, c.reasons, c.evidence {mail} JOIN claim c ON c.mail_id = m.id"),
        "approvals": table("SELECT state, confirmed_by, org_scheme, org_number, msn, merchant_name, sales_unit_name,"
            " history, message_id, merchant FROM approval"),
        "events": sorted((row["type"], names.get(row["ref"], row["ref"])) for row in world.rows(
            "SELECT type, ref FROM event WHERE type NOT LIKE '%.failing' AND type NOT LIKE '%.recovered'")),
        "deliveries": sorted((row["type"], names.get(row["ref"], row["ref"]), row["target"], row["state"])
            for row in world.rows("SELECT e.type, e.ref, d.target, d.state FROM delivery d JOIN event e ON e.seq = d.event_seq")),
        "waiting": world.count("event_waiting"),
        "mailboxes": table("SELECT name FROM mailbox"),
    }


def assert_sent_once(world):
    """Every approval was announced under one id, however often it was sent."""
    ids = {}
    for delivery in world.receiver.got:
        ids.setdefault(delivery.id, set()).add(delivery.body)
    assert all(len(bodies) == 1 for bodies in ids.values())
    announced = [json.loads(body)["data"]["id"] for bodies in ids.values() for body in bodies
        if json.loads(body)["type"] == "approval.confirmed"]
    assert len(announced) == len(set(announced)) == len(world.oracle["approvals"])
    mails = {mail.message["Message-ID"] for mail in world.smtp.mails}
    owed = world.rows("SELECT webhook_id FROM delivery WHERE target LIKE '%@%'")
    assert {i.strip("<>").partition("@")[0] for i in mails} == {row["webhook_id"] for row in owed}


def finish(world, killed_at):
    """Runs it again, past the leases of what was killed in the middle of sending, until all is sent."""
    result = world.run("run", at=killed_at + 6 * MINUTE)
    assert result.status in (0, 3), result
    assert world.count("delivery", "state = 'due'") == 0
    assert rows(world) == world.oracle
    assert_sent_once(world)
    assert world.run("verify").status == 0


def kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.communicate()


def restart(world, name):
    world.fresh_database(name)
    world.receiver.got.clear()
    world.smtp.mails.clear()


@pytest.mark.clock
def test_killed_at_random_moments_and_run_again_it_makes_the_same_rows(crash_world):
    world, chance = crash_world, random.Random(SEED)
    for n in range(KILLS):
        restart(world, f"kill{n}.db")
        moment = chance.uniform(0, 1.05 * world.seconds)
        process = world.start("run")
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            pass
        kill_group(process)
        try:
            finish(world, time.time())
        except AssertionError as e:
            raise AssertionError(f"kill {n} after {moment:.3f} s: {e}") from e


def syncs(world, *options):
    """strace, to count or to break the syncs of a run: each commit has a few."""
    return ["strace", "-f", "-qq", "-e", "signal=none", "-o", str(world.dir / "trace"), *options]


@pytest.mark.plain
@pytest.mark.clock
def test_killed_inside_commits_and_run_again_it_makes_the_same_rows(crash_world):
    """Each process is killed at its n-th sync: moments that random ones seldom meet."""
    world, chance = crash_world, random.Random(SEED)
    restart(world, "count.db")
    world.run("run", before=syncs(world, "-e", "trace=fsync,fdatasync"))
    pids = [line.split()[0] for line in (world.dir / "trace").read_text().splitlines() if "sync(" in line]
    most = max(pids.count(pid) for pid in set(pids))
    few = min(pids.count(pid) for pid in set(pids))
    assert len(set(pids)) == 2 and few > 5  # the worker and its parent
    # all of the worker's when there is time, and some of its parent's, which has many
    points = [*(range(1, few + 1) if BIG else chance.sample(range(1, few + 1), min(10, few))),
        *chance.sample(range(few + 1, most + 1), min(most - few, KILLS * 2 // 3))]
    for n in points:
        restart(world, f"sync{n}.db")
        world.run("run", before=syncs(world, "-e", "trace=fsync,fdatasync", "-e",
            f"inject=fsync,fdatasync:signal=SIGKILL:when={n}"))
        try:
            finish(world, time.time())
        except AssertionError as e:
            raise AssertionError(f"killed at sync {n}: {e}") from e


@pytest.mark.clock
def test_killed_while_a_webhook_is_on_its_way_it_is_sent_again_with_the_same_id(crash_world):
    world = crash_world
    restart(world, "sending.db")
    world.receiver.fault = lambda handler: world.receiver.stopping.wait(0.2) or handler.answer(204, content_type=None)
    process = world.start("run")
    assert world.receiver.wait(1)
    kill_group(process)
    first = world.receiver.got[0]
    world.receiver.fault = None
    finish(world, time.time())
    again = [d for d in world.receiver.got[1:] if d.id == first.id]
    assert len(again) >= 1 and all(d.body == first.body for d in again)


@pytest.mark.clock
def test_killed_while_the_api_is_asked_it_asks_again(crash_world):
    world = crash_world
    restart(world, "asking.db")
    seen = len(world.api.asked)
    process = world.start("run")
    deadline = time.monotonic() + 60
    while len(world.api.asked) < seen + 3 and process.poll() is None:
        assert time.monotonic() < deadline
    kill_group(process)
    finish(world, time.time())


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
    kill_group(process)
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
    restart(world, f"child-{how.name}.db")
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
    restart(world, "orphans.db")
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
