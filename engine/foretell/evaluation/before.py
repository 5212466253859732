"""`Before`: what items sold in as many steps before a forecast as it covers, and which of them can be compared with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.data.panel import Panel
from foretell.evaluation.history import observed_steps
from foretell.system.big_arrays import pieces

_CELLS: Final = 1 << 22  # looked at in one go


@dataclass(frozen=True, slots=True, eq=False)
class Before:
    """N items in the H steps before their origins.

    An item has ended where none of the later half of these steps has a value (and earlier ones have), and is new where no step
    before them has one: the sum of what is forecast of either is of other items than the sum of what was sold.
    """

    sold: Floats = field(repr=False)  # [N] the sum of what was observed
    ended: NDArray[np.bool_] = field(repr=False)  # [N]
    new: NDArray[np.bool_] = field(repr=False)  # [N]
    half: int  # steps without a value at the end, of an item that has ended

    @classmethod
    def of(cls, panel: Panel, horizon: int) -> Before:
        """What lies before the origins of a panel; what lies behind them is not looked at."""
        half = (horizon + 1) // 2
        sold, inside, late = np.zeros(len(panel)), np.zeros(len(panel)), np.zeros(len(panel))
        for items in pieces(len(panel), max(_CELLS // horizon, 1)):
            some = np.arange(items.start, items.stop)
            past = panel.target_at(some, panel.origin[some, None] + np.arange(-horizon, 0))
            seen = ~np.isnan(past)
            sold[items] = np.nansum(past, axis=1, dtype=np.float64)
            inside[items], late[items] = seen.sum(axis=1), seen[:, -half:].sum(axis=1)
        earlier = observed_steps(panel) > inside
        return cls(sold, earlier & (late == 0), ~earlier, half)

    @property
    def both(self) -> NDArray[np.bool_]:
        """[N] the items that were there then and now: what is compared."""
        return ~(self.ended | self.new)

    def last(self, panel: Panel, item: int) -> int | None:
        """The ordinal of the last step at which an item was observed before its origin; None where there was none."""
        steps = np.arange(panel.start[item], panel.origin[item])
        seen = np.flatnonzero(~np.isnan(panel.target_at(np.array([item]), steps[None])[0]))
        return int(panel.start[item] + seen[-1]) if len(seen) else None
