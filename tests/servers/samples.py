"""The sample mails, what each should yield, and so what a log of them should hold."""
import email
import email.utils
import json

from .world import ROOT

MAIL = ROOT / "samples" / "mail"
API_DATA = ROOT / "samples" / "management.json"


class Sample:
    def __init__(self, path):
        self.path, self.name, self.raw = path, path.stem, path.read_bytes()
        self.expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))

    @property
    def arrived(self):
        """When the mail server took it: the date of its topmost Received line, else its own."""
        message = email.message_from_bytes(self.raw)
        received = message.get("Received", "").rpartition(";")[2].strip()
        for stamp in (received, message.get("Date", "")):
            try:
                return email.utils.parsedate_to_datetime(stamp).timestamp()
            except (TypeError, ValueError):
                continue
        return None


def samples():
    return [Sample(path) for path in sorted(MAIL.glob("*.eml"))]


def key(claim):
    return claim["org_scheme"], claim["org_number"], claim["msn"]


def api_data():
    return json.loads(API_DATA.read_text(encoding="utf-8"))


def expected_approvals(of=None):
    """Keys of the approvals that the samples and the API's data make together."""
    units = {(u["businessIdentifier"]["scheme"], u["businessIdentifier"]["id"], u["msn"]) for u in api_data()["salesUnits"]}
    return {key(claim) for sample in of or samples() if sample.expected["verdict"] == "approval"
        for claim in sample.expected["claims"] if key(claim) in units}
