"""Rolling origins: which windows, what a recipe sees, what is averaged, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import foretell
from evaluator_fakes import FLAT, RISING, Broken, Last, dataset, sales
from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset
from foretell.workflows.backtest import backtest, name_recipes, window_steps

NAN = float("nan")


def test_a_window_is_scored_as_by_hand() -> None:
    # the last two days are 11, 12 and 10, 10; the last values before are 10 and 10: errors 1, 2, 0, 0
    report = backtest(dataset(a=RISING, b=FLAT), horizon=2, recipes=[Last()], levels=[0.5])
    row = report.leaderboard.iloc[0]
    assert row["recipe"] == "last"
    assert row["WAPE"] == pytest.approx(3 / 43)
    assert row["RMSE"] == pytest.approx((5 / 4) ** 0.5)
    # p50 lies 0.5 above the mean: errors .5, 1.5, .5, .5; MASE of a (seasonal error 1) is 1, b's is not defined
    assert row["wQL"] == pytest.approx(3 / 43)
    assert row["MASE"] == pytest.approx(1.0)


def test_the_leaderboard_has_the_columns_of_the_design_and_the_best_first() -> None:
    report = backtest(
        dataset(a=RISING, b=FLAT),
        horizon=2,
        recipes={"far": Last(add=50.0), "near": Last()},
        levels=[0.1, 0.9],
    )
    assert list(report.leaderboard) == [
        "recipe",
        "wQL",
        "wQL[0.1]",
        "wQL[0.5]",
        "wQL[0.9]",
        "RMSE",
        "WAPE",
        "bias",
        "MAPE",
        "sMAPE",
        "MASE",
        "MSIS[0.8]",
        "coverage[0.1]",
        "coverage[0.5]",
        "coverage[0.9]",
        "interval[0.8]",
        "fit_seconds",
        "predict_seconds",
        "fallbacks",
    ]
    assert list(report.leaderboard["recipe"]) == ["near", "far"]
    assert (report.leaderboard[["fit_seconds", "predict_seconds"]] > 0).all(axis=None)


def test_the_summary_is_the_mean_over_windows_of_pooled_scores() -> None:
    # a = 1..12 in windows of 2: origin 9 errors 1, 2 over 9 + 10; origin 11 errors 1, 2 over 11 + 12; b is perfect
    # window 1 (days 9, 10): WAPE 3 / 39, RMSE sqrt(5/4); window 2: 3 / 43, sqrt(5/4)
    report = backtest(dataset(a=RISING, b=FLAT), horizon=2, windows=2, recipes=[Last()])
    assert report.leaderboard["WAPE"].item() == pytest.approx((3 / 39 + 3 / 43) / 2)
    assert report.leaderboard["RMSE"].item() == pytest.approx((5 / 4) ** 0.5)
    assert list(report.scores["WAPE"]) == pytest.approx([3 / 39, 3 / 43])
    assert [str(day)[:10] for day in report.scores["origin"]] == ["2024-01-09", "2024-01-11"]


def test_rmse_is_averaged_over_windows_not_pooled() -> None:
    # errors 1 in the first window, 5 in the second: mean of the RMSEs 3, pooled it would be sqrt(13) = 3.6
    series = (10.0,) * 8 + (11.0, 11.0, 16.0, 16.0)
    report = backtest(dataset(a=series), horizon=2, windows=2, recipes=[Last()])
    assert report.leaderboard["RMSE"].item() == pytest.approx(3.0)


def test_per_item_and_per_step_scores_have_a_row_each() -> None:
    report = backtest(dataset(a=RISING, b=FLAT), horizon=2, windows=2, recipes=[Last()])
    items = report.metrics.set_index(["window", "item_id"])
    assert items.loc[(2, "a"), "RMSE"] == pytest.approx((5 / 2) ** 0.5)
    assert items.loc[(2, "b"), "RMSE"] == 0.0
    assert len(items) == 4
    steps = report.steps.set_index(["window", "step"])
    assert steps.loc[(2, 1), "WAPE"] == pytest.approx(1 / 21)
    assert steps.loc[(1, 2), "WAPE"] == pytest.approx(2 / 20)
    assert len(steps) == 4


def test_windows_end_with_the_data_one_stride_apart() -> None:
    panel = dataset(a=RISING).panel
    assert window_steps(panel, 2, windows=3) == [6, 4, 2]
    assert window_steps(panel, 3, windows=3, stride=1) == [5, 4, 3]


def test_a_cutoff_is_the_first_step_forecast() -> None:
    panel = dataset(a=RISING).panel  # ends on 2024-01-12
    assert window_steps(panel, 2, cutoffs=["2024-01-11", "2024-01-05"]) == [8, 2]
    report = backtest(dataset(a=RISING), horizon=2, recipes=[Last()], cutoffs=["2024-01-07"])
    assert report.forecasts["actual"].tolist() == [7.0, 8.0]
    assert [str(day)[:10] for day in report.forecasts["timestamp"]] == ["2024-01-07", "2024-01-08"]
    assert report.forecasts["mean"].tolist() == [6.0, 6.0]


@pytest.mark.parametrize("cutoff", ["2024-01-12", "2025-01-01", "2023-06-01", "2024-01-02"])
def test_a_cutoff_outside_of_the_data_says_where_it_may_lie(cutoff: str) -> None:
    message = rf"cutoffs=\['{cutoff}'\] lies outside .* between 2024-01-03 .* and 2024-01-11 \(the data end 2024-01-12\)"
    with pytest.raises(ForetellError, match=message):
        backtest(dataset(a=RISING), horizon=2, recipes=[Last()], cutoffs=[cutoff])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"cutoffs": []}, "must be a list of dates"),
        ({"cutoffs": "2024-01-05"}, "must be a list of dates"),
        ({"cutoffs": ["2024-01-05", "2024-01-05 00:00"]}, "are the same step"),
        ({"cutoffs": ["2024-01-05"], "windows": 3}, "leave out windows= and stride="),
        ({"cutoffs": ["soon"]}, "'soon' is no point in time. Write it as 2024-12-31"),
        ({"windows": 0}, "windows must be a whole number, at least 1, got 0"),
        ({"stride": -1}, "stride must be a whole number, at least 1, got -1"),
        ({"windows": 6}, r"reach 12 steps back, .* has 12, .* Ask for at most 5 windows"),
        ({"horizon": 13}, r"the horizon is 13 steps, but the longest history has 12: .* at most 6"),
        ({"horizon": 7}, r"the horizon is 7 steps, but the longest history has 12"),
        ({"refit": "sometimes"}, "refit must be 'never' or 'every', got 'sometimes'"),
        ({"levels": [50]}, "levels must lie strictly between 0 and 1, got 50"),
        ({"horizon": 0}, "horizon must be a whole number of steps, at least 1, got 0"),
        ({"recipes": []}, "recipes must be a list of at least one"),
        ({"recipes": ["no_such_recipe"]}, "no recipe 'no_such_recipe'"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_trained(asked: dict, message: str) -> None:
    with pytest.raises(ForetellError, match=message):
        backtest(dataset(a=RISING), **{"horizon": 2, "recipes": [Broken()]} | asked)


def test_cutoffs_need_series_that_end_together() -> None:
    data = Dataset(sales(a=RISING, b=RISING[:9]), freq="D", ends="own")
    with pytest.raises(ForetellError, match="series that end together"):
        backtest(data, horizon=2, recipes=[Last()], cutoffs=["2024-01-05"])


def test_with_ends_of_their_own_each_item_is_judged_on_its_own_last_steps() -> None:
    data = Dataset(sales(a=RISING, b=RISING[:9]), freq="D", season=1, ends="own")
    frame = backtest(data, horizon=2, recipes=[Last()]).forecasts.set_index("item_id")
    assert frame.loc["a", "actual"].tolist() == [11.0, 12.0]
    assert frame.loc["b", "actual"].tolist() == [8.0, 9.0]
    assert [str(day)[:10] for day in frame.loc["b", "origin"]] == ["2024-01-08", "2024-01-08"]


def test_nothing_after_an_origin_changes_a_forecast() -> None:
    # The fake adds up all it can see in training and repeats the last value it can see when forecasting.
    before = backtest(dataset(a=RISING, b=FLAT), horizon=2, windows=2, recipes=[Last(learn=True)]).forecasts
    later = (*RISING[:10], 500.0, 700.0)
    after = backtest(dataset(a=later, b=FLAT), horizon=2, windows=2, recipes=[Last(learn=True)]).forecasts
    assert (before["mean"] == after["mean"]).all()
    between = (*RISING[:8], 300.0, 400.0, *RISING[10:])  # after the first origin, before the second
    changed = backtest(dataset(a=between, b=FLAT), horizon=2, windows=2, recipes=[Last(learn=True)]).forecasts
    one, two = (changed["window"] == k for k in (1, 2))
    assert (changed[one]["mean"] == before[one]["mean"]).all()
    assert changed[two & (changed["item_id"] == "a")]["mean"].tolist() == [36 + 80 + 400.0] * 2


def test_refit_never_trains_before_the_earliest_origin_and_every_before_each() -> None:
    # sum of what was there: 1..8 = 36 before day 9, 1..10 = 55 before day 11; plus the last values 8 and 10
    never = backtest(dataset(a=RISING), horizon=2, windows=2, recipes=[Last(learn=True)], refit="never")
    every = backtest(dataset(a=RISING), horizon=2, windows=2, recipes=[Last(learn=True)], refit="every")
    assert never.forecasts["mean"].tolist()[::2] == [36 + 8, 36 + 10]
    assert every.forecasts["mean"].tolist()[::2] == [36 + 8, 55 + 10]
    trained = [outcome.fit_seconds for outcome in never.outcomes]
    assert trained[0] > 0
    assert trained[1] == 0


def test_items_without_history_are_scored_apart() -> None:
    # c first sells on day 11: new in the window that begins there; forecast 0, actuals 20, 20
    new = (NAN,) * 10 + (20.0, 20.0)
    alone = backtest(dataset(a=RISING, b=FLAT), horizon=2, recipes=[Last()])
    report = backtest(dataset(a=RISING, b=FLAT, c=new), horizon=2, recipes=[Last()])
    same = list(report.leaderboard.columns[1:-3])
    pd.testing.assert_frame_equal(report.leaderboard[same], alone.leaderboard[same])
    assert alone.new_items.empty
    assert report.new_items[["items", "WAPE", "RMSE"]].to_numpy().tolist() == [[1, 1.0, 20.0]]
    items = report.metrics.set_index("item_id")
    assert items["has_history"].tolist() == [True, True, False]
    assert items.loc["c", "RMSE"] == 20.0
    assert items.loc["a", "RMSE"] == pytest.approx((5 / 2) ** 0.5)


def test_missing_actuals_are_left_out() -> None:
    report = backtest(dataset(a=RISING, b=(*FLAT[:10], NAN, 12.0)), horizon=2, recipes=[Last()])
    assert report.leaderboard["WAPE"].item() == pytest.approx((1 + 2 + 2) / (11 + 12 + 12))


def test_a_known_column_that_ends_before_a_window_does_is_named() -> None:
    prices = sales(a=RISING[:11]).rename(columns={"target": "price"})
    data = Dataset(sales(a=RISING), related=prices, freq="D", known=["price"])
    with pytest.raises(ForetellError, match=r"item 'a': related column 'price' ends 2024-01-11"):
        backtest(data, horizon=2, recipes=[Broken()])


def test_a_failing_recipe_is_named_with_its_window_and_the_cause_is_kept() -> None:
    with pytest.raises(
        ForetellError, match=r"'broken' failed while training window 1 of 1 .*ZeroDivisionError"
    ) as caught:
        backtest(dataset(a=RISING), horizon=2, recipes=[Last(), Broken()])
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(
        ForetellError, match=r"recipe 'broken', window 1 of 1 \(origin 2024-01-11\): give more data"
    ):
        backtest(dataset(a=RISING), horizon=2, recipes=[Broken(user=True)])


def test_progress_is_told_step_by_step() -> None:
    told: list[foretell.Event] = []
    with foretell.listening(told.append):
        backtest(dataset(a=RISING), horizon=2, windows=2, recipes=[Last()])
    steps = [event for event in told if event.stage == "backtest"]
    assert [(event.done, event.total) for event in steps] == [(0, 2), (0, 2), (1, 2), (2, 2)]
    assert steps[0].message == "last: training, window 1 of 2 (origin 2024-01-09)"


def test_an_output_folder_that_cannot_be_written_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ForetellError, match="is a file, expected a folder for the report"):
        backtest(dataset(a=RISING), horizon=2, recipes=[Broken()], out=tmp_path / "file")


def test_recipes_of_one_name_are_told_apart_by_their_settings() -> None:
    assert list(name_recipes([Last(), Last(add=2.0)])) == ["last", "last (add=2.0)"]
    assert list(name_recipes({"mine": Last(), "other": Last()})) == ["mine", "other"]
    with pytest.raises(ForetellError, match="'last' is asked for twice"):
        name_recipes([Last(), Last()])


def test_settings_of_a_recipe_that_is_not_asked_for_are_refused() -> None:
    with pytest.raises(ForetellError, match=r"settings= names 'mqrn', .* Did you mean 'mqrnn'"):
        name_recipes(["mqrnn"], {"mqrn": {}})


def test_integer_time_has_integer_origins() -> None:
    table = pd.DataFrame({"item_id": "a", "timestamp": np.arange(5, 17), "target": RISING})
    report = backtest(Dataset(table, freq="1", season=1), horizon=2, recipes=[Last()], cutoffs=[9])
    assert report.forecasts["timestamp"].tolist() == [9, 10]
    assert report.forecasts["actual"].tolist() == [5.0, 6.0]
    with pytest.raises(ForetellError, match=r"'soon' is no point in time\. Write it as a whole number"):
        backtest(Dataset(table, freq="1", season=1), horizon=2, recipes=[Last()], cutoffs=["soon"])
