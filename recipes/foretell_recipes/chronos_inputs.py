"""What Chronos-2 reads of a panel: the target and beside it one row a covariate, texts as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array, Floats
from foretell.data.columns import Column
from foretell.data.panel import Panel

_SMOOTH: Final = 1.0  # steps at the item's own mean that are added to those of a text's value


@dataclass(frozen=True, slots=True)
class Rows:
    """V rows of n items: the target first, then past covariates, then known ones; NaN means not there."""

    context: Array  # [n, V, L]
    future: Array  # [n, V, H], NaN but for known covariates
    known: int  # the last of the V that are known ahead

    @classmethod
    def of(cls, panel: Panel, items: NDArray[np.int64], length: int, horizon: int) -> Rows:
        """The rows of `items` [n], L = `length` steps before their origins."""
        target = panel.context(length, items)
        ordinals = panel.origin[items, None] + np.arange(-length, horizon)
        past = _rows(_past(panel, items, ordinals[:, :length]), panel.schema.past, target)
        known = _rows(panel.known_at(items, ordinals), panel.schema.known, target)
        context = np.stack([target, *past, *(row[:, :length] for row in known)], axis=1)
        future = np.full((len(items), context.shape[1], horizon), np.nan, np.float32)
        for number, row in enumerate(known, start=1 + len(past)):
            future[:, number] = row[:, length:]
        return cls(context, future, len(known))


def rows_of(panel: Panel) -> int:
    """V, the rows of one item."""
    return 1 + sum(len(_groups(columns)) for columns in (panel.schema.past, panel.schema.known))


def _groups(columns: Sequence[Column]) -> list[list[int]]:
    """The positions of numbers, one each, and of all values of a text together; indicators say nothing that NaN does not."""
    texts: dict[str, list[int]] = {}
    for position, column in enumerate(columns):
        if column.value is not None:
            texts.setdefault(column.source, []).append(position)
    numbers = [[p] for p, column in enumerate(columns) if column.value is None and not column.indicator]
    return sorted([*numbers, *texts.values()])


def _rows(values: Array, columns: Sequence[Column], target: Array) -> list[Array]:
    """Rows [n, L or more] of `values` [n, L or more, columns]."""
    return [
        values[..., group[0]] if columns[group[0]].value is None else _encoded(values[..., group], target)
        for group in _groups(columns)
    ]


def _encoded(flags: Array, target: Array) -> Array:
    """[n, L or more] the mean `target` [n, L] of an item where the text had this value, for 0/1 columns [n, L or more, values].

    That of a value that the item has not had is its mean at all.
    """
    seen = ~np.isnan(target)
    within = np.nan_to_num(flags[:, : target.shape[1]]) * seen[..., None]
    count: Floats = within.sum(1, dtype=np.float64)  # [n, values]
    total = np.einsum("nlv,nl->nv", within, np.nan_to_num(target), dtype=np.float64)
    mean = np.nansum(target, axis=1, dtype=np.float64) / np.maximum(seen.sum(1), 1)
    means = (total + _SMOOTH * mean[:, None]) / (count + _SMOOTH)
    chosen = np.nan_to_num(flags) > 0.5
    value = np.take_along_axis(means, chosen.argmax(-1), axis=1)
    return np.where(chosen.any(-1), value, np.nan).astype(np.float32)


def _past(panel: Panel, items: NDArray[np.int64], ordinals: NDArray[np.int64]) -> Array:
    """The past covariates of `items` [n] at `ordinals` [n, L] -> [n, L, P]; NaN at and beyond the origin."""
    step = ordinals - panel.start[items, None]
    inside = (step >= 0) & (step < panel.stop[items, None])
    found = np.full((*ordinals.shape, panel.past.shape[1]), np.nan, np.float32)
    found[inside] = panel.past[(panel.offsets[items, None] + step)[inside]]
    return found
