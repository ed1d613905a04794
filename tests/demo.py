#!/usr/bin/python3
"""make demo: the main job on this machine, from a mailbox to a webhook, with every server private to it.

Ends with 0 only if all that it promises was seen. Leaves nothing behind, also when interrupted.
"""
import base64
import collections
import contextlib
import hashlib
import hmac
import json
import pathlib
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from servers import ca, dovecot, samples, world as worlds  # noqa: E402

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def heading(text):
    print(f"\n=== {text}\n", flush=True)


def promise(kept, what):
    """Says whether it was seen; the first that was not ends the demo."""
    print(f"{'  ok ' if kept else 'NOT SEEN'}  {what}", flush=True)
    if not kept:
        sys.exit(f"demo: not seen: {what}")


def signed(secret, delivery):
    """Standard Webhooks 1.0.0, in a few lines: is the signature over id, timestamp and these very bytes?"""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    head = f"{delivery.headers['webhook-id']}.{delivery.headers['webhook-timestamp']}."
    mac = hmac.new(key, head.encode() + delivery.body, hashlib.sha256).digest()
    fresh = abs(time.time() - int(delivery.headers["webhook-timestamp"])) < 300
    return fresh and any(hmac.compare_digest(one, "v1," + base64.b64encode(mac).decode())
        for one in delivery.headers["webhook-signature"].split())


def show_output(result):
    print(result.out.rstrip() or "(nothing on stdout)")
    if result.err:
        print(result.err.rstrip())


def mailbox(world):
    heading("A mailbox on a private Dovecot (TLS, its own CA), filled with samples/mail")
    mails = samples.samples()
    for sample in mails:
        world.deliver(sample.raw, arrived=sample.arrived)
    kinds = collections.Counter(sample.expected["verdict"] for sample in mails)
    print(f"{len(mails)} mails: {kinds['approval']} approvals, {kinds['suspicious']} suspicious, {kinds['other']} other")
    print(f"A fake Management API at {world.api.url}, a webhook receiver at {world.receiver.url}, SMTP at {world.smtp.url}")
    return mails


def first_run(world):
    heading("approvals run")
    began = time.monotonic()
    result = world.run("run")
    show_output(result)
    print(f"exit status {result.status} after {time.monotonic() - began:.1f} s")
    held = world.count("claim", "state = 'held'")
    promise(result.status == (3 if held else 0), "the exit status says that something waits for a person")
    promise(world.api.violations == [], "the API was asked only as it allows")


def the_log(world):
    heading("approvals log")
    show_output(world.run("log"))
    confirmed = [samples.key(entry) for entry in world.log("--state", "confirmed")]
    expected = samples.expected_approvals()
    print()
    promise(sorted(confirmed) == sorted(expected), f"all {len(expected)} approvals of the samples are in the log, each once")


def the_held(world, mails):
    heading("What is held: approvals log --state held")
    show_output(world.run("log", "--state", "held"))
    held = world.log("--state", "held")
    forged = next(entry for entry in held if entry["sender"]["proof"] == "none")
    heading(f"... and why, of a forgery: approvals show {forged['id']}")
    show_output(world.run("show", forged["id"]))
    suspicious = [claim for mail in mails if mail.expected["verdict"] == "suspicious" for claim in mail.expected["claims"]]
    print()
    promise(len(held) == len(suspicious) > 0, f"the {len(held)} claims that cannot be believed are held")
    promise(all(entry["reasons"] for entry in held), "and each has its reasons")


def the_receiver(world):
    heading("What the webhook receiver got")
    for delivery in world.receiver.got:
        body = json.loads(delivery.body)
        data = body["data"]
        mark = "signature ok" if signed(world.webhook_secret, delivery) else "SIGNATURE WRONG"
        print(f"{body['type']}  {data.get('org_number')}  {data.get('msn')}  {data.get('merchant_name')}  [{mark}]")
    print("\nOne of them, whole:\n")
    first = world.receiver.got[0]
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature", "content-type"):
        print(f"{name}: {first.headers[name]}")
    print("\n" + json.dumps(json.loads(first.body), indent=2, ensure_ascii=False) + "\n")
    announced = [samples.key(body["data"]) for body in world.received("approval.confirmed")]
    promise(sorted(announced) == sorted(samples.expected_approvals()), "each approval was announced once, nothing else was")
    promise(all(signed(world.webhook_secret, delivery) for delivery in world.receiver.got), "every signature is right")


def the_mail(world):
    heading("An e-mail that the team got")
    team = [mail for mail in world.smtp.mails if mail.recipients == ["onboarding-team@example.com"]]
    first = next(mail for mail in team if "approv" in mail.message["Subject"].lower())
    for name in ("From", "To", "Subject", "Auto-Submitted"):
        print(f"{name}: {first.message[name]}")
    print("\n" + first.message.get_content())
    approvals = len(samples.expected_approvals())
    proven = world.count("claim", "state IN ('held', 'disputed') AND trusted = 1")
    unproven = world.count("claim", "state = 'held' AND trusted = 0")
    promise(unproven > 1 and len(team) == approvals + proven + 1, f"{len(team)} e-mails to the team: {approvals} approvals, "
        f"{proven} proven mails to look at, and one for all {unproven} claims of mails that nothing proves")


def second_run(world):
    heading("approvals run, a second time")
    sent, mailed, asked = len(world.receiver.got), len(world.smtp.mails), len(world.api.asked)
    result = world.run("run")
    show_output(result)
    promise(result.status == 0 and result.out == result.err == "", "it has nothing to do and says nothing")
    promise((len(world.receiver.got), len(world.smtp.mails), len(world.api.asked)) == (sent, mailed, asked),
        "nothing was sent or asked again")
    verified = world.run("verify")
    show_output(verified)
    promise(verified.status == 0, "the chain of events is whole")


def not_now():
    """From here on it is cleaning up, which another Ctrl-C must not cut short."""
    for one in SIGNALS:
        signal.signal(one, signal.SIG_IGN)


def interrupted(number, frame):
    not_now()
    raise KeyboardInterrupt


def main():
    if not worlds.PROGRAM.exists():
        sys.exit(f"demo: {worlds.PROGRAM} is not built: make demo builds it")
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="approvals-demo.")))
        authority = ca.CA(folder / "ca")
        certificate = authority.good()
        imap = stack.enter_context(dovecot.Dovecot(certificate))
        world = worlds.World(folder, authority, certificate, imap, samples.api_data())
        stack.callback(world.close)
        stack.callback(not_now)  # the last in is the first out
        mails = mailbox(world)
        first_run(world)
        the_log(world)
        the_held(world, mails)
        the_receiver(world)
        the_mail(world)
        second_run(world)
    print("\ndemo: all of it was seen; the servers are stopped and nothing is left behind")


if __name__ == "__main__":
    for one in SIGNALS:
        signal.signal(one, interrupted)
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\ndemo: interrupted; the servers are stopped")
