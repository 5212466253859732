"""The three tables together: who a related row concerns, known and past, metadata, cold start, a model's schema."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from foretell.data.columns import columns, names_of
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset, make_future_frame

NAN = np.nan


def table(names, days, first="2024-01-01", **columns):
    """A row an item and day, item by item; columns are lists of one value a row, or functions of the row number."""
    rows = pd.MultiIndex.from_product(
        [names, pd.date_range(first, periods=days)], names=["item_id", "timestamp"]
    )
    frame = rows.to_frame(index=False)
    for name, values in columns.items():
        frame[name] = [values(i) for i in range(len(frame))] if callable(values) else values
    return frame


def sales(names=("a", "b"), days=3):
    return table(names, days, target=lambda i: float(i))


def found(data, code):
    return [finding for finding in data.findings if finding.code == code]


def test_a_column_that_goes_on_after_the_end_is_known_and_one_that_does_not_is_past():
    related = table(["a", "b"], 5, promo=1.0, price=lambda i: 2.0 if i % 5 < 3 else None)
    data = Dataset(sales(), related, freq="D")
    assert (data.schema.known, data.schema.past) == (columns("promo"), columns("price"))
    assert data.panel.future == 2
    assert data.panel.known.shape == (2 * (3 + 2), 1)
    assert "'promo' counts as known" in found(data, "known")[0].message
    assert "'price' counts as past" in found(data, "past")[0].message


def test_one_item_that_does_not_go_on_makes_a_column_past():
    related = table(["a", "b"], 5, promo=1.0).query("item_id == 'a' or timestamp <= '2024-01-03'")
    assert names_of(Dataset(sales(), related, freq="D").schema.past) == ("promo",)
    assert names_of(Dataset(sales(), related, freq="D", known=["promo"]).schema.known) == ("promo",)


def test_declared_columns_are_what_they_are_declared():
    related = table(["a", "b"], 5, promo=1.0, open=1)
    data = Dataset(sales(), related, freq="D", past=["promo"], open="open")
    assert (data.schema.known, data.schema.past, data.schema.open) == (
        columns("open"),
        columns("promo"),
        "open",
    )
    assert not found(data, "known")
    assert not found(data, "past")


def test_values_stand_at_their_item_and_step():
    related = table(["b", "a"], 5, promo=lambda i: float(i))  # b has 0 .. 4, a has 5 .. 9
    panel = Dataset(sales(), related, freq="D").panel
    got = panel.known_at(np.array([0, 1]), panel.start[:, None] + np.arange(-1, 6))
    np.testing.assert_array_equal(got[..., 0], [[NAN, 5, 6, 7, 8, 9, NAN], [NAN, 0, 1, 2, 3, 4, NAN]])


def test_the_future_is_kept_no_longer_than_the_longest_series():
    related = table(["a", "b"], 500, promo=1.0)
    assert Dataset(sales(days=4), related, freq="D").panel.future == 4


def test_related_rows_may_concern_a_dimension():
    target = pd.concat([sales().assign(store="x"), sales().assign(store="y")])
    weather = table(["y", "x"], 4, rain=lambda i: float(i)).rename(columns={"item_id": "store"})
    panel = Dataset(target, weather, freq="D", dimensions=["store"]).panel
    assert panel.names == ["a / x", "a / y", "b / x", "b / y"]
    assert panel.known.reshape(4, 4).tolist() == [[4, 5, 6, 7], [0, 1, 2, 3]] * 2


def test_related_rows_may_concern_a_column_of_the_metadata():
    items = pd.DataFrame({"item_id": ["a", "b", "c"], "region": ["north", "south", None]})
    weather = table(["south", "north", "west"], 4, rain=lambda i: float(i)).rename(
        columns={"item_id": "region"}
    )
    panel = Dataset(sales(("a", "b", "c")), weather, items, freq="D", known=["rain"]).panel
    expected = [[4, 5, 6, 7], [0, 1, 2, 3], [NAN] * 4]
    np.testing.assert_array_equal(panel.known[:, 0].reshape(3, 4), expected)
    assert names_of(panel.schema.known) == ("rain", "rain is missing")


def test_related_rows_may_concern_everyone():
    holidays = table(["any"], 5, holiday=lambda i: float(i == 1)).drop(columns="item_id")
    data = Dataset(sales(), holidays, freq="D")
    assert data.panel.known.reshape(2, 5).tolist() == [[0, 1, 0, 0, 0]] * 2
    assert found(data, "by_time")


def test_several_related_tables_are_joined():
    prices = table(["a", "b"], 5, price=lambda i: float(i))
    holidays = table(["any"], 5, holiday=lambda i: float(i == 1)).drop(columns="item_id")
    data = Dataset(sales(), [prices, holidays], freq="D")
    assert names_of(data.schema.known) == ("price", "holiday")
    with pytest.raises(ForetellError, match="column 'price' is in two related tables"):
        Dataset(sales(), [prices, prices], freq="D")


def test_text_becomes_a_column_for_each_common_value_and_one_for_the_others():
    words = [f"w{i:02}" for i in range(35) for _ in range(40 - i)]  # w00 forty times, w01 thirty-nine, ...
    related = table(["a"], len(words), event=words)
    target = table(["a"], len(words), target=1.0)
    panel = Dataset(target, related, freq="D", known=["event"], text_values=32).panel
    assert len(panel.schema.known) == 33
    assert panel.schema.vocabularies["event"] == tuple(f"w{i:02}" for i in range(32))
    assert panel.known[:, -1].sum() == 8 + 7 + 6  # w32, w33 and w34 are others
    assert (panel.known.sum(axis=1) == 1).all()


def test_a_row_without_a_text_has_none_of_its_values_and_no_row_is_not_observed():
    related = table(["a"], 3, event=["fair", None, "rain"]).iloc[:2]
    panel = Dataset(sales(["a"]), related, freq="D", known=["event"]).panel
    np.testing.assert_array_equal(panel.known, [[1, 0], [0, 0], [NAN, NAN]])
    assert names_of(panel.schema.known) == ("event=fair", "event=other")


def test_true_and_false_become_one_and_zero(tmp_path):
    related = table(["a", "b"], 3, promo=[True, False, True, None, False, False])
    related.to_csv(tmp_path / "promo.csv", index=False)
    for source in (related, tmp_path / "promo.csv"):
        panel = Dataset(sales(), source, freq="D", known=["promo"]).panel
        np.testing.assert_array_equal(panel.known[:, 0], [1, 0, 1, NAN, 0, 0])


def test_a_missing_number_gets_an_indicator():
    related = table(["a", "b"], 3, price=[1, 2, NAN, 4, 5, 6])
    panel = Dataset(sales(), related, freq="D").panel
    assert names_of(panel.schema.past) == ("price", "price is missing")
    np.testing.assert_array_equal(panel.past, [[1, 0], [2, 0], [NAN, 1], [4, 0], [5, 0], [6, 0]])


def test_a_filled_future_makes_a_column_known_ahead():
    related = table(["a", "b"], 3, price=lambda i: float(i))
    panel = Dataset(sales(), related, freq="D", filling={"price": {"future": "previous"}}).panel
    assert names_of(panel.schema.known) == ("price",)
    assert panel.known.reshape(2, -1).tolist() == [[0, 1, 2, 2, 2, 2], [3, 4, 5, 5, 5, 5]]
    panel.check_horizon(3)


def test_metadata_become_categories_and_numbers():
    items = pd.DataFrame(
        {"item_id": ["b", "a"], "family": ["tea", None], "size": [3.0, NAN], "new": [True, False]}
    )
    data = Dataset(sales(), items=items, freq="D")
    assert data.schema.static_cat == ("family",)
    assert data.schema.cardinalities == (2,)
    assert data.panel.static_cat.tolist() == [[0], [1]]
    assert names_of(data.schema.static_real) == ("size", "size is missing", "new")
    np.testing.assert_array_equal(data.panel.static_real, [[NAN, 1, 0], [3, 0, 1]])


def test_a_text_that_groups_nothing_is_left_out_and_reported():
    names = [f"i{k:02}" for k in range(60)]
    items = pd.DataFrame({"item_id": names, "description": names, "family": ["tea", "pot"] * 30})
    data = Dataset(table(names, 1, target=1.0), items=items, freq="D")
    assert data.schema.static_cat == ("family",)
    assert "'description' left out" in found(data, "left_out")[0].message


def test_dates_in_metadata_are_left_out_and_in_related_refused():
    items = pd.DataFrame({"item_id": ["a", "b"], "since": pd.to_datetime(["2020-01-01"] * 2)})
    assert found(Dataset(sales(), items=items, freq="D"), "left_out")
    related = table(["a", "b"], 3, until=pd.Timestamp("2025-01-01"))
    with pytest.raises(ForetellError, match="column 'until' of the related table must hold numbers"):
        Dataset(sales(), related, freq="D")


def test_items_that_only_other_tables_have_join_without_history():
    items = pd.DataFrame({"item_id": ["a", "b", "new"], "size": [1, 2, 3]})
    data = Dataset(sales(), table(["a", "b", "newer"], 5, promo=1.0), items, freq="D", known=["promo"])
    panel = data.panel
    assert panel.names == ["a", "b", "new", "newer"]
    assert panel.lengths.tolist() == [3, 3, 0, 0]
    assert panel.start[2] == panel.origin[2] == panel.origin[0]
    assert panel.closed(2).shape == (4, 2)
    np.testing.assert_array_equal(panel.known[-2:, 0], [1, 1])
    assert found(data, "cold_start")[0].count == 2
    assert found(data, "no_metadata")[0].count == 1


def test_a_new_item_without_its_dimensions_is_left_out_and_reported():
    items = pd.DataFrame({"item_id": ["a", "b", "new"], "size": [1, 2, 3]})
    data = Dataset(sales().assign(store="x"), items=items, freq="D", dimensions=["store"])
    assert data.panel.names == ["a / x", "b / x"]
    assert data.panel.static_real[:, 0].tolist() == [1, 2]
    assert "first item 'new'" in found(data, "left_out")[0].message


@pytest.mark.parametrize(
    ("related", "options", "message"),
    [
        (
            {"promo": 1.0},
            {"known": ["promos"]},
            "known column 'promos' is in no related table. Did you mean 'promo'",
        ),
        ({"promo": 1.0}, {"past": ["promos"]}, "past column 'promos' is in no related table"),
        ({"promo": 1.0}, {"open": "opne"}, "open column 'opne' is in no related table"),
        (
            {"open": [1, 0, 2, 1, 1, 1]},
            {"open": "open"},
            "item 'a' at 2024-01-03: the open column 'open' must be 0 or 1, got 2",
        ),
        ({"open": "yes"}, {"open": "open"}, "open column 'open' must be 0 or 1, but it holds text"),
        ({"price": [1, 2, np.inf, 1, 1, 1]}, {}, "item 'a' at 2024-01-03: 'price' must be a finite number"),
        ({"kind": "x"}, {"aggregation": {"kind": "sum"}}, "'sum' needs numbers, the column holds text"),
        ({"kind": "x"}, {"filling": {"kind": {"middle": "mean"}}}, "no method 'mean' there"),
        ({"price": 1.0}, {"past": ["price"], "filling": {"price": {"future": "zero"}}}, "no place 'future'"),
    ],
)
def test_what_is_wrong_with_a_related_table_is_said_in_one_message(related, options, message):
    with pytest.raises(ForetellError, match=message):
        Dataset(sales(), table(["a", "b"], 3, **related), freq="D", **options)


def test_the_same_related_row_twice_is_refused_unless_it_is_aggregated():
    related = table(["a", "b"], 3, price=lambda i: float(i))
    twice = pd.concat([related, related.assign(price=related["price"] + 1)])
    with pytest.raises(ForetellError, match="item 'a': 2 rows at 2024-01-01 in the related table"):
        Dataset(sales(), twice, freq="D")
    panel = Dataset(sales(), twice, freq="D", aggregation={"price": "max"}).panel
    assert panel.past[:, 0].tolist() == [1, 2, 3, 4, 5, 6]


def test_a_table_for_everyone_with_several_rows_a_day_asks_for_its_key():
    related = table(["a", "b"], 3, price=1.0).rename(columns={"item_id": "sku"})
    with pytest.raises(ForetellError, match="name that column item_id"):
        Dataset(sales(), related, freq="D")


def test_an_item_twice_in_the_metadata_is_refused():
    items = pd.DataFrame({"item_id": ["a", "b", "b"], "size": [1, 2, 3]})
    with pytest.raises(ForetellError, match="item 'b': 2 rows in the items table"):
        Dataset(sales(), items=items, freq="D")


def test_metadata_without_rows_are_refused():
    with pytest.raises(ForetellError, match="the items table has no rows"):
        Dataset(sales(), items=pd.DataFrame({"item_id": [], "size": []}), freq="D")


def test_metadata_without_a_key_are_refused():
    with pytest.raises(ForetellError, match="the items table has no column 'item_id'"):
        Dataset(sales(), items=pd.DataFrame({"name": ["a"]}), freq="D")


def trained():
    related = table(["a", "b"], 5, event=["x", "y"] * 5, price=[1.0, NAN, *[2.0] * 8])
    items = pd.DataFrame({"item_id": ["a", "b"], "family": ["tea", "pot"], "size": [1.0, NAN]})
    return Dataset(sales(), related, items, freq="D", known=["event"], past=["price"])


def newer(**changes):
    related = table(["a", "b"], 9, **({"event": ["y", "z", "x"] * 6, "price": 2.0, "extra": 1.0} | changes))
    items = pd.DataFrame(
        {"item_id": ["a", "b"], "family": ["tea", "cup"], "size": [4.0, 5.0], "more": ["p", "q"]}
    )
    return Dataset(sales(days=6), related, items, freq="D")


def test_newer_data_are_read_with_a_models_columns_and_categories():
    schema = trained().schema
    panel = newer()._encode(schema)
    assert panel.schema == schema
    assert names_of(panel.schema.known) == ("event=x", "event=y", "event=other")
    assert panel.known[:3].tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
    assert panel.past[:2].tolist() == [[2, 0], [2, 0]]  # the indicator stays, all present
    assert panel.static_cat.tolist() == [[2], [0]]  # pot, tea; cup is unknown
    assert panel.static_real.tolist() == [[4, 0], [5, 0]]


def test_a_schema_survives_json_and_encodes_the_same():
    data = trained()
    schema = Schema.from_json(json.loads(json.dumps(data.schema.to_json())))
    assert schema == data.schema
    other = Dataset(data._target, data._related, data._items, freq="D", schema=schema)
    assert other.fingerprint == data.fingerprint


@pytest.mark.parametrize(
    ("related", "message"),
    [
        (
            lambda frame: frame.drop(columns="event"),
            "trained with the known column 'event', which no related table has",
        ),
        (
            lambda frame: frame.rename(columns={"price": "prices"}),
            "past column 'price'.*Did you mean 'prices'",
        ),
        (lambda frame: frame.assign(price="cheap"), "'price' must be a number, got 'cheap'"),
    ],
)
def test_a_column_that_the_model_needs_must_be_there(related, message):
    data = trained()
    other = Dataset(data._target, related(data._related[0]), data._items, freq="D")
    with pytest.raises(ForetellError, match=message):
        other._encode(data.schema)


def test_a_model_with_metadata_needs_metadata():
    data = trained()
    with pytest.raises(ForetellError, match=r"trained with item metadata .*Give the items table"):
        Dataset(data._target, data._related, freq="D")._encode(data.schema)


def test_a_model_of_another_frequency_or_key_is_refused():
    schema = trained().schema
    with pytest.raises(ForetellError, match="trained at frequency 'D', these data are read at 'W-SUN'"):
        Dataset(sales(), freq="W")._encode(schema)
    with pytest.raises(ForetellError, match="keyed by item_id, store"):
        Dataset(sales(), freq="D")._encode(replace(schema, key=("item_id", "store")))


def test_an_arrow_stream_can_be_encoded_again():
    stream = pa.Table.from_pandas(sales()).to_reader()
    data = Dataset(stream, freq="D")
    longer = replace(data.schema, seasons=(14,))
    assert data._encode(longer).season == 14


def test_the_future_frame_has_the_rows_that_a_forecast_needs():
    target = sales().rename(columns={"item_id": "sku", "timestamp": "day"})
    related = table(["a", "b"], 3, promo=1.0, event="x").rename(
        columns={"item_id": "sku", "timestamp": "day"}
    )
    data = Dataset(target, related, freq="D", item_id="sku", timestamp="day", known=["promo", "event"])
    frame = make_future_frame(data, 2)
    assert list(frame.columns) == ["sku", "day", "promo", "event"]
    assert frame["sku"].tolist() == ["a", "a", "b", "b"]
    assert frame["day"].astype(str).tolist() == ["2024-01-04", "2024-01-05"] * 2
    assert frame[["promo", "event"]].isna().all(axis=None)
    more = pd.concat([related, frame.assign(promo=0.0, event="x")])
    longer = Dataset(target, more, freq="D", item_id="sku", timestamp="day", known=["promo", "event"])
    longer.panel.check_horizon(2)


def test_equal_data_have_equal_fingerprints_and_others_do_not():
    assert (
        Dataset(sales(), freq="D").fingerprint
        == Dataset(sales().sample(frac=1, random_state=1), freq="D").fingerprint
    )
    assert Dataset(sales(), freq="D").fingerprint != Dataset(sales(days=4), freq="D").fingerprint
