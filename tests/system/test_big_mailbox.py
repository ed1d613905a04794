"""A pass over a large mailbox costs what is new in it, and not what was there."""
import pathlib
import re
import shutil

import pytest

from conftest import BIG
from servers.relay import Relay
from servers.world import noise_mail

SMALL, LARGE, NEW = (1000, 50_000, 300) if BIG else (200, 2000, 30)
LONGER_NUMBERS = 24  # bytes a mail: its UID and its number are said in more digits


def memory(pid):
    """Anonymous memory of a process and all its children, shared parts divided, in KiB. Pages of files are left out:
    their share depends on who else on this machine uses the same libraries."""
    try:
        process = pathlib.Path("/proc") / str(pid)
        own = int(re.search(r"^Pss_Anon:\s+(\d+)", (process / "smaps_rollup").read_text(), re.M)[1])
        return own + sum(map(memory, (process / "task" / str(pid) / "children").read_text().split()))
    except (OSError, TypeError):  # it has ended
        return 0


class Box:
    """A mailbox that was read once, new mail in it, and a copy of the database of before that mail."""

    def __init__(self, world, relay, size):
        self.world, self.relay, self.size = world, relay, size
        world.mailbox.update(url=f"imaps://localhost:{relay.port}", folders=["INBOX"])
        for number in range(size):
            world.deliver(noise_mail(number))
        assert world.run("ingest", seconds=600).status == 0
        assert world.count("mail", "fate = 'ignored'") == size
        shutil.copy(world.database, world.dir / "before.db")
        for number in range(NEW):
            world.deliver(noise_mail(100_000 + number))

    def measure(self):
        """A pass over the new mail: the peak of its memory in KiB, the server's bytes, and what it was asked."""
        shutil.copy(self.world.dir / "before.db", self.world.database)
        self.world.dovecot.forget_commands(self.world.user)
        self.relay.dialogue = []
        process, peak = self.world.start("ingest"), 0
        while process.poll() is None:
            peak = max(peak, memory(process.pid))
        assert (process.returncode, *process.communicate()) == (0, "", "")
        assert self.world.count("mail", "fate = 'ignored'") == self.size + NEW
        return (peak, sum(len(data) for from_server, data in self.relay.dialogue if from_server),
            self.world.dovecot.commands(self.world.user, names_only=False))


@pytest.fixture(scope="module")
def boxes(tmp_path_factory, ca, certificate, dovecot):
    from servers.world import World
    relay = Relay(certificate, ca.file, dovecot.tls_port)
    made = [Box(World(tmp_path_factory.mktemp("box"), ca, certificate, dovecot, {"merchants": [], "salesUnits": []}),
        relay, size) for size in (SMALL, LARGE)]
    yield made
    for box in made:
        box.world.close()
    relay.close()


def uids(text):
    """The numbers of an IMAP set."""
    out = []
    for part in text.split(","):
        first, _, last = part.partition(":")
        out += range(int(first), int(last or first) + 1)
    return out


def test_a_pass_asks_for_the_header_fields_of_the_new_mails_and_for_nothing_else(boxes):
    for box in boxes:
        _, _, commands = box.measure()
        fetches = [c for c in commands if "FETCH" in c]
        assert all("BODY.PEEK[HEADER.FIELDS (" in c and c.count("BODY") == 1 for c in fetches), fetches
        asked = [uid for c in fetches for uid in uids(re.match(r"UID FETCH ([\d:,]+) ", c)[1])]
        assert asked == list(range(box.size + 1, box.size + NEW + 1))
        assert [c for c in commands if "SEARCH" in c] == [f"UID SEARCH UID {box.size + 1}:*"]


def test_the_server_says_as_much_of_a_large_mailbox_as_of_a_small_one(boxes):
    small, large = [box.measure()[1] for box in boxes]
    print(f"{SMALL} + {NEW}: {small} bytes; {LARGE} + {NEW}: {large} bytes")
    assert 0 < small <= large <= small + NEW * LONGER_NUMBERS


@pytest.mark.plain
def test_a_pass_takes_as_much_memory_in_a_large_mailbox_as_in_a_small_one(boxes):
    peaks = [[box.measure()[0] for box in boxes] for _ in range(7)]  # in turn, so that both see the same machine
    small, large = map(max, zip(*peaks))  # a sample comes late rather than early
    print(f"{SMALL} + {NEW}: {small} KiB; {LARGE} + {NEW}: {large} KiB; {peaks}")
    assert 1000 < large < small * 1.1
