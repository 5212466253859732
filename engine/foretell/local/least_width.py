"""No certainty where an item moves: a forecast below its floor altogether keeps its width, and none is finer than the data."""

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
DECIMALS: Final = 7  # that a float32 may have
GRAINS: Final = 4  # of a float32: as close to each other as quantiles may lie and still differ


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


def with_rounding(forecast: Forecast, panel: Panel, *, floor: NDArray[np.float64]) -> Forecast:
    """The forecast at least as wide as its item's values were rounded, around its median, where the item moves.

    A straight line of whole numbers goes on exactly, as far as whole numbers show: a value lies half a unit on either side of
    what is written. Steps at the item's `floor` [N] stay there: on a day of the week without any sale, none is certain. p1, p50
    and p99 must be among the levels.
    """
    lowest, middle, highest = (forecast.quantiles[..., forecast.levels.index(q)] for q in (0.01, 0.5, 0.99))
    levels = np.asarray(forecast.levels)
    width, inner = (highest - lowest).astype(np.float64), np.ptp([0.01, 0.99])
    above = highest > np.where(np.isfinite(floor), floor, -np.inf)[:, None]
    least = np.where(above, width, np.inf).min(axis=1)
    largest = np.abs(middle).max(axis=1)
    quantiles = forecast.quantiles.copy()
    for item in np.flatnonzero(least < inner * np.maximum(1, GRAINS * np.spacing(largest))):
        history = panel.context(int(panel.stop[item]), np.array([item]))[0].astype(np.float64)
        unit = rounded_to(history, at_least=least[item] / inner)
        narrow = above[item] & (width[item] < inner * unit)
        if not narrow.any() or not moves(history, panel.season):
            continue
        around = middle[item, narrow, None] + unit * (levels - 0.5)
        mine = quantiles[item, narrow]
        quantiles[item, narrow] = np.where(levels < 0.5, np.fmin(mine, around), np.fmax(mine, around))
    return replace(forecast, quantiles=quantiles)


def rounded_to(history: Floats, *, at_least: float) -> float:
    """The power of ten of which all values of a float32's `history` [L] are multiples; 0 where it is less than `at_least`."""
    seen = history[~np.isnan(history)]
    largest = np.abs(seen).max(initial=0.0)
    grain = GRAINS * float(np.spacing(np.float32(largest)))
    for decimals in range(DECIMALS + 1):
        unit = 10.0**-decimals
        if unit < max(at_least, grain):
            break
        if (np.abs(seen - unit * np.rint(seen / unit)) <= grain).all():
            return unit
    return grain if grain >= at_least else 0.0


def moves(history: Floats, season: int) -> bool:
    """Whether more than a fifth of the step-to-step or of the seasonal differences of `history` [L] are not 0."""
    seen = history[~np.isnan(history)]
    steps = np.diff(seen)
    seasonal = history[season:] - history[: max(len(history) - season, 0)]
    parts = (steps, seasonal[~np.isnan(seasonal)])
    return any(len(part) > 0 and bool((part != 0).mean() > MOVING) for part in parts)
