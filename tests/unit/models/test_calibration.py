"""Conformal adjustment: a case worked by hand, coverage put right, and what is left alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.models.calibration import Calibration
from foretell.models.fitting import fit_model
from foretell.models.model import fitted_of
from foretell.models.model_folder import plain
from foretell.recipe.protocols import HeldOut
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from foretell.reporting.html import render
from foretell_recipes.auto import Auto
from foretell_recipes.seasonal_naive import SeasonalNaive
from panels import weeks

LEVELS = (0.1, 0.5, 0.9)

TASK = Task(5, (0.1, 0.5, 0.9))


def held(quantiles: list[float], actual: np.ndarray, windows: int = 1) -> HeldOut:
    """The same forecast for every item [N] and step [H], and the same actuals in all windows."""
    truth = np.broadcast_to(actual.astype(np.float32), (windows, *actual.shape))
    table = np.broadcast_to(np.array(quantiles, np.float32), (*truth.shape, len(quantiles)))
    return HeldOut(table, truth, LEVELS)


def test_shifts_follow_a_case_worked_by_hand() -> None:
    # 5 items, 4 windows, one step, actual 7, forecast 0, 5, 10: missed by 7, 2, -3, a width is 10. Of the 2 that all miss
    # alike, half is trusted after 4 windows: 6, 1, -4; and half of that after 20 forecasts.
    learnt = Calibration.learn(held([0, 5, 10], np.full((5, 1), 7.0), windows=4))
    np.testing.assert_allclose(learnt.shifts, [[0.3, 0.05, -0.2]], rtol=1e-6)
    assert learnt.covered == (0, 0, 1)
    adjusted = learnt.shifted(np.array([[[0.0, 1, 2]]]), LEVELS, np.array([[2.0]]))
    np.testing.assert_allclose(adjusted, [[[0.6, 1.1, 1.6]]], rtol=1e-6)
    between = learnt.shifted(np.array([[[1.0]]]), [0.3], np.array([[1.0]]))
    np.testing.assert_allclose(between, [[[1.175]]], rtol=1e-6)  # halfway from 0.3 to 0.05


def test_coverage_is_put_right_on_data_that_were_not_learnt_from() -> None:
    rng = np.random.default_rng(0)
    narrow = [-0.64, 0.3, 1.24]  # of standard normal data: half as wide as it should be, and too high
    learnt = Calibration.learn(held(narrow, rng.normal(0, 1, (400, 4)), windows=200))
    fresh = rng.normal(0, 1, (4000, 4))
    table = np.broadcast_to(np.array(narrow), (4000, 4, 3))
    adjusted = learnt.shifted(table, LEVELS, table[..., 2] - table[..., 0])
    np.testing.assert_allclose((fresh[..., None] <= adjusted).mean((0, 1)), LEVELS, atol=0.03)
    assert abs((fresh[..., None] <= table).mean((0, 1)) - LEVELS).max() > 0.1


def test_one_window_in_which_all_items_err_alike_moves_the_median_little() -> None:
    # 1,000 items sold one width more than foretold, once: the interval is as right as it was, and a fifth of the rise counts
    learnt = Calibration.learn(held([0, 5, 10], np.random.default_rng(0).normal(15, 3.9, (1000, 1))))
    low, middle, high = learnt.shifts[0]
    assert middle == pytest.approx(0.2, abs=0.02)
    assert (low - middle, high - middle) == pytest.approx((0, 0), abs=0.06)


def test_parts_of_the_horizon_are_shifted_apart_where_there_are_many_forecasts() -> None:
    actual = np.tile([0.0, 4.0], (200, 1))
    many = Calibration.learn(held([0, 1, 2], actual))
    assert many.first == (0, 1)
    assert many.shifts[0][1] < 0 < many.shifts[1][1]
    assert Calibration.learn(held([0, 1, 2], actual[:30])).first == (0,)


def test_a_forecast_without_width_is_left_alone_and_teaches_nothing() -> None:
    table = np.zeros((1, 40, 1, 3), np.float32)
    table[:, ::2] = [0, 5, 10]
    actual = np.where(np.arange(40) % 2 == 0, 5.0, 1000.0).astype(np.float32)[None, :, None]
    learnt = Calibration.learn(HeldOut(table, actual, LEVELS))
    assert learnt.forecasts == 20
    assert np.abs(learnt.shifts).max() < 1
    assert learnt.shifted(np.zeros((1, 1, 3)), LEVELS, np.zeros((1, 1))).tolist() == [[[0, 0, 0]]]
    exact = Calibration.learn(held([5, 5, 5], np.full((30, 1), 5.0)))
    assert (exact.shifts, exact.forecasts) == (((0.0, 0.0, 0.0),), 0)
    with pytest.raises(ForetellError, match="nothing was observed in the held-out windows"):
        Calibration.learn(HeldOut(table, np.full_like(actual, np.nan), LEVELS))


def test_it_survives_json() -> None:
    learnt = Calibration.learn(held([0, 1, 2], np.tile([0.0, 4.0], (200, 1))))
    assert Calibration.from_json(json.loads(json.dumps(plain(learnt.to_json(), "c")))) == learnt


def noisy(steps: int = 84) -> Panel:
    """Items that repeat each week but for noise, the more the bigger they are."""
    panel = weeks(steps=steps)
    noise = np.random.default_rng(0).normal(0, 0.2, len(panel.target))
    target = (panel.target * (1 + np.clip(noise, -0.9, 0.9))).astype(np.float32)
    return replace(panel, target=target)


def test_a_calibrated_model_forecasts_rising_levels_and_remembers_those_before() -> None:
    model = fit_model(SeasonalNaive(), noisy(), TASK, Run(), calibrate=True)
    plainly = fit_model(SeasonalNaive(), noisy(), TASK, Run())
    forecast = model.predict(levels=[0.2, 0.5, 0.85])
    assert forecast.before is not None
    np.testing.assert_array_equal(forecast.before, plainly.predict(levels=[0.2, 0.5, 0.85]).quantiles)
    np.testing.assert_array_equal(forecast.mean, plainly.predict().mean)
    assert (np.diff(forecast.quantiles, axis=-1) >= 0).all()
    assert not np.array_equal(forecast.quantiles, forecast.before)
    (title,) = model.summary()
    assert title.startswith("Calibration (learnt from")


def test_what_comes_at_or_beyond_the_origin_teaches_nothing() -> None:
    panel = noisy().before(10)
    target = panel.target.reshape(4, -1).copy()
    target[:, -10:] = 1e6
    changed = replace(panel, target=target.ravel())
    one, other = (fit_model(SeasonalNaive(), p, TASK, Run(), calibrate=True) for p in (panel, changed))
    assert one.calibration == other.calibration


def test_a_calibrated_model_is_saved_with_its_calibration(tmp_path: Path) -> None:
    model = fit_model(make_recipe("seasonal_naive"), noisy(), TASK, Run(), calibrate=True)
    model.save(tmp_path / "m")
    again = foretell.load(tmp_path / "m")
    assert again.calibration == model.calibration
    np.testing.assert_array_equal(fitted_of(again).forecast(noisy()).quantiles, model.predict().quantiles)


@pytest.mark.slow
def test_auto_is_calibrated_on_its_own_validation_windows() -> None:
    recipe = Auto(members=("seasonal_naive", "ets:covariates=none"), trials=0)
    model = fit_model(recipe, noisy(), TASK, Run(processes=1), calibrate=True)
    assert model.calibration is not None
    assert model.calibration.windows == 4
    assert model.calibration.levels == (0.1, 0.5, 0.9)


def test_histories_too_short_to_hold_back_a_window_are_refused() -> None:
    for recipe in (SeasonalNaive(), Auto(members=("seasonal_naive",))):
        with pytest.raises(ForetellError, match="too short to calibrate"):
            fit_model(recipe, weeks(steps=12), TASK, Run(), calibrate=True)


@pytest.mark.slow
def test_a_backtest_shows_coverage_before_and_after() -> None:
    panel = noisy()
    days = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-01-01") + np.timedelta64(84, "D"))
    frames = [
        pd.DataFrame({"item_id": f"i{k}", "timestamp": days, "target": row})
        for k, row in enumerate(panel.target.reshape(4, -1))
    ]
    data = foretell.Dataset(pd.concat(frames), freq="D")
    report = foretell.backtest(data, horizon=5, recipes=["seasonal_naive"], calibrate=True)
    table = report.calibration
    assert list(table["level"]) == [0.1, 0.5, 0.9]
    after = report.leaderboard[["coverage[0.1]", "coverage[0.5]", "coverage[0.9]"]].to_numpy()[0]
    np.testing.assert_array_equal(table["coverage after"], after)
    assert (table["wQL before"] != table["wQL after"]).all()
    assert "Before and after calibration" in render(report)
    assert len(report.to_json()["calibration"]) == 3
    plainly = foretell.backtest(data, horizon=5, recipes=["seasonal_naive"])
    assert plainly.calibration.empty
    assert "Before and after calibration" not in render(plainly)


def test_a_calibration_that_learnt_nothing_says_so() -> None:
    learnt = Calibration.learn(held([5.0, 5.0, 5.0], np.full((3, 2), 5.0)))
    assert learnt.forecasts == 0
    (row,) = learnt.summary()["Calibration (learnt from 0 forecasts of 1 held-out windows)"]
    assert row["remark"] == "no held-out forecast has a width to measure by: the levels stay as they are"
