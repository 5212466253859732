"""`backtest(by=...)`: every level of a hierarchy is scored beside the items."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell import ForetellError
from foretell.workflows.level_scores import level_scores
from unit.hierarchy.test_hierarchy import H, dataset, tables

BY = ["region/store", "family"]


def run(data: foretell.Dataset | None = None, **options: object) -> foretell.Report:
    asked = {"horizon": H, "recipes": ["seasonal_naive"], "windows": 2, "processes": 1, "by": BY, **options}
    return foretell.backtest(dataset() if data is None else data, **asked)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[foretell.Report, Path]:
    folder = tmp_path_factory.mktemp("by") / "run"
    return run(out=folder), folder


def test_a_report_has_the_scores_of_every_level(report: tuple[foretell.Report, Path]) -> None:
    groups = report[0].groups
    assert groups["by"].tolist() == ["all items", "region", "region/store", "family", "items"]
    assert groups["wQL"].notna().all()
    assert groups["wQL"].iloc[-1] == report[0].leaderboard["wQL"][0]
    assert not len(run(by=()).groups)


def test_the_scores_of_a_level_are_those_of_its_sums(report: tuple[foretell.Report, Path]) -> None:
    found, _ = report
    expected = []
    for window in (1, 2):
        outcome = found.outcome("seasonal_naive", window=window)
        panel = outcome.window.panel
        regions = np.array(["north"] * 3 + ["south"] * 3)
        actual, mean = (
            np.stack([values[regions == region].sum(0) for region in ("north", "south")])
            for values in (outcome.window.actual, outcome.forecast.mean)
        )
        assert len(panel) == 6
        expected.append(np.abs(actual - mean).sum() / actual.sum())
    row = found.groups.set_index("by").loc["region"]
    assert row["WAPE"] == pytest.approx(np.mean(expected), rel=1e-5)


def test_the_folder_of_a_report_has_them_too(report: tuple[foretell.Report, Path]) -> None:
    found, folder = report
    pd.testing.assert_frame_equal(pd.read_csv(folder / "groups.csv"), found.groups)
    said = json.loads((folder / "run.json").read_text())
    assert said["settings"]["by"] == BY
    assert [row["by"] for row in said["groups"]] == found.groups["by"].tolist()
    page = (folder / "report.html").read_text()
    assert "By level of the hierarchy" in page
    assert "region/store" in page
    run(by=(), out=folder, overwrite=True)
    assert not (folder / "groups.csv").exists()


def test_a_step_that_is_not_observed_of_an_item_counts_on_neither_side() -> None:
    sales, _ = tables()
    sales["target"] = sales["item_id"].map({f"i{k}": 10.0 * (k + 1) for k in range(6)})
    gone = (sales["item_id"] == "i5") & (sales["timestamp"] == sales["timestamp"].max())
    found = run(dataset(sales[~gone]), windows=1).groups.set_index("by")
    assert found.loc["all items", "WAPE"] == pytest.approx(0, abs=1e-6)  # the same each day, so always right
    assert found.loc["all items", "wQL"] == pytest.approx(0, abs=1e-6)


def test_items_are_forecast_the_same_with_levels_and_without(report: tuple[foretell.Report, Path]) -> None:
    plain = run(by=())
    pd.testing.assert_frame_equal(plain.forecasts, report[0].forecasts)


def test_an_interrupted_backtest_goes_on_with_the_scores_of_its_levels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: tuple[foretell.Report, Path]
) -> None:
    scored = level_scores

    def once(window: object, *rest: object, **options: object) -> object:
        if window.number == 2:  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        return scored(window, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("foretell.workflows.backtest_runner.level_scores", once)
    with pytest.raises(KeyboardInterrupt):
        run(out=tmp_path / "run")
    monkeypatch.undo()
    with pytest.raises(ForetellError, match="its by is"):
        run(out=tmp_path / "run", resume=True, by=["region"])
    again = run(out=tmp_path / "run", resume=True)
    pd.testing.assert_frame_equal(again.groups, report[0].groups)


def test_levels_that_are_not_there_are_refused_before_anything_is_trained() -> None:
    with pytest.raises(ForetellError, match=r"no column 'famly'.*Did you mean 'family'"):
        run(by=["famly"])
