"""Below what no item goes: decided by each item's own history, and by the panel for items without any."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.layout import Layout
from foretell.data.panel import Panel
from foretell.data.segments import visible

NOISE: Final = 1e-6  # of an item's largest value: a negative value that is smaller is rounding
MOST: Final = (
    0.9  # share of items that were never negative, from which on one without history is taken to be such
)


def item_floors(panel: Panel, *, new: float | None) -> NDArray[np.float64]:
    """[N]: 0 for an item that was never negative before its origin, -inf for one that was, `new` for one without history."""
    lowest, largest = _extremes(panel)
    floors = np.where(lowest < -NOISE * largest, -np.inf, 0.0)
    return np.where(np.isnan(lowest), -np.inf if new is None else new, floors)


def reached_floors(panel: Panel) -> NDArray[np.float64]:
    """[N]: 0 for an item that was 0 before its origin, and never negative; -inf for any other."""
    lowest, _ = _extremes(panel)
    floors = item_floors(panel, new=None)
    return np.where(lowest <= 0, floors, -np.inf)


def floor_of_new_items(panel: Panel) -> float | None:
    """0 when nearly all items were never negative before their origins, else None."""
    floors = item_floors(panel, new=np.nan)
    seen = ~np.isnan(floors)
    return 0.0 if (floors[seen] == 0).sum() >= MOST * seen.sum() else None


def _extremes(panel: Panel) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """[N] the lowest value of each history and the largest absolute one; NaN where nothing was observed."""
    lowest, largest = np.full(len(panel), np.nan), np.full(len(panel), np.nan)
    for items, values, begin in visible(panel.target, Layout(panel.start, panel.offsets), panel.stop):
        some = np.flatnonzero(np.diff(begin, append=len(values)) > 0)
        if len(some):
            lowest[items][some] = np.fmin.reduceat(values, begin[some])
            largest[items][some] = np.fmax.reduceat(np.abs(values), begin[some])
    return lowest, largest
