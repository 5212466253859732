"""How many rows of a forecast table are scored, and why others are not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foretell.data.panel import Panel
from foretell.evaluation.forecast_table import ForecastRows
from foretell.evaluation.history import observed_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCounts:
    """The rows of a forecast table, each counted once but for those `given`, which are all of them."""

    given: int
    scored: int  # on the leaderboard
    new_items: int  # scored apart: their items have no history at the origin
    unknown_items: int  # of items that the data lack
    beyond: int  # after the end of the actuals
    missing: int  # where the data have a gap

    @classmethod
    def of(cls, rows: ForecastRows, panel: Panel, *, given: int) -> RowCounts:
        """Those of `rows`, which are what is left of `given` rows without the items that the data lack."""
        actual = panel.target_at(rows.item, rows.ordinal[:, None])[:, 0]
        there = np.isfinite(actual)
        beyond = rows.ordinal >= (panel.start + panel.lengths)[rows.item]
        new = np.zeros(len(there), bool)
        for window in np.unique(rows.window):
            inside = np.flatnonzero(rows.window == window)
            items, first, back = np.unique(rows.item[inside], return_index=True, return_inverse=True)
            seen = observed_steps(panel.take(items).at(rows.origin[inside][first]))
            new[inside] = (seen == 0)[back]
        return cls(
            given=given,
            scored=int((there & ~new).sum()),
            new_items=int((there & new).sum()),
            unknown_items=given - len(there),
            beyond=int((~there & beyond).sum()),
            missing=int((~there & ~beyond).sum()),
        )

    def __str__(self) -> str:
        reasons = {
            "of items without history, scored apart": self.new_items,
            "of items that the data lack": self.unknown_items,
            "after the end of the actuals": self.beyond,
            "where the data have a gap": self.missing,
        }
        rest = ", ".join(f"{count:,} {reason}" for reason, count in reasons.items() if count)
        return f"scored {self.scored:,} of {self.given:,} rows" + (f"; left out: {rest}" if rest else "")
