"""Quantile levels: checked, named, and read between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.errors import ForetellError

DECIMALS = 6  # of a level, by which it is known
DEFAULT_LEVELS = (0.1, 0.5, 0.9)
# Levels that quantile networks are trained on and calibration is learnt at; those between them are interpolated.
QUANTILE_LEVELS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99)


def check_levels(levels: Sequence[float]) -> tuple[float, ...]:
    """`levels` sorted and without repeats; raises ForetellError unless each lies strictly between 0 and 1."""
    if isinstance(levels, (str, bytes)) or not isinstance(levels, Sequence) or len(levels) == 0:
        raise ForetellError(
            f"levels must be a list of numbers between 0 and 1, such as [0.1, 0.5, 0.9], got {levels!r}"
        )
    for level in levels:
        if not isinstance(level, (int, float)) or not 0 < level < 1:
            raise ForetellError(
                f"levels must lie strictly between 0 and 1, got {level!r}. The median is 0.5, not 50."
            )
        if not 0 < round(float(level), DECIMALS) < 1:
            raise ForetellError(
                f"levels must lie strictly between 0 and 1 in their {DECIMALS} decimals, from 0.000001 to 0.999999, got {level!r}."
            )
    return tuple(sorted({round(float(level), DECIMALS) for level in levels}))


def level_column(metric: str, level: float) -> str:
    """The column of a score that belongs to a level: wQL[0.1]."""
    return f"{metric}[{level:.6g}]"


def central_intervals(levels: Sequence[float]) -> dict[str, tuple[int, int]]:
    """The central intervals whose both ends are among `levels`, widest last: column -> positions of the ends."""
    position = {round(level, 6): q for q, level in enumerate(levels)}
    pairs = [(level, round(1 - level, 6)) for level in sorted(position, reverse=True) if level < 0.5]
    return {
        level_column("interval", round(upper - lower, 6)): (position[lower], position[upper])
        for lower, upper in pairs
        if upper in position
    }


def level_name(level: float) -> str:
    """The column of a level: p10 for 0.1, p2.5 for 0.025."""
    return f"p{level * 100:.10g}"


def least_mean(
    quantiles: NDArray[Any], levels: Sequence[float], *, floor: float | NDArray[np.float64] = 0.0
) -> Array:
    """[...] the least mean that a variable may have that is never below `floor` and has `quantiles` [..., Q] at `levels`.

    A share 0.4 of it lies at or above the quantile at 0.1 and below that at 0.5, and so on: .4 p10 + .4 p50 + .1 p90 for
    those three and a floor of 0. There is no largest mean: what lies above the last level may be anything.
    """
    share = np.diff(np.asarray(levels, float), append=1.0)
    above = (quantiles.astype(np.float64) - np.asarray(floor)[..., None]) @ share
    return np.asarray(above + floor, np.float32)


def with_tails(
    quantiles: NDArray[Any],
    levels: Sequence[float],
    *,
    floor: float | NDArray[np.float64] = -np.inf,
    ends: tuple[float, float] = (QUANTILE_LEVELS[0], QUANTILE_LEVELS[-1]),
) -> Array:
    """Quantiles [..., Q], rising, with those beyond the `ends`, the outermost levels that are forecast, moved out where flat.

    A tail falls off exponentially, as fast as between the outermost level and the next one that differs from it. Where
    all levels from the median on are one value, and where a recipe knows its tail itself, nothing changes. No level is
    moved below `floor`.
    """
    upper = _upper_tail(np.asarray(quantiles, np.float64), np.asarray(levels, float), ends[1])
    from_below = np.round(1 - np.asarray(levels, float)[::-1], DECIMALS)
    mirrored = _upper_tail(-upper[..., ::-1], from_below, round(1 - ends[0], DECIMALS))
    moved = -mirrored[..., ::-1]
    return np.asarray(np.where(moved == quantiles, quantiles, np.maximum(moved, floor)), np.float32)


def _upper_tail(
    quantiles: NDArray[np.float64], levels: NDArray[np.float64], outermost: float
) -> NDArray[np.float64]:
    last, beyond = np.flatnonzero(levels == outermost), np.flatnonzero(levels > outermost)
    if not len(last) or not len(beyond):
        return quantiles
    end, slope = quantiles[..., last[0]], np.zeros(quantiles.shape[:-1])
    for inner in np.flatnonzero((levels >= 0.5) & (levels < outermost))[::-1]:
        steps = np.log((1 - levels[inner]) / (1 - outermost))
        slope = np.where(slope > 0, slope, (end - quantiles[..., inner]) / steps)
    tail = end[..., None] + slope[..., None] * np.log((1 - outermost) / (1 - levels[beyond]))
    out = quantiles.copy()
    out[..., beyond] = np.where(quantiles[..., beyond] > end[..., None], quantiles[..., beyond], tail)
    return out


def interpolate(quantiles: NDArray[Any], have: Sequence[float], want: Sequence[float]) -> Array:
    """[..., Q] at the levels `have` (rising) -> [..., len(want)], linear between and flat beyond."""
    levels = np.asarray(have, float)
    right = np.clip(np.searchsorted(levels, np.asarray(want, float)), 1, max(len(levels) - 1, 1))
    if len(levels) == 1:
        return np.repeat(quantiles, len(want), axis=-1).astype(np.float32)
    weight = np.clip(
        (np.asarray(want, float) - levels[right - 1]) / (levels[right] - levels[right - 1]), 0, 1
    )
    low, high = quantiles[..., right - 1], quantiles[..., right]
    return np.asarray(low + (high - low) * weight, np.float32)
