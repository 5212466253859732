"""Names and texts that a table may bring and nobody could tell apart or keep: refused in every kind of table, with a way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import foretell
from foretell.errors import ForetellError

DAYS = pd.date_range("2024-01-01", periods=20)
HALF = "\ud800"


def sales(item: str = "a") -> pd.DataFrame:
    return pd.DataFrame({"item_id": item, "timestamp": DAYS, "target": np.arange(20.0)})


def with_columns(*names: str) -> dict[str, Any]:
    return {"item_id": ["a"] * 20, "timestamp": list(DAYS), **{name: [1.0] * 20 for name in names}}


def csv(folder: Path, *names: str) -> Path:
    path = folder / "prices.csv"
    rows = [",".join(["a", str(day)[:10], *("1" for _ in names)]) for day in DAYS]
    path.write_text("\n".join([",".join(["item_id", "timestamp", *names]), *rows]) + "\n")
    return path


KINDS = {
    "pandas": lambda folder, *names: pd.DataFrame(with_columns(*names)),
    "polars": lambda folder, *names: pl.DataFrame(with_columns(*names)),
    "arrow": lambda folder, *names: pa.table(with_columns(*names)),
    "csv": csv,
}


@pytest.mark.parametrize("kind", KINDS)
def test_columns_that_differ_in_capitals_alone_are_refused_by_name(kind: str, tmp_path: Path) -> None:
    related = KINDS[kind](tmp_path, "price", "Price")
    with pytest.raises(ForetellError, match="the columns 'price' and 'Price' differ in capitals alone"):
        foretell.Dataset(sales(), related=related, freq="D")


def test_capitals_differ_between_the_files_of_a_table(tmp_path: Path) -> None:
    for name, column in (("a", "price"), ("b", "PRICE")):
        pd.DataFrame(with_columns(column)).to_parquet(tmp_path / f"{name}.parquet")
    with pytest.raises(ForetellError, match="the columns 'price' and 'PRICE' differ in capitals alone"):
        foretell.Dataset(sales(), related=str(tmp_path / "*.parquet"), freq="D")


def test_letters_beyond_a_to_z_tell_columns_apart() -> None:
    data = foretell.Dataset(
        sales(), related=pd.DataFrame(with_columns("é", "É", "straße", "STRASSE")), freq="D"
    )
    assert [column.name for column in data.schema.past] == ["é", "É", "straße", "STRASSE"]


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow"])
def test_a_name_is_refused_at_nul_and_not_cut(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ForetellError, match=r"the related table: the column 'p\\x00rice' has a character"):
        foretell.Dataset(sales(), related=KINDS[kind](tmp_path, "p\0rice"), freq="D")


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"target": sales("a" + HALF)}, "the target table, row 1: 'item_id' is"),
        ({"target": sales("a" + HALF).astype({"item_id": "category"})}, "row 1: 'item_id' is"),
        (
            {"items": pd.DataFrame({"item_id": ["b", "a"], "c": ["x", HALF]})},
            "the items table, row 2: 'c' is",
        ),
        ({"related": sales().assign(target=[1, "x" + HALF] * 10)}, "the related table, row 2: 'target' is"),
        (
            {"target": sales().rename(columns={"target": "t" + HALF})},
            r"the column 't\\ud800' has a character",
        ),
        ({"target": sales().rename_axis("i" + HALF)}, r"the column 'i\\ud800' has a character"),
    ],
)
def test_half_a_character_is_one_message_with_its_place(tables: dict[str, Any], message: str) -> None:
    with pytest.raises(ForetellError, match=message):
        foretell.Dataset(**({"target": sales()} | tables), freq="D")


def test_columns_of_one_level_are_names_though_they_are_a_multiindex() -> None:
    frame = sales()
    frame.columns = pd.MultiIndex.from_tuples([(name,) for name in frame.columns])
    assert len(foretell.Dataset(frame, freq="D").panel) == 1
