"""Exponential smoothing, its form chosen by AICc (Hyndman, Koehler, Snyder and Grose 2002); statsforecast's AutoETS."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from foretell.local import Abilities, Count, Floats, ForetellError, SeriesRecipe, statsforecast_forecast

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
        from statsforecast.models import AutoETS

        period = season if season <= _LONGEST_SEASON else 1
        model = AutoETS(season_length=period, model=self.model, damped=self.damped)
        return statsforecast_forecast(model, values, horizon, levels)
