"""A TCP relay that misbehaves as networks do: it can drop every byte, or forget one side of a connection.

What was dropped never comes, also when the network is well again: such a connection is dead for good.
"""
import select
import socket
import threading


class Proxy:
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
