"""Identifiers: sorted by the time they were made, hard to guess, safe as a folder's name."""

from __future__ import annotations

import re
import secrets
import time
from typing import Final

from foretell.service.refusals import Absent

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_PATTERN: Final = re.compile(r"[a-z]{2,4}_[0-9a-hjkmnp-tv-z]{26}")


def new_id(prefix: str) -> str:
    """`prefix`, an underscore and 26 characters: 48 bits of milliseconds, 80 random ones."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return prefix + "_" + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def checked_id(text: str) -> str:
    """`text`; raises Absent where it cannot be an identifier, so that no other text ever reaches a path."""
    if not _PATTERN.fullmatch(text):
        raise Absent("there is nothing by that identifier")
    return text
