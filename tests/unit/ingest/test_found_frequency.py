"""A frequency that is not given is that of all items of the target, or refused with what to say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foretell.errors import ForetellError
from foretell.ingest import found_frequency
from foretell.ingest.dataset import Dataset


def sales(times: Any, items: Sequence[str] = "abcd") -> pd.DataFrame:
    return pd.concat(
        [
            pd.DataFrame({"item_id": i, "timestamp": times, "target": 1.0 + np.arange(len(times))})
            for i in items
        ],
        ignore_index=True,
    )


def found(frame: object, **options: Any) -> str:
    return Dataset(frame, **options).panel.frequency.alias


def refused(frame: object, **options: Any) -> str:
    with pytest.raises(ForetellError) as caught:
        Dataset(frame, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    "alias",
    [
        *("D", "B", "3D", "W-SUN", "W-FRI", "2W-MON", "MS", "ME", "QS-JAN", "QS-FEB", "QE-DEC", "QE-JAN"),
        *("2QS-JAN", "YS-JAN", "YS-APR", "YE-DEC", "2YS-JAN", "h", "2h", "15min", "5min"),
    ],
)
def test_regular_rows_have_their_frequency(alias: str) -> None:
    assert found(sales(pd.date_range("2020-01-01", periods=30, freq=alias))) == alias


@pytest.mark.parametrize(("alias", "share"), [("D", 0.03), ("W-WED", 0.1), ("ME", 0.2), ("h", 0.3)])
def test_gaps_hide_none(alias: str, share: float) -> None:
    frame = sales(pd.date_range("2020-01-01", periods=300, freq=alias))
    assert found(frame[np.random.default_rng(3).random(len(frame)) < share]) == alias


def test_it_is_a_finding_which_every_command_can_print() -> None:
    data = Dataset(sales(pd.date_range("2020-01-06", periods=30, freq="W-MON")))
    (told,) = [each for each in data.findings if each.code == "frequency_found"]
    assert told.severity == "note"
    assert told.message == "freq='W-MON' is what the rows of the target table have: not asked for"
    assert data.options.frequency == data.panel.frequency
    assert (
        data.schema.seasons
        == Dataset(sales(pd.date_range("2020-01-06", periods=9)), freq="W-MON").schema.seasons
    )


def test_a_model_and_data_without_a_frequency_agree() -> None:
    frame = sales(pd.date_range("2020-01-06", periods=30, freq="W-MON"))
    model, newer = Dataset(frame), Dataset(frame[frame["item_id"] == "a"])
    assert len(newer._encode(model.schema, horizon=2)) == 1
    assert found(frame.head(1), schema=model.schema) == "W-MON"  # one row tells nothing, the model does


def test_items_of_one_row_take_part() -> None:
    weekly = sales(pd.date_range("2020-01-06", periods=30, freq="W-MON"))
    new = sales(pd.date_range("2020-03-02", periods=1), "z")
    assert found(pd.concat([weekly, new])) == "W-MON"
    assert "too few times to tell: 1 of 1 items" in refused(new)
    assert "too few times to tell: 4 of 4 items" in refused(sales(pd.date_range("2020-03-02", periods=1)))


def test_items_of_several_frequencies_are_refused_with_their_names() -> None:
    weeks, days = (
        pd.date_range("2020-01-06", periods=60, freq="W-MON"),
        pd.date_range("2020-01-06", periods=60),
    )
    said = refused(pd.concat([sales(weeks, "ab"), sales(days, "c")]))
    assert said.startswith(
        "freq is missing, and the items of the target table have several frequencies: 'W-MON' (2 items"
    )
    assert "'D' (1 items, such as item 'c')" in said
    assert "Off 'W-MON' is item 'c' at 2020-01-07. Give freq=" in said
    other = refused(pd.concat([sales(weeks, "ab"), sales(weeks + pd.Timedelta(days=2), "cd")]))
    assert "'W-WED' (2 items" in other
    assert "'W-MON' (2 items" in other


def test_items_that_sell_seldom_are_not_taken_for_coarser_ones() -> None:
    rng = np.random.default_rng(5)
    days = pd.date_range("2020-01-06", periods=700)
    seldom = [sales(np.sort(rng.choice(days, 4, replace=False)), [f"s{k}"]) for k in range(3000)]
    assert found(pd.concat([*seldom, sales(days, "a")])) == "D"


def test_a_wrong_date_among_weeks_is_named_and_makes_no_days() -> None:
    frame = sales(pd.date_range("2020-01-06", periods=60, freq="W-MON"), "a")
    frame.loc[10, "timestamp"] = pd.Timestamp("2020-03-17")
    said = refused(frame)
    assert "97% of the times of the target table follow each other by one step of 'W-MON'" in said
    assert "not item 'a' at 2020-03-17; all fit 'D'" in said


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (
            pd.to_datetime([f"{year}-{month}-15" for year in (2020, 2021) for month in range(1, 13)]),
            "freq='MS' puts each",
        ),
        (pd.date_range("2020-01-01", periods=20, freq="97s"), "item 'a' at 2020-01-01 00:01:37"),
        (pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(40) ** 3 * 7, unit="min"), "single events"),
        (
            np.arange(1990, 2020),
            "whole numbers from 1990 to 2019: years are freq='YS', numbered steps freq='1'",
        ),
        (np.arange(20240101, 20240129), "date_format='%Y%m%d'"),
        (np.arange(45000, 45030), "days that Excel counts"),
        (np.arange(0, 500, 10), "rarely a step of '1' apart"),
    ],
)
def test_what_has_no_frequency_of_its_own_is_refused_with_the_way_out(times: Any, said: str) -> None:
    message = refused(sales(times, "a"))
    assert message.startswith("freq is missing, and ")
    assert said in message


def test_numbered_steps_and_months_without_days_are_found() -> None:
    assert found(sales(np.arange(1, 20))) == "1"
    months = sales(pd.date_range("2020-01-01", periods=20, freq="MS").strftime("%Y-%m"))
    assert found(months) == "MS"
    assert found(sales([str(year) for year in range(2000, 2020)])) == "YS-JAN"
    assert "holidays need dates" in refused(sales(np.arange(1, 20)), holidays="DE")


def test_hours_with_daylight_saving_are_hours() -> None:
    hours = pd.date_range("2023-03-20", "2023-11-05", freq="h", tz="Europe/Berlin")
    assert found(sales(hours, "a"), aggregation={"target": "mean"}) == "h"
    assert found(sales(hours, "a"), timezone="UTC") == "h"
    days = pd.date_range("2023-03-01", "2023-11-05", tz="Europe/Berlin")
    assert found(sales(days, "a")) == "D"
    said = refused(sales(days, "a"), timezone="UTC")
    assert "'24h'" in said
    assert "timezone=" in said


def test_rows_at_one_time_of_day_and_shifted_ones_keep_it() -> None:
    assert found(sales(pd.date_range("2020-01-01 06:00", periods=30))) == "24h"
    data = Dataset(sales(pd.date_range("2020-01-01 00:07", periods=90, freq="15min")))
    assert (data.panel.frequency.alias, data.panel.frequency.phase) == ("15min", 7)


def test_of_a_large_table_some_items_are_looked_at_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(found_frequency, "_MOST_ROWS", 1000)
    frame = sales(pd.date_range("2020-01-06", periods=50, freq="W-MON"), [f"i{k}" for k in range(200)])
    frame.to_parquet(tmp_path / "sales.parquet")
    data = Dataset(tmp_path / "sales.parquet")
    assert data.panel.frequency.alias == "W-MON"
    (told,) = [each for each in data.findings if each.code == "frequency_found"]
    assert 10 <= told.count <= 30
    assert f"of {told.count} items that were looked at" in told.message


def test_times_that_cannot_be_read_are_refused_for_that() -> None:
    frame = sales(pd.date_range("2020-01-01", periods=5)).astype({"timestamp": str})
    frame["timestamp"] = "soon"
    assert "'timestamp' 'soon' does not parse" in refused(frame)
