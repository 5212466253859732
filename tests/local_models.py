"""Models of one series that tests hand to worker processes, which must be able to import them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def average(values: Floats, season: int, horizon: int, levels: Sequence[float]) -> tuple[Floats, Floats]:
    """The mean of the history, at all levels."""
    return np.full(horizon, values.mean()), np.full((horizon, len(levels)), values.mean())


def average_unless_large(
    values: Floats, season: int, horizon: int, levels: Sequence[float]
) -> tuple[Floats, Floats]:
    """As `average`, but fails above 100."""
    if values.mean() > 100:
        raise RuntimeError("too large")
    return average(values, season, horizon, levels)


def endless_when_large(
    values: Floats, season: int, horizon: int, levels: Sequence[float]
) -> tuple[Floats, Floats]:
    """As `average`, but never ends above 100, and swallows every exception on the way."""
    while values.mean() > 100:
        try:
            time.sleep(0.01)
        except Exception:
            continue
    return average(values, season, horizon, levels)


def killed_when_large(
    values: Floats, season: int, horizon: int, levels: Sequence[float]
) -> tuple[Floats, Floats]:
    """As `average`, but above 100 its process is killed, as a system short of memory does it."""
    if values.mean() > 100:
        os.kill(os.getpid(), signal.SIGKILL)
    return average(values, season, horizon, levels)


def nothing(values: Floats, season: int, horizon: int, levels: Sequence[float]) -> tuple[Floats, Floats]:
    """A forecast that is no number."""
    return np.full(horizon, np.nan), np.full((horizon, len(levels)), np.nan)
