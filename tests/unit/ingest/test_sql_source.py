"""Tables from databases: SQLite for real, PostgreSQL where a server is installed, and everything they refuse."""

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import foretell
from foretell import Dataset, ForetellError, Sql
from foretell.cli.app import app
from postgresql_server import PASSWORD

pytest.importorskip("adbc_driver_sqlite")
DAYS = [f"2024-01-{day:02d}" for day in range(1, 31)]
ROWS = [(item, day, float(i % 7)) for item in (1, 2) for i, day in enumerate(DAYS)]


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """The address of an SQLite database with sales, prices and products, in the working folder."""
    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect("shop.db")) as connection, connection:
        connection.execute("CREATE TABLE sales (item_id INTEGER, timestamp TEXT, target REAL)")
        connection.executemany("INSERT INTO sales VALUES (?, ?, ?)", ROWS)
        connection.execute("CREATE TABLE prices (item_id TEXT, timestamp TEXT, price NUMERIC)")
        connection.executemany("INSERT INTO prices VALUES (?, ?, ?)", [(str(i), d, 1.5) for i, d, _ in ROWS])
        connection.execute("CREATE TABLE products (item_id REAL, family TEXT)")
        connection.executemany("INSERT INTO products VALUES (?, ?)", [(1, "bag"), (2, "mug")])
    return "sqlite:///shop.db"


def frame(rows=ROWS):
    return pd.DataFrame(rows, columns=["item_id", "timestamp", "target"])


def test_three_queries_give_the_panel_of_the_three_tables(shop):
    data = Dataset(
        Sql("SELECT * FROM sales; ", shop),
        Sql("SELECT * FROM prices -- all", shop),
        Sql("WITH p AS (SELECT * FROM products) SELECT * FROM p", shop),
        freq="D",
        past=["price"],
    )
    prices = frame().drop(columns="target").assign(price=1.5)
    items = pd.DataFrame({"item_id": [1, 2], "family": ["bag", "mug"]})
    assert data.fingerprint == Dataset(frame(), prices, items, freq="D", past=["price"]).fingerprint
    assert data._encode(data.schema) is data.panel


@pytest.mark.slow
def test_a_query_may_have_so_many_rows_and_no_more(shop):
    assert len(Dataset(Sql("SELECT * FROM sales", shop, max_rows=60), freq="D").panel) == 2
    with pytest.raises(ForetellError, match="more than 59 rows, which is its limit"):
        Dataset(Sql("SELECT * FROM sales", shop, max_rows=59), freq="D")
    with pytest.raises(ForetellError, match="max_rows"):
        Sql("SELECT * FROM sales", shop, max_rows=0)


def test_a_column_may_begin_with_gaps_or_whole_numbers_for_long(shop):
    days = pd.date_range("1700-01-01", periods=90_000).strftime("%Y-%m-%d")
    with closing(sqlite3.connect("shop.db")) as connection, connection:
        connection.execute("CREATE TABLE long (item_id, timestamp, target, seen)")
        rows = [
            ("a" if i else 7, day, None if 0 < i < 80_000 else i, i if i < 80_000 else i + 0.5)
            for i, day in enumerate(days)
        ]
        connection.executemany("INSERT INTO long VALUES (?, ?, ?, ?)", rows)
    panel = Dataset(
        Sql("SELECT item_id, timestamp, seen AS target FROM long WHERE item_id = 'a'", shop), freq="D"
    ).panel
    assert panel.target[-1] == 89_999.5
    assert panel.target[0] == 1
    gappy = Dataset(Sql("SELECT * FROM long", shop), freq="D", ends="own").panel
    assert gappy.names == ["7", "a"]
    assert gappy.lengths.tolist() == [1, 10_000]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("DELETE FROM sales", "must be a SELECT, got 'DELETE FROM sales'"),
        ("/* all */ -- of it\n ( DROP TABLE sales", "must be a SELECT, got 'DROP TABLE sales'"),
        ("PRAGMA journal_mode", "must be a SELECT"),
        ("-- nothing", "must be a SELECT, got 'nothing'"),
        ("WITH s AS (SELECT 1) DELETE FROM sales", "shop.db: near"),
        ("SELECT 1; DROP TABLE sales", "shop.db: near"),
        ("SELECT 1) AS q; DROP TABLE sales; --", "has no column .item_id."),
        ("SELECT * FROM salez", "shop.db: no such table: salez"),
        ("SELECT nope FROM sales", "shop.db: no such column: nope"),
        (
            "SELECT item_id, timestamp FROM sales",
            r"the target table \(shop.db\) has no column 'target'. It has: item_id",
        ),
        ("SELECT * FROM sales WHERE false", r"target table \(shop.db\): the query found no rows"),
        ("SELECT 'a' AS item_id, '2024-01-01' AS timestamp, x'00' AS target", "must hold numbers"),
        (
            "SELECT 'a' AS item_id, '2024-01-01' AS timestamp, 'x1' AS target",
            "item 'a' at 2024-01-01: 'target' must be",
        ),
    ],
)
def test_what_a_query_does_wrong_is_said_and_nothing_is_written(shop, query, message):
    with pytest.raises(ForetellError, match=message):
        Dataset(Sql(query, shop), freq="D")
    assert sum(1 for _ in Path().iterdir()) == 1
    with closing(sqlite3.connect("shop.db")) as connection:
        assert connection.execute("SELECT count(*) FROM sales").fetchone() == (60,)


@pytest.mark.parametrize(
    ("database", "message"),
    [
        ("sqlite:///absent.db", "no such database: 'absent.db'"),
        ("sqlite:///junk.db", "junk.db: file is not a database"),
        ("sqlite://shop.db", "names no file. Write it as sqlite:///shop.db"),
        ("postgres:5432", "no database can be opened by that address"),
        ("sqllite:///shop.db", "Did you mean 'sqlite'"),
        (
            f"mysql://root:{PASSWORD}@host/shop",
            "no database can be opened by that address. Write it as sqlite",
        ),
        ("", "database must be a text"),
        (None, "database must be a text"),
    ],
)
def test_what_is_wrong_with_a_database_is_said_without_its_password(shop, database, message):
    Path("junk.db").write_text("no database at all, " * 99)
    with pytest.raises(ForetellError, match=message) as caught:
        Dataset(Sql("SELECT 1", database), freq="D")
    assert "s3cret" not in str(caught.value)
    assert not Path("absent.db").exists()


def test_a_missing_driver_is_named_with_its_extra(shop, monkeypatch):
    monkeypatch.setitem(sys.modules, "adbc_driver_sqlite.dbapi", None)
    with pytest.raises(ForetellError, match=r"SQLite .* not installed: pip install foretell\[sql\]"):
        Dataset(Sql("SELECT * FROM sales", shop), freq="D")


def test_the_command_line_takes_queries_in_place_of_files(shop):
    words = (
        "backtest",
        "--sql",
        "SELECT * FROM sales",
        "--related-sql",
        "SELECT * FROM prices",
        "--items-sql",
        "SELECT * FROM products",
        "--database",
        shop,
        "--freq",
        "D",
        "--horizon",
        "7",
        "--recipe",
        "seasonal_naive",
    )
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "past only: price" in result.stderr
    assert "metadata: family" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--freq", "D"),
            "the target table is missing: name its files (SALES), or give --sql and --database",
        ),
        (
            ("x.csv", "--sql", "SELECT 1", "--database", "sqlite:///shop.db"),
            "given twice: as SALES and as --sql",
        ),
        (("--sql", "SELECT 1"), "--sql needs --database"),
        (
            ("x.csv", "--items", "i.csv", "--items-sql", "SELECT 1"),
            "given twice: as --items and as --items-sql",
        ),
        (("x.csv", "--related-sql", "SELECT 1"), "--related-sql needs --database"),
    ],
)
def test_a_table_given_twice_or_by_half_is_refused(shop, words, message):
    result = CliRunner().invoke(app, ["check", "--freq", "D", *words])
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("config", "words", "taken"),
    [
        (
            ["sql", "items_sql"],
            ("sales.csv",),
            "SALES of the command line is taken; --sql in options.toml is not used",
        ),
        (
            ["sales", "items_sql"],
            ("--sql", "SELECT * FROM sales WHERE item_id = 1"),
            "--sql of the command line is taken; SALES in options.toml is not used",
        ),
        (
            ["sql", "items_sql"],
            ("--items", "items.csv"),
            "--items of the command line is taken; --items-sql in options.toml is not used",
        ),
    ],
)
def test_of_a_table_given_in_the_file_of_options_and_otherwise_the_command_line_wins(
    shop, config, words, taken
):
    frame(ROWS[:20]).to_csv("sales.csv", index=False)
    pd.DataFrame({"item_id": [1, 2], "colour": ["red", "blue"]}).to_csv("items.csv", index=False)
    have = {"sql": "SELECT * FROM sales", "items_sql": "SELECT * FROM products", "sales": "absent.csv"}
    lines = [f'{name} = "{have[name]}"' for name in config]
    Path("options.toml").write_text("\n".join([*lines, 'freq = "D"', f'database = "{shop}"']))
    result = CliRunner().invoke(app, ["ingest", *words, "--config", "options.toml", "--out", "panel"])
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines().count(taken) == 1
    data = Dataset.open("panel")
    assert len(data.panel.target) == {"sales.csv": 20, "--sql": 30, "--items": 60}[words[0]]
    assert data.schema.static_cat == (("colour",) if "--items" in words else ("family",))


def test_both_in_the_file_of_options_are_one_too_many(shop):
    text = f'sql = "SELECT 1"\nsales = "x.csv"\nfreq = "D"\ndatabase = "{shop}"'
    Path("options.toml").write_text(text)
    result = CliRunner().invoke(app, ["check", "--config", "options.toml"])
    assert result.exit_code == 2
    assert "given twice: as SALES and as --sql" in result.stderr


@pytest.fixture(scope="module")
def warehouse(postgresql):
    """The same with sales in it, in PostgreSQL's own types."""
    dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi")
    with (
        dbapi.connect(f"postgresql://{postgresql}", autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("CREATE TABLE sales (item_id uuid, timestamp date, target numeric(10, 2), paid money)")
        cursor.execute(
            "INSERT INTO sales SELECT ('00000000-0000-0000-0000-00000000000' || k)::uuid, date '2024-01-01' + i,"
            " CASE WHEN i = 2 THEN NULL ELSE i + k / 4.0 END, 5 FROM generate_series(1, 2) k, generate_series(0, 29) i"
        )
    return f"postgresql://{postgresql}"


def test_postgresql_types_land_on_the_grid(warehouse):
    panel = Dataset(Sql("SELECT item_id, timestamp, target FROM sales", warehouse), freq="D").panel
    assert panel.names == [f"00000000-0000-0000-0000-00000000000{k}" for k in (1, 2)]
    np.testing.assert_array_equal(panel.history(1)[:4], np.array([0.5, 1.5, np.nan, 3.5], np.float32))
    assert panel.lengths.tolist() == [30, 30]


@pytest.mark.parametrize("session", ["UTC", "Asia/Tokyo"])
def test_a_timestamptz_of_postgresql_is_the_wall_time_of_the_zone_asked_for(warehouse, session):
    # an hour a row from midnight of 30 March in Berlin (23:00 UTC the day before) over the night whose hour from two to
    # three is skipped; the zone of the session is how the server would print them and must change nothing
    query = (
        "SELECT 'a' AS item_id, timestamptz '2024-03-29 23:00+00' + i * interval '1 hour' AS timestamp, i AS target"
        " FROM generate_series(0, 47) i"
    )
    database = f"{warehouse}?options=-c%20TimeZone%3D{quote(session, safe='')}"
    panel = Dataset(Sql(query, database), freq="h", timezone="Europe/Berlin").panel
    hours = panel.frequency.timestamps(panel.start[:1])[0]
    assert hours == np.datetime64("2024-03-30T00:00")
    wall = [float(k) for k in range(26)] + [np.nan] + [float(k) for k in range(26, 48)]
    np.testing.assert_array_equal(panel.history(0), np.array(wall, np.float32))
    # the last day has one hour: whole days are no question of this test
    days = Dataset(Sql(query, database), freq="D", timezone="Europe/Berlin", partial="keep").panel
    np.testing.assert_array_equal(days.history(0), [sum(range(24)), sum(range(24, 47)), 47])
    own = Dataset(Sql(query, database), freq="D", partial="keep")
    np.testing.assert_array_equal(own.panel.history(0), [0, sum(range(1, 25)), sum(range(25, 48))])
    assert "48 times are stored in the zone UTC" in next(
        f.message for f in own.findings if f.code == "time_zone"
    )


def test_the_command_line_reads_a_timestamptz_in_its_timezone(warehouse, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    query = "SELECT 7 AS item_id, timestamptz '2024-10-26 22:00+00' + i * interval '1 day' AS timestamp, i AS target FROM generate_series(0, 3) i"
    words = ("ingest", "--sql", query, "--database", warehouse, "--freq", "D", "--out", "panel")
    result = CliRunner().invoke(app, [*words, "--timezone", "Europe/Berlin"])
    assert result.exit_code == 0, result.output
    panel = Dataset.open("panel").panel
    # midnight of the 27th, then 23:00 of the 28th, as 22:00 UTC is once summer time has ended: the 27th holds two rows
    assert panel.frequency.timestamps(panel.start[:1])[0] == np.datetime64("2024-10-27")
    assert panel.target.tolist() == [0 + 1, 2, 3]


@pytest.mark.parametrize(
    ("query", "change", "message"),
    [
        ("SELECT * FROM salez", (), 'relation "salez" does not exist'),
        ("SELECT nope FROM sales", (), 'column "nope" does not exist'),
        ("SELECT 1 AS a, 2 AS a", (), "the query: the column 'a' is there twice"),
        ("WITH d AS (DELETE FROM sales RETURNING *) SELECT * FROM d", (), "data-modifying|read-only"),
        ("SELECT 1; DROP TABLE sales", (), "syntax error"),
        ("SELECT item_id FROM sales WHERE target > 999", (), "the query found no rows"),
        (
            "SELECT item_id, timestamp, paid AS target FROM sales",
            (),
            "is MONEY. Cast it in the query: target::numeric",
        ),
        (
            "SELECT 'a' AS item_id, 'infinity'::timestamp AS timestamp, 1 AS target",
            (),
            "item 'a': 'timestamp'",
        ),
        (
            "SELECT 'a' AS item_id, now() AS timestamp, 1 / (i - 3) AS target FROM generate_series(1, 9) i",
            (),
            "division by zero",
        ),
        ("SELECT 1", ("/postgres", "/nodb"), 'database "nodb" does not exist'),
        ("SELECT 1", ("s3cret", "guess"), "authentication failed"),
        ("SELECT 1", (":[0-9]+/", ":1/"), "127.0.0.1:1/postgres: .*[Cc]onnection refused"),
        ("SELECT 1", ("127.0.0.1:", "127.0.0.1:x"), "invalid"),
        ("SELECT 1", ("$", "?password=s3cret%zz&port=x"), "invalid"),
        ("SELECT 1", (quote(PASSWORD, safe=""), f"{PASSWORD}%zz@"), "authentication failed"),
    ],
)
def test_what_postgresql_refuses_is_said_without_the_password(warehouse, query, change, message):
    database = re.sub(change[0], change[1], warehouse) if change else warehouse
    with pytest.raises(ForetellError, match=message) as caught:
        Dataset(Sql(query, database), freq="D")
    chain: BaseException | None = caught.value
    while chain is not None:
        assert "s3cret" not in str(chain)
        chain = chain.__cause__
    assert "s3cret" not in repr(Sql(query, database))


@pytest.mark.slow
def test_no_file_that_is_written_and_nothing_that_is_said_has_the_password(warehouse, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    query = ("--sql", "SELECT item_id, timestamp, target FROM sales", "--database", warehouse, "--freq", "D")
    asked = ("--horizon", "5", "--recipe", "seasonal_naive", "--verbose")
    said = "".join(
        CliRunner().invoke(app, [*words, *query, *asked[: None if words[0] != "check" else 2]]).output
        for words in (("check",), ("backtest", "--out", "report"), ("train", "--out", "model"))
    )
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"run.json", "report.html", "manifest.json"} <= {path.name for path in written}
    for text in (said.encode(), *(path.read_bytes() for path in written)):
        assert b"s3cret" not in text


@pytest.mark.slow
def test_import_foretell_needs_no_driver():
    assert foretell.Sql is Sql
    code = "import sys, foretell.ingest.sql_source, foretell.ingest.sources; assert not any(m.startswith('adbc') for m in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
