"""A normal forecast that is cut at a floor keeps its mean: what is below moves, and what is above comes down."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.recipe.forecast import Forecast

# deviations above the floor that the mean of what is cut has at least: one whose middle lies at the floor or below, as after a
# season without sales, has some sales above it
LEAST: Final = 0.25
_HALVINGS: Final = 40  # of an interval of 8 deviations: to a float32's precision


def with_mean_kept(forecast: Forecast, *, floor: NDArray[np.float64]) -> Forecast:
    """The forecast with its quantiles lower where some are below the item's `floor` [N], so that cut there it keeps its mean.

    Of a normal distribution around 1 with a deviation of 2, cut at 0, the mean is 1.4: its quantiles said too much, for
    sales lie far above their median seldom. It is moved as a whole until the mean of what is cut (Tobin 1958) is that of the
    forecast, or `LEAST` deviations, or what it was. p1, p10 and p90 must be among the levels.
    """
    from scipy.special import ndtri

    lowest, low, high = (
        forecast.quantiles[..., forecast.levels.index(q)].astype(np.float64) for q in (0.01, 0.1, 0.9)
    )
    deviation = (high - low) / (ndtri(0.9) - ndtri(0.1))
    cut = (lowest < floor[:, None]) & np.isfinite(floor)[:, None] & (deviation > 0)
    rows, steps = np.nonzero(cut)
    if not len(rows):
        return forecast
    unit = deviation[rows, steps]
    mean = (forecast.mean[rows, steps] - floor[rows]) / unit
    kept = np.maximum(mean, np.minimum(_mean_above(mean), LEAST))
    quantiles = forecast.quantiles.copy()
    quantiles[rows, steps] += ((_middle(kept) - mean) * unit)[:, None].clip(max=0).astype(np.float32)
    return replace(forecast, quantiles=quantiles)


def _mean_above(middle: Floats) -> Floats:
    """[n] the mean of a normal variable around `middle` [n], of deviation 1, that is cut at 0."""
    from scipy.special import ndtr

    return np.asarray(middle * ndtr(middle) + np.exp(-(middle**2) / 2) / np.sqrt(2 * np.pi))


def _middle(mean: Floats) -> Floats:
    """[n] around what such a variable lies whose mean, cut at 0, is `mean` [n]: by halving."""
    low, high = np.minimum(mean, 0.0) - 8.0, mean.copy()
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = _mean_above(middle) > mean
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.asarray((low + high) / 2)
