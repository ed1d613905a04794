"""Logging in by OAuth 2.0 tokens, and what happens when a login is refused."""
import json
import os
import pathlib
import re
import subprocess
import time
import urllib.request

import pytest

from servers import dovecot as imap
from servers import oauth as tokens
from servers import web
from servers.world import approval_mail


@pytest.fixture(scope="module")
def oauth_server(certificate):
    with tokens.OAuth(certificate) as server:
        yield server


@pytest.fixture(scope="module")
def oauth_dovecot(ca, certificate, oauth_server):
    with imap.Dovecot(certificate, mechanisms="xoauth2 oauthbearer", oauth=oauth_server.url, ca=ca.file) as server:
        yield server


@pytest.fixture
def oauth(certificate, oauth_dovecot, oauth_server):
    """The server, as new; what it was asked broke no rule."""
    port, server = oauth_server.port, oauth_server._server
    fresh = tokens.OAuth(certificate).__dict__
    oauth_server.__dict__.update({key: value for key, value in fresh.items()
        if key not in ("port", "_server", "lock", "stopping")})
    assert oauth_server.port == port and oauth_server._server is server
    yield oauth_server
    assert oauth_server.violations == []


@pytest.fixture
def world(make_world, oauth, oauth_dovecot):
    """A world whose mailbox is logged in to by client credentials."""
    world = make_world()
    world.dovecot, world.oauth = oauth_dovecot, oauth
    oauth.user = world.user
    oauth_dovecot.add_user(world.user)
    del world.mailbox["password_file"]
    world.mailbox["url"] = oauth_dovecot.url
    world.mailbox["oauth2"] = {"token_url": oauth.token_url, "client_id": oauth.client_id, "scope": oauth.scope,
        "client_secret_file": world.secret("client.secret", oauth.client_secret)}
    return world


def by_refresh_token(world, secret=True):
    """Changes the mailbox to a refresh token in a file, whose path it answers."""
    path = pathlib.Path(world.secret("refresh.token", world.oauth.refresh_token()))
    world.mailbox["oauth2"]["refresh_token_file"] = str(path)
    if not secret:
        del world.mailbox["oauth2"]["client_secret_file"]
        world.oauth.public = True
    return path


def cache(world):
    return pathlib.Path(f"{world.database}.token-onboarding")


def ingested(world, *args, **options):
    """A pass that must work, in silence."""
    result = world.run("ingest", *args, **options)
    assert (result.status, result.err) == (0, ""), result
    return result


# ---- tokens

@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer", "xoauth2 oauthbearer"])
def test_a_token_by_client_credentials_logs_in_with_what_the_server_offers(world, ca, certificate, mechanism):
    with imap.Dovecot(certificate, mechanisms=mechanism, oauth=world.oauth.url, ca=ca.file) as server:
        server.add_user(world.user)
        server.deliver(world.user, approval_mail("123456"))
        world.mailbox["url"] = server.url
        ingested(world)
    assert world.count("claim") == 1
    assert world.oauth.grants == ["client_credentials"]


def test_a_token_is_kept_for_its_life_between_runs(world):
    for _ in range(3):
        ingested(world)
    assert world.oauth.grants == ["client_credentials"]
    assert cache(world).stat().st_mode & 0o777 == 0o600
    ingested(world, at=time.time() + 3600 - 400)  # it has a margin
    assert len(world.oauth.grants) == 1
    ingested(world, at=time.time() + 3600 - 200)
    assert len(world.oauth.grants) == 2


def test_a_kept_token_that_was_revoked_is_replaced_once_in_the_same_pass(world):
    ingested(world)
    world.oauth.revoke()
    ingested(world)
    assert len(world.oauth.grants) == 2 and world.events("mailbox.failing") == []


@pytest.mark.parametrize("how", ["damaged", "readable", "of-another-client"])
def test_a_kept_token_that_cannot_be_trusted_is_told_once_and_replaced(world, how):
    ingested(world)
    if how == "damaged":
        cache(world).write_text('{"for": "x"')
    elif how == "readable":
        cache(world).chmod(0o644)
    else:
        world.mailbox["oauth2"]["client_secret_file"] = world.secret("other.secret", world.oauth.client_secret)
    result = world.run("ingest")
    assert result.status == 0 and len(world.oauth.grants) == 2
    assert [line.split()[1] for line in result.lines] == ([] if how == "of-another-client" else ["token.dropped"])
    assert cache(world).stat().st_mode & 0o777 == 0o600
    ingested(world)
    assert len(world.oauth.grants) == 2


def test_without_a_lifetime_a_token_is_not_kept(world):
    world.oauth.expires_in = None
    ingested(world)
    ingested(world)
    assert len(world.oauth.grants) == 2 and not cache(world).exists()


# ---- refresh tokens

@pytest.mark.parametrize("secret", [True, False], ids=["with-client-secret", "public-client"])
def test_a_rotated_refresh_token_is_saved_and_used_next(world, secret):
    path = by_refresh_token(world, secret)
    first = path.read_text()
    ingested(world)
    second = path.read_text()
    assert second != first and path.stat().st_mode & 0o777 == 0o600
    cache(world).unlink()
    ingested(world)
    assert path.read_text() not in (first, second)
    assert world.oauth.grants == ["refresh_token"] * 2
    assert [other.name for other in path.parent.glob("refresh.token*")] == ["refresh.token"]


def test_mailboxes_that_share_a_rotating_refresh_token_each_keep_their_own_access_token(world):
    by_refresh_token(world)
    world.config["mailboxes"].append({**world.mailbox, "name": "other"})
    for _ in range(3):
        ingested(world)
    assert world.oauth.grants == ["refresh_token"] * 2


def test_a_refresh_token_that_the_server_keeps_is_left_alone(world):
    path = by_refresh_token(world)
    world.oauth.rotate = False
    before = path.stat()
    ingested(world)
    assert path.stat().st_mtime_ns == before.st_mtime_ns and path.stat().st_ino == before.st_ino


@pytest.mark.skipif(os.getuid() == 0 and not os.path.exists("/usr/bin/chattr"), reason="root writes anywhere")
def test_a_refresh_token_that_could_not_be_saved_is_not_given_up(world):
    """The folder is a place where nothing can be made: the server is not even asked."""
    token = world.oauth.refresh_token()
    path = pathlib.Path("/proc/self/fdinfo/refresh.token")  # a folder that nobody can write, root neither
    by_refresh_token(world)
    world.mailbox["oauth2"]["refresh_token_file"] = str(path)
    result = world.run("ingest")
    assert result.status == 14 and "refresh_token_file" in result.err, result
    assert world.oauth.grants == [] and token in world.oauth.refreshable


def test_two_mailboxes_of_one_account_do_not_use_up_each_others_refresh_token(world):
    by_refresh_token(world)
    world.config["mailboxes"] = [dict(world.mailbox, name=f"box-{i}") for i in range(4)]
    ingested(world)
    assert world.oauth.grants == ["refresh_token"] * 4


@pytest.mark.plain
@pytest.mark.parametrize("which", ["the-refresh-token", "the-kept-token"])
def test_a_kill_while_a_token_is_saved_loses_no_refresh_token(world, which):
    """Killed at the rename of the first or second file: a server that takes a token once only is still content."""
    path = by_refresh_token(world)
    when = {"the-refresh-token": 1, "the-kept-token": 2}[which]
    killed = world.run("ingest", before=["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=rename", "-e",
        f"inject=rename:signal=SIGKILL:when={when}"])
    assert "worker.killed" in killed.err and world.oauth.grants == ["refresh_token"], killed
    assert not cache(world).exists()
    ingested(world)
    assert world.oauth.grants == ["refresh_token"] * 2 and path.read_text().strip() in world.oauth.refreshable
    assert sorted(world.dir.glob("*.new")) == []


# ---- a command

COMMAND = """#!/usr/bin/python3
import json, os, sys
json.dump({"argv": sys.argv[1:], "env": dict(os.environ), "fds": len(os.listdir("/proc/self/fd")),
    "stdin": sys.stdin.read()}, open(sys.argv[1], "w"))
sys.stderr.write("canary-on-stderr")
print(open(sys.argv[2]).read())
"""


def by_command(world, text, script=COMMAND):
    program, said = world.dir / "token-command", world.dir / "said.json"
    program.write_text(script)
    program.chmod(0o700)
    (world.dir / "token").write_text(text)
    world.mailbox["oauth2"] = {"token_command": [str(program), str(said), str(world.dir / "token"), "$(id); x"]}
    return said


def given(world):
    """An access token that the server knows, as a command may have got it."""
    token = "canary-access-by-command"
    world.oauth.good.add(token)
    world.oauth.issued.append(token)
    return token


@pytest.mark.parametrize("form", ["plain", "json"])
def test_a_command_gives_tokens_and_gets_no_shell_no_file_and_a_clean_environment(world, form):
    token = given(world)
    said = by_command(world, f"\n {token} \n" if form == "plain" else
        json.dumps({"access_token": token, "expires_in": 3600}))
    ingested(world)
    seen = json.loads(said.read_text())
    assert seen["argv"][2] == "$(id); x" and seen["stdin"] == ""
    assert set(seen["env"]) - {"LC_CTYPE"} == {"PATH", "HOME", "LC_ALL"} and seen["fds"] <= 4 + 1
    said.unlink()
    ingested(world)
    assert said.exists() == (form == "plain")  # only a token whose life is known is kept


@pytest.mark.parametrize("script, says", [
    ("#!/bin/sh\nexit 3\n", "failed (exit status 3)"),
    ("#!/bin/sh\necho two words\n", "prints neither a token nor JSON"),
    ("#!/bin/sh\nexec /usr/bin/yes\n", "prints more than 16384 bytes"),
    ("#!/bin/sh\nkill -9 $$\n", "was killed by signal 9"),
    ("#!/nowhere\n", "cannot be started"),
], ids=["fails", "garbage", "endless", "killed", "no-interpreter"])
def test_a_command_that_goes_wrong_is_told_and_costs_no_mail(world, script, says):
    by_command(world, given(world), script)
    world.dovecot.deliver(world.user, approval_mail("123456"))
    result = world.run("ingest")
    assert says in result.err and result.status in (0, 14) and "canary" not in result.err, result
    by_command(world, given(world))
    result = world.run("ingest")
    assert (result.status, world.count("claim")) == (0, 1) and "mailbox.recovered" in result.err
    # a process group of its own: nothing of it is left
    left = subprocess.run(["pgrep", "-f", str(world.dir / "token-command")], capture_output=True, text=True)
    assert left.stdout == ""


# ---- what is refused, and how often it is tried

@pytest.mark.parametrize("what, says", [
    ("secret", "invalid_client, AADSTS7000215: the client secret is wrong"),
    ("client", "unauthorized_client, AADSTS700016: there is no such application"),
    ("scope", "invalid_scope, AADSTS70011: the scope is wrong"),
    ("refresh", "invalid_grant: the refresh token or code is expired, revoked"),
    ("token", "the server refused the token: check user"),
    ("rotated", "the server refused the token: check user"),  # our own replacing of the file is no person's
])
@pytest.mark.clock
def test_a_refused_login_is_told_once_tried_three_times_then_hourly_and_recovers(world, what, says):
    good = dict(world.mailbox["oauth2"])
    if what == "secret":
        world.mailbox["oauth2"]["client_secret_file"] = world.secret("wrong.secret", "canary-wrong")
    elif what == "client":
        world.mailbox["oauth2"]["client_id"] = "somebody"
    elif what == "scope":
        world.mailbox["oauth2"]["scope"] = "other"
    elif what == "refresh":
        by_refresh_token(world)
        world.oauth.refreshable.clear()
    else:
        if what == "rotated":
            by_refresh_token(world)
        world.oauth.user = "another"
    now = int(time.time())
    tried, told = [], []
    for minute in [0, 1, 2, 3, 4, 30, 61, 63, 64, 122, 124, 125, 200]:
        before = len(world.oauth.grants) + len(world.oauth.introspected)
        result = world.run("run", at=now + 60 * minute)
        assert result.status == 12, result
        tried.append(len(world.oauth.grants) + len(world.oauth.introspected) > before)
        told += result.lines
    assert tried == [True] * 3 + [False] * 4 + [True] + [False] * 2 + [True, False, True]
    assert len(told) == 1 and says in told[0], told
    assert len(world.received("mailbox.failing")) == 1 and says in world.received("mailbox.failing")[0]["data"]["error"]
    world.mailbox["oauth2"], world.oauth.user = good, world.user
    result = world.run("run", at=now + 60 * 270)
    assert result.status == 0 and [line.split()[1] for line in result.lines] == ["mailbox.recovered"]
    assert len(world.events("mailbox.recovered")) == 1 and world.count("refusal") == 0


@pytest.mark.parametrize("file", ["password_file", "client_secret_file", "refresh_token_file", "configuration"])
def test_what_a_person_changed_is_tried_at_once(world, dovecot, file):
    if file in ("password_file", "configuration"):
        del world.mailbox["oauth2"]
        world.dovecot, world.mailbox["url"] = dovecot, dovecot.url
        world.mailbox["password_file"] = world.secret("imap.password", "canary-wrong-one")
    elif file == "client_secret_file":
        world.secret("client.secret", "canary-wrong-one")
    else:
        by_refresh_token(world)
        world.oauth.refreshable.clear()
    for _ in range(4):
        assert world.run("ingest").status == 12
    if file == "password_file":
        world.secret("imap.password", dovecot.password)
    elif file == "configuration":
        world.mailbox["password_file"] = world.secret("right.password", dovecot.password)
    elif file == "client_secret_file":
        world.secret("client.secret", world.oauth.client_secret)
    else:
        world.secret("refresh.token", world.oauth.refresh_token())
    result = world.run("ingest")
    assert result.status == 0 and "mailbox.recovered" in result.err, result


def test_a_changed_secret_that_is_refused_too_has_three_tries_of_its_own(world):
    tries = []
    for name in ("one", "two"):
        world.secret("client.secret", f"canary-wrong-{name}")
        before = len(world.oauth.grants)
        for _ in range(5):
            assert world.run("ingest").status == 12
        tries.append(len(world.oauth.grants) - before)
    assert tries == [3, 3]


@pytest.mark.parametrize("where, fault", [
    ("token", web.status(503, b'{"error": "temporarily_unavailable"}')),
    ("token", web.status(400, b'{"error": "invalid_request", "error_description": "AADSTS90033: x"}')),
    ("token", web.status(429, b"<html>slow down</html>", "text/html")),
    ("token", web.status(200, b"<html>maintenance</html>", "text/html")),
    ("token", web.close),
    ("introspection", web.status(500, b"")),
], ids=["busy", "microsoft-transient", "limit", "html", "closed", "imap-unavailable"])
def test_a_server_that_cannot_say_now_has_not_refused(world, where, fault):
    """However often: it is tried in each pass, and no login is called refused. Dovecot answers [UNAVAILABLE]."""
    if where == "token":
        world.oauth.fault = fault
    else:
        world.oauth.introspect_fault = fault
    for _ in range(5):
        assert world.run("ingest").status == 0
    assert world.events("mailbox.failing") == [] and world.count("refusal") == 0
    assert len(world.oauth.grants) >= (5 if where == "token" else 1)
    world.oauth.fault = world.oauth.introspect_fault = None
    assert world.run("ingest").status == 0


def test_a_server_without_oauth_is_told_so(world, dovecot):
    world.mailbox["url"] = dovecot.url
    result = world.run("ingest")
    assert "offers no login by OAUTHBEARER or XOAUTH2" in result.err and result.status == 0


# ---- oauth login

def sign_in(world, answer=lambda location: location, ca=None):
    """Runs `oauth login` with a browser: answer() makes what is pasted of where the browser was sent."""
    process = subprocess.Popen(world.command("oauth", "login", "onboarding"), env=world.environment(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        lines = []
        while not lines or not lines[-1].startswith("It then leads to"):
            lines.append(process.stdout.readline())
            assert lines[-1], process.stderr.read()
        url = next(line.strip() for line in lines if line.startswith("https://"))
        out, err = process.communicate(answer(browse(world, url)) + "\n", timeout=60)
    finally:
        process.kill()
        process.wait()
    return process.returncode, "".join(lines) + out, err


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


def browse(world, url):
    import ssl
    opener = urllib.request.build_opener(Stay, urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=world.ca.file)))
    try:
        opener.open(url)
    except urllib.error.HTTPError as e:
        assert e.code == 302
        return e.headers["Location"]
    raise AssertionError("no redirect")


@pytest.fixture
def signing(world):
    world.mailbox["oauth2"].update(auth_url=world.oauth.auth_url, refresh_token_file=str(world.dir / "refresh.token"))
    return world


@pytest.mark.parametrize("paste", ["address", "code"])
def test_signing_in_gets_the_first_refresh_token(signing, paste):
    world = signing
    result = world.run("check")
    assert result.status == 14 and "approvals oauth login onboarding" in result.err
    code = (lambda location: re.search("code=([^&]*)", location)[1].replace("%2F", "/").replace("%2B", "+"))
    status, out, err = sign_in(world, code if paste == "code" else lambda location: f"  {location} \r")
    assert (status, err) == (0, ""), err
    path = world.dir / "refresh.token"
    assert path.stat().st_mode & 0o777 == 0o600 and path.read_text().strip() in world.oauth.refreshable
    assert "canary" not in out
    ingested(world)
    assert world.oauth.grants == ["authorization_code", "refresh_token"]


@pytest.mark.parametrize("answer, says", [
    (lambda location: re.sub("state=[^&]*", "state=AAAAAAAAAAAAAAAAAAAAAA", location), "not the answer to this question"),
    (lambda location: re.sub("&?state=[^&]*", "", location), "not the answer to this question"),
    (lambda location: re.sub("code=[^&]*", "code=other", location), "invalid_grant"),
    (lambda location: re.sub("code=[^&]*", "error=access_denied&error_description=AADSTS65001%3A+x", location),
        "access_denied, AADSTS65001: the application has no consent"),
    (lambda location: location + "&code=two", "no address of a sign-in"),
    (lambda location: "http://localhost/", "not the answer to this question"),
    (lambda location: "", "nothing was pasted"),
    (lambda location: "x" * 9000, "longer than"),
], ids=["another-state", "no-state", "another-code", "denied", "two-codes", "bare", "empty", "long"])
def test_signing_in_takes_nothing_but_the_answer_to_its_own_question(signing, answer, says):
    (signing.dir / "refresh.token").write_text("old\n")
    status, out, err = sign_in(signing, answer)
    assert status in (3, 12) and says in err and "canary" not in err, (status, err)
    assert (signing.dir / "refresh.token").read_text() == "old\n"


def test_signing_in_without_a_refresh_token_in_the_end_says_what_to_change(signing):
    signing.mailbox["oauth2"]["auth_url"] = f"{signing.oauth.url}/authorize"
    status, out, err = sign_in(signing)
    assert status == 3 and "offline_access" in err and "access_type=offline" in err
    assert not (signing.dir / "refresh.token").exists()


# ---- secrets

def test_no_token_is_seen_anywhere_but_in_its_own_file(signing):
    world = signing
    assert sign_in(world)[0] == 0
    world.dovecot.deliver(world.user, approval_mail("123456"))
    seen = []
    parrot = lambda handler: handler.answer(400, json.dumps({"error": "invalid_grant",  # noqa: E731
        "error_description": handler.body.decode()}).encode())
    for fault in (None, parrot):
        world.oauth.fault = fault
        cache(world).unlink(missing_ok=True)
        result = world.run("-vv", "run")
        seen += [result.out, result.err]
    world.oauth.fault, world.oauth.user = None, "another"
    world.oauth.revoke()
    result = world.run("-vv", "run")
    seen += [result.out, result.err, world.run("-vv", "check").err]
    kept = b"".join(path.read_bytes() for path in world.database.parent.glob("approvals.db*") if path != cache(world))
    canaries = [*world.oauth.issued, world.oauth.client_secret, *world.canaries()]
    everything = "".join(seen).encode() + kept
    assert [canary for canary in canaries if canary.encode() in everything] == []


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
def test_a_refused_token_is_a_refused_login_by_either_mechanism(world, ca, certificate, mechanism):
    """XOAUTH2's challenge and OAUTHBEARER's are understood; one new token is tried when a kept one is refused."""
    with imap.Dovecot(certificate, mechanisms=mechanism, oauth=world.oauth.url, ca=ca.file) as server:
        server.add_user(world.user)
        world.mailbox["url"] = server.url
        ingested(world)
        world.oauth.user = "another"
        result = world.run("ingest")
    assert result.status == 12 and "the server refused the token" in result.err, result
    assert world.oauth.grants == ["client_credentials"] * 2


@pytest.mark.plain
def test_a_stop_ends_the_wait_for_a_token(world):
    """Client credentials cost nothing; a refresh token's answer is waited for, since it may be all there is."""
    world.oauth.fault = web.hang
    process = world.start("ingest")
    try:
        deadline = time.monotonic() + 30
        while not world.oauth.grants and time.monotonic() < deadline:
            pass
        process.terminate()
        out, err = process.communicate(timeout=10)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 75, (process.returncode, err)
