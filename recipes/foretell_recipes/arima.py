"""ARIMA, its orders searched stepwise (Hyndman and Khandakar 2008, J. Stat. Soft. 27(3)); statsforecast's AutoARIMA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from foretell.local.local_recipe import Covariates, SeriesRecipe
from foretell.local.statsforecast_adapter import statsforecast_forecast
from foretell.recipe.protocols import Abilities
from foretell.recipe.search_space import Between


@dataclass(frozen=True, slots=True, kw_only=True)
class Arima(SeriesRecipe):
    """One seasonal ARIMA a series, of what the pooled regression leaves."""

    name: ClassVar[str] = "arima"
    abilities: ClassVar[Abilities] = Abilities(
        ensemble=True,
        cost=30,
        search={"covariates": ("pooled", "none"), "max_p": Between(1, 4), "max_q": Between(1, 4)},
    )
    season: int | None = None  # seasonal period in steps; default: the season of the data
    # compare orders by conditional sums of squares; without, a series takes 10 to 20 times as long
    approximation: bool = True
    max_p: int = 2  # highest autoregressive order
    max_q: int = 2  # highest moving average order
    max_seasonal_p: int = 1  # highest seasonal autoregressive order
    max_seasonal_q: int = 1  # highest seasonal moving average order
    covariates: Covariates = "pooled"  # none: the plain textbook model; pooled: on top of the regression
    time_limit: float = 20.0  # seconds a series, after which seasonal naive takes its place

    def forecast_one(
        self, values: NDArray[np.float64], season: int, horizon: int, levels: Sequence[float]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """[H] mean and [H, Q] quantiles of one series."""
        from statsforecast.models import AutoARIMA

        model = AutoARIMA(
            season_length=season,
            approximation=self.approximation,
            max_p=self.max_p,
            max_q=self.max_q,
            max_P=self.max_seasonal_p,
            max_Q=self.max_seasonal_q,
        )
        return statsforecast_forecast(model, values, horizon, levels)
