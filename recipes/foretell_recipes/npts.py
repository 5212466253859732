"""NPTS: the past as the distribution, recent values weighing more (Gasthaus 2016; Amazon Forecast's NPTS).

The forecast of a step is the distribution of the values observed before the origin, each weighted by its recency; with a
season, of those in the same place of it. Quantiles are read off that distribution exactly: nothing is drawn, and a forecast
is always a value that was seen. For intermittent demand that is the point: zeros stay zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from foretell.local import Abilities, Floats, LocalForecast, LocalRecipe, Run, Within

# Half-lives that are tried, in values of the distribution, the first one taken where nothing can be tried. Below 4 a single
# value would stand for more than a tenth of it.
_FLAT_LIVES = (1024.0, 256.0, 64.0, 32.0, 16.0, 8.0, 4.0)
_SEASON_LIVES = (32.0, 16.0, 8.0, 4.0)
# that an item must show before "auto" looks at its places: fewer values are no distribution
_LEAST_SEASONS = 6
_MARGIN = 0.02  # by which the season must lower an item's squared error: it leaves fewer values to each place


@dataclass(frozen=True, slots=True, kw_only=True)
class NPTS(LocalRecipe):
    """The weighted empirical distribution of each item's past, of what the pooled regression leaves."""

    name: ClassVar[str] = "npts"
    abilities: ClassVar[Abilities] = Abilities(ensemble=True, cost=2)
    # values of the same place in the season alone; auto: where that foretold the item's past better
    seasonal: Literal["auto", "always", "never"] = "auto"
    # steps over which a value's weight halves; default: what foretold the item's past best
    half_life: Annotated[float, Within(0.001, 1e9)] | None = None

    def forecast_all(
        self, history: Floats, season: int, horizon: int, levels: Sequence[float], run: Run
    ) -> LocalForecast:
        """The forecast of each row of `history` [n, L], all rows at once; NaN for one without any observation."""
        n = len(history)
        values = np.concatenate([np.full((n, -history.shape[1] % season), np.nan), history], axis=1)
        half_life, seasonal = self._kernels(values, season, horizon)
        weight = _weights(values, half_life)
        cycles, parts = values.reshape(n, -1, season), weight.reshape(n, -1, season)
        own = seasonal[:, None] & (parts > 0).any(1)  # a place never observed takes all values
        values, weight = values[..., None], weight[..., None]
        mean = np.where(own, _mean(cycles, parts), _mean(values, weight))
        quantiles = np.where(
            own[..., None],
            weighted_quantiles(cycles, parts, levels),
            weighted_quantiles(values, weight, levels),
        )
        place = np.arange(horizon) % season
        return LocalForecast(mean[:, place], quantiles[:, place], np.zeros(n, bool))

    def _kernels(self, values: Floats, season: int, horizon: int) -> tuple[Floats, NDArray[np.bool_]]:
        """[n] half-life in steps and [n] whether by place in the season, of each row of `values` [n, L].

        Each is what foretold the row's own past best, always from `horizon` steps before.
        """
        given = () if self.half_life is None else (self.half_life,)
        flat = [] if self.seasonal == "always" else [(life, 1) for life in given or _FLAT_LIVES]
        placed = [(life, season) for life in given or [life * season for life in _SEASON_LIVES]]
        tried = flat + ([] if self.seasonal == "never" or (season == 1 and flat) else placed)
        guesses = [_guess(values, life, period, horizon) for life, period in tried]
        there = ~np.isnan(values) & np.all([~np.isnan(guess) for guess in guesses], axis=0)
        errors = np.stack(
            [
                np.where(there, (values - guess) ** 2, 0).sum(1) * (1 + _MARGIN * (period > 1))
                for guess, (_, period) in zip(guesses, tried, strict=True)
            ]
        )
        if self.seasonal == "auto":
            few = (~np.isnan(values)).sum(1) < _LEAST_SEASONS * season
            errors[[period > 1 for _, period in tried]] += np.where(few, np.inf, 0)
        best = np.argmin(errors, axis=0)
        lives, periods = (np.array(part) for part in zip(*tried, strict=True))
        return lives[best], (periods[best] > 1) | (self.seasonal == "always")


def _weights(values: Floats, half_life: Floats) -> Floats:
    """[n, L]: 1 for the newest value of a row, half of it each `half_life` [n] steps before; 0 where none was seen."""
    seen = ~np.isnan(values)
    newest = values.shape[1] - 1 - np.argmax(seen[:, ::-1], axis=1)
    since = np.maximum(newest[:, None] - np.arange(values.shape[1]), 0)
    return np.where(seen, np.exp2(-since / half_life[:, None]), 0)


def _guess(values: Floats, half_life: float, period: int, horizon: int) -> Floats:
    """[n, L] the weighted mean that was known of each step of `values` [n, L] `horizon` steps before; NaN where none was."""
    from scipy.signal import lfilter

    n, apart = len(values), -(-horizon // period)  # periods between a step and what was known of it
    seen = (~np.isnan(values)).reshape(n, -1, period).astype(float)
    cycles = np.nan_to_num(values).reshape(n, -1, period)
    fading = [1.0, -float(np.exp2(-period / half_life))]
    total, count = (lfilter([1.0], fading, part, axis=1) for part in (cycles, seen))
    known = count > 1e-9
    mean = np.where(known, total / np.where(known, count, 1), np.nan)
    empty = np.full((n, min(apart, mean.shape[1]), period), np.nan)
    return np.concatenate([empty, mean[:, : max(mean.shape[1] - apart, 0)]], axis=1).reshape(n, -1)


def weighted_quantiles(values: Floats, weight: Floats, levels: Sequence[float]) -> Floats:
    """[n, P, Q] quantiles along axis 1 of `values` [n, C, P]: the smallest whose share of the weight reaches the level.

    Values of weight 0 (NaN among them) do not count; NaN where all are such.
    """
    order = np.argsort(values, axis=1)  # NaN last
    ranked = np.take_along_axis(values, order, axis=1)
    reached = np.cumsum(np.take_along_axis(weight, order, axis=1), axis=1)
    total = reached[:, -1:]
    # Rounding of the sum must not push a level that is reached exactly on to the next value.
    below = [(reached < level * total * (1 - 1e-12)).sum(1, keepdims=True) for level in levels]
    quantiles = [np.take_along_axis(ranked, index, axis=1) for index in below]
    return np.concatenate(quantiles, axis=1).transpose(0, 2, 1)


def _mean(values: Floats, weight: Floats) -> Floats:
    """[n, P] weighted means along axis 1 of `values` [n, C, P]; NaN where nothing was seen."""
    total = weight.sum(1)
    summed = np.where(weight > 0, values * weight, 0).sum(1)
    return np.where(total > 0, summed / np.where(total > 0, total, 1), np.nan)
