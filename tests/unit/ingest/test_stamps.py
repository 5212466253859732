"""Labels: forecasts go on at the times that the rows have, or a finding counts the rows that have others."""

import numpy as np
import pandas as pd
import pytest

from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset


def rows(stamps, **columns):
    return pd.DataFrame(
        {"item_id": "a", "timestamp": stamps, "target": np.arange(len(stamps)) + 1.0} | columns
    )


def found(data, code):
    return [finding for finding in data.findings if finding.code == code]


def next_stamps(data, count=3):
    panel = data.panel
    return list(pd.DatetimeIndex(panel.frequency.timestamps(panel.origin[0] + np.arange(count))))


@pytest.mark.parametrize(
    ("freq", "first", "alias"),
    [
        ("2h", "2024-01-01 01:00", "2h"),
        ("8h", "2024-01-01 06:00", "8h"),
        ("15min", "2024-01-01 00:07", "15min"),
        ("h", "2024-01-01 00:30", "h"),
        ("24h", "2024-01-01 06:00", "24h"),
        ("W", "2024-01-01", "W-MON"),
        ("2W", "2024-01-05", "2W-FRI"),
        ("QS", "2024-02-01", "QS-FEB"),
        ("QE", "2024-05-31", "QE-FEB"),
        ("YS", "2010-07-01", "YS-JUL"),
        ("YE", "2010-06-30", "YE-JUN"),
    ],
)
def test_forecasts_go_on_at_the_times_of_the_rows(freq, first, alias):
    step = {"2W": "2W-FRI", "W": "W-MON", "QS": "QS-FEB", "QE": "QE-MAY", "YS": "YS-JUL", "YE": "YE-JUN"}
    stamps = pd.date_range(first, periods=43, freq=step.get(freq, freq))
    data = Dataset(rows(stamps[:40]), freq=freq)
    assert next_stamps(data) == list(stamps[40:])
    assert data.panel.frequency.alias == alias
    np.testing.assert_array_equal(data.panel.history(0), np.arange(40) + 1)
    assert not found(data, "stamps")
    kept = [*found(data, "offset_kept"), *found(data, "anchor_kept")]
    assert [finding.count for finding in kept] == [40]
    if freq.endswith(("W", "S", "E")):
        assert f"freq={alias!r}" in kept[0].message
        assert kept[0].severity == "warning"


@pytest.mark.parametrize("freq", ["D", "h", "W-MON", "QS-FEB", "MS", "B"])
def test_rows_on_the_grid_have_no_finding(freq):
    assert not Dataset(rows(pd.date_range("2024-01-01", periods=9, freq=freq)), freq=freq).findings


def test_an_anchor_asked_for_by_name_is_kept_and_the_right_one_is_named():
    data = Dataset(rows(pd.date_range("2024-01-01", periods=30, freq="W-MON")), freq="W-SUN")
    assert data.panel.frequency.alias == "W-SUN"
    (warning,) = found(data, "stamps")
    assert (warning.severity, warning.count) == ("warning", 30)
    assert "item 'a' at 2024-01-01 belongs to 2023-12-31" in warning.message
    assert "freq='W-MON'" in warning.message


@pytest.mark.parametrize(
    ("freq", "stamps", "hint"),
    [
        ("MS", pd.date_range("2024-01-31", periods=20, freq="ME"), "freq='ME'"),
        ("ME", pd.date_range("2024-01-01", periods=20, freq="MS"), "freq='MS'"),
        ("QS", pd.date_range("2024-03-31", periods=20, freq="QE"), "freq='QE-DEC'"),
        ("QS-JAN", pd.date_range("2024-02-01", periods=20, freq="QS-FEB"), "freq='QS-FEB'"),
        ("D", pd.date_range("2024-01-01 06:00", periods=20, freq="D"), "freq='24h'"),
    ],
)
def test_the_frequency_that_keeps_the_times_is_named(freq, stamps, hint):
    (warning,) = found(Dataset(rows(stamps), freq=freq), "stamps")
    assert warning.count == 20
    assert hint.replace("QE-DEC", "QE") in warning.message.replace("QE-DEC", "QE")


def test_few_rows_beside_the_common_offset_are_counted():
    stamps = pd.Series(pd.date_range("2024-01-01 01:00", periods=60, freq="2h"))
    stamps[7] += pd.Timedelta(minutes=20)
    data = Dataset(rows(stamps), freq="2h")
    assert data.panel.frequency.phase == 60
    (warning,) = found(data, "stamps")
    assert warning.count == 1
    assert "at 2024-01-01 15:20 belongs to 2024-01-01 15:00" in warning.message


def test_offsets_that_no_large_share_has_are_counted_only():
    stamps = pd.date_range("2024-01-01", periods=60, freq="97min")
    data = Dataset(rows(stamps), freq="2h", aggregation={"target": "sum"})
    assert data.panel.frequency.phase == 0
    assert found(data, "stamps")[0].count == (stamps.hour % 2 * 60 + stamps.minute > 0).sum()


def test_finer_rows_are_a_note():
    data = Dataset(rows(pd.date_range("2024-01-01", periods=91)), freq="MS")
    (note,) = found(data, "stamps")
    assert (note.severity, note.count) == ("note", 88)


def test_a_saturday_that_joins_friday_is_a_warning():
    data = Dataset(rows(pd.date_range("2024-01-01", periods=13)), freq="B")
    (warning,) = found(data, "weekend_rows")
    assert warning.count == 3
    assert "at 2024-01-06" in warning.message
    assert "sum (target)" in warning.message


def test_rows_of_a_related_table_are_counted_too():
    stamps = pd.date_range("2024-01-01", periods=20, freq="W-MON")
    price = pd.DataFrame({"timestamp": stamps - pd.Timedelta(days=1), "price": 1.0 * np.arange(20)})
    data = Dataset(rows(stamps), related=price, freq="W", past=["price"])
    (warning,) = found(data, "stamps")
    assert warning.count == 20
    assert "the related table" in warning.message


def test_a_table_given_twice_is_settled_and_counted_once():
    table = rows(pd.date_range("2024-01-01", periods=20, freq="W-MON"), price=1.0 * np.arange(20))
    data = Dataset(table, related=table, freq="W", past=["price"])
    assert data.panel.frequency.alias == "W-MON"
    np.testing.assert_array_equal(data.panel.past[:, 0], np.arange(20))
    assert not found(data, "stamps")
    assert len(found(data, "anchor_kept")) == 1


@pytest.mark.parametrize(
    ("freq", "first"), [("2h", "2024-01-01 01:00"), ("W", "2024-01-01"), ("QS", "2024-02-01")]
)
def test_a_models_steps_are_kept_and_rows_of_other_ones_refused(freq, first):
    step = {"W": "W-MON", "QS": "QS-FEB"}.get(freq, freq)
    stamps = pd.date_range(first, periods=40, freq=step)
    trained = Dataset(rows(stamps), freq=freq)
    newer = Dataset(rows(stamps[5:]), freq=freq)
    assert newer._encode(trained.schema).frequency == trained.panel.frequency
    again = Dataset(rows(stamps[5:]), freq=freq, schema=trained.schema)
    assert next_stamps(again) == next_stamps(trained)
    delay = (
        pd.Timedelta(minutes=7)
        if freq == "2h"
        else pd.DateOffset(days=1)
        if freq == "W"
        else pd.DateOffset(months=1)
    )
    late = Dataset(rows(stamps + delay), freq=freq)
    with pytest.raises(ForetellError, match="Correct the times, or train again"):
        late._encode(trained.schema)


def test_strict_keeps_an_offset_and_guesses_no_anchor():
    odd = pd.date_range("2024-01-01 01:00", periods=40, freq="2h")
    assert Dataset(rows(odd), freq="2h", strict=True).panel.frequency.phase == 60
    with pytest.raises(ForetellError, match="item 'a' at 2024-01-01: not on the frequency 'W-SUN'"):
        Dataset(rows(pd.date_range("2024-01-01", periods=9, freq="W-MON")), freq="W", strict=True)


def test_holidays_of_steps_that_begin_at_six_are_those_of_their_date():
    stamps = pd.date_range("2023-12-20 06:00", periods=10, freq="24h")
    panel = Dataset(rows(stamps), freq="24h", holidays="DE", holiday_days=0).panel
    flagged = panel.known_at(np.array([0]), panel.start[:1, None] + np.arange(10))[0, :, 0]
    assert list(stamps[flagged > 0].strftime("%m-%d")) == ["12-25", "12-26"]


def test_a_large_file_is_settled_as_a_small_one(tmp_path, monkeypatch):
    monkeypatch.setattr("foretell.ingest.sources._COSTLY", 0)
    stamps = pd.date_range("2024-01-01", periods=40, freq="W-MON")
    rows(stamps).to_csv(tmp_path / "sales.csv", index=False)
    data = Dataset(tmp_path / "sales.csv", freq="W")
    assert next_stamps(data, 1) == [stamps[-1] + pd.Timedelta(days=7)]
    np.testing.assert_array_equal(data.panel.history(0), np.arange(40) + 1)
