"""Folders, sizes and dates as no server should tell them; one folder that fails does not keep the others waiting.

The common shape is in ordeal.py.
"""
import pytest

from ordeal import DATE, MAILS, MSNS, announced, fill, later, one_pass, suffered, unharmed, unheard
from servers.hostile_imap import CLOSE, Folder, instead, items, replaced, say
from servers.world import approval_mail


def pair(name, value):
    """Another value of an item; None: without it."""
    def change(mail, pairs):
        return [[(n, v if n != name else value) for n, v in pairs if n != name or value is not None]]
    return items(change)


# ---- what LIST and EXAMINE tell

ODD_LIST = {
    "a literal for a name": instead(b"* LIST (\\Junk) \"/\" {4}\r\nJunk\r\n* LIST () \"/\" INBOX\r\n{tag} OK done\r\n"),
    "no delimiter": instead(b"* LIST (\\Junk) NIL Junk\r\n* LIST () NIL INBOX\r\n{tag} OK done\r\n"),
    "10,000 folders": say(b"".join(b"* LIST (\\HasNoChildren) \"/\" \"Folder %d\"\r\n" % n for n in range(10000))),
    "no folder at all": instead(b"{tag} OK done\r\n"),
    "two folders for junk": say(b"* LIST (\\Junk) \"/\" Junk\r\n"),
    "names in raw UTF-8": say("* LIST () \"/\" \"Søppel\"\r\n".encode()),
}


@pytest.mark.parametrize("odd", ODD_LIST)
def test_an_odd_list_of_folders_keeps_no_mail_waiting(hostile, oracle, odd):
    hostile.imap.twists["LIST"] = ODD_LIST[odd]
    result = one_pass(fill(hostile))
    assert (result.status, result.err) == (0, "") and sorted(announced(hostile)) == MSNS
    unharmed(hostile, oracle)


BROKEN_LIST = {
    "NO": instead(b"{tag} NO not now\r\n"),
    "BAD": instead(b"{tag} BAD what\r\n"),
    "a name of no end": instead(b"* LIST () \"/\" \"" + b"x" * 2000000 + b"\"\r\n{tag} OK done\r\n"),
    "a name with NUL": say(b"* LIST (\\Junk) \"/\" \"J\0nk\"\r\n"),
    "a folder that is not there": instead(b"* LIST (\\Junk) \"/\" \"Gone\"\r\n{tag} OK done\r\n"),
    "a folder that nobody can select": instead(b"* LIST (\\NoSelect \\Junk) \"/\" \"Gone\"\r\n{tag} OK done\r\n"),
}


@pytest.mark.parametrize("bad", BROKEN_LIST)
def test_a_list_of_folders_that_breaks_loses_no_mail(hostile, oracle, bad):
    hostile.imap.twists["LIST"] = BROKEN_LIST[bad]
    suffered(one_pass(fill(hostile)))
    unharmed(hostile, oracle if "folder" not in bad else None)


ODD_SELECT = {
    "EXISTS 0": replaced(b"* 3 EXISTS", b"* 0 EXISTS"),
    "EXISTS 2": replaced(b"* 3 EXISTS", b"* 2 EXISTS"),
    "EXISTS 4294967295": replaced(b"* 3 EXISTS", b"* 4294967295 EXISTS"),
    "no UIDNEXT": lambda session, good: [line for line in good() if b"UIDNEXT" not in line],
    "UIDNEXT 0": replaced(b"[UIDNEXT 4]", b"[UIDNEXT 0]"),
    "UIDNEXT 2, which stays behind": replaced(b"[UIDNEXT 4]", b"[UIDNEXT 2]"),
    "UIDNEXT 4294967295": replaced(b"[UIDNEXT 4]", b"[UIDNEXT 4294967295]"),
    "UIDNOTSTICKY": say(b"* NO [UIDNOTSTICKY] numbers are new in each session\r\n"),
    "read-write": replaced(b"[READ-ONLY]", b"[READ-WRITE]"),
    "an alert": say(b"* NO [ALERT] 98% of the quota is used\r\n"),
    "all in small letters": lambda session, good: [*(line.lower() for line in good()[:-1]), good()[-1]],
}


@pytest.mark.parametrize("odd", ODD_SELECT)
def test_a_folder_that_counts_wrongly_is_read_all_the_same(hostile, oracle, odd):
    hostile.imap.twists["EXAMINE"] = ODD_SELECT[odd]
    fill(hostile)
    for _ in range(3):
        result = later(hostile)
        assert result.status == 0 and len(result.lines) <= 2, result
    assert sorted(announced(hostile)) == MSNS and hostile.events("evidence.added") == []
    unharmed(hostile, None)


@pytest.mark.clock
def test_an_alert_that_is_repeated_is_said_once_a_day(hostile):
    """At each EXAMINE of each of two folders, in each pass; the login's is another one."""
    hostile.imap.twists["EXAMINE"] = say(b"* NO [ALERT] 98% of the quota is used\r\n")
    fill(hostile)
    said = [one_pass(hostile).lines] + [later(hostile, hours=2).lines for _ in range(5)]
    assert said == [['warn imap.alert mailbox=onboarding text="98% of the quota is used"'], [], [], [], [], []]
    hostile.imap.twists["AUTHENTICATE"] = say(b"* OK [ALERT] the password expires soon\r\n")
    assert [len(later(hostile, hours=2).lines) for _ in range(2)] == [1, 0]
    assert len(later(hostile, hours=12).lines) == 1
    for n in range(20):  # one that is always another
        hostile.imap.twists["EXAMINE"] = say(b"* NO [ALERT] %d connections\r\n" % n)
        said.append(later(hostile, hours=0.1).lines)
    assert sum(map(len, said[6:])) == 8 and hostile.count("trouble", "cause LIKE 'alert:%'") == 10


def test_uidnext_that_stays_behind_does_not_make_the_folder_anew_at_each_pass(hostile):
    hostile.imap.twists["EXAMINE"] = replaced(b"[UIDNEXT 4]", b"[UIDNEXT 2]")
    fill(hostile)
    for _ in range(6):
        later(hostile)
    assert hostile.count("mail") == 3
    assert sorted(announced(hostile)) == MSNS


def test_mails_under_uids_that_were_given_anew_are_read_though_uidnext_was_always_too_low(hostile):
    hostile.imap.twists["EXAMINE"] = replaced(b"[UIDNEXT 4]", b"[UIDNEXT 2]")
    fill(hostile)
    later(hostile)
    inbox = hostile.imap.folders["INBOX"]
    inbox.mails, inbox.uidnext = inbox.mails[:1], 2  # a backup was restored
    later(hostile)
    hostile.know("444444", "987654325")
    hostile.deliver(approval_mail("444444", date=DATE), arrived=DATE + 60)
    hostile.imap.behave()
    later(hostile)
    assert sorted(announced(hostile)) == [*MSNS, "444444"]


def test_a_folder_that_is_numbered_anew_is_read_again_and_tells_nothing_twice(hostile):
    fill(hostile)
    assert one_pass(hostile).status == 0
    hostile.imap.folders["INBOX"].renumber(7777)
    assert later(hostile, hours=0.1).err == ""
    assert hostile.count("mail") == 6
    unheard(hostile)


@pytest.mark.clock
def test_an_old_mail_that_cannot_be_had_does_not_have_all_behind_it_listed_in_each_pass(hostile):
    hostile.imap.twists["BODIES"] = items(lambda mail, pairs: [pairs] if mail.uid != 1 else [])
    fill(hostile)
    one_pass(hostile)
    for msn in ("444444", "555555"):
        hostile.know(msn, "987654325")
        hostile.deliver(approval_mail(msn, date=DATE), arrived=DATE + 60)
        hostile.imap.asked.clear()
        later(hostile, hours=1)
    assert [line for line in hostile.imap.asked if "SEARCH" in line] == ["UID SEARCH UID 1,5:*"]
    hostile.imap.remove(1)  # and is not forgotten for it
    for _ in range(2):
        hostile.imap.asked.clear()
        later(hostile, hours=1)
        assert "UID SEARCH ALL" in hostile.imap.asked
    assert [event["data"]["error"] for event in hostile.events("mail.vanished")] == ["gone before it was read"]


VANISHED_STRAY = "the folder was numbered anew, and mails of its size and date are missing"
UNKNOWN_STRAY = "the folder was numbered anew before its header was read: it may be there under another UID"


@pytest.mark.parametrize("key,why", [("BODIES", VANISHED_STRAY), ("HEADERS", UNKNOWN_STRAY)])
def test_what_waited_when_the_folder_was_numbered_anew_and_did_not_turn_up_is_told_as_vanished(hostile, key, why):
    hostile.imap.twists[key] = items(lambda mail, pairs: [pairs] if mail.uid != 2 else [])
    fill(hostile)
    one_pass(hostile)
    assert sorted(announced(hostile)) == ["111111", "333333"]
    hostile.imap.behave()
    hostile.imap.remove(2)
    hostile.imap.folders["INBOX"].renumber(7777)
    later(hostile)
    assert hostile.rows("SELECT uid, fate, reason FROM mail WHERE fate NOT IN ('read')") == [
        {"uid": 2, "fate": "vanished", "reason": why}]
    later(hostile)
    assert [event["data"]["error"] for event in hostile.events("mail.vanished")] == [why]
    unheard(hostile, ["111111", "333333"])


@pytest.mark.parametrize("key", ["BODIES", "HEADERS"])
def test_what_waited_when_the_folder_was_numbered_anew_and_turns_up_is_read_and_not_told_as_vanished(hostile, oracle, key):
    hostile.imap.twists[key] = items(lambda mail, pairs: [pairs] if mail.uid != 2 else [])
    fill(hostile)
    one_pass(hostile)
    hostile.imap.folders["INBOX"].renumber(7777)  # mail 2 has its number still, and still it does not come
    later(hostile)
    assert hostile.events("mail.vanished") == [] and hostile.count("mail", "fate = 'pending'") == 2
    hostile.imap.behave()
    later(hostile)
    assert hostile.events("mail.vanished") == [] and hostile.count("mail", "fate = 'pending'") == 0
    unheard(hostile)


@pytest.mark.clock
def test_numbers_that_come_and_go_do_not_make_the_folder_anew_at_each_pass(hostile):
    """Two servers behind one name, say: what one of them shows is read, and the other's numbers are told as a failure."""
    fill(hostile)
    one_pass(hostile)
    inbox, said = hostile.imap.folders["INBOX"], []
    for n in range(20):  # 40 minutes
        inbox.uidvalidity = 7777 if n % 2 == 0 else 1000
        said += later(hostile, hours=1 / 30).lines
    assert hostile.count("epoch", "folder_id = 1") == 3 and hostile.count("mail") == 9
    assert len(said) == 1 and "keeps numbering its mails anew (2 times within an hour" in said[0]
    assert [event["data"]["name"] for event in hostile.events("mailbox.failing")] == ["onboarding"]
    hostile.know("444444", "987654325")
    hostile.deliver(approval_mail("444444", date=DATE), arrived=DATE + 60)  # under the numbers that are known
    later(hostile, hours=1 / 30)
    inbox.uidvalidity = 7777
    later(hostile, hours=1 / 30)
    assert sorted(announced(hostile)) == [*MSNS, "444444"]
    assert [line.split()[1] for line in later(hostile, hours=1.5).lines] == ["mailbox.recovered"]
    later(hostile, hours=1.5)
    unheard(hostile, [*MSNS, "444444"])


# ---- several folders

def two_folders(world, first="INBOX", second="Junk"):
    """An approval in each; answers their MSNs."""
    for msn, folder in zip(MSNS, (first, second)):
        world.know(msn, "987654325")
        world.deliver(approval_mail(msn, date=DATE), folder=folder, arrived=DATE + 60)
    fill(world, [MAILS[2]])
    return MSNS


def only_in(name, twist):
    """While this folder is the selected one."""
    def twisted(session, good):
        here = session.folder is session.server.folders[name]
        if session.line.split(b" ")[1].upper() == b"EXAMINE":
            here = session.line.endswith(name.encode()) or session.line.endswith(b'"%s"' % name.encode())
        return twist(session, good) if here else good()
    return twisted


FOLDER_FAILS = {
    "EXAMINE NO": ("EXAMINE", instead(b"{tag} NO [INUSE] locked\r\n")),
    "EXAMINE BAD": ("EXAMINE", instead(b"{tag} BAD what\r\n")),
    "EXAMINE without UIDVALIDITY": ("EXAMINE", lambda session, good: [l for l in good() if b"UIDVALIDITY" not in l]),
    "SEARCH NO": ("SEARCH", instead(b"{tag} NO [SERVERBUG] index\r\n")),
    "SEARCH empty": ("SEARCH", instead(b"{tag} OK done\r\n")),
    "SEARCH and the end": ("SEARCH", instead(CLOSE)),
    "FETCH and the end": ("HEADERS", instead(CLOSE)),
    "a body and the end": ("BODIES", instead(CLOSE)),
    "a body and an answer that nobody knows": ("BODIES", say(b"* XUNK a\r\n")),
    "a body NO": ("BODIES", instead(b"{tag} NO [SERVERBUG] store\r\n")),
}


@pytest.mark.parametrize("bad", FOLDER_FAILS)
def test_a_folder_that_fails_does_not_keep_the_next_one_waiting(hostile, bad):
    key, twist = FOLDER_FAILS[bad]
    hostile.imap.twists[key] = only_in("INBOX", twist)
    two_folders(hostile)
    suffered(one_pass(hostile), lines=2)
    assert announced(hostile) == ["222222"]
    unharmed(hostile, None)


@pytest.mark.parametrize("bad", FOLDER_FAILS)
def test_a_folder_that_fails_does_not_keep_the_one_before_it_waiting(hostile, bad):
    key, twist = FOLDER_FAILS[bad]
    hostile.imap.twists[key] = only_in("Junk", twist)
    two_folders(hostile)
    suffered(one_pass(hostile))
    assert sorted(announced(hostile)) == ["111111", "333333"]
    unharmed(hostile, None)


def test_a_folder_that_is_gone_and_comes_back_under_other_numbers_announces_nothing_again(hostile):
    two_folders(hostile)
    assert one_pass(hostile).status == 0
    junk = hostile.imap.folders.pop("Junk")
    suffered(later(hostile), status=(0, 3))
    hostile.imap.folders["Junk"] = Folder("\\Junk", 9999)
    hostile.imap.folders["Junk"].add(junk.mails[0].raw, DATE + 60)
    later(hostile)
    unheard(hostile)
    assert hostile.events("evidence.added") == []


# ---- sizes, dates and header fields

ODD_HEADERS = {
    "the year 0": pair(b"INTERNALDATE", b'"01-Jan-0000 00:00:00 +0000"'),
    "the year 9999": pair(b"INTERNALDATE", b'"01-Jan-9999 00:00:00 +0000"'),
    "the 99th of a month": pair(b"INTERNALDATE", b'"99-Feb-2026 25:61:61 +9999"'),
    "one digit for a day": pair(b"INTERNALDATE", b'" 2-Jan-2026 00:00:00 +0000"'),
    "no origin in the answer": items(lambda mail, pairs: [[(n.replace(b"<0>", b""), v) for n, v in pairs]]),
    "field names in quotes": items(lambda mail, pairs: [[(n.replace(b"(FROM ", b'("FROM" '), v) for n, v in pairs]]),
    "a size of -1": pair(b"RFC822.SIZE", b"-1"),
    "no header fields": items(lambda mail, pairs: [[(n, v if b"HEADER" not in n else b"{2}\r\n\r\n") for n, v in pairs]]),
    "header fields NIL": items(lambda mail, pairs: [[(n, v if b"HEADER" not in n else b"NIL") for n, v in pairs]]),
    "header fields in quotes": items(lambda mail, pairs: [[(n, v if b"HEADER" not in n else b'"Subject: x"') for n, v in pairs]]),
}


@pytest.mark.parametrize("odd", ODD_HEADERS)
def test_odd_dates_and_header_fields_lose_no_mail(hostile, odd):
    """Wrong dates may leave a claim to a person, and what step one does not show is looked at in step two."""
    hostile.imap.twists["HEADERS"] = ODD_HEADERS[odd]
    result = one_pass(fill(hostile))
    assert result.status in (0, 3) and len(result.lines) <= 1, result
    assert hostile.count("mail", "fate IN ('read', 'pending')") == 3
    hostile.imap.behave()
    later(hostile)
    assert hostile.count("claim") == 3 and len(announced(hostile)) + len(hostile.log("--state", "held")) == 3


BROKEN_HEADERS = {
    "no date": pair(b"INTERNALDATE", None),
    "NIL for a date": pair(b"INTERNALDATE", b"NIL"),
    "no size": pair(b"RFC822.SIZE", None),
    "NIL for a size": pair(b"RFC822.SIZE", b"NIL"),
    "a size of 4294967297, which wraps to 1": pair(b"RFC822.SIZE", b"4294967297"),
}


@pytest.mark.parametrize("bad", BROKEN_HEADERS)
def test_a_mail_without_size_or_date_is_asked_for_again(hostile, oracle, bad):
    hostile.imap.twists["HEADERS"] = BROKEN_HEADERS[bad]
    suffered(one_pass(fill(hostile)))
    unharmed(hostile, oracle)


def test_a_mail_that_claims_to_be_huge_is_told_of_and_holds_back_no_other(hostile):
    def change(mail, pairs):
        return [[(n, b"4294967295" if n == b"RFC822.SIZE" and mail.uid == 2 else v) for n, v in pairs]]
    hostile.imap.twists["HEADERS"] = items(change)
    one_pass(fill(hostile))
    assert sorted(announced(hostile)) == ["111111", "333333"]
    assert hostile.rows("SELECT uid, fate FROM mail WHERE fate <> 'read'") == [{"uid": 2, "fate": "oversize"}]
    assert len(hostile.events("mail.oversize")) == 1


def test_a_body_far_larger_than_its_size_is_cut_off_and_asked_for_again(hostile, oracle):
    """Memory is bounded by what was announced, not by what comes."""
    hostile.imap.twists["BODIES"] = items(lambda mail, pairs: [[(n, v if not n.startswith(b"BODY[") else
        b"{%d}\r\n" % (60 << 20) + b"x" * (60 << 20)) for n, v in pairs]] if mail.uid == 1 else [])
    suffered(one_pass(fill(hostile)))
    unharmed(hostile, oracle)
