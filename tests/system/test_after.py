"""What is done to mails on their server afterwards: after the commit, until the server shows that it is so."""
import email
import imaplib
import re
import ssl
import time

import pytest

from servers import dovecot as imap
from servers.world import World, approval_mail, noise_mail

MINUTE = 60
PLAIN = "imap_capability = IMAP4rev1 LITERAL+ NAMESPACE SPECIAL-USE "  # and what a test adds
ACL = "mail_plugins = acl"


class Look:
    """A mail program of a person at the same mailbox."""

    def __init__(self, world):
        context = ssl.create_default_context(cafile=world.ca.file)
        self.imap = imaplib.IMAP4_SSL("localhost", world.dovecot.tls_port, ssl_context=context)
        self.imap.login(world.user, world.dovecot.password)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.imap.logout()

    def select(self, folder, readonly=False):
        return self.imap.select(f'"{folder}"', readonly)[0] == "OK"

    def mark(self, uid, flag, folder="INBOX"):
        assert self.select(folder)
        assert self.imap.uid("STORE", str(uid), "+FLAGS", f"({flag})")[0] == "OK"

    def delete(self, uid, folder="INBOX"):
        self.mark(uid, "\\Deleted", folder)
        assert self.imap.expunge()[0] == "OK"

    def flags(self, folder="INBOX"):
        """Message-IDs of the folder's mails, with their flags; None: there is no such folder."""
        if not self.select(folder, readonly=True):
            return None
        out = []
        for item in self.imap.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1]:
            if isinstance(item, tuple):
                flags = set(re.search(rb"FLAGS \((.*?)\)", item[0])[1].decode().split()) - {"\\Recent"}
                out.append((email.message_from_bytes(item[1])["Message-ID"].strip(), flags))
        return dict(sorted(out)) if len(dict(out)) == len(out) else out


def flags(world, folder="INBOX"):
    with Look(world) as look:
        return look.flags(folder)


def id_of(raw):
    return email.message_from_bytes(raw)["Message-ID"].strip()


def actions(world, columns="what, state"):
    return [tuple(row.values()) for row in world.rows(
        f"SELECT {columns} FROM action ORDER BY mail_id")]


def commands(world, names_only=True):
    """Those of the last pass."""
    out = world.dovecot.commands(world.user, names_only)
    world.dovecot.forget_commands(world.user)
    return out


def passes(world, *, at=None, status=0, command="run"):
    world.dovecot.forget_commands(world.user)
    result = world.run(command, at=at)
    assert result.status == status, result
    return result


class Three:
    """One mail that is read, one that is held (nobody proved it) and one that is ignored."""

    def __init__(self, world):
        world.know("123456", "987654325")
        self.read, self.held, self.ignored = approval_mail("123456"), approval_mail("234567", proven=False), noise_mail(1)
        for raw in (self.read, self.held, self.ignored):
            world.deliver(raw)
        self.ids = [id_of(raw) for raw in (self.read, self.held, self.ignored)]

    def as_set(self, *flags):
        return dict(sorted(zip(self.ids, flags)))


@pytest.fixture
def make_server(tmp_path, ca, certificate):
    """A world at a Dovecot of its own, with more settings of its IMAP."""
    made = []

    def make(settings):
        server = imap.Dovecot(certificate, imap=settings)
        made.append(server)
        folder = tmp_path / f"server{len(made)}"
        folder.mkdir()
        world = World(folder, ca, certificate, server.start(), {"merchants": [], "salesUnits": []})
        made.insert(0, world)
        return world

    yield make
    for it in made:
        it.close()


def rights(world, words, folder="INBOX"):
    path = world.dovecot._maildir(world.user, folder) / "dovecot-acl"
    path.write_text(f"owner {words}\n")
    path.chmod(0o644)


def test_nothing_is_changed_on_the_server_unless_it_is_asked_for(world):
    three = Three(world)
    passes(world, status=3)
    assert not {"SELECT", "UID STORE", "CAPABILITY"} & set(commands(world))
    assert flags(world) == three.as_set(set(), set(), set()) and world.count("action") == 0


def test_seen_is_set_once_the_rows_are_committed_and_then_no_folder_is_selected_again(world):
    three = Three(world)
    world.mailbox["after"] = "seen"
    passes(world, status=3)
    assert flags(world) == three.as_set({"\\Seen"}, {"\\Seen"}, {"\\Seen"})
    assert actions(world) == [("seen", "done")] * 3
    assert commands(world).count("UID STORE") == 1
    assert len(world.received("approval.confirmed")) == 1
    passes(world)
    assert not {"SELECT", "UID STORE", "UID SEARCH"} & set(commands(world))


def test_each_fate_has_its_own_action(world):
    three = Three(world)
    world.mailbox["after"] = {"read": "keyword:$Vipps", "held": "seen", "ignored": "move:Søk & finn"}
    passes(world, status=3)
    inbox = three.as_set({"$Vipps"}, {"\\Seen"}, set())
    del inbox[three.ids[2]]
    assert flags(world) == inbox
    assert flags(world, "S&APg-k &- finn") == {three.ids[2]: set()}
    assert actions(world) == [("keyword:$Vipps", "done"), ("seen", "done"), ("move:Søk & finn", "done")]
    passes(world)  # what we took out ourselves is no reason to search the folder again
    assert not {"SELECT", "UID SEARCH"} & set(commands(world))
    assert world.count("mail", "fate = 'vanished'") == 0


def test_what_a_person_changed_afterwards_stays_as_it_is(world):
    Three(world)
    world.mailbox["after"] = "seen"
    passes(world, status=3)
    with Look(world) as look:
        look.select("INBOX")
        look.imap.uid("STORE", "1", "-FLAGS", "(\\Seen)")
    passes(world)
    assert list(flags(world).values()).count({"\\Seen"}) == 2


def test_a_held_mail_is_read_once_a_person_has_accepted_it(world):
    three = Three(world)
    world.know("234567", "987654325", unit="Torget 2")
    world.mailbox["after"] = {"read": "move:Done", "held": "keyword:Look"}
    passes(world, status=3)
    assert flags(world, "Done").keys() == {three.ids[0]}
    assert flags(world) == dict(sorted({three.ids[1]: {"Look"}, three.ids[2]: set()}.items()))
    claim = world.rows("SELECT id FROM claim WHERE state = 'held'")[0]["id"]
    assert world.run("review", "accept", f"clm_{claim}", "--why", "known").status == 0
    passes(world)
    assert flags(world, "Done").keys() == set(three.ids[:2])


def test_mail_from_before_start_is_left_and_history_is_not(world):
    old, history = noise_mail(1), noise_mail(2)
    world.deliver(old, arrived=time.time() - 90 * 86400)
    world.deliver(history)
    world.mailbox.update(after="seen", announce="new", start=time.strftime("%Y-%m-%d", time.gmtime(time.time() - 30 * 86400)))
    passes(world)
    assert flags(world) == dict(sorted({id_of(old): set(), id_of(history): {"\\Seen"}}.items()))


def test_without_move_a_mail_is_copied_and_only_it_is_expunged(make_server):
    world = make_server(PLAIN + "UIDPLUS")
    three = Three(world)
    other = noise_mail(9)
    world.deliver(other)
    world.mailbox["after"] = {"read": "move:Done", "held": "move:Held"}
    with Look(world) as look:
        look.mark(4, "\\Deleted")
        look.mark(3, "\\Deleted")
    passes(world, status=3)
    assert flags(world, "Done") == {three.ids[0]: set()} and flags(world, "Held") == {three.ids[1]: set()}
    assert flags(world) == dict(sorted({three.ids[2]: {"\\Deleted"}, id_of(other): {"\\Deleted"}}.items()))
    sent = commands(world)
    assert "UID EXPUNGE" in sent and not {"EXPUNGE", "CLOSE", "UID MOVE"} & set(sent)


def test_a_server_with_neither_move_nor_uidplus_is_told_of_once_and_nothing_is_lost(make_server):
    world = make_server(PLAIN)
    three = Three(world)
    world.mailbox["after"] = {"read": "move:Done"}
    first = passes(world, status=3)
    assert first.err.count("neither MOVE nor UIDPLUS") == 1
    assert flags(world, "Done") is None and flags(world).keys() == set(three.ids)
    assert len(world.received("approval.confirmed")) == 1
    assert actions(world)[0] == ("move:Done", "due")
    assert passes(world, at=time.time() + 2 * MINUTE).err == ""
    assert not {"EXPUNGE", "CLOSE", "UID COPY"} & set(commands(world))


@pytest.mark.clock
def test_what_the_server_refuses_is_tried_until_it_does_it(make_server):
    world = make_server(ACL)
    three = Three(world)
    world.mailbox["after"] = {"read": "seen", "held": "keyword:Look", "ignored": "move:Other"}
    rights(world, "lr")  # read only
    at = time.time()
    result = passes(world, at=at, status=3)
    assert result.err.count("mailbox.after-failing") == 1 and "only read" in result.err
    assert [row[:2] for row in actions(world, "state, attempts")] == [("due", 1)] * 3
    rights(world, "lrs")  # \Seen, and no other flag
    passes(world, at=at + 2 * MINUTE)
    assert flags(world) == three.as_set({"\\Seen"}, set(), set())
    assert "keeps no Look" in actions(world, "reason")[1][0]
    rights(world, "lrswitek")
    assert "mailbox.after-recovered" in passes(world, at=at + 20 * MINUTE).err
    assert flags(world, "Other").keys() == {three.ids[2]}
    assert sorted(map(sorted, flags(world).values())) == [["Look"], ["\\Seen"]]
    assert {row[0] for row in actions(world, "state")} == {"done"}


@pytest.mark.clock
@pytest.mark.parametrize("can", ["UIDPLUS MOVE", "UIDPLUS"], ids=["move", "copy"])
def test_a_target_that_refuses_leaves_the_mail_where_it_is_until_it_takes_it(make_server, can):
    world = make_server(PLAIN + can + "\n  " + ACL)
    three = Three(world)
    world.mailbox["after"] = {"read": "move:Done"}
    with Look(world) as look:
        look.imap.create("Done")
    rights(world, "lr", "Done")  # nothing may be put there
    at = time.time()
    assert "mailbox.after-failing" in passes(world, at=at, status=3).err
    assert flags(world).keys() == set(three.ids) and flags(world, "Done") == {}
    rights(world, "lrswitek", "Done")
    assert "mailbox.after-recovered" in passes(world, at=at + 2 * MINUTE).err
    assert flags(world, "Done") == {three.ids[0]: set()} and flags(world).keys() == set(three.ids[1:])


def held_then_accepted(world):
    """A mail with something to be done to it, before any pass knows."""
    world.know("234567", "987654325")
    world.deliver(approval_mail("234567", proven=False))
    world.mailbox["after"] = {"read": "move:Done"}
    passes(world, status=3)
    claim = world.rows("SELECT id FROM claim WHERE state = 'held'")[0]["id"]
    assert world.run("review", "accept", f"clm_{claim}", "--why", "known").status == 0


@pytest.mark.clock
def test_a_mail_that_a_person_deleted_meanwhile_is_gone_and_no_other_is_touched(world):
    held_then_accepted(world)
    with Look(world) as look:
        look.delete(1)
    other = noise_mail(5)
    world.deliver(other)
    at = time.time()
    passes(world, at=at)
    assert actions(world, "state, missed")[0] == ("due", 1)
    passes(world, at=at + 11 * MINUTE)
    assert actions(world, "state, reason")[0] == ("gone", "it is no longer there")
    assert flags(world) == {id_of(other): set()} and flags(world, "Done") is None


def test_after_a_new_uidvalidity_the_old_action_ends_and_the_mail_is_found_by_its_bytes(world):
    held_then_accepted(world)
    other = noise_mail(5)
    inbox = world.dovecot._maildir(world.user, "INBOX")
    first = next((inbox / "cur").iterdir())
    kept = first.read_bytes()
    first.unlink()
    for index in inbox.glob("dovecot*"):
        index.unlink()
    world.deliver(other)  # has the UID that the mail had
    world.deliver(kept)
    (inbox / "dovecot-uidlist").write_text("3 V77 N1\n")
    world.dovecot._own(inbox / "dovecot-uidlist")
    passes(world)
    assert actions(world, "state, reason")[0] == ("gone", "the server numbered the folder anew")
    assert flags(world) == {id_of(other): set()}
    assert flags(world, "Done").keys() == {id_of(kept)}


def last_calls(world, call):
    """How often the worker made this call, by strace."""
    trace = (world.dir / "trace").read_text()
    counts = {}
    for line in trace.splitlines():
        pid = line.split()[0]
        if f" {call}(" in line:
            counts[pid] = counts.get(pid, 0) + 1
    return counts


@pytest.mark.plain
@pytest.mark.clock
@pytest.mark.parametrize(("can", "call", "step"), [("UIDPLUS MOVE", "sendto", 1), ("UIDPLUS", "sendto", 1),
    ("UIDPLUS", "fdatasync", 3)], ids=["move-send", "copy-send", "copy-sync"])
def test_killed_at_any_step_of_a_move_each_mail_is_moved_once(make_server, can, call, step):
    world = make_server(PLAIN + can)
    world.mailbox["after"] = {"read": "move:Done", "held": "keyword:Look"}

    def begin(name):
        world.fresh_database(f"{name}.db")
        world.user = world.mailbox["user"] = world.dovecot.add_user(f"killed-{name}")
        return Three(world)

    def strace(*options):
        return ["strace", "-f", "-qq", "-e", "signal=none", "-e", f"trace={call}", "-o", str(world.dir / "trace"), *options]

    begin("whole")
    world.run("ingest", before=strace())
    total = max(last_calls(world, call).values())
    assert total > 12 * step
    for n in range(total - 12 * step + 1, total + 1, step):
        three = begin(f"{n}")
        assert "worker.killed" in world.run("ingest", before=strace("-e", f"inject={call}:signal=KILL:when={n}")).err
        with Look(world) as look:
            look.mark(3, "\\Deleted")  # by somebody else, and never expunged by us
        for later in (0, 11, 22):  # a mail that is not shown is asked for again later
            world.run("ingest", at=time.time() + later * MINUTE)
            if world.count("action", "settled_ms IS NULL") == 0:
                break
        assert flags(world, "Done").keys() == {three.ids[0]}, n
        assert flags(world) == dict(sorted({three.ids[1]: {"Look"}, three.ids[2]: {"\\Deleted"}}.items())), n
        assert {row[0] for row in actions(world, "state")} <= {"done", "gone", "left"}, n


def test_mail_show_says_what_was_done_on_the_server(world):
    Three(world)
    world.mailbox["after"] = {"read": "keyword:Vipps"}
    passes(world, status=3)
    assert "keyword:Vipps" in world.run("mail", "show", "mail_1").out
    shown = world.show("mail_1")
    assert shown["action"]["state"] == "done" and shown["action"]["what"] == "keyword:Vipps"
