"""The scores of a forecast: pure functions over arrays of items and steps.

Everywhere `actual` is [N, H] with NaN where it was not observed; those cells are left out, of every score. `axis` says
what is pooled: None items and steps, 1 the steps of each item, 0 the items of each step. A score whose denominator is
zero is "not defined" and NaN, but for the weighted quantile loss, which is then its numerator (Amazon's rule).
All sums are made in float64.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from foretell.data.filled_codes import GUESSED
from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.recipe.levels import central_intervals, level_column

Floats = NDArray[np.float64]
Axis = Literal[0, 1] | None

_BLOCK = 1 << 16  # cells scored at a time: few enough that the temporary arrays stay in the processor's cache


# Cells: one number an item and step; NaN where it is not defined


def absolute_error(actual: NDArray[Any], forecast: NDArray[Any]) -> Floats:
    """[N, H] |y - f|."""
    return np.abs(_pair(actual, forecast))


def squared_error(actual: NDArray[Any], forecast: NDArray[Any]) -> Floats:
    """[N, H] (y - f)^2."""
    return np.square(_pair(actual, forecast))


def percentage_error(actual: NDArray[Any], forecast: NDArray[Any]) -> Floats:
    """[N, H] |y - f| / |y|, a fraction; not defined where y is 0."""
    return _over(absolute_error(actual, forecast), np.abs(np.asarray(actual, np.float64)))


def symmetric_error(actual: NDArray[Any], forecast: NDArray[Any]) -> Floats:
    """[N, H] 2 |y - f| / (|y| + |f|), between 0 and 2; not defined where both are 0."""
    size = np.abs(np.asarray(actual, np.float64)) + np.abs(np.asarray(forecast, np.float64))
    return _over(2 * absolute_error(actual, forecast), size)


def quantile_loss(actual: NDArray[Any], quantiles: NDArray[Any], levels: Sequence[float]) -> Floats:
    """[N, H, Q] 2 * pinball loss of `quantiles` [N, H, Q]; at level 0.5 it is the absolute error."""
    losses = [_loss(_pair(actual, quantiles[..., q]), level) for q, level in enumerate(levels)]
    return np.stack(losses, axis=-1)


def _loss(difference: Floats, level: float) -> Floats:
    return np.maximum(2 * level * difference, (2 * level - 2) * difference)


def _below(actual: Floats, quantile: NDArray[Any]) -> Floats:
    return np.where(np.isnan(actual), np.nan, actual <= quantile)


def _inside(actual: Floats, lower: NDArray[Any], upper: NDArray[Any]) -> Floats:
    return np.where(np.isnan(actual), np.nan, (lower <= actual) & (actual <= upper))


# Scores: cells, brought together


def weighted_quantile_loss(
    actual: NDArray[Any], quantiles: NDArray[Any], levels: Sequence[float], *, axis: Axis = None
) -> Floats:
    """[..., Q] sum of the quantile losses / sum of |y|; the numerator alone where that is 0, NaN without actuals."""
    loss, count = _sum(quantile_loss(actual, quantiles, levels), axis)
    size, _ = _sum(np.abs(np.asarray(actual, np.float64)), axis)
    return _weighted(loss, np.asarray(size)[..., None], count)


def rmse(actual: NDArray[Any], mean: NDArray[Any], *, axis: Axis = None) -> Floats:
    """Root of the mean squared error."""
    return np.sqrt(_over(*_sum(squared_error(actual, mean), axis)))


def wape(actual: NDArray[Any], mean: NDArray[Any], *, axis: Axis = None) -> Floats:
    """Sum of |y - f| / sum of |y|; GluonTS calls it ND."""
    error, _ = _sum(absolute_error(actual, mean), axis)
    return _over(error, _sum(np.abs(np.asarray(actual, np.float64)), axis)[0])


def mape(actual: NDArray[Any], mean: NDArray[Any], *, axis: Axis = None) -> Floats:
    """Mean of |y - f| / |y|, a fraction, over the cells whose y is not 0."""
    return _over(*_sum(percentage_error(actual, mean), axis))


def smape(actual: NDArray[Any], mean: NDArray[Any], *, axis: Axis = None) -> Floats:
    """Mean of 2 |y - f| / (|y| + |f|), between 0 and 2, over the cells where y and f are not both 0."""
    return _over(*_sum(symmetric_error(actual, mean), axis))


def mase(
    actual: NDArray[Any], median: NDArray[Any], seasonal_error: NDArray[Any], *, axis: Axis = None
) -> Floats:
    """Mean over items of an item's mean absolute error / its `seasonal_error` [N].

    Items whose seasonal error is 0 or not defined, or that have no actuals, are left out.
    """
    scaled = _over(absolute_error(actual, median), np.asarray(seasonal_error, np.float64)[:, None])
    return _mean_of_items(scaled, axis)


def msis(
    actual: NDArray[Any],
    interval: tuple[NDArray[Any], NDArray[Any]],
    seasonal_error: NDArray[Any],
    *,
    alpha: float,
    axis: Axis = None,
) -> Floats:
    """Mean scaled interval score of the central `interval` (lower, upper) that should hold 1 - `alpha` of the actuals.

    An interval costs its width, and 2 / alpha times the distance of an actual outside of it (Gneiting and Raftery 2007),
    scaled as in `mase`.
    """
    under, over = _pair(actual, interval[0]), _pair(actual, interval[1])
    cost = (under - over) + 2 / alpha * (np.maximum(-under, 0) + np.maximum(over, 0))
    return _mean_of_items(_over(cost, np.asarray(seasonal_error, np.float64)[:, None]), axis)


def coverage(actual: NDArray[Any], quantiles: NDArray[Any], *, axis: Axis = None) -> Floats:
    """[..., Q] share of actuals at or below each quantile."""
    truth = np.asarray(actual, np.float64)
    return _over(*_sum(_below(truth[..., None], quantiles), axis))


def interval_coverage(
    actual: NDArray[Any], lower: NDArray[Any], upper: NDArray[Any], *, axis: Axis = None
) -> Floats:
    """Share of actuals between `lower` and `upper`, the ends included."""
    return _over(*_sum(_inside(np.asarray(actual, np.float64), lower, upper), axis))


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
    return _over(total, count)


def observed_steps(panel: Panel) -> NDArray[np.int64]:
    """[N] how many steps of each item were observed before its origin."""
    count = np.zeros(len(panel), np.int64)
    for items in _item_blocks(panel):
        first, last = panel.offsets[items.start], panel.offsets[items.stop]
        begin = panel.offsets[items] - first
        values = panel.target[first:last].astype(np.float64)
        count[items] = _run_sums(values, begin, begin + panel.stop[items])[1]
    return count


# All scores of a window


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one forecast of one window, by the names of the leaderboard's columns."""

    pooled: dict[str, float]
    items: dict[str, Floats]  # each [N]
    steps: dict[str, Floats]  # each [H]


def score_columns(levels: Sequence[float]) -> list[str]:
    """The names of all scores at `levels`, in the leaderboard's order."""
    wql = [level_column("wQL", level) for level in levels]
    covered = [level_column("coverage", level) for level in levels]
    return ["wQL", *wql, "RMSE", "WAPE", "MAPE", "sMAPE", "MASE", *covered, *central_intervals(levels)]


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
    names = ["size", "RMSE", "WAPE", "MAPE", "sMAPE", "MASE", *_per_level(levels)]
    by_item, by_step = np.zeros((2, len(names), n)), np.zeros((2, len(names), horizon))
    for rows in _blocks(n, horizon):
        some: Any = rows if items is None else items[rows]
        scale = np.asarray(seasonal_error[some], np.float64)[:, None]
        # [Q, n, H]: a level is read three times
        each = np.ascontiguousarray(np.moveaxis(quantiles[some], -1, 0))
        cells = _cells(actual[some], mean[some], each, middle[some], scale, levels)
        for k, cell in enumerate(cells):
            missing = np.isnan(cell)
            if missing.any():
                cell, defined = np.where(missing, 0, cell), ~missing
                by_item[1, k, rows] = defined.sum(axis=1)
                by_step[1, k] += defined.sum(axis=0)
            else:  # as nearly always: nothing has to be counted
                by_item[1, k, rows] = horizon
                by_step[1, k] += len(cell)
            by_item[0, k, rows] = cell.sum(axis=1)
            by_step[0, k] += cell.sum(axis=0)
    each_item = _finish(names, by_item, levels)
    pooled = {name: float(value) for name, value in _finish(names, by_item.sum(axis=-1), levels).items()}
    pooled["MASE"] = float(_over(*_sum(each_item["MASE"], None)))
    return Scores(pooled, each_item, _finish(names, by_step, levels))


def _per_level(levels: Sequence[float]) -> list[str]:
    columns = score_columns(levels)
    return [name for name in columns if "[" in name]


def _cells(  # in the order of the names in `score`
    actual: NDArray[Any],
    mean: NDArray[Any],
    quantiles: NDArray[Any],
    median: NDArray[Any],
    scale: Floats,
    levels: Sequence[float],
) -> Iterator[Floats]:
    truth = actual.astype(np.float64)
    size, error = np.abs(truth), _pair(truth, mean)
    np.abs(error, out=error)
    yield size
    yield np.square(error)
    yield error
    yield _over(error, size)
    yield _over(2 * error, size + np.abs(mean))
    yield _over(absolute_error(truth, median), scale)
    for q, level in enumerate(levels):
        yield _loss(_pair(truth, quantiles[q]), level)
    for q in range(len(levels)):
        yield _below(truth, quantiles[q])
    for lower, upper in central_intervals(levels).values():
        yield _inside(truth, quantiles[lower], quantiles[upper])


def _finish(names: list[str], sums: Floats, levels: Sequence[float]) -> dict[str, Floats]:
    """`sums` [2, K, ...] of the cells and of their number -> the scores by name, in the leaderboard's order."""
    total = dict(zip(names, sums[0], strict=True))
    count = dict(zip(names, sums[1], strict=True))
    scores = {name: _over(total[name], count[name]) for name in names}
    scores["RMSE"] = np.sqrt(scores["RMSE"])
    scores["WAPE"] = _over(total["WAPE"], total["size"])
    wql = [level_column("wQL", level) for level in levels]
    for name in wql:
        scores[name] = _weighted(total[name], total["size"], count[name])
    scores["wQL"] = np.mean([scores[name] for name in wql], axis=0)
    return {name: scores[name] for name in score_columns(levels)}


# Arithmetic that knows what is not defined


def _pair(actual: NDArray[Any], forecast: NDArray[Any]) -> Floats:
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


def _over(numerator: NDArray[Any], denominator: NDArray[Any]) -> Floats:
    """numerator / denominator, NaN where the denominator is 0 or NaN."""
    top, bottom = np.broadcast_arrays(np.asarray(numerator, np.float64), np.asarray(denominator, np.float64))
    quotient = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=quotient, where=(bottom != 0) & ~np.isnan(bottom))
    return quotient


def _weighted(loss: NDArray[Any], size: NDArray[Any], count: NDArray[Any]) -> Floats:
    weighted = np.where(size == 0, loss, _over(loss, size))
    return np.asarray(np.where(count == 0, np.nan, weighted), np.float64)


def _sum(cells: Floats, axis: Axis) -> tuple[Floats, NDArray[Any]]:
    """Sum and number of the defined cells, over items and steps (the first two axes) as `axis` says."""
    over: int | tuple[int, ...] = tuple(range(min(cells.ndim, 2))) if axis is None else axis
    defined = ~np.isnan(cells)
    return np.asarray(np.where(defined, cells, 0).sum(axis=over)), np.asarray(defined.sum(axis=over))


def _mean_of_items(cells: Floats, axis: Axis) -> Floats:
    if axis is not None:
        return _over(*_sum(cells, axis))
    return _over(*_sum(_over(*_sum(cells, 1)), None))


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
