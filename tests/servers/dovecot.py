"""A private Dovecot: imaps and imap with STARTTLS on free ports, in a folder of its own.

Runs as root (mail then belongs to nobody) and as an ordinary user. Every name is a user, with the one
password; add_user() makes its mailbox. What a client sent is kept (rawlog), see commands().
"""
import glob
import grp
import itertools
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time

from .process import end_with_parent
from .smtp import free_port

CONFIG = """
protocols = imap
listen = 127.0.0.1
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
ssl = {ssl}
ssl_cert = <{pem}
ssl_key = <{key}
ssl_min_protocol = TLSv1.2
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
mail_location = maildir:~/Maildir
mail_fsync = never
first_valid_uid = 1
{passdb}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={dir}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Junk {{
    special_use = \\Junk
    auto = subscribe
  }}
}}
protocol imap {{
  rawlog_dir = {dir}/rawlog/%u
  mail_max_userip_connections = 50
  {imap}
}}
service imap-login {{
  service_count = 0
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = {imaps}
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
plugin {{
  acl = vfile
}}
{unprivileged}
"""
PASSDB = """
passdb {{
  driver = static
  args = password={password}
}}
"""
# Tokens that it does not know it asks the OAuth server about (servers/oauth.py); it caches no answer.
OAUTH_PASSDB = """
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {dir}/oauth2.conf
}}
"""
OAUTH = """
introspection_mode = post
introspection_url = {url}/introspect
username_attribute = username
active_attribute = active
active_value = true
tls_ca_cert_file = {ca}
timeout_msecs = 5000
"""
UNPRIVILEGED = """
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
}}
"""


def program():
    return shutil.which("dovecot", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


class Dovecot:
    def __init__(self, certificate, host="localhost", password="canary-imap-password", tls=True, imap="",
            mechanisms="plain login", oauth=None, ca=None):
        """imap: more settings of its IMAP, for example what it says that it can do. oauth: the URL of an OAuth server that
        says which tokens are good; ca: the file of its CA."""
        self.imap, self.mechanisms, self.oauth, self.ca = imap, mechanisms, oauth, ca
        self.certificate, self.host, self.password, self.tls = certificate, host, password, tls
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="approvals-imap."))
        self.dir.chmod(0o755)  # the mail's owner and Dovecot's own users pass through it
        self.port, self.tls_port = free_port(), free_port()
        self._process, self._number = None, itertools.count(1)
        self.owner = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        for name in ("mail", "rawlog"):
            self._make(self.dir / name)

    def _make(self, folder):
        folder.mkdir(exist_ok=True)
        self._own(folder)

    def _own(self, path):
        if os.getuid() == 0:
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)

    def start(self):
        unprivileged = "" if os.getuid() == 0 else UNPRIVILEGED.format(user=self.owner.pw_name,
            group=grp.getgrgid(self.owner.pw_gid).gr_name)
        config = self.dir / "dovecot.conf"
        passdb = OAUTH_PASSDB if self.oauth else PASSDB
        if self.oauth:
            (self.dir / "ca.pem").write_bytes(pathlib.Path(self.ca).read_bytes())  # readable to Dovecot's own user
            (self.dir / "oauth2.conf").write_text(OAUTH.format(url=self.oauth, ca=self.dir / "ca.pem"))
        config.write_text(CONFIG.format(dir=self.dir, pem=self.certificate.pem, key=self.certificate.key,
            passdb=passdb.format(password=self.password, dir=self.dir), mechanisms=self.mechanisms, port=self.port, tls_port=self.tls_port, uid=self.owner.pw_uid,
            gid=self.owner.pw_gid, unprivileged=unprivileged, ssl="required" if self.tls else "no",
            imaps="yes" if self.tls else "no", imap=self.imap))
        self._process = subprocess.Popen([program(), "-F", "-c", str(config)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            preexec_fn=end_with_parent)
        deadline = time.monotonic() + 10
        while not (self.dir / "run" / "master.pid").exists() or not self._listens():
            try:
                self._process.wait(0.01)
            except subprocess.TimeoutExpired:
                if time.monotonic() < deadline:
                    continue
            raise RuntimeError(f"dovecot did not start: {self._process.stdout.read().decode()} {self.log()}")
        return self

    def _listens(self):
        """The port is bound before clients are served; the log says when it is ready."""
        return "starting up" in self.log()

    def stop(self):
        """Ends it but keeps its mail: start() goes on with the same ports."""
        if self._process:
            try:
                self._process.send_signal(signal.SIGTERM)
                self._process.wait(10)
            except BaseException as e:  # late, or we are interrupted while we wait
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
                if not isinstance(e, subprocess.TimeoutExpired):
                    raise
            self._process.stdout.close()
            self._process = None
            (self.dir / "log").unlink(missing_ok=True)

    def kill(self):
        """Ends it at once with all its sessions, which a stop leaves alone for a while."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        (self.dir / "run" / "master.pid").unlink(missing_ok=True)
        self.stop()

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
        path = self.dir / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    # ---- mailboxes

    def _maildir(self, user, folder):
        home = self.dir / "mail" / user
        return home / "Maildir" if folder == "INBOX" else home / "Maildir" / f".{folder}"

    def _make_maildir(self, path):
        self._make(path)
        for part in ("cur", "new", "tmp"):
            self._make(path / part)

    def add_user(self, user, folders=("INBOX", "Junk")):
        self._make(self.dir / "mail" / user)
        self._make(self.dir / "rawlog" / user)
        for folder in folders:
            self._make_maildir(self._maildir(user, folder))
        return user

    def deliver(self, user, raw, folder="INBOX", arrived=None, flags=""):
        """arrived: INTERNALDATE in seconds since 1970 (default: now). Answers the file's path."""
        number = next(self._number)
        maildir = self._maildir(user, folder)
        name = f"{1000000000 + number}.M{number}.test,S={len(raw)}"
        path = maildir / "tmp" / name
        path.write_bytes(raw)
        self._own(path)
        if arrived is not None:
            os.utime(path, (arrived, arrived))
        final = maildir / "cur" / f"{name}:2,{flags}"
        path.rename(final)
        return final

    def commands(self, user, names_only=True):
        """The IMAP commands of this user's sessions, in order, without their tags. Login is not among them."""
        out = []
        for path in sorted(glob.glob(str(self.dir / "rawlog" / user / "*.in"))):
            for line in pathlib.Path(path).read_text(errors="replace").splitlines():
                found = re.match(r"^(?:\d+\.\d+ )?\S+ ((?:UID )?[A-Za-z]+)(.*)$", line)
                if found:
                    out.append(found[1].upper() if names_only else found[1].upper() + found[2])
        return out

    def forget_commands(self, user):
        for path in glob.glob(str(self.dir / "rawlog" / user / "*")):
            os.unlink(path)
