"""A throw-away certificate authority, and certificates of every kind that a client must accept or refuse.

Made with the openssl program. `openssl ca` is used because it alone (OpenSSL 3.0) takes a beginning and
an end, which an expired certificate needs.
"""
import pathlib
import ssl
import subprocess

LONG_AGO, FAR_AWAY = "20200101000000Z", "20491231235959Z"  # tests move the clock by months

CONFIG = """
[ca]
default_ca = ours
[ours]
dir = {dir}
database = {dir}/index.txt
serial = {dir}/serial
new_certs_dir = {dir}
certificate = {dir}/ca.pem
private_key = {dir}/ca.key
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = empty
[empty]
[v3_ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""
LEAF = """basicConstraints = CA:FALSE
keyUsage = digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = {names}
"""


def _openssl(*args):
    done = subprocess.run(["openssl", *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {args[0]}: {done.stderr}")


class Certificate:
    def __init__(self, pem, key):
        self.pem, self.key = str(pem), str(key)

    def context(self):
        """For a TLS server that shows this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem, self.key)
        return context


class CA:
    def __init__(self, folder):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.file = str(self.dir / "ca.pem")
        (self.dir / "index.txt").write_text("")
        (self.dir / "serial").write_text("1000\n")
        (self.dir / "openssl.cnf").write_text(CONFIG.format(dir=self.dir))
        self._self_signed("ca", "/CN=approvals test CA", "v3_ca")

    def _key(self, name):
        _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.dir / f"{name}.key")

    def _self_signed(self, name, subject, section=None, names=None):
        self._key(name)
        request = ["req", "-new", "-x509", "-config", self.dir / "openssl.cnf", "-key", self.dir / f"{name}.key",
            "-subj", subject, "-days", "9000", "-out", self.dir / f"{name}.pem"]
        if section:
            request += ["-extensions", section]
        if names:
            request += ["-addext", f"subjectAltName = {names}"]
        _openssl(*request)
        return Certificate(self.dir / f"{name}.pem", self.dir / f"{name}.key")

    def issue(self, name, hosts=("localhost", "127.0.0.1"), begin=LONG_AGO, end=FAR_AWAY):
        """A certificate for these hosts; `name` only names its files."""
        names = ",".join(("IP:" if h.replace(".", "").isdigit() else "DNS:") + h for h in hosts)
        extensions = self.dir / f"{name}.ext"
        extensions.write_text(LEAF.format(names=names))
        self._key(name)
        _openssl("req", "-new", "-config", self.dir / "openssl.cnf", "-key", self.dir / f"{name}.key",
            "-subj", f"/CN={hosts[0]}", "-out", self.dir / f"{name}.csr")
        _openssl("ca", "-batch", "-notext", "-config", self.dir / "openssl.cnf", "-startdate", begin, "-enddate", end,
            "-extfile", extensions, "-in", self.dir / f"{name}.csr", "-out", self.dir / f"{name}.pem")
        return Certificate(self.dir / f"{name}.pem", self.dir / f"{name}.key")

    def good(self):
        return self.issue("good")

    def wrong(self, kind):
        """A certificate that every client must refuse for localhost."""
        if kind == "another-name":
            return self.issue(kind, ["another.example"])
        if kind == "expired":
            return self.issue(kind, begin=LONG_AGO, end="20210101000000Z")
        if kind == "self-signed":
            return self._self_signed(kind, "/CN=localhost", names="DNS:localhost,IP:127.0.0.1")
        raise ValueError(kind)


WRONG_KINDS = ("another-name", "expired", "self-signed")
