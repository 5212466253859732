"""Seasonal naive: the value one season before (Hyndman and Athanasopoulos 2021, Forecasting: Principles and Practice, 5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from foretell.local import Covariates, LocalForecast, LocalPredictor, seasonal_naive
from foretell.panel import Panel, Schema
from foretell.recipe import State
from foretell.task import Run, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonalNaive:
    """The yardstick. By default it is the textbook's, and looks at covariates only for items without a history."""

    name: ClassVar[str] = "seasonal_naive"
    season: int | None = None  # steps between a value and its repetition; default: the season of the data
    intervals: Literal["normal", "none"] = "normal"  # levels: normal around the value, or all equal to it
    covariates: Covariates = (
        "none"  # pooled: repeat what a regression on covariates, calendar and statics leaves
    )

    def fit(self, panel: Panel, task: Task, run: Run) -> LocalPredictor:
        """Learn the pooled regression; a series is looked at when it is forecast."""
        return LocalPredictor.fit(self, panel, task, run)

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> LocalPredictor:
        """The predictor whose `state` this is."""
        return LocalPredictor.load(self, task, state, run)

    def forecast_all(
        self, history: NDArray[np.float64], season: int, horizon: int, levels: Sequence[float], run: Run
    ) -> LocalForecast:
        """The forecast of each row of `history` [n, L]."""
        return seasonal_naive(history, season, horizon, levels, intervals=self.intervals == "normal")
