"""`group_panel`: the panel whose series are sums of items, so that any recipe can be trained at any level of a hierarchy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array, Floats
from foretell.data.panel import Panel
from foretell.recipe.item_groups import ItemGroups

LEAST_SEEN: Final = 0.5  # of the usual sales of a group, that must be observed for its sum to be known
_CELLS: Final = 1 << 22  # looked at at a time
_LEAST: Final = 1e-3  # of an item's usual sales, relative to those of the others
Items = NDArray[np.int64]
Reader = Callable[[Items, NDArray[np.int64]], Array]  # [n], [n, L] -> [n, L, K]


def group_panel(panel: Panel, groups: ItemGroups, horizon: int) -> Panel:
    """A series a group: the sum of what its items had before the origin, with known columns through the `horizon`.

    Items that have not begun, and those that are closed, add nothing. Where items are not observed the sum of the others is
    raised by the share that those usually have; it is not observed where they are more than half of the group. Known and past
    columns are means over the items, and a group is open where one of its items is. There is no metadata. The items of a group end together.
    """
    origin = panel.origin[groups.first]
    begun = np.where(panel.stop > 0, panel.start, panel.origin)
    start = np.minimum.reduceat(begun[groups.order], groups.begin)
    sums = _Sums(panel, groups, start, origin)
    schema = replace(
        panel.schema, key=tuple(map(str, groups.keys.columns)), static_real=(), static_cat=(), filling={}
    )
    return replace(
        panel,
        keys=groups.keys,
        start=start,
        offsets=np.concatenate([[0], np.cumsum(origin - start)]),
        origin=origin,
        target=sums.target(),
        known=sums.known(horizon),
        past=sums.means(panel.past.shape[1], 0, lambda items, when: _past_at(panel, items, when)),
        static_real=np.empty((len(groups), 0), np.float32),
        static_cat=np.empty((len(groups), 0), np.int32),
        future=horizon,
        schema=schema,
        filled=None,
        past_filled=None,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Sums over the items of each group, from `start` [G] to `origin` [G]; some items are looked at at a time."""

    panel: Panel
    groups: ItemGroups
    start: NDArray[np.int64]
    origin: NDArray[np.int64]

    def target(self) -> Array:
        """[T] the sums of what was sold."""
        return np.concatenate(
            [self._sold(group) for group in range(len(self.groups))] or [np.zeros(0)]
        ).astype(np.float32)

    def _sold(self, group: int) -> Floats:
        """[L] of one group."""
        total, there, usual = np.zeros((3, int(self.origin[group] - self.start[group])))
        for items, when in self._blocks(group, 0):
            values, begun = _target_at(self.panel, items, when)
            size, seen = _usual(values), ~np.isnan(values)
            total += np.where(seen, values, 0).sum(0, dtype=np.float64)
            there += (size * seen).sum(0)
            usual += (size * begun).sum(0)
        share = np.divide(there, usual, out=np.zeros_like(there), where=usual > 0)
        share[share > 1 - 1e-9] = 1
        return np.divide(total, share, out=np.full_like(total, np.nan), where=share >= LEAST_SEEN)

    def known(self, horizon: int) -> Array:
        """[T + G * H, K] means over the items; 1 for the open column where any item is open."""
        means = self.means(self.panel.known.shape[1], horizon, self.panel.known_at)
        if self.panel.schema.open_position is not None:
            column = means[:, self.panel.schema.open_position]
            column[column > 0] = 1
        return means

    def means(self, columns: int, reach: int, read: Reader) -> Array:
        """[T + G * reach, columns] means over the items that have a value; NaN where none has."""
        parts = []
        for group in range(len(self.groups)):
            total, count = np.zeros((2, int(self.origin[group] - self.start[group]) + reach, columns))
            for items, when in self._blocks(group, reach) if columns else ():
                values = read(items, when)
                total += np.where(np.isnan(values), 0, values).sum(0, dtype=np.float64)
                count += (~np.isnan(values)).sum(0)
            parts.append(np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0))
        return np.concatenate([np.zeros((0, columns)), *parts]).astype(np.float32)

    def _blocks(self, group: int, reach: int) -> Iterator[tuple[Items, NDArray[np.int64]]]:
        """Some items [n] of a group after the other, and the ordinals [n, L] of its steps."""
        begin, count = self.groups.begin[group], self.groups.sizes[group]
        steps = np.arange(self.start[group], self.origin[group] + reach)
        size = max(_CELLS // max(len(steps), 1), 1)
        for first in range(begin, begin + count, size):
            items = self.groups.order[first : min(first + size, begin + count)]
            yield items, np.broadcast_to(steps, (len(items), len(steps)))


def _target_at(panel: Panel, items: Items, when: NDArray[np.int64]) -> tuple[Array, NDArray[np.bool_]]:
    """[n, L] the target before the origin, NaN elsewhere; and where an item has begun and is not closed without sales."""
    step = when - panel.start[items][:, None]
    begun = (step >= 0) & (step < panel.stop[items][:, None])
    values = np.full(when.shape, np.nan, np.float32)
    values[begun] = panel.target[(panel.offsets[items][:, None] + step)[begun]]
    if panel.schema.open_position is not None:
        closed = panel.known_at(items, when)[..., panel.schema.open_position] == 0
        begun &= ~(closed & np.isnan(values))
    return values, begun


def _past_at(panel: Panel, items: Items, when: NDArray[np.int64]) -> Array:
    """[n, L, P] the past covariates before the origin, NaN elsewhere."""
    step = when - panel.start[items][:, None]
    inside = (step >= 0) & (step < panel.stop[items][:, None])
    values = np.full((*when.shape, panel.past.shape[1]), np.nan, np.float32)
    values[inside] = panel.past[(panel.offsets[items][:, None] + step)[inside]]
    return values


def _usual(values: Array) -> Floats:
    """[n, 1] the mean size of what each item sold; a small one for those that sold nothing."""
    seen = ~np.isnan(values)
    size = np.where(seen, np.abs(values), 0).sum(1, dtype=np.float64) / np.maximum(seen.sum(1), 1)
    return np.asarray(np.maximum(size, _LEAST * size.mean() or _LEAST)[:, None])
