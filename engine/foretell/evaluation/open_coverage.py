"""Coverage of the steps at which an item could sell: what the table and the chart of calibration show alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from foretell.data.arrays import Floats
from foretell.evaluation.outcome import Outcome
from foretell.recipe.levels import central_intervals, level_column
from foretell.system.big_arrays import pieces

_CELLS: Final = 1 << 20  # looked at in one go


def open_coverage(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """The share of actuals at or below each level and inside each central interval: the mean over windows; NaN where none is open."""
    shares = np.array([_of_window(outcome) for outcome in outcomes])
    defined = ~np.isnan(shares)
    count = np.maximum(defined.sum(axis=0), 1)
    mean = np.where(defined.any(axis=0), np.where(defined, shares, 0).sum(axis=0) / count, np.nan)
    levels = outcomes[0].forecast.levels
    names = [*(level_column("coverage", level) for level in levels), *central_intervals(levels)]
    return dict(zip(names, mean.tolist(), strict=True))


def _of_window(outcome: Outcome) -> Floats:
    """[Q + intervals]; a closed step, whose 0 is known, says nothing about calibration."""
    window, forecast = outcome.window, outcome.forecast
    pairs = list(central_intervals(forecast.levels).values())
    hits, count = np.zeros(len(forecast.levels) + len(pairs)), 0
    for items in pieces(len(forecast), max(_CELLS // forecast.horizon, 1)):
        some = window.has_history[items]
        closed = window.panel.between(items.start, items.stop).closed(forecast.horizon)
        actual = np.where(closed, np.nan, window.actual[items])[some]
        seen = ~np.isnan(actual)
        truth, quantiles = actual[seen], forecast.quantiles[items][some][seen]
        inside = [(quantiles[:, low] <= truth) & (truth <= quantiles[:, high]) for low, high in pairs]
        below = (truth[:, None] <= quantiles).sum(axis=0)
        hits += np.concatenate([below, [int(each.sum()) for each in inside]])
        count += len(truth)
    return hits / count if count else np.full(len(hits), np.nan)
