"""statsforecast's models asked for quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from foretell.data.arrays import Floats


def statsforecast_forecast(
    model: Any, values: Floats, horizon: int, levels: Sequence[float]
) -> tuple[Floats, Floats]:
    """[H] mean and [H, Q] quantiles of a statsforecast model: level q is an end of its 100 * |1 - 2q| interval.

    Args:
        model: of `statsforecast.models`.
        values: [L] of one series, without NaN.
        horizon: H.
        levels: [Q] of the quantiles.

    Example:
        >>> from foretell.local import statsforecast_forecast
        >>> from statsforecast.models import Naive
        >>> mean, quantiles = statsforecast_forecast(Naive(), np.arange(20.0), horizon=2, levels=[0.1, 0.5])
        >>> mean, quantiles.shape
        (array([19., 19.]), (2, 2))
    """
    widths = [round(100 * abs(1 - 2 * level), 6) for level in levels]
    result = model.forecast(y=values, h=horizon, level=sorted(set(widths)))
    ends = [result[f"{'lo' if q < 0.5 else 'hi'}-{width}"] for q, width in zip(levels, widths, strict=True)]
    return np.asarray(result["mean"], float), np.stack(ends, axis=1).astype(float)


def fill_gaps(values: Floats, season: int) -> Floats:
    """`values` [L] with its NaN replaced: linear between neighbours, on top of the average season of what is there.

    Args:
        values: [L] of one series; NaN where not observed.
        season: steps of the seasonal period.

    Example:
        >>> from foretell.local import fill_gaps
        >>> fill_gaps(np.array([1.0, np.nan, 3.0]), season=1)
        array([1., 2., 3.])
    """
    gaps = np.isnan(values)
    if not gaps.any():
        return values
    step, phase = np.arange(len(values)), np.arange(len(values)) % season
    count = np.bincount(phase[~gaps], minlength=season)
    profile = np.bincount(phase[~gaps], values[~gaps], minlength=season) / np.maximum(count, 1)
    profile = np.where(count > 0, profile - values[~gaps].mean(), 0)
    level = np.interp(step, step[~gaps], (values - profile[phase])[~gaps])
    return np.where(gaps, level + profile[phase], values)
