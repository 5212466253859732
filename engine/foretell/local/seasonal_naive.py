"""Seasonal naive, for all series at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats

_MULTIPLES: Final = (7, 52)  # of the season that a period may be: the week of a day, the year of a week
_LONG: Final = 13  # steps of a season from which on the last value alone may be as good
_MARGIN: Final = 0.1  # by which another period must have repeated the past better than the season did
_PSEUDO: Final = 4.0  # seasonal differences that the step differences stand for where no season repeats yet


class LocalForecast(NamedTuple):
    """The forecast of n series.

    Example:
        >>> from foretell.local import LocalForecast
        >>> LocalForecast(np.zeros((4, 7)), np.zeros((4, 7, 3)), np.zeros(4, bool)).mean.shape
        (4, 7)
    """

    mean: Floats  # [n, H]
    quantiles: Floats  # [n, H, Q]
    failed: NDArray[np.bool_]  # [n] whose model failed, and which seasonal naive forecast


def seasonal_naive(
    history: Floats, season: int, horizon: int, levels: Sequence[float], *, intervals: bool = True
) -> LocalForecast:
    """Last season's values of `history` [n, L], ending at the origin; NaN where not observed; all series at once.

    A step takes the most recent value observed a multiple of the season before it (the item's last value where there is
    none). Levels are normal; their variance is that of the seasonal differences, times the seasons in between. While a
    series shows less than one season of such differences, those from step to step make up for them: an unknown spread is
    not none. Series without any observation get NaN.

    Args:
        history: [n, L] of n series that end at the origin; NaN where not observed.
        season: steps of the seasonal period.
        horizon: H.
        levels: [Q] of the quantiles.
        intervals: False gives all levels alike.

    Example:
        >>> from foretell.local import seasonal_naive
        >>> seasonal_naive(np.array([[1.0, 5.0, 1.0, 5.0]]), season=2, horizon=3, levels=[0.5]).mean
        array([[1., 5., 1.]])
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


def best_periods(history: Floats, season: int, horizon: int) -> NDArray[np.int64]:
    """[n] the period whose repetition was nearest to each row of `history` [n, L], `horizon` steps ahead.

    The season, unless another one was better by a tenth: seven or 52 of it where the history has two of these, and the last
    value where the season is a long one.

    Args:
        history: [n, L] of n series that end at the origin; NaN where not observed.
        season: steps of the seasonal period.
        horizon: H.

    Example:
        >>> from foretell.local import best_periods
        >>> best_periods(np.arange(90.0)[None] % 49, season=7, horizon=7)  # seven seasons are one of its cycles
        array([7])
        >>> best_periods(np.arange(98.0)[None] % 49, season=7, horizon=7)  # which has been seen twice now
        array([49])
    """
    longer = [m * season for m in _MULTIPLES if 2 * m * season <= history.shape[1]]
    periods = np.array([season, *longer, *([1] if season >= _LONG else [])])
    errors = np.stack([_past_error(history, int(period), horizon) for period in periods])
    errors[1:] *= 1 + _MARGIN
    return np.asarray(periods[np.argmin(errors, axis=0)])


def _past_error(history: Floats, period: int, horizon: int) -> Floats:
    """[n] mean absolute error of repeating the last `period`, `horizon` steps ahead; infinite where it never could be."""
    error = np.zeros(len(history))
    for ahead in range(1, -(-horizon // period) + 1):
        apart = np.abs(history[:, ahead * period :] - history[:, : -ahead * period])
        count = (~np.isnan(apart)).sum(1)
        share = (min(ahead * period, horizon) - (ahead - 1) * period) / horizon
        error += share * np.where(count > 0, np.nansum(apart, axis=1) / np.maximum(count, 1), np.inf)
    return error


def _seasonal_deviation(cycles: Floats) -> Floats:
    """[n] root mean square of the seasonal differences of `cycles` [n, C, season], helped by step differences where few.

    These are pseudo-observations: `_PSEUDO` where there is no seasonal difference, fewer the more there are, none from a
    full season of them on, unless all of these are 0: that a season came back exactly, once, is no certainty.
    """
    n, _, season = cycles.shape
    apart = np.diff(cycles, axis=1).reshape(n, -1)
    count = (~np.isnan(apart)).sum(1)
    square = np.nansum(apart**2, axis=1)
    pseudo = _PSEUDO * np.maximum(1 - count / season, 0)
    pseudo = np.where((square == 0) & (count <= season), np.maximum(pseudo, 1), pseudo)
    few = np.flatnonzero(pseudo > 0)
    square[few] += pseudo[few] * _step_variance(cycles.reshape(n, -1)[few])
    return np.asarray(np.sqrt(square / np.maximum(count + pseudo, 1e-9)))


def _step_variance(history: Floats) -> Floats:
    """[n] mean square of what observations that follow each other in `history` [n, L] differ by; 0 for fewer than two."""
    variance = np.zeros(len(history))
    for row, values in enumerate(history):
        steps = np.diff(values[~np.isnan(values)])
        if len(steps):
            variance[row] = np.mean(steps**2)
    return variance
