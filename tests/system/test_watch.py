"""approvals watch: stays, hears of mail at once, survives servers and networks, and is stopped and reloaded by signals."""
import contextlib
import fcntl
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import pytest

from servers import dovecot as imap
from servers import management
from servers import proxy as proxies
from servers import web
from servers import world as worlds
from servers.hostile_imap import CLOSE, HANG, RESET, instead, once
from servers.world import approval_mail

SOON = 60  # seconds: a generous deadline for what takes one or two
NEVER = "1h"  # a poll interval that no test lives to see: only IDLE can have told


class Watch:
    """A running `approvals watch`: its lines as they come, and what systemd would hear."""

    def __init__(self, world, watchdog_s=None, env=None, args=("watch",)):
        self.lines, self.told, self._changed = [], [], threading.Condition()
        path = str(world.dir / "notify")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        environment = {**world.environment(), "NOTIFY_SOCKET": path, **(env or {})}
        if watchdog_s:
            environment["WATCHDOG_USEC"] = str(int(watchdog_s * 1e6))
        self.process = subprocess.Popen(world.command(*args), env=environment, cwd=world.dir, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
        self._threads = [threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._hear, daemon=True)]
        for thread in self._threads:
            thread.start()

    def _read(self):
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    def _hear(self):
        while True:
            data = self.socket.recv(4096).decode()
            if data == "over":
                return
            with self._changed:
                self.told += data.split("\n")
                self._changed.notify_all()

    @property
    def text(self):
        return "\n".join(self.lines)

    def wait_for(self, what, seconds=SOON):
        with self._changed:
            assert self._changed.wait_for(what, seconds), self.text

    def wait_line(self, word, count=1):
        self.wait_for(lambda: sum(word in line for line in self.lines) >= count)

    def wait_told(self, word, count=1):
        self.wait_for(lambda: self.told.count(word) >= count)

    def workers(self):
        """Pids of the workers: the mailboxes' in the order of the configuration, then the one that tells."""
        pid = self.process.pid
        return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def stop(self, sig=signal.SIGTERM):
        """Ends it; answers its status and how long that took."""
        began = time.monotonic()
        self.process.send_signal(sig)
        self.process.wait(30)
        return self.process.returncode, time.monotonic() - began

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"over", self.socket.getsockname())
        for thread in self._threads:
            thread.join(10)
        self.process.stderr.close()
        self.socket.close()
        assert self.process.returncode != worlds.SANITIZED and "Sanitizer" not in self.text and \
            "runtime error:" not in self.text, self.text


@pytest.fixture
def watch():
    with contextlib.ExitStack() as stack:
        def start(world, **options):
            watch = Watch(world, **options)
            stack.callback(watch.close)
            return watch
        yield start


@pytest.fixture
def own_dovecot(certificate):
    """A server that this test alone uses, and may stop."""
    with imap.Dovecot(certificate) as server:
        yield server


@pytest.fixture
def own_world(tmp_path, ca, certificate, own_dovecot):
    world = worlds.World(tmp_path, ca, certificate, own_dovecot, {"merchants": [], "salesUnits": []})
    yield world
    world.close()
    assert world.api.violations == []


_msn = iter(range(200000, 999999))


def deliver(world, user=None, folder="INBOX"):
    """An approval that the API knows; answers its MSN."""
    msn = str(next(_msn))
    world.know(msn, "987654325")
    world.dovecot.deliver(user or world.user, approval_mail(msn), folder=folder)
    return msn


def announced(world):
    return [body["data"]["msn"] for body in world.received("approval.confirmed")]


def wait_announced(world, msn, seconds=SOON):
    with world.receiver.arrived:
        assert world.receiver.arrived.wait_for(lambda: msn in announced(world), seconds), (msn, announced(world))


def idling(world, watch, count=1):
    """Until so many of the user's sessions have asked to be told."""
    deadline = time.monotonic() + SOON
    while world.dovecot.commands(world.user).count("IDLE") < count:
        assert time.monotonic() < deadline and watch.process.poll() is None, watch.text


def add_mailboxes(world, *names):
    """More mailboxes with users of their own: {name: user}."""
    users = {}
    for name in names:
        users[name] = world.dovecot.add_user(f"{world.user}-{name}")
        world.config["mailboxes"].append({**world.mailbox, "name": name, "user": users[name]})
    return users


# ---- hearing of mail

def test_a_mail_that_comes_is_announced_at_once(world, watch):
    world.config["poll_interval"] = NEVER
    running = watch(world)
    idling(world, running)
    for count in range(1, 4):
        msn = deliver(world)
        wait_announced(world, msn)
        idling(world, running, count + 1)
    assert len(announced(world)) == 3


def test_a_mail_that_the_server_does_not_tell_of_is_found_by_polling(world, watch):
    """IDLE tells of one folder; the other is polled, over the connection that stands."""
    world.config["poll_interval"] = "1s"
    running = watch(world)
    running.wait_told("READY=1")
    for _ in range(3):
        wait_announced(world, deliver(world, folder="Junk"))
    assert "mailbox.disconnected" not in running.text


def test_mail_that_was_there_before_is_announced_at_the_start(world, watch):
    world.config["poll_interval"] = NEVER
    msn = deliver(world)
    watch(world)
    wait_announced(world, msn)


def test_while_nothing_comes_nothing_is_said(world, watch):
    world.config["poll_interval"] = "1s"
    running = watch(world)
    idling(world, running)
    before = len(running.lines)
    idling(world, running, 4)
    assert running.lines[before:] == []


# ---- servers and networks (each outage in turn; a mail that comes after it is announced)

def test_a_server_that_is_stopped_and_comes_back_costs_no_mail(own_world, own_dovecot, watch):
    world = own_world
    world.config["poll_interval"] = "2s"
    running = watch(world)
    idling(world, running)
    for round in (1, 2):
        own_dovecot.kill()
        msn = deliver(world)
        running.wait_told("STATUS=1 mailbox, 1 failing", round)
        own_dovecot.start()
        wait_announced(world, msn)
        wait_announced(world, deliver(world))


def test_a_claim_that_the_api_never_answers_is_asked_about_once_in_a_pass(world, watch):
    asked = []
    world.config["poll_interval"] = "10s"
    world.api.fault = lambda handler: asked.append(1) or management.FAULTS["403"](handler)
    world.deliver(approval_mail("333333"))
    running = watch(world, args=("-v", "watch"))
    running.wait_line("api.failing")
    idling(world, running, 2)
    assert len(asked) < 10, running.text  # by the commits of the mailbox, and a poll or two


def test_a_server_that_stays_away_is_asked_again_and_again(own_world, own_dovecot, watch):
    world = own_world
    world.config["poll_interval"] = "1s"
    own_dovecot.stop()
    running = watch(world)
    running.wait_told("STATUS=1 mailbox, 1 failing")
    own_dovecot.start()
    running.wait_told("STATUS=1 mailbox, 0 failing", 2)
    wait_announced(world, deliver(world))
    assert sum("mailbox.failing" in line for line in running.lines) <= 1


def through(world, relay):
    world.mailbox["url"] = f"imaps://localhost:{relay.port}"
    world.config["poll_interval"] = "4s"


def test_a_connection_whose_packets_are_dropped_is_left_within_the_poll_interval(world, watch):
    with proxies.Proxy(world.dovecot.tls_port) as relay:
        through(world, relay)
        running = watch(world)
        idling(world, running)
        relay.swallow()
        msn = deliver(world)
        running.wait_line("mailbox.disconnected")
        relay.heal()
        wait_announced(world, msn)
        wait_announced(world, deliver(world))


def test_a_connection_whose_other_end_has_forgotten_it_is_left_within_the_poll_interval(world, watch):
    with proxies.Proxy(world.dovecot.tls_port) as relay:
        through(world, relay)
        running = watch(world)
        idling(world, running)
        relay.half_open()
        wait_announced(world, deliver(world))
        wait_announced(world, deliver(world))
        assert sum("mailbox.disconnected" in line for line in running.lines) == 1, running.text


def test_one_mailbox_that_is_away_does_not_keep_the_others_waiting(world, watch):
    users = add_mailboxes(world, "second", "third")
    world.config["mailboxes"][1]["url"] = "imaps://localhost:1"
    world.config["poll_interval"] = "1s"
    running = watch(world)
    running.wait_told("STATUS=3 mailboxes, 1 failing")
    for user in (world.user, users["third"]):
        wait_announced(world, deliver(world, user))
    failing = [line for line in running.lines if "mailbox.failing" in line]
    assert len(failing) == 1 and "mailbox=second" in failing[0]


def test_a_receiver_that_fails_is_tried_again_when_that_is_due(world, watch):
    """After five seconds, not after the poll interval."""
    world.config["poll_interval"] = NEVER
    world.receiver.fault = web.status(500)
    running = watch(world)
    idling(world, running)
    deliver(world)
    running.wait_line("delivery.failed")
    world.receiver.fault = None
    running.wait_line("delivery.delivered", 2)  # the e-mail, then the webhook
    assert len(world.receiver.got) == 2


# ---- IDLE as servers do it: a mail that comes is announced whatever they say, and nothing runs in circles

def before(*acts):
    """These before "+": good() says that itself."""
    return lambda session, good: (session.send(acts), good())[1]


def while_idle(*acts):
    return lambda session, good: (session.send([b"+ idling\r\n", *acts]), good())[1]


NO = b"{tag} NO not now\r\n"
IDLES = {
    "a mail told of before it idles": before(b"* 9 EXISTS\r\n"),
    "flags told of before it idles": before(b"* 1 FETCH (FLAGS (\\Seen))\r\n* OK [ALERT] tired\r\n"),
    "refused": instead(NO),
    "unknown": instead(b"{tag} BAD what\r\n"),
    "over at once": instead(b"{tag} OK done\r\n"),
    "over at once, after it began": instead(b"+ idling\r\n{tag} OK done\r\n"),
    "no answer": instead(HANG),
    "no answer to DONE": while_idle(HANG),
    "another answer to DONE": lambda session, good: [*good()[:-1], NO.replace(b"{tag}", session.tag)],
    "a wrong tag": lambda session, good: [*good()[:-1], b"X1 OK done\r\n", HANG],
    "BYE": while_idle(b"* BYE idle for too long\r\n", CLOSE),
    "the end": while_idle(CLOSE),
    "a reset": while_idle(RESET),
    "a line without an end": while_idle(b"* OK " + b"x" * (2 << 20)),
    "bytes of no protocol": while_idle(bytes(range(256)) * 40),
    "a literal": while_idle(b"* 1 FETCH (BODY[] {12}\r\n* 7 EXISTS\r\n)\r\n"),
    "a literal without an end": while_idle(b"* 1 FETCH (BODY[] {12000}\r\n* 7 EXISTS\r\n"),
    "a crowd that never comes": while_idle(*[b"* %d EXISTS\r\n" % n for n in range(1000)]),
}


@pytest.mark.parametrize("name", IDLES)
def test_whatever_a_server_makes_of_idle_its_mail_is_announced(hostile, watch, name):
    world = hostile
    world.config["poll_interval"] = "2s"
    world.imap.twists["IDLE"] = IDLES[name]
    running = watch(world)
    for _ in range(2):
        wait_announced(world, deliver(world))
    world.imap.behave()
    wait_announced(world, deliver(world))
    status, _ = running.stop()
    assert status == 0 and len(announced(world)) == 3


@pytest.mark.parametrize("twist", [while_idle(b"* OK [ALERT] the disk is full\r\n"), instead(b"{tag} NO [ALERT] the disk is full\r\n")],
    ids=["while it idles", "refused"])
def test_an_alert_of_a_server_that_idles_is_shown(hostile, watch, twist):
    world = hostile
    world.config["poll_interval"] = NEVER
    world.imap.twists["IDLE"] = twist
    watch(world).wait_line('imap.alert mailbox=onboarding text="the disk is full"')


def asked_for(world, running, what, count):
    deadline = time.monotonic() + SOON
    while world.imap.asked.count(what) < count:
        assert time.monotonic() < deadline and running.process.poll() is None, running.text


def test_a_database_that_another_holds_is_said_once_and_its_end_once(hostile, watch):
    world = hostile
    world.config["poll_interval"] = "1s"
    running = watch(world)
    asked_for(world, running, "IDLE", 1)
    other = sqlite3.connect(world.database, isolation_level=None, timeout=SOON)
    other.execute("BEGIN IMMEDIATE")
    passes = world.imap.asked.count("EXAMINE INBOX")
    asked_for(world, running, "EXAMINE INBOX", passes + 5)  # two in each pass, which waits five seconds
    said = [line.split()[1] for line in running.lines if "busy" in line]
    assert "database.failed" in said and len(said) == len(set(said)), running.text  # each process for itself
    other.execute("ROLLBACK")
    running.wait_line("database.recovered")
    wait_announced(world, deliver(world))
    assert sum("busy" in line for line in running.lines) == len(said), running.text


def test_a_server_that_ends_each_silent_connection_is_no_news_at_each_poll(hostile, watch):
    world = hostile
    world.config["poll_interval"] = "1s"
    world.imap.twists["IDLE"] = instead(b"+ idling\r\n", CLOSE)
    running = watch(world)
    asked_for(world, running, "IDLE", 5)
    assert sum("mailbox.disconnected" in line for line in running.lines) == 1, running.text


def test_what_it_moves_itself_is_no_news_and_makes_no_pass(hostile, watch):
    world, asked = hostile, hostile.imap.asked
    world.config["poll_interval"] = NEVER
    world.mailbox["after"] = "move:Done"
    running = watch(world)

    def idles(begin):
        deadline = time.monotonic() + SOON
        while "IDLE" not in asked[begin:]:
            assert time.monotonic() < deadline and running.process.poll() is None, running.text
        return asked[begin:asked.index("IDLE", begin)]
    idles(0)
    begin = len(asked)
    wait_announced(world, deliver(world))
    said = idles(begin)
    moved = next(n for n, line in enumerate(said) if line.startswith("UID MOVE"))
    assert [line for line in said[moved:] if line.startswith("EXAMINE")] == ["EXAMINE INBOX"]


def test_a_mail_that_comes_while_another_folder_is_looked_into_is_announced(hostile, watch):
    """Nothing tells of it: it is there when INBOX is opened to wait in. (The pass in which it comes found nothing.)"""
    world = hostile
    world.config["poll_interval"] = NEVER
    came = []

    def twist(session, good):
        if b"Junk" in session.line and not came and "IDLE" in world.imap.asked:
            came.append(deliver(world))
        return good()
    world.imap.twists["EXAMINE"] = twist
    world.imap.twists["IDLE"] = once(before(b"* 9 EXISTS\r\n"))
    watch(world)
    with world.receiver.arrived:
        assert world.receiver.arrived.wait_for(lambda: came and came[0] in announced(world), SOON)


@pytest.mark.parametrize("name", ["a crowd that never comes", "over at once", "a mail told of before it idles"])
def test_a_server_that_cries_is_looked_into_once_a_second(hostile, watch, name):
    """So many passes in so many seconds at the most: the bound is a number of commands, whatever the machine does."""
    world = hostile
    world.config["poll_interval"] = "1h"
    world.imap.twists["IDLE"] = IDLES[name]
    began = time.monotonic()
    running = watch(world)
    wait_announced(world, deliver(world))
    while world.imap.asked.count("IDLE") < 4 and name != "over at once":
        assert time.monotonic() - began < SOON, running.text
    running.stop()
    assert world.imap.asked.count("IDLE") <= time.monotonic() - began + 2


# ---- systemd

def test_systemd_hears_that_it_is_ready_well_and_ends(world, watch):
    running = watch(world, watchdog_s=0.3)
    running.wait_told("READY=1")
    running.wait_told("WATCHDOG=1", 3)
    status, took = running.stop()
    running.wait_told("STOPPING=1")
    assert status == 0 and took < 2


def test_a_database_that_cannot_be_opened_is_status_10_and_never_ready(world, watch):
    world.database.write_bytes(b"This is not SQLite. " * 500)
    running = watch(world)
    running.process.wait(SOON)
    running.close()
    assert running.process.returncode == 10 and running.told == []


def fast_clock(speed):
    return {"LD_PRELOAD": worlds.faketime() or "", "FAKETIME": f"+0 x{speed}"}


@pytest.mark.clock
@pytest.mark.plain
def test_the_watchdog_is_fed_by_progress_only(world, watch):
    """Nobody can open the database: workers are started again and again, and nothing is done."""
    running = watch(world, watchdog_s=30, env=fast_clock(200))
    running.wait_told("WATCHDOG=1", 3)
    db = sqlite3.connect(world.database, isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    for pid in running.workers():
        os.kill(pid, signal.SIGKILL)
    fed, deadline = -1, time.monotonic() + SOON
    while fed != running.told.count("WATCHDOG=1"):  # not once in the five minutes that a worker waits for its next start
        assert time.monotonic() < deadline
        fed = running.told.count("WATCHDOG=1")
        running.wait_line("worker.ended", running.text.count("worker.ended") + 3)
    db.close()
    running.wait_told("WATCHDOG=1", fed + 1)


@pytest.mark.clock
@pytest.mark.plain
def test_a_stuck_worker_is_killed_and_started_again(world, watch):
    """The clock of the program runs 200 times as fast: its fifteen minutes are five seconds."""
    world.config["poll_interval"] = "1m"
    running = watch(world, watchdog_s=30, env=fast_clock(200))
    running.wait_told("WATCHDOG=1", 3)
    stuck, teller = running.workers()
    os.kill(stuck, signal.SIGSTOP)
    running.wait_line("worker.killed")
    assert "signal=Killed" in running.text and not (set(running.workers()) & {stuck})
    assert teller in running.workers()
    fed = len(running.told)
    running.wait_for(lambda: running.told[fed:].count("WATCHDOG=1") >= 2)


# ---- signals

def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_stop_ends_all_within_two_seconds_and_is_a_success(world, watch, sig):
    users = add_mailboxes(world, "second")
    world.config["mailboxes"].append({**world.mailbox, "name": "away", "url": "imaps://localhost:1"})
    running = watch(world)
    idling(world, running)
    world.user, first = users["second"], world.user
    idling(world, running)
    world.user = first
    workers = running.workers()
    assert len(workers) == 4
    status, took = running.stop(sig)
    assert status == 0 and took < 2
    assert not any(alive(pid) for pid in workers)


def test_a_stop_does_not_wait_for_a_receiver_that_hangs(world, watch):
    world.receiver.fault = web.hang
    running = watch(world)
    deliver(world)
    with world.receiver.arrived:
        assert world.receiver.arrived.wait_for(lambda: world.receiver.got, SOON)
    status, took = running.stop()
    assert status == 0 and took < 2
    world.receiver.stop()
    world.receiver.fault = None
    world.receiver.start()
    first = world.receiver.got[0].id
    assert world.run("run").status == 0
    assert [delivery.id for delivery in world.receiver.got] == [first, first]  # sent again under its one id


def test_a_stop_does_not_wait_for_a_server_that_hangs(world, watch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        world.mailbox["url"] = f"imaps://localhost:{server.getsockname()[1]}"
        running = watch(world)
        connection, _ = server.accept()
        status, took = running.stop()
        connection.close()
    assert status == 0 and took < 2


def hooks(world, path):
    world.config["endpoints"][0]["webhook"] = world.receiver.url + path


def test_sighup_reads_the_configuration_anew(world, watch):
    world.config["poll_interval"] = NEVER
    running = watch(world)
    idling(world, running)
    hooks(world, "/other")
    users = add_mailboxes(world, "second")
    world.command("watch")  # writes it
    running.process.send_signal(signal.SIGHUP)
    running.wait_line("configuration.reloaded")
    running.wait_told("RELOADING=1")
    running.wait_told("READY=1", 2)
    for user in (world.user, users["second"]):
        wait_announced(world, deliver(world, user))
    assert {delivery.path for delivery in world.receiver.got} == {"/other"}
    assert len(world.events("config.changed")) == 1
    assert "config.changed" in running.text


def test_a_sighup_that_comes_during_a_reload_is_not_forgotten(world, watch):
    world.config["poll_interval"] = NEVER
    running = watch(world)
    idling(world, running)
    slow, teller = running.workers()
    os.kill(slow, signal.SIGSTOP)  # the reload waits for it, and then kills it
    hooks(world, "/second")
    world.command("watch")  # writes it
    running.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + SOON
    while alive(teller):
        assert time.monotonic() < deadline
    hooks(world, "/third")
    world.command("watch")
    running.process.send_signal(signal.SIGHUP)
    running.wait_line("configuration.reloaded", 2)
    wait_announced(world, deliver(world))
    assert {delivery.path for delivery in world.receiver.got} == {"/third"}
    assert "worker.ended" not in running.text and "worker.killed" not in running.text


@pytest.mark.parametrize("name, said", [("an unknown key", "databse"), ("rules that are not there", "nowhere.yaml"),
    ("a secret that others can read", "imap.password"), ("another database", "database")])
def test_sighup_with_a_bad_configuration_says_why_and_keeps_the_old_one(world, watch, name, said):
    world.config["poll_interval"] = NEVER
    running = watch(world)
    idling(world, running)
    workers = running.workers()
    hooks(world, "/other")
    if name == "an unknown key":
        world.config["databse"] = "x"
    elif name == "rules that are not there":
        world.config["rules"] = ["/nowhere.yaml"]
    elif name == "a secret that others can read":
        (world.dir / "imap.password").chmod(0o640)
    else:
        world.config["database"] = str(world.dir / "other.db")
    world.command("watch")
    running.process.send_signal(signal.SIGHUP)
    running.wait_line("configuration.refused")
    assert said in running.text and running.workers() == workers
    wait_announced(world, deliver(world))
    assert {delivery.path for delivery in world.receiver.got} == {"/hooks/vipps"}


# ---- processes and the lock

def test_a_worker_that_dies_is_started_again_and_the_others_do_not_notice(world, watch):
    users = add_mailboxes(world, "second")
    world.config["poll_interval"] = NEVER
    running = watch(world)
    idling(world, running)
    first, second, teller = running.workers()
    os.kill(first, signal.SIGKILL)
    running.wait_line('worker.killed worker=onboarding signal=Killed')
    idling(world, running, 2)
    wait_announced(world, deliver(world))
    os.kill(teller, signal.SIGKILL)
    running.wait_line("worker.killed worker=notify")
    wait_announced(world, deliver(world, users["second"]))
    workers = running.workers()
    assert second in workers and first not in workers and teller not in workers and len(workers) == 3


@pytest.fixture
def deadly(world):
    """A world with a second mailbox, which works; the first one's worker waits for its server until it is killed."""
    users = add_mailboxes(world, "second")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        world.mailbox["url"] = f"imaps://localhost:{silent.getsockname()[1]}"
        world.others_user = users["second"]
        yield world


def three_workers(running):
    deadline = time.monotonic() + SOON
    while len(running.workers()) < 3:  # asked all the time, so that one does not live long enough to say anything
        assert time.monotonic() < deadline, running.text
    return running.workers()


def kill_first(running, times):
    """Each new worker of the first mailbox, so many times in all."""
    others = set(three_workers(running)[1:])
    for n in range(1, times + 1):
        os.kill((set(three_workers(running)) - others).pop(), signal.SIGKILL)
        running.wait_line("worker.killed worker=onboarding", n)


def test_a_worker_that_keeps_dying_is_told_as_a_failing_mailbox(deadly, watch):
    running = watch(deadly)
    kill_first(running, 2)
    running.wait_line('mailbox.failing mailbox=onboarding error="its process was killed by SIGKILL')
    running.wait_told("STATUS=2 mailboxes, 1 failing")
    wait_announced(deadly, deliver(deadly, deadly.others_user))


@pytest.mark.clock
@pytest.mark.plain
def test_a_worker_that_keeps_dying_does_not_stop_the_watchdog_of_the_others(deadly, watch):
    """Twelve deaths take longer than a quarter of an hour, on a clock that runs 200 times as fast."""
    running = watch(deadly, watchdog_s=30, env=fast_clock(200))
    kill_first(running, 12)
    fed = running.told.count("WATCHDOG=1")
    three_workers(running)
    assert running.told.count("WATCHDOG=1") > fed


def test_when_the_supervisor_is_killed_nothing_of_it_goes_on(world, watch):
    running = watch(world)
    idling(world, running)
    workers = running.workers()
    running.process.kill()
    running.process.wait()
    deadline = time.monotonic() + SOON
    while any(alive(pid) for pid in workers):
        assert time.monotonic() < deadline
    assert world.run("run").status == 0


def test_a_run_beside_a_watch_leaves_in_silence(world, watch):
    running = watch(world)
    idling(world, running)
    result = world.run("run")
    assert (result.status, result.out, result.err) == (0, "", "")


def test_a_watch_waits_for_a_run_that_is_at_work(world, watch):
    world.run("notify")
    with open(f"{world.database}.lock", "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.utime(file.fileno())
        running = watch(world)
        running.wait_line("lock.held")
        assert "READY=1" not in running.told
    running.wait_told("READY=1")
    wait_announced(world, deliver(world))


def test_a_watch_takes_the_lock_of_a_stuck_run_for_what_it_is(world, watch):
    world.run("notify")
    with open(f"{world.database}.lock", "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        stuck = time.time() - 11 * 60
        os.utime(file.fileno(), (stuck, stuck))
        running = watch(world)
        running.process.wait(SOON)
    assert running.process.returncode == 11


# ---- run and ingest with --jobs

@pytest.mark.parametrize("jobs", [[], ["--jobs", "1"], ["--jobs", "2"], ["--jobs", "3"]], ids=" ".join)
@pytest.mark.parametrize("command", ["run", "ingest"])
def test_of_three_mailboxes_one_that_fails_does_not_stop_the_others(world, command, jobs):
    users = add_mailboxes(world, "second", "third")
    world.config["mailboxes"][1]["password_file"] = world.secret("wrong.password", "canary-not-the-password")
    for user in (world.user, users["third"]):
        deliver(world, user)
    result = world.run("-v", command, *jobs)
    assert result.status == 12
    done = {name: [line for line in result.lines if re.search(f" mailbox={name}( |$)", line)]
        for name in ("onboarding", "second", "third")}
    assert any("mailbox.done" in line and "read=1" in line for line in done["onboarding"])
    assert any("mailbox.done" in line and "read=1" in line for line in done["third"])
    assert len(done["second"]) == 1 and "mailbox.failing" in done["second"][0]
    assert world.count("mail", "fate = 'read'") == 2


def test_no_more_mailboxes_than_jobs_are_worked_on_at_once(world):
    """Servers that never answer: with two jobs two connections come, and no third while they stand."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        world.mailbox["url"] = f"imaps://localhost:{server.getsockname()[1]}"
        for name in ("second", "third"):
            world.config["mailboxes"].append({**world.mailbox, "name": name})
        process = world.start("run", "--jobs", "2")
        waiting = [server.accept()[0] for _ in range(2)]
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
        assert len(children.read_text().split()) == 2
        waiting.pop().close()  # one has failed: the third takes its place
        waiting.append(server.accept()[0])
        assert len(children.read_text().split()) == 2
        process.terminate()
        process.communicate(timeout=30)
        for connection in waiting:
            connection.close()
    assert process.returncode == 75


@pytest.mark.parametrize("args", [["--jobs"], ["--jobs", "0"], ["--jobs", "65"], ["--jobs", "x"], ["--jobs", ""],
    ["now"], ["--fast"]], ids=" ".join)
@pytest.mark.parametrize("command", ["run", "ingest"])
def test_wrong_jobs_are_a_wrong_call(world, command, args):
    result = world.run(command, *args)
    assert result.status == 2 and "usage:" in result.err and len(result.lines) == 2
    assert world.dovecot.commands(world.user) == []


@pytest.mark.parametrize("value", ["0s", "500h", "2h", "soon"])
@pytest.mark.parametrize("where", ["all", "mailbox"])
def test_a_poll_interval_out_of_bounds_is_a_wrong_configuration(world, value, where):
    (world.config if where == "all" else world.mailbox)["poll_interval"] = value
    result = world.run("check")
    assert result.status == 14 and "poll_interval" in result.err
