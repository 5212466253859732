"""What `check` finds before anything is trained."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.checks.check import check
from foretell.checks.column_coverage import coverages
from foretell.checks.target_profile import Profile
from foretell.data.finding_advice import ADVICE
from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset
from foretell.workflows.train import train


def table(column, **items):
    """A row an item and day from 2024-01-01 on."""
    frames = [
        pd.DataFrame(
            {
                "item_id": name,
                "timestamp": pd.date_range("2024-01-01", periods=len(v)),
                column: np.array(v, float),
            }
        )
        for name, v in items.items()
    ]
    return pd.concat(frames, ignore_index=True)


def findings(data, **options):
    return {finding.code: finding for finding in check(data, **options)}


def test_zeros_constants_and_negative_values_are_counted():
    data = Dataset(table("target", a=[0, 0, 0], b=[5, 5, np.nan], c=[-1, 2, 3], d=[1, 2, 3]), freq="D")
    found = findings(data)
    assert found["all_zero"].message == "1 items are zero throughout, first 'a'"
    assert (found["constant"].count, found["negative"].count) == (1, 1)
    assert "'b'" in found["constant"].message


def test_clean_data_give_no_warning():
    found = check(Dataset(table("target", a=range(30)), freq="D"), horizon=7)
    assert {finding.severity for finding in found} <= {"note"}


def test_a_horizon_longer_than_every_history_is_an_error():
    found = findings(Dataset(table("target", a=[1, 2, 3]), freq="D"), horizon=4)
    assert found["horizon"].severity == "error"
    assert "longer than every history (the longest has 3)" in found["horizon"].message


def test_items_shorter_than_twice_the_horizon_are_a_warning():
    data = Dataset(table("target", a=range(10), b=[np.nan] * 8 + [1, 2]), freq="D")
    assert (findings(data, horizon=4)["short"].severity, findings(data, horizon=4)["short"].count) == (
        "warning",
        1,
    )


def test_known_columns_that_end_before_the_horizon_are_errors_and_come_first():
    promo = table("promo", a=range(12), b=range(11))
    data = Dataset(table("target", a=range(10), b=range(10)), promo, freq="D", known=["promo"])
    assert "known_ends" not in findings(data, horizon=1)
    first = check(data, horizon=2)[0]
    assert (first.severity, first.code, first.count) == ("error", "known_ends", 1)
    assert "item 'b': related column 'promo' ends 2024-01-11" in first.message


def test_gaps_are_reported_by_place_and_as_they_were_read():
    sold = table("target", a=[1, np.nan, 3, np.nan], b=[1, 2, 3, 4])
    assert findings(Dataset(sold, freq="D"))["gaps"].message == (
        "target: 2 missing steps in 1 series: 1 middle (not observed), 1 back (not observed)"
    )
    filled = Dataset(sold, freq="D", filling={"target": {"middle": "zero", "back": 7}})
    assert "1 middle (filled by zero), 1 back (filled by the value 7.0)" in findings(filled)["gaps"].message


def test_categories_and_missing_metadata_are_described():
    items = pd.DataFrame({"item_id": ["a", "b"], "family": ["tea", "pot"], "size": [1.0, np.nan]})
    found = findings(Dataset(table("target", a=[1, 2], b=[1, 2]), items=items, freq="D"))
    assert found["categories"].message == "family: 2 categories"
    assert found["missing_metadata"].message == "size is missing for 1 items"


def test_a_horizon_of_nothing_is_refused():
    with pytest.raises(ForetellError, match="horizon must be a whole number"):
        check(Dataset(table("target", a=[1, 2]), freq="D"), horizon=0)


def daily(first="2024-01-01", every="D", **items):
    """As `table`, with another distance between the rows."""
    frames = [
        pd.DataFrame(
            {
                "item_id": name,
                "timestamp": pd.date_range(first, periods=len(v), freq=every),
                "target": np.array(v, float),
            }
        )
        for name, v in items.items()
    ]
    return pd.concat(frames, ignore_index=True)


def test_every_item_is_looked_at_for_its_frequency():
    sold = pd.concat(
        [table("target", **{f"i{k}": range(1, 60) for k in range(300)}), daily(every="W-WED", z=range(1, 9))]
    )
    found = findings(Dataset(sold, freq="D"))
    assert found["frequency"].message == (
        "1 of 301 items are observed as freq='W-WED' would have it, asked was 'D'; first 'z'"
    )


@pytest.mark.parametrize(
    ("asked", "every", "found"),
    [
        ("D", "W-SUN", "W-SUN"),
        ("D", "2W-MON", "2W-MON"),
        ("D", "MS", "MS"),
        ("D", "QS", "QS"),
        ("D", "3D", "3D"),
        ("h", "D", "D"),
        ("h", "W-MON", "W"),
        ("h", "2h", "2h"),
        ("15min", "h", "h"),
        ("B", "W-MON", "W"),
        ("MS", "QS", "QS"),
        ("MS", "YS", "YS"),
        ("QS", "YS", "YS"),
    ],
)
def test_the_frequency_of_sparser_observations_is_named(asked, every, found):
    first = "2024-01-01" if every[-3:] not in ("SUN",) else "2024-01-07"
    checkup = check(Dataset(daily(first=first, every=every, a=range(1, 13)), freq=asked))
    assert [row["found"] for row in checkup.frequencies] == [found]


def test_sales_on_odd_days_are_no_other_frequency():
    rng = np.random.default_rng(0)
    rows = [
        pd.DataFrame(
            {
                "item_id": f"i{k}",
                "timestamp": pd.Timestamp("2024-01-01")
                + pd.to_timedelta(np.sort(rng.choice(700, 12, replace=False)), "D"),
                "target": 1.0 + np.arange(12),
            }
        )
        for k in range(50)
    ]
    assert "frequency" not in findings(Dataset(pd.concat(rows), freq="D"))


def test_several_rows_a_step_say_how_many_and_in_how_many_series():
    sold = pd.concat([daily(every="h", a=range(48)), daily(b=[1, 2])])
    found = findings(Dataset(sold, freq="D"))
    message = (
        "2 steps hold several rows of the target table (up to 24, in 1 series): made one by sum (target)"
    )
    assert found["aggregated"].message == message
    assert "finer" not in found
    hourly = findings(Dataset(daily(every="h", a=range(48)), freq="D"))["finer"]
    assert hourly.severity == "note"  # the frequency was asked for
    assert (
        "2 of 2 observed steps hold several rows of the target table, 24.0 rows a step on average"
        in hourly.message
    )


def test_repeated_rows_are_an_error_of_a_tolerant_reading_and_nothing_is_trained_on_them():
    sold = pd.concat([table("target", a=[1, 2, 3]), table("target", a=[5])])
    with pytest.raises(ForetellError, match="2 rows at 2024-01-01"):
        Dataset(sold, freq="D")
    data = Dataset(sold, freq="D", tolerant=True)
    first = check(data)[0]
    assert (first.severity, first.code, first.count) == ("error", "duplicates", 1)
    with pytest.raises(ForetellError, match="2 rows at 2024-01-01"):
        train(data, recipe="seasonal_naive", horizon=1)


def test_repeated_rows_that_may_be_there_are_counted():
    sold = pd.concat([table("target", a=[1, 2, 3]), table("target", a=[5])])
    found = findings(Dataset(sold, freq="D", aggregation={"target": "sum"}))
    assert (found["repeated"].severity, found["repeated"].count) == ("note", 1)


def test_a_typing_error_is_an_outlier_and_a_good_day_is_not():
    usual = [10, 12, 9, 11, 13, 8, 10, 12, 11, 9, 10, 0, 0]
    data = Dataset(table("target", a=[*usual, 1100], b=[*usual, 40], c=[1, 1, 1000]), freq="D")
    found = findings(data)["outliers"]
    assert found.count == 1  # c has too few values to say what is usual
    assert found.message.endswith("item 'a' at 2024-01-14, 1100 where the median is 10")


def test_the_quartiles_behind_outliers_are_those_of_a_plain_loop():
    rng = np.random.default_rng(1)
    series = {
        f"i{k}": rng.normal(0, 10 ** rng.uniform(-3, 3), 60) * (1 + 99 * (rng.random(60) < 0.03))
        for k in range(40)
    }
    panel = Dataset(table("target", **series), freq="D").panel
    expected = []
    for item in range(len(panel)):
        values = np.sort(panel.history(item)[panel.history(item) != 0]).astype(float)
        low, median, high = (values[(len(values) - 1) * q // 4] for q in (1, 2, 3))
        expected.append(int(np.sum(np.abs(values - median) > 25 * max(high - low, abs(median) / 10))))
    assert sum(expected) > 10
    np.testing.assert_array_equal(Profile.of(panel).outliers, expected)


def test_the_profile_does_not_depend_on_the_size_of_the_chunks(monkeypatch):
    rng = np.random.default_rng(2)
    series = {f"i{k}": np.where(rng.random(30) < 0.4, np.nan, rng.integers(-3, 9, 30)) for k in range(20)}
    data = Dataset(table("target", **series), table("promo", **series), freq="D", past=["promo"])
    whole, covered = Profile.of(data.panel), coverages(data.panel, 5)
    monkeypatch.setattr("foretell.data.layout.CHUNK", 50)
    for name in ("seen", "low", "high", "size", "apart", "every", "first", "outliers", "rounded"):
        np.testing.assert_array_equal(getattr(Profile.of(data.panel), name), getattr(whole, name))
    for again, once in zip(coverages(data.panel, 5), covered, strict=True):
        assert (again.name, again.history, again.low, again.high) == (
            once.name,
            once.history,
            once.low,
            once.high,
        )
        np.testing.assert_array_equal(again.last, once.last)


def test_filled_steps_are_not_observed():
    sold = table("target", a=[1, np.nan, np.nan, 4, 5])
    checkup = check(Dataset(sold, freq="D", filling={"target": {"middle": 100.0}}))
    assert (checkup.facts["steps_observed"], checkup.facts["steps"]) == (3, 5)


def test_values_and_sums_beyond_float32_are_warned_of():
    found = findings(Dataset(table("target", a=[1, 2**24 + 2], b=[3e38, 3e38], c=[1, 2]), freq="D"))
    assert "3 values of 2 items are beyond 16,777,216" in found["float32"].message
    assert found["float32_sum"].message.startswith(
        "1 items sum up to more than float32 holds (3.4e38), first 'b'"
    )


def test_a_target_that_is_mostly_gaps_is_a_warning():
    found = findings(Dataset(daily(every="3D", a=range(1, 9)), freq="D"))
    assert found["mostly_gaps"].message == "64% of the target's 22 steps have no row"


def test_columns_are_covered_over_history_and_horizon():
    promo = table("promo", a=[1, np.nan, 3, 4, 5, 6], b=[1, 2, 3, 4, np.nan, 6])
    flag = table("flag", a=[1] * 6, b=[1] * 6)
    items = pd.DataFrame({"item_id": ["a", "b"], "kind": ["x", None], "size": [1.0, np.nan]})
    data = Dataset(
        table("target", a=[1, 2, 3, 4], b=[1, 2, 3, 4]),
        [promo, flag],
        items,
        freq="D",
        known=["promo", "flag"],
    )
    checkup = check(data, horizon=2)
    rows = {row["column"]: row for row in checkup.columns}
    assert (rows["promo"]["history"], rows["promo"]["horizon"]) == (7 / 8, 3 / 4)
    assert (rows["kind"]["items"], rows["kind"]["categories"], rows["size"]["items"]) == (0.5, 1, 0.5)
    found = {finding.code: finding.message for finding in checkup}
    assert found["known_holes"] == "1 items lack values of 'promo' within the horizon, first 'b'"
    assert found["never_changes"] == "'flag' is 1 throughout"


def test_a_text_column_is_covered_as_one_where_it_has_rows():
    tags = table("x", a=range(4)).assign(tag=["p", None, "q", "p"]).drop(columns="x").drop(index=2)
    checkup = check(Dataset(table("target", a=[1, 2, 3, 4]), tags, freq="D", past=["tag"]))
    (row,) = checkup.columns
    assert (row["column"], row["role"], row["history"]) == ("tag", "past", 0.75)


def test_categories_that_group_nothing_are_warned_of():
    names = [f"i{k:02}" for k in range(30)]
    items = pd.DataFrame({"item_id": names, "name": names, "shop": "one"})
    found = findings(Dataset(table("target", **{name: [1, 2] for name in names}), items=items, freq="D"))
    assert found["crowded"].message == "'name' has 30 categories for 30 items"
    assert found["one_category"].message == "'shop' is the same for all items"


def test_items_shorter_than_the_horizon_are_told_from_those_shorter_than_two():
    data = Dataset(table("target", a=range(10), b=[np.nan] * 8 + [1, 2], c=[np.nan] * 4 + [1] * 6), freq="D")
    found = findings(data, horizon=4)
    assert (found["shorter"].count, found["short"].count) == (1, 2)


def test_the_facts_are_there():
    related = table("price", a=[1, 2, 3], b=[2, 3, 4])
    items = pd.DataFrame({"item_id": ["a", "b", "c"], "kind": ["x", "y", "x"]})
    facts = check(
        Dataset(table("target", a=[1, 2, 3], b=[1, np.nan, 3]), related, items, freq="D"), horizon=1
    ).facts
    assert facts["rows"] == {"the target table": 6, "the related table": 6, "the items table": 3}
    assert (facts["items"], facts["items_without_history"]) == (3, 1)
    assert (facts["first_timestamp"], facts["last_timestamp"]) == ("2024-01-01", "2024-01-03")
    assert (facts["steps"], facts["steps_observed"], facts["horizon"]) == (6, 5, 1)


def test_every_finding_says_what_it_means_and_its_json_is_plain():
    data = Dataset(table("target", a=[0, 0, -1]), table("price", a=[1, 2, 3]), freq="D")
    state = json.loads(json.dumps(check(data, horizon=2).to_json()))
    assert (state["errors"], state["warnings"]) == (
        0,
        len([f for f in state["findings"] if f["severity"] == "warning"]),
    )
    assert all(finding["meaning"] for finding in state["findings"])


def test_every_code_that_is_reported_has_its_advice():
    engine = Path(foretell.__file__).parent
    pattern = re.compile(r'\.(?:note|warn|error)\(\s*"(\w+)"|findings\.warn, "(\w+)"|Finding\("\w+", "(\w+)"')
    codes = {
        code
        for path in engine.rglob("*.py")
        for found in pattern.findall(path.read_text())
        for code in found
        if code
    }
    assert len(codes) > 30
    assert codes <= set(ADVICE)


SPOILT = (
    "item_id,timestamp,target\n"
    "a,2024-01-01,1\na,2024-01-02,two\na,2024-01-03,3\na,2024-01-03,4\na,2024-01-32,5\n"
    ",2024-01-04,6\nb,2024-01-01,1e39\nb,2024-01-02,2\n"
)
SPOILT_PRICES = "item_id,timestamp,price\na,2024-01-01,1\na,soon,2\nb,2024-01-01,3\nb,2024-01-02,4\n"
SPOILT_ITEMS = "item_id,size\na,1\na,2\n,3\nb,4\n"


@pytest.fixture
def spoilt(tmp_path):
    """Tables with a fault of every kind."""
    for name, text in (("sales", SPOILT), ("prices", SPOILT_PRICES), ("items", SPOILT_ITEMS)):
        (tmp_path / f"{name}.csv").write_text(text)
    return [str(tmp_path / f"{name}.csv") for name in ("sales", "prices", "items")]


def test_a_check_lists_every_kind_of_fault_with_the_rows_key_and_file(spoilt):
    sales, prices, items = spoilt
    data = Dataset(sales, prices, items, freq="D", known=["price"], tolerant=True)
    errors = [(error.code, error.count, error.message) for error in check(data).errors]
    assert [error[:2] for error in errors] == [
        ("no_key", 1),
        ("repeated_key", 1),
        ("bad_time", 1),
        ("no_key", 1),
        ("bad_number", 1),
        ("bad_time", 1),
        ("duplicates", 1),
        ("infinite", 1),
    ]
    expected = [
        "1 rows lack a part of their key (item_id), first in",
        "item 'a': 2 rows in the items table",
        "item 'a' in {sales}: 'timestamp' '2024-01-32' does not parse",
        "1 rows have no 'item_id', first at 2024-01-04 in {sales}",
        "item 'a' at 2024-01-02 in {sales}: 'target' must be a number, got 'two'",
        "item 'a' in {prices}: 'timestamp' 'soon' does not parse",
        "item 'a': 2 rows at 2024-01-03 in the target table",
        "item 'b' at 2024-01-01 in {sales}: 'target' must be a finite number",
    ]
    for text, (_, _, message) in zip(expected, errors, strict=True):
        assert text.format(sales=sales, prices=prices) in message
        assert "\n" not in message


def test_what_a_fault_leaves_is_read_and_a_run_stops_at_the_first(spoilt):
    sales, prices, items = spoilt
    data = Dataset(sales, prices, items, freq="D", known=["price"], tolerant=True)
    assert data.panel.keys["item_id"].tolist() == ["a", "b"]
    assert np.isnan(data.panel.history(0)[1])
    assert np.isnan(data.panel.target).tolist() == [
        False,
        True,
        False,
        True,
        False,
        True,
    ]  # two; 1e39; no third day
    assert data.rows["the target table (sales.csv)"] == 6
    with pytest.raises(ForetellError, match="lack a part of their key"):
        train(data, recipe="seasonal_naive", horizon=1)
    with pytest.raises(ForetellError, match="rows lack a part of their key"):
        Dataset(sales, prices, items, freq="D", known=["price"])
    with pytest.raises(ForetellError, match="2024-01-32"):
        Dataset(sales, prices, freq="D", known=["price"])


def test_an_open_column_of_other_numbers_and_times_off_the_grid_are_listed_too():
    sold = table("target", a=range(6))
    sold.loc[2, "timestamp"] += pd.Timedelta(hours=3)
    doors = table("door", a=[1, 1, 2, 1, 0, 1])
    data = Dataset(sold, doors, freq="D", open="door", strict=True, tolerant=True)
    assert [(error.code, error.count) for error in check(data).errors] == [("off_grid", 1), ("not_open", 1)]
    assert np.isnan(data.panel.known[2, 0])


def test_words_in_metadata_numbers_are_listed():
    items = pd.DataFrame({"item_id": ["a", "b"], "size": [1.0, np.inf]})
    data = Dataset(table("target", a=[1, 2], b=[1, 2]), items=items, freq="D", tolerant=True)
    (error,) = check(data).errors
    assert error.code == "bad_number"
    assert "item 'b': 'size' of the items table must be a finite number" in error.message
    assert np.isnan(data.panel.static_real[1, 0])


def test_what_was_found_before_the_end_of_a_reading_is_not_lost():
    sold = table("target", a=[1, 2]).astype({"timestamp": str})
    sold.loc[0, "timestamp"] = "soon"
    with pytest.raises(ForetellError, match="promo") as caught:
        Dataset(sold, freq="D", known=["promo"], tolerant=True)
    assert [finding.code for finding in caught.value.findings if finding.severity == "error"] == ["bad_time"]
    with pytest.raises(ForetellError, match="no rows that can be read"):
        Dataset(sold.iloc[:1], freq="D", tolerant=True)


@pytest.mark.parametrize(("other", "alike"), [("a ", 2), ("A", 2), ("a.0", 2), ("b", 0)])
def test_names_that_differ_by_next_to_nothing_are_reported(other: str, alike: int) -> None:
    frame = pd.DataFrame(
        {
            "item_id": ["a"] * 9 + [other] * 9,
            "timestamp": [*pd.date_range("2024-01-01", periods=9)] * 2,
            "target": 1.0,
        }
    )
    found = [f for f in check(Dataset(frame, freq="D")) if f.code == "alike_ids"]
    assert [f.count for f in found] == [alike] * (alike > 0)
