"""Keeps the memory that a training step frees with the process, for the next step (settings of glibc's malloc).

glibc hands freed memory back to the system as soon as a few dozen megabytes of it lie at the end of the heap. A training step
frees more than that; the next one then pays a page fault for each 4 kB: a fifth to a third of a step of deepar, little of one of
mqrnn (`python -m benchmarks.speed --part training`, once with MALLOC_PERTURB_=0 in the environment, which turns this off).
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # parameters of mallopt (malloc.h)
_LARGEST_MMAP_THRESHOLD = 32 << 20  # glibc takes no more; larger blocks are always mapped and unmapped
_KEPT = (1 << 31) - 1  # bytes at the end of the heap; mallopt takes an int
_lock = Lock()
_inside = 0  # how many of `memory_kept` are open in this process


@contextmanager
def memory_kept() -> Iterator[None]:
    """Inside, freed memory stays with the process; at the end it goes back to the system.

    Nothing changes where the C library is not glibc, or where the environment sets its thresholds. Afterwards these stand as
    by glibc's own rule once a block of 32 MB was freed; what they were cannot be asked.
    """
    library = _glibc()
    if library is None:
        yield
        return
    _enter(library)
    try:
        yield
    finally:
        _leave(library)


def _enter(library: Any) -> None:
    global _inside
    with _lock:
        _inside += 1
        if _inside == 1:
            library.mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
            library.mallopt(_TRIM_THRESHOLD, _KEPT)


def _leave(library: Any) -> None:
    global _inside
    with _lock:
        _inside -= 1
        if _inside == 0:
            library.mallopt(_TRIM_THRESHOLD, 2 * _LARGEST_MMAP_THRESHOLD)
            library.malloc_trim(0)


@cache
def _glibc() -> Any:
    """The C library, where it is glibc and nobody has set its thresholds."""
    chosen = any(name.startswith("MALLOC_") for name in os.environ) or "glibc.malloc" in os.environ.get(
        "GLIBC_TUNABLES", ""
    )
    return None if chosen or platform.libc_ver()[0] != "glibc" else ctypes.CDLL(None)
