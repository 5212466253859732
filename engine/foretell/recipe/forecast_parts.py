"""What the engine asks of a forecast besides its public methods: bounds, crossings, the fan of an item, the paths of some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.panel import Panel
from foretell.recipe.fan import Fan
from foretell.recipe.forecast import Forecast
from foretell.recipe.levels import least_mean


def within(forecast: Forecast, panel: Panel, *, floor: float | NDArray[np.float64] | None) -> Forecast:
    """A forecast with what the data rule out removed: crossing levels, values below `floor`, sales when closed.

    `floor` is one for all items or [N]; None and -inf stand for none.
    """
    quantiles, mean = np.sort(forecast.quantiles, axis=-1), forecast.mean
    if floor is not None:
        least = np.broadcast_to(np.asarray(floor, np.float32), len(forecast))[:, None]
        quantiles, mean = np.maximum(quantiles, least[..., None]), np.maximum(mean, least)
    closed = panel.closed(forecast.horizon)
    return replace(
        forecast,
        quantiles=np.where(closed[..., None], np.float32(0), quantiles),
        mean=np.where(closed, np.float32(0), mean),
    )


def first_crossing(forecast: Forecast, *, beyond: float) -> tuple[int, int, int] | None:
    """The first item, step and level whose quantile the next level's falls below, by more than `beyond` of its size."""
    low, high = forecast.quantiles[..., :-1], forecast.quantiles[..., 1:]
    if not (high < low).any():  # nearly always
        return None
    found = np.argwhere(low - high > beyond * np.maximum(np.abs(low), np.abs(high)))
    return (int(found[0, 0]), int(found[0, 1]), int(found[0, 2])) if len(found) else None


def with_possible_mean(
    forecast: Forecast, *, floor: NDArray[np.float64], levels: Sequence[float]
) -> Forecast:
    """A forecast with each mean at least what its quantiles at `levels` allow, none of them below `floor` [N]."""
    finite = np.isfinite(floor)
    if not finite.any():
        return forecast
    mean, quantiles = forecast.mean.copy(), forecast.only(levels).quantiles
    least = least_mean(quantiles[finite], levels, floor=floor[finite, None])
    mean[finite] = np.maximum(mean[finite], least)
    return replace(forecast, mean=mean)


def paths_of(forecast: Forecast, items: NDArray[np.int64], *, paths: int, seed: int = 0) -> Array:
    """[n, S, H] the `Forecast.paths` of the items at some positions [n]; raises as that does."""
    return forecast._paths_of(items, paths=paths, seed=seed)


def fan_of(forecast: Forecast, position: int) -> Fan:
    """The forecast of the item at `position` as a chart shows it.

    Its history is the last two horizons or the last two seasons, whichever is longer.
    """
    return forecast._fan(position)
