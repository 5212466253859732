"""Sums over the items of a panel, step by step, without a loop over items."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.panel import Panel
from foretell.system.big_arrays import pieces

_CELLS: Final = 1 << 20  # looked at in one go


def total_by_step(panel: Panel, past: int) -> NDArray[np.float64]:
    """[L] the sums over items of the last `past` steps before their origins; NaN where nothing was observed."""
    total, seen = np.zeros(past), np.zeros(past, np.int64)
    for items in pieces(len(panel), max(_CELLS // past, 1)):
        some = np.arange(items.start, items.stop)
        context = panel.target_at(some, panel.origin[some, None] + np.arange(-past, 0)).astype(np.float64)
        total += np.nansum(context, axis=0)
        seen += (~np.isnan(context)).sum(axis=0)
    return np.where(seen > 0, total, np.nan)
