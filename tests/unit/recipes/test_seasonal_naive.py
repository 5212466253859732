"""Seasonal naive against statsforecast's, and by hand where that cannot go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsforecast.models import SeasonalNaive as Theirs

from foretell.data.frequency import Frequency
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.evaluation.history import seasonal_error
from foretell.evaluation.metrics import score
from foretell.local.seasonal_naive import best_periods, seasonal_naive
from foretell.recipe.task import Run, Task
from foretell_recipes.seasonal_naive import SeasonalNaive
from panels import daily, weekly_sales

NINE = tuple(np.round(np.arange(0.1, 1, 0.1), 1).tolist())


def test_levels_and_mean_agree_with_statsforecast() -> None:
    history = np.stack(weekly_sales(0))
    ours = seasonal_naive(history, 7, 17, (0.1, 0.5, 0.975))
    for row, values in enumerate(history):
        theirs = Theirs(season_length=7).forecast(values, 17, level=[80.0, 95.0])  # type: ignore[list-item]  # they say int
        np.testing.assert_allclose(ours.mean[row], theirs["mean"])
        np.testing.assert_allclose(ours.quantiles[row, :, 0], theirs["lo-80.0"])
        np.testing.assert_allclose(ours.quantiles[row, :, 1], theirs["mean"])
        np.testing.assert_allclose(ours.quantiles[row, :, 2], theirs["hi-95.0"])


def test_a_step_repeats_the_last_value_seen_a_multiple_of_the_season_before() -> None:
    # Season 3, oldest first: cycles [1 2 3], [4 - 6], [7 8 -]; the third place was last seen as 6.
    history = np.array([[1, 2, 3, 4, np.nan, 6, 7, 8, np.nan]])
    got = seasonal_naive(history, 3, 5, (0.5,))
    np.testing.assert_array_equal(got.mean, [[7, 8, 6, 7, 8]])
    # Differences between neighbouring cycles: 4-1, 6-3, 7-4, all 3. The 6 is two seasons old, hence sqrt(2).
    spread = seasonal_naive(history, 3, 5, (0.8413447460685429,)).quantiles[0, :, 0] - got.mean[0]
    np.testing.assert_allclose(spread, 3 * np.sqrt([1, 1, 2, 2, 2]))


def test_a_place_never_observed_repeats_the_last_value_of_all() -> None:
    history = np.array([[5.0, np.nan, 6.0, np.nan]])
    np.testing.assert_array_equal(seasonal_naive(history, 2, 2, (0.5,)).mean, [[6, 6]])


def test_closed_days_are_not_repeated() -> None:
    panel = daily(weekly_sales(1), covariates=True)
    closed = (np.concatenate([np.arange(a, 20_000) for a in panel.start]) % 7) == 3
    panel = replace(panel, target=np.where(closed, np.float32(0), panel.target))
    forecast = SeasonalNaive().fit(panel, Task(6), Run()).predict(panel, levels=Task(6).levels)
    assert forecast.mean.min() > 5  # each series sells about 20 and more on open days


def test_without_intervals_all_levels_are_the_point() -> None:
    panel = daily(weekly_sales(2))
    forecast = (
        SeasonalNaive(intervals="none").fit(panel, Task(6), Run()).predict(panel, levels=Task(6).levels)
    )
    np.testing.assert_array_equal(forecast.quantiles[..., 0], forecast.mean)
    np.testing.assert_array_equal(forecast.quantiles[..., 2], forecast.mean)


def test_with_the_pooled_regression_it_follows_a_covariate_that_it_otherwise_ignores() -> None:
    panel = daily([np.zeros(120)] * 6)
    price = panel.known[:, 0].reshape(6, -1)
    sales = (100 - 5 * price[:, :120] + np.random.default_rng(0).normal(0, 0.1, (6, 120))).astype(np.float32)
    panel = replace(panel, target=sales.ravel())
    truth = 100 - 5 * price[:, 120:]
    pooled = (
        SeasonalNaive(covariates="pooled").fit(panel, Task(6), Run()).predict(panel, levels=Task(6).levels)
    )
    plain = SeasonalNaive().fit(panel, Task(6), Run()).predict(panel, levels=Task(6).levels)
    assert np.abs(pooled.mean - truth).mean() < 1
    assert np.abs(plain.mean - truth).mean() > 5


@pytest.mark.slow
def test_on_m4_hourly_it_scores_what_is_published(real_data: Path) -> None:
    folder = real_data / "m4_hourly"
    if not folder.is_dir():
        pytest.skip("m4_hourly is not here")
    train, test = (pd.read_parquet(folder / f"hourly_{part}.parquet") for part in ("train", "test"))
    train = train.astype({"item_id": str}).sort_values(["item_id", "t"])
    test = test.astype({"item_id": str}).sort_values(["item_id", "h"])
    names, lengths = np.unique(train["item_id"], return_counts=True)
    n = len(names)
    panel = Panel(
        keys=pd.DataFrame({"item_id": names}),
        start=-lengths,
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        origin=np.zeros(n, np.int64),
        target=train["target"].to_numpy(np.float32),
        known=np.zeros((lengths.sum(), 0), np.float32),
        past=np.zeros((lengths.sum(), 0), np.float32),
        static_real=np.zeros((n, 0), np.float32),
        static_cat=np.zeros((n, 0), np.int32),
        future=0,
        schema=Schema(frequency=Frequency("step"), seasons=(24,)),
    )
    actual = test["target"].to_numpy(float).reshape(n, 48)
    forecast = SeasonalNaive(intervals="none").fit(panel, Task(48, NINE), Run()).predict(panel, levels=NINE)
    got = score(
        actual, forecast.mean, forecast.quantiles, NINE, seasonal_error(panel), median=forecast.mean
    ).pooled
    assert got["wQL"] == pytest.approx(0.0483, abs=5e-5)
    assert got["MASE"] == pytest.approx(1.193, abs=5e-4)


def test_each_item_repeats_what_its_past_was_best_repeated_by() -> None:
    """Hours of the day for one item, hours of the week for another, whose Sunday is another day."""
    rng = np.random.default_rng(0)
    day = 10 + 5 * np.sin(2 * np.pi * np.arange(24) / 24)
    daily_item, weekly_item = np.tile(day, 35), np.tile(np.concatenate([*[day] * 6, day / 5]), 5)
    history = np.stack([daily_item, weekly_item]) + rng.normal(0, 0.1, (2, 35 * 24))
    assert best_periods(history, 24, 48).tolist() == [24, 168]
    recipe = SeasonalNaive(periods="auto")
    made = recipe.forecast_all(history, 24, 48, (0.1, 0.5), Run())
    np.testing.assert_array_equal(made.mean[0], np.tile(history[0, -24:], 2))
    np.testing.assert_array_equal(made.mean[1], history[1, -168:-120])
    assert (made.quantiles[:, :, 0] < made.quantiles[:, :, 1]).all()


def test_a_long_season_that_is_none_gives_way_to_the_last_value() -> None:
    """A walk with a season of 52 asked for: three tenths of the error by the last value."""
    walk = np.random.default_rng(1).normal(0, 1, 300).cumsum()[None]
    assert best_periods(walk, 52, 4).tolist() == [1]
    assert best_periods(walk, 7, 4).tolist() == [7]  # a short one is the yardstick, whatever it is


def test_the_yardstick_keeps_the_season_unless_asked() -> None:
    walk = np.random.default_rng(1).normal(0, 1, (1, 300)).cumsum(1)
    made = SeasonalNaive().forecast_all(walk, 52, 4, (0.5,), Run())
    np.testing.assert_array_equal(made.mean, walk[:, -52:-48])


def test_a_history_without_a_whole_period_keeps_the_season() -> None:
    assert best_periods(np.full((2, 30), np.nan), 24, 48).tolist() == [24, 24]
    assert best_periods(np.arange(30.0)[None], 24, 48).tolist() in ([24], [1])
