"""The comparison with AutoGluon and statsforecast: what is compared, and how sure it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks.accuracy import beside
from benchmarks.accuracy.cell_losses import CellLosses, losses_path
from benchmarks.accuracy.spread import paired_interval, read_spreads, write_spreads
from benchmarks.accuracy.statsforecast_side import TooSlow, forecasts
from benchmarks.accuracy.suites import BenchmarkTask

import foretell
from foretell.workflows.backtest import make_windows, window_steps


def sales(days: int = 60) -> pd.DataFrame:
    stamps = pd.date_range("2024-01-01", periods=days)
    values = np.arange(days) % 7 + 10.0
    frames = [
        pd.DataFrame({"item_id": f"i{k}", "timestamp": stamps, "target": values * (k + 1)}) for k in range(3)
    ]
    return pd.concat(frames)


def contest(data: foretell.Dataset, *, windows: int = 2) -> beside.Contest:
    task = BenchmarkTask(
        name="made", suite="more", about="", horizon=7, levels=(0.1, 0.5, 0.9), reading={"freq": "D"}
    )
    steps = window_steps(data.panel, 7, windows=windows)
    return beside.Contest(task, data.panel, make_windows(data.panel, steps, 7), 1.0)


def test_the_losses_of_items_and_windows_add_up_to_the_score(tmp_path: Path) -> None:
    report = foretell.backtest(foretell.Dataset(sales(), freq="D"), horizon=7, recipes=["npts"], windows=2)
    losses = CellLosses.of(report.outcomes)
    assert losses.wql == pytest.approx(report.leaderboard["wQL"].iloc[0], rel=1e-5)
    losses.save(tmp_path / "a" / "b.npz")
    assert CellLosses.load(tmp_path / "a" / "b.npz").wql == losses.wql


def test_a_name_of_a_recipe_with_settings_is_one_file() -> None:
    assert losses_path("t", "auto:time_limit=6m,x=../y", 1).name == "t--auto_time_limit=6m_x=.._y--1.npz"


def test_the_interval_holds_the_ratio_and_is_a_point_for_a_multiple() -> None:
    losses, sizes = np.array([[1.0, 2.0], [3.0, 1.0], [2.0, 2.0]]), np.full((3, 2), 10.0)
    assert paired_interval(2 * losses, losses, sizes) == pytest.approx((2, 2))
    low, high = paired_interval(losses[::-1].copy(), losses, sizes)
    assert low < 1 < high


def test_statsforecast_gets_what_lies_before_each_window_and_its_levels_rise() -> None:
    asked = contest(foretell.Dataset(sales(), freq="D"))
    entry = beside.theirs("AutoTheta", asked)
    assert [len(outcome.forecast) for outcome in entry.outcomes] == [3, 3]
    for outcome in entry.outcomes:
        assert (np.diff(outcome.forecast.quantiles, axis=-1) >= 0).all()
        assert outcome.scores.pooled["wQL"] < 0.1  # a season that repeats itself


def test_a_model_that_is_too_slow_says_how_far_it_came() -> None:
    with pytest.raises(TooSlow, match="AutoETS had forecast 0 of 2 series"):
        forecasts("AutoETS", [np.ones(9)] * 2, horizon=2, season=1, levels=(0.5,), deadline=0.0)


def test_the_tables_for_autogluon_hold_nothing_of_the_windows(tmp_path: Path) -> None:
    data = sales().assign(promo=lambda frame: (frame["target"] > 12).astype(float))
    later = pd.date_range("2024-03-01", periods=7)
    plan = pd.concat(
        [data[["item_id", "timestamp", "promo"]]]
        + [pd.DataFrame({"item_id": f"i{k}", "timestamp": later, "promo": 1.0}) for k in range(3)]
    )
    asked = contest(
        foretell.Dataset(data[["item_id", "timestamp", "target"]], related=plan, freq="D", known=["promo"])
    )
    beside._write_tables(tmp_path, asked, 0)
    for window in asked.windows:
        history = pd.read_parquet(tmp_path / f"history-{window.number}.parquet")
        ahead = pd.read_parquet(tmp_path / f"plan-{window.number}.parquet")
        assert history["timestamp"].max() < pd.Timestamp(window.day) == ahead["timestamp"].min()
        assert len(ahead) == 3 * 7
        assert list(ahead.columns) == ["item_id", "timestamp", "known0"]


def test_a_spread_is_written_for_tasks_whose_losses_are_kept(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    sizes = np.full((30, 1), 10.0)
    for recipe in ("ets", "auto:time_limit=6m"):
        CellLosses(generator.uniform(1, 2, (30, 1)), sizes).save(losses_path("one", recipe, 0, tmp_path))
    rows = pd.DataFrame(
        {
            "task": ["one", "one", "two"],
            "recipe": ["ets", "auto:time_limit=6m", "auto:time_limit=6m"],
            "seed": 0,
        }
    )
    write_spreads(rows, folder=tmp_path, path=tmp_path / "spreads.csv")
    found = read_spreads(tmp_path / "spreads.csv")
    assert list(found) == ["one"]
    assert 0.01 < found["one"] < 0.2
