"""`totals_at_once`: quantiles of many sums, over groups of items and spans of steps, from paths that are drawn one time for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from foretell.data.arrays import Array, Floats
from foretell.data.findings import Finding
from foretell.hierarchy.total_means import ENDS, means_outside
from foretell.hierarchy.totals import keep_single, paths_for
from foretell.recipe.forecast import Forecast
from foretell.recipe.forecast_parts import paths_of
from foretell.recipe.item_groups import ItemGroups, Texts
from foretell.recipe.levels import check_levels
from foretell.recipe.paths import slices


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Which sums are asked: of the items of each group (None: of all items), over each of some spans of steps."""

    group: Texts | None  # [N] what each item belongs to
    spans: tuple[slice, ...]  # [P] each with its begin and its end


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """The quantiles of some sums."""

    groups: list[str]  # [G]
    quantiles: Array = field(repr=False)  # [G, P, Q] over the spans asked, at the levels asked
    findings: tuple[Finding, ...] = ()  # what is said of them


def totals_at_once(
    forecast: Forecast,
    asked: Sequence[Sums],
    *,
    levels: Sequence[float] | None = None,
    paths: int | None = None,
    seed: int = 0,
) -> list[Totals]:
    """What `total` has for each of the sums `asked`, by as many `paths`, but with these drawn once.

    Raises ForetellError where items begin at different times, and where the model has learnt no dependence.
    """
    wanted = forecast.levels if levels is None else check_levels(levels)
    frequency, count = forecast.schema.frequency, paths_for(forecast, paths)
    every = ItemGroups.of(forecast.keys, forecast.history, forecast.origin, [], frequency=frequency)
    groups = [every if each.group is None else _grouped(each.group) for each in asked]
    sums = [np.zeros((len(g.keys), count, len(each.spans))) for g, each in zip(groups, asked, strict=True)]
    for part in slices(len(forecast), paths=count, horizon=forecast.horizon):
        items = np.arange(part.start, part.stop)
        drawn = paths_of(forecast, items, paths=count, seed=seed)
        for total, g, each in zip(sums, groups, asked, strict=True):
            _add(total, g.group[items], drawn, each.spans)
    made = []
    for total, g, each in zip(sums, groups, asked, strict=True):
        read = np.quantile(total, (*wanted, *ENDS), axis=1, method="hazen")
        found = np.moveaxis(read, 0, -1).astype(np.float32)
        found, ends = found[..., : len(wanted)], found[..., len(wanted) :]
        for at, span in enumerate(each.spans):
            if span.stop - span.start == 1:
                keep_single(forecast, g, span, wanted, found[:, at : at + 1])
        said = means_outside(
            g,
            _means(forecast, g, each.spans),
            ends,
            spans=each.spans,
            origin=forecast.origin[g.first],
            frequency=frequency,
        )
        made.append(Totals(g.keys.iloc[:, 0].tolist(), np.sort(found, axis=-1), said))
    return made


def _means(forecast: Forecast, groups: ItemGroups, spans: Sequence[slice]) -> Floats:
    """[G, P] the sums of the means."""
    steps = groups.summed(forecast.mean.astype(np.float64))
    return np.stack([steps[:, span].sum(axis=1) for span in spans], axis=1)


def _grouped(group: Texts) -> ItemGroups:
    """Items by the text [N] of the group of each."""
    names, code = np.unique(group, return_inverse=True)
    order = np.argsort(code, kind="stable")
    begin = np.flatnonzero(np.diff(code[order], prepend=-1))
    return ItemGroups(pd.DataFrame({"group": names}), order, begin)


def _add(total: Floats, group: np.ndarray, drawn: Array, spans: Sequence[slice]) -> None:
    """Add the paths [n, S, H] of items to the sums [G, S, P] of the group [n] of each."""
    order = np.argsort(group, kind="stable")
    found, begin = np.unique(group[order], return_index=True)
    by_group = np.add.reduceat(drawn[order], begin, axis=0, dtype=np.float64)
    for at, span in enumerate(spans):
        total[found, :, at] += by_group[:, :, span].sum(axis=2)
