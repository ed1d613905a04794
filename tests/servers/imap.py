"""The IMAP server of the system tests by APPROVALS_IMAP: dovecot (default) or cyrus, and +starttls for its other port."""
import os

from . import cyrus, dovecot

NAME = os.environ.get("APPROVALS_IMAP", "dovecot")
_name, _, _way = NAME.partition("+")
assert _way in ("", "starttls"), NAME
_kind = {"dovecot": dovecot.Dovecot, "cyrus": cyrus.Cyrus}[_name]


class Server(_kind):
    @property
    def url(self):
        return self.starttls_url if _way else super().url
