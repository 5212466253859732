"""An opened panel may be far larger than memory: nothing of its size is allocated to train on it or to forecast it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import foretell
from evaluator_fakes import FLAT, RISING, Last, dataset, sales
from foretell.data import layout, panel, panel_files
from foretell.data import static_scale as scaling
from foretell.data.columns import columns
from foretell.data.frequency import Frequency
from foretell.data.item_floors import floor_of_new_items
from foretell.data.layout import Layout
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.data.segments import mean_and_deviation
from foretell.data.static_scale import StaticScale
from foretell.evaluation import metrics
from foretell.evaluation import results as report
from foretell.evaluation.open_coverage import open_coverage
from foretell.evaluation.outcome import Outcome, Window
from foretell.ingest.context import Names
from foretell.ingest.dataset import Dataset
from foretell.ingest.panel_folder import Saved, write_panel
from foretell.models import ensemble_weights as ensemble
from foretell.models import fitted_model as model
from foretell.models.fitted_model import items_at_a_time
from foretell.models.fitting import fit_model
from foretell.models.item_lookup import find_items
from foretell.recipe.forecast import Forecast
from foretell.recipe.protocols import Recipe
from foretell.recipe.task import Run, Task
from foretell.reporting import figures as plots
from foretell.reporting.report import Report
from foretell.system import big_arrays as grids
from foretell.windows.covariate_scale import CovariateScale
from foretell.windows.windows import Windows
from foretell.workflows.backtest import backtest
from foretell_recipes.deepar import likelihood_of
from panels import daily, weekly_sales

ITEMS, STEPS, FUTURE = 1_000, 4_000, 7
COLUMN = 4 * ITEMS * STEPS  # bytes of one column of the panel
SETTINGS = {"max_steps": 2, "context_length": 8, "hidden_size": 4, "batch_size": 4, "forks": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved panel of 4 million cells with a known column, some gaps and a negative value in the last item."""
    place = tmp_path_factory.mktemp("large") / "panel"
    target = np.random.default_rng(0).poisson(4.0, ITEMS * STEPS).astype(np.float32)
    target[::97], target[-1] = np.nan, -1.0
    known = np.random.default_rng(1).uniform(1, 2, (ITEMS * (STEPS + FUTURE), 1)).astype(np.float32)
    big = Panel(
        keys=pd.DataFrame({"item_id": [f"item-{i:04d}" for i in range(ITEMS)]}),
        start=np.full(ITEMS, 20_000 - STEPS),
        offsets=np.arange(ITEMS + 1) * STEPS,
        origin=np.full(ITEMS, 20_000),
        target=target,
        known=known,
        past=np.zeros((ITEMS * STEPS, 0), np.float32),
        static_real=np.zeros((ITEMS, 0), np.float32),
        static_cat=np.zeros((ITEMS, 0), np.int32),
        future=FUTURE,
        schema=Schema(
            frequency=Frequency("D"), seasons=(7,), known=columns("price"), roles={"price": "known"}
        ),
    )
    names = Names({"item_id": "item_id"}, "timestamp", "target")
    write_panel(Saved(big, names, (), {"target": ITEMS * STEPS}, "abc"), place)
    return place


@pytest.fixture
def opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """The panel opened as a large one is: mapped, and worked on in pieces that are small beside it."""
    monkeypatch.setattr(panel_files, "SMALL", 0)
    data = Dataset.open(folder)
    for module, name in ((layout, "CHUNK"), (panel, "_COPIED"), (model, "CELLS_AT_A_TIME")):
        monkeypatch.setattr(module, name, 1 << 16)
    return data


def peak(work: Callable[[], Any]) -> int:
    """Bytes that `work` held at once."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_counter_of_bytes_sees_a_copy_of_the_panel(opened: Dataset) -> None:
    assert peak(lambda: np.array(opened.panel.target)) >= COLUMN


@pytest.mark.parametrize(
    "look",
    [
        StaticScale.fit,
        CovariateScale.of,
        floor_of_new_items,
        ensemble._counts,
        likelihood_of,
        lambda panel: Windows(panel, CovariateScale.of(panel), horizon=7),
        lambda panel: mean_and_deviation(panel.target, Layout(panel.start, panel.offsets), panel.stop - 9),
        lambda panel: panel.before(7).check_horizon(7),
    ],
)
def test_what_training_and_forecasting_look_at_is_read_in_pieces(
    opened: Dataset, look: Callable[[Panel], Any]
) -> None:
    assert peak(lambda: look(opened.panel)) < COLUMN / 3


@pytest.mark.slow
def test_training_and_forecasting_of_an_opened_panel_hold_a_part_of_it(
    opened: Dataset, tmp_path: Path
) -> None:
    foretell.train(opened, recipe="mqrnn", horizon=7, settings=SETTINGS)  # imports are not counted
    trained: list[foretell.Model] = []
    used = peak(lambda: trained.append(foretell.train(opened, recipe="mqrnn", horizon=7, settings=SETTINGS)))
    assert used < COLUMN / 2
    some = opened.panel.keys["item_id"].iloc[::2].tolist()
    assert peak(lambda: trained[0].predict_to(tmp_path / "all.parquet", opened)) < COLUMN / 2
    assert peak(lambda: trained[0].predict_to(tmp_path / "some.parquet", opened, items=some)) < COLUMN / 2
    assert len(pd.read_parquet(tmp_path / "some.parquet")) == len(some) * 7


@pytest.mark.slow
def test_a_forecast_in_pieces_is_the_forecast_of_all(opened: Dataset) -> None:
    trained = foretell.train(opened, recipe="seasonal_naive", horizon=7)
    some = ["item-0400", "item-0007", "item-0999"]
    for items in (None, some):
        whole = trained.predict(items=items)
        pieces = list(trained.predict_in_pieces(opened, items=items))
        assert items is not None or len(pieces) > 10
        assert pd.concat(piece.keys for piece in pieces)["item_id"].tolist() == whole.keys["item_id"].tolist()
        assert np.array_equal(np.concatenate([piece.quantiles for piece in pieces]), whole.quantiles)


def scored(data: Dataset, place: Path) -> Report:
    recipes: dict[str, str | Recipe] = {"naive": "seasonal_naive", "far": Last(add=5.0)}
    return backtest(data, horizon=2, recipes=recipes, windows=2, levels=[0.1, 0.9], calibrate=True, out=place)


@pytest.mark.slow
def test_a_backtest_in_pieces_and_files_has_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = {
        f"item-{k}": np.round(values[: 12 if k else 3]) for k, values in enumerate(weekly_sales(3, items=7))
    }
    data = Dataset(sales(**series), freq="D", season=1)
    one = scored(data, tmp_path / "one")
    for module, name, value in (
        (model, "ITEMS_AT_A_TIME", 2),
        (grids, "SHARE", 1 << 60),
        (report, "_ROWS", 3),
        (panel, "_COPIED", 4),
        (plots, "_CELLS", 7),
        (metrics, "_BLOCK", 1 << 16),
    ):
        monkeypatch.setattr(module, name, value)
    other = scored(data, tmp_path / "other")
    assert isinstance(other.outcomes[0].forecast.quantiles.base, np.memmap)
    times = ["fit_seconds", "predict_seconds"]
    assert_frame_equal(
        one.leaderboard.drop(columns=times), other.leaderboard.drop(columns=times), check_exact=True
    )
    for name in ("steps", "scores", "metrics", "forecasts", "calibration", "new_items"):
        assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)
    for name in ("metrics.csv", "forecasts.parquet"):
        read = pd.read_csv if name.endswith("csv") else pd.read_parquet
        assert_frame_equal(read(tmp_path / "one" / name), read(tmp_path / "other" / name))
    for mine, theirs in zip(one.outcomes, other.outcomes, strict=True):
        assert open_coverage([mine]) == open_coverage([theirs])
    assert_frame_equal(one.items, other.items)
    assert (tmp_path / "one" / "metrics.csv").read_text() == one.metrics.to_csv(index=False)


@pytest.mark.slow
def test_a_window_is_forecast_and_scored_without_its_quantiles_in_memory(
    opened: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grids, "SHARE", 1 << 60)  # all arrays are large ones
    monkeypatch.setattr(model, "ITEMS_AT_A_TIME", 32)
    task = Task(200, tuple(k / 20 for k in range(1, 20)))
    fitted = fit_model(Last(), opened.panel.until(200), task, Run())
    window = Window(
        1, opened.panel.until(200), opened.panel.actuals(200, 200), np.ones(ITEMS), np.arange(ITEMS) % 2 == 0
    )
    size = 4 * ITEMS * 200 * 19
    made: list[Forecast] = []
    assert peak(lambda: made.append(fitted.forecast_in_arrays(window.panel))) < size / 3
    assert peak(lambda: fitted.forecast(window.panel)) > size
    monkeypatch.setattr(metrics, "_BLOCK", 1 << 12)
    assert peak(lambda: Outcome.of("last", window, made[0])) < size / 3


def test_the_calibration_of_a_plot_leaves_closed_steps_and_new_items_out() -> None:
    data = dataset(a=RISING, b=FLAT)
    outcome = backtest(data, horizon=2, recipes=[Last()], levels=[0.5]).outcome()
    # p50 is the last value (10 and 10) and a half: 11 and 12 lie above it, 10 and 10 below
    assert open_coverage([outcome]) == {"coverage[0.5]": 0.5}


def test_of_very_many_errors_a_histogram_shows_those_of_some_items(monkeypatch: pytest.MonkeyPatch) -> None:
    found = backtest(dataset(a=RISING, b=FLAT, c=RISING), horizon=2, recipes=[Last()], levels=[0.5])
    assert len(plots._errors(found.outcomes, 1)) == 6
    assert len(plots._errors(found.outcomes, 2)) == 4
    assert "of one item in" not in plots.figure_errors(found).get_supxlabel()
    monkeypatch.setattr(plots, "_MOST_ERRORS", 3)
    assert "of one item in 2" in plots.figure_errors(found).get_supxlabel()


def test_the_longer_the_series_the_fewer_are_forecast_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    short, long = daily(weekly_sales(0, steps=80)), daily(weekly_sales(0, steps=900))
    assert items_at_a_time(long, 1 << 13) == 1 << 13
    monkeypatch.setattr(model, "CELLS_AT_A_TIME", 2000)
    assert (
        items_at_a_time(short, 1 << 13) == 16
    )  # 25 would fit; a power of two keeps the batches of networks whole
    assert items_at_a_time(long, 1 << 13) == 2
    monkeypatch.setattr(model, "CELLS_AT_A_TIME", 10)
    assert items_at_a_time(long, 1 << 13) == 1


def test_a_copied_run_is_the_run_however_many_pieces_it_comes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    small = daily(weekly_sales(0, items=6, steps=50))
    order = np.array([4, 1, 5, 0])
    whole = small.take(order)
    for rows in (1, 57, 120):
        monkeypatch.setattr(panel, "_COPIED", rows)
        again = small.take(order)
        for name in ("target", "known", "past"):
            assert np.array_equal(getattr(again, name), getattr(whole, name), equal_nan=True)
    assert np.array_equal(whole.target[:50], small.history(4))
    assert np.array_equal(whole.known[:56], small.known[4 * 56 : 5 * 56])


def test_the_guess_for_new_items_is_the_same_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    small = daily(weekly_sales(0, items=9))
    whole = StaticScale.fit(small)
    monkeypatch.setattr(scaling, "_ITEMS", 2)
    pieces = StaticScale.fit(small)
    assert np.allclose(pieces.weights, whole.weights, rtol=1e-8)  # sums in another order
    assert np.allclose(pieces.predict(small), whole.predict(small), rtol=1e-6)


def test_observed_and_zero_steps_are_counted_before_the_origin_alone() -> None:
    counted = daily([[0.0, 1.0, np.nan, 0.0, 0.0, 0.0], [np.nan, 2.0, 0.0]], covariates=False)
    seen, zeros = ensemble._counts(counted.before(2))
    assert seen.tolist() == [3, 0]
    assert zeros.tolist() == [2, 0]


def test_many_items_are_found_as_a_search_one_by_one_finds_them() -> None:
    rng = np.random.default_rng(5)
    keys = pd.DataFrame(
        {"item_id": rng.integers(0, 40, 200).astype(str), "store": rng.integers(0, 9, 200).astype(str)}
    ).drop_duplicates(ignore_index=True)
    rows = keys.to_numpy().tolist()
    asked: list[Any] = [tuple(row) if k % 3 else row[0] for k, row in enumerate(rows[::-1])]
    expected: list[int] = []
    for item in asked:
        parts = [item] if isinstance(item, str) else list(item)
        expected += [k for k, row in enumerate(rows) if row[: len(parts)] == parts]
    assert find_items(keys, asked).tolist() == list(dict.fromkeys(expected))
