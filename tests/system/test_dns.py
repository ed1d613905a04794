"""network.dns: names are asked of the configured name server, for every connection."""
import pytest

from servers.dns import Dns
from servers.world import World, approval_mail

NAMES = {"imap": "imap.test", "api": "api.test", "crm": "crm.test", "smtp": "smtp.test"}


@pytest.fixture
def named_world(tmp_path, ca, certificate, dovecot):
    """A world whose servers have names that only our name server knows."""
    with Dns(tmp_path, {name: "127.0.0.1" for name in NAMES.values()}) as dns:
        world = World(tmp_path, ca, certificate, dovecot, {"merchants": [], "salesUnits": []}, NAMES)
        world.config["network"]["dns"] = [dns.address]
        world.mailbox["url"] = f"imaps://{NAMES['imap']}:{dovecot.tls_port}"
        world.dns = dns
        world.know("123456", "987654325")
        world.deliver(approval_mail("123456"))
        yield world
        world.close()


def test_every_server_is_found_through_the_configured_name_server(named_world):
    assert named_world.run("run").status == 0
    assert len(named_world.received("approval.confirmed")) == 1 and len(named_world.smtp.mails) == 1
    for name in NAMES.values():
        assert f"query[A] {name} from 127.0.0.1" in named_world.dns.log()


def test_without_the_setting_the_system_is_asked_and_knows_no_such_names(named_world):
    del named_world.config["network"]["dns"]
    named_world.run("run")
    assert named_world.received() == [] and "query[" not in named_world.dns.log()


def test_a_name_server_that_is_away_is_a_mailbox_that_cannot_be_reached(named_world):
    named_world.dns.stop()
    result = named_world.run("run")
    assert len(result.lines) == 1 and "imap.test" in result.err
    named_world.dns.start()
    named_world.run("run")
    assert len(named_world.received("approval.confirmed")) == 1
