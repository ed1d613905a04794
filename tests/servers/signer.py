"""DKIM signatures as senders make them, by dkimpy: what verifies them here is another library."""
import base64
import pathlib
import subprocess

import dkim
import nacl.signing

SIGNED = ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"]


class _Tagged(dkim.DKIM):
    """Adds tags that dkimpy would not write, or takes some away (None)."""
    tags = {}

    def gen_header(self, fields, *args, **options):
        kept = [(name, value) for name, value in fields if name.decode() not in self.tags]
        extra = [(name.encode(), value.encode()) for name, value in self.tags.items() if value is not None]
        fields[:] = extra + kept
        return super().gen_header(fields, *args, **options)


class Key:
    """One key: `record` is what its name in the DNS holds."""

    def __init__(self, folder, name, bits=2048, kind="rsa"):
        self.name, self.kind = name, kind
        if kind == "ed25519":
            key = nacl.signing.SigningKey.generate()
            self.private = base64.b64encode(bytes(key))
            self.record = "v=DKIM1; k=ed25519; p=" + base64.b64encode(bytes(key.verify_key)).decode()
            return
        path = pathlib.Path(folder) / f"{name}.pem"
        subprocess.run(["openssl", "genrsa", "-traditional", "-out", path, str(bits)], check=True, capture_output=True)
        public = subprocess.run(["openssl", "rsa", "-in", path, "-pubout", "-outform", "DER"], check=True,
            capture_output=True).stdout
        self.private = path.read_bytes()
        self.record = "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()

    def sign(self, raw, domain="vippsmobilepay.com", *, algorithm=None, canonical=("relaxed", "relaxed"), headers=None,
            length=False, tags=None, selector=None):
        """The mail with a DKIM-Signature on top of it."""
        signing = _Tagged(raw, timeout=1)
        signing.tags = tags or {}
        field = signing.sign((selector or self.name).encode(), domain.encode(), self.private,
            signature_algorithm=(algorithm or f"{self.kind}-sha256").encode(),
            canonicalize=tuple(c.encode() for c in canonical),
            include_headers=[h.lower().encode() for h in headers or SIGNED], length=length)
        return field + raw

    def host(self, domain="vippsmobilepay.com"):
        return f"{self.name}._domainkey.{domain}"
