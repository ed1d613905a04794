"""A webhook receiver: keeps what it gets, and answers as it is told to."""
import threading

from . import web


class Delivery:
    def __init__(self, handler):
        self.path, self.body = handler.path, handler.body
        self.headers = {name.lower(): value for name, value in handler.headers.items()}

    @property
    def id(self):
        return self.headers.get("webhook-id")


class Receiver(web.WebServer):
    """fault: None (204), or what answers; it may be replaced at any time. got: every request, oldest first."""

    def __init__(self, certificate, host="localhost"):
        super().__init__(certificate, host)
        self.got, self.fault = [], None
        self.arrived = threading.Condition(self.lock)

    def handle(self, handler):
        with self.arrived:
            self.got.append(Delivery(handler))
            self.arrived.notify_all()
        if self.fault:
            self.fault(handler)
        else:
            handler.answer(204, content_type=None)

    def wait(self, count, seconds=10):
        """Until so many requests have come; False if they did not in time."""
        with self.arrived:
            return self.arrived.wait_for(lambda: len(self.got) >= count, seconds)
