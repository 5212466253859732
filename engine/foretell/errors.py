"""The one error that a user meets."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ForetellError(ValueError):
    """Something the user can put right; the message says what, expected, got and the way out."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """A sentence offering the closest of `choices` to `name`, with a leading space, or '' when none is close."""
    close = get_close_matches(name, list(choices), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
