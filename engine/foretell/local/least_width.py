"""No certainty where an item moves: a forecast that lies below its floor altogether keeps its width."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.data.panel import Panel
from foretell.recipe.forecast import Forecast

MOVING: Final = 0.2  # share of differences that are not 0, above which an item's next value is not certain
SEASONS: Final = 2  # of history, up to which what an item does may be unknown to a model of it


def with_least_width(forecast: Forecast, panel: Panel, *, floor: NDArray[np.float64]) -> Forecast:
    """The forecast with its median at the item's `floor` [N] where all of p10 to p90 was below, and a short history moves.

    Cut at the floor, such a forecast would be certain of it. It moves where more than a fifth of its step-to-step or its
    seasonal differences are not 0. p10, p50 and p90 must be among the levels.
    """
    low, middle, high = (forecast.quantiles[..., forecast.levels.index(q)] for q in (0.1, 0.5, 0.9))
    below = (low < high) & (high <= floor[:, None])
    brief = np.flatnonzero(below.any(axis=1) & (panel.stop <= SEASONS * max(panel.season, 2)))
    moving = [item for item in brief if moves(panel.history(int(item)).astype(np.float64), panel.season)]
    if not moving:
        return forecast
    quantiles = forecast.quantiles.copy()
    lifted = quantiles[moving] + (floor[moving, None] - middle[moving])[..., None]
    quantiles[moving] = np.where(below[moving, :, None], lifted, quantiles[moving])
    return replace(forecast, quantiles=quantiles)


def moves(history: Floats, season: int) -> bool:
    """Whether more than a fifth of the step-to-step or of the seasonal differences of `history` [L] are not 0."""
    seen = history[~np.isnan(history)]
    steps = np.diff(seen)
    seasonal = history[season:] - history[: max(len(history) - season, 0)]
    parts = (steps, seasonal[~np.isnan(seasonal)])
    return any(len(part) > 0 and bool((part != 0).mean() > MOVING) for part in parts)
