"""Scoring forecasts that somebody else made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars
import pytest

from evaluator_fakes import FLAT, RISING, Last, dataset, sales
from foretell.errors import ForetellError
from foretell.evaluation.row_counts import RowCounts
from foretell.ingest.dataset import Dataset
from foretell.workflows.backtest import backtest
from foretell.workflows.evaluate import evaluate

DATA = {"a": RISING, "b": FLAT}  # the last two days: 11, 12 and 10, 10


def table(**columns: object) -> pd.DataFrame:
    """A forecast of the last two days of a and b; a column given as None is left out."""
    plain = {
        "item_id": ["a", "a", "b", "b"],
        "timestamp": ["2024-01-11", "2024-01-12"] * 2,
        "mean": [10.0, 10.0, 10.0, 10.0],
        "p10": [9.0] * 4,
        "p50": [11.0] * 4,
        "p90": [13.0] * 4,
    }
    return pd.DataFrame({name: value for name, value in (plain | columns).items() if value is not None})


def codes(report) -> list[str]:
    return [finding.code for finding in report.findings]


def test_a_table_is_scored_as_by_hand() -> None:
    # mean: errors 1, 2, 0, 0 over 43; p50: 0, 1, 1, 1; p10: 2 * .1 * (2 + 3 + 1 + 1); p90: 2 * .1 * (2 + 1 + 3 + 3)
    row = evaluate(table(), dataset(**DATA)).leaderboard.iloc[0]
    assert row["recipe"] == "forecast"
    assert row["WAPE"] == pytest.approx(3 / 43)
    assert row["wQL[0.5]"] == pytest.approx(3 / 43)
    assert row["wQL[0.1]"] == pytest.approx(1.4 / 43)
    assert row["wQL[0.9]"] == pytest.approx(1.8 / 43)
    assert (row["coverage[0.5]"], row["interval[0.8]"]) == (0.75, 1.0)
    assert row["MASE"] == pytest.approx(0.5)


def test_an_evaluation_says_how_many_rows_were_scored_and_why_others_were_not() -> None:
    more = dataset(**DATA, gap=(*FLAT[:-1], float("nan")), new=(float("nan"),) * 11 + (3.0,))
    items = ["a", "b", "gap", "new", "gone"]
    frame = pd.DataFrame(
        {
            "item_id": np.repeat(items, 3),
            "timestamp": ["2024-01-11", "2024-01-12", "2024-01-13"] * 5,
            "mean": 10.0,
            "p50": 11.0,
        }
    )
    rows = evaluate(frame, more).settings["rows"]
    # a and b have 2 of 3 days; of gap the 12th, of new the 11th is missing, and its 12th is scored apart
    assert rows == {"given": 15, "scored": 5, "new_items": 1, "unknown_items": 3, "beyond": 4, "missing": 2}
    assert str(RowCounts(**rows)) == (
        "scored 5 of 15 rows; left out: 1 of items without history, scored apart, 3 of items that the data lack,"
        " 4 after the end of the actuals, 2 where the data have a gap"
    )
    assert str(RowCounts(**evaluate(table(), dataset(**DATA)).settings["rows"])) == "scored 4 of 4 rows"


@pytest.mark.slow
def test_the_forecasts_of_a_backtest_get_the_scores_of_the_backtest(tmp_path: Path) -> None:
    recipes = {"near": Last(), "far": Last(add=5.0)}
    data = dataset(**DATA, c=(float("nan"),) * 8 + (1.0, 2.0, 3.0, 4.0))
    report = backtest(data, horizon=2, windows=2, recipes=recipes, out=tmp_path)
    again = evaluate(tmp_path / "forecasts.parquet", data)
    scores = list(report.leaderboard.columns[:-3])
    pd.testing.assert_frame_equal(again.leaderboard[scores], report.leaderboard[scores])
    pd.testing.assert_frame_equal(again.metrics, report.metrics)
    pd.testing.assert_frame_equal(again.new_items, report.new_items)


def test_the_order_of_rows_does_not_matter() -> None:
    got = evaluate(table().sample(frac=1.0, random_state=1), dataset(**DATA))
    pd.testing.assert_frame_equal(got.leaderboard, evaluate(table(), dataset(**DATA)).leaderboard)


def test_columns_may_have_other_usual_names() -> None:
    other = {"item_id": "unique_id", "timestamp": "ds", "p10": "0.1", "p50": "0.5", "p90": ".9"}
    got = evaluate(table().rename(columns=other), dataset(**DATA))
    pd.testing.assert_frame_equal(got.leaderboard, evaluate(table(), dataset(**DATA)).leaderboard)
    mine = table().rename(columns={"item_id": "sku", "timestamp": "day"})
    got = evaluate(mine, dataset(**DATA), item_id="sku", timestamp="day")
    assert got.leaderboard["WAPE"].item() == pytest.approx(3 / 43)


def test_files_and_polars_are_read_as_the_data_are(tmp_path: Path) -> None:
    numbered = sales(a=RISING, b=FLAT).replace({"item_id": {"a": "001", "b": "002"}})
    frame = table(item_id=["001", "001", "002", "002"])
    frame.to_csv(tmp_path / "f.csv", index=False)
    for source in (tmp_path / "f.csv", polars.from_pandas(frame)):
        got = evaluate(source, Dataset(numbered, freq="D"))
        assert got.leaderboard["WAPE"].item() == pytest.approx(3 / 43)


def test_several_recipes_are_ranked() -> None:
    worse = table(mean=[0.0] * 4, p50=[20.0] * 4, p90=[25.0] * 4, recipe="worse")
    got = evaluate(pd.concat([worse, table(recipe="better")]), dataset(**DATA))
    assert got.recipes == ["better", "worse"]


@pytest.mark.parametrize("column", ["window", "origin"])
def test_several_windows_are_averaged(column: str) -> None:
    # day 9, 10 of a are 9, 10: the mean forecast 10 is off by 1 and 0 there: 1 / 39; then 3 / 43
    early = table(timestamp=["2024-01-09", "2024-01-10"] * 2)
    labels = {"window": ("one", "two"), "origin": ("2024-01-09", "2024-01-11")}[column]
    both = pd.concat([table(**{column: labels[1]}), early.assign(**{column: labels[0]})])
    got = evaluate(both, dataset(**DATA))
    assert list(got.scores["WAPE"]) == pytest.approx([1 / 39, 3 / 43])
    assert [window.day for window in got.windows] == ["2024-01-09", "2024-01-11"]
    assert got.leaderboard["WAPE"].item() == pytest.approx((1 / 39 + 3 / 43) / 2)


def test_overlapping_windows_without_a_column_for_them_are_refused() -> None:
    overlap = table(timestamp=["2024-01-10", "2024-01-11"] * 2)
    with pytest.raises(
        ForetellError, match=r"item 'a': two forecasts for 2024-01-11\. .* 'origin', 'window'"
    ):
        evaluate(pd.concat([table(), overlap]), dataset(**DATA))


def test_without_a_mean_the_median_is_judged_and_the_report_says_so() -> None:
    got = evaluate(table(mean=None), dataset(**DATA))
    assert got.leaderboard["WAPE"].item() == pytest.approx(3 / 43)
    assert got.leaderboard["RMSE"].item() == pytest.approx((3 / 4) ** 0.5)  # errors 0, 1, 1, 1
    assert "no_mean" in codes(got)
    assert "no_mean" not in codes(evaluate(table(), dataset(**DATA)))


def test_without_a_median_mase_judges_the_mean_and_the_report_says_so() -> None:
    got = evaluate(table(p50=None), dataset(**DATA))
    assert got.leaderboard["MASE"].item() == pytest.approx(1.5)
    assert list(got.levels) == [0.1, 0.9]
    assert "no_median" in codes(got)


def test_a_point_forecast_is_scored_as_its_own_median() -> None:
    got = evaluate(table(p10=None, p50=None, p90=None), dataset(**DATA))
    assert got.leaderboard["wQL[0.5]"].item() == pytest.approx(3 / 43)
    assert "point_forecast" in codes(got)


def test_missing_actuals_are_left_out() -> None:
    got = evaluate(table(), dataset(a=RISING, b=(*FLAT[:11], float("nan"))))
    assert got.leaderboard["WAPE"].item() == pytest.approx(3 / 33)


def test_items_that_the_data_lack_are_reported_and_left_out() -> None:
    more = pd.concat([table(), table(item_id=["x", "x", "y", "y"])])
    got = evaluate(more, dataset(**DATA))
    assert got.leaderboard["WAPE"].item() == pytest.approx(3 / 43)
    (finding,) = [f for f in got.findings if f.code == "unknown_items"]
    assert (finding.severity, finding.count) == ("warning", 2)
    with pytest.raises(ForetellError, match="no item of the forecasts is in the data"):
        evaluate(table(item_id=["x", "x", "y", "y"]), dataset(**DATA))


def test_items_that_are_not_forecast_are_reported() -> None:
    got = evaluate(table().iloc[:2], dataset(**DATA))
    assert got.leaderboard["WAPE"].item() == pytest.approx(3 / 23)
    (finding,) = [f for f in got.findings if f.code == "items"]
    assert finding.message == "window 1: 1 of the data's 2 items are forecast; 'b' is not"


def test_quantiles_that_cross_are_reported() -> None:
    assert "crossing" in codes(evaluate(table(p10=[12.0] * 4), dataset(**DATA)))


def test_columns_that_are_not_judged_are_named() -> None:
    report = evaluate(table(qantile_50=[1.0] * 4, actual=[1.0] * 4), dataset(**DATA))
    (message,) = [finding.message for finding in report.findings if finding.code == "ignored_columns"]
    assert "'qantile_50' not judged" in message
    assert "actual" not in message
    assert "ignored_columns" not in codes(evaluate(table(), dataset(**DATA)))


@pytest.mark.parametrize(
    "names",
    [
        ("AutoETS", "AutoETS-lo-80", "AutoETS-hi-80"),
        ("Point Forecast", "Lo 80", "Hi 80"),
        ("mean", "q0.1", "q90"),
        ("mean", "0.1", "P90"),
    ],
    ids=["Nixtla", "R", "q", "AutoGluon"],
)
def test_the_columns_of_other_libraries_are_the_same_quantiles(names: tuple[str, str, str]) -> None:
    plain = table()
    renamed = plain.rename(columns=dict(zip(("mean", "p10", "p90"), names, strict=True)))
    ours, theirs = evaluate(plain, dataset(**DATA)), evaluate(renamed, dataset(**DATA))
    pd.testing.assert_frame_equal(ours.leaderboard, theirs.leaderboard)
    assert "ignored_columns" not in codes(theirs)


def test_rows_beyond_the_actuals_are_counted() -> None:
    late = table(timestamp=["2024-01-12", "2024-01-13"] * 2)
    report = evaluate(late, dataset(**DATA))
    (message,) = [finding.message for finding in report.findings if finding.code == "unscored"]
    assert message == (
        "window 1: 2 of 4 rows lie beyond the actuals and are not scored, first item 'a' from 2024-01-13 on"
    )
    assert repr(report).startswith("Report(1 recipes, 1 windows, best forecast with wQL ")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (table().iloc[[0, 1, 3]], r"item 'b': no forecast for 2024-01-11; each item needs all 2 steps"),
        (
            table(timestamp=["2024-01-11", "2024-01-12", "2024-01-11", "2024-01-11"]),
            r"item 'b': two forecasts for",
        ),
        (
            table(timestamp=["2024-01-11", "soon"] * 2),
            r"'timestamp' is no date in 2 rows, first for item 'a'",
        ),
        (
            table(timestamp=["2025-01-11", "2025-01-12"] * 2),
            r"cover 2025-01-11 to 2025-01-12, .* end 2024-01-12",
        ),
        (
            table(p90=[13.0, None, 13.0, 13.0]),
            r"item 'a': column 'p90' is missing or no finite number \(1 rows\)",
        ),
        (
            table(mean=[1.0, 1.0, float("inf"), 1.0]),
            r"item 'b': column 'mean' is missing or no finite number",
        ),
        (table(mean=None, p50=None), r"need a column 'mean' or 'p50'"),
        (table(**{"0.9": [13.0] * 4}), r"columns 'p90' and '0.9' both hold the quantile at 0.9"),
        (table(item_id=None), r"the forecast table has no column 'item_id'"),
        (table(origin=["2024-01-12"] * 4), r"item 'a': the forecast for 2024-01-11 lies before its origin"),
        (table().iloc[:0], r"the forecast table has no rows"),
        (
            pd.concat([table(recipe="x"), table(recipe="y").iloc[2:]]),
            r"recipe 'y' has no forecast of item 'a', which another recipe forecasts",
        ),
    ],
)
def test_a_table_that_cannot_be_scored_names_the_first_offender(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(ForetellError, match=message):
        evaluate(frame, dataset(**DATA))


def test_dimensions_are_part_of_the_key() -> None:
    target = pd.concat([sales(a=RISING).assign(store="n"), sales(a=FLAT).assign(store="s")])
    frame = table(item_id=["a"] * 4, store=["n", "n", "s", "s"])
    got = evaluate(frame, Dataset(target, freq="D", dimensions=["store"]))
    assert got.leaderboard["WAPE"].item() == pytest.approx(3 / 43)
    assert got.metrics["store"].tolist() == ["n", "s"]


def test_with_ends_of_their_own_each_item_has_its_own_origin() -> None:
    data = Dataset(sales(a=RISING, b=FLAT[:9]), freq="D", season=1, ends="own")
    frame = table(timestamp=["2024-01-11", "2024-01-12", "2024-01-08", "2024-01-09"])
    got = evaluate(frame, data)
    assert got.horizon == 2
    assert got.leaderboard["WAPE"].item() == pytest.approx(3 / 43)
    days = {"a": "2024-01-11", "b": "2024-01-08"}
    again = evaluate(frame.assign(origin=frame["item_id"].map(days)), data)
    np.testing.assert_allclose(again.leaderboard["wQL"], got.leaderboard["wQL"])


def test_an_evaluation_saves_a_report(tmp_path: Path) -> None:
    evaluate(table(), dataset(**DATA), out=tmp_path / "e")
    assert "<h1>Evaluation</h1>" in (tmp_path / "e" / "report.html").read_text()


def german(frame: pd.DataFrame, marks: dict[str, str | int | None]) -> str:
    """A CSV file's text with `;`, days first, and numbers spelt by `marks`."""
    spelt = frame.assign(timestamp=frame["timestamp"].dt.strftime("%d.%m.%Y"))
    for column in frame.columns.drop(["item_id", "timestamp"]):
        spelt[column] = [f"{v:,.2f}".translate(str.maketrans(marks)) for v in frame[column]]
    return spelt.to_csv(index=False, sep=";")


@pytest.mark.parametrize("way", ["as the sales are", "with a point", "as foretell writes them"])
def test_forecasts_are_read_in_the_dates_and_marks_of_the_data(tmp_path: Path, way: str) -> None:
    days = pd.date_range("2024-01-01", periods=40)
    sold = pd.DataFrame({"item_id": "a", "timestamp": days, "target": 1000.5 + np.arange(40)})
    made = sold.tail(7).rename(columns={"target": "mean"}).assign(p50=lambda f: f["mean"] + 1)
    (tmp_path / "sales.csv").write_text(german(sold, {",": ".", ".": ","}))
    text = german(made, {",": ".", ".": ","} if way == "as the sales are" else {",": "", ".": "."})
    if way == "as foretell writes them":
        text = made.to_csv(index=False)
    (tmp_path / "chef.csv").write_text(text)
    data = Dataset(tmp_path / "sales.csv", freq="D", date_format="%d.%m.%Y", decimal=",", thousands=".")
    report = evaluate(tmp_path / "chef.csv", data)
    assert report.leaderboard["RMSE"].item() == pytest.approx(0, abs=1e-3)
    assert report.leaderboard["wQL[0.5]"].item() == pytest.approx(7 / sold["target"].tail(7).sum(), rel=1e-3)


@pytest.mark.parametrize("spelt", ["31.12.2024", "31/12/24"])
def test_a_date_that_is_none_says_how_dates_are_written(spelt: str) -> None:
    days = pd.date_range("2024-01-01", periods=40)
    sold = pd.DataFrame({"item_id": "a", "timestamp": days, "target": 1.0 + np.arange(40)})
    made = sold.tail(7).rename(columns={"target": "mean"}).assign(timestamp=spelt)
    with pytest.raises(
        ForetellError, match=r"no date in 7 rows.*Write dates as 2024-12-31, or as date_format= says"
    ):
        evaluate(made, Dataset(sold, freq="D"))


def test_the_forecast_itself_may_stand_in_a_column_of_any_name() -> None:
    plain = table(p10=None, p50=None, p90=None)
    own = plain.rename(columns={"mean": "Prognose"})
    scored = evaluate(own, dataset(**DATA), mean="Prognose")
    assert scored.leaderboard.equals(evaluate(plain, dataset(**DATA)).leaderboard)
    with pytest.raises(ForetellError, match=r"give that with mean="):
        evaluate(own, dataset(**DATA))
    with pytest.raises(ForetellError, match=r"has no column 'Prognos'. Did you mean 'Prognose'\?"):
        evaluate(own, dataset(**DATA), mean="Prognos")
    with pytest.raises(ForetellError, match="'p50' is the column of a quantile by its name"):
        evaluate(own.assign(p50=2.0), dataset(**DATA), mean="p50")
