"""NPTS: the past itself as the forecast's distribution, recent values weighing more (Gasthaus 2016; Amazon Forecast's NPTS).

The forecast of a step is the distribution of the values observed before the origin, each weighted by its recency; with a
season, of those in the same place of it. Quantiles are read off that distribution exactly: nothing is drawn, and a forecast
is always a value that was seen. For intermittent demand that is the point: zeros stay zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from foretell.local import Covariates, LocalForecast, LocalPredictor
from foretell.panel import Panel, Schema
from foretell.recipe import State
from foretell.task import Run, Task

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class NPTS:
    """The weighted empirical distribution of each item's past, of what the pooled regression leaves."""

    name: ClassVar[str] = "npts"
    season: int | None = None  # seasonal period in steps; default: the season of the data
    seasonal: Literal["auto", "always", "never"] = (
        "auto"  # values of the same place in the season alone; auto: where they tell an item's values better
    )
    half_life: float | None = (
        None  # steps over which a value's weight halves; default: eight seasons or two horizons
    )
    covariates: Covariates = "pooled"  # none: the plain distribution; pooled: of what the regression leaves

    def fit(self, panel: Panel, task: Task, run: Run) -> LocalPredictor:
        """Learn the pooled regression; a series is looked at when it is forecast."""
        return LocalPredictor.fit(self, panel, task, run)

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> LocalPredictor:
        """The predictor whose `state` this is."""
        return LocalPredictor.load(self, task, state, run)

    def forecast_all(
        self, history: Floats, season: int, horizon: int, levels: Sequence[float], run: Run
    ) -> LocalForecast:
        """The forecast of each row of `history` [n, L], all rows at once; NaN for one without any observation."""
        n = len(history)
        half_life = self.half_life or max(8 * season, 2 * horizon)
        missing = -history.shape[1] % season
        values = np.concatenate([np.full((n, missing), np.nan), history], axis=1)
        seen = ~np.isnan(values)
        age = np.arange(values.shape[1], 0, -1) - 1.0  # of the newest: 0
        # From the newest of the item on: weights are relative, and must not all underflow after a long silence.
        since = age - np.where(seen, age, np.inf).min(1, initial=np.inf, keepdims=True)
        weight = np.where(seen, np.exp2(-np.where(seen, since, 0) / half_life), 0)
        cycles, parts = values.reshape(n, -1, season), weight.reshape(n, -1, season)
        by_place = self._by_place(cycles, parts)
        mean = np.where(by_place, _mean(cycles, parts), _mean(values[..., None], weight[..., None]))
        quantiles = np.where(
            by_place[..., None],
            weighted_quantiles(cycles, parts, levels),
            weighted_quantiles(values[..., None], weight[..., None], levels),
        )
        place = np.arange(horizon) % season
        return LocalForecast(mean[:, place], quantiles[:, place], np.zeros(n, bool))

    def _by_place(self, cycles: Floats, weight: Floats) -> NDArray[np.bool_]:
        """[n, season]: whether a place in the season is forecast from its own values (never one without any)."""
        if self.seasonal == "never":
            return np.zeros((len(cycles), cycles.shape[2]), bool)
        possible = (weight > 0).any(1)
        if self.seasonal == "always":
            return possible
        n = len(cycles)
        flat, flat_weight = cycles.reshape(n, -1, 1), weight.reshape(n, -1, 1)
        better = _error_left_out(cycles, weight, flat, flat_weight) < _error_left_out(
            flat, flat_weight, flat, flat_weight
        )
        return possible & better[:, None]


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
    last = np.maximum((weight > 0).sum(1, keepdims=True) - 1, 0)
    return np.concatenate(
        [np.take_along_axis(ranked, np.minimum(index, last), axis=1) for index in below], axis=1
    ).transpose(0, 2, 1)


def _mean(values: Floats, weight: Floats) -> Floats:
    """[n, P] weighted means along axis 1 of `values` [n, C, P]; NaN where nothing was seen."""
    total = weight.sum(1)
    summed = np.where(weight > 0, values * weight, 0).sum(1)
    return np.where(total > 0, summed / np.where(total > 0, total, 1), np.nan)


def _error_left_out(values: Floats, weight: Floats, others: Floats, others_weight: Floats) -> Floats:
    """[n] weighted squared error of foretelling each of `values` [n, C, P] by the mean of the others of its column.

    A value without others in its column is foretold by those of `others` [n, L, 1].
    """
    total, seen = weight.sum(1, keepdims=True), weight > 0
    known = np.where(seen, values, 0)
    rest = total - weight
    alone = rest <= 1e-9 * total
    apart = known - (known * weight).sum(1, keepdims=True) / np.where(total > 0, total, 1)
    error = apart * np.where(alone, 0, total / np.where(alone, 1, rest))
    all_total = others_weight.sum(1, keepdims=True)
    mean = np.where(others_weight > 0, others * others_weight, 0).sum(1, keepdims=True)
    elsewhere = known - mean / np.where(all_total > 0, all_total, 1)
    error = np.where(alone, elsewhere, error)
    return np.where(seen, weight * error**2, 0).sum((1, 2))
