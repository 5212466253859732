"""How far the columns of a panel are filled: known ones over history and horizon, past ones, and the metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.columns import Column
from foretell.data.filled_codes import UNFILLED
from foretell.data.layout import Layout
from foretell.data.panel import Panel


@dataclass(frozen=True, slots=True)
class Coverage:
    """Where a source column of the related tables has values."""

    name: str  # as the user's table has it
    role: str  # known or past
    history: float  # share of the steps of all histories; NaN where there are none
    # share of the steps of the horizon, over all items; NaN without a horizon or for a past column
    horizon: float
    items: NDArray[np.int64]  # [N] steps with a value
    ahead: NDArray[np.int64]  # [N] of them, those within the horizon
    last: NDArray[np.int64]  # [N] ordinal of the last one; before the start where there is none
    low: float  # the least value; +inf where there is none
    high: float  # the greatest one


def coverages(panel: Panel, horizon: int | None) -> list[Coverage]:
    """One entry a source column. Filled steps count as covered where they are known, not where they are past.

    An empty text in a row that is there counts as covered: recipes see it as a text of its own.
    """
    return [
        *_cover(panel, "known", panel.known, panel.future, horizon or 0),
        *_cover(panel, "past", panel.past, 0, 0),
    ]


def source_columns(columns: Sequence[Column]) -> dict[str, list[int]]:
    """Source column -> the columns of the panel that stand for it (several for a text), without the indicators."""
    sources: dict[str, list[int]] = {}
    for position, column in enumerate(columns):
        if not column.indicator:
            sources.setdefault(column.source, []).append(position)
    return sources


def _cover(panel: Panel, role: str, values: Array, future: int, horizon: int) -> list[Coverage]:
    """Every column in one pass over the rows: a chunk of a file is read once for all of them."""
    grid = Layout(panel.start, panel.offsets).reaching(future)
    columns = panel.schema.known if role == "known" else panel.schema.past
    tallies = [_Tally(name, at, len(panel), panel.start) for name, at in source_columns(columns).items()]
    for first, stop in grid.chunks() if tallies else ():
        cells = slice(int(grid.offsets[first]), int(grid.offsets[stop]))
        part = np.asarray(values[cells])
        for tally in tallies:
            present = ~np.isnan(part[:, tally.positions[0]])
            if role == "past" and panel.past_filled is not None:
                present &= np.asarray(panel.past_filled[cells, tally.positions[0]]) == UNFILLED
            at = np.flatnonzero(present)
            if len(at):
                item, step = _owners(grid, first, stop, at)
                ordinal = panel.start[item] + step
                tally.add(panel, horizon, span=(first, stop), item=item, ordinal=ordinal)
                # what lies behind the horizon is no forecast's business
                tally.widen(part, at if not horizon else at[ordinal < panel.origin[item] + horizon])
    return [tally.result(role, int(panel.stop.sum()), horizon) for tally in tallies]


class _Tally:
    """What has been counted of one column so far."""

    def __init__(self, name: str, positions: list[int], items: int, start: NDArray[np.int64]) -> None:
        self.name, self.positions = name, positions
        self._items, self._ahead = np.zeros(items, np.int64), np.zeros(items, np.int64)
        self._last, self._inside, self._low, self._high = start - 1, 0, np.inf, -np.inf

    def add(
        self,
        panel: Panel,
        horizon: int,
        *,
        span: tuple[int, int],
        item: NDArray[np.int64],
        ordinal: NDArray[np.int64],
    ) -> None:
        """Count the values that the items `span` have at these ordinals, item by item."""
        first, stop = span
        here = np.bincount(item - first, minlength=stop - first)
        past = ordinal < panel.origin[item]
        within = ~past & (ordinal < panel.origin[item] + horizon)
        self._items[first:stop] = here
        self._ahead[first:stop] = np.bincount(item[within] - first, minlength=stop - first)
        self._inside += int(np.count_nonzero(past))
        some = np.flatnonzero(here)
        self._last[first + some] = ordinal[np.cumsum(here)[some] - 1]

    def widen(self, part: Array, at: NDArray[np.int64]) -> None:
        """Take these values into the range."""
        if not len(at):
            return
        for position in self.positions:
            column = part[at, position]
            self._low = min(self._low, float(column.min()))
            self._high = max(self._high, float(column.max()))

    def result(self, role: str, steps: int, horizon: int) -> Coverage:
        n = len(self._items)
        history = self._inside / steps if steps else np.nan
        share = float(self._ahead.sum()) / (n * horizon) if n and horizon else np.nan
        return Coverage(
            self.name, role, history, share, self._items, self._ahead, self._last, self._low, self._high
        )


def _owners(
    grid: Layout, first: int, stop: int, at: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """[cells], [cells]: the item of each of the cells `at` of the chunk that begins with item `first`."""
    edges = grid.offsets[first : stop + 1] - grid.offsets[first]
    count = np.diff(np.searchsorted(at, edges))
    item = np.repeat(np.arange(first, stop), count)
    return item, at - edges[item - first]


@dataclass(frozen=True, slots=True)
class StaticCoverage:
    """What a column of the metadata holds."""

    name: str
    known: int  # items with a value
    categories: int | None  # different ones in these data; None for a number


def static_coverages(panel: Panel) -> list[StaticCoverage]:
    """One entry a column of the metadata."""
    found = []
    for position, column in enumerate(panel.schema.static_real):
        if not column.indicator:
            known = int(np.count_nonzero(~np.isnan(panel.static_real[:, position])))
            found.append(StaticCoverage(column.source, known, None))
    for position, name in enumerate(panel.schema.static_cat):
        codes = np.bincount(panel.static_cat[:, position], minlength=1)
        found.append(StaticCoverage(name, int(codes[1:].sum()), int(np.count_nonzero(codes[1:]))))
    return found
