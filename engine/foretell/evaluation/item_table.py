"""The items of a backtest as a planner looks at them: error in units, bias, share of all, zeros, better or worse than the last season."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from foretell.evaluation.history import zero_share
from foretell.evaluation.item_sums import Sums
from foretell.evaluation.metrics import ratio
from foretell.evaluation.outcome import Outcome


def item_table(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """A row an item over all windows of one recipe, the largest error in units first.

    Beside the key: `actual`, `forecast` (of the mean), `difference`, `bias` (difference over actual), `error` (sum of the absolute
    errors), `share` (of all actuals), `zero_share` (of the history before the last origin), `against_naive` (error over that of
    repeating the last season, less 1: -0.2 is a fifth better), `has_history` (in the last window).
    """
    last = outcomes[-1]
    places = pd.concat([o.forecast.keys for o in reversed(outcomes)]).drop_duplicates(ignore_index=True)
    index = pd.MultiIndex.from_frame(places)
    sums = Sums.none(len(places))
    for outcome in outcomes:
        at = index.get_indexer(pd.MultiIndex.from_frame(outcome.forecast.keys)).astype(np.int64)
        sums.add(Sums.of(outcome), at)
    zeros, known = np.full(len(places), np.nan), np.zeros(len(places), bool)
    zeros[: len(last.forecast)], known[: len(last.forecast)] = (
        zero_share(last.window.panel),
        last.window.has_history,
    )
    nothing = sums.steps == 0
    frame = places.assign(
        actual=np.where(nothing, np.nan, sums.actual),
        forecast=np.where(nothing, np.nan, sums.forecast),
        difference=np.where(nothing, np.nan, sums.forecast - sums.actual),
        bias=ratio(sums.forecast - sums.actual, np.abs(sums.actual)),
        error=np.where(nothing, np.nan, sums.error),
        share=ratio(sums.size, np.full(len(places), sums.size.sum())),
        zero_share=zeros,
        against_naive=ratio(sums.beside, sums.naive) - 1,
        has_history=known,
    )
    return frame.sort_values("error", ascending=False, kind="stable", ignore_index=True)
