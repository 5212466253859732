"""A path is a path: files whose names hold marks of patterns, and folders named as columns."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from foretell.errors import ForetellError
from foretell.ingest import sources
from foretell.ingest.dataset import Dataset
from foretell.ingest.sql_source import Sql

NAMES = ("sales[1]", "sales1", "a*", "ab", "q?", "qx", "it's", "[!z]", "{a,b}")


def table(item: str, target: float = 1.0) -> pd.DataFrame:
    days = pd.date_range("2024-01-01", periods=3)
    return pd.DataFrame({"item_id": item, "timestamp": days, "target": target})


def write(frame: pd.DataFrame, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".csv":
        frame.to_csv(file, index=False)
    else:
        frame.to_parquet(file, index=False)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_path_that_exists_is_read_literally(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    for name in NAMES:
        write(table(name), tmp_path / f"{name}.{ending}")
    for name in NAMES:
        assert Dataset(tmp_path / f"{name}.{ending}", freq="D").panel.names == [name]
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        assert Dataset(f"{name}.{ending}", freq="D").panel.names == [name]
    both = Dataset([f"a*.{ending}", f"sales[1].{ending}"], freq="D")
    assert set(both.panel.names) == {"a*", "sales[1]"}


def test_a_pattern_is_one_where_no_file_has_that_name(tmp_path: Path) -> None:
    for name in NAMES:
        write(table(name), tmp_path / f"{name}.csv")
    assert set(Dataset(tmp_path / "sales*.csv", freq="D").panel.names) == {"sales[1]", "sales1"}


def test_a_folder_with_marks_in_its_name_is_that_folder(tmp_path: Path) -> None:
    write(table("right"), tmp_path / "shop[1]*" / "x.csv")
    write(table("wrong"), tmp_path / "shop1*" / "x.csv")
    assert Dataset(tmp_path / "shop[1]*", freq="D").panel.names == ["right"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_folders_named_as_columns_are_folders_unless_asked(tmp_path: Path, ending: str) -> None:
    file = tmp_path / "target=5" / f"x.{ending}"
    write(table("a"), file)
    assert Dataset(file, freq="D").panel.target.tolist() == [1, 1, 1]
    with pytest.raises(ForetellError, match="'target' is in the file and in the name of a folder"):
        Dataset(file, freq="D", partitions=True)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_folders_are_columns_where_asked(tmp_path: Path, ending: str) -> None:
    for region in ("01", "02"):
        write(table("a", float(region)), tmp_path / f"region={region}" / f"x.{ending}")
    data = Dataset(tmp_path, freq="D", partitions=True, dimensions=["region"])
    assert data.panel.keys["region"].tolist() == ["01", "02"]  # text, as the folders spell it
    assert data.panel.target.tolist() == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("scratch", ["o'neil", "a[b]*", "x=5"])
def test_scratch_folders_may_have_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scratch: str
) -> None:
    monkeypatch.setattr(sources, "_COSTLY", 0)  # rows of files are kept there between the passes
    folder = tmp_path / scratch
    folder.mkdir()
    (tmp_path / "ab").mkdir()
    with sqlite3.connect(tmp_path / "shop.db") as shop:
        table("a").astype({"timestamp": str}).to_sql("sales", shop, index=False)
    query = Sql("SELECT * FROM sales", f"sqlite:///{tmp_path}/shop.db")
    write(table("a"), tmp_path / "sales.csv")
    for source in (query, tmp_path / "sales.csv"):
        assert Dataset(source, freq="D", scratch=folder).panel.names == ["a"]
