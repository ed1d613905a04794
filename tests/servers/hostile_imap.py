"""An IMAP server that behaves, over a small mailbox in memory, until a test twists what it says.

    imap.twists["BODIES"] = lambda session, good: good()[:1] + [CLOSE]      # until imap.behave()

A twist answers in place of the server. good() does what the command asks and answers its lines, the tagged one
last; a twist that does not call it has not done the command. It returns what is sent: bytes, or an act of those
below. Keys are the names of commands, and GREETING, SEARCH, HEADERS, BODIES and MARKS (the kinds of UID FETCH), STORE,
MOVE, COPY and EXPUNGE (all by UID), and "*" for any command that has no twist of its own.

It stands in for servers/dovecot.py in a World; every name is a user of its one mailbox.
"""
import base64
import contextlib
import re
import select
import socket
import ssl
import struct
import threading
import time

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
FIRST_UID = 1
BY_UID = ("SEARCH", "FETCH", "STORE", "COPY", "MOVE", "EXPUNGE")  # numbers of any other kind are refused


class Gone(Exception):
    """The session is over."""


# ---- acts: what a twist may return between bytes

def CLOSE(session):
    """The connection ends between two bytes, without TLS's goodbye."""
    raise Gone


def BYE(session):
    """It ends as TLS asks for it."""
    try:
        session.socket.unwrap()
    except OSError:
        pass
    raise Gone


def RESET(session):
    session.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Gone


def HANG(session):
    """Nothing more, until the client or the server goes."""
    while session.wait() is not None:
        pass
    raise Gone


def drip(data, seconds=0.02):
    """One byte at a time."""
    def act(session):
        for n in range(len(data)):
            session.socket.sendall(data[n:n + 1])
            if session.server.stopping.wait(seconds):
                raise Gone
    return act


# ---- twists that many tests share

def once(twist):
    """The first time only."""
    left = [twist]
    return lambda session, good: (left.pop() if left else lambda session, good: good())(session, good)


def say(*acts):
    """These before the good answer."""
    return lambda session, good: [*acts, *good()]


def instead(*acts):
    """These, and the command is not done. {tag} is the command's."""
    return lambda session, good: [act.replace(b"{tag}", session.tag) if isinstance(act, bytes) else act for act in acts]


def replaced(old, new):
    """Another text in the good answer."""
    return lambda session, good: [line.replace(old, new) for line in good()]


def cut(after, how=CLOSE):
    """So many bytes of the good answer."""
    return lambda session, good: [b"".join(good())[:after], how]


def items(change):
    """For FETCH: change(mail, pairs) answers a list of FETCH lines, each a list of (name, value) pairs."""
    def twist(session, good):
        end = good()[-1]
        return [fetch_line(number, pairs) for number, mail, was in session.fetched for pairs in change(mail, was)] + [end]
    return twist


def fetch_line(number, pairs):
    return b"* %d FETCH (" % number + b" ".join(name + b" " + value for name, value in pairs) + b")\r\n"


def literal(data):
    return b"{%d}\r\n" % len(data) + data


class Mail:
    def __init__(self, uid, raw, arrived, flags):
        self.uid, self.raw, self.arrived, self.flags = uid, raw, arrived, set(flags)

    @property
    def date(self):
        t = time.gmtime(self.arrived)
        return b'"%02d-%s-%04d %02d:%02d:%02d +0000"' % (t.tm_mday, MONTHS[t.tm_mon - 1].encode(), t.tm_year, t.tm_hour,
            t.tm_min, t.tm_sec)

    def fields(self, names):
        head = re.split(rb"\r\n\r\n", self.raw, maxsplit=1)[0] + b"\r\n"
        found = re.findall(rb"^[^\s:]+:.*\r\n(?:[ \t].*\r\n)*", head, re.M)
        return b"".join(field for field in found if field.partition(b":")[0].upper() in names) + b"\r\n"


class Folder:
    def __init__(self, use=None, uidvalidity=1000):
        self.use, self.uidvalidity, self.uidnext, self.mails = use, uidvalidity, FIRST_UID, []

    def add(self, raw, arrived=None, flags=(), uid=None):
        """uid: below UIDNEXT it becomes visible late."""
        mail = Mail(uid or self.uidnext, raw, time.time() if arrived is None else arrived, flags)
        self.uidnext = max(self.uidnext, mail.uid + 1)
        self.mails = sorted([*self.mails, mail], key=lambda m: m.uid)
        return mail

    def renumber(self, uidvalidity):
        """What a server does that was restored or moved."""
        self.uidvalidity, self.uidnext, old, self.mails = uidvalidity, FIRST_UID, self.mails, []
        for mail in old:
            self.add(mail.raw, mail.arrived, mail.flags)


class HostileImap:
    def __init__(self, certificate, host="localhost", password="canary-imap-password"):
        self.certificate, self.host, self.password = certificate, host, password
        self.port, self.lock, self.stopping = 0, threading.RLock(), threading.Event()
        self.capabilities = b"IMAP4rev1 SASL-IR AUTH=PLAIN UIDPLUS MOVE IDLE ID SPECIAL-USE"
        self.folders = {"INBOX": Folder(), "Junk": Folder("\\Junk", 2000)}
        self.twists, self.asked, self._sessions, self._listener = {}, [], set(), None

    def behave(self):
        self.twists.clear()

    # ---- as servers/dovecot.py

    def start(self):
        self.stopping.clear()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=16, reuse_port=False)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, args=(self._listener, self.certificate.context()), daemon=True)
        self._thread.start()
        return self

    def stop(self):
        """Ends it and its sessions; start() goes on with the same port and mails."""
        if self._listener is None:
            return
        self.stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for session in list(self._sessions):
            session.wake()
            session.thread.join(10)
        self._listener = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    def add_user(self, user):
        return user

    @property
    def url(self):
        return f"imaps://{self.host}:{self.port}"

    def deliver(self, user, raw, folder="INBOX", arrived=None, flags=(), uid=None):
        with self.lock:
            mail = self.folders[folder].add(raw, arrived, flags, uid)
        for session in list(self._sessions):
            session.wake()
        return mail

    def remove(self, uid, folder="INBOX"):
        with self.lock:
            self.folders[folder].mails = [mail for mail in self.folders[folder].mails if mail.uid != uid]

    # ---- sessions

    def _accept(self, listener, context):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            session = Session(self, connection, context)
            self._sessions.add(session)
            session.thread = threading.Thread(target=self._serve, args=(session,), daemon=True)
            session.thread.start()

    def _serve(self, session):
        try:
            session.run()
        except (Gone, OSError):
            pass
        finally:
            session.close()
            self._sessions.discard(session)


class Session:
    def __init__(self, server, connection, context):
        self.server, self.socket, self._context = server, connection, context
        self.tag, self.line, self.folder, self.view, self.fetched = b"*", b"", None, [], []
        self._bytes = b""
        self._awake, self._waker = socket.socketpair()

    def close(self):
        for each in (self.socket, self._awake, self._waker):
            each.close()

    def wake(self):
        try:
            self._waker.send(b"!")
        except OSError:
            pass

    # ---- the stream

    def wait(self):
        """Waits for the client or wake(): its bytes, b"" if woken, None at the end."""
        if not self.socket.pending():
            ready, _, _ = select.select([self.socket, self._awake], [], [])
            if self._awake in ready:
                self._awake.recv(64)
                return None if self.server.stopping.is_set() else b""
        try:
            return self.socket.recv(65536) or None
        except ssl.SSLError:
            return None

    def read_line(self):
        while b"\r\n" not in self._bytes:
            got = self.wait()
            if got is None:
                raise Gone
            self._bytes += got
        line, _, self._bytes = self._bytes.partition(b"\r\n")
        return line

    def send(self, acts):
        for act in acts:
            if isinstance(act, bytes):
                self.socket.sendall(act)
            else:
                act(self)

    def twisted(self, key, good):
        twist = self.server.twists.get(key) or (key != "GREETING" and self.server.twists.get("*"))
        return twist(self, good) if twist else good()

    def run(self):
        self.socket = self._context.wrap_socket(self.socket, server_side=True)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send(self.twisted("GREETING", lambda: [b"* OK [CAPABILITY " + self.server.capabilities + b"] ready\r\n"]))
        while True:
            self.line = self.read_line()
            self.tag, _, rest = self.line.partition(b" ")
            name, _, rest = rest.partition(b" ")
            by_uid = name.upper() == b"UID"
            if by_uid:
                name, _, rest = rest.partition(b" ")
            key = name.decode().upper()
            if by_uid != (key in BY_UID) or self.line.endswith(b" "):  # that, Cyrus refuses
                key = "REFUSED"
            elif key == "FETCH":
                key = "HEADERS" if b"HEADER.FIELDS" in rest else "BODIES" if b"BODY.PEEK[" in rest else "MARKS"
            self.server.asked.append(key if key in ("LOGIN", "AUTHENTICATE") else (self.line.partition(b" ")[2]).decode())
            do = getattr(self, "do_" + key.lower(), None)

            def good():
                with contextlib.nullcontext() if key == "IDLE" else self.server.lock:  # that waits, and locks itself
                    lines = do(rest) if do else [b"BAD unknown command"]
                    return [*lines[:-1], self.tag + b" " + lines[-1] + b"\r\n"]
            self.send(self.twisted(key, good))
            if key == "LOGOUT":
                BYE(self)

    # ---- commands: each answers its lines, the last without its tag and line end

    def do_capability(self, rest):
        return [b"* CAPABILITY " + self.server.capabilities + b"\r\n", b"OK done"]

    def do_login(self, rest):
        return self.login(re.findall(rb'"((?:[^"\\]|\\.)*)"|(\S+)', rest)[1])

    def do_authenticate(self, rest):
        _, _, first = rest.partition(b" ")
        if not first:
            self.send([b"+ \r\n"])
            first = self.read_line()
        return self.login(base64.b64decode(first).split(b"\0")[2:])

    def login(self, password):
        good = self.server.password.encode() in password
        return [b"OK logged in" if good else b"NO [AUTHENTICATIONFAILED] wrong name or password"]

    def do_id(self, rest):
        return [b'* ID ("name" "hostile")\r\n', b"OK done"]

    def do_list(self, rest):
        return [b"* LIST (%s) \"/\" %s\r\n" % ((folder.use or "").encode(), name.encode())
            for name, folder in self.server.folders.items()] + [b"OK done"]

    def do_select(self, rest):
        self.folder = self.server.folders.get(rest.strip(b'"').decode())
        if self.folder is None:
            return [b"NO [NONEXISTENT] no such folder"]
        self.view = list(self.folder.mails)
        return [b"* FLAGS (\\Seen \\Answered \\Flagged \\Deleted)\r\n", b"* OK [PERMANENTFLAGS (\\Seen \\*)] kept\r\n",
            b"* %d EXISTS\r\n" % len(self.view), b"* 0 RECENT\r\n",
            b"* OK [UIDVALIDITY %d] valid\r\n" % self.folder.uidvalidity,
            b"* OK [UIDNEXT %d] next\r\n" % self.folder.uidnext, b"OK [READ-WRITE] done"]

    def do_status(self, rest):
        name, _, what = rest.partition(b" (")
        folder = self.server.folders.get(name.strip(b'"').decode())
        if folder is None:
            return [b"NO [NONEXISTENT] no such folder"]
        values = {b"UIDVALIDITY": folder.uidvalidity, b"UIDNEXT": folder.uidnext, b"MESSAGES": len(folder.mails)}
        return [b"* STATUS %s (" % name + b" ".join(b"%s %d" % (word, values[word]) for word in what.strip(b")").split()) +
            b")\r\n", b"OK done"]

    def do_examine(self, rest):
        return [*self.do_select(rest)[:-1], b"OK [READ-ONLY] done"] if rest.strip(b'"').decode() in self.server.folders else (
            self.do_select(rest))

    def news(self):
        """What has changed in the folder since it was last told."""
        if self.folder is None:
            return []
        out, there = [], self.folder.mails
        for number in range(len(self.view), 0, -1):
            if self.view[number - 1] not in there:
                del self.view[number - 1]
                out.append(b"* %d EXPUNGE\r\n" % number)
        if len(there) > len(self.view):
            self.view = list(there)
            out.append(b"* %d EXISTS\r\n" % len(there))
        return out

    def do_noop(self, rest):
        return [*self.news(), b"OK done"]

    def do_idle(self, rest):
        self.send([b"+ idling\r\n"])
        while b"\r\n" not in self._bytes:
            with self.server.lock:
                news = self.news()
            self.send(news)
            got = self.wait()
            if got is None:
                raise Gone
            self._bytes += got
        self.read_line()
        return [b"OK done"]

    def do_logout(self, rest):
        return [b"* BYE\r\n", b"OK done"]

    # ---- by UID

    def uids(self, text):
        """The mails of a set as they are numbered here; n:* names the last one even if it is below n."""
        last = self.view[-1].uid if self.view else 0
        chosen = set()
        for part in text.decode().split(","):
            lo, _, hi = part.partition(":")
            lo, hi = (last if end == "*" else int(end) for end in (lo, hi or lo))
            lo, hi = min(lo, hi), max(lo, hi)
            chosen.update(mail.uid for mail in self.view if lo <= mail.uid <= hi)
        return [(number, mail) for number, mail in enumerate(self.view, 1) if mail.uid in chosen]

    def do_search(self, rest):
        there = set(self.folder.mails)
        mails = self.uids(rest[4:]) if rest.upper().startswith(b"UID ") else self.uids(b"1:*")
        return [b"* SEARCH" + b"".join(b" %d" % mail.uid for _, mail in mails if mail in there) + b"\r\n", b"OK done"]

    def do_headers(self, rest):
        """Items in the order asked for. What is not understood is left out, as iCloud does with RFC822."""
        what, there = rest.partition(b" ")[2], set(self.folder.mails)
        names = re.search(rb"HEADER\.FIELDS \(([^)]*)\)", what)
        wanted = re.findall(rb"UID|RFC822\.SIZE|INTERNALDATE|FLAGS|BODY\.PEEK\[[^]]*\](?:<[\d.]+>)?", what)
        self.fetched = []
        for number, mail in self.uids(rest.partition(b" ")[0]):
            values = {b"UID": b"%d" % mail.uid, b"RFC822.SIZE": b"%d" % len(mail.raw), b"INTERNALDATE": mail.date,
                b"FLAGS": b"(" + " ".join(sorted(mail.flags)).encode() + b")"}
            pairs = []
            for item in wanted if mail in there else ():
                part = re.match(rb"BODY\.PEEK(\[[^]]*\])(?:<(\d+)\.(\d+)>)?", item)
                if not part:
                    pairs.append((item, values[item]))
                    continue
                text = mail.fields(names[1].upper().replace(b'"', b"").split()) if names else mail.raw
                if part[2]:
                    text = text[int(part[2]):][:int(part[3])]
                pairs.append((b"BODY" + part[1] + (b"<%s>" % part[2] if part[2] else b""), literal(text)))
            if pairs:
                self.fetched.append((number, mail, pairs))
        return [fetch_line(number, pairs) for number, _, pairs in self.fetched] + [b"OK done"]

    do_bodies = do_marks = do_headers

    def do_store(self, rest):
        uids, what, flags = rest.split(b" ", 2)
        flags = set(flags.strip(b"()").decode().split())
        for _, mail in self.uids(uids):
            mail.flags = mail.flags | flags if what.startswith(b"+") else mail.flags - flags
        return [*([] if b"SILENT" in what else self.do_marks(uids + b" (UID FLAGS)")[:-1]), b"OK done"]

    def do_create(self, rest):
        self.server.folders.setdefault(rest.strip(b'"').decode(), Folder(uidvalidity=5000))
        return [b"OK done"]

    def do_copy(self, rest):
        uids, _, name = rest.partition(b" ")
        to = self.server.folders.get(name.strip(b'"').decode())
        if to is None:
            return [b"NO [TRYCREATE] no such folder"]
        for _, mail in self.uids(uids):
            to.add(mail.raw, mail.arrived, mail.flags)
        return [b"OK done"]

    def do_move(self, rest):
        answer, gone = self.do_copy(rest), self.uids(rest.partition(b" ")[0])
        if answer == [b"OK done"]:
            self.folder.mails = [mail for mail in self.folder.mails if mail not in [m for _, m in gone]]
            answer = [*self.news(), b"OK done"]
        return answer

    def do_status(self, rest):
        folder = self.server.folders.get(re.match(rb'"?([^" ]*)', rest)[1].decode())
        if folder is None:
            return [b"NO [NONEXISTENT] no such folder"]
        return [b"* STATUS %s (UIDVALIDITY %d UIDNEXT %d)\r\n" % (rest.split(b" ")[0], folder.uidvalidity, folder.uidnext),
            b"OK done"]

    def do_subscribe(self, rest):
        return [b"OK done"]

    def do_expunge(self, rest):
        gone = [mail for _, mail in self.uids(rest) if "\\Deleted" in mail.flags]
        self.folder.mails = [mail for mail in self.folder.mails if mail not in gone]
        return [*self.news(), b"OK done"]
