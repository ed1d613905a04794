"""What the tests on servers/hostile_imap.py share: a mailbox meets one bad moment and must end as if there had been none.

Good approvals lie before, at and after the bad moment. The hostile pass ends by itself, with its status and at most one
line; then the server behaves, and later passes make the rows of an undisturbed run: nothing lost, doubled or announced twice.
"""
import sqlite3
import sys
import time

from conftest import clock_moves
from kill.oracle import rows
from servers.world import approval_mail, is_sanitized

HOUR = 3600
WAIT = 7 * HOUR  # longer than any wait before a mail is asked for again
MEMORY = 64 * 1024  # KiB, of each process of a pass
SECONDS = 60  # no pass takes as long on a clock that is not moved
DATE = 1795341000
# Starts the program and notes the most memory that any process of it had; a fork of pytest would count pytest's own.
WATCH = """
import os, sys
pid = os.spawnvp(os.P_NOWAIT, sys.argv[2], sys.argv[2:])
_, status, used = os.wait4(pid, 0)
with open(sys.argv[1], "w") as f:
    f.write(str(used.ru_maxrss))
os._exit(os.waitstatus_to_exitcode(status))
"""
MSNS = ["111111", "222222", "333333"]
MAILS = [approval_mail(msn, date=DATE, padding=1000) for msn in MSNS]  # once, so that all worlds hold the same bytes


def fill(world, mails=None):
    """The mails, in INBOX, by UID 1, 2, 3."""
    for msn in MSNS:
        world.know(msn, "987654325")
    for raw in mails or MAILS:
        world.deliver(raw, arrived=DATE + 60)
    world.began = time.time()
    return world


def one_pass(world, *args, at=None, before=(), seconds=SECONDS):
    """`approvals run`, its end and its memory watched."""
    peak = world.dir / "peak"
    watch = [] if is_sanitized() else [sys.executable, "-SEc", WATCH, str(peak)]
    result = world.run(*args or ["run"], at=at, before=[*watch, *before], seconds=seconds)
    assert is_sanitized() or int(peak.read_text()) < MEMORY, f"{peak.read_text()} KiB"
    return result


def hurried(world, rate=50):
    """For `before`: the program's clocks run so many times as fast, so that its deadlines come soon."""
    env = world.environment(at=time.time())
    return ["/usr/bin/env", f"LD_PRELOAD={env['LD_PRELOAD']}", f"FAKETIME=+0 x{rate}"]


def later(world, *args, hours=WAIT / HOUR):
    """A pass so long after the one before it that nothing waits to be tried again."""
    if clock_moves():
        world.began += hours * HOUR
        return one_pass(world, *args, at=world.began)
    db = sqlite3.connect(world.database)
    if any(column[1] == "next_ms" for column in db.execute("PRAGMA table_info(mail)")):
        db.execute("UPDATE mail SET next_ms = 0")
    db.commit()
    db.close()
    return one_pass(world, *args)


def announced(world):
    """MSNs of approvals as the receiver heard of them, each delivery once."""
    return [body["data"]["msn"] for body in world.received("approval.confirmed")]


def suffered(result, status=(0,), lines=1):
    """The hostile pass ended as it should."""
    assert result.status in status, result
    assert result.out == "" and len(result.lines) <= lines, result


def outcome(world):
    """rows(), without what differs from world to world and what is told of the bad moment itself."""
    all = rows(world)
    passing = ("mailbox.failing ", "mailbox.recovered ", "mail.stuck ")
    all["events"] = [event for event in all["events"] if not event.startswith(passing)]
    all["deliveries"] = [delivery.replace(world.receiver.url, "") for delivery in all["deliveries"]
        if not delivery.startswith(passing)]
    all["alarms"] = [alarm for alarm in all["alarms"] if "mail.stuck" not in alarm]
    return all


def same(have, want):
    for table, expected in want.items():
        assert have[table] == expected, f"{table}: {have[table]}, not {expected}"


def unharmed(world, oracle, msns=MSNS, passes=2):
    """The server behaves from now on: the rows become those of an undisturbed run, and then nothing more happens."""
    world.imap.behave()
    for _ in range(passes):
        result = later(world)
        assert result.status == 0 and len(result.lines) <= 1, result
        if oracle and outcome(world) == oracle:
            break
    if oracle:
        same(outcome(world), oracle)
    unheard(world, msns)


def unheard(world, msns=MSNS):
    """All is announced, once, and nothing is left to do."""
    assert sorted(announced(world)) == sorted(msns)
    told = len(world.receiver.got), len(world.smtp.mails)
    last = later(world)
    assert (last.status, last.out, last.err) == (0, "", "")
    assert (len(world.receiver.got), len(world.smtp.mails)) == told
