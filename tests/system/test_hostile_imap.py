"""Servers that say what no server should: each row of the table of what libetpan does with it.

The common shape is in ordeal.py. Mails that break parsers are in test_hostile_mail.py, wrong certificates in
test_certificates.py.
"""
import hashlib

import pytest

from ordeal import MAILS, MSNS, announced, fill, hurried, later, one_pass, suffered, unharmed
from servers.hostile_imap import (BYE, CLOSE, HANG, RESET, cut, drip, fetch_line, instead, items, literal, once, replaced,
    say)


def test_a_server_that_behaves_is_read_without_a_word(hostile, oracle):
    """The tests here can fail."""
    fill(hostile)
    result = one_pass(hostile)
    assert (result.status, result.err) == (0, "")
    unharmed(hostile, oracle)


# ---- FETCH, of header fields and of bodies

NO, OK = b"{tag} NO [SERVERBUG] not now\r\n", b"{tag} OK done\r\n"
BINARY = bytes(range(256)) * 400


def first_literal(size):
    """Another size in the first literal's braces."""
    def twist(session, good):
        lines = good()
        before, _, rest = lines[0].partition(b"{")
        return [before + size + rest.partition(b"}")[2], *lines[1:]]
    return twist


def without_text(value):
    return items(lambda mail, pairs: [[(name, value if name.startswith(b"BODY[") else was) for name, was in pairs]])


def some_and(*acts):
    """What comes for the first mail, and then something else than the rest."""
    return lambda session, good: [*good()[:1], *instead(*acts)(session, good)]


def with_item(name, value):
    return items(lambda mail, pairs: [[*pairs, (name, value)]])


def middle(how):
    """The end is in the middle of a mail's text."""
    def twist(session, good):
        lines = good()
        return [lines[0], lines[1][:len(lines[1]) // 2], how]
    return twist


BROKEN_FETCH = {
    "NO alone": instead(NO),
    "NO after some": some_and(NO),
    "BAD": instead(b"{tag} BAD what\r\n"),
    "OK and no mail": instead(OK),
    "OK and not all mails": some_and(OK),
    "OK and other mails": items(lambda mail, pairs: [[(b"UID", b"%d" % (mail.uid + 100)), *pairs[1:]]]),
    "no UID": items(lambda mail, pairs: [pairs[1:]]),
    "UID 0": items(lambda mail, pairs: [[(b"UID", b"0"), *pairs[1:]]]),
    "UID 4294967298, which wraps to 2": replaced(b"(UID 1 ", b"(UID 4294967298 "),
    "a literal of 4294967301, which wraps to 5": first_literal(b"{4294967301}"),
    "a literal of 4294967295": first_literal(b"{4294967295}"),
    "a literal of -5": first_literal(b"{-5}"),
    "a literal larger than the command allows": first_literal(b"{40000000}"),
    "a literal shorter than its text": first_literal(b"{100}"),
    "the end in a literal": middle(CLOSE),
    "the end in a literal, with TLS's goodbye": middle(BYE),
    "a reset in a literal": middle(RESET),
    "the end at once": instead(CLOSE),
    "the end before the tagged line": lambda session, good: [*good()[:-1], CLOSE],
    "the end in the tagged line": lambda session, good: [*good()[:-1], session.tag, CLOSE],
    "BYE and the end": instead(b"* BYE shutting down\r\n", CLOSE),
    "BYE and the end after some": some_and(b"* BYE shutting down\r\n", CLOSE),
    "a line without an end": say(b"* OK " + b"x" * (20 << 20)),
    "a line of data without an end": say(b"* 1 FETCH (FLAGS (" + b"x" * (20 << 20)),
    "BODYSTRUCTURE of 20,000 lists": say(b"* 1 FETCH (UID 1 BODYSTRUCTURE " + b"(" * 20000 + b")" * 20000 + b")\r\n"),
    "NIL": without_text(b"NIL"),
    "an empty text": without_text(b'""'),
    "an empty literal": without_text(b"{0}\r\n"),
    "an untagged answer that nobody knows": say(b"* XUNK (a b) c\r\n"),
    "ESEARCH": say(b'* ESEARCH (TAG "1") UID ALL 1:3\r\n'),
    "EMAILID": with_item(b"EMAILID", b"(M6d99ac3275bb4e)"),
    "BINARY[]": with_item(b"BINARY[]", b"{2}\r\nab"),
    "an item that nobody knows": with_item(b"XITEM", b"(1 2)"),
    "a wrong tag": lambda session, good: [*good()[:-1], b"X99 OK done\r\n"],
    "the answer twice": lambda session, good: good() * 2,
    "bytes of no protocol": say(BINARY),
    "another protocol": instead(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", CLOSE),
}
STEPS = ["HEADERS", "BODIES"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("bad", BROKEN_FETCH)
def test_a_fetch_that_breaks_loses_no_mail(hostile, oracle, step, bad):
    hostile.imap.twists[step] = BROKEN_FETCH[bad]
    suffered(one_pass(fill(hostile)))
    assert hostile.count("mail", "fate NOT IN ('pending', 'read')") == 0
    unharmed(hostile, oracle)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("bad", ["OK and not all mails", "NO after some", "NIL", "ESEARCH", "the answer twice",
    "the end in a literal"])
def test_a_fetch_that_breaks_once_loses_no_mail(hostile, oracle, step, bad):
    hostile.imap.twists[step] = once(BROKEN_FETCH[bad])
    suffered(one_pass(fill(hostile)))
    unharmed(hostile, oracle)


# What is asked for comes, and something else with it: all is read in this very pass.
ODD_FETCH = {
    "MODSEQ": with_item(b"MODSEQ", b"(917162500)"),
    "VANISHED": say(b"* VANISHED (EARLIER) 41,43:116\r\n"),
    "X-GM-MSGID": with_item(b"X-GM-MSGID", b"1278455344230334865"),
    "raw UTF-8 in a text": say("* OK Blåbær på vei\r\n".encode()),
    "Latin-1 in a text": say("* OK Blåbær på vei\r\n".encode("latin-1")),
    "[UNAVAILABLE]": say(b"* OK [UNAVAILABLE] an index is rebuilt\r\n"),
    "a code that nobody knows": say(b"* OK [XCODE a (b c)] well\r\n"),
    "a plus that nobody asked for": say(b"+ go on\r\n"),
    "EXPUNGE": say(b"* 3 EXPUNGE\r\n"),
    "EXISTS": say(b"* 4 EXISTS\r\n"),
    "RECENT": say(b"* 1 RECENT\r\n"),
    "flags of others": say(b"* 2 FETCH (FLAGS (\\Seen))\r\n", b"* 2 FETCH (UID 2 FLAGS (\\Seen))\r\n"),
    "flags behind each mail": items(lambda mail, pairs: [pairs, [(b"FLAGS", b"(\\Seen)"), pairs[0]]]),
    "two lines for a mail, as Gmail": items(lambda mail, pairs: [pairs[:-1], [pairs[0], pairs[-1]]]),
    "two lines for a mail, its text first": items(lambda mail, pairs: [[pairs[0], pairs[-1]], pairs[:-1]]),
    "each line twice": items(lambda mail, pairs: [pairs, pairs]),
    "items the other way round, as Microsoft 365": items(lambda mail, pairs: [pairs[::-1]]),
    "mails the other way round": lambda session, good: [*good()[-2::-1], *good()[-1:]],
    "mails that nobody asked for": say(b"* 9 FETCH (UID 99 RFC822.SIZE 5 BODY[] {5}\r\nhello)\r\n"),
    "names in small letters": items(lambda mail, pairs: [[(name.lower(), value) for name, value in pairs]]),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("odd", ODD_FETCH)
def test_an_odd_fetch_is_read_as_any_other(hostile, oracle, step, odd):
    hostile.imap.twists[step] = ODD_FETCH[odd]
    result = one_pass(fill(hostile))
    assert (result.status, result.err) == (0, "")
    assert sorted(announced(hostile)) == MSNS
    unharmed(hostile, oracle)


def test_a_mail_with_nul_bytes_is_kept_byte_for_byte(hostile):
    raw = MAILS[0] + b"a\0b" * 100 + b"the end\r\n"
    fill(hostile, [raw])
    assert one_pass(hostile).status in (0, 3)
    mail, = hostile.rows("SELECT size_bytes, lower(hex(sha256)) AS sha FROM mail")
    assert mail == {"size_bytes": len(raw), "sha": hashlib.sha256(raw).hexdigest()}


def test_what_kills_libetpan_is_never_asked_for(hostile):
    """BODYSTRUCTURE, ENVELOPE, CONDSTORE, QRESYNC and UTF8=ACCEPT, however loudly a server offers them."""
    hostile.imap.capabilities += b" CONDSTORE QRESYNC ENABLE UTF8=ACCEPT ESEARCH COMPRESS=DEFLATE BINARY OBJECTID SORT"
    one_pass(fill(hostile))
    asked = " ".join(hostile.imap.asked).upper()
    assert "FETCH" in asked
    for word in ("BODYSTRUCTURE", "ENVELOPE", "CONDSTORE", "CHANGEDSINCE", "QRESYNC", "ENABLE", "UTF8", "ESEARCH", "COMPRESS",
            "BINARY", "RFC822 ", "BODY["):
        assert word not in asked
    assert "BODY.PEEK[" in asked  # bare RFC822, which iCloud answers with nothing, is not asked for either


# ---- SEARCH

BROKEN_SEARCH = {
    "NO": instead(b"* SEARCH 1\r\n", NO),
    "BAD": instead(b"{tag} BAD what\r\n"),
    "OK and no SEARCH line": instead(OK),
    "OK and an empty SEARCH line": instead(b"* SEARCH\r\n", OK),
    "(MODSEQ 5)": replaced(b"* SEARCH 1 2 3", b"* SEARCH 1 2 3 (MODSEQ 5)"),
    "4294967304, which wraps to 8": replaced(b"1 2 3", b"1 2 3 4294967304"),
    "0": replaced(b"1 2 3", b"0 1 2 3"),
    "not all mails": replaced(b"1 2 3", b"1 3"),
    "500,001 mails": instead(b"* SEARCH" + b" 7" * 500001 + b"\r\n", OK),
    "500,000 mails and NO": instead(b"* SEARCH" + b" 4294967295" * 500000 + b"\r\n", NO),
    "a million empty lines": instead(b"* SEARCH\r\n" * 1000000, OK),
    "a million words": instead(b"* OK x\r\n" * 1000000, OK),
    "a million expunged mails": instead(b"* 1 EXPUNGE\r\n" * 600000, OK),
    "a million flags": instead(b"* FLAGS (" + b"a " * 1000000 + b"b)\r\n", OK),
    "an ESEARCH line": instead(b'* ESEARCH (TAG "x") UID ALL 1:3\r\n', OK),
    "BYE and the end": instead(b"* BYE\r\n", CLOSE),
    "the end in the line": instead(b"* SEARCH 1 2", CLOSE),
    "a wrong tag": instead(b"* SEARCH 1 2 3\r\n", b"X99 OK done\r\n"),
}


@pytest.mark.parametrize("bad", BROKEN_SEARCH)
def test_a_search_that_breaks_loses_no_mail(hostile, oracle, bad):
    hostile.imap.twists["SEARCH"] = BROKEN_SEARCH[bad]
    result = one_pass(fill(hostile))
    suffered(result)
    if bad != "not all mails":
        assert "mailbox.failing" in result.err  # it is no empty folder
    unharmed(hostile, oracle)


@pytest.mark.parametrize("odd", ["each mail twice", "several lines", "not sorted", "mails that are not there", "Gmail's n:*"])
def test_an_odd_search_is_understood(hostile, oracle, odd):
    hostile.imap.twists["SEARCH"] = {
        "each mail twice": replaced(b"1 2 3", b"1 1 2 2 3 3"),
        "several lines": replaced(b"1 2 3", b"1\r\n* SEARCH 2\r\n* SEARCH 3"),
        "not sorted": replaced(b"1 2 3", b"3 1 2"),
        "mails that are not there": replaced(b"1 2 3", b"1 2 3 7 9"),
        "Gmail's n:*": say(),
    }[odd]
    result = one_pass(fill(hostile))
    assert result.status == 0 and sorted(announced(hostile)) == MSNS
    hostile.imap.behave()
    assert later(hostile).status == 0
    if odd != "mails that are not there":  # they are proven gone later
        unharmed(hostile, oracle)


# ---- EXAMINE, and every other command

BROKEN_SELECT = {
    "no UIDVALIDITY": lambda session, good: [line for line in good() if b"UIDVALIDITY" not in line],
    "UIDVALIDITY 0": replaced(b"[UIDVALIDITY 1000]", b"[UIDVALIDITY 0]"),
    "UIDVALIDITY 4294968296, which wraps to 1000": replaced(b"[UIDVALIDITY 1000]", b"[UIDVALIDITY 4294968296]"),
    "no EXISTS": lambda session, good: [line for line in good() if b"EXISTS" not in line],
    "NO": instead(NO),
    "BAD": instead(b"{tag} BAD what\r\n"),
    "a wrong tag": lambda session, good: [*good()[:-1], b"X99 OK done\r\n"],
    "an untagged answer that nobody knows": say(b"* XUNK a\r\n"),
    "a million flags": say(b"* FLAGS (" + b"a " * 400000 + b"b)\r\n"),
}


@pytest.mark.parametrize("bad", BROKEN_SELECT)
def test_a_folder_that_cannot_be_examined_loses_no_mail(hostile, oracle, bad):
    hostile.imap.twists["EXAMINE"] = BROKEN_SELECT[bad]
    suffered(one_pass(fill(hostile)))
    unharmed(hostile, oracle)


COMMANDS = ["GREETING", "CAPABILITY", "AUTHENTICATE", "LIST", "EXAMINE", "SEARCH", "HEADERS", "BODIES"]
ENDS = {
    "BYE, as IONOS after half an hour": instead(b"* BYE timeout\r\n", BYE),
    "the end": instead(CLOSE),
    "half a line": lambda session, good: [good()[0][:7], CLOSE],
    "[ALERT], a reset": instead(b"* BYE [ALERT] system going down\r\n", RESET),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_connection_that_ends_at_any_command_loses_no_mail(hostile, oracle, command, end):
    """And it is no empty folder, no refused login and no defect of ours."""
    hostile.imap.twists[command] = ENDS[end]
    result = one_pass(fill(hostile))
    suffered(result, lines=1 + result.err.count("imap.alert"))
    unharmed(hostile, oracle)


def test_logout_is_not_waited_for(hostile, oracle):
    hostile.imap.twists["LOGOUT"] = instead(CLOSE)
    result = one_pass(fill(hostile))
    assert (result.status, result.err) == (0, "")
    unharmed(hostile, oracle)


@pytest.mark.clock
@pytest.mark.parametrize("command", [*COMMANDS, "LOGOUT"])
def test_a_server_that_falls_silent_is_left_at_the_deadline(hostile, oracle, command):
    fill(hostile)
    hostile.imap.twists[command] = instead(HANG)
    suffered(one_pass(hostile, before=hurried(hostile)), lines=command != "LOGOUT")
    unharmed(hostile, oracle)


@pytest.mark.clock
@pytest.mark.parametrize("step", STEPS)
def test_a_literal_that_never_ends_is_left_at_the_deadline(hostile, oracle, step):
    fill(hostile)
    hostile.imap.twists[step] = first_literal(b"{100000}")
    suffered(one_pass(hostile, before=hurried(hostile)))
    unharmed(hostile, oracle)


@pytest.mark.clock
@pytest.mark.parametrize("command", ["GREETING", "SEARCH", "BODIES"])
def test_a_server_that_drips_is_left_at_the_deadline(hostile, oracle, command):
    """A byte now and then, for ever: no read ever waits long."""
    fill(hostile)
    hostile.imap.twists[command] = instead(drip(b"* OK " + b"x" * 100000))
    suffered(one_pass(hostile, before=hurried(hostile)))
    unharmed(hostile, oracle)
