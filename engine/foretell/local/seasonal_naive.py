"""Seasonal naive, for all series at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats


class LocalForecast(NamedTuple):
    """The forecast of n series."""

    mean: Floats  # [n, H]
    quantiles: Floats  # [n, H, Q]
    failed: NDArray[np.bool_]  # [n] whose model failed, and which seasonal naive forecast


def seasonal_naive(
    history: Floats, season: int, horizon: int, levels: Sequence[float], *, intervals: bool = True
) -> LocalForecast:
    """Last season's values of `history` [n, L], ending at the origin; NaN where not observed; all series at once.

    A step takes the most recent value observed a multiple of the season before it (the item's last value where there is
    none). Levels are normal; their variance is that of the seasonal differences, times the seasons in between. Series
    without any observation get NaN.
    """
    from scipy.special import ndtri

    n = len(history)
    missing = -history.shape[1] % season
    cycles = np.concatenate([np.full((n, missing), np.nan), history], axis=1).reshape(n, -1, season)
    seen = ~np.isnan(cycles)
    # [n, season] cycle last seen, -1 if none
    newest = np.where(seen, np.arange(cycles.shape[1])[:, None], -1).max(1)
    last = np.take_along_axis(cycles, np.maximum(newest, 0)[:, None], axis=1)[:, 0]
    flat, any_seen = cycles.reshape(n, -1), seen.reshape(n, -1)
    final = flat[np.arange(n), flat.shape[1] - 1 - any_seen[:, ::-1].argmax(1)]
    last = np.where(newest >= 0, last, final[:, None])
    # [n, season] seasons to the first of the horizon
    age = np.where(newest >= 0, cycles.shape[1] - newest, 1)
    steps = np.arange(horizon)
    mean = last[:, steps % season]
    seasons = age[:, steps % season] + steps // season  # [n, H]
    width = (_seasonal_deviation(cycles)[:, None] * np.sqrt(seasons))[..., None]
    z = ndtri(np.asarray(levels, float)) if intervals else np.zeros(len(levels))
    return LocalForecast(mean, mean[..., None] + width * z, np.zeros(n, bool))


def _seasonal_deviation(cycles: Floats) -> Floats:
    """[n] root mean square of the seasonal differences of `cycles` [n, C, season]; 0 where there are none."""
    apart = np.diff(cycles, axis=1).reshape(len(cycles), -1)
    count = np.maximum((~np.isnan(apart)).sum(1), 1)
    return np.asarray(np.sqrt(np.nansum(apart**2, axis=1) / count))
