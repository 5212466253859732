"""Tokens of the next page: opaque, of one call and its filters, and stable when resources come or go."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any, Final

from foretell.service.amazon.errors import AmazonError

_MARK: Final = 16  # bytes of the keyed hash in front


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes and reads tokens with the key of one installation: what it has not made itself it refuses."""

    key: bytes

    def make(self, question: Any, position: list[Any]) -> str:
        """The token of what follows `position` in the answer to `question` (the call, the region and the filters)."""
        text = json.dumps(position).encode()
        return base64.urlsafe_b64encode(self._mark(question, text) + text).decode().rstrip("=")

    def read(self, question: Any, token: str) -> list[Any]:
        """The position; raises InvalidNextTokenException for what is no token of this question."""
        try:
            data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise _refused() from error
        mark, text = data[:_MARK], data[_MARK:]
        if not hmac.compare_digest(mark, self._mark(question, text)):
            raise _refused()
        position: list[Any] = json.loads(text)
        return position

    def _mark(self, question: Any, text: bytes) -> bytes:
        asked = json.dumps(question, sort_keys=True).encode()
        return hmac.new(self.key, asked + b"\0" + text, hashlib.sha256).digest()[:_MARK]


def _refused() -> AmazonError:
    return AmazonError("InvalidNextTokenException", "The token is not valid for this operation.")
