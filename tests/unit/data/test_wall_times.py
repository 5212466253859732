"""No forecast is written at an hour that the clock skips in spring; such a table is whole for `evaluate`."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.data.frequency import Frequency
from foretell.data.wall_times import wall_times
from foretell.ingest.dataset import Dataset

ZONE = "Europe/Berlin"


def shown(freq, first, count, zone=ZONE, phase=0):
    frequency = replace(Frequency.parse(freq), phase=phase)
    stamps, there = wall_times(frequency, zone, frequency.ordinal(first) + np.arange(count))
    return [str(stamp)[11:16] for stamp in stamps[there]]


@pytest.mark.parametrize(
    ("freq", "first", "count", "phase", "expected"),
    [
        ("h", "2024-03-31 00:00", 5, 0, ["00:00", "01:00", "03:00", "04:00"]),
        ("30min", "2024-03-31 01:30", 4, 0, ["01:30", "03:00"]),
        ("2h", "2024-03-31 00:00", 3, 0, ["00:00", "03:00", "04:00"]),  # two to four has an hour left
        ("24h", "2024-03-30 02:30", 3, 150, ["02:30", "03:00", "02:30"]),
        ("h", "2024-10-27 01:00", 4, 0, ["01:00", "02:00", "03:00", "04:00"]),
        ("D", "2024-03-30", 3, 0, ["00:00", "00:00", "00:00"]),
    ],
)
def test_the_skipped_hour_has_no_step(freq, first, count, phase, expected):
    assert shown(freq, first, count, phase=phase) == expected


def test_without_a_zone_every_hour_is_there():
    assert shown("h", "2024-03-31 00:00", 4, zone=None) == ["00:00", "01:00", "02:00", "03:00"]


@pytest.fixture(scope="module")
def hourly():
    stamps = pd.date_range("2024-03-20", periods=24 * 14, freq="h", tz=ZONE)
    rows = [pd.DataFrame({"item_id": i, "timestamp": stamps, "target": 1.0 + stamps.hour}) for i in "ab"]
    return Dataset(pd.concat(rows), freq="h", timezone=ZONE)


def test_forecasts_leave_the_hour_out_and_evaluate_takes_them(hourly, tmp_path):
    # two windows of four days: the clock skips an hour in the first
    report = foretell.backtest(
        hourly, recipes=["seasonal_naive"], horizon=96, windows=2, out=tmp_path / "out"
    )
    table = report.forecasts
    local = pd.DatetimeIndex(table["timestamp"]).tz_localize(ZONE, ambiguous="NaT", nonexistent="NaT")
    assert not local.isna().any()
    assert len(table) == 2 * (96 + 95)
    again = foretell.evaluate(table.drop(columns="actual"), hourly)
    assert again.leaderboard["wQL"].tolist() == pytest.approx(report.leaderboard["wQL"].tolist())


def test_a_frame_of_the_future_asks_for_no_such_hour():
    stamps = pd.date_range("2024-03-29", periods=48, freq="h", tz=ZONE)
    table = pd.DataFrame({"item_id": "a", "timestamp": stamps, "target": 1.0, "price": 2.0})
    data = Dataset(table, table, freq="h", timezone=ZONE, known=["price"])
    frame = foretell.make_future_frame(data, 3)
    assert [str(stamp)[11:16] for stamp in frame["timestamp"]] == ["00:00", "01:00"]
    filled = pd.concat([table.assign(timestamp=stamps.tz_localize(None)), frame.assign(price=2.0)])
    whole = Dataset(
        table, filled[["item_id", "timestamp", "price"]], freq="h", timezone=ZONE, known=["price"]
    )
    model = foretell.train(whole, recipe="seasonal_naive", horizon=3)
    assert len(model.predict().to_frame()) == 2
