"""The index of a pandas frame that was written out with its columns is no covariate."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset

DAYS = 12


def sales(items=("a", "b")):
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "item_id": item,
                    "timestamp": pd.date_range("2024-01-01", periods=DAYS),
                    "target": np.arange(DAYS) + 1.0,
                }
            )
            for item in items
        ],
        ignore_index=True,
    )


def prices():
    return sales().rename(columns={"target": "price"})


def numbered(data):
    return [finding.message for finding in data.findings if finding.code == "row_numbers"]


def columns(related, **options):
    data = Dataset(sales(), related=related, freq="D", **options)
    return set(data.schema.roles), data


@pytest.mark.parametrize("name", [None, "row"])
def test_an_index_in_parquet_is_left_out_with_a_note(name, tmp_path):
    frame = prices().sample(frac=1, random_state=0).rename_axis(name)
    frame.to_parquet(tmp_path / "p.parquet")
    found, data = columns(tmp_path / "p.parquet")
    assert found == {"price"}
    assert "left out" in numbered(data)[0]


def test_indexes_of_several_parquet_files_number_the_rows_of_each(tmp_path):
    for item in "ab":
        part = prices().query("item_id == @item").reset_index(drop=True)
        part.set_axis(pd.Index(part.index.to_numpy(), name="row")).to_parquet(tmp_path / f"{item}.parquet")
    assert columns(tmp_path)[0] == {"price"}


def test_an_index_that_a_table_needs_is_used(tmp_path):
    prices().set_index(["item_id", "timestamp"]).to_parquet(tmp_path / "p.parquet")
    found, data = columns(tmp_path / "p.parquet")
    assert found == {"price"}
    assert not numbered(data)
    assert np.nanmax(data.panel.known if data.panel.known.size else data.panel.past) == DAYS


def test_an_index_of_data_is_a_column():
    found, data = columns(prices().set_index("price"))
    assert found == {"price"}
    assert not numbered(data)


def test_an_index_of_a_frame_that_numbers_its_rows_is_left_out():
    frame = prices().rename_axis("row")
    assert columns(frame)[0] == {"price"}
    assert columns(frame, past=["row"])[0] == {"price", "row"}


def test_an_index_without_a_name_is_known_by_what_pandas_calls_it(tmp_path):
    frame = prices().sample(frac=1, random_state=0)
    frame.to_parquet(tmp_path / "p.parquet")
    assert columns(pl.read_parquet(tmp_path / "p.parquet"))[0] == {"price"}
    assert columns(pq.read_table(tmp_path / "p.parquet"))[0] == {"price"}


@pytest.mark.parametrize("header", ["", "Unnamed: 0", "index"])
def test_an_index_in_a_csv_file_is_left_out(header, tmp_path):
    prices().to_csv(tmp_path / "p.csv", index_label=header)
    found, data = columns(tmp_path / "p.csv")
    assert found == {"price"}
    assert len(numbered(data)) == 1


def test_columns_called_index_that_number_nothing_are_data(tmp_path):
    prices().assign(index=lambda frame: frame.price + 100).to_csv(tmp_path / "p.csv", index=False)
    assert columns(tmp_path / "p.csv")[0] == {"price", "index"}


def test_a_column_without_a_name_that_holds_data_is_data(tmp_path):
    prices().assign(**{"": 1.5}).to_csv(tmp_path / "p.csv", index=False)
    assert columns(tmp_path / "p.csv")[0] == {"price", "column3"}


def test_an_index_of_the_item_table_is_no_metadata(tmp_path):
    items = pd.DataFrame({"item_id": ["b", "a"], "size": [1.5, 2.5]}, index=[7, 3])
    items.to_parquet(tmp_path / "i.parquet")
    data = Dataset(sales(), items=tmp_path / "i.parquet", freq="D")
    assert [column.name for column in data.schema.static_real] == ["size"]


def test_a_model_trained_on_row_numbers_still_gets_them():
    trained = Dataset(sales(), related=prices().rename_axis("row"), past=["row"], freq="D").schema
    panel = Dataset(sales(), related=prices().rename_axis("row"), freq="D")._encode(trained)
    assert panel.schema == trained


def test_an_index_that_lacks_the_name_of_a_needed_column_is_named_in_the_message(tmp_path):
    prices().set_index("timestamp").rename_axis(None).to_parquet(tmp_path / "p.parquet")
    with pytest.raises(ForetellError, match="'__index_level_0__' is not read: give it a name"):
        columns(tmp_path / "p.parquet")


def test_an_index_and_a_column_of_one_name_are_refused():
    frame = prices().set_index("item_id", drop=False)
    with pytest.raises(ForetellError, match="the column 'item_id' is there twice"):
        columns(frame)
