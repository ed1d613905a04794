"""No secret is in a line of diagnostics, an argument, an environment, the database, or with a peer it is not meant for."""
import base64
import pathlib
import re
import resource

import pytest

from servers import management, web
from servers.world import approval_mail


@pytest.fixture
def busy(world):
    """A world with work of every kind."""
    world.config["endpoints"].append({"name": "chat", "webhook_file": world.secret("chat.url",
        f"{world.receiver.url}/canary-secret-path/hook"), "secret_file": world.secret("chat.secret", world.webhook_secret)})
    world.config["routes"].append({"events": ["approval.*"], "to": ["chat"]})
    world.secret_path = "canary-secret-path"
    world.know("123456", "987654325")
    world.deliver(approval_mail("123456"))
    world.deliver(approval_mail("654321", proven=False))
    return world


def leaks(world, text):
    text = text.encode() if isinstance(text, str) else text
    return [canary for canary in [*world.canaries(), world.secret_path] if canary.encode() in text]


def kept(world):
    return b"".join(path.read_bytes() for path in world.database.parent.glob(world.database.name + "*"))


def test_not_in_diagnostics_results_or_the_database(busy):
    world = busy
    first = world.run("-vv", "run")
    assert len(world.received("approval.confirmed")) == 2 and world.api.tokens
    assert first.err.count("\n") > 5 and leaks(world, first.err + first.out) == []
    for command in (["check"], ["log"], ["log", "--format", "json"], ["verify"], ["show", "mail_1"],
            ["show", world.log()[0]["id"]], ["show", "dlv_1"]):
        shown = world.run("-vv", *command)
        assert leaks(world, shown.out + shown.err) == [], command
    assert leaks(world, kept(world)) == []


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_CORE)[1] == 0, reason="nothing dumps core here")
def test_not_in_a_core_file(busy):
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    process = busy.start("watch", before=["/usr/bin/prlimit", f"--core={'unlimited' if hard == -1 else hard}"])
    try:
        assert any("watch.started" in line for line in process.stderr)
        limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
        assert re.search(r"^Max core file size +0 +0 ", limits, re.M), limits
    finally:
        process.terminate()
        process.communicate()


@pytest.mark.parametrize("part", ["api", "receiver", "smtp", "imap"])
def test_not_when_a_server_fails_and_quotes_it(busy, part):
    """Servers that answer with the very secrets that they got."""
    world = busy
    parrot = web.status(500, " ".join(world.canaries()).encode(), "application/json",
        [("X-Echo", world.api.client_secret), ("Retry-After", world.api.subscription_key)])
    if part == "api":
        world.api.fault = parrot
    elif part == "receiver":
        world.receiver.fault = parrot
    elif part == "smtp":
        world.smtp.refuse = {"AUTH": "535 no", "RCPT": f"550 {world.smtp.password}"}
    else:
        world.mailbox["password_file"] = world.secret("other.password", "canary-other-password")
    result = world.run("-vv", "run")
    assert leaks(world, result.err + result.out) == [] and "canary" not in result.err
    assert leaks(world, kept(world)) == []


def _quotes(*forms):
    """A refusal with what the client sent in it, decoded and not."""
    def twist(session, good):
        sent = session.line.rpartition(b" ")[2]
        *before, last = [form % {b"sent": sent, b"plain": base64.b64decode(sent).split(b"\0")[-1]} + b"\r\n" for form in forms]
        return [*before, session.tag + b" " + last]
    return twist


@pytest.mark.parametrize("forms", [(b"NO [UNAVAILABLE] not %(sent)s", ), (b"NO [UNAVAILABLE] not %(plain)s", ),
    (b"* OK [ALERT] who is %(plain)s?", b"NO no"), (b"* OK [ALERT] AUTHENTICATE PLAIN %(sent)s", b"BAD no")], ids=str)
def test_not_when_a_mail_server_quotes_the_login(hostile, forms):
    hostile.imap.twists["AUTHENTICATE"] = _quotes(*forms)
    result = hostile.run("-vv", "run")
    sent = base64.b64encode(f"\0{hostile.user}\0{hostile.imap.password}".encode()).decode()
    assert "mailbox.failing" in result.err
    for text in (result.err, kept(hostile).decode("latin-1")):
        assert hostile.imap.password not in text and sent not in text


def test_not_when_the_token_is_refused(busy):
    busy.api.token_fault = management.GATEWAY_401
    result = busy.run("-vv", "run")
    assert leaks(busy, result.err + result.out) == [] and leaks(busy, kept(busy)) == []


@pytest.mark.plain
def test_not_in_arguments_or_environments_and_children_inherit_no_environment(busy, tmp_path):
    world = busy
    trace = tmp_path / "trace"
    world.run("run", before=["strace", "-f", "-v", "-s", "100000", "-qq", "-e", "trace=execve", "-e", "signal=none",
        "-o", str(trace)])
    calls = [line for line in trace.read_text().splitlines() if "execve(" in line and "= 0" in line]
    children = [line for line in calls if "approvals-reader" in line.partition("[")[0]]
    assert len(calls) == len(children) + 1 and len(children) >= 2
    assert leaks(world, trace.read_text()) == []
    assert all(re.search(r'\], \[("LC_ALL=C\.UTF-8")?\]\)', line) for line in children)


def test_each_peer_gets_its_own_secret_only(busy):
    world = busy
    world.run("run")
    received = "\n".join(f"{d.path} {d.headers} {d.body.decode()}" for d in world.receiver.got).replace(
        world.secret_path, "")
    mailed = b"".join(mail.raw for mail in world.smtp.mails)
    commands = "\n".join(world.dovecot.commands(world.user, names_only=False))
    assert received and mailed and commands
    for seen in (received, mailed, commands):
        assert leaks(world, seen) == []


def test_the_database_is_its_owners_alone(busy):
    busy.run("run")
    for path in busy.database.parent.glob(busy.database.name + "*"):
        assert path.stat().st_mode & 0o077 == 0, path
