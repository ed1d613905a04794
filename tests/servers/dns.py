"""dnsmasq as a name server of our own names on a free port."""
import os
import pathlib
import pwd
import shutil
import subprocess
import time

from .process import end_with_parent
from .smtp import free_port


class Dns:
    """names: {"imap.test": "127.0.0.1"}. Of domains it says that all else there does not exist; to other questions, REFUSED."""

    def __init__(self, folder, names, domains=()):
        self.names, self.domains, self.log_file = names, domains, pathlib.Path(folder) / "dnsmasq.log"
        self.port, self._process = free_port(), None

    def start(self):
        program = shutil.which("dnsmasq", path=os.environ.get("PATH", "") + ":/usr/sbin")
        self._log = open(self.log_file, "wb")
        self._process = subprocess.Popen([program, "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
            "--bind-interfaces", "--listen-address=127.0.0.1", "--no-dhcp-interface=lo", f"--port={self.port}",
            "--local=//", f"--user={pwd.getpwuid(os.getuid()).pw_name}", "--pid-file", "--log-queries", "--log-facility=-",
            *(f"--local=/{domain}/" for domain in self.domains),
            *(f"--host-record={name},{address}" for name, address in self.names.items())],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT, preexec_fn=end_with_parent)
        deadline = time.monotonic() + 10
        while "started" not in self.log():
            try:
                self._process.wait(0.01)
            except subprocess.TimeoutExpired:
                if time.monotonic() < deadline:
                    continue
            raise RuntimeError(f"dnsmasq did not start: {self.log()}")
        return self

    def stop(self):
        if self._process:
            self._process.terminate()
            self._process.wait(10)
            self._log.close()
            self._process = None

    @property
    def address(self):
        return f"127.0.0.1@{self.port}"

    def log(self):
        return self.log_file.read_text(errors="replace")

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()
