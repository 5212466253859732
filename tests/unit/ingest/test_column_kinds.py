"""What is declared of a column's values is kept: categories of numbers, numbers in text, the kinds of a trained model."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from foretell.data.columns import names_of
from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset

DAYS, ITEMS = 12, ("a", "b", "c", "d")


def rows(**columns):
    days = pd.date_range("2024-01-01", periods=DAYS)
    return pd.concat(
        [
            pd.DataFrame(
                {"item_id": item, "timestamp": days, **{c: f(i, np.arange(DAYS)) for c, f in columns.items()}}
            )
            for i, item in enumerate(ITEMS)
        ],
        ignore_index=True,
    )


SALES = rows(target=lambda item, day: day + item + 1.0)
ZONES = rows(zone=lambda item, day: (day + item) % 3 + 5)
ITEM_TABLE = pd.DataFrame({"item_id": ITEMS, "cluster": [3, 1, 3, 2]})


def forms(frame, column, tmp_path):
    """The table with one column declared a category, in the ways that there are."""
    category = frame.astype({column: "category"})
    arrow = pa.table({c: pa.array(frame[c]) for c in frame})
    where = arrow.column_names.index(column)
    arrow = arrow.set_column(where, column, pa.array(frame[column]).dictionary_encode())
    category.to_parquet(tmp_path / "pandas.parquet")
    pq.write_table(arrow, tmp_path / "arrow.parquet")
    text = pl.from_pandas(frame).with_columns(pl.col(column).cast(pl.String).cast(pl.Categorical))
    return [category, arrow, text, tmp_path / "pandas.parquet", tmp_path / "arrow.parquet"]


@pytest.mark.parametrize("form", range(5))
def test_metadata_declared_a_category_of_numbers_are_categories(form, tmp_path):
    data = Dataset(SALES, items=forms(ITEM_TABLE, "cluster", tmp_path)[form], freq="D")
    assert data.schema.vocabularies == {"cluster": ("1", "2", "3")}
    assert data.panel.static_cat[:, 0].tolist() == [3, 1, 3, 2]


@pytest.mark.parametrize("form", range(5))
def test_covariates_declared_a_category_of_numbers_are_texts(form, tmp_path):
    data = Dataset(SALES, related=forms(ZONES, "zone", tmp_path)[form], past=["zone"], freq="D")
    assert data.schema.vocabularies == {"zone": ("5", "6", "7")}
    assert names_of(data.schema.past) == ("zone=5", "zone=6", "zone=7", "zone=other")


def test_a_target_table_given_as_related_too_keeps_its_categories():
    both = SALES.merge(ZONES).astype({"zone": "category"})
    assert Dataset(both, related=both, past=["zone"], freq="D").schema.vocabularies == {
        "zone": ("5", "6", "7")
    }


def test_codes_in_csv_are_declared_by_an_option(tmp_path):
    ITEM_TABLE.to_csv(tmp_path / "i.csv", index=False)
    ZONES.to_csv(tmp_path / "z.csv", index=False)
    tables = {"related": tmp_path / "z.csv", "items": tmp_path / "i.csv", "past": ["zone"], "freq": "D"}
    assert Dataset(SALES, **tables).schema.vocabularies == {}
    declared = Dataset(SALES, **tables, categorical=["zone", "cluster"]).schema.vocabularies
    assert declared == {"zone": ("5", "6", "7"), "cluster": ("1", "2", "3")}


def test_codes_that_stand_beside_gaps_are_the_same_codes(tmp_path):
    with_gap = ITEM_TABLE.assign(cluster=[3, 1, np.nan, 2])  # pandas writes 3.0
    with_gap.to_csv(tmp_path / "i.csv", index=False)
    for items in (tmp_path / "i.csv", with_gap):
        data = Dataset(SALES, items=items, freq="D", categorical=["cluster"])
        assert data.panel.static_cat[:, 0].tolist() == [3, 1, 0, 2]
        assert data.schema.vocabularies == {"cluster": ("1", "2", "3")}


def test_numbers_may_be_declared_in_place_of_a_category():
    items = ITEM_TABLE.astype({"cluster": "category"})
    assert Dataset(SALES, items=items, freq="D", numeric=["cluster"]).panel.static_real[:, 0].tolist() == [
        3,
        1,
        3,
        2,
    ]


def test_a_word_in_a_column_declared_numeric_is_named(tmp_path):
    ITEM_TABLE.assign(cluster=["3", "1", "x", "2"]).to_csv(tmp_path / "i.csv", index=False)
    with pytest.raises(ForetellError, match=r"item 'c': 'cluster' .* must be a finite number"):
        Dataset(SALES, items=tmp_path / "i.csv", freq="D", numeric=["cluster"])


def test_a_text_that_is_numbers_but_for_a_word_is_reported(tmp_path):
    prices = rows(price=lambda item, day: day / 2).astype({"price": str})
    prices.loc[7, "price"] = "ask us"
    prices.to_csv(tmp_path / "p.csv", index=False)
    data = Dataset(SALES, related=tmp_path / "p.csv", past=["price"], freq="D")
    (found,) = [finding for finding in data.findings if finding.code == "mixture"]
    assert found.message.endswith(
        "'price' is read as text, though 47 of its 48 values are numbers; 'ask us' is not"
    )
    with pytest.raises(ForetellError, match=r"item 'a' at 2024-01-08.*got 'ask us' \(1 such rows"):
        Dataset(SALES, related=tmp_path / "p.csv", past=["price"], freq="D", numeric=["price"])


def test_the_kinds_of_a_trained_model_decide(tmp_path):
    codes = {"items": ITEM_TABLE, "related": ZONES, "past": ["zone"], "freq": "D"}
    trained = Dataset(SALES, **codes, categorical=["zone", "cluster"])
    assert (Dataset(SALES, **codes)._encode(trained.schema).static_cat == trained.panel.static_cat).all()
    assert np.array_equal(
        Dataset(SALES, **codes)._encode(trained.schema).past, trained.panel.past, equal_nan=True
    )
    numbers = Dataset(SALES, **codes)
    declared = {
        "items": ITEM_TABLE.astype({"cluster": "category"}),
        "related": ZONES.astype({"zone": "category"}),
    }
    again = Dataset(SALES, **{**codes, **declared})._encode(numbers.schema)
    assert again.static_real.tolist() == numbers.panel.static_real.tolist()
    assert np.array_equal(again.past, numbers.panel.past, equal_nan=True)


def test_texts_of_a_model_may_be_spelt_like_numbers_or_dates_in_newer_data(tmp_path):
    trained = Dataset(SALES, items=ITEM_TABLE.assign(cluster=["x", "2024-01-01", "x", "1"]), freq="D").schema
    for spelt, codes in ((["1", "1", "1", "1"], [1] * 4), (["2024-01-01"] * 4, [2] * 4)):
        ITEM_TABLE.assign(cluster=spelt).to_csv(tmp_path / "i.csv", index=False)
        panel = Dataset(SALES, items=tmp_path / "i.csv", freq="D")._encode(trained)
        assert panel.static_cat[:, 0].tolist() == codes


def test_what_is_declared_twice_or_not_there_is_refused():
    with pytest.raises(ForetellError, match="'cluster' is declared both categorical and numeric"):
        Dataset(SALES, items=ITEM_TABLE, freq="D", categorical=["cluster"], numeric=["cluster"])
    with pytest.raises(
        ForetellError, match=r"categorical column 'clusters' is in no related table.* Did you mean 'cluster'"
    ):
        Dataset(SALES, items=ITEM_TABLE, freq="D", categorical=["clusters"])
    with pytest.raises(ForetellError, match="'zone' must be 0 or 1, but it is declared categorical"):
        Dataset(SALES, related=ZONES, open="zone", freq="D", categorical=["zone"])


def test_a_strict_reading_asks_for_the_kind_of_whole_numbers_in_csv(tmp_path):
    ITEM_TABLE.assign(flag=[0, 1, 0, 1], size=[1.5, 2.0, 2.5, 3.0]).to_csv(tmp_path / "i.csv", index=False)
    with pytest.raises(ForetellError, match=r"'cluster' holds whole numbers.*categorical=\['cluster'\]"):
        Dataset(SALES, items=tmp_path / "i.csv", freq="D", strict=True)
    assert (
        Dataset(SALES, items=tmp_path / "i.csv", freq="D", strict=True, numeric=["cluster"]).panel is not None
    )


def kinds(related, **options):
    findings = Dataset(SALES, related=related, past=["price"], freq="D", **options).findings
    return [finding.message for finding in findings if finding.code == "kinds"]


def test_numbers_in_csv_are_told_where_they_may_be_codes_and_only_there(tmp_path):
    for name, value, told in (
        ("prices", lambda item, day: day / 2 + 0.99, False),
        ("flags", lambda item, day: day % 2, False),
        ("sizes", lambda item, day: day + 36, True),
        ("zeros", lambda item, day: np.where(day % 2, "00", "01"), True),
    ):
        rows(price=value).to_csv(tmp_path / f"{name}.csv", index=False)
        notes = kinds(tmp_path / f"{name}.csv")
        assert [("'price'" in note, "categorical=['price']" in note) for note in notes] == [
            (True, True)
        ] * told
        assert kinds(tmp_path / f"{name}.csv", numeric=["price"]) == []
