"""Whole numbers as callers give them: Python's, numpy's, or of any type that says which whole number it is."""

from __future__ import annotations

import operator
from typing import Any

from foretell.errors import ForetellError


def as_whole(value: Any) -> int | None:
    """`value` as an int, where its type has `__index__`, as numpy's integers do; None for others, and for true and false."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def whole_number(name: str, value: Any, *, least: int, most: int | None = None, of: str = "") -> int:
    """The argument `name` as an int; raises ForetellError for what is none, and for one out of range."""
    found = as_whole(value)
    if found is None or found < least or (most is not None and found > most):
        limits = f", at least {least:,}" if most is None else f" from {least:,} to {most:,}"
        raise ForetellError(f"{name} must be a whole number{of}{limits}, got {value!r}")
    return found
