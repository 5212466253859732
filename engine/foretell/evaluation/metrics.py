"""The scores of a forecast: pure functions over arrays of items and steps.

Each score stands once, in `score_table`: what a cell (an item and a step) adds to it, and what the sum over cells is
divided by. `score` computes them all, pooled over items and steps, over the steps of each item, over the items of each step.

Everywhere `actual` is [N, H] with NaN where it was not observed; those cells are left out, of every score. A score whose
denominator is zero is "not defined" and NaN, but for the weighted quantile loss, which is then its numerator (Amazon's
rule). All sums are made in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.errors import ForetellError
from foretell.recipe.levels import central_intervals, level_column

_BLOCK = 1 << 16  # cells scored at a time: few enough that the temporary arrays stay in the processor's cache


# Cells: one number an item and step; NaN where it is not defined


@dataclass(frozen=True, eq=False)
class Cells:
    """The actuals and forecasts of some items, and what several scores need of them, each computed once."""

    actual: NDArray[Any]  # [n, H]
    mean: NDArray[Any]  # [n, H]
    median: NDArray[Any]  # [n, H]
    quantiles: NDArray[Any]  # [Q, n, H]
    levels: Sequence[float]  # [Q]
    seasonal_error: NDArray[Any]  # [n]

    @cached_property
    def truth(self) -> Floats:
        """[n, H] the actuals."""
        return np.asarray(self.actual, np.float64)

    @cached_property
    def size(self) -> Floats:
        """[n, H] |y|."""
        return np.abs(self.truth)

    @cached_property
    def error(self) -> Floats:
        """[n, H] |y - mean|."""
        return absolute_error(self.truth, self.mean)

    @cached_property
    def scale(self) -> Floats:
        """[n, 1] the seasonal error of each item."""
        return np.asarray(self.seasonal_error, np.float64)[:, None]

    @cached_property
    def _losses(self) -> dict[int, Floats]:
        return {}

    def loss(self, q: int) -> Floats:
        """[n, H] 2 * pinball loss of the quantile at position `q`."""
        if q not in self._losses:
            difference, level = _difference(self.truth, self.quantiles[q]), self.levels[q]
            self._losses[q] = np.maximum(2 * level * difference, (2 * level - 2) * difference)
        return self._losses[q]


def absolute_error(actual: NDArray[Any], forecast: NDArray[Any]) -> Floats:
    """[N, H] |y - f|."""
    difference = _difference(actual, forecast)
    return np.abs(difference, out=difference)


def quantile_loss(actual: NDArray[Any], quantiles: NDArray[Any], levels: Sequence[float]) -> Floats:
    """[N, H, Q] 2 * pinball loss of `quantiles` [N, H, Q]; at level 0.5 it is the absolute error."""
    cells = _of_quantiles(actual, quantiles, levels)
    return np.stack([cells.loss(q) for q in range(len(levels))], axis=-1)


def _of_quantiles(actual: NDArray[Any], quantiles: NDArray[Any], levels: Sequence[float]) -> Cells:
    """`Cells` of which only the quantiles [N, H, Q] are judged."""
    nothing = np.full(np.shape(actual), np.nan)
    return Cells(actual, nothing, nothing, np.moveaxis(np.asarray(quantiles), -1, 0), levels, nothing[:, 0])


def _squared_error(cells: Cells) -> Floats:
    """[n, H] (y - f)^2 of the mean."""
    return np.square(cells.error)


def _percentage_error(cells: Cells) -> Floats:
    """[n, H] |y - f| / |y| of the mean, a fraction; not defined where y is 0."""
    return ratio(cells.error, cells.size)


def _signed_error(cells: Cells) -> Floats:
    """[n, H] f - y of the mean: above 0 where it is too high."""
    return -_difference(cells.truth, cells.mean)


def _symmetric_error(cells: Cells) -> Floats:
    """[n, H] 2 |y - f| / (|y| + |f|) of the mean, between 0 and 2; not defined where both are 0."""
    return ratio(2 * cells.error, cells.size + np.abs(cells.mean))


def _scaled_error(cells: Cells) -> Floats:
    """[n, H] |y - f| of the median / the item's seasonal error; not defined where that is 0 or NaN."""
    return ratio(absolute_error(cells.truth, cells.median), cells.scale)


def _scaled_interval_score(cells: Cells, *, lower: int, upper: int) -> Floats:
    """[n, H] the interval score of the central interval [l, u] / the item's seasonal error.

    An interval that should hold 1 - a of the actuals costs its width, and 2/a times the distance of an actual outside of it:
    (u - l) + 2/a (l - y)+ + 2/a (y - u)+ (Gneiting and Raftery 2007, section 6.2). That equals the quantile losses of its
    two ends, added up, over a. Scaled like the MASE it is the MSIS (M4 competition: Makridakis, Spiliotis and Assimakopoulos
    2020, at a = 0.05).
    """
    outside = 1 - (cells.levels[upper] - cells.levels[lower])
    return ratio((cells.loss(lower) + cells.loss(upper)) / outside, cells.scale)


def _at_or_below(cells: Cells, *, q: int) -> Floats:
    """[n, H] whether the actual lies at or below a quantile: 1 or 0."""
    return np.where(np.isnan(cells.truth), np.nan, cells.truth <= cells.quantiles[q])


def _inside(cells: Cells, *, lower: int, upper: int) -> Floats:
    """[n, H] whether the actual lies inside an interval, the ends included: 1 or 0."""
    inside = (cells.quantiles[lower] <= cells.truth) & (cells.truth <= cells.quantiles[upper])
    return np.where(np.isnan(cells.truth), np.nan, inside)


# The table of scores


@dataclass(frozen=True, slots=True)
class Metric:
    """One score: the sum of its cells over a denominator."""

    cell: Callable[[Cells], Floats]  # [n, H], NaN where it is not defined
    over: Literal["cells", "size"] = "cells"  # how many cells are defined, or the sum of |y|
    root: bool = False  # take the square root
    # pooled over items and steps, it is the mean of what each item has, not of the cells
    of_items: bool = False
    numerator_alone: bool = False  # where the denominator is 0

    def finish(self, total: NDArray[Any], count: NDArray[Any], size: NDArray[Any]) -> Floats:
        """The score of a sum of cells, their number, and the sum of |y|."""
        value = ratio(total, count if self.over == "cells" else size)
        if self.numerator_alone:
            value = np.where(size == 0, total, value)
            value = np.asarray(np.where(count == 0, np.nan, value), np.float64)
        return np.sqrt(value) if self.root else value


_POINT: dict[str, Metric] = {
    "RMSE": Metric(_squared_error, root=True),
    "WAPE": Metric(lambda cells: cells.error, over="size"),
    "bias": Metric(_signed_error, over="size"),
    "MAPE": Metric(_percentage_error),
    "sMAPE": Metric(_symmetric_error),
    "MASE": Metric(_scaled_error, of_items=True),
}


def score_table(levels: Sequence[float]) -> dict[str, Metric]:
    """Every score at `levels` but wQL, which is the mean of its levels, by name in the leaderboard's order."""
    losses = {
        level_column("wQL", level): Metric(partial(Cells.loss, q=q), over="size", numerator_alone=True)
        for q, level in enumerate(levels)
    }
    covered = {
        level_column("coverage", level): Metric(partial(_at_or_below, q=q)) for q, level in enumerate(levels)
    }
    widths, inside = {}, {}
    for name, (lower, upper) in central_intervals(levels).items():
        width = partial(_scaled_interval_score, lower=lower, upper=upper)
        widths[name.replace("interval", "MSIS")] = Metric(width, of_items=True)
        inside[name] = Metric(partial(_inside, lower=lower, upper=upper))
    return losses | _POINT | widths | covered | inside


def score_columns(levels: Sequence[float]) -> list[str]:
    """The names of all scores at `levels`, in the leaderboard's order."""
    return ["wQL", *score_table(levels)]


def weighted_quantile_loss(actual: NDArray[Any], quantiles: NDArray[Any], levels: Sequence[float]) -> Floats:
    """[Q] wQL of each level alone, pooled over `actual` [N, H], as in `score`."""
    cells = _of_quantiles(actual, quantiles, levels)
    table = score_table(levels)
    metrics = [table[level_column("wQL", level)] for level in levels]
    size = _sum(cells.size)[0]
    return np.stack([metric.finish(*_sum(metric.cell(cells)), size) for metric in metrics])


# All scores of a window


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one forecast of one window, by the names of the leaderboard's columns."""

    pooled: dict[str, float]
    items: dict[str, Floats]  # each [N]
    steps: dict[str, Floats]  # each [H]


def score(
    actual: NDArray[Any],  # [N, H]
    mean: NDArray[Any],  # [N, H]
    quantiles: NDArray[Any],  # [N, H, Q]
    levels: Sequence[float],
    seasonal_error: NDArray[Any],  # [N]
    *,
    median: NDArray[Any] | None = None,  # [N, H], what MASE judges; the quantile at level 0.5 unless given
    items: NDArray[np.int64] | None = None,  # positions of those to score; all unless given
) -> Scores:
    """Every score, pooled over items and steps, per item and per step.

    Raises ForetellError when shapes disagree, or a forecast is not finite where there is an actual.
    """
    actual, mean, quantiles = np.asarray(actual), np.asarray(mean), np.asarray(quantiles)
    _check_shapes(actual, mean, quantiles, levels)
    middle = quantiles[..., _position_of_median(levels)] if median is None else median
    n, horizon = len(actual) if items is None else len(items), actual.shape[1]
    table = score_table(levels)
    sums = _Sums.none(len(table) + 1, n, horizon)
    for rows in _blocks(n, horizon):
        some: Any = rows if items is None else items[rows]
        # [Q, n, H]: a level is read three times
        each = np.ascontiguousarray(np.moveaxis(quantiles[some], -1, 0))
        cells = Cells(actual[some], mean[some], middle[some], each, levels, seasonal_error[some])
        sums.add(0, rows, cells.size)
        for k, metric in enumerate(table.values(), start=1):
            sums.add(k, rows, metric.cell(cells))
    return _scores(table, sums, levels)


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Sums of defined cells, and their number, of |y| (k = 0) and of each score of the table (k = 1, 2, ..)."""

    by_item: Floats  # [2, K, N] sum, number
    by_step: Floats  # [2, K, H]

    @classmethod
    def none(cls, kinds: int, items: int, steps: int) -> _Sums:
        return cls(np.zeros((2, kinds, items)), np.zeros((2, kinds, steps)))

    def add(self, k: int, rows: slice, cell: Floats) -> None:
        """Add the cells [n, H] of kind `k` of the items `rows`."""
        missing = np.isnan(cell)
        if missing.any():
            cell, defined = np.where(missing, 0, cell), ~missing
            self.by_item[1, k, rows] = defined.sum(axis=1)
            self.by_step[1, k] += defined.sum(axis=0)
        else:  # as nearly always: nothing has to be counted
            self.by_item[1, k, rows] = cell.shape[1]
            self.by_step[1, k] += len(cell)
        self.by_item[0, k, rows] = cell.sum(axis=1)
        self.by_step[0, k] += cell.sum(axis=0)


def _scores(table: dict[str, Metric], sums: _Sums, levels: Sequence[float]) -> Scores:
    each_item = _finish(table, sums.by_item, levels)
    pooled = {name: float(value) for name, value in _finish(table, sums.by_item.sum(axis=-1), levels).items()}
    for name, metric in table.items():
        if metric.of_items:
            pooled[name] = float(ratio(*_sum(each_item[name])))
    return Scores(pooled, each_item, _finish(table, sums.by_step, levels))


def _finish(table: dict[str, Metric], sums: Floats, levels: Sequence[float]) -> dict[str, Floats]:
    """`sums` [2, K, ...], as in `_Sums` -> the scores by name, in the leaderboard's order."""
    total, count = sums
    scores = {
        name: metric.finish(total[k], count[k], total[0])
        for k, (name, metric) in enumerate(table.items(), start=1)
    }
    wql = np.mean([scores[level_column("wQL", level)] for level in levels], axis=0)
    return {"wQL": wql, **scores}


# Arithmetic that knows what is not defined


def _difference(actual: NDArray[Any], forecast: NDArray[Any]) -> Floats:
    """y - f, NaN where y is; a forecast that is missing or infinite where y is not raises ForetellError."""
    if actual.shape != forecast.shape:
        raise ForetellError(
            f"actuals and forecast must have one shape, got {list(actual.shape)} and {list(forecast.shape)}"
        )
    known = np.isfinite(forecast)
    if not known.all():
        bad = np.argwhere(~known & ~np.isnan(actual))
        if len(bad):
            where = tuple(int(part) for part in bad[0])
            raise ForetellError(
                f"the forecast must be finite, got {forecast[where]} at item, step {list(where)}"
            )
        forecast = np.where(known, forecast, 0)
    difference: Floats = np.subtract(actual, forecast, dtype=np.float64)
    return difference


def ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> Floats:
    """numerator / denominator, NaN where the denominator is 0 or NaN."""
    top, bottom = np.broadcast_arrays(np.asarray(numerator, np.float64), np.asarray(denominator, np.float64))
    quotient = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=quotient, where=(bottom != 0) & ~np.isnan(bottom))
    return quotient


def _sum(cells: Floats) -> tuple[Floats, NDArray[Any]]:
    """Sum and number of the defined cells."""
    defined = ~np.isnan(cells)
    return np.asarray(np.where(defined, cells, 0).sum()), np.asarray(defined.sum())


def _blocks(n: int, horizon: int) -> Iterator[slice]:
    rows = max(_BLOCK // max(horizon, 1), 1)
    return (slice(first, min(first + rows, n)) for first in range(0, n, rows))


def _position_of_median(levels: Sequence[float]) -> int:
    for q, level in enumerate(levels):
        if round(level, 6) == 0.5:
            return q
    raise ForetellError(f"MASE judges the median: levels must contain 0.5, got {', '.join(map(str, levels))}")


def _check_shapes(
    actual: NDArray[Any], mean: NDArray[Any], quantiles: NDArray[Any], levels: Sequence[float]
) -> None:
    wanted = (*actual.shape, len(levels))
    if actual.ndim != 2 or mean.shape != actual.shape or quantiles.shape != wanted:
        raise ForetellError(
            f"mean and quantiles must have shapes {list(wanted[:-1])} and {list(wanted)},"
            f" got {list(mean.shape)} and {list(quantiles.shape)}"
        )
