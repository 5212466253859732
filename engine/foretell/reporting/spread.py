"""How far totals of a forecast may come out higher or lower: quantiles of sums from joint paths, or why there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from foretell.data.arrays import Array, Floats
from foretell.data.findings import Finding
from foretell.errors import ForetellError
from foretell.evaluation.periods import period_of
from foretell.hierarchy.many_totals import Sums, totals_at_once
from foretell.recipe.forecast import Forecast
from foretell.recipe.item_groups import Texts
from foretell.recipe.levels import central_intervals, level_name

_MOST_LEVELS: Final = 4  # columns of a table


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Quantiles of the sums over all items and over groups, at the levels that a page shows."""

    levels: tuple[float, ...]  # [Q]
    steps: Floats = field(repr=False)  # [H, Q] of all items, step by step
    periods: Floats = field(repr=False)  # [P, Q] of all items, by week
    whole: Floats = field(repr=False)  # [Q] of all items over the horizon
    groups: Mapping[str, Mapping[str, Floats]] = field(repr=False)  # name -> group -> [Q] over the horizon
    why_not: str = ""  # there are none
    findings: tuple[Finding, ...] = ()  # what is said of these sums

    @classmethod
    def of(cls, forecast: Forecast, groups: Mapping[str, Texts]) -> Spread:
        """The spread of a forecast, and of its `groups`: name -> [N] the group of each item; without levels where it has none."""
        levels, horizon = shown_levels(forecast.levels), forecast.horizon
        width, _ = period_of(forecast.schema.frequency, horizon)
        steps = [slice(t, t + 1) for t in range(horizon)]
        periods = [slice(t, min(t + width, horizon)) for t in range(0, horizon, width)]
        whole = slice(0, horizon)
        asked = [Sums(None, (*steps, *periods, whole)), *(Sums(group, (whole,)) for group in groups.values())]
        try:
            every, *others = totals_at_once(forecast, asked, levels=levels)
        except ForetellError as error:
            nothing = np.zeros((0, 0))
            return cls((), nothing, nothing, np.zeros(0), {}, str(error))
        found = every.quantiles[0].astype(np.float64)
        by = {
            name: dict(zip(each.groups, _whole(each.quantiles), strict=True))
            for name, each in zip(groups, others, strict=True)
        }
        said = tuple(finding for each in (every, *others) for finding in each.findings)
        return cls(levels, found[:horizon], found[horizon:-1], found[-1], by, findings=said)

    @property
    def heads(self) -> list[str]:
        """[Q] the columns of a table: p10, p90."""
        return [level_name(level) for level in self.levels]

    @property
    def fan(self) -> tuple[Floats, Floats] | None:
        """[H] the ends of the widest central interval of each step; None where there is none."""
        pairs = list(central_intervals(self.levels).values())
        return None if not pairs else (self.steps[:, pairs[-1][0]], self.steps[:, pairs[-1][1]])

    @property
    def said(self) -> str:
        """A sentence below a table."""
        if self.levels:
            names = " and ".join(self.heads)
            return f"{names} are those of the sums, from joint paths of all items: the sum of the items' own would be too far apart."
        return f"There are no quantiles of these sums: {self.why_not}"


def shown_levels(levels: Sequence[float]) -> tuple[float, ...]:
    """The levels of a table: all but the median, which the mean stands for, or the ends of the widest interval of very many."""
    others = tuple(level for level in levels if level != 0.5) or tuple(levels)
    if len(others) <= _MOST_LEVELS:
        return others
    pairs = list(central_intervals(levels).values())
    usual = [pair for pair in pairs if levels[pair[1]] - levels[pair[0]] <= 0.9] or pairs[:1]
    return (levels[usual[-1][0]], levels[usual[-1][1]]) if usual else (others[0], others[-1])


def _whole(quantiles: Array) -> list[Floats]:
    return [each[0].astype(np.float64) for each in quantiles]
