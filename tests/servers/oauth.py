"""A fake OAuth server: token endpoint, sign-in, and the introspection that Dovecot asks. Strict about what it is sent.

What breaks RFC 6749 or 7636 is refused and kept in `violations`. Access tokens are good until they are taken out of
`good` (clocks are moved in tests, so nothing here expires by itself). With `rotate`, a refresh token is good once.
"""
import base64
import hashlib
import json
import secrets
import urllib.parse

from . import web

REDIRECT = "http://localhost"


class OAuth(web.WebServer):
    client_id, scope = "approvals-client", "https://mail.example/imap offline_access"

    def __init__(self, certificate, host="localhost"):
        super().__init__(certificate, host)
        self.client_secret = "canary-client-secret-" + secrets.token_hex(8)
        self.user = None  # whom tokens are for
        self.good, self.refreshable, self.issued = set(), set(), []  # issued: every token that was ever given
        self.rotate, self.expires_in, self.public = True, 3600, False
        self.codes, self.grants, self.violations, self.introspected = {}, [], [], []
        self.fault = self.introspect_fault = None  # fault: answers the token endpoint

    @property
    def token_url(self):
        return f"{self.url}/token"

    @property
    def auth_url(self):
        return f"{self.url}/authorize?access_type=offline"

    def refresh_token(self):
        """A good one, as if somebody had signed in."""
        token = "canary-refresh-" + secrets.token_hex(16)
        with self.lock:
            self.refreshable.add(token)
            self.issued.append(token)
        return token

    def revoke(self):
        """No access token that was given is good any more."""
        with self.lock:
            self.good.clear()

    def handle(self, handler):
        path, _, query = handler.path.partition("?")
        if path == "/introspect":
            return self._introspect(handler)
        if path == "/authorize":
            return self._authorize(handler, dict(urllib.parse.parse_qsl(query, strict_parsing=True)))
        if path != "/token" or handler.command != "POST":
            return handler.answer(404, b"<html>no such page</html>", "text/html")
        if self.fault:
            self.grants.append("fault")
            return self.fault(handler)
        if handler.headers.get("Content-Type") != "application/x-www-form-urlencoded":
            self.violations.append("not a form")
        pairs = urllib.parse.parse_qsl(handler.body.decode("ascii"), strict_parsing=True)
        form = dict(pairs)
        if len(form) != len(pairs):
            self.violations.append("a parameter twice")
        return self._token(handler, form)

    def _error(self, handler, error, description="", status=400):
        handler.answer(status, json.dumps({"error": error, "error_description": description}).encode())

    def _token(self, handler, form):
        grant = form.get("grant_type")
        with self.lock:
            self.grants.append(grant)
        if form.get("client_id") != self.client_id:
            return self._error(handler, "unauthorized_client", "AADSTS700016: Application was not found")
        if form.get("client_secret", None) != (None if self.public else self.client_secret):
            return self._error(handler, "invalid_client", "AADSTS7000215: Invalid client secret provided.", 401)
        if form.get("scope") != self.scope:
            return self._error(handler, "invalid_scope", "AADSTS70011: the scope")
        if grant == "client_credentials":
            return self._give(handler, None)
        if grant == "refresh_token":
            old = form.get("refresh_token")
            with self.lock:
                known = old in self.refreshable
                if known and self.rotate:
                    self.refreshable.discard(old)
            if not known:
                return self._error(handler, "invalid_grant", "Token has been expired or revoked: " + str(old))
            return self._give(handler, self.refresh_token() if self.rotate else None)
        if grant == "authorization_code":
            asked = self.codes.pop(form.get("code"), None)
            if not asked or form.get("redirect_uri") != REDIRECT:
                return self._error(handler, "invalid_grant", "no such code")
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
                self.violations.append("code_verifier does not fit")
                return self._error(handler, "invalid_grant", "PKCE")
            return self._give(handler, self.refresh_token() if asked.get("access_type") == "offline" else None)
        return self._error(handler, "unsupported_grant_type")

    def _give(self, handler, refresh):
        token = "canary-access-" + secrets.token_hex(500)
        with self.lock:
            self.good.add(token)
            self.issued.append(token)
        answer = {"token_type": "Bearer", "access_token": token}
        if self.expires_in is not None:
            answer["expires_in"] = self.expires_in
        if refresh:
            answer["refresh_token"] = refresh
        handler.answer(200, json.dumps(answer).encode())

    def _authorize(self, handler, asked):
        """As if the owner had signed in and agreed: sends the browser back."""
        wrong = [key for key, value in {"response_type": "code", "client_id": self.client_id, "redirect_uri": REDIRECT,
            "scope": self.scope, "code_challenge_method": "S256"}.items() if asked.get(key) != value]
        if wrong or len(asked.get("code_challenge", "")) != 43 or not asked.get("state"):
            self.violations.append(f"authorize: {wrong} {asked}")
            return handler.answer(400)
        code = "canary-code/+" + secrets.token_hex(20)
        self.codes[code] = asked
        back = urllib.parse.urlencode({"code": code, "state": asked["state"], "session_state": "x"})
        handler.answer(302, headers=[("Location", f"{REDIRECT}/?{back}")])

    def _introspect(self, handler):
        if self.introspect_fault:
            return self.introspect_fault(handler)
        token = dict(urllib.parse.parse_qsl(handler.body.decode())).get("token")
        with self.lock:
            self.introspected.append(token)
            good = token in self.good
        handler.answer(200, json.dumps({"active": True, "username": self.user} if good else {"active": False}).encode(),
            "application/json")
