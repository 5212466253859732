"""Frames, relations and Arrow tables of all kinds as Arrow tables that DuckDB can scan."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from foretell.errors import ForetellError
from foretell.ingest.column_names import check_names
from foretell.system.plain_text import is_storable


def as_arrow(source: Any, name: str) -> Any:
    """A frame, a relation or an Arrow table as an Arrow table that DuckDB can scan; messages call it `name`.

    Raises ForetellError for other things, for names of columns that cannot be told apart, and for text that no file keeps.
    """
    import pyarrow as pa

    if isinstance(source, pd.DataFrame):
        return _readable_types(_from_pandas(source, name))
    if type(source).__module__.startswith("polars") and hasattr(source, "collect"):
        source = source.collect()
    if type(source).__module__.partition(".")[0] in ("duckdb", "_duckdb") and hasattr(
        source, "to_arrow_table"
    ):
        source = source.to_arrow_table()  # a relation
    if hasattr(source, "to_pyarrow_dataset"):
        source = source.to_pyarrow_dataset()  # a table of Delta Lake
    if hasattr(source, "to_table") and not isinstance(source, pa.Table):
        source = source.to_table()
    if hasattr(source, "__arrow_c_stream__"):
        own = getattr(source, "column_names", getattr(source, "columns", None))
        if isinstance(own, list) and all(isinstance(each, str) for each in own):
            check_names(
                own, f"the {name} table:"
            )  # at NUL Arrow's stream cuts a name, and polars ends the process
        table = pa.table(source)
        check_names(table.column_names, f"the {name} table:")
        return _readable_types(table)
    got = type(source).__name__
    if isinstance(source, (list, tuple)) and source:
        got = f"a {got} of {type(source[0]).__name__}: a list is one of paths. Join tables first, as pandas.concat does"
    raise ForetellError(
        f"{name} must be a pandas, polars or Arrow table, a DuckDB relation, a path, a glob or foretell.Sql, got {got}"
    )


def _from_pandas(frame: pd.DataFrame, name: str) -> Any:
    import pyarrow as pa

    if frame.columns.nlevels > 1:
        raise ForetellError(
            f"the {name} table has columns of {frame.columns.nlevels} levels, such as {tuple(frame.columns[0])!r}, expected"
            " plain names. Join them: frame.columns = ['_'.join(map(str, column)) for column in frame.columns]."
        )
    indexes = [str(level) for level in frame.index.names if level is not None]
    names = list(map(str, frame.columns.get_level_values(0)))  # of one level, which may be a MultiIndex still
    check_names([*indexes, *names], f"the {name} table:")
    frame = frame.set_axis(names, axis=1)
    if indexes:
        frame = frame.reset_index().rename(columns=str)
    columns = {}
    for column in frame.columns:
        try:
            columns[column] = _arrow_column(frame[column])
        except UnicodeEncodeError as error:
            raise _half_a_character(frame[column], name) from error
    said = json.dumps({"index_columns": indexes}).encode()  # as pandas itself says it in Arrow's schema
    return pa.table(columns).replace_schema_metadata({b"pandas": said})


def _arrow_column(values: pd.Series[Any]) -> Any:
    import pyarrow as pa

    if isinstance(values.dtype, pd.PeriodDtype):
        values = values.dt.start_time
    try:
        column = pa.Array.from_pandas(values)
        if values.dtype == object and getattr(column.type, "tz", None):  # offsets may differ
            column = pa.Array.from_pandas(values.astype(str).where(values.notna(), None))
    except (pa.ArrowException, OverflowError):  # an object column of several types: its text decides
        there = zip(values, values.notna(), strict=True)
        return pa.array([_spelt(value) if some else None for value, some in there])
    return column


def _half_a_character(values: pd.Series[Any], name: str) -> ForetellError:
    texts = ((row, str(value)) for row, value in enumerate(values, 1))
    row, value = next((row, value) for row, value in texts if not is_storable(value.replace("\0", "")))
    return ForetellError(
        f"the {name} table, row {row}: {values.name!r} is {value!r}, with half a character (U+D800 to U+DFFF), which no file"
        f" keeps. Read its bytes again, or replace it: frame[{values.name!r}].str.encode('utf-8', 'replace').str.decode('utf-8')."
    )


def _spelt(value: object) -> str:
    """A value as text, as DuckDB spells it: 7.0 is 7, True is true."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _readable_types(table: Any) -> Any:
    """`table` with the numbers that DuckDB cannot scan (half floats, decimals of 256 bits) as float64."""
    import pyarrow as pa

    foreign = [pa.types.is_float16(part.type) or pa.types.is_decimal256(part.type) for part in table.schema]
    if not any(foreign):
        return table
    parts = [
        part.with_type(pa.float64()) if odd else part for part, odd in zip(table.schema, foreign, strict=True)
    ]
    return table.cast(pa.schema(parts, table.schema.metadata))
