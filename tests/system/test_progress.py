"""On a person's terminal a long pass shows how far it is, in one line that is gone at the end."""
import os
import pty
import subprocess
import threading

import pytest

from ordeal import fill
from servers.world import noise_mail

SOON = 60  # seconds: a generous deadline


class Terminal:
    """What a program writes to its stderr, which is a terminal."""

    def __init__(self):
        self.master, self.slave = pty.openpty()
        self.text, self._changed = "", threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while True:
            try:
                got = os.read(self.master, 4096)
            except OSError:  # the last who had the other side is gone
                return
            with self._changed:
                self.text += got.decode()
                self._changed.notify_all()

    def wait(self, words):
        with self._changed:
            assert self._changed.wait_for(lambda: words in self.text, SOON), self.text

    def close(self):
        """Answers the rows that stand there in the end."""
        os.close(self.slave)
        self._thread.join(SOON)
        os.close(self.master)
        rows = []
        for line in self.text.replace("\r\n", "\n").split("\n"):
            row = ""
            for piece in line.split("\r"):
                row = piece + row[len(piece):]
            rows.append(row.rstrip())
        return rows


@pytest.mark.parametrize(("names", "words"), [
    (["onboarding"], "\ronboarding: 2 of 5 mails done, 0 read, 0 claims"),
    (["onboarding", "second"], "\r4 of 10 mails done, 0 read, 0 claims")], ids=["one", "two"])
def test_a_long_pass_shows_on_a_terminal_how_far_it_is_and_leaves_nothing_there(hostile, names, words):
    world, go_on = fill(hostile), threading.Event()
    world.deliver(noise_mail(1))
    world.deliver(noise_mail(2))
    world.config["mailboxes"] = [{**world.mailbox, "name": name} for name in names]
    world.imap.twists["BODIES"] = lambda session, good: (go_on.wait(SOON), good())[1]
    terminal = Terminal()
    process = subprocess.Popen(world.command("run"), env=world.environment(), cwd=world.dir, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=terminal.slave, start_new_session=True)
    try:
        terminal.wait(words)
        go_on.set()
        assert process.wait(SOON) == 0
    finally:
        process.kill()
        process.wait()
        rows = terminal.close()
    assert rows == [""]
