"""Weeks and months made from days, and the tables of the tasks that need them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks.accuracy import loaders
from benchmarks.accuracy.measure import CHECK, Loaded, measure
from benchmarks.accuracy.naive import agreement, agrees
from benchmarks.accuracy.periods import grid, long, since_first_sale, usual_weekdays, whole_periods
from benchmarks.accuracy.spread import paired_spread
from benchmarks.accuracy.suites import read_suites


def days(first: str, values: list[float], item: str = "a") -> pd.DataFrame:
    times = pd.date_range(first, periods=len(values))
    return pd.DataFrame({"item_id": item, "timestamp": times, "target": values})


def test_a_week_that_the_days_do_not_cover_is_left_out() -> None:
    fine = grid(days("2024-01-02", [1.0] * 21))  # a Tuesday to a Monday
    made = whole_periods(fine, "W-MON", "sum")
    assert made["a"].to_dict() == {pd.Timestamp("2024-01-08"): 7.0, pd.Timestamp("2024-01-15"): 7.0}


def test_a_month_and_a_day_of_hours_are_whole_too() -> None:
    fine = grid(days("2024-01-01", [1.0] * 59))
    assert whole_periods(fine, "MS", "sum")["a"].tolist() == [31.0]
    hours = pd.DataFrame({"a": np.arange(47.0)}, index=pd.date_range("2024-01-01", periods=47, freq="h"))
    assert whole_periods(hours, "D", "mean", step="h")["a"].tolist() == [11.5]


def test_a_sum_of_absent_days_is_absent() -> None:
    fine = grid(days("2024-01-01", [np.nan] * 7 + [2.0] * 7))
    assert whole_periods(fine, "W-MON", "sum")["a"].isna().tolist() == [True, False]


def test_a_long_table_has_a_column_a_grid() -> None:
    one = grid(pd.concat([days("2024-01-01", [1.0, 2.0]), days("2024-01-01", [3.0, 4.0], "b")]))
    table = long({"x": one, "y": 10 * one})
    assert table.sort_values(["item_id", "timestamp"])[["item_id", "x", "y"]].to_numpy().tolist() == [
        ["a", 1.0, 10.0],
        ["a", 2.0, 20.0],
        ["b", 3.0, 30.0],
        ["b", 4.0, 40.0],
    ]


def test_an_absent_day_is_the_median_of_its_weekday() -> None:
    values = [1.0, *[0.0] * 6, 3.0, *[0.0] * 6, 8.0, *[0.0] * 6, np.nan]
    assert usual_weekdays(grid(days("2024-01-01", values)))["a"].iloc[-1] == 3.0


def test_nothing_is_observed_before_the_first_sale() -> None:
    made = since_first_sale(grid(days("2024-01-01", [0.0, 0.0, 5.0, 0.0])))
    assert made["a"].isna().tolist() == [True, True, False, False]


def test_a_half_year_without_rows_is_a_closed_shop_by_week(tmp_path: Path) -> None:
    (tmp_path / "rossmann").mkdir()
    sold = pd.concat([days("2024-01-01", [5.0] * 14), days("2024-01-01", [5.0] * 7, "b")])
    sold.to_parquet(tmp_path / "rossmann/target_daily.parquet")
    known = pd.concat([days("2024-01-01", [1.0] * 14), days("2024-01-01", [1.0] * 14, "b")])
    known = known.drop(columns="target").assign(Open=1, Promo=1, SchoolHoliday=0, StateHoliday="0")
    known.loc[known["timestamp"] == "2024-01-01", "StateHoliday"] = "a"
    known.to_parquet(tmp_path / "rossmann/known_daily.parquet")
    pd.DataFrame({"item_id": ["a", "b"]}).to_parquet(tmp_path / "rossmann/metadata.parquet")
    tables = loaders.rossmann_weekly(tmp_path)
    assert tables["target"].groupby("item_id")["target"].agg(list).to_dict() == {
        "a": [35.0, 35.0],
        "b": [35.0, 0.0],
    }
    opened = tables["related"][0].groupby("item_id")[["Open", "StateHoliday"]].agg(list)
    assert opened.loc["b"].tolist() == [[7.0, 0.0], [1.0, 0.0]]


def test_a_months_price_is_the_mean_over_its_days() -> None:
    months = pd.to_datetime(["2024-01-01"] * 5 + ["2024-02-01"] * 9)
    calendar = pd.DataFrame({"wm_yr_wk": [1] * 7 + [2] * 7, "timestamp": months})
    weekly = pd.DataFrame({"item_id": "a", "wm_yr_wk": [1, 2], "sell_price": [2.0, 4.0]})
    made = loaders._monthly_prices(weekly, calendar)
    assert made["sell_price"].tolist() == [2.0, pytest.approx((2 * 2 + 7 * 4) / 9)]


def test_events_are_counted_by_type_and_snap_by_state() -> None:
    calendar = pd.DataFrame(
        {
            "timestamp": pd.to_datetime(["2024-01-01", "2024-01-01", "2024-02-01"]),
            "event_type_1": ["National", None, "Sporting"],
            "event_type_2": ["Cultural", None, None],
            "snap_CA": [1, 1, 0],
            "snap_TX": [0, 1, 0],
            "snap_WI": [0, 0, 0],
        }
    )
    made = loaders._events(calendar)
    january = made[made["timestamp"] == "2024-01-01"].set_index("state_id").drop(columns="timestamp")
    assert january.loc["CA"].to_dict() == {
        "event_Cultural": 1,
        "event_National": 1,
        "event_Sporting": 0,
        "snap": 2,
    }
    assert january.loc["TX", "snap"] == 1


def test_the_spread_of_a_recipe_against_a_multiple_of_itself_is_none() -> None:
    losses, sizes = np.arange(1.0, 13.0).reshape(6, 2), np.full((6, 2), 10.0)
    assert paired_spread(losses, 3 * losses, sizes, draws=50) == pytest.approx(0, abs=1e-12)


def test_the_spread_is_that_of_the_largest_item_where_one_decides() -> None:
    ours, theirs = np.array([[100.0], [1.0]]), np.array([[200.0], [1.0]])
    # draws of two of two items: the largest is in three of four, and then the ratio is about a half
    wanted = np.std(np.repeat([np.log(0.5), np.log(101 / 201), 0.0], [1, 2, 1]))
    assert paired_spread(ours, theirs, np.ones((2, 1)), draws=4000) == pytest.approx(wanted, rel=0.05)


def test_on_the_real_data_the_seasonal_naive_of_weeks_is_the_published_one(real_data: Path) -> None:
    tasks = read_suites()
    for name in ("favorita_transactions_1W", "favorita_transactions_1M", "nn5_weekly"):
        checked = measure(Loaded(tasks[name], folder=real_data), CHECK, 0)
        assert "error" not in checked, checked.get("error")
        assert all(map(agrees, agreement(tasks[name], checked).values())), name
