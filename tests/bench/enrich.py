"""What `enrich` of many claims costs beside a bare libcurl multi loop with the same requests (make bench-enrich).

Nothing is asserted. The server is Node's, on this machine. Rounds are interleaved, figures are medians; every round of
ours starts from a copy of one database, and all its claims must end confirmed. CLAIMS (2000), ROUNDS and
CONCURRENT (4) in the environment change the size. `disk` is the part of ours that no loop has: the same rows written, asked
of nobody (management_api: none, without_api: confirm).
"""
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TREE = HERE.parent.parent
sys.path.insert(0, str(TREE / "tests"))

from servers import ca as certificates  # noqa: E402
from servers import process  # noqa: E402
from servers.world import approval_mail  # noqa: E402

BUILD = (TREE / os.environ.get("BUILD", "build")).resolve()
ROUNDS, CLAIMS, CONCURRENT = (int(os.environ.get(*pair)) for pair in (("ROUNDS", 5), ("CLAIMS", 2000), ("CONCURRENT", 4)))
BAR = 1.3


def configuration(folder, ca, port):
    for name in ("id", "secret", "key"):
        (folder / name).write_text("x\n")
        (folder / name).chmod(0o600)
    conf = {"database": str(folder / "a.db"), "network": {"ca_file": ca.file},
        "mailboxes": [{"name": "m", "url": "imaps://127.0.0.1:1", "user": "u", "password_file": str(folder / "key")}],
        "sender": {"domains": ["vippsmobilepay.com"], "authserv_ids": ["mx.example.com"]},
        "rules": [str(TREE / "rules" / "vipps-mobilepay.yaml")],
        "management_api": {"url": f"https://localhost:{port}", "client_id_file": str(folder / "id"),
            "client_secret_file": str(folder / "secret"), "subscription_key_file": str(folder / "key"),
            "max_concurrent": CONCURRENT, "requests_per_minute": 6000}}
    write(folder / "approvals.yaml", conf)
    write(folder / "alone.yaml", {**conf, "management_api": "none", "without_api": "confirm"})


def write(path, conf):
    path.write_text(json.dumps(conf))
    path.chmod(0o600)


def approvals(folder, *words, conf="approvals.yaml"):
    done = subprocess.run([BUILD / "approvals", "-c", folder / conf, *words], capture_output=True, text=True)
    if done.returncode not in (0, 3):
        sys.exit(f"approvals {words[0]} ended with {done.returncode}: {done.stderr[-500:]}")


def timed(folder, *command):
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    wall = time.monotonic() - start
    if done.returncode != 0:
        sys.exit(f"{command[0]} ended with {done.returncode}: {done.stderr[-500:]}")
    return wall


def ours(folder, conf):
    for path in folder.glob("a.db*"):
        path.unlink()
    shutil.copy(folder / "first.db", folder / "a.db")
    wall = timed(folder, BUILD / "approvals", "-c", folder / conf, "enrich")
    with sqlite3.connect(f"file:{folder}/a.db?mode=ro", uri=True) as db:
        confirmed, = db.execute("SELECT count(*) FROM claim WHERE state = 'confirmed'").fetchone()
    if confirmed != CLAIMS:
        sys.exit(f"{confirmed} of {CLAIMS} claims are confirmed")
    return wall


def main(folder):
    ca = certificates.CA(folder / "ca")
    certificate = ca.good()
    server = subprocess.Popen(["node", HERE / "api.mjs", certificate.key, certificate.pem], stdout=subprocess.PIPE, text=True,
        preexec_fn=process.end_with_parent)
    port = int(server.stdout.readline())
    configuration(folder, ca, port)
    with open(folder / "all.mbox", "wb") as mbox:
        for number in range(CLAIMS):
            mbox.write(b"From x Sun Nov 22 09:30:00 2026\n" + approval_mail(str(200000 + number)).replace(b"\r\n", b"\n") + b"\n")
    approvals(folder, "import", folder / "all.mbox")
    shutil.copy(folder / "a.db", folder / "first.db")
    base = f"https://localhost:{port}/management/v1"
    (folder / "urls").write_text("".join(f"{base}/sales-units/{200000 + number}\n{base}/merchants/business%3ANO%3AORG/987654325\n"
        for number in range(CLAIMS)))
    loop, whole, disk = [], [], []
    for _ in range(ROUNDS):
        loop.append(timed(folder, BUILD / "bench" / "multi", ca.file, str(CONCURRENT), folder / "urls"))
        whole.append(ours(folder, "approvals.yaml"))
        disk.append(ours(folder, "alone.yaml"))
    server.terminate()
    loop, whole, disk = map(statistics.median, (loop, whole, disk))
    print(f"{CLAIMS} claims, {2 * CLAIMS} requests, {CONCURRENT} at once: bare loop {loop:.2f} s, enrich {whole:.2f} s"
        f" ({whole / loop:.2f} times; bar {BAR}: {'met' if whole <= BAR * loop else 'MISSED'}), its rows alone {disk:.2f} s")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="approvals-bench-") as name:
        main(Path(name))
