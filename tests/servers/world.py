"""Everything that `approvals` meets, on this machine: mailbox, API, receiver, SMTP, and a configuration for them.

Used by the system tests and by the demo. One Dovecot serves many worlds (each has a user of its own); the
other servers are threads of this process.
"""
import base64
import dataclasses
import email.utils
import glob
import itertools
import json
import os
import pathlib
import secrets
import signal
import sqlite3
import subprocess
import time

from . import management, receiver, smtp

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("APPROVALS", "build/approvals"))
PROGRAM = PROGRAM if PROGRAM.is_absolute() else ROOT / PROGRAM
RULES = ROOT / "rules" / "vipps-mobilepay.yaml"
SANITIZED = 99  # exit status of a program that a sanitizer stopped
_numbers = itertools.count(1)


def is_sanitized(program=PROGRAM):
    return program.exists() and b"__asan_init" in program.read_bytes()


def faketime():
    """libfaketime's library, or None."""
    found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1") + glob.glob("/usr/lib*/faketime/libfaketime.so.1")
    return found[0] if found else None


@dataclasses.dataclass
class Result:
    status: int
    out: str
    err: str

    @property
    def lines(self):
        """Diagnostics, one a line."""
        return self.err.splitlines()


class World:
    def __init__(self, folder, ca, certificate, dovecot, data, names=None):
        """names: host names by server (api, crm, smtp, imap) where it is not localhost."""
        self.dir, self.ca, self.dovecot = pathlib.Path(folder), ca, dovecot
        names = names or {}
        self.program = None  # another than PROGRAM
        self.api = management.Management(certificate, data, names.get("api", "localhost")).start()
        self.receiver = receiver.Receiver(certificate, names.get("crm", "localhost")).start()
        self.smtp = smtp.Smtp(certificate, host=names.get("smtp", "localhost")).start()
        self.user = dovecot.add_user(f"onboarding{next(_numbers)}")
        self.webhook_secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        self.configuration = self.dir / "approvals.yaml"
        self.database = self.dir / "approvals.db"
        self.config = {
            "database": str(self.database),
            "network": {"ca_file": ca.file},
            "mailboxes": [{"name": "onboarding", "url": dovecot.url, "user": self.user,
                "password_file": self.secret("imap.password", dovecot.password), "authserv": "mx.example.com",
                "announce": "all"}],
            "sender": {"domains": ["vippsmobilepay.com"]},
            "rules": [str(RULES)],
            "management_api": {"url": self.api.url, "requests_per_minute": 6000,
                "client_id_file": self.secret("api.id", self.api.client_id),
                "client_secret_file": self.secret("api.secret", self.api.client_secret),
                "subscription_key_file": self.secret("api.key", self.api.subscription_key)},
            "reconcile": "none",  # a test that is about it says so: others count questions to the API
            "smtp": {"url": self.smtp.url, "user": self.smtp.user,
                "password_file": self.secret("smtp.password", self.smtp.password), "from": "approvals@example.com"},
            "endpoints": [
                {"name": "crm", "webhook": f"{self.receiver.url}/hooks/vipps",
                    "secret_file": self.secret("crm.secret", self.webhook_secret)},
                {"name": "team", "email": ["onboarding-team@example.com"]},
                {"name": "ops", "email": ["ops@example.com"]}],
            "routes": [
                {"events": ["approval.*", "history.loaded"], "to": ["crm", "team"]},
                {"events": ["claim.*"], "to": ["team"]},
                {"severity": ["urgent"], "to": ["ops", "crm"]},
                {"events": ["mail.*"], "to": ["ops"]}],
        }

    def close(self):
        self.api.stop()
        self.receiver.stop()
        self.smtp.stop()

    @property
    def mailbox(self):
        return self.config["mailboxes"][0]

    def canaries(self):
        """What may never be seen outside its own file and its own server."""
        return [self.dovecot.password, self.smtp.password, self.api.client_secret, self.api.subscription_key,
            self.webhook_secret, self.webhook_secret[len("whsec_"):], *self.api.tokens]

    def secret(self, name, text, mode=0o600):
        path = self.dir / name
        path.write_text(text + "\n")
        path.chmod(mode)
        return str(path)

    def fresh_database(self, name):
        """Goes on with an empty database."""
        self.database = self.dir / name
        self.config["database"] = str(self.database)

    # ---- the program

    def environment(self, at=None):
        env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(self.dir), "LANG": "C.UTF-8", "TZ": "UTC",
            "ASAN_OPTIONS": f"exitcode={SANITIZED}:verify_asan_link_order=0",  # for libfaketime
            "UBSAN_OPTIONS": f"print_stacktrace=1:exitcode={SANITIZED}"}
        if at is not None:
            env.update(LD_PRELOAD=faketime(), FAKETIME=time.strftime("@%Y-%m-%d %H:%M:%S", time.gmtime(at)),
                FAKETIME_DONT_FAKE_MONOTONIC="1", NO_FAKE_STAT="1")
        return env

    def command(self, *args):
        """The command line for `approvals ARGS`; writes the configuration as it is now (JSON is YAML)."""
        self.configuration.write_text(json.dumps(self.config, indent=2))
        self.configuration.chmod(0o600)
        return [str(self.program or PROGRAM), "-c", str(self.configuration), *map(str, args)]

    def start(self, *args, at=None, before=()):
        """Starts it in a process group of its own. before: a program that starts it, with its arguments."""
        return subprocess.Popen([*before, *self.command(*args)], env=self.environment(at), cwd=self.dir, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)

    def run(self, *args, at=None, before=(), seconds=120):
        process = self.start(*args, at=at, before=before)
        try:
            out, err = process.communicate(timeout=seconds)
        except BaseException as e:  # late, or the test run was interrupted: it must not go on alone
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            if isinstance(e, subprocess.TimeoutExpired):
                raise AssertionError(f"{args}: not done after {seconds} s; it said: {err}") from None
            raise
        assert process.returncode != SANITIZED and "Sanitizer" not in err and "runtime error:" not in err, err
        return Result(process.returncode, out, err)

    def log(self, *args):
        """`approvals log` as a list of objects."""
        result = self.run("log", "--format", "ndjson", *args)
        assert result.status == 0 and result.err == "", result
        return [json.loads(line) for line in result.out.splitlines()]

    def show(self, id):
        result = self.run("show", "--format", "json", id)
        assert result.status == 0 and result.err == "", result
        return json.loads(result.out)

    # ---- what it left behind

    def rows(self, sql, *values):
        """Rows of the database, read only, as dicts."""
        db = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        db.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in db.execute(sql, values)]
        finally:
            db.close()

    def count(self, table, where="1"):
        return self.rows(f"SELECT count(*) AS n FROM {table} WHERE {where}")[0]["n"]

    def events(self, type=None):
        """Recorded events with their data, oldest first."""
        out = self.rows("SELECT e.seq, e.id, e.type, e.ref, p.payload FROM event e JOIN event_payload p USING (seq)"
            " ORDER BY e.seq")
        for event in out:
            event.update(json.loads(event.pop("payload")))
        return [event for event in out if type in (None, event["type"])]

    def received(self, type=None):
        """Bodies that the webhook receiver got, oldest first."""
        bodies = [json.loads(delivery.body) for delivery in self.receiver.got]
        return [body for body in bodies if type in (None, body["type"])]

    # ---- mail

    def deliver(self, raw, **options):
        return self.dovecot.deliver(self.user, raw, **options)

    def know(self, msn, org, merchant="Fjord Kaffe AS", unit="Fjord Kaffe Torget", scheme="business:NO:ORG"):
        """The API knows this sales unit from now on."""
        identifier = {"scheme": scheme, "id": org}
        if all(m["businessIdentifier"] != identifier for m in self.api.data["merchants"]):
            self.api.data["merchants"].append({"businessIdentifier": identifier, "name": merchant, "status": "ACTIVE",
                "countryCode": scheme[9:11], "createdAt": "2026-01-05T08:00:00.000000Z",
                "updatedAt": "2026-01-05T08:00:00.000000Z"})
        self.api.data["salesUnits"].append({"msn": msn, "name": unit, "businessIdentifier": identifier,
            "configuration": {"paymentAllowed": True, "captureType": "ReserveCapture"},
            "settlementBankAccount": {"scheme": "BBAN:NO", "id": "86011117947"}})


def approval_mail(msn, org="987654325", merchant="Fjord Kaffe AS", unit="Fjord Kaffe Torget", *, date=None,
        sender="noreply@vippsmobilepay.com", proven=True, authserv="mx.example.com", padding=0, subject=None):
    """An approval in our own words, as the operator's mail server would hand it over."""
    stamp = email.utils.formatdate(time.time() if date is None else date)
    domain = sender.rpartition("@")[2]
    results = (f"dkim=pass header.d={domain} header.s=s1;\r\n dmarc=pass header.from={domain}" if proven else
        f"dkim=none; dmarc=fail header.from={domain}")
    subject = subject or "Your Vipps MobilePay application has been approved"
    body = (f"Hello,\r\n\r\nThe application has been approved and the products can now be used.\r\n\r\n"
        f"Organisation number: NO {org} MVA\r\nMerchant name: {merchant}\r\n"
        f"Merchant Serial Number (MSN): {msn}\r\nName of sales unit: {unit}\r\n\r\n"
        f"Kind regards,\r\nVipps MobilePay\r\n")
    return (f"Authentication-Results: {authserv};\r\n {results}\r\n"
        f"Received: from out.example.net (out.example.net [192.0.2.10])\r\n\tby {authserv} with ESMTPS id x1; {stamp}\r\n"
        f"From: Vipps MobilePay <{sender}>\r\nTo: onboarding@example.com\r\nSubject: {subject}\r\n"
        f"Date: {stamp}\r\nMessage-ID: <{msn}.{int(date or 0)}.{secrets.token_hex(4)}@{domain}>\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}").encode() + (
        b"-" * 70 + b"\r\n") * (padding // 72)


def noise_mail(number):
    """A mail that has nothing to do with us."""
    return (f"From: news@shop{number}.example\r\nTo: onboarding@example.com\r\nSubject: Weekly letter {number}\r\n"
        f"Date: {email.utils.formatdate()}\r\nMessage-ID: <{number}@shop.example>\r\n\r\nNothing new.\r\n").encode()
