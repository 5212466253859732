"""Pass two: every row of a table to its cell of the grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.findings import Findings
from foretell.data.frequency import spell
from foretell.data.layout import Layout
from foretell.errors import ForetellError
from foretell.ingest.keyed_rows import METHODS, KeyedRows, spell_key, within
from foretell.ingest.repeated_rows import advice_on_repeated
from foretell.ingest.spilled_rows import RowBuckets
from foretell.ingest.store import Store
from foretell.ingest.uneven_steps import report_other_calendar
from foretell.system.big_arrays import allocate, in_file, memory, pieces
from foretell.system.sql_text import integer, literals

# A NaN of its own, whose bits no value has, marks a cell until a row is put there: no second array is needed for that.
_UNTOUCHED: Final = np.uint32(0x7FC0FACE)


def check_size(cells: int, longest: str) -> None:
    """Raises ForetellError when a grid of so many steps does not fit into memory; `longest` says where to look."""
    if cells * 4 > memory():
        raise ForetellError(
            f"the grid would have {cells:,} steps, more than this machine's memory holds: {longest}."
            f" Look for a wrong date there, or choose a coarser frequency."
        )


def scatter_rows(
    store: Store,
    rows: KeyedRows,
    columns: Sequence[str],
    *,
    keys: pd.DataFrame,
    layout: Layout,
    vocabularies: Mapping[str, Sequence[str]],
    findings: Findings,
) -> dict[str, Array]:
    """Pass two: every row of `columns` to its cell. Text becomes codes: 0 for none, 1 .. by vocabulary, then "other".

    Rows of other keys, and of steps outside the layout, are left out. Several rows of one step are aggregated, or
    refused where they have the same timestamp and no aggregation was asked for.
    """
    grids = scatter_distinct_rows(store, rows, columns, keys=keys, layout=layout, vocabularies=vocabularies)
    if grids is not None:
        return grids
    values = [_encoded(rows, column, vocabularies.get(column)) for column in columns]
    source = _rows_on_grid(store, rows, keys, layout)
    joined = _aggregated(store, rows, columns, source=source, values=values, findings=findings)
    return dict(zip(columns, _scatter_query(store, joined, len(columns), layout.cells)[0], strict=True))


def scatter_distinct_rows(
    store: Store,
    rows: KeyedRows,
    columns: Sequence[str],
    *,
    keys: pd.DataFrame,
    layout: Layout,
    vocabularies: Mapping[str, Sequence[str]],
) -> dict[str, Array] | None:
    """As `scatter_rows`, where no two rows share a step; None where some do."""
    source = _rows_on_grid(store, rows, keys, layout)
    picked = "".join(
        f", {_encoded(rows, column, vocabularies.get(column)).format(f'r.{rows.value(column)}')} AS c{i}"
        for i, column in enumerate(columns)
    )
    query = f"SELECT p.base + r.step AS cell{picked} FROM {source}"
    grids, placed, hit = _scatter_query(store, query, len(columns), layout.cells)
    return dict(zip(columns, grids, strict=True)) if placed == hit else None


def _rows_on_grid(store: Store, rows: KeyedRows, keys: pd.DataFrame, layout: Layout) -> str:
    """SQL of the rows r that have a cell in the layout; p is the series they belong to."""
    _register_series(store, keys, layout)
    join = " AND ".join(f"r.{part} = p.{part}" for part in rows.keys) or "true"
    return f"{rows.view} r JOIN series p ON {join} WHERE r.step BETWEEN p.first AND p.last"


def _register_series(store: Store, keys: pd.DataFrame, layout: Layout) -> None:
    """The table `series` in DuckDB: by key, the range of steps laid out, and cell = base + step."""
    import pyarrow as pa

    columns: dict[str, Any] = {
        f"k{i}": pa.array(keys[name], pa.string()) for i, name in enumerate(keys.columns)
    }
    columns |= {
        "segment": np.arange(len(layout.start)),
        "base": layout.offsets[:-1] - layout.start,
        "first": layout.start,
        "last": layout.start + layout.lengths - 1,
    }
    store.register("series", pa.table(columns))


def _encoded(rows: KeyedRows, column: str, vocabulary: Sequence[str] | None) -> str:
    """SQL, with {0} for the value, of what goes into the grid."""
    if column not in rows.texts:
        return "coalesce({0}, 'NaN'::DOUBLE)"
    words = literals(list(vocabulary or ())).replace("{", "{{").replace("}", "}}")
    other = len(vocabulary or ()) + 1
    return f"CASE WHEN {{0}} IS NULL THEN 0.0 ELSE CAST(coalesce(nullif(list_position({words}, {{0}}), 0), {integer(other)}) AS DOUBLE) END"


def _scatter_query(store: Store, query: str, columns: int, cells: int) -> tuple[list[Array], int, int]:
    """The grids that `query` (cell, c0, c1, ...) fills, how many rows it placed, and how many cells they hit."""
    grids: list[Array] = [allocate((cells,), scratch=store.scratch, beside=columns) for _ in range(columns)]

    def blank(part: slice) -> None:
        grids[0][part].view(np.uint32).fill(_UNTOUCHED)
        for grid in grids[1:]:
            grid[part].fill(np.nan)

    # rows go straight to grids in memory; grids in files get them region by region
    buckets = RowBuckets(cells, columns, scratch=store.scratch) if in_file(grids[0]) else None
    placed = 0
    with np.errstate(over="ignore"), buckets or nullcontext():  # what overflows is infinite, and looked for
        if buckets is None:
            blank(slice(None))
        for batch in store.batches(query):
            cell, *values = (batch.column(i).to_numpy() for i in range(columns + 1))
            placed += len(cell)
            if buckets is None:
                for grid, column in zip(grids, values, strict=True):
                    grid[cell] = column
            else:
                buckets.add(cell, values)
        if buckets is not None:
            buckets.scatter(grids, blank)
    return grids, placed, cells - _blank_untouched(grids[0])


def _blank_untouched(grid: Array) -> int:
    """How many cells no row was put to; they become plain NaN."""
    count = 0
    for part in pieces(len(grid)):
        untouched = grid[part].view(np.uint32) == _UNTOUCHED
        here = int(np.count_nonzero(untouched))
        if here:
            grid[part][untouched] = np.nan
        count += here
    return count


def _aggregated(
    store: Store,
    rows: KeyedRows,
    columns: Sequence[str],
    *,
    source: str,
    values: Sequence[str],
    findings: Findings,
) -> str:
    """The query that makes one row of each step. Raises ForetellError for rows that are there twice, unless allowed."""
    moments = (
        f"SELECT count(*) AS n, count(DISTINCT r.instant) AS m, any_value(p.segment) AS segment FROM {source}"
        f" GROUP BY p.base + r.step"
    )
    crowded, twice, most, segments, steps = store.rows(
        f"SELECT count(*) FILTER (WHERE n > 1), count(*) FILTER (WHERE m < n), max(n),"
        f" count(DISTINCT segment) FILTER (WHERE n > 1), count(*) FROM ({moments})"
    )[0]
    stopped = bool(twice) and _report_twice(store, rows, source=source, steps=twice, findings=findings)
    if crowded * 3 <= steps:
        report_other_calendar(store, rows, source, findings)
    methods = [rows.aggregation.get(column, "last" if column in rows.texts else "mean") for column in columns]
    if not stopped:
        findings.note(
            "aggregated",
            f"{crowded:,} steps hold several rows of {rows.table.label} (up to {most:,}, in {segments:,} series): made one by "
            + ", ".join(f"{way} ({column})" for column, way in zip(columns, methods, strict=True)),
            crowded,
            table=rows.table.label,
        )
    inner = ", ".join(f"r.{rows.value(c)} AS c{i}" for i, c in enumerate(columns))
    return _aggregate_query(source, inner, values, methods)


def _aggregate_query(source: str, inner: str, values: Sequence[str], methods: Sequence[str]) -> str:
    """SQL of cell, c0, c1, ...: the rows of each cell made one, each column by its method."""
    outer = ", ".join(
        f"{value.format(METHODS[method].format(f'c{i}'))} AS c{i}"
        for i, (value, method) in enumerate(zip(values, methods, strict=True))
    )
    return (
        f"SELECT cell, {outer} FROM (SELECT p.base + r.step AS cell, r.instant AS instant, {inner} FROM {source})"
        f" GROUP BY cell"
    )


def _report_twice(store: Store, rows: KeyedRows, *, source: str, steps: int, findings: Findings) -> bool:
    """Rows of one key and time are an error: raised, or where the reading is tolerant, found (True); unless they are allowed."""
    if rows.allowed:
        findings.note("repeated", f"{steps:,} steps hold rows of one time in {rows.table.label}", steps)
        return False
    error = _twice(store, rows, source)
    if not rows.tolerant:
        raise error
    findings.error("duplicates", f"{error} ({steps:,} such steps)", steps)
    return True


def _twice(store: Store, rows: KeyedRows, source: str) -> ForetellError:
    listed = ", ".join([*(f"r.{part}" for part in rows.keys), "r.moment"])
    found = store.rows(
        f"SELECT {listed}, min(r.file), max(r.file), count(*) FROM {source} GROUP BY {listed}, r.instant"
        f" HAVING count(*) > 1 ORDER BY {listed} LIMIT 1"
    )[0]
    where = spell_key(rows.key, found[: len(rows.key)])
    files = f" ({within(*found[-3:-1]).strip()})" if found[-2] else ""
    unkeyed = (
        ""
        if where
        else " The table has no item_id: if its rows are about single items, name that column item_id."
    )
    return ForetellError(
        f"{where + ': ' if where else ''}{found[-1]} rows at {spell(found[-4])} in {rows.table.label}, expected one{files}."
        f"{advice_on_repeated(store, rows)}{unkeyed}"
    )


def expand_groups(
    store: Store, grids: Mapping[str, Array], *, groups: Layout, group: NDArray[np.int64], layout: Layout
) -> dict[str, Array]:
    """Grids laid out by `groups` as grids of items: item i reads those of group[i], nothing where that is -1."""
    out = {name: allocate((layout.cells,), scratch=store.scratch, beside=len(grids)) for name in grids}
    for grid in out.values():
        grid.fill(np.nan)
    for first, last in layout.chunks():
        item, step = layout.expand(first, last)
        owner = group[item]
        within = layout.start[item] + step - groups.start[owner]
        there = (owner >= 0) & (within >= 0) & (within < groups.lengths[owner])
        index = (groups.offsets[owner] + within)[there]
        for name, grid in grids.items():
            out[name][layout.offsets[first] : layout.offsets[last]][there] = grid[index]
    return out
