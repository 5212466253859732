"""Numbers as people read them: 25,000; 244 %; +3.1 %; 12.4 min."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

ABSENT: Final = "\N{EN DASH}"
MINUS: Final = "\N{MINUS SIGN}"


def fixed(digits: int) -> Callable[[float], str]:
    """Writes a number with so many decimals."""
    return lambda value: f"{value:,.{digits}f}"


def number(value: float, digits: int) -> str:
    """A number with so many decimals; a dash where it is not defined."""
    return f"{value:,.{digits}f}" if math.isfinite(value) else ABSENT


def adaptive(value: float) -> str:
    """A number with the fewer decimals the larger it is."""
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 10 else 3
    return f"{value:,.{digits}f}"


def units(value: float) -> str:
    """An amount: 25,000; 37.4; 0.25. report.js writes it alike."""
    if not math.isfinite(value):
        return ABSENT
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{_half_up(value, digits):,.{digits}f}"
    return _signed(text.rstrip("0").rstrip(".") if digits else text)


def percent(value: float) -> str:
    """A share: 244 %, 83.9 %. report.js writes it alike."""
    if not math.isfinite(value):
        return ABSENT
    digits = 0 if abs(value) >= 0.995 else 1
    return _signed(f"{_half_up(100 * value, digits):,.{digits}f}") + " %"


def signed_percent(value: float) -> str:
    """A difference as a share, with its sign."""
    return ("+" if value > 0 else "") + percent(value)


def signed_units(value: float) -> str:
    """A difference in units, with its sign."""
    return ("+" if value > 0 else "") + units(value)


def _half_up(value: float, digits: int) -> float:
    """Rounded as JavaScript does it."""
    scale = 10.0**digits
    return math.floor(abs(value) * scale + 0.5) / scale * (-1 if value < 0 else 1)


def _signed(text: str) -> str:
    plain = text.lstrip("-")
    return MINUS + plain if text.startswith("-") and plain.strip("0.,") else plain


def seconds(value: float) -> str:
    """A time in seconds, minutes or hours."""
    if value >= 3600:
        return f"{value / 3600:.1f} h"
    if value >= 100:
        return f"{value / 60:.1f} min"
    return f"{value:.1f} s" if value >= 1 else f"{value:.2f} s"


def plain(value: Any) -> str:
    """A setting as text: lists with commas, six figures of a number."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(plain, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def short(value: Any) -> str:
    """A value in a table: four figures of a number, thousands apart, a dash for none."""
    if value is None:
        return ABSENT
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return (
        f"{value:,.0f}"
        if isinstance(value, float) and 9_999.5 <= abs(value) < 1e15  # four figures of which have an exponent
        else f"{value:,}"
        if isinstance(value, int)
        else f"{value:.4g}"
    )


def count(number: int, word: str) -> str:
    """A number and its word: 1 item, 2 items."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"
