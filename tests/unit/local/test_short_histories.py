"""What is not known of a short or strange history: never a width of 0, never another population's, nothing far outside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from foretell.data.arrays import Floats
from foretell.local.least_width import moves
from foretell.local.local_recipe import fit_each, plausible
from foretell.local.seasonal_naive import seasonal_naive
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from foretell.testing.panels import panel_of

LEVELS = (0.1, 0.5, 0.9)


def test_seasonal_naive_without_a_seasonal_difference_takes_those_from_step_to_step() -> None:
    got = seasonal_naive(np.array([[4.0, 7.0, 3.0]]), 12, 2, (0.8413447460685429,))
    np.testing.assert_allclose(got.quantiles[0, :, 0] - got.mean[0], np.sqrt((3**2 + 4**2) / 2))


def test_a_season_that_came_back_exactly_once_is_no_certainty() -> None:
    got = seasonal_naive(np.array([[4.0, 7.0, 3.0] * 2]), 3, 3, LEVELS)
    assert (got.quantiles[0, :, 2] > got.quantiles[0, :, 0]).all()


def test_a_constant_keeps_its_certainty() -> None:
    got = seasonal_naive(np.full((1, 5), 3.0), 7, 2, LEVELS)
    assert (got.quantiles == 3).all()


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["seasonal_naive", "ets", "npts"])
def test_an_item_that_sold_seven_once_is_forecast_to_sell_about_seven_among_items_of_all_sizes(
    recipe: str,
) -> None:
    rng = np.random.default_rng(3)
    series = {f"size {k}": rng.poisson(10.0 ** (k % 5), 60).astype(np.float32) for k in range(10)}
    panel = panel_of(series | {"new": np.array([7], np.float32)})
    forecast = make_recipe(recipe, {}).fit(panel, Task(5), Run()).predict(panel, levels=LEVELS)
    mean, quantiles = forecast.mean[-1], forecast.quantiles[-1]
    assert (quantiles[:, 0] < quantiles[:, 2]).all()
    assert 4 < mean.min() <= mean.max() < 12
    assert quantiles.max() < 30


def jump(values: Floats, season: int, horizon: int, levels: Sequence[float]) -> tuple[Floats, Floats]:
    middle = np.full(horizon, 6546.0)
    return middle, middle[:, None] + np.zeros(len(levels))


def test_a_forecast_far_outside_of_what_was_seen_is_a_failure_and_seasonal_naive_takes_its_place() -> None:
    history = np.array([[10.0, 11.0] * 14 + [1000.0]])
    got = fit_each(jump, history, 7, 7, LEVELS, Run(processes=1), limit=60)
    assert got.failed.tolist() == [True]
    assert got.mean.max() <= 1000


def test_a_trend_and_growth_that_go_on_are_plausible() -> None:
    line, growth = np.arange(30.0), 1.1 ** np.arange(60.0)
    for seen, ahead in ((line, 30 + np.arange(30.0)), (growth, growth[-1] * 1.1 ** np.arange(1, 13))):
        assert plausible(seen, np.stack([0.9 * ahead, ahead, 1.1 * ahead], axis=1), LEVELS)
    assert not plausible(line, np.full((5, 1), 1e4), (0.5,))


def test_an_item_moves_when_more_than_a_fifth_of_its_differences_are_not_nothing() -> None:
    assert moves(np.array([0.0, 4, 0, 0, 0, 0]), 7)
    assert not moves(np.array([0.0] * 20 + [3.0]), 7)
    assert not moves(np.array([5.0]), 7)


@pytest.mark.slow
@pytest.mark.parametrize("to", [1000.0, 10_000.0])
def test_what_ets_makes_of_a_jump_stays_near_to_what_was_seen_or_counts_as_a_fallback(to: float) -> None:
    rng = np.random.default_rng(0)
    after = range(1, 13)
    series = {
        f"{k} after": np.concatenate([10 + rng.normal(0, 1, 60 - k), to + rng.normal(0, to / 20, k)])
        for k in after
    }
    panel = panel_of({name: values.astype(np.float32) for name, values in series.items()})
    recipe = make_recipe("ets", {"covariates": "none"})
    forecast = recipe.fit(panel, Task(7), Run(processes=1)).predict(panel, levels=LEVELS)
    # the range is `to` wide: the median may leave it by 2 + 2 * 7 / 60 of that, p90 by three times as much
    assert forecast.quantiles[..., 1].max() < 1.2 * to * 3.3
    assert forecast.quantiles[..., 2].max() < 1.2 * to * 7.8
    naive = seasonal_naive(np.stack(list(series.values())), 7, 7, LEVELS)
    fell = forecast.fallbacks
    assert fell.sum() < len(after) / 2
    assert (
        np.abs(forecast.quantiles[fell, :, 1]).max(initial=0)
        <= np.abs(naive.quantiles[fell, :, 1]).max(initial=0) + 1e-3
    )
