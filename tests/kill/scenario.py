"""What is killed: 10 mails in two stages, 3 endpoints, and a way to begin again at either stage in milliseconds.

`first` is the first pass of all, with no database and 3 old mails, which are history; `next` finds 7 new ones. One
Scenario serves many points: its servers, ports and configuration stay (another configuration would be an event); only
the folder of the database and the mailbox are put back as they were.
"""
import itertools
import os
import pathlib
import shutil
import sqlite3
import subprocess
import time

from servers.world import World, approval_mail, noise_mail

from . import oracle

STAGES = ("first", "next")
OLD_DAYS = 60
KNOWN, DISPUTED, FORGED = ("410001", "410002", "410003"), "410004", "410005"
ORG, OTHER_ORG = "987654325", "987654333"
KILLED = 137  # stopper's exit status
ENDED = (0, 3)  # what is held for a person is worth a 3
RUN_SECONDS = 60
LATER = 120  # seconds, when the program tries again what a kill may have broken off


def mails():
    """(stage, bytes) of each mail. Made once for all processes: their Message-IDs are random."""
    old = approval_mail(KNOWN[0], date=time.time() - OLD_DAYS * 86400)
    return [
        ("first", old),
        ("first", noise_mail(1)),
        ("first", approval_mail(FORGED, proven=False)),
        ("next", approval_mail(KNOWN[1])),
        ("next", approval_mail(KNOWN[2], padding=40000)),
        ("next", approval_mail(KNOWN[1])),  # another mail for the same approval
        ("next", old),  # the bytes of one in history
        ("next", approval_mail(FORGED, proven=False)),
        ("next", approval_mail(DISPUTED)),  # which the API knows under another organisation
        ("next", approval_mail("410009").replace(b"has been approved", b"has news").replace(b"(MSN)", b"")),  # no rule's
    ]


class Scenario:
    """Servers, and for each stage what it begins with and what an undisturbed run makes of it (wanted[stage])."""

    def __init__(self, folder, ca, certificate, dovecot, made, stopper, after=None):
        """made: mails(). stopper: the program. after: the mailbox's setting of this name."""
        self.dir, self.stopper, self.after = pathlib.Path(folder), stopper, after
        here = dict.fromkeys(("api", "crm", "smtp"), "127.0.0.1")  # a resolver's threads would come as they like
        self.world = world = World(self.dir, ca, certificate, dovecot, {"merchants": [], "salesUnits": []}, here)
        world.user = world.mailbox["user"] = dovecot.add_user(f"kill{os.getpid()}")  # of this worker alone
        self.state, self.trace = self.dir / "state", self.dir / "trace"
        world.database = self.state / "approvals.db"
        world.config["database"] = str(world.database)
        world.mailbox["announce"] = "new"
        if after:
            world.mailbox["after"] = after
        hook = {"secret_file": str(self.dir / "crm.secret")}
        world.config["endpoints"] = [
            {"name": "crm", "webhook": f"{world.receiver.url}/crm", **hook},
            {"name": "audit", "webhook": f"{world.receiver.url}/audit", **hook},
            {"name": "team", "email": ["onboarding-team@example.com"]}]
        world.config["routes"] = [{"severity": ["info", "attention", "urgent"], "to": ["crm", "audit", "team"]}]
        for msn in (*KNOWN, FORGED):
            world.know(msn, ORG)
        world.know(DISPUTED, OTHER_ORG)
        self.home, self._homes, self._old = dovecot.dir / "mail" / world.user, itertools.count(), None
        self.templates, self.wanted = {}, {}
        self._prepare(made)

    def close(self):
        self.world.close()

    def _prepare(self, made):
        self.home.rename(self.home.with_name(f".{self.world.user}.new"))
        self._turn(self.home.with_name(f".{self.world.user}.new"))
        self.state.mkdir()
        for stage in STAGES:
            for _, raw in (mail for mail in made if mail[0] == stage):
                self.world.deliver(raw)
            self.templates[stage] = self.dir / f"at-{stage}"
            self.templates[stage].mkdir()
            subprocess.run(["cp", "-a", self.home.resolve(), self.templates[stage] / "home"], check=True)
            shutil.copytree(self.state, self.templates[stage] / "state")
            self._forget()
            faults = self._run()
            assert not faults, faults
            self.wanted[stage] = self._result(stage)

    def _forget(self):
        self.world.receiver.got.clear()
        self.world.smtp.mails.clear()

    def _turn(self, home):
        """The user's home is another from now on. A Dovecot process that still ends may write into the one before."""
        link = self.home.with_name(f".{self.world.user}.link")
        link.symlink_to(home)
        os.replace(link, self.home)

    def begin(self, stage):
        """As it was before the stage's run."""
        home = self.home.with_name(f".{self.world.user}.{next(self._homes)}")
        subprocess.run(["cp", "-a", self.templates[stage] / "home", home], check=True)
        self._turn(home)
        if self._old:
            shutil.rmtree(self._old, ignore_errors=True)
        self._old = home
        shutil.rmtree(self.state)
        shutil.copytree(self.templates[stage] / "state", self.state)
        self._forget()
        self.world.dovecot.forget_commands(self.world.user)

    def count(self, stage):
        """The calls of an undisturbed run: [(process, call, n, what)]."""
        self.begin(stage)
        assert self.world.run("run", before=[self.stopper, self.trace]).status in ENDED
        return [tuple(line.split(" ", 3)) for line in self.trace.read_text().splitlines()]

    def kill(self, stage, process, call, n, when):
        """Killed at this moment and run again until all is quiet. Answers whether the moment came, and the faults:
        (verdict, where, what), none if it came to the same as an undisturbed run."""
        self.begin(stage)
        first = self.world.run("run", before=[self.stopper, "-k", f"{process},{call},{n},{when}", self.trace],
            seconds=RUN_SECONDS)
        faults = [] if first.status in (*ENDED, KILLED) else [("broken", "killed run", str(first))]
        faults += self._run(LATER if self.after else 0)
        try:
            got = self._result(stage)
        except sqlite3.Error as e:
            return first.status == KILLED, [*faults, ("broken", "database", str(e))]
        faults += oracle.differences(self.wanted[stage], got)
        faults += self._run(2 * LATER if self.after else 0)  # and now nothing is left to do
        faults += [("broken", "another run", str(fault)) for fault in oracle.differences(got, self._result(stage, got))]
        return first.status == KILLED, faults

    def _run(self, later=0):
        """Without moving the clock it is faster."""
        try:
            done = self.world.run("run", seconds=RUN_SECONDS, at=time.time() + later if later else None)
        except AssertionError as e:
            return [("broken", "run", str(e))]
        return [] if done.status in ENDED and done.err == "" else [("broken", "run", str(done))]

    def _result(self, stage, before=None):
        """All that two runs are compared by. before: the last one, if the chain need be walked only after a change."""
        world = self.world
        out = oracle.rows(world, troubles=True)
        out["announced"] = oracle.announced(world)
        out["server"] = oracle.on_the_server(self.home)
        if before and before["events"] == out["events"]:
            out["integrity"], out["chain"] = before["integrity"], before["chain"]
        else:
            out["integrity"] = [str(row) for row in world.rows("PRAGMA integrity_check")]
            verified = world.run("verify")
            out["chain"] = [f"{verified.status} {verified.err}"]
        if stage != STAGES[0]:  # the key that ids are made with came with the template
            out.update(oracle.ids(world))
        return out
