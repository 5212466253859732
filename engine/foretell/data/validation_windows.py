"""How many windows before the origin can be held out to validate on: one rule for networks, ensembles and calibration."""

from __future__ import annotations

import numpy as np

from foretell.data.panel import Panel

FORECASTS = 32  # items times windows that a validation should cover, if histories are long enough
LEAST_HORIZONS = 3  # of history: one to validate on, two to train on
LEAST_PART = 4  # of a horizon, below which a window of a part of it says too little: a quarter


def horizons_of_history(panel: Panel, horizon: int) -> int:
    """How often the horizon fits the typical history before the origin; 0 where no item has any."""
    stop = panel.stop[panel.stop > 0]
    return int(np.median(stop)) // horizon if len(stop) else 0


def validation_windows(panel: Panel, horizon: int, *, most: int | None = None) -> int:
    """How many windows before the origin are held out, at most `most`; 0 where histories are too short for one.

    Any one window may be odd (Christmas, a strike), and of few items one says little: two are held out where that leaves
    most of the history, and more where items are few, up to a quarter of the typical history.
    """
    room = horizons_of_history(panel, horizon)
    if room < LEAST_HORIZONS:
        return 0
    quarter = max(1, room // 4)
    count = max(FORECASTS // int((panel.stop > 0).sum()), min(2, quarter))
    return min(count, quarter if most is None else min(quarter, most))


def part_of_horizon(panel: Panel, horizon: int) -> int:
    """Steps before the origin that can be held out of histories too short for a whole window; 0 where these are too few.

    Half of what the typical history has beyond one horizon: the other half is trained on, with that horizon.
    """
    stop = panel.stop[panel.stop > 0]
    spare = int(np.median(stop)) - horizon if len(stop) else 0
    steps = min(horizon, spare // 2)
    return steps if steps * LEAST_PART >= horizon else 0
