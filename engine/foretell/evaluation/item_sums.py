"""What the cells of each item add up to: actuals, forecasts, errors, and those of repeating the last season."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.data.panel import Panel
from foretell.evaluation.metrics import absolute_error, quantile_loss
from foretell.evaluation.outcome import Outcome
from foretell.system.big_arrays import pieces

_CELLS: Final = 1 << 20  # looked at in one go


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Sums over observed cells, one a group [G]; groups are items, or classes of items or steps."""

    steps: Floats  # how many cells
    actual: Floats
    forecast: Floats  # of the mean
    size: Floats  # |y|
    error: Floats  # |y - mean|
    loss: Floats  # 2 * pinball loss, the mean over the levels
    beside: Floats  # |y - mean|, where repeating the last season has a value too
    naive: Floats  # |y - that value|

    @classmethod
    def none(cls, groups: int) -> Sums:
        """Nothing added yet."""
        return cls(*(np.zeros(groups) for _ in fields(cls)))

    @classmethod
    def of(cls, outcome: Outcome) -> Sums:
        """Of each item of a window."""
        sums = cls.none(len(outcome.forecast))
        for items, cells in cells_of(outcome):
            for each in fields(cls):
                getattr(sums, each.name)[items] = getattr(cells, each.name).sum(axis=1)
        return sums

    def add(self, cells: Sums, groups: NDArray[np.int64]) -> None:
        """Add `cells` (of any shape), each to its group; one of a negative group to none."""
        some = groups >= 0
        for each in fields(self):
            total = getattr(self, each.name)
            total += np.bincount(groups[some], getattr(cells, each.name)[some], minlength=len(total))

    def joined(self, other: Sums) -> Sums:
        """The sums of both."""
        return Sums(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


def cells_of(outcome: Outcome) -> Iterator[tuple[slice, Sums]]:
    """Items in turn, and what each of their cells [n, H] adds: 0 where nothing was observed."""
    window, forecast = outcome.window, outcome.forecast
    for items in pieces(len(forecast), max(_CELLS // (forecast.horizon * len(forecast.levels)), 1)):
        actual, mean = window.actual[items].astype(np.float64), forecast.mean[items].astype(np.float64)
        seen = ~np.isnan(actual)
        error = absolute_error(actual, mean)
        guess = last_season(window.panel.between(items.start, items.stop), forecast.horizon)
        both = seen & ~np.isnan(guess)
        loss = quantile_loss(actual, forecast.quantiles[items], forecast.levels).mean(axis=-1)
        parts = (np.ones(actual.shape), actual, mean, np.abs(actual), error, loss)
        beside = (np.where(both, error, 0), np.where(both, np.abs(actual - guess), 0))
        yield items, Sums(*[*(np.where(seen, part, 0) for part in parts), *beside])


def last_season(panel: Panel, horizon: int) -> NDArray[Any]:
    """[N, H] the value one season before, or as many seasons as it takes to lie before the origin; NaN where not observed."""
    season = panel.season
    return panel.context(season)[:, np.arange(horizon) % season]
