"""Exit statuses, the lock, and what is printed where (DESIGN of the command line: approvals(1))."""
import fcntl
import json
import os
import pty
import re
import signal
import socket
import sqlite3
import subprocess
import time

import pytest

from servers.world import PROGRAM, ROOT, approval_mail

LINE = re.compile(r'^(debug|info|warn|error) [a-z]+\.[a-z-]+( [a-z_]+=("([^"\\]|\\.)*"|[A-Za-z0-9_.:@/+-]*))*$')


@pytest.fixture
def held_lock(world):
    """Another process holds the lock of this world's database."""
    world.run("notify")
    file = open(f"{world.database}.lock", "r+b")
    fcntl.flock(file, fcntl.LOCK_EX)
    yield file
    file.close()


@pytest.mark.parametrize("command", ["run", "ingest", "enrich", "notify"])
def test_while_another_run_works_it_leaves_in_silence(world, held_lock, command):
    os.utime(held_lock.fileno())
    result = world.run(command)
    assert (result.status, result.out, result.err) == (0, "", "")
    assert world.dovecot.commands(world.user) == []


def test_a_run_that_makes_no_progress_for_ten_minutes_is_status_11_and_one_line(world, held_lock):
    stuck = time.time() - 11 * 60
    os.utime(held_lock.fileno(), (stuck, stuck))
    result = world.run("run")
    assert result.status == 11 and len(result.lines) == 1


def test_looking_needs_no_lock(world, held_lock):
    assert world.run("log").status == 0 and world.run("verify").status == 0


def test_the_lock_is_free_again_after_a_run(world):
    world.run("run")
    with open(f"{world.database}.lock", "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def has_ended(pid):
    try:
        return open(f"/proc/{pid}/stat", encoding="ascii").read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_until(what, seconds=30):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline


@pytest.fixture
def two_silent_mailboxes(world):
    """A run whose two workers wait for a server that never says a word, and their pids."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        world.mailbox["url"] = f"imaps://localhost:{server.getsockname()[1]}"
        world.config["mailboxes"].append({**world.mailbox, "name": "second"})
        process = world.start("run")
        children = f"/proc/{process.pid}/task/{process.pid}/children"
        waiting = [server.accept()[0], server.accept()[0]]
        pids = [int(pid) for pid in open(children, encoding="ascii").read().split()]
        assert len(pids) == 2
        yield process, pids
        process.kill()
        process.communicate()
        for connection in waiting:
            connection.close()


def test_a_stop_reaches_every_worker_at_once(two_silent_mailboxes):
    process, (first, second) = two_silent_mailboxes
    os.kill(first, signal.SIGSTOP)
    process.terminate()
    wait_until(lambda: has_ended(second), 5)
    os.kill(first, signal.SIGCONT)
    process.communicate(timeout=30)
    assert process.returncode == 75


def test_a_worker_that_is_killed_is_a_defect_and_one_line(two_silent_mailboxes):
    process, (first, second) = two_silent_mailboxes
    os.kill(first, signal.SIGKILL)
    os.kill(second, signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "worker.killed mailbox=onboarding signal=Killed" in err


def has_open(pid, path):
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            if os.readlink(f"/proc/{pid}/fd/{fd}") == str(path):
                return True
        except FileNotFoundError:  # closed meanwhile
            pass
    return False


def test_looking_ends_at_once_at_a_signal(world):
    """It has nothing to finish: verify over years of events must not have to be killed."""
    world.run("notify")
    db = sqlite3.connect(world.database, isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")  # verify waits
    process = world.start("verify")
    wait_until(lambda: has_open(process.pid, world.database.resolve()))
    process.terminate()
    process.communicate(timeout=3)
    db.close()
    assert process.returncode == -signal.SIGTERM


def test_a_folder_that_is_not_there_is_status_10_and_one_line_that_says_what_to_do(world):
    world.config["database"] = str(world.dir / "nowhere" / "approvals.db")
    result = world.run("run")
    assert result.status == 10 and len(result.lines) == 1
    assert result.err.startswith("error database.failed") and "make its folder" in result.err


@pytest.mark.skipif(os.getuid() != 0, reason="only root is told")
def test_check_by_root_does_not_say_that_another_account_can_write(world):
    """Root can write anywhere: access(2) says yes, whoever will run it."""
    os.chown(world.dir, 65534, -1)
    result = world.run("check")
    assert result.status == 0 and result.err == ""
    assert "checked as root" in result.out and f"into {world.dir}/ (of nobody) is not known" in result.out


def test_a_quiet_pass_prints_nothing_at_all(world):
    world.know("123456", "987654325")
    world.deliver(approval_mail("123456"))
    for _ in range(2):
        result = world.run("run")
        assert (result.status, result.out, result.err) == (0, "", "")


def test_diagnostics_are_lines_of_keys_and_values_on_stderr(world):
    world.know("123456", "987654325")
    world.deliver(approval_mail("123456", merchant='Kaffe "Æ" AS', unit="x=1"))
    world.deliver(approval_mail("111111", subject="approved\u001b[31m \u202e"))
    result = world.run("-vv", "run")
    assert result.out == "" and len(result.lines) > 3
    for line in result.lines:
        assert LINE.match(line), line
        assert "Kaffe" not in line and "987654325" not in line  # merchants by internal id only


def test_text_from_mail_is_harmless_on_a_terminal(world):
    world.config["management_api"], world.config["without_api"] = "none", "confirm"
    world.deliver(approval_mail("123456", merchant="Evil \u001b]0;x\u0007 \u202e AS"))
    world.run("run")
    for command in (["log"], ["show", "clm_1"], ["show", "mail_1"]):
        out = world.run(*command).out
        assert out and not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", out)


@pytest.mark.parametrize("form", ["table", "json", "ndjson", "csv"])
def test_text_from_mail_is_harmless_on_a_terminal_in_every_format(world, form):
    world.deliver(approval_mail("123456", proven=False, merchant="Fjord\u202eKaffe\u0085 AS"))
    world.run("run")
    db = sqlite3.connect(world.database)  # whatever the reader took out of it
    db.execute("UPDATE claim SET merchant_name = ?", ("Fjord\u202eKaffe\u009b31m AS",))
    db.commit()
    db.close()
    ours, theirs = pty.openpty()
    process = subprocess.Popen(world.command("log", "--format", form), stdout=theirs, env=world.environment())
    process.wait(30)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert "Fjord" in shown and not re.search("[\x80-\x9f\u202a-\u202e]", shown)


def test_help_names_the_commands_and_only_those_that_work(world):
    result = world.run("--help")
    assert result.status == 0 and result.err == ""
    named = re.findall(r"^  ([a-z]+) ", result.out, re.M)
    assert set(named) == {"run", "watch", "ingest", "enrich", "notify", "import", "log", "show", "mail", "review",
        "reconcile", "rules",
        "oauth", "check", "verify"}
    assert world.run("--version").out.startswith("approvals ")


@pytest.mark.parametrize("args", [[], ["fly"], ["run", "now"], ["log", "--colour"], ["log", "--state", "odd"],
    ["log", "--since", "soon"], ["log", "--limit", "0"], ["log", "--format", "xml"], ["show"], ["--fast", "run"],
    ["rules"], ["rules", "fly"], ["verify", "it"]], ids=" ".join)
def test_a_wrong_call_is_status_2_and_says_what_is_right(world, args):
    world.run("notify")
    result = world.run(*args)
    assert result.status == 2 and result.out == "" and result.err


# ---- configuration

def test_check_says_that_all_is_well(world):
    result = world.run("check")
    assert result.status == 0 and result.err == "" and "1 mailbox, 3 endpoints" in result.out


def broken(world, change):
    """Status and lines of `check` after a change to the configuration."""
    change(world.config)
    result = world.run("check")
    assert result.out == ""
    return result


WRONG = {
    "an unknown key": (lambda c: c.update(databse="x"), "databse"),
    "an unknown key of a mailbox": (lambda c: c["mailboxes"][0].update(passwort_file="x"), "passwort_file"),
    "no mailboxes": (lambda c: c.update(mailboxes=[]), "mailboxes"),
    "an unencrypted webhook": (lambda c: c["endpoints"][0].update(webhook="http://crm.example.com/x"), "webhook"),
    "an unencrypted SMTP server without STARTTLS": (lambda c: c["smtp"].update(url="plain://smtp.example.com"), "smtp"),
    "an inline secret": (lambda c: c["mailboxes"][0].update(password="x"), "password"),
    "a route to nobody": (lambda c: c["routes"][0].update(to=["nobody"]), "nobody"),
    "an unknown event": (lambda c: c["routes"][0].update(events=["approvals.confirmed"]), "approvals.confirmed"),
    "nobody for urgent events": (lambda c: c["routes"].pop(2), "urgent"),
    "a bad address": (lambda c: c["endpoints"][1].update(email=["a@example.com\r\nRCPT TO:<x@example.com>"]), "email"),
    "rules that are not there": (lambda c: c.update(rules=["/nowhere/rules.yaml"]), "rules.yaml"),
    "no authserv to believe": (lambda c: (c["mailboxes"][0].update(authserv=None),
        c["sender"].update(accept=["authentication-results"])), "authserv"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_configuration_is_status_14_and_says_what_and_where(world, name):
    change, word = WRONG[name]
    result = broken(world, change)
    assert result.status == 14 and word in result.err


def test_all_errors_are_told_at_once_with_their_places(world):
    def change(config):
        config["databse"] = "x"
        config["mailboxes"][0]["foldres"] = []
        config["routes"][0]["to"] = ["nobody"]
    result = broken(world, change)
    places = re.findall(r"approvals\.yaml:(\d+):(\d+): ", result.err)
    assert result.status == 14 and len(places) == 3
    text = world.configuration.read_text().splitlines()
    wrong = [text[int(line) - 1] for line, _ in places]
    assert sum("databse" in line for line in wrong) == sum("foldres" in line for line in wrong) == 1


def test_a_run_with_a_wrong_configuration_does_nothing(world):
    world.config["databse"] = "x"
    result = world.run("run")
    assert result.status == 14 and not world.database.exists()


@pytest.mark.parametrize("name", ["imap.password", "api.secret", "smtp.password", "crm.secret"])
def test_a_secret_that_others_can_read_is_refused(world, name):
    (world.dir / name).chmod(0o640)
    result = world.run("check")
    assert result.status == 14 and name in result.err and "canary" not in result.err


def test_a_configuration_that_others_can_write_is_refused(world):
    command = world.command("check")
    world.configuration.chmod(0o620)
    done = subprocess.run(command, env=world.environment(), capture_output=True, text=True)
    assert done.returncode == 14 and str(world.configuration) in done.stderr


def test_the_sample_configuration_is_right_but_for_its_secrets(world, tmp_path):
    """Read as it is shipped: every complaint is about a file that is not on this machine."""
    done = subprocess.run([str(PROGRAM), "-c", str(ROOT / "samples" / "approvals.yaml"), "check"],
        env=world.environment(), capture_output=True, text=True)
    assert not re.search(r"approvals\.yaml:\d+:\d+:", done.stderr), done.stderr


def test_a_database_of_something_else_is_status_10_and_is_not_touched(world):
    world.database.write_bytes(b"This is not SQLite. " * 500)
    result = world.run("run")
    assert result.status == 10 and len(result.lines) == 1
    assert world.database.read_bytes() == b"This is not SQLite. " * 500


def test_a_newer_database_is_status_10_and_is_not_touched(world):
    world.run("notify")
    db = sqlite3.connect(world.database)
    db.execute("PRAGMA user_version = 999")
    db.commit()
    db.close()
    before = world.database.read_bytes()
    result = world.run("run")
    assert result.status == 10 and len(result.lines) == 1 and world.database.read_bytes() == before


def test_json_keys_are_never_left_out(world):
    world.deliver(approval_mail("123456", proven=False))
    world.know("222222", "987654325")
    world.deliver(approval_mail("222222"))
    world.run("run")
    approval, = world.log("--state", "confirmed")
    claim, = world.log("--state", "held")
    keys = ["id", "state", "confirmed_by", "org_scheme", "org_number", "country", "merchant_name", "msn", "sales_unit_name",
        "received_at", "confirmed_at", "mailbox", "found_in_junk", "message_id", "sender", "merchant", "sales_unit", "reasons"]
    assert list(approval) == keys
    assert set(claim) == {*keys, "reasons", "evidence", "api"}
    assert claim["confirmed_at"] is None and claim["merchant"] is None
    assert json.loads(json.dumps(claim)) == claim
