"""`approvals import`: mails from files take the same way as a mailbox's, and nothing is lost or doubled."""
import fcntl
import json
import mailbox
import os
import signal
import subprocess
import time

import pytest

from conftest import BIG
from servers.samples import api_data, expected_approvals, key, samples
from servers.world import approval_mail, noise_mail

SAMPLES = samples()
NAMES = ["mails", "known", "pending", "ignored", "own", "read", "oversize", "quarantined", "claims", "waiting"]


@pytest.fixture
def filed(make_world):
    """A world whose authserv-id counts for files too, and whose API knows the samples."""
    world = make_world(api_data())
    world.config["sender"]["authserv_ids"] = ["mx.example.com"]
    return world


def summary(result):
    """The one line on stdout, as numbers."""
    assert result.out.count("\n") == 1, result
    pairs = [word.split("=") for word in result.out.split()]
    assert [name for name, _ in pairs] == NAMES
    return {name: int(number) for name, number in pairs}


def rows(world):
    """What was imported, but for row numbers, times and what is random in each database."""
    mail = "FROM mail m LEFT JOIN message g ON g.mail_id = m.id"

    def table(sql):
        return sorted(json.dumps(row, sort_keys=True) for row in world.rows(sql))
    return {
        "mails": table(f"SELECT hex(m.sha256) AS sha, fate, reason, history, arrived_ms, size_bytes, same_as IS NULL AS first,"
            f" from_domain, proof, kind, reasons {mail}"),
        "claims": table("SELECT hex(m.sha256) AS sha, c.n, c.state, c.org_number, c.msn, c.reasons FROM claim c"
            " JOIN mail m ON m.id = c.mail_id"),
        "kept": table("SELECT hex(m.sha256) AS sha, b.size_bytes FROM mail_bytes b JOIN mail m ON m.id = b.mail_id"),
        "events": table("SELECT type, count(*) AS n FROM event GROUP BY type"),
    }


def write_folder(path, mails):
    path.mkdir(parents=True)
    for number, raw in enumerate(mails):
        (path / f"{number:04}.eml").write_bytes(raw)
    return path


def write_mbox(path, mails, line="From MAILER-DAEMON Sun Nov 22 09:30:00 2026", quote=True):
    out = b""
    for raw in mails:
        raw = raw.replace(b"\r\n", b"\n")
        if quote:
            raw = b"\n".join(b">" + one if one.lstrip(b">").startswith(b"From ") else one for one in raw.split(b"\n"))
        out += line.encode() + b"\n" + raw + (b"" if raw.endswith(b"\n") else b"\n") + b"\n"
    path.write_bytes(out)
    return path


def test_the_samples_as_files_become_what_they_become_in_a_mailbox_and_nobody_is_told(filed):
    folder = filed.dir / "samples" / "deep"
    write_folder(folder, [sample.raw for sample in SAMPLES])
    done = filed.run("import", folder.parent)
    said = summary(done)
    assert done.status == 3 and done.err == ""  # some of them wait for a person
    assert said["mails"] == len(SAMPLES) and said["pending"] == said["quarantined"] == 0
    assert filed.count("mail", "history = 0") == 0
    later = filed.run("run")
    assert later.status in (0, 3), later
    assert {key(entry) for entry in filed.log("--state", "confirmed")} == expected_approvals()
    assert filed.received() == [] and filed.smtp.mails == []
    assert {entry["mailbox"] for entry in filed.log("--state", "confirmed")} == {"import"}


def test_announce_makes_news_of_it(filed):
    filed.know("123456", "987654325")
    folder = write_folder(filed.dir / "mails", [approval_mail("123456")])
    assert summary(filed.run("import", "--announce", folder))["read"] == 1
    assert filed.run("run").status == 0
    assert [body["data"]["msn"] for body in filed.received("approval.confirmed")] == ["123456"]


def test_arrival_is_the_received_line_that_the_proof_came_with_else_unknown(filed):
    folder = write_folder(filed.dir / "mails", [approval_mail("123456", date=1767500000), approval_mail("654321", proven=False)])
    filed.run("import", folder)
    assert [row["arrived_ms"] for row in filed.rows("SELECT arrived_ms FROM mail ORDER BY id")] == [1767500000000, None]


@pytest.mark.parametrize("quoting", ["mboxo", "mboxrd"])
def test_an_mbox_is_cut_at_its_mails_and_nowhere_else(filed, quoting):
    mails = [approval_mail(str(100000 + number)) for number in range(5)]
    mails[1] += b"\r\nFrom here on: nothing\r\nFrom now on\r\n\r\nFrom the desk of us\r\nno field\r\n"
    mails[2] = mails[2].replace(b"MIME-Version", b"Content-Length: 100000\r\nMIME-Version")
    path = filed.dir / "all"
    if quoting == "mboxo":
        box = mailbox.mbox(path)
        for raw in mails:
            box.add(raw.replace(b"\r\n", b"\n"))
        box.close()
    else:
        write_mbox(path, mails)
    said = summary(filed.run("import", path))
    assert (said["mails"], said["read"], said["claims"], said["waiting"]) == (5, 5, 5, 0)
    place = filed.rows("SELECT f.name, m.uid FROM mail m JOIN epoch e ON e.id = m.epoch_id JOIN folder f ON f.id = e.folder_id")
    assert [(row["name"], row["uid"]) for row in place] == [(str(path.resolve()), n + 1) for n in range(5)]
    for number, raw in enumerate(mails, 1):  # and each is as it was sent, but for line ends
        saved = filed.run("mail", "save", f"mail_{number}", "-")
        assert saved.out == raw.replace(b"\r\n", b"\n").decode(), number


def test_a_body_that_quotes_a_whole_mail_is_still_one_mail(filed):
    inner = approval_mail("999999").replace(b"\r\n", b"\n").decode()
    outer = noise_mail(1) + f"\r\nFrom x@y.example Sun Nov 22 09:30:00 2026\n{inner}".encode()
    path = write_mbox(filed.dir / "box.mbox", [outer, approval_mail("123456")])
    assert summary(filed.run("import", path))["mails"] == 2
    assert [row["msn"] for row in filed.rows("SELECT msn FROM claim")] == ["123456"]


def test_a_maildir_is_its_cur_and_new_and_not_its_tmp(filed):
    box = mailbox.Maildir(filed.dir / "Maildir")
    for number in range(4):
        box.add(approval_mail(str(100000 + number)))
    sub = box.add_folder("Archive")
    sub.add(approval_mail("200000"))
    (filed.dir / "Maildir" / "tmp" / "half.eml").write_bytes(approval_mail("300000"))
    (filed.dir / "Maildir" / "dovecot-uidlist").write_text("3 V1 N1\n")
    done = filed.run("import", filed.dir / "Maildir")
    assert (done.status, summary(done)["mails"], summary(done)["claims"]) == (0, 5, 5)
    one = filed.dir / "Maildir" / "new"
    again = summary(filed.run("import", one))  # the flags, the folder, the path: its bytes are what counts
    assert (again["mails"], again["known"]) == (4, 4)


def test_what_was_imported_is_known_wherever_it_lies_and_costs_no_row(filed):
    mails = [approval_mail("123456"), noise_mail(1), approval_mail("654321")]
    folder = write_folder(filed.dir / "one", mails)
    first = summary(filed.run("import", folder))
    assert (first["read"], first["ignored"], first["known"]) == (2, 1, 0)
    before = rows(filed)
    other = write_folder(filed.dir / "two", mails[::-1] + mails)
    again = summary(filed.run("import", other, folder))
    assert (again["mails"], again["known"], again["claims"]) == (9, 9, 0)
    assert rows(filed) == before


def test_the_same_bytes_twice_in_one_import_are_one_mail(filed):
    folder = write_folder(filed.dir / "mails", [approval_mail("123456"), noise_mail(1)])
    for path in list(folder.iterdir()):
        (folder / f"copy-{path.name}").write_bytes(path.read_bytes())
    said = summary(filed.run("import", folder))
    assert (said["mails"], said["read"], said["ignored"], said["known"], said["claims"]) == (4, 1, 1, 2, 1)
    assert filed.count("mail") == 2


def test_a_mail_of_the_mailbox_is_not_read_again_as_a_file(filed):
    filed.know("123456", "987654325")
    raw = approval_mail("123456")
    filed.deliver(raw)
    filed.run("run")
    folder = write_folder(filed.dir / "mails", [raw])
    said = summary(filed.run("import", folder))
    assert (said["known"], said["read"], said["claims"]) == (1, 0, 0)
    assert filed.count("mail") == 2 and filed.count("claim") == 1


def test_a_mail_that_was_unproven_as_a_file_is_proven_where_its_server_counts(world):
    world.know("123456", "987654325")
    raw = approval_mail("123456")
    done = world.run("import", write_folder(world.dir / "mails", [raw]))  # no authserv-id counts for files
    assert done.status == 3 and summary(done)["waiting"] == 1
    world.deliver(raw)
    assert world.run("run").status == 0
    assert [body["data"]["msn"] for body in world.received("approval.confirmed")] == ["123456"]


def test_a_mail_over_the_limit_is_oversize_never_cut(filed):
    filed.config["limits"] = {"mail_bytes": "4K"}
    big = approval_mail("123456", padding=8000)
    folder = write_folder(filed.dir / "mails", [big])
    path = write_mbox(filed.dir / "box", [approval_mail("654321"), big, approval_mail("222222")])
    said = summary(filed.run("import", folder, path))
    assert (said["mails"], said["oversize"], said["read"], said["claims"]) == (4, 2, 2, 2)
    again = summary(filed.run("import", folder, path))
    assert (again["known"], again["oversize"]) == (4, 0)
    del filed.config["limits"]  # and where it is let in, its row goes on
    third = summary(filed.run("import", folder, path))
    assert (third["read"], third["known"]) == (2, 2)
    assert filed.count("mail") == 4 and filed.count("mail", "fate = 'read'") == 4


def test_a_path_that_cannot_be_read_keeps_no_other_from_being_imported(filed):
    folder = write_folder(filed.dir / "mails", [approval_mail("123456")])
    empty = filed.dir / "empty"
    empty.mkdir()
    (filed.dir / "nothing.eml").write_bytes(b"")
    os.mkfifo(filed.dir / "pipe")
    done = filed.run("import", filed.dir / "gone", empty, filed.dir / "nothing.eml", filed.dir / "pipe", folder)
    assert done.status == 3 and summary(done)["read"] == 1
    assert len(done.lines) == 4 and all("import.unread" in line for line in done.lines)
    for line, name in zip(done.lines, ["gone", "empty", "nothing.eml", "pipe"]):
        assert name in line
    assert filed.run("import").status == 2
    assert filed.run("import", "--no-such", folder).status == 2


def test_a_folder_that_links_to_itself_ends(filed):
    folder = write_folder(filed.dir / "mails", [approval_mail("123456")])
    (folder / "again").symlink_to(folder)
    assert summary(filed.run("import", folder))["mails"] == 1


def test_a_file_that_was_written_anew_keeps_the_old_mails_and_adds_the_new(filed):
    path = write_mbox(filed.dir / "box", [approval_mail("111111"), approval_mail("222222")])
    filed.run("import", path)
    write_mbox(path, [approval_mail("333333")])
    assert summary(filed.run("import", path))["read"] == 1
    assert sorted(row["msn"] for row in filed.rows("SELECT msn FROM claim")) == ["111111", "222222", "333333"]


def test_import_works_while_a_pass_holds_the_lock_and_reads_no_secret(filed):
    folder = write_folder(filed.dir / "mails", [approval_mail("123456")])
    for name in ("imap.password", "api.id", "api.secret", "api.key", "smtp.password", "crm.secret"):
        (filed.dir / name).unlink()
    filed.api.stop()
    with open(f"{filed.database}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = filed.run("import", folder)
    assert (done.status, done.err, summary(done)["read"]) == (0, "", 1)


def test_killed_at_any_moment_and_run_again_it_ends_with_the_same_rows(filed):
    mails = [sample.raw for sample in SAMPLES] + [approval_mail(str(400000 + n)) for n in range(150)] + [
        noise_mail(n) for n in range(100)]
    folder = write_folder(filed.dir / "mails", mails)
    began = time.monotonic()
    filed.run("import", folder)
    seconds = time.monotonic() - began
    oracle = rows(filed)
    killed = 0
    for number in range(40 if BIG else 8):
        filed.fresh_database(f"killed{number}.db")
        process = filed.start("import", folder)
        try:
            process.wait(timeout=seconds * (number + 1) / (40 if BIG else 8))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.communicate()
        assert filed.run("import", folder).status in (0, 3)
        assert rows(filed) == oracle, number
        assert filed.run("verify").status == 0
    assert killed > 0


def test_no_configured_mailbox_may_have_the_name_of_imported_mails(filed):
    filed.mailbox["name"] = "import"
    done = filed.run("check")
    assert done.status == 14 and "is taken" in done.err
