"""How far a forecast of an item may lie from what was observed of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.data.layout import Layout
from foretell.data.panel import Panel
from foretell.data.segments import segment_sums, visible

JUDGED: Final = (0.1, 0.5, 0.9)  # the levels that must lie in reach; others are not looked at
_ENDS: Final = 3.0  # times as far as the median may lie outside of what was seen may p10 and p90
_FEW: Final = (
    8  # steps, below which an item's own range says little to recipes that learn from other items too
)


class Extent(NamedTuple):
    """What was observed of all items of a panel lies from `low` to `high`, 0 among it."""

    low: float
    high: float

    @classmethod
    def of(cls, panel: Panel) -> Extent:
        """That of what lies before the items' origins."""
        low, high, _ = _observed(panel)
        return cls(float(np.fmin.reduce(low, initial=0.0)), float(np.fmax.reduce(high, initial=0.0)))


@dataclass(frozen=True, slots=True)
class PlausibleRange:
    """How far forecasts of N items may go.

    The median may leave the range that was observed by twice as much as that is wide, and as often again as the horizon is as
    long as the history; p10, p90 and the mean by three times of that.
    """

    low: Floats  # [N]
    high: Floats  # [N]
    reach: Floats  # [N] by how much the median may leave them

    @classmethod
    def around(cls, low: Floats, high: Floats, count: NDArray[np.int64], horizon: int) -> Self:
        """That of items with `count` [N] observations from `low` to `high` [N]."""
        return cls(low, high, (high - low) * (2 + 2 * horizon / count))

    @classmethod
    def of_items(cls, panel: Panel, horizon: int, extent: Extent) -> Self:
        """That of the items of `panel` before their origins, for recipes that learn from all items: 0 is within it.

        `extent` stands for items that were observed for less than a horizon, or never were anything but 0. Where that is
        nothing too, any forecast is plausible.
        """
        low, high, count = _observed(panel)
        low, high = np.fmin(low, 0.0), np.fmax(high, 0.0)
        own = (count >= max(horizon, _FEW)) & (high > low)
        found = cls.around(
            np.where(own, low, extent.low),
            np.where(own, high, extent.high),
            np.maximum(count, horizon).astype(np.int64),
            horizon,
        )
        return cls(found.low, found.high, np.where(found.reach > 0, found.reach, np.inf))

    def holds(
        self, quantiles: NDArray[Any], levels: Sequence[float], mean: NDArray[Any] | None = None
    ) -> NDArray[np.bool_]:
        """[N] whether forecasts [N, H, Q], and means [N, H], lie in reach at all steps."""
        judged = [q for q, level in enumerate(levels) if any(abs(level - each) < 1e-9 for each in JUDGED)]
        low, high = self._limits([levels[q] for q in judged])
        at = quantiles[..., judged]
        good = ((at >= low[:, None]) & (at <= high[:, None])).all((1, 2))
        if mean is not None:
            low, high = self._limits(JUDGED)
            good &= ((mean >= low[:, :1]) & (mean <= high[:, -1:])).all(1)
        return np.asarray(good)

    def bounded(
        self, quantiles: NDArray[Any], levels: Sequence[float], plausible: NDArray[np.bool_]
    ) -> NDArray[Any]:
        """Forecasts [N, H, Q], those that are not `plausible` [N] brought within reach at all levels."""
        low, high = self._limits(levels)
        inside = np.clip(quantiles, low[:, None], high[:, None]).astype(quantiles.dtype)
        return np.where(plausible[:, None, None], quantiles, inside)

    def bounded_mean(self, mean: NDArray[Any], plausible: NDArray[np.bool_]) -> NDArray[Any]:
        """Means [N, H], those of forecasts that are not `plausible` [N] within the reach of p10 and p90."""
        low, high = self._limits(JUDGED)
        inside = np.clip(mean, low[:, :1], high[:, -1:]).astype(mean.dtype)
        return np.where(plausible[:, None], mean, inside)

    def _limits(self, levels: Sequence[float]) -> tuple[Floats, Floats]:
        """[N, Q] and [N, Q]: from where to where each level may lie; both rise with the level."""
        below = np.interp(levels, JUDGED, (_ENDS, 1.0, 1.0))
        above = np.interp(levels, JUDGED, (1.0, 1.0, _ENDS))
        reach = self.reach[:, None]
        return self.low[:, None] - below * reach, self.high[:, None] + above * reach


def _observed(panel: Panel) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """[N] lowest and highest value before each origin, NaN where there is none, and how many there are."""
    low, high = np.full(len(panel), np.nan), np.full(len(panel), np.nan)
    count = np.zeros(len(panel), np.int64)
    for items, values, begin in visible(panel.target, Layout(panel.start, panel.offsets), panel.stop):
        count[items] = segment_sums(~np.isnan(values), begin)
        some = np.flatnonzero(np.diff(begin, append=len(values)) > 0)
        if len(some):
            low[items][some] = np.fmin.reduceat(values, begin[some])
            high[items][some] = np.fmax.reduceat(values, begin[some])
    return low, high, count
