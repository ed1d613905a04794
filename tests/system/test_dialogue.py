"""What the server says in a pass is recorded; then it is cut at each byte, dripped and doubled. The next pass ends in
the rows of a pass that nothing disturbed."""
import concurrent.futures
import shutil
import time

import pytest

from conftest import BIG
from servers.relay import Relay, dripped, merged, refused, responses, said
from servers.world import approval_mail, noise_mail

CUTS, TWICE = (None, None) if BIG else (30, 10)  # of each dialogue; None: all
MAY_END = {0, 3, 69, 75}  # a pass whose server is disturbed (3: a mail that nobody proved was read before)
SAME = {
    "folder": "SELECT f.name, e.uidvalidity, e.history_uid, e.closed_ms IS NULL AS present, e.uidnext, e.exists_count"
        " FROM epoch e JOIN folder f ON f.id = e.folder_id ORDER BY 1, 2",
    "mail": "SELECT f.name, m.uid, m.fate, m.reason, m.history, m.arrived_ms, m.size_bytes, hex(m.sha256) AS sha256,"
        " m.same_as IS NULL AS first, (SELECT count(*) FROM mail_bytes b WHERE b.mail_id = m.id) AS kept"
        " FROM mail m JOIN epoch e ON e.id = m.epoch_id JOIN folder f ON f.id = e.folder_id ORDER BY 1, 2",
    "claim": "SELECT f.name, m.uid, c.n, c.state, c.trusted, c.history, c.org_number, c.merchant_name, c.msn,"
        " c.sales_unit_name, c.reasons FROM claim c JOIN mail m ON m.id = c.mail_id JOIN epoch e ON e.id = m.epoch_id"
        " JOIN folder f ON f.id = e.folder_id ORDER BY 1, 2, 3",
    "event": "SELECT type, count(*) AS n FROM event GROUP BY type ORDER BY 1",
    "trouble": "SELECT cause FROM trouble",
}


def rows(world):
    return {table: world.rows(sql) for table, sql in SAME.items()}


class Scene:
    """A mailbox behind a relay, the database before the pass that is disturbed, and what that pass must make."""

    def __init__(self, world, relay, later):
        self.world, self.relay = world, relay
        self.before = world.dir / "before.db"
        world.mailbox.update(url=f"imaps://localhost:{relay.port}", announce="new")
        began = int(time.time()) - 86400
        mails = [approval_mail("111111", date=began), noise_mail(1), approval_mail("222222", date=began + 1, proven=False)]
        for number, raw in enumerate(mails):
            world.deliver(raw, arrived=began + number)
        world.deliver(approval_mail("333333", date=began + 3), folder="Junk", arrived=began + 3)
        if later:  # a pass over new mail, and not the mailbox's first
            assert world.run("ingest").status == 3
            world.database.rename(self.before)
            world.deliver(approval_mail("444444", date=began + 4), arrived=began + 4)
            world.deliver(mails[0], arrived=began + 5)  # the same bytes once more
            world.deliver(noise_mail(2), folder="Junk", arrived=began + 6)
        self.renew()
        relay.dialogue = []
        first = world.run("ingest")
        assert (first.status, first.err) == (0 if later else 3, "") and relay.served == 1 + later
        self.dialogue, relay.dialogue = merged(relay.dialogue), None
        self.expected = rows(world)

    def renew(self):
        """The database is as it was before the pass."""
        for path in self.world.dir.glob("approvals.db*"):
            path.unlink()
        if self.before.exists():
            shutil.copy(self.before, self.world.database)

    def disturbed(self, *script):
        """One pass to whose connections the script answers, and one that nothing disturbs: what was said, or None."""
        self.renew()
        self.relay.script, self.relay.notes = list(script), []
        first = self.world.run("ingest")
        notes = self.relay.notes
        self.relay.script = []
        again = self.world.run("ingest")
        now = rows(self.world)
        if first.status in MAY_END and again.status in (0, 3) and now == self.expected:
            return None
        return first, again, notes, {table: now[table] for table in SAME if now[table] != self.expected[table]}


@pytest.fixture(scope="module", params=["first", "later"])
def scenes(request, tmp_path_factory, ca, certificate, dovecot):
    """Two, which work side by side: either core."""
    from servers.world import World
    made, relays = [], []
    for n in range(2):
        world = World(tmp_path_factory.mktemp("dialogue"), ca, certificate, dovecot, {"merchants": [], "salesUnits": []})
        relays.append(Relay(certificate, ca.file, dovecot.tls_port))
        made.append(Scene(world, relays[-1], request.param == "later"))
    yield made
    for scene in made:
        scene.relay.close()
        scene.world.close()


def server_bytes(scene):
    return sum(len(data) for from_server, data in scene.dialogue if from_server)


def spread(total, count):
    """Numbers below total: all, or this many evenly from the first to the last."""
    return range(total) if count is None else sorted({(total - 1) * i // (count - 1) for i in range(count)})


def try_all(scenes, tries):
    """tries: for a scene and a number the script of a try. Answers what went wrong, by number."""
    def work(n):
        out = {}
        for number, script in list(tries(scenes[n]))[n::2]:
            wrong = scenes[n].disturbed(*script)
            if wrong:
                out[number] = wrong
        return out
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(work, range(2)))
    return {**parts[0], **parts[1]}


def test_the_recorded_dialogue_said_again_is_a_pass_like_the_first(scenes):
    """The tests below are about what they say: what the client says does not change from pass to pass."""
    for scene in scenes:
        scene.renew()
        scene.relay.script, scene.relay.notes, scene.relay.served = [said(scene.dialogue)], [], 0
        assert scene.world.run("ingest").status in (0, 3)
        assert (scene.relay.notes, scene.relay.served) == ([], 1)
        assert rows(scene.world) == scene.expected


def test_cut_at_any_byte_the_next_pass_ends_in_the_same_rows(scenes):
    def tries(scene):
        for at in spread(server_bytes(scene) + 1, CUTS):
            # ends of a stream of three kinds; the server is gone then, or it can be reached again at once
            yield at, (said(scene.dialogue, at, tidily=at % 3 == 0), *([refused] * 20 if at % 2 else []))
    assert try_all(scenes, tries) == {}


def test_dripped_byte_by_byte_it_is_a_pass_like_any(scenes):
    scene = scenes[0]
    scene.relay.served = 0
    assert scene.disturbed(dripped(scene.dialogue)) is None
    assert (scene.relay.notes, scene.relay.served) == ([], 2)  # each pass had one connection


def test_each_response_said_twice_the_next_pass_ends_in_the_same_rows(scenes):
    def tries(scene):
        all = [(turn, one) for turn, (from_server, data) in enumerate(scene.dialogue) if from_server
            for one in range(len(responses(data)))]
        for number in spread(len(all), TWICE):
            turn, one = all[number]
            spoken, changed = responses(scene.dialogue[turn][1]), list(scene.dialogue)
            changed[turn] = (True, b"".join(spoken[:one + 1] + spoken[one:]))
            yield number, (said(changed),)
    assert try_all(scenes, tries) == {}
