"""Levels of seasons times shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.errors import ForetellError
from foretell.models.fitted_model import read_model
from foretell.models.fitting import fit_model
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from foretell_recipes.level_shape import LevelShape, Typical

SEASON, HORIZON = 4, 8
LEVELS = (0.1, 0.5, 0.9)
SHAPE = np.array([0.4, 1.6, 1.2, 0.8])


def seasons(levels: np.ndarray, *, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """[len(levels) * SEASON] each level times the shape, and times noise."""
    drawn = np.random.default_rng(seed).normal(1, noise, len(levels) * SEASON) if noise else 1.0
    return np.outer(levels, SHAPE).ravel() * drawn


def dataset(series: list[np.ndarray], season: int = SEASON) -> foretell.Dataset:
    parts = [
        # all end at the same step
        pd.DataFrame(
            {"item_id": f"i{k:03}", "timestamp": np.arange(len(values)) - len(values), "target": values}
        )
        for k, values in enumerate(series)
    ]
    return foretell.Dataset(pd.concat(parts), freq="1", season=season)


def forecast(series: list[np.ndarray], horizon: int = HORIZON, season: int = SEASON) -> foretell.Forecast:
    panel = dataset(series, season).panel
    return fit_model(make_recipe("level_shape"), panel, Task(horizon, levels=LEVELS), Run()).forecast(panel)


def test_a_new_level_takes_the_shape_of_all_seasons() -> None:
    """After a jump of the level from 100 to 130 the shape stays one of ratios."""
    jump = np.repeat([100.0, 130.0], [10, 2])
    made = forecast([seasons(jump), seasons(jump + 1), seasons(2 * jump)])
    median = made.quantiles[0, :, 1].reshape(2, SEASON)
    np.testing.assert_allclose(median / median.mean(1, keepdims=True), [SHAPE, SHAPE], rtol=1e-3)
    assert 105 < median.mean() < 140


def test_a_series_that_is_negative_somewhere_is_level_plus_shape() -> None:
    levels = np.array([-3.0, 4, -2, 5, -4, 3, -3, 4, -2, 5, 1, 1])
    made = forecast([(levels[:, None] + SHAPE).ravel()])
    mean = made.mean[0].reshape(2, SEASON)
    np.testing.assert_allclose(mean - mean.mean(1, keepdims=True), [SHAPE - 1, SHAPE - 1], atol=1e-3)


def test_the_hours_of_a_week_have_a_shape_of_their_own() -> None:
    """Of 24 hours the seventh day is another one: a season of seasons tells it."""
    day, night = np.full(24, 10.0), np.full(24, 2.0)
    week = np.concatenate([*[day] * 6, night])
    made = forecast([np.tile(week, 8), 3 * np.tile(week, 8)], horizon=168, season=24)
    np.testing.assert_allclose(made.mean[0], week, rtol=0.1)


def test_levels_hold_what_they_say_of_fresh_noise() -> None:
    whole = [seasons(np.full(42, 30.0 + k), noise=0.2, seed=k) for k in range(80)]
    made = forecast([values[:-HORIZON] for values in whole])
    actual = np.array([values[-HORIZON:] for values in whole])
    inside = (actual >= made.quantiles[..., 0]) & (actual <= made.quantiles[..., 2])
    assert 0.74 < inside.mean() < 0.86


def test_an_item_is_forecast_alone_as_among_others() -> None:
    some = [seasons(np.linspace(10, 20 + k, 15), noise=0.1, seed=k) for k in range(6)]
    panel = dataset(some).panel
    model = fit_model(make_recipe("level_shape"), panel, Task(HORIZON), Run())
    alone = model.forecast(panel.take(np.array([4])))
    np.testing.assert_allclose(alone.quantiles[0], model.forecast(panel).quantiles[4], rtol=1e-6)


def test_nothing_is_learnt_of_the_scale_of_an_item() -> None:
    some = [seasons(np.linspace(10, 20 + k, 15), noise=0.1, seed=k) for k in range(6)]
    one, other = (
        LevelShape().learn([factor * values for values in some], SEASON, HORIZON, Run())
        for factor in (1.0, 1024.0)
    )
    np.testing.assert_allclose(one.losses, other.losses, atol=1e-6)
    np.testing.assert_allclose(one.errors, other.errors, atol=1e-9)


def test_a_series_shorter_than_a_season_is_forecast_by_seasonal_naive_and_counted() -> None:
    some = [seasons(np.linspace(10, 20, 15), noise=0.1, seed=k) for k in range(4)]
    made = forecast([*some, some[0][-3:]])
    assert made.fallbacks.tolist() == [False] * 4 + [True]
    np.testing.assert_allclose(made.mean[4, 1:4], some[0][-3:], rtol=1e-5)


def test_histories_without_two_seasons_say_what_is_needed() -> None:
    panel = dataset([np.arange(7.0)] * 3).panel
    with pytest.raises(
        ForetellError, match=r"two whole seasons of 4 steps, 8 in all; the longest history has 7"
    ):
        fit_model(make_recipe("level_shape"), panel, Task(2), Run())


def test_without_a_season_there_are_levels_alone() -> None:
    made = forecast([np.random.default_rng(k).normal(50, 5, 60) for k in range(5)], season=1)
    assert not made.fallbacks.any()
    assert (np.abs(made.mean - 50) < 6).all()


def test_histories_of_two_seasons_and_a_bit_are_enough_for_a_horizon_of_two() -> None:
    some = [seasons(np.array([10.0, 11, 12]), noise=0.1, seed=k)[:-1] for k in range(6)]
    made = forecast(some)
    assert not made.fallbacks.any()
    assert (made.quantiles[..., 2] > made.quantiles[..., 0]).all()


def test_a_saved_model_forecasts_the_same(tmp_path: Path) -> None:
    panel = dataset([seasons(np.linspace(10, 20 + k, 15), noise=0.1, seed=k) for k in range(5)]).panel
    model = fit_model(make_recipe("level_shape"), panel, Task(HORIZON), Run())
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(
        read_model(tmp_path / "model", Run()).forecast(panel).quantiles, model.forecast(panel).quantiles
    )


@pytest.mark.parametrize("spoil", ["losses", "errors", "size"])
def test_what_is_none_of_its_state_is_refused(spoil: str) -> None:
    learnt = LevelShape().learn([seasons(np.arange(5.0, 15.0))] * 2, SEASON, HORIZON, Run())
    plain, arrays = learnt.state()
    if spoil == "size":
        plain = {"level_shape": {"size": "large"}}
    else:
        arrays = {**arrays, f"level_shape.{spoil}": arrays[f"level_shape.{spoil}"][:-1]}
    with pytest.raises(ForetellError, match="level_shape"):
        Typical.of_state((plain, arrays), HORIZON)
