"""What the fake API and the webhook receiver share: an HTTPS server in a thread, with faults on request.

A fault is a function of the handler that answers in place of the server; see `status`, `cut`, `hang`.
"""
import http.server
import threading


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        """A client that refuses our certificate or goes away is what tests are about, not news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", content_type="application/json;charset=UTF-8", headers=()):
        self.send_response(status)
        if content_type:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        self.server.owner.handle(self)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = handle_any


class WebServer:
    """Base of both: start() on a free port (or on the one it had before), stop(), handle(handler)."""

    def __init__(self, certificate, host="localhost"):
        self.certificate, self.host = certificate, host
        self.port, self._server, self.lock = 0, None, threading.Lock()
        self.stopping = threading.Event()

    def start(self):
        self.stopping.clear()
        server = _Server(("127.0.0.1", self.port), _Handler)
        # The handshake is done by the connection's own thread, so that a client that stalls stalls alone.
        server.socket = self.certificate.context().wrap_socket(server.socket, server_side=True,
            do_handshake_on_connect=False)
        server.owner = self
        self._server, self.port = server, server.server_address[1]
        self._thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def stop(self):
        if self._server:
            self.stopping.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None

    @property
    def url(self):
        return f"https://{self.host}:{self.port}"

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()


# ---- faults

def status(code, body=b"", content_type="application/problem+json", headers=()):
    return lambda handler: handler.answer(code, body, content_type, headers)


def cut(after=20):
    """The connection is closed in the middle of the answer."""
    def fault(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"{" + b" " * after)
        handler.wfile.flush()
        handler.close_connection = True
    return fault


def close(handler):
    """The connection is closed without an answer."""
    handler.close_connection = True


def hang(handler):
    """No answer, until the server is stopped or the client has gone."""
    handler.server.owner.stopping.wait(60)
    handler.close_connection = True
