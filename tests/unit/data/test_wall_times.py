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


@pytest.mark.parametrize(
    ("zone", "freq", "first", "count", "expected"),
    [
        (
            "Australia/Lord_Howe",
            "h",
            "2024-10-06 01:00",
            3,
            ["01:00", "02:30", "03:00"],
        ),  # skips half an hour
        ("Australia/Lord_Howe", "30min", "2024-10-06 01:30", 3, ["01:30", "02:30"]),
        ("Australia/Lord_Howe", "15min", "2024-10-06 01:45", 4, ["01:45", "02:30"]),
        ("America/Sao_Paulo", "h", "2018-11-03 23:00", 3, ["23:00", "01:00"]),  # skips midnight
        ("America/Sao_Paulo", "24h", "2018-11-03 00:00", 3, ["00:00", "01:00", "00:00"]),
        ("America/Sao_Paulo", "D", "2018-11-03", 3, ["00:00", "00:00", "00:00"]),  # a day is a date
        ("Africa/Cairo", "h", "2024-04-25 23:00", 3, ["23:00", "01:00"]),
        ("America/Santiago", "6h", "2024-09-08 00:00", 2, ["01:00", "06:00"]),
        ("America/New_York", "2h", "2024-03-10 00:00", 3, ["00:00", "03:00", "04:00"]),
        ("Asia/Kolkata", "h", "2024-03-31 01:00", 3, ["01:00", "02:00", "03:00"]),
        ("Pacific/Apia", "8h", "2011-12-29 16:00", 5, ["16:00", "00:00"]),  # skips the whole of the 30th
    ],
)
def test_every_zone_shows_the_times_that_it_has(zone, freq, first, count, expected):
    assert shown(freq, first, count, zone=zone) == expected


def test_a_day_that_a_zone_skips_has_no_step():
    frequency = Frequency.parse("D")
    stamps, there = wall_times(frequency, "Pacific/Apia", frequency.ordinal("2011-12-29") + np.arange(3))
    assert [str(stamp)[:10] for stamp in stamps[there]] == ["2011-12-29", "2011-12-31"]


@pytest.mark.parametrize("hours", [24 * 11 + 2, 24 * 11 + 1, 24 * 11 + 3])
def test_a_forecast_that_begins_at_the_skipped_hour_is_whole(hours):
    stamps = pd.date_range(
        "2024-03-20", periods=hours, freq="h"
    )  # the next is 02:00, 01:00, 03:00 on the 31st
    later = pd.date_range("2024-03-20", periods=hours + 8, freq="h")
    later = later[later != pd.Timestamp("2024-03-31 02:00")]
    rows = pd.DataFrame({"item_id": "a", "timestamp": later, "target": 1.0 + later.hour})
    model = foretell.train(
        Dataset(rows[rows["timestamp"].isin(stamps)], freq="h", timezone=ZONE),
        recipe="seasonal_naive",
        horizon=8,
    )
    early = model.predict(Dataset(rows[rows["timestamp"] < stamps[-30]], freq="h", timezone=ZONE)).to_frame()
    late = model.predict().to_frame()
    both = pd.concat(
        [early.assign(origin=early["timestamp"].min()), late.assign(origin=late["timestamp"].min())]
    )
    report = foretell.evaluate(both, Dataset(rows, freq="h", timezone=ZONE))
    assert not [finding for finding in report.findings if finding.code == "stamps"]
    assert report.leaderboard["wQL"].notna().all()


def test_without_a_zone_every_hour_is_there():
    assert shown("h", "2024-03-31 00:00", 4, zone=None) == ["00:00", "01:00", "02:00", "03:00"]


@pytest.fixture(scope="module")
def hourly():
    stamps = pd.date_range("2024-03-20", periods=24 * 14, freq="h", tz=ZONE)
    rows = [pd.DataFrame({"item_id": i, "timestamp": stamps, "target": 1.0 + stamps.hour}) for i in "ab"]
    return Dataset(pd.concat(rows), freq="h", timezone=ZONE)


@pytest.mark.slow
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
