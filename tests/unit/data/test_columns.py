"""Columns of the panel and of the user's tables: which stands for which, whatever they are called."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from foretell.checks.column_coverage import coverages, static_coverages
from foretell.data.columns import Column, columns
from foretell.data.frequency import Frequency
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset

NAN = np.nan
DAYS = pd.date_range("2024-01-01", periods=6)
EVENT = (Column.of_value("event", "fair"), Column.of_value("event", "other"))


def sales(values=(1, 2, 3, 4, 5, 6)):
    return pd.DataFrame({"item_id": "a", "timestamp": DAYS, "target": values}, dtype=None)


def related(**values):
    return pd.DataFrame({"item_id": "a", "timestamp": DAYS, **values})


def test_a_number_is_named_like_a_value_of_a_text() -> None:
    table = related(event=["fair", "rain"] * 3, **{"event=fair": range(6), "event=5": range(10, 16)})
    data = Dataset(sales(), table, freq="D", past=["event", "event=fair", "event=5"])
    names = [*map(Column.of_value, ["event"] * 3, ["fair", "rain", "other"])]
    assert data.schema.past == (*names, Column("event=fair"), Column("event=5"))
    np.testing.assert_array_equal(data.panel.past[:, 0], [1, 0, 1, 0, 1, 0])
    np.testing.assert_array_equal(data.panel.past[:, 3], range(6))
    found = {each.name: each.high for each in coverages(data.panel, None)}
    assert found == {"event": 1, "event=fair": 5, "event=5": 15}


def test_the_filling_of_a_text_is_not_that_of_a_number_named_like_its_value() -> None:
    table = related(event=["fair", None, "rain"] * 2, **{"event=5": [1, NAN, 3, 4, 5, 6]})
    filling = {"event": {"middle": {"value": "fair"}, "back": "nan"}}
    panel = Dataset(sales(), table, freq="D", past=["event", "event=5"], filling=filling).panel.until(1)
    position = panel.schema.past.index(Column("event=5"))
    np.testing.assert_array_equal(panel.past[:3, position], [1, NAN, 3])


def test_a_number_is_named_like_the_indicator_of_another() -> None:
    table = related(price=[1, NAN, 3, 4, 5, 6], **{"price is missing": range(10, 16)})
    data = Dataset(sales(), table, freq="D", past=["price", "price is missing"])
    assert data.schema.past == (Column("price"), Column.missing("price"), Column("price is missing"))
    np.testing.assert_array_equal(data.panel.past[:, 1:].T, [[0, 1, 0, 0, 0, 0], range(10, 16)])
    assert [each.name for each in coverages(data.panel, None)] == ["price", "price is missing"]


def test_its_values_stay_when_the_other_is_filled_again() -> None:
    table = related(price=[1, NAN, NAN, 4, 5, 6], **{"price is missing": range(10, 16)})
    filling = {"price": {"middle": "zero", "back": "nan"}}
    panel = Dataset(sales(), table, freq="D", past=["price", "price is missing"], filling=filling).panel
    early = panel.until(4)
    np.testing.assert_array_equal(early.past[:2, 0], [1, NAN])
    np.testing.assert_array_equal(
        early.past[:, early.schema.past.index(Column("price is missing"))], range(10, 16)
    )


def test_its_horizon_is_checked() -> None:
    table = related(price=range(6), **{"price is missing": range(6)})
    data = Dataset(sales(), table, freq="D", known=["price", "price is missing"])
    known = np.pad(data.panel.known, ((0, 2), (0, 0)), constant_values=NAN)
    known[6:, 0] = 1
    panel = replace(data.panel, known=known, future=2)
    with pytest.raises(ForetellError, match="related column 'price is missing' ends 2024-01-06"):
        panel.check_horizon(2)


def test_metadata_named_like_an_indicator() -> None:
    items = pd.DataFrame({"item_id": ["a", "b"], "size": [3, NAN], "size is missing": [7.0, 8.0]})
    data = Dataset(sales(), None, items, freq="D")
    assert data.schema.static_real == (Column("size"), Column.missing("size"), Column("size is missing"))
    np.testing.assert_array_equal(data.panel.static_real, [[3, 0, 7], [NAN, 1, 8]])
    assert [(each.name, each.known) for each in static_coverages(data.panel)] == [
        ("size", 1),
        ("size is missing", 2),
    ]


def test_a_models_schema_finds_the_same_columns_in_other_tables() -> None:
    table = related(price=[1, NAN, 3, 4, 5, 6], **{"price is missing": range(10, 16)})
    data = Dataset(sales(), table, freq="D", past=["price", "price is missing"])
    whole = related(price=range(6), **{"price is missing": range(20, 26)})
    again = Dataset(sales(), whole, freq="D")._encode(data.schema)
    np.testing.assert_array_equal(again.past.T, [range(6), [0] * 6, range(20, 26)])


def test_a_schema_is_json_and_back() -> None:
    schema = Schema(
        frequency=Frequency("D"),
        known=EVENT,
        past=(Column("price"), Column.missing("price")),
        static_real=columns("size"),
        vocabularies={"event": ("fair",)},
    )
    state = schema.to_json()
    assert state["known"][0] == {"name": "event=fair", "source": "event", "value": "fair"}
    assert state["past"] == [
        {"name": "price"},
        {"name": "price is missing", "source": "price", "indicator": True},
    ]
    assert Schema.from_json(json.loads(json.dumps(state))) == schema


def test_names_alone_as_older_files_have_them_are_read_as_they_were_meant() -> None:
    schema = Schema(
        known=(*EVENT, Column("event=9"), Column("a=b")),
        past=(Column("price"), Column.missing("price"), Column("rain is missing")),
        vocabularies={"event": ("fair",), "a": ("b",)},
        roles={
            "event": "known",
            "event=9": "known",
            "a=b": "known",
            "price": "past",
            "rain is missing": "past",
        },
    )
    old = json.loads(json.dumps(schema.to_json()))
    for name in ("known", "past"):
        old[name] = [column["name"] for column in old[name]]
    assert Schema.from_json(old) == schema
