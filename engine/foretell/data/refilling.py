"""Gaps filled anew for an earlier origin: a gap that reaches the origin is a gap at the back there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.filled_codes import UNFILLED
from foretell.data.gap_filling import Rule, fill, fills
from foretell.data.layout import Layout
from foretell.system.big_arrays import allocate, zeros


def depends_on_origin(rule: Rule) -> bool:
    """Whether a gap is filled differently at an origin inside of it, or before the first observation."""
    return rule.get("middle", "nan") != rule.get("back", "nan") or fills(rule, "front")


def refill(
    values: Array, codes: NDArray[np.uint8], layout: Layout, *, stop: NDArray[np.int64], rule: Rule
) -> tuple[Array, NDArray[np.uint8]]:
    """`values` [T] and `codes` [T] as they are when only the first `stop` [N] steps of each series are known.

    Steps from `stop` on keep the filling of the whole series. A series without an observation before its `stop` has
    nothing filled there: it was not known yet. Returns the arrays themselves where `rule` does not depend on the origin.
    """
    if not depends_on_origin(rule):
        return values, codes
    full, new = allocate(values.shape), zeros(values.shape, np.uint8)
    for first, last in layout.chunks():
        cells = slice(layout.offsets[first], layout.offsets[last])
        raw = np.where(codes[cells] == UNFILLED, values[cells], np.float32(np.nan)).astype(np.float32)
        whole = Layout.of(layout.start[first:last], layout.lengths[first:last])
        full[cells], new[cells] = _refill_chunk(raw, whole, stop[first:last], rule)
    return full, new


def refill_columns(
    values: Array,
    codes: NDArray[np.uint8],
    layout: Layout,
    *,
    stop: NDArray[np.int64],
    rules: Sequence[Rule],
    indicates: Sequence[int | None],
) -> tuple[Array, NDArray[np.uint8]]:
    """`refill` of each column of `values` [T, P] and `codes` [T, P] by its rule; `rules` and `indicates` have P entries.

    Column p is 1 where column indicates[p] is missing; None for one that is no such indicator.
    """
    changed = [p for p, rule in enumerate(rules) if depends_on_origin(rule)]
    if not changed:
        return values, codes
    full, new = allocate(values.shape), allocate(codes.shape, np.uint8)
    full[:], new[:] = values, codes
    for p in changed:
        column = allocate(values.shape[:1])
        column[:] = values[:, p]
        full[:, p], new[:, p] = refill(column, codes[:, p], layout, stop=stop, rule=rules[p])
    for p, source in enumerate(indicates):
        if source in changed:
            full[:, p] = np.isnan(full[:, source])
    return full, new


def _refill_chunk(
    raw: Array, whole: Layout, stop: NDArray[np.int64], rule: Rule
) -> tuple[Array, NDArray[np.uint8]]:
    """`refill` of some series, of which `raw` holds the observed values alone."""
    full = raw.copy()
    new, _ = fill(full, whole, rule=rule)
    segment, step = whole.expand(0, len(whole.start))
    history = np.flatnonzero(step < stop[segment])
    known = Layout.of(whole.start, stop)
    then = raw[history]
    unseen = np.repeat(~_any_observed(then, known), known.lengths)
    then_codes, _ = fill(then, known, rule=rule)
    full[history] = np.where(unseen, np.float32(np.nan), then)
    new[history] = np.where(unseen, UNFILLED, then_codes)
    return full, new


def _any_observed(values: Array, layout: Layout) -> NDArray[np.bool_]:
    """[N] whether a segment has an observed step."""
    seen = np.concatenate([np.zeros(1, np.int64), np.cumsum(~np.isnan(values))])
    return np.asarray(seen[layout.offsets[1:]] > seen[layout.offsets[:-1]])
