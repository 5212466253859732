"""The linear map from the last seasons to the steps ahead."""

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
from foretell_recipes.ridge import Maps, Ridge

HORIZON, SEASON = 12, 6
LEVELS = (0.1, 0.5, 0.9)


def two_cycles(length: int, *, first: float = 0.0, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """[length] a season, and a slower cycle that no season tells."""
    step = np.arange(length) + first
    drawn = np.random.default_rng(seed).normal(0, noise, length) if noise else 0.0
    return 50 + 8 * np.sin(2 * np.pi * step / SEASON) + 5 * np.sin(2 * np.pi * step / 27) + drawn


def dataset(series: list[np.ndarray]) -> foretell.Dataset:
    parts = [
        # all end at the same step
        pd.DataFrame(
            {"item_id": f"i{k:03}", "timestamp": np.arange(len(values)) - len(values), "target": values}
        )
        for k, values in enumerate(series)
    ]
    return foretell.Dataset(pd.concat(parts), freq="1", season=SEASON)


def test_a_cycle_that_is_no_season_is_continued() -> None:
    whole = [two_cycles(212, first=7.0 * k) for k in range(5)]
    model = fit_model(
        make_recipe("ridge", {"penalty": 1e-6}),
        dataset([s[:-HORIZON] for s in whole]).panel,
        Task(HORIZON),
        Run(),
    )
    forecast = model.forecast(dataset([s[:-HORIZON] for s in whole]).panel)
    np.testing.assert_allclose(forecast.mean, [s[-HORIZON:] for s in whole], atol=0.05)


def test_levels_hold_what_they_say_of_fresh_noise() -> None:
    whole = [two_cycles(330, first=5.0 * k, noise=3.0, seed=k) for k in range(60)]
    data = dataset([s[:-HORIZON] for s in whole]).panel
    forecast = fit_model(make_recipe("ridge"), data, Task(HORIZON, levels=LEVELS), Run()).forecast(data)
    actual = np.array([s[-HORIZON:] for s in whole])
    inside = (actual >= forecast.quantiles[..., 0]) & (actual <= forecast.quantiles[..., 2])
    assert 0.74 < inside.mean() < 0.86


def test_an_item_is_forecast_alone_as_among_others() -> None:
    panel = dataset([two_cycles(200, first=3.0 * k, noise=1.0, seed=k) for k in range(6)]).panel
    model = fit_model(make_recipe("ridge"), panel, Task(HORIZON), Run())
    alone = model.forecast(panel.take(np.array([4])))
    np.testing.assert_allclose(alone.quantiles[0], model.forecast(panel).quantiles[4], rtol=1e-6)


def test_the_map_is_the_same_whatever_the_scale_of_an_item() -> None:
    small = [two_cycles(200, first=3.0 * k, noise=1.0, seed=k) for k in range(6)]
    maps = Ridge().learn(small, SEASON, HORIZON, Run())
    large = Ridge().learn([1000 * values - 7 for values in small], SEASON, HORIZON, Run())
    for one, other in zip(maps.maps, large.maps, strict=True):
        np.testing.assert_allclose(one.weights, other.weights, atol=1e-8)


def test_no_error_of_the_levels_is_one_of_the_training() -> None:
    """The last fifth changes the weights, and the early weights not at all."""
    series = [two_cycles(250, first=k, noise=1.0, seed=k) for k in range(4)]
    changed = [np.concatenate([values[:200], values[200:] + 30]) for values in series]
    maps, others = (
        Ridge(context_lengths=(24,)).learn(some, SEASON, HORIZON, Run()) for some in (series, changed)
    )
    floors = [values.std() for values in changed]
    assert min(floors) > 0
    assert not np.allclose(maps.maps[0].weights, others.maps[0].weights)
    # windows are over their own deviation, which a series' own floor of a tenth does not reach here
    np.testing.assert_allclose(maps.maps[0].early, others.maps[0].early)


def test_a_series_without_a_whole_window_is_forecast_by_seasonal_naive_and_counted() -> None:
    series = [two_cycles(200, first=k) for k in range(4)]
    panel = dataset([*series, series[0][-8:]]).panel
    recipe = make_recipe("ridge", {"context_lengths": (24,), "covariates": "none"})
    forecast = fit_model(recipe, panel, Task(HORIZON), Run()).forecast(panel)
    assert forecast.fallbacks.tolist() == [False] * 4 + [True]
    np.testing.assert_allclose(forecast.mean[4, :4], series[0][-6:-2], rtol=1e-5)


def test_a_horizon_for_which_histories_are_too_short_says_what_it_needs() -> None:
    panel = dataset([two_cycles(40) for _ in range(3)]).panel
    with pytest.raises(
        ForetellError,
        match=r"ridge needs histories of at least \d+ steps for a horizon of 36; the longest has 40",
    ):
        fit_model(make_recipe("ridge"), panel, Task(36), Run())


def test_gaps_are_filled_and_told_apart_from_values() -> None:
    values = two_cycles(212)
    gappy = values[:-HORIZON].copy()
    gappy[[30, 31, 90, 150]] = np.nan
    panel = dataset([gappy] * 3).panel
    forecast = fit_model(make_recipe("ridge", {"penalty": 1e-4}), panel, Task(HORIZON), Run()).forecast(panel)
    np.testing.assert_allclose(forecast.mean[0], values[-HORIZON:], atol=2)


def test_a_saved_model_forecasts_the_same(tmp_path: Path) -> None:
    panel = dataset([two_cycles(150, first=k, noise=1.0, seed=k) for k in range(5)]).panel
    model = fit_model(make_recipe("ridge"), panel, Task(HORIZON), Run())
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(
        read_model(tmp_path / "model", Run()).forecast(panel).quantiles, model.forecast(panel).quantiles
    )


@pytest.mark.parametrize("spoil", ["shape", "none", "errors"])
def test_arrays_of_another_shape_are_refused(spoil: str) -> None:
    maps = Ridge(context_lengths=(12,)).learn([two_cycles(150)] * 2, SEASON, HORIZON, Run())
    arrays = dict(maps.state()[1])
    if spoil == "shape":
        arrays["ridge.12.weights"] = arrays["ridge.12.weights"][:-1]
    if spoil == "errors":
        arrays["ridge.12.errors"] = arrays["ridge.12.errors"][:, :5]
    if spoil == "none":
        arrays = {}
    with pytest.raises(ForetellError, match="ridge"):
        Maps.of_state(arrays, HORIZON)
