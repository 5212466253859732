"""Rows onto the grid: sources, keys, time, several rows of one step, and every error a table can cause."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset
from foretell.ingest.keyed_rows import _spool as _SPOOL

NAN = np.nan


def sales(**changes):
    """Two items over three days; b has no second day."""
    table = {
        "item_id": ["b", "a", "a", "b", "a"],
        "timestamp": pd.to_datetime(["2024-01-03", "2024-01-01", "2024-01-03", "2024-01-01", "2024-01-02"]),
        "target": [6.0, 1.0, 3.0, 4.0, 2.0],
    }
    return pd.DataFrame(table | changes)


def codes(data):
    return [finding.code for finding in data.findings]


def test_rows_in_any_order_land_on_their_steps_and_items_are_sorted():
    panel = Dataset(sales(), freq="D").panel
    assert panel.names == ["a", "b"]
    np.testing.assert_array_equal(panel.target, np.array([1, 2, 3, 4, NAN, 6], np.float32))
    assert panel.frequency.timestamps(panel.origin[:1]) == np.datetime64("2024-01-04")


@pytest.mark.parametrize(
    "convert",
    [
        pl.from_pandas,
        lambda frame: pl.from_pandas(frame).lazy(),
        lambda frame: pl.from_pandas(frame).with_columns(pl.col("item_id").cast(pl.Categorical)),
        pa.Table.from_pandas,
        lambda frame: pa.Table.from_pandas(frame).to_reader(),
        lambda frame: frame.astype({"target": np.float16}),
        lambda frame: pa.Table.from_pandas(frame).cast(
            pa.schema(
                [("item_id", pa.string_view()), ("timestamp", pa.date64()), ("target", pa.decimal256(50, 2))]
            )
        ),
        lambda frame: frame.set_index(["item_id", "timestamp"]),
        lambda frame: frame.astype({"item_id": "category", "target": "Int64"}),
        lambda frame: frame.assign(
            timestamp=frame["timestamp"].dt.date, target=frame["target"].astype(object)
        ),
        lambda frame: frame.assign(timestamp=frame["timestamp"].dt.strftime("%Y-%m-%d")),
        lambda frame: frame.assign(timestamp=frame["timestamp"].dt.to_period("D")),
        lambda frame: frame.assign(timestamp=frame["timestamp"].dt.tz_localize("Europe/Berlin")),
    ],
)
def test_every_kind_of_table_gives_the_same_panel(convert):
    plain, other = Dataset(sales(), freq="D"), Dataset(convert(sales()), freq="D")
    assert other.fingerprint == plain.fingerprint


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_files_folders_and_globs_give_the_same_panel(tmp_path, ending):
    write = "to_parquet" if ending == "parquet" else "to_csv"
    for part, frame in enumerate([sales().iloc[:2], sales().iloc[2:]]):
        getattr(frame, write)(tmp_path / f"part{part}.{ending}", index=False)
    plain = Dataset(sales(), freq="D").fingerprint
    assert Dataset(str(tmp_path / f"*.{ending}"), freq="D").fingerprint == plain
    assert Dataset(tmp_path, freq="D").fingerprint == plain


def test_ids_of_a_csv_stay_as_they_are_written(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text(
        "item_id,timestamp,target\n007,2024-01-01,1\n7,2024-01-01,2\n007,2024-01-02,NA\n007,2024-01-03,\n"
    )
    panel = Dataset(path, freq="D").panel
    assert panel.names == ["007", "7"]
    np.testing.assert_array_equal(panel.history(0), np.array([1, NAN, NAN], np.float32))


def test_an_id_is_the_same_whether_written_as_a_number_or_as_text():
    items = pd.DataFrame({"item_id": [1.0, 2.0], "size": [10, 20]})
    panel = Dataset(sales(item_id=[2, 1, 1, 2, 1]), items=items, freq="D").panel
    assert panel.names == ["1", "2"]
    assert panel.static_real[:, 0].tolist() == [10, 20]


@pytest.mark.parametrize(
    "names",
    [
        ("unique_id", "ds", "y"),
        ("item_id", "timestamp", "demand"),
        ("item_id", "timestamp", "target_value"),
        ("item_id", "ds", "value"),
    ],
)
def test_the_usual_column_names_are_recognised(names):
    frame = sales().set_axis(list(names), axis=1)
    assert Dataset(frame, freq="D").fingerprint == Dataset(sales(), freq="D").fingerprint


def test_other_column_names_can_be_given():
    frame = sales().set_axis(["sku", "day", "sold"], axis=1)
    data = Dataset(frame, freq="D", item_id="sku", timestamp="day", target_column="sold")
    assert data.fingerprint == Dataset(sales(), freq="D").fingerprint
    assert data.schema.key == ("item_id",)


def test_dimensions_widen_the_key():
    frame = pd.concat([sales(store=["s"] * 5), sales(store=["r"] * 5, target=[0.0] * 5)])
    panel = Dataset(frame, freq="D", dimensions=["store"]).panel
    assert panel.names == ["a / r", "a / s", "b / r", "b / s"]
    assert panel.history(1).tolist() == [1, 2, 3]


def test_all_series_end_together_unless_each_has_its_own_end():
    frame = sales().drop(index=0)  # b has nothing after the first day
    assert Dataset(frame, freq="D").panel.lengths.tolist() == [3, 3]
    own = Dataset(frame, freq="D", ends="own").panel
    assert own.lengths.tolist() == [3, 1]
    assert own.origin.tolist() == [own.start[0] + 3, own.start[1] + 1]


def test_leading_steps_without_a_value_are_not_part_of_a_series():
    panel = Dataset(sales(target=[6.0, NAN, 3.0, 4.0, 2.0]), freq="D").panel
    assert panel.lengths.tolist() == [2, 3]


def test_rows_without_any_value_at_the_end_still_end_the_target_and_are_reported():
    late = pd.DataFrame({"item_id": "a", "timestamp": pd.to_datetime(["2024-01-05"]), "target": [NAN]})
    data = Dataset(pd.concat([sales(), late]), freq="D")
    assert data.panel.lengths.tolist() == [5, 5]
    assert "late_rows" in codes(data)


def test_integer_time_needs_no_dates():
    frame = pd.DataFrame({"item_id": "a", "timestamp": [-2, 0, 1], "target": [1, 2, 3]})
    data = Dataset(frame, freq="1", season=[3, 5])
    np.testing.assert_array_equal(data.panel.target, np.array([1, NAN, 2, 3], np.float32))
    assert (data.panel.start[0], data.schema.seasons) == (-2, (3, 5))


def test_years_and_months_may_be_written_short():
    years = pd.DataFrame({"item_id": "a", "timestamp": [1968, 1969, 1970], "target": [1, 2, 3]})
    assert Dataset(years, freq="YS").panel.start[0] == -2
    months = pd.DataFrame({"item_id": "a", "timestamp": ["1969-12", "1970-01"], "target": [1, 2]})
    assert Dataset(months, freq="MS").panel.start[0] == -1


def test_multiples_count_from_the_first_timestamp():
    dates = pd.date_range("2024-01-02", periods=4, freq="2D")
    panel = Dataset(
        pd.DataFrame({"item_id": "a", "timestamp": dates, "target": [1, 2, 3, 4]}), freq="2D", strict=True
    ).panel
    assert panel.target.tolist() == [1, 2, 3, 4]
    assert panel.frequency.timestamps(panel.start[:1]) == np.datetime64("2024-01-02")


def test_different_times_within_a_step_are_summed_and_reported():
    hours = pd.to_datetime(["2024-01-01 09:00", "2024-01-01 17:30", "2024-01-02 09:00"])
    price = pd.DataFrame(
        {"item_id": "a", "timestamp": hours, "price": [1.0, 3.0, 5.0], "kind": ["x", "y", "z"]}
    )
    sold = pd.DataFrame({"item_id": "a", "timestamp": hours, "target": [1.0, 2.0, 4.0]})
    data = Dataset(sold, price, freq="D", past=["price", "kind"])
    assert data.panel.target.tolist() == [3, 4]
    assert data.panel.past[:, 0].tolist() == [2, 5]
    assert data.panel.past[0].tolist()[1:] == [0, 1, 0, 0]  # kind: x, y, z, other; the last of the day is y
    assert codes(data).count("aggregated") == 2


def test_sums_are_made_in_float64():
    times = pd.to_datetime(["2024-01-01"] * 3)
    frame = pd.DataFrame({"item_id": "a", "timestamp": times, "target": [16777216.0, 1.0, 1.0]})
    panel = Dataset(frame, freq="D", aggregation={"target": "sum"}).panel
    assert panel.target.tolist() == [16777218.0]  # in float32, 2**24 + 1 is 2**24 again


@pytest.mark.parametrize(
    ("method", "expected"),
    [("sum", 9), ("mean", 3), ("median", 2), ("min", 1), ("max", 6), ("first", 2), ("last", 1)],
)
def test_each_aggregation_makes_one_of_several(method, expected):
    times = pd.to_datetime(["2024-01-01 01:00", "2024-01-01 02:00", "2024-01-01 03:00", "2024-01-02 00:00"])
    frame = pd.DataFrame({"item_id": "a", "timestamp": times, "target": [2.0, 6.0, 1.0, 5.0]})
    assert Dataset(frame, freq="D", aggregation={"target": method}).panel.target.tolist() == [expected, 5]


def test_an_hour_that_is_closed_does_not_close_the_day():
    hours = pd.to_datetime(["2024-01-01 09:00", "2024-01-01 17:00"])
    frame = pd.DataFrame({"item_id": "a", "timestamp": hours, "open": [0, 1], "target": [0, 2]})
    assert Dataset(frame, frame, freq="D", open="open").panel.known.tolist() == [[1]]


def bad(column, row, value):
    frame = sales().astype({column: object})
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (
            sales().drop(columns="timestamp"),
            {},
            "has no column 'timestamp'. It has: item_id, target. Name the right one with timestamp=",
        ),
        (sales().drop(columns="target"), {}, "has no column 'target'.*target_column="),
        (sales(), {"item_id": "item_di"}, "no column 'item_di'. Did you mean 'item_id'"),
        (sales(), {"dimensions": ["store"]}, "no column 'store'"),
        (bad("timestamp", 3, "Jan 1"), {}, "item 'b': 'timestamp' 'Jan 1' does not parse \\(1 such rows"),
        (bad("timestamp", 3, None), {}, "item 'b': 'timestamp' is empty"),
        (bad("item_id", 3, None), {}, "1 rows have no 'item_id'"),
        (bad("target", 2, "many"), {}, "item 'a' at 2024-01-03: 'target' must be a number, got 'many'"),
        (bad("target", 4, np.inf), {}, "item 'a' at 2024-01-02: 'target' must be a finite number.*got inf"),
        (bad("target", 0, -1e39), {}, "item 'b' at 2024-01-03: 'target' must be a finite number.*got -1e"),
        (
            pd.concat([sales(), sales().iloc[[2]]]),
            {},
            "item 'a': 2 rows at 2024-01-03 in the target table.*aggregation=",
        ),
        (sales(target=[NAN] * 5), {}, "no observed value"),
        (sales(target=[None] * 5), {}, "no observed value"),
        (sales().iloc[:0], {}, "the target table has no rows"),
        (sales(), {"strict": True, "freq": "MS"}, "item 'a' at 2024-01-02: not on the frequency 'MS'"),
        (sales(), {"freq": "fortnight"}, "frequency must be one of"),
        (
            sales(),
            {"freq": "1"},
            "freq='1' means integer time, but 'timestamp' of the target table holds dates",
        ),
        (
            sales(timestamp=[1, 2, 3, 4, 5]),
            {},
            "holds numbers, expected dates. For integer time give freq='1'",
        ),
        (sales(target=sales()["timestamp"]), {}, "must hold numbers"),
        (sales(target=sales()["timestamp"] - pd.Timestamp("2024-01-01")), {}, "must hold numbers"),
        (
            sales(timestamp=[1, 2, 3.5, 4, 5]),
            {"freq": "1"},
            "item 'a': 'timestamp' '3.5' does not parse.*a whole number",
        ),
        (sales(), {"ends": "never"}, "ends must be 'last' or 'own', got 'never'"),
        (sales(), {"season": 0}, "season must be a whole number"),
        (sales(), {"aggregation": {"target": "sun"}}, "no method 'sun'. Did you mean 'sum'"),
        (sales(), {"aggregation": {"price": "sum"}}, "names 'price', which is neither"),
        (sales(), {"filling": {"price": {"middle": "zero"}}}, "names 'price', which is neither"),
        (sales(), {"filling": {"target": {"middle": "zap"}}}, "no method 'zap'"),
        (sales(), {"known": "promo"}, "known must be a list of column names"),
        (sales(), {"known": ["promo"]}, "known column 'promo' is in no related table"),
        (sales(promo=1), {"known": ["promo"]}, "It is in the target table: give that table as related= too"),
        (sales(), {"known": ["a"], "past": ["a"]}, "declared both known and past"),
        (sales(), {"open": "a", "past": ["a"]}, "must be known ahead"),
        (
            [1, 2],
            {},
            "must be a pandas, polars or Arrow table, a DuckDB relation, a path, a glob or foretell.Sql, got a list of int",
        ),
    ],
)
def test_what_is_wrong_with_a_target_is_said_in_one_message(frame, options, message):
    with pytest.raises(ForetellError, match=message):
        Dataset(frame, **({"freq": "D"} | options))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("absent.csv", "target: no such file: .*absent.csv"),
        ("*.parquet", "target: no file matches"),
        ("sales.sav", r"must be CSV .*, Parquet .* or Excel"),
        ("sales.xlsx", "is no workbook of Excel"),
        ("empty.csv", "empty.csv"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_message(tmp_path, path, message):
    (tmp_path / "sales.xlsx").write_text("x")
    (tmp_path / "sales.sav").write_text("x")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ForetellError, match=message):
        Dataset(tmp_path / path, freq="D")


def test_text_far_down_a_csv_is_named_with_its_row(tmp_path):
    path = tmp_path / "sales.csv"
    days = [datetime.date(1900, 1, 1) + datetime.timedelta(days=i) for i in range(40_000)]
    rows = [f"a,{day},{'x1' if i == 39_000 else i}" for i, day in enumerate(days)]
    path.write_text("\n".join(["item_id,timestamp,target", *rows]))
    with pytest.raises(
        ForetellError, match=r"item 'a' at 2006-10-12 in .*sales.csv: 'target' must be a number, got 'x1'"
    ):
        Dataset(path, freq="D")


def test_a_large_text_file_gives_the_same_panel_and_the_same_errors(tmp_path, monkeypatch):
    rows = [f"{item},2024-01-{day:02},{day / 2},{day % 2}" for day in range(1, 29) for item in ("007", "b")]
    path, bad = tmp_path / "sales.csv", tmp_path / "bad.csv"
    path.write_text("\n".join(["item_id,timestamp,target,promo", *rows]))
    bad.write_text("\n".join(["item_id,timestamp,target,promo", *rows, "b,2024-01-29,x1,0"]))
    small = Dataset(path, path, freq="D", known=["promo"])
    spooled = []
    monkeypatch.setattr("foretell.ingest.sources._COSTLY", 0)
    monkeypatch.setattr(
        "foretell.ingest.keyed_rows._spool", lambda *given: spooled.append(given) or _SPOOL(*given)
    )
    large = Dataset(path, path, freq="D", known=["promo"])
    assert spooled
    assert large.fingerprint == small.fingerprint
    with pytest.raises(ForetellError, match=r"item 'b' at 2024-01-29 in .*bad.csv: 'target' .* got 'x1'"):
        Dataset(bad, freq="D")


def test_a_date_far_off_is_named_before_memory_runs_out():
    frame = sales(
        timestamp=pd.to_datetime(["2024-01-03", "1700-01-01", "2024-01-03", "2024-01-01", "2024-01-02"])
    )
    big = pd.concat([frame.assign(item_id=frame["item_id"] + str(i)) for i in range(2000)])
    with pytest.raises(ForetellError, match=r"item 'a0' alone runs from 1700-01-01.*wrong date"):
        Dataset(big, freq="min")


def test_the_length_of_a_series_comes_from_its_dates_across_1970():
    dates = pd.date_range("1968-12-30", "1971-01-05", freq="W-FRI")
    frame = pd.DataFrame({"item_id": "a", "timestamp": dates, "target": np.arange(len(dates))})
    panel = Dataset(frame, freq="W-FRI", strict=True).panel
    assert panel.target.tolist() == list(range(len(dates)))


def test_a_row_of_another_length_is_never_taken_for_the_header(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text("item_id,timestamp,target\na,2024-01-01,1\nb,2024-01-01\nb,2024-01-02,3,4,5\n")
    with pytest.raises(
        ForetellError, match=r"sales\.csv, line 3: expected 3 columns, as the header has, got 2"
    ):
        Dataset(path, freq="D")


def test_a_grid_far_longer_than_its_rows_is_reported():
    late = pd.DataFrame({"item_id": "b", "timestamp": ["2224-01-01"], "target": [1.0]})
    frame = pd.concat([sales().astype({"timestamp": str}), late])
    assert "sparse" in codes(Dataset(frame, freq="D"))
    assert "sparse" not in codes(Dataset(sales(), freq="D"))
