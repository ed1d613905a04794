"""A fake Management API: answers by path from a data file, and is strict about what it is asked.

The data: {"merchants": [...], "salesUnits": [...], "productOrders": [...]}, as the API shows them; the last may be missing
(https://developer.vippsmobilepay.com/api/management, 2.0.9). What breaks the API's rules is
answered as the API would, and kept in `violations`, so that a test can demand that there are none.
"""
import base64
import json
import re
import secrets
import threading
import time

from . import web

TOKEN_PATH, OTHER_TOKEN_PATH = "/accesstoken/get", "/miami/v1/token"
MSN = re.compile(r"^\d{4,10}$")
SCHEME = re.compile(r"^business:[A-Z]{2}:[A-Za-z-]+$")
ID = re.compile(r"^[\d-]{4,50}$")
SYSTEM_HEADERS = ("Vipps-System-Name", "Vipps-System-Version", "Vipps-System-Plugin-Name", "Vipps-System-Plugin-Version")


class Management(web.WebServer):
    client_id = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"

    def __init__(self, certificate, data, host="localhost"):
        super().__init__(certificate, host)
        self.data = data if isinstance(data, dict) else json.loads(open(data, encoding="utf-8").read())
        self.client_secret = "canary-api-secret-" + secrets.token_hex(8)
        self.subscription_key = secrets.token_hex(16)
        self.keys = "partner"  # or "management"
        self.tokens, self.expires_in = [], "86398"
        self.token_life = None  # seconds after which a token is refused; None: never
        self.issued = {}  # token: when
        self.violations, self.asked, self.fault = [], [], None
        self.asked_at, self.busy, self.busiest, self._counting = [], 0, 0, threading.Lock()
        self.token_fault = None
        self.list = None  # what the list of sales units shows instead of them
        self.shows_expired = True  # the reference does not know includeExpired

    # fault: answers all but the token, or returns False and it works; token_fault: answers the token. None: works.

    def handle(self, handler):
        path = handler.path.split("?")[0].replace("%3A", ":")
        with self.lock:
            self.asked.append((handler.command, path))
            self.asked_at.append(time.monotonic())
            for header in SYSTEM_HEADERS:
                if len(handler.headers.get(header, "")) > 30:
                    return self._refuse(handler, 400, f"{header} has over 30 characters")
        if path in (TOKEN_PATH, OTHER_TOKEN_PATH):
            return self.token_fault(handler) if self.token_fault else self._token(handler, path)
        with self._counting:
            self.busy += 1
            self.busiest = max(self.busiest, self.busy)
        try:
            if not self.fault or self.fault(handler) is False:
                self._answer(handler, path)
        finally:
            with self._counting:
                self.busy -= 1

    def _refuse(self, handler, code, why):
        self.violations.append(f"{handler.command} {handler.path}: {why}")
        self._problem(handler, code, why)

    def _problem(self, handler, code, title):
        handler.answer(code, json.dumps({"type": "https://example.com/problem", "title": title, "status": code,
            "detail": title, "instance": handler.path}).encode(), "application/problem+json")

    def _token(self, handler, path):
        headers = handler.headers
        if handler.command != "POST":
            return self._refuse(handler, 405, "a token is asked for by POST")
        if path == OTHER_TOKEN_PATH:
            return self._other_token(handler)
        if self.keys != "partner":
            return self._refuse(handler, 401, "these are management keys: /miami/v1/token")
        if handler.body:
            return self._refuse(handler, 400, "the body must be empty")
        if (headers.get("client_id"), headers.get("client_secret"), headers.get("Ocp-Apim-Subscription-Key")) != (
                self.client_id, self.client_secret, self.subscription_key):
            return self._refuse(handler, 401, "wrong keys")
        handler.answer(200, json.dumps({"token_type": "Bearer", "expires_in": self.expires_in,
            "ext_expires_in": "86398", "expires_on": "2524607999", "access_token": self._new_token()}).encode())

    def _new_token(self):
        token = "canary-token-" + secrets.token_hex(500)  # real ones have over 1000 characters
        with self.lock:
            self.tokens.append(token)
            self.issued[token] = time.monotonic()
        return token

    def _other_token(self, handler):
        """As OAuth 2 wants it; what a number was as text there is a number here."""
        basic = "Basic " + base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        if self.keys != "management":
            return self._refuse(handler, 401, "these are partner keys: /accesstoken/get")
        if handler.headers.get("Ocp-Apim-Subscription-Key"):
            return self._refuse(handler, 400, "a subscription key may not be sent here")
        if handler.headers.get("Authorization") != basic:
            return self._refuse(handler, 401, "wrong keys")
        if handler.body != b"grant_type=client_credentials" or \
                handler.headers.get("Content-Type") != "application/x-www-form-urlencoded":
            return self._refuse(handler, 400, "not a form with grant_type=client_credentials")
        handler.answer(200, json.dumps({"access_token": self._new_token(), "token_type": "Bearer",
            "expires_in": int(self.expires_in)}).encode())

    def _answer(self, handler, path):
        headers = handler.headers
        if handler.command != "GET":
            return self._refuse(handler, 405, "only GET is asked of us")
        authorization = headers.get("Authorization", "")
        if not authorization.startswith("Bearer ") or authorization[7:] not in self.tokens:
            return self._refuse(handler, 401, "Authorization is not Bearer and a token of ours")
        if self.token_life is not None and time.monotonic() - self.issued[authorization[7:]] >= self.token_life:
            return self._problem(handler, 401, "Token expired")
        if self.keys == "management":
            if headers.get("Ocp-Apim-Subscription-Key"):
                return self._refuse(handler, 401, "management keys have no subscription key")
        elif headers.get("Ocp-Apim-Subscription-Key") != self.subscription_key:
            handler.answer(401, b'{"statusCode":401,"message":"Access denied due to invalid subscription key."}')
            return self.violations.append(f"{path}: wrong subscription key")
        part = path.split("/")[1:]
        if part[:3] == ["management", "v1", "sales-units"] and len(part) == 4:
            return self._sales_unit(handler, part[3])
        if part[:3] == ["management", "v1", "merchants"] and len(part) in (5, 6) and part[5:] in ([], ["sales-units"]):
            return self._merchant(handler, part[3], part[4], len(part) == 6)
        if path == "/management/v1/sales-units":
            return self._json(handler, [self._short(u) for u in self.data["salesUnits"]] if self.list is None else self.list)
        if part[:3] == ["management", "v2", "product-orders"] and (len(part) == 3 or len(part) == 5 and part[4] == "details"):
            return self._orders(handler) if len(part) == 3 else self._order(handler, part[3])
        return self._refuse(handler, 404, "no such path")

    def _orders(self, handler):
        expired = self.shows_expired and "includeExpired=true" in handler.path
        self._json(handler, [order for order in self.data.get("productOrders", ()) if
            expired or order["status"] != "EXPIRED"])

    def _order(self, handler, id):
        for order in self.data.get("productOrders", ()):
            if order.get("productOrderId") == id:
                return self._json(handler, order)
        return self._problem(handler, 404, "Not Found")

    def _json(self, handler, value):
        handler.answer(200, json.dumps(value, ensure_ascii=False).encode())

    @staticmethod
    def _short(unit):
        return {"msn": unit["msn"], "name": unit["name"]}

    def _sales_unit(self, handler, msn):
        if not MSN.match(msn):
            return self._refuse(handler, 400, "msn is not 4 to 10 digits")
        for unit in self.data["salesUnits"]:
            if unit["msn"] == msn:
                return self._json(handler, unit)
        return self._problem(handler, 404, "Not Found")

    def _merchant(self, handler, scheme, number, units):
        if not SCHEME.match(scheme) or scheme.startswith("business:SE:") or not ID.match(number):
            return self._refuse(handler, 400, "not a business identifier that the API knows")
        key = {"scheme": scheme, "id": number}
        for merchant in self.data["merchants"]:
            if merchant["businessIdentifier"] == key:
                return self._json(handler, merchant if not units else
                    [self._short(u) for u in self.data["salesUnits"] if u["businessIdentifier"] == key])
        return self._problem(handler, 404, "Not Found")


# ---- ways to fail

LIMITED = web.status(429, b'{"statusCode":429,"message":"Rate limit is exceeded. Try again in 120 seconds."}',
    "application/json", [("Retry-After", "120")])
GATEWAY_401 = web.status(401, b'{"statusCode":401,"message":"Access denied due to invalid subscription key."}',
    "application/json")
BAD_GATEWAY = web.status(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html")
FAULTS = {
    "401": GATEWAY_401,
    "403": web.status(403, b'{"title":"Forbidden","status":403}'),
    "404": web.status(404, b'{"title":"Not Found","status":404}'),
    "429": LIMITED,
    "500": web.status(500, b'{"title":"Internal Server Error","status":500}'),
    "502": BAD_GATEWAY,
    "cut": web.cut(),
    "html-200": web.status(200, b"<html><body>maintenance</body></html>", "text/html"),
    "not-json": web.status(200, b"{\"msn\": ", "application/json"),
    "hang": web.hang,
}
