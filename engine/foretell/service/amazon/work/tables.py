"""The tables of a dataset group as `foretell.Dataset` reads them: imports joined, the newest row of a key in place of older ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from foretell.ingest.dataset import Dataset
from foretell.service.amazon.schemas import METADATA, RELATED, TARGET, Columns, columns_of, frequency_alias
from foretell.service.amazon.work.place import Workplace
from foretell.system.sql_text import file_patterns, literal, quoted

ROWS: Final = "rows.parquet"  # of an import
_FILES: Final[Mapping[str, str]] = {
    TARGET: "target.parquet",
    RELATED: "related.parquet",
    METADATA: "items.parquet",
}


@dataclass(frozen=True, slots=True)
class GroupTables:
    """Parquet files, and what their columns are."""

    target: Path
    related: Path | None
    items: Path | None
    columns: Mapping[str, Columns]  # by the type of dataset


def write_tables(
    place: Workplace, content: Mapping[str, Any], dimensions: Sequence[str], folder: Path
) -> GroupTables:
    """Write what a group held when the job was asked for to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths: dict[str, Path] = {}
    columns = {
        kind: columns_of(content["domain"], kind, table["schema"])
        for kind, table in content["tables"].items()
    }
    for kind, table in content["tables"].items():
        paths[kind] = folder / _FILES[kind]
        join_imports(place, table["folders"], columns[kind], dimensions, paths[kind])
    return GroupTables(paths[TARGET], paths.get(RELATED), paths.get(METADATA), columns)


def key_of(columns: Columns, dimensions: Iterable[str]) -> list[str]:
    """The columns that tell the rows of a table apart."""
    there = [name for name in (columns.domain.item, *dimensions, "timestamp") if name in columns.types]
    return there if columns.kind != METADATA else [columns.domain.item]


def join_imports(
    place: Workplace, folders: Sequence[str], columns: Columns, dimensions: Sequence[str], out: Path
) -> None:
    """All rows of some imports; where they have a key in common, those of the newest one."""
    files = [place.of(name) / ROWS for name in folders]
    dropped = {*columns.geolocation, *(columns.dimensions if columns.kind == TARGET else ())} - {*dimensions}
    names = ", ".join(quoted(name) for name in columns.names if name not in dropped)
    key = ", ".join(quoted(name) for name in key_of(columns, columns.dimensions))
    parts = " UNION ALL ".join(
        f"SELECT *, {number} AS part FROM read_parquet({file_patterns([str(file)])})"
        for number, file in enumerate(files)
    )
    newest = f"QUALIFY part = max(part) OVER (PARTITION BY {key})" if len(files) > 1 else ""
    with duckdb.connect() as database:
        database.execute(
            f"COPY (SELECT {names} FROM ({parts}) {newest}) TO {literal(str(out))} (FORMAT PARQUET)"
        )


# What of a job's parameters says how the tables are read.
READING: Final = ("frequency", "boundary", "dimensions", "transformations", "holidays")


def dataset_of(tables: GroupTables, asked: Mapping[str, Any]) -> Dataset:
    """The data that a predictor is trained on, with its frequency, fillings, aggregations and holidays."""
    target = tables.columns[TARGET]
    transformations: Mapping[str, Any] = asked["transformations"]
    related = tables.columns.get(RELATED)
    numbers = () if related is None else related.numbers
    aggregation = dict.fromkeys(numbers, "mean")
    if related is not None:
        aggregation |= dict.fromkeys(_texts(related, asked["dimensions"]), "last")
    aggregation |= {
        name: t["aggregation"] for name, t in transformations.items() if t["aggregation"] is not None
    }
    return Dataset(
        tables.target,
        related=tables.related,
        items=tables.items,
        freq=frequency_alias(asked["frequency"], asked["boundary"]),
        item_id=target.domain.item,
        timestamp="timestamp",
        target_column=target.domain.target,
        dimensions=asked["dimensions"],
        known=[name for name, t in transformations.items() if "future" in t["filling"]],
        aggregation=aggregation,
        filling={name: t["filling"] for name, t in transformations.items() if t["filling"]},
        holidays=asked["holidays"] or None,
    )


def _texts(columns: Columns, dimensions: Sequence[str]) -> list[str]:
    own = (columns.domain.item, *dimensions)
    return [name for name, kind in columns.types.items() if kind == "string" and name not in own]
