"""Exponential smoothing, its form chosen by AICc (Hyndman, Koehler, Snyder and Grose 2002); statsforecast's AutoETS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from foretell.local.local_recipe import Covariates, SeriesRecipe
from foretell.local.statsforecast_adapter import statsforecast_forecast
from foretell.recipe.protocols import Abilities

_LONGEST_SEASON = 24  # that AutoETS models; it leaves longer ones out


@dataclass(frozen=True, slots=True, kw_only=True)
class ETS(SeriesRecipe):
    """One exponential smoothing a series, of what the pooled regression leaves."""

    name: ClassVar[str] = "ets"
    abilities: ClassVar[Abilities] = Abilities(
        ensemble=True,
        cost=10,
        search={"covariates": ("pooled", "none"), "damped": (None, True), "model": ("ZZZ", "ZAZ")},
    )
    # seasonal period in steps; default: the season of the data; above 24 none is modelled
    season: int | None = None
    model: str = "ZZZ"  # error, trend and season: A additive, M multiplicative, N none, Z chosen by AICc
    damped: bool | None = None  # whether the trend levels off; default: chosen by AICc
    covariates: Covariates = "pooled"  # none: the plain textbook model; pooled: on top of the regression
    time_limit: float = 20.0  # seconds a series, after which seasonal naive takes its place

    def forecast_one(
        self, values: NDArray[np.float64], season: int, horizon: int, levels: Sequence[float]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """[H] mean and [H, Q] quantiles of one series."""
        from statsforecast.models import AutoETS

        period = season if season <= _LONGEST_SEASON else 1
        model = AutoETS(season_length=period, model=self.model, damped=self.damped)
        return statsforecast_forecast(model, values, horizon, levels)
