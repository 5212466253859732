"""The tables that a planner reads: totals by week, items, classes, coverage of open steps, and how sure the ranking is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evaluator_fakes import DAYS, FLAT, RISING, Last, dataset, sales
from foretell.data.frequency import Frequency
from foretell.errors import ForetellError
from foretell.evaluation.periods import period_of
from foretell.ingest.dataset import Dataset
from foretell.reporting.report import Report
from foretell.workflows.backtest import backtest

NAN = float("nan")


@pytest.fixture(scope="module")
def report() -> Report:
    data = dataset(a=RISING, b=FLAT, c=RISING[::-1])
    return backtest(data, horizon=2, windows=2, recipes={"near": Last(), "far": Last(add=5.0)})


@pytest.mark.parametrize(
    ("alias", "horizon", "expected"),
    [
        ("D", 28, (7, "week")),
        ("D", 7, (1, "step")),
        ("B", 10, (5, "week")),
        ("h", 48, (24, "day")),
        ("h", 336, (168, "week")),
        ("15min", 192, (96, "day")),
        ("h", 24, (1, "step")),
        ("W", 52, (1, "step")),
        ("7min", 500, (1, "step")),  # 7 minutes are no part of an hour or a day,
        ("7min", 2880, (1440, "week")),  # and 1,440 of them are a week
        ("MS", 12, (1, "step")),
        ("1", 40, (1, "step")),
    ],
)
def test_steps_are_put_together_to_weeks_or_days_where_a_horizon_has_two(
    alias: str, horizon: int, expected: tuple[int, str]
) -> None:
    assert period_of(Frequency.parse(alias), horizon) == expected


def test_totals_compare_what_was_observed_with_the_mean(report: Report) -> None:
    frame = report.periods(recipe="far")
    # window 1 forecasts steps 9 and 10: a 9, 10 and b 5, 5 and c 4, 3 against 8 + 5, 5 + 5, 5 + 5 each
    first = frame[(frame["window"] == 1) & (frame["period"] == 1)].iloc[0]
    actual = RISING[8] + FLAT[8] + RISING[::-1][8]
    forecast = RISING[7] + FLAT[7] + RISING[::-1][7] + 15
    assert (first["actual"], first["forecast"]) == (actual, forecast)
    assert first["bias"] == pytest.approx((forecast - actual) / actual)
    assert first["items"] == 3
    assert len(frame) == 4


def test_totals_by_group_add_up_and_name_their_first_day() -> None:
    table = sales(a=RISING, b=FLAT, c=RISING)
    items = pd.DataFrame({"item_id": ["a", "b", "c"], "family": ["MUG", "BAG", "MUG"]})
    got = backtest(Dataset(table, items=items, freq="D"), horizon=2, recipes=[Last()])
    frame = got.periods(["family"])
    assert frame["family"].tolist() == ["BAG", "BAG", "MUG", "MUG"]
    assert frame["items"].tolist() == [1, 1, 2, 2]
    assert frame["actual"].tolist() == [FLAT[10], FLAT[11], 2 * RISING[10], 2 * RISING[11]]
    assert str(frame["timestamp"].iloc[1])[:10] == "2024-01-12"
    assert frame["actual"].sum() == got.periods()["actual"].sum()
    with pytest.raises(ForetellError, match="no column 'famly'"):
        got.periods(["famly"])


def test_steps_without_an_actual_count_on_neither_side() -> None:
    got = backtest(dataset(a=(*FLAT[:10], NAN, 7.0), b=FLAT), horizon=2, recipes=[Last()])
    first = got.periods().iloc[0]
    assert first["actual"] == FLAT[10]  # of b alone
    assert first["forecast"] == FLAT[9]


def test_an_item_has_its_error_in_units_its_bias_and_its_share(report: Report) -> None:
    frame = report.items.set_index("item_id")
    # a: 8 stands for 9, 10 and 10 for 11, 12 (RISING is 1, 2, ..): errors 1, 2, 1, 2
    assert frame.loc["a", "error"] == 6.0
    assert frame.loc["a", "difference"] == -6.0
    assert frame.loc["a", "bias"] == pytest.approx(-6 / sum(RISING[8:]))
    assert frame["share"].sum() == pytest.approx(1.0)
    assert report.items["error"].is_monotonic_decreasing


def test_an_item_is_better_than_the_last_season_by_the_share_of_its_error() -> None:
    week = (0.0, 2.0, 0.0, 0.0, 4.0, 0.0, 0.0)
    values = (*week[:3], *week, 3.0, 1.0)  # 12 days; the season of days is 7
    got = backtest(dataset(a=values), horizon=2, recipes=[Last(add=1.0)])
    # repeats 7 days before: positions 3 and 4 stand for 10 and 11
    naive = abs(values[10] - values[3]) + abs(values[11] - values[4])
    mine = abs(values[10] - (values[9] + 1)) + abs(values[11] - (values[9] + 1))
    assert got.items["against_naive"].item() == pytest.approx(mine / naive - 1)
    assert got.items["zero_share"].item() == pytest.approx(np.mean(np.array(values[:10]) == 0))


def test_closed_steps_are_no_zeros_of_an_item() -> None:
    shop = pd.DataFrame({"timestamp": DAYS, "open": [1, 0] * 6})
    table = sales(a=(1.0, 0.0, 0.0, 0.0) * 3)
    got = backtest(
        Dataset(table, related=shop, freq="D", known=["open"], open="open"), horizon=2, recipes=[Last()]
    )
    assert got.items["zero_share"].item() == pytest.approx(2 / 5)  # of days 1, 3, 5, 7, 9: 3 and 7


def test_classes_add_up_and_a_promotion_is_told_apart() -> None:
    promo = pd.DataFrame({"timestamp": DAYS, "promo": [0, 1] * 6})
    table = sales(a=RISING, b=FLAT, c=(NAN,) * 10 + (4.0, 4.0))
    got = backtest(Dataset(table, related=promo, freq="D", known=["promo"]), horizon=2, recipes=[Last()])
    frame = got.segments
    flags = frame[frame["kind"] == "promo"].set_index("class")
    assert flags.loc["promo = 0", "actual"] == RISING[10] + FLAT[10] + 4
    assert flags.loc["promo = 1", "actual"] == RISING[11] + FLAT[11] + 4
    assert flags["share"].sum() == pytest.approx(1.0)
    history = frame[frame["kind"] == "history"].set_index("class")
    assert history.loc["new, no history", "items"] == 1
    assert history["actual"].sum() == flags["actual"].sum()


def test_the_share_of_actuals_leaves_out_closed_steps_in_table_and_chart_alike() -> None:
    shop = pd.DataFrame({"timestamp": DAYS, "open": [1] * 11 + [0]})
    data = Dataset(sales(a=(*RISING[:11], 0.0)), related=shop, freq="D", known=["open"], open="open")
    got = backtest(data, horizon=2, recipes=[Last()])
    assert got.leaderboard["coverage[0.5]"].item() == 0.5  # 11 > 10.5, 0 <= 0
    assert got.coverage["coverage[0.5]"].item() == 0.0
    assert got.coverage["interval[0.8]"].item() == 0.0


def test_a_recipe_that_is_better_for_every_item_is_surely_better_and_a_tie_is_not() -> None:
    rng = np.random.default_rng(0)
    series = {f"i{k:02d}": tuple(10 + rng.normal(size=12)) for k in range(20)}
    recipes = {"near": Last(), "far": Last(add=9.0), "too": Last(add=9.0)}
    frame = backtest(dataset(**series), horizon=2, recipes=recipes).ranking
    assert frame["recipe"].tolist() == ["near", "far"]
    assert frame["next"].tolist() == ["far", "too"]
    assert frame["low"].iloc[0] > 0
    assert frame["sure"].iloc[0] == 1.0
    assert frame["low"].iloc[0] <= frame["difference"].iloc[0] <= frame["high"].iloc[0]
    assert (frame[["difference", "low", "high", "sure"]].to_numpy()[1] == 0).all()


def test_of_few_items_no_interval_is_given(report: Report) -> None:
    assert report.ranking["low"].isna().all()
    assert report.ranking["difference"].notna().all()
