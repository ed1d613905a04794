"""Mails that cannot be had: they wait, they are told of in time, and nothing else waits for them."""
import time

import pytest

from ordeal import DATE, announced, later, one_pass
from servers.hostile_imap import instead, items, say
from servers.world import approval_mail, noise_mail

MINUTE = 60
clock = pytest.mark.clock
OK = b"{tag} OK done\r\n"


def mail(world, msn, **options):
    world.know(msn, "987654325")
    return world.deliver(approval_mail(msn, date=DATE), arrived=DATE + 60, **options)


def at(world, minutes):
    return one_pass(world, at=world.began + minutes * MINUTE)


@pytest.fixture
def stuck(hostile):
    """The mail 111111 never comes, 222222 does."""
    hostile.began = time.time()
    hostile.stuck = mail(hostile, "111111")
    mail(hostile, "222222")
    hostile.imap.twists["BODIES"] = items(lambda m, pairs: [] if m.uid == hostile.stuck.uid else [pairs])
    return hostile


def pending(world):
    return world.rows("SELECT uid, attempts, reason FROM mail WHERE fate = 'pending'")


def fetched(world):
    """How often the text of the one that does not come was asked for."""
    return sum("BODY.PEEK[]" in line for line in world.imap.asked)


@clock
def test_a_mail_that_does_not_come_is_told_of_after_three_attempts_once(stuck):
    world = stuck
    for minutes, attempts in ((0, 1), (1, 2), (4, 3), (30, 4), (90, 5)):
        result = at(world, minutes)
        assert result.status in (0, 3) and len(result.lines) <= 1, result
        assert pending(world) == [{"uid": 1, "attempts": attempts, "reason": "the server did not send it"}]
        assert len(world.events("mail.stuck")) == (attempts >= 3)
    event, = world.events("mail.stuck")
    assert event["ref"] == "mail_1" and event["data"]["folder"] == "INBOX" and event["data"]["count"] == 1
    assert event["data"]["error"] == "the server did not send it"
    assert announced(world) == ["222222"]
    assert at(world, 91).status == 0  # it was told: the mailbox is not a failing one for its sake
    assert world.events("mailbox.failing") == []
    world.imap.behave()
    assert later(world).status == 0
    assert sorted(announced(world)) == ["111111", "222222"] and pending(world) == []


@clock
def test_a_mail_that_fails_is_asked_for_less_and_less_and_nothing_at_all_between(stuck):
    world = stuck
    for minutes in (0, 1, 4):
        at(world, minutes)
    before, commands = fetched(world), len(world.imap.asked)
    at(world, 4.5)  # it is due in two minutes
    assert fetched(world) == before
    assert not [line for line in world.imap.asked[commands:] if "SEARCH" in line or "FETCH" in line]
    for day in range(1, 4):
        at(world, day * 24 * 60)
    asked = fetched(world)
    for hour in range(8):
        at(world, 3 * 24 * 60 + hour * 60 + 1)
    assert 1 <= fetched(world) - asked <= 4  # it is never given up


@clock
def test_a_mail_that_disappears_unread_is_told_of_when_it_is_proven_gone(stuck):
    world = stuck
    at(world, 0)
    world.imap.remove(world.stuck.uid)
    at(world, 1)
    at(world, 5)  # less than ten minutes later: no second proof
    assert len(pending(world)) == 1 and world.events("mail.vanished") == []
    at(world, 12)
    assert pending(world) == []
    event, = world.events("mail.vanished")
    assert event["ref"] == "mail_1" and event["data"]["mailbox"] == "onboarding"
    assert world.rows("SELECT fate FROM mail WHERE uid = 1") == [{"fate": "vanished"}]
    assert at(world, 30).lines == [] and len(world.events("mail.vanished")) == 1


@clock
def test_a_search_that_shows_less_than_exists_proves_nothing_gone(stuck):
    world = stuck
    at(world, 0)
    world.imap.twists["SEARCH"] = instead(b"* SEARCH 2\r\n", OK)
    for minutes in (1, 15, 30, 60):
        at(world, minutes)
    assert len(pending(world)) == 1 and world.events("mail.vanished") == []


@clock
def test_a_mail_that_the_screen_said_no_to_may_go_unmentioned(hostile):
    """Though another screen was to be asked about it."""
    world = hostile
    world.began = time.time()
    gone = world.deliver(noise_mail(1), arrived=DATE)
    mail(world, "222222")
    at(world, 0)
    world.mailbox["screen"] = "off"
    world.imap.twists["HEADERS"] = instead(OK)
    at(world, 1)
    assert [row["uid"] for row in pending(world)] == [gone.uid]
    world.imap.behave()
    world.imap.remove(gone.uid)
    for minutes in (2, 13, 30):
        at(world, minutes)
    assert world.rows("SELECT fate FROM mail WHERE uid = 1") == [{"fate": "ignored"}]
    assert world.events("mail.vanished") == []


def test_a_connection_that_one_mail_breaks_is_made_again_in_the_same_pass(hostile):
    """40 mails; the text of the 7th and the 23rd can never be had. All others are read at once, in order."""
    world = hostile
    world.began = time.time()
    for number in range(40):
        mail(world, str(100000 + number))

    def twist(session, good):
        lines = good()
        at = next((i for i, (_, m, _) in enumerate(session.fetched) if m.uid in (7, 23)), None)
        return lines if at is None else [*lines[:at], b"* XUNK\r\n", *lines[at:]]
    world.imap.twists["BODIES"] = twist
    assert one_pass(world).status == 0
    assert [row["uid"] for row in pending(world)] == [7, 23]
    assert len(announced(world)) == 38
    world.imap.behave()
    assert later(world).status == 0
    assert len(announced(world)) == len(set(announced(world))) == 40


def test_a_server_that_breaks_every_fetch_is_left_alone_soon(hostile):
    world = hostile
    world.began = time.time()
    for number in range(30):
        mail(world, str(100000 + number))
    world.imap.twists["HEADERS"] = say(b"* XUNK\r\n")
    assert one_pass(world).status == 0
    assert sum(line in ("LOGIN", "AUTHENTICATE") for line in world.imap.asked) <= 10
    assert len(pending(world)) == 30 and world.events("mail.stuck") == []
    world.imap.behave()
    assert later(world).status == 0
    assert len(announced(world)) == 30


def test_an_alert_in_the_middle_of_a_pass_is_shown(hostile):
    hostile.mailbox["folders"] = ["INBOX"]
    mail(hostile, "111111")
    hostile.imap.twists["SEARCH"] = say(b"* OK [ALERT] the disk is nearly full\r\n")
    result = one_pass(hostile)
    assert result.status == 0
    assert result.lines == ['warn imap.alert mailbox=onboarding text="the disk is nearly full"']
