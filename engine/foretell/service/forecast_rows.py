"""Rows of a stored forecast, found by item: of a file of any size, only the row groups that may hold them are read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from foretell.service.refusals import Absent, Invalid

ROWS: Final = "rows.parquet"


def read_rows(
    folder: Path, *, item: str, levels: Sequence[float] | None = None, most: int = 100_000
) -> pa.Table:
    """The rows of an item in the order of their times.

    Raises Absent where the forecast has no such item, Invalid for a level that it does not have.
    """
    path = str(folder / ROWS)
    meta = _metadata(path)
    first = meta.schema.to_arrow_schema().names[0]
    groups = [k for k in range(meta.num_row_groups) if _may_hold(meta.row_group(k).column(0), item)]
    with pq.ParquetFile(path, metadata=meta) as file:
        found = file.read_row_groups(groups, columns=_columns(meta, levels)) if groups else None
    if found is not None:
        found = found.filter(pc.equal(found[first], item)).slice(0, most)
    if found is None or found.num_rows == 0:
        raise Absent(f"the forecast has no item {item!r}", field="item_id")
    return found


@lru_cache(maxsize=64)
def _metadata(path: str) -> Any:
    return pq.read_metadata(path)


def _may_hold(column: Any, item: str) -> bool:
    facts = column.statistics
    return facts is None or not facts.has_min_max or facts.min <= item <= facts.max


def _columns(meta: Any, levels: Sequence[float] | None) -> list[str]:
    names = list(meta.schema.to_arrow_schema().names)
    quantiles = [name for name in names if name[0] == "p" and name[1:].replace(".", "", 1).isdecimal()]
    if levels is None:
        return names
    asked = [f"p{round(level * 100, 4):g}" for level in levels]
    strange = next((name for name in asked if name not in quantiles), None)
    if strange is not None:
        raise Invalid(f"the forecast has no {strange}. It has: {', '.join(quantiles)}.", field="levels")
    return [name for name in names if name not in quantiles or name in asked]


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
