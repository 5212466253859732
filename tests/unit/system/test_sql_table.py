"""Forecasts written to a table of a database: SQLite for real, PostgreSQL where a server is installed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from foretell import ForetellError, SqlTable
from foretell.system.sql_table import SqlTableWriter

Ask = Callable[[str], list[tuple[Any, ...]]]
FRAME = pd.DataFrame(
    {
        "item_id": pd.Series(["a", "b'; DROP TABLE forecasts; --"], dtype="string"),
        "timestamp": pd.to_datetime(["2024-01-01 00:00", "2024-01-02 05:30"]),
        "mean": pd.Series([1.5, 2.0], dtype="float32"),
        "p10": pd.Series([0.5, None], dtype="float32"),
    }
)


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Ask]:
    """The address of an empty database, and what asks it."""
    pytest.importorskip(f"adbc_driver_{request.param}")
    address = f"sqlite:///{tmp_path}/shop.db"
    if request.param == "postgresql":
        address = f"postgresql://{request.getfixturevalue('postgresql')}"
    driver: Any = pytest.importorskip(f"adbc_driver_{request.param}.dbapi")

    def ask(query: str) -> list[tuple[Any, ...]]:
        place = f"{tmp_path}/shop.db" if request.param == "sqlite" else address
        with driver.connect(place, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall()) if query.startswith("SELECT") else []

    if request.param == "postgresql":
        ask("DROP SCHEMA public CASCADE")
        ask("CREATE SCHEMA public")
    return address, ask


def write(table: SqlTable, *frames: pd.DataFrame) -> None:
    with SqlTableWriter(table) as writer:
        for frame in frames:
            writer.write(frame)


def test_all_rows_are_replaced_without_a_run(shop: tuple[str, Ask]) -> None:
    address, ask = shop
    write(SqlTable("forecasts", address), FRAME, FRAME)
    assert ask("SELECT count(*) FROM forecasts") == [(4,)]
    write(SqlTable("forecasts", address), FRAME)
    assert ask("SELECT item_id, mean, p10 FROM forecasts ORDER BY mean") == [
        ("a", 1.5, 0.5),
        ("b'; DROP TABLE forecasts; --", 2.0, None),
    ]


def test_a_run_replaces_its_own_rows_alone(shop: tuple[str, Ask]) -> None:
    address, ask = shop
    for run in ("2024-W01", "2024-W02", "2024-W02", "it's"):
        write(SqlTable("forecasts", address, run=run), FRAME)
    counts = ask("SELECT run, count(*) FROM forecasts GROUP BY run ORDER BY run")
    assert counts == [("2024-W01", 2), ("2024-W02", 2), ("it's", 2)]


def test_a_table_of_other_columns_is_left_as_it_is(shop: tuple[str, Ask]) -> None:
    address, ask = shop
    ask("CREATE TABLE sales (item_id TEXT, amount INTEGER)")
    ask("INSERT INTO sales VALUES ('a', 7)")
    with pytest.raises(ForetellError, match=r"sales of .* without timestamp, mean, p10; with amount"):
        write(SqlTable("sales", address), FRAME)
    write(SqlTable("runs", address, run="1"), FRAME)
    with pytest.raises(ForetellError, match="It holds runs: name one by run="):
        write(SqlTable("runs", address), FRAME)
    assert ask("SELECT item_id, amount FROM sales") == [("a", 7)]
    assert ask("SELECT count(*) FROM runs") == [(2,)]


def test_a_writing_that_is_broken_off_changes_nothing(shop: tuple[str, Ask]) -> None:
    address, ask = shop
    write(SqlTable("forecasts", address), FRAME)
    with pytest.raises(KeyError, match="p10"):
        write(SqlTable("forecasts", address), FRAME, FRAME.drop(columns="p10"))
    assert ask("SELECT count(*) FROM forecasts") == [(2,)]


def test_columns_may_stand_in_another_order_in_the_table(shop: tuple[str, Ask]) -> None:
    address, ask = shop
    kind = "TIMESTAMP" if address.startswith("postgresql") else "TEXT"
    ask(f"CREATE TABLE forecasts (p10 REAL, mean REAL, timestamp {kind}, item_id TEXT)")
    write(SqlTable("forecasts", address), FRAME.assign(p10=[0.5, 1.0]))
    assert ask("SELECT item_id, p10 FROM forecasts ORDER BY p10") == [
        ("a", 0.5),
        ("b'; DROP TABLE forecasts; --", 1.0),
    ]


def test_a_schema_of_postgresql_is_named_before_the_point(shop: tuple[str, Ask]) -> None:
    address, ask = shop
    if address.startswith("sqlite"):
        pytest.skip("SQLite has no schemas")
    ask("CREATE SCHEMA IF NOT EXISTS planning")
    for _ in range(2):
        write(SqlTable("planning.forecasts", address), FRAME)
    assert ask("SELECT count(*) FROM planning.forecasts") == [(2,)]
    with pytest.raises(ForetellError, match="nowhere") as raised:
        write(SqlTable("nowhere.forecasts", address), FRAME)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "database", "run", "said"),
    [
        ("", "sqlite:///x.db", None, "named by 1 to 63 bytes"),
        ("x" * 64, "sqlite:///x.db", None, "named by 1 to 63 bytes"),
        ("a\0b", "sqlite:///x.db", None, "character"),
        ("forecasts", "mysql://host/shop", None, "no database can be opened by that address"),
        ("forecasts", "sqlite:///x.db", "a\nb", "printable"),
        ("forecasts", "sqlite:///x.db", "", "printable"),
        ("forecasts", "sqlite:///no/such/folder/x.db", None, "no/such/folder/x.db"),
        ("forecasts", "postgresql://127.0.0.1:1/x", None, "127.0.0.1:1"),
    ],
)
def test_what_is_no_table_is_one_message(name: str, database: str, run: str | None, said: str) -> None:
    pytest.importorskip("adbc_driver_sqlite")
    pytest.importorskip("adbc_driver_postgresql")
    with pytest.raises(ForetellError, match=said):
        write(SqlTable(name, database, run=run), FRAME)


def test_times_in_sqlite_sort_as_they_follow(tmp_path: Path) -> None:
    pytest.importorskip("adbc_driver_sqlite")
    write(SqlTable("forecasts", f"sqlite:///{tmp_path}/x.db"), FRAME)
    with closing(sqlite3.connect(tmp_path / "x.db")) as database:
        found = database.execute("SELECT datetime(timestamp) FROM forecasts ORDER BY timestamp").fetchall()
    assert found == [("2024-01-01 00:00:00",), ("2024-01-02 05:30:00",)]


@pytest.mark.parametrize(
    ("stamps", "stored"),
    [
        (["2024-01-01", "2024-01-02"], ["2024-01-01", "2024-01-02"]),
        (["2024-01-01", "2024-01-02 05:30"], ["2024-01-01 00:00:00", "2024-01-02 05:30:00"]),
    ],
)
def test_times_in_sqlite_are_spelt_as_in_a_csv_file_so_that_tables_join(
    tmp_path: Path, stamps: list[str], stored: list[str]
) -> None:
    pytest.importorskip("adbc_driver_sqlite")
    frame = FRAME.assign(timestamp=pd.to_datetime(stamps, format="mixed"))
    write(SqlTable("forecasts", f"sqlite:///{tmp_path}/x.db"), frame)
    with closing(sqlite3.connect(tmp_path / "x.db")) as database:
        found = database.execute("SELECT timestamp FROM forecasts ORDER BY timestamp").fetchall()
    assert [moment for (moment,) in found] == stored
