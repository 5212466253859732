"""No forecast of a local recipe is finer than what it was made from: lines, weeks and steps that go on exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from foretell.local.least_width import rounded_to
from foretell.recipe.forecast import Forecast
from foretell.recipe.levels import QUANTILE_LEVELS
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from foretell.testing.panels import panel_of

LOCAL = ("seasonal_naive", "ets", "arima", "theta", "npts")
DAYS = np.arange(60)
EXACT = {  # how an item goes on is plain to see, and the unit that it is written in
    "a line": (DAYS, 1.0),
    "a line of tenths": (DAYS * 0.1 + 3.3, 0.1),
    "a week": (DAYS % 7 + 1, 1.0),
    "a line with a week": (DAYS + 5 * (DAYS % 7), 1.0),
    "a large line": (1e6 + DAYS, 1.0),
    "a line of ten-thousandths": (DAYS * 1e-4 + 0.001, 1e-4),
    "up and down": (DAYS % 2 * 3 + 4, 1.0),
    "falling": (200 - DAYS, 1.0),
    "never whole": (np.pi * (DAYS % 7 + 1), 1e-6),
}


def forecast_of(series: dict[str, Any], recipe: str, covariates: str) -> Forecast:
    panel = panel_of({name: np.asarray(values, np.float32) for name, values in series.items()})
    made = make_recipe(recipe, {"covariates": covariates}).fit(panel, Task(3), Run(processes=1))
    return made.predict(panel, levels=QUANTILE_LEVELS)


@pytest.mark.slow
@pytest.mark.parametrize("covariates", ["none", "pooled"])
@pytest.mark.parametrize("recipe", LOCAL)
def test_p10_and_p90_of_an_item_that_moves_differ_by_what_its_values_are_rounded_by(
    recipe: str, covariates: str
) -> None:
    forecast = forecast_of({name: values for name, (values, _) in EXACT.items()}, recipe, covariates)
    low, high = (forecast.quantiles[..., QUANTILE_LEVELS.index(q)] for q in (0.1, 0.9))
    unit = np.array([unit for _, unit in EXACT.values()])
    least = (high - low).min(axis=1)
    assert [name for k, name in enumerate(EXACT) if least[k] < 0.79 * unit[k]] == []
    assert (np.diff(forecast.quantiles, axis=-1) >= 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("recipe", LOCAL)
def test_a_constant_is_forecast_as_itself_at_every_level_alone_or_among_others(recipe: str) -> None:
    noise = np.random.default_rng(0).poisson(8, 60)
    for others in ({}, {"noise": noise}):
        forecast = forecast_of({"five": np.full(60, 5), "nothing": np.zeros(60)} | others, recipe, "pooled")
        assert forecast.quantiles[:2] == pytest.approx(np.broadcast_to([[[5]], [[0]]], (2, 3, 15)), abs=1e-6)


@pytest.mark.parametrize("recipe", ["seasonal_naive", "npts"])
def test_a_day_of_the_week_that_never_sold_stays_certain(recipe: str) -> None:
    week = np.tile([0, 3, 3, 4, 4, 5, 6], 9)
    forecast = forecast_of({"closed on the first day": week}, recipe, "none")
    assert (forecast.quantiles[0, 0] == 0).all()
    assert (forecast.quantiles[0, 1, 10] > forecast.quantiles[0, 1, 4]).all()


def test_the_unit_of_values_is_the_power_of_ten_that_divides_them_all() -> None:
    assert rounded_to(np.array([1.0, 30, np.nan]), at_least=0) == 1
    assert rounded_to(np.array([0.25, 3.5]).astype(np.float32).astype(float), at_least=0) == 0.01
    assert rounded_to(np.array([0.25, 3.5]), at_least=0.02) == 0
    assert (
        rounded_to(np.array([2.0**30, 2.0**31]), at_least=0) == 4 * 256
    )  # a float32 there has no finer ones
    assert rounded_to(np.array([np.pi]), at_least=0) <= 1e-6
