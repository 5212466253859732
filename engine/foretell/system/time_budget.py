"""Time that may be spent: read from text, and counted down."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from foretell.errors import ForetellError

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def parse_seconds(text: str | float, *, where: str = "time_limit") -> float:
    """Seconds of 90, "90", "90s", "10m" or "1.5h"; raises ForetellError for anything else, and for no time at all."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*", str(text).lower())
    if match is None or match[2] not in _UNITS or float(match[1]) == 0:
        raise ForetellError(f"{where} must be a time such as 90s, 10m or 1.5h, got {text!r}")
    return float(match[1]) * _UNITS[match[2]]


def spell_seconds(seconds: float) -> str:
    """A time of at least `seconds` as `parse_seconds` reads it, rounded up: 40s, 7m, 2.5h."""
    if seconds <= 90:
        return f"{max(10 * math.ceil(seconds / 10), 10)}s"
    if seconds <= 2 * 3600:
        return f"{math.ceil(seconds / 60)}m"
    return f"{math.ceil(seconds / 1800) / 2:g}h"


@dataclass(frozen=True, slots=True)
class Budget:
    """Seconds counted down from when it was made."""

    limit: float
    clock: Callable[[], float] = time.monotonic
    began: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "began", self.clock())

    @property
    def spent(self) -> float:
        """Seconds since it was made."""
        return self.clock() - self.began

    def left(self, share: float = 1.0) -> float:
        """Seconds left until `share` of the limit is spent; 0 when it is."""
        return max(share * self.limit - self.spent, 0.0)
