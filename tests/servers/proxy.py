"""Ways through which servers are reached: a relay that misbehaves as networks do, and proxies that are asked for a host."""
import base64
import select
import socket
import threading


class Proxy:
    """A TCP relay: it can drop every byte, or forget one side of a connection.

    What was dropped never comes, also when the network is well again: such a connection is dead for good.
    """

    def __init__(self, port):
        self.target, self.mode = port, "pass"
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._pairs, self._dead = [], set()
        self._lock, self._closing = threading.Lock(), threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self._closing.is_set():
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            pair = [client, None]
            if self.mode == "pass":
                try:
                    pair[1] = socket.create_connection(("127.0.0.1", self.target))
                except OSError:  # nobody listens there: that goes through as well
                    client.close()
                    continue
            with self._lock:
                self._pairs.append(pair)
            if pair[1]:
                threading.Thread(target=self._relay, args=pair, daemon=True).start()

    def _relay(self, client, server):
        other = {client: server, server: client}
        while not self._closing.is_set():
            try:
                ready, _, _ = select.select([client, server], [], [], 0.2)
                for side in ready:
                    data = side.recv(65536)
                    if not data:
                        raise OSError
                    if self.mode == "pass" and client not in self._dead:
                        other[side].sendall(data)
                    else:
                        self._dead.add(client)  # a gap in the stream: it is dead for good
            except (OSError, ValueError):
                if client not in self._dead:
                    for side in (client, server):
                        side.close()
                return

    def swallow(self):
        """Drops all bytes from now on, of connections that stand and of new ones."""
        with self._lock:
            self._dead = {client for client, _ in self._pairs}
            self.mode = "swallow"

    def heal(self):
        """New connections go through; those that stood stay dead."""
        self.mode = "pass"

    def half_open(self):
        """The server's side of each connection goes; the client is never told. New ones go through."""
        with self._lock:
            self._dead = {client for client, _ in self._pairs}
            for _, server in self._pairs:
                if server:
                    try:
                        server.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._closing.set()
        self._server.close()
        with self._lock:
            for pair in self._pairs:
                for side in pair:
                    if side:
                        side.close()


class Gateway:
    """A proxy that is asked for a host by name: HTTP CONNECT (RFC 9110 9.3.6), or SOCKS 5 (RFC 1928).

    Keeps in `asked` what was asked for, as "host:port". Every name leads to this machine. login: what it wants to be
    told first, "user:password".
    """

    def __init__(self, socks=False, login=None):
        self.socks, self.login = socks, login
        self.asked, self.refused, self.logins, self._open = [], 0, [], []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'socks5h' if socks else 'http'}://localhost:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            client.settimeout(30)
            self._open.append(client)
            target = self._socks(client) if self.socks else self._connect(client)
            if target:
                self.asked.append(target)
                self._pass(client, int(target.rpartition(":")[2]))
        except (OSError, ValueError, IndexError):
            pass
        finally:
            client.close()

    def _connect(self, client):
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += client.recv(1) or b"\r\n\r\n"
        method, target, _ = request.split(b"\r\n")[0].decode().split(" ")
        told = [line.split(b" ")[2] for line in request.split(b"\r\n") if line.lower().startswith(b"proxy-authorization: basic ")]
        self.logins += told
        if method != "CONNECT" or self.login and told != [base64.b64encode(self.login.encode())]:
            self.refused += 1
            client.sendall(b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=\"t\"\r\nContent-Length: 0\r\n\r\n")
            return None
        client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        return target

    def _socks(self, client):
        methods = client.recv(2)
        methods = client.recv(methods[1])
        client.sendall(b"\5\2" if self.login else b"\5\0")
        if self.login:
            user = client.recv(client.recv(2)[1])
            password = client.recv(client.recv(1)[0])
            good = user + b":" + password == self.login.encode()
            client.sendall(b"\1\0" if good else b"\1\1")
            if not good:
                self.refused += 1
                return None
        if client.recv(4) != b"\5\1\0\3":  # connect, to a name: an address would mean that it was looked up before
            self.refused += 1
            return None
        host = client.recv(client.recv(1)[0]).decode()
        port = int.from_bytes(client.recv(2), "big")
        client.sendall(b"\5\0\0\1\0\0\0\0\0\0")
        return f"{host}:{port}"

    def _pass(self, client, port):
        with socket.create_connection(("127.0.0.1", port)) as server:
            self._open.append(server)
            other = {client: server, server: client}
            while True:
                for side in select.select(list(other), [], [])[0]:
                    data = side.recv(65536)
                    if not data:
                        return
                    other[side].sendall(data)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._server.close()
        for side in self._open:
            side.close()
