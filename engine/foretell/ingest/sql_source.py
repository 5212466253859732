"""`Sql`: the rows of a query as a table, streamed from SQLite or PostgreSQL through ADBC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from foretell.errors import ForetellError
from foretell.ingest.column_names import check_names
from foretell.system.database import SPELLINGS, driver_of, explained, parse
from foretell.system.sql_text import integer, literal, quoted
from foretell.system.whole_numbers import whole_number

if TYPE_CHECKING:
    from foretell.ingest.store import Store

_STARTS: Final = ("SELECT", "WITH", "VALUES")
_COMMENT: Final = re.compile(r"\s+|--[^\n]*(\n|$)|/\*.*?\*/|\(", re.DOTALL)
_BATCH_ROWS: Final = 1 << 16  # rows SQLite's driver reads at a time
_EXAMPLE: Final = "foretell's example"  # the column that marks the row that is none of the query's


@dataclass(frozen=True, slots=True)
class Sql:
    """The rows of a query: a table of a `Dataset`. It is read anew, in one transaction, each time the tables are.

    It needs the drivers of `foretell[sql]`. The connection cannot write.

    Args:
        query: a SELECT.
        database: `sqlite:///shop.db` or `postgresql://user@host:5432/shop`. It may hold a password; better is the environment's
            PGPASSWORD or a ~/.pgpass.
        max_rows: a query of more is refused when the tables are read, after so many; None: there is no limit.

    Raises:
        ForetellError: for another kind of database. What the database rejects is raised when the tables are read.

    Example:
        >>> import sqlite3
        >>> sales = pd.read_csv("data/retail/sales.csv", nrows=2952)
        >>> with sqlite3.connect("shop.db") as shop:
        ...     sales.to_sql("sales", shop, index=False)
        2952
        >>> foretell.Dataset(foretell.Sql("SELECT item_id, timestamp, target FROM sales", "sqlite:///shop.db"), freq="D")
        Dataset(4 items, 2,952 steps of D, known=[], past=[])
    """

    query: str
    database: str
    max_rows: int | None = None

    def __post_init__(self) -> None:
        for name, text in (("query", self.query), ("database", self.database)):
            if not isinstance(text, str) or not text.strip():
                raise ForetellError(f"{name} must be a text, got {type(text).__name__}: {SPELLINGS}")
        if self.max_rows is not None:
            whole_number("max_rows", self.max_rows, least=1)
        _refuse_other_statements(self.query)
        parse(self.database)

    def __repr__(self) -> str:
        return f"Sql({self.query!r}, {self.shown!r})"

    @property
    def shown(self) -> str:
        """The database for messages: without a password."""
        return parse(self.database).shown

    @contextmanager
    def stream(self) -> Iterator[Any]:
        """An Arrow record batch reader over the rows; ForetellError for what driver and server refuse."""
        address = parse(self.database)
        driver = driver_of(address.driver, "read")
        with (
            explained(address, exists=True),
            driver.connect(address.uri) as connection,
            connection.cursor() as cursor,
        ):
            if address.driver == "sqlite":
                cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": _BATCH_ROWS})
                cursor.execute(_typed(cursor, self.query))
            else:
                cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
                connection.commit()  # it counts from the next transaction on
                cursor.execute(_wrapped("*", self.query))
            yield cursor.fetch_record_batch()


def spool(sql: Sql, store: Store, file: str) -> None:
    """Write the rows of `sql` to a Parquet file, batch by batch: several passes then see the same rows.

    Raises ForetellError for columns that share a name, for more rows than the query may have, and for what the database refuses.
    """
    with sql.stream() as reader:
        names = [part.name for part in reader.schema if part.name != _EXAMPLE]
        check_names(names, "the query:")
        store.register("stream", reader)
        columns = ", ".join(_column(part) for part in reader.schema if part.name != _EXAMPLE)
        real = f" WHERE {quoted(_EXAMPLE)} = 0" if len(names) < len(reader.schema) else ""
        limit = "" if sql.max_rows is None else f" LIMIT {integer(sql.max_rows + 1)}"
        store.execute(f"COPY (SELECT {columns} FROM stream{real}{limit}) TO {literal(file)} (FORMAT parquet)")
    if sql.max_rows is None:
        return
    import pyarrow.parquet as pq

    if pq.read_metadata(file).num_rows > sql.max_rows:
        raise ForetellError(
            f"the query has more than {sql.max_rows:,} rows, which is its limit. Ask for fewer rows."
        )


def _column(part: Any) -> str:
    """A column of the stream in DuckDB's SQL; raises ForetellError for MONEY, which comes without its unit."""
    kind, name = (part.metadata or {}).get(b"POSTGRESQL:type"), quoted(part.name)
    if kind == b"money":
        raise ForetellError(
            f"column {part.name!r} of the query is MONEY. Cast it in the query: {part.name}::numeric."
        )
    return f"CAST({name} AS DOUBLE) AS {name}" if kind == b"numeric" else name  # its driver spells it as text


def _refuse_other_statements(query: str) -> None:
    """Raise for a query that is no SELECT."""
    rest = query
    while match := _COMMENT.match(rest):
        rest = rest[match.end() :]
    word = re.match(r"\w*", rest)
    if word is None or word[0].upper() not in _STARTS:
        got = rest[:20].strip() or "nothing"
        raise ForetellError(f"the query must be a SELECT, got {got!r}. foretell only reads from a database.")


def _wrapped(columns: str, query: str, tail: str = "") -> str:
    """`query` as a subquery: whatever is no SELECT is an error there. Its own line, as it may end in a comment."""
    return f"SELECT {columns} FROM (\n{query.strip().rstrip(';')}\n) AS q{tail}"


def _typed(cursor: Any, query: str) -> str:
    """The query with one type a column, and a first row that shows the types.

    SQLite types values, not columns, and its driver takes a column's type from the first rows: a column that begins
    with empty or whole values would fail at its first 0.5. So one look finds the types, and a row of examples comes
    first, marked so that `spool` can leave it out.
    """
    cursor.execute(_wrapped("*", query, " LIMIT 0"))
    names = [part[0] for part in cursor.description]
    marks = [quoted(name) for name in names]
    counts = ", ".join(
        f"coalesce(sum(typeof({mark}) = '{kind}'), 0)" for mark in marks for kind in ("real", "text", "blob")
    )
    cursor.execute(_wrapped(counts, query))
    found = cursor.fetchone()
    examples, casts = [f"1 AS {quoted(_EXAMPLE)}"], ["0"]
    for i, mark in enumerate(marks):
        example, cast = _sqlite_type(*found[3 * i : 3 * i + 3])
        examples.append(f"{example} AS {mark}")
        casts.append(cast.format(mark))
    return f"SELECT {', '.join(examples)} UNION ALL {_wrapped(', '.join(casts), query)}"


def _sqlite_type(reals: int, texts: int, blobs: int) -> tuple[str, str]:
    """An example of the type that holds all values of a column, and the SQL that brings them to it."""
    if blobs:
        return "x'00'", "CAST({0} AS BLOB)"
    if texts:
        return "''", "CAST({0} AS TEXT)"
    return ("0.5", "CAST({0} AS REAL)") if reals else ("0", "{0}")
