"""The systemd units of samples/ and what README.md says to do with them."""
import configparser
import re

import pytest

from servers.world import ROOT


def unit(name):
    parser = configparser.RawConfigParser(strict=False, interpolation=None)  # keys may be there more than once
    parser.optionxform = str
    parser.read(ROOT / "samples" / name)
    return parser


ENABLED = re.findall(r"systemctl enable --now (\S+)", "".join((ROOT / path).read_text() for path in ("README.md",
    "samples/approvals.timer", "samples/approvals-watch.service")))


@pytest.mark.parametrize("name", sorted({name if "." in name else name + ".service" for name in ENABLED}))
def test_a_unit_that_is_to_be_enabled_starts_with_the_machine(name):
    """Without [Install] `systemctl enable --now` starts it, and the next boot does not."""
    assert unit(name).get("Install", "WantedBy", fallback="").endswith(".target")


def constant(path, name):
    return int(re.search(rf"#define\s+{name}\s+(\d+)", (ROOT / path).read_text())[1])


@pytest.mark.parametrize("name", ["approvals.service", "approvals-watch.service"])
def test_a_unit_has_room_for_as_many_mailboxes_as_may_work_at_a_time(name):
    mailbox = 1 + 1 + 2 * constant("ingest/queue.h", "QUEUE_PARALLEL") + 2  # worker, prover, readers, command and name
    assert int(unit(name).get("Service", "TasksMax")) >= constant("cmd/run.c", "JOBS_MAX") * mailbox + 32


def test_both_services_are_one_user():
    """A dynamic user is called as its unit, unless it has a name: then the other could not open the database."""
    users = {unit(name).get("Service", "User", fallback=name) for name in ("approvals.service", "approvals-watch.service")}
    assert users == {"approvals"}


def test_both_services_are_locked_in_alike():
    ours = ("Type", "NotifyAccess", "ExecStart", "ExecReload", "WatchdogSec", "Restart", "RestartSec", "RestartPreventExitStatus",
        "TimeoutStartSec", "TimeoutStopSec", "KillMode")
    one, other = ({key: value for key, value in unit(name).items("Service") if key not in ours}
        for name in ("approvals.service", "approvals-watch.service"))
    assert one == other
