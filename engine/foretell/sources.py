"""Opens what a user hands in - frames, files, globs - as tables of one in-memory DuckDB."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import pandas as pd

from foretell.clock import carries_zone, spelt_instant, spelt_wall, stored_wall
from foretell.delimited import Header, broken, lacking, read_headers, sampled_columns
from foretell.errors import ForetellError, nearest
from foretell.frequency import Frequency
from foretell.grids import SHARE, memory
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
    "SET streaming_buffer_size = '64MB'",  # DuckDB's threads read on while rows are put on the grid
)
_COSTLY: Final = 1 << 24  # bytes of text from which rows are kept as Parquet between the passes
_LEAST_MEMORY: Final = 1 << 30  # bytes that DuckDB may use at least; past its limit it spills to disk
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
_INSTANTS: Final = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ", "TIMESTAMPTZ_NS")
_FILE: Final = "foretell's file"  # the column that says which file a row stands in
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

    def __init__(self, timezone: str | None = None, *, scratch: str | os.PathLike[str] | None = None) -> None:
        import duckdb

        self.timezone = timezone  # whose clock counts for times with an offset or a zone; None: their own
        self.scratch: Final = os.fspath(scratch or tempfile.gettempdir())  # for what does not fit into memory
        self._failure: type[Exception] = duckdb.Error
        self._connection: Any = duckdb.connect()
        self._spooled: tempfile.TemporaryDirectory[str] | None = None
        spill = os.path.join(self.scratch, f"foretell-{os.getpid()}")
        limit = f"SET memory_limit = '{max(memory() // SHARE, _LEAST_MEMORY)}B'"  # the grids need memory too
        for setting in (*_SETTINGS, f"SET temp_directory = {literal(spill)}", limit):
            self._connection.execute(setting)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        if self._spooled is not None:
            self._spooled.cleanup()

    def spooled(self, name: str) -> str:
        """The path of a file called `name` that lives as long as the store."""
        if self._spooled is None:
            self._spooled = tempfile.TemporaryDirectory(prefix="foretell-", dir=self.scratch)
        return os.path.join(self._spooled.name, name)

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
        try:
            self._connection.register(name, table)
        except self._failure as error:
            raise _unreadable(error) from error


def _unreadable(error: Exception) -> ForetellError:
    line = broken(str(error))
    if line is not None:
        return ForetellError(line)
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
    fractional: frozenset[str] = frozenset()  # columns that are stored as floating point, or with decimals
    zones: Mapping[str, str] = field(default_factory=dict)  # columns stored as instants -> their time zone
    local: str | None = None  # the zone that times with an offset or a zone are read in; None: their own
    file: str = "NULL"  # SQL of the file that a row stands in
    lacking: Mapping[str, str] = field(
        default_factory=dict
    )  # column -> the first file of several that lacks it
    costly: bool = False  # a large text file, whose rows take longer to read than to write and read again
    dates: str | None = None  # the format of dates in text, where they are not ISO
    decimal: str = "."  # the decimal mark of numbers in text

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
        return self.whole(found)

    def whole(self, column: str) -> str:
        """`column`; raises ForetellError when one of several files lacks it."""
        if column in self.lacking:
            raise ForetellError(
                f"{self.lacking[column]} has no column {column!r}, which other files of {self.label} have."
                f" Add it, or leave that file out."
            )
        return column

    def text(self, column: str) -> str:
        """SQL of a column as text: 7 and 7.0 are one id; NaN and '' are none."""
        name = quoted(column)
        if column not in self.fractional:
            return f"nullif(CAST({name} AS VARCHAR), '')"
        real = f"nullif(CAST({name} AS DOUBLE), 'NaN'::DOUBLE)"
        whole = f"TRY_CAST({real} AS BIGINT)"  # rounds, or is NULL where it does not fit
        return (
            f"coalesce(CAST(CASE WHEN {whole} = {real} THEN {whole} END AS VARCHAR), CAST({real} AS VARCHAR))"
        )

    def number(self, column: str) -> str:
        """SQL of a column as DOUBLE; NULL where it is missing, NaN, or no number."""
        name = quoted(column)
        if self.kinds[column] == "boolean":
            return f"CAST(TRY_CAST({name} AS BOOLEAN) AS DOUBLE)"
        cast = "TRY_CAST" if column in self.textual else "CAST"
        return f"nullif({cast}({self.spelt(column)} AS DOUBLE), 'NaN'::DOUBLE)"

    def spelt(self, column: str) -> str:
        """SQL of a column's numbers as SQL spells them."""
        name = quoted(column)
        return _with_point(name, self.decimal) if column in self.textual else name

    def misspelt(self, column: str) -> str | None:
        """SQL that is true where the text of a column should be a number and is not; None where it cannot be."""
        if column not in self.textual:
            return None
        name = quoted(column)
        wanted = (
            f"{name} AS BOOLEAN" if self.kinds[column] == "boolean" else f"{self.spelt(column)} AS DOUBLE"
        )
        return f"({name} IS NOT NULL AND TRY_CAST({wanted}) IS NULL AND trim(CAST({name} AS VARCHAR)) NOT IN {_words()})"

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
        if self.dates is not None and (column in self.textual or kind == "number"):
            return self._formatted_moment(self.text(column), self.dates)
        if column not in self.textual:
            return self._stored_moment(name, column, frequency)
        tails = {"Y": ("-01", "-01-01"), "Q": ("-01",), "M": ("-01",)}.get(frequency.unit, ())
        return spelt_wall(name, tails, self.local)

    def instant(self, column: str, frequency: Frequency, moment: str) -> tuple[str, str]:
        """SQL of what tells two times apart that may share their `moment`, and of whether a row carries a zone."""
        name = quoted(column)
        plain = frequency.unit == "step" or self.dates is not None  # a format of the user's has no zones
        if plain or not (column in self.textual or column in self.zones):
            return moment, "false"
        if column in self.zones:
            return f"timezone('UTC', CAST({name} AS TIMESTAMPTZ))", f"{name} IS NOT NULL"
        zoned = carries_zone(name)
        return (
            f"CASE WHEN {zoned} THEN coalesce(timezone('UTC', {spelt_instant(name)}), {moment}) ELSE {moment} END",
            zoned,
        )

    def _formatted_moment(self, text: str, form: str) -> str:
        """As the format says; ISO dates too, unless the format begins with a year and they could be taken for it."""
        moment = f"try_strptime(trim({text}), {literal(form)})"
        if form.startswith("%Y"):
            return moment
        return f"CASE WHEN regexp_matches({text}, '^\\s*\\d{{4}}-') THEN TRY_CAST({text} AS TIMESTAMP) ELSE {moment} END"

    def _stored_moment(self, name: str, column: str, frequency: Frequency) -> str:
        kind = self.kinds[column]
        if column in self.zones:
            return stored_wall(name, self.zones[column], self.local)
        if kind == "time":
            return f"CAST({name} AS TIMESTAMP)"
        if kind == "number" and frequency.unit == "Y":
            year = f"CASE WHEN {name} BETWEEN 1678 AND 2261 AND {name} = floor({name}) THEN CAST({name} AS BIGINT) END"
            return f"make_timestamp({year}, 1, 1, 0, 0, 0.0)"
        raise ForetellError(
            f"{column!r} of {self.label} holds {_spoken(kind)}, expected dates. For integer time give freq='1'."
        )


def _with_point(text: str, decimal: str) -> str:
    """SQL of the text of a number with a decimal point in place of a comma; one that has a point is then no number."""
    return (
        text if decimal == "." else f"CASE WHEN NOT contains({text}, '.') THEN replace({text}, ',', '.') END"
    )


def _words() -> str:
    return "(" + ", ".join(map(literal, MISSING)) + ")"


def _spoken(kind: Kind) -> str:
    return {"time": "dates", "number": "numbers", "boolean": "true and false"}.get(kind, kind)


def open_table(
    store: Store, source: object, *, name: str, dates: str | None = None, decimal: str = "."
) -> Table:
    """`source` as a table that messages call `name`; `dates` is the format of its dates where they are not ISO.

    `decimal` is the decimal mark of its numbers where they are text.
    A source is a frame (pandas, polars, Arrow), a path, a glob, a list of paths, or `Sql`.
    """
    view = f"raw_{name.strip(']').replace('[', '_')}"
    parts = source if isinstance(source, (list, tuple)) else [source]
    paths = [os.fspath(part) for part in parts if isinstance(part, (str, os.PathLike))]
    if isinstance(source, Sql):
        table = _open_sql(store, source, view, name)
    elif paths and len(paths) == len(parts):
        table = _open_files(store, paths, view, name, dates=dates, decimal=decimal)
    else:
        arrow = _as_arrow(source, name)
        if not arrow.schema.names:
            raise ForetellError(f"the {name} table has no columns.")
        if getattr(arrow, "num_rows", 1) == 0 and name != "items":  # whose columns then have no type either
            raise ForetellError(f"the {name} table has no rows.")
        store.register(view, arrow)
        table = _typed_table(store, f"the {name} table", view, arrow.schema)
    return replace(table, dates=dates, decimal=decimal)


def _open_files(
    store: Store, patterns: Sequence[str], view: str, name: str, *, dates: str | None, decimal: str
) -> Table:
    paths = _matching(patterns, name)
    label = f"the {name} table ({os.path.basename(patterns[0].rstrip('/'))}{', ...' if len(patterns) > 1 else ''})"
    if paths[0].lower().endswith(_PARQUET):
        return _open_parquet(store, paths, view, label)
    headers = read_headers(paths)
    headers = [header for header in headers if header.sample] or headers[:1]  # a header alone adds no row
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for header in headers:
        groups.setdefault((header.delimiter, header.names), []).append(header.path)
    # Columns are read as plain text. Casting that text ourselves keeps an id such as 007 as it is, and lets a message
    # name the very row that does not parse. Nothing is left for DuckDB to guess, so what it refuses is really broken.
    selects = [f"SELECT * FROM {_read_csv(files, *what)}" for what, files in groups.items()]
    store.execute(f"CREATE VIEW {view} AS {' UNION ALL BY NAME '.join(selects)}")
    table = _typed_table(store, label, view, None, lacking((header.path, header.names) for header in headers))
    costly = sum(os.path.getsize(header.path) for header in headers) > _COSTLY
    return replace(table, kinds=table.kinds | _spelt_kinds(store, headers, dates, decimal), costly=costly)


def _read_csv(files: Sequence[str], delimiter: str, names: Sequence[str]) -> str:
    columns = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in names)
    return (
        f"read_csv({literals(files)}, auto_detect = false, header = true, delim = {literal(delimiter)}, quote = '\"',"
        f" escape = '\"', columns = {{{columns}}}, filename = {literal(_FILE)})"
    )


def _open_parquet(store: Store, paths: Sequence[str], view: str, label: str) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schemas = []
    for path in paths:
        try:
            schemas.append(pq.read_schema(path))
        except (pa.ArrowInvalid, OSError) as error:
            raise ForetellError(f"{path} is no Parquet file, or not a whole one: {error}") from error
    store.execute(
        f"CREATE VIEW {view} AS SELECT *"
        f" FROM read_parquet({literals(paths)}, union_by_name = true, filename = {literal(_FILE)})"
    )
    columns = zip(paths, (schema.names for schema in schemas), strict=True)
    return _typed_table(store, label, view, schemas[0], lacking(columns))


def _spelt_kinds(store: Store, headers: Sequence[Header], dates: str | None, decimal: str) -> dict[str, Kind]:
    """What the text of each column spells in the sample; a column of nothing but gaps counts as numbers."""
    import pyarrow as pa

    sample = sampled_columns(headers)
    form = f"try_strptime(c, {literal(dates)})" if dates else "NULL"
    kinds: dict[str, Kind] = {}
    for name, values in sample.items():
        store.register("sample", pa.table({"c": pa.array(values, pa.string())}))
        total, numbers, booleans, times = store.rows(
            f"SELECT count(c), count(TRY_CAST({_with_point('c', decimal)} AS DOUBLE)), count(*) FILTER (lower(c) IN ('true', 'false')),"
            f" count(coalesce(TRY_CAST(c AS TIMESTAMP), {form}))"
            f" FROM (SELECT trim(c) AS c FROM sample WHERE trim(c) NOT IN {_words()})"
        )[0]
        likely: list[tuple[int, Kind]] = [(numbers, "number"), (booleans, "boolean"), (times, "time")]
        kinds[name] = next((kind for count, kind in likely if count == total), "text")
    return kinds


def _open_sql(store: Store, source: Sql, view: str, name: str) -> Table:
    import pyarrow.parquet as pq

    file = store.spooled(f"{view}.parquet")
    spool(source, store, file)
    if not store.rows(f"SELECT count(*) FROM read_parquet({literal(file)})")[0][0]:
        raise ForetellError(f"the {name} table ({source.shown}): the query found no rows.")
    store.execute(f"CREATE VIEW {view} AS SELECT * FROM read_parquet({literal(file)})")
    return _typed_table(store, f"the {name} table ({source.shown})", view, pq.read_schema(file))


def _typed_table(
    store: Store, label: str, view: str, schema: Any, lacking: Mapping[str, str] | None = None
) -> Table:
    dtypes = _describe(store, view)
    file = quoted(_FILE) if dtypes.pop(_FILE, None) else "NULL"
    kinds = {column: _kind(dtype) for column, dtype in dtypes.items()}
    textual = frozenset(column for column, kind in kinds.items() if kind == "text")
    fractional = frozenset(column for column in kinds if _has_fractions(dtypes[column]))
    instants = [c for c in kinds if dtypes[c] in _INSTANTS]
    own = {c: getattr(schema.field(c).type, "tz", None) for c in instants if c in schema.names}
    zones = {c: own.get(c) or "UTC" for c in instants}
    return Table(label, view, kinds, textual, fractional, zones, store.timezone, file, lacking or {})


def _has_fractions(dtype: str) -> bool:
    return dtype in ("FLOAT", "DOUBLE") or (dtype.startswith("DECIMAL") and not dtype.endswith(",0)"))


def _matching(patterns: Sequence[str], name: str) -> list[str]:
    """The files that `patterns` stand for; all of one kind."""
    paths = [path for pattern in patterns for path in _files_of(pattern, name)]
    endings = {_PARQUET if p.lower().endswith(_PARQUET) else _CSV for p in paths}
    odd = next((p for p in paths if not p.lower().endswith(_PARQUET + _CSV)), None)
    kinds = f"CSV ({', '.join(_CSV[:3])}) or Parquet ({_PARQUET[0]})"
    if odd is not None:
        raise ForetellError(f"{name}: {odd!r} must be {kinds}. Save it as one of these.")
    if len(endings) > 1:
        raise ForetellError(f"{name}: the files of {patterns[-1]!r} must all be {kinds}, not some of each.")
    return paths


def _files_of(pattern: str, name: str) -> list[str]:
    if Path(pattern).is_file():
        return [pattern]
    if Path(pattern).is_dir():
        paths = sorted(str(p) for p in Path(pattern).rglob("*") if p.name.lower().endswith(_PARQUET + _CSV))
    else:
        paths = sorted(p for p in glob.glob(pattern, recursive=True) if Path(p).is_file())
    if not paths:
        if Path(pattern).is_dir():
            raise ForetellError(f"{name}: the folder {pattern!r} holds no CSV or Parquet file.")
        what = "no file matches" if glob.has_magic(pattern) else "no such file:"
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
        return "other" if dtype.endswith("]") or dtype == "INTERVAL" else "number"
    return "other"


def _as_arrow(source: Any, name: str) -> Any:
    import pyarrow as pa

    if isinstance(source, pd.DataFrame):
        return _readable_types(_from_pandas(source, name))
    if type(source).__module__.startswith("polars") and hasattr(source, "collect"):
        source = source.collect()
    if hasattr(source, "to_table") and not isinstance(source, pa.Table):
        source = source.to_table()
    if hasattr(source, "__arrow_c_stream__"):
        table = pa.table(source)
        _refuse_twins(table.column_names, name)
        return _readable_types(table)
    raise ForetellError(
        f"{name} must be a pandas, polars or Arrow table, a path, a glob or foretell.Sql, got {type(source).__name__}"
    )


def _refuse_twins(names: Sequence[str], name: str) -> None:
    twice = next((column for column in names if names.count(column) > 1), None)
    if twice is not None:
        raise ForetellError(f"the {name} table has the column {twice!r} twice. Rename one of them.")


def _from_pandas(frame: pd.DataFrame, name: str) -> Any:
    import pyarrow as pa

    if any(level is not None for level in frame.index.names):
        frame = frame.reset_index()
    frame = frame.rename(columns=str)
    _refuse_twins(list(frame.columns), name)
    columns = {}
    for column in frame.columns:
        values = frame[column]
        if isinstance(values.dtype, pd.PeriodDtype):
            values = values.dt.start_time
        try:
            columns[column] = pa.Array.from_pandas(values)
            if values.dtype == object and getattr(columns[column].type, "tz", None):  # offsets may differ
                columns[column] = pa.Array.from_pandas(values.astype(str).where(values.notna(), None))
        except (pa.ArrowException, OverflowError):  # an object column of several types: its text decides
            columns[column] = pa.array(
                [_spelt(v) if there else None for v, there in zip(values, values.notna(), strict=True)]
            )
    return pa.table(columns)


def _spelt(value: object) -> str:
    """A value as text, as DuckDB spells it: 7.0 is 7, True is true."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _readable_types(table: Any) -> Any:
    """`table` with the numbers that DuckDB cannot scan (half floats, decimals of 256 bits) as float64."""
    import pyarrow as pa

    for position, column in enumerate(table.schema):
        if pa.types.is_float16(column.type) or pa.types.is_decimal256(column.type):
            table = table.set_column(position, column.name, table.column(position).cast(pa.float64()))
    return table
