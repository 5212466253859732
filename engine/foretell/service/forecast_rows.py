"""Rows of a stored table, found by item: sorted by key, so that of a file of any size only some row groups are read.

A file has `KEY` in its metadata: the columns that say whose a row is, and that of its time.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from foretell.service.refusals import Absent, Invalid

if TYPE_CHECKING:
    import pandas as pd

ROWS: Final = "rows.parquet"
KEY: Final = b"foretell.key"
_GROUP: Final = 4096  # rows of a row group: what is read for one item, at least


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What the columns of a file are."""

    columns: tuple[str, ...]
    key: tuple[str, ...]  # the first is the item
    timestamp: str
    mins: tuple[str, ...] = field(
        repr=False
    )  # [G] first item of each row group; empty where that is not known
    maxs: tuple[str, ...] = field(repr=False)
    starts: tuple[int, ...] = field(repr=False)  # [G + 1] rows before each row group
    metadata: Any = field(repr=False)

    @property
    def quantiles(self) -> list[str]:
        """The columns of quantiles: p10, p50."""
        return [name for name in self.columns if is_quantile(name)]

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.starts[-1]


def is_quantile(name: str) -> bool:
    """Whether a column has quantiles, by its name."""
    return name[:1] == "p" and name[1:].replace(".", "", 1).isdecimal()


def write_rows(path: Path, frames: Iterable[pd.DataFrame], *, key: Sequence[str], timestamp: str) -> int:
    """Write tables of equal columns as one file, sorted by key, rows of a key as they come; how many rows there are.

    Frames that come sorted, each and one after the other, are streamed; others are sorted on the disk.
    """
    described = {KEY: json.dumps({"key": list(key), "timestamp": timestamp}).encode()}
    loose, rows = path.with_suffix(".loose"), 0
    writer, last, in_order = None, None, True
    try:
        for frame in frames:
            table = pa.Table.from_pandas(frame, preserve_index=False)
            if writer is None:
                schema = table.schema.with_metadata(described)
                writer = pq.ParquetWriter(loose, schema, compression="zstd", write_batch_size=_GROUP)
            writer.write_table(table.replace_schema_metadata(described), row_group_size=_GROUP)
            rows += len(frame)
            keys = list(frame[list(key)].drop_duplicates().itertuples(index=False, name=None))
            in_order = in_order and keys == sorted(keys) and (last is None or not keys or last <= keys[0])
            last = keys[-1] if keys else last
    finally:
        if writer is not None:
            writer.close()
    if in_order:
        loose.rename(path)
    else:
        _sort(loose, path, key)
    return rows


def _sort(loose: Path, path: Path, key: Sequence[str]) -> None:
    """Write `loose` sorted by key, and remove it."""
    import duckdb

    from foretell.system.sql_text import quoted

    schema = pq.read_schema(loose)
    with duckdb.connect() as connection:
        source = connection.read_parquet(str(loose), file_row_number=True)
        order = ", ".join([*(quoted(name) for name in key), "file_row_number"])
        wanted = source.order(order).project(", ".join(quoted(name) for name in schema.names))
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for batch in wanted.fetch_arrow_reader(1 << 16):
                writer.write_table(pa.Table.from_batches([batch]).cast(schema), row_group_size=_GROUP)
    loose.unlink()


@lru_cache(maxsize=64)
def layout_of(path: Path) -> Layout:
    """Of a file that `write_rows` wrote; such a file never changes."""
    metadata = pq.read_metadata(path)
    schema = metadata.schema.to_arrow_schema()
    told = json.loads((metadata.metadata or {}).get(KEY, b"{}"))
    facts = [metadata.row_group(k).column(0).statistics for k in range(metadata.num_row_groups)]
    known = all(each is not None and each.has_min_max for each in facts) and bool(told)
    starts = [0]
    for k in range(metadata.num_row_groups):
        starts.append(starts[-1] + metadata.row_group(k).num_rows)
    return Layout(
        columns=tuple(schema.names),
        key=tuple(told.get("key", schema.names[:1])),
        timestamp=told.get("timestamp", "timestamp"),
        mins=tuple(each.min for each in facts) if known else (),
        maxs=tuple(each.max for each in facts) if known else (),
        starts=tuple(starts),
        metadata=metadata,
    )


def read_rows(
    folder: Path,
    *,
    item: str,
    dimensions: Mapping[str, str] | None = None,
    start: str | None = None,
    end: str | None = None,
    levels: Sequence[float] | None = None,
    most: int = 100_000,
) -> pa.Table:
    """The rows of an item in the order of their times, from `start` to `end`, both included.

    `dimensions` are further parts of the key. Raises Absent where the table has no such item, Invalid for a level or a dimension that
    it does not have and for a time that is none.
    """
    path = folder / ROWS
    layout = layout_of(path)
    key = {layout.key[0]: item, **(dimensions or {})}
    strange = next((name for name in key if name not in layout.key), None)
    if strange is not None:
        raise Invalid(
            f"the key has no {strange!r}. It has: {', '.join(layout.key)}.", field=f"dimension.{strange}"
        )
    found = _read(path, layout, _groups_of(layout, item), columns_at(layout, levels))
    for name, value in key.items():
        found = found.filter(pc.equal(found[name], value))
    if found.num_rows == 0:
        raise Absent(f"the forecast has no item {item!r}", field="item_id")
    return between(found, layout.timestamp, start, end).slice(0, most)


def read_part(
    folder: Path, *, first: int, count: int, levels: Sequence[float] | None = None
) -> tuple[pa.Table, int | None]:
    """Rows of all items, `count` of them from the row `first` on, and the number of the row after them; None at the end."""
    path = folder / ROWS
    layout = layout_of(path)
    last = min(first + count, layout.rows)
    begin = max(bisect_right(layout.starts, first) - 1, 0)
    groups = range(begin, bisect_left(layout.starts, last)) if first < last else range(0)
    found = _read(path, layout, groups, columns_at(layout, levels))
    inside = found.slice(first - layout.starts[begin] if groups else 0, max(last - first, 0))
    return inside, last if last < layout.rows else None


def between(table: pa.Table, timestamp: str, start: str | None, end: str | None) -> pa.Table:
    """The rows from the time `start` to `end`, both included; raises Invalid for a time that is none."""
    for name, text, keep in (("start", start, pc.greater_equal), ("end", end, pc.less_equal)):
        if text is not None:
            table = table.filter(keep(table[timestamp], time_like(table[timestamp].type, text, name)))
    return table


def time_like(kind: Any, text: str, field: str) -> Any:
    """A time of the type that a table has; raises Invalid, naming the field."""
    try:
        moment = int(text) if pa.types.is_integer(kind) else datetime.fromisoformat(text)
        return pa.scalar(moment, kind)
    except (ValueError, OverflowError, pa.ArrowInvalid) as error:
        shape = "a number" if pa.types.is_integer(kind) else "a time such as 2024-04-22 or 2024-04-22T18:00"
        raise Invalid(f"{field} must be {shape}, got {text[:60]!r}", field=field) from error


def columns_at(layout: Layout, levels: Sequence[float] | None) -> list[str]:
    """The columns, of the quantiles those at `levels`; raises Invalid for one that is not there."""
    if levels is None:
        return list(layout.columns)
    asked = [f"p{round(level * 100, 4):g}" for level in levels]
    strange = next((name for name in asked if name not in layout.quantiles), None)
    if strange is not None:
        raise Invalid(
            f"the forecast has no {strange}. It has: {', '.join(layout.quantiles)}.", field="levels"
        )
    return [name for name in layout.columns if name not in layout.quantiles or name in asked]


def parse_levels(text: str | None) -> list[float] | None:
    """Levels as a query spells them: 0.1,0.5,0.9; raises Invalid."""
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise Invalid(
            f"levels must be numbers such as 0.1,0.5,0.9, got {text[:60]!r}", field="levels"
        ) from error


def _groups_of(layout: Layout, item: str) -> range:
    """The row groups that may hold an item."""
    if not layout.mins:
        return range(len(layout.starts) - 1)
    return range(bisect_left(layout.maxs, item), bisect_right(layout.mins, item))


def _read(path: Path, layout: Layout, groups: range, columns: list[str]) -> pa.Table:
    with pq.ParquetFile(path, metadata=layout.metadata) as file:
        if not groups:
            return file.schema_arrow.empty_table().select(columns)
        return file.read_row_groups(list(groups), columns=columns, use_threads=False)
