"""A time limit on a block of code, in any thread."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Final

from foretell.system.interruption import Interruption, importing

_AGAIN: Final = 0.05  # seconds after which a time-out that somebody's `except:` swallowed is raised again
_SOON: Final = 2e-3  # seconds in which an inner block is left


class TimeUp(BaseException):
    """The time of one series is up. Not an Exception: model code that catches those must not catch this."""


_LIMIT: ContextVar[Interruption | None] = ContextVar("_LIMIT", default=None)  # that this thread works under


@contextmanager
def time_limit(seconds: float, *, again: float = _AGAIN) -> Iterator[None]:
    """Raises `TimeUp` inside the block once `seconds` have passed, and every `again` seconds until it is left.

    It comes between two Python instructions: compiled code ends first (of statsforecast's models on 3,000 steps, theta is the
    latest: 1.2 s), and so does the import of a module. In the main thread the system's interval timer
    rings, which also ends waits (`time.sleep`, reads); in other threads, and where there is no such timer, a thread beside
    this one raises it, and a wait ends first. A limit inside another has no more time than that; a timer that was running
    before goes on afterwards.
    """
    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        with _by_timer(seconds, again):
            yield
        return
    outer, interruption = _LIMIT.get(), Interruption(TimeUp, again=again)
    token = _LIMIT.set(interruption)
    try:
        interruption.begin(seconds)
        yield
    finally:
        interruption.close()
        _LIMIT.reset(token)
        if outer is not None and outer.due:  # what it raised in here was taken for this limit's
            outer.begin(_SOON)


@contextmanager
def _by_timer(seconds: float, again: float) -> Iterator[None]:
    begun = time.monotonic()

    def up(_signal: int, frame: FrameType | None) -> None:
        if not importing(frame):
            raise TimeUp
        signal.setitimer(signal.ITIMER_REAL, _SOON, again)

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
