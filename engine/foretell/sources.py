"""Opens what a user hands in - frames, files, globs - as tables of one in-memory DuckDB."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import pandas as pd

from foretell.errors import ForetellError, nearest
from foretell.frequency import Frequency
from foretell.sql import Sql, spool

Kind = Literal["number", "boolean", "text", "time", "other"]

BATCH_ROWS: Final = (
    1 << 17
)  # rows of one Arrow batch: a few MB, so memory stays flat however long the table is
MISSING: Final = (
    "",
    "NA",
    "N/A",
    "NaN",
    "nan",
    "null",
    "NULL",
    "None",
)  # read as "no value" where a number stands
_SETTINGS: Final = (
    "SET TimeZone = 'UTC'",
    "SET preserve_insertion_order = false",  # nothing here depends on the order of rows, and order costs memory
    "SET autoinstall_known_extensions = false",  # never download anything
    "SET enable_progress_bar = false",
)
_NUMBERS: Final = (
    "INT",
    "UINT",
    "BIGINT",
    "UBIGINT",
    "SMALLINT",
    "TINYINT",
    "HUGEINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
)
_CSV: Final = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".csv.zst")
_PARQUET: Final = (".parquet", ".pq", ".parq")


def quoted(name: str) -> str:
    """`name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Sequence[str]) -> str:
    """`texts` as an SQL list of strings."""
    return "[" + ", ".join(map(literal, texts)) + "]::VARCHAR[]"


class Store:
    """One in-memory DuckDB; a context manager. What DuckDB rejects becomes a ForetellError."""

    def __init__(self) -> None:
        import duckdb

        self._failure: type[Exception] = duckdb.Error
        self._connection: Any = duckdb.connect()
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        spill = os.path.join(tempfile.gettempdir(), f"foretell-{os.getpid()}")
        for setting in (*_SETTINGS, f"SET temp_directory = {literal(spill)}"):
            self._connection.execute(setting)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        if self._scratch is not None:
            self._scratch.cleanup()

    def scratch(self, name: str) -> str:
        """The path of a file called `name` that lives as long as the store."""
        if self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="foretell-")
        return os.path.join(self._scratch.name, name)

    def execute(self, sql: str) -> None:
        """Run a statement for its effect."""
        try:
            self._connection.execute(sql)
        except self._failure as error:
            raise _unreadable(error) from error

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a small result."""
        try:
            rows: list[tuple[Any, ...]] = self._connection.execute(sql).fetchall()
        except self._failure as error:
            raise _unreadable(error) from error
        return rows

    def frame(self, sql: str) -> pd.DataFrame:
        """A small result as a frame."""
        try:
            frame: pd.DataFrame = self._connection.execute(sql).df()
        except self._failure as error:
            raise _unreadable(error) from error
        return frame

    def batches(self, sql: str) -> Iterator[Any]:
        """A result of any size as a stream of Arrow record batches."""
        try:
            relation = self._connection.sql(sql)
            # `to_arrow_reader` is the name since DuckDB 1.5, `fetch_arrow_reader` the one before
            read = (
                relation.to_arrow_reader
                if hasattr(relation, "to_arrow_reader")
                else relation.fetch_arrow_reader
            )
            with read(BATCH_ROWS) as reader:
                yield from reader
        except (self._failure, OSError) as error:  # Arrow wraps what DuckDB raises in the middle of a stream
            raise _unreadable(error) from error

    def register(self, name: str, table: Any) -> None:
        """Make an Arrow table or a frame readable under `name`."""
        self._connection.register(name, table)


def _unreadable(error: Exception) -> ForetellError:
    text = str(error).split("LINE 1:")[0]  # what follows is our own SQL
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return ForetellError("the data cannot be read: " + " ".join(lines[:4]))


@dataclass(frozen=True, slots=True)
class Table:
    """A table in a `Store`. Tables from CSV hold nothing but text; `kinds` says what the text spells."""

    label: str  # how messages call it, "the target table (sales.csv)"
    view: str  # its name in DuckDB, quoted
    kinds: dict[str, Kind]  # column -> kind, in order
    textual: frozenset[str]  # columns that are stored as text
    fractional: frozenset[str] = frozenset()  # columns that are stored as floating point

    def find(self, given: str | None, recognised: Sequence[str]) -> str | None:
        """The column that `given` names, or the first recognised one; None when there is none."""
        if given is not None:
            return given if given in self.kinds else None
        for name in recognised:
            if name in self.kinds:
                return name
        folded = {name.lower(): name for name in reversed(self.kinds)}
        return next((folded[name] for name in recognised if name in folded), None)

    def require(self, given: str | None, recognised: Sequence[str], argument: str) -> str:
        """As `find`; raises ForetellError with the nearest name when there is no such column."""
        found = self.find(given, recognised)
        if found is None:
            wanted = given or recognised[0]
            raise ForetellError(
                f"{self.label} has no column {wanted!r}.{nearest(wanted, self.kinds)}"
                f" It has: {', '.join(self.kinds)}. Name the right one with {argument}."
            )
        return found

    def text(self, column: str) -> str:
        """SQL of a column as text; whole numbers lose a trailing `.0`, so that 7 and 7.0 are one id."""
        name = quoted(column)
        if column not in self.fractional:
            return f"CAST({name} AS VARCHAR)"
        return f"regexp_replace(CAST({name} AS VARCHAR), '\\.0+$', '')"

    def number(self, column: str) -> str:
        """SQL of a column as DOUBLE; NULL where it is missing, NaN, or no number."""
        name = quoted(column)
        if self.kinds[column] == "boolean":
            return f"CAST(TRY_CAST({name} AS BOOLEAN) AS DOUBLE)"
        cast = "TRY_CAST" if column in self.textual else "CAST"
        return f"nullif({cast}({name} AS DOUBLE), 'NaN'::DOUBLE)"

    def misspelt(self, column: str) -> str | None:
        """SQL that is true where the text of a column should be a number and is not; None where it cannot be."""
        if column not in self.textual:
            return None
        target = "BOOLEAN" if self.kinds[column] == "boolean" else "DOUBLE"
        name = quoted(column)
        return f"({name} IS NOT NULL AND TRY_CAST({name} AS {target}) IS NULL AND trim({name}) NOT IN {_words()})"

    def moment(self, column: str, frequency: Frequency) -> str:
        """SQL of the TIMESTAMP (BIGINT for integer time) that a column holds; NULL where it does not parse."""
        name, kind = quoted(column), self.kinds[column]
        if frequency.unit == "step":
            if kind not in ("number", "text"):
                raise ForetellError(
                    f"freq '1' means integer time, but {column!r} of {self.label} holds {_spoken(kind)}."
                    f" Give the frequency of the dates, such as freq='D'."
                )
            real = f"TRY_CAST({name} AS DOUBLE)"  # 2.5 is no step: a plain cast would round it
            return f"CASE WHEN {real} = floor({real}) THEN TRY_CAST({name} AS BIGINT) END"
        if column not in self.textual:
            return self._stored_moment(name, column, frequency)
        tails = {"Y": ("-01", "-01-01"), "Q": ("-01",), "M": ("-01",)}.get(frequency.unit, ())
        spellings = [name, *(f"({name} || '{tail}')" for tail in tails)]
        return f"coalesce({', '.join(f'TRY_CAST({text} AS TIMESTAMP)' for text in spellings)})"

    def _stored_moment(self, name: str, column: str, frequency: Frequency) -> str:
        kind = self.kinds[column]
        if kind == "time":
            return f"CAST({name} AS TIMESTAMP)"
        if kind == "number" and frequency.unit == "Y":
            return f"make_timestamp(CAST({name} AS BIGINT), 1, 1, 0, 0, 0.0)"
        raise ForetellError(
            f"{column!r} of {self.label} holds {_spoken(kind)}, expected dates. For integer time give freq='1'."
        )


def _words() -> str:
    return "(" + ", ".join(map(literal, MISSING)) + ")"


def _spoken(kind: Kind) -> str:
    return {"time": "dates", "number": "numbers", "boolean": "true and false"}.get(kind, kind)


def open_table(store: Store, source: object, *, name: str) -> Table:
    """`source` - a frame (pandas, polars, Arrow), a path, a glob, a list of paths, or `Sql` - as a table that messages call `name`."""
    view = f"raw_{name.strip(']').replace('[', '_')}"
    if isinstance(source, Sql):
        return _open_sql(store, source, view, name)
    parts = source if isinstance(source, (list, tuple)) else [source]
    paths = [os.fspath(part) for part in parts if isinstance(part, (str, os.PathLike))]
    if paths and len(paths) == len(parts):
        return _open_files(store, paths, view, name)
    store.register(view, _as_arrow(source, name))
    return _typed_table(store, f"the {name} table", view)


def _open_files(store: Store, patterns: Sequence[str], view: str, name: str) -> Table:
    paths = _matching(patterns, name)
    files = literals(paths)
    label = f"the {name} table ({os.path.basename(patterns[0].rstrip('/'))}{', ...' if len(patterns) > 1 else ''})"
    if paths[0].lower().endswith(_PARQUET):
        store.execute(f"CREATE VIEW {view} AS SELECT * FROM read_parquet({files}, union_by_name = true)")
        return _typed_table(store, label, view)
    options = "header = true, skip = 0, union_by_name = true"
    # Two looks at a CSV: what its columns seem to be, and the columns as plain text. Casting that text ourselves keeps
    # an id such as 007 as it is, and lets a message name the very row that does not parse.
    sniffed = f"SELECT * FROM read_csv({files}, {options}, nullstr = {literals(MISSING)})"
    store.execute(f"CREATE VIEW {view} AS SELECT * FROM read_csv({files}, {options}, all_varchar = true)")
    kinds = {column: _kind(dtype) for column, dtype in _describe(store, f"({sniffed})").items()}
    only = next(iter(kinds))
    if len(kinds) == 1 and any(mark in only for mark in ",;\t|"):
        raise ForetellError(f"{label}: some rows have another number of columns than the header {only!r}.")
    if list(_describe(store, view)) != list(kinds):
        raise ForetellError(f"{label}: the header cannot be told from the rows. Give the file a header line.")
    return Table(label, view, kinds, frozenset(kinds))


def _open_sql(store: Store, source: Sql, view: str, name: str) -> Table:
    file = store.scratch(f"{view}.parquet")
    spool(source, store, file)
    if not store.rows(f"SELECT count(*) FROM read_parquet({literal(file)})")[0][0]:
        raise ForetellError(f"the {name} table ({source.shown}): the query found no rows.")
    store.execute(f"CREATE VIEW {view} AS SELECT * FROM read_parquet({literal(file)})")
    return _typed_table(store, f"the {name} table ({source.shown})", view)


def _typed_table(store: Store, label: str, view: str) -> Table:
    dtypes = _describe(store, view)
    kinds = {column: _kind(dtype) for column, dtype in dtypes.items()}
    textual = frozenset(column for column, kind in kinds.items() if kind == "text")
    return Table(label, view, kinds, textual, frozenset(c for c in kinds if dtypes[c] in ("FLOAT", "DOUBLE")))


def _matching(patterns: Sequence[str], name: str) -> list[str]:
    """The files that `patterns` stand for; all of one kind."""
    paths = [path for pattern in patterns for path in _files_of(pattern, name)]
    endings = {_PARQUET if p.lower().endswith(_PARQUET) else _CSV for p in paths}
    odd = next((p for p in paths if not p.lower().endswith(_PARQUET + _CSV)), None)
    if odd is not None or len(endings) > 1:
        raise ForetellError(
            f"{name}: {odd or patterns[-1]!r} must be CSV ({', '.join(_CSV[:3])}) or Parquet ({_PARQUET[0]}), not both."
        )
    return paths


def _files_of(pattern: str, name: str) -> list[str]:
    if Path(pattern).is_file():
        return [pattern]
    if Path(pattern).is_dir():
        paths = sorted(str(p) for p in Path(pattern).rglob("*") if p.name.lower().endswith(_PARQUET + _CSV))
    else:
        paths = sorted(p for p in glob.glob(pattern, recursive=True) if Path(p).is_file())
    if not paths:
        what = "no file matches" if glob.has_magic(pattern) or Path(pattern).is_dir() else "no such file:"
        raise ForetellError(f"{name}: {what} {pattern!r}. Give a CSV or Parquet file, or a glob of them.")
    return paths


def _describe(store: Store, view: str) -> dict[str, str]:
    return {row[0]: str(row[1]) for row in store.rows(f"DESCRIBE SELECT * FROM {view}")}


def _kind(dtype: str) -> Kind:
    if dtype == "BOOLEAN":
        return "boolean"
    if dtype.startswith(("VARCHAR", "ENUM", "UUID")):
        return "text"
    if dtype.startswith(("TIMESTAMP", "DATE")):
        return "time"
    if dtype.startswith((*_NUMBERS, '"NULL"', "NULL", "USMALLINT", "UTINYINT", "UHUGEINT", "BIGNUM")):
        return "other" if dtype.endswith("]") else "number"
    return "other"


def _as_arrow(source: Any, name: str) -> Any:
    import pyarrow as pa

    if isinstance(source, pd.DataFrame):
        return _naive(_from_pandas(source, name))
    if type(source).__module__.startswith("polars") and hasattr(source, "collect"):
        source = source.collect()
    if hasattr(source, "to_table") and not isinstance(source, pa.Table):
        source = source.to_table()
    if hasattr(source, "__arrow_c_stream__"):
        return _naive(pa.table(source))
    raise ForetellError(
        f"{name} must be a pandas, polars or Arrow table, a path a glob, or foretell.Sql, got {type(source).__name__}"
    )


def _from_pandas(frame: pd.DataFrame, name: str) -> Any:
    import pyarrow as pa

    if any(level is not None for level in frame.index.names):
        frame = frame.reset_index()
    frame = frame.rename(columns=str)
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise ForetellError(f"the {name} table has the column {twice[0]!r} twice. Rename one of them.")
    columns = {}
    for column in frame.columns:
        values = frame[column]
        if isinstance(values.dtype, pd.PeriodDtype):
            values = values.dt.start_time
        try:
            columns[column] = pa.Array.from_pandas(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # an object column of several types: its text decides
            columns[column] = pa.Array.from_pandas(values.astype(str).where(values.notna(), None))
    return pa.table(columns)


def _naive(table: Any) -> Any:
    """`table` with timestamps that carry a time zone as the wall-clock time there: a day is a local day."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for position, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type) and column.type.tz is not None:
            table = table.set_column(position, column.name, pc.local_timestamp(table.column(position)))
    return table
