"""What `enrich` of many claims costs beside a bare libcurl multi loop with the same requests (make bench-enrich).

The server is Node's, on this machine. Each round is checked, and whatever is wrong ends the bench: the server must have
been asked once about each claim's sales unit and as often about its merchant, by as many connections as CONCURRENT at most,
by us with one more request for the token; the loop sends the very header fields that enrich was seen to send; and all claims
must end confirmed. Only how long it took is not asserted.

Rounds are interleaved, figures are medians, each round of ours starts from a copy of one database. `its rows alone` is the
part of ours that no loop has: the same rows written, asked of nobody (management_api: none, without_api: confirm). The first
server answers at once: then it, the loop and we are all busy, and what we do besides asking shows most. The second takes
ANSWER_MS for each answer, as one across a network would at least. ROUNDS, CLAIMS, CONCURRENT and ANSWER_MS in the
environment change the sizes.
"""
import json
import os
import shutil
import sqlite3
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
TREE = HERE.parent.parent
sys.path.insert(0, str(TREE / "tests"))

from servers import ca as certificates  # noqa: E402
from servers import process  # noqa: E402
from servers.world import approval_mail  # noqa: E402

BUILD = (TREE / os.environ.get("BUILD", "build")).resolve()
ROUNDS, CLAIMS, CONCURRENT, ANSWER_MS = (int(os.environ.get(*pair)) for pair in (
    ("ROUNDS", 9), ("CLAIMS", 2000), ("CONCURRENT", 4), ("ANSWER_MS", 2)))
BAR = 1.3
MERCHANT = "/management/v1/merchants/business%3ANO%3AORG/987654325"


class Api:
    """The server, and what it saw."""

    def __init__(self, ca, answer_ms):
        certificate = ca.good()
        self.trust = ssl.create_default_context(cafile=ca.file)
        self.process = subprocess.Popen(["node", HERE / "api.mjs", certificate.key, certificate.pem, str(answer_ms)],
            stdout=subprocess.PIPE, text=True, preexec_fn=process.end_with_parent)
        self.url = f"https://localhost:{int(self.process.stdout.readline())}"

    def told(self):
        with urllib.request.urlopen(f"{self.url}/bench", context=self.trust) as answer:
            return json.load(answer)

    def close(self):
        self.process.terminate()
        self.process.wait()


def write(path, text):
    path.write_text(text)
    path.chmod(0o600)


def configuration(folder, ca, url):
    for name in ("id", "secret", "key"):
        write(folder / name, "x\n")
    conf = {"database": str(folder / "a.db"), "network": {"ca_file": ca.file},
        "mailboxes": [{"name": "m", "url": "imaps://127.0.0.1:1", "user": "u", "password_file": str(folder / "key")}],
        "sender": {"domains": ["vippsmobilepay.com"], "authserv_ids": ["mx.example.com"]},
        "rules": [str(TREE / "rules" / "vipps-mobilepay.yaml")],
        "management_api": {"url": url, "client_id_file": str(folder / "id"),
            "client_secret_file": str(folder / "secret"), "subscription_key_file": str(folder / "key"),
            "max_concurrent": CONCURRENT, "requests_per_minute": 6000}}
    write(folder / "approvals.yaml", json.dumps(conf))
    write(folder / "alone.yaml", json.dumps({**conf, "management_api": "none", "without_api": "confirm"}))


def timed(*command):
    """Wall and CPU seconds, and what was printed."""
    start = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    text = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{command[0]} ended with {child.returncode}: {text[-500:]}")
    return wall, used.ru_utime + used.ru_stime, text


def check_asked(who, told, tokens):
    """What the server saw of one round."""
    want = {"units": CLAIMS, "asked": CLAIMS, "merchants": CLAIMS, "tokens": tokens, "wrong": 0}
    saw = {name: told[name] for name in want}
    if saw != want or told["connections"] > CONCURRENT + 1:  # and the one that asks for this
        sys.exit(f"{who}: the server saw {saw} over {told['connections']} connections, not {want}")


def ours(folder, api, conf="approvals.yaml"):
    for path in folder.glob("a.db*"):
        path.unlink()
    shutil.copy(folder / "first.db", folder / "a.db")
    api.told()
    wall, cpu, _ = timed(BUILD / "approvals", "-c", folder / conf, "enrich")
    told = api.told()
    if conf == "approvals.yaml":
        check_asked("enrich", told, 1)
    with sqlite3.connect(f"file:{folder}/a.db?mode=ro", uri=True) as db:
        confirmed, = db.execute("SELECT count(*) FROM claim WHERE state = 'confirmed'").fetchone()
        approvals, = db.execute("SELECT count(*) FROM approval").fetchone()
    if confirmed != CLAIMS or approvals != CLAIMS:
        sys.exit(f"{confirmed} of {CLAIMS} claims are confirmed, {approvals} approvals made")
    return (wall, cpu, told["cpu_s"]), told["fields"]


def loop(folder, api, ca):
    api.told()
    wall, cpu, text = timed(BUILD / "bench" / "multi", ca.file, str(CONCURRENT), folder / "urls", folder / "fields")
    told = api.told()
    check_asked("the bare loop", told, 0)
    if int(text) != 2 * CLAIMS:
        sys.exit(f"the bare loop counts {text.strip()} answers")
    return (wall, cpu, told["cpu_s"]), told["fields"]


def prepare(folder, api, ca):
    """The requests that the loop is to send: those of enrich, from whose first round come the header fields."""
    configuration(folder, ca, api.url)
    _, fields = ours(folder, api)
    fields = dict(zip(fields[::2], fields[1::2]))
    (folder / "fields").write_text("".join(f"{name}: {value}\n" for name, value in fields.items() if name != "Host"))
    (folder / "urls").write_text("".join(f"{api.url}/management/v1/sales-units/{200000 + number}\n{api.url}{MERCHANT}\n"
        for number in range(CLAIMS)))
    _, again = loop(folder, api, ca)
    if dict(zip(again[::2], again[1::2])) != fields:
        sys.exit(f"the bare loop sent {again} and enrich {fields}")


def row(name, runs, least=None):
    walls = sorted(run[0] for run in runs)
    wall, cpu, server = (statistics.median(run[n] for run in runs) for n in range(3))
    print(f"{name:16} {wall:8.3f} {f'{walls[0]:.3f}-{walls[-1]:.3f}':>15} {cpu:7.3f} {server:9.3f}"
        f" {f'{wall / least:7.2f}' if least else '':>7}")
    return wall


def compare(folder, ca, answer_ms, rounds):
    api = Api(ca, answer_ms)
    prepare(folder, api, ca)
    runs = {"bare loop": [], "enrich": [], "its rows alone": []}
    for _ in range(rounds):
        runs["bare loop"].append(loop(folder, api, ca)[0])
        runs["enrich"].append(ours(folder, api)[0])
        runs["its rows alone"].append(ours(folder, api, "alone.yaml")[0])
    api.close()
    print(f"\n{CLAIMS} claims, {2 * CLAIMS} requests, {CONCURRENT} at once, answered "
        f"{f'after {answer_ms} ms' if answer_ms else 'at once'}; {rounds} rounds, medians, "
        f"load {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores")
    print(f"{'':16} {'wall s':>8} {'min-max':>15} {'cpu s':>7} {'server s':>9} {'x loop':>7}")
    least = row("bare loop", runs["bare loop"])
    times = row("enrich", runs["enrich"], least) / least
    row("its rows alone", runs["its rows alone"])
    print(f"bar, times the bare loop: {times:.2f} (at most {BAR}): {'met' if times <= BAR else 'NOT met'}")


def main(folder):
    ca = certificates.CA(folder / "ca")
    configuration(folder, ca, "https://localhost:1")
    with open(folder / "all.mbox", "wb") as mbox:
        for number in range(CLAIMS):
            mbox.write(b"From x Sun Nov 22 09:30:00 2026\n" + approval_mail(str(200000 + number)).replace(b"\r\n", b"\n") + b"\n")
    done = subprocess.run([BUILD / "approvals", "-c", folder / "approvals.yaml", "import", folder / "all.mbox"],
        capture_output=True, text=True)
    if done.returncode not in (0, 3):
        sys.exit(f"approvals import ended with {done.returncode}: {done.stderr[-500:]}")
    shutil.copy(folder / "a.db", folder / "first.db")
    compare(folder, ca, 0, ROUNDS)
    compare(folder, ca, ANSWER_MS, max(ROUNDS // 3, 1))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="approvals-bench-") as name:
        main(Path(name))
