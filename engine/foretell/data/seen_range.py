"""Covariates within what training saw: a value beyond it is read as the nearest one that was seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array, Floats
from foretell.data.columns import Column
from foretell.data.findings import Finding
from foretell.data.layout import Layout
from foretell.data.panel import Panel
from foretell.data.segments import visible

_NONE: Final = (np.inf, -np.inf)  # of a column without a value


@dataclass(frozen=True, slots=True)
class Beyond:
    """A column with values beyond what training saw of it."""

    name: str
    low: float  # low > high: nothing was seen
    high: float
    farthest: float
    items: int  # that it concerns

    @property
    def finding(self) -> Finding:
        """What a user is told of it."""
        nothing = self.low > self.high
        seen = "none of its values" if nothing else f"{self.low:g} to {self.high:g}"
        read = "missing" if nothing else "the nearest of these"
        message = f"column {self.name!r}: training saw {seen}; values beyond, up to {self.farthest:g}, are read as {read} for {self.items} items"
        return Finding("warning", "beyond_seen", message, self.items)


def together(found: Iterable[Beyond]) -> tuple[Beyond, ...]:
    """Of columns found in several parts of a panel, one each."""
    merged: dict[str, Beyond] = {}
    for each in found:
        before = merged.get(each.name, replace(each, items=0))
        farthest = max(before.farthest, each.farthest)
        merged[each.name] = replace(each, farthest=farthest, items=before.items + each.items)
    return tuple(merged.values())


@dataclass(frozen=True, slots=True)
class SeenRange:
    """The smallest and the largest value of each covariate before the origins; infinite and reversed where there was none.

    A network has weights for values far beyond these, but they were never learned, and a tree gives what it gave at the edge.
    """

    known: Floats  # [K, 2]
    past: Floats  # [P, 2]

    @classmethod
    def of(cls, panel: Panel) -> Self:
        """What lies before each item's origin; the values of the horizon to come teach nothing."""
        stop = panel.stop
        reach = Layout.of(panel.start, panel.lengths + panel.future)
        return cls(
            _ranges(panel.known, reach, stop), _ranges(panel.past, Layout(panel.start, panel.offsets), stop)
        )

    def apply(self, panel: Panel, *, horizon: int | None = None) -> tuple[Panel, tuple[Beyond, ...]]:
        """`panel` with covariates within what was seen, and each column that was not; arrays are copied then alone.

        What lies behind the `horizon` is no forecast's business: nothing is said of it.
        A column of which nothing was seen is missing. The open column says what is, and stays as it is.
        """
        fixed = panel.schema.open_position
        known, first = _within(panel, "known", self.known, panel.schema.known, fixed, horizon)
        past, second = _within(panel, "past", self.past, panel.schema.past, None, horizon)
        if known is panel.known and past is panel.past:
            return panel, ()
        return replace(panel, known=known, past=past), (*first, *second)

    def to_json(self) -> dict[str, Any]:
        """Lists of [smallest, largest], None for a column without a value; `from_json` reads them back."""
        return {
            name: [list(pair) if pair[0] <= pair[1] else None for pair in values.tolist()]
            for name, values in (("known", self.known), ("past", self.past))
        }

    @classmethod
    def from_json(
        cls, known: tuple[tuple[float, float] | None, ...], past: tuple[tuple[float, float] | None, ...]
    ) -> Self:
        """The ranges that `to_json` wrote."""
        return cls(
            *(
                np.array([_NONE if pair is None else pair for pair in pairs], np.float64).reshape(-1, 2)
                for pairs in (known, past)
            )
        )


def _ranges(columns: Array, layout: Layout, stop: NDArray[np.int64]) -> Floats:
    result = np.tile(_NONE, (columns.shape[1], 1))
    for index in range(columns.shape[1]):
        for _, values, _ in visible(columns[:, index], layout, stop):
            low = np.fmin.reduce(values, initial=np.inf)
            high = np.fmax.reduce(values, initial=-np.inf)
            result[index] = min(result[index, 0], low), max(result[index, 1], high)
    return result


def _within(
    panel: Panel,
    name: str,
    ranges: Floats,
    columns: tuple[Column, ...],
    fixed: int | None,
    horizon: int | None,
) -> tuple[Array, list[Beyond]]:
    """The array of that name within `ranges`, the very array where it lies there, and what was found."""
    array: Array = getattr(panel, name)
    reach = panel.offsets + np.arange(len(panel) + 1) * (panel.future if name == "known" else 0)
    found: list[Beyond] = []
    copied = array
    for index, (low, high) in enumerate(ranges):
        values = array[:, index]
        beyond = np.flatnonzero((values < low) | (values > high))
        item = np.searchsorted(reach, beyond, side="right") - 1
        if name == "past":  # a past value from the origin on is nobody's to read
            before = beyond - reach[item] < panel.stop[item]
            beyond, item = beyond[before], item[before]
        if index == fixed or not len(beyond):
            continue
        if copied is array:
            copied = array.copy()
        copied[beyond, index] = np.clip(values[beyond], low, high) if low <= high else np.nan
        if horizon is not None:
            read = panel.start[item] + beyond - reach[item] < panel.origin[item] + horizon
            beyond, item = beyond[read], item[read]
            if not len(beyond):
                continue
        farthest = float(np.abs(values[beyond]).max())
        found.append(Beyond(columns[index].name, low, high, farthest, len(np.unique(item))))
    return copied, found
