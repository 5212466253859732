"""Covariates within what training saw: a value beyond it is read as the nearest one that was seen."""

from __future__ import annotations

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

    def apply(self, panel: Panel) -> tuple[Panel, tuple[Finding, ...]]:
        """`panel` with covariates within what was seen, and a finding for each column that was not; arrays are copied then alone.

        A column of which nothing was seen is missing. The open column says what is, and stays as it is.
        """
        fixed = panel.schema.open_position
        known, first = _within(panel, "known", self.known, panel.schema.known, fixed)
        past, second = _within(panel, "past", self.past, panel.schema.past, None)
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
    panel: Panel, name: str, ranges: Floats, columns: tuple[Column, ...], fixed: int | None
) -> tuple[Array, list[Finding]]:
    """The array of that name within `ranges`, the very array where it lies there, and what was found."""
    array: Array = getattr(panel, name)
    reach = panel.offsets + np.arange(len(panel) + 1) * (panel.future if name == "known" else 0)
    found: list[Finding] = []
    copied = array
    for index, (low, high) in enumerate(ranges):
        values = array[:, index]
        beyond = np.flatnonzero((values < low) | (values > high))
        if index == fixed or not len(beyond):
            continue
        if copied is array:
            copied = array.copy()
        copied[beyond, index] = np.clip(values[beyond], low, high) if low <= high else np.nan
        items = len(np.unique(np.searchsorted(reach, beyond, side="right")))
        found.append(_finding(columns[index], low, high, float(np.abs(values[beyond]).max()), items))
    return copied, found


def _finding(column: Column, low: float, high: float, farthest: float, items: int) -> Finding:
    seen = f"training saw {low:g} to {high:g}" if low <= high else "training saw none of its values"
    read = "the nearest of these" if low <= high else "missing"
    message = f"column {column.name!r}: {seen}; values beyond, up to {farthest:g}, are read as {read} for {items} items"
    return Finding("warning", "beyond_seen", message, items)
