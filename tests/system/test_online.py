"""`check --online`: tries every server, says what is wrong and what to do, and changes nothing."""
import json

import pytest

from servers import oauth, smtp, web
from servers.dns import Dns
from servers.world import approval_mail, noise_mail


@pytest.fixture
def named(world, tmp_path):
    """A world with a DNS of ours: what is asked there stays here."""
    with Dns(tmp_path, {"localhost": "127.0.0.1"}, ["vippsmobilepay.com"]) as dns:
        world.dns = dns
        world.config["network"]["dns"] = [dns.address]
        yield world


def tried(world, status=0):
    """What was tried, by (what, name, folder)."""
    result = world.run("check", "--online", "--format", "json")
    assert (result.status, result.err) == (status, ""), result
    out = {}
    for entry in json.loads(result.out):
        assert set(entry) == {"what", "name", "folder", "ok", "text", "error", "advice", "data"}
        assert entry["ok"] == (entry["error"] is None) == (entry["advice"] is None)
        out[entry["what"], entry["name"], entry["folder"]] = entry
    return out


def failing(world, status):
    """The only thing that fails."""
    bad = [entry for entry in tried(world, status).values() if not entry["ok"]]
    assert len(bad) == 1 and bad[0]["advice"], bad
    return bad[0]


def test_every_server_is_tried_and_told(named):
    named.deliver(approval_mail("123456"))
    named.deliver(noise_mail(1))
    named.deliver(approval_mail("222222"), folder="Junk")
    got = tried(named)
    assert list(got) == [("imap", "onboarding", None), ("folder", "onboarding", "INBOX"),
        ("folder", "onboarding", "\\Junk"), ("management_api", None, None), ("smtp", None, None), ("webhook", "crm", None),
        ("dkim", "_domainkey.vippsmobilepay.com", None)]
    login = got["imap", "onboarding", None]
    assert "IMAP4" in login["data"]["capabilities"]
    for entry in (login, got["management_api", None, None], got["smtp", None, None], got["webhook", "crm", None]):
        leaf = entry["data"]["certificates"][0]
        assert "localhost" in leaf["subject"] and "approvals test CA" in leaf["issuer"]
        assert leaf["until"] == "2049-12-31T23:59:59.000Z" and "2049-12-31" in entry["text"]
    inbox, junk = got["folder", "onboarding", "INBOX"]["data"], got["folder", "onboarding", "\\Junk"]["data"]
    assert (inbox["mails"], inbox["from"]) == (2, {"vippsmobilepay.com": 1})
    assert (junk["folder"], junk["mails"], junk["from"]) == ("Junk", 1, {"vippsmobilepay.com": 1})


def test_a_person_reads_a_line_for_each(named):
    named.deliver(approval_mail("123456"))
    result = named.run("check", "--online")
    lines = result.out.splitlines()
    assert result.status == 0 and result.err == "" and len(lines) == 7
    assert all(line.startswith("ok      ") for line in lines)
    assert "folder onboarding INBOX: mails: 1; of the last 90 days: 1 from vippsmobilepay.com" in lines[1]


def test_nothing_is_changed_sent_or_stored(named):
    named.deliver(approval_mail("123456"))
    tried(named)
    assert not named.database.exists() and sorted(p.suffix for p in named.dir.iterdir() if "approvals.db" in p.name) == []
    assert named.receiver.got == [] and named.smtp.mails == [] and named.smtp.logins == 1
    assert not {"SELECT", "STORE", "FETCH", "MOVE", "COPY"} & set(named.dovecot.commands(named.user, names_only=True))
    named.know("123456", "987654325")
    assert named.run("run").status == 0 and len(named.received("approval.confirmed")) == 1


def test_it_needs_no_lock(named):
    named.run("notify")
    with open(f"{named.database}.lock", "rb") as lock:
        import fcntl
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert len(tried(named)) == 7


# ---- each failure: its exit status, and what to do

def test_a_refused_password_is_status_12(named):
    (named.dir / "imap.password").write_text("wrong\n")
    bad = failing(named, 12)
    assert bad["what"] == "imap" and "password" in bad["error"] and "app password" in bad["advice"]


def test_a_refused_smtp_login_is_status_12(named):
    named.smtp.refuse["AUTH"] = True
    bad = failing(named, 12)
    assert bad["what"] == "smtp" and "password_file" in bad["advice"]


def test_smtp_is_tried_with_starttls_too(named, certificate):
    with smtp.Smtp(certificate, True, named.smtp.password) as server:
        named.config["smtp"]["url"] = server.url
        assert tried(named)["smtp", None, None]["data"]["certificates"] and server.mails == []


def test_a_refused_key_is_status_15(named):
    (named.dir / "api.key").write_text("0" * 32 + "\n")
    bad = failing(named, 15)
    assert bad["what"] == "management_api" and "portal.vippsmobilepay.com" in bad["advice"]
    named.api.violations.clear()


@pytest.mark.parametrize("kind", ["expired", "another-name"])
def test_a_refused_certificate_is_status_13_and_is_shown(named, ca, kind):
    from servers import receiver
    with receiver.Receiver(ca.wrong(kind)) as crm:
        named.config["endpoints"][0]["webhook"] = f"{crm.url}/hooks/vipps"
        bad = failing(named, 13)
        assert bad["what"] == "webhook" and "ca_file" in bad["advice"]
        leaf = bad["data"]["certificates"][0]
        assert leaf["until"].startswith("2021") if kind == "expired" else "another.example" in leaf["subject"]
        result = named.run("check", "--online")
        line, = [line for line in result.out.splitlines() if line.startswith("failed")]
        assert "certificate refused" in line and "to do: " in line and leaf["subject"] in line


def test_a_server_that_is_away_is_status_3(named):
    named.receiver.stop()
    assert failing(named, 3)["what"] == "webhook"


def test_a_folder_that_is_not_there_is_status_3_and_names_the_setting(named):
    named.mailbox["folders"] = ["INBOX", "Godkjenninger"]
    bad = failing(named, 3)
    assert bad["folder"] == "Godkjenninger" and "folders" in bad["advice"]


def test_a_special_use_that_no_folder_has_is_no_fault(named):
    named.mailbox["folders"] = ["INBOX", "\\Archive"]
    assert "no folder is marked so" in tried(named)["folder", "onboarding", "\\Archive"]["text"]


def test_an_after_that_the_server_can_do_is_told(named):
    named.mailbox["after"] = "move:Done"
    assert tried(named)["after", "onboarding", None]["ok"]


def test_name_servers_that_are_away_are_status_3(named):
    named.config["network"].pop("dns")
    named.config["network"]["dns"] = ["127.0.0.1@9"]  # discard: nobody is there
    for server in (named.mailbox, named.config["management_api"], named.config["smtp"], named.config["endpoints"][0]):
        server["dns"] = [named.dns.address]
    bad = failing(named, 3)
    assert bad["what"] == "dkim" and "network.dns" in bad["advice"]


def test_the_worst_of_several_failures_is_the_status(named):
    (named.dir / "imap.password").write_text("wrong\n")
    (named.dir / "api.key").write_text("0" * 32 + "\n")
    named.receiver.stop()
    bad = [entry["what"] for entry in tried(named, 12).values() if not entry["ok"]]
    assert bad == ["imap", "management_api", "webhook"]
    named.api.violations.clear()


def test_what_is_wrong_without_the_network_is_told_first_and_nothing_is_tried(named):
    (named.dir / "crm.secret").unlink()
    result = named.run("check", "--online")
    assert result.status == 14 and result.out == "" and named.api.asked == []


# ---- tokens

@pytest.fixture
def signed(named, certificate):
    with oauth.OAuth(certificate) as server:
        server.user = named.user
        named.mailbox.pop("password_file")
        named.mailbox["oauth2"] = {"token_url": server.token_url, "client_id": server.client_id, "scope": server.scope,
            "client_secret_file": named.secret("client.secret", server.client_secret)}
        named.oauth = server
        yield named


def test_a_refused_token_request_says_the_aadsts_code_and_its_meaning(signed):
    signed.oauth.fault = web.status(401, json.dumps({"error": "invalid_client", "error_codes": [7000215],
        "error_description": "AADSTS7000215: Invalid client secret provided."}).encode())
    bad = failing(signed, 12)
    assert bad["what"] == "token" and "AADSTS7000215" in bad["error"] and "secret" in bad["error"]


def test_a_token_that_came_is_told_and_not_kept(signed):
    got = tried(signed, 3)  # this Dovecot knows no tokens
    assert got["token", "onboarding", None]["ok"] and not got["imap", "onboarding", None]["ok"]
    assert len(signed.oauth.issued) == 1 and list(signed.dir.glob("*.token-*")) == []


# ---- refused logins

def test_a_login_that_works_ends_the_pause_after_refused_ones(named):
    good = (named.dir / "imap.password").read_text()
    named.config["management_api"] = "none"
    (named.dir / "imap.password").write_text("wrong\n")
    for _ in range(3):
        assert named.run("ingest").status == 12
    assert named.count("refusal") == 1
    assert failing(named, 12)["what"] == "imap" and named.count("refusal") == 1
    (named.dir / "imap.password").write_text(good)
    tried(named)
    assert named.count("refusal") == 0


def test_the_key_of_the_last_signature_that_held_is_looked_up(named):
    named.deliver(noise_mail(1))
    named.run("ingest")
    import sqlite3
    with sqlite3.connect(named.database) as db:
        db.execute("INSERT INTO signature (mail_id, verdict, domain, selector, since_ms, checked_ms)"
            " VALUES (1, 'good', 'vippsmobilepay.com', 's1', 1, 1)")
    db.close()
    assert ("dkim", "s1._domainkey.vippsmobilepay.com", None) in tried(named)
    assert "query[TXT] s1._domainkey.vippsmobilepay.com" in named.dns.log()


# ---- the call

@pytest.mark.parametrize("args", [["--format", "json"], ["--online", "--format", "xml"], ["--offline"], ["--online", "now"]],
    ids=" ".join)
def test_a_wrong_call_is_status_2(world, args):
    result = world.run("check", *args)
    assert result.status == 2 and "usage: approvals check" in result.err
