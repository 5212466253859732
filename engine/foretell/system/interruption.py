"""Raises an exception in a running thread from outside: what a signal does in the main thread, for any thread."""

from __future__ import annotations

import ctypes
import math
import sys
import threading
import time
from types import FrameType
from typing import Any, Final

_SET: Final = ctypes.pythonapi.PyThreadState_SetAsyncExc  # keeps the interpreter's lock while it is called
_STARTING: Final[dict[Any, Any]] = getattr(
    threading, "_limbo", {}
)  # threads that were started and have not begun
_SOON: Final = 1e-3  # seconds until the next look at these


def importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported there. An exception would leave it half made for the rest of the process."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


class Interruption:
    """Raises `error` in the thread that made this, once begun and every `again` seconds until it is closed.

    The thread meets it at its next Python instruction: a call into compiled code, `time.sleep` among them, ends first, and so
    does the import of a module.
    """

    def __init__(self, error: type[BaseException], *, again: float) -> None:
        self._error, self._again, self._thread = error, again, threading.get_ident()
        self._lock, self._closed = threading.Lock(), threading.Event()
        self._over = self._held = False
        self._due = math.inf  # when it is raised first, by the monotonic clock

    def begin(self, after: float = 0.0) -> None:
        """Raise it in `after` seconds; any thread may ask for that."""
        self._due = min(self._due, time.monotonic() + after)
        threading.Thread(target=self._go, args=(after,), daemon=True, name="foretell-interruption").start()

    def hold(self) -> None:
        """Raise nothing until `release`."""
        with self._lock:
            self._held = True
            _SET(ctypes.c_ulong(self._thread), None)

    def release(self) -> None:
        """Raise again from now on."""
        self._held = False

    @property
    def due(self) -> bool:
        """Whether it has begun to raise."""
        return time.monotonic() >= self._due

    def close(self) -> None:
        """Raise nothing any more; asked by the thread itself, which meets nothing of it afterwards."""
        try:
            with self._lock:
                self._over = True
                _SET(ctypes.c_ulong(self._thread), None)
            self._closed.set()
        except BaseException as error:  # one that came just now: this one's has lost its meaning
            self.close()
            if not isinstance(error, self._error):
                raise

    def _go(self, wait: float) -> None:
        asked = ctypes.c_ulong(self._thread), ctypes.py_object(self._error)
        while not self._closed.wait(wait):
            busy = importing(sys._current_frames().get(self._thread))
            with self._lock:
                # Until a thread has begun, Python 3.11 takes it for the one that starts it. No other thread comes between
                # this look and the call, as there is no call between them.
                starting = len(_STARTING)
                if not _STARTING and not busy and not self._over and not self._held:
                    _SET(*asked)
            wait = _SOON if starting or busy else self._again
