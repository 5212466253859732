"""Sessions of the page: a signed cookie, made by a one-time link or a key; and the token that its forms send back."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import threading
import time
from typing import Final

from foretell.errors import ForetellError
from foretell.service.auth import LOCAL, ROLES, Who
from foretell.service.refusals import Unknown
from foretell.system.strict_json import parse_json

COOKIE: Final = "foretell_session"
_HOURS: Final = 12
_MOST: Final = 2048  # characters of a cookie


class Sessions:
    """Makes and reads cookies, signed with the home's key: all servers of a home know each other's."""

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, b"sessions", "sha256")
        self._link, self._guard = secrets.token_urlsafe(32), threading.Lock()
        self._used = False

    @property
    def link(self) -> str:
        """The token of the one-time link, printed at the start."""
        return self._link

    def open_link(self, token: str) -> str:
        """The cookie of this machine's user; raises Unknown for a token that is wrong or used."""
        with self._guard:
            good = not self._used and hmac.compare_digest(token.encode(), self._link.encode())
            self._used = self._used or good
        if not good:
            raise Unknown("the link was used, or is none. Start the server again for a new one.")
        return self.cookie(LOCAL)

    def cookie(self, who: Who) -> str:
        """A cookie that says who they are, for some hours."""
        told = {"id": who.id, "name": who.name, "role": who.role, "until": int(time.time()) + _HOURS * 3600}
        body = base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")
        return f"{body}.{self._sign(body)}"

    def who(self, cookie: str) -> Who | None:
        """Who a cookie says they are; None for one that is forged or has run out."""
        body, _, signature = cookie[:_MOST].partition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(body).encode()):
            return None
        try:
            told = parse_json(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except (ForetellError, binascii.Error, ValueError):
            return None
        if told["until"] < time.time() or told["role"] not in ROLES:
            return None
        return Who(told["id"], told["name"], told["role"])

    def form_token(self, cookie: str) -> str:
        """What a form of this session sends back."""
        return self._sign("form " + cookie)

    def is_form_token(self, cookie: str, token: str) -> bool:
        """Whether a form of this session sent it."""
        return hmac.compare_digest(token.encode(), self.form_token(cookie).encode())

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()
