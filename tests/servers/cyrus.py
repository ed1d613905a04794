"""A private Cyrus IMAP: imaps and imap with STARTTLS on free ports, in a folder of its own; see dovecot.py.

Its package excludes Dovecot's, so `tests/needs.sh cyrus` unpacks it under build/cyrus and it runs from there.
Logins are judged by a thread of ours that speaks saslauthd's protocol; mail is delivered by its administrator.
"""
import contextlib
import grp
import imaplib
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import socketserver
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from .process import end_with_parent
from .smtp import free_port

UNPACKED = pathlib.Path(__file__).resolve().parents[2] / "build" / "cyrus" / "root"
ADMIN = "postmaster"
CONFIG = """
configdirectory: {dir}/config
defaultpartition: default
partition-default: {dir}/spool
cyrus_user: {user}
cyrus_group: {group}
admins: {admin}
allowplaintext: {plain}
sasl_pwcheck_method: saslauthd
sasl_saslauthd_path: {dir}/login/mux
sasl_mech_list: PLAIN LOGIN
{tls}
altnamespace: yes
unixhierarchysep: yes
virtdomains: off
reject8bit: no
munge8bit: no
servername: localhost
maxlogins_per_user: 0
imapidlepoll: 1
sieveuserhomedir: no
sievedir: {dir}/sieve
"""
TLS = """tls_server_cert: {dir}/chain.pem
tls_server_key: {dir}/key.pem
tls_session_timeout: 0"""
SERVICES = """
START {{
  recover cmd="{bin}/ctl_cyrusdb -C {dir}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="{bin}/imapd -C {dir}/imapd.conf" listen="127.0.0.1:{port}" proto="tcp4" prefork=0
{imaps}
}}
EVENTS {{
}}
"""
IMAPS = '  imaps cmd="{bin}/imapd -s -C {dir}/imapd.conf" listen="127.0.0.1:{tls_port}" proto="tcp4" prefork=0'
FLAGS = {"S": r"\Seen", "F": r"\Flagged", "R": r"\Answered", "T": r"\Deleted", "D": r"\Draft"}  # as in a Maildir


def _in_memory():
    """A folder where it costs nothing that Cyrus syncs each mail, if there is one with room for large mails."""
    with contextlib.suppress(OSError):
        room = os.statvfs("/dev/shm")
        if room.f_bavail * room.f_frsize > 1 << 30:
            return "/dev/shm"
    return None


class _Judge(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Who may log in: four counted strings (user, password, service, realm) are asked, one is the answer."""
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path, password):
        super().__init__(path, _Question)
        self.password, self.asked = password, []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Question(socketserver.StreamRequestHandler):
    def handle(self):
        user, password, _, _ = [self.rfile.read(struct.unpack("!H", self.rfile.read(2))[0]).decode() for _ in range(4)]
        if user != ADMIN:
            self.server.asked.append(user)
        answer = b"OK" if password == self.server.password else b"NO"
        self.wfile.write(struct.pack("!H", len(answer)) + answer)


class Cyrus:
    def __init__(self, certificate, host="localhost", password="canary-imap-password", tls=True):
        self.certificate, self.host, self.password, self.tls = certificate, host, password, tls
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="approvals-imap.", dir=_in_memory()))
        self.dir.chmod(0o755)
        self.port, self.tls_port = free_port(), free_port()
        self._process = self._judge = self._admin = None
        self.owner = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        for name in ("config", "config/log", "config/db", "config/socket", "config/proc", "spool", "sieve", "login"):
            (self.dir / name).mkdir()
            self._own(self.dir / name)

    def _own(self, path):
        if os.getuid() == 0:
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)

    def start(self):
        bin = UNPACKED / "usr/lib/cyrus/bin"
        for name, path in (("chain.pem", self.certificate.pem), ("key.pem", self.certificate.key)):
            shutil.copy(path, self.dir / name)
            self._own(self.dir / name)
        names = {"dir": self.dir, "bin": bin, "user": self.owner.pw_name, "group": grp.getgrgid(self.owner.pw_gid).gr_name,
            "admin": ADMIN, "port": self.port,
            "tls_port": self.tls_port,
            "plain": "no" if self.tls else "yes"}
        names["tls"] = TLS.format(**names) if self.tls else ""
        (self.dir / "imapd.conf").write_text(CONFIG.format(**names))
        (self.dir / "cyrus.conf").write_text(SERVICES.format(**names, imaps=IMAPS.format(**names) if self.tls else ""))
        self._judge = _Judge(str(self.dir / "login" / "mux"), self.password)
        os.chmod(self.dir / "login" / "mux", 0o777)
        libraries = ":".join(map(str, (UNPACKED / "usr/lib").glob("*-linux-gnu*")))
        self._process = subprocess.Popen([bin / "master", "-C", self.dir / "imapd.conf", "-M", self.dir / "cyrus.conf",
            "-p", self.dir / "master.pid"], stdin=subprocess.DEVNULL, stdout=open(self.dir / "log", "ab"),
            stderr=subprocess.STDOUT, env={"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": libraries},
            start_new_session=True, preexec_fn=end_with_parent)
        deadline = time.monotonic() + 20
        while not self._listens():
            try:
                self._process.wait(0.05)
            except subprocess.TimeoutExpired:
                if time.monotonic() < deadline:
                    continue
            raise RuntimeError(f"cyrus did not start: {self.log()}")
        return self

    def _listens(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 10) as s:
                return s.recv(100).startswith(b"* OK")
        except OSError:
            return False

    def stop(self):
        """Ends it but keeps its mail: start() goes on with the same ports."""
        if self._process:
            try:
                self._process.send_signal(signal.SIGTERM)
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                pass
            finally:
                with contextlib.suppress(ProcessLookupError):  # sessions end with their master, late
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
                self._process = self._admin = None
                self._judge.shutdown()
                self._judge.server_close()
                (self.dir / "login" / "mux").unlink()
                (self.dir / "log").unlink(missing_ok=True)

    def close(self):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:  # an interrupt too: nothing would call close()
            self.close()
            raise

    def __exit__(self, *exc):
        self.close()

    @property
    def url(self):
        return f"imaps://{self.host}:{self.tls_port}"

    @property
    def starttls_url(self):
        return f"imap://{self.host}:{self.port}"

    def log(self):
        """What it said, and who asked to be let in, in Dovecot's words: Cyrus itself knows only syslog."""
        path = self.dir / "log"
        return (path.read_text(errors="replace") if path.exists() else "") + "".join(
            f"Login: user=<{user}>\n" for user in (self._judge.asked if self._judge else []))

    # ---- mailboxes

    def _login(self, user):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # some tests give it a wrong one
        session = imaplib.IMAP4("127.0.0.1", self.port)
        session.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or each APPEND waits 40 ms
        if self.tls:
            session.starttls(context)
        session.login(user, self.password)
        return session

    def _ask(self, session, name, *args):
        status, answer = getattr(session, name)(*args)
        assert status == "OK", (name, answer)
        return answer

    def _postmaster(self):
        """Its one session, opened again when the server was stopped meanwhile."""
        if self._admin:
            try:
                self._admin.noop()
            except (OSError, imaplib.IMAP4.error):
                self._admin = None
        self._admin = self._admin or self._login(ADMIN)
        return self._admin

    def _mailbox(self, user, folder):
        return f"user/{user}" if folder == "INBOX" else f"user/{user}/{folder}"

    def _maildir(self, user, folder):
        raise unittest.SkipTest("about Dovecot's own files, which Cyrus IMAP has not")

    def add_user(self, user, folders=("INBOX", "Junk")):
        admin = self._postmaster()
        for folder in folders:
            name = self._mailbox(user, folder)
            use = ("(USE (\\Junk))",) if folder == "Junk" else ()
            self._ask(admin, "_simple_command", "CREATE", f'"{name}"', *use)
            self._ask(admin, "setacl", f'"{name}"', ADMIN, "lrswipkxtea")
        log = self.dir / "config" / "log" / user  # that it is there has every session of this user recorded
        log.mkdir(exist_ok=True)
        self._own(log)
        return user

    def deliver(self, user, raw, folder="INBOX", arrived=None, flags=""):
        """arrived: INTERNALDATE in seconds since 1970 (default: now)."""
        words = "(" + " ".join(FLAGS[flag] for flag in flags if flag != "S") + ")"
        date = imaplib.Time2Internaldate(time.time() if arrived is None else arrived)
        if not raw or b"\0" in raw:
            raise unittest.SkipTest("Cyrus IMAP takes no mail that is empty or has a NUL")
        self._ask(self._postmaster(), "append", f'"{self._mailbox(user, folder)}"', words, date, raw)
        if "S" in flags:  # each user has a \Seen of his own
            self._see_last(user, folder)

    def _see_last(self, user, folder):
        log = self.dir / "config" / "log" / user
        log.rename(self.dir / "unseen")  # this session is not one of those that commands() tells of
        session = self._login(user)
        (self.dir / "unseen").rename(log)
        self._ask(session, "select", f'"{folder}"')
        self._ask(session, "store", "*", "+FLAGS", r"(\Seen)")
        session.logout()

    def commands(self, user, names_only=True):
        """The IMAP commands of this user's sessions, in order, without their tags. Login is not among them."""
        out = []
        for path in sorted((self.dir / "config" / "log" / user).iterdir(), key=lambda path: path.stat().st_ctime_ns):
            said = re.split(r"^(?=[<>]\d+[<>])", path.read_text(errors="replace"), flags=re.M)
            for line in "".join(part[part.index("<", 1) + 1:] for part in said if part.startswith("<")).splitlines():
                found = re.match(r"^\S+ ((?:UID )?[A-Za-z]+)(.*)$", line)
                if found:
                    out.append(found[1].upper() if names_only else found[1].upper() + found[2])
        return out

    def forget_commands(self, user):
        for path in (self.dir / "config" / "log" / user).iterdir():
            path.unlink()
