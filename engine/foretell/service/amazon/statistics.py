"""What DescribeDatasetImportJob says of each field, computed over the rows as they were imported, in float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import duckdb

from foretell.system.sql_text import file_patterns, quoted

_TEXT: Final = 256  # characters that the service's shape for Min and Max has
_MOST_INTEGER: Final = (1 << 31) - 1


def field_statistics(files: Sequence[Path], types: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Of each attribute of `types`, over all rows of the Parquet `files`.

    Texts have counts, timestamps also their first and last, numbers also NaNs, mean and standard deviation (n - 1).
    """
    with duckdb.connect() as database:
        return {name: _of_field(database, files, name, kind) for name, kind in types.items()}


def _of_field(
    database: duckdb.DuckDBPyConnection, files: Sequence[Path], name: str, kind: str
) -> dict[str, Any]:
    source = f"read_parquet({file_patterns([str(file) for file in files])})"
    column = quoted(name)
    asked = ["count(*)", f"count(DISTINCT {column})", f"count(*) - count({column})"]
    if kind in ("integer", "float"):
        real = f"({column}::DOUBLE)"
        clean = f"CASE WHEN isnan{real} THEN NULL ELSE {real} END"
        # Sums are compensated; the two passes of the deviation keep what one pass loses on large means.
        asked += [
            f"count_if(isnan{real})",
            f"min({clean})",
            f"max({clean})",
            f"favg({clean})",
            f"stddev_samp({clean})",
        ]
    elif kind == "timestamp":
        asked += [f"min({column})", f"max({column})"]
    row = database.execute(f"SELECT {', '.join(asked)} FROM {source}").fetchone()
    assert row is not None
    return _spelt(kind, row)


def _spelt(kind: str, row: tuple[Any, ...]) -> dict[str, Any]:
    count, distinct, null, *rest = row
    found: dict[str, Any] = _counts(Count=count, CountDistinct=distinct, CountNull=null)
    if kind == "timestamp" and rest[0] is not None:
        found |= {"Min": f"{rest[0]:%Y-%m-%dT%H:%M:%SZ}", "Max": f"{rest[1]:%Y-%m-%dT%H:%M:%SZ}"}
    if kind in ("integer", "float"):
        nans, least, most, mean, deviation = rest
        found |= _counts(CountNan=nans)
        if least is not None:
            low, high = (str(int(x)) if kind == "integer" else repr(float(x)) for x in (least, most))
            found |= {"Min": low[:_TEXT], "Max": high[:_TEXT], "Avg": mean, "Stddev": deviation or 0.0}
    return found


def _counts(**counts: int) -> dict[str, int]:
    """Each as an integer of 32 bits, and in full as Long."""
    small = {name: min(value, _MOST_INTEGER) for name, value in counts.items()}
    return small | {f"{name}Long": value for name, value in counts.items()}
