"""Mails are moved and marked on servers that refuse, lie, stall and break off: each once, and no other mail is touched."""
import time

import pytest

from ordeal import DATE, MAILS, MSNS, fill, hurried, later, one_pass, suffered, unheard
from servers.hostile_imap import BYE, CLOSE, HANG, Folder, cut, instead, replaced, say
from servers.world import noise_mail

NO, OK, BAD = b"{tag} NO [SERVERBUG] not now\r\n", b"{tag} OK done\r\n", b"{tag} BAD what\r\n"


def done_and(*acts):
    """The command is done, and this is its answer."""
    def twist(session, good):
        good()
        return instead(*acts)(session, good)
    return twist


def after_login(twist):
    """CAPABILITY is asked before the login too."""
    return lambda session, good: twist(session, good) if {"LOGIN", "AUTHENTICATE"} & set(session.server.asked) else good()


def numbered_anew(session, good):
    """Between EXAMINE and SELECT: the UIDs mean other mails now."""
    folder = session.server.folders["INBOX"]
    folder.mails.reverse()
    folder.renumber(folder.uidvalidity + 1)
    return good()


MOMENTS = {
    "NO": instead(NO),
    "BAD": instead(BAD),
    "the end": instead(CLOSE),
    "BYE and the end": instead(b"* BYE shutting down\r\n", BYE),
    "OK and nothing is done": instead(OK),
    "done, and the end": done_and(CLOSE),
    "done, and NO": done_and(NO),
    "done, and another tag": done_and(b"X99 OK done\r\n"),
    "half an answer": cut(3),
    "an answer that nobody knows": say(b"* XUNK (a b) c\r\n"),
    "bytes of no protocol": say(bytes(range(256)) * 40),
}
WAYS = {"MOVE": b"IMAP4rev1 UIDPLUS MOVE", "COPY": b"IMAP4rev1 UIDPLUS"}
STEPS = [("MOVE", "CAPABILITY"), ("MOVE", "SELECT"), ("MOVE", "MOVE"), ("MOVE", "CREATE"), ("COPY", "STATUS"),
    ("COPY", "COPY"), ("COPY", "STORE"), ("COPY", "EXPUNGE")]


def begin(world, after, way="MOVE", target=True):
    """Three mails to be moved, one to be left, and one that somebody else marked as deleted."""
    fill(world)
    imap = world.imap
    imap.capabilities = WAYS[way]
    imap.deliver(world.user, noise_mail(1))
    imap.deliver(world.user, noise_mail(2), flags=["\\Deleted"])
    if target:
        imap.folders["Done"] = Folder(uidvalidity=3000)
        imap.folders["Done"].add(noise_mail(3))
    world.mailbox["after"] = {"read": after}
    return world


def settled(world):
    """The server behaves from now on, and later passes do what is due."""
    world.imap.behave()
    for _ in range(4):
        if world.count("mail", "fate = 'pending'") + world.count("action", "settled_ms IS NULL") == 0:
            return
        assert later(world).status == 0
    raise AssertionError(world.rows("SELECT * FROM action"))


def moved(world, want=MAILS):
    """It ends in this, whatever happened before."""
    settled(world)
    folders = world.imap.folders
    assert sorted(mail.raw for mail in folders["Done"].mails if mail.raw in MAILS) == sorted(want)
    assert not [mail for mail in folders["INBOX"].mails if mail.raw in want]
    assert sorted(mail.flags == {"\\Deleted"} for mail in folders["INBOX"].mails if mail.raw not in MAILS) == [False, True]
    assert not [line for line in world.imap.asked if line.upper().startswith(("EXPUNGE", "CLOSE"))]
    unheard(world)


@pytest.mark.clock
@pytest.mark.parametrize("bad", MOMENTS)
@pytest.mark.parametrize(("way", "step"), STEPS, ids=[f"{way}-{step}" for way, step in STEPS])
def test_a_move_that_breaks_ends_with_each_mail_moved_once(hostile, way, step, bad):
    begin(hostile, "move:Done", way, target=step != "CREATE")
    hostile.imap.twists[step] = after_login(MOMENTS[bad])
    suffered(one_pass(hostile))
    moved(hostile)


@pytest.mark.parametrize(("way", "step"), STEPS + [("COPY", "MARKS")])
def test_an_alert_at_any_command_is_shown(hostile, way, step):
    """What a server says with the last of them too."""
    begin(hostile, "move:Done", way, target=step != "CREATE")
    hostile.imap.twists[step] = after_login(say(b"* OK [ALERT] the disk is full\r\n"))
    result = one_pass(hostile)
    assert result.status == 0 and set(result.lines) == {'warn imap.alert mailbox=onboarding text="the disk is full"'}
    moved(hostile)


@pytest.mark.clock
@pytest.mark.parametrize("bad", MOMENTS)
def test_flags_that_are_not_shown_move_nothing_twice(hostile, bad):
    begin(hostile, "move:Done")
    hostile.imap.twists["MARKS"] = MOMENTS[bad]
    suffered(one_pass(hostile))
    moved(hostile)


@pytest.mark.clock
@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_hangs_in_a_move_is_left_at_the_deadline(hostile, way):
    begin(hostile, "move:Done", way)
    hostile.imap.twists[way] = done_and(HANG)
    suffered(one_pass(hostile, before=hurried(hostile)))
    moved(hostile)


@pytest.mark.clock
@pytest.mark.parametrize("way", WAYS)
def test_a_folder_that_is_numbered_anew_before_it_is_selected_has_no_mail_touched(hostile, way):
    begin(hostile, "move:Done", way)
    hostile.imap.twists["SELECT"] = numbered_anew
    suffered(one_pass(hostile))
    assert len(hostile.imap.folders["Done"].mails) == 1 and len(hostile.imap.folders["INBOX"].mails) == 5
    moved(hostile)


@pytest.mark.clock
@pytest.mark.parametrize("what", ["keyword:Noise", "move:Noise"])
def test_a_folder_that_is_numbered_anew_while_mails_are_copied_has_no_other_mail_touched(hostile, what):
    begin(hostile, "move:Done", "COPY")
    hostile.mailbox["after"] = {"read": "move:Done", "ignored": what}
    selects = iter([lambda session, good: good(), numbered_anew])
    hostile.imap.twists["SELECT"] = lambda session, good: next(selects, lambda session, good: good())(session, good)
    suffered(one_pass(hostile))
    inbox, noise = hostile.imap.folders["INBOX"], hostile.imap.folders.get("Noise", Folder())
    assert next(selects, None) is None and inbox.uidvalidity == 1001
    assert sorted(mail.raw for mail in inbox.mails if mail.raw in MAILS) == sorted(MAILS)
    assert not [mail for mail in inbox.mails if "Noise" in mail.flags] and not noise.mails


@pytest.mark.clock
def test_a_mail_that_alone_is_refused_keeps_no_other_back(hostile):
    begin(hostile, "move:Done")

    def not_the_first(session, good):
        uids = session.line.split()[3]
        return instead(NO)(session, good) if uids.startswith(b"1") else good()
    hostile.imap.twists["MOVE"] = not_the_first
    suffered(one_pass(hostile))
    assert len(hostile.imap.folders["Done"].mails) == 1
    for _ in range(3):
        later(hostile)
    assert sorted(mail.raw for mail in hostile.imap.folders["Done"].mails[1:]) == sorted(MAILS[1:])
    moved(hostile)


@pytest.mark.clock
def test_mails_that_are_refused_for_ever_keep_none_behind_them_waiting_for_ever(hostile):
    """Each alone, twenty failures in a pass: whoever waited longest comes first, also where a pass is rare."""
    hostile.mailbox["after"] = {"ignored": "keyword:Noise"}
    for n in range(30):
        hostile.deliver(noise_mail(n), arrived=DATE)

    def not_the_first(session, good):
        uids = [mail.uid for _, mail in session.uids(session.line.split()[3])]
        return instead(NO)(session, good) if min(uids) <= 25 else good()
    hostile.imap.twists["STORE"] = not_the_first
    hostile.began = time.time()
    one_pass(hostile)
    for _ in range(5):
        later(hostile)
    assert [mail.uid for mail in hostile.imap.folders["INBOX"].mails if "Noise" in mail.flags] == [26, 27, 28, 29, 30]
    settled(hostile)


@pytest.mark.clock
@pytest.mark.parametrize("kept", [b"[PERMANENTFLAGS ()]", b"[PERMANENTFLAGS (\\Answered)]", b"[READ-ONLY]"])
def test_a_flag_that_the_server_does_not_keep_is_no_harm(hostile, kept):
    begin(hostile, "seen")
    hostile.imap.twists["SELECT"] = (replaced(b"[READ-WRITE]", kept) if kept == b"[READ-ONLY]" else
        replaced(b"[PERMANENTFLAGS (\\Seen \\*)]", kept))
    suffered(one_pass(hostile))
    settled(hostile)
    assert [mail.flags for mail in hostile.imap.folders["INBOX"].mails] == [{"\\Seen"}] * 3 + [set(), {"\\Deleted"}]
    unheard(hostile)


@pytest.mark.clock
@pytest.mark.parametrize("bad", MOMENTS)
@pytest.mark.parametrize(("after", "step"), [("seen", "STORE"), ("keyword:Vipps", "MARKS")])
def test_a_mark_is_set_in_the_end(hostile, after, step, bad):
    begin(hostile, after)
    hostile.imap.twists[step] = MOMENTS[bad]
    suffered(one_pass(hostile))
    settled(hostile)
    flag = "\\Seen" if after == "seen" else "Vipps"
    assert [mail.flags for mail in hostile.imap.folders["INBOX"].mails] == [{flag}] * 3 + [set(), {"\\Deleted"}]
    assert {row["state"] for row in hostile.rows("SELECT state FROM action")} == {"done", "left"}
    unheard(hostile)


@pytest.mark.clock
def test_copies_that_are_not_shown_are_not_made_for_ever_and_no_original_is_removed(hostile):
    begin(hostile, "move:Done", "COPY")
    hostile.imap.twists["COPY"] = instead(OK)
    for _ in range(6):
        later(hostile)
    asked = [line for line in hostile.imap.asked if line.upper().startswith("UID COPY")]
    assert len(asked) <= 3 * 3 and len(hostile.imap.folders["INBOX"].mails) == 5
    assert {row["state"] for row in hostile.rows("SELECT state FROM action")} == {"due", "left"}
    for raw in MAILS:  # the copies turn up late
        hostile.imap.folders["Done"].add(raw)
    moved(hostile)


def flagged(world, keyword):
    return sum(keyword in mail.flags for mail in world.imap.folders["INBOX"].mails)


@pytest.fixture
def refused(hostile):
    """Thirty mails, whose keyword the server did not want three times."""
    fill(hostile, [noise_mail(n) for n in range(30)])
    hostile.mailbox["after"] = "keyword:One"
    hostile.imap.twists["STORE"] = instead(NO)
    for _ in range(3):
        later(hostile)
    assert hostile.count("action", "attempts = 3 AND state = 'due'") == 30
    hostile.imap.behave()
    hostile.imap.asked.clear()
    return hostile


@pytest.mark.clock
def test_what_a_server_refused_for_long_is_not_done_drop_by_drop_once_it_takes_it(refused):
    later(refused)
    assert flagged(refused, "One") == 30


@pytest.mark.clock
def test_what_another_setting_asks_for_is_not_held_back_by_what_the_one_before_failed_at(refused):
    refused.mailbox["after"] = "keyword:Two"
    later(refused)
    assert (flagged(refused, "One"), flagged(refused, "Two")) == (0, 30)
    assert sum("STORE" in line for line in refused.imap.asked) == 1
