"""What is done to mails afterwards, on a server that refuses, lies and breaks: it is done at last, once, and costs no mail.

The common shape is in ordeal.py.
"""
import pytest

from ordeal import MAILS, MSNS, announced, fill, later, one_pass, suffered, unharmed
from servers.hostile_imap import BYE, CLOSE, Folder, instead, replaced, say

NO, OK = b"{tag} NO [SERVERBUG] not now\r\n", b"{tag} OK done\r\n"


def done_and_the_end(session, good):
    """It is done, and nobody hears of it."""
    good()
    return [CLOSE]


BROKEN = {
    "NO": instead(NO),
    "OK, and nothing is done": instead(OK),
    "the end": instead(CLOSE),
    "done, and the end": done_and_the_end,
    "BYE, as IONOS after half an hour": instead(b"* BYE timeout\r\n", BYE),
    "done, and a wrong tag": lambda session, good: [*good()[:-1], b"X99 OK done\r\n"],
    "done, and NO": lambda session, good: [*good()[:-1], session.tag + b" NO cannot tell\r\n"],
    "done, and an answer that nobody knows": say(b"* XUNK a\r\n"),
}


def flags(world):
    return [mail.flags - {"\\Recent"} for mail in world.imap.folders["INBOX"].mails]


def settled(world, passes=6):
    """The server behaves, until nothing is left to do there."""
    world.imap.behave()
    for _ in range(passes):
        result = later(world)
        assert result.status == 0 and len(result.lines) <= 2, result
    assert world.count("action", "state NOT IN ('done', 'gone')") == 0, world.rows("SELECT * FROM action")


@pytest.mark.parametrize("step", ["STORE", "MARKS", "SELECT"])
@pytest.mark.parametrize("bad", BROKEN)
def test_a_mark_that_fails_costs_no_mail_and_is_made_at_last(hostile, oracle, step, bad):
    hostile.mailbox["after"] = "seen"
    hostile.imap.twists[step] = BROKEN[bad]
    suffered(one_pass(fill(hostile)), lines=2)
    assert sorted(announced(hostile)) == MSNS  # nobody waits for it
    settled(hostile)
    assert flags(hostile) == [{"\\Seen"}] * 3
    unharmed(hostile, oracle)


def moves():
    for bad in BROKEN:
        for step in ("MOVE", "STATUS", "COPY", "STORE", "EXPUNGE"):
            yield pytest.param(step, bad, id=f"{step}: {bad}")


@pytest.mark.parametrize("step, bad", moves())
def test_a_move_that_fails_costs_no_mail_and_is_made_at_last(hostile, oracle, step, bad):
    if step != "MOVE":
        hostile.imap.capabilities = hostile.imap.capabilities.replace(b" MOVE", b"")
    hostile.mailbox["after"] = "move:Done"
    hostile.imap.folders["Done"] = done = Folder(uidvalidity=3000)
    hostile.imap.twists[step] = BROKEN[bad]
    suffered(one_pass(fill(hostile)), lines=2)
    assert sorted(announced(hostile)) == MSNS
    assert {mail.raw for mail in hostile.imap.folders["INBOX"].mails + done.mails} == set(MAILS)  # each is somewhere
    settled(hostile)
    assert hostile.imap.folders["INBOX"].mails == []
    assert sorted(mail.raw for mail in done.mails) == sorted(MAILS)  # and at last there, once
    unharmed(hostile, oracle)


def test_a_folder_that_turns_out_to_be_read_only_is_left_alone(hostile, oracle):
    hostile.mailbox["after"] = "seen"
    hostile.imap.twists["SELECT"] = replaced(b"[READ-WRITE]", b"[READ-ONLY]")
    suffered(one_pass(fill(hostile)), lines=2)
    assert not [line for line in hostile.imap.asked if "STORE" in line]
    settled(hostile)
    unharmed(hostile, oracle)


def test_marks_are_stored_in_the_form_that_all_servers_take__hmailserver_parsedmarc_302(hostile, oracle):
    """By UID, and the flags in parentheses."""
    hostile.mailbox["after"] = "seen"

    def twist(session, good):
        flags = session.line.split(b" ", 5)[5]
        return good() if flags.startswith(b"(") and flags.endswith(b")") else [session.tag + b" BAD Invalid flags\r\n"]
    hostile.imap.twists["STORE"] = twist
    assert one_pass(fill(hostile)).err == ""
    assert flags(hostile) == [{"\\Seen"}] * 3
    unharmed(hostile, oracle)


def test_nothing_is_ever_expunged_that_we_did_not_copy(hostile, oracle):
    """A person's \\Deleted mails stay: plain EXPUNGE and CLOSE are never sent."""
    hostile.imap.capabilities = hostile.imap.capabilities.replace(b" MOVE", b"")
    hostile.mailbox["after"] = {"read": "move:Done"}
    hostile.imap.folders["Done"] = Folder(uidvalidity=3000)
    hostile.deliver(b"From: a@example.com\r\nSubject: mine\r\n\r\nx\r\n", flags=["\\Deleted"], uid=9)
    fill(hostile)
    assert one_pass(hostile).status == 0
    assert [mail.uid for mail in hostile.imap.folders["INBOX"].mails] == [9]
    words = {line.upper().split()[0] for line in hostile.imap.asked}
    assert not words & {"EXPUNGE", "CLOSE", "STORE", "MOVE", "COPY"}
