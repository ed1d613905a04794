"""An SMTP server (aiosmtpd) over TLS or STARTTLS with AUTH, that keeps what it gets."""
import email
import email.policy
import logging
import socket
import warnings

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

logging.getLogger("mail.log").setLevel(logging.CRITICAL)
logging.getLogger("asyncio").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", "Requiring AUTH")  # it takes implicit TLS for none


class Mail:
    def __init__(self, envelope, user):
        self.sender, self.recipients, self.user = envelope.mail_from, list(envelope.rcpt_tos), user
        self.raw = envelope.original_content
        self.message = email.message_from_bytes(self.raw, policy=email.policy.default)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Smtp:
    """refuse: {"RCPT": "550 no such user"}, {"DATA": "451 later"}, {"AUTH": ...}; empty: accepts all."""
    user = "approvals"

    def __init__(self, certificate, starttls=False, password="canary-smtp-password", host="localhost"):
        self.certificate, self.starttls, self.password, self.host = certificate, starttls, password, host
        self.port, self.mails, self.refuse, self._controller = 0, [], {}, None
        self.logins = 0

    def start(self):
        self.port = self.port or free_port()
        context = self.certificate.context()
        options = {"authenticator": self._authenticate, "auth_required": True, "ident": "test"}
        if self.starttls:
            options.update(tls_context=context, require_starttls=True)
        else:  # aiosmtpd does not see that the whole connection is encrypted
            options.update(ssl_context=context, auth_require_tls=False)
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)
        self._controller.start()
        return self

    def stop(self):
        if self._controller:
            self._controller.stop()
            self._controller = None

    @property
    def url(self):
        return f"{'smtp' if self.starttls else 'smtps'}://{self.host}:{self.port}"

    def _authenticate(self, server, session, envelope, mechanism, data):
        self.logins += 1
        ok = isinstance(data, LoginPassword) and "AUTH" not in self.refuse and (
            data.login == self.user.encode() and data.password == self.password.encode())
        return AuthResult(success=ok, handled=False, auth_data=self.user if ok else None)

    async def handle_RCPT(self, server, session, envelope, address, options):
        if "RCPT" in self.refuse:
            return self.refuse["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server, session, envelope):
        if "DATA" in self.refuse:
            return self.refuse["DATA"]
        self.mails.append(Mail(envelope, session.auth_data))
        return "250 kept"

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()
