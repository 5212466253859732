"""Which of many names stands there twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def first_repeated(names: Iterable[str]) -> str | None:
    """The first of `names` that is there more than once; None when all differ."""
    return next((name for name, count in Counter(names).items() if count > 1), None)
