"""Panels in which some drivers have the values of other dates and items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.layout import Layout
from foretell.data.panel import Panel
from foretell.explain.background import Background, cells_ahead
from foretell.explain.drivers import Driver
from foretell.explain.other_dates import OtherDates, make_tracks
from foretell.recipe.variants import Variants

_CELLS: Final = 1 << 22  # of the grid of variants that are forecast together
_VARIANTS: Final = 1 << 13  # that are, at most


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """The drivers of n items, and the values that they have where they do not count."""

    drivers: tuple[Driver, ...]
    background: Background
    known: Array  # [n, P, R, K] of other dates
    plan: Array  # [n, R, K] as they are

    def telling(self) -> NDArray[np.int64]:
        """[n, P] the coalition of those drivers whose values differ from the draw's at all."""
        found = np.zeros(self.background.other.shape, np.int64)
        for bit, driver in enumerate(self.drivers):
            found |= (self.background.differs(driver, self.known, self.plan) > 0).astype(np.int64) << bit
        return found


def masked(
    base: Panel,
    masks: Masks,
    item: NDArray[np.int64],
    draw: NDArray[np.int64],
    coalition: NDArray[np.int64],
    *,
    skip: NDArray[np.bool_] | None = None,
) -> Iterator[tuple[NDArray[np.int64], Variants]]:
    """The variants of `base` in which drivers outside of each coalition [U] have the values of a draw, some rows at a time."""
    rows = np.arange(len(item)) if skip is None else np.flatnonzero(~skip)
    dates = _Dates.of(base, masks)
    cells = np.cumsum((base.lengths + base.future)[item[rows]])
    begin = 0
    while begin < len(rows):
        before = cells[begin - 1] if begin else 0
        end = min(int(np.searchsorted(cells, before + _CELLS)), begin + _VARIANTS)
        some = rows[begin : max(end, begin + 1)]
        begin += len(some)
        yield some, _variants(base, masks, dates, item[some], draw[some], coalition[some])


@dataclass(frozen=True, slots=True, eq=False)
class _Dates:
    """Where the calendar of other dates is found."""

    frequency: OtherDates | None
    moved: NDArray[np.int64]  # [n, P] how far an item has to be moved to lie there

    @classmethod
    def of(cls, base: Panel, masks: Masks) -> _Dates:
        shift = masks.background.shift
        if not len(shift) or not any(driver.kind == "calendar" for driver in masks.drivers):
            return cls(None, np.zeros((len(base), masks.background.count), np.int64))
        origins, which = np.unique(base.origin, return_inverse=True)
        longest = int((base.origin - base.start).max(initial=0))
        last = int((base.start + base.lengths).max()) + base.future
        tracks = make_tracks(
            origins,
            shift,
            # a window may begin before its item does
            first=int(base.start.min()) - longest - base.season,
            last=max(last, int(base.origin.max()) + masks.background.steps) + 1,
            seasons=base.schema.seasons,
        )
        return cls(OtherDates.of(base.frequency, tracks), tracks.moved.reshape(-1, len(shift))[which])


def _variants(
    base: Panel,
    masks: Masks,
    dates: _Dates,
    item: NDArray[np.int64],
    draw: NDArray[np.int64],
    coalition: NDArray[np.int64],
) -> Variants:
    """The variants of some items, draws and coalitions [V]."""
    panel, background = base.take(item), masks.background
    out = [(coalition >> bit & 1) == 0 for bit in range(len(masks.drivers))]
    cells, stored = cells_ahead(panel, background.steps)
    real, category = panel.static_real.copy(), panel.static_cat.copy()
    past, start, origin = panel.past, panel.start, panel.origin
    other = background.other[item, draw]
    rolled: NDArray[np.int64] | None = None
    for rows, driver in zip(out, masks.drivers, strict=True):
        where = np.flatnonzero(rows)
        for k in driver.known:
            there = stored[where]
            panel.known[cells[where][there], k] = masks.known[item[where], draw[where], :, k][there]
        for k in driver.real:
            real[where, k] = background.panel.static_real[other[where], k]
        for k in driver.category:
            category[where, k] = background.panel.static_cat[other[where], k]
        if driver.past and len(background.shift):
            rolled = _rolled(panel, background.shift[draw]) if rolled is None else rolled
            cell = np.repeat(rows, panel.lengths)
            for k in driver.past:
                past[cell, k] = past[rolled[cell], k]
        if driver.kind == "calendar" and dates.frequency is not None:
            away = np.where(rows, dates.moved[item, draw], 0)
            start, origin = panel.start + away, panel.origin + away
    schema = panel.schema if dates.frequency is None else replace(panel.schema, frequency=dates.frequency)
    shown = replace(panel, static_real=real, static_cat=category, start=start, origin=origin, schema=schema)
    return Variants(shown, base, item)


def _rolled(panel: Panel, shift: NDArray[np.int64]) -> NDArray[np.int64]:
    """[T] for each step of a history the one `shift` [V] steps before it, from the origin back again where it has none."""
    item, step = Layout(panel.start, panel.offsets).expand(0, len(panel))
    stop = panel.stop[item]
    inside = step < stop
    from_step = np.where(inside, (step - shift[item]) % np.maximum(stop, 1), step)
    return np.asarray(panel.offsets[item] + from_step)
