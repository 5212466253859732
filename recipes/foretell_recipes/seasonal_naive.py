"""Seasonal naive: the value one season before (Hyndman and Athanasopoulos 2021, Forecasting: Principles and Practice, 5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from foretell.local import (
    Abilities,
    Count,
    Covariates,
    Floats,
    LocalForecast,
    LocalRecipe,
    Run,
    best_periods,
    seasonal_naive,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonalNaive(LocalRecipe):
    """The yardstick. By default it is the textbook's, and looks at covariates only for items without a history."""

    name: ClassVar[str] = "seasonal_naive"
    textbook: ClassVar[bool] = True
    abilities: ClassVar[Abilities] = Abilities(ensemble=True, cost=1)
    season: Count | None = None  # steps between a value and its repetition; default: the season of the data
    intervals: Literal["normal", "none"] = "normal"  # levels: normal around the value, or all equal to it
    # auto: for each item the season, seven or 52 of it, or the last value, as its past was best repeated by
    periods: Literal["season", "auto"] = "season"
    # pooled: repeat what a regression on covariates, calendar and statics leaves
    covariates: Covariates = "none"

    @property
    def points(self) -> bool:
        """Whether its levels are all alike because they were asked to be."""
        return self.intervals == "none"

    def forecast_all(
        self, history: Floats, season: int, horizon: int, levels: Sequence[float], run: Run
    ) -> LocalForecast:
        """The forecast of each row of `history` [n, L]."""
        normal = self.intervals == "normal"
        made = seasonal_naive(history, season, horizon, levels, intervals=normal)
        if self.periods == "auto":
            periods = best_periods(history, season, horizon)
            for period in np.unique(periods[periods != season]).tolist():
                rows = periods == period
                part = seasonal_naive(history[rows], period, horizon, levels, intervals=normal)
                made.mean[rows], made.quantiles[rows] = part.mean, part.quantiles
        return made
