"""What every forecast promises, for every registered recipe: docs/reference/forecasts.md in numbers."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from foretell.data.panel import Panel
from foretell.local import SeriesRecipe
from foretell.models.fitted_model import FittedModel
from foretell.recipe.forecast import Forecast
from foretell.recipe.hyperparameters import hyperparameters
from foretell.recipe.levels import QUANTILE_LEVELS, least_mean
from foretell.recipe.registry import make_recipe, recipe_class, recipe_names
from foretell.testing.panels import Case, panel_of
from foretell.testing.recipe_check import RecipeCheck
from tiny_chronos import settings_of

SEASON = 7
LENGTHS = range(2, 2 * SEASON + 1)
SMALL = {
    "members": ("seasonal_naive", "ets:covariates=none", "mqrnn:max_steps=12:hidden_size=8:batch_size=16"),
    "trials": 1,
}
ROUNDING = 1e-6  # of a float32 sum
every_recipe = pytest.mark.parametrize("name", recipe_names())


def intermittent(rng: np.random.Generator, steps: int) -> np.ndarray[Any, Any]:
    return np.where(rng.random(steps) < 0.3, rng.integers(1, 6, steps), 0).astype(np.float32)


@cache
def market() -> Panel:
    """Items of margins, of returns and of rare sales, long ones of all sizes, and two of each length up to two seasons."""
    rng = np.random.default_rng(11)
    series = {f"rare {k}": intermittent(rng, 100) for k in range(5)}
    series |= {f"size {k}": rng.poisson(3.0 ** (k + 1), 100) for k in range(5)}
    series["margin"] = rng.normal(0, 50, 100)
    series["returned once"] = intermittent(rng, 100)
    series["returned once"][5] = -1
    series["rounded"] = intermittent(rng, 100)
    series["rounded"][5] = -1e-9
    series |= {f"new {n}": rng.poisson(8, n) for n in LENGTHS}
    series |= {f"new and rare {n}": intermittent(rng, n) for n in LENGTHS}
    return panel_of({item: np.asarray(values, np.float32) for item, values in series.items()})


@cache
def model_of(name: str) -> FittedModel:
    known = {parameter.name for parameter in hyperparameters(recipe_class(name))}
    settings = {key: value for key, value in SMALL.items() if key in known}
    settings |= settings_of(name)
    if issubclass(recipe_class(name), SeriesRecipe):
        settings["time_limit"] = 600.0  # a busy machine must not turn a slow series into a fallback
    return RecipeCheck(make_recipe(name, settings)).fit(Case("a market", market()))


@cache
def forecast_of(name: str, levels: tuple[float, ...] = QUANTILE_LEVELS) -> Forecast:
    return model_of(name).forecast(market(), levels=levels)


def never_negative() -> np.ndarray[Any, Any]:
    return np.array([item not in ("margin", "returned once") for item in market().names])


@every_recipe
def test_an_item_that_was_never_negative_is_not_forecast_negative_whoever_else_is_there(name: str) -> None:
    kept, forecast = never_negative(), forecast_of(name)
    assert forecast.quantiles[kept].min() >= 0
    assert forecast.mean[kept].min() >= 0


@every_recipe
def test_the_mean_is_one_that_the_quantiles_allow(name: str) -> None:
    kept, forecast = never_negative(), forecast_of(name)
    for levels in ((0.1, 0.5, 0.9), (0.5,), (0.05, 0.3, 0.6, 0.95), QUANTILE_LEVELS):
        least = least_mean(forecast.at(levels)[kept], levels)
        assert (forecast.mean[kept] >= least * (1 - ROUNDING)).all()


@every_recipe
def test_the_mean_does_not_depend_on_the_levels_asked(name: str) -> None:
    asked = forecast_of(name, (0.3, 0.77))
    np.testing.assert_array_equal(asked.mean, forecast_of(name).mean)
    assert asked.levels == (0.3, 0.77)


def moves(values: np.ndarray[Any, Any]) -> bool:
    """Whether more than a fifth of the step-to-step or of the seasonal differences are not 0."""
    apart = [values[lag:] - values[:-lag] for lag in (1, SEASON) if len(values) > lag]
    return any((part != 0).mean() > 0.2 for part in apart)


@every_recipe
def test_an_item_that_moves_has_p90_above_p10_however_short_its_history(name: str) -> None:
    forecast, market_ = forecast_of(name), market()
    closed = market_.closed(forecast.horizon)
    low, high = (forecast.quantiles[..., QUANTILE_LEVELS.index(level)] for level in (0.1, 0.9))
    brief = [i for i in range(len(market_)) if market_.stop[i] in LENGTHS and moves(market_.history(i))]
    flat = [market_.names[i] for i in brief if not ((high[i] > low[i]) | closed[i]).all()]
    assert len(brief) > len(LENGTHS)
    assert flat == []


@every_recipe
def test_levels_beyond_the_trained_ones_lie_further_out(name: str) -> None:
    forecast = forecast_of(name, (0.001, 0.01, 0.5, 0.99, 0.999))
    least, low, middle, high, most = np.moveaxis(forecast.quantiles, -1, 0)
    assert (most > high)[high > middle].all()
    cut = never_negative()[:, None] & (low == 0)
    assert ((least < low) | cut)[low < middle].all()
