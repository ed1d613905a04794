"""How servers are reached: ca_file, proxy, no_proxy and dns, for all and for one (approvals.yaml(5), network)."""
import pytest

from servers import ca as certificates
from servers import imap, management, oauth, receiver, smtp
from servers.dns import Dns
from servers.proxy import Gateway
from servers.world import World, approval_mail

NAMES = {"imap": "imap.test", "api": "api.test", "crm": "crm.test", "smtp": "smtp.test"}
ALL = [*NAMES.values(), "localhost"]  # the proxies are there
KINDS = {"http": {}, "socks5h": {"socks": True}}


def section(world, server):
    """Where the settings of a server stand."""
    return {"imap": world.mailbox, "api": world.config["management_api"], "smtp": world.config["smtp"],
        "crm": world.config["endpoints"][0], "network": world.config["network"]}[server]


def hosts(world):
    """host:port of each server."""
    return {"imap": f"{NAMES['imap']}:{world.dovecot.tls_port}", "api": f"{NAMES['api']}:{world.api.port}",
        "crm": f"{NAMES['crm']}:{world.receiver.port}", "smtp": f"{NAMES['smtp']}:{world.smtp.port}"}


@pytest.fixture
def named(tmp_path, ca, certificate, dovecot):
    """An approval to tell, and servers whose names nobody but a proxy (or a DNS of the test's) can find."""
    world = World(tmp_path, ca, certificate, dovecot, {"merchants": [], "salesUnits": []}, NAMES)
    world.mailbox["url"] = f"imaps://{NAMES['imap']}:{dovecot.tls_port}"
    world.config["sender"]["accept"] = ["authentication-results"]  # no DNS is asked for keys
    world.know("123456", "987654325")
    world.deliver(approval_mail("123456"))
    yield world
    world.close()
    assert world.api.violations == []


def told(world):
    """One pass, and everybody heard of it."""
    result = world.run("run")
    assert (result.status, result.err) == (0, "")
    assert len(world.received("approval.confirmed")) == 1 and len(world.smtp.mails) == 1
    return True


# ---- proxy

@pytest.mark.parametrize("kind", KINDS)
def test_every_server_is_reached_through_the_proxy_and_named_to_it(named, kind):
    with Gateway(**KINDS[kind]) as proxy:
        named.config["network"]["proxy"] = proxy.url
        assert told(named)
        assert set(proxy.asked) == set(hosts(named).values()) and proxy.refused == 0


def test_a_proxy_behind_tls_is_refused(world):
    """libcurl with GnuTLS hangs behind one, more often than not (base/http.c)."""
    world.config["network"]["proxy"] = "https://localhost:1"
    result = world.run("check")
    assert result.status == 14 and "http socks5h" in result.err


def test_imap_with_starttls_goes_through_the_proxy(named):
    with Gateway() as proxy:
        named.config["network"]["proxy"] = proxy.url
        named.mailbox["url"] = f"imap://{NAMES['imap']}:{named.dovecot.port}"
        assert told(named) and f"{NAMES['imap']}:{named.dovecot.port}" in proxy.asked


@pytest.mark.parametrize("server", NAMES)
def test_a_server_may_have_a_proxy_of_its_own(named, server):
    with Gateway() as proxy, Gateway() as own:
        named.config["network"]["proxy"] = proxy.url
        section(named, server)["proxy"] = own.url
        assert told(named)
        assert set(own.asked) == {hosts(named)[server]}
        assert set(proxy.asked) == set(hosts(named).values()) - set(own.asked)


LOGIN = "us%41r:canary p%40ss:w/ord"


@pytest.mark.parametrize("kind", KINDS)
def test_a_proxy_may_want_a_login(named, kind):
    with Gateway(**KINDS[kind], login=LOGIN) as proxy:
        named.config["network"]["proxy"] = proxy.url
        result = named.run("run")
        assert "imap.test" in result.err and proxy.asked == [] and proxy.refused > 0
        refused = proxy.refused
        named.config["network"]["proxy_login_file"] = named.secret("proxy.login", LOGIN)
        result = named.run("run")
        assert result.status == 0 and len(named.received("approval.confirmed")) == 1
        assert set(proxy.asked) == set(hosts(named).values()) and proxy.refused == refused
        assert named.run("check", "--online").status == 0
        for text in (named.database.read_bytes(), result.err.encode()):
            assert b"canary p" not in text


def test_a_login_is_told_to_its_own_proxy_only(named):
    with Gateway(login=LOGIN) as proxy, Gateway() as own:
        named.config["network"].update(proxy=proxy.url, proxy_login_file=named.secret("proxy.login", LOGIN))
        section(named, "api")["proxy"] = own.url
        assert told(named) and own.asked and own.logins == [] and proxy.logins


@pytest.mark.parametrize("text", [None, "nobody", ":password"])
def test_a_proxy_login_that_is_none_is_status_14_and_is_told(named, text):
    with Gateway(login=LOGIN) as proxy:
        named.config["network"].update(proxy=proxy.url, proxy_login_file=str(named.dir / "proxy.login"))
        if text:
            named.secret("proxy.login", text)
        result = named.run("check", "--online")
        assert result.status == 14 and "proxy_login_file" in result.out + result.err and proxy.asked == []


def test_a_proxy_login_without_a_proxy_is_refused(world):
    world.config["network"]["proxy_login_file"] = world.secret("proxy.login", LOGIN)
    result = world.run("check")
    assert result.status == 14 and "there is no `proxy` beside it" in result.err


@pytest.mark.parametrize("server", NAMES)
def test_hosts_of_no_proxy_are_reached_without_it(named, tmp_path, server):
    with Gateway() as proxy, Dns(tmp_path, {name: "127.0.0.1" for name in ALL}) as dns:
        named.config["network"].update(proxy=proxy.url, no_proxy=[NAMES[server]], dns=[dns.address])
        assert told(named)
        assert set(proxy.asked) == set(hosts(named).values()) - {hosts(named)[server]}


def test_a_domain_of_no_proxy_stands_for_all_hosts_below_it_and_for_no_other(named, tmp_path):
    with Gateway() as proxy, Dns(tmp_path, {name: "127.0.0.1" for name in ALL}) as dns:
        named.config["network"].update(proxy=proxy.url, no_proxy=["est", "MTP.TEST", "crm.test"], dns=[dns.address])
        assert told(named) and set(proxy.asked) == set(hosts(named).values()) - {hosts(named)["crm"]}
    with Gateway() as proxy, Dns(tmp_path, {name: "127.0.0.1" for name in ALL}) as dns:
        named.config["network"].update(proxy=proxy.url, no_proxy=["TEST"], dns=[dns.address])
        assert named.run("run").status == 0 and proxy.asked == []


def test_a_proxy_is_not_asked_for_a_name_that_was_looked_up_here(named, tmp_path):
    """With a proxy it is the proxy that knows names: only its own is looked up."""
    with Gateway() as proxy, Dns(tmp_path, {"localhost": "127.0.0.1"}) as dns:
        named.config["network"].update(proxy=proxy.url, dns=[dns.address])
        assert told(named)
        assert "query[A] localhost" in dns.log() and ".test" not in dns.log()


def test_tokens_are_asked_for_through_the_mailboxs_proxy_unless_they_have_their_own(named, certificate):
    with oauth.OAuth(certificate) as server, Gateway() as proxy, Gateway() as own:
        server.user = named.user
        named.config.update(management_api="none")
        named.mailbox.pop("password_file")
        named.mailbox["oauth2"] = {"token_url": server.token_url, "client_id": server.client_id, "scope": server.scope,
            "client_secret_file": named.secret("client.secret", server.client_secret)}
        named.mailbox["proxy"] = proxy.url
        named.run("ingest")
        assert proxy.asked[0] == f"localhost:{server.port}"
        named.mailbox["oauth2"]["proxy"] = own.url
        named.database.with_name(f"{named.database.name}.token-onboarding").unlink()
        named.run("ingest")
        assert own.asked == [f"localhost:{server.port}"]


def test_a_proxy_that_is_away_is_a_failure_and_nobody_is_reached_around_it(named, tmp_path):
    with Dns(tmp_path, {name: "127.0.0.1" for name in ALL}) as dns:
        named.config["network"].update(proxy="http://127.0.0.1:9", dns=[dns.address])
        result = named.run("run")
        assert "imap.test" in result.err and named.count("mail") == 0
        assert f"user=<{named.user}>" not in named.dovecot.log() and named.api.asked == []


def test_the_environments_proxy_is_not_looked_at(world, monkeypatch):
    with Gateway() as proxy:
        environment = dict(world.environment(), https_proxy=proxy.url, HTTPS_PROXY=proxy.url, ALL_PROXY=proxy.url)
        monkeypatch.setattr(world, "environment", lambda at=None: environment)
        world.know("123456", "987654325")
        world.deliver(approval_mail("123456"))
        assert told(world) and proxy.asked == []


# ---- ca_file

@pytest.fixture(scope="module")
def another(tmp_path_factory):
    """Another authority, and a certificate of its for localhost."""
    ca = certificates.CA(tmp_path_factory.mktemp("another-ca"))
    return ca, ca.good()


def other_server(world, server, certificate):
    """Starts a server like the world's, with this certificate, and points the configuration at it."""
    if server == "imap":
        made = imap.Server(certificate).__enter__()
        made.add_user(world.user)
        made.deliver(world.user, approval_mail("222222"))
        world.mailbox.update(url=made.url, password_file=world.secret("imap.other", made.password))
        return made, lambda: made.__exit__(None, None, None)
    made = {"api": lambda: management.Management(certificate, world.api.data), "crm": lambda: receiver.Receiver(certificate),
        "smtp": lambda: smtp.Smtp(certificate, password=world.smtp.password)}[server]().start()
    if server == "api":
        made.client_secret, made.subscription_key = world.api.client_secret, world.api.subscription_key
        world.config["management_api"]["url"] = made.url
    elif server == "crm":
        world.config["endpoints"][0]["webhook"] = f"{made.url}/hooks/vipps"
    else:
        world.config["smtp"]["url"] = made.url
    return made, made.stop


@pytest.mark.parametrize("server", NAMES)
def test_a_server_may_have_an_authority_of_its_own_which_is_trusted_for_it_alone(world, another, server):
    ca, certificate = another
    world.know("123456", "987654325")
    world.know("222222", "987654325")
    world.deliver(approval_mail("123456"))
    made, stop = other_server(world, server, certificate)
    try:
        assert world.run("run").status == 13
        section(world, server)["ca_file"] = ca.file
        assert world.run("check", "--online", "--format", "json").out.count('"ok":true') >= 6
        world.config["network"]["ca_file"] = ca.file  # now the others are not trusted
        for other in NAMES:
            if other != server:
                section(world, other)["ca_file"] = world.ca.file
        del section(world, server)["ca_file"]
        assert world.run("check", "--online", "--format", "json").out.count('"ok":true') >= 6
        other = next(name for name in NAMES if name != server)
        del section(world, other)["ca_file"]
        assert world.run("check", "--online").status == 13
    finally:
        stop()


# ---- dns

@pytest.mark.parametrize("server", NAMES)
def test_a_server_may_have_name_servers_of_its_own(named, tmp_path, server):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    with Dns(one, {name: "127.0.0.1" for key, name in NAMES.items() if key != server}) as dns, \
            Dns(two, {NAMES[server]: "127.0.0.1"}) as own:
        named.config["network"]["dns"] = [dns.address]
        section(named, server)["dns"] = [own.address]
        assert told(named)
        assert f"query[A] {NAMES[server]} " not in dns.log()
        assert {name for name in NAMES.values() if f"query[A] {name} " in own.log()} == {NAMES[server]}


def test_a_server_may_go_back_to_the_systems_names(world, tmp_path):
    with Dns(tmp_path, {}) as dns:
        world.config["network"]["dns"] = [dns.address]
        world.config["sender"]["accept"] = ["authentication-results"]
        for server in NAMES:
            section(world, server)["dns"] = "system"
        world.know("123456", "987654325")
        world.deliver(approval_mail("123456"))
        assert told(world) and "localhost" not in dns.log()
