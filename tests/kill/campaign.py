"""The kill test: `approvals run` is killed at each moment at which it touches the world, run again, and compared.

    make check-kill                     every point (minutes)
    make check-kill FROM=1200           goes on there, after an interrupt
    make check-kill POINT=next,run/1,pwrite64,17,before
                                        one point again, or all that begin like this
    make check-kill AFTER=move:Done     with this done to mails on the server; with COPIES=1 one that cannot MOVE

A point is (stage, process, call, n, before or after): stopper.c says what is counted and when the group dies,
scenario.py what is run, oracle.py how it is compared. The points are those of an undisturbed run. A call that is not
made a second time (reads of a socket come as the network likes) is met by nothing; then that run just ends, and is
compared too. Lost, doubled, false: a row, a claim, an event, a delivery or what a receiver got is missing, is there
twice (under two ids, for at least once is the promise), or should not be there. Broken: anything else that differs
from the undisturbed run, and a run that ends with an error, a second run that still finds something to do.
"""
import argparse
import multiprocessing
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from kill import scenario  # noqa: E402
from servers import ca as certificates  # noqa: E402
from servers import dovecot as imap  # noqa: E402
from servers.world import PROGRAM  # noqa: E402

STOPPER = PROGRAM.parent / "tests" / "stopper"
MEMORY = pathlib.Path("/dev/shm")  # a sync there costs nothing, and is counted all the same
ENOUGH_FAULTS = 20  # points, after which nothing new would be learned
REPORT_EVERY = 200
VERDICTS = ("lost", "doubled", "false", "broken")
NO_MOVE = "imap_capability = IMAP4rev1 LITERAL+ NAMESPACE SPECIAL-USE UIDPLUS"
_scenario = None  # of this worker process, or why there is none


def worker_start(folder, ca, certificate, dovecot, mails, after):
    global _scenario
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the pool ends us so, wherever we are
    folder = folder / f"worker{os.getpid()}"
    folder.mkdir()
    try:
        _scenario = scenario.Scenario(folder, ca, certificate, dovecot, mails, STOPPER, after)
    except Exception:  # told with the first task: the pool would start another worker, for ever
        _scenario = traceback.format_exc()


def points_of(stage):
    """All points of a stage."""
    assert not isinstance(_scenario, str), _scenario
    return {(stage, process, call, int(n), when) for process, call, n, _ in _scenario.count(stage)
        for when in ("before", "after")}


def point_try(point):
    try:
        return point, *_scenario.kill(*point)
    except Exception:
        return point, False, [("broken", "harness", traceback.format_exc())]


def named(point):
    return ",".join(map(str, point))


def say(*words):
    print("kill:", *words, flush=True)


class Tally:
    def __init__(self, total, first):
        self.total, self.number, self.began = total, first, time.monotonic()
        self.tried = self.met = self.faulty = 0
        self.verdicts = dict.fromkeys(VERDICTS, 0)

    def add(self, point, met, faults):
        self.tried, self.met, self.number = self.tried + 1, self.met + met, self.number + 1
        self.faulty += bool(faults)
        for verdict in {fault[0] for fault in faults}:
            self.verdicts[verdict] += 1
        for fault in faults:
            say(f"{named(point)}:", *fault)
        if self.tried % REPORT_EVERY == 0:
            say(f"{self.number} of {self.total}, {self.tried / (time.monotonic() - self.began):.1f} a second: {self}")

    def __str__(self):
        return "{lost} lost, {doubled} doubled, {false} falsely announced, {broken} broken".format(**self.verdicts)


def campaign(pool, args):
    """Answers the exit status."""
    points = set().union(*pool.map(points_of, scenario.STAGES, 1))
    # Sorted, so that a number means nearly the same one in the next campaign too. What is left after a call is mostly
    # what the next one finds before it, so half of a campaign says most.
    points = sorted(points, key=lambda point: (point[4] == "after", point))
    total, begin = len(points), args.begin
    if args.point:
        points = [point for point in points if f"{named(point)},".startswith(f"{args.point},")]
    elif args.spread:
        points = [points[i * total // args.spread] for i in range(args.spread)]
    tally = Tally(len(points), begin)
    say(f"{total} points, {len(points) - begin} to try{f', after: {args.after}' if args.after else ''}")
    try:
        for point, met, faults in pool.imap(point_try, points[begin:]):
            tally.add(point, met, faults)
            if tally.faulty == ENOUGH_FAULTS:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        say(f"stopped: FROM={tally.number} goes on")
    say(f"{tally.tried} points in {time.monotonic() - tally.began:.0f} s, {tally.met} met: {tally}")
    return 1 if tally.faulty or tally.number < len(points) else 0


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--from", dest="begin", type=int, default=0, metavar="NUMBER")
    options.add_argument("--point", help="only this one, or those that begin like this")
    options.add_argument("--spread", type=int, help="only so many, evenly spread")
    options.add_argument("--after", help="what is done to mails on the server")
    options.add_argument("--copies", action="store_true", help="the server cannot MOVE")
    options.add_argument("--jobs", type=int, default=2)
    args = options.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not os.access(STOPPER, os.X_OK):
        sys.exit(f"{STOPPER} is not built: make {STOPPER.relative_to(pathlib.Path.cwd())}")
    if os.access(MEMORY, os.W_OK):
        tempfile.tempdir = str(MEMORY)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="approvals-kill."))
    try:
        ca = certificates.CA(folder / "ca")
        certificate = ca.issue("good", ["localhost", "127.0.0.1"])
        with imap.Dovecot(certificate, host="127.0.0.1", imap=NO_MOVE if args.copies else "") as dovecot:
            with multiprocessing.get_context("fork").Pool(args.jobs, worker_start,
                    (folder, ca, certificate, dovecot, scenario.mails(), args.after)) as pool:
                return campaign(pool, args)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
