"""Servers for the system tests: see servers/world.py. APPROVALS names the program (default build/approvals)."""
import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from servers import ca as certificates  # noqa: E402
from servers import hostile_imap  # noqa: E402
from servers import imap  # noqa: E402
from servers import samples as sample_mails  # noqa: E402
from servers import world as worlds  # noqa: E402

BIG = bool(os.environ.get("APPROVALS_BIG"))
# Files whose tests are rows of tables over the same code: the sanitized build, several times slower, tries each eighth row.
TABLES = ("test_hostile_imap", "test_hostile_imap_peers", "test_hostile_imap_folders", "test_hostile_imap_after", "test_after_hostile",
    "test_management")
ROWS_TRIED = 8


def pytest_report_header(config):
    return f"approvals: {worlds.PROGRAM}{' (sanitized)' if worlds.is_sanitized() else ''} with {imap.NAME}{', big' if BIG else ''}"


def pytest_sessionstart(session):
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that fixtures end their servers
    if not os.access(worlds.PROGRAM, os.X_OK):
        pytest.exit(f"{worlds.PROGRAM} is not built", 2)


def pytest_configure(config):
    config.addinivalue_line("filterwarnings", "ignore:Requiring AUTH")  # see servers/smtp.py
    config.addinivalue_line("markers", "plain: means nothing under sanitizers (memory, signals, tracing)")
    config.addinivalue_line("markers", "clock: moves the clock by libfaketime")


def pytest_collection_modifyitems(config, items):
    """Said aloud as "deselected"; a test asked for by its own name is tried."""
    if BIG or not worlds.is_sanitized() or any("::" in arg for arg in config.args):
        return
    rows = [item for item in items if item.module.__name__ in TABLES and hasattr(item, "callspec")]
    left = [row for n, row in enumerate(rows) if n % ROWS_TRIED]
    config.hook.pytest_deselected(items=left)
    gone = set(left)
    items[:] = [item for item in items if item not in gone]


def pytest_runtest_setup(item):
    if worlds.is_sanitized() and item.get_closest_marker("plain"):
        pytest.skip("plain build only")
    if item.get_closest_marker("clock") and not clock_moves():
        assert worlds.is_sanitized(), "libfaketime does not work (tests/needs.sh test installs it)"
        pytest.skip("libfaketime and the sanitizers do not get on here")


_clock_moves = None


def clock_moves():
    """Does the program run at all with libfaketime?"""
    global _clock_moves
    if _clock_moves is None:
        env = {"LD_PRELOAD": worlds.faketime() or "", "FAKETIME": "@2030-01-01 00:00:00", "TZ": "UTC",
            "ASAN_OPTIONS": "verify_asan_link_order=0"}
        done = subprocess.run([worlds.PROGRAM, "--version"], env=env, capture_output=True)
        _clock_moves = bool(worlds.faketime()) and done.returncode == 0
    return _clock_moves


@pytest.fixture(scope="session")
def ca(tmp_path_factory):
    return certificates.CA(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def certificate(ca):
    return ca.issue("good", ["localhost", "127.0.0.1", "imap.test", "api.test", "crm.test", "smtp.test"])


@pytest.fixture(scope="session")
def dovecot(certificate):
    with imap.Server(certificate) as server:
        yield server


@pytest.fixture
def make_world(tmp_path, ca, certificate, dovecot):
    made = []

    def make(data=None, **options):
        folder = tmp_path / f"world{len(made)}"
        folder.mkdir()
        world = worlds.World(folder, ca, certificate, dovecot, data or {"merchants": [], "salesUnits": []}, **options)
        made.append(world)
        return world

    yield make
    for world in made:
        world.close()
        # whatever a test is about, nothing may be asked of the API that it does not allow
        assert world.api.violations == []


@pytest.fixture
def world(make_world):
    """All servers, an empty mailbox and an API that knows nothing yet."""
    return make_world()


@pytest.fixture
def hostile(tmp_path, ca, certificate):
    """As world, but its mailbox is on a HostileImap of its own: world.imap."""
    with hostile_imap.HostileImap(certificate) as server:
        world = worlds.World(tmp_path, ca, certificate, server, {"merchants": [], "salesUnits": []})
        world.imap = server
        yield world
        world.close()
        assert world.api.violations == []


@pytest.fixture(scope="session")
def oracle(tmp_path_factory, ca, certificate):
    """What an undisturbed run over a HostileImap makes of ordeal.MAILS."""
    import ordeal
    with hostile_imap.HostileImap(certificate) as server:
        world = worlds.World(tmp_path_factory.mktemp("oracle"), ca, certificate, server, {"merchants": [], "salesUnits": []})
        try:
            assert ordeal.fill(world).run("run").err == ""
            assert sorted(ordeal.announced(world)) == ordeal.MSNS
            yield ordeal.outcome(world)
        finally:
            world.close()


@pytest.fixture(scope="module")
def sample_world(tmp_path_factory, ca, certificate, dovecot):
    """All samples in the mailbox and one `approvals run` over them: world.first is its result. Only to look at."""
    world = worlds.World(tmp_path_factory.mktemp("samples"), ca, certificate, dovecot, sample_mails.api_data())
    for sample in sample_mails.samples():
        world.deliver(sample.raw, arrived=sample.arrived)
    world.first = world.run("run")
    yield world
    world.close()


@pytest.fixture(scope="session")
def verify_webhooks():
    """Verifies deliveries with npm's standardwebhooks; answers a list of errors (None: good)."""
    def verify(secret, deliveries, at=None):
        lines = "".join(json.dumps({"secret": secret, "body": d.body.decode(), "headers": d.headers, "at": at}) + "\n"
            for d in deliveries)
        done = subprocess.run(["node", str(HERE / "verify_webhook.js")], input=lines, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]
    return verify
