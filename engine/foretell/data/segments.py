"""Sums and moments over the runs of a flat array, a chunk of runs at a time: a panel of any size, in little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.layout import Layout
from foretell.data.panel import Panel

Floats = NDArray[np.float64]


def visible(
    column: Array, layout: Layout, stop: NDArray[np.int64] | None = None
) -> Iterator[tuple[slice, Array, NDArray[np.int64]]]:
    """Chunks of runs: which, their values, and where each begins among these.

    With `stop` [runs] what lies at or beyond a run's stop reads as NaN.
    """
    whole = stop is None or bool((stop >= layout.lengths).all())
    for first, last in layout.chunks():
        values = column[layout.offsets[first] : layout.offsets[last]]
        begin = layout.offsets[first:last] - layout.offsets[first]
        if stop is not None and not whole:
            end = np.repeat(begin + stop[first:last], layout.lengths[first:last])
            values = np.where(np.arange(len(values)) < end, values, np.float32(np.nan)).astype(np.float32)
        yield slice(first, last), values, begin


def run_sums(values: NDArray[Any], begin: NDArray[np.int64]) -> Floats:
    """[runs] the sum of each run of `values`; 0 for an empty one."""
    sums = np.zeros(len(begin))
    some = np.flatnonzero(np.diff(begin, append=len(values)) > 0)
    if len(some):
        sums[some] = np.add.reduceat(values, begin[some], dtype=np.float64)
    return sums


def moments(
    column: Array, layout: Layout, stop: NDArray[np.int64] | None = None
) -> tuple[float, float] | None:
    """Mean and deviation of the values of all runs; None where they are nothing but 0 and 1, or nothing at all."""
    count, total, flag = 0, 0.0, True
    for _, values, _ in visible(column, layout, stop):
        seen = values[~np.isnan(values)]
        count, total = count + len(seen), total + float(seen.sum(dtype=np.float64))
        flag = flag and bool(((seen == 0) | (seen == 1)).all())
    if flag:
        return None
    mean, square = total / count, 0.0
    for _, values, _ in visible(column, layout, stop):
        square += float(np.square(values[~np.isnan(values)] - np.float64(mean)).sum())
    return mean, float(np.sqrt(square / count))


def run_moments(
    column: Array,
    layout: Layout,
    stop: NDArray[np.int64] | None = None,
    *,
    counts: Callable[[slice], NDArray[np.bool_]] | None = None,
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """[runs] mean, deviation and number of the values of each run; 0 where it has none.

    `counts` says of the cells of a chunk of runs which may count.
    """
    n = len(layout.start)
    mean, deviation, count = np.zeros(n), np.zeros(n), np.zeros(n, np.int64)
    for items, values, begin in visible(column, layout, stop):
        there = ~np.isnan(values)
        if counts is not None:
            there &= counts(items)
        count[items] = run_sums(there, begin)
        many = np.maximum(count[items], 1)
        exact = np.where(there, values, 0).astype(np.float64)
        mean[items] = run_sums(exact, begin) / many
        exact -= np.repeat(mean[items], np.diff(begin, append=len(values)))
        exact[~there] = 0
        deviation[items] = np.sqrt(run_sums(np.square(exact, out=exact), begin) / many)
    return mean, deviation, count


def open_steps(panel: Panel) -> Callable[[slice], NDArray[np.bool_]] | None:
    """Which steps of a chunk of items are not closed, as `run_moments` asks; None where no column says so."""
    position = panel.schema.open_position
    if position is None:
        return None
    column = panel.known[:, position]
    reach = panel.offsets + np.arange(len(panel) + 1) * panel.future

    def which(items: slice) -> NDArray[np.bool_]:
        lengths = panel.lengths[items]
        steps = np.arange(int(lengths.sum())) + np.repeat(np.arange(len(lengths)) * panel.future, lengths)
        return np.asarray(column[reach[items.start] : reach[items.stop]][steps] != 0)

    return which
