"""What a cut at a floor does to the mean of a forecast, and how far quantiles come down for it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from foretell.data.item_floors import reached_floors
from foretell.local.cut_at_floor import with_mean_kept
from foretell.recipe.forecast import Forecast
from foretell.recipe.forecast_parts import with_possible_mean, within
from foretell.recipe.levels import QUANTILE_LEVELS
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from foretell.testing.panels import panel_of
from panels import daily

FINE = tuple(np.round(np.arange(0.005, 1, 0.005), 6).tolist())  # 0.01, 0.1, 0.5 and 0.9 among them


def normal(mean: float, deviation: float, levels: tuple[float, ...] = FINE) -> Forecast:
    """One item, one step."""
    panel = panel_of({"a": np.array([1.0, 2, 3], np.float32)})
    quantiles = mean + deviation * ndtri(np.array(levels))
    return Forecast.build(panel, levels, quantiles[None, None], np.array([[mean]]))


def kept(forecast: Forecast, floor: float = 0.0) -> np.ndarray:
    """[Q] the quantiles after it, cut."""
    return np.maximum(with_mean_kept(forecast, floor=np.array([floor])).quantiles[0, 0], floor)


@pytest.mark.parametrize(("mean", "floor"), [(1.0, 0.0), (3.0, 0.0), (0.5, 0.0), (11.0, 10.0)])
def test_what_is_cut_at_the_floor_has_the_mean_of_the_forecast(mean: float, floor: float) -> None:
    # FINE ends at 0.5 %: half a percent of the upper tail, at 2.8 deviations, is missing
    plain = np.maximum(normal(mean, 2.0).quantiles[0, 0], floor).mean()
    assert kept(normal(mean, 2.0), floor).mean() == pytest.approx(mean, abs=0.03)
    assert plain > mean


def test_a_forecast_of_nothing_keeps_some_sales_above_it_and_one_far_below_is_left_as_it_is() -> None:
    assert kept(normal(0.0, 2.0)).mean() == pytest.approx(0.25 * 2, abs=0.03)
    low = normal(-2.0, 2.0)
    np.testing.assert_array_equal(with_mean_kept(low, floor=np.zeros(1)).quantiles, low.quantiles)


@pytest.mark.parametrize(("mean", "floor"), [(10.0, 0.0), (1.0, -np.inf)])
def test_a_forecast_that_is_not_cut_stays_as_it_is(mean: float, floor: float) -> None:
    given = normal(mean, 2.0)
    assert with_mean_kept(given, floor=np.array([floor])) is given


def test_a_level_is_the_same_whatever_others_are_asked() -> None:
    few = (0.01, 0.1, 0.5, 0.9)
    at = [FINE.index(level) for level in few]
    np.testing.assert_allclose(kept(normal(1.0, 2.0, few)), kept(normal(1.0, 2.0))[at], rtol=1e-6)


def test_only_an_item_that_was_at_its_floor_before_is_cut_there() -> None:
    rows = {
        "sold out at times": [3.0, 0, 5, 4, 0, 2],
        "never": [3.0, 1, 5, 4, 1, 2],
        "returns": [3.0, 0, -5, 4],
    }
    panel = daily(list(rows.values()), covariates=False)
    assert reached_floors(panel).tolist() == [0, -np.inf, -np.inf]


def test_the_mean_of_a_spiky_item_is_no_longer_raised_by_quantiles_that_were_too_high() -> None:
    spikes = {f"{k}": np.resize(np.array([0, 0, 0, 1, 0, 6, 0, 0, 2.0]), 60 + k) for k in range(4)}
    panel = daily(list(spikes.values()), covariates=False)
    recipe = make_recipe("ets", {"covariates": "none", "season": 1})
    forecast = recipe.fit(panel, Task(5), Run(processes=1)).predict(panel, levels=QUANTILE_LEVELS)
    floors = np.zeros(len(panel))
    whole = within(forecast, panel, floor=floors)
    said = with_possible_mean(whole, floor=floors, levels=QUANTILE_LEVELS)
    np.testing.assert_allclose(said.mean, forecast.mean, rtol=1e-3)
    assert 0.7 < said.mean.mean() < 1.3  # 9 sold in 9 steps
