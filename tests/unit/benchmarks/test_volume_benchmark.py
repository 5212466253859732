"""The volume experiment: which series and steps are trained on, and what is scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks.accuracy import volume
from benchmarks.accuracy.measure import Loaded
from benchmarks.accuracy.suites import BenchmarkTask

TASK = BenchmarkTask(
    name="tiny",
    suite="retail",
    about="",
    horizon=2,
    levels=(0.1, 0.5, 0.9),
    target="target.parquet",
    reading={"freq": "D", "season": 2},
)


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    """Ten items of 22 days, item k always at k + 1, but the last two days at 0."""
    days = pd.date_range("2024-01-01", periods=22)
    frames = [
        pd.DataFrame({"item_id": f"i{k}", "timestamp": days, "target": [k + 1.0] * 20 + [0.0] * 2})
        for k in range(10)
    ]
    pd.concat(frames).to_parquet(tmp_path / "target.parquet")
    return Loaded(TASK, folder=tmp_path)


def test_a_larger_share_of_the_series_holds_the_smaller_one() -> None:
    few, many = volume.drawn(100, 0.03, seed=1), volume.drawn(100, 0.3, seed=1)
    assert len(few) == 3
    assert len(many) == 30
    assert set(few) < set(many)
    assert len(volume.drawn(20, 0.01, seed=1)) == 1


def test_a_share_of_the_history_is_its_end_and_leaves_the_window(loaded: Loaded) -> None:
    panel = volume.shortened(loaded, 0.25)
    assert panel.lengths.tolist() == [7] * 10  # a quarter of 20 days, and the window of 2
    assert (panel.actuals(2, 2) == 0).all()
    assert volume.shortened(loaded, 0.01).lengths.tolist() == [4] * 10  # one horizon at least


def test_all_items_are_scored_however_few_are_trained_on(loaded: Loaded) -> None:
    row = volume.measure(loaded, "seasonal_naive:intervals=none", "series", 0.1, 0)
    assert row["items"] == 1
    assert row["observations"] == 22
    # every forecast k + 1, every actual 0: the numerator alone, 2 * the mean of 0.9, 0.5, 0.1 * 2 * (1 + ... + 10)
    assert row["wQL"] == pytest.approx(2 * 0.5 * 2 * 55)


def test_a_row_that_is_kept_is_not_measured_again(
    loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume, "RESULTS", tmp_path / "volume.csv")
    monkeypatch.setattr(volume, "Loaded", lambda task: loaded)
    volume.run(TASK, "seasonal_naive", 0)
    rows = pd.read_csv(volume.RESULTS)
    assert len(rows) == sum(len(shares) for shares in volume.SHARES.values())
    monkeypatch.setattr(volume, "measure", lambda *_: pytest.fail("measured again"))
    volume.run(TASK, "seasonal_naive", 0)


def test_the_table_takes_the_median_over_seeds_and_the_picture_is_an_svg() -> None:
    rows = pd.DataFrame(
        [
            {"task": "t", "recipe": "ets", "of": "series", "share": 0.1, "seed": seed, "wQL": wql}
            for seed, wql in enumerate([0.1, 0.2, 0.9])
        ]
    )
    text = volume.table(rows)
    assert "| wQL | 10 % |" in text
    assert "| `ets` | 0.2000 |" in text
    assert b"<svg" in volume.picture(rows)
    assert np.isfinite(rows["wQL"]).all()


def test_all_of_the_data_are_the_end_of_either_curve() -> None:
    row = {"task": "t", "recipe": "ets", "share": 1.0, "seed": 0}
    rows = pd.DataFrame(
        [row | {"of": "series", "wQL": 0.2}, row | {"of": "series", "share": 0.1, "wQL": 0.3}]
    )
    whole = volume.joined(rows)
    assert whole[whole["of"] == "history"][["share", "wQL"]].to_numpy().tolist() == [[1.0, 0.2]]
    assert len(volume.joined(whole)) == len(whole) == 3
