"""The theta method (Assimakopoulos and Nikolopoulos 2000), its variant chosen as in Fiorucci et al. 2016 (arXiv:1503.03529).

statsforecast's AutoTheta makes the point forecast. Its intervals are not used: they are read off 200 draws, alike for all
series, and take an additive season for noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from foretell.local import Abilities, Floats, SeriesRecipe, seasonal_naive

_BURN_IN = 3  # residuals that still show the initial state
_LEAST = _BURN_IN + 3  # steps below which a line and a level cannot be told apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Theta(SeriesRecipe):
    """One theta model a series, of what the pooled regression leaves."""

    name: ClassVar[str] = "theta"
    abilities: ClassVar[Abilities] = Abilities(ensemble=True, cost=5)
    # standard or optimised, static or dynamic (D); auto: the best in sample
    model: Literal["auto", "STM", "OTM", "DSTM", "DOTM"] = "auto"
    # of the season, where a test finds one; data that are not positive take the additive
    decomposition: Literal["multiplicative", "additive"] = "multiplicative"

    def forecast_one(
        self, values: Floats, season: int, horizon: int, levels: Sequence[float]
    ) -> tuple[Floats, Floats]:
        """[H] mean and [H, Q] normal quantiles of one series; a very short one repeats its last season."""
        from scipy.special import ndtri
        from statsforecast.models import AutoTheta

        if len(values) < _LEAST:
            short = seasonal_naive(values[None], season, horizon, levels)
            return short.mean[0], short.quantiles[0]
        chosen = None if self.model == "auto" else self.model
        theta = AutoTheta(season_length=season, decomposition_type=self.decomposition, model=chosen)
        fitted = theta.fit(values)
        mean = np.asarray(fitted.predict(horizon)["mean"], float)
        deviation = _deviation(fitted.model_, season, horizon)
        return mean, mean[:, None] + deviation[:, None] * ndtri(np.asarray(levels, float))


def _deviation(model: dict[str, Any], season: int, horizon: int) -> Floats:
    """[H] of the forecast errors of a fitted AutoTheta."""
    residuals, factor = np.asarray(model["residuals"], float), np.ones(horizon)
    if model.get("decompose", False):  # the model put the season back into its residuals
        cycle = np.asarray(model["seas_forecast"]["mean"], float)  # [season] from the origin on
        there = cycle[(np.arange(len(residuals)) - len(residuals)) % season]
        if model["decomposition_type"] == "multiplicative":
            residuals, factor = residuals / there, cycle[np.arange(horizon) % season]
        else:
            residuals = residuals - there
    noise = float(np.std(residuals[_BURN_IN:], ddof=1))
    dynamic = str(model["modeltype"]).startswith("D")
    return noise * factor * _growth(model["n"], horizon, model["par"], dynamic=dynamic)


def _growth(n: int, horizon: int, parameters: dict[str, float], *, dynamic: bool) -> Floats:
    """[H] deviation of a forecast k steps ahead, in units of that of one step, for a series of `n` steps.

    The model is linear: column j follows what an error of 1 at step j does to the steps after it, through the level and,
    where the model is dynamic, through the line that is fitted anew at each step.
    """
    alpha, share = parameters["alpha"], 1 - 1 / parameters["theta"]
    level, average, slope, intercept = (np.zeros(horizon) for _ in range(4))
    variance = np.empty(horizon)
    for k in range(horizon):
        seen = n + k  # steps before this one
        faded = (1 - alpha) ** seen
        step = level + share * (intercept * faded + slope * (1 - faded * (1 - alpha)) / alpha)
        step[k] += 1
        variance[k] = (step**2).sum()
        level = alpha * step + (1 - alpha) * level
        if dynamic:
            average = average + (step - average) / (seen + 1)
            slope = ((seen - 1) * slope + 6 * (step - average) / (seen + 1)) / (seen + 2)
            intercept = average - slope * (seen + 2) / 2
    return np.sqrt(variance)
