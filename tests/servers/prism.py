"""Prism, which holds the Management API's description (tests/management-openapi.yaml) to its word.

`Mock` answers with the description's own examples; `Judge` stands between the program and the stateful fake and says what
either does that is not in the description. Prism speaks HTTP and the program HTTPS alone: a relay with our certificate
stands in front of it, and keeps what Prism found.
"""
import http.client
import pathlib
import re
import subprocess
import threading

import yaml

from . import process, web

TESTS = pathlib.Path(__file__).resolve().parents[1]
DOCUMENT = TESTS / "management-openapi.yaml"
PRISM = TESTS / "node_modules" / "@stoplight" / "prism-cli" / "dist" / "index.js"
HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "date"}


def document():
    return yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))


class _Prism:
    """The program itself, on a port that the system picks."""

    def __init__(self, *args, env=None):
        self.process = subprocess.Popen(["node", str(PRISM), *args[:1], "-h", "127.0.0.1", "-p", "0", *args[1:]],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env,
            preexec_fn=process.end_with_parent)
        said = []
        for line in self.process.stdout:
            said.append(line)
            found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found[1])
                break
        else:
            raise RuntimeError("prism: " + "".join(said))
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self):
        for _ in self.process.stdout:
            pass

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


class _Relay(web.WebServer):
    """HTTPS outside, HTTP to Prism."""

    def __init__(self, certificate, port):
        super().__init__(certificate)
        self.prism_port, self.violations, self.passed = port, [], []

    def headers_for(self, handler):
        return dict(handler.headers.items())

    def handle(self, handler):
        connection = http.client.HTTPConnection("127.0.0.1", self.prism_port, timeout=30)
        try:
            headers = {k: v for k, v in self.headers_for(handler).items() if k.lower() not in HOP | {"host"}}
            connection.request(handler.command, handler.path, handler.body or None, headers)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        with self.lock:
            self.passed.append((handler.command, handler.path, answer.status))
            if answer.headers.get("sl-violations"):
                self.violations.append((handler.command, handler.path, answer.headers["sl-violations"]))
        handler.answer(answer.status, body, answer.headers.get("Content-Type"),
            [(k, v) for k, v in answer.headers.items() if k.lower() not in HOP | {"content-type", "server"}])


class Mock(_Relay):
    """prefer: what Prism is to answer, by path: (the Prefer header, the Accept header)."""

    def __init__(self, certificate, file=DOCUMENT):
        self.prism = _Prism("mock", str(file))
        super().__init__(certificate, self.prism.port)
        self.prefer = {}

    def headers_for(self, handler):
        headers = super().headers_for(handler)
        prefer, accept = self.prefer.get(handler.path.replace("%3A", ":").split("?")[0], (None, None))
        if prefer:
            headers.update({"Prefer": prefer, "Accept": accept})
        return headers

    def stop(self):
        super().stop()
        self.prism.stop()


class Judge(_Relay):
    """In front of `url`, whose certificate the file of `ca` vouches for."""

    def __init__(self, certificate, url, ca, env, file=DOCUMENT):
        self.prism = _Prism("proxy", str(file), url, env={**env, "NODE_EXTRA_CA_CERTS": ca})
        super().__init__(certificate, self.prism.port)

    def stop(self):
        super().stop()
        self.prism.stop()
