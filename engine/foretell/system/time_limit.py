"""A time limit on a block of code, by the interval timer."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_AGAIN: Final = 0.05  # seconds after which a time-out that somebody's `except:` swallowed is raised again


class TimeUp(BaseException):
    """The time of one series is up. Not an Exception: model code that catches those must not catch this."""


@contextmanager
def time_limit(seconds: float, *, again: float = _AGAIN) -> Iterator[None]:
    """Raises `TimeUp` inside the block once `seconds` have passed, and every `again` seconds until it is left.

    Only where the system has interval timers and in a process's main thread; elsewhere the block runs on. A timer that was
    running before goes on afterwards; where it has less time left, the block has no more than that either.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    begun = time.monotonic()

    def up(_signal: int, _frame: FrameType | None) -> None:
        raise TimeUp

    handler = signal.signal(signal.SIGALRM, up)
    left, every = signal.setitimer(signal.ITIMER_REAL, seconds, again)
    if 0 < left < seconds:
        signal.setitimer(signal.ITIMER_REAL, left, again)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - begun), 1e-3), every)
