"""Exponential smoothing, its form chosen by AICc (Hyndman, Koehler, Snyder and Grose 2002); statsforecast's AutoETS."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from foretell.local import Abilities, Count, Floats, ForetellError, SeriesRecipe, statsforecast_forecast

_LONGEST_SEASON = 24  # that AutoETS models; longer ones are taken out first
_LEAST_SEASONS = 2  # of a longer one that a history must have


@dataclass(frozen=True, slots=True, kw_only=True)
class ETS(SeriesRecipe):
    """One exponential smoothing a series, of what the pooled regression leaves."""

    name: ClassVar[str] = "ets"
    abilities: ClassVar[Abilities] = Abilities(
        ensemble=True,
        cost=10,
        search={"covariates": ("pooled", "none"), "damped": (None, True), "model": ("ZZZ", "ZAZ")},
    )
    # seasonal period in steps; default: the season of the data;
    # one above 24 is taken out by a local regression (STL) and repeated, where the history has two of them
    season: Count | None = None
    model: str = "ZZZ"  # error, trend and season: A additive, M multiplicative, N none, Z chosen by AICc
    damped: bool | None = None  # whether the trend levels off; default: chosen by AICc

    def __post_init__(self) -> None:
        if not re.fullmatch("[AMZ][NAMZ][NAMZ]", self.model):
            raise ForetellError(
                f"ets.model must be three letters, such as ZZZ or ANA: error A, M or Z, trend and season N, A, M or Z;"
                f" got {self.model!r}"
            )

    def forecast_one(
        self, values: Floats, season: int, horizon: int, levels: Sequence[float]
    ) -> tuple[Floats, Floats]:
        """[H] mean and [H, Q] quantiles of one series."""
        from statsforecast.models import MSTL, AutoETS

        if season <= _LONGEST_SEASON:
            model = AutoETS(season_length=season, model=self.model, damped=self.damped)
            return statsforecast_forecast(model, values, horizon, levels)
        rest = AutoETS(season_length=1, model=f"{self.model[:2]}N", damped=self.damped)
        if len(values) < _LEAST_SEASONS * season or self.model[2] == "N":
            return statsforecast_forecast(rest, values, horizon, levels)
        decomposed = MSTL(season_length=season, trend_forecaster=rest)
        mean, quantiles = statsforecast_forecast(decomposed, values, horizon, levels)
        return mean, mean[:, None] + _widening(len(values) / season) * (quantiles - mean[:, None])


def _widening(seasons: float) -> float:
    """What deviations around a season, the mean of so many, must be stretched by.

    Each place of the season takes one of `seasons` degrees of freedom from what is left, and is itself as uncertain as a mean
    of so many is.
    """
    return math.sqrt((seasons + 1) / (seasons - 1))
