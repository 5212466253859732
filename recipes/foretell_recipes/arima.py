"""ARIMA, its orders searched stepwise (Hyndman and Khandakar 2008, J. Stat. Soft. 27(3)); statsforecast's AutoARIMA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from foretell.local import Abilities, Between, Floats, SeriesRecipe, Within, statsforecast_forecast

Order = Annotated[int, Within(0, 10)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arima(SeriesRecipe):
    """One seasonal ARIMA a series, of what the pooled regression leaves."""

    name: ClassVar[str] = "arima"
    abilities: ClassVar[Abilities] = Abilities(
        ensemble=True,
        cost=30,
        search={"covariates": ("pooled", "none"), "max_p": Between(1, 4), "max_q": Between(1, 4)},
    )
    # compare orders by conditional sums of squares; without, a series takes 10 to 20 times as long
    approximation: bool = True
    max_p: Order = 2  # highest autoregressive order
    max_q: Order = 2  # highest moving average order
    max_seasonal_p: Order = 1  # highest seasonal autoregressive order
    max_seasonal_q: Order = 1  # highest seasonal moving average order

    def forecast_one(
        self, values: Floats, season: int, horizon: int, levels: Sequence[float]
    ) -> tuple[Floats, Floats]:
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
