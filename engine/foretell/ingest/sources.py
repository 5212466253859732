"""Opens the sources of a data set - frames, files, globs, queries - as tables of one in-memory DuckDB."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pandas as pd

from foretell.errors import ForetellError
from foretell.ingest.arrow_tables import as_arrow
from foretell.ingest.column_names import check_names
from foretell.ingest.csv_files import Header, lacking, read_headers, sampled_columns
from foretell.ingest.declared_types import Declared, declared_by, declared_in_file
from foretell.ingest.sql_source import Sql, spool
from foretell.ingest.store import Store
from foretell.ingest.table import MISSING, Kind, Table, _with_point, missing_words
from foretell.system.delta import is_delta, open_delta
from foretell.system.excel import read_sheet
from foretell.system.sql_text import file_pattern, file_patterns, literal, quoted

_GROUPED: Final = 3  # values that show it
_COSTLY: Final = 1 << 24  # bytes of text from which rows are kept as Parquet between the passes
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
_FILE: Final = "foretell's file"  # the column with the file that a row is from
_CSV: Final = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".csv.zst")
_PARQUET: Final = (".parquet", ".pq", ".parq")
_EXCEL: Final = ".xlsx"


def open_table(
    store: Store,
    source: object,
    *,
    name: str,
    dates: str | None = None,
    decimal: str = ".",
    thousands: str | None = None,
    partitions: bool = False,
) -> Table:
    """`source` as a table that messages call `name`; `dates` is the format of its dates where they are not ISO.

    `decimal` is the decimal mark of its numbers where they are text, `thousands` that between thousands; with `partitions`, folders named `column=value` are columns.
    A source is a frame (pandas, polars, Arrow), a path, a glob, a list of paths, or `Sql`. Raises ForetellError for other things,
    for files that are not there or cannot be read, and for a table without rows (but for the items).
    """
    view = f"raw_{name.strip(']').replace('[', '_')}"
    parts = source if isinstance(source, (list, tuple)) else [source]
    files = [os.fspath(part) for part in parts if isinstance(part, (str, os.PathLike))]
    if isinstance(source, Sql):
        table = _open_sql(store, source, view, name)
    elif len(files) == len(parts) == 1 and is_delta(files[0]):
        store.register(view, delta := open_delta(files[0]))
        table = _typed_table(store, f"the {name} table ({os.path.basename(files[0])})", view, delta.schema)
    elif files and len(files) == len(parts) and all(_is_sheet(file) for file in files):
        arrow = as_arrow(_read_sheets(files, name), name)
        store.register(view, arrow)
        table = _typed_table(store, f"the {name} table ({os.path.basename(files[0])})", view, arrow.schema)
    elif files and len(files) == len(parts):
        form = _Form(dates, decimal, thousands, partitions)
        table = _open_files(store, files, view, name, form=form)
    else:
        arrow = as_arrow(source, name)
        if not arrow.schema.names:
            raise ForetellError(f"the {name} table has no columns.")
        if getattr(arrow, "num_rows", 1) == 0 and name != "items":  # whose columns then have no type either
            raise ForetellError(f"the {name} table has no rows.")
        store.register(view, arrow)
        table = _typed_table(store, f"the {name} table", view, arrow.schema)
    return replace(table, dates=dates, decimal=decimal, thousands=thousands)


def files_of(*sources: object) -> list[str]:
    """The files that `sources` stand for, which a `Store` must be allowed to open; what names none is passed over."""
    found: list[str] = []
    for source in sources:
        for part in source if isinstance(source, (list, tuple)) else [source]:
            if isinstance(part, (str, os.PathLike)):
                with suppress(ForetellError, OSError):
                    found += _files_of(os.fspath(part), "")
    return found


@dataclass(frozen=True, slots=True)
class _Form:
    """How files are written."""

    dates: str | None  # the format of dates that are not ISO
    decimal: str
    thousands: str | None
    partitions: bool  # folders named column=value are columns


def _open_files(store: Store, patterns: Sequence[str], view: str, name: str, *, form: _Form) -> Table:
    files = _matching(patterns, name)
    label = f"the {name} table ({os.path.basename(patterns[0].rstrip('/'))}{', ...' if len(patterns) > 1 else ''})"
    if files[0].lower().endswith(_PARQUET):
        return _open_parquet(store, files, view, label, partitions=form.partitions)
    headers = read_headers(files)
    headers = [header for header in headers if header.sample] or headers[:1]  # a header alone adds no row
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for header in headers:
        groups.setdefault((header.delimiter, header.names), []).append(header.path)
    # Columns are read as plain text. Casting that text ourselves keeps an id such as 007 as it is, and lets a message
    # name the very row that does not parse. Nothing is left for DuckDB to guess, so what it refuses is really broken.
    selects = [f"SELECT * FROM {_read_csv(some, *what, form.partitions)}" for what, some in groups.items()]
    check_names(tuple(dict.fromkeys(name for header in headers for name in header.names)), f"{label}:")
    if form.partitions:
        _refuse_overlap((header.path, header.names) for header in headers)
    store.execute(f"CREATE VIEW {view} AS {' UNION ALL BY NAME '.join(selects)}")
    table = _typed_table(store, label, view, None, lacking((header.path, header.names) for header in headers))
    costly = sum(os.path.getsize(header.path) for header in headers) > _COSTLY
    return replace(
        table,
        kinds=table.kinds | _spelt_kinds(store, headers, form),
        grouped=_grouped(headers, form),
        costly=costly,
        unnamed=frozenset().union(*(header.unnamed for header in headers)),
    )


def _read_csv(files: Sequence[str], delimiter: str, names: Sequence[str], partitions: bool) -> str:
    columns = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in names)
    return (
        f"read_csv({file_patterns(files)}, auto_detect = false, header = true, delim = {literal(delimiter)}, quote = '\"',"
        f" escape = '\"', columns = {{{columns}}}, filename = {literal(_FILE)},"
        f" {_hive(partitions)})"
    )


def _hive(partitions: bool) -> str:
    """DuckDB's settings for folders named `column=value`: it reads them as columns of its own accord, over the file's own."""
    return f"hive_partitioning = {'true, hive_types_autocast = false' if partitions else 'false'}"


def _refuse_overlap(columns: Iterable[tuple[str, Iterable[str]]]) -> None:
    """Raise for a file, of (file, its columns), that has a column which a folder's name gives as well."""
    for file, names in columns:
        folders = {part.partition("=")[0] for part in Path(file).parts[:-1] if "=" in part}
        both = folders.intersection(names)
        if both:
            raise ForetellError(
                f"{file}: the column {min(both)!r} is in the file and in the name of a folder. Rename one of them, or leave"
                " partitions=True out."
            )


def _open_parquet(store: Store, files: Sequence[str], view: str, label: str, *, partitions: bool) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schemas, declared = [], Declared()
    for file in files:
        try:
            with pq.ParquetFile(file) as opened:
                schemas.append(opened.schema_arrow)
                declared |= declared_in_file(opened.schema_arrow, opened.metadata.metadata)
        except (pa.ArrowInvalid, OSError) as error:
            raise ForetellError(f"{file} is no Parquet file, or not a whole one: {error}") from error
    check_names(tuple(dict.fromkeys(name for schema in schemas for name in schema.names)), f"{label}:")
    store.execute(
        f"CREATE VIEW {view} AS SELECT *"
        f" FROM read_parquet({file_patterns(files)}, union_by_name = true, filename = {literal(_FILE)}, {_hive(partitions)})"
    )
    columns = list(zip(files, (schema.names for schema in schemas), strict=True))
    if partitions:
        _refuse_overlap(columns)
    return _typed_table(store, label, view, schemas[0], lacking(columns), declared)


def _grouped(headers: Sequence[Header], form: _Form) -> dict[str, str]:
    """Columns whose marks may stand between thousands: three digits behind each, none elsewhere; the first such value."""
    if form.thousands is not None:
        return _perhaps_fractions(headers, form.thousands)
    marked = re.compile(rf"\s*[-+]?[1-9]\d{{0,2}}{re.escape(form.decimal)}\d{{3}}\s*")
    small = re.compile(r"\s*[-+]?\d{1,3}\s*")
    found = {}
    for name, values in sampled_columns(headers).items():
        there = [value for value in values if value is not None and value.strip() not in MISSING]
        with_mark = [value for value in there if marked.fullmatch(value)]
        if len(with_mark) >= _GROUPED and all(marked.fullmatch(v) or small.fullmatch(v) for v in there):
            found[name] = with_mark[0].strip()
    return found


def _perhaps_fractions(headers: Sequence[Header], mark: str) -> dict[str, str]:
    """Columns of which each value is a digit, the mark between thousands and three digits: perhaps 2.274 is no 2274."""
    if mark not in ".,":
        return {}
    marked, found = re.compile(rf"\s*[-+]?[1-9]{re.escape(mark)}\d{{3}}\s*"), {}
    for name, values in sampled_columns(headers).items():
        there = [value for value in values if value is not None and value.strip() not in MISSING]
        if len(there) >= _GROUPED and all(map(marked.fullmatch, there)):
            found[name] = there[0].strip()
    return found


def _spelt_kinds(store: Store, headers: Sequence[Header], form: _Form) -> dict[str, Kind]:
    """What the text of each column spells in the sample; a column of nothing but gaps counts as numbers."""
    import pyarrow as pa

    sample = sampled_columns(headers)
    dated = f"try_strptime(c, {literal(form.dates)})" if form.dates else "NULL"
    kinds: dict[str, Kind] = {}
    for name, values in sample.items():
        store.register("sample", pa.table({"c": pa.array(values, pa.string())}))
        total, numbers, booleans, times = store.rows(
            f"SELECT count(c), count(TRY_CAST({_with_point('c', form.decimal, form.thousands)} AS DOUBLE)), count(*) FILTER (lower(c) IN ('true', 'false')),"
            f" count(coalesce(TRY_CAST(c AS TIMESTAMP), {dated}))"
            f" FROM (SELECT trim(c) AS c FROM sample WHERE trim(c) NOT IN {missing_words()})"
        )[0]
        likely: list[tuple[int, Kind]] = [(numbers, "number"), (booleans, "boolean"), (times, "time")]
        kinds[name] = next((kind for count, kind in likely if count == total), "text")
    return kinds


def _open_sql(store: Store, source: Sql, view: str, name: str) -> Table:
    import pyarrow.parquet as pq

    file = store.spooled(f"{view}.parquet")
    spool(source, store, file)
    if not store.rows(
        f"SELECT count(*) FROM read_parquet({literal(file_pattern(file))}, hive_partitioning = false)"
    )[0][0]:
        raise ForetellError(f"the {name} table ({source.shown}): the query found no rows.")
    store.execute(
        f"CREATE VIEW {view} AS SELECT * FROM read_parquet({literal(file_pattern(file))}, hive_partitioning = false)"
    )
    return _typed_table(store, f"the {name} table ({source.shown})", view, pq.read_schema(file))


def _is_sheet(file: str) -> bool:
    """Whether a name is that of a workbook, or of a sheet in one: sales.xlsx#2024."""
    return file.lower().endswith(_EXCEL) or file.lower().rpartition("#")[0].endswith(_EXCEL)


def _read_sheets(files: Sequence[str], name: str) -> pd.DataFrame:
    """The rows of sheets below each other; raises ForetellError where their columns differ."""
    frames = []
    for file in files:
        path, sheet = (file, "") if file.lower().endswith(_EXCEL) else file.rsplit("#", 1)
        if not Path(path).is_file():
            raise ForetellError(
                f"{name}: no such file: {path!r}. Give a workbook, or one sheet of it: {path}#Sheet1."
            )
        frames.append(read_sheet(path, sheet or None))
        if set(frames[-1]) != set(frames[0]):
            raise ForetellError(
                f"{name}: {file} has the columns {', '.join(map(str, frames[-1]))}, {files[0]} has {', '.join(map(str, frames[0]))}. Sheets that"
                " are one table have the same."
            )
    if not sum(map(len, frames)) and name != "items":
        raise ForetellError(f"the {name} table has no rows.")
    return pd.concat(frames, ignore_index=True)


def _typed_table(
    store: Store,
    label: str,
    view: str,
    schema: Any,
    lacking: Mapping[str, str] | None = None,
    declared: Declared | None = None,
) -> Table:
    if declared is None:
        declared = Declared() if schema is None else declared_by(schema)
    dtypes = _describe(store, view)
    file = quoted(_FILE) if dtypes.pop(_FILE, None) else "NULL"
    kinds = {column: _kind(dtype) for column, dtype in dtypes.items()}
    textual = frozenset(column for column, kind in kinds.items() if kind == "text")
    fractional = frozenset(column for column in kinds if _has_fractions(dtypes[column]))
    instants = [c for c in kinds if dtypes[c] in _INSTANTS]
    own = {c: getattr(schema.field(c).type, "tz", None) for c in instants if c in schema.names}
    zones = {c: own.get(c) or "UTC" for c in instants}
    return Table(
        label=label,
        view=view,
        kinds=kinds,
        textual=textual,
        fractional=fractional,
        zones=zones,
        local=store.timezone,
        file=file,
        lacking=lacking or {},
        categorical=declared.categories,
        indexes=declared.indexes,
    )


def _has_fractions(dtype: str) -> bool:
    return dtype in ("FLOAT", "DOUBLE") or (dtype.startswith("DECIMAL") and not dtype.endswith(",0)"))


def _matching(patterns: Sequence[str], name: str) -> list[str]:
    """The files that `patterns` stand for; all of one kind."""
    paths = [path for pattern in patterns for path in _files_of(pattern, name)]
    endings = {_PARQUET if p.lower().endswith(_PARQUET) else _CSV for p in paths}
    odd = next((p for p in paths if not p.lower().endswith(_PARQUET + _CSV)), None)
    kinds = f"CSV ({', '.join(_CSV[:3])}), Parquet ({_PARQUET[0]}) or Excel ({_EXCEL})"
    if odd is not None:
        raise ForetellError(f"{name}: {odd!r} must be {kinds}. Save it as one of these.")
    if len(endings) > 1:
        raise ForetellError(
            f"{name}: the files of {patterns[-1]!r} must all be of one kind, {kinds}, not some of each."
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
        if Path(pattern).is_dir():
            ours = ", and is no panel that `foretell ingest` wrote" if name == "target" else ""
            raise ForetellError(
                f"{name}: the folder {pattern!r} holds no CSV or Parquet file{ours}. Name the right folder or files."
            )
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
