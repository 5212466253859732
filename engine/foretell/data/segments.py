"""Sums, means and deviations over the segments of a flat array, a chunk at a time: a panel of any size, in little memory.

A segment is the part of the array that belongs to one series; `Layout` says where each is. [S] is an axis of segments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array, Floats
from foretell.data.layout import Layout
from foretell.data.panel import Panel


def visible(
    column: Array, layout: Layout, stop: NDArray[np.int64] | None = None
) -> Iterator[tuple[slice, Array, NDArray[np.int64]]]:
    """Chunks of segments of `column` [cells]: which ones, their values [L], and where each begins among these.

    With `stop` [S] what lies at or beyond a segment's stop reads as NaN.
    """
    whole = stop is None or bool((stop >= layout.lengths).all())
    for first, last in layout.chunks():
        values = column[layout.offsets[first] : layout.offsets[last]]
        begin = layout.offsets[first:last] - layout.offsets[first]
        if stop is not None and not whole:
            end = np.repeat(begin + stop[first:last], layout.lengths[first:last])
            values = np.where(np.arange(len(values)) < end, values, np.float32(np.nan)).astype(np.float32)
        yield slice(first, last), values, begin


def segment_sums(values: NDArray[Any], begin: NDArray[np.int64]) -> Floats:
    """[S] the sum of each segment of `values` [L], which begin at `begin` [S]; 0 for an empty one."""
    sums = np.zeros(len(begin))
    some = np.flatnonzero(np.diff(begin, append=len(values)) > 0)
    if len(some):
        sums[some] = np.add.reduceat(values, begin[some], dtype=np.float64)
    return sums


def mean_and_deviation(
    column: Array, layout: Layout, stop: NDArray[np.int64] | None = None
) -> tuple[float, float] | None:
    """Mean and deviation of all values of `column` [cells] before `stop` [S]; None where all are 0 or 1, or none is there."""
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


def segment_means(
    column: Array,
    layout: Layout,
    stop: NDArray[np.int64] | None = None,
    *,
    counts: Callable[[slice], NDArray[np.bool_]] | None = None,
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """[S] mean, deviation and number of the values of each segment of `column` [cells]; 0 where it has none.

    `counts` says of the cells of a chunk of segments which may count.
    """
    n = len(layout.start)
    mean, deviation, count = np.zeros(n), np.zeros(n), np.zeros(n, np.int64)
    for items, values, begin in visible(column, layout, stop):
        there = ~np.isnan(values)
        if counts is not None:
            there &= counts(items)
        count[items] = segment_sums(there, begin)
        many = np.maximum(count[items], 1)
        exact = np.where(there, values, 0).astype(np.float64)
        mean[items] = segment_sums(exact, begin) / many
        exact -= np.repeat(mean[items], np.diff(begin, append=len(values)))
        exact[~there] = 0
        deviation[items] = np.sqrt(segment_sums(np.square(exact, out=exact), begin) / many)
    return mean, deviation, count


def open_steps(panel: Panel) -> Callable[[slice], NDArray[np.bool_]] | None:
    """Which steps of a chunk of items are not closed, as `segment_means` asks; None where no column says so."""
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
