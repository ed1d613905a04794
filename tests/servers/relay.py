"""A relay before an IMAP server, with TLS on both sides: it notes what is said, and may say it again in another way.

A connection is served by a function of (relay, client), taken from `script` in turn; when none is left, `Relay.passed`.
A dialogue is a list of (from_server, bytes) in the order in which they were said.
"""
import contextlib
import re
import select
import socket
import socketserver
import ssl
import struct
import threading


class _Connection(socketserver.BaseRequestHandler):
    def handle(self):
        relay = self.server.relay
        with relay.lock:
            serve = relay.script.pop(0) if relay.script else Relay.passed
            relay.served += 1
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError, EOFError):  # one that goes away is what this is for
            if serve:
                with relay.context.wrap_socket(self.request, server_side=True) as client:
                    client.settimeout(30)
                    serve(relay, client)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 16


class Relay:
    def __init__(self, certificate, ca_file, port):
        """port: the TLS port of the server behind it."""
        self.context, self.upstream = certificate.context(), port
        self.ca_file, self.lock, self.script, self.served, self.notes = ca_file, threading.Lock(), [], 0, []
        self.dialogue = None  # a list while passed() notes what it passes on
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.relay = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def passed(self, client):
        """Hands on what both say as it is."""
        upstream = socket.create_connection(("127.0.0.1", self.upstream))
        upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with ssl.create_default_context(cafile=self.ca_file).wrap_socket(upstream, server_hostname="localhost") as server:
            other = {client: server, server: client}
            while True:
                for side in select.select(list(other), [], [])[0]:
                    data = _read(side)
                    if data == b"":
                        return
                    if self.dialogue is not None and data:
                        self.dialogue.append((side is server, data))
                    other[side].sendall(data or b"")


def _read(side):
    """What has come: b"" at its end, None if it was no data of the stream."""
    side.settimeout(0)
    try:
        data = side.recv(65536)
        while side.pending():
            data += side.recv(65536)
        return data
    except ssl.SSLWantReadError:
        return None
    finally:
        side.settimeout(30)


def refused(relay, client):
    """The server has gone away: nothing is said."""


def said(dialogue, server_bytes=None, tidily=True):
    """Serves a connection as the server of `dialogue` did, as far as `server_bytes`; then it ends, tidily or by a
    reset. What the client says is waited for as long as it is what was said then, byte by byte."""
    def serve(relay, client):
        left = server_bytes
        for from_server, data in dialogue:
            if not from_server:
                heard = _exactly(client, len(data))
                if heard != data:
                    relay.notes.append(f"{heard!r} instead of {data!r}")
                    return
                continue
            client.sendall(data if left is None else data[:left])
            if left is not None:
                left -= len(data)
                if left <= 0:
                    break
        _end(client, tidily)
    return serve


def dripped(dialogue):
    """The same, each byte of the server's alone in its TLS record and its packet."""
    def serve(relay, client):
        for from_server, data in dialogue:
            if from_server:
                for i in range(len(data)):
                    client.sendall(data[i:i + 1])
            elif _exactly(client, len(data)) != data:
                relay.notes.append("not what was said before")
                return
        _end(client, True)
    return serve


def merged(dialogue):
    """As turns: what one side said without an answer between is one piece."""
    out = []
    for from_server, data in dialogue:
        if out and out[-1][0] == from_server:
            out[-1] = (from_server, out[-1][1] + data)
        else:
            out.append((from_server, data))
    return out


def responses(data):
    """The server's responses in a piece of what it said: lines, with the literals in them."""
    out, start = [], 0
    while start < len(data):
        end = start
        while True:
            end = data.index(b"\r\n", end) + 2
            literal = re.search(rb"\{(\d+)\}\r\n\Z", data[start:end])
            if not literal:
                break
            end += int(literal[1])
        out.append(data[start:end])
        start = end
    return out


def _exactly(client, count):
    out = b""
    while len(out) < count:
        more = client.recv(count - len(out))
        if not more:
            raise EOFError
        out += more
    return out


def _end(client, tidily):
    if tidily:
        client.unwrap()
    else:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
