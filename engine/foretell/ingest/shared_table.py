"""A target table that is given as related table too: its rows are read once for both, not twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from foretell.data.arrays import Array
from foretell.data.layout import Layout
from foretell.ingest.keyed_rows import KeyedRows, KeySpans
from foretell.ingest.placement import scatter_distinct_rows
from foretell.ingest.store import Store
from foretell.system.big_arrays import allocate


@dataclass(frozen=True, slots=True)
class SharedTable:
    """All columns of the table after pass one, and after pass two those of them that are numbers on the target's grid."""

    source: object
    rows: KeyedRows
    spans: KeySpans
    views: set[str] = field(default_factory=set)  # of the tables that are this one
    wanted: list[str] = field(default_factory=list)  # their columns
    grids: dict[str, Array] = field(default_factory=dict)

    def is_source(self, source: object) -> bool:
        """Whether `source` is this table again."""
        return same_source(source, self.source)

    def join(self, rows: KeyedRows) -> KeySpans:
        """Pass one of `rows`, which are this table's, without reading them again."""
        self.views.add(rows.table.view)
        self.wanted.extend(column for column in rows.columns if column not in rows.texts)
        return self.part(rows.columns)

    def part(self, columns: Sequence[str]) -> KeySpans:
        """Pass one of some columns."""
        at = [self.rows.places[column] for column in columns]
        spans = self.spans
        return replace(spans, first=spans.first[:, at], last=spans.last[:, at], seen=spans.seen[:, at])

    def scatter(self, store: Store, target: str, *, keys: pd.DataFrame, layout: Layout) -> Array | None:
        """Pass two of the target, with the related columns kept for `take`; None where several rows share a step."""
        columns = list(dict.fromkeys([target, *self.wanted]))
        placed = scatter_distinct_rows(store, self.rows, columns, keys=keys, layout=layout, vocabularies={})
        if placed is None:
            return None
        values = placed.pop(target)
        self.grids.update(placed)
        return values

    def take(
        self, store: Store, rows: KeyedRows, columns: Sequence[str], *, layout: Layout, future: int
    ) -> dict[str, Array] | None:
        """The grids of some columns of `rows`, `future` steps longer than the target's; None where they are not here."""
        if rows.table.view not in self.views or not all(column in self.grids for column in columns):
            return None
        grids = {column: self.grids.pop(column) for column in columns}
        return grids if future == 0 else _extended(store, grids, layout, future)


def same_source(one: object, other: object) -> bool:
    """Whether two sources are one object, or the same paths."""
    if one is other:
        return True
    paths = [
        [str(part) for part in source] if isinstance(source, (list, tuple)) else [str(source)]
        for source in (one, other)
        if _is_path(source)
    ]
    return len(paths) == 2 and paths[0] == paths[1]


def _is_path(source: Any) -> bool:
    parts = source if isinstance(source, (list, tuple)) else [source]
    return all(isinstance(part, str) or hasattr(part, "__fspath__") for part in parts)


def _extended(store: Store, grids: Mapping[str, Array], layout: Layout, future: int) -> dict[str, Array]:
    """Grids with every run `future` steps longer, nothing there: the table ends with the target."""
    longer = layout.reaching(future)
    out = {}
    for name, grid in grids.items():
        wide = allocate((longer.cells,), scratch=store.scratch)
        wide.fill(np.nan)
        for first, last in layout.chunks():
            run, _ = layout.expand(first, last)
            cells = np.arange(layout.offsets[first], layout.offsets[last])
            wide[cells + run * future] = grid[cells]
        out[name] = wide
    return out
