"""What an item's history says of its scores: the error of repeating the last season, and how much was observed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.data.filled_codes import GUESSED
from foretell.data.panel import Panel
from foretell.evaluation.metrics import ratio


def seasonal_error(panel: Panel, season: int | None = None) -> Floats:
    """[N] mean |y[t] - y[t - season]| over each item's steps before its origin; NaN where no such pair was observed.

    Values that a filling other than zero or a value put there count as not observed, as they do when scoring.
    """
    lag = season or panel.season
    total, count = np.zeros(len(panel)), np.zeros(len(panel))
    for items in _item_blocks(panel):
        first, last = panel.offsets[items.start], panel.offsets[items.stop]
        values = _observed(panel, int(first), int(last))
        gaps = np.full(len(values), np.nan)
        np.abs(values[lag:] - values[:-lag], out=gaps[lag:])
        begin = panel.offsets[items] - first
        stop = begin + panel.stop[items]
        total[items], count[items] = _run_sums(gaps, np.minimum(begin + lag, stop), stop)
    return ratio(total, count)


def observed_steps(panel: Panel) -> NDArray[np.int64]:
    """[N] how many steps of each item were observed before its origin."""
    count = np.zeros(len(panel), np.int64)
    for items, values, begin in _histories(panel):
        count[items] = _run_sums(values, begin, begin + panel.stop[items])[1]
    return count


def zero_share(panel: Panel) -> Floats:
    """[N] the share of each item's observed steps before its origin that are 0; NaN where none was. Closed steps do not count."""
    zeros, count = np.zeros(len(panel)), np.zeros(len(panel))
    for items, values, begin in _histories(panel):
        values = np.where(_closed(panel, items), np.nan, values)
        zero = np.where(np.isnan(values), np.nan, values == 0)
        zeros[items], count[items] = _run_sums(zero, begin, begin + panel.stop[items])
    return ratio(zeros, count)


def _closed(panel: Panel, items: slice) -> NDArray[np.bool_]:
    """Whether an item was closed at each of the steps that are stored of `items`, end to end."""
    first, last = panel.offsets[items.start], panel.offsets[items.stop]
    column = panel.schema.open_position
    if column is None:
        return np.zeros(last - first, bool)
    reach = np.repeat(np.arange(items.start, items.stop) * panel.future, panel.lengths[items])
    return np.asarray(panel.known[np.arange(first, last) + reach, column] == 0)


def total_sold(panel: Panel) -> Floats:
    """[N] the sum of each item's absolute values before its origin; NaN where none was observed."""
    total = np.zeros(len(panel))
    for items, values, begin in _histories(panel):
        total[items] = _run_sums(np.abs(values), begin, begin + panel.stop[items])[0]
    return np.where(observed_steps(panel) == 0, np.nan, total)


def _histories(panel: Panel) -> Iterator[tuple[slice, Floats, NDArray[np.int64]]]:
    """Items in turn, their values one after the other, and where each item's begin."""
    for items in _item_blocks(panel):
        first, last = panel.offsets[items.start], panel.offsets[items.stop]
        yield items, panel.target[first:last].astype(np.float64), panel.offsets[items] - first


def _run_sums(values: Floats, begin: NDArray[np.int64], stop: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Sum and number of the values that are not NaN in each run begin[i]:stop[i]; runs rise and do not overlap."""
    defined = ~np.isnan(values)
    edges = np.stack([begin, stop], axis=1).ravel()
    padded = np.zeros((2, len(values) + 1))  # reduceat wants every edge inside the array, the last one too
    padded[0, :-1] = np.where(defined, values, 0)
    padded[1, :-1] = defined
    sums = np.add.reduceat(padded, edges, axis=1)[:, ::2] if len(edges) else np.zeros((2, 0))
    empty = begin >= stop  # reduceat gives the element at the edge for an empty run
    return np.where(empty, 0, sums[0]), np.where(empty, 0, sums[1])


def _observed(panel: Panel, first: int, last: int) -> Floats:
    values = panel.target[first:last].astype(np.float64)
    if panel.filled is not None:
        values[panel.filled[first:last] == GUESSED] = np.nan
    return values


def _item_blocks(panel: Panel, steps: int = 1 << 22) -> Iterator[slice]:
    """Runs of items of about `steps` stored steps each, so that temporary arrays stay small on any panel."""
    first = 0
    while first < len(panel):
        last = int(np.searchsorted(panel.offsets, panel.offsets[first] + steps, side="right")) - 1
        last = min(max(last, first + 1), len(panel))
        yield slice(first, last)
        first = last
