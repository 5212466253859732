"""Marks between thousands, and other spellings of numbers and times that are read wrongly or not at all."""

import numpy as np
import pandas as pd
import pytest

from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset

DAYS = [f"2024-01-{day:02}" for day in range(1, 21)]


def written(tmp_path, values, mark=";", days=DAYS):
    path = tmp_path / "sales.csv"
    rows = [f"a{mark}{day}{mark}{value}" for day, value in zip(days, values, strict=True)]
    path.write_text("\n".join([f"item_id{mark}timestamp{mark}target", *rows]) + "\n")
    return str(path)


def messages(data, code):
    return [finding.message for finding in data.findings if finding.code == code]


@pytest.mark.parametrize(("decimal", "mark", "other"), [(".", ".", ","), (",", ",", ".")])
def test_values_that_may_be_thousands_name_both_readings(tmp_path, decimal, mark, other):
    path = written(tmp_path, [f"{1 + k}{mark}234" for k in range(19)] + ["7"])
    data = Dataset(path, freq="D", decimal=decimal)
    assert data.panel.target[0] == np.float32(1.234)
    (message,) = messages(data, "thousands")
    assert (
        f"such as 1{mark}234, read as 1.234; if it is 1234, ask for thousands={mark!r} and decimal={other!r}"
        in message
    )
    data = Dataset(path, freq="D", decimal=other, thousands=mark)
    assert (data.panel.target[0], data.panel.target[-1]) == (1234, 7)
    assert messages(data, "thousands") == []


@pytest.mark.parametrize(
    "values", [["1.234", "0.500"] * 10, ["1.234", "1.5"] * 10, ["12"] * 20, ["1234.567"] * 20]
)
def test_values_that_are_no_thousands_are_read_without_a_word(tmp_path, values):
    assert messages(Dataset(written(tmp_path, values), freq="D"), "thousands") == []


def test_a_mark_between_other_than_thousands_is_no_number(tmp_path):
    path = written(tmp_path, ["1,234,567.5", "12,345", "-1,000", "7.25"] * 5)
    data = Dataset(path, freq="D", thousands=",")
    assert data.panel.target[:4].tolist() == [1234567.5, 12345, -1000, 7.25]
    with pytest.raises(ForetellError, match="must be a number, got '1,23'"):
        Dataset(written(tmp_path, ["1,234"] * 19 + ["1,23"]), freq="D", thousands=",")
    with pytest.raises(ForetellError, match="another mark than decimal"):
        Dataset(path, freq="D", thousands=".")


@pytest.mark.parametrize(
    ("stamp", "said"),
    [
        ("45292", "It looks like Excel's day number, of 2024-01-01"),
        ("20240131", "It looks like a date without marks: date_format='%Y%m%d'"),
    ],
)
def test_a_number_in_place_of_a_date_is_said_to_be_one(tmp_path, stamp, said):
    with pytest.raises(ForetellError) as error:
        Dataset(written(tmp_path, range(20), days=[stamp, *DAYS[1:]]), freq="D")
    assert said in str(error.value)


@pytest.mark.parametrize("form", [" {}", "{} ", " {} ", " {} 00:00 "])
def test_blanks_around_a_date_are_no_part_of_it(tmp_path, form):
    path = written(tmp_path, range(20), days=[form.format(day) for day in DAYS])
    assert Dataset(path, freq="D").panel.target.tolist() == list(range(20))


def test_dates_read_as_whole_numbers_are_warned_of():
    table = pd.DataFrame({"item_id": "a", "timestamp": [20240101, 20240131, 20240201], "target": 1.0})
    (message,) = messages(Dataset(table, freq="1"), "dates")
    assert "from 20240101 to 20240201, which look like dates: freq='1' counts 101 steps" in message
    assert messages(Dataset(table.assign(timestamp=[1, 2, 3]), freq="1"), "dates") == []


def test_a_relation_of_duckdb_is_a_table():
    import duckdb

    table = pd.DataFrame({"item_id": "a", "timestamp": pd.to_datetime(DAYS), "target": np.arange(20.0)})
    relation = duckdb.from_df(table)
    assert Dataset(relation, freq="D").panel.target.tolist() == list(range(20))


def test_what_is_no_table_is_named_with_the_way_out():
    table = pd.DataFrame({"item_id": "a", "timestamp": pd.to_datetime(DAYS), "target": np.arange(20.0)})
    with pytest.raises(ForetellError, match="got a list of DataFrame: a list is one of paths"):
        Dataset([table, table], freq="D")
    wide = table.copy()
    wide.columns = pd.MultiIndex.from_product([["x"], wide.columns])
    with pytest.raises(ForetellError, match="columns of 2 levels, such as"):
        Dataset(wide, freq="D")
    with pytest.raises(ForetellError, match="besides the item, which 'item_id' is"):
        Dataset(table, freq="D", dimensions=["item_id"])


def test_a_filled_future_is_no_count_of_missing_steps():
    table = pd.DataFrame({"item_id": "a", "timestamp": pd.to_datetime(DAYS), "target": np.arange(20.0)})
    promo = table[["timestamp"]].assign(promo=1.0)
    data = Dataset(table, promo, freq="D", known=["promo"], filling={"promo": {"future": "previous"}})
    assert messages(data, "gaps") == ["promo: filled by previous beyond the end of its rows"]


def test_a_partial_step_whose_rows_end_at_midnight_says_the_hour():
    hours = pd.date_range("2024-01-01", "2024-04-20", freq="h")
    table = pd.DataFrame({"item_id": "a", "timestamp": hours, "target": 1.0})
    (message,) = messages(Dataset(table, freq="D"), "partial")
    assert "its rows end 2024-04-20 00:00." in message


@pytest.mark.parametrize("kind", ["money", "returns"])
def test_sales_in_money_or_with_returns_that_have_rows_only_where_something_sold_are_told(kind):
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=300)[rng.random(300) < 0.6]
    counts = rng.integers(1, 9, len(days)).astype(float)
    if kind == "returns":
        counts[::20], counts[5] = -1, 0
    else:
        counts *= 2.49
    data = Dataset(pd.DataFrame({"item_id": "a", "timestamp": days, "target": counts}), freq="D")
    (message,) = messages(data, "transactions")
    assert "such are sales in money or weight, or with returns" in message


def test_outages_of_a_meter_are_no_days_without_sales():
    hours = pd.date_range("2024-01-01", periods=2000, freq="h")
    kept = np.ones(2000, bool)
    for start in range(100, 1900, 300):
        kept[start : start + 70] = False
    load = 20 + np.sin(np.arange(2000) / 4)
    data = Dataset(pd.DataFrame({"item_id": "a", "timestamp": hours[kept], "target": load[kept]}), freq="h")
    assert messages(data, "transactions") == []
