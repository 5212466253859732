"""How often each may ask: a bucket of requests a key, which fills up within a minute."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Final

from foretell.service.refusals import TooMany

_MOST_HELD: Final = 10_000  # keys


class Rates:
    """Buckets of `a_minute` requests each."""

    def __init__(self, a_minute: int) -> None:
        self._full, self._guard = float(a_minute), threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str) -> None:
        """Count a request; raises TooMany where the bucket is empty."""
        at = time.monotonic()
        with self._guard:
            left, then = self._left.pop(who, (self._full, at))
            left = min(self._full, left + (at - then) * self._full / 60)
            self._left[who] = (max(left - 1, 0.0) if left >= 1 else left, at)
            while len(self._left) > _MOST_HELD:
                self._left.popitem(last=False)
        if left < 1:
            raise TooMany(f"more than {self._full:,.0f} requests a minute. Wait a little.")
