"""`total`: forecasts of sums over steps and groups of items, from joint sample paths.

The 90 % quantile of a sum is not the sum of the 90 % quantiles: errors cancel as far as they do not hang together.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from foretell.data.arrays import Array
from foretell.errors import ForetellError
from foretell.hierarchy.total_means import ENDS, means_outside
from foretell.recipe.forecast import Forecast, check_paths
from foretell.recipe.forecast_parts import paths_of
from foretell.recipe.item_groups import ItemGroups
from foretell.recipe.levels import check_levels, interpolate
from foretell.recipe.paths import slices
from foretell.system.whole_numbers import as_whole

logger = logging.getLogger(__name__)

MOST_PATHS, LEAST_PATHS = 1_000, 200  # that quantiles are read from, by the number of cells
_CELLS = 1 << 27  # drawn, at most, for more than the least


def total(
    forecast: Forecast,
    *,
    steps: int | slice | None = None,
    by: Sequence[str] | None = None,
    levels: Sequence[float] | None = None,
    paths: int | None = None,
    seed: int = 0,
) -> Forecast:
    """The forecast of sums: over the first `steps`, over the items of each group of `by`, or over both.

    What is not asked stays apart: steps by default, items where `by` is None; `by=[]` adds all of them up. `by` names columns
    of the key and of the metadata, one group for each combination of their values. `levels` may be any. Raises ForetellError
    where neither is asked, where items of a group begin at different times, and where the model has learnt no dependence.
    """
    span = _span(forecast, steps)
    if by is None and steps is None:
        raise ForetellError(
            "a total is over steps or over items: give steps=14, by=['family'], or by=[] for all items"
        )
    groups = ItemGroups.of(
        forecast.keys, forecast.history, forecast.origin, by, frequency=forecast.schema.frequency
    )
    wanted = forecast.levels if levels is None else check_levels(levels)
    count = paths_for(forecast, paths)
    mean = groups.summed(forecast.mean[:, span].astype(np.float64))
    if steps is not None:
        mean = mean.sum(1, keepdims=True)
    read = (*wanted, *ENDS)
    quantiles = np.empty((len(groups.keys), mean.shape[1], len(read)), np.float32)
    for at, sums in _sums(forecast, groups, span, over_steps=steps is not None, paths=count, seed=seed):
        # the values stand at (s + 1/2) / S, as in the paths
        quantiles[at] = np.moveaxis(np.quantile(sums, read, axis=1, method="hazen"), 0, -1)
    quantiles, ends = quantiles[..., : len(wanted)], quantiles[..., len(wanted) :]
    width = span.stop - span.start if steps is not None else 1
    if width == 1:
        keep_single(forecast, groups, span, wanted, quantiles)
    each = [span] if steps is not None else [slice(t, t + 1) for t in range(span.start, span.stop)]
    origin = forecast.origin[groups.first]
    found = means_outside(groups, mean, ends, spans=each, origin=origin, frequency=forecast.schema.frequency)
    for finding in found:
        logger.warning("%s", finding.message)
    return replace(
        forecast,
        keys=groups.keys,
        origin=origin + span.start,
        levels=tuple(wanted),
        quantiles=np.sort(quantiles, axis=-1),
        findings=(*forecast.findings, *found),
        mean=mean.astype(np.float32),
        fallbacks=groups.any(forecast.fallbacks),
        history=None,
        before=None,
        margins=None,
        dependence=None,
        span=width,
    )


def _span(forecast: Forecast, steps: int | slice | None) -> slice:
    """The steps that take part; raises ForetellError for steps that the forecast does not have."""
    horizon = forecast.horizon
    asked = steps if isinstance(steps, slice) else slice(0, horizon if steps is None else steps)
    begin = as_whole(asked.start or 0)
    end = as_whole(horizon if asked.stop is None else asked.stop)
    if begin is None or end is None or asked.step not in (None, 1) or not 0 <= begin < end <= horizon:
        raise ForetellError(
            f"steps must be a number from 1 to {horizon}, or a slice of them, such as slice(7, 14), got {steps!r}"
        )
    return slice(begin, end)


def paths_for(forecast: Forecast, asked: int | None) -> int:
    """How many paths a total is made of: as asked, else by the size of the forecast."""
    if asked is not None:
        return check_paths(asked)
    # as many for the first steps of a forecast as for all of it
    horizon = forecast.horizon if forecast.dependence is None else len(forecast.dependence.own)
    cells = max(len(forecast) * horizon, 1)
    return int(np.clip(_CELLS // cells, LEAST_PATHS, MOST_PATHS))


def _sums(
    forecast: Forecast, groups: ItemGroups, span: slice, *, over_steps: bool, paths: int, seed: int
) -> Iterator[tuple[slice, Array]]:
    """Groups in turn, and the sums [g, S, T] of their paths; of items, only those of one chunk are held at once."""
    done, carried = 0, None  # groups handed out; the sums of the one that goes on
    for part in slices(len(groups.order), paths=paths, horizon=forecast.horizon):
        drawn = paths_of(forecast, groups.order[part], paths=paths, seed=seed)[:, :, span]
        if over_steps:
            drawn = drawn.sum(2, keepdims=True, dtype=np.float64)
        last = int(
            np.searchsorted(groups.begin, part.stop)
        )  # the groups that begin before the end of the chunk
        inside = np.maximum(groups.begin[done:last], part.start) - part.start
        sums = np.add.reduceat(drawn, inside, axis=0, dtype=np.float64)
        if carried is not None:
            sums[0] += carried
        whole = (
            last - done
            if part.stop in (*groups.begin[last : last + 1], len(groups.order))
            else last - done - 1
        )
        if whole:
            yield slice(done, done + whole), sums[:whole]
        carried = sums[whole] if whole < last - done else None
        done += whole


def keep_single(
    forecast: Forecast, groups: ItemGroups, span: slice, levels: Sequence[float], quantiles: Array
) -> None:
    """Where a sum is of one item and one step it has that item's quantiles."""
    single = np.flatnonzero(groups.sizes == 1)
    if len(single):
        margins = forecast.margins
        assert margins is not None
        own = margins.quantiles[groups.first[single], span]
        quantiles[single] = interpolate(own, margins.levels, levels)
