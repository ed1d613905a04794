"""A certificate for another name, an expired one and a self-signed one are refused, wherever we connect."""
import pytest

from servers import imap, management, receiver, smtp
from servers.ca import WRONG_KINDS
from servers.world import approval_mail


@pytest.fixture(scope="module", params=WRONG_KINDS)
def wrong(ca, request):
    return ca.wrong(request.param)


@pytest.fixture(scope="module")
def wrong_dovecot(wrong):
    with imap.Server(wrong) as server:
        yield server


@pytest.fixture
def confirmed(world):
    world.know("123456", "987654325")
    world.deliver(approval_mail("123456"))
    return world


@pytest.mark.parametrize("way", ["url", "starttls_url"])
def test_imap_refuses_it_before_the_login(world, wrong_dovecot, way):
    world.mailbox["url"] = getattr(wrong_dovecot, way)
    result = world.run("run")
    assert result.status == 13 and len(result.lines) == 1 and "certificate" in result.err
    assert f"user=<{world.user}>" not in wrong_dovecot.log()
    assert world.count("mail") == 0


@pytest.mark.parametrize("way", ["url", "starttls_url"])
def test_imap_accepts_the_right_one(confirmed, way):
    """The tests here can fail."""
    confirmed.mailbox["url"] = getattr(confirmed.dovecot, way)
    assert confirmed.run("run").status == 0
    assert len(confirmed.received("approval.confirmed")) == 1


def test_imap_without_starttls_is_refused_before_the_login(world, certificate):
    with imap.Server(certificate, tls=False) as server:
        server.add_user(world.user)
        world.mailbox["url"] = server.starttls_url
        result = world.run("run")
        assert len(result.lines) == 1 and world.count("mail") == 0
        assert "Login: user" not in server.log() and server.commands(world.user) == []


def test_the_api_is_not_asked(confirmed, wrong):
    with management.Management(wrong, confirmed.api.data) as api:
        confirmed.config["management_api"]["url"] = api.url
        result = confirmed.run("run")
        assert result.status == 13 and len(result.lines) == 1 and "certificate" in result.err
        assert api.asked == []
    assert len(confirmed.events("api.failing")) == 1  # at once
    assert [entry["state"] for entry in confirmed.log()] == ["pending"]
    assert confirmed.received("approval.confirmed") == []


def test_no_webhook_is_sent(confirmed, wrong):
    with receiver.Receiver(wrong) as crm:
        confirmed.config["endpoints"][0]["webhook"] = f"{crm.url}/hooks/vipps"
        assert confirmed.run("run").status == 13
        assert crm.got == []
    delivery, = confirmed.rows("SELECT d.state, a.status, a.error FROM delivery d JOIN attempt a ON a.delivery_id = d.id"
        " WHERE d.endpoint = 'crm' LIMIT 1")
    assert delivery["state"] == "due" and delivery["status"] is None and "certificate" in delivery["error"]


@pytest.mark.parametrize("starttls", [False, True], ids=["smtps", "starttls"])
def test_no_mail_is_sent(confirmed, wrong, starttls):
    with smtp.Smtp(wrong, starttls, confirmed.smtp.password) as server:
        confirmed.config["smtp"]["url"] = server.url
        assert confirmed.run("run").status == 13
        assert "team" in [event["data"]["name"] for event in confirmed.events("endpoint.failing")]  # at once
        assert server.mails == [] and server.logins == 0
    delivery, = confirmed.rows("SELECT d.state, a.status, a.error FROM delivery d JOIN attempt a ON a.delivery_id = d.id"
        " WHERE d.endpoint = 'team' LIMIT 1")
    assert delivery["state"] == "due" and delivery["status"] is None and "certificate" in delivery["error"]


def test_smtp_with_starttls_works(confirmed, certificate):
    with smtp.Smtp(certificate, True, confirmed.smtp.password) as server:
        confirmed.config["smtp"]["url"] = server.url
        confirmed.run("run")
        assert [mail.recipients for mail in server.mails] == [["onboarding-team@example.com"]]


def test_the_private_ca_is_not_trusted_unless_it_is_configured(confirmed):
    del confirmed.config["network"]["ca_file"]
    assert confirmed.run("run").status == 13
    assert confirmed.count("mail") == 0
