"""`FuturePlan`: what is known ahead of the steps to forecast, column by column as the user's tables have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.layout import Layout
from foretell.data.panel import Panel
from foretell.data.wall_times import wall_times


@dataclass(frozen=True, slots=True)
class FuturePlan:
    """The known columns of N items over the H steps from their origins on.

    A number is itself, NaN where it is missing. A text is a code: NaN or 0 where it is missing, k for `words`[k - 1]; the last word
    stands for all texts that have no column of their own.
    """

    panel: Panel
    horizon: int
    changes: Mapping[str, Array] = field(default_factory=dict)  # column -> [N, H], in place of the panel's

    @property
    def columns(self) -> tuple[str, ...]:
        """The known columns of the user's tables, and those that holidays made."""
        return tuple(dict.fromkeys(column.source for column in self.panel.schema.known))

    def words(self, column: str) -> tuple[str, ...] | None:
        """The values of a text; None for a number."""
        found = [each.value for each in self.panel.schema.known if each.source == column]
        return tuple(value for value in found if value is not None) or None

    def values(self, column: str) -> Array:
        """[N, H] a column's numbers or codes."""
        if column in self.changes:
            return self.changes[column]
        places = [k for k, each in enumerate(self.panel.schema.known) if each.source == column]
        cells, stored = self.cells()
        result = np.full(cells.shape, np.nan, np.float32)
        if self.words(column) is None:
            result[stored] = self.panel.known[cells[stored], places[0]]
        else:
            ones = self.panel.known[cells[stored]][:, places]
            codes = np.where(ones == 1, np.arange(1, len(places) + 1, dtype=np.float32), 0).sum(axis=1)
            result[stored] = np.where(np.isnan(ones[:, 0]), np.nan, codes)
        return result

    def shown(self, column: str) -> NDArray[Any]:
        """[N, H] a column as the tables have it: float64 with as few digits as float32 needs, or texts, None where missing."""
        values, words = self.values(column), self.words(column)
        if words is None:
            return as_written(values)
        return np.array([None, *words], object)[np.nan_to_num(values).astype(np.int64)]

    def steps(self) -> NDArray[np.int64]:
        """[N, H] ordinals."""
        return self.panel.origin[:, None] + np.arange(self.horizon)

    def changed(self, column: str, values: Array) -> FuturePlan:
        """This plan with other `values` [N, H] of one column."""
        return replace(self, changes={**self.changes, column: values})

    def to_frame(self) -> pd.DataFrame:
        """One row an item and step: the key, the timestamp, every known column; none of an hour that the clock skips."""
        panel = self.panel
        frame = panel.keys.loc[panel.keys.index.repeat(self.horizon)].reset_index(drop=True)
        stamps, there = wall_times(panel.frequency, panel.schema.timezone, self.steps().ravel())
        frame[panel.schema.timestamp] = stamps
        for column in self.columns:
            frame[column] = self.shown(column).ravel()
        return frame if there.all() else frame[there].reset_index(drop=True)

    def take(self, items: NDArray[np.int64]) -> FuturePlan:
        """The plan of `items` (positions) alone, in that order; arrays are copied."""
        changes = {column: values[items] for column, values in self.changes.items()}
        return FuturePlan(self.panel.take(items), self.horizon, changes)

    def between(self, first: int, last: int) -> FuturePlan:
        """The plan of the items at positions first .. last - 1 alone; no array is copied."""
        changes = {column: values[first:last] for column, values in self.changes.items()}
        return FuturePlan(self.panel.between(first, last), self.horizon, changes)

    def applied(self) -> Panel:
        """The panel with the changes in its known columns; no other array is copied."""
        if not self.changes:
            return self.panel
        panel = reaching(self.panel, self.horizon)
        cells, _ = FuturePlan(panel, self.horizon).cells()
        known = panel.known.copy()
        for place, column in enumerate(panel.schema.known):
            if column.source not in self.changes:
                continue
            values = self.changes[column.source]
            if column.indicator:
                known[cells, place] = np.isnan(values)
            elif column.value is None:
                known[cells, place] = values
            else:
                code = (self.words(column.source) or ()).index(column.value) + 1
                known[cells, place] = np.where(np.isnan(values), np.nan, values == code)
        return replace(panel, known=known)

    def cells(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """[N, H] the row of `Panel.known` of each item and step, and whether there is one."""
        panel = self.panel
        step = self.steps() - panel.start[:, None]
        stored = (step >= 0) & (step < panel.lengths[:, None] + panel.future)
        first = panel.offsets[:-1] + np.arange(len(panel)) * panel.future
        return np.where(stored, first[:, None] + step, 0), stored


def as_written(values: Array) -> NDArray[np.float64]:
    """`values` of float32 as float64 with as few digits as name them: 0.1, not 0.10000000149."""
    distinct, where = np.unique(values, return_inverse=True)
    plain = np.array([float(str(value)) for value in distinct], np.float64)
    return plain[where].reshape(values.shape) if len(plain) else values.astype(np.float64)


def reaching(panel: Panel, horizon: int) -> Panel:
    """`panel` with room for the known columns of `horizon` steps from the origins on."""
    future = max(panel.future, int((panel.origin - panel.start - panel.lengths).max(initial=0)) + horizon)
    if future == panel.future:
        return panel
    old, new = (Layout.of(panel.start, panel.lengths + reach) for reach in (panel.future, future))
    known = np.full((new.cells, panel.known.shape[1]), np.nan, np.float32)
    item, step = old.expand(0, len(panel))
    known[new.offsets[item] + step] = panel.known
    return replace(panel, known=known, future=future)
