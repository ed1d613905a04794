"""What is found in the server's Junk folder says so, wherever a person or a program hears of it."""
import json

import pytest

from servers.world import approval_mail


def reasons(entry):
    return [(reason["code"], reason["doubt"]) for reason in entry["reasons"]]


@pytest.fixture
def both(world):
    """One approval in INBOX, one in Junk, told to everybody."""
    for msn, folder in (("123456", "INBOX"), ("222222", "Junk")):
        world.know(msn, "987654325")
        world.deliver(approval_mail(msn), folder=folder)
    assert world.run("run").status == 0
    return world


def test_an_approval_found_in_junk_says_so_in_the_log_the_webhook_and_the_mail(both):
    want = {"123456": False, "222222": True}
    assert {entry["msn"]: entry["found_in_junk"] for entry in both.log()} == want
    assert {body["data"]["msn"]: body["data"]["found_in_junk"] for body in both.received("approval.confirmed")} == want
    for mail in both.smtp.mails:
        text = mail.message.get_body(("plain",)).get_content()
        assert ("junk" in text) == ("222222" in text)


def test_show_says_so_of_approval_claim_and_mail(both):
    for entry in both.log():
        junk = entry["msn"] == "222222"
        assert ("found_in_junk: true" in both.run("show", entry["id"]).out) == junk
    for number, junk in ((1, False), (2, True)):
        claim = both.show(f"clm_{number}")["claim"]
        assert claim["found_in_junk"] == junk and (("found-in-junk", False) in reasons(claim)) == junk
        assert ("found-in-junk" in json.dumps(both.show(f"mail_{number}"))) == junk


def test_it_holds_nothing_and_is_shown_to_who_reviews(world):
    world.deliver(approval_mail("333333", proven=False), folder="Junk")
    world.run("run")
    held, = world.log("--state", "held")
    assert held["found_in_junk"] and ("found-in-junk", False) in reasons(held)
    assert "found-in-junk" in world.run("review", "--offline").out


def test_a_mail_that_is_read_again_still_says_so(both):
    assert both.run("mail", "reread", "mail_1", "mail_2").status == 0
    read = both.rows("SELECT reasons FROM message ORDER BY mail_id")
    assert ["found-in-junk" in row["reasons"] for row in read] == [False, True]


def test_what_lies_in_a_folder_that_was_only_named_so_is_not_said_to_be_junk(world):
    world.mailbox["folders"] = ["INBOX", "Junk"]
    world.know("123456", "987654325")
    world.deliver(approval_mail("123456"), folder="Junk")
    world.run("run")
    assert [entry["found_in_junk"] for entry in world.log()] == [False]


def test_a_copy_that_was_moved_to_junk_later_changes_nothing(world):
    raw = approval_mail("123456")
    world.know("123456", "987654325")
    world.deliver(raw)
    world.run("run")
    world.deliver(raw, folder="Junk")
    world.run("run")
    assert [entry["found_in_junk"] for entry in world.log()] == [False] and len(world.received()) == 1
