"""Texts out of somebody's data, made safe to show: what a terminal or a page would obey is spelt out."""

from __future__ import annotations

import re
from typing import Final

# Control characters but for line ends and tabs, and the marks that turn the direction of what follows
_OBEYED: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def is_storable(text: str) -> bool:
    """Whether files, databases and terminals take it: NUL ends a text in many of them, and half a character is no UTF-8."""
    return "\0" not in text and not any("\ud800" <= mark <= "\udfff" for mark in text)


def printable(text: str) -> str:
    """`text` with control characters as escapes (an escape key as \\x1b); line ends and tabs stay."""
    return _OBEYED.sub(lambda mark: mark[0].encode("unicode_escape").decode(), text)
