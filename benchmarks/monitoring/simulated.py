"""Histories made up: a back-test and the runs after it, of items whose errors share shocks from day to day.

An item sells its level, times one plus an error; a part of the error is common to all items of a day and fades over the days that
follow, as weather and promotions do. Forecasts know the level but for an error that grows with the step ahead, and their
quantiles are right on average: so nothing drifts, unless errors are made larger from a day on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foretell.monitoring.tally import Tally, tally

LEVELS: Final = (0.1, 0.5, 0.9)
_NORMAL: Final = np.array(
    [-1.2815515655446004, 0.0, 1.2815515655446004]
)  # quantiles of the normal distribution


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What histories are drawn from."""

    items: int = 200
    horizon: int = 28
    stride: int = 7  # days from one run to the next
    windows: int = 8  # of the back-test, one after the other
    runs: int = 26
    spread: float = 0.35  # of an item's error, relative to its level
    common: float = 0.06  # the share of its variance that all items have in common
    fading: float = 0.65  # the correlation of the common part from day to day
    drifting: float = 0.1  # error of the forecast at the last step, relative to the level
    worse_from: int | None = None  # the run from whose origin on errors are larger
    worse: float = 1.0  # by this factor


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """A back-test and the runs after it; the first run begins where the last window ends."""

    windows: Tally
    runs: Tally
    begin: int  # day of the first run
    end: int  # day after the last actual
    cells: list[
        NDArray[Any]
    ]  # of each window, then of each run: the loss of each cell over the item's level, [N, H]


def history(world: World, seed: int, *, cells: bool = False) -> History:
    """One history."""
    random = np.random.default_rng([seed, 14])
    begin = world.windows * world.horizon
    end = begin + (world.runs - 1) * world.stride + world.horizon
    level = np.exp(random.normal(2.0, 1.0, world.items))
    error = world.spread * _errors(world, random, end)
    if world.worse_from is not None:
        error[begin + world.worse_from * world.stride :] *= world.worse
    actual = np.maximum(level * (1 + error), 0)  # [days, N]
    origins = [k * world.horizon for k in range(world.windows)]
    origins += [begin + k * world.stride for k in range(world.runs)]
    parts, kept = [], []
    for run, origin in enumerate(origins):
        mean, quantiles = _forecast(world, random, level)
        truth = actual[origin : origin + world.horizon].T
        where = np.full(world.items, origin)
        parts.append(tally(run, where, np.zeros(world.items, np.int64), truth, mean, quantiles, LEVELS))
        if cells:
            kept.append(_relative_loss(truth, quantiles, level))
    windows = Tally.joined(parts[: world.windows], LEVELS)
    return History(windows, Tally.joined(parts[world.windows :], LEVELS), begin, end, kept)


def _errors(world: World, random: np.random.Generator, days: int) -> NDArray[np.float64]:
    """[days, N] of variance 1."""
    shock = random.standard_normal(days)
    for day in range(1, days):
        shock[day] = world.fading * shock[day - 1] + np.sqrt(1 - world.fading**2) * shock[day]
    own = random.standard_normal((days, world.items))
    return np.sqrt(world.common) * shock[:, None] + np.sqrt(1 - world.common) * own


def _forecast(
    world: World, random: np.random.Generator, level: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean [N, H] and quantiles [N, H, Q]."""
    grown = world.drifting * np.sqrt(np.arange(1, world.horizon + 1) / world.horizon)
    mean = level[:, None] * (1 + random.standard_normal(world.items)[:, None] * grown)
    deviation = level[:, None] * np.hypot(world.spread, grown)
    return mean, np.maximum(mean[..., None] + deviation[..., None] * _NORMAL, 0)


def _relative_loss(
    truth: NDArray[np.float64], quantiles: NDArray[np.float64], level: NDArray[np.float64]
) -> NDArray[np.float64]:
    difference, at = truth[..., None] - quantiles, np.array(LEVELS)
    loss = 2 * np.maximum(at * difference, (at - 1) * difference).mean(axis=-1)
    return np.asarray(loss / level[:, None])


def rise(world: World, *, seeds: int = 20) -> float:
    """By how much errors larger by `world.worse` raise wQL."""
    calm = replace(world, worse_from=None)
    wild = replace(world, worse_from=0)
    ratios = [_loss(history(wild, seed).runs) / _loss(history(calm, seed).runs) for seed in range(seeds)]
    return float(np.mean(ratios)) - 1


def _loss(found: Tally) -> float:
    return float(found.of("loss").sum() / found.of("size").sum())
